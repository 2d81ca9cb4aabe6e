"""Dates and instants: only as the spec says they are written, else ISO 8601.

A time without an offset is local to the style's time zone. A time that the clock shows twice
(when it is set back) is the first of the two, as in PEP 495; one that it skips (set forward)
never was, and is refused. A date alone, for an instant, is the beginning of that day.
An instant, for a date, is the day as it is written, unless it has an offset and the style has
a time zone: then it is the day there.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.date_format import (
    MONTHS,
    NAMED,
    DateFormat,
    compile_format,
)
from ispmig_pipelines.mapping.convert.values import Converted, Converter, Refusal, distinct
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import TIMESTAMP
from ispmig_pipelines.nearest import did_you_mean, nearest

DAY = 86_400_000_000
"""Microseconds."""
_NO_OFFSET = np.iinfo(np.int32).min
_FIRST = -62_135_596_800_000_000
_LAST = 253_402_300_799_999_999
"""The years 1 to 9999 in microseconds since 1970."""

_ZERO_DATE = re.compile(
    r"0{8}|0{1,4}[-/. ]0{1,2}[-/. ]0{1,4}(?:[T ]0{1,2}:00(?::00(?:[.]0+)?)?)?(?:Z|[+]00:?00)?"
)

_ISO = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})|(?P<month_>[0-9]{2})(?P<day_>[0-9]{2}))"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,12}))?)?)?"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?|UTC|GMT)?)?"
)
_ISO_LAYOUTS = (
    "YYYY-MM-DD",
    "YYYY-MM-DD HH:mm:ss",
    "YYYY-MM-DDTHH:mm:ss",
    "YYYY-MM-DD HH:mm",
    "YYYY-MM-DD HH:mm:ss.SSSSSS",
)


@dataclass
class _Read:
    """What a format made of a column: local microseconds, offsets in seconds, and success."""

    ok: np.ndarray
    micros: np.ndarray
    offset: np.ndarray


def _nothing_read(size: int) -> _Read:
    return _Read(
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=np.int64),
        np.full(size, _NO_OFFSET, dtype=np.int32),
    )


def _days_from_civil(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's algorithm)."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


_MONTH_LENGTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def _read_layout(cells: np.ndarray, form: DateFormat) -> tuple[np.ndarray, np.ndarray]:
    """(ok, microseconds) of cells of one width, given as a matrix of bytes."""
    ok = np.ones(len(cells), dtype=bool)
    for position, character in form.literals:
        ok &= cells[:, position] == ord(character)
    part: dict[str, np.ndarray] = dict.fromkeys(
        ("hour", "minute", "second", "fraction"), np.zeros(len(cells), dtype=np.int64)
    )
    for name, start, width in form.layout or ():
        digits = cells[:, start : start + width].astype(np.int64) - 48
        ok &= ((digits >= 0) & (digits <= 9)).all(axis=1)
        part[name] = digits @ (10 ** np.arange(width - 1, -1, -1))
        if name == "fraction":
            part[name] = part[name] * 10 ** (6 - width)
    year = part["year"] if "year" in part else _full_year(part["short_year"])
    month, day = part["month"], part["day"]
    ok &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    month = np.where(ok, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    ok &= day <= _MONTH_LENGTH[month] + (leap & (month == 2))
    ok &= (part["hour"] <= 23) & (part["minute"] <= 59) & (part["second"] <= 59)
    seconds = (part["hour"] * 60 + part["minute"]) * 60 + part["second"]
    days = _days_from_civil(np.where(ok, year, 1970), month, np.where(ok, day, 1))
    return ok, days * DAY + seconds * 1_000_000 + part["fraction"]


def _full_year(short: np.ndarray) -> np.ndarray:
    return short + np.where(short >= 69, 1900, 2000)


def _read_fixed(values: pa.StringArray, form: DateFormat, into: _Read) -> None:
    """Reads the cells that have exactly the layout's width."""
    if form.layout is None or any(n == "fraction" and w > 6 for n, _, w in form.layout):
        return
    fits = pc.equal(pc.binary_length(values), form.width)
    rows = np.flatnonzero(fits.to_numpy(zero_copy_only=False) & ~into.ok)
    if rows.size == 0:
        return
    some = values if rows.size == len(values) else values.take(pa.array(rows))
    start = np.frombuffer(some.buffers()[1], np.int32)[some.offset]
    cells = np.frombuffer(some.buffers()[2], np.uint8)[start : start + rows.size * form.width]
    ok, micros = _read_layout(cells.reshape(rows.size, form.width), form)
    into.ok[rows[ok]] = True
    into.micros[rows[ok]] = micros[ok]


def _read_distinct(
    values: pa.StringArray, read: Callable[[str], tuple[int, int | None] | None], into: _Read
) -> None:
    """Reads what is left, each distinct cell once."""
    rows = np.flatnonzero(~into.ok)
    if rows.size == 0:
        return
    words, indices = distinct(values.take(pa.array(rows)))
    answers = [None if word is None else read(word) for word in words]
    ok = np.array([answer is not None for answer in answers], dtype=bool)[indices]
    micros = np.array([answer[0] if answer else 0 for answer in answers], dtype=np.int64)
    offset = np.array(
        [_NO_OFFSET if not a or a[1] is None else a[1] for a in answers], dtype=np.int32
    )
    into.ok[rows] = ok
    into.micros[rows] = micros[indices]
    into.offset[rows] = offset[indices]


def _from_parts(parts: dict[str, str | None]) -> tuple[int, int | None] | None:
    """Microseconds and offset of the parts a pattern found; None where they are no time."""
    if parts.get("short_year"):
        short = int(parts["short_year"] or 0)
        year = short + (1900 if short >= 69 else 2000)
    else:
        year = int(parts["year"] or 0)
    name = parts.get("month_name")
    month = _month_number(name) if name else int(parts.get("month") or parts.get("month_") or 0)
    day = int(parts.get("day") or parts.get("day_") or 0)
    hour = int(parts.get("hour") or 0)
    if parts.get("hour12"):
        hour = int(parts["hour12"] or 0)
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if (parts.get("half") or "")[0] in "pP" else 0)
    fraction = (parts.get("fraction") or "").rstrip("0")
    if len(fraction) > 6:
        return None
    try:
        moment = datetime.datetime(
            year, month, day, hour, int(parts.get("minute") or 0), int(parts.get("second") or 0),
            int(fraction.ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        return None
    micros = (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    zone = parts.get("zone")
    if zone is None:
        return micros, None
    offset = _offset_seconds(zone)
    return None if offset is None else (micros, offset)


def _month_number(name: str) -> int:
    return [m[:3] for m in MONTHS].index(name.lower()[:3]) + 1


def _offset_seconds(zone: str) -> int | None:
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-60 if zone[0] == "-" else 60)


def _read_iso(values: pa.StringArray) -> _Read:
    read = _nothing_read(len(values))
    for layout in _ISO_LAYOUTS:
        if read.ok.all():
            return read
        _read_fixed(values, compile_format(layout), read)

    def one(text: str) -> tuple[int, int | None] | None:
        match = _ISO.fullmatch(text)
        return _from_parts(match.groupdict()) if match else None

    _read_distinct(values, one, read)
    return read


def _read_format(values: pa.StringArray, text: str) -> _Read:
    form = compile_format(text)
    read = _nothing_read(len(values))
    _read_fixed(values, form, read)

    def one(cell: str) -> tuple[int, int | None] | None:
        match = form.pattern.fullmatch(cell)
        return _from_parts(match.groupdict()) if match else None

    _read_distinct(values, one, read)
    return read


_SERIAL = re.compile(r"-?[0-9]{1,15}(?:[.][0-9]{1,17})?")


def _read_serial(values: pa.StringArray, name: str) -> _Read:
    """Seconds or milliseconds since 1970 in UTC, or Excel's days, which know no zone."""

    def one(text: str) -> tuple[int, int | None] | None:
        if not _SERIAL.fullmatch(text):
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        if name.startswith("unix"):
            micros = number * (1_000_000 if name == "unix" else 1_000)
            whole = int(micros)
            return (whole, 0) if micros == whole and _FIRST <= whole <= _LAST else None
        if number < 0:
            return None
        if name == "excel_1904":
            first = -24_107
        elif 60 <= number < 61:
            # Excel has a 29 February 1900, which never was.
            return None
        else:
            first = -25_569 if number >= 61 else -25_568
        # A serial is a float: its time is meant to the millisecond at best.
        milliseconds = int((number * 86_400_000).to_integral_value())
        moment = first * DAY + milliseconds * 1_000
        return (moment, None) if moment <= _LAST else None

    read = _nothing_read(len(values))
    _read_distinct(values, one, read)
    return read


def _read(values: pa.StringArray, form: str) -> _Read:
    if form == "iso":
        read = _read_iso(values)
    elif form in NAMED:
        read = _read_serial(values, form)
    else:
        read = _read_format(values, form)
    utc = read.micros - np.where(read.offset == _NO_OFFSET, 0, read.offset) * np.int64(1_000_000)
    read.ok &= (utc >= _FIRST) & (utc <= _LAST) & (read.micros >= _FIRST) & (read.micros <= _LAST)
    return read


def _read_any(values: pa.StringArray, forms: tuple[str, ...]) -> tuple[_Read, np.ndarray]:
    """The reading of the formats, and where they disagree."""
    first, *others = (_read(values, form) for form in forms)
    differ = np.zeros(len(values), dtype=bool)
    for other in others:
        both = first.ok & other.ok
        differ |= both & ((first.micros != other.micros) | (first.offset != other.offset))
        only = other.ok & ~first.ok
        first.ok[only] = True
        first.micros[only] = other.micros[only]
        first.offset[only] = other.offset[only]
    return first, differ


def _described(forms: tuple[str, ...]) -> str:
    names = {
        "iso": "YYYY-MM-DD (ISO 8601)",
        "unix": "seconds since 1970",
        "unix_ms": "milliseconds since 1970",
        "excel": "Excel's serial days",
        "excel_1904": "Excel's serial days since 1904",
    }
    return " or ".join(names.get(form, form) for form in forms)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = (
            did_you_mean(name, sorted(available_timezones()))
            if nearest(name, available_timezones())
            else "; write a name such as Europe/Berlin"
        )
        raise ValueError(f"{name!r} is no time zone{hint}") from None


def _local_to_utc(micros: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Local microseconds → (UTC, where the clock skipped that time)."""
    if name in ("UTC", "Etc/UTC"):
        return micros, np.zeros(len(micros), dtype=bool)
    local = pd.DatetimeIndex(micros.view("datetime64[us]"))
    there = local.tz_localize(
        zone(name), ambiguous=np.ones(len(local), dtype=bool), nonexistent="NaT"
    )
    utc = there.tz_convert("UTC").tz_localize(None).to_numpy().view(np.int64)
    skipped = np.asarray(there.isna())
    return np.where(skipped, 0, utc), skipped


def _utc_to_local(micros: np.ndarray, name: str) -> np.ndarray:
    there = pd.DatetimeIndex(micros.view("datetime64[us]"), tz="UTC").tz_convert(zone(name))
    return there.tz_localize(None).to_numpy().view(np.int64)


class _Column:
    """What the conversions of dates and of instants share."""

    def __init__(self, values: pa.StringArray, style: Style) -> None:
        self.size = len(values)
        present = pc.is_valid(values).to_numpy(zero_copy_only=False)
        self.rows = np.flatnonzero(present)
        cells = values if self.rows.size == self.size else values.filter(pc.is_valid(values))
        forms = style.date_formats or ("iso",)
        self.read, self.differ = _read_any(cells, forms)
        self.forms = _described(forms)
        self.refusals: list[Refusal] = []
        unread = np.flatnonzero(~self.read.ok)
        zero = np.zeros(self.rows.size, dtype=bool)
        if unread.size:
            words = cells.take(pa.array(unread)).to_pylist()
            zero[unread] = [_ZERO_DATE.fullmatch(word) is not None for word in words]
        self.good = self.read.ok & ~self.differ
        self.refuse("value.date", ~self.read.ok & ~zero, self.forms)
        self.refuse(
            "value.ambiguous", self.differ, "a date that only one of the given formats can read"
        )

    def refuse(self, rule: str, of_present: np.ndarray, accepted: str) -> None:
        if of_present.any():
            where = np.zeros(self.size, dtype=bool)
            where[self.rows[of_present]] = True
            self.refusals.append(Refusal(rule, where, accepted))

    def result(self, micros: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(values over the whole column, where there is none)."""
        whole = np.zeros(self.size, dtype=np.int64)
        whole[self.rows] = np.where(self.good, micros, 0)
        missing = np.ones(self.size, dtype=bool)
        missing[self.rows] = ~self.good
        return whole, missing


def timestamp_converter(style: Style) -> Converter:
    """Instants in UTC to the microsecond."""

    def convert(values: pa.StringArray) -> Converted:
        column = _Column(values, style)
        read = column.read
        floating = read.offset == _NO_OFFSET
        offset = np.where(floating, 0, read.offset).astype(np.int64)
        utc = read.micros - offset * 1_000_000
        local = floating & column.good
        if local.any() and not style.timezone:
            column.refuse("value.timezone", local, "a time with its offset")
            column.good &= ~local
        elif local.any():
            there, skipped_there = _local_to_utc(read.micros[local], style.timezone)
            utc[local] = there
            skipped = np.zeros(len(utc), dtype=bool)
            skipped[local] = skipped_there
            column.refuse(
                "value.date", skipped, f"a time that the clocks of {style.timezone} showed"
            )
            outside = local & ~skipped & ((utc < _FIRST) | (utc > _LAST))
            column.refuse("value.date", outside, "an instant of the years 1 to 9999")
            column.good &= ~skipped & ~outside
        micros, missing = column.result(utc)
        instants = pa.array(micros.view("datetime64[us]"), pa.timestamp("us"), mask=missing)
        return Converted(instants.cast(TIMESTAMP), tuple(column.refusals))

    return convert


def date_converter(style: Style) -> Converter:
    """Days."""

    def convert(values: pa.StringArray) -> Converted:
        column = _Column(values, style)
        read = column.read
        micros = read.micros
        elsewhere = column.good & (read.offset != _NO_OFFSET)
        if style.timezone and elsewhere.any():
            utc = micros[elsewhere] - read.offset[elsewhere].astype(np.int64) * 1_000_000
            micros = micros.copy()
            micros[elsewhere] = _utc_to_local(utc, style.timezone)
        whole, missing = column.result(micros)
        days = (whole // DAY).astype(np.int32)
        return Converted(
            pa.array(days, pa.int32(), mask=missing).cast(pa.date32()), tuple(column.refusals)
        )

    return convert
