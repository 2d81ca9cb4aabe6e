"""Any text as the name of an XML element, and back again exactly.

What cannot stand in a name is written ``_xHHHH_`` with its code in hexadecimal: ``First Name`` is
``First_x0020_Name``. Source: ISO/IEC 9075-14 (SQL/XML), 9.1, "Mapping SQL <identifier>s to XML
Names"; SQL Server, Oracle, DB2 and .NET write names so. The empty text, which no identifier is,
is ``_x_``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from xml.parsers import expat

_EMPTY = "_x_"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4}|[0-9A-Fa-f]{6})_")
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]")


def element_name(text: str) -> str:
    """The name of the element that stands for ``text``."""
    if text in ("", _EMPTY):
        return _EMPTY if not text else "_x005F_x_"
    parts = []
    for place, character in enumerate(text):
        keeps = _is_name("_" + character) if place else _is_name(character)
        if character == "_" and _ESCAPE.match(text, place):
            keeps = False
        if place == 0 and text[:3].lower() == "xml":
            # Such names are reserved.
            keeps = False
        parts.append(character if keeps else _escape(character))
    return "".join(parts)


def column_name(name: str) -> str:
    """The text that :func:`element_name` made the name of."""
    if name == _EMPTY:
        return ""
    return _ESCAPE.sub(lambda found: _character(found), name)


def _character(found: re.Match[str]) -> str:
    code = int(found.group(1), 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return found.group()
    return chr(code)


def _escape(character: str) -> str:
    code = ord(character)
    return f"_x{code:04X}_" if code <= 0xFFFF else f"_x{code:06X}_"


@lru_cache(maxsize=4096)
def _is_name(name: str) -> bool:
    """Whether every parser takes a name; expat knows the fewest characters (XML 1.0, 4th
    edition)."""
    if name.isascii():
        return name[0] not in "0123456789.-" and all(map(_PLAIN.match, name))
    try:
        expat.ParserCreate("UTF-8").Parse(f"<{name}/>".encode(), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return True
