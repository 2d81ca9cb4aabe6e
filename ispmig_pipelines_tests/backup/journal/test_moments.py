"""A tenant is restored to any moment as it was then: what had committed, and nothing else."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform import change_journal
from ispmig_pipelines.platform.server import connect
from ispmig_pipelines.platform.tenants import Tenant, as_tenant
from ispmig_pipelines_tests.backup.journal.past import Past


@pytest.fixture
def other(acme: Tenant) -> psycopg.Connection:
    with connect() as connection:
        connection.execute("select set_config('search_path', %s, false)", [acme.schema])
        connection.commit()
        yield connection


def test_inserts_updates_and_deletes_are_undone_and_done_again(past: Past) -> None:
    past.driver.execute("insert into t select i, 'first' from generate_series(1, 1200) i")
    past.remember()
    past.backup()
    past.remember()
    for statement in (
        "insert into t select i, 'later' from generate_series(2001, 3100) i",
        "update t set v = v || ' changed' where k % 3 = 0",
        "update t set k = -k where k % 5 = 0",
        "delete from t where k % 7 = 0",
        "insert into t values (1, 'again'), (-4, 'new') on conflict (k) do update set v = 'both'",
        "merge into t using (values (2), (9999)) s(k) on t.k = s.k when matched then delete "
        "when not matched then insert values (s.k, null)",
        "truncate t",
        "insert into t values (5, 'after')",
    ):
        past.driver.execute(statement)
        past.remember()
    past.ship()
    past.states.pop(min(past.states))
    past.check()


def test_a_change_is_of_the_moment_of_its_commit(past: Past, other: psycopg.Connection) -> None:
    past.backup()
    other.execute("insert into t values (1, 'early')")
    past.driver.execute("insert into t values (2, 'between')")
    past.remember()
    other.execute("insert into t values (3, 'early, too')")
    past.remember()
    other.commit()
    past.remember()
    past.ship()
    assert [sorted(state["t"]) for state in past.states.values()] == [
        ["(2,between)"],
        ["(2,between)"],
        ["(1,early)", "(2,between)", '(3,"early, too")'],
    ]
    past.check()


def test_what_was_taken_back_never_was(past: Past, other: psycopg.Connection) -> None:
    past.backup()
    with past.driver.transaction():
        past.driver.execute("insert into t values (1, 'stays')")
        with past.driver.transaction(force_rollback=True):
            past.driver.execute("insert into t values (2, 'goes')")
            past.driver.execute("delete from t where k = 1")
        with past.driver.transaction():
            past.driver.execute("insert into t values (3, 'stays')")
    past.remember()
    other.execute("delete from t")
    other.rollback()
    with past.driver.transaction(force_rollback=True):
        past.driver.execute("truncate t")
    past.remember()
    past.ship()
    past.check()


def test_a_transaction_that_a_snapshot_did_not_see_is_added_to_it(
    past: Past, other: psycopg.Connection
) -> None:
    past.driver.execute("insert into t values (1, 'old')")
    other.execute("update t set v = 'new' where k = 1")
    past.driver.execute("insert into t values (2, 'seen')")
    past.backup()
    past.remember()
    other.commit()
    past.remember()
    past.ship()
    past.check()


def test_a_transaction_over_several_marks_is_whole_after_its_commit_alone(
    past: Past, other: psycopg.Connection
) -> None:
    past.backup()
    other.execute("insert into t values (1, 'long')")
    past.ship()
    past.remember()
    other.execute("insert into t values (2, 'long')")
    past.ship()
    past.remember()
    past.backup()
    past.remember()
    other.commit()
    past.remember()
    past.ship()
    past.check()


def test_a_mark_corrects_who_says_too_early_that_he_commits(
    past: Past, other: psycopg.Connection
) -> None:
    past.backup()
    other.execute("insert into t values (1, 'early')")
    # From here on the clock is written down at once, and not at the commit.
    other.execute("set constraints all immediate")
    marked = past.ship().at
    past.remember()
    other.commit()
    past.remember()
    past.ship()
    assert past.restored(marked)["t"] == {}
    later = max(past.states)
    assert past.restored(later)["t"] == {"(1,early)": 1}


def test_a_deferred_trigger_that_writes_when_its_transaction_commits(past: Past) -> None:
    past.driver.execute(
        """create function late() returns trigger language plpgsql as $$
           begin insert into t values (new.k + 1000, 'late'); return null; end $$;
           create constraint trigger late after insert on t deferrable initially deferred
           for each row when (new.k < 1000) execute function late()"""
    )
    past.backup()
    past.driver.execute("insert into t values (1, 'soon')")
    past.remember()
    past.driver.execute("insert into t values (2, 'soon')")
    past.remember()
    past.ship()
    assert len(past.states[max(past.states)]["t"]) == 4
    past.check()


def test_triggers_that_write_into_their_own_table_in_whatever_order(past: Past) -> None:
    past.driver.execute(
        """create function again() returns trigger language plpgsql as $$
           begin
               update t set v = v || '+' where k between new.k and new.k + 1;
               return null;
           end $$;
           create trigger again after insert or update on t for each row
           when (pg_trigger_depth() < 1) execute function again();
           create function replace() returns trigger language plpgsql as $$
           begin delete from t where k = new.k; return new; end $$;
           create trigger replace before insert on t for each row execute function replace()"""
    )
    past.driver.execute("insert into t values (1, 'a'), (2, 'b')")
    past.backup()
    for statement in (
        "insert into t values (2, 'c'), (3, 'd'), (4, 'e')",
        "update t set v = 'x'",
        "insert into t values (1, 'a')",
    ):
        past.driver.execute(statement)
        past.remember()
    past.ship()
    past.check()


def test_a_table_without_a_key_whose_rows_are_alike(past: Past) -> None:
    past.driver.execute("create table free (a int, b text); insert into free values (1, null)")
    past.ship()
    past.driver.execute("insert into free select 1, 'x' from generate_series(1, 5)")
    past.backup()
    for statement in (
        "delete from free where ctid in (select ctid from free where b = 'x' limit 2)",
        "insert into free select 1, 'x' from generate_series(1, 3)",
        "insert into free values (null, null), (null, null)",
        "update free set b = 'y' where ctid in (select ctid from free where b = 'x' limit 1)",
    ):
        past.driver.execute(statement)
        past.remember("free")
    past.ship()
    past.check()


def test_every_type_and_generated_columns(past: Past) -> None:
    virtual = "virtual" if past.driver.info.server_version >= 180000 else "stored"
    past.driver.execute(
        sql.SQL(
            """create type mood as enum ('sad', 'it''s "ok"');
               create domain label as text;
               create table odd (
                   id bigint generated always as identity primary key, r real, d double precision,
                   dropped int, n numeric, t text, c char(5), l label, m mood, ms mood[], day date,
                   ts timestamp, tz timestamptz, iv interval, raw bytea, j json, jb jsonb, ip inet,
                   u uuid, xs text[], bits bit varying, pt point, rg int4range, money money,
                   twice double precision generated always as (d * 2) stored,
                   thrice double precision generated always as (d * 3) {}, "a ""b" text);
               alter table odd drop column dropped"""
        ).format(sql.SQL(virtual))
    )
    past.ship()
    past.backup()
    with past.driver.transaction():
        # Nothing that a session sets changes what is written down.
        past.driver.execute(
            """set local timezone to 'Asia/Kathmandu'; set local datestyle to 'German, DMY';
               set local intervalstyle to 'sql_standard'; set local bytea_output to 'escape';
               set local extra_float_digits to -3"""
        )
        past.driver.execute(
            r"""insert into odd (r, d, n, t, c, l, m, ms, day, ts, tz, iv, raw, j, jb, ip, u, xs,
                                 bits, pt, rg, money, "a ""b") values
                ('Infinity', 0.1::float8 + 0.2, 1e-30, E'a"b,(c)\n\\N\r\t\x01', 'ab', '',
                 'it''s "ok"', '{sad,null}', '2024-02-29', '0001-01-01',
                 '2026-11-22 10:31:07+05:45',
                 '1 mon -2 days 03:04:05.6', '\x00ff5c', '{"a" : 1,  "a":2}', '{"b": null}',
                 '10.0.0.1/8', gen_random_uuid(), '{"a","","NULL",null}', B'101', '(1,2)',
                 '[1,5)', 1234.5, ''),
                (1, 1, 1, null, null, null, null, null, 'infinity', '-infinity', 'infinity', null,
                 null, null, null, null, null, null, null, null, null, null, ' ')"""
        )
    past.remember("odd")
    past.driver.execute("update odd set t = t || '!', d = -d where t is not null")
    past.remember("odd")
    past.driver.execute("delete from odd where d = 1")
    past.remember("odd")
    past.ship()
    past.check()


def test_a_row_written_before_the_snapshot_in_another_session_s_style(past: Past) -> None:
    past.driver.execute("create table odd (n int primary key, tz timestamptz, d float8)")
    past.ship()
    past.driver.execute("insert into odd values (1, now(), 1.1), (2, now(), pi())")
    past.backup()
    past.driver.execute("set timezone to 'America/New_York'; set extra_float_digits to -5")
    past.driver.execute("delete from odd where n = 1; update odd set d = d + 1")
    past.driver.execute("reset timezone; reset extra_float_digits")
    past.remember("odd")
    past.ship()
    past.check()


def test_identities_go_on_after_what_they_had_handed_out(past: Past) -> None:
    past.driver.execute("create table n (id int generated by default as identity primary key)")
    past.ship()
    past.backup()
    past.driver.execute("insert into n select from generate_series(1, 40)")
    at = past.remember("n")
    past.ship()
    from ispmig_pipelines.backup.journal.moment import find

    moment = find(past.repository, past.repository.newest(), at, ["n"])
    assert moment is not None
    assert moment.sequences["n_id_seq"] == (40, True)
    past.check()


def test_who_says_to_be_a_replica_is_journaled_as_well(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'a'), (2, 'b')")
    past.backup()
    with past.driver.transaction():
        past.driver.execute("set local session_replication_role to replica")
        past.driver.execute("delete from t where k = 1")
    past.remember()
    past.ship()
    past.check()


def test_the_tenant_s_role_writes_as_before_and_sees_nothing_of_the_journal(past: Past) -> None:
    past.backup()
    with past.driver.transaction(), as_tenant(past.driver, past.tenant):
        past.driver.execute("insert into t values (1, 'mine')")
    past.remember()
    journal = change_journal.schema_of(past.tenant)
    for statement in (
        "select * from {}.changes",
        "insert into {}.transactions values ('1'::xid8, now())",
        "delete from {}.changes",
        "update {}.state set number = 7",
        "select {}.write()",
        "alter table tenant_acme.t disable trigger all",
        "drop trigger _journal_insert on tenant_acme.t",
        "truncate tenant_acme.t",
    ):
        with (
            pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)
            ),
            past.driver.transaction(),
            as_tenant(past.driver, past.tenant),
        ):
            past.driver.execute(statement.format(f'"{journal}"'))
    past.ship()
    past.check()


def test_a_moment_that_no_mark_reaches_is_refused(past: Past) -> None:
    past.backup()
    last = past.ship().at
    past.driver.execute("insert into t values (1, 'not shipped')")
    with pytest.raises(BackupError, match="and no further") as refused:
        past.restored(past.remember())
    assert last.isoformat() in str(refused.value)
    past.ship()
    past.check()


def test_before_the_journal_only_snapshots_are_there(past: Past) -> None:
    change_journal.switch_off(past.driver, past.tenant)
    past.driver.execute("insert into t values (1, 'a')")
    past.backup()
    past.driver.execute("insert into t values (2, 'b')")
    at = past.remember()
    assert past.restored(at)["t"] == {"(1,a)": 1}
    change_journal.switch_on(past.driver, past.tenant)
    past.ship()
    assert past.restored(at)["t"] == {"(1,a)": 1}
    past.states.clear()
    past.backup()
    past.driver.execute("delete from t")
    past.remember()
    past.ship()
    past.check()


@pytest.mark.slow
def test_from_one_snapshot_to_past_the_next_it_is_the_newer_that_is_gone_on_from(
    past: Past,
) -> None:
    for round_ in range(4):
        past.backup()
        past.driver.execute("insert into t values (%s, 'x')", [round_])
        past.remember()
        past.driver.execute("update t set v = v || %s", [str(round_)])
        past.remember()
    past.ship()
    past.check()
