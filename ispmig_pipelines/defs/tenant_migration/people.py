"""Where the sources of a migration have personal data: its columns held against its spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from ispmig_pipelines.defs.tenant_migration.manifests import StagedSource
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import Privacy
from ispmig_pipelines.validation.personal import (
    ColumnSample,
    PersonalColumn,
    PersonalKind,
    classify,
    kind_of_field,
)
from ispmig_pipelines.validation.personal_data import PersonalData, of_column


class Looking:
    """Looks at the columns of a source while it is staged."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._samples = {name: ColumnSample(name) for name in columns}

    def add(self, cells: pa.RecordBatch) -> None:
        """Looks at a batch of cells."""
        for name, column in zip(cells.schema.names, cells.columns, strict=True):
            if name in self._samples:
                self._samples[name].add(column)

    def found(self) -> dict[str, PersonalColumn]:
        """Column → what it says about people, of those that do. It holds no cell."""
        classified = {name: classify(sample) for name, sample in self._samples.items()}
        return {name: one for name, one in classified.items() if one is not None}


def personal_data_of(spec: Spec, sources: Mapping[str, StagedSource]) -> list[PersonalData]:
    """Every column of the sources that says something about people, and where it goes."""
    found = []
    for source in sources.values():
        fields = _fields(spec, source)
        carried = any(feed.legacy for feed in spec.feeds_of(source.name))
        for column in source.columns:
            becomes = fields.get(column, {})
            of_people = {field: kind for field, kind in becomes.items() if kind[0] is not None}
            told = of_column(
                source.name,
                column,
                {field: (kind, privacy) for field, (kind, privacy) in of_people.items() if kind},
                carried and not becomes,
                source.personal.get(column),
            )
            if told is not None:
                found.append(told)
    return found


def _fields(
    spec: Spec, source: StagedSource
) -> dict[str, dict[str, tuple[PersonalKind | None, Privacy]]]:
    """Column → the fields that it becomes, with what they say about people."""
    found: dict[str, dict[str, tuple[PersonalKind | None, Privacy]]] = {}

    def enter(column: str, entity: str, field: str) -> None:
        own = find_column(column, source.columns)
        if own is not None:
            privacy = ENTITIES[entity].fields[field].privacy
            of_field = kind_of_field(entity, field), privacy
            found.setdefault(own, {})[f"{entity}.{field}"] = of_field

    for feed in spec.feeds:
        rules = [(name, m) for rule in feed.rules for name, m in rule.maps.items()]
        for name, mapping in [*feed.fields.items(), *rules]:
            if feed.source == source.name:
                for column in mapping.origin_columns:
                    enter(column, feed.entity, name)
            table = mapping.lookup_table
            if table is not None and table.chain[-1].source == source.name:
                enter(table.chain[-1].value, feed.entity, name)
    return found


def metadata(found: Iterable[PersonalData]) -> dict[str, Any]:
    """Counts for the run's metadata."""
    told = list(found)
    return {
        "personal columns": len(told),
        "personal columns unmapped": sum(one.unmapped for one in told),
    }


def in_words(found: Iterable[PersonalData]) -> str:
    """One line for the run's log: how much of what, and what nobody may have thought of."""
    told = list(found)
    unmapped = [one for one in told if one.unmapped]
    special = sorted({category for one in told for category in one.special})
    text = f"{len(told)} columns say something about people"
    if unmapped:
        named = ", ".join(f"{one.source}.{one.column} ({one.kind.value})" for one in unmapped[:10])
        more = f" and {len(unmapped) - 10} more" if len(unmapped) > 10 else ""
        text += f"; {len(unmapped)} of them no field has: {named}{more}"
    if special:
        text += f"; notes have words of special categories ({', '.join(special)})"
    return text
