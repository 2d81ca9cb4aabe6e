"""Dagster's storage over kept connections."""

from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance

from ispmig_pipelines.defs import instance as dagster_instance

pytestmark = pytest.mark.usefixtures("ispmig_home")


def backends(url: str) -> set[int]:
    """The server's processes that work for Dagster's storage."""
    with psycopg.connect(url) as connection:
        return {
            pid
            for (pid,) in connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
        }


def use_all_parts(instance: DagsterInstance) -> None:
    instance.get_runs_count()
    instance.add_dynamic_partitions("tenant", ["acme"])
    assert instance.get_dynamic_partitions("tenant") == ["acme"]
    assert instance.all_instigator_state() == []


def test_runs_events_and_schedules_share_one_connection_and_keep_it(database_url: str) -> None:
    with dagster_instance.instance() as instance:
        use_all_parts(instance)
        (kept,) = backends(database_url)
        use_all_parts(instance)
        assert backends(database_url) == {kept}


def test_a_connection_that_was_lost_meanwhile_fails_nobody(database_url: str) -> None:
    with dagster_instance.instance() as instance:
        use_all_parts(instance)
        (kept,) = backends(database_url)
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [kept])
        use_all_parts(instance)
        assert kept not in backends(database_url)


def test_a_dagster_yaml_of_before_goes_on_to_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "dagster.yaml").write_text(
        "storage: {postgres: {postgres_url: {env: ISPMIG_DAGSTER_STORAGE_URL}}}\n"
    )
    monkeypatch.setenv("DAGSTER_HOME", str(theirs))
    with dagster_instance.instance() as instance:
        use_all_parts(instance)
