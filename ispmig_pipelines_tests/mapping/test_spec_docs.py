"""Every example of ``docs/spec.md`` does what the page says, and the page knows every option."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ruamel.yaml import YAML

from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.block_models import Block, Rule, SpecDocument
from ispmig_pipelines.mapping.lookup_table import LookupTables
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines.mapping.source_models import Csv, Source
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping
from ispmig_pipelines.mapping.spec_schema import spec_schema
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.mapping.columns import records, rules, spec_of

PAGE = (PROJECT / "docs" / "spec.md").read_text(encoding="utf-8")
_EXAMPLE = re.compile(r"```yaml (\w+)\n(.*?)```\n((?:\|[^\n]*\n)*)", re.DOTALL)


@dataclass(frozen=True)
class Example:
    entity: str
    mapping: str
    columns: tuple[str, ...]
    field: str
    rows: tuple[tuple[str | None, ...], ...]


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def examples(page: str = PAGE) -> list[Example]:
    found = []
    for entity, mapping, table in _EXAMPLE.findall(page):
        if entity in ("spec", "entities"):
            continue
        (*columns, field), rows = _table(table)
        found.append(Example(entity, mapping, tuple(columns), field, rows))
    return found


def _table(table: str) -> tuple[tuple[str, ...], tuple[tuple[str | None, ...], ...]]:
    head, _, *lines = table.splitlines()
    rows = tuple(tuple(None if c == "*nothing*" else c for c in _cells(line)) for line in lines)
    return _cells(head), rows


def whole_examples() -> list[tuple[str, str]]:
    """(spec, table) of the examples that show whole blocks."""
    found = []
    steps = (PROJECT / "docs" / "transforms.md").read_text(encoding="utf-8")
    for kind, text, table in _EXAMPLE.findall(PAGE + steps):
        if kind == "entities":
            source = re.search(r"from: (\w+)", text)
            assert source is not None
            head = f"version: 1\nsources: {{{source[1]}: {{files: x.csv}}}}\n"
            found.append((head + text, table))
    return found


def test_the_page_has_its_examples() -> None:
    assert len(examples()) >= 20
    assert all(example.rows for example in examples())
    assert len(whole_examples()) >= 8


@pytest.mark.parametrize("example", examples(), ids=lambda e: f"{e.entity}.{e.field}")
def test_an_example_does_what_the_page_says(example: Example) -> None:
    assert outcome_of(example) == [row[-1] for row in example.rows]


def outcome_of(
    example: Example, sources: Sequence[str] = (), tables: LookupTables | None = None
) -> list[str | None]:
    """What the field of an example gets, or in bold the rule that refuses the record.

    ``sources`` are the names of others that it may look up in.
    """
    entity = ENTITIES[example.entity]
    keys = "".join(f"      {key}: KEY\n" for key in entity.key if f"{key}:" not in example.mapping)
    fields = "".join(f"      {line}\n" for line in example.mapping.splitlines())
    named = ", ".join(f"{name}: {{files: x.csv}}" for name in ["s", *sources])
    spec = spec_of(
        f"version: 1\nsources: {{{named}}}\nentities:\n  {example.entity}:\n"
        f"    from: s\n    fields:\n{keys}{fields}"
    )
    table = {name: [row[i] for row in example.rows] for i, name in enumerate(example.columns)}
    table["KEY"] = [str(i) for i in range(len(example.rows))]
    plan = prepare(spec, spec.feeds[0], list(table), tables=tables)
    result = plan.apply(records(table))
    said = {record: rule for record, rule, _ in rules(result)}
    return [
        f"**{said[i]}**" if i in said else value
        for i, value in enumerate(as_text(result.frame[example.field]), start=1)
    ]


def as_text(values: pd.Series) -> list[str | None]:
    column = pa.array(values, from_pandas=True)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s", tz="UTC"))
    elif pa.types.is_time(column.type):
        column = column.cast(pa.time32("s"))
    return pc.cast(column, pa.string()).to_pylist()


@pytest.mark.parametrize(("text", "table"), whole_examples())
def test_an_example_of_whole_blocks_does_what_the_page_says(text: str, table: str) -> None:
    head, rows = _table(table)
    spec = spec_of(text)
    outputs = [name for name in head if "." in name]
    source = {n: [row[i] for row in rows] for i, n in enumerate(head) if n not in outputs}
    got: dict[str, list[str | None]] = {name: ["*no record*"] * len(rows) for name in outputs}
    for feed in spec.feeds:
        plan = prepare(spec, feed, list(source))
        batch = records(source)
        wanted = plan.wanted(batch)
        mask = np.ones(len(rows), dtype=bool) if wanted is None else wanted
        result = plan.apply(kept(batch, mask))
        places = np.flatnonzero(mask)
        columns_of = {f"{feed.entity}.{f}": as_text(v) for f, v in result.frame.items()}
        if result.legacy is not None:
            columns_of[f"{feed.entity}.legacy"] = result.legacy.to_pylist()
        for name in set(outputs) & columns_of.keys():
            for place, value in zip(places, columns_of[name], strict=True):
                got[name][place] = value
        for record, rule, column in rules(result):
            for field, columns in result.columns_of.items():
                if columns and columns == column and f"{feed.entity}.{field}" in got:
                    got[f"{feed.entity}.{field}"][places[record - 1]] = f"**{rule}**"
    assert outputs
    assert got == {name: [row[head.index(name)] for row in rows] for name in outputs}


@pytest.mark.parametrize(("text", "table"), whole_examples())
def test_editors_take_the_examples_of_whole_blocks(text: str, table: str) -> None:
    validator = jsonschema.Draft202012Validator(spec_schema())
    assert list(validator.iter_errors(YAML(typ="safe").load(text))) == []


def test_the_whole_spec_of_the_page_is_right() -> None:
    (whole,) = [text for kind, text, _ in _EXAMPLE.findall(PAGE) if kind == "spec"]
    assert len(spec_of(whole).feeds) == 4


@pytest.mark.parametrize("model", [SpecDocument, Defaults, Source, Csv, Block, Rule, FieldMapping])
def test_every_option_is_on_the_page(model: type) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE or f"`{field.alias or name}: " in PAGE, name
