"""What is written as SQL is read back, in every dialect; what is cut off is never passed over."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines_tests.formats.sql_reading import opened, read

UTF8 = Encoding("utf-8")
CELLS = st.one_of(
    st.none(),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.lists(
        st.sampled_from(
            ["'", "''", "\\", '"', ";", "),(", ",", "(", ")", "\n", "\r\n", "\t", "--", "/*", "*/",
             "#", "$$", "`", "[", "GO", "\nGO\n", "\n/\n", "\\.", "\\N", "NULL", "INSERT INTO t ",
             "VALUES (", "é", "😀", " ", "\x1a", "E", "N", "q", "_binary", "0x41", "{", "|"]
        ),
        max_size=6,
    ).map("".join),
)  # fmt: skip
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS).map(list), min_size=1, max_size=12)
Row = list[str | None]


def _mysql(cell: str | None) -> str:
    if cell is None:
        return "NULL"
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"),
                           ('"', '\\"'), ("\x1a", "\\Z")):  # fmt: skip
        cell = cell.replace(plain, escaped)
    return f"'{cell}'"


def _standard(cell: str | None) -> str:
    return "NULL" if cell is None else "'" + cell.replace("'", "''") + "'"


def _rows(rows: list[Row], literal: Callable[[str | None], str], between: str = ",") -> str:
    return between.join("(" + ",".join(map(literal, row)) + ")" for row in rows)


def _copy(cell: str | None) -> str:
    if cell is None:
        return "\\N"
    for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        cell = cell.replace(plain, escaped)
    return cell


def mysqldump(rows: list[Row]) -> str:
    return (
        "-- MySQL dump 10.13\nCREATE TABLE `t` (`a` text, `b` text, `c` text) ENGINE=InnoDB;\n"
        f"LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES {_rows(rows, _mysql)};\n"
        "UNLOCK TABLES;\n-- Dump completed on 2024-01-01\n"
    )


def phpmyadmin(rows: list[Row]) -> str:
    def literal(cell: str | None) -> str:
        if cell is None:
            return "NULL"
        return "'" + "''".join(_mysql(part)[1:-1] for part in cell.split("'")) + "'"

    return (
        "-- phpMyAdmin SQL Dump\nSTART TRANSACTION;\n"
        f"INSERT INTO `t` (`a`, `b`, `c`) VALUES\n{_rows(rows, literal, f',{chr(10)}')};\nCOMMIT;\n"
    )


def pg_copy(rows: list[Row]) -> str:
    lines = "".join("\t".join(map(_copy, row)) + "\n" for row in rows)
    return (
        f"-- PostgreSQL database dump\n\nCOPY public.t (a, b, c) FROM stdin;\n{lines}\\.\n\n"
        "-- PostgreSQL database dump complete\n"
    )


def _each(rows: list[Row], head: str, end: str, national: str = "") -> str:
    def literal(cell: str | None) -> str:
        return "NULL" if cell is None else national + _standard(cell)

    return "".join(f"{head}{_rows([row], literal)}{end}" for row in rows)


def pg_inserts(rows: list[Row]) -> str:
    return (
        "-- PostgreSQL database dump\n\nSET standard_conforming_strings = on;\n"
        + _each(rows, "INSERT INTO public.t (a, b, c) VALUES ", ";\n")
        + "-- PostgreSQL database dump complete\n"
    )


def sqlite_dump(rows: list[Row]) -> str:
    return (
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a TEXT, b TEXT, c TEXT);\n"
        + _each(rows, "INSERT INTO t VALUES", ";\n")
        + "COMMIT;\n"
    )


def sqlserver(rows: list[Row]) -> str:
    return "CREATE TABLE [dbo].[t] (a int)\nGO\n" + _each(
        rows, "INSERT [dbo].[t] ([a], [b], [c]) VALUES ", "\nGO\n", "N"
    )


def oracle(rows: list[Row]) -> str:
    def literal(cell: str | None) -> str:
        if cell is None:
            return "NULL"
        return "'" + cell.replace("'", "'||chr(39)||'") + "'"

    return "SET DEFINE OFF;\nREM INSERTING into T\n" + "".join(
        f"Insert into T (A,B,C) values {_rows([row], literal)};\n" for row in rows
    )


def oracle_insert_all(rows: list[Row]) -> str:
    into = "".join(f"  INTO T (A, B, C) VALUES {_rows([row], _standard)}\n" for row in rows)
    return f"SET DEFINE OFF;\nINSERT ALL\n{into}SELECT * FROM dual;\n"


def pg_on_conflict(rows: list[Row]) -> str:
    return (
        "-- PostgreSQL database dump\n\nSET standard_conforming_strings = on;\n"
        + _each(rows, "INSERT INTO public.t VALUES ", " ON CONFLICT DO NOTHING;\n")
        + "-- PostgreSQL database dump complete\n"
    )


def db2(rows: list[Row]) -> str:
    return "-- db2look\nCONNECT TO X;\n" + _each(rows, 'INSERT INTO "T" VALUES ', ";\n")


WRITERS = [
    mysqldump, phpmyadmin, pg_copy, pg_inserts, pg_on_conflict, sqlite_dump, sqlserver, oracle,
    oracle_insert_all, db2,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITERS, ids=lambda w: w.__name__)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=TABLES, block=st.sampled_from([1, 7, 64, 1 << 20]), size=st.integers(1, 20))
def test_rows_come_back_as_they_were(
    write: Callable[[list[Row]], str], rows: list[Row], block: int, size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reader = opened(Path(folder) / "a.sql", write(rows), block=block, encoding=UTF8)
        found, rejects = read(reader, reader.tables()[0], size)
        assert rejects == []
        assert found == rows
        assert reader.detected.questions == ()


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITERS, ids=lambda w: w.__name__)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=TABLES, data=st.data())
def test_a_script_cut_anywhere_never_gives_other_rows(
    write: Callable[[list[Row]], str], rows: list[Row], data: st.DataObject
) -> None:
    """Cut between two statements a script may look whole; then its rows are the first ones. A
    dump that has a closing line is refused, or asked about, wherever it is cut."""
    whole = write(rows).encode()
    part = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with tempfile.TemporaryDirectory() as folder:
        try:
            reader = opened(Path(folder) / "a.sql", part, encoding=UTF8)
        except SourceError:
            return
        found: list[Row] = []
        if reader.tables():
            found, rejects = read(reader)
            assert rejects == []
        assert found == rows[: len(found)]
        if write in (mysqldump, phpmyadmin, pg_copy, pg_inserts, pg_on_conflict, sqlite_dump):
            opening = whole.index(b"\n") + 1
            whole_but_its_end = found == rows
            assert reader.detected.questions or whole_but_its_end or len(part) <= opening + 60


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(
            ["INSERT INTO t VALUES ", "(1,'a')", "(2,'b''c')", ",", ";", "\n", "'", "\\", "--x\n",
             "/* y */", "(", ")", "NULL", "NOW()", "`", '"', "$$", "[", "]", "GO\n", "1", "E'", "#",
             "CREATE TABLE t (a int, b text);", "COPY t (a,b) FROM stdin;\n", "\\.\n", "1\t2\n",
             "(3,CAST('x' AS text))", "DELIMITER ;;\n", ";;", "BEGIN", "END", "é", "\x00"]
        ),
        max_size=25,
    ).map("".join),
    st.sampled_from(["mysql", "postgresql", "sqlite", "sqlserver", "oracle", "generic"]),
    st.sampled_from([1, 5, 33]),
)  # fmt: skip
def test_any_text_is_read_the_same_in_whatever_pieces_it_comes(
    content: str, dialect: str, block: int
) -> None:
    outcomes = []
    for size in (1 << 20, block):
        with tempfile.TemporaryDirectory() as folder:
            try:
                reader = opened(
                    Path(folder) / "a.sql", content or " ", dialect=dialect, block=size,
                    encoding=UTF8,
                )  # fmt: skip
                outcomes.append({table: read(reader, table) for table in reader.tables()})
            except SourceError as error:
                outcomes.append(str(type(error)))
    assert outcomes[0] == outcomes[1]
