"""Upgrades and the way back, on tables with something in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.alerting import outbox
from ispmig_pipelines.alerting.alert import Alert, Kind
from ispmig_pipelines.errors import DatabaseError, UsageError
from ispmig_pipelines.platform import going_back, ledger, tenants, trail
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import as_tenant, raw
from ispmig_pipelines_tests.platform.loading import load_rows, open_migration
from ispmig_pipelines_tests.platform.test_ledger import VERSIONS

NEWEST = VERSIONS[-1]

LOST = {
    "0008": {"alerts", "alert_deliveries"},
    "0007": {"alerts", "alert_deliveries", "drops", "drop_sightings"},
    "0006": {
        "alerts", "alert_deliveries", "drops", "drop_sightings", "rollbacks",
        "data_migrations.rolled_back_by", "data_migrations.restore_point_expired_at",
    },
}  # fmt: skip
"""What an older version of the ledger has no place for, of what :func:`filled` writes."""


PLAN = {
    "plan_code": "F100",
    "name": "Fibre",
    "price": Decimal("39.90"),
    "currency": "EUR",
    "download_kbps": 100_000,
    "upload_kbps": 20_000,
}


@pytest.fixture
def filled(ispmig_home: object) -> Iterator[Engine]:
    """A ledger with something in every table and column that a newer version added, and a tenant
    with rows."""
    database = engine()
    ledger.prepare(database)
    tenants.add(database, "acme")
    tenants.add(database, "other")
    now = dt.datetime.now(dt.UTC)
    with database.connect() as connection:
        acme = tenants.get(connection, "acme")
        connection.rollback()
        migration, _ = load_rows(connection, acme, {"plan": [PLAN]})
        with connection.begin():
            ledger.update_migration(
                connection, migration, state=ledger.State.UNDONE,
                findings={"cards": [{"column": "note"}]}, settled={"x": 1}, plugins={"mine": "ab"},
                origin=migration, rolled_back_by=1, restore_point_expired_at=now,
            )  # fmt: skip
            connection.execute(
                sa.update(ledger.tenants)
                .where(ledger.tenants.c.slug == "acme")
                .values(mask_key=b"k" * 32, settings={"timezone": "Europe/Kyiv"})
            )
            connection.execute(
                sa.insert(ledger.rollbacks).values(
                    tenant="acme", migrations=[migration], dry_run=False, forced=False, actor="ann",
                    dagster_run_id="", at=now, seconds=1.5, result={}, content="ab",
                )
            )  # fmt: skip
            connection.execute(
                sa.insert(ledger.drops).values(
                    tenant="acme", state="done", place="drop", files=[], content="ab",
                    closed_by="time", attempt=1, why="", seen_at=now, changed_at=now,
                )
            )  # fmt: skip
            connection.execute(
                sa.insert(ledger.drop_sightings).values(
                    tenant="acme", name="a.csv", bytes=1, stamp="1", since=now, why=""
                )
            )
            alert = Alert("e", Kind.RUN_FAILED, "acme", "tenant_export", "died", "run", now)
            outbox.note(connection, alert, ["log"], repeat_after=dt.timedelta(hours=6), now=now)
            for number in range(3):
                trail.enter(
                    connection, "acme", trail.Operation.PURGE, trail.Stage.FINISHED, actor="ann",
                    dagster_run_id="", details={"number": number},
                )  # fmt: skip
    yield database
    database.dispose()


def content(database: Engine) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables of the ledger, but for the version."""
    there = sa.inspect(database)
    found = {}
    with database.connect() as connection:
        for name in there.get_table_names(schema=ledger.SCHEMA):
            table = sa.Table(name, sa.MetaData(), schema=ledger.SCHEMA, autoload_with=connection)
            rows = connection.execute(sa.select(table)).mappings()
            found[name] = sorted((dict(row) for row in rows), key=repr)
    del found["alembic_version"]
    return found


def at(database: Engine) -> str | None:
    with database.connect() as connection:
        return ledger.version(connection)


def chains(database: Engine) -> dict[str, tuple[int, int | None, list[str]]]:
    return {
        found.tenant: (found.entries, found.witnessed, [p.message for p in found.problems])
        for found in verify_chains(database.connect)
    }


def of_tenant(database: Engine) -> Any:
    with database.connect() as connection:
        acme = tenants.get(connection, "acme")
        connection.rollback()  # a digest is of one instant, which begins with it
        return digest(raw(connection), acme)


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS[1:-1])
def test_what_an_older_ledger_can_hold_is_there_again_after_the_way_back_and_forth(
    filled: Engine, version: str
) -> None:
    before, chained, rows = content(filled), chains(filled), of_tenant(filled)
    losses = going_back.downgrade(filled, version, discard=True)
    assert at(filled) == version
    older = content(filled)
    for table, found in older.items():
        for old, new in zip(found, before[table], strict=True):
            assert old.items() <= new.items(), table
    ledger.prepare(filled)
    assert at(filled) == NEWEST
    after = content(filled)
    gone = {loss.table for loss in losses if not loss.column}
    # A column that came back holds nothing, but for the audit chain: it is computed again.
    emptied = {(loss.table, loss.column) for loss in losses if loss.column}
    emptied -= {("data_migration_logs", name) for name in ("position", "previous", "digest")}
    gone -= {"audit_heads"}
    for table, found in before.items():
        if table in gone:
            assert after[table] == []
            continue
        for new, old in zip(after[table], found, strict=True):
            for column, value in old.items():
                if (table, column) in emptied:
                    assert new[column] in (None, {}), (table, column)
                else:
                    assert new[column] == value, (table, column)
    # The chains are those that the witness knows, and go on.
    assert chains(filled) == chained
    assert of_tenant(filled) == rows
    with filled.begin() as connection:
        trail.enter(
            connection, "acme", trail.Operation.PURGE, trail.Stage.FINISHED, actor="ann",
            dagster_run_id="", details={},
        )  # fmt: skip
    assert chains(filled)["acme"][2] == []


@pytest.mark.slow
@pytest.mark.parametrize(("version", "lost"), LOST.items())
def test_what_would_be_lost_is_named_and_kept_unless_it_is_given_up(
    filled: Engine, version: str, lost: set[str]
) -> None:
    before = content(filled)
    with pytest.raises(UsageError) as caught:
        going_back.downgrade(filled, version)
    for name in lost:
        assert f"{name} (1 rows)" in str(caught.value)
    assert "--discard" in str(caught.value)
    assert (at(filled), content(filled)) == (NEWEST, before)
    told = {
        f"{loss.table}.{loss.column}".rstrip(".")
        for loss in going_back.downgrade(filled, version, discard=True)
    }
    assert told == lost


def test_the_audit_trail_is_never_given_up(filled: Engine) -> None:
    before = content(filled)
    with pytest.raises(UsageError, match="never given up"):
        going_back.downgrade(filled, "0001", discard=True)
    assert (at(filled), content(filled)) == (NEWEST, before)


def test_where_nothing_would_be_lost_nobody_has_to_say_so(ispmig_home: object) -> None:
    database = engine()
    ledger.prepare(database)
    assert going_back.downgrade(database, "0007") == ()
    assert at(database) == "0007"


@pytest.mark.parametrize("version", [NEWEST, "0010", "head", "-1", "base", "", "0001' --"])
def test_only_an_older_version_is_gone_back_to(filled: Engine, version: str) -> None:
    with pytest.raises(UsageError, match="cannot be taken back to"):
        going_back.downgrade(filled, version, discard=True)
    assert at(filled) == NEWEST


def test_a_running_migration_is_not_pulled_from_under_its_run(filled: Engine) -> None:
    with filled.connect() as connection:
        acme = tenants.get(connection, "acme")
        connection.rollback()
        migration = open_migration(connection, acme)
    with pytest.raises(UsageError, match=rf"running: {migration} of acme\."):
        going_back.downgrade(filled, "0008", discard=True)
    assert at(filled) == NEWEST


def test_a_release_refuses_the_ledger_of_a_newer_one_and_says_the_way_back(
    filled: Engine,
) -> None:
    with filled.begin() as connection:
        connection.execute(sa.text("update ispmig.alembic_version set version_num = '0999'"))
    with pytest.raises(DatabaseError) as caught:
        ledger.prepare(filled)
    assert "ispmig platform downgrade 0009" in str(caught.value)
    assert at(filled) == "0999"
    with pytest.raises(UsageError, match="version 0999"):
        going_back.downgrade(filled, "0008")


# Tenants' tables

LATER = [("customer", "language"), ("plan", "off_peak_from"), ("device", "service")]
"""Fields as a newer release may have added them, one of them a reference."""


def columns(connection: Connection) -> set[tuple[str, str]]:
    there = sa.inspect(connection)
    return {(e, c["name"]) for e, _ in LATER for c in there.get_columns(e, schema="tenant_acme")}


def test_a_tenant_goes_back_to_the_tables_of_an_older_release_and_forth_with_its_rows(
    filled: Engine,
) -> None:
    before = of_tenant(filled)
    with filled.connect() as connection:
        whole = columns(connection)
    going_back.downgrade(filled, "0008", discard=True, without=LATER)
    with filled.connect() as connection:
        assert columns(connection) == whole - set(LATER)
        # As the older release works: without these columns.
        driver = raw(connection)
        acme = tenants.describe("acme", driver.info.dbname)
        with as_tenant(driver, acme):
            driver.execute("update tenant_acme.plan set name = name")
        connection.commit()
        assert tenants.lacks(connection, "other") == {e: [f] for e, f in LATER}
    ledger.prepare(filled)
    assert of_tenant(filled) == before  # asking for the tenant brings its tables up
    with filled.connect() as connection:
        assert columns(connection) == whole


def test_a_column_with_something_in_it_is_not_taken_away_nor_anything_else(filled: Engine) -> None:
    with filled.connect() as connection:
        acme = tenants.get(connection, "acme")
        connection.rollback()
        with connection.begin(), as_tenant(raw(connection), acme):
            raw(connection).execute("update tenant_acme.plan set off_peak_from = '22:00'")
        whole = columns(connection)
    with pytest.raises(UsageError, match=r"off_peak_from of tenant_acme\.plan is not empty"):
        going_back.downgrade(filled, "0008", discard=True, without=LATER)
    with filled.connect() as connection:
        assert columns(connection) == whole
    assert at(filled) == NEWEST


@pytest.mark.parametrize(
    "column", [("customer", "account_number"), ("customer", "nothing"), ("pg_class", "relname"),
               ("customer", "_migration")],
)  # fmt: skip
def test_only_fields_beside_the_key_can_be_taken_away(
    filled: Engine, column: tuple[str, str]
) -> None:
    with pytest.raises(UsageError, match="cannot be taken away"):
        going_back.downgrade(filled, "0008", discard=True, without=[column])
    assert at(filled) == NEWEST


def test_an_older_release_works_with_columns_that_it_does_not_know(filled: Engine) -> None:
    """It names the columns that it fills, so that those of a newer release stay empty."""
    with filled.connect() as connection:
        driver = raw(connection)
        acme = tenants.get(connection, "acme")
        connection.rollback()
        before = digest(driver, acme)
        connection.rollback()
        with connection.begin():
            for entity in ("plan", "customer"):
                driver.execute(
                    sql.SQL(
                        "alter table {} add from_the_future text check (length({}) < 9)"
                    ).format(
                        sql.Identifier("tenant_acme", entity), sql.Identifier("from_the_future")
                    )
                )
        acme = tenants.get(connection, "acme")
        connection.rollback()
        assert digest(driver, acme) == before
        connection.rollback()
        rows = [PLAN | {"plan_code": "F200"}]
        _, loaded = load_rows(connection, acme, {"plan": rows})
        assert loaded.entities["plan"].inserted == 1
