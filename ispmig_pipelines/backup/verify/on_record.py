"""What the audit trail says that backups there are, and what they hold."""

from __future__ import annotations

import datetime as dt
import re

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.verify.found import MOST_NAMES
from ispmig_pipelines.errors import BackupKeyError
from ispmig_pipelines.platform import ledger, trail


def missing_snapshots(
    connection: Connection, slug: str, repository: Repository
) -> dict[str, dt.datetime]:
    """Snapshots that the audit trail says were made here, that nobody pruned, and that are not
    there: name → when the entry is from."""
    logs = ledger.data_migration_logs
    here = (logs.c.tenant == slug, logs.c.details["repository"].astext == repository.root)
    made = {
        row.name: row.at
        for row in connection.execute(
            sa.select(logs.c.details["snapshot"].astext.label("name"), logs.c.at).where(
                *here,
                logs.c.operation == trail.Operation.BACKUP.value,
                logs.c.stage == trail.Stage.FINISHED.value,
            )
        )
        if row.name
    }
    connection.rollback()
    # One that is pruned meanwhile is entered as such before it goes, and found below.
    for snapshot in repository.snapshots():
        made.pop(snapshot.name, None)
    for details in connection.execute(
        sa.select(logs.c.details).where(
            *here, logs.c.operation == trail.Operation.BACKUP_PRUNE.value
        )
    ).scalars():
        for name in details.get("removed", ()):
            made.pop(name, None)
    connection.rollback()
    return made


def contents_on_record(connection: Connection, slug: str, repository: Repository) -> dict[str, str]:
    """What the audit trail says that snapshots hold: name → digest of the content."""
    details = ledger.data_migration_logs.c.details
    rows = connection.execute(
        sa.select(details["snapshot"].astext, details["content"].astext).where(
            ledger.data_migration_logs.c.tenant == slug,
            details["repository"].astext == repository.root,
            ledger.data_migration_logs.c.operation == trail.Operation.BACKUP.value,
            ledger.data_migration_logs.c.stage == trail.Stage.FINISHED.value,
        )
    ).all()
    connection.rollback()
    return {name: content for name, content in rows if name and content}


def check_key(slug: str, repository: Repository) -> None:
    """Checks that backups of the tenant are not all of another key.

    Raises:
        BackupKeyError: the present key has no snapshot, and others have.
    """
    if repository.snapshots():
        return
    shape = re.compile(rf"({re.escape(slug)}-[0-9a-f]{{16}})/snapshots/.+")
    others: dict[str, int] = {}
    for blob in repository.storage.list(f"{slug}-"):
        match = shape.fullmatch(blob.key)
        if match is not None and match[1] != repository.root:
            others[match[1]] = others.get(match[1], 0) + 1
    if others:
        raise BackupKeyError(
            f"{repository.storage.place()} has {sum(others.values()):,} snapshots of {slug} that "
            f"were made with another key ({', '.join(sorted(others)[:MOST_NAMES])}), and none "
            f"that was made with the present one ({repository.root}). Bring back the key that they "
            "were made with; of a former tenant of this name: --key ID."
        )
