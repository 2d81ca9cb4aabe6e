"""The report for a terminal: what its page says first, at 100 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ispmig_pipelines.page.words import heading, money, others, percentage, printable
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.report.words import EFFECTS, MODES, currency, total_name, trend

RULES = 15
"""Rules that are listed; page and JSON have all."""

NARROWEST, WIDEST = 80, 140
_COUNTS = ("read", "inserted", "updated", "unchanged", "quarantined")


def show(out: Console, report: MigrationReport) -> None:
    """Prints the report."""
    out = Console(
        file=out.file, width=min(max(out.width, NARROWEST), WIDEST), highlight=False, markup=False
    )
    out.print(
        f"Tenant {report.tenant}, {MODES.get(report.mode, report.mode)} {report.migration}: "
        f"{printable(report.spec.name)} ({report.spec.sha256[:12]}), "
        f"{report.started_at:%Y-%m-%d %H:%M} UTC"
    )
    out.print(report.verdict)
    if report.error:
        out.print(printable(report.error))
    _counts(out, report)
    _money(out, report)
    _issues(out, report)
    out.print("\nWhat to do next:")
    for step in report.next:
        out.print(f"- {step.what}")
        if step.command:
            out.print(f"    {step.command}", soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.rstrip("#"), justify="right" if name.endswith("#") else "left")
    return table


def _counts(out: Console, report: MigrationReport) -> None:
    if not report.entities:
        return
    table = _table("entity", *(f"{name}#" for name in _COUNTS))
    for one in report.entities:
        table.add_row(heading(one.entity), *(f"{getattr(one, name):,}" for name in _COUNTS))
    out.print()
    out.print(table)


def _money(out: Console, report: MigrationReport) -> None:
    if not report.totals:
        return
    sides = ("source", "loaded", "quarantined", "adjusted")
    table = _table("sum of", "currency", *(f"{side}#" for side in sides))
    for total in report.totals:
        table.add_row(
            total_name(total), currency(total), *(money(getattr(total, side)) for side in sides)
        )
    out.print()
    out.print(table)


def _issues(out: Console, report: MigrationReport) -> None:
    if not report.issues:
        return
    table = _table("records#", "share#", "before", "", "entity", "rule")
    for one in report.issues[:RULES]:
        arrow, _ = trend(one)
        before = one.earlier[-1] if one.earlier else None
        table.add_row(
            f"{one.records:,}",
            percentage(one.records, one.of),
            "" if before is None else f"{arrow} {percentage(before.records, before.of)}",
            EFFECTS.get(one.severity, ""),
            one.entity,
            Text(one.rule, overflow="fold"),
        )
    out.print()
    out.print(table)
    if len(report.issues) > RULES:
        out.print(f"{others(len(report.issues) - RULES)}: see --format html")
