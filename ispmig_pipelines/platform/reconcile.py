"""The two laws of counting: no record is lost, and money reconciles to the cent.

1. For every entity: ``read = inserted + updated + unchanged + quarantined``.
2. For every money field and currency: ``source = loaded + quarantined + adjusted``, exactly.
   ``adjusted`` is what rules of the spec took from amounts, such as balances written off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ispmig_pipelines.errors import LawBroken

ZERO = Decimal("0.0000")


@dataclass
class Counts:
    """Where the records of an entity ended.

    Attributes:
        read: records in the sources, readable or not.
        unchanged: the tenant already had just this, or another record of the migration said it.
        repeated: the part of ``unchanged`` that repeats another record of the migration.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    repeated: int = 0

    def as_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass
class Amounts:
    """What became of a money field in one currency.

    Attributes:
        source: sum over the source's records, each once (repeats do not count again).
        loaded: sum over the tenant's rows that stand for them.
        quarantined: sum over the records in quarantine.
        adjusted: what rules of the spec took from amounts; negative where they added to them.
        unreadable: cells that are no number; their records are in quarantine.
    """

    source: Decimal = ZERO
    loaded: Decimal = ZERO
    quarantined: Decimal = ZERO
    adjusted: Decimal = ZERO
    unreadable: int = 0

    def add(self, other: Amounts) -> None:
        """Adds what became of others in the same currency."""
        self.source += other.source
        self.loaded += other.loaded
        self.quarantined += other.quarantined
        self.adjusted += other.adjusted
        self.unreadable += other.unreadable

    def as_json(self) -> dict[str, Any]:
        return {
            "source": str(self.source),
            "loaded": str(self.loaded),
            "quarantined": str(self.quarantined),
            "adjusted": str(self.adjusted),
            "unreadable": self.unreadable,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Amounts:
        """The amounts that :meth:`as_json` wrote; what is missing is zero."""
        return cls(
            source=Decimal(values.get("source", ZERO)),
            loaded=Decimal(values.get("loaded", ZERO)),
            quarantined=Decimal(values.get("quarantined", ZERO)),
            adjusted=Decimal(values.get("adjusted", ZERO)),
            unreadable=values.get("unreadable", 0),
        )


def check(entities: Mapping[str, Counts], totals: Mapping[str, Mapping[str, Amounts]]) -> None:
    """Holds both laws.

    Raises:
        LawBroken: the text says which sums differ, and by how much.
    """
    broken = [
        f"{name}: {c.read:,} records read, but {c.inserted:,} inserted + {c.updated:,} updated + "
        f"{c.unchanged:,} unchanged + {c.quarantined:,} quarantined"
        for name, c in entities.items()
        if c.read != c.inserted + c.updated + c.unchanged + c.quarantined
    ]
    broken += [
        f"{name} in {currency}: {a.source} in the source, but {a.loaded} loaded + "
        f"{a.quarantined} in quarantine + {a.adjusted} adjusted by rules"
        for name, by_currency in totals.items()
        for currency, a in by_currency.items()
        if a.source != a.loaded + a.quarantined + a.adjusted
    ]
    if broken:
        raise LawBroken(
            "The migration does not add up, so nothing of it stands. "
            + "; ".join(broken)
            + ". This is a defect of the migration system or of the database, not of your data: "
            "please report it with the migration's id."
        )
