"""The tenant's rows as they would be after the migration, as far as checks ask for them.

For an entity that the migration does not touch that is the tenant's table, and for one of which
the tenant has nothing and one feed brings rows, the feed's staging table: nothing is copied then.
Otherwise both are laid over each other, in a temporary table of the few fields that are needed:
where a feed fills a field its row wins, and the tenant's row says the rest.

Beside the fields each row has ``_rank`` (0: the tenant's, which no feed touches; 1: the tenant's,
which one does; 2: new), and where it comes from: ``_place`` (of the feed in the order of loading),
``_file``, ``_record``, and ``_migration`` for the tenant's, which is null for what is staged.
In the order of :data:`ORDER`, of two rows that cannot both be right the first one stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.publish import FeedTable, is_empty
from ispmig_pipelines.platform.tenants import Tenant

ORDER = ("_rank", "_place", "_file", "_record")
_PROVENANCE = (
    ("_rank", "smallint"),
    ("_place", "integer"),
    ("_file", "integer"),
    ("_record", "bigint"),
    ("_migration", "bigint"),
)


def create_table(driver: psycopg.Connection, tenant: Tenant, entity: str) -> None:
    """Makes the temporary table for an entity of the world, with every field, of which those are
    filled that checks ask for; the tenant's role fills it."""
    table = _table(entity)
    driver.execute(sql.SQL("drop table if exists {}").format(table))
    declared = ENTITIES[entity].fields
    driver.execute(
        sql.SQL("create temporary table {} ({})").format(
            sql.Identifier(f"world_{entity}"),
            sql.SQL(", ").join(
                [
                    *(
                        sql.SQL("{} {}").format(sql.Identifier(f), ddl.column_type(info))
                        for f, info in declared.items()
                    ),
                    *(
                        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
                        for name, kind in _PROVENANCE
                    ),
                ]
            ),
        )
    )
    driver.execute(
        sql.SQL("grant select, insert, truncate on {} to {}").format(
            table, sql.Identifier(tenant.role)
        )
    )


def _table(entity: str) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"world_{entity}")


@dataclass
class World:
    """What checks look at.

    Attributes:
        feeds: all of the migration, in the order of loading.
        fields: entity → the fields that checks ask for, beside the key.
    """

    driver: psycopg.Connection
    tenant: Tenant
    feeds: Sequence[FeedTable]
    fields: Mapping[str, Collection[str]]
    _stale: set[str] = field(default_factory=set)
    _derived: dict[str, str] = field(default_factory=dict)
    _empty: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stale = set(self.fields)

    def feeds_of(self, entity: str) -> list[FeedTable]:
        """The entity's feeds, in the order of loading."""
        return [f for f in self.feeds if f.entity == entity]

    def lost(self, entities: Collection[str]) -> None:
        """Some staged rows of these entities are gone."""
        self._stale.update(entities)
        self._derived = {k: e for k, e in self._derived.items() if e not in entities}

    def to_derive(self, what: str, entity: str) -> bool:
        """Whether something that several checks need is to be derived from the entity's rows:
        nobody has asked for ``what`` since they changed."""
        is_known = what in self._derived
        self._derived[what] = entity
        return not is_known

    def rows(self, entity: str) -> sql.Composed:
        """SQL for the entity's rows, to stand in ``FROM``."""
        feeds = self.feeds_of(entity)
        if not feeds:
            return sql.SQL("({})").format(self._untouched(entity, ()))
        if len(feeds) == 1 and self.tenant_has_none(entity):
            return sql.SQL("({})").format(self._laid_over(entity, feeds, with_tenant=False))
        if entity in self._stale:
            raise LookupError(f"{entity} was not filled in")
        return sql.SQL("{}").format(_table(entity))

    def fill(self) -> list[sql.Identifier]:
        """Lays anew what has changed, as the tenant's role; returns the tables that were filled,
        which their owner is to analyze."""
        filled = []
        for entity in sorted(self._stale):
            feeds = self.feeds_of(entity)
            if feeds and not (len(feeds) == 1 and self.tenant_has_none(entity)):
                self._fill(entity, feeds)
                filled.append(_table(entity))
        self._stale.clear()
        return filled

    def tenant_has_none(self, entity: str) -> bool:
        """Whether the tenant has no row of the entity before the migration."""
        if entity not in self._empty:
            self._empty[entity] = is_empty(self.driver, self.tenant, entity)
        return self._empty[entity]

    def _columns(self, entity: str) -> list[str]:
        key = ENTITIES[entity].key
        return [*key, *(f for f in ENTITIES[entity].fields if f in self.fields[entity]
                        and f not in key)]  # fmt: skip

    def _fill(self, entity: str, feeds: Sequence[FeedTable]) -> None:
        self.driver.execute(sql.SQL("truncate {}").format(_table(entity)))
        self.driver.execute(
            sql.SQL("insert into {} ({}) {} union all {}").format(
                _table(entity),
                sql.SQL(", ").join(
                    map(sql.Identifier, [*self._columns(entity), *dict(_PROVENANCE)])
                ),
                self._laid_over(entity, feeds, with_tenant=True),
                self._untouched(entity, feeds),
            )
        )

    def _untouched(self, entity: str, feeds: Sequence[FeedTable]) -> sql.Composed:
        """The tenant's rows that no feed touches."""
        return sql.SQL(
            """select {columns}, 0::smallint as _rank, -1 as _place, t._file, t._record,
                      t._migration
               from {target} t where {untouched}"""
        ).format(
            columns=sql.SQL(", ").join(sql.Identifier("t", c) for c in self._columns(entity)),
            target=sql.Identifier(self.tenant.schema, entity),
            untouched=sql.SQL(" and ").join(
                [
                    sql.SQL("true"),
                    *(
                        sql.SQL("not exists (select from {} s where {})").format(
                            f.staged, f.same_key("s", "t")
                        )
                        for f in feeds
                    ),
                ]
            ),
        )

    def _laid_over(
        self, entity: str, feeds: Sequence[FeedTable], *, with_tenant: bool
    ) -> sql.Composed:
        """The rows that feeds touch, as they will be."""
        key = ENTITIES[entity].key
        aliases = [f"s{i}" for i in range(len(feeds))]
        one = len(feeds) == 1
        keys = (
            feeds[0].staged
            if one
            else sql.SQL("({})").format(
                sql.SQL(" union ").join(
                    sql.SQL("select {} from {}").format(
                        sql.SQL(", ").join(map(sql.Identifier, key)), f.staged
                    )
                    for f in feeds
                )
            )
        )
        joined = [sql.SQL("{} {}").format(keys, sql.Identifier(aliases[0] if one else "k"))]
        base = aliases[0] if one else "k"
        if not one:
            joined += [
                sql.SQL("left join {} {} on {}").format(
                    f.staged, sql.Identifier(alias), f.same_key(base, alias)
                )
                for f, alias in zip(feeds, aliases, strict=True)
            ]
        if with_tenant:
            joined.append(
                sql.SQL("left join {} t on {}").format(
                    feeds[0].target, feeds[0].same_key(base, "t")
                )
            )

        def value(name: str) -> sql.Composed:
            fills = [alias for f, alias in zip(feeds, aliases, strict=True) if name in f.fields]
            cases = [
                sql.SQL("when {} is not null then {}").format(
                    sql.Identifier(alias, "_record"), sql.Identifier(alias, name)
                )
                for alias in fills
            ]
            rest = (
                sql.Identifier("t", name)
                if with_tenant
                else sql.SQL("null::{}").format(ddl.column_type(ENTITIES[entity].fields[name]))
            )
            if one and fills:
                return sql.SQL("{}").format(sql.Identifier(aliases[0], name))
            if not cases:
                return sql.SQL("{}").format(rest)
            return sql.SQL("case {} else {} end").format(sql.SQL(" ").join(cases), rest)

        def first(column: str) -> sql.Composed:
            return sql.SQL("coalesce({})").format(
                sql.SQL(", ").join(sql.Identifier(alias, column) for alias in aliases)
            )

        return sql.SQL(
            """select {columns}, {rank} as _rank, {place} as _place, {file} as _file,
                      {record} as _record, null::bigint as _migration
               from {joined}"""
        ).format(
            columns=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(
                    sql.Identifier(base, c) if c in key else value(c), sql.Identifier(c)
                )
                for c in self._columns(entity)
            ),
            rank=sql.SQL(
                "(case when {} is null then 2 else 1 end)::smallint"
                if with_tenant
                else "2::smallint"
            ).format(sql.Identifier("t", "_record")),
            place=sql.SQL("case {} end").format(
                sql.SQL(" ").join(
                    sql.SQL("when {} is not null then {}").format(
                        sql.Identifier(alias, "_record"), sql.Literal(self.feeds.index(f))
                    )
                    for f, alias in zip(feeds, aliases, strict=True)
                )
            ),
            file=first("_file"),
            record=first("_record"),
            joined=sql.SQL(" ").join(joined),
        )
