"""A block of CSV made plain for vector operations: one byte ends a line, one stands between cells.

Escapes, delimiters of several characters and carriage returns become single bytes or pairs of
bytes that stand nowhere else in the block. What was replaced inside cells is put back in the
columns. Where a block cannot be made plain, the tolerant part reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.csv.tokens import Tokenizer

_DELIMITER = b"\x1f"
_BACKSLASH = b"\x1c\x1d"
_QUOTE = b"\x1c\x1e"


@dataclass(frozen=True)
class PlainBlock:
    """The block, and how to get back to what it was.

    Attributes:
        text: the block made plain.
        delimiter: one byte.
        final: the file ends with it.
        stands_for: what stands in the text for what, both in the text's order of replacing.
        unescaped: what these mean inside a cell.
        grown: how much longer each delimiter was.
        lines_shrunk: where lines ended in two bytes, the text as it was; else None.
    """

    text: bytes
    delimiter: bytes
    final: bool
    stands_for: tuple[tuple[bytes, bytes], ...] = ()
    unescaped: tuple[tuple[str, str], ...] = ()
    grown: int = 0
    lines_shrunk: bytes | None = None

    def original(self, text: bytes) -> bytes:
        """A piece of the text as it stands in the file."""
        for stand_in, original in self.stands_for:
            text = text.replace(stand_in, original)
        return text

    def stand_in(self, text: bytes) -> bytes:
        """A piece of the file as it would stand in the text."""
        for stand_in, original in reversed(self.stands_for):
            text = text.replace(original, stand_in)
        return text

    def original_length(self, used: int) -> int:
        """How many bytes of the file the first ``used`` bytes of the text are, whole lines."""
        if not used:
            return 0
        if self.lines_shrunk is not None:
            if used == len(self.text):
                return len(self.lines_shrunk)
            return _end_of_line(self.lines_shrunk, self.text.count(b"\n", 0, used))
        if self.grown:
            return used + self.grown * self.text.count(_DELIMITER, 0, used)
        return used

    def cells_restored(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns with what the stand-ins in their cells mean."""
        if not self.unescaped:
            return batch
        columns = []
        for column in batch.columns:
            data = column.buffers()[2]
            held = data.to_pybytes() if data is not None else b""
            for stand_in, meant in self.unescaped:
                if stand_in.encode() in held:
                    column = pc.replace_substring(column, stand_in, meant)
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def plain_block(data: bytes, tokens: Tokenizer, *, final: bool) -> PlainBlock | None:
    """Makes a block plain, as far as it goes; None where that cannot be done.

    Args:
        tokens: of the dialect that the block is written in.
        final: the file ends where the block ends.
    """
    delimiter, quote = tokens.delimiter, tokens.quote
    text = data
    stands_for: list[tuple[bytes, bytes]] = []
    unescaped: list[tuple[str, str]] = []
    if tokens.backslash and b"\\" in text:
        if b"\x1c" in text or b"\\" in delimiter:
            return None
        text = text.replace(b"\\\\", _BACKSLASH)
        stands_for.append((_BACKSLASH, b"\\\\"))
        unescaped.append((_BACKSLASH.decode(), "\\"))
        if quote:
            text = text.replace(b"\\" + quote, _QUOTE)
            stands_for.insert(0, (_QUOTE, b"\\" + quote))
            unescaped.append((_QUOTE.decode(), quote.decode()))
        # What is left stands for itself, but before a delimiter or a line end.
        place = min(
            (at for mark in (delimiter, b"\n", b"\r") if (at := text.find(b"\\" + mark)) >= 0),
            default=-1,
        )
        if place >= 0:
            text, final = text[:place], False
    quoted = bool(quote) and quote in text
    lines_shrunk = None
    if tokens.any_newline and b"\r" in text:
        if b"\n" in text and quoted:
            return None
        if not final:
            # The next block may begin with the line feed of a last carriage return.
            body = text[:-1] if text.endswith(b"\r") else text
            text = text[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
        if b"\n" in text:
            lines_shrunk = text
            text = text.replace(b"\r\n", b"\n")
        elif quoted:
            unescaped.append(("\n", "\r"))
        text = text.replace(b"\r", b"\n")
        if lines_shrunk is None:
            stands_for.insert(0, (b"\n", b"\r"))
    grown = 0
    if len(delimiter) > 1:
        if _DELIMITER in text or lines_shrunk is not None:
            return None
        text = text.replace(delimiter, _DELIMITER)
        stands_for.insert(0, (_DELIMITER, delimiter))
        if quoted:
            unescaped.append((_DELIMITER.decode(), delimiter.decode()))
        grown = len(delimiter) - 1
        delimiter = _DELIMITER
    return PlainBlock(
        text, delimiter, final, tuple(stands_for), tuple(unescaped), grown, lines_shrunk
    )


def _end_of_line(text: bytes, lines: int) -> int:
    """Where the ``lines``-th line ends, its line end included."""
    at = 0
    for _ in range(lines):
        feed, ret = text.find(b"\n", at), text.find(b"\r", at)
        if ret >= 0 and (feed < 0 or ret < feed):
            at = ret + (2 if text[ret + 1 : ret + 2] == b"\n" else 1)
        elif feed >= 0:
            at = feed + 1
        else:
            return len(text)
    return at
