"""A short way to put a column through the mapping of one field."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.field_plan import FieldPlan, plan_field
from ispmig_pipelines.mapping.lookup_table import LookupTables
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping
from ispmig_pipelines.model import ENTITIES


def plan(
    entity: str, field: str, *, tables: LookupTables | None = None, **mapping: Any
) -> FieldPlan:
    raw = mapping if mapping.keys() & {"columns", "coalesce", "sequence"} else {
        "column": "A", **mapping
    }  # fmt: skip
    said = FieldMapping.model_validate(raw)
    return plan_field(field, ENTITIES[entity].fields[field], said, str, Defaults(), tables)


def cells(**columns: list[str | None]) -> SourceCells:
    arrays = [pa.array(column, pa.string()) for column in columns.values()]
    return SourceCells(pa.RecordBatch.from_arrays(arrays, names=list(columns)))


def outcome(field_plan: FieldPlan, **columns: list[str | None]) -> list[Any]:
    """The values of a column, or the rule that refuses a cell."""
    made = field_plan.apply(cells(**columns))
    values = made.values.to_pylist()
    for refusal in made.refusals:
        for row in refusal.where.nonzero()[0]:
            assert values[row] is None
            values[row] = refusal.rule
    return values


def text(*steps: Any, cells: list[str | None]) -> list[str | None]:
    """What steps on text make of cells."""
    return outcome(plan("customer", "notes", transform=list(steps)), A=cells)
