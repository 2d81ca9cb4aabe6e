"""How a field of an entity is declared: type, checks and meaning in one place.

``balance: Money = money("What the customer owes", currency="currency")`` is at once the
Pandera column with its checks, the Postgres column, the mapping target and the row in the
documentation. The annotation gives the frame's type, the function the meaning; a test holds
that they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa_pandas
import pyarrow as pa

MONEY = pa.decimal128(19, 4)
COORDINATE = pa.decimal128(9, 6)
RATE = pa.decimal128(9, 6)
QUANTITY = pa.decimal128(19, 6)
TIMESTAMP = pa.timestamp("us", tz="UTC")

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


class FieldType(StrEnum):
    """What a value means; decides how it is converted, stored and masked."""

    TEXT = "text"
    CHOICE = "choice"
    EMAIL = "email"
    PHONE = "phone"
    COUNTRY = "country"
    CURRENCY = "currency"
    INTEGER = "integer"
    DATA_RATE = "data rate"
    MONEY = "money"
    COORDINATE = "coordinate"
    RATE = "rate"
    QUANTITY = "quantity"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    ADDRESS = "IP address"
    MAC = "MAC address"


ARROW_TYPES: dict[FieldType, pa.DataType] = {
    FieldType.TEXT: pa.string(),
    FieldType.CHOICE: pa.string(),
    FieldType.EMAIL: pa.string(),
    FieldType.PHONE: pa.string(),
    FieldType.COUNTRY: pa.string(),
    FieldType.CURRENCY: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.DATA_RATE: pa.int64(),
    FieldType.MONEY: MONEY,
    FieldType.COORDINATE: COORDINATE,
    FieldType.RATE: RATE,
    FieldType.QUANTITY: QUANTITY,
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
    FieldType.TIMESTAMP: TIMESTAMP,
    FieldType.ADDRESS: pa.string(),
    FieldType.MAC: pa.string(),
}
"""How a canonical value of each type is held between the stages."""


class Privacy(StrEnum):
    """Whom a field's content could hurt; decides masking and erasure."""

    PUBLIC = "public"  # offers and catalogue data: could be on a web page
    BUSINESS = "business"  # internal, no person behind it
    PERSONAL = "personal"  # identifies or describes a person (GDPR article 4)
    PAYMENT = "payment"  # means of payment; PCI DSS applies around it
    SECRET = "secret"  # grants access: never shown, never logged  # noqa: S105


@dataclass(frozen=True)
class FieldInfo:
    """What the project knows of a field beyond Pandera's checks.

    Attributes:
        type: meaning of the value.
        doc: one sentence for people.
        key: part of the entity's natural key.
        required: must hold a value (keys always must).
        references: name of the entity whose natural key this is, or "".
        currency: for money: the field of the same entity that names its currency.
        unit: e.g. ``kbit/s``; "" where the type says it all.
        aliases: column names of legacy systems that mean this field.
        privacy: class of the content.
        choices: the words a CHOICE may be.
        max_length: characters a text may have.
        pattern: regular expression a text must match whole.
        pattern_doc: the pattern in words.
        minimum, maximum: inclusive range of a number.
        positive_is: for money whose sign has no common convention: what a positive amount
            means here; a spec must say what it means in the source.
    """

    type: FieldType
    doc: str
    key: bool = False
    required: bool = False
    references: str = ""
    currency: str = ""
    unit: str = ""
    aliases: tuple[str, ...] = ()
    privacy: Privacy = Privacy.BUSINESS
    choices: tuple[str, ...] = ()
    max_length: int | None = None
    pattern: str = ""
    pattern_doc: str = ""
    minimum: int | None = None
    maximum: int | None = None
    positive_is: str = ""

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of the staged column."""
        return ARROW_TYPES[self.type]


METADATA_KEY = "ispmig"


def field(info: FieldInfo) -> Any:
    """A Pandera field with the checks that ``info`` implies, carrying ``info`` itself."""
    return pa_pandas.Field(
        nullable=not (info.required or info.key),
        isin=list(info.choices) or None,
        str_length=None if info.max_length is None else {"max_value": info.max_length},
        str_matches=rf"^(?:{info.pattern})$" if info.pattern else None,
        ge=info.minimum,
        le=info.maximum,
        description=info.doc,
        metadata={METADATA_KEY: info},
    )


def text(doc: str, *, max_length: int = 255, **rest: Any) -> Any:
    """Free text or an identifier of at most ``max_length`` characters."""
    return field(FieldInfo(FieldType.TEXT, doc, max_length=max_length, **rest))


def choice(doc: str, *choices: str, **rest: Any) -> Any:
    """One of a closed list of words."""
    return field(FieldInfo(FieldType.CHOICE, doc, choices=choices, **rest))


def email(doc: str, **rest: Any) -> Any:
    """An email address, at most 254 characters (RFC 5321, section 4.5.3.1)."""
    return field(
        FieldInfo(
            FieldType.EMAIL,
            doc,
            max_length=254,
            pattern=r"[^@\s]+@[^@\s]+",
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
            pattern=r"\+[1-9][0-9]{4,14}",
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
            max_length=2,
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
            max_length=3,
            pattern="[A-Z]{3}",
            pattern_doc="a currency code of three capital letters (ISO 4217)",
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
    """A fraction with six decimals: 0.19 is 19 %."""
    return field(FieldInfo(FieldType.RATE, doc, **rest))


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
    """A calendar day."""
    return field(FieldInfo(FieldType.DATE, doc, **rest))


def timestamp(doc: str, **rest: Any) -> Any:
    """An instant, kept in UTC to the microsecond."""
    return field(FieldInfo(FieldType.TIMESTAMP, doc, **rest))


def address(doc: str, **rest: Any) -> Any:
    """One IPv4 or IPv6 address, in canonical text (RFC 5952 for IPv6)."""
    return field(FieldInfo(FieldType.ADDRESS, doc, max_length=45, **rest))


def mac(doc: str, **rest: Any) -> Any:
    """A MAC address (EUI-48) as ``aa:bb:cc:dd:ee:ff``."""
    return field(
        FieldInfo(
            FieldType.MAC,
            doc,
            max_length=17,
            pattern="(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
            pattern_doc="a MAC address of six bytes",
            **rest,
        )
    )
