"""What each kind of statement means for the data: rows, columns that are left out, or a word
to the user. Nothing that changes data is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.encoding import Encoding, detect_encoding
from ispmig_pipelines.formats.sql.context import SqlContext
from ispmig_pipelines.formats.sql.reader import SqlReader
from ispmig_pipelines_tests.formats.sql_reading import opened, read, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dump.sql"


# ---------------------------------------------------------------- what is left to the database


def missing_of(reader: SqlReader, table: str, size: int = 50_000) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {name: [] for name in reader.columns(table)}
    for records in reader.batches(table, size):
        for name in found:
            where = records.missing.get(name)
            rows = records.cells.num_rows
            found[name] += [False] * rows if where is None else where.to_pylist()
            assert where is None or any(where.to_pylist())
    return {name: where for name, where in found.items() if any(where)}


@pytest.mark.parametrize("size", [1, 2, 3, 50_000])
def test_a_column_that_an_insert_leaves_out_is_missing_and_not_null(path: Path, size: int) -> None:
    reader = opened(
        path,
        "CREATE TABLE t (a int, b text DEFAULT 'x', c int);\nINSERT INTO t (a) VALUES (1),(2);\n"
        "INSERT INTO t (b, a) VALUES (NULL, 3), (NOW(), 4), (CONCAT('y', 'z'), 5);\n"
        "INSERT INTO t (a, b) SELECT 6, 'w';\n",
        dialect="mysql",
    )
    rows, rejects = read(reader, "t", size)
    assert rows == [["1", None], ["2", None], ["3", None], ["5", "yz"], ["6", "w"]]
    assert [reject.record for reject in rejects] == [4]
    assert missing_of(reader, "t", size) == {"b": [True, True, False, False, False]}


def test_default_in_a_generated_column_is_missing(path: Path) -> None:
    """pg_dump --inserts writes DEFAULT for columns that the database computes."""
    reader = opened(
        path,
        "CREATE TABLE public.t (\n a integer,\n b integer GENERATED ALWAYS AS ((a * 2)) STORED,\n"
        " c text\n);\nINSERT INTO public.t VALUES (1, DEFAULT, 'x');\n"
        "INSERT INTO public.t VALUES (2, DEFAULT, E'y\\n' /* odd */);\n"
        "INSERT INTO public.t VALUES (3, DEFAULT, DEFAULT);\n",
        dialect="postgresql",
    )
    rows, rejects = read(reader)
    assert rows == [["1", None, "x"], ["2", None, "y\n"]]
    assert [(reject.record, reject.found) for reject in rejects] == [(3, "c")]
    assert missing_of(reader, "public.t") == {"b": [True, True]}


def test_rows_without_the_generated_columns_fit_the_others(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE t (id INTEGER, g TEXT GENERATED ALWAYS AS (id || 'x'), n TEXT);\n"
        "INSERT INTO t VALUES(1,'a');\n",
        dialect="sqlite",
    )
    assert read(reader)[0] == [["1", None, "a"]]
    assert missing_of(reader, "t") == {"g": [True]}
    assert any("leave out g" in note for note in reader.detected.notes)


# ---------------------------------------------------------------- tables without rows


def test_a_table_that_is_only_defined_is_there_with_its_columns(path: Path) -> None:
    reader = opened(path, "CREATE TABLE t (a int, b text);\nCREATE TABLE u (c int);\n")
    assert reader.tables() == ["t", "u"]
    assert reader.columns("t") == ["a", "b"]
    assert read(reader, "t") == ([], [])


def test_views_and_the_tables_that_stand_in_for_them_are_no_tables(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1);\n"
        "/*!50001 CREATE TABLE `v` (`a` tinyint NOT NULL) ENGINE=MyISAM */;\n"
        "CREATE TABLE `w` (`a` int);\n"
        "/*!50001 DROP TABLE IF EXISTS `v`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n"
        "/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */\n"
        "/*!50001 VIEW `v` AS select 'INSERT INTO `t` VALUES (2);' AS `a` */;\n"
        "CREATE OR REPLACE VIEW `w` AS SELECT * FROM `t`;\n"
        "CREATE MATERIALIZED VIEW m AS SELECT 1;\n",
    )
    assert reader.tables() == ["t"]
    assert read(reader)[0] == [["1"]]


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("sqlserver", "CREATE PROCEDURE p AS\nBEGIN\n  INSERT INTO t VALUES (2)\nEND\nGO"),
        ("sqlserver", "ALTER PROC p AS\nINSERT INTO t VALUES (2)\nUPDATE t SET a = 3\nGO"),
        ("sqlserver", "CREATE OR ALTER TRIGGER x ON t AFTER INSERT AS\nINSERT t VALUES (2)\nGO"),
        ("postgresql", "CREATE RULE r AS ON INSERT TO u DO ALSO (INSERT INTO t VALUES (2); "
         "INSERT INTO t VALUES (3); );"),
        ("postgresql", "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO t "
         "VALUES (2); SELECT CASE WHEN true THEN 1 END; END;"),
        ("postgresql", "CREATE FUNCTION f() RETURNS int AS '\nINSERT INTO t VALUES (2);' "
         "LANGUAGE sql;"),
        ("mysql", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO INSERT INTO t VALUES (2);"),
        ("mysql", "DELIMITER //\nCREATE DEFINER=`a`@`%` PROCEDURE p()\nBEGIN\nINSERT INTO t "
         "VALUES (2);\nEND//\nDELIMITER ;"),
        ("oracle", "CREATE OR REPLACE PACKAGE BODY p AS\nPROCEDURE q IS\nBEGIN\nINSERT INTO t "
         "VALUES (2);\nEND;\nEND p;\n/"),
        ("oracle", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN\nINSERT INTO t VALUES "
         "(2);\nEND;\n/"),
        ("sqlite", "CREATE TRIGGER x AFTER INSERT ON t BEGIN\nINSERT INTO t VALUES (2);\n"
         "UPDATE t SET a = CASE WHEN 1 THEN 2 END;\nEND;"),
        ("db2", "CREATE TRIGGER x AFTER INSERT ON t\nBEGIN ATOMIC\nINSERT INTO t VALUES (2);\n"
         "END;"),
    ],
)  # fmt: skip
def test_statements_within_routines_are_no_data(path: Path, dialect: str, body: str) -> None:
    end = "\nGO\n" if dialect == "sqlserver" else ";\n"
    reader = opened(
        path,
        f"CREATE TABLE t (a int){end}INSERT INTO t VALUES (1){end}{body}\n"
        f"INSERT INTO t VALUES (4){end}",
        dialect=dialect,
    )
    assert read(reader)[0] == [["1"], ["4"]]
    assert reader.detected.notes[1:] == ()


@pytest.mark.parametrize("delimiter", ["//", "$$", ";;", "|", "||", "$", "@", "\\\\", "go"])
def test_whatever_ends_a_statement_may_stand_in_it_elsewhere(path: Path, delimiter: str) -> None:
    reader = opened(
        path,
        f"CREATE TABLE t (a int, b text);\nDELIMITER {delimiter}\nCREATE PROCEDURE p()\nBEGIN\n"
        f"/* c */ SET @x = 4 / 2 - 1; INSERT INTO t VALUES (1, '{delimiter}');\nEND {delimiter}\n"
        f"INSERT INTO t VALUES (2, '{delimiter}'), (3, 'x;'){delimiter}\nDELIMITER ;\n"
        "INSERT INTO t VALUES (4, '//');\n",
        dialect="mysql",
    )
    rows = [["2", delimiter.replace("\\\\", "\\")], ["3", "x;"], ["4", "//"]]
    assert read(reader)[0] == rows


def test_sqlites_own_tables_are_told_and_not_shown(path: Path) -> None:
    reader = opened(
        path,
        "BEGIN TRANSACTION;\nCREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT);\n"
        "INSERT INTO t VALUES(1);\nDELETE FROM sqlite_sequence;\n"
        "INSERT INTO sqlite_sequence VALUES('t',1);\nCOMMIT;\n",
    )
    assert reader.tables() == ["t"]
    assert any("sqlite_sequence" in note for note in reader.detected.notes)


def test_a_copy_without_a_list_of_columns(path: Path) -> None:
    content = "COPY t FROM stdin;\n1\ta\n2\n3\tc\n\\.\n"
    reader = opened(path, content)
    assert reader.columns("t") == ["column_1", "column_2"]
    rows, rejects = read(reader)
    assert rows == [["1", "a"], ["3", "c"]]
    assert [(reject.record, reject.rule) for reject in rejects] == [(2, "record.ragged")]
    reader = opened(path, "CREATE TABLE t ();\nCOPY t () FROM stdin;\n\nx\n\\.\n")
    rows, rejects = read(reader)
    assert [(reject.record, reject.text) for reject in rejects] == [(2, "x")]


# ---------------------------------------------------------------- what is told


@pytest.mark.parametrize(
    ("dialect", "statement", "said"),
    [
        ("mysql", "UPDATE t SET a = 2;", "UPDATE"),
        ("mysql", "DELETE FROM t WHERE a = 1;", "DELETE"),
        ("mysql", "TRUNCATE TABLE t;", "TRUNCATE"),
        ("mysql", "DROP TABLE t;", "DROP TABLE"),
        ("mysql", "RENAME TABLE t TO u;", "rename tables"),
        ("mysql", "ALTER TABLE t RENAME TO u;", "rename tables"),
        ("mysql", "ALTER TABLE t DROP COLUMN a;", "ALTER TABLE"),
        ("mysql", "ALTER TABLE t ADD COLUMN b int DEFAULT 5;", "ALTER TABLE"),
        ("mysql", "INSERT INTO t SELECT * FROM u;", "copy data"),
        ("mysql", "CREATE TABLE u AS SELECT * FROM t;", "copy data"),
        ("mysql", "CREATE TABLE u (b int) SELECT a FROM t;", "copy data"),
        ("mysql", "INSERT INTO t VALUES (2) ON DUPLICATE KEY UPDATE a = a + 1;", "ON DUPLICATE"),
        ("mysql", "LOAD DATA INFILE '/x.csv' INTO TABLE t;", "LOAD"),
        ("mysql", "SOURCE other.sql", "shell"),
        ("mysql", "\\. other.sql", "shell"),
        ("mysql", "CALL fill();", "procedures"),
        ("postgresql", "INSERT INTO t VALUES (2) ON CONFLICT (a) DO UPDATE SET a = 3;", "ON CONFL"),
        ("postgresql", "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x;", "condition or"),
        ("postgresql", "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x;", "condition or"),
        ("postgresql", "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE;", "MERGE"),
        ("postgresql", "DO $$ BEGIN DELETE FROM t; END $$;", "procedural"),
        ("postgresql", "SELECT a INTO u FROM t;", "copy data"),
        ("postgresql", "\\copy t FROM 'x.csv' CSV", "shell"),
        ("postgresql", "\\i other.sql", "shell"),
        ("postgresql", "COPY t FROM '/x.csv';", "COPY"),
        ("postgresql", "SELECT pg_catalog.lowrite(0, '\\x00');", "large objects"),
        ("sqlite", ".import x.csv t", "shell"),
        ("sqlite", ".read other.sql", "shell"),
        ("sqlserver", "UPDATE x SET a = 2 FROM t x", "UPDATE"),
        ("sqlserver", "IF EXISTS (SELECT 1 FROM t) INSERT t VALUES (2)", "condition"),
        ("sqlserver", "SELECT * INTO u FROM t", "copy data"),
        ("sqlserver", "BULK INSERT t FROM 'x.csv'", "BULK INSERT"),
        ("sqlserver", "EXEC dbo.fill_it", "procedures"),
        ("sqlserver", "EXEC sp_rename 't', 'u'", "rename"),
        ("sqlserver", "INSERT t EXEC dbo.rows", "not read"),
        ("sqlserver", ":r other.sql", "shell"),
        ("oracle", "BEGIN\n  fill(2);\nEND;\n/", "procedural"),
        ("oracle", "@other.sql", "shell"),
        ("oracle", "@@other", "shell"),
        ("oracle", "START other.sql", "shell"),
        ("oracle", "MERGE INTO t USING dual ON (1=1) WHEN MATCHED THEN UPDATE SET a=2;", "MERGE"),
        ("db2", "IMPORT FROM x.del OF DEL INSERT INTO t;", "LOAD"),
    ],
)
def test_what_changes_data_is_told(path: Path, dialect: str, statement: str, said: str) -> None:
    end = "\nGO\n" if dialect == "sqlserver" else ";\n"
    before = f"CREATE TABLE t (a int){end}INSERT INTO t VALUES (1){end}"
    plain = opened(path, f"{before}SET x = 1{end}", dialect=dialect, complete=True)
    assert plain.detected.notes[1:] == ()
    reader = opened(path, f"{before}{statement}\n", dialect=dialect, complete=True)
    notes = [note for note in reader.detected.notes if said in note]
    assert len(notes) == 1
    assert read(reader, "t")[0][0] == ["1"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM t;", "UPDATE u SET b = 1;", "TRUNCATE t;", "DROP TABLE IF EXISTS t;",
        "SELECT * FROM t FOR UPDATE;", "GRANT SELECT, INSERT, UPDATE ON t TO x;",
        "CREATE INDEX i ON t (a);", "SET @a = 'DELETE FROM t';", "SELECT 'UPDATE t' INTO @x;",
        "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW BEGIN DELETE FROM t; END;",
        "-- DELETE FROM t;\n", "/* DELETE FROM t; */",
    ],
)  # fmt: skip
def test_what_changes_nothing_is_not(path: Path, statement: str) -> None:
    reader = opened(
        path, f"CREATE TABLE u (b int);\n{statement}\nCREATE TABLE t (a int);\n"
        "INSERT INTO t VALUES (1);\n", dialect="mysql",
    )  # fmt: skip
    assert reader.detected.notes[1:] == ()


def test_rows_that_are_added_unless_they_are_there_are_rows(path: Path) -> None:
    assert rows_of(
        path,
        "IF NOT EXISTS (SELECT 1 FROM t WHERE a = ')') INSERT INTO t (a) VALUES (1)\n"
        "IF NOT EXISTS (SELECT 1 FROM t WHERE a = (2))\nBEGIN\n  INSERT INTO t (a) VALUES (2)\n"
        "END\nGO\nINSERT INTO t (a) OUTPUT inserted.a VALUES (3)\nGO\n",
        dialect="sqlserver",
    ) == [["1"], ["2"], ["3"]]  # fmt: skip


def test_lines_that_end_statements_where_no_semicolon_does(path: Path) -> None:
    head = "INSERT INTO [c] ([a], [b]) VALUES "
    content = f"{head}(1, 'x')\n{head}(2, 'y')\n"
    reader = opened(path, content)
    assert read(reader)[0] == [["1", "x"], ["2", "y"]]
    with pytest.raises(SourceError, match="middle of an INSERT"):
        opened(path, f"{content}{head}(3, 'z")


@pytest.mark.parametrize("dialect", ["mysql", "sqlite", "sqlserver", "generic"])
def test_values_in_double_quotes_are_strings(path: Path, dialect: str) -> None:
    content = 'INSERT INTO t (a, b) VALUES ("x \'y\' ""z""; (", 1), (\'\', "");\n'
    assert rows_of(path, content, dialect=dialect) == [["x 'y' \"z\"; (", "1"], ["", ""]]


def test_a_missing_last_semicolon_is_told_unless_the_spec_says_that_the_script_is_whole(
    path: Path,
) -> None:
    content = "INSERT INTO t VALUES (0);\nINSERT INTO t VALUES (1),(2)"
    reader = opened(path, content, dialect="mysql")
    assert read(reader)[0] == [["0"], ["1"], ["2"]]
    assert reader.detected.questions == ()
    assert "without the delimiter" in " ".join(reader.detected.notes)
    assert "without the delimiter" not in " ".join(
        opened(path, content, dialect="mysql", complete=True).detected.notes
    )
    assert rows_of(path, content, dialect="mysql", complete=True) == [["0"], ["1"], ["2"]]
    with pytest.raises(SourceError, match="middle of an INSERT"):
        opened(path, content + ",(3", dialect="mysql", complete=True)


# ---------------------------------------------------------------- names


def test_databases_of_pg_dumpall_are_told_apart(path: Path) -> None:
    reader = opened(
        path,
        "\\connect one\nCREATE TABLE public.t (a int);\nCOPY public.t (a) FROM stdin;\n1\n\\.\n"
        "CREATE TABLE public.u (a int);\n\\connect two\nCREATE TABLE public.t (a int);\n"
        "COPY public.t (a) FROM stdin;\n2\n\\.\n",
    )
    assert reader.tables() == ["one.public.t", "public.u", "two.public.t"]
    assert read(reader, "two.public.t")[0] == [["2"]]


def test_the_search_path_of_old_dumps_names_the_schema(path: Path) -> None:
    reader = opened(
        path,
        "SET search_path = a, pg_catalog;\nCREATE TABLE t (x int);\n"
        "COPY t (x) FROM stdin;\n1\n\\.\n"
        "SET search_path = b, pg_catalog;\nCREATE TABLE t (x int);\n"
        "COPY t (x) FROM stdin;\n2\n\\.\n"
        "INSERT INTO a.t VALUES (3);\n",
    )
    assert reader.tables() == ["a.t", "b.t"]
    assert read(reader, "a.t")[0] == [["1"], ["3"]]


def test_sql_servers_databases_and_schemas(path: Path) -> None:
    reader = opened(
        path,
        "USE [a]\nGO\nCREATE TABLE [dbo].[t] ([x] [int])\nGO\nINSERT [dbo].[t] VALUES (1)\nGO\n"
        "USE [b]\nGO\nCREATE TABLE [dbo].[t] ([x] [int])\nCREATE TABLE [old].[t] ([x] [int])\n"
        "INSERT t VALUES (2)\nINSERT a..t VALUES (3)\nINSERT old.t VALUES (4)\nGO\n",
    )
    assert {table: read(reader, table)[0] for table in reader.tables()} == {
        "a.dbo.t": [["1"], ["3"]],
        "b.dbo.t": [["2"]],
        "old.t": [["4"]],
    }


def test_names_that_differ_in_case_are_two_where_both_are_defined(path: Path) -> None:
    content = (
        'CREATE TABLE "Users" ("Id" int, id int);\nCREATE TABLE users (id int);\n'
        'INSERT INTO "Users" ("Id", id) VALUES (1, 2);\nINSERT INTO USERS VALUES (3);\n'
    )
    reader = opened(path, content, dialect="postgresql")
    assert reader.tables() == ["Users", "users"]
    assert reader.columns("Users") == ["Id", "id"]
    assert read(reader, "Users")[0] == [["1", "2"]]
    assert read(reader, "users")[0] == [["3"]]
    once = "CREATE TABLE Users (Id int);\nINSERT INTO users (ID) VALUES (1);\n"
    reader = opened(path, once, dialect="mysql")
    assert (reader.tables(), reader.columns("Users")) == (["Users"], ["Id"])
    assert read(reader)[0] == [["1"]]


@pytest.mark.parametrize(
    ("top", "dialect"),
    [
        ("/*\n Navicat Data Transfer\n\n Source Server Type    : PostgreSQL\n*/\n", "postgresql"),
        ("/*\n Source Server Type    : SQL Server\n*/\n", "sqlserver"),
        ("/*\n Source Server Type    : Oracle\n*/\n", "oracle"),
        ("/*\n Source Server Type    : MariaDB\n*/\n", "mysql"),
        ("-- Adminer 4.8.1 PostgreSQL 13.2 dump\n", "postgresql"),
        ("-- Adminer 4.8.1 SQLite 3.34 dump\n", "sqlite"),
    ],
)  # fmt: skip
def test_tools_say_whose_the_script_is(path: Path, top: str, dialect: str) -> None:
    content = top + "INSERT INTO \"t\" VALUES ('a\\b');\n"
    assert opened(path, content).dialect.name == dialect


# ---------------------------------------------------------------- several scripts in order


def script(path: Path, content: str, after: SqlContext | None = None) -> SqlReader:
    raw = content.encode()
    path.write_bytes(raw)
    return SqlReader(path, raw, detect_encoding([raw], whole=True), after=after)


def test_definitions_in_one_script_and_rows_in_the_next(tmp_path: Path) -> None:
    first = script(
        tmp_path / "schema.sql",
        "CREATE DATABASE shop;\nUSE shop;\nCREATE TABLE `t` (`Id` int, `flag` bit(1), `b` "
        "binary(4)) ENGINE=InnoDB;\nCREATE TABLE `u` (`x` int);\n",
    )
    second = script(
        tmp_path / "data.sql",
        "INSERT INTO t VALUES (1,'\\0','a\\'b\\0');\n"
        "INSERT INTO shop.t (flag, id) VALUES (b'1',2);\n",
        first.context,
    )
    assert second.dialect.name == "mysql"
    assert second.tables() == ["t"]
    assert second.columns("t") == ["Id", "flag", "b"]
    assert read(second)[0] == [["1", "0", "0x61276200"], ["2", "1", None]]
    definition = second.table_definition("t")
    assert definition is not None
    assert [c.type for c in definition.columns] == ["int", "bit(1)", "binary(4)"]
    third = script(tmp_path / "more.sql", "INSERT INTO u VALUES (5);\n", second.context)
    assert (third.columns("u"), read(third)[0]) == (["x"], [["5"]])


def test_what_a_script_defines_itself_goes_before_what_an_earlier_one_did(tmp_path: Path) -> None:
    first = script(tmp_path / "a.sql", "CREATE TABLE `t` (`a` int) ENGINE=InnoDB;\n")
    second = script(
        tmp_path / "b.sql",
        "CREATE TABLE `t` (`b` int) ENGINE=InnoDB;\nINSERT INTO `t` VALUES (1);\n",
        first.context,
    )
    assert second.columns("t") == ["b"]


def test_the_same_script_after_another_is_read_anew(tmp_path: Path) -> None:
    first = script(tmp_path / "a.sql", "CREATE TABLE t (a int);\n")
    data = "INSERT INTO t VALUES (1);\n"
    assert script(tmp_path / "b.sql", data).columns("t") == ["column_1"]
    assert script(tmp_path / "b.sql", data, first.context).columns("t") == ["a"]


# ---------------------------------------------------------------- keys, comments, types


def test_keys_and_comments_that_stand_apart(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE [dbo].[t]([Id] [int] NOT NULL, [Name] [nvarchar](50) NULL)\nGO\n"
        "INSERT [dbo].[t] VALUES (1, N'x')\nGO\n"
        "ALTER TABLE [dbo].[t] ADD CONSTRAINT [pk] PRIMARY KEY CLUSTERED ([Id] ASC)\nGO\n"
        "EXEC sys.sp_addextendedproperty @name=N'MS_Description', @value=N'it''s whole' , "
        "@level0type=N'SCHEMA',@level0name=N'dbo', @level1type=N'TABLE',@level1name=N't', "
        "@level2type=N'COLUMN',@level2name=N'Name'\nGO\n",
    )
    table = reader.table_definition("dbo.t")
    assert table is not None
    assert [(c.name, c.primary_key, c.comment) for c in table.columns] == [
        ("Id", True, ""), ("Name", False, "it's whole"),
    ]  # fmt: skip
    assert reader.detected.notes[1:] == ()


# ---------------------------------------------------------------- encodings


def test_raw_bytes_are_the_same_in_whatever_the_rest_is_written(path: Path) -> None:
    """Binary data stand raw in a dump; read as letters of its encoding they are had back."""
    data = bytes(b for b in range(256) if b not in (0, 39, 92))
    content = (
        b"/*!40101 SET NAMES %s */;\nCREATE TABLE `t` (`a` text, `b` blob, `c` binary(4), "
        b"`d` bit(16));\nINSERT INTO `t` VALUES ('%s',_binary '\\0%s','\\0\x81\xff~','\x81\xfe');\n"
    )
    expected = [["Müller", "0x00" + data.hex().upper(), "0x0081FF7E", "33278"]]
    latin = content % (b"latin1", "Müller".encode("cp1252"), data)
    assert rows_of(path, latin) == expected
    utf8 = content % (b"utf8mb4", "Müller".encode(), data)
    reader = opened(path, utf8)
    assert reader.detected.questions == ()
    assert read(reader)[0] == expected


def test_binary_data_are_no_evidence_of_an_encoding(path: Path) -> None:
    rows = b",".join(
        b"(%d,'%s','\\0%s')" % (i, "Zoë Ñandú".encode(), bytes(range(128, 200))) for i in range(50)
    )
    content = (
        b"CREATE TABLE `t` (`a` int, `b` text, `c` blob);\nINSERT INTO `t` VALUES %s;\n" % rows
    )
    reader = opened(path, content)
    assert (reader.detected.encoding, reader.detected.questions) == ("utf-8", ())
    found, rejects = read(reader)
    assert rejects == []
    assert found[0][1] == "Zoë Ñandú"


def test_an_encoding_that_the_spec_names_stands(path: Path) -> None:
    content = "/*!40101 SET NAMES utf8 */;\nINSERT INTO t VALUES ('é');\n".encode("cp1252")
    assert rows_of(path, content, encoding=Encoding("cp1252")) == [["é"]]
