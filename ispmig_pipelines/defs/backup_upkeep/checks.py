"""Checks of the asset ``tenant_backup``, of all tenants: by what lies with their backups."""

import datetime as dt
from collections.abc import Callable, Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    MetadataValue,
    TableRecord,
    asset_check,
)

from ispmig_pipelines.backup import evidence, keys
from ispmig_pipelines.backup.evidence import Evidence, State
from ispmig_pipelines.backup.manifest import instant_of
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.defs.backup_upkeep import due
from ispmig_pipelines.defs.backup_upkeep.ops import INTACT, RESTORABLE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.asset import BACKUP
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.settings import settings

Known = dict[str, Evidence]


@asset_check(
    asset=BACKUP,
    name=INTACT,
    description="Nothing that snapshots need is known to be damaged or missing: what the newest "
    "verifications found.",
)
def intact(platform: Platform) -> AssetCheckResult:
    """Goes through all tenants' evidence; what a verification's run reports is one tenant's."""

    def judge(known: Known, now: dt.datetime) -> tuple[str, bool]:
        bad = [name for name, one in known.items() if one.damaged]
        if not bad:
            return "", False
        return f"{len(bad)} of {len(known)} snapshots are damaged, the newest {bad[-1]}", True

    return _of_all(platform, judge)


@asset_check(
    asset=BACKUP,
    name=RESTORABLE,
    description="Every tenant's newest drill restored what was stored, and is not too old "
    "(ISPMIG_BACKUP_DRILL_DAYS).",
)
def restorable(platform: Platform) -> AssetCheckResult:
    """Goes through all tenants' evidence; what a drill's run reports is one tenant's."""
    return _of_all(platform, too_old_or_failed)


def too_old_or_failed(known: Known, now: dt.datetime) -> tuple[str, bool]:
    """What is wrong with a tenant's drills, in words, and whether it is grave; "" if nothing is.

    Args:
        known: what is known of each of its snapshots, the oldest first.
    """
    failed = {one.failed: name for name, one in known.items() if one.failed is not None}
    passed = [one.restored for one in known.values() if one.restored is not None]
    if failed and (not passed or max(failed) > max(passed)):
        return f"the newest drill could not restore {failed[max(failed)]}", True
    if not known:
        return "", False
    allowed = dt.timedelta(days=settings().backup_drill_days)
    if passed:
        age = now - max(passed)
        return (f"the newest drill is {age.days} days old", False) if age > allowed else ("", False)
    waits = now - instant_of(next(iter(known)))
    return ("no snapshot was ever restored", False) if waits > allowed else ("", False)


def _of_all(
    platform: Platform, judge: Callable[[Known, dt.datetime], tuple[str, bool]]
) -> AssetCheckResult:
    now = ledger.now()
    problems: list[str] = []
    grave = False
    records = []
    for slug, known in _evidence(platform):
        if isinstance(known, str):
            problems.append(f"{slug}: {known}")
            grave = True
            continue
        why, worse = judge(known, now)
        if why:
            problems.append(f"{slug}: {why}")
            grave = grave or worse
        records.append(TableRecord(_row(slug, known)))
    return AssetCheckResult(
        passed=not problems,
        severity=AssetCheckSeverity.ERROR if grave else AssetCheckSeverity.WARN,
        description="\n".join(problems) or f"Holds for {len(records)} tenants.",
        metadata={
            "tenants": len(records),
            "problems": len(problems),
            "newest snapshots": MetadataValue.table(records) if records else "none",
        },
    )


def _evidence(platform: Platform) -> Iterator[tuple[str, Known | str]]:
    """Of each tenant with backups what is known of them, or in words why nothing is."""
    with platform.connect() as connection:
        slugs = due.backed_up(connection)
    for slug in slugs:
        try:
            # Shredded: there is nothing that could be restored, and nobody wants it to be.
            if keys.list_all(slug):
                yield slug, evidence.of(open_repository(slug))
        except IspmigError as error:
            yield slug, str(error)


def _row(slug: str, known: Known) -> dict[str, str | int | float]:
    newest = list(known.values())[-1] if known else None
    restored = [one for one in known.values() if one.restored is not None]
    last = max(restored, key=lambda one: str(one.restored), default=None)
    return {
        "tenant": slug,
        "newest snapshot": newest.snapshot if newest else "none",
        "state": (newest.state if newest else State.UNVERIFIED).value,
        "newest drill": last.restored.isoformat() if last and last.restored else "none",
        "recovery seconds": round(last.seconds, 3) if last and last.seconds is not None else -1.0,
    }
