"""Dumps by others give the rows that their databases say they hold."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines_tests.corpora import corpus

Rows = list[tuple[str | None, ...]]


def read_all(path: Path) -> dict[str, tuple[list[str], Rows]]:
    """Table → columns and rows; no record of any may be unreadable."""
    found = {}
    with open_source(path) as reader:
        for table in reader.tables():
            rows: Rows = []
            for records in reader.batches(table, 500):
                assert records.rejects == ()
                rows += zip(*(c.to_pylist() for c in records.cells), strict=True)
            found[table] = (reader.columns(table), rows)
    return found


def expected(folder: str) -> dict[str, int]:
    lines = (corpus(folder) / "expected_counts.tsv").read_text().splitlines()
    return {name: int(count) for name, count in (line.split("\t") for line in lines) if int(count)}


def counts(found: dict[str, tuple[list[str], Rows]]) -> dict[str, int]:
    return {table: len(rows) for table, (_, rows) in found.items() if rows}


def folded(name: str) -> str:
    return name.replace("_", "").lower()


def same_day(cell: str | None) -> str | None:
    """``2021/1/2`` and ``2021-01-02 00:00:00`` as one."""
    if cell is None:
        return None
    date = cell.removesuffix(" 00:00:00").replace("/", "-").split("-")
    if len(date) == 3 and all(part.isdigit() for part in date) and len(date[0]) == 4:
        return f"{date[0]}-{int(date[1]):02}-{int(date[2]):02}"
    return cell


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["MySql", "PostgreSql", "Sqlite"])
def test_chinook_is_what_its_database_holds_cell_by_cell(dialect: str) -> None:
    folder = corpus("sql_chinook")
    found = {folded(t): v for t, v in read_all(folder / f"Chinook_{dialect}.sql").items()}
    database = sqlite3.connect(f"file:{folder / 'Chinook_Sqlite.sqlite'}?mode=ro", uri=True)
    tables = [r[0] for r in database.execute("select name from sqlite_master where type='table'")]
    assert {folded(t) for t in tables} - {"sqlitesequence"} == set(found)
    for table in expected("sql_chinook"):
        cursor = database.execute(f'select * from "{table}"')
        columns = [folded(c[0]) for c in cursor.description]
        held = [
            tuple(None if v is None else same_day(str(v)) for v in row) for row in cursor.fetchall()
        ]
        names, rows = found[folded(table)]
        assert [folded(n) for n in names] == columns
        assert sorted(map(repr, (tuple(same_day(c) for c in row) for row in rows))) == sorted(
            map(repr, held)
        )
    database.close()


@pytest.mark.parametrize("dialect", ["MySql", "PostgreSql", "Sqlite"])
def test_chinook_counts_and_total(dialect: str) -> None:
    found = read_all(corpus("sql_chinook") / f"Chinook_{dialect}.sql")
    assert {folded(t): n for t, n in counts(found).items()} == {
        folded(t): n for t, n in expected("sql_chinook").items()
    }
    columns, rows = next(v for t, v in found.items() if folded(t) == "invoice")
    at = [folded(c) for c in columns].index("total")
    assert sum(Decimal(row[at] or "") for row in rows) == Decimal("2328.60")


def test_netbox_is_104_tables_of_which_54_have_rows() -> None:
    found = read_all(next(corpus("sql_netbox").glob("*.sql")))
    assert counts(found) == expected("sql_netbox")
    assert (len(found), len(counts(found)), sum(counts(found).values())) == (104, 54, 5876)


def test_ispconfig_is_76_tables_and_309_rows() -> None:
    found = read_all(corpus("sql_ispconfig") / "ispconfig3.sql")
    assert counts(found) == expected("sql_ispconfig")
    assert (len(found), sum(counts(found).values())) == (76, 309)
    columns, rows = found["country"]
    names = [row[columns.index("printable_name")] for row in rows]
    assert "Cote D'Ivoire" in names


def test_instpubs_is_255_rows_in_11_tables() -> None:
    path = corpus("sql_mssql") / "instpubs.sql"
    found = read_all(path)
    assert counts(found) == {
        "roysched": 86, "employee": 43, "titleauthor": 25, "authors": 23, "sales": 21,
        "titles": 18, "jobs": 14, "pub_info": 8, "publishers": 8, "stores": 6, "discounts": 3,
    }  # fmt: skip
    columns, rows = found["authors"]
    assert [row[columns.index("au_lname")] for row in rows].count("O'Leary") == 1
    columns, rows = found["jobs"]
    assert columns[0] == "job_id"
    assert {row[0] for row in rows} == {None}
    assert any("job_id" in note for note in inspect(path)["notes"])
    columns, rows = found["pub_info"]
    assert str(rows[0][1]).startswith("0x474946383961")


def test_inspect_describes_a_dump() -> None:
    [table] = [
        t
        for t in inspect(corpus("sql_chinook") / "Chinook_MySql.sql")["tables"]
        if t["name"] == "Invoice"
    ]
    assert table["rows"] == 412
    types = {c["name"]: c["type"] for c in table["columns"]}
    assert (types["InvoiceId"], types["InvoiceDate"], types["Total"]) == (
        "integer", "date", "decimal",
    )  # fmt: skip
