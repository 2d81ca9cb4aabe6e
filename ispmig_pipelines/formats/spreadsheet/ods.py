"""The tables of an OpenDocument spreadsheet, streamed row by row.

Values are read from their attributes (``office:value``, ``office:date-value``, …), not from how
they are shown; repeated rows and cells are unfolded, as far as there is anything in them.
Source: OASIS OpenDocument 1.3 part 3, 9.1 (tables) and 19.385 (value types).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.spreadsheet.grid import (
    ERROR_CODES,
    MOST_COLUMNS,
    UNCOMPUTED,
    Grid,
    GridBuilder,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_package import (
    BROKEN,
    PARSER_OPTIONS,
    Sheet,
    damaged,
    protected,
    refuse_doctype,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_values import duration_text, number_text
from ispmig_pipelines.remote import SourceFile

_CONTENT = "content.xml"
_ROWS_AT_ONCE = 5_000

MOST_REPEATED_CELLS = 20_000_000
"""Most cells that repetitions may unfold to in one table: a few bytes can ask for billions."""

_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE = f"{{{_NAMESPACE}table:1.0}}"
_OFFICE = f"{{{_NAMESPACE}office:1.0}}"
_TEXT = f"{{{_NAMESPACE}text:1.0}}"
_STYLE = f"{{{_NAMESPACE}style:1.0}}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"

# As constants: they are asked of every cell.
_CELL, _COVERED = f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"
_REPEATED_COLUMNS = f"{_TABLE}number-columns-repeated"
_REPEATED_ROWS = f"{_TABLE}number-rows-repeated"
_SPANNED_COLUMNS = f"{_TABLE}number-columns-spanned"
_SPANNED_ROWS = f"{_TABLE}number-rows-spanned"
_FORMULA = f"{_TABLE}formula"
_VALUE_TYPE, _VALUE = f"{_OFFICE}value-type", f"{_OFFICE}value"
_CALC_TYPE = f"{_CALC}value-type"
_PARAGRAPH, _HEADING = f"{_TEXT}p", f"{_TEXT}h"

_ERROR = re.compile(r"Err:\d{3}|#[A-Z]{2,}[A-Z0-9/]*[!?]?")
"""How spreadsheet programs show an error, in any language (``#NV`` is a German ``#N/A``)."""

_DURATION = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?)?")


@dataclass
class OdsTables:
    """An open OpenDocument spreadsheet."""

    path: SourceFile
    archive: zipfile.ZipFile

    def sheets(self) -> list[Sheet]:
        """Its tables in order; the part of each is its number.

        Raises:
            SourceError: it is damaged, or encrypted.
        """
        if b"encryption-data" in self._member("META-INF/manifest.xml"):
            raise protected(self.path)
        hidden: set[str] = set()
        found: list[Sheet] = []
        for event, element in self._events():
            if event == "end" and element.tag == f"{_STYLE}style":
                properties = element.find(f"{_STYLE}table-properties")
                if properties is not None and properties.get(f"{_TABLE}display") == "false":
                    hidden.add(element.get(f"{_STYLE}name", ""))
            elif event == "start" and _is_sheet(element):
                state = "hidden" if element.get(f"{_TABLE}style-name") in hidden else "visible"
                name = element.get(f"{_TABLE}name") or f"Sheet{len(found) + 1}"
                found.append(Sheet(name, str(len(found)), state, "worksheet"))
            elif event == "end" and element.tag == f"{_TABLE}table-row":
                _forget(element)
        return found

    def _member(self, name: str) -> bytes:
        try:
            return self.archive.read(name)
        except KeyError:
            return b""
        except BROKEN:
            raise damaged(self.path, f"its part {name} cannot be read") from None
        except RuntimeError:
            raise protected(self.path) from None

    def _events(self) -> Iterator[tuple[str, etree._Element]]:
        tags = [f"{_TABLE}table", f"{_TABLE}table-row", f"{_STYLE}style"]
        try:
            with self.archive.open(_CONTENT) as file:
                events = etree.iterparse(file, ("start", "end"), tag=tags, **PARSER_OPTIONS)
                first = True
                for event, element in events:
                    if first:
                        refuse_doctype(self.path, element.getroottree().docinfo.doctype)
                        first = False
                    yield event, element
        except KeyError:
            raise damaged(self.path, f"it has no {_CONTENT}") from None
        except BROKEN:
            raise damaged(self.path, f"its part {_CONTENT} cannot be read") from None
        except RuntimeError:
            raise protected(self.path) from None


class OdsCells:
    """One table of a spreadsheet.

    Attributes:
        merged, hidden_rows, hidden_columns: how many merged ranges, hidden rows and hidden
            columns it has, known once it was read to its end.
    """

    def __init__(self, tables: OdsTables, part: str) -> None:
        """``part``: the table's number, from 0."""
        self._tables = tables
        self._number = int(part)
        self._repeated = 0
        self.merged = 0
        self.hidden_rows = 0
        self.hidden_columns = 0

    def grids(self) -> Iterator[Grid]:
        """The table's rows, in order; ``done`` counts rows.

        Raises:
            SourceError: it is damaged, or unfolds too far.
        """
        current = -1
        row_number = 1
        builder = GridBuilder()
        for event, element in self._tables._events():
            if event == "start":
                current += _is_sheet(element)
                continue
            if element.tag != f"{_TABLE}table-row":
                continue
            if current == self._number and _is_row_of_sheet(element):
                repeat = _count(element, _REPEATED_ROWS)
                cells, errors = self._row(element)
                if element.get(f"{_TABLE}visibility") in ("collapse", "filter") and cells:
                    self.hidden_rows += repeat
                if cells or errors:
                    self._limit(repeat * (len(cells) + len(errors)) if repeat > 1 else 0)
                    for number in range(row_number, row_number + repeat):
                        builder.add(number, cells, errors)
                        if len(builder) >= _ROWS_AT_ONCE:
                            yield builder.take(number)
                row_number += repeat
            if _is_row_of_sheet(element):
                _forget(element)
        yield builder.take(row_number)

    def _row(self, row: etree._Element) -> tuple[dict[int, str], dict[int, str]]:
        cells: dict[int, str] = {}
        errors: dict[int, str] = {}
        place = 0
        for cell in row:
            if cell.tag not in (_CELL, _COVERED):
                continue
            repeat = _count(cell, _REPEATED_COLUMNS)
            self.merged += _is_merged(cell)
            text, error = _content(cell)
            if text is not None or error:
                if place + repeat > MOST_COLUMNS:
                    raise SourceError(
                        f"{self._tables.path} has cells beyond column {MOST_COLUMNS:,}, which "
                        "no spreadsheet has. Open it in a spreadsheet program and save it anew."
                    )
                if repeat > 1:
                    self._limit(repeat)
                for at in range(place, place + repeat):
                    cells[at] = text or ""
                    if error:
                        errors[at] = error
            place += repeat
        return cells, errors

    def _limit(self, count: int) -> None:
        self._repeated += count
        if self._repeated > MOST_REPEATED_CELLS:
            raise SourceError(
                f"{self._tables.path} repeats cells more than {MOST_REPEATED_CELLS:,} times, as "
                "no real spreadsheet does. Delete the filled rows below its data, or export it "
                "as CSV."
            )


def _is_sheet(element: etree._Element) -> bool:
    parent = element.getparent()
    is_table = element.tag == f"{_TABLE}table"
    return is_table and parent is not None and parent.tag == f"{_OFFICE}spreadsheet"


def _is_row_of_sheet(row: etree._Element) -> bool:
    """Not of a table in a cell, of a linked one, or of one in the list of changes."""
    parent = row.getparent()
    while parent is not None and parent.tag in _GROUPS:
        parent = parent.getparent()
    return parent is not None and _is_sheet(parent)


_GROUPS = {f"{_TABLE}table-{kind}" for kind in ("header-rows", "row-group", "rows")}


def _forget(row: etree._Element) -> None:
    """Frees a row that was read, and those before it."""
    row.clear()
    parent = row.getparent()
    if parent is not None:
        while row.getprevious() is not None:
            del parent[0]


def _count(element: etree._Element, name: str) -> int:
    stated = element.get(name)
    if stated is None:
        return 1
    return max(int(stated), 1) if stated.isdecimal() and len(stated) < 10 else 1


def _is_merged(cell: etree._Element) -> bool:
    return _count(cell, _SPANNED_COLUMNS) > 1 or _count(cell, _SPANNED_ROWS) > 1


def _content(cell: etree._Element) -> tuple[str | None, str]:
    """A cell's text, None for none, and what stands there in place of a value, or ""."""
    kind = cell.get(_VALUE_TYPE, "")
    has_formula = cell.get(_FORMULA) is not None
    if not kind and not has_formula and not len(cell):
        return None, ""
    is_error = cell.get(_CALC_TYPE) == "error"
    shown = _shown(cell) if kind in ("", "string") or has_formula or is_error else None
    if is_error:
        return shown, shown or "an error"
    if has_formula and shown is not None and (shown in ERROR_CODES or _ERROR.fullmatch(shown)):
        return shown, shown
    if kind in ("float", "percentage", "currency"):
        value = cell.get(_VALUE)
        return (None, "") if value is None else (number_text(value), "")
    if kind == "date":
        return _date_text(cell.get(f"{_OFFICE}date-value", "")), ""
    if kind == "time":
        return _time_text(cell.get(f"{_OFFICE}time-value", "")), ""
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value", ""), ""
    if has_formula and not kind and not shown:
        return UNCOMPUTED, UNCOMPUTED
    stated = cell.get(f"{_OFFICE}string-value")
    return (shown if stated is None else stated), ""


def _shown(cell: etree._Element) -> str | None:
    """The paragraphs of a cell, without remarks; None where it has none."""
    paragraphs = [
        "".join(_pieces(child)) if len(child) else child.text or ""
        for child in cell.iterchildren(_PARAGRAPH, _HEADING)
    ]
    return "\n".join(paragraphs) if paragraphs else None


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == f"{_TEXT}s":
            stated = child.get(f"{_TEXT}c", "1")
            yield " " * min(int(stated) if stated.isdecimal() and len(stated) < 6 else 1, 32_767)
        elif child.tag == f"{_TEXT}tab":
            yield "\t"
        elif child.tag == f"{_TEXT}line-break":
            yield "\n"
        elif child.tag not in (f"{_OFFICE}annotation", f"{_TEXT}ruby-text", f"{_TEXT}note"):
            yield from _pieces(child)
        yield child.tail or ""


def _date_text(stated: str) -> str:
    """``2021-01-01T10:10:10.500000000`` as ``2021-01-01T10:10:10.500``."""
    day, separator, time = stated.partition("T")
    whole, point, fraction = time.partition(".")
    fraction = fraction.rstrip("0")
    if fraction.isdecimal():
        time = f"{whole}.{fraction.ljust(3, '0')}"
    elif point:
        time = whole + fraction
    return f"{day}{separator}{time}"


def _time_text(stated: str) -> str:
    """``PT10H10M10.5S`` as ``10:10:10.500``; what is no duration stays as it is."""
    found = _DURATION.fullmatch(stated)
    if found is None:
        return stated
    sign, days, hours, minutes, seconds, fraction = found.groups()
    total = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60
    ms = (total + int(seconds or 0)) * 1000 + round(float(f"0.{fraction or 0}") * 1000)
    return duration_text(-ms if sign else ms)
