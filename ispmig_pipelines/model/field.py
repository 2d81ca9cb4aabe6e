"""How a field of an entity is declared: type, checks and meaning in one place.

``balance: Money = money("What the customer owes", currency="currency")`` is at once the
Pandera column with its checks, the Postgres column, the mapping target and the row in the
documentation. The annotation gives the frame's type, the function the meaning; a test holds
that they agree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa_pandas
import pyarrow as pa

from ispmig_pipelines.model.check import checks_of
from ispmig_pipelines.model.field_info import (
    ARROW_TYPES,
    COORDINATE,
    METADATA_KEY,
    MONEY,
    QUANTITY,
    RATE,
    TIME,
    TIMESTAMP,
    FieldInfo,
    FieldType,
    Privacy,
)

__all__ = [
    "ARROW_TYPES",
    "METADATA_KEY",
    "Boolean",
    "Coordinate",
    "Date",
    "FieldInfo",
    "FieldType",
    "Integer",
    "Money",
    "Privacy",
    "Quantity",
    "Rate",
    "Text",
    "Time",
    "Timestamp",
    "address",
    "boolean",
    "choice",
    "coordinate",
    "country",
    "currency",
    "data_rate",
    "date",
    "email",
    "field",
    "integer",
    "language",
    "mac",
    "money",
    "names",
    "network",
    "phone",
    "postal_code",
    "quantity",
    "rate",
    "text",
    "time_of_day",
    "timestamp",
    "uuid",
]

# The frame types an entity may use: pandas 3 columns backed by Arrow, so that money is
# decimal, dates have no time, and missing is missing.
Text = str
Integer = pd.Int64Dtype
Boolean = pd.BooleanDtype
Money = Annotated[pd.ArrowDtype, MONEY]
Coordinate = Annotated[pd.ArrowDtype, COORDINATE]
Rate = Annotated[pd.ArrowDtype, RATE]
Quantity = Annotated[pd.ArrowDtype, QUANTITY]
Date = Annotated[pd.ArrowDtype, pa.date32()]
Timestamp = Annotated[pd.ArrowDtype, TIMESTAMP]
Time = Annotated[pd.ArrowDtype, TIME]


def names(listed: str) -> tuple[str, ...]:
    """Column names of legacy systems, written one after the other with commas between."""
    return tuple(name.strip() for name in listed.split(","))


def field(info: FieldInfo) -> Any:
    """A Pandera field with the checks that ``info`` implies, carrying ``info`` itself."""
    if info.type is FieldType.TEXT and (info.must_hold_value or info.references):
        # An empty text names nothing: as a key or a reference it would join what is unrelated.
        info = replace(info, min_length=1)
    declared = pa_pandas.Field(
        nullable=not info.must_hold_value,
        description=info.doc,
        metadata={METADATA_KEY: info},
    )
    declared.checks.extend(checks_of(info))
    return declared


def text(doc: str, *, max_length: int | None = 255, **rest: Any) -> Any:
    """Free text or an identifier of at most ``max_length`` characters (None: its pattern says)."""
    return field(FieldInfo(FieldType.TEXT, doc, max_length=max_length, **rest))


def choice(doc: str, *choices: str, **rest: Any) -> Any:
    """One of a closed list of words."""
    return field(FieldInfo(FieldType.CHOICE, doc, choices=choices, **rest))


# Any character an address may have but the @ sign: printable ASCII and, since RFC 6531,
# everything from U+00A1 up. Written as ranges of the characters themselves, because the
# three engines that read it share no escape for them.
_MAILBOX = "[!-?A-~\u00a1-\U0010ffff]+"


def email(doc: str, **rest: Any) -> Any:
    """An email address, at most 254 characters (RFC 5321, section 4.5.3.1)."""
    return field(
        FieldInfo(
            FieldType.EMAIL,
            doc,
            max_length=254,
            pattern=f"{_MAILBOX}@{_MAILBOX}",
            pattern_doc="an email address",
            privacy=Privacy.PERSONAL,
            **rest,
        )
    )


def phone(doc: str, **rest: Any) -> Any:
    """A telephone number in E.164 form (ITU-T E.164: plus sign, at most 15 digits)."""
    return field(
        FieldInfo(
            FieldType.PHONE,
            doc,
            max_length=16,
            # Its end is the length's: PostgreSQL takes three times as long over {4,14}.
            pattern="[+][1-9][0-9]{4}[0-9]*",
            pattern_doc="a telephone number in E.164 form",
            privacy=Privacy.PERSONAL,
            **rest,
        )
    )


def country(doc: str, **rest: Any) -> Any:
    """A country, ISO 3166-1 alpha-2."""
    return field(
        FieldInfo(
            FieldType.COUNTRY,
            doc,
            pattern="[A-Z]{2}",
            pattern_doc="a country code of two capital letters (ISO 3166-1)",
            **rest,
        )
    )


def currency(doc: str, **rest: Any) -> Any:
    """A currency, ISO 4217."""
    return field(
        FieldInfo(
            FieldType.CURRENCY,
            doc,
            pattern="[A-Z]{3}",
            pattern_doc="a currency code of three capital letters (ISO 4217)",
            **rest,
        )
    )


def language(doc: str, **rest: Any) -> Any:
    """A language, as the shortest tag that BCP 47 (RFC 5646) has for it: ``en``, ``pt-BR``."""
    return field(
        FieldInfo(
            FieldType.LANGUAGE,
            doc,
            max_length=35,
            pattern="[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*",
            pattern_doc="a language tag such as en or pt-BR",
            **rest,
        )
    )


def postal_code(doc: str, **rest: Any) -> Any:
    """A postal code: a text, because zeros lead, in capital letters."""
    return field(
        FieldInfo(FieldType.POSTAL_CODE, doc, max_length=20, privacy=Privacy.PERSONAL, **rest)
    )


def uuid(doc: str, **rest: Any) -> Any:
    """A UUID (RFC 9562) in lower case with its four hyphens."""
    return field(
        FieldInfo(
            FieldType.UUID,
            doc,
            pattern="[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            pattern_doc="a UUID of 32 hexadecimal digits",
            **rest,
        )
    )


def integer(doc: str, *, minimum: int | None = 0, **rest: Any) -> Any:
    """A whole number, at least 0 unless said otherwise."""
    return field(FieldInfo(FieldType.INTEGER, doc, minimum=minimum, **rest))


def data_rate(doc: str, **rest: Any) -> Any:
    """A speed in kbit/s (1,000 bit/s)."""
    return field(FieldInfo(FieldType.DATA_RATE, doc, minimum=0, unit="kbit/s", **rest))


def money(doc: str, *, currency: str = "currency", **rest: Any) -> Any:
    """An exact amount with four decimals, in the currency that another field names."""
    return field(FieldInfo(FieldType.MONEY, doc, currency=currency, **rest))


def quantity(doc: str, **rest: Any) -> Any:
    """An exact number of things, hours or gigabytes, with six decimals."""
    return field(FieldInfo(FieldType.QUANTITY, doc, **rest))


def rate(doc: str, **rest: Any) -> Any:
    """A share from 0 to 1 with six decimals: 0.19 is 19 %, and 19 is a mistake."""
    return field(FieldInfo(FieldType.RATE, doc, minimum=0, maximum=1, **rest))


def coordinate(doc: str, *, minimum: int, maximum: int, **rest: Any) -> Any:
    """An angle in decimal degrees (WGS 84) with six decimals: about 0.1 m."""
    return field(
        FieldInfo(
            FieldType.COORDINATE,
            doc,
            minimum=minimum,
            maximum=maximum,
            unit="degrees",
            privacy=Privacy.PERSONAL,
            **rest,
        )
    )


def boolean(doc: str, **rest: Any) -> Any:
    """Yes or no."""
    return field(FieldInfo(FieldType.BOOLEAN, doc, **rest))


def date(doc: str, **rest: Any) -> Any:
    """A calendar day of the years 1 to 9999 (ISO 8601 without extension)."""
    return field(FieldInfo(FieldType.DATE, doc, **rest))


def timestamp(doc: str, **rest: Any) -> Any:
    """An instant of the years 1 to 9999, kept in UTC to the microsecond."""
    return field(FieldInfo(FieldType.TIMESTAMP, doc, **rest))


def time_of_day(doc: str, **rest: Any) -> Any:
    """A time of day, from 00:00 to before 24:00, to the microsecond; of no day and no zone."""
    return field(FieldInfo(FieldType.TIME, doc, **rest))


def address(doc: str, **rest: Any) -> Any:
    """One IPv4 or IPv6 address, in canonical text (RFC 5952 for IPv6)."""
    return field(FieldInfo(FieldType.ADDRESS, doc, max_length=45, **rest))


def network(doc: str, **rest: Any) -> Any:
    """One IPv4 or IPv6 network in CIDR notation (RFC 4632): ``10.0.0.0/24``, no host bits set."""
    return field(FieldInfo(FieldType.NETWORK, doc, max_length=49, **rest))


def mac(doc: str, **rest: Any) -> Any:
    """A MAC address (EUI-48) as ``aa:bb:cc:dd:ee:ff``."""
    return field(
        FieldInfo(
            FieldType.MAC,
            doc,
            pattern="(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
            pattern_doc="a MAC address of six bytes",
            **rest,
        )
    )
