"""Who owns what was built, and who may use it: the platform's to say, when all else is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.definition import (
    PLATFORM,
    PUBLIC,
    TENANT,
    Function,
    Grant,
    SchemaDefinition,
    SequenceDefinition,
    TableDefinition,
)
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform.tenants import Tenant

_PRIVILEGES = frozenset(
    [
        "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN",
        "USAGE", "EXECUTE", "CREATE",
    ]
)  # fmt: skip
_MAINTAIN_SINCE = 170000


@dataclass(frozen=True)
class Roles:
    """The server's roles, by who they are in a definition."""

    tenant: Tenant
    names: frozenset[str]

    @classmethod
    def present(cls, driver: psycopg.Connection, tenant: Tenant) -> Roles:
        """Those that are there, as the platform sees them."""
        found = driver.execute("select rolname::text from pg_catalog.pg_roles")
        return cls(tenant, frozenset(name for (name,) in found))

    def named(self, who: str) -> sql.Composable | None:
        """A role as a statement names it; None where there is none of that name any more."""
        if who == PUBLIC:
            return sql.SQL("public")
        if who == TENANT:
            return sql.Identifier(self.tenant.role)
        if who == PLATFORM:
            return sql.SQL("current_user")
        name = who.partition(":")[2]
        return sql.Identifier(name) if name in self.names else None


@contextmanager
def entitled(driver: psycopg.Connection, tenant: Tenant) -> Iterator[None]:
    """Lets the platform read, take over and lock what the tenant's role owns, if it is no
    superuser; in the current transaction, and for nobody else to see."""
    row = driver.execute("select pg_catalog.pg_has_role(%s, 'usage')", [tenant.role]).fetchone()
    # Whoever is a superuser may; before PostgreSQL 16 members always do, and blocks may be nested.
    needed = not (row and row[0])
    role = sql.Identifier(tenant.role)
    if needed:
        driver.execute(sql.SQL("grant {} to current_user with inherit true, set true").format(role))
    yield
    # On an error the transaction is rolled back, and the grant with it.
    if needed:
        driver.execute(
            sql.SQL("grant {} to current_user with inherit false, set true").format(role)
        )


def take_over(driver: psycopg.Connection, schema: str, tables: Sequence[TableDefinition]) -> None:
    """Makes tables the platform's, that are only held against others, or read from."""
    for table in tables:
        driver.execute(
            sql.SQL("alter table {} owner to current_user").format(
                sql.Identifier(schema, table.name)
            )
        )


def hand_over(
    driver: psycopg.Connection,
    schema: str,
    about: SchemaDefinition,
    tables: Sequence[TableDefinition],
    sequences: Sequence[SequenceDefinition],
    roles: Roles,
    *,
    copy: bool,
) -> list[str]:
    """Gives the platform what is its, and others their rights; as the platform, in the current
    transaction. Returns what could not be given, in words.

    What somebody else owned stays the tenant's: nobody gets more rights than were there.

    Args:
        copy: all of it is the platform's, and nobody else gets a right.
    """
    objects: list[tuple[str, sql.Composable, str, tuple[Grant, ...] | None]] = [
        ("table", sql.Identifier(schema, table.name), table.owner, table.grants) for table in tables
    ]
    objects += [
        (
            "materialized view" if view.materialized else "view",
            sql.Identifier(schema, view.name),
            view.owner,
            view.grants,
        )
        for view in about.views
    ]
    for sequence in sequences:
        # One that is a column's follows its table.
        owner = "" if sequence.owned_by else sequence.owner
        objects.append(("sequence", sql.Identifier(schema, sequence.name), owner, sequence.grants))
    for type_ in about.types:
        kind = "domain" if type_.kind == "domain" else "type"
        objects.append((kind, sql.Identifier(schema, type_.name), type_.owner, type_.grants))
    for function in about.functions:
        kind = "procedure" if function.procedure else "function"
        signature = _signature(driver, schema, function)
        objects.append((kind, signature, function.owner, function.grants))
        if function.comment is not None:
            _run(
                driver,
                sql.SQL("comment on {} {} is {}").format(
                    sql.SQL(kind), signature, sql.Literal(function.comment)
                ),
            )
    ownerships = [(kind, name, owner) for kind, name, owner, _ in objects]
    ownerships += [("collation", sql.Identifier(schema, c.name), c.owner) for c in about.collations]
    left_out: list[str] = []
    with driver.pipeline():
        for kind, name, owner in ownerships:
            if owner == PLATFORM or (copy and owner):
                _run(
                    driver, sql.SQL("alter {} {} owner to current_user").format(sql.SQL(kind), name)
                )
        for kind, name, _, grants in objects:
            kind = "table" if kind.endswith("view") else kind
            if copy:
                _run(driver, _revoked(kind, name))
            else:
                left_out += _grant(driver, kind, name, grants, roles)
        if not copy:
            left_out += _grant(driver, "schema", sql.Identifier(schema), about.grants, roles)
    if about.comment is not None:
        _run(
            driver,
            sql.SQL("comment on schema {} is {}").format(
                sql.Identifier(schema), sql.Literal(about.comment)
            ),
        )
    return sorted(set(left_out))


def _run(driver: psycopg.Connection, statement: sql.Composed) -> None:
    # The protocol for parameters takes one statement at a time.
    driver.execute(statement, binary=True)


def _revoked(kind: str, name: sql.Composable) -> sql.Composed:
    return sql.SQL("revoke all on {} {} from public").format(sql.SQL(kind), name)


def _grant(
    driver: psycopg.Connection,
    kind: str,
    name: sql.Composable,
    grants: tuple[Grant, ...] | None,
    roles: Roles,
) -> list[str]:
    if grants is None:
        return []
    left_out = []
    _run(driver, _revoked(kind, name))
    for grant in grants:
        if grant.to == PLATFORM or grant.privilege not in _PRIVILEGES:
            continue
        if grant.privilege == "MAINTAIN" and driver.info.server_version < _MAINTAIN_SINCE:
            continue
        role = roles.named(grant.to)
        if role is None:
            left_out.append(f"rights of the role {grant.to.partition(':')[2]}")
            continue
        _run(
            driver,
            sql.SQL("grant {}{} on {} {} to {}{}").format(
                sql.SQL(grant.privilege),
                sql.SQL(" ({})").format(sql.Identifier(grant.column))
                if grant.column
                else sql.SQL(""),
                sql.SQL(kind),
                name,
                role,
                sql.SQL(" with grant option" if grant.grantable else ""),
            ),
        )
    return left_out


def _signature(driver: psycopg.Connection, schema: str, function: Function) -> sql.Composable:
    """A function's name, with types as the catalog quotes them: nothing of the manifest's."""
    row = driver.execute(
        """select p.oid::regprocedure::text from pg_catalog.pg_proc p
           where p.pronamespace = %s::regnamespace and p.proname = %s
             and pg_catalog.pg_get_function_identity_arguments(p.oid) = %s""",
        [sql.Identifier(schema).as_string(driver), function.name, function.identity],
    ).fetchone()
    if row is None:
        raise BackupError(
            f"The snapshot's function {function.name} has other arguments than it tells. Nothing "
            "was changed. Restore from another snapshot."
        )
    return sql.SQL(row[0])
