"""Why a record of a CSV cannot be taken, in the words of its rule."""

from __future__ import annotations

import numpy as np

Fault = tuple[str, str, str]
"""Rule, what was found, what would be accepted; see :class:`~.records.Reject`."""

ZERO_BYTE: Fault = ("record.unreadable", "", "it holds a zero byte, which no text can hold")
HEADER_AGAIN: Fault = ("record.unreadable", "", "it is the header once more, and no record")

_QUOTING = {
    "open": "a quote is opened and not closed",
    "inner": "text stands between a closing quote and the next delimiter",
    "astray": "a quote inside an unquoted cell closes in another one: a delimiter is missing "
    "before it",
}


def ragged(cells: int, width: int) -> Fault:
    """The record has ``cells`` cells, and the header ``width``."""
    return "record.ragged", str(cells), str(width)


def not_encoded(encoding: str) -> Fault:
    """The record has bytes that are not valid in the file's encoding."""
    return "record.encoding", "", encoding


def quoting(fault: str) -> Fault:
    """The record's quotes do not add up; ``fault`` as in :class:`~.csv_tokens.Token`."""
    default = "a quoted cell runs over its line and the record has the wrong number of cells"
    return "record.unreadable", "", _QUOTING.get(fault, default)


def clean_length(text: bytes) -> int:
    """How much of the text, from its beginning, is free of invalid and zero bytes for certain."""
    length = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    zero = text.find(b"\0", 0, length)
    if zero >= 0:
        length = zero
    try:
        str(memoryview(text)[:length], "utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return length


def byte_faults(
    data: bytes, used: int, ends: np.ndarray, skipped: np.ndarray, encoding: str
) -> dict[int, Fault]:
    """Records (by place) with bytes that are not valid, or that are zero.

    Args:
        data: the block; its first ``used`` bytes are looked at.
        ends: where each record ends.
        skipped: which of them are no records.
    """
    faults: dict[int, Fault] = {}
    place = data.find(b"\0", 0, used)
    while place >= 0:
        i = int(np.searchsorted(ends, place))
        if not skipped[i]:
            faults[i] = ZERO_BYTE
        place = data.find(b"\0", int(ends[i]) + 1, used) if i < ends.size - 1 else -1
    view = memoryview(data)[:used]
    start = 0
    while start < used:
        try:
            str(view[start:], "utf-8")
            break
        except UnicodeDecodeError as error:
            i = int(np.searchsorted(ends, start + error.start))
            if not skipped[i]:
                faults[i] = not_encoded(encoding)
            start = int(ends[i]) + 1
    return faults


def header_faults(
    data: bytes, used: int, starts: np.ndarray, text_ends: np.ndarray, header: bytes
) -> dict[int, Fault]:
    """Records (by place) that are the header once more, as in exports joined to one file.

    Args:
        header: its text, as it would stand in ``data``; empty where there is none.
    """
    faults: dict[int, Fault] = {}
    place = data.find(header, 0, used) if header else -1
    while place >= 0:
        i = int(np.searchsorted(starts, place, side="right")) - 1
        if starts[i] == place and text_ends[i] == place + len(header):
            faults[i] = HEADER_AGAIN
        place = data.find(header, place + len(header), used)
    return faults
