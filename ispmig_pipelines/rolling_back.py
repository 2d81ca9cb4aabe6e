"""Rolling migrations back from the command line: the Dagster job, here and now, to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ispmig_pipelines.errors import RunFailed

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.rollback.rollback import Rollback


def roll_back(
    connection: Connection,
    tenant: str,
    migrations: Sequence[int],
    *,
    dry_run: bool = False,
    force: bool = False,
    log_level: str = "INFO",
) -> Rollback:
    """Runs the job ``tenant_rollback``; what can be known to be wrong beforehand is told before.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        log_level: of what the run says on standard error.

    Raises:
        UsageError: tenant or migrations are wrong; nothing was run.
        RunFailed: the run failed; nothing was taken back.
    """
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.platform.ledger import State, migration
    from ispmig_pipelines.platform.rollback import rollback

    tenants.get(connection, tenant)
    # Those that were never audited are taken back first by the run itself.
    settled = [m for m in migrations if migration(connection, m).state is not State.PUBLISHED]
    if settled or not migrations:
        rollback.choose(connection, tenant, settled)
    connection.rollback()

    from ispmig_pipelines.defs.instance import instance
    from ispmig_pipelines.defs.launch import run_job

    with instance() as dagster:
        run, failure = run_job(
            dagster,
            "tenant_rollback",
            tenant,
            {"roll_back": {"migrations": list(migrations), "dry_run": dry_run, "force": force}},
            log_level=log_level,
        )
    if failure:
        raise RunFailed(failure)
    done = rollback.of_run(connection, run.run_id)
    connection.rollback()
    assert done is not None  # noqa: S101 - a run that succeeded has entered itself
    return done
