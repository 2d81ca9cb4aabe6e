"""What is known of a script's tables: columns, and where their rows stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ispmig_pipelines.formats.sql.define import ColumnDefinition, TableDefinition
from ispmig_pipelines.formats.sql.names import Scope


@dataclass
class Range:
    """Bytes of the script in which rows of a table stand, and how to begin reading there."""

    start: int
    end: int
    line: int
    scope: Scope
    delimiter: bytes
    in_block: bool = False


@dataclass
class Table:
    """What is known of one table.

    Attributes:
        name: as it is shown.
        definition: as this script or an earlier one defines it.
        known_before: the definition is an earlier script's.
        ranges: where its rows are.
        listed: columns that INSERTs and COPYs name, in the order of their first naming.
        unlisted: some of its rows come without a list of columns.
        exact: a list names two columns that differ in case alone.
        width: how many values the first row without a list has, where that must be known.
        lists: the lists of columns that INSERTs and COPYs have.
        reshaped: columns came, went or moved after its first rows.
    """

    name: str
    definition: TableDefinition | None = None
    known_before: bool = False
    ranges: list[Range] = field(default_factory=list)
    listed: dict[str, None] = field(default_factory=dict)
    unlisted: bool = False
    exact: bool = False
    width: int = 0
    lists: dict[tuple[str, ...], None] = field(default_factory=dict)
    reshaped: bool = False

    @property
    def defined(self) -> tuple[ColumnDefinition, ...]:
        """The columns of its definition."""
        return self.definition.columns if self.definition else ()

    @property
    def only_list(self) -> tuple[str, ...]:
        """The one list of columns that fits the rows without a list, where nothing defines the
        table; else none."""
        if self.defined or len(self.lists) != 1:
            return ()
        [only] = self.lists
        return only if len(only) == self.width else ()

    @property
    def unclear(self) -> bool:
        """Some of its rows name their columns, and of the others nothing tells theirs."""
        return (
            self.unlisted
            and bool(self.lists)
            and not self.defined
            and not self.only_list
            and self.width > 0
        )

    def columns(self) -> list[str]:
        """Its columns: those that the rows name, else those of its definition."""
        names = _Names(c.name for c in self.defined)
        found: dict[str, None] = {}
        if self.unlisted or not self.listed:
            found = dict.fromkeys(names.all)
            if not found and self.only_list:
                found = dict.fromkeys(self.only_list)
            if not found:
                found = {f"column_{i}": None for i in range(1, self.width + 1)}
        shown = _Names(found)
        for name in self.listed:
            # Names that differ in case alone are two where the definition has both, or a list.
            if name not in found and not self.exact and not names.has(name):
                name = shown.find(name) or names.find(name) or name
            if name not in found:
                found[name] = None
                shown.add(name)
        return list(found)

    def positions(self, columns: tuple[str, ...] | None, width: int) -> list[int]:
        """Which column each value of a row is for.

        Args:
            columns: the list of the INSERT, if it has one.
            width: how many values its first row has.
        """
        own = self.columns()
        names = _Names(own)
        place = {name: i for i, name in enumerate(own)}
        if columns is not None:
            return [place[names.find(name) or name] for name in columns]
        if self.defined:
            given = [c for c in self.defined if not c.generated]
            taken = given if width == len(given) != len(self.defined) else self.defined
            return [place[c.name] for c in taken]
        return list(range(self.width))

    @property
    def filled_by_database(self) -> list[str]:
        """Columns that the definition has and that rows without a list do not give."""
        given = [c for c in self.defined if not c.generated]
        if not self.unlisted or self.width != len(given):
            return []
        return [c.name for c in self.defined if c.generated]


class _Names:
    """Names of columns: found as they are written, else without regard to case."""

    def __init__(self, names: Iterable[str]) -> None:
        self.all: list[str] = []
        self._exact: set[str] = set()
        self._folded: dict[str, str] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        if name not in self._exact:
            self.all.append(name)
            self._exact.add(name)
            self._folded.setdefault(name.casefold(), name)

    def has(self, name: str) -> bool:
        return name in self._exact

    def find(self, name: str) -> str | None:
        return name if name in self._exact else self._folded.get(name.casefold())


def merged(parts: list[Table]) -> Table:
    """One table of what is known under several names for it."""
    if len(parts) == 1:
        return parts[0]
    with_columns = [t for t in parts if t.defined]
    # What the script itself defines goes before what an earlier one did.
    first = next((t for t in with_columns if not t.known_before), None)
    chosen = first or next(iter(with_columns), parts[0])
    table = Table(chosen.name, chosen.definition, chosen.known_before)
    for part in parts:
        table.ranges.extend(part.ranges)
        table.listed.update(part.listed)
        table.lists.update(part.lists)
        table.reshaped |= part.reshaped
        table.unlisted |= part.unlisted
        table.exact |= part.exact
        table.width = table.width or part.width
    table.ranges.sort(key=lambda r: r.start)
    joined: list[Range] = []
    for one in table.ranges:
        if joined and one.start <= joined[-1].end:
            joined[-1].end = max(joined[-1].end, one.end)
        else:
            joined.append(one)
    table.ranges = joined
    return table
