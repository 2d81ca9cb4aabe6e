"""The invoice: what the ISP asked to be paid."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import InOrder

_PERSONAL = f.Privacy.PERSONAL


class Invoice(Entity):
    """A bill to a customer: when it was issued and is due, for which period, how much."""

    invoice_number: f.Text = f.text(
        "The number printed on the invoice.",
        key=True,
        max_length=64,
        aliases=f.names("invoice, invoice id, invoice no, invnum, bill number, number"),
        privacy=_PERSONAL,
    )
    customer: f.Text = f.text(
        "The customer who is billed.",
        references="customer",
        required=True,
        max_length=64,
        aliases=f.names(
            "account number, account id, customer id, custnum, client id, subscriber id, "
            "userident, user id"
        ),
        privacy=_PERSONAL,
    )
    kind: f.Text = f.choice(
        "What the document is; a credit note's amounts are negative.",
        "invoice",
        "credit_note",
        "proforma",
        aliases=f.names("invoice type, document type, type, type id"),
    )
    status: f.Text = f.choice(
        "Where the invoice stands; empty where the source does not say.",
        "draft",
        "open",
        "partly_paid",
        "paid",
        "overdue",
        "disputed",
        "written_off",
        "void",
        aliases=f.names("invoice status, payment status, state, status id"),
    )
    issue_date: f.Date = f.date(
        "Day of issue.",
        aliases=f.names("invoice date, date, date created, created date, issued, bill date"),
    )
    due_date: f.Date = f.date(
        "Day by which it is to be paid.",
        aliases=f.names("due, date till, payment due, pay by"),
    )
    paid_date: f.Date = f.date(
        "Day on which it was paid in full.",
        aliases=f.names("date payment, paid on, payment date"),
    )
    period_start: f.Date = f.date(
        "First day that is billed.",
        aliases=f.names("period from, invoiced from, service from, billing from"),
    )
    period_end: f.Date = f.date(
        "Last day that is billed.",
        aliases=f.names("period to, invoiced to, service to, billing to"),
    )
    subtotal: f.Money = f.money(
        "Sum of the lines before tax.",
        aliases=f.names("net, net amount, total untaxed, amount without tax"),
        privacy=_PERSONAL,
    )
    discount: f.Money = f.money(
        "What was taken off.",
        aliases=f.names("discount amount, total discount"),
        privacy=_PERSONAL,
    )
    tax: f.Money = f.money(
        "Tax on the invoice.",
        aliases=f.names("tax amount, tax total, total tax amount, vat, vat amount"),
        privacy=_PERSONAL,
    )
    total: f.Money = f.money(
        "What is to be paid: subtotal and tax; positive is owed to the ISP.",
        required=True,
        aliases=f.names("amount, total amount, invoice amount, invoice total, gross, grand total"),
        privacy=_PERSONAL,
    )
    amount_paid: f.Money = f.money(
        "What has been paid of it.",
        aliases=f.names("paid, paid amount, payments"),
        privacy=_PERSONAL,
    )
    amount_due: f.Money = f.money(
        "What is still to be paid of it.",
        aliases=f.names("amount to pay, outstanding, balance, balance due, open amount, remaining"),
        privacy=_PERSONAL,
    )
    currency: f.Text = f.currency(
        "Currency of all amounts.",
        required=True,
        aliases=f.names("currency code, cur"),
    )
    bill_to_name: f.Text = f.text(
        "Name on the invoice when it was issued.",
        aliases=f.names("billing name, customer name, client name"),
        privacy=_PERSONAL,
    )
    bill_to_address: f.Text = f.text(
        "Address on the invoice when it was issued.",
        max_length=1000,
        aliases=f.names("billing address, invoice address"),
        privacy=_PERSONAL,
    )
    payment_reference: f.Text = f.text(
        "What the payer should quote.",
        aliases=f.names("variable symbol, reference, structured communication"),
        privacy=_PERSONAL,
    )
    purchase_order: f.Text = f.text(
        "Number of the customer's order.",
        aliases=f.names("po number, purchase order number, order number"),
        privacy=_PERSONAL,
    )
    sent_at: f.Timestamp = f.timestamp(
        "When the invoice was sent.",
        aliases=f.names("email sent date, sent, date sent"),
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, memo, comment, comments, admin notes"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            InOrder("issue_date", "due_date"),
            InOrder("period_start", "period_end"),
        ) | business_rules(
            b.TotalAddsUp(
                severity=Severity.ERROR,
                why="What is to be paid would not be what the invoice says of it.",
            ),
            b.PaidAndDue(
                reach=False,
                severity=Severity.ERROR,
                why="More would be asked for than the invoice is over.",
            ),
            b.AmountBy(
                "paid_has_nothing_due",
                "status",
                ("paid",),
                "amount_due",
                severity=Severity.ERROR,
                why="What is paid would be asked for again.",
            ),
            b.Signed(
                "total",
                negative=True,
                kind="kind",
                values=("credit_note",),
                severity=Severity.ERROR,
                why="A credit note's amounts are negative: this one would be owed to the ISP.",
            ),
            b.Happened(
                "issue_date",
                severity=Severity.ERROR,
                why="Nothing was issued on a day so far ahead.",
            ),
            b.Happened(
                "paid_date", severity=Severity.ERROR, why="Nothing was paid on a day so far ahead."
            ),
            b.PaidAndDue(
                reach=True,
                why="Less is asked for than is open; a credit note may have settled the rest.",
            ),
            b.AmountBy(
                "unpaid_has_something_due",
                "status",
                ("open", "overdue", "partly_paid"),
                "amount_due",
                some=True,
                why="It is open, and nothing is to be paid.",
            ),
            b.Signed(
                "total",
                kind="kind",
                values=("invoice",),
                why="An invoice over less than nothing is a credit note.",
            ),
            b.NotBefore("issue_date", "paid_date", why="It was paid before it was issued."),
            b.Within(
                "issue_date", "due_date", 1_100, why="Hardly anybody may pay three years later."
            ),
            b.Within(
                "period_start", "period_end", 1_100, why="Hardly anybody is billed for three years."
            ),
            b.AmountBy(
                "paid_has_been_paid",
                "status",
                ("paid",),
                "amount_paid",
                some=True,
                of="total",
                why="It is said to be paid, and nothing was.",
            ),
            b.Signed(
                "amount_paid",
                kind="kind",
                values=("invoice",),
                why="Less than nothing was paid of it: what is given back stands in a credit note.",
            ),
            b.NoMoreThan(
                "discount",
                "subtotal",
                free=True,
                why="More was taken off than was charged, or than is left.",
            ),
            b.SameSign("tax", "subtotal", why="What is charged is taxed, not what is paid out."),
            b.NotBefore("issue_date", "sent_at", 31, why="It was sent before it was issued."),
            b.Happened("sent_at", 1, why="What is yet to be sent was not sent."),
            b.Happened("period_start", why="Hardly anybody is billed for days so far ahead."),
            b.NotEarlierThan("issue_date", 1980, why='Such a day mostly stands for "unknown".'),
            b.NotEarlierThan("period_start", 1980, why='Such a day mostly stands for "unknown".'),
        )
