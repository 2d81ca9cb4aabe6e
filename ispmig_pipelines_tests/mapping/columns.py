"""Short ways to convert a few cells and to map a small table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.apply import Mapped, prepare
from ispmig_pipelines.mapping.convert import Converted, converter
from ispmig_pipelines.mapping.spec import Spec, parse_spec
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import FieldInfo, FieldType


def info(type_: FieldType, **rest: Any) -> FieldInfo:
    return FieldInfo(type_, "A field.", **rest)


def converted(field: FieldInfo | FieldType, cells: Sequence[str | None], **style: Any) -> Converted:
    field = field if isinstance(field, FieldInfo) else info(field)
    return converter(field, Style(**style))(pa.array(cells, pa.string()))


def one(field: FieldInfo | FieldType, cell: str, **style: Any) -> Any:
    """The value of one cell, or the code of the rule that refuses it."""
    result = converted(field, [cell], **style)
    for refusal in result.refusals:
        if refusal.is_error:
            assert result.values[0].as_py() is None
            return refusal.rule
    return result.values[0].as_py()


def as_text(field: FieldInfo | FieldType, cell: str, **style: Any) -> str | None:
    value = one(field, cell, **style)
    return None if value is None else str(value)


def records(table: Mapping[str, Sequence[str | None]], first: int = 1) -> Records:
    columns = [pa.array(cells, pa.string()) for cells in table.values()]
    size = len(columns[0])
    return Records(
        cells=pa.RecordBatch.from_arrays(columns, names=list(table)),
        record=pa.array(range(first, first + size), pa.int64()),
        line=pa.array(range(first + 1, first + 1 + size), pa.int64()),
    )


def spec_of(text: str) -> Spec:
    return parse_spec(text, Path("spec.yaml"))


def mapped(text: str, table: Mapping[str, Sequence[str | None]], feed: int = 0) -> Mapped:
    """Maps a table with one feed of a spec."""
    spec = spec_of(text)
    plan = prepare(spec, spec.feeds[feed], list(table))
    return plan.apply(records(table))


def rules(result: Mapped) -> list[tuple[int, str, str]]:
    """(record, rule, column) of every issue."""
    size = len(result.frame)
    ordinals = pa.array(range(1, size + 1), pa.int64())
    batch = result.log.to_arrow(pa.repeat(pa.scalar(0, pa.int32()), size), ordinals, ordinals)
    return [(r["record"], r["rule"], r["column"]) for r in batch.to_pylist()]
