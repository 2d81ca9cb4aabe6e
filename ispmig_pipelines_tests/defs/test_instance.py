"""Dagster's own storage: in our database, in its schema, whoever comes first."""

import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import yaml
from dagster import DagsterInstance

from ispmig_pipelines.defs import instance as dagster_instance
from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.settings import settings


def tables(url: str) -> dict[str, set[str]]:
    """The tables of each schema that is not the server's."""
    found: dict[str, set[str]] = {}
    with psycopg.connect(url) as connection:
        for schema, table in connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ):
            found.setdefault(schema, set()).add(table)
    return found


@pytest.mark.empty_database
def test_every_table_of_dagster_is_in_its_schema(ispmig_home: Path, database_url: str) -> None:
    with dagster_instance.instance() as instance:
        assert instance.get_runs() == []
        instance.add_dynamic_partitions("tenant", ["acme"])
        assert instance.get_dynamic_partitions("tenant") == ["acme"]

    found = tables(database_url)
    assert set(found) == {"dagster"}
    assert {"runs", "event_logs", "jobs", "alembic_version", "kvs"} <= found["dagster"]


def test_the_storage_is_stamped_with_the_newest_migration(
    ispmig_home: Path, database_url: str
) -> None:
    from dagster._core.storage.sql import check_alembic_revision
    from dagster_postgres.utils import pg_alembic_config

    with dagster_instance.instance() as instance:
        storage = instance.event_log_storage
        import dagster_postgres.event_log.event_log as module

        with storage._connect() as connection:
            revision, head = check_alembic_revision(pg_alembic_config(module.__file__), connection)
    assert revision == head


@pytest.mark.slow
@pytest.mark.empty_database
def test_three_processes_at_once_make_the_tables_once(ispmig_home: Path, database_url: str) -> None:
    script = (
        "from ispmig_pipelines.defs.instance import instance\n"
        "with instance() as i: print(len(i.get_runs()))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate() for process in processes]
    assert [out.strip() for out, _ in said] == ["0", "0", "0"], said
    assert set(tables(database_url)) == {"dagster"}


@pytest.mark.empty_database
def test_tables_that_a_killed_process_left_half_made_are_made_anew(
    ispmig_home: Path, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE SCHEMA dagster_in_the_making")
        connection.execute("CREATE TABLE dagster_in_the_making.event_logs (id int)")

    with dagster_instance.instance() as instance:
        assert instance.get_runs() == []
    assert set(tables(database_url)) == {"dagster"}


def test_the_configuration_is_ours_and_without_telemetry(ispmig_home: Path) -> None:
    with dagster_instance.instance() as instance:
        home = Path(instance.root_directory)
        assert home == settings().dagster_home
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert instance.telemetry_enabled is False
        assert instance.run_monitoring_enabled is True
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 5
        assert queue.tag_concurrency_limits == [
            {"key": "ispmig/tenant", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
            {"key": "ispmig/background", "limit": 2},
        ]
    with DagsterInstance.from_config(str(home)) as of_the_ui:
        assert Path(of_the_ui.compute_log_manager._base_dir).is_relative_to(home)


def test_an_old_copy_of_the_configuration_is_replaced(ispmig_home: Path) -> None:
    ours = settings().dagster_home / "dagster.yaml"
    ours.parent.mkdir()
    ours.write_text("telemetry: {enabled: true}\n")
    dagster_instance.prepare()
    assert yaml.safe_load(ours.read_text())["telemetry"] == {"enabled": False}


def test_a_dagster_home_of_the_user_keeps_its_configuration(
    ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(theirs))
    (theirs / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    assert dagster_instance.prepare()["DAGSTER_HOME"] == str(theirs)
    assert yaml.safe_load((theirs / "dagster.yaml").read_text())["telemetry"] == {"enabled": True}


def test_a_folder_that_cannot_be_made_is_a_storage_error(ispmig_home: Path) -> None:
    settings().dagster_home.write_text("a file in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        dagster_instance.prepare()


def test_options_of_the_users_url_are_kept(
    ispmig_home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    separator = "&" if "?" in database_url else "?"
    monkeypatch.setenv(
        "ISPMIG_DATABASE_URL",
        f"{database_url}{separator}options=-cstatement_timeout%3D9s&connect_timeout=7",
    )
    settings.cache_clear()
    url = dagster_instance.storage_url()
    query = parse_qs(urlsplit(url).query)
    assert query["options"] == ["-cstatement_timeout=9s -csearch_path=dagster"]
    assert query["connect_timeout"] == ["7"]
    with dagster_instance.instance() as instance:
        assert instance.get_runs() == []


def test_the_shipped_files_are_found_and_loadable() -> None:
    workspace = yaml.safe_load(dagster_instance.shipped_file("workspace.yaml").read_text())
    assert workspace["load_from"][0]["python_module"]["module_name"] == (
        "ispmig_pipelines.definitions"
    )
