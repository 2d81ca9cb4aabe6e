"""The same records come over the same from every format and every place."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from dagster import DagsterInstance

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.web import s3_server, web_server

NAMES = ("No", "Name", "State", "Owed", "Note")
ROWS: list[tuple[str, ...]] = [
    ("007", "Ann O'Brien", "A", "12.50", "says \"hi\"; <b> & 'bye'"),
    ("008", "Bö Łäb", "S", "-3.10", "two\nlines, one comma"),
    ("009", "李小龍 🐉", "A", "1000000.01", "100% \\ back"),
    ("010", "Zed", "X", "0", "nothing -- to; see"),
]

SPEC = """
version: 1
defaults: {country: US}
sources:
  people: {SOURCE}
entities:
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      last_name: Name
      status: {column: State, lookup: {A: active, S: suspended}, otherwise: error}
      balance: {column: Owed, positive_is: debt, decimal_mark: "."}
      currency: {constant: USD}
"""


def csv() -> bytes:
    lines = [",".join(NAMES)]
    lines += [",".join('"' + c.replace('"', '""') + '"' for c in row) for row in ROWS]
    return ("\r\n".join(lines) + "\r\n").encode()


def records() -> list[dict[str, str]]:
    return [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def xml() -> bytes:
    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;")

    body = "".join(
        "<person>" + "".join(f"<{k}>{escaped(v)}</{k}>" for k, v in r.items()) + "</person>"
        for r in records()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><people>{body}</people>'.encode()


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def postgres() -> bytes:
    def cell(text: str) -> str:
        return text.replace("\\", "\\\\").replace("\n", "\\n")

    rows = "".join("\t".join(map(cell, row)) + "\n" for row in ROWS)
    return (
        "--\n-- PostgreSQL database dump\n--\n\nSET standard_conforming_strings = on;\n"
        'CREATE TABLE public.people ("No" text, "Name" text, "State" text, "Owed" text, '
        '"Note" text);\n'
        f'COPY public.people ("No", "Name", "State", "Owed", "Note") FROM stdin;\n{rows}\\.\n\n'
        "--\n-- PostgreSQL database dump complete\n--\n"
    ).encode()


def mysql() -> bytes:
    def cell(text: str) -> str:
        for found, written in (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'), ("\n", "\\n")):
            text = text.replace(found, written)
        return f"'{text}'"

    rows = ",".join("(" + ",".join(map(cell, row)) + ")" for row in ROWS)
    columns = ", ".join(f"`{name}` text" for name in NAMES)
    return (
        "-- MySQL dump 10.13  Distrib 8.0.36\n/*!40101 SET NAMES utf8mb4 */;\n"
        f"CREATE TABLE `people` ({columns}) ENGINE=InnoDB;\n"
        f"INSERT INTO `people` VALUES {rows};\n-- Dump completed on 2026-01-01\n"
    ).encode()


def sqlserver() -> bytes:
    rows = "".join(
        "INSERT [dbo].[people] ([No], [Name], [State], [Owed], [Note]) VALUES ("
        + ", ".join("N" + quoted(c) for c in row)
        + ")\nGO\n"
        for row in ROWS
    )
    return ("USE [billing]\nGO\nSET ANSI_NULLS ON\nGO\n" + rows).encode("utf-16")


def xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "people"
    for row in (NAMES, *ROWS):
        sheet.append(list(row))
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return packed.getvalue()


OTHER = b"Plan,Price\nbasic,10\n"

FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "people.csv": (csv, ""),
    "people.csv.gz": (lambda: gzip.compress(csv()), ""),
    "people.json": (lambda: json.dumps(records()).encode(), ""),
    "wrapped.json": (lambda: json.dumps({"data": records(), "count": 4}).encode(), ""),
    "people.ndjson": (lambda: b"".join(json.dumps(r).encode() + b"\n" for r in records()), ""),
    "people.xml": (xml, ""),
    "postgres.sql": (postgres, ""),
    "mysql.sql": (mysql, ""),
    "sqlserver.sql": (sqlserver, ""),
    "people.xlsx": (xlsx, ""),
    "one.zip": (lambda: zipped(people_csv=csv()), ""),
    "several.zip": (lambda: zipped(plans_csv=OTHER, people_csv=csv()), ", member: people.csv"),
    "by_table.zip": (lambda: zipped(plans_csv=OTHER, people_csv=csv()), ", table: people"),
}


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def migrated(house: House, files: str, more: str = "") -> dict[str, Any]:
    house.write("spec.yaml", SPEC.replace("{SOURCE}", f'{{files: "{files}"{more}}}'))
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    counts = ran.counts["customer"]
    assert (counts["read"], counts["inserted"], counts["quarantined"]) == (4, 3, 1)
    (record,) = house.quarantine()
    assert record["cells"] == records()[3]
    return {"digest": house.digest(), "entry": ran.entry}


def test_a_script_in_several_files_is_read_in_their_order(house: House) -> None:
    house.write(
        "1-schema.sql",
        'CREATE TABLE plans (code text);\nCREATE TABLE people ("No" text, "Name" text, '
        '"State" text, "Owed" text, "Note" text);\n',
    )
    for number, rows in (("2", ROWS[:1]), ("3", ROWS[1:])):
        listed = ",\n".join("(" + ", ".join(map(quoted, row)) + ")" for row in rows)
        house.write(f"{number}-people.sql", f"INSERT INTO people VALUES {listed};\n")
    house.write("4-plans.sql", "INSERT INTO plans VALUES ('basic');\n")
    found = migrated(house, "*.sql", ", table: people, sql: {dialect: postgresql}")
    assert [f["records"] for f in found["entry"].files if f["records"]] == [1, 3]


def test_records_of_several_files_may_lack_keys_that_others_have(house: House) -> None:
    first, *others = records()
    house.write("1.ndjson", json.dumps({**first, "Extra": "only here"}) + "\n")
    house.write("2.json", json.dumps(others))
    house.write("spec.yaml", SPEC.replace("{SOURCE}", '{files: ["1.ndjson", "2.json"]}'))
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok, ran.failure()
    (legacy, *_) = [row[1] for row in house.rows("customer", "account_number, legacy")]
    assert legacy == {"Note": ROWS[0][4], "Extra": "only here"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "wrapped.json",
            {"meta": [{"a": 1}], "result": {"people": records()}},
            ", json: {path: result.people}",
        ),
        ("by_key.json", {str(n): r for n, r in enumerate(records())}, ", json: {keyed: true}"),
    ],
)
def test_the_spec_may_say_where_json_holds_its_records(
    house: House, name: str, text: Any, said: str
) -> None:
    house.write(name, json.dumps(text))
    house.write("spec.yaml", SPEC.replace("{SOURCE}", f"{{files: {name}{said}}}"))
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok, ran.failure()
    assert ran.counts["customer"]["inserted"] == 3


def test_the_spec_may_say_which_xml_elements_are_records(house: House) -> None:
    other = b"<other><x>1</x></other><other><x>2</x></other></people>"
    (house.folder / "people.xml").write_bytes(xml().replace(b"</people>", other))
    migrated(house, "people.xml", ", xml: {record: person}")


@pytest.mark.slow
def test_a_workbook_in_an_archive_is_read_and_one_that_is_packed(house: House) -> None:
    (house.folder / "report.zip").write_bytes(zipped(people_xlsx=xlsx(), notes_txt=b"hello\n"))
    migrated(house, "report.zip", ', member: "*.xlsx"')
    (house.folder / "people.xlsx.gz").write_bytes(gzip.compress(xlsx()))
    house.write("spec.yaml", SPEC.replace("{SOURCE}", "{files: people.xlsx.gz}"))
    again = house.migrate(max_quarantined="50%")
    assert again.counts["customer"]["unchanged"] == 3


def test_names_that_stand_on_several_lines_of_a_csv_are_joined(house: House) -> None:
    rows = csv().split(b"\r\n", 1)[1]
    (house.folder / "people.csv").write_bytes(b"No,Na,Sta,O,No\r\n,me,te,wed,te\r\n" + rows)
    house.write(
        "spec.yaml",
        SPEC.replace("{SOURCE}", "{files: people.csv, csv: {header: [1, 2]}}")
        .replace("Name", "Na me")
        .replace("State", "Sta te")
        .replace("Owed", "O wed"),
    )
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok, ran.failure()
    assert ran.counts["customer"]["inserted"] == 3


EXPECTED_NOTES = [
    (row[0], {"Note": row[4]}) for row in ROWS[:3]
]  # What no field takes stands, whole, beside the fields.


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_same_records_come_over_from_every_format(house: House, name: str) -> None:
    content, more = FILES[name]
    (house.folder / name).write_bytes(content())
    migrated(house, name, more)
    assert house.rows("customer", "account_number, last_name, balance::text") == [
        ("007", "Ann O'Brien", "12.5000"),
        ("008", "Bö Łäb", "-3.1000"),
        ("009", "李小龍 🐉", "1000000.0100"),
    ]
    assert house.rows("customer", "account_number, legacy") == EXPECTED_NOTES


@pytest.mark.slow
def test_files_come_from_a_bucket_and_the_audit_reads_them_there_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = csv().split(b"\r\n")
    with s3_server(monkeypatch) as s3:
        s3.create_bucket(Bucket="exports")
        head = half[0]
        for number, lines in enumerate((half[1:2], half[2:])):
            body = b"\r\n".join([head, *lines])
            s3.put_object(Bucket="exports", Key=f"acme/people-{number}.csv", Body=body)
        found = migrated(house, "s3://exports/acme/people-*.csv")
    assert [f["path"] for f in found["entry"].files] == [
        "s3://exports/acme/people-0.csv",
        "s3://exports/acme/people-1.csv",
    ]


@pytest.mark.slow
def test_the_secret_of_a_shared_link_comes_from_the_environment_and_stays_out_of_the_ledger(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINK_SECRET", "geheim")
    with web_server({"/people.json": json.dumps(records()).encode()}) as address:
        found = migrated(house, f"{address}/people.json?X-Signature=${{LINK_SECRET}}")
    assert "geheim" not in str(found["entry"])
    assert [f["path"] for f in found["entry"].files] == [f"{address}/people.json?…"]


def test_members_of_an_archive_that_are_one_table_are_read_as_one(house: House) -> None:
    head, *rows = csv().split(b"\r\n")
    parts = {
        "a_csv": b"\r\n".join([head, rows[0]]),
        "b_csv": b"\r\n".join([head, *rows[1:]]),
    }
    (house.folder / "export.zip").write_bytes(zipped(**parts))
    found = migrated(house, "export.zip")
    assert [(f["records"]) for f in found["entry"].files] == [1, 4 - 1]
    assert all(
        f["path"].endswith(("/export.zip/a.csv", "/export.zip/b.csv")) for f in found["entry"].files
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "do not have the same columns"),
        (", member: customers.csv", "no member 'customers.csv'"),
        (", table: customers", "holds the table 'customers'"),
    ],
)
def test_an_archive_of_different_tables_asks_which_is_meant(
    house: House, more: str, told: str
) -> None:
    (house.folder / "export.zip").write_bytes(zipped(plans_csv=OTHER, people_csv=csv()))
    house.write("spec.yaml", SPEC.replace("{SOURCE}", f"{{files: export.zip{more}}}"))
    message, exit_code = house.migrate().failure()
    assert told in message
    assert exit_code == 2


def test_what_a_reader_found_worth_telling_stands_with_the_migration(house: House) -> None:
    script = postgres().replace(
        b"\n--\n-- PostgreSQL database dump complete",
        b"\nUPDATE public.people SET \"Owed\" = '0';\n\n--\n-- PostgreSQL database dump complete",
    )
    (house.folder / "people.sql").write_bytes(script)
    found = migrated(house, "people.sql")
    (notes,) = [f["notes"] for f in found["entry"].files]
    assert any("UPDATE" in note for note in notes), notes
