"""The payment: what the ISP was paid."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules

_PERSONAL = f.Privacy.PERSONAL


class Payment(Entity):
    """Money received from a customer, or given back: when, how much, how, for which invoice."""

    payment_number: f.Text = f.text(
        "The number the ISP knows the payment by.",
        key=True,
        max_length=64,
        aliases=f.names(
            "payment, payment id, payment no, paynum, receipt, receipt number, receipt no, "
            "transaction no"
        ),
        privacy=_PERSONAL,
    )
    customer: f.Text = f.text(
        "The customer who paid.",
        references="customer",
        required=True,
        max_length=64,
        aliases=f.names(
            "account number, account id, customer id, custnum, client id, subscriber id, "
            "userident, user id"
        ),
        privacy=_PERSONAL,
    )
    invoice: f.Text = f.text(
        "The invoice that was paid, if it was for one.",
        references="invoice",
        max_length=64,
        aliases=f.names("invoice number, invoice id, invoice no, invnum"),
        privacy=_PERSONAL,
    )
    kind: f.Text = f.choice(
        "What moved: a refund's and a chargeback's amounts are negative.",
        "payment",
        "refund",
        "chargeback",
        "credit",
        aliases=f.names("transaction type, type"),
    )
    status: f.Text = f.choice(
        "Where the payment stands; empty where the source does not say.",
        "pending",
        "completed",
        "failed",
        "refunded",
        "void",
        aliases=f.names("payment status, transaction status, state, status id"),
    )
    paid_at: f.Timestamp = f.timestamp(
        "When it was paid.",
        aliases=f.names(
            "date, payment date, paid on, paid date, created date, date paid, transaction date, "
            "received, payment time"
        ),
    )
    amount: f.Money = f.money(
        "How much was paid; positive is received by the ISP.",
        required=True,
        aliases=f.names("payment amount, paid, paid amount, total, sum, price"),
        privacy=_PERSONAL,
    )
    amount_unapplied: f.Money = f.money(
        "How much of it is not yet set against invoices.",
        aliases=f.names("credit amount, unapplied, unallocated"),
        privacy=_PERSONAL,
    )
    fee: f.Money = f.money(
        "What the provider kept.",
        aliases=f.names("commission, processing fee, transaction fee, provider fee"),
        privacy=_PERSONAL,
    )
    currency: f.Text = f.currency(
        "Currency of the amounts.",
        required=True,
        aliases=f.names("currency code, cur"),
    )
    method: f.Text = f.choice(
        "How it was paid.",
        "cash",
        "cheque",
        "card",
        "bank_transfer",
        "direct_debit",
        "online",
        "mobile_money",
        "voucher",
        "balance",
        "other",
        aliases=f.names("payment method, method id, payment type, type id, paid by, payby"),
    )
    reference: f.Text = f.text(
        "What the payer quoted: number of a cheque, of a transfer or of a receipt.",
        aliases=f.names("check number, cheque number, ref, payment reference, variable symbol"),
        privacy=_PERSONAL,
    )
    provider: f.Text = f.text(
        "Who handled the payment, e.g. a bank or a gateway.",
        max_length=100,
        aliases=f.names("gateway, provider name, processor, payment gateway, bank"),
    )
    provider_reference: f.Text = f.text(
        "The provider's number of the payment.",
        aliases=f.names(
            "transaction id, trx id, provider payment id, gateway transaction id, authorization, "
            "auth code"
        ),
        privacy=_PERSONAL,
    )
    received_by: f.Text = f.text(
        "Who took the payment.",
        max_length=100,
        aliases=f.names("cashier, collector, operator, user, admin, created by"),
        privacy=_PERSONAL,
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, memo, description"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = business_rules(
            b.Signed(
                "amount",
                negative=True,
                kind="kind",
                values=("refund", "chargeback"),
                severity=Severity.ERROR,
                why="Money given back is negative: this would count as received.",
            ),
            b.NoMoreThan(
                "amount_unapplied",
                "amount",
                severity=Severity.ERROR,
                why="More cannot be left of a payment than it was.",
            ),
            b.Happened(
                "paid_at", severity=Severity.ERROR, why="Nothing was paid on a day so far ahead."
            ),
            b.Signed(
                "amount",
                kind="kind",
                values=("payment",),
                why="A payment of less than nothing is a refund.",
            ),
            b.NoMoreThan("fee", "amount", why="The provider kept more than was paid."),
            b.NotZero("amount", why="Nothing was paid."),
            b.NotEarlierThan("paid_at", 1980, why='Such a day mostly stands for "unknown".'),
        )
