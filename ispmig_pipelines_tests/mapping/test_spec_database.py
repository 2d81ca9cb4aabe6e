"""A source of a spec that is a live database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.mapping.spec_schema import spec_schema

HEAD = "version: 1\nsources:\n  people:\n"
REST = "entities: {customer: {from: people, fields: {account_number: no}}}\n"
URL = "postgresql://reader:${LEGACY_PASSWORD}@db.example.net/billing"


def spec(*lines: str) -> Any:
    text = HEAD + "".join(f"    {line}\n" for line in lines) + REST
    return parse_spec(text, Path("spec.yaml"))


@pytest.mark.parametrize(
    "lines",
    [
        (f"database: {URL}", "table: customers"),
        (f"database: {URL}", "table: billing.customers", "encoding: koi8-u"),
        (f"database: {URL}", "query: select * from customers where deleted = 0"),
        ("database: sqlite:///billing.sqlite", "table: customers"),
        ("database: ${LEGACY_DATABASE}", "table: customers"),
    ],
)
def test_a_table_or_a_query_of_it(lines: tuple[str, ...]) -> None:
    assert spec(*lines).source_files("people") == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((), "files is missing"),
        (("table: customers",), "files is missing; or write database"),
        ((f"database: {URL}", "table: a", "files: a.csv"), "says both files and database"),
        ((f"database: {URL}",), "needs a table or a query"),
        ((f"database: {URL}", "table: a", "query: select 1"), "needs a table or a query"),
        (("files: a.csv", "query: select 1"), "query is for a database"),
        ((f"database: {URL}", "table: a", "format: csv", "csv: {delimiter: ;}"),
         "csv, format is for files"),
        (("database: postgresql://u:hunter2@db/b", "table: a"), "has a password written out"),
        (("database: mysql://u:12/ter2@db/b", "table: a"), "cannot be read as scheme://"),
        (("database: access://u@db/b", "table: a"), "begins with access://, which is not read"),
        (("databse: sqlite:///a.db", "table: a"), "did you mean 'database'?"),
    ],
)  # fmt: skip
def test_mistakes_are_told_on_their_line(lines: tuple[str, ...], told: str) -> None:
    if not lines:
        lines = ("encoding: utf-8",)
    with pytest.raises(SpecError) as raised:
        spec(*lines)
    assert told in str(raised.value)
    assert "ter2" not in str(raised.value)
    assert all(line.startswith("spec.yaml:") for line in raised.value.problems)


def test_an_editor_knows_it_too() -> None:
    validator = jsonschema.Draft202012Validator(spec_schema())

    def mistakes(source: dict[str, Any]) -> list[Any]:
        return list(
            validator.iter_errors(
                {
                    "version": 1,
                    "sources": {"people": source},
                    "entities": {
                        "customer": {"from": "people", "fields": {"account_number": "no"}}
                    },
                }
            )
        )

    assert not mistakes({"database": URL, "table": "customers"})
    assert not mistakes({"files": "a.csv"})
    assert mistakes({"table": "customers"})
    assert mistakes({"files": "a.csv", "database": URL})
