"""The records of an XML file that are written alike, read by one expression each.

Most records of a file differ in nothing but their texts. An expression made from the structure
that is known so far (the mould) matches exactly the records that hold nothing new, and takes
the texts out of them several times faster than a parser. What it does not match goes to the
parser. A mould only ever matches whole start tags with known attributes in one order, known
elements in one order, and text without markup.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.xml.structure import XSI, Node
from ispmig_pipelines.formats.xml.tables import Table, find_tables

NIL = "\x00nil"
"""The cell of an element that says ``xsi:nil``; no XML document can hold this text. None is the
cell of one that is missing."""

_WHITE = r"[ \t\r\n]*+"
_DOUBLE = r'"[^"<\t\r\n]*+"'
_SINGLE = r"'[^'<\t\r\n]*+'"
_VALUE = f"(?>{_DOUBLE}|{_SINGLE})"
_MOST_GROUPS = 500


class _NotAlikeError(Exception):
    """The structure cannot be made into an expression."""


@dataclass(frozen=True)
class Slot:
    """What one group of the expression holds.

    Attributes:
        tags, attribute: the cell, as in :class:`~ispmig_pipelines.formats.xml.tables.Cell`.
        closing: length of the end tag that the group ends in, after the ``>`` it begins with;
            0 where it is the text itself. Without the tag an empty element could not be told
            from a missing one. An attribute's group is its value with the quotes.
    """

    tags: tuple[str, ...]
    attribute: str
    closing: int


def written_name(node: Node) -> str:
    """The name of an element as it stands in the file."""
    return f"{node.prefix}:{node.name}" if node.prefix else node.name


def _apart(node: Node) -> str:
    """The attribute that tells an element apart from others of its name, as it is written."""
    if not node.naming:
        return ""
    if re.search("[&<>\"'\\s]{2}|[&<>\"'\t\r\n]", node.value):
        raise _NotAlikeError
    return f" +{re.escape(node.naming)}=[\"']{re.escape(node.value)}[\"']"


class _Pattern:
    """An expression in the making."""

    def __init__(
        self,
        *,
        sample: str | None,
        wanted: Container[tuple[tuple[str, ...], str]] | None = None,
        run: tuple[str, ...] = (),
        every_way: bool = False,
    ) -> None:
        """Begins an expression.

        Args:
            sample: a piece of the document, where texts are to be captured; else None.
            wanted: of the texts those to capture, by tags and attribute; None for all.
            run: tags of the elements to capture together, as they stand.
            every_way: empty elements may be written in any way, whatever the sample shows.
        """
        self._every_way = every_way
        self._sample = sample
        self._wanted = wanted
        self._run = run
        self.slots: list[Slot] = []

    def element(self, node: Node, tags: tuple[str, ...], *, capture: bool) -> str:
        name = re.escape(written_name(node))
        start = f"<{name}{_apart(node)}{self._attributes(node, tags, capture)}"
        if node.is_leaf:
            # Text is only let pass where text is known to be: elsewhere it would be news.
            text = "[^<]*+" if node.text else _WHITE
            content = f">{text}</{name}>|{_WHITE}/>"
            if node.nillable:
                nil = re.escape(node.attributes[XSI, "nil"])
                said = f" +{nil}:nil=(?:\"(?:true|1)\"|'(?:true|1)')"
                content = f"{content}|{said}(?:{_WHITE}/>|></{name}>)"
            has_cell = node.text or not node.own_attributes
            if self._sample is None or not (capture and has_cell and self._wants(tags, "")):
                return f"{start}(?:{content})"
            empty = re.search(rf"<{name}(?:\s[^<>]*)?/>", self._sample)
            if empty is None and not node.nillable and not self._every_way:
                self._slot(Slot(tags, "", 0))
                return f"{start}>({text})</{name}>"
            self._slot(Slot(tags, "", len(written_name(node)) + 3))
            return f"{start}({content})"
        if node.text or node.nillable:
            raise _NotAlikeError
        inside = "".join(
            self._child(child, (*tags, child.tag), capture) for child in node.children.values()
        )
        return f"{start}(?:>{_WHITE}{inside}</{name}>|{_WHITE}/>)"

    def _child(self, node: Node, tags: tuple[str, ...], capture: bool) -> str:
        # Possessive: what does not fit is found out at once, without trying again.
        if self._run and tags == self._run:
            if not capture:
                # Of a group that is repeated only the last one would be kept.
                raise _NotAlikeError
            self._slot(Slot(tags, "", 0))
            how_many = "*+" if node.repeated else "?+"
            return f"((?:{self.element(node, tags, capture=False)}{_WHITE}){how_many})"
        if node.repeated:
            return f"(?:{self.element(node, tags, capture=False)}{_WHITE})*+"
        return f"(?:{self.element(node, tags, capture=capture)}{_WHITE})?+"

    def _attributes(self, node: Node, tags: tuple[str, ...], capture: bool) -> str:
        written = []
        for (uri, name), prefix in node.own_attributes.items():
            called = re.escape(f"{prefix}:{name}" if prefix else name)
            plain = f"{{{uri}}}{name}" if uri else name
            if self._sample is not None and capture and self._wants(tags, plain):
                self._slot(Slot(tags, plain, 0))
                written.append(f"(?: +{called}=({_VALUE}))?+")
            else:
                written.append(f"(?: +{called}={_VALUE})?+")
        return "".join(written)

    def _wants(self, tags: tuple[str, ...], attribute: str) -> bool:
        return self._wanted is None or (tags, attribute) in self._wanted

    def _slot(self, slot: Slot) -> None:
        self.slots.append(slot)
        if len(self.slots) > _MOST_GROUPS:
            raise _NotAlikeError


def run_pattern(nodes: Iterable[Node]) -> re.Pattern[bytes] | None:
    """An expression for runs of records in UTF-8; the number of its last group tells the node.

    None where some of the records cannot be made into one.
    """
    try:
        runs = [
            f"((?:{_Pattern(sample=None).element(node, (), capture=False)}{_WHITE})++)"
            for node in nodes
        ]
    except _NotAlikeError:
        return None
    return possessive.compiled("|".join(runs).encode()) if runs else None


def alike(root: Node) -> tuple[re.Pattern[bytes], list[Node]] | None:
    """An expression for runs of the records that stand alone, and the path each is found below.

    Made of what is known of a document so far, it matches no record that holds anything new.
    """
    nodes, containers = [], []
    for table in find_tables(root):
        alone = table.parent is None or table.parent.only_parts
        if alone and table.node.repeated:
            container = root
            for tag in table.path[:-1]:
                container = next(n for n in container.children.values() if n.tag == tag)
            nodes.append(table.node)
            containers.append(container)
    pattern = run_pattern(nodes)
    return None if pattern is None else (pattern, containers)


def mouldable(root: Node, table: Table) -> bool:
    """Whether the records of a table can be told by their name alone."""
    return (
        (table.parent is None or table.parent.is_root or table.parent.only_parts)
        and table.node.repeated
        and sum(
            (node.name, node.value) == (table.node.name, table.node.value) for node in _all(root)
        )
        == 1
    )


def _all(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children.values())


class Mould:
    """The expression for the records of one table, or of those that hold them.

    Attributes:
        slots: what its groups hold, in order.
    """

    def __init__(
        self,
        table: Table,
        sample: str,
        places: Sequence[int] | None = None,
        run: tuple[str, ...] = (),
        every_way: bool = False,
    ) -> None:
        """Makes the expression; ``sample`` shows how empty elements are written.

        Args:
            every_way: whatever it shows, they may be written in any way.
            places: the cells to take, None for all of the table.
            run: tags of the elements to take as they stand, the records of a table inside.

        Raises:
            ValueError: the records cannot be made into an expression.
        """
        taken = range(len(table.cells)) if places is None else places
        where = {(table.cells[p].tags, table.cells[p].attribute): i for i, p in enumerate(taken)}
        pattern = _Pattern(sample=sample, wanted=where, run=run, every_way=every_way)
        try:
            text = pattern.element(table.node, (), capture=True)
        except _NotAlikeError:
            raise ValueError("the records hold text beside elements") from None
        self.slots = [slot for slot in pattern.slots if slot.tags != run or not run]
        self._run_at = next((i for i, s in enumerate(pattern.slots) if run and s.tags == run), -1)
        if run and self._run_at < 0:
            raise ValueError("the records stand deeper in others")
        self._places = [where[slot.tags, slot.attribute] for slot in self.slots]
        self._width = len(where)
        self._record = possessive.compiled(text)

    def find(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        """The records in a piece of the document, in order."""
        return self._record.finditer(text, start, len(text) if end is None else end)

    def inside(self, record: re.Match[str]) -> tuple[int, int]:
        """Where the elements stand that are taken as they are."""
        return record.span(self._run_at + 1)

    def columns(
        self, groups: list[tuple[str | None, ...]], *, plain: bool
    ) -> list[Sequence[str | None]]:
        """The cells of some records, column by column.

        Elements that say ``xsi:nil`` have the cell :data:`NIL`.

        Args:
            plain: no text of them holds a reference or a carriage return.
        """
        columns: list[Sequence[str | None]] = [[None] * len(groups)] * self._width
        if not groups:
            return columns
        captured = list(zip(*groups, strict=True))
        if self._run_at >= 0:
            del captured[self._run_at]
        for slot, place, column in zip(self.slots, self._places, captured, strict=True):
            columns[place] = _cells(slot, column, plain=plain)
        return columns


def _cells(slot: Slot, column: Sequence[str | None], *, plain: bool) -> Sequence[str | None]:
    cells = column
    if slot.attribute:
        cells = [None if cell is None else cell[1:-1] for cell in column]
    elif slot.closing:
        end = -slot.closing
        cells = [
            None
            if cell is None
            else cell[1:end]
            if cell[0] == ">"
            else (NIL if "=" in cell else "")
            for cell in column
        ]
    if not plain:
        cells = [
            cell if cell is None or ("&" not in cell and "\r" not in cell) else resolved(cell)
            for cell in cells
        ]
    return cells


@dataclass
class Nest:
    """Records of a table inside others, found in a piece of the document.

    Attributes:
        counts: how many records there are of each table, from the outermost to this one.
        parents: of each record, the place of its parent among those of the run, from 0.
        positions: which of its parent's records it is, from 1.
        keys: column by column, the parents' cells that stand in the table, by parent.
        columns: the records' own cells.
        lines: on which line each begins, counted from the beginning of the run.
    """

    counts: list[int]
    parents: list[int]
    positions: list[int]
    keys: list[Sequence[str | None]]
    columns: list[Sequence[str | None]]
    lines: list[int]


class NestedMould:
    """The expressions for the records of a table, and for those that they stand in."""

    def __init__(
        self, chain: Sequence[Table], below: Sequence[tuple[str, ...]], sample: str
    ) -> None:
        """Makes them.

        Args:
            chain: the tables, from the outermost to the one that is read.
            below: the tags from a record of each table to one of the next.

        Raises:
            ValueError: the records cannot be made into expressions.
        """
        last = len(chain) - 1
        self._moulds = [
            Mould(
                table,
                sample,
                None if i == last else chain[last].parent_keys if i == last - 1 else (),
                below[i] if i < last else (),
                # What the expression of the outer records lets pass, that of the inner must.
                every_way=i > 0,
            )
            for i, table in enumerate(chain)
        ]

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """The outermost records in a piece of the document."""
        return self._moulds[0].find(text)

    def nest(self, records: list[re.Match[str]], *, plain: bool) -> Nest:
        """What stands in some of them that follow each other.

        Raises:
            ValueError: something stands in them that is none of the records.
        """
        counts = [len(records)]
        text = records[0].string
        level = records
        parents: list[int] = []
        positions: list[int] = []
        for outer, inner in zip(self._moulds, self._moulds[1:], strict=False):
            below: list[re.Match[str]] = []
            parents, positions = [], []
            for place, record in enumerate(level):
                start, end = outer.inside(record)
                if start == end:
                    continue
                found = list(inner.find(text, start, end))
                between = [start, *(at for one in found for at in one.span()), end]
                for gap, behind in zip(between[0::2], between[1::2], strict=True):
                    if gap != behind and not text[gap:behind].isspace():
                        raise ValueError("not all of it is records")
                below.extend(found)
                parents.extend([place] * len(found))
                positions.extend(range(1, len(found) + 1))
            if inner is self._moulds[-1]:
                keys = outer.columns([record.groups() for record in level], plain=plain)
            level = below
            counts.append(len(level))
        own = self._moulds[-1].columns([record.groups() for record in level], plain=plain)
        lines: list[int] = []
        line, at = 0, records[0].start()
        for record in level:
            start = record.start()
            line += text.count("\n", at, start)
            at = start
            lines.append(line)
        return Nest(counts, parents, positions, keys, own, lines)


_REFERENCES = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#([0-9]+)|#x([0-9A-Fa-f]+));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def resolved(raw: str) -> str:
    """The text that stands in a well-formed document as ``raw``."""
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    return _REFERENCES.sub(_character, raw) if "&" in raw else raw


def _character(match: re.Match[str]) -> str:
    named, decimal, hexadecimal = match.groups()
    if named:
        return _NAMED[named]
    return chr(int(decimal) if decimal else int(hexadecimal, 16))
