"""Rows of an entity, judged as a migration judges them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from ispmig_pipelines.issues import IssueLog, Severity
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.validation import business, fields
from ispmig_pipelines_tests.model.sound import TODAY


def batch_of(entity: EntityInfo, rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    """The columns of some rows: of every field that one of them has."""
    return {
        name: pa.array([row.get(name) for row in rows], info.arrow_type)
        for name, info in entity.fields.items()
        if any(name in row for row in rows)
    }


def judged(
    entity: EntityInfo,
    rows: Sequence[Mapping[str, Any]],
    *,
    partial: bool = False,
    severities: Mapping[str, Severity] | None = None,
) -> IssueLog:
    """What is wrong with the rows, by their cells, their rules and their business rules."""
    columns = batch_of(entity, rows)
    frame = pd.DataFrame(
        {f: entity.fields[f].pandas_dtype.__from_arrow__(a) for f, a in columns.items()}  # type: ignore[attr-defined]
    )
    log = IssueLog(len(rows))
    names = {field: field.upper() for field in columns}
    said = fields.check(entity, frame, log, names, {}, partial)
    business.check(
        entity, columns, log, names, said,
        partial=partial, today=TODAY, severities=severities or {},
    )  # fmt: skip
    return log


def issues(log: IssueLog) -> list[dict[str, Any]]:
    """The issues, each with the number of its row from 0 as its record."""
    size = len(log.rejected)
    position = pa.array(range(size), pa.int64())
    return log.to_arrow(pa.array([0] * size, pa.int32()), position, position).to_pylist()


def codes(log: IssueLog, severity: Severity | None = None) -> list[str]:
    """The rules that were broken, in order of row."""
    return [i["rule"] for i in issues(log) if severity is None or i["severity"] == severity]
