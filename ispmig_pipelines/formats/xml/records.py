"""The records of one table of an XML file, streamed with lxml.

The tree grows block by block and is harvested behind the parser: of every element that is
still open, all children but the last are complete. Those that are records are read, and all of
them are dropped, so that the tree holds no more than one record and one block.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.xml.mould import NIL, Mould, Nest, NestedMould, mouldable
from ispmig_pipelines.formats.xml.structure import BEHIND_TAG, XSI, Node
from ispmig_pipelines.formats.xml.tables import Table

_NIL = f"{{{XSI}}}nil"

Naming = Mapping[str, str]
"""The attribute that tells elements of a tag apart, by tag."""

Row = list[str | None]

_RUN = "ispmig-run"
"""Element that stands in the tree for records that were taken out of the text before it."""


@dataclass(frozen=True)
class Rows:
    """Some records: their cells column by column, their lines, and how many lines they fill."""

    columns: list[Sequence[str | None]]
    lines: Sequence[int | None]
    height: int = 0


def _gathered(rows: list[tuple[Row, int | None]]) -> Iterator[Rows]:
    """The rows, which are taken out of their list."""
    if rows:
        cells, lines = zip(*rows, strict=True)
        rows.clear()
        yield Rows(list(zip(*cells, strict=True)), lines)


def _naming(root: Node) -> Naming:
    found: dict[str, str] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.naming:
            found[node.tag.partition(BEHIND_TAG)[0]] = node.naming
        waiting.extend(node.children.values())
    return found


def _tag_of(element: etree._Element, naming: Naming) -> str:
    """The tag of an element, with the value that tells it apart."""
    tag: str = element.tag
    attribute = naming.get(tag)
    value = None if attribute is None else element.get(attribute)
    return tag if value is None else f"{tag}{BEHIND_TAG}{value}"


class _Plan:
    """How the cells of one element are read.

    Attributes:
        text: place of the cell of its text, -1 for none.
        attributes: name and place of each attribute that is a cell.
        children: tag → place of a child of nothing but text, or the child's own plan.
        nillable: it may say ``xsi:nil``.
    """

    __slots__ = ("attributes", "children", "nillable", "text")

    def __init__(self, *, nillable: bool) -> None:
        self.text = -1
        self.attributes: list[tuple[str, int]] = []
        self.children: dict[str, int | _Plan] = {}
        self.nillable = nillable


def _plan(table: Table, places: Iterable[int] | None = None) -> _Plan:
    """The plan of a record; of only some of its cells where ``places`` names them."""
    top = _Plan(nillable=table.node.nillable)
    known: dict[int, dict[str, Node]] = {}
    for place in range(len(table.cells)) if places is None else places:
        cell = table.cells[place]
        plan, node = top, table.node
        for tag in cell.tags:
            if id(node) not in known:
                known[id(node)] = {child.tag: child for child in node.children.values()}
            node = known[id(node)][tag]
            found = plan.children.get(tag)
            if not isinstance(found, _Plan):
                found = plan.children[tag] = _Plan(nillable=node.nillable)
            plan = found
        if cell.attribute:
            plan.attributes.append((cell.attribute, place))
        else:
            plan.text = place
    _simplify(top)
    return top


def _simplify(plan: _Plan) -> None:
    """Makes plain places of the children that are nothing but text: they are most of a file."""
    for tag, child in plan.children.items():
        if isinstance(child, _Plan):
            if child.attributes or child.children or child.nillable:
                _simplify(child)
            else:
                plan.children[tag] = child.text


def _fill(plan: _Plan, element: etree._Element, row: Row, naming: Naming) -> None:
    if plan.nillable and element.get(_NIL, "").strip() in ("true", "1"):
        # Nil is said of the content; attributes stand beside it.
        for name, place in plan.attributes:
            row[place] = element.get(name)
        if plan.text >= 0:
            row[plan.text] = NIL
        return
    for name, place in plan.attributes:
        row[place] = element.get(name)
    if plan.text >= 0:
        row[plan.text] = _text(element)
    children = plan.children
    if children:
        for child in element:
            found = children.get(_tag_of(child, naming) if naming else child.tag)
            if isinstance(found, int):
                row[found] = child.text or ""
            elif found is not None:
                _fill(found, child, row, naming)


def _text(element: etree._Element) -> str | None:
    """The text of an element; of one with elements inside all of it, in order."""
    if len(element) == 0:
        return element.text or ""
    own = (element.text or "") + "".join(child.tail or "" for child in element)
    if not own.strip(" \t\r\n"):
        return None
    return "".join(element.itertext())


_ROWS_AT_ONCE = 4_096
_MOST_MOULDS = 20


_groups = re.Match.groups


@dataclass(frozen=True)
class _NestedRun:
    """Records that were taken out of the text, which stand in others.

    Attributes:
        line: on which the outermost of them begin; height: how many lines those fill.
    """

    nest: Nest
    line: int
    height: int


_LAST_EXACT_LINE = 65_534


def _line(element: etree._Element) -> int | None:
    """The line on which an element's start tag ends; None where it is not known.

    libxml2 keeps exact lines of elements up to 65,534. Beyond, it gives the line on which the
    text ends that comes first: the element's own, its first child's, or the one behind it.
    """
    line = element.sourceline
    if line is None or line <= _LAST_EXACT_LINE:
        return line
    while not element.text:
        if not len(element):
            return line - element.tail.count("\n") if element.tail else None
        element = element[0]
    return line - element.text.count("\n")


@dataclass
class _Level:
    """One step from a record that stands alone to the records of the table read.

    Attributes:
        table: the records of this step.
        below: tags from a record of the step before to one of this.
        count: how many were seen.
    """

    table: Table
    below: tuple[str, ...]
    count: int = 0


class RecordStream:
    """The rows of one table, as the blocks of the document come in."""

    def __init__(
        self,
        path: str,
        root: Node,
        table: Table,
        limits: ReadLimits,
        *,
        root_row: Row | None = None,
        fast: bool = True,
    ) -> None:
        """Prepares to read.

        Args:
            root_row: the cells of the root's own record, where it is the table's parent.
            fast: records that are written alike may be read by an expression; both ways give
                the same records.
        """
        self._path = path
        self._root = root
        self._naming = _naming(root)
        self._limits = limits
        self._table = table
        self._root_row = root_row
        chain: list[Table] = [table]
        while (above := chain[0].parent) is not None and not (above.is_root or above.only_parts):
            chain.insert(0, above)
        # Of what holds the outermost records and is none itself: how deep it stands (0 for
        # nothing), the element met last, which one that was, and how many records it had.
        self._part_depth = len(above.path) if above is not None and above.only_parts else 0
        self._part: etree._Element | None = None
        self._part_count = 0
        self._part_held = 0
        self._levels: list[_Level] = []
        start = 0
        for one in chain:
            self._levels.append(_Level(one, one.path[start:]))
            start = len(one.path)
        self._plan = _plan(table)
        self._width = len(table.cells)
        self._key_plan: _Plan | None = None
        if table.parent is not None and table.parent_keys and not table.parent.is_root:
            self._key_plan = _plan(table.parent, table.parent_keys)
        self._held = 0
        self._harvested = 0
        self._fast = fast and mouldable(root, chain[0])
        self._mould: Mould | NestedMould | None = None
        self._trials = _MOST_MOULDS
        self._runs: dict[int, Rows | _NestedRun] = {}
        self._run_count = 0
        self._line = 1
        self._cut_lines = 0

    def rows(self, blocks: Iterable[bytes]) -> Iterator[Rows]:
        """The records, the parent's cells first, and the line each begins on.

        Raises:
            SourceError: the document breaks, or a record of it is too large.
        """
        parser = etree.XMLPullParser(
            events=("start",),
            tag=self._root.tag,
            encoding="UTF-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=True,
        )
        root: etree._Element | None = None
        found: list[tuple[Row, int | None]] = []
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for block in blocks:
                if self._fast:
                    block = self._cut(decoder.decode(block)).encode()
                parser.feed(block)
                if root is None:
                    root = next((element for _, element in parser.read_events()), None)
                    if root is None:
                        continue
                else:
                    for _ in parser.read_events():
                        pass
                before = self._harvested
                for one in self._harvest(root, 0, final=False):
                    if isinstance(one, Rows):
                        yield from _gathered(found)
                        yield one
                    else:
                        found.append(one)
                        if len(found) == _ROWS_AT_ONCE:
                            yield from _gathered(found)
                self._hold(len(block), moved=self._harvested != before)
            parser.close()
        except etree.XMLSyntaxError as error:
            line, column = error.position
            raise SourceError(
                f"{self._path} is not well-formed XML at line {line + self._cut_lines:,}, column "
                f"{column:,}. Nothing of it is read as if it were complete. Correct the export."
            ) from None
        if root is None:
            return
        if self._table.is_root:
            # An empty root is a document that no record was written into.
            if not self._root.is_empty:
                found.append((self._row(root, []), _line(root)))
        else:
            for one in self._harvest(root, 0, final=True):
                if isinstance(one, Rows):
                    yield from _gathered(found)
                    yield one
                else:
                    found.append(one)
        yield from _gathered(found)

    def _cut(self, text: str) -> str:
        """The text without the records that are alike, each run of them one element."""
        if self._mould is None:
            if self._trials:
                self._trials -= 1
                self._mould = self._made(text)
            if self._mould is None:
                self._line += text.count("\n")
                return text
        rest: list[str] = []
        # Of records that hold others the matches are needed; keeping all of them costs time.
        keep = (lambda found: found) if isinstance(self._mould, NestedMould) else _groups
        run: list[Any] = []
        lines: list[int] = []
        at = 0
        line = self._line
        for record in self._mould.find(text):
            start, end = record.span()
            between = text[at:start]
            end_line, line = line, line + between.count("\n")
            if run and between and not between.isspace():
                rest.append(self._run(run, lines, end_line, text))
                run, lines = [], []
            if not run:
                rest.append(between)
            run.append(keep(record))
            lines.append(line)
            line += text.count("\n", start, end)
            at = end
        if run:
            rest.append(self._run(run, lines, line, text))
        rest.append(text[at:])
        self._line = line + text.count("\n", at)
        left = sum(map(len, rest))
        if self._trials and left * 5 > len(text):
            # The records have changed; the next block makes another mould.
            self._mould = None
        return "".join(rest)

    def _made(self, sample: str) -> Mould | NestedMould | None:
        """A mould of what is known; None where the records cannot be made into one."""
        try:
            if len(self._levels) == 1:
                return Mould(self._table, sample)
            tables = [level.table for level in self._levels]
            return NestedMould(tables, [level.below for level in self._levels[1:]], sample)
        except ValueError:
            return None

    def _run(self, records: list[Any], lines: list[int], end_line: int, text: str) -> str:
        plain = "&" not in text and "\r" not in text
        height = end_line - lines[0]
        self._run_count += 1
        if isinstance(self._mould, NestedMould):
            try:
                nest = self._mould.nest(records, plain=plain)
            except ValueError:
                # The parser knows better.
                return text[records[0].start() : records[-1].end()]
            self._runs[self._run_count] = _NestedRun(nest, lines[0], height)
        else:
            assert self._mould is not None  # noqa: S101 - it found the records
            columns = self._mould.columns(records, plain=plain)
            self._runs[self._run_count] = Rows(columns, lines, height)
        return f'<{_RUN} n="{self._run_count}" xmlns=""/>'

    def _placed(self, run: Rows | _NestedRun) -> Rows:
        """The rows of a run, with what leads back to their parents; counts them."""
        if isinstance(run, Rows):
            size = len(run.lines)
            self._counted(size)
            if self._table.parent is None:
                return run
            back = self._before()
            position = int(back.pop(1) or 0) - size + 1
            same: list[Sequence[str | None]] = [[cell] * size for cell in back]
            same.insert(1, [str(position + i) for i in range(size)])
            return Rows([*same, *run.columns], run.lines, run.height)
        nest = run.nest
        before = self._levels[-2].count + 1
        for level, count in zip(self._levels, nest.counts, strict=True):
            level.count += count
        back_to: list[Sequence[str | None]] = [
            [str(before + parent) for parent in nest.parents],
            [str(position) for position in nest.positions],
            *([key[parent] for parent in nest.parents] for key in nest.keys),
        ]
        lines = [run.line + line for line in nest.lines]
        return Rows([*back_to, *nest.columns], lines, run.height)

    def _hold(self, size: int, *, moved: bool) -> None:
        self._held = 0 if moved else self._held + size
        if self._held > self._limits.max_record_bytes and not self._table.is_root:
            raise SourceError(
                f"{self._path} has a record of {'/'.join(self._levels[0].table.path)} of more "
                f"than {self._limits.max_record_bytes:,} bytes, which is the limit for one "
                "record. Export it in smaller pieces, or set ISPMIG_MAX_RECORD_BYTES."
            )

    def _harvest(
        self, element: etree._Element, depth: int, *, final: bool
    ) -> Iterator[tuple[Row, int | None] | Rows]:
        """Reads and drops what is complete below an element ``depth`` steps under the root."""
        if self._table.is_root:
            # Its record is whole only at the end; what belongs to other tables is dropped.
            self._prune(element, 0)
            return
        way = self._levels[0].below
        wanted = way[depth]
        if depth == self._part_depth and depth and element is not self._part:
            self._part = element
            self._part_count += 1
            self._part_held = 0
        is_record = depth + 1 == len(way)
        complete = element[:] if final else element[:-1]
        for child in complete:
            if child.tag == _RUN:
                run = self._placed(self._runs.pop(int(child.get("n", "0"))))
                self._cut_lines += run.height
                yield run
                continue
            if _tag_of(child, self._naming) != wanted:
                continue
            if is_record:
                yield from self._nested(child, 0, self._counted(1), self._before())
            else:
                yield from self._harvest(child, depth + 1, final=True)
        if complete:
            self._harvested += 1
            del element[: len(complete)]
        if final or is_record or not len(element):
            return
        if _tag_of(element[-1], self._naming) == wanted:
            yield from self._harvest(element[-1], depth + 1, final=False)

    def _prune(self, element: etree._Element, depth: int) -> None:
        """Drops the complete elements that hold no cell of the root's record."""
        keep = {cell.tags[depth] for cell in self._table.cells if len(cell.tags) > depth}
        for child in element[:-1]:
            if _tag_of(child, self._naming) not in keep:
                # With the text behind it, which belongs to the root where it has any.
                if self._plan.text >= 0 and child.tail:
                    continue
                element.remove(child)
        if len(element) and _tag_of(element[-1], self._naming) in keep:
            self._prune(element[-1], depth + 1)

    def _nested(
        self, record: etree._Element, level: int, ordinal: int, before: list[str | None]
    ) -> Iterator[tuple[Row, int | None]]:
        """The table's records in one of a level above, or the record itself.

        Args:
            ordinal: of ``record``, in its own table.
            before: the cells of what leads back to its parent.
        """
        if level + 1 == len(self._levels):
            line = _line(record)
            yield self._row(record, before), None if line is None else line + self._cut_lines
            return
        below = self._levels[level + 1]
        keys: list[str | None] = []
        if level + 2 == len(self._levels) and self._key_plan is not None:
            cells: Row = [None] * len(self._levels[level].table.cells)
            _fill(self._key_plan, record, cells, self._naming)
            keys = [cells[i] for i in self._table.parent_keys]
        for place, child in enumerate(_under(record, below.below, 0, self._naming), start=1):
            below.count += 1
            back = [str(ordinal), str(place), *keys]
            yield from self._nested(child, level + 1, below.count, back)

    def _row(self, record: etree._Element, before: list[str | None]) -> Row:
        row: Row = [None] * self._width
        _fill(self._plan, record, row, self._naming)
        return [*before, *row] if before else row

    def _counted(self, more: int) -> int:
        """Counts some records of the outermost table; the ordinal of the last of them."""
        self._levels[0].count += more
        self._part_held += more
        return self._levels[0].count

    def _before(self) -> list[str | None]:
        """What leads the outermost record counted last back to the root's own record, or to
        which of the elements it stands in that hold such records."""
        if self._part_depth:
            return [str(self._part_count), str(self._part_held)]
        if self._table.parent is None or not self._table.parent.is_root:
            return []
        ordinal = self._levels[0].count
        root_row = self._root_row or [None] * len(self._table.parent.cells)
        return ["1", str(ordinal), *(root_row[i] for i in self._table.parent_keys)]


def _under(
    element: etree._Element, tags: tuple[str, ...], step: int, naming: Naming
) -> Iterator[etree._Element]:
    last = step + 1 == len(tags)
    wanted = tags[step]
    for child in element.iterchildren(wanted.partition(BEHIND_TAG)[0]):
        if naming and _tag_of(child, naming) != wanted:
            continue
        if last:
            yield child
        else:
            yield from _under(child, tags, step + 1, naming)
