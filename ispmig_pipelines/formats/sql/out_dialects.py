"""How SQL is written for PostgreSQL, for MySQL and MariaDB, and for SQLite.

A text stands on one line whatever is in it, so that neither a client nor a transfer that
rewrites line ends can change it, and the settings that its meaning depends on are made at the
head of the script.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.row_text import (
    Piece,
    bytes_of,
    chosen,
    joined,
    replaced,
    rows_holding,
)
from ispmig_pipelines.formats.writing import Column, Kind

_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN})
_QUOTES = ("'", "''")
_BACKSLASHES = ("\\", "\\\\")
_OTHER_CONTROLS = tuple(
    (chr(code), f"\\x{code:02x}") for code in range(1, 32) if chr(code) not in "\t\n\r"
)


@dataclass(frozen=True)
class Dialect:
    """One dialect.

    Attributes:
        name: as in ``--dialect``.
        product: for messages.
        quote: around identifiers; doubled inside of them.
        longest_name: of an identifier, in ``name_unit``; 0 for any length.
        name_unit: ``bytes`` or ``characters``.
        most_columns: of a table.
        head, tail: what the script begins and ends with.
        before_rows, after_rows: what stands around the rows of each table.
        after_columns: what ends a CREATE TABLE, after the parenthesis.
        type_of: the type of a column; whether it is part of the key is said.
        bare: the kinds that stand without quotes.
        text: the literals of texts; null where the cell is.
        timestamp: the literals of timestamps.
    """

    name: str
    product: str
    quote: str
    longest_name: int
    name_unit: str
    most_columns: int
    head: str
    tail: str
    before_rows: str
    after_rows: str
    after_columns: str
    type_of: Callable[[Column, bool], str]
    bare: frozenset[Kind]
    text: Callable[[pa.StringArray], pa.StringArray]
    timestamp: Callable[[pa.StringArray], pa.StringArray]

    def identifier(self, name: str) -> str:
        """A name as it stands in the script."""
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote

    def key_types(self, columns: list[Column]) -> bool:
        """Whether the columns can be a primary key."""
        if self.name != "mysql":
            return True
        texts = [c for c in columns if c.kind in (Kind.TEXT, Kind.JSON)]
        # InnoDB indexes 3,072 bytes, and a character of utf8mb4 may have four.
        return all(c.kind is Kind.TEXT and c.max_length for c in texts) and (
            sum(c.max_length or 0 for c in texts) * 4 + 40 * len(columns) <= 3_072
        )


def _postgresql_type(column: Column, _: bool) -> str:
    match column.kind:
        case Kind.INTEGER:
            return "bigint"
        case Kind.DECIMAL if column.precision is not None:
            return f"numeric({column.precision},{column.scale or 0})"
        case Kind.DECIMAL:
            return "numeric"
        case Kind.TIMESTAMP:
            return "timestamptz"
        case Kind.JSON:
            return "jsonb"
    return column.kind.value


def _postgresql_text(cells: pa.StringArray) -> pa.StringArray:
    special = rows_holding(cells, lambda data: (data == ord("\\")) | (data < 32))
    opening: Piece = "'"
    if special is not None:
        # E'' means the same under either setting of standard_conforming_strings.
        cells = replaced(cells, (_BACKSLASHES, ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")))
        if (bytes_of(cells) < 32).any():
            cells = replaced(cells, _OTHER_CONTROLS)
        opening = chosen(special, "E'", "'")
    return joined(opening, replaced(cells, (_QUOTES,)), "'")


def _mysql_type(column: Column, in_key: bool) -> str:
    match column.kind:
        case Kind.TEXT:
            return f"varchar({column.max_length})" if in_key else "longtext"
        case Kind.INTEGER:
            return "bigint"
        case Kind.DECIMAL:
            # Without precision MySQL would take decimal(10,0), and round.
            return f"decimal({column.precision or 65},{_mysql_scale(column)})"
        case Kind.TIMESTAMP:
            # Its timestamp ends in 2038.
            return "datetime(6)"
        case Kind.TIME:
            # Without digits MySQL would round to the second.
            return "time(6)"
    return column.kind.value


def _mysql_scale(column: Column) -> int:
    return 30 if column.precision is None else column.scale or 0


def _mysql_text(cells: pa.StringArray) -> pa.StringArray:
    escapes = (_BACKSLASHES, _QUOTES, ("\n", "\\n"), ("\r", "\\r"), ("\x1a", "\\Z"))
    return joined("'", replaced(cells, escapes), "'")


def _mysql_timestamp(cells: pa.StringArray) -> pa.StringArray:
    """In UTC, without the offset, which MariaDB does not read."""
    utc = pc.fill_null(pc.match_substring_regex(cells, r"(?:Z|\+00:00)\z"), True)
    if not pc.all(utc).as_py():
        cells = pa.array([_in_utc(text) for text in cells.to_pylist()], pa.string())
    plain = pc.replace_substring_regex(cells, r"(?:Z|\+00:00)\z", "")
    return joined("'", pc.replace_substring(plain, "T", " "), "'")


def _in_utc(text: str | None) -> str | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC).isoformat()


def _sqlite_type(column: Column, _: bool) -> str:
    # A type with another affinity would turn exact decimals into binary fractions.
    return column.kind.value if column.kind in (Kind.INTEGER, Kind.BOOLEAN) else "text"


_MOST_LINE_ENDS = 200
"""In a text that is put together of its lines; SQLite's expressions may be 1,000 deep."""


def _sqlite_text(cells: pa.StringArray) -> pa.StringArray:
    ends = rows_holding(cells, lambda data: (data == 10) | (data == 13))
    literals = joined("'", replaced(cells, (_QUOTES,)), "'")
    if ends is None:
        return literals
    count = pc.count_substring_regex(cells, "[\r\n]")
    many = ends & np.asarray(
        pc.fill_null(pc.greater(count, _MOST_LINE_ENDS), False).to_numpy(zero_copy_only=False)
    )
    # The shell of SQLite takes the carriage return before a line feed for part of a line end.
    broken = (("\r", "'||char(13)||'"), ("\n", "'||char(10)||'"))
    if many.any():
        in_hex = [
            f"CAST(X'{text.encode().hex()}' AS TEXT)" if is_one and text is not None else None
            for text, is_one in zip(cells.to_pylist(), many.tolist(), strict=True)
        ]
        return chosen(many, pa.array(in_hex, pa.string()), replaced(literals, broken))
    return replaced(literals, broken)


DIALECTS = {
    "postgresql": Dialect(
        name="postgresql",
        product="PostgreSQL",
        quote='"',
        longest_name=63,
        name_unit="bytes",
        most_columns=1_600,
        head="-- For PostgreSQL, all or nothing: psql -v ON_ERROR_STOP=1 -f FILE DATABASE\n"
        "BEGIN;\n"
        "SET LOCAL client_encoding = 'UTF8';\n"
        "SET LOCAL standard_conforming_strings = on;\n",
        tail="\nCOMMIT;\n",
        before_rows="",
        after_rows="",
        after_columns="",
        type_of=_postgresql_type,
        bare=_NUMBERS,
        text=_postgresql_text,
        timestamp=_postgresql_text,
    ),
    "mysql": Dialect(
        name="mysql",
        product="MySQL",
        quote="`",
        longest_name=64,
        name_unit="characters",
        most_columns=1_017,
        head="-- For MySQL and MariaDB: mysql DATABASE < FILE\n"
        "/*!40101 SET NAMES utf8mb4 */;\n"
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO';\n"
        "SET SESSION time_zone = '+00:00';\n",
        tail="\n-- End\n",
        # CREATE TABLE commits by itself there, so that each table is a transaction.
        before_rows="START TRANSACTION;\n",
        after_rows="COMMIT;\n",
        after_columns=" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        type_of=_mysql_type,
        bare=_NUMBERS,
        text=_mysql_text,
        timestamp=_mysql_timestamp,
    ),
    "sqlite": Dialect(
        name="sqlite",
        product="SQLite",
        quote='"',
        longest_name=0,
        name_unit="characters",
        most_columns=2_000,
        head="-- For SQLite: sqlite3 DATABASE < FILE\n"
        "PRAGMA encoding = 'UTF-8';\n"
        "BEGIN TRANSACTION;\n",
        tail="\nCOMMIT;\n",
        before_rows="",
        after_rows="",
        after_columns="",
        type_of=_sqlite_type,
        # As a number a decimal would lose the zeros at its end, and digits beyond 15.
        bare=_NUMBERS - {Kind.DECIMAL},
        text=_sqlite_text,
        timestamp=_sqlite_text,
    ),
}
"""The dialects by name."""
