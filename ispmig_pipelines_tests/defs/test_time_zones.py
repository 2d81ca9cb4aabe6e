"""Schedules fire once at each of their times, also on the days on which clocks are changed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from dagster import ScheduleDefinition
from dagster._utils.schedules import schedule_execution_time_iterator
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.backup.schedule import Schedule
from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs.tenant_backup.due import due, last_due
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.settings import Settings, settings

CHANGES = {
    ("Europe/Kyiv", "2026-03-29"): 23,
    ("Europe/Kyiv", "2026-10-25"): 25,
    ("America/Chicago", "2026-03-08"): 23,
    ("America/Chicago", "2026-11-01"): 25,
    ("Asia/Beirut", "2026-03-29"): 23,  # at midnight: there is no 00:30
    ("America/Santiago", "2026-09-06"): 23,
    ("Australia/Lord_Howe", "2026-10-04"): 23.5,  # by half an hour
    ("Australia/Lord_Howe", "2026-04-05"): 24.5,
    ("Atlantic/Azores", "2026-10-25"): 25,
    ("Africa/Casablanca", "2026-02-15"): 25,  # winter time is the one that is set forward
}
"""Zone and day on which its clock is changed → the day's hours."""

LONG_AGO = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
FIVE_MINUTES = dt.timedelta(minutes=5)


def midnight(zone: str, day: str, later: int = 0) -> dt.datetime:
    """The beginning of a day, or of one so many days later, as an instant."""
    date = dt.date.fromisoformat(day) + dt.timedelta(days=later)
    return dt.datetime.combine(date, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC)


def fired(cron: str, zone: str, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """When ticks every five minutes start something, each as soon as it is due."""
    schedule = Schedule(cron, zone, LONG_AGO, own=True)
    begun = start - dt.timedelta(seconds=1)
    found = []
    now = start
    while now < end:
        if due(schedule, begun, now) is not None:
            found.append(now)
            begun = now
        now += FIVE_MINUTES
    return found


@pytest.mark.parametrize("change", CHANGES, ids="-".join)
@pytest.mark.parametrize("time", ["0 0", "30 0", "0 1", "30 1", "0 2", "30 2", "5 3"])
def test_what_is_due_every_day_begins_once_on_each(change: tuple[str, str], time: str) -> None:
    zone, day = change
    start, end = midnight(zone, day, -1), midnight(zone, day, 2)
    days = Counter(
        now.astimezone(ZoneInfo(zone)).date().isoformat()
        for now in fired(f"{time} * * *", zone, start, end)
    )
    assert set(days.values()) == {1}
    assert len(days) == 3


@pytest.mark.parametrize(("change", "hours"), CHANGES.items())
def test_what_is_due_every_hour_begins_once_in_each_that_passes(
    change: tuple[str, str], hours: float
) -> None:
    zone, day = change
    start, end = midnight(zone, day), midnight(zone, day, 1)
    assert (end - start) == dt.timedelta(hours=hours)
    assert hours - 0.5 <= len(fired("0 * * * *", zone, start, end)) <= hours + 0.5


@given(
    zone=st.sampled_from(sorted({zone for zone, _ in CHANGES})),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    day=st.dates(dt.date(2026, 1, 2), dt.date(2027, 12, 30)),
)
def test_a_time_of_the_day_was_last_due_today_or_yesterday(
    zone: str, hour: int, minute: int, day: dt.date
) -> None:
    schedule = Schedule(f"{minute} {hour} * * *", zone, LONG_AGO, own=True)
    noon = dt.datetime.combine(day, dt.time(12, 30), ZoneInfo(zone))
    last = last_due(schedule, noon.astimezone(dt.UTC))
    assert last is not None
    local = last.astimezone(ZoneInfo(zone))
    today = (hour, minute) <= (12, 30)
    assert local.date() == day - dt.timedelta(days=0 if today else 1)
    # Only a time that does not come on that day is another one on the clock.
    exists = (
        dt.datetime.combine(local.date(), dt.time(hour, minute), ZoneInfo(zone))
        .astimezone(dt.UTC)
        .astimezone(ZoneInfo(zone))
    )
    if (exists.hour, exists.minute) == (hour, minute):
        assert (local.hour, local.minute) == (hour, minute)


def schedules() -> list[ScheduleDefinition]:
    return list(defs.get_repository_def().schedule_defs)


def test_the_platform_s_schedules_are_in_its_time_zone() -> None:
    assert {one.name for one in schedules()} == {
        "audit_chain_nightly",
        "backup_checks_hourly",
        "backup_drills",
        "backup_prunes",
        "backup_verifications",
        "event_purge_nightly",
        "janitor_hourly",
        "tenant_backups",
    }
    assert {one.execution_timezone for one in schedules()} == {settings().timezone}


@pytest.mark.parametrize("change", CHANGES, ids="-".join)
@pytest.mark.parametrize("name", ["audit_chain_nightly", "event_purge_nightly"])
def test_the_nightly_ones_fire_once_a_night(change: tuple[str, str], name: str) -> None:
    zone, day = change
    (nightly,) = [one for one in schedules() if one.name == name]
    assert isinstance(nightly.cron_schedule, str)
    start, end = midnight(zone, day, -1), midnight(zone, day, 2)
    nights = []
    moments = schedule_execution_time_iterator(start.timestamp(), nightly.cron_schedule, zone)
    for moment in moments:
        if moment >= end:
            break
        nights.append(moment.astimezone(ZoneInfo(zone)).date())
    assert len(nights) == len(set(nights)) == 3


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "+02:00"])
def test_a_time_zone_that_is_none_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPMIG_TIMEZONE", name)
    settings.cache_clear()
    with pytest.raises(UsageError, match="ISPMIG_TIMEZONE"):
        settings()
    settings.cache_clear()


def test_a_time_zone_is_written_as_the_iana_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPMIG_TIMEZONE", " Europe/Kyiv ")
    assert Settings().timezone == "Europe/Kyiv"
