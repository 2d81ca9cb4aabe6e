"""Taking one migration back: what it inserted goes, what it updated is put back, and what it solved
is open again. Its quarantine stays: it is what the migration found, and says of itself that the
migration was taken back.

Publishing keeps in ``_undo`` the row as it was before for each row it updates; a row with this
migration in its ``_migration`` column and no such pre-image was inserted by it.

Rows are kept (:class:`.kept.Why`) that somebody else changed or deleted since, that a later
migration wrote again, or that somebody's rows refer to. Their pre-images stay, so that the
rest can be taken back later.

All of it is set-based. Rows are put back parents first, and removed children first; a row that is
put back may refer to a parent again, and never to a row that the migration inserted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl, table_locks, timeouts
from ispmig_pipelines.platform.journal import CLOSINGS, KEPT, UNDO, key_json
from ispmig_pipelines.platform.rollback import kept
from ispmig_pipelines.platform.rollback.kept import Why
from ispmig_pipelines.platform.rollback.unreferred import unasked
from ispmig_pipelines.platform.table_locks import Mode
from ispmig_pipelines.platform.tenants import Tenant, as_tenant


@dataclass
class Undone:
    """What taking a migration back did.

    Attributes:
        removed: entity → rows that are gone.
        restored: entity → rows that are as they were before.
        put_back: entity → rows that somebody had deleted, and are there again as before.
        kept: entity → why → rows; :data:`Why.OVERWRITTEN` are among those above.
    """

    migration: int
    removed: dict[str, int] = field(default_factory=dict)
    restored: dict[str, int] = field(default_factory=dict)
    put_back: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows that it took back."""
        return sum(sum(c.values()) for c in (self.removed, self.restored, self.put_back))

    @property
    def left(self) -> int:
        """Rows that it did not take back."""
        return sum(
            rows for why in self.kept.values() for w, rows in why.items() if w != Why.OVERWRITTEN
        )

    def as_json(self) -> dict[str, Any]:
        """Counts, by entity."""
        return {
            "migration_id": self.migration,
            "removed": self.removed,
            "restored": self.restored,
            "put_back": self.put_back,
            "kept": self.kept,
        }


def touched(driver: psycopg.Connection, tenant: Tenant, migration: int) -> list[str]:
    """Entities in which a migration has left anything, be it as another one's pre-image, in the
    order of the model."""
    found = []
    for entity in ENTITIES:
        row = driver.execute(
            sql.SQL(
                """select exists (select from {target} where _migration = %(migration)s)
                     or exists (select from {journal} where migration = %(migration)s
                                and entity = %(entity)s)
                     or exists (select from {journal} where migration > %(migration)s
                                and entity = %(entity)s
                                and (row ->> '_migration')::bigint = %(migration)s)"""
            ).format(
                target=sql.Identifier(tenant.schema, entity),
                journal=sql.Identifier(tenant.schema, UNDO),
            ),
            {"migration": migration, "entity": entity},
        ).fetchone()
        if row and row[0]:
            found.append(entity)
    return found


def lock_tables(driver: psycopg.Connection, tenant: Tenant, entities: Collection[str]) -> None:
    """Keeps other writers out of what is taken back, and of what refers to it or it to, until the
    end of the transaction; readers go on seeing the state before.

    Raises:
        DatabaseError: (transient) somebody works there all the time.
    """
    near = {p for e in entities for p in ENTITIES[e].references.values()}
    near |= {e for e, info in ENTITIES.items() if set(entities) & set(info.references.values())}
    table_locks.lock(driver, tenant, near.union(entities), Mode.WRITING)


def undo(
    driver: psycopg.Connection,
    tenant: Tenant,
    migration: int,
    *,
    rollback: int = 0,
    force: bool = False,
) -> Undone:
    """Takes a published migration back, as the tenant's role in the current transaction.

    Args:
        rollback: under which id what is kept is written down.
        force: take back what somebody else changed or deleted, too. What a later migration wrote
            and what rows that stay refer to is kept all the same.

    Raises:
        DatabaseError: (transient) somebody works on the tables all the time; nothing was changed.
    """
    done = Undone(migration)
    with as_tenant(driver, tenant):
        entities = touched(driver, tenant, migration)
    timeouts.limit(driver)
    lock_tables(driver, tenant, entities)
    driver.execute(ddl.write_as(0))
    # What the migration wrote is often unknown to the planner as yet, who then joins it row by row
    # with its pre-images: 10,000 with 10,000 took minutes, and this takes a second.
    driver.execute(
        sql.SQL("analyze {}").format(
            sql.SQL(", ").join(sql.Identifier(tenant.schema, name) for name in (UNDO, *entities))
        )
    )
    with as_tenant(driver, tenant):
        parts = [_Part(driver, tenant, migration, entity, rollback, force) for entity in entities]
        for part in parts:
            done.restored[part.entity], done.put_back[part.entity] = part.restore()
    for part in reversed(parts):
        with as_tenant(driver, tenant):
            part.keep_inserted()
        with unasked(driver, tenant, part.entity), as_tenant(driver, tenant):
            done.removed[part.entity] = part.remove()
    with as_tenant(driver, tenant):
        _open_again(driver, tenant, migration)
        done.kept = kept.counts(driver, tenant, rollback, migration)
    done.removed, done.restored, done.put_back = (
        {entity: counts[entity] for entity in entities if counts[entity]}
        for counts in (done.removed, done.restored, done.put_back)
    )
    return done


def _open_again(driver: psycopg.Connection, tenant: Tenant, migration: int) -> None:
    """Opens the records again that the migration solved, but for those whose rows are kept, be it
    as a later migration's pre-image.

    Closings that were carried over to other runs of the spec, where the same records may stand
    elsewhere, go; the caller carries over again what is still closed.
    """
    there: list[sql.Composable] = [
        sql.SQL(
            """select {} as entity, _file as file, _record as record from {}
               where _migration = %(migration)s"""
        ).format(sql.Literal(entity), sql.Identifier(tenant.schema, entity))
        for entity in ENTITIES
    ]
    there.append(
        sql.SQL(
            """select entity, (row ->> '_file')::integer, (row ->> '_record')::bigint from {}
               where migration > %(migration)s and (row ->> '_migration')::bigint = %(migration)s"""
        ).format(sql.Identifier(tenant.schema, UNDO))
    )
    driver.execute(
        # What is carried over goes to later runs only, so the first one is the origin.
        sql.SQL(
            """delete from {closings} c where solved_by = %(migration)s
               and (c.migration > (select min(migration) from {closings}
                                   where solved_by = %(migration)s)
                    or not exists (select from ({there}) t
                        where (t.entity, t.file, t.record) = (c.entity, c.file, c.record)))"""
        ).format(
            closings=sql.Identifier(tenant.schema, CLOSINGS),
            there=sql.SQL(" union all ").join(there),
        ),
        {"migration": migration},
    )


@dataclass(frozen=True)
class _Part:
    """One entity's part of taking a migration back."""

    driver: psycopg.Connection
    tenant: Tenant
    migration: int
    entity: str
    rollback: int
    force: bool

    def _run(self, query: str, **parts: sql.Composable) -> int:
        """Runs a statement over ``t``, the tenant's row, and ``u``, its pre-image."""
        statement = sql.SQL(query).format(
            **{
                "target": sql.Identifier(self.tenant.schema, self.entity),
                "journal": sql.Identifier(self.tenant.schema, UNDO),
                "kept": sql.Identifier(self.tenant.schema, KEPT),
                "note": self._note,
                "key": key_json(self.entity, "t"),
                "same": self._same_key("t"),
                "rows": self._rows,
                "pre_image_kept": self._is_kept(sql.Identifier("u", "key")),
                "row_kept": self._is_kept(key_json(self.entity, "t")),
                "updated": self._updated,
            }
            | parts
        )
        return self.driver.execute(
            statement,
            {
                "migration": self.migration,
                "entity": self.entity,
                "rollback": self.rollback,
                "force": self.force,
            },
        ).rowcount

    @property
    def _note(self) -> sql.Composed:
        return sql.SQL(
            """insert into {} (rollback, migration, entity, key, why, by_entity, by_migration)"""
        ).format(sql.Identifier(self.tenant.schema, KEPT))

    def _is_kept(self, key: sql.Composable) -> sql.Composed:
        """SQL: the row of this key is kept."""
        return sql.SQL(
            """exists (select from {} k where k.rollback = %(rollback)s
                   and k.migration = %(migration)s and k.entity = %(entity)s and k.key = {}
                   and k.why <> 'overwritten')"""
        ).format(sql.Identifier(self.tenant.schema, KEPT), key)

    @property
    def _updated(self) -> sql.Composed:
        """SQL: there is a pre-image of ``t``. When all that is to be put back is, such a row is
        kept, and the migration did not insert it."""
        return sql.SQL(
            """exists (select from {} v where v.migration = %(migration)s
                   and v.entity = %(entity)s and v.key = {})"""
        ).format(sql.Identifier(self.tenant.schema, UNDO), key_json(self.entity, "t"))

    @property
    def _rows(self) -> sql.Composed:
        """SQL: ``u``, the pre-images that are put back; ``old`` is the row."""
        # Without the barrier a row would be made anew for each of its fifty columns.
        return sql.SQL(
            """(select u.key, jsonb_populate_record(null::{target}, u.row) as old
                from {journal} u
                where u.migration = %(migration)s and u.entity = %(entity)s and not {kept}
                offset 0) u"""
        ).format(
            target=sql.Identifier(self.tenant.schema, self.entity),
            journal=sql.Identifier(self.tenant.schema, UNDO),
            kept=self._is_kept(sql.Identifier("u", "key")),
        )

    def _same_key(self, alias: str) -> sql.Composed:
        info = ENTITIES[self.entity]
        return sql.SQL(" and ").join(
            sql.SQL("{} = (u.key ->> {})::{}").format(
                sql.Identifier(alias, name),
                sql.Literal(at),
                ddl.column_type(info.fields[name]),
            )
            for at, name in enumerate(info.key)
        )

    def restore(self) -> tuple[int, int]:
        """Puts back what the migration updated; returns how many rows, and how many of those that
        somebody had deleted."""
        row = self.driver.execute(
            sql.SQL(
                """select exists (select from {} where migration = %s and entity = %s)"""
            ).format(sql.Identifier(self.tenant.schema, UNDO)),
            [self.migration, self.entity],
        ).fetchone()
        if not (row and row[0]):
            return 0, 0
        self._keep_of_others()
        self._keep_without_parent()
        if self.force:
            self._run(
                """{note}
                   select %(rollback)s, u.migration, u.entity, u.key, 'overwritten', null, null
                   from {journal} u left join {target} t on {same}
                   where u.migration = %(migration)s and u.entity = %(entity)s
                     and (t._migration is null or t._changed is not null)
                     and not {pre_image_kept}
                   on conflict do nothing"""
            )
        columns = ddl.columns(ENTITIES[self.entity])
        old = sql.SQL(", ").join(sql.SQL("(u.old).{}").format(sql.Identifier(c)) for c in columns)
        put_back = 0
        if self.force:
            put_back = self._run(
                """insert into {target} ({columns})
                   select {old} from {rows}
                   where not exists (select from {target} t where {same})""",
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                old=old,
            )
        changing = [c for c in columns if c not in ENTITIES[self.entity].key]
        restored = self._run(
            """update {target} t set ({columns}) = row({values})
               from {rows} where {same} and t._migration = %(migration)s""",
            columns=sql.SQL(", ").join(map(sql.Identifier, changing)),
            values=sql.SQL(", ").join(
                sql.SQL("(u.old).{}").format(sql.Identifier(c)) for c in changing
            ),
        )
        self._run(
            """delete from {journal} u
               where u.migration = %(migration)s and u.entity = %(entity)s
                 and not {pre_image_kept}"""
        )
        return restored, put_back

    def _keep_of_others(self) -> None:
        self._run(
            """{note}
               select %(rollback)s, u.migration, u.entity, u.key,
                      case when t._migration is null then 'deleted'
                           when t._migration > %(migration)s then 'later' else 'changed' end,
                      null,
                      case when t._migration > %(migration)s then t._migration end
               from {journal} u left join {target} t on {same}
               where u.migration = %(migration)s and u.entity = %(entity)s
                 and (t._migration <> %(migration)s
                      or not %(force)s and (t._migration is null or t._changed is not null))"""
        )

    def _keep_without_parent(self) -> None:
        """Keeps what would refer to a row that is not there any more: somebody else, or the
        rollback of an earlier migration, has taken that away."""
        for name, parent in ENTITIES[self.entity].references.items():
            self._run(
                """{note}
                   select %(rollback)s, u.migration, u.entity, u.key, 'parent_gone', {parent}, null
                   from {journal} u
                   where u.migration = %(migration)s and u.entity = %(entity)s
                     and u.row ->> {name} is not null
                     and not exists (
                         select from {there} p where p.{parent_key} = (u.row ->> {name})::{kind})
                   on conflict do nothing""",
                parent=sql.Literal(parent),
                name=sql.Literal(name),
                there=sql.Identifier(self.tenant.schema, parent),
                parent_key=sql.Identifier(ENTITIES[parent].key[0]),
                kind=ddl.column_type(ENTITIES[self.entity].fields[name]),
            )

    def keep_inserted(self) -> None:
        """Keeps what the migration inserted, and others changed or refer to.

        To be called when what it updated is put back, and what refers to these rows removed.
        """
        if not self.force:
            self._run(
                """{note}
                   select %(rollback)s, %(migration)s, %(entity)s, {key}, 'changed', null, null
                   from {target} t
                   where t._migration = %(migration)s and t._changed is not null
                     and not {updated}
                   on conflict do nothing"""
            )
        self._run(
            """{note}
               select %(rollback)s, %(migration)s, u.entity, u.key, 'later', null, u.migration
               from {journal} u join {target} t on {same}
               where u.migration > %(migration)s and u.entity = %(entity)s
                 and (u.row ->> '_migration')::bigint = %(migration)s
                 and t._migration <> %(migration)s
               on conflict do nothing"""
        )
        for child, info in ENTITIES.items():
            for name, parent in info.references.items():
                if parent != self.entity:
                    continue
                self._run(
                    """{note}
                       select %(rollback)s, %(migration)s, %(entity)s, {key}, 'referred', {child},
                              min(c._migration) filter (
                                  where c._changed is null and c._migration <> %(migration)s)
                       from {target} t join {children} c on c.{name} = t.{parent_key}
                       where t._migration = %(migration)s
                         and not {updated}
                       group by {key}
                       on conflict do nothing""",
                    child=sql.Literal(child),
                    children=sql.Identifier(self.tenant.schema, child),
                    name=sql.Identifier(name),
                    parent_key=sql.Identifier(ENTITIES[self.entity].key[0]),
                )
        if self.force:
            self._run(
                """{note}
                   select %(rollback)s, %(migration)s, %(entity)s, {key}, 'overwritten', null, null
                   from {target} t
                   where t._migration = %(migration)s and t._changed is not null
                     and not {updated}
                   on conflict do nothing"""
            )

    def remove(self) -> int:
        """Removes what the migration inserted and is not kept; returns how many rows."""
        return self._run(
            """delete from {target} t where t._migration = %(migration)s
               and not {row_kept} and not {updated}"""
        )
