"""Columns that are never loaded: numbers of cards, what verifies them, hashes of passwords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.model.entity import column_key

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_CARD_NUMBER = re.compile(
    r"(?:credit|debit|kredit|bank|cc|pay)?(?:card|cc|karten|karte|tarjeta|cartao|carta)"
    r"(?:number|num|numero|nummer|nr|no|pan)|(?:num|number|numero|nro|nr)(?:of|de|da|do)?(?:la)?"
    r"(?:credit|debit)?(?:card|cc|tarjeta|cartao|carte)|(?:credit|debit|kredit)(?:card|karte)|ccn|"
    r"tarjeta(?:de)?credito|cartao(?:de)?credito|cartecredit|pan|primaryaccountnumber"
)
"""Names, as compared, of columns of cards' numbers."""

_VERIFYING = frozenset({"cvv", "cvc", "cvv2", "cvc2", "paycvv", "verification"})

_CIRCUIT = re.compile(r"[A-Za-z]{2,}[-_ ]?[0-9]{6,}")

_VERIFIES = "verification values of cards are never loaded (PCI DSS)"


def _is_card(column: str, profile: Profile) -> bool:
    """Whether a column is called the number of a card, whatever became of its digits: a cipher of
    one is as little to be loaded. The last four digits are, and words for kinds of cards."""
    if not _CARD_NUMBER.fullmatch(column_key(column)):
        return False
    some = profile.column.some(100)
    return not some or max(sum(c.isalnum() for c in value) for value in some) > (
        8 if all(c.isdigit() for value in some for c in value) else 12
    )


def _are_circuits(concepts: set[str], profile: Profile) -> bool:
    """Whether a ``CVC ID`` numbers virtual circuits of a network, and verifies no cards."""
    some = profile.column.some(100)
    numbered = sum(_CIRCUIT.fullmatch(value) is not None for value in some)
    return "cvc" in concepts and bool(some) and numbered >= 0.9 * len(some)


def never_loaded(table: Table) -> dict[str, str]:
    """Column → why it is never loaded."""
    found = {}
    for column, profile in table.profiles.items():
        concepts = set(concepts_of(column))
        if (profile.share("card") >= 0.5 and profile.column.filled) or _is_card(column, profile):
            found[column] = "numbers of cards are never loaded (PCI DSS, requirement 3)"
        elif concepts & _VERIFYING and not _are_circuits(concepts, profile):
            found[column] = _VERIFIES
        elif column in table.kept and profile.share("hash") < 0.95:
            # What is left when they are taken out is worth reading.
            continue
        elif concepts & {"password", "secret"} and profile.share("hash") >= 0.5:
            found[column] = "hashes of passwords: nobody can sign in with one"
        elif concepts & {"password", "secret"} and profile.share("cipher") >= 0.5:
            found[column] = "hashes or encrypted passwords: nobody can sign in with one"
        elif profile.share("hash") >= 0.9 and any(
            v.startswith(("$", "{")) for v in profile.column.some(5)
        ):
            found[column] = "hashes of passwords: nobody can sign in with one"
    return found | dict.fromkeys(table.sample.dropped, _VERIFIES)
