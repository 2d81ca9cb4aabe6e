"""The op of ``tenant_restore``."""

from dagster import OpExecutionContext, Out, op

from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.restore import choosing, files, records
from ispmig_pipelines.backup.restore.course import carry_out
from ispmig_pipelines.backup.restore.in_words import in_words
from ispmig_pipelines.backup.restore.restore import Asked
from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.queueing import DATABASE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.defs.tenant_restore.config import RestoreConfig


@op(name="restore", out=Out(int, description="id of the restore"), pool=DATABASE)
def restore_op(context: OpExecutionContext, config: RestoreConfig, platform: Platform) -> int:
    """Restores a tenant in one transaction; tells names and counts only."""
    with failing_plainly(context, platform):
        asked = Asked(
            snapshot=config.snapshot.strip(),
            at=choosing.moment(config.at) if config.at.strip() else None,
            tables=tuple(config.tables),
            into=config.into.strip(),
            mask=config.mask,
            dry_run=config.dry_run,
            verify=config.verify.strip(),
            files=config.files,
            files_to=config.files_to.strip(),
        )
        tenant = platform.hold(context.partition_key)
        repository = open_repository(tenant.slug)
        with platform.connect() as connection:
            with connection.begin():
                # This op may have lost its connection after the commit.
                done = records.of_run(connection, context.run_id)
            if done is None:
                done = carry_out(
                    connection,
                    tenant,
                    repository,
                    asked,
                    actor=actor(context),
                    dagster_run_id=context.run_id,
                    told=context.log.info,
                )
            else:
                files.settle(connection, tenant.slug)
    for line in in_words(done):
        context.log.info(line)
    context.add_output_metadata(
        {name: done.details[name] for name in ("snapshot", "instant", "kind", "rows", "seconds")}
        | {"restore point": done.before or "none"}
    )
    return done.entry
