"""The five ops of ``tenant_migration``. Only this module and the job know Dagster."""

import getpass
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dagster import (
    DagsterExecutionInterruptedError,
    DynamicOut,
    DynamicOutput,
    Failure,
    In,
    MetadataValue,
    OpExecutionContext,
    Out,
    op,
)
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.assets import record_entity, record_source
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.defs.tenant_migration import extract as extracting
from ispmig_pipelines.defs.tenant_migration.config import MigrationConfig, Mode
from ispmig_pipelines.defs.tenant_migration.load import feed_to_load
from ispmig_pipelines.defs.tenant_migration.manifests import (
    Extracted,
    LoadedMigration,
    Mapped,
    Options,
)
from ispmig_pipelines.defs.tenant_migration.map import map_feed
from ispmig_pipelines.defs.tenant_migration.progress import Begin, Progress
from ispmig_pipelines.defs.tenant_migration.validate import validate_feed
from ispmig_pipelines.errors import IspmigError, MigrationError, PlatformError
from ispmig_pipelines.mapping.spec import Spec, load_spec, parse_spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, quarantine, tenants, undo
from ispmig_pipelines.platform.load import Feed, Loaded, OnConflict, load
from ispmig_pipelines.platform.server import told_plainly
from ispmig_pipelines.settings import project_folder, settings
from ispmig_pipelines.staging import remove_expired
from ispmig_pipelines.validation import threshold

MIGRATION_TAG = "ispmig/migration"


@op(name="extract", out=DynamicOut(Extracted, description="one per entity of the spec"))
def extract_op(
    context: OpExecutionContext, config: MigrationConfig, platform: Platform
) -> Iterator[DynamicOutput[Extracted]]:
    """Stages the sources of the spec as they are: text cells and where each record stands."""
    slug = context.partition_key
    with failing_plainly(context, platform):
        spec = load_spec(project_folder() / config.spec)
        threshold.parse(config.max_quarantined)
        tenant = platform.hold(slug)
        with platform.connect() as connection:
            sweep(connection, tenant)
            with connection.begin():
                migration = ledger.open_migration(
                    connection,
                    tenant=tenant.slug,
                    mode=config.mode.value,
                    on_conflict=config.on_conflict.value,
                    spec_name=spec.name,
                    spec_path=str(spec.path),
                    spec_text=spec.text,
                    spec_digest=spec.digest,
                    dagster_run_id=context.run_id,
                    actor=actor(),
                )
    context.instance.add_run_tags(context.run_id, {MIGRATION_TAG: str(migration)})
    options = Options(
        dry_run=config.mode is Mode.dry_run,
        on_conflict=config.on_conflict.value,
        max_quarantined=config.max_quarantined,
        batch_size=config.batch_size,
        started=time.time(),
    )
    with failing_plainly(context, platform, migration):
        sources = extracting.extract(
            spec,
            platform.staging(slug, migration),
            private=settings().staging_folder,
            batch_size=config.batch_size,
            progress=teller(context, "extract"),
        )
        files = [f.as_json() for s in sources.values() for f in s.files]
        with platform.connect() as connection, connection.begin():
            ledger.update_migration(connection, migration, files=files)
    context.log_event(record_source(slug, migration, files))
    for entity in dict.fromkeys(feed.entity for feed in spec.feeds):
        fed = {f.source: sources[f.source] for f in spec.feeds if f.entity == entity}
        yield DynamicOutput(
            Extracted(slug, migration, entity, fed, options),
            mapping_key=entity,
            metadata={
                "records": sum(s.read for s in fed.values()),
                "unreadable": sum(f.rejects for s in fed.values() for f in s.files),
                "files": "\n".join(f"{f.path}" for s in fed.values() for f in s.files),
                **usage(),
            },
        )


@op(name="map", out=Out(Mapped))
def map_op(context: OpExecutionContext, platform: Platform, extracted: Extracted) -> Mapped:
    """Turns the staged cells of one entity into its typed columns."""
    with failing_plainly(context, platform, extracted.migration):
        spec = spec_of(platform, extracted.migration)
        staging = platform.staging(extracted.tenant, extracted.migration)
        started = teller(context, "map")
        feeds = tuple(
            map_feed(
                spec,
                feed,
                extracted.sources[feed.source],
                staging,
                started(
                    feed_name(feed.entity, feed.source), extracted.sources[feed.source].readable
                ),
            )
            for feed in spec.feeds
            if feed.entity == extracted.entity
        )
    context.add_output_metadata(
        {
            "rows": sum(f.rows for f in feeds),
            "rejected": sum(f.rejected for f in feeds),
            "issues": sum(f.issues for f in feeds),
            **usage(),
        }
    )
    return Mapped(extracted.tenant, extracted.migration, extracted.entity, feeds, extracted.options)


@op(name="validate", out=Out(Mapped))
def validate_op(context: OpExecutionContext, platform: Platform, mapped: Mapped) -> Mapped:
    """Holds one entity's mapped columns against its Pandera model."""
    with failing_plainly(context, platform, mapped.migration):
        staging = platform.staging(mapped.tenant, mapped.migration)
        started = teller(context, "validate")
        feeds = tuple(
            validate_feed(
                feed, staging, started(feed_name(feed.entity, feed.source.name), feed.rows)
            )
            for feed in mapped.feeds
        )
    context.add_output_metadata(
        {
            "rows": sum(f.rows for f in feeds),
            "rejected": sum(f.rejected for f in feeds),
            "issues": sum(f.issues for f in feeds),
            **usage(),
        }
    )
    return replace(mapped, feeds=feeds)


@op(name="load", ins={"validated": In(list[Mapped])}, out=Out(LoadedMigration))
def load_op(
    context: OpExecutionContext, platform: Platform, validated: list[Mapped]
) -> LoadedMigration:
    """Publishes the whole migration in one transaction, or nothing of it."""
    first = validated[0]
    slug, migration, options = first.tenant, first.migration, first.options
    order = list(ENTITIES)
    feeds = [
        feed for m in sorted(validated, key=lambda m: order.index(m.entity)) for feed in m.feeds
    ]
    told = teller(context, "load")
    staged: dict[tuple[str, int], Progress] = {}

    def progress(feed: Feed, rows: int) -> None:
        key = (feed.table.entity, feed.table.index)
        if key not in staged:
            staged[key] = told(feed.table.entity, feed.read)
        staged[key].advance(rows - staged[key].rows)

    with failing_plainly(context, platform, migration):
        tenant = platform.hold(slug)
        with platform.connect() as connection:
            entry = ledger.migration(connection, migration)
            connection.rollback()
            if entry.state in (ledger.State.PUBLISHED, ledger.State.DONE):
                # This op died after the commit: what it did stands, and is not done twice.
                context.log.info(f"Migration {migration} is published already.")
            else:
                with connection.begin():
                    # A run retried from failure goes on with the same migration.
                    ledger.update_migration(
                        connection,
                        migration,
                        state=ledger.State.RUNNING,
                        dagster_run_id=context.run_id,
                        error=None,
                    )
                loaded = load(
                    connection,
                    tenant,
                    migration,
                    [
                        feed_to_load(f, entry, tenant, platform.staging(slug, migration))
                        for f in feeds
                    ],
                    on_conflict=OnConflict(options.on_conflict),
                    dry_run=options.dry_run,
                    approve=approval(options.max_quarantined, slug, migration),
                    spill=platform.staging(slug, migration).folder,
                    progress=progress,
                )
                context.log.info(
                    f"load: {'tried' if options.dry_run else 'published'} in {loaded.seconds:.1f} s"
                )
            with connection.begin():
                entry = ledger.migration(connection, migration)
    context.add_output_metadata({**counts_metadata(entry), **usage()})
    return LoadedMigration(slug, migration, tuple(feeds), options)


@op(name="audit", out=Out(dict))
def audit_op(
    context: OpExecutionContext, platform: Platform, loaded: LoadedMigration
) -> dict[str, Any]:
    """Reads the source again and proves the migration from the committed rows."""
    slug, migration, options = loaded.tenant, loaded.migration, loaded.options
    with failing_plainly(context, platform, migration):
        tenant = platform.hold(slug)
        spec = spec_of(platform, migration)
        with platform.connect() as connection:
            with connection.begin():
                refuse_undone(connection, migration)
                ledger.update_migration(connection, migration, dagster_run_id=context.run_id)
            if not options.dry_run:
                audited = auditing.audit(
                    spec,
                    tenant,
                    loaded,
                    connection,
                    batch_size=options.batch_size,
                    progress=teller(context, "audit"),
                )
                if audited.problems:
                    take_back(connection, tenant, migration)
                    raise auditing.broken(audited)
            entry = finish(connection, migration, options)
            rows = tenants.contents(connection, tenant)
    if not options.dry_run:
        for entity in entry.entities:
            for event in record_entity(entry, entity, rows[entity], spec):
                # It takes check evaluations too, whatever its annotation says.
                context.log_event(event)  # type: ignore[arg-type]
    platform.staging(slug, migration).remove()
    context.add_output_metadata({**counts_metadata(entry), **usage()})
    return entry.as_json()


def feed_name(entity: str, source: str) -> str:
    """How a feed is called in messages."""
    return f"{entity} from {source}"


def actor() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def teller(context: OpExecutionContext, stage: str) -> Begin:
    """Makes the progress of pieces of work, told in the run's log."""
    return lambda what, total: Progress(f"{stage} {what}", context.log.info, total=total)


def usage() -> dict[str, float]:
    """What this process has used so far, for plots: peak memory in MB, CPU seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "peak_rss_mb": round(used.ru_maxrss / 1024, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
    }


def spec_of(platform: Platform, migration: int) -> Spec:
    """The spec as the migration began with it, whatever has become of the file since."""
    with platform.connect() as connection:
        entry = ledger.migration(connection, migration)
    return parse_spec(entry.spec_text, Path(entry.spec_path))


def approval(max_quarantined: str, slug: str, migration: int) -> Callable[[Loaded], None]:
    """Refuses a result with too much in quarantine; what was kept by policy is not counted."""
    limit = threshold.parse(max_quarantined)

    def approve(loaded: Loaded) -> None:
        limit.check(
            {
                name: (
                    counts.quarantined - loaded.issues.get(name, {}).get("conflict.kept", 0),
                    counts.read,
                )
                for name, counts in loaded.entities.items()
            },
            see=f"ispmig quarantine {slug} --migration {migration}",
        )

    return approve


def sweep(connection: Connection, tenant: tenants.Tenant) -> None:
    """Clears away what earlier runs of this tenant left: dead ones, old ones, dry ones."""
    with connection.begin():
        ledger.close_abandoned(connection, tenant.slug)
        entries = ledger.migrations(connection, tenant.slug)
        driver = tenants.raw(connection)
        with tenants.as_tenant(driver, tenant):
            quarantine.forget(driver, tenant, [m.id for m in entries if m.mode == "dry_run"])
    needless = {
        m.id for m in entries if m.state in ledger.FINAL and m.state is not ledger.State.FAILED
    }
    remove_expired(settings().staging_folder, tenant.slug, needless.__contains__)


def refuse_undone(connection: Connection, migration: int) -> None:
    """Holds that a migration that was taken back is not audited once more.

    Raises:
        MigrationError: it was.
    """
    if ledger.migration(connection, migration).state is ledger.State.UNDONE:
        raise MigrationError(
            f"Migration {migration} was taken back, so there is nothing left to retry. Start a "
            "new migration."
        )


def take_back(connection: Connection, tenant: tenants.Tenant, migration: int) -> None:
    """Undoes a published migration and says so in the ledger, in one transaction."""
    driver = tenants.raw(connection)
    with connection.begin():
        with tenants.as_tenant(driver, tenant):
            undo.undo(driver, tenant, migration)
        ledger.update_migration(connection, migration, state=ledger.State.UNDONE)


def finish(connection: Connection, migration: int, options: Options) -> ledger.Migration:
    """Closes the migration in the ledger."""
    seconds = max(time.time() - options.started, 0.001)
    with connection.begin():
        entry = ledger.migration(connection, migration)
        read = sum(c["read"] for c in entry.entities.values())
        ledger.update_migration(
            connection,
            migration,
            state=ledger.State.CHECKED if options.dry_run else ledger.State.DONE,
            seconds=round(seconds, 3),
            rows_per_second=round(read / seconds, 1),
            peak_rss_mb=usage()["peak_rss_mb"],
            error=None,
        )
        return ledger.migration(connection, migration)


def counts_metadata(entry: ledger.Migration) -> dict[str, Any]:
    """An entry's counts, so that Dagster plots them over time."""
    return {
        f"{entity}/{name}": count
        for entity, counts in entry.entities.items()
        for name, count in counts.items()
    }


@contextmanager
def failing_plainly(
    context: OpExecutionContext, platform: Platform, migration: int | None = None
) -> Iterator[None]:
    """Ends the op with an error in words, noted in the ledger; nothing permanent is retried.

    What Dagster is given of an error is ours alone, without its causes: the words of a
    library's error may hold a cell.
    """
    try:
        with told_plainly():
            yield
    except IspmigError as error:
        note_failure(context, platform, migration, str(error))
        raise Failure(
            description=str(error),
            metadata={"error": error.code, "exit_code": error.exit_code},
            allow_retries=error.transient,
        ) from None
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        note_failure(context, platform, migration, "It was stopped. Nothing of it was loaded.")
        raise
    except Exception as error:
        kind = type(error).__name__
        note_failure(context, platform, migration, f"An unexpected error ({kind}).")
        raise Failure(
            description=f"An unexpected error ({kind}). This is a defect; please report where it "
            "happened, which stands beside this message. Nothing half-done was published.",
            metadata={
                "error": "unexpected",
                "exit_code": PlatformError.exit_code,
                "where": MetadataValue.md(
                    "\n".join(
                        f"- `{frame.name}` in {frame.filename}, line {frame.lineno}"
                        for frame in traceback.extract_tb(error.__traceback__)
                    )
                ),
            },
            allow_retries=False,
        ) from None


def note_failure(
    context: OpExecutionContext, platform: Platform, migration: int | None, why: str
) -> None:
    """Writes into the ledger how the migration failed, where that is possible."""
    if migration is None:
        return
    try:
        with platform.connect() as connection, connection.begin():
            state = ledger.migration(connection, migration).state
            values: dict[str, Any] = {"error": why}
            if state is ledger.State.RUNNING:
                values["state"] = ledger.State.FAILED
            ledger.update_migration(connection, migration, **values)
    except PlatformError as second:
        context.log.warning(f"The failure could not be noted in the ledger: {second}")
