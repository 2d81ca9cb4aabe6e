"""What is in a schema and has no place in a definition: it is told, and never lost silently."""

from __future__ import annotations

from ispmig_pipelines.backup.definition.questions import Catalog


def left_out(catalog: Catalog) -> tuple[str, ...]:
    """What is there and has no place in a definition, in words."""
    return tuple(
        row[0]
        for row in catalog.rows(
            """select 'rule ' || r.rulename || ' on ' || c.relname
                from pg_rewrite r join pg_class c on c.oid = r.ev_class
                where c.relnamespace = %(schema)s and r.rulename <> '_RETURN'
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
                select 'partition ' || c.relname || ' in another schema' from pg_inherits i
                join pg_class c on c.oid = i.inhrelid
                join pg_class p on p.oid = i.inhparent
                where p.relnamespace = %(schema)s and c.relispartition
                  and p.relnamespace <> c.relnamespace and c.relkind in ('r', 'p', 'f')
                union all
                select 'that ' || c.relname || ' is of the type ' || format_type(c.reloftype, null)
                from pg_class c where c.relnamespace = %(schema)s and c.reloftype <> 0
                union all
                select 'the tablespace of ' || c.relname
                from pg_class c where c.relnamespace = %(schema)s and c.reltablespace <> 0
                union all
                select 'the access method of ' || c.relname
                from pg_class c join pg_am m on m.oid = c.relam
                where c.relnamespace = %(schema)s and c.relkind in ('r', 'p', 'm')
                  and m.amname <> 'heap'
                union all
                select 'index ' || x.relname || ', which is not valid'
                from pg_index i join pg_class x on x.oid = i.indexrelid
                where x.relnamespace = %(schema)s and not i.indisvalid
                union all
                select 'statistics ' || s.stxname from pg_statistic_ext s
                where s.stxnamespace = %(schema)s
                union all
                select 'function ' || p.proname from pg_proc p
                join pg_language l on l.oid = p.prolang
                where p.pronamespace = %(schema)s
                  and (p.prokind not in ('f', 'p') or l.lanname in ('c', 'internal'))
                  -- Those that make values of a range type come with it.
                  and not exists (select from pg_depend x where x.deptype = 'i'
                      and x.classid = 'pg_proc'::regclass and x.objid = p.oid)
                union all
                select 'that the function ' || p.proname || ' is leakproof, or supported'
                from pg_proc p
                where p.pronamespace = %(schema)s and (p.proleakproof or p.prosupport <> 0)
                union all
                select 'base type ' || t.typname from pg_type t
                where t.typnamespace = %(schema)s and t.typtype = 'b' and t.typelem = 0
                union all
                select 'canonical function of the range type ' || t.typname
                from pg_range g join pg_type t on t.oid = g.rngtypid
                where t.typnamespace = %(schema)s and g.rngcanonical <> 0
                union all
                select 'operator ' || o.oprname from pg_operator o
                where o.oprnamespace = %(schema)s
                union all
                select 'operator class ' || o.opcname from pg_opclass o
                where o.opcnamespace = %(schema)s
                union all
                select 'operator family ' || o.opfname from pg_opfamily o
                where o.opfnamespace = %(schema)s
                union all
                select 'conversion ' || o.conname from pg_conversion o
                where o.connamespace = %(schema)s
                union all
                select 'collation ' || o.collname from pg_collation o
                where o.collnamespace = %(schema)s and o.collprovider not in ('c', 'i', 'b')
                union all
                select 'text search configuration ' || o.cfgname from pg_ts_config o
                where o.cfgnamespace = %(schema)s
                union all
                select 'text search dictionary ' || o.dictname from pg_ts_dict o
                where o.dictnamespace = %(schema)s
                union all
                select 'text search parser ' || o.prsname from pg_ts_parser o
                where o.prsnamespace = %(schema)s
                union all
                select 'text search template ' || o.tmplname from pg_ts_template o
                where o.tmplnamespace = %(schema)s
                union all
                select 'cast from ' || format_type(k.castsource, null) || ' to '
                    || format_type(k.casttarget, null)
                from pg_cast k join pg_type s on s.oid = k.castsource
                join pg_type t on t.oid = k.casttarget
                where %(schema)s in (s.typnamespace, t.typnamespace)
                  and s.typtype <> 'm' and t.typtype <> 'm'
                union all
                select 'extension ' || e.extname from pg_extension e
                where e.extnamespace = %(schema)s
                union all
                select 'rights that objects which ' || d.defaclrole::regrole::text
                    || ' makes are given'
                from pg_default_acl d where d.defaclnamespace = %(schema)s
                union all
                select 'publication ' || b.pubname || ' of the schema'
                from pg_publication_namespace n join pg_publication b on b.oid = n.pnpubid
                where n.pnnspid = %(schema)s
                union all
                select 'security label of ' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
                from pg_seclabel l join pg_class c on c.oid = l.objoid
                where l.classoid = 'pg_class'::regclass and c.relnamespace = %(schema)s
                union all
                select 'comment on the constraint ' || o.conname || ' of the domain ' || t.typname
                from pg_constraint o join pg_type t on t.oid = o.contypid
                where t.typnamespace = %(schema)s
                  and obj_description(o.oid, 'pg_constraint') is not null
                union all
                select 'comment on ' || a.attname || ' of the type ' || c.relname
                from pg_class c join pg_attribute a on a.attrelid = c.oid
                where c.relnamespace = %(schema)s and c.relkind = 'c'
                  and col_description(c.oid, a.attnum) is not null
                union all
                select 'large objects that ' || c.relname || '.' || a.attname || ' may name'
                from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
                where c.relnamespace = %(schema)s and c.relkind in ('r', 'p')
                  and a.atttypid = 'oid'::regtype and not a.attisdropped
                  and exists (select from pg_largeobject_metadata)
                order by 1"""
        )
    )
