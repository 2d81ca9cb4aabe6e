"""From a proven run of JSON records to Arrow columns, by vector operations.

The run is known to be valid and to hold known keys only, each at most once and in known order. So
its structure is found from its quotes and brackets alone: all records are walked through at
once, member by member, with the number of the next quote of each. Cells are slices of the run;
those with escapes, and arrays that are not compact, are written anew.

A walk reads the cells of one table; for a table inside others it passes through the records
of those, down to its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.json.pattern import key_bytes
from ispmig_pipelines.formats.json.schema import Column, Kind, Node, Path, Table
from ispmig_pipelines.formats.json.values import compact, parse

_QUOTE, _COLON, _COMMA, _BACKSLASH, _NEWLINE = b'":,\\\n'
_OPEN, _CLOSE, _OPEN_ARRAY = b"{}["
_BRACE_BIT = np.uint8(_OPEN ^ _OPEN_ARRAY)
_BLANK = np.zeros(256, np.bool_)
_BLANK[list(b" \t\r\n")] = True
_BLANK_OR_COMMA = _BLANK.copy()
_BLANK_OR_COMMA[_COMMA] = True


@dataclass
class Extracted:
    """The records of one table in a run.

    Attributes:
        columns: one text array per column of the table.
        missing: where each column's key is not there; None where it always is.
        lines: newlines of the run before each record, or before the record it stands in.
        roots: how many records of the outermost table the run holds.
        counted: how many records each table has, from the outermost to this one.
    """

    columns: list[pa.Array]
    missing: list[np.ndarray | None]
    lines: np.ndarray
    roots: int
    counted: list[int]


@dataclass
class _Objects:
    """Some objects of the run, in order.

    Attributes:
        quote: number of the first quote inside each.
        last: number of the first quote behind each.
        close: place of the closing brace of each.
        row: number of the record each belongs to, ascending.
    """

    quote: np.ndarray
    last: np.ndarray
    close: np.ndarray
    row: np.ndarray


@dataclass
class _Values:
    """The values of one key: where they stand, and in which records (ascending).

    Attributes:
        start, end: of the text; of strings without their quotes.
        first: the first byte of each.
        quote: number of the quote that opens the key of each.
    """

    quote: np.ndarray
    row: np.ndarray
    start: np.ndarray
    end: np.ndarray
    first: np.ndarray


@dataclass
class _Found:
    """What a walk collects: values by the identity of their node, and arrays of objects."""

    values: dict[int, _Values] = field(default_factory=dict)
    brackets: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


class _Run:
    """The structure of a run: its quotes, and its brackets outside of strings."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data = memoryview(data)[start:end]
        self._whole = data
        self._from = start
        self.bytes = np.frombuffer(self.data, np.uint8)
        plain = self.bytes
        backslashes: np.ndarray | None = None
        # Large arrays are used again: memory that is new costs more than what is done with it.
        here = np.empty(len(plain), np.bool_)
        if data.find(b"\\", start, end) >= 0:
            backslashes = np.flatnonzero(np.equal(plain, _BACKSLASH, out=here))
            plain = plain.copy()
            plain[_escaped(backslashes)] = 0
        self.quotes = np.flatnonzero(np.equal(plain, _QUOTE, out=here))
        # How far it is from each quote to the next one: of a key, its length and one more.
        self.spans = self.quotes[1:] - self.quotes[:-1]
        self.escaped: np.ndarray | None = None
        if backslashes is not None:
            # By the number of its opening quote, halved: whether a string has escapes in it.
            self.escaped = np.zeros(len(self.quotes) // 2 + 1, np.bool_)
            self.escaped[np.searchsorted(self.quotes, backslashes) >> 1] = True
        # One bit tells brackets from braces.
        folded = plain | _BRACE_BIT
        np.equal(folded, _OPEN, out=here)
        np.equal(folded, _CLOSE, out=folded.view(np.bool_))
        places = np.flatnonzero(np.logical_or(here, folded.view(np.bool_), out=here))
        before = np.searchsorted(self.quotes, places)
        outside = (before & 1) == 0
        self.place = places[outside]
        self.before = before[outside]
        self.byte = plain[self.place]
        opens = (self.byte | _BRACE_BIT) == _OPEN
        delta = np.where(opens, 1, -1).astype(np.int32)
        # Both brackets of a pair bear the depth at which they stand.
        self.level = np.cumsum(delta, dtype=np.int32) - opens
        # By depth, each bracket that opens is followed by the one that closes it.
        order = np.argsort(self.level, kind="stable")
        self.match = np.empty(len(order), np.int64)
        self.match[order[0::2]] = order[1::2]
        self.opens = opens

    def objects(self, brackets: np.ndarray, row: np.ndarray) -> _Objects:
        """The objects whose opening braces these are, by number."""
        closing = self.match[brackets]
        return _Objects(self.before[brackets], self.before[closing], self.place[closing], row)

    def texts(self, start: np.ndarray, end: np.ndarray) -> list[bytes]:
        """Pieces of the run."""
        data = self._whole
        places = zip((start + self._from).tolist(), (end + self._from).tolist(), strict=True)
        return [data[first:behind] for first, behind in places]

    def roots(self) -> np.ndarray:
        """The braces that open the records, by number."""
        return np.flatnonzero(self.opens & (self.level == 0))


def _escaped(backslashes: np.ndarray) -> np.ndarray:
    """Places of the characters that a backslash stands before, and belongs to."""
    first = np.ones(len(backslashes), np.bool_)
    first[1:] = backslashes[1:] != backslashes[:-1] + 1
    index = np.arange(len(backslashes))
    in_group = index - np.maximum.accumulate(np.where(first, index, 0))
    return backslashes[in_group % 2 == 0] + 1


def extract(
    data: bytes, start: int, end: int, table: Table, max_cell_bytes: int, counted: list[int]
) -> Extracted | None:
    """The records of a table in a run as columns; None where they must be read one by one.

    Args:
        data, start, end: the proven run, whole records of the outermost table.
        table: whose records are wanted.
        counted: how many records came before, of each table from the outermost to this one.
    """
    run = _Run(data, start, end)
    chain = table.chain()
    brackets = run.roots()
    roots = len(brackets)
    ordinals = np.arange(counted[0] + 1, counted[0] + roots + 1)
    counts = [roots]
    root_of = np.arange(roots)
    places = np.zeros(0, np.int64)
    carried: list[tuple[pa.Array, np.ndarray | None]] = []
    parents = ordinals
    for level, one in enumerate(chain):
        last = level + 1 == len(chain)
        wanted = one.own if last else chain[level + 1].identifying
        way = () if last else chain[level + 1].path
        found = _walk(run, one.node, run.objects(brackets, np.arange(len(brackets))), wanted, way)
        cells = _cells(run, wanted, found, len(brackets), max_cell_bytes)
        if cells is None:
            return None
        if last:
            columns = _back(parents, places, carried, table) if level else []
            columns += cells
            lines = _lines(run, roots)[root_of] if len(chain) > 1 else _lines(run, roots)
            return Extracted(
                [array for array, _ in columns],
                [absent for _, absent in columns],
                lines,
                roots,
                counts,
            )
        brackets, holder, places = _elements(run, one.node, way, found)
        parents = ordinals[holder]
        root_of = root_of[holder]
        taken = pa.array(holder)
        carried = [
            (array.take(taken), None if absent is None else absent[holder])
            for array, absent in cells
        ]
        before = counted[level + 1]
        ordinals = np.arange(before + 1, before + len(brackets) + 1)
        counts.append(len(brackets))
    raise AssertionError("a table has a chain")


def _back(
    parents: np.ndarray,
    places: np.ndarray,
    carried: list[tuple[pa.Array, np.ndarray | None]],
    table: Table,
) -> list[tuple[pa.Array, np.ndarray | None]]:
    """The columns that lead a record back to its parent."""
    back: list[tuple[pa.Array, np.ndarray | None]] = [
        (pa.array(parents).cast(pa.string()), None),
        (pa.array(places).cast(pa.string()), None),
    ]
    if table.keyed:
        # No run holds records under keys: they are read one by one.
        everywhere = np.ones(len(places), np.bool_)
        back.append((pa.nulls(len(places), pa.string()), everywhere))
    return back + carried


def _lines(run: _Run, roots: int) -> np.ndarray:
    newlines = np.flatnonzero(run.bytes == _NEWLINE)
    starts = run.place[run.roots()]
    lines: np.ndarray = (
        np.searchsorted(newlines, starts) if newlines.size else np.zeros(roots, np.int64)
    )
    return lines


def _elements(
    run: _Run, node: Node, way: Path, found: _Found
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The objects in the arrays that a walk came to: their braces, which object of the walk holds
    each, and their places in their arrays, from 1."""
    for key in way:
        node = node.members[key]
    if id(node) not in found.brackets:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    arrays, rows = found.brackets[id(node)]
    closing = run.match[arrays]
    depth = run.level[arrays[0]] + 1
    inner = np.flatnonzero(run.opens & (run.level == depth))
    holder = np.searchsorted(arrays, inner) - 1
    inside = (holder >= 0) & (inner < closing[holder])
    inner, holder = inner[inside], holder[inside]
    first = np.searchsorted(holder, np.arange(len(arrays)))
    return inner, rows[holder], np.arange(len(inner)) - first[holder] + 1


# ---------------------------------------------------------------- the walk


def _walk(run: _Run, node: Node, objects: _Objects, wanted: list[Column], way: Path) -> _Found:
    """Goes through some objects alike for the values of some columns, and the arrays at ``way``."""
    found = _Found()
    _into(run, node, objects, _tree([column.path for column in wanted], way), found)
    return found


_Tree = Mapping[str, "_Tree"]


def _tree(paths: list[Path], way: Path) -> _Tree:
    """The keys that a walk must look at, by key."""
    tree: dict[str, dict[str, object]] = {}
    for path in [*paths, *([way] if way else [])]:
        branch = tree
        for key in path:
            branch = branch.setdefault(key, {})  # type: ignore[assignment]
    return tree  # type: ignore[return-value]


def _into(run: _Run, node: Node, objects: _Objects, tree: _Tree, found: _Found) -> None:
    quote = objects.quote.copy()
    left = len(tree)
    keys = [key_bytes(key)[1:-1] for key in node.members]
    for i, (key, member) in enumerate(node.members.items()):
        if not left:
            return
        here = _with_key(run, quote, objects.last, keys, i)
        some = None if here.all() else np.flatnonzero(here)
        at = quote if some is None else quote[some]
        last = objects.last if some is None else objects.last[some]
        row = objects.row if some is None else objects.row[some]
        if not at.size:
            left -= key in tree
            continue
        close = objects.close if some is None else objects.close[some]
        values, behind, brackets = _value(run, member, at, last, close, row)
        if key in tree:
            left -= 1
            found.values[id(member)] = values
            if brackets is not None:
                nested = values.first == _OPEN
                if nested.any() and Kind.OBJECT in member.kinds:
                    inner = run.objects(brackets[nested], row[nested])
                    _into(run, member, inner, tree[key], found)
                arrays = ~nested & (brackets >= 0)
                if arrays.any():
                    found.brackets[id(member)] = brackets[arrays], row[arrays]
        if some is None:
            quote = behind
        else:
            quote[some] = behind


def _with_key(
    run: _Run, quote: np.ndarray, last: np.ndarray, keys: list[bytes], i: int
) -> np.ndarray:
    """Which objects have the key ``i`` next; what comes next is it or one of the later ones."""
    key = keys[i]
    inside = quote < last
    if not inside.any():
        return inside
    at = quote if inside.all() else np.where(inside, quote, 0)
    here: np.ndarray = inside & (run.spans[at] == len(key) + 1)
    alike = [other for other in keys[i + 1 :] if len(other) == len(key)]
    if not alike:
        return here
    probes = next(
        ((n,) for n in range(len(key)) if all(other[n] != key[n] for other in alike)),
        tuple(range(len(key))),
    )
    start = run.quotes[at] + 1
    for probe in probes:
        here &= run.bytes[np.where(here, start + probe, 0)] == key[probe]
    return here


def _value(
    run: _Run,
    member: Node,
    at: np.ndarray,
    last: np.ndarray,
    close: np.ndarray,
    row: np.ndarray,
) -> tuple[_Values, np.ndarray, np.ndarray | None]:
    """The values behind some keys, the number of the quote behind each, and the brackets of those
    that have some (-1 else).

    Args:
        at: number of the quote that opens the key.
        last: number of the first quote behind the object that the key is in.
        close: where that object ends.
    """
    text = run.bytes
    start = run.quotes[at + 1] + 1
    # What stands between key and value is the same everywhere in most files.
    while (step := text[start] != _COLON).any():
        start += step
    start += 1
    while (step := _BLANK[text[start]]).any():
        start += step
    first = text[start]
    strings = first == _QUOTE
    if strings.all():
        return _Values(at, row, start + 1, run.quotes[at + 3], first), at + 4, None
    behind = at + 2
    more = behind < last
    end = np.where(more, run.quotes[np.minimum(behind, len(run.quotes) - 1)], close)
    brackets: np.ndarray | None = None
    if member.kinds & ~(Kind.SCALAR | Kind.NULL):
        nested = (first | _BRACE_BIT) == _OPEN
        if nested.any():
            brackets = np.full(len(at), -1, np.int64)
            brackets[nested] = np.searchsorted(run.place, start[nested])
            closing = run.match[brackets[nested]]
            end[nested] = run.place[closing] + 1
            behind[nested] = run.before[closing]
    if strings.any():
        start = start + strings
        end[strings] = run.quotes[at[strings] + 3]
        behind[strings] += 2
    plain = ~strings if brackets is None else ~strings & (brackets < 0)
    while (step := plain & _BLANK_OR_COMMA[text[end - 1]]).any():
        end -= step
    return _Values(at, row, start, end, first), behind, brackets


# ---------------------------------------------------------------- cells


def _cells(
    run: _Run, columns: list[Column], found: _Found, count: int, max_cell_bytes: int
) -> list[tuple[pa.Array, np.ndarray | None]] | None:
    """The cells of some columns; None where one is too long."""
    data = pa.py_buffer(run.data)
    cells: list[tuple[pa.Array, np.ndarray | None]] = []
    for column in columns:
        values = found.values.get(id(column.node))
        if values is None:
            cells.append((pa.nulls(count, pa.string()), np.ones(count, np.bool_)))
            continue
        if values.row.size and int((values.end - values.start).max()) > max_cell_bytes:
            return None
        cells.append(_column(run, values, column.node, data, count))
    return cells


def _column(
    run: _Run, values: _Values, node: Node, data: pa.Buffer, count: int
) -> tuple[pa.Array, np.ndarray | None]:
    rewritten: list[tuple[int, str]] = []
    absent = np.zeros(len(values.row), np.bool_)
    if node.kinds & ~(Kind.SCALAR | Kind.NULL):
        some = np.flatnonzero((values.first == _OPEN) | (values.first == _OPEN_ARRAY))
        for i, raw in zip(some, run.texts(values.start[some], values.end[some]), strict=True):
            text = _container(raw, node)
            if text is None:
                absent[i] = True
            elif text != raw:
                rewritten.append((int(i), text.decode()))
    rewritten += _unescaped(run, values)
    missing: np.ndarray | None = None
    null = values.first == ord("n")
    start, end = values.start, values.end
    if len(values.row) < count or absent.any():
        missing = np.ones(count, np.bool_)
        missing[values.row] = absent
        start, end = np.zeros(count, np.int64), np.zeros(count, np.int64)
        start[values.row], end[values.row] = values.start, values.end
        # Offsets may not fall: a cell that is not there begins and ends where the last one did.
        gone = np.ones(count, np.bool_)
        gone[values.row] = False
        before = np.maximum.accumulate(end)
        start, end = np.where(gone, before, start), np.where(gone, before, end)
        nulls = missing.copy()
        nulls[values.row[null]] = True
        null = nulls
    offsets = np.empty(2 * count, np.int32)
    offsets[0::2] = start
    offsets[1::2] = end
    # Cells and what lies between them, in turn, are one text array over the run.
    pieces = pa.StringArray.from_buffers(max(2 * count - 1, 0), pa.py_buffer(offsets), data)
    wanted = pa.array(np.arange(0, 2 * count, 2), mask=null if null.any() else None)
    array = pieces.take(wanted)
    if rewritten:
        rewritten.sort()
        mask = np.zeros(count, np.bool_)
        mask[values.row[[i for i, _ in rewritten]]] = True
        texts = pa.array([text for _, text in rewritten], pa.string())
        array = pc.replace_with_mask(array, pa.array(mask), texts)
    return array, missing


def _unescaped(run: _Run, values: _Values) -> list[tuple[int, str]]:
    """The strings with escapes, by their place among the values, without them."""
    if run.escaped is None:
        return []
    # A string's own quotes stand behind the two of its key.
    behind = np.minimum((values.quote >> 1) + 1, len(run.escaped) - 1)
    places = np.flatnonzero(run.escaped[behind] & (values.first == _QUOTE))
    if not places.size:
        return []
    raw = b",".join(run.texts(values.start[places] - 1, values.end[places] + 1))
    return list(zip(places.tolist(), json.loads(b"[" + raw + b"]"), strict=True))


def _container(raw: bytes, node: Node) -> bytes | None:
    """The cell of an object or array; None where it has none of its own."""
    inside = raw[1:-1].strip(b" \t\r\n")
    if not inside:
        held = Kind.OBJECT if raw[:1] == b"{" else Kind.TABLE
        return None if held in node.kinds else raw[:1] + raw[-1:]
    if raw[:1] == b"{" or inside[:1] == b"{":
        return None
    if b"\\" not in raw and not any(blank in raw for blank in (b" ", b"\t", b"\r", b"\n")):
        return raw
    found = parse(raw, 0, final=True, max_depth=2)
    assert found is not None  # noqa: S101 - the run is proven to be valid
    return compact(found[0]).encode()
