"""The physical lines of a CSV's sample: what ends them, and where some of them are."""

from __future__ import annotations

import re


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
