# ruff: noqa: E501
"""The column by which the records of a table are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.composed_keys import composed_key
from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.flat_invoices import number_of_bills
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.roles import own_number
from ispmig_pipelines.mapping.suggest.sample import ColumnSample
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_NEVER_KEYS = frozenset({"mobile phone", "mobile", "phone", "email", "date", "amount", "price",
                         "password", "secret", "note", "description", "street", "address"})  # fmt: skip
"""What a column may be called that is unique by chance, or of a person and not of a record."""

KEY_INSTEAD: dict[str, tuple[str, ...]] = {
    "customer": ("portal_username", "email"),
    "plan": ("name",),
    "location": ("name",),
    "service": ("contract_number", "access_username"),
    "device": ("serial_number", "mac", "asset_tag", "name"),
    "payment": ("reference", "provider_reference"),
    "payment_method": ("mandate_reference", "token"),
}
"""Fields that can tell records apart where no column is their number."""


def key_of(table: Table, entity: str) -> Match | None:
    """The column by which its records are told apart."""
    name = ENTITIES[entity].key[0]
    lines = len(ENTITIES[entity].key) > 1
    sample = table.sample
    for match in table.matches(entity):
        if match.field != name or match.score < ACTIVE or match.column in table.never:
            continue
        column = sample.column(match.column)
        repeats = 1 - len(column.counts) / max(column.filled, 1)
        if not column.filled or (
            repeats > 0.03 and not lines and entity not in ("plan", "customer")
        ):
            continue
        rather = any(
            m.column == match.column and m.score > match.score and m.field != name
            and m.field not in (*KEY_INSTEAD.get(entity, ()), *ENTITIES[entity].references)
            for m in table.matches(entity)
        )  # fmt: skip
        if rather and entity == "ip_assignment":
            # The address of a router is no line's.
            continue
        if rather and entity != "customer" and not lines:
            id_ = next((c for c in sample.columns if _is_id(table, c)), None)
            if id_ is not None:
                return Match(entity, name, id_.name, 0.85, "unique, and called an id")
        if (
            entity not in ("customer", "ip_assignment")
            and not lines
            and (
                "id" not in concepts_of(match.column)
                or (entity == "payment" and "transaction" in concepts_of(match.column))
            )
        ):
            # Of a device called ONU-7 and an id, the id is the key.
            id_ = next((c for c in sample.columns if _is_id(table, c)), None)
            if id_ is not None and id_.name != match.column:
                return Match(entity, name, id_.name, 0.85, "unique, and called an id")
        return match
    if lines:
        return number_of_bills(table)
    info = ENTITIES[entity].fields[name]
    whole = [
        c for c in sample.columns
        if c.is_unique and c.filled == sample.records and c.name not in table.never
        and table.profiles[c.name].fit(info, entity, name) > 0.9
        and table.profiles[c.name].share("date") < 0.5
    ]  # fmt: skip
    if info.type is FieldType.ADDRESS:
        return None
    for column in whole:
        said = set(concepts_of(column.name))
        if "id" in said and len(said) == 1 and column.name not in table.linked:
            return Match(entity, name, column.name, 0.85, "unique, and called an id")
    if table.is_surely(entity) and (own := _own(table, entity)):
        return own
    linked = {c for c, of in table.linked.items() if of == entity}
    whole = sorted(
        whole,
        key=lambda c: (
            c.name in table.linked,
            "login" in concepts_of(c.name),
            len(concepts_of(c.name)),
        ),
    )
    for column in whole:
        said = set(concepts_of(column.name))
        if said & _NEVER_KEYS or column.name in linked:
            continue
        if {"id", "login", "uuid", "guid"} & said or column is sample.columns[0]:
            other = max(
                (m.score for m in table.matches(entity) if m.column == column.name
                 and m.field not in ("access_username", "portal_username")
                 and not (column.name in table.linked
                          and m.field in ENTITIES[entity].references)),
                default=0.0,
            )  # fmt: skip
            if sample.records >= 3 and other < 0.8:
                return Match(entity, name, column.name, 0.7, "the first unique column")
    for instead in KEY_INSTEAD.get(entity, ()):
        other_key = table.best(entity, instead)
        if (
            other_key
            and other_key.score >= ACTIVE
            and sample.column(other_key.column).is_unique
            and table.profiles[other_key.column].share("date") < 0.5
        ):
            return Match(entity, name, other_key.column, 0.7, "unique, for want of a number")
    return composed_key(table, entity)


def _own(table: Table, entity: str) -> Match | None:
    """The column that is called as its table is: ``abonnemang_id`` of ``abonnemang``."""
    own = own_number(table)
    if not own or own in table.never or own in table.linked or entity == "ip_assignment":
        return None
    return Match(entity, ENTITIES[entity].key[0], own, 0.86, "unique, and called like its table")


def _is_id(table: Table, column: ColumnSample) -> bool:
    return (
        column.is_unique and column.filled == table.sample.records
        and column.name not in table.never and column.name not in table.linked and set(concepts_of(column.name)) == {"id"}
    )  # fmt: skip
