"""Elements that are told apart by an attribute: columns and tables named inside the file.

Many tools write ``<field name="city">Bonn</field>`` for a column and ``<table name="plans">`` for
a table: ``mysql --xml``, ``mysqldump --xml``, phpMyAdmin, HeidiSQL, Oracle SQL Developer. Such an
element stands for the one its attribute names. Which elements those are is told by the
beginning of the file: within one parent the names are all different, and from parent to parent
they are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat

Key = tuple[str, str]
"""Namespace and local name of an element."""

_SEPARATOR = "\x1f"
_NAMING = ("name", "Name", "NAME")
_ANY_NAME = re.compile(rb"\s[Nn](?:ame|AME)\s*=")
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_FIELDS = frozenset(
    ("field", "column", "col", "cell", "value", "property", "prop", "attribute", "attr")
) | {"data", "entry", "param", "parameter", "var"}
_SURE_FIELDS = frozenset(("field", "column", "col"))
_KINDS = frozenset(("table", "table_data", "tabledata", "entity", "object", "dataset"))
_HOLDERS = frozenset(("database", "schema", "catalog"))
_MOST_NAMES = 2_000


@dataclass(frozen=True)
class Named:
    """What is told apart by an attribute, and what is no data.

    Attributes:
        fields, kinds: by element, the attribute that names a column of it, or a table.
        ignored: elements that hold no records, as definitions of tables.
    """

    fields: Mapping[Key, str] = field(default_factory=dict)
    kinds: Mapping[Key, str] = field(default_factory=dict)
    ignored: frozenset[Key] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.fields or self.kinds or self.ignored)


class _Evidence:
    """What was seen of the elements of one name."""

    def __init__(self) -> None:
        self.count = 0
        self.parents = 0
        self.values: set[str] = set()
        self.attribute = ""
        self.leaf = True
        self.only_named = True
        self.repeats = False
        self.below_root = False
        self.parent_keys: set[Key] = set()

    @property
    def is_field(self) -> bool:
        if not self.attribute or not self.leaf or not self.only_named or self.repeats:
            return False
        if self.below_root or len(self.values) > _MOST_NAMES:
            return False
        return self.count >= self.parents * len(self.values) * 0.25


def find_named(sample: bytes) -> Named:
    """What the beginning of a file, in UTF-8, says about names inside it.

    A sample that breaks tells what it tells up to there.
    """
    if _ANY_NAME.search(sample) is None:
        return Named()
    seen: dict[Key, _Evidence] = {}
    root: list[Key] = []
    ignored: set[Key] = set()
    # How many open elements are ones that hold no records.
    inside = [0]
    # Of each open element: its key, and the names of its children by their key.
    stack: list[tuple[Key, dict[Key, set[str]]]] = []

    def start(raw: str, attributes: dict[str, str]) -> None:
        parts = raw.split(_SEPARATOR)
        key = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
        one = seen.get(key)
        if one is None:
            one = seen[key] = _Evidence()
        if inside[0] or (root and _is_ignored(root[0], key)):
            if not inside[0]:
                ignored.add(key)
            inside[0] += 1
            stack.append((key, {}))
            return
        one.count += 1
        if not stack:
            root.append(key)
        else:
            parent, named = stack[-1]
            seen[parent].leaf = False
            one.parent_keys.add(parent)
            one.below_root = one.below_root or len(stack) == 1
            names = named.get(key)
            if names is None:
                names = named[key] = set()
                one.parents += 1
            attribute = next((name for name in _NAMING if name in attributes), "")
            value = attributes.get(attribute, "")
            if not attribute or (one.attribute and one.attribute != attribute):
                one.only_named = False
            one.attribute = one.attribute or attribute
            one.repeats = one.repeats or value in names
            names.add(value)
            if len(one.values) <= _MOST_NAMES:
                one.values.add(value)
            if any(other != attribute and not other.startswith(_XSI) for other in attributes):
                one.only_named = False
        stack.append((key, {}))

    def end(_: str) -> None:
        stack.pop()
        inside[0] = max(inside[0] - 1, 0)

    parser = expat.ParserCreate("UTF-8", _SEPARATOR)
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _stop
    with suppress(expat.ExpatError, _StopError):
        parser.Parse(sample, False)
    return _judged(seen, root[0], ignored) if root else Named()


class _StopError(Exception):
    pass


def _stop(_: str, system: str | None, public: str | None, internal: bool) -> None:
    if system or public or internal:
        # The pass over the whole file refuses it, in words.
        raise _StopError


def _is_ignored(root: Key, key: Key) -> bool:
    """Whether an element defines tables and holds none."""
    return "phpmyadmin.net" in key[0] or (root[1] == "mysqldump" and key[1] == "table_structure")


def _judged(seen: dict[Key, _Evidence], root: Key, ignored: set[Key]) -> Named:
    fields = {
        key: one.attribute
        for key, one in seen.items()
        if one.is_field
        and (
            one.parents >= 10
            or (one.parents >= 2 and key[1].lower() in _FIELDS)
            or key[1].lower() in _SURE_FIELDS
        )
    }
    records = {parent for key in fields for parent in seen[key].parent_keys}
    above = {parent for key in records for parent in seen[key].parent_keys}
    kinds: dict[Key, str] = {}
    for key, one in seen.items():
        if key == root or not one.attribute or len(one.values) > _MOST_NAMES:
            continue
        named_a_table = key[1].lower() in _KINDS
        told = named_a_table or (key in records and len(one.values) * 4 <= one.count)
        if told and (key in records or key in above):
            kinds[key] = one.attribute
    for key in [parent for kind in kinds for parent in seen[kind].parent_keys]:
        if key != root and seen[key].attribute and key[1].lower() in _HOLDERS:
            kinds[key] = seen[key].attribute
    return Named(fields, kinds, frozenset(ignored))
