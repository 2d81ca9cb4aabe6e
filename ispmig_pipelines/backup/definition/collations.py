"""Orders of texts as the catalog has them."""

from __future__ import annotations

from ispmig_pipelines.backup.definition.parts import CollationDefinition
from ispmig_pipelines.backup.definition.questions import Catalog

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def collations(catalog: Catalog) -> tuple[CollationDefinition, ...]:
    """All of the schema's."""
    found = []
    for name, owner, comment, provider, deterministic, options in catalog.rows(
        """select o.collname::text, o.collowner::bigint, obj_description(o.oid, 'pg_collation'),
                  o.collprovider::text, o.collisdeterministic,
                  (select coalesce(jsonb_agg(jsonb_build_array(word, value)), '[]')
                   from (values
                       -- The names of these columns are others from release to release.
                       ('locale', coalesce(a.about ->> 'colllocale', a.about ->> 'colliculocale')),
                       ('lc_collate', o.collcollate), ('lc_ctype', o.collctype),
                       ('rules', a.about ->> 'collicurules')
                   ) found(word, value)
                   where value is not null
                     and (o.collprovider = 'c') = (word in ('lc_collate', 'lc_ctype')))
           from pg_collation o cross join lateral (select to_jsonb(o)) a(about)
           where o.collnamespace = %(schema)s and o.collprovider in ('c', 'i', 'b')
             and o.collencoding in (-1, (select d.encoding from pg_database d
                                         where d.datname = current_database()))
             and not exists (select from pg_depend x where x.deptype = 'e'
                 and x.classid = 'pg_collation'::regclass and x.objid = o.oid)
           order by o.collname collate "C" """
    ):
        found.append(
            CollationDefinition(
                name=name, owner=catalog.who(owner), comment=comment,
                provider=_PROVIDERS[provider], deterministic=deterministic,
                options=tuple(map(tuple, options)),
            )
        )  # fmt: skip
    return tuple(found)
