"""Upkeep of backups by commands, by jobs, and by the clock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    DefaultScheduleStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
)

from ispmig_pipelines.backing_up import back_up
from ispmig_pipelines.backup import evidence
from ispmig_pipelines.backup.evidence import Drill, Evidence
from ispmig_pipelines.backup.manifest import Manifest, new_name
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.backup.schedule import Done, Schedule, Work
from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs.backup_upkeep import due
from ispmig_pipelines.defs.backup_upkeep.checks import intact, restorable, too_old_or_failed
from ispmig_pipelines.defs.backup_upkeep.schedules import (
    backup_drills,
    backup_prunes,
    backup_verifications,
)
from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.launch import know_tenant
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.due import due_until_good
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.backup.made_up import flip, piece_keys
from ispmig_pipelines_tests.test_cli import as_json, ispmig

BACKUP = AssetKey("tenant_backup")
NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def acme(ispmig_home: Path) -> str:
    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    return "acme"


def made(slug: str = "acme", **options: Any) -> Manifest:
    name = back_up(slug, actor="tester", **options).snapshot
    return open_repository(slug).read(name)


def a_piece(manifest: Manifest) -> str:
    return piece_keys(open_repository("acme"), manifest, "ledger/tenants")[0]


# -- by commands --------------------------------------------------------------------------------


def test_verify_says_what_is_damaged_and_ends_with_1(acme: str) -> None:
    manifest = made()
    found = as_json("backup", "verify", "acme")
    assert found["holds"]
    assert found["pieces_read"] == found["pieces"] > 0
    assert found["damaged"] == []
    repository = open_repository("acme")
    flip(repository.storage, a_piece(manifest))
    found = as_json("backup", "verify", "acme", "--share", "1/1", exit_code=1)
    (problem,) = found["damaged"]
    assert problem["tables"] == ["ledger/tenants"]
    assert problem["snapshots"] == [manifest.snapshot]
    assert found["error"]["code"] == "backup_damaged"
    code, out, err = ispmig("backup", "verify", "acme", "--snapshot", "latest")
    assert code == 1
    assert "damaged: 1" in out
    assert repository.storage.place(a_piece(manifest)) in err.replace("\n", "")
    assert "ispmig backup create acme" in err.replace("\n", " ")


def test_verify_says_what_is_wrong_with_the_command(acme: str) -> None:
    assert as_json("backup", "verify", "acme", exit_code=1)["error"]["code"] == "backup_key"
    made()
    for words in (["--share", "7"], ["--share", "1/7", "--all"], ["--snapshot", "never"]):
        assert as_json("backup", "verify", "acme", *words, exit_code=2)["error"]["code"] == "usage"


@pytest.mark.slow
def test_prune_explains_each_snapshot_and_a_hold_keeps_one(acme: str) -> None:
    first, second, third = (made(full=True).snapshot for _ in range(3))
    as_json("tenant", "set", "acme", "--backup-retention", "last=1", "--timezone", "Europe/Kyiv")
    shown = as_json("tenant", "show", "acme")
    assert shown["backup_retention"] == "last=1"
    held = as_json("backup", "hold", "acme", first, "--reason", "a suit")
    assert held["snapshot"] == first
    dry = as_json("backup", "prune", "acme", "--dry-run")
    assert dry["kept"] == {third: ["newest", "last 1 of 1"], first: ["held"]}
    assert (dry["removed"], dry["timezone"]) == ([second], "Europe/Kyiv")
    assert dry["held"][first][0]["reason"] == "a suit"
    _, told, _ = ispmig("backup", "prune", "acme", "--dry-run")
    for words in (f"stays  {third}  newest, last 1 of 1", "held: a suit", f"would go  {second}"):
        assert words in told
    assert len(open_repository("acme").snapshots()) == 3
    done = as_json("backup", "prune", "acme")
    assert (done["removed"], done["pieces"]) == (dry["removed"], dry["pieces"])
    assert as_json("backup", "verify", "acme")["holds"]
    released = as_json("backup", "release", "acme", first)["released"]
    assert [one["reason"] for one in released] == ["a suit"]
    assert as_json("backup", "release", "acme", first, exit_code=2)["error"]["code"] == "usage"
    assert as_json("backup", "prune", "acme")["removed"] == [first]
    assert as_json("backup", "verify", "acme")["whole"] == [third]


def test_a_policy_that_is_none_is_refused(acme: str) -> None:
    for said in ("daily=0", "never", "last=3 last=4"):
        words = ["tenant", "set", "acme", "--backup-retention", said]
        assert as_json(*words, exit_code=2)["error"]["code"] == "usage"


@pytest.mark.slow
def test_a_damaged_snapshot_stops_prune_until_it_is_given_up(acme: str) -> None:
    first, second = made(full=True).snapshot, made(full=True).snapshot
    repository = open_repository("acme")
    flip(repository.storage, repository.key_of_snapshot(first))
    stopped = as_json("backup", "prune", "acme", exit_code=1)["error"]
    assert f"--give-up {first}" in stopped["message"]
    assert as_json("backup", "prune", "acme", "--give-up", first)["removed"] == [first]
    found = as_json("backup", "verify", "acme")
    assert found["whole"] == [second]


@pytest.mark.slow
def test_drill_says_how_long_it_took_and_leaves_nothing(acme: str) -> None:
    manifest = made()
    done = as_json("backup", "drill", "acme")
    assert done["snapshot"] == manifest.snapshot
    assert done["restored"]
    assert done["seconds"] > 0
    assert done["totals"]["active services"] == "0"
    assert "Restored" in ispmig("backup", "drill", "acme", "--snapshot", "latest")[1]
    flip(open_repository("acme").storage, a_piece(manifest))
    failed = as_json("backup", "drill", "acme", exit_code=1)["error"]
    assert failed["code"] == "backup_damaged"


@pytest.mark.slow
def test_the_list_shows_what_is_known_of_each_snapshot(acme: str) -> None:
    first, second = made(full=True).snapshot, made(full=True).snapshot
    as_json("backup", "drill", "acme", "--snapshot", first)
    as_json("backup", "verify", "acme")
    listed = as_json("backup", "list", "acme")["snapshots"]
    assert [(one["snapshot"], one["state"]) for one in listed] == [
        (second, "unverified"), (first, "restored"),
    ]  # fmt: skip
    assert listed[0]["read_back"] is not None
    assert listed[1]["restore_seconds"] > 0
    assert "unverified" in ispmig("backup", "list", "acme")[1]
    repository = open_repository("acme")
    flip(repository.storage, repository.key_of_snapshot(second))
    assert as_json("backup", "list", "acme")["snapshots"][0]["state"] == "damaged"


# -- by jobs ------------------------------------------------------------------------------------


def run(name: str, config: dict[str, Any] | None = None, *, ok: bool = True) -> Any:
    with DagsterInstance.ephemeral() as dagster:
        know_tenant(dagster, "acme")
        job = defs.get_job_def(name)
        result = job.execute_in_process(
            partition_key="acme",
            instance=dagster,
            run_config=None if config is None else {"ops": config},
            raise_on_error=False,
            resources={"platform": Platform()},
        )
        assert result.success is ok
        return result


def observed(result: Any) -> dict[str, Any]:
    (event,) = [e for e in result.all_events if e.event_type_value == "ASSET_OBSERVATION"]
    observation = event.asset_observation_data.asset_observation
    assert observation.asset_key == BACKUP
    assert observation.partition == "acme"
    return {name: entry.value for name, entry in observation.metadata.items()}


def checks(result: Any) -> list[tuple[str, bool]]:
    return [(one.check_name, one.passed) for one in result.get_asset_check_evaluations()]


@pytest.mark.slow
def test_the_recovery_time_is_a_number_in_the_ui(acme: str) -> None:
    manifest = made()
    result = run("backup_drill")
    told = observed(result)
    assert told["snapshot"] == manifest.snapshot
    assert isinstance(told["recovery seconds"], float)
    assert told["recovery seconds"] > 0
    assert told["rows restored"] > 0
    assert checks(result) == [("restorable", True)]
    assert evidence.of(open_repository("acme"))[manifest.snapshot].restored is not None
    flip(open_repository("acme").storage, a_piece(manifest))
    result = run("backup_drill", ok=False)
    assert checks(result) == [("restorable", False)]


def test_a_verification_reads_a_share_and_fails_with_what_is_damaged(acme: str) -> None:
    manifest = made()
    told = observed(run("backup_verification"))
    assert (told["share"], told["damaged"]) == ("1/7", 0)
    assert 0 < told["pieces read back"] <= told["pieces"]
    flip(open_repository("acme").storage, a_piece(manifest))
    result = run("backup_verification", {"verify_backups": {"config": {"share": "1/1"}}}, ok=False)
    assert observed(result)["damaged"] == 1
    assert checks(result) == [("intact", False)]
    (failure,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    assert "ledger/tenants" in failure.step_failure_data.user_failure_data.description


@pytest.mark.slow
def test_a_prune_tells_how_many_stay_and_no_reason_of_a_hold(acme: str) -> None:
    first = made(full=True).snapshot
    made(full=True)
    as_json("tenant", "set", "acme", "--backup-retention", "last=1")
    as_json("backup", "hold", "acme", first, "--reason", "the suit of Ann")
    result = run("backup_prune")
    told = observed(result)
    assert (told["snapshots kept"], told["snapshots held"], told["snapshots removed"]) == (2, 1, 0)
    assert not any("Ann" in str(event) for event in result.all_events)


# -- by the clock -------------------------------------------------------------------------------


def requested(schedule: Any, at: dt.datetime) -> list[RunRequest]:
    with instance() as dagster:
        context = build_schedule_context(instance=dagster, scheduled_execution_time=at)
        found = list(schedule(context))
    return [one for one in found if not isinstance(one, SkipReason)]


UPKEEP = {
    Work.VERIFICATION: backup_verifications,
    Work.PRUNE: backup_prunes,
    Work.DRILL: backup_drills,
}


def long_ago() -> None:
    """Nothing is made up for from before a tenant was made."""
    with engine().begin() as connection:
        connection.execute(ledger.tenants.update().values(created_at=NOW - dt.timedelta(days=99)))


def entered(
    stage: trail.Stage, at: dt.datetime, operation: trail.Operation = trail.Operation.BACKUP_DRILL
) -> None:
    """An entry of the audit trail, as of another moment."""
    with engine().begin() as connection:
        trail.enter(
            connection, "acme", operation, stage, actor="tester", dagster_run_id="", details={},
        )  # fmt: skip
        connection.exec_driver_sql("set local session_replication_role = replica")
        connection.exec_driver_sql(
            "update ispmig.data_migration_logs set at = %s where id ="
            " (select max(id) from ispmig.data_migration_logs)",
            (at,),
        )


def test_schedules_are_on_and_name_every_tenant_that_has_backups(acme: str) -> None:
    tenants.add(engine(), "north")
    long_ago()
    sunday = moment("2026-11-22T23:00")
    for schedule in UPKEEP.values():
        assert schedule.default_status is DefaultScheduleStatus.RUNNING
        assert requested(schedule, sunday) == []
    made()
    for schedule in UPKEEP.values():
        (request,) = requested(schedule, sunday)
        assert request.partition_key == "acme"
        assert request.run_key
        assert request.run_key.startswith("acme 2026-11-22T0")


@pytest.mark.slow
def test_every_tenant_has_its_upkeep_when_it_says_and_in_its_time_zone(acme: str) -> None:
    made()
    long_ago()
    as_json(
        "tenant", "set", "acme", "--timezone", "Europe/Kyiv", "--backup-verification",
        "0 12 * * *", "--backup-prune", "none", "--backup-drill", "0 6 1 * *",
    )  # fmt: skip
    with engine().begin() as connection:
        for work in Work:
            connection.exec_driver_sql(
                "update ispmig.tenants set settings = settings - %s", (f"{work.value}_since",)
            )
    shown = as_json("tenant", "show", "acme")
    assert shown["backup_verification"] == "0 12 * * * (Europe/Kyiv)"
    assert (shown["backup_prune"], shown["timezone"]) == ("none", "Europe/Kyiv")
    assert shown["backup_drill"] == "0 6 1 * * (Europe/Kyiv)"
    told = ispmig("tenant", "show", "acme")[1]
    for words in ("read back: 0 12 * * * (Europe/Kyiv)", "tried: 0 6 1 * *", "keeps go: none"):
        assert words in told

    def when(work: Work, at: str) -> list[str]:
        with engine().connect() as connection:
            found, wrong = due.due_tenants(connection, work, moment(at))
        assert not wrong
        return [one.isoformat() for one in found.values()]

    assert when(Work.VERIFICATION, "2026-11-23T10:00") == ["2026-11-23T10:00:00+00:00"]
    assert when(Work.VERIFICATION, "2026-11-23T09:59") == ["2026-11-22T10:00:00+00:00"]
    assert when(Work.PRUNE, "2026-11-23T10:00") == []
    assert when(Work.DRILL, "2026-12-01T04:00") == ["2026-12-01T04:00:00+00:00"]
    as_json("tenant", "set", "acme", "--timezone", "default", "--backup-prune", "default")
    shown = as_json("tenant", "show", "acme")
    assert (shown["backup_prune"], shown["timezone"]) == ("7 5 * * * (UTC)", "UTC")


@pytest.mark.slow
@pytest.mark.parametrize("option", ["schedule", "verification", "prune", "drill"])
def test_what_is_no_schedule_is_refused_and_changes_nothing(acme: str, option: str) -> None:
    before = as_json("tenant", "show", "acme")
    for text in ("daily", "0 0 30 2 *", "61 * * * *"):
        words = ["tenant", "set", "acme", f"--backup-{option}", text]
        assert as_json(*words, exit_code=2)["error"]["code"] == "usage"
    assert as_json("tenant", "show", "acme") == before


def test_the_platform_s_time_zone_is_that_of_tenants_that_do_not_say(
    acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_TIMEZONE", "America/Chicago")
    settings.cache_clear()
    assert as_json("tenant", "show", "acme")["backup_drill"] == "37 5 * * 0 (America/Chicago)"
    monkeypatch.setenv("ISPMIG_BACKUP_TIMEZONE", "Europe/Kyiv")
    settings.cache_clear()
    assert as_json("tenant", "show", "acme")["backup_drill"] == "37 5 * * 0 (Europe/Kyiv)"


def test_a_schedule_of_the_settings_that_is_none_is_named(
    acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    monkeypatch.setenv("ISPMIG_BACKUP_DRILL", "weekly")
    settings.cache_clear()
    with engine().connect() as connection:
        found, wrong = due.due_tenants(connection, Work.DRILL, NOW)
    assert not found
    assert "ISPMIG_BACKUP_DRILL" in wrong["acme"]
    result = restorable(Platform())
    assert (result.passed, result.severity) == (False, AssetCheckSeverity.ERROR)


@pytest.mark.slow
def test_a_tenant_whose_keys_were_destroyed_is_left_alone_until_it_has_a_new_backup(
    acme: str,
) -> None:
    made()
    long_ago()
    as_json("tenant", "shred", "acme", "--yes")
    for schedule in UPKEEP.values():
        assert requested(schedule, NOW) == []
    made()
    for schedule in UPKEEP.values():
        assert len(requested(schedule, NOW)) == 1


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


WEEKLY = Schedule("37 5 * * 0", "UTC", moment("2026-01-01T00:00"), own=False)
SUNDAY = moment("2026-11-22T05:37")


@pytest.mark.parametrize(
    ("begun", "good", "now", "since"),
    [
        # never tried, and when it was tried well last
        (None, None, SUNDAY, SUNDAY),
        (SUNDAY, SUNDAY, SUNDAY + dt.timedelta(minutes=5), None),
        (SUNDAY, SUNDAY, SUNDAY + dt.timedelta(days=6.9), None),
        (SUNDAY, SUNDAY, SUNDAY + dt.timedelta(days=7), SUNDAY + dt.timedelta(days=7)),
        # it failed: the next day, and every day from then on
        (SUNDAY, None, SUNDAY + dt.timedelta(hours=23), None),
        (SUNDAY, None, SUNDAY + dt.timedelta(hours=25), SUNDAY + dt.timedelta(days=1)),
        (SUNDAY + dt.timedelta(days=1), None, SUNDAY + dt.timedelta(days=1.5), None),
        # nothing ran for days: it is made up for
        (None, SUNDAY - dt.timedelta(days=7), SUNDAY + dt.timedelta(days=4.2),
         SUNDAY + dt.timedelta(days=4)),
    ],
)  # fmt: skip
def test_a_drill_is_due_until_one_ends_well(
    begun: dt.datetime | None, good: dt.datetime | None, now: dt.datetime, since: dt.datetime | None
) -> None:
    assert due_until_good(WEEKLY, Done(begun, good), now) == since


def test_what_the_audit_trail_says_counts(acme: str) -> None:
    made()
    long_ago()

    def drills(at: dt.datetime) -> list[str]:
        with engine().connect() as connection:
            return [*due.due_tenants(connection, Work.DRILL, at)[0]]

    assert drills(SUNDAY) == ["acme"]
    entered(trail.Stage.BEGUN, SUNDAY + dt.timedelta(minutes=1))
    entered(trail.Stage.FAILED, SUNDAY + dt.timedelta(minutes=2))
    assert drills(SUNDAY + dt.timedelta(minutes=5)) == []
    assert drills(SUNDAY + dt.timedelta(days=1, minutes=5)) == ["acme"]
    entered(trail.Stage.FINISHED, SUNDAY + dt.timedelta(days=1, minutes=6))
    assert drills(SUNDAY + dt.timedelta(days=2)) == []
    assert drills(SUNDAY + dt.timedelta(days=7)) == ["acme"]


# -- what can be relied on ----------------------------------------------------------------------


def known(**of: Any) -> dict[str, Evidence]:
    name = new_name(of.pop("instant", NOW))
    return {name: Evidence(name, **of)}


@pytest.mark.parametrize(
    ("found", "words", "grave"),
    [
        ({}, "", False),
        (known(), "", False),
        (known(instant=NOW - dt.timedelta(days=20)), "no snapshot was ever restored", False),
        (known(restored=NOW - dt.timedelta(days=3)), "", False),
        (known(restored=NOW - dt.timedelta(days=15)), "15 days old", False),
        (known(failed=NOW), "could not restore", True),
        (known(restored=NOW - dt.timedelta(days=3), failed=NOW), "could not restore", True),
        (
            known(failed=NOW - dt.timedelta(days=9)) | known(restored=NOW - dt.timedelta(days=2)),
            "",
            False,
        ),
    ],
)
def test_whether_a_tenants_backups_can_be_restored(
    found: dict[str, Evidence], words: str, grave: bool
) -> None:
    drills = Schedule("37 5 * * 0", "UTC", moment("2026-01-01T00:00"), own=False)
    told, is_grave = too_old_or_failed(found, drills, NOW)
    assert (words in told, bool(told), is_grave) == (True, bool(words), grave)


def test_a_drill_that_was_never_asked_for_is_not_missed() -> None:
    old = known(restored=NOW - dt.timedelta(days=20), instant=NOW - dt.timedelta(days=40))
    since = moment("2026-01-01T00:00")
    never = Schedule("", "UTC", since, own=True)
    monthly = Schedule("0 6 1 * *", "UTC", since, own=True)
    assert too_old_or_failed(old, never, NOW) == ("", False)
    assert too_old_or_failed(old, monthly, NOW) == ("", False)
    assert "35 days old" in too_old_or_failed(old, monthly, NOW + dt.timedelta(days=15))[0]
    assert too_old_or_failed(known(failed=NOW), never, NOW)[1]


def left(repository: Repository, snapshot: str, *, days: float, passed: bool) -> None:
    evidence.write(
        repository,
        Drill(
            repository="", name="", at=ledger.now() - dt.timedelta(days=days), snapshot=snapshot,
            passed=passed, seconds=1.0,
        ),
    )  # fmt: skip


@pytest.mark.slow
def test_the_checks_go_through_all_tenants(acme: str) -> None:
    tenants.add(engine(), "north")
    manifest = made()
    repository = open_repository("acme")
    assert restorable(Platform()).passed
    assert intact(Platform()).passed
    long_ago()
    left(repository, manifest.snapshot, days=20, passed=True)
    result = restorable(Platform())
    assert not result.passed
    assert result.severity is AssetCheckSeverity.WARN
    assert "20 days old" in (result.description or "")
    left(repository, manifest.snapshot, days=0, passed=False)
    result = restorable(Platform())
    assert (result.passed, result.severity) == (False, AssetCheckSeverity.ERROR)
    flip(repository.storage, a_piece(manifest))
    as_json("backup", "verify", "acme", exit_code=1)
    result = intact(Platform())
    assert (result.passed, result.severity) == (False, AssetCheckSeverity.ERROR)
    assert manifest.snapshot in (result.description or "")
