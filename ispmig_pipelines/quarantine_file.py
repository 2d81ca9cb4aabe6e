"""Quarantine as a file: every record with its reasons and all its original cells."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.staging import storage_errors

HEADER = (
    "migration", "entity", "file", "record", "line", "rule", "column", "field", "message",
    "remedy", "cells", "text",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHEET_ROWS = 1_048_576  # of a worksheet of Excel, its header among them
_CELL_LENGTH = 32_767  # characters that Excel keeps in a cell


def write(listing: Iterator[dict[str, Any]], path: Path, format: str) -> int:
    """Writes the listing, one line per reason; returns the number of records.

    The file holds the customers' data, so only its owner may read it. It appears under its
    name when it is whole. Text that a spreadsheet would take for a formula gets an apostrophe
    before it.

    Args:
        format: ``csv`` or ``xlsx``.

    Raises:
        UsageError: the folder does not exist, or the listing is too long for a workbook.
        StorageError: no space.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent} to write {path.name} into.")
    part = path.with_name(path.name + ".part")
    lines = _Lines(listing)
    try:
        with storage_errors(f"writing {path.name}", "Choose another folder with --out."):
            # Made anew: a file or link that lies there would keep its own reader and place.
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            if format == "xlsx":
                _write_workbook(lines, part)
            else:
                with part.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(HEADER)
                    writer.writerows(lines)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return lines.records


class _Lines:
    """The lines of the file, and how many records they came from."""

    def __init__(self, listing: Iterator[dict[str, Any]]) -> None:
        self._listing = listing
        self.records = 0

    def __iter__(self) -> Iterator[list[Any]]:
        for row in self._listing:
            self.records += 1
            cells = "" if row["cells"] is None else json.dumps(row["cells"], ensure_ascii=False)
            for reason in row["reasons"]:
                yield [
                    row["migration"], row["entity"], row["path"], row["record"], row["line"],
                    reason["rule"], _harmless(reason["column"]), reason["field"],
                    _harmless(reason["message"]), reason["remedy"], cells,
                    _harmless(row["text"] or ""),
                ]  # fmt: skip


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text


def _write_workbook(lines: _Lines, path: Path) -> None:
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("quarantine")
    sheet.freeze_panes = "A2"
    header = []
    for name in HEADER:
        cell = WriteOnlyCell(sheet, name)
        cell.font = Font(bold=True)
        header.append(cell)
    sheet.append(header)
    for number, line in enumerate(lines, 2):
        if number > _SHEET_ROWS:
            raise UsageError(
                f"The listing has more lines than a worksheet can hold ({_SHEET_ROWS:,}). Write "
                "it with --format csv, or one migration at a time with --migration ID."
            )
        sheet.append([_cell(value) for value in line])
    workbook.save(path)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
    return text if len(text) <= _CELL_LENGTH else text[: _CELL_LENGTH - 1] + "…"
