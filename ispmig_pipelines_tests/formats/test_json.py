"""What a JSON document says, cell for cell."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import ReadLimits, open_source
from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines.formats.json.options import JsonOptions
from ispmig_pipelines.formats.json.reader import JsonReader
from ispmig_pipelines_tests.formats.json_files import MISSING, Seen, read_all


def read(tmp_path: Path, text: str | bytes, **options: object) -> dict[str, Seen]:
    path = tmp_path / "export.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with open_source(path, format="json", **options) as reader:  # type: ignore[arg-type]
        return read_all(reader)


def refused(tmp_path: Path, text: str | bytes, **options: object) -> str:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text, **options)
    return str(caught.value)


def test_an_array_of_objects_is_a_table_named_after_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, '[{"id": 1, "name": "Ann"},\n {"id": 2, "name": "Bob"}]')
    assert list(found) == ["export"]
    table = found["export"]
    assert table.columns == ["id", "name"]
    assert table.rows == [("1", "Ann"), ("2", "Bob")]
    assert (table.record, table.line) == ([1, 2], [1, 2])


@pytest.mark.parametrize(
    "number",
    ["0", "-0", "1.10", "1E3", "1e-7", "12345678901234567890123", "0.1000000000000000055", "1e400"],
)
def test_numbers_keep_their_text(tmp_path: Path, number: str) -> None:
    rows = ", ".join(f'{{"n": {number}, "s": "{number}"}}' for _ in range(3))
    assert read(tmp_path, f"[{rows}]")["export"].rows == [(number, number)] * 3


def test_null_missing_and_empty_are_told_apart(tmp_path: Path) -> None:
    found = read(tmp_path, '[{"a": 1, "b": null}, {"a": 2}, {"a": 3, "b": ""}]')
    assert found["export"].rows == [("1", None), ("2", MISSING), ("3", "")]


def test_truth_is_written_as_json_writes_it(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"a": true, "b": false}]')["export"].rows == [("true", "false")]


def test_a_key_that_shows_late_takes_its_place_and_is_not_lost(tmp_path: Path) -> None:
    found = read(tmp_path, '[{"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}, {"z": 9}]')
    assert found["export"].columns == ["a", "b", "c", "z"]
    assert found["export"].rows == [
        ("1", MISSING, "3", MISSING),
        ("1", "2", "3", MISSING),
        (MISSING, MISSING, MISSING, "9"),
    ]


def test_nested_objects_become_dotted_columns(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[{"id": 1, "address": {"city": "Köln", "geo": {"lat": 50.90}}},'
        '{"id": 2, "address": null}, {"id": 3}]',
    )
    assert found["export"].columns == ["id", "address.city", "address.geo.lat"]
    assert found["export"].rows == [
        ("1", "Köln", "50.90"),
        ("2", MISSING, MISSING),
        ("3", MISSING, MISSING),
    ]


def test_names_that_meet_are_made_unique(tmp_path: Path) -> None:
    found = read(tmp_path, '[{"a.b": 1, "a": {"b": 2}, "": 3}]')
    assert found["export"].columns == ["a.b", "a.b_2", "column_3"]
    assert found["export"].rows == [("1", "2", "3")]


def test_arrays_of_scalars_are_json_without_blanks_in_one_cell(tmp_path: Path) -> None:
    found = read(
        tmp_path, '[{"t": ["a", "b \\u00e9"], "n": [ 1.0,\n 2 ], "e": [], "m": [1, [2], {"k": 3}]}]'
    )
    assert found["export"].rows == [('["a","b é"]', "[1.0,2]", "[]", '[1,[2],{"k":3}]')]


def test_arrays_of_objects_become_child_tables_with_their_parents_keys(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """[
        {"id": 7, "number": "R-1", "total": 3, "items": [
            {"label": "x", "taxes": [{"rate": 0.19}, {"rate": 0.070}]}, {"label": "y"}]},
        {"id": 8, "number": "R-2", "total": 0, "items": []},
        {"id": 9, "number": "R-3", "total": 1, "items": [{"label": "z", "taxes": []}]}
        ]""",
    )
    assert list(found) == ["export", "export.items", "export.items.taxes"]
    assert found["export"].columns == ["id", "number", "total"]
    items = found["export.items"]
    assert items.columns == ["_parent_record", "_position", "_parent_id", "_parent_number", "label"]
    assert items.rows == [
        ("1", "1", "7", "R-1", "x"),
        ("1", "2", "7", "R-1", "y"),
        ("3", "1", "9", "R-3", "z"),
    ]
    assert items.record == [1, 2, 3]
    assert items.line == [2, 2, 5]
    taxes = found["export.items.taxes"]
    assert taxes.columns == ["_parent_record", "_position", "rate"]
    assert taxes.rows == [("1", "1", "0.19"), ("1", "2", "0.070")]


def test_the_one_array_of_an_object_is_found(tmp_path: Path) -> None:
    text = '{"total": 2, "data": [{"id": 1}, {"id": 2}], "tags": ["x"], "links": {"next": null}}'
    found = read(tmp_path, text)
    assert list(found) == ["data"]
    assert found["data"].rows == [("1",), ("2",)]
    path = tmp_path / "export.json"
    notes = " ".join(open_source(path).detected.notes)
    assert "3 value(s) beside the arrays of records are no records: total, links.next" in notes


def test_several_arrays_are_tables_named_by_their_paths(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '{"response": {"customers": [{"id": 1, "notes": [{"t": "x"}]}], "plans": [{"code": "A"}]}}',
    )
    assert list(found) == ["response.customers", "response.customers.notes", "response.plans"]
    assert found["response.plans"].rows == [("A",)]


def test_an_object_with_an_id_of_its_own_is_one_record(tmp_path: Path) -> None:
    found = read(tmp_path, '{"id": 5, "name": "Ann", "contacts": [{"email": "a@example.org"}]}')
    assert found["export"].rows == [("5", "Ann")]
    assert found["export.contacts"].rows == [("1", "1", "5", "a@example.org")]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"version": "1.0"}', [("1.0",)]),
        ("42", [("42",)]),
        ('"text"', [("text",)]),
        ("null", [(None,)]),
        ("[1, null, 3]", [("1",), (None,), ("3",)]),
        ('[["a", 1], ["b"]]', [("a", "1"), ("b", MISSING)]),
        ("[{}]", [()]),
    ],
)
def test_what_is_no_array_of_objects_is_read_all_the_same(
    tmp_path: Path, text: str, rows: list[tuple[str, ...]]
) -> None:
    assert read(tmp_path, text)["export"].rows == rows


@pytest.mark.parametrize("text", ["[]", '{"data": []}'])
def test_an_empty_export_has_a_table_without_records(tmp_path: Path, text: str) -> None:
    [(_, table)] = read(tmp_path, text).items()
    assert (table.columns, table.rows, table.rejects) == ([], [], [])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[\n  {"a": 1},\n  {"a": }\n]', "line 3, column 9 (byte 23) a value is expected"),
        ('[{"a": 1},]', "line 1, column 11 (byte 11) a comma stands before a closing bracket"),
        ('[{"é": 1,}]', "line 1, column 10 (byte 11)"),
        ('[{"a": NaN}]', "line 1, column 8 (byte 8) NaN and Infinity are no JSON numbers"),
        ('[{"a": 01}]', "line 1, column 9"),
        ("[{'a': 1}]", "line 1, column 3"),
        ('[{"a": "x\ty"}]', "a control character stands unescaped in a string"),
        ('[{"a": 1}] x', "more stands behind the end of the document"),
        ("[1]\n[2]", "format: ndjson"),
        ('{"a": 1}\n["b"]', "format: ndjson"),
        ('{"a": 1} {"a": 2} 3', "it is no object"),
    ],
)
def test_a_break_is_told_by_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    assert place in refused(tmp_path, text)


@pytest.mark.parametrize("cut", [1, 12, 15, 19, 22, 27, 31, 33])
def test_a_document_cut_short_is_not_loaded(tmp_path: Path, cut: int) -> None:
    whole = '[{"a": 1.5, "b": "xyz"}, {"a": true}]'
    assert "cut short" in refused(tmp_path, whole[:cut])


def test_invalid_bytes_break_a_document(tmp_path: Path) -> None:
    said = refused(tmp_path, b'[{"a": "x"},\n {"a": "caf\xe9"}]', encoding="utf-8")
    assert "line 2, column 12" in said
    assert "not valid UTF-8" in said


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"a": "\\ud83d"}', "unpaired surrogate"),
        ('{"\\udc00": 1}', "unpaired surrogate"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "nested deeper than 256"),
        ('{"a": "' + "x" * 2000 + '"}', "a cell is longer than 1,000 bytes"),
    ],
)
def test_a_record_that_is_valid_json_and_no_use_is_rejected(
    tmp_path: Path, record: str, reason: str
) -> None:
    text = f'[{{"a": 1}},\n{record},\n{{"a": 3}}]'
    table = read(tmp_path, text, limits=ReadLimits(max_cell_bytes=1000))["export"]
    assert table.record == [1, 3]
    [reject] = table.rejects
    assert (reject.record, reject.line, reject.rule) == (2, 2, "record.unreadable")
    assert reason in reject.accepted
    assert reject.text == record


def notes(path: Path, **options: object) -> str:
    with open_source(path, **options) as reader:  # type: ignore[arg-type]
        return " ".join(reader.detected.notes)


def test_values_under_a_key_that_repeats_are_kept_under_names_of_their_own(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[{"a": 1, "a": 2, "b": {"c": 3, "c": 4}}, {"a": 5}, {"a": 6, "a_2": 7, "a": 6, "a": 9}]',
    )
    table = found["export"]
    assert table.columns == ["a", "a_2", "a_3", "a_4", "b.c", "b.c_2"]
    assert table.rows == [
        ("1", "2", MISSING, MISSING, "3", "4"),
        ("5", MISSING, MISSING, MISSING, MISSING, MISSING),
        ("6", "7", "6", "9", MISSING, MISSING),
    ]
    assert "more than once in an object" in notes(tmp_path / "export.json")
    assert "a_2, a_3, a_4, b.c_2" in notes(tmp_path / "export.json")


def test_a_cell_that_is_json_keeps_the_keys_it_has(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"l": [1, {"k": 1, "k": 2}]}]')["export"].rows == [
        ('[1,{"k":1,"k":2}]',)
    ]


def test_escapes_are_undone(tmp_path: Path) -> None:
    text = '[{"a": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\u0000"}]'
    assert read(tmp_path, text)["export"].rows == [('"\\/\b\f\n\r\té😀\x00',)]


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251"]
)
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    names = ["Иванова Анна Петровна", "Петров Сергей Иванович", "Кузнецова Мария"]
    text = json.dumps([{"id": i, "имя": name} for i, name in enumerate(names)], ensure_ascii=False)
    data = text.encode(encoding)
    if encoding == "utf-16":
        assert data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    stated = {"encoding": "windows-1251"} if encoding == "cp1251" else {}
    table = read(tmp_path, data, **stated)["export"]
    assert table.columns == ["id", "имя"]
    assert [row[1] for row in table.rows] == names


def test_too_deep_a_document_is_refused_and_not_crashed_on(tmp_path: Path) -> None:
    assert "nested deeper" in refused(tmp_path, "[" * 100_000)
    assert "nested deeper" in refused(tmp_path, '{"a":' * 100_000)
    assert "nested deeper" in refused(tmp_path, '[{"a":' * 50_000)


def test_a_record_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    limits = ReadLimits(max_record_bytes=1 << 20)
    text = '[{"a": "' + "x" * (8 << 20) + '"}]'
    assert "longer than 1,048,576 bytes" in refused(tmp_path, text, limits=limits)


def test_more_columns_than_the_limit_are_refused(tmp_path: Path) -> None:
    text = json.dumps([{f"k{i}": i} for i in range(50)])
    assert "50 columns" in refused(tmp_path, text, limits=ReadLimits(max_columns=40))
    by_key = json.dumps({f"k{i}": {f"i{i}": i} for i in range(50)})
    assert "keyed: true" in refused(tmp_path, by_key, limits=ReadLimits(max_columns=40))


@pytest.mark.slow
def test_keys_without_end_are_refused_and_not_held(tmp_path: Path) -> None:
    records = ",".join(f'{{"k{i}": 1}}' for i in range(21_000))
    assert "the keys seem to be data" in refused(tmp_path, f"[{records}]")
    one = ",".join(f'"k{i % 7}": 1' for i in range(21_000))
    assert "the keys seem to be data" in refused(tmp_path, f"[{{{one}}}]")


def test_arrays_under_a_key_that_repeats_are_tables_of_their_own(tmp_path: Path) -> None:
    found = read(tmp_path, '{"data": [{"a": 1}], "data": [{"a": 2}]}')
    assert {name: table.rows for name, table in found.items()} == {
        "data": [("1",)],
        "data_2": [("2",)],
    }


# ---------------------------------------------------------------- records under keys


def test_an_object_that_maps_keys_to_records_is_a_table_with_the_key_as_a_column(
    tmp_path: Path,
) -> None:
    found = read(
        tmp_path,
        '{"1001": {"name": "Ann", "to": {"city": "Bonn"}},\n'
        ' "1002": {"name": "Bob", "ips": [{"ip": "10.0.0.1"}]},\n "1003": {}}',
    )
    assert found["export"].columns == ["_key", "name", "to.city"]
    assert found["export"].rows == [
        ("1001", "Ann", "Bonn"),
        ("1002", "Bob", MISSING),
        ("1003", MISSING, MISSING),
    ]
    assert (found["export"].record, found["export"].line) == ([1, 2, 3], [1, 2, 3])
    assert found["export.ips"].columns == ["_parent_record", "_position", "_parent_key", "ip"]
    assert found["export.ips"].rows == [("2", "1", "1002", "10.0.0.1")]
    assert "maps keys to records" in notes(tmp_path / "export.json")


def test_records_under_keys_stand_beside_arrays_and_below_other_keys(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '{"status": "ok", "customers": {"7": {"n": "Ann"}, "9": {"n": "Bob", "_key": "own"}},'
        ' "plans": [{"code": "A"}]}',
    )
    assert found["customers"].columns == ["_key", "n", "_key_2"]
    assert found["customers"].rows == [("7", "Ann", MISSING), ("9", "Bob", "own")]
    assert found["plans"].rows == [("A",)]


def test_keys_that_could_be_names_need_more_evidence(tmp_path: Path) -> None:
    record = '{"name": "x", "city": "y", "zip": "z"}'
    logins = ["ann", "bob", "cyd", "dan", "eve"]
    few = "{" + ",".join(f'"{login}": {record}' for login in logins[:3]) + "}"
    many = "{" + ",".join(f'"{login}": {record}' for login in logins) + "}"
    assert read(tmp_path, many)["export"].rows == [(login, "x", "y", "z") for login in logins]
    assert len(read(tmp_path, few)["export"].rows) == 1
    assert "json: path: $, keyed: true" in notes(tmp_path / "export.json")
    unlike = '{"a": {"x": 1}, "b": {"y": 2}, "c": {"z": 3}, "d": {"u": 4}, "e": {"v": 5}}'
    assert read(tmp_path, unlike)["export"].columns == ["a.x", "b.y", "c.z", "d.u", "e.v"]


def test_arrays_under_keys_are_records_with_the_key(tmp_path: Path) -> None:
    found = read(
        tmp_path, '{"1001": [{"ip": "a"}, {"ip": "b"}], "1002": [], "1003": [{"ip": "c"}]}'
    )
    assert found["export"].rows == [("1001", "a"), ("1001", "b"), ("1003", "c")]


def test_what_is_no_record_among_records_under_keys_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, '{"1": {"a": 1}, "2": {"a": 2}, "total": 2}')
    assert found["export"].rows == [("1", "1"), ("2", "2")]
    assert "are no records: total" in notes(tmp_path / "export.json")


def test_arrays_of_php_with_gaps_are_child_tables_as_those_without(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[{"id": 1, "s": {"3": {"ip": "a"}, "7": {"ip": "b"}}}, {"id": 2, "s": [{"ip": "c"}]},'
        ' {"id": 3, "s": []}, {"5": {"x": 1}}]',
    )
    assert found["export"].columns == ["id"]
    assert found["export.s"].columns == ["_parent_record", "_position", "_key", "_parent_id", "ip"]
    assert found["export.s"].rows == [
        ("1", "1", "3", "1", "a"),
        ("1", "2", "7", "1", "b"),
        ("2", "1", MISSING, "2", "c"),
    ]
    assert found["export._key"].rows == [("4", "1", "5", MISSING, "1")]


@pytest.mark.slow
def test_many_records_under_keys_are_streamed(tmp_path: Path) -> None:
    members = ",".join(f'"{i}": {{"a": {i}, "b": "x{i}"}}' for i in range(30_000))
    table = read(tmp_path, "{" + members + "}")["export"]
    assert table.rows == [(str(i), str(i), f"x{i}") for i in range(30_000)]


# ---------------------------------------------------------------- what the spec names


def opened(tmp_path: Path, text: str, **said: Any) -> dict[str, Seen]:
    path = tmp_path / "export.json"
    path.write_text(text)
    return read_all(JsonReader(path, Encoding("utf-8"), options=JsonOptions(**said)))


NESTED = """{"meta": {"tags": ["x"]}, "a.b": [{"i": 1}], "customers": {"list": [
    {"id": 7, "services": [{"ip": "a", "logs": [{"t": 1}]}]}, {"id": 8}]},
    "byname": {"ann": {"n": 1}, "bob": {"n": 2}}}"""


@pytest.mark.parametrize(
    ("said", "tables"),
    [
        ("customers.list", ["customers.list", "customers.list.services",
                            "customers.list.services.logs"]),
        ("/customers/list", ["customers.list", "customers.list.services",
                             "customers.list.services.logs"]),
        ("$.customers.list[*].services", ["customers.list.services",
                                          "customers.list.services.logs"]),
        ("a.b", ["a.b"]),
        ("/a.b", ["a.b"]),
        ("meta.tags", ["meta.tags"]),
        ("byname", ["byname"]),
    ],
)  # fmt: skip
def test_the_path_of_the_spec_chooses(tmp_path: Path, said: str, tables: list[str]) -> None:
    found = opened(tmp_path, NESTED, path=said)
    assert list(found) == tables
    assert found == {name: t for name, t in {**opened(tmp_path, NESTED), **found}.items()
                     if name in tables}  # fmt: skip


def test_the_path_of_the_spec_says_what_the_records_are(tmp_path: Path) -> None:
    assert opened(tmp_path, NESTED, path="byname")["byname"].rows == [("ann", "1"), ("bob", "2")]
    assert opened(tmp_path, NESTED, path="byname", keyed=False)["byname"].rows == [("1", "2")]
    assert opened(tmp_path, NESTED, path="meta.tags")["meta.tags"].rows == [("x",)]
    whole = opened(tmp_path, '{"data": [{"a": 1}], "n": 2}', path="$")
    assert whole["export"].rows == [("2",)]
    assert whole["export.data"].rows == [("1", "1", "1")]


def test_a_path_that_leads_nowhere_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no records at data\.items .* a\.b, customers\.list, "):
        opened(tmp_path, NESTED, path="data.items")


# ---------------------------------------------------------------- several values in one file


@pytest.mark.parametrize("between", ["\n", "", "\r\n\r\n", " "])
def test_objects_one_after_the_other_are_records(tmp_path: Path, between: str) -> None:
    values = [json.dumps({"id": i, "sub": [{"x": i}]}, indent=2) for i in range(5)]
    found = read(tmp_path, between.join(values))
    assert found["export"].rows == [(str(i),) for i in range(5)]
    assert found["export.sub"].rows == [(str(i + 1), "1", str(i), str(i)) for i in range(5)]
    assert "several values" in notes(tmp_path / "export.json", format="json")


def test_a_text_sequence_is_read_whatever_its_values(tmp_path: Path) -> None:
    found = read(tmp_path, '\x1e{\n"a": 1}\n\x1e{"a":\n2}\n\x1e3\n')
    assert found["export"].columns == ["a", "value"]
    assert found["export"].rows == [("1", MISSING), ("2", MISSING), (MISSING, "3")]
    assert found["export"].line == [1, 3, 5]


def test_objects_one_after_the_other_that_break_are_refused(tmp_path: Path) -> None:
    assert "line 3, column 6" in refused(tmp_path, '{"a": 1}\n{"a": 2}\n{"a":}')
    assert "cut short" in refused(tmp_path, '{\n"a": 1}\n{\n"a": 2')


# ---------------------------------------------------------------- rows that are arrays


def test_a_row_of_names_above_numbers_is_a_header(tmp_path: Path) -> None:
    table = read(tmp_path, '[["id", "name"],\n["1", "Ann"],\n["2", "Bob"]]')["export"]
    assert table.columns == ["id", "name"]
    assert table.rows == [("1", "Ann"), ("2", "Bob")]
    assert (table.record, table.line) == ([1, 2], [2, 3])
    typed = read(tmp_path, '[["id", "name"], [1, "Ann"], [2, null]]')["export"]
    assert (typed.columns, typed.rows) == (["id", "name"], [("1", "Ann"), ("2", None)])


def test_rows_that_do_not_tell_have_no_header_and_the_spec_can_say_so(tmp_path: Path) -> None:
    text = '[["name", "city"], ["Ann", "Bonn"]]'
    assert read(tmp_path, text)["export"].columns == ["column_1", "column_2"]
    assert "json: header: true" in notes(tmp_path / "export.json")
    said = opened(tmp_path, text, header=True)["export"]
    assert (said.columns, said.rows) == (["name", "city"], [("Ann", "Bonn")])
    unsaid = opened(tmp_path, '[["id"], [1], [2]]', header=False)["export"]
    assert unsaid.rows == [("id",), ("1",), ("2",)]


@pytest.mark.parametrize("columns", ['["id", "name"]', '[{"name": "id"}, {"name": "name"}]'])
def test_names_beside_rows_are_theirs(tmp_path: Path, columns: str) -> None:
    text = f'{{"columns": {columns}, "data": [[1, "Ann"], [2, "Bob"]]}}'
    table = read(tmp_path, text)["data"]
    assert (table.columns, table.rows) == (["id", "name"], [("1", "Ann"), ("2", "Bob")])


# ---------------------------------------------------------------- phpMyAdmin

PHPMYADMIN = """[
{"type":"header","version":"5.2.1","comment":"Export to JSON plugin for phpMyAdmin"},
{"type":"database","name":"radius"},
{"type":"table","name":"nas","database":"radius","data":
[
{"id":"1","nasname":"10.0.0.1"},
{"id":"2","nasname":"10.0.0.2"}
]
}
,{"type":"table","name":"radcheck","database":"radius","data":
[
{"id":"7","username":"ann","value":null}
]
}
,{"type":"table","name":"radreply","database":"radius","data":
[
]
}
]
"""


def test_each_table_of_phpmyadmins_json_is_a_table(tmp_path: Path) -> None:
    found = read(tmp_path, PHPMYADMIN)
    assert list(found) == ["nas", "radcheck", "radreply"]
    assert found["nas"].rows == [("1", "10.0.0.1"), ("2", "10.0.0.2")]
    assert found["nas"].line == [6, 7]
    assert found["radcheck"].rows == [("7", "ann", None)]
    two = PHPMYADMIN.replace('"radcheck","database":"radius"', '"nas","database":"other"')
    assert list(read(tmp_path, two)) == ["radius.nas", "other.nas", "radius.radreply"]
    assert "cut short" in refused(tmp_path, PHPMYADMIN[:400])


def test_a_table_of_phpmyadmins_json_may_be_larger_than_a_record(tmp_path: Path) -> None:
    rows = ",\n".join(f'{{"id":"{i}","nasname":"n{i}"}}' for i in range(40_000))
    text = PHPMYADMIN.replace('{"id":"1","nasname":"10.0.0.1"}', rows)
    found = read(tmp_path, text, limits=ReadLimits(max_record_bytes=3 << 20))
    assert len(found["nas"].rows) == 40_001


def test_compressed_files_and_their_digest(tmp_path: Path) -> None:
    path = tmp_path / "customers.json.gz"
    path.write_bytes(gzip.compress(b'[{"id": 1}]'))
    with open_source(path) as reader:
        assert reader.tables() == ["customers"]
        assert read_all(reader)["customers"].rows == [("1",)]
        assert reader.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert reader.detected.compression == "gzip"


def test_a_file_replaced_after_it_was_learnt_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"id": 1}]')
    reader = open_source(path)
    path.write_text('[{"id": 1, "more": 2}]')
    with pytest.raises(SourceError, match="changed after"):
        list(reader.batches("a"))


def test_an_unknown_table_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"x": [{"i": 1}], "y": [{"i": 1}]}')
    with pytest.raises(SourceError, match=r"no table 'z'; it has x, y"):
        open_source(path).columns("z")


def test_inspect_tells_tables_columns_and_rejects_without_content(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(
        '{"customers": [{"id": 1, "since": "2020-01-31"}, {"id": "secret\\ud800"}], '
        '"plans": [{"price": 9.90}]}'
    )
    found = inspect(path)
    assert (found["format"], found["encoding"]) == ("json", "utf-8")
    assert found["tables"] == [
        {
            "name": "customers",
            "rows": 1,
            "columns": [
                {"name": "id", "type": "integer", "nulls": 0},
                {"name": "since", "type": "date", "nulls": 0},
            ],
        },
        {
            "name": "plans",
            "rows": 1,
            "columns": [{"name": "price", "type": "decimal", "nulls": 0}],
        },
    ]
    assert found["problem_counts"] == {"record.unreadable": 1}
    assert "secret" not in str(found)


@pytest.mark.parametrize("text", ["{}", " {\n} ", "[]", '{"data": []}'])
def test_a_document_that_holds_nothing_has_a_table_without_records(
    tmp_path: Path, text: str
) -> None:
    [table] = read(tmp_path, text).values()
    assert (table.columns, table.rows) == ([], [])


@pytest.mark.parametrize("text", ["[{}]", "{} {}", '{"a": {}}'])
def test_an_empty_object_among_records_is_a_record(tmp_path: Path, text: str) -> None:
    [table] = read(tmp_path, text).values()
    assert len(table.rows) == text.count("{}")


# ---------------------------------------------------------------- phpMyAdmin up to 4.8

PHPMYADMIN_4 = """/**
 Export to JSON plugin for PHPMyAdmin
 @version 0.1
 */

// Database 'radius'

// radius.radcheck
[{"id": 1,"username": "a // b"}, {"id": 2,"username": "[c]"}]

// radius.radreply
[{"id": 7,"value": "x"}]

// radius.nas
[]
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_an_older_phpmyadmin_are_named_by_the_comments_above_them(
    tmp_path: Path, end: str
) -> None:
    path = tmp_path / "export.json"
    path.write_text(PHPMYADMIN_4, newline=end)
    with open_source(path) as reader:
        assert reader.detected.format == "json"
        assert reader.detected.dialect["written_by"] == "phpMyAdmin"
        found = read_all(reader)
    assert list(found) == ["radcheck", "radreply", "nas"]
    assert found["radcheck"].columns == ["id", "username"]
    assert found["radcheck"].rows == [("1", "a // b"), ("2", "[c]")]
    assert found["radreply"].rows == [("7", "x")]
    assert found["radreply"].line == [12]
    assert found["nas"].rows == []


def test_an_older_phpmyadmin_file_is_read_block_by_block(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(PHPMYADMIN_4)
    for block in (1, 7, 64):
        found = read_all(JsonReader(path, Encoding("utf-8"), block_bytes=block))
        assert found["radcheck"].rows == [("1", "a // b"), ("2", "[c]")]


@pytest.mark.parametrize(
    "text",
    [
        PHPMYADMIN_4[:-30],
        PHPMYADMIN_4 + "[]",
        PHPMYADMIN_4 + "/* no end",
        "// a comment\n[]",
        "/* any */ [1]",
        "/",
    ],
)
def test_comments_are_no_json_but_where_phpmyadmin_writes_them(tmp_path: Path, text: str) -> None:
    assert "is no valid JSON" in refused(tmp_path, text)


# ---------------------------------------------------------------- an object or an array of them

ONE_OR_MANY = [
    '{"id": 1, "svc": {"plan": "a", "opt": {"ip": "x"}}}',
    '{"id": 2, "svc": [{"plan": "b", "speed": 5}, {"plan": "c"}]}',
    '{"id": 3, "svc": null}',
    '{"id": 4, "svc": {}}',
    '{"id": 5, "svc": {"no": 7, "plan": "d", "tags": [{"t": 1}]}}',
]


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2_000])
@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_an_object_where_others_have_an_array_is_a_record_of_the_same_table(
    tmp_path: Path, form: str, times: int
) -> None:
    lines = ONE_OR_MANY * times
    path = tmp_path / f"c.{form}"
    path.write_text("\n".join(lines) if form == "ndjson" else f"[{','.join(lines)}]")
    with open_source(path, format=form) as reader:
        assert "an object in some records and an array in others" in " ".join(reader.detected.notes)
        found = read_all(reader)
    assert list(found) == ["c", "c.svc", "c.svc.tags"]
    assert found["c"].columns == ["id"]
    table = found["c.svc"]
    assert table.columns[:3] == ["_parent_record", "_position", "_parent_id"]
    assert sorted(table.columns[3:]) == ["no", "opt.ip", "plan", "speed"]
    plan, ip = table.columns.index("plan"), table.columns.index("opt.ip")
    assert [(row[0], row[1], row[2], row[plan]) for row in table.rows[:4]] == [
        ("1", "1", "1", "a"),
        ("2", "1", "2", "b"),
        ("2", "2", "2", "c"),
        ("5", "1", "5", "d"),
    ]
    assert [row[ip] for row in table.rows[:2]] == ["x", MISSING]
    assert len(table.rows) == 4 * times
    assert found["c.svc.tags"].rows[-1][0] == str(4 * times)


# ---------------------------------------------------------------- keys that are data


@pytest.mark.slow
def test_records_of_very_many_keys_keep_each_value_under_its_own(tmp_path: Path) -> None:
    records = [{"id": i, f"k{i}": str(i), "o": {f"m{i}": -i}} for i in range(1_200)]
    [table] = read(tmp_path, json.dumps(records)).values()
    assert len(table.columns) == 2_401
    for i in (0, 1, 600, 1_199):
        cells = dict(zip(table.columns, table.rows[i], strict=True))
        there = {name: cell for name, cell in cells.items() if cell is not MISSING}
        assert there == {"id": str(i), f"k{i}": str(i), f"o.m{i}": str(-i)}


def test_more_keys_than_columns_can_be_are_refused_while_they_are_read(tmp_path: Path) -> None:
    records = [{"id": i, f"k{i}": 1} for i in range(10_001)]
    assert "more than 10,000 different keys" in refused(tmp_path, json.dumps(records))
