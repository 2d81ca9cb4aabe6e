"""What the lineage graph shows: source export → entity → backup and export, a partition per tenant.

The entities are written by the job ``tenant_migration``, which reports them here; their checks
can also be run by themselves, at any time, from what the ledger and the tables then hold.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableConstraints,
    TableRecord,
    TableSchema,
    asset_check,
)

from ispmig_pipelines.defs import rule_checks
from ispmig_pipelines.defs.partitions import tenants
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.reporting import Kept
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.platform import ledger, verify
from ispmig_pipelines.platform import tenants as tenant_registry

SOURCE = AssetKey("source_export")
EXPORT = AssetKey("tenant_files")
CONSERVATION = "conservation"

source_export = AssetSpec(
    SOURCE,
    description="The files that an ISP's legacy system exported, as a spec names them.",
    partitions_def=tenants,
    group_name="source",
    kinds={"csv"},
)

entities = [
    AssetSpec(
        info.name,
        deps=[SOURCE],
        description=info.doc,
        partitions_def=tenants,
        group_name="tenant",
        kinds={"postgres", "table"},
        metadata={"key": ", ".join(info.key), "refers to": ", ".join(info.references.values())},
    )
    for info in ENTITIES.values()
]

tenant_files = AssetSpec(
    EXPORT,
    deps=list(ENTITIES),
    description="The files that a tenant was last exported to, with their manifest.",
    partitions_def=tenants,
    group_name="export",
)


def record_export(manifest: dict[str, Any], place: str) -> Iterator[AssetMaterialization]:
    """The event by which the graph learns of the files of an export.

    Args:
        manifest: as it lies beside the files.
        place: folder or URL of the export.
    """
    remote = "://" in place
    shown = MetadataValue.url if remote else MetadataValue.path
    columns = ("name", "entity", "rows", "bytes", "sha256")
    yield AssetMaterialization(
        asset_key=EXPORT,
        partition=manifest["tenant"],
        description=f"{manifest['format']} as of {manifest['instant']}",
        metadata={
            "dagster/row_count": sum(told["rows"] for told in manifest["entities"].values()),
            "folder": shown(place),
            "manifest": shown(f"{place}/manifest.json"),
            "bytes": sum(file["bytes"] for file in manifest["files"]),
            "masked": manifest["masked"],
            "files": MetadataValue.table(
                records=[TableRecord({c: f[c] for c in columns}) for f in manifest["files"]]
            ),
        },
    )


def record_source(tenant: str, migration: int, files: list[dict[str, Any]]) -> AssetMaterialization:
    """The event by which the graph learns that a tenant's export was read."""
    columns = ("source", "path", "records", "rejects", "bytes", "sha256")
    return AssetMaterialization(
        asset_key=SOURCE,
        partition=tenant,
        description=f"Read by migration {migration}",
        metadata={
            "dagster/row_count": sum(f["records"] + f["rejects"] for f in files),
            "migration": migration,
            "bytes": sum(f["bytes"] for f in files),
            "files": MetadataValue.table(
                records=[TableRecord({c: f[c] for c in columns}) for f in files]
            ),
            "notes": MetadataValue.table(
                records=[
                    TableRecord({"path": f["path"], "note": note})
                    for f in files
                    for note in f["notes"]
                ],
                schema=TableSchema([TableColumn("path"), TableColumn("note")]),
            ),
        },
    )


def record_entity(
    entry: ledger.Migration,
    entity: str,
    rows: int,
    problems: list[str],
    spec: Spec,
    kept: Kept | None,
    used: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[AssetMaterialization | AssetCheckEvaluation]:
    """The events by which the graph learns of an entity that a migration wrote.

    Args:
        rows: rows the tenant's table now has.
        problems: what the tables do not bear out (:func:`verify.standing`).
        kept: the migration's report, if it could be made; by it the entity's rules are judged.
        used: what the ops used for it, which is plotted over time: ``map/cpu_seconds``.
    """
    link = kept.link if kept else {}
    counts = entry.entities[entity]
    yield AssetMaterialization(
        asset_key=entity,
        partition=entry.tenant,
        # Descriptions are Markdown: a spec's name is none.
        description=f"Migration {entry.id}",
        metadata={
            "spec": MetadataValue.text(entry.spec_name),
            "dagster/row_count": rows,
            "dagster/column_schema": column_schema(ENTITIES[entity]),
            "dagster/column_lineage": column_lineage(spec, entity),
            "migration": entry.id,
            **link,
            **counts,
            **used,
        },
    )
    yield AssetCheckEvaluation(
        asset_key=AssetKey(entity),
        check_name=CONSERVATION,
        passed=not problems,
        severity=AssetCheckSeverity.ERROR,
        description=f"{entry.tenant}: "
        + ("; ".join(problems) or "every record and every amount of the source is accounted for"),
        metadata={
            "tenant": entry.tenant,
            "migration": entry.id,
            **counts,
            **_totals(entry, entity),
        },
    )
    if kept is not None:
        yield from rule_checks.evaluations(kept.report, entity, link)


def column_schema(info: EntityInfo) -> TableSchema:
    """The entity's columns as Dagster shows them."""
    return TableSchema(
        columns=[
            TableColumn(
                name=name,
                type=field.type.value,
                description=field.doc,
                constraints=TableColumnConstraints(nullable=not (field.key or field.required)),
            )
            for name, field in info.fields.items()
        ],
        constraints=TableConstraints(other=[rule.doc for rule in info.row_rules]),
    )


def column_lineage(spec: Spec, entity: str) -> TableColumnLineage:
    """Which columns of the source each field of the entity was made from."""
    made_from: dict[str, dict[TableColumnDep, None]] = {}
    for feed in spec.feeds:
        if feed.entity != entity:
            continue
        mappings = [*feed.fields.items(), *(m for rule in feed.rules for m in rule.maps.items())]
        for field, mapping in mappings:
            tables = mapping.lookup_table.chain if mapping.lookup_table else ()
            columns = [f"{feed.source}.{column}" for column in mapping.source_columns]
            columns += [f"{table.source}.{table.value}" for table in tables]
            for column in columns:
                dep = TableColumnDep(asset_key=SOURCE, column_name=column)
                # Two blocks may read the same column; Dagster takes each once.
                made_from.setdefault(field, {})[dep] = None
    return TableColumnLineage(deps_by_column={f: list(deps) for f, deps in made_from.items()})


def _totals(entry: ledger.Migration, entity: str) -> dict[str, Any]:
    return {
        f"{name.removeprefix(f'{entity}.')} {currency}/{side}": amounts[side]
        for name, by_currency in entry.totals.items()
        if name.startswith(f"{entity}.")
        for currency, amounts in by_currency.items()
        for side in ("source", "loaded", "quarantined", "adjusted", "unreadable")
        if side in amounts
    }


def _check(entity: str) -> AssetChecksDefinition:
    # Not partitioned: partitioned checks are a preview in this Dagster. What a migration
    # reports is its tenant's; run by itself, the check goes through all tenants.
    @asset_check(
        asset=AssetKey(entity),
        name=CONSERVATION,
        description="Every record that was read was inserted, updated, unchanged or put in "
        "quarantine, and every amount is in the table or in quarantine, to the cent.",
    )
    def check(platform: Platform) -> AssetCheckResult:
        problems = []
        held = 0
        with platform.connect() as connection:
            for tenant in tenant_registry.list_all(connection):
                slug = str(tenant["slug"])
                entry = rule_checks.newest_done(ledger.migrations(connection, slug), entity)
                if entry is not None:
                    known = tenant_registry.get(connection, slug)
                    connection.rollback()
                    found = verify.standing(connection, known, entry)[entity]
                    held += not found
                    problems += [f"{slug}: {problem}" for problem in found]
        return AssetCheckResult(
            passed=not problems,
            description="\n".join(problems) or f"Holds for the newest migration of {held} tenants.",
            metadata={"tenants that hold": held},
        )

    return check


checks = [make(entity) for entity in ENTITIES for make in (_check, rule_checks.checks_of)]
