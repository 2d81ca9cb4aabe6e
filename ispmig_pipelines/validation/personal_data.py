"""Where a migration has personal data: source, column, what it is, and where it goes.

The record of it (GDPR, article 30) that the ledger keeps of every migration, and that its report
shows. It holds names and counts, never a cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ispmig_pipelines.model.field_info import Privacy
from ispmig_pipelines.validation.personal import PersonalColumn, PersonalKind

LEGACY = "legacy"
"""Where columns go that no mapping uses, and that records carry along."""


@dataclass(frozen=True)
class PersonalData:
    """A column of a source that says something about people.

    Attributes:
        source, column: where it stands.
        kind: what it is; privacy: its class, as fields have one.
        goes_to: fields (``customer.email``) and ``legacy``; empty: it is read, and kept nowhere.
        by: what tells: ``field`` (the model says so), ``name``, ``cells`` or ``name and cells``.
        detail: which kind of national id, for example; "" where there is nothing more to say.
        looked_at: distinct cells that were looked at; matching: of these, how many are so.
        special: category of GDPR's article 9 → cells of notes with a word of it.
    """

    source: str
    column: str
    kind: PersonalKind
    privacy: Privacy
    goes_to: tuple[str, ...] = ()
    by: str = "field"
    detail: str = ""
    looked_at: int = 0
    matching: int = 0
    special: dict[str, int] = field(default_factory=dict)

    @property
    def unmapped(self) -> bool:
        """No field has it, so that nobody may have thought of it."""
        return all(place == LEGACY for place in self.goes_to)

    @property
    def share(self) -> float | None:
        """Of the distinct cells that were looked at, how many are so; None of a mapped column."""
        return self.matching / self.looked_at if self.looked_at else None

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self) | {
            "kind": self.kind.value,
            "privacy": self.privacy.value,
            "goes_to": list(self.goes_to),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> PersonalData:
        """What :meth:`as_json` wrote."""
        return cls(
            **{
                **told,
                "kind": PersonalKind(told["kind"]),
                "privacy": Privacy(told["privacy"]),
                "goes_to": tuple(told["goes_to"]),
            }
        )


def personal_data(findings: Mapping[str, Any]) -> list[PersonalData]:
    """Where a migration has personal data, from its findings in the ledger; what no field has
    stands first."""
    found = [PersonalData.from_json(told) for told in findings.get("personal", ())]
    return sorted(found, key=lambda one: not one.unmapped)


def of_column(
    source: str,
    column: str,
    fields: Mapping[str, tuple[PersonalKind, Privacy]],
    legacy: bool,
    looked: PersonalColumn | None,
) -> PersonalData | None:
    """What is told of a column; None where it says nothing about people.

    Args:
        fields: the fields that it becomes (``customer.email``) that are about people, with what
            they are; legacy: records carry it along.
        looked: what its name and cells say.
    """
    special = dict(looked.special) if looked is not None else {}
    if fields:
        order = list(Privacy)
        kind, privacy = max(fields.values(), key=lambda one: order.index(one[1]))
        places = (*fields, *([LEGACY] if legacy else []))
        return PersonalData(source, column, kind, privacy, places, special=special)
    if looked is None:
        return None
    return PersonalData(
        source,
        column,
        looked.kind,
        looked.privacy,
        (LEGACY,) if legacy else (),
        looked.by,
        looked.detail,
        looked.looked_at,
        looked.matching,
        special,
    )
