"""Rows of cells without names: ``<row><cell>1</cell><cell>Ann</cell></row>``, or HTML's
``<tr><td>``.

A document is read so where it holds nothing but rows, where the children of a row all have one
name (or ``th`` and ``td``) and nothing but text in them, and where every row has as many. A row is
a record then: its columns have the names of the first row where that can be nothing but their
names, else ``cell_1`` and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ispmig_pipelines.formats.batching import Piece
from ispmig_pipelines.formats.csv.dialect import column_names
from ispmig_pipelines.formats.json.header import RowsSeen
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.xml.grids import Events, row_pieces
from ispmig_pipelines.formats.xml.structure import XSI, Node

ROWS_OF_CELLS = "rows of cells"

_SEPARATOR = "\x1f"
_NIL = f"{XSI}{_SEPARATOR}nil"
_SECTIONS = frozenset(("thead", "tbody", "tfoot"))
_HTML = frozenset(("table", "tr", "th", "td")) | _SECTIONS
_LOOKS = frozenset(
    ("class", "style", "id", "align", "valign", "width", "height", "bgcolor", "border", "scope")
) | {"cellpadding", "cellspacing", "nowrap"}
"""Attributes of HTML that say how a cell looks, and hold no data."""


@dataclass(frozen=True)
class CellRows:
    """Where the rows of a document are.

    Attributes:
        way: names of the elements from the one below the root to a row.
        row, cells: names of the elements as expat tells them.
    """

    way: tuple[str, ...]
    row: str
    cells: frozenset[str]


@dataclass(frozen=True)
class CellTable:
    """A table of such rows; ``headed``: its first row holds the names of its columns."""

    name: str
    columns: list[str]
    rows: CellRows
    headed: bool


def cell_rows(root: Node) -> CellRows | None:
    """The rows of a document that holds nothing but such, by its structure."""
    node = root
    way: tuple[str, ...] = ()
    while True:
        if node.text or (node is not root and not _holds_no_attribute(node)):
            return None
        children = list(node.children.values())
        if any(child.naming or child.ignored for child in children):
            return None
        if children and all(child.name in _SECTIONS for child in children):
            rows = [row for child in children for row in child.children.values()]
            if not all(_holds_no_attribute(child) and not child.text for child in children):
                return None
            return _rows(rows, way)
        if len(children) != 1:
            return None
        [child] = children
        if child.repeated:
            return _rows([child], way)
        node, way = child, (*way, child.called)


def _rows(rows: list[Node], way: tuple[str, ...]) -> CellRows | None:
    cells = [cell for row in rows for cell in row.children.values()]
    if len({_raw(row) for row in rows}) != 1 or not any(cell.repeated for cell in cells):
        return None
    if any(row.text or row.naming or not _holds_no_attribute(row) for row in rows):
        return None
    if not all(
        cell.is_leaf and not cell.naming and not cell.ignored and _holds_no_attribute(cell)
        for cell in cells
    ):
        return None
    names = {cell.name for cell in cells}
    if len(names) > 1 and not names <= {"th", "td"}:
        return None
    return CellRows((*way, rows[0].called), _raw(rows[0]), frozenset(map(_raw, cells)))


def _raw(node: Node) -> str:
    return f"{node.uri}{_SEPARATOR}{node.name}" if node.uri else node.name


def _holds_no_attribute(node: Node) -> bool:
    looks = _LOOKS if node.name in _HTML else frozenset[str]()
    return all(name in looks and not uri for uri, name in node.own_attributes)


Row = tuple[int, list[str | None], bool]
"""Line, cells (None for one that says ``xsi:nil``), and whether all of them are ``th``."""


class _RowEvents(Events):
    def __init__(self, path: str, limits: ReadLimits, rows: CellRows) -> None:
        super().__init__(path, limits)
        self._rows = rows
        self._cells: list[str | None] = []
        self._line = 0
        self._heads = 0
        self._nil = False

    def start(self, raw: str, attributes: dict[str, str]) -> None:
        if raw == self._rows.row:
            self._cells = []
            self._heads = 0
            self._line = self.parser.CurrentLineNumber
        elif raw in self._rows.cells:
            self._nil = attributes.get(_NIL, "").strip() in ("true", "1")
            self.listen()

    def end(self, raw: str) -> None:
        if raw == self._rows.row:
            self.found.append((self._line, self._cells, self._heads == len(self._cells)))
        elif raw in self._rows.cells:
            text = self.heard()
            self._cells.append(None if self._nil else text)
            self._heads += raw.rpartition(_SEPARATOR)[2] == "th"
            if len(self._cells) > self._limits.max_columns:
                raise self.too_wide()


def _read(path: str, limits: ReadLimits, blocks: Iterable[bytes], rows: CellRows) -> Iterator[Row]:
    yield from _RowEvents(path, limits, rows).through(blocks)


def cell_table(
    path: str, limits: ReadLimits, blocks: Iterable[bytes], rows: CellRows
) -> CellTable | None:
    """The table of such rows; None where they are not all as wide, or only one.

    Raises:
        SourceError: a row goes beyond a limit.
    """
    seen = RowsSeen()
    heads = 0
    first_is_head = False
    width = 0
    for _, cells, is_head in _read(path, limits, blocks, rows):
        if not seen.count:
            width, first_is_head = len(cells), is_head
        if len(cells) != width or width < 2:
            return None
        heads += is_head
        seen.observe(cells)
    if seen.count < 2:
        return None
    headed = (first_is_head and heads == 1) or seen.is_header()
    cell = sorted(rows.cells)[0].rpartition(_SEPARATOR)[2]
    numbered = [f"{cell}_{i}" for i in range(1, width + 1)]
    names = numbered
    if headed and seen.first is not None:
        said = [(text or "").strip() for text in seen.first]
        names = [name or number for name, number in zip(said, numbered, strict=True)]
    return CellTable(".".join(rows.way), column_names(names), rows, headed)


def cell_pieces(
    path: str, limits: ReadLimits, blocks: Iterable[bytes], table: CellTable
) -> Iterator[Piece]:
    """The records of such a table."""
    rows = _read(path, limits, blocks, table.rows)
    if table.headed:
        next(rows)
    return row_pieces(((line, cells) for line, cells, _ in rows), table.columns)
