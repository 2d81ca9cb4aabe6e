"""What is in a file, found out by reading all of it: the answer of ``ispmig inspect``.

No cell's content is in the answer: counts, types by shape, and where records are unreadable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.bytes_in import zip_members
from ispmig_pipelines.formats.opening import (
    READERS,
    look_at,
    open_source,
    unread_kind,
)
from ispmig_pipelines.formats.records import Detected, Reader, Reject
from ispmig_pipelines.formats.shapes import NULL_WORDS, TEXT, column_type, shape
from ispmig_pipelines.issues import rule_of
from ispmig_pipelines.remote import SourceFile, source_file

MOST_PROBLEMS = 100
"""Problems listed one by one; ``problem_counts`` counts them all."""

_DISTINCT_PER_BATCH = 2_000
_SETTLED_AFTER = 20_000


class _Column:
    """What is observed of one column, batch by batch."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nulls = 0
        self._shapes: Counter[str] = Counter()

    def observe(self, cells: pa.StringArray) -> None:
        trimmed = pc.utf8_trim_whitespace(cells)
        blank = pc.fill_null(pc.equal(pc.binary_length(trimmed), 0), True)
        self.nulls += pc.sum(blank).as_py() or 0
        if self._settled():
            return
        counts = pc.value_counts(trimmed.filter(pc.invert(blank)))
        # A column of free text has as many values as records, and some of them tell enough.
        step = max(len(counts) // _DISTINCT_PER_BATCH, 1)
        for value, count in zip(
            counts.field("values")[::step].to_pylist(),
            counts.field("counts")[::step].to_pylist(),
            strict=True,
        ):
            if value.lower() not in NULL_WORDS:
                self._shapes[shape(value)] += count * step

    def _settled(self) -> bool:
        """Free text, beyond doubt: no later cell can change it."""
        total = self._shapes.total()
        return total > _SETTLED_AFTER and self._shapes[TEXT] > 0.5 * total

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "type": column_type(dict(self._shapes)), "nulls": self.nulls}


Guard = Callable[[Reader], Reader]
"""Puts another reader around one, which hands over less of its records."""


def inspect(
    path: SourceFile | str, *, guard: Guard | None = None, **options: Any
) -> dict[str, Any]:
    """Everything about one file, as one element of ``files`` in ``ispmig inspect --json``.

    ``rows`` counts the records that can be read; each of the others is one of ``problems``
    (the first hundred one by one, all of them in ``problem_counts``). ``nulls`` counts cells
    that are NULL, empty or blank. ``type`` is what at least 49 of 50 of the other cells look
    like (:func:`~ispmig_pipelines.formats.shapes.column_type`). ``questions`` are what a
    migration would ask before it reads the file.

    Args:
        guard: what stands between the reader and everything that is told.
        options: of :func:`~ispmig_pipelines.formats.open_source`.

    Raises:
        SourceError: the file is missing, empty, cut short, or holds no tables at all.
    """
    opening = look_at(path, **options)
    if opening.kind not in READERS:
        raise unread_kind(opening.path, opening.kind)
    with open_source(path, **options, ask=False) as reader:
        guarded = guard(reader) if guard is not None else reader
        return read_through(str(opening.path), guarded, opening.member)


def inspect_all(
    place: SourceFile | str, *, guard: Guard | None = None, **options: Any
) -> list[dict[str, Any]]:
    """:func:`inspect` of a file; of an archive with several files, of each of them.

    Args:
        place: the file, by its path or URL.
        guard, options: of :func:`inspect`.
    """
    file = source_file(place)
    members = [options.pop("member")] if options.get("member") else zip_members(file)
    return [inspect(file, guard=guard, member=member, **options) for member in members or [""]]


def read_through(path: str, reader: Reader, member: str = "") -> dict[str, Any]:
    """Everything about what a reader reads, as :func:`inspect` answers it.

    Args:
        path: what it is called.
    """
    tables: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for table in reader.tables():
        columns = [_Column(name) for name in reader.columns(table)]
        rows = 0
        for records in reader.batches(table):
            rows += records.cells.num_rows
            for column, cells in zip(columns, records.cells.columns, strict=True):
                column.observe(cells)
            for reject in records.rejects:
                counts[reject.rule] += 1
                if len(problems) < MOST_PROBLEMS:
                    problems.append(_problem(table, reject))
        tables.append(
            {"name": table, "rows": rows, "columns": [column.described() for column in columns]}
        )
    # Only at its end a reader knows all of this.
    detected, size, sha256 = reader.detected, reader.size, reader.sha256()
    return _answer(path, member, detected, tables, problems, counts, size, sha256)


def _answer(
    path: str,
    member: str,
    detected: Detected,
    tables: list[dict[str, Any]],
    problems: list[dict[str, Any]],
    counts: Counter[str],
    size: int,
    sha256: str,
) -> dict[str, Any]:
    return {
        "path": path,
        "member": member,
        "format": detected.format,
        "dialect": detected.dialect,
        "encoding": detected.encoding,
        "compression": detected.compression,
        "delimiter": detected.delimiter,
        "tables": tables,
        "problems": problems,
        "problem_counts": dict(counts),
        "notes": list(detected.notes),
        "questions": list(detected.questions),
        "bytes": size,
        "sha256": sha256,
    }


def _problem(table: str, reject: Reject) -> dict[str, Any]:
    message = rule_of(reject.rule).message(
        column="", field="", found=reject.found, accepted=reject.accepted
    )
    return {
        "table": table,
        "record": reject.record,
        "line": reject.line,
        "code": reject.rule,
        "message": message,
    }
