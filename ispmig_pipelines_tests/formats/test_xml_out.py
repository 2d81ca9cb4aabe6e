"""XML as it is written: for our own reader, and for libxml2."""

from __future__ import annotations

import io
from pathlib import Path
from xml.parsers import expat

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.writers import open_writer
from ispmig_pipelines.formats.writing import Kind
from ispmig_pipelines.formats.xml.names import column_name, element_name
from ispmig_pipelines.formats.xml.writer import NAMESPACE
from ispmig_pipelines_tests.formats.test_json_out import read_named
from ispmig_pipelines_tests.formats.writing_back import (
    MISSING,
    Rows,
    read_back,
    rows,
    tables,
    typed,
    written,
)

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def test_a_file_as_it_looks() -> None:
    table = rows(["id", "First Name", "note"], ("1", "a < b & c", None), ("2", "", MISSING))
    assert written("xml", table).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<t:tables xmlns:t="{NAMESPACE}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        "<customers><id>1</id><First_x0020_Name>a &lt; b &amp; c</First_x0020_Name>"
        '<note xsi:nil="true"/></customers>\n'
        "<customers><id>2</id><First_x0020_Name></First_x0020_Name></customers>\n"
        "</t:tables>\n"
    )


def test_white_space_is_content(tmp_path: Path) -> None:
    cells = [" x ", "\n", "\r\n", "\t", "a\rb", "]]>"]
    [found] = read_back(tmp_path / "x", written("xml", rows("a", *((c,) for c in cells)))).values()
    assert found == [[cell] for cell in cells]


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_a_character_that_xml_does_not_have_is_refused_with_its_place(character: str) -> None:
    with pytest.raises(UsageError, match=r"customers, record 2: column b .* XML does not have"):
        written("xml", rows("a b", ("1", "\ufffd\x7f"), ("2", f"x{character}y")))


def test_tables_without_records_are_told() -> None:
    with open_writer("xml", io.BytesIO()) as writer:
        writer.begin(rows("a").table)
        writer.begin(rows("a", name="plans").table)
        assert writer.notes == ("XML shows no table without records: customers, plans",)


@given(tables(missing=True, exclude="\ufffe\uffff"))
def test_libxml2_gives_the_same_cells(table: Rows) -> None:
    root = etree.fromstring(written("xml", table))
    names = [element_name(column.name) for column in table.table.columns]
    assert [child.tag for child in root] == ["customers"] * len(table.rows)
    found = [{cell.tag: None if cell.get(NIL) else cell.text or "" for cell in child}
             for child in root]  # fmt: skip
    assert found == [
        {name: cell for name, cell in zip(names, row, strict=True) if cell is not MISSING}
        for row in table.rows
    ]


def test_our_reader_gives_the_same_cells(tmp_path: Path) -> None:
    @given(tables(missing=True, exclude="\ufffe\uffff", names=st.sampled_from(["id", "a.b", "É"])))
    def law(table: Rows) -> None:
        names = [column.name for column in table.table.columns]
        there = [any(row[i] is not MISSING for row in table.rows) for i in range(len(names))]
        assume(any(there))
        (tmp_path / "c.xml").write_bytes(written("xml", table))
        assert read_named(tmp_path / "c.xml", "xml") == {
            "customers": [
                {n: c for n, c, t in zip(names, row, there, strict=True) if t} for row in table.rows
            ]
        }

    law()


def test_kinds_are_their_text() -> None:
    data = written("xml", typed(Kind.DECIMAL, "-12.5000", "x"))
    assert b"<c>-12.5000</c>" in data


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("customer", "customer"), ("Straße", "Straße"), ("a.b-c_d", "a.b-c_d"),
        ("First Name", "First_x0020_Name"), ("2nd", "_x0032_nd"), ("a:b", "a_x003A_b"),
        ("xmlns", "_x0078_mlns"), ("XML", "_x0058_ML"), ("", "_x_"), ("_x_", "_x005F_x_"),
        ("_x0020_", "_x005F_x0020_"), ("😀", "_x01F600_"), ("a·", "a·"), ("@id", "_x0040_id"),
    ],
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    assert element_name(text) == name
    assert column_name(name) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
       | st.text("_x0123456789aAfF", max_size=16))  # fmt: skip
def test_any_text_has_a_name_of_its_own_that_every_parser_takes(text: str) -> None:
    name = element_name(text)
    assert column_name(name) == text
    document = f"<{name}/>".encode()
    expat.ParserCreate("UTF-8").Parse(document, True)
    assert etree.fromstring(document).tag == name
