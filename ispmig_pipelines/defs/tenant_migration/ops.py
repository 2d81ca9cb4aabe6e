"""The five ops of ``tenant_migration``. Only this module and the job know Dagster."""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DynamicOut,
    DynamicOutput,
    In,
    OpExecutionContext,
    Out,
    op,
)
from dagster._core.events import EngineEventData
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.assets import record_entity, record_source
from ispmig_pipelines.defs.console import say
from ispmig_pipelines.defs.queueing import DATABASE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.defs.tenant_migration import (
    closing,
    people,
    preview,
    preview_metadata,
    registered,
    reporting,
    resubmission,
    settled,
)
from ispmig_pipelines.defs.tenant_migration import extract as extracting
from ispmig_pipelines.defs.tenant_migration.config import MigrationConfig, Mode
from ispmig_pipelines.defs.tenant_migration.databases import apart_from
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.defs.tenant_migration.joining import join
from ispmig_pipelines.defs.tenant_migration.load import feed_to_load
from ispmig_pipelines.defs.tenant_migration.manifests import (
    Extracted,
    LoadedMigration,
    Mapped,
    Options,
    ReadAgain,
    StagedSource,
)
from ispmig_pipelines.defs.tenant_migration.map import map_feed
from ispmig_pipelines.defs.tenant_migration.measuring import measuring
from ispmig_pipelines.defs.tenant_migration.part import entity_of, parts
from ispmig_pipelines.defs.tenant_migration.progress import (
    Begin,
    Progress,
    Standing,
    is_watched,
)
from ispmig_pipelines.defs.tenant_migration.rereading import rereading
from ispmig_pipelines.defs.tenant_migration.survey import survey
from ispmig_pipelines.defs.tenant_migration.usage import Usage, peak_memory, together
from ispmig_pipelines.defs.tenant_migration.validate import demands_of, validate_feed
from ispmig_pipelines.drop import apart
from ispmig_pipelines.errors import ConflictRefused, ThresholdExceeded, UsageError
from ispmig_pipelines.guarding import refuse_cards
from ispmig_pipelines.issues import ON_PURPOSE
from ispmig_pipelines.mapping.spec import Spec, load_spec, parse_spec
from ispmig_pipelines.mapping.transform.plugin import digests_of
from ispmig_pipelines.mapping.validation_words import RetentionWords, Validation
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, pools, quarantine, retention, tenants, verify
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.changes import Changes
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.integrity.policy import Policy, RejectedParent
from ispmig_pipelines.platform.load import Feed, Loaded, load
from ispmig_pipelines.platform.measured import before, measured_beside
from ispmig_pipelines.platform.resubmitted import Continuation
from ispmig_pipelines.platform.retention import Retention, RetentionPolicy
from ispmig_pipelines.preview import store
from ispmig_pipelines.settings import project_folder, settings
from ispmig_pipelines.validation import threshold


@op(name="extract", out=DynamicOut(Extracted, description="one per entity of the spec, or part"))
def extract_op(
    context: OpExecutionContext, config: MigrationConfig, platform: Platform
) -> Iterator[DynamicOutput[Extracted]]:
    """Stages the sources of the spec as they are: text cells and where each record stands."""
    slug = context.partition_key
    used = Usage()
    with failing_plainly(context, platform):
        if not config.spec:
            with platform.connect() as connection, connection.begin():
                config = config.of(slug, registered.of(connection, slug))
        spec = load_spec(project_folder() / config.spec)
        refuse_cards(spec)
        threshold.parse(config.max_quarantined)
        tenant = platform.hold(slug)
        with platform.connect() as connection:
            resumed = closing.resume(connection, context.run_id, actor(context))
            if resumed is not None:
                migration = resumed
                spec = spec_of(platform, migration)
            else:
                closing.sweep(connection, tenant, context.instance, run_id=context.run_id)
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
                        actor=actor(context),
                    )
                    entered.begun(connection, migration, actor(context))
    context.instance.add_run_tags(context.run_id, {closing.MIGRATION_TAG: str(migration)})
    options = Options(
        dry_run=config.mode is Mode.dry_run,
        on_conflict=config.on_conflict.value,
        max_quarantined=config.max_quarantined,
        batch_size=config.batch_size,
        started=time.time(),
        preview_rows=config.preview_rows,
        preview_masked=config.preview_mask,
    )
    with failing_plainly(context, platform, migration):
        with platform.connect() as connection, connection.begin():
            others = apart.others(connection, slug)
        apart.check_objects(spec, others.prefixes)
        sources = extracting.extract(
            spec,
            platform.staging(slug, migration),
            private=(*settings().private_folders, *others.folders),
            batch_size=config.batch_size,
            progress=teller(context, "extract", used),
            keep_apart=apart_from(platform),
        )
        styles = survey(
            spec, sources, platform.staging(slug, migration), teller(context, "look through", used)
        )
        for feed, by_key in styles.items():
            for key, found in by_key.items():
                if found.in_words:
                    context.log.info(f"{feed}.{key}: written as {found.in_words}, by its cells")
        staged = [f for s in sources.values() for f in s.files]
        for file in staged:
            for note in file.notes:
                context.log.info(f"{file.path}: {note}")
        personal = people.personal_data_of(spec, sources)
        context.log.info(people.in_words(personal))
        files = [f.as_json() for f in staged]
        with platform.connect() as connection, connection.begin():
            ledger.update_migration(
                connection,
                migration,
                files=files,
                findings={
                    "cards": [found for s in sources.values() for found in s.cards],
                    "personal": [found.as_json() for found in personal],
                },
                plugins=digests_of(spec.functions),
                settled=settled.as_json(sources.values(), styles),
            )
    context.log_event(record_source(slug, migration, files))
    tables = {table.source: sources[table.source] for table in spec.lookup_tables}
    # Of the op as a whole, beside each of its outputs.
    using = used.metadata(sum(s.read for s in sources.values()), size_of(sources.values()))
    for entity in dict.fromkeys(feed.entity for feed in spec.feeds):
        fed = {f.source: sources[f.source] for f in spec.feeds if f.entity == entity}
        staging = platform.staging(slug, migration)
        batches = max(staging.batches(source.cells) for source in fed.values())
        # A part without a batch would only cost its process.
        for part in parts(max(min(config.parts, batches), 1)):
            yield DynamicOutput(
                Extracted(slug, migration, entity, fed, options, tables, styles, part=part),
                mapping_key=entity + part.suffix,
                metadata={
                    "records": sum(s.read for s in fed.values()),
                    "unreadable": sum(f.rejects for s in fed.values() for f in s.files),
                    **people.metadata(one for one in personal if one.source in fed),
                    "card cells masked": sum(c["masked"] for s in fed.values() for c in s.cards),
                    "files": "\n".join(f"{f.path}" for s in fed.values() for f in s.files),
                    **using,
                    **usage(),
                },
            )


@op(name="map", out=Out(Mapped))
def map_op(context: OpExecutionContext, platform: Platform, extracted: Extracted) -> Mapped:
    """Turns the staged cells of one entity, or of a part of it, into its typed columns."""
    used = Usage()
    with failing_plainly(context, platform, extracted.migration):
        spec = spec_of(platform, extracted.migration)
        staging = platform.staging(extracted.tenant, extracted.migration)
        started = teller(context, "map", used)
        part = extracted.part
        feeds = tuple(
            map_feed(
                spec,
                feed,
                {**extracted.sources, feed.source: own},
                staging,
                started(
                    feed_name(feed.entity, feed.source) + part.in_words,
                    # As many as the others have, give or take a batch.
                    own.readable // part.of,
                ),
                tables=extracted.tables,
                styles=extracted.styles,
                part=part,
            )
            for feed in spec.feeds
            if feed.entity == extracted.entity
            and (own := extracted.source_of(feed.name, feed.source)) is not None
        )
    context.add_output_metadata(
        {
            "rows": sum(f.rows for f in feeds),
            "rejected": sum(f.rejected for f in feeds),
            "issues": sum(f.issues for f in feeds),
            **used.metadata(
                sum(f.rows for f in feeds), size_of(f.source for f in feeds) // part.of
            ),
            **usage(),
        }
    )
    return Mapped(
        extracted.tenant, extracted.migration, extracted.entity, feeds, extracted.options, part
    )


@op(name="validate", out=Out(Mapped))
def validate_op(context: OpExecutionContext, platform: Platform, mapped: Mapped) -> Mapped:
    """Holds the mapped columns of one entity, or of a part of it, against its Pandera model, its
    rules and the spec's own checks."""
    used = Usage()
    with failing_plainly(context, platform, mapped.migration):
        demands = demands_of(
            spec_of(platform, mapped.migration), mapped.entity, mapped.feeds, mapped.options.started
        )
        staging = platform.staging(mapped.tenant, mapped.migration)
        started = teller(context, "validate", used)
        feeds = tuple(
            validate_feed(
                feed,
                staging,
                started(feed_name(feed.entity, feed.source.name) + mapped.part.in_words, feed.rows),
                demands,
            )
            for feed in mapped.feeds
        )
    context.add_output_metadata(
        {
            "rows": sum(f.rows for f in feeds),
            "rejected": sum(f.rejected for f in feeds),
            "issues": sum(f.issues for f in feeds),
            **used.metadata(
                sum(f.rows for f in feeds), size_of(f.source for f in feeds) // mapped.part.of
            ),
            **usage(),
        }
    )
    return replace(mapped, feeds=feeds)


@op(name="load", ins={"validated": In(list[Mapped])}, out=Out(LoadedMigration), pool=DATABASE)
def load_op(
    context: OpExecutionContext, platform: Platform, validated: list[Mapped]
) -> LoadedMigration:
    """Publishes the whole migration in one transaction, or nothing of it."""
    first = validated[0]
    slug, migration, options = first.tenant, first.migration, first.options
    order = list(ENTITIES)
    feeds = sorted(
        join(feed for mapped in validated for feed in mapped.feeds),
        # Parents first; and what makes rows before what completes them.
        key=lambda feed: (order.index(feed.entity), feed.partial, feed.index),
    )
    used = Usage()
    told = teller(context, "load", used)
    staged: dict[tuple[str, int], Progress] = {}

    def progress(feed: Feed, rows: int) -> None:
        key = (feed.table.entity, feed.table.index)
        if key not in staged:
            staged[key] = told(feed.table.entity, feed.read)
        staged[key].advance(rows - staged[key].rows)

    changed: dict[str, Changes] = {}
    again: dict[str, ReadAgain] = {}
    tried: list[Loaded] = []
    spec = spec_of(platform, migration)
    validation = spec.document.validation
    within_threshold = approval(
        options.max_quarantined,
        slug,
        migration,
        of_entities=validation.limits,
        of_rules=validation.rule_limits,
    )

    def approve(loaded: Loaded) -> None:
        tried.append(loaded)
        # What is sent in again is in quarantine already: there it may stay, all of it.
        if options.origin is None:
            within_threshold(loaded)

    with failing_plainly(context, platform, migration):
        tenant = platform.hold(slug)
        with platform.connect() as connection:
            if not closing.may_load(connection, migration, context.run_id, actor(context)):
                # This op died after the commit: what it did stands, and is not done twice.
                context.log.info(f"Migration {migration} is published already.")
            else:
                with connection.begin():
                    entry = ledger.migration(connection, migration)
                    policy = Policy(
                        severities=validation.severities,
                        rejected_parent=RejectedParent(validation.rejected_parent),
                        pools=pools.of(connection, slug),
                        today=dt.datetime.fromtimestamp(options.started, dt.UTC).date(),
                        checks=spec.checks,
                    )
                    asked = retention_of(
                        validation, retention.of(connection, slug), options.started
                    )
                try:
                    with (
                        rereading(spec, feeds, options, platform.staging(slug, migration)) as read,
                        measuring(platform, connection, tenant, migration, feeds, options),
                    ):
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
                            approve=approve,
                            spill=platform.staging(slug, migration).make_folder(),
                            continues=continuation(
                                platform, connection, tenant, migration, options
                            ),
                            policy=policy,
                            retention=asked,
                            progress=progress,
                            staged=read.begin,
                        )
                except (ThresholdExceeded, ConflictRefused) as refusal:
                    if options.dry_run and options.origin is None:
                        of_try = LoadedMigration(
                            slug, migration, tuple(feeds), options, tried[-1].changes
                        )
                        keep_report(context, platform, connection, of_try, refusal)
                    raise
                changed, again = loaded.changes, read.found
                context.log.info(
                    f"load: {'tried' if options.dry_run else 'published'} in {loaded.seconds:.1f} "
                    f"s; for {loaded.locked:.1f} s of them nobody else could write into the tables"
                )
            with connection.begin():
                loaded_entry = ledger.migration(connection, migration)
    for told_feed in staged.values():
        told_feed.done()
    using = used.metadata(sum(f.read for f in feeds), size_of(f.source for f in feeds))
    context.add_output_metadata({**counts_metadata(loaded_entry), **using, **usage()})
    return LoadedMigration(slug, migration, tuple(feeds), options, changed, again)


@op(name="audit", out=Out(dict))
def audit_op(
    context: OpExecutionContext, platform: Platform, loaded: LoadedMigration
) -> dict[str, Any]:
    """Reads the source again and proves the migration from the committed rows."""
    slug, migration, options = loaded.tenant, loaded.migration, loaded.options
    used = Usage()
    with failing_plainly(context, platform, migration):
        tenant = platform.hold(slug)
        spec = spec_of(platform, migration)
        after = None
        with platform.connect() as connection:
            if closing.may_audit(connection, migration, context.run_id):
                again, changed = sent_in_again(platform, connection, tenant, loaded)
                with connection.begin():
                    since = before(ledger.migration(connection, migration))
                with measured_beside(platform.connect, tenant, since) as wait:
                    audited = auditing.audit(
                        spec,
                        tenant,
                        loaded,
                        connection,
                        staging=platform.staging(slug, migration),
                        batch_size=options.batch_size,
                        progress=teller(context, "audit", used),
                        sent_in=again,
                    )
                    audited.problems[:0] = changed
                    if audited.problems:
                        broken = auditing.broken(audited)
                        closing.take_back(connection, tenant, migration, str(broken))
                        raise broken
                    after = wait()
            elif options.dry_run and options.origin is None:
                context.add_output_metadata(keep_report(context, platform, connection, loaded))
            of_ops = used_by_ops(context)
            entry = closing.finish(
                connection, tenant, migration, options, round(peak_of_run(of_ops), 1), after
            )
            with connection.begin():
                rows = tenants.contents(connection, tenant)
            problems = verify.standing(connection, tenant, entry)
            kept = reporting.keep(context, connection, tenant, migration)
        using = used.metadata(
            sum(f.read for f in loaded.feeds), size_of(f.source for f in loaded.feeds)
        )
        if not options.dry_run:
            for entity in entry.entities:
                own = of_ops.get(entity, {}) | of_ops.get("", {}) | of_op("audit", using)
                for event in record_entity(
                    entry, entity, rows[entity], problems[entity], spec, kept, own
                ):
                    # It takes check evaluations too, whatever its annotation says.
                    context.log_event(event)  # type: ignore[arg-type]
        platform.staging(slug, migration).remove()
        with platform.connect() as connection:
            closing.forget_staged(connection, tenant)
    shown = kept.metadata if kept else {}
    context.add_output_metadata({**shown, **counts_metadata(entry), **using, **usage()})
    return entry.as_json()


def continuation(
    platform: Platform,
    connection: Connection,
    tenant: tenants.Tenant,
    migration: int,
    options: Options,
) -> Continuation | None:
    """What a resubmission goes on with; None of a migration that begins anew."""
    origin = options.origin
    if origin is None:
        return None
    with connection.begin():
        known = quarantine.attempts(tenants.raw(connection), tenant)
    staging = platform.staging(tenant.slug, migration)
    return Continuation(
        origin,
        (origin, *(attempt for of, attempt in known if of == origin)),
        lambda: staging.read(f"{resubmission.SENT_IN}-{resubmission.TRIED}"),
    )


def sent_in_again(
    platform: Platform, connection: Connection, tenant: tenants.Tenant, loaded: LoadedMigration
) -> tuple[dict[str, StagedSource] | None, list[str]]:
    """The records of a resubmission, read from its file anew and held against the quarantine as
    it was before (None of a migration, whose sources the audit reads itself); and why that cannot
    be.
    """
    options = loaded.options
    if options.origin is None:
        return None, []
    with connection.begin():
        origin = ledger.migration(connection, options.origin)
        entry = ledger.migration(connection, loaded.migration)
    tables = {name: source for feed in loaded.feeds for name, source in feed.tables.items()}
    try:
        found = resubmission.stage(
            connection,
            tenant,
            origin,
            resubmission.spec_of_origin(origin),
            Path(options.sent_in),
            platform.staging(tenant.slug, loaded.migration),
            stem=resubmission.AGAIN,
            tables=tables,
            batch_size=options.batch_size,
            before=loaded.migration,
        )
    except UsageError as error:
        return {}, [f"{options.sent_in} cannot be read again: {error}"]
    if found.sha256 != entry.files[-1]["sha256"]:
        return found.feeds, [f"{options.sent_in} has changed while it was loaded"]
    return found.feeds, []


def keep_report(
    context: OpExecutionContext,
    platform: Platform,
    connection: Connection,
    loaded: LoadedMigration,
    refusal: ThresholdExceeded | ConflictRefused | None = None,
) -> dict[str, Any]:
    """Leaves the report of a dry run as private files; returns what may be told of it."""
    made = preview.gather(
        spec_of(platform, loaded.migration),
        platform.hold(loaded.tenant),
        loaded,
        connection,
        staging=platform.staging(loaded.tenant, loaded.migration),
        refusal=refusal,
    )
    place = store.keep(settings().reports_folder, made)["html"]
    context.log.info(f"The report of this dry run: {place}")
    return preview_metadata.metadata(made, place)


def feed_name(entity: str, source: str) -> str:
    """How a feed is called in messages."""
    return f"{entity} from {source}"


def teller(context: OpExecutionContext, stage: str, used: Usage) -> Begin:
    """Makes the progress of pieces of work, told in the run's events, each with its numbers.

    Args:
        used: of the op; it looks around whenever rows were done.
    """

    def tell(standing: Standing) -> None:
        DagsterEvent.engine_event(
            context.get_step_execution_context(),
            standing.text,
            EngineEventData(metadata=standing.metadata),
        )
        if not is_watched():
            say(standing.text)

    return lambda what, total: Progress(stage, what, tell, total=total, each=used.look)


def usage() -> dict[str, float]:
    """The most memory that the run's process has ever had, in MiB, as the kernel keeps it."""
    return {"run_peak_rss_mb": round(peak_memory(), 1)}


def size_of(sources: Iterable[StagedSource]) -> int:
    """Bytes of the files of some sources, each counted once; packed ones as they are packed."""
    named = {source.name: source for source in sources}
    return sum(file.size for source in named.values() for file in source.files)


USED = ("seconds", "rows_per_second", "mb_per_second", "cpu_seconds", "peak_rss_mb")


def of_op(op: str, metadata: Mapping[str, Any]) -> dict[str, float]:
    """What an op used, as it is called beside what others did."""
    return {f"{op}/{name}": metadata[name] for name in USED if name in metadata}


def used_by_ops(context: OpExecutionContext) -> dict[str, dict[str, float]]:
    """Entity → what the ops of this run used for it, as they told themselves; under "" of those
    that work for all. A run that goes on from a failed one has but its own."""
    told: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    outputs = context.instance.all_logs(context.run_id, of_type=DagsterEventType.STEP_OUTPUT)
    for entry in outputs:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        op, _, key = event.step_key.removesuffix("]").partition("[")
        # By step: extract tells the same of each of its outputs.
        told.setdefault((op, entity_of(key)), {})[key] = {
            name: getattr(value, "value", None)
            for name, value in event.step_output_data.metadata.items()
        }
    found: dict[str, dict[str, float]] = {}
    for (op, entity), by_step in told.items():
        found.setdefault(entity, {}).update(of_op(op, together(by_step.values())))
    return found


def peak_of_run(of_ops: Mapping[str, Mapping[str, float]]) -> float:
    """The most memory that a process of this run has had, in MiB, as far as its ops have told."""
    told = (
        value
        for used in of_ops.values()
        for name, value in used.items()
        if name.endswith("/peak_rss_mb")
    )
    return max([peak_memory(), *told])


def spec_of(platform: Platform, migration: int) -> Spec:
    """The spec as the migration began with it, whatever has become of the file since."""
    with platform.connect() as connection:
        entry = ledger.migration(connection, migration)
    return _parsed(entry.spec_text, Path(entry.spec_path))


@lru_cache(maxsize=4)  # each op asks for it, for every entity; reading YAML takes a while
def _parsed(text: str, path: Path) -> Spec:
    return parse_spec(text, path)


def retention_of(
    validation: Validation, tenant_months: int | None, started: float
) -> Retention | None:
    """What a spec and the tenant say of people past their retention; None if neither says anything.

    Args:
        tenant_months: how long the tenant keeps customers who left, in months.
        started: Unix time at which the migration began.
    """
    words = validation.retention
    if words is None and tenant_months is None:
        return None
    words = words or RetentionWords()
    said = words.cancelled_months
    return Retention(
        RetentionPolicy(words.policy),
        words.day(dt.datetime.fromtimestamp(started, dt.UTC).date()),
        tenant_months if said is None else said,
    )


def approval(
    max_quarantined: str,
    slug: str,
    migration: int,
    *,
    of_entities: Mapping[str, str] = MappingProxyType({}),
    of_rules: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Loaded], None]:
    """Refuses a result with too much in quarantine; what was kept by policy is not counted.

    Args:
        max_quarantined: holds for every entity of which ``of_entities`` says nothing.
        of_entities: entity → how much of it may lie in quarantine.
        of_rules: rule → how many records of each entity may break it.
    """
    limits = threshold.Thresholds(
        threshold.parse(max_quarantined),
        {entity: threshold.parse(limit) for entity, limit in of_entities.items()},
        {rule: threshold.parse(limit) for rule, limit in of_rules.items()},
    )

    def approve(loaded: Loaded) -> None:
        limits.check(
            {
                name: (
                    counts.quarantined
                    - sum(loaded.issues.get(name, {}).get(rule, 0) for rule in ON_PURPOSE),
                    counts.read,
                )
                for name, counts in loaded.entities.items()
            },
            loaded.issues,
            see=f"ispmig quarantine {slug} --migration {migration}",
        )

    return approve


def counts_metadata(entry: ledger.Migration) -> dict[str, Any]:
    """An entry's counts, so that Dagster plots them over time."""
    return {
        f"{entity}/{name}": count
        for entity, counts in entry.entities.items()
        for name, count in counts.items()
    }
