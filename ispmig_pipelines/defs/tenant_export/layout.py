"""From rows of an entity to the columns of a file, as the model has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa

from ispmig_pipelines.formats.writing import Column, Kind, Table
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.platform.ddl import LEGACY

_KINDS = {
    FieldType.INTEGER: Kind.INTEGER,
    FieldType.DATA_RATE: Kind.INTEGER,
    FieldType.MONEY: Kind.DECIMAL,
    FieldType.COORDINATE: Kind.DECIMAL,
    FieldType.RATE: Kind.DECIMAL,
    FieldType.QUANTITY: Kind.DECIMAL,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.DATE: Kind.DATE,
    FieldType.TIMESTAMP: Kind.TIMESTAMP,
    FieldType.TIME: Kind.TIME,
}
_LENGTHS = {FieldType.COUNTRY: 2, FieldType.CURRENCY: 3, FieldType.MAC: 17, FieldType.UUID: 36}


@dataclass(frozen=True)
class Layout:
    """What becomes of an entity's rows.

    Attributes:
        table: what is written.
        read: fields (and ``legacy``) that are needed for it.
        shape: those columns of a batch of rows → the table's.
    """

    table: Table
    read: tuple[str, ...]
    shape: Callable[[pa.RecordBatch], pa.RecordBatch]


def plain(entity: str, fields: tuple[str, ...], format: str) -> Layout:
    """The entity's own fields, under their own names."""
    info = ENTITIES[entity]
    columns = tuple(
        _legacy(format) if name == LEGACY else _column(name, info.fields[name]) for name in fields
    )
    key = info.key if set(info.key) <= set(fields) else ()
    return Layout(Table(entity, columns, key), fields, lambda batch: batch.select(list(fields)))


def renamed(entity: str, field: str, name: str) -> Column:
    """A field's column under another name."""
    return replace(_column(field, ENTITIES[entity].fields[field]), name=name)


def _column(name: str, info: FieldInfo) -> Column:
    kind = _KINDS.get(info.type, Kind.TEXT)
    if kind is Kind.DECIMAL:
        decimal = info.arrow_type
        return Column(name, kind, precision=decimal.precision, scale=decimal.scale)
    longest = max(map(len, info.choices), default=None) or info.max_length
    if kind is not Kind.TEXT:
        return Column(name, kind)
    return Column(name, kind, max_length=_LENGTHS.get(info.type, longest))


def _legacy(format: str) -> Column:
    # In JSON and XML a JSON document would become part of theirs, and be read as columns.
    return Column(LEGACY, Kind.JSON if format == "sql" else Kind.TEXT)
