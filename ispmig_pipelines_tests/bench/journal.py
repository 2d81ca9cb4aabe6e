"""What a tenant's change journal costs those who write.

    python -m ispmig_pipelines_tests.bench.journal [--rows 200000] [--single 5000]

The same is done with a tenant whose journal is off, and with one whose journal is on: a migration
(half customers, half payments), it again with every tenth row changed, rolling that back, and
single rows that are updated by their key, a transaction each. CPU is that of the server's process,
which is told apart from whatever else is running; WAL is what the server wrote. Then the journal is
shipped, and a snapshot is brought to the last moment.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from statistics import median

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.journal.changes import changes_since
from ispmig_pipelines.backup.journal.ship import ship
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.restore.build import build
from ispmig_pipelines.backup.restore.choosing import choose
from ispmig_pipelines.backup.restore.plan import plan
from ispmig_pipelines.platform import change_journal, ledger, tenants
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines_tests.bench.publishing import Measured, Server, home, migrate, roll

_ROUNDS = 5


@dataclass
class Cost:
    """Seconds of the server's CPU, and bytes of WAL."""

    name: str
    cpu: float
    wal: int


def of(measured: Measured, name: str) -> Cost:
    """What a migration or a rollback took."""
    spent = measured.staged_cpu + measured.judged_cpu + measured.locked_cpu
    return Cost(name, spent, measured.wal)


def single(driver: psycopg.Connection, server: Server, tenant: Tenant, count: int) -> Cost:
    """Updates of single rows, each in a transaction of its own; the median of some rounds."""
    statement = sql.SQL("update {} set billing_city = %s where account_number = %s").format(
        sql.Identifier(tenant.schema, "customer")
    )
    spent, wal = [], server.wal()
    for turn in range(_ROUNDS):
        before = server.cpu()
        for number in range(1, count + 1):
            driver.execute(statement, [f"Town {turn}", f"C{number}"], prepare=True)
        spent.append(server.cpu() - before)
    return Cost(f"{count:,} single updates", median(spent), (server.wal() - wal) // _ROUNDS)


def measure(connection: Connection, tenant: Tenant, rows: int, singles: int) -> list[Cost]:
    """All of it with one tenant."""
    server = Server(raw(connection))
    connection.rollback()
    found = []
    for name, changed in (("migration", 0), ("10 % changed", 1)):
        migration, one = migrate(connection, server, tenant, name, rows, changed)
        found.append(of(one, f"{name}, {rows:,} rows"))
    found.append(of(roll(connection, server, tenant, migration), "rolled back"))
    with connect(autocommit=True) as driver:
        found.append(single(driver, Server(driver), tenant, singles))
    return found


def brought(tenant: Tenant) -> str:
    """What shipping takes, and bringing a snapshot to the last moment; seconds of this process."""
    repository = open_repository(tenant.slug)
    started = time.process_time()
    shipped = ship(tenant, repository)
    took = time.process_time() - started
    with connect() as driver:
        clock = driver.execute("select clock_timestamp()").fetchone()
    ship(tenant, repository)
    assert clock is not None
    chosen = choose(repository, "", clock[0])
    changes = changes_since(repository)(chosen)
    with connect() as driver:
        server = Server(driver)
        steps = []

        def timed(inner: psycopg.Connection, schema: str) -> dict[str, int]:
            assert changes is not None
            before, own = server.cpu(), time.process_time()
            done = dict(changes(inner, schema))
            steps.append((server.cpu() - before, time.process_time() - own))
            return done

        build(
            driver, tenant, repository, plan(chosen.manifest), "bench_side",
            references=False, indexes=False, changes=timed,
        )  # fmt: skip
        driver.rollback()
    return (
        f"shipped {shipped.rows:,} changes of rows, {shipped.bytes_stored / 1e6:,.1f} MB: "
        f"{took:.2f} s of our CPU; brought to the moment: {steps[0][0]:.2f} s of the server's CPU, "
        f"{steps[0][1]:.2f} s of ours"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--single", type=int, default=5_000)
    parser.add_argument("--url", default="", help="an empty database of a server of your own")
    asked = parser.parse_args()
    with home(asked.url):
        os.environ.pop("ISPMIG_BACKUPS", None)
        database = engine()
        ledger.prepare(database)
        off, on = tenants.add(database, "off"), tenants.add(database, "on")
        with connect(autocommit=True) as driver:
            change_journal.switch_on(driver, on)
        create("on", open_repository("on", make=True), actor="bench")
        costs = []
        for tenant in (off, on):
            with database.connect() as connection:
                costs.append(measure(connection, tenant, asked.rows, asked.single))
        with connect() as driver:
            size = driver.execute(
                "select pg_total_relation_size('tenant_on__journal.changes')"
            ).fetchone()
        console = Console(width=120)
        table = Table("", "CPU s, off", "CPU s, on", "", "WAL MB, off", "WAL MB, on", "")
        for before, after in zip(*costs, strict=True):
            table.add_row(
                before.name,
                f"{before.cpu:.2f}", f"{after.cpu:.2f}", _more(after.cpu, before.cpu),
                f"{before.wal / 1e6:,.1f}", f"{after.wal / 1e6:,.1f}", _more(after.wal, before.wal),
            )  # fmt: skip
        console.print(table)
        console.print(f"in the database: {(size[0] if size else 0) / 1e6:,.1f} MB")
        console.print(brought(on))


def _more(after: float, before: float) -> str:
    return f"{100 * (after - before) / before:+.0f} %" if before else ""


if __name__ == "__main__":
    main()
