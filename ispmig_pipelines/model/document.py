"""The entities' page of the documentation, written from the model.

``python -m ispmig_pipelines.model.document > docs/entities.md``
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import CheckKind, accepted, kinds_of
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType, Privacy

_INTRODUCTION = """\
# Entities

What the platform holds of an ISP's business: the tables of a tenant, the targets of a mapping,
the columns of an export. This page is written from the model by
`python -m ispmig_pipelines.model.document > docs/entities.md`; a test holds that it is current.

- **Key** fields make the natural key, and **required** ones must hold a value in every row.
  `→ entity` marks a reference by that entity's natural key, inside the tenant.
- **Privacy** says whom the content could hurt: {privacy}. It decides erasure and, with the kind of
  value, [masking](export.md#masking).
- **Also called** lists columns of legacy systems that mean the field. Only letters and digits
  count when names are compared, whatever their case: `Customer ID`, `customer_id` and
  `customerid` are one name.
- Amounts are exact decimals in the currency that the named field holds, and a row with an
  amount needs its currency.
"""

_TYPES: dict[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.CHOICE: "one of",
    FieldType.EMAIL: "email address",
    FieldType.PHONE: "telephone number, E.164",
    FieldType.COUNTRY: "country, ISO 3166-1 alpha-2",
    FieldType.CURRENCY: "currency, ISO 4217",
    FieldType.LANGUAGE: "language, BCP 47",
    FieldType.POSTAL_CODE: "postal code",
    FieldType.UUID: "UUID",
    FieldType.INTEGER: "whole number",
    FieldType.DATA_RATE: "data rate",
    FieldType.MONEY: "money, 4 decimals",
    FieldType.COORDINATE: "angle, 6 decimals",
    FieldType.RATE: "share, 6 decimals (0.19 is 19 %)",
    FieldType.QUANTITY: "quantity, 6 decimals",
    FieldType.BOOLEAN: "yes or no",
    FieldType.DATE: "date",
    FieldType.TIMESTAMP: "instant, UTC",
    FieldType.TIME: "time of day",
    FieldType.ADDRESS: "IPv4 or IPv6 address",
    FieldType.NETWORK: "IPv4 or IPv6 network, CIDR",
    FieldType.MAC: "MAC address",
}

_SAID_BY_TYPE = (FieldType.EMAIL, FieldType.PHONE, FieldType.COUNTRY, FieldType.CURRENCY,
                 FieldType.LANGUAGE, FieldType.UUID, FieldType.RATE, FieldType.DATE,
                 FieldType.TIMESTAMP, FieldType.TIME, FieldType.ADDRESS, FieldType.NETWORK,
                 FieldType.MAC)  # fmt: skip
"""Types whose name says what their checks accept."""


def entities_page() -> str:
    """The whole page, Markdown."""
    privacy = ", ".join(f"`{p.value}`" for p in Privacy)
    contents = "\n".join(f"- [{name}](#{name}): {e.doc}" for name, e in ENTITIES.items())
    return "\n".join(
        [
            _INTRODUCTION.format(privacy=privacy),
            contents,
            "",
            *(entity_section(entity) for entity in ENTITIES.values()),
        ]
    )


def entity_section(entity: EntityInfo) -> str:
    """One entity: what it is, its fields, the rules of its rows."""
    lines = [
        f"## {entity.name}",
        "",
        entity.doc,
        "",
        "| Field | Type | | Privacy | What it holds | Also called |",
        "|---|---|---|---|---|---|",
        *(
            _row(
                f"`{name}`",
                type_in_words(info),
                _role(info),
                info.privacy.value,
                info.doc + (f" Positive is a {info.positive_is}." if info.positive_is else ""),
                ", ".join(info.aliases),
            )
            for name, info in entity.fields.items()
        ),
        "",
    ]
    if entity.row_rules:
        lines += ["In every row:", "", *(f"- {rule.doc}" for rule in entity.row_rules), ""]
    if entity.business_rules:
        lines += [
            "In a sound row ([a spec may judge otherwise](validation.md#severity)):",
            "",
            "| Rule | | What holds | If not |",
            "|---|---|---|---|",
            *(
                _row(
                    f"`{entity.rule_code(rule)}`",
                    f"**{rule.severity}**" if rule.severity == "error" else rule.severity,
                    rule.doc,
                    rule.why,
                )
                for rule in entity.business_rules
            ),
            "",
        ]
    return "\n".join(lines)


def type_in_words(info: FieldInfo) -> str:
    """Type, unit and limits of a field, e.g. ``whole number, from 1 to 31``."""
    said = _TYPES[info.type]
    if info.type is FieldType.CHOICE:
        return f"{said}: " + ", ".join(f"`{word}`" for word in info.choices)
    if info.type is FieldType.MONEY:
        return f"{said}, currency in `{info.currency}`"
    if info.type in _SAID_BY_TYPE:
        return said
    limits = [accepted(info, kind) for kind in kinds_of(info) if kind is not CheckKind.STORABLE]
    if info.unit and CheckKind.RANGE not in kinds_of(info):
        limits.append(info.unit)
    return ", ".join([said, *limits])


def _role(info: FieldInfo) -> str:
    parts = []
    if info.key:
        parts.append("**key**")
    elif info.required:
        parts.append("**required**")
    if info.references:
        parts.append(f"→ [{info.references}](#{info.references})")
    return " ".join(parts)


def _row(*cells: str) -> str:
    return "| " + " | ".join(_escaped(cells)) + " |"


def _escaped(cells: Iterable[str]) -> Iterable[str]:
    return (cell.replace("|", "\\|") for cell in cells)


if __name__ == "__main__":
    sys.stdout.write(entities_page())
