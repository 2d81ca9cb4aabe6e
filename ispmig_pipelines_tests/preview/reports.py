"""A report made by hand, for the tests of how reports are shown and kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ispmig_pipelines.preview.report import (
    Before,
    Block,
    Changes,
    Column,
    Entity,
    FieldFill,
    FieldIssue,
    IssueExample,
    IssueGroup,
    Report,
    Sample,
    SampledField,
    Source,
    SourceFile,
    SpecFacts,
)

WRONG = FieldIssue(rule="value.lookup", severity="error", message="Column State holds ?.")


def fill(name: str, **values: Any) -> FieldFill:
    known: dict[str, Any] = {
        "type": "text", "unit": "", "doc": "", "required": False, "columns": (name.title(),),
        "constant": "", "filled": 3, "issues": 0, "hidden": False,
    }  # fmt: skip
    return FieldFill(name=name, **(known | values))


def sampled(name: str, before: str | None, after: str | None, **values: Any) -> SampledField:
    return SampledField(
        name=name, before=(Before(column=name.title(), text=before),), after=after, **values
    )


def sample(record: int, *fields: SampledField, **values: Any) -> Sample:
    known: dict[str, Any] = {"file": "people.csv", "line": record + 1, "outcome": "new"}
    return Sample(record=record, fields=fields, **(known | values))


def report(**values: Any) -> Report:
    """Three customers: one new, one changed, one held back."""
    block = Block(
        index=0,
        source="people",
        partial=False,
        records=3,
        fields=(fill("last_name"), fill("status", filled=2, issues=1, required=True)),
        samples=(
            sample(1, sampled("last_name", "Ann", "Ann"), sampled("status", "A", "active")),
            sample(
                2,
                sampled("last_name", "Bob", "Bob", present="Rob", changes=True),
                sampled("status", "A", "active"),
                outcome="changed",
            ),
            sample(
                3,
                sampled("last_name", "<b>Eve</b>", "<b>Eve</b>"),
                sampled("status", "?", None, issues=(WRONG,)),
                outcome="quarantined",
            ),
        ),
    )
    customer = Entity(
        name="customer",
        doc="Who is billed.",
        counts={
            "read": 3, "inserted": 1, "updated": 1, "unchanged": 0, "quarantined": 1, "repeated": 0,
        },
        changes=Changes(rows=1, fields={"last_name": 1}),
        totals={
            "customer.balance": {
                "USD": {
                    "source": "1234.5000", "loaded": "1200.0000", "quarantined": "34.5000",
                    "unreadable": 1,
                }
            }
        },
        issues=(
            IssueGroup(
                block=0, rule="value.lookup", severity="error", column="State", field="status",
                records=1, message="Column State holds ?.", remedy="Add the value to the lookup.",
                examples=(
                    IssueExample(file="people.csv", record=3, line=4, found="?", accepted="A"),
                ),
            ),
        ),
        not_mapped=("fax",),
        nothing_came=("notes",),
        blocks=(block,),
    )  # fmt: skip
    known: dict[str, Any] = {
        "tenant": "acme",
        "migration_id": 7,
        "spec": SpecFacts(name="Customers", sha256="ab" * 32),
        "made_at": dt.datetime(2026, 3, 4, 5, 6, tzinfo=dt.UTC),
        "actor": "mo",
        "on_conflict": "update",
        "rows": 20,
        "masked": False,
        "passed": True,
        "refused": "",
        "entities": (customer,),
        "sources": (
            Source(
                name="people",
                records=3,
                unreadable=0,
                files=(
                    SourceFile(
                        name="people.csv", table="", sha256="cd" * 32, records=3, unreadable=0
                    ),
                ),
                columns=(
                    Column(name="State", filled=3, fields=("customer.status",), goes_to="fields"),
                    Column(name="Tower", filled=1, fields=(), goes_to="legacy"),
                ),
            ),
        ),
    }
    return Report(**(known | values))
