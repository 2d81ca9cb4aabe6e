"""Loading: all or nothing, once, and every record ends in exactly one place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import ConflictRefused, LawBroken, TenantBusy, ThresholdExceeded
from ispmig_pipelines.platform import ledger, quarantine, reconcile, set_aside, tenants
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.load import load
from ispmig_pipelines.platform.rollback.undo import undo
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines_tests.platform.loading import feed, load_rows, open_migration

SPILL = Path(tempfile.gettempdir())


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    return tenants.add(connection.engine, "acme")


def customer(number: str, balance: str | None = "10.00", **more: Any) -> dict[str, Any]:
    row = {
        "account_number": number,
        "kind": "person",
        "status": "active",
        "balance": None if balance is None else Decimal(balance),
        "currency": "USD",
    }
    return row | more


def rows(connection: Connection, tenant: Tenant, table: str, columns: str) -> list[tuple]:
    query = sql.SQL("select {} from {} order by 1").format(
        sql.SQL(columns), sql.Identifier(tenant.schema, table)
    )
    found = raw(connection).execute(query).fetchall()
    connection.rollback()
    return found


def reasons(connection: Connection, tenant: Tenant, migration: int) -> list[tuple[int, str]]:
    found = [
        (row["record"], row["reasons"][0]["rule"])
        for row in quarantine.listing(raw(connection), tenant, [migration])
    ]
    connection.rollback()
    return found


def digest_of(connection: Connection, tenant: Tenant) -> str:
    found = digest(raw(connection), tenant)["digest"]
    connection.rollback()
    return found


def test_new_rows_are_inserted(connection: Connection, acme: Tenant) -> None:
    migration, loaded = load_rows(connection, acme, {"customer": [customer("A1"), customer("A2")]})
    counts = loaded.entities["customer"]
    assert (counts.read, counts.inserted, counts.updated, counts.unchanged) == (2, 2, 0, 0)
    assert rows(connection, acme, "customer", "account_number, balance, _migration") == [
        ("A1", Decimal("10.0000"), migration),
        ("A2", Decimal("10.0000"), migration),
    ]
    assert ledger.migration(connection, migration).state is ledger.State.PUBLISHED


def test_the_same_rows_again_change_nothing(connection: Connection, acme: Tenant) -> None:
    content = {"customer": [customer("A1", legacy={"Old": "x"}), customer("A2", None)]}
    load_rows(connection, acme, content)
    before = rows(connection, acme, "customer", "account_number, _migration, xmin::text")
    _, loaded = load_rows(connection, acme, content)
    assert loaded.entities["customer"].unchanged == 2
    assert rows(connection, acme, "customer", "account_number, _migration, xmin::text") == before


def test_changed_rows_are_updated_and_only_in_the_fields_that_are_mapped(
    connection: Connection, acme: Tenant
) -> None:
    load_rows(connection, acme, {"customer": [customer("A1", notes="kept"), customer("A2")]})
    _, loaded = load_rows(connection, acme, {"customer": [customer("A1", "11"), customer("A2")]})
    counts = loaded.entities["customer"]
    assert (counts.updated, counts.unchanged) == (1, 1)
    assert rows(connection, acme, "customer", "account_number, balance, notes") == [
        ("A1", Decimal("11.0000"), "kept"),
        ("A2", Decimal("10.0000"), None),
    ]


def test_control_totals_are_summed_per_currency(connection: Connection, acme: Tenant) -> None:
    content = [customer("A1", "1.10"), customer("A2", "2.20"), customer("A3", "5", currency="EUR")]
    _, loaded = load_rows(connection, acme, {"customer": content})
    totals = loaded.totals["customer.balance"]
    assert totals["USD"].source == totals["USD"].loaded == Decimal("3.30")
    assert totals["EUR"].loaded == Decimal("5")


def test_an_identical_repeat_counts_once_in_money_and_as_unchanged(
    connection: Connection, acme: Tenant
) -> None:
    content = [customer("A1"), customer("A1"), customer("A1")]
    _, loaded = load_rows(connection, acme, {"customer": content})
    counts = loaded.entities["customer"]
    assert (counts.inserted, counts.unchanged, counts.repeated) == (1, 2, 2)
    assert loaded.totals["customer.balance"]["USD"].source == Decimal("10")


def test_repeats_keep_every_unmapped_cell(connection: Connection, acme: Tenant) -> None:
    content = [
        customer("A1", legacy={"Service": "1", "Zone": "N"}),
        customer("A1", legacy={"Service": "2", "Zone": "N"}),
    ]
    load_rows(connection, acme, {"customer": content})
    assert rows(connection, acme, "customer", "account_number, legacy") == [
        ("A1", {"Service": ["1", "2"], "Zone": "N"})
    ]
    _, again = load_rows(connection, acme, {"customer": content})
    assert again.entities["customer"].unchanged == 2


def test_one_key_with_two_contents_keeps_the_first_and_rejects_the_other(
    connection: Connection, acme: Tenant
) -> None:
    content = [customer("A1", "10"), customer("A2"), customer("A1", "12")]
    migration, loaded = load_rows(connection, acme, {"customer": content})
    assert loaded.entities["customer"].quarantined == 1
    assert reasons(connection, acme, migration) == [(3, "key.duplicate")]
    totals = loaded.totals["customer.balance"]["USD"]
    assert (totals.source, totals.loaded, totals.quarantined) == (32, 20, 12)


def test_two_sources_that_disagree_are_not_merged(connection: Connection, acme: Tenant) -> None:
    migration = open_migration(connection, acme)
    feeds = [
        feed(acme, migration, "customer", [customer("A1", "10"), customer("A2", "20")]),
        feed(
            acme, migration, "customer", [customer("A1", "10"), customer("A2", "21")],
            index=1, file=1,
        ),
    ]  # fmt: skip
    for _ in range(2):  # and a second run finds the same, instead of flipping to the other
        loaded = load(
            connection, acme, migration, feeds, on_conflict=OnConflict.update, dry_run=True,
            approve=lambda loaded: None, spill=SPILL,
        )  # fmt: skip
        counts = loaded.entities["customer"]
        assert (counts.inserted, counts.unchanged, counts.quarantined) == (2, 1, 1)


def test_a_partial_feed_completes_rows_and_makes_none(connection: Connection, acme: Tenant) -> None:
    migration = open_migration(connection, acme)
    whole = [customer("A1", None), customer("A2", None)]
    balances = [
        {"account_number": "A1", "balance": Decimal("5"), "currency": "USD"},
        {"account_number": "A9", "balance": Decimal("7"), "currency": "USD"},
    ]
    for row in whole:
        del row["balance"]
    feeds = [
        feed(acme, migration, "customer", whole),
        feed(acme, migration, "customer", balances, index=1, file=1, partial=True),
    ]
    loaded = load(
        connection, acme, migration, feeds, on_conflict=OnConflict.update, dry_run=False,
        approve=lambda loaded: None, spill=SPILL,
    )  # fmt: skip
    counts = loaded.entities["customer"]
    assert (counts.read, counts.inserted, counts.updated, counts.quarantined) == (4, 2, 1, 1)
    assert reasons(connection, acme, migration) == [(2, "record.incomplete")]
    assert rows(connection, acme, "customer", "account_number, balance") == [
        ("A1", Decimal("5.0000")),
        ("A2", None),
    ]


def test_a_row_that_would_break_a_rule_once_completed_is_rejected(
    connection: Connection, acme: Tenant
) -> None:
    bare = {"account_number": "A1", "kind": "person", "status": "active"}
    load_rows(connection, acme, {"customer": [bare, customer("A2")]})
    migration = open_migration(connection, acme)
    later = [
        {"account_number": "A1", "credit_limit": Decimal("5")},
        {"account_number": "A2", "credit_limit": Decimal("5")},
    ]
    loaded = load(
        connection, acme, migration, [feed(acme, migration, "customer", later, partial=True)],
        on_conflict=OnConflict.update, dry_run=False, approve=lambda loaded: None, spill=SPILL,
    )  # fmt: skip
    assert (loaded.entities["customer"].updated, loaded.entities["customer"].quarantined) == (1, 1)
    assert reasons(connection, acme, migration) == [(1, "customer.credit_limit_needs_currency")]


def test_an_orphan_is_rejected_and_says_whether_its_parent_was_rejected_too(
    connection: Connection, acme: Tenant
) -> None:
    content = {
        "customer": [customer("A1"), customer("A2"), customer("A2", "11")],
        "payment": [
            payment("P1", "A1", "1.00"),
            payment("P2", "A7", "2.00"),
        ],
    }
    migration, loaded = load_rows(connection, acme, content)
    assert loaded.entities["payment"].quarantined == 1
    assert (2, "reference.missing") in reasons(connection, acme, migration)


def payment(number: str, account: str, amount: str) -> dict[str, Any]:
    return {
        "payment_number": number,
        "customer": account,
        "amount": Decimal(amount),
        "currency": "USD",
    }


def test_keep_sets_other_content_aside(connection: Connection, acme: Tenant) -> None:
    load_rows(connection, acme, {"customer": [customer("A1", "10")]})
    migration, loaded = load_rows(
        connection,
        acme,
        {"customer": [customer("A1", "99"), customer("A2", "1")]},
        on_conflict=OnConflict.keep,
    )
    counts = loaded.entities["customer"]
    assert (counts.inserted, counts.updated, counts.quarantined) == (1, 0, 1)
    assert reasons(connection, acme, migration) == [(1, "conflict.kept")]
    totals = loaded.totals["customer.balance"]["USD"]
    assert (totals.source, totals.loaded, totals.quarantined) == (100, 1, 99)


def test_fail_publishes_nothing_when_content_differs(connection: Connection, acme: Tenant) -> None:
    load_rows(connection, acme, {"customer": [customer("A1", "10")]})
    before = digest_of(connection, acme)
    with pytest.raises(ConflictRefused, match="1 customer record"):
        load_rows(
            connection,
            acme,
            {"customer": [customer("A0"), customer("A1", "99")]},
            on_conflict=OnConflict.fail,
        )
    assert digest_of(connection, acme) == before


def test_a_dry_run_counts_and_publishes_nothing(connection: Connection, acme: Tenant) -> None:
    before = digest_of(connection, acme)
    migration, loaded = load_rows(connection, acme, {"customer": [customer("A1")]}, dry_run=True)
    assert loaded.entities["customer"].inserted == 1
    assert digest_of(connection, acme) == before
    assert ledger.migration(connection, migration).state is ledger.State.RUNNING


def test_a_refused_migration_leaves_its_quarantine_and_nothing_else(
    connection: Connection, acme: Tenant
) -> None:
    load_rows(connection, acme, {"customer": [customer("A1", "10")]})
    before = digest_of(connection, acme)
    migration = open_migration(connection, acme)

    def refuse(loaded: object) -> None:
        raise ThresholdExceeded("too many")

    content = [customer("A1", "11"), customer("A2"), customer("A2", "3")]
    with pytest.raises(ThresholdExceeded):
        load(
            connection, acme, migration, [feed(acme, migration, "customer", content)],
            on_conflict=OnConflict.update, dry_run=False, approve=refuse, spill=SPILL,
        )  # fmt: skip
    assert digest_of(connection, acme) == before
    assert reasons(connection, acme, migration) == [(3, "key.duplicate")]
    assert ledger.migration(connection, migration).entities["customer"]["quarantined"] == 1


def test_undo_removes_what_was_inserted_and_restores_what_was_updated(
    connection: Connection, acme: Tenant
) -> None:
    load_rows(connection, acme, {"customer": [customer("A1", legacy={"a": "1"}), customer("A2")]})
    before = digest_of(connection, acme)
    kept = rows(connection, acme, "customer", "account_number, _migration, _record")
    migration, _ = load_rows(
        connection,
        acme,
        {
            "customer": [customer("A1", "99", legacy={"b": "2"}), customer("A3")],
            "payment": [payment("P1", "A3", "1")],
        },
    )
    assert digest_of(connection, acme) != before
    with connection.begin(), tenants.as_tenant(raw(connection), acme):
        counts = undo(raw(connection), acme, migration)
    assert (counts.removed, counts.restored) == ({"customer": 1, "payment": 1}, {"customer": 1})
    assert digest_of(connection, acme) == before
    assert rows(connection, acme, "customer", "account_number, _migration, _record") == kept


def test_the_digest_depends_on_content_alone(connection: Connection, acme: Tenant) -> None:
    other = tenants.add(connection.engine, "other")
    first, second = customer("A1", notes="x"), customer("A2", None)
    load_rows(connection, acme, {"customer": [first, second]})
    load_rows(connection, other, {"customer": [second]})
    load_rows(connection, other, {"customer": [first, second]})
    assert digest_of(connection, acme) == digest_of(connection, other)
    load_rows(connection, other, {"customer": [customer("A1", notes="y")]})
    assert digest_of(connection, acme) != digest_of(connection, other)


def test_a_law_that_does_not_hold_publishes_nothing(connection: Connection, acme: Tenant) -> None:
    migration = open_migration(connection, acme)
    honest = feed(acme, migration, "customer", [customer("A1")])
    lost = type(honest)(**(vars(honest) | {"read": 2}))
    with pytest.raises(LawBroken, match="customer: 2 records read"):
        load(
            connection, acme, migration, [lost], on_conflict=OnConflict.update, dry_run=False,
            approve=lambda loaded: None, spill=SPILL,
        )  # fmt: skip
    assert rows(connection, acme, "customer", "account_number") == []


def test_money_that_does_not_add_up_is_told_with_both_sums() -> None:
    amounts = reconcile.Amounts(source=Decimal("3"), loaded=Decimal("1"), quarantined=Decimal("1"))
    with pytest.raises(LawBroken, match=r"customer.balance in USD: 3 in the source, but 1 loaded"):
        reconcile.check({}, {"customer.balance": {"USD": amounts}})


def test_a_second_run_for_the_same_tenant_is_refused(connection: Connection, acme: Tenant) -> None:
    with (
        connection.engine.connect() as other,
        tenants.lock(connection, "acme"),
        pytest.raises(TenantBusy, match="acme"),
        tenants.lock(other, "acme"),
    ):
        pass
    with connection.engine.connect() as other, tenants.lock(other, "acme"):
        pass


def test_rejects_are_told_in_chunks_each_once_and_with_its_own_cells(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "_AT_A_TIME", 3)
    services = [
        {"service_code": f"s{n}", "customer": f"nobody {n}", "plan": "p", "status": "active"}
        for n in range(10)
    ]
    migration, _ = load_rows(connection, acme, {"service": services})
    told = list(quarantine.listing(raw(connection), acme, [migration]))
    connection.rollback()
    assert [row["record"] for row in told] == list(range(1, 11))
    assert [row["cells"]["service_code"] for row in told] == [s["service_code"] for s in services]
    assert all("reference.missing" in {r["rule"] for r in row["reasons"]} for row in told)
