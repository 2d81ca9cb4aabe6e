"""One JSON value from its text, strictly and exactly: the meaning of JSON here.

RFC 8259 and nothing beside it: no NaN, no comments, no trailing commas, no single quotes.
Numbers keep the text they have in the source (``1.10`` stays ``1.10``, ``1E3`` stays ``1E3``):
they never become binary floats. This module is the definition; what the fast path of
:mod:`ispmig_pipelines.formats.json.columns` reads must mean the same.
"""

from __future__ import annotations

import json
import re
from codecs import utf_8_decode
from dataclasses import dataclass
from typing import Any

from ispmig_pipelines.formats import possessive

_FIRST_PROBE = 16 << 10
# A break closer to the end of what is there than this may be the cut of a literal or an escape.
_NEAR_END = 32

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """A number, as its text in the source."""

    __slots__ = ()


class BrokenJson(ValueError):
    """The text is no JSON; ``at`` is the byte where that shows, ``cut`` that it merely ends."""

    def __init__(self, reason: str, at: int, *, cut: bool = False, encoding: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at
        self.cut = cut
        self.encoding = encoding


@dataclass(frozen=True)
class Unfit:
    """A value that is well-formed and yet cannot be a record; ``reason`` in words."""

    reason: str


class Repeated(dict[str, Any]):
    """An object in which a key stands more than once.

    The first value keeps the key; the later ones are under ``key_2``, ``key_3``, as the names of
    equal columns of a CSV are made. ``pairs`` are the members as they stand in the source,
    ``added`` the keys that were made.
    """

    __slots__ = ("added", "pairs")

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs
        self.added: list[str] = []
        wanted = {key for key, _ in pairs}
        counts: dict[str, int] = {}
        super().__init__()
        for key, value in pairs:
            name = key
            while name in self or (name != key and name in wanted):
                counts[key] = counts.get(key, 1) + 1
                name = f"{key}_{counts[key]}"
            if name != key:
                self.added.append(name)
            self[name] = value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=Number,
    parse_int=Number,
    parse_constant=_no_constant,
)

HALF = "an escape names half a character (an unpaired surrogate)"
DEEP = "it is nested deeper than {limit} levels"
LONG = "a cell is longer than {limit:,} bytes"


def parse(
    data: bytes, at: int, *, final: bool, max_depth: int, probe: int = _FIRST_PROBE
) -> tuple[Any, int] | None:
    """The value that begins at byte ``at``, and the byte after it.

    Args:
        data: UTF-8; what is invalid in it is found out only as far as the value reaches.
        final: the source ends where ``data`` ends.
        probe: bytes to look at first; best a little more than the value has.

    Returns:
        the value (:class:`Unfit` where it is well-formed and cannot be used), or None when more
        input is needed to tell.

    Raises:
        BrokenJson: there is no JSON value.
    """
    size = probe
    while True:
        piece = data[at : at + size]
        reaches_end = at + size >= len(data)
        bad: int | None = None
        try:
            text, _ = utf_8_decode(piece, "strict", False)
        except UnicodeDecodeError as error:
            bad = error.start
            text = piece[:bad].decode("utf-8")
        else:
            if reaches_end and final:
                try:
                    text = piece.decode("utf-8")
                except UnicodeDecodeError as error:
                    bad = error.start
        found = _attempt(text, complete=reaches_end and final and bad is None, depth=max_depth)
        if isinstance(found, _Break):
            where = at + _byte_length(text, found.at, piece)
            raise BrokenJson(found.reason, where, cut=found.cut)
        if found is not None:
            value, end = found
            return value, at + _byte_length(text, end, piece)
        if bad is not None:
            raise BrokenJson("the bytes are not valid UTF-8", at + bad, encoding=True)
        if reaches_end:
            return None
        size *= 4


def _byte_length(text: str, characters: int, piece: bytes) -> int:
    return characters if piece.isascii() else len(text[:characters].encode())


@dataclass(frozen=True)
class _Break:
    reason: str
    at: int
    cut: bool = False


def _attempt(text: str, *, complete: bool, depth: int) -> tuple[Any, int] | _Break | None:
    try:
        value, end = _STRICT.raw_decode(text)
    except RecursionError:
        return _Break(DEEP.format(limit=depth), 0)
    except json.JSONDecodeError as error:
        open_string = error.msg.startswith("Unterminated string")
        if not complete and (open_string or error.pos >= len(text) - _NEAR_END):
            return None
        rest = text[error.pos : error.pos + _NEAR_END].strip(" \t\n\r")
        begun = any(word.startswith(rest) for word in ("true", "false", "null", "-", "\\u"))
        cut = complete and (open_string or begun)
        return _Break(_in_words(error.msg), error.pos, cut)
    except ValueError as error:
        # NaN and Infinity: Python reads them, JSON does not have them.
        at = _outside_strings(text, str(error))
        return _Break("NaN and Infinity are no JSON numbers", at)
    # A number or a word may go on behind what is there.
    if not complete and text[end - 1] not in '"]}' and len(text) - end < _NEAR_END:
        return None
    opened = text.count("{", 0, end) + text.count("[", 0, end)
    if opened > depth and deeper_than(value, depth):
        return Unfit(DEEP.format(limit=depth)), end
    if "\\u" in text[:end] and _has_lone_surrogate(value):
        return Unfit(HALF), end
    return value, end


def _in_words(message: str) -> str:
    return {
        "Expecting value": "a value is expected",
        "Expecting property name enclosed in double quotes": "a key in double quotes is expected",
        "Expecting ':' delimiter": "a colon is expected",
        "Expecting ',' delimiter": "a comma or a closing bracket is expected",
        "Unterminated string starting at": "a string begins here that does not end",
        "Invalid control character at": "a control character stands unescaped in a string",
        "Illegal trailing comma before end of object": "a comma stands before a closing brace",
        "Illegal trailing comma before end of array": "a comma stands before a closing bracket",
    }.get(message, "an escape in a string is not one of JSON's")


_STRING_OR_CONSTANT = possessive.compiled(r'"(?:[^"\\]|\\.)*+"|-?Infinity|NaN', re.DOTALL)


def _outside_strings(text: str, word: str) -> int:
    for found in _STRING_OR_CONSTANT.finditer(text):
        if found.group() == word:
            return found.start()
    return 0


def _has_lone_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return _LONE_SURROGATE.search(value) is not None
    if isinstance(value, dict):
        return any(
            _LONE_SURROGATE.search(key) is not None or _has_lone_surrogate(inner)
            for key, inner in value.items()
        )
    if isinstance(value, list):
        return any(_has_lone_surrogate(inner) for inner in value)
    return False


def deeper_than(value: Any, limit: int) -> bool:
    """Whether arrays and objects are nested more than ``limit`` deep in ``value``."""
    layer = [value]
    for _ in range(limit):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not layer:
            return False
    return True


def cell(value: Any) -> str | None:
    """A scalar as the text of a cell: strings unescaped, numbers as they stand."""
    if value is None or isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    return compact(value)


def compact(value: Any) -> str:
    """``value`` as JSON without blanks: numbers as they stand, strings with the fewest escapes."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, Repeated) else value.items()
        return "{" + ",".join(f"{_quoted(key)}:{compact(inner)}" for key, inner in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return _quoted(value)


_quoted = json.JSONEncoder(ensure_ascii=False).encode
