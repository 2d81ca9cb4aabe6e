"""What the readers of JSON documents and of NDJSON share: two passes over one file.

Columns are known only once every record has been seen. So the first pass, when the reader is
made, learns the shape of all records in constant memory, and each pass of ``batches`` reads the
file anew; a file that changed in between is refused.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.bytes_in import ByteSource, open_bytes
from ispmig_pipelines.formats.encoding import Encoding, shown, utf8_blocks
from ispmig_pipelines.formats.json.batches import Batcher, Piece
from ispmig_pipelines.formats.json.columns import extract
from ispmig_pipelines.formats.json.options import JsonOptions, names_path
from ispmig_pipelines.formats.json.schema import MOST_KEYS, Node, Rows, Table, TooManyKeys
from ispmig_pipelines.formats.json.schema import Path as Keys
from ispmig_pipelines.formats.json.stream import (
    BLOCK_BYTES,
    LEAST_RUN,
    Cursor,
    One,
    Run,
    run_records,
)
from ispmig_pipelines.formats.json.values import LONG, Unfit
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Records, Reject
from ispmig_pipelines.remote import SourceFile

_SUFFIX = re.compile(r"\.(?:json|ndjson|jsonl|jsonlines|ldjson|geojson|singer|txt)$", re.IGNORECASE)

_MOST_NAMED = 10


class JsonSource(ABC):
    """One file of JSON in either form; see :class:`~ispmig_pipelines.formats.records.Reader`.

    A subclass says how the records follow each other (:meth:`_learn`, :meth:`_records`).
    """

    format = ""

    def __init__(
        self,
        path: SourceFile,
        encoding: Encoding,
        *,
        compression: str = "",
        member: str = "",
        limits: ReadLimits = DEFAULT_LIMITS,
        options: JsonOptions | None = None,
        fast: bool = True,
        block_bytes: int = BLOCK_BYTES,
        least_run: int = LEAST_RUN,
    ) -> None:
        """Reads the file once, to learn its tables and columns.

        Args:
            path: the file.
            encoding: what it is written in.
            options: what the spec says about it.
            fast: whether the fast path may be used; without it every record is parsed by
                itself. Both give the same records.
            block_bytes: how much is read at a time.
            least_run: bytes of records alike from which on the fast path is taken.

        Raises:
            SourceError: it is cut short, or broken in a way no single record bears.
        """
        self._path = path
        self._encoding = encoding
        self._member = member
        self._limits = limits
        self._options = options or JsonOptions()
        self._fast = fast
        self._block_bytes = block_bytes
        self._least_run = least_run if fast else 0
        self._tables: dict[str, Table] = {}
        status = path.stat()
        self.size = status.st_size
        self._changed_at = status.st_mtime_ns
        self._notes: list[str] = []
        self._dialect: dict[str, str] = {}
        self._repeated: set[str] = set()
        self._sha256 = ""
        try:
            for table in self._learn():
                self._add(table)
        except TooManyKeys:
            raise SourceError(
                f"{path} has objects with more than {MOST_KEYS:,} different keys in one place, as "
                "no table has columns: the keys seem to be data themselves. Export the values "
                "under them as an array; if each is a record, name the object in the spec (json: "
                "path: …, keyed: true)."
            ) from None
        if self._repeated:
            self._notes.append(
                "a key stands more than once in an object; the later values are under names of "
                f"their own: {listed([(name,) for name in sorted(self._repeated)])}"
            )
        self._detected = Detected(
            format=self.format,
            encoding=encoding.name,
            compression=compression,
            dialect=self._dialect,
            notes=(*encoding.notes, *self._notes),
            questions=(encoding.question,) if encoding.question else (),
        )

    @abstractmethod
    def _learn(self) -> Iterable[Table]:
        """The tables, from a pass (:meth:`_through`) over the whole file."""

    @abstractmethod
    def _records(self, cursor: Cursor, table: Table) -> Iterator[Run | One]:
        """The root records of the table; runs only where it is a root table itself."""

    @property
    def table_name(self) -> str:
        """The name of the file (or of the archive's member) without its endings."""
        name = Path(self._member).name if self._member else self._path.name
        for suffix in (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip"):
            name = name.removesuffix(suffix)
        return _SUFFIX.sub("", name) or name

    @property
    def detected(self) -> Detected:
        """How the file is written."""
        return self._detected

    def __enter__(self) -> JsonSource:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tables(self) -> list[str]:
        """The tables; a child table stands behind its parent and is named ``parent.field``."""
        return list(self._tables)

    def columns(self, table: str) -> list[str]:
        """Names of the columns, over all records."""
        return list(self._table(table).names)

    def sha256(self) -> str:
        """Hex SHA-256 of the file on the disk, exactly as it was read."""
        return self._sha256

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The table's records, from the beginning, at most ``size`` a batch.

        Raises:
            SourceError: the file changed since its columns were found out.
        """
        wanted = self._table(table)
        if size < 1:
            raise ValueError("size must be at least 1")
        batcher = Batcher(wanted.names, size)
        with self._opened() as (source, cursor):
            yield from self._batches(cursor, wanted, batcher, source)
            if _digest(source) != self._sha256:
                raise self._changed()
            batcher.bytes_read = source.bytes_read
        yield from batcher.rest()

    def _batches(
        self, cursor: Cursor, table: Table, batcher: Batcher, source: ByteSource
    ) -> Iterator[Records]:
        rows = Rows(table)
        is_root = table.parent is None
        limit = self._limits.max_cell_bytes
        record = 0
        for item in self._records(cursor, table):
            batcher.bytes_read = source.bytes_read
            if isinstance(item, Run):
                counted = [record, *rows.counted[1:]]
                found = extract(item.data, item.start, item.end, table, limit, counted)
                if found is not None:
                    first = (record if is_root else rows.counted[-1]) + 1
                    ordinals = np.arange(first, first + len(found.lines))
                    batcher.add(
                        Piece(found.columns, ordinals, found.lines + item.line, found.missing)
                    )
                    record += found.roots
                    rows.count(found.counted)
                    yield from batcher.ready()
                    continue
            for one in run_records(item, self._limits) if isinstance(item, Run) else (item,):
                record += 1
                unfit = one.value if isinstance(one.value, Unfit) else None
                found_rows = [] if unfit else list(rows.of(one.value, record))
                if len(one.raw) > limit and any(_is_long(cells, limit) for _, cells in found_rows):
                    unfit = Unfit(LONG.format(limit=limit))
                if unfit is None:
                    for ordinal, cells in found_rows:
                        batcher.add_row(ordinal, one.line, cells)
                elif is_root:
                    rule = one.rule or "record.unreadable"
                    batcher.add_reject(
                        Reject(record, one.line, rule, shown(one.raw), accepted=unfit.reason)
                    )
                yield from batcher.ready()

    @contextmanager
    def _through(self) -> Iterator[Cursor]:
        """A pass that must come to the end of the file."""
        with self._opened() as (source, cursor):
            yield cursor
            digest = _digest(source)
        if self._sha256 and digest != self._sha256:
            raise self._changed()
        self._sha256 = digest

    @contextmanager
    def _opened(self) -> Iterator[tuple[ByteSource, Cursor]]:
        with open_bytes(self._path, limits=self._limits, member=self._member) as source:
            if (source.size, source.changed_at) != (self.size, self._changed_at):
                raise self._changed()
            blocks = utf8_blocks(source.read, self._encoding, self._block_bytes)
            yield source, Cursor(str(self._path), blocks, self._limits)

    def _changed(self) -> SourceError:
        return SourceError(
            f"{self._path} changed after its columns were found out. Wait until the export is "
            "finished and run again."
        )

    def _chosen(self, found: list[tuple[Keys, list[Table]]]) -> list[Table]:
        """Of the tables found below some paths the one that the spec names, and those in it."""
        said = self._options.path
        places = [
            (sum((table.path for table in one.chain()), path), one)
            for path, tables in found
            for one in tables
        ]
        wanted = [table for place, table in places if names_path(said, place)]
        chosen = [table for _, table in places if any(w in table.chain() for w in wanted)]
        if chosen:
            return chosen
        held = listed([place for place, _ in places])
        raise SourceError(
            f"{self._path} has no records at {said} (json: path of the spec): "
            f"{f'records stand at {held}' if held else 'it holds no records at all'}. Write the "
            "keys with dots between them, or as a JSON pointer."
        )

    def _tell_repeated(self, node: Node) -> None:
        """Notes which keys of the records were made for values under a key that repeats."""
        waiting: list[tuple[str, Node]] = [("", node)]
        while waiting:
            dotted, node = waiting.pop()
            self._repeated.update(dotted + name for name in node.repeated)
            waiting.extend((f"{dotted}{key}.", inner) for key, inner in node.members.items())
            if node.element is not None:
                waiting.append((dotted, node.element))

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            listed = ", ".join(self._tables) or "no tables at all"
            raise SourceError(f"{self._path} has no table {name!r}; it has {listed}.")
        return self._tables[name]

    def _add(self, table: Table) -> None:
        if len(table.names) > self._limits.max_columns:
            raise SourceError(
                f"{self._path} has {len(table.names):,} columns in table {table.name}; the limit "
                f"is {self._limits.max_columns:,}. If keys of theirs are data, export the values "
                "under them as an array."
            )
        if table.single:
            self._notes.append(
                f"{shown('.'.join(table.path).encode())} is an object in some records and an array "
                f"in others: all of them are in table {table.name}"
            )
            # What is known of runs holds for objects and arrays apart.
            self._fast = False
        name, count = table.name, 1
        while name in self._tables:
            count += 1
            name = f"{table.name}_{count}"
        table.name = name
        self._tables[name] = table


def listed(paths: list[Keys]) -> str:
    """Paths of keys as a message names them; the first ten."""
    named = ", ".join(".".join(path) or "$" for path in paths[:_MOST_NAMED])
    return shown(named.encode()) + (", …" if len(paths) > _MOST_NAMED else "")


def _is_long(cells: list[object], limit: int) -> bool:
    return any(
        isinstance(text, str) and len(text) * 4 > limit and len(text.encode()) > limit
        for text in cells
    )


def _digest(source: ByteSource) -> str:
    source.read(1)
    return source.sha256()
