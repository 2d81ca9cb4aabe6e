"""Questions to the catalog about the tenant's schema, each about the whole of it."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.definition.parts import PLATFORM, PUBLIC, ROLE, TENANT, Grant
from ispmig_pipelines.platform.tenants import JOURNAL_ENDING, Tenant


class Catalog:
    """What is asked, in the current transaction, with the schema in the search path."""

    def __init__(self, driver: psycopg.Connection, tenant: Tenant, schema: int, owner: int) -> None:
        self.driver = driver
        self._values = {"schema": schema, "journal": f"{tenant.schema}{JOURNAL_ENDING}"}
        self.tenant = tenant
        roles = driver.execute("select oid::bigint, rolname::text from pg_catalog.pg_roles")
        self._roles = {oid: TENANT if name == tenant.role else ROLE + name for oid, name in roles}
        self._roles |= {0: PUBLIC, owner: PLATFORM}

    def who(self, role: int) -> str:
        """A role as definitions have it."""
        return self._roles.get(role, ROLE)

    def rows(self, query: LiteralString | sql.Composed) -> list[tuple[Any, ...]]:
        # Every name in the catalog is found there first, see names_of().
        return self.driver.execute(query, self._values).fetchall()

    def by(self, query: LiteralString) -> dict[int, list[tuple[Any, ...]]]:
        found: dict[int, list[tuple[Any, ...]]] = {}
        for owner, *rest in self.rows(query):
            found.setdefault(owner, []).append(tuple(rest))
        return found

    def grants(self, catalog: str, prefix: str) -> dict[int, tuple[Grant, ...]]:
        """Rights on objects of a catalog, by the object's number."""
        rows = self.rows(
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
            rows += self.rows(
                """select c.oid, a.grantee::bigint, a.privilege_type, t.attname::text,
                          a.is_grantable
                   from pg_class c join pg_attribute t on t.attrelid = c.oid,
                        aclexplode(t.attacl) a
                   where c.relnamespace = %(schema)s and not t.attisdropped order by 1, 4, 2, 3"""
            )
        found: dict[int, list[Grant]] = {}
        for oid, to, privilege, column, grantable in rows:
            found.setdefault(oid, []).append(
                Grant(to=self.who(to), privilege=privilege, column=column, grantable=grantable)
            )
        return {oid: tuple(own) for oid, own in found.items()}
