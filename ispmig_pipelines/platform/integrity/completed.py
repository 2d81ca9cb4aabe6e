"""Business rules over fields that several blocks of a spec fill.

Where one block brings services and another one their usernames, neither record can be judged by
what the two say together. These rules are put to the rows as they will be, by the same code that
judges batches: read in portions of constant size, so that there is no second wording in SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.business_rule import BusinessRule
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.integrity.findings import Check, findings_table
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World

_PORTION = 20_000


def _asks_rows(entity: EntityInfo, rule: BusinessRule, world: World, policy: Policy) -> bool:
    blocks = [(feed.fields, feed.partial) for feed in world.feeds_of(entity.name)]
    return rule in entity.rules_of_several(blocks)


def _broken(
    entity: EntityInfo,
    rule: BusinessRule,
    driver: psycopg.Connection,
    world: World,
    policy: Policy,
) -> int:
    """Writes down the rows that break the rule; returns how many."""
    keys = [name for name in entity.key if name not in rule.fields]
    wanted = [*keys, *rule.fields]
    query = sql.SQL("select {} from {} r where r._rank > 0").format(
        sql.SQL(", ").join(_plain(entity, name) for name in wanted), world.rows(entity.name)
    )
    found = 0
    for columns in _portions(driver, query, entity, wanted):
        rows = pa.array(rule.broken(columns, policy.today))
        batch = pa.RecordBatch.from_pydict(
            {
                **{name: columns[name].filter(rows) for name in entity.key},
                "accepted": pa.repeat(pa.scalar(rule.doc), rows.true_count),
            }
        )
        if batch.num_rows:
            found += copy_batches(driver, findings_table(entity.name), [batch])
    return found


def _plain(entity: EntityInfo, name: str) -> sql.Composable:
    """SQL for a field as a value of its type in Arrow."""
    column = sql.Identifier("r", name)
    match entity.fields[name].type:
        case FieldType.ADDRESS:
            return sql.SQL("host({})").format(column)
        case FieldType.NETWORK | FieldType.MAC | FieldType.UUID:
            return sql.SQL("{}::text").format(column)
    return column


def _portions(
    driver: psycopg.Connection, query: sql.Composed, entity: EntityInfo, names: list[str]
) -> Iterator[dict[str, pa.Array]]:
    with driver.cursor("rows_of_several_blocks") as cursor:
        cursor.itersize = _PORTION
        cursor.execute(query)
        while rows := cursor.fetchmany(_PORTION):
            yield {
                name: pa.array(values, entity.fields[name].arrow_type)
                for name, values in zip(names, zip(*rows, strict=True), strict=True)
            }


CHECKS: tuple[Check, ...] = tuple(
    Check(
        rule=entity.rule_code(rule),
        entity=entity.name,
        fields=rule.fields,
        shown=rule.fields,
        reads={entity.name: rule.fields},
        judge=partial(_broken, entity, rule),
        applies=partial(_asks_rows, entity, rule),
    )
    for entity in ENTITIES.values()
    for rule in entity.business_rules
)
