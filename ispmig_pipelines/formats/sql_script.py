"""Walking through a script, statement by statement, without executing any of it.

:class:`Walker` tells what the statements mean for data: rows that are inserted, tables that
are defined, and what would change data in ways that only a database can follow. What stands in
the bodies of triggers and procedures is no data and is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.sql_dialect import (
    DB2,
    GENERIC,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLSERVER,
    SqlDialect,
)
from ispmig_pipelines.formats.sql_tokens import (
    Lexicon,
    Name,
    lexicon,
    parse_columns,
    parse_name,
)
from ispmig_pipelines.formats.sql_window import Window


@dataclass(frozen=True)
class Begin:
    """Rows for a table follow: an INSERT or COPY statement, or several of them in a row.

    Attributes:
        name: of the table, as it stands there.
        columns: the list of columns, None where there is none.
        database: what the last USE named.
        start: first byte of the statement in the script.
        line: its line.
        delimiter: what ends a statement there.
    """

    name: Name
    columns: tuple[str, ...] | None
    database: str
    start: int
    line: int
    delimiter: bytes


@dataclass(frozen=True)
class End:
    """The rows that the last :class:`Begin` announced end; ``end`` is the byte after them."""

    end: int


@dataclass(frozen=True)
class PlainRows:
    """A region of plain rows; ``head`` stands before each further statement's."""

    region: bytes
    head: bytes
    line: int


@dataclass(frozen=True)
class OddRow:
    """One row, told into the expressions of its cells token by token."""

    cells: list[bytes]
    text: bytes
    line: int


@dataclass(frozen=True)
class CopyLines:
    """Whole lines of a COPY."""

    region: bytes
    line: int


@dataclass(frozen=True)
class Definition:
    """A statement that defines a table, whole. ``kind``: ``create``, ``alter``, ``comment``,
    ``drop``."""

    kind: str
    text: bytes
    database: str


@dataclass(frozen=True)
class Changed:
    """A statement that changes data by more than literals: ``update``, ``delete``, …"""

    kind: str
    name: str
    line: int


Event = Begin | End | PlainRows | OddRow | CopyLines | Definition | Changed

_HEAD_LOOK = 1 << 16
_LONGEST_DEFINITION = 16 << 20
_MOST_RUNS = 500

_WORD = re.compile(rb"[A-Za-z_]+")
_MYSQL_DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)[^\n]*(?:\n|\Z)", re.IGNORECASE)
_GO = re.compile(rb"GO[ \t]*(?:\d+[ \t]*)?;?[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_GO_LINE = re.compile(rb"\n[ \t]*GO[ \t]*(?:\d+[ \t]*)?;?[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_SLASH_LINE = re.compile(rb"\n[ \t]*/[ \t]*\r?(?:\n|\Z)")
_SLASH = re.compile(rb"/[ \t]*\r?(?:\n|\Z)")
_NEXT_STATEMENT = re.compile(rb"\n\s*(?:INSERT\s|CREATE\s|ALTER\s+TABLE\s)", re.IGNORECASE)
_REST_OF_LINE = re.compile(rb"[^\n]*(?:\n|\Z)")
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
_DROP_TABLE = re.compile(rb"DROP\s+(?:TEMPORARY\s+)?TABLE\b", re.IGNORECASE)
_INSERT_ALL = re.compile(rb"INSERT\s+(?:ALL|FIRST)\b", re.IGNORECASE)
_MARKS = re.compile(rb"/\*M?!\d*|(?<!\*)\*/\s*\Z")
_USE = re.compile(rb"USE\s+([`\"\[]?[^`\"\]\s;]+[`\"\]]?)", re.IGNORECASE)
_CONNECT = re.compile(rb"\\c(?:onnect)?\s+(?:-\S+\s+)*\"?([^\s\";]+)")
_BEGIN_TRANSACTION = re.compile(
    rb"(?:BEGIN|START)(?:\s+(?:TRAN(?:SACTION)?|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE)\b[^;\n]*)?\s*;?",
    re.IGNORECASE,
)


class Walker:
    """Reads the statements of a script, one after the other.

    Attributes:
        database: what the last USE named, or "".
        delimiter: what ends a statement now.
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
        self.database = database
        self.delimiter = delimiter or dialect.delimiter
        self.open_transaction = False
        self.locked = False
        self._last_is_bare = False
        self._ended_properly = 0
        self._ended_barely = 0
        self._dialect = dialect
        self._wants = wants
        self._runs: dict[bytes, re.Pattern[bytes]] = {}
        self._lex = self._lexicon()

    @property
    def bare_end(self) -> bool:
        """The last INSERT ended with nothing to end it, although all before it were ended."""
        return self._last_is_bare and self._ended_properly > 0 and self._ended_barely == 1

    def _lexicon(self) -> Lexicon:
        dialect = self._dialect
        return lexicon(
            SqlDialect(dialect.name, dialect.backslash, self.delimiter, dialect.bare_ends)
        )

    # ------------------------------------------------------------ statements

    def walk(self, until: int | None = None) -> Iterator[Event]:
        """All that the statements mean, up to the first that begins at or after ``until``.

        Raises:
            SourceError: the script ends within a statement, or breaks off its grammar where
                rows stand.
        """
        while True:
            self._space()
            window = self.window
            if window.pos >= len(window.data):
                return
            if until is not None and window.offset() >= until:
                return
            yield from self._statement()

    def _statement(self) -> Iterator[Event]:
        window = self.window
        window.has(256)
        data, pos = window.data, window.pos
        if data.startswith(self.delimiter, pos):
            window.pos += len(self.delimiter)
            return
        if data[pos : pos + 1] == b";":
            window.pos += 1
            return
        word_match = _WORD.match(data, pos)
        word = word_match.group().upper() if word_match else b""
        if not word:
            yield from self._other(data, pos)
        elif word in (b"INSERT", b"REPLACE"):
            yield from self._insert()
        elif word == b"COPY":
            yield from self._copy()
        elif word == b"CREATE":
            yield from self._create()
        elif word == b"ALTER":
            yield from self._kept("alter")
        elif word == b"COMMENT":
            yield from self._kept("comment")
        elif word == b"GO" and _GO.match(data, pos):
            self._pass_line()
        elif word == b"DELIMITER" and (found := _MYSQL_DELIMITER.match(data, pos)):
            window.pos = found.end()
            self.delimiter = found.group(1)
            self._lex = self._lexicon()
            self._runs.clear()
        elif self._dialect.name in (ORACLE, GENERIC) and _SQLPLUS.match(data, pos):
            self._pass_line()
        else:
            yield from self._further(word, data, pos)

    def _other(self, data: bytes, pos: int) -> Iterator[Event]:
        """What begins with no word: lines for a database's own shell, or anything."""
        first = data[pos : pos + 1]
        if first == b"\\":
            if found := _CONNECT.match(data, pos):
                self.database = found.group(1).decode("utf-8", "backslashreplace")
            elif data.startswith((b"\\copy", b"\\i"), pos):
                yield Changed("shell", "", self.window.line())
            self._pass_line()
        elif first == b"." and self._dialect.name not in (MYSQL, POSTGRESQL):
            if data.startswith((b".import", b".read"), pos):
                yield Changed("shell", "", self.window.line())
            self._pass_line()
        elif (first == b"/" and _SLASH.match(data, pos)) or (
            first == b"@" and self.delimiter != b"@"
        ):
            self._pass_line()
        elif first == b"(":
            self._skip()
        else:
            self._skip(at_least=1)

    def _further(self, word: bytes, data: bytes, pos: int) -> Iterator[Event]:
        if word == b"USE":
            if found := _USE.match(data, pos):
                self.database = found.group(1).strip(b'`"[]').decode("utf-8", "backslashreplace")
                self.window.pos = found.end()
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
                name = parse_name(found.group("name"), self._lex).text
                yield Changed(word.decode().lower(), name, self.window.line())
        elif word in (b"LOCK", b"UNLOCK"):
            self.locked = word == b"LOCK"
        elif word == b"START" or (word == b"BEGIN" and self._begins_transaction(data, pos)):
            self.open_transaction = True
        elif word in (b"COMMIT", b"ROLLBACK", b"END"):
            self.open_transaction = False
        elif word in (b"BEGIN", b"DECLARE") and self._dialect.name in (ORACLE, DB2, POSTGRESQL):
            yield Changed("block", "", self.window.line())
            self._skip_routine(oracle=self._dialect.name == ORACLE)
            return
        self._skip(merge=word == b"MERGE")

    @staticmethod
    def _begins_transaction(data: bytes, pos: int) -> bool:
        found = _BEGIN_TRANSACTION.match(data, pos)
        return found is not None and (
            found.group().endswith(b";") or len(found.group().split()) > 1
        )

    def _end_of_bare_statement(self) -> None:
        """After USE, which SQL Server and MySQL's shell end with their line."""
        self._space()
        window = self.window
        if window.data.startswith(self.delimiter, window.pos):
            window.pos += len(self.delimiter)

    def _create(self) -> Iterator[Event]:
        window = self.window
        head = _CREATE.match(self._plain_head())
        what = head.group("what").lower() if head else b""
        if what == b"table":
            yield from self._kept("create")
        elif what in _ROUTINES or (what == b"type" and b"BODY" in self._plain_head().upper()):
            self._skip_routine(
                oracle=self._dialect.name == ORACLE, package=what in (b"package", b"type")
            )
        else:
            self._skip()
        del window

    def _plain_head(self) -> bytes:
        """The beginning of the statement with its comments taken out."""
        window = self.window
        window.has(4096)
        text, at = b"", window.pos
        end = min(len(window.data), window.pos + 4096)
        for _ in range(64):
            found = re.compile(rb"[^/\-#\s]++").match(window.data, at, end)
            if found:
                text += found.group()
                at = found.end()
            passed = self._lex.space.match(window.data, at, end)
            if passed and passed.end() > at:
                text += b" "
                at = passed.end()
            elif not found:
                break
        return text

    def _kept(self, kind: str) -> Iterator[Event]:
        text = self._skip(keep=True)
        yield Definition(kind, self._without_marks(text), self.database)

    def _without_marks(self, text: bytes) -> bytes:
        return (
            re.sub(rb"/\*M?!\d*|(?<!\*)\*/\s*\Z", b" ", text)
            if self._dialect.name == MYSQL
            else text
        )

    # ------------------------------------------------------------ passing over

    def _space(self) -> None:
        """Passes over blanks and comments, up to something else or the end of the script."""
        window = self.window
        while True:
            found = self._lex.gap.match(window.data, window.pos)
            if found:
                window.pos = found.end()
            rest = window.data[window.pos : window.pos + 3]
            if rest and not self._may_be_comment(rest):
                return
            if window.more():
                continue
            if rest.startswith(b"/*") and self._lex.space.match(rest).end() == 0:  # type: ignore[union-attr]
                raise self.truncated("a comment", window.pos)
            found = self._lex.space.match(window.data, window.pos)
            if found:
                window.pos = found.end()
            return

    def _may_be_comment(self, rest: bytes) -> bool:
        """Whether what is left over by :attr:`Lexicon.gap` opens a comment, as far as can be
        told from its first three bytes."""
        name = self._dialect.name
        if rest[:1] == b"#":
            return name in (MYSQL, GENERIC)
        if len(rest) == 1:
            return rest in b"-/*"
        if rest[:2] == b"--":
            return name != MYSQL or len(rest) == 2 or rest[2] <= 32
        return rest[:2] == b"/*"

    def _pass_line(self) -> None:
        window = self.window
        while True:
            found = _REST_OF_LINE.match(window.data, window.pos)
            end = found.end() if found else len(window.data)
            if end < len(window.data) or window.data[end - 1 : end] == b"\n" or window.final:
                window.pos = end
                return
            if not window.more():
                window.pos = len(window.data)
                return

    def _skip(self, *, keep: bool = False, merge: bool = False, at_least: int = 0) -> bytes:
        """Passes over a statement to its end; with ``keep``, returns its text.

        Raises:
            SourceError: the script ends before the statement does.
        """
        window = self.window
        start_line, start_offset = window.line(), window.offset()
        kept: list[bytes] = []
        size = 0
        name = self._dialect.name
        first = window.pos
        while True:
            found = self._lex.skip.match(window.data, window.pos)
            end = found.end() if found else window.pos
            if at_least and end == window.pos:
                end += at_least
            at_least = 0
            if keep and size <= _LONGEST_DEFINITION:
                kept.append(window.data[first:end])
                size += end - first
            first = window.pos = end
            if len(window.data) - window.pos < 256 and window.more():
                first = 0
                continue
            data, pos = window.data, window.pos
            first = pos
            if pos >= len(data):
                if self._dialect.bare_ends or name == ORACLE:
                    break
                raise self._truncated_statement(start_line, start_offset)
            if data.startswith(self.delimiter, pos):
                window.pos += len(self.delimiter)
                break
            byte = data[pos : pos + 1]
            if byte == b"\n":
                if name in (SQLSERVER, GENERIC) and (go := _GO_LINE.match(data, pos)):
                    window.pos = go.end()
                    break
                if name in (ORACLE, GENERIC) and (slash := _SLASH_LINE.match(data, pos)):
                    window.pos = slash.end()
                    break
                if self._dialect.bare_ends and not merge and _NEXT_STATEMENT.match(data, pos):
                    break
                window.pos += 1
                continue
            if byte == b";" and self.delimiter != b";":
                window.pos += 1
                continue
            if data.startswith(b"--", pos) or (byte == b"#" and name == MYSQL):
                # A comment whose line does not end in what is at hand.
                if window.more():
                    first = 0
                else:
                    window.pos = len(data)
                continue
            if (
                byte in b"'\"`"
                or data.startswith(b"/*", pos)
                or (byte == b"$" and name in (POSTGRESQL, GENERIC))
                or (byte == b"[" and name == SQLSERVER)
            ):
                # Opened and not closed in what is at hand.
                if window.more():
                    first = 0
                    continue
                if byte in b"[$":
                    window.pos += 1
                    continue
                raise self._truncated_statement(start_line, start_offset)
            window.pos += 1
        return b"".join(kept)

    def _skip_routine(self, *, oracle: bool, package: bool = False) -> None:
        """Passes over a trigger, procedure, function or block with all that is in it."""
        window = self.window
        start_line, start_offset = window.line(), window.offset()
        name = self._dialect.name
        if self.delimiter != b";":
            self._skip()
            return
        depth, begun, ended, before = 0, False, False, b""
        while True:
            data, pos = window.data, window.pos
            found = self._lex.token.match(data, pos)
            if (found is None or found.end() >= len(data) - 64) and window.more():
                continue
            data, pos = window.data, window.pos
            if pos >= len(data):
                if name in (SQLSERVER, ORACLE):
                    return
                raise self._truncated_statement(start_line, start_offset)
            found = self._lex.token.match(data, pos)
            if found is None:
                raise self._truncated_statement(start_line, start_offset)
            window.pos = found.end()
            kind = found.lastgroup
            if kind == "space":
                for line in (_GO_LINE,) if name == SQLSERVER else (_SLASH_LINE,) if oracle else ():
                    # The line's own line feed is part of the blanks before it.
                    at = data.rfind(b"\n", pos, found.end())
                    ends = line.match(data, at) if at >= 0 else None
                    if ends:
                        window.pos = ends.end()
                        return
            elif kind == "word":
                word = found.group().lower()
                if before == b"end" and word in (b"if", b"loop", b"while", b"repeat", b"for"):
                    depth += 1
                elif before == b"end" and word == b"case":
                    pass
                elif word in (b"begin", b"case"):
                    depth += 1
                    begun = True
                elif word == b"end":
                    depth -= 1
                    ended = True
                before = word
            elif found.group() == b";":
                before = b""
                if name == SQLSERVER or package:
                    continue
                if depth <= 0 and (not oracle or ended or not begun) and (not oracle or ended):
                    return
            else:
                before = b""

    # ------------------------------------------------------------ rows

    def _insert(self) -> Iterator[Event]:
        window = self.window
        window.has(4096)
        if self._dialect.name in (ORACLE, GENERIC) and _INSERT_ALL.match(window.data, window.pos):
            yield from self._insert_all()
            return
        found = self._head(self._lex.insert)
        if found is None:
            line = window.line()
            yield Changed("insert", "", line)
            self._skip()
            return
        name = parse_name(found.group("name"), self._lex)
        columns = parse_columns(found.group("columns"), self._lex)
        if columns == ():
            columns = None
        verb = found.group("verb").upper()
        start, line = window.offset(), window.line()
        if verb.startswith(b"VALUE"):
            head = found.group()
            yield Begin(name, columns, self.database, start, line, self.delimiter)
            window.pos = found.end()
            yield from self._values(head, self._wants(name, self.database), line)
            yield End(window.offset())
        elif verb == b"SET" and self._dialect.name in (MYSQL, GENERIC):
            yield from self._insert_set(name, found.end(), start, line)
        elif verb == b"DEFAULT":
            yield Begin(name, columns, self.database, start, line, self.delimiter)
            yield OddRow([], b"DEFAULT VALUES", line)
            self._skip()
            yield End(window.offset())
        elif verb.endswith(b"SELECT"):
            yield from self._insert_select(name, columns, found.end(), start, line)
        else:
            yield Changed("insert", name.text, line)
            self._skip()

    def _head(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        window = self.window
        look = _HEAD_LOOK
        while True:
            found = pattern.match(window.data, window.pos)
            if found is not None and (found.end() < len(window.data) or window.final):
                return found
            if len(window.data) - window.pos >= look and found is None:
                return None
            if not window.more():
                return pattern.match(window.data, window.pos)

    def _values(self, head: bytes, wanted: bool, start_line: int) -> Iterator[Event]:
        window = self.window
        while True:
            yield from self._list_of_rows(wanted, start_line)
            ended = self._end_of_values(start_line)
            if not ended:
                return
            run = self._run(head)
            if run is None:
                return
            while True:
                found = run.match(window.data, window.pos)
                if found is None or found.end() == window.pos:
                    if not self._head_may_follow(head):
                        return
                    if len(window.data) - window.pos < len(head) + _HEAD_LOOK and window.more():
                        continue
                    return
                if wanted:
                    yield PlainRows(found.group(), head, window.line())
                window.pos = found.end()
                if self._dialect.bare_ends:
                    tail = found.group()[-3:].rstrip().upper()
                    self._ended_by(proper=tail.endswith((b";", b"GO")))
                    self._space()
                    if window.data.startswith(b",", window.pos):
                        window.pos += 1
                        break
                elif len(window.data) - window.pos < _HEAD_LOOK:
                    window.more()
            # SQL Server: the run ended within a list of rows, before a row that is not plain.

    def _head_may_follow(self, head: bytes) -> bool:
        """Whether the next statement may be one more with the same head."""
        window = self.window
        rest = window.data[window.pos : window.pos + len(head) + 64].lstrip()
        return rest.startswith(head) or head.startswith(rest)

    def _run(self, head: bytes) -> re.Pattern[bytes] | None:
        """Statements that begin with the very same head and hold nothing but plain rows."""
        if self.delimiter != b";" or b"'" in head or len(head) > 8192:
            return None
        run = self._runs.get(head)
        if run is None:
            if len(self._runs) >= _MOST_RUNS:
                self._runs.clear()
            end = (
                rb"(?:\s*+;)?+(?:\s++[gG][oO][ \t]*+\r?(?=\n))?+"
                if self._dialect.bare_ends
                else rb"\s*+;"
            )
            run = re.compile(
                rb"(?:\s*+" + re.escape(head) + self._lex.rows.pattern + end + rb")++", re.DOTALL
            )
            self._runs[head] = run
        return run

    def _list_of_rows(self, wanted: bool, start_line: int) -> Iterator[Event]:
        window = self.window
        while True:
            found = self._lex.rows.match(window.data, window.pos)
            if found is not None:
                if wanted:
                    yield PlainRows(found.group(), b"", window.line())
                window.pos = found.end()
            else:
                self._space()
                row = self._odd_row(start_line)
                if row is None:
                    continue
                if wanted:
                    yield row
            self._space()
            if window.data[window.pos : window.pos + 1] != b",":
                return
            window.pos += 1

    def _odd_row(self, start_line: int) -> OddRow | None:
        """The row that begins here, passed over; None where more had to be read to tell."""
        window = self.window
        data, pos = window.data, window.pos
        match = self._lex.token.match
        if data[pos : pos + 3].upper() == b"ROW":
            pos += 3
            passed = self._lex.space.match(data, pos)
            pos = passed.end() if passed else pos
        if data[pos : pos + 1] != b"(":
            if pos >= len(data) - 16 and window.more():
                return None
            if window.pos >= len(window.data):
                raise self.truncated("an INSERT statement", window.pos, start_line)
            raise SourceError(
                f"{window.name}: the INSERT statement on line {start_line:,} does not go on with "
                f"a row in parentheses on line {window.line():,} (byte {window.offset():,}). "
                "Correct the script there, or export it again."
            )
        line = window.line()
        cells: list[bytes] = []
        depth, at, begun = 1, pos + 1, pos + 1
        filled = False
        while True:
            found = match(data, at)
            if found is None or (found.end() >= len(data) and not window.final):
                if window.more():
                    return None
                if found is None:
                    raise self.truncated("an INSERT statement", window.pos, start_line)
                return None
            at = found.end()
            kind = found.lastgroup
            if kind == "op":
                op = found.group()
                if op == b"(":
                    depth += 1
                elif op == b")":
                    depth -= 1
                    if depth == 0:
                        if filled or cells:
                            cells.append(data[begun : at - 1])
                        window.pos = at
                        return OddRow(cells, data[pos:at], line)
                elif op == b"," and depth == 1:
                    cells.append(data[begun : at - 1])
                    begun = at
                elif op == b";":
                    raise SourceError(
                        f"{window.name}: the record on line {line:,} (byte "
                        f"{window.offset():,}) is not closed before the statement ends. Correct "
                        "the script there, or export it again."
                    )
            if kind != "space":
                filled = True

    def _end_of_values(self, start_line: int) -> bool:
        """Passes over what ends the statement; False where it went on with something else."""
        window = self.window
        window.has(64)
        data, pos = window.data, window.pos
        if data.startswith(self.delimiter, pos):
            window.pos += len(self.delimiter)
            self._ended_by(proper=True)
            return True
        if pos >= len(data):
            if not self._dialect.bare_ends:
                raise self.truncated("an INSERT statement", pos, start_line)
            self._ended_by(proper=False)
            return False
        word_match = _WORD.match(data, pos)
        word = word_match.group().upper() if word_match else b""
        if word in (b"ON", b"RETURNING", b"AS", b"WITH"):
            self._skip()
            return True
        if word == b"GO" and _GO.match(data, pos):
            self._pass_line()
            self._ended_by(proper=True)
            return True
        if self._dialect.bare_ends or (data[pos : pos + 1] == b"/" and _SLASH.match(data, pos)):
            self._ended_by(proper=False)
            return True
        if self._dialect.name == GENERIC and word in _STATEMENTS:
            return True
        raise SourceError(
            f"{window.name}: the INSERT statement on line {start_line:,} does not end after its "
            f"rows, on line {window.line():,} (byte {window.offset():,}). A delimiter or a quote "
            "is missing there: correct the script, or export it again."
        )

    def _ended_by(self, *, proper: bool) -> None:
        self._last_is_bare = not proper
        if proper:
            self._ended_properly += 1
        else:
            self._ended_barely += 1

    def _insert_all(self) -> Iterator[Event]:
        """Oracle's ``INSERT ALL INTO t (…) VALUES (…) INTO … SELECT * FROM dual``."""
        window = self.window
        start, start_line = window.offset(), window.line()
        head = re.compile(rb"INSERT\s+(?:ALL|FIRST)\b", re.IGNORECASE).match(
            window.data, window.pos
        )
        window.pos = head.end() if head else window.pos + 6
        while True:
            self._space()
            found = self._head(self._lex.into)
            if found is None:
                if not re.match(rb"SELECT\b", window.data[window.pos : window.pos + 8], re.I):
                    yield Changed("insert", "", start_line)
                self._skip()
                return
            name = parse_name(found.group("name"), self._lex)
            columns = parse_columns(found.group("columns"), self._lex)
            yield Begin(name, columns, self.database, start, start_line, self.delimiter)
            window.pos = found.end()
            while True:
                self._space()
                row = self._odd_row(start_line)
                if row is not None:
                    break
            if self._wants(name, self.database):
                yield row
            yield End(window.offset())

    def _insert_set(self, name: Name, at: int, start: int, line: int) -> Iterator[Event]:
        """MySQL's ``INSERT INTO t SET a = 1, b = 'x'``."""
        self.window.pos = at
        text = self._skip(keep=True)
        columns: list[str] = []
        cells: list[bytes] = []
        depth, begun, named = 0, 0, True
        for found in self._lex.token.finditer(text):
            op = found.group() if found.lastgroup == "op" else b""
            depth += (op == b"(") - (op == b")")
            if depth == 0 and op == b"=" and named:
                columns.append(parse_name(text[begun : found.start()].strip(), self._lex).parts[-1])
                begun, named = found.end(), False
            elif depth == 0 and op == b",":
                cells.append(text[begun : found.start()])
                begun, named = found.end(), True
            elif depth == 0 and found.lastgroup == "word" and found.group().upper() == b"ON":
                text = text[: found.start()]
                break
        cells.append(text[begun:])
        yield Begin(name, tuple(columns), self.database, start, line, self.delimiter)
        if self._wants(name, self.database):
            yield OddRow(cells, text.strip(), line)
        yield End(self.window.offset())

    def _insert_select(
        self, name: Name, columns: tuple[str, ...] | None, at: int, start: int, line: int
    ) -> Iterator[Event]:
        """``INSERT … SELECT``: rows where it selects nothing but literals from nowhere."""
        self.window.pos = at
        text = self._skip(keep=True)
        rows = self._literal_rows(text)
        if rows is None:
            yield Changed("select", name.text, line)
            return
        yield Begin(name, columns, self.database, start, line, self.delimiter)
        if self._wants(name, self.database):
            for cells in rows:
                yield OddRow(cells, b", ".join(cells), line)
        yield End(self.window.offset())

    def _literal_rows(self, text: bytes) -> list[list[bytes]] | None:
        """``1, 'a' FROM dual UNION ALL SELECT 2, 'b'`` as rows; None where it has a source."""
        rows: list[list[bytes]] = [[]]
        depth, begun, done = 0, 0, False
        words: list[bytes] = []
        for found in self._lex.token.finditer(text):
            kind, token = found.lastgroup, found.group()
            if kind == "space":
                continue
            if kind == "op":
                depth += (token == b"(") - (token == b")")
                if token == b"," and depth == 0:
                    if done:
                        return None
                    rows[-1].append(text[begun : found.start()])
                    begun = found.end()
                    continue
            if kind == "word" and depth == 0:
                word = token.upper()
                if word in (b"WHERE", b"JOIN", b"GROUP", b"ORDER", b"LIMIT", b"DISTINCT", b"TOP"):
                    return None
                if word == b"FROM":
                    rows[-1].append(text[begun : found.start()])
                    done = True
                    words = []
                    continue
                if word == b"UNION":
                    if not done:
                        rows[-1].append(text[begun : found.start()])
                    elif words and b".".join(words) not in _NOWHERE:
                        return None
                    words = [b"UNION"]
                    done = True
                    continue
                if word == b"ALL" and words == [b"UNION"]:
                    words = [b"UNION", b"ALL"]
                    continue
                if word == b"SELECT":
                    if words != [b"UNION", b"ALL"]:
                        return None
                    rows.append([])
                    begun, done, words = found.end(), False, []
                    continue
            if done and token not in (b".",):
                words.append(token.upper().strip(b'"'))
        if not done:
            rows[-1].append(text[begun:])
        elif words and b".".join(words) not in _NOWHERE:
            return None
        return rows

    # ------------------------------------------------------------ COPY

    def _copy(self) -> Iterator[Event]:
        window = self.window
        found = self._head(self._lex.copy)
        if found is None:
            yield Changed("copy", "", window.line())
            self._skip()
            return
        options = found.group("options").strip()
        if options and re.search(rb"CSV|DELIMITER|NULL|BINARY|FORMAT\s+(?!text)", options, re.I):
            raise SourceError(
                f"{window.name}: the COPY on line {window.line():,} has options of its own, and "
                "only COPY's plain text format is read. Export the table with pg_dump, or as CSV."
            )
        name = parse_name(found.group("name"), self._lex)
        columns = parse_columns(found.group("columns"), self._lex)
        wanted = self._wants(name, self.database)
        start_line, start = window.line(), window.offset()
        yield Begin(name, columns, self.database, start, start_line, self.delimiter)
        window.pos = found.end()
        yield from self._copied(wanted, start_line)
        yield End(window.offset())

    def _copied(self, wanted: bool, start_line: int) -> Iterator[Event]:
        window = self.window
        while True:
            data, pos = window.data, window.pos
            # The end is a line of its own; the place before it is part of the search.
            end = pos if _END_OF_COPY.match(data, pos) else -1
            if end < 0:
                found = _END_OF_COPY_LINE.search(data, pos)
                end = found.start() + 1 if found else -1
            if end >= 0:
                if wanted and end > pos:
                    yield CopyLines(data[pos:end], window.line())
                window.pos = end
                self._pass_line()
                return
            last = data.rfind(b"\n", pos) + 1
            # The line feed before the end's line must stay at hand with it: the last line waits.
            if last > pos:
                if wanted:
                    yield CopyLines(data[pos:last], window.line())
                window.pos = last
            if not window.more():
                if _END_OF_COPY.match(window.data, window.pos):
                    continue
                raise self.truncated("the data of a COPY", window.pos, start_line)

    # ------------------------------------------------------------ errors

    def truncated(self, what: str, pos: int, start_line: int = 0) -> SourceError:
        """The error for a script that ends too early."""
        window = self.window
        began = f" that began on line {start_line:,}" if start_line else ""
        return SourceError(
            f"{window.name} ends in the middle of {what}{began}, at byte "
            f"{window.offset(len(window.data)):,} (line "
            f"{window.line() + window.data.count(bytes((10,)), window.pos):,}): the file was "
            "probably cut short. Nothing of it is loaded as if it were complete. Transfer or "
            "export it again."
        )

    def _truncated_statement(self, start_line: int, start_offset: int) -> SourceError:
        return self.truncated("a statement", self.window.pos, start_line)


_STATEMENTS = frozenset({
    b"INSERT", b"REPLACE", b"CREATE", b"DROP", b"ALTER", b"UPDATE", b"DELETE", b"SET", b"COMMIT",
    b"BEGIN", b"USE", b"TRUNCATE", b"LOCK", b"UNLOCK", b"PRINT", b"EXEC",
})  # fmt: skip
_NOWHERE = frozenset({b"DUAL", b"SYS.DUAL", b"SYSIBM.SYSDUMMY1", b"RDB$DATABASE"})
_END_OF_COPY = re.compile(rb"\\\.[ \t]*\r?(?:\n|\Z)")
_END_OF_COPY_LINE = re.compile(rb"\n\\\.[ \t]*\r?(?:\n|\Z)")
