"""What Dagster shows of a dry run's report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from ispmig_pipelines.preview import report


def metadata(made: report.Report, place: Path) -> dict[str, Any]:
    """What Dagster may know of a report: where it lies, and counts; no cell, no value."""
    return {
        "report": MetadataValue.path(place),
        "issues by rule": _table(
            {"entity": "string", "rule": "string", "column": "string", "field": "string",
             "records": "int"},
            [
                (entity.name, group.rule, group.column, group.field, group.records)
                for entity in made.entities
                for group in entity.issues
            ],
        ),
        "fields filled": _table(
            {"entity": "string", "field": "string", "from": "string", "filled": "int",
             "records": "int"},
            [
                (entity.name, one.name, ", ".join(one.columns) or "the spec", one.filled,
                 block.records)
                for entity in made.entities
                for block in entity.blocks
                for one in block.fields
            ],
        ),
        "changes per field": _table(
            {"entity": "string", "field": "string", "rows": "int"},
            [
                (entity.name, name, rows)
                for entity in made.entities
                for name, rows in entity.changes.fields.items()
            ],
        ),
        "unmapped columns": _table(
            {"source": "string", "column": "string", "filled": "int",
             "records": "int"},
            [
                (source.name, column.name, column.filled, source.records)
                for source in made.sources
                for column in source.columns
                if column.goes_to == "legacy"
            ],
        ),
    }  # fmt: skip


def _table(columns: Mapping[str, str], rows: Sequence[tuple[str | int, ...]]) -> MetadataValue:
    return MetadataValue.table(
        [TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
        schema=TableSchema([TableColumn(name, kind) for name, kind in columns.items()]),
    )
