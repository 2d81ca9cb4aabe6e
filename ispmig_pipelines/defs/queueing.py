"""Who goes first in the queue, and who leaves places to others.

Dagster's daemon starts waiting runs by their priority, then by their age; what runs already is
never interrupted. Limits stand in ``dagster.yaml``: how many runs at once, one of each tenant, few
of the background, and how many in the pool :data:`DATABASE`.
"""

from collections.abc import Mapping

from dagster._core.storage.tags import PRIORITY_TAG

URGENT = 10
"""Somebody waits for it and said so."""

PERSONAL = 5
"""Somebody waits for it: rolling back, sending rejected records in again."""

ORDINARY = 0
"""Migrations and exports."""

BACKGROUND = -10
"""Nobody waits for it: scheduled backups, drills, checks."""

BACKGROUND_TAG = "ispmig/background"
"""Of runs for which nobody waits: few of them run at once."""

DATABASE = "database"
"""The pool of ops that work in tenants' tables."""


def tags_of(priority: int) -> Mapping[str, str]:
    """The tags of a job, or of a run, of that priority."""
    tags = {PRIORITY_TAG: str(priority)} if priority else {}
    return tags | ({BACKGROUND_TAG: "true"} if priority < 0 else {})
