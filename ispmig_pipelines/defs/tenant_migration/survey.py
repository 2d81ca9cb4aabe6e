"""Survey: how staged sources write their values, and the tables that are looked up in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

from ispmig_pipelines.defs.tenant_migration.extract import read_cells, records_of
from ispmig_pipelines.defs.tenant_migration.manifests import StagedSource
from ispmig_pipelines.defs.tenant_migration.progress import Begin
from ispmig_pipelines.errors import SpecQuestions
from ispmig_pipelines.mapping.lookup_table import (
    LookupTable,
    LookupTables,
    TableBuilder,
    telling_line,
)
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.mapping.survey import Styles, Survey
from ispmig_pipelines.staging import Staging


def survey(
    spec: Spec, sources: Mapping[str, StagedSource], staging: Staging, progress: Begin
) -> Styles:
    """Looks through every source for what the spec leaves open.

    Raises:
        SpecQuestions: something stays open; all questions are asked at once.
        SpecError: a table to look up in contradicts itself.
    """
    styles: Styles = {}
    questions: list[str] = []
    for name in dict.fromkeys(feed.source for feed in spec.feeds):
        source = sources[name]
        found = Survey(spec, name, source.columns, lookup_tables(spec, [name], sources, staging))
        if not found.columns_needed:
            continue
        files = {file.index: PurePath(file.path).name for file in source.files}
        told = progress(name, source.readable)
        for _, batch in read_cells(staging, source, list(found.columns_needed)):
            if batch.num_rows:
                index = batch.column(0)[0].as_py()
                found.add(records_of(source, batch), files[index], source.records_before(index))
            told.advance(batch.num_rows)
        told.done()
        settled, asked = found.settled()
        styles |= settled
        questions += asked
    if questions:
        raise SpecQuestions(questions)
    return styles


def lookup_tables(
    spec: Spec, feeding: Collection[str], sources: Mapping[str, StagedSource], staging: Staging
) -> LookupTables:
    """The tables that mappings of some sources look up in, from what is staged.

    Args:
        feeding: names of the sources whose feeds are to be mapped.
        sources: all that are staged, by name.

    Raises:
        SpecError: a table contradicts itself, or has too many rows to be held.
    """
    wanted = {
        table.identity
        for feed in spec.feeds
        if feed.source in feeding
        for mapping in feed.mappings
        if mapping.lookup_table is not None
        for table in mapping.lookup_table.chain
    }
    tables: dict[tuple[Any, ...], LookupTable] = {}
    for definition in spec.lookup_tables:
        if definition.identity not in wanted:
            continue
        source = sources[definition.source]
        builder = TableBuilder(definition, spec.defaults.null_words, spec.defaults.trim)
        columns = [find_column(name, source.columns) or name for name in definition.columns]
        files = {file.index: PurePath(file.path).name for file in source.files}
        with telling_line(spec, definition):
            for _, batch in read_cells(staging, source, columns):
                if batch.num_rows:
                    records = records_of(source, batch)
                    file = files[batch.column(0)[0].as_py()]
                    builder.add(records.cells, records.record, file)
            tables[definition.identity] = builder.finish()
    # The last of a chain first, so that each finds the whole of what comes after it.
    for definition in sorted(spec.lookup_tables, key=lambda table: len(table.chain)):
        if definition.identity in wanted and definition.then is not None:
            after = tables[definition.then.identity]
            tables[definition.identity] = tables[definition.identity].then(after)
    return tables
