"""Passing over what stands in a script: blanks, comments, lines, statements, routines.

Nothing is executed; what stands in the bodies of triggers and procedures is no data.
"""

from __future__ import annotations

import re

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.sql.dialect import (
    GENERIC,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLSERVER,
    SqlDialect,
)
from ispmig_pipelines.formats.sql.names import NO_SCOPE, Scope
from ispmig_pipelines.formats.sql.tokens import Lexicon, lexicon
from ispmig_pipelines.formats.sql.window import Window

HEAD_LOOK = 1 << 16
"""How far the head of a statement may reach, up to its rows."""

_LONGEST_DEFINITION = 16 << 20
_GO_LINE = re.compile(rb"\n[ \t]*GO[ \t]*(?:\d+[ \t]*)?;?[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_SLASH_LINE = re.compile(rb"\n[ \t]*/[ \t]*\r?(?:\n|\Z)")
_NEXT_STATEMENT = re.compile(
    rb"\n\s*(?:(?:INSERT|CREATE|UPDATE|DELETE|USE|EXEC|EXECUTE|MERGE|DECLARE|IF)\s"
    rb"|(?:ALTER|TRUNCATE|DROP)\s+TABLE\s|BULK\s+INSERT\s)",
    re.IGNORECASE,
)
# In T-SQL these words begin a statement wherever they stand outside parentheses.
_TSQL_STATEMENTS = re.compile(
    rb"(?:INSERT|IF|WHILE|MERGE|DECLARE|UPDATE|DELETE|(?:CREATE|ALTER|DROP|TRUNCATE)\s+TABLE"
    rb"|BULK\s+INSERT)\b(?!\s*[,.=])",
    re.IGNORECASE,
)
_TSQL_KEYWORD = re.compile(
    rb"\b(?:INSERT|IF|WHILE|MERGE|DECLARE|UPDATE|DELETE|TABLE|BULK)\b", re.IGNORECASE
)
# FOR UPDATE, ON DELETE CASCADE, INSTEAD OF INSERT, DROP TABLE IF EXISTS, a.update
_TSQL_GOES_ON = frozenset({b"for", b"of", b"after", b".", b",", b"=", b"as"})
_TSQL_ACTIONS = frozenset({b"update", b"delete"})
_STATEMENT_LINE = re.compile(
    rb"[ \t]*(?:(?:INSERT|REPLACE|COPY|CREATE|DROP|ALTER|SET|LOCK|USE|BEGIN)\s|/\*M?!|SQL>)",
    re.IGNORECASE,
)
_REST_OF_LINE = re.compile(rb"[^\n]*(?:\n|\Z)")
_PLAIN = re.compile(rb"[^/\-#\s]++")


class Script:
    """Where reading stands in a script, and what holds there.

    Attributes:
        window: the part of the script that is at hand.
        dialect: how the script is written.
        lex: its words, as long as the delimiter stays.
        scope: what names without qualifiers mean here.
    """

    def __init__(
        self,
        window: Window,
        dialect: SqlDialect,
        *,
        scope: Scope = NO_SCOPE,
        delimiter: bytes = b"",
        complete: bool = False,
    ) -> None:
        """
        Args:
            delimiter: what ends a statement where reading begins, if not the dialect's own does.
            complete: the last statement may lack what ends it.
        """
        self.complete = complete
        self.window = window
        self.dialect = dialect
        self.scope = scope
        self.lex: Lexicon
        self.delimiter = delimiter or dialect.delimiter

    @property
    def delimiter(self) -> bytes:
        """What ends a statement now."""
        return self._delimiter

    @delimiter.setter
    def delimiter(self, delimiter: bytes) -> None:
        dialect = self.dialect
        self._delimiter = delimiter
        self.lex = lexicon(
            SqlDialect(dialect.name, dialect.backslash, delimiter, dialect.bare_ends)
        )

    def head(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        window = self.window
        look = HEAD_LOOK
        while True:
            found = pattern.match(window.data, window.pos)
            if found is not None and (found.end() < len(window.data) or window.final):
                return found
            if len(window.data) - window.pos >= look and found is None:
                return None
            if not window.more():
                return pattern.match(window.data, window.pos)

    def plain_head(self) -> bytes:
        """The beginning of the statement with its comments taken out."""
        window = self.window
        window.has(4096)
        text, at = b"", window.pos
        end = min(len(window.data), window.pos + 4096)
        for _ in range(64):
            found = _PLAIN.match(window.data, at, end)
            if found:
                text += found.group()
                at = found.end()
            passed = self.lex.space.match(window.data, at, end)
            if passed and passed.end() > at:
                text += b" "
                at = passed.end()
            elif not found:
                break
        return text

    def pass_blanks(self) -> None:
        """Passes over blanks and comments, up to something else or the end of the script."""
        window = self.window
        while True:
            found = self.lex.gap.match(window.data, window.pos)
            if found:
                window.pos = found.end()
            rest = window.data[window.pos : window.pos + 3]
            if rest and not self._may_be_comment(rest):
                return
            if window.more():
                continue
            if rest.startswith(b"/*") and self.lex.space.match(rest).end() == 0:  # type: ignore[union-attr]
                raise self.truncated("a comment", window.pos)
            found = self.lex.space.match(window.data, window.pos)
            if found:
                window.pos = found.end()
            return

    def _may_be_comment(self, rest: bytes) -> bool:
        """Whether what is left over by :attr:`Lexicon.gap` opens a comment, as far as can be
        told from its first three bytes."""
        name = self.dialect.name
        if rest[:1] == b"#":
            return name in (MYSQL, GENERIC)
        if len(rest) == 1:
            return rest in b"-/*"
        if rest[:2] == b"--":
            return name != MYSQL or len(rest) == 2 or rest[2] <= 32
        return rest[:2] == b"/*"

    def pass_line(self) -> None:
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

    def pass_statement(
        self, *, keep: bool = False, merge: bool = False, whole: bool = False
    ) -> bytes:
        """Passes over a statement to its end; with ``keep``, returns its text.

        Args:
            merge: it is a MERGE, which holds the words of other statements.
            whole: the next statement's first word within a line does not end it.

        Raises:
            SourceError: the script ends before the statement does.
        """
        window = self.window
        start_line, start_offset = window.line(), window.offset()
        kept: list[bytes] = []
        size = 0
        name = self.dialect.name
        first = window.pos
        apart = _Apart(self.lex) if name == SQLSERVER and not (merge or whole) else None
        while True:
            found = self.lex.skip.match(window.data, window.pos)
            end = found.end() if found else window.pos
            if apart is not None:
                if end >= len(window.data) and window.more():
                    first = window.pos
                    continue
                follows = apart.next_statement(window.data, window.pos, end)
                if follows is not None:
                    window.pos = follows
                    if keep:
                        kept.append(window.data[first:follows])
                    break
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
                if self.dialect.bare_ends or self.complete or name == ORACLE:
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
                if self.dialect.bare_ends and not merge and _NEXT_STATEMENT.match(data, pos):
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

    def pass_unknown(self) -> None:
        """Passes over what is no statement that is known, a line of a tool's log perhaps: to
        where a delimiter ends it, or before a line that begins like a statement.

        Raises:
            SourceError: the script ends before either.
        """
        window = self.window
        start_line = window.line()
        while True:
            begun = window.pos
            self._at_hand_line()
            end = window.data.find(b"\n", begun) + 1 or len(window.data)
            line = window.data[begun:end]
            stretch = self.lex.skip.match(line)
            at = stretch.end() if stretch else 0
            if line.startswith(self.delimiter, at):
                window.pos = begun + at + len(self.delimiter)
                return
            window.pos = end
            if line.rstrip().endswith(self.delimiter):
                return
            window.has(64)
            if _STATEMENT_LINE.match(window.data, window.pos):
                return
            if window.pos >= len(window.data):
                if self.dialect.bare_ends or self.complete or self.dialect.name == ORACLE:
                    return
                raise self._truncated_statement(start_line, window.offset())
            if self.dialect.name in (SQLSERVER, GENERIC) and (
                go := _GO_LINE.match(window.data, window.pos - 1)
            ):
                window.pos = go.end()
                return
            if self.dialect.name in (ORACLE, GENERIC) and (
                slash := _SLASH_LINE.match(window.data, window.pos - 1)
            ):
                window.pos = slash.end()
                return

    def _at_hand_line(self) -> None:
        """Sees to it that the line that begins here is at hand to its end."""
        window = self.window
        while window.data.find(b"\n", window.pos) < 0 and window.more():
            pass

    def pass_routine(self, *, oracle: bool, package: bool = False, depth: int = 0) -> None:
        """Passes over a trigger, procedure, function or block with all that is in it.

        Args:
            depth: how many blocks are open where reading stands.
        """
        window = self.window
        start_line, start_offset = window.line(), window.offset()
        name = self.dialect.name
        if self.delimiter != b";":
            self.pass_statement()
            return
        parentheses, ended, before = 0, False, b""
        while True:
            data, pos = window.data, window.pos
            found = self.lex.token.match(data, pos)
            if (found is None or found.end() >= len(data) - 64) and window.more():
                continue
            data, pos = window.data, window.pos
            if pos >= len(data):
                if name in (SQLSERVER, ORACLE):
                    return
                raise self._truncated_statement(start_line, start_offset)
            found = self.lex.token.match(data, pos)
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
                elif word == b"end":
                    depth -= 1
                    ended = True
                before = word
            elif found.group() == b";":
                before = b""
                if name == SQLSERVER or package:
                    continue
                if depth <= 0 and parentheses <= 0 and (not oracle or ended):
                    return
            else:
                # CREATE RULE … DO (INSERT …; INSERT …)
                parentheses += (found.group() == b"(") - (found.group() == b")")
                before = b""

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


class _Apart:
    """Tells where one T-SQL statement ends and the next begins, with nothing between them."""

    def __init__(self, lex: Lexicon) -> None:
        self._token = lex.token
        self._depth = 0
        self._before = b""
        self._words = 0

    def next_statement(self, data: bytes, pos: int, end: int) -> int | None:
        """Where in the next stretch of the statement another one begins; None where none does."""
        keywords = _TSQL_KEYWORD.search(data, pos, end) is not None
        if not keywords and not self._depth and data.find(b"(", pos, end) < 0:
            self._words += end > pos
            self._before = (
                data[pos:end].rsplit(None, 1)[-1].lower()
                if data[pos:end].strip()
                else (self._before)
            )
            return None
        while pos < end and (found := self._token.match(data, pos, end)):
            kind, text = found.lastgroup, found.group()
            if kind == "word" and self._begins(data, found, text.lower()):
                return pos
            self._depth += (text == b"(") - (text == b")")
            if kind != "space":
                self._before = text.lower()
                self._words += 1
            pos = found.end()
        return None

    def _begins(self, data: bytes, found: re.Match[bytes], word: bytes) -> bool:
        if self._depth > 0 or not self._words or self._before in _TSQL_GOES_ON:
            return False
        if self._before == b"on" and word in _TSQL_ACTIONS:
            return False
        if self._before == b"table" and word == b"if":
            return False
        return _TSQL_STATEMENTS.match(data, found.start()) is not None
