"""On a server that others use: who reads sees all of a migration or nothing, and waits for nobody;
who writes waits for as short as can be, and never for long behind somebody who waits."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import DatabaseError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import journal, judging, ledger, table_locks, tenants
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.load import Loaded, load
from ispmig_pipelines.platform.resubmitted import TRIED_SCHEMA, Continuation
from ispmig_pipelines.platform.rollback.rollback import roll_back
from ispmig_pipelines.platform.server import connect, engine, told_plainly
from ispmig_pipelines.platform.session import Session
from ispmig_pipelines.platform.table_locks import Mode
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.platform.loading import feed, load_rows, open_migration

SPILL = Path(tempfile.gettempdir())
TABLES = (*ENTITIES, *journal.TABLES)
IMPATIENT = "1ms"
"""A lock_timeout by which whoever has to wait for a lock at all fails."""


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    return tenants.add(connection.engine, "acme")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Locks are given up soon, so that the tests need not wait."""
    monkeypatch.setenv("ISPMIG_LOCK_TIMEOUT", "0.05")
    monkeypatch.setenv("ISPMIG_LOCK_PATIENCE", "0.2")
    settings.cache_clear()
    yield
    settings.cache_clear()


@contextmanager
def somebody(name: str = "billing") -> Iterator[psycopg.Connection]:
    """Another session: the tenant's own application."""
    with connect(application_name=name) as other:
        yield other


def customer(number: str, city: str = "Troy", **more: Any) -> dict[str, Any]:
    return {
        "account_number": number,
        "kind": "person",
        "status": "active",
        "billing_city": city,
        "balance": Decimal(1),
        "currency": "USD",
        **more,
    }


def payment(number: str, account: str) -> dict[str, Any]:
    return {
        "payment_number": number,
        "customer": account,
        "amount": Decimal(2),
        "currency": "USD",
    }


class Reader:
    """Reads the tenant's tables as its role, after every statement of another session.

    Attributes:
        states: what it saw, in one snapshot over all tables, each state once in a row.
        of_table: the same of each table, by statements of their own.
    """

    def __init__(self, tenant: Tenant, watched: psycopg.Connection) -> None:
        self._tenant = tenant
        self._watched = watched
        self._session = connect()
        self._session.execute(sql.SQL("set lock_timeout = {}").format(IMPATIENT))
        self._session.commit()
        self.states: list[tuple[str, ...]] = []
        self.of_table: dict[str, list[str]] = {table: [] for table in TABLES}
        self.read = 0

    def look(self) -> None:
        """Reads once; fails if it would have to wait for anybody."""
        self.read += 1
        session = self._session
        with session.transaction():
            session.execute("set transaction isolation level repeatable read")
            with as_tenant(session, self._tenant):
                _note(self.states, tuple(self._content(table) for table in TABLES))
        for table in TABLES:
            with session.transaction(), as_tenant(session, self._tenant):
                _note(self.of_table[table], self._content(table))
        with session.transaction():
            refusing = session.execute(
                """select count(*) from pg_locks l join pg_class c on c.oid = l.relation
                   where l.mode = 'AccessExclusiveLock' and l.pid = %s
                     and c.relnamespace = %s::regnamespace""",
                [self._watched.info.backend_pid, self._tenant.schema],
            ).fetchone()
        assert refusing == (0,)

    def _content(self, table: str) -> str:
        row = self._session.execute(
            sql.SQL("select coalesce(md5(string_agg(t::text, ';' order by t::text)), '') from {} t")
            .format(sql.Identifier(self._tenant.schema, table))
        ).fetchone()  # fmt: skip
        assert row is not None
        return str(row[0])


def _note(seen: list[Any], state: Any) -> None:
    if not seen or seen[-1] != state:
        seen.append(state)


@contextmanager
def read_all_the_time(
    connection: Connection, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reader]:
    """Reads before and after the block, and after every statement that it executes."""
    driver = raw(connection)
    reader = Reader(tenant, driver)
    reader.look()
    execute = Session.execute

    def executed(self: Session, *args: Any, **kwargs: Any) -> Any:
        result = execute(self, *args, **kwargs)
        if self is driver:
            reader.look()
        return result

    with monkeypatch.context() as patched:
        patched.setattr(Session, "execute", executed)
        yield reader
    reader.look()
    # Beginning and end of a block that does nothing would be two.
    assert reader.read > 10


FIRST = {
    "customer": [customer("A1"), customer("A2")],
    "payment": [payment("P1", "A1"), payment("P2", "nobody")],
}
SECOND = {
    "customer": [customer("A1", "Rome"), customer("A3")],
    "payment": [payment("P1", "A1"), payment("P3", "A3"), payment("P4", "nobody")],
}


@pytest.mark.slow
def test_a_reader_sees_all_of_a_first_load_or_nothing_and_waits_for_nobody(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_all_the_time(connection, acme, monkeypatch) as reader:
        load_rows(connection, acme, FIRST)
    assert len(reader.states) == 2
    assert len(reader.of_table["customer"]) == len(reader.of_table["_quarantine"]) == 2


@pytest.mark.slow
def test_a_reader_sees_all_of_a_later_migration_or_nothing(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows(connection, acme, FIRST)
    with read_all_the_time(connection, acme, monkeypatch) as reader:
        load_rows(connection, acme, SECOND)
    assert len(reader.states) == 2
    assert all(len(states) <= 2 for states in reader.of_table.values())
    assert len(reader.of_table["_undo"]) == 2


@pytest.mark.slow
def test_a_reader_sees_nothing_of_a_migration_that_changes_nothing(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {"customer": [customer("A1")], "payment": [payment("P1", "A1")]}
    load_rows(connection, acme, whole)
    with read_all_the_time(connection, acme, monkeypatch) as reader:
        load_rows(connection, acme, whole)
    assert len(reader.states) == 1


@pytest.mark.slow
def test_a_reader_sees_of_a_dry_run_its_quarantine_at_its_end_and_no_row(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows(connection, acme, FIRST)
    with read_all_the_time(connection, acme, monkeypatch) as reader:
        load_rows(connection, acme, SECOND, dry_run=True)
    assert len(reader.states) == 2
    assert {name for name, states in reader.of_table.items() if len(states) > 1} == {
        "_quarantine",
        "_issues",
    }


@pytest.mark.slow
def test_a_reader_sees_all_of_a_resubmission_or_nothing(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, _ = load_rows(connection, acme, FIRST)
    with connection.begin():
        ledger.update_migration(connection, origin, state=ledger.State.DONE)
    migration = open_migration(connection, acme)
    tried = pa.RecordBatch.from_pylist(
        [{"entity": "payment", "feed": 0, "file": 0, "record": 2}], TRIED_SCHEMA
    )
    corrected = feed(acme, migration, "payment", [payment("P1", "A1"), payment("P2", "A2")])
    with read_all_the_time(connection, acme, monkeypatch) as reader:
        load(
            connection, acme, migration, [corrected], on_conflict=OnConflict.update, dry_run=False,
            approve=lambda loaded: None, spill=SPILL,
            continues=Continuation(origin, (origin,), lambda: iter([tried])),
        )  # fmt: skip
    assert len(reader.states) == 2
    assert len(reader.of_table["_closings"]) == 2


@pytest.mark.slow
def test_a_reader_sees_all_of_a_rollback_or_nothing(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows(connection, acme, FIRST)
    migration, _ = load_rows(connection, acme, SECOND)
    with connection.begin():
        ledger.update_migration(connection, migration, state=ledger.State.DONE)
    with read_all_the_time(connection, acme, monkeypatch) as reader:
        done = roll_back(connection, acme, [migration], actor="test")
    assert done.rows == 3
    assert len(reader.states) == 2


def test_nobody_is_read_past_who_waits_for_a_lock(connection: Connection, acme: Tenant) -> None:
    load_rows(connection, acme, FIRST)
    driver = raw(connection)
    failed: list[BaseException] = []

    def migrate() -> None:
        try:
            load_rows(connection, acme, SECOND)
        except BaseException as error:
            failed.append(error)

    with somebody() as writer, somebody() as reader:
        writer.execute("update tenant_acme.customer set notes = 'mine'")
        thread = threading.Thread(target=migrate)
        thread.start()
        try:
            until(lambda: blocked(reader, driver.info.backend_pid) == [writer.info.backend_pid])
            reader.execute(sql.SQL("set lock_timeout = {}").format(IMPATIENT))
            assert reader.execute("select count(*) from tenant_acme.customer").fetchone() == (2,)
        finally:
            writer.rollback()
            reader.rollback()
            thread.join()
    assert not failed


def blocked(watch: psycopg.Connection, pid: int) -> list[int]:
    """Whom a session waits for."""
    row = watch.execute("select pg_blocking_pids(%s)", [pid]).fetchone()
    watch.rollback()
    return list(row[0]) if row else []


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- locks ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    [
        "update tenant_acme.customer set notes = 'mine' where account_number = 'A1'",
        "select from tenant_acme.customer where account_number = 'A1' for update",
        "select from tenant_acme.customer where account_number = 'A1' for key share",
        "lock table tenant_acme.payment in access exclusive mode",
        "lock table tenant_acme.payment in share update exclusive mode",
    ],
)
def test_somebody_who_works_on_the_tables_is_named_after_a_while(
    connection: Connection, acme: Tenant, impatient: None, work: str
) -> None:
    load_rows(connection, acme, FIRST)
    with somebody("billing (nightly)") as other:
        other.execute(work)
        with pytest.raises(DatabaseError) as caught:
            load_rows(connection, acme, SECOND)
        told = str(caught.value)
        assert caught.value.transient
        assert f"by process {other.info.backend_pid} (billing (nightly)), whose transaction" in told
        assert ("customer by" in told) == ("customer" in work)
        assert "A1" not in told
        other.rollback()
    connection.rollback()
    load_rows(connection, acme, SECOND)


def test_a_prepared_transaction_is_named_as_what_it_is(
    connection: Connection, acme: Tenant, impatient: None
) -> None:
    with somebody() as other:
        (most,) = other.execute("show max_prepared_transactions").fetchone() or ("0",)
        if most == "0":
            pytest.skip("this server has no prepared transactions")
        other.execute("lock table tenant_acme.customer in exclusive mode")
        other.execute("prepare transaction 'mine'")
        other.commit()
        with pytest.raises(DatabaseError, match="customer by a prepared transaction"):
            load_rows(connection, acme, FIRST)


def test_between_two_tries_nothing_is_held(
    connection: Connection, acme: Tenant, impatient: None
) -> None:
    load_rows(connection, acme, FIRST)
    driver = raw(connection)
    pauses: list[float] = []
    with somebody() as other, somebody() as third:
        other.execute("lock table tenant_acme.payment in row exclusive mode")
        third.execute(sql.SQL("set lock_timeout = {}").format(IMPATIENT))
        third.commit()

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            # customer was locked before payment was waited for, and is let go of again.
            third.execute("update tenant_acme.customer set notes = 'mine'")
            third.commit()
            if len(pauses) == 2:
                other.rollback()

        with connection.begin():
            locked = table_locks.lock(
                driver, acme, ["payment", "customer"], Mode.WRITING, sleep=pause
            )
            assert locked.tries == 3
            with pytest.raises(psycopg.errors.LockNotAvailable):
                third.execute("update tenant_acme.customer set notes = 'mine'")
            third.rollback()


def test_what_waits_is_one_moment_for_all_tables_together(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_LOCK_TIMEOUT", "5")
    settings.cache_clear()
    asked: list[float] = []
    wait = table_locks.timeouts.wait_for_locks

    def noted(driver: psycopg.Connection, seconds: float) -> None:
        asked.append(seconds)
        wait(driver, seconds)

    monkeypatch.setattr(table_locks.timeouts, "wait_for_locks", noted)
    with connection.begin():
        table_locks.lock(raw(connection), acme, list(ENTITIES), Mode.WRITING)
    *each, tried, afterwards = asked
    assert len(each) == len(ENTITIES)
    assert each == sorted(each, reverse=True)
    assert each[0] <= 5 == tried
    # With the tables locked there is nobody to queue up behind us.
    assert afterwards == settings().lock_patience


def test_a_deadlock_with_who_locks_in_another_order_is_let_go_of(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_LOCK_TIMEOUT", "0.3")
    settings.cache_clear()
    driver = raw(connection)
    with somebody() as other:
        other.execute("lock table tenant_acme.payment in row exclusive mode")

        def work() -> None:
            until(lambda: blocked(watch, driver.info.backend_pid) == [other.info.backend_pid])
            other.execute("lock table tenant_acme.customer in row exclusive mode")
            other.commit()

        with somebody() as watch:
            thread = threading.Thread(target=work)
            thread.start()
            with connection.begin():
                locked = table_locks.lock(driver, acme, ["customer", "payment"], Mode.WRITING)
            thread.join()
    assert locked.tries > 1


# --- judged before the locks ---------------------------------------------------------------------


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is done after each judging and before the locks, one after the other; what is left
    was not judged."""
    todo: list[Callable[[], None]] = []
    judge = judging._judge

    def one(*args: Any, **kwargs: Any) -> judging.Judged:
        result = judge(*args, **kwargs)
        todo.pop(0)()
        return result

    monkeypatch.setattr(judging, "_judge", one)
    return todo


def by_somebody(*statements: str) -> Callable[[], None]:
    def do() -> None:
        with somebody() as other:
            other.execute(sql.SQL("set lock_timeout = {}").format(IMPATIENT))
            for statement in statements:
                other.execute(statement)
            other.commit()

    return do


def nothing() -> None:
    pass


def may_not_write() -> None:
    """Somebody else may not write while it is judged for the second time."""
    with pytest.raises(psycopg.errors.LockNotAvailable):
        by_somebody("update tenant_acme.customer set notes = 'mine'")()


def test_what_nobody_touched_meanwhile_is_judged_once(
    connection: Connection, acme: Tenant, judged: list[Callable[[], None]]
) -> None:
    load_first(connection, acme, judged)
    # Locking a row is no writing, nor is what was rolled back.
    judged.append(
        by_somebody(
            "select from tenant_acme.customer for update",
            "savepoint here",
            "delete from tenant_acme.payment",
            "rollback to savepoint here",
        )
    )
    load_rows(connection, acme, SECOND)
    assert not judged


def load_first(
    connection: Connection, acme: Tenant, judged: list[Callable[[], None]]
) -> dict[str, int]:
    judged.append(nothing)
    _, loaded = load_rows(connection, acme, FIRST)
    assert not judged
    return {name: counts.inserted for name, counts in loaded.entities.items()}


def test_a_parent_that_went_meanwhile_is_missed(
    connection: Connection, acme: Tenant, judged: list[Callable[[], None]]
) -> None:
    assert load_first(connection, acme, judged) == {"customer": 2, "payment": 1}
    judged += [
        by_somebody("delete from tenant_acme.customer where account_number = 'A2'"),
        may_not_write,
    ]
    _, loaded = load_rows(connection, acme, {"payment": [payment("P5", "A2"), payment("P6", "A1")]})
    assert not judged
    counts = loaded.entities["payment"]
    assert (counts.inserted, counts.quarantined) == (1, 1)
    assert loaded.issues == {"payment": {"reference.missing": 1}}


@pytest.mark.parametrize(
    "statements",
    [
        ["update tenant_acme.customer set billing_city = 'Oslo' where account_number = 'A2'"],
        [
            "savepoint here",
            "update tenant_acme.customer set billing_city = 'Oslo' where account_number = 'A2'",
            "release savepoint here",
        ],
        [
            "delete from tenant_acme.payment",
            "create temporary table mine as select * from tenant_acme.customer",
            "delete from tenant_acme.customer where account_number = 'A2'",
            """insert into tenant_acme.customer
               select (jsonb_populate_record(m, '{"billing_city": "Oslo"}')).* from mine m
               where account_number = 'A2'""",
        ],
    ],
)
def test_what_was_written_meanwhile_is_the_tenants_own(
    connection: Connection,
    acme: Tenant,
    judged: list[Callable[[], None]],
    statements: list[str],
) -> None:
    load_first(connection, acme, judged)
    judged += [by_somebody(*statements), may_not_write]
    # By what stood there when it was judged first, this would change nothing.
    _, loaded = load_rows(
        connection, acme, {"customer": [customer("A2")]}, on_conflict=OnConflict.keep
    )
    assert not judged
    assert loaded.issues == {"customer": {"conflict.kept": 1}}
    assert raw(connection).execute(
        "select billing_city from tenant_acme.customer where account_number = 'A2'"
    ).fetchone() == ("Oslo",)


def test_who_had_begun_before_the_judging_and_ends_after_it_is_noticed(
    connection: Connection, acme: Tenant, judged: list[Callable[[], None]]
) -> None:
    load_first(connection, acme, judged)
    with somebody() as other:
        other.execute("select pg_current_xact_id()")
        # A number of its own, later than the transaction's.
        other.execute("savepoint here")
        other.execute("update tenant_acme.customer set billing_city = 'Oslo'")
        other.execute("release savepoint here")
        judged += [other.commit, may_not_write]
        _, loaded = load_rows(
            connection, acme, {"customer": [customer("A2")]}, on_conflict=OnConflict.keep
        )
    assert not judged
    assert loaded.issues == {"customer": {"conflict.kept": 1}}


# --- limits --------------------------------------------------------------------------------------


NAMES = (
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "client_connection_check_interval",
    "work_mem",
)


def shown(driver: psycopg.Connection) -> dict[str, str]:
    return {name: (driver.execute(f"show {name}").fetchone() or [""])[0] for name in NAMES}


def test_limits_are_those_of_the_settings_and_of_the_transaction_alone(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("LOCK_TIMEOUT", "3"), ("LOCK_PATIENCE", "7"), ("STATEMENT_TIMEOUT", "3600"),
        ("IDLE_TIMEOUT", "120"), ("WORK_MEMORY", "17"),
    ):  # fmt: skip
        monkeypatch.setenv(f"ISPMIG_{name}", value)
    settings.cache_clear()
    before = shown(raw(connection))
    connection.rollback()
    seen: list[dict[str, str]] = []
    migration = open_migration(connection, acme)
    load(
        connection, acme, migration, [feed(acme, migration, "customer", [customer("A1")])],
        on_conflict=OnConflict.update, dry_run=False, spill=SPILL,
        approve=lambda loaded: seen.append(shown(raw(connection))),
    )  # fmt: skip
    assert seen == [
        {
            # With the tables locked there is nobody to queue up behind us.
            "lock_timeout": "7s",
            "statement_timeout": "1h",
            "idle_in_transaction_session_timeout": "2min",
            "client_connection_check_interval": "10s",
            "work_mem": "17MB",
        }
    ]
    assert shown(raw(connection)) == before


def test_a_statement_that_takes_too_long_is_ended_and_publishes_nothing(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = open_migration(connection, acme)

    def hang(loaded: Loaded) -> None:
        raw(connection).execute("set local statement_timeout = '20ms'")
        raw(connection).execute("select pg_sleep(60)")

    with pytest.raises(DatabaseError, match="time limit"), told_plainly():
        load(
            connection, acme, migration, [feed(acme, migration, "customer", [customer("A1")])],
            on_conflict=OnConflict.update, dry_run=False, approve=hang, spill=SPILL,
        )  # fmt: skip
    connection.rollback()
    assert tenants.contents(connection, acme)["customer"] == 0


def test_a_transaction_in_which_we_hang_is_ended_and_may_be_tried_again(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_IDLE_TIMEOUT", "0.05")
    settings.cache_clear()
    migration = open_migration(connection, acme)
    with somebody() as watch:
        pid = raw(connection).info.backend_pid

        def hang(loaded: Loaded) -> None:
            until(lambda: _gone(watch, pid))

        with pytest.raises(DatabaseError) as caught, told_plainly():
            load(
                connection, acme, migration, [feed(acme, migration, "customer", [customer("A1")])],
                on_conflict=OnConflict.update, dry_run=False, approve=hang, spill=SPILL,
            )  # fmt: skip
        assert caught.value.transient
        assert watch.execute("select count(*) from tenant_acme.customer").fetchone() == (0,)
    connection.invalidate()


def _gone(watch: psycopg.Connection, pid: int) -> bool:
    row = watch.execute("select from pg_stat_activity where pid = %s", [pid]).fetchone()
    watch.rollback()
    return row is None


_KILLED = """
from ispmig_pipelines.platform import timeouts
from ispmig_pipelines.platform.server import connect
timeouts.CLIENT_CHECKED_EVERY = "100ms"
with connect(application_name="to be killed") as connection:
    timeouts.limit(connection)
    connection.execute("lock table tenant_acme.customer in exclusive mode")
    print("locked", flush=True)
    connection.execute("select pg_sleep(3600)")
"""


def test_a_statement_whose_process_was_killed_is_given_up_with_its_locks(
    connection: Connection, acme: Tenant
) -> None:
    process = subprocess.Popen([sys.executable, "-c", _KILLED], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with somebody() as watch:
            until(lambda: "pg_sleep" in _working(watch))
            process.kill()
            process.wait()
            until(lambda: not _working(watch))
            watch.execute(sql.SQL("set lock_timeout = {}").format(IMPATIENT))
            watch.execute("lock table tenant_acme.customer in row exclusive mode")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _working(watch: psycopg.Connection) -> str:
    row = watch.execute(
        """select string_agg(query, '') from pg_stat_activity
           where application_name = 'to be killed' and state = 'active'
             and datname = current_database()"""
    ).fetchone()
    watch.rollback()
    return (row[0] if row else None) or ""


def test_how_long_others_could_not_write_is_told(connection: Connection, acme: Tenant) -> None:
    _, loaded = load_rows(connection, acme, FIRST)
    assert 0 < loaded.locked < loaded.seconds
