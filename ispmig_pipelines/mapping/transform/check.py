"""What of a mapping's steps and table does not suit its field, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from ispmig_pipelines.mapping.spec_models import FieldMapping, Sequence, TableLookup
from ispmig_pipelines.mapping.spec_words import Part
from ispmig_pipelines.mapping.transform.models import (
    DATE_STEPS,
    Divide,
    Round,
    Shift,
    is_text_step,
    model_of,
    name_of,
)
from ispmig_pipelines.mapping.transform.value_steps import DATES, NUMERIC, reciprocal
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.nearest import did_you_mean


def mistakes_of_steps(
    info: FieldInfo, mapping: FieldMapping, sources: Iterable[str]
) -> Iterator[str]:
    """What is wrong with a mapping's ``transform`` and ``lookup_table`` for its field.

    Args:
        sources: names of the spec's sources.
    """
    sources = list(sources)
    for table in mapping.lookup_table.chain if mapping.lookup_table else ():
        if table.source not in sources:
            yield (
                f"lookup_table: there is no source {table.source!r}"
                f"{did_you_mean(table.source, sources)}"
            )
    steps = [step for step in mapping.transform or () if not is_text_step(step)]
    for place, step in enumerate(steps, start=1):
        yield from _of_step(info, step, steps[place] if place < len(steps) else None)


def _of_step(info: FieldInfo, step: str | Part, after: str | Part | None) -> Iterator[str]:
    name = name_of(step)
    moves = isinstance(step, DATE_STEPS)
    if info.type not in (DATES if moves else NUMERIC):
        what = "dates and times" if moves else "numbers"
        yield f"{name} is for {what}; this field is {info.type.value}"
        return
    if isinstance(step, Shift) and step.shift.hours and info.type is FieldType.DATE:
        yield "shift: a date has no hours to be moved by; say days"
    if isinstance(step, Divide) and not isinstance(after, Round):
        by = step.divide
        if not isinstance(by, Decimal) or reciprocal(by) is None:
            yield (
                "divide may not come out even: put a round behind it, such as "
                "{round: 2}, and it is rounded once and exactly"
            )


def mistakes_outward(mapping: FieldMapping) -> Iterator[str]:
    """What of the newer words has no meaning where values are written, not read."""
    if mapping.sequence is not None:
        yield "sequence is for reading: an export's rows have keys, and no position"
    if mapping.lookup_table is not None:
        yield "lookup_table is for reading; write a lookup"
    values = [name_of(step) for step in mapping.transform or () if not is_text_step(step)]
    if values:
        yield f"{values[0]} works on values, and a column of an export is text already"


def model_within(names: list[str]) -> type[Part] | None:
    """The model at a path within a field's mapping, given by its keys; None if it is not of a
    step, a table or a sequence."""
    match names:
        case ["lookup_table"]:
            return TableLookup
        case ["sequence"]:
            return Sequence
        case ["transform", *_, name]:
            return model_of(name)
    return None
