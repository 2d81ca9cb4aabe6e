"""Spreadsheets: every visible sheet a table, every cell the text that its author sees."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, ReadLimits, Reject, open_source
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines.formats.spreadsheet.reader import SpreadsheetReader
from ispmig_pipelines.formats.spreadsheet.xlsx_values import (
    NumberFormat,
    number_format,
    number_text,
)
from ispmig_pipelines_tests.corpora import corpus

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def rows_of(
    path: Path, table: str = "", *, size: int = 50_000, **options: Any
) -> tuple[list[list[str | None]], list[Reject]]:
    rows: list[list[str | None]] = []
    rejects: list[Reject] = []
    with open_source(path, **options) as reader:
        for batch in reader.batches(table or reader.tables()[0], size):
            rows += [list(row.values()) for row in batch.cells.to_pylist()]
            rejects += batch.rejects
    return rows, rejects


def save(path: Path, *rows: list[Any], title: str = "Sheet1") -> Path:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def write(
    path: Path,
    sheet: str,
    *,
    shared: str | None = None,
    styles: str = "",
    book: str = "",
    root: str = f'<worksheet xmlns="{MAIN}">',
    after: str = "</worksheet>",
) -> Path:
    """A workbook of one sheet, its parts as given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{REL}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}">'
            f'<Relationship Id="r1" Type="{REL}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{REL}/sharedStrings" Target="sharedStrings.xml"/>'
            f'<Relationship Id="r3" Type="{REL}/styles" Target="/xl/styles.xml"/>'
            "</Relationships>",
        )
        archive.writestr(
            "xl/workbook.xml",
            book
            or f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets><sheet name="Data" sheetId="1" '
            'r:id="r1"/></sheets></workbook>',
        )
        if styles:
            archive.writestr("xl/styles.xml", styles)
        if shared is not None:
            archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{shared}</sst>')
        archive.writestr("xl/worksheets/sheet1.xml", f"{root}{sheet}{after}")
    return path


HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>name</t></is></c></row>'
)


# ---------------------------------------------------------------- real workbooks


def test_dates_of_both_systems_and_a_duration() -> None:
    folder = corpus("xlsx_calamine")
    expected = [["2021-01-01", "15"], ["2021-01-02", "16"], ["255:10:10", "17"]]
    assert rows_of(folder / "date.xlsx")[0] == expected
    assert rows_of(folder / "date_1904.xlsx")[0] == expected


def test_the_serials_of_both_systems() -> None:
    folder = corpus("xlsx_sheetjs")
    days = {
        "1904__1900.xlsx": ["1900-01-01", "1900-01-11", "1900-04-20", "1903-01-15", "1930-06-02"],
        "1904__1904.xlsx": ["1904-01-02", "1904-01-12", "1904-04-21", "1907-01-16", "1934-06-03"],
    }
    for name, expected in days.items():
        rows, _ = rows_of(folder / name)
        assert [row[0] for row in rows] == ["1", "11", "111", "1111", "11111"]
        # The third column is a formula of the spreadsheet's own: what it shows for the date.
        assert [row[1] for row in rows] == expected == [row[2] for row in rows]


def test_seven_errors_are_seven_rejects() -> None:
    rows, rejects = rows_of(corpus("xlsx_calamine") / "errors.xlsx")
    assert rows == []
    assert [r.record for r in rejects] == [1, 2, 3, 4, 5, 6, 7]
    assert {r.rule for r in rejects} == {"cell.error"}
    assert [r.found.split()[0] for r in rejects] == [
        "#DIV/0!", "#NAME?", "#VALUE!", "#NULL!", "#REF!", "#NUM!", "#N/A",
    ]  # fmt: skip


def test_hidden_sheets_and_charts_are_no_tables() -> None:
    with open_source(corpus("xlsx_calamine") / "any_sheets.xlsx") as reader:
        assert reader.tables() == ["Visible"]
        notes = " ".join(reader.detected.notes)
    assert "Hidden is hidden" in notes
    assert "VeryHidden is very hidden" in notes
    assert "Chart holds no cells" in notes


def test_remarks_above_the_header_are_left_out() -> None:
    path = corpus("xlsx_calamine") / "header-row.xlsx"
    with open_source(path) as reader:
        assert reader.columns("Sheet1") == ["Columns", "Column A", "Column B", "Column C"]
        [batch] = reader.batches("Sheet1")
    assert batch.line.to_pylist() == [10]
    assert rows_of(path)[0] == [["put data here", "1", "2", "3"]]


def test_a_sheet_without_a_header() -> None:
    with open_source(corpus("xlsx_calamine") / "no-header.xlsx") as reader:
        assert reader.columns(reader.tables()[0]) == ["column_1", "column_2"]
        [batch] = reader.batches(reader.tables()[0])
    assert batch.cells.to_pylist() == [
        {"column_1": "a", "column_2": "0"},
        {"column_1": "b", "column_2": "1"},
    ]
    assert batch.line.to_pylist() == [3, 4]


def test_inline_rich_texts() -> None:
    rows, _ = rows_of(corpus("xlsx_calamine") / "inlineStr_with_value.xlsx")
    assert rows == [["1", "+", None, "1.", "RQ11610", "requirement", "Textual Requirement", "test"]]


def test_merged_cells_hold_their_value_once() -> None:
    path = corpus("xlsx_calamine") / "merged_range.xlsx"
    rows, _ = rows_of(path, "Sheet1")
    assert rows[0] == ["A3", "B3", "C3", None, "E3", "F3", "G3", "H3"]
    with open_source(path) as reader:
        assert "9 merged ranges" in " ".join(reader.detected.notes)


def test_a_workbook_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(SourceError, match="no visible sheet with anything in it"):
        open_source(corpus("xlsx_calamine") / "empty_sheet.xlsx")


# ---------------------------------------------------------------- values


@given(st.integers(0, 10**14), st.integers(0, 10**14), st.sampled_from([1, 10, 100, 1000]))
def test_a_sum_of_amounts_is_what_it_would_be_on_paper(a: int, b: int, unit: int) -> None:
    total = Decimal(a + b) / unit
    whole = total == total.to_integral_value()
    paper = format(total.quantize(Decimal(1)) if whole else total.normalize(), "f")
    assert number_text(repr(a / unit + b / unit)) == paper


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("1.10", "1.1"),
        ("5551234567.0", "5551234567"),
        ("0.30000000000000004", "0.3"),
        ("589802524218.4501", "589802524218.45"),
        ("1234567890123.4502", "1234567890123.45"),
        ("12345678901234.56", "12345678901234.56"),
        ("-12345678901234.561", "-12345678901234.56"),
        ("99999999999999.56", "99999999999999.56"),
        ("33333.333333333336", "33333.333333333336"),
        ("3.14159265358979311600", "3.14159265358979"),
        ("9.123456789012345", "9.12345678901234"),
        ("1.2345678901234567e350", "1.23456789012346E+350"),
        ("1.1000000000000001", "1.1"),
        ("-0", "0"),
        ("-12.50", "-12.5"),
        ("1E+3", "1000"),
        ("1.5E-7", "0.00000015"),
        ("12345678901234567890", "12345678901234567890"),
        ("89014103211118510720", "89014103211118510720"),
        ("1E+300", "1E+300"),
        ("1.234567890123456E15", "1234567890123456"),
        ("1.5E+999999999", "1.5E+999999999"),
        ("100", "100"),
        ("0.10", "0.1"),
        ("007", "7"),
        ("not a number", "not a number"),
    ],
)
def test_numbers_are_plain_digits(stored: str, text: str) -> None:
    assert number_text(stored) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9),
                   max_value=10**9))  # fmt: skip
def test_amounts_survive_the_binary_number_they_are_stored_as(amount: Any) -> None:
    assert number_text(repr(float(amount))) == number_text(str(amount))


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("General", NumberFormat.PLAIN),
        ("0.00E+00", NumberFormat.PLAIN),
        ('#,##0.00 "days"', NumberFormat.PLAIN),
        ("[Red]-0.0", NumberFormat.PLAIN),
        ("_(* #,##0.00_);_(@_)", NumberFormat.PLAIN),
        ("[$€-407] #,##0.00", NumberFormat.PLAIN),
        ("yyyy\\-mm\\-dd;@", NumberFormat.DATE),
        ("[$-409]d\\-mmm\\-yy", NumberFormat.DATE),
        ("mmm yy", NumberFormat.DATE),
        ("mmmm", NumberFormat.DATE),
        ("dd.mm.yyyy hh:mm", NumberFormat.DATETIME),
        ("h:mm AM/PM", NumberFormat.TIME),
        ("mm:ss.0", NumberFormat.TIME),
        ("[h]:mm:ss", NumberFormat.DURATION),
        ("[mm]:ss", NumberFormat.DURATION),
    ],
)
def test_what_a_number_format_makes_of_a_number(code: str, form: NumberFormat) -> None:
    assert number_format(200, code) is form


def test_every_type_of_value(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.xlsx",
        ["id", "zip", "since", "seen", "at", "paid", "amount"],
        [7, "00501", dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 13, 5), dt.time(7, 30), True,
         1234.5],
        [8, "01234", dt.date(1999, 12, 31), dt.datetime(2020, 3, 1), dt.time(23, 59, 59), False,
         -0.1],
    )  # fmt: skip
    rows, rejects = rows_of(path)
    assert rows == [
        ["7", "00501", "2020-02-29", "2020-02-29T13:05:00", "07:30:00", "true", "1234.5"],
        ["8", "01234", "1999-12-31", "2020-03-01T00:00:00", "23:59:59", "false", "-0.1"],
    ]
    assert rejects == []


def test_the_day_that_never_was_is_shown_as_the_spreadsheet_shows_it(tmp_path: Path) -> None:
    styles = (
        f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>"
    )
    cells = "".join(
        f'<row r="{i}"><c r="A{i}"><v>{i}</v></c><c r="B{i}" s="1"><v>{v}</v></c></row>'
        for i, v in enumerate(("59", "60", "61", "-1", "0"), start=2)
    )
    path = write(tmp_path / "a.xlsx", f"<sheetData>{HEADER}{cells}</sheetData>", styles=styles)
    assert [row[1] for row in rows_of(path)[0]] == [
        "1900-02-28", "1900-02-29", "1900-03-01", "-1", "1900-01-00",
    ]  # fmt: skip


def test_formulas_give_their_last_value(tmp_path: Path) -> None:
    sheet = (
        f'<sheetData>{HEADER}<row r="2"><c r="A2"><f>1+1</f><v>2</v></c>'
        '<c r="B2" t="str"><f t="shared" ref="B2:B9" si="0">A2&amp;"&lt;"</f><v>2&lt;</v></c></row>'
        '<row r="3"><c r="A3"><f>1+2</f><v>3</v></c><c r="B3" t="str"><f t="shared" si="0"/>'
        "<v>3&lt;</v></c></row></sheetData>"
    )
    assert rows_of(write(tmp_path / "a.xlsx", sheet))[0] == [["2", "2<"], ["3", "3<"]]


def test_an_emptied_text_cell_is_an_empty_text_and_not_the_first_one(tmp_path: Path) -> None:
    sheet = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="s"><v/></c></row>'
        '<row r="3"><c r="A3"><v>2</v></c><c r="B3" t="s"><v></v></c></row></sheetData>'
    )
    shared = "<si><t>id</t></si><si><t>name</t></si>"
    rows, _ = rows_of(write(tmp_path / "a.xlsx", sheet, shared=shared))
    assert rows == [["1", ""], ["2", ""]]


def test_shared_texts_in_pieces_with_escapes_and_a_phonetic_guide(tmp_path: Path) -> None:
    shared = (
        "<si><t>id</t></si><si><t>name</t></si>"
        '<si><r><t xml:space="preserve">Ann </t></r><r><rPr><b/></rPr><t>Lee</t></r></si>'
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si>'
        "<si><t>two_x000A_lines &amp; _x005F_x0041_</t></si><si><t/></si>"
    )
    cells = "".join(
        f'<row r="{i}"><c r="A{i}"><v>{i}</v></c><c r="B{i}" t="s"><v>{i}</v></c></row>'
        for i in (2, 3, 4, 5)
    )
    sheet = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        f"{cells}</sheetData>"
    )
    rows, _ = rows_of(write(tmp_path / "a.xlsx", sheet, shared=shared))
    assert [row[1] for row in rows] == ["Ann Lee", "東京", "two\nlines & _x0041_", ""]


# ---------------------------------------------------------------- unusual workbooks


@pytest.mark.parametrize(
    "dimension", ["", '<dimension ref="A1"/>', '<dimension ref="A0:XFD1048576"/>', "<dimension/>"]
)
def test_declared_dimensions_do_not_count(tmp_path: Path, dimension: str) -> None:
    sheet = (
        f'{dimension}<sheetData>{HEADER}<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str">'
        "<v>Ann</v></c></row></sheetData>"
    )
    assert rows_of(write(tmp_path / "a.xlsx", sheet))[0] == [["1", "Ann"]]


def test_cells_and_rows_without_references_follow_on(tmp_path: Path) -> None:
    sheet = (
        '<sheetData><row><c t="str"><v>id</v></c><c t="str"><v>name</v></c></row>'
        '<row r="5"><c><v>1</v></c><c t="str"><v>Ann</v></c></row>'
        '<row><c><v>2</v></c><c t="str"><v>Bob</v></c></row></sheetData>'
    )
    path = write(tmp_path / "a.xlsx", sheet)
    with open_source(path) as reader:
        [batch] = reader.batches("Data")
    assert batch.line.to_pylist() == [5, 6]
    assert rows_of(path)[0] == [["1", "Ann"], ["2", "Bob"]]


def test_rows_and_cells_out_of_order(tmp_path: Path) -> None:
    sheet = (
        f'<sheetData>{HEADER}<row r="3"><c r="B3" t="str"><v>Bob</v></c><c r="A3"><v>2</v></c>'
        '</row><row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str"><v>Ann</v></c></row></sheetData>'
    )
    assert rows_of(write(tmp_path / "a.xlsx", sheet))[0] == [["1", "Ann"], ["2", "Bob"]]


def test_a_prefix_for_the_sheets_own_namespace(tmp_path: Path) -> None:
    sheet = (
        '<x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>id</x:t></x:is></x:c>'
        '<x:c r="B1" t="str"><x:v>name</x:v></x:c></x:row><x:row r="2"><x:c r="A2"><x:v>1</x:v>'
        '</x:c><x:c r="B2" t="str"><x:v>Ann</x:v></x:c></x:row></x:sheetData>'
    )
    path = write(
        tmp_path / "a.xlsx",
        sheet,
        root=f'<?xml version="1.0"?><x:worksheet xmlns:x="{MAIN}">',
        after="</x:worksheet>",
    )
    assert rows_of(path)[0] == [["1", "Ann"]]


def test_a_pretty_printed_sheet(tmp_path: Path) -> None:
    sheet = (
        "<sheetData>\n  <row r='1'>\n    <c r='A1' t='str'>\n <v>id</v></c>\n<c r='B1' t='str'>"
        "<v>name</v>\n</c></row>\n<!-- data -->\n<row r='2'><c r='A2'><v>1</v></c><c r='B2' "
        "t='str'><v><![CDATA[A & B]]></v></c></row>\n</sheetData>"
    )
    assert rows_of(write(tmp_path / "a.xlsx", sheet))[0] == [["1", "A & B"]]


def test_a_cell_beyond_the_table_rejects_its_record(tmp_path: Path) -> None:
    rows = [
        ["id", "name", "city"],
        *([i, f"n{i}", "x"] for i in range(700)),
        [9, "a", "b", "c", "d"],
    ]
    good, [reject] = rows_of(save(tmp_path / "a.xlsx", *rows))
    assert len(good) == 700
    assert (reject.record, reject.line, reject.rule) == (701, 702, "record.ragged")
    assert (reject.found, reject.accepted) == ("5", "3")


def test_blank_rows_are_no_records(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ["id", "name"], [], [1, "Ann"], [None, ""], [2, "Bob"])
    with open_source(path) as reader:
        [batch] = reader.batches("Sheet1")
    assert batch.record.to_pylist() == [1, 2]
    assert batch.line.to_pylist() == [3, 5]


def test_an_error_in_one_cell_rejects_that_record_only(tmp_path: Path) -> None:
    sheet = (
        f'<sheetData>{HEADER}<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="e"><f>1/0</f>'
        '<v>#DIV/0!</v></c></row><row r="3"><c r="A3"><v>2</v></c><c r="B3" t="str"><v>#N/A</v></c>'
        "</row></sheetData>"
    )
    path = write(tmp_path / "a.xlsx", sheet)
    rows, [reject] = rows_of(path)
    # The text "#N/A" is a text.
    assert rows == [["2", "#N/A"]]
    assert (reject.record, reject.line, reject.text) == (1, 2, "1\t#DIV/0!")
    assert reject.found == "#DIV/0! in column name (cell B2)"
    [problem] = inspect(path)["problems"]
    assert problem["code"] == "cell.error"
    assert "#DIV/0! in column name" in problem["message"]


def test_the_spec_says_where_the_header_is(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ["x", "y"], ["id", "name"], ["a", "b"])
    assert rows_of(path, csv=CsvOptions(header=2))[0] == [["a", "b"]]
    assert len(rows_of(path, csv=CsvOptions(header=False))[0]) == 3
    with open_source(path, csv=CsvOptions(header=False, columns=["p", "q"])) as reader:
        assert reader.columns("Sheet1") == ["p", "q"]


def test_several_sheets_are_several_tables(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Customers"
    book.active.append(["id", "name"])
    book.active.append([1, "Ann"])
    plans = book.create_sheet("Plans")
    plans.append(["code", "price"])
    plans.append(["A", 9.5])
    book.create_sheet("Empty")
    book.save(tmp_path / "a.xlsx")
    with open_source(tmp_path / "a.xlsx") as reader:
        assert reader.tables() == ["Customers", "Plans"]
        assert "sheet Empty is empty" in reader.detected.notes
    assert rows_of(tmp_path / "a.xlsx", "Plans")[0] == [["A", "9.5"]]


def test_an_opendocument_spreadsheet(tmp_path: Path) -> None:
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    names = {"office": office, "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
             "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0"}  # fmt: skip

    def cell(kind: str, text: str, value: str = "") -> str:
        return (
            f'<table:table-cell office:value-type="{kind}"{value}><text:p>{text}</text:p>'
            "</table:table-cell>"
        )

    rows = [
        cell("string", "id") + cell("string", "zip") + cell("string", "since"),
        cell("float", "1", ' office:value="1.50"') + cell("string", "00501")
        + cell("date", "x", ' office:date-value="2020-02-29"'),
    ]  # fmt: skip
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in names.items())
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    path = tmp_path / "a.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", mime)
        archive.writestr(
            "META-INF/manifest.xml",
            "<manifest:manifest xmlns:manifest="
            '"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
            "</manifest:manifest>",
        )
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="Kunden">{table}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    with open_source(path) as reader:
        assert (reader.detected.format, reader.tables()) == ("ods", ["Kunden"])
    assert rows_of(path)[0] == [["1.5", "00501", "2020-02-29"]]


# ---------------------------------------------------------------- what is refused


def test_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ["id", "name"], [1, "Ann"])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="cut short"):
        open_source(path)


def test_a_sheet_that_ends_within_its_cells_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", f"<sheetData>{HEADER}", after="")
    with pytest.raises(SourceError, match="ends within the cells"):
        open_source(path)


def test_a_damaged_sheet_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.xlsx", f'<sheetData>{HEADER}<row r="2"><c r="A2"><v>1</c></row></sheetData>'
    )
    with pytest.raises(SourceError, match="not well-formed"):
        open_source(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", f"<sheetData>{HEADER}</sheetData>" + " " * (80 << 20))
    with pytest.raises(SourceError, match="times its size"):
        open_source(path, limits=ReadLimits(max_ratio=200))
    with pytest.raises(SourceError, match="unpacks to"):
        open_source(path, limits=ReadLimits(max_expanded_bytes=1 << 20))


@pytest.mark.parametrize("part", ["sheet", "shared", "book"])
def test_entities_inside_a_part_are_refused(tmp_path: Path, part: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read")
    doctype = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    sheet = f'<sheetData>{HEADER}<row r="2"><c r="A2" t="s"><v>0</v></c></row></sheetData>'
    book = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets><sheet name="D" sheetId="1" '
        'r:id="r1"/></sheets></workbook>'
    )
    path = write(
        tmp_path / "a.xlsx",
        sheet,
        root=(doctype if part == "sheet" else "") + f'<worksheet xmlns="{MAIN}">',
        book=(doctype if part == "book" else "") + book,
        shared="<si><t>x</t></si>",
    )
    if part == "shared":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name.endswith("sharedStrings.xml"):
                    data = doctype.encode() + data.replace(b"<t>x</t>", b"<t>&e;</t>")
                new.writestr(name, data)
        path = tmp_path / "b.xlsx"
    with pytest.raises(SourceError, match="DOCTYPE"):
        open_source(path)


def test_a_workbook_behind_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    name = "EncryptedPackage".encode("utf-16-le")
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + name + bytes(2000))
    with pytest.raises(SourceError, match="protected with a password"):
        open_source(path)


def test_a_damaged_document_of_the_old_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000))
    with pytest.raises(SourceError, match="cut short or damaged"):
        open_source(path)


# ---------------------------------------------------------------- laws

CELLS = st.one_of(
    st.none(),
    st.integers(-(10**14), 10**14),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=12),
    st.sampled_from(
        ["00042", "a\nb", "<x> & 'y'", '"', "_x0041_", "#N/A", "=1+1", " pad ", "é漢😀", " "]
    ),
)


def shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def markup(rows: list[list[Any]]) -> str:
    """Rows as a spreadsheet program writes them, texts inline."""
    written = []
    for number, row in enumerate(rows, start=1):
        cells = []
        for place, value in enumerate(row):
            reference = f"{chr(65 + place)}{number}"
            if value is None:
                cells.append(f'<c r="{reference}" s="0"/>' if place % 2 else "")
            elif isinstance(value, bool):
                cells.append(f'<c r="{reference}" t="b"><v>{int(value)}</v></c>')
            elif isinstance(value, int):
                cells.append(f'<c r="{reference}"><v>{value}</v></c>')
            else:
                text = escape(re.sub("_x", "_x005F_x", value))
                inline = f'<is><t xml:space="preserve">{text}</t></is>'
                cells.append(f'<c r="{reference}" t="inlineStr">{inline}</c>')
        written.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f"<sheetData>{''.join(written)}</sheetData>"


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=30),
    size=st.integers(1, 40),
)
@example(rows=[[0, None, None], [None, None, None], [None, ":", "00"], [None, None, 0]], size=1)
def test_what_is_written_is_read_fast_or_not_and_whatever_the_batch(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]], size: int
) -> None:
    path = tmp_path_factory.mktemp("law") / "a.xlsx"
    write(path, markup([["id", "name", "email"], *rows]))
    expected = [[shown(value) for value in row] for row in rows]
    # A row of nothing but spaces is as blank as one of nothing.
    expected = [row for row in expected if any(cell and cell.strip() for cell in row)]
    for fast in (True, False):
        reader = SpreadsheetReader(path, "xlsx", options=CsvOptions(header=1), fast=fast)
        got, ordinals, rejects = [], [], 0
        with reader:
            for batch in reader.batches("Data", size):
                assert batch.cells.num_rows <= size
                got += [list(row.values()) for row in batch.cells.to_pylist()]
                ordinals += batch.record.to_pylist()
                rejects += len(batch.rejects)
        # Rows that look like another table, below a blank one, are told of instead.
        assert rejects == 0 or "stands another table" in "".join(reader.detected.notes)
        assert len(got) + rejects == len(expected)
        following = iter(expected)
        assert all(row in following for row in got)
        if not rejects:
            assert ordinals == list(range(1, len(expected) + 1))


@pytest.mark.slow
def test_long_sheets_read_alike_by_row_by_cell_and_by_parser(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "name", "balance", "since", "flag"]]
    for i in range(30_000):
        since = dt.date(2019, 1, 1) + dt.timedelta(i % 900)
        rows.append([i, f"Ann {i} & <co>", i / 100, since if i % 7 else None, i % 5 == 0])
        if i % 500 == 0:
            rows[-1][2] = "n/a"
    path = save(tmp_path / "a.xlsx", *rows)
    fast = SpreadsheetReader(path, "xlsx")
    slow = SpreadsheetReader(path, "xlsx", fast=False)
    one = list(fast.batches("Sheet1", 7_000))
    other = list(slow.batches("Sheet1", 7_000))
    assert [b.cells for b in one] == [b.cells for b in other]
    assert [b.line for b in one] == [b.line for b in other]
    assert sum(b.cells.num_rows for b in one) == 30_000
    assert one[0].cells.column(2)[:3].to_pylist() == ["n/a", "0.01", "0.02"]


def test_the_digest_is_of_the_whole_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xlsx", ["id", "name"], [1, "Ann"], [2, "Bob"])
    with open_source(path) as reader:
        with pytest.raises(ValueError, match="to its end"):
            reader.sha256()
        batches = list(reader.batches("Sheet1", 1))
        assert reader.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (reader.size, batches[-1].bytes_read <= reader.size) == (path.stat().st_size, True)
