"""MySQL and MariaDB as a source: one consistent snapshot, read only, rows as the server sends them.

The text protocol gives every cell as text, so that nothing is interpreted on the way: decimals
with their digits, ``0000-00-00``, times of more than a day. TIMESTAMP is given in UTC, as
mysqldump does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.errors import DatabaseError, SourceError
from ispmig_pipelines.formats.database.cells import bytes_column
from ispmig_pipelines.formats.database.errors import told
from ispmig_pipelines.formats.database.session import (
    CONNECT_SECONDS,
    DatabaseColumn,
    Rows,
    TableName,
    connect,
    disconnect,
    driver_errors,
    fetched,
    single_text,
)
from ispmig_pipelines.formats.database.statement import select_statement, server_texts
from ispmig_pipelines.formats.sql.render import BIT, BLOB, column_kind

_SETTINGS = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION time_zone = '+00:00'",
    # A backslash escapes, by which the query was looked through; no blanks behind CHAR.
    "SET SESSION sql_mode = REPLACE(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), "
    "'PAD_CHAR_TO_FULL_LENGTH', '')",
    # Other sources may be read while this one waits.
    "SET SESSION net_write_timeout = 3600",
    "SET SESSION wait_timeout = 28800",
)
_IF_IT_KNOWS = (
    "SET SESSION max_execution_time = 0",
    "SET SESSION max_statement_time = 0",
)
_READ_ONLY = (
    "SET SESSION TRANSACTION READ ONLY",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_SYNTAX = 1064
_BIT = 16
_SWITCHES = ("ssl_verify_cert", "ssl_verify_identity", "ssl_disabled")

_TABLES = """
SELECT table_schema, table_name, table_type = 'VIEW', table_schema = DATABASE(), engine
FROM information_schema.tables
WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY table_schema = DATABASE() DESC, table_type = 'VIEW', table_schema, table_name
"""
_COLUMNS = """
SELECT column_name, column_type FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
_PRIMARY_KEY = """
SELECT column_name FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s AND index_name = 'PRIMARY' ORDER BY seq_in_index
"""
_EXPECTED = """
SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name = %s
"""


class MysqlSession:
    """See :class:`~ispmig_pipelines.formats.database.session.Session`."""

    def __init__(self, url: DatabaseUrl) -> None:
        """
        Raises:
            SourceError, DatabaseError: as :func:`~.database_errors.told`.
        """
        if not url.database:
            raise SourceError(f"{url.shown} names no database; write it behind the last slash.")
        self.url = url
        self.notes: tuple[str, ...] = ()
        from pymysql import converters

        options: dict[str, Any] = dict(url.options)
        for name in _SWITCHES:
            if name in options:
                options[name] = options[name].lower() in ("1", "true", "yes", "on")
        options["connect_timeout"] = int(options.get("connect_timeout") or CONNECT_SECONDS)
        with told(url, (RuntimeError, ValueError), doing="connecting"):
            self._connection = connect(
                url,
                {
                    "charset": "utf8mb4",
                    "local_infile": False,
                    # Without its decoders the driver leaves every cell as the server wrote it.
                    "conv": {
                        kind: encode
                        for kind, encode in converters.conversions.items()
                        if not isinstance(kind, int)
                    },
                    **options,
                },
            )
        self._driver: Any = self._connection.connection.driver_connection
        self._errors = driver_errors(self._connection)
        try:
            with self._told("beginning to read"):
                self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self._driver.rollback()
        for statement in _SETTINGS:
            self._ask(statement)
        for statement in _IF_IT_KNOWS:
            with contextlib.suppress(*self._errors):
                self._ask(statement)
        version = self._ask("SELECT VERSION()")[0][0]
        self.product = f"{'MariaDB' if 'maria' in version.lower() else 'MySQL'} {version}"
        try:
            for statement in _READ_ONLY:
                self._ask(statement)
        except self._errors as error:
            if error.args[:1] != (_SYNTAX,):
                raise
            # Before MySQL 5.6 and MariaDB 10.0; what a query may do is known by its words alone.
            self._ask("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            self.notes = ("the server is too old to have transactions that only read",)

    def _told(self, doing: str, query: str = "") -> AbstractContextManager[None]:
        if self._connection.closed:
            raise DatabaseError(
                f"{self.url.shown}: the connection was closed when an earlier reading was given "
                f"up, before {doing}. Try again.",
                transient=True,
            )
        return told(self.url, self._errors, doing=doing, query=query)

    def _ask(self, statement: str, parameters: Sequence[Any] | None = None) -> list[Any]:
        """Rows of a query of our own."""
        with self._driver.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[Any] = list(cursor.fetchall())
        return rows

    def tables(self) -> list[TableName]:
        with self._told("listing its tables"):
            found = self._ask(_TABLES)
        others = {
            engine for *_, view, own, engine in found if own == "1" and view == "0"
        } - {"InnoDB", None}  # fmt: skip
        if others:
            self._note(
                f"tables of the engine {', '.join(sorted(others))} know no snapshot: they are read "
                "as they are when their turn comes"
            )
        return [
            TableName(
                schema,
                name,
                name if own == "1" else f"{schema}.{name}",
                listed=own == "1" and view == "0",
            )
            for schema, name, view, own, _ in found
        ]

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes = (*self.notes, note)

    def columns(self, table: TableName) -> list[DatabaseColumn]:
        with self._told(f"looking at table {table.shown}"):
            found = self._ask(_COLUMNS, [table.schema, table.name])
        return [
            DatabaseColumn(name, declared, column_kind(declared, "mysql"))
            for name, declared in found
        ]

    def query_columns(self, query: str) -> list[DatabaseColumn]:
        with self._told("looking at the query", query):
            self._ask("SET SESSION sql_select_limit = 0")
            try:
                with self._driver.cursor(_streaming()) as cursor:
                    cursor.execute(query)
                    described = [(d[0], d[1]) for d in cursor.description]
            finally:
                self._ask("SET SESSION sql_select_limit = DEFAULT")
        return [DatabaseColumn(name, "", BIT if kind == _BIT else "") for name, kind in described]

    def expected(self, table: TableName) -> int | None:
        with self._told(f"looking at table {table.shown}"):
            found = self._ask(_EXPECTED, [table.schema, table.name])
        return int(found[0][0] or 0) or None if found else None

    def rows(
        self, table: TableName | None, query: str, columns: Sequence[DatabaseColumn], size: int
    ) -> Iterator[Rows]:
        doing = f"reading table {table.shown}" if table else "reading the query"
        statement = query
        floats: frozenset[int] = frozenset()
        with self._told(doing, query):
            if table:
                texts = server_texts("mysql", {c.name: c.type for c in columns})
                floats = frozenset(i for i, c in enumerate(columns) if c.name in texts)
                key = [name for (name,) in self._ask(_PRIMARY_KEY, [table.schema, table.name])]
                statement = select_statement(
                    "mysql", table, [c.name for c in columns], key, texts
                )  # fmt: skip
            cursor = self._driver.cursor(_streaming())
            # The driver would end at the first text that is not valid; latin-1 gives its bytes
            # back.
            encoding, self._driver.encoding = self._driver.encoding, "latin-1"
            try:
                cursor.execute(statement.encode())
            finally:
                self._driver.encoding = encoding

            def to_columns(values: list[tuple[Any, ...]]) -> list[pa.Array]:
                return [
                    _column(v, c.kind, single=i in floats)
                    for i, (v, c) in enumerate(zip(values, columns, strict=True))
                ]

            ended = False
            try:
                for arrays in fetched(cursor.fetchmany, to_columns, size):
                    yield Rows(arrays)
                ended = True
            except self._errors:
                # An error of the server ends its answer; a lost connection does not.
                ended = self._driver.open
                raise
            finally:
                if not ended:
                    self._give_up(cursor)
                cursor.close()

    def _give_up(self, cursor: Any) -> None:
        """Closes the connection: the driver would first read the rest, be it gigabytes."""
        result = cursor._result
        if result is not None:
            result.unbuffered_active = False
        cursor.connection = None
        self.close()

    def sees_lock(self, key: int, *, anywhere: bool = False) -> bool:
        return False

    def identity(self) -> str:
        return ""

    def close(self) -> None:
        disconnect(self._connection)


def _streaming() -> Any:
    from pymysql.cursors import SSCursor

    return SSCursor


def _column(values: tuple[Any, ...], kind: str, *, single: bool) -> pa.Array:
    """A column of cells: text decoded as latin-1, or bytes of a column of bytes."""
    if any(isinstance(v, bytes) for v in values):
        return bytes_column(values, kind or BLOB, "mysql")
    if single:
        # A FLOAT, which was asked for as a double.
        return pa.array([None if v is None else single_text(float(v)) for v in values], pa.string())
    if all(v is None or v.isascii() for v in values):
        return pa.array(values, pa.string())
    return pa.array([None if v is None else v.encode("latin-1") for v in values], pa.binary())
