"""Live databases as sources: PostgreSQL, MySQL, SQLite, SQL Server, Oracle.

A :class:`Database` is one connection in one transaction that only reads, so that everything
read over it is of one state, where the database can keep one. A :class:`DatabaseReader` hands
over its tables, or one table or query of it, like the reader of any file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ispmig_pipelines.database_url import BadUrl, DatabaseUrl, parse_database_url
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.csv.dialect import column_names
from ispmig_pipelines.formats.database.cells import settle
from ispmig_pipelines.formats.database.digest import CellDigest
from ispmig_pipelines.formats.database.query import NotARead, single_read
from ispmig_pipelines.formats.database.session import DatabaseColumn, Session, TableName
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Reader, Records, Reject
from ispmig_pipelines.nearest import did_you_mean

QUERY = "query"
"""What the one table of a query is called."""

_HELD_BYTES = 64 << 20


@dataclass(frozen=True)
class _Table:
    """What is read under one name.

    Attributes:
        table: None for a query.
        columns: as the database has them; ``names``: unique, as the reader gives them.
    """

    table: TableName | None
    columns: list[DatabaseColumn]
    names: list[str]


class Database:
    """An open database. Closing is by ``with``.

    Attributes:
        url: resolved; only its ``shown`` may be shown.
    """

    def __init__(self, session: Session, limits: ReadLimits = DEFAULT_LIMITS) -> None:
        self.url = session.url
        self.limits = limits
        self.session = session
        self._names: list[TableName] | None = None

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exc: object) -> None:
        self.session.close()

    def reader(self, *, table: str = "", query: str = "") -> DatabaseReader:
        """A reader of one table or of a query; of all tables, where neither is named.

        Raises:
            SourceError: there is no such table, or the query does not only read.
        """
        return DatabaseReader(self, table=table, query=query)

    @property
    def names(self) -> list[TableName]:
        """Every table and view that can be named."""
        if self._names is None:
            self._names = self.session.tables()
        return self._names

    def find(self, name: str) -> TableName:
        """The table or view that ``name`` means: the very same, else the only one that differs
        in case.

        Raises:
            SourceError: there is none, or several.
        """
        for same in (str, str.casefold):
            found = [
                t for t in self.names if same(name) in (same(t.shown), same(t.qualified))
            ]  # fmt: skip
            exact = [t for t in found if same(t.shown) == same(name)]
            if len(exact) == 1 or len(found) == 1:
                return (exact or found)[0]
            if found:
                raise SourceError(
                    f"{self.url.shown}: {name!r} could be "
                    f"{' or '.join(t.qualified for t in found)}; write it exactly."
                )
        instead = self._instead(name)
        end = "" if instead.endswith("?") else "."
        raise SourceError(f"{self.url.shown} has no table {name!r}{instead}{end}")

    def _instead(self, name: str) -> str:
        shown = [table.shown for table in self.names]
        return did_you_mean(name, shown) or ", and none that this user may see"

    def sees_lock(self, key: int, *, anywhere: bool = False) -> bool:
        """Whether it is the very PostgreSQL database in which somebody holds this advisory
        lock; or, with ``anywhere``, whether that one is on the same server."""
        return self.session.sees_lock(key, anywhere=anywhere)

    def identity(self) -> str:
        """What a PostgreSQL database and its standbys share with no other; "" if unknown."""
        return self.session.identity()


def open_database(
    url: str,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    encoding: str = "",
) -> Database:
    """Connects to a database, to read it in one transaction.

    Args:
        url: see :mod:`ispmig_pipelines.database_url`.
        folder: what the path of an SQLite file is relative to; the current one unless said.
        environment: where the URL's variables are; the process's own unless said.
        encoding: of text whose encoding the database does not know: in a PostgreSQL with
            SQL_ASCII, and in SQLite.

    Raises:
        SourceError: the URL, the user, the password, the name or the file is wrong, or its
            driver is not installed.
        DatabaseError: the server cannot be reached; trying again may help.
    """
    try:
        parsed = parse_database_url(url, os.environ if environment is None else environment)
    except BadUrl as error:
        raise SourceError(f"The database's URL {error}.") from None
    return Database(_session(parsed, folder or Path.cwd(), encoding), limits)


def _session(url: DatabaseUrl, folder: Path, encoding: str) -> Session:
    # Each driver is loaded only where it is needed.
    if url.kind == "sqlite":
        from ispmig_pipelines.formats.database.sqlite import SqliteSession

        path = folder / Path(url.database).expanduser()
        return SqliteSession(url, path, live=True, text_encoding=encoding)
    if url.kind == "postgresql":
        from ispmig_pipelines.formats.database.postgresql import PostgresqlSession

        return PostgresqlSession(url, encoding=encoding)
    if encoding:
        raise SourceError(
            f"{url.shown} knows the encodings of its columns. Leave encoding out of the spec."
        )
    if url.kind == "mysql":
        from ispmig_pipelines.formats.database.mysql import MysqlSession

        return MysqlSession(url)
    from ispmig_pipelines.formats.database.other import OtherSession

    return OtherSession(url)


class DatabaseReader:
    """See :class:`~ispmig_pipelines.formats.records.Reader`. ``table`` and ``query`` as in
    :meth:`Database.reader`.

    Closing the reader does not close the database, which others may share.
    """

    def __init__(self, database: Database, *, table: str = "", query: str = "") -> None:
        if table and query:
            raise ValueError("a table or a query")
        self._database = database
        self._session = database.session
        self._limits = database.limits
        self._query = ""
        self._tables: dict[str, _Table | None] = {}
        self._digests: dict[str, str] = {}
        self._bytes = 0
        if query:
            try:
                self._query = single_read(query, database.url.kind)
            except NotARead as error:
                raise SourceError(
                    f"{database.url.shown}: the query of the spec is not read: {error}."
                ) from None
            columns = self._session.query_columns(self._query)
            self._tables[QUERY] = self._checked(QUERY, None, columns)
        elif table:
            found = database.find(table)
            self._tables[found.shown] = self._look_at(found)
        else:
            self._tables = {t.shown: None for t in database.names if t.listed}

    def __enter__(self) -> DatabaseReader:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    @property
    def detected(self) -> Detected:
        dialect = {"product": self._session.product} if self._session.product else {}
        return Detected(
            format=self._database.url.kind, dialect=dialect, notes=self._session.notes
        )  # fmt: skip

    @property
    def name(self) -> str:
        """The database and what of it is read, for people: no password."""
        tables = list(self._tables)
        if self._query:
            return f"{self._database.url.shown}, query"
        return f"{self._database.url.shown}, " + (
            f"table {tables[0]}" if len(tables) == 1 else f"{len(tables)} tables"
        )

    def tables(self) -> list[str]:
        if not self._tables:
            raise SourceError(
                f"{self._database.url.shown} has no table that this user may see. Correct the name "
                "of the database, or let the user read it."
            )
        return list(self._tables)

    def columns(self, table: str) -> list[str]:
        return list(self._table(table).names)

    def expected(self, table: str) -> int | None:
        """About how many records there are, where the database's statistics know it."""
        found = self._table(table)
        return None if found.table is None else self._session.expected(found.table)

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The table's records, from the first one, at most ``size`` a batch.

        A table with a primary key comes in its order, so that a record has the same ordinal
        every time (a table of SQLite in the order of its row ids); any other, and a query that
        does not say ORDER BY, as the database gives it.

        Raises:
            SourceError: the query fails.
            DatabaseError: the connection was lost.
        """
        found = self._table(table)
        digest = CellDigest(found.names)
        batch = _Batch(found.names, size, self._bytes)
        ordinal = 1
        for rows in self._session.rows(found.table, self._query, found.columns, size):
            cells, ordinals, rejects = settle(rows, found.names, ordinal, self._limits)
            ordinal += rows.count
            digest.add(cells.columns)
            for reject in rejects:
                digest.add_unreadable(reject.record, reject.text)
            yield from batch.add(cells, ordinals, rejects, self._bytes + digest.bytes)
        yield from batch.rest()
        self._bytes += digest.bytes
        self._digests[table] = digest.hexdigest()

    @property
    def size(self) -> int:
        """0 until a table has been read; then the bytes of the cells that were."""
        return self._bytes

    def sha256(self) -> str:
        """The digest of the cells as they were read: see
        :mod:`ispmig_pipelines.formats.database.digest`. Of several tables, that of theirs.

        Raises:
            ValueError: no table has been read to its end yet.
        """
        if not self._digests:
            raise ValueError("no table has been read to its end")
        if len(self._tables) == 1:
            return next(iter(self._digests.values()))
        told = "".join(f"{name}:{digest}\n" for name, digest in self._digests.items())
        return hashlib.sha256(told.encode()).hexdigest()

    def _table(self, name: str) -> _Table:
        if name not in self._tables:
            raise SourceError(f"{self._database.url.shown}: {name!r} is not one of its tables.")
        known = self._tables[name]
        if known is None:
            table = next(t for t in self._database.names if t.shown == name)
            known = self._tables[name] = self._look_at(table)
        return known

    def _look_at(self, table: TableName) -> _Table:
        return self._checked(table.shown, table, self._session.columns(table))

    def _checked(
        self, shown: str, table: TableName | None, columns: list[DatabaseColumn]
    ) -> _Table:
        where = f"{self._database.url.shown}: {shown}"
        if not columns:
            raise SourceError(f"{where} has no columns that this user may see.")
        if len(columns) > self._limits.max_columns:
            raise SourceError(
                f"{where} has {len(columns):,} columns; the limit is {self._limits.max_columns:,}."
            )
        return _Table(table, columns, column_names([c.name for c in columns]))


class _Batch:
    """Records held back until there are enough of them."""

    def __init__(self, names: list[str], size: int, bytes_before: int) -> None:
        self._schema = pa.schema([pa.field(name, pa.string()) for name in names])
        self._size = size
        self._cells: list[pa.RecordBatch] = []
        self._ordinals: list[np.ndarray] = []
        self._rejects: list[Reject] = []
        self._rows = self._held = 0
        self._bytes = bytes_before

    def add(
        self, cells: pa.RecordBatch, ordinals: np.ndarray, rejects: list[Reject], bytes_read: int
    ) -> Iterator[Records]:
        # What came before is handed on first: no batch is larger than asked for.
        if self._rows and self._rows + cells.num_rows > self._size:
            yield self._whole()
        self._bytes = bytes_read
        self._cells.append(cells)
        self._ordinals.append(ordinals)
        self._rejects += rejects
        self._rows += cells.num_rows
        self._held += cells.nbytes
        if (
            self._rows >= self._size
            or self._held >= _HELD_BYTES
            or len(self._rejects) >= self._size
        ):  # fmt: skip
            yield self._whole()

    def rest(self) -> Iterator[Records]:
        if self._cells and (self._rows or self._rejects):
            yield self._whole()

    def _whole(self) -> Records:
        ordinals = np.concatenate(self._ordinals)
        records = Records(
            cells=pa.concat_batches(self._cells),
            record=pa.array(ordinals, pa.int64()),
            line=pa.nulls(len(ordinals), pa.int64()),
            rejects=tuple(self._rejects),
            bytes_read=self._bytes,
        )
        self._cells, self._ordinals, self._rejects = [], [], []
        self._rows = self._held = 0
        return records


PLATFORM = ("ispmig", "data_migrations")
"""A table by which a platform's own database is known."""


def inspect_database(
    url: str,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    guard: Callable[[Reader], Reader] | None = None,
) -> dict[str, Any]:
    """Everything about a database, as one element of ``files`` in ``ispmig inspect --json``.

    Every table is read to its end; views are not. No cell's content is in the answer.

    Args:
        guard: what stands between the reader and everything that is told.

    Raises:
        SourceError, DatabaseError: as :func:`open_database`.
    """
    from ispmig_pipelines.formats.inspect import read_through

    with open_database(url, folder=folder, environment=environment) as database:
        if any((name.schema, name.name) == PLATFORM for name in database.names):
            raise SourceError(
                f"{database.url.shown} is the database of a platform, where all its tenants are; "
                "it is no legacy system to look into. Name that system's database."
            )
        reader = database.reader()
        guarded = guard(reader) if guard is not None else reader
        return read_through(database.url.shown, guarded)
