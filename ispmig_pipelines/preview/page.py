"""The report as one HTML page: no script, nothing from a network; for a screen, paper and mail.

Everything that comes from a source or a spec goes through ``escaped``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ispmig_pipelines.page.document import document, escaped
from ispmig_pipelines.page.words import heading, label, money, others, share
from ispmig_pipelines.preview.report import (
    Before,
    Block,
    Entity,
    FieldIssue,
    IssueGroup,
    Report,
    Sample,
    SampledField,
    Source,
)
from ispmig_pipelines.preview.words import (
    MASKED,
    OUTCOMES,
    TOTAL_SIDES,
    MoneyRow,
    Pair,
    money_rows,
    origin,
    pairs,
    place,
    sides,
    what_becomes,
)
from ispmig_pipelines.report.compliance import cards_found, personal_found

DENSE = 20
"""Columns without a field from which on they are listed closely."""

PAIRS = 5
"""Of a field's distinct pairs, how many the page shows; the records further down show all."""


def page(report: Report) -> str:
    """The whole page."""
    title = f"Migration preview: {report.tenant}, {report.spec.name}, {_date(report)}"
    body = [
        _header(report),
        _summary(report),
        *(_entity(entity) for entity in report.entities),
        _sources(report.sources),
        _compliance(report),
        _approval(report),
        _footer(report),
    ]
    return document(title, body)


def _date(report: Report) -> str:
    return report.made_at.strftime("%Y-%m-%d")


def _header(report: Report) -> str:
    facts = {
        "Spec": f"{report.spec.name} ({report.spec.sha256[:12]})",
        "Made": f"{report.made_at:%Y-%m-%d %H:%M} UTC by {report.actor}",
        "Read from": ", ".join(dict.fromkeys(f.name for s in report.sources for f in s.files)),
    }
    told = "".join(f"<dt>{escaped(k)}</dt><dd>{escaped(v)}</dd>" for k, v in facts.items())
    if report.passed:
        verdict = (
            '<div class="verdict"><p><strong>This migration would go through.</strong> Nothing '
            "has been changed yet: everything was read, mapped, checked and loaded on trial, and "
            "taken back.</p></div>"
        )
    else:
        verdict = (
            '<div class="verdict not"><p><strong>This migration would be refused.</strong> '
            f"{escaped(report.refused)}</p></div>"
        )
    return (
        f'<header><p class="kind">Migration preview</p><h1>{escaped(report.tenant)}</h1>'
        f'<dl class="facts">{told}</dl>{verdict}</header>'
    )


def _summary(report: Report) -> str:
    tiles = "".join(_tile(entity) for entity in report.entities)
    return (
        f'<section><h2>What would come over</h2><div class="tiles">{tiles}</div>'
        f"{_money(money_rows(report))}</section>"
    )


def _tile(entity: Entity) -> str:
    (_, new), *besides = what_becomes(entity)
    rest = "".join(
        f'<li class="{"held" if what == "held back" else ""}">{count:,} {what}</li>'
        for what, count in besides
    )
    return (
        f'<div class="tile"><b>{new:,}</b>'
        f'<span class="what">new {escaped(label(entity.name))}</span>'
        f"<ul>{rest}</ul></div>"
    )


def _money(rows: list[MoneyRow]) -> str:
    if not rows:
        return ""
    shown = sides(rows)
    unreadable = any(row.unreadable for row in rows)
    body = ""
    for row in rows:
        note = f'<br><span class="quiet small">{escaped(row.note)}</span>' if row.note else ""
        body += (
            f'<tr><td><span class="name">{escaped(row.name)}</span>{note}</td>'
            f"<td>{escaped(row.currency)}</td>"
        )
        for side in shown:
            amount = money(row.amounts[side]) if side in row.amounts else "\N{EN DASH}"
            body += f'<td class="n" data-label="{TOTAL_SIDES[side]}">{amount}</td>'
        if unreadable:
            body += f'<td class="n" data-label="cells that are no amount">{row.unreadable:,}</td>'
        body += "</tr>"
    head = "".join(f'<th class="n">{TOTAL_SIDES[side]}</th>' for side in shown)
    if unreadable:
        head += '<th class="n">cells that are no amount</th>'
    return (
        '<h3>Money, to the cent</h3><table class="stack"><thead><tr><th>sum of</th>'
        f"<th>currency</th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _entity(entity: Entity) -> str:
    parts = [
        f"<h2>{escaped(heading(entity.name))}</h2>",
        f'<p class="quiet">{escaped(entity.doc)}</p>',
        _counts(entity),
        _changes(entity),
        _issues(entity.issues),
    ]
    parts += [_block(block, alone=len(entity.blocks) == 1) for block in entity.blocks]
    parts.append(_unfilled(entity))
    return "<section>" + "".join(parts) + "</section>"


def _counts(entity: Entity) -> str:
    counts = entity.counts
    told = [
        f"{counts['read']:,} records read",
        f"{counts['inserted']:,} would be inserted",
        f"{counts['updated']:,} updated",
        f"{counts['unchanged']:,} unchanged",
        f"{counts['quarantined']:,} held back in quarantine",
    ]
    again = counts["repeated"]
    going_on = counts["updated"] - entity.changes.rows
    notes = [
        f"{count:,} of the {which} {do}"
        for count, which, do in (
            (going_on, "updated", "go on with a row that another record makes or changes"),
            (again, "unchanged", "say again what another record said"),
        )
        if count > 0
    ]
    note = f" ({'; '.join(notes)})" if notes else ""
    return f"<p>{' · '.join(told)}{note}.</p>"


def _changes(entity: Entity) -> str:
    changes = entity.changes
    if not changes.rows:
        return ""
    told = dict(sorted(changes.fields.items(), key=lambda item: -item[1]))
    if changes.legacy:
        told["columns without a field"] = changes.legacy
    rows = "".join(
        f'<tr><td class="name">{escaped(name)}</td><td class="n">{count:,}</td></tr>'
        for name, count in told.items()
    )
    return (
        f"<h3>Rows that are there and would change: {changes.rows:,}</h3>"
        f'<table><thead><tr><th>field</th><th class="n">rows</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _issues(groups: Sequence[IssueGroup]) -> str:
    if not groups:
        return ""
    rows = ""
    for group in groups:
        examples = "; ".join(
            escaped(place(example)) + (f": {_cell(example.found)}" if example.found else "")
            for example in group.examples
        )
        rows += (
            f'<tr><td class="n" data-label="records">{group.records:,}</td>'
            f'<td><span class="tag {escaped(group.severity)}">{escaped(group.severity)}</span></td>'
            f"<td>{escaped(group.message)}"
            f'<br><span class="quiet small">{escaped(group.remedy)}</span>'
            f'<br><span class="quiet small">e.g. {examples}</span></td>'
            f'<td class="rule"><code>{escaped(group.rule)}</code></td></tr>'
        )
    return (
        '<h3>What is not as it should be</h3><table class="stack"><thead><tr>'
        '<th class="n">records</th><th></th><th>what (shapes only: 9 is a digit, a and A '
        "letters)</th><th>rule</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _cell(text: str) -> str:
    return f'<span class="cell">{escaped(text)}</span>'


def _block(block: Block, *, alone: bool) -> str:
    how = " It completes rows, and makes none." if block.partial else ""
    number = "" if alone else f"Block {block.index + 1}: "
    rows = "".join(_field(block, at) for at in range(len(block.fields)))
    return (
        f"<h3>{number}from {escaped(block.source)}, {block.records:,} records</h3>"
        + (f'<p class="quiet">{how.strip()}</p>' if how else "")
        + '<table class="fields stack"><thead><tr><th>field</th><th>comes from</th>'
        "<th>filled</th><th>before → after</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>" + _records(block.samples)
    )


def _field(block: Block, at: int) -> str:
    fill = block.fields[at]
    known = [fill.unit] * bool(fill.unit) + ["required"] * fill.required
    known += ["never shown"] * fill.hidden
    notes = f'<br><span class="quiet small">{escaped(", ".join(known))}</span>' if known else ""
    width = 100 * fill.filled / block.records if block.records else 0
    found = pairs(block, fill.name)
    shown = pairs(block, fill.name, PAIRS)
    items = "".join(f"<li>{_pair(pair)}</li>" for pair in shown)
    if len(found) > len(shown):
        items += f'<li class="quiet small">{others(len(found) - len(shown))}</li>'
    told = f' <span class="issue">{fill.issues:,} with issues</span>' if fill.issues else ""
    return (
        f'<tr><td><span class="name" title="{escaped(fill.doc)}">{escaped(fill.name)}</span>'
        f"{notes}</td>"
        f'<td data-label="from">{escaped(origin(fill))}</td>'
        f'<td data-label="filled">{share(fill.filled, block.records)}'
        f'<span class="bar"><i style="width:{width:.1f}%"></i></span>{told}</td>'
        f'<td><ul class="pairs">{items}</ul></td></tr>'
    )


def _pair(pair: Pair) -> str:
    times = (
        f' <span class="times">{pair.records} \N{MULTIPLICATION SIGN}</span>'
        if pair.records > 1
        else ""
    )
    present = ""
    if pair.changes:
        present = f' <span class="present">(now {_value(pair.present, "cell")})</span>'
    return (
        _way(pair.before, pair.after, refused=pair.refused)
        + present
        + times
        + _field_issues(pair.issues)
    )


def _way(before: Iterable[Before], after: str | None, *, refused: bool) -> str:
    cells = [
        f'<span class="cell before">{escaped(b.text)}</span>'
        if b.text
        else '<span class="none">empty</span>'
        for b in before
    ]
    left = ' <span class="arrow">+</span> '.join(cells)
    arrow = '<span class="arrow">→</span><wbr>' if cells else ""
    if refused:
        return f'{left}{arrow}<span class="none">held back</span>'
    return left + arrow + _value(after)


def _value(text: str | None, kind: str = "cell after") -> str:
    if text is None:
        return '<span class="none">nothing</span>'
    if not text:
        return '<span class="none">an empty text</span>'
    return f'<span class="{kind}">{escaped(text)}</span>'


def _field_issues(issues: Iterable[FieldIssue]) -> str:
    return "".join(
        f'<span class="issue {escaped(i.severity)}">{escaped(i.message)}</span>' for i in issues
    )


def _records(samples: Sequence[Sample]) -> str:
    if not samples:
        return ""
    return (
        f"<details><summary>The {len(samples):,} sampled records, one by one</summary>"
        + "".join(_record(sample) for sample in samples)
        + "</details>"
    )


def _record(sample: Sample) -> str:
    line = "" if sample.line is None else f", line {sample.line:,}"
    return (
        f'<div class="record"><p><strong>{escaped(sample.file)} record {sample.record:,}</strong>'
        f'{line} <span class="tag {sample.outcome}">{OUTCOMES[sample.outcome]}</span></p>'
        + _field_issues(sample.issues)
        + "<dl>"
        + "".join(_sampled(one) for one in sample.fields)
        + "</dl></div>"
    )


def _sampled(one: SampledField) -> str:
    pair = Pair(one.before, one.after, one.issues, one.present, one.changes, 1)
    return f"<div><dt>{escaped(one.name)}</dt><dd>{_pair(pair)}</dd></div>"


def _unfilled(entity: Entity) -> str:
    told = ""
    if entity.nothing_came:
        told += (
            "<h3>Fields for which nothing came</h3>"
            f'<p class="list">{escaped(", ".join(entity.nothing_came))}</p>'
        )
    if entity.not_mapped:
        told += (
            "<h3>Fields that the spec does not fill</h3>"
            f'<p class="list quiet">{escaped(", ".join(entity.not_mapped))}</p>'
        )
    return told


def _sources(sources: Sequence[Source]) -> str:
    parts = ["<h2>Columns without a field of their own</h2>"]
    for source in sources:
        left = [c for c in source.columns if c.goes_to == "legacy"]
        unreadable = (
            f" {source.unreadable:,} records could not be read, and are held back whole."
            if source.unreadable
            else ""
        )
        parts.append(f"<h3>{escaped(source.name)}, {source.records:,} records</h3>")
        if not left:
            parts.append(f'<p class="quiet">Every column is used.{unreadable}</p>')
            continue
        parts.append(
            '<p class="quiet">They are kept, cell by cell, beside the records that they belong '
            f"to: nothing is lost.{unreadable}</p>"
        )
        rows = "".join(
            f'<tr><td class="name">{escaped(c.name)}</td><td class="n">{c.filled:,}</td>'
            f'<td class="n">{share(c.filled, source.records)}</td></tr>'
            for c in left
            if c.filled
        )
        empty = [c.name for c in left if not c.filled]
        if empty:
            parts.append(
                f'<p class="list"><span class="quiet">Empty in every record:</span> '
                f"{escaped(', '.join(empty))}</p>"
            )
        if not rows:
            continue
        closely = ' class="dense"' if len(left) > DENSE else ""
        parts.append(
            f'<table{closely}><thead><tr><th>column</th><th class="n">filled in</th>'
            f'<th class="n"></th></tr></thead><tbody>{rows}</tbody></table>'
        )
    return "<section>" + "".join(parts) + "</section>"


def _compliance(report: Report) -> str:
    return (
        f"<section><h2>Compliance</h2>{cards_found(report.cards)}{personal_found(report.personal)}"
        "</section>"
    )


def _approval(report: Report) -> str:
    return (
        '<section class="approval"><h2>Approval</h2>'
        f"<p>Of the migration of {escaped(report.tenant)} by the spec {escaped(report.spec.name)}, "
        f"<code>{escaped(report.spec.sha256[:12])}</code>, as shown on this page.</p>"
        '<ul class="choice"><li><span class="box"></span>Go ahead as shown</li>'
        '<li><span class="box"></span>Go ahead after these corrections:</li></ul>'
        '<div class="sign"><div>Name</div><div>Date</div><div>Signature</div></div></section>'
    )


def _footer(report: Report) -> str:
    privacy = (
        MASKED
        if report.masked
        else "This page shows data of customers: give it only to people who may see them."
    )
    files = "".join(
        f"<li>{escaped(f.name)}"
        + (f" ({escaped(f.table)})" if f.table else "")
        + f", {f.records:,} records, SHA-256 <code>{escaped(f.sha256)}</code></li>"
        for s in report.sources
        for f in s.files
    )
    return (
        f"<footer><p>{privacy} Secrets and means of payment are never shown.</p>"
        f"<p>Dry run {report.migration_id}; spec {escaped(report.spec.name)}, SHA-256 "
        f"<code>{escaped(report.spec.sha256)}</code>. Where a row is there already, "
        f"{_CONFLICT.get(report.on_conflict, escaped(report.on_conflict))}.</p>"
        f"<ul>{files}</ul></footer>"
    )


_CONFLICT = {
    "update": "the source wins",
    "keep": "the present row stays, and the record is held back",
    "fail": "the migration is refused if it differs",
}
