"""A regular expression for the records of a table: what it matches is proven to be JSON of
nothing but known keys, in their known order, with values of known kinds.

Most exports write every record alike. One such expression, possessive throughout and thus
linear, goes through them several times as fast as a parser that builds objects.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.json.schema import Kind, Node, Scalar

SPACE = rb"[ \t\n\r]*+"
_HEX = rb"[0-9a-fA-F]"
_ESCAPE = (
    rb'\\(?:["\\/bfnrt]|u(?:[0-9a-cA-CefEF]' + _HEX + rb"{3}|[dD][0-7]" + _HEX + rb"{2}"
    rb"|[dD][89abAB]" + _HEX + rb"{2}\\u[dD][c-fC-F]" + _HEX + rb"{2}))"
)
STRING = rb'"[^"\\\x00-\x1f]*+(?>' + _ESCAPE + rb'[^"\\\x00-\x1f]*+)*+"'
_NUMBER = rb"-?+(?>0|[1-9][0-9]*+)(?>\.[0-9]++)?+(?>[eE][-+]?+[0-9]++)?+"
_SCALAR = b"(?>" + STRING + b"|" + _NUMBER + b"|true|false|null)"
_SCALARS = (
    (Scalar.STRING, STRING),
    (Scalar.NUMBER, _NUMBER),
    (Scalar.BOOLEAN, b"(?>true|false)"),
)

MOST_MEMBERS = 500
"""More keys than this are left to the parser: their expression would take long to compile."""


_STYLE = possessive.compiled(rb'"(?:[^"\\]|\\.)*+"([ \t]*+):([ \t]*+)', re.DOTALL)
_COMMA = re.compile(rb',([ \t]*+)"')


@dataclass(frozen=True)
class Style:
    """What stands around colons and behind commas, in records that are written on one line."""

    before_colon: bytes
    behind_colon: bytes
    behind_comma: bytes


def style_of(raw: bytes) -> Style | None:
    """How a record is written, None where it fills several lines or tells nothing."""
    colon = _STYLE.search(raw)
    if colon is None or b"\n" in raw or b"\r" in raw:
        return None
    comma = _COMMA.search(raw, colon.end())
    return Style(colon[1], colon[2], comma[1] if comma else b"")


def members(node: Node) -> int:
    """How many keys there are below ``node``, in all."""
    own = sum(1 + members(member) for member in node.members.values())
    return own + (members(node.element) if node.element else 0)


def record_pattern(node: Node, style: Style | None = None, space: bytes = SPACE) -> bytes | None:
    """The expression of one record, or None where the records are not of that kind.

    Args:
        node: the records.
        style: how most of them are written. Those that are, and have the keys that all had so
            far, are then found twice as fast; the others are found as well.
        space: what white space between the parts may be.
    """
    if not node.members or members(node) > MOST_MEMBERS:
        return None
    any_way = _object(node, space)
    usual = _usual_object(node, style) if style is not None else None
    return any_way if usual is None else b"(?>" + usual + b"|" + any_way + b")"


def lines(node: Node, style: Style | None) -> re.Pattern[bytes] | None:
    """Any number of records, each on a line of its own that ends with a line feed."""
    record = record_pattern(node, style, rb"[ \t\r]*+")
    if record is None:
        return None
    return possessive.compiled(rb"(?>[ \t]*+" + record + rb"[ \t\r]*+\n)*+")


def elements(node: Node, style: Style | None) -> re.Pattern[bytes] | None:
    """Any number of elements of an array, each with the comma that follows it."""
    record = record_pattern(node, style)
    if record is None:
        return None
    return possessive.compiled(b"(?>" + SPACE + record + SPACE + b",)*+")


def values(node: Node, style: Style | None) -> re.Pattern[bytes] | None:
    """Any number of values that follow each other."""
    record = record_pattern(node, style)
    if record is None:
        return None
    return possessive.compiled(b"(?>" + SPACE + record + b")*+")


def _object(node: Node, space: bytes) -> bytes:
    parts = [
        re.escape(key_bytes(key)) + space + b":" + space + _value(member, space)
        for key, member in node.members.items()
    ]
    # After a member stands a comma and the next key, or the end; so no comma can be missing,
    # stand twice or trail.
    follows = space + b"(?>," + space + b'(?=")|(?=\\}))'
    return rb"\{" + space + b"".join(b"(?>" + part + follows + b")?+" for part in parts) + rb"\}"


def _value(node: Node, space: bytes) -> bytes:
    kinds = node.kinds
    options = [_SCALAR if kinds & Kind.SCALAR else b"null"]
    if Kind.OBJECT in kinds:
        options.append(_object(node, space))
    elif Kind.EMPTY_OBJECT in kinds:
        options.append(rb"\{" + space + rb"\}")
    if Kind.EMPTY_ARRAY in kinds:
        options.append(rb"\[" + space + rb"\]")
    if Kind.LIST in kinds and not node.nested_list:
        options.append(_array(_SCALAR, space))
    if Kind.TABLE in kinds and node.element is not None:
        options.append(_array(_object(node.element, space), space))
    return options[0] if len(options) == 1 else b"(?>" + b"|".join(options) + b")"


def _array(inner: bytes, space: bytes) -> bytes:
    return rb"\[" + space + inner + space + b"(?>," + space + inner + space + rb")*+\]"


def _usual_object(node: Node, style: Style) -> bytes | None:
    """Objects with every key that none lacked so far, and white space as usual."""
    required = [member.times == node.objects for member in node.members.values()]
    if True not in required:
        return None
    last = len(required) - 1 - required[::-1].index(True)
    comma = b"," + style.behind_comma
    colon = style.before_colon + b":" + style.behind_colon
    parts = []
    for i, (key, member) in enumerate(node.members.items()):
        part = re.escape(key_bytes(key)) + colon + _usual_value(member, style)
        if i < last:
            parts.append(part + comma if required[i] else b"(?>" + part + comma + b")?+")
        else:
            parts.append(part if i == last else b"(?>" + comma + part + b")?+")
    return rb"\{" + b"".join(parts) + rb"\}"


def _usual_value(node: Node, style: Style) -> bytes:
    kinds = node.kinds
    options = [text for scalar, text in _SCALARS if scalar in node.scalars]
    if Kind.NULL in kinds:
        options.append(b"null")
    if Kind.OBJECT in kinds and node.members:
        options.append(_usual_object(node, style) or _object(node, b""))
    if Kind.EMPTY_ARRAY in kinds or Kind.TABLE in kinds:
        options.append(rb"\[\]")
    if Kind.LIST in kinds and not node.nested_list:
        options.append(_usual_array(_SCALAR, style))
    if Kind.TABLE in kinds and node.element is not None and node.element.members:
        inner = _usual_object(node.element, style) or _object(node.element, b"")
        options.append(_usual_array(inner, style))
    if not options:
        return _value(node, b"")
    return options[0] if len(options) == 1 else b"(?>" + b"|".join(options) + b")"


def _usual_array(inner: bytes, style: Style) -> bytes:
    return rb"\[" + inner + b"(?>," + style.behind_comma + inner + rb")*+\]"


def key_bytes(key: str) -> bytes:
    """A key as it is usually written, with its quotes."""
    return json.dumps(key, ensure_ascii=False).encode()
