"""Whether a tenant's tables are still as they were when a migration was judged.

Judging takes most of the time that nobody has to be kept waiting for: it runs before the tables
are locked, and holds if nobody has written into them until they are. That is asked of the rows
themselves: a row that came or changed bears the number of a transaction that had not ended when
the judging began, and what is gone is missing from the count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.tenants import Tenant


@dataclass(frozen=True)
class Seen:
    """Tables of a tenant at one moment.

    Attributes:
        oldest: the oldest transaction that had not ended then.
        rows: table → its rows.
    """

    oldest: int
    rows: dict[str, int]


def look(driver: psycopg.Connection, tenant: Tenant, entities: Collection[str]) -> Seen:
    """The tables of these entities as they are now, as the tenant's role."""
    tables = [entity for entity in ENTITIES if entity in entities]
    # One statement, and so one snapshot.
    row = driver.execute(
        sql.SQL(
            """select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint,
                      {}"""
        ).format(
            sql.SQL(", ").join(
                sql.SQL("(select count(*) from {})").format(sql.Identifier(tenant.schema, table))
                for table in tables
            )
        )
    ).fetchone()
    assert row is not None  # noqa: S101 - a query without a table has a row
    return Seen(row[0], dict(zip(tables, row[1:], strict=True)))


def unmoved(driver: psycopg.Connection, tenant: Tenant, seen: Seen) -> bool:
    """Whether the tables, which nobody may write into now, are as they were seen; as the tenant's
    role. This transaction itself has not written into them.

    It is sure when it says so. It says no without need of a row that was written shortly before,
    while some transaction anywhere on the server was older than that. A row that came and went in
    between is not noticed.
    """
    for table, rows in seen.rows.items():
        # Numbers of rows are those of transactions, without the upper half: what lies less than
        # half the circle ahead of the oldest one is newer. A row so old that it only seems to be
        # is taken for new.
        found = driver.execute(
            sql.SQL(
                """select count(*), count(*) filter (
                       where (xmin::text::bigint - {oldest} % 4294967296 + 4294967296)
                           % 4294967296 < 2147483648 and xmin::text::bigint > 2)
                   from {table}"""
            ).format(oldest=sql.Literal(seen.oldest), table=sql.Identifier(tenant.schema, table))
        ).fetchone()
        if found != (rows, 0):
            return False
    return True
