"""The invoice line: what one position of an invoice is for."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import InOrder

_PERSONAL = f.Privacy.PERSONAL


class InvoiceLine(Entity):
    """A position of an invoice: how much of what, at which price and tax."""

    invoice_number: f.Text = f.text(
        "The invoice it stands on.",
        key=True,
        references="invoice",
        max_length=64,
        aliases=f.names("invoice, invoice id, invoice no, invnum, bill number"),
        privacy=_PERSONAL,
    )
    line_no: f.Integer = f.integer(
        "Position on the invoice.",
        key=True,
        aliases=f.names("line, line number, line id, position, pos, item no, sequence"),
    )
    kind: f.Text = f.choice(
        "What is billed.",
        "recurring",
        "usage",
        "setup",
        "equipment",
        "discount",
        "tax",
        "adjustment",
        "other",
        aliases=f.names("line type, item type, charge type, type, type id"),
    )
    item_code: f.Text = f.text(
        "Code of what is billed: a plan, a product, a fee.",
        max_length=100,
        aliases=f.names("item, item id, product id, product code, sku, plan id, service id"),
    )
    description: f.Text = f.text(
        "What is billed, in words.",
        max_length=2000,
        aliases=f.names("line description, item description, name, item name, label, details"),
        privacy=_PERSONAL,
    )
    period_start: f.Date = f.date(
        "First day that is billed.",
        aliases=f.names("period from, from, service from, invoiced from"),
    )
    period_end: f.Date = f.date(
        "Last day that is billed.",
        aliases=f.names("period to, to, service to, invoiced to"),
    )
    quantity: f.Quantity = f.quantity(
        "How many.",
        aliases=f.names("qty, units, count"),
        privacy=_PERSONAL,
    )
    unit: f.Text = f.text(
        "Of what the quantity counts, e.g. month, GB or piece.",
        max_length=50,
        aliases=f.names("unit of measure, uom"),
    )
    unit_price: f.Money = f.money(
        "Price of one.",
        aliases=f.names("price, unit cost, rate, price each"),
        privacy=_PERSONAL,
    )
    discount: f.Money = f.money(
        "What was taken off the line.",
        aliases=f.names("discount amount, line discount"),
        privacy=_PERSONAL,
    )
    tax_rate: f.Rate = f.rate(
        "Tax on the line.",
        aliases=f.names("vat rate, vat percent, tax percent"),
    )
    tax: f.Money = f.money(
        "Tax on the line.",
        aliases=f.names("tax amount, vat, vat amount"),
        privacy=_PERSONAL,
    )
    amount: f.Money = f.money(
        "What the line adds to the subtotal: before tax.",
        aliases=f.names("line amount, line total, total, sum, net amount, extended price"),
        privacy=_PERSONAL,
    )
    currency: f.Text = f.currency(
        "Currency of the amounts: the invoice's.",
        aliases=f.names("currency code, cur"),
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            InOrder("period_start", "period_end"),
        ) | business_rules(
            b.LineAddsUp(
                severity=Severity.ERROR,
                why="What the line adds to the invoice would not be what it says of it.",
            ),
            b.TaxAddsUp(
                why="Where several taxes are charged, the rate may be that of one of them."
            ),
            b.LineDiscount(why="More was taken off than was charged."),
            b.Signed(
                "amount",
                negative=True,
                kind="kind",
                values=("discount",),
                why="A discount takes something off; this one would be charged.",
            ),
            b.Happened("period_start", why="Hardly anybody is billed for days so far ahead."),
            b.NotEarlierThan("period_start", 1980, why='Such a day mostly stands for "unknown".'),
            b.Within(
                "period_start", "period_end", 1_100, why="Hardly anybody is billed for three years."
            ),
        )
