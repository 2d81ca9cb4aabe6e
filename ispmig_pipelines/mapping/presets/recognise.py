"""Which tables of an export are whose: the preset that explains most of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ispmig_pipelines.mapping.presets.load import Preset, known, load_preset
from ispmig_pipelines.mapping.presets.models import PresetTable, ValueShape
from ispmig_pipelines.model.entity import column_key

_LEAST_SHARE = 0.5
"""A table whose columns are mostly strange to the preset is another system's."""


@dataclass(frozen=True)
class SeenTable:
    """A table as far as recognition looks at it.

    Attributes:
        name: of the table, or of the file that holds it alone.
        columns: its columns; made up where there is no header.
        has_header: somebody named them.
        shapes: column → the shapes of at least nine of ten of its cells.
    """

    name: str
    columns: tuple[str, ...]
    has_header: bool = True
    shapes: dict[str, frozenset[ValueShape]] = field(default_factory=dict)


@dataclass(frozen=True)
class Recognised:
    """A table that a preset knows.

    Attributes:
        table: its name in the preset.
        columns: its columns; of a file without a header, as the preset names them.
        share: of its columns, how many the preset knows, 0 to 1.
        headerless: the columns were named by the preset.
    """

    table: str
    columns: tuple[str, ...]
    share: float
    headerless: bool = False


def recognise(
    tables: Sequence[SeenTable], name: str = "auto"
) -> tuple[Preset | None, list[Recognised | None]]:
    """The preset that explains most columns of the tables, and what it takes each of them for.

    Args:
        name: ``auto``, ``none``, or the preset to use.

    Raises:
        UsageError: there is no preset of that name.
    """
    nothing: list[Recognised | None] = [None] * len(tables)
    if name == "none":
        return None, nothing
    best: tuple[Preset | None, list[Recognised | None]] = (None, nothing)
    most = 0.0
    for candidate in known() if name == "auto" else (name,):
        preset = load_preset(candidate)
        found = [_table(preset, table, forced=name != "auto") for table in tables]
        explained = sum(one.share * len(one.columns) for one in found if one)
        if explained > most:
            best, most = (preset, found), explained
    if name != "auto" and best[0] is None:
        return load_preset(name), nothing
    return best


def _table(preset: Preset, seen: SeenTable, *, forced: bool) -> Recognised | None:
    best: Recognised | None = None
    rank: tuple[float, ...] = ()
    for name, table in preset.tables.items():
        found = (
            _with_header(name, table, seen) if seen.has_header else _headerless(name, table, seen)
        )
        if found is None or (found.share < _LEAST_SHARE and not forced):
            continue
        # A table is told from one of the same columns by its name.
        named = table.is_named(seen.name)
        asked = len(table.recognise.all) if table.recognise else 0
        if (own := (found.share + 0.5 * named, asked)) > rank:
            best, rank = found, own
    return best


def _with_header(name: str, table: PresetTable, seen: SeenTable) -> Recognised | None:
    words = table.recognise
    if words is None:
        return None
    there = {column_key(c) for c in seen.columns}
    if words.named and not table.is_named(seen.name):
        return None
    if not all(column_key(c) in there for c in words.all):
        return None
    if words.any and not any(column_key(c) in there for c in words.any):
        return None
    if any(column_key(c) in there for c in words.none):
        return None
    mentioned = columns_of(table)
    share = len(there & mentioned) / max(len(there), 1)
    return Recognised(name, seen.columns, share)


def _headerless(name: str, table: PresetTable, seen: SeenTable) -> Recognised | None:
    order = table.headerless
    count = len(seen.columns)
    if order is None or not order.least <= count <= len(order.columns):
        return None
    named = order.columns[:count]
    for column, shape in order.shapes.items():
        if column not in named:
            return None
        cells = seen.shapes.get(seen.columns[named.index(column)], frozenset())
        if shape != "text" and shape not in cells:
            return None
    return Recognised(name, named, 1.0, headerless=True)


def columns_of(table: PresetTable) -> set[str]:
    """:func:`column_key` of every column that a preset's table names anywhere."""
    names: set[str] = {*table.known, *table.never}
    if table.recognise:
        names |= {*table.recognise.all, *table.recognise.any}
    if table.headerless:
        names |= {*table.headerless.columns}
    for blocks in table.entities.values():
        for block in blocks:
            for mapping in block.fields.values():
                names |= _named(mapping)
            names |= {*block.needs}
            filled = block.further.get("when_filled", ())
            names |= {filled} if isinstance(filled, str) else {*filled}
    return {column_key(name) for name in names}


def _named(mapping: object) -> set[str]:
    if isinstance(mapping, str):
        return {mapping}
    if isinstance(mapping, list):
        return {name for choice in mapping for name in _named(choice)}
    found: set[str] = set()
    if isinstance(mapping, dict):
        if isinstance(mapping.get("column"), str):
            found.add(mapping["column"])
        for word in ("columns", "coalesce"):
            found |= {c for c in mapping.get(word) or () if isinstance(c, str)}
    return found
