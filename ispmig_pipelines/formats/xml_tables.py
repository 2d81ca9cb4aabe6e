"""Which elements of an XML file are records, and which cells they have.

Repeated elements are records, each kind a table of its own, named by its path below the root
(``customer``, ``customers.customer``, ``invoice.lines.line``). What is not repeated belongs to
the record it stands in: attributes as ``@name``, nested elements as dotted names. So does what
the root holds once: the root is then a record itself (an invoice, with its lines as a table).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ispmig_pipelines.formats.csv_dialect import column_names
from ispmig_pipelines.formats.xml_structure import Node

PARENT_RECORD = "_parent_record"
"""Column of a nested table: the ordinal of the record that its record stands in."""

POSITION = "_position"
"""Column of a nested table: which of its parent's records of this kind it is, from 1."""

_PARENT = "_parent_"
_MOST_PARENT_KEYS = 8
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

    @property
    def is_root(self) -> bool:
        return not self.path


def find_tables(root: Node) -> list[Table]:
    """The tables of a document, those that stand alone first, each followed by its own."""
    top = Table(root.name, root, ())
    records: dict[int, Table] = {id(root): top}
    tables: list[Table] = []
    _descend(root, (), (), top, records, tables)
    for table in tables:
        _gather(table, records)
    _gather(top, records)
    if any(cell.tags for cell in top.cells) or not any(table.cells for table in tables):
        tables.insert(0, top)
    listed = [table for table in tables if table.cells]
    for table in listed:
        while table.parent is not None and table.parent not in listed:
            # A parent without any cell of its own only keeps its records together.
            table.parent = table.parent.parent
        _link(table)
    for table, name in zip(listed, column_names([table.name for table in listed]), strict=True):
        # Namespaces without a prefix can give two kinds of records the same name.
        table.name = name
    return listed


def _descend(
    node: Node,
    path: tuple[str, ...],
    names: tuple[str, ...],
    owner: Table,
    records: dict[int, Table],
    tables: list[Table],
) -> None:
    prefixes = _child_names(node)
    for key, child in node.children.items():
        below, called = (*path, child.tag), (*names, prefixes[key])
        if child.repeated or _lone_record(node, child, is_root=not path):
            table = Table(".".join(called), child, below, parent=owner)
            records[id(child)] = table
            tables.append(table)
            _descend(child, below, called, table, records, tables)
        else:
            _descend(child, below, called, owner, records, tables)


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


def _child_names(node: Node) -> dict[tuple[str, str], str]:
    """Local names, with the prefix where two namespaces have the same one."""
    return _named({key: child.prefix for key, child in node.children.items()})


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
    for key, called in _named(node.own_attributes).items():
        attribute = f"{{{key[0]}}}{key[1]}" if key[0] else key[1]
        found.append((f"{dotted}@{called}", Cell(tags, attribute)))
    if node.text or (node.is_leaf and not node.own_attributes):
        found.append((name or node.name, Cell(tags, "")))
    names = _child_names(node)
    for key, child in node.children.items():
        if id(child) not in records:
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
