"""Amounts of data in GB (1,000,000,000 bytes), from numbers with or without a unit: ``250``,
``500 MB``, ``1.5 TB``."""

from __future__ import annotations

import re
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.number import (
    decimal_converter,
    fitted,
    held,
    read_number,
    readings,
    shifted,
)
from ispmig_pipelines.mapping.convert.values import (
    Converted,
    Converter,
    Refused,
    per_distinct,
    plain_or,
)
from ispmig_pipelines.mapping.style import Style

UNITS = {"B": -9, "kB": -6, "MB": -3, "GB": 0, "TB": 3}
"""Unit → power of ten that makes it GB."""

ACCEPTED = "an amount of data such as 250 or 500 MB"
_BY_WORD = {unit.lower(): unit for unit in UNITS} | {"k": "kB", "m": "MB", "g": "GB", "t": "TB"}
_PARTS = re.compile(r"(?P<number>[^A-Za-z]*?)\s*(?P<unit>[A-Za-z]+)?", re.DOTALL)


def data_volume_converter(type_: pa.Decimal128Type, style: Style) -> Converter:
    """Amounts of data; a number without unit is in ``style.unit``, else in GB."""
    own_unit = style.unit or "GB"
    marks = readings(style)
    pattern = r"^[0-9]{1,9}(?:\.[0-9]{1,2})?$" if marks[0].decimal == "." else "^[0-9]{1,9}$"
    plain_number = decimal_converter(type_, style, ACCEPTED, grouping=True)

    def one(text: str) -> Decimal:
        match = _PARTS.fullmatch(text)
        if match is None or not match["number"]:
            raise Refused("value.type", ACCEPTED)
        unit = _BY_WORD.get(match["unit"].lower()) if match["unit"] else own_unit
        if unit is None:
            raise Refused("value.type", ACCEPTED)
        number = read_number(match["number"], marks, ACCEPTED)
        return fitted(shifted(number, UNITS[unit]), type_, held(type_))

    def convert(values: pa.StringArray) -> Converted:
        plain = pc.match_substring_regex(values, pattern)
        if own_unit != "GB":
            plain = pc.and_(plain, False)
        return plain_or(
            values,
            plain,
            lambda cells: plain_number(cells).values,
            lambda rest: per_distinct(rest, one, type_),
        )

    return convert
