"""What compliance found, as the ledger keeps it (``findings``), and as reports tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.report.report import (
    CardColumn,
    OfEntity,
    PersonalColumn,
    Retention,
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


def retention_of(findings: Mapping[str, Any]) -> Retention | None:
    """What was done about customers past their retention; None where nothing was asked for."""
    told = findings.get("retention")
    if not told:
        return None
    held = told.get("held", {})
    return Retention(
        policy=told.get("policy", ""),
        as_of=told.get("as_of", ""),
        cancelled_months=told.get("cancelled_months"),
        customers=told.get("customers", 0),
        served=held.get("served", 0),
        owing=held.get("owes", 0),
        skipped=_of_entities(told.get("skipped", {})),
        anonymised=_of_entities(told.get("anonymised", {})),
    )


def erased_of(findings: Mapping[str, Any]) -> tuple[OfEntity, ...]:
    """Records of people who were erased before, by entity."""
    return _of_entities(findings.get("erased", {}))


def _of_entities(counts: Mapping[str, int]) -> tuple[OfEntity, ...]:
    order = list(ENTITIES)
    known = sorted(counts, key=lambda e: order.index(e) if e in ENTITIES else len(order))
    return tuple(OfEntity(entity=e, records=counts[e]) for e in known if counts[e])
