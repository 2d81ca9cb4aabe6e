"""Asset checks of an entity's rules: one for each kind that its records can break.

A migration evaluates them as it ends. Run by themselves they say of every tenant what the ledger
and its schema then say of its newest migration.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
    multi_asset_check,
)

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.page.words import counted, percentage
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform import tenants as tenant_registry
from ispmig_pipelines.report.gather import gather
from ispmig_pipelines.report.report import MigrationReport, RuleIssues
from ispmig_pipelines.report.rule_kind import DOCS, RuleKind, kinds_of_entity
from ispmig_pipelines.report.words import FOUND

_SCHEMA = TableSchema(
    [
        TableColumn("tenant", "string"),
        TableColumn("rule", "string"),
        TableColumn("severity", "string"),
        TableColumn("records", "int"),
        TableColumn("share", "string"),
    ]
)


def newest_done(migrations: Sequence[ledger.Migration], entity: str) -> ledger.Migration | None:
    """The newest migration that stands and has written an entity."""
    done = (m for m in migrations if m.state is ledger.State.DONE and entity in m.entities)
    return next(done, None)


def evaluations(
    report: MigrationReport, entity: str, shown: Mapping[str, Any]
) -> Iterator[AssetCheckEvaluation]:
    """What a migration says of an entity, kind by kind.

    Args:
        shown: metadata besides: the link to the report.
    """
    for kind in kinds_of_entity(entity):
        judged = _judged({report.tenant: report.of_kind(kind, entity)})
        yield AssetCheckEvaluation(
            asset_key=AssetKey(entity),
            check_name=kind.value,
            passed=judged["passed"],
            severity=judged["severity"],
            description=f"{report.tenant}: {judged['description']}",
            metadata={
                "tenant": report.tenant,
                "migration": report.migration,
                **judged["metadata"],
                **shown,
            },
        )


def _judged(issues: Mapping[str, Sequence[RuleIssues]]) -> dict[str, Any]:
    """Passed unless there is an error; only warnings make it a warning.

    Args:
        issues: tenant → the issues of one kind.
    """
    counts = dict.fromkeys(FOUND, 0)
    for of_tenant in issues.values():
        for one in of_tenant:
            counts[one.severity] += one.records
    told = [counted(count, FOUND[severity]) for severity, count in counts.items() if count]
    return {
        "passed": not counts["error"],
        "severity": AssetCheckSeverity.ERROR if counts["error"] else AssetCheckSeverity.WARN,
        "description": ", ".join(told) or "nothing found",
        "metadata": {
            "errors": counts["error"],
            "warnings": counts["warning"],
            "notes": counts["info"],
            "rules": MetadataValue.table(
                [
                    TableRecord(
                        {
                            "tenant": tenant,
                            "rule": one.rule,
                            "severity": one.severity,
                            "records": one.records,
                            "share": percentage(one.records, one.of),
                        }
                    )
                    for tenant, of_tenant in issues.items()
                    for one in of_tenant
                ],
                schema=_SCHEMA,
            ),
        },
    }


def checks_of(entity: str) -> AssetChecksDefinition:
    """The checks of an entity, to be run together or one by one."""
    kinds = kinds_of_entity(entity)

    # Not partitioned, as the check of conservation is not.
    @multi_asset_check(
        name=f"{entity}_rules",
        specs=[
            AssetCheckSpec(kind.value, asset=AssetKey(entity), description=DOCS[kind])
            for kind in kinds
        ],
        can_subset=True,
    )
    def checks(
        context: AssetCheckExecutionContext, platform: Platform
    ) -> Iterator[AssetCheckResult]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        reports: dict[str, MigrationReport] = {}
        with platform.connect() as connection:
            for tenant in tenant_registry.list_all(connection):
                slug = str(tenant["slug"])
                entry = newest_done(ledger.migrations(connection, slug), entity)
                if entry is not None:
                    known = tenant_registry.get(connection, slug)
                    connection.rollback()
                    reports[slug] = gather(connection, known, entry.id)
        for kind in kinds:
            if kind.value in wanted:
                yield _result(entity, kind, reports)

    return checks


def _result(
    entity: str, kind: RuleKind, reports: Mapping[str, MigrationReport]
) -> AssetCheckResult:
    judged = _judged({slug: report.of_kind(kind, entity) for slug, report in reports.items()})
    return AssetCheckResult(
        asset_key=AssetKey(entity),
        check_name=kind.value,
        passed=judged["passed"],
        severity=judged["severity"],
        description=f"In the newest migrations of {counted(len(reports), 'tenant')}: "
        f"{judged['description']}.",
        metadata=judged["metadata"],
    )
