"""In which currency the amounts of an export are: as its columns, its signs or its country say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ispmig_pipelines.mapping.convert.currency import convert_currency
from ispmig_pipelines.mapping.suggest.leaning import typed_columns
from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.mapping.suggest.style import currency_said
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType

CURRENCY_OF = {
    "US": "USD", "GB": "GBP", "CH": "CHF", "PL": "PLN", "CZ": "CZK", "HU": "HUF", "TR": "TRY",
    "RU": "RUB", "UA": "UAH", "BR": "BRL", "MX": "MXN", "AR": "ARS", "CO": "COP", "CL": "CLP",
    "IN": "INR", "BD": "BDT", "PK": "PKR", "ID": "IDR", "PH": "PHP", "NG": "NGN", "KE": "KES",
    "GH": "GHS", "ZA": "ZAR", "AU": "AUD", "NZ": "NZD", "CA": "CAD", "SE": "SEK", "NO": "NOK",
    "BO": "BOB", "PE": "PEN", "UY": "UYU", "PY": "PYG", "GT": "GTQ", "HN": "HNL", "NI": "NIO",
    "CR": "CRC", "DO": "DOP", "VE": "VES", "EG": "EGP", "MA": "MAD", "DZ": "DZD", "TN": "TND",
    "LY": "LYD", "JO": "JOD", "LB": "LBP", "IQ": "IQD", "SA": "SAR", "AE": "AED", "QA": "QAR",
    "KW": "KWD", "OM": "OMR", "BH": "BHD", "YE": "YER", "IL": "ILS", "IR": "IRR", "AF": "AFN",
    "TZ": "TZS", "UG": "UGX", "RW": "RWF", "ET": "ETB", "MZ": "MZN", "AO": "AOA", "ZM": "ZMW",
    "MW": "MWK", "BW": "BWP", "NA": "NAD", "NP": "NPR", "LK": "LKR", "MM": "MMK", "TH": "THB",
    "VN": "VND", "KH": "KHR", "LA": "LAK", "MY": "MYR", "SG": "SGD", "HK": "HKD", "TW": "TWD",
    "KR": "KRW", "MN": "MNT", "UZ": "UZS", "KG": "KGS", "TJ": "TJS", "GE": "GEL", "AM": "AMD",
    "AZ": "AZN", "BY": "BYN", "MD": "MDL", "RO": "RON", "BG": "BGN", "RS": "RSD", "AL": "ALL",
    "MK": "MKD", "BA": "BAM", "IS": "ISK", "JM": "JMD", "TT": "TTD", "HT": "HTG", "FJ": "FJD",
    "PG": "PGK", "SD": "SDG", "SO": "SOS", "MG": "MGA", "CD": "CDF", "SL": "SLE", "GM": "GMD",
    "DK": "DKK", "KZ": "KZT", "JP": "JPY", "CN": "CNY",
    **dict.fromkeys(("DE", "FR", "ES", "IT", "PT", "NL", "BE", "AT", "IE", "FI", "GR", "SK", "SI",
                     "EE", "LV", "LT", "HR", "LU", "MT", "CY"), "EUR"),
}  # fmt: skip
COUNTRY_OF = {c: k for k, c in reversed(CURRENCY_OF.items()) if c not in ("EUR", "USD")}


@dataclass(frozen=True)
class Money:
    """The currency of a table's amounts.

    Attributes:
        mapping: a column, or a constant.
        assumed: nothing in the table says so.
    """

    mapping: Any
    reason: str
    assumed: bool = False


def currencies_of_all(
    tables: Mapping[str, Table], given: str, country: str
) -> dict[str, Money | None]:
    """Of each table the currency of its amounts, None where nothing says it.

    Args:
        tables: source → table.
        given: the currency that the user said, or "".
        country: where the export is from, or "".
    """
    own: dict[str, Money] = {}
    codes: set[str] = set()
    for name, table in tables.items():
        found = _currency_of(table)
        if found is not None:
            own[name] = found
            if isinstance(found.mapping, dict):
                codes.add(found.mapping["constant"])
            else:
                held = table.sample.column(found.mapping)
                common = max(held.counts, key=lambda w: held.counts[w], default="")
                if held.counts and held.counts[common] >= 0.95 * held.filled:
                    code = convert_currency(pa.array([common], pa.string())).values[0].as_py()
                    codes |= {code} if code else set()
    other: Money | None = None
    if given:
        other = Money({"constant": given}, "--currency")
    elif len(codes) == 1:
        other = Money({"constant": codes.pop()}, "as in other tables", assumed=True)
    elif not codes and (code := CURRENCY_OF.get(country, "")):
        other = Money({"constant": code}, f"of {country}", assumed=True)
    return {name: own.get(name, other) for name in tables}


def _currency_of(table: Table) -> Money | None:
    for holding in table.holdings:
        for field, match in holding.fields.items():
            info = ENTITIES[holding.entity].fields[field]
            if info.type is FieldType.CURRENCY and match.score >= ACTIVE:
                return Money(match.column, match.reason)
    for column, entity, field in typed_columns(table):
        info = ENTITIES[entity].fields[field]
        if info.type is FieldType.MONEY:
            if code := currency_said(table.profiles[column], info):
                return Money({"constant": code}, f"{column} has its sign")
            if code := _code_in(column):
                return Money({"constant": code}, f"{column} names it")
    return None


def _code_in(column: str) -> str:
    """``price_eur`` and ``Preis (€)`` name their currency."""
    signs = {"€": "EUR", "£": "GBP", "₴": "UAH", "₽": "RUB", "₹": "INR", "zł": "PLN", "R$": "BRL"}
    words = {
        w.upper() for w in column.replace("_", " ").replace("(", " ").replace(")", " ").split()
    }
    codes = {"EUR", "USD", "GBP", "CHF", "PLN", "CZK", "UAH", "RUB", "TRY", "BRL", "MXN", "INR",
             "BDT", "PKR", "ZAR", "KES", "NGN", "CAD", "AUD", "SEK", "NOK", "DKK"}  # fmt: skip
    found = words & codes or {code for sign, code in signs.items() if sign in column}
    return found.pop() if len(found) == 1 else ""
