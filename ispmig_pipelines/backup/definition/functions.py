"""Functions and procedures as the catalog has them."""

from __future__ import annotations

from ispmig_pipelines.backup.definition.parts import Function
from ispmig_pipelines.backup.definition.questions import Catalog


def functions(catalog: Catalog) -> tuple[Function, ...]:
    grants = catalog.grants("pg_proc", "pro")
    found = []
    for (
        oid, name, owner, has_acl, comment, procedure, arguments, identity, result, language,
        volatility, parallel, strict, definer, cost, rows, set_, body, sql_body,
    ) in catalog.rows(
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
                name=name, owner=catalog.who(owner),
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
