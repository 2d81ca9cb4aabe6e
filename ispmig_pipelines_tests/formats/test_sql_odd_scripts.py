"""Scripts as they come: tools' own lines between statements, statements that nothing ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.formats.recognise import text_kind
from ispmig_pipelines.formats.sql.insert import Inserts
from ispmig_pipelines_tests.formats.sql_reading import opened, read, rows_of

TWO = "INSERT INTO c VALUES (1,'a');\nINSERT INTO c VALUES (2,'b');\n"
BOTH = [["1", "a"], ["2", "b"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "script.sql"


# ---------------------------------------------------------------- what is no statement


@pytest.mark.parametrize("block", [7, 4 << 20])
@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("mysql", "mysqldump: [Warning] Using a password can be insecure."),
        ("mysql", "mysqldump: [Warning] it's insecure"),
        ("postgresql", "pg_dump: warning: there are circular foreign keys"),
        ("db2", "!echo it's;"),
        ("db2", "!echo it's"),
        ("oracle", "!ls"),
        ("oracle", "42 rows created."),
    ],
)
def test_an_unknown_line_is_told_and_takes_no_row_with_it(
    path: Path, dialect: str, line: str, block: int
) -> None:
    reader = opened(path, f"{line}\n{TWO}", dialect=dialect, block=block)
    assert read(reader)[0] == BOTH
    assert "no SQL that is known" in " ".join(reader.detected.notes)
    assert "line 1" in " ".join(reader.detected.notes)


@pytest.mark.parametrize(
    "line",
    ["VARIABLE x NUMBER", "CLEAR SCREEN", "DESC c", "UNDEFINE x", "EXEC foo(1)", "SET LINES 200"],
)
def test_lines_of_sqlplus_end_with_their_line(path: Path, line: str) -> None:
    assert rows_of(path, f"{line}\n{TWO}", dialect="oracle") == BOTH


def test_what_sqlplus_spools(path: Path) -> None:
    content = (
        "SQL> INSERT INTO c VALUES (1,'a');\n\n1 row created.\n\n"
        "SQL> INSERT INTO c VALUES (2,'b');\n\n1 row created.\n\nSQL> EXIT\n"
    )
    assert text_kind(content) == "sql"
    assert rows_of(path, content, dialect="oracle") == BOTH


# ---------------------------------------------------------------- T-SQL


@pytest.mark.parametrize("block", [16, 4 << 20])
@pytest.mark.parametrize(
    "before",
    [
        "TRUNCATE TABLE c",
        "SET IDENTITY_INSERT c ON",
        "SET DATEFORMAT dmy",
        "DECLARE @a int = 5",
        "PRINT 'x'",
        "PRINT 'INSERT INTO c' /* INSERT INTO c */",
        "DROP TABLE IF EXISTS c CREATE TABLE c (id int, n varchar(3))",
        "ALTER TABLE c ADD FOREIGN KEY (a) REFERENCES b (a) ON DELETE CASCADE ON UPDATE CASCADE",
        "DELETE FROM c WHERE id IN (SELECT 1)",
    ],
)
def test_the_next_statement_ends_one_of_t_sql(path: Path, before: str, block: int) -> None:
    content = (
        f"{before} INSERT INTO c (id, n) VALUES (1,'a') INSERT INTO c (id, n) VALUES (2,'b')\n"
    )
    assert rows_of(path, content, dialect="sqlserver", block=block) == BOTH


def test_a_row_on_a_condition_is_none(path: Path) -> None:
    content = "DECLARE @a int IF @a = 1 INSERT INTO c (id, n) VALUES (3,'c')\nGO\n"
    reader = opened(path, content, dialect="sqlserver")
    assert reader.tables() == []
    assert "on a condition" in " ".join(reader.detected.notes)


@pytest.mark.parametrize("dialect", ["postgresql", "sqlserver", "db2"])
def test_comments_within_comments(path: Path, dialect: str) -> None:
    assert rows_of(path, "/* a /* b */ c */ " + TWO, dialect=dialect) == BOTH


# ---------------------------------------------------------------- PL/SQL


def test_inserts_of_a_block_are_rows(path: Path) -> None:
    content = (
        "BEGIN\n  INSERT INTO c VALUES (1,'a');\n  INSERT INTO c VALUES (2,'b');\n  COMMIT;\n"
        "END;\n/\nINSERT INTO c VALUES (3,'c');\n"
    )
    assert rows_of(path, content, dialect="oracle") == [*BOTH, ["3", "c"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_a_loop_of_a_block_inserts_is_not(path: Path, encoding: str) -> None:
    content = (
        "BEGIN INSERT INTO c VALUES (1,'a'); FOR i IN 1..2 LOOP INSERT INTO d VALUES (1); "
        "INSERT INTO c VALUES (9,'x'); END LOOP; INSERT INTO c VALUES (8,'x'); END;\n/\n"
        "INSERT INTO c VALUES (2,'b');\n"
    )
    reader = opened(path, content.encode(encoding), dialect="oracle")
    assert reader.tables() == ["c"]
    assert read(reader)[0] == BOTH
    assert "procedural" in " ".join(reader.detected.notes)


# ---------------------------------------------------------------- recognition


@pytest.mark.parametrize(
    "text",
    [
        "IF NOT EXISTS (SELECT 1 FROM c WHERE id = 1) INSERT INTO c (id,n) VALUES (1,'a')\nGO\n",
        "IF NOT EXISTS (SELECT 1\n FROM c)\nINSERT INTO c (id,n) VALUES (1,'a')\nGO\n",
        "BEGIN; INSERT INTO c VALUES (1,'a');",
        "SQL> INSERT INTO c VALUES (1,'a');\n",
    ],
)
def test_scripts_that_are_no_csv(text: str) -> None:
    assert text_kind(text) == "sql"


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize(
    ("dialect", "kind", "values", "cells"),
    [
        ("sqlserver", "varbinary(16)", ["0x41424344", "0x0A000001"], ["0x41424344", "0x0A000001"]),
        ("postgresql", "bytea", ["'\\xdead'", "'\\x4142'", "'AB'"], ["0xDEAD", *["0x4142"] * 2]),
        ("mysql", "varbinary(9)", ["'AB'", "0x4142", "_binary 'AB'", "''"], [*["0x4142"] * 3, ""]),
        ("mysql", "binary(3)", ["'AB'", "X'00'"], ["0x4142", "0x00"]),
        ("oracle", "raw(16)", ["'4142'", "HEXTORAW('00')"], ["0x4142", "0x00"]),
        ("sqlite", "blob", ["X'4142'", "'AB'", "X'FF'"], ["0x4142", "0x4142", "0xFF"]),
        ("sqlserver", "image", ["0x41"], ["0x41"]),
    ],
)
def test_a_column_of_a_binary_type_is_hex_whatever_its_bytes(
    path: Path, dialect: str, kind: str, values: list[str], cells: list[str]
) -> None:
    rows = "".join(f"INSERT INTO t VALUES ({value});\n" for value in values)
    found = rows_of(path, f"CREATE TABLE t (v {kind});\n{rows}", "t", dialect=dialect)
    assert found == [[cell] for cell in cells]


def test_bytea_of_copy_is_hex(path: Path) -> None:
    content = "CREATE TABLE t (v bytea);\nCOPY t (v) FROM stdin;\n\\\\x4142\nAB\n\\\\xff\n\\.\n"
    assert rows_of(path, content) == [["0x4142"], ["0x4142"], ["0xFF"]]


# ---------------------------------------------------------------- COPY


@pytest.mark.parametrize("block", [5, 4 << 20])
def test_a_backslash_before_a_line_feed_or_tab_makes_it_text(path: Path, block: int) -> None:
    """pg_dump before 7.4 wrote them so; COPY reads them still."""
    reader = opened(
        path,
        "CREATE TABLE t (a text, b text);\nCOPY t FROM stdin;\nx\\\ny\tz\n1\\\t\t2\\\\\n"
        "3\t\\\n\nq\n\\.\n",
        dialect="postgresql",
        block=block,
    )
    rows, rejects = read(reader)
    assert rows == [["x\ny", "z"], ["1\t", "2\\"], ["3", "\n"]]
    assert [(r.record, r.line, r.rule) for r in rejects] == [(4, 8, "record.ragged")]


# ---------------------------------------------------------------- depth


def test_what_is_nested_too_deeply_is_rejected(path: Path) -> None:
    deep = "CAST(" * 200 + "'x'" + " AS text)" * 200
    reader = opened(path, f"INSERT INTO t (v) VALUES ({deep}), ('y');\n", dialect="postgresql")
    rows, rejects = read(reader)
    assert rows == [["y"]]
    assert [r.rule for r in rejects] == ["record.expression"]


# ---------------------------------------------------------------- which value is for which column


CREATED = "CREATE TABLE c (id int, n text, z int);\n"


@pytest.mark.parametrize(
    ("dialect", "alter", "columns", "row"),
    [
        ("postgresql", "ALTER TABLE c DROP COLUMN id;", ["n", "z"], "'q', 7"),
        ("mysql", "ALTER TABLE c DROP id, RENAME COLUMN z TO y;", ["n", "y"], "'q', 7"),
        ("sqlserver", "ALTER TABLE c DROP COLUMN id, z\nGO\n", ["n"], "'q'"),
        ("oracle", "ALTER TABLE c DROP (id, z);", ["n"], "'q'"),
        ("mysql", "ALTER TABLE c CHANGE n m varchar(9) NOT NULL;", ["id", "m", "z"], "1, 'q', 7"),
        ("postgresql", "ALTER TABLE c DROP CONSTRAINT id;", ["id", "n", "z"], "1, 'q', 7"),
    ],
)
def test_columns_that_go_before_the_rows_come(
    path: Path, dialect: str, alter: str, columns: list[str], row: str
) -> None:
    reader = opened(path, f"{CREATED}{alter}\nINSERT INTO c VALUES ({row});\n", dialect=dialect)
    assert reader.columns("c") == columns
    assert read(reader)[0] == [[cell.strip(" '") for cell in row.split(",")]]
    assert reader.detected.questions == ()


@pytest.mark.parametrize(
    "alter", ["DROP COLUMN id", "ADD COLUMN y int", "MODIFY COLUMN z int FIRST", "DROP id"]
)
def test_columns_that_come_or_go_between_rows_are_asked_about(path: Path, alter: str) -> None:
    before = f"{CREATED}INSERT INTO c VALUES (1,'a',2);\nALTER TABLE c {alter};\n"
    reader = opened(path, before + "INSERT INTO c VALUES (3,'b',4);\n", dialect="mysql")
    assert "which value belongs" in " ".join(reader.detected.questions)
    # Nothing is in doubt where the rows name their columns, or where none follow.
    named = opened(path, before + "INSERT INTO c (n) VALUES ('b');\n", dialect="mysql")
    assert named.detected.questions == ()
    assert opened(path, before, dialect="mysql").detected.questions == ()


@pytest.mark.parametrize("first", [True, False])
def test_rows_without_a_list_have_the_columns_of_those_with_the_only_one(
    path: Path, first: bool
) -> None:
    both = ["INSERT INTO c (id, name) VALUES (1,'a');\n", "INSERT INTO c VALUES (2,'b');\n"]
    reader = opened(path, "".join(both if first else reversed(both)))
    assert reader.columns("c") == ["id", "name"]
    assert sorted(map(str, read(reader)[0])) == sorted(map(str, BOTH))
    assert reader.detected.questions == ()


@pytest.mark.parametrize(
    "other",
    [
        "INSERT INTO c (id, name, z) VALUES (1,'a',3);\n",
        "INSERT INTO c (id, name) VALUES (1,'a');\nINSERT INTO c (name, id) VALUES ('a',1);\n",
    ],
)
def test_rows_without_a_list_that_no_other_fits_are_asked_about(path: Path, other: str) -> None:
    reader = opened(path, other + "INSERT INTO c VALUES (2,'b');\n")
    assert "name their columns" in " ".join(reader.detected.questions)


def test_partitions_and_heirs_have_the_columns_of_their_parents(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE public.p (id int, n text) PARTITION BY LIST (id);\n"
        "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES IN (1);\n"
        "CREATE TABLE public.q (z int)\nINHERITS (public.p);\n"
        "INSERT INTO public.p1 VALUES (1,'a');\nINSERT INTO public.q VALUES (2,'b',3);\n",
        dialect="postgresql",
    )
    assert reader.tables() == ["public.p", "public.p1", "public.q"]
    assert reader.columns("public.p1") == ["id", "n"]
    assert read(reader, "public.p1") == ([["1", "a"]], [])
    assert reader.columns("public.q") == ["id", "n", "z"]
    assert read(reader, "public.q") == ([["2", "b", "3"]], [])


def test_no_pattern_is_made_for_a_table_of_one_statement(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    plain = Inserts._run

    def counted(self: Inserts, head: bytes) -> object:
        made.append(head)
        return plain(self, head)

    monkeypatch.setattr(Inserts, "_run", counted)
    content = "".join(f"INSERT INTO t{i} VALUES ({i});\n" for i in range(200))
    assert len(opened(path, content, dialect="mysql").tables()) == 200
    # The last may be followed by more of its own.
    assert len(made) <= 1


@pytest.mark.parametrize(
    ("dialect", "value"),
    [("db2", "'A' CONCAT 'B'"), ("sqlserver", "'A' + N'B'"), ("oracle", "'A' || 'B'")],
)
def test_literals_put_together_are_one(path: Path, dialect: str, value: str) -> None:
    assert rows_of(path, f"INSERT INTO t (v) VALUES ({value});\n", dialect=dialect) == [["AB"]]
