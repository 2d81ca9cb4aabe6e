"""What is due by a tenant's schedule, and since when."""

import datetime as dt
from itertools import takewhile

from dagster._utils.schedules import is_valid_cron_string, reverse_cron_string_iterator

from ispmig_pipelines.backup.schedule import DEFAULT, NONE, Schedule
from ispmig_pipelines.errors import UsageError

MADE_UP = dt.timedelta(hours=24)
"""A backup that was missed because nothing ran is made up for, if it is not older than this."""

ALLOWED = dt.timedelta(hours=3)
"""How long a backup that is due may take to be there, with all that waits before it."""


def check_cron(text: str) -> str:
    """The schedule itself, as it is kept.

    Raises:
        UsageError: it is none.
    """
    text = " ".join(text.split())
    if text in (NONE, DEFAULT) or (is_valid_cron_string(text) and not text.startswith("@")):
        return text
    raise UsageError(
        f"{text[:60]!r} is no schedule. Write five fields as cron takes them (minute, hour, day of "
        "the month, month, day of the week): '0 3 * * *' is every night at three, '15 */6 * * *' "
        f"four times a day; or {NONE}, or {DEFAULT}."
    )


def last_due(schedule: Schedule, until: dt.datetime) -> dt.datetime | None:
    """When a backup was last due, up to a moment; None if never since the schedule was set.

    Raises:
        UsageError: the schedule of the settings is none.
    """
    if not schedule.cron:
        return None
    check_cron(schedule.cron)
    moments = reverse_cron_string_iterator(
        (until + dt.timedelta(seconds=1)).timestamp(), schedule.cron, schedule.timezone
    )
    for moment in takewhile(lambda moment: moment > schedule.since, moments):
        if moment <= until:
            return moment.astimezone(dt.UTC)
    return None


def due(schedule: Schedule, last_begun: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """Since when a backup is due; None if none is."""
    moment = last_due(schedule, now)
    if moment is None or now - moment > MADE_UP:
        return None
    return None if last_begun is not None and last_begun >= moment else moment


def overdue(schedule: Schedule, newest: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """When a snapshot should have been made that is not there; None if all are."""
    moment = last_due(schedule, now - ALLOWED)
    if moment is None or (newest is not None and newest >= moment):
        return None
    return moment
