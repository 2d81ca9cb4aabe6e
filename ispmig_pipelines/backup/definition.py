"""What a tenant's tables are, beside their rows: read from the catalog, and told again.

Names inside the tenant's schema are kept without the schema: where PostgreSQL writes an expression
for us, the schema stands in the search path, and it does again when the expression is read back.
So a definition is the same wherever it is restored. What the catalog would qualify still is, and
PostgreSQL asks itself whether what it wrote would mean the same.

Roles are kept as who they are: ``platform`` (whoever owns the schema), ``tenant``, ``public``, or
``role:NAME``. The statements that are made of a definition are for the tenant's role: whatever an
expression does, it does with no more rights than that. Who owns what, and who may use it, is told
afterwards by the platform.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from ispmig_pipelines.platform.tenants import JOURNAL_ENDING, Tenant, as_tenant

PLATFORM, TENANT, PUBLIC = "platform", "tenant", "public"
_ROLE = "role:"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """As the manifest holds it; what is as usual is left out."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Grant(_Part):
    """A right of somebody's on an object, or on one of its columns."""

    to: str
    privilege: str
    column: str | None = None
    grantable: bool = False


class _Object(_Part):
    """Attributes:
    grants: None where they are those that every new object has.
    """

    owner: str = PLATFORM
    grants: tuple[Grant, ...] | None = None
    comment: str | None = None


class ColumnDefinition(_Part):
    """A column.

    Attributes:
        type: as PostgreSQL calls it, with its length or precision.
        collation: quoted, where it is not the type's own.
        default, generated: an expression; generated columns hold no rows' content.
        virtual: generated when it is read, and not stored.
        identity: the name of its sequence is in :class:`SequenceDefinition`.
    """

    name: str
    type: str
    collation: str | None = None
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    virtual: bool = False
    identity: Literal["always", "by default"] | None = None
    storage: str | None = None
    compression: str | None = None
    comment: str | None = None


class Constraint(_Part):
    """A constraint, as ``ALTER TABLE … ADD CONSTRAINT`` takes it.

    Attributes:
        kind: primary key (``p``), unique (``u``), check (``c``), reference (``f``), exclusion.
        columns: its own, in its order; none of an expression.
        refers: the table of this schema that a reference is to; None if it is none of this.
        parent_columns: of that table.
        text: its definition.
    """

    name: str
    kind: Literal["p", "u", "c", "f", "x"]
    text: str
    columns: tuple[str, ...] = ()
    refers: str | None = None
    parent_columns: tuple[str, ...] = ()
    validated: bool = True
    comment: str | None = None


class Index(_Part):
    """An index that is no constraint's."""

    name: str
    text: str
    comment: str | None = None


class Trigger(_Part):
    """A trigger; ``enabled`` as in ``pg_trigger``: O, D, R or A."""

    name: str
    text: str
    enabled: str = "O"
    comment: str | None = None


class Policy(_Part):
    """A policy of row security."""

    name: str
    command: Literal["all", "select", "insert", "update", "delete"]
    permissive: bool
    roles: tuple[str, ...]
    using: str | None = None
    check: str | None = None


class TableDefinition(_Object):
    """A table.

    Attributes:
        key: columns of its primary key, else of the first unique constraint on columns that are
            never null; none where it has neither.
        options: storage parameters, ``name=value``.
        partition_by: of a partitioned table, which has no rows of its own.
        partition_of, bound: of a partition.
        replica_identity: ``f`` or ``n``; ``d`` is the key.
    """

    name: str
    columns: tuple[ColumnDefinition, ...]
    key: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    policies: tuple[Policy, ...] = ()
    options: tuple[str, ...] = ()
    unlogged: bool = False
    partition_by: str | None = None
    partition_of: str | None = None
    bound: str | None = None
    row_security: bool = False
    row_security_forced: bool = False
    replica_identity: str = "d"

    @property
    def stored(self) -> tuple[ColumnDefinition, ...]:
        """Columns that hold content: all but the generated ones."""
        return tuple(column for column in self.columns if column.generated is None)


class SequenceDefinition(_Object):
    """A sequence, with where it stands.

    Attributes:
        owned_by: table and column with which it goes.
        identity: it is the column's own (``GENERATED … AS IDENTITY``).
    """

    name: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    last_value: int
    is_called: bool
    owned_by: tuple[str, str] | None = None
    identity: bool = False


class TypeDefinition(_Object):
    """A type of the schema: an enumeration, a domain or a row."""

    name: str
    kind: Literal["enum", "domain", "composite"]
    labels: tuple[str, ...] = ()
    base: str | None = None
    collation: str | None = None
    default: str | None = None
    not_null: bool = False
    checks: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class Function(_Object):
    """A function or procedure.

    Attributes:
        arguments: with names, modes and defaults; identity: without defaults.
        options: words between the signature and the body, of a fixed set.
        settings: ``name=value``.
        body: its text; where ``is_sql``, a statement of the SQL standard.
    """

    name: str
    procedure: bool = False
    arguments: str = ""
    identity: str = ""
    result: str | None = None
    language: str = "sql"
    volatility: Literal["volatile", "stable", "immutable"] = "volatile"
    parallel: Literal["unsafe", "restricted", "safe"] = "unsafe"
    strict: bool = False
    security_definer: bool = False
    cost: float | None = None
    rows: float | None = None
    settings: tuple[str, ...] = ()
    body: str = ""
    is_sql: bool = False


class View(_Object):
    """A view; its definition is a query."""

    name: str
    text: str
    materialized: bool = False
    columns: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()


class SchemaDefinition(_Object):
    """What belongs to the schema as a whole.

    Attributes:
        left_out: what is in it and cannot be restored from here, in words: ``rule x on y``.
    """

    types: tuple[TypeDefinition, ...] = ()
    sequences: tuple[SequenceDefinition, ...] = ()
    functions: tuple[Function, ...] = ()
    views: tuple[View, ...] = ()
    left_out: tuple[str, ...] = ()


class Definitions(_Part):
    """All of a schema's; tables in the order of their names."""

    schema_: SchemaDefinition
    tables: tuple[TableDefinition, ...]

    def table(self, name: str) -> TableDefinition | None:
        """The table of that name."""
        return next((table for table in self.tables if table.name == name), None)


def table_from_json(given: Mapping[str, Any]) -> TableDefinition:
    """The table that :meth:`TableDefinition.as_json` wrote.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return TableDefinition.model_validate(given)


def schema_from_json(given: Mapping[str, Any]) -> SchemaDefinition:
    """What :meth:`SchemaDefinition.as_json` wrote.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return SchemaDefinition.model_validate(given)


# -- reading ------------------------------------------------------------------------------------


@contextmanager
def names_of(driver: psycopg.Connection, schema: str) -> Iterator[None]:
    """Lets names without a schema mean those of this one, inside the current transaction.

    The system catalog stays first, and nothing else is looked into.
    """
    before = driver.execute("select pg_catalog.current_setting('search_path')").fetchone()
    path = sql.SQL("pg_catalog, {}, pg_temp").format(sql.Identifier(schema)).as_string(driver)
    driver.execute("select pg_catalog.set_config('search_path', %s, true)", [path])
    yield
    # On an error the transaction, or the savepoint, is rolled back, and the path with it.
    driver.execute("select pg_catalog.set_config('search_path', %s, true)", before)


def read(driver: psycopg.Connection, tenant: Tenant) -> Definitions:
    """What the tenant's schema holds, in the current transaction, as the platform.

    Tables are those with rows of their own, and partitioned ones; what the platform made in
    passing (the schemas of restores) is not in this one.

    Raises:
        ValueError: there is no such schema.
    """
    with names_of(driver, tenant.schema):
        found = driver.execute(
            """select oid, nspowner::bigint, nspacl is null, obj_description(oid, 'pg_namespace')
               from pg_catalog.pg_namespace where nspname = %s""",
            [tenant.schema],
        ).fetchone()
        if found is None:
            raise ValueError(f"there is no schema {tenant.schema}")
        reader = _Reader(driver, tenant, found[0], found[1])
        return Definitions(
            schema_=SchemaDefinition(
                grants=None if found[2] else reader.grants("pg_namespace", "nsp").get(found[0], ()),
                comment=found[3],
                types=reader.types(),
                sequences=reader.sequences(),
                functions=reader.functions(),
                views=reader.views(),
                left_out=reader.left_out(),
            ),
            tables=reader.tables(),
        )


def standing(driver: psycopg.Connection, tenant: Tenant, sequence: str) -> tuple[int, bool]:
    """Where a sequence of the tenant's schema stands: its last value, and whether that was given
    out; read by the tenant's role where the platform may not, as with what that role owns."""
    name = sql.Identifier(tenant.schema, sequence)
    only = driver.execute(
        """select not pg_catalog.has_sequence_privilege(%(name)s, 'select')
               and pg_catalog.has_sequence_privilege(%(role)s, %(name)s, 'select')""",
        {"name": name.as_string(driver), "role": tenant.role},
    ).fetchone()
    with as_tenant(driver, tenant) if only and only[0] else nullcontext():
        row = driver.execute(
            sql.SQL("select last_value, is_called from {}").format(name)
        ).fetchone()
    assert row is not None  # noqa: S101 - a sequence is a table of one row
    return int(row[0]), bool(row[1])


class _Reader:
    """Questions to the catalog, each about the whole schema."""

    def __init__(self, driver: psycopg.Connection, tenant: Tenant, schema: int, owner: int) -> None:
        self._driver = driver
        self._values = {"schema": schema, "journal": f"{tenant.schema}{JOURNAL_ENDING}"}
        self._tenant = tenant
        roles = driver.execute("select oid::bigint, rolname::text from pg_catalog.pg_roles")
        self._roles = {oid: TENANT if name == tenant.role else _ROLE + name for oid, name in roles}
        self._roles |= {0: PUBLIC, owner: PLATFORM}

    def _who(self, role: int) -> str:
        return self._roles.get(role, _ROLE)

    def _rows(self, query: LiteralString | sql.Composed) -> list[tuple[Any, ...]]:
        # Every name in the catalog is found there first, see names_of().
        return self._driver.execute(query, self._values).fetchall()

    def _by(self, query: LiteralString) -> dict[int, list[tuple[Any, ...]]]:
        found: dict[int, list[tuple[Any, ...]]] = {}
        for owner, *rest in self._rows(query):
            found.setdefault(owner, []).append(tuple(rest))
        return found

    def grants(self, catalog: str, prefix: str) -> dict[int, tuple[Grant, ...]]:
        """Rights on objects of a catalog, by the object's number."""
        rows = self._rows(
            sql.SQL(
                """select o.oid, a.grantee::bigint, a.privilege_type, null::text, a.is_grantable
                   from {catalog} o, aclexplode({acl}) a where {schema} = %(schema)s
                   order by 1, 2, 3"""
            ).format(
                catalog=sql.Identifier(catalog),
                acl=sql.Identifier("o", f"{prefix}acl"),
                schema=sql.Identifier("o", "oid" if prefix == "nsp" else f"{prefix}namespace"),
            )
        )
        if catalog == "pg_class":
            rows += self._rows(
                """select c.oid, a.grantee::bigint, a.privilege_type, t.attname::text,
                          a.is_grantable
                   from pg_class c join pg_attribute t on t.attrelid = c.oid,
                        aclexplode(t.attacl) a
                   where c.relnamespace = %(schema)s and not t.attisdropped order by 1, 4, 2, 3"""
            )
        found: dict[int, list[Grant]] = {}
        for oid, to, privilege, column, grantable in rows:
            found.setdefault(oid, []).append(
                Grant(to=self._who(to), privilege=privilege, column=column, grantable=grantable)
            )
        return {oid: tuple(own) for oid, own in found.items()}

    def tables(self) -> tuple[TableDefinition, ...]:
        grants = self.grants("pg_class", "rel")
        columns, constraints, indexes = self._columns(), self._constraints(), self._indexes()
        triggers, policies = self._triggers(), self._policies()
        tables = []
        for (
            oid, name, owner, has_acl, comment, options, persistence, partition_by, parent, bound,
            secured, forced, identity,
        ) in self._rows(
            """select c.oid, c.relname::text, c.relowner::bigint,
                       c.relacl is not null or exists (select from pg_attribute t
                           where t.attrelid = c.oid and t.attacl is not null),
                       obj_description(c.oid, 'pg_class'), coalesce(c.reloptions, '{}'),
                       c.relpersistence = 'u', pg_get_partkeydef(c.oid),
                       (select p.relname::text from pg_inherits i
                            join pg_class p on p.oid = i.inhparent
                        where i.inhrelid = c.oid and c.relispartition
                          and p.relnamespace = c.relnamespace),
                       pg_get_expr(c.relpartbound, c.oid), c.relrowsecurity, c.relforcerowsecurity,
                       c.relreplident::text
                from pg_class c
                where c.relnamespace = %(schema)s and c.relkind in ('r', 'p')
                  and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
                order by c.relname collate "C" """
        ):  # fmt: skip
            own = tuple(constraints.get(oid, ()))
            own_columns = tuple(columns.get(oid, ()))
            tables.append(
                TableDefinition(
                    name=name, owner=self._who(owner), comment=comment, options=tuple(options),
                    grants=grants.get(oid, ()) if has_acl else None,
                    columns=own_columns, key=_key(own_columns, own), constraints=own,
                    indexes=tuple(indexes.get(oid, ())), triggers=tuple(triggers.get(oid, ())),
                    policies=tuple(policies.get(oid, ())), unlogged=persistence,
                    partition_by=partition_by, partition_of=parent, bound=bound if parent else None,
                    row_security=secured, row_security_forced=forced,
                    replica_identity=identity if identity in ("d", "f", "n") else "d",
                )
            )  # fmt: skip
        return tuple(tables)

    def _columns(self) -> dict[int, list[ColumnDefinition]]:
        found: dict[int, list[ColumnDefinition]] = {}
        for (
            table, name, type_, collation, not_null, expression, generated, identity, storage,
            compression, comment,
        ) in self._rows(
            """select c.oid, a.attname::text, format_type(a.atttypid, a.atttypmod),
                       case when a.attcollation <> t.typcollation
                            then a.attcollation::regcollation::text end,
                       a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text,
                       a.attidentity::text,
                       case when a.attstorage <> t.typstorage then a.attstorage::text end,
                       nullif(a.attcompression::text, ''), col_description(c.oid, a.attnum)
                from pg_class c
                join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                join pg_type t on t.oid = a.atttypid
                left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
                where c.relnamespace = %(schema)s and c.relkind in ('r', 'p', 'v', 'm')
                order by c.oid, a.attnum"""
        ):  # fmt: skip
            found.setdefault(table, []).append(
                ColumnDefinition(
                    name=name, type=type_, collation=collation, not_null=not_null,
                    default=None if generated else expression,
                    generated=expression if generated else None, virtual=generated == "v",
                    identity={"a": "always", "d": "by default"}.get(identity),
                    storage=storage, compression=compression, comment=comment,
                )
            )  # fmt: skip
        return found

    def _constraints(self) -> dict[int, list[Constraint]]:
        found: dict[int, list[Constraint]] = {}
        for table, name, kind, text, columns, refers, parents, valid, comment in self._rows(
            """select c.oid, o.conname::text, o.contype::text, pg_get_constraintdef(o.oid),
                       (select coalesce(array_agg(a.attname::text order by k.place), '{}')
                        from unnest(o.conkey) with ordinality k(number, place)
                        join pg_attribute a on a.attrelid = o.conrelid and a.attnum = k.number),
                       (select p.relname::text from pg_class p
                        where p.oid = o.confrelid and p.relnamespace = c.relnamespace),
                       (select coalesce(array_agg(a.attname::text order by k.place), '{}')
                        from unnest(o.confkey) with ordinality k(number, place)
                        join pg_attribute a on a.attrelid = o.confrelid and a.attnum = k.number),
                       o.convalidated, obj_description(o.oid, 'pg_constraint')
                from pg_constraint o join pg_class c on c.oid = o.conrelid
                where c.relnamespace = %(schema)s and c.relkind in ('r', 'p')
                  and o.contype in ('p', 'u', 'c', 'f', 'x')
                  and o.conislocal and o.conparentid = 0
                order by c.oid, array_position('{p,u,x,c,f}', o.contype::text),
                         o.conname collate "C" """
        ):
            found.setdefault(table, []).append(
                Constraint(
                    name=name, kind=kind, text=text, columns=columns, refers=refers,
                    parent_columns=parents, validated=valid, comment=comment,
                )
            )  # fmt: skip
        return found

    def _indexes(self) -> dict[int, list[Index]]:
        return {
            table: [Index(name=name, text=text, comment=comment) for name, text, comment in own]
            for table, own in self._by(
                """select i.indrelid, x.relname::text, pg_get_indexdef(x.oid, 0, true),
                           obj_description(x.oid, 'pg_class')
                    from pg_index i join pg_class x on x.oid = i.indexrelid
                    join pg_class c on c.oid = i.indrelid
                    where c.relnamespace = %(schema)s and i.indisvalid and not x.relispartition
                      and not exists (select from pg_constraint o
                                      where o.conindid = x.oid and o.contype in ('p', 'u', 'x'))
                    order by i.indrelid, x.relname collate "C" """
            ).items()
        }

    def _triggers(self) -> dict[int, list[Trigger]]:
        return {
            table: [
                Trigger(name=name, text=text, enabled=enabled, comment=comment)
                for name, text, enabled, comment in own
            ]
            for table, own in self._by(
                """select c.oid, g.tgname::text, pg_get_triggerdef(g.oid, true),
                           g.tgenabled::text, obj_description(g.oid, 'pg_trigger')
                    from pg_trigger g join pg_class c on c.oid = g.tgrelid
                    where c.relnamespace = %(schema)s and c.relkind in ('r', 'p')
                      and not g.tgisinternal and g.tgparentid = 0
                      -- Of the change journal, which is not in the schema: whoever restores gives
                      -- tables those of the journal that there is then.
                      and not exists (select from pg_proc p join pg_namespace s
                                      on s.oid = p.pronamespace
                                      where p.oid = g.tgfoid and s.nspname = %(journal)s)
                    order by c.oid, g.tgname collate "C" """
            ).items()
        }

    def _policies(self) -> dict[int, list[Policy]]:
        commands = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}
        return {
            table: [
                Policy(
                    name=name, command=commands[command], permissive=permissive,
                    roles=tuple(map(self._who, roles)), using=using, check=check,
                )
                for name, command, permissive, roles, using, check in own
            ]
            for table, own in self._by(
                """select c.oid, p.polname::text, p.polcmd::text, p.polpermissive,
                           (select array_agg(q.role::bigint) from unnest(p.polroles) q(role)),
                           pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)
                    from pg_policy p join pg_class c on c.oid = p.polrelid
                    where c.relnamespace = %(schema)s order by c.oid, p.polname collate "C" """
            ).items()
        }  # fmt: skip

    def sequences(self) -> tuple[SequenceDefinition, ...]:
        grants = self.grants("pg_class", "rel")
        found = []
        for (
            oid, name, owner, has_acl, comment, type_, start, increment, minimum, maximum, cache,
            cycle, table, column, identity,
        ) in self._rows(
            """select c.oid, c.relname::text, c.relowner::bigint, c.relacl is not null,
                       obj_description(c.oid, 'pg_class'), format_type(s.seqtypid, null),
                       s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
                       t.relname::text, a.attname::text, coalesce(d.deptype = 'i', false)
                from pg_class c join pg_sequence s on s.seqrelid = c.oid
                left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
                    and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
                    and d.deptype in ('a', 'i')
                left join pg_class t on t.oid = d.refobjid and t.relnamespace = c.relnamespace
                left join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
                where c.relnamespace = %(schema)s and c.relkind = 'S'
                  and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
                order by c.relname collate "C" """
        ):  # fmt: skip
            stands = standing(self._driver, self._tenant, name)
            found.append(
                SequenceDefinition(
                    name=name, owner=self._who(owner),
                    grants=grants.get(oid, ()) if has_acl else None, comment=comment,
                    type=type_, start=start, increment=increment, minimum=minimum,
                    maximum=maximum, cache=cache, cycle=cycle, last_value=stands[0],
                    is_called=stands[1], owned_by=(table, column) if table else None,
                    identity=identity,
                )
            )  # fmt: skip
        return tuple(found)

    def types(self) -> tuple[TypeDefinition, ...]:
        grants = self.grants("pg_type", "typ")
        found = []
        for (
            oid, name, owner, has_acl, comment, kind, labels, base, collation, default, not_null,
            checks, attributes,
        ) in self._rows(
            """select t.oid, t.typname::text, t.typowner::bigint, t.typacl is not null,
                       obj_description(t.oid, 'pg_type'),
                       case t.typtype when 'e' then 'enum' when 'd' then 'domain'
                            else 'composite' end,
                       (select coalesce(array_agg(e.enumlabel::text order by e.enumsortorder),
                                        '{}') from pg_enum e where e.enumtypid = t.oid),
                       case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
                       case when t.typtype = 'd' and t.typcollation <> b.typcollation
                            then t.typcollation::regcollation::text end,
                       t.typdefault, t.typnotnull,
                       (select coalesce(jsonb_agg(jsonb_build_array(o.conname,
                               pg_get_constraintdef(o.oid)) order by o.conname collate "C"), '[]')
                        from pg_constraint o where o.contypid = t.oid and o.contype = 'c'),
                       (select coalesce(jsonb_agg(jsonb_build_array(a.attname,
                               format_type(a.atttypid, a.atttypmod)) order by a.attnum), '[]')
                        from pg_attribute a where a.attrelid = nullif(t.typrelid, 0)
                          and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped)
                from pg_type t left join pg_type b on b.oid = t.typbasetype
                left join pg_class r on r.oid = t.typrelid
                where t.typnamespace = %(schema)s
                  and (t.typtype in ('e', 'd') or t.typtype = 'c' and r.relkind = 'c')
                  and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_type'::regclass and x.objid = t.oid)
                order by t.oid"""
        ):  # fmt: skip
            found.append(
                TypeDefinition(
                    name=name, owner=self._who(owner),
                    grants=grants.get(oid, ()) if has_acl else None, comment=comment,
                    kind=kind, labels=labels, base=base, collation=collation,
                    default=default, not_null=not_null,
                    checks=tuple(map(tuple, checks)),
                    attributes=tuple(map(tuple, attributes)),
                )
            )  # fmt: skip
        return tuple(found)

    def functions(self) -> tuple[Function, ...]:
        grants = self.grants("pg_proc", "pro")
        found = []
        for (
            oid, name, owner, has_acl, comment, procedure, arguments, identity, result, language,
            volatility, parallel, strict, definer, cost, rows, set_, body, sql_body,
        ) in self._rows(
            """select p.oid, p.proname::text, p.proowner::bigint, p.proacl is not null,
                       obj_description(p.oid, 'pg_proc'), p.prokind = 'p',
                       pg_get_function_arguments(p.oid),
                       pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
                       l.lanname::text, p.provolatile::text, p.proparallel::text, p.proisstrict,
                       p.prosecdef, p.procost, nullif(p.prorows, 0), coalesce(p.proconfig, '{}'),
                       p.prosrc, pg_get_function_sqlbody(p.oid)
                from pg_proc p join pg_language l on l.oid = p.prolang
                where p.pronamespace = %(schema)s and p.prokind in ('f', 'p')
                  and l.lanname not in ('c', 'internal')
                  and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_proc'::regclass and x.objid = p.oid)
                order by p.oid"""
        ):  # fmt: skip
            found.append(
                Function(
                    name=name, owner=self._who(owner),
                    grants=grants.get(oid, ()) if has_acl else None, comment=comment,
                    procedure=procedure, arguments=arguments, identity=identity,
                    result=None if procedure else result, language=language,
                    volatility={"v": "volatile", "s": "stable", "i": "immutable"}[volatility],
                    parallel={"u": "unsafe", "r": "restricted", "s": "safe"}[parallel],
                    strict=strict, security_definer=definer, cost=cost, rows=rows,
                    settings=tuple(set_), body=sql_body or body, is_sql=sql_body is not None,
                )
            )  # fmt: skip
        return tuple(found)

    def views(self) -> tuple[View, ...]:
        grants, columns, indexes = (
            self.grants("pg_class", "rel"), self._columns(), self._indexes(),
        )  # fmt: skip
        return tuple(
            View(
                name=name, owner=self._who(owner), grants=grants.get(oid, ()) if has_acl else None,
                comment=comment, text=text.rstrip().rstrip(";"), materialized=materialized,
                columns=tuple(column.name for column in columns.get(oid, ())),
                options=tuple(options), indexes=tuple(indexes.get(oid, ())),
            )
            for oid, name, owner, has_acl, comment, text, materialized, options in self._rows(
                """select c.oid, c.relname::text, c.relowner::bigint, c.relacl is not null,
                           obj_description(c.oid, 'pg_class'), pg_get_viewdef(c.oid),
                           c.relkind = 'm', coalesce(c.reloptions, '{}')
                    from pg_class c
                    where c.relnamespace = %(schema)s and c.relkind in ('v', 'm')
                      and not exists (select from pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_class'::regclass and x.objid = c.oid)
                    order by c.oid"""
            )
        )  # fmt: skip

    def left_out(self) -> tuple[str, ...]:
        """What is there and has no place in a definition, in words."""
        return tuple(
            row[0]
            for row in self._rows(
                """select 'rule ' || r.rulename || ' on ' || c.relname
                    from pg_rewrite r join pg_class c on c.oid = r.ev_class
                    where c.relnamespace = %(schema)s and c.relkind in ('r', 'p')
                    union all
                    select 'foreign table ' || c.relname from pg_class c
                    where c.relnamespace = %(schema)s and c.relkind = 'f'
                    union all
                    select 'inheritance of ' || c.relname from pg_inherits i
                    join pg_class c on c.oid = i.inhrelid
                    where c.relnamespace = %(schema)s and c.relkind in ('r', 'p')
                      and not c.relispartition
                    union all
                    select 'partition ' || c.relname || ' of a table elsewhere' from pg_inherits i
                    join pg_class c on c.oid = i.inhrelid
                    join pg_class p on p.oid = i.inhparent
                    where c.relnamespace = %(schema)s and c.relispartition
                      and p.relnamespace <> c.relnamespace and c.relkind in ('r', 'p')
                    union all
                    select 'statistics ' || s.stxname from pg_statistic_ext s
                    where s.stxnamespace = %(schema)s
                    union all
                    select 'function ' || p.proname from pg_proc p
                    join pg_language l on l.oid = p.prolang
                    where p.pronamespace = %(schema)s
                      and (p.prokind not in ('f', 'p') or l.lanname in ('c', 'internal'))
                    union all
                    select 'range type ' || t.typname from pg_type t
                    where t.typnamespace = %(schema)s and t.typtype in ('r', 'm')
                    union all
                    select 'operator ' || o.oprname from pg_operator o
                    where o.oprnamespace = %(schema)s
                    union all
                    select 'collation ' || o.collname from pg_collation o
                    where o.collnamespace = %(schema)s
                    order by 1"""
            )
        )


def _key(columns: Sequence[ColumnDefinition], constraints: Sequence[Constraint]) -> tuple[str, ...]:
    never_null = {column.name for column in columns if column.not_null}
    for kind in ("p", "u"):
        for constraint in constraints:
            if constraint.kind == kind and never_null.issuperset(constraint.columns):
                return constraint.columns
    return ()
