"""What a condition sees of a source's column: its trimmed words, or the days that they are."""

from __future__ import annotations

import pyarrow as pa

from ispmig_pipelines.condition import (
    USUAL_DATES,
    ColumnName,
    Condition,
    ConditionMistake,
    ConditionMistakes,
    columns_read,
    parse_condition_data,
)
from ispmig_pipelines.condition.data import Path
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert.date_format import mistake_in
from ispmig_pipelines.mapping.convert.date_time import date_converter
from ispmig_pipelines.mapping.style import Style


def cells_of(
    operand: ColumnName,
    cells: SourceCells,
    own: str,
    *,
    null_words: tuple[str, ...],
    date_formats: tuple[str, ...],
) -> pa.Array:
    """The column that a condition names; of cells that are no days in its format, nothing.

    Args:
        own: the source's own name of the column.
        date_formats: the spec's usual ones; none means ISO 8601.
    """
    words = cells.words(own, trim=True, null_words=null_words)
    if not operand.date_format:
        return words
    formats = date_formats if operand.date_format == USUAL_DATES else (operand.date_format,)
    return date_converter(Style(date_formats=formats))(words).values


def checked_condition(data: object, entity: str, *, at: Path) -> Condition:
    """A condition of a spec, its formats of dates looked at too.

    Raises:
        ConditionMistakes: every mistake, each with its path.
    """
    condition = parse_condition_data(data, entity, at=at)
    mistakes = [
        ConditionMistake(at, f"column {operand.name!r}: {mistake}")
        for operand in columns_read(condition)
        if operand.date_format not in ("", USUAL_DATES)
        and (mistake := mistake_in(operand.date_format))
    ]
    if mistakes:
        raise ConditionMistakes(mistakes)
    return condition
