"""Rolling migrations back: the tenant is as it was before, and what others changed is theirs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import additions, erasing, journal, ledger, subject, tenants, trail
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.rollback import kept, restore_points, rollback, unreferred
from ispmig_pipelines.platform.rollback.kept import Kept, Why
from ispmig_pipelines.platform.rollback.rollback import Rollback, of_run, roll_back
from ispmig_pipelines.platform.rollback.undo import undo
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines_tests.platform.loading import LENIENT, load_rows


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


def customer(account: str, **more: Any) -> dict[str, Any]:
    return {"account_number": account, "status": "active", **more}


def payment(number: str, account: str, amount: str = "1") -> dict[str, Any]:
    return {
        "payment_number": number, "customer": account, "amount": Decimal(amount),
        "currency": "EUR", "paid_at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    }  # fmt: skip


def load(connection: Connection, tenant: Tenant, **entities: list[dict[str, Any]]) -> int:
    migration, _ = load_rows(connection, tenant, entities, policy=LENIENT)
    with connection.begin():
        ledger.update_migration(connection, migration, state=State.DONE)
    return migration


def content(connection: Connection, tenant: Tenant) -> str:
    found = str(digest(raw(connection), tenant)["digest"])
    connection.rollback()
    return found


def back(connection: Connection, tenant: Tenant, *migrations: int, **how: bool) -> Rollback:
    return roll_back(connection, tenant, migrations, actor="test", **how)


def listed(connection: Connection, tenant: Tenant, of: Rollback) -> list[Kept]:
    with connection.begin(), as_tenant(raw(connection), tenant):
        return list(kept.of(raw(connection), tenant, of.id))


def by_hand(connection: Connection, statement: str, *values: Any) -> None:
    """Somebody else's statement, in the tenant's schema."""
    with connection.begin():
        raw(connection).execute("set local search_path to tenant_acme")
        raw(connection).execute(statement, values)  # type: ignore[arg-type]


def value(connection: Connection, query: str) -> Any:
    with connection.begin():
        raw(connection).execute("set local search_path to tenant_acme")
        row = raw(connection).execute(query).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def state(connection: Connection, migration: int) -> State:
    with connection.begin():
        return ledger.migration(connection, migration).state


# What is untouched


def test_a_migration_that_nobody_touched_is_gone_without_a_trace(
    connection: Connection, acme: Tenant
) -> None:
    before = load(connection, acme, customer=[customer("A", legacy={"x": None, "y": ["1", None]})])
    start = content(connection, acme)
    second = load(
        connection, acme, customer=[customer("A", notes="n", legacy={"z": "1"}), customer("B")],
        payment=[payment("P", "B")],
    )  # fmt: skip
    done = back(connection, acme, second)
    (one,) = done.migrations
    assert (one.removed, one.restored, one.kept) == (
        {"customer": 1, "payment": 1}, {"customer": 1}, {},
    )  # fmt: skip
    assert content(connection, acme) == start
    assert (state(connection, second), state(connection, before)) == (State.UNDONE, State.DONE)
    assert value(connection, "select count(*) from _undo") == 0
    assert value(connection, "select _migration from customer") == before


def test_it_can_be_migrated_again_and_rolled_back_again(
    connection: Connection, acme: Tenant
) -> None:
    rows = [customer("A"), customer("B")]
    first = load(connection, acme, customer=rows)
    loaded = content(connection, acme)
    back(connection, acme, first)
    again = load(connection, acme, customer=rows)
    assert content(connection, acme) == loaded
    assert back(connection, acme, again).rows == 2
    assert value(connection, "select count(*) from customer") == 0


def test_several_go_newest_first_however_they_are_named(
    connection: Connection, acme: Tenant
) -> None:
    start = content(connection, acme)
    ids = [load(connection, acme, customer=[customer("A", notes=str(n))]) for n in range(3)]
    done = back(connection, acme, ids[1], ids[0], ids[2], ids[1])
    assert [one.migration for one in done.migrations] == ids[::-1]
    assert (done.left, content(connection, acme)) == (0, start)
    assert {state(connection, m) for m in ids} == {State.UNDONE}


def test_a_dry_run_says_the_same_and_changes_nothing(connection: Connection, acme: Tenant) -> None:
    first = load(connection, acme, customer=[customer("A"), customer("B"), customer("C")])
    by_hand(connection, "update customer set notes = 'mine' where account_number = 'B'")
    loaded = content(connection, acme)
    tried = back(connection, acme, first, dry_run=True)
    assert (content(connection, acme), state(connection, first)) == (loaded, State.DONE)
    would = listed(connection, acme, tried)
    done = back(connection, acme, first)
    assert [one.as_json() for one in tried.migrations] == [one.as_json() for one in done.migrations]
    assert would == listed(connection, acme, done)
    assert listed(connection, acme, tried) == []  # what it listed is over


# What others changed


@pytest.fixture
def changed(connection: Connection, acme: Tenant) -> tuple[int, int]:
    """Two migrations and then somebody else: A and B are the first's, and A, C, D the second's."""
    first = load(connection, acme, customer=[customer("A", notes="1"), customer("B")])
    second = load(
        connection, acme, customer=[customer("A", notes="2"), customer("C"), customer("D")]
    )
    return first, second


def test_rows_that_somebody_changed_are_kept_and_listed(
    connection: Connection, acme: Tenant, changed: tuple[int, int]
) -> None:
    _, second = changed
    by_hand(connection, "update customer set notes = 'mine' where account_number in ('A', 'C')")
    done = back(connection, acme, second)
    assert [(row.key, row.why) for row in listed(connection, acme, done)] == [
        (("A",), Why.CHANGED), (("C",), Why.CHANGED),
    ]  # fmt: skip
    assert value(connection, "select string_agg(account_number || notes, ' ') from "
                 "(select * from customer where notes is not null order by 1) c"
                 ) == "Amine Cmine"  # fmt: skip
    assert (done.rows, state(connection, second)) == (1, State.PARTLY_UNDONE)


def test_with_force_they_are_taken_back_on_record(
    connection: Connection, acme: Tenant, changed: tuple[int, int]
) -> None:
    first, second = changed
    by_hand(connection, "update customer set notes = 'mine' where account_number in ('A', 'C')")
    back(connection, acme, second)
    done = back(connection, acme, second, force=True)  # the rest of it
    assert done.migrations[0].kept == {"customer": {"overwritten": 2}}
    assert {row.why for row in listed(connection, acme, done)} == {Why.OVERWRITTEN}
    assert state(connection, second) == State.UNDONE
    assert value(
        connection, "select json_agg(account_number order by account_number)::text from customer"
    ) == ('["A", "B"]')
    assert value(connection, "select notes from customer where account_number = 'A'") == "1"
    with connection.begin():
        entry = trail.entries(connection, "acme")[-1]
    assert (entry.operation, entry.details["forced"]) == (trail.Operation.ROLLBACK, True)
    assert back(connection, acme, first).left == 0


def test_a_row_that_somebody_deleted_stays_away_and_comes_back_with_force(
    connection: Connection, acme: Tenant, changed: tuple[int, int]
) -> None:
    _, second = changed
    by_hand(connection, "delete from customer where account_number in ('A', 'C')")
    done = back(connection, acme, second)
    assert [(row.key, row.why) for row in listed(connection, acme, done)] == [(("A",), Why.DELETED)]
    assert value(connection, "select count(*) from customer") == 1
    again = back(connection, acme, second, force=True)
    assert again.migrations[0].put_back == {"customer": 1}
    assert value(connection, "select notes from customer where account_number = 'A'") == "1"


@pytest.mark.parametrize(
    "statement",
    [
        "update customer set account_number = 'Z' where account_number = 'C'",
        "insert into customer (account_number, status, _migration, _file, _record)"
        " select 'Z', status, _migration, _file, _record from customer where account_number = 'C'",
        "update customer set _changed = null, notes = 'x' where account_number = 'C'",
        "delete from customer where account_number = 'C';"
        "insert into customer (account_number, status, _migration, _file, _record)"
        " select 'C', 'suspended', max(_migration), 0, 1 from customer",
    ],
)
def test_what_somebody_wrote_is_never_lost_however_it_was_written(
    connection: Connection, acme: Tenant, changed: tuple[int, int], statement: str
) -> None:
    with connection.begin():
        raw(connection).execute("set local search_path to tenant_acme")
        raw(connection).execute(statement)  # type: ignore[arg-type]
    mine = """select string_agg(account_number || status || coalesce(notes, ''), ' '
                                order by account_number) from customer where _changed is not null"""
    before = value(connection, mine)
    assert before
    back(connection, acme, changed[1])
    assert value(connection, mine) == before


def test_an_update_that_changes_nothing_is_no_change(connection: Connection, acme: Tenant) -> None:
    first = load(connection, acme, customer=[customer("A")])
    by_hand(connection, "update customer set status = status")
    assert back(connection, acme, first).left == 0


def test_a_parent_to_which_somebodys_row_refers_is_kept(
    connection: Connection, acme: Tenant
) -> None:
    first = load(connection, acme, customer=[customer("A"), customer("B")])
    second = load(connection, acme, payment=[payment("P", "A")])
    by_hand(
        connection,
        """insert into invoice (invoice_number, customer, total, currency, _migration, _file,
               _record) values ('I', 'B', 1, 'EUR', 0, 0, 0)""",
    )
    done = back(connection, acme, first, force=True)
    assert listed(connection, acme, done) == [
        Kept(first, "customer", ("A",), Why.REFERRED, "payment", second),
        Kept(first, "customer", ("B",), Why.REFERRED, "invoice", None),
    ]
    assert (done.rows, state(connection, first)) == (0, State.DONE)


def test_what_would_refer_to_a_row_that_is_gone_is_kept(
    connection: Connection, acme: Tenant
) -> None:
    load(connection, acme, customer=[customer("A"), customer("B")], payment=[payment("P", "A")])
    second = load(connection, acme, payment=[payment("P", "B")])
    by_hand(connection, "delete from customer where account_number = 'A'")
    for force in (False, True):
        done = back(connection, acme, second, force=force)
        assert [(r.why, r.by_entity) for r in listed(connection, acme, done)] == [
            (Why.PARENT_GONE, "customer")
        ]
    assert value(connection, "select customer from payment") == "B"


def test_rows_that_a_later_migration_wrote_are_kept_until_that_is_rolled_back(
    connection: Connection, acme: Tenant
) -> None:
    start = content(connection, acme)
    first = load(connection, acme, customer=[customer("A", notes="1"), customer("B")])
    second = load(connection, acme, customer=[customer("A", notes="2")])
    for force in (True, False):
        done = back(connection, acme, first, force=force)
        assert listed(connection, acme, done) == [
            Kept(first, "customer", ("A",), Why.LATER, None, second)
        ]
    assert state(connection, first) == State.PARTLY_UNDONE
    assert back(connection, acme, second).left == 0
    assert value(connection, "select notes from customer") == "1"
    assert back(connection, acme, first).left == 0
    assert content(connection, acme) == start


# What PostgreSQL is not asked again


@pytest.fixture(params=["unasked", "asked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Rows are deleted without asking row by row who refers to them, or by who may not do so."""
    if request.param == "asked":
        monkeypatch.setattr(unreferred, "_may", lambda driver: False)
    return str(request.param)


def setting(connection: Connection) -> str:
    with connection.begin():
        row = raw(connection).execute("show session_replication_role").fetchone()
    assert row is not None
    return str(row[0])


def everything(account: str) -> dict[str, list[dict[str, Any]]]:
    """A row of each entity, each of which refers to all that it can."""
    amount = {"currency": "EUR", "total": Decimal("1")}
    return {
        "customer": [customer(account)],
        "location": [{"location_code": f"L{account}", "customer": account}],
        "plan": [{"plan_code": f"T{account}", "name": "Fast", "price": Decimal("1"),
                  "currency": "EUR", "technology": "fiber"}],
        "service": [{"service_code": f"S{account}", "customer": account, "plan": f"T{account}",
                     "location": f"L{account}", "status": "active"}],
        "invoice": [{"invoice_number": f"I{account}", "customer": account, **amount}],
        "invoice_line": [{"invoice_number": f"I{account}", "line_no": ord(account),
                          "amount": Decimal("1"), "currency": "EUR"}],
        "payment": [payment(f"P{account}", account) | {"invoice": f"I{account}"}],
        "payment_method": [{"method_code": f"M{account}", "customer": account, "kind": "card"}],
        "device": [{"device_code": f"D{account}", "customer": account, "location": f"L{account}",
                    "service": f"S{account}"}],
        "ip_assignment": [{"address": f"10.0.0.{ord(account)}", "service": f"S{account}",
                           "device": f"D{account}"}],
    }  # fmt: skip


def orphans(connection: Connection) -> dict[str, int]:
    """Reference → rows that refer to nothing."""
    found = {}
    for entity, info in ENTITIES.items():
        for name, parent in info.references.items():
            query = sql.SQL(
                "select count(*) from {} c where c.{} is not null and not exists ("
                "select from {} p where p.{} = c.{})"
            ).format(*map(sql.Identifier, (entity, name, parent, ENTITIES[parent].key[0], name)))
            if number := value(connection, query.as_string()):
                found[f"{entity}.{name}"] = number
    return found


@pytest.mark.slow
def test_whole_accounts_go_and_the_session_is_as_it_was(
    connection: Connection, acme: Tenant, way: str
) -> None:
    load(connection, acme, **everything("A"))
    start = content(connection, acme)
    second = load(connection, acme, **everything("B"))
    done = back(connection, acme, second)
    assert list(done.migrations[0].removed.items()) == [(entity, 1) for entity in ENTITIES]
    assert content(connection, acme) == start
    assert setting(connection) == "origin"


def test_only_who_may_say_so_is_not_asked(connection: Connection) -> None:
    role = sql.Identifier("ispmig_test_plain")
    driver = raw(connection)
    for granted in (False, True):
        with connection.begin() as transaction:
            driver.execute(sql.SQL("create role {}").format(role))
            if granted:
                driver.execute(
                    sql.SQL("grant set on parameter session_replication_role to {}").format(role)
                )
            driver.execute(sql.SQL("set local role {}").format(role))
            assert unreferred._may(driver) is granted
            transaction.rollback()


@pytest.mark.slow
def test_nothing_is_orphaned_through_any_reference(connection: Connection, acme: Tenant) -> None:
    references = [(e, n, p) for e, info in ENTITIES.items() for n, p in info.references.items()]
    for child, name, parent in references:
        empty(connection, acme)
        load(connection, acme, **everything("A"))
        second = load(connection, acme, **everything("B"))
        # What was there before comes to refer to what the migration brought.
        statement = (
            "update {child} set {name} = (select max({key}) from {parent}) where {name} = "
            + ("(select min({name}) from {child})")
        )
        by_hand(
            connection,
            sql.SQL(statement)
            .format(
                child=sql.Identifier(child),
                name=sql.Identifier(name),
                parent=sql.Identifier(parent),
                key=sql.Identifier(ENTITIES[parent].key[0]),
            )
            .as_string(),
        )
        done = back(connection, acme, second, force=True)
        found = {(row.entity, row.why, row.by_entity) for row in listed(connection, acme, done)}
        assert (parent, Why.REFERRED, child) in found
        assert orphans(connection) == {}


def test_what_others_do_at_a_delete_is_done(connection: Connection, acme: Tenant) -> None:
    first = load(connection, acme, **everything("A"))
    with connection.begin():
        driver = raw(connection)
        driver.execute("create table public.gone (account text)")
        driver.execute("grant insert on public.gone to public")
        driver.execute(
            """create function public.tell() returns trigger language plpgsql as $$
               begin insert into public.gone values (old.account_number); return old; end $$"""
        )
        driver.execute(
            """create trigger tell before delete on tenant_acme.customer for each row
               execute function public.tell()"""
        )
    back(connection, acme, first)
    assert value(connection, "select array_agg(account) from public.gone") == ["A"]


@pytest.mark.slow
@pytest.mark.parametrize("action", ["no action", "cascade", "set null"])
def test_foreign_keys_of_others_hold(connection: Connection, acme: Tenant, action: str) -> None:
    first = load(connection, acme, customer=[customer("A"), customer("B")])
    with connection.begin():
        raw(connection).execute(
            sql.SQL(
                """create table public.card (account text references tenant_acme.customer
                   on delete {})"""
            ).format(sql.SQL(action))
        )
        raw(connection).execute("insert into public.card values ('A')")
    if action == "no action":
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            back(connection, acme, first)
        assert value(connection, "select count(*) from customer") == 2
        return
    back(connection, acme, first)
    left = value(connection, "select coalesce(json_agg(account)::text, '') from public.card")
    assert left == {"cascade": "", "set null": "[null]"}[action]


def test_nobody_writes_to_what_refers_to_it_meanwhile(
    connection: Connection, acme: Tenant, database_url: str
) -> None:
    first = load(connection, acme, customer=[customer("A")])
    with connection.begin() as transaction:
        undo(raw(connection), acme, first)
        with psycopg.connect(database_url) as other:
            # Who reads sees the state before, at once.
            other.execute("set statement_timeout = '10s'")
            assert other.execute("select count(*) from tenant_acme.customer").fetchone() == (1,)
            other.execute("set lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(
                    """insert into tenant_acme.invoice (invoice_number, customer, total, currency,
                           _migration, _file, _record) values ('I', 'A', 1, 'EUR', 0, 0, 0)"""
                )
        transaction.rollback()


# What it solved


def test_a_record_whose_row_a_later_migration_wrote_over_stays_solved(
    connection: Connection, acme: Tenant
) -> None:
    """Of three that a resubmission solved, one is a later migration's by now and one somebody's; a
    later run of the spec rejected them again, from other places."""
    first = load(connection, acme, customer=[customer("X")])
    second = load(connection, acme, customer=[customer("A"), customer("B"), customer("C")])
    later = load(connection, acme, customer=[customer("A", notes="later")])
    by_hand(connection, "update customer set notes = 'mine' where account_number = 'B'")
    with connection.begin():
        ledger.update_migration(connection, second, origin=first)
        for migration, record in [(first, 1), (first, 2), (first, 3), (later, 11), (later, 3)]:
            raw(connection).execute(
                """insert into tenant_acme._closings values
                       (%s, 'customer', 0, 0, %s, %s, now())""",
                [migration, record, second],
            )
    back(connection, acme, second)
    solved = value(connection, "select json_agg(json_build_array(migration, record) order by "
                   "migration, record) from _closings")  # fmt: skip
    assert solved == [[first, 1], [first, 2]]
    back(connection, acme, later, second, force=True)
    assert value(connection, "select count(*) from _closings") == 0


# What cannot be


def test_a_second_time_says_so_plainly(connection: Connection, acme: Tenant) -> None:
    first = load(connection, acme, customer=[customer("A")])
    second = load(connection, acme, customer=[customer("B")])
    back(connection, acme, first)
    with pytest.raises(UsageError, match=f"Migration {first} was rolled back already, on 20"):
        back(connection, acme, second, first)
    connection.rollback()
    assert state(connection, second) == State.DONE  # all or none


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": State.CHECKED}, "was a dry run"),
        ({"state": State.FAILED}, "nothing of it was loaded"),
        ({"state": State.RUNNING}, "has not ended"),
        ({"state": State.UNDONE}, "never passed its audit"),
        ({"tenant": "other"}, "not one of tenant acme"),
    ],
)
def test_what_did_not_load_is_refused_in_words(
    connection: Connection, acme: Tenant, values: dict[str, Any], said: str
) -> None:
    first = load(connection, acme, customer=[customer("A")])
    with connection.begin():
        ledger.update_migration(connection, first, **values)
    with pytest.raises(UsageError, match=said):
        back(connection, acme, first)
    connection.rollback()
    assert value(connection, "select count(*) from customer") == 1


def test_a_failure_on_the_way_has_rolled_back_nothing(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [load(connection, acme, customer=[customer(name)]) for name in "AB"]
    loaded = content(connection, acme)

    def dies(*_: Any, **__: Any) -> int:
        raise psycopg.OperationalError("the server went away")

    monkeypatch.setattr(trail, "enter", dies)
    with pytest.raises(psycopg.OperationalError):
        back(connection, acme, *ids)
    assert content(connection, acme) == loaded
    assert {state(connection, m) for m in ids} == {State.DONE}


def test_a_rollback_that_fails_is_on_record(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(connection, acme, customer=[customer("A")])
    with pytest.raises(UsageError):
        back(connection, acme, first + 1000)

    def dies(*_: Any, **__: Any) -> None:
        connection.connection.driver_connection.close()  # type: ignore[union-attr]
        raise psycopg.OperationalError("the server went away")

    monkeypatch.setattr(rollback, "undo", dies)
    with pytest.raises(sa.exc.OperationalError):
        back(connection, acme, first)
    connection.invalidate()
    connection.rollback()
    monkeypatch.setattr(rollback, "undo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        back(connection, acme, first)
    with connection.begin():
        told = [e for e in trail.entries(connection, "acme") if e.operation == "rollback"]
    assert [e.stage for e in told] == ["begun", "failed"] * 3
    ends = told[1::2]
    assert [e.details["begun"] for e in ends] == [e.id for e in told[::2]]
    assert [e.details["error"] for e in ends] == ["usage", "OperationalError", "interrupted"]


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_rollback_that_died_is_ended_in_the_trail_as_it_was(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the commit it is done, whoever did not live to say so; before it, it has failed."""
    first = load(connection, acme, customer=[customer("A")])
    second = load(connection, acme, customer=[customer("B")])
    with monkeypatch.context() as dying:
        dying.setattr(rollback, "undo", interrupted)
        dying.setattr(rollback, "_failed", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            roll_back(connection, acme, [first], actor="ann", dagster_run_id="run-1")
    done = roll_back(connection, acme, [second], actor="ann", dagster_run_id="run-2")
    for _ in range(2):
        with connection.begin():
            rollback.close_abandoned(connection, "acme")
    with connection.begin():
        told = [e for e in trail.entries(connection, "acme") if e.operation == "rollback"]
    assert [(e.stage, e.dagster_run_id) for e in told] == [
        ("begun", "run-1"), ("begun", "run-2"), ("published", "run-2"),
        ("failed", "run-1"), ("finished", "run-2"),
    ]  # fmt: skip
    assert (told[3].details["error"], told[4].details["rollback"]) == ("abandoned", done.id)


# Restore points


def test_pre_images_are_kept_of_updated_rows_only_and_without_what_is_empty(
    connection: Connection, acme: Tenant
) -> None:
    load(connection, acme, customer=[customer("A", notes="1"), customer("B", notes="1")])
    load(connection, acme, customer=[customer("A", notes="2"), customer("B", notes="1")])
    assert value(connection, "select count(*) from _undo") == 1
    row = value(connection, "select row from _undo")
    assert set(row) == {"account_number", "status", "notes", "_migration", "_file", "_record"}


def test_restore_points_expire_and_say_so(connection: Connection, acme: Tenant) -> None:
    first = load(connection, acme, customer=[customer("A", notes="1")])
    second = load(connection, acme, customer=[customer("A", notes="2")])
    with connection.begin():
        assert restore_points.days_of(connection, "acme") == restore_points.DAYS
        restore_points.declare(connection, "acme", 10)
        points = restore_points.listing(connection, acme)
        assert [(p.migration.id, p.rows) for p in points] == [(second, 1), (first, 0)]
        long_ago = ledger.now() - dt.timedelta(days=11)
        ledger.update_migration(connection, second, finished_at=long_ago)
    with connection.begin():
        now = ledger.now()
        assert restore_points.expire(connection, acme, actor="test", now=now) == [second]
        assert restore_points.expire(connection, acme, actor="test", now=now) == []
        assert [p.migration.id for p in restore_points.listing(connection, acme)] == [first]
    assert value(connection, "select count(*) from _undo") == 0
    with pytest.raises(UsageError, match=r"expired on .* --restore-points"):
        back(connection, acme, second)


def test_tables_of_an_older_release_learn_to_tell_who_changed_a_row(
    connection: Connection, acme: Tenant
) -> None:
    with connection.begin():
        driver = raw(connection)
        for entity in ENTITIES:
            table = sql.Identifier(acme.schema, entity)
            driver.execute(sql.SQL("drop trigger _mark_changed on {}").format(table))
            driver.execute(sql.SQL("alter table {} drop column _changed").format(table))
        driver.execute("drop function tenant_acme._mark_changed()")
        driver.execute("drop table tenant_acme._kept")
        assert additions.lacks_marks(driver, acme.schema)
    with connection.begin():
        tenants.get(connection, "acme")
        assert not additions.lacks_marks(raw(connection), acme.schema)
    first = load(connection, acme, customer=[customer("A"), customer("B")])
    by_hand(connection, "update customer set notes = 'mine' where account_number = 'A'")
    assert back(connection, acme, first).left == 1


def test_it_is_on_record_with_counts_and_without_keys(connection: Connection, acme: Tenant) -> None:
    first = load(connection, acme, customer=[customer("SECRET-1"), customer("SECRET-2")])
    by_hand(connection, "update customer set notes = 'x' where account_number = 'SECRET-1'")
    done = roll_back(connection, acme, [first], actor="ann", dagster_run_id="run-1")
    with connection.begin():
        assert of_run(connection, "run-1") == done
        told = json.dumps([e.details for e in trail.entries(connection, "acme")])
        entry = trail.entries(connection, "acme")[-1]
    assert (entry.actor, entry.operation) == ("ann", trail.Operation.ROLLBACK)
    assert entry.details["migrations"][0]["kept"] == {"customer": {"changed": 1}}
    assert "SECRET" not in told
    assert "SECRET" not in json.dumps(done.as_json())


def test_who_is_erased_comes_back_by_no_rollback_and_stands_in_no_list(
    connection: Connection, acme: Tenant
) -> None:
    def bill(name: str, notes: str) -> dict[str, Any]:
        return {
            "invoice_number": "I", "customer": "ANN", "total": Decimal("1"), "currency": "EUR",
            "bill_to_name": name, "notes": notes, "issue_date": dt.date(2001, 1, 1),
        }  # fmt: skip

    first = load(
        connection, acme, customer=[customer("ANN", last_name="Secret"), customer("B")],
        invoice=[bill("Ann Secret", "old Secret")],
    )  # fmt: skip
    second = load(
        connection, acme, customer=[customer("ANN", last_name="Secret 2")],
        invoice=[bill("Ann Secret 2", "Secret")],
    )  # fmt: skip
    by_hand(connection, "update customer set notes = 'x' where account_number = 'ANN'")
    back(connection, acme, second, dry_run=True)
    assert value(connection, "select count(*) from _kept") == 1
    driver = raw(connection)
    with connection.begin(), as_tenant(driver, acme):
        held = subject.held_on(driver, acme, subject.Asked(("ANN",)), {})
        erasing.erase(driver, acme, held, invoices_before=dt.date(2010, 1, 1))
    everything = """select coalesce(string_agg(t.row, ''), '') from (
        select customer::text as row from customer union all select invoice::text from invoice
        union all select row::text from _undo union all select key::text from _kept) t"""
    assert "Secret" not in value(connection, everything)
    assert value(connection, "select count(*) from _kept") == 0
    back(connection, acme, second, force=True)
    assert "Secret" not in value(connection, everything)
    assert back(connection, acme, first).left == 0
    assert value(connection, "select count(*) from customer") == 0


# The law

accounts = st.sampled_from(["A", "B", "C"])
notes = st.sampled_from([None, "x", "y"])
some_customers = st.dictionaries(accounts, notes, max_size=3)
some_payments = st.dictionaries(st.sampled_from(["P", "Q"]), accounts, max_size=2)
loads = st.tuples(st.just("load"), some_customers, some_payments)
edits = st.tuples(
    st.sampled_from(["edit", "delete", "insert"]), st.sampled_from(["A", "B", "C", "D"]), notes
)


def empty(connection: Connection, tenant: Tenant) -> None:
    with connection.begin():
        raw(connection).execute(
            sql.SQL("truncate {}").format(
                sql.SQL(", ").join(
                    sql.Identifier(tenant.schema, name) for name in (*ENTITIES, *journal.TABLES)
                )
            )
        )


def load_some(
    connection: Connection, tenant: Tenant, people: dict[str, Any], paid: dict[str, str]
) -> int | None:
    entities = {
        "customer": [customer(account, notes=note) for account, note in people.items()],
        "payment": [payment(number, account) for number, account in paid.items()],
    }
    entities = {name: rows for name, rows in entities.items() if rows}
    return load(connection, tenant, **entities) if entities else None


a_few = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@a_few
@given(steps=st.lists(loads, min_size=1, max_size=5), data=st.data())
def test_rolling_back_to_any_point_is_that_point(
    connection: Connection, acme: Tenant, steps: list[Any], data: st.DataObject
) -> None:
    empty(connection, acme)
    points: list[tuple[int, str]] = []
    for _, people, paid in steps:
        before = content(connection, acme)
        if (migration := load_some(connection, acme, people, paid)) is not None:
            points.append((migration, before))
    while points:
        # Some at once, of the newest, in any order.
        count = data.draw(st.integers(1, len(points)))
        newest = [migration for migration, _ in points[-count:]]
        done = back(connection, acme, *data.draw(st.permutations(newest)))
        assert done.left == 0
        assert content(connection, acme) == points[-count][1]
        del points[-count:]
    assert value(connection, "select count(*) from _undo") == 0


@pytest.mark.slow
@a_few
@given(steps=st.lists(loads | edits, min_size=2, max_size=7), data=st.data())
def test_what_others_wrote_is_never_lost_in_whatever_order_migrations_go(
    connection: Connection, acme: Tenant, steps: list[Any], data: st.DataObject
) -> None:
    empty(connection, acme)
    migrations: list[int] = []
    for step in steps:
        match step:
            case ("load", people, paid):
                if (migration := load_some(connection, acme, people, paid)) is not None:
                    migrations.append(migration)
            case ("edit", account, note):
                by_hand(connection, "update customer set notes = %s where account_number = %s",
                        f"mine {note}", account)  # fmt: skip
            case ("delete", account, _):
                by_hand(connection, "delete from payment where customer = %s", account)
                by_hand(connection, "delete from customer where account_number = %s", account)
            case ("insert", account, note):
                by_hand(
                    connection,
                    """insert into customer (account_number, status, notes, _migration, _file,
                           _record) values (%s, 'active', %s, 0, 0, 0) on conflict do nothing""",
                    account, note,
                )  # fmt: skip
    mine = """select jsonb_object_agg(account_number, coalesce(notes, '')) from customer
              where _changed is not null"""
    theirs = value(connection, mine) or {}
    absent = "select array_agg(account_number) from customer"
    there = set(value(connection, absent) or ())
    pre_images = """select jsonb_object_agg(migration::text || (key ->> 0), row ->> '_changed')
                    from _undo where entity = 'customer'"""
    hidden = {k for k, v in (value(connection, pre_images) or {}).items() if v}
    for migration in data.draw(st.permutations(migrations)):
        try:
            back(connection, acme, migration)
        except UsageError:
            connection.rollback()
    after = value(connection, mine) or {}
    assert {k: after.get(k) for k in theirs} == theirs
    # What comes besides is what somebody wrote before a migration wrote over it, and no row comes
    # back that somebody deleted.
    assert len(set(after) - set(theirs)) <= len(hidden)
    assert set(value(connection, absent) or ()) <= there
    orphans = "select count(*) from payment p left join customer c on c.account_number = p.customer"
    assert value(connection, orphans + " where c.account_number is null") == 0
