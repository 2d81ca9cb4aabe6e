"""Who started a run is said truly, as far as Dagster knows it."""

from __future__ import annotations

import pytest
from dagster import DagsterRun

from ispmig_pipelines.account import account
from ispmig_pipelines.defs.actor import actor_of

OURS = account()
COMMAND = {"ispmig/from": "command line", "ispmig/actor": OURS}


@pytest.mark.parametrize(
    ("tags", "actor"),
    [
        (COMMAND, OURS),
        ({}, f"{OURS} (dagster-ui)"),
        ({"ispmig/actor": "ann"}, f"ann (dagster-ui, account {OURS})"),
        # Whoever launches from the UI cannot pass for a command of somebody else's.
        ({**COMMAND, "ispmig/actor": "ann"}, f"ann (dagster-ui, account {OURS})"),
        # A run that a command has put into the queue is in the daemon's account.
        (
            {"ispmig/from": "command line, queue", "ispmig/actor": "ann"},
            f"ann (queue, account {OURS})",
        ),
        # A retry by hand has its parent's tags, and is not its parent's starter's.
        ({**COMMAND, "dagster/parent_run_id": "x"}, f"{OURS} (dagster-ui)"),
        ({**COMMAND, "dagster/parent_run_id": "x", "dagster/retry_number": "1"}, OURS),
        ({"dagster/schedule_name": "nightly"}, f"{OURS} (schedule nightly)"),
        ({"dagster/sensor_name": "dropped"}, f"{OURS} (sensor dropped)"),
    ],
)
def test_a_run_is_its_starters(tags: dict[str, str], actor: str) -> None:
    assert actor_of(DagsterRun(job_name="tenant_migration", tags=tags)) == actor


def test_the_environment_does_not_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    assert account() == OURS != "mallory"
