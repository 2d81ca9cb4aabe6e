"""Which elements of an XML file are records, and which cells they have.

Repeated elements are records, each kind a table of its own, named by its path below the root
(``customer``, ``customers.customer``, ``invoice.lines.line``). What is not repeated belongs to
the record it stands in: attributes as ``@name``, nested elements as dotted names. So does what
the root holds once: the root is then a record itself (an invoice, with its lines as a table).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ispmig_pipelines.formats.csv.dialect import column_names
from ispmig_pipelines.formats.xml.options import names_element
from ispmig_pipelines.formats.xml.structure import Node

TABLES = "urn:ispmig:tables"
"""Namespace of the root that :mod:`ispmig_pipelines.formats.xml.writer` writes."""

PARENT_RECORD = "_parent_record"
"""Column of a nested table: the ordinal of the record that its record stands in."""

POSITION = "_position"
"""Column of a nested table: which of its parent's records of this kind it is, from 1."""

_PARENT = "_parent_"
_MOST_PARENT_KEYS = 8
_DATA_ROOTS = frozenset(("dataroot", "dataset", "newdataset"))
"""Roots of Access, DBUnit and ADO.NET, below which there are tables and nothing else."""

_KEY_WORDS = frozenset(
    ("id", "no", "nr", "num", "number", "code", "key", "uuid", "guid", "ref", "reference")
) | {"login", "username", "account"}


@dataclass(frozen=True)
class Cell:
    """Where a cell comes from.

    Attributes:
        tags: the elements on the way to it from its record, as lxml writes their names.
        attribute: name of the attribute as lxml writes it, or "" for the element's text.
    """

    tags: tuple[str, ...]
    attribute: str


@dataclass
class Table:
    """One kind of records.

    Attributes:
        name: the path below the root; the root's own name for the root.
        node: its elements.
        path: the elements from the root (left out) to its own, as lxml writes their names.
        way: the names from the root to its own; kinds: places in it of names that stand in
            the file as names of tables, or of what holds tables.
        kind_is_row: the element of the last of those is a record itself.
        parent: the table whose records hold its records, None for those that stand alone.
        columns: names, unique and in order.
        parent_keys: places in ``parent.cells`` whose cells stand in this table, too.
        cells: where the columns after the parent's come from.
    """

    name: str
    node: Node
    path: tuple[str, ...]
    parent: Table | None = None
    columns: list[str] = field(default_factory=list)
    parent_keys: list[int] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    way: tuple[str, ...] = ()
    kinds: tuple[int, ...] = ()
    kind_is_row: bool = False

    @property
    def is_root(self) -> bool:
        return not self.path

    @property
    def only_parts(self) -> bool:
        """It is no table of its own: its elements only tell apart the records in them."""
        return not self.columns and not self.is_root

    @property
    def holder(self) -> str:
        """What holds the table, as the file names it: a database. "" where it does not."""
        return self.way[self.kinds[-2]] if len(self.kinds) > 1 else ""

    @property
    def title(self) -> str:
        """Its name: its path below the root, or from where the file itself names a table."""
        if not self.kinds:
            return ".".join(self.way[1:]) or self.name
        last = self.kinds[-1]
        behind = self.way[last + 1 :]
        # The rows of a table that has a name need none of their own.
        return ".".join((self.way[last], *(behind[1:] if not self.kind_is_row else behind)))


def find_tables(root: Node, record: str = "") -> list[Table]:
    """The tables of a document, those that stand alone first, each followed by its own.

    Args:
        record: which elements are records, as a spec writes it; "" to find them. Only their
            tables are given, and those inside them.
    """
    top = Table(root.name, root, (), way=(root.name,))
    records: dict[int, Table] = {id(root): top}
    tables: list[Table] = []
    _Descent(root, record, records, tables).into(root, top, _Way((), (root.name,)))
    for table in tables:
        _gather(table, records)
    _gather(top, records)
    if any(cell.tags for cell in top.cells) or not any(table.cells for table in tables):
        tables.insert(0, top)
    listed = [table for table in tables if table.cells]
    for table in tables:
        while table.parent is not None and not (table.parent in listed or _parts(table.parent)):
            # A parent that stands once, without any cell of its own, only keeps records together.
            table.parent = table.parent.parent
    # Of one that tells its records apart there are rows where they lead further up.
    listed = [table for table in tables if table in listed or (_parts(table) and table.parent)]
    for table in listed:
        _link(table)
    if record:
        listed = [table for table in listed if _is_chosen(table, record)]
    for table, name in zip(listed, column_names(_table_names(listed)), strict=True):
        # Namespaces without a prefix can give two kinds of records the same name.
        table.name = name
    return listed


def _parts(table: Table) -> bool:
    """Whether the records inside it are to be told apart by which one of its own they stand in,
    although it has no cells."""
    return table.node.repeated and not table.node.is_kind


@dataclass(frozen=True)
class _Way:
    """The way from the root to some elements; see :class:`Table`."""

    path: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[int, ...] = ()
    kind_is_row: bool = False


class _Descent:
    """The walk through the paths of a document that finds its tables."""

    def __init__(
        self, root: Node, record: str, records: dict[int, Table], tables: list[Table]
    ) -> None:
        """``records`` and ``tables`` are filled: by the identity of a node, and in order."""
        self._record = record
        self._records = records
        self._tables = tables
        self._one_each = _holds_one_record_each(root)
        # Our own writer's: whatever stands below the root is a record.
        self._all_records = root.uri == TABLES

    def into(self, node: Node, owner: Table, way: _Way) -> None:
        """Finds the tables below ``node``, which belong to the records of ``owner``."""
        prefixes = _child_names(node)
        for key, child in node.children.items():
            if child.ignored:
                continue
            called = (*way.names, prefixes[key])
            is_record = self._is_record(node, child, called, is_root=not way.path)
            below = _Way((*way.path, child.tag), called, way.kinds, way.kind_is_row)
            if child.naming and child.is_kind:
                below = _Way(below.path, called, (*way.kinds, len(called) - 1), is_record)
            if is_record:
                table = Table(
                    "", child, below.path, owner, way=called, kinds=below.kinds,
                    kind_is_row=below.kind_is_row,
                )  # fmt: skip
                self._records[id(child)] = table
                self._tables.append(table)
                self.into(child, table, below)
            else:
                self.into(child, owner, below)

    def _is_record(
        self, parent: Node, child: Node, called: tuple[str, ...], *, is_root: bool
    ) -> bool:
        if self._record and names_element(self._record, called):
            return True
        return (
            child.repeated
            or (is_root and self._all_records)
            or any(inner.naming and not inner.is_kind for inner in child.children.values())
            or (is_root and self._one_each and bool(child.children or child.own_attributes))
            or _lone_record(parent, child, is_root=is_root)
        )


def _holds_one_record_each(root: Node) -> bool:
    """Whether the root holds nothing but records of several kinds, some of them only once.

    Access, DBUnit and ADO.NET write all tables of a database beside each other.
    """
    children = [child for child in root.children.values() if not child.ignored]
    if root.text or any(child.is_leaf and not child.own_attributes for child in children):
        return False
    if root.name.lower() in _DATA_ROOTS:
        return True
    repeated = [child for child in children if child.repeated]
    return bool(repeated) and all(_is_flat(child) for child in children)


def _is_flat(node: Node) -> bool:
    """Whether it holds texts and attributes only, as a row of a table does."""
    return not node.text and all(
        child.is_leaf and not child.repeated for child in node.children.values()
    )


def _is_chosen(table: Table, record: str) -> bool:
    one: Table | None = table
    while one is not None:
        if names_element(record, one.way):
            return True
        one = one.parent
    return False


def _table_names(tables: list[Table]) -> list[str]:
    """Names of tables: their paths, or what the file itself calls them."""
    several = len({table.holder for table in tables if table.holder}) > 1
    return [
        f"{table.holder}.{table.title}" if several and table.holder else table.title
        for table in tables
    ]


def _lone_record(parent: Node, child: Node, *, is_root: bool) -> bool:
    """Whether ``child`` is a record although no file of two was seen: ``<customers>`` with one
    ``<customer>`` in it."""
    if len(parent.children) != 1 or parent.text or (parent.attributes and not is_root):
        return False
    if is_root and (child.children or child.own_attributes):
        return True
    many, one = parent.name.lower(), child.name.lower()
    return (many != one and many.startswith(one)) or (
        one.endswith("y") and many == one.removesuffix("y") + "ies"
    )


def _child_names(node: Node) -> dict[tuple[str, ...], str]:
    """Names of the children: local ones, with the prefix where two namespaces have the same."""
    called = [child.called for child in node.children.values()]
    return {
        key: f"{child.prefix}:{child.called}"
        if child.prefix and not child.naming and called.count(child.called) > 1
        else child.called
        for key, child in node.children.items()
    }


def _named(keys: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    local = [name for _, name in keys]
    return {
        (uri, name): f"{prefix}:{name}" if local.count(name) > 1 and prefix else name
        for (uri, name), prefix in keys.items()
    }


def _gather(table: Table, records: dict[int, Table]) -> None:
    """Fills in the table's cells and the names of their columns."""
    found: list[tuple[str, Cell]] = []
    _cells(table.node, "", (), found, records)
    table.names = column_names([name for name, _ in found])
    table.cells = [cell for _, cell in found]
    table.columns = table.names


def _cells(
    node: Node,
    name: str,
    tags: tuple[str, ...],
    found: list[tuple[str, Cell]],
    records: dict[int, Table],
) -> None:
    dotted = f"{name}." if name else ""
    for (uri, local), called in _named(node.own_attributes).items():
        attribute = f"{{{uri}}}{local}" if uri else local
        found.append((f"{dotted}@{called}", Cell(tags, attribute)))
    if node.text or (node.is_leaf and not node.own_attributes and not node.is_kind):
        found.append((name or node.name, Cell(tags, "")))
    names = _child_names(node)
    for key, child in node.children.items():
        if id(child) not in records and not child.ignored:
            _cells(child, dotted + names[key], (*tags, child.tag), found, records)


def _link(table: Table) -> None:
    """Puts what leads back to its parent before the columns of a nested table."""
    if table.parent is None:
        return
    parent = table.parent
    keys = [
        i
        for i, (name, cell) in enumerate(zip(parent.names, parent.cells, strict=True))
        if len(cell.tags) + bool(cell.attribute) == 1 and _is_key(name)
    ]
    table.parent_keys = keys[:_MOST_PARENT_KEYS]
    keys_named = [_PARENT + parent.names[i].lstrip("@_") for i in table.parent_keys]
    carried = [PARENT_RECORD, POSITION, *keys_named]
    table.columns = column_names([*carried, *table.names])


def _is_key(name: str) -> bool:
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return bool(parts) and parts[-1].lower() in _KEY_WORDS
