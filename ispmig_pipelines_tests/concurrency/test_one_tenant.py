"""Two who want the same tenant at once: the second waits, or is refused and told by whom; nothing
is half, and nobody waits for ever.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.defs.tenant_migration import ops
from ispmig_pipelines.errors import TenantBusy
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.concurrency.test_tenants_at_once import ispmig
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.faults.killed import Scene, ended, in_child
from ispmig_pipelines_tests.faults.test_faults import PEOPLE
from ispmig_pipelines_tests.faults.test_killed import Undisturbed, goes_on, made

OTHER = CUSTOMERS.replace("last_name: Name", "first_name: Name")
BUSY = re.compile(
    r"Another run is working on tenant (?P<tenant>\S+) right now: run (?P<run>[0-9a-f]{8}) of "
    r"tenant_migration, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00\. Nothing was changed"
)


@pytest.fixture
def scene(ispmig_home: Path) -> Scene:
    return made(ispmig_home)


def held_in_load(scene: Scene, slug: str, gate: Path) -> Callable[[], int | None]:
    """A migration that has the tenant, and waits in its middle until the gate is opened."""

    def run() -> int | None:
        load = ops.load

        def waiting(*args: Any, **kwargs: Any) -> Any:
            gate.with_suffix(".reached").touch()
            while not gate.exists():
                time.sleep(0.02)
            return load(*args, **kwargs)

        ops.load = waiting  # type: ignore[assignment]
        return scene.migration(slug)()

    return run


def reached(gate: Path, child: int) -> None:
    deadline = time.monotonic() + 60
    while not gate.with_suffix(".reached").exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_whoever_comes_second_is_refused_and_told_who_has_the_tenant(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = Undisturbed(scene)
    slug = scene.tenant()
    # What can be rolled back and purged, from before.
    assert ended(in_child(scene.migration(slug), scene.log)) == 0
    (before,) = scene.entries(slug)
    monkeypatch.setenv("ISPMIG_RETRIES", "0")
    settings.cache_clear()
    gate = tmp_path / "gate"
    holder = in_child(held_in_load(scene, slug, gate), scene.log)
    reached(gate, holder)
    number = str(before.id)
    spec = str(scene.spec)
    for words in (
        ["migrate", slug, spec],
        ["migrate", slug, spec, "--dry-run"],
        ["rollback", slug, number],
        ["tenant", "remove", slug, "--yes"],
        ["subject", slug, "--account", "7", "--erase", "--yes"],
        ["quarantine", "purge", slug, "--migration", number, "--yes"],
        ["restore-points", slug, "--expire"],
    ):
        log = tmp_path / "second"
        log.unlink(missing_ok=True)
        assert ended(in_child(ispmig(*words, "--json"), log)) == 3, (words, log.read_text())
        told = json.loads(log.read_text().splitlines()[-1])["error"]
        assert (told["code"], told["exit_code"]) == ("busy", 3), words
        found = BUSY.search(told["message"])
        assert found is not None, told["message"]
        assert found["tenant"] == slug
    held = [e for e in scene.entries(slug) if e.state is State.RUNNING]
    assert [e.dagster_run_id[:8] for e in held] == [found["run"]]
    gate.touch()
    assert ended(holder) == 0
    states = [e.state for e in scene.entries(slug)]
    assert states == [State.DONE, State.DONE]
    assert scene.content(slug) == like.content


@pytest.mark.slow
def test_two_migrations_of_different_specs_take_turns(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_RETRY_SECONDS", "1")
    slug = scene.tenant()
    other = scene.spec.with_name("other.yaml")
    other.write_text(OTHER)
    specs = [scene.spec, other, scene.spec]
    children = [
        in_child(ispmig("migrate", slug, str(spec), "--max-quarantined", "10", "--json"), scene.log)
        for spec in specs
    ]
    codes = [ended(child) for child in children]
    assert codes == [0, 0, 0], scene.log.read_text()[-3000:]
    entries = scene.entries(slug)
    assert [e.state for e in entries] == [State.DONE] * 3
    # One after the other: what the first brought, the others found.
    assert sorted(e.entities["customer"]["inserted"] for e in entries) == [0, 0, 500]
    assert all(c.holds for c in verify_chains(lambda: engine().connect()))


@pytest.mark.slow
def test_a_migration_and_a_rollback_at_once_are_one_after_the_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_RETRY_SECONDS", "1")
    slug = scene.tenant()
    assert ended(in_child(scene.migration(slug), scene.log)) == 0
    (first,) = scene.entries(slug)
    scene.spec.with_name("people.csv").write_text(PEOPLE.replace("Name 7,", "Seven,"))
    both = [
        in_child(scene.migration(slug), scene.log),
        in_child(ispmig("rollback", slug, str(first.id), "--json"), scene.log),
    ]
    assert [ended(child) for child in both] == [0, 0], scene.log.read_text()[-3000:]
    second, first = scene.entries(slug)
    assert second.state is State.DONE
    # Either all of the first was there when it came, but one row; or nothing.
    counts = second.entities["customer"]
    assert (counts["inserted"], counts["updated"], counts["unchanged"]) in (
        (500, 0, 0),
        (0, 1, 499),
    )
    assert first.state in (State.UNDONE, State.PARTLY_UNDONE)
    assert all(c.holds for c in verify_chains(lambda: engine().connect()))


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", PEOPLE)
        yield house


def end_holding_session(slug: str) -> None:
    """What a restarted server, or a firewall between, does to the session that has the lock."""
    with engine().connect() as connection:
        ended = connection.execute(
            sa.text(
                """select pg_terminate_backend(pid, 5000) from (
                       select distinct pid from pg_locks
                       where locktype = 'advisory' and pid <> pg_backend_pid()
                   ) as holding"""
            )
        ).all()
        assert ended == [(True,)]


def holding() -> int:
    with engine().connect() as connection:
        return int(
            connection.execute(
                sa.text("select count(distinct pid) from pg_locks where locktype = 'advisory'")
            ).scalar_one()
        )


def test_a_lock_that_was_lost_is_taken_again(house: House) -> None:
    platform = Platform()
    platform.hold("acme")
    for _ in range(2):
        end_holding_session("acme")
        assert holding() == 0
        platform.hold("acme")
        assert holding() == 1
    # A session that somebody found lost in the middle of something is not silently another one.
    held = platform._held["acme"].connection
    end_holding_session("acme")
    with pytest.raises(sa.exc.DBAPIError):
        held.execute(sa.select(1))
    held.rollback()
    with engine().connect() as connection, tenants.lock(connection, "acme"):
        with pytest.raises(TenantBusy, match="another command, since"):
            platform.hold("acme")
        assert holding() == 1
    platform.hold("acme")
    assert holding() == 1


@pytest.mark.slow
def test_of_two_who_believe_they_have_the_tenant_one_publishes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first loses its lock while it loads; the second comes, and is done before it."""
    load = ops.load
    second: list[Any] = []

    def overtaken(*args: Any, approve: Callable[[Any], None], **kwargs: Any) -> Any:
        if second:
            return load(*args, approve=approve, **kwargs)
        second.append(None)
        end_holding_session("acme")
        house.write("people.csv", PEOPLE.replace("Name 7,", "Seven,"))
        second[0] = house.migrate()
        house.write("people.csv", PEOPLE)
        return load(*args, approve=approve, **kwargs)

    monkeypatch.setattr(ops, "load", overtaken)
    first = house.migrate()
    assert second[0].ok
    message, exit_code = first.failure()
    assert exit_code == 1, message
    assert "another run of the tenant has begun since" in message
    assert house.rows("customer", "count(*), count(distinct _migration)") == [(500, 1)]
    with engine().connect() as connection:
        states = [m.state for m in ledger.migrations(connection, "acme")]
    assert states == [State.DONE, State.FAILED]
    assert all(c.holds for c in verify_chains(lambda: engine().connect()))


@pytest.mark.slow
def test_a_migration_that_another_run_took_back_is_not_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first loses its lock while it is audited; the second takes it for dead."""
    audit = auditing.audit
    second: list[Any] = []

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        found = audit(*args, **kwargs)
        if not second:
            second.append(None)
            end_holding_session("acme")
            house.write("people.csv", PEOPLE.replace("Name 7,", "Seven,"))
            second[0] = house.migrate()
        return found

    monkeypatch.setattr(auditing, "audit", overtaken)
    first = house.migrate()
    assert second[0].ok
    message, exit_code = first.failure()
    assert exit_code == 1
    assert "was taken back" in message
    assert second[0].counts["customer"]["inserted"] == 500
    assert house.rows("customer", "count(*), count(distinct _migration)") == [(500, 1)]
    with engine().connect() as connection:
        states = [m.state for m in ledger.migrations(connection, "acme")]
    assert states == [State.DONE, State.UNDONE]
    assert all(c.holds for c in verify_chains(lambda: engine().connect()))


@pytest.mark.slow
def test_a_tenant_that_is_removed_meanwhile_is_missing_and_not_half_there(scene: Scene) -> None:
    slugs = [scene.tenant() for _ in range(3)]
    children = [
        child
        for slug in slugs
        for child in (
            in_child(scene.migration(slug), scene.log),
            in_child(ispmig("tenant", "remove", slug, "--yes"), scene.log),
        )
    ]
    codes = [ended(child) for child in children]
    assert set(codes) <= {0, 2, 3}, scene.log.read_text()[-3000:]
    assert "This is a defect" not in scene.log.read_text()
    with engine().connect() as connection:
        there = {t["slug"] for t in tenants.list_all(connection)}
        schemas = set(
            connection.execute(
                sa.text("select nspname from pg_namespace where nspname like 'tenant\\_%'")
            ).scalars()
        )
    assert schemas == {f"tenant_{slug}" for slug in there}
    for slug, migrated, removed in zip(slugs, codes[::2], codes[1::2], strict=True):
        assert (slug in there) == (removed != 0)
        if migrated == 0 and removed != 0:
            assert [e.state for e in scene.entries(slug)] == [State.DONE]
    assert all(c.holds for c in verify_chains(lambda: engine().connect()))


@pytest.mark.slow
def test_killed_and_retried_while_another_comes(scene: Scene) -> None:
    """The retry from failure and the next run at once: one of them stands, whole."""
    like = Undisturbed(scene)
    slug = scene.tenant()

    def dies() -> int | None:
        def die(*args: Any, **kwargs: Any) -> Any:
            os.kill(os.getpid(), 9)

        ops.load = die  # type: ignore[assignment]
        return scene.migration(slug)()

    assert ended(in_child(dies, scene.log)) == -9
    both = [
        in_child(lambda: scene.retry(slug), scene.log),
        in_child(scene.migration(slug), scene.log),
    ]
    codes = [ended(child) for child in both]
    assert 0 in codes, scene.log.read_text()[-3000:]
    done = [e for e in scene.entries(slug) if e.state is State.DONE]
    if not done:
        goes_on(scene, slug, like, retried=False)
    assert scene.content(slug) == like.content
    assert not [e for e in scene.entries(slug) if e.state in (State.RUNNING, State.PUBLISHED)]
