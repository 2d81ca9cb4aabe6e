"""Where the table of a sheet begins and ends, and what its columns are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines_tests.formats.test_xlsx import rows_of, save

HEADER = ["id", "name", "email", "balance", "since", "status"]
BODY: list[list[Any]] = [
    [i, f"Ann {i}", f"a{i}@example.com", i * 1.5, "2020-01-02", "active"] for i in range(1, 13)
]


def table_of(path: Path, **options: Any) -> tuple[list[str], int, int, str]:
    """Columns, number of records and of rejects, and the notes once all was read."""
    with open_source(path, **options) as reader:
        [table] = reader.tables()
        batches = list(reader.batches(table))
        return (
            reader.columns(table),
            sum(b.cells.num_rows for b in batches),
            sum(len(b.rejects) for b in batches),
            " ".join(reader.detected.notes),
        )


@pytest.mark.parametrize(
    "above",
    [
        [],
        [["Customers"]],
        [["ACME Internet"], ["exported on 2021-01-01"], []],
        [["Report:", "Customers"], ["From:", "2020-01-01"], ["To:", "2020-12-31"], []],
        [[], [], []],
    ],
)
def test_titles_and_remarks_above_the_header_are_left_out(
    tmp_path: Path, above: list[list[str]]
) -> None:
    path = save(tmp_path / "a.xlsx", *above, HEADER, *BODY)
    assert table_of(path)[:3] == (HEADER, 12, 0)


NAMES = ["No", "name", "amt", "plan"]
RECORDS: list[list[Any]] = [[i, f"Ann {i}", i * 1.5, f"P{i % 3}"] for i in range(1, 61)]


@pytest.mark.parametrize("apart", [[], [[]]], ids=["directly", "with a blank row"])
@pytest.mark.parametrize(
    "above",
    [
        [["Report"]],
        [[None, "Report"]],
        [["Report", "B"]],
        [["Report", "B", "Period", "Jan"]],
        [["Report", "Balances"], ["Period", "Jan 2024"], ["Operator", "X"]],
        [["ACME Internet"], ["Report", "Balances"], ["Period", "2024-01-01", "Page", 5]],
    ],
)
def test_parameters_above_the_header_are_no_names_and_told(
    tmp_path: Path, above: list[list[Any]], apart: list[list[Any]]
) -> None:
    columns, records, rejects, notes = table_of(
        save(tmp_path / "a.xlsx", *above, *apart, NAMES, *RECORDS)
    )
    assert (columns, records, rejects) == (NAMES, 60, 0)
    assert f"{len(above)} row(s) above the table are left out" in notes


def test_parameters_above_a_table_of_two_or_three_columns(tmp_path: Path) -> None:
    rows = [row[:3] for row in [NAMES, *RECORDS]]
    assert table_of(save(tmp_path / "a.xlsx", ["Report", "B"], *rows))[:2] == (NAMES[:3], 60)
    rows = [row[:2] for row in rows]
    assert table_of(save(tmp_path / "b.xlsx", ["Report", "B"], *rows))[:2] == (NAMES[:2], 60)
    assert table_of(save(tmp_path / "c.xlsx", ["Report"], *rows))[:2] == (NAMES[:2], 60)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["Customer", None, "Billing", None], "Customer {}, Customer {}, Billing {}, Billing {}"),
        (["Customer", "Customer", "Billing", "Billing"],
         "Customer {}, Customer {}, Billing {}, Billing {}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("above", [[], [["Customers of ACME"]], [["Report", "B"], []]])
def test_groups_without_merged_cells_are_part_of_the_names(
    tmp_path: Path, groups: list[str], expected: str, above: list[list[str]]
) -> None:
    path = save(tmp_path / "a.xlsx", *above, groups, NAMES, *RECORDS)
    columns, records, _, notes = table_of(path)
    assert (", ".join(columns), records) == (expected.format(*NAMES), 60)
    assert "the header is made of 2 rows" in notes


def merged(path: Path, rows: list[list[Any]], *ranges: str) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in ranges:
        book.active.merge_cells(cells)
    book.save(path)
    return path


def test_a_group_reaches_as_far_as_its_merged_cells(tmp_path: Path) -> None:
    rows = [["Customers"], [None, "Person", None, None], NAMES, *RECORDS]
    path = merged(tmp_path / "a.xlsx", rows, "A1:D1", "B2:C2")
    columns, records, _, notes = table_of(path)
    assert (columns, records) == (["No", "Person name", "Person amt", "plan"], 60)
    assert "1 row(s) above the table are left out" in notes
    assert "the header is made of 2 rows, 2 to 3" in notes


def test_merged_groups_over_nothing_but_texts(tmp_path: Path) -> None:
    body = [[f"Ann {i}", f"a{i}@x.example", f"Street {i * 7}", f"P{i % 3}"] for i in range(1, 61)]
    rows = [["Person", None, "Place", "plan"], ["name", "email", "street", None], *body]
    path = merged(tmp_path / "a.xlsx", rows, "A1:B1", "D1:D2")
    assert table_of(path)[:2] == (["Person name", "Person email", "Place street", "plan"], 60)


def test_a_title_merged_over_the_table_is_no_group(tmp_path: Path) -> None:
    rows = [["Report", None, None, None], ["Period", "Jan"], NAMES, *RECORDS]
    assert table_of(merged(tmp_path / "a.xlsx", rows, "A1:D1"))[:2] == (NAMES, 60)


def test_a_merged_name_above_texts_leaves_them_records(tmp_path: Path) -> None:
    body = [[f"code {i}", f"Ann {i}", f"Ray {i}", f"note of {i}"] for i in range(1, 61)]
    rows = [["customer", "name", None, "remark"], *body]
    columns, records, _, _ = table_of(merged(tmp_path / "a.xlsx", rows, "B1:C1"))
    assert (columns, records) == (["customer", "name", "column_3", "remark"], 60)


def test_a_unit_below_each_name_belongs_to_it(tmp_path: Path) -> None:
    units = ["text", "x", "EUR", "-"]
    body = [[f"Ann {i}", i, i * 1.5, f"P{i}"] for i in range(1, 61)]
    path = save(tmp_path / "a.xlsx", ["Name", "Speed", "Price", "Plan"], units, *body)
    assert table_of(path)[:2] == (["Name text", "Speed x", "Price EUR", "Plan -"], 60)


def test_records_are_no_remarks_above_the_header_of_a_further_table(tmp_path: Path) -> None:
    body = [[f"k{i}", f"in {i}", i * 2.5, f"T{i % 2}"] for i in range(9)]
    path = save(tmp_path / "a.xlsx", ["key", "place", "sum", "tariff"], *body, [], NAMES, *RECORDS)
    columns, records, rejects, _ = table_of(path)
    assert (columns, records + rejects) == (["key", "place", "sum", "tariff"], 70)


def test_a_narrow_table_above_the_table_is_asked_about(tmp_path: Path) -> None:
    above = [[f"key {i}", f"value {i}"] for i in range(12)]
    path = save(tmp_path / "a.xlsx", *above, [], HEADER, *BODY, *BODY)
    with open_source(path, ask=False) as reader:
        assert reader.columns("Sheet1") == HEADER
        [question] = reader.detected.questions
    assert "The first 12 rows" in question
    assert "skip_lines" in question
    said = CsvOptions(skip_lines=13)
    assert table_of(path, csv=said)[:2] == (HEADER, 24)


NARROWER: list[list[Any]] = [["invoice", "paid"], *([f"R-{i}", i * 10] for i in range(5))]
WIDER: list[list[Any]] = [
    ["invoice", "issued", "paid", "net", "tax", "gross", "currency", "remark"],
    *([f"R-{i}", "2024-01-05", "yes", i, i, i * 2, "EUR", "none"] for i in range(5)),
]


@pytest.mark.parametrize("title", [[], [["Invoices"]]], ids=["untitled", "titled"])
@pytest.mark.parametrize("body", [BODY[:4], BODY * 60], ids=["in the sample", "below the sample"])
@pytest.mark.parametrize("second", [NARROWER, WIDER], ids=["narrower", "wider"])
def test_a_further_table_below_blank_rows_is_rejected_and_told(
    tmp_path: Path, title: list[list[str]], body: list[list[Any]], second: list[list[Any]]
) -> None:
    path = save(tmp_path / "a.xlsx", HEADER, *body, [], [], *title, *second)
    columns, records, rejects, notes = table_of(path)
    assert (columns, records, rejects) == (HEADER, len(body), len(title) + 6)
    assert f"from row {len(body) + 4:,} on, below blank rows, stands another table" in notes


def test_a_further_table_ends_where_records_of_the_first_go_on(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", HEADER, *BODY, [], *NARROWER, [], *BODY)
    assert table_of(path)[1:3] == (24, 6)


def test_a_further_table_may_have_rows_of_nothing_but_an_error(tmp_path: Path) -> None:
    second = [NARROWER[0], ["#N/A", None], [None, "=1+1"], *NARROWER[1:]]
    path = save(tmp_path / "a.xlsx", HEADER, *BODY, [], *second)
    assert table_of(path)[1:3] == (12, 8)
    path = save(tmp_path / "b.xlsx", HEADER, *BODY, [], [None, "=1+1"], *BODY)
    assert table_of(path)[1:3] == (24, 1)


def test_a_further_table_of_as_many_columns_is_told(tmp_path: Path) -> None:
    second = [["no", "device", "ip", "price", "sold", "state"], *BODY]
    columns, records, rejects, notes = table_of(
        save(tmp_path / "a.xlsx", HEADER, *BODY, [], *second)
    )
    assert (columns, records, rejects) == (HEADER, 25, 0)
    assert "row 15, below blank rows, looks like the beginning of another table" in notes


@pytest.mark.parametrize(
    "rows",
    [
        [BODY[0], BODY[1]],
        [HEADER, *BODY],
        [["Region: North"], *BODY],
        [[None, "Ann Lee", None, None, None, "active"], *BODY],
        [[13, "Bob", None, None, None, None], [14, "Eve", None, None, None, None]],
    ],
)
def test_records_below_blank_rows_are_records(tmp_path: Path, rows: list[list[Any]]) -> None:
    path = save(tmp_path / "a.xlsx", HEADER, *BODY, [], *rows)
    columns, records, rejects, notes = table_of(path)
    assert (columns, records, rejects) == (HEADER, 12 + len(rows), 0)
    assert "another table" not in notes


def test_a_table_that_does_not_begin_in_the_first_column(tmp_path: Path) -> None:
    rows = [[None, None, *row] for row in [HEADER, *BODY]]
    assert table_of(save(tmp_path / "a.xlsx", [], *rows))[:3] == (HEADER, 12, 0)


def test_a_header_in_two_rows_of_merged_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "Contact", None, "Billing", None, "status"])
    book.active.append([None, "name", "email", "balance", "since", None])
    for row in BODY:
        book.active.append(row)
    for cells in ("A1:A2", "B1:C1", "D1:E1", "F1:F2"):
        book.active.merge_cells(cells)
    book.save(tmp_path / "a.xlsx")
    columns, records, rejects, notes = table_of(tmp_path / "a.xlsx")
    assert columns == [
        "id", "Contact name", "Contact email", "Billing balance", "Billing since", "status",
    ]  # fmt: skip
    assert (records, rejects) == (12, 0)
    assert "4 merged ranges" in notes


def test_blank_and_repeated_names_are_made_unique_by_place(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ["id", None, "email", "email", "since", "status"], *BODY)
    assert table_of(path)[0] == ["id", "column_2", "email", "email_2", "since", "status"]


def test_an_empty_column_between_others_keeps_its_place(tmp_path: Path) -> None:
    rows = [[row[0], None, row[1], None, row[3]] for row in [HEADER, *BODY]]
    path = save(tmp_path / "a.xlsx", *rows)
    assert table_of(path)[0] == ["id", "column_2", "name", "column_4", "balance"]
    assert rows_of(path)[0][0] == ["1", None, "Ann 1", None, "1.5"]


def test_years_may_be_names(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ["plan", 2019, 2020], *([f"p{i}", i, i] for i in range(9)))
    assert table_of(path)[0] == ["plan", "2019", "2020"]


def test_a_vertically_merged_value_stands_in_its_first_row_only(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [HEADER, *BODY]:
        book.active.append(row)
    book.active.merge_cells("B2:B4")
    book.save(tmp_path / "a.xlsx")
    assert [row[1] for row in rows_of(tmp_path / "a.xlsx")[0]][:4] == ["Ann 1", None, None, "Ann 4"]
    assert "1 merged ranges: only the first cell" in table_of(tmp_path / "a.xlsx")[3]


def test_a_line_of_totals_is_a_record_and_told(tmp_path: Path) -> None:
    total = ["Total", None, None, 117, None, None]
    path = save(tmp_path / "a.xlsx", HEADER, *BODY, total)
    _, records, rejects, notes = table_of(path)
    assert (records, rejects) == (13, 0)
    assert "row 14, the last one, looks like a line of totals" in notes
    assert "totals" not in table_of(save(tmp_path / "b.xlsx", HEADER, *BODY))[3]


def test_the_spec_may_leave_out_a_footer(tmp_path: Path) -> None:
    footer = [[], ["Total", None, None, "=SUM(D2:D13)"], ["printed", "by", "x", None, None, None]]
    path = save(tmp_path / "a.xlsx", HEADER, *BODY, *footer)
    assert table_of(path)[1:3] == (13, 1)
    assert table_of(path, csv=CsvOptions(footer_lines=2))[1:3] == (12, 0)
    assert table_of(path, csv=CsvOptions(footer_lines=14))[1:3] == (0, 0)


@pytest.mark.slow
def test_a_footer_may_be_longer_than_a_block_of_rows(tmp_path: Path) -> None:
    rows = [[i, "x" * 3_000, "y"] for i in range(6_000)]
    path = save(tmp_path / "a.xlsx", ["id", "name", "city"], *rows)
    assert table_of(path, csv=CsvOptions(footer_lines=4_000))[1:3] == (2_000, 0)


def test_nothing_but_a_header(tmp_path: Path) -> None:
    assert table_of(save(tmp_path / "a.xlsx", HEADER))[:3] == (HEADER, 0, 0)
