"""How a column writes dates and times: ``DD/MM/YYYY HH:mm``, strptime codes, or a name.

Tokens: ``YYYY YY MM M MMM MMMM DD D HH H hh h mm m ss s SSS A Z ddd dddd``; text in
``[brackets]`` stands for itself. A number of two digits may be written with one where what
follows it is no digit. ``YY`` is 1969 to 2068, as POSIX has it. Names of months and days are
English. A format with ``%`` is read as strptime codes instead.
Names: ``iso``, ``unix`` (seconds), ``unix_ms``, ``excel`` (serial days of the 1900 system),
``excel_1904``; ``dmy``, ``mdy`` and ``ymd`` for every usual spelling of a date in that order
(:mod:`ispmig_pipelines.mapping.convert.date_order`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

ORDERS = ("dmy", "mdy", "ymd")
"""Names of the orders of day, month and year."""
WRITTEN = {"dmy": "DD/MM/YYYY", "mdy": "MM/DD/YYYY", "ymd": "YYYY-MM-DD"}
"""How a day is written in an order, where one way has to be chosen."""
NAMED = ("iso", "unix", "unix_ms", "excel", "excel_1904", *ORDERS)

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
          "october", "november", "december")  # fmt: skip
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTH = "|".join([*MONTHS, *(f"{m[:3]}\\.?" for m in MONTHS), "sept\\.?"])
_DAY = "|".join([*_DAYS, *(f"{d[:3]}\\.?" for d in _DAYS)])
_ZONE = r"Z|[+-][0-9]{2}(?::?[0-9]{2})?|UTC|GMT"

# Token → part of the date, and digits (0: not a number of fixed width).
_TOKENS: dict[str, tuple[str, int]] = {
    "YYYY": ("year", 4),
    "YY": ("short_year", 2),
    "MMMM": ("month_name", 0),
    "MMM": ("month_name", 0),
    "MM": ("month", 2),
    "M": ("month", 1),
    "DD": ("day", 2),
    "D": ("day", 1),
    "dddd": ("weekday", 0),
    "ddd": ("weekday", 0),
    "HH": ("hour", 2),
    "H": ("hour", 1),
    "hh": ("hour12", 2),
    "h": ("hour12", 1),
    "mm": ("minute", 2),
    "m": ("minute", 1),
    "ss": ("second", 2),
    "s": ("second", 1),
    "A": ("half", 0),
    "a": ("half", 0),
    "Z": ("zone", 0),
}
_CODES: dict[str, str] = {
    "Y": "YYYY",
    "y": "YY",
    "m": "MM",
    "d": "DD",
    "e": "D",
    "H": "HH",
    "I": "hh",
    "M": "mm",
    "S": "ss",
    "b": "MMM",
    "h": "MMM",
    "B": "MMMM",
    "a": "ddd",
    "A": "dddd",
    "p": "A",
    "z": "Z",
    "f": "SSSSSS",
}
_COMBINED = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M"}
_TOKEN = re.compile(
    r"\[([^\]]*)\]|(YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|S+|A|a|Z)|(.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class DateFormat:
    """A format, ready to read with.

    Attributes:
        text: as the spec has it.
        pattern: matches a whole cell; its groups are the parts.
        column_pattern: the same for Arrow's regular expressions.
        layout: parts of fixed place as (part, start, width), or None if some part has none.
        literals: (position, character) of what stands between the parts of the layout.
        width: characters of the layout.
        has_time: it says more than the day.
    """

    text: str
    pattern: re.Pattern[str]
    column_pattern: str
    layout: tuple[tuple[str, int, int], ...] | None
    literals: tuple[tuple[int, str], ...]
    width: int
    has_time: bool


def tokens_of(text: str) -> list[tuple[str, bool]]:
    """(token or literal, is it a token), in order; strptime codes as the tokens they mean.
    An order is the way it is written.

    Raises:
        ValueError: it has an unknown token.
    """
    text = WRITTEN.get(text, text)
    if "%" in text:
        for code, meaning in _COMBINED.items():
            text = text.replace(f"%{code}", meaning)
        parts: list[tuple[str, bool]] = []
        position = 0
        while position < len(text):
            if text[position] != "%":
                parts.append((text[position], False))
                position += 1
                continue
            code = text[position + 1 : position + 2]
            if code == "-":
                position += 1
                code = text[position + 1 : position + 2]
            if code == "%":
                parts.append(("%", False))
            elif code in _CODES:
                parts.append((_CODES[code], True))
            else:
                raise ValueError(
                    f"%{code} is no code it knows; it knows %" + " %".join([*_CODES, *_COMBINED])
                )
            position += 2
        return parts
    found: list[tuple[str, bool]] = []
    for match in _TOKEN.finditer(text):
        literal, token, other = match.groups()
        if token:
            found.append((token, True))
        elif literal is not None:
            found.extend((c, False) for c in literal)
        elif other.isalpha() and other != "T":
            raise ValueError(
                f"{other!r} is no token it knows; it knows {' '.join(_TOKENS)} SSS, and text in "
                "[brackets]"
            )
        else:
            found.append((other, False))
    return found


def mistake_in(text: str) -> str:
    """What is wrong with a format or a name of one, as a clause; "" if nothing is."""
    try:
        if text not in NAMED:
            compile_format(text)
    except ValueError as error:
        return f"{text!r} is no date format: {error}. Or write one of {', '.join(NAMED)}"
    return ""


@lru_cache(maxsize=1000)
def compile_format(text: str) -> DateFormat:
    """Reads a format (not one of :data:`NAMED`).

    Raises:
        ValueError: it has an unknown token, a part twice, or does not name a whole day.
    """
    parts = tokens_of(text)
    regex: list[str] = []
    layout: list[tuple[str, int, int]] | None = []
    literals: list[tuple[int, str]] = []
    seen: set[str] = set()
    position = 0
    for index, (word, is_token) in enumerate(parts):
        if not is_token:
            regex.append(r"\s+" if word == " " else re.escape(word))
            literals.append((position, word))
            position += 1
            if not word.isascii():
                layout = None
            continue
        part, digits = ("fraction", len(word)) if word[0] == "S" else _TOKENS[word]
        if part in seen:
            raise ValueError(f"it names the {part.replace('_', ' ')} twice")
        seen.add(part)
        following = parts[index + 1] if index + 1 < len(parts) else ("", False)
        preceding = parts[index - 1] if index else ("", False)
        beside_digits = (following[1] and _is_number(following[0])) or (
            preceding[1] and _is_number(preceding[0])
        )
        if part == "fraction":
            regex.append(f"(?P<fraction>[0-9]{{1,{max(digits, 6)}}})")
        elif part == "year":
            regex.append("(?P<year>[0-9]{4})")
        elif digits:
            width = "{2}" if beside_digits or part == "short_year" else "{1,2}"
            regex.append(f"(?P<{part}>[0-9]{width})")
        else:
            expression = {"month_name": _MONTH, "weekday": _DAY, "half": r"[AP]\.?M\.?",
                          "zone": _ZONE}[part]  # fmt: skip
            regex.append(f"(?P<{part}>{expression})")
        if part in ("hour12", "month_name", "weekday", "half", "zone"):
            layout = None
        if layout is not None:
            width_of = max(digits, 2) if part != "fraction" else digits
            layout.append((part, position, width_of))
            position += width_of
    _whole_day(seen)
    return DateFormat(
        text=text,
        pattern=re.compile("".join(regex), re.IGNORECASE),
        column_pattern=f"(?i)^{''.join(regex)}$",
        layout=None if layout is None else tuple(layout),
        literals=tuple(literals) if layout is not None else (),
        width=position,
        has_time=bool(seen & {"hour", "hour12"}),
    )


def _is_number(token: str) -> bool:
    return token[0] == "S" or _TOKENS[token][1] > 0


def _whole_day(seen: set[str]) -> None:
    if not (seen & {"year", "short_year"} and seen & {"month", "month_name"} and "day" in seen):
        raise ValueError("it must name year, month and day, e.g. DD/MM/YYYY")
    if "hour12" in seen and "half" not in seen:
        raise ValueError("an hour of twelve (hh) needs A for AM or PM; else write HH")
    if "minute" in seen and not seen & {"hour", "hour12"}:
        raise ValueError("minutes need an hour; the month is MM, minutes are mm")
    if "second" in seen and "minute" not in seen:
        raise ValueError("seconds need minutes")
