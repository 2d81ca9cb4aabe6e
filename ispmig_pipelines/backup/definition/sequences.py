"""Sequences as the catalog has them, and where they stand."""

from __future__ import annotations

from contextlib import nullcontext

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.definition.parts import SequenceDefinition
from ispmig_pipelines.backup.definition.questions import Catalog
from ispmig_pipelines.platform.tenants import Tenant, as_tenant


def sequences(catalog: Catalog) -> tuple[SequenceDefinition, ...]:
    grants = catalog.grants("pg_class", "rel")
    found = []
    for (
        oid, name, owner, has_acl, comment, type_, start, increment, minimum, maximum, cache,
        cycle, table, column, identity,
    ) in catalog.rows(
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
        stands = standing(catalog.driver, catalog.tenant, name)
        found.append(
            SequenceDefinition(
                name=name, owner=catalog.who(owner),
                grants=grants.get(oid, ()) if has_acl else None, comment=comment,
                type=type_, start=start, increment=increment, minimum=minimum,
                maximum=maximum, cache=cache, cycle=cycle, last_value=stands[0],
                is_called=stands[1], owned_by=(table, column) if table else None,
                identity=identity,
            )
        )  # fmt: skip
    return tuple(found)


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
