"""Regular expressions of a spec: RE2's, which never take more than linear time.

Syntax: https://github.com/google/re2/wiki/Syntax. Arrow applies them to whole columns.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

MAX_GROUPS = 9
"""RE2's replacements know ``\\1`` to ``\\9``."""

_NAMED = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")


def mistake_of_pattern(pattern: str, replacement: str = "") -> str:
    """Why RE2 does not take the pattern, or not the replacement with it; "" if it does."""
    try:
        pc.replace_substring_regex(pa.array([""]), pattern, replacement)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        return str(error).partition(": ")[2] or str(error)
    if len(groups_of(pattern)) > MAX_GROUPS:
        return f"it has more than {MAX_GROUPS} groups; those that are not needed are (?: )"
    return ""


def groups_of(pattern: str) -> tuple[str, ...]:
    """The capturing groups of a pattern that RE2 takes, in order: their names, "" without one."""
    groups: list[str] = []
    position, in_class = 0, False
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("\\Q") and not in_class:
            end = pattern.find("\\E", position + 2)
            position = len(pattern) if end < 0 else end + 2
            continue
        if rest[0] == "\\":
            position += 2
            continue
        if in_class:
            if rest.startswith("[:") and ":]" in rest:
                position += rest.index(":]") + 2
                continue
            in_class = rest[0] != "]"
        elif rest[0] == "[":
            in_class = True
            # A ] that is first in a class is one of its characters.
            position += len(re.match(r"\[\^?\]?", rest)[0])  # type: ignore[index]
            continue
        elif named := _NAMED.match(rest):
            groups.append(named[1])
        elif rest[0] == "(" and not rest.startswith("(?"):
            groups.append("")
        position += 1
    return tuple(groups)


def extraction(pattern: str, group: int) -> tuple[str, str]:
    """Pattern and replacement that turn a text that matches into one of its groups (0: the
    whole match), the leftmost match deciding."""
    inner = f"({pattern})" if group == 0 else f"(?:{pattern})"
    return rf"\A(?s:.*?){inner}(?s:.*)\z", rf"\{group or 1}"
