"""CSV as it is written: for our own reader, for Python's, for PostgreSQL's."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import CsvOptions
from ispmig_pipelines.formats.writers import open_writer
from ispmig_pipelines.formats.writing import Column, Kind, WriteOptions
from ispmig_pipelines_tests.formats.writing_back import (
    MISSING,
    Rows,
    batch,
    read_back,
    rows,
    tables,
    written,
)

OURS = CsvOptions(
    delimiter=",", quote='"', escape="doubled", header=True, comment="", skip_lines=0,
    footer_lines=0, empty_is_null=True,
)  # fmt: skip

with_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_file_as_it_looks() -> None:
    data = written(
        "csv", rows("id,name First", ("1", "a,b"), ("2", 'say "x"'), ("3", "two\nlines"))
    )
    assert data == (
        b'"id,name",First\n'
        b'1,"a,b"\n'
        b'2,"say ""x"""\n'
        b'3,"two\nlines"\n'
    )  # fmt: skip


def test_null_empty_and_missing() -> None:
    data = written("csv", rows("a b c", (None, "", MISSING), ("x", None, "")))
    assert data == b'a,b,c\n,"",\nx,,""\n'


def test_what_could_be_taken_for_something_else_is_quoted() -> None:
    data = written("csv", rows("a b", ("#1", "#2"), (" x", "x\t"), ("\ufeffa", "cr\r")))
    assert data.decode() == 'a,b\n"#1",#2\n" x","x\t"\n"\ufeffa","cr\r"\n'
    assert written("csv", rows("#a #b")) == b'"#a",#b\n'


def test_a_null_in_a_table_of_one_column_is_no_blank_line(tmp_path: Path) -> None:
    data = written("csv", one := rows("a", ("x",), (None,), ("",)))
    assert data == b'a\nx\n""\n""\n'
    with open_writer("csv", io.BytesIO(), WriteOptions()) as writer:
        writer.begin(one.table)
        writer.write(batch(one))
        [note] = writer.notes
    assert "1 null(s) of table customers are written as empty texts" in note


def test_nul_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"record 2: column b holds 'a\?a', with U\+0000"):
        written("csv", rows("a b", ("1", "x"), ("2", "a\x00b")))


def test_formulas_are_neutralised_on_request_only() -> None:
    columns = [Column("=n"), Column("amount", Kind.DECIMAL)]
    one = rows(columns, ("=1+1", "-5.00"), ("-12.50", "-6.00"), ("-", None))
    assert written("csv", one) == b"=n,amount\n=1+1,-5.00\n-12.50,-6.00\n-,\n"
    safe = written("csv", one, neutralise_formulas=True)
    assert safe == b"'=n,amount\n'=1+1,-5.00\n-12.50,-6.00\n-,\n"


@with_a_folder
@given(tables(least_columns=2))
def test_our_reader_gives_the_same_cells(tmp_path: Path, table: Rows) -> None:
    data = written("csv", table)
    found = read_back(tmp_path / "c.csv", data, format="csv", encoding="utf-8", csv=OURS)
    assert list(found.values()) == [table.cells]


@given(tables(least_rows=0))
def test_pythons_reader_gives_the_same_texts(table: Rows) -> None:
    text = written("csv", table).decode()
    header, *records = csv.reader(io.StringIO(text, newline=""))
    assert header == [column.name for column in table.table.columns]
    assert records == [[cell or "" for cell in row] for row in table.cells]


@with_a_folder
@given(tables(least_columns=2, exclude="\x00"))
def test_postgresqls_copy_gives_the_same_cells(copied: psycopg.Connection, table: Rows) -> None:
    names = [f"c{i}" for i in range(len(table.table.columns))]
    copied.execute("DROP TABLE IF EXISTS t")
    copied.execute(f"CREATE TABLE t (n serial, {', '.join(f'{name} text' for name in names)})")
    with copied.cursor().copy(
        f"COPY t ({', '.join(names)}) FROM STDIN (FORMAT csv, HEADER)"
    ) as copy:
        copy.write(written("csv", table))
    found = copied.execute(f"SELECT {', '.join(names)} FROM t ORDER BY n").fetchall()
    assert [list(row) for row in found] == table.cells


@pytest.fixture
def copied(database_url: str) -> psycopg.Connection:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
