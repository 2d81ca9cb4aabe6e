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
        self, *, keep: bool = False, merge: bool = False, at_least: int = 0
    ) -> bytes:
        """Passes over a statement to its end; with ``keep``, returns its text.

        Raises:
            SourceError: the script ends before the statement does.
        """
        window = self.window
        start_line, start_offset = window.line(), window.offset()
        kept: list[bytes] = []
        size = 0
        name = self.dialect.name
        first = window.pos
        while True:
            found = self.lex.skip.match(window.data, window.pos)
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

    def pass_routine(self, *, oracle: bool, package: bool = False) -> None:
        """Passes over a trigger, procedure, function or block with all that is in it."""
        window = self.window
        start_line, start_offset = window.line(), window.offset()
        name = self.dialect.name
        if self.delimiter != b";":
            self.pass_statement()
            return
        depth, parentheses, ended, before = 0, 0, False, b""
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
