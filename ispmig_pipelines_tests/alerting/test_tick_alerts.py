"""Schedules and sensors that cannot do their work ring, as Dagster's own daemon finds them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from ispmig_pipelines.defs import instance as ours
from ispmig_pipelines.defs.alerts import Cursor, tick
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.alerting import ticking
from ispmig_pipelines_tests.alerting.receivers import Posted, web_receiver

LOGGER = logging.getLogger(__name__)


class Here(WorkspaceLoadTarget):
    """The code location :mod:`.ticking`, in this process."""

    def create_origins(self) -> Sequence[InProcessCodeLocationOrigin]:
        target = LoadableTargetOrigin(
            executable_path=sys.executable, module_name=ticking.__name__, attribute="defs"
        )
        return [InProcessCodeLocationOrigin(target, location_name="ticking")]


@pytest.fixture
def posted(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Posted]:
    with web_receiver() as received:
        monkeypatch.setenv("ISPMIG_ALERT_WEBHOOK", f"{received.url}/hook")
        monkeypatch.setenv("ISPMIG_ALERT_WEBHOOK_SECRET", "a-secret-of-some-length")
        settings.cache_clear()
        yield received


@pytest.fixture
def dagster(ispmig_home: Path) -> Iterator[DagsterInstance]:
    with ours.instance() as made:
        yield made


def daemon(dagster: DagsterInstance, *, minutes: Sequence[float] = (0, 1.1)) -> None:
    """Dagster's own loops, once each, and the schedules again when they are due."""
    now = dt.datetime.now(dt.UTC)
    with WorkspaceProcessContext(dagster, Here()) as context:
        list(execute_sensor_iteration(context, LOGGER, None, None))
        for later in minutes:
            end = now + dt.timedelta(minutes=later)
            list(launch_scheduled_runs(context, LOGGER, end, iteration_times={}))


def ticked(dagster: DagsterInstance, cursor: Cursor | None = None) -> Cursor:
    return tick(dagster, Platform(), cursor or Cursor(), lambda text: None)[1]


def told(posted: Posted) -> list[tuple[str, str, str]]:
    return [
        (one["kind"], one["subject"], one["code"])
        for body in posted.bodies
        for one in json.loads(body)["alerts"]
    ]


def test_a_sensor_and_a_schedule_that_fail_are_told_once_and_one_that_is_content_is_not(
    posted: Posted, dagster: DagsterInstance
) -> None:
    daemon(dagster)
    cursor = ticked(dagster)
    assert sorted(told(posted)) == [
        ("tick_failed", "defective", "unexpected"),
        ("tick_failed", "without_database", "database"),
    ]
    ticked(dagster, Cursor.read(cursor.text()))
    ticked(dagster)  # from the beginning, as after a cursor that was lost
    assert len(told(posted)) == 2
    assert ticking.SECRET.encode() not in b"".join(posted.bodies)


def test_one_that_fails_again_and_again_is_counted_and_rings_no_storm(
    posted: Posted, dagster: DagsterInstance
) -> None:
    daemon(dagster, minutes=(0, 1.1))
    cursor = ticked(dagster)
    daemon(dagster, minutes=(2.1, 3.1))
    ticked(dagster, cursor)
    assert sorted(subject for _, subject, _ in told(posted)) == ["defective", "without_database"]
    with Platform().connect() as connection:
        rows = connection.exec_driver_sql(
            "select subject, count(*) from ispmig.alerts where kind = 'tick_failed' group by 1"
        ).all()
    assert dict(rows)["defective"] == 3


def test_what_went_well_does_not_ring(posted: Posted, dagster: DagsterInstance) -> None:
    ticked(dagster)
    assert posted.bodies == []
