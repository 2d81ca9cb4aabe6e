"""What a restore asks of the journal: to bring a snapshot's rows to the moment that was meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import psycopg

from ispmig_pipelines.backup.definition import table_from_json
from ispmig_pipelines.backup.journal.apply import apply
from ispmig_pipelines.backup.journal.mark import JournalFolder
from ispmig_pipelines.backup.journal.moment import find
from ispmig_pipelines.backup.repository import Repository

if TYPE_CHECKING:
    from ispmig_pipelines.backup.restore.choosing import Chosen

Changes = Callable[[psycopg.Connection, str], Mapping[str, int]]


def changes_since(
    repository: Repository, tables: Collection[str] = ()
) -> Callable[[Chosen], Changes | None]:
    """For :func:`~ispmig_pipelines.backup.restore.restore.restore`: how the chosen snapshot is
    brought to the moment that was asked for; None where none was, or there was no journal then.

    What the journal holds in the database is to be shipped before, see
    :func:`.ship.ship_if_on`.

    Args:
        tables: that are restored; all of the tenant's unless said.

    Raises (what is returned, when it is called):
        BackupDamaged, BackupError, StorageError: see :func:`.moment.find` and
            :func:`.apply.apply`.
    """

    def since(chosen: Chosen) -> Changes | None:
        if chosen.at is None:
            return None
        moment = find(repository, chosen.manifest, chosen.at, tables)
        if moment is None:
            return None

        definitions = {
            table.name: table_from_json(table.definition)
            for table in chosen.manifest.tables
            if table.name in moment.tables.values()
        }

        def bring(driver: psycopg.Connection, schema: str) -> Mapping[str, int]:
            return apply(
                driver,
                schema,
                moment.changes(JournalFolder(repository)),
                tables=definitions,
                sequences=moment.sequences,
            )

        return bring

    return since
