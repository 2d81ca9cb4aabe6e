"""Published JSON of other people, read as its owners read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.formats.json_files import Seen, read_all


def read(path: Path, **said: Any) -> dict[str, Seen]:
    with open_source(path, **said) as reader:
        return read_all(reader)


def suite(prefix: str) -> list[Path]:
    return sorted(p for p in corpus("json_testsuite").rglob(f"{prefix}_*.json"))


def test_what_the_suite_calls_valid_is_read() -> None:
    files = suite("y")
    assert len(files) == 95
    for path in files:
        found = read(path, format="json")
        assert not any(table.rejects for table in found.values()), path.name


def test_a_key_that_stands_twice_loses_nothing() -> None:
    for name in ("y_object_duplicated_key", "y_object_duplicated_key_and_value"):
        [path] = [p for p in suite("y") if p.stem == name]
        [table] = read(path, format="json").values()
        assert table.columns == ["a", "a_2"]
        assert table.rows == [("b", "b" if name.endswith("value") else "c")]


def test_what_the_suite_calls_invalid_is_refused_in_words() -> None:
    files = suite("n")
    assert len(files) == 188
    for path in files:
        with pytest.raises(SourceError) as caught:
            read(path, format="json")
        said = str(caught.value)
        assert path.name in said
        assert "line " in said or "0 bytes" in said, path.name


def test_what_the_suite_leaves_open_neither_crashes_nor_hangs() -> None:
    files = suite("i")
    assert len(files) == 35
    for path in files:
        for said in ({"format": "json"}, {"format": "json", "encoding": "utf-8"}):
            try:
                read(path, **said)
            except SourceError as error:
                assert path.name in str(error)  # noqa: PT017 - either way is right


def test_whatever_the_suite_holds_can_be_inspected() -> None:
    for path in suite("y") + suite("n") + suite("i"):
        try:
            inspect(path)
        except SourceError as error:
            assert path.name in str(error)  # noqa: PT017 - either way is right


@pytest.mark.slow
def test_every_response_of_the_ucrm_documentation(tmp_path: Path) -> None:
    source = corpus("json_ucrm") / "ucrm_api_get_response_examples.json"
    examples = json.loads(source.read_text())
    assert len(examples) == 146
    for i, example in enumerate(examples):
        path = tmp_path / f"{i}.json"
        path.write_text(json.dumps(example["response"], indent=2))
        found = read(path)
        assert sum(len(table.rejects) for table in found.values()) == 0
        response = example["response"]
        if isinstance(response, list) and all(isinstance(r, dict) for r in response):
            assert len(found[str(i)].rows) == len(response)
    assert len(read(source)["ucrm_api_get_response_examples"].rows) == 146


def test_a_ucrm_client_has_its_contacts_and_attributes_as_children(tmp_path: Path) -> None:
    source = corpus("json_ucrm") / "ucrm_api_get_response_examples.json"
    client = next(
        e["response"] for e in json.loads(source.read_text())
        if isinstance(e["response"], dict) and "contacts" in e["response"]
    )  # fmt: skip
    path = tmp_path / "client.json"
    path.write_text(json.dumps(client))
    found = read(path)
    assert len(found["client"].rows) == 1
    contacts = found["client.contacts"]
    assert len(contacts.rows) == len(client["contacts"])
    parent = contacts.columns.index("_parent_id")
    assert {row[parent] for row in contacts.rows} == {str(client["id"])}


def test_every_singer_stream() -> None:
    files = sorted(corpus("json_singer").glob("*.singer"))
    assert len(files) == 20
    for path in files:
        expected: dict[str, int] = {}
        for line in path.read_text().splitlines():
            if line.strip():
                message = json.loads(line)
                if message["type"] == "RECORD":
                    expected[message["stream"]] = expected.get(message["stream"], 0) + 1
        found = read(path, format="ndjson")
        counted = {name: len(t.rows) for name, t in found.items() if name in expected}
        assert counted == expected, path.name
        assert not any(table.rejects for table in found.values())


@pytest.mark.parametrize("name", ["table.keyed.json", "table.ndjson"])
def test_frictionless_tables(name: str) -> None:
    [table] = read(corpus("csv_frictionless") / name).values()
    assert table.columns == ["id", "name"]
    assert table.rows == [("1", "english"), ("2", "中国人")]
