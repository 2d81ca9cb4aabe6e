"""Walking through a script, statement by statement, without executing any of it.

:class:`Walker` tells what the statements mean for data: rows that are inserted, tables that
are defined, and what would change data in ways that only a database can follow. What stands in
the bodies of triggers and procedures is no data and is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ispmig_pipelines.formats.sql_copy_lines import read_copy
from ispmig_pipelines.formats.sql_dialect import (
    DB2,
    GENERIC,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SqlDialect,
)
from ispmig_pipelines.formats.sql_events import Changed, Definition, Event
from ispmig_pipelines.formats.sql_insert import GO, SLASH, Inserts
from ispmig_pipelines.formats.sql_script import Script
from ispmig_pipelines.formats.sql_tokens import Name, parse_name
from ispmig_pipelines.formats.sql_window import Window

_WORD = re.compile(rb"[A-Za-z_]+")
_MYSQL_DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)[^\n]*(?:\n|\Z)", re.IGNORECASE)
_CREATE = re.compile(
    rb"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:GLOBAL\s+|LOCAL\s+)?(?:TEMP(?:ORARY)?\s+)?"
    rb"(?:UNLOGGED\s+|FOREIGN\s+|EXTERNAL\s+|COLUMN\s+|ROW\s+|VIRTUAL\s+)?"
    rb"(?:(?:NON)?EDITIONABLE\s+)?(?:DEFINER\s*=\s*\S+\s+)?(?:AGGREGATE\s+|CONSTRAINT\s+)?"
    rb"(?P<what>\w+)",
    re.IGNORECASE,
)
_ROUTINES = frozenset({b"trigger", b"procedure", b"proc", b"function", b"package", b"event"})
_SQLPLUS = re.compile(
    rb"(?:REM(?:ARK)?\b|PRO(?:MPT)?\b|SPOOL\b|WHENEVER\b|COLUMN\b|DEF(?:INE)?\b|ACC(?:EPT)?\b"
    rb"|CONN(?:ECT)?\b|EXIT\b|QUIT\b|@|SHOW\b|PAUSE\b|HOST\b|TTITLE\b|BTITLE\b"
    rb"|SET\s+(?:DEF(?:INE)?|FEED(?:BACK)?|ECHO|SQLBL(?:ANKLINES)?|SCAN|VER(?:IFY)?|TERM(?:OUT)?"
    rb"|SERVEROUT(?:PUT)?|ESC(?:APE)?|LINESIZE|PAGESIZE|HEADING|TIMING|TRIM(?:SPOOL|OUT)?"
    rb"|LONG|NUMFORMAT|SQLT(?:ERMINATOR)?|SQLPREFIX|AUTOTRACE)\b)",
    re.IGNORECASE,
)
_TARGET = re.compile(
    rb"(?:UPDATE|DELETE|TRUNCATE|MERGE|DROP|LOAD)\b(?:\s+(?:LOW_PRIORITY|QUICK|IGNORE|FROM|INTO|TABLE"
    rb"|ONLY|IF|EXISTS)\b)*\s*(?P<name>[\w\"`\[\].$#\x80-\xff]*)",
    re.IGNORECASE,
)
_USE = re.compile(rb"USE\s+([`\"\[]?[^`\"\]\s;]+[`\"\]]?)", re.IGNORECASE)
_CONNECT = re.compile(rb"\\c(?:onnect)?\s+(?:-\S+\s+)*\"?([^\s\";]+)")
_BEGIN_TRANSACTION = re.compile(
    rb"(?:BEGIN|START)(?:\s+(?:TRAN(?:SACTION)?|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE)\b[^;\n]*)?\s*;?",
    re.IGNORECASE,
)


class Walker:
    """Reads the statements of a script, one after the other.

    Attributes:
        open_transaction: a transaction was begun and not ended yet.
        locked: tables were locked and not unlocked yet.
    """

    def __init__(
        self,
        window: Window,
        dialect: SqlDialect,
        wants: Callable[[Name, str], bool],
        *,
        database: str = "",
        delimiter: bytes = b"",
    ) -> None:
        """``wants`` says whether the rows of a table (its name, the database in use) are asked
        for; without them only their beginning and end are told."""
        self.window = window
        self.open_transaction = False
        self.locked = False
        self._script = Script(window, dialect, database=database, delimiter=delimiter)
        self._wants = wants
        self._inserts = Inserts(self._script, wants)

    @property
    def bare_end(self) -> bool:
        """The last INSERT ended with nothing to end it, although all before it were ended."""
        return self._inserts.bare_end

    def walk(self, until: int | None = None) -> Iterator[Event]:
        """All that the statements mean, up to the first that begins at or after ``until``.

        Raises:
            SourceError: the script ends within a statement, or breaks off its grammar where
                rows stand.
        """
        while True:
            self._script.pass_blanks()
            window = self._script.window
            if window.pos >= len(window.data):
                return
            if until is not None and window.offset() >= until:
                return
            yield from self._statement()

    def _statement(self) -> Iterator[Event]:
        window = self._script.window
        window.has(256)
        data, pos = window.data, window.pos
        if data.startswith(self._script.delimiter, pos):
            window.pos += len(self._script.delimiter)
            return
        if data[pos : pos + 1] == b";":
            window.pos += 1
            return
        word_match = _WORD.match(data, pos)
        word = word_match.group().upper() if word_match else b""
        if not word:
            yield from self._other(data, pos)
        elif word in (b"INSERT", b"REPLACE"):
            yield from self._inserts.read()
        elif word == b"COPY":
            yield from read_copy(self._script, self._wants)
        elif word == b"CREATE":
            yield from self._create()
        elif word == b"ALTER":
            yield from self._kept("alter")
        elif word == b"COMMENT":
            yield from self._kept("comment")
        elif word == b"GO" and GO.match(data, pos):
            self._script.pass_line()
        elif word == b"DELIMITER" and (found := _MYSQL_DELIMITER.match(data, pos)):
            window.pos = found.end()
            self._script.delimiter = found.group(1)
        elif self._script.dialect.name in (ORACLE, GENERIC) and _SQLPLUS.match(data, pos):
            self._script.pass_line()
        else:
            yield from self._further(word, data, pos)

    def _other(self, data: bytes, pos: int) -> Iterator[Event]:
        """What begins with no word: lines for a database's own shell, or anything."""
        first = data[pos : pos + 1]
        if first == b"\\":
            if found := _CONNECT.match(data, pos):
                self._script.database = found.group(1).decode("utf-8", "backslashreplace")
            elif data.startswith((b"\\copy", b"\\i"), pos):
                yield Changed("shell", "", self._script.window.line())
            self._script.pass_line()
        elif first == b"." and self._script.dialect.name not in (MYSQL, POSTGRESQL):
            if data.startswith((b".import", b".read"), pos):
                yield Changed("shell", "", self._script.window.line())
            self._script.pass_line()
        elif (first == b"/" and SLASH.match(data, pos)) or (
            first == b"@" and self._script.delimiter != b"@"
        ):
            self._script.pass_line()
        elif first == b"(":
            self._script.pass_statement()
        else:
            self._script.pass_statement(at_least=1)

    def _further(self, word: bytes, data: bytes, pos: int) -> Iterator[Event]:
        if word == b"USE":
            if found := _USE.match(data, pos):
                self._script.database = (
                    found.group(1).strip(b'`"[]').decode("utf-8", "backslashreplace")
                )
                self._script.window.pos = found.end()
                self._end_of_bare_statement()
                return
        elif word in (b"UPDATE", b"DELETE", b"TRUNCATE", b"MERGE", b"LOAD", b"DROP"):
            found = _TARGET.match(data, pos)
            is_table = word != b"DROP" or re.match(
                rb"DROP\s+(?:TEMPORARY\s+)?TABLE\b", data[pos : pos + 80], re.I
            )
            if word == b"DROP" and is_table:
                yield from self._kept("drop")
                return
            if found and is_table:
                name = parse_name(found.group("name"), self._script.lex).text
                yield Changed(word.decode().lower(), name, self._script.window.line())
        elif word in (b"LOCK", b"UNLOCK"):
            self.locked = word == b"LOCK"
        elif word == b"START" or (word == b"BEGIN" and self._begins_transaction(data, pos)):
            self.open_transaction = True
        elif word in (b"COMMIT", b"ROLLBACK", b"END"):
            self.open_transaction = False
        elif word in (b"BEGIN", b"DECLARE") and self._script.dialect.name in (
            ORACLE,
            DB2,
            POSTGRESQL,
        ):
            yield Changed("block", "", self._script.window.line())
            self._script.pass_routine(oracle=self._script.dialect.name == ORACLE)
            return
        self._script.pass_statement(merge=word == b"MERGE")

    @staticmethod
    def _begins_transaction(data: bytes, pos: int) -> bool:
        found = _BEGIN_TRANSACTION.match(data, pos)
        return found is not None and (
            found.group().endswith(b";") or len(found.group().split()) > 1
        )

    def _end_of_bare_statement(self) -> None:
        """After USE, which SQL Server and MySQL's shell end with their line."""
        self._script.pass_blanks()
        window = self._script.window
        if window.data.startswith(self._script.delimiter, window.pos):
            window.pos += len(self._script.delimiter)

    def _create(self) -> Iterator[Event]:
        head = _CREATE.match(self._script.plain_head())
        what = head.group("what").lower() if head else b""
        if what == b"table":
            yield from self._kept("create")
        elif what in _ROUTINES or (
            what == b"type" and b"BODY" in self._script.plain_head().upper()
        ):
            self._script.pass_routine(
                oracle=self._script.dialect.name == ORACLE, package=what in (b"package", b"type")
            )
        else:
            self._script.pass_statement()

    def _kept(self, kind: str) -> Iterator[Event]:
        text = self._script.pass_statement(keep=True)
        yield Definition(kind, self._without_marks(text), self._script.database)

    def _without_marks(self, text: bytes) -> bytes:
        return (
            re.sub(rb"/\*M?!\d*|(?<!\*)\*/\s*\Z", b" ", text)
            if self._script.dialect.name == MYSQL
            else text
        )
