"""Views as the catalog has them."""

from __future__ import annotations

from ispmig_pipelines.backup.definition.parts import View
from ispmig_pipelines.backup.definition.questions import Catalog
from ispmig_pipelines.backup.definition.tables import columns_of, indexes_of, triggers_of


def views(catalog: Catalog) -> tuple[View, ...]:
    grants, columns = catalog.grants("pg_class", "rel"), columns_of(catalog)
    indexes, triggers = indexes_of(catalog), triggers_of(catalog)
    return tuple(
        View(
            name=name, owner=catalog.who(owner), grants=grants.get(oid, ()) if has_acl else None,
            comment=comment, text=text.rstrip().rstrip(";"), materialized=materialized,
            columns=tuple(column.name for column in columns.get(oid, ())),
            options=tuple(options), indexes=tuple(indexes.get(oid, ())),
            defaults=tuple((c.name, c.default) for c in columns.get(oid, ()) if c.default),
            column_comments=tuple((c.name, c.comment) for c in columns.get(oid, ()) if c.comment),
            triggers=tuple(triggers.get(oid, ())),
        )
        for oid, name, owner, has_acl, comment, text, materialized, options in catalog.rows(
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
