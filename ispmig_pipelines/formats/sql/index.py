"""What a script holds, found in one pass over all of it: its tables, and where their rows are."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.sql.changes import ON_ROWS, TOLD
from ispmig_pipelines.formats.sql.content import Content
from ispmig_pipelines.formats.sql.context import SqlContext
from ispmig_pipelines.formats.sql.copy import copy_width
from ispmig_pipelines.formats.sql.define import (
    ColumnDefinition,
    is_from_query,
    parse_added_columns,
    parse_added_key,
    parse_comment_on,
    parse_create_table,
    parse_dropped,
    parse_moved_columns,
    parse_property,
    parse_view,
    reshapes_columns,
)
from ispmig_pipelines.formats.sql.dialect import (
    BACKSLASH_QUESTION,
    GENERIC,
    SQLITE,
    SqlDialect,
)
from ispmig_pipelines.formats.sql.ending import missing_end
from ispmig_pipelines.formats.sql.events import (
    Begin,
    Changed,
    CopyLines,
    Definition,
    End,
    OddRow,
    PlainRows,
)
from ispmig_pipelines.formats.sql.names import (
    Scope,
    TableKey,
    nearest_key,
    one_name_each,
    table_key,
)
from ispmig_pipelines.formats.sql.rows import row_width
from ispmig_pipelines.formats.sql.tables import Range, Table, merged
from ispmig_pipelines.formats.sql.tokens import Lexicon, Name, lexicon
from ispmig_pipelines.formats.sql.walker import Walker
from ispmig_pipelines.formats.sql.window import Window

_JOIN_WITHIN = 1 << 20
"""Ranges of one table with less than this between them are read as one."""

_LARGEST_TABLE_NAMES = 10


@dataclass
class Index:
    """What one pass over a script has found.

    Attributes:
        tables: by name, in the order of their first appearance.
        of: what a name means where it stands → name of the table.
        notes, questions: for the user.
        sha256: of the file.
        context: what a script that comes after this one must know.
    """

    tables: dict[str, Table]
    of: dict[TableKey, str]
    notes: tuple[str, ...]
    questions: tuple[str, ...]
    sha256: str
    context: SqlContext


class _Builder:
    def __init__(
        self, content: Content, dialect: SqlDialect, *, complete: bool, after: SqlContext | None
    ) -> None:
        self._content = content
        self._dialect = dialect
        self._lex: Lexicon = lexicon(dialect)
        self._complete = complete
        self._before = dict(after.definitions) if after else {}
        self._scope = after.scope if after else Scope()
        self._raw: OrderedDict[TableKey, Table] = OrderedDict()
        self._named: dict[str, dict[TableKey, None]] = {}
        self._named_before: dict[str, list[TableKey]] = {}
        for key in self._before:
            self._named_before.setdefault(key.table.casefold(), []).append(key)
        self._any_rows = False
        self._shifted: dict[str, int] = {}
        self._changes: dict[str, tuple[int, int, dict[str, None]]] = {}
        self._own: set[str] = set()
        self._backslash_seen = False
        self._tail = b""
        self._head = b""

    def build(self) -> Index:
        with self._content.whole() as (blocks, _, digest):
            window = Window(str(self._content.path), self._watched(blocks), self._content.limits)
            walker = Walker(
                window, self._dialect, self._wants, scope=self._scope, complete=self._complete
            )
            self._walk(walker)
            sha256 = digest()
        standing, tables = self._resolved()
        context = SqlContext(
            dialect=self._dialect,
            scope=walker.scope,
            definitions={
                **self._before,
                **{k: t.definition for k, t in self._raw.items() if t.definition is not None},
            },
        )
        notes = tuple(self._notes(tables))
        return Index(tables, standing, notes, self._questions(walker, tables), sha256, context)

    def _watched(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        watch = self._dialect.name == GENERIC
        for block in blocks:
            if not self._head:
                self._head = block[:4096]
            if watch and not self._backslash_seen and b"\\" in block:
                self._backslash_seen = True
            self._tail = (self._tail + block[-4096:])[-4096:]
            yield block

    def _key(self, name: Name, scope: Scope) -> TableKey:
        return table_key(name, scope, self._dialect.name)

    def _table(self, name: Name, scope: Scope) -> Table:
        key = self._key(name, scope)
        table = self._raw.get(key)
        if table is None:
            table = self._raw[key] = Table(name.text)
            self._named.setdefault(key.table.casefold(), {})[key] = None
            known = nearest_key(key, self._named_before.get(key.table.casefold(), ()))
            if known is not None:
                table.definition, table.known_before = self._before[known], True
                table.name = table.definition.name
        return table

    def _forget(self, key: TableKey) -> None:
        del self._raw[key]
        del self._named[key.table.casefold()][key]

    def _same_name(self, name: str) -> list[tuple[TableKey, Table]]:
        """The tables whose own name is this one, whatever stands before it."""
        return [(key, self._raw[key]) for key in self._named.get(name.casefold(), ())]

    def _wants(self, name: Name, scope: Scope) -> bool:
        """Rows are looked at only for the width of a table that nothing else tells."""
        table = self._table(name, scope)
        if not table.unlisted or table.width:
            return False
        defined = self._defined(name, scope)
        return not defined or any(column.generated for column in defined)

    def _defined(self, name: Name, scope: Scope) -> tuple[ColumnDefinition, ...]:
        table = self._nearest(name, scope)
        return table.defined if table is not None else ()

    def _walk(self, walker: Walker) -> None:
        table: Table | None = None
        begun: Begin | None = None
        in_block = False
        for event in walker.walk():
            if isinstance(event, Begin):
                table, begun = self._table(event.name, event.scope), event
                in_block = walker.in_block
                if event.columns is None:
                    table.unlisted = True
                    if table.reshaped:
                        self._shifted.setdefault(table.name, event.line)
                else:
                    table.lists[event.columns] = None
                    table.listed.update(dict.fromkeys(event.columns))
                    folded = {name.casefold() for name in event.columns}
                    table.exact |= len(folded) < len(event.columns)
            elif isinstance(event, End) and table is not None and begun is not None:
                _extend(table, begun, event.end, in_block=in_block)
                self._any_rows = True
            elif isinstance(event, PlainRows) and table is not None and not table.width:
                table.width = row_width(event.region, self._lex)
            elif isinstance(event, OddRow) and table is not None and not table.width:
                table.width = len(event.cells)
            elif isinstance(event, CopyLines) and table is not None and not table.width:
                table.width = copy_width(event.region)
            elif isinstance(event, Definition):
                self._define(event)
            elif isinstance(event, Changed):
                self._change(event.kind, event.name, event.line)

    # ------------------------------------------------------------ definitions

    def _define(self, event: Definition) -> None:
        text, scope = event.text, event.scope
        if event.kind == "create":
            self._create(event)
        elif event.kind == "view":
            view = parse_view(text, self._lex)
            key = self._key(view, scope) if view is not None else None
            # Dump tools make a table of a view's shape where other views need it.
            if key is not None and key in self._raw and not self._raw[key].ranges:
                self._forget(key)
        elif event.kind == "alter":
            self._alter(event)
        elif event.kind == "comment":
            if (comment := parse_comment_on(text, self._lex)) is not None:
                self._comment(*comment, scope)
        elif event.kind == "property":
            if (comment := parse_property(text, self._lex)) is not None:
                self._comment(*comment, scope)
        elif event.kind == "drop":
            for name in parse_dropped(text, self._lex):
                self._drop(self._key(name, scope), event.line)

    def _create(self, event: Definition) -> None:
        found = parse_create_table(event.text, self._lex)
        if found is None:
            return
        name, definition = found
        if is_from_query(event.text, self._lex):
            self._change("select", name.text, event.line)
        table = self._table(name, event.scope)
        if definition.like is not None:
            source = self._nearest(definition.like, event.scope)
            if source is not None and source.definition is not None:
                definition = replace(source.definition, name=name.text)
        inherited: dict[str, ColumnDefinition] = {}
        for parent in definition.inherits:
            for column in self._defined(parent, event.scope):
                inherited.setdefault(column.name, column)
        if inherited:
            own = {column.name: column for column in definition.columns}
            columns = tuple({**inherited, **own}.values())
            definition = replace(definition, columns=columns)
        if table.definition is None or (not table.ranges and definition.columns):
            table.definition = definition
            table.known_before = False
            table.name = name.text

    def _alter(self, event: Definition) -> None:
        text, scope = event.text, event.scope
        added = parse_added_columns(text, self._lex)
        keyed = parse_added_key(text, self._lex)
        if added is not None:
            self._add(added[0], scope, added[1], event.line)
        if keyed is not None:
            table = self._nearest(keyed[0], scope)
            if table is not None and table.definition is not None:
                table.definition = table.definition.with_key(keyed[1])
        self._reshape(text, scope)
        reshaped = reshapes_columns(text, self._lex)
        if reshaped is not None:
            self._change(reshaped[1], reshaped[0].text, event.line)

    def _reshape(self, text: bytes, scope: Scope) -> None:
        """Columns that are dropped, renamed or moved: the definition follows as long as there are
        no rows; behind rows it is no longer known where a value without a column's name goes."""
        moved = parse_moved_columns(text, self._lex)
        table = self._nearest(moved.table, scope) if moved is not None else None
        if moved is None or table is None or table.definition is None:
            return
        if table.ranges:
            table.reshaped = table.reshaped or moved.shifts
            return
        table.definition = moved.applied(table.definition)
        table.reshaped = moved.unclear

    def _add(self, name: Name, scope: Scope, columns: list[ColumnDefinition], line: int) -> None:
        table = self._nearest(name, scope)
        if table is None or table.definition is None:
            return
        if table.ranges:
            self._change("alter", table.name, line)
            table.reshaped = True
            return
        known = {c.name.casefold() for c in table.definition.columns}
        added = tuple(c for c in columns if c.name.casefold() not in known)
        table.definition = replace(table.definition, columns=table.definition.columns + added)

    def _nearest(self, name: Name, scope: Scope) -> Table | None:
        key = self._key(name, scope)
        table = self._raw.get(key)
        if table is not None and (table.defined or not name.parts):
            return table
        near = nearest_key(
            key, (k for k, t in self._same_name(key.table) if t.defined and k != key)
        )
        return self._raw[near] if near is not None else table

    def _comment(self, name: Name, column: str, comment: str, scope: Scope) -> None:
        table = self._nearest(name, scope)
        if table is not None and table.definition is not None:
            table.definition = table.definition.with_comment(column, comment)

    def _drop(self, key: TableKey, line: int) -> None:
        found = (
            key if key in self._raw else nearest_key(key, self._named.get(key.table.casefold(), ()))
        )
        if found is None:
            return
        if self._raw[found].ranges:
            self._change("drop", self._raw[found].name, line)
        else:
            self._forget(found)

    # ------------------------------------------------------------ what a user should know

    def _change(self, kind: str, name: str, line: int) -> None:
        last = name.rsplit(".", 1)[-1].strip('`"[]').casefold()
        if kind in ON_ROWS:
            same = [table for _, table in self._same_name(last)]
            some = any(t.ranges for t in same) if same else self._any_rows
            if not some or (self._dialect.name == SQLITE and last.startswith("sqlite_")):
                return
        count, first, names = self._changes.get(kind, (0, line, {}))
        if name and len(names) < _LARGEST_TABLE_NAMES:
            names[name] = None
        self._changes[kind] = (count + 1, first, names)

    def _notes(self, tables: dict[str, Table]) -> list[str]:
        notes = []
        for kind, (count, line, names) in self._changes.items():
            of = f" ({', '.join(names)})" if names else ""
            where = f"; the first on line {line:,}" if line else ""
            notes.append(f"{count:,} {TOLD[kind]}{of}{where}")
        if self._own:
            notes.append(
                f"SQLite's own table(s) {', '.join(sorted(self._own))} are not among the tables"
            )
        notes.extend(
            f"table {table.name}: where the rows leave out {', '.join(filled)}, which the "
            "database fills itself, they are NULL here"
            for table in tables.values()
            if table.ranges and (filled := table.filled_by_database)
        )
        return notes

    def _questions(self, walker: Walker, tables: dict[str, Table]) -> tuple[str, ...]:
        questions = []
        if self._dialect.question:
            questions.append(self._dialect.question)
        elif self._dialect.name == GENERIC and self._backslash_seen and not self._dialect.settled:
            questions.append(BACKSLASH_QUESTION)
        questions.extend(
            f"{self._content.path}: the rows of {name} on line {line:,} name no columns, and the "
            "table was given other columns after its first rows: nothing says which value belongs "
            "where. Export the table with the names of its columns in every INSERT (mysqldump "
            "--complete-insert, pg_dump --column-inserts)."
            for name, line in self._shifted.items()
        )
        questions.extend(
            f"{self._content.path}: some rows of {table.name} name their columns "
            f"({', '.join(table.listed)}), others do not and have {table.width:,} value(s), and "
            "nothing in the script says which these are. Put the CREATE TABLE before them, or "
            "export the table with the names of its columns in every INSERT."
            for table in tables.values()
            if table.unclear
        )
        if not self._complete and (missing := missing_end(self._head, self._tail, walker)):
            questions.append(
                f"{missing} The file was probably cut short: transfer or export it again. If it "
                "is whole all the same, say so in the spec (sql: complete: true)."
            )
        return tuple(questions)

    # ------------------------------------------------------------ names

    def _resolved(self) -> tuple[dict[TableKey, str], dict[str, Table]]:
        """One table for all names that mean it: ``t``, ``dbo.t`` and ``shop.dbo.t``."""
        defined = [k for k, t in self._raw.items() if t.defined and not t.known_before]
        standing = one_name_each(self._raw, defined, self._dialect.name)
        groups: OrderedDict[TableKey, list[TableKey]] = OrderedDict()
        for key in self._raw:
            groups.setdefault(standing[key], []).append(key)
        shown = {key: merged([self._raw[k] for k in keys]) for key, keys in groups.items()}
        taken = Counter(table.name.casefold() for table in shown.values())
        tables: dict[str, Table] = {}
        names: dict[TableKey, str] = {}
        for key, table in shown.items():
            if self._dialect.name == SQLITE and key.table.startswith("sqlite_"):
                self._own.add(key.table)
                continue
            if taken[table.name.casefold()] > 1:
                table.name = _told_apart(table.name, groups[key])
            while table.name in tables:
                table.name += "_2"
            tables[table.name] = table
            names[key] = table.name
        return {k: names[s] for k, s in standing.items() if s in names}, tables


def _extend(table: Table, begun: Begin, end: int, *, in_block: bool) -> None:
    last = table.ranges[-1] if table.ranges else None
    if last is not None and begun.start - last.end < _JOIN_WITHIN and last.scope == begun.scope:
        last.end = end
    else:
        table.ranges.append(
            Range(begun.start, end, begun.line, begun.scope, begun.delimiter, in_block)
        )


def _told_apart(name: str, keys: list[TableKey]) -> str:
    """A name with the database or schema before it, for one that two tables have."""
    known = max(keys, key=lambda k: (k.database != "") + (k.schema != ""))
    return known.text if known.database or known.schema else name


_RECENT: OrderedDict[tuple[object, ...], Index] = OrderedDict()
_MOST_RECENT = 8


def index_of(
    content: Content,
    dialect: SqlDialect,
    *,
    complete: bool = False,
    after: SqlContext | None = None,
) -> Index:
    """What the script holds.

    Several sources of one migration are often tables of one dump: what was found is kept for
    as long as the file does not change.

    Raises:
        SourceError: the script ends within a statement, or cannot be read.
    """
    key = (
        content.identity, content.size, content.changed_at, content.member,
        content.encoding.name, content.encoding.bom, content.block_bytes, content.limits, dialect,
        complete, after.identity if after else None,
    )  # fmt: skip
    found = _RECENT.get(key)
    if found is None:
        found = _Builder(content, dialect, complete=complete, after=after).build()
        _RECENT[key] = found
        while len(_RECENT) > _MOST_RECENT:
            _RECENT.popitem(last=False)
    else:
        _RECENT.move_to_end(key)
    if any(len(table.columns()) > content.limits.max_columns for table in found.tables.values()):
        raise SourceError(
            f"{content.path} has a table of more than {content.limits.max_columns:,} columns, "
            "which is the limit. Correct the script, or set ISPMIG_MAX_COLUMNS."
        )
    return found
