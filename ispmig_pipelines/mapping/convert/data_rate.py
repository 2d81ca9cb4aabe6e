"""Speeds in kbit/s, from numbers with or without a unit: ``10240``, ``100M``, ``1.5 Gbit/s``.

One kilobit is 1,000 bit, as everywhere in telecommunications. Units in bytes are refused:
``10 MB`` is eight times ``10 Mb``, and those who write it mostly mean the latter.
"""

from __future__ import annotations

import re
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.number import fitted, read_number, readings, shifted
from ispmig_pipelines.mapping.convert.values import (
    Converted,
    Converter,
    Refused,
    distinct,
    per_distinct,
    plain_or,
    refused_or,
    scatter,
)
from ispmig_pipelines.mapping.style import Style

UNITS = {"bit/s": -3, "kbit/s": 0, "Mbit/s": 3, "Gbit/s": 6}
"""Unit → power of ten that makes it kbit/s."""

_PREFIXES = {"": "bit/s", "k": "kbit/s", "m": "Mbit/s", "g": "Gbit/s"}
# A capital B is a byte, but in BPS, where all is capital.
_UNIT = re.compile(r"(?P<prefix>[kKmMgG]?)(?:b|b/s|bps|BPS|(?i:bits?(?:/s(?:ec)?)?))?|(?i:megs?)")
_PARTS = re.compile(r"(?P<number>[^A-Za-z]*?)\s*(?P<unit>[A-Za-z][A-Za-z/]*)?", re.DOTALL)
_PARTED = r"^[^A-Za-z]+(?:[A-Za-z][A-Za-z/]*)?$"
_WHOLE = r"^(?P<number>[0-9]{1,9}) ?(?P<unit>[A-Za-z][A-Za-z/]*)$"
ACCEPTED = "a speed such as 10240 or 100 Mbit/s"


def _unit_of(word: str) -> str | None:
    match = _UNIT.fullmatch(word)
    if match is None:
        return None
    return "Mbit/s" if match["prefix"] is None else _PREFIXES[match["prefix"].lower()]


def data_rate_converter(style: Style) -> Converter:
    """Speeds; a number without unit is in ``style.unit``, else in kbit/s."""
    own_unit = style.unit or "kbit/s"
    places = UNITS[own_unit]
    marks = readings(style)

    def one(text: str) -> int:
        match = _PARTS.fullmatch(text)
        if match is None or not match["number"]:
            raise Refused("value.type", ACCEPTED)
        unit = _unit_of(match["unit"]) if match["unit"] else own_unit
        if unit is None:
            raise Refused("value.type", ACCEPTED + "; a unit of bytes is not read")
        number = shifted(read_number(match["number"], marks, ACCEPTED), UNITS[unit])
        whole: Decimal = fitted(number, pa.decimal128(18, 0), "a whole number of kbit/s")
        return int(whole)

    def with_unit(values: pa.StringArray) -> Converted:
        parts = pc.extract_regex(values, _WHOLE)
        words, indices = distinct(pc.struct_field(parts, "unit"))
        units = [_unit_of(word) if word else None for word in words]
        factors = [10 ** UNITS[unit] if unit and UNITS[unit] >= 0 else None for unit in units]
        factor = pa.array(factors, pa.int64()).take(pa.array(indices))
        speeds = pc.multiply(pc.struct_field(parts, "number").cast(pa.int64()), factor)
        rest = pc.and_(pc.is_null(speeds), pc.is_valid(values))
        if not pc.any(rest, min_count=0).as_py():
            return Converted(speeds)
        left = values.filter(rest)
        parted = pc.match_substring_regex(left, _PARTED)
        others = refused_or(left, pc.invert(parted), "value.type", ACCEPTED, careful)
        return scatter(others, rest, speeds)

    def careful(values: pa.StringArray) -> Converted:
        return per_distinct(values, one, pa.int64())

    def convert(values: pa.StringArray) -> Converted:
        plain = pc.match_substring_regex(values, "^[0-9]{1,12}$")
        if places < 0:
            plain = pc.and_(plain, False)
        factor = 10 ** max(places, 0)
        return plain_or(
            values,
            plain,
            lambda cells: pc.multiply(cells.cast(pa.int64()), factor),
            with_unit,
        )

    return convert
