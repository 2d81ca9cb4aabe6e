"""What a rule is about: by this reports group issues, and checks of assets are made."""

from __future__ import annotations

from enum import StrEnum

from ispmig_pipelines.issues import CHECK
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.integrity import judge


class RuleKind(StrEnum):
    """What rules are about, in the order in which people read of them."""

    VALUES = "values"
    KEYS = "keys_and_references"
    BUSINESS = "business_rules"
    NETWORK = "network"
    COMPLIANCE = "compliance"
    OWN = "own_checks"


TITLES = {
    RuleKind.VALUES: "Records and field values",
    RuleKind.KEYS: "Keys and references",
    RuleKind.BUSINESS: "Business rules",
    RuleKind.NETWORK: "Network safety gate",
    RuleKind.COMPLIANCE: "Compliance",
    RuleKind.OWN: "The tenant's own rules and checks",
}

DOCS = {
    RuleKind.VALUES: "Every record can be read, and every field holds what it must and can.",
    RuleKind.KEYS: "Each key stands once, references lead somewhere, and nobody stands there "
    "twice.",
    RuleKind.BUSINESS: "What a record says adds up, also with the records that it belongs to.",
    RuleKind.NETWORK: "Lines get into the network, and none gets in another one's way.",
    RuleKind.COMPLIANCE: "Card numbers and personal data are only where they may be.",
    RuleKind.OWN: "What the spec itself demands, refuses or leaves out.",
}

_OF_FIRST_WORD = {
    "record": RuleKind.VALUES,
    "cell": RuleKind.VALUES,
    "value": RuleKind.VALUES,
    "legacy": RuleKind.VALUES,
    "key": RuleKind.KEYS,
    "reference": RuleKind.KEYS,
    "duplicate": RuleKind.KEYS,
    "network": RuleKind.NETWORK,
    "card": RuleKind.COMPLIANCE,
    "personal": RuleKind.COMPLIANCE,
    "retention": RuleKind.COMPLIANCE,
    "consent": RuleKind.COMPLIANCE,
    "subject": RuleKind.COMPLIANCE,
    CHECK.rstrip("."): RuleKind.OWN,
    "rule": RuleKind.OWN,
    "conflict": RuleKind.OWN,
    **dict.fromkeys(ENTITIES, RuleKind.BUSINESS),
}
_OF_CODE = {
    "record.rule": RuleKind.BUSINESS,
    "record.incomplete": RuleKind.KEYS,
    "record.not_taken": RuleKind.KEYS,
    "reference.let_go": RuleKind.COMPLIANCE,
}


def kind_of(code: str) -> RuleKind:
    """The kind of any rule that an issue can name; of one that is not known (any more):
    :attr:`RuleKind.VALUES`."""
    first = code.partition(".")[0]
    return _OF_CODE.get(code) or _OF_FIRST_WORD.get(first, RuleKind.VALUES)


def kinds_of_entity(entity: str) -> tuple[RuleKind, ...]:
    """The kinds of rules that records of an entity can break."""
    across = {kind_of(check.rule) for check in judge.CHECKS if check.entity == entity}
    able = across | {RuleKind.VALUES, RuleKind.KEYS, RuleKind.COMPLIANCE, RuleKind.OWN}
    if ENTITIES[entity].rules:
        able.add(RuleKind.BUSINESS)
    return tuple(kind for kind in RuleKind if kind in able)
