"""The ops of upkeep: one tenant's backups each. Events name snapshots, tables and counts; no cell,
no file's name, no reason of a hold."""

from collections.abc import Iterator

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetObservation,
    Failure,
    MetadataValue,
    OpExecutionContext,
    Out,
    Output,
    TableRecord,
    op,
)

from ispmig_pipelines.backup import verify as verifying
from ispmig_pipelines.backup.drill import drill
from ispmig_pipelines.backup.prune import Pruned, prune
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.verify import Verified, verify
from ispmig_pipelines.defs import retrying
from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.backup_upkeep.config import DrillConfig, PruneConfig, VerificationConfig
from ispmig_pipelines.defs.queueing import DATABASE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.asset import BACKUP
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly

INTACT, RESTORABLE = "intact", "restorable"


@op(name="verify_backups", out=Out(int, description="pieces that were read back"))
def verify_backups(
    context: OpExecutionContext, config: VerificationConfig, platform: Platform
) -> Iterator[AssetObservation | AssetCheckEvaluation | Output[int]]:
    """Reads a share of a tenant's backups back; fails if something is damaged."""
    tenant = context.partition_key
    with failing_plainly(context, platform), platform.connect():
        found = verify(
            tenant,
            open_repository(tenant),
            share=verifying.share_of(config.share),
            snapshot=config.snapshot.strip() or None,
            actor=actor(context),
            dagster_run_id=context.run_id,
            told=context.log.info,
        )
    # Handed on one by one: what is only logged is lost when the op fails.
    yield AssetObservation(BACKUP, partition=tenant, metadata=_of_verification(found))
    yield AssetCheckEvaluation(
        asset_key=BACKUP,
        check_name=INTACT,
        passed=found.holds,
        severity=AssetCheckSeverity.ERROR,
        description=f"{tenant}: {len(found.problems):,} parts of backups are damaged",
        metadata={"tenant": tenant, "damaged": len(found.problems), "read back": found.read},
    )
    error = verifying.broken(found)
    if error is not None:
        retrying.forbid_run_retry(context)
        raise Failure(
            description=str(error),
            metadata={
                "error": error.code,
                "exit_code": error.exit_code,
                "damaged": MetadataValue.table(
                    [
                        TableRecord(
                            {
                                "kind": one.kind,
                                "damage": one.damage,
                                "snapshots": len(one.snapshots),
                                "tables": ", ".join(one.tables),
                                "place": one.place,
                            }
                        )
                        for one in found.problems[:100]
                    ]
                ),
            },
            allow_retries=False,
        )
    yield Output(found.read)


def _of_verification(found: Verified) -> dict[str, int | float | str]:
    return {
        "share": found.share,
        "snapshots": found.snapshots,
        "snapshots whole": len(found.whole),
        "pieces": found.parts,
        "pieces read back": found.read,
        "pieces never read back": found.unread,
        "journal marks read back": found.journal_marks,
        "bytes read back": found.bytes_read,
        "damaged": len(found.problems),
        "verification seconds": round(found.seconds, 3),
        "read back since": found.oldest.isoformat() if found.oldest else "not all of it yet",
    }


@op(name="drill_backup", out=Out(float, description="seconds that the restore took"), pool=DATABASE)
def drill_backup(
    context: OpExecutionContext, config: DrillConfig, platform: Platform
) -> Iterator[AssetObservation | AssetCheckEvaluation | Output[float]]:
    """Restores a tenant's newest snapshot where nobody sees it; fails if it cannot be."""
    tenant = context.partition_key
    try:
        with failing_plainly(context, platform), platform.connect():
            done = drill(
                tenant,
                open_repository(tenant),
                snapshot=config.snapshot,
                actor=actor(context),
                dagster_run_id=context.run_id,
                told=context.log.info,
            )
    except Failure as failure:
        if not failure.allow_retries:
            yield AssetCheckEvaluation(
                asset_key=BACKUP,
                check_name=RESTORABLE,
                passed=False,
                severity=AssetCheckSeverity.ERROR,
                description=f"{tenant}: {failure.description}",
                metadata={"tenant": tenant},
            )
        raise
    yield AssetObservation(
        BACKUP,
        partition=tenant,
        metadata={
            "snapshot": done.snapshot,
            "recovery seconds": round(done.seconds, 3),
            "check seconds": round(done.check_seconds, 3),
            "rows restored": done.rows,
            "files read": done.files,
            **{f"drill: {name}": total for name, total in done.totals.items()},
        },
    )
    yield AssetCheckEvaluation(
        asset_key=BACKUP,
        check_name=RESTORABLE,
        passed=True,
        description=f"{tenant}: {done.snapshot} was restored in {done.seconds:.1f} s, "
        f"{done.rows:,} rows, all as they were stored",
        metadata={"tenant": tenant, "recovery seconds": round(done.seconds, 3)},
    )
    yield Output(round(done.seconds, 3))


@op(name="prune_backups", out=Out(int, description="snapshots that went"))
def prune_backups(
    context: OpExecutionContext, config: PruneConfig, platform: Platform
) -> Iterator[AssetObservation | Output[int]]:
    """Deletes snapshots of a tenant that no rule keeps, and what no snapshot needs."""
    tenant = context.partition_key
    with failing_plainly(context, platform), platform.connect():
        done = prune(
            tenant,
            open_repository(tenant),
            dry_run=config.dry_run,
            give_up=config.give_up,
            actor=actor(context),
            dagster_run_id=context.run_id,
            told=context.log.info,
        )
    if done.put_off:
        context.log.warning(done.put_off)
    yield AssetObservation(BACKUP, partition=tenant, metadata=_of_prune(done))
    yield Output(len(done.removed))


def _of_prune(done: Pruned) -> dict[str, int | float | str | MetadataValue]:
    return {
        "retention": f"{done.keeping.policy} ({done.keeping.timezone.key})",
        "dry run": str(done.dry_run),
        "snapshots kept": len(done.kept),
        "snapshots removed": len(done.removed),
        "snapshots held": len(done.held),
        "pieces removed": done.pieces,
        "bytes removed": done.bytes,
        "prune seconds": round(done.seconds, 3),
        "why they stay": MetadataValue.table(
            [
                TableRecord({"snapshot": name, "why": ", ".join(why)})
                for name, why in done.kept.items()
            ]
        )
        if done.kept
        else "there is none",
    }
