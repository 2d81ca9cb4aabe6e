"""Who was erased since a snapshot is not forgotten by a restore."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import erased
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines_tests.backup.restore.conftest import Restoring
from ispmig_pipelines_tests.backup.restore.rows import fill


def test_they_are_known_as_erased_and_counted(
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    fill(driver, 5)

    def erase(account: str) -> bytes:
        with platform.begin():
            digest = erased.digest(erased.digest_key(platform, "acme"), account)
            with as_tenant(raw(platform), acme):
                erased.remember(raw(platform), acme, [digest])
        return digest

    before = erase("ACC-0")
    backup()
    since = [erase("ACC-2"), erase("ACC-3"), erase("ACC-9")]
    driver.execute("delete from payment; delete from invoice")
    driver.execute("delete from customer where account_number in ('ACC-2', 'ACC-3')")
    restored = restoring()
    assert restored.details["erased_again"] == 2
    assert driver.execute("select count(*) from customer").fetchone() == (5,)
    known = {bytes(d) for (d,) in driver.execute("select digest from _erased")}
    assert known == {before, *since}
