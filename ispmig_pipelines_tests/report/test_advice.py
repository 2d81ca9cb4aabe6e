"""What to do next: steps that are right, and commands that can be typed."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest
import typer.main

from ispmig_pipelines.cli import app
from ispmig_pipelines.platform.issue_counts import Waiting
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.validation.threshold import IN_SPEC, TOO_MUCH
from ispmig_pipelines_tests.report.entries import FOUND, counts, entry, kind, report

CARDS = [{"source": "people", "column": "Notes", "cells": 3, "masked": 3}]


def commands(made: MigrationReport) -> list[str]:
    return [step.command for step in made.next if step.command]


def test_quarantine_is_corrected_in_a_workbook_and_sent_in_again() -> None:
    assert commands(report()) == [
        "ispmig quarantine acme --migration 7 --format xlsx --out acme-7.xlsx",
        "ispmig resubmit acme acme-7.xlsx",
    ]


def test_too_much_in_quarantine_is_looked_at_corrected_or_allowed() -> None:
    made = report(
        state=State.FAILED,
        error=f"{TOO_MUCH} (customer: …)",
        entities={"customer": counts(1_000, 101), "plan": counts(10, 1)},
        waiting={"customer": Waiting(101, 101)},
    )
    assert commands(made) == [
        "ispmig quarantine acme --migration 7",
        "ispmig preview acme '/exports/my spec.yaml'",
        "ispmig migrate acme '/exports/my spec.yaml' --max-quarantined 11%",
    ]


def test_what_is_left_out_on_purpose_needs_no_allowance() -> None:
    made = report(
        state=State.FAILED, error=TOO_MUCH, entities={"customer": counts(100, 60)},
        issues={"customer": {"rule.left_out": 50, "value.date": 10}},
    )  # fmt: skip
    assert commands(made)[-1].endswith("--max-quarantined 10%")


def test_a_limit_of_the_spec_is_raised_in_the_spec() -> None:
    made = report(state=State.FAILED, error=f"{TOO_MUCH} … or {IN_SPEC}.")
    assert any("with a higher max_quarantined in the spec" in step.what for step in made.next)


def test_what_was_loaded_since_is_not_to_be_done_again() -> None:
    made = report(state=State.FAILED, error=TOO_MUCH, newer=9, waiting={})
    assert commands(made) == ["ispmig report acme 9"]
    assert commands(report(newer=9)) == ["ispmig report acme 9"]


def test_a_resubmission_goes_on_with_the_quarantine_that_it_came_from() -> None:
    sent_in = [*entry().files, entry().files[0] | {"path": "/desk/fixed by Ann.xlsx"}]
    assert commands(report(origin=3, mode="resubmit", files=sent_in)) == [
        "ispmig quarantine acme --migration 3 --format xlsx --out acme-3.xlsx",
        "ispmig resubmit acme acme-3.xlsx",
    ]
    for state in (State.CHECKED, State.UNDONE, State.FAILED):
        tried = report(origin=3, mode="resubmit", files=sent_in, state=state, error="So.")
        assert commands(tried) == ["ispmig resubmit acme '/desk/fixed by Ann.xlsx'"]


def test_another_failure_is_not_overcome_by_allowing_more() -> None:
    made = report(state=State.FAILED, error="The tenant holds other content.", waiting={})
    assert commands(made) == ["ispmig migrate acme '/exports/my spec.yaml'"]


def test_nothing_is_to_be_done_when_all_came_over() -> None:
    made = report(entities={"customer": counts(9)}, issues={}, found=(), waiting={})
    assert [step.what for step in made.next] == ["Nothing: everything came over."]


def test_what_was_left_out_on_purpose_is_nobodys_work() -> None:
    made = report(issues={"customer": {"rule.left_out": 10}}, found=())
    assert commands(made) == []


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"state": State.FAILED, "error": TOO_MUCH},
        {"state": State.CHECKED, "mode": "dry_run"},
        {"state": State.UNDONE, "error": "The audit failed."},
        {"state": State.RUNNING},
        {"state": State.PUBLISHED},
        {"origin": 3, "mode": "resubmit"},
        {"issues": {"customer": {"value.dropped": 2}}, "findings": {"cards": CARDS},
         "found": [kind("value.dropped", 2, severity="warning")]},
        {"issues": {"ip_assignment": {"network.outside_pools": 1}},
         "found": [*FOUND, kind("network.outside_pools", 1, entity="ip_assignment")]},
    ],
)  # fmt: skip
def test_every_command_can_be_typed(values: dict[str, Any]) -> None:
    made = report(**values)
    assert made.next
    for command in commands(made):
        program, *words = shlex.split(command)
        assert program == "ispmig"
        parsed(words)


def parsed(words: list[str]) -> None:
    """Reads the words as the command line would; fails where it would."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("ispmig", words, resilient_parsing=False)
    while hasattr(group, "commands"):
        name, group, rest = group.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = group.make_context(name, rest, parent=context)
    assert isinstance(context, click.Context) or context is not None
