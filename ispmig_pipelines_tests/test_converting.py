"""``ispmig convert``: what a reader reads, written in another format, cell for cell."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.converting import Reading, convert
from ispmig_pipelines.errors import SourceError, StorageError, UsageError
from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.formats.csv.writer import CsvWriter
from ispmig_pipelines.formats.writers import HOLD_SEVERAL, SUFFIXES, WRITERS
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.formats.writing_back import read, rows, written

PEOPLE = rows(
    "id name note",
    ("1", "Ana", "first\nsecond"),
    ("2", "O'Brien, Zoë", '"quoted" \\ 😀'),
    ("03", "=1+1", None),
    ("4", "", " spaced "),
)
PLANS = rows("code price", ("basic", "19.90"), ("fast", "-5.00"), name="plans")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cells(path: Path, **options: Any) -> dict[str, list[list[str | None]]]:
    with open_source(path, **options) as reader:
        return {table: read(reader, table)[1] for table in reader.tables()}


def blank_as_empty(
    found: dict[str, list[list[str | None]]],
) -> list[list[list[str]]]:
    return [[[cell or "" for cell in row] for row in table] for table in found.values()]


def source(folder: Path, format: str, *tables: Any) -> Path:
    path = folder / f"customers{SUFFIXES[format][0]}"
    path.write_bytes(written(format, *tables, several=len(tables) > 1))
    return path


# ------------------------------------------------------------ formats


@pytest.mark.parametrize("to", WRITERS)
@pytest.mark.parametrize("format", WRITERS)
def test_every_format_becomes_every_other(tmp_path: Path, format: str, to: str) -> None:
    given = source(tmp_path, format, PEOPLE)
    out = tmp_path / f"new{SUFFIXES[to][0]}"
    [table] = convert([str(given)], to, str(out)).tables
    assert (table.records, table.rejects, table.columns) == (4, 0, ["id", "name", "note"])
    assert blank_as_empty(cells(out)) == blank_as_empty({"": PEOPLE.cells})
    if "csv" not in (format, to):
        # A CSV's reader tells null from empty where the spec says that its writer did.
        assert list(cells(out).values()) == [PEOPLE.cells]


def test_null_and_empty_stand_apart_in_a_csv(tmp_path: Path) -> None:
    given = source(tmp_path, "ndjson", PEOPLE)
    convert([str(given)], "csv", str(tmp_path / "new.csv"))
    found = cells(tmp_path / "new.csv", csv=CsvOptions(empty_is_null=True))
    assert found == {"new": PEOPLE.cells}


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_the_dialect_is_chosen(tmp_path: Path, dialect: str) -> None:
    given = source(tmp_path, "json", PEOPLE)
    convert([str(given)], "sql", str(tmp_path / "new.sql"), dialect=dialect)
    with open_source(tmp_path / "new.sql") as reader:
        assert reader.detected.dialect["sql"] == dialect


def test_nothing_is_interpreted(tmp_path: Path) -> None:
    given = tmp_path / "c.csv"
    given.write_text("id,amount,day,on\n007,-1.50,29/02/2024,TRUE\n8,=2+3,NULL, x \n")
    convert([str(given)], "ndjson", str(tmp_path / "c.ndjson"))
    assert [json.loads(line) for line in (tmp_path / "c.ndjson").read_text().splitlines()] == [
        {"id": "007", "amount": "-1.50", "day": "29/02/2024", "on": "TRUE"},
        {"id": "8", "amount": "=2+3", "day": "NULL", "on": " x "},
    ]


# ------------------------------------------------------------ where it is written


@pytest.mark.parametrize("to", WRITERS)
def test_several_tables_become_a_file_each(tmp_path: Path, to: str) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    found = convert([str(given)], to, f"{tmp_path}/out/")
    ending = SUFFIXES[to][0]
    assert names(tmp_path / "out") == [f"customers{ending}", f"plans{ending}"]
    assert [table.file for table in found.tables] == [
        str(tmp_path / "out" / f"{name}{ending}") for name in ("customers", "plans")
    ]
    assert blank_as_empty(cells(tmp_path / "out" / f"plans{ending}")) == [PLANS.cells]


@pytest.mark.parametrize("to", sorted(HOLD_SEVERAL))
def test_several_tables_become_one_file_by_its_suffix(tmp_path: Path, to: str) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    out = tmp_path / f"all{SUFFIXES[to][0]}"
    found = convert([str(given)], to, str(out))
    assert {table.file for table in found.tables} == {str(out)}
    assert cells(out) == {"customers": PEOPLE.cells, "plans": PLANS.cells}


@pytest.mark.parametrize("to", sorted(set(WRITERS) - HOLD_SEVERAL))
def test_several_tables_do_not_fit_into_a_file_of_one(tmp_path: Path, to: str) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    for out in (str(tmp_path / "all.csv"), "-"):
        with pytest.raises(UsageError, match=r"2 tables \(customers, plans\).*--table"):
            convert([str(given)], to, out, standard_output=io.BytesIO())
    convert([str(given)], to, str(tmp_path / "one.csv"), tables=["plans"])
    assert list(cells(tmp_path / "one.csv").values()) == [PLANS.cells]


def test_several_tables_in_a_file_of_another_suffix_are_asked_about(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    with pytest.raises(UsageError, match=r"name a file that ends in \.json"):
        convert([str(given)], "json", str(tmp_path / "all.txt"))


def test_a_folder_is_one_that_exists_or_a_name_without_suffix(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    convert([str(given)], "csv", str(tmp_path / "new"))
    assert names(tmp_path / "new") == ["customers.csv", "plans.csv"]
    (tmp_path / "there.d").mkdir()
    convert([str(given)], "csv", str(tmp_path / "there.d"), tables=["plans"])
    assert names(tmp_path / "there.d") == ["plans.csv"]
    convert([str(given)], "csv", str(tmp_path / "plain"), tables=["plans"])
    assert (tmp_path / "plain").is_file()


def test_what_is_converted_is_for_its_owner_alone(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    convert([str(given)], "csv", f"{tmp_path}/a/")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "a").iterdir()} == {0o600}


def test_standard_output(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PLANS)
    stream = io.BytesIO()
    [table] = convert([str(given)], "csv", "-", standard_output=stream).tables
    assert stream.getvalue() == b"code,price\nbasic,19.90\nfast,-5.00\n"
    assert (table.file, table.bytes) == ("", len(stream.getvalue()))


@pytest.mark.parametrize(("name", "compression"), [("p.csv.gz", ""), ("p.csv", "gzip")])
def test_compression(tmp_path: Path, name: str, compression: str) -> None:
    given = source(tmp_path, "sql", PLANS)
    convert([str(given)], "csv", str(tmp_path / name), compression=compression)
    assert gzip.decompress((tmp_path / name).read_bytes()).startswith(b"code,price\n")
    assert list(cells(tmp_path / name).values()) == [PLANS.cells]


def test_compressed_files_of_a_folder(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    convert([str(given)], "json", f"{tmp_path}/out/", compression="zstd")
    assert names(tmp_path / "out") == ["customers.json.zst", "plans.json.zst"]
    assert cells(tmp_path / "out" / "plans.json.zst") == {"plans": PLANS.cells}
    with pytest.raises(UsageError, match="compressed by itself"):
        convert([str(given)], "xlsx", f"{tmp_path}/out/", compression="zstd")


def test_an_output_is_written_over_and_an_input_is_not(tmp_path: Path) -> None:
    given = source(tmp_path, "csv", PLANS)
    out = tmp_path / "out.json"
    out.write_text("before")
    convert([str(given)], "json", str(out))
    assert json.loads(out.read_text())[0] == {"code": "basic", "price": "19.90"}
    link = tmp_path / "link.csv"
    link.hardlink_to(given)
    before = given.read_bytes()
    for place in (given, link, tmp_path):
        with pytest.raises(UsageError, match="one of the files that are read"):
            convert([str(given)], "csv", str(place))
    with pytest.raises(UsageError, match="one of the files that are read"):
        convert([str(given)], "json", str(out), rejects=given)
    assert given.read_bytes() == before


def test_nothing_is_left_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    before = names(tmp_path)
    whole = CsvWriter.write

    def full(self: CsvWriter, records: Any) -> None:
        whole(self, records)
        if self._table is not None and self._table.name == "plans":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(CsvWriter, "write", full)
    with pytest.raises(StorageError, match="no space left"):
        convert([str(given)], "csv", f"{tmp_path}/new/out/")
    assert names(tmp_path) == before
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError):
        convert([str(given)], "csv", f"{tmp_path}/out")
    assert names(tmp_path / "out") == []


def test_a_cell_that_the_format_cannot_hold_is_named(tmp_path: Path) -> None:
    given = tmp_path / "c.json"
    given.write_text('[{"id": "1", "x": "ok"}, {"id": "2", "x": "a\\u0001b"}]')
    with pytest.raises(UsageError, match=r"Table c, record 2: column x holds 'a\?a'.*XML"):
        convert([str(given)], "xml", str(tmp_path / "c.xml"))
    assert names(tmp_path) == ["c.json"]


# ------------------------------------------------------------ what is read


def test_a_table_of_several_files_is_written_in_their_order(tmp_path: Path) -> None:
    for folder, text in (("a", "id,name\n1,Ana\n"), ("b", "name,id\nBo,2\nCy,3\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "people.csv").write_text(text)
    files = [str(tmp_path / folder / "people.csv") for folder in ("b", "a")]
    [table] = convert(files, "csv", str(tmp_path / "all.csv")).tables
    assert table.records == 3
    assert (tmp_path / "all.csv").read_text() == "name,id\nBo,2\nCy,3\nAna,1\n"


def test_a_table_of_other_columns_in_another_file_is_refused(tmp_path: Path) -> None:
    for folder, text in (("a", "id,name\n1,Ana\n"), ("b", "id,mail\n2,x\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "people.csv").write_text(text)
    files = [str(tmp_path / folder / "people.csv") for folder in ("a", "b")]
    with pytest.raises(UsageError, match=r"people has other columns.*mail only in the second"):
        convert(files, "csv", str(tmp_path / "all.csv"))


def test_records_with_keys_may_lack_some(tmp_path: Path) -> None:
    for folder, text in (("a", '{"id": "1"}\n{"id": "2"}\n'), ("b", '{"id": "3", "n": null}\n')):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "people.ndjson").write_text(text)
    files = [str(tmp_path / folder / "people.ndjson") for folder in ("a", "b")]
    convert(files, "ndjson", str(tmp_path / "all.ndjson"))
    assert (tmp_path / "all.ndjson").read_text() == '{"id":"1"}\n{"id":"2"}\n{"id":"3","n":null}\n'


def test_a_table_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    with pytest.raises(UsageError, match=r"no table 'invoices'.*customers, plans"):
        convert([str(given)], "csv", "-", tables=["plans", "invoices"])


def test_how_a_file_is_read_can_be_said(tmp_path: Path) -> None:
    given = tmp_path / "c.dat"
    given.write_bytes("id^n\n1^Ж\n".encode("koi8-u"))
    reading = Reading(format="csv", encoding="koi8-u", delimiter="^")
    convert([str(given)], "csv", str(tmp_path / "c.csv"), reading=reading)
    assert (tmp_path / "c.csv").read_text() == "id,n\n1,Ж\n"
    with pytest.raises(UsageError, match="--delimiter"):
        convert([str(given)], "csv", "-", reading=Reading(delimiter="\n"))


def test_every_file_of_an_archive_or_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.csv", "id,x\n1,2\n")
        archive.writestr("b.csv", "id,y\n3,4\n")
    convert([str(tmp_path / "all.zip")], "csv", f"{tmp_path}/out/")
    assert names(tmp_path / "out") == ["a.csv", "b.csv"]
    out = tmp_path / "b.json"
    convert([str(tmp_path / "all.zip")], "json", str(out), reading=Reading(member="b.csv"))
    assert json.loads(out.read_text()) == [{"id": "3", "y": "4"}]


def test_a_file_that_is_cut_short_is_not_converted(tmp_path: Path) -> None:
    given = tmp_path / "c.json"
    given.write_text('[{"id": "1"}, {"id": ')
    with pytest.raises(SourceError):
        convert([str(given)], "csv", str(tmp_path / "c.csv"))
    assert names(tmp_path) == ["c.json"]


def test_split_evidence_is_asked_about(tmp_path: Path) -> None:
    given = tmp_path / "c.sql"
    given.write_text(
        "INSERT INTO t (a, b) VALUES ('x\\', 'y');\nINSERT INTO t VALUES ('\\n', 'z');\n"
    )
    with open_source(given, ask=False) as reader:
        if not reader.detected.questions:
            pytest.skip("the evidence is clear by now")
    with pytest.raises(SourceError, match="backslash"):
        convert([str(given)], "csv", str(tmp_path / "c.csv"))


# ------------------------------------------------------------ rejects


@pytest.fixture
def ragged(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    good = "".join(f"{i},Ana,x\n" for i in range(50))
    path.write_text(f'id,name,note\n{good}50,"=Bo"\n{good}51,a,b,c\n52,Cy,z\n')
    return path


def test_records_that_cannot_be_read_are_kept_with_their_text(ragged: Path) -> None:
    out = ragged.with_name("out.csv")
    found = convert([str(ragged)], "csv", str(out))
    assert [(t.records, t.rejects) for t in found.tables] == [(101, 2)]
    assert found.rejects_file == f"{out}.rejects.csv"
    with Path(found.rejects_file).open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "file": str(ragged), "table": "people", "record": "51", "line": "52",
        "rule": "record.ragged", "text": '50,"=Bo"',
        "message": "The record has 2 cells where the header has 3.",
    }  # fmt: skip
    assert (second["record"], second["text"]) == ("102", "51,a,b,c")
    assert out.read_text().count("\n") == 102


def test_rejects_of_a_folder_and_where_one_wants_them(ragged: Path) -> None:
    found = convert([str(ragged)], "csv", f"{ragged.parent}/out/")
    assert found.rejects_file == str(ragged.parent / "out" / "rejects.csv")
    place = ragged.parent / "bad.csv"
    found = convert([str(ragged)], "json", "-", rejects=place, standard_output=io.BytesIO())
    assert found.rejects_file == str(place)
    assert place.read_text().count("\n") == 3


def test_a_table_named_rejects_has_its_file_too(tmp_path: Path) -> None:
    (tmp_path / "rejects.csv").write_text("id,x\n" + "1,2\n" * 9 + "3\n" + "4,5\n" * 9)
    convert([str(tmp_path / "rejects.csv")], "csv", f"{tmp_path}/out/")
    assert names(tmp_path / "out") == ["rejects (2).csv", "rejects.csv"]


# ------------------------------------------------------------ the command


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["convert", *map(str, words)])


def test_the_command_tells_what_it_wrote(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    result = run(given, "--to", "csv", "-o", tmp_path / "out/", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [(t["table"], t["records"], t["rejects"]) for t in told["tables"]] == [
        ("customers", 4, 0), ("plans", 2, 0),
    ]  # fmt: skip
    assert told["tables"][1]["columns"] == ["code", "price"]
    assert len(told["tables"][1]["sha256"]) == 64
    shown = run(given, "--to", "csv", "-o", tmp_path / "out", "--table", "plans").stdout
    assert "plans" in shown
    assert "customers.csv" not in shown


@pytest.mark.parametrize(("strict", "exit_code"), [([], 0), (["--strict"], 1)])
def test_records_that_could_not_be_read_are_told_and_fail_who_is_strict(
    ragged: Path, strict: list[str], exit_code: int
) -> None:
    result = run(ragged, "--to", "csv", "-o", ragged.with_name("out.csv"), *strict)
    assert result.exit_code == exit_code
    assert "record 51, line 52: The record has 2 cells" in result.stderr
    assert "2 record(s) could not be read: they are in" in result.stderr
    assert "=Bo" not in result.output
    assert ragged.with_name("out.csv").exists()


def test_only_the_first_rejects_are_told(tmp_path: Path) -> None:
    path = tmp_path / "c.ndjson"
    path.write_text('{"id": "1"}\n' + "{broken\n" * 30 + '{"id": "2"}\n' * 60)
    result = run(path, "--to", "csv", "-o", "-")
    assert result.exit_code == 0
    assert result.stderr.count("table c, record") == 20
    assert "… and 10 more" in result.stderr
    assert result.stdout == "id\n1\n" + "2\n" * 60


def test_the_command_ends_with_2_for_what_it_cannot_do(tmp_path: Path) -> None:
    given = source(tmp_path, "sql", PEOPLE, PLANS)
    result = run(given, "--to", "csv", "-o", tmp_path / "out.csv", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "usage"
    assert run(given, "--to", "sql", "-o", "-", "--json").exit_code == 2
    assert run(tmp_path / "no.csv", "--to", "csv", "-o", "-").exit_code == 2


@pytest.mark.slow
def test_a_pipe_that_is_closed_early_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_text("id,x\n" + "1,abcdefghij\n" * 300_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "ispmig_pipelines.cli", "convert", path, "--to", "json", "-o", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"[\n"
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.slow
def test_it_needs_no_database_and_starts_quickly(tmp_path: Path) -> None:
    given = source(tmp_path, "csv", PLANS)
    program = (
        "import sys\n"
        "from ispmig_pipelines.cli import app\n"
        f"app(['convert', {str(given)!r}, '--to', 'json', '-o', '-'], standalone_mode=False)\n"
        "heavy = {'dagster', 'psycopg', 'pandera', 'boto3'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    environment = {**os.environ, "ISPMIG_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stderr.splitlines()[-1] == "[]"
    assert not (tmp_path / "home").exists()


# ------------------------------------------------------------ real data


@pytest.mark.slow
@pytest.mark.parametrize("to", WRITERS)
def test_chinook_is_the_same_in_every_format(tmp_path: Path, to: str) -> None:
    given = corpus("sql_chinook") / "Chinook_MySql.sql"
    expected = cells(given)
    found = convert([str(given)], to, f"{tmp_path}/out/")
    assert sum(table.records for table in found.tables) == 15_607
    for table in found.tables:
        options: dict[str, Any] = {"csv": CsvOptions(empty_is_null=True)} if to == "csv" else {}
        [again] = cells(Path(table.file), **options).values()
        assert again == expected[table.table], table.table


@pytest.mark.slow
@pytest.mark.parametrize("to", sorted(HOLD_SEVERAL))
def test_chinook_is_the_same_in_one_file(tmp_path: Path, to: str) -> None:
    given = corpus("sql_chinook") / "Chinook_PostgreSql.sql"
    out = tmp_path / f"all{SUFFIXES[to][0]}"
    convert([str(given)], to, str(out))
    assert cells(out) == cells(given)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_netbox_is_the_same_in_sql(tmp_path: Path, dialect: str) -> None:
    [given] = (corpus("sql_netbox")).glob("*.sql")
    out = tmp_path / "all.sql"
    found = convert([str(given)], "sql", str(out), dialect=dialect)
    assert sum(table.records for table in found.tables) == 5_876
    assert cells(out) == cells(given)


def test_a_csv_without_a_header_is_written_without_one(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("1;Ann;2020-01-01\n2;Bob;2020-01-02\n3;Cy;2020-01-03\n")
    assert run(path, "--to", "csv", "-o", "-").stdout == (
        "1,Ann,2020-01-01\n2,Bob,2020-01-02\n3,Cy,2020-01-03\n"
    )
    (first, *_) = json.loads(run(path, "--to", "json", "-o", "-").stdout)
    assert list(first) == ["column_1", "column_2", "column_3"]


def test_scripts_are_read_in_order_with_what_the_ones_before_define(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("CREATE TABLE c (id int, name varchar(9));\n")
    (tmp_path / "2.sql").write_text("INSERT INTO c VALUES (1,'Ann'),(2,'Bob');\n")
    result = run(tmp_path / "1.sql", tmp_path / "2.sql", "--to", "csv", "-o", "-")
    assert result.stdout == "id,name\n1,Ann\n2,Bob\n"


@pytest.mark.parametrize(
    ("to", "text"), [("json", "[\n{},\n{}\n]\n"), ("ndjson", "{}\n{}\n"), ("csv", '_\n""\n""\n')]
)
def test_records_without_any_key_are_records(tmp_path: Path, to: str, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text("[{}, {}]")
    result = run(path, "--to", to, "-o", "-")
    assert (result.exit_code, result.stdout) == (0, text)


def test_what_a_spec_would_say_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"a": [{"x": 1}], "b": {"c": [{"y": 2}]}}))
    result = run(path, "--to", "csv", "-o", "-", "--source", "json: {path: b.c}")
    assert (result.exit_code, result.stdout) == (0, "y\n2\n")
    csv = tmp_path / "c.csv"
    csv.write_text("name\nAnn\nBob\n")
    result = run(csv, "--to", "csv", "-o", "-", "--source", "csv: {header: false}")
    assert result.stdout == "name\nAnn\nBob\n"
    for words in ("csv: {delimitr: x}", "files: a.csv", "csv", "a: [", "sql: {dialect: qbasic}"):
        result = run(csv, "--to", "csv", "-o", "-", "--source", words)
        assert result.exit_code == 2, words
        assert "--source cannot be read" in result.stderr
