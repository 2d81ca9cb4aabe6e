"""Migrations: previewed, run, looked at afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ispmig_pipelines import tables
from ispmig_pipelines.cli.bar import bar
from ispmig_pipelines.cli.console import connected, console, say, say_failed, told
from ispmig_pipelines.cli.words import (
    Json,
    Slug,
)
from ispmig_pipelines.errors import PlatformError, UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.loading import loading
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold

if TYPE_CHECKING:
    from ispmig_pipelines.defs.tenant_migration.registered import Registered
    from ispmig_pipelines.platform.ledger import Migration

_ON_CONFLICT = typer.Option(
    help="Who wins where the tenant has other content under a record's key."
)
MaxQuarantined = Annotated[
    str,
    typer.Option(metavar="N|N%", help="Most records of each entity that may go to quarantine."),
]


def migrate(
    tenant: Annotated[
        str, typer.Argument(metavar="[TENANT]", help="The tenant's slug.", show_default=False)
    ] = "",
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="[SPEC]", help="The spec, a YAML file; else the registered one."),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Every tenant with a registered migration, through the queue."),
    ] = False,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="With --all: before what waits in the queue already.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publishing.")] = False,
    on_conflict: Annotated[OnConflict | None, _ON_CONFLICT] = None,
    max_quarantined: MaxQuarantined = "",
    batch_size: Annotated[
        int,
        typer.Option(
            min=100, max=1_000_000, help="Records that are read, mapped and checked at a time."
        ),
    ] = DEFAULT_BATCH_SIZE,
    parts: Annotated[
        int,
        typer.Option(min=1, max=1000, help="In how many each entity is mapped, in processes."),
    ] = 1,
    processes: Annotated[
        int,
        typer.Option(
            min=0,
            max=256,
            help="With --parts: how many may be at work at once; 0: as many as processors.",
        ),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Migrate a tenant, here and now; or all tenants, through the queue."""
    with told(as_json):
        if every != (not tenant) or (urgent and not every):
            raise UsageError(
                "Say which tenant is to be migrated, and by which spec: ispmig migrate TENANT "
                "SPEC; or --all, for every tenant's registered migration, before what waits "
                "already with --urgent."
            )
        options = (on_conflict, max_quarantined, batch_size != DEFAULT_BATCH_SIZE, parts > 1)
        if every and any(options):
            raise UsageError(
                "--all migrates each tenant as it is registered: --on-conflict, --max-quarantined, "
                "--batch-size and --parts do not go with it. Set what is to hold for a tenant "
                "with: ispmig register TENANT SPEC"
            )
        if processes and parts == 1:
            raise UsageError(
                "--processes says how many processes work on the parts of an entity, and there is "
                "one part only. Say how many: --parts, two for each process or more."
            )
    if every:
        _migrate_all(dry_run=dry_run, urgent=urgent, as_json=as_json)
        return
    with told(as_json), connected() as connection:
        with loading():
            from ispmig_pipelines.defs.tenant_migration.registered import Registered
            from ispmig_pipelines.migrating import MigrationFailed
            from ispmig_pipelines.migrating import migrate as run

        # Without a spec the rest of the registered migration holds, too, unless it is said here.
        if spec is None:
            from ispmig_pipelines.defs.migrating_many import registered

            said = registered(connection, tenant)
        else:
            said = Registered(str(spec))
        try:
            # Steps in processes of their own cannot move it, and say their lines themselves.
            with bar(quiet=as_json or parts > 1):
                entry = run(
                    connection,
                    tenant,
                    Path(said.spec),
                    dry_run=dry_run,
                    on_conflict=on_conflict or OnConflict(said.on_conflict),
                    max_quarantined=max_quarantined or said.max_quarantined,
                    batch_size=batch_size,
                    parts=parts,
                    processes=processes,
                )
        except MigrationFailed as failure:
            if failure.entry is not None and failure.entry.entities and not as_json:
                tables.migration(console(), failure.entry)
            raise
        say(entry.as_json(), lambda out: tables.migration(out, entry))


def _migrate_all(*, dry_run: bool, urgent: bool, as_json: bool) -> None:
    with told(as_json), connected() as connection:
        from ispmig_pipelines.cli import many as shown
        from ispmig_pipelines.defs import migrating_many

        with shown.progress(console(to_errors=True)) as tell:
            many = migrating_many.migrate_all(connection, tell, dry_run=dry_run, urgent=urgent)
        failed = [one for one in many if one.error]
        say(
            {
                "tenants": [one.as_json() for one in many],
                "migrated": len(many) - len(failed),
                "failed": len(failed),
            },
            lambda out: shown.show(out, many),
        )
        if failed:
            raise typer.Exit(max(one.exit_code for one in failed))


def register(
    tenant: Slug,
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="[SPEC]", help="The spec, a YAML file; without it: what holds now."),
    ] = None,
    on_conflict: Annotated[OnConflict, _ON_CONFLICT] = OnConflict.update,
    max_quarantined: MaxQuarantined = threshold.DEFAULT,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was registered.")] = False,
    as_json: Json = False,
) -> None:
    """Say what a tenant is migrated by where nobody names a spec; or show it."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.defs import migrating_many
        from ispmig_pipelines.defs.tenant_migration.registered import Registered

        if spec is not None and forget:
            raise UsageError("Name a spec, or say --forget; not both.")
        if spec is None and not forget:
            said: Registered | None = migrating_many.registered(connection, tenant)
        elif spec is None:
            said = migrating_many.register(connection, tenant, None)
        else:
            said = migrating_many.register(
                connection,
                tenant,
                Registered(str(spec.absolute()), on_conflict.value, max_quarantined),
            )
        found = {"tenant": tenant, "migration": None if said is None else said.as_json()}
        say(found, lambda out: _show_registered(out, tenant, said))


def _show_registered(out: Console, tenant: str, said: Registered | None) -> None:
    if said is None:
        out.print(f"Tenant {tenant} has no registered migration.", markup=False)
        return
    out.print(
        f"Tenant {tenant} is migrated by {said.spec} (on conflict: {said.on_conflict}; most in "
        f"quarantine: {said.max_quarantined}).",
        markup=False,
    )


def cancel(
    what: Annotated[
        str,
        typer.Argument(metavar="[TENANT|RUN]", help="A tenant, or a run's id or its beginning."),
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="All runs of all tenants.")] = False,
    wait: Annotated[
        int, typer.Option(min=0, max=3600, help="Seconds for which runs are waited for to end.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Stop runs, those that wait and those under way; nothing of them is half-done."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.cli import many as shown
        from ispmig_pipelines.defs import cancelling
        from ispmig_pipelines.defs.instance import instance

        if every == bool(what):
            raise UsageError("Say what to stop: a tenant, a run's id, or --all.")
        with instance() as dagster:
            found = cancelling.cancel(
                connection, dagster, what=what, everything=every, patience=wait
            )
        left = [run for run in found if not run.ended]
        say({"runs": [run.as_json() for run in found]}, lambda out: shown.stopped(out, found))
        if left and not as_json:
            for run in left:
                why = run.why or "It was told to end and has not yet; look again in a moment."
                console(to_errors=True).print(f"ispmig: run {run.run}: {why}", markup=False)
        if left:
            raise typer.Exit(PlatformError.exit_code)


def preview(
    tenant: Slug,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.")],
    rows: Annotated[
        int, typer.Option(min=0, max=1000, help="Records of each block that are shown.")
    ] = 20,
    entity: Annotated[
        list[str] | None, typer.Option(help="Only this entity; may be given several times.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page, too.")
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Show masks of cells and values only.")
    ] = False,
    on_conflict: Annotated[OnConflict, _ON_CONFLICT] = OnConflict.update,
    max_quarantined: MaxQuarantined = threshold.DEFAULT,
    as_json: Json = False,
) -> None:
    """Show what a migration would do, by a dry run: before and after, issues, changes."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import exporting, previewing
        from ispmig_pipelines.preview import terminal

        chosen = exporting.listed(entity or [])
        with bar(quiet=as_json):
            report = previewing.preview(
                connection,
                tenant,
                spec,
                rows=rows,
                entities=chosen,
                html=html,
                masked=mask,
                on_conflict=on_conflict,
                max_quarantined=max_quarantined,
            )
        data = report.model_dump(mode="json") | {"html": str(html) if html else None}

        def show(out: Console) -> None:
            terminal.show(out, report, whole=bool(chosen))
            if html:
                out.print(f"The page is {html}.", markup=False)

        if not report.passed:
            error = previewing.REFUSALS[report.refused_as](report.refused)
            say_failed(error, data, show, in_words=True)
        say(data, show)


def migrations(tenant: Slug, as_json: Json = False) -> None:
    """List a tenant's migrations, the newest first."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import ledger, tenants

        tenants.get(connection, tenant)
        found = ledger.migrations(connection, tenant)
        say(
            {"tenant": tenant, "migrations": [m.as_json() for m in found]},
            lambda out: tables.migrations(out, found),
        )


def migration(
    migration_id: Annotated[
        int,
        typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="From ispmig migrations."),
    ],
    as_json: Json = False,
) -> None:
    """Show one migration, whole."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import ledger

        found = ledger.migration(connection, migration_id)
        say(found.as_json() | {"spec_text": found.spec_text}, lambda out: _show(out, found))
        if found.error and not as_json:
            console().print(found.error, markup=False)


def _show(out: Console, entry: Migration) -> None:
    tables.migration(out, entry)
    tables.personal_data(out, entry)
