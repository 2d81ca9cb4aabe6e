"""What a script holds, found in one pass over all of it: its tables, and where their rows are."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.sql_content import Content
from ispmig_pipelines.formats.sql_define import (
    ColumnDefinition,
    TableDefinition,
    parse_added_columns,
    parse_comment_on,
    parse_create_table,
)
from ispmig_pipelines.formats.sql_dialect import BACKSLASH_QUESTION, GENERIC, SqlDialect
from ispmig_pipelines.formats.sql_events import (
    Begin,
    Changed,
    Definition,
    End,
    OddRow,
    PlainRows,
)
from ispmig_pipelines.formats.sql_rows import row_width
from ispmig_pipelines.formats.sql_tokens import Lexicon, Name, lexicon, parse_name
from ispmig_pipelines.formats.sql_walker import Walker
from ispmig_pipelines.formats.sql_window import Window

_JOIN_WITHIN = 1 << 20
"""Ranges of one table with less than this between them are read as one."""

RawKey = tuple[str, tuple[str, ...]]
"""The database in use (where the name has no qualifier), and the name's parts, case folded."""


def raw_key(name: Name, database: str) -> RawKey:
    """How a table is known while the script is read."""
    parts = tuple(part.casefold() for part in name.parts)
    return (database.casefold() if len(parts) == 1 else "", parts)


@dataclass
class Range:
    """Bytes of the script in which rows of a table stand, and how to begin reading there."""

    start: int
    end: int
    line: int
    database: str
    delimiter: bytes


@dataclass
class Table:
    """What is known of one table.

    Attributes:
        name: as it is shown.
        definition: as the script defines it.
        ranges: where its rows are.
        listed: columns that INSERTs and COPYs name, in the order of their first naming.
        unlisted: some of its rows come without a list of columns.
        width: how many values the first row without a list and without a definition has.
        database: what was in use when it was met first.
    """

    name: str
    database: str = ""
    definition: TableDefinition | None = None
    ranges: list[Range] = field(default_factory=list)
    listed: dict[str, str] = field(default_factory=dict)
    unlisted: bool = False
    width: int = 0

    def columns(self) -> list[str]:
        """Its columns: those that the rows name, else those of its definition."""
        defined = list(self.definition.columns) if self.definition else []
        names: dict[str, str] = {}
        if self.unlisted or not self.listed:
            names = {c.name.casefold(): c.name for c in defined}
            if not names:
                names = {f"column_{i}": f"column_{i}" for i in range(1, self.width + 1)}
        known = {c.name.casefold(): c.name for c in defined}
        for folded, name in self.listed.items():
            names.setdefault(folded, known.get(folded, name))
        return list(names.values())

    def positions(self, columns: tuple[str, ...] | None, width: int) -> list[int]:
        """Which column each value of a row is for.

        Args:
            columns: the list of the INSERT, if it has one.
            width: how many values its first row has.
        """
        place = {name.casefold(): i for i, name in enumerate(self.columns())}
        if columns is not None:
            return [place[name.casefold()] for name in columns]
        defined = list(self.definition.columns) if self.definition else []
        if defined:
            given = [c for c in defined if not c.generated]
            if width == len(given) != len(defined):
                defined = given
            return [place[c.name.casefold()] for c in defined]
        return list(range(self.width))

    @property
    def filled_by_database(self) -> list[str]:
        """Columns that the definition has and that no row gives."""
        if not self.unlisted or self.definition is None:
            return []
        return [c.name for c in self.definition.columns if c.generated]


@dataclass
class Index:
    """What one pass over a script has found.

    Attributes:
        tables: by name, in the order of their first appearance.
        of: raw key → name of the table.
        notes, questions: for the user.
        sha256: of the file.
    """

    tables: dict[str, Table]
    of: dict[RawKey, str]
    notes: tuple[str, ...]
    questions: tuple[str, ...]
    sha256: str


class _Builder:
    def __init__(self, content: Content, dialect: SqlDialect, *, complete: bool) -> None:
        self._content = content
        self._dialect = dialect
        self._lex: Lexicon = lexicon(dialect)
        self._complete = complete
        self._raw: OrderedDict[RawKey, Table] = OrderedDict()
        self._changes: dict[str, tuple[int, int, dict[str, None]]] = {}
        self._backslash_seen = False
        self._tail = b""
        self._head = b""

    def build(self) -> Index:
        with self._content.whole() as (blocks, _, digest):
            window = Window(str(self._content.path), self._watched(blocks), self._content.limits)
            walker = Walker(window, self._dialect, self._wants)
            self._walk(walker)
            sha256 = digest()
        of, tables = self._resolved()
        questions = self._questions(walker)
        return Index(tables, of, tuple(self._notes(tables)), questions, sha256)

    def _watched(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        watch = self._dialect.name == GENERIC
        for block in blocks:
            if not self._head:
                self._head = block[:4096]
            if watch and not self._backslash_seen and b"\\" in block:
                self._backslash_seen = True
            self._tail = (self._tail + block[-4096:])[-4096:]
            yield block

    def _table(self, name: Name, database: str) -> Table:
        key = raw_key(name, database)
        if key not in self._raw:
            self._raw[key] = Table(name.text, database if len(name.parts) == 1 else "")
        return self._raw[key]

    def _wants(self, name: Name, database: str) -> bool:
        """Rows are looked at only for the width of a table that nothing else tells."""
        table = self._table(name, database)
        return table.unlisted and table.width == 0 and not self._defined(name, database)

    def _defined(self, name: Name, database: str) -> bool:
        key = raw_key(name, database)
        table = self._raw.get(key)
        if table is not None and table.definition and table.definition.columns:
            return True
        return any(
            other.definition is not None and other.definition.columns
            for (_, parts), other in self._raw.items()
            if parts[-1] == key[1][-1]
        )

    def _walk(self, walker: Walker) -> None:
        table: Table | None = None
        begun: Begin | None = None
        for event in walker.walk():
            if isinstance(event, Begin):
                table, begun = self._table(event.name, event.database), event
                if event.columns is None:
                    table.unlisted = True
                else:
                    for name in event.columns:
                        table.listed.setdefault(name.casefold(), name)
            elif isinstance(event, End) and table is not None and begun is not None:
                last = table.ranges[-1] if table.ranges else None
                near = last is not None and begun.start - last.end < _JOIN_WITHIN
                if last is not None and near and last.database == begun.database:
                    last.end = event.end
                else:
                    table.ranges.append(
                        Range(begun.start, event.end, begun.line, begun.database, begun.delimiter)
                    )
            elif isinstance(event, PlainRows) and table is not None and not table.width:
                table.width = row_width(event.region, self._lex)
            elif isinstance(event, OddRow) and table is not None and not table.width:
                table.width = len(event.cells)
            elif isinstance(event, Definition):
                self._define(event, walker)
            elif isinstance(event, Changed):
                self._change(event.kind, event.name, event.line)

    # ------------------------------------------------------------ definitions

    def _define(self, event: Definition, walker: Walker) -> None:
        if event.kind == "create":
            self._create(event)
        elif event.kind == "alter":
            found = parse_added_columns(event.text, self._lex)
            if found is not None:
                self._add(found[0], event.database, found[1])
        elif event.kind == "comment":
            comment = parse_comment_on(event.text, self._lex)
            if comment is not None:
                self._comment(*comment, event.database)
        elif event.kind == "drop":
            self._drop(event, walker.window.line())

    def _create(self, event: Definition) -> None:
        found = parse_create_table(event.text, self._lex)
        if found is None:
            return
        name, definition = found
        table = self._table(name, event.database)
        if definition.like is not None:
            source = self._raw.get(raw_key(definition.like, event.database))
            if source is not None and source.definition is not None:
                definition = replace(source.definition, name=name.text)
        if table.definition is None or (not table.ranges and definition.columns):
            table.definition = definition
            table.name = name.text

    def _add(self, name: Name, database: str, columns: list[ColumnDefinition]) -> None:
        table = self._nearest(name, database)
        if table is None or table.definition is None:
            return
        if table.ranges:
            self._change("alter", table.name, 0)
            return
        known = {c.name.casefold() for c in table.definition.columns}
        added = tuple(c for c in columns if c.name.casefold() not in known)
        table.definition = replace(table.definition, columns=table.definition.columns + added)

    def _nearest(self, name: Name, database: str) -> Table | None:
        table = self._raw.get(raw_key(name, database))
        if table is not None or not name.parts:
            return table
        last = name.parts[-1].casefold()
        near = [t for (_, parts), t in self._raw.items() if parts[-1] == last]
        return near[0] if len(near) == 1 else None

    def _comment(self, name: Name, column: str, comment: str, database: str) -> None:
        table = self._nearest(name, database)
        if table is None or table.definition is None:
            return
        if not column:
            table.definition = replace(table.definition, comment=comment)
            return
        table.definition = replace(
            table.definition,
            columns=tuple(
                replace(c, comment=comment) if c.name.casefold() == column.casefold() else c
                for c in table.definition.columns
            ),
        )

    def _drop(self, event: Definition, line: int) -> None:
        names = _DROPPED.sub(b"", event.text, count=1)
        for raw in self._lex.name.finditer(names):
            name = parse_name(raw.group(), self._lex)
            table = self._raw.get(raw_key(name, event.database))
            if table is None:
                continue
            if table.ranges:
                self._change("drop", table.name, line)
            else:
                del self._raw[raw_key(name, event.database)]

    # ------------------------------------------------------------ what a user should know

    def _change(self, kind: str, name: str, line: int) -> None:
        if kind in ("update", "delete", "truncate", "merge"):
            last = name.rsplit(".", 1)[-1].casefold()
            if not any(t.ranges for (_, parts), t in self._raw.items() if parts[-1] == last):
                return
        count, first, names = self._changes.get(kind, (0, line, {}))
        if name and len(names) < 10:
            names[name] = None
        self._changes[kind] = (count + 1, first, names)

    def _notes(self, tables: dict[str, Table]) -> list[str]:
        notes = []
        for kind, (count, line, names) in self._changes.items():
            what = _CHANGES.get(kind, "statement(s) that are not read")
            of = f" ({', '.join(names)})" if names else ""
            where = f"; the first on line {line:,}" if line else ""
            notes.append(f"{count:,} {what}{of}{where}")
        for table in tables.values():
            if table.filled_by_database and table.ranges:
                columns = ", ".join(table.filled_by_database)
                notes.append(
                    f"table {table.name}: where the rows leave out {columns}, which the database "
                    "fills itself, they are NULL here"
                )
        return notes

    def _questions(self, walker: Walker) -> tuple[str, ...]:
        questions = []
        if self._dialect.question:
            questions.append(self._dialect.question)
        elif self._dialect.name == GENERIC and self._backslash_seen and not self._settled():
            questions.append(BACKSLASH_QUESTION)
        if not self._complete and (missing := self._missing_end(walker)):
            questions.append(
                f"{missing} The file was probably cut short: transfer or export it again. If it "
                "is whole all the same, say so in the spec (sql: complete: true)."
            )
        return tuple(questions)

    def _settled(self) -> bool:
        return self._dialect.backslash

    def _missing_end(self, walker: Walker) -> str:
        for opening, closing in _CLOSING_LINES:
            if opening.search(self._head) and not closing.search(self._tail):
                return (
                    "The tool that wrote this dump ends it with a closing line, which is missing."
                )
        if walker.locked:
            return "The dump locks a table for its rows and never unlocks it."
        if walker.open_transaction:
            return "The script begins a transaction and neither commits it nor rolls it back."
        if walker.bare_end:
            return "The last INSERT has neither a semicolon nor a GO after it, as all others have."
        return ""

    # ------------------------------------------------------------ names

    def _resolved(self) -> tuple[dict[RawKey, str], dict[str, Table]]:
        """One table for all names that mean it: ``t``, ``dbo.t`` and ``shop.dbo.t``."""
        groups: dict[str, list[RawKey]] = {}
        for key in self._raw:
            groups.setdefault(key[1][-1], []).append(key)
        canonical: dict[RawKey, RawKey] = {}
        for keys in groups.values():
            bare = [k for k in keys if len(k[1]) == 1]
            full = [k for k in keys if len(k[1]) > 1]
            heads: list[RawKey] = []
            for key in sorted(full, key=lambda k: -len(k[1])):
                same = [h for h in heads if h[1][-len(key[1]) :] == key[1]]
                canonical[key] = same[0] if len(same) == 1 else key
                if len(same) != 1:
                    heads.append(key)
            for key in bare:
                own = [h for h in heads if key[0] and h[1][-2] == key[0]]
                if len(own) == 1:
                    canonical[key] = own[0]
                elif len(heads) == 1 and len(bare) == 1:
                    canonical[key] = heads[0]
                else:
                    canonical[key] = key
        merged: OrderedDict[RawKey, list[Table]] = OrderedDict()
        for key, table in self._raw.items():
            merged.setdefault(canonical[key], []).append(table)
        shown = {key: _merged(parts) for key, parts in merged.items()}
        taken = Counter(table.name.casefold() for table in shown.values())
        tables: dict[str, Table] = {}
        names: dict[RawKey, str] = {}
        for key, table in shown.items():
            if taken[table.name.casefold()] > 1:
                table.name = _told_apart(table, merged[key])
            while table.name in tables:
                table.name += "_2"
            tables[table.name] = table
            names[key] = table.name
        return {key: names[canonical[key]] for key in self._raw}, tables


def _told_apart(table: Table, parts: list[Table]) -> str:
    """A name with the database or schema before it, for one that two tables have."""
    qualified = [part.name for part in parts if "." in part.name]
    database = next((part.database for part in parts if part.database), "")
    if qualified:
        return qualified[0]
    return f"{database}.{table.name}" if database else table.name


def _merged(parts: list[Table]) -> Table:
    if len(parts) == 1:
        return parts[0]
    defined = next((t for t in parts if t.definition and t.definition.columns), parts[0])
    table = Table(defined.name, defined.database, defined.definition)
    for part in parts:
        table.ranges.extend(part.ranges)
        for folded, name in part.listed.items():
            table.listed.setdefault(folded, name)
        table.unlisted |= part.unlisted
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


_DROPPED = re.compile(rb"DROP\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?", re.IGNORECASE)

_CHANGES = {
    "update": "UPDATE statement(s) after the rows they change; they are not carried out",
    "delete": "DELETE statement(s) after the rows they remove; they are not carried out",
    "truncate": "TRUNCATE statement(s) after the rows they remove; they are not carried out",
    "merge": "MERGE statement(s) on tables with rows; they are not carried out",
    "drop": "DROP TABLE statement(s) after the table's rows, which are read all the same",
    "select": "INSERT … SELECT statement(s), which copy data inside the database; they are no "
    "data here",
    "insert": "INSERT statement(s) of a form that is not read; they are no data here",
    "load": "LOAD statement(s), which name another file; it is not opened",
    "copy": "COPY statement(s) from another file or program; it is not opened",
    "shell": "line(s) for the database's shell that name another file; it is not opened",
    "block": "block(s) of procedural code; what they do is not carried out",
    "alter": "ALTER TABLE statement(s) that add columns after the rows",
}

_CLOSING_LINES = tuple(
    (re.compile(opening, re.MULTILINE), re.compile(closing, re.MULTILINE))
    for opening, closing in (
        (rb"^-- (?:MySQL|MariaDB) dump \d", rb"^-- Dump completed"),
        (rb"^-- PostgreSQL database dump\s*$", rb"^-- PostgreSQL database dump complete"),
    )
)


_RECENT: OrderedDict[tuple[object, ...], Index] = OrderedDict()
_MOST_RECENT = 8


def index_of(content: Content, dialect: SqlDialect, *, complete: bool = False) -> Index:
    """What the script holds.

    Several sources of one migration are often tables of one dump: what was found is kept for
    as long as the file does not change.

    Raises:
        SourceError: the script ends within a statement, or cannot be read.
    """
    key = (
        content.identity, content.size, content.changed_at, content.member,
        content.encoding.name, content.encoding.bom, content.block_bytes, content.limits, dialect,
        complete,
    )  # fmt: skip
    found = _RECENT.get(key)
    if found is None:
        found = _Builder(content, dialect, complete=complete).build()
        _RECENT[key] = found
        while len(_RECENT) > _MOST_RECENT:
            _RECENT.popitem(last=False)
    else:
        _RECENT.move_to_end(key)
    if any(len(table.columns()) > content.limits.max_columns for table in found.tables.values()):
        raise SourceError(
            f"{content.path} has a table of more than {content.limits.max_columns:,} columns, "
            "which is the limit. Correct the script, or raise the limit."
        )
    return found
