"""What of a row is emptied so that nobody is known by it, and what books must keep.

Keys, references and amounts stay: invoices refer to an account by its number, and sums are to add
up. What says who somebody is, where they live, how they are reached or let in goes. Invoices, their
lines and payments stay as they are, but for notes: tax law has them kept for years, with the name
and address that they were made out to (GDPR, articles 6(1)(c) and 17(3)(b)).
"""

from __future__ import annotations

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType, Privacy

BOOKS = ("invoice", "invoice_line", "payment")
"""Entities that the law has kept."""

NOTES = "notes"

_TELLING = frozenset({Privacy.PERSONAL, Privacy.PAYMENT, Privacy.SECRET})

_OWNERS = ("customer", "invoice", "service", "device", "location")
"""Of several references the first of these that leads somewhere says whose a row is."""


def emptied(entity: str) -> tuple[str, ...]:
    """The fields of an entity's row that are emptied; its unmapped columns go, too."""
    fields = ENTITIES[entity].fields
    if entity in BOOKS:
        return (NOTES,)
    return tuple(
        name
        for name, info in fields.items()
        if info.privacy in _TELLING
        and info.type is not FieldType.MONEY
        and not info.must_hold_value
        and not info.references
    )


def owners(entity: str) -> tuple[tuple[str, str], ...]:
    """(field, entity that it refers to) of the references that say whose a row is, the one that
    decides first."""
    references = ENTITIES[entity].references.items()
    named = [(field, parent) for field, parent in references if parent in _OWNERS]
    return tuple(sorted(named, key=lambda one: _OWNERS.index(one[1])))
