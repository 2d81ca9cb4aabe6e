"""What a spreadsheet's numbers mean as text: exact decimals, ISO dates, durations.

Dates are numbers whose cell has a date format; day 1 is 1900-01-01, or 1904-01-02 in workbooks
of the 1904 system. The 1900 system has a 29 February 1900, which never was: it is written as
it is shown, and whoever converts it will refuse it.
Source: ECMA-376 part 1, 18.17.4 (dates) and 18.8.30 (number formats).
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from math import ulp

_DAY_MS = 86_400_000
_LAST_1900 = 2_958_465
_LAST_1904 = 2_957_003
SIGNIFICANT = 15
"""Digits that a spreadsheet keeps and shows; what stands behind them is the binary's noise."""


_MOST_KEPT = 17
"""Digits that tell every binary number (IEEE 754, double) from all others."""

_PLAIN = 12
"""Up to so many digits of the 15, the others are zeros by no chance."""

_NOISE_UNITS = 4

_LONGEST_WHOLE = 30
_LARGEST = 400
_MOST_ZEROS = 30
_MOST_KNOWN = 200_000

SHORT = r"(?:0|-?[1-9]\d*)(?:\.\d*[1-9])?|-0\.\d*[1-9]"
"""A number that is written as it is shown, if it has no more digits than are shown."""

_SHORT = re.compile(SHORT)


class NumberFormat(IntEnum):
    """What a number format makes of a number."""

    PLAIN = 0
    DATE = 1
    DATETIME = 2
    TIME = 3
    DURATION = 4


_BUILT_IN: dict[int, NumberFormat] = (
    dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), NumberFormat.DATE)
    | dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), NumberFormat.TIME)
    | {22: NumberFormat.DATETIME, 46: NumberFormat.DURATION}
)

ZERO_PADDED = 100
"""Added to a width, the kind of a number that is shown with leading zeros up to it."""

_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKETS = re.compile(r"\[[^\]]*\]")
_FRACTION = re.compile(r"s[.,]0+")
_GENERAL = re.compile("general|standaard|standard")
"""The format of a plain number; some programs write it in their user's language."""


def number_format(number: int, code: str | None) -> NumberFormat:
    """What a format does, by its number and, where the workbook defines it, its code."""
    if code is None:
        return _BUILT_IN.get(number, NumberFormat.PLAIN)
    plain = _LITERAL.sub("", code).lower()
    if re.search(r"\[(?:h+|m+|s+)\]", plain):
        return NumberFormat.DURATION
    plain = _BRACKETS.sub("", plain).split(";")[0]
    plain = _GENERAL.sub("", plain).replace("am/pm", "h").replace("a/p", "h")
    if re.search("[0#?]", _FRACTION.sub("", plain)):
        # Digits have no place in a date: these letters are a unit ("0 days", "0.00 USD").
        return NumberFormat.PLAIN
    has_time = re.search("[hs]", plain) is not None
    # Beside hours or seconds the letter m means minutes.
    has_date = re.search("[yd]" if has_time else "[ydm]", plain) is not None
    if has_date:
        return NumberFormat.DATETIME if has_time else NumberFormat.DATE
    return NumberFormat.TIME if has_time else NumberFormat.PLAIN


def zero_padding(code: str | None) -> int:
    """How many digits a format of nothing but zeros shows at least (``00000`` for ZIP codes).

    0 for every other format: what else it puts around or among the digits is no part of the
    number.
    """
    first = (code or "").split(";")[0]
    return len(first) if 2 <= len(first) <= _MOST_ZEROS and not first.strip("0") else 0


def number_text(text: str) -> str:
    """A number as plain digits: ``1.10`` is ``1.1``, ``5551234567.0`` is ``5551234567``.

    Whole numbers keep every digit they are written with, however long, and whether or not they
    are written with an exponent (some programs write all numbers so). Fractions are the binary
    number they are kept as, in as few digits as tell it from all others
    (``12345678901234.56``), but for its noise: where 15 significant digits, as many as a
    spreadsheet shows, say plainly what was meant, it is those (``0.30000000000000004`` is
    ``0.3``). Very large and very small ones keep their exponent. What is no number stays as it
    is.
    """
    if _SHORT.fullmatch(text) is not None and len(text) <= SIGNIFICANT:
        return text
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    written_out = number.adjusted() <= _LONGEST_WHOLE or "e" not in text.lower()
    if written_out and number == number.to_integral_value():
        whole = format(number.to_integral_value(), "f")
        return "0" if whole == "-0" else whole
    if abs(number.adjusted()) > _LARGEST:
        # No spreadsheet can hold such a number: whatever it is, it stays as it is written.
        return text
    exact = _without_noise(number)
    if not exact:
        return "0"
    if not -21 <= exact.adjusted() <= 30:
        return str(exact.normalize())
    shown = format(exact, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _without_noise(number: Decimal) -> Decimal:
    """A fraction in 15 digits, or in the 16 or 17 that it was kept with.

    Results of computing differ from what was meant by a few units in the last place of the
    binary number: then 15 digits end in zeros, or 17 are needed to tell so little a difference.
    """
    shown = Decimal(format(number, f".{SIGNIFICANT}g"))
    binary = float(number)
    kept = Decimal(repr(binary))
    written, told = len(number.as_tuple().digits), len(kept.as_tuple().digits)
    if written > _MOST_KEPT or not kept or not kept.is_finite():
        return shown
    if kept != number and told >= written:
        # The number was not written by a program that keeps it in this way.
        return shown
    digits = len(shown.normalize().as_tuple().digits)
    is_near = abs(number - shown) <= _NOISE_UNITS * Decimal(ulp(binary))
    if digits <= _PLAIN or (is_near and (digits < SIGNIFICANT or told == _MOST_KEPT)):
        return shown
    return kept


def serial_text(text: str, form: NumberFormat, *, is_1904: bool) -> str:
    """A number with a date format, as ISO text; a plain number where it is no date at all."""
    try:
        serial = float(text)
    except ValueError:
        return text
    try:
        ms = round(serial * _DAY_MS)
    except (OverflowError, ValueError):
        return number_text(text)
    if form is NumberFormat.DURATION:
        return duration_text(ms)
    days, rest = divmod(ms, _DAY_MS)
    if form is NumberFormat.TIME and days == 0:
        return _clock(rest)
    if days < 0 or days > (_LAST_1904 if is_1904 else _LAST_1900):
        return number_text(text)
    shown = _day(days, is_1904=is_1904)
    return f"{shown}T{_clock(rest)}" if rest or form is NumberFormat.DATETIME else shown


def _day(days: int, *, is_1904: bool) -> str:
    if is_1904:
        return (date(1904, 1, 1) + timedelta(days)).isoformat()
    if days == 0:
        return "1900-01-00"
    if days == 60:
        return "1900-02-29"
    return (date(1899, 12, 31 if days < 60 else 30) + timedelta(days)).isoformat()


def duration_text(ms: int) -> str:
    """Milliseconds as hours, minutes and seconds: ``255:10:10``."""
    sign = "-" if ms < 0 else ""
    hours, rest = divmod(abs(ms), 3_600_000)
    return f"{sign}{hours:02}{_clock(rest)[2:]}"


def _clock(ms: int) -> str:
    seconds, fraction = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours:02}:{minutes:02}:{seconds:02}"
    return f"{shown}.{fraction:03}" if fraction else shown


class NumberTexts:
    """Numbers as text by what their format makes of them; what comes again is not worked out
    again."""

    def __init__(self, *, is_1904: bool) -> None:
        self._is_1904 = is_1904
        self._known: dict[tuple[int, str], str] = {}

    def text(self, kind: int, number: str) -> str:
        """A number's text. ``kind``: a :class:`NumberFormat`, or ``ZERO_PADDED`` + a width."""
        found = self._known.get((kind, number))
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            if 0 < kind < ZERO_PADDED:
                found = serial_text(number, NumberFormat(kind), is_1904=self._is_1904)
            else:
                found = number_text(number)
                found = found.zfill(kind - ZERO_PADDED) if found.isdecimal() else found
            self._known[kind, number] = found
        return found
