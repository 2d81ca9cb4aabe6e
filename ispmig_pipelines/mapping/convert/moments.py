"""Local times as microseconds since 1970, read from columns of text.

Three ways, from fast to slow: cells of one width by their bytes, cells of one pattern by
Arrow's regular expressions, and the rest one by one, each distinct cell once.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.date_format import MONTHS, DateFormat
from ispmig_pipelines.mapping.convert.values import distinct

DAY = 86_400_000_000
"""Microseconds."""
NO_OFFSET = np.iinfo(np.int32).min
FIRST = -62_135_596_800_000_000
LAST = 253_402_300_799_999_999
"""The years 1 to 9999 in microseconds since 1970."""

Moment = tuple[int, int | None]
"""Local microseconds, and the offset from UTC in seconds where one is written."""


@dataclass
class Read:
    """What a format made of a column: local microseconds, offsets in seconds, and success."""

    ok: np.ndarray
    micros: np.ndarray
    offset: np.ndarray


def nothing_read(size: int) -> Read:
    """A column of which nothing is read yet."""
    return Read(
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=np.int64),
        np.full(size, NO_OFFSET, dtype=np.int32),
    )


_MONTH_LENGTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def days_of(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(is there such a day, days since 1970-01-01), in the proleptic Gregorian calendar.

    Days are counted by Howard Hinnant's algorithm.
    """
    ok = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1)
    month = np.where(ok, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    ok &= day <= _MONTH_LENGTH[month] + (leap & (month == 2))
    shifted = np.where(ok, year, 1970) - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + np.where(ok, day, 1) - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return ok, days


def full_year(short: np.ndarray) -> np.ndarray:
    """Years of two digits as POSIX has them: 1969 to 2068."""
    return short + np.where(short >= 69, 1900, 2000)


def digits_at(cells: np.ndarray, start: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(are all of them digits, the number) of bytes in a matrix of cells of one width."""
    number = np.zeros(len(cells), dtype=np.int64)
    ok = np.ones(len(cells), dtype=bool)
    for position in range(start, start + width):
        # Bytes below "0" wrap around, so that one comparison is enough.
        digit = cells[:, position] - np.uint8(48)
        ok &= digit <= 9
        number *= 10
        number += digit
    return ok, number


def _read_layout(cells: np.ndarray, form: DateFormat) -> tuple[np.ndarray, np.ndarray]:
    ok = np.ones(len(cells), dtype=bool)
    for position, character in form.literals:
        ok &= cells[:, position] == ord(character)
    part: dict[str, np.ndarray] = {}
    for name, start, width in form.layout or ():
        all_digits, part[name] = digits_at(cells, start, width)
        ok &= all_digits
        if name == "fraction":
            part[name] = part[name] * 10 ** (6 - width)
    year = part["year"] if "year" in part else full_year(part["short_year"])
    is_day, days = days_of(year, part["month"], part["day"])
    ok &= is_day
    micros = days * DAY
    if "hour" in part:
        valid, passed = clock(part["hour"], part.get("minute"), part.get("second"))
        ok &= valid
        micros += passed
    if "fraction" in part:
        micros += part["fraction"]
    return ok, micros


def clock(
    hour: np.ndarray, minute: np.ndarray | None, second: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(is there such a time of day, microseconds since midnight)."""
    ok = hour <= 23
    seconds = hour * 3600
    for part, unit in ((minute, 60), (second, 1)):
        if part is not None:
            ok &= part <= 59
            seconds = seconds + part * unit
    return ok, seconds * 1_000_000


def rows_of_width(values: pa.StringArray, width: int, open_: np.ndarray) -> np.ndarray:
    """Positions of the cells of so many bytes that are still ``open_``."""
    fits = pc.equal(pc.binary_length(values), width)
    rows: np.ndarray = np.flatnonzero(fits.to_numpy(zero_copy_only=False) & open_)
    return rows


def bytes_of(values: pa.StringArray, rows: np.ndarray, width: int) -> np.ndarray:
    """The bytes of these cells, all of one width, as a matrix."""
    some = values if rows.size == len(values) else values.take(pa.array(rows))
    start = np.frombuffer(some.buffers()[1], np.int32)[some.offset]
    data = np.frombuffer(some.buffers()[2], np.uint8)[start : start + rows.size * width]
    return data.reshape(rows.size, width)


def read_fixed(
    values: pa.StringArray, form: DateFormat, into: Read, *, offset: int = NO_OFFSET
) -> None:
    """Reads the cells that have exactly the layout's width. ``values`` has no null."""
    if form.layout is None or any(n == "fraction" and w > 6 for n, _, w in form.layout):
        return
    rows = rows_of_width(values, form.width, ~into.ok)
    if rows.size == 0:
        return
    ok, micros = _read_layout(bytes_of(values, rows, form.width), form)
    into.ok[rows[ok]] = True
    into.micros[rows[ok]] = micros[ok]
    into.offset[rows[ok]] = offset


def numbers_of(part: pa.StringArray) -> np.ndarray:
    """Texts of digits as numbers; "" is 0."""
    filled = pc.if_else(pc.equal(part, ""), "0", part)
    numbers: np.ndarray = filled.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return numbers


def texts_of_offsets(zones: pa.StringArray) -> np.ndarray:
    """Offsets in seconds; :data:`NO_OFFSET` for no text; -1 where it is no offset."""
    words, indices = distinct(zones)
    answers = [NO_OFFSET if not w else offset_seconds(w) for w in words]
    seconds = np.array([-1 if a is None else a for a in answers], dtype=np.int32)
    taken: np.ndarray = seconds[indices]
    return taken


def _begins_with(part: pa.StringArray, letter: str) -> np.ndarray:
    first = pc.ascii_lower(pc.utf8_slice_codeunits(part, 0, 1))
    begins: np.ndarray = pc.equal(first, letter).to_numpy(zero_copy_only=False)
    return begins


def clock_of(parts: Mapping[str, pa.StringArray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ok, microseconds since midnight, offsets) of the parts that a pattern found.

    Parts it knows: hour, minute, second, fraction, hour12 with half, zone; each "" where the cell
    has none. ``any_half`` is an AM or PM that an hour of 24 may have too: ``13:05 PM``.
    """
    size = len(next(iter(parts.values())))
    ok = np.ones(size, dtype=bool)
    hour = np.zeros(size, dtype=np.int64)
    if "hour" in parts:
        hour = numbers_of(parts["hour"])
    if "hour12" in parts:
        twelve = numbers_of(parts["hour12"])
        ok &= (twelve >= 1) & (twelve <= 12)
        hour = twelve % 12 + _begins_with(parts["half"], "p") * 12
    elif "any_half" in parts:
        forenoon, afternoon = (_begins_with(parts["any_half"], letter) for letter in "ap")
        twelve = forenoon | afternoon
        ok &= ~(forenoon & (hour > 12)) & ~(afternoon & (hour == 0))
        hour = np.where(twelve & (hour <= 12), hour % 12 + afternoon * 12, hour)
    minute = numbers_of(parts["minute"]) if "minute" in parts else None
    second = numbers_of(parts["second"]) if "second" in parts else None
    valid, micros = clock(hour, minute, second)
    ok &= valid
    if "fraction" in parts:
        padded = pc.utf8_rpad(pc.utf8_slice_codeunits(parts["fraction"], 0, 6), 6, "0")
        micros = micros + numbers_of(padded)
    offset = np.full(size, NO_OFFSET, dtype=np.int32)
    if "zone" in parts:
        offset = texts_of_offsets(parts["zone"])
        ok &= offset != -1
    return ok, micros, offset


def months_of(names: pa.StringArray) -> np.ndarray:
    """Numbers of the months by their English names, 0 for what is none."""
    short = pa.array([m[:3] for m in MONTHS])
    found = pc.index_in(pc.ascii_lower(pc.utf8_slice_codeunits(names, 0, 3)), value_set=short)
    numbers: np.ndarray = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers + 1


def parts_found(
    values: pa.StringArray, pattern: str, open_: np.ndarray
) -> tuple[np.ndarray, dict[str, pa.StringArray]]:
    """(positions of the ``open_`` cells that match, the pattern's named groups in them)."""
    rows = np.flatnonzero(open_)
    if rows.size == 0:
        return rows, {}
    some = values if rows.size == len(values) else values.take(pa.array(rows))
    found = pc.extract_regex(some, pattern)
    if found.null_count:
        matched = found.is_valid()
        rows = rows[matched.to_numpy(zero_copy_only=False)]
        found = found.filter(matched)
    groups = [found.type.field(i).name for i in range(found.type.num_fields)]
    return rows, dict(zip(groups, found.flatten(), strict=True))


def read_pattern(values: pa.StringArray, pattern: str, into: Read) -> None:
    """Reads the cells that match a pattern whose groups are the parts of a whole date."""
    rows, parts = parts_found(values, pattern, ~into.ok)
    if rows.size == 0:
        return
    year = (
        numbers_of(parts["year"]) if "year" in parts else full_year(numbers_of(parts["short_year"]))
    )
    month = months_of(parts["month_name"]) if "month_name" in parts else numbers_of(parts["month"])
    is_day, days = days_of(year, month, numbers_of(parts["day"]))
    ok, micros, offset = clock_of(parts)
    ok &= is_day
    into.ok[rows[ok]] = True
    into.micros[rows[ok]] = (days * DAY + micros)[ok]
    into.offset[rows[ok]] = offset[ok]


def read_distinct(values: pa.StringArray, read: Callable[[str], Moment | None], into: Read) -> None:
    """Reads what is left, each distinct cell once."""
    rows = np.flatnonzero(~into.ok)
    if rows.size == 0:
        return
    words, indices = distinct(values.take(pa.array(rows)))
    answers = [None if word is None else read(word) for word in words]
    ok = np.array([answer is not None for answer in answers], dtype=bool)[indices]
    micros = np.array([answer[0] if answer else 0 for answer in answers], dtype=np.int64)
    offset = np.array(
        [NO_OFFSET if not a or a[1] is None else a[1] for a in answers], dtype=np.int32
    )
    into.ok[rows] = ok
    into.micros[rows] = micros[indices]
    into.offset[rows] = offset[indices]


def moment_of(parts: Mapping[str, str | None]) -> Moment | None:
    """Microseconds and offset of the parts a pattern found; None where they are no time."""
    if parts.get("short_year"):
        short = int(parts["short_year"] or 0)
        year = short + (1900 if short >= 69 else 2000)
    else:
        year = int(parts["year"] or 0)
    name = parts.get("month_name")
    month = month_number(name) if name else int(parts.get("month") or parts.get("month_") or 0)
    day = int(parts.get("day") or parts.get("day_") or 0)
    passed = time_of(parts)
    if passed is None:
        return None
    try:
        whole = datetime.date(year, month, day)
    except ValueError:
        return None
    return (whole.toordinal() - 719_163) * DAY + passed[0], passed[1]


def time_of(parts: Mapping[str, str | None]) -> Moment | None:
    """Microseconds since midnight and offset of the parts; None where they are no time."""
    hour = int(parts.get("hour") or 0)
    if parts.get("hour12"):
        twelve = int(parts["hour12"] or 0)
        if not 1 <= twelve <= 12:
            return None
        hour = twelve % 12 + (12 if (parts.get("half") or "")[0] in "pP" else 0)
    elif half := (parts.get("any_half") or "").lower():
        if (half[0] == "a" and hour > 12) or (half[0] == "p" and hour == 0):
            return None
        if hour <= 12:
            hour = hour % 12 + (12 if half[0] == "p" else 0)
    minute, second = int(parts.get("minute") or 0), int(parts.get("second") or 0)
    fraction = (parts.get("fraction") or "")[:6]
    if hour > 23 or minute > 59 or second > 59:
        return None
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + int(fraction.ljust(6, "0"))
    zone = parts.get("zone")
    if not zone:
        return micros, None
    offset = offset_seconds(zone)
    return None if offset is None else (micros, offset)


def month_number(name: str) -> int:
    """1 to 12, by the first three letters of an English name."""
    return [m[:3] for m in MONTHS].index(name.lower()[:3]) + 1


def offset_seconds(zone: str) -> int | None:
    """Seconds east of UTC of ``Z``, ``+02:00``, ``GMT+0200``; None where it is no offset."""
    bare = zone.upper().removeprefix("UTC").removeprefix("GMT").strip()
    if bare in ("", "Z"):
        return 0
    digits = bare[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-60 if bare[0] == "-" else 60)
