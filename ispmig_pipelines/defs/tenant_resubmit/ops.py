"""The op with which ``tenant_resubmit`` begins; from there on it is a migration like any other."""

import time
from collections.abc import Iterator
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, OpExecutionContext, op

from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import closing, resubmission
from ispmig_pipelines.defs.tenant_migration import extract as extracting
from ispmig_pipelines.defs.tenant_migration.databases import apart_from
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.defs.tenant_migration.manifests import Extracted, Options, StagedSource
from ispmig_pipelines.defs.tenant_migration.ops import teller
from ispmig_pipelines.defs.tenant_migration.settled import columns_of, styles_of
from ispmig_pipelines.defs.tenant_migration.usage import Usage
from ispmig_pipelines.defs.tenant_resubmit.config import ResubmitConfig
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.resubmitted import Held
from ispmig_pipelines.settings import project_folder, settings


@op(name="take", out=DynamicOut(Extracted, description="one per entity with records to try"))
def take_op(
    context: OpExecutionContext, config: ResubmitConfig, platform: Platform
) -> Iterator[DynamicOutput[Extracted]]:
    """Stages corrected records of a migration's quarantine, for each block that rejected them."""
    slug = context.partition_key
    path = project_folder() / config.file
    used = Usage()
    with failing_plainly(context, platform):
        tenant = platform.hold(slug)
        with platform.connect() as connection:
            resumed = closing.resume(connection, context.run_id, actor(context))
            if resumed is None:
                closing.sweep(connection, tenant, context.instance, run_id=context.run_id)
            held, ignored = resubmission.look_at(connection, tenant, path)
            of = _chosen(held, config.migration, path)
            with connection.begin():
                origin = resubmission.origin_of(connection, tenant, of)
            spec = resubmission.spec_of_origin(origin)
            if resumed is not None:
                migration = resumed
            else:
                with connection.begin():
                    migration = ledger.open_migration(
                        connection,
                        tenant=slug,
                        mode="dry_run" if config.dry_run else "resubmit",
                        on_conflict=origin.on_conflict,
                        spec_name=origin.spec_name,
                        spec_path=origin.spec_path,
                        spec_text=origin.spec_text,
                        spec_digest=origin.spec_digest,
                        dagster_run_id=context.run_id,
                        actor=actor(context),
                        origin=origin.id,
                    )
                    entered.begun(connection, migration, actor(context))
    for note in ignored:
        context.log.info(note)
    context.instance.add_run_tags(context.run_id, {closing.MIGRATION_TAG: str(migration)})
    options = Options(
        dry_run=config.dry_run,
        on_conflict=origin.on_conflict,
        max_quarantined="100%",
        batch_size=config.batch_size,
        started=time.time(),
        origin=origin.id,
        sent_in=str(path),
    )
    staging = platform.staging(slug, migration)
    with failing_plainly(context, platform, migration):
        tables = extracting.extract(
            spec,
            staging,
            private=settings().private_folders,
            batch_size=config.batch_size,
            progress=teller(context, "extract", used),
            keep_apart=apart_from(platform),
            only={table.source for table in spec.lookup_tables},
        )
        resubmission.check_tables(origin, tables)
        with platform.connect() as connection:
            sent_in = resubmission.stage(
                connection,
                tenant,
                origin,
                spec,
                path,
                staging,
                stem=resubmission.SENT_IN,
                tables=tables,
                batch_size=config.batch_size,
            )
            if not sent_in.feeds:
                raise UsageError(
                    f"All records of migration {origin.id} in {path.name} are solved already: "
                    "there is nothing to try."
                )
            with connection.begin():
                ledger.update_migration(
                    connection,
                    migration,
                    files=[*origin.files, _file(path, sent_in, len(origin.files))],
                    plugins=origin.plugins,
                    findings={"cards": list(sent_in.cards)},
                    settled=origin.settled,
                )
    styles = styles_of(origin.settled)
    using = used.metadata(sum(one.read for one in sent_in.feeds.values()))
    for entity in dict.fromkeys(feed.entity for feed in spec.feeds):
        feeds = {
            feed.name: sent_in.feeds[feed.name]
            for feed in spec.feeds
            if feed.entity == entity and feed.name in sent_in.feeds
        }
        if not feeds:
            continue
        # As wide as they were: what their columns are called under legacy depends on it.
        sources = {
            feed.source: StagedSource(
                feed.source, columns_of(origin.settled, feed.source), files=()
            )
            for feed in spec.feeds
            if feed.entity == entity
        }
        yield DynamicOutput(
            Extracted(slug, migration, entity, sources, options, tables, styles, feeds),
            mapping_key=entity,
            metadata={"records": sum(s.read for s in feeds.values()), **using},
        )


def _chosen(held: list[Held], migration: int, path: Path) -> int:
    there = [one.migration for one in held]
    if migration in there:
        return migration
    if migration:
        raise UsageError(
            f"{path.name} has no record of migration {migration}; it has some of "
            f"{', '.join(map(str, there))}."
        )
    if len(there) > 1:
        raise UsageError(
            f"{path.name} has records of the migrations {', '.join(map(str, there))}: say which "
            "with migration, one after the other; or run ispmig resubmit, which takes all."
        )
    return there[0]


def _file(path: Path, sent_in: resubmission.SentIn, index: int) -> dict[str, object]:
    return {
        "index": index,
        "source": "",
        "path": str(path),
        "table": "",
        "sha256": sent_in.sha256,
        "bytes": sent_in.size,
        "records": sent_in.rows,
        "rejects": 0,
        "notes": [],
    }
