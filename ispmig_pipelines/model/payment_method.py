"""The payment method: with what a customer pays, never the number of it."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import Together

_PAYMENT = f.Privacy.PAYMENT
_PERSONAL = f.Privacy.PERSONAL


class PaymentMethod(Entity):
    """A card or bank account that a customer pays with: its brand, last four digits, expiry and
    the processor's token for it. Its number is never held (PCI DSS, requirement 3)."""

    method_code: f.Text = f.text(
        "The number the ISP knows the payment method by.",
        key=True,
        max_length=64,
        aliases=f.names(
            "method, method id, payment method id, payment profile id, card id, wallet id"
        ),
        privacy=_PAYMENT,
    )
    customer: f.Text = f.text(
        "The customer who pays with it.",
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
        "What it is.",
        "card",
        "bank_account",
        "wallet",
        aliases=f.names("method type, payment method, payment type, type, payby"),
    )
    status: f.Text = f.choice(
        "Whether it can be charged.",
        "active",
        "expired",
        "revoked",
        aliases=f.names("method status, card status, enabled"),
    )
    brand: f.Text = f.text(
        "Brand of the card, e.g. visa or mastercard.",
        max_length=40,
        aliases=f.names("card type, card brand, creditcardtype, network"),
        privacy=_PAYMENT,
    )
    last_four: f.Text = f.text(
        "Last four digits of the card or account; text, because zeros lead.",
        max_length=None,
        pattern="[0-9]{4}",
        pattern_doc="the last four digits",
        aliases=f.names("last4, last four digits, last digits, card last4, identifier"),
        privacy=_PAYMENT,
    )
    expiry_month: f.Integer = f.integer(
        "Month in which the card ends: 1 to 12.",
        minimum=1,
        maximum=12,
        aliases=f.names("expiration month, exp month, card expiry month"),
        privacy=_PAYMENT,
    )
    expiry_year: f.Integer = f.integer(
        "Year in which the card ends, with four digits.",
        minimum=1980,
        maximum=2199,
        aliases=f.names("expiration year, exp year, card expiry year"),
        privacy=_PAYMENT,
    )
    holder_name: f.Text = f.text(
        "Name on the card or of the account's owner.",
        max_length=200,
        aliases=f.names("card holder, cardholder name, name on card, creditcardname, payname"),
        privacy=_PERSONAL,
    )
    bank_name: f.Text = f.text(
        "Bank of the account or card.",
        max_length=200,
        aliases=f.names("bank, issuer"),
        privacy=_PAYMENT,
    )
    processor: f.Text = f.text(
        "Payment processor that holds the number.",
        max_length=100,
        aliases=f.names("gateway, payment processor, provider, payment gateway"),
    )
    processor_customer: f.Text = f.text(
        "The processor's number of the customer.",
        aliases=f.names("payment processor customer profile id, customer profile id, gateway id"),
        privacy=_PAYMENT,
    )
    # At most eleven digits, or a letter among them: what a card number (12 to 19 digits, with or
    # without hyphens) can never be, so that no spec can put one here by mistake.
    token: f.Text = f.text(
        "The processor's token for the number.",
        pattern="[0-9]{1,11}|[!-~]*[A-Za-z][!-~]*",
        pattern_doc="a token: with a letter or of at most 11 digits, never the number itself",
        aliases=f.names("card token, payment token, vault id, paymenttokenid"),
        privacy=f.Privacy.SECRET,
    )
    mandate_reference: f.Text = f.text(
        "Number of the direct debit mandate.",
        max_length=64,
        aliases=f.names("mandate, mandate id, sepa mandate, umr"),
        privacy=_PAYMENT,
    )
    mandate_date: f.Date = f.date(
        "Day on which the mandate was signed.",
        aliases=f.names("mandate signed, sepa mandate date"),
        privacy=_PAYMENT,
    )
    is_default: f.Boolean = f.boolean(
        "Used unless another is chosen.",
        aliases=f.names("default, primary"),
    )
    autopay: f.Boolean = f.boolean(
        "Charged by itself when an invoice is due.",
        aliases=f.names("auto, automatic, auto pay enabled"),
    )

    class Config:
        metadata = row_rules(
            Together("expiry_month", "expiry_year"),
        ) | business_rules(
            b.Happened(
                "mandate_date",
                severity=Severity.ERROR,
                why="Nothing was signed on a day so far ahead.",
            ),
            b.Asks(
                "card_needs_last_four_or_token",
                "kind",
                ("card",),
                ("last_four", "token"),
                why="Neither can the card be charged nor told from others.",
            ),
            b.CardNotExpired(
                "expiry_month",
                "expiry_year",
                "status",
                ("active",),
                why="The card cannot be charged.",
            ),
        )
