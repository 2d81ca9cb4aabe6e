"""An alert: what happened, in codes and numbers, and the words that people read of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MANUAL = "docs/alerts.md"


class Kind(StrEnum):
    """What happened; each has a section in ``docs/alerts.md`` that says what to do."""

    RUN_FAILED = "run_failed"
    LAW_BROKEN = "law_broken"
    AUDIT_BROKEN = "audit_broken"
    BACKUP_LATE = "backup_late"
    DRILL_FAILED = "drill_failed"
    DROP_FAILED = "drop_failed"
    CHECK_FAILED = "check_failed"
    TICK_FAILED = "tick_failed"
    TEST = "test"


_TITLES = {
    Kind.RUN_FAILED: "{subject} failed{tenant} ({code})",
    Kind.LAW_BROKEN: "rows or money do not add up{tenant}: {subject}",
    Kind.AUDIT_BROKEN: "the audit trail{tenant} does not hold",
    Kind.BACKUP_LATE: "the backup{tenant} is late",
    Kind.DRILL_FAILED: "a backup{tenant} could not be restored as a drill",
    Kind.DROP_FAILED: "what was dropped{tenant} was not migrated ({code})",
    Kind.CHECK_FAILED: "the check {subject}{tenant} failed",
    Kind.TICK_FAILED: "the schedule or sensor {subject} could not do its work ({code})",
    Kind.TEST: "this is a test: nothing has happened",
}

_WORD = re.compile(r"[A-Za-z0-9_./-]{1,100}")
_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def plain_word(text: object, otherwise: str) -> str:
    """The text where it can be nothing but a name or a code, else ``otherwise``."""
    return text if isinstance(text, str) and _WORD.fullmatch(text) else otherwise


def plain_slug(text: object) -> str:
    """The text where it can be a tenant's slug, else ""."""
    return text if isinstance(text, str) and _SLUG.fullmatch(text) else ""


@dataclass(frozen=True)
class Alert:
    """What happened.

    Attributes:
        event: what it is known by: one alert for each, whoever sees it how often.
        tenant: its slug; "" where it is about the platform.
        subject: the job, ``asset/check``, or the name of a schedule or sensor.
        code: why, as in ``docs/errors.md``.
        run_id: Dagster's; "" where there was no run.
        counts: numbers beside it, by their names.
        at: when it happened, in UTC.
    """

    event: str
    kind: Kind
    tenant: str
    subject: str
    code: str
    run_id: str
    at: dt.datetime
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """One line for people."""
        of = f" of {self.tenant}" if self.tenant else ""
        text = _TITLES[self.kind].format(subject=self.subject, tenant=of, code=self.code)
        return text[0].upper() + text[1:]

    @property
    def section(self) -> str:
        """Where in the manual it stands what to do."""
        return f"{MANUAL}#{self.kind.value}"

    def url(self, ui: str) -> str | None:
        """Address of its run.

        Args:
            ui: address of the Dagster UI.
        """
        return f"{ui.rstrip('/')}/runs/{self.run_id}" if self.run_id else None
