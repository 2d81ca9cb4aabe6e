"""SQL Server and Oracle as sources, by what SQLAlchemy knows of them.

Oracle has transactions that only read, in one state of the database. SQL Server has neither
unless the database allows snapshots; whatever a query changed would be rolled back at the end,
and its words are looked through before (:mod:`~ispmig_pipelines.formats.database.query`).
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.formats.database.cells import values_column
from ispmig_pipelines.formats.database.errors import told
from ispmig_pipelines.formats.database.session import (
    APPLICATION_NAME,
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
from ispmig_pipelines.formats.sql.render import column_kind

_SYSTEM_SCHEMAS = frozenset({"information_schema", "sys", "guest"})
_SNAPSHOT_ALLOWED = "SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()"
_NO_SNAPSHOT = (
    "the database does not allow snapshots: its tables are read as they are when their turn comes "
    "(ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON allows them)"
)
_DIALECT = {"mssql": "sqlserver", "oracle": "oracle"}


def driver_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """What the driver is given beside user, password, host and port.

    An Oracle database is named by its service, behind the slash or as ``service_name``; one that
    only has a SID by ``sid``.
    """
    options: dict[str, Any] = dict(url.options)
    seconds = int(options.pop("connect_timeout", CONNECT_SECONDS))
    if url.kind == "mssql":
        return {
            "login_timeout": seconds,
            "appname": APPLICATION_NAME,
            "charset": "UTF-8",
            **options,
        }
    if "ssl_server_dn_match" in options:
        options["ssl_server_dn_match"] = options["ssl_server_dn_match"].lower() in ("1", "true")
    if "sid" not in options:
        options.setdefault("service_name", url.database)
    return {"tcp_connect_timeout": float(seconds), "program": APPLICATION_NAME, **options}


class OtherSession:
    """See :class:`~ispmig_pipelines.formats.database.session.Session`."""

    def __init__(self, url: DatabaseUrl) -> None:
        """
        Raises:
            SourceError, DatabaseError: as :func:`~.database_errors.told`.
        """
        self.url = url
        self.notes: tuple[str, ...] = ()
        arguments = driver_arguments(url)
        named = url
        if url.kind == "oracle":
            # SQLAlchemy takes what is behind the slash for a SID.
            arguments |= {"host": url.host, "port": url.port or 1521}
            named = DatabaseUrl(kind="oracle", user=url.user, password=url.password)
        with told(url, (), doing="connecting"):
            self._connection = connect(named, arguments)
        self._errors = driver_errors(self._connection)
        try:
            with self._told("beginning to read"):
                self._begin()
        except BaseException:
            self.close()
            raise
        self._inspector = sa.inspect(self._connection)

    def _begin(self) -> None:
        self.product = _PRODUCTS[self.url.kind]
        if self.url.kind == "oracle":
            self._connection.rollback()
            self._connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            return
        allowed = self._connection.exec_driver_sql(_SNAPSHOT_ALLOWED).scalar()
        self._connection.rollback()
        if allowed == 1:
            self._connection = self._connection.execution_options(isolation_level="SNAPSHOT")
        else:
            self.notes = (_NO_SNAPSHOT,)

    def _told(self, doing: str, query: str = "") -> AbstractContextManager[None]:
        return told(self.url, self._errors, doing=doing, query=query)

    def tables(self) -> list[TableName]:
        with self._told("listing its tables"):
            own = self._inspector.default_schema_name or ""
            schemas = [own, *(s for s in self._schemas() if s != own)]
            return [
                TableName(
                    self._real(schema),
                    self._real(name),
                    name if schema == own else f"{schema}.{name}",
                    listed=not view and (schema == own or self.url.kind == "mssql"),
                )
                for view in (False, True)
                for schema in schemas
                for name in (
                    self._inspector.get_view_names(schema)
                    if view
                    else self._inspector.get_table_names(schema)
                )
            ]

    def _schemas(self) -> list[str]:
        return [
            schema
            for schema in self._inspector.get_schema_names()
            if schema.lower() not in _SYSTEM_SCHEMAS and not schema.lower().startswith("db_")
        ]

    def _real(self, name: str) -> str:
        """A name as the database has it; SQLAlchemy writes Oracle's in small letters."""
        if self.url.kind != "oracle":
            return name
        return str(self._connection.dialect.denormalize_name(name))

    def columns(self, table: TableName) -> list[DatabaseColumn]:
        name, schema = quoted_name(table.name, True), quoted_name(table.schema, True)
        with self._told(f"looking at table {table.shown}"):
            found = self._inspector.get_columns(name, schema=schema)
            declared = [
                (self._real(c["name"]), c["type"].compile(self._connection.dialect)) for c in found
            ]
        return [
            DatabaseColumn(name, text, column_kind(text, _DIALECT[self.url.kind]))
            for name, text in declared
        ]

    def query_columns(self, query: str) -> list[DatabaseColumn]:
        with self._told("looking at the query", query):
            cursor = self._cursor()
            cursor.execute(query)
            described = [str(d[0]) for d in cursor.description]
            cursor.close()
        return [DatabaseColumn(name) for name in described]

    def expected(self, table: TableName) -> int | None:
        return None

    def rows(
        self, table: TableName | None, query: str, columns: Sequence[DatabaseColumn], size: int
    ) -> Iterator[Rows]:
        doing = f"reading table {table.shown}" if table else "reading the query"
        singles = frozenset(i for i, c in enumerate(columns) if c.type.upper() == "REAL")
        with self._told(doing, query):
            statement = self._select(table, columns) if table else query
            cursor = self._cursor()
            try:
                cursor.execute(statement)

                def to_columns(values: list[tuple[Any, ...]]) -> list[pa.Array]:
                    return [
                        values_column(
                            [_single(v) for v in cells] if i in singles else cells,
                            column.kind,
                            _DIALECT[self.url.kind],
                        )
                        for i, (cells, column) in enumerate(zip(values, columns, strict=True))
                    ]

                for arrays in fetched(cursor.fetchmany, to_columns, size):
                    yield Rows(arrays)
            finally:
                cursor.close()

    def _select(self, table: TableName, columns: Sequence[DatabaseColumn]) -> str:
        name, schema = quoted_name(table.name, True), quoted_name(table.schema, True)
        key = self._inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
        return select_statement(
            self.url.kind,
            table,
            [c.name for c in columns],
            [self._real(k) for k in key],
            server_texts(self.url.kind, {c.name: c.type for c in columns}),
        )

    def _cursor(self) -> Any:
        driver: Any = self._connection.connection.driver_connection
        cursor = driver.cursor()
        if self.url.kind == "oracle":
            cursor.arraysize = cursor.prefetchrows = 1000
            cursor.outputtypehandler = _oracle_values
        return cursor

    def sees_lock(self, key: int, *, anywhere: bool = False) -> bool:
        return False

    def identity(self) -> str:
        return ""

    def close(self) -> None:
        # Rolled back: what only reads has nothing to keep.
        disconnect(self._connection)


_PRODUCTS = {"mssql": "SQL Server", "oracle": "Oracle"}


def _single(value: Any) -> Any:
    """A REAL, which a driver gives as a double, as its own shortest text."""
    return single_text(value) if isinstance(value, float) else value


def _oracle_values(cursor: Any, metadata: Any) -> Any:
    """Numbers with all their digits, large objects as values."""
    import oracledb

    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(decimal.Decimal, arraysize=cursor.arraysize)
    whole = {
        oracledb.DB_TYPE_CLOB: oracledb.DB_TYPE_LONG,
        oracledb.DB_TYPE_NCLOB: oracledb.DB_TYPE_LONG_NVARCHAR,
        oracledb.DB_TYPE_BLOB: oracledb.DB_TYPE_LONG_RAW,
    }
    if metadata.type_code in whole:
        return cursor.var(whole[metadata.type_code], arraysize=cursor.arraysize)
    return None
