"""When an op is tried again: only after what passes by itself, a few times, ever more slowly.

Whether something passes is said by the error (``transient``), which knows its SQLSTATE or the
answer of S3; see :mod:`ispmig_pipelines.platform.server` and :mod:`ispmig_pipelines.s3`. Ops have
no ``RetryPolicy`` of Dagster's: that would try again what somebody stopped with Ctrl-C, and
what an op cannot know to be a defect.
"""

import time

from dagster import Backoff, Failure, Jitter, OpExecutionContext, RetryPolicy, RetryRequested

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.errors import DatabaseError, IspmigError, PlatformError
from ispmig_pipelines.settings import settings

NO_RUN_RETRY = {"dagster/retry_on_asset_or_op_failure": "false"}
"""Tag of a run whose failure is permanent: Dagster is not to run it again by itself either,
whatever its ``run_retries`` say."""


def policy() -> RetryPolicy:
    """How often and how slowly: the pause before try *n* + 1 is ``(2ⁿ - 1) x delay``, give or
    take one delay, so that runs that failed together do not come back together."""
    return RetryPolicy(
        max_retries=settings().retries,
        delay=settings().retry_seconds,
        backoff=Backoff.EXPONENTIAL,
        jitter=Jitter.PLUS_MINUS,
    )


def again(
    context: OpExecutionContext, platform: Platform, error: IspmigError, told: str
) -> RetryRequested | None:
    """What lets Dagster try the op again, after a pause; None where the error is permanent or the
    tries are used up.

    Args:
        told: the error in words that hold no cell; they stand in the run's events.
    """
    tries = policy()
    number = context.retry_number + 1
    if not error.transient or number > tries.max_retries:
        return None
    pause = max(float(tries.calculate_delay(number)), 0.0)
    if isinstance(error, DatabaseError):
        _wait_for_server(platform, tries)
    context.log.warning(
        f"Try {number} of {tries.max_retries + 1} failed, and is made again in {pause:.1f} s: "
        f"{told}"
    )
    # Here, and not by Dagster, which does not hear of a Ctrl-C before its pause is over.
    time.sleep(pause)
    request = RetryRequested(max_retries=tries.max_retries)
    # Dagster shows the reason with the event; without a cause of its own, which may hold a cell.
    request.__cause__ = Failure(description=told, metadata={"error": error.code})
    return request


def _wait_for_server(platform: Platform, tries: RetryPolicy) -> None:
    """Waits for the platform's server to answer, as long as all tries together would.

    Dagster keeps its own events there: a run ends for good when one of them cannot be written.
    """
    delay = float(tries.delay or 0)
    last = time.monotonic() + (2**tries.max_retries - 1) * delay
    while True:
        try:
            with platform.connect():
                return
        except PlatformError as error:
            if not error.transient or time.monotonic() > last:
                return
        time.sleep(min(max(delay, 0.05), 1.0))


def forbid_run_retry(context: OpExecutionContext) -> None:
    """Lets no run be started again for a permanent failure of this one's."""
    try:
        context.instance.add_run_tags(context.run_id, NO_RUN_RETRY)
    except Exception as error:  # Dagster's storage raises what its driver raises
        context.log.warning(f"The run could not be tagged ({type(error).__name__}).")
