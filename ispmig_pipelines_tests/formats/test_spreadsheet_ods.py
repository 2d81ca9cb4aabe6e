"""OpenDocument spreadsheets: values from their attributes, repetitions unfolded, errors told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import Reject, open_source
from ispmig_pipelines_tests.formats.spreadsheet_files import ods


def text(value: str, attributes: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="string"{attributes}><text:p>{value}</text:p>'
        "</table:table-cell>"
    )


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row{attributes}>{''.join(cells)}</table:table-row>"


def table(*rows: str, name: str = "Kunden", attributes: str = "") -> str:
    return f'<table:table table:name="{name}"{attributes}>{"".join(rows)}</table:table>'


HEADER = row(text("id"), text("name"))


def read(path: Path, name: str = "") -> tuple[list[list[Any]], list[Reject]]:
    rows: list[list[Any]] = []
    rejects: list[Reject] = []
    with open_source(path) as reader:
        for batch in reader.batches(name or reader.tables()[0]):
            rows += [list(row.values()) for row in batch.cells.to_pylist()]
            rejects += batch.rejects
    return rows, rejects


def cell(attributes: str, shown: str = "<text:p>shown</text:p>") -> str:
    return f"<table:table-cell {attributes}>{shown}</table:table-cell>"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (cell('office:value-type="float" office:value="1.50"'), "1.5"),
        (cell('office:value-type="float" office:value="1234567890123456"'), "1234567890123456"),
        (cell('office:value-type="currency" office:currency="EUR" office:value="9.9"'), "9.9"),
        (cell('office:value-type="percentage" office:value="0.19"'), "0.19"),
        (cell('office:value-type="boolean" office:boolean-value="true"'), "true"),
        (cell('office:value-type="date" office:date-value="2020-02-29"'), "2020-02-29"),
        (cell('office:value-type="date" office:date-value="2020-02-29T13:05:00.500000000"'),
         "2020-02-29T13:05:00.500"),
        (cell('office:value-type="date" office:date-value="2020-02-29T13:05:00.000000000"'),
         "2020-02-29T13:05:00"),
        (cell('office:value-type="time" office:time-value="PT07H30M00S"'), "07:30:00"),
        (cell('office:value-type="time" office:time-value="PT255H10M10S"'), "255:10:10"),
        (cell('office:value-type="time" office:time-value="PT10H10M10.123456S"'), "10:10:10.123"),
        (cell('office:value-type="time" office:time-value="-P1DT1H"'), "-25:00:00"),
        (cell('office:value-type="string" office:string-value="exact"'), "exact"),
        (cell('office:value-type="string"', "<text:p>00501</text:p>"), "00501"),
        (cell('office:value-type="string"', "<text:p>a</text:p><text:p>b</text:p>"), "a\nb"),
        (cell('office:value-type="string"', '<text:p>a<text:s text:c="3"/>b<text:tab/>c</text:p>'),
         "a   b\tc"),
        (cell('office:value-type="string"',
              "<text:p>a<text:span>b<text:a>c</text:a></text:span>d<text:line-break/>e</text:p>"),
         "abcd\ne"),
        (cell('office:value-type="string"',
              "<office:annotation><text:p>remark</text:p></office:annotation><text:p>x</text:p>"),
         "x"),
        (cell('office:value-type="string"',
              "<text:p><text:ruby><text:ruby-base>東</text:ruby-base><text:ruby-text>to"
              "</text:ruby-text></text:ruby></text:p>"), "東"),
        (cell('table:formula="of:=1+1" office:value-type="float" office:value="2"'), "2"),
        (cell('table:formula="of:=T(1)" office:value-type="string" office:string-value=""', ""),
         ""),
        (cell("", ""), None),
        (cell('table:style-name="ce1"', ""), None),
        (cell("", "<text:p>untyped</text:p>"), "untyped"),
        ('<table:covered-table-cell office:value-type="float" office:value="3"/>', "3"),
    ],
)  # fmt: skip
def test_a_cell_is_the_text_its_author_sees(
    tmp_path: Path, markup: str, expected: str | None
) -> None:
    one = cell('office:value-type="float" office:value="1"')
    path = ods(tmp_path / "a.ods", table(HEADER, row(one, markup)))
    assert read(path) == ([["1", expected]], [])


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        (cell('table:formula="of:=1/0" office:value-type="string" office:string-value="" '
              'calcext:value-type="error"', "<text:p>#DIV/0!</text:p>"), "#DIV/0!"),
        (cell('table:formula="of:=NA()" office:value-type="float" office:value="0"',
              "<text:p>#NV</text:p>"), "#NV"),
        (cell('table:formula="of:=x" office:value-type="float" office:value="0"',
              "<text:p>Err:502</text:p>"), "Err:502"),
        (cell('table:formula="of:=SUM([.A1:.A9])"', ""), "a formula that was never computed"),
    ],
)  # fmt: skip
def test_errors_are_rejects_and_not_empty_cells(tmp_path: Path, markup: str, found: str) -> None:
    rows = [row(text("1"), markup), row(text("2"), text("#N/A"))]
    good, [reject] = read(ods(tmp_path / "a.ods", table(HEADER, *rows)))
    assert good == [["2", "#N/A"]]
    assert (reject.record, reject.line, reject.rule) == (1, 2, "cell.error")
    assert reject.found == f"{found} in column name (cell B2)"


def test_repeated_rows_and_cells_are_unfolded(tmp_path: Path) -> None:
    blank = '<table:table-cell table:number-columns-repeated="{}"/>'
    rows = [
        row(text("id"), blank.format(2), text("name"), text("city")),
        row(blank.format(16384), attributes=' table:number-rows-repeated="3"'),
        row(
            text("x", ' table:number-columns-repeated="5"'), blank.format(16379),
            attributes=' table:number-rows-repeated="2"',
        ),
        row(text("y"), blank.format(16383)),
        row(blank.format(16384), attributes=' table:number-rows-repeated="1048569"'),
    ]  # fmt: skip
    path = ods(tmp_path / "a.ods", table(*rows))
    assert read(path) == ([["x"] * 5, ["x"] * 5, ["y", None, None, None, None]], [])
    with open_source(path) as reader:
        [batch] = reader.batches("Kunden")
    assert batch.line.to_pylist() == [5, 6, 7]


def test_rows_in_groups_and_among_header_rows(tmp_path: Path) -> None:
    rows = (
        f"<table:table-header-rows>{HEADER}</table:table-header-rows><table:table-row-group>"
        f"{row(text('a'), text('b'))}<table:table-row-group>{row(text('c'), text('d'))}"
        f"</table:table-row-group></table:table-row-group>{row(text('e'), text('f'))}"
    )
    assert read(ods(tmp_path / "a.ods", table(rows)))[0] == [["a", "b"], ["c", "d"], ["e", "f"]]


def test_tables_that_are_no_sheets_are_left_out(tmp_path: Path) -> None:
    inner = row(f"<table:table-cell>{table(row(text('inner')))}</table:table-cell>")
    changes = f"<table:tracked-changes>{table(row(text('deleted')))}</table:tracked-changes>"
    path = ods(
        tmp_path / "a.ods", changes + table(HEADER, row(text("1"), text("a")), inner)
    )  # fmt: skip
    with open_source(path) as reader:
        assert reader.tables() == ["Kunden"]
    assert read(path)[0] == [["1", "a"]]


def test_hidden_sheets_and_rows(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="ta1" style:family="table"><style:table-properties '
        'table:display="true"/></style:style><style:style style:name="ta2" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
    )
    rows = [
        HEADER,
        row(text("1"), text("a")),
        row(text("2"), text("b"), attributes=' table:visibility="filter"'),
        row(text("3", ' table:number-columns-spanned="2"'), "<table:covered-table-cell/>"),
    ]
    path = ods(
        tmp_path / "a.ods",
        table(*rows, attributes=' table:style-name="ta1"')
        + table(*rows, name="Geheim", attributes=' table:style-name="ta2"'),
        styles=styles,
    )
    with open_source(path) as reader:
        assert reader.tables() == ["Kunden"]
        list(reader.batches("Kunden"))
        notes = " ".join(reader.detected.notes)
    assert "sheet Geheim is hidden" in notes
    assert "1 hidden rows, which are read" in notes
    assert "1 merged ranges" in notes
    assert len(read(path)[0]) == 3


def test_several_sheets_are_several_tables(tmp_path: Path) -> None:
    one = table(HEADER, row(text("1"), text("a")))
    other = table(row(text("code"), text("plan")), row(text("x"), text("y")), name="Tarife")
    path = ods(tmp_path / "a.ods", one + table(name="Leer") + other)
    with open_source(path) as reader:
        assert reader.tables() == ["Kunden", "Tarife"]
        assert "sheet Leer is empty" in reader.detected.notes
    assert read(path, "Tarife")[0] == [["x", "y"]]


def test_many_rows_come_in_order(tmp_path: Path) -> None:
    rows = [row(text(str(i)), text(f"name {i}")) for i in range(12_000)]
    got, rejects = read(ods(tmp_path / "a.ods", table(HEADER, *rows)))
    assert rejects == []
    assert got == [[str(i), f"name {i}"] for i in range(12_000)]


# ---------------------------------------------------------------- what is refused


def test_a_repetition_that_unfolds_to_billions_is_refused(tmp_path: Path) -> None:
    bomb = row(
        text("x", ' table:number-columns-repeated="16000"'),
        attributes=' table:number-rows-repeated="1000000"',
    )
    with pytest.raises(SourceError, match="repeats cells more than"):
        open_source(ods(tmp_path / "a.ods", table(HEADER, bomb)))
    wide = row(text("x", ' table:number-columns-repeated="999999999"'))
    with pytest.raises(SourceError, match="beyond column"):
        open_source(ods(tmp_path / "b.ods", table(HEADER, wide)))


def test_an_encrypted_one_is_refused(tmp_path: Path) -> None:
    secret = '<m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry>'
    with pytest.raises(SourceError, match="protected with a password"):
        open_source(ods(tmp_path / "a.ods", table(HEADER), manifest=secret))


def test_entities_are_refused(tmp_path: Path) -> None:
    doctype = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    with pytest.raises(SourceError, match="DOCTYPE"):
        open_source(ods(tmp_path / "a.ods", table(HEADER, row(text("&e;"))), before=doctype))


def test_broken_markup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(ods(tmp_path / "a.ods", table(HEADER) + "<table:table>"))
