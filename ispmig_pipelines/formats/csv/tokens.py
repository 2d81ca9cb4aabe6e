"""From bytes of CSV to the cells of one record: the meaning of a dialect, exactly.

This module *is* the definition of how a CSV is read. The fast path of
:mod:`ispmig_pipelines.formats.csv.reader` reads only what it can prove to mean the same.

All functions work on UTF-8 bytes, which never hold a delimiter's byte inside another character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.csv.dialect import CsvDialect

Cells = list[bytes | None]

_MOST_SOUND_CELLS = 300


@dataclass(frozen=True, slots=True)
class Token:
    """One record as it stands.

    Attributes:
        cells: its cells, or None where it cannot be told into cells.
        end: where the record's text ends.
        after: where the next record begins.
        fault: "" or what is wrong: ``open`` (a quote is never closed), ``inner`` (text stands
            between a closing quote and the delimiter), ``astray`` (a quote inside an unquoted
            cell pairs with one in another cell, in a record that quotes its cells: a delimiter
            is missing before a quoted cell, which fell to pieces).
    """

    cells: Cells | None
    end: int
    after: int
    fault: str = ""


class Tokenizer:
    """Reads records of one dialect out of a buffer."""

    def __init__(self, dialect: CsvDialect, *, max_cell_bytes: int, width: int = 0) -> None:
        """
        Args:
            max_cell_bytes: a quoted cell longer than this counts as never closed.
            width: how many cells a sound record has, where that is known.
        """
        self.delimiter = dialect.delimiter.encode()
        self.quote = dialect.quote.encode()
        self.backslash = dialect.escape == "backslash"
        self.any_newline = dialect.any_newline
        self.empty_is_null = dialect.empty_is_null
        self._max = max_cell_bytes
        self._spaced = dialect.spaced
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        one = len(self.delimiter) == 1
        line_end = rb"\r\n" if self.any_newline else rb"\n"
        plain = b"[^" + (d if one else b"") + line_end + (rb"\\" if self.backslash else b"") + b"]"
        if not one:
            plain = b"(?!" + d + b")" + plain
        escaped = rb"|\\(?:\r\n|.|\Z)" if self.backslash else b""
        bare = b"(?:" + plain + escaped + b")*+"
        self._unquoted = possessive.compiled(bare, re.DOTALL)
        self.newline = re.compile(rb"\r\n|\n|\r" if self.any_newline else rb"\r*\n")
        blanks = rb"[ ]*+" if self._spaced else b""
        if self.quote:
            inside = b"[^" + q + (rb"\\" if self.backslash else b"") + b"]"
            escaped = rb"|\\." if self.backslash else b""
            within = b"(?:" + inside + b"++|" + q + q + escaped + b")*+"
            self._quoted = possessive.compiled(
                blanks + q + b"(" + within + b")" + q + blanks, re.DOTALL
            )
            self._opening = re.compile(blanks + q)
            rest = b"(?=" + d + rb"|\Z)"
            # A quote that no delimiter and no line end follows is text; pairs are kept together.
            self._lenient = possessive.compiled(
                blanks + q + b"((?:[^" + q + b"]++|" + q + q + b"|" + q + b"(?!" + blanks
                + b"(?:" + d + rb"|\Z)))*+)" + q + blanks + rest,
                re.DOTALL,
            )  # fmt: skip
        closing = b"(" + d + b"|" + self.newline.pattern + rb"|\Z)"
        not_quoted = b"(" + self._unquoted.pattern + b")"
        # One cell with what ends it, in one match: the common case, three times as fast.
        self._cell = possessive.compiled(
            b"(?:" + self._quoted.pattern + b"|(?!" + self._opening.pattern + b")" + not_quoted
            + b")" + closing
            if self.quote
            else b"()" + not_quoted + closing,
            re.DOTALL,
        )  # fmt: skip
        self._sound = None
        if self.quote and width and not self._spaced and width <= _MOST_SOUND_CELLS:
            # Each cell is possessive, so a record that does not fit fails at once.
            cell = b"((?>" + q + within + q + b"|(?!" + q + b")"
            cell += bare.replace(b"[^", b"[^" + q, 1) + b"))"
            self._sound = possessive.compiled(
                d.join([cell] * width) + b"(?:" + self.newline.pattern + b")", re.DOTALL
            )
        self._unescape = re.compile(
            rb"\\("
            + d
            + (b"|" + q if q else b"")
            + rb"|\r\n|[\\\r\n])"
            + (b"|" + q + q if q else b""),
        )
        self._unescape_plain = re.compile(
            rb"\\(" + d + (b"|" + q if q else b"") + rb"|\r\n|[\\\r\n])"
        )

    def sound_record(self, buffer: bytes, start: int) -> tuple[Cells, int] | None:
        """Cells and end of a record of the known width, in one match; None where it is not
        plainly one: then :meth:`record` has the word. Several times as fast as that."""
        if self._sound is None:
            return None
        found = self._sound.match(buffer, start)
        if found is None or found.end() >= len(buffer) or found.end() - start > self._max:
            return None
        raw = found.groups()
        quote = self.quote
        if self.backslash:
            cells: Cells = [
                self._unquote(cell[1:-1]) if cell[:1] == quote else self._plain(cell)
                for cell in raw
            ]
        else:
            twice = quote * 2
            nothing = None if self.empty_is_null else b""
            cells = [
                cell or nothing
                if cell[:1] != quote
                else cell[1:-1]
                if twice not in cell
                else cell[1:-1].replace(twice, quote)
                for cell in raw
            ]
        if not self.any_newline and raw[-1][-1:] == b"\r" and raw[-1][:1] != quote:
            cells[-1] = self._plain(raw[-1].rstrip(b"\r"))
        return cells, found.end()

    def line_end(self, buffer: bytes, start: int, *, final: bool) -> tuple[int, int] | None:
        """``(end, after)`` of the physical line at ``start``; None when more input is needed."""
        if not self.any_newline:
            found = buffer.find(b"\n", start)
            if found >= 0:
                end = found
                while end > start and buffer[end - 1] == 13:
                    end -= 1
                return end, found + 1
        else:
            match = self.newline.search(buffer, start)
            if match is not None and (final or match.end() < len(buffer) or match.group() != b"\r"):
                return match.start(), match.end()
        if not final:
            return None
        end = len(buffer)
        while end > start and buffer[end - 1] == 13:
            end -= 1
        return end, len(buffer)

    def record(self, buffer: bytes, start: int, *, final: bool) -> Token | None:
        """The record that begins at ``start``; None when more input is needed to tell.

        Args:
            final: the buffer ends where the file ends.
        """
        delimiter = self.delimiter
        if not self.backslash:
            line = self.line_end(buffer, start, final=final)
            if line is None:
                if not self.quote or buffer.find(self.quote, start) < 0:
                    return None
            else:
                end, after = line
                if not self.quote or buffer.find(self.quote, start, end) < 0:
                    cells: Cells = list(buffer[start:end].split(delimiter))
                    return Token(self._nulled(cells) if self.empty_is_null else cells, end, after)
        return self._scan(buffer, start, final=final)

    def _scan(self, buffer: bytes, start: int, *, final: bool) -> Token | None:
        cells: Cells = []
        delimiter, quote = self.delimiter, self.quote
        at, size, step = start, len(buffer), len(delimiter)
        one_cell = self._cell.match
        quoted, pending, astray = False, False, False
        while True:
            found = one_cell(buffer, at)
            if found is not None and (final or found.end() < size):
                inside, outside, ending = found.groups()
                if outside is not None:
                    if ending != delimiter and not self.any_newline:
                        outside = outside.rstrip(b"\r")
                    if quote and quote in outside and outside.count(quote) % 2:
                        astray = astray or (pending and outside.endswith(quote))
                        pending = pending or not outside.endswith(quote)
                    cells.append(self._plain(outside))
                elif len(inside) > self._max:
                    return Token(None, size, size, "open")
                else:
                    quoted = True
                    cells.append(self._unquote(inside))
                at = found.end()
                if ending == delimiter:
                    continue
                end = found.start(3)
                while not self.any_newline and end > start and buffer[end - 1] == 13:
                    end -= 1
                if quoted and astray:
                    return Token(None, end, at, "astray")
                return Token(cells, end, at)
            if self.quote and (opening := self._opening.match(buffer, at)):
                match = self._quoted.match(buffer, at)
                if match is None:
                    if not final and size - opening.end() <= self._max + 1:
                        return None
                    return Token(None, size, size, "open")
                if match.end(1) - match.start(1) > self._max:
                    return Token(None, size, size, "open")
                at = match.end()
                # The end of the buffer may hide the second of two quotes, or what follows.
                if at + step >= size and not final:
                    return None
                quoted = True
                cells.append(self._unquote(match.group(1)))
            else:
                match = self._unquoted.match(buffer, at)
                assert match is not None  # noqa: S101 - the pattern matches the empty text
                at = match.end()
                if at + step >= size and not final:
                    return None
                cells.append(None)
                text = match.group()
                if not self.any_newline and (at == size or buffer[at] == 10):
                    text = text.rstrip(b"\r")
                if quote and quote in text and text.count(quote) % 2:
                    astray = astray or (pending and text.endswith(quote))
                    pending = pending or not text.endswith(quote)
                cells[-1] = self._plain(text)
            if buffer.startswith(self.delimiter, at):
                at += step
                continue
            newline = self.newline.match(buffer, at)
            if newline is not None:
                if newline.end() == size and newline.group() == b"\r" and not final:
                    return None
                # An unquoted last cell has swallowed the carriage returns before the line feed.
                end = newline.start()
                while not self.any_newline and end > start and buffer[end - 1] == 13:
                    end -= 1
                if quoted and astray:
                    return Token(None, end, newline.end(), "astray")
                return Token(cells, end, newline.end())
            if not buffer[at:].strip(b"\r"):
                if final and quoted and astray:
                    return Token(None, at, size, "astray")
                if final:
                    return Token(cells, at, size)
                return None
            return Token(None, at, at, "inner")

    def repaired(self, line: bytes, columns: int) -> Cells | None:
        """The cells of one physical line whose quoted cells have bare quotes inside.

        A bare quote is read as text where that is the one reading that gives as many cells as
        the header has: ``1,"12" monitor",x``. None where it does not.
        """
        cells = self.lenient(line)
        return cells if cells is not None and len(cells) == columns else None

    def lenient(self, line: bytes) -> Cells | None:
        """The cells of one physical line, bare quotes inside quoted cells read as text.

        None where that is no reading either: a quote is left open, or text follows it.
        """
        if self.backslash or not self.quote:
            return None
        cells: Cells = []
        at = 0
        while True:
            if self._opening.match(line, at):
                match = self._lenient.match(line, at)
                if match is None:
                    return None
                cells.append(match.group(1).replace(self.quote * 2, self.quote))
            else:
                match = self._unquoted.match(line, at)
                assert match is not None  # noqa: S101 - the pattern matches the empty text
                cells.append(self._plain(match.group()))
            at = match.end()
            if at == len(line):
                return cells
            if not line.startswith(self.delimiter, at):
                return None
            at += len(self.delimiter)

    def begins_sound(self, buffer: bytes, start: int, columns: int, *, final: bool) -> bool | None:
        """Whether at ``start`` a record begins beyond doubt: right count, every quote in place.

        None when more input is needed to tell.
        """
        token = self.record(buffer, start, final=final)
        if token is None:
            return None
        if token.cells is None or len(token.cells) != columns:
            return False
        text = buffer[start : token.end]
        if not self.quote or self.quote not in text:
            return True
        at = 0
        while at <= len(text):
            if self._opening.match(text, at):
                match = self._quoted.match(text, at)
            else:
                match = self._unquoted.match(text, at)
                if match is not None and self.quote in match.group():
                    return False
            if match is None:
                return False
            at = match.end() + len(self.delimiter)
        return True

    def _plain(self, text: bytes) -> bytes | None:
        if not text:
            return None if self.empty_is_null else text
        if self.backslash and b"\\" in text:
            if text == rb"\N":
                return None
            return self._unescape_plain.sub(rb"\1", text)
        return text

    def _unquote(self, text: bytes) -> bytes:
        if self.backslash and b"\\" in text:
            return self._unescape.sub(lambda m: m.group(1) or self.quote, text)
        return text.replace(self.quote * 2, self.quote) if self.quote in text else text

    @staticmethod
    def _nulled(cells: Cells) -> Cells:
        return [cell or None for cell in cells]
