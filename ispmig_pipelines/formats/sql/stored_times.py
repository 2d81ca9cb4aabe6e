"""Dates and times that SQL Server's scripts give as the bytes of their storage.

``CAST(0x0000A3A400000000 AS DateTime)`` is how Management Studio wrote them up to its 2012
version. The layouts are those of SQL Server's own storage: ``datetime`` is days since 1900 and
300ths of a second, big-endian; the types of 2008 are a scale, the time in units of it since
midnight and days since year 1, little-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

_DAY_TICKS = 300 * 86_400


class NoTime(ValueError):
    """The bytes are no moment of their type."""


def _day(number: int, first: date) -> date:
    try:
        return first + timedelta(days=number)
    except OverflowError:
        raise NoTime from None


def _datetime(raw: bytes) -> str:
    if len(raw) != 8:
        raise NoTime
    ticks = int.from_bytes(raw[4:], "big")
    if ticks >= _DAY_TICKS:
        raise NoTime
    day = _day(int.from_bytes(raw[:4], "big", signed=True), date(1900, 1, 1))
    moment = datetime(day.year, day.month, day.day) + timedelta(milliseconds=round(ticks * 10 / 3))
    return moment.isoformat(" ", "milliseconds" if ticks % 300 else "seconds")


def _smalldatetime(raw: bytes) -> str:
    if len(raw) != 4:
        raise NoTime
    minutes = int.from_bytes(raw[2:], "big")
    if minutes >= 1440:
        raise NoTime
    day = _day(int.from_bytes(raw[:2], "big"), date(1900, 1, 1))
    return f"{day.isoformat()} {minutes // 60:02}:{minutes % 60:02}:00"


def _date(raw: bytes) -> str:
    if len(raw) not in (3, 4):
        raise NoTime
    return _day(int.from_bytes(raw[:3], "little"), date(1, 1, 1)).isoformat()


def _scaled(raw: bytes) -> tuple[int, int, int]:
    """Scale, and the time of day in seconds and in units of the scale beyond them."""
    scale = raw[0] if raw else 8
    size = 3 if scale < 3 else 4 if scale < 5 else 5
    if scale > 7 or len(raw) < 1 + size:
        raise NoTime
    seconds, part = divmod(int.from_bytes(raw[1 : 1 + size], "little"), 10**scale)
    if seconds >= 86_400:
        raise NoTime
    return scale, seconds, part


def _clock(scale: int, seconds: int, part: int) -> str:
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    fraction = f"{part:0{scale}}".rstrip("0") if scale else ""
    return f"{text}.{fraction}" if fraction else text


def _time(raw: bytes) -> str:
    return _clock(*_scaled(raw))


def _datetime2(raw: bytes) -> str:
    scale, seconds, part = _scaled(raw[:-3])
    return f"{_date(raw[-3:])} {_clock(scale, seconds, part)}"


def _datetimeoffset(raw: bytes) -> str:
    """The moment is stored in UTC, with the minutes that its zone is ahead."""
    offset = int.from_bytes(raw[-2:], "little", signed=True)
    if abs(offset) > 14 * 60:
        raise NoTime
    scale, seconds, part = _scaled(raw[:-5])
    days, seconds = divmod(seconds + offset * 60, 86_400)
    number = int.from_bytes(raw[-5:-2], "little") + days
    sign, ahead = "-" if offset < 0 else "+", abs(offset)
    return (
        f"{_day(number, date(1, 1, 1)).isoformat()} {_clock(scale, seconds, part)}"
        f"{sign}{ahead // 60:02}:{ahead % 60:02}"
    )


STORED_TIMES: dict[bytes, Callable[[bytes], str]] = {
    b"datetime": _datetime,
    b"smalldatetime": _smalldatetime,
    b"date": _date,
    b"time": _time,
    b"datetime2": _datetime2,
    b"datetimeoffset": _datetimeoffset,
}
"""By type, what reads its bytes as ISO text. They raise :class:`NoTime`."""
