"""JSON and NDJSON as they are written."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.writing import Kind
from ispmig_pipelines_tests.formats.writing_back import (
    MISSING,
    Rows,
    read,
    read_back,
    rows,
    tables,
    typed,
    written,
)


def test_an_array_of_one_table() -> None:
    table = rows("id name", ("1", "Ana"), ("2", None))
    assert written("json", table) == b'[\n{"id":"1","name":"Ana"},\n{"id":"2","name":null}\n]\n'


def test_an_object_of_several_tables() -> None:
    data = written("json", rows("a", ("1",)), rows("b", ("2",), name="it's"), several=True)
    assert data == b'{"customers": [\n{"a":"1"}\n],\n"it\'s": [\n{"b":"2"}\n]}\n'


def test_tables_without_records() -> None:
    assert json.loads(written("json", rows("a"))) == []
    empty = rows("b", name="other")
    assert json.loads(written("json", rows("a"), empty, several=True)) == {
        "customers": [], "other": [],
    }  # fmt: skip
    assert json.loads(written("json")) == []
    assert json.loads(written("json", several=True)) == {}
    assert written("ndjson", rows("a")) == b""


def test_a_missing_key_is_no_key() -> None:
    records = [
        (MISSING, "b", MISSING), ("a", MISSING, None), (MISSING, MISSING, MISSING),
        (None, "", "c"), (MISSING, MISSING, "c"),
    ]  # fmt: skip
    lines = written("ndjson", rows("a b c", *records)).splitlines()
    assert list(map(json.loads, lines)) == [
        {"b": "b"}, {"a": "a", "c": None}, {}, {"a": None, "b": "", "c": "c"}, {"c": "c"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (Kind.INTEGER, ["0", "-7", "12345678901234567890123"]),
        (Kind.DECIMAL, ["-12.5000", "0.10", "79228162514264337593543950335.79228162514264337593"]),
        (Kind.BOOLEAN, ["true", "false", "true"]),
    ],
)
def test_numbers_and_booleans_stand_bare_and_exact(kind: Kind, cells: list[str]) -> None:
    lines = written("ndjson", typed(kind, *cells, None)).decode().splitlines()
    assert [line.split('"c":')[1] for line in lines] == [f"{cell}}}" for cell in [*cells, "null"]]


def test_documents_are_embedded_on_one_line() -> None:
    document = '{"a": [1.10, "x\\ny",\r\n true],\n "b": {}}'
    line = written("ndjson", typed(Kind.JSON, document, None))
    assert line.count(b"\n") == 2
    first, second = (json.loads(x, parse_float=Decimal) for x in line.splitlines())
    assert first["c"] == {"a": [Decimal("1.10"), "x\ny", True], "b": {}}
    assert second["c"] is None


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.DATE, Kind.TIMESTAMP, Kind.TIME])
def test_the_others_are_strings(kind: Kind) -> None:
    cell = {
        Kind.DATE: "2024-02-29",
        Kind.TIMESTAMP: "2024-02-29T10:00:00.000001+00:00",
        Kind.TIME: "19:30:00.5",
    }
    found = json.loads(written("ndjson", typed(kind, cell.get(kind, "12"))))
    assert found["c"] == cell.get(kind, "12")


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1), ANY_TEXT)
def test_any_text_is_a_string_to_pythons_parser(cells: list[tuple[str, str]], name: str) -> None:
    table = rows([name + "1", name + "2"], *cells)
    expected = [dict(zip([name + "1", name + "2"], row, strict=True)) for row in cells]
    assert json.loads(written("json", table)) == expected
    lines = written("ndjson", table).decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == expected


@pytest.mark.slow
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_our_reader_gives_the_same_cells(format: str, tmp_path: Path) -> None:
    @given(tables(missing=True))
    def law(table: Rows) -> None:
        names = [column.name for column in table.table.columns]
        there = [any(row[i] is not MISSING for row in table.rows) for i in range(len(names))]
        assume(any(there))
        data = written(format, table)
        (tmp_path / "customers").write_bytes(data)
        [found] = read_named(tmp_path / "customers", format).values()
        expected = [
            {n: c for n, c, t in zip(names, row, there, strict=True) if t} for row in table.rows
        ]
        assert found == expected

    law()


def read_named(path: Path, format: str) -> dict[str, list[dict[str, str | None]]]:
    with open_source(path, format=format, encoding="utf-8") as reader:
        found = {}
        for name in reader.tables():
            names, records = read(reader, name)
            found[name] = [dict(zip(names, record, strict=True)) for record in records]
        return found


def test_a_thousand_control_characters(tmp_path: Path) -> None:
    everything = "".join(map(chr, range(1, 0x300)))
    [found] = read_back(
        tmp_path / "c.json", written("json", rows("a b", ("1", everything)))
    ).values()
    assert found == [["1", everything]]
