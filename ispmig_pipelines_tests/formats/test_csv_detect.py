"""How a CSV is written is found by its content; what the spec says overrules it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.formats.csv import detect

Rows = list[list[str | None]]

CUSTOMERS = [
    ["account", "name", "email", "signup", "balance", "ip", "note"],
    ["A-1001", "Ann Smith", "ann@example.com", "2019-01-02", "10.50", "10.0.0.1", ""],
    ["A-1002", "Bob O'Brien", "bob@example.com", "2019-02-03", "-3.00", "10.0.0.2", "moved, twice"],
    ["A-1003", "Zoë Müller", "zoe@example.com", "2020-11-30", "0.00", "10.0.0.3", 'the 5" pipe'],
    ["A-1004", "Ed Lee", "ed@example.com", "2021-06-15", "1200.00", "10.0.0.4", "a;b|c"],
    ["A-1005", "Flo Ray", "flo@example.com", "2022-07-01", "7.25", "10.0.0.5", "two\nlines"],
]


def read(path: Path, **said: Any) -> tuple[list[str], Rows, list[Any]]:
    with open_source(path, **said) as reader:
        table = reader.tables()[0]
        rows: Rows = []
        rejects = []
        for records in reader.batches(table):
            columns = [c.to_pylist() for c in records.cells.columns]
            rows += [list(row) for row in zip(*columns, strict=True)]
            rejects += records.rejects
        return reader.columns(table), rows, rejects


@dataclass(frozen=True)
class Style:
    delimiter: str = ","
    quote: str = '"'
    escape: str = "doubled"
    newline: str = "\n"
    all_quoted: bool = False
    encoding: str = "utf-8"
    last_newline: bool = True


def rendered(rows: list[list[str]], style: Style) -> bytes:
    def cell(text: str) -> str:
        special = (style.delimiter, style.quote, "\n", "\r", "\\")
        if not style.all_quoted and not any(s in text for s in special):
            return text
        if style.escape == "backslash":
            inner = text.replace("\\", "\\\\").replace(style.quote, "\\" + style.quote)
        else:
            inner = text.replace(style.quote, style.quote * 2)
        return style.quote + inner + style.quote

    text = style.newline.join(style.delimiter.join(map(cell, row)) for row in rows)
    return (text + (style.newline if style.last_newline else "")).encode(style.encoding)


def as_read(rows: list[list[str]], style: Style) -> Rows:
    """What the reader gives: an unquoted empty cell is NULL, a quoted one an empty text."""
    return [
        rows[0],
        *([cell if cell or style.all_quoted else None for cell in r] for r in rows[1:]),
    ]


def written(folder: Path, data: bytes | str) -> Path:
    path = folder / "export.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|", "||", ";;", "^", "~", "¦", "\x1f", "|;|"]
)
@pytest.mark.parametrize("all_quoted", [False, True])
def test_delimiters(tmp_path: Path, delimiter: str, all_quoted: bool) -> None:
    style = Style(delimiter=delimiter, all_quoted=all_quoted)
    columns, rows, rejects = read(written(tmp_path, rendered(CUSTOMERS, style)))
    assert [columns, *rows] == as_read(CUSTOMERS, style)
    assert rejects == []


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("escape", ["doubled", "backslash"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last_newline", [True, False])
def test_quotes_escapes_and_line_ends(
    tmp_path: Path, quote: str, escape: str, newline: str, last_newline: bool
) -> None:
    style = Style(";", quote, escape, newline, True, "utf-8", last_newline)
    columns, rows, rejects = read(written(tmp_path, rendered(CUSTOMERS, style)))
    assert [columns, *rows] == CUSTOMERS
    assert rejects == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    style = Style(encoding=encoding)
    columns, rows, _ = read(written(tmp_path, rendered(CUSTOMERS, style)))
    assert [columns, *rows] == as_read(CUSTOMERS, style)


WORDS = st.sampled_from(
    ["Ann", "Bob Lee", "O'Neil", "Smith, J.", "Zoë", "x;y", "say \"hi\"", "a|b", "two\nlines",
     "10 Main St.", "", "née", "5' 10", "tab\there", "C:\\temp", "naïve, \"very\""]
)  # fmt: skip
RECORDS = st.lists(
    st.tuples(
        st.integers(1, 99_999).map(str),
        WORDS,
        st.decimals(-999, 99_999, places=2).map(str),
        st.dates().map(str),
        WORDS,
        st.sampled_from(["active", "blocked", "new"]),
    ).map(list),
    min_size=3,
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    RECORDS,
    st.builds(
        Style,
        delimiter=st.sampled_from([",", ";", "\t", "|"]),
        quote=st.sampled_from(['"', "'"]),
        escape=st.sampled_from(["doubled", "backslash"]),
        newline=st.sampled_from(["\n", "\r\n"]),
        all_quoted=st.just(True),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        last_newline=st.booleans(),
    ),
)
def test_what_is_written_in_any_dialect_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[list[str]], style: Style
) -> None:
    header = ["id", "name", "amount", "date", "note", "status"]
    if style.escape == "backslash":
        # Without an escaped quote nothing tells that the backslashes are escapes.
        assume(any(style.quote in cell for record in records for cell in record))
    path = written(tmp_path_factory.mktemp("csv"), rendered([header, *records], style))
    columns, rows, rejects = read(path)
    assert columns == header
    assert rows == records
    assert rejects == []


def test_decimal_commas_are_no_delimiters(tmp_path: Path) -> None:
    data = "id;price;tax\n1;2,50;0,50\n2;3,75;0,75\n3;12,00;2,40\n"
    assert read(written(tmp_path, data))[0] == ["id", "price", "tax"]


def test_times_and_dates_are_no_delimiters(tmp_path: Path) -> None:
    data = (
        "seen,mac\n2020-01-02 10:11:12,aa:bb:cc:dd:ee:01\n2020-01-03 10:11:13,aa:bb:cc:dd:ee:02\n"
    )
    assert read(written(tmp_path, data))[0] == ["seen", "mac"]


def test_one_column(tmp_path: Path) -> None:
    columns, rows, rejects = read(written(tmp_path, "login\nann\nbob\n\ncarl\n"))
    assert (columns, rows, rejects) == (["login"], [["ann"], ["bob"], ["carl"]], [])


def test_lines_before_the_table_are_left_out(tmp_path: Path) -> None:
    data = (
        "Customer report\nPrinted by admin on 2020-01-01\n\n"
        "id,name,balance\n1,Ann,3.00\n2,Bob,4.00\n3,Carl,5.00\n"
    )
    columns, rows, rejects = read(written(tmp_path, data))
    assert columns == ["id", "name", "balance"]
    assert (len(rows), rejects) == (3, [])


def test_a_spreadsheets_padded_title_is_left_out(tmp_path: Path) -> None:
    data = "Customers 2020,,,\n,,,\nid,name,city,balance\n" + "".join(
        f"{i},Ann,Rome,{i}.00\n" for i in range(9)
    )
    columns, rows, _ = read(written(tmp_path, data))
    assert columns == ["id", "name", "city", "balance"]
    assert len(rows) == 9


def test_records_keep_their_lines_in_the_file_after_a_preamble(tmp_path: Path) -> None:
    path = written(tmp_path, "Report\n\nid,name\n1,Ann\n2,Bob,x\n3,Carl\n4,Di\n")
    with open_source(path) as reader:
        [records] = reader.batches("export")
    assert records.line.to_pylist() == [4, 6, 7]
    assert [(r.record, r.line) for r in records.rejects] == [(2, 5)]


def test_several_header_rows_are_joined(tmp_path: Path) -> None:
    data = "Customer,,Plan,\nName,Email,Code,Price\n" + "".join(
        f"Ann {i},a{i}@x.org,P{i},{i}.50\n" for i in range(6)
    )
    said = CsvOptions(header=[1, 2])
    columns, rows, _ = read(written(tmp_path, data), csv=said)
    assert columns == ["Customer Name", "Customer Email", "Plan Code", "Plan Price"]
    assert len(rows) == 6


def test_a_row_of_units_belongs_to_the_header(tmp_path: Path) -> None:
    data = "Down,Up,Price\nkbit/s,kbit/s,EUR\n" + "".join(
        f"{i}000,{i}00,{i}.50\n" for i in range(1, 9)
    )
    columns, rows, _ = read(written(tmp_path, data))
    assert columns == ["Down kbit/s", "Up kbit/s", "Price EUR"]
    assert len(rows) == 8


def test_no_header_where_the_first_row_is_a_record(tmp_path: Path) -> None:
    data = "".join(
        f"user{i};secret{i};10.0.0.{i};00:11:22:33:44:0{i};Home;{i}.00\n" for i in range(9)
    )
    columns, rows, _ = read(written(tmp_path, data))
    assert columns == [f"column_{i}" for i in range(1, 7)]
    assert len(rows) == 9


def test_years_can_be_names_of_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "region,2019,2020,2021\nNorth,1,2,3\nSouth,4,5,6\n")
    assert read(path)[0] == ["region", "2019", "2020", "2021"]


def test_names_are_trimmed_and_the_header_as_it_stands_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path, "id , Full  Name \n1,Ann\n")
    with open_source(path) as reader:
        assert reader.columns("export") == ["id", "Full Name"]
        assert reader.raw_header == ["id ", " Full  Name "]  # type: ignore[attr-defined]


def test_cells_are_not_trimmed(tmp_path: Path) -> None:
    assert read(written(tmp_path, "id,name\n1, Ann \n2,\tBob\n"))[1] == [
        ["1", " Ann "],
        ["2", "\tBob"],
    ]


def test_records_that_end_in_one_delimiter_more(tmp_path: Path) -> None:
    columns, rows, rejects = read(written(tmp_path, "id,name\n1,Ann,\n2,Bob,\n3,Carl,\n"))
    assert columns == ["id", "name", "column_3"]
    assert (len(rows), rejects) == (3, [])


def test_a_stated_delimiter_in_the_first_line(tmp_path: Path) -> None:
    columns, rows, _ = read(written(tmp_path, "sep=;\r\nid;name\r\n1;a,b\r\n"))
    assert (columns, rows) == (["id", "name"], [["1", "a,b"]])


def test_a_footer_is_no_record_and_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "id,name,city\n1,Ann,Rome\n2,Bob,Oslo\n\n(2 rows)\n")
    with open_source(path) as reader:
        [records] = reader.batches("export")
        assert (records.cells.num_rows, records.rejects) == (2, ())
        assert any("footer" in note for note in reader.detected.notes)


def test_a_cut_last_record_is_no_footer(tmp_path: Path) -> None:
    _, rows, rejects = read(written(tmp_path, "id,name,city\n1,Ann,Rome\n2,Bob,Oslo\n3,Ca"))
    assert len(rows) == 2
    assert [r.rule for r in rejects] == ["record.ragged"]


def test_footer_lines_of_the_spec(tmp_path: Path) -> None:
    path = written(tmp_path, "id,name\n1,Ann\n2,Bob\n99,all\nend,x\n\n")
    assert len(read(path, csv=CsvOptions(footer_lines=2))[1]) == 2
    assert len(read(path, csv=CsvOptions(footer_lines=0))[1]) == 4


def test_header_only_has_no_records(tmp_path: Path) -> None:
    assert read(written(tmp_path, "id,name,email\n")) == (["id", "name", "email"], [], [])


def test_delimiters_only_are_records_of_empty_cells(tmp_path: Path) -> None:
    assert read(written(tmp_path, "id,name\n1,Ann\n,\n"))[1] == [["1", "Ann"], [None, None]]


def test_the_spec_overrules(tmp_path: Path) -> None:
    path = written(tmp_path, "# no comment,x\n1;2,3;4\n")
    said = CsvOptions(delimiter=";", header=False, comment="", quote="")
    assert read(path, csv=said)[1:] == (
        [["1", "2,3", "4"]],
        read(path, csv=said)[2],
    )
    assert [r.text for r in read(path, csv=said)[2]] == ["# no comment,x"]


def test_a_header_on_a_given_line(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\nz,w\nid,name\n1,Ann\n")
    assert read(path, csv=CsvOptions(header=3))[:2] == (["id", "name"], [["1", "Ann"]])


def test_split_evidence_is_a_question_and_the_spec_answers_it(tmp_path: Path) -> None:
    path = written(tmp_path, "a;b,c;d\n1;2,3;4\n5;6,7;8\n" * 3)
    with open_source(path, ask=False) as reader:
        asked = reader.detected.questions
    if asked:
        with pytest.raises(SourceError, match="delimiter"):
            open_source(path)
    assert read(path, csv=CsvOptions(delimiter=";", header=True))[0] == ["a", "b,c", "d"]


def test_too_few_names_for_the_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2,3\n4,5,6\n")
    with pytest.raises(SourceError, match="3 columns and the spec names 2"):
        open_source(path, csv=CsvOptions(columns=["a", "b"], header=False))


class TestAgain:
    """What was settled of a text is not asked again: a migration opens each file twice."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        found: list[str] = []
        original = detect._detect

        def detected(sample: str, options: CsvOptions, *, whole: bool) -> detect.Finding:
            found.append(sample)
            return original(sample, options, whole=whole)

        monkeypatch.setattr(detect, "_detect", detected)
        detect._settled.cache_clear()
        return found

    def test_the_same_text_is_settled_once(self, asked: list[str]) -> None:
        first = detect.detect_dialect("sep=;\na;b\n1;2\n", CsvOptions(), whole=True)
        again = detect.detect_dialect("sep=;\na;b\n1;2\n", CsvOptions(), whole=True)
        assert first == again
        assert len(asked) == 1

    def test_another_text_other_options_or_another_end_are_settled_by_themselves(
        self, asked: list[str]
    ) -> None:
        text = "a;b\n1;2\n"
        for sample, options, whole in (
            (text, CsvOptions(), True),
            (text + "3;4\n", CsvOptions(), True),
            (text, CsvOptions(header=False), True),
            (text, CsvOptions(header=1), True),
            (text, CsvOptions(columns=["x", "y"]), True),
            (text, CsvOptions(), False),
        ):
            detect.detect_dialect(sample, options, whole=whole)
        assert len(asked) == 6
        assert detect.detect_dialect(text, CsvOptions(header=False), whole=True).dialect != (
            detect.detect_dialect(text, CsvOptions(), whole=True).dialect
        )

    def test_who_changes_what_was_told_changes_it_for_nobody_else(self, asked: list[str]) -> None:
        text = "sep=;\na;b\n1;2\n"
        told = detect.detect_dialect(text, CsvOptions(), whole=True)
        noted = list(told.notes)
        assert noted
        told.notes.append("mine")
        told.questions.append("mine")
        again = detect.detect_dialect(text, CsvOptions(), whole=True)
        assert (again.notes, again.questions) == (noted, [])
        assert len(asked) == 1

    def test_the_text_itself_is_not_kept(self, asked: list[str]) -> None:
        given = [("a,b\n1,2\n", CsvOptions())]
        detect._settled(detect._Asked(b"content", repr(CsvOptions()), True, given))
        assert given == []
