"""What page and terminal both say of a report, said once."""

from __future__ import annotations

from ispmig_pipelines.model.field_info import NO_CURRENCY
from ispmig_pipelines.page.words import percentage
from ispmig_pipelines.report.report import (
    ControlTotal,
    Example,
    MigrationReport,
    RuleIssues,
    StatusTotal,
)
from ispmig_pipelines.report.rule_kind import RuleKind

MODES = {"load": "migration", "dry_run": "dry run", "resubmit": "resubmission"}

STATES = {
    "running": "running",
    "published": "published, not audited",
    "done": "done",
    "checked": "done",
    "failed": "nothing loaded",
    "undone": "taken back",
}

EFFECTS = {"error": "held back", "warning": "warning", "info": "note"}
"""What an issue of a severity does to its record, in a word."""


FOUND = {"error": "error", "warning": "warning", "info": "note"}
"""What issues of a severity are called where they are counted."""


def spoken(field: str) -> str:
    """``billing_address`` → ``billing address``."""
    return field.replace("_", " ")


def total_name(total: ControlTotal) -> str:
    """``Customer balance``."""
    return spoken(f"{total.entity} {total.field}").capitalize()


def currency(total: ControlTotal | StatusTotal) -> str:
    """A total's currency, for people."""
    return "no currency" if total.currency == NO_CURRENCY else total.currency


def duration(milliseconds: int) -> str:
    """``4.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


WORSE, BETTER = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"
"""Which way a rule goes: more records break it than before, or fewer."""


def trend(issues: RuleIssues) -> tuple[str, str]:
    """How a rule goes against the migration before: an arrow, and in words; both "" where there
    was none."""
    if not issues.earlier:
        return "", ""
    before = issues.earlier[-1]
    was = f"was {percentage(before.records, before.of)} in migration {before.migration}"
    if not before.records:
        return WORSE, f"new since migration {before.migration}"
    # As fractions: shares that are shown alike may differ, and those that are alike must not.
    now, then = issues.records * before.of, before.records * issues.of
    if now == then:
        return "=", f"as in migration {before.migration}"
    return (WORSE if now > then else BETTER), was


def place(example: Example) -> str:
    """``people.csv record 12, line 13``."""
    where = f"{example.file} record {example.record:,}"
    return where if example.line is None else f"{where}, line {example.line:,}"


def found_of_kind(report: MigrationReport, kind: RuleKind) -> dict[str, int]:
    """Severity → records that break a rule of the kind, each counted once per rule."""
    counts = dict.fromkeys(FOUND, 0)
    for issues in report.of_kind(kind):
        counts[issues.severity] += issues.records
    return counts
