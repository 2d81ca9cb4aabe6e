"""Rollback: migrations taken back, and which can be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.cli.console import connected, console, say, told
from ispmig_pipelines.cli.words import Json, Slug

_SHOWN = 50
"""Kept rows that people are shown; all of them are in the JSON."""


def roll_back(
    tenant: Slug,
    migration_ids: Annotated[
        list[int],
        typer.Argument(
            metavar="MIGRATION_ID...", min=1, max=2**63 - 1, help="From ispmig migrations."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be taken back, and kept.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Take back what somebody else changed since, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take migrations back, the newest first: run the Dagster job, here and now."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import tenants
        from ispmig_pipelines.platform.rollback import kept
        from ispmig_pipelines.rolling_back import roll_back as run

        done = run(connection, tenant, migration_ids, dry_run=dry_run, force=force)
        known = tenants.get(connection, tenant)
        driver = tenants.raw(connection)
        with tenants.as_tenant(driver, known):
            if as_json:
                _write(done.as_json(), (row.as_json() for row in kept.of(driver, known, done.id)))
                return
            listed = list(kept.of(driver, known, done.id, limit=_SHOWN))
        total = sum(sum(why.values()) for one in done.migrations for why in one.kept.values())
        tables.rolled_back(console(), done, listed, total=total)


def _write(done: dict[str, Any], kept: Iterator[dict[str, Any]]) -> None:
    """The rollback as one JSON object; what it kept row by row, which may be more than memory
    holds."""
    sys.stdout.write(json.dumps(done, ensure_ascii=False, default=str)[:-1] + ', "kept": [')
    for number, row in enumerate(kept):
        sys.stdout.write((", " if number else "") + json.dumps(row, ensure_ascii=False))
    sys.stdout.write("]}\n")


def restore_points(
    tenant: Slug,
    expire: Annotated[
        bool, typer.Option("--expire", help="Let go of those that are over, here and now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the migrations that can be rolled back, and until when."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.account import account
        from ispmig_pipelines.platform import ledger, tenants
        from ispmig_pipelines.platform.rollback import restore_points as points

        known = tenants.get(connection, tenant)
        connection.rollback()
        expired: list[int] = []
        if expire:
            with tenants.lock(connection, tenant, "restore-points --expire"), connection.begin():
                expired = points.expire(connection, known, actor=account(), now=ledger.now())
        found = points.listing(connection, known)
        say(
            {
                "tenant": tenant,
                "days": points.days_of(connection, tenant),
                "expired": expired,
                "restore_points": [point.as_json() for point in found],
            },
            lambda out: tables.restore_points(out, tenant, found),
        )
