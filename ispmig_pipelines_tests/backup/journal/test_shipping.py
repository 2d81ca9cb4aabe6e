"""The journal in the repository: whole, in order, proved; and what is lost is told, not guessed."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.backup.journal import ship as shipping
from ispmig_pipelines.backup.journal.expire import expire
from ispmig_pipelines.backup.journal.mark import JournalFolder, Mark
from ispmig_pipelines.backup.journal.moment import spans
from ispmig_pipelines.backup.journal.ship import ship, ship_if_on
from ispmig_pipelines.errors import BackupDamaged, BackupError, Damage, UsageError
from ispmig_pipelines.platform import change_journal, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.backup.journal.past import Past, one


def in_database(past: Past, table: str = "changes") -> int:
    return one(past.driver, f"select count(*) from tenant_acme__journal.{table}")


def test_what_is_shipped_is_in_the_database_no_more(past: Past) -> None:
    past.driver.execute("insert into t select i from generate_series(1, 1200) i")
    past.driver.execute("update t set v = 'x' where k <= 10")
    assert in_database(past) == 5
    shipped = past.ship()
    assert (shipped.number, shipped.rows, shipped.transactions) == (1, 1220, 2)
    assert in_database(past) == in_database(past, "transactions") == 0
    assert past.ship().rows == 0


def test_nothing_of_it_lies_there_in_the_clear(past: Past, ispmig_home) -> None:
    past.driver.execute("insert into t values (1, 'Zebulon Quackenbush')")
    past.ship()
    files = [path for path in (ispmig_home / "backups").rglob("*") if path.is_file()]
    assert len([path for path in files if "journal" in path.parts]) == 3
    for path in files:
        data = path.read_bytes()
        assert data.startswith(b"age-encryption.org/v1")
        assert b"Quackenbush" not in data


def test_a_statement_that_touches_no_row_is_not_written_down(past: Past) -> None:
    past.driver.execute("update t set v = 'x'; delete from t; insert into t select 1 where false")
    assert in_database(past) == in_database(past, "transactions") == 0


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 7, 1000])
def test_large_changes_are_shipped_in_parts(
    past: Past, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PART_ROWS", parts * 100)
    past.backup()
    past.driver.execute("insert into t select i, i::text from generate_series(1, 2000) i")
    past.driver.execute("update t set v = v || '!' where k % 2 = 0")
    past.remember()
    past.ship()
    past.check()


@pytest.mark.slow
def test_rows_as_large_as_they_may_be_are_written_and_shipped(past: Past) -> None:
    past.backup()
    past.driver.execute(
        "insert into t select i, repeat(md5(i::text), 200000) from generate_series(1, 6) i"
    )
    assert in_database(past) == 5
    past.remember()
    past.driver.execute("update t set v = v || 'x'")
    past.remember()
    past.ship()
    past.check()


def test_who_is_killed_before_the_mark_has_shipped_nothing(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.backup()
    past.driver.execute("insert into t values (1, 'a')")

    def killed(self: JournalFolder, mark: Mark) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(JournalFolder, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            past.ship()
    assert in_database(past) == 1
    past.driver.execute("insert into t values (2, 'b')")
    past.remember()
    past.ship()
    past.check()


@pytest.mark.parametrize("more", [False, True])
def test_who_is_killed_after_the_mark_is_gone_on_from(
    past: Past, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.backup()
    past.driver.execute("insert into t values (1, 'a')")

    def killed(*arguments: object, **options: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(change_journal, "shipped", killed)
        with pytest.raises(KeyboardInterrupt):
            past.ship()
    past.remember()
    if more:
        past.driver.execute("update t set v = 'b'; insert into t values (2, null)")
        past.remember()
    shipped = past.ship()
    assert not shipped.began_anew
    assert in_database(past) == 0
    past.check()


def test_a_mark_of_another_future_is_not_gone_on_from(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.backup()
    past.driver.execute("insert into t values (1, 'a')")
    state = one(past.driver, "select to_jsonb(s)::text from tenant_acme__journal.state s")
    past.ship()
    # As a copy of the database that did not see it shipped, and went its own way.
    past.driver.execute(
        """update tenant_acme__journal.state set number = (%(s)s::jsonb ->> 'number')::int,
           mac = %(s)s::jsonb ->> 'mac'""",
        {"s": state},
    )
    past.driver.execute("insert into t values (2, 'b')")
    assert past.ship().began_anew
    at = past.remember()
    with pytest.raises(BackupError, match="and no further"):
        past.restored(at)
    past.states.clear()
    past.backup()
    past.driver.execute("delete from t")
    past.remember()
    past.ship()
    past.check()


def test_another_server_begins_anew(past: Past) -> None:
    past.ship()
    past.driver.execute(
        """update tenant_acme__journal.state
           set server = jsonb_set(server, '{timeline}', '"000000FF"')"""
    )
    shipped = past.ship()
    assert shipped.began_anew
    assert shipped.number == 1


def test_a_server_that_does_not_tell_which_it_is_is_refused(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "history", lambda driver: ("", ""))
    with pytest.raises(UsageError, match="GRANT EXECUTE"):
        past.ship()


def marks(past: Past) -> list[str]:
    return sorted(
        blob.key for blob in past.repository.storage.list(f"{past.repository.root}/journal/")
        if blob.key.endswith(".mark.age")
    )  # fmt: skip


def history(past: Past) -> dt.datetime:
    """Several marks; returns an instant after all of them but the last."""
    past.backup()
    for k in range(4):
        past.driver.execute("insert into t values (%s, 'x')", [k])
        at = past.remember()
        past.ship()
    return at


def test_a_mark_that_is_missing_is_found_out(past: Past) -> None:
    at = history(past)
    past.repository.storage.delete(marks(past)[-2])
    with pytest.raises(BackupDamaged) as refused:
        past.restored(at)
    assert refused.value.damage is Damage.MISSING


@pytest.mark.slow
@pytest.mark.parametrize("what", ["swapped", "cut", "flipped", "of another history"])
def test_a_mark_that_is_not_what_was_written_is_found_out(past: Past, what: str) -> None:
    at = history(past)
    storage, (*_, victim, last) = past.repository.storage, marks(past)
    with storage.reading(victim if what != "swapped" else last) as stream:
        data = stream.read()
    if what == "cut":
        data = data[:-20]
    if what == "flipped":
        data = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    if what == "of another history":
        change_journal.switch_off(past.driver, past.tenant)
        change_journal.switch_on(past.driver, past.tenant)
        for _ in range(int(victim.rpartition("/")[2][:10])):
            past.ship()
        with storage.reading(marks(past)[-1]) as stream:
            data = stream.read()
    with storage.writing(victim) as stream:
        stream.write(data)
    with pytest.raises(BackupDamaged):
        past.restored(at)


def test_a_part_that_is_another_is_found_out(past: Past) -> None:
    at = history(past)
    storage = past.repository.storage
    parts = [b.key for b in storage.list(f"{past.repository.root}/journal/") if "parquet" in b.key]
    by_mark: dict[str, list[str]] = {}
    for key in parts:
        by_mark.setdefault(key.rpartition("/")[2][:10], []).append(key)
    (first, *_), (second, *_) = list(by_mark.values())[-2:]
    with storage.reading(first) as stream:
        data = stream.read()
    with storage.writing(second) as stream:
        stream.write(data)
    with pytest.raises(BackupDamaged):
        past.restored(at)


def test_a_table_whose_definition_changed_is_not_guessed_across(past: Past) -> None:
    past.driver.execute("create table u (k int)")
    past.ship()
    past.backup()
    past.driver.execute("insert into t values (1, 'a'); insert into u values (1)")
    past.remember()
    past.ship()
    past.driver.execute("alter table t add column more text")
    past.driver.execute("insert into t values (2, 'b', 'c'); insert into u values (2)")
    after = past.remember()
    state = past.states.pop(after)
    past.ship()
    past.check()
    with pytest.raises(BackupError, match=r"lost track of t,"):
        past.restored(after)
    past.states.clear()
    at = past.remember("u")
    past.ship()
    assert past.restored(at, "u") == past.states[at]
    past.backup()
    past.driver.execute("update t set more = 'd'")
    past.remember()
    past.ship()
    past.check()
    assert state


def test_a_table_that_is_made_later_is_journaled_from_the_next_snapshot_on(past: Past) -> None:
    past.backup()
    past.driver.execute("create table made (k int)")
    past.driver.execute("insert into made values (1)")
    assert past.ship().uncovered == ()
    past.backup()
    past.driver.execute("insert into made values (2)")
    past.remember("made", "t")
    past.ship()
    past.check()


def test_a_trigger_that_was_off_for_a_time_is_noticed(past: Past) -> None:
    past.backup()
    past.driver.execute("alter table t disable trigger _journal_insert")
    past.driver.execute("insert into t values (1, 'unseen')")
    past.driver.execute("alter table t enable always trigger _journal_insert")
    past.driver.execute("delete from t")
    at = past.remember()
    past.ship()
    with pytest.raises(BackupError, match="did not see"):
        past.restored(at)


def test_a_trigger_that_is_off_at_a_mark_is_put_back(past: Past) -> None:
    past.driver.execute("alter table t disable trigger all")
    past.ship()
    past.backup()
    past.driver.execute("insert into t values (1, 'seen')")
    past.remember()
    past.ship()
    past.check()


def test_tables_that_cannot_be_followed_are_told(past: Past) -> None:
    past.driver.execute(
        """create table parts (k int) partition by range (k);
           create table part_1 partition of parts for values from (0) to (10);
           create unlogged table quick (k int)"""
    )
    assert past.ship().uncovered == ("part_1", "parts", "quick")
    past.backup()
    past.driver.execute("insert into parts values (1); insert into t values (1, 'a')")
    at = past.remember()
    past.ship()
    past.check()
    with pytest.raises(BackupError, match="part_1, parts"):
        past.restored(at, "t", "parts", "part_1")


def test_a_schema_that_somebody_drops_is_restored_to_right_before(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'a')")
    past.backup()
    past.driver.execute("insert into t values (2, 'b')")
    past.remember()
    past.driver.execute("drop schema tenant_acme cascade")
    shipped = past.ship()
    assert shipped.rows == 1
    past.driver.execute(
        sql.SQL("create schema tenant_acme; grant usage on schema tenant_acme to {}").format(
            sql.Identifier(past.tenant.role)
        )
    )
    past.check()


def test_switched_off_nothing_of_it_is_left(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'a')")
    change_journal.switch_off(past.driver, past.tenant)
    change_journal.switch_off(past.driver, past.tenant)
    assert not change_journal.is_on(past.driver, past.tenant)
    past.driver.execute("insert into t values (2, 'b')")
    found = one(past.driver, "select count(*) from pg_trigger where tgname like '_journal%'")
    assert found == 0
    assert ship_if_on(past.tenant, past.repository) is None
    with pytest.raises(UsageError, match="--journal on"):
        ship(past.tenant, past.repository)


def test_switched_on_twice_it_goes_on(past: Past) -> None:
    past.backup()
    past.driver.execute("insert into t values (1, 'a')")
    assert change_journal.switch_on(past.driver, past.tenant) == ()
    past.remember()
    past.ship()
    past.check()


def test_whoever_writes_is_waited_for_before_it_is_on(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ispmig_pipelines.errors import DatabaseError
    from ispmig_pipelines.platform.server import connect
    from ispmig_pipelines.settings import settings

    change_journal.switch_off(past.driver, past.tenant)
    monkeypatch.setenv("ISPMIG_LOCK_PATIENCE", "0.1")
    monkeypatch.setenv("ISPMIG_LOCK_TIMEOUT", "0.05")
    settings.cache_clear()
    with connect() as other:
        other.execute("insert into tenant_acme.t values (1, 'before')")
        with pytest.raises(DatabaseError, match="Nothing was changed"):
            change_journal.switch_on(past.driver, past.tenant)
        assert not change_journal.is_on(past.driver, past.tenant)
        other.commit()
    change_journal.switch_on(past.driver, past.tenant)


def test_a_tenant_that_is_removed_takes_its_journal_along(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'a')")
    past.driver.execute("reset search_path")
    tenants.remove(engine(), "acme")
    schemas = "select count(*) from pg_namespace where nspname like 'tenant_acme%'"
    assert one(past.driver, schemas) == 0


def test_definitions_of_a_snapshot_know_nothing_of_the_journal(past: Past) -> None:
    manifest = past.backup()
    for table in manifest.tables:
        told = {trigger["name"] for trigger in table.definition.get("triggers", ())}
        assert not told & set(change_journal.TRIGGERS)
    assert not any("journal" in table.name for table in manifest.tables if "/" not in table.name)


def test_what_can_be_restored_to_is_listed(past: Past) -> None:
    assert spans(past.repository) == []
    manifest = past.backup()
    last = past.ship()
    (span,) = spans(past.repository)
    assert (span.since, span.until) == (manifest.instant, last.at)


def test_no_row_of_the_tenant_s_is_in_an_error(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'Quackenbush')")
    past.backup()
    past.driver.execute("alter table t disable trigger _journal_delete")
    past.driver.execute("delete from t")
    past.driver.execute("alter table t enable always trigger _journal_delete")
    past.driver.execute("insert into t values (1, 'Quackenbush')")
    at = past.remember()
    past.ship()
    with pytest.raises(BackupError) as refused:
        past.restored(at)
    assert "Quackenbush" not in str(refused.value)
    assert not isinstance(refused.value.__cause__, psycopg.Error)


def test_what_led_up_to_the_oldest_snapshot_can_be_let_go(past: Past) -> None:
    past.backup()
    for k in range(3):
        past.driver.execute("insert into t values (%s, 'x')", [k])
        past.ship()
    oldest = past.backup()
    past.driver.execute("insert into t values (9, 'y')")
    past.remember()
    past.ship()
    before = len(marks(past))
    tried = expire(past.repository, oldest, dry_run=True)
    assert len(marks(past)) == before
    assert expire(past.repository, oldest) == tried
    assert tried.files > 0
    # The last one that the snapshot covers, and the one after it.
    assert len(marks(past)) == 2
    assert expire(past.repository, oldest).files == 0
    past.check()
