"""FROM a column of text TO a canonical column, one conversion per type of field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa

from ispmig_pipelines.mapping.convert.country import convert_country
from ispmig_pipelines.mapping.convert.currency import convert_currency
from ispmig_pipelines.mapping.convert.data_rate import data_rate_converter
from ispmig_pipelines.mapping.convert.data_volume import data_volume_converter
from ispmig_pipelines.mapping.convert.date_time import date_converter, timestamp_converter
from ispmig_pipelines.mapping.convert.email import convert_email
from ispmig_pipelines.mapping.convert.identifier import convert_uuid
from ispmig_pipelines.mapping.convert.language import convert_language
from ispmig_pipelines.mapping.convert.network import convert_address, convert_mac
from ispmig_pipelines.mapping.convert.network_prefix import convert_network
from ispmig_pipelines.mapping.convert.number import (
    coordinate_converter,
    credit_of,
    decimal_converter,
    integer_converter,
    rate_converter,
)
from ispmig_pipelines.mapping.convert.phone import phone_converter
from ispmig_pipelines.mapping.convert.postal_code import convert_postal_code
from ispmig_pipelines.mapping.convert.text import text_converter, unchanged
from ispmig_pipelines.mapping.convert.time_of_day import convert_time
from ispmig_pipelines.mapping.convert.values import Converted, Converter, Refusal
from ispmig_pipelines.mapping.convert.words import boolean_converter, choice_converter
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import (
    COORDINATE,
    MONEY,
    QUANTITY,
    RATE,
    FieldInfo,
    FieldType,
)

__all__ = ["Converted", "Converter", "Refusal", "converter", "is_taken_whole",
           "verbatim_converter"]  # fmt: skip

_BUILDERS: dict[FieldType, Callable[[FieldInfo, Style], Converter]] = {
    FieldType.TEXT: lambda info, style: text_converter(info),
    FieldType.CHOICE: lambda info, style: choice_converter(info.choices),
    FieldType.EMAIL: lambda info, style: convert_email,
    FieldType.PHONE: lambda info, style: phone_converter(style),
    FieldType.COUNTRY: lambda info, style: convert_country,
    FieldType.CURRENCY: lambda info, style: convert_currency,
    FieldType.LANGUAGE: lambda info, style: convert_language,
    FieldType.POSTAL_CODE: lambda info, style: convert_postal_code,
    FieldType.UUID: lambda info, style: convert_uuid,
    FieldType.INTEGER: lambda info, style: integer_converter(style),
    FieldType.DATA_RATE: lambda info, style: data_rate_converter(style),
    FieldType.MONEY: lambda info, style: decimal_converter(
        MONEY, style, "an amount such as 1234.50", grouping=True, credit=credit_of(info)
    ),
    FieldType.QUANTITY: lambda info, style: _quantity(info, style),
    FieldType.COORDINATE: lambda info, style: coordinate_converter(
        COORDINATE, style, "NS" if info.maximum == 90 else "EW" if info.maximum == 180 else "NSEW"
    ),
    FieldType.RATE: lambda info, style: rate_converter(RATE, style),
    FieldType.BOOLEAN: lambda info, style: boolean_converter(style),
    FieldType.DATE: lambda info, style: date_converter(style),
    FieldType.TIMESTAMP: lambda info, style: timestamp_converter(style),
    FieldType.TIME: lambda info, style: convert_time,
    FieldType.ADDRESS: lambda info, style: convert_address,
    FieldType.NETWORK: lambda info, style: convert_network,
    FieldType.MAC: lambda info, style: convert_mac,
}


def _quantity(info: FieldInfo, style: Style) -> Converter:
    if info.unit == "GB":
        return data_volume_converter(QUANTITY, style)
    return decimal_converter(QUANTITY, style, "a number such as 12.5", grouping=True)


def converter(info: FieldInfo, style: Style) -> Converter:
    """The conversion to a field's canonical values of a column written in ``style``.

    The column it takes has null for nothing, and no space around its cells (text that is to
    keep its spaces may have them).
    """
    return _BUILDERS[info.type](info, style)


def verbatim_converter(info: FieldInfo, style: Style) -> Converter:
    """The conversion of a column that holds the platform's own values, as its exports write them.

    Texts are taken as they are, the empty one too: whether the field may hold them is for its
    checks to say. Numbers, dates and addresses are read as the platform writes them.
    """
    if info.type is FieldType.ADDRESS:
        return partial(convert_address, unfold=False)
    return unchanged if is_taken_whole(info) else converter(info, style)


def is_taken_whole(info: FieldInfo) -> bool:
    """Whether a verbatim cell of the field is its value, character for character. Addresses are
    texts here, and yet have several spellings; so have UUIDs."""
    own_spelling = info.type in (
        FieldType.ADDRESS,
        FieldType.NETWORK,
        FieldType.MAC,
        FieldType.UUID,
    )
    return bool(info.arrow_type == pa.string()) and not own_spelling
