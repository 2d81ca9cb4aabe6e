"""A tenant's content: its digest, its export, what is held on one person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.cli.bar import bar
from ispmig_pipelines.cli.console import connected, say, told
from ispmig_pipelines.cli.words import (
    Compression,
    Dialect,
    Json,
    OutputFormat,
    Slug,
)
from ispmig_pipelines.errors import UsageError


def digest(tenant: Slug, as_json: Json = False) -> None:
    """Print a digest of a tenant's content."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import tenants
        from ispmig_pipelines.platform.digest import digest as take

        known = tenants.get(connection, tenant)
        connection.rollback()
        found = take(tenants.raw(connection), known)
        say(found, lambda out: tables.digest(out, found))


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
    with told(as_json), connected() as connection:
        from ispmig_pipelines import exporting

        with bar(quiet=as_json):
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
        say(manifest, lambda console: tables.exported(console, manifest))


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
    with told(as_json), connected() as connection:
        from ispmig_pipelines import subject_requests as requests

        asked = requests.asked_of(account or [], email, phone)
        if erase and (allow or out is not None):
            raise UsageError("--erase goes with neither --allow nor --out: ask for one at a time.")
        if not erase and (dry_run or yes or erase_invoices_before):
            raise UsageError("--dry-run, --yes and --erase-invoices-before belong to --erase.")
        if allow:
            allowed = requests.allow(connection, tenant, asked)
            say(
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
            say(done, lambda console: requests.tell_erased(console, done))
        else:
            found = requests.access(connection, tenant, asked, out)
            say(found, lambda console: requests.tell_access(console, found))
