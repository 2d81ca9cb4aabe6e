"""Tenants: a schema and a role each, so that the database itself keeps them apart.

The role cannot log in and owns nothing: it may read and write the rows of its own schema and
see no other. Everything that touches a tenant's rows runs as it, by :func:`as_tenant`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.account import account
from ispmig_pipelines.errors import TenantBusy, TenantError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import additions, ddl, journal, ledger, trail
from ispmig_pipelines.platform.audit.chain import PLATFORM
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import remove_all, shared_place

_SLUG = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
MAX_SLUG = 32
_IDENTIFIER_LIMIT = 63  # PostgreSQL cuts longer names silently
_LOCK_SPACE = 0x69_73_70_6D  # "ispm"

JOURNAL_ENDING = "__journal"
"""What the name of the schema of a tenant's change journal ends with, after the tenant's own; no
slug has two underscores together. See :mod:`ispmig_pipelines.platform.change_journal`."""


@dataclass(frozen=True)
class Tenant:
    """A tenant and what is its own in the database."""

    slug: str
    schema: str
    role: str


def check_slug(slug: str) -> str:
    """The slug itself.

    Raises:
        TenantError: it cannot name a schema, a role, a folder and a partition alike.
    """
    if len(slug) > MAX_SLUG or not _SLUG.fullmatch(slug):
        raise TenantError(
            f"{slug[:60]!r} cannot be a tenant's slug. A slug has at most {MAX_SLUG} lower-case "
            "letters and digits, starts with a letter, and may have single hyphens or "
            "underscores between them: acme, north-valley, isp_2."
        )
    return slug


def describe(slug: str, database: str) -> Tenant:
    """Names of a tenant's schema and role. Roles are shared by all databases of a server, so
    the database is part of the role's name."""
    role = f"tenant_{slug}@{database}"
    if len(role.encode()) > _IDENTIFIER_LIMIT:
        role = f"tenant_{slug}@{sha256(database.encode()).hexdigest()[:16]}"
    return Tenant(slug=check_slug(slug), schema=f"tenant_{slug}", role=role)


def raw(connection: Connection) -> psycopg.Connection:
    """The psycopg connection under a SQLAlchemy one: same session, same transaction."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):  # pragma: no cover - the engine is ours
        raise TypeError("the engine does not use psycopg")
    return driver


def add(engine: Engine, slug: str) -> Tenant:
    """Makes a tenant: its schema with all tables, its role, its row in the ledger.

    Raises:
        TenantError: the slug is unusable or taken.
    """
    check_slug(slug)
    with engine.begin() as connection:
        driver = raw(connection)
        tenant = describe(slug, driver.info.dbname)
        taken = sa.select(ledger.tenants.c.slug).where(ledger.tenants.c.slug == slug)
        connection.execute(sa.text("lock table ispmig.tenants in share row exclusive mode"))
        if connection.execute(taken).first() is not None:
            raise TenantError(f"There is a tenant {slug} already. Nothing was changed.")
        make_schema(driver, tenant)
        connection.execute(sa.insert(ledger.tenants).values(slug=slug, created_at=ledger.now()))
        told = {"schema": tenant.schema, "role": tenant.role}
        _enter(connection, slug, trail.Operation.TENANT_ADDED, told)
    return tenant


def make_schema(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Makes a tenant's role, and its schema with all tables, in the current transaction.

    Raises:
        TenantError: the server has a role of that name.
    """
    _make_role(driver, tenant)
    driver.execute(sql.SQL("create schema {}").format(sql.Identifier(tenant.schema)))
    statements = (
        *ddl.create_tables(tenant.schema),
        *journal.create_tables(tenant.schema),
        *_grants(tenant),
    )
    # In one go: there are hundreds, and the server may be far away.
    driver.execute(sql.SQL(";\n").join(statements))


def _enter(
    connection: Connection, slug: str, operation: trail.Operation, details: dict[str, Any]
) -> None:
    """Enters it into the tenant's chain; and into the platform's, by which it is known that the
    tenant's was begun."""
    entry = trail.enter(
        connection, slug, operation, trail.Stage.FINISHED, actor=account(), dagster_run_id="",
        details=details,
    )  # fmt: skip
    trail.enter(
        connection, PLATFORM, operation, trail.Stage.FINISHED, actor=account(), dagster_run_id="",
        details={"tenant": slug, "entry": entry},
    )  # fmt: skip


def _make_role(driver: psycopg.Connection, tenant: Tenant) -> None:
    role = sql.Identifier(tenant.role)
    if driver.execute("select 1 from pg_roles where rolname = %s", [tenant.role]).fetchone():
        # Whose it is, and what else it may do, is not ours to know.
        raise TenantError(
            f"The server has a role {tenant.role} already, which the tenant {tenant.slug} would "
            "need. Drop the role if nobody uses it, or choose another slug."
        )
    driver.execute(
        sql.SQL("create role {} nologin nosuperuser nocreatedb nocreaterole noinherit").format(role)
    )
    # The platform must be able to become the tenant, and not carry its rights about.
    if driver.info.server_version >= 160000:
        driver.execute(
            sql.SQL("grant {} to current_user with inherit false, set true").format(role)
        )
    else:
        driver.execute(sql.SQL("grant {} to current_user").format(role))


def _grants(tenant: Tenant) -> list[sql.Composed]:
    schema, role = sql.Identifier(tenant.schema), sql.Identifier(tenant.role)

    def on(tables: Iterable[str]) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(tenant.schema, name) for name in tables)

    return [
        sql.SQL("revoke all on schema {} from public").format(schema),
        sql.SQL("grant usage on schema {} to {}").format(schema, role),
        sql.SQL("grant select, insert, update, delete on {} to {}").format(on(ENTITIES), role),
        # What was written down is not changed any more; it is taken away whole.
        sql.SQL("grant select, insert, delete on {} to {}").format(on(journal.TABLES), role),
    ]


def get(connection: Connection, slug: str) -> Tenant:
    """A tenant that exists, its tables brought up to the model if they are of an older release.

    Raises:
        TenantError: it does not; the text names the tenants there are.
    """
    check_slug(slug)
    there = slugs(connection)
    if slug not in there:
        raise TenantError(
            f"There is no tenant {slug}. Make it with: ispmig tenant add {slug}"
            + (f"  (there are: {', '.join(sorted(there))})" if there else "")
        )
    driver = raw(connection)
    tenant = describe(slug, driver.info.dbname)
    if additions.missing(driver, tenant.schema):
        # In a transaction of its own: the caller's may never be committed.
        with connection.engine.begin() as apart:
            additions.add(raw(apart), tenant.schema)
    if additions.lacks_closings(driver, tenant.schema):
        with connection.engine.begin() as apart:
            additions.add_closings(raw(apart), tenant.schema, tenant.role)
    if additions.lacks_marks(driver, tenant.schema):
        with connection.engine.begin() as apart:
            additions.add_marks(raw(apart), tenant.schema, tenant.role)
    return tenant


def slugs(connection: Connection) -> list[str]:
    """The slugs of all tenants, in their order."""
    asked = sa.select(ledger.tenants.c.slug).order_by(ledger.tenants.c.slug)
    return list(connection.execute(asked).scalars())


def lacks(connection: Connection, slug: str) -> dict[str, list[str]]:
    """Entity → the fields for which the tenant's table has no column yet; adds none."""
    driver = raw(connection)
    missing = additions.missing(driver, describe(slug, driver.info.dbname).schema)
    return {entity: list(fields) for entity, fields in missing.items()}


def list_all(connection: Connection) -> list[dict[str, object]]:
    """Every tenant with when it was made and how many migrations it has had."""
    migrations = ledger.data_migrations
    rows = connection.execute(
        sa.select(
            ledger.tenants.c.slug,
            ledger.tenants.c.created_at,
            sa.func.count(migrations.c.id).label("migrations"),
        )
        .outerjoin(migrations, migrations.c.tenant == ledger.tenants.c.slug)
        .group_by(ledger.tenants.c.slug)
        .order_by(ledger.tenants.c.slug)
    )
    return [
        {"slug": row.slug, "created_at": row.created_at.isoformat(), "migrations": row.migrations}
        for row in rows
    ]


def contents(connection: Connection, tenant: Tenant) -> dict[str, int]:
    """Rows per table of the tenant, exactly; what removing it would destroy."""
    driver = raw(connection)
    counts = {}
    with as_tenant(driver, tenant):
        for name in (*ENTITIES, journal.QUARANTINE):
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(tenant.schema, name))
            counts[name] = driver.execute(query).fetchone()[0]  # type: ignore[index]
    return counts


def remove(engine: Engine, slug: str) -> None:
    """Destroys a tenant's schema and role, what is staged of it and its dry runs' reports. Its
    migrations stay in the ledger.

    Raises:
        TenantError: there is no such tenant.
        TenantBusy: a run is working on it.
        StorageError: what is staged could not be deleted; the tenant is still there.
    """
    with engine.connect() as connection, lock(connection, slug, "tenant remove"):
        tenant = get(connection, slug)
        destroyed = {name: count for name, count in contents(connection, tenant).items() if count}
        remove_all(settings().staging_folder, slug, shared_place())
        remove_all(settings().reports_folder, slug)
        driver = raw(connection)
        driver.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(tenant.schema)))
        for kept in _kept_by_restores(driver, tenant):
            driver.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(kept)))
        journaled = sql.Identifier(f"{tenant.schema}{JOURNAL_ENDING}")
        driver.execute(sql.SQL("drop schema if exists {} cascade").format(journaled))
        if driver.info.server_version >= 160000:
            # DROP OWNED asks for the role's rights themselves, which as_tenant() needs not; whoever
            # is no superuser has them only for this transaction, at whose end the role is gone.
            driver.execute(
                sql.SQL("grant {} to current_user with inherit true").format(
                    sql.Identifier(tenant.role)
                )
            )
        driver.execute(sql.SQL("drop owned by {}").format(sql.Identifier(tenant.role)))
        driver.execute(sql.SQL("drop role {}").format(sql.Identifier(tenant.role)))
        connection.execute(sa.delete(ledger.tenants).where(ledger.tenants.c.slug == slug))
        for dropped in (ledger.drops, ledger.drop_sightings):
            # Its content goes; of one that is made anew under this slug none was migrated.
            connection.execute(sa.delete(dropped).where(dropped.c.tenant == slug))
        _enter(connection, slug, trail.Operation.TENANT_REMOVED, {"rows": destroyed})
        connection.commit()


def _kept_by_restores(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    """Schemas that hold what the tenant was before restores; see
    :mod:`ispmig_pipelines.backup.restore.swap`. No slug has two underscores together."""
    rows = driver.execute(
        """select nspname::text from pg_catalog.pg_namespace
           where pg_catalog.starts_with(nspname::text, %s)
              or pg_catalog.starts_with(nspname::text, %s)""",
        [f"{tenant.schema}__before_", f"{tenant.schema}__undone_"],
    )
    return [name for (name,) in rows]


@contextmanager
def lock(
    connection: Connection, slug: str, work: str = "another command", *, run: str = ""
) -> Iterator[None]:
    """Holds the tenant for one run: a second one is refused at once, and told so.

    The lock belongs to the session, so it ends with a process that was killed.

    Args:
        work: what the tenant is held for, without anything of its data: whoever is refused reads
            it, and so does everybody in ``pg_stat_activity``.
        run: the id of a run whose steps, in processes of their own, ask :func:`check_held`.

    Raises:
        TenantBusy: another run holds it; the text says which, and since when.
    """
    arguments = (
        sa.literal(_LOCK_SPACE, sa.Integer),
        sa.literal(_lock_key(slug), sa.Integer),
    )
    if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(*arguments))).scalar():
        connection.rollback()
        raise _busy(connection, slug)
    of_run = sa.literal(_run_key(slug, run), sa.BigInteger)
    if run:
        connection.execute(sa.select(sa.func.pg_advisory_lock(of_run)))
    name = f"{_HOLDS}{work}".encode()[:_IDENTIFIER_LIMIT].decode(errors="ignore")
    before = connection.execute(_CALL_SESSION, {"name": name}).scalar_one()
    connection.commit()
    try:
        yield
    finally:
        # A session that is gone has taken its lock with it.
        with suppress(sa.exc.SQLAlchemyError):
            connection.rollback()
            connection.execute(_CALL_SESSION, {"name": before})
            if run:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(of_run)))
            connection.execute(sa.select(sa.func.pg_advisory_unlock(*arguments)))
            connection.commit()


def check_held(connection: Connection, slug: str, run: str) -> None:
    """Whether the tenant is held for a run, by whichever of its processes.

    Raises:
        TenantBusy: it is not: another run holds it, or the one that should has lost its session.
    """
    key = sa.literal(_run_key(slug, run), sa.BigInteger)
    # Steps that ask at once share it; nobody shares it with the process that holds the tenant.
    free = connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock_shared(key))).scalar()
    connection.rollback()
    if free:
        raise _busy(connection, slug)


def _busy(connection: Connection, slug: str) -> TenantBusy:
    holder = _holder(connection, slug)
    return TenantBusy(
        f"Another run is working on tenant {slug} right now{holder}. Nothing was changed; try "
        "again when it has ended (ispmig migrations shows it as running).",
        transient=True,
    )


_HOLDS = "ispmig: "
_CALL_SESSION = sa.text(
    """with before as materialized (select current_setting('application_name') as name)
       select before.name from before
       where set_config('application_name', :name, false) is not null"""
)


def session_of(connection: Connection) -> int:
    """Which session of the server it is: locks of sessions belong to it, and end with it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: there is none any more.
    """
    if connection.invalidated:
        # It would connect anew, to a session that holds nothing.
        raise sa.exc.InvalidRequestError("its session is gone")
    session = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
    connection.rollback()
    return int(session)


def _run_key(slug: str, run: str) -> int:
    return int.from_bytes(sha256(f"{slug} {run}".encode()).digest()[:8], "big", signed=True)


def _lock_key(slug: str) -> int:
    return int.from_bytes(sha256(slug.encode()).digest()[:4], "big", signed=True)


def _holder(connection: Connection, slug: str) -> str:
    """In words, what holds a tenant and since when; "" where that is not to be known."""
    try:
        row = connection.execute(
            sa.text(
                """select a.application_name as name, a.backend_start as since
                   from pg_locks l join pg_stat_activity a using (pid)
                   where l.locktype = 'advisory' and l.granted and l.objsubid = 2
                     and l.classid = cast(:space as bigint)::oid
                     and l.objid = cast(:key as bigint)::oid
                     and l.database = (select oid from pg_database
                                       where datname = current_database())"""
            ),
            {"space": _LOCK_SPACE, "key": _lock_key(slug) & 0xFFFF_FFFF},
        ).first()
    except sa.exc.DBAPIError:
        # Somebody closed the catalogs, and this user may not read them.
        row = None
    connection.rollback()
    if row is None or row.since is None:
        return ""
    work = row.name.removeprefix(_HOLDS) or "another command"
    since = row.since.astimezone(dt.UTC).isoformat(sep=" ", timespec="seconds")
    return f": {work}, since {since}"


@contextmanager
def as_tenant(driver: psycopg.Connection, tenant: Tenant) -> Iterator[None]:
    """Runs the block's statements as the tenant's role, inside the current transaction."""
    driver.execute(sql.SQL("set local role {}").format(sql.Identifier(tenant.role)))
    yield
    # On an error the transaction is rolled back, and SET LOCAL with it.
    driver.execute("reset role")
