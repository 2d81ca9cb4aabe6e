"""SQLite as a source: a database that lies in a file, opened so that nothing can be written.

What stands in a cell is what SQLite stored, not what the column was declared as: whole numbers
and decimals exact, floats as the shortest text that is read back as the same number, blobs as the
readers of SQL scripts give them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.database.cells import bytes_text, text_column
from ispmig_pipelines.formats.database.errors import told
from ispmig_pipelines.formats.database.session import (
    DatabaseColumn,
    Rows,
    TableName,
    fetched,
)
from ispmig_pipelines.formats.database.statement import row_id, select_statement
from ispmig_pipelines.formats.sql.render import column_kind

_BUSY_SECONDS = 30.0
_MAGIC = b"SQLite format 3\0"

_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION,
                      sqlite3.SQLITE_RECURSIVE})  # fmt: skip
"""What a query may do. ATTACH, for one, could make a file beside the one that is read only."""


class SqliteSession:
    """See :class:`~ispmig_pipelines.formats.database.session.Session`."""

    def __init__(
        self, url: DatabaseUrl, place: Path | bytes, *, live: bool, text_encoding: str = ""
    ) -> None:
        """
        Args:
            url: as it is shown.
            place: the file, or its content.
            live: a program may be writing to it while it is read.
            text_encoding: of its text, where a program did not keep to UTF-8.

        Raises:
            SourceError: there is no such file, or it is damaged, encrypted or none of SQLite's.
            DatabaseError: another program is writing to it.
        """
        self.url = url
        self.product = f"SQLite {sqlite3.sqlite_version}"
        self.notes: tuple[str, ...] = ()
        # Text that is no UTF-8 comes with surrogates, to be told apart later.
        self._plain = partial(str, encoding="utf-8", errors="surrogateescape")
        self._as_stated = partial(str, encoding=text_encoding or "utf-8", errors="surrogateescape")
        if isinstance(place, Path):
            self._check_file(place)
            with self._told("opening it"):
                self._driver = self._open(place, live)
        else:
            self._check(place[:100], len(place))
            with self._told("opening it"):
                self._driver = _in_memory(place)
        try:
            with self._told("opening it"):
                self._begin()
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path, live: bool) -> sqlite3.Connection:
        beside = files_beside(path)
        if beside:
            self.notes = (
                f"{' and '.join(p.name for p in beside)} beside it holds what was written last; "
                "it is read too",
            )
        # Without locks, and without the files that SQLite else makes beside what it reads: for
        # a copy, and for a medium that cannot be written to.
        alone = not beside and (not live or not os.access(path.parent, os.W_OK))
        mode = "?mode=ro&immutable=1" if alone else "?mode=ro"
        return sqlite3.connect(
            path.resolve().as_uri() + mode,
            uri=True,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
        )

    def _begin(self) -> None:
        self._driver.text_factory = self._plain
        for statement in ("query_only = on", "cell_size_check = on"):
            self._driver.execute("pragma " + statement)
        self._driver.execute("begin")
        self.encoding = str(self._driver.execute("pragma encoding").fetchone()[0]).lower()
        # The first reading takes the snapshot.
        self._driver.execute("select count(*) from sqlite_schema").fetchone()

    def _check_file(self, path: Path) -> None:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is not there"
            raise SourceError(f"{self.url.shown}: {path} {what}. Name the database's file.")
        with self._told("opening it"), path.open("rb") as file:
            head = file.read(100)
        self._check(head, path.stat().st_size)

    def _check(self, head: bytes, size: int) -> None:
        if not size:
            raise SourceError(f"{self.url.shown} is empty (0 bytes). Copy it again.")
        if not head.startswith(_MAGIC):
            raise SourceError(
                f"{self.url.shown} is not an SQLite database, or it is encrypted. Name the right "
                "file; or decrypt a copy of it first (SQLCipher: sqlcipher_export)."
            )
        if len(head) < 100 or _pages(head) > size:
            raise SourceError(
                f"{self.url.shown} is cut short: it has {size:,} bytes of at least "
                f"{_pages(head):,}. Copy it again."
            )

    def _told(self, doing: str, query: str = "") -> AbstractContextManager[None]:
        return told(self.url, (sqlite3.Error,), doing=doing, query=query)

    def tables(self) -> list[TableName]:
        with self._told("listing its tables"):
            found = self._driver.execute(
                "select name, type from pragma_table_list where schema = 'main' "
                "and type <> 'shadow' and name not like 'sqlite\\_%' escape '\\' "
                # In the order in which they were made.
                "order by type = 'view', (select m.rowid from sqlite_schema m where m.name = "
                "pragma_table_list.name and m.type in ('table', 'view'))"
            ).fetchall()
        return [TableName("", name, name, listed=kind != "view") for name, kind in found]

    def columns(self, table: TableName) -> list[DatabaseColumn]:
        with self._told(f"looking at table {table.shown}"):
            found = self._driver.execute(
                "select name, type from pragma_table_xinfo(?) where hidden <> 1 order by cid",
                [table.name],
            ).fetchall()
        return [
            DatabaseColumn(name, declared, column_kind(declared or "", "sqlite"))
            for name, declared in found
        ]

    def query_columns(self, query: str) -> list[DatabaseColumn]:
        with self._told("looking at the query", query), self._only_reading():
            cursor = self._driver.execute(query)
            described = [d[0] for d in cursor.description]
            cursor.close()
        return [DatabaseColumn(name) for name in described]

    def expected(self, table: TableName) -> int | None:
        return None

    def rows(
        self, table: TableName | None, query: str, columns: Sequence[DatabaseColumn], size: int
    ) -> Iterator[Rows]:
        doing = f"reading table {table.shown}" if table else "reading the query"
        with self._told(doing, query):
            if table:
                statement = self._select(table, columns)
                cursor = self._driver.execute(statement)
            else:
                with self._only_reading():
                    cursor = self._driver.execute(query)

            def to_columns(values: list[tuple[Any, ...]]) -> list[pa.Array]:
                return [_column(v, c.kind) for v, c in zip(values, columns, strict=True)]

            def fetch(count: int) -> list[Any]:
                # Names of tables and columns are UTF-8 in any case.
                self._driver.text_factory = self._as_stated
                try:
                    return cursor.fetchmany(count)
                finally:
                    self._driver.text_factory = self._plain

            try:
                for arrays in fetched(fetch, to_columns, size):
                    yield Rows(arrays)
            finally:
                cursor.close()

    def _select(self, table: TableName, columns: Sequence[DatabaseColumn]) -> str:
        names = [c.name for c in columns]
        found = self._driver.execute(
            "select type, wr from pragma_table_list where schema = 'main' and name = ?",
            [table.name],
        ).fetchone()
        key: list[str] = []
        if found == ("table", 0) and (name := row_id(names)):
            key = [name]
        elif found and found[0] == "table":
            key = [
                name
                for (name,) in self._driver.execute(
                    "select name from pragma_table_xinfo(?) where pk > 0 order by pk", [table.name]
                )
            ]
        return select_statement("sqlite", table, names, key)

    @contextmanager
    def _only_reading(self) -> Iterator[None]:
        def allowed(action: int, *_: object) -> int:
            return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY

        self._driver.set_authorizer(allowed)
        try:
            yield
        finally:
            self._driver.set_authorizer(None)

    def sees_lock(self, key: int, *, anywhere: bool = False) -> bool:
        return False

    def identity(self) -> str:
        return ""

    def close(self) -> None:
        self._driver.close()


def _in_memory(content: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    # A header that says write-ahead log asks for a second file, which memory has not.
    connection.deserialize(content[:18] + b"\x01\x01" + content[20:])
    return connection


def files_beside(path: Path) -> list[Path]:
    """The write-ahead log or rollback journal beside a database, where there is something in
    it: the file alone is not the database then."""
    beside = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal"))
    return [p for p in beside if p.is_file() and p.stat().st_size]


def _pages(head: bytes) -> int:
    """Bytes that the file must have, by its header; https://www.sqlite.org/fileformat.html#the_database_header"""
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    counted = head[24:28] == head[92:96]
    return page_size * int.from_bytes(head[28:32], "big") if counted else page_size


_NONE = type(None)


def _column(values: tuple[Any, ...], kind: str) -> pa.Array:
    types = set(map(type, values)) - {_NONE}
    if types <= {str}:
        return text_column(values)
    if types == {int}:
        return pa.array(values, pa.int64()).cast(pa.string())
    if types <= {int, float}:
        return pa.array([None if v is None else repr(v) for v in values], pa.string())
    return pa.array([_cell(v, kind) for v in values], pa.binary())


def _cell(value: Any, kind: str) -> bytes | None:
    if isinstance(value, bytes):
        return bytes_text(value, kind, "sqlite")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return None if value is None else repr(value).encode()
