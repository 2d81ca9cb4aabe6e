"""A field's values of a column with few distinct cells: each of these is mapped once.

Statuses, plans, countries, speeds: most columns of a legacy table repeat themselves. What a
mapping makes of a cell depends on that cell alone, so that it may as well be made of the
distinct ones and put in place afterwards. Where cells hardly repeat, finding the distinct ones
costs more than it saves: the first ones tell.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.batch import Batch
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert import Converted
from ispmig_pipelines.mapping.field_plan import FieldPlan
from ispmig_pipelines.mapping.transform.models import Function
from ispmig_pipelines.model.field_info import FieldType

SAMPLE = 1_000
"""Cells that are looked at to see whether a column repeats itself."""

SHARE = 0.25
"""Distinct ones among them, from which on a column does not."""

_WORTH_IT = 4 * SAMPLE


def field_values(plan: FieldPlan, batch: Batch) -> Converted:
    """What :meth:`FieldPlan.apply` makes of a batch."""
    encoded = _encoded(plan, batch)
    if encoded is None:
        return plan.apply(batch.cells, batch.first, batch.record)
    made = plan.apply(_distinct(plan, encoded))
    positions = encoded.indices.to_numpy(zero_copy_only=False)
    return Converted(
        made.values.take(encoded.indices),
        tuple(replace(refusal, where=refusal.where[positions]) for refusal in made.refusals),
        None if made.currency is None else made.currency.take(encoded.indices),
        None if made.dropped is None else made.dropped[positions],
    )


def cut_cells(plan: FieldPlan, batch: Batch) -> np.ndarray:
    """What :meth:`FieldPlan.cut` says of a batch."""
    encoded = _encoded(plan, batch)
    if encoded is None:
        return plan.cut(batch.cells)
    cut: np.ndarray = plan.cut(_distinct(plan, encoded))
    return cut[encoded.indices.to_numpy(zero_copy_only=False)]


def _encoded(plan: FieldPlan, batch: Batch) -> pa.DictionaryArray | None:
    """The cells by their distinct ones, where that is worth it."""
    if batch.size < _WORTH_IT or not _depends_on_one_cell(plan):
        return None
    cells = batch.cells.raw(plan.origins[0])
    if pc.count_distinct(cells.slice(0, SAMPLE), mode="all").as_py() > SHARE * SAMPLE:
        return None
    encoded = pc.dictionary_encode(cells, null_encoding="encode")
    return encoded if len(encoded.dictionary) <= batch.size // 2 else None


def _distinct(plan: FieldPlan, encoded: pa.DictionaryArray) -> SourceCells:
    return SourceCells(pa.RecordBatch.from_arrays([encoded.dictionary], names=[plan.origins[0]]))


def _depends_on_one_cell(plan: FieldPlan) -> bool:
    """Whether one column is all that is read, and more is done than to take its text."""
    if len(plan.columns) != 1 or plan.columns != plan.origins or plan.mapping.sequence is not None:
        return False
    steps = plan.mapping.transform or ()
    if any(isinstance(step, Function) for step in steps):
        # Somebody's own function is given the column as it is.
        return False
    is_plain = plan.info.type is FieldType.TEXT and plan.lookup is None and plan.from_table is None
    return not is_plain or bool(steps) or plan.mapping.split is not None
