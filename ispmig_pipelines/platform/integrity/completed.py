"""Business rules, and checks of specs, over fields that several blocks of a spec fill.

Where one block brings services and another one their usernames, neither record can be judged by
what the two say together. Such rules are put to the rows as they will be, by the same code that
judges batches: read in portions of constant size, so that there is no second wording in SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.condition import FieldName, Operand, evaluate, fields_of, refuted
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.business_rule import BusinessRule, Columns
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.integrity.findings import Check, findings_table
from ispmig_pipelines.platform.integrity.policy import Policy, SpecCheck
from ispmig_pipelines.platform.integrity.world import World

_PORTION = 20_000


def _blocks(entity: EntityInfo, world: World) -> list[tuple[tuple[str, ...], bool]]:
    return [(feed.fields, feed.partial) for feed in world.feeds_of(entity.name)]


def _asks_rows(entity: EntityInfo, rule: BusinessRule, world: World, policy: Policy) -> bool:
    return rule in entity.rules_of_several(_blocks(entity, world))


def _asks_rows_of_spec(check: SpecCheck, world: World, policy: Policy) -> bool:
    entity = ENTITIES[check.entity]
    return entity.is_said_by_several(check.fields, _blocks(entity, world))


def _by_rule(rule: BusinessRule, columns: Columns, today: dt.date) -> np.ndarray:
    return rule.broken(columns, today)


def _by_check(check: SpecCheck, columns: Columns, today: dt.date) -> np.ndarray:
    size = len(next(iter(columns.values())))

    def column(operand: Operand) -> pa.Array:
        assert isinstance(operand, FieldName)  # noqa: S101 - others are of records
        return columns[operand.field]

    breaking = refuted(check.must, column, size)
    if check.when is not None and breaking.any():
        breaking = breaking & evaluate(check.when, column, size)
    return breaking


def _judge(
    entity: EntityInfo,
    fields: tuple[str, ...],
    broken: Callable[[Columns, dt.date], np.ndarray],
    said: str,
    driver: psycopg.Connection,
    world: World,
    policy: Policy,
) -> int:
    """Writes down the rows that break a rule over some fields; returns how many."""
    wanted = list(dict.fromkeys((*entity.key, *fields)))
    query = sql.SQL("select {} from {} r where r._rank > 0").format(
        sql.SQL(", ").join(_plain(entity, name) for name in wanted), world.rows(entity.name)
    )
    found = 0
    for columns in _portions(driver, query, entity, wanted):
        rows = pa.array(broken(columns, policy.today))
        batch = pa.RecordBatch.from_pydict(
            {
                **{name: columns[name].filter(rows) for name in entity.key},
                "accepted": pa.repeat(pa.scalar(said), rows.true_count),
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
        judge=partial(_judge, entity, rule.fields, partial(_by_rule, rule), rule.doc),
        applies=partial(_asks_rows, entity, rule),
    )
    for entity in ENTITIES.values()
    for rule in entity.business_rules
)


def checks_of_spec(checks: Sequence[SpecCheck]) -> tuple[Check, ...]:
    """What a spec demands itself, of rows that several of its blocks make."""
    return tuple(
        Check(
            rule=check.code,
            entity=check.entity,
            fields=check.fields,
            shown=tuple(dict.fromkeys(o.field for o in fields_of(check.must))),
            reads={check.entity: check.fields},
            judge=partial(
                _judge,
                ENTITIES[check.entity],
                check.fields,
                partial(_by_check, check),
                check.message,
            ),
            applies=partial(_asks_rows_of_spec, check),
        )
        for check in checks
        if not check.of_records
    )
