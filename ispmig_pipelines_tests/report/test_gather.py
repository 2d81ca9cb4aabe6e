"""From the ledger and the tenant's schema to the report."""

from __future__ import annotations

from typing import Any

import pytest

from ispmig_pipelines.platform.issue_counts import Example, Waiting
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.report import RuleIssues
from ispmig_pipelines.report.rule_kind import RuleKind
from ispmig_pipelines.report.words import BETTER, WORSE, trend
from ispmig_pipelines_tests.report.entries import counts, entry, kind, report


def rule(code: str, **values: Any) -> RuleIssues:
    (found,) = [i for i in report(**values).issues if i.rule == code]
    return found


def before(migration: int, records: int, read: int = 1_000, **values: Any) -> Any:
    return entry(
        migration,
        **(
            {
                "entities": {"customer": counts(read, records)},
                "issues": {"customer": {"value.date": records}} if records else {},
            }
            | values
        ),
    )


def test_a_rule_comes_with_its_share_its_columns_and_where_to_look() -> None:
    found = rule("value.date")
    assert (found.kind, found.severity) == (RuleKind.VALUES, "error")
    assert (found.records, found.of) == (8, 1_000)
    (column,) = found.columns
    assert (column.column, column.records, column.alike) == ("Born", 8, False)
    assert "99/99/9999" in column.message
    assert [(e.file, e.record, e.line) for e in column.examples] == [("people.csv", 12, 13)]
    assert found.remedy


def test_the_gravest_come_first_kind_by_kind_then_the_most_frequent() -> None:
    made = report(
        issues={
            "customer": {
                "check.customer.named": 9, "value.dropped": 50, "value.lookup": 2, "value.date": 8,
                "key.duplicate": 1,
            },
        },
        found=[kind("value.dropped", 50, severity="warning"), kind("value.lookup", 2)],
    )  # fmt: skip
    assert [i.rule for i in made.issues] == [
        "value.date", "value.lookup", "value.dropped", "key.duplicate", "check.customer.named",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "arrow", "words"),
    [
        ([], "", ""),
        ([before(3, 16)], BETTER, "was 1.6 % in migration 3"),
        ([before(2, 1), before(3, 4)], WORSE, "was 0.40 % in migration 3"),
        ([before(3, 4, read=500)], "=", "as in migration 3"),
        ([before(3, 0)], WORSE, "new since migration 3"),
        ([before(3, 7)], WORSE, "was 0.70 % in migration 3"),
    ],
)
def test_a_trend_compares_shares_not_numbers(earlier: list[Any], arrow: str, words: str) -> None:
    assert trend(rule("value.date", earlier=earlier)) == (arrow, words)


def test_earlier_migrations_that_read_none_of_the_entity_tell_no_trend() -> None:
    other = entry(3, entities={"plan": counts(5)}, issues={})
    assert rule("value.date", earlier=[other]).earlier == ()


def test_what_is_not_broken_any_more_is_named() -> None:
    made = report(earlier=[before(2, 9), before(3, 5, issues={"customer": {"value.type": 5}})])
    assert [(g.rule, g.before.migration, g.before.records) for g in made.gone] == [
        ("value.type", 3, 5)
    ]


def test_quarantine_is_waiting_solved_deleted_or_meant() -> None:
    (held,) = report(
        issues={"customer": {"rule.left_out": 2, "value.date": 8}},
        waiting={"customer": Waiting(9, 5)},
    ).quarantine
    assert (held.records, held.on_purpose, held.waiting, held.solved, held.deleted) == (
        10, 2, 3, 4, 1,
    )  # fmt: skip
    (tried,) = report(mode="dry_run", state=State.CHECKED, waiting={}).quarantine
    assert (tried.records, tried.solved, tried.deleted) == (10, 0, 0)


def test_severities_outlive_the_issues_themselves() -> None:
    """The quarantine was purged, or a dry run's is forgotten: the spec still tells."""
    told = {"check.customer.named": 3, "value.date": 1, "value.dropped": 2}
    made = report(issues={"customer": told}, found=())
    assert {i.rule: i.severity for i in made.issues} == {
        "check.customer.named": "warning", "value.date": "error", "value.dropped": "warning",
    }  # fmt: skip
    assert all(i.columns == () for i in made.issues)
    unreadable = report(issues={"customer": told}, found=(), spec_text="version: 99\n")
    assert {i.severity for i in unreadable.issues} == {"error", "warning"}


def test_an_amount_of_one_customer_is_told_by_its_shape() -> None:
    found = kind(
        "invoice.lines_add_up", 1, entity="invoice", column="Total", field="subtotal",
        examples=(Example(0, 1, 2, "99.99", "1234.56"),),
    )  # fmt: skip
    made = report(
        entities={"invoice": counts(3, 1)}, issues={"invoice": {"invoice.lines_add_up": 1}},
        totals={}, found=[found], waiting={},
    )  # fmt: skip
    text = made.model_dump_json()
    assert "1234.56" not in text
    assert "9999.99" in text


def test_a_column_named_by_its_first_cell_tells_no_card() -> None:
    text = report(found=[kind("value.date", 8, column="4111 1111 1111 1111")]).model_dump_json()
    assert "4111 1111" not in text


def test_compliance_is_told_by_column() -> None:
    findings = {
        "cards": [
            {"source": "people", "column": "Notes", "cells": 3, "masked": 3},
            {"source": "people", "column": "CVV", "cells": 0, "dropped": True},
            {"source": "people", "column": "Ref", "cells": 9, "masked": 0, "allowed": "our own"},
            {"source": "people", "column": "Long", "cells": 0, "long_numbers": 4},
        ],
        "personal": [
            {"source": "people", "column": "Mail", "kind": "email address", "privacy": "personal",
             "goes_to": ["customer.email"]},
            {"source": "people", "column": "Ausweis", "kind": "national id", "privacy": "personal",
             "goes_to": ["legacy"], "looked_at": 50, "matching": 49, "special": {"health": 2}},
        ],
        "retention": {"policy": "skip", "as_of": "2026-03-04", "cancelled_months": 24,
                      "customers": 5, "held": {"served": 1, "owes": 1},
                      "skipped": {"invoice": 7, "customer": 3}, "anonymised": {}},
        "erased": {"customer": 1},
    }  # fmt: skip
    made = report(findings=findings)
    assert [(c.column, c.masked, c.dropped, c.allowed) for c in made.cards] == [
        ("Notes", 3, False, ""), ("CVV", 0, True, ""), ("Ref", 0, False, "our own"),
    ]  # fmt: skip
    assert [(p.column, p.unmapped, p.goes_to) for p in made.personal] == [
        ("Ausweis", True, ("legacy",)), ("Mail", False, ("customer.email",)),
    ]  # fmt: skip
    assert made.retention is not None
    assert [(s.entity, s.records) for s in made.retention.skipped] == [
        ("customer", 3), ("invoice", 7),
    ]  # fmt: skip
    assert [(e.entity, e.records) for e in made.erased] == [("customer", 1)]
