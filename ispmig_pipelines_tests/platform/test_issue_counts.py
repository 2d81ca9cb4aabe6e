"""Issues are counted in the tenant's own table, whatever blocks and files they come from."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from psycopg import sql

from ispmig_pipelines.platform import issue_counts, journal, ledger, tenants
from ispmig_pipelines.platform.issue_counts import Waiting
from ispmig_pipelines.platform.server import engine


def issues(chance: random.Random, count: int) -> list[tuple[Any, ...]]:
    """Rows of ``_issues`` of migration 1: a record breaks a rule in a column once."""
    places = {
        (
            chance.choice(["customer", "service"]),
            chance.randrange(2),
            chance.randrange(3),
            chance.randrange(1, 40),
            chance.choice(["value.date", "value.type", "value.dropped"]),
            chance.choice(["Born", "Since"]),
        )
        for _ in range(count)
    }
    return [
        (1, entity, feed, file, record, record + 1, rule,
         "warning" if rule == "value.dropped" else "error", column, column.lower(),
         "99" if rule == "value.type" else "9" * chance.randrange(1, 4), "a day")
        for entity, feed, file, record, rule, column in sorted(places)
    ]  # fmt: skip


def test_counts_and_ends_are_those_of_the_rows(ispmig_home: Path) -> None:
    database = engine()
    ledger.prepare(database)
    tenant = tenants.add(database, "acme")
    chance = random.Random(7)  # noqa: S311 - rows of a test
    rows = issues(chance, 400)
    chance.shuffle(rows)
    with database.connect() as connection:
        driver = tenants.raw(connection)
        with connection.begin(), driver.cursor() as cursor:
            cursor.executemany(
                sql.SQL("insert into {} values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)")
                .format(sql.Identifier(tenant.schema, journal.ISSUES)),
                [*rows, *((2, *row[1:]) for row in rows[:50])],
            )  # fmt: skip
        with connection.begin():
            found = issue_counts.of_migration(driver, tenant, 1)
            assert issue_counts.of_migration(driver, tenant, 3) == []
        with connection.begin():
            by_block = issue_counts.of_migration(driver, tenant, 1, by_block=True)
    assert {(k.entity, k.block, k.rule, k.column): k.records for k in by_block} == Counter(
        (entity, feed, rule, column) for _, entity, feed, _, _, _, rule, _, column, *_ in rows
    )
    for kind in by_block:
        own = sorted(
            row[3:5] for row in rows
            if (row[1], row[2], row[6], row[8]) == (kind.entity, kind.block, kind.rule, kind.column)
        )  # fmt: skip
        ends = [(e.file, e.record) for e in kind.examples]
        assert ends == list(dict.fromkeys((own[0], own[-1])))
    expected = defaultdict(list)
    for _, entity, feed, file, record, _, rule, severity, column, name, shape, _ in rows:
        kind = (entity, rule, severity, column, name)
        expected[kind].append((feed, file, record, shape))
    assert {(k.entity, k.rule, k.severity, k.column, k.field): k.records for k in found} == {
        kind: len(places) for kind, places in expected.items()
    }
    for kind in found:
        places = expected[kind.entity, kind.rule, kind.severity, kind.column, kind.field]
        ends = (min(places), max(places))
        assert [(e.file, e.record, e.found) for e in kind.examples] == [p[1:] for p in ends]
        assert all(e.line == e.record + 1 for e in kind.examples)
        assert kind.alike == (len({place[3] for place in places}) == 1)
    assert {k.alike for k in found if k.rule == "value.type"} == {True}
    order = [(k.severity != "error", -k.records) for k in found]
    assert order == sorted(order)


def test_what_was_solved_does_not_wait(ispmig_home: Path) -> None:
    database = engine()
    ledger.prepare(database)
    tenant = tenants.add(database, "acme")
    with database.connect() as connection, connection.begin():
        driver = tenants.raw(connection)
        for record in (1, 2, 3):
            driver.execute(
                sql.SQL(
                    "insert into {} (migration, entity, feed, file, record, amounts) "
                    "values (1, 'customer', 0, 0, %s, '{{}}')"
                ).format(sql.Identifier(tenant.schema, journal.QUARANTINE)),
                [record],
            )
        driver.execute(
            sql.SQL("insert into {} values (1, 'customer', 0, 0, 2, 9, now())").format(
                sql.Identifier(tenant.schema, journal.CLOSINGS)
            )
        )
        assert issue_counts.waiting(driver, tenant, 1) == {"customer": Waiting(3, 2)}
        assert issue_counts.waiting(driver, tenant, 2) == {}
