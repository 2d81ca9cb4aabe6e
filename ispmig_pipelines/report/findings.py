"""What compliance found, as the ledger keeps it (``findings``) and as reports tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ispmig_pipelines.report.report import (
    CardColumn,
    PersonalColumn,
    Retained,
    SpecialWords,
)
from ispmig_pipelines.validation.cards import redacted
from ispmig_pipelines.validation.personal_data import personal_data


def cards_of(findings: Mapping[str, Any]) -> tuple[CardColumn, ...]:
    """The columns in which card numbers, or what verifies cards, were found."""
    return tuple(
        CardColumn(
            source=one["source"],
            column=redacted(one["column"]),
            cells=one.get("cells", 0),
            masked=one.get("masked", 0),
            tokens=bool(one.get("tokens")),
            allowed=one.get("allowed") or "",
            dropped=bool(one.get("dropped")),
        )
        for one in findings.get("cards", ())
        if one.get("cells") or one.get("dropped")
    )


def personal_of(findings: Mapping[str, Any]) -> tuple[PersonalColumn, ...]:
    """Where personal data are; what no field has stands first."""
    return tuple(
        PersonalColumn(
            source=one.source,
            column=redacted(one.column),
            kind=one.kind.value,
            detail=one.detail,
            privacy=one.privacy.value,
            goes_to=one.goes_to,
            unmapped=one.unmapped,
            looked_at=one.looked_at,
            matching=one.matching,
            special=tuple(SpecialWords(category=c, cells=n) for c, n in one.special.items()),
        )
        for one in personal_data(findings)
    )


def retained_of(findings: Mapping[str, Any]) -> tuple[Retained, ...]:
    """What the tenant's retention did, by entity."""
    return tuple(
        Retained(entity=entity, action=action, records=records)
        for entity, actions in findings.get("retention", {}).items()
        for action, records in actions.items()
    )
