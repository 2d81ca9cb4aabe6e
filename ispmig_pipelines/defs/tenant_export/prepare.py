"""Everything about an export that can be known to be wrong before anything is read."""

from __future__ import annotations

import pyarrow as pa

from ispmig_pipelines.defs.tenant_export.export import Transform
from ispmig_pipelines.defs.tenant_export.layout import Layout, renamed
from ispmig_pipelines.defs.tenant_export.request import Asked, Request, check
from ispmig_pipelines.formats.writing import Column, Table
from ispmig_pipelines.mapping.outward import Outward, OutwardColumn, load_outward
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.storage import open_storage


def prepared(asked: Asked) -> tuple[Request, Transform | None]:
    """What was asked for, checked.

    Raises:
        UsageError: something of it cannot be; SpecError: the transform has mistakes.
    """
    open_storage(asked.out)
    if asked.transform is None:
        return check(asked), None
    outward = load_outward(asked.transform)
    request = check(asked, outward.entities)
    layouts = {entity: _layout(outward, entity) for entity in request.fields}
    # What is read is what the columns are made of.
    read = {entity: layout.read for entity, layout in layouts.items()}
    return (
        Request(asked, read, request.conditions),
        Transform(outward.path.name, outward.digest, layouts),
    )


def _layout(outward: Outward, entity: str) -> Layout:
    columns = outward.columns(entity)
    read = tuple(dict.fromkeys(field for column in columns for field in column.fields))
    if not read:
        # Constants alone: one for each row all the same.
        read = ENTITIES[entity].key
    kinds = tuple(_column(entity, column) for column in columns)
    names = [column.name for column in columns]

    def shape(rows: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([c.apply(rows) for c in columns], names=names)

    return Layout(Table(entity, kinds), read, shape)


def _column(entity: str, column: OutwardColumn) -> Column:
    if column.is_plain:
        return renamed(entity, column.fields[0], column.name)
    return Column(column.name)
