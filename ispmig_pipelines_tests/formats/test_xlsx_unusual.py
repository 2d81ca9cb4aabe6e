"""Workbooks that spreadsheet programs open and that break readers: the same records, or told."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import Reject, open_source
from ispmig_pipelines.formats.spreadsheet.reader import SpreadsheetReader
from ispmig_pipelines_tests.formats.test_xlsx import HEADER, MAIN, REL, save, write

Row = list[str | None]
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["expression", "parser"])


def read(path: Path, table: str = "", *, fast: bool = True) -> tuple[list[Row], list[Reject]]:
    """All records and rejects of one sheet."""
    rows: list[Row] = []
    rejects: list[Reject] = []
    with SpreadsheetReader(path, "xlsx", fast=fast) as reader:
        for batch in reader.batches(table or reader.tables()[0]):
            rows += [list(row.values()) for row in batch.cells.to_pylist()]
            rejects += batch.rejects
    return rows, rejects


def data(*cells: str) -> str:
    """A sheet with columns id and name and the rows given as markup."""
    return f"<sheetData>{HEADER}{''.join(cells)}</sheetData>"


def row(number: int, name: str) -> str:
    """A row whose id is its number and whose cell B is written as given."""
    return f'<row r="{number}"><c r="A{number}"><v>{number}</v></c>{name}</row>'


STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts>'
    '<numFmt numFmtId="164" formatCode="00000"/><numFmt numFmtId="165" formatCode="[h]:mm:ss"/>'
    '<numFmt numFmtId="166" formatCode="&quot;day&quot; 0"/>'
    '<numFmt numFmtId="167" formatCode="yyyy\\-mm\\-dd hh:mm:ss.000"/>'
    '<numFmt numFmtId="168" formatCode="0.00 USD"/><numFmt numFmtId="169" formatCode="Standard"/>'
    '</numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/>'
    '<xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="168"/>'
    '<xf numFmtId="169"/><xf numFmtId="57"/><xf numFmtId="22"/></cellXfs></styleSheet>'
)


# ---------------------------------------------------------------- cells


@BOTH
@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('<c r="B2" t="inlineStr"><is><t xml:space="preserve"> a </t></is></c>', " a "),
        ('<c r="B2" t="inlineStr"><is><r><t>a</t></r><r><rPr/><t>b</t></r></is></c>', "ab"),
        ('<c r="B2" t="inlineStr"><is><t>東</t><rPh sb="0" eb="1"><t>ト</t></rPh></is></c>', "東"),
        ('<c r="B2" t="inlineStr"><is><t>&#x1F600;&amp;amp;</t></is></c>', "😀&amp;"),
        ('<c r="B2" t="inlineStr"><is><t>_xD83D__xDE00__x000D__x005F_x0041_</t></is></c>',
         "😀\r_x0041_"),
        ('<c r="B2" t="inlineStr"><is><t>a\r\nb</t></is></c>', "a\nb"),
        ('<c r="B2" t="inlineStr"><is><t/></is></c>', ""),
        ('<c r="B2" t="str"><v>a\x0bb</v></c>', "a\x0bb"),
        ('<c r="B2" t="inlineStr"><v>plain</v></c>', "plain"),
        ('<c r="B2"><is><t>007</t></is></c>', "007"),
        ('<c r="B2" t="str"><f>T(1)</f><v></v></c>', ""),
        ('<c r="B2" t="str"><f>T(1)</f><v/></c>', ""),
        ('<c r="B2" t="str"><f t="array" ref="B2:B3">A1</f><v>x</v></c>', "x"),
        ('<c r="B2" t="str" cm="1"><f t="shared" si="0"/><v>00501</v></c>', "00501"),
        ('<c r="B2" s="" t="str"><v>a</v></c>', "a"),
        ('<c r="B2" t="n"><v>00501</v></c>', "501"),
        ('<c r="B2"><v>1234567890123456</v></c>', "1234567890123456"),
        ('<c r="B2"><v>1.234567890123456E15</v></c>', "1234567890123456"),
        ('<c r="B2"><v>5.551234567E9</v></c>', "5551234567"),
        ('<c r="B2"><v>0.30000000000000004</v></c>', "0.3"),
        ('<c r="B2"><v>1e-7</v></c>', "0.0000001"),
        ('<c r="B2"><v> 12 </v></c>', "12"),
        ('<c r="B2"><v>-0</v></c>', "0"),
        ('<c r="B2" t="b"><v>1</v></c>', "true"),
        ('<c r="B2" t="b"><v>false</v></c>', "false"),
        ('<c r="B2" t="d"><v>2020-02-29T13:05:00</v></c>', "2020-02-29T13:05:00"),
        ('<c r="B2" s="1"><v>44197</v></c>', "2021-01-01"),
        ('<c r="B2" s="1"><v>44197.5</v></c>', "2021-01-01T12:00:00"),
        ('<c r="B2" s="1"><v>60</v></c>', "1900-02-29"),
        ('<c r="B2" s="1"><v>44196.9999999999</v></c>', "2021-01-01"),
        ('<c r="B2" s="1"><v>2958466</v></c>', "2958466"),
        ('<c r="B2" s="9"><v>44197</v></c>', "2021-01-01T00:00:00"),
        ('<c r="B2" s="5"><v>44197.000001157406</v></c>', "2021-01-01T00:00:00.100"),
        ('<c r="B2" s="3"><v>1.5</v></c>', "36:00:00"),
        ('<c r="B2" s="3"><v>-0.25</v></c>', "-06:00:00"),
        ('<c r="B2" s="2"><v>501</v></c>', "00501"),
        ('<c r="B2" s="2"><v>1234567</v></c>', "1234567"),
        ('<c r="B2" s="2"><v>-5</v></c>', "-5"),
        ('<c r="B2" s="4"><v>7</v></c>', "7"),
        ('<c r="B2" s="6"><v>7</v></c>', "7"),
        ('<c r="B2" s="7"><v>7</v></c>', "7"),
        ('<c r="B2" s="8"><v>44197</v></c>', "2021-01-01"),
        ('<c r="B2" s="99"><v>44197</v></c>', "44197"),
        ('<c r="$B$2" t="str"><v>absolute</v></c>', "absolute"),
        ('<c r="b2" t="str"><v>small</v></c>', "small"),
        ('<c r="B2" t="str"><v xml:space="preserve"> a</v></c>', " a"),
        ('<c r="B2" t="str"><v><![CDATA[<row r="9">]]></v></c>', '<row r="9">'),
        ('<c r="B2" t="str"><v>x</v><extLst><ext uri="u"/></extLst></c>', "x"),
        ('<c r="B2"><f>1</f><v>3</v></c>', "3"),
        ('<c r="B2" s="3"/>', None),
        ('<c r="B2"><v></v></c>', None),
        ('<c r="B2"></c>', None),
    ],
)  # fmt: skip
def test_a_cell_is_the_text_its_author_sees(
    tmp_path: Path, cell: str, expected: str | None, fast: bool
) -> None:
    path = write(tmp_path / "a.xlsx", data(row(2, cell)), styles=STYLES)
    assert read(path, fast=fast) == ([["2", expected]], [])


@BOTH
@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ('<c r="B2" t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="B2" t="e"/>', "an error"),
        ('<c r="B2"><v>#REF!</v></c>', "#REF!"),
        ('<c r="B2"><f>SUM(A1:A9)</f></c>', "a formula that was never computed"),
        ('<c r="B2"><f>SUM(A1:A9)</f><v/></c>', "a formula that was never computed"),
        ('<c r="B2"><f>SUM(A1:A9)</f><v></v></c>', "a formula that was never computed"),
        ('<c r="B2" t="str"><f>A1</f></c>', "a formula that was never computed"),
        ('<c r="B2" t="s"><v>17</v></c>', "a text that the workbook does not have"),
        ('<c r="B2" t="s"><v>-1</v></c>', "a text that the workbook does not have"),
        ('<c r="B2" t="s"><v>x</v></c>', "a text that the workbook does not have"),
        ('<c r="B2"><v>1</v></c><c r="B2"><v>2</v></c>', "a second value"),
    ],
)
def test_a_cell_without_a_value_rejects_its_record_by_name(
    tmp_path: Path, cell: str, found: str, fast: bool
) -> None:
    path = write(tmp_path / "a.xlsx", data(row(2, cell), row(3, '<c r="B3"><v>4</v></c>')))
    rows, [reject] = read(path, fast=fast)
    assert rows == [["3", "4"]]
    assert (reject.record, reject.line, reject.rule) == (1, 2, "cell.error")
    assert reject.found == f"{found} in column name (cell B2)"


@BOTH
def test_formulas_that_a_library_wrote_are_told_not_emptied(tmp_path: Path, fast: bool) -> None:
    path = save(tmp_path / "a.xlsx", ["id", "total"], *([i, f"=A{i}*2"] for i in range(2, 40)))
    rows, rejects = read(path, fast=fast)
    assert rows == []
    assert {r.rule for r in rejects} == {"cell.error"}
    assert [r.record for r in rejects] == list(range(1, 39))


@BOTH
def test_a_second_value_that_is_the_same_is_no_harm(tmp_path: Path, fast: bool) -> None:
    twice = '<c r="B2"><v>1</v></c><c r="B2"><v>1</v></c>'
    assert read(write(tmp_path / "a.xlsx", data(row(2, twice))), fast=fast) == ([["2", "1"]], [])


# ---------------------------------------------------------------- rows


@BOTH
def test_rows_that_share_a_number_stay_two_records(tmp_path: Path, fast: bool) -> None:
    sheet = data(row(2, '<c r="B2"><v>1</v></c>'), row(2, '<c r="B2"><v>5</v></c>'))
    assert read(write(tmp_path / "a.xlsx", sheet), fast=fast)[0] == [["2", "1"], ["2", "5"]]


@BOTH
def test_a_row_in_two_pieces_is_one_record(tmp_path: Path, fast: bool) -> None:
    sheet = data(row(2, ""), '<row r="2"><c r="B2" t="str"><v>Ann</v></c></row>')
    assert read(write(tmp_path / "a.xlsx", sheet), fast=fast)[0] == [["2", "Ann"]]


@BOTH
def test_a_row_without_a_number_has_that_of_its_cells(tmp_path: Path, fast: bool) -> None:
    sheet = data('<row><c r="A7"><v>1</v></c><c r="B7"><v>2</v></c></row>')
    path = write(tmp_path / "a.xlsx", sheet)
    assert read(path, fast=fast)[0] == [["1", "2"]]
    with SpreadsheetReader(path, "xlsx", fast=fast) as reader:
        assert [b.line.to_pylist() for b in reader.batches("Data")] == [[7]]


@pytest.mark.slow
@BOTH
def test_rows_far_out_of_order_are_all_read(tmp_path: Path, fast: bool) -> None:
    pad = "x" * 2_000
    cells = [
        f'<row r="{i}"><c r="A{i}"><v>{i}</v></c><c r="B{i}" t="str"><v>{pad}</v></c></row>'
        for i in [*range(5_000, 9_000), *range(2, 5_000)]
    ]
    rows, rejects = read(write(tmp_path / "a.xlsx", data(*cells)), fast=fast)
    assert rejects == []
    assert sorted(int(r[0] or 0) for r in rows) == list(range(2, 9_000))


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize(
    "empty",
    [
        '<row r="{0}" s="1" customFormat="1"/>',
        '<row r="{0}"><c r="A{0}" s="1"/><c r="B{0}" s="1"/></row>',
        '<row r="{0}"><c r="A{0}" t="str"><v> </v></c></row>',
    ],
)
def test_formatted_rows_without_values_are_no_records(
    tmp_path: Path, empty: str, fast: bool
) -> None:
    blank = "".join(empty.format(i) for i in range(3, 3_000 if not fast else 200_000))
    sheet = data(row(2, '<c r="B2" t="str"><v>Ann</v></c>'), blank)
    rows, rejects = read(write(tmp_path / "a.xlsx", sheet), fast=fast)
    assert (rows, rejects) == ([["2", "Ann"]], [])


@BOTH
def test_a_formatted_cell_in_the_last_column_is_no_column(tmp_path: Path, fast: bool) -> None:
    sheet = data(row(2, '<c r="B2"><v>1</v></c><c r="XFD2" s="1"/>'))
    assert read(write(tmp_path / "a.xlsx", sheet), fast=fast)[0] == [["2", "1"]]


@BOTH
def test_white_space_beside_the_table_is_no_cell_too_many(tmp_path: Path, fast: bool) -> None:
    sheet = data(
        *(row(i, f'<c r="B{i}"><v>1</v></c>') for i in range(2, 700)),
        row(700, '<c r="B700"><v>1</v></c><c r="D700" t="str"><v>  </v></c>'),
    )
    rows, rejects = read(write(tmp_path / "a.xlsx", sheet), fast=fast)
    assert (len(rows), rejects) == (699, [])


@BOTH
@pytest.mark.parametrize("numbered", [True, False])
def test_cells_that_do_not_say_where_they_stand(tmp_path: Path, numbered: bool, fast: bool) -> None:
    def one(number: int, *cells: str) -> str:
        return f"<row{f' r={chr(34)}{number}{chr(34)}' if numbered else ''}>{''.join(cells)}</row>"

    names = ["".join(f'<c t="str"><v>{name}</v></c>' for name in ("id", "name", "city"))]
    rows = [
        one(i, f"<c><v>{i}</v></c>", f'<c t="str"><v>n{i}</v></c>' if i % 9 else "<c/>",
            f'<c t="str"><v>c{i}</v></c>' if i % 7 else "")
        for i in range(2, 2_000)
    ]  # fmt: skip
    sheet = f"<sheetData>{one(1, *names)}{''.join(rows)}</sheetData>"
    got, rejects = read(write(tmp_path / "a.xlsx", sheet), fast=fast)
    expected = [
        [str(i), f"n{i}" if i % 9 else None, f"c{i}" if i % 7 else None] for i in range(2, 2_000)
    ]
    assert (got, rejects) == (expected, [])


@BOTH
def test_an_indented_sheet_keeps_texts_of_white_space(tmp_path: Path, fast: bool) -> None:
    rows = [row(i, f'<c r="B{i}" t="inlineStr"><is><t> \n </t></is></c>') for i in range(2, 500)]
    sheet = data(*rows).replace("><c", ">\n    <c").replace("><is>", ">\n      <is>")
    sheet = sheet.replace("</row><row", "</row>\n  <row")
    got, rejects = read(write(tmp_path / "a.xlsx", sheet), fast=fast)
    assert (got, rejects) == ([[str(i), " \n "] for i in range(2, 500)], [])


@BOTH
def test_a_few_rows_that_are_written_otherwise(tmp_path: Path, fast: bool) -> None:
    def name(i: int) -> str:
        if i % 50 == 0:
            return f'<c r="B{i}" t="inlineStr"><is><r><t>rich </t></r><r><t>{i}</t></r></is></c>'
        if i % 70 == 0:
            return f'<c r="B{i}"><f>A{i}</f></c>'
        return f'<c r="B{i}" t="str"><v>plain {i}</v></c>'

    rows, rejects = read(
        write(tmp_path / "a.xlsx", data(*(row(i, name(i)) for i in range(2, 3_000)))), fast=fast
    )
    told = [i for i in range(2, 3_000) if i % 70 == 0 and i % 50]
    assert [r.line for r in rejects] == told
    assert rows == [
        [str(i), f"{'plain' if i % 50 else 'rich'} {i}"]
        for i in range(2, 3_000)
        if i not in set(told)
    ]


# ---------------------------------------------------------------- parts


def repacked(path: Path, change: Any) -> Path:
    """The workbook with ``change(name, data)`` for each member: new name and data, or None."""
    target = path.with_name("repacked.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed is not None:
                new.writestr(*changed)
    return target


SHARED = (
    '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    '<row r="2"><c r="A2"><v>2</v></c><c r="B2" t="s"><v>2</v></c></row></sheetData>'
)
TEXTS = "<si><t>id</t></si><si><t>name</t></si><si><t>Zoë</t></si>"


@BOTH
def test_names_of_members_with_backslashes_or_in_another_case(tmp_path: Path, fast: bool) -> None:
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS)

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "[Content_Types].xml":
            return name, content
        return name.replace("/", "\\").replace("sharedStrings", "SharedStrings"), content

    assert read(repacked(path, change), fast=fast)[0] == [["2", "Zoë"]]


class _Pipe:
    """A file that can only be written on: sizes must stand behind the members."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_that_was_written_as_a_stream(tmp_path: Path, packing: int) -> None:
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS)
    pipe = _Pipe(tmp_path / "b.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(pipe, "w", packing) as new:  # type: ignore[call-overload]
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as member:
                member.write(old.read(name))
    pipe.close()
    assert read(tmp_path / "b.xlsx")[0] == [["2", "Zoë"]]


@BOTH
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-8-sig", "iso-8859-1"])
def test_parts_in_other_encodings(tmp_path: Path, codec: str, fast: bool) -> None:
    declared = "UTF-16" if codec.startswith("utf-16") else "UTF-8" if "8-sig" in codec else codec
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS)

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name.startswith("xl/worksheets/") or name.startswith("xl/shared"):
            text = f'<?xml version="1.0" encoding="{declared}"?>' + content.decode()
            content = text.encode(codec)
        return name, content

    assert read(repacked(path, change), fast=fast)[0] == [["2", "Zoë"]]


@BOTH
@pytest.mark.parametrize("lost", ["styles.xml", "workbook.xml.rels", ".rels"])
def test_parts_that_can_be_done_without(tmp_path: Path, lost: str, fast: bool) -> None:
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS, styles=STYLES)
    path = repacked(path, lambda name, data: None if name.endswith(f"/{lost}") else (name, data))
    assert read(path, fast=fast)[0] == [["2", "Zoë"]]


def test_a_sheet_that_is_listed_and_missing_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS)
    path = repacked(path, lambda name, data: None if "sheet1" in name else (name, data))
    with pytest.raises(SourceError, match="its sheet Data is missing"):
        open_source(path)


def test_missing_texts_are_told_record_by_record(tmp_path: Path) -> None:
    sheet = data(row(2, '<c r="B2" t="s"><v>0</v></c>'), row(3, '<c r="B3"><v>1</v></c>'))
    rows, [reject] = read(write(tmp_path / "a.xlsx", sheet))
    assert rows == [["3", "1"]]
    assert "a text that the workbook does not have" in reject.found


@BOTH
@pytest.mark.parametrize("cut", [b"</sst>", b"</si></sst>", b"t></si></sst>"])
def test_texts_that_are_cut_short_are_refused(tmp_path: Path, cut: bytes, fast: bool) -> None:
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS)

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content.removesuffix(cut) if "shared" in name else content

    with pytest.raises(SourceError, match="cut short or damaged"):
        read(repacked(path, change), fast=fast)


@BOTH
def test_the_strict_namespace_and_a_prefix_everywhere(tmp_path: Path, fast: bool) -> None:
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    path = write(
        tmp_path / "a.xlsx",
        SHARED.replace("</", "</x:").replace("<row", "<x:row").replace("<c ", "<x:c ")
        .replace("<v>", "<x:v>").replace("<sheetData", "<x:sheetData"),
        shared=TEXTS,
        root=f'<x:worksheet xmlns:x="{strict}">',
        after="</x:worksheet>",
    )  # fmt: skip

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        content = content.replace(MAIN.encode(), strict.encode()).replace(
            REL.encode(), b"http://purl.oclc.org/ooxml/officeDocument/relationships"
        )
        if "shared" in name:
            content = content.replace(b"</", b"</x:").replace(b"<s", b"<x:s")
            content = content.replace(b"<t>", b"<x:t>").replace(b"xmlns=", b"xmlns:x=")
        return name, content

    assert read(repacked(path, change), fast=fast)[0] == [["2", "Zoë"]]


def test_sheets_of_one_name_stay_two_tables(tmp_path: Path) -> None:
    book = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>'
        '<sheet name="A &amp; &quot;B&quot;" sheetId="1" r:id="r1"/>'
        '<sheet name="A &amp; &quot;B&quot;" sheetId="2" r:id="r1"/></sheets></workbook>'
    )
    path = write(tmp_path / "a.xlsx", data(row(2, '<c r="B2"><v>1</v></c>')), book=book)
    with open_source(path) as reader:
        assert reader.tables() == ['A & "B"', 'A & "B"_2']


def test_hidden_rows_and_columns_are_read_and_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for cells in (["id", "name"], [1, "Ann"], [2, "Bob"], [3, "Cy"]):
        book.active.append(cells)
    book.active.row_dimensions[3].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.save(tmp_path / "a.xlsx")
    assert len(read(tmp_path / "a.xlsx")[0]) == 3
    with open_source(tmp_path / "a.xlsx") as reader:
        notes = " ".join(reader.detected.notes)
    assert "1 hidden rows, which are read" in notes
    assert "1 hidden columns, which are read" in notes


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("part", ["sheet", "shared"])
def test_a_billion_laughs_are_refused(tmp_path: Path, part: str) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    path = write(
        tmp_path / "a.xlsx",
        SHARED,
        shared=TEXTS.replace("Zoë", "&b;") if part == "shared" else TEXTS,
        root=(bomb if part == "sheet" else "") + f'<worksheet xmlns="{MAIN}">',
    )

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, bomb.encode() + content if part in name and part == "shared" else content

    with pytest.raises(SourceError, match="DOCTYPE"):
        open_source(repacked(path, change))


def test_a_member_with_the_wrong_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    sheet = data(row(2, '<c r="B2"><v>1234512345</v></c>')) + "<!-- the end -->"
    write(tmp_path / "b.xlsx", sheet)
    with zipfile.ZipFile(tmp_path / "b.xlsx") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path.write_bytes(path.read_bytes().replace(b"1234512345", b"1234512346"))
    with pytest.raises(SourceError, match="cannot be read"):
        read(path)


@BOTH
def test_a_row_that_does_not_end_is_refused(tmp_path: Path, fast: bool) -> None:
    sheet = data(row(2, '<c r="B2"><v>1</v></c>'), row(3, '<c r="B3"><v>1</v></c>'))
    path = write(tmp_path / "a.xlsx", sheet.replace('</row><row r="3">', '<row r="3">'))
    with pytest.raises(SourceError, match="not well-formed"):
        read(path, fast=fast)


def test_relations_that_lead_out_of_the_archive_find_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", SHARED, shared=TEXTS)

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content.replace(b"worksheets/sheet1.xml", b"../../../../etc/passwd")

    with pytest.raises(SourceError, match="is missing"):
        open_source(repacked(path, change))
