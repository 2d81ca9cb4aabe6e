"""Coordinates that are more than a number: hemispheres, minutes and seconds of arc."""

from __future__ import annotations

import re
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.values import Refused

DECIMALS = 6
"""Decimals of a coordinate on the platform: about 0.1 m."""

_SIGNS = str.maketrans(
    {
        "\u00ba": "\u00b0",  # the ordinal sign, which looks like a degree's
        "\u02da": "\u00b0",
        "\u2032": "'",
        "\u2019": "'",
        "\u2018": "'",
        "\u00b4": "'",
        "`": "'",
        "\u2033": '"',
        "\u201d": '"',
        "\u201c": '"',
        "\u2212": "-",
        "\u00a0": " ",
        "\u202f": " ",
    }
)
_WORDS = {"NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W"}
_HEMISPHERE = "NORTH|SOUTH|EAST|WEST|[NSEW]"
_ARC = re.compile(
    rf"(?:(?P<before>{_HEMISPHERE})\s*)?(?P<sign>[+-])?\s*"
    r"(?P<degrees>[0-9]{1,3}(?:[.,][0-9]{1,24})?)(?P<degree>\s*\u00b0\s*|\s*DEG\s*)?"
    r"(?:(?:(?<=[\u00b0\sG])|\s+|:|-)(?P<minutes>[0-9]{1,2}(?:[.,][0-9]{1,24})?)(?P<minute>\s*'(?!')\s*)?"
    r"(?:(?:(?<=['\s])|\s+|:|-)(?P<seconds>[0-9]{1,2}(?:[.,][0-9]{1,24})?)\s*(?:\"|'')?)?)?"
    rf"\s*(?P<after>{_HEMISPHERE})?",
    re.IGNORECASE,
)


_ANY_ARC = "^(?:NORTH|SOUTH|EAST|WEST|[NSEW])?(?:DEG)?(?:NORTH|SOUTH|EAST|WEST|[NSEW])?$"
_NO_ARC = r"[\x00-\x08\x0e-\x1b!#$%&()*/;<=>?@\[\\\]^_{|}~\x7f]"


def is_no_arc(values: pa.StringArray) -> pa.BooleanArray:
    """Where a text certainly has no degrees that :func:`read_degrees` reads: it has other letters,
    or a character that no angle has. Small letters beyond ASCII may be the like of one of them."""
    letters = pc.ascii_upper(pc.replace_substring_regex(values, "[^A-Za-z]+", ""))
    others = pc.or_(
        pc.invert(pc.match_substring_regex(letters, _ANY_ARC)),
        pc.match_substring_regex(values, _NO_ARC),
    )
    return pc.and_(others, pc.string_is_ascii(values))


def read_degrees(text: str, decimal_marks: str, hemispheres: str, accepted: str) -> Decimal | None:
    """The decimal degrees that ``text`` writes with a hemisphere, a degree's sign, or minutes.

    What was written with no finer a step than the platform's is rounded to it: that loses
    nothing. Finer is left as it is, for the caller to round and say so.

    Args:
        decimal_marks: that a text with degrees only may have; minutes and seconds have either.
        hemispheres: the letters that the field takes: ``NS`` or ``EW``.

    Returns:
        None if the text is no more than a number, or nothing of the kind.

    Raises:
        Refused: it contradicts itself, or is an angle of the other kind.
    """
    match = _ARC.fullmatch(text.translate(_SIGNS).strip())
    if match is None:
        return None
    refused = Refused("value.type", accepted)
    letters = [_WORDS.get(m.upper(), m.upper()) for m in (match["before"], match["after"]) if m]
    if not letters and not match["degree"] and match["seconds"] is None:
        # A number; or two, which may be a latitude and a longitude.
        return None
    if len(letters) > 1 or (letters and (match["sign"] or letters[0] not in hemispheres)):
        raise refused
    parts = [p for p in (match["degrees"], match["minutes"], match["seconds"]) if p is not None]
    if len(parts) == 1 and re.sub("[0-9]", "", parts[0]) not in ("", *decimal_marks):
        raise refused
    numbers = [Decimal(part.replace(",", ".")) for part in parts]
    if any(n != n.to_integral_value() or "." in p or "," in p
           for n, p in zip(numbers[:-1], parts[:-1], strict=True)):  # fmt: skip
        raise refused
    if any(number >= 60 for number in numbers[1:]):
        raise refused
    scale = 60 ** (len(numbers) - 1)
    units = sum((n * 60 ** (len(numbers) - 1 - i) for i, n in enumerate(numbers)), Decimal(0))
    degrees = units / scale
    step = Decimal((0, (1,), int(numbers[-1].as_tuple().exponent))) / scale
    if step >= Decimal(1).scaleb(-DECIMALS):
        degrees = round(degrees, DECIMALS)
    negative = match["sign"] == "-" or (bool(letters) and letters[0] in "SW")
    return -degrees if negative and degrees else degrees
