"""The one shape in which every format is written: tables of text cells into a byte stream.

A writer is the mirror of a reader: it takes the batches of :class:`Records` that readers hand
over (cells as text, null where there is no cell, masks where the key itself is missing) and
writes them as they are. What a cell is may be told by the :class:`Kind` of its column, so that
a number becomes a number where the format knows numbers; the text of the cell is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from ispmig_pipelines.formats.records import Records


class Kind(StrEnum):
    """What the texts of a column stand for; text unless somebody knows better.

    The texts are canonical where it is not TEXT: ``-12.5000``, ``true``, ``2024-02-29``,
    ``2024-02-29T10:00:00.000001+00:00``, ``19:30:00``, a JSON document.
    """

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    JSON = "json"


@dataclass(frozen=True)
class Column:
    """A column that is written.

    Attributes:
        name: unique in its table, any text.
        kind: what its cells stand for.
        max_length: characters at most, of a text; None where nobody knows.
        precision, scale: digits of a decimal, all and after the mark; None where unknown.
    """

    name: str
    kind: Kind = Kind.TEXT
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True)
class Table:
    """A table that is written.

    Attributes:
        name: unique in its file, any text.
        columns: in order, at least one.
        key: names of the columns that tell its records apart; empty where nobody knows.
        named: the names are the records' own; those that a reader made up for a file without a
            header are not written where a file can do without.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    named: bool = True


@dataclass(frozen=True)
class WriteOptions:
    """How files are written, beyond their format.

    Attributes:
        dialect: of SQL: ``postgresql``, ``mysql`` or ``sqlite``.
        neutralise_formulas: a text that a spreadsheet would take for a formula is written so
            that it stays a text (CSV and XLSX); see
            https://owasp.org/www-community/attacks/CSV_Injection. It is undone by
            :func:`ispmig_pipelines.formats.formulas.restored`.
        several: the file may hold several tables; JSON is then an object of arrays by table,
            and else the array of its one table. The other formats write either the same way.
    """

    dialect: str = "postgresql"
    neutralise_formulas: bool = False
    several: bool = False


class Writer(Protocol):
    """One output file of one format, open for writing.

    Used as a context: leaving it writes the file's end; leaving it by an error does not, and
    never closes the stream, which belongs to the caller.

    A cell that the format cannot hold is an error that names its record and column; nothing is
    left out or written as something else in silence.
    """

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the file will not see of the records, in words; once it is written."""
        ...

    def __enter__(self) -> Writer: ...

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None: ...

    def begin(self, table: Table) -> None:
        """Starts a table, ending the one before.

        Raises:
            UsageError: the format holds one table a file, and this is the second.
        """
        ...

    def write(self, records: Records) -> None:
        """Writes records of the table that was begun; its columns are found by name.

        Rejects are not written: they are the caller's to tell.

        Raises:
            UsageError: the format cannot hold what the records say (rows of a sheet, say).
        """
        ...


class Opens(Protocol):
    """Makes the writer of a format on an open binary stream."""

    def __call__(self, stream: BinaryIO, options: WriteOptions) -> Writer: ...
