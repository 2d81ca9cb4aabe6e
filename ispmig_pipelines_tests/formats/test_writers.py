"""What holds for the writers of all formats."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.writers import HOLD_SEVERAL, SUFFIXES, WRITERS, open_writer
from ispmig_pipelines.formats.writing import Column, Kind, WriteOptions
from ispmig_pipelines_tests.formats.writing_back import (
    batch,
    read_back,
    rows,
    typed,
    written,
)

PEOPLE = rows("id name", ("1", "Ana"), ("2", "Bo"), ("3", None))
PLANS = rows("code", ("basic",), ("fast",), name="plans")

every_format = pytest.mark.parametrize("format", WRITERS)


def test_every_format_has_a_suffix() -> None:
    assert set(SUFFIXES) == set(WRITERS)
    assert set(WRITERS) >= HOLD_SEVERAL


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(UsageError, match="'yaml' is no format"):
        open_writer("yaml", io.BytesIO())


@every_format
def test_what_is_written_does_not_depend_on_the_batches_nor_on_the_day(format: str) -> None:
    whole = written(format, PEOPLE, batch_size=100)
    assert whole == written(format, PEOPLE, batch_size=100)
    if format not in ("sql", "xlsx"):
        # A statement, and a block of a compressed sheet, end where a batch does.
        assert written(format, PEOPLE, batch_size=1) == whole


@every_format
def test_the_stream_stays_open(format: str) -> None:
    stream = io.BytesIO()
    with open_writer(format, stream, WriteOptions()) as writer:
        writer.begin(PEOPLE.table)
        writer.write(batch(PEOPLE))
    assert not stream.closed


@pytest.mark.parametrize("format", sorted(HOLD_SEVERAL))
def test_an_error_leaves_the_end_unwritten(format: str) -> None:
    stream = io.BytesIO()

    def stopped() -> None:
        with open_writer(format, stream, WriteOptions()) as writer:
            writer.begin(PEOPLE.table)
            writer.write(batch(PEOPLE))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    whole = written(format, PEOPLE, batch_size=100)
    assert whole[-20:] not in stream.getvalue()
    assert b"PK\x05\x06" not in stream.getvalue()


@pytest.mark.parametrize("format", sorted(set(WRITERS) - HOLD_SEVERAL))
def test_a_second_table_is_refused_where_a_file_holds_one(format: str) -> None:
    with pytest.raises(UsageError, match=r"plans cannot follow customers"):
        written(format, PEOPLE, PLANS)


def test_a_second_table_is_refused_in_a_json_of_one() -> None:
    with pytest.raises(UsageError, match=r"plans cannot follow customers"):
        written("json", PEOPLE, PLANS)


@pytest.mark.parametrize("format", sorted(HOLD_SEVERAL))
def test_several_tables_in_one_file(format: str, tmp_path: Path) -> None:
    data = written(format, PEOPLE, PLANS, several=True)
    assert read_back(tmp_path / "all", data) == {
        "customers": [["1", "Ana"], ["2", "Bo"], ["3", None]],
        "plans": [["basic"], ["fast"]],
    }


@every_format
def test_columns_are_found_by_name(format: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    one = batch(PEOPLE)
    turned = Records(one.cells.select(["name", "id"]), one.record, one.line)
    with open_writer(format, stream, WriteOptions()) as writer:
        writer.begin(PEOPLE.table)
        writer.write(turned)
    assert stream.getvalue() == written(format, PEOPLE, batch_size=100)


@every_format
def test_records_without_a_column_are_a_mistake(format: str) -> None:
    with open_writer(format, io.BytesIO(), WriteOptions()) as writer:
        writer.begin(PEOPLE.table)
        with pytest.raises(ValueError, match="no one column 'id'"):
            writer.write(batch(PLANS))


@every_format
def test_a_table_without_records_can_be_written(format: str) -> None:
    empty = rows("id name")
    assert written(format, empty, batch_size=1) is not None
    with open_writer(format, io.BytesIO(), WriteOptions()) as writer:
        writer.begin(empty.table)
        writer.write(batch(empty))


@every_format
def test_parts_of_larger_arrays_are_written_as_they_are(format: str) -> None:
    cells = pa.record_batch([pa.array(["0", "1", "2", "3"]), pa.array([None, "Ana", "Bo", None])],
                            names=["id", "name"])  # fmt: skip
    numbers = pa.array([0, 1, 2, 3])
    part = Records(cells.slice(1), numbers.slice(1), numbers.slice(1))
    stream = io.BytesIO()
    with open_writer(format, stream, WriteOptions()) as writer:
        writer.begin(PEOPLE.table)
        writer.write(part)
    assert stream.getvalue() == written(format, PEOPLE, batch_size=100)


@every_format
def test_more_than_a_slice_of_rows(format: str, tmp_path: Path) -> None:
    many = rows("id note", *((str(i), "äx" * 600) for i in range(6_000)))
    data = written(format, many, batch_size=6_000)
    [found] = read_back(tmp_path / "customers", data).values()
    assert found == [list(row) for row in many.rows]


@pytest.mark.parametrize("format", ["json", "ndjson", "sql", "xlsx"])
@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (Kind.INTEGER, "1.0"), (Kind.INTEGER, "007"), (Kind.INTEGER, "1\n"), (Kind.INTEGER, "x"),
        (Kind.DECIMAL, "NaN"), (Kind.DECIMAL, "1e5"), (Kind.DECIMAL, ".5"), (Kind.DECIMAL, ""),
        (Kind.DECIMAL, "1); DROP TABLE t; --"), (Kind.BOOLEAN, "yes"), (Kind.BOOLEAN, "True"),
        (Kind.DATE, "29.02.2024"), (Kind.TIMESTAMP, "2024-02-29 10:00"), (Kind.JSON, "{"),
        (Kind.TIME, "24:00:00"), (Kind.TIME, "19:30"), (Kind.TIME, "7:30 PM"),
        (Kind.JSON, "NaN"), (Kind.JSON, "[1] [2]"), (Kind.JSON, "[" * 100_000),
    ],
)  # fmt: skip
def test_a_cell_that_is_not_what_its_column_says_is_refused(
    format: str, kind: Kind, cell: str
) -> None:
    with pytest.raises(UsageError, match=rf"customers, record 2: column c.*no {kind.value}"):
        written(format, typed(kind, None, cell))


def test_errors_do_not_show_the_cell() -> None:
    with pytest.raises(UsageError) as raised:
        written("ndjson", typed(Kind.INTEGER, "secret42"))
    assert "'aaaaaa99'" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_columns_have_kinds_by_themselves() -> None:
    assert Column("x").kind is Kind.TEXT
