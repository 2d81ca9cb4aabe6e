"""What was found of staged records goes into the tenant's quarantine and issues.

Records that the database's checks moved out lie in a feed's rejects, what is told of records in
its notes; here both become rows of ``_quarantine`` and ``_issues``, with the original cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath

import psycopg
import pyarrow as pa
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.issues import ISSUE_SCHEMA, mask_array, rule_of
from ispmig_pipelines.platform import journal, ledger, quarantine
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.let_go import ANONYMISED, WITHOUT_CELLS
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.tenants import as_tenant

_AT_A_TIME = 20_000

Cells = Callable[[list[tuple[int, int]]], Iterator[str]]


def copy_issues(
    driver: psycopg.Connection, table: FeedTable, issues: Iterator[pa.RecordBatch]
) -> None:
    """Appends batches of ``ISSUE_SCHEMA`` to the tenant's issues."""
    copy_batches(
        driver,
        sql.Identifier(table.tenant.schema, journal.ISSUES),
        (
            quarantine.issues_batch(batch, table.migration, table.entity, table.index)
            for batch in issues
        ),
    )


class OtherRecords:
    """The names of records that findings name, of this migration and of earlier ones."""

    def __init__(self, connection: Connection, table: FeedTable) -> None:
        self._connection = connection
        self._files: dict[int, Mapping[int, str]] = {table.migration: table.files}
        self._migration = table.migration

    def named(self, place: str) -> str:
        """``record 60 of balances.csv``, from ``migration:file:record``."""
        migration, file, record = place.split(":")
        of = int(migration) if migration else self._migration
        name = self._of(of).get(int(file), f"file {int(file) + 1}")
        return f"record {record} of {name}" + (f" in migration {of}" if migration else "")

    def _of(self, migration: int) -> Mapping[int, str]:
        if migration not in self._files:
            entry = ledger.migration(self._connection, migration)
            self._files[migration] = {f["index"]: PurePath(f["path"]).name for f in entry.files}
        return self._files[migration]


def tell(
    driver: psycopg.Connection, connection: Connection, table: FeedTable, cells: Cells
) -> None:
    """Writes a feed's rejects and notes, in the current transaction, as the tenant's role.

    Args:
        driver, connection: one and the same session.
        cells: original cells, as JSON, of records at ascending positions.
    """
    others = OtherRecords(connection, table)
    for rows in _rejects(driver, table):
        issues = _issues_of_rejects(table, rows, others)
        with as_tenant(driver, table.tenant):
            batch = _quarantined(table, rows, cells)
            copy_batches(
                driver, sql.Identifier(table.tenant.schema, journal.QUARANTINE), iter([batch])
            )
            copy_issues(driver, table, iter([issues]))
    _tell_notes(driver, table, others)


def _rejects(driver: psycopg.Connection, table: FeedTable) -> Iterator[list[tuple]]:
    """Chunks of a feed's rejects at ascending positions, which are sorted once."""
    with driver.cursor("rejects") as cursor:
        cursor.execute(
            sql.SQL(
                """select _file, _record, _line, key::text, amounts::text, rule, field, accepted,
                          other, rule = any(%s) or (_file, _record) in (
                              select _file, _record from {} where rule = %s)
                   from {} order by _file, _record"""
            ).format(table.notes, table.rejects),
            [list(WITHOUT_CELLS), ANONYMISED],
        )
        while rows := cursor.fetchmany(_AT_A_TIME):
            yield rows


def _quarantined(table: FeedTable, rows: Sequence[tuple], cells: Cells) -> pa.RecordBatch:
    file, record, line, key, amounts, *_, gone = map(list, zip(*rows, strict=True))
    size = len(rows)
    original: list[str | None] = list(cells(list(zip(file, record, strict=True))))
    # Of people who are not to be kept nothing is.
    key = [None if none else one for one, none in zip(key, gone, strict=True)]
    kept = [None if none else one for one, none in zip(original, gone, strict=True)]
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(table.migration, pa.int64()), size),
            pa.repeat(pa.scalar(table.entity, pa.string()), size),
            pa.repeat(pa.scalar(table.index, pa.int32()), size),
            pa.array(file, pa.int32()),
            pa.array(record, pa.int64()),
            pa.array(line, pa.int64()),
            pa.array(key, pa.string()),
            pa.array(kept, pa.string()),
            pa.nulls(size, pa.string()),
            pa.array(amounts, pa.string()),
        ],
        schema=quarantine.QUARANTINE_SCHEMA,
    )


def _issues_of_rejects(
    table: FeedTable, rows: Sequence[tuple], others: OtherRecords
) -> pa.RecordBatch:
    told = [
        (file, record, line, rule, rule_of(rule).severity.value, field, accepted, other, None)
        for file, record, line, _, _, rule, field, accepted, other, _ in rows
        if rule is not None
    ]
    return _issues(table, told, others)


def _tell_notes(driver: psycopg.Connection, table: FeedTable, others: OtherRecords) -> None:
    with driver.cursor("notes") as cursor:
        cursor.itersize = _AT_A_TIME
        cursor.execute(
            sql.SQL(
                """select _file, _record, _line, rule, severity, field, accepted, other, found
                   from {} order by _file, _record"""
            ).format(table.notes)
        )
        while rows := cursor.fetchmany(_AT_A_TIME):
            issues = _issues(table, rows, others)
            with as_tenant(driver, table.tenant):
                copy_issues(driver, table, iter([issues]))


def _issues(table: FeedTable, rows: Sequence[tuple], others: OtherRecords) -> pa.RecordBatch:
    if not rows:
        return pa.RecordBatch.from_pylist([], schema=ISSUE_SCHEMA)
    file, record, line, rule, severity, field, accepted, other, found = map(
        list, zip(*rows, strict=True)
    )
    return pa.RecordBatch.from_arrays(
        [
            pa.array(file, pa.int32()),
            pa.array(record, pa.int64()),
            pa.array(line, pa.int64()),
            pa.array(rule, pa.string()),
            pa.array(severity, pa.string()),
            pa.array([_columns(table, fields) for fields in field], pa.string()),
            pa.array(field, pa.string()),
            mask_array(pa.array(found, pa.string())),
            pa.array(
                [
                    words if place is None else words.replace("{other}", others.named(place))
                    for words, place in zip(accepted, other, strict=True)
                ],
                pa.string(),
            ),
        ],
        schema=ISSUE_SCHEMA,
    )


def _columns(table: FeedTable, fields: str) -> str:
    """The source columns of a list of fields."""
    named = (table.columns.get(f, "") for f in fields.split(", "))
    return ", ".join(dict.fromkeys(c for c in named if c))
