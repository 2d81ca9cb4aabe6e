"""Tables as a script defines them: columns, types, comments."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise

from ispmig_pipelines.formats.sql.literal import Evaluator, NotLiteral
from ispmig_pipelines.formats.sql.render import column_kind
from ispmig_pipelines.formats.sql.tokens import Lexicon, Name, parse_name


@dataclass(frozen=True)
class ColumnDefinition:
    """One column as the script defines it.

    Attributes:
        name: its name.
        type: the type as it is written, e.g. ``decimal(10,2) unsigned``.
        nullable: False where NOT NULL or PRIMARY KEY stands.
        comment: the column's comment, or "".
        default: the default as it is written, or "".
        primary_key: it is the key, or part of it.
        generated: the database fills it: IDENTITY, or computed.
    """

    name: str
    type: str = ""
    nullable: bool = True
    comment: str = ""
    default: str = ""
    primary_key: bool = False
    generated: bool = False


@dataclass(frozen=True)
class TableDefinition:
    """A table as the script defines it; without columns where it only fills it."""

    name: str
    columns: tuple[ColumnDefinition, ...] = ()
    comment: str = ""
    like: Name | None = field(default=None, compare=False)
    inherits: tuple[Name, ...] = field(default=(), compare=False)

    def with_key(self, names: list[str]) -> TableDefinition:
        """The same with these columns as its key."""
        keys = {name.casefold() for name in names}
        columns = tuple(
            replace(c, primary_key=True, nullable=False) if c.name.casefold() in keys else c
            for c in self.columns
        )
        return replace(self, columns=columns)

    def with_comment(self, column: str, comment: str) -> TableDefinition:
        """The same with a comment of a column, or of the table where ``column`` is ""."""
        if not column:
            return replace(self, comment=comment)
        exact = any(c.name == column for c in self.columns)
        columns = tuple(
            replace(c, comment=comment)
            if c.name == column or (not exact and c.name.casefold() == column.casefold())
            else c
            for c in self.columns
        )
        return replace(self, columns=columns)


_NO_COLUMN = frozenset({
    b"primary", b"unique", b"key", b"index", b"constraint", b"foreign", b"check", b"fulltext",
    b"spatial", b"exclude", b"period", b"like", b"partition",
})  # fmt: skip
_AFTER_TYPE = frozenset({
    b"not", b"null", b"default", b"primary", b"unique", b"references", b"check", b"constraint",
    b"comment", b"auto_increment", b"autoincrement", b"collate", b"generated", b"as", b"identity",
    b"on", b"key", b"encode", b"enable", b"disable", b"sparse", b"rowguidcol", b"invisible",
    b"storage", b"compression", b"virtual", b"persisted", b"stored", b"for", b"inline", b"logged",
    b"compact", b"with", b"masked", b"column_format", b"visible", b"using", b"deferrable",
})  # fmt: skip
_HEAD = re.compile(rb"CREATE\b.*?\bTABLE\b", re.IGNORECASE | re.DOTALL)
_IF_NOT_EXISTS = re.compile(rb"IF\s+NOT\s+EXISTS\b", re.IGNORECASE)
_PARTITION_OF = re.compile(rb"PARTITION\s+OF\b", re.IGNORECASE)
_LIKE = re.compile(rb"\(?\s*LIKE\b", re.IGNORECASE)

Item = tuple[str, bytes]


def _items(text: bytes, lex: Lexicon) -> list[Item]:
    found = []
    for match in lex.token.finditer(text):
        kind = match.lastgroup or "other"
        if kind != "space":
            found.append((kind, match.group()))
    return found


def parse_create_table(text: bytes, lex: Lexicon) -> tuple[Name, TableDefinition] | None:
    """The table that a CREATE TABLE statement defines; None where it cannot be told."""
    head = _HEAD.match(text)
    if head is None:
        return None
    at = _passed(text, head.end(), lex)
    if clause := _IF_NOT_EXISTS.match(text, at):
        at = _passed(text, clause.end(), lex)
    found = lex.name.match(text, at)
    if found is None:
        return None
    name = parse_name(found.group(), lex)
    rest = text[found.end() :]
    if like := _LIKE.match(rest, _passed(rest, 0, lex)):
        other = lex.name.match(rest, _passed(rest, like.end(), lex))
        source = parse_name(other.group(), lex) if other else None
        return name, TableDefinition(name.text, like=source)
    if part := _PARTITION_OF.match(rest, _passed(rest, 0, lex)):
        parent = lex.name.match(rest, _passed(rest, part.end(), lex))
        if parent is not None:
            whole = parse_name(parent.group(), lex)
            return name, TableDefinition(name.text, inherits=(whole,))
    items = _items(rest, lex)
    parts, after = _parts(items)
    columns = _keyed([c for part in parts if (c := _column(part, lex))], parts, lex)
    return name, TableDefinition(
        name.text, tuple(columns), _table_comment(after, lex), inherits=_parents(after, lex)
    )


def _parents(after: list[Item], lex: Lexicon) -> tuple[Name, ...]:
    """The tables of PostgreSQL's ``INHERITS (a, public.b)``."""
    if [text.lower() for _, text in after[:2]] != [b"inherits", b"("]:
        return ()
    parts, _ = _parts(after[1:])
    return tuple(parse_name(b"".join(text for _, text in part), lex) for part in parts)


def _passed(text: bytes, at: int, lex: Lexicon) -> int:
    space = lex.space.match(text, at)
    return space.end() if space else at


def _parts(items: list[Item]) -> tuple[list[list[Item]], list[Item]]:
    """What stands between the commas of the first parentheses, and what stands after them."""
    start = next((i for i, item in enumerate(items) if item[1] == b"("), None)
    if start is None or any(item[1].lower() in (b"as", b"select") for item in items[:start]):
        return [], items
    parts: list[list[Item]] = [[]]
    depth = 0
    for i in range(start, len(items)):
        text = items[i][1] if items[i][0] == "op" else b""
        if text == b"(":
            depth += 1
            if depth == 1:
                continue
        elif text == b")":
            depth -= 1
            if depth == 0:
                return [part for part in parts if part], items[i + 1 :]
        elif text == b"," and depth == 1:
            parts.append([])
            continue
        parts[-1].append(items[i])
    return [part for part in parts if part], []


def _column(part: list[Item], lex: Lexicon) -> ColumnDefinition | None:
    kind, raw = part[0]
    if kind == "word" and raw.lower() in _NO_COLUMN and not _is_column_after_all(part):
        return None
    if kind not in ("word", "double", "quoted", "number"):
        return None
    name = parse_name(raw, lex).parts
    if not name:
        return None
    words, at, depth = [], 1, 0
    while at < len(part):
        item_kind, text = part[at]
        ends = not depth and item_kind == "word" and text.lower() in _AFTER_TYPE
        # "varchar(10) FOR BIT DATA" is a type.
        if ends and [t.lower() for _, t in part[at : at + 2]] != [b"for", b"bit"]:
            break
        if text == b"(":
            depth += 1
        elif text == b")":
            depth -= 1
        words.append(text)
        at += 1
    type_text = _written(words)
    rest = part[at:]
    lowered = [text.lower() for _, text in rest]
    generated = b"identity" in lowered or b"as" in lowered or (not type_text and b"as" in lowered)
    return ColumnDefinition(
        name=name[-1],
        type=type_text,
        nullable=not _follows(lowered, b"not", b"null") and b"primary" not in lowered,
        comment=_comment(rest, lex),
        default=_default(rest),
        primary_key=b"primary" in lowered,
        generated=generated,
    )


def _is_column_after_all(part: list[Item]) -> bool:
    """``key varchar(20)`` and ``index int`` are columns where their database allows it."""
    word = part[0][1].lower()
    if word not in (b"key", b"index", b"check", b"period", b"partition", b"like") or len(part) < 2:
        return False
    kind, following = part[1]
    if len(part) > 3 and part[2][1] == b"(" and part[3][0] != "number":
        # KEY date (date)
        return False
    types = rb"(?:var)?char|text|int|bigint|smallint|decimal|numeric|date|timestamp|boolean|integer"
    return kind == "word" and re.match(types, following, re.IGNORECASE) is not None


def _follows(words: list[bytes], first: bytes, second: bytes) -> bool:
    return any(a == first and b == second for a, b in pairwise(words))


def _written(words: list[bytes]) -> str:
    text = b" ".join(words)
    text = re.sub(rb"\s*([(),.])\s*", rb"\1", text)
    text = re.sub(rb"\)(?=\w)", b") ", text)
    return text.decode("utf-8", "backslashreplace")


def _comment(items: list[Item], lex: Lexicon) -> str:
    for i, (kind, text) in enumerate(items[:-1]):
        if kind == "word" and text.lower() == b"comment":
            at = i + 2 if items[i + 1][1] == b"=" else i + 1
            if at < len(items) and items[at][0] == "string":
                return _string(items[at][1], lex)
    return ""


_table_comment = _comment


def _string(raw: bytes, lex: Lexicon) -> str:
    try:
        value = Evaluator(lex).literal(raw).value
    except NotLiteral:
        value = raw
    return value.decode("utf-8", "backslashreplace")


def _default(items: list[Item]) -> str:
    words: list[bytes] = []
    depth, taking = 0, False
    for kind, text in items:
        if (
            not depth
            and taking
            and kind == "word"
            and words
            and text.lower() in _AFTER_TYPE - {b"null"}
        ):
            break
        if taking:
            depth += (text == b"(") - (text == b")")
            words.append(text)
        elif kind == "word" and text.lower() == b"default":
            taking = True
    return _written(words)


def _keyed(
    columns: list[ColumnDefinition], parts: list[list[Item]], lex: Lexicon
) -> list[ColumnDefinition]:
    """The columns with those of a separate ``PRIMARY KEY (a, b)`` marked."""
    keys: set[str] = set()
    for part in parts:
        lowered = [text.lower() for _, text in part]
        if lowered[0] in (b"primary", b"constraint") and _follows(lowered, b"primary", b"key"):
            try:
                start = lowered.index(b"(")
            except ValueError:
                continue
            for kind, text in part[start:]:
                if kind in ("word", "double", "quoted") and (named := parse_name(text, lex).parts):
                    keys.add(named[-1].casefold())
    return [
        replace(c, primary_key=True, nullable=False) if c.name.casefold() in keys else c
        for c in columns
    ]


_ALTER_ADD = re.compile(rb"ALTER\s+TABLE\s+(?:ONLY\s+)?(?:IF\s+EXISTS\s+)?", re.IGNORECASE)
_COMMENT_ON = re.compile(rb"COMMENT\s+ON\s+(TABLE|COLUMN)\s+", re.IGNORECASE)


def parse_added_columns(text: bytes, lex: Lexicon) -> tuple[Name, list[ColumnDefinition]] | None:
    """The columns that an ``ALTER TABLE … ADD`` adds; None where it adds none."""
    head = _ALTER_ADD.match(text)
    found = lex.name.match(text, head.end()) if head else None
    if found is None:
        return None
    items = _items(text[found.end() :], lex)
    added: list[ColumnDefinition] = []
    for clause in _clauses(items):
        words = [t.lower() for _, t in clause]
        if words[:1] != [b"add"]:
            continue
        clause = clause[1:]
        if clause and clause[0][1].lower() == b"column":
            clause = clause[1:]
        if [t.lower() for _, t in clause[:3]] == [b"if", b"not", b"exists"]:
            clause = clause[3:]
        if clause and clause[0][1] == b"(":
            parts, _ = _parts(clause)
        else:
            parts = [clause] if clause else []
        for part in parts:
            column = _column(part, lex)
            if column is not None and column.type:
                added.append(column)
    return (parse_name(found.group(), lex), added) if added else None


def parse_added_key(text: bytes, lex: Lexicon) -> tuple[Name, list[str]] | None:
    """The columns that an ``ALTER TABLE … ADD … PRIMARY KEY (…)`` makes the key."""
    altered = _altered(text, lex)
    if altered is None:
        return None
    for clause in altered[1]:
        lowered = [t.lower() for _, t in clause]
        if lowered[:1] == [b"add"] and _follows(lowered, b"primary", b"key") and b"(" in lowered:
            names = [
                parsed[-1]
                for kind, raw in clause[lowered.index(b"(") :]
                if kind in ("word", "double", "quoted") and (parsed := parse_name(raw, lex).parts)
            ]
            return altered[0], names
    return None


@dataclass(frozen=True)
class MovedColumns:
    """What an ALTER TABLE does to the columns that are there.

    Attributes:
        table: its name.
        dropped: names of columns that go.
        renamed: old and new names.
        unclear: columns change their order.
    """

    table: Name
    dropped: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    unclear: bool

    @property
    def shifts(self) -> bool:
        """A value without a column's name goes elsewhere afterwards."""
        return bool(self.dropped) or self.unclear

    def applied(self, definition: TableDefinition) -> TableDefinition:
        """The definition with its columns dropped and renamed."""
        gone = {name.casefold() for name in self.dropped}
        new = {old.casefold(): name for old, name in self.renamed}
        return replace(
            definition,
            columns=tuple(
                replace(c, name=new.get(c.name.casefold(), c.name))
                for c in definition.columns
                if c.name.casefold() not in gone
            ),
        )


_NOT_DROPPED = frozenset({
    b"constraint", b"primary", b"foreign", b"index", b"key", b"check", b"partition", b"default",
    b"period", b"subpartition", b"unique", b"not", b"identity", b"expression", b"system",
})  # fmt: skip


def parse_moved_columns(text: bytes, lex: Lexicon) -> MovedColumns | None:
    """The columns that an ALTER TABLE drops, renames or moves; None where it does not."""
    altered = _altered(text, lex)
    if altered is None:
        return None
    dropped: list[str] = []
    renamed: list[tuple[str, str]] = []
    unclear = dropping = False
    for clause in altered[1]:
        words = [t.lower() for _, t in clause]
        # SQL Server: DROP COLUMN a, b
        goes_on = dropping and len(words) == 1
        dropping = dropping and goes_on
        if words[:1] == [b"drop"] and words[1:2] and words[1] not in _NOT_DROPPED:
            rest = clause[2:] if words[1] == b"column" else clause[1:]
            if [t.lower() for _, t in rest[:2]] == [b"if", b"exists"]:
                rest = rest[2:]
            listed = [item for item in rest if item[0] in ("word", "double", "quoted")]
            inside = rest[:1] == [("op", b"(")]
            dropped += [_last(raw, lex) for _, raw in (listed if inside else listed[:1])]
            dropping = words[1] == b"column"
        elif goes_on:
            dropped.append(_last(clause[0][1], lex))
        elif words[:1] == [b"rename"] and b"to" in words[2:]:
            rest = clause[2:] if words[1] == b"column" else clause[1:]
            if len(rest) == 3:
                renamed.append((_last(rest[0][1], lex), _last(rest[2][1], lex)))
        elif words[:1] == [b"change"]:
            rest = clause[2:] if words[1:2] == [b"column"] else clause[1:]
            if len(rest) > 1:
                renamed.append((_last(rest[0][1], lex), _last(rest[1][1], lex)))
        if words[:1] in ([b"change"], [b"modify"], [b"add"]) and (
            words[-1] == b"first" or words[-2:-1] == [b"after"]
        ):
            unclear = True
    if not (dropped or renamed or unclear):
        return None
    return MovedColumns(altered[0], tuple(dropped), tuple(renamed), unclear)


def _last(raw: bytes, lex: Lexicon) -> str:
    parts = parse_name(raw, lex).parts
    return parts[-1] if parts else ""


def reshapes_columns(text: bytes, lex: Lexicon) -> tuple[Name, str] | None:
    """The table and kind of change where an ALTER TABLE drops or renames columns or the table."""
    altered = _altered(text, lex)
    if altered is None:
        return None
    for clause in altered[1]:
        words = [t.lower() for _, t in clause]
        if words[:2] in ([b"drop", b"column"], [b"rename", b"column"]) or words[:1] == [b"change"]:
            return altered[0], "alter"
        if words[:1] == [b"rename"] and words[1:2] not in ([b"key"], [b"index"], [b"constraint"]):
            return altered[0], "rename"
    return None


def _altered(text: bytes, lex: Lexicon) -> tuple[Name, list[list[Item]]] | None:
    head = _ALTER_ADD.match(text)
    found = lex.name.match(text, head.end()) if head else None
    if found is None:
        return None
    return parse_name(found.group(), lex), _clauses(_items(text[found.end() :], lex))


def _clauses(items: list[Item]) -> list[list[Item]]:
    clauses: list[list[Item]] = [[]]
    depth = 0
    for kind, text in items:
        if kind == "op":
            depth += (text == b"(") - (text == b")")
            if text == b"," and not depth:
                clauses.append([])
                continue
        clauses[-1].append((kind, text))
    return [c for c in clauses if c]


def parse_comment_on(text: bytes, lex: Lexicon) -> tuple[Name, str, str] | None:
    """Table, column ("" for the table's own) and text of a ``COMMENT ON``."""
    head = _COMMENT_ON.match(text)
    found = lex.name.match(text, head.end()) if head else None
    if head is None or found is None:
        return None
    items = _items(text[found.end() :], lex)
    if len(items) < 2 or items[0][1].lower() != b"is" or "string" not in items[1][0]:
        return None
    name = parse_name(found.group(), lex)
    comment = _string(items[1][1], lex)
    if head.group(1).upper() == b"TABLE":
        return name, "", comment
    return Name(name.parts[:-1], name.quoted[:-1]), name.parts[-1], comment


_VIEW = re.compile(rb"CREATE\b.*?\bVIEW\b", re.IGNORECASE | re.DOTALL)
_DROP = re.compile(rb"DROP\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?", re.IGNORECASE)
_AFTER_DROPPED = re.compile(rb"(?:CASCADE|RESTRICT|PURGE)\b", re.IGNORECASE)


def parse_view(text: bytes, lex: Lexicon) -> Name | None:
    """The name of the view that a CREATE VIEW makes."""
    head = _VIEW.match(text)
    if head is None:
        return None
    at = _passed(text, head.end(), lex)
    if clause := _IF_NOT_EXISTS.match(text, at):
        at = _passed(text, clause.end(), lex)
    found = lex.name.match(text, at)
    return parse_name(found.group(), lex) if found else None


def parse_dropped(text: bytes, lex: Lexicon) -> list[Name]:
    """The names of the tables that a DROP TABLE drops."""
    head = _DROP.match(text)
    names: list[Name] = []
    at = _passed(text, head.end(), lex) if head else len(text)
    while (found := lex.name.match(text, at)) and not _AFTER_DROPPED.match(text, at):
        names.append(parse_name(found.group(), lex))
        at = _passed(text, found.end(), lex)
        if text[at : at + 1] != b",":
            break
        at = _passed(text, at + 1, lex)
    return names


def is_from_query(text: bytes, lex: Lexicon) -> bool:
    """Whether a CREATE TABLE takes its rows from a query (``… AS SELECT``)."""
    depth = 0
    for kind, item in _items(text, lex):
        depth += (item == b"(") - (item == b")")
        if not depth and kind == "word" and item.upper() in (b"SELECT", b"EXECUTE"):
            return True
    return False


_PROPERTY = re.compile(rb"@(value|level[012]name)\s*=\s*(N?'(?:[^']|'')*')", re.IGNORECASE)
_UNNAMED = re.compile(rb"N?'(?:[^']|'')*'|\bNULL\b", re.IGNORECASE)


def parse_property(text: bytes, lex: Lexicon) -> tuple[Name, str, str] | None:
    """Table, column and comment of SQL Server's ``sp_addextendedproperty 'MS_Description'``."""
    said = {m.group(1).lower(): _string(m.group(2), lex) for m in _PROPERTY.finditer(text)}
    if not said:
        # name, value, 'SCHEMA', schema, 'TABLE', table, 'COLUMN', column
        given = [_string(m.group(), lex) for m in _UNNAMED.finditer(text)]
        keys = (b"", b"value", b"", b"level0name", b"", b"level1name", b"", b"level2name")
        said = dict(zip(keys, given, strict=False))
    schema, table = said.get(b"level0name", ""), said.get(b"level1name", "")
    if not table:
        return None
    parts = tuple(part for part in (schema, table) if part)
    name = Name(parts, (True,) * len(parts))
    return name, said.get(b"level2name", ""), said.get(b"value", "")


def kinds_of(definition: TableDefinition | None, columns: list[str], dialect: str) -> list[str]:
    """The kind of each of ``columns``, by the table's definition where there is one."""
    defined = definition.columns if definition else ()
    exact = {c.name: c.type for c in defined}
    types = {c.name.casefold(): c.type for c in defined}
    return [column_kind(exact.get(c, types.get(c.casefold(), "")), dialect) for c in columns]
