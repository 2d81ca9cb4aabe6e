"""The same data, written as the tools of each database write it, give the same records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ispmig_pipelines.formats import open_source
from ispmig_pipelines_tests.formats.sql_reading import read

COLUMNS = ["id", "name", "note", "amount", "since", "data"]

RECORDS = [
    ["1", "O'Brien; \"x\" \\ y", "line1\nline2\r\n\ttab -- no /* no */ # no", "-12.50",
     "2019-01-02 03:04:05", "0x00FF10"],
    ["2", None, "", "0.00", None, None],
    ["3", "", "),(''", "99999.99", "2020-02-29 23:59:59.123", "0x4869"],
    ["4", "😀 日本 ñ", "\nGO\n/\n\\.\n$$ ; {fn now()} 'q'", "1.00", "1970-01-01 00:00:00", None],
    ["5", "NULL", "a" * 70_000 + "'", "-0.01", None, "0x89504E470D0A1A0A"],
]  # fmt: skip
Row = list[str | None]


def raw(cell: str | None) -> bytes | None:
    if cell is None:
        return None
    return bytes.fromhex(cell[2:]) if cell.startswith("0x") else cell.encode()


def escaped(text: str, marks: dict[str, str]) -> str:
    return "".join(marks.get(character, character) for character in text)


MYSQL_MARKS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r"}


def mysql_text(cell: str | None) -> str:
    return "NULL" if cell is None else f"'{escaped(cell, MYSQL_MARKS)}'"


def phpmyadmin_text(cell: str | None) -> str:
    return "NULL" if cell is None else f"'{escaped(cell, MYSQL_MARKS | {chr(39): chr(39) * 2})}'"


def standard_text(cell: str | None, prefix: str = "") -> str:
    return "NULL" if cell is None else prefix + "'" + cell.replace("'", "''") + "'"


def number(cell: str | None) -> str:
    return "NULL" if cell is None else cell


def hexed(cell: str | None, before: str, after: str = "") -> str:
    content = raw(cell)
    return "NULL" if content is None else before + content.hex() + after


MYSQL_TABLE = (
    "CREATE TABLE `customer` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n"
    "  `name` varchar(200) DEFAULT NULL COMMENT 'it\\'s; (a) \"name\"',\n  `note` longtext,\n"
    "  `amount` decimal(12,2) DEFAULT '0.00',\n  `since` datetime(3) DEFAULT NULL,\n"
    "  `data` blob,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
)


def mysqldump(hex_blob: bool) -> bytes:
    rows = []
    for id_, name, note, amount, since, data in RECORDS:
        content = raw(data)
        written = b"NULL" if content is None else b"_binary '" + (
            content.replace(b"\\", b"\\\\").replace(b"\0", b"\\0").replace(b"\n", b"\\n")
            .replace(b"\r", b"\\r").replace(b"\x1a", b"\\Z").replace(b"'", b"\\'")
        ) + b"'"  # fmt: skip
        if hex_blob:
            written = hexed(data, "0x").encode()
        cells = [number(id_), mysql_text(name), mysql_text(note), number(amount), mysql_text(since)]
        rows.append(("(" + ",".join(cells) + ",").encode() + written + b")")
    return (
        "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n"
        "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n"
        "/*!50503 SET NAMES utf8mb4 */;\nDROP TABLE IF EXISTS `customer`;\n" + MYSQL_TABLE
        + "LOCK TABLES `customer` WRITE;\n/*!40000 ALTER TABLE `customer` DISABLE KEYS */;\n"
    ).encode() + b"INSERT INTO `customer` VALUES " + b",".join(rows) + (
        b";\n/*!40000 ALTER TABLE `customer` ENABLE KEYS */;\nUNLOCK TABLES;\n"
        b"DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER `t` BEFORE "
        b"INSERT ON `customer` FOR EACH ROW BEGIN INSERT INTO `customer` (id) VALUES (9); END */;;"
        b"\n"
        b"DELIMITER ;\n/*!50001 CREATE VIEW `v` AS SELECT 1 AS `a` */;\n"
        b"-- Dump completed on 2024-01-01  0:00:00\n"
    )  # fmt: skip


def mysql_rows(between: str, text=mysql_text) -> str:  # type: ignore[no-untyped-def]
    return between.join(
        f"({number(i)}, {text(n)}, {text(t)}, {text(a)}, {text(s)}, {hexed(d, '0x')})"
        for i, n, t, a, s, d in RECORDS
    )


MYSQL_LIST = "(`id`, `name`, `note`, `amount`, `since`, `data`)"


def phpmyadmin() -> bytes:
    return (
        "-- phpMyAdmin SQL Dump\n-- version 5.2.1\n-- https://www.phpmyadmin.net/\n\n"
        'SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";\nSTART TRANSACTION;\nSET time_zone = "+00:00";\n'
        "/*!40101 SET NAMES utf8mb4 */;\n"
        + MYSQL_TABLE.replace(",\n  PRIMARY KEY (`id`)", "")
        + f"\n--\n-- Dumping data for table `customer`\n--\n\nINSERT INTO `customer` {MYSQL_LIST} "
        f"VALUES\n{mysql_rows(f',{chr(10)}', phpmyadmin_text)};\n\n-- Stand-in structure\n"
        "CREATE TABLE `v` (\n`a` int(1)\n);\nALTER TABLE `customer`\n  ADD PRIMARY KEY (`id`),\n"
        "  ADD KEY `k` (`name`);\nALTER TABLE `customer`\n  MODIFY `id` int(11) NOT NULL "
        "AUTO_INCREMENT, AUTO_INCREMENT=6;\nDROP TABLE IF EXISTS `v`;\n\n"
        "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW `v`  AS SELECT 1 ;\n"
        "COMMIT;\n"
    ).encode()


def heidisql() -> bytes:
    return (
        "-- --------------------------------------------------------\n-- Host: 127.0.0.1\n"
        "-- HeidiSQL Version: 12.1.0.6537\n\n/*!40101 SET NAMES utf8 */;\n"
        "/*!50503 SET NAMES utf8mb4 */;\nCREATE DATABASE IF NOT EXISTS `shop`;\nUSE `shop`;\n"
        + MYSQL_TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
        + "-- Dumping data for table shop.customer: ~5 rows (approximately)\n"
        "/*!40000 ALTER TABLE `customer` DISABLE KEYS */;\n"
        f"INSERT INTO `customer` {MYSQL_LIST} VALUES\n\t{mysql_rows(f',{chr(10)}{chr(9)}')};\n"
        "/*!40000 ALTER TABLE `customer` ENABLE KEYS */;\n"
    ).encode()


def navicat() -> bytes:
    inserts = "".join(
        f"INSERT INTO `customer` VALUES ({number(i)}, {mysql_text(n)}, {mysql_text(t)}, "
        f"{number(a)}, {mysql_text(s)}, {hexed(d, '0x')});\n"
        for i, n, t, a, s, d in RECORDS
    )
    return (
        "/*\n Navicat Premium Data Transfer\n\n Source Server Type    : MySQL\n"
        " File Encoding         : 65001\n*/\n\nSET NAMES utf8mb4;\nSET FOREIGN_KEY_CHECKS = 0;\n\n"
        f"{MYSQL_TABLE}\nBEGIN;\n{inserts}COMMIT;\n\nSET FOREIGN_KEY_CHECKS = 1;\n"
    ).encode()


def adminer() -> bytes:
    return (
        "-- Adminer 4.8.1 MySQL 8.0.36 dump\n\nSET NAMES utf8;\nSET time_zone = '+00:00';\n\n"
        f"{MYSQL_TABLE}\nINSERT INTO `customer` {MYSQL_LIST} VALUES\n"
        f"{mysql_rows(f',{chr(10)}')}\nON DUPLICATE KEY UPDATE `id` = VALUES(`id`);\n\n"
        "-- 2024-01-01 00:00:00\n"
    ).encode()


PG_TOP = (
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict x1\n\nSET client_encoding = 'UTF8';\n"
    "SET standard_conforming_strings = on;\n"
    "SELECT pg_catalog.set_config('search_path', '', false);\n\n"
    "CREATE TABLE public.customer (\n    id integer NOT NULL,\n    name character varying(200),\n"
    "    note text,\n    amount numeric(12,2) DEFAULT 0.00,\n"
    "    since timestamp without time zone,\n    data bytea\n);\n\n"
    "CREATE FUNCTION public.f() RETURNS trigger\n    LANGUAGE plpgsql\n    AS $$\nBEGIN\n"
    "  INSERT INTO public.customer VALUES (9);\n  RETURN NEW;\nEND $$;\n\n"
)
PG_END = (
    "ALTER TABLE ONLY public.customer\n    ADD CONSTRAINT customer_pkey PRIMARY KEY (id);\n\n"
    "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x1\n\n"
)


def pg_copy() -> bytes:
    marks = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

    def line(row: Row) -> str:
        content = raw(row[5])
        cells = [*row[:5], None if content is None else "\\x" + content.hex()]
        return "\t".join("\\N" if c is None else escaped(c, marks) for c in cells) + "\n"

    return (
        f"{PG_TOP}COPY public.customer (id, name, note, amount, since, data) FROM stdin;\n"
        f"{''.join(map(line, RECORDS))}\\.\n\n\n{PG_END}"
    ).encode()


def pg_values() -> list[str]:
    return [
        f"({number(i)}, {standard_text(n)}, {standard_text(t)}, {number(a)}, {standard_text(s)}, "
        + hexed(d, "'\\x", "'")
        + ")"
        for i, n, t, a, s, d in RECORDS
    ]


def pg_inserts() -> bytes:
    inserts = "".join(f"INSERT INTO public.customer VALUES {row};\n" for row in pg_values())
    return f"{PG_TOP}{inserts}\n\n{PG_END}".encode()


def pg_column_inserts() -> bytes:
    inserts = "".join(
        "INSERT INTO public.customer (id, name, note, amount, since, data) VALUES "
        f"{row} ON CONFLICT DO NOTHING;\n"
        for row in pg_values()
    )
    return f"{PG_TOP}{inserts}\n\n{PG_END}".encode()


def pg_rows_per_insert() -> bytes:
    rows = pg_values()
    inserts = "".join(
        "INSERT INTO public.customer VALUES\n\t" + ",\n\t".join(rows[at : at + 2]) + ";\n"
        for at in range(0, len(rows), 2)
    )
    return f"{PG_TOP}{inserts}\n\n{PG_END}".encode()


def sqlite_database() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, note TEXT, "
        "amount TEXT, since TEXT, data BLOB)"
    )
    database.executemany(
        "INSERT INTO customer VALUES (?,?,?,?,?,?)", [(*row[:5], raw(row[5])) for row in RECORDS]
    )
    database.execute(
        "CREATE TRIGGER tr AFTER INSERT ON customer BEGIN "
        "INSERT INTO customer (name) VALUES ('no'); END"
    )
    return database


def sqlite_dump() -> bytes:
    return "\n".join(sqlite_database().iterdump()).encode()


def sqlite_shell() -> bytes:
    """The shell writes line feeds with replace()."""

    def text(cell: str | None) -> str:
        if cell is None or ("\n" not in cell and "\r" not in cell):
            return standard_text(cell)
        feed, back = ("\\012", "\\015") if "\\n" in cell or "\\r" in cell else ("\\n", "\\r")
        written = standard_text(cell.replace("\n", feed).replace("\r", back))
        if "\r" in cell:
            written = f"replace({written},'{back}',char(13))"
        return f"replace({written},'{feed}',char(10))"

    inserts = "".join(
        f"INSERT INTO customer VALUES({number(i)},{text(n)},{text(t)},{text(a)},{text(s)},"
        f"{hexed(d, 'X' + chr(39), chr(39))});\n"
        for i, n, t, a, s, d in RECORDS
    )
    return (
        'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE IF NOT EXISTS "customer" (id '
        "INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, note TEXT, amount TEXT, since TEXT, data "
        f"BLOB);\n{inserts}DELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence "
        "VALUES('customer',5);\nCOMMIT;\n"
    ).encode()


SSMS_TABLE = (
    "USE [shop]\r\nGO\r\n/****** Object:  Table [dbo].[customer] ******/\r\nSET ANSI_NULLS ON\r\n"
    "GO\r\nSET QUOTED_IDENTIFIER ON\r\nGO\r\nCREATE TABLE [dbo].[customer](\r\n"
    "\t[id] [int] IDENTITY(1,1) NOT NULL,\r\n\t[name] [nvarchar](200) NULL,\r\n"
    "\t[note] [nvarchar](max) NULL,\r\n\t[amount] [decimal](12, 2) NULL,\r\n"
    "\t[since] [datetime2](3) NULL,\r\n\t[data] [varbinary](max) NULL,\r\n"
    " CONSTRAINT [PK] PRIMARY KEY CLUSTERED ([id] ASC) ON [PRIMARY]\r\n) ON [PRIMARY]\r\nGO\r\n"
)


def ssms() -> bytes:
    def row(r: Row) -> str:
        i, n, t, a, s, d = r
        since = "NULL"
        if s is not None:
            whole = s if "." in s else s + ".000"
            since = f"CAST(N'{whole.replace(' ', 'T')}' AS DateTime2)"
        return (
            "INSERT [dbo].[customer] ([id], [name], [note], [amount], [since], [data]) VALUES "
            f"({i}, {standard_text(n, 'N')}, {standard_text(t, 'N')}, CAST({a} AS Decimal(12, 2)), "
            f"{since}, {hexed(d, '0x').upper().replace('0X', '0x')})\r\n"
        )

    return (
        f"{SSMS_TABLE}SET IDENTITY_INSERT [dbo].[customer] ON \r\n"
        f"{''.join(map(row, RECORDS))}SET IDENTITY_INSERT [dbo].[customer] OFF\r\nGO\r\n"
        "CREATE TRIGGER [dbo].[tr] ON [dbo].[customer] AFTER INSERT AS\r\nBEGIN\r\n"
        "\tINSERT [dbo].[customer] ([name]) VALUES (N'no')\r\nEND\r\nGO\r\n"
    ).encode("utf-16")


def dbeaver_sqlserver() -> bytes:
    rows = ",\n\t ".join(
        f"({i},{standard_text(n, 'N')},{standard_text(t, 'N')},{a},{standard_text(s)},"
        f"{hexed(d, '0x')})"
        for i, n, t, a, s, d in RECORDS
    )
    return (
        SSMS_TABLE.replace("\r\n", "\n")
        + f"INSERT INTO shop.dbo.customer (id,name,note,amount,since,data) VALUES\n\t {rows};\n"
    ).encode()


ORACLE_TABLE = (
    '  CREATE TABLE "BILLING"."CUSTOMER" \n   (\t"ID" NUMBER(10,0) NOT NULL ENABLE, \n'
    '\t"NAME" VARCHAR2(200 BYTE), \n\t"NOTE" CLOB, \n\t"AMOUNT" NUMBER(12,2) DEFAULT 0, \n'
    '\t"SINCE" TIMESTAMP (6), \n\t"DATA" BLOB\n   ) SEGMENT CREATION IMMEDIATE;\n'
)


def sql_developer() -> bytes:
    def text(cell: str | None) -> str:
        return standard_text(cell) if cell != "" else "''"

    def row(r: Row) -> str:
        i, n, t, a, s, d = r
        since = "null"
        if s is not None:
            date, _, clock = s.partition(" ")
            year, month, day = date.split("-")
            name = ["JAN", "FEB"][int(month) - 1]
            hour, rest = clock.split(":", 1)
            half = "PM" if int(hour) >= 12 else "AM"
            rest = rest.replace(":", ".")
            fraction = rest if rest.count(".") == 2 else f"{rest}.000000000"
            since = (
                f"to_timestamp('{day}-{name}-{year[2:]} {int(hour) % 12 or 12:02}.{fraction} "
                f"{half}','DD-MON-RR HH.MI.SSXFF AM')"
            )
        return (
            "Insert into BILLING.CUSTOMER (ID,NAME,NOTE,AMOUNT,SINCE,DATA) values "
            f"({i},{text(n)},{text(t)},{a},{since},{hexed(d, 'HEXTORAW(' + chr(39), chr(39) + ')')}"
            ");\n"
        )

    return (
        "--------------------------------------------------------\n--  File created - Monday\n"
        f"--------------------------------------------------------\n{ORACLE_TABLE}"
        f"REM INSERTING into BILLING.CUSTOMER\nSET DEFINE OFF;\n{''.join(map(row, RECORDS))}"
        "--------------------------------------------------------\n"
        'CREATE UNIQUE INDEX "BILLING"."PK" ON "BILLING"."CUSTOMER" ("ID");\n'
        '  CREATE OR REPLACE EDITIONABLE TRIGGER "BILLING"."T" BEFORE INSERT ON CUSTOMER\n'
        "DECLARE v NUMBER;\nBEGIN\n  INSERT INTO CUSTOMER (ID) VALUES (9);\nEND;\n/\n"
        'ALTER TRIGGER "BILLING"."T" ENABLE;\n'
    ).encode()


def plsql_developer() -> bytes:
    def text(cell: str | None) -> str:
        if cell is None:
            return "null"
        for character, code in (("'", 39), ("\n", 10), ("\r", 13)):
            cell = cell.replace(character, f"\0||chr({code})||\0")
        return "'" + cell.replace("\0", "'") + "'"

    def row(r: Row) -> str:
        i, n, t, a, s, d = r
        form = "yyyy-mm-dd hh24:mi:ss" + (".ff" if s and "." in s else "")
        since = "null" if s is None else f"to_timestamp('{s}', '{form}')"
        return (
            "insert into BILLING.CUSTOMER (ID, NAME, NOTE, AMOUNT, SINCE, DATA)\n"
            f"values ({i}, {text(n)}, {text(t)}, {a}, {since}, "
            f"{hexed(d, 'to_blob(hextoraw(' + chr(39), chr(39) + '))')});\n"
        )

    return (
        "prompt PL/SQL Developer import file\nset feedback off\nset define off\n"
        f"prompt Creating CUSTOMER...\n{ORACLE_TABLE.replace(';', chr(10) + '/')}"
        "alter table BILLING.CUSTOMER disable all triggers;\nprompt Loading CUSTOMER...\n"
        f"{''.join(map(row, RECORDS))}commit;\nprompt 5 records loaded\nset feedback on\n"
        "prompt Done.\n"
    ).encode()


def oracle_insert_all() -> bytes:
    rows = "".join(
        f"  INTO customer (id, name, note, amount, since, data) VALUES ({i}, {standard_text(n)}, "
        f"{standard_text(t)}, {a}, {'NULL' if s is None else f'TIMESTAMP {standard_text(s)}'}, "
        f"{hexed(d, 'HEXTORAW(' + chr(39), chr(39) + ')')})\n"
        for i, n, t, a, s, d in RECORDS
    )
    return f"SET DEFINE OFF\n{ORACLE_TABLE}INSERT ALL\n{rows}SELECT 1 FROM DUAL;\n/\n".encode()


def db2() -> bytes:
    def since(s: str | None) -> str:
        if s is None:
            return "NULL"
        date, _, clock = s.partition(" ")
        whole = clock if "." in clock else clock + ".000"
        return f"'{date}-{whole.replace(':', '.')}000'"

    rows = "".join(
        f'INSERT INTO "SHOP"."CUSTOMER" ("ID","NAME","NOTE","AMOUNT","SINCE","DATA") VALUES ({i},'
        f"{standard_text(n)},{standard_text(t)},{a},{since(s)},"
        f"{hexed(d, 'BLOB(X' + chr(39), chr(39) + ')')});\n"
        for i, n, t, a, s, d in RECORDS
    )
    return (
        '-- This CLP file was created using DB2LOOK Version "11.5"\nCONNECT TO SHOP;\n'
        'SET CURRENT SCHEMA = "SHOP";\n'
        'CREATE TABLE "SHOP    "."CUSTOMER"  (\n\t\t  "ID" INTEGER NOT NULL , \n'
        '\t\t  "NAME" VARCHAR(200 OCTETS) , \n\t\t  "NOTE" CLOB(1048576) LOGGED NOT COMPACT , \n'
        '\t\t  "AMOUNT" DECIMAL(12,2) , \n\t\t  "SINCE" TIMESTAMP , \n\t\t  "DATA" BLOB(1048576) )'
        '   \n\t\t IN "USERSPACE1"  \n\t\t ORGANIZE BY ROW; \n' + rows + "COMMIT WORK;\n"
        "CONNECT RESET;\nTERMINATE;\n"
    ).encode()


DUMPS = {
    "mysqldump": lambda: mysqldump(hex_blob=False),
    "mysqldump --hex-blob": lambda: mysqldump(hex_blob=True),
    "phpMyAdmin": phpmyadmin,
    "HeidiSQL": heidisql,
    "Navicat": navicat,
    "Adminer": adminer,
    "pg_dump": pg_copy,
    "pg_dump --inserts": pg_inserts,
    "pg_dump --column-inserts --on-conflict-do-nothing": pg_column_inserts,
    "pg_dump --rows-per-insert": pg_rows_per_insert,
    "Python's iterdump": sqlite_dump,
    "sqlite3 .dump": sqlite_shell,
    "Management Studio": ssms,
    "DBeaver": dbeaver_sqlserver,
    "SQL Developer": sql_developer,
    "PL/SQL Developer": plsql_developer,
    "INSERT ALL": oracle_insert_all,
    "Db2": db2,
}


@pytest.mark.parametrize("tool", DUMPS)
def test_the_same_data_give_the_same_records(tmp_path: Path, tool: str) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(DUMPS[tool]())
    with open_source(path) as reader:
        [table] = reader.tables()
        assert table.split(".")[-1].lower() == "customer"
        assert [name.lower() for name in reader.columns(table)] == COLUMNS
        rows, rejects = read(reader, table)
        assert rejects == []
        assert rows == RECORDS
        assert reader.detected.questions == ()
