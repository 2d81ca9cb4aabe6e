"""No leaf of a JSON document is lost: each is in a cell, where its place says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines.formats.json.options import JsonOptions
from ispmig_pipelines.formats.json.reader import JsonReader
from ispmig_pipelines_tests.formats.json_files import MISSING, Seen, read_all

LEAF = st.text('abc é"\\', min_size=1, max_size=4) | st.integers() | st.booleans() | st.none()
NAME = st.sampled_from(["a", "b", "c", "dd", "id"])
VALUE = st.recursive(
    LEAF | st.lists(LEAF, max_size=3),
    lambda inner: (
        st.dictionaries(NAME, inner, max_size=3)
        | st.lists(st.dictionaries(NAME, inner, max_size=3), max_size=3)
        | st.dictionaries(st.sampled_from(["7", "12"]), st.dictionaries(NAME, inner, max_size=2))
    ),
    max_leaves=12,
)
RECORD = st.dictionaries(NAME, VALUE, max_size=4)

Place = tuple[Any, ...]


def leaves(value: Any, place: Place) -> list[tuple[Place, str]]:
    """The cells that a value must have: the place of each from the document's root, and its text.

    Arrays of anything but objects are one cell. A null is none where other values of its key are
    objects, so nulls are left to tests of their own.
    """
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*place, key))]
    if isinstance(value, list):
        if value and all(isinstance(inner, dict) for inner in value):
            return [
                leaf
                for i, inner in enumerate(value, start=1)
                for leaf in leaves(inner, (*place, i))
            ]
        if not value:
            return []
        return [(place, json.dumps(value, ensure_ascii=False, separators=(",", ":")))]
    if value is None:
        return []
    if isinstance(value, str):
        return [(place, value)]
    return [(place, json.dumps(value))]


def opened(document: Any, folder: str, **options: Any) -> JsonReader:
    path = Path(folder) / "r.json"
    path.write_text(json.dumps(document))
    return JsonReader(path, Encoding("utf-8"), **options)


def read(document: Any, **options: Any) -> dict[str, Seen]:
    with TemporaryDirectory() as folder:
        return read_all(opened(document, folder, **options))


def cells(reader: JsonReader) -> list[tuple[Place, str]]:
    """The cells of all tables, each with the place its row and column say."""
    rows_at: dict[str, list[Place]] = {}
    result: list[tuple[Place, str]] = []
    for name, seen in read_all(reader).items():
        table = reader._tables[name]
        if table.parent is None:
            rows_at[name] = [(i,) for i in range(1, len(seen.rows) + 1)]
        else:
            rows_at[name] = []
            for row in seen.rows:
                key = row[2] if table.keyed and row[2] != MISSING else int(row[1])
                parent = rows_at[table.parent.name][int(row[0]) - 1]
                rows_at[name].append((*parent, *table.path, key))
        for place, row in zip(rows_at[name], seen.rows, strict=True):
            own = row[len(row) - len(table.own) :]
            for column, text in zip(table.own, own, strict=True):
                if text not in (None, MISSING, "[]", "{}"):
                    result.append(((*place, *column.path), text))
    return result


def _in_any_way(leaf: tuple[Place, str]) -> tuple[Place, str]:
    """The leaf, an object as the only one of an array: where others of its key are arrays, it is
    read as that."""
    place, text = leaf
    return (place[0], *(part for part in place[1:] if part != 1)), text


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=5), st.booleans())
def test_every_leaf_is_a_cell_in_its_place(records: list[dict[str, Any]], fast: bool) -> None:
    with TemporaryDirectory() as folder:
        found = cells(opened(records * 3, folder, fast=fast, least_run=1))
    wanted = [leaf for i, r in enumerate(records * 3, 1) for leaf in leaves(r, (i,))]
    assert Counter(map(_in_any_way, found)) == Counter(map(_in_any_way, wanted))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=5))
def test_records_under_keys_have_the_leaves_of_records_in_an_array(
    records: list[dict[str, Any]],
) -> None:
    array = read({"data": records}, options=JsonOptions(path="data"))
    keyed = read({"data": {str(i): r for i, r in enumerate(records)}})
    if not array:
        return
    assert set(keyed) == set(array)
    for name, table in array.items():
        other = keyed[name]
        assert set(other.columns) - {"_key", "_parent_key"} == set(table.columns) - {"_key"}
        assert [by_name(other, row) for row in other.rows] == [
            by_name(table, row) for row in table.rows
        ]
    assert [row[0] for row in keyed["data"].rows] == [str(i) for i in range(len(records))]


def by_name(table: Seen, row: tuple[Any, ...]) -> dict[str, Any]:
    """The cells of a row but for the keys that lead to it."""
    named = dict(zip(table.columns, row, strict=True))
    return {name: cell for name, cell in named.items() if name not in ("_key", "_parent_key")}
