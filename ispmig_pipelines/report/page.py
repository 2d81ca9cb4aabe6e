"""The report as one HTML page. Whatever comes from a source or a spec goes through ``escaped``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from ispmig_pipelines.issues import ON_PURPOSE
from ispmig_pipelines.page.document import document, escaped
from ispmig_pipelines.page.words import counted, heading, label, money, others, percentage
from ispmig_pipelines.report.compliance import cards_found, personal_found
from ispmig_pipelines.report.grid import ROWS, grid, left_out, row
from ispmig_pipelines.report.report import (
    ControlTotal,
    EntityCounts,
    InColumn,
    MigrationReport,
    OfEntity,
    Quarantine,
    Retention,
    RuleIssues,
    Signature,
)
from ispmig_pipelines.report.rests_on import contents, signed_by, sums_by_status
from ispmig_pipelines.report.rule_kind import DOCS, TITLES, RuleKind, kinds_of_entity
from ispmig_pipelines.report.sparkline import sparkline
from ispmig_pipelines.report.words import (
    BETTER,
    EFFECTS,
    FOUND,
    MODES,
    STATES,
    WORSE,
    currency,
    duration,
    found_of_kind,
    place,
    total_name,
    trend,
)

COLUMNS = 4
"""Columns of a rule that the page tells of; the JSON has all."""

REASONS = 5
"""Reasons for quarantine of an entity that are named first."""


def page(report: MigrationReport, signature: Signature | None = None) -> str:
    """The whole page.

    Args:
        signature: what it is to say of how it is signed (:mod:`.signed`).
    """
    what = MODES.get(report.mode, "migration")
    title = f"{what} {report.migration}: {report.tenant}, {report.started_at:%Y-%m-%d}"
    body = [_header(report), _next(report)]
    if report.entities:
        body += [_conservation(report), _quarantine(report), _issues(report)]
    body += [_compliance(report), _earlier(report), _footer(report, signature)]
    return document(title[0].upper() + title[1:], filter(None, body), style=_style())


@lru_cache(maxsize=1)
def _style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


# --- first screen --------------------------------------------------------------------------------


def _header(report: MigrationReport) -> str:
    when = f"{report.started_at:%Y-%m-%d %H:%M} UTC by {report.actor}"
    if report.milliseconds is not None:
        when += f", in {duration(report.milliseconds)}"
    if report.records_per_second:
        when += f" ({report.records_per_second:,} records/s)"
    kind = MODES.get(report.mode, "migration")
    facts = {
        "What": f"{kind[0].upper()}{kind[1:]} {report.migration}"
        + (f", of records from the quarantine of {report.origin}" if report.origin else ""),
        "Spec": f"{report.spec.name} ({report.spec.sha256[:12]})",
        "Began": when,
        "Read from": _files_in_words(report),
    }
    told = "".join(f"<dt>{escaped(k)}</dt><dd>{escaped(v)}</dd>" for k, v in facts.items() if v)
    error = f"<p>{escaped(report.error)}</p>" if report.error else ""
    return (
        f'<header><p class="kind">Migration report</p><h1>{escaped(report.tenant)}</h1>'
        f'<div class="verdict{"" if report.sound else " not"}">'
        f"<p><strong>{escaped(report.verdict)}</strong></p>{error}</div>"
        f'<dl class="facts below">{told}</dl></header>'
    )


def _files_in_words(report: MigrationReport) -> str:
    names = list(dict.fromkeys(f.name for f in report.files))
    records = sum(f.records + f.unreadable for f in report.files)
    if not names:
        return ""
    shown = ", ".join(names[:5]) + (f" {others(len(names) - 5)}" if len(names) > 5 else "")
    told = f"{shown}: {counted(records, 'record')}"
    read = sum(e.read for e in report.entities)
    if not read or read == records:
        return told
    return f"{told}; {read:,} by entity, since one record may fill several"


def _next(report: MigrationReport) -> str:
    steps = [
        escaped(step.what)
        + (f'<code class="type">{escaped(step.command)}</code>' if step.command else "")
        for step in report.next
    ]
    told = (
        f'<ol class="next">{"".join(f"<li>{step}</li>" for step in steps)}</ol>'
        if len(steps) > 1
        else f"<p>{steps[0]}</p>"
    )
    return f"<section><h2>What to do next</h2>{told}</section>"


# --- the two laws --------------------------------------------------------------------------------


_SIDES = {
    "inserted": "new",
    "updated": "changed",
    "unchanged": "as before",
    "quarantined": "in quarantine",
}


def _conservation(report: MigrationReport) -> str:
    rows = "".join(_counts(one) for one in report.entities)
    head = ("(entity)", "read#", *(f"{told}#" for told in _SIDES.values()), "(adds up)")
    went = "Where every record went" if report.state == "done" else "Where every record would go"
    return (
        f"<section><h2>{went}</h2>"
        '<p class="quiet">Each record that was read is in exactly one of the places on its right.'
        "</p>"
        f"{grid(head, rows)}{_money(report.totals, report.state)}{sums_by_status(report)}</section>"
    )


def _counts(one: EntityCounts) -> str:
    cells = "".join(
        f'<td class="n{" held" if side == "quarantined" and getattr(one, side) else ""}" '
        f'data-label="{told}">{getattr(one, side):,}</td>'
        for side, told in _SIDES.items()
    )
    again = (
        f'<span class="quiet small beneath">{one.repeated:,} of those as before say again what '
        "another record said</span>"
        if one.repeated
        else ""
    )
    missing = (
        f'<span class="tag error">{one.missing:,} missing</span>'
        if one.missing
        else '<span class="tag new">adds up</span>'
    )
    return row(
        f"{escaped(heading(one.entity))}{_shares(one)}{again}",
        f'<td class="n" data-label="read">{one.read:,}</td>{cells}<td>{missing}</td>',
    )


def _shares(one: EntityCounts) -> str:
    if not one.read:
        return ""
    parts = "".join(
        f'<i class="{side}" style="width:{100 * getattr(one, side) / one.read:.2f}%"></i>'
        for side in _SIDES
        if getattr(one, side) > 0
    )
    return f'<span class="bar shares">{parts}</span>'


def _money(totals: Sequence[ControlTotal], state: str) -> str:
    if not totals:
        return '<p class="quiet gap">No amount of money was among the fields.</p>'
    adjusted = any(Decimal(t.adjusted) for t in totals)
    unreadable = any(t.unreadable for t in totals)
    loaded = "loaded" if state == "done" else "would be loaded"
    sides = {"source": "in the source", "loaded": loaded, "quarantined": "in quarantine"}
    if adjusted:
        sides["adjusted"] = "changed by rules"
    rows = ""
    for total in totals:
        meaning = (
            f'<br><span class="quiet small">positive: {escaped(total.positive_is)}</span>'
            if total.positive_is
            else ""
        )
        cells = "".join(
            f'<td class="n" data-label="{told}">{money(getattr(total, side))}</td>'
            for side, told in sides.items()
        )
        if unreadable:
            cells += (
                f'<td class="n" data-label="cells that are no amount">{total.unreadable:,}</td>'
            )
        off = (
            f'<span class="tag error">{money(str(total.difference))} missing</span>'
            if total.difference
            else '<span class="tag new">reconciles</span>'
        )
        rows += row(
            f"{escaped(total_name(total))}{meaning}",
            f"<td>{escaped(currency(total))}</td>{cells}<td>{off}</td>",
        )
    head = ["sum of", "currency", *(f"{told}#" for told in sides.values())]
    if unreadable:
        head.append("cells that are no amount#")
    return f"<h3>Money, to the cent</h3>{grid([*head, '(reconciles)'], rows)}"


# --- quarantine ----------------------------------------------------------------------------------


def _quarantine(report: MigrationReport) -> str:
    if not report.quarantine:
        return (
            "<section><h2>Quarantine</h2><p>Nothing is in quarantine: every record was fit to be "
            "loaded.</p></section>"
        )
    rows = "".join(_held(report, one) for one in report.quarantine)
    waiting = ["waiting#"] if report.state == "done" else []
    head = ["(entity)", "records#", *waiting, "why, and what to do"]
    which = "These records are" if report.state == "done" else "These records would be"
    return (
        "<section><h2>Quarantine</h2>"
        f'<p class="quiet">{which} kept back whole, with their original cells, inside the '
        "tenant&#x27;s own schema; nothing of them is loaded.</p>"
        f"{grid(head, rows, 'held-back')}</section>"
    )


def _held(report: MigrationReport, one: Quarantine) -> str:
    errors = sorted(
        (i for i in report.issues if i.entity == one.entity and _holds_back(i)),
        key=lambda i: -i.records,
    )
    reasons = "".join(
        f"<li>{i.records:,} \N{MULTIPLICATION SIGN} <code>{escaped(i.rule)}</code>"
        f'<br><span class="quiet small">{escaped(i.remedy)}</span></li>'
        for i in errors[:REASONS]
    )
    if len(errors) > REASONS:
        reasons += f'<li class="quiet small">{others(len(errors) - REASONS)}, below</li>'
    since = "".join(
        f'<br><span class="quiet small">{count:,} {what}</span>'
        for count, what in (
            (one.solved, "solved since"),
            (one.deleted, "deleted since"),
            (one.on_purpose, "on purpose"),
        )
        if count
    )
    waiting = (
        f'<td class="n" data-label="waiting">{one.waiting:,}{since}</td>'
        if report.state == "done"
        else ""
    )
    of = next((e.read for e in report.entities if e.entity == one.entity), 0)
    return row(
        escaped(heading(one.entity)),
        f'<td class="n" data-label="records">{one.records:,}'
        f'<br><span class="quiet small">{percentage(one.records, of)}</span></td>'
        f'{waiting}<td><ul class="reasons">{reasons}</ul></td>',
    )


def _holds_back(issues: RuleIssues) -> bool:
    """An error does; so does what somebody asked for, be it no error."""
    return issues.severity == "error" or issues.rule in ON_PURPOSE


# --- issues --------------------------------------------------------------------------------------


def _issues(report: MigrationReport) -> str:
    able = {kind for e in report.entities for kind in kinds_of_entity(e.entity)}
    parts = [_kind_tiles(report, [k for k in RuleKind if k in able or report.of_kind(k)])]
    compared = report.earlier[-1].migration if report.earlier else None
    if compared is not None and report.issues:
        parts.append(
            '<p class="quiet">Shares are of all records read; arrows compare with migration '
            f"{compared}, lines show this and {counted(len(report.earlier), 'earlier migration')} "
            "of the spec.</p>"
        )
    elif report.issues:
        parts.append(
            '<p class="quiet">Shares are of all records read. This spec was not run before, so '
            "there is no trend yet.</p>"
        )
    parts += [
        f"<h3>{TITLES[kind]}</h3>{_table(issues)}"
        for kind in RuleKind
        if (issues := report.of_kind(kind))
    ]
    if report.gone:
        items = "".join(
            f"<li><code>{escaped(g.rule)}</code> of {escaped(label(g.entity))}: "
            f"{g.before.records:,} then ({percentage(g.before.records, g.before.of)})</li>"
            for g in report.gone
        )
        parts.append(
            f"<h3>Broken in migration {report.gone[0].before.migration}, and no more</h3>"
            f'<ul class="reasons">{items}</ul>'
        )
    return "<section><h2>What was checked, and what was found</h2>" + "".join(parts) + "</section>"


def _kind_tiles(report: MigrationReport, kinds: Sequence[RuleKind]) -> str:
    tiles, fine = "", '<li class="fine">nothing found</li>'
    for kind in kinds:
        counts = found_of_kind(report, kind)
        told = "".join(
            f'<li class="{"held" if severity == "error" else ""}">'
            f"{counted(count, FOUND[severity])}</li>"
            for severity, count in counts.items()
            if count
        )
        tiles += (
            f'<div class="tile" title="{escaped(DOCS[kind])}"><span class="what">{TITLES[kind]}'
            f"</span><ul>{told or fine}</ul></div>"
        )
    return f'<div class="tiles kinds">{tiles}</div>'


def _table(issues: Sequence[RuleIssues]) -> str:
    rows = "".join(_rule(one) for one in issues)
    what = "what (shapes only: 9 is a digit, a and A letters)"
    return grid(["records#", "(effect)", what, "trend"], rows, "issues")


def _rule(one: RuleIssues) -> str:
    columns = "".join(f"<li>{_column(c, alone=len(one.columns) == 1)}</li>" for c in
                      one.columns[:COLUMNS])  # fmt: skip
    if len(one.columns) > COLUMNS:
        columns += (
            f'<li class="quiet small">{others(len(one.columns) - COLUMNS)} like these, in the JSON'
            "</li>"
        )
    if not one.columns:
        columns = "<li>What was found in each record is not kept any more.</li>"
    return (
        f'<tr><td class="n" data-label="records">{one.records:,}'
        f'<br><span class="quiet small">{percentage(one.records, one.of)}</span></td>'
        f'<td><span class="tag {escaped(one.severity)}">{escaped(EFFECTS.get(one.severity, ""))}'
        "</span></td>"
        f'<td><span class="name">{escaped(heading(one.entity))}</span> '
        f'<code>{escaped(one.rule)}</code><ul class="pairs">{columns}</ul>'
        f'<span class="quiet small">{escaped(one.remedy)}</span></td>'
        f'<td class="trend" data-label="trend">{_trend(one)}</td></tr>'
    )


def _column(one: InColumn, *, alone: bool) -> str:
    many = "" if alone else f'<span class="times">{one.records:,} \N{MULTIPLICATION SIGN}</span> '
    eg = "" if one.alike else '<span class="quiet">for example: </span>'
    where = "; ".join(
        escaped(place(e)) + ("" if one.alike or not e.found else f" ({_shape(e.found)})")
        for e in one.examples
    )
    return f'{many}{eg}{escaped(one.message)}<br><span class="quiet small">{where}</span>'


def _shape(text: str) -> str:
    return f'<span class="cell">{escaped(text)}</span>'


def _trend(one: RuleIssues) -> str:
    arrow, told = trend(one)
    if not arrow:
        return '<span class="quiet">\N{EN DASH}</span>'
    shares = [p.records / p.of for p in one.earlier] + [one.records / one.of if one.of else 0.0]
    way = {WORSE: "worse", BETTER: "better"}.get(arrow, "")
    return (
        f'<span class="way {way}" aria-hidden="true">{arrow}</span>'
        f"{sparkline(shares, escaped(told))}"
        f'<br><span class="quiet small">{escaped(told)}</span>'
    )


# --- compliance ----------------------------------------------------------------------------------


def _compliance(report: MigrationReport) -> str:
    if not report.files:
        return ""
    return (
        "<section><h2>Compliance</h2>"
        f"{cards_found(report.cards)}{personal_found(report.personal)}{_retention(report.retention)}"
        f"{_erased(report.erased)}</section>"
    )


_POLICIES = {
    "keep": "They were migrated as they are.",
    "skip": "They were not migrated, and nothing is kept of them.",
    "anonymise": "They were migrated without what says who they are.",
}


def _retention(retention: Retention | None) -> str:
    if retention is None:
        return ""
    kept = (
        f" Customers who left are kept for {counted(retention.cancelled_months, 'month')}."
        if retention.cancelled_months is not None
        else ""
    )
    told = [f"{counted(retention.customers, 'customer')} past it."]
    if retention.customers:
        told.append(_POLICIES.get(retention.policy, ""))
    told += [
        f"{count:,} of them {'stays' if count == 1 else 'stay'} all the same: {why}."
        for count, why in (
            (retention.served, "they have a service"),
            (retention.owing, "something is owed"),
        )
        if count
    ]
    return (
        f"<h3>Retention, as of {escaped(retention.as_of)}</h3><p>{' '.join(told)}{kept}</p>"
        + _counted_by_entity("Skipped", retention.skipped)
        + _counted_by_entity("Anonymised", retention.anonymised)
    )


def _erased(erased: Sequence[OfEntity]) -> str:
    if not erased:
        return ""
    return (
        "<h3>People who were erased at their request</h3>"
        "<p>The source still has them; they were not loaded again.</p>"
        + _counted_by_entity("Records", erased)
    )


def _counted_by_entity(what: str, counts: Sequence[OfEntity]) -> str:
    if not counts:
        return ""
    told = ", ".join(escaped(counted(c.records, label(c.entity)[:-1])) for c in counts)
    return f"<p>{what}: {told}.</p>"


# --- earlier migrations, and what it all rests on -------------------------------------------------


def _earlier(report: MigrationReport) -> str:
    if not report.earlier:
        return ""
    rows = "".join(
        row(
            str(e.migration),
            f'<td data-label="when (UTC)">{e.started_at:%Y-%m-%d %H:%M}</td>'
            f"<td>{escaped(MODES.get(e.mode, e.mode))}</td>"
            f"<td>{escaped(STATES.get(e.state, e.state))}</td>"
            f'<td class="n" data-label="read">{e.read:,}</td>'
            f'<td class="n" data-label="in quarantine">{e.quarantined:,}</td>'
            f'<td class="n" data-label="share">{percentage(e.quarantined, e.read)}</td>',
        )
        for e in reversed(report.earlier)
    )
    head = ("migration", "when (UTC)", "what", "outcome", "read#", "in quarantine#", "share#")
    return f"<section><h2>Earlier migrations of this spec</h2>{grid(head, rows)}</section>"


_CONFLICT = {
    "update": "the source wins",
    "keep": "the present row stays, and the record is held back",
    "fail": "the migration is refused if it differs",
}


def _footer(report: MigrationReport, signature: Signature | None) -> str:
    files = "".join(
        f"<li>{escaped(f.name)}"
        + (f" ({escaped(f.table)})" if f.table else "")
        + f", {counted(f.records, 'record')}"
        + (f" and {f.unreadable:,} that cannot be read" if f.unreadable else "")
        + f", {f.bytes:,} bytes, SHA-256 <code>{escaped(f.sha256)}</code></li>"
        for f in report.files[:ROWS]
    )
    plugins = "".join(
        f"<li>{escaped(p.module)}, SHA-256 <code>{escaped(p.sha256)}</code></li>"
        for p in report.plugins
    )
    return (
        "<footer><p>This page holds counts, sums, digests and shapes of cells, and no cell. It is "
        "made from the ledger and the tenant&#x27;s schema; the same again, also as JSON: "
        f"<code>ispmig report {escaped(report.tenant)} {report.migration}</code></p>"
        f"<p>Spec {escaped(report.spec.name)}, SHA-256 <code>{escaped(report.spec.sha256)}</code>. "
        f"Where a row is there already, {_CONFLICT.get(report.on_conflict, 'as said')}. "
        f"Run <code>{escaped(report.run)}</code>.</p>"
        f"<ul>{files}{plugins}</ul>{left_out(len(report.files))}"
        f"{contents(report)}{signed_by(signature)}</footer>"
    )
