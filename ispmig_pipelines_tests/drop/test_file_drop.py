"""What is dropped is migrated once, whatever happens in between, and nobody else waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.drop.records import State
from ispmig_pipelines_tests.drop.dropping import SPEC, TWO, Yard, customers


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def yard(ispmig_home: Path, instance: DagsterInstance) -> Yard:
    return Yard(ispmig_home, instance, "acme")


def test_a_dropped_file_is_migrated_and_lies_in_done_with_its_report(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", customers(1, 2, 3))
    assert len(yard.tick()) == 1
    assert yard.why() == {}
    assert yard.until_quiet() == 1
    assert yard.rows() == 3
    assert yard.lying() == {
        "done/customers_01.csv",
        "done/customers_01.csv.report.html",
        "done/customers_01.csv.report.json",
    }
    (drop,) = yard.drops()
    (migration,) = yard.migrations()
    assert (drop.state, drop.migration) == (State.DONE, migration.id)
    assert migration.files[0]["sha256"] == drop.files[0]["sha256"]
    assert "# what the billing system writes" in migration.spec_text
    run = yard.instance.get_runs()[0]
    assert run.tags["ispmig/tenant"] == "acme"
    assert run.tags["dagster/partition"] == "acme"


def test_the_same_content_is_known_by_any_name(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", customers(1))
    yard.until_quiet()
    yard.put("customers_02.csv", customers(1))
    yard.put("customers_01.csv", customers(1))
    assert yard.until_quiet() == 0
    assert [one.state for one in yard.drops()] == [State.DONE, *[State.DUPLICATE] * 2]
    assert "drop 1" in yard.drops()[1].why
    assert {"done/customers_02.csv", "done/customers_01~3.csv"} <= yard.lying() or {
        "done/customers_02.csv",
        "done/customers_01~2.csv",
    } <= yard.lying()


def test_two_of_the_same_content_at_one_moment_are_one_migration(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", customers(1))
    yard.put("customers_02.csv", customers(1))
    assert yard.until_quiet() == 1
    assert sorted(one.state for one in yard.drops()) == [State.DONE, State.DUPLICATE]


def test_what_failed_is_tried_again_when_it_is_dropped_again(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", "id,other\n1,2\n")
    assert yard.until_quiet() == 1
    (drop,) = yard.drops()
    assert drop.state is State.FAILED
    assert "name" in drop.why
    assert {"failed/customers_01.csv", "failed/customers_01.csv.report.json"} <= yard.lying()
    yard.put("again_customers_01.csv".removeprefix("again_"), "id,other\n1,2\n")
    assert yard.until_quiet() == 1
    assert yard.rows() == 0


@pytest.mark.slow
def test_what_was_rolled_back_may_be_dropped_again(yard: Yard) -> None:
    from ispmig_pipelines.platform import ledger

    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", customers(1))
    yard.until_quiet()
    with yard.engine.begin() as connection:
        ledger.update_migration(connection, yard.migrations()[0].id, state=ledger.State.UNDONE)
    yard.put("customers_01.csv", customers(1))
    assert yard.until_quiet() == 1


@pytest.mark.slow
def test_without_a_spec_it_goes_to_review_and_nothing_is_loaded(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ispmig_pipelines.drop.sets.SETTLE", 0.0)
    yard.put("subscribers.csv", "account_number,name,email\nA1,Ann,ann@example.org\n" * 1)
    assert yard.until_quiet() == 1
    assert yard.rows() == 0
    assert yard.lying() == {
        "review/subscribers.csv/subscribers.csv",
        "review/subscribers.csv/suggested-spec.yaml",
        "review/subscribers.csv/preview.html",
        "review/subscribers.csv/note.txt",
    }
    assert [m.mode for m in yard.migrations()] == ["dry_run"]
    # Corrected or not, the spec is for the file beside it.
    spec = yard.root() / "review/subscribers.csv/suggested-spec.yaml"
    from ispmig_pipelines.mapping.spec import load_spec

    assert [f.name for s in load_spec(spec).sources for f in load_spec(spec).source_files(s)] == [
        "subscribers.csv"
    ]
    # Once there is a rule, the same content is migrated.
    yard.rule("acme", SPEC.replace("id\n", "account_number\n"), "sub*.csv")
    yard.put("subscribers.csv", "account_number,name,email\nA1,Ann,ann@example.org\n")
    assert yard.until_quiet() == 1
    assert yard.rows() == 1


def test_of_what_nothing_can_be_suggested_the_review_says_why(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ispmig_pipelines.drop.sets.SETTLE", 0.0)
    yard.put("photo.jpg", os.urandom(200))
    assert yard.until_quiet() == 0
    assert yard.lying() == {"review/photo.jpg/photo.jpg", "review/photo.jpg/note.txt"}


def test_a_file_is_taken_when_it_has_not_changed_for_as_long_as_is_said(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv", settle=3600)
    path = yard.put("customers_01.csv", customers(1))
    os.utime(path, (1, 1))  # its time is not believed: copies keep that of the original
    assert yard.tick() == []
    assert "may still be written" in yard.why()["customers_01.csv"]
    with yard.engine.begin() as connection:
        connection.exec_driver_sql(
            "update ispmig.drop_sightings set since = since - interval '2 hours'"
        )
    with path.open("a") as file:
        file.write("C2,Customer 2\n")
    assert yard.tick() == []
    with yard.engine.begin() as connection:
        connection.exec_driver_sql(
            "update ispmig.drop_sightings set since = since - interval '2 hours'"
        )
    assert len(yard.tick()) == 1


@pytest.mark.slow
def test_a_set_waits_for_all_of_its_sources_and_goes_by_its_number(yard: Yard) -> None:
    yard.rule("acme", TWO)
    yard.put("customers_01.csv", customers(1))
    yard.put("customers_02.csv", customers(2))
    yard.put("plans_02.csv", "code,name,price\nP,Plan,1.00\n")
    assert yard.until_quiet() == 1
    assert yard.lying() >= {"customers_01.csv", "done/customers_02.csv", "done/plans_02.csv"}
    assert "tariffs" in yard.why()["customers_01.csv"]
    yard.put("plans_01.csv", "code,name,price\nQ,Plan Q,2.00\n")
    assert yard.until_quiet() == 1
    assert (yard.rows(), yard.rows("plan")) == (2, 2)


@pytest.mark.slow
def test_a_marker_closes_what_it_names_and_goes_with_it(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv", settle=3600)
    yard.put("customers_01.csv", customers(1))
    yard.put("customers_02.csv", customers(2))
    yard.put("customers_02.csv.done", "")
    assert yard.until_quiet() == 1
    assert {"customers_01.csv", "done/customers_02.csv", "done/customers_02.csv.done"} <= (
        yard.lying()
    )
    yard.put("customers_01.done", "")
    assert yard.until_quiet() == 1


@pytest.mark.slow
def test_a_manifest_closes_what_it_lists_once_that_is_all_there(yard: Yard) -> None:
    yard.rule("acme", TWO, settle=3600)
    yard.put("nightly.manifest.json", '{"files": ["customers_a.csv", "plans_b.csv"]}')
    yard.put("customers_a.csv", customers(1))
    assert yard.until_quiet() == 0
    assert "waits for plans_b.csv" in yard.why()["nightly.manifest.json"]
    yard.put("plans_b.csv", "code,name,price\nP,Plan,1.00\n")
    assert yard.until_quiet() == 1
    assert {"done/customers_a.csv", "done/plans_b.csv", "done/nightly.manifest.json"} <= (
        yard.lying()
    )


def test_a_manifest_that_says_another_digest_fails_its_files(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", customers(1))
    yard.put("m.manifest.json", '[{"name": "customers_01.csv", "sha256": "%s"}]' % ("ab" * 32))
    assert yard.until_quiet() == 0
    assert "SHA-256" in yard.drops()[0].why
    assert {"failed/customers_01.csv", "failed/m.manifest.json"} <= yard.lying()


def test_a_manifest_that_leads_out_of_the_folder_is_none(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ispmig_pipelines.drop.sets.SETTLE", 0.0)
    yard.put("m.manifest.json", '["../beta/customers.csv"]')
    assert yard.until_quiet() == 0
    assert "failed/m.manifest.json" in yard.lying()
    assert "no file beside it" in yard.drops()[0].why


def test_an_empty_file_fails_and_is_not_taken_for_another_empty_one(yard: Yard) -> None:
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_01.csv", "")
    yard.put("customers_02.csv", "")
    assert yard.until_quiet() == 0
    assert [one.state for one in yard.drops()] == [State.FAILED, State.FAILED]
    assert "empty" in yard.drops()[0].why


@pytest.mark.slow
def test_hostile_files_stay_where_they_are_and_hold_up_nobody(yard: Yard, tmp_path: Path) -> None:
    yard.rule("acme", SPEC, "*.csv")
    secret = tmp_path / "secret.csv"
    secret.write_text(customers(9))
    root = yard.root()
    (root / "link.csv").symlink_to(secret)
    (root / "gone.csv").symlink_to(tmp_path / "nowhere")
    os.link(secret, root / "second.csv")
    os.mkfifo(root / "pipe.csv")
    (root / "folder.csv").mkdir()
    (root / "done").write_text("not a folder")
    (root / "review").symlink_to(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)
        server.bind("socket.csv")
        os.chdir(here)
    yard.put("-rf.csv", customers(1))
    yard.put("new\nline.csv", customers(2))
    yard.put("~root.csv", customers(3))
    (Path(os.fsdecode(os.fsencode(root) + b"/bad\xff.csv"))).write_text(customers(4))
    yard.put("x" * 240 + ".csv", customers(5))
    yard.put("4111111111111111.csv", customers(6))
    for name in ("a.csv.part", "b.csv.filepart", "c.csv.tmp", "d.csv~", ".hidden.csv"):
        yard.put(name, customers(7))
    yard.put("Good.CSV", customers(8))
    yard.put("good.csv", customers(10))
    assert yard.until_quiet() == 2
    assert yard.rows() == 2
    why = yard.why()
    for name, word in {
        "link.csv": "link", "gone.csv": "link", "second.csv": "hard link", "pipe.csv": "pipe",
        "socket.csv": "pipe", "folder.csv": "folder", "-rf.csv": "hyphen", "new\\nline.csv": "name",
        "~root.csv": "tilde", "bad\\udcff.csv": "name",
    }.items():  # fmt: skip
        assert word in why[name], name
    assert not any("4111111111111111" in name for name in why)
    assert {"done/Good.CSV", "done/good.csv"} <= yard.lying()
    assert not list(tmp_path.glob("Good*"))
    assert (root / "done").is_dir()
    assert not (root / "review").is_symlink()
    assert secret.read_text() == customers(9)


@pytest.mark.slow
def test_one_tenants_broken_place_stops_no_other(
    ispmig_home: Path, instance: DagsterInstance
) -> None:
    yard = Yard(ispmig_home, instance, "acme", "beta")
    yard.rule("acme", SPEC, "*.csv")
    yard.put("a.csv", customers(1))
    (ispmig_home / "drop" / "beta").symlink_to(ispmig_home)
    assert yard.until_quiet() == 1
    assert yard.rows() == 1


@pytest.mark.slow
def test_five_hundred_files_at_once_are_five_hundred_migrations_in_their_order(yard: Yard) -> None:
    """Up to the launch: that a run migrates its file, others tell."""
    yard.rule("acme", SPEC, "customers_*.csv")
    for number in range(500):
        path = yard.put(f"customers_{number:03}.csv", customers(number))
        os.utime(path, (1_700_000_000 + number,) * 2)
    asked: dict[str, str] = {}
    for _ in range(40):
        requests = yard.tick()
        for one in requests:
            assert one.run_key not in asked
            asked[one.run_key or ""] = one.run_config["ops"]["extract"]["config"]["spec"]
            yard.instance.create_run_for_job(
                defs.get_job_def("tenant_migration"),
                run_config=dict(one.run_config),
                tags={**one.tags, "dagster/run_key": one.run_key or ""},
            )
        if len(asked) == 500:
            break
    drops = yard.drops()
    assert len(asked) == len(drops) == 500
    assert [one.title for one in drops] == [f"customers_{n:03}.csv" for n in range(500)]
    assert not [p for p in yard.root().iterdir() if p.is_file()]
