"""What a connection to a legacy database must be able to do, whichever database it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.sql.render import OTHER

APPLICATION_NAME = "ispmig"
CONNECT_SECONDS = 15
"""How long to wait for a server to answer, unless its URL says connect_timeout."""

PIECE_BYTES = 16 << 20
"""About how many bytes of cells are held before they are handed on."""

_FIRST_ROWS = 64
_MOST_ROWS = 5_000

DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg[binary]"),
    "mysql": ("mysql+pymysql", "PyMySQL"),
    "mssql": ("mssql+pymssql", "ispmig-pipelines[mssql]"),
    "oracle": ("oracle+oracledb", "ispmig-pipelines[oracle]"),
}
"""Kind → what SQLAlchemy calls the driver, and what to install for it."""


@dataclass(frozen=True)
class TableName:
    """A table or view of a database.

    Attributes:
        shown: how it is called here: bare where that is enough, else ``schema.name``.
        listed: one of the tables that the database is read by, if no table is named: no view,
            and of this database.
    """

    schema: str
    name: str
    shown: str
    listed: bool = True

    @property
    def qualified(self) -> str:
        """``schema.name``, whatever is shown."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True)
class DatabaseColumn:
    """A column as the database calls it.

    Attributes:
        type: as declared; "" where a query does not tell.
        kind: as :mod:`ispmig_pipelines.formats.sql.render` tells columns apart.
    """

    name: str
    type: str = ""
    kind: str = OTHER


@dataclass(frozen=True)
class Rows:
    """Some rows as they came: a column of UTF-8 each (perhaps not valid), null for NULL.

    Attributes:
        sound: all of it is known to be valid text without zero bytes.
    """

    columns: list[pa.Array]
    sound: bool = False

    @property
    def count(self) -> int:
        return len(self.columns[0])


class Session(Protocol):
    """One open connection, in one transaction that only reads."""

    url: DatabaseUrl
    product: str
    """Name and version of the database, for people."""
    notes: tuple[str, ...]
    """What a person should know of how it is read."""

    def tables(self) -> list[TableName]:
        """Every table and view that a spec may name, what is listed first."""
        ...

    def columns(self, table: TableName) -> list[DatabaseColumn]: ...

    def query_columns(self, query: str) -> list[DatabaseColumn]:
        """The columns of a query, found out without running it to its end."""
        ...

    def expected(self, table: TableName) -> int | None:
        """About how many records the table has, by the database's own statistics."""
        ...

    def rows(
        self, table: TableName | None, query: str, columns: Sequence[DatabaseColumn], size: int
    ) -> Iterator[Rows]:
        """The rows of a table, in order of its primary key where it has one, or of a query."""
        ...

    def sees_lock(self, key: int, *, anywhere: bool = False) -> bool:
        """Whether the database is the very one in which somebody holds PostgreSQL's advisory
        lock ``key``; or, with ``anywhere``, whether that one is on the same server."""
        ...

    def identity(self) -> str:
        """What tells a PostgreSQL database from all others, its standbys being the same; else
        "" ."""
        ...

    def close(self) -> None: ...


def connect(url: DatabaseUrl, arguments: dict[str, Any], **options: Any) -> sa.Connection:
    """A connection of SQLAlchemy.

    Args:
        arguments: for the driver.
        options: for :func:`sqlalchemy.create_engine`.

    Raises:
        SourceError: its driver is not installed.
    """
    driver, package = DRIVERS[url.kind]
    try:
        engine = sa.create_engine(
            sa.URL.create(
                driver,
                username=url.user or None,
                password=url.password or None,
                host=url.host or None,
                port=url.port,
                database=url.database or None,
            ),
            connect_args=arguments,
            poolclass=NullPool,
            hide_parameters=True,
            **options,
        )
    except ModuleNotFoundError:
        raise SourceError(
            f"{url.shown}: the driver for {url.kind} is not installed. Install it: "
            f"pip install '{package}'"
        ) from None
    return engine.connect()


def disconnect(connection: sa.Connection) -> None:
    """Closes a connection, whatever it is doing; closed already is fine too."""
    if not connection.closed:
        if not connection.invalidated:
            connection.invalidate()
        connection.close()


def single_text(value: float) -> str:
    """The shortest text that is read back as the same number of single precision."""
    number = np.float32(value)
    if number == 0 or 1e-5 <= abs(number) < 1e15:
        return np.format_float_positional(number, unique=True, trim="-")
    return str(number)


def driver_errors(connection: sa.Connection) -> tuple[type[BaseException], ...]:
    """Base classes of what the connection's driver raises."""
    return (connection.dialect.loaded_dbapi.Error,)


def fetched(
    fetch: Callable[[int], Sequence[Sequence[Any]]],
    to_columns: Callable[[list[tuple[Any, ...]]], list[pa.Array]],
    size: int,
) -> Iterator[list[pa.Array]]:
    """The rows of a cursor as columns, as many at a time as fit :data:`PIECE_BYTES`.

    Args:
        fetch: ``cursor.fetchmany``.
        to_columns: makes Arrow columns of the cells of each column.
        size: most rows at a time.
    """
    count = min(_FIRST_ROWS, size)
    while rows := fetch(count):
        columns = to_columns(list(zip(*rows, strict=True)))
        del rows
        yield columns
        used = max(sum(column.nbytes for column in columns), 1)
        fitting = PIECE_BYTES * len(columns[0]) // used
        count = max(1, min(fitting, count * 4, _MOST_ROWS, size))
