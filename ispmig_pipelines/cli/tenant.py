"""What belongs to a tenant: its place in the database, its settings, its content."""

from __future__ import annotations

from typing import Annotated

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.account import account
from ispmig_pipelines.cli.console import connected, platform, say, told
from ispmig_pipelines.cli.words import (
    Json,
    Slug,
)
from ispmig_pipelines.errors import UsageError

tenant_app = typer.Typer(
    help="Tenants: a schema, a role and a partition each.", no_args_is_help=True
)


@tenant_app.command("add")
def tenant_add(slug: Slug, as_json: Json = False) -> None:
    """Make a tenant: its schema, its role and its partition in Dagster."""
    with told(as_json), platform() as engine:
        from ispmig_pipelines.defs.instance import instance
        from ispmig_pipelines.defs.launch import know_tenant
        from ispmig_pipelines.platform import tenants

        tenant = tenants.add(engine, slug)
        with instance() as dagster:
            know_tenant(dagster, slug)
        place = _made_place(slug)
        say(
            {"tenant": slug, "schema": tenant.schema, "role": tenant.role, "drop": place},
            lambda out: out.print(f"Tenant {slug}: schema {tenant.schema}, role {tenant.role}"),
        )


def _made_place(slug: str) -> str:
    """Where files for the tenant are dropped; the folder is there already, for whoever writes
    into it."""
    from ispmig_pipelines.drop.places import FolderPlace, address_of, place_of
    from ispmig_pipelines.errors import IspmigError

    try:
        place = place_of(slug)
        if isinstance(place, FolderPlace):
            place.prepare()
    except IspmigError:
        # The sensor tries again, and tells; the tenant is there.
        pass
    return address_of(slug)


@tenant_app.command("list")
def tenant_list(as_json: Json = False) -> None:
    """List the tenants."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import tenants

        found = tenants.list_all(connection)
        say({"tenants": found}, lambda out: tables.tenants(out, found))


@tenant_app.command("show")
def tenant_show(slug: Slug, as_json: Json = False) -> None:
    """Show a tenant: what is its own in the database, its settings, its rows."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.backup import policies, schedule, tenant_files
        from ispmig_pipelines.drop import rules
        from ispmig_pipelines.drop.places import address_of
        from ispmig_pipelines.platform import change_journal, pools, retention, tenants
        from ispmig_pipelines.platform.rollback import restore_points

        tenant = tenants.get(connection, slug)
        found = {
            "tenant": slug,
            "schema": tenant.schema,
            "role": tenant.role,
            "pools": list(pools.of(connection, slug)),
            "cancelled_months": retention.of(connection, slug),
            "restore_point_days": restore_points.days_of(connection, slug),
            "drop": address_of(slug, rules.of(connection, slug).place),
            "backup_schedule": str(schedule.of(connection, slug)),
            "backup_retention": str(policies.of(connection, slug).policy),
            "files": tenant_files.place_of(connection, slug) or None,
            "journal": change_journal.is_on(tenants.raw(connection), tenant),
            "rows": tenants.contents(connection, tenant),
        }
        say(found, lambda out: tables.tenant(out, found))


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
    restore_points: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            min=1,
            max=36_500,
            help="How long a migration can be rolled back (90, unless said).",
        ),
    ] = None,
    drop: Annotated[
        str,
        typer.Option(
            metavar="PLACE|default",
            help="Folder, or s3://bucket/prefix, in which files for it are dropped.",
        ),
    ] = "",
    backup_schedule: Annotated[
        str,
        typer.Option(
            metavar="CRON|none|default",
            help="When it is backed up, as five fields of cron, e.g. '0 3 * * *'.",
        ),
    ] = "",
    backup_retention: Annotated[
        str,
        typer.Option(
            metavar="RULES|all|default",
            help="Which snapshots are kept, e.g. 'last=3 daily=14 weekly=8 monthly=12'.",
        ),
    ] = "",
    timezone: Annotated[
        str,
        typer.Option(
            metavar="ZONE|default", help="Whose hours and days are meant, e.g. Europe/Kyiv."
        ),
    ] = "",
    files: Annotated[
        str,
        typer.Option(
            metavar="PLACE|default",
            help="Folder, or s3://bucket/prefix, of its files, which are backed up with it.",
        ),
    ] = "",
    journal: Annotated[
        str,
        typer.Option(
            metavar="on|off", help="Whether every change is kept, to restore to any moment."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Set what holds for a tenant's migrations and backups."""
    with told(as_json), platform() as engine:
        from ispmig_pipelines.backup import policies, schedule, tenant_files
        from ispmig_pipelines.backup.journal import switch
        from ispmig_pipelines.defs.tenant_backup.due import check_cron
        from ispmig_pipelines.drop import rules
        from ispmig_pipelines.drop.places import address_of
        from ispmig_pipelines.dropping import set_place
        from ispmig_pipelines.model import period
        from ispmig_pipelines.platform import pools, tenants, trail
        from ispmig_pipelines.platform import retention as kept
        from ispmig_pipelines.platform.rollback import restore_points as points

        others = retention or restore_points or drop or backup_schedule or timezone or files
        others = others or backup_retention or journal
        if bool(pool) == no_pools and not (others and not pool):
            raise UsageError(
                "Say what to set: --pool NETWORK for each of the tenant's address pools, or "
                "--no-pools; --retention PERIOD; --restore-points DAYS; --drop PLACE; "
                "--backup-schedule CRON; --backup-retention RULES; --timezone ZONE; --files PLACE; "
                f"--journal on|off. What is set is shown by: ispmig tenant show {slug}"
            )
        try:
            months = None if retention in ("", "none") else period.months(retention)
        except ValueError as error:
            raise UsageError(f"--retention: {error}, or none.") from None
        if journal not in ("", "on", "off"):
            raise UsageError(f"--journal: {journal[:60]!r} is neither on nor off.")
        with engine.begin() as connection:
            tenants.get(connection, slug)
            if retention:
                kept.declare(connection, slug, months)
            if restore_points:
                points.declare(connection, slug, restore_points)
            if pool or no_pools:
                pools.declare(connection, slug, pool or ())
            if drop:
                set_place(connection, slug, drop)
            if backup_schedule:
                schedule.declare(connection, slug, check_cron(backup_schedule))
            if timezone or backup_retention:
                policies.declare(connection, slug, policy=backup_retention, timezone=timezone)
            if files:
                tenant_files.declare(connection, slug, files)
            place = address_of(slug, rules.of(connection, slug).place)
            backed_up: dict[str, object] = {
                "backup_schedule": str(schedule.of(connection, slug)),
                "backup_retention": str(policies.of(connection, slug).policy),
                "files": tenant_files.place_of(connection, slug) or None,
            }
            declared = pools.of(connection, slug)
            months = kept.of(connection, slug)
            days = points.days_of(connection, slug)
        # Tables are locked for it for a moment, and the tenant's entry is not held meanwhile.
        if journal:
            switched = (switch.switch_on if journal == "on" else switch.switch_off)(engine, slug)
            backed_up["not_journaled"] = list(switched.uncovered)
        backed_up["journal"] = switch.is_on(engine, slug)
        with engine.begin() as connection:
            trail.enter(
                connection, slug, trail.Operation.TENANT_SETTINGS, trail.Stage.FINISHED,
                actor=account(), dagster_run_id="",
                details={"pools": list(declared), "cancelled_months": months,
                         "restore_point_days": days, "drop": place, **backed_up},
            )  # fmt: skip
        how_long = "for ever" if months is None else f"for {period.in_words(months)}"
        say(
            {"tenant": slug, "pools": list(declared), "cancelled_months": months,
             "restore_point_days": days, "drop": place, **backed_up},
            lambda out: out.print(
                f"Tenant {slug}: addresses from {', '.join(declared) or 'anywhere'}; customers "
                f"who left are kept {how_long}; a migration can be rolled back for {days} days; "
                f"files are dropped in {place}; backed up: {backed_up['backup_schedule']}, kept: "
                f"{backed_up['backup_retention']}, files: {backed_up['files'] or 'none'}; "
                f"change journal: {'on' if backed_up['journal'] else 'off'}"
                + (", from the next backup on." if journal == "on" else ".")
            ),
        )  # fmt: skip


@tenant_app.command("remove")
def tenant_remove(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Really destroy the tenant's data.")] = False,
    as_json: Json = False,
) -> None:
    """Destroy a tenant: its schema with all data, its role, its partition."""
    with told(as_json), platform() as engine:
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
        from ispmig_pipelines import backing_up
        from ispmig_pipelines.defs.instance import instance
        from ispmig_pipelines.defs.launch import forget_tenant

        tenants.remove(engine, slug)
        key = backing_up.forget(slug)
        with instance() as dagster:
            forget_tenant(dagster, slug)
        say(
            {"tenant": slug, "removed": contents, "backup_key": str(key) if key else None},
            lambda out: out.print(
                f"Tenant {slug} is gone ({rows or 'it held no rows'})."
                + (
                    f" Its backups are not; to make them unreadable: ispmig tenant shred {slug}"
                    if key
                    else ""
                )
            ),
        )


@tenant_app.command("shred")
def tenant_shred(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Really destroy the keys.")] = False,
    as_json: Json = False,
) -> None:
    """Destroy the keys of a tenant's backups: none of these can be read any more."""
    with told(as_json), platform() as engine:
        from ispmig_pipelines import backing_up

        backing_up.check_shreddable(slug)
        if not yes:
            ids = ", ".join(backing_up.ids_of(slug)) or "unreadable"
            raise UsageError(
                f"Shredding tenant {slug} destroys the keys of its backups ({ids}): no snapshot "
                "can be restored any more, by nobody who has no recovery key. The tenant's data in "
                "the database, if it is there, is not touched. If that is meant: ispmig tenant "
                f"shred {slug} --yes"
            )
        done = backing_up.shred(engine, slug)
        say(
            {
                "tenant": slug,
                "ids": list(done.ids),
                "files": [str(path) for path in done.files],
                "remains": list(done.remains),
            },
            lambda out: out.print(
                f"The backups of tenant {slug} cannot be read any more: destroyed "
                f"{', '.join(done.ids) or 'what was left of its keys'}.\n"
                + "\n".join(f"- {text}" for text in done.remains),
                markup=False,
            ),
        )
