"""Who started a run, for the ledger and the audit trail."""

from dagster import DagsterRun, OpExecutionContext

from ispmig_pipelines.account import account

ACTOR_TAG = "ispmig/actor"
"""Says who started a run: the command line sets it, and so may whoever launches from the UI (a
proxy that knows its users, for one)."""

FROM_TAG = "ispmig/from"
COMMAND_LINE = "command line"
QUEUE = "command line, queue"
"""Of a run that a command put into the queue: it is in a process of the daemon's."""

_PARENT = "dagster/parent_run_id"
_RETRY = "dagster/retry_number"
_SCHEDULE = "dagster/schedule_name"
_SENSOR = "dagster/sensor_name"


def actor(context: OpExecutionContext) -> str:
    """Who started the run of an op; see :func:`actor_of`."""
    return actor_of(context.run)


def actor_of(run: DagsterRun) -> str:
    """Who started a run.

    From the command line that is the account of whoever typed the command. Of other runs the
    account is the code server's, and beside it stands what started them: a schedule, a sensor, or
    the UI, with the name that the run's tag gives, which Dagster does not verify. A run that
    somebody retried in the UI has its parent's tags, and is not its parent's starter's doing.
    """
    tags = run.tags
    ours = account()
    retried_by_hand = _PARENT in tags and _RETRY not in tags
    said = "" if retried_by_hand else tags.get(ACTOR_TAG, "").strip()
    # Its runs are in the process of the command.
    if said == ours and tags.get(FROM_TAG) == COMMAND_LINE:
        return said
    for tag, what in ((_SCHEDULE, "schedule"), (_SENSOR, "sensor")):
        if tag in tags and not retried_by_hand:
            return f"{ours} ({what} {tags[tag]})"
    if said and tags.get(FROM_TAG) == QUEUE and not retried_by_hand:
        return f"{said} (queue, account {ours})"
    return f"{said} (dagster-ui, account {ours})" if said else f"{ours} (dagster-ui)"
