"""A migration that is killed, wherever it is, and run again or retried comes to the same, once."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from ispmig_pipelines.defs.instance import prepare
from ispmig_pipelines.platform import embedded
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.faults.killed import (
    Scene,
    commits_of,
    die_at_commit,
    ended,
    in_child,
)
from ispmig_pipelines_tests.faults.test_faults import KEEPS_COMMITS, PEOPLE

SEED = 20_240


@pytest.fixture
def scene(ispmig_home: Path) -> Scene:
    return made(ispmig_home)


def made(home: Path) -> Scene:
    folder = home.parent / f"{home.name}-exports"
    folder.mkdir()
    (folder / "people.csv").write_text(PEOPLE + "501,Bad,?,1.00\n")
    spec = folder / "spec.yaml"
    spec.write_text(CUSTOMERS)
    prepare()
    return Scene(spec, folder / "log")


class Undisturbed:
    """What one migration comes to that nobody disturbs."""

    def __init__(self, scene: Scene) -> None:
        slug = scene.tenant()
        counted = scene.log.with_name("commits")
        began = time.monotonic()
        assert ended(in_child(commits_of(scene.migration(slug), counted), scene.log)) == 0, (
            scene.log.read_text()
        )
        self.seconds = time.monotonic() - began
        self.commits = int(counted.read_text())
        (entry,) = scene.entries(slug)
        self.counts = entry.entities
        self.content = scene.content(slug)
        assert self.counts["customer"]["quarantined"] == 1
        assert scene.problems(slug, self.content, self.counts) == []


def goes_on(scene: Scene, slug: str, like: Undisturbed, *, retried: bool) -> None:
    """Retries from failure (or where nothing can be, runs again); holds it against the other."""
    if not retried or scene.retry(slug) is None:
        assert ended(in_child(scene.migration(slug), scene.log)) == 0, scene.log.read_text()[-3000:]
    done = [e for e in scene.entries(slug) if e.state is State.DONE]
    if len(done) == 1 and done[0].entities != like.counts:
        # Killed after it was done: there was nothing left to do.
        pytest.fail(f"{done[0].entities} is not {like.counts}")
    assert scene.problems(slug, like.content, like.counts) == []


def killed_at_commit(scene: Scene, slug: str, number: int, *, after: bool) -> bool:
    def run() -> int | None:
        die_at_commit(number, after=after)
        return scene.migration(slug)()

    return ended(in_child(run, scene.log)) == -signal.SIGKILL


def unfinished(scene: Scene, slug: str) -> bool:
    return not any(e.state is State.DONE for e in scene.entries(slug))


@pytest.mark.slow
def test_killed_at_commits_it_goes_on_to_the_same_content(scene: Scene) -> None:
    like = Undisturbed(scene)
    rng = random.Random(SEED)  # noqa: S311 - moments of tests
    points = sorted(rng.sample(range(2, like.commits + 1), 4))
    for place, number in enumerate(points):
        slug = scene.tenant()
        assert killed_at_commit(scene, slug, number, after=bool(place % 2))
        if unfinished(scene, slug):
            goes_on(scene, slug, like, retried=place >= 2)


@pytest.mark.slow
def test_killed_at_any_commit_it_goes_on_to_the_same_content(scene: Scene) -> None:
    like = Undisturbed(scene)
    for number in range(1, like.commits + 1):
        for after in (False, True):
            slug = scene.tenant()
            # Progress is told by the clock: a run may come to its end a commit or two earlier.
            assert killed_at_commit(scene, slug, number, after=after) or number > 0.9 * like.commits
            if unfinished(scene, slug):
                goes_on(scene, slug, like, retried=(number % 2 == 0) != after)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_content(scene: Scene) -> None:
    like = Undisturbed(scene)
    rng = random.Random(SEED)  # noqa: S311 - moments of tests
    signals = [signal.SIGKILL] * 24 + [signal.SIGTERM] * 3 + [signal.SIGINT] * 3
    for turn, one in enumerate(signals):
        slug = scene.tenant()
        child = in_child(scene.migration(slug), scene.log)
        time.sleep(rng.uniform(0, like.seconds))
        os.kill(child, one)
        ended(child)
        if unfinished(scene, slug):
            goes_on(scene, slug, like, retried=bool(turn % 2))


@pytest.mark.slow
def test_a_server_killed_at_any_moment_leaves_the_same_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    server = tmp_path / "server"
    url = embedded.serve(server, linger=0, options=KEEPS_COMMITS)
    monkeypatch.setenv("ISPMIG_HOME", str(home))
    monkeypatch.setenv("ISPMIG_DATABASE_URL", url)
    monkeypatch.setenv("ISPMIG_RETRY_SECONDS", "0.5")
    settings.cache_clear()
    try:
        scene = made(home)
        like = Undisturbed(scene)
        rng = random.Random(SEED)  # noqa: S311 - moments of tests
        for turn in range(6):
            slug = scene.tenant()
            child = in_child(scene.migration(slug), scene.log)
            time.sleep(rng.uniform(0, like.seconds))
            pid = embedded.status(server).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL if turn % 2 else signal.SIGINT)
            deadline = time.monotonic() + 20
            while embedded.status(server).pid == pid and time.monotonic() < deadline:
                time.sleep(0.05)
            assert embedded.serve(server, linger=0, options=KEEPS_COMMITS) == url
            # It goes on by itself, or says that it could not, and can be run again.
            assert ended(child) in (0, 3), scene.log.read_text()[-3000:]
            if unfinished(scene, slug):
                goes_on(scene, slug, like, retried=bool(turn % 2))
            else:
                assert scene.problems(slug, like.content, like.counts) == []
    finally:
        settings.cache_clear()
        embedded.remove(server)
