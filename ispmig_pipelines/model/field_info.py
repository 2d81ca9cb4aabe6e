"""What the project knows of a field: its meaning, limits and privacy, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionDtype

MONEY = pa.decimal128(19, 4)
COORDINATE = pa.decimal128(9, 6)
RATE = pa.decimal128(9, 6)
QUANTITY = pa.decimal128(19, 6)
TIMESTAMP = pa.timestamp("us", tz="UTC")
TIME = pa.time64("us")


class FieldType(StrEnum):
    """What a value means; decides how it is converted, stored and masked."""

    TEXT = "text"
    CHOICE = "choice"
    EMAIL = "email"
    PHONE = "phone"
    COUNTRY = "country"
    CURRENCY = "currency"
    LANGUAGE = "language"
    POSTAL_CODE = "postal code"
    UUID = "UUID"
    INTEGER = "integer"
    DATA_RATE = "data rate"
    MONEY = "money"
    COORDINATE = "coordinate"
    RATE = "rate"
    QUANTITY = "quantity"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time of day"
    ADDRESS = "IP address"
    NETWORK = "IP network"
    MAC = "MAC address"


ARROW_TYPES: dict[FieldType, pa.DataType] = {
    FieldType.TEXT: pa.string(),
    FieldType.CHOICE: pa.string(),
    FieldType.EMAIL: pa.string(),
    FieldType.PHONE: pa.string(),
    FieldType.COUNTRY: pa.string(),
    FieldType.CURRENCY: pa.string(),
    FieldType.LANGUAGE: pa.string(),
    FieldType.POSTAL_CODE: pa.string(),
    FieldType.UUID: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.DATA_RATE: pa.int64(),
    FieldType.MONEY: MONEY,
    FieldType.COORDINATE: COORDINATE,
    FieldType.RATE: RATE,
    FieldType.QUANTITY: QUANTITY,
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
    FieldType.TIMESTAMP: TIMESTAMP,
    FieldType.TIME: TIME,
    FieldType.ADDRESS: pa.string(),
    FieldType.NETWORK: pa.string(),
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
        min_length: characters a text must have; 1 for what identifies, else 0.
        max_length: characters a text may have.
        pattern: regular expression a text must match whole. Python's ``re``, Arrow's RE2 and
            PostgreSQL must read it alike: literals, classes of literal ranges, groups
            ``(?:…)``, ``|`` and counts; no ``.``, no ``\\s``, ``\\d`` or ``\\w``, no class that
            is negated (it would let in what PostgreSQL cannot store).
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
    min_length: int = 0
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

    @property
    def pandas_dtype(self) -> ExtensionDtype:
        """Type of the column in the frames that map and validate work on."""
        if self.arrow_type == pa.string():
            return pd.StringDtype(na_value=float("nan"))
        if self.arrow_type == pa.int64():
            return pd.Int64Dtype()
        if self.arrow_type == pa.bool_():
            return pd.BooleanDtype()
        return pd.ArrowDtype(self.arrow_type)

    @property
    def must_hold_value(self) -> bool:
        """No row may leave it empty: it is part of the key, or required."""
        return self.key or self.required


NO_CURRENCY = "XXX"
"""ISO 4217's code for "no currency": what amounts without one are summed under."""

METADATA_KEY = "ispmig"
