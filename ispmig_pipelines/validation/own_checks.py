"""Judges one batch by the checks that its spec declares itself.

A check is a condition that must hold. As with a constraint of a database, a record breaks it only
where what it asks is known and is not so: a comparison with what holds nothing breaks no check.
(``price < 500`` is silent of a record without a price; ``price is not null`` is not.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ispmig_pipelines.condition import (
    ColumnName,
    Condition,
    Operand,
    columns_of,
    evaluate,
    fields_of,
    refuted,
)
from ispmig_pipelines.issues import CHECK, IssueLog, Severity


@dataclass(frozen=True)
class OwnCheck:
    """What a spec demands of an entity's records.

    Attributes:
        entity, name: make its code.
        must: what must hold, over the entity's fields and the source's columns.
        when: the records it is about; None: all.
        severity: what breaking it does.
        message: what is told of records that break it.
        source: the only source whose records it is about; "": all that feed the entity.
    """

    entity: str
    name: str
    must: Condition
    when: Condition | None = None
    severity: Severity = Severity.ERROR
    message: str = ""
    source: str = ""

    @property
    def code(self) -> str:
        """``check.service.price_plausible``."""
        return f"{CHECK}{self.entity}.{self.name}"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it reads."""
        return tuple(dict.fromkeys(o.field for c in self._conditions for o in fields_of(c)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns it reads, as the spec writes them."""
        return tuple(dict.fromkeys(name for c in self._conditions for name in columns_of(c)))

    @property
    def of_records(self) -> bool:
        """It is about the records of a source, not about rows: it asks for their columns too."""
        return bool(self.source or self.columns)

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return (self.must,) if self.when is None else (self.must, self.when)


def judged(checks: Sequence[OwnCheck], fields: Sequence[str], partial: bool) -> list[OwnCheck]:
    """The checks that are put to a block: to one that completes rows which exist elsewhere, only
    those of which it maps every field. (What is asked of fields of several blocks is put to whole
    rows, in the database.)"""
    return [c for c in checks if not partial or set(c.fields) <= set(fields)]


def check(
    checks: Sequence[OwnCheck],
    fields: Mapping[str, pa.Array],
    cells: Callable[[ColumnName], pa.Array],
    log: IssueLog,
    column_names: Mapping[str, str],
    wrong: Mapping[str, np.ndarray],
    types: Mapping[str, pa.DataType],
) -> None:
    """Adds to ``log`` every record that breaks a check.

    Args:
        fields: the mapped fields; as long as the log's batch. One that is not mapped is empty.
        cells: gives a column's trimmed cells, or the days that they are, as the check reads
            them; null where they mean nothing.
        column_names: field → the legacy columns it comes from.
        wrong: field → mask of the cells that are no value, or not one the field may hold: of
            these a check says nothing.
        types: field → its Arrow type.
    """
    size = len(log.rejected)

    def column(operand: Operand) -> pa.Array:
        if isinstance(operand, ColumnName):
            return cells(operand)
        if operand.field in fields:
            return fields[operand.field]
        return pa.nulls(size, types[operand.field])

    for own in checks:
        breaking = refuted(own.must, column, size)
        if own.when is not None and breaking.any():
            breaking = breaking & evaluate(own.when, column, size)
        for field in own.fields:
            breaking = breaking & ~wrong.get(field, False)
        about = [column_names.get(o.field, "") for o in fields_of(own.must)]
        about += columns_of(own.must)
        log.add(
            own.code,
            breaking,
            column=", ".join(dict.fromkeys(name for name in about if name)),
            field=", ".join(dict.fromkeys(o.field for o in fields_of(own.must))),
            accepted=own.message,
            severity=own.severity,
        )
