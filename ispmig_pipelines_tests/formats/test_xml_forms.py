"""The forms in which databases, office programs and invoices write XML."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import ReadLimits, open_source
from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines.formats.xml import records as xml_records
from ispmig_pipelines.formats.xml.options import XmlOptions
from ispmig_pipelines.formats.xml.reader import XmlReader
from ispmig_pipelines_tests.formats.json_files import MISSING, Seen, read_all

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def read(tmp_path: Path, text: str, **options: Any) -> dict[str, Seen]:
    path = tmp_path / "export.xml"
    path.write_text(text)
    with open_source(path, **options) as reader:
        assert reader.detected.format == "xml"
        return read_all(reader)


def told(tmp_path: Path) -> tuple[dict[str, str], str]:
    with open_source(tmp_path / "export.xml") as reader:
        reader.tables()
        return reader.detected.dialect, " ".join(reader.detected.notes)


# ---------------------------------------------------------------- records inside records

TEXTS = st.text("ab<&\n\r é\"'", max_size=4)
LEAVES = st.dictionaries(st.sampled_from(["n", "k", "z"]), TEXTS, max_size=3)
CHILD = st.tuples(LEAVES, st.lists(TEXTS, max_size=3))
PARENT = st.tuples(TEXTS, LEAVES, st.lists(CHILD, max_size=4))


def written(leaves: dict[str, str]) -> str:
    return "".join(
        f"<{k}>{escape(v, {chr(13): '&#13;'})}</{k}>" if v or k == "n" else f"<{k}/>"
        for k, v in leaves.items()
    )


def record_xml(parent: tuple[str, dict[str, str], list[Any]], new_line: str) -> str:
    key, leaves, children = parent
    inner = "".join(
        f"<line>{written(own)}"
        + "".join(f"<tax>{escape(tax, {chr(13): chr(32)})}</tax>" for tax in taxes)
        + f"</line>{new_line}"
        for own, taxes in children
    )
    escaped = quoteattr(key, {"\r": "&#13;", "\n": "&#10;"})
    return f"<c id={escaped}>{written(leaves)}<lines>{new_line}{inner}</lines></c>{new_line}"


@settings(max_examples=25, deadline=None)
@given(
    parents=st.lists(PARENT, min_size=2, max_size=8),
    beside=st.sampled_from(["", "<made>today</made>", "<other><c2>1</c2></other>"]),
    new_line=st.sampled_from(["", "\n"]),
    block=st.integers(20, 900),
    times=st.sampled_from([1, 40]),
)
def test_records_inside_records_are_read_by_expressions_as_by_the_parser(
    tmp_path_factory: pytest.TempPathFactory,
    parents: list[tuple[str, dict[str, str], list[Any]]],
    beside: str,
    new_line: str,
    block: int,
    times: int,
) -> None:
    parents = parents * times
    text = f"<l>{beside}{''.join(record_xml(p, new_line) for p in parents)}</l>"
    path = tmp_path_factory.mktemp("law") / "a.xml"
    path.write_text(text, newline="")
    raw = path.read_bytes()
    fast, slow = (
        read_all(XmlReader(path, raw, Encoding("utf-8"), block_bytes=block, fast=way), 7)
        for way in (True, False)
    )
    assert fast == slow
    children = [(i, child) for i, (_, _, inner) in enumerate(parents, 1) for child in inner]
    lines = fast.get("c.lines.line")
    if lines is not None and lines.columns[1] == "_position":
        assert [row[0] for row in lines.rows] == [str(i) for i, _ in children]
        assert [row[2] for row in lines.rows] == [parents[i - 1][0] for i, _ in children]
    taxes = [t for _, (_, inner) in children for t in inner]
    if "c.lines.line.tax" in fast:
        read_back = [row[-1] for row in fast["c.lines.line.tax"].rows]
        assert read_back == [t.replace("\r", " ") for t in taxes]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    parts=st.lists(st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=2)), max_size=4), min_size=2),
    new_line=st.sampled_from(["", "\n"]),
    block=st.integers(20, 900),
    times=st.sampled_from([1, 30]),
    holder=st.sampled_from(["{}", "<in>{}</in>"]),
)
def test_records_in_parts_without_cells_keep_which_part_they_stand_in(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[list[tuple[str, list[str]]]],
    new_line: str,
    block: int,
    times: int,
    holder: str,
) -> None:
    parts = [*parts, [("x", ["y", "z"])] * 2] * times
    inner = "".join(
        f"<p>{new_line}"
        + "".join(
            f"<c><n>{escape(name)}</n>{''.join(f'<t>{escape(t)}</t>' for t in texts)}</c>{new_line}"
            for name, texts in part
        )
        + f"</p>{new_line}"
        for part in parts
    ).replace("\r", "")
    path = tmp_path_factory.mktemp("law") / "a.xml"
    path.write_text(f"<l>{holder.format(inner)}</l>", newline="")
    raw = path.read_bytes()
    fast, slow = (
        read_all(XmlReader(path, raw, Encoding("utf-8"), block_bytes=block, fast=way), 7)
        for way in (True, False)
    )
    assert fast == slow
    way = "in.p.c" if "in" in holder else "p.c"
    records = [
        (str(i), str(k), name.replace("\r", ""), texts)
        for i, part in enumerate(parts, 1)
        for k, (name, texts) in enumerate(part, 1)
    ]
    assert fast[way].columns == ["_parent_record", "_position", "n"]
    assert fast[way].rows == [record[:3] for record in records]
    assert [row[0] for row in fast[f"{way}.t"].rows] == [
        str(number) for number, record in enumerate(records, 1) for _ in record[3]
    ]


def test_an_inner_record_written_as_no_other_so_far_is_not_lost(tmp_path: Path) -> None:
    usual, other = "<c><ls><l><k>1</k></l><l/></ls></c>", "<c><ls><l/><l><k/></l></ls></c>"
    text = f"<r>{usual * 50}{other}{usual * 50}</r>"
    path = tmp_path / "a.xml"
    path.write_text(text)
    for block in (100, 500, 5_000):
        found = read_all(XmlReader(path, text.encode(), Encoding("utf-8"), block_bytes=block))
        [table] = found.values()
        assert [row[-1] for row in table.rows] == ["1", MISSING] * 50 + [MISSING, ""] + [
            "1",
            MISSING,
        ] * 50


def test_most_records_inside_records_are_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(
        f'<c id="{i}"><n>x{i}</n><ls><l><t>{i}</t></l><l><t>b</t></l></ls></c>\n'
        for i in range(4_000)
    )
    path = tmp_path / "a.xml"
    path.write_text(f"<e><made>today</made>{rows}</e>")
    parsed = 0
    inner = xml_records.RecordStream._row

    def counted(self: Any, *args: Any) -> Any:
        nonlocal parsed
        parsed += 1
        return inner(self, *args)

    monkeypatch.setattr(xml_records.RecordStream, "_row", counted)
    found = read_all(XmlReader(path, path.read_bytes(), Encoding("utf-8"), block_bytes=20_000))
    assert len(found["c.ls.l"].rows) == 8_000
    assert found["c.ls.l"].rows[-1] == ("4000", "2", "3999", "b")
    assert found["c"].rows[-1] == ("1", "4000", "3999", "x3999")
    assert parsed < 200


# ---------------------------------------------------------------- columns named by an attribute


def test_the_rows_of_mysqls_client(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        f"""<?xml version="1.0"?>
<resultset statement="select * from customers" {XSI}>
  <row>
	<field name="id">1</field>
	<field name="name">Ann &amp; Co</field>
	<field name="note" xsi:nil="true" />
  </row>
  <row>
	<field name="id">2</field>
	<field name="name"></field>
	<field name="note">x</field>
  </row>
</resultset>""",
    )["row"]
    assert table.columns == ["id", "name", "note"]
    assert table.rows == [("1", "Ann & Co", None), ("2", "", "x")]
    assert table.line == [3, 8]
    assert told(tmp_path)[0]["columns"] == "named by field @name"


def mysqldump(tables: dict[str, list[str]]) -> str:
    structure = '<field Field="id" Type="int(11)" Null="NO" Key="PRI" Extra="" Comment="" />'
    return (
        f'<?xml version="1.0"?>\n<mysqldump {XSI}>\n<database name="isp">\n'
        + "".join(
            f'\t<table_structure name="{name}">\n\t\t{structure}\n'
            f'\t\t<options Name="{name}" Engine="InnoDB" />\n\t</table_structure>\n'
            f'\t<table_data name="{name}">\n'
            + "".join(f"\t<row>\n{row}\t</row>\n" for row in rows)
            + "\t</table_data>\n"
            for name, rows in tables.items()
        )
        + "</database>\n</mysqldump>\n"
    )


def test_the_tables_of_mysqldump(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        mysqldump(
            {
                "customers": [
                    '\t\t<field name="id">1</field>\n\t\t<field name="n" xsi:nil="true" />\n',
                    '\t\t<field name="id">2</field>\n\t\t<field name="n">x</field>\n',
                ],
                "nothing": [],
                "plans": ['\t\t<field name="id">A</field>\n'],
            }
        ),
    )
    assert {name: (table.columns, table.rows) for name, table in found.items()} == {
        "customers": (["id", "n"], [("1", None), ("2", "x")]),
        "plans": (["id"], [("A",)]),
    }
    assert "define tables are left out: table_structure" in told(tmp_path)[1]


def test_tables_of_one_shape_do_not_mix(tmp_path: Path) -> None:
    row = '\t\t<field name="id">{}</field>\n\t\t<field name="n">{}</field>\n'
    text = mysqldump(
        {name: [row.format(i, f"{name}{i}") for i in range(3_000)] for name in ("a", "b", "c")}
    )
    found = read(tmp_path, text)
    for name in ("a", "b", "c"):
        assert found[name].rows == [(str(i), f"{name}{i}") for i in range(3_000)]
        assert found[name].record == list(range(1, 3_001))
    path = tmp_path / "export.xml"
    for fast in (True, False):
        reader = XmlReader(
            path, text[:4096].encode(), Encoding("utf-8"), block_bytes=3_000, fast=fast
        )
        assert read_all(reader) == found


def test_several_databases_name_their_tables_in_full(tmp_path: Path) -> None:
    one = mysqldump({"a": ['<field name="id">1</field>']})
    other = one.replace('"isp"', '"old"').partition("<database")[2].partition("</mysqldump>")[0]
    found = read(tmp_path, one.replace("</mysqldump>", f"<database{other}</mysqldump>"))
    assert list(found) == ["isp.a", "old.a"]


def test_the_tables_of_phpmyadmin(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """<?xml version="1.0" encoding="utf-8"?>
<!-- - phpMyAdmin XML Dump -->
<pma_xml_export version="1.0" xmlns:pma="https://www.phpmyadmin.net/some_doc_url/">
    <pma:structure_schemas><pma:database name="isp" collation="utf8_general_ci" charset="utf8">
        <pma:table name="customers">CREATE TABLE `customers` (`id` int);</pma:table>
        <pma:table name="plans">CREATE TABLE `plans` (`code` int);</pma:table>
    </pma:database></pma:structure_schemas>
    <database name="isp">
        <!-- Table customers -->
        <table name="customers">
            <column name="id">1</column>
            <column name="name">Ann &lt;x&gt;</column>
        </table>
        <table name="customers">
            <column name="id">2</column>
            <column name="name"></column>
        </table>
        <!-- Table plans -->
        <table name="plans">
            <column name="code">A</column>
        </table>
    </database>
</pma_xml_export>""",
    )
    assert {name: (table.columns, table.rows) for name, table in found.items()} == {
        "customers": (["id", "name"], [("1", "Ann <x>"), ("2", "")]),
        "plans": (["code"], [("A",)]),
    }


def test_columns_named_in_capitals(tmp_path: Path) -> None:
    text = (
        "<RESULTS><ROW><COLUMN NAME='ID'><![CDATA[1]]></COLUMN><COLUMN NAME='N'/></ROW></RESULTS>"
    )
    table = read(tmp_path, text)["ROW"]
    assert (table.columns, table.rows) == (["ID", "N"], [("1", "")])


@pytest.mark.parametrize(
    "text",
    [
        # A name within one record twice; names that are all different; one with more to say.
        "<l><c><f name='a'>1</f><f name='a'>2</f></c><c><f name='a'>3</f></c></l>",
        "<l>" + "".join(f"<c><contact name='n{i}'>x</contact></c>" for i in range(40)) + "</l>",
        "<l><c><f name='a' unit='x'>1</f></c><c><f name='a'>2</f></c></l>",
        "<l><customer name='Ann'>1</customer><customer name='Bob'>2</customer></l>",
    ],
)
def test_names_that_are_data_stay_data(tmp_path: Path, text: str) -> None:
    assert any("@name" in column for t in read(tmp_path, text).values() for column in t.columns)


def test_a_name_that_shows_twice_late_is_a_table_of_its_own(tmp_path: Path) -> None:
    plain = "<row><field name='id'>1</field><field name='n'>x</field></row>"
    twice = (
        "<row><field name='id'>2</field><field name='n'>y</field><field name='n'>z</field></row>"
    )
    found = read(tmp_path, f"<l>{plain * 30_000}{twice}</l>")
    assert len(found["row"].rows) == 30_001
    values = [row[-1] for row in found["row.n"].rows]
    assert (values[-2:], len(values)) == (["y", "z"], 30_002)


# ---------------------------------------------------------------- a table, an element


def test_tables_of_access_with_one_record_are_tables(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f'<dataroot xmlns:od="urn:schemas-microsoft-com:officedata" {XSI} '
        'xsi:noNamespaceSchemaLocation="x.xsd" generated="2020-01-01T00:00:00">'
        "<Customers><ID>1</ID><Name>Ann</Name></Customers><Customers><ID>2</ID></Customers>"
        "<Plans><Code>A</Code></Plans></dataroot>",
    )
    assert found["Customers"].rows == [("1", "Ann"), ("2", MISSING)]
    assert found["Plans"].rows == [("A",)]


def test_a_flat_data_set(tmp_path: Path) -> None:
    found = read(
        tmp_path, '<dataset><CUSTOMER ID="1" N="x"/><CUSTOMER ID="2"/><PLAN C="A"/></dataset>'
    )
    assert found["CUSTOMER"].columns == ["@ID", "@N"]
    assert found["CUSTOMER"].rows == [("1", "x"), ("2", MISSING)]
    assert found["PLAN"].rows == [("A",)]


def test_a_data_set_with_columns_above_its_rows(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '<?xml version="1.0"?><dataset><table name="CUSTOMER"><column>ID</column><column>N</column>'
        "\n<row><value>1</value><null/></row>\n<row><value>2</value><value></value></row></table>"
        '<table name="PLAN"><column>C</column><row><value>A</value></row></table></dataset>',
    )
    assert found["CUSTOMER"].columns == ["ID", "N"]
    assert found["CUSTOMER"].rows == [("1", None), ("2", "")]
    assert found["CUSTOMER"].line == [2, 3]
    assert found["PLAN"].rows == [("A",)]


def test_what_sql_server_and_postgresql_write(tmp_path: Path) -> None:
    assert read(tmp_path, '<root><c id="1" n="x"/><c id="2"/></root>')["c"].rows == [
        ("1", "x"),
        ("2", MISSING),
    ]
    row = '<row><id>1</id><n xsi:nil="true"/></row><row><id>2</id></row>'
    rows = f"<customers {XSI}>{row}</customers>"
    assert read(tmp_path, rows)["row"].rows == [("1", None), ("2", MISSING)]


# ---------------------------------------------------------------- FileMaker

FILEMAKER = """<?xml version="1.0" encoding="UTF-8" ?>
<FMPXMLRESULT xmlns="http://www.filemaker.com/fmpxmlresult"><ERRORCODE>0</ERRORCODE>
<PRODUCT BUILD="1" NAME="FileMaker" VERSION="19"/>
<DATABASE DATEFORMAT="M/d/yyyy" LAYOUT="" NAME="Customers.fmp12" RECORDS="2" TIMEFORMAT=""/>
<METADATA><FIELD EMPTYOK="YES" MAXREPEAT="1" NAME="id" TYPE="NUMBER"/>
<FIELD EMPTYOK="YES" MAXREPEAT="2" NAME="phone" TYPE="TEXT"/></METADATA>
<RESULTSET FOUND="2">
<ROW MODID="3" RECORDID="7"><COL><DATA>1</DATA></COL><COL><DATA>a</DATA><DATA>b</DATA></COL></ROW>
<ROW MODID="4" RECORDID="8"><COL><DATA>2</DATA></COL><COL></COL></ROW>
</RESULTSET></FMPXMLRESULT>"""


def test_filemaker(tmp_path: Path) -> None:
    [(name, table)] = read(tmp_path, FILEMAKER).items()
    assert name == "Customers"
    assert table.columns == ["@RECORDID", "@MODID", "id", "phone", "phone_2"]
    assert table.rows == [("7", "3", "1", "a", "b"), ("8", "4", "2", None, None)]
    assert table.line == [8, 9]


def test_a_row_with_more_cells_than_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a row of 3 cells at line 9, and names for 2 columns"):
        read(tmp_path, FILEMAKER.replace("<COL></COL>", "<COL/><COL/>"))


@pytest.mark.parametrize(
    "text",
    [
        FILEMAKER.replace("<COL></COL>", "</ROW><DATA>x</DATA><ROW>"),
        '<dataset><table name="a"><column>x</column></table><row><value>1</value></row></dataset>',
    ],
)
def test_a_cell_outside_of_its_row_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match="where the format of its root element has none"):
        read(tmp_path, text)


def test_an_entity_in_such_a_file_is_refused_as_in_any(tmp_path: Path) -> None:
    bomb = FILEMAKER.replace("<FMPXML", '<!DOCTYPE x [<!ENTITY e "x">]><FMPXML', 1)
    with pytest.raises(SourceError, match="DOCTYPE"):
        read(tmp_path, bomb)
    with pytest.raises(SourceError, match="limit for one cell"):
        read(
            tmp_path,
            FILEMAKER.replace("<DATA>a", "<DATA>" + "x" * 500_000),
            limits=ReadLimits(max_cell_bytes=1_000),
        )


# ---------------------------------------------------------------- Excel's XML of 2003

SHEET = "urn:schemas-microsoft-com:office:spreadsheet"


def workbook(rows: str, after: str = "") -> str:
    return (
        f'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="{SHEET}" '
        f'xmlns:ss="{SHEET}" xmlns:x="urn:schemas-microsoft-com:office:excel">'
        f'<Worksheet ss:Name="Customers"><Table>{rows}</Table></Worksheet>{after}</Workbook>'
    )


def cell(kind: str, text: str, index: int = 0) -> str:
    at = f' ss:Index="{index}"' if index else ""
    return f'<Cell{at}><Data ss:Type="{kind}">{text}</Data></Cell>'


HEADER = "<Row>" + "".join(cell("String", n) for n in ("id", "name", "since", "paid")) + "</Row>"


def test_a_workbook_in_xml(tmp_path: Path) -> None:
    rows = (
        f"<Row>{cell('Number', '1')}{cell('String', '007')}"
        f"{cell('DateTime', '2020-01-31T00:00:00.000')}{cell('Boolean', '1')}</Row>"
        f"<Row ss:Index='5'>{cell('Number', '2')}{cell('DateTime', '2020-02-01T10:00:00.000', 3)}"
        f"</Row><Row>{cell('Number', '3.5')}{cell('Error', '#N/A')}</Row>"
    )
    hidden = (
        '<Worksheet ss:Name="Old"><Table><Row><Cell><Data ss:Type="String">x</Data></Cell></Row>'
        '</Table><WorksheetOptions xmlns="urn:schemas-microsoft-com:office:excel">'
        "<Visible>SheetHidden</Visible></WorksheetOptions></Worksheet>"
    )
    found = read(tmp_path, workbook(HEADER + rows, hidden))
    assert list(found) == ["Customers"]
    table = found["Customers"]
    assert table.columns == ["id", "name", "since", "paid"]
    assert table.rows == [
        ("1", "007", "2020-01-31", "true"),
        ("2", None, "2020-02-01 10:00:00", None),
    ]
    assert table.line == [2, 5]
    assert [reject.line for reject in table.rejects] == [6]
    assert "sheet Old is hidden" in told(tmp_path)[1]


def test_a_workbook_of_empty_sheets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no table with anything in it"):
        read(tmp_path, workbook(""))


# ---------------------------------------------------------------- the element the spec names

TWO = (
    "<e><head><n>1</n></head><orders><o id='1'><l><t>a</t></l></o></orders>"
    "<plans><p>x</p><p>y</p></plans></e>"
)


@pytest.mark.parametrize(
    ("said", "tables"),
    [
        ("o", ["orders.o"]),
        ("orders/o", ["orders.o"]),
        ("e.orders.o", ["orders.o"]),
        ("orders/o/l", ["orders.o.l"]),
        ("head", ["head"]),
        ("p", ["plans.p"]),
    ],
)
def test_the_record_of_the_spec(tmp_path: Path, said: str, tables: list[str]) -> None:
    path = tmp_path / "a.xml"
    path.write_text(TWO)
    reader = XmlReader(path, TWO.encode(), Encoding("utf-8"), options=XmlOptions(record=said))
    assert reader.tables() == tables
    assert all(table.rows for table in read_all(reader).values())


def test_a_record_that_is_not_there_is_told_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(TWO)
    reader = XmlReader(path, TWO.encode(), Encoding("utf-8"), options=XmlOptions(record="invoice"))
    with pytest.raises(SourceError, match=r"no elements 'invoice' .* e, orders/o, plans/p"):
        reader.tables()


def test_a_prefix_of_another_name_means_the_same(tmp_path: Path) -> None:
    text = "<{0}l xmlns{1}='urn:x'><{0}c><{0}id>1</{0}id></{0}c><{0}c/></{0}l>"
    found = [read(tmp_path, text.format(*way)) for way in (("", ""), ("a:", ":a"), ("b:", ":b"))]
    assert found[0] == found[1] == found[2]


# ---------------------------------------------------------------- business documents

CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"


def ubl(kind: str, head: str, line: str, amounts: list[str]) -> str:
    lines = "".join(
        f"<cac:{line}><cbc:ID>{i}</cbc:ID><cbc:LineExtensionAmount currencyID='EUR'>{amount}"
        f"</cbc:LineExtensionAmount></cac:{line}>"
        for i, amount in enumerate(amounts, start=1)
    )
    return (
        f"<{kind} xmlns='urn:oasis:names:specification:ubl:schema:xsd:{kind}-2' "
        f"xmlns:cbc='{CBC}' xmlns:cac='{CAC}'><cbc:ID>D-1</cbc:ID>{head}{lines}</{kind}>"
    )


@pytest.mark.parametrize("amounts", [["10.50"], ["10.50", "-0.50"]])
@pytest.mark.parametrize(
    ("kind", "line"),
    [("Invoice", "InvoiceLine"), ("CreditNote", "CreditNoteLine"), ("Order", "LineItem")],
)
def test_a_document_is_a_record_and_its_lines_a_table(
    tmp_path: Path, kind: str, line: str, amounts: list[str]
) -> None:
    head = "<cbc:IssueDate>2020-01-31</cbc:IssueDate>"
    text = ubl(kind, head, line, amounts)
    if len(amounts) == 1:
        # One line looks like any other part of the document: the spec says that it is a record.
        path = tmp_path / "export.xml"
        path.write_text(text)
        said = XmlOptions(record=line)
        found = read_all(XmlReader(path, text.encode(), Encoding("utf-8"), options=said))
        assert found[line].rows[0][-1] == "10.50"
        return
    found = read(tmp_path, text)
    assert found[kind].rows == [("D-1", "2020-01-31")]
    table = found[line]
    assert table.columns[:3] == ["_parent_record", "_position", "_parent_ID"]
    assert {row[2] for row in table.rows} == {"D-1"}
    assert sum(Decimal(row[-1]) for row in table.rows) == Decimal("10.00")


def test_several_documents_below_one_root(tmp_path: Path) -> None:
    text = "".join(ubl("CreditNote", "", "CreditNoteLine", ["1", "2"]) for _ in range(3))
    found = read(tmp_path, f"<batch>{text}</batch>")
    assert len(found["CreditNote"].rows) == 3
    assert [row[0] for row in found["CreditNote.CreditNoteLine"].rows] == list("112233")


# ---------------------------------------------------------------- rows of cells without names


def test_rows_of_as_many_cells_without_names_are_records(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "<rows>\n<row><cell>1</cell><cell>A &amp; B</cell><cell/></row>\n"
        f"<row {XSI}><cell>2</cell><cell> </cell><cell xsi:nil='true'/></row></rows>",
    )
    assert found["row"].columns == ["cell_1", "cell_2", "cell_3"]
    assert found["row"].rows == [("1", "A & B", ""), ("2", " ", None)]
    assert (found["row"].record, found["row"].line) == ([1, 2], [2, 3])
    assert "have no names" in told(tmp_path)[1]


def test_a_first_row_of_cells_that_can_only_be_names_names_the_columns(tmp_path: Path) -> None:
    rows = "".join(f"<r><c>{i}</c><c>n{i}</c></r>" for i in range(3))
    found = read(tmp_path, f"<t><data><r><c>id</c><c>name</c></r>{rows}</data></t>")
    assert found["data.r"].columns == ["id", "name"]
    assert found["data.r"].rows == [("0", "n0"), ("1", "n1"), ("2", "n2")]
    assert "names of the columns" in told(tmp_path)[1]


@pytest.mark.parametrize("sections", [("<thead>", "</thead><tbody>", "</tbody>"), ("", "", "")])
def test_an_html_table_has_its_names_in_its_head(
    tmp_path: Path, sections: tuple[str, str, str]
) -> None:
    begin, between, end = sections
    found = read(
        tmp_path,
        '<?xml version="1.0"?><table xmlns="http://www.w3.org/1999/xhtml" border="1">'
        f'{begin}<tr><th scope="col">Name</th><th/></tr>{between}'
        f'<tr class="odd"><td>Ann</td><td>Bonn</td></tr><tr><th>Bob</th><td>Ulm</td></tr>{end}'
        "</table>",
    )
    assert found["tr"].columns == ["Name", "td_2"]
    assert found["tr"].rows == [("Ann", "Bonn"), ("Bob", "Ulm")]


@pytest.mark.parametrize(
    "text",
    [
        "<r><c><t>1</t><t>2</t></c><c><t>3</t></c></r>",
        "<r><c><t>1</t><t>2</t></c><c><t id='7'>3</t><t>4</t></c></r>",
        "<r><c><t>1</t><t>2</t></c><c><t>3</t><t>4</t></c><other>x</other></r>",
        "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td colspan='2'>4</td></tr></table>",
    ],
)
def test_other_cells_keep_which_row_they_stand_in(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    [table] = [table for name, table in found.items() if "." in name]
    assert [row[0] for row in table.rows] == (["1", "1", "2", "2"])[: len(table.rows)]
    assert table.columns[0] == "_parent_record"


def test_many_rows_of_cells_are_read_in_batches(tmp_path: Path) -> None:
    rows = "".join(f"<r><c>{i}</c><c>x</c></r>" for i in range(5_000))
    path = tmp_path / "a.xml"
    path.write_text(f"<t>{rows}</t>")
    with open_source(path) as reader:
        assert reader.columns("r") == ["c_1", "c_2"]
        batches = list(reader.batches("r", 700))
    assert [len(batch.cells) for batch in batches] == [700] * 7 + [100]
    assert batches[-1].cells.column(0)[-1].as_py() == "4999"


def test_more_elements_than_columns_can_be_are_refused_while_they_are_read(tmp_path: Path) -> None:
    rows = "".join(f"<c><k{i}>1</k{i}></c>" for i in range(40))
    with pytest.raises(SourceError, match="more than 20 different elements in them"):
        read(tmp_path, f"<r>{rows}</r>", limits=ReadLimits(max_columns=20))
