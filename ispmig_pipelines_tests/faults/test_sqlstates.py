"""Each SQLSTATE that is named as passing is tried again by the op it comes into; no other is, by
the op or by the run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, OpExecutionContext, in_process_executor, job, op
from psycopg import sql

from ispmig_pipelines.defs import retrying
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.platform import tenants

PASSING = (
    "08000", "08003", "08006", "08P01", "25P03", "40001", "40003", "40P01", "53200", "53300",
    "55006", "55P03", "57P01", "57P02", "57P03", "57P05",
)  # fmt: skip
STAYING = (
    "22P02", "22003", "23503", "23505", "25006", "28P01", "3D000", "40002", "42501", "42601",
    "53100", "53400", "57014", "57P04", "58030", "P0001", "XX000", "XX001",
)  # fmt: skip

tries: list[str] = []
raised: dict[str, int] = {}
"""SQLSTATE → how often the server is still to raise it."""


@op
def ask(context: OpExecutionContext, platform: Platform) -> None:
    """Lets the server raise what is to be raised."""
    with failing_plainly(context, platform), platform.connect() as connection:
        ((state, left),) = raised.items()
        tries.append(state)
        raised[state] = left - 1
        if left > 0:
            body = f"begin raise exception 'anna@example.org' using errcode = '{state}'; end"
            tenants.raw(connection).execute(sql.SQL("do {}").format(sql.Literal(body)))


@job(executor_def=in_process_executor, resource_defs={"platform": Platform()})
def asking() -> None:
    ask()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


def run(instance: DagsterInstance, state: str, times: int) -> Any:
    tries.clear()
    raised.clear()
    raised[state] = times
    return asking.execute_in_process(instance=instance, raise_on_error=False)


def run_is_not_to_be_retried(instance: DagsterInstance, run_id: str) -> bool:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return retrying.NO_RUN_RETRY.items() <= found.tags.items()


@pytest.mark.slow
def test_what_passes_is_tried_again(instance: DagsterInstance, ispmig_home: Path) -> None:
    for state in PASSING:
        result = run(instance, state, 2)
        assert result.success, state
        assert len(tries) == 3, state
        told = [
            e.event_specific_data.error.to_string()
            for e in result.all_events
            if e.is_step_up_for_retry
        ]
        assert len(told) == 2, state
        assert all(state in text and "anna" not in text for text in told)


def test_what_passes_is_given_up_after_a_few_tries(
    instance: DagsterInstance, ispmig_home: Path
) -> None:
    result = run(instance, "40P01", 99)
    assert not result.success
    assert len(tries) == 1 + retrying.policy().max_retries
    # It is tried again by nobody all the same: a run is only gone on with whose process died.
    assert not run_is_not_to_be_retried(instance, result.run_id)


@pytest.mark.slow
def test_what_stays_is_tried_once_by_the_op_and_by_the_run(
    instance: DagsterInstance, ispmig_home: Path
) -> None:
    for state in STAYING:
        result = run(instance, state, 1)
        assert not result.success, state
        assert len(tries) == 1, state
        (failed,) = [e for e in result.all_events if e.is_step_failure]
        told = failed.step_failure_data.user_failure_data
        assert state in told.description
        assert "anna" not in failed.step_failure_data.error.to_string()
        assert run_is_not_to_be_retried(instance, result.run_id), state
