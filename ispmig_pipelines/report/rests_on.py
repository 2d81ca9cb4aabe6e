"""What a report rests on, as parts of its page: sums by status, contents, audit trail, key."""

from __future__ import annotations

from ispmig_pipelines.page.document import escaped
from ispmig_pipelines.page.words import counted, money
from ispmig_pipelines.report.grid import grid, row
from ispmig_pipelines.report.report import Amount, MigrationReport, Signature
from ispmig_pipelines.report.words import currency

_SUMS = {
    "balance": "balances",
    "receivable": "of these, owed by customers",
    "credit": "of these, customers in credit",
    "deposit": "deposits",
    "invoiced": "invoices",
    "unpaid_invoice": "of these, still to be paid",
}
_SIDES = {
    "source": "read from the source",
    "before": "the tenant before",
    "after": "the tenant after",
}


def sums_by_status(report: MigrationReport) -> str:
    """The business in sums, as the books of the old system can be held against them."""
    if not report.by_status:
        return ""
    sides = {k: v for k, v in _SIDES.items() if any(getattr(t, k) for t in report.by_status)}
    rows = ""
    for total in report.by_status:
        cells = "".join(
            f'<td class="n" data-label="{told}">{_sum_of(getattr(total, side))}</td>'
            for side, told in sides.items()
        )
        days = " to ".join(dict.fromkeys(filter(None, total.as_of)))
        told = f"positive: {escaped(total.positive_is)}"
        told += f"; true on {escaped(days)}, by the records" if days else ""
        status = total.status.replace("_", " ") or "none said"
        rows += row(
            f'{escaped(_SUMS.get(total.measure, total.measure))}<br><span class="quiet small">'
            f"{told}</span>",
            f'<td data-label="currency">{escaped(currency(total))}</td>'
            f'<td data-label="status">{escaped(status)}</td>{cells}',
        )
    head = ["sum of", "currency", "status", *(f"{told}#" for told in sides.values())]
    return (
        "<h3>Balances, deposits and invoices, by status</h3>"
        '<p class="quiet">The source as it was mapped, with what went to quarantine or says '
        "something again; the tenant with all its rows, also those of other migrations.</p>"
        f"{grid(head, rows)}"
    )


def _sum_of(amount: Amount | None) -> str:
    if amount is None:
        return "\N{EN DASH}"
    return (
        f'{money(amount.amount)}<br><span class="quiet small">'
        f"{counted(amount.records, 'record')}</span>"
    )


def contents(report: MigrationReport) -> str:
    """What the tenant's content was, and where the migration stands in the audit trail."""
    told = "".join(
        f"<li>Content of the tenant {when}, at {found.at:%Y-%m-%d %H:%M:%S} UTC: "
        f"{counted(found.rows, 'row')}, SHA-256 <code>{escaped(found.sha256)}</code></li>"
        for when, found in (("before", report.content_before), ("after", report.content_after))
        if found is not None
    )
    if report.audit_head is not None:
        told += (
            f"<li>Audit trail: entry {report.audit_head.position:,}, SHA-256 "
            f"<code>{escaped(report.audit_head.digest)}</code></li>"
        )
    return f"<ul>{told}</ul>" if told else ""


def signed_by(signature: Signature | None) -> str:
    """Who vouches for the page; "" where nobody does."""
    if signature is None:
        return ""
    return (
        f"<p>Signed with the key <code>{escaped(signature.key)}</code> on "
        f"{signature.signed_at:%Y-%m-%d %H:%M} UTC. This page carries the signed data; whether "
        "both are as they were signed says, anywhere and without a network: "
        "<code>ispmig report verify FILE --key KEY.pem</code></p>"
    )
