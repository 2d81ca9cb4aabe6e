"""Which side wins where the tenant has other content under a record's key."""

from __future__ import annotations

from enum import StrEnum


class OnConflict(StrEnum):
    """What to do with a record whose key the tenant has with other content.

    The names are what the launchpad and the command line take.
    """

    update = "update"
    """The source wins; the row as it was is kept for undoing."""

    keep = "keep"
    """The tenant wins; the record goes to quarantine."""

    fail = "fail"
    """Neither: nothing is published."""
