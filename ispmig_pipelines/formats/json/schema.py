"""What the records of a JSON source look like: their tables and columns, learnt from all of them.

Members of nested objects become dotted columns. An array of objects becomes a child table,
named by its path below its parent's name; any other array stays in one cell as JSON. Objects
under keys that can be no names (``{"1001": {...}, "1002": {...}}``) are records of a child table,
too, their keys in its column ``_key``: PHP writes arrays that way when their indexes have gaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag, auto
from typing import Any

from ispmig_pipelines.formats.csv.dialect import column_names
from ispmig_pipelines.formats.encoding import shown
from ispmig_pipelines.formats.json.values import Number, Repeated, cell, compact

PARENT_RECORD = "_parent_record"
POSITION = "_position"
PARENT = "_parent_"
VALUE = "value"

KEY = "_key"
"""Column of the key that a record stands under, where an object maps keys to records."""

MOST_KEYS = 10_000
"""Different keys of the objects in one place; more than this are data, not names."""

_MOST_ORDERED = 1_000
"""Keys up to which one that shows late gets a place of its own among the others."""

_MANY = 8
"""Times as many columns as a record has keys from which on most of its cells are missing."""

MISSING = object()
"""Stands for the value of a key that is not there."""

_UUID = re.compile(r"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")
_UUID_LENGTH = 36

_IDENTIFIES = re.compile(
    r"(?i:_?id|uid|uuid|guid|codigo|_?key|code|number|no|ident|login|username)"
    r"|(?i:id|codigo|cod)[_\- .].+|id[A-Z].+"
    r"|.*[_\- .](?i:id|uuid|guid|number|no|ident)|.*[a-z](?:Id|ID|Uuid|UUID|Number|No|Ident)"
)


class TooManyKeys(Exception):
    """Objects in one place have more different keys than names could be."""


class Kind(IntFlag):
    """What has been seen as the value of a key."""

    NULL = auto()
    SCALAR = auto()
    OBJECT = auto()
    EMPTY_OBJECT = auto()
    EMPTY_ARRAY = auto()
    TABLE = auto()
    """An array of nothing but objects."""
    LIST = auto()
    """Any other array."""


class Scalar(IntFlag):
    """Which scalars have been seen as the value of a key."""

    STRING = auto()
    NUMBER = auto()
    BOOLEAN = auto()


class Node:
    """The values of one key (or the records of one table), all of them together.

    Attributes:
        kinds: what has been seen.
        scalars: which of them.
        times: how many values; objects: how many of them are objects with members.
        members: of its objects, by key, in the order of the source.
        element: the objects of its arrays of objects (or under keys that are no names), as
            records.
        keyed: objects under keys that are no names have been seen.
        nested_list: an array with arrays or mixed content has been seen.
        single: its objects without an array around them are records of ``element``, too.
        repeated: keys that were made for values under a key that stands more than once.
    """

    __slots__ = (
        "element", "keyed", "kinds", "members", "nested_list", "objects", "repeated", "scalars",
        "single", "times",
    )  # fmt: skip

    def __init__(self) -> None:
        self.kinds = Kind(0)
        self.scalars = Scalar(0)
        self.times = 0
        self.objects = 0
        self.members: dict[str, Node] = {}
        self.element: Node | None = None
        self.keyed = False
        self.nested_list = False
        self.single = False
        self.repeated: set[str] = set()

    def observe(self, value: Any) -> bool:
        """Takes one more value into account; whether it taught anything new."""
        kind = kind_of(value)
        self.times += 1
        new = kind not in self.kinds
        if new:
            self.kinds |= kind
        if kind is Kind.SCALAR:
            scalar = _SCALAR_OF.get(type(value), Scalar.STRING)
            if scalar not in self.scalars:
                self.scalars |= scalar
                new = True
        elif kind is Kind.OBJECT:
            self.objects += 1
            new |= self._observe_members(value)
        elif kind is Kind.TABLE:
            for inner in value:
                new |= self._observe_element(inner)
        elif kind is Kind.LIST and not self.nested_list:
            self.nested_list = any(isinstance(inner, (dict, list)) for inner in value)
            new |= self.nested_list
        return new

    def _observe_element(self, value: dict[str, Any]) -> bool:
        if self.element is None:
            self.element = Node()
        return self.element.observe(value)

    def _observe_members(self, value: dict[str, Any]) -> bool:
        new = False
        before: str | None = None
        if isinstance(value, Repeated):
            self.repeated.update(value.added)
        for key, inner in value.items():
            if isinstance(inner, dict) and is_no_name(key):
                new |= not self.keyed
                self.keyed = True
                new |= self._observe_element(inner)
                continue
            node = self.members.get(key)
            if node is None:
                node = Node()
                self._insert(key, node, before, value)
                new = True
            new |= node.observe(inner)
            before = key
        return new

    def _insert(self, key: str, node: Node, before: str | None, record: dict[str, Any]) -> None:
        if len(self.members) >= MOST_KEYS:
            raise TooManyKeys
        last = next(reversed(self.members), None)
        if len(self.members) >= _MOST_ORDERED:
            self.members[key] = node
            return
        following: str | None = None
        if before is None:
            following = next((k for k in record if k in self.members), None)
        if before == last or (before is None and following is None):
            self.members[key] = node
            return
        # A key that first shows late takes the place it has in its record, so that records
        # with optional keys still keep one order.
        keys = list(self.members)
        place = keys.index(following) if following is not None else keys.index(str(before)) + 1
        items = list(self.members.items())
        items.insert(place, (key, node))
        self.members = dict(items)

    def gather(self) -> None:
        """Makes records of the objects that stand where others have an array of objects: PHP and
        XML converters write no array around the only one."""
        for member in self.members.values():
            if Kind.OBJECT in member.kinds and Kind.TABLE in member.kinds and not member.keyed:
                records, member.element = member.element, None
                assert records is not None  # noqa: S101 - an array of objects was seen
                _merge(records, member)
                member.element = records
                member.members = {}
                member.single = True
            member.gather()
        if self.element is not None:
            self.element.gather()

    @property
    def has_cell(self) -> bool:
        """Whether its values, or some of them, stand in a column of their own."""
        kinds = self.kinds
        return bool(
            kinds & (Kind.SCALAR | Kind.LIST)
            or kinds == Kind.NULL
            or (Kind.EMPTY_OBJECT in kinds and Kind.OBJECT not in kinds)
            or (Kind.EMPTY_ARRAY in kinds and Kind.TABLE not in kinds)
        )


def _merge(node: Node, other: Node) -> None:
    """Takes into ``node`` what was seen of ``other``."""
    node.kinds |= other.kinds
    node.scalars |= other.scalars
    node.times += other.times
    node.objects += other.objects
    node.keyed |= other.keyed
    node.nested_list |= other.nested_list
    node.repeated |= other.repeated
    before: str | None = None
    for key, theirs in other.members.items():
        known = node.members.get(key)
        if known is None:
            node._insert(key, theirs, before, other.members)
        else:
            _merge(known, theirs)
        before = key
    if node.element is None:
        node.element = other.element
    elif other.element is not None:
        _merge(node.element, other.element)


_SCALAR_OF = {str: Scalar.STRING, Number: Scalar.NUMBER, bool: Scalar.BOOLEAN}


def is_no_name(key: str) -> bool:
    """Whether a key can only be data: a number or a UUID is no name of a property."""
    return (key.isdecimal() and key.isascii()) or (
        len(key) >= _UUID_LENGTH and _UUID.fullmatch(key) is not None
    )


def kind_of(value: Any) -> Kind:
    """What ``value`` is."""
    if value is None:
        return Kind.NULL
    if isinstance(value, dict):
        return Kind.OBJECT if value else Kind.EMPTY_OBJECT
    if isinstance(value, list):
        if not value:
            return Kind.EMPTY_ARRAY
        return Kind.TABLE if all(isinstance(v, dict) for v in value) else Kind.LIST
    return Kind.SCALAR


def as_record(value: Any) -> dict[str, Any]:
    """A record from any value: a row of an array of arrays gets ``column_1`` and so on, and a
    bare scalar is the one cell ``value``."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {f"column_{i}": inner for i, inner in enumerate(value, start=1)}
    return {VALUE: value}


def _name_of(key: str, names: list[str]) -> str:
    place = int(key.removeprefix("column_"))
    return names[place - 1] if place <= len(names) and names[place - 1].strip() else key


Path = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column that is filled from the record itself: where it stands, and its node."""

    path: Path
    node: Node


@dataclass
class Table:
    """One table of records.

    Attributes:
        name: its name.
        node: its records.
        own: the columns filled from the record.
        parent: the table its records lie in, or None.
        path: of the array, from the parent's record.
        keyed: its records may stand under keys instead of in an array.
        single: one of them may stand there without an array.
        identifying: of the parent's columns, those that are repeated here.
        names: of all columns, unique: what comes from the parent first.
    """

    name: str
    node: Node
    own: list[Column]
    parent: Table | None = None
    path: Path = ()
    keyed: bool = False
    single: bool = False
    identifying: list[Column] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def rename(self, names: list[str]) -> None:
        """Gives the columns of records that are arrays their names, in order."""
        own = [
            ".".join((name, *column.path[1:]))
            for column in self.own
            for name in [_name_of(column.path[0], names)]
        ]
        self.names = column_names([*self.names[: len(self.names) - len(own)], *own])

    def chain(self) -> list[Table]:
        """The tables from the root down to this one."""
        return [*(self.parent.chain() if self.parent else []), self]


class Rows:
    """Turns root records into the rows that they have in one table, counting as it goes.

    Attributes:
        counted: rows so far, of each table from the root's child on; the first is not used.
    """

    def __init__(self, table: Table) -> None:
        self._chain = table.chain()
        self._by_key = _by_key(table.own)
        self.counted = [0] * len(self._chain)

    def count(self, more: list[int]) -> None:
        """Counts rows that were found in another way, of each table."""
        self.counted = [known + new for known, new in zip(self.counted, more, strict=True)]

    def of(self, value: Any, record: int) -> Iterator[tuple[int, list[Any]]]:
        """Ordinal and cells (text, None for null, MISSING) of each row of a root record.

        Args:
            record: ordinal of ``value`` in the root table.
        """
        return self._below(0, as_record(value), record, [])

    def _own(self, record: dict[str, Any], columns: list[Column]) -> list[Any]:
        """The cells of a record of the table."""
        if len(columns) < _MANY * (len(record) + 1):
            return _cells(record, columns)
        # Of so many columns most are missing: only those of the record's keys are looked at.
        found: list[Any] = [MISSING] * len(columns)
        for key in record:
            for i in self._by_key.get(key, ()):
                found[i] = _text(_at(record, columns[i].path), columns[i].node)
        return found

    def _below(
        self, level: int, record: dict[str, Any], ordinal: int, inherited: list[Any]
    ) -> Iterator[tuple[int, list[Any]]]:
        table = self._chain[level]
        if level == len(self._chain) - 1:
            yield ordinal, [*inherited, *self._own(record, table.own)]
            return
        child = self._chain[level + 1]
        held = _at(record, child.path)
        found: Iterable[tuple[Any, Any]] = ()
        if isinstance(held, list) and kind_of(held) is Kind.TABLE:
            found = ((MISSING, inner) for inner in held)
        elif child.single and isinstance(held, dict) and held:
            found = ((MISSING, held),)
        elif child.keyed and isinstance(held, dict):
            found = (
                (key, inner)
                for key, inner in held.items()
                if isinstance(inner, dict) and is_no_name(key)
            )
        keys = _cells(record, child.identifying)
        for position, (key, inner) in enumerate(found, start=1):
            self.counted[level + 1] += 1
            back = [str(ordinal), str(position), *([key] if child.keyed else []), *keys]
            yield from self._below(level + 1, inner, self.counted[level + 1], back)


def _by_key(columns: list[Column]) -> dict[str, list[int]]:
    """Places of the columns, by the first key on the way to each."""
    found: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        found.setdefault(column.path[0], []).append(place)
    return found


def tables_of(name: str, root: Node) -> list[Table]:
    """The table of the root's records and, after each table, the tables of its arrays.

    A child's rows begin with ``_parent_record`` (ordinal of the parent in its own table),
    ``_position`` (from 1, in its array), ``_key`` where they stand under keys, and the columns
    that identify the parent, as ``_parent_id``.
    """
    root.gather()
    return list(_tables(name, root, None, ()))


def _tables(
    name: str, node: Node, parent: Table | None, path: Path, *, keyed: bool = False
) -> Iterator[Table]:
    own = list(_columns(node, ()))
    table = Table(name, node, own, parent, path, keyed)
    first: list[str] = []
    if parent is not None:
        table.identifying = [
            column
            for column in parent.own
            if len(column.path) == 1
            and column.node.kinds & Kind.SCALAR
            and _IDENTIFIES.fullmatch(column.path[0])
        ]
        first = [
            PARENT_RECORD,
            POSITION,
            *([KEY] if keyed else []),
            *(PARENT + column.path[0].lstrip("_") for column in table.identifying),
        ]
    names = [*first, *(".".join(column.path) for column in own)]
    table.names = column_names([shown(n.encode()) for n in names])
    yield table
    if node.keyed and node.element is not None:
        yield from _tables(f"{name}.{KEY}", node.element, table, (), keyed=True)
    for inner_path, holder in _arrays(node, ()):
        assert holder.element is not None  # noqa: S101 - it holds records
        inner_name = ".".join((name, *inner_path))
        for inner in _tables(inner_name, holder.element, table, inner_path, keyed=holder.keyed):
            if inner.node is holder.element:
                inner.single = holder.single
            yield inner


def _columns(node: Node, path: Path) -> Iterator[Column]:
    for key, member in node.members.items():
        here = (*path, key)
        if member.has_cell:
            yield Column(here, member)
        yield from _columns(member, here)


def _arrays(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    for key, member in node.members.items():
        here = (*path, key)
        if member.element is not None:
            yield here, member
        yield from _arrays(member, here)


def _cells(record: dict[str, Any], columns: list[Column]) -> list[Any]:
    return [_text(_at(record, column.path), column.node) for column in columns]


def _at(record: dict[str, Any], path: Path) -> Any:
    value: Any = record
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def _text(value: Any, node: Node) -> Any:
    """The cell of a value; None where it is null, MISSING where there is none of its own."""
    if value is MISSING:
        return MISSING
    if isinstance(value, dict):
        return "{}" if not value and Kind.OBJECT not in node.kinds else MISSING
    if isinstance(value, list):
        if value and all(isinstance(inner, dict) for inner in value):
            return MISSING
        if not value and Kind.TABLE in node.kinds:
            return MISSING
        return compact(value)
    return cell(value)
