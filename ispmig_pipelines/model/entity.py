"""What an entity is, and everything the rest of the house asks of one.

An entity is a Pandera ``DataFrameModel`` whose fields are declared with
:mod:`ispmig_pipelines.model.field`. :func:`describe` reads it into an
:class:`EntityInfo`, from which tables, mapping targets, masks and documentation derive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandera.pandas as pa_pandas
import pyarrow as pa

from ispmig_pipelines.issues import Rule, Severity
from ispmig_pipelines.model.business_rule import BusinessRule
from ispmig_pipelines.model.field_info import METADATA_KEY, FieldInfo, FieldType
from ispmig_pipelines.model.row_rule import Needs, RowRule


class Entity(pa_pandas.DataFrameModel):
    """Base of all entities. The class's docstring is the entity's description for people."""

    class Config:
        strict = True


def row_rules(*rules: RowRule) -> dict[str, tuple[RowRule, ...]]:
    """What must hold between fields of one row: the ``metadata`` of an entity's ``Config``.

    That an amount needs its currency is not to be declared: :func:`describe` adds it.
    """
    return {"row_rules": rules}


def business_rules(*rules: BusinessRule) -> dict[str, tuple[BusinessRule, ...]]:
    """What sound rows keep besides, and a spec may judge otherwise: more of the ``metadata``."""
    return {"business_rules": rules}


def column_key(name: str) -> str:
    """A column's name as aliases are compared: ``Customer ID`` and ``customer_id`` are one.

    Only letters and digits count, whatever their case. Empty for a name that has none.
    """
    return "".join(character for character in name.casefold() if character.isalnum())


# Compared by identity: there is one of each, and what is derived of it is kept per entity.
@dataclass(frozen=True, eq=False)
class EntityInfo:
    """An entity, read from its declaration.

    Attributes:
        name: name in specs, tables and the CLI: ``invoice_line``.
        model: the Pandera model.
        fields: every field by name, in order of declaration.
        row_rules: what must hold between fields of a row; constraints of the database, too.
        business_rules: what a sound row keeps besides: the most severe first, and of these what is
            asked of one field.
        doc: description for people.
    """

    name: str
    model: type[Entity]
    fields: dict[str, FieldInfo]
    row_rules: tuple[RowRule, ...]
    business_rules: tuple[BusinessRule, ...]
    doc: str

    def rule_code(self, rule: RowRule | BusinessRule) -> str:
        """The code that issues of a rule name: ``invoice.issue_date_before_due_date``."""
        return f"{self.name}.{rule.name}"

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of a row as issues name them."""
        return tuple(
            Rule(
                self.rule_code(rule),
                Severity.ERROR,
                f"The record breaks a rule of {self.name} (columns: {{column}}): {rule.doc}.",
                "Correct the cells the rule speaks of.",
            )
            for rule in self.row_rules
        ) + tuple(
            Rule(
                self.rule_code(rule),
                rule.severity,
                f"The record breaks a rule of {self.name} (columns: {{column}}): {rule.doc}.",
                f"{rule.why} Correct the cells the rule speaks of; or, if they are right, give "
                "the rule another severity in the spec.",
                adjustable=True,
            )
            for rule in self.business_rules
        )

    def rules_of_several(self, blocks: Sequence[tuple[Sequence[str], bool]]) -> list[BusinessRule]:
        """Business rules that no block's records can be judged by, since another one completes
        these: they are put to whole rows, in the database.

        Args:
            blocks: of each of the entity's blocks the fields it fills, and whether it completes
                rows.
        """
        filled = {field for fields, _ in blocks for field in fields}
        return [
            rule
            for rule in self.business_rules
            if (not rule.asks or filled.intersection(rule.asks))
            and self.is_said_by_several(rule.fields, blocks)
        ]

    def is_said_by_several(
        self, together: Sequence[str], blocks: Sequence[tuple[Sequence[str], bool]]
    ) -> bool:
        """Whether a block completes rows of others by some of these fields, and not all of them."""
        return any(
            partial
            and set(together).intersection(fields).difference(self.key)
            and not set(together) <= set(fields)
            for fields, partial in blocks
        )

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the fields that make the natural key, in order."""
        return tuple(name for name, info in self.fields.items() if info.key)

    @cached_property
    def references(self) -> dict[str, str]:
        """Field → entity it refers to, by that entity's natural key."""
        return {name: info.references for name, info in self.fields.items() if info.references}

    @cached_property
    def money(self) -> dict[str, str]:
        """Money field → the field that names its currency."""
        return {
            name: info.currency
            for name, info in self.fields.items()
            if info.type is FieldType.MONEY
        }

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the fields that every row must fill, in order: the key and the required."""
        return tuple(name for name, info in self.fields.items() if info.must_hold_value)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Types of the canonical columns, in order of declaration."""
        return pa.schema([(name, info.arrow_type) for name, info in self.fields.items()])

    @cached_property
    def columns_meant(self) -> dict[str, str]:
        """:func:`column_key` of every field's name and aliases → the field it means."""
        return {
            column_key(alias): name
            for name, info in self.fields.items()
            for alias in (*info.aliases, name)
        }


def describe(name: str, model: type[Entity]) -> EntityInfo:
    """Reads an entity's declaration; each amount gets the rule that it needs its currency."""
    schema = model.to_schema()
    fields: dict[str, FieldInfo] = {
        field: column.metadata[METADATA_KEY] for field, column in schema.columns.items()
    }
    metadata = getattr(model.Config, "metadata", None) or {}
    declared = metadata.get("row_rules", ())
    order = list(Severity)
    currencies = tuple(
        Needs(field, info.currency)
        for field, info in fields.items()
        if info.type is FieldType.MONEY and not fields[info.currency].must_hold_value
    )
    return EntityInfo(
        name=name,
        model=model,
        fields=fields,
        row_rules=(*declared, *currencies),
        business_rules=tuple(
            sorted(
                metadata.get("business_rules", ()),
                # A day that is wrong in itself is not told as one that contradicts another.
                key=lambda rule: (order.index(rule.severity), len(rule.fields) > 1),
            )
        ),
        doc=" ".join((model.__doc__ or "").split()),
    )
