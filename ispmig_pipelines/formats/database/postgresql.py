"""PostgreSQL as a source: one transaction, repeatable read and read only, and COPY.

The server writes the text of every cell (numbers exact, floats as short as they are read back,
times in ISO 8601, in UTC where they have a zone), as pg_dump does. COPY was measured at three times
the rate of a cursor; each of its messages is one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.database.errors import told
from ispmig_pipelines.formats.database.session import (
    APPLICATION_NAME,
    CONNECT_SECONDS,
    PIECE_BYTES,
    DatabaseColumn,
    Rows,
    TableName,
    connect,
    disconnect,
    driver_errors,
)
from ispmig_pipelines.formats.database.statement import quoted, select_statement
from ispmig_pipelines.formats.sql.render import BLOB, BOOLEAN, column_kind, text_in

# As pg_dump sets them, so that a dump and the database itself give the same text.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "statement_timeout": "0",
    "lock_timeout": "60s",
}
_SINCE_90600 = {"idle_in_transaction_session_timeout": "0"}

# https://www.postgresql.org/docs/current/catalog-pg-type.html: boolean and bytea.
_KINDS = {16: BOOLEAN, 17: BLOB}

_TABLES = """
select n.nspname, c.relname, c.relkind in ('v', 'm'), pg_catalog.pg_table_is_visible(c.oid)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
"""
_NO_PARTITIONS = "and not c.relispartition "
_IN_ORDER = "order by 3, not pg_catalog.pg_table_is_visible(c.oid), 1, 2"
_COLUMNS = """
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
from pg_catalog.pg_attribute a
where a.attrelid = pg_catalog.to_regclass(%s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_PRIMARY_KEY = """
select a.attname
from pg_catalog.pg_index i
cross join lateral pg_catalog.generate_subscripts(i.indkey, 1) place
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]
where i.indrelid = pg_catalog.to_regclass(%s) and i.indisprimary
order by place
"""


class PostgresqlSession:
    """See :class:`~ispmig_pipelines.formats.database.session.Session`."""

    def __init__(self, url: DatabaseUrl, *, encoding: str = "") -> None:
        """
        Args:
            encoding: of the text in a database that knows none (SQL_ASCII); "" is UTF-8.

        Raises:
            SourceError, DatabaseError: as :func:`~.database_errors.told`.
        """
        self.url = url
        self.notes: tuple[str, ...] = ()
        with told(url, (), doing="connecting"):
            connection = connect(
                url,
                {
                    "connect_timeout": CONNECT_SECONDS,
                    "application_name": APPLICATION_NAME,
                    "client_encoding": "UTF8",
                    # A server's prepared statements do not outlive a pooler's transaction.
                    "prepare_threshold": None,
                    **url.options,
                },
            )
        self._connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._driver: Any = self._connection.connection.driver_connection
        self._errors = driver_errors(self._connection)
        try:
            with self._told("beginning to read"):
                self._begin(encoding)
        except BaseException:
            self.close()
            raise

    def _begin(self, encoding: str) -> None:
        version = self._driver.info.server_version
        settings = dict(_SETTINGS)
        settings |= _SINCE_90600 if version >= 90_600 else {}
        self._ask(
            "select " + ", ".join(["pg_catalog.set_config(%s, %s, true)"] * len(settings)),
            [part for setting in settings.items() for part in setting],
        )
        read_only, server_encoding, name = self._ask(
            "select pg_catalog.current_setting('transaction_read_only'), "
            "pg_catalog.current_setting('server_encoding'), "
            "pg_catalog.current_setting('server_version')"
        )[0]
        if read_only != "on":
            raise SourceError(
                f"{self.url.shown} does not keep to a transaction that only reads. Name the "
                "server itself instead of what stands before it."
            )
        self.product = f"PostgreSQL {name}"
        self._encoding = ""
        if server_encoding == "SQL_ASCII":
            self._encoding = encoding or "utf-8"
            self.notes = (
                f"the database does not know its encoding; it was taken for {self._encoding}",
            )
        elif encoding:
            raise SourceError(
                f"{self.url.shown} knows its own encoding ({server_encoding}). Leave encoding out "
                "of the spec; it is for a PostgreSQL whose encoding is SQL_ASCII."
            )

    def _told(self, doing: str, query: str = "") -> AbstractContextManager[None]:
        return told(self.url, self._errors, doing=doing, query=query)

    def _ask(self, statement: str, parameters: Sequence[Any] | None = None) -> list[Any]:
        """Rows of a query of our own."""
        with self._driver.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[Any] = cursor.fetchall()
        return rows

    def tables(self) -> list[TableName]:
        partitioned = self._driver.info.server_version >= 100_000
        statement = _TABLES + (_NO_PARTITIONS if partitioned else "") + _IN_ORDER
        with self._told("listing its tables"):
            found = self._ask(statement)
        return [
            TableName(schema, name, name if visible else f"{schema}.{name}", listed=not view)
            for schema, name, view, visible in found
        ]

    def columns(self, table: TableName) -> list[DatabaseColumn]:
        with self._told(f"looking at table {table.shown}"):
            found = self._ask(_COLUMNS, [self._name(table)])
        return [
            DatabaseColumn(name, declared, column_kind(declared, "postgresql"))
            for name, declared in found
        ]

    def query_columns(self, query: str) -> list[DatabaseColumn]:
        # Sent as a prepared statement the server itself refuses more than one, and DECLARE
        # all that is no SELECT or VALUES, data-modifying WITH included.
        with (
            self._told("looking at the query", query),
            self._driver.transaction(),
            self._driver.cursor() as cursor,
        ):
            self._row_security(cursor, "on")
            cursor.execute("declare ispmig_query no scroll cursor for " + query, binary=True)
            cursor.execute("fetch 0 from ispmig_query")
            described = [(d.name, d.type_code) for d in cursor.description or ()]
            cursor.execute("close ispmig_query")
        return [DatabaseColumn(name, "", _KINDS.get(oid, "")) for name, oid in described]

    def expected(self, table: TableName) -> int | None:
        with self._told(f"looking at table {table.shown}"):
            found = self._ask(
                "select reltuples::bigint from pg_catalog.pg_class "
                "where oid = pg_catalog.to_regclass(%s)",
                [self._name(table)],
            )
        return found[0][0] if found and found[0][0] > 0 else None

    def rows(
        self, table: TableName | None, query: str, columns: Sequence[DatabaseColumn], size: int
    ) -> Iterator[Rows]:
        doing = f"reading table {table.shown}" if table else "reading the query"
        select = self._select(table, columns) if table else query
        with (
            self._told(doing, query),
            # A savepoint: reading that is given up must not end the snapshot.
            self._driver.transaction(),
            self._driver.cursor() as cursor,
        ):
            self._row_security(cursor, "off" if table else "on")
            # The line feed: the query may end with a comment.
            statement = "copy (" + select + "\n) to stdout (format csv, force_quote *)"
            if self._encoding:
                # Such a server would refuse what is not UTF-8 instead of giving it.
                self._set(cursor, "client_encoding", "SQL_ASCII")
            with cursor.copy(statement.encode()) as copy:
                messages: list[bytes] = []
                held = 0
                for message in copy:
                    messages.append(message)
                    held += len(message)
                    if held >= PIECE_BYTES or len(messages) >= size:
                        yield self._rows(messages, columns)
                        messages, held = [], 0
                if messages:
                    yield self._rows(messages, columns)
            if self._encoding:
                self._set(cursor, "client_encoding", "UTF8")

    def _row_security(self, cursor: Any, value: str) -> None:
        """Off, the server refuses a table of which it would hide records. For a query its author
        answers: which records the user sees is part of it."""
        if self._driver.info.server_version >= 90_500:
            self._set(cursor, "row_security", value)

    @staticmethod
    def _set(cursor: Any, setting: str, value: str) -> None:
        cursor.execute("select pg_catalog.set_config(%s, %s, true)", [setting, value])

    def _select(self, table: TableName, columns: Sequence[DatabaseColumn]) -> str:
        key = [name for (name,) in self._ask(_PRIMARY_KEY, [self._name(table)])]
        return select_statement("postgresql", table, [c.name for c in columns], key)

    def _name(self, table: TableName) -> str:
        return quoted("postgresql", table)

    def _rows(self, messages: list[bytes], columns: Sequence[DatabaseColumn]) -> Rows:
        """Records of COPY's CSV: NULL stands there as nothing, empty text in quotes."""
        names = [str(i) for i in range(len(columns))]
        data = b"".join(messages)
        kind = pa.binary() if self._encoding else pa.string()
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(
                column_names=names, block_size=len(data) + 1, use_threads=False
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, kind),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=False,
            ),
        )
        if table.num_rows != len(messages):
            raise SourceError(
                f"{self.url.shown} gave {len(messages):,} records that read as {table.num_rows:,}. "
                "Please report this."
            )
        arrays = []
        for column, array in zip(columns, table.columns, strict=True):
            cells = array.combine_chunks()
            if column.kind == BOOLEAN:
                cells = pc.if_else(pc.equal(cells, "t"), "true", "false").cast(cells.type)
            elif column.kind == BLOB:
                cells = _bytes_as_text(cells)
            elif self._encoding not in ("", "utf-8"):
                cells = _decoded(cells, self._encoding)
            arrays.append(cells)
        return Rows(arrays, sound=not self._encoding)

    def sees_lock(self, key: int, *, anywhere: bool = False) -> bool:
        with self._told("looking whose database it is"):
            found = self._ask(
                "select exists (select from pg_catalog.pg_locks l "
                "join pg_catalog.pg_database d on d.oid = l.database "
                "where (%s or d.datname = pg_catalog.current_database()) "
                "and l.locktype = 'advisory' "
                "and l.objsubid = 1 and l.classid::bigint = %s and l.objid::bigint = %s)",
                [anywhere, key >> 32, key & 0xFFFFFFFF],
            )
        return bool(found[0][0])

    def identity(self) -> str:
        try:
            with self._driver.transaction():
                found = self._ask(
                    "select s.system_identifier::text || '/' || pg_catalog.current_database() "
                    "from pg_catalog.pg_control_system() s"
                )
        except self._errors:
            # Not every server lets everybody ask.
            return ""
        return str(found[0][0])

    def close(self) -> None:
        disconnect(self._connection)


def _bytes_as_text(cells: pa.Array) -> pa.Array:
    values = cells.cast(pa.binary()).to_pylist()
    return pa.array(
        [None if v is None else text_in(v, BLOB, "postgresql") for v in values], cells.type
    )


def _decoded(cells: pa.BinaryArray, encoding: str) -> pa.BinaryArray:
    """Bytes of another encoding as UTF-8; what is not valid in it stays as it is."""
    values: list[bytes | None] = []
    for cell in cells.to_pylist():
        if cell is None or cell.isascii():
            values.append(cell)
            continue
        try:
            values.append(cell.decode(encoding).encode())
        except UnicodeDecodeError:
            # Invalid UTF-8, so that the record is set aside.
            values.append(b"\xff" + cell)
    return pa.array(values, pa.binary())
