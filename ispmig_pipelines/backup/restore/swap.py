"""A schema in the place of another, in a moment: the tenant's, by its name.

Names are changed, and no row is moved: references, indexes and triggers know their tables by
number. Everybody who is reading or writing is waited for, never for longer than a moment at a time;
whoever comes later finds the new tables. What was there is a restore point under another name,
where the tenant's role cannot reach it.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Collection

import psycopg
from psycopg import sql

from ispmig_pipelines.errors import BackupError, DatabaseError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import change_journal, table_locks, timeouts
from ispmig_pipelines.platform.table_locks import FIRST_PAUSE, LONGEST_PAUSE, Mode
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings

SIDE = "__restore_"
"""A schema that is being built."""

BEFORE = "__before_"
"""What was there before a restore."""

UNDONE = "__undone_"
"""What was there before a restore was undone."""

_SUFFIX = 4
_TOLD = 5


def new_name(tenant: Tenant, part: str) -> str:
    """A name beside the tenant's schema: ``tenant_acme__before_5f0c9a1e``. No slug has two
    underscores one after the other, so it is no tenant's."""
    return f"{tenant.schema}{part}{secrets.token_hex(_SUFFIX)}"


def kept(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    """Schemas in which something is kept of what was there before."""
    return _named(driver, tenant, BEFORE, UNDONE)


def drop_abandoned(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Drops side schemas that a server left which broke down, in the current transaction; the
    caller holds the tenant, so nobody builds one."""
    for schema in _named(driver, tenant, SIDE):
        drop(driver, schema)


def _named(driver: psycopg.Connection, tenant: Tenant, *parts: str) -> list[str]:
    prefixes = [f"{tenant.schema}{part}" for part in parts]
    return [
        name
        for (name,) in driver.execute(
            """select nspname::text from pg_catalog.pg_namespace, unnest(%s::text[]) prefix
               where pg_catalog.starts_with(nspname::text, prefix)
                 and length(nspname::text) = length(prefix) + %s order by nspname""",
            [prefixes, 2 * _SUFFIX],
        )
    ]


def lock(
    driver: psycopg.Connection,
    tenant: Tenant,
    mode: Mode = Mode.DEFINING,
    *,
    only: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Locks tables of the tenant's schema to the end of the transaction.

    Args:
        only: these; all of them unless said.

    Raises:
        DatabaseError: (transient) somebody works on one of them all the time; the transaction goes
            on without the locks.
    """
    asked = settings()
    until = time.monotonic() + asked.lock_patience
    pause = FIRST_PAUSE
    while True:
        driver.execute("savepoint ispmig_swap")
        try:
            tables = [name for name in _tables(driver, tenant) if not only or name in only]
            table_locks.lock(driver, tenant, [e for e in ENTITIES if e in tables], mode)
            # Others wait behind these already.
            timeouts.wait_for_locks(driver, asked.lock_timeout)
            for table in tables:
                if table not in ENTITIES:
                    driver.execute(
                        sql.SQL("lock table {} in {} mode").format(
                            sql.Identifier(tenant.schema, table), sql.SQL(mode.value)
                        )
                    )
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            driver.execute("rollback to savepoint ispmig_swap")
            driver.execute("release savepoint ispmig_swap")
        else:
            driver.execute("release savepoint ispmig_swap")
            timeouts.wait_for_locks(driver, asked.lock_patience)
            return
        rest = until - time.monotonic()
        if rest <= 0:
            raise DatabaseError(
                f"Others have been working on tables of tenant {tenant.slug} for "
                f"{asked.lock_patience:.0f} s, so that what was restored could not be put in their "
                "place. Nothing was changed. Try again when they have ended; "
                "ISPMIG_LOCK_PATIENCE says for how long they are waited for.",
                transient=True,
            )
        sleep(min(rest, pause * random.uniform(0.5, 1.5)))  # noqa: S311 - so that two part
        pause = min(2 * pause, LONGEST_PAUSE)


def _tables(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    return [
        name
        for (name,) in driver.execute(
            """select c.relname::text from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname = %s and c.relkind in ('r', 'p') order by 1""",
            [tenant.schema],
        )
    ]


_OUTSIDE = """
    with inside as (select oid from pg_namespace where nspname = %(schema)s),
    objects (class, id) as (
        select 'pg_namespace'::regclass::oid, i.oid from inside i
        union all
        select 'pg_class'::regclass::oid, c.oid from pg_class c, inside n
        where c.relnamespace = n.oid
        union all
        select 'pg_type'::regclass::oid, t.oid from pg_type t, inside n where t.typnamespace = n.oid
        union all
        select 'pg_proc'::regclass::oid, p.oid from pg_proc p, inside n
        where p.pronamespace = n.oid)
    select distinct pg_describe_object(d.classid, d.objid, 0)
    from pg_depend d join objects o on d.refclassid = o.class and d.refobjid = o.id
    where d.deptype in ('n', 'a') and case d.classid
        when 'pg_class'::regclass then (select c.relnamespace not in (select oid from inside)
            from pg_class c where c.oid = d.objid)
        when 'pg_rewrite'::regclass then (select c.relnamespace not in (select oid from inside)
            from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = d.objid)
        when 'pg_constraint'::regclass then
            (select k.connamespace not in (select oid from inside)
             from pg_constraint k where k.oid = d.objid)
        when 'pg_attrdef'::regclass then (select c.relnamespace not in (select oid from inside)
            from pg_attrdef a join pg_class c on c.oid = a.adrelid where a.oid = d.objid)
        when 'pg_trigger'::regclass then (select c.relnamespace not in (select oid from inside)
            from pg_trigger g join pg_class c on c.oid = g.tgrelid where g.oid = d.objid)
        when 'pg_policy'::regclass then (select c.relnamespace not in (select oid from inside)
            from pg_policy p join pg_class c on c.oid = p.polrelid where p.oid = d.objid)
        when 'pg_proc'::regclass then (select p.pronamespace not in (select oid from inside)
            from pg_proc p where p.oid = d.objid)
        when 'pg_type'::regclass then (select t.typnamespace not in (select oid from inside)
            from pg_type t where t.oid = d.objid)
        when 'pg_publication_rel'::regclass then true
        when 'pg_publication_namespace'::regclass then true
        else false end
    order by 1
"""


def check_nothing_outside(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Checks that nothing outside of the tenant's schema hangs on what is in it: it would go on
    hanging on what was there before, without anybody's noticing.

    Raises:
        BackupError: something does; the text says what.
    """
    found = [text for (text,) in driver.execute(_OUTSIDE, {"schema": tenant.schema})]
    if found:
        more = f", and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        raise BackupError(
            f"Outside of the schema of tenant {tenant.slug} there is what hangs on its tables: "
            f"{'; '.join(found[:_TOLD])}{more}. It would go on showing what was there before the "
            "restore. Nothing was changed. Restore table by table, in place, with --entity; or "
            "drop these, restore, and make them anew."
        )


def swap(driver: psycopg.Connection, tenant: Tenant, schema: str, part: str = BEFORE) -> str:
    """Puts a schema in the place of the tenant's, in the current transaction; returns the name
    under which what was there is kept.

    Args:
        schema: whoever had rights on it has them.
        part: of the name under which it is kept.

    Raises:
        BackupError: see :func:`check_nothing_outside`.
        DatabaseError: see :func:`lock`.
    """
    lock(driver, tenant)
    check_nothing_outside(driver, tenant)
    before = new_name(tenant, part)
    role, present = sql.Identifier(tenant.role), sql.Identifier(tenant.schema)
    driver.execute(sql.SQL("revoke all on schema {} from {}").format(present, role))
    rename = sql.SQL("alter schema {} rename to {}")
    driver.execute(rename.format(present, sql.Identifier(before)))
    driver.execute(rename.format(sql.Identifier(schema), present))
    change_journal.attach_here(driver, tenant)
    return before


def rights(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    """What the tenant's role may do in its schema: ``USAGE``, and ``CREATE`` if somebody gave it
    that."""
    row = driver.execute(
        """select pg_catalog.array_agg(a.privilege_type order by 1)
           from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
           join pg_catalog.pg_roles r on r.oid = a.grantee
           where n.nspname = %s and r.rolname = %s""",
        [tenant.schema, tenant.role],
    ).fetchone()
    return list(row[0]) if row and row[0] else []


def allow(driver: psycopg.Connection, tenant: Tenant, schema: str, rights: Collection[str]) -> None:
    """Lets the tenant's role do that in a schema."""
    for right in ("USAGE", "CREATE"):
        if right in rights:
            driver.execute(
                sql.SQL("grant {} on schema {} to {}").format(
                    sql.SQL(right), sql.Identifier(schema), sql.Identifier(tenant.role)
                )
            )


def drop(driver: psycopg.Connection, schema: str) -> None:
    """Destroys a schema that was kept."""
    driver.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
