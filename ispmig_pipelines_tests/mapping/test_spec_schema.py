"""The published JSON Schema is made from the model, and knows what the loader knows."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from ispmig_pipelines.mapping.spec_schema import spec_schema, spec_schema_text
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.mapping.columns import spec_of
from ispmig_pipelines_tests.mapping.test_spec import EXAMPLE

SCHEMA = spec_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def as_an_editor_reads(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_the_published_schema_is_up_to_date() -> None:
    published = (PROJECT / "docs" / "spec.schema.json").read_text(encoding="utf-8")
    assert published == spec_schema_text(), (
        "run python -m ispmig_pipelines.mapping.spec_schema > docs/spec.schema.json"
    )


def test_every_entity_and_field_is_in_it_with_its_description() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert list(SCHEMA["properties"]["entities"]["properties"]) == list(ENTITIES)
    for name, entity in ENTITIES.items():
        fields = SCHEMA["$defs"][name]["properties"]["fields"]["properties"]
        assert list(fields) == list(entity.fields)
        for field, info in entity.fields.items():
            assert fields[field]["description"].startswith(info.doc)


def test_it_accepts_the_example() -> None:
    # YAML's own reading of these words is another than the spec's: quoted they are the same.
    example = EXAMPLE.replace("NULL", '"NULL"').replace("Yes:", '"Yes":').replace("~:", '"~":')
    example = example.replace("01:", '"01":').replace("1e5:", '"1e5":')
    spec_of(example)
    assert list(VALIDATOR.iter_errors(as_an_editor_reads(example))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 1", "version: 2"),
        ("  customer:\n", "  custmer:\n"),
        ("kind: {constant: person}", "kind: {constant: persn}"),
        ("last_name: {columns", "lst_name: {columns"),
        ("last_name: {columns", "last_name: {column: A, columns"),
        ("balance: {column: Open, positive_is: credit", "balance: {column: Open"),
        ("positive_is: credit", "positive_is: owed"),
        ("files: exports/subscribers*.csv", "file: exports/subscribers*.csv"),
        ("fields: {service_code: CustNo, ", "fields: {"),
        ("from: balances", "form: balances"),
        ("encoding: windows-1252", "format: tsv"),
    ],
)
def test_it_refuses_mistakes(right: str, wrong: str) -> None:
    text = EXAMPLE.replace("~: lead", "x: lead").replace(right, wrong, 1)
    assert wrong in text
    assert list(VALIDATOR.iter_errors(as_an_editor_reads(text)))
