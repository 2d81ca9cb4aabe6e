"""Numbers and names in words, as every page and table for people writes them."""

from __future__ import annotations

import re
from decimal import Decimal

_ABBREVIATIONS = {"ip": "IP"}


_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """A text with ``?`` for what has no shape, turns text around or speaks to a terminal."""
    return _UNPRINTABLE.sub("?", text)


def label(entity: str) -> str:
    """``ip_assignment`` → ``IP assignments``."""
    return " ".join(_ABBREVIATIONS.get(w, w) for w in entity.split("_")) + "s"


def heading(entity: str) -> str:
    """:func:`label`, as a title."""
    text = label(entity)
    return text[0].upper() + text[1:]


def share(part: int, whole: int) -> str:
    """``12 %``; never 0 % of something, never 100 % of less than all."""
    if not whole:
        return "\N{EN DASH}"
    if part == whole:
        return "100 %"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1 %"
    if percent > 99:
        return ">99 %"
    return f"{percent:.0f} %"


def percentage(part: int, whole: int) -> str:
    """:func:`share` as closely as trends need it: ``0.42 %``, ``3.1 %``, ``12 %``."""
    if not whole or part in (0, whole):
        return share(part, whole)
    percent = 100 * part / whole
    if percent < 0.01:
        return "<0.01 %"
    if percent > 99:
        return ">99 %"
    return f"{percent:.{0 if percent >= 9.95 else 1 if percent >= 0.995 else 2}f} %"


def counted(count: int, what: str) -> str:
    """``1 record``, ``2,000 records``."""
    return f"{count:,} {what}" + "s" * (count != 1)


def others(count: int) -> str:
    """``and 3 others``."""
    return f"and {count:,} other" + "s" * (count > 1)


def money(amount: str) -> str:
    """An amount as people read it: ``-1234.5000`` → ``-1,234.50``."""
    number = Decimal(amount)
    places = -int(number.normalize().as_tuple().exponent)
    return f"{number:,.{max(places, 2)}f}"
