"""A preset's blocks, made to fit the columns that a file really has.

Whatever names a column that is not there is left out, and names are written as the file has them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ispmig_pipelines.mapping.presets.load import Preset
from ispmig_pipelines.mapping.presets.models import PresetBlock
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key


@dataclass(frozen=True)
class BoundBlock:
    """A block of a spec, without ``from``.

    Attributes:
        entity: which entity it fills.
        fields: field → mapping, in the words of a spec.
        further: its other words (``rules``, ``when``, ``when_filled``, ``legacy``).
        comments: field → what the preset says of it.
    """

    entity: str
    fields: dict[str, Any]
    further: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BoundTable:
    """What a preset makes of one table.

    Attributes:
        blocks: its blocks.
        never: column, as the file writes it → why it is never loaded.
        known: columns, as the file writes them, that the preset knows and maps nowhere.
    """

    blocks: tuple[BoundBlock, ...]
    never: dict[str, str]
    known: tuple[str, ...]


class _Absent(Exception):
    """It names a column that is not there."""


def bind(
    preset: Preset,
    table: str,
    columns: Sequence[str],
    others: Mapping[str, Sequence[str]],
) -> BoundTable:
    """Fits a table's blocks to its columns.

    Args:
        table: name of the table in the preset.
        columns: the file's own.
        others: every table of the preset that is among the files (``table`` too) → its columns.
    """
    declared = preset.tables[table]
    binder = _Binder(columns, others)
    blocks = []
    for entity, of_entity in declared.entities.items():
        for index, block in enumerate(of_entity):
            comments = {
                field: text
                for (t, e, i, field), text in preset.comments.items()
                if (t, e, i) == (table, entity, index)
            }
            bound = binder.block(entity, block, comments, set(others))
            if bound is not None:
                blocks.append(bound)
    return BoundTable(
        tuple(blocks),
        {found: why for name, why in declared.never.items() if (found := binder.find(name))},
        tuple(found for name in declared.known if (found := binder.find(name))),
    )


class _Binder:
    def __init__(self, columns: Sequence[str], others: Mapping[str, Sequence[str]]) -> None:
        self._own = columns
        self._others = others

    def find(self, name: str, columns: Sequence[str] | None = None) -> str | None:
        """The column as the file writes it; None if it has none of that name."""
        columns = self._own if columns is None else columns
        if name in columns:
            return name
        key = column_key(name)
        return next((c for c in columns if column_key(c) == key), None)

    def _column(self, name: str, columns: Sequence[str] | None = None) -> str:
        found = self.find(name, columns)
        if found is None:
            raise _Absent
        return found

    def block(
        self, entity: str, block: PresetBlock, comments: dict[str, str], there: Collection[str]
    ) -> BoundBlock | None:
        if any(t not in there for t in block.if_tables):
            return None
        if any(t in there for t in block.unless_tables):
            return None
        if any(self.find(c) is None for c in block.needs):
            return None
        fields = {}
        for name, mapping in block.fields.items():
            bound = self._field(mapping)
            if bound is not None:
                fields[name] = bound
        info = ENTITIES[entity]
        if any(key not in fields for key in info.key):
            return None
        try:
            further = self._further(block.further)
        except _Absent:
            return None
        return BoundBlock(entity, fields, further, comments)

    def _field(self, mapping: Any) -> Any | None:
        for choice in mapping if isinstance(mapping, list) else [mapping]:
            try:
                return self.mapping(choice)
            except _Absent:
                continue
        return None

    def mapping(self, mapping: Any) -> Any:
        """A field's mapping with the file's own names.

        Raises:
            _Absent: a column it cannot do without is not there.
        """
        if isinstance(mapping, str):
            return self._column(mapping)
        bound: dict[str, Any] = {}
        for word, value in mapping.items():
            match word:
                case "column":
                    bound[word] = self._column(value)
                case "columns" | "coalesce":
                    there = [found for name in value if (found := self.find(name))]
                    if not there:
                        raise _Absent
                    if len(there) == 1:
                        bound["column"] = there[0]
                    else:
                        bound[word] = there
                case "lookup_table":
                    bound[word] = self._lookup_table(value)
                case "transform":
                    bound[word] = self._inside(value)
                case _:
                    bound[word] = value
        if "columns" not in bound:
            bound.pop("join", None)
        return bound if bound.keys() != {"column"} else bound["column"]

    def _lookup_table(self, table: Any) -> Any:
        if not isinstance(table, dict) or table.get("source") not in self._others:
            raise _Absent
        columns = self._others[table["source"]]
        bound = dict(table)
        for word in ("key", "value"):
            bound[word] = self._column(table[word], columns)
        if isinstance(where := table.get("where"), dict):
            bound["where"] = {self._column(c, columns): words for c, words in where.items()}
        if "then" in table:
            bound["then"] = self._lookup_table(table["then"])
        return bound

    def _inside(self, value: Any) -> Any:
        """Operands of steps name columns, too."""
        if isinstance(value, list):
            return [self._inside(item) for item in value]
        if isinstance(value, dict):
            return {
                k: self._column(v) if k == "column" and isinstance(v, str) else self._inside(v)
                for k, v in value.items()
            }
        return value

    def _further(self, words: Mapping[str, Any]) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        for word, value in words.items():
            match word:
                case "when_filled":
                    names = [value] if isinstance(value, str) else value
                    found = [self._column(name) for name in names]
                    bound[word] = found[0] if len(found) == 1 else found
                case "when":
                    bound[word] = self._condition(value)
                case "rules":
                    rules = [rule for item in value if (rule := self._rule(item)) is not None]
                    if rules:
                        bound[word] = rules
                case "legacy" if isinstance(value, dict):
                    bound[word] = self._inside(
                        {k: self._column(v) if k == "json" else v for k, v in value.items()}
                    )
                case _:
                    bound[word] = value
        return bound

    def _rule(self, rule: dict[str, Any]) -> dict[str, Any] | None:
        bound = dict(rule)
        try:
            if "when" in rule:
                bound["when"] = self._condition(rule["when"])
            if "map" in rule:
                bound["map"] = {name: self.mapping(m) for name, m in rule["map"].items()}
        except _Absent:
            return None
        return bound

    def _condition(self, condition: Any) -> Any:
        if isinstance(condition, list):
            return [self._condition(part) for part in condition]
        if not isinstance(condition, dict):
            return condition
        bound: dict[str, Any] = {}
        for key, value in condition.items():
            if key == "column" and isinstance(value, dict):
                bound[key] = {
                    c if c == "ignore_case" else self._column(c): test for c, test in value.items()
                }
            elif key in ("all", "any", "not"):
                bound[key] = self._condition(value)
            else:
                bound[key] = value
        return bound
