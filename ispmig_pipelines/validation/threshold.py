"""How much may lie in quarantine before a migration must not stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ispmig_pipelines.errors import ThresholdExceeded, UsageError

DEFAULT = "5%"

_FORM = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<percent>%)?")


@dataclass(frozen=True)
class Threshold:
    """At most ``limit`` records, or percent of the records, of each entity.

    A threshold of 5 % of 10 records allows none: half a record is over it.
    """

    limit: Decimal
    percent: bool

    def __str__(self) -> str:
        return f"{self.limit}%" if self.percent else f"{self.limit}"

    def exceeded(self, quarantined: int, read: int) -> bool:
        """Whether so many of so many records are too many."""
        allowed = self.limit * read / 100 if self.percent else self.limit
        return quarantined > allowed

    def check(self, entities: Mapping[str, tuple[int, int]], *, see: str) -> None:
        """Holds the threshold for every entity: name → (quarantined, read).

        Args:
            see: the command that lists what is in quarantine.

        Raises:
            ThresholdExceeded: the text names each entity above it.
        """
        over = [
            f"{name}: {quarantined:,} of {read:,} records"
            for name, (quarantined, read) in entities.items()
            if self.exceeded(quarantined, read)
        ]
        if over:
            raise ThresholdExceeded(
                f"Too much would lie in quarantine ({'; '.join(over)}; at most {self} is "
                f"allowed), so nothing was loaded. See what is wrong with each:  {see}  Then "
                "correct the source or the spec, or allow more with --max-quarantined."
            )


def parse(text: str) -> Threshold:
    """``250`` records or ``2.5%`` of them.

    Raises:
        UsageError: it is neither.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or (match["percent"] and Decimal(match["number"]) > 100):
        raise UsageError(
            f"{text[:20]!r} is no threshold for quarantine. Give a number of records (250) or a "
            "share of them from 0% to 100% (2.5%)."
        )
    if not match["percent"] and "." in match["number"]:
        raise UsageError(f"{text!r} records cannot lie in quarantine; give a whole number.")
    return Threshold(Decimal(match["number"]), bool(match["percent"]))
