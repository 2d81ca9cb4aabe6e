"""Sound rows of every entity: what the platform takes without a word, made from the model."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from decimal import Decimal
from typing import Any

from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

TODAY = dt.date(2026, 5, 4)
"""The day on which the rows are sound."""

_CENT = Decimal("0.01")

# In the order in which they lie on the calendar, a month apart.
_DATES = (
    "birth_date", "contract_date", "signup_date", "sold_from", "purchase_date", "mandate_date",
    "assigned_date", "start_date", "discount_from", "billing_start_date", "period_start",
    "installed_date", "issue_date", "consent_date", "balance_date", "suspended_date",
    "period_end", "billed_until", "paid_date", "due_date", "next_bill_date", "returned_date",
    "released_date", "end_date", "cancelled_date", "contract_end_date", "discount_until",
    "sold_until", "warranty_until", "credit_limit_until", "retain_until",
)  # fmt: skip


def sound_row(entity: EntityInfo, rng: random.Random) -> dict[str, Any]:
    """A row with a value in every field, in which no two contradict each other.

    What must not stand together (a day of leaving beside an active status) is left out.
    """
    row = {name: _value(name, info, rng) for name, info in entity.fields.items()}
    _SETTLED.get(entity.name, lambda row, rng: None)(row, rng)
    return row


def _value(name: str, info: FieldInfo, rng: random.Random) -> Any:
    match info.type:
        case FieldType.CHOICE:
            return rng.choice(info.choices)
        case FieldType.EMAIL:
            return f"a{rng.randrange(99)}@example.net"
        case FieldType.PHONE:
            return f"+4930{rng.randrange(10**6, 10**7)}"
        case FieldType.COUNTRY:
            return "DE"
        case FieldType.CURRENCY:
            return rng.choice(["EUR", "USD", "JPY", "CHF"])
        case FieldType.LANGUAGE:
            return "pt-BR"
        case FieldType.POSTAL_CODE:
            return "01234"
        case FieldType.UUID:
            return str(uuid.UUID(int=rng.getrandbits(128)))
        case FieldType.BOOLEAN:
            return rng.random() < 0.5
        case FieldType.DATE:
            # Three years before the migration, in order.
            first = TODAY - dt.timedelta(days=3 * 365)
            return first + dt.timedelta(days=30 * _DATES.index(name) + rng.randrange(29))
        case FieldType.TIMESTAMP:
            return dt.datetime(2025, 11, 30, 12, rng.randrange(60), tzinfo=dt.UTC)
        case FieldType.TIME:
            return dt.time(rng.randrange(24), 30)
        case FieldType.ADDRESS:
            return rng.choice([f"10.0.0.{rng.randrange(1, 254)}", "2001:db8::7"])
        case FieldType.NETWORK:
            return "10.0.0.0/24"
        case FieldType.MAC:
            return f"02:00:00:00:00:{rng.randrange(256):02x}"
        case FieldType.RATE:
            return rng.choice([Decimal("0.19"), Decimal("0.077"), Decimal(0)])
        case FieldType.COORDINATE:
            return Decimal(rng.randrange(1, 89)) + Decimal("0.123456")
        case FieldType.MONEY | FieldType.QUANTITY:
            return Decimal(rng.randrange(1, 1000)) + _CENT * rng.randrange(100)
    if info.type in (FieldType.INTEGER, FieldType.DATA_RATE):
        low = 1 if info.minimum is None else max(info.minimum, 1)
        return rng.randint(low, 28 if info.maximum is None else min(info.maximum, low + 27))
    if info.pattern:
        return {"[0-9]{4}": "0042"}.get(info.pattern, "tok_1")
    return f"x{rng.randrange(10**6)}"[: info.max_length]


def _customer(row: dict[str, Any], rng: random.Random) -> None:
    if row["status"] in ("active", "suspended"):
        row["cancelled_date"] = None
    if row["payment_terms"] == "prepaid":
        row["due_days"] = rng.choice([0, None])
    row["birth_date"] = dt.date(1980, 2, 29)


def _speeds(row: dict[str, Any], rng: random.Random) -> None:
    row["download_kbps"] = rng.choice([512, 100_000, 10_000_000])
    row["upload_kbps"] = row["download_kbps"] // rng.choice([1, 4])


def _plan(row: dict[str, Any], rng: random.Random) -> None:
    _speeds(row, rng)
    row["burst_download_kbps"] = row["download_kbps"] * 2
    row["burst_upload_kbps"] = row["upload_kbps"]


def _service(row: dict[str, Any], rng: random.Random) -> None:
    _speeds(row, rng)
    if row["status"] == "active":
        row["end_date"] = None
    row["discount_rate"] = Decimal("0.5")
    row["discount_amount"] = row["price"] * row["discount_rate"]


def _invoice(row: dict[str, Any], rng: random.Random) -> None:
    row["kind"] = rng.choice(["invoice", "proforma", "credit_note"])
    sign = -1 if row["kind"] == "credit_note" else 1
    in_lines = rng.random() < 0.5
    row["subtotal"] *= sign
    row["tax"] = (row["subtotal"] * Decimal("0.19")).quantize(_CENT)
    row["discount"] = min(row["discount"], abs(row["subtotal"]) // 2)
    row["total"] = row["subtotal"] + row["tax"]
    if not in_lines:
        row["total"] -= sign * row["discount"]
    row["amount_paid"] = row["total"] if row["status"] == "paid" else row["total"] // 4
    row["amount_due"] = row["total"] - row["amount_paid"]


def _invoice_line(row: dict[str, Any], rng: random.Random) -> None:
    sign = -1 if row["kind"] == "discount" else 1
    row["quantity"] = Decimal(rng.randrange(1, 9)) + rng.choice([Decimal(0), Decimal("0.25")])
    row["unit_price"] *= sign
    row["discount"] = rng.choice([Decimal(0), Decimal("0.50")])
    made = (row["quantity"] * row["unit_price"]).quantize(_CENT)
    row["amount"] = made - sign * row["discount"] * rng.choice([0, 1])
    row["tax"] = (row["amount"] * row["tax_rate"]).quantize(_CENT)


def _payment(row: dict[str, Any], rng: random.Random) -> None:
    if row["kind"] in ("refund", "chargeback"):
        row["amount"] *= -1
    row["amount_unapplied"] = row["amount"] / 2
    row["fee"] = abs(row["amount"]) / 100


def _payment_method(row: dict[str, Any], rng: random.Random) -> None:
    row["expiry_year"] = TODAY.year + 1


def _device(row: dict[str, Any], rng: random.Random) -> None:
    if row["status"] == "active":
        row["returned_date"] = None


def _ip_assignment(row: dict[str, Any], rng: random.Random) -> None:
    is_ipv6 = ":" in row["address"]
    row["prefix_length"] = 128 if is_ipv6 else 32
    row["network"] = "2001:db8::/32" if is_ipv6 else "10.0.0.0/24"
    row["gateway"] = "2001:db8::1" if is_ipv6 else "10.0.0.254"
    if row["status"] == "active":
        row["released_date"] = None


_SETTLED = {
    "customer": _customer,
    "plan": _plan,
    "service": _service,
    "invoice": _invoice,
    "invoice_line": _invoice_line,
    "payment": _payment,
    "payment_method": _payment_method,
    "device": _device,
    "ip_assignment": _ip_assignment,
}
