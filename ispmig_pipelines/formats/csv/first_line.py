"""A first line that the delimiter of the lines below does not divide: what it may be.

It is the name of the one column, whose values happen to hold the delimiter; or a header written
with another delimiter than the records; or a title. It is never left out in silence.
"""

from __future__ import annotations

import re

from ispmig_pipelines.formats.csv.candidates import is_weak
from ispmig_pipelines.formats.csv.dialect import CsvOptions
from ispmig_pipelines.formats.csv.header import header_vote, names_something
from ispmig_pipelines.formats.csv.readings import Reading, Row, named
from ispmig_pipelines.formats.shapes import TEXT, shape

_LONGEST_NAME = 40
_SEPARATORS = (";", "\t", ",", "|", "~", "^", " ")


def one_column(found: list[Reading], options: CsvOptions) -> tuple[Reading | None, str]:
    """The reading as one column where the first line is its name; or a question.

    Args:
        found: the readings, the best first.

    Returns:
        The reading to be preferred to the best, or None; and what to ask, or "".
    """
    best = found[0]
    rows, width = best.rows, best.width
    if (
        options.header is not None
        or options.skip_lines is not None
        or options.columns is not None
        or width < 2
        or len(rows) < 3
        or not _is_a_name(rows[0])
        or (rows[0].line, rows[1].line) != (1, 2)
        or header_delimiter(rows, width)
        or sum(len(row.cells) == width for row in rows[1:]) < 0.9 * (len(rows) - 1)
    ):
        return None, ""
    vote, known = header_vote(rows[1:], width)
    if known and vote > 0:
        return None, ""
    mark = best.dialect.delimiter
    if is_weak(mark) or (
        mark.strip() == ","
        and width == 2
        and names_something(rows[0].text)
        and _values_hold_a_comma(rows[1:])
    ):
        single = next((r for r in found if r.width == 1 and len(r.rows) == len(rows)), None)
        if single is not None:
            return single, ""
    return None, (
        f"The first line is one name, and the lines below have {width} cells with "
        f"{named(mark)} as the delimiter. If it is the name of the one column, whose values hold "
        "that character, name in the spec a delimiter that does not occur (csv: delimiter); if it "
        "is a title above the records, leave it out (csv: skip_lines: 1, header: false)."
    )


def _is_a_name(row: Row) -> bool:
    text = row.text.strip().strip("\"'")
    return (
        len(row.cells) == 1
        and 0 < len(text) <= _LONGEST_NAME
        and len(text.split()) <= 3
        and not text.endswith(":")
        and shape(text) == TEXT
    )


def _values_hold_a_comma(rows: list[Row]) -> bool:
    """``12,50`` and ``Smith, John``: the comma is part of the value."""
    amounts = sum(shape(row.text) == "decimal" for row in rows)
    persons = sum(bool(re.fullmatch(r"[^\W\d].*, [^\W\d].*", row.text)) for row in rows)
    return max(amounts, persons) >= 0.9 * len(rows)


def header_delimiter(rows: list[Row], width: int) -> str:
    """What divides the first row into as many names as the records have cells, or ""."""
    if width < 2 or len(rows) < 2 or len(rows[0].cells) == width:
        return ""
    if sum(len(row.cells) == width for row in rows[1:]) < 0.8 * (len(rows) - 1):
        return ""
    text = rows[0].text
    for mark in _SEPARATORS:
        names = [name.strip().strip("\"'").strip() for name in text.split(mark)]
        if len(names) != width or any(shape(name) != TEXT for name in names):
            continue
        if len({name.lower() for name in names}) < width:
            continue
        # Words of a title stand apart by blanks as well.
        if mark != " " or sum(map(names_something, names)) * 2 >= width:
            return mark
    return ""
