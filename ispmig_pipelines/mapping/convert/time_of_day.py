"""Times of day: clocks of 24 hours and of 12, digits without marks, and a spreadsheet's fraction.

None of these has two readings, so nothing needs to be settled by the column: a clock names
hours before minutes everywhere. A number from 0 to below 1 is a share of the day, as
spreadsheets keep times; ``0.30`` is asked about, because no spreadsheet writes the last zero and
somebody may mean half past twelve at night.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.values import Converted, Refused, per_distinct, plain_or
from ispmig_pipelines.model.field_info import TIME

ACCEPTED = "a time of day such as 19:30, 7:30 PM or 1930, before 24:00"

_PLAIN = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?$"
_HALF = r"(?P<half>[AaPp])(?:\.?\s?[Mm]\.?)?"
_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:(?P<mark>[:.])|\s?[hH]\s?)(?P<minute>[0-9]{2})"
    r"(?:(?(mark)(?P=mark)|[:mM]\s?)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    rf"(?:\s?{_HALF}|\s?[hH])?"
)
_HOUR = re.compile(rf"(?P<hour>[0-9]{{1,2}})(?:\s?{_HALF}|\s?[hH])")
_DIGITS = re.compile(r"(?P<hour>[0-9]{1,2})(?P<minute>[0-9]{2})(?P<second>(?<=[0-9]{4})[0-9]{2})?")
# The day that spreadsheets and databases put before a time that has none.
_NO_DAY = re.compile(r"(?:1899-12-3[01]|1900-01-0[01]|1904-01-01|1970-01-01|0001-01-01)[T ]")
_SHARE = re.compile(r"0?\.[0-9]{1,20}|0(?:\.0+)?")
_LAST_ZERO = re.compile(r"0\.[0-5]0")

_DAY = 86_400
_MICROSECOND = Decimal("0.000001")
_SURE_DIGITS = 6
"""Digits of a share of the day with which it tells one second from the next."""


def _time(text: str) -> dt.time:
    if _SHARE.fullmatch(text):
        return _of_day(text)
    bare = _NO_DAY.sub("", text)
    for shape in (_CLOCK, _HOUR, _DIGITS):
        if match := shape.fullmatch(bare):
            return _clock(match.groupdict())
    raise Refused("value.type", ACCEPTED)


def _clock(parts: dict[str, str | None]) -> dt.time:
    hour, minute = int(parts["hour"] or 0), int(parts.get("minute") or 0)
    fraction = (parts.get("fraction") or "").ljust(6, "0")
    if half := parts.get("half"):
        afternoon = half in "Pp"
        if hour > 12 or (hour == 0 and afternoon):
            raise Refused("value.type", ACCEPTED)
        hour = hour % 12 + 12 * afternoon
    if fraction[6:].strip("0"):
        raise Refused("value.precision", "a time of day to the microsecond")
    try:
        return dt.time(hour, minute, int(parts.get("second") or 0), int(fraction[:6]))
    except ValueError:
        raise Refused("value.type", ACCEPTED) from None


def _of_day(text: str) -> dt.time:
    """The time at which that share of the day has passed."""
    if _LAST_ZERO.fullmatch(text):
        raise Refused(
            "value.ambiguous",
            "such as 0.30, which is 07:12 as a share of the day, or 00:30; write 00:30",
        )
    share = Decimal(text if text[0] == "0" else f"0{text}")
    seconds = share * _DAY
    whole = round(seconds)
    digits = -int(share.as_tuple().exponent)
    if seconds != whole and digits >= _SURE_DIGITS:
        # Thirds of an hour have no end: what is nearer to a second than the last digit is it.
        if abs(seconds - whole) <= Decimal(_DAY).scaleb(-digits):
            seconds = Decimal(whole)
        else:
            seconds = seconds.quantize(_MICROSECOND)
    elif seconds != whole:
        raise Refused("value.precision", "written as a clock shows it, such as 19:30")
    if seconds >= _DAY:
        raise Refused("value.type", ACCEPTED)
    return (dt.datetime.min + dt.timedelta(microseconds=int(seconds * 1_000_000))).time()


def _cast(values: pa.StringArray) -> pa.Array:
    # Arrow reads no times from text, but instants.
    instants = pc.binary_join_element_wise("1970-01-01", values, " ").cast(pa.timestamp("us"))
    return instants.cast(pa.int64()).cast(TIME)


def convert_time(values: pa.StringArray) -> Converted:
    """Times from 00:00 to before 24:00, to the microsecond. The end of a day is refused: whether
    it means the day's beginning, only its source can say."""
    return plain_or(
        values,
        pc.match_substring_regex(values, _PLAIN),
        _cast,
        lambda rest: per_distinct(rest, _time, TIME),
    )
