"""What the statements of a script mean for data, told one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from ispmig_pipelines.formats.sql.names import Scope
from ispmig_pipelines.formats.sql.tokens import Name


@dataclass(frozen=True)
class Begin:
    """Rows for a table follow: an INSERT or COPY statement, or several of them in a row.

    Attributes:
        name: of the table, as it stands there.
        columns: the list of columns, None where there is none.
        scope: what names without qualifiers mean there.
        start: first byte of the statement in the script.
        line: its line.
        delimiter: what ends a statement there.
    """

    name: Name
    columns: tuple[str, ...] | None
    scope: Scope
    start: int
    line: int
    delimiter: bytes


@dataclass(frozen=True)
class End:
    """The rows that the last :class:`Begin` announced end; ``end`` is the byte after them."""

    end: int


@dataclass(frozen=True)
class PlainRows:
    """A region of plain rows; ``head`` stands before each further statement's."""

    region: bytes
    head: bytes
    line: int


@dataclass(frozen=True)
class OddRow:
    """One row, told into the expressions of its cells token by token."""

    cells: list[bytes]
    text: bytes
    line: int


@dataclass(frozen=True)
class CopyLines:
    """Whole lines of a COPY."""

    region: bytes
    line: int


@dataclass(frozen=True)
class Definition:
    """A statement that defines a table, whole. ``kind``: ``create``, ``view``, ``alter``,
    ``comment``, ``property``, ``drop``."""

    kind: str
    text: bytes
    scope: Scope
    line: int


@dataclass(frozen=True)
class Changed:
    """A statement that changes data by more than literals: ``update``, ``delete``, …"""

    kind: str
    name: str
    line: int


Event = Begin | End | PlainRows | OddRow | CopyLines | Definition | Changed
