"""Dates and instants: only as the spec says they are written, else ISO 8601.

A time without an offset is local to the style's time zone. A time that the clock shows twice
(when it is set back) is the first of the two, as in PEP 495; one that it skips (set forward)
never was, and is refused. A date alone, for an instant, is the beginning of that day.
An instant, for a date, is the day as it is written, unless it has an offset and the style has
a time zone: then it is the day there.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.date_format import NAMED, ORDERS, WRITTEN, compile_format
from ispmig_pipelines.mapping.convert.date_iso import read_iso
from ispmig_pipelines.mapping.convert.date_order import read_order
from ispmig_pipelines.mapping.convert.date_words import in_plain_words, offsets_of
from ispmig_pipelines.mapping.convert.moments import (
    DAY,
    FIRST,
    LAST,
    NO_OFFSET,
    Moment,
    Read,
    moment_of,
    nothing_read,
    read_distinct,
    read_fixed,
    read_pattern,
)
from ispmig_pipelines.mapping.convert.values import Converted, Converter, Refusal
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import TIMESTAMP
from ispmig_pipelines.nearest import did_you_mean, nearest

_ZERO_DATE = (
    r"^(?:0{8}|0{1,4}[-/. ]0{1,2}[-/. ]0{1,4}"
    r"(?:[T ]0{1,2}:00(?::00(?:[.]0+)?)?)?(?:Z|[+]00:?00)?)$"
)


def _read_format(values: pa.StringArray, text: str) -> Read:
    form = compile_format(text)
    read = nothing_read(len(values))
    read_fixed(values, form, read)
    with suppress(pa.ArrowInvalid):
        read_pattern(values, form.column_pattern, read)

    def one(cell: str) -> Moment | None:
        match = form.pattern.fullmatch(cell)
        return moment_of(match.groupdict()) if match else None

    read_distinct(values, one, read)
    return read


USUAL_SERIALS = {
    "excel": r"^[1-7][0-9]{4}(?:\.[0-9]{1,17})?$",
    "unix": r"^(?:[1-4][0-9]{9}|3[2-9][0-9]{7}|[4-9][0-9]{8})(?:\.[0-9]{1,6})?$",
    "unix_ms": r"^(?:[1-4][0-9]{12}|3[2-9][0-9]{10}|[4-9][0-9]{11})(?:\.0+)?$",
}
"""Numbers that are dates from 1927, or from 1980, to about 2100. No text is of two kinds, and none
is a date as YYYYMMDDHHmm of the years 1900 to 2100."""

_SERIAL = re.compile(r"-?[0-9]{1,15}(?:[.][0-9]{1,17})?")
_WHOLE_SERIAL = {"excel": r"^[0-9]{2,6}$", "unix": r"^[0-9]{1,10}$", "unix_ms": r"^[0-9]{1,13}$"}


def _read_whole_serials(values: pa.StringArray, name: str, into: Read) -> None:
    if name not in _WHOLE_SERIAL:
        return
    plain = pc.match_substring_regex(values, _WHOLE_SERIAL[name])
    rows = np.flatnonzero(plain.to_numpy(zero_copy_only=False))
    if rows.size == 0:
        return
    numbers = values.take(pa.array(rows)).cast(pa.int64()).to_numpy(zero_copy_only=False)
    if name == "excel":
        # Before 1 March 1900 Excel counts otherwise.
        rows, numbers = rows[numbers > 60], numbers[numbers > 60]
        into.micros[rows] = (numbers - 25_569) * DAY
    else:
        into.micros[rows] = numbers * (1_000_000 if name == "unix" else 1_000)
        into.offset[rows] = 0
    into.ok[rows] = True


def _read_serial(values: pa.StringArray, name: str) -> Read:
    """Seconds or milliseconds since 1970 in UTC, or Excel's days, which know no zone."""

    def one(text: str) -> Moment | None:
        if not _SERIAL.fullmatch(text):
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        if name.startswith("unix"):
            micros = number * (1_000_000 if name == "unix" else 1_000)
            whole = int(micros)
            return (whole, 0) if micros == whole and FIRST <= whole <= LAST else None
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
        return (moment, None) if moment <= LAST else None

    read = nothing_read(len(values))
    _read_whole_serials(values, name, read)
    read_distinct(values, one, read)
    return read


def read_form(values: pa.StringArray, form: str) -> Read:
    """Reads a column without nulls in one format, or one of :data:`NAMED`."""
    if form == "iso":
        read = read_iso(values)
    elif form in ORDERS:
        read = read_order(values, form)
    elif form in NAMED:
        read = _read_serial(values, form)
    else:
        read = _read_format(values, form)
    utc = read.micros - np.where(read.offset == NO_OFFSET, 0, read.offset) * np.int64(1_000_000)
    read.ok &= (utc >= FIRST) & (utc <= LAST) & (read.micros >= FIRST) & (read.micros <= LAST)
    return read


def _read_usual(values: pa.StringArray, form: str) -> Read:
    if form not in USUAL_SERIALS:
        return read_form(values, form)
    usual = pc.match_substring_regex(values, USUAL_SERIALS[form])
    rows = np.flatnonzero(usual.to_numpy(zero_copy_only=False))
    whole = nothing_read(len(values))
    some = read_form(values.take(pa.array(rows)), form)
    whole.ok[rows], whole.micros[rows], whole.offset[rows] = some.ok, some.micros, some.offset
    return whole


def _read_any(
    values: pa.StringArray, forms: tuple[str, ...], *, usual_serials: bool
) -> tuple[Read, np.ndarray]:
    """The reading of the formats, and where they disagree."""
    reading = _read_usual if usual_serials else read_form
    first, *others = (reading(values, form) for form in forms)
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
        **{order: f"{form} and its like" for order, form in WRITTEN.items()},
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
        self.read, self.differ = _read_any(cells, forms, usual_serials=style.usual_serials)
        self.unknown_zone = np.zeros(self.rows.size, dtype=bool)
        self._read_in_words(cells, style, tuple(f for f in forms if f == "iso" or f in ORDERS))
        self.forms = _described(forms)
        self.refusals: list[Refusal] = []
        unread = np.flatnonzero(~self.read.ok)
        zero = np.zeros(self.rows.size, dtype=bool)
        if unread.size:
            is_zero = pc.match_substring_regex(cells.take(pa.array(unread)), _ZERO_DATE)
            zero[unread] = is_zero.to_numpy(zero_copy_only=False)
        self.good = self.read.ok & ~self.differ
        self.refuse("value.date", ~self.read.ok & ~zero, self.forms)
        self.refuse(
            "value.ambiguous", self.differ, "a date that only one of the given formats can read"
        )

    def _read_in_words(self, cells: pa.StringArray, style: Style, forms: tuple[str, ...]) -> None:
        """Reads what is left with other languages' months, and with names of time zones."""
        left = np.flatnonzero(~self.read.ok)
        if left.size == 0 or not forms:
            return
        rows, texts, zones = in_plain_words(cells.take(pa.array(left)), style.country)
        if rows.size == 0:
            return
        rows = left[rows]
        read, differ = _read_any(texts, forms, usual_serials=False)
        named = read.ok & (read.offset == NO_OFFSET)
        named &= pc.not_equal(zones, "").to_numpy(zero_copy_only=False)
        if named.any():
            mine = pa.array(named)
            offsets = offsets_of(zones.filter(mine), read.micros[named], style.timezone)
            read.offset[named] = np.where(offsets == -1, NO_OFFSET, offsets)
            self.unknown_zone[rows[named]] = offsets == -1
        self.read.ok[rows], self.differ[rows] = read.ok, differ
        self.read.micros[rows], self.read.offset[rows] = read.micros, read.offset

    def refuse_unknown_zones(self, timezone: str) -> None:
        """Refuses times with the abbreviation of several zones, none of them the style's."""
        unknown = self.unknown_zone & self.good
        own = f" of {timezone}" if timezone else ", or one whose time zone the spec names"
        self.refuse(
            "value.timezone", unknown, f"a time with its offset, or with an abbreviation{own}"
        )
        self.good &= ~unknown

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


_FINER = r":[0-9]{2}[.,][0-9]{6}[0-9]*[1-9]"
"""A time with more than microseconds, as SQL Server's ``datetime2(7)`` has."""


def _match(values: pa.StringArray, pattern: str) -> np.ndarray:
    found = pc.fill_null(pc.match_substring_regex(values, pattern), False)
    mask: np.ndarray = found.to_numpy(zero_copy_only=False)
    return mask


def timestamp_converter(style: Style) -> Converter:
    """Instants in UTC to the microsecond; what is finer is cut off, and said so."""

    def convert(values: pa.StringArray) -> Converted:
        column = _Column(values, style)
        column.refuse_unknown_zones(style.timezone)
        read = column.read
        floating = read.offset == NO_OFFSET
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
            outside = local & ~skipped & ((utc < FIRST) | (utc > LAST))
            column.refuse("value.date", outside, "an instant of the years 1 to 9999")
            column.good &= ~skipped & ~outside
        finer = _match(values, _FINER)
        if finer.any():
            column.refuse("value.rounded", finer[column.rows] & column.good, "microseconds")
        micros, missing = column.result(utc)
        instants = pa.array(micros.view("datetime64[us]"), pa.timestamp("us"), mask=missing)
        return Converted(instants.cast(TIMESTAMP), tuple(column.refusals))

    return convert


def date_converter(style: Style) -> Converter:
    """Days. A time beside the day is in no field, unless it is the midnight at which the day
    begins, here or where it was written."""

    def convert(values: pa.StringArray) -> Converted:
        column = _Column(values, style)
        if style.timezone:
            column.refuse_unknown_zones(style.timezone)
        read = column.read
        micros = read.micros
        elsewhere = column.good & (read.offset != NO_OFFSET)
        if style.timezone and elsewhere.any():
            utc = micros[elsewhere] - read.offset[elsewhere].astype(np.int64) * 1_000_000
            micros = micros.copy()
            micros[elsewhere] = _utc_to_local(utc, style.timezone)
        whole, missing = column.result(micros)
        days = (whole // DAY).astype(np.int32)
        timed = column.good & (micros % DAY != 0) & (read.micros % DAY != 0)
        dropped = None
        if timed.any():
            dropped = np.zeros(column.size, dtype=bool)
            dropped[column.rows[timed]] = True
        return Converted(
            pa.array(days, pa.int32(), mask=missing).cast(pa.date32()),
            tuple(column.refusals),
            dropped=dropped,
        )

    return convert
