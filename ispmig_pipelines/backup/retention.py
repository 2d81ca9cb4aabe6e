"""Which snapshots are kept, and why: a function of their instants, a policy and the time it is.

Every rule looks at all snapshots by itself, and a snapshot stays if any rule keeps it:

- ``last=3``: the three newest;
- ``hourly``, ``daily``, ``weekly``, ``monthly``, ``yearly`` ``=14``: the newest of each of the
  fourteen newest hours, days, weeks (from Monday, ISO 8601), months, years *that have a snapshot*:
  a day without one does not count. Periods are those of the tenant's time zone; the hour that a
  clock goes through twice is two hours;
- ``within=30d``: those of the last 30 days: ``h`` hours, ``d`` days, ``w`` weeks, ``m`` months,
  ``y`` years. Days and longer go back on the calendar, to the same time of day;
- ``all``: every one, for ever.

Whatever the policy says, kept are the newest snapshot, snapshots under a hold, and those whose
instant is still to come: a clock was wrong, and they take the place of no other.

What is kept today for a month was its newest from the day on which it was made. So pruning often
and pruning once come to the same, and nothing that a rule will need is gone when it needs it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo

from ispmig_pipelines.errors import UsageError

ALL = "all"
MOST = 100_000
_WITHIN = re.compile(r"(\d{1,6})([hdwmy])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks", "m": "months", "y": "years"}
_START = dt.datetime(1, 1, 3, tzinfo=dt.UTC)
"""As early as a time can be in every zone."""


@dataclass(frozen=True)
class Policy:
    """How many snapshots of what kind are kept; 0: the rule is not there.

    Attributes:
        within: ``30d``; "": the rule is not there.
        all: every one is kept.

    Raises:
        UsageError: it keeps nothing, or a number is none.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: str = ""
    all: bool = False

    def __post_init__(self) -> None:
        for name in _COUNTED:
            if not 0 <= getattr(self, name) <= MOST:
                raise UsageError(
                    f"{name}={getattr(self, name)} keeps no number from 1 to {MOST:,}."
                )
        if self.within and not _is_within(self.within):
            raise UsageError(
                f"within={self.within[:20]!r} is no time. Write a number and h, d, w, m or y: 48h, "
                "30d, 8w, 6m, 1y."
            )
        if not (self.all or self.within or any(getattr(self, name) for name in _COUNTED)):
            raise UsageError(f"A policy that keeps nothing is none. {_HOW}")

    def __str__(self) -> str:
        """As :func:`parse` reads it."""
        if self.all:
            return ALL
        words = [f"{name}={value}" for name in _COUNTED if (value := getattr(self, name))]
        return " ".join([*words, *([f"within={self.within}"] if self.within else [])])


_COUNTED = tuple(f.name for f in fields(Policy) if f.name not in ("within", "all"))
_HOW = (
    f"Say how many snapshots to keep, as in 'last=3 daily=14 weekly=8 monthly=12 yearly=5 "
    f"within=30d' (hourly, too), or {ALL!r} to keep all."
)


def _is_within(text: str) -> bool:
    match = _WITHIN.fullmatch(text)
    return match is not None and int(match[1]) > 0


def parse(text: str) -> Policy:
    """The policy that a text says: ``last=3 daily=14``, with spaces or commas between its rules.

    Raises:
        UsageError: it says none, or one that keeps nothing.
    """
    words = text.replace(",", " ").split()
    if words == [ALL]:
        return Policy(all=True)
    said: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name in said:
            raise UsageError(f"{name} is said twice. {_HOW}")
        if name == "within":
            if not _is_within(value):
                raise UsageError(
                    f"{word[:40]!r}: a time is a number and h, d, w, m or y: 48h, 30d, 8w, 6m, 1y."
                )
            said[name] = value
        elif name in _COUNTED and value.isascii() and value.isdigit() and len(value) <= 6:
            # Keeping none of a kind is what leaving the rule out is for; here it would be a slip.
            if not 0 < int(value) <= MOST:
                raise UsageError(f"{word!r}: a number from 1 to {MOST:,} is meant. {_HOW}")
            said[name] = int(value)
        else:
            raise UsageError(f"{word[:40]!r} is no rule of a retention policy. {_HOW}")
    return Policy(**said)


def kept(
    snapshots: Mapping[str, dt.datetime],
    policy: Policy,
    now: dt.datetime,
    timezone: ZoneInfo,
    holds: Mapping[str, object] | None = None,
) -> dict[str, list[str]]:
    """The snapshots that are kept, the newest first, each with all its reasons in words.

    Args:
        snapshots: name → instant (aware).
        now: aware.
        timezone: whose hours, days, weeks, months and years count.
        holds: names of snapshots that are held; of a mapping only its keys matter.

    Returns:
        name → reasons: ``newest``, ``last 1 of 3``, ``daily 2 of 14 (2026-11-22)``,
        ``within 30d``, ``held``, ``in the future``, ``all``. Those that are not there may go.
    """
    newest_first = sorted(snapshots, key=lambda name: (snapshots[name], name), reverse=True)
    past = [name for name in newest_first if snapshots[name] <= now]
    why: dict[str, list[str]] = {name: [] for name in newest_first}
    if past:
        why[past[0]].append("newest")
    for place, name in enumerate(past[: policy.last], start=1):
        why[name].append(f"last {place} of {policy.last}")
    for rule, period in _PERIODS.items():
        count = getattr(policy, rule)
        seen: dict[Any, str] = {}
        for name in past:
            if len(seen) == count:
                break
            found, shown = period(snapshots[name].astimezone(timezone))
            if found not in seen:
                seen[found] = name
                why[name].append(f"{rule} {len(seen)} of {count} ({shown})")
    since = _ago(policy.within, now, timezone) if policy.within else None
    for name in newest_first:
        if since is not None and since <= snapshots[name] <= now:
            why[name].append(f"within {policy.within}")
        if policy.all:
            why[name].append(ALL)
        if snapshots[name] > now:
            why[name].append("in the future")
        if holds and name in holds:
            why[name].append("held")
    return {name: reasons for name, reasons in why.items() if reasons}


def _hour(local: dt.datetime) -> tuple[Any, str]:
    # By the offset, the hour that comes again when summer time ends is another one.
    offset = local.utcoffset()
    return (local.date(), local.hour, offset), f"{local:%Y-%m-%d %H}h{local:%z}"


def _day(local: dt.datetime) -> tuple[Any, str]:
    return local.date(), f"{local:%Y-%m-%d}"


def _week(local: dt.datetime) -> tuple[Any, str]:
    year, week, _ = local.isocalendar()
    return (year, week), f"{year}-W{week:02}"


def _month(local: dt.datetime) -> tuple[Any, str]:
    return (local.year, local.month), f"{local:%Y-%m}"


def _year(local: dt.datetime) -> tuple[Any, str]:
    return local.year, f"{local:%Y}"


_PERIODS: dict[str, Callable[[dt.datetime], tuple[Any, str]]] = {
    "hourly": _hour,
    "daily": _day,
    "weekly": _week,
    "monthly": _month,
    "yearly": _year,
}


def _ago(within: str, now: dt.datetime, timezone: ZoneInfo) -> dt.datetime:
    """The instant so long before now; on the calendar of the time zone."""
    match = _WITHIN.fullmatch(within)
    assert match is not None  # noqa: S101 - the policy was looked at when it was made
    count, unit = int(match[1]), match[2]
    try:
        if unit == "h":
            return max(now - dt.timedelta(hours=count), _START)
        local = now.astimezone(timezone)
        if unit in "dw":
            before = local - dt.timedelta(**{_UNITS[unit]: count})
        else:
            months = local.year * 12 + local.month - 1 - count * (12 if unit == "y" else 1)
            year, month = divmod(months, 12)
            last = calendar.monthrange(year, month + 1)[1]
            before = local.replace(year=year, month=month + 1, day=min(local.day, last))
        return max(before.astimezone(dt.UTC), _START)
    except (OverflowError, ValueError):
        return _START
