"""Rows that a rollback did not take back, by entity and key, and why: in the tenant's own schema.

Keys are personal data (an account number names a customer), so they stand in no log, no event and
no entry of the audit trail, which have counts only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg
import psycopg.types.json
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.journal import KEPT
from ispmig_pipelines.platform.tenants import Tenant


class Why(StrEnum):
    """Why a row was not taken back; but for the last one, which was."""

    CHANGED = "changed"
    """Somebody else changed it since."""

    DELETED = "deleted"
    """Somebody else deleted it since: it is not put back."""

    LATER = "later"
    """A later migration wrote it again."""

    REFERRED = "referred"
    """A row that stays refers to it."""

    PARENT_GONE = "parent_gone"
    """As it was before it referred to a row that is not there any more."""

    OVERWRITTEN = "overwritten"
    """Somebody else had changed or deleted it since, and it was taken back all the same."""


@dataclass(frozen=True)
class Kept:
    """One row.

    Attributes:
        migration: the one that was taken back.
        key: parts of its key, as text.
        by_entity: what refers to it, or what it referred to.
        by_migration: the later one that wrote it, or a row that refers to it.
    """

    migration: int
    entity: str
    key: tuple[str, ...]
    why: Why
    by_entity: str | None = None
    by_migration: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it, for whoever asked for the rollback."""
        return {
            "migration_id": self.migration,
            "entity": self.entity,
            "key": list(self.key),
            "why": self.why.value,
            "by_entity": self.by_entity,
            "by_migration": self.by_migration,
        }


def of(
    driver: psycopg.Connection, tenant: Tenant, rollback: int, *, limit: int | None = None
) -> Iterator[Kept]:
    """What a rollback kept, in order of migration (newest first), entity and key; as the tenant's
    role. They may be more than memory holds."""
    with driver.cursor("kept_rows", row_factory=dict_row) as cursor:
        cursor.execute(
            sql.SQL(
                """select migration, entity, key, why, by_entity, by_migration from {}
                   where rollback = %s
                   order by migration desc, array_position(%s::text[], entity), key limit %s"""
            ).format(sql.Identifier(tenant.schema, KEPT)),
            [rollback, list(ENTITIES), limit],
        )
        for row in cursor:
            yield Kept(**row | {"key": tuple(row["key"]), "why": Why(row["why"])})


def enter(driver: psycopg.Connection, tenant: Tenant, rollback: int, rows: Iterable[Kept]) -> None:
    """Writes down what a dry run would keep; as the tenant's role."""
    with driver.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into {} values (%s, %s, %s, %s, %s, %s, %s)").format(
                sql.Identifier(tenant.schema, KEPT)
            ),
            [
                (
                    rollback,
                    row.migration,
                    row.entity,
                    psycopg.types.json.Jsonb(list(row.key)),
                    row.why.value,
                    row.by_entity,
                    row.by_migration,
                )
                for row in rows
            ],
        )


def counts(
    driver: psycopg.Connection, tenant: Tenant, rollback: int, migration: int
) -> dict[str, dict[str, int]]:
    """Entity → why → rows; as the tenant's role."""
    rows = driver.execute(
        sql.SQL(
            """select entity, why, count(*) from {} where rollback = %s and migration = %s
               group by 1, 2 order by 1, 2"""
        ).format(sql.Identifier(tenant.schema, KEPT)),
        [rollback, migration],
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for entity, why, number in rows:
        found.setdefault(entity, {})[why] = number
    return {entity: found[entity] for entity in ENTITIES if entity in found}


def forget(driver: psycopg.Connection, tenant: Tenant, rollbacks: list[int]) -> None:
    """Forgets what rollbacks kept; as the tenant's role."""
    driver.execute(
        sql.SQL("delete from {} where rollback = any(%s)").format(
            sql.Identifier(tenant.schema, KEPT)
        ),
        [rollbacks],
    )
