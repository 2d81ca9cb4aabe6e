"""Who was erased since a snapshot: a restore must not let that be forgotten.

A snapshot of before an erasure has the person's rows, and lacks the keyed digest by which later
migrations keep the person out. The digests are carried over into what is restored; how many
customers are there again who were erased is counted and told, so that they are erased anew.
"""

from __future__ import annotations

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform.erased import digest_key, digest_parameters, digest_sql
from ispmig_pipelines.platform.journal import ERASED
from ispmig_pipelines.platform.tenants import Tenant, raw


def carry_over(connection: Connection, tenant: Tenant, side: str) -> int:
    """Enters in ``side`` who is known as erased now, in the current transaction; returns how many
    customers there were erased since."""
    driver = raw(connection)
    if not all(_there(driver, schema, ERASED) for schema in (tenant.schema, side)):
        return 0
    new = [
        bytes(found)
        for (found,) in driver.execute(
            sql.SQL(
                """insert into {} (digest, at) select digest, at from {}
                   on conflict do nothing returning digest"""
            ).format(sql.Identifier(side, ERASED), sql.Identifier(tenant.schema, ERASED))
        )
    ]
    if not new or not _there(driver, side, "customer"):
        return 0
    row = driver.execute(
        sql.SQL("select count(*) from {} where {} = any(%(digests)s::bytea[])").format(
            sql.Identifier(side, "customer"), digest_sql(sql.Identifier("account_number"))
        ),
        {"digests": new, **digest_parameters(digest_key(connection, tenant.slug))},
    ).fetchone()
    return int(row[0]) if row else 0


def _there(driver: psycopg.Connection, schema: str, table: str) -> bool:
    name = sql.Identifier(schema, table).as_string(driver)
    row = driver.execute("select pg_catalog.to_regclass(%s) is not null", [name]).fetchone()
    return bool(row and row[0])
