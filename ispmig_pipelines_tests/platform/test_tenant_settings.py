"""What tenants say of themselves: each name by itself, and each tenant by itself."""

from __future__ import annotations

from pathlib import Path

from ispmig_pipelines.platform import ledger, pools, retention, tenant_settings, tenants
from ispmig_pipelines.platform.rollback import restore_points
from ispmig_pipelines.platform.server import engine


def test_each_name_is_said_and_taken_back_by_itself(ispmig_home: Path) -> None:
    ledger.prepare(engine())
    for slug in ("zeta", "acme"):
        tenants.add(engine(), slug)
    with engine().begin() as connection:
        assert pools.declare(connection, "acme", ["100.64.0.0/10"]) == ("100.64.0.0/10",)
        retention.declare(connection, "acme", 36)
        restore_points.declare(connection, "acme", 7)
        retention.declare(connection, "acme", 24)
        pools.declare(connection, "acme", [])
    with engine().connect() as connection:
        assert pools.of(connection, "acme") == ()
        assert retention.of(connection, "acme") == 24
        assert restore_points.days_of(connection, "acme") == 7
        assert list(tenant_settings.of_all(connection)) == ["acme", "zeta"]
        assert tenant_settings.of(connection, "zeta") == {}
        assert set(tenant_settings.of(connection, "acme").values()) == {24, 7}
        assert tenant_settings.of(connection, "nobody") == {}
