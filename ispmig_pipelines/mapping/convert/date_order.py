"""Dates of one order, ``dmy``, ``mdy`` or ``ymd``, in every usual spelling.

All three orders read alike what leaves no doubt: a year of four digits in front
(``2019-02-03``, ``2019/2/3 14:30``, ``20190203T1430``) and months by their English names
(``3 Feb 2019``, ``Feb 3rd, 2019 2:30 p.m.``, ``03-FEB-19``). Three numbers with ``/``, ``-``,
``.`` or a space between them are read in the order's way. A year of two digits is 1969 to 2068.
Behind or before the day there may be a day of the week (not checked) and a time: of 12 or 24
hours, with a fraction of the second, with ``Z``, ``UTC`` or an offset.

Not read here: what lacks a part of the day, and ranges. Names of time zones and other languages'
months are written anew before, see :mod:`ispmig_pipelines.mapping.convert.date_words`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert import date_iso
from ispmig_pipelines.mapping.convert.date_format import MONTHS
from ispmig_pipelines.mapping.convert.dotnet_date import read_dotnet
from ispmig_pipelines.mapping.convert.moments import (
    DAY,
    NO_OFFSET,
    Read,
    bytes_of,
    clock,
    clock_of,
    days_of,
    digits_at,
    full_year,
    month_number,
    months_of,
    numbers_of,
    parts_found,
    rows_of_width,
    time_of,
)
from ispmig_pipelines.mapping.convert.no_date import is_no_date
from ispmig_pipelines.mapping.convert.values import distinct

# How the three numbers of a date stand in a cell.
_UNREAD, _WHOLE, _YEAR_LAST, _SHORT_YEAR, _SHORT_LAST, _SHORT_FIRST = range(6)
"""No date; year, month, day without doubt; ``3/2/2019``; ``03/02/19`` with a year first or last;
``3/2/19``, ``03/02/9``: only the last, or only the first, can be a year of two digits."""


@dataclass
class Written:
    """The dates of a column as they are written, before an order makes them days.

    Attributes:
        shape: how the three numbers stand.
        numbers: three columns of numbers.
        micros: time of day.
        offset: seconds east of UTC, or :data:`moments.NO_OFFSET`.
    """

    shape: np.ndarray
    numbers: np.ndarray
    micros: np.ndarray
    offset: np.ndarray

    def put(
        self,
        rows: np.ndarray,
        shape: np.ndarray | int,
        numbers: tuple[np.ndarray, np.ndarray, np.ndarray],
        micros: np.ndarray | int = 0,
        offset: np.ndarray | int = NO_OFFSET,
    ) -> None:
        """Sets what the cells in ``rows`` are."""
        self.shape[rows] = shape
        for column, number in enumerate(numbers):
            self.numbers[column, rows] = number
        self.micros[rows] = micros
        self.offset[rows] = offset

    @property
    def open(self) -> np.ndarray:
        """Mask of the cells that are not understood yet."""
        unread: np.ndarray = self.shape == _UNREAD
        return unread

    def read(self, order: str) -> Read:
        """The days and times in an order."""
        first, second, third = self.numbers
        whole = self.shape == _WHOLE
        year_last = self.shape == _YEAR_LAST
        if order == "ymd":
            known = whole | (self.shape == _SHORT_YEAR) | (self.shape == _SHORT_FIRST)
            year, month, day = np.where(whole, first, full_year(first)), second, third
        else:
            known = whole | year_last | (self.shape == _SHORT_YEAR) | (self.shape == _SHORT_LAST)
            year = np.where(whole, first, np.where(year_last, third, full_year(third)))
            day_first = order == "dmy"
            month = np.where(whole, second, second if day_first else first)
            day = np.where(whole, third, first if day_first else second)
        is_day, days = days_of(year, month, day)
        return Read(known & is_day, days * DAY + self.micros, self.offset.copy())


def read_order(values: pa.StringArray, order: str) -> Read:
    """Reads a column without nulls in one of :data:`date_format.ORDERS`."""
    return written(values).read(order)


def written(values: pa.StringArray) -> Written:
    """What is written in a column without nulls."""
    size = len(values)
    found = Written(
        np.full(size, _UNREAD, dtype=np.int8),
        np.zeros((3, size), dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.full(size, NO_OFFSET, dtype=np.int32),
    )
    for look in (_fixed, _numeric, _named, _dotnet, _one_by_one):
        if not found.open.any():
            break
        look(values, found)
    return found


_MARKS = np.frombuffer(b"-/. ", np.uint8)
_TIME_WIDTHS = {0: "", 6: "minutes", 9: "seconds"}


def _fixed(values: pa.StringArray, found: Written) -> None:
    """Days of one width, ``03/02/2019``, ``2019-02-03``, ``03/02/19``, alone or with a time."""
    for day_width in (10, 8):
        for time_width in _TIME_WIDTHS:
            _fixed_width(values, found, day_width, time_width)


def _fixed_width(values: pa.StringArray, found: Written, day_width: int, time_width: int) -> None:
    width = day_width + time_width
    rows = rows_of_width(values, width, found.open)
    if rows.size == 0:
        return
    cells = bytes_of(values, rows, width)
    ok = np.ones(rows.size, dtype=bool)
    micros: np.ndarray | int = 0
    if time_width:
        ok &= (cells[:, day_width] == ord(" ")) | (cells[:, day_width] == ord("T"))
        ok &= cells[:, day_width + 3] == ord(":")
        all_digits, hour = digits_at(cells, day_width + 1, 2)
        ok &= all_digits
        all_digits, minute = digits_at(cells, day_width + 4, 2)
        ok &= all_digits
        second = None
        if time_width == 9:
            ok &= cells[:, day_width + 6] == ord(":")
            all_digits, second = digits_at(cells, day_width + 7, 2)
            ok &= all_digits
        valid, micros = clock(hour, minute, second)
        ok &= valid
    places = [(0, 2, 2), (3, 5, 2), (6, day_width, day_width - 6)]
    shapes = [(_YEAR_LAST if day_width == 10 else _SHORT_YEAR, places)]
    if day_width == 10:
        shapes.append((_WHOLE, [(0, 4, 4), (5, 7, 2), (8, 10, 2)]))
    for shape, parts in shapes:
        mark = cells[:, parts[0][1]]
        fits = ok & (mark == cells[:, parts[1][1]]) & np.isin(mark, _MARKS)
        if not fits.any():
            continue
        numbers = []
        for start, _, digits in parts:
            all_digits, number = digits_at(cells, start, digits)
            fits &= all_digits
            numbers.append(number)
        at = rows[fits]
        first, second_, third = (number[fits] for number in numbers)
        found.put(at, shape, (first, second_, third), micros[fits] if time_width else 0)  # type: ignore[index]
        ok &= ~fits


_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,12}))?)?"
    r"(?: ?(?P<any_half>[AaPp]\.?[Mm]\.?))?"
    r" ?(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)
_AFTER = rf"(?:(?:T|,? +){_CLOCK})?$"
_NUMERIC = (
    r"^(?P<first>[0-9]{1,4})(?P<mark>[-/. ]) ?(?P<second_>[0-9]{1,2})(?P<mark_>[-/. ]) ?"
    rf"(?P<third>[0-9]{{1,4}}){_AFTER}"
)


def _numeric(values: pa.StringArray, found: Written) -> None:
    """Three numbers, as ``3/2/2019 2:30 PM``."""
    rows, parts = parts_found(values, _NUMERIC, found.open)
    if rows.size == 0:
        return
    lengths = [
        pc.binary_length(parts[name]).to_numpy(zero_copy_only=False) for name in ("first", "third")
    ]
    shape = _shapes(*lengths)
    ok, micros, offset = clock_of(parts)
    ok &= pc.equal(parts["mark"], parts["mark_"]).to_numpy(zero_copy_only=False)
    ok &= shape != _UNREAD
    first, second, third = (numbers_of(parts[n])[ok] for n in ("first", "second_", "third"))
    found.put(rows[ok], shape[ok], (first, second, third), micros[ok], offset[ok])


def _shapes(first: np.ndarray, third: np.ndarray) -> np.ndarray:
    """How three numbers stand, by the digits of the first and the last."""
    shape = np.full(len(first), _UNREAD, dtype=np.int8)
    shape[(first == 4) & (third <= 2)] = _WHOLE
    shape[(first <= 2) & (third == 4)] = _YEAR_LAST
    shape[(first == 2) & (third == 2)] = _SHORT_YEAR
    shape[(first == 1) & (third == 2)] = _SHORT_LAST
    shape[(first == 2) & (third == 1)] = _SHORT_FIRST
    return shape


_MONTH_NAMES = "|".join([*MONTHS, *(m[:3] for m in MONTHS), "sept"])
_DAY_NAMES = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?"
_DAY_NUMBER = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_NAMED_PATTERNS = tuple(
    rf"(?i)^(?:{_DAY_NAMES},? +)?{day_and_month}(?:[ ,./-]+|, *')"
    rf"(?P<year>[0-9]{{2}}|[0-9]{{4}}){_AFTER}"
    for day_and_month in (
        rf"{_DAY_NUMBER}[ ./-]*(?P<month>{_MONTH_NAMES})\.?",
        rf"(?P<month>{_MONTH_NAMES})\.?[ ./-]*{_DAY_NUMBER}",
    )
)


def _named(values: pa.StringArray, found: Written) -> None:
    """A day, the name of its month, and a year: ``3 Feb 2019``, ``Feb 3, 2019 14:30``."""
    for pattern in _NAMED_PATTERNS:
        if not found.open.any():
            return
        rows, parts = parts_found(values, pattern, found.open)
        if rows.size == 0:
            continue
        year, day = numbers_of(parts["year"]), numbers_of(parts["day"])
        short = pc.equal(pc.binary_length(parts["year"]), 2).to_numpy(zero_copy_only=False)
        ok, micros, offset = clock_of(parts)
        # "95 DEC 10" is left to be looked at closely.
        ok &= (day >= 1) & (day <= 31)
        year = np.where(short, full_year(year), year)
        numbers = (year[ok], months_of(parts["month"])[ok], day[ok])
        found.put(rows[ok], _WHOLE, numbers, micros[ok], offset[ok])


def _dotnet(values: pa.StringArray, found: Written) -> None:
    """``/Date(1546300800000)/``."""
    rows, micros, offset = read_dotnet(values, found.open)
    if rows.size:
        days = (micros // DAY).view("datetime64[D]")
        years, months = days.astype("datetime64[Y]"), days.astype("datetime64[M]")
        numbers = (
            years.astype(np.int64) + 1970,
            (months - years).astype(np.int64) + 1,
            (days - months).astype(np.int64) + 1,
        )
        found.put(rows, _WHOLE, numbers, micros % DAY, offset)


def _one_by_one(values: pa.StringArray, found: Written) -> None:
    rows = np.flatnonzero(found.open)
    none = is_no_date(values.take(pa.array(rows))).to_numpy(zero_copy_only=False)
    rows = rows[~none]
    if rows.size == 0:
        return
    words, indices = distinct(values.take(pa.array(rows)))
    answers = np.array([_look(word or "") for word in words], dtype=np.int64)[indices]
    found.put(
        rows,
        answers[:, 0],
        (answers[:, 1], answers[:, 2], answers[:, 3]),
        answers[:, 4],
        answers[:, 5],
    )


_Answer = tuple[int, int, int, int, int, int]
_NONE: _Answer = (_UNREAD, 0, 0, 0, 0, NO_OFFSET)
MAX_LENGTH = 80
"""Characters of the longest text that is looked at as a date."""

_ZONE = r"z\b|(?:utc|gmt)?\s?[+-][0-9]{2}(?::?[0-9]{2})?(?![0-9])|utc\b|gmt\b"
_HALF = r"[ap]\.?m\b\.?"
_CLOCKS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?:(?P<before>{_HALF})\s*)?(?<![0-9])(?P<hour>[0-9]{{1,2}})[:h](?P<minute>[0-9]{{2}})"
        rf"(?::(?P<second>[0-9]{{2}})(?:[.,](?P<fraction>[0-9]{{1,12}}))?)?(?![0-9:])"
        rf"(?:\s*(?P<any_half>{_HALF})|h\b)?"
        # What stands in brackets or behind an offset only names the zone again.
        rf"(?:\s*(?P<zone>{_ZONE})(?:\s+[a-z]{{2,5}}\b(?!\.))?(?:\s*\([a-z ]+\))*)?",
        rf"(?<![0-9.])(?P<hour>[0-9]{{1,2}})\s*(?P<any_half>{_HALF})",
        # Only behind a whole day: 29.02.2020 13.12
        r"(?:(?<=[0-9]{4})|(?<=[.][0-9]{2}))[.,]?\s+(?P<hour>[0-9]{1,2})\.(?P<minute>[0-9]{2})"
        rf"(?:\.(?P<second>[0-9]{{2}}))?(?:\s*(?P<any_half>{_HALF}))?(?=\.?$)",
    )
)
_NOON = re.compile(r"\b(noon|midnight)\b")
_FILLING = re.compile(rf"\b(?:{_DAY_NAMES}|the|day|at|on|of|a\.?d)(?![a-z])\.?|@")
_COMPACT = re.compile(
    r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})"
    r"(?:[ t]?(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})"
    rf"(?:[.,](?P<fraction>[0-9]{{1,12}}))?)?\s?(?P<zone>{_ZONE})?)?",
    re.ASCII,
)
_EAST_ASIAN = re.compile(
    r"([0-9]{4})\s?[年년][.]?\s?([0-9]{1,2})\s?[月월]\s?([0-9]{1,2})\s?[日일](?:\([^)]\))?"
)
_EAST_ASIAN_TIME = re.compile(r"([0-9]{1,2})\s?[時时点시]\s?([0-9]{1,2})\s?[分분]")
_TOKEN = re.compile(
    r"(?P<number>'?[0-9]+)(?:(?<=[0-9])(?:st|nd|rd|th)\b)?|(?P<word>[a-z]+)\.?|(?P<mark>[-/.,\s]+)"
)


@lru_cache(maxsize=50_000)
def _look(text: str) -> _Answer:
    """One cell: (shape, three numbers, time of day, offset)."""
    if len(text) > MAX_LENGTH:
        return _NONE
    if moment := date_iso.without_doubt(text):
        return _whole(moment[0] // DAY, moment[0] % DAY, moment[1])
    rest = " ".join(text.lower().replace("\u2019", "'").split())
    if not rest.isascii():
        rest = _EAST_ASIAN.sub(r"\1-\2-\3 ", rest)
        rest = _EAST_ASIAN_TIME.sub(lambda m: f" {m[1]}:{m[2].zfill(2)}", rest).strip()
        if not rest.isascii():
            return _NONE
    if match := _COMPACT.fullmatch(rest):
        time = time_of(match.groupdict())
        if time is None:
            return _NONE
        return _answer(_WHOLE, int(match[1]), int(match[2]), int(match[3]), *time)
    rest = re.sub(r"(?<=[0-9])t(?=[0-9])", " ", rest)
    rest, parts = _without_clock(rest)
    time = time_of(parts)
    if time is None:
        return _NONE
    rest = _FILLING.sub(" ", rest).strip(" ,.")
    shape, first, second, third = _day(rest)
    return _answer(shape, first, second, third, *time) if shape else _NONE


def _answer(
    shape: int, first: int, second: int, third: int, micros: int, offset: int | None
) -> _Answer:
    return shape, first, second, third, micros, NO_OFFSET if offset is None else offset


def _whole(days: int, micros: int, offset: int | None) -> _Answer:
    day = np.datetime64(days, "D").item()
    return _answer(_WHOLE, day.year, day.month, day.day, micros, offset)


def _without_clock(rest: str) -> tuple[str, dict[str, str | None]]:
    """The text without its time of day, and the parts of that."""
    for pattern in _CLOCKS:
        match = pattern.search(rest)
        if match is None:
            continue
        parts = match.groupdict()
        if parts.get("before"):
            if parts["any_half"]:
                break
            parts["any_half"] = parts["before"]
        return f"{rest[: match.start()]} {rest[match.end() :]}", parts
    if match := _NOON.search(rest):
        hour = "12" if match[1] == "noon" else "0"
        return f"{rest[: match.start()]} {rest[match.end() :]}", {"hour": hour}
    return rest, {}


def _day(rest: str) -> tuple[int, int, int, int]:
    """(shape, three numbers) of a day without its time."""
    numbers: list[str] = []
    marks: list[str] = []
    months: list[int] = []
    places: list[str] = []
    position = 0
    while position < len(rest):
        match = _TOKEN.match(rest, position)
        if match is None:
            return _UNREAD, 0, 0, 0
        position = match.end()
        if match["number"]:
            numbers.append(match["number"])
            places.append("n")
        elif match["word"]:
            if match["word"] not in _MONTH_WORDS:
                return _UNREAD, 0, 0, 0
            months.append(month_number(match["word"]))
            places.append("m")
        else:
            marks.append(match["mark"].strip())
    if len(numbers) == 1 and not months and (match := _COMPACT.fullmatch(numbers[0])):
        year, month, day = match.groups()[:3]
        return (_WHOLE, int(year), int(month), int(day)) if not match["hour"] else _NONE[:4]
    if len(months) == 1 and len(numbers) == 2:
        return _with_name(numbers, months[0], last=places[-1] == "m")
    if months or len(numbers) != 3 or len(marks) != 2 or marks[0] != marks[1]:
        return _UNREAD, 0, 0, 0
    if marks[0] not in ("-", "/", ".", "") or not all(n.isdigit() for n in numbers):
        return _UNREAD, 0, 0, 0
    lengths = [np.array([len(numbers[i])]) for i in (0, 2)]
    if len(numbers[1]) > 2:
        return _UNREAD, 0, 0, 0
    first, second, third = map(int, numbers)
    return int(_shapes(*lengths)[0]), first, second, third


_MONTH_WORDS = frozenset(_MONTH_NAMES.split("|"))


def _with_name(numbers: list[str], month: int, *, last: bool) -> tuple[int, int, int, int]:
    """A day whose month is named; the year is the number that can be no day, else the second."""
    is_year = [len(n) == 4 or n.startswith("'") for n in numbers]
    values = [int(n.strip("'")) for n in numbers]
    if any(len(n) == 3 and not n.startswith("'") for n in numbers) or all(is_year):
        return _UNREAD, 0, 0, 0
    if not any(is_year):
        if any(len(n) > 2 for n in numbers) or (last and max(values) <= 31):
            # Nobody can tell the day from the year in "25 03 Sep".
            return _UNREAD, 0, 0, 0
        is_year = [values[0] > 31, values[0] <= 31]
    year, day = (values[0], values[1]) if is_year[0] else (values[1], values[0])
    digits = numbers[0 if is_year[0] else 1].strip("'")
    if len(digits) == 2:
        year += 1900 if year >= 69 else 2000
    return (_WHOLE, year, month, day) if day <= 31 else (_UNREAD, 0, 0, 0)
