"""Backups of one tenant beside ``pg_dump``, in one run: seconds, CPU, bytes, memory.

    python -m ispmig_pipelines_tests.bench.backups [--rows 1000000] [--rounds 3] [--one-table]

The tenant has so many customers, services, invoices and payments, or customers alone. They are
dumped by ``pg_dump -Fc``, backed up in full, again with nothing changed, and again after one row in
a hundred, spread evenly, was updated. Each scenario is run in a process of its own, several times;
that with the least CPU counts. CPU is that of the process and of the whole server: it is told apart
from whatever else is running. At last the dump is restored into an empty database by
``pg_restore``, and the full snapshot, which has the same rows, in place of the tenant; and then
that with the changes.

Bars: full at least 1.3 times as fast as ``pg_dump -Fc``, and no more bytes; with 1 % changed at
least 4 times as fast as full, and at most 3 % of its bytes; to restore no slower than
``pg_restore``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from rich.console import Console
from rich.table import Table

from ispmig_pipelines.backing_up import back_up
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.restore.restore import Asked, confirm, restore
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.embedded_cluster import bundled_binaries
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.bench import server_cpu

TENANT = "bench"
_MODULE = "ispmig_pipelines_tests.bench.backups"


@dataclass
class Measured:
    """One scenario.

    Attributes:
        seconds: of the clock.
        client, server: seconds of CPU.
        bytes: that were written.
        peak: memory of the process, in MB.
    """

    name: str
    seconds: float
    client: float
    server: float
    bytes: int
    peak: float

    @property
    def cpu(self) -> float:
        """CPU in all."""
        return self.client + self.server


_CUSTOMERS = """
    insert into {schema}.customer (account_number, kind, status, first_name, last_name, email,
        phone, billing_street, billing_city, billing_postal_code, billing_country,
        balance, currency, signup_date, notes, legacy, _migration, _file, _record)
    select 'ACC-' || lpad(i::text, 8, '0'), 'person', 'active',
        'First' || (random() * 1000)::int, 'Last' || (random() * 8000)::int,
        'user' || i || '@example.org',
        '+4989' || lpad((random() * 9999999)::int::text, 7, '0'),
        'Street ' || (random() * 5000)::int, 'City ' || (random() * 300)::int,
        lpad((random() * 99999)::int::text, 5, '0'), 'DE',
        round((random() * 500 - 100)::numeric, 2), 'EUR',
        date '2015-01-01' + (random() * 3000)::int,
        case when random() < 0.1 then 'a note ' || i end,
        jsonb_build_object('Old', (random() * 1000000)::int), 1, 0, i
    from generate_series(1, {rows}) i
"""
_PLANS = """
    insert into {schema}.plan (plan_code, name, kind, download_kbps, upload_kbps, price, currency,
        _migration, _file, _record)
    select 'P' || i, 'Plan ' || i, 'internet', i * 10000, i * 2000, 9.90 + i, 'EUR', 1, 0, i
    from generate_series(1, 40) i
"""
_SERVICES = """
    insert into {schema}.service (service_code, customer, plan, status, start_date, price, currency,
        access_username, download_kbps, legacy, _migration, _file, _record)
    select 'S-' || i, 'ACC-' || lpad(i::text, 8, '0'), 'P' || (1 + random() * 39)::int, 'active',
        date '2015-01-01' + (random() * 3000)::int, 9.90 + (random() * 40)::int, 'EUR',
        'user' || i, 50000, jsonb_build_object('Old', (random() * 1000000)::int), 1, 0, i
    from generate_series(1, {rows}) i
"""
_INVOICES = """
    insert into {schema}.invoice (invoice_number, customer, kind, status, issue_date, due_date,
        subtotal, tax, total, amount_paid, amount_due, currency, legacy, _migration, _file, _record)
    select 'INV-' || i, 'ACC-' || lpad((1 + i % {customers})::text, 8, '0'), 'invoice', 'paid',
        day, day + 14, net, round(net * 0.19, 2), round(net * 1.19, 2), round(net * 1.19, 2), 0,
        'EUR', jsonb_build_object('Old', i), 1, 0, i
    from (select i, date '2024-01-01' + (random() * 700)::int as day,
              round((10 + random() * 60)::numeric, 2) as net
          from generate_series(1, {rows}) i) made
"""
_PAYMENTS = """
    insert into {schema}.payment (payment_number, customer, invoice, kind, status, paid_at, amount,
        currency, method, reference, legacy, _migration, _file, _record)
    select 'PAY-' || i, 'ACC-' || lpad((1 + i % {customers})::text, 8, '0'), 'INV-' || i, 'payment',
        'completed', timestamptz '2024-01-01 00:00Z' + random() * interval '700 days',
        round((10 + random() * 60)::numeric, 2), 'EUR', 'bank_transfer', 'ref ' || i,
        jsonb_build_object('Old', i), 1, 0, i
    from generate_series(1, {rows}) i
"""


def fill(rows: int, *, several: bool) -> None:
    """Makes the tenant, as ISPs are: names repeat, numbers do not.

    Args:
        several: a fifth of the rows are customers, and each has a service; the others are invoices
            and payments. Else all rows are customers.
    """
    ledger.prepare(engine())
    tenant = tenants.add(engine(), TENANT)
    part = rows // 5
    kinds = [("customer", _CUSTOMERS, part if several else rows)]
    if several:
        kinds += [
            ("plan", _PLANS, 0), ("service", _SERVICES, part),
            ("invoice", _INVOICES, rows - 3 * part), ("payment", _PAYMENTS, part),
        ]  # fmt: skip
    with connect(autocommit=True) as driver:
        driver.execute("select setseed(0.5)")
        for table, statement, count in kinds:
            driver.execute(
                sql.SQL(statement).format(
                    schema=sql.Identifier(tenant.schema),
                    rows=sql.Literal(count),
                    customers=sql.Literal(part),
                )
            )
            driver.execute(
                sql.SQL("vacuum (analyze) {}").format(sql.Identifier(tenant.schema, table))
            )
        driver.execute("checkpoint")


def change(rounds: int) -> None:
    """Updates one row in a hundred of every table, spread evenly; others in each round."""
    schema = f"tenant_{TENANT}"
    with connect(autocommit=True) as driver:
        for table in ("customer", "service", "invoice", "payment"):
            driver.execute(
                sql.SQL("update {} set notes = {} where _record % 100 = {}").format(
                    sql.Identifier(schema, table),
                    sql.Literal(f"changed in round {rounds}"),
                    sql.Literal(rounds % 100),
                )
            )


def measured(name: str, does: Callable[[], int]) -> Measured:
    """Runs a scenario, which returns its bytes, in this process."""
    server = server_cpu.postmaster()
    own = resource.getrusage(resource.RUSAGE_SELF)
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, started = server_cpu.seconds(server), time.monotonic()
    written = does()
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    after_below = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = after_below if after_below.ru_utime > below.ru_utime else after
    return Measured(
        name=name,
        seconds=seconds,
        client=_seconds(after) - _seconds(own) + _seconds(after_below) - _seconds(below),
        server=server_cpu.seconds(server) - cpu,
        bytes=written,
        peak=peak.ru_maxrss / 1024,
    )


def _seconds(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def dump(path: Path) -> int:
    """Dumps the tenant's schema as ``pg_dump -Fc`` does; returns the bytes."""
    environment = os.environ | _libpq()
    subprocess.run(
        [bundled_binaries() / "pg_dump", "-Fc", "-n", f"tenant_{TENANT}", "-f", path],
        env=environment,
        check=True,
    )
    return path.stat().st_size


def empty_database() -> None:
    """A database of the same server into which the dump is restored."""
    with connect(autocommit=True) as driver:
        driver.execute("drop database if exists bench_restored with (force)")
        driver.execute("create database bench_restored")


def pg_restored(path: Path) -> int:
    """Restores the dump there."""
    subprocess.run(
        [bundled_binaries() / "pg_restore", "-d", "bench_restored", path],
        env=os.environ | _libpq(),
        check=True,
    )
    return 0


def restored(which: int = -1) -> int:
    """Restores a snapshot in place: the newest, or another by its place among them."""
    repository = open_repository(TENANT)
    snapshot = repository.snapshots()[which].name
    with engine().connect() as connection, engine().connect() as holding:
        tenant = tenants.get(connection, TENANT)
        connection.rollback()
        with tenants.lock(holding, TENANT, "bench"):
            restore(connection, tenant, repository, Asked(snapshot), actor="bench")
    return 0


def _libpq() -> dict[str, str]:
    with connect() as driver:
        info = driver.info
        return {
            "PGHOST": info.host,
            "PGPORT": str(info.port),
            "PGUSER": info.user,
            "PGDATABASE": info.dbname,
            **({"PGPASSWORD": info.password} if info.password else {}),
        }


def child(what: str, folder: Path) -> dict[str, Any]:
    """One scenario, here."""
    gc.set_threshold(50_000)  # As the command line does.
    match what:
        case "dump":
            return asdict(measured("pg_dump -Fc", lambda: dump(folder / "bench.dump")))
        case "full":
            # Whatever was stored is to be stored again.
            shutil.rmtree(settings().backup_place, ignore_errors=True)
            return asdict(measured("full", lambda: back_up(TENANT, actor="bench").bytes_stored))
        case "pg_restore":
            empty_database()
            return asdict(measured("pg_restore", lambda: pg_restored(folder / "bench.dump")))
        case "restore" | "restore_changed":
            which, name = (0, "restore") if what == "restore" else (-1, "restore, 1 % changed")
            found = measured(name, lambda: restored(which))
            with engine().connect() as connection:
                tenant = tenants.get(connection, TENANT)
                connection.rollback()
                confirm(connection, tenant, actor="bench")
            return asdict(found)
        case "again":
            name = "nothing changed"
        case _:
            name = "1 % changed"
    return asdict(measured(name, lambda: back_up(TENANT, actor="bench").bytes_stored))


def in_process(what: str, folder: Path) -> Measured:
    """One scenario, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", _MODULE, "--child", what, "--folder", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one-table", action="store_true", help="all rows are customers")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        sys.stdout.write(json.dumps(child(asked.child, asked.folder)) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ISPMIG_HOME"] = str(Path(folder) / "home")
        os.environ.pop("ISPMIG_DATABASE_URL", None)
        os.environ.pop("ISPMIG_BACKUPS", None)
        settings.cache_clear()
        fill(asked.rows, several=not asked.one_table)
        best: dict[str, Measured] = {}
        for number in range(asked.rounds):
            for what in ("dump", "full", "again", "changed", "pg_restore", "restore",
                         "restore_changed"):  # fmt: skip
                if what == "changed":
                    change(number)
                one = in_process(what, Path(folder))
                held = best.get(what)
                best[what] = one if held is None or one.cpu < held.cpu else held
        show(best, asked.rows)


def show(best: dict[str, Measured], rows: int) -> None:
    """What was measured, for the terminal."""
    out = Console(width=110)
    table = Table(title=f"{rows:,} rows; CPU is the client's and the server's")
    for column in ("", "seconds", "CPU", "of the server", "bytes", "peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    for one in best.values():
        table.add_row(
            one.name, f"{one.seconds:.1f}", f"{one.cpu:.1f}", f"{one.server:.1f}",
            f"{one.bytes:,}", f"{one.peak:.0f}",
        )  # fmt: skip
    out.print(table)
    plain, full, some = best["dump"], best["full"], best["changed"]
    theirs, ours = best["pg_restore"], best["restore"]
    out.print(
        f"full beside pg_dump: {plain.seconds / full.seconds:.2f} times as fast "
        f"({plain.cpu / full.cpu:.2f} by CPU), {full.bytes / plain.bytes:.2f} of the bytes\n"
        f"1 % changed beside full: {full.seconds / some.seconds:.2f} times as fast "
        f"({full.cpu / some.cpu:.2f} by CPU), {some.bytes / full.bytes:.4f} of the bytes\n"
        f"restore beside pg_restore: {theirs.seconds / ours.seconds:.2f} times as fast "
        f"({theirs.cpu / ours.cpu:.2f} by CPU)"
    )


if __name__ == "__main__":
    main()
