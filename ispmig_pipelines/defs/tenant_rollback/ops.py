"""The op of ``tenant_rollback``."""

from typing import Any

from dagster import OpExecutionContext, Out, op

from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.queueing import DATABASE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.defs.tenant_rollback.config import RollbackConfig
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.rollback import rollback
from ispmig_pipelines.platform.rollback.rollback import Rollback
from ispmig_pipelines.platform.tenants import raw


@op(name="roll_back", out=Out(int, description="id of the rollback"), pool=DATABASE)
def roll_back_op(context: OpExecutionContext, config: RollbackConfig, platform: Platform) -> int:
    """Takes migrations back, in one transaction; tells counts only, for keys are personal data."""
    with failing_plainly(context, platform):
        tenant = platform.hold(context.partition_key)
        with platform.connect() as connection:
            with connection.begin():
                # This op may have died, or lost its connection, after the commit.
                done = rollback.of_run(connection, context.run_id)
            if done is None:
                closing.sweep(connection, tenant, context.instance, run_id=context.run_id)
                done = rollback.roll_back(
                    connection,
                    tenant,
                    config.migrations,
                    actor=actor(context),
                    dagster_run_id=context.run_id,
                    force=config.force,
                    dry_run=config.dry_run,
                )
            if not done.dry_run and done.content is None:
                # While nobody waits for anything any more.
                content = digest(raw(connection), tenant)["digest"]
                connection.rollback()
                with connection.begin():
                    rollback.finish(connection, done, content)
    for one in done.migrations:
        context.log.info(_told(one.as_json(), done))
    context.add_output_metadata(
        {"rows": done.rows, "rows_kept": done.left, "seconds": done.seconds}
    )
    return done.id


def _told(counts: dict[str, Any], done: Rollback) -> str:
    parts = [
        f"{sum(counts[name].values()):,} rows {words}"
        for name, words in (
            ("removed", "removed"), ("restored", "put back as they were"),
            ("put_back", "put back that were deleted"),
        )
        if counts[name]
    ]  # fmt: skip
    left = sum(n for why in counts["kept"].values() for w, n in why.items() if w != "overwritten")
    if left:
        parts.append(f"{left:,} rows kept that others changed or need")
    tried = "would be: " if done.dry_run else ""
    return f"migration {counts['migration_id']}: {tried}{'; '.join(parts) or 'nothing to undo'}"
