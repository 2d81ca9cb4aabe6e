"""The audit trail is a chain: whatever a superuser does to it is found, and the entry is named."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.errors import TenantError
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.audit import chain, witness
from ispmig_pipelines.platform.audit.chain import GENESIS, Link
from ispmig_pipelines.platform.audit.problems import Kind, Verified
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.server import connect as connect_driver
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.trail import Operation, Stage
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.bucket import s3_server
from ispmig_pipelines_tests.platform.test_ledger import downgrade


@pytest.fixture
def database(ispmig_home: object) -> Engine:
    database = engine()
    ledger.prepare(database)
    return database


def enter(
    database: Engine, tenant: str = "acme", details: dict[str, Any] | None = None, **other: Any
) -> int:
    with database.begin() as connection:
        return enter_in(connection, tenant, details, **other)


def enter_in(
    connection: Connection,
    tenant: str = "acme",
    details: dict[str, Any] | None = None,
    *,
    operation: Operation = Operation.PURGE,
    stage: Stage = Stage.FINISHED,
) -> int:
    return trail.enter(
        connection, tenant, operation, stage, actor="ann", dagster_run_id="",
        details=details or {},
    )  # fmt: skip


@pytest.fixture
def five(database: Engine) -> Engine:
    """A chain of five entries of ``acme``, and one of two of another tenant."""
    for number in range(1, 6):
        enter(database, details={"number": number})
    enter(database, "other")
    enter(database, "other")
    return database


def verified(database: Engine, tenant: str = "acme", **options: Any) -> Verified:
    (found,) = verify_chains(database.connect, tenant, **options)
    return found


def told(found: Verified) -> list[tuple[str, int | None]]:
    return [(problem.kind.value, problem.position) for problem in found.problems]


@contextmanager
def superuser() -> Iterator[psycopg.Connection]:
    """Somebody whom no trigger stops."""
    with connect_driver() as driver:
        driver.execute("set session_replication_role = replica")
        yield driver


def tamper(*statements: str) -> None:
    with superuser() as driver:
        for statement in statements:
            assert driver.execute(statement).rowcount, statement  # type: ignore[arg-type]


LOG = "ispmig.data_migration_logs"
ALTERED = "where tenant = 'acme' and position = 3"


@pytest.mark.slow
def test_entries_go_on_from_one_another_and_hold(five: Engine) -> None:
    with five.connect() as connection:
        entries = trail.entries(connection, "acme")
    assert [e.position for e in entries] == [1, 2, 3, 4, 5]
    assert [e.previous for e in entries] == [GENESIS, *(e.digest for e in entries[:-1])]
    found = verified(five)
    assert found.holds
    assert (found.entries, found.witnessed, found.notes) == (5, 5, [])
    assert found.end == chain.Head("acme", 5, entries[-1].digest)


def test_the_digest_is_what_the_documents_say(database: Engine) -> None:
    """Computed by hand, as somebody else would from an exported entry."""
    details = {"b": [1, 2.50, None, True], "a": {"é": 'x "y"\n'}}
    enter(database, details=details)
    with database.connect() as connection:
        (entry,) = trail.entries(connection, "acme")
    said = (
        '{"actor":"ann",'
        f'"at":"{entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds")}",'
        '"dagster_run_id":"","details":{"a":{"é":"x \\"y\\"\\n"},"b":[1,2.5,null,true]},'
        f'"id":{entry.id},"operation":"purge","position":1,"previous":"{"0" * 64}",'
        '"stage":"finished","tenant":"acme"}'
    )
    assert entry.digest == sha256(said.encode()).digest()


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "at = 'infinity'",
        "at = at - interval '5000 years'",
        "actor = 'bob'",
        "actor = actor || ' '",
        "operation = 'export'",
        "stage = 'begun'",
        "dagster_run_id = 'x'",
        "details = '{}'",
        "details = details || '{\"number\": 3.0000000000000000000001}'",
        "id = 1000",
        "previous = sha256('x')",
        "digest = sha256('x')",
    ],
)
def test_an_altered_entry_is_named(five: Engine, change: str) -> None:
    tamper(f"update {LOG} set {change} {ALTERED}")
    assert ("altered", 3) in told(verified(five))
    assert "Entry 3 (" in verified(five).problems[0].message
    assert verified(five, "other").holds


def test_disabled_triggers_do_not_help(five: Engine) -> None:
    with connect_driver() as driver:
        driver.execute("alter table ispmig.data_migration_logs disable trigger all")
        driver.execute("update ispmig.data_migration_logs set actor = 'bob' where position = 2")
    assert ("altered", 2) in told(verified(five))
    assert ("altered", 2) in told(verified(five, "other"))


def test_a_gap_is_named(five: Engine) -> None:
    tamper(f"delete from {LOG} where tenant = 'acme' and position in (2, 3)")
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position, problem.last) == (Kind.MISSING, 2, 3)
    assert problem.message.startswith("Entries 2 to 3 of tenant acme are missing: after Entry 1 (")


def test_the_first_entry_cannot_go(five: Engine) -> None:
    tamper(f"delete from {LOG} where tenant = 'acme' and position = 1")
    assert told(verified(five)) == [("missing", 1)]


def test_a_cut_off_end_is_named(five: Engine) -> None:
    tamper(f"delete from {LOG} where tenant = 'acme' and position > 3")
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position, problem.last) == (Kind.CUT_OFF, 4, 5)


def set_head(position: int) -> str:
    return f"""update ispmig.audit_heads h set position = l.position, digest = l.digest
               from {LOG} l where l.tenant = 'acme' and l.position = {position}
                 and h.tenant = l.tenant"""


def test_an_end_that_was_cut_off_and_set_back_is_known_to_the_witness(five: Engine) -> None:
    tamper(f"delete from {LOG} where tenant = 'acme' and position > 3", set_head(3))
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position, problem.last) == (Kind.CUT_OFF, 4, 5)
    assert "was witnessed on 20" in problem.message
    assert "line 5 of " in problem.message


def test_an_end_that_was_set_back_leaves_entries_behind_it(five: Engine) -> None:
    tamper(set_head(3))
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position, problem.last) == (Kind.END, 4, 5)


def test_a_chain_without_its_end_is_told(five: Engine) -> None:
    tamper("delete from ispmig.audit_heads where tenant = 'acme'")
    assert told(verified(five)) == [("end", 1)]


@pytest.mark.parametrize("pair", [(2, 3), (1, 5), (2, 4)])
def test_two_entries_that_changed_places_are_named(five: Engine, pair: tuple[int, int]) -> None:
    one, other = pair
    tamper(
        f"update {LOG} set position = -1 where tenant = 'acme' and position = {one}",
        f"update {LOG} set position = {one} where tenant = 'acme' and position = {other}",
        f"update {LOG} set position = {other} where tenant = 'acme' and position = -1",
    )
    moved = [p for p in verified(five).problems if p.kind is Kind.MOVED]
    assert [p.position for p in moved] == [one, other]
    assert f"it was entered as entry {other}" in moved[0].message


def forged(position: int, previous: bytes, tenant: str = "acme", **changes: Any) -> Link:
    link = Link(
        id=900 + position, at="2026-01-01 00:00:00+00", tenant=tenant, operation="purge",
        stage="finished", actor="mallory", dagster_run_id="", details="{}", position=position,
        previous=previous, digest=None,
    )  # fmt: skip
    link = Link(**{**link.__dict__, **changes})
    return Link(**{**link.__dict__, "digest": link.computed()})


def insert(driver: psycopg.Connection, link: Link) -> None:
    driver.execute(
        """insert into ispmig.data_migration_logs (id, at, tenant, operation, stage, actor,
             dagster_run_id, details, position, previous, digest)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [*link.__dict__.values()],
    )


def test_a_forged_entry_in_the_middle_is_named(five: Engine) -> None:
    """Whole by itself, linked to the one before, and everything after it moved on by one."""
    with superuser() as driver:
        (before,) = driver.execute(
            "select digest from ispmig.data_migration_logs where tenant = 'acme' and position = 2"
        ).fetchone()
        for position in (5, 4, 3):
            driver.execute(
                """update ispmig.data_migration_logs set position = position + 1
                   where tenant = 'acme' and position = %s""",
                [position],
            )
        insert(driver, forged(3, bytes(before)))
    found = verified(five)
    assert ("rewritten", 3) in told(found)
    assert [p.position for p in found.problems if p.kind is Kind.MOVED] == [4, 5, 6]
    assert ("end", 6) in told(found)


def test_a_forged_entry_in_anothers_place_is_named(five: Engine) -> None:
    with superuser() as driver:
        (before,) = driver.execute(
            "select digest from ispmig.data_migration_logs where tenant = 'acme' and position = 2"
        ).fetchone()
        driver.execute(
            "delete from ispmig.data_migration_logs where tenant = 'acme' and position = 3"
        )
        insert(driver, forged(3, bytes(before)))
    found = verified(five)
    assert ("replaced", 3) in told(found)
    assert ("rewritten", 3) in told(found)
    assert "id 903" in found.problems[0].message


def test_an_entry_that_stands_twice_at_a_place_is_named(five: Engine) -> None:
    with superuser() as driver:
        driver.execute(
            "alter table ispmig.data_migration_logs drop constraint data_migration_logs_place"
        )
        insert(driver, forged(3, GENESIS))
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position, problem.id) == (Kind.INSERTED, 3, 903)


def test_an_entry_past_the_end_is_named(five: Engine) -> None:
    with superuser() as driver:
        (last,) = driver.execute(
            "select digest from ispmig.data_migration_logs where tenant = 'acme' and position = 5"
        ).fetchone()
        insert(driver, forged(6, bytes(last)))
    assert told(verified(five)) == [("end", 6)]


def test_an_entry_given_to_another_tenant_is_missing_here_and_wrong_there(five: Engine) -> None:
    tamper(f"update {LOG} set tenant = 'other' {ALTERED}")
    assert told(verified(five)) == [("missing", 3)]
    assert ("altered", 3) in told(verified(five, "other"))


def rewrite(tenant: str = "acme", first: int = 1, actor: str = "mallory") -> None:
    """Every digest right, and the end as well."""
    with superuser() as driver:
        links = list(chain.links(driver, tenant))
        previous = GENESIS if first == 1 else links[first - 2].digest
        for link in links[first - 1 :]:
            new = Link(**{**link.__dict__, "actor": actor, "previous": previous})
            previous = new.computed()
            driver.execute(
                """update ispmig.data_migration_logs set actor = %s, previous = %s, digest = %s
                   where id = %s""",
                [actor, new.previous, previous, link.id],
            )
        driver.execute(
            "update ispmig.audit_heads set digest = %s where tenant = %s", [previous, tenant]
        )


@pytest.mark.parametrize("first", [1, 3, 5])
def test_a_chain_rewritten_with_right_digests_is_known_to_the_witness(
    five: Engine, first: int
) -> None:
    rewrite(first=first)
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position, problem.last) == (Kind.REWRITTEN, first, 5)
    assert f"Entry {first} (" in problem.message


def test_without_the_witness_it_would_not_be_known(five: Engine, ispmig_home: Path) -> None:
    """That the test before does not pass for another reason."""
    (ispmig_home / "audit" / "acme.heads").unlink()
    rewrite()
    found = verified(five)
    assert found.holds
    assert found.notes == [
        f"No entry is witnessed outside of the database ({ispmig_home / 'audit' / 'acme.heads'})."
    ]


def test_an_end_in_a_report_is_a_witness_too(five: Engine, ispmig_home: Path) -> None:
    with five.connect() as connection:
        end = trail.head(connection, "acme")
    assert end is not None
    (ispmig_home / "audit" / "acme.heads").unlink()
    rewrite()
    seen = witness.Witnessed(end.position, end.digest, "", "report.json")
    (problem,) = verified(five, further={"acme": [seen]}).problems
    assert (problem.kind, problem.position) == (Kind.REWRITTEN, 5)


def test_a_whole_chain_that_was_made_away_with_is_found(five: Engine, ispmig_home: Path) -> None:
    tamper(
        f"delete from {LOG} where tenant = 'acme'",
        "delete from ispmig.audit_heads where tenant = 'acme'",
    )
    found = {v.tenant: told(v) for v in verify_chains(five.connect)}
    assert found == {"": [], "acme": [("cut off", 1)], "other": []}


def test_the_platforms_chain_knows_of_a_tenants(database: Engine, ispmig_home: Path) -> None:
    tenants.add(database, "acme")
    tamper(
        f"delete from {LOG} where tenant = 'acme'",
        "delete from ispmig.audit_heads where tenant = 'acme'",
    )
    (ispmig_home / "audit" / "acme.heads").unlink()
    (problem,) = verified(database).problems
    assert problem.kind is Kind.MISSING
    assert "the platform's own chain" in problem.message


COLUMNS = {
    "id": st.integers(2_000, 2**60),
    "at": st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 1, 1), timezones=st.just(dt.UTC)),
    "tenant": st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    "operation": st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    "stage": st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    "actor": st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    "dagster_run_id": st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    "details": st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("aé\U0001f600 ")
        | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20),
                      max_value=10**20).map(float),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abé"), inner, max_size=3),
        max_leaves=8,
    ).map(Jsonb),
    "position": st.integers(-(2**60), 2**60),
    "previous": st.binary(max_size=40),
    "digest": st.binary(max_size=40),
}  # fmt: skip


@pytest.mark.slow
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_to_any_column_of_any_entry_is_found(five: Engine, data: st.DataObject) -> None:
    position = data.draw(st.integers(1, 5))
    column = data.draw(st.sampled_from(sorted(COLUMNS)))
    value = data.draw(COLUMNS[column])
    with superuser() as driver:
        columns = "id, at, tenant, operation, stage, actor, dagster_run_id, details, position, " \
                  "previous, digest"  # fmt: skip
        before = driver.execute(
            f"select {columns} from {LOG} where tenant = 'acme' and position = %s", [position]
        ).fetchone()
        # What the database takes for the same is no change, and two cannot have one position.
        changed = 0
        if not (column == "position" and 1 <= value <= 5):
            changed = driver.execute(
                sql.SQL(
                    """update ispmig.data_migration_logs set {column} = %(value)s
                       where id = %(id)s and {column} is distinct from %(value)s"""
                ).format(column=sql.Identifier(column)),
                {"value": value, "id": before[0]},
            ).rowcount
    try:
        found = verified(five)
        assert found.holds == (not changed)
        if changed:
            named = {p.position for p in found.problems} | {p.last for p in found.problems}
            ids = {p.id for p in found.problems}
            assert position in named or before[0] in ids
    finally:
        if changed:
            row = [Jsonb(v) if isinstance(v, dict | list) else v for v in before]
            with superuser() as driver:
                driver.execute(
                    f"update {LOG} set ({columns}) = "
                    f"row({', '.join(['%s'] * len(row))}) "
                    "where id = %s",
                    [*row, value if column == "id" else before[0]],
                )


def test_any_change_was_put_back(five: Engine) -> None:
    assert verified(five).holds


def test_a_beginning_without_an_end_is_shown_and_is_no_error(database: Engine) -> None:
    begun = enter(database, stage=Stage.BEGUN, operation=Operation.EXPORT)
    ended = enter(database, stage=Stage.BEGUN, operation=Operation.EXPORT)
    enter(database, details={"begun": ended}, stage=Stage.FAILED, operation=Operation.EXPORT)
    found = verified(database)
    assert found.holds
    assert [u["id"] for u in found.unfinished] == [begun]


def test_what_is_rolled_back_is_neither_in_the_chain_nor_witnessed(
    five: Engine, ispmig_home: Path
) -> None:
    lines = (ispmig_home / "audit" / "acme.heads").read_text()
    with five.connect() as connection:
        with connection.begin() as transaction:
            enter_in(connection)
            transaction.rollback()
        with connection.begin():
            inner = connection.begin_nested()
            enter_in(connection)
            inner.rollback()
    assert (ispmig_home / "audit" / "acme.heads").read_text() == lines
    enter(five)
    assert verified(five).holds
    assert verified(five).entries == 6


def test_the_witness_is_private_and_says_which_database(five: Engine, ispmig_home: Path) -> None:
    folder = ispmig_home / "audit"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    lines = [json.loads(line) for line in (folder / "acme.heads").read_text().splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3, 4, 5]
    assert len({line["database"] for line in lines}) == 1
    with five.connect() as connection:
        name = tenants.raw(connection).info.dbname
    assert lines[0]["database"].endswith(f"-{name}")


def test_lines_of_another_database_are_told_apart(five: Engine, ispmig_home: Path) -> None:
    file = ispmig_home / "audit" / "acme.heads"
    told = [json.loads(line) for line in file.read_text().splitlines()]
    for line in told:
        line["database"] = f"1{line['database']}"
        del line["after"]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    found = verified(five)
    assert found.holds
    assert found.witnessed is None
    assert "5 lines of the witness are about chains in other databases." in found.notes


def test_an_altered_witness_is_told(five: Engine, ispmig_home: Path) -> None:
    file = ispmig_home / "audit" / "acme.heads"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], "x", *lines[2:]]) + "\n")
    (problem,) = verified(five).problems
    assert problem.kind is Kind.WITNESS
    assert problem.message.startswith("Line 2 of ")


def test_a_line_that_was_begun_and_not_finished_hinders_nothing(
    five: Engine, ispmig_home: Path
) -> None:
    file = ispmig_home / "audit" / "acme.heads"
    text = file.read_text()
    file.write_text(text[:-30])
    found = verified(five)
    assert found.holds
    assert found.witnessed == 4
    assert found.notes[1] == f"Line 5 of {file} was begun and not finished."


def test_a_witness_that_cannot_be_written_does_not_undo_what_was_committed(
    five: Engine, ispmig_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = ispmig_home / "audit" / "acme.heads"
    aside = file.rename(file.with_suffix(".aside"))
    file.mkdir()
    enter(five)
    assert "Entry 6 of the audit trail of acme was committed, and could not be" in caplog.text
    file.rmdir()
    aside.rename(file)
    found = verified(five, catch_up=True)
    assert found.holds
    assert found.notes == [f"The witness goes up to entry 5 of 6 ({file})."]
    assert verified(five).notes == []


def test_a_tenant_nobody_has_heard_of_has_no_chain(five: Engine) -> None:
    with pytest.raises(TenantError, match="acme, other"):
        verified(five, "nobody")


def test_entries_at_the_same_time_make_one_chain_without_gaps(database: Engine) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(12):
                enter(database, "acme" if turn % 3 else "other", {"worker": number, "turn": turn})
        except BaseException as error:
            failed.append(error)

    workers = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    for tenant, count in (("acme", 64), ("other", 32)):
        found = verified(database, tenant)
        assert (found.problems, found.entries, found.witnessed) == ([], count, count)


def soon(wait_for: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if wait_for():
            return True
        time.sleep(0.01)
    return False


def test_an_entry_that_is_not_committed_holds_up_its_own_tenant_only(five: Engine) -> None:
    with five.connect() as publishing, publishing.begin():
        enter_in(publishing)
        enter(five, "other")  # Another tenant's goes ahead,
        with five.connect() as reader:  # as do readers, and verifying.
            assert len(trail.entries(reader, "acme")) == 5
        assert verified(five).entries == 5
        with five.begin() as impatient:
            impatient.execute(sa.text("set local lock_timeout = '50ms'"))
            with pytest.raises(sa.exc.OperationalError):
                enter_in(impatient)
            impatient.rollback()
    enter(five)
    found = verified(five)
    assert (found.problems, found.entries) == ([], 7)


def test_a_waiting_entry_goes_on_from_the_one_it_waited_for(five: Engine) -> None:
    waiting = threading.Thread(target=enter, args=[five])
    with five.connect() as first, first.begin():
        enter_in(first, details={"which": "first"})
        waiting.start()
        with five.connect() as looking:
            assert soon(
                lambda: bool(
                    looking.execute(
                        sa.text("select count(*) from pg_locks where not granted")
                    ).scalar()
                )
            )
    waiting.join()
    assert verified(five).entries == 7
    assert verified(five).holds


@pytest.mark.parametrize(
    "statement",
    [
        "update ispmig.audit_heads set position = 3",
        "update ispmig.audit_heads set position = position + 1",
        "update ispmig.audit_heads set digest = sha256('x')",
        "update ispmig.audit_heads set tenant = 'x' where tenant = 'acme'",
        "delete from ispmig.audit_heads",
        "truncate ispmig.audit_heads",
        "insert into ispmig.audit_heads values ('new', 3, sha256('x'))",
        "insert into ispmig.data_migration_logs (at, tenant, operation, stage, actor,"
        " dagster_run_id, details, position, previous, digest) values (now(), 'acme', 'purge',"
        " 'finished', 'x', '', '{}', 9, sha256('x'), sha256('y'))",
        "insert into ispmig.data_migration_logs (at, tenant, operation, stage, actor,"
        " dagster_run_id, details, position, previous, digest) values (now(), 'acme', 'purge',"
        " 'finished', 'x', '', '{}', 6, sha256('x'), sha256('y'))",
    ],
)
def test_the_database_refuses_to_break_the_chain(five: Engine, statement: str) -> None:
    with connect_driver() as driver, pytest.raises(psycopg.errors.InsufficientPrivilege):
        driver.execute(statement)  # type: ignore[arg-type]
    assert verified(five).holds


def test_names_that_the_database_cannot_hold_are_entered_all_the_same(database: Engine) -> None:
    enter(database, details={"to": "a\0b\udcffc", "n": 1e30, "s": ["\udc80"]})
    assert verified(database).holds
    with database.connect() as connection:
        (entry,) = trail.entries(connection, "acme")
    assert entry.details["to"] == "a\\x00b\\udcffc"


def test_work_on_record_has_a_beginning_and_an_end(database: Engine) -> None:
    with trail.on_record(
        database.connect, "acme", Operation.ACCESS, actor="ann", details={"what": "quarantine"}
    ) as record:
        record.result["records"] = 3
    with (
        pytest.raises(TenantError),
        trail.on_record(database.connect, "acme", Operation.ACCESS, actor="ann", details={}),
    ):
        raise TenantError("No.")
    with database.connect() as connection:
        first, second, third, fourth = trail.entries(connection, "acme")
    assert (first.stage, second.stage, third.stage, fourth.stage) == (
        "begun", "finished", "begun", "failed",
    )  # fmt: skip
    assert second.details == {"begun": first.id, "what": "quarantine", "records": 3}
    assert fourth.details == {"begun": third.id, "error": "tenant"}
    assert verified(database).unfinished == []


def test_entries_of_an_older_release_are_chained_when_the_ledger_is_upgraded(
    five: Engine,
) -> None:
    with five.connect() as connection:
        downgrade(connection, "0005")
        with connection.begin():
            for tenant in ("acme", "other", "acme"):
                connection.execute(
                    sa.text(
                        """insert into ispmig.data_migration_logs
                             (at, tenant, operation, stage, actor, dagster_run_id, details)
                           values (now(), :tenant, 'export', 'finished', 'ann', '', '{"a": 1.50}')
                        """
                    ),
                    {"tenant": tenant},
                )
    ledger.prepare(five)
    assert {v.tenant: (v.entries, told(v)) for v in verify_chains(five.connect)} == {
        "": (0, []),
        "acme": (7, []),
        "other": (3, []),
    }
    enter(five)
    assert verified(five).witnessed == 8
    with pytest.raises(sa.exc.DBAPIError), five.begin() as connection:
        connection.execute(sa.text("delete from ispmig.data_migration_logs"))


def test_a_downgrade_leaves_the_entries(five: Engine) -> None:
    with five.connect() as connection:
        downgrade(connection, "0005")
        count = sa.text("select count(*) from ispmig.data_migration_logs")
        assert connection.execute(count).scalar() == 7


@pytest.mark.slow
def test_a_bucket_can_be_the_witness(
    database: Engine, monkeypatch: pytest.MonkeyPatch, ispmig_home: Path
) -> None:
    with s3_server(monkeypatch) as bucket:
        monkeypatch.setenv("ISPMIG_AUDIT_WITNESS", f"s3://{bucket}/witness/of-ours")
        settings.cache_clear()
        witness._bucket.cache_clear()
        tenants.add(database, "acme")
        enter(database)
        enter(database)
        assert witness.tenants() == ["", "acme"]
        found = verified(database)
        assert (found.problems, found.witnessed, found.notes) == ([], 3, [])
        rewrite()
        (problem,) = verified(database).problems
        assert (problem.kind, problem.position, problem.last) == (Kind.REWRITTEN, 1, 3)
        assert f"s3://{bucket}/witness/of-ours/acme/" in problem.message
        tamper(
            f"delete from {LOG} where tenant = 'acme'",
            "delete from ispmig.audit_heads where tenant = 'acme'",
        )
        assert ("cut off", 1) in told(verified(database))
    assert not (ispmig_home / "audit").exists()
    witness._bucket.cache_clear()
