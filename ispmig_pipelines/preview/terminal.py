"""The report for a terminal: tables that are read at 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ispmig_pipelines.page.words import heading, money, others, printable, share
from ispmig_pipelines.preview.report import Before, Block, Entity, IssueGroup, Report, Source
from ispmig_pipelines.preview.words import (
    MASKED,
    TOTAL_SIDES,
    Pair,
    money_rows,
    origin,
    pairs,
    place,
    sides,
)

PAIRS = 3
"""Of a field's distinct pairs, how many are shown unless all are asked for."""

NARROWEST = 80
WIDEST = 140

_COUNTS = ("read", "inserted", "updated", "unchanged", "quarantined")


def show(out: Console, report: Report, *, whole: bool = False) -> None:
    """Prints the report.

    Args:
        whole: every distinct pair of the sampled records, rather than a few of each field.
    """
    out = Console(
        file=out.file, width=min(max(out.width, NARROWEST), WIDEST), highlight=False, markup=False
    )
    out.print(
        f"Tenant {report.tenant}, dry run {report.migration_id}: {printable(report.spec.name)} "
        f"({report.spec.sha256[:12]}). Nothing was changed; this is what would be."
    )
    _counts(out, report.entities)
    _money(out, report)
    for entity in report.entities:
        _entity(out, entity, whole)
    for source in report.sources:
        _left(out, source)
    out.print()
    if report.masked:
        out.print(MASKED)
    out.print(
        "The migration would go through."
        if report.passed
        else f"The migration would be refused. {report.refused}"
    )


def _table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name in columns:
        number = name in numbers
        table.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    return table


def _show(out: Console, table: Table, title: str = "") -> None:
    out.print()
    if title:
        # Not the table's own title, which would be folded to the width of a narrow table.
        out.print(Text(title, style="bold"))
    out.print(table)


def _counts(out: Console, entities: Sequence[Entity]) -> None:
    table = _table("entity", *_COUNTS, numbers=_COUNTS)
    table.columns[0].no_wrap = True
    for entity in entities:
        table.add_row(entity.name, *(f"{entity.counts[name]:,}" for name in _COUNTS))
    _show(out, table)


def _money(out: Console, report: Report) -> None:
    rows = money_rows(report)
    if not rows:
        return
    shown = sides(rows)
    names = [TOTAL_SIDES[side] for side in shown] + ["unreadable"]
    table = _table("sum of", *names, numbers=names)
    # Where there is little room the headings fold, not the names.
    table.columns[0].min_width = 16
    for column in table.columns[1:]:
        column.no_wrap = False
    for row in rows:
        table.add_row(
            Text(f"{row.name} {row.currency}"),
            *(money(row.amounts[side]) if side in row.amounts else "" for side in shown),
            f"{row.unreadable:,}",
        )
    _show(out, table)


def _entity(out: Console, entity: Entity, whole: bool) -> None:
    out.print()
    out.rule(Text(heading(entity.name)), align="left")
    if entity.changes.rows:
        told = [f"{name} {count:,}" for name, count in entity.changes.fields.items()]
        told += [f"columns without a field {entity.changes.legacy:,}"] * bool(entity.changes.legacy)
        out.print(
            f"Rows that are there and would change: {entity.changes.rows:,} ({', '.join(told)})"
        )
    for block in entity.blocks:
        _block(out, block, whole)
    _issues(out, entity.issues)
    if entity.nothing_came:
        out.print(f"Nothing came for: {', '.join(entity.nothing_came)}")
    if entity.not_mapped:
        out.print(f"Not filled by the spec: {', '.join(entity.not_mapped)}", style="dim")


def _block(out: Console, block: Block, whole: bool) -> None:
    table = _table("field", "from", "filled", "before → after", numbers=["filled"])
    table.columns[1].max_width = 24
    for fill in block.fields:
        found = pairs(block, fill.name)
        shown = found if whole else pairs(block, fill.name, PAIRS)
        lines = [_pair(pair) for pair in shown]
        if len(found) > len(shown):
            lines.append(Text(others(len(found) - len(shown)), style="dim"))
        table.add_row(
            Text(fill.name + " *" * fill.required),
            Text(printable(origin(fill))),
            share(fill.filled, block.records),
            Text("\n").join(lines),
        )
    how = ", completing rows" if block.partial else ""
    _show(out, table, f"from {printable(block.source)}, {block.records:,} records{how}")


def _pair(pair: Pair) -> Text:
    text = Text(" + ").join([_cell(before) for before in pair.before])
    if pair.before:
        text.append(" \N{RIGHTWARDS ARROW} ", style="dim")
    if pair.refused:
        text.append("held back", style="red")
    elif pair.after is None:
        text.append("nothing", style="dim italic")
    else:
        text.append(printable(pair.after) or '""', style="bold")
    if pair.changes:
        now = "nothing" if pair.present is None else printable(pair.present)
        text.append(f" (now {now})", style="yellow")
    if pair.records > 1:
        text.append(f" {pair.records} \N{MULTIPLICATION SIGN}", style="dim")
    for rule in dict.fromkeys(issue.rule for issue in pair.issues):
        text.append(f" [{rule}]", style="red")
    return text


def _cell(before: Before) -> Text:
    if not before.text:
        return Text("empty", style="dim italic")
    return Text(printable(before.text))


def _issues(out: Console, groups: Sequence[IssueGroup]) -> None:
    if not groups:
        return
    table = _table("records", "rule", "what", numbers=["records"])
    for group in groups:
        examples = "; ".join(
            printable(place(example)) + (f": {printable(example.found)}" if example.found else "")
            for example in group.examples
        )
        table.add_row(
            f"{group.records:,}",
            Text(f"{group.rule} ({group.severity})"),
            Text(f"{printable(group.message)}\n").append(f"e.g. {examples}", style="dim"),
        )
    _show(out, table, "issues")


def _left(out: Console, source: Source) -> None:
    left = [c for c in source.columns if c.goes_to == "legacy"]
    if not left:
        return
    table = _table("column", "filled", numbers=["filled"])
    for column in left:
        table.add_row(Text(printable(column.name)), share(column.filled, source.records))
    _show(
        out,
        table,
        f"columns of {printable(source.name)} without a field: kept beside the record (legacy)",
    )
