"""``ispmig backup``: snapshots made, listed and shown, and the keys they hang on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ispmig_pipelines.backup import keys
from ispmig_pipelines.backup.cipher import encrypt, new_identity, recipient_of
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.cli import app
from ispmig_pipelines.errors import BackupDamaged, BackupKeyError
from ispmig_pipelines.platform.server import connect
from ispmig_pipelines.settings import settings

SECRET = "Zoltan Kovacs"


def run(*words: str, ends: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == ends, result.output
    return result.output


def told(*words: str, ends: int = 0) -> dict[str, Any]:
    found = json.loads(run(*words, "--json", ends=ends))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def acme(ispmig_home: Path) -> None:
    run("tenant", "add", "acme")
    with connect(autocommit=True) as driver:
        driver.execute("create table tenant_acme.own (id int primary key, name text, due numeric)")
        driver.execute("insert into tenant_acme.own values (1, %s, 12.34), (2, null, 5)", [SECRET])


def operations(tenant: str = "acme") -> list[tuple[str, str]]:
    with connect() as driver:
        return driver.execute(
            """select operation, stage from ispmig.data_migration_logs
               where tenant = %s and operation like 'backup%%' order by position""",
            [tenant],
        ).fetchall()


@pytest.mark.slow
def test_a_backup_is_made_listed_and_shown(acme: None) -> None:
    first = told("backup", "create", "acme")
    assert first["tenant"] == "acme"
    assert first["kind"] == "full"
    assert first["rows"] == sum(table["rows"] for table in first["tables"].values())
    for name in ("bytes_read", "bytes_stored", "seconds"):
        assert first[name] > 0, name
    second = told("backup", "create", "acme")
    assert (second["kind"], second["parent"]) == ("incremental", first["snapshot"])
    assert told("backup", "create", "acme", "--full")["kind"] == "full"
    listed = told("backup", "list", "acme")
    assert [one["kind"] for one in listed["snapshots"]] == ["full", "incremental", "full"]
    assert listed["snapshots"][2]["snapshot"] == first["snapshot"]
    assert listed["snapshots"][2]["rows"] == first["rows"]
    shown = told("backup", "show", "acme", first["snapshot"][:20])
    assert shown["tables"]["own"]["rows"] == 2
    assert operations() == [("backup", "begun"), ("backup", "finished")] * 3


def test_no_cell_is_shown(acme: None) -> None:
    for words in (("create", "acme"), ("list", "acme"), ("show", "acme")):
        for more in ((), ("--json",)):
            out = run("backup", *words, *more)
            assert SECRET not in out
            assert "12.34" not in out
            assert "17.34" not in out


def test_what_people_read_names_the_snapshot_and_its_age(acme: None) -> None:
    made = run("backup", "create", "acme")
    name = told("backup", "list", "acme")["snapshots"][0]["snapshot"]
    assert name in made
    out = run("backup", "list", "acme")
    assert name in out
    assert "full" in out
    assert " s " in out or " min " in out
    assert "own" in run("backup", "show", "acme")


def test_of_a_tenant_without_backups_there_are_none(acme: None) -> None:
    listed = told("backup", "list", "acme")
    assert (listed["snapshots"], listed["total"]) == ([], 0)
    assert "no backup" in run("backup", "list", "acme")
    run("backup", "list", "nobody", ends=2)
    run("backup", "create", "nobody", ends=2)
    assert not (settings().backup_keys_folder / "nobody.key").exists()


def test_a_snapshot_that_cannot_be_read_is_listed_and_says_why(acme: None) -> None:
    told("backup", "create", "acme")
    repository = open_repository("acme")
    (name,) = repository.snapshots()
    path = Path(repository.storage.place(repository.key_of_snapshot(name.name)))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-40])
    (one,) = told("backup", "list", "acme")["snapshots"]
    assert one["snapshot"] == name.name
    assert str(path) in one["problem"]
    assert "unreadable" in run("backup", "list", "acme")
    run("backup", "show", "acme", ends=1)


def test_only_the_newest_are_listed_unless_all_are_asked_for(
    acme: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ispmig_pipelines.backing_up.SHOWN", 1)
    made = [told("backup", "create", "acme")["snapshot"] for _ in range(2)]
    listed = told("backup", "list", "acme")
    assert [one["snapshot"] for one in listed["snapshots"]] == [made[1]]
    assert listed["total"] == 2
    assert len(told("backup", "list", "acme", "--all")["snapshots"]) == 2


def test_a_rotated_key_still_opens_what_there_is(acme: None) -> None:
    told("backup", "create", "acme")
    before = told("backup", "key", "list", "acme")["keys"]
    assert told("backup", "key", "rotate", "acme")["rotations"] == 1
    after = told("backup", "key", "list", "acme")["keys"]
    assert after[0]["id"] == before[0]["id"]
    assert after[0]["public_key"] != before[0]["public_key"]
    told("backup", "show", "acme")
    assert "AGE-SECRET-KEY" not in run("backup", "key", "list", "acme")
    assert ("backup key rotated", "finished") in operations()


@pytest.mark.slow
def test_a_removed_tenant_s_backups_stay_apart_from_those_of_one_of_its_name(acme: None) -> None:
    former = told("backup", "create", "acme")["snapshot"]
    assert told("tenant", "remove", "acme", "--yes")["backup_key"]
    run("tenant", "add", "acme")
    again = told("backup", "create", "acme")
    assert again["kind"] == "full"
    listed = told("backup", "list", "acme")
    assert [one["snapshot"] for one in listed["snapshots"]] == [again["snapshot"]]
    (id,) = listed["former"]
    old = told("backup", "list", "acme", "--key", id)
    assert [one["snapshot"] for one in old["snapshots"]] == [former]
    assert told("backup", "show", "acme", "--key", id)["snapshot"] == former


def test_shredding_asks_first_and_then_leaves_nothing_that_opens(
    acme: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("tenant", "shred", "acme", "--yes", ends=1)
    monkeypatch.setenv("ISPMIG_BACKUP_RECOVERY", recipient_of(new_identity()))
    settings.cache_clear()
    told("backup", "create", "acme")
    repository = open_repository("acme")
    (name,) = repository.snapshots()
    run("tenant", "shred", "acme", ends=2)
    told("backup", "show", "acme")
    done = told("tenant", "shred", "acme", "--yes")
    assert done["ids"] == [repository.keys.id]
    assert any(settings().backup_recovery in text for text in done["remains"])
    with pytest.raises(BackupKeyError):
        open_repository("acme")
    strange = replace(repository.keys, identities=(new_identity(),))
    with pytest.raises(BackupDamaged):
        Repository(repository.storage, strange).read(name.name)
    assert operations()[-1] == ("backup keys destroyed", "finished")
    assert told("backup", "create", "acme")["kind"] == "full"


@pytest.mark.slow
def test_a_lost_key_comes_back_by_a_recovery_key(
    acme: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identity = new_identity()
    monkeypatch.setenv("ISPMIG_BACKUP_RECOVERY", recipient_of(identity))
    settings.cache_clear()
    file = tmp_path / "recovery.txt"
    file.write_text(f"# created\n{identity}\n")
    told("backup", "create", "acme")
    told("backup", "key", "rotate", "acme")
    made = told("backup", "create", "acme")["snapshot"]
    lost = settings().backup_keys_folder / "acme.key"
    text = lost.read_text()
    lost.unlink()
    run("backup", "show", "acme", ends=1)
    assert told("backup", "key", "recover", "acme", "--identity", str(file))["ids"]
    assert lost.read_text() == text
    assert told("backup", "show", "acme")["snapshot"] == made


def test_a_key_that_no_entry_tells_of_is_not_trusted_unasked(
    acme: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identity = new_identity()
    monkeypatch.setenv("ISPMIG_BACKUP_RECOVERY", recipient_of(identity))
    settings.cache_clear()
    file = tmp_path / "recovery.txt"
    file.write_text(f"{identity}\n")
    theirs = keys.generate("acme")
    folder = Path(settings().backup_place) / theirs.repository / "keys"
    folder.mkdir(parents=True)
    (folder / f"{'0' * 64}.age").write_bytes(
        encrypt(theirs.text().encode(), [recipient_of(identity)])
    )
    out = run("backup", "key", "recover", "acme", "--identity", str(file), ends=1)
    assert theirs.id in out
    assert keys.list_all("acme") == []
    words = ("--identity", str(file), "--key", theirs.id)
    assert told("backup", "key", "recover", "acme", *words)["ids"] == [theirs.id]


@pytest.mark.slow
def test_a_tenant_says_when_it_is_backed_up_and_where_its_files_are(
    acme: None, tmp_path: Path
) -> None:
    assert told("tenant", "show", "acme")["backup_schedule"] == "30 2 * * * (UTC)"
    assert told("tenant", "show", "acme")["files"] is None
    place = tmp_path / "papers of acme"
    place.mkdir()
    (place / "contract.pdf").write_bytes(b"%PDF")
    (place / "link").symlink_to("contract.pdf")
    said = told(
        "tenant", "set", "acme", "--backup-schedule", "0 3 * * *", "--timezone", "Europe/Kyiv",
        "--files", str(place),
    )  # fmt: skip
    assert said["backup_schedule"] == "0 3 * * * (Europe/Kyiv)"
    assert said["files"] == str(place)
    shown = told("tenant", "show", "acme")
    assert (shown["backup_schedule"], shown["files"]) == (said["backup_schedule"], str(place))
    made = told("backup", "create", "acme")
    assert made["files"] == 1
    assert [one["path"] for one in made["left_out"]] == ["link"]
    assert "link" in run("backup", "create", "acme")
    (file,) = told("backup", "show", "acme")["files"]
    assert (file["path"], file["bytes"]) == ("contract.pdf", 4)
    assert told("tenant", "set", "acme", "--backup-schedule", "none")["backup_schedule"] == "none"
    for words in (("--backup-schedule", "nightly"), ("--timezone", "Kyiv"), ("--files", "/")):
        run("tenant", "set", "acme", *words, ends=2)
    back = told("tenant", "set", "acme", "--backup-schedule", "default", "--files", "default",
                "--timezone", "default")  # fmt: skip
    assert (back["backup_schedule"], back["files"]) == ("30 2 * * * (UTC)", None)
