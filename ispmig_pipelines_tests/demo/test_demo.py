"""``make demo``: two made-up ISPs through the real job, twice."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterRunStatus
from psycopg import sql
from rich.console import Console

from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.demo.report import report, unreconciled
from ispmig_pipelines.demo.run import Result
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import connect
from ispmig_pipelines_tests.demo.conftest import Run, run_demo
from ispmig_pipelines_tests.demo.exports import ISPS, METRO, VALLEY, Isp, expected

COUNTS = ("read", "inserted", "updated", "unchanged", "quarantined")

each_isp = pytest.mark.parametrize("isp", ISPS, ids=[isp.slug for isp in ISPS])


def counts_of(run: Run, isp: Isp) -> dict[str, dict[str, int]]:
    entities = run.entries[isp.slug].entities
    return {name: {c: counts[c] for c in COUNTS} for name, counts in entities.items()}


# --- the first run -----------------------------------------------------------------------------


@each_isp
def test_every_record_of_the_exports_ends_where_it_should(first: Run, isp: Isp) -> None:
    assert counts_of(first, isp) == expected(isp).counts


@each_isp
def test_control_totals_are_the_sums_of_the_exports(first: Run, isp: Isp) -> None:
    found = {
        name: {
            currency: {
                side: Decimal(amount) if side != "unreadable" else amount
                for side, amount in amounts.items()
            }
            for currency, amounts in by_currency.items()
        }
        for name, by_currency in first.entries[isp.slug].totals.items()
    }
    assert found == {
        # No rule of the demo's specs sets an amount.
        name: {isp.currency: {**amounts, "adjusted": Decimal(0)}}
        for name, amounts in expected(isp).totals.items()
    }


@each_isp
def test_quarantine_holds_the_planted_mistakes_and_what_follows_from_them(
    first: Run, isp: Isp
) -> None:
    told = expected(isp)
    found = {
        (row["entity"], Path(row["path"]).name, row["record"]): {
            (reason["rule"], reason["field"]) for reason in row["reasons"]
        }
        for row in first.quarantined[isp.slug]
    }
    assert found.keys() == told.quarantined
    for place, reason in told.planted.items():
        assert found[place] == {reason}, place
    for place in told.follows:
        assert {rule for rule, _ in found[place]} <= {
            "reference.rejected",
            "reference.missing",
            "record.incomplete",
        }, place


def test_a_customer_who_stands_there_twice_is_noticed_in_each(first: Run) -> None:
    noticed = re.findall(r"duplicate\.identity\W+(\d+)", first.out)
    assert noticed == ["1", "1"]
    assert all(
        reason["rule"] != "duplicate.identity"
        for isp in ISPS
        for row in first.quarantined[isp.slug]
        for reason in row["reasons"]
    )


@pytest.mark.slow
@each_isp
def test_what_is_loaded_is_in_the_tenants_tables(first: Run, isp: Isp) -> None:
    for entity, found in first.digests[isp.slug]["entities"].items():
        assert found["rows"] == expected(isp).counts.get(entity, {"inserted": 0})["inserted"]


def test_together_they_fill_every_entity(first: Run) -> None:
    filled = {
        entity
        for digest in first.digests.values()
        for entity, found in digest["entities"].items()
        if found["rows"]
    }
    assert filled == set(ENTITIES)


def test_values_arrive_as_they_are_meant(first: Run) -> None:
    valley, metro = "tenant_valley-wireless", "tenant_metro-fiber"
    assert _one(valley, "plan", "FUNK-20", "download_kbps, upload_kbps, price, setup_fee") == (
        20_000,
        5_000,
        Decimal("29.90"),
        Decimal("49.00"),
    )
    number, phone, code, city = _one(
        valley, "customer", "001002", "account_number, phone, billing_postal_code, billing_city"
    )
    assert (number, phone) == ("001002", "+49899999800" + "1")
    assert (code, city) == ("00421", "Wiesenau")
    # A deposit is a credit, so what is owed is negative.
    deposits = {r["id"]: Decimal(r["deposit"]) for r in METRO.rows("customers.json")}
    for customer, deposit in [(i, d) for i, d in deposits.items() if d][:20]:
        assert _one(metro, "customer", customer, "balance") == (-deposit,)
    # London is on UTC in winter.
    payment = METRO.rows("payments.csv")[0]
    (paid_at,) = _one(metro, "payment", payment["receipt_number"], "paid_at")
    assert f"{paid_at:%Y-%m-%d %H:%M:%S}" == payment["date"]
    macs = {r["Inventar"]: r["MAC"] for r in VALLEY.rows("bestand.xlsx#Geräte")[:40]}
    for device, written in macs.items():
        (mac,) = _one(valley, "device", device, "mac::text")
        assert str(mac).replace(":", "") == re.sub("[^0-9a-f]", "", written.lower())


def test_columns_that_no_mapping_names_are_kept(first: Run) -> None:
    rows = {r["Anschluss"]: r for r in VALLEY.rows("teilnehmer.csv")[:30]}
    for service, row in rows.items():
        (legacy,) = _one("tenant_valley-wireless", "service", service, "legacy")
        assert legacy == {"Monteur": row["Monteur"]}


def _one(schema: str, entity: str, key: str, columns: str) -> tuple[object, ...]:
    """Columns of one row, by its key."""
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
        sql.SQL(columns), sql.Identifier(schema, entity), sql.Identifier(ENTITIES[entity].key[0])
    )
    with connect() as connection:
        row = connection.execute(query, [key]).fetchone()
    assert row is not None, (entity, key)
    return row


# --- what is printed ---------------------------------------------------------------------------


@each_isp
def test_a_table_shows_the_counts_of_each_entity(first: Run, isp: Isp) -> None:
    lines = [re.findall(r"[\w.,]+", line) for line in first.out.splitlines()]
    for entity, counts in counts_of(first, isp).items():
        assert [entity, *(f"{counts[c]:,}" for c in COUNTS)] in lines


def test_the_end_says_that_all_is_reconciled_and_how_to_go_on(first: Run) -> None:
    end = first.out.splitlines()[-12:]
    assert any(line.startswith("Everything is reconciled") for line in end)
    assert any(line.endswith("ispmig quarantine valley-wireless") for line in end)
    assert any("ispmig up" in line and "http://localhost:3000" in line for line in end)


def test_it_is_tidy_at_80_columns_in_a_pipe(first: Run) -> None:
    commands = ("  ", "/")
    wide = [
        line for line in first.out.splitlines() if len(line) > 80 and not line.startswith(commands)
    ]
    assert wide == []
    assert "\x1b" not in first.out + first.told
    # Names of entities and fields are in one piece.
    for isp in ISPS:
        for name in [*expected(isp).counts, *expected(isp).totals]:
            assert name in first.out


def test_progress_goes_to_standard_error_in_short_lines(first: Run) -> None:
    lines = first.told.splitlines()
    assert 4 <= len(lines) <= 12
    assert all(line.startswith(tuple(f"{isp.slug}: " for isp in ISPS)) for line in lines)


def test_the_runs_are_those_of_the_dagster_job(first: Run) -> None:
    with instance() as dagster:
        for entry in first.entries.values():
            run = dagster.get_run_by_id(entry.dagster_run_id)
            assert run is not None
            assert run.job_name == "tenant_migration"
            assert run.status is DagsterRunStatus.SUCCESS


# --- the second run ----------------------------------------------------------------------------


@pytest.mark.slow
@each_isp
def test_the_second_run_finds_everything_unchanged(second: Run, isp: Isp) -> None:
    for entity, counts in expected(isp).counts.items():
        assert counts_of(second, isp)[entity] == {
            "read": counts["read"],
            "inserted": 0,
            "updated": 0,
            "unchanged": counts["read"] - counts["quarantined"],
            "quarantined": counts["quarantined"],
        }


@each_isp
def test_the_second_run_changes_no_content(first: Run, second: Run, isp: Isp) -> None:
    assert second.digests[isp.slug] == first.digests[isp.slug]


@each_isp
def test_the_second_run_puts_the_same_records_in_quarantine(
    first: Run, second: Run, isp: Isp
) -> None:
    def told(run: Run) -> list[tuple[object, ...]]:
        return [
            (row["entity"], row["path"], row["record"], reason["rule"], reason["field"])
            for row in run.quarantined[isp.slug]
            for reason in row["reasons"]
        ]

    assert sorted(told(second)) == sorted(told(first))


def test_the_second_run_says_so(first: Run, second: Run) -> None:
    assert "unchanged:" not in first.out
    assert second.out.count("Everything is unchanged:") == len(ISPS)
    assert "Everything is reconciled" in second.out


# --- when something is not as it should be -----------------------------------------------------


@pytest.mark.slow
def test_a_database_that_is_not_there_is_told_in_one_paragraph(tmp_path: Path) -> None:
    done = run_demo(
        ISPMIG_HOME=str(tmp_path), ISPMIG_DATABASE_URL=f"postgresql:///none?host={tmp_path}"
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert "PostgreSQL cannot be reached" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_what_does_not_add_up_is_said_and_makes_it_fail(
    first: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = first.entries["metro-fiber"]
    short = deepcopy(entry.entities)
    short["payment"]["inserted"] -= 1
    light = deepcopy(entry.totals)
    light["payment.amount"]["GBP"]["loaded"] = "0.00"
    for broken, said in (
        (replace(entry, entities=short), "payment: 361 records were read, and 360"),
        (replace(entry, totals=light), "payment.amount: "),
        (replace(entry, state=State.PUBLISHED), "it is published"),
    ):
        result = Result(broken, earlier=False, same_content=False, same_quarantine=False)
        assert report(Console(), [result]) is False
        shown = capsys.readouterr().out
        assert f"metro-fiber: NOT reconciled: {said}" in " ".join(shown.split())
        assert "Everything is reconciled" not in shown
    assert unreconciled(entry) == []


@pytest.mark.slow
def test_arguments_are_refused() -> None:
    done = run_demo("--fast")
    assert done.returncode == 2
    assert "takes no arguments" in done.stderr
