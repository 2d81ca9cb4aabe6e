"""CSV files by others give the records that their authors say they hold."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines_tests.corpora import corpus

SPECTRUM = [
    "comma_in_quotes",
    "empty",
    "empty_crlf",
    "escaped_quotes",
    "json",
    "newlines",
    "quotes_and_newlines",
    "simple",
    "simple_crlf",
    "utf8",
]


def read(path: Path, **said: Any) -> tuple[list[str], list[list[str | None]], list[Any]]:
    """Columns, records as lists of cells, rejects."""
    with open_source(path, **said) as reader:
        table = reader.tables()[0]
        rows: list[list[str | None]] = []
        rejects = []
        for records in reader.batches(table):
            columns = [c.to_pylist() for c in records.cells.columns]
            rows += [list(row) for row in zip(*columns, strict=True)]
            rejects += records.rejects
        return reader.columns(table), rows, rejects


@pytest.mark.parametrize("name", SPECTRUM)
def test_spectrum_equals_its_json(name: str) -> None:
    folder = corpus("csv_spectrum")
    columns, rows, rejects = read(folder / "csvs" / f"{name}.csv")
    expected = json.loads((folder / "json" / f"{name}.json").read_text("utf-8"))
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    assert found == [{k: str(v) for k, v in record.items()} for record in expected]
    assert rejects == []


def test_spectrum_newlines_stored_with_lf_keep_lf() -> None:
    _, rows, _ = read(corpus("csv_spectrum") / "csvs" / "newlines_crlf.csv")
    assert [row[0] for row in rows][1] == "Once upon \na time"


def test_telco_is_7043_customers_of_21_columns_to_the_cent() -> None:
    path = corpus("csv_telco") / "Telco-Customer-Churn.csv"
    columns, rows, rejects = read(path)
    assert (len(rows), len(columns), rejects) == (7043, 21, [])
    with path.open(newline="", encoding="utf-8") as file:
        assert rows == list(csv.reader(file))[1:]
    monthly, total = columns.index("MonthlyCharges"), columns.index("TotalCharges")
    assert sum(Decimal(row[monthly] or "") for row in rows) == Decimal("456116.60")
    assert sum(Decimal((row[total] or "").strip() or "0") for row in rows) == Decimal("16056168.70")
    assert sum(row[total] == " " for row in rows) == 11


def test_telco_columns_are_described_by_their_shapes() -> None:
    [table] = inspect(corpus("csv_telco") / "Telco-Customer-Churn.csv")["tables"]
    described = {c["name"]: (c["type"], c["nulls"]) for c in table["columns"]}
    assert table["rows"] == 7043
    assert described["TotalCharges"] == ("decimal", 11)
    assert described["MonthlyCharges"] == ("decimal", 0)
    assert described["tenure"] == ("integer", 0)
    assert described["Partner"] == ("boolean", 0)
    assert described["customerID"] == ("text", 0)


def frictionless(name: str) -> Path:
    return corpus("csv_frictionless") / name


def test_accents_in_latin_1_with_semicolons_and_decimal_commas() -> None:
    columns, rows, rejects = read(frictionless("table-with-accents.csv"))
    assert (len(rows), len(columns), rejects) == (638, 8, [])
    assert columns[3] == "Année"
    assert rows[0][4] == "0,611553068"
    found = inspect(frictionless("table-with-accents.csv"))
    assert (found["delimiter"], found["dialect"]["line_end"]) == (";", "CRLF")


def test_greek() -> None:
    columns, rows, _ = read(frictionless("table-infer-iso-8859-7.csv"))
    assert (len(rows), columns) == (4, ["id", "age", "name"])
    assert rows[2][2] == "Μυρων"
    assert inspect(frictionless("table-infer-iso-8859-7.csv"))["encoding"] == "iso-8859-7"


def test_byte_order_mark_is_no_part_of_the_first_name() -> None:
    columns, rows, _ = read(frictionless("bom.csv"))
    assert columns == ["id", "name"]
    assert rows == [["1", "english"], ["2", "中国人"]]


def test_short_and_long_records_are_rejected_with_their_text() -> None:
    _, rows, rejects = read(frictionless("defective-rows.csv"))
    assert rows == []
    assert [(r.record, r.line, r.rule, r.text, r.found, r.accepted) for r in rejects] == [
        (1, 2, "record.ragged", "1101,John", "2", "3"),
        (2, 3, "record.ragged", "1102,Julie,26,Potatoes", "4", "3"),
    ]


def test_repeated_and_blank_names() -> None:
    assert read(frictionless("duplicate-headers.csv"))[0] == ["id", "name", "id_2", "age", "id_3"]
    assert read(frictionless("blank-headers.csv"))[0] == ["id", "column_2", "age"]


def test_leading_zeros_stay() -> None:
    assert read(frictionless("leading-zeros.csv"))[1] == [["01"], ["002"], ["00003"]]
    [table] = inspect(frictionless("leading-zeros.csv"))["tables"]
    assert table["columns"] == [{"name": "value", "type": "text", "nulls": 0}]


@pytest.mark.parametrize("name", ["skip-rows.csv", "skip-rows-before-headers.csv"])
def test_comments_are_no_records(name: str) -> None:
    columns, rows, rejects = read(frictionless(name))
    assert (columns, rows, rejects) == (["id", "name"], [["1", "english"], ["2", "中国人"]], [])


def test_no_header() -> None:
    columns, rows, _ = read(frictionless("without-headers.csv"))
    assert (columns, len(rows)) == (["column_1", "column_2"], 3)
    named = CsvOptions(columns=["id", "language"])
    assert read(frictionless("without-headers.csv"), csv=named)[0] == ["id", "language"]


def test_blanks_around_quotes_and_both_escapes() -> None:
    columns, rows, _ = read(frictionless("escaping.csv"))
    assert columns == ["ID", "Test"]
    assert rows == [["1", "Test line 1"], ["2", 'Test " line 2'], ["3", 'Test " line 3']]


def test_very_long_cells() -> None:
    path = frictionless("issue-1066-largecellsize.csv")
    columns, rows, rejects = read(path)
    assert (columns, len(rows), rejects) == (["Description", "status"], 19, [])
    with path.open(newline="", encoding="utf-8") as file:
        assert rows == list(csv.reader(file))[1:]


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(SourceError, match="is empty"):
        open_source(frictionless("empty.csv"))
