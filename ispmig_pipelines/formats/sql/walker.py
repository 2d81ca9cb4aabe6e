"""Walking through a script, statement by statement, without executing any of it.

:class:`Walker` tells what the statements mean for data: rows that are inserted, tables that
are defined, and what would change data in ways that only a database can follow. What stands in
the bodies of triggers and procedures is no data and is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ispmig_pipelines.formats.sql.changes import change_within
from ispmig_pipelines.formats.sql.copy_lines import read_copy
from ispmig_pipelines.formats.sql.dialect import (
    DB2,
    GENERIC,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLSERVER,
    SqlDialect,
)
from ispmig_pipelines.formats.sql.events import Changed, Definition, Event
from ispmig_pipelines.formats.sql.insert import GO, SLASH, Inserts
from ispmig_pipelines.formats.sql.names import NO_SCOPE, Scope
from ispmig_pipelines.formats.sql.script import Script
from ispmig_pipelines.formats.sql.tokens import Name, parse_name
from ispmig_pipelines.formats.sql.window import Window

_WORD = re.compile(rb"[A-Za-z_]+")
_MYSQL_DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)[^\n]*(?:\n|\Z)", re.IGNORECASE)
_CREATE = re.compile(
    rb"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:GLOBAL\s+|LOCAL\s+)?(?:TEMP(?:ORARY)?\s+)?"
    rb"(?:UNLOGGED\s+|FOREIGN\s+|EXTERNAL\s+|COLUMN\s+|ROW\s+|VIRTUAL\s+)?"
    rb"(?:(?:NON)?EDITIONABLE\s+)?(?:DEFINER\s*=\s*\S+\s+)?(?:AGGREGATE\s+|CONSTRAINT\s+)?"
    rb"(?P<what>\w+)",
    re.IGNORECASE,
)
_ROUTINES = frozenset(
    {b"trigger", b"procedure", b"proc", b"function", b"package", b"event", b"rule"}
)
_ALTERED = re.compile(rb"ALTER\s+(?:PROC|FUNCTION|TRIGGER)", re.IGNORECASE)
_SQLPLUS = re.compile(
    rb"(?:REM(?:ARK)?\b|PRO(?:MPT)?\b|SPOOL\b|WHENEVER\b|COLUMN\b|DEF(?:INE)?\b|ACC(?:EPT)?\b"
    rb"|CONN(?:ECT)?\b|EXIT\b|QUIT\b|@|SHOW\b|PAUSE\b|HOST\b|TTITLE\b|BTITLE\b"
    rb"|VAR(?:IABLE)?\b|CLEAR\b|CL\b|DESC(?:RIBE)?\b|UNDEF(?:INE)?\b|COL\b|BRE(?:AK)?\b"
    rb"|COMP(?:UTE)?\b|DISC(?:ONNECT)?\b|TIMING?\b|REPH(?:EADER)?\b|REPF(?:OOTER)?\b"
    rb"|PASSW(?:ORD)?\b|STORE\b|L(?:IST)?\b|ATTRIBUTE\b|XQUERY\b"
    rb"|SET\s+(?:DEF(?:INE)?|FEED(?:BACK)?|ECHO|SQLBL(?:ANKLINES)?|SCAN|VER(?:IFY)?|TERM(?:OUT)?"
    rb"|SERVEROUT(?:PUT)?|ESC(?:APE)?|LINESIZE|PAGESIZE|HEADING|TIMING|TRIM(?:SPOOL|OUT)?"
    rb"|LINES?|PAGES?|HEA|TI(?:ME)?|TRIMS|TRIMOUT|COLSEP|CON(?:CAT)?|NEWP(?:AGE)?|NULL|NUMW(?:IDTH)?"
    rb"|WRA(?:P)?|UND(?:ERLINE)?|TAB|SQLP(?:ROMPT)?|SQLCASE|SQLNUMBER|APPI(?:NFO)?|ARRAYSIZE|AUTOP"
    rb"|AUTOPRINT|AUTO(?:COMMIT)?|EMBEDDED|EXITC(?:OMMIT)?|FLUSH|LOBPREFETCH|LONGC(?:HUNKSIZE)?"
    rb"|MARKUP|RECSEP|SHOW(?:MODE)?|SUFFIX|XMLOPT\w*|ERRORL\w*|CMDSEP|DESCRIBE|LOGSOURCE"
    rb"|LONG|NUMFORMAT|SQLT(?:ERMINATOR)?|SQLPREFIX|AUTOTRACE)\b)",
    re.IGNORECASE,
)
_TARGET = re.compile(
    rb"(?:UPDATE|DELETE|TRUNCATE|MERGE|LOAD|IMPORT|BULK|RENAME)\b(?:\s+(?:LOW_PRIORITY|QUICK|IGNORE"
    rb"|FROM|INTO|TABLE|ONLY|INSERT|TOP\s*\(\d+\))\b)*\s*(?P<name>[\w\"`\[\].$#\x80-\xff]*)",
    re.IGNORECASE,
)
_DROP_TABLE = re.compile(rb"DROP\s+(?:TEMPORARY\s+)?TABLE\b", re.IGNORECASE)
_KINDS = {
    b"UPDATE": "update", b"DELETE": "delete", b"TRUNCATE": "truncate", b"MERGE": "merge",
    b"LOAD": "load", b"IMPORT": "load", b"BULK": "load", b"RENAME": "rename",
}  # fmt: skip
_LOOKED_INTO = frozenset({
    b"IF", b"WITH", b"SELECT", b"WHILE", b"BEGIN", b"DECLARE", b"PREPARE", b"EXPLAIN", b"FOR",
    b"VALUES", b"LOOP", b"EXISTS", b"ELSE",
})  # fmt: skip
_HOLDING_OTHERS = frozenset({
    b"IF", b"WITH", b"WHILE", b"FOR", b"LOOP", b"EXISTS", b"ELSE", b"GRANT", b"DENY", b"REVOKE",
    b"PREPARE", b"EXPLAIN",
})  # fmt: skip
"""First words of T-SQL statements that hold the words of others."""

_WITHOUT_DATA = frozenset({
    b"SET", b"COMMIT", b"ROLLBACK", b"START", b"END", b"LOCK", b"UNLOCK", b"GRANT", b"REVOKE",
    b"DENY", b"ANALYZE", b"ANALYSE", b"VACUUM", b"PRAGMA", b"DROP", b"SAVEPOINT", b"RELEASE",
    b"FLUSH", b"USE", b"PRINT", b"REINDEX", b"CLUSTER", b"REFRESH", b"SECURITY", b"REASSIGN",
    b"LISTEN", b"NOTIFY", b"UNLISTEN", b"CHECKPOINT", b"DISCARD", b"RESET", b"SHOW", b"OPTIMIZE",
    b"CHECK", b"REPAIR", b"CHECKSUM", b"KILL", b"CONNECT", b"DISCONNECT", b"TERMINATE",
    b"RUNSTATS", b"REORG", b"ATTACH", b"DETACH", b"RAISERROR", b"THROW", b"WAITFOR", b"DBCC",
    b"RETURN", b"SAVE", b"DESC", b"DESCRIBE", b"HELP", b"WHENEVER", b"XA", b"SIGNAL", b"PURGE",
    b"AUDIT", b"NOAUDIT", b"ASSOCIATE", b"DISASSOCIATE", b"FLASHBACK", b"TABLE", b"DEALLOCATE",
    b"CLOSE", b"OPEN", b"FETCH", b"MOVE", b"INSTALL", b"UNINSTALL", b"HANDLER", b"CACHE", b"CHANGE",
    b"STOP", b"RESTORE", b"BACKUP", b"RECONFIGURE", b"DISABLE", b"ENABLE", b"REVERT", b"COMMENT",
    b"LABEL", b"UPDATE", b"QUIESCE", b"UNQUIESCE", b"BIND", b"REBIND", b"ABORT", b"ADD", b"GO",
    b"SHUTDOWN", b"SETUSER", b"EXIT", b"QUIT", b"STOPIF", b"SOURCE", b"CATALOG", b"UNCATALOG",
    b"LIST", b"ECHO", b"TRANSFER",
})  # fmt: skip
_PROMPT = re.compile(rb"(?:SQL|mysql|sqlite)>[ \t]*")
_BLOCK_OF_INSERTS = re.compile(rb"BEGIN\s+(?=INSERT\s)", re.IGNORECASE)
_STATISTICS = re.compile(rb"UPDATE\s+STATISTICS\b", re.IGNORECASE)
_UNLESS_THERE = re.compile(rb"IF\s+NOT\s+EXISTS\s*\(", re.IGNORECASE)
_DESCRIBED = re.compile(rb"sp_addextendedproperty\b.*MS_Description", re.IGNORECASE | re.DOTALL)
_USE = re.compile(
    rb"USE\s+(?:DATABASE\s+)?(`[^`]+`|\"[^\"]+\"|\[[^\]]+\]|[^`\"\[\s;]+)", re.IGNORECASE
)
_SCHEMA = re.compile(
    rb"(?:SET\s+(?:SESSION\s+|LOCAL\s+)?(?:search_path\s*(?:=|\bTO\b)|CURRENT\s+SCHEMA\b\s*=?"
    rb"|CURRENT_SCHEMA\b\s*=?|SCHEMA\b\s*=?)"
    rb"|ALTER\s+SESSION\s+SET\s+CURRENT_SCHEMA\s*="
    rb"|SELECT\s+(?:pg_catalog\s*\.\s*)?set_config\s*\(\s*'search_path'\s*,)"
    rb"\s*(?P<name>'[^']*'|\"[^\"]*\"|[\w$#\x80-\xff]+)",
    re.IGNORECASE,
)
_MARKS = re.compile(rb"/\*M?!\d*|(?<!\*)\*/\s*\Z")
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
        in_block: reading stands in a block of PL/SQL that has held nothing but INSERTs so far.
    """

    def __init__(
        self,
        window: Window,
        dialect: SqlDialect,
        wants: Callable[[Name, Scope], bool],
        *,
        scope: Scope = NO_SCOPE,
        delimiter: bytes = b"",
        complete: bool = False,
        in_block: bool = False,
    ) -> None:
        """``wants`` says whether the rows of a table (its name, what is in use there) are asked
        for; without them only their beginning and end are told. ``in_block``: see there."""
        self.window = window
        self.open_transaction = False
        self.locked = False
        self.in_block = in_block
        self._script = Script(window, dialect, scope=scope, delimiter=delimiter, complete=complete)
        self._wants = wants
        self._inserts = Inserts(self._script, wants)

    @property
    def scope(self) -> Scope:
        """What names without qualifiers mean where reading stands."""
        return self._script.scope

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
        script = self._script
        window = script.window
        window.has(256)
        data, pos = window.data, window.pos
        if found := _PROMPT.match(data, pos):
            window.pos = found.end()
            return
        if data.startswith(script.delimiter, pos):
            window.pos += len(script.delimiter)
            return
        if data[pos : pos + 1] == b";":
            window.pos += 1
            return
        word_match = _WORD.match(data, pos)
        word = word_match.group().upper() if word_match else b""
        if self.in_block:
            yield from self._in_block(word)
        elif not word:
            yield from self._other(data, pos)
        elif word in (b"INSERT", b"REPLACE"):
            yield from self._inserts.read()
        elif word == b"COPY":
            yield from read_copy(script, self._wants)
        elif word == b"CREATE":
            yield from self._create()
        elif word == b"ALTER" and script.dialect.name == SQLSERVER and _ALTERED.match(data, pos):
            script.pass_routine(oracle=False)
        elif word == b"ALTER":
            yield from self._kept("alter")
        elif word == b"COMMENT":
            yield from self._kept("comment")
        elif word == b"GO" and GO.match(data, pos):
            script.pass_line()
        elif word == b"DELIMITER" and (found := _MYSQL_DELIMITER.match(data, pos)):
            window.pos = found.end()
            script.delimiter = found.group(1)
        elif script.dialect.name in (ORACLE, GENERIC) and _SQLPLUS.match(data, pos):
            script.pass_line()
        else:
            yield from self._further(word, data, pos)

    def _other(self, data: bytes, pos: int) -> Iterator[Event]:
        """What begins with no word: lines for a database's own shell, or anything."""
        script = self._script
        first = data[pos : pos + 1]
        if first == b"\\":
            if found := _CONNECT.match(data, pos):
                script.scope = Scope(found.group(1).decode("utf-8", "backslashreplace"))
            elif data.startswith((b"\\copy", b"\\i", b"\\. "), pos):
                yield Changed("shell", "", script.window.line())
            script.pass_line()
        elif first == b"." and script.dialect.name not in (MYSQL, POSTGRESQL):
            if data.startswith((b".import", b".read", b".restore"), pos):
                yield Changed("shell", "", script.window.line())
            script.pass_line()
        elif first == b":" and script.dialect.name in (SQLSERVER, GENERIC):
            if data[pos : pos + 3].lower() == b":r ":
                yield Changed("shell", "", script.window.line())
            script.pass_line()
        elif first == b"@" and script.delimiter != b"@":
            yield Changed("shell", "", script.window.line())
            script.pass_line()
        elif first == b"/" and SLASH.match(data, pos):
            script.pass_line()
        elif first == b"(":
            script.pass_statement()
        else:
            yield Changed("unknown", "", script.window.line())
            script.pass_unknown()

    def _in_block(self, word: bytes) -> Iterator[Event]:
        """A statement of a PL/SQL block: INSERTs before anything else have rows for certain."""
        script = self._script
        if word == b"INSERT":
            yield from self._inserts.read()
        elif word in (b"COMMIT", b"NULL"):
            script.pass_statement()
        elif word == b"END":
            self.in_block = False
            script.pass_statement()
        else:
            self.in_block = False
            yield Changed("block", "", script.window.line())
            script.pass_routine(oracle=True, depth=1)

    def _further(self, word: bytes, data: bytes, pos: int) -> Iterator[Event]:
        script = self._script
        name = script.dialect.name
        line = script.window.line()
        if word == b"USE" and (found := _USE.match(data, pos)):
            script.scope = Scope(found.group(1).strip(b'`"[]').decode("utf-8", "backslashreplace"))
            script.window.pos = found.end()
            self._end_of_bare_statement()
        elif word == b"DROP" and _DROP_TABLE.match(data, pos):
            yield from self._kept("drop")
        elif word in _KINDS and not _STATISTICS.match(data, pos):
            found = _TARGET.match(data, pos)
            target = parse_name(found.group("name"), script.lex).text if found else ""
            yield Changed(_KINDS[word], "" if _KINDS[word] == "load" else target, line)
            script.pass_statement(merge=word == b"MERGE")
        elif word in (b"EXEC", b"EXECUTE") and name == ORACLE:
            # SQL*Plus ends it with its line.
            yield Changed("call", "", line)
            script.pass_line()
        elif word in (b"EXEC", b"EXECUTE", b"CALL"):
            text = script.pass_statement(keep=True)
            if _DESCRIBED.search(text):
                yield Definition("property", text, script.scope, line)
            elif not re.match(rb"EXEC(?:UTE)?\s+(?:\[?(?:sys|dbo)\]?\.)?\[?s[ep]_", text, re.I):
                yield Changed("call", "", line)
            elif re.search(rb"\bsp_rename\b", text, re.I):
                yield Changed("rename", "", line)
        elif (word == b"SOURCE" and name in (MYSQL, GENERIC)) or (
            word in (b"START", b"STA")
            and name in (ORACLE, GENERIC)
            and not _BEGIN_TRANSACTION.fullmatch(data, pos, _end_of_line(data, pos))
        ):
            yield Changed("shell", "", line)
            script.pass_line()
        elif name in (ORACLE, GENERIC) and (found := _BLOCK_OF_INSERTS.match(data, pos)):
            script.window.pos = found.end()
            self.in_block = True
        elif (word == b"DO" and name == POSTGRESQL) or (
            word in (b"BEGIN", b"DECLARE")
            and name in (ORACLE, DB2, POSTGRESQL)
            and not self._begins_transaction(data, pos)
        ):
            yield Changed("block", "", line)
            if word == b"DO":
                script.pass_statement()
            else:
                script.pass_routine(oracle=name == ORACLE)
        else:
            yield from self._plain_statement(word, data, pos)

    def _plain_statement(self, word: bytes, data: bytes, pos: int) -> Iterator[Event]:
        script = self._script
        line = script.window.line()
        if word in (b"LOCK", b"UNLOCK"):
            self.locked = word == b"LOCK"
        elif word == b"START" or (word == b"BEGIN" and self._begins_transaction(data, pos)):
            self.open_transaction = True
        elif word in (b"COMMIT", b"ROLLBACK", b"END"):
            self.open_transaction = False
        if word in (b"SET", b"SELECT") and (found := _SCHEMA.match(data, pos)):
            script.scope = Scope(script.scope.database, _schema(found.group("name")))
        unless_there = _UNLESS_THERE.match(data, pos) if word == b"IF" else None
        # A row that is added unless it is there already is a row: what follows is read.
        if unless_there and self._pass_parentheses(unless_there.end()):
            return
        if word in _WITHOUT_DATA:
            script.pass_statement(whole=word in _HOLDING_OTHERS)
            return
        if word not in _LOOKED_INTO:
            yield Changed("unknown", "", line)
            script.pass_unknown()
            return
        text = script.pass_statement(keep=True, whole=word in _HOLDING_OTHERS)
        if kind := change_within(text, script.lex):
            yield Changed(kind, "", line)

    def _pass_parentheses(self, at: int) -> bool:
        """Passes to behind the parentheses that open before ``at``, if they are at hand."""
        window, depth = self._script.window, 1
        while depth and (found := self._script.lex.token.match(window.data, at)):
            depth += (found.group() == b"(") - (found.group() == b")")
            at = found.end()
        if not depth:
            window.pos = at
        return not depth

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
        script = self._script
        plain = script.plain_head()
        head = _CREATE.match(plain)
        what = head.group("what").lower() if head else b""
        if what == b"table":
            yield from self._kept("create")
        elif what in _ROUTINES or (what == b"type" and b"BODY" in plain.upper()):
            script.pass_routine(
                oracle=script.dialect.name == ORACLE and what != b"rule",
                package=what in (b"package", b"type"),
            )
        elif what == b"view" or b" VIEW " in plain[:200].upper():
            yield from self._kept("view")
        else:
            script.pass_statement()

    def _kept(self, kind: str) -> Iterator[Event]:
        script = self._script
        line = script.window.line()
        text = self._without_marks(script.pass_statement(keep=True))
        if kind == "alter" and (found := _SCHEMA.match(text)):
            script.scope = Scope(script.scope.database, _schema(found.group("name")))
        yield Definition(kind, text, script.scope, line)

    def _without_marks(self, text: bytes) -> bytes:
        return _MARKS.sub(b" ", text) if self._script.dialect.name == MYSQL else text


def _end_of_line(data: bytes, pos: int) -> int:
    end = data.find(b"\n", pos)
    return len(data) if end < 0 else end


def _schema(raw: bytes) -> str:
    name = raw.strip(b"'\"").split(b",")[0].strip(b' "').decode("utf-8", "backslashreplace")
    return "" if name.lower() in ("pg_catalog", "default") else name
