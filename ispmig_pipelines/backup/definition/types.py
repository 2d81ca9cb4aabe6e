"""Types of the schema as the catalog has them."""

from __future__ import annotations

from ispmig_pipelines.backup.definition.parts import TypeDefinition
from ispmig_pipelines.backup.definition.questions import Catalog


def types(catalog: Catalog) -> tuple[TypeDefinition, ...]:
    grants = catalog.grants("pg_type", "typ")
    found = []
    for (
        oid, name, owner, has_acl, comment, kind, labels, base, collation, default, not_null,
        checks, attributes, range_options,
    ) in catalog.rows(
        """select t.oid, t.typname::text, t.typowner::bigint, t.typacl is not null,
                   obj_description(t.oid, 'pg_type'),
                   case t.typtype when 'e' then 'enum' when 'd' then 'domain'
                        when 'r' then 'range' else 'composite' end,
                   (select coalesce(array_agg(e.enumlabel::text order by e.enumsortorder),
                                    '{}') from pg_enum e where e.enumtypid = t.oid),
                   case t.typtype when 'd' then format_type(t.typbasetype, t.typtypmod)
                        when 'r' then format_type(g.rngsubtype, null) end,
                   case when t.typtype = 'd' and t.typcollation <> b.typcollation
                        then t.typcollation::regcollation::text end,
                   t.typdefault, t.typnotnull,
                   (select coalesce(jsonb_agg(jsonb_build_array(o.conname,
                           pg_get_constraintdef(o.oid)) order by o.conname collate "C"), '[]')
                    from pg_constraint o where o.contypid = t.oid and o.contype = 'c'),
                   (select coalesce(jsonb_agg(jsonb_build_array(a.attname,
                           format_type(a.atttypid, a.atttypmod)) order by a.attnum), '[]')
                    from pg_attribute a where a.attrelid = nullif(t.typrelid, 0)
                      and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped),
                   (select coalesce(jsonb_agg(jsonb_build_array(word, name)), '[]')
                    from (values
                        ('subtype_opclass', (select quote_ident(s.nspname) || '.'
                             || quote_ident(k.opcname) from pg_opclass k
                             join pg_namespace s on s.oid = k.opcnamespace
                             where k.oid = g.rngsubopc and not k.opcdefault)),
                        ('collation', case when g.rngcollation <> u.typcollation
                             then g.rngcollation::regcollation::text end),
                        ('subtype_diff', nullif(g.rngsubdiff, 0)::regproc::text),
                        ('multirange_type_name', (select m.typname::text
                             from pg_type m where m.oid = g.rngmultitypid))
                    ) found(word, name) where name is not null and t.typtype = 'r')
            from pg_type t left join pg_type b on b.oid = t.typbasetype
            left join pg_class r on r.oid = t.typrelid
            left join pg_range g on g.rngtypid = t.oid
            left join pg_type u on u.oid = g.rngsubtype
            where t.typnamespace = %(schema)s
              and (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and r.relkind = 'c')
              and not exists (select from pg_depend x where x.deptype = 'e'
                  and x.classid = 'pg_type'::regclass and x.objid = t.oid)
            order by t.oid"""
    ):  # fmt: skip
        found.append(
            TypeDefinition(
                name=name, owner=catalog.who(owner),
                grants=grants.get(oid, ()) if has_acl else None, comment=comment,
                kind=kind, labels=labels, base=base, collation=collation,
                default=default, not_null=not_null,
                checks=tuple(map(tuple, checks)),
                attributes=tuple(map(tuple, attributes)),
                range_options=tuple(map(tuple, range_options)),
            )
        )  # fmt: skip
    return tuple(found)
