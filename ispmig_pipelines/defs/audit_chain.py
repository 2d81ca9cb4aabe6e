"""The scheduled proof that nobody rewrote the audit trail: all chains, every night."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    DefaultScheduleStatus,
    Failure,
    MetadataValue,
    OpExecutionContext,
    Out,
    Output,
    ScheduleDefinition,
    asset_check,
    in_process_executor,
    job,
    op,
)
from sqlalchemy.engine import Connection

from ispmig_pipelines import auditing
from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.partitions import tenants
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.platform.audit.problems import Verified
from ispmig_pipelines.platform.audit.verify import verify_chains

TRAIL = AssetKey("audit_trail")
UNBROKEN = "unbroken"
_MOST_MESSAGES = 20
"""So many problems stand in the event of a check; the command shows all of them."""

audit_trail = AssetSpec(
    TRAIL,
    description="Who did what with a tenant's data, in a chain that shows tampering.",
    partitions_def=tenants,
    group_name="audit",
    kinds={"postgres", "table"},
)


@op(name="verify_audit_chains", out=Out(int, description="how many chains hold"))
def verify_audit_chains(
    context: OpExecutionContext, platform: Platform
) -> Iterator[AssetMaterialization | AssetCheckEvaluation | Output[int]]:
    """Verifies the chain of every tenant, and the platform's; fails naming what is wrong."""
    with failing_plainly(context, platform):
        found = verified(platform)
    for one in found:
        # Handed on one by one: what is only logged is lost when the op fails.
        yield from _events(one)
        for note in one.notes:
            context.log.warning(f"{one.tenant or 'the platform'}: {note}")
    error = auditing.broken(found)
    if error is not None:
        raise Failure(
            description=str(error),
            metadata={
                "error": error.code,
                "exit_code": error.exit_code,
                "tenants": ", ".join(
                    one.tenant or "the platform" for one in found if not one.holds
                ),
            },
            allow_retries=False,
        )
    yield Output(
        len(found),
        metadata={"chains": len(found), "entries": sum(one.entries for one in found)},
    )


def verified(platform: Platform) -> list[Verified]:
    """What verifying all chains finds; the witness gets the ends that it lacks."""

    def connect() -> AbstractContextManager[Connection]:
        return platform.connect()

    return verify_chains(connect, catch_up=True)


def _events(one: Verified) -> Iterator[AssetMaterialization | AssetCheckEvaluation]:
    if one.tenant and one.end is not None:
        yield AssetMaterialization(
            TRAIL,
            partition=one.tenant,
            description=f"{one.entries:,} entries",
            metadata={
                "dagster/row_count": one.entries,
                "position": one.end.position,
                "digest": one.end.digest.hex(),
                "witnessed up to": one.witnessed or 0,
                "begun and not ended": len(one.unfinished),
            },
        )
    yield AssetCheckEvaluation(
        asset_key=TRAIL,
        check_name=UNBROKEN,
        passed=one.holds,
        severity=AssetCheckSeverity.ERROR,
        description=f"{one.tenant or 'The platform'}: " + _in_words(one),
        metadata={"tenant": one.tenant, "entries": one.entries, "problems": len(one.problems)},
    )


def _in_words(one: Verified) -> str:
    if one.holds:
        return f"all {one.entries:,} entries hold"
    messages = [problem.message for problem in one.problems[:_MOST_MESSAGES]]
    more = len(one.problems) - len(messages)
    return " ".join(messages) + (f" And {more:,} more." if more else "")


@asset_check(
    asset=TRAIL,
    name=UNBROKEN,
    description="No entry of any chain was altered, is missing, forged or in another place, and "
    "every end that was witnessed outside of the database is there.",
)
def unbroken(platform: Platform) -> AssetCheckResult:
    """Goes through all chains; what the schedule's run reports is one tenant's each."""
    found = verified(platform)
    wrong = [one for one in found if not one.holds]
    return AssetCheckResult(
        passed=not wrong,
        description="\n".join(f"{one.tenant or 'The platform'}: {_in_words(one)}" for one in wrong)
        or f"All {len(found)} chains hold.",
        metadata={
            "chains": len(found),
            "broken": MetadataValue.text(
                ", ".join(one.tenant or "the platform" for one in wrong) or "none"
            ),
        },
    )


@job(
    executor_def=in_process_executor,
    logger_defs={"console": console},
    tags=tags_of(BACKGROUND),
    description="Proves of every tenant's audit trail that nobody rewrote it, and fails with the "
    "names of the entries otherwise.",
)
def audit_chain() -> None:
    verify_audit_chains()


every_night = ScheduleDefinition(
    name="audit_chain_nightly",
    job=audit_chain,
    cron_schedule="17 3 * * *",
    # A proof that somebody has to turn on first proves nothing.
    default_status=DefaultScheduleStatus.RUNNING,
    description="Verifies all audit chains at 03:17 (UTC).",
)
