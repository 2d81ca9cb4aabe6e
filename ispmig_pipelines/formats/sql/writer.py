"""The writer of SQL scripts that restore their tables: CREATE TABLE, and INSERTs of many rows.

There are no foreign keys, so that scripts can be restored in any order. A null and a missing key
are NULL. Statements stay far below what servers take at once (MariaDB: 16 MiB), unless a single
record is larger.
"""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.column_kinds import check_kinds
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import (
    Piece,
    begun,
    cells_of,
    rows_holding,
    rows_text,
    slices,
    unwritable,
)
from ispmig_pipelines.formats.sql.out_dialects import DIALECTS, Dialect
from ispmig_pipelines.formats.writing import Column, Kind, Table, WriteOptions

_STATEMENT_BYTES = 1 << 19
"""Bytes of cells in one INSERT, about."""


class SqlWriter:
    """One SQL script; see :class:`~ispmig_pipelines.formats.writing.Writer`."""

    notes: tuple[str, ...] = ()

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """
        Raises:
            UsageError: there is no such dialect.
        """
        if options.dialect not in DIALECTS:
            raise UsageError(
                f"{options.dialect!r} is no dialect of SQL that is written here; there are "
                f"{', '.join(DIALECTS)}."
            )
        self._stream = stream
        self._dialect = DIALECTS[options.dialect]
        self._table: Table | None = None
        self._names: set[str] = set()
        self._started = False

    def __enter__(self) -> SqlWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self._start()
            end = self._dialect.after_rows if self._table is not None else ""
            self._stream.write((end + self._dialect.tail).encode())

    def begin(self, table: Table) -> None:
        """Writes the table's definition.

        Raises:
            UsageError: the database could not have such a table: a name is too long, or two
                names differ in case only.
        """
        _check_names(table, self._dialect, self._names)
        self._start()
        if self._table is not None:
            self._stream.write(self._dialect.after_rows.encode())
        self._stream.write((_definition(table, self._dialect) + self._dialect.before_rows).encode())
        identifier = self._dialect.identifier
        listed = ", ".join(identifier(column.name) for column in table.columns)
        self._insert = f"INSERT INTO {identifier(table.name)} ({listed}) VALUES\n".encode()
        self._table = table

    def write(self, records: Records) -> None:
        """Writes records.

        Raises:
            UsageError: a cell holds U+0000, or is not what its column's kind says.
        """
        table = begun(self._table)
        columns = cells_of(table, records)
        for place, cells in enumerate(columns):
            if (zero := rows_holding(cells, lambda data: data == 0)) is not None:
                raise unwritable(
                    table, place, records, int(zero.argmax()),
                    "with U+0000, which a text in SQL cannot hold", "Write JSON, which can.",
                )  # fmt: skip
        check_kinds(table, columns, records)
        for rows in slices(columns, _STATEMENT_BYTES):
            pieces: list[Piece] = [",\n("]
            for column, cells in zip(table.columns, columns, strict=True):
                pieces += [self._literals(column, cells[rows]), ", "]
            pieces[-1] = ")"
            self._stream.write(self._insert)
            self._stream.write(rows_text(*pieces)[2:])
            self._stream.write(b";\n")

    def _literals(self, column: Column, cells: pa.StringArray) -> pa.StringArray:
        if column.kind in self._dialect.bare:
            literals = cells
        elif column.kind is Kind.TIMESTAMP:
            literals = self._dialect.timestamp(cells)
        else:
            literals = self._dialect.text(cells)
        return pc.fill_null(literals, "NULL") if cells.null_count else literals

    def _start(self) -> None:
        if not self._started:
            self._stream.write(self._dialect.head.encode())
            self._started = True


def _definition(table: Table, dialect: Dialect) -> str:
    by_name = {column.name: column for column in table.columns}
    key = [by_name[name] for name in table.key if name in by_name]
    has_key = bool(key) and len(key) == len(table.key) and dialect.key_types(key)
    lines = []
    for column in table.columns:
        in_key = has_key and column in key
        kind = dialect.type_of(column, in_key)
        lines.append(f"  {dialect.identifier(column.name)} {kind}{' NOT NULL' if in_key else ''}")
    if has_key:
        lines.append(f"  PRIMARY KEY ({', '.join(dialect.identifier(c.name) for c in key)})")
    body = ",\n".join(lines)
    name = dialect.identifier(table.name)
    return f"\nCREATE TABLE {name} (\n{body}\n){dialect.after_columns};\n"


def _check_names(table: Table, dialect: Dialect, taken: set[str]) -> None:
    """Refuses names that the database would refuse, cut short, or take for one another.

    Args:
        taken: the script's tables so far, case folded; this one is added.
    """
    if len(table.columns) > dialect.most_columns:
        raise UsageError(
            f"Table {table.name} has {len(table.columns):,} columns; {dialect.product} takes "
            f"{dialect.most_columns:,}. Write another format."
        )
    columns: set[str] = set()
    for name, others, what in (
        (table.name, taken, "table"),
        *((column.name, columns, f"column of table {table.name}") for column in table.columns),
    ):
        if reason := _no_name(name, dialect):
            raise UsageError(
                f"{dialect.product} cannot have a {what} named {name!r}: {reason}. Rename it, or "
                "write another format."
            )
        if name.casefold() in others:
            raise UsageError(
                f"Two names of a {what} are {name!r} but for upper and lower case, which a "
                "database takes for one. Rename one of them, or write another format."
            )
        others.add(name.casefold())


def _no_name(name: str, dialect: Dialect) -> str:
    size = len(name.encode() if dialect.name_unit == "bytes" else name)
    if not name.strip():
        return "it is blank"
    if any(character < " " for character in name):
        return "it has control characters"
    if 0 < dialect.longest_name < size:
        return f"it has {size} {dialect.name_unit}, and {dialect.longest_name} is the limit"
    if dialect.name == "mysql" and name.endswith(" "):
        return "it ends in a space"
    if dialect.name == "mysql" and max(name) > "\uffff":
        return "it has characters beyond U+FFFF"
    return ""
