"""A regular expression for the records of a table: what it matches is proven to be JSON of
nothing but known keys, in their known order, with values of known kinds.

Most exports write every record alike. One such expression, possessive throughout and thus
linear, goes through them several times as fast as a parser that builds objects.
"""

from __future__ import annotations

import json
import re

from ispmig_pipelines.formats.json_schema import Kind, Node

SPACE = rb"[ \t\n\r]*+"
_HEX = rb"[0-9a-fA-F]"
_ESCAPE = (
    rb'\\(?:["\\/bfnrt]|u(?:[0-9a-cA-CefEF]' + _HEX + rb"{3}|[dD][0-7]" + _HEX + rb"{2}"
    rb"|[dD][89abAB]" + _HEX + rb"{2}\\u[dD][c-fC-F]" + _HEX + rb"{2}))"
)
STRING = rb'"[^"\\\x00-\x1f]*+(?>' + _ESCAPE + rb'[^"\\\x00-\x1f]*+)*+"'
_NUMBER = rb"-?+(?>0|[1-9][0-9]*+)(?>\.[0-9]++)?+(?>[eE][-+]?+[0-9]++)?+"
_SCALAR = b"(?>" + STRING + b"|" + _NUMBER + b"|true|false|null)"

MOST_MEMBERS = 500
"""More keys than this are left to the parser: their expression would take long to compile."""


def members(node: Node) -> int:
    """How many keys there are below ``node``, in all."""
    own = sum(1 + members(member) for member in node.members.values())
    return own + (members(node.element) if node.element else 0)


def record_pattern(node: Node) -> bytes | None:
    """The expression of one record, or None where the records are not of that kind."""
    if not node.members or members(node) > MOST_MEMBERS:
        return None
    return _object(node)


def lines(node: Node) -> re.Pattern[bytes] | None:
    """Any number of records, each on a line of its own that ends with a line feed."""
    record = record_pattern(node)
    if record is None:
        return None
    return re.compile(rb"(?>[ \t]*+" + record.replace(SPACE, rb"[ \t\r]*+") + rb"[ \t\r]*+\n)*+")


def elements(node: Node) -> re.Pattern[bytes] | None:
    """Any number of elements of an array, each with the comma that follows it."""
    record = record_pattern(node)
    if record is None:
        return None
    return re.compile(b"(?>" + SPACE + record + SPACE + b",)*+")


def values(node: Node) -> re.Pattern[bytes] | None:
    """Any number of values that follow each other."""
    record = record_pattern(node)
    if record is None:
        return None
    return re.compile(b"(?>" + SPACE + record + b")*+")


def _object(node: Node) -> bytes:
    parts = [
        re.escape(key_bytes(key)) + SPACE + b":" + SPACE + _value(member)
        for key, member in node.members.items()
    ]
    # After a member stands a comma and the next key, or the end; so no comma can be missing,
    # stand twice or trail.
    follows = SPACE + b"(?>," + SPACE + b'(?=")|(?=\\}))'
    return rb"\{" + SPACE + b"".join(b"(?>" + part + follows + b")?+" for part in parts) + rb"\}"


def _value(node: Node) -> bytes:
    kinds = node.kinds
    options = [_SCALAR if kinds & Kind.SCALAR else b"null"]
    if Kind.OBJECT in kinds:
        options.append(_object(node))
    elif Kind.EMPTY_OBJECT in kinds:
        options.append(rb"\{" + SPACE + rb"\}")
    if Kind.EMPTY_ARRAY in kinds:
        options.append(rb"\[" + SPACE + rb"\]")
    if Kind.LIST in kinds and not node.nested_list:
        options.append(_array(_SCALAR))
    if Kind.TABLE in kinds and node.element is not None:
        options.append(_array(_object(node.element)))
    return options[0] if len(options) == 1 else b"(?>" + b"|".join(options) + b")"


def _array(inner: bytes) -> bytes:
    return rb"\[" + SPACE + inner + SPACE + b"(?>," + SPACE + inner + SPACE + rb")*+\]"


def key_bytes(key: str) -> bytes:
    """A key as it is usually written, with its quotes."""
    return json.dumps(key, ensure_ascii=False).encode()
