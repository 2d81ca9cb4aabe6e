"""Periods that people write: ``3 years``, ``18 months``, ``3y``."""

from __future__ import annotations

import re

_FORM = re.compile(r"(?P<number>[0-9]{1,4})\s*(?:(?P<years>y|yrs?|years?)|m|mo|months?)", re.I)
MOST = 12 * 200
"""Months of the longest period."""


def months(text: str) -> int:
    """The period in months.

    Raises:
        ValueError: it is none; the text says what would be.
    """
    found = _FORM.fullmatch(text.strip())
    count = int(found["number"]) * (12 if found["years"] else 1) if found else 0
    if not 1 <= count <= MOST:
        raise ValueError(f"{text[:40]!r} is no period; write one such as 3 years or 18 months")
    return count


def in_words(count: int) -> str:
    """``36`` → ``3 years``; ``18`` → ``18 months``."""
    number, unit = (count // 12, "year") if count % 12 == 0 else (count, "month")
    return f"{number} {unit}" + "s" * (number != 1)
