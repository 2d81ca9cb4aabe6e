"""Every example of ``docs/transforms.md`` does what the page says, and every step has one."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines.mapping.lookup_table import LookupTable, TableBuilder
from ispmig_pipelines.mapping.spec_models import ORIGINS, FieldMapping, lookup_tables_of
from ispmig_pipelines.mapping.transform.models import STEP_NAMES, model_of
from ispmig_pipelines.mapping.yaml_document import read_yaml
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.mapping.test_spec_docs import Example, examples, outcome_of

PAGE = (PROJECT / "docs" / "transforms.md").read_text(encoding="utf-8")
EXAMPLES = examples(PAGE)


def mappings(example: Example) -> list[FieldMapping]:
    fields = read_yaml(example.mapping).data
    return [FieldMapping.model_validate(raw) for raw in fields.values()]


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's Python modules on the path, and allowed; the key of its hash."""
    names = []
    for name, code in re.findall(r"```python (\w+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        names.append(name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ISPMIG_PLUGINS", ", ".join(names))
    monkeypatch.setenv("HASH_KEY", "a key that nobody guesses")
    settings.cache_clear()
    yield
    settings.cache_clear()
    for name in names:
        sys.modules.pop(name, None)


def tables(example: Example) -> dict[tuple[object, ...], LookupTable]:
    sources = {
        name: list(csv.reader(text.splitlines()))
        for name, text in re.findall(r"```csv (\w+)\n(.*?)```", PAGE, re.DOTALL)
    }
    found = {}
    for definition in lookup_tables_of(mappings(example)):
        head, *rows = sources[definition.source]
        builder = TableBuilder(definition)
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        builder.add(pa.RecordBatch.from_arrays(columns, names=head))
        found[definition.identity] = builder.finish()
    return found


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.entity}.{e.field}: {e.mapping}")
def test_an_example_does_what_the_page_says(example: Example) -> None:
    got = outcome_of(example, ["tariffs"], tables(example))
    assert got == [row[-1] for row in example.rows]
    assert example.rows


def test_every_step_and_each_of_its_options_is_in_an_example_or_a_table() -> None:
    shown = " ".join(example.mapping for example in EXAMPLES)
    headings = " ".join(re.findall(r"^### (.*)$", PAGE, re.MULTILINE)).replace(",", "").split()
    assert sorted(headings) == sorted(STEP_NAMES)
    for name in STEP_NAMES:
        assert re.search(rf"\b{name}\b", shown), name
        model = model_of(name)
        for option, field in model.model_fields.items() if model else ():
            key = field.alias or option
            assert f"{key}:" in shown or f"`{key}`" in PAGE, f"{name}.{key}"
    for origin in ORIGINS:
        assert f"`{origin}`" in PAGE


def test_every_option_of_a_table_is_on_the_page() -> None:
    from ispmig_pipelines.mapping.spec_models import Sequence, TableLookup

    for model in (TableLookup, Sequence):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE, name
