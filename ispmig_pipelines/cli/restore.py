"""Restores: made, undone, confirmed, and what is kept till then."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ispmig_pipelines.cli.console import connected, say, told
from ispmig_pipelines.cli.default_command import unless_named
from ispmig_pipelines.cli.words import Json, Slug

restore_app = typer.Typer(
    cls=unless_named("run"),
    help="Tenants set back to a snapshot (ispmig restore TENANT); undone, or confirmed.",
    no_args_is_help=True,
)


@restore_app.command("run")
def restore_run(
    tenant: Slug,
    snapshot: Annotated[
        str,
        typer.Option("--snapshot", metavar="NAME", help="From ispmig backup list; or latest."),
    ] = "",
    at: Annotated[
        str,
        typer.Option("--at", metavar="TIME", help="To this moment, e.g. 2026-11-22T10:31:07Z."),
    ] = "",
    entity: Annotated[
        list[str] | None,
        typer.Option("--entity", help="Only this table; may be given several times."),
    ] = None,
    into: Annotated[
        str,
        typer.Option("--into", metavar="SCHEMA", help="Make a copy, and leave the tenant alone."),
    ] = "",
    mask: Annotated[bool, typer.Option("--mask", help="Mask the copy.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Build, verify and compare; change nothing."),
    ] = False,
    verify: Annotated[
        str,
        typer.Option(
            "--verify",
            metavar="quick|full",
            help="full reads every row back from the database, of large tables, too.",
        ),
    ] = "quick",
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Set the tenant's files back, too.")
    ] = True,
    files_to: Annotated[
        str,
        typer.Option(
            "--files-to",
            metavar="PLACE",
            help="Write the files to this empty folder or S3 prefix, and leave the tenant's own.",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Restore a tenant from a backup: run the Dagster job, here and now."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.defs.tenant_restore.ops import told as in_words
        from ispmig_pipelines.restoring import restore

        done = restore(
            connection,
            tenant,
            snapshot=snapshot,
            at=at,
            tables=tuple(entity or ()),
            into=into,
            mask=mask,
            dry_run=dry_run,
            verify=verify,
            files=files,
            files_to=files_to,
        )

        def show(out: Console) -> None:
            for line in in_words(done):
                out.print(line, markup=False)
            for one in done.details.get("differences", []):
                if one["added"] or one["removed"] or one["changed"]:
                    out.print(
                        f"{one['table']}: {one['added']:,} rows that are not there now, "
                        f"{one['changed']:,} otherwise, {one['removed']:,} that go",
                        markup=False,
                    )

        say(done.as_json(), show)


@restore_app.command("undo")
def restore_undo(
    tenant: Slug,
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Put the tenant's files back, too.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Put back what was there before the newest restore."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.restoring import undo

        done = undo(connection, tenant, files=files)
        say(
            {"tenant": tenant, **done},
            lambda out: out.print(
                f"The restore of {done['snapshot']} is undone. What it had brought is kept in the "
                f"schema {done['kept']} until: ispmig restore confirm {tenant}",
                markup=False,
            ),
        )


@restore_app.command("finish")
def restore_finish(tenant: Slug, as_json: Json = False) -> None:
    """Set back those files that a restore, which was cut off, had not come to."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.restoring import finish

        done = finish(connection, tenant)
        say(
            {"tenant": tenant, "finished": done},
            lambda out: out.print(
                "The files are set back." if done else "There was nothing left to be done.",
                markup=False,
            ),
        )


@restore_app.command("confirm")
def restore_confirm(tenant: Slug, as_json: Json = False) -> None:
    """Let go of what was there before restores, for good."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.restoring import confirm

        done = confirm(connection, tenant)
        say(
            {"tenant": tenant, **done},
            lambda out: out.print(f"Dropped: {', '.join(done['dropped'])}.", markup=False),
        )


@restore_app.command("points")
def restore_points(tenant: Slug, as_json: Json = False) -> None:
    """List what is kept of before restores, the newest first."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.restoring import points

        found = points(connection, tenant)

        def show(out: Console) -> None:
            if not found:
                out.print(f"Nothing is kept of what tenant {tenant} was before a restore.")
            for point in found:
                out.print(
                    f"{point.schema}: before the restore of {point.restored.details['snapshot']} "
                    f"on {point.restored.at:%Y-%m-%d %H:%M} UTC; {point.bytes:,} bytes",
                    markup=False,
                )

        say({"tenant": tenant, "restore_points": [p.as_json() for p in found]}, show)
