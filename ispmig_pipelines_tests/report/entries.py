"""A migration's entry in the ledger, made by hand, and the report of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.issue_counts import Example, Kind, Waiting
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.gather import report_of
from ispmig_pipelines.report.report import MigrationReport

SPEC = """\
version: 1
name: Customers
sources: {people: {files: people.csv}}
entities:
  customer:
    from: people
    fields: {account_number: No, status: {constant: active}, last_name: Name}
validation:
  checks:
    customer:
      name: named
      must: "last_name is not null"
      severity: warning
      message: Nobody stands there
"""


def counts(read: int, quarantined: int = 0, **values: int) -> dict[str, int]:
    known = {"inserted": read - quarantined, "updated": 0, "unchanged": 0, "repeated": 0}
    return {"read": read, "quarantined": quarantined, **(known | values)}


def total(source: str, loaded: str, quarantined: str = "0", adjusted: str = "0") -> dict[str, Any]:
    return {
        "source": source, "loaded": loaded, "quarantined": quarantined, "adjusted": adjusted,
        "unreadable": 0,
    }  # fmt: skip


def entry(migration: int = 7, **values: Any) -> ledger.Migration:
    """A migration of 1,000 customers that stands; 10 of them are in quarantine."""
    at = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    known: dict[str, Any] = {
        "tenant": "acme",
        "state": State.DONE,
        "mode": "load",
        "on_conflict": "update",
        "spec_name": "Customers",
        "spec_path": "/exports/my spec.yaml",
        "spec_text": SPEC,
        "spec_digest": "ab" * 32,
        "dagster_run_id": "run-7",
        "actor": "mo",
        "started_at": at + dt.timedelta(days=migration),
        "finished_at": at + dt.timedelta(days=migration, seconds=5),
        "files": [
            {
                "index": 0, "source": "people", "path": "/exports/people.csv", "table": "",
                "sha256": "cd" * 32, "bytes": 12_345, "records": 1_000, "rejects": 0, "notes": [],
            }
        ],
        "plugins": {},
        "entities": {"customer": counts(1_000, 10)},
        "totals": {"customer.balance": {"USD": total("120.50", "100.25", "20.25")}},
        "issues": {"customer": {"value.date": 8, "value.lookup": 2}},
        "findings": {},
        "settled": {},
        "seconds": 5.25,
        "rows_per_second": 190.5,
        "peak_rss_mb": 100.0,
        "error": None,
        "origin": None,
    }  # fmt: skip
    return ledger.Migration(id=migration, **(known | values))


def kind(rule: str, records: int, **values: Any) -> Kind:
    known: dict[str, Any] = {
        "entity": "customer", "severity": "error", "column": "Born", "field": "birth_date",
        "alike": False, "examples": (Example(0, 12, 13, "99/99/9999", "YYYY-MM-DD"),),
    }  # fmt: skip
    return Kind(rule=rule, records=records, **(known | values))


FOUND = (
    kind("value.date", 8),
    kind("value.lookup", 2, column="State", field="status", alike=True,
         examples=(Example(0, 5, 6, "?", "it names 'A'"),)),
)  # fmt: skip


def report(
    *,
    earlier: Sequence[ledger.Migration] = (),
    found: Sequence[Kind] = FOUND,
    waiting: dict[str, Waiting] | None = None,
    newer: int | None = None,
    **values: Any,
) -> MigrationReport:
    """The report of :func:`entry`."""
    there = {"customer": Waiting(10, 10)} if waiting is None else waiting
    return report_of(entry(**values), earlier, found, there, newer)
