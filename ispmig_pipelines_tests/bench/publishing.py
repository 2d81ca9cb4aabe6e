"""What a migration asks of the server it publishes on: time, locks, WAL, temporary files.

    python -m ispmig_pipelines_tests.bench.publishing [--rows 1000000] [--url postgresql://…]

Half of the rows are customers (15 fields), half are payments that refer to them. They are loaded
into a new tenant; again, unchanged; again with every tenth row changed; and that is rolled back.
Beside it the same bytes are copied into tables without keys. Timed is the server's part: staging,
judging, and the time for which the tables are locked against other writers. CPU is that of the
server's process, where it runs on this machine: it is told apart from whatever else is running.
Without a URL that is an embedded server with its settings as always, in a folder of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from unittest import mock

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Connection

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import judging, ledger, tenants
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.feed import Feed
from ispmig_pipelines.platform.load import Loaded, load
from ispmig_pipelines.platform.publish import FeedTable, create_staging
from ispmig_pipelines.platform.reconcile import Amounts
from ispmig_pipelines.platform.rollback.rollback import roll_back
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.settings import settings

BATCH = 50_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """One scenario; seconds of the clock, and in brackets of the server's CPU."""

    name: str
    rows: int
    staged: float = 0.0
    judged: float = 0.0
    locked: float = 0.0
    staged_cpu: float = 0.0
    judged_cpu: float = 0.0
    locked_cpu: float = 0.0
    wal: int = 0
    temporary: int = 0

    @property
    def share(self) -> float:
        """Of the server's CPU time, the part with the tables locked."""
        return self.locked_cpu / max(self.staged_cpu + self.judged_cpu + self.locked_cpu, 1e-9)


def batches(entity: str, first: int, size: int, changed: int) -> Iterator[pa.RecordBatch]:
    """Rows of the entity; every tenth says something else for each other ``changed``."""
    for start in range(first, first + size, BATCH):
        numbers = pa.array(range(start, min(start + BATCH, first + size)), pa.int64())
        yield _batch(entity, numbers, changed)


def _batch(entity: str, numbers: pa.Array, changed: int) -> pa.RecordBatch:
    count = len(numbers)
    text = pc.cast(numbers, pa.string())
    tenth = pc.equal(pc.subtract(numbers, pc.multiply(pc.divide(numbers, 10), 10)), 0)

    def told(prefix: str) -> pa.Array:
        return pc.binary_join_element_wise(prefix, text, "")

    def same(value: object, kind: pa.DataType | None = None) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), count)

    if entity == "customer":
        city = pc.if_else(tenth, f"Springfield {changed}", "Springfield")
        columns = {
            "account_number": told("C"),
            "kind": same("person"),
            "first_name": told("Ann "),
            "last_name": told("Lee "),
            "status": same("active"),
            "signup_date": pc.cast(same(18_000, pa.int32()), pa.date32()),
            "email": pc.binary_join_element_wise("c", text, "@example.net", ""),
            "phone": pc.binary_join_element_wise("+1", pc.utf8_lpad(text, 10, "5"), ""),
            "billing_street": told("Long Lane "),
            "billing_city": city,
            "billing_postal_code": same("12345"),
            "billing_country": same("US"),
            "balance": same(Decimal("12.5000"), pa.decimal128(19, 4)),
            "currency": same("USD"),
            "notes": told("came from the old system as number "),
        }
    else:
        columns = {
            "payment_number": told("P"),
            "customer": told("C"),
            "status": same("completed"),
            "paid_at": pc.cast(same(1_600_000_000_000_000, pa.int64()), pa.timestamp("us", "UTC")),
            "amount": same(Decimal("10.0000"), pa.decimal128(19, 4)),
            "currency": same("USD"),
            "method": same("card"),
            "reference": pc.if_else(tenth, f"again {changed}", "first"),
        }
    columns |= {
        "legacy": pa.nulls(count, pa.string()),
        "_file": same(0 if entity == "customer" else 1, pa.int32()),
        "_record": numbers,
        "_line": numbers,
    }
    return pa.RecordBatch.from_pydict(columns)


def feed(tenant: Tenant, migration: int, entity: str, size: int, changed: int) -> Feed:
    """The feed of all rows of an entity."""
    names = next(batches(entity, 1, 1, changed)).schema.names
    fields = tuple(f for f in ENTITIES[entity].fields if f in names)
    table = FeedTable(tenant, migration, entity, 0, fields, partial=False, has_legacy=False)
    order = [*fields, "legacy", "_file", "_record", "_line"]
    money, each = ("balance", "12.5") if entity == "customer" else ("amount", "10")
    return Feed(
        table=table,
        read=size,
        amounts={money: {"USD": Amounts(source=Decimal(each) * size)}},
        accepted=lambda: (b.select(order) for b in batches(entity, 1, size, changed)),
        quarantined=lambda: iter([]),
        issues=lambda: iter([]),
        cells=lambda positions: ("{}" for _ in positions),
    )


class Server:
    """What the server says of one session of it."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._pid = connection.info.backend_pid
        self._watch = connect(autocommit=True)
        is_here = "select inet_server_addr() is null"
        row = self._watch.execute(is_here).fetchone()
        self._here = bool(row and row[0]) and Path(f"/proc/{self._pid}/stat").exists()

    def cpu(self) -> float:
        """Seconds that the session's process has worked; 0 where it runs elsewhere."""
        if not self._here:
            return 0.0
        words = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICKS

    def wal(self) -> int:
        """Bytes of WAL that the server has ever written."""
        return self._number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")

    def temporary(self) -> int:
        """Bytes of temporary files in this database so far, as far as is told yet."""
        self._watch.execute("select pg_stat_clear_snapshot()")
        return self._number(
            "select temp_bytes from pg_stat_database where datname = current_database()"
        )

    def version(self) -> str:
        """The server's version."""
        row = self._watch.execute("show server_version").fetchone()
        return str(row[0]) if row else "?"

    def _number(self, query: str) -> int:
        row = self._watch.execute(query).fetchone()
        return int(row[0]) if row else 0


def migrate(
    connection: Connection, server: Server, tenant: Tenant, name: str, rows: int, changed: int
) -> tuple[int, Measured]:
    """Loads all rows; returns the migration, and what it took."""
    with connection.begin():
        migration = ledger.open_migration(
            connection, tenant=tenant.slug, mode="load", on_conflict="update", spec_name="bench",
            spec_path="", spec_text="", spec_digest="", dagster_run_id="", actor="bench",
        )  # fmt: skip
        files = [{"index": i, "path": f"{i}.csv"} for i in range(2)]
        ledger.update_migration(connection, migration, files=files)
    found = Measured(name, rows)
    marks: list[tuple[float, float]] = []

    def mark() -> None:
        marks.append((time.monotonic(), server.cpu()))

    judge: Callable[..., judging.Judged] = judging.judge

    def judged(*args: object, **kwargs: object) -> judging.Judged:
        mark()
        result = judge(*args, **kwargs)
        mark()
        return result

    wal, temporary = server.wal(), server.temporary()
    mark()
    with mock.patch.object(judging, "judge", judged):
        load(
            connection, tenant, migration,
            [feed(tenant, migration, e, rows // 2, changed) for e in ("customer", "payment")],
            on_conflict=OnConflict.update, dry_run=False, approve=_nothing,
            spill=Path(tempfile.gettempdir()),
        )  # fmt: skip
    mark()
    tell_statistics(connection)
    spent = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]
    (found.staged, found.staged_cpu), (found.judged, found.judged_cpu) = spent[:2]
    found.locked, found.locked_cpu = spent[2]
    found.wal, found.temporary = server.wal() - wal, server.temporary() - temporary
    with connection.begin():
        ledger.update_migration(connection, migration, state=ledger.State.DONE)
    return migration, found


def size(connection: Connection, tenant: Tenant) -> str:
    """How large the session's temporary tables are, and the tenant's, with their indexes."""
    with connection.begin():
        row = (
            raw(connection)
            .execute(
                """select sum(pg_total_relation_size(oid)) filter (
                              where relnamespace = pg_my_temp_schema()),
                          sum(pg_total_relation_size(oid)) filter (
                              where relnamespace = %s::regnamespace),
                          sum(pg_table_size(oid)) filter (
                              where relnamespace = %s::regnamespace)
                   from pg_class where relkind = 'r'""",
                [tenant.schema, tenant.schema],
            )
            .fetchone()
        )
    staged, whole, tables = (int(n or 0) / 1e6 for n in row or (0, 0, 0))
    return (
        f"{staged:,.0f} MB staged; the tenant has {whole:,.0f} MB, of which {tables:,.0f} MB tables"
    )


def tell_statistics(connection: Connection) -> None:
    """Lets the server know at once what the session has done."""
    with connection.begin():
        raw(connection).execute("select pg_stat_force_next_flush()")


def _nothing(loaded: Loaded) -> None:
    del loaded


def roll(connection: Connection, server: Server, tenant: Tenant, migration: int) -> Measured:
    """Rolls a migration back; all of it counts as locked."""
    found = Measured("rolled back", 0)
    started, cpu, wal, temporary = time.monotonic(), server.cpu(), server.wal(), server.temporary()
    done = roll_back(connection, tenant, [migration], actor="bench")
    found.locked, found.locked_cpu = time.monotonic() - started, server.cpu() - cpu
    found.rows = done.rows
    tell_statistics(connection)
    found.wal, found.temporary = server.wal() - wal, server.temporary() - temporary
    return found


def copied(connection: Connection, server: Server, tenant: Tenant, rows: int) -> Measured:
    """Copies the same bytes into plain tables."""
    found = Measured("COPY alone", rows)
    driver = raw(connection)
    with connection.begin() as transaction:
        wal = server.wal()
        started, cpu = time.monotonic(), server.cpu()
        for entity in ("customer", "payment"):
            one = feed(tenant, 0, entity, rows // 2, 0)
            create_staging(driver, one.table)
            into = sql.Identifier(tenant.schema, f"copied_{entity}")
            driver.execute(sql.SQL("create table {} (like {})").format(into, one.table.staged))
            copy_batches(driver, into, one.accepted())
        found.staged, found.staged_cpu = time.monotonic() - started, server.cpu() - cpu
        found.wal = server.wal() - wal
        transaction.rollback()
    return found


@contextmanager
def home(url: str) -> Iterator[None]:
    """A home of the bench's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ISPMIG_HOME"] = folder
        os.environ.pop("ISPMIG_DATABASE_URL", None)
        if url:
            os.environ["ISPMIG_DATABASE_URL"] = url
        settings.cache_clear()
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--url", default="", help="an empty database of a server of your own")
    asked = parser.parse_args()
    with home(asked.url):
        database = engine()
        ledger.prepare(database)
        tenant = tenants.add(database, "bench")
        with database.connect() as connection:
            server = Server(raw(connection))
            connection.rollback()
            sizes: list[str] = []
            found = [copied(connection, server, tenant, asked.rows)]
            for name, changed in (("first load", 0), ("again, unchanged", 0), ("10 % changed", 1)):
                migration, one = migrate(connection, server, tenant, name, asked.rows, changed)
                found.append(one)
                sizes.append(f"{name}: {size(connection, tenant)}")
            found.append(roll(connection, server, tenant, migration))
            print_table(found, server.version())
            Console(width=120).print("\n".join(sizes))


def print_table(found: list[Measured], version: str) -> None:
    """What was measured, for the terminal."""
    table = Table(title=f"PostgreSQL {version}; seconds, and in brackets the server's CPU")
    for column in ("", "rows", "staging", "judging", "locked", "locked, of CPU", "WAL", "temp"):
        table.add_column(column, justify="left" if not column else "right")
    for one in found:
        table.add_row(
            one.name,
            f"{one.rows:,}",
            f"{one.staged:.1f} ({one.staged_cpu:.1f})",
            f"{one.judged:.1f} ({one.judged_cpu:.1f})",
            f"{one.locked:.1f} ({one.locked_cpu:.1f})",
            f"{one.share:.0%}",
            f"{one.wal / 1e6:,.0f} MB",
            f"{one.temporary / 1e6:,.0f} MB",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
