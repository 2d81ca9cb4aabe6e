"""The physical lines of a CSV's sample: what ends them, and where some of them are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def line_ends(sample: str) -> tuple[bool, str]:
    """Whether a lone carriage return ends a line, and what ends most lines."""
    both = sample.count("\r\n")
    lone = len(re.findall(r"\r(?!\r*\n)", sample.removesuffix("\r")))
    feeds = sample.count("\n") - both
    lines = both + feeds
    if lone and (not lines or lone > lines):
        return True, "CR" if not lines else "mixed"
    if lone and lone * 4 > lines and '"' not in sample:
        return True, "mixed"
    if both and feeds and min(both, feeds) * 20 > lines:
        return False, "mixed"
    return False, "CRLF" if both > feeds else "LF"


def whole_lines(sample: str, any_newline: bool) -> str:
    """The text without the line that it breaks off in."""
    end = max(sample.rfind("\n"), sample.rfind("\r") if any_newline else -1)
    return sample[: end + 1] if end >= 0 else sample


def after_lines(sample: str, count: int, any_newline: bool) -> str:
    """What follows the first ``count`` lines."""
    pattern = re.compile(r"\r\n|\n|\r" if any_newline else r"\n")
    at = 0
    for _ in range(count):
        found = pattern.search(sample, at)
        if found is None:
            return ""
        at = found.end()
    return sample[at:]


_MARK = "\ufeff".encode()
_LINE_BEGINNINGS = (b"\n", b"\n\r", b"\n\xef", b"\n\xef\xbb", b"\n\r\xef", b"\n\r\xef\xbb")


def ends_in_reverse(sample: bytes) -> bool:
    """Whether lines end in a line feed and then a carriage return."""
    reverse, feeds = sample.count(b"\n\r"), sample.count(b"\n")
    # Only a blank line has CR LF in it, after a line feed.
    return reverse >= max(0.9 * feeds - 1, 1) and not re.search(rb"(?<!\n)\r\n", sample)


def without_stray_marks(blocks: Iterable[bytes], reverse: bool) -> Iterator[bytes]:
    """The blocks without byte order marks at the beginning of the file and of its lines.

    Files put one after the other leave the mark of the second there, where it would be part of
    a cell, or of a name. One in a quoted cell that goes over several lines is part of that cell.

    Args:
        blocks: UTF-8.
        reverse: lines end in ``\\n\\r``; they come out as ``\\n``.
    """
    kept = b""
    fresh, quoted = True, False
    for block in blocks:
        text = kept + block if kept else block
        if fresh:
            text = text.removeprefix(_MARK)
            fresh = False
        kept = next((end for end in _LINE_BEGINNINGS if text.endswith(end)), b"")
        if kept:
            # A mark or a line end may go on in the next block.
            text = text[: -len(kept)]
        cleaned, quoted = _without_marks(text, reverse, quoted)
        yield cleaned
    if kept:
        yield _without_marks(kept, reverse, quoted)[0]


def _without_marks(text: bytes, reverse: bool, quoted: bool) -> tuple[bytes, bool]:
    """The text without marks, and whether it ends inside of quotes.

    Args:
        quoted: it begins inside of quotes. Doubled ones leave it as it was.
    """
    if reverse:
        text = text.replace(b"\n\r", b"\n")
    marked = b"\n" + _MARK
    pieces = []
    for index, piece in enumerate(text.split(marked) if marked in text else [text]):
        if index:
            pieces.append(marked if quoted else b"\n")
        pieces.append(piece)
        quoted ^= piece.count(b'"') % 2 == 1
    return pieces[0] if len(pieces) == 1 else b"".join(pieces), quoted
