"""XML: repeated elements are records, and nothing outside the file is ever touched."""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
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
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines.formats.xml.reader import XmlReader
from ispmig_pipelines_tests.corpora import corpus


def tables_of(path: Path, **options: Any) -> dict[str, list[dict[str, str | None]]]:
    with open_source(path, **options) as reader:
        return {
            table: [row for batch in reader.batches(table) for row in batch.cells.to_pylist()]
            for table in reader.tables()
        }


def read(tmp_path: Path, text: str | bytes, **options: Any) -> dict[str, list[dict[str, Any]]]:
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return tables_of(path, **options)


# ---------------------------------------------------------------- what is a record


def test_repeated_elements_are_records(tmp_path: Path) -> None:
    assert read(
        tmp_path,
        '<?xml version="1.0"?>\n<customers>\n'
        '  <customer id="1"><name>Ann</name><city>Bonn</city></customer>\n'
        '  <customer id="2"><name>Bob</name><zip>01234</zip></customer>\n</customers>\n',
    ) == {
        "customer": [
            {"@id": "1", "name": "Ann", "city": "Bonn", "zip": None},
            {"@id": "2", "name": "Bob", "city": None, "zip": "01234"},
        ]
    }


def test_several_kinds_of_records_are_several_tables(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "<export><customers><customer><id>1</id></customer><customer><id>2</id></customer>"
        "</customers><plans><plan><code>A</code></plan><plan><code>B</code></plan></plans>"
        "</export>",
    )
    assert found == {
        "customers.customer": [{"id": "1"}, {"id": "2"}],
        "plans.plan": [{"code": "A"}, {"code": "B"}],
    }


def test_records_of_two_kinds_that_take_turns(tmp_path: Path) -> None:
    found = read(tmp_path, "<l><a>1</a><b>x</b><a>2</a><b>y</b><a>3</a></l>")
    assert found == {"a": [{"a": "1"}, {"a": "2"}, {"a": "3"}], "b": [{"b": "x"}, {"b": "y"}]}


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("<customers><customer><id>1</id></customer></customers>", ["customer"]),
        ("<e><customers><customer><id>1</id></customer></customers><v>2</v></e>",
         ["e", "customers.customer"]),
        ("<r><companies><company>x</company></companies><v>1</v></r>", ["r", "companies.company"]),
        ("<customer><id>1</id><name>Ann</name></customer>", ["customer"]),
        ("<v>1</v>", ["v"]),
        ("<customers count='2'><c><id>1</id></c><c><id>2</id></c></customers>", ["c"]),
    ],
    ids=["one", "one-of-several-kinds", "plural-y", "root", "leaf", "counted"],
)  # fmt: skip
def test_a_single_record_is_a_record(tmp_path: Path, text: str, tables: list[str]) -> None:
    assert list(read(tmp_path, text)) == tables


def test_nested_elements_are_dotted_columns(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '<l><c><address type="home"><city code="B">Bonn</city><geo><lat>1</lat></geo></address></c>'
        "<c><address/></c></l>",
    )
    assert found == {
        "c": [
            {
                "address.@type": "home",
                "address.city.@code": "B",
                "address.city": "Bonn",
                "address.geo.lat": "1",
            },
            dict.fromkeys(
                ["address.@type", "address.city.@code", "address.city", "address.geo.lat"]
            ),
        ]
    }


def test_what_repeats_in_a_record_is_a_table_that_leads_back(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "<l><invoice number='7'><date>2020</date><lines><line><t>a</t></line><line><t>b</t></line>"
        "</lines></invoice><invoice number='8'><lines/></invoice>"
        "<invoice number='9'><lines><line><t>c</t><tax>1</tax><tax>2</tax></line></lines></invoice>"
        "</l>",
    )
    assert found == {
        "invoice": [
            {"@number": "7", "date": "2020"},
            {"@number": "8", "date": None},
            {"@number": "9", "date": None},
        ],
        "invoice.lines.line": [
            {"_parent_record": "1", "_position": "1", "_parent_number": "7", "t": "a"},
            {"_parent_record": "1", "_position": "2", "_parent_number": "7", "t": "b"},
            {"_parent_record": "3", "_position": "1", "_parent_number": "9", "t": "c"},
        ],
        "invoice.lines.line.tax": [
            {"_parent_record": "3", "_position": "1", "tax": "1"},
            {"_parent_record": "3", "_position": "2", "tax": "2"},
        ],
    }


def test_a_wrapper_without_cells_is_no_table(tmp_path: Path) -> None:
    found = read(tmp_path, "<l><batch><c><id>1</id></c><c><id>2</id></c></batch></l>")
    assert found == {"batch.c": [{"id": "1"}, {"id": "2"}]}


@pytest.mark.parametrize(
    "text",
    ["<customers/>", "<customers></customers>", "<customers>\n  <!-- none -->\n</customers>"],
)
def test_an_empty_root_is_no_record(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {"customers": []}


@pytest.mark.parametrize("text", ['<c id="1"/>', "<c>1</c>", "<c><name/></c>"])
def test_a_root_that_holds_anything_is_a_record(tmp_path: Path, text: str) -> None:
    [rows] = read(tmp_path, text).values()
    assert len(rows) == 1


def test_records_keep_which_wrapper_they_stand_in_where_there_are_several(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "<l><batch><c><id>1</id></c><c><id>2</id></c></batch><batch><c><id>3</id></c></batch></l>",
    )
    assert found == {
        "batch.c": [
            {"_parent_record": "1", "_position": "1", "id": "1"},
            {"_parent_record": "1", "_position": "2", "id": "2"},
            {"_parent_record": "2", "_position": "1", "id": "3"},
        ]
    }


def test_values_without_a_record_of_cells_keep_which_record_they_belong_to(tmp_path: Path) -> None:
    found = read(tmp_path, "<r><c><t>1</t><t>2</t></c><c/><c><t>3</t></c></r>")
    assert found == {
        "c.t": [
            {"_parent_record": "1", "_position": "1", "t": "1"},
            {"_parent_record": "1", "_position": "2", "t": "2"},
            {"_parent_record": "3", "_position": "1", "t": "3"},
        ]
    }


def test_a_record_of_nothing_but_records_leads_from_its_own_to_its_parent(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "<r><q><id>5</id><c><t>1</t><t>2</t></c><c><t>3</t></c></q>"
        "<q><id>6</id><c><t>4</t></c></q></r>",
    )
    assert found["q.c"] == [
        {"_parent_record": "1", "_position": "1", "_parent_id": "5"},
        {"_parent_record": "1", "_position": "2", "_parent_id": "5"},
        {"_parent_record": "2", "_position": "1", "_parent_id": "6"},
    ]
    assert [(row["_parent_record"], row["t"]) for row in found["q.c.t"]] == [
        ("1", "1"),
        ("1", "2"),
        ("2", "3"),
        ("3", "4"),
    ]


# ---------------------------------------------------------------- what is a cell


def test_empty_missing_and_nil_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        '<l xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><c><n>x</n><k>1</k></c>'
        "<c><n/><k>2</k></c><c><n></n><k>3</k></c><c><n xsi:nil='true'/><k>4</k></c>"
        "<c><k>5</k></c></l>"
    )
    with open_source(path) as reader:
        [batch] = reader.batches("c")
    assert batch.cells.column("n").to_pylist() == ["x", "", "", None, None]
    assert batch.missing["n"].to_pylist() == [False, False, False, False, True]
    assert list(batch.missing) == ["n"]


def test_white_space_and_line_ends_stay(tmp_path: Path) -> None:
    found = read(tmp_path, "<l><c> a\n b\t</c><c>\n</c><c>&#13;&#9;</c></l>")
    assert [row["c"] for row in found["c"]] == [" a\n b\t", "\n", "\r\t"]


def test_references_sections_and_comments(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "<l><c>A &amp; B &lt;x&gt; &#x20AC;</c><c><![CDATA[<b>&amp;</b>]]> &#38;</c>"
        "<c>o<!-- no -->n<?pi no?>e</c><!-- <c>no</c> --><c>4</c></l>",
    )
    assert [row["c"] for row in found["c"]] == ["A & B <x> €", "<b>&amp;</b> &", "one", "4"]


def test_text_with_elements_in_it_is_kept_whole_and_in_pieces(tmp_path: Path) -> None:
    found = read(tmp_path, "<l><c><n>Call <b>before</b> noon</n></c><c><n>plain</n></c></l>")
    assert found["c"] == [
        {"n": "Call before noon", "n.b": "before"},
        {"n": "plain", "n.b": None},
    ]


def test_namespaces_give_local_names_and_prefixes_where_two_meet(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '<x:l xmlns:x="urn:x" xmlns:y="urn:y" xmlns:z="urn:x"><x:c><x:id>1</x:id><y:id>2</y:id>'
        '<y:n>a</y:n></x:c><z:c><z:id y:k="3">4</z:id><n xmlns="urn:y">b</n></z:c></x:l>',
    )
    assert found == {
        "c": [
            {"x:id.@k": None, "x:id": "1", "y:id": "2", "n": "a"},
            {"x:id.@k": "3", "x:id": "4", "y:id": None, "n": "b"},
        ]
    }


def test_names_are_made_unique(tmp_path: Path) -> None:
    found = read(tmp_path, "<l><c><a.b>1</a.b><a><b>2</b></a></c><c/></l>")
    assert found["c"][0] == {"a.b": "1", "a.b_2": "2"}


@pytest.mark.parametrize(
    "record", ["<c>\n <id>1</id>\n</c>\n", "<c><id>1</id>\n<n>a\nb</n></c>\n", "<c\nid='1'/>\n\n"]
)
def test_lines_are_those_of_the_file(tmp_path: Path, record: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<l>\n" + record * 70_000 + "</l>\n")
    with open_source(path) as reader:
        lines = [line for batch in reader.batches("c") for line in batch.line.to_pylist()]
    # Of a start tag of several lines it is the last.
    first = 2 + record[: record.index(">")].count("\n")
    assert (lines[0], lines[1], lines[-1]) == (first, first + 3, first + 3 * 69_999)


# ---------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("windows-1251", "cp1251"),
        ("KOI8-U", "koi8-u"),
        ("IBM866", "cp866"),
    ],
)
def test_the_declared_encoding_counts(tmp_path: Path, declared: str, codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?><l><c>Киев</c><c>Рим</c></l>'
    found = read(tmp_path, text.encode(codec))
    assert [row["c"] for row in found["c"]] == ["Киев", "Рим"]


def test_a_wrong_declaration_is_refused_and_the_spec_overrules_it(tmp_path: Path) -> None:
    raw = '<?xml version="1.0" encoding="utf-8"?><l><c>Zoë</c><c>x</c></l>'.encode("cp1252")
    with pytest.raises(SourceError, match=r"line 1, column .*name its encoding in the spec"):
        read(tmp_path, raw)
    assert read(tmp_path, raw, encoding="cp1252")["c"][0] == {"c": "Zoë"}
    with pytest.raises(SourceError, match="cannot be that"):
        read(tmp_path, b'<?xml version="1.0" encoding="utf-16"?><l><c>x</c></l>')
    with pytest.raises(SourceError, match="no encoding 'x-none'"):
        read(tmp_path, b'<?xml version="1.0" encoding="x-none"?><l><c>x</c></l>')


# ---------------------------------------------------------------- what is refused

BOMBS = ["cyclic", "dtd", "external", "external_file", "quadratic", "xmlbomb", "xmlbomb2"]


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_and_outside_references_are_refused(name: str) -> None:
    path = corpus("xml_defused") / f"{name}.xml"
    for work in (tables_of, inspect):
        with pytest.raises(SourceError, match=r"document type declaration \(DOCTYPE\) with"):
            work(path)


def test_no_outside_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read")
    for doctype in (
        f'<!DOCTYPE l [<!ENTITY e SYSTEM "{secret.as_uri()}">]>',
        f'<!DOCTYPE l SYSTEM "{secret.as_uri()}">',
        f'<!DOCTYPE l [<!ENTITY % e SYSTEM "{secret.as_uri()}"> %e;]>',
    ):
        with pytest.raises(SourceError, match="never resolved") as error:
            read(tmp_path, f"{doctype}<l><c>&e;</c><c>x</c></l>")
        assert "do not read" not in str(error.value)


def test_a_doctype_that_says_nothing_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<!DOCTYPE l><l><c>1</c><c>2</c></l>")
    with open_source(path) as reader:
        assert reader.tables() == ["c"]
        assert "document type declaration" in " ".join(reader.detected.notes)


@pytest.mark.parametrize("name", ["simple", "simple-ns"])
def test_plain_files_of_the_same_collection_are_read(name: str) -> None:
    found = tables_of(corpus("xml_defused") / f"{name}.xml")
    assert [(row["@key"], row["element"]) for row in found["element"]] == [
        ("value", "text"),
        (None, "text"),
    ]


def test_what_expat_refuses_is_refused() -> None:
    folder = corpus("xml_libxml2")
    wrong = []
    with (folder / "expected_verdicts.tsv").open(newline="") as file:
        verdicts = list(csv.DictReader(file, delimiter="\t"))
    for row in verdicts:
        path = folder / row["file"]
        try:
            tables_of(path, format="xml")
        except SourceError as error:
            # Files with a document type declaration are refused by our own rule.
            refused = "DOCTYPE" not in str(error)
            if row["expat_result"] == "ok" and row["libxml2_safe_result"] == "ok" and refused:
                wrong.append((row["file"], str(error)))
        else:
            if row["expat_result"] != "ok":
                wrong.append((row["file"], "accepted"))
    assert len(verdicts) > 100
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<l>\n<c>1</c>\n<c>2", "line 3, column 5: no element found.*cut short"),
        ("<l>\n<c>1</c>\n<c>A & B</c></l>", "line 3, column 7: not well-formed.*unescaped &"),
        ("<l><c>1</c></l><l/>", "line 1, column 16: junk after document element"),
        ("<l><c>&nbsp;</c></l>", "undefined entity.*five entities"),
        ("<l><c>1</d></l>", "mismatched tag"),
        ("<l><x:c>1</x:c></l>", "unbound prefix"),
        ("<l a='1' a='2'/>", "duplicate attribute"),
    ],
)
def test_a_break_names_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=f"(?s){said}"):
        read(tmp_path, text)


def test_limits(tmp_path: Path) -> None:
    deep = "<a>" * 40 + "</a>" * 40
    with pytest.raises(SourceError, match="more than 30 deep"):
        read(tmp_path, deep, limits=ReadLimits(max_depth=30))
    attributes = " ".join(f'a{i}="1"' for i in range(60))
    with pytest.raises(SourceError, match="more than 50 different attributes"):
        read(tmp_path, f"<l><c {attributes}/></l>", limits=ReadLimits(max_columns=50))
    wide = "".join(f"<a{i}>1</a{i}>" for i in range(60))
    with pytest.raises(SourceError, match="more than 50 different elements"):
        read(tmp_path, f"<l><c>{wide}</c><c/></l>", limits=ReadLimits(max_columns=50))
    with pytest.raises(SourceError, match="limit for one cell"):
        read(tmp_path, f"<l><c>{'x' * 3_000_000}</c></l>", limits=ReadLimits(max_cell_bytes=10_000))
    nested = "<r><id>1</id>" + "<x>1</x>" * 500_000 + "</r>"
    with pytest.raises(SourceError, match="limit for one record"):
        read(tmp_path, f"<l>{nested}<r/></l>", limits=ReadLimits(max_record_bytes=1_000_000))


# ---------------------------------------------------------------- real invoices


def test_an_invoice_is_a_record_and_its_lines_a_table() -> None:
    found = tables_of(corpus("xml_ubl") / "base-example.xml")
    [invoice] = found["Invoice"]
    lines = found["InvoiceLine"]
    assert len(lines) == 2
    assert {line["_parent_ID"] for line in lines} == {"Snippet1"}
    net = sum(Decimal(str(line["LineExtensionAmount"])) for line in lines)
    assert net == Decimal(1300)
    assert invoice["TaxTotal.TaxAmount"] == "331.25"
    assert invoice["LegalMonetaryTotal.PayableAmount"] == "1656.25"
    assert invoice["LegalMonetaryTotal.PayableAmount.@currencyID"] == "EUR"


@pytest.mark.parametrize(
    ("name", "amount", "currency"),
    [
        ("base-negative-inv-correction", "-1656.25", "EUR"),
        ("Vat-category-S", "8550.00", None),
        ("Allowance-example", "6125.00", None),
        ("vat-category-E", "1200.00", "GBP"),
        ("vat-category-Z", "1200.00", "GBP"),
        ("vat-category-O", "3200.00", "SEK"),
    ],
)
def test_what_is_payable(name: str, amount: str, currency: str | None) -> None:
    found = tables_of(corpus("xml_ubl") / f"{name}.xml")
    [invoice] = found["Invoice"]
    assert Decimal(str(invoice["LegalMonetaryTotal.PayableAmount"])) == Decimal(amount)
    if currency:
        assert invoice["LegalMonetaryTotal.PayableAmount.@currencyID"] == currency


# ---------------------------------------------------------------- laws

NAMES = ["id", "name", "note", "zip"]
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=8
) | st.sampled_from(["", " ", "a\nb", "]]>", "<&>", "'\"", "é漢😀", "</c>", "0"])
RECORD = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, TEXT) | {"@key": TEXT})


def rendered(records: list[dict[str, str]], cdata: bool, pretty: bool) -> str:
    end, space = ("\n", "  ") if pretty else ("", "")
    written = []
    for record in records:
        key = f" key={quoteattr(record['@key'])}" if "@key" in record else ""
        cells = []
        for name in NAMES:
            if name not in record:
                continue
            value = record[name]
            if not value:
                cells.append(f"<{name}/>")
            elif cdata and "]]>" not in value:
                cells.append(f"<{name}><![CDATA[{value}]]></{name}>")
            else:
                cells.append(f"<{name}>{escape(value)}</{name}>")
        inner = "".join(f"{space}{space}{cell}{end}" for cell in cells)
        written.append(f"{space}<c{key}>{end}{inner}{space}</c>{end}")
    return f'<?xml version="1.0" encoding="UTF-8"?>{end}<l>{end}{"".join(written)}</l>'


@settings(max_examples=80, deadline=None)
@given(
    records=st.lists(RECORD, min_size=2, max_size=30),
    cdata=st.booleans(),
    pretty=st.booleans(),
    size=st.integers(1, 40),
    block=st.integers(1, 400),
)
def test_what_is_written_is_read_whatever_the_batch_and_the_block(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, str]],
    cdata: bool,
    pretty: bool,
    size: int,
    block: int,
) -> None:
    text = rendered([*records, {"id": "last"}], cdata, pretty)
    path = tmp_path_factory.mktemp("law") / "a.xml"
    path.write_text(text, newline="")
    for fast in (True, False):
        reader = XmlReader(path, path.read_bytes(), Encoding("utf-8"), block_bytes=block, fast=fast)
        got, ordinals, lines = [], [], []
        for batch in reader.batches("c", size):
            assert batch.cells.num_rows <= size
            for place, row in enumerate(batch.cells.to_pylist()):
                absent = {n for n, mask in batch.missing.items() if mask[place].as_py()}
                got.append({n: cell for n, cell in row.items() if n not in absent})
            ordinals += batch.record.to_pylist()
            lines += batch.line.to_pylist()
        assert got == [*records, {"id": "last"}]
        assert ordinals == list(range(1, len(records) + 2))
        assert lines == [text.count("\n", 0, m.start()) + 1 for m in re.finditer("<c[ >]", text)]


SAME = "<c id='1'><n>a</n></c>".replace("'", '"') + "<c><n>b &amp; c</n><k/></c>"
LATE = {
    "a new element": "<c><n>x</n><new>1</new></c>",
    "a new attribute": '<c key="1"><n>x</n></c>',
    "a repeated element": "<c><n>x</n><n>y</n></c>",
    "text beside elements": "<c>note<n>x</n></c>",
    "text where none was": "<c><n>x</n><k>1</k></c>",
    "elements where text was": "<c><n><m>1</m></n></c>",
    "another order": "<c><k/><n>x</n></c>",
    "another way to write it": "<c  id = '1'  ><n  >x</n ></c >",
    "nothing in it": "<c/>",
    "the same name deeper": "<d><c><n>deeper</n></c><c><n>deeper</n></c></d>",
    "the same name inside": "<c><n>x</n><c><n>inner</n></c></c>",
    "records in a comment": f"<!-- {SAME} -->",
    "records in a section": f"<c><n><![CDATA[{SAME}]]></n></c>",
    "records in an instruction": f"<?keep {SAME}?>",
    "another namespace": '<c xmlns="urn:other"><n>x</n></c>',
    "nil": '<c><n xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="1"/></c>',
    "a comment between": "<!-- no -->",
    "text in a container": "note",
}


@pytest.mark.parametrize("late", sorted(LATE))
def test_what_comes_late_is_found_by_the_expressions_as_by_the_parser(
    tmp_path: Path, late: str
) -> None:
    path = tmp_path / "a.xml"
    many = f"{SAME}\n" * 400
    path.write_text(f"<l>\n{many}{LATE[late]}\n{many}{LATE[late]}</l>")
    found = []
    for fast in (True, False):
        reader = XmlReader(path, path.read_bytes(), Encoding("utf-8"), block_bytes=2_000, fast=fast)
        found.append(
            {
                table: [
                    (b.cells.to_pylist(), b.record.to_pylist(), b.line.to_pylist(),
                     {n: m.to_pylist() for n, m in b.missing.items()})
                    for b in reader.batches(table)
                ]
                for table in reader.tables()
            }
        )  # fmt: skip
    assert found[0] == found[1]
    assert sum(len(b[0]) for b in found[0]["c"]) >= 1_600
    assert late != "another namespace" or len(found[0]["c_2"][0][0]) == 2


def test_several_tables_of_records_that_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    customers = "".join(f'<x:c id="{i}"><x:n>a{i}</x:n></x:c>\n' for i in range(500))
    plans = "".join(f"<x:p><x:code>{i}</x:code></x:p>\n" for i in range(500))
    path.write_text(f'<x:l xmlns:x="urn:x"><x:cs>{customers}</x:cs><x:ps>{plans}</x:ps></x:l>')
    reader = XmlReader(path, path.read_bytes(), Encoding("utf-8"), block_bytes=1_000)
    assert reader.tables() == ["cs.c", "ps.p"]
    for table, column in (("cs.c", "@id"), ("ps.p", "code")):
        cells = [c for b in reader.batches(table, 33) for c in b.cells.column(column).to_pylist()]
        assert cells == [str(i) for i in range(500)]


def test_a_break_behind_records_that_are_alike_is_found_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<l>\n" + "<c><n>1</n></c>\n" * 5_000 + "<c><n>&nbsp;</n></c>\n</l>")
    reader = XmlReader(path, path.read_bytes(), Encoding("utf-8"), block_bytes=4_000)
    with pytest.raises(SourceError, match=r"line 5,002, column 7: undefined entity"):
        reader.tables()


def test_the_digest_is_of_the_file_as_it_lies_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(b"<l><c>1</c><c>2</c></l>"))
    with open_source(path) as reader:
        with pytest.raises(ValueError, match="to its end"):
            reader.sha256()
        batches = list(reader.batches("c"))
        assert reader.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert reader.detected.compression == "gzip"
        assert batches[-1].bytes_read == reader.size


def test_a_file_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<l><c>1</c><c>2</c></l>")
    with open_source(path) as reader:
        assert reader.tables() == ["c"]
        path.write_text("<l><c>1</c><c>2</c><c>3</c></l>")
        with pytest.raises(SourceError, match="changed after"):
            list(reader.batches("c"))


def test_inspect_shows_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<l><c><id>1</id><n>x</n></c><c><id>2</id></c></l>")
    found = inspect(path)
    assert (found["format"], found["encoding"]) == ("xml", "utf-8")
    assert found["tables"] == [
        {
            "name": "c",
            "rows": 2,
            "columns": [
                {"name": "id", "type": "integer", "nulls": 0},
                {"name": "n", "type": "text", "nulls": 1},
            ],
        }
    ]
