"""What a file is, is found by its content; what is not read is named."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import openpyxl
import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, ReadLimits, open_source
from ispmig_pipelines.formats.inspect import inspect, inspect_all
from ispmig_pipelines.formats.opening import look_at
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.corpora import corpus


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n" + os.urandom(300), "a PDF"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(300), "a PNG image"),
        (b"\x7fELF" + bytes(300), "a program"),
        (bytes(range(256)) * 40, "binary data"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", "an HTML page"),
    ],
    ids=["pdf", "png", "elf", "noise", "html"],
)
def test_what_is_no_data_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes(content)
    for work in (open_source, inspect):
        with pytest.raises(SourceError, match=f"no export of data: by its content it is {said}"):
            work(path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("json_testsuite", None),
        ("sql_chinook", "sql"),
        ("sql_netbox", "sql"),
        ("sql_mssql", "sql"),
        ("sql_ispconfig", "sql"),
        ("json_ucrm", "json"),
    ],
)
def test_real_files_of_other_formats(name: str, kind: str | None) -> None:
    folder = corpus(name)
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".sql", ".json"))
    wrong = [
        p.name for p in files if p.stat().st_size and kind is not None and look_at(p).kind != kind
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "content",
    [
        "id,note\n1,{x}\n2,[y]\n",
        "[id],name\n1,Ann\n2,Bob\n",
        "select,insert\n1,2\n3,4\n",
        "<none>,name\n1,Ann\n2,Bob\n",
        "PAR1,name\n1,Ann\n2,Bob\n",
    ],
)
def test_csv_files_that_begin_like_something_else(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with open_source(path) as reader:
        assert reader.detected.format == "csv"
        assert sum(b.cells.num_rows for b in reader.batches("a")) == 2


def test_the_table_is_named_after_the_file(tmp_path: Path) -> None:
    path = tmp_path / "customers.2020.csv"
    path.write_text("id,name\n1,Ann\n")
    assert open_source(path).tables() == ["customers.2020"]


def test_batches_have_the_wished_size_and_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + "".join(f"{i},Ann\n" for i in range(25)))
    with open_source(path) as reader:
        first = list(reader.batches("a", 10))
        again = list(reader.batches("a", 10))
    assert [b.cells.num_rows for b in first] == [10, 10, 5]
    assert [b.record.to_pylist() for b in first] == [b.record.to_pylist() for b in again]
    assert first[1].record[0].as_py() == 11
    assert first[-1].bytes_read == path.stat().st_size


def test_the_digest_is_known_once_all_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n1,Ann\n")
    with open_source(path) as reader:
        with pytest.raises(ValueError, match="to its end"):
            reader.sha256()
        list(reader.batches("a"))
        assert reader.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_replaced_after_it_was_looked_at_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n1,Ann\n")
    reader = open_source(path)
    path.write_text("name,id\nAnn,1\nBob,2\n")
    with pytest.raises(SourceError, match="changed after"):
        list(reader.batches("a"))


def test_every_record_is_in_a_batch_or_among_its_rejects(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + "".join(f"{i},Ann{',x' * (i % 3 == 0)}\n" for i in range(1000)))
    with open_source(path) as reader:
        batches = list(reader.batches("a", 7))
    ordinals = [n for b in batches for n in b.record.to_pylist()]
    rejected = [r.record for b in batches for r in b.rejects]
    assert sorted(ordinals + rejected) == list(range(1, 1001))
    assert len(rejected) == 334


def test_inspect_lists_a_hundred_problems_and_counts_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + "".join(f"{i},Ann{',secret' * (i % 2)}\n" for i in range(1000)))
    found = inspect(path, csv=CsvOptions(header=True))
    assert found["tables"][0]["rows"] == 500
    assert len(found["problems"]) == 100
    assert found["problem_counts"] == {"record.ragged": 500}
    assert found["problems"][0] == {
        "table": "a",
        "record": 2,
        "line": 3,
        "code": "record.ragged",
        "message": "The record has 3 cells where the header has 2.",
    }
    assert "secret" not in str(found)


def test_inspect_tells_types_by_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [
        f"{i},{i}.50,yes,2020-01-{i:02},2020-01-{i:02} 10:00:00,u{i}@x.org,+1 555 010 {i:04},"
        f"10.0.0.{i},00:11:22:33:44:{i:02x},Ann {i} of X,,{i:05}"
        for i in range(10, 28)
    ]
    path.write_text("i,d,b,dt,ts,mail,tel,ip,mac,t,e,zip\n" + "\n".join(rows) + "\n")
    [table] = inspect(path)["tables"]
    assert [c["type"] for c in table["columns"]] == [
        "integer", "decimal", "boolean", "date", "datetime", "email", "phone", "ip", "mac",
        "text", "empty", "text",
    ]  # fmt: skip
    assert [c["nulls"] for c in table["columns"]] == [0] * 10 + [18, 0]


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"c{i}" for i in range(50)) + "\n" + ",".join("1" * 50) + "\n")
    with pytest.raises(SourceError, match="50 columns"):
        open_source(path, limits=ReadLimits(max_columns=40))


def test_only_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n\n   \n")
    with pytest.raises(SourceError, match="blank lines and comments"):
        open_source(path)


def test_each_file_of_an_archive_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("customers.csv", "No,Name\n1,Ann\n2,Bob\n")
        archive.writestr("deeper/plans.json", '[{"plan": "basic"}]')
        archive.writestr("__MACOSX/._customers.csv", "litter")
    found = inspect_all(path)
    assert [(f["member"], f["format"], f["tables"][0]["rows"]) for f in found] == [
        ("customers.csv", "csv", 2),
        ("deeper/plans.json", "json", 1),
    ]
    assert [f["tables"][0]["name"] for f in found] == ["customers", "plans"]


def test_the_limits_are_those_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,2,3\n")
    monkeypatch.setenv("ISPMIG_MAX_COLUMNS", "2")
    settings.cache_clear()
    try:
        with pytest.raises(SourceError, match="has 3 columns"):
            open_source(path)
        with open_source(path, limits=ReadLimits(max_columns=3)) as reader:
            assert reader.columns("a") == ["a", "b", "c"]
    finally:
        settings.cache_clear()


def test_a_packed_workbook_is_held_only_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "people.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        book = openpyxl.Workbook()
        book.active.append(["No"])  # type: ignore[union-attr]
        book.active.append(["007"])  # type: ignore[union-attr]
        book.save(tmp_path / "people.xlsx")
        archive.write(tmp_path / "people.xlsx", "people.xlsx")
    with open_source(path) as reader:
        (batch,) = reader.batches(reader.tables()[0])
        assert batch.cells.column(0).to_pylist() == ["007"]
        # Of the file on the disk, whatever is in it.
        assert reader.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(SourceError, match="ISPMIG_MAX_HELD_BYTES"):
        open_source(path, limits=ReadLimits(max_held_bytes=1024))
