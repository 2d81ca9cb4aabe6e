"""One JSON value a line: what is read, and which lines are not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import ReadLimits, open_source
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines_tests.formats.json_files import MISSING, Seen, read_all


def read(tmp_path: Path, text: str | bytes, **options: object) -> dict[str, Seen]:
    path = tmp_path / "export.ndjson"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with open_source(path, **options) as reader:  # type: ignore[arg-type]
        assert reader.detected.format == "ndjson"
        return read_all(reader)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_record_a_line(tmp_path: Path, line_end: str, last: bool) -> None:
    text = line_end.join(['{"id":1,"n":1.10}', '{"id":2,"n":null}', '{"id":3}'])
    table = read(tmp_path, text + (line_end if last else ""))["export"]
    assert table.columns == ["id", "n"]
    assert table.rows == [("1", "1.10"), ("2", None), ("3", MISSING)]
    assert table.record == [1, 2, 3]
    step = line_end.count("\n")
    assert table.line == [1, 1 + step, 1 + 2 * step]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": 1,}', "at its character 10 it is no valid JSON"),
        ('{"id": 1', "it is no valid JSON"),
        ('{"id": 1} {"id": 2}', "more stands behind the value"),
        ("id,name", "a value is expected"),
        ('{"id": "\\udead"}', "unpaired surrogate"),
        ('{"id": Infinity}', "NaN and Infinity"),
        ("[" * 5000, "nested deeper"),
    ],
)
def test_a_broken_line_is_rejected_and_the_next_is_read(
    tmp_path: Path, line: str, said: str
) -> None:
    text = '{"id": 1}\n{"id": 2}\n' + line + '\n{"id": 4}\n{"id": 5}\n'
    table = read(tmp_path, text)["export"]
    assert table.record == [1, 2, 4, 5]
    assert [row[0] for row in table.rows] == ["1", "2", "4", "5"]
    [reject] = table.rejects
    assert (reject.record, reject.line, reject.rule) == (3, 3, "record.unreadable")
    assert said in reject.accepted
    assert reject.text == line


def test_a_broken_first_line_does_not_hide_what_the_file_is(tmp_path: Path) -> None:
    table = read(tmp_path, '{"id": 1,\n{"id": 2}\n{"id": 3}\n{"id": 4}\n')["export"]
    assert (table.record, len(table.rejects)) == ([2, 3, 4], 1)


def test_invalid_bytes_are_their_records_fault(tmp_path: Path) -> None:
    lines = [f'{{"id": {i}, "n": "Zoë {i}"}}'.encode() for i in range(200)]
    lines[100] = b'{"id": 100, "n": "Zo\xeb"}'
    table = read(tmp_path, b"\n".join(lines))["export"]
    assert len(table.rows) == 199
    [reject] = table.rejects
    assert (reject.record, reject.rule, reject.accepted) == (101, "record.encoding", "utf-8")
    assert reject.text == '{"id": 100, "n": "Zo\\xeb"}'


def test_a_zero_byte_is_its_records_fault(tmp_path: Path) -> None:
    table = read(tmp_path, b'{"a": "x"}\n{"a": "y\x00"}\n{"a": "z"}\n')["export"]
    assert table.rows == [("x",), ("z",)]
    assert table.rejects[0].text == '{"a": "y\\x00"}'


def test_lines_of_arrays(tmp_path: Path) -> None:
    table = read(tmp_path, '["a", 1]\n["b", null, [1]]\n')["export"]
    assert table.columns == ["column_1", "column_2", "column_3"]
    assert table.rows == [("a", "1", MISSING), ("b", None, "[1]")]


def test_a_line_of_names_above_lines_of_values_is_a_header(tmp_path: Path) -> None:
    table = read(tmp_path, '["id", "name"]\n[1, "Ann"]\n[2, "Bob"]\n')["export"]
    assert table.columns == ["id", "name"]
    assert table.rows == [("1", "Ann"), ("2", "Bob")]
    assert (table.record, table.line) == ([1, 2], [2, 3])


def test_values_under_a_key_that_repeats_are_kept(tmp_path: Path) -> None:
    table = read(tmp_path, '{"id": 1, "id": 2}\n{"id": 3}\n')["export"]
    assert (table.columns, table.rows) == (["id", "id_2"], [("1", "2"), ("3", MISSING)])


def test_record_separators_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\x1e{"id":1}\n\x1e{"id":2}\n')
    with open_source(path, format="ndjson") as reader:
        assert read_all(reader)["a"].rows == [("1",), ("2",)]


def test_utf_16_and_compression(tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson.gz"
    path.write_bytes(gzip.compress('{"n":"Ω"}\n{"n":"Ж"}\n'.encode("utf-16")))
    with open_source(path) as reader:
        assert reader.tables() == ["export"]
        assert read_all(reader)["export"].rows == [("Ω",), ("Ж",)]


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson.gz"
    text = "".join(f'{{"id":{i * 7919 % 10007}}}\n' for i in range(5000))
    path.write_bytes(gzip.compress(text.encode())[:-500])
    with pytest.raises(SourceError, match="cut short"):
        open_source(path)


def test_a_line_without_end_is_refused_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"a":1}\n{"a":2}\n{"a":"' + "x" * (8 << 20))
    with pytest.raises(SourceError, match=r"longer than 1,048,576 bytes; it begins on line 3"):
        open_source(path, limits=ReadLimits(max_record_bytes=1 << 20))


SINGER = """\
{"type": "SCHEMA", "stream": "users", "schema": {}, "key_properties": ["id"]}
{"type": "RECORD", "stream": "users", "record": {"id": 1, "roles": [{"name": "x"}]}}
{"type": "RECORD", "stream": "plans", "record": {"code": "A"}}
{"type": "RECORD", "stream": "users", "record": {"id": 2, "email": "a@example.org"}}
{"type": "STATE", "value": {"users": 2}}
"""


def test_singer_streams_are_tables(tmp_path: Path) -> None:
    found = read(tmp_path, SINGER)
    assert list(found) == ["users", "users.roles", "plans"]
    assert found["users"].rows == [("1", MISSING), ("2", "a@example.org")]
    assert (found["users"].record, found["users"].line) == ([1, 2], [2, 4])
    assert found["plans"].rows == [("A",)]


def test_a_line_that_is_no_singer_message_makes_them_plain_records(tmp_path: Path) -> None:
    found = read(tmp_path, SINGER + '{"type": "customer", "id": 3}\n')
    assert len(found["export"].rows) == 6


def test_a_broken_line_among_singer_messages_is_told_once(tmp_path: Path) -> None:
    found = read(tmp_path, SINGER + '{"type": "RECORD", "stream": "plans", "rec\n')
    assert [len(table.rejects) for table in found.values()] == [1, 0, 0]


def test_inspect_counts_rejects(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f'{{"id": {i}, "note": "secret"\n' if i % 3 == 0
                            else f'{{"id": {i}}}\n' for i in range(1, 301)))  # fmt: skip
    found = inspect(path)
    assert (found["format"], found["tables"][0]["rows"]) == ("ndjson", 200)
    assert found["problem_counts"] == {"record.unreadable": 100}
    assert "secret" not in str(found)
