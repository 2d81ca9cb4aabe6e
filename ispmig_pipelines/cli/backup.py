"""Backups: snapshots of a tenant, and the keys that open them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.account import account
from ispmig_pipelines.cli.console import connected, platform, say, told
from ispmig_pipelines.cli.words import BackupKey, Json, Slug

backup_app = typer.Typer(
    help="Backups: a tenant's whole state at one instant, encrypted.", no_args_is_help=True
)
key_app = typer.Typer(help="Keys that open a tenant's backups.", no_args_is_help=True)
backup_app.add_typer(key_app, name="key")


@backup_app.command("create")
def backup_create(
    tenant: Slug,
    full: Annotated[
        bool, typer.Option("--full", help="Read every row and every file, changed or not.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a snapshot of a tenant: all tables, its rows of the ledger, its files."""
    with told(as_json), platform():
        from ispmig_pipelines.backing_up import back_up

        made = back_up(tenant, full=full, actor=account()).as_json()
        say(made, lambda out: tables.backed_up(out, made))


@backup_app.command("list")
def backup_list(
    tenant: Slug,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them, and not only the newest 20.")
    ] = False,
    key: BackupKey = "",
    as_json: Json = False,
) -> None:
    """List a tenant's snapshots, the newest first."""
    with told(as_json):
        from ispmig_pipelines import backing_up

        repository = backing_up.repository_of(tenant, key)
        if repository is None:
            with connected() as connection:
                from ispmig_pipelines.platform import tenants

                tenants.get(connection, tenant)
        found = (
            []
            if repository is None
            else backing_up.listing(repository, None if everything else backing_up.SHOWN)
        )
        data = {
            "tenant": tenant,
            "key": None if repository is None else repository.keys.id,
            "place": None if repository is None else repository.storage.place(repository.root),
            "snapshots": [one.as_json() for one in found],
            "total": 0 if repository is None else len(repository.snapshots()),
            "former": [] if key else backing_up.ids_of(tenant)[1:],
        }
        now = dt.datetime.now(dt.UTC)
        ages = [backing_up.age_in_words(one.name.instant, now) for one in found]
        say(data, lambda out: tables.backups(out, data, ages))


@backup_app.command("show")
def backup_show(
    tenant: Slug,
    snapshot: Annotated[
        str,
        typer.Argument(
            metavar="[SNAPSHOT]", help="Its name, the beginning or the end of it, or latest."
        ),
    ] = "latest",
    key: BackupKey = "",
    as_json: Json = False,
) -> None:
    """Show a snapshot: its tables and how they were read, their rows and sizes."""
    with told(as_json):
        from ispmig_pipelines import backing_up
        from ispmig_pipelines.backup.repository import open_repository

        repository = open_repository(tenant, id=key or None)
        manifest = repository.read(repository.find(snapshot).name)
        found = backing_up.shown(repository, manifest)
        say(found, lambda out: tables.backup(out, found))


@key_app.command("list")
def key_list(tenant: Slug, as_json: Json = False) -> None:
    """List a tenant's keys, without their secrets, and who else can open its backups."""
    with told(as_json):
        from ispmig_pipelines import backing_up

        found = backing_up.told_keys(tenant)
        say(
            {"tenant": tenant, "keys": found},
            lambda out: tables.backup_keys(out, tenant, found),
        )


@key_app.command("rotate")
def key_rotate(tenant: Slug, as_json: Json = False) -> None:
    """Encrypt to a new key from now on; the former ones still open what there is."""
    with told(as_json), platform() as engine:
        from ispmig_pipelines import backing_up

        key = backing_up.rotate(engine, tenant)
        data = {"tenant": tenant, "id": key.id, "rotations": len(key.identities) - 1}
        say(
            data,
            lambda out: out.print(
                f"New backups of tenant {tenant} are encrypted to a new key. The former ones stay "
                "in its file, and open what there is; nothing was encrypted anew. If a key became "
                "known, delete the backups that it opens."
            ),
        )


@key_app.command("recover")
def key_recover(
    tenant: Slug,
    identity: Annotated[
        list[Path],
        typer.Option(
            "--identity", metavar="FILE", help="A recovery key's private half; may be repeated."
        ),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="ID", help="A key to trust that no audit entry tells of."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring back a tenant's lost key from where its backups lie, by a recovery key."""
    with told(as_json), platform() as engine:
        from ispmig_pipelines import backing_up

        found = backing_up.recover(engine, tenant, identity, key or ())
        ids = [one.id for one in found]
        say(
            {"tenant": tenant, "ids": ids},
            lambda out: out.print(f"Brought back for tenant {tenant}: key {', '.join(ids)}"),
        )
