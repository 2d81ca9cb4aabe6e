"""Upkeep of backups: verified, kept by policy, held, tried. Commands of ``ispmig backup``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ispmig_pipelines.account import account
from ispmig_pipelines.cli.console import platform, progress, say, say_failed, told
from ispmig_pipelines.cli.words import BackupKey, Json, Slug, Snapshot
from ispmig_pipelines.errors import UsageError

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from ispmig_pipelines.backup.drill import Drilled
    from ispmig_pipelines.backup.prune import Pruned
    from ispmig_pipelines.backup.verify import Verified


def verify(
    tenant: Slug,
    share: Annotated[
        str,
        typer.Option(metavar="1/7", help="So much of it: what was read back longest ago."),
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="All of it, as unless said.")] = False,
    snapshot: Annotated[
        str, typer.Option(metavar="SNAPSHOT", help="Only this one, and all of it.")
    ] = "",
    key: BackupKey = "",
    as_json: Json = False,
) -> None:
    """Read backups back, and say what is damaged or missing, and which snapshots it hurts."""
    with told(as_json), platform():
        from ispmig_pipelines.backup import verify as verifying
        from ispmig_pipelines.backup.repository import open_repository

        if sum(map(bool, (share, everything, snapshot))) > 1:
            raise UsageError("Say one of --share, --all and --snapshot.")
        found = verifying.verify(
            tenant,
            open_repository(tenant, id=key or None),
            share=verifying.share_of(share) if share else verifying.WHOLE,
            snapshot=snapshot or None,
            actor=account(),
            told=progress,
        )
        error = verifying.broken(found)
        if error is not None:
            say_failed(error, found.as_json(), lambda out: _tell_verified(out, found))
        say(found.as_json(), lambda out: _tell_verified(out, found))


def _tell_verified(out: Console, found: Verified) -> None:
    out.print(
        f"Tenant {found.tenant}: {found.snapshots:,} snapshots need {found.parts:,} pieces "
        f"({found.bytes:,} bytes). Read back: {found.read:,} ({found.bytes_read:,} bytes) in "
        f"{found.seconds:.1f} s; damaged: {len(found.problems):,}.",
        markup=False,
    )
    if found.oldest is not None:
        out.print(f"Everything was read back since {found.oldest:%Y-%m-%d %H:%M} UTC.")
    elif found.unread:
        out.print(f"Never read back until now: {found.unread:,} pieces.")
    if found.journal_marks:
        out.print(f"Of the change journal: {found.journal_marks:,} marks with their parts.")


def prune(
    tenant: Slug,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what stays and why, and what would go.")
    ] = False,
    give_up: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SNAPSHOT",
            help="A snapshot that is damaged or gone, and is to go all the same; may be repeated.",
        ),
    ] = None,
    key: BackupKey = "",
    as_json: Json = False,
) -> None:
    """Delete snapshots that the retention policy lets go, and what no snapshot needs."""
    with told(as_json), platform():
        from ispmig_pipelines.backup import prune as pruning
        from ispmig_pipelines.backup.repository import open_repository

        done = pruning.prune(
            tenant,
            open_repository(tenant, id=key or None),
            dry_run=dry_run,
            give_up=give_up or (),
            actor=account(),
            told=progress,
        )
        say(done.as_json(), lambda out: _tell_pruned(out, done))


def _tell_pruned(out: Console, done: Pruned) -> None:
    from ispmig_pipelines.backup.holds import reasons

    out.print(
        f"Retention of tenant {done.tenant}: {done.keeping.policy} ({done.keeping.timezone.key})",
        markup=False,
    )
    for name, why in done.kept.items():
        out.print(f"stays  {name}  {', '.join(why)}", markup=False)
        if name in done.held:
            out.print(f"       held: {reasons(done.held[name])}", markup=False)
    word = "would go" if done.dry_run else "went"
    for name in reversed(done.removed):
        out.print(f"{word}  {name}", markup=False)
    out.print(
        f"{len(done.removed):,} snapshots and {done.pieces:,} pieces ({done.bytes:,} bytes) {word}."
        + (f" {done.spared:,} pieces of a broken backup wait for the next." if done.spared else "")
        + (f" Put off: {done.put_off}" if done.put_off else ""),
        markup=False,
    )


def hold(
    tenant: Slug,
    snapshot: Snapshot,
    reason: Annotated[
        str, typer.Option(help="Who needs it, and until when; whoever releases it reads it.")
    ],
    key: BackupKey = "",
    as_json: Json = False,
) -> None:
    """Keep a snapshot until it is released, whatever the retention policy says."""
    with told(as_json), platform():
        from ispmig_pipelines.backup import holds
        from ispmig_pipelines.backup.repository import open_repository

        made = holds.hold(
            tenant, open_repository(tenant, id=key or None), snapshot, reason, actor=account()
        )
        say(
            {"tenant": tenant, **made.as_json()},
            lambda out: out.print(
                f"{made.snapshot} is held: it stays until ispmig backup release {tenant} "
                f"{made.snapshot}",
                markup=False,
            ),
        )


def release(tenant: Slug, snapshot: Snapshot, key: BackupKey = "", as_json: Json = False) -> None:
    """End all holds of a snapshot; the next prune goes by the retention policy again."""
    with told(as_json), platform():
        from ispmig_pipelines.backup import holds
        from ispmig_pipelines.backup.repository import open_repository

        ended = holds.release(
            tenant, open_repository(tenant, id=key or None), snapshot, actor=account()
        )
        say(
            {"tenant": tenant, "released": [one.as_json() for one in ended]},
            lambda out: out.print(
                f"{ended[0].snapshot} is held no more. It was: {holds.reasons(ended)}.",
                markup=False,
            ),
        )


def drill(
    tenant: Slug,
    snapshot: Annotated[
        str, typer.Option(metavar="SNAPSHOT", help="Another one than the newest.")
    ] = "latest",
    as_json: Json = False,
) -> None:
    """Restore the newest snapshot where nobody sees it, hold it against what was stored, and say
    how long it took."""
    with told(as_json), platform():
        from ispmig_pipelines.backup import drill as drilling
        from ispmig_pipelines.backup.repository import open_repository

        done = drilling.drill(
            tenant,
            open_repository(tenant),
            snapshot=snapshot,
            actor=account(),
            told=progress,
        )
        say(done.as_json(), lambda out: _tell_drilled(out, done))


def _tell_drilled(out: Console, done: Drilled) -> None:
    out.print(
        f"Restored {done.snapshot} of tenant {done.tenant} in {done.seconds:.1f} s: "
        f"{done.rows:,} rows, all as they were stored; {done.files:,} files read. The scratch "
        "schema is gone.",
        markup=False,
    )
    for name, total in done.totals.items():
        out.print(f"  {name}: {total}", markup=False)
    for what in done.left_out:
        out.print(f"  could not be made again: {what}", markup=False)
