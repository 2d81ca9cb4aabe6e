"""What a cell of text looks like: integer, date, email … by its shape alone.

Used to weigh readings of a file against each other and to describe its columns; nothing is
converted here, and nothing is decided about meaning (``0``/``1`` is an integer, ``03/04/2019``
a date, whichever comes first in it).
"""

from __future__ import annotations

import re
from functools import lru_cache

EMPTY = "empty"
TEXT = "text"

NULL_WORDS = frozenset(
    {"null", "none", "nil", "n/a", "#n/a", "na", "nan", r"\n", "-", "--", "?", "(null)", "<null>"}
)
"""Words that often stand where there is nothing; they say nothing of their column's type."""

# No number begins with a zero that more digits follow: that is a code, whose zero matters.
_NUMBER = (
    r"(?:[1-9]\d{0,2}(?:[ \u00a0'\u2019]\d{3})+|[1-9]\d{0,2}(?:,\d{3})+"
    r"|[1-9]\d{0,2}(?:\.\d{3})+|0|[1-9]\d*)"
)
_MONEY = r"(?:[$€£¥₴₽₹₺]|[A-Z]{3}|R\$|kr|zł|Kč)"
_TIME = r"(?:[01]?\d|2[0-4])[:.h][0-5]\d(?:[:.][0-5]\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?"
_ZONE = r"(?:\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}))?"
_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|june|"
    r"july|august|september|october|november|december)\.?"
)
_DATE = (
    r"(?:(?:1[89]|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
    r"|0000-00-00"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:(?:1[89]|20)\d\d|\d\d)"
    rf"|(?:0?[1-9]|[12]\d|3[01])[-\s/.]{_MONTH}[-\s/.,]+(?:(?:1[89]|20)\d\d|\d\d)"
    rf"|{_MONTH}\s(?:0?[1-9]|[12]\d|3[01]),?\s(?:1[89]|20)\d\d)"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"

PATTERNS: tuple[tuple[str, str], ...] = (
    ("integer", r"[+-]?(?:0|[1-9]\d{0,18})"),
    ("ip", rf"(?:{_OCTET}\.){{3}}{_OCTET}(?:/(?:3[0-2]|[12]?\d))?"),
    ("date", _DATE),
    (
        "decimal",
        rf"[+-]?\s?{_MONEY}?\s?[+-]?(?:{_NUMBER}(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d+)?\s?"
        rf"{_MONEY}?-?|\(\s?{_MONEY}?\s?{_NUMBER}(?:[.,]\d+)?\s?\)|[+-]?inf(?:inity)?|nan",
    ),
    (
        "boolean",
        r"(?i:true|false|yes|no|y|n|t|f|on|off|ja|nein|oui|non|si|sí|да|нет|tak|nie|ano|ne)",
    ),
    ("datetime", rf"{_DATE}(?:\s+|T|,\s){_TIME}{_ZONE}|0000-00-00 00:00:00"),
    ("time", _TIME + _ZONE),
    ("email", r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]+\.)+[\w-]{2,}"),
    ("mac", r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"),
    ("uuid", r"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?"),
    (
        "ip",
        r"(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?:/\d{1,3})?"
        r"|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::"
        r"(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?(?:/\d{1,3})?",
    ),
    (
        "phone",
        r"\+\d[\d\s().\-/]{5,18}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
        r"|\(\d{2,5}\)[\s.-]?\d[\d\s.\-]{3,12}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
        r"|\d{2,5}[-. /]\d{2,4}[-. ]\d{2,4}(?:[-. ]\d{2,4})?(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
        r"|00[1-9]\d{7,13}",
    ),
    ("url", r"(?:https?|ftp)://\S+|www\.\S+\.\S+"),
    ("percent", r"[+-]?\d+(?:[.,]\d+)?\s?%"),
)
"""Type and regular expression of a whole cell, the first that matches winning."""

_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in PATTERNS)

_LONGEST_SHAPE = 80


@lru_cache(maxsize=200_000)
def shape(text: str) -> str:
    """The type that the whole of ``text`` has by its shape; ``empty`` or ``text`` else."""
    text = text.strip()
    if not text:
        return EMPTY
    if len(text) > _LONGEST_SHAPE:
        return "url" if re.fullmatch(r"https?://\S+", text) else TEXT
    first = text[0]
    if first.isalpha() and text.isalpha() and len(text) > 5:
        return TEXT
    for name, pattern in _COMPILED:
        if pattern.fullmatch(text):
            return name
    return TEXT


def column_type(counts: dict[str, int]) -> str:
    """The type of a column whose cells have these shapes, how many of each.

    One type for all cells but null words; integers among decimals, dates among datetimes do
    not count against it, nor do up to 1 in 50 cells that are something else: those are what
    a migration will put into quarantine. ``empty`` where there is nothing else, ``text`` where
    types mix.
    """
    shapes = {name: n for name, n in counts.items() if name != EMPTY and n}
    total = sum(shapes.values())
    if not total:
        return EMPTY
    merged = dict(shapes)
    if "decimal" in merged:
        merged["decimal"] += merged.pop("integer", 0)
    if "datetime" in merged:
        merged["datetime"] += merged.pop("date", 0)
    best = max(merged, key=lambda name: (merged[name], name != TEXT))
    return best if merged[best] * 50 >= total * 49 else TEXT
