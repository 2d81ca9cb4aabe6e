"""Whatever transactions do beside each other: every instant can be restored to as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ispmig_pipelines.platform.server import connect
from ispmig_pipelines_tests.backup.journal.past import Past

SESSIONS = 3
KEYS = st.integers(1, 6)
TEXTS = st.sampled_from(["a", "b", "", None, "x,\"(y)'\\"])

CHANGES = {
    "insert": "insert into t values (%(k)s, %(v)s) on conflict do nothing",
    "upsert": "insert into t values (%(k)s, %(v)s) on conflict (k) do update set v = excluded.v",
    "update": "update t set v = coalesce(v, '') || %(v)s where k >= %(k)s",
    "move": "update t set k = 10 - k where k = %(k)s and not exists "
    "(select from t where k = 10 - %(k)s)",
    "delete": "delete from t where k = %(k)s",
    "free": "insert into free values (%(k)s, %(v)s), (%(k)s, %(v)s)",
    "fewer": "delete from free where ctid in (select ctid from free where a = %(k)s limit 1)",
    "truncate": "truncate free",
}
STEPS = st.one_of(
    st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, SESSIONS - 1), KEYS, TEXTS),
    st.tuples(
        st.sampled_from(["commit", "commit", "abort", "savepoint", "back", "release"]),
        st.integers(0, SESSIONS - 1),
        st.none(),
        st.none(),
    ),
    st.tuples(st.sampled_from(["ship", "backup"]), st.none(), st.none(), st.none()),
)


@pytest.fixture
def sessions(past: Past) -> Iterator[list[psycopg.Connection]]:
    opened = [connect() for _ in range(SESSIONS)]
    for session in opened:
        # Whoever would wait for another is sent home: there is one thread here.
        session.execute("select set_config('search_path', %s, false)", [past.tenant.schema])
        session.execute("set lock_timeout to '2ms'")
        session.commit()
    yield opened
    for session in opened:
        session.close()


def step(past: Past, sessions: list[psycopg.Connection], move: tuple[Any, ...]) -> None:
    kind, number, key, text = move
    if kind == "ship":
        past.ship()
    elif kind == "backup":
        past.backup()
    else:
        session = sessions[number]
        try:
            if kind == "commit":
                session.commit()
            elif kind == "abort":
                session.rollback()
            elif kind == "savepoint":
                session.execute("savepoint s")
            elif kind == "back":
                session.execute("rollback to savepoint s")
            elif kind == "release":
                session.execute("release savepoint s")
            else:
                session.execute(CHANGES[kind], {"k": key, "v": text})
                if kind == "truncate":
                    # Nobody could look while it is open, and all of this is one thread.
                    session.commit()
        except psycopg.Error:
            session.rollback()


def holds(past: Past, sessions: list[psycopg.Connection], moves: list[tuple[Any, ...]]) -> None:
    for session in sessions:
        session.rollback()
    past.states.clear()
    past.driver.execute("truncate t; truncate free; insert into t values (1, 'a'), (4, null)")
    past.backup()
    states = []
    for move in moves:
        step(past, sessions, move)
        at = past.remember("t", "free")
        if states and past.states[at] == past.states[states[-1]]:
            # Nothing was committed: the later instant is as good as the earlier one.
            del past.states[states.pop()]
        states.append(at)
    for session in sessions:
        session.commit()
    past.remember("t", "free")
    past.ship()
    past.check()


@pytest.fixture
def with_free(past: Past) -> Past:
    past.driver.execute("create table free (a int, b text)")
    past.ship()
    return past


@pytest.mark.slow
@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=6, max_size=12))
def test_every_instant_of_a_history_can_be_restored_to(
    with_free: Past, sessions: list[psycopg.Connection], moves: list[tuple[Any, ...]]
) -> None:
    holds(with_free, sessions, moves)


@pytest.mark.slow
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_every_instant_of_many_long_histories_can_be_restored_to(
    with_free: Past, sessions: list[psycopg.Connection], moves: list[tuple[Any, ...]]
) -> None:
    holds(with_free, sessions, moves)
