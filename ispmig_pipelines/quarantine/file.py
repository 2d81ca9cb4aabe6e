"""Quarantine as a CSV file: every record with its reasons and all its cells, as last sent in.

The workbook to correct them in is :mod:`ispmig_pipelines.quarantine.workbook`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ispmig_pipelines.private_files import private_file

HEADER = (
    "migration", "entity", "file", "record", "line", "rule", "column", "field", "message",
    "remedy", "cells", "text",
)  # fmt: skip

_NO_REASON = dict.fromkeys(("rule", "column", "field", "message", "remedy"), "")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(listing: Iterator[dict[str, Any]], path: Path) -> int:
    """Writes the listing, one row per reason; returns the number of reasons.

    The file holds the customers' data, so only its owner may read it. It appears under its
    name when it is whole. Text that a spreadsheet would take for a formula gets an apostrophe
    before it.

    Raises:
        UsageError: the folder does not exist.
        StorageError: no space.
    """
    lines = _Lines(listing)
    with private_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(lines)
    return lines.issues


class _Lines:
    """The lines of the file, and how many reasons there are in them."""

    def __init__(self, listing: Iterator[dict[str, Any]]) -> None:
        self._listing = listing
        self.issues = 0

    def __iter__(self) -> Iterator[list[Any]]:
        for row in self._listing:
            self.issues += len(row["reasons"])
            cells = "" if row["cells"] is None else json.dumps(row["cells"], ensure_ascii=False)
            for reason in row["reasons"] or [_NO_REASON]:
                yield [
                    row["migration"], row["entity"], row["path"], row["record"], row["line"],
                    reason["rule"], _harmless(reason["column"]), reason["field"],
                    _harmless(reason["message"]), reason["remedy"], cells,
                    _harmless(row["text"] or ""),
                ]  # fmt: skip


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text
