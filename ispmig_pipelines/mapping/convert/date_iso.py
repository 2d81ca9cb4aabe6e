"""Dates and times in ISO 8601, and with a space for the ``T``; and the instants of .NET's JSON,
which leave no doubt either."""

from __future__ import annotations

import re

import pyarrow as pa

from ispmig_pipelines.mapping.convert.date_format import compile_format
from ispmig_pipelines.mapping.convert.dotnet_date import read_dotnet
from ispmig_pipelines.mapping.convert.moments import (
    NO_OFFSET,
    Moment,
    Read,
    moment_of,
    nothing_read,
    read_fixed,
    read_pattern,
)

_LAYOUTS = (
    ("YYYY-MM-DD", NO_OFFSET),
    ("YYYY-MM-DD HH:mm:ss", NO_OFFSET),
    ("YYYY-MM-DDTHH:mm:ss[Z]", 0),
    ("YYYY-MM-DDTHH:mm:ss", NO_OFFSET),
    ("YYYY-MM-DD HH:mm", NO_OFFSET),
    ("YYYY-MM-DD HH:mm:ss.SSSSSS", NO_OFFSET),
    ("YYYY-MM-DD HH:mm:ss[Z]", 0),
)
_TIME = (
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,12}))?)?)?"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?|UTC|GMT)?)?"
)
_DASHED = rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}}){_TIME}"
_COMPACT = rf"(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}){_TIME}"
# In front of eight digits 19 or 20: others may well be DDMMYYYY.
_CELLS = (re.compile(_DASHED), re.compile(f"(?=19|20){_COMPACT}"))


def read_layouts(values: pa.StringArray, into: Read) -> None:
    """Reads the usual layouts, by their bytes."""
    for layout, offset in _LAYOUTS:
        if into.ok.all():
            return
        read_fixed(values, compile_format(layout), into, offset=offset)


def read_iso(values: pa.StringArray) -> Read:
    """Reads a column without nulls."""
    read = nothing_read(len(values))
    read_layouts(values, read)
    for pattern in (_DASHED, _COMPACT):
        read_pattern(values, f"^{pattern}$", read)
    if not read.ok.all():
        rows, micros, offset = read_dotnet(values, ~read.ok)
        read.ok[rows], read.micros[rows], read.offset[rows] = True, micros, offset
    return read


def without_doubt(text: str) -> Moment | None:
    """One cell that is in ISO 8601 and nothing else: with dashes, or of the years 1900 to 2099."""
    for pattern in _CELLS:
        if match := pattern.fullmatch(text):
            return moment_of(match.groupdict())
    return None
