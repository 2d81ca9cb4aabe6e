"""The reader of SQL dumps: mysqldump, pg_dump, ``.dump``, and scripts of six databases.

A first pass over the script finds its tables and where their rows stand; reading a table goes
to those places alone. Statements are parsed, never executed, and nothing that a script names
is opened.

Cells are the values as the script writes them (:mod:`~ispmig_pipelines.formats.sql.literal`
says how hex, bits and bytes become text): NULL is no cell, ``''`` an empty one. A row with a
value that only its database can compute is a reject of rule ``record.expression``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import (
    DEFAULT_BATCH_SIZE,
    Detected,
    Records,
)
from ispmig_pipelines.formats.sql.batches import Batches
from ispmig_pipelines.formats.sql.cells import Chunk
from ispmig_pipelines.formats.sql.content import BLOCK_BYTES, Content
from ispmig_pipelines.formats.sql.context import SqlContext
from ispmig_pipelines.formats.sql.copy import CopyReader, copy_width
from ispmig_pipelines.formats.sql.define import TableDefinition, kinds_of
from ispmig_pipelines.formats.sql.dialect import (
    SqlOptions,
    detect_sql_dialect,
)
from ispmig_pipelines.formats.sql.encoding import settled_encoding, single_byte_charset
from ispmig_pipelines.formats.sql.events import Begin, CopyLines, End, OddRow, PlainRows
from ispmig_pipelines.formats.sql.index import Index, index_of
from ispmig_pipelines.formats.sql.literal import Evaluator
from ispmig_pipelines.formats.sql.names import Scope, table_key
from ispmig_pipelines.formats.sql.rows import RowReader, row_width
from ispmig_pipelines.formats.sql.tables import Range, Table
from ispmig_pipelines.formats.sql.tokens import Name, lexicon
from ispmig_pipelines.formats.sql.walker import Walker
from ispmig_pipelines.formats.sql.window import Window
from ispmig_pipelines.remote import SourceFile

_PENDING_BYTES = 1 << 20


class SqlReader:
    """One SQL script; see :class:`~ispmig_pipelines.formats.records.Reader`.

    A table is named as the script names it (``public.customers``, ``dbo.Orders``, ``users``),
    by its definition where there is one; names that mean one table are one table. Where USE
    leads to tables of one name in several databases, the database stands before the name.
    """

    def __init__(
        self,
        path: SourceFile,
        sample: bytes,
        encoding: Encoding,
        *,
        options: SqlOptions | None = None,
        after: SqlContext | None = None,
        compression: str = "",
        member: str = "",
        limits: ReadLimits = DEFAULT_LIMITS,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Settles the dialect from the sample and reads through the script once.

        Args:
            path: the file.
            sample: the beginning of its content.
            encoding: what it is written in.
            options: what the spec says about the script.
            after: what the script before this one leaves behind (its :attr:`context`), where a
                source is several scripts in order.
            block_bytes: how much is read at a time.

        Raises:
            SourceError: the script ends within a statement, or cannot be read.
        """
        options = options or SqlOptions()
        encoding = settled_encoding(encoding, sample)
        self._content = Content(
            path, encoding, compression=compression, member=member, limits=limits,
            block_bytes=block_bytes,
        )  # fmt: skip
        self.size = self._content.size
        text = sample[encoding.bom :].decode(encoding.name, "replace").encode()
        self.dialect = replace(
            detect_sql_dialect(text, options, before=after.dialect if after else None),
            charset=single_byte_charset(encoding),
        )
        self._complete = options.complete
        self._index: Index = index_of(
            self._content, self.dialect, complete=options.complete, after=after
        )
        self.detected = Detected(
            format="sql",
            encoding=encoding.name,
            compression=compression,
            dialect={
                "sql": self.dialect.name,
                "backslash_escapes": "yes" if self.dialect.backslash else "no",
            },
            notes=(*encoding.notes, *self.dialect.notes, *self._index.notes),
            questions=tuple(q for q in (encoding.question, *self._index.questions) if q),
        )

    def __enter__(self) -> SqlReader:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tables(self) -> list[str]:
        """The tables that the script defines or fills, in the order of their appearance."""
        return list(self._index.tables)

    def columns(self, table: str) -> list[str]:
        """Those that the rows name, else those of the definition."""
        return self._table(table).columns()

    def table_definition(self, table: str) -> TableDefinition | None:
        """Types, keys and comments, where the script defines the table."""
        return self._table(table).definition

    @property
    def context(self) -> SqlContext:
        """What a script that comes after this one must know: for its reader's ``after``."""
        return self._index.context

    def sha256(self) -> str:
        """Hex SHA-256 of the file on the disk."""
        return self._index.sha256

    def _table(self, name: str) -> Table:
        try:
            return self._index.tables[name]
        except KeyError:
            raise SourceError(
                f"{self._content.path} has no table {name!r}; it has "
                f"{', '.join(self._index.tables) or 'none'}."
            ) from None

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The table's records, from its beginning, at most ``size`` a batch.

        Raises:
            SourceError: the file changed since it was opened.
        """
        found = self._table(table)
        if size < 1:
            raise ValueError("size must be at least 1")
        schema = pa.schema([pa.field(name, pa.string()) for name in found.columns()])
        collected = Batches(schema, size)
        self._content.check()
        for one in self._ranges(found):
            with self._content.since(one.start) as (blocks, bytes_read):
                window = Window(
                    str(self._content.path), blocks, self._content.limits,
                    offset=one.start, line=one.line,
                )  # fmt: skip
                for chunk in self._chunks(window, one, table, found):
                    yield from collected.add(chunk, min(bytes_read(), self.size))
        yield from collected.rest(self.size)

    def _ranges(self, table: Table) -> list[Range]:
        ranges = table.ranges
        if self._content.can_seek or len(ranges) < 2:
            return ranges
        # What cannot be entered in its middle is read once, past the other tables' rows.
        return [replace(ranges[0], end=ranges[-1].end)]

    def _chunks(self, window: Window, place: Range, name: str, table: Table) -> Iterator[Chunk]:
        of = self._index.of

        dialect = self.dialect.name

        def wants(found: Name, scope: Scope) -> bool:
            return of.get(table_key(found, scope, dialect)) == name

        walker = Walker(
            window, self.dialect, wants, scope=place.scope, delimiter=place.delimiter,
            complete=self._complete, in_block=place.in_block,
        )  # fmt: skip
        rows = _Rows(self, table)
        ours = False
        for event in walker.walk(until=place.end):
            if isinstance(event, Begin):
                ours = wants(event.name, event.scope)
                if ours:
                    yield from rows.begin(event)
            elif isinstance(event, PlainRows):
                yield from rows.plain(event)
            elif isinstance(event, OddRow) and ours:
                yield from rows.odd(event)
            elif isinstance(event, CopyLines):
                yield from rows.copied(event)
            elif isinstance(event, End):
                ours = False
        yield from rows.flush()


class _Rows:
    """Gathers small regions of rows until they are worth taking apart."""

    def __init__(self, reader: SqlReader, table: Table) -> None:
        dialect = reader.dialect
        self._table = table
        self._lex = lexicon(dialect)
        columns = table.columns()
        kinds = kinds_of(table.definition, columns, dialect.name)
        filled = {c.name for c in table.defined if c.generated}
        generated = frozenset(i for i, name in enumerate(columns) if name in filled)
        self._reader = RowReader(self._lex, Evaluator(self._lex), columns, kinds, generated)
        self._copy = CopyReader(columns, kinds, dialect.name)
        self._columns: tuple[str, ...] | None = None
        self._positions: list[int] | None = None
        self._head = b""
        self._plain: list[tuple[bytes, int]] = []
        self._odd: list[tuple[list[bytes], bytes, int]] = []
        self._bytes = 0

    def begin(self, event: Begin) -> Iterator[Chunk]:
        same = event.columns is not None and event.columns == self._columns
        if self._positions is not None and same:
            return
        yield from self.flush()
        self._columns = event.columns
        self._positions = None

    def _settle(self, width: int) -> list[int]:
        if self._positions is None:
            self._positions = self._table.positions(self._columns, width)
        return self._positions

    def plain(self, event: PlainRows) -> Iterator[Chunk]:
        if self._odd or (self._plain and event.head != self._head):
            yield from self.flush()
        if self._positions is None:
            self._settle(row_width(event.region, self._lex))
        self._head = event.head
        self._plain.append((event.region, event.line))
        self._bytes += len(event.region)
        if self._bytes >= _PENDING_BYTES:
            yield from self.flush()

    def odd(self, event: OddRow) -> Iterator[Chunk]:
        if self._plain:
            yield from self.flush()
        self._settle(len(event.cells))
        self._odd.append((event.cells, event.text, event.line))
        self._bytes += len(event.text)
        if self._bytes >= _PENDING_BYTES or len(self._odd) >= 10_000:
            yield from self.flush()

    def copied(self, event: CopyLines) -> Iterator[Chunk]:
        yield from self.flush()
        width = copy_width(event.region)
        yield self._copy.read(event.region, self._settle(width), event.line)

    def flush(self) -> Iterator[Chunk]:
        plain, odd = self._plain, self._odd
        self._plain, self._odd, self._bytes = [], [], 0
        positions = self._positions or []
        if plain:
            yield self._reader.read(plain, self._head, positions)
        if odd:
            yield self._reader.read_odd(odd, positions)
