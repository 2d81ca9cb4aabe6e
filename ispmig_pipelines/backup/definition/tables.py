"""Tables as the catalog has them: columns, constraints, indexes, triggers, policies."""

from __future__ import annotations

from ispmig_pipelines.backup.definition.parts import (
    ColumnDefinition,
    Constraint,
    Index,
    Policy,
    TableDefinition,
    Trigger,
    key_of,
)
from ispmig_pipelines.backup.definition.questions import Catalog


def tables(catalog: Catalog) -> tuple[TableDefinition, ...]:
    grants = catalog.grants("pg_class", "rel")
    columns, constraints, indexes = columns_of(catalog), _constraints(catalog), indexes_of(catalog)
    triggers, policies = triggers_of(catalog), _policies(catalog)
    tables = []
    for (
        oid, name, owner, has_acl, comment, options, persistence, partition_by, parent, bound,
        secured, forced, identity, replica_index, clustered_on,
    ) in catalog.rows(
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
                   c.relreplident::text,
                   (select x.relname::text from pg_index i join pg_class x on x.oid = i.indexrelid
                    where i.indrelid = c.oid and i.indisreplident and c.relreplident = 'i'),
                   (select x.relname::text from pg_index i join pg_class x on x.oid = i.indexrelid
                    where i.indrelid = c.oid and i.indisclustered)
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
                name=name, owner=catalog.who(owner), comment=comment, options=tuple(options),
                grants=grants.get(oid, ()) if has_acl else None,
                columns=own_columns, key=key_of(own_columns, own), constraints=own,
                indexes=tuple(indexes.get(oid, ())), triggers=tuple(triggers.get(oid, ())),
                policies=tuple(policies.get(oid, ())), unlogged=persistence,
                partition_by=partition_by, partition_of=parent, bound=bound if parent else None,
                row_security=secured, row_security_forced=forced,
                replica_identity=identity, replica_index=replica_index,
                clustered_on=clustered_on,
            )
        )  # fmt: skip
    return tuple(tables)


def columns_of(catalog: Catalog) -> dict[int, list[ColumnDefinition]]:
    found: dict[int, list[ColumnDefinition]] = {}
    for (
        table, name, type_, collation, not_null, expression, generated, identity, storage,
        compression, comment, statistics, options, not_null_name, not_null_valid,
    ) in catalog.rows(
        """select c.oid, a.attname::text, format_type(a.atttypid, a.atttypmod),
                   case when a.attcollation <> t.typcollation
                        then a.attcollation::regcollation::text end,
                   a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text,
                   a.attidentity::text,
                   case when a.attstorage <> t.typstorage then a.attstorage::text end,
                   nullif(a.attcompression::text, ''), col_description(c.oid, a.attnum),
                   nullif(a.attstattarget, -1), coalesce(a.attoptions, '{}'),
                   nullif(o.conname::text, c.relname || '_' || a.attname || '_not_null'),
                   coalesce(o.convalidated, true)
            from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            join pg_type t on t.oid = a.atttypid
            left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
            -- From PostgreSQL 18 on.
            left join pg_constraint o on o.conrelid = c.oid and o.contype = 'n'
              and o.conkey = array[a.attnum]
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
                not_null_name=not_null_name, not_null_valid=not_null_valid,
                statistics=statistics, options=tuple(options),
            )
        )  # fmt: skip
    return found


def _constraints(catalog: Catalog) -> dict[int, list[Constraint]]:
    found: dict[int, list[Constraint]] = {}
    for table, name, kind, text, columns, refers, parents, valid, comment in catalog.rows(
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


def indexes_of(catalog: Catalog) -> dict[int, list[Index]]:
    return {
        table: [Index(name=name, text=text, comment=comment) for name, text, comment in own]
        for table, own in catalog.by(
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


def triggers_of(catalog: Catalog) -> dict[int, list[Trigger]]:
    return {
        table: [
            Trigger(name=name, text=text, enabled=enabled, comment=comment)
            for name, text, enabled, comment in own
        ]
        for table, own in catalog.by(
            """select c.oid, g.tgname::text, pg_get_triggerdef(g.oid, true),
                       g.tgenabled::text, obj_description(g.oid, 'pg_trigger')
                from pg_trigger g join pg_class c on c.oid = g.tgrelid
                where c.relnamespace = %(schema)s and c.relkind in ('r', 'p', 'v')
                  and not g.tgisinternal and g.tgparentid = 0
                  -- Of the change journal, which is not in the schema: whoever restores gives
                  -- tables those of the journal that there is then.
                  and not exists (select from pg_proc p join pg_namespace s
                                  on s.oid = p.pronamespace
                                  where p.oid = g.tgfoid and s.nspname = %(journal)s)
                order by c.oid, g.tgname collate "C" """
        ).items()
    }


def _policies(catalog: Catalog) -> dict[int, list[Policy]]:
    commands = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}
    return {
        table: [
            Policy(
                name=name, command=commands[command], permissive=permissive,
                roles=tuple(map(catalog.who, roles)), using=using, check=check, comment=comment,
            )
            for name, command, permissive, roles, using, check, comment in own
        ]
        for table, own in catalog.by(
            """select c.oid, p.polname::text, p.polcmd::text, p.polpermissive,
                       (select array_agg(q.role::bigint) from unnest(p.polroles) q(role)),
                       pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid),
                       obj_description(p.oid, 'pg_policy')
                from pg_policy p join pg_class c on c.oid = p.polrelid
                where c.relnamespace = %(schema)s order by c.oid, p.polname collate "C" """
        ).items()
    }  # fmt: skip
