"""INSERT and REPLACE: where their rows stand, and regions of plain rows at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.sql.dialect import GENERIC, MYSQL, ORACLE, POSTGRESQL
from ispmig_pipelines.formats.sql.events import Begin, Changed, End, Event, OddRow, PlainRows
from ispmig_pipelines.formats.sql.names import Scope
from ispmig_pipelines.formats.sql.script import HEAD_LOOK, Script
from ispmig_pipelines.formats.sql.select import literal_rows
from ispmig_pipelines.formats.sql.tokens import Name, parse_columns, parse_name

GO = re.compile(rb"GO[ \t]*(?:\d+[ \t]*)?;?[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
"""The line that ends a batch in SQL Server."""

SLASH = re.compile(rb"/[ \t]*\r?(?:\n|\Z)")
"""The line that ends a statement in Oracle."""

_MOST_RUNS = 500
_WORD = re.compile(rb"[A-Za-z_]+")
_INSERT_ALL = re.compile(rb"INSERT\s+(?:ALL|FIRST)\b", re.IGNORECASE)
_UPSERT = re.compile(
    rb"\bON\s+(?:DUPLICATE\s+KEY\s+UPDATE|CONFLICT\b.*?\bDO\s+UPDATE)\b", re.I | re.S
)
_STATEMENTS = frozenset({
    b"INSERT", b"REPLACE", b"CREATE", b"DROP", b"ALTER", b"UPDATE", b"DELETE", b"SET", b"COMMIT",
    b"BEGIN", b"USE", b"TRUNCATE", b"LOCK", b"UNLOCK", b"PRINT", b"EXEC",
})  # fmt: skip


class Inserts:
    """Reads INSERT statements.

    Attributes:
        bare_end: the last INSERT ended with nothing to end it, although all before it were ended.
    """

    def __init__(self, script: Script, wants: Callable[[Name, Scope], bool]) -> None:
        """``wants``: see :class:`~ispmig_pipelines.formats.sql.walker.Walker`."""
        self._script = script
        self._wants = wants
        self._runs: dict[bytes, re.Pattern[bytes]] = {}
        self._into_runs: dict[bytes, re.Pattern[bytes]] = {}
        self._upsert_line = 0
        self._unended_line = 0
        self._last_is_bare = False
        self._ended_properly = 0
        self._ended_barely = 0

    @property
    def bare_end(self) -> bool:
        """The last INSERT ended with nothing to end it, although all before it were ended."""
        return (
            self._script.dialect.bare_ends
            and self._last_is_bare
            and self._ended_properly > 0
            and self._ended_barely == 1
        )

    def read(self) -> Iterator[Event]:
        """What the INSERT that begins here means."""
        window = self._script.window
        window.has(4096)
        if self._script.dialect.name in (ORACLE, GENERIC) and _INSERT_ALL.match(
            window.data, window.pos
        ):
            yield from self._insert_all()
            return
        found = self._script.head(self._script.lex.insert)
        if found is None:
            line = window.line()
            yield Changed("insert", "", line)
            self._script.pass_statement()
            return
        name = parse_name(found.group("name"), self._script.lex)
        columns = parse_columns(found.group("columns"), self._script.lex)
        if columns == ():
            columns = None
        verb = found.group("verb").upper()
        start, line = window.offset(), window.line()
        if verb.startswith(b"VALUE"):
            head = found.group()
            yield Begin(name, columns, self._script.scope, start, line, self._script.delimiter)
            window.pos = found.end()
            yield from self._values(head, self._wants(name, self._script.scope), line)
            yield End(window.offset())
            if self._upsert_line:
                yield Changed("upsert", name.text, self._upsert_line)
                self._upsert_line = 0
            if self._unended_line and not self._script.dialect.bare_ends:
                yield Changed("unended", name.text, self._unended_line)
        elif verb == b"SET" and self._script.dialect.name in (MYSQL, GENERIC):
            yield from self._insert_set(name, found.end(), start, line)
        elif verb == b"DEFAULT":
            yield Begin(name, columns, self._script.scope, start, line, self._script.delimiter)
            yield OddRow([], b"DEFAULT VALUES", line)
            self._script.pass_statement()
            yield End(window.offset())
        elif verb.endswith(b"SELECT"):
            yield from self._insert_select(name, columns, found.end(), start, line)
        else:
            yield Changed("insert", name.text, line)
            self._script.pass_statement()

    def _values(self, head: bytes, wanted: bool, start_line: int) -> Iterator[Event]:
        window = self._script.window
        while True:
            yield from self._list_of_rows(wanted, start_line)
            ended = self._end_of_values(start_line)
            if not ended:
                return
            # Most tables of a script may have one statement each: no pattern is made for these.
            if head not in self._runs and not self._head_may_follow(head):
                return
            run = self._run(head)
            if run is None:
                return
            while True:
                found = run.match(window.data, window.pos)
                if found is None or found.end() == window.pos:
                    if not self._head_may_follow(head):
                        return
                    if len(window.data) - window.pos < len(head) + HEAD_LOOK and window.more():
                        continue
                    return
                if wanted:
                    yield PlainRows(found.group(), head, window.line())
                window.pos = found.end()
                if self._script.dialect.bare_ends:
                    tail = found.group()[-3:].rstrip().upper()
                    self._ended_by(proper=tail.endswith((b";", b"GO")))
                    self._script.pass_blanks()
                    if window.data.startswith(b",", window.pos):
                        window.pos += 1
                        break
                elif len(window.data) - window.pos < HEAD_LOOK:
                    window.more()
            # SQL Server: the run ended within a list of rows, before a row that is not plain.

    def _head_may_follow(self, head: bytes) -> bool:
        """Whether the next statement may be one more with the same head."""
        window = self._script.window
        rest = window.data[window.pos : window.pos + len(head) + 64].lstrip()
        return rest.startswith(head) or head.startswith(rest)

    def _run(self, head: bytes) -> re.Pattern[bytes] | None:
        """Statements that begin with the very same head and hold nothing but plain rows."""
        if self._script.delimiter != b";" or b"'" in head or len(head) > 8192:
            return None
        run = self._runs.get(head)
        if run is None:
            if len(self._runs) >= _MOST_RUNS:
                self._runs.clear()
            end = (
                rb"(?:\s*+;)?+(?:\s++[gG][oO][ \t]*+\r?(?=\n))?+"
                if self._script.dialect.bare_ends
                else rb"(?:\s++ON\s++CONFLICT\s++DO\s++NOTHING)?+\s*+;"
                if self._script.dialect.name == POSTGRESQL
                else rb"\s*+;"
            )
            run = possessive.compiled(
                rb"(?:\s*+" + re.escape(head) + self._script.lex.rows.pattern + end + rb")++",
                re.DOTALL,
            )
            self._runs[head] = run
        return run

    def _list_of_rows(self, wanted: bool, start_line: int) -> Iterator[Event]:
        window = self._script.window
        while True:
            found = self._script.lex.rows.match(window.data, window.pos)
            if found is not None:
                if wanted:
                    yield PlainRows(found.group(), b"", window.line())
                window.pos = found.end()
            else:
                self._script.pass_blanks()
                row = self._odd_row(start_line)
                if row is None:
                    continue
                if wanted:
                    yield row
            self._script.pass_blanks()
            if window.data[window.pos : window.pos + 1] != b",":
                return
            window.pos += 1

    def _odd_row(self, start_line: int) -> OddRow | None:
        """The row that begins here, passed over; None where more had to be read to tell."""
        window = self._script.window
        data, pos = window.data, window.pos
        match = self._script.lex.token.match
        if data[pos : pos + 3].upper() == b"ROW":
            pos += 3
            passed = self._script.lex.space.match(data, pos)
            pos = passed.end() if passed else pos
        if data[pos : pos + 1] != b"(":
            if pos >= len(data) - 16 and window.more():
                return None
            if window.pos >= len(window.data):
                raise self._script.truncated("an INSERT statement", window.pos, start_line)
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
                    raise self._script.truncated("an INSERT statement", window.pos, start_line)
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
        window = self._script.window
        window.has(64)
        data, pos = window.data, window.pos
        if data.startswith(self._script.delimiter, pos):
            window.pos += len(self._script.delimiter)
            self._ended_by(proper=True)
            return True
        if pos >= len(data):
            self._unended_line = 0 if self._script.complete else start_line
            self._ended_by(proper=False)
            return False
        word_match = _WORD.match(data, pos)
        word = word_match.group().upper() if word_match else b""
        if word in (b"ON", b"RETURNING", b"AS", b"WITH"):
            if _UPSERT.search(self._script.pass_statement(keep=True)):
                self._upsert_line = start_line
            return True
        if word == b"GO" and GO.match(data, pos):
            self._script.pass_line()
            self._ended_by(proper=True)
            return True
        if self._script.dialect.bare_ends or (
            data[pos : pos + 1] == b"/" and SLASH.match(data, pos)
        ):
            self._ended_by(proper=False)
            return True
        if self._script.dialect.name == GENERIC and word in _STATEMENTS:
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
        window = self._script.window
        start, start_line = window.offset(), window.line()
        head = re.compile(rb"INSERT\s+(?:ALL|FIRST)\b", re.IGNORECASE).match(
            window.data, window.pos
        )
        window.pos = head.end() if head else window.pos + 6
        while True:
            self._script.pass_blanks()
            found = self._script.head(self._script.lex.into)
            if found is None:
                if not re.match(rb"SELECT\b", window.data[window.pos : window.pos + 8], re.I):
                    yield Changed("insert", "", start_line)
                self._script.pass_statement()
                return
            name = parse_name(found.group("name"), self._script.lex)
            columns = parse_columns(found.group("columns"), self._script.lex)
            yield Begin(
                name, columns, self._script.scope, start, start_line, self._script.delimiter
            )
            window.pos = found.end()
            wanted = self._wants(name, self._script.scope)
            row = self._one_row(start_line, found.group())
            if wanted:
                yield row
            run = self._into_run(found.group())
            if (more := run.match(window.data, window.pos)) is not None:
                if wanted:
                    yield PlainRows(more.group(), found.group(), window.line())
                window.pos = more.end()
            yield End(window.offset())

    def _into_run(self, head: bytes) -> re.Pattern[bytes]:
        """Rows of INSERT ALL that follow on each other with the very same head."""
        run = self._into_runs.get(head)
        if run is None:
            if len(self._into_runs) >= _MOST_RUNS:
                self._into_runs.clear()
            one = rb"(?:\s++" + re.escape(head) + self._script.lex.rows.pattern + rb")++"
            run = self._into_runs[head] = possessive.compiled(one, re.DOTALL)
        return run

    def _one_row(self, start_line: int, head: bytes) -> PlainRows | OddRow:
        """The single row that begins here, passed over."""
        window = self._script.window
        while True:
            plain = self._script.lex.rows.match(window.data, window.pos)
            if plain is not None:
                row = PlainRows(plain.group(), head, window.line())
                window.pos = plain.end()
                return row
            self._script.pass_blanks()
            odd = self._odd_row(start_line)
            if odd is not None:
                return odd

    def _insert_set(self, name: Name, at: int, start: int, line: int) -> Iterator[Event]:
        """MySQL's ``INSERT INTO t SET a = 1, b = 'x'``."""
        self._script.window.pos = at
        text = self._script.pass_statement(keep=True)
        columns: list[str] = []
        cells: list[bytes] = []
        depth, begun, named = 0, 0, True
        for found in self._script.lex.token.finditer(text):
            op = found.group() if found.lastgroup == "op" else b""
            depth += (op == b"(") - (op == b")")
            if depth == 0 and op == b"=" and named:
                columns.append(
                    parse_name(text[begun : found.start()].strip(), self._script.lex).parts[-1]
                )
                begun, named = found.end(), False
            elif depth == 0 and op == b",":
                cells.append(text[begun : found.start()])
                begun, named = found.end(), True
            elif depth == 0 and found.lastgroup == "word" and found.group().upper() == b"ON":
                text = text[: found.start()]
                break
        cells.append(text[begun:])
        yield Begin(name, tuple(columns), self._script.scope, start, line, self._script.delimiter)
        if self._wants(name, self._script.scope):
            yield OddRow(cells, text.strip(), line)
        yield End(self._script.window.offset())

    def _insert_select(
        self, name: Name, columns: tuple[str, ...] | None, at: int, start: int, line: int
    ) -> Iterator[Event]:
        """``INSERT … SELECT``: rows where it selects nothing but literals from nowhere."""
        self._script.window.pos = at
        text = self._script.pass_statement(keep=True)
        rows = literal_rows(text, self._script.lex)
        if rows is None:
            yield Changed("select", name.text, line)
            return
        yield Begin(name, columns, self._script.scope, start, line, self._script.delimiter)
        if self._wants(name, self._script.scope):
            for cells in rows:
                yield OddRow(cells, b", ".join(cells), line)
        yield End(self._script.window.offset())
