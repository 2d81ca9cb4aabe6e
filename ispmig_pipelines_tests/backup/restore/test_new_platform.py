"""After a disaster: a platform that never knew the tenant gets it back, with its history."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.audit import chain
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.backup.restore.test_commands import ispmig
from ispmig_pipelines_tests.conftest import in_database
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS

FIRST = "No,Name,State,Owed\nACC-1,Ann,A,1.50\nACC-2,Bob,X,\n"
SECOND = "No,Name,State,Owed\nACC-1,Anna,A,1.50\nACC-3,Cid,A,2\nACC-4,Dot,A,2\n"

Move = Callable[[], None]


@pytest.fixture
def move(
    ispmig_home: Path, server_url: str, ready_database: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Move]:  # fmt: skip
    """Leaves the platform for a new one: another database and home, with backups and keys alone."""
    monkeypatch.setenv("ISPMIG_BACKUPS", str(tmp_path / "backups"))
    name = f"test_{uuid.uuid4().hex[:16]}"

    def moved() -> None:
        home = tmp_path / "new home"
        shutil.copytree(ispmig_home / "keys" / "backup", home / "keys" / "backup")
        for folder in (home, home / "keys", home / "keys" / "backup"):
            folder.chmod(0o700)
        monkeypatch.setenv("ISPMIG_HOME", str(home))
        monkeypatch.setenv("ISPMIG_DATABASE_URL", in_database(server_url, name))
        settings.cache_clear()

    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(ready_database)
            )
        )
        yield moved
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def history(move: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Two migrations, the second of changed rows, too; files; a backup."""
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "spec.yaml").write_text(CUSTOMERS)
    ispmig("tenant", "add", "acme")
    place = tmp_path / "files" / "acme"
    place.mkdir(parents=True)
    (place / "contract.pdf").write_bytes(b"%PDF")
    ispmig("tenant", "set", "acme", "--files", str(place))
    (folder / "people.csv").write_text(FIRST)
    first = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    (folder / "people.csv").write_text(SECOND)
    second = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    ispmig("backup", "create", "acme")
    return first, second


@pytest.mark.slow
def test_a_tenant_comes_back_with_its_history(
    history: tuple[int, int], move: Move, tmp_path: Path
) -> None:
    first, second = history
    content = ispmig("digest", "acme")["digest"]
    listed = ispmig("migrations", "acme")
    trail = ispmig("audit", "show", "acme")["entries"]
    shutil.rmtree(tmp_path / "files")
    move()
    done = ispmig("restore", "acme", "--snapshot", "latest")
    assert ispmig("digest", "acme")["digest"] == content
    assert (tmp_path / "files" / "acme" / "contract.pdf").read_bytes() == b"%PDF"
    assert done["files"]["added"] == 1
    assert ispmig("migrations", "acme") == listed

    # The chain as it was, entry by entry; then where it came from.
    shown = ispmig("audit", "show", "acme")["entries"]
    # The backup's own end was entered after its instant.
    kept = len([e for e in shown if e["position"] <= len(trail) and e in trail])
    assert kept == len(trail) - 1
    came = shown[kept]
    assert (came["operation"], came["details"]["snapshot"]) == ("tenant restored", done["snapshot"])
    assert came["details"]["chain"] == {
        "position": kept, "digest": trail[kept - 1]["digest"],
    }  # fmt: skip
    (own,) = ispmig("audit", "show", "")["entries"]
    assert (own["operation"], own["details"]["entry"]) == ("tenant restored", came["id"])
    verified = ispmig("audit", "verify", "acme")
    assert verified["holds"]

    # There was nothing before it.
    assert "nothing to go back to" in str(ispmig("restore", "undo", "acme", exit_code=2))

    # The history goes on: another migration has a number of its own, and each can be taken back.
    (Path.cwd() / "people.csv").write_text("No,Name,State,Owed\nACC-9,Eve,A,3\n")
    third = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    assert third > second > first
    undone = ispmig("rollback", "acme", str(third), str(second))
    assert [m["migration_id"] for m in undone["migrations"]] == [third, second]
    ispmig("rollback", "acme", str(first))
    ispmig("backup", "create", "acme")
    assert ispmig("audit", "verify")["holds"]


@pytest.mark.slow
def test_numbers_that_are_others_are_refused_and_tables_come_back_nevertheless(
    history: tuple[int, int], move: Move
) -> None:
    content = ispmig("digest", "acme")["digest"]
    move()
    ispmig("tenant", "add", "north")
    refused = ispmig("restore", "acme", "--snapshot", "latest", exit_code=1)
    assert "ispmig tenant add acme" in str(refused)
    assert [t["slug"] for t in ispmig("tenant", "list")["tenants"]] == ["north"]
    ispmig("tenant", "add", "acme")
    ispmig("restore", "acme", "--snapshot", "latest")
    assert ispmig("digest", "acme")["digest"] == content
    assert ispmig("audit", "verify")["holds"]
    # No later migration is taken for one that loaded what came back.
    (Path.cwd() / "people.csv").write_text("No,Name,State,Owed\nACC-9,Eve,A,3\n")
    later = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    assert later > max(history)
    ispmig("rollback", "acme", str(later))
    assert ispmig("digest", "acme")["digest"] == content


def test_the_old_platforms_witness_proves_what_came_and_tells_what_did_not(
    history: tuple[int, int], move: Move, ispmig_home: Path, tmp_path: Path
) -> None:
    trail = ispmig("audit", "show", "acme")["entries"]
    move()
    shutil.copytree(ispmig_home / "audit", tmp_path / "new home" / "audit")
    ispmig("restore", "acme", "--snapshot", "latest")
    (verified,) = ispmig("audit", "verify", "acme")["chains"]
    assert verified["problems"] == []
    # The end of the backup itself is of after its instant.
    (lost,) = [note for note in verified["notes"] if "did not come with it" in note]
    assert lost.startswith(f"Entry {len(trail)} of ")

    # Whoever rewrites what came, every digest right, is found out.
    with engine().begin() as connection:
        driver = tenants.raw(connection)
        links = list(chain.links(driver, "acme"))
        driver.execute("set local session_replication_role = replica")
        previous = chain.GENESIS
        for number, link in enumerate(links, 1):
            told = replace(link, actor="nobody") if number == 2 else link
            told = told.at_position(number, previous)
            previous = told.computed()
            driver.execute(
                """update ispmig.data_migration_logs set actor = %s, previous = %s, digest = %s
                   where id = %s""",
                [told.actor, told.previous, previous, told.id],
            )
        driver.execute("update ispmig.audit_heads set digest = %s where tenant = 'acme'",
                       [previous])  # fmt: skip
    (verified,) = ispmig("audit", "verify", "acme", exit_code=1)["chains"]
    assert {problem["kind"] for problem in verified["problems"]} == {"rewritten"}


def test_nothing_is_made_of_a_dry_run_or_for_a_copy(history: tuple[int, int], move: Move) -> None:
    move()
    for option in (("--dry-run",), ("--into", "acme_test"), ("--entity", "customer")):
        ispmig("restore", "acme", "--snapshot", "latest", *option, exit_code=2)
    ispmig("restore", "acme", "--snapshot", "20200101", exit_code=2)
    with engine().connect() as connection:
        assert ledger.migrations(connection, "acme") == []
    assert ispmig("tenant", "list")["tenants"] == []
