"""Large tables of a snapshot, loaded by several sessions at once.

PostgreSQL works for a session on one core. Where a snapshot has several large tables, each is
loaded and verified by a session of its own: its pieces proved, its rows frozen, its sums held
against what went in, its checks gone through. So the side schema and its tables have to be
committed before, and rows table by table; what makes them the tenant's is still one transaction,
which does all the rest.

What was committed is not taken back by the server when this process dies. So before there is
anything, a session of the server's is told to wait until the one that restores has let go of it, or
is gone for whatever reason, and then to drop the side schema, if there still is one of that name:
it needs nobody to be alive for that. Only a server that itself breaks down meanwhile leaves one
behind, in which nobody but the tenant's role may look; it is dropped before the next restore.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256

import psycopg
from psycopg import sql
from psycopg.pq import ConnStatus
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.definition import names_of
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore import swap
from ispmig_pipelines.backup.restore.build import make_schema, take_time, told_of_rows
from ispmig_pipelines.backup.restore.building import Building
from ispmig_pipelines.backup.restore.plan import Plan
from ispmig_pipelines.backup.restore.read_back import SMALL
from ispmig_pipelines.backup.sessions import Sessions
from ispmig_pipelines.platform import timeouts
from ispmig_pipelines.platform.server import connect
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.settings import settings

LARGE = SMALL
"""Rows from which on a table is worth a session of its own."""


def large_tables(planned: Plan) -> list[str]:
    """Names of tables that are loaded by themselves, the largest first."""
    large = [
        table
        for table, definition in planned.tables.values()
        if table.rows > LARGE
        and table.columns
        and definition.partition_by is None
        and definition.partition_of is None
    ]
    return [table.name for table in sorted(large, key=lambda table: (-table.rows, table.name))]


@contextmanager
def loaded(
    connection: Connection,
    tenant: Tenant,
    repository: Repository,
    planned: Plan,
    *,
    every_row: bool = False,
    told: Callable[[str], None] = lambda text: None,
) -> Iterator[Building | None]:
    """The side schema with its tables, and rows in the large ones; None where they are not several,
    or ``ISPMIG_BACKUP_SESSIONS`` is 1. It is dropped after the block, unless it has another name.

    Args:
        connection: of the caller, who holds the tenant, in no transaction.

    Raises:
        BackupDamaged, BackupError, StorageError: as :func:`.build.build`.
    """
    names = large_tables(planned)
    most = min(settings().backup_sessions, len(names))
    if most < 2:
        yield None
        return
    schema = swap.new_name(tenant, swap.SIDE)
    with _dropped_afterwards(connection, schema):
        made = _made(connection, tenant, repository, planned, schema, every_row, told)
        told(f"{', '.join(names)}: {most} at once")
        _fill(connection, tenant, made, names, most)
        yield made


def _made(
    connection: Connection,
    tenant: Tenant,
    repository: Repository,
    planned: Plan,
    schema: str,
    every_row: bool,
    told: Callable[[str], None],
) -> Building:
    with connection.begin(), told_of_rows():
        driver = raw(connection)
        timeouts.limit(driver)
        make_schema(driver, tenant, schema)
        made = Building(driver, tenant, repository, planned, schema, every_row=every_row, told=told)
        with names_of(driver, schema), as_tenant(driver, tenant):
            driver.execute("set local check_function_bodies = off")
            made.tables()
        # It makes nothing more before the transaction that does the rest.
        driver.execute(
            sql.SQL("revoke create on schema {} from {}").format(
                sql.Identifier(schema), sql.Identifier(tenant.role)
            )
        )
    return made


def _fill(
    connection: Connection, tenant: Tenant, made: Building, names: list[str], most: int
) -> None:
    sessions = Sessions()
    waiting = iter(names)
    lock = threading.Lock()

    def fill() -> None:
        while True:
            with lock:
                name = next(waiting, None)
            if name is None:
                return
            with connection.engine.connect() as other, other.begin(), told_of_rows():
                driver = raw(other)
                with sessions.at_work(driver):
                    timeouts.limit(driver)
                    take_time(driver)
                    with names_of(driver, made.schema), as_tenant(driver, tenant):
                        made.on(driver).load_alone(name)

    sessions.run([fill] * most)


@contextmanager
def _dropped_afterwards(connection: Connection, schema: str) -> Iterator[None]:
    """Drops a schema after the block, if it is there then; also if this process is killed."""
    key = int.from_bytes(sha256(schema.encode()).digest()[:8], "big", signed=True)
    holder = raw(connection)
    with connection.begin():
        holder.execute("select pg_catalog.pg_advisory_lock(%s)", [key])
    with connect(autocommit=True) as waiting:
        # A notice that nobody can be told any more would end the session before it has dropped.
        waiting.execute(
            "select pg_catalog.set_config(name, value, false) from (values ('lock_timeout', '0'),"
            " ('statement_timeout', '0'), ('client_min_messages', 'error')) given (name, value)"
        )
        waiting.pgconn.send_query(
            sql.SQL(
                "do $$ begin perform pg_catalog.pg_advisory_xact_lock({key});"
                " drop schema if exists {schema} cascade; end $$"
            )
            .format(key=sql.Literal(key), schema=sql.Identifier(schema))
            .as_bytes(waiting)
        )
        try:
            yield
        finally:
            # A session that is gone has let go of it.
            with suppress(psycopg.Error):
                holder.rollback()
                holder.execute("select pg_catalog.pg_advisory_unlock(%s)", [key])
                holder.rollback()
            if waiting.pgconn.status == ConnStatus.OK:
                while waiting.pgconn.get_result() is not None:
                    pass
