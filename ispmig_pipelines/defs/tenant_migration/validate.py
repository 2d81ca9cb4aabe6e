"""Validate: what mapping could convert is held against the entity's Pandera model, its business
rules and the spec's own checks.

The mapped table stays as it is; validation adds a verdict per record beside it and issues
behind those of mapping.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from ispmig_pipelines.condition import ColumnName
from ispmig_pipelines.defs.tenant_migration.extract import (
    POSITION,
    positions,
    read_cells,
    records_of,
)
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed
from ispmig_pipelines.defs.tenant_migration.map import (
    LEFT_OUT,
    OK,
    unreadable,
    watched,
    without_left_out,
)
from ispmig_pipelines.defs.tenant_migration.progress import Progress
from ispmig_pipelines.issues import ISSUE_SCHEMA, IssueLog, Severity
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.condition_cells import cells_of
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.business_rule import BusinessRule
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.staging import Staging
from ispmig_pipelines.validation import business, fields, own_checks
from ispmig_pipelines.validation.own_checks import OwnCheck

VERDICT_SCHEMA = pa.schema([pa.field(OK, pa.bool_(), nullable=False)])
"""One row per record of the mapped table, in the same batches: it may be loaded."""


@dataclass(frozen=True)
class Demands:
    """What a spec demands of the records besides what the model does.

    Attributes:
        checks: its own checks, but for those that are put to whole rows.
        severities: rule code → the severity that it gives a rule.
        null_words: cells of columns that mean nothing.
        date_formats: how columns that checks compare with days write them, where none says it.
        today: the day of the migration.
        elsewhere: rules that are put to whole rows, in the database.
    """

    checks: tuple[OwnCheck, ...]
    severities: Mapping[str, Severity]
    null_words: tuple[str, ...]
    date_formats: tuple[str, ...]
    today: dt.date
    elsewhere: Collection[BusinessRule] = ()


def demands_of(spec: Spec, entity: str, feeds: Sequence[MappedFeed], started: float) -> Demands:
    """What a spec demands of the feeds of an entity; ``started`` is the Unix time at which the
    migration began."""
    info, blocks = ENTITIES[entity], [(feed.fields, feed.partial) for feed in feeds]
    return Demands(
        checks=tuple(
            check
            for check in spec.checks
            if check.entity == entity
            and (check.of_records or not info.is_said_by_several(check.fields, blocks))
        ),
        severities=spec.severities,
        null_words=spec.defaults.null_words,
        date_formats=spec.defaults.date_format or (),
        today=dt.datetime.fromtimestamp(started, dt.UTC).date(),
        elsewhere=info.rules_of_several(blocks),
    )


def validate_feed(
    mapped: MappedFeed, staging: Staging, progress: Progress, demands: Demands
) -> MappedFeed:
    """Validates a mapped feed, or a part of it; returns it with the counts after validation.

    Raises:
        StorageError: no space, or the mapped table is gone.
    """
    judge = _Judge(mapped, demands)
    rejected, issues = 0, mapped.issues
    (verdict,), (finding,) = mapped.staged("verdict"), mapped.staged("findings")
    with (
        staging.write(verdict, VERDICT_SCHEMA) as verdicts,
        staging.write(finding, ISSUE_SCHEMA) as findings,
    ):
        for batch, cells in judge.with_cells(staging):
            log = judge.judged(batch, cells)
            ok = np.asarray(batch.column(OK)) & ~log.rejected
            verdicts.write(pa.RecordBatch.from_arrays([pa.array(ok)], schema=VERDICT_SCHEMA))
            told = without_left_out(
                log.to_arrow(*batch.columns[: len(POSITION)]), batch, batch.column(LEFT_OUT)
            )
            if told.num_rows:
                findings.write(told)
            rejected += int(batch.num_rows - ok.sum())
            issues += told.num_rows
            progress.advance(batch.num_rows)
    progress.done()
    return replace(mapped, rejected=rejected, issues=issues)


class _Judge:
    """What is put to every batch of a mapped feed."""

    def __init__(self, mapped: MappedFeed, demands: Demands) -> None:
        self._mapped = mapped
        self._demands = demands
        self._info = ENTITIES[mapped.entity]
        self._types = {name: field.arrow_type for name, field in self._info.fields.items()}
        self._checks = own_checks.judged(
            [check for check in demands.checks if check.source in ("", mapped.source.name)],
            mapped.fields,
            mapped.partial,
        )
        named = [name for check in self._checks for name in check.columns]
        # That the source has them was seen before it was mapped.
        self._columns = {n: find_column(n, mapped.source.columns) or n for n in named}

    def with_cells(self, staging: Staging) -> Iterator[tuple[pa.RecordBatch, SourceCells | None]]:
        """The mapped batches, each with the cells of the same records that checks ask for."""
        mapped = staging.read(self._mapped.staged("mapped"))
        if not self._columns:
            for batch in mapped:
                yield batch, None
            return
        source = self._mapped.source
        wanted = list(dict.fromkeys(self._columns.values()))
        # A mapped batch answers to a staged one, of which it may have some records only.
        (part,) = self._mapped.parts
        read = read_cells(staging, source, wanted, part)
        for batch, (_, staged) in zip(mapped, read, strict=True):
            taken = np.isin(positions(staged), positions(batch))
            yield batch, SourceCells(records_of(source, staged.filter(pa.array(taken))).cells)

    def judged(self, batch: pa.RecordBatch, cells: SourceCells | None) -> IssueLog:
        """What is wrong with the records of a batch."""
        mapped, demands = self._mapped, self._demands
        log = IssueLog(batch.num_rows)
        said = fields.check(
            self._info,
            frame_of(batch, self._info, mapped.fields),
            log,
            columns_of=mapped.columns,
            found={},
            converted_badly={
                f: np.asarray(batch.column(unreadable(f)))
                for f in watched(mapped.entity, mapped.fields)
            },
            partial=mapped.partial,
        )
        columns = {f: batch.column(f) for f in mapped.fields}
        business.check(
            self._info,
            columns,
            log,
            mapped.columns,
            said,
            partial=mapped.partial,
            today=demands.today,
            severities=demands.severities,
            elsewhere=demands.elsewhere,
        )

        def column(operand: ColumnName) -> pa.Array:
            assert cells is not None  # noqa: S101 - there are columns to be asked for
            return cells_of(
                operand,
                cells,
                self._columns[operand.name],
                null_words=demands.null_words,
                date_formats=demands.date_formats,
            )

        own_checks.check(self._checks, columns, column, log, mapped.columns, said, self._types)
        return log


def frame_of(batch: pa.RecordBatch, info: EntityInfo, fields: tuple[str, ...]) -> pd.DataFrame:
    """The named columns of a mapped batch as the frame that the model describes."""
    return pd.DataFrame(
        # Ten times as fast here as pd.Series(column, dtype=…).
        {f: info.fields[f].pandas_dtype.__from_arrow__(batch.column(f)) for f in fields},  # type: ignore[attr-defined]
        copy=False,
    )
