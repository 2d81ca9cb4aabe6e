"""On a server that keeps the times of commits, these are what counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.platform import change_journal, embedded, ledger, tenants
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.backup.journal.past import Past
from ispmig_pipelines_tests.conftest import FAST


@pytest.fixture
def keeping_times(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    if request.config.getoption("--database-url"):
        pytest.skip("needs a server of its own, which the tests on an embedded one have")
    home = tmp_path / "server"
    url = embedded.serve(home, linger=0, options={**FAST, "track_commit_timestamp": "on"})
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ISPMIG_DATABASE_URL", url)
    settings.cache_clear()
    yield
    settings.cache_clear()
    embedded.remove(home)


@pytest.mark.slow
@pytest.mark.usefixtures("keeping_times")
def test_who_says_too_early_that_he_commits_is_known_to_commit_later() -> None:
    ledger.prepare(engine())
    tenant = tenants.add(engine(), "acme")
    repository = open_repository("acme", make=True)
    with connect(autocommit=True) as driver, connect() as other:
        driver.execute("set search_path to tenant_acme")
        driver.execute("create table t (k integer primary key, v text)")
        change_journal.switch_on(driver, tenant)
        past = Past(tenant, driver, repository)
        past.backup()
        other.execute("insert into tenant_acme.t values (1, 'early')")
        # Its own clock is read here; there is no mark before its commit.
        other.execute("set constraints all immediate")
        past.remember()
        driver.execute("insert into t values (2, 'between')")
        past.remember()
        other.commit()
        past.remember()
        past.ship()
        past.check()
    assert len(past.states) == 3
