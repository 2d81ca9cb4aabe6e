"""The issues of a batch, gathered column by column."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.issues.masks import mask_array, mask_series
from ispmig_pipelines.issues.rules import Severity, is_rule, rule_of

ISSUE_SCHEMA = pa.schema(
    [
        pa.field("file", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("line", pa.int64()),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("found", pa.string(), nullable=False),
        pa.field("accepted", pa.string(), nullable=False),
    ]
)
"""One row per issue. ``file`` is the position in the migration's list of files, ``record``
the 1-based ordinal of the record in its table, ``line`` its first line where it has one."""


class IssueLog:
    """The issues of one batch of records, gathered column by column."""

    def __init__(self, size: int) -> None:
        """``size``: how many records the batch has."""
        self._size = size
        self._rejected = np.zeros(size, dtype=bool)
        self._parts: list[tuple[np.ndarray, str, str, str, pa.Array | None, str, str]] = []

    def add(
        self,
        rule: str,
        where: np.ndarray | pd.Series | Iterable[bool],
        *,
        column: str = "",
        field: str = "",
        found: pd.Series | pa.Array | None = None,
        accepted: str = "",
        severity: Severity | None = None,
    ) -> None:
        """Records that ``rule`` does not hold where the mask ``where`` is true.

        ``found`` is the whole column of source text (as long as the batch); it is masked here,
        so that no caller can forget to. ``severity`` is the rule's own unless given.

        Raises:
            KeyError: there is no such rule.
        """
        if not is_rule(rule):
            raise KeyError(rule)
        rows = np.flatnonzero(np.asarray(where, dtype=bool))
        if rows.size == 0:
            return
        severity = rule_of(rule).severity if severity is None else severity
        if severity is Severity.ERROR:
            self._rejected[rows] = True
        shapes = None
        if isinstance(found, pa.Array):
            shapes = mask_array(found.take(pa.array(rows)))
        elif found is not None:
            shapes = mask_series(found.iloc[rows])
        self._parts.append((rows, rule, column, field, shapes, accepted, severity.value))

    def retract(self, where: np.ndarray, field: str) -> None:
        """Takes back what was told of a field of some records: it follows from what is told
        instead. Whether they are rejected stays as it is."""
        parts, self._parts = self._parts, []
        for part in parts:
            rows, rule, column, of_field, shapes, accepted, severity = part
            if of_field == field:
                stays = ~where[rows]
                rows = rows[stays]
                shapes = None if shapes is None else shapes.filter(pa.array(stays))
            if rows.size:
                self._parts.append((rows, rule, column, of_field, shapes, accepted, severity))

    @property
    def rejected(self) -> np.ndarray:
        """Boolean mask of the records that an error sends to quarantine."""
        return self._rejected

    def reject(self, where: np.ndarray) -> None:
        """Sends records to quarantine although what is told of them is no error."""
        self._rejected |= where

    def __len__(self) -> int:
        return sum(part[0].size for part in self._parts)

    def to_arrow(self, file: pa.Array, record: pa.Array, line: pa.Array) -> pa.RecordBatch:
        """The issues as rows of :data:`ISSUE_SCHEMA`, in order of record.

        ``file``, ``record`` and ``line`` are the positions of the batch's records.
        """
        if not self._parts:
            return pa.RecordBatch.from_pylist([], schema=ISSUE_SCHEMA)
        rows = np.concatenate([part[0] for part in self._parts])
        order = pa.array(np.argsort(rows, kind="stable"))
        picked = pa.array(rows)

        def repeated(index: int) -> pa.Array:
            return pa.concat_arrays(
                [
                    pa.repeat(pa.scalar(part[index], pa.string()), part[0].size)
                    for part in self._parts
                ]
            )

        found = pa.concat_arrays(
            [
                pa.repeat(pa.scalar("", pa.string()), part[0].size) if part[4] is None else part[4]
                for part in self._parts
            ]
        )
        columns = [
            pc.take(file, picked),
            pc.take(record, picked),
            pc.take(line, picked),
            repeated(1),
            repeated(6),
            repeated(2),
            repeated(3),
            found,
            repeated(5),
        ]
        return pa.RecordBatch.from_arrays(
            [pc.take(c, order).cast(f.type) for c, f in zip(columns, ISSUE_SCHEMA, strict=True)],
            schema=ISSUE_SCHEMA,
        )
