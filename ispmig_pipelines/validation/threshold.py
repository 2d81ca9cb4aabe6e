"""How much may lie in quarantine before a migration must not stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from ispmig_pipelines.errors import ThresholdExceeded, UsageError

DEFAULT = "5%"

TOO_MUCH = "Too much would lie in quarantine"
"""What every :class:`ThresholdExceeded` begins with, also in the ledger."""

IN_SPEC = "max_quarantined of the spec"
"""What its text names where a limit of the spec's own was passed."""

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


@dataclass(frozen=True)
class Thresholds:
    """All that limit one migration.

    Attributes:
        each: of every entity that has none of its own.
        entities: by entity.
        rules: rule code → how many records of each entity may break it, be they in quarantine or
            only noted.
    """

    each: Threshold
    entities: Mapping[str, Threshold] = field(default_factory=dict)
    rules: Mapping[str, Threshold] = field(default_factory=dict)

    def check(
        self,
        entities: Mapping[str, tuple[int, int]],
        broken: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
        *,
        see: str,
    ) -> None:
        """Holds every threshold.

        Args:
            entities: name → (quarantined, read).
            broken: entity → rule code → records that break it.
            see: the command that lists what is in quarantine.

        Raises:
            ThresholdExceeded: the text names each entity and rule above its own.
        """
        over: list[str] = []
        by_spec = False
        for name, (quarantined, read) in entities.items():
            limit = self.entities.get(name, self.each)
            if limit.exceeded(quarantined, read):
                by_spec |= name in self.entities
                over.append(
                    f"{name}: {quarantined:,} of {read:,} records, at most {limit} "
                    f"{'is' if limit.percent else 'are'} allowed"
                )
        for rule, limit in self.rules.items():
            for name, (_, read) in entities.items():
                count = broken.get(name, {}).get(rule, 0)
                if limit.exceeded(count, read):
                    by_spec = True
                    over.append(
                        f"rule {rule}: {count:,} of {read:,} records of {name} break it, at most "
                        f"{limit} may"
                    )
        if over:
            where = f" or {IN_SPEC}" if by_spec else ""
            raise ThresholdExceeded(
                f"{TOO_MUCH} ({'; '.join(over)}), so nothing was loaded. "
                f"See what is wrong with each:  {see}  Then correct the source or the spec, or "
                f"allow more with --max-quarantined{where}."
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
