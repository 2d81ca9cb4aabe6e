"""What is due by a tenant's schedule, and since when: backups, and what is done with them.

The hours are those of the tenant's time zone, on the days on which its clock is changed, too: a
time that comes twice is one, and one that does not come is made up for as the clock goes on.
"""

import datetime as dt
from itertools import takewhile

from dagster._utils.schedules import is_valid_cron_string, reverse_cron_string_iterator

from ispmig_pipelines.backup.schedule import DEFAULT, NONE, Done, Schedule
from ispmig_pipelines.errors import UsageError

MADE_UP = dt.timedelta(hours=24)
"""A backup that was missed because nothing ran is made up for, if it is not older than this."""

AGAIN_AFTER = dt.timedelta(days=1)
"""What failed and has to end well is tried again as often."""

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
    """When something was last due, up to a moment; None if never since the schedule was set.

    Raises:
        UsageError: the schedule of the settings is none.
    """
    if not schedule.cron:
        return None
    try:
        check_cron(schedule.cron)
    except UsageError as error:
        where = "" if schedule.own else f"{schedule.source} cannot be used. "
        raise UsageError(f"{where}{error}") from None
    moments = reverse_cron_string_iterator(
        (until + dt.timedelta(seconds=1)).timestamp(), schedule.cron, schedule.timezone
    )
    for moment in takewhile(lambda moment: moment > schedule.since, moments):
        if moment <= until:
            return moment.astimezone(dt.UTC)
    return None


def due(schedule: Schedule, last_begun: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """Since when a backup, or what is done every day with them, is due; None if it is not."""
    moment = last_due(schedule, now)
    if moment is None or now - moment > MADE_UP:
        return None
    return None if last_begun is not None and last_begun >= moment else moment


def due_until_good(schedule: Schedule, done: Done, now: dt.datetime) -> dt.datetime | None:
    """Since when what has to end well is due, as a drill has; None if it is not.

    What failed, or was missed, is made up for: a day after it was due, and every day from then on,
    until it has ended well.
    """
    moment = last_due(schedule, now)
    if moment is None or (done.good is not None and done.good >= moment):
        return None
    again = moment + (now - moment) // AGAIN_AFTER * AGAIN_AFTER
    return None if done.begun is not None and done.begun >= again else again


def missed(schedule: Schedule, good: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether what has to end well has not since it was due, with a day's time for it."""
    moment = last_due(schedule, now - AGAIN_AFTER)
    return moment is not None and (good is None or good < moment)


def overdue(schedule: Schedule, newest: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """When a snapshot should have been made that is not there; None if all are."""
    moment = last_due(schedule, now - ALLOWED)
    if moment is None or (newest is not None and newest >= moment):
        return None
    return moment
