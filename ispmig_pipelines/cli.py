"""``ispmig``: the same work as in the Dagster UI, without a browser.

Every command takes ``--json``: one JSON object on standard output and nothing else there. What
people read goes there otherwise; logs always go to standard error. Exit codes: 0 done, 1 the
migration must not stand, not every record could be converted or two specs differ, 2 wrong usage,
spec or input, 3 database or storage failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core
from rich.console import Console
from typer.exceptions import TyperException

from ispmig_pipelines import tables
from ispmig_pipelines.endings import Ending, ending_of
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.reporting import ReportFormat
from ispmig_pipelines.validation import threshold

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection, Engine

app = typer.Typer(
    name="ispmig",
    help="Moves ISPs' businesses into a multi-tenant platform: complete, or not at all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tenant_app = typer.Typer(
    help="Tenants: a schema, a role and a partition each.", no_args_is_help=True
)
app.add_typer(tenant_app, name="tenant")
spec_app = typer.Typer(
    help="Specs: their mistakes, their differences, their schema.", no_args_is_help=True
)
app.add_typer(spec_app, name="spec")

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Slug = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's slug.")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Paths, s3://… or https://….")]
FileFormat = Annotated[str, typer.Option("--format", help="Of the files, if they do not tell.")]
FileEncoding = Annotated[str, typer.Option("--encoding", help="Of the files, e.g. koi8-u.")]
FileDelimiter = Annotated[str, typer.Option("--delimiter", help="Of CSV files, e.g. tab.")]
SourceWords = Annotated[
    str,
    typer.Option("--source", help="What else a spec would say, e.g. 'sql: {dialect: mysql}'."),
]
FileMember = Annotated[str, typer.Option("--member", help="Only this file of a zip archive.")]

_options = {"json": False, "debug": False}


class OutputFormat(StrEnum):
    """What data are written in."""

    csv = "csv"
    json = "json"
    ndjson = "ndjson"
    xml = "xml"
    sql = "sql"
    xlsx = "xlsx"


class Dialect(StrEnum):
    """Whose SQL is written."""

    postgresql = "postgresql"
    mysql = "mysql"
    sqlite = "sqlite"


class Compression(StrEnum):
    """What files are packed with."""

    gzip = "gzip"
    zstd = "zstd"


class ListingFormat(StrEnum):
    """How a listing is written to a file."""

    csv = "csv"
    xlsx = "xlsx"


@app.callback()
def options(debug: Debug = False) -> None:
    """What holds for every command."""
    _options["debug"] = _options["debug"] or debug


@tenant_app.command("add")
def tenant_add(slug: Slug, as_json: Json = False) -> None:
    """Make a tenant: its schema, its role and its partition in Dagster."""
    with _told(as_json), _platform() as engine:
        from ispmig_pipelines.defs.instance import instance
        from ispmig_pipelines.defs.launch import know_tenant
        from ispmig_pipelines.platform import tenants

        tenant = tenants.add(engine, slug)
        with instance() as dagster:
            know_tenant(dagster, slug)
        _say(
            {"tenant": slug, "schema": tenant.schema, "role": tenant.role},
            lambda out: out.print(f"Tenant {slug}: schema {tenant.schema}, role {tenant.role}"),
        )


@tenant_app.command("list")
def tenant_list(as_json: Json = False) -> None:
    """List the tenants."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.platform import tenants

        found = tenants.list_all(connection)
        _say({"tenants": found}, lambda out: tables.tenants(out, found))


@tenant_app.command("show")
def tenant_show(slug: Slug, as_json: Json = False) -> None:
    """Show a tenant: what is its own in the database, its settings, its rows."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.platform import pools, retention, tenants

        tenant = tenants.get(connection, slug)
        found = {
            "tenant": slug,
            "schema": tenant.schema,
            "role": tenant.role,
            "pools": list(pools.of(connection, slug)),
            "cancelled_months": retention.of(connection, slug),
            "rows": tenants.contents(connection, tenant),
        }
        _say(found, lambda out: tables.tenant(out, found))


@tenant_app.command("set")
def tenant_set(
    slug: Slug,
    pool: Annotated[
        list[str] | None,
        typer.Option(help="A network that its lines may get addresses from; may be repeated."),
    ] = None,
    no_pools: Annotated[
        bool, typer.Option("--no-pools", help="Declare none: addresses are held against none.")
    ] = False,
    retention: Annotated[
        str,
        typer.Option(
            metavar="PERIOD|none", help="How long customers who left are kept, e.g. '3 years'."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Set what holds for a tenant's migrations."""
    with _told(as_json), _platform() as engine:
        from ispmig_pipelines.model import period
        from ispmig_pipelines.platform import pools, tenants
        from ispmig_pipelines.platform import retention as kept

        if bool(pool) == no_pools and not (retention and not pool):
            raise UsageError(
                "Say what to set: --pool NETWORK for each of the tenant's address pools, or "
                "--no-pools; --retention PERIOD. What is set is shown by: ispmig tenant show "
                f"{slug}"
            )
        try:
            months = None if retention in ("", "none") else period.months(retention)
        except ValueError as error:
            raise UsageError(f"--retention: {error}, or none.") from None
        with engine.begin() as connection:
            tenants.get(connection, slug)
            if retention:
                kept.declare(connection, slug, months)
            if pool or no_pools:
                pools.declare(connection, slug, pool or ())
            declared = pools.of(connection, slug)
            months = kept.of(connection, slug)
        told = "for ever" if months is None else f"for {period.in_words(months)}"
        _say(
            {"tenant": slug, "pools": list(declared), "cancelled_months": months},
            lambda out: out.print(
                f"Tenant {slug}: addresses from {', '.join(declared) or 'anywhere'}; customers "
                f"who left are kept {told}."
            ),
        )


@tenant_app.command("remove")
def tenant_remove(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Really destroy the tenant's data.")] = False,
    as_json: Json = False,
) -> None:
    """Destroy a tenant: its schema with all data, its role, its partition."""
    with _told(as_json), _platform() as engine:
        from ispmig_pipelines.platform import tenants

        with engine.connect() as connection:
            tenant = tenants.get(connection, slug)
            contents = tenants.contents(connection, tenant)
        rows = ", ".join(f"{count:,} {name}" for name, count in contents.items() if count)
        if not yes:
            raise UsageError(
                f"Removing tenant {slug} destroys the schema {tenant.schema} with "
                f"{rows or 'no rows'}, and the role {tenant.role}. The ledger keeps its "
                f"migrations. If that is meant: ispmig tenant remove {slug} --yes"
            )
        from ispmig_pipelines.defs.instance import instance
        from ispmig_pipelines.defs.launch import forget_tenant

        tenants.remove(engine, slug)
        with instance() as dagster:
            forget_tenant(dagster, slug)
        _say(
            {"tenant": slug, "removed": contents},
            lambda out: out.print(f"Tenant {slug} is gone ({rows or 'it held no rows'})."),
        )


@app.command()
def inspect(
    files: Files,
    format: FileFormat = "",
    encoding: FileEncoding = "",
    delimiter: FileDelimiter = "",
    member: FileMember = "",
    source: SourceWords = "",
    as_json: Json = False,
) -> None:
    """Say what is in files, by their content."""
    with _told(as_json):
        from ispmig_pipelines.converting import Reading
        from ispmig_pipelines.database_url import is_database_url
        from ispmig_pipelines.formats.inspect import inspect_all
        from ispmig_pipelines.guarding import GuardedReader

        options = Reading(format, encoding, delimiter, member, source).options
        found: list[dict[str, Any]] = []
        for place in files:
            if is_database_url(place):
                from ispmig_pipelines.formats.database.reader import inspect_database

                found.append(inspect_database(place, guard=GuardedReader))
            else:
                found += inspect_all(place, guard=GuardedReader, **options)
        _say({"files": found}, lambda out: tables.inspected(out, found))


@app.command()
def suggest(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="SPEC", help="The spec to write.")],
    preset: Annotated[
        str, typer.Option(metavar="auto|none|NAME", help="What is known of the legacy system.")
    ] = "auto",
    currency: Annotated[
        str, typer.Option(metavar="CODE", help="Of amounts that do not say it, e.g. EUR.")
    ] = "",
    update: Annotated[
        bool, typer.Option("--update", help="Keep the spec that is there; add what it lacks.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the spec that is there.")] = False,
    format: FileFormat = "",
    encoding: FileEncoding = "",
    delimiter: FileDelimiter = "",
    member: FileMember = "",
    source: SourceWords = "",
    as_json: Json = False,
) -> None:
    """Suggest a spec for files: what becomes of their columns, and how sure that is."""
    with _told(as_json):
        from ispmig_pipelines import suggesting
        from ispmig_pipelines.converting import Reading

        if out.exists() and not update and not force:
            raise UsageError(
                f"There is a spec {out} already. Say --update to keep it and add what it lacks, "
                "or --force to replace it."
            )
        found = suggesting.suggest(
            files,
            out,
            preset=preset,
            currency=currency,
            update=update,
            reading=Reading(format, encoding, delimiter, member, source),
        )
        suggesting.write(found)
        _say(found.as_json(), lambda console: suggesting.tell(console, found))


@spec_app.command("check")
def spec_check(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.")],
    sources: Annotated[
        bool, typer.Option("--sources", help="Open and look through its sources, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell every mistake of a spec at once, and what its sources leave open."""
    with _told(as_json):
        from ispmig_pipelines import spec_checking

        found = spec_checking.check(spec, sources=sources)
        error = found.error
        said = found.as_json()
        if error is not None:
            said["error"] = {"code": error.code, "message": str(error), "exit_code": 2}
        _say(said, lambda out: spec_checking.tell(out, found))
        if error is not None:
            if not as_json:
                _console(to_errors=True).print(f"ispmig: {error}", markup=False)
            raise typer.Exit(error.exit_code)


@spec_app.command("diff")
def spec_diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A spec, or migration:ID.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: Json = False,
) -> None:
    """Say in words what is different in B."""
    with _told(as_json):
        from ispmig_pipelines import spec_comparing

        found = spec_comparing.compare(a, b, _connected)
        _say(found.as_json(), lambda out: spec_comparing.tell(out, found))
        if not found.same:
            raise typer.Exit(1)


@spec_app.command("schema")
def spec_schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON Schema by which editors complete and check specs."""
    with _told(as_json):
        from ispmig_pipelines.mapping.spec_schema import spec_schema_text

        text = spec_schema_text()
        if out is None:
            # It is JSON as it is.
            sys.stdout.write(text)
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror}.") from None
        _say(
            {"schema": str(out)},
            lambda console: console.print(f"The schema is {out}.", markup=False),
        )


@app.command()
def convert(
    files: Files,
    to: Annotated[OutputFormat, typer.Option(help="The format to write.")],
    out: Annotated[
        str, typer.Option("--out", "-o", help="A file, a folder (with / at its end), or -.")
    ],
    table: Annotated[
        list[str] | None, typer.Option(help="Only this table; may be given several times.")
    ] = None,
    dialect: Annotated[Dialect, typer.Option(help="Whose SQL is written.")] = Dialect.postgresql,
    compress: Annotated[Compression | None, typer.Option(help="Pack what is written.")] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where records that cannot be read are kept.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 if a record could not be read.")
    ] = False,
    keep_card_numbers: Annotated[
        bool,
        typer.Option(
            "--keep-card-numbers", help="Write card numbers and CVVs as they are, unmasked."
        ),
    ] = False,
    format: FileFormat = "",
    encoding: FileEncoding = "",
    delimiter: FileDelimiter = "",
    member: FileMember = "",
    source: SourceWords = "",
    as_json: Json = False,
) -> None:
    """Write what is in files in another format, cell for cell."""
    with _told(as_json):
        from ispmig_pipelines import converting

        piped = out == converting.STANDARD_OUTPUT
        if piped and as_json:
            raise UsageError("-o - and --json both want the standard output: name a file with -o.")
        try:
            found = converting.convert(
                files,
                to.value,
                out,
                tables=table or (),
                dialect=dialect.value,
                compression=compress.value if compress else "",
                reading=converting.Reading(format, encoding, delimiter, member, source),
                rejects=rejects,
                standard_output=sys.stdout.buffer,
                keep_card_numbers=keep_card_numbers,
            )
            sys.stdout.flush()
        except (converting.PipeClosed, BrokenPipeError):
            # Nobody is left to take what the interpreter would still flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(128 + signal.SIGPIPE) from None
        if as_json:
            _say(found.as_json(), lambda out: None)
        else:
            tables.converted(_console(to_errors=piped), found)
        tables.rejects(_console(to_errors=True), found)
        if strict and found.rejects:
            raise typer.Exit(1)


@app.command()
def digest(tenant: Slug, as_json: Json = False) -> None:
    """Print a digest of a tenant's content."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.platform import tenants
        from ispmig_pipelines.platform.digest import digest as take

        known = tenants.get(connection, tenant)
        connection.rollback()
        found = take(tenants.raw(connection), known)
        _say(found, lambda out: tables.digest(out, found))


@app.command()
def migrate(
    tenant: Slug,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publishing.")] = False,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(help="Who wins where the tenant has other content under a record's key."),
    ] = OnConflict.update,
    max_quarantined: Annotated[
        str,
        typer.Option(metavar="N|N%", help="Most records of each entity that may go to quarantine."),
    ] = threshold.DEFAULT,
    batch_size: Annotated[
        int,
        typer.Option(
            min=100, max=1_000_000, help="Records that are read, mapped and checked at a time."
        ),
    ] = DEFAULT_BATCH_SIZE,
    as_json: Json = False,
) -> None:
    """Migrate a tenant: run the Dagster job, here and now."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.migrating import MigrationFailed
        from ispmig_pipelines.migrating import migrate as run

        try:
            entry = run(
                connection,
                tenant,
                spec,
                dry_run=dry_run,
                on_conflict=on_conflict,
                max_quarantined=max_quarantined,
                batch_size=batch_size,
            )
        except MigrationFailed as failure:
            if failure.entry is not None and failure.entry.entities and not as_json:
                tables.migration(_console(), failure.entry)
            raise
        _say(entry.as_json(), lambda out: tables.migration(out, entry))


@app.command()
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
        bool, typer.Option("--mask", help="Show shapes of cells and values only.")
    ] = False,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(help="Who wins where the tenant has other content under a record's key."),
    ] = OnConflict.update,
    max_quarantined: Annotated[
        str,
        typer.Option(metavar="N|N%", help="Most records of each entity that may go to quarantine."),
    ] = threshold.DEFAULT,
    as_json: Json = False,
) -> None:
    """Show what a migration would do, by a dry run: before and after, issues, changes."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines import exporting, previewing
        from ispmig_pipelines.preview import terminal

        chosen = exporting.listed(entity or [])
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
        written = {"html": str(html) if html else None}
        if not report.passed:
            written["error"] = {  # type: ignore[assignment]
                "code": report.refused_as,
                "message": report.refused,
                "exit_code": previewing.REFUSALS[report.refused_as].exit_code,
            }
        _say(
            report.model_dump(mode="json") | written,
            lambda out: terminal.show(out, report, whole=bool(chosen)),
        )
        if html and not as_json:
            _console().print(f"The page is {html}.", markup=False)
        if not report.passed:
            raise typer.Exit(previewing.REFUSALS[report.refused_as].exit_code)


@app.command()
def export(
    tenant: Slug,
    out: Annotated[str, typer.Option(metavar="DIR", help="A folder, or s3://bucket/prefix.")],
    format: Annotated[OutputFormat, typer.Option(help="Of the files.")] = OutputFormat.csv,
    entity: Annotated[
        list[str] | None, typer.Option(help="Only this entity; may be given several times.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD,…", help="Only these fields, e.g. customer.email."),
    ] = None,
    where: Annotated[
        str, typer.Option(metavar="CONDITION", help='Only these rows, e.g. "status = active".')
    ] = "",
    transform: Annotated[
        Path | None, typer.Option(metavar="SPEC", help="Which columns are made of what, as YAML.")
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Replace what is personal; leave secrets out.")
    ] = False,
    compress: Annotated[Compression | None, typer.Option(help="Pack the files.")] = None,
    split_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Start another file at this size, e.g. 500MB.")
    ] = "1GB",
    dialect: Annotated[Dialect, typer.Option(help="Of SQL.")] = Dialect.postgresql,
    keep_formulas: Annotated[
        bool, typer.Option("--keep-formulas", help="Leave texts like formulas as they are.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an export that lies there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a tenant's rows, as of one instant, into files."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines import exporting

        manifest = exporting.export(
            connection,
            tenant,
            out,
            format=format.value,
            entities=exporting.listed(entity or []),
            fields=exporting.listed(fields or []),
            where=where,
            transform=transform,
            mask=mask,
            compress=compress.value if compress else "none",
            split_bytes=exporting.size(split_size),
            dialect=dialect.value,
            keep_formulas=keep_formulas,
            overwrite=overwrite,
        )
        _say(manifest, lambda console: tables.exported(console, manifest))


@app.command()
def migrations(tenant: Slug, as_json: Json = False) -> None:
    """List a tenant's migrations, the newest first."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.platform import ledger, tenants

        tenants.get(connection, tenant)
        found = ledger.migrations(connection, tenant)
        _say(
            {"tenant": tenant, "migrations": [m.as_json() for m in found]},
            lambda out: tables.migrations(out, found),
        )


@app.command()
def migration(
    migration_id: Annotated[
        int,
        typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="From ispmig migrations."),
    ],
    as_json: Json = False,
) -> None:
    """Show one migration, whole."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.platform import ledger

        found = ledger.migration(connection, migration_id)
        _say(
            found.as_json() | {"spec_text": found.spec_text},
            lambda out: tables.migration(out, found),
        )
        if found.error and not as_json:
            _console().print(found.error, markup=False)


@app.command()
def report(
    tenant: Slug,
    migration_id: Annotated[
        int | None,
        typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="The newest, unless named."),
    ] = None,
    format: Annotated[
        ReportFormat | None, typer.Option(help="A page, or canonical JSON; else by --out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Make the report of a migration again: in short, as a page, or as JSON."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines import reporting
        from ispmig_pipelines.page.file import check_place, publish
        from ispmig_pipelines.report import terminal

        if out is not None:
            check_place(out)
        made = reporting.report(connection, tenant, migration_id)
        kind = reporting.format_of(format, out)
        if out is not None:
            publish(out, reporting.written(made, kind))
            _say(
                {"tenant": tenant, "migration_id": made.migration, "file": str(out)},
                lambda console: console.print(
                    f"The report of migration {made.migration} is {out}.", markup=False
                ),
            )
        elif as_json or format is ReportFormat.json:
            sys.stdout.write(reporting.written(made, ReportFormat.json) + "\n")
        elif format is ReportFormat.html:
            sys.stdout.write(reporting.written(made, ReportFormat.html))
        else:
            terminal.show(_console(), made)


Entities = Annotated[
    list[str] | None, typer.Option("--entity", help="Only this entity; may be given several times.")
]


class _ListUnlessNamed(typer.core.TyperGroup):
    """``ispmig quarantine acme`` is ``ispmig quarantine list acme``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["list", *args]
        return super().parse_args(ctx, args)


quarantine_app = typer.Typer(
    cls=_ListUnlessNamed,
    help="Records that were not loaded: listed (ispmig quarantine TENANT), or purged.",
    no_args_is_help=True,
)
app.add_typer(quarantine_app, name="quarantine")


@quarantine_app.command("list")
def quarantine_list(
    tenant: Slug,
    migration_id: Annotated[
        int | None, typer.Option("--migration", metavar="ID", help="Only of this migration.")
    ] = None,
    entity: Entities = None,
    rule: Annotated[
        str, typer.Option(metavar="CODE", help="Only held back by this rule, e.g. value.date.")
    ] = "",
    closed: Annotated[
        bool, typer.Option("--closed", help="What resubmissions solved, and nothing else.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="What is solved, too.")] = False,
    page: Annotated[
        int | None, typer.Option(min=1, help="Only this page of the listing, from 1.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many records (of a page: 100).")
    ] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Leave out so many first.")] = None,
    format: Annotated[
        ListingFormat, typer.Option(help="Of the file that --out names.")
    ] = ListingFormat.csv,
    out: Annotated[Path | None, typer.Option(help="Write the listing to this file.")] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Show shapes of cells only, for eyes of others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the records that were not loaded, and why; as XLSX, a workbook to correct them in."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines import quarantining
        from ispmig_pipelines.platform import quarantine as records
        from ispmig_pipelines.platform import tenants

        known = tenants.get(connection, tenant)
        chosen = quarantining.choose(
            connection, known, migration=migration_id, entities=entity or [], rule=rule,
            closed=closed, everything=everything,
        )  # fmt: skip
        most, first = quarantining.page(page, limit, offset)
        driver = tenants.raw(connection)
        if out is not None and format is ListingFormat.xlsx:
            if page is not None or limit is not None or offset is not None:
                raise UsageError("A workbook holds all records that are chosen, not a page.")
            if mask:
                raise UsageError("A workbook is to be corrected, so its cells cannot be masked.")
            from ispmig_pipelines import quarantine_workbook

            book = quarantine_workbook.write(connection, known, chosen, out)
            _say(
                {"tenant": tenant, "records": book.records, "sheets": book.sheets,
                 "file": str(out)},
                lambda console: tables.workbook(console, tenant, book, out),
            )  # fmt: skip
            return
        listing = records.listing(driver, known, chosen, limit=most, offset=first)
        if mask:
            listing = quarantining.masked(listing)
        if out is not None:
            from ispmig_pipelines.quarantine_file import write

            written = write(listing, out)
            _say(
                {"tenant": tenant, "records": written, "file": str(out)},
                lambda console: console.print(f"{written:,} records written to {out}"),
            )
        elif as_json:
            total = records.count(driver, known, chosen) if most or first else None
            _write_records(tenant, listing, total)
        else:
            total = records.count(driver, known, chosen) if most or first else None
            tables.quarantine(_console(), tenant, listing, first=first, total=total)


@quarantine_app.command("purge")
def quarantine_purge(
    tenant: Slug,
    migration_id: Annotated[
        int | None, typer.Option("--migration", metavar="ID", help="Of this migration.")
    ] = None,
    before: Annotated[
        str, typer.Option(metavar="DATE", help="Of migrations that began before this day (UTC).")
    ] = "",
    entity: Entities = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Only what resubmissions solved.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete them.")] = False,
    as_json: Json = False,
) -> None:
    """Delete records from the quarantine for good; the audit trail keeps who did it."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines import quarantining

        found = quarantining.purge(
            connection, tenant, migration=migration_id, before=before, entities=entity or [],
            only_closed=closed, confirmed=yes,
        )  # fmt: skip
        _say(
            {"tenant": tenant, "migrations": list(found.migrations), "records": found.records,
             "purged": found.total},
            lambda out: out.print(
                f"{found.total:,} records were deleted from the quarantine of {tenant}."
                if found.total
                else "There is nothing to delete."
            ),
        )  # fmt: skip


@app.command()
def resubmit(
    tenant: Slug,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The corrected workbook, or a sheet as CSV.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publishing.")] = False,
    batch_size: Annotated[
        int,
        typer.Option(min=100, max=1_000_000, help="Records that are mapped at a time."),
    ] = DEFAULT_BATCH_SIZE,
    as_json: Json = False,
) -> None:
    """Try corrected records of the quarantine again: run the Dagster job, here and now."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines.migrating import MigrationFailed
        from ispmig_pipelines.resubmitting import resubmit as run

        try:
            found = run(connection, tenant, file, dry_run=dry_run, batch_size=batch_size)
        except MigrationFailed as failure:
            if failure.entry is not None and failure.entry.entities and not as_json:
                tables.migration(_console(), failure.entry)
            raise
        _say(found.as_json(), lambda out: tables.resubmitted(out, found))


@app.command()
def subject(
    tenant: Slug,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="N", help="An account number; may be given several times."),
    ] = None,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="An email address.")] = "",
    phone: Annotated[str, typer.Option(metavar="NUMBER", help="A telephone number.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write all of it to this .json or .zip file.")
    ] = None,
    erase: Annotated[bool, typer.Option("--erase", help="Erase the person.")] = False,
    erase_invoices_before: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="With --erase: of invoices issued before this day, the addressee."
        ),
    ] = "",
    allow: Annotated[
        bool, typer.Option("--allow", help="Let migrations bring in again who was erased.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --erase: say what would become of what.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --erase: really do it.")] = False,
    as_json: Json = False,
) -> None:
    """Show everything that is held on one person, or erase them."""
    with _told(as_json), _connected() as connection:
        from ispmig_pipelines import subject_requests as requests

        asked = requests.asked_of(account or [], email, phone)
        if erase and (allow or out is not None):
            raise UsageError("--erase goes with neither --allow nor --out: ask for one at a time.")
        if not erase and (dry_run or yes or erase_invoices_before):
            raise UsageError("--dry-run, --yes and --erase-invoices-before belong to --erase.")
        if allow:
            allowed = requests.allow(connection, tenant, asked)
            _say(
                allowed,
                lambda console: console.print(
                    f"Migrations of tenant {tenant} may bring in {allowed['allowed']} again."
                ),
            )
        elif erase:
            done = requests.erase(
                connection, tenant, asked, dry_run=dry_run, confirmed=yes,
                invoices_before=erase_invoices_before,
            )  # fmt: skip
            _say(done, lambda console: requests.tell_erased(console, done))
        else:
            found = requests.access(connection, tenant, asked, out)
            _say(found, lambda console: requests.tell_access(console, found))


@app.command()
def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web UI.")] = 3000,
    as_json: Json = False,
) -> None:
    """Start the Dagster UI and daemon; Ctrl-C stops everything."""
    with _told(as_json):
        from ispmig_pipelines.up import up as serve

        def ready(url: str) -> None:
            _say(
                {"url": url},
                lambda out: out.print(f"The Dagster UI is at {url} (Ctrl-C stops it)."),
            )
            sys.stdout.flush()

        raise typer.Exit(serve(port, ready=ready))


@app.command()
def status(as_json: Json = False) -> None:
    """Say what is running: database, UI, daemon."""
    with _told(as_json):
        from ispmig_pipelines.up import status as look

        found = look()
        _say(found, lambda out: tables.status(out, found))


def _say(data: dict[str, Any], show: Callable[[Console], None]) -> None:
    if _options["json"]:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, default=str) + "\n")
    else:
        show(_console())


def _console(*, to_errors: bool = False) -> Console:
    return Console(stderr=to_errors, highlight=False, soft_wrap=True)


def _write_records(
    tenant: str, records: Iterator[dict[str, Any]], total: int | None = None
) -> None:
    """The listing as one JSON object, record by record: it may be longer than memory.

    ``total``: of a page, how many records there are.
    """
    counted = "" if total is None else f'"total": {total}, '
    sys.stdout.write(f'{{"tenant": {json.dumps(tenant)}, {counted}"records": [')
    for number, record in enumerate(records):
        text = json.dumps(record, ensure_ascii=False, default=str)
        sys.stdout.write(f", {text}" if number else text)
    sys.stdout.write("]}\n")


@contextmanager
def _told(as_json: bool) -> Iterator[None]:
    """Ends the command with a paragraph instead of a traceback, and with the right exit code."""
    _options["json"] = as_json
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if _options["debug"]:
            raise
        _end(ending_of(error, again="ispmig --debug …"))


def _end(ending: Ending) -> None:
    if _options["json"]:
        error = {"code": ending.code, "message": ending.message, "exit_code": ending.exit_code}
        sys.stdout.write(json.dumps(ending.data | {"error": error}, ensure_ascii=False) + "\n")
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"ispmig: {ending.message}", markup=False
        )
    raise typer.Exit(ending.exit_code)


@contextmanager
def _platform() -> Iterator[Engine]:
    """The database with the ledger ready; its failures are told in words."""
    from ispmig_pipelines.platform import ledger
    from ispmig_pipelines.platform.server import engine, told_plainly

    with told_plainly():
        database = engine()
        ledger.prepare(database)
        yield database


@contextmanager
def _connected() -> Iterator[Connection]:
    with _platform() as database, database.connect() as connection:
        yield connection


def main() -> None:
    """The entry point of the command ``ispmig``."""
    # Asked for when something went wrong, and then added at the end of the command.
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        _options["debug"] = True
    if "--json" not in sys.argv:
        app()
        return
    # Typer tells wrong usage on standard error only; who asked for JSON gets JSON.
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:
        told = {"code": "usage", "message": error.format_message(), "exit_code": error.exit_code}
        sys.stdout.write(json.dumps({"error": told}, ensure_ascii=False) + "\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
