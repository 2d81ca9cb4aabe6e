"""How an op fails: in words that hold no cell, noted in the ledger; or is tried again."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from dagster import DagsterExecutionInterruptedError, Failure, MetadataValue, OpExecutionContext

from ispmig_pipelines.defs import retrying
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.defs.tenant_migration.reporting import keep_failed
from ispmig_pipelines.errors import IspmigError, MigrationError, PlatformError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import told_plainly
from ispmig_pipelines.validation.cards import redacted


@contextmanager
def failing_plainly(
    context: OpExecutionContext, platform: Platform, migration: int | None = None
) -> Iterator[None]:
    """Ends the op with an error in words, and notes it in the ledger.

    After an error that is transient, Dagster is asked to try the op again, and the ledger is told
    of the last try only.

    What Dagster is given of an error is ours alone, without its causes: the words of a
    library's error may hold a cell.
    """
    try:
        try:
            with told_plainly():
                yield
        except Exception as error:
            if (stopped := _interruption_before(error)) is not None:
                raise stopped from None
            told = _overtaken(context, platform, migration, error) or error
            _fail(context, platform, migration, told)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        note_failure(context, platform, migration, closing.STOPPED, entered.INTERRUPTED)
        keep_failed(context, platform, migration)
        raise


def _interruption_before(error: BaseException) -> BaseException | None:
    """What stopped the op, where the error is only what came of that: a connection that was left
    in the middle of a statement cannot roll back in peace."""
    seen: set[int] = set()
    earlier = error.__context__
    while earlier is not None and id(earlier) not in seen:
        if isinstance(earlier, KeyboardInterrupt | DagsterExecutionInterruptedError):
            return earlier
        seen.add(id(earlier))
        earlier = earlier.__context__
    return None


def _overtaken(
    context: OpExecutionContext, platform: Platform, migration: int | None, error: Exception
) -> MigrationError | None:
    """Why an op fails whose migration another run has closed meanwhile: it took it for dead, and
    has deleted what was staged."""
    if migration is None or isinstance(error, MigrationError) or getattr(error, "transient", False):
        return None
    try:
        with platform.connect() as connection:
            entry = ledger.migration(connection, migration)
    except IspmigError:
        return None
    # One that is gone on with by a retry is another run's until it is taken over.
    if entry.state is not State.FAILED or entry.dagster_run_id != context.run_id:
        return None
    return MigrationError(
        f"Migration {migration} lost the connection to PostgreSQL by which it held tenant "
        f"{entry.tenant}, and another run of the tenant has begun since. Nothing of this one was "
        "loaded; migrate again."
    )


def _fail(
    context: OpExecutionContext, platform: Platform, migration: int | None, error: Exception
) -> NoReturn:
    if isinstance(error, IspmigError):
        # It may quote a name that is a record's first cell.
        told = redacted(str(error))
        request = retrying.again(context, platform, error, told)
        if request is not None:
            raise request from request.__cause__
        if not error.transient:
            retrying.forbid_run_retry(context)
        elif context.retry_number:
            told += f" It was tried {context.retry_number + 1} times."
        note_failure(context, platform, migration, told, error.code)
        report = keep_failed(context, platform, migration)
        raise Failure(
            description=told,
            metadata={"error": error.code, "exit_code": error.exit_code, **report},
            allow_retries=error.transient,
        ) from None
    kind = type(error).__name__
    retrying.forbid_run_retry(context)
    note_failure(context, platform, migration, f"An unexpected error ({kind}).", "unexpected")
    report = keep_failed(context, platform, migration)
    raise Failure(
        description=f"An unexpected error ({kind}). This is a defect; please report where it "
        "happened, which stands beside this message.",
        metadata={
            "error": "unexpected",
            "exit_code": PlatformError.exit_code,
            "where": MetadataValue.md(
                "\n".join(
                    f"- `{frame.name}` in {frame.filename}, line {frame.lineno}"
                    for frame in traceback.extract_tb(error.__traceback__)
                )
            ),
            **report,
        },
        allow_retries=False,
    ) from None


_AFTERWARDS = {
    State.RUNNING: "",
    State.PUBLISHED: " It is published and was not audited: retry the run from failure; else the "
    "tenant's next migration takes it back first.",
}


def note_failure(
    context: OpExecutionContext, platform: Platform, migration: int | None, why: str, kind: str
) -> None:
    """Writes into the ledger and the audit trail how the migration failed, where that is possible.

    Args:
        why: in words; kind: the stable name of the kind of error.
    """
    if migration is None:
        return
    try:
        with platform.connect() as connection, connection.begin():
            state = ledger.migration(connection, migration).state
            if state not in _AFTERWARDS:
                return
            values: dict[str, Any] = {"error": why + _AFTERWARDS[state]}
            if state is State.RUNNING:
                values["state"] = State.FAILED
            ledger.update_migration(connection, migration, **values)
            if state is State.RUNNING:
                entered.failed(connection, migration, kind)
    except PlatformError as second:
        context.log.warning(f"The failure could not be noted in the ledger: {second}")
