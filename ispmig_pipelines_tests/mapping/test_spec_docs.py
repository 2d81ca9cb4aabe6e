"""Every example of ``docs/spec.md`` does what the page says, and the page knows every option."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.spec_models import (
    Block,
    Csv,
    Defaults,
    FieldMapping,
    Source,
    SpecDocument,
)
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


def examples() -> list[Example]:
    found = []
    for entity, mapping, table in _EXAMPLE.findall(PAGE):
        if entity == "spec":
            continue
        head, _, *lines = table.splitlines()
        *columns, field = _cells(head)
        rows = tuple(tuple(None if c == "*nothing*" else c for c in _cells(line)) for line in lines)
        found.append(Example(entity, mapping, tuple(columns), field, rows))
    return found


def test_the_page_has_its_examples() -> None:
    assert len(examples()) >= 20
    assert all(example.rows for example in examples())


@pytest.mark.parametrize("example", examples(), ids=lambda e: f"{e.entity}.{e.field}")
def test_an_example_does_what_the_page_says(example: Example) -> None:
    entity = ENTITIES[example.entity]
    keys = "".join(f"      {key}: KEY\n" for key in entity.key if f"{key}:" not in example.mapping)
    fields = "".join(f"      {line}\n" for line in example.mapping.splitlines())
    spec = spec_of(
        f"version: 1\nsources: {{s: {{files: x.csv}}}}\nentities:\n  {example.entity}:\n"
        f"    from: s\n    fields:\n{keys}{fields}"
    )
    table = {name: [row[i] for row in example.rows] for i, name in enumerate(example.columns)}
    table["KEY"] = [str(i) for i in range(len(example.rows))]
    plan = prepare(spec, spec.feeds[0], list(table))
    result = plan.apply(records(table))
    column = pa.array(result.frame[example.field], from_pandas=True)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s", tz="UTC"))
    values = pc.cast(column, pa.string()).to_pylist()
    said = {record: rule for record, rule, _ in rules(result)}
    outcome = [f"**{said[i]}**" if i in said else value for i, value in enumerate(values, start=1)]
    assert outcome == [row[-1] for row in example.rows]


def test_the_whole_spec_of_the_page_is_right() -> None:
    (whole,) = [text for kind, text, _ in _EXAMPLE.findall(PAGE) if kind == "spec"]
    assert len(spec_of(whole).feeds) == 4


@pytest.mark.parametrize("model", [SpecDocument, Defaults, Source, Csv, Block, FieldMapping])
def test_every_option_is_on_the_page(model: type) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE or f"`{field.alias or name}: " in PAGE, name
