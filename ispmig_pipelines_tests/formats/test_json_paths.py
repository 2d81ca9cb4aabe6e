"""The fast path of JSON reads what parsing record by record reads, whatever the blocks."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines.formats.json import reading as json_reading
from ispmig_pipelines.formats.json.ndjson import NdjsonReader
from ispmig_pipelines.formats.json.reader import JsonReader
from ispmig_pipelines.formats.json.reading import JsonSource
from ispmig_pipelines_tests.formats.json_files import MISSING, Seen, read_all, read_table

UTF8 = Encoding("utf-8")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(['"', "\\", '\\"', "{", "}]", '":', ", ", "true", "null", "é", "😀", "\x00"])
)
KEYS = st.sampled_from(
    ["id", "a", "b b", "é", "x.y", "", 'q"k', "a\\", "long_key_one", "long_key_two"]
)


@st.composite
def shapes(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """Key → what its values are made of."""
    kinds = ["scalar", "scalar", "list"] + (["object", "table", "mixed"] if depth else [])
    return {
        key: (kind, draw(shapes(depth - 1)) if kind in ("object", "table") else None)
        for key in draw(st.lists(KEYS, unique=True, max_size=5))
        for kind in [draw(st.sampled_from(kinds))]
    }


@st.composite
def records(draw: st.DrawFn, shape: dict[str, Any]) -> dict[str, Any]:
    """A record of a shape, some keys left out."""
    found: dict[str, Any] = {}
    for key, (kind, inner) in shape.items():
        if draw(st.integers(0, 9)) == 0:
            continue
        match kind:
            case "object":
                found[key] = draw(records(inner) | st.sampled_from([None, {}]))
            case "table":
                found[key] = draw(st.lists(records(inner), max_size=2))
            case "list":
                found[key] = draw(st.lists(SCALARS, max_size=3))
            case "mixed":
                found[key] = draw(SCALARS | st.sampled_from([[1, {"k": []}], {"k": 1}, [{"z": 1}]]))
            case _:
                found[key] = draw(SCALARS)
    return found


@st.composite
def exports(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Records alike, and how they are written."""
    shape = draw(shapes())
    written = draw(
        st.fixed_dictionaries(
            {
                "ensure_ascii": st.booleans(),
                "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "  : ")]),
            }
        )
    )
    return draw(st.lists(records(shape), min_size=1, max_size=12)), written


def seen(
    make: type[JsonSource], data: bytes, size: int = 50_000, **options: Any
) -> dict[str, Seen]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        path.write_bytes(data)
        return read_all(make(path, UTF8, **options), size)


LAW = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@LAW
@given(exports(), st.integers(1, 200), st.integers(1, 5), st.sampled_from(["", "x", '{"a":', "[]"]))
def test_ndjson(
    export: tuple[list[dict[str, Any]], dict[str, Any]], block: int, size: int, strange: str
) -> None:
    found, written = export
    lines = [json.dumps(record, **written) for record in found]
    lines.insert(len(lines) // 2, strange)
    data = "\n".join(lines).encode()
    tolerant = seen(NdjsonReader, data, fast=False)
    assert seen(NdjsonReader, data, size, least_run=1) == tolerant
    assert seen(NdjsonReader, data, size, least_run=1, block_bytes=block) == tolerant
    assert seen(NdjsonReader, data, size, least_run=300, block_bytes=block) == tolerant


@pytest.mark.slow
@LAW
@given(exports(), st.integers(1, 200), st.integers(1, 5), st.booleans(), st.booleans())
def test_documents(
    export: tuple[list[dict[str, Any]], dict[str, Any]],
    block: int,
    size: int,
    rooted: bool,
    pretty: bool,
) -> None:
    found, written = export
    document = found if rooted else {"meta": {"n": 1}, "data": found, "x": {"more": found[:3]}}
    layout = {**written, **({"indent": 2, "separators": None} if pretty else {})}
    data = json.dumps(document, **layout).encode()
    tolerant = seen(JsonReader, data, fast=False)
    assert seen(JsonReader, data, size, least_run=1) == tolerant
    assert seen(JsonReader, data, size, least_run=1, block_bytes=block) == tolerant
    assert seen(JsonReader, data, size, least_run=300, block_bytes=block) == tolerant


@pytest.mark.slow
@LAW
@given(st.lists(st.dictionaries(KEYS.filter(bool), SCALARS, min_size=1), min_size=1, max_size=20))
def test_what_was_written_is_read_back(found: list[dict[str, Any]]) -> None:
    data = "\n".join(json.dumps(record) for record in found).encode()
    [table] = seen(NdjsonReader, data, least_run=1).values()
    # Names of columns are the keys but for white space around them.
    place = {name: i for i, name in enumerate(table.columns)}
    assert len(table.rows) == len(found)
    for row, record in zip(table.rows, found, strict=True):
        for key, i in place.items():
            if key not in record:
                assert row[i] is MISSING or row[i] == MISSING
            elif isinstance(record[key], str) or record[key] is None:
                assert row[i] == record[key]
            else:
                assert row[i] == json.dumps(record[key])


@pytest.mark.parametrize("make", [NdjsonReader, JsonReader])
def test_records_alike_are_not_parsed_one_by_one(
    tmp_path: Path, make: type[JsonSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        f'{{"id": {i}, "name": "Ann \\u00e9 {i}", "to": {{"x": [1, 2]}}}}' for i in range(9000)
    ]
    path = tmp_path / "a"
    path.write_text("\n".join(lines) if make is NdjsonReader else f"[{', '.join(lines)}]")
    taken = 0
    inner = json_reading.extract

    def counted(*args: Any) -> Any:
        nonlocal taken
        found = inner(*args)
        taken += 0 if found is None else len(found.lines)
        return found

    monkeypatch.setattr(json_reading, "extract", counted)
    table = read_table(make(path, UTF8), "a")
    assert table.rows == [(str(i), f"Ann é {i}", "[1,2]") for i in range(9000)]
    assert taken > 8_900


def test_a_run_with_invalid_bytes_loses_only_the_record_they_are_in() -> None:
    lines = [f'{{"id":{i},"name":"Zo\xeb {i}"}}'.encode() for i in range(2000)]
    lines[1234] = b'{"id":1234,"name":"Zo\xeb"}'
    data = b"\n".join(lines)
    fast = seen(NdjsonReader, data)
    assert fast == seen(NdjsonReader, data, fast=False)
    assert [reject.record for reject in fast["export"].rejects] == [1235]
    assert len(fast["export"].rows) == 1999


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "a.json"
    record = '{"id": 1, "name": "Ann Example", "note": "' + "x" * 200 + '"}'

    def peak(count: int) -> int:
        path.write_text("[" + ",".join([record] * count) + "]")
        tracemalloc.start()
        reader = JsonReader(path, UTF8, block_bytes=1 << 18)
        assert sum(b.cells.num_rows for b in reader.batches("a", 500)) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(40_000) < 1.5 * peak(10_000)
