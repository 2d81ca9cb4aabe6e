"""Whose SQL a script is, and with it what a backslash in a string means.

Settled by evidence over the script's beginning: what its tool writes on top, how names are
quoted, the words that only one database knows. What the evidence decides is small: whether a
backslash escapes, which quotes names have, what ends a statement, which comments there are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ispmig_pipelines.formats import possessive

MYSQL, POSTGRESQL, SQLITE = "mysql", "postgresql", "sqlite"
SQLSERVER, ORACLE, DB2 = "sqlserver", "oracle", "db2"
GENERIC = "generic"

DIALECTS = (MYSQL, POSTGRESQL, SQLITE, SQLSERVER, ORACLE, DB2, GENERIC)


@dataclass(frozen=True)
class SqlOptions:
    """What the spec says about a script; None and "" are found out by evidence.

    Attributes:
        dialect: one of :data:`DIALECTS`.
        backslash_escapes: a backslash in a string escapes the character after it.
        complete: the script is whole, although its tool's closing line is missing.
    """

    dialect: str = ""
    backslash_escapes: bool | None = None
    complete: bool = False


@dataclass(frozen=True)
class SqlDialect:
    """How a script is to be read.

    Attributes:
        name: one of :data:`DIALECTS`.
        backslash: whether a backslash in a plain string escapes.
        delimiter: what ends a statement at the beginning of the script.
        bare_ends: a statement may end without a delimiter, where its line or batch ends.
        question: "" or why the evidence is split.
        notes: evidence worth telling.
        settled: what a backslash means was said or shown, and is not only supposed.
        charset: the single-byte codec that the script is written in, "" for any other.
    """

    name: str
    backslash: bool
    delimiter: bytes = b";"
    bare_ends: bool = False
    question: str = ""
    notes: tuple[str, ...] = ()
    settled: bool = False
    charset: str = ""


def _evidence(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), re.IGNORECASE | re.MULTILINE)


_EVIDENCE: tuple[tuple[str, int, re.Pattern[bytes]], ...] = tuple(
    (name, weight, _evidence(pattern))
    for name, weight, pattern in (
        (MYSQL, 9, r"^-- (?:MySQL|MariaDB) dump|^-- phpMyAdmin SQL Dump|^/\*M?!\d|^-- HeidiSQL"),
        (MYSQL, 5, r"\bENGINE\s*=\s*\w+|\bAUTO_INCREMENT\b|^DELIMITER\s+\S|\bUNLOCK TABLES\b"),
        (MYSQL, 5, r"^\s*(?:INSERT\s+INTO|CREATE\s+TABLE|DROP\s+TABLE|USE)[^\n(`]*`"),
        (MYSQL, 2, r"^\s*SET\s+(?:NAMES|FOREIGN_KEY_CHECKS|SQL_MODE|time_zone)\b"),
        (MYSQL, 2, r"\b(?:UN)?SIGNED\b|\b(?:TINY|MEDIUM)(?:INT|TEXT|BLOB)\b|^#"),
        (MYSQL, 2, r"\bMySQL\b|\bMariaDB\b|^\s*INSERT\s+IGNORE\b|\bON DUPLICATE KEY\b"),
        (MYSQL, 1, r"'(?:[^'\\\n]|\\[^'\n])*\\'[^\n]*'\s*[,)]"),
        (POSTGRESQL, 9, r"^-- PostgreSQL database (?:cluster )?dump|^COPY\s[^;]*\bFROM stdin"),
        (POSTGRESQL, 6, r"\bstandard_conforming_strings\b|\bclient_encoding\b|\bpg_catalog\."),
        (POSTGRESQL, 3, r"\b(?:BIG)?SERIAL\b|::\w+|\bOWNER TO\b|\bBYTEA\b|\bTIMESTAMPTZ\b|^\\c"),
        (POSTGRESQL, 3, r"\$\w*\$|\bcharacter varying\b|\bALTER TABLE ONLY\b|\bOIDS\b"),
        (POSTGRESQL, 2, r"\bPostgre(?:s|SQL)\b"),
        (SQLITE, 6, r"^PRAGMA\s+\w+|\bsqlite_sequence\b|\bAUTOINCREMENT\b"),
        (
            SQLITE,
            3,
            r"^BEGIN TRANSACTION;|^\s*INSERT\s+OR\s+\w+\s+INTO\b|\bSQLite\b|\bWITHOUT ROWID\b",
        ),
        (SQLITE, 1, r"^(?:INSERT INTO|CREATE TABLE) \[\w+\]"),
        (SQLSERVER, 8, r"^[ \t]*GO[ \t]*;?[ \t]*\r?$"),
        (SQLSERVER, 5, r"\[dbo\]|\bIDENTITY\s*\(\d|\bIDENTITY_INSERT\b|\bSET\s+(?:NOCOUNT|ANSI_N)"),
        (SQLSERVER, 3, r"\b(?:SMALL)?MONEY\b|\bUNIQUEIDENTIFIER\b|\bNONCLUSTERED\b|^INSERT \["),
        (
            SQLSERVER,
            2,
            r"\bSQL Server\b|\bNVARCHAR\s*\(MAX\)|^\s*INSERT\s+\w+(?:\s*\(|\s+VALUES?\b)",
        ),
        (ORACLE, 6, r"\bVARCHAR2\b|\bSET DEFINE OFF\b|^REM\b|\bTO_DATE\s*\("),
        (ORACLE, 4, r"^INSERT ALL\b|\bSYSDATE\b|\bNUMBER\s*\(\d|\|\|\s*chr\s*\(|\bFROM DUAL\b"),
        (ORACLE, 3, r"\bTO_TIMESTAMP\s*\(|\bOracle\b|^/[ \t]*\r?$|^PROMPT\b|\bCLOB\b.*\bENABLE\b"),
        *(
            (name, 9, rf"^ Source Server Type\s+: (?:{tool})|^-- Adminer [\d.-]+ (?:{tool})\b")
            for name, tool in (
                (MYSQL, "MySQL|MariaDB"),
                (POSTGRESQL, "PostgreSQL"),
                (SQLITE, "SQLite"),
                (SQLSERVER, "SQL Server|MS SQL"),
                (ORACLE, "Oracle"),
            )
        ),
        (DB2, 6, r"\bdb2look\b|^CONNECT TO\s|\bSYSIBM\b|^--#SET TERMINATOR|\bUSERSPACE1\b"),
        (DB2, 3, r"\bDB2\b|\bSET CURRENT SCHEMA\b|\bORGANIZE BY\b|\bCCSID\b|\bFOR BIT DATA\b"),
    )
)

_NO_BACKSLASH = re.compile(rb"SQL_MODE\s*=[^;\n]*NO_BACKSLASH_ESCAPES", re.IGNORECASE)
_PG_BACKSLASH = re.compile(rb"SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?off", re.IGNORECASE)
_AT_TERMINATOR = re.compile(rb"^--\s*#SET TERMINATOR\s+(\S+)", re.IGNORECASE | re.MULTILINE)
_AT_LINE_END = re.compile(rb"@[ \t]*\r?$", re.MULTILINE)
_INSERT_LINE = re.compile(rb"^\s*INSERT\s", re.IGNORECASE | re.MULTILINE)
_END_OF_STATEMENT = re.compile(rb";[ \t]*\r?$", re.MULTILINE)

_STANDARD = re.compile(rb"'[^']*+'")
_ESCAPED = possessive.compiled(rb"'(?:[^'\\]++|\\.|'')*+'", re.DOTALL)
_STRING_WITH_BACKSLASH = re.compile(rb"'[^'\n]*\\")
_SOUND_END = re.compile(rb"\s*(?:[,;)]|\|\||::|AS\b|$)", re.IGNORECASE)


def detect_sql_dialect(
    sample: bytes, options: SqlOptions, *, before: SqlDialect | None = None
) -> SqlDialect:
    """Settles the dialect of a script by its beginning.

    Args:
        sample: the beginning, as UTF-8.
        options: what the spec says.
        before: the dialect of the script that is run before this one.
    """
    best, clear = _by_evidence(sample[:_FIRST_LOOK])
    if not clear and not options.dialect:
        best, clear = _by_evidence(sample)
    name = options.dialect or (best if clear else before.name if before else GENERIC)
    backslash, question = _backslash(name, sample)
    if before is not None and before.name == name and not clear:
        backslash, question = before.backslash or backslash, before.question
    settled = backslash
    if options.backslash_escapes is not None:
        backslash, question, settled = options.backslash_escapes, "", True
    terminator = _AT_TERMINATOR.search(sample)
    delimiter = terminator.group(1) if terminator else b";"
    if (
        not terminator
        and name in (DB2, GENERIC)
        and len(_AT_LINE_END.findall(sample)) > len(_END_OF_STATEMENT.findall(sample))
    ):
        delimiter = b"@"
    bare_ends = name == SQLSERVER or (name == GENERIC and _without_semicolons(sample))
    return SqlDialect(
        name, backslash, delimiter, bare_ends=bare_ends, question=question, settled=settled
    )


def _without_semicolons(sample: bytes) -> bool:
    """Several INSERTs, and no line that ends with a semicolon: a line ends a statement."""
    return len(_INSERT_LINE.findall(sample)) > 1 and not _END_OF_STATEMENT.search(sample)


_FIRST_LOOK = 128 << 10
"""The top of a script says whose it is, nearly always."""


def _by_evidence(sample: bytes) -> tuple[str, bool]:
    """The dialect that most speaks for, and whether it is clear."""
    scores = dict.fromkeys(DIALECTS, 0)
    for name, weight, pattern in _EVIDENCE:
        if pattern.search(sample):
            scores[name] += weight
    ranked = sorted(DIALECTS, key=lambda name: -scores[name])
    return ranked[0], scores[ranked[0]] >= 2 and scores[ranked[0]] > scores[ranked[1]]


def _backslash(name: str, sample: bytes) -> tuple[bool, str]:
    if name == MYSQL:
        return _NO_BACKSLASH.search(sample) is None, ""
    if name == POSTGRESQL:
        return _PG_BACKSLASH.search(sample) is not None, ""
    if name != GENERIC or not _STRING_WITH_BACKSLASH.search(sample):
        return False, ""
    standard, escaped = _sound(_STANDARD, sample), _sound(_ESCAPED, sample)
    if standard != escaped:
        return escaped, ""
    return False, BACKSLASH_QUESTION


BACKSLASH_QUESTION = (
    "Strings hold backslashes, and nothing in the script says whether a backslash escapes the "
    "character after it (MySQL, MariaDB) or is text (all others). Name the source's dialect in "
    "the spec (sql: dialect: mysql, or postgresql, sqlite, sqlserver, oracle, db2)."
)


def _sound(string: re.Pattern[bytes], sample: bytes) -> bool:
    """Whether, read so, every string of the sample is followed by what follows a string."""
    end = 0
    for found in string.finditer(sample):
        if found.start() == end and end:
            # Two quotes side by side are one quote within a string.
            end = found.end()
            continue
        if end and not _SOUND_END.match(sample, end):
            return False
        end = found.end()
    return not end or _SOUND_END.match(sample, end) is not None


# MySQL's character_set_client says nothing of the rows: mysqldump sets it for definitions alone.
_CHARSET = re.compile(
    rb"(?:SET\s+NAMES\s+|SET\s+CHARACTER\s+SET\s+|SET\s+client_encoding\s*(?:=|TO)\s*)"
    rb"['\"]?([\w-]+)['\"]?",
    re.IGNORECASE,
)

_CODECS = {
    "utf8": "utf-8",
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8": "utf-8",
    "unicode": "utf-8",
    # MySQL's latin1 is what Windows calls 1252.
    "latin1": "cp1252",
    "latin2": "iso8859-2",
    "latin5": "iso8859-9",
    "latin7": "iso8859-13",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1256": "cp1256",
    "cp1257": "cp1257",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "sjis": "cp932",
    "cp932": "cp932",
    "ujis": "euc_jp",
    "euckr": "euc_kr",
    "gbk": "gbk",
    "gb2312": "gb2312",
    "gb18030": "gb18030",
    "big5": "big5",
    "win1250": "cp1250",
    "win1251": "cp1251",
    "win1252": "cp1252",
    "win1253": "cp1253",
    "win1254": "cp1254",
    "win1257": "cp1257",
    "win866": "cp866",
    "latin9": "iso8859-15",
    "iso_8859_5": "iso8859-5",
    "iso_8859_7": "iso8859-7",
}
"""Python's codec for the names that MySQL's ``SET NAMES`` and PostgreSQL's ``client_encoding``
know."""


def stated_charset(sample: bytes) -> str:
    """Python's codec for what the script itself says it is written in, or ""."""
    for found in _CHARSET.finditer(sample):
        name = found.group(1).decode("ascii", "replace").lower()
        if name in _CODECS:
            return _CODECS[name]
    return ""
