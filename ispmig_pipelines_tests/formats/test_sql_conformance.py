"""What a script says is what is read, one behaviour a test."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.sql.dialect import SqlOptions
from ispmig_pipelines_tests.formats.sql_reading import opened, read, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dump.sql"


# ---------------------------------------------------------------- MySQL and MariaDB


def test_a_dump_of_mysqldump(path: Path) -> None:
    reader = opened(
        path,
        "-- MySQL dump 10.13  Distrib 8.0.32, for Linux (x86_64)\n--\n"
        "/*!40101 SET NAMES utf8mb4 */;\nDROP TABLE IF EXISTS `c`;\n"
        "/*!40101 SET @saved_cs_client = @@character_set_client */;\n"
        "CREATE TABLE `c` (\n `id` int unsigned NOT NULL AUTO_INCREMENT COMMENT 'the key',\n"
        " `na``me` varchar(50) DEFAULT 'it''s, fine' COMMENT 'it\\'s; a (name)',\n"
        " `flag` bit(1) DEFAULT b'0',\n PRIMARY KEY (`id`),\n KEY `k` (`flag`)\n"
        ") ENGINE=InnoDB COMMENT='all of them';\n"
        "LOCK TABLES `c` WRITE;\n/*!40000 ALTER TABLE `c` DISABLE KEYS */;\n"
        "INSERT INTO `c` VALUES (1,'O\\'Brien; \\\"x\\\" \\\\ ''y''\\n\\tz',_binary '\\0'),"
        "(2,NULL,_binary '\x01'),(3,'',b'1');\n"
        "/*!40000 ALTER TABLE `c` ENABLE KEYS */;\nUNLOCK TABLES;\n-- Dump completed on 2023\n",
    )
    assert reader.detected.dialect == {"sql": "mysql", "backslash_escapes": "yes"}
    assert reader.detected.questions == ()
    assert reader.columns("c") == ["id", "na`me", "flag"]
    assert read(reader)[0] == [
        ["1", "O'Brien; \"x\" \\ 'y'\n\tz", "0"],
        ["2", None, "1"],
        ["3", "", "1"],
    ]
    table = reader.table_definition("c")
    assert table is not None
    assert table.comment == "all of them"
    assert [(c.name, c.type, c.comment, c.nullable, c.primary_key) for c in table.columns] == [
        ("id", "int unsigned", "the key", False, True),
        ("na`me", "varchar(50)", "it's; a (name)", True, False),
        ("flag", "bit(1)", "", True, False),
    ]


def test_executable_comments_are_sql_and_others_are_not(path: Path) -> None:
    assert rows_of(
        path,
        "/*!50705 CREATE TABLE `t` (`a` int) */;\n"
        "/*!40101 INSERT INTO `t` VALUES (1) */;\n/* INSERT INTO `t` VALUES (2); */\n"
        "INSERT /*!32312 IGNORE */ INTO `t` VALUES (3);\n# INSERT INTO `t` VALUES (4);\n"
        "-- INSERT INTO `t` VALUES (5);\n/*M!100100 INSERT INTO `t` VALUES (6) */;\n",
        dialect="mysql",
    ) == [["1"], ["3"], ["6"]]


def test_bodies_of_triggers_and_procedures_are_no_data(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE `t` (`a` int) ENGINE=InnoDB;\nINSERT INTO `t` VALUES (1);\nDELIMITER ;;\n"
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `x` BEFORE "
        "INSERT ON `t` FOR EACH ROW BEGIN INSERT INTO `t` VALUES (2); END */;;\nDELIMITER ;\n"
        "DELIMITER $$\nCREATE PROCEDURE p() BEGIN INSERT INTO `t` VALUES (3); END$$\n"
        "DELIMITER ;\nINSERT INTO `t` VALUES (4);\n"
        "CREATE TRIGGER y AFTER INSERT ON `t` FOR EACH ROW BEGIN IF 1 THEN INSERT INTO `t` "
        "VALUES (5); END IF; CASE WHEN 1 THEN SET @a=1; END CASE; INSERT INTO `t` VALUES (6); "
        "END;\nINSERT INTO `t` VALUES (7);\n",
    )
    assert read(reader)[0] == [["1"], ["4"], ["7"]]


def test_use_tells_tables_of_one_name_apart(path: Path) -> None:
    reader = opened(
        path,
        "CREATE DATABASE `a`; USE `a`;\nCREATE TABLE `t` (`x` int);\nINSERT INTO `t` VALUES (1);\n"
        "USE `b`;\nCREATE TABLE `t` (`x` int);\nINSERT INTO `t` VALUES (2);\n"
        "INSERT INTO `a`.`t` VALUES (3);\nINSERT INTO `other` VALUES (4);\n",
    )
    assert reader.tables() == ["a.t", "b.t", "other"]
    assert read(reader, "b.t")[0] == [["2"]]
    assert read(reader, "a.t")[0] == [["1"], ["3"]]


def test_forms_of_insert(path: Path) -> None:
    assert rows_of(
        path,
        "CREATE TABLE `t` (a int, b text);\nREPLACE INTO t VALUES (1, 'a');\n"
        "INSERT IGNORE INTO t (b, a) VALUES ('b', 2);\n"
        "INSERT INTO t VALUES (3, 'c') ON DUPLICATE KEY UPDATE b = VALUES(b);\n"
        "INSERT LOW_PRIORITY INTO t () VALUES (4, \"d\"\"e\\\"\");\n"
        "INSERT INTO t SET b = 'f', a = 5;\nINSERT INTO t VALUES (6,'g') AS new;\n"
        "insert into t values\n  (7, 'h'), -- it's a comment, with (parens)\n  (8, 'i') # don't\n"
        "  /* nor ' this */ , (9, 'j');\nINSERT INTO t SELECT 10, 'k' UNION ALL SELECT 11, 'l';\n",
        dialect="mysql",
    ) == [
        ["1", "a"], ["2", "b"], ["3", "c"], ["4", 'd"e"'], ["5", "f"], ["6", "g"], ["7", "h"],
        ["8", "i"], ["9", "j"], ["10", "k"], ["11", "l"],
    ]  # fmt: skip


def test_hex_and_bits_become_text_by_the_type_of_their_column(path: Path) -> None:
    assert rows_of(
        path,
        "CREATE TABLE `t` (a varchar(9), b blob, c varbinary(9), d int, e bit(8), f blob, "
        "g binary(4));\n"
        "INSERT INTO t VALUES (0x4869, 0x4869, 0x4869, 0x1F, b'00000101', 0x89504E47, 0x48690000),"
        "(X'4869', _binary 'Hi', 'Hi', 0b11, 5, _binary '\x01\\0', 'Hi\\0\\0');\n",
        dialect="mysql",
    ) == [
        ["Hi", "0x4869", "0x4869", "31", "5", "0x89504E47", "0x48690000"],
        ["Hi", "0x4869", "0x4869", "3", "5", "0x0100", "0x48690000"],
    ]


def test_raw_bytes_in_a_dump_are_hex_in_a_blob_and_rejected_in_text(path: Path) -> None:
    reader = opened(
        path,
        b"/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `t` (a int, b blob, c text);\n"
        b"INSERT INTO `t` VALUES (1,_binary '\x89PNG\\0\xff',''),(2,'ok','caf\xe9'),"
        b"(3,'','a\\0');",
    )
    rows, rejects = read(reader)
    assert rows == [["1", "0x89504E4700FF", ""]]
    assert [(r.record, r.rule) for r in rejects] == [
        (2, "record.encoding"), (3, "record.unreadable"),
    ]  # fmt: skip


def test_the_scripts_own_word_settles_its_encoding(path: Path) -> None:
    content = "/*!40101 SET NAMES latin1 */;\nINSERT INTO `t` VALUES ('Müller € ž');\n"
    reader = opened(path, content.encode("cp1252"))
    assert (reader.detected.encoding, reader.detected.questions) == ("cp1252", ())
    assert read(reader)[0] == [["Müller € ž"]]


# ---------------------------------------------------------------- PostgreSQL


def test_a_dump_of_pg_dump_with_copy(path: Path) -> None:
    reader = opened(
        path,
        "--\n-- PostgreSQL database dump\n--\n\\restrict abc\nSET client_encoding = 'UTF8';\n"
        "CREATE TABLE public.c (\n    id integer NOT NULL,\n"
        '    "Full Name" character varying(40),\n'
        "    data bytea,\n    at timestamp without time zone DEFAULT now()\n);\n"
        "COMMENT ON TABLE public.c IS 'customers';\n"
        "COMMENT ON COLUMN public.c.\"Full Name\" IS 'it''s whole';\n"
        'COPY public.c (id, "Full Name", data, at) FROM stdin;\n'
        "1\ta\\tb\\nc\\\\d\\r\t\\\\x4869\t\\N\n2\t\t\\\\xff\tx\n3\t\\\\N\t\\N\t\\x41\\101\n\\.\n\n"
        "COPY public.empty (a) FROM stdin;\n\\.\n--\n-- PostgreSQL database dump complete\n--\n",
    )
    assert reader.tables() == ["public.c", "public.empty"]
    assert read(reader)[0] == [
        ["1", "a\tb\nc\\d\r", "0x4869", None],
        ["2", "", "0xFF", "x"],
        ["3", "\\N", None, "AA"],
    ]
    table = reader.table_definition("public.c")
    assert table is not None
    assert table.comment == "customers"
    assert table.columns[1].comment == "it's whole"
    assert [c.type for c in table.columns] == [
        "integer", "character varying(40)", "bytea", "timestamp without time zone",
    ]  # fmt: skip
    assert read(reader, "public.empty") == ([], [])


def test_lines_of_copy_with_too_few_or_too_many_cells(path: Path) -> None:
    reader = opened(path, "COPY t (a, b) FROM stdin;\n1\t2\n3\n4\t5\t6\n\n7\t8\n\\.\n", block=7)
    rows, rejects = read(reader)
    assert rows == [["1", "2"], ["7", "8"]]
    assert [(r.record, r.line, r.rule, r.found, r.accepted, r.text) for r in rejects] == [
        (2, 3, "record.ragged", "1", "2", "3"),
        (3, 4, "record.ragged", "3", "2", "4\t5\t6"),
        (4, 5, "record.ragged", "1", "2", ""),
    ]


def test_what_postgresql_writes_as_literals(path: Path) -> None:
    assert rows_of(
        path,
        "SET standard_conforming_strings = on;\n"
        "CREATE FUNCTION f() RETURNS trigger AS $_$ BEGIN INSERT INTO t VALUES (0,'x'); END $_$ "
        "LANGUAGE plpgsql;\nDO $$ BEGIN INSERT INTO t VALUES (0,'x'); END $$;\n"
        "INSERT INTO t VALUES (1, 'a\\b''c'), (-2, E'a\\nb\\'c\\x41'), (+3, 'x'::text), "
        "(4, $$it's$$), (5, DATE '2019-01-02'), (6, true), (7, CAST('z' AS character varying(3))), "
        "(8, U&'d\\0061t\\+000061'), (9, B'0101'), (10, '{\"a\": [1, 2]}'::jsonb), "
        "(11, 'a' || 'b' || chr(39)), (1.5e3, ('p'));\n",
    ) == [
        ["1", "a\\b'c"], ["-2", "a\nb'cA"], ["3", "x"], ["4", "it's"], ["5", "2019-01-02"],
        ["6", "true"], ["7", "z"], ["8", "data"], ["9", "0101"], ["10", '{"a": [1, 2]}'],
        ["11", "ab'"], ["1.5e3", "p"],
    ]  # fmt: skip


def test_backslashes_escape_where_postgresql_was_told_so(path: Path) -> None:
    content = "SET standard_conforming_strings = off;\nINSERT INTO t VALUES ('a\\'b');\n"
    assert rows_of(path, content) == [["a'b"]]


# ---------------------------------------------------------------- SQLite


def test_a_dump_of_sqlite(path: Path) -> None:
    reader = opened(
        path,
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
        'CREATE TABLE IF NOT EXISTS "c" (id INTEGER PRIMARY KEY, [name] TEXT, b BLOB);\n'
        "INSERT INTO c VALUES(1,'a\\n''b;\nc',X'00ff');\nINSERT INTO c VALUES(2,NULL,X'4869');\n"
        "CREATE TRIGGER x AFTER INSERT ON c BEGIN INSERT INTO c VALUES(9,'no',NULL); END;\n"
        "INSERT INTO c VALUES(3,'',NULL);\nCOMMIT;\n",
    )
    assert reader.detected.dialect["sql"] == "sqlite"
    assert reader.columns("c") == ["id", "name", "b"]
    assert read(reader)[0] == [
        ["1", "a\\n'b;\nc", "0x00FF"], ["2", None, "0x4869"], ["3", "", None],
    ]  # fmt: skip


# ---------------------------------------------------------------- SQL Server


def test_a_script_of_sql_server(path: Path) -> None:
    reader = opened(
        path,
        "USE [shop]\nGO\nSET ANSI_NULLS ON\nGO\nCREATE TABLE [dbo].[Order Lines](\n"
        "\t[Id] [int] IDENTITY(1,1) NOT NULL,\n\t[Name] [nvarchar](50) NULL,\n"
        "\t[At] [datetime] NULL,\n\t[Price] [money] NULL\n) ON [PRIMARY]\nGO\n"
        "SET IDENTITY_INSERT [dbo].[Order Lines] ON \nGO\n"
        "INSERT [dbo].[Order Lines] ([Id], [Name], [At], [Price]) VALUES (1, N'O''Brien\nGO on\\', "
        "CAST(N'2019-01-02T03:04:05.000' AS DateTime), CAST(12.5000 AS Decimal(18, 4)))\nGO\n"
        "INSERT [dbo].[Order Lines] ([Id], [Name], [At], [Price]) VALUES (2, NULL, "
        "CAST(0x0000A3A4018B80D4 AS DateTime), $5.25)\nGO\n"
        "CREATE TRIGGER [dbo].[tr] ON [dbo].[Order Lines] AFTER INSERT AS\nBEGIN\n"
        "INSERT [dbo].[Order Lines] VALUES (N'no', NULL, 1);\nEND\nGO\n"
        "insert [Order Lines]\nvalues (N'w' + CHAR(13) + N'x',\n  CONVERT(datetime, "
        "'2020-01-01', 120), 7)\ninsert into [shop].[dbo].[Order Lines] values ('y', NULL, NULL)\n",
    )
    assert reader.detected.dialect["sql"] == "sqlserver"
    assert reader.tables() == ["dbo.Order Lines"]
    assert read(reader)[0] == [
        ["1", "O'Brien\nGO on\\", "2019-01-02 03:04:05", "12.5000"],
        ["2", None, "2014-09-12 23:59:59", "5.25"],
        [None, "w\rx", "2020-01-01", "7"],
        [None, "y", None, None],
    ]


# ---------------------------------------------------------------- Oracle, DB2


def test_a_script_of_oracle(path: Path) -> None:
    reader = opened(
        path,
        "REM INSERTING into BILLING.CUSTOMERS\nSET DEFINE OFF;\n"
        'CREATE TABLE "BILLING"."CUSTOMERS" ("ID" NUMBER(10,0) NOT NULL ENABLE, '
        '"NAME" VARCHAR2(50 BYTE), "SINCE" DATE, "NOTE" CLOB);\n'
        "COMMENT ON COLUMN BILLING.CUSTOMERS.NAME IS 'legal name';\n"
        "Insert into BILLING.CUSTOMERS (ID,NAME,SINCE,NOTE) values (1,'O'||chr(39)||'Brien',"
        "to_date('02-JAN-19','DD-MON-RR'),EMPTY_CLOB());\n"
        "Insert into BILLING.CUSTOMERS (ID,NAME,SINCE,NOTE) values (2,q'[it's; (fine)]',"
        "TO_DATE('2019-03-04 05:06:07','YYYY-MM-DD HH24:MI:SS'),TO_CLOB('a')||TO_CLOB('b'));\n"
        "INSERT ALL\n INTO customers (id, name) VALUES (3, 'c')\n"
        " INTO customers (id, name, since) VALUES (4, 'd', to_timestamp("
        "'01.02.03 04:05:06,789000000','DD.MM.RR HH24:MI:SSXFF'))\nSELECT * FROM dual;\n"
        "CREATE OR REPLACE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW\nDECLARE v NUMBER;\n"
        "BEGIN\n INSERT INTO customers (id) VALUES (99);\nEND;\n/\n"
        "INSERT INTO customers (id, name) SELECT 5, 'e' FROM dual UNION ALL SELECT 6, 'f' FROM "
        "dual;\nCOMMIT;\n",
    )
    assert reader.detected.dialect["sql"] == "oracle"
    assert reader.tables() == ["BILLING.CUSTOMERS"]
    assert reader.columns("BILLING.CUSTOMERS") == ["ID", "NAME", "SINCE", "NOTE"]
    assert read(reader)[0] == [
        ["1", "O'Brien", "2019-01-02", ""],
        ["2", "it's; (fine)", "2019-03-04 05:06:07", "ab"],
        ["3", "c", None, None],
        ["4", "d", "2003-02-01 04:05:06.789", None],
        ["5", "e", None, None],
        ["6", "f", None, None],
    ]
    table = reader.table_definition("BILLING.CUSTOMERS")
    assert table is not None
    assert (table.columns[1].type, table.columns[1].comment) == ("VARCHAR2(50 BYTE)", "legal name")


def test_a_script_of_db2_with_its_own_terminator(path: Path) -> None:
    reader = opened(
        path,
        "--#SET TERMINATOR @\nCONNECT TO SHOP@\n"
        'CREATE TABLE "SHOP"."C" ("ID" INTEGER NOT NULL GENERATED ALWAYS AS IDENTITY, '
        '"NAME" VARCHAR(20) FOR BIT DATA, "AT" TIMESTAMP) IN "USERSPACE1"@\n'
        "CREATE TRIGGER T AFTER INSERT ON C BEGIN ATOMIC INSERT INTO C VALUES (9, 'x', NULL); "
        "END@\n"
        "INSERT INTO SHOP.C (ID, NAME, AT) VALUES (1, 'a@b;c', TIMESTAMP '2019-01-01-00.00.00')@\n"
        "INSERT INTO SHOP.C (ID, NAME) VALUES (2, 'it''s')@\n",
    )
    assert reader.detected.dialect["sql"] == "db2"
    assert read(reader)[0] == [
        ["1", "0x6140623B63", "2019-01-01 00:00:00"],
        ["2", "0x69742773", None],
    ]


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "expression",
    ["NOW()", "DEFAULT", "(SELECT 1)", "1 + 2", "a", "CURRENT_TIMESTAMP", "@last", "x.y", "-'a'",
     "nextval('s')", "UUID()", "1 OR 1", "CAST(NOW() AS char)", "TO_DATE('x','YYYY')", "",
     "CHR(200)", "5-3", "1.2.3", "'a' 5", "NULL 5"],
)  # fmt: skip
def test_an_expression_is_reported_for_its_record(path: Path, expression: str) -> None:
    reader = opened(
        path,
        f"INSERT INTO t (a, b, c) VALUES (1,'x',2),\n(2,{expression},3),(3,NULL,4);\n",
        dialect="oracle",
    )
    rows, rejects = read(reader)
    assert rows == [["1", "x", "2"], ["3", None, "4"]]
    [reject] = rejects
    assert (reject.record, reject.line, reject.rule) == (2, 2, "record.expression")
    assert (reject.found, reject.text) == ("b", f"(2,{expression},3)")


def test_rows_with_too_few_or_too_many_values(path: Path) -> None:
    reader = opened(
        path, "INSERT INTO t (a, b) VALUES (1,2),(3),(4,5,6),\n('a,b','(c'),();\n", dialect="mysql"
    )
    rows, rejects = read(reader)
    assert rows == [["1", "2"], ["a,b", "(c"]]
    assert [(r.record, r.line, r.rule, r.found, r.accepted) for r in rejects] == [
        (2, 1, "record.ragged", "1", "2"),
        (3, 1, "record.ragged", "3", "2"),
        (5, 2, "record.ragged", "0", "2"),
    ]


def test_columns_are_named_by_the_rows_else_by_the_definition(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE t (a int, b int, c int);\nALTER TABLE t ADD COLUMN d int;\n"
        "INSERT INTO t (C, a) VALUES (1, 2);\nINSERT INTO u VALUES (1, 2);\n"
        "INSERT INTO v (x) VALUES (1);\nINSERT INTO v (y, x) VALUES (2, 3);\n"
        "CREATE TABLE w (a int, b int);\nINSERT INTO w (b) VALUES (1);\n"
        "INSERT INTO w VALUES (2, 3);",
    )
    assert reader.columns("t") == ["c", "a"]
    assert reader.columns("u") == ["column_1", "column_2"]
    assert read(reader, "v")[0] == [["1", None], ["3", "2"]]
    assert (reader.columns("w"), read(reader, "w")[0]) == (["a", "b"], [[None, "1"], ["2", "3"]])


def test_tables_in_turns_give_all_their_rows(path: Path) -> None:
    content = "".join(f"INSERT INTO {'ab'[i % 2]} VALUES ({i}, 'x;{i}');\n" for i in range(200))
    for block in (50, 1 << 20):
        reader = opened(path, content, block=block)
        for place, table in enumerate("ab"):
            rows, _ = read(reader, table, 7)
            assert [row[0] for row in rows] == [str(i) for i in range(place, 200, 2)]


def test_records_know_their_line_and_ordinal(path: Path) -> None:
    reader = opened(
        path, "INSERT INTO t VALUES\n(1,'a\nb'),\n(2,'c'), (3,NOW()),\n\n(4,'d');\n"
        "INSERT INTO t VALUES (5,'e');\n"
    )  # fmt: skip
    [records] = reader.batches("t")
    assert records.record.to_pylist() == [1, 2, 4, 5]
    assert records.line.to_pylist() == [2, 4, 6, 7]
    assert [(r.record, r.line) for r in records.rejects] == [(3, 4)]


def test_what_changes_data_afterwards_is_noted(path: Path) -> None:
    reader = opened(
        path,
        "UPDATE t SET a = 1;\nINSERT INTO t VALUES (1);\nUPDATE t SET a = 2 WHERE a = 1;\n"
        "DELETE FROM t;\nINSERT INTO u SELECT * FROM t;\nLOAD DATA INFILE '/etc/passwd' INTO t;\n",
    )
    notes = " ".join(reader.detected.notes)
    assert read(reader, "t")[0] == [["1"]]
    assert "1 UPDATE" in notes
    assert "1 DELETE" in notes
    assert "INSERT … SELECT" in notes
    assert "LOAD" in notes
    assert "line 3" in notes


def test_backslashes_without_evidence_are_asked_about(path: Path) -> None:
    content = "INSERT INTO t VALUES ('C:\\temp');\n"
    assert "backslash" in opened(path, content).detected.questions[0]
    with pytest.raises(SourceError, match="backslash"):
        open_source(path)
    assert open_source(path, sql=SqlOptions(dialect="mysql")).detected.questions == ()
    assert rows_of(path, content, dialect="mysql") == [["C:\temp"]]
    assert rows_of(path, content, dialect="sqlite") == [["C:\\temp"]]
    # Read the other way, these strings would not end where they must.
    assert rows_of(path, "INSERT INTO t VALUES ('it\\'s', 'x');\n") == [["it's", "x"]]
    assert rows_of(path, "INSERT INTO t VALUES ('C:\\', 'x');\n") == [["C:\\", "x"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("INSERT INTO t VALUES (1,'a'),(2,'b", "middle of an INSERT"),
        ("INSERT INTO t VALUES (1,'a'),(2", "middle of an INSERT"),
        ("INSERT INTO t VALUES (1,'a'),", "middle of an INSERT"),
        ("INSERT INTO t VALUES (1,'a');\nCREATE TABLE u (a int", "middle of a statement"),
        ("COPY t (a) FROM stdin;\n1\n2\n", "middle of the data of a COPY"),
        ("INSERT INTO t VALUES (1,'a'); /* and then", "middle of a comment"),
    ],
)
def test_half_a_statement_at_the_end_is_refused(path: Path, content: str, said: str) -> None:
    with pytest.raises(SourceError, match=f"{said}.*byte {len(content)}"):
        opened(path, content)


@pytest.mark.parametrize(
    "content",
    [
        "-- MySQL dump 10.13\nINSERT INTO `t` VALUES (1);\n",
        "-- PostgreSQL database dump\n\nINSERT INTO t VALUES (1);\n",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO t VALUES (1);\n",
        "LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES (1);\n",
        "INSERT [dbo].[t] VALUES (1)\nGO\nINSERT [dbo].[t] VALUES (1)\n",
    ],
)
def test_a_dump_without_its_end_is_asked_about(path: Path, content: str) -> None:
    assert "cut short" in opened(path, content).detected.questions[0]
    assert opened(path, content, complete=True).detected.questions == ()


def test_a_statement_broken_in_its_middle_is_refused_with_its_line(path: Path) -> None:
    with pytest.raises(SourceError, match=r"line 2.*byte"):
        opened(path, "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1) (2);\n")


def test_a_string_without_an_end_does_not_fill_the_memory(path: Path) -> None:
    content = "INSERT INTO t VALUES ('" + "x" * 5000 + "\n"
    with pytest.raises(SourceError, match="limit for one record"):
        opened(path, content, block=100, limits=ReadLimits(max_cell_bytes=1000))


def test_packed_and_transcoded_dumps(path: Path) -> None:
    content = "INSERT INTO a VALUES (1,'é');\nINSERT INTO b VALUES (2,'€');\n" * 3
    for raw in (
        gzip.compress(content.encode()),
        content.encode("utf-16"),
        b"\xef\xbb\xbf" + content.encode(),
    ):
        path.write_bytes(raw)
        with open_source(path) as reader:
            assert reader.tables() == ["a", "b"]
            assert read(reader, "b")[0] == [["2", "€"]] * 3
            assert reader.sha256()


def test_a_file_that_changes_is_refused(path: Path) -> None:
    reader = opened(path, "INSERT INTO t VALUES (1);\n")
    path.write_text("INSERT INTO t VALUES (1),(2);\n")
    with pytest.raises(SourceError, match="changed"):
        read(reader)


def test_a_table_that_is_not_there(path: Path) -> None:
    with pytest.raises(SourceError, match="has no table 'u'; it has t"):
        opened(path, "INSERT INTO t VALUES (1);\n").columns("u")


def test_nothing_a_script_names_is_opened(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("1\n")
    reader = opened(
        path,
        f"CREATE TABLE t (a text);\nINSERT INTO t VALUES (LOAD_FILE('{secret}'));\n"
        f"COPY t FROM '{secret}';\nCOPY t FROM PROGRAM 'touch {tmp_path}/made';\n"
        f"\\i {secret}\n\\! touch {tmp_path}/made\nINSERT INTO t VALUES ('x');\n",
        dialect="postgresql",
    )
    rows, rejects = read(reader)
    assert rows == [["x"]]
    assert [r.rule for r in rejects] == ["record.expression"]
    assert not (tmp_path / "made").exists()
    assert "not opened" in " ".join(reader.detected.notes)


@pytest.mark.parametrize(
    ("content", "dialect", "rows"),
    [
        ("insert c values (1,'a')\ninsert c values (2,'b')\n", "sqlserver", 2),
        ("REPLACE INTO c VALUES (1,'a');\n", "generic", 1),
        ("INSERT IGNORE INTO c VALUES (1,'a');\n", "mysql", 1),
        ("INSERT OR REPLACE INTO c VALUES (1,'a');\n", "sqlite", 1),
        ("Insert into C (A) values (1);\n", "generic", 1),
        ("INSERT ALL INTO c (x) VALUES (1) INTO c (x) VALUES (2) SELECT 1 FROM DUAL;", "oracle", 2),
        ("CONNECT TO X@\nINSERT INTO C VALUES (1,'a;')@\n", "db2", 1),
        ("DELIMITER $$\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN INSERT INTO c "
         "VALUES (1); END$$\nDELIMITER ;\nINSERT INTO c VALUES (2);\n", "mysql", 1),
        ("-- export\r\nINSERT INTO c VALUES\r\n(1),\r\n(2);\r\n", "generic", 2),
    ],
)  # fmt: skip
def test_scripts_are_known_by_their_content(
    path: Path, content: str, dialect: str, rows: int
) -> None:
    path.write_text(content, newline="")
    with open_source(path) as reader:
        assert (reader.detected.format, reader.detected.dialect["sql"]) == ("sql", dialect)
        [table] = reader.tables()
        assert sum(records.cells.num_rows for records in reader.batches(table)) == rows


def test_definitions_with_keys_checks_and_defaults(path: Path) -> None:
    reader = opened(
        path,
        "CREATE TABLE t (a int CHECK (a > 0), KEY date (date), b numeric(10,2) DEFAULT 0.00 NOT "
        "NULL, c enum('a,b','c)') DEFAULT 'a,b', CONSTRAINT x CHECK (b IN (1,2)), UNIQUE (a), "
        "gen int GENERATED ALWAYS AS (a*2) STORED, `key` varchar(3), date date, PRIMARY KEY (a));\n"
        "INSERT INTO t VALUES (1,2,'c)','k',NULL);\n",
    )
    table = reader.table_definition("t")
    assert table is not None
    assert [(c.name, c.type, c.default, c.nullable, c.primary_key) for c in table.columns] == [
        ("a", "int", "", False, True),
        ("b", "numeric(10,2)", "0.00", False, False),
        ("c", "enum('a,b','c)')", "'a,b'", True, False),
        ("gen", "int", "", True, False),
        ("key", "varchar(3)", "", True, False),
        ("date", "date", "", True, False),
    ]
    assert read(reader)[0] == [["1", "2", "c)", None, "k", None]]
