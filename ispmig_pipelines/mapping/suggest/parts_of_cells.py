"""The part of each cell that a field holds, where the whole cell is more or less than that: the
month of a bill (``2026-05``) begins with its first day, ``Net 30`` are thirty days, and of an
account's number only the last four digits are kept.

What is left out of a cell stays in the legacy data, as with every step that takes something away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.profile import Profile

_IN_MOST = 0.95
"""Share of the cells that must be so."""


@dataclass(frozen=True)
class CellPart:
    """How a field's value is made of a cell.

    Attributes:
        steps: of the mapping's ``transform``.
        words: others of the mapping.
        note: what it takes, for people.
    """

    steps: tuple[Any, ...]
    note: str
    words: tuple[tuple[str, Any], ...] = ()

    @property
    def mapping(self) -> dict[str, Any]:
        """The words that a mapping gets."""
        steps = self.steps[0] if len(self.steps) == 1 else list(self.steps)
        return {"transform": steps, **dict(self.words)}


_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"20\d{2}"
_FIRST_DAYS = (
    (rf"{_YEAR}-{_MONTH}", {"suffix": "-01"}, "ymd"),
    (rf"{_YEAR}/{_MONTH}", {"suffix": "/01"}, "ymd"),
    (rf"{_YEAR}\.{_MONTH}", {"suffix": ".01"}, "ymd"),
    (rf"{_YEAR}(?:0[1-9]|1[0-2])", {"suffix": "01"}, ""),
    (rf"{_MONTH}-{_YEAR}", {"prefix": "01-"}, "dmy"),
    (rf"{_MONTH}/{_YEAR}", {"prefix": "01/"}, "dmy"),
    (rf"{_MONTH}\.{_YEAR}", {"prefix": "01."}, "dmy"),
)
"""Months as they are written, the step that makes their first day of them, and its format."""

_ACCOUNT = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){10,30}|[\dX*•.\- ]*\d{4}", re.IGNORECASE)
_DAYS = re.compile(r"[^\d%]*\b\d{1,3}\b[^\d%]*")
_MONTHS = re.compile(
    r"\d{1,3} ?(?:months?|mths?|mo|monate?|meses|mes|m[eê]s|mois|mesi|mese|ay|bulan|bln|"
    r"mies\.?|miesi\w+|m[eě]s[ií]\w*|мес\w*|luni|maanden|mnd)\.?",
    re.IGNORECASE,
)
_NUMBER_IN = ({"extract": "[0-9]+"},)


def part_for(profile: Profile, field: str) -> CellPart | None:
    """The part of a column's cells that a field holds, if it is one."""
    if field == "period_start":
        for pattern, step, order in _FIRST_DAYS:
            if _are(profile, re.compile(pattern)):
                words = (("date_format", order),) if order else ()
                return CellPart((step,), "the first day of each month", words)
    if field == "last_four" and _are(profile, _ACCOUNT) and not _are(profile, _FOUR):
        steps = ({"replace": {"text": " ", "with": ""}}, {"extract": "[0-9]{4}$"})
        return CellPart(steps, "the last four digits")
    if field in ("due_days", "grace_days") and _are(profile, _DAYS) and profile.share("letters"):
        return CellPart(_NUMBER_IN, "the number in it")
    if field == "contract_months" and _are(profile, _MONTHS):
        return CellPart(_NUMBER_IN, "the number in it")
    return None


_FOUR = re.compile(r"\d{4}")


def _are(profile: Profile, pattern: re.Pattern[str]) -> bool:
    some = profile.column.some()
    fitting = sum(n for value, n in some.items() if pattern.fullmatch(value))
    return bool(some) and fitting >= _IN_MOST * sum(some.values())
