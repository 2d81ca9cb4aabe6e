"""The op of ``tenant_restore``."""

from contextlib import suppress

import psycopg
from dagster import OpExecutionContext, Out, op

from ispmig_pipelines.backup.journal.changes import changes_since
from ispmig_pipelines.backup.journal.ship import ship_if_on
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.restore import choosing, files, records
from ispmig_pipelines.backup.restore.records import Restored
from ispmig_pipelines.backup.restore.restore import Asked, analyze, restore
from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.queueing import DATABASE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.defs.tenant_restore.config import RestoreConfig
from ispmig_pipelines.errors import IspmigError


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
                if asked.at is not None:
                    # Up to now: what is asked for may be of a minute ago.
                    ship_if_on(tenant, repository)
                done = restore(
                    connection,
                    tenant,
                    repository,
                    asked,
                    actor=actor(context),
                    dagster_run_id=context.run_id,
                    changes_since=changes_since(repository, asked.tables),
                    told=context.log.info,
                )
                if not (asked.dry_run or asked.into):
                    # The journal has begun anew with the tables; a failure here undoes nothing.
                    with suppress(IspmigError):
                        ship_if_on(tenant, repository)
            else:
                files.settle(connection, tenant.slug)
            if not asked.dry_run:
                # Nobody needs it to be right; the server does it by itself within minutes.
                with suppress(psycopg.Error):
                    analyze(connection, tenant, asked.into or None)
                connection.rollback()
    for line in told(done):
        context.log.info(line)
    context.add_output_metadata(
        {name: done.details[name] for name in ("snapshot", "instant", "kind", "rows", "seconds")}
        | {"restore point": done.before or "none"}
    )
    return done.entry


def told(done: Restored) -> list[str]:
    """What a restore did, in words."""
    details = done.details
    lines = [
        f"{details['rows']:,} rows of {len(details['tables'])} tables from the snapshot "
        f"{details['snapshot']}, verified, in {details['seconds']:.1f} s"
    ]
    behind = details.get("behind_seconds")
    if behind is not None:
        lines.append(f"the snapshot is {behind:,.0f} s older than the moment that was asked for")
    if done.kind == records.TRIED:
        lines.append("a dry run: nothing was changed")
    if done.before:
        lines.append(
            f"what was there is kept in the schema {done.before} until ispmig restore confirm "
            f"{done.tenant}; ispmig restore undo {done.tenant} puts it back"
        )
    if told_of_files := _files(done):
        lines.append(told_of_files)
    if details.get("migrations"):
        changed = ", ".join(f"{m} {one['is']}" for m, one in details["migrations"].items())
        lines.append(f"in the ledger, as of the snapshot: migrations {changed}")
    if details.get("erased_again"):
        lines.append(
            f"{details['erased_again']:,} customers are there again who were erased since: erase "
            "them anew (ispmig subject)"
        )
    if details.get("emptied"):
        lines.append(
            "empty in the masked copy, because nobody knows what to mask: "
            + ", ".join(details["emptied"])
        )
    if details.get("left_out"):
        lines.append("could not be made again: " + ", ".join(details["left_out"]))
    return lines


def _files(done: Restored) -> str:
    found = done.details.get("files")
    if not found:
        return ""
    if found.get("left_out"):
        there = found["in_snapshot"]
        return f"files are as they were ({found['left_out']}): the snapshot has {there:,}"
    if "written" in found:
        return f"{found['written']:,} files were written to {found['place']}"
    would = "would be " if done.kind == records.TRIED else ""
    kept = "; what was there is kept beside it" if found.get("work") else ""
    return (
        f"files in {found['place']}: {found['added']:,} {would}added, {found['changed']:,} "
        f"{would}replaced, {found['removed']:,} {would}taken away, {found['same']:,} the same{kept}"
    )
