"""The audit trail only grows, and every tenant has a masking key of its own."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.trail import Operation, Stage


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection


def test_entries_are_kept_in_order_per_tenant(connection: Connection) -> None:
    with connection.begin():
        for tenant, digest in (("acme", "1"), ("other", "2"), ("acme", "3")):
            trail.enter(
                connection, tenant, Operation.EXPORT, Stage.BEGUN, actor="ann",
                dagster_run_id="r", details={"digest": digest},
            )  # fmt: skip
    found = trail.entries(connection, "acme")
    assert [e.details for e in found] == [{"digest": "1"}, {"digest": "3"}]
    assert found[0].id < found[1].id
    assert found[0].at <= found[1].at
    assert (found[0].actor, found[0].operation, found[0].dagster_run_id) == ("ann", "export", "r")
    assert found[0].stage is Stage.BEGUN
    assert trail.knows_run(connection, "r")
    assert not trail.knows_run(connection, "s")


@pytest.mark.parametrize(
    "statement",
    [
        "update ispmig.data_migration_logs set actor = 'x'",
        "delete from ispmig.data_migration_logs",
        "truncate ispmig.data_migration_logs",
    ],
)
def test_the_database_refuses_to_change_them(connection: Connection, statement: str) -> None:
    with connection.begin():
        trail.enter(
            connection, "acme", Operation.EXPORT, Stage.BEGUN, actor="ann", dagster_run_id="",
            details={},
        )  # fmt: skip
    with pytest.raises(sa.exc.DBAPIError) as refused, connection.begin():
        connection.execute(sa.text(statement))
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)
    assert len(trail.entries(connection, "acme")) == 1


@pytest.mark.slow
def test_a_ledger_of_the_first_version_is_upgraded_with_what_it_holds(
    connection: Connection,
) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "ispmig_pipelines:platform/ledger_versions")
    tenants.add(connection.engine, "acme")
    with connection.engine.begin() as other:
        config.attributes["connection"] = other
        command.downgrade(config, "0001")
    ledger.prepare(connection.engine)
    assert tenants.get(connection, "acme").slug == "acme"
    assert trail.entries(connection, "acme") == []


def test_a_masking_key_is_made_once_and_is_nobody_elses(connection: Connection) -> None:
    for slug in ("acme", "other"):
        tenants.add(connection.engine, slug)
    with connection.begin():
        first, again = mask_key(connection, "acme"), mask_key(connection, "acme")
        other = mask_key(connection, "other")
    assert first == again
    assert len(first) == 32
    assert first != other


def test_a_tenant_cannot_read_keys_or_the_trail(connection: Connection) -> None:
    acme = tenants.add(connection.engine, "acme")
    for table in ("tenants", "data_migration_logs"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read_as(connection, acme, table)


def read_as(connection: Connection, tenant: tenants.Tenant, table: str) -> None:
    driver = tenants.raw(connection)
    with connection.begin(), tenants.as_tenant(driver, tenant):
        driver.execute(f"select * from ispmig.{table}")
