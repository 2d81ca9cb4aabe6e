"""What the masking of card numbers means to a record: an issue of its own for each cell.

A note stays a note when a number in it is masked, and the record is loaded. A key, a telephone
number or an amount is no longer what it was: such a record goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from ispmig_pipelines.issues import IssueLog
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

_LAST_FOUR = "the last four digits are kept"


def is_free_text(info: FieldInfo) -> bool:
    """Whether a field holds whatever somebody wrote: it can do without the number."""
    return (
        info.type is FieldType.TEXT
        and not info.key
        and not info.references
        and not info.pattern
        and not info.choices
    )


def tell_masked(
    log: IssueLog,
    info: EntityInfo,
    frame: pd.DataFrame,
    masked: Mapping[str, np.ndarray],
    *,
    columns_read: Mapping[str, Collection[str]],
    badly: Mapping[str, np.ndarray],
    tokens: Collection[str] = (),
    found: Mapping[str, pa.Array],
) -> dict[str, np.ndarray]:
    """Enters an issue for each masked cell of a mapped batch.

    Args:
        info: the entity; frame: its fields, as mapped.
        masked: source column → mask of the cells that had card numbers.
        columns_read: field → source columns that it comes from.
        badly: field → mask of the cells that could not be converted.
        tokens: columns in which tokens took the place of the numbers.
        found: source column → its cells, masked.

    Returns:
        field → mask of the records that are in quarantine for it; what else is wrong with the
        field there follows from it, and is not told.
    """
    refused: dict[str, np.ndarray] = {}
    for column, where in masked.items():
        left = where.copy()
        for field in (f for f, columns in columns_read.items() if column in columns):
            wrong = where & _lost(info.fields[field], frame[field], badly.get(field),
                                  is_token=column in tokens)  # fmt: skip
            if not wrong.any():
                continue
            log.retract(wrong, field)
            log.add("card.in_field", wrong, column=column, field=field,
                    found=found.get(column), accepted="no card number")  # fmt: skip
            refused[field] = refused.get(field, np.zeros(len(where), dtype=bool)) | wrong
            left &= ~wrong
        rule, accepted = (
            ("card.tokenised", "a token") if column in tokens else ("card.masked", _LAST_FOUR)
        )
        log.add(rule, left, column=column, found=found.get(column), accepted=accepted)
    return refused


def _lost(
    info: FieldInfo, values: pd.Series, badly: np.ndarray | None, *, is_token: bool
) -> np.ndarray:
    """Where a field no longer holds what its cell said."""
    if is_free_text(info) or (is_token and info.type is FieldType.TEXT):
        return np.zeros(len(values), dtype=bool)
    if info.key or info.references:
        return np.ones(len(values), dtype=bool)
    lost = values.isna().to_numpy()
    if info.arrow_type == pa.string():
        # A mapping that takes the last four digits out of the mask has what it wants.
        lost = lost | values.astype("str").str.contains("*", regex=False, na=True).to_numpy()
    return lost if badly is None else lost | badly
