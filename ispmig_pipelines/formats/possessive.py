"""Patterns with possessive quantifiers over groups, read alike by every Python.

``re`` of Python 3.11.0 to 3.11.4, which Debian 12 has, takes back a part of what such a group has
matched (https://github.com/python/cpython/issues/106052). There ``(?:…)*+`` is written as the
atomic group ``(?>(?:…)*)``, which means the same and is matched rightly.
"""

from __future__ import annotations

import re
import sys
from typing import AnyStr

_SOUND = sys.version_info >= (3, 11, 5)
_QUANTIFIER = r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})(?=\+)"


def compiled(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As :func:`re.compile`, for patterns of our own: without ``(?x)``."""
    return re.compile(pattern if _SOUND else atomic(pattern), flags)


def atomic(pattern: AnyStr) -> AnyStr:
    """The pattern with atomic groups instead of possessive quantifiers over groups."""
    if isinstance(pattern, bytes):
        return atomic(pattern.decode("latin-1")).encode("latin-1")
    done: list[str] = []
    begun: list[int] = []
    at = 0
    while at < len(pattern):
        if whole := re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL).match(pattern, at):
            done.append(whole.group())
            at = whole.end()
            continue
        letter = pattern[at]
        at += 1
        if letter == "(":
            begun.append(len(done))
        done.append(letter)
        if letter == ")":
            start = begun.pop()
            if quantifier := re.compile(_QUANTIFIER).match(pattern, at):
                done[start:] = ["(?>" + "".join(done[start:]) + quantifier.group() + ")"]
                at = quantifier.end() + 1
    return "".join(done)
