"""A field's values of a column with few distinct cells: each of these is mapped once.

Statuses, plans, countries, speeds: most columns of a legacy table repeat themselves. What a
mapping makes of a cell depends on that cell alone, so that it may as well be made of the
distinct ones and put in place afterwards. Where cells hardly repeat, finding the distinct ones
costs more than it saves: the first ones tell.
"""

from __future__ import annotations

from dataclasses import replace

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
    if batch.size >= _WORTH_IT and _depends_on_one_cell(plan):
        cells = batch.cells.raw(plan.origins[0])
        if pc.count_distinct(cells.slice(0, SAMPLE), mode="all").as_py() <= SHARE * SAMPLE:
            encoded = pc.dictionary_encode(cells, null_encoding="encode")
            if len(encoded.dictionary) <= batch.size // 2:
                return _of_distinct(plan, encoded)
    return plan.apply(batch.cells, batch.first, batch.record)


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


def _of_distinct(plan: FieldPlan, encoded: pa.DictionaryArray) -> Converted:
    words = pa.RecordBatch.from_arrays([encoded.dictionary], names=[plan.origins[0]])
    made = plan.apply(SourceCells(words))
    positions = encoded.indices.to_numpy(zero_copy_only=False)
    return Converted(
        made.values.take(encoded.indices),
        tuple(replace(refusal, where=refusal.where[positions]) for refusal in made.refusals),
        None if made.currency is None else made.currency.take(encoded.indices),
    )
