"""The system catalogs, closed to tenants: names, sizes and counts of what others have.

PostgreSQL lets everybody read its catalogs. They hold no row of a table, but a tenant's role could
see there who else is on the platform (``pg_namespace``, ``pg_roles``), and how much they have
(``reltuples``, ``pg_stat_user_tables``, ``pg_relation_size``). Taking that away from ``public`` is
the only way: a role's rights cannot be less than everybody's. ``information_schema`` still shows
each role what is its own (but for its views of types: everybody may use the row type of any
table), superusers and the owner of the connection see everything, and members
of ``pg_monitor`` as much as before.

With them goes what reaches beyond a schema: advisory locks, of which one of anybody's could keep a
tenant's runs out, temporary tables and functions, and large objects.

What is closed stays so in the whole database. In the embedded one that is done without asking;
in a PostgreSQL of the user's own, where other programs may live, only if ``ISPMIG_CLOSE_CATALOGS``
says so.
"""

from __future__ import annotations

import psycopg
from psycopg import sql
from sqlalchemy.engine import Engine

from ispmig_pipelines.errors import DatabaseError
from ispmig_pipelines.platform.server import is_embedded
from ispmig_pipelines.platform.tenants import raw
from ispmig_pipelines.settings import settings

_LOCK = 0x69_73_70_6D_63_61_74  # "ispmcat": two processes must not change one catalog's rights

_CLOSE = """
do $$
declare
    part text;
begin
    for part in
        select 'select on table ' || c.oid::regclass
        from pg_catalog.pg_class c
        where c.relkind in ('r', 'v') and (
          c.relnamespace = 'information_schema'::regnamespace
          and c.relname ~ '^(udt_privileges|data_type_privileges|user_defined_types)$'
          or c.relnamespace = 'pg_catalog'::regnamespace
          and c.relname ~ ('^(pg_stat_.*|pg_statio_.*|pg_class|pg_attribute|pg_namespace|pg_tables'
              '|pg_type|pg_proc|pg_index|pg_attrdef|pg_depend|pg_shdepend|pg_sequence|pg_inherits'
              '|pg_policy|pg_publication.*|pg_event_trigger|pg_partitioned_table|pg_foreign_table'
              '|pg_db_role_setting|pg_largeobject_metadata|pg_prepared_xacts|pg_replication_slots'
              '|pg_views|pg_matviews|pg_indexes|pg_sequences|pg_rewrite|pg_rules|pg_trigger'
              '|pg_constraint|pg_policies|pg_statistic_ext|pg_stats_ext|pg_stats_ext_exprs'
              '|pg_roles|pg_user|pg_group|pg_auth_members|pg_default_acl|pg_init_privs|pg_locks'
              '|pg_description|pg_shdescription|pg_seclabels)$'))
          and pg_catalog.has_table_privilege('public', c.oid, 'select')
        union all
        select 'execute on function ' || p.oid::regprocedure
        from pg_catalog.pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace
          and p.proname ~ ('^(pg_stat_get_.*|pg_relation_size|pg_table_size'
              '|pg_total_relation_size|pg_indexes_size|pg_relation_filepath'
              '|pg_relation_filenode|pg_filenode_relation|pg_get_userbyid|pg_describe_object'
              '|pg_identify_object|pg_identify_object_as_address|pg_get_object_address|pg_get_acl'
              '|pg_lock_status|pg_blocking_pids|pg_database_size|pg_tablespace_size'
              '|pg_current_wal_.*|pg_(try_)?advisory_.*|lo_creat|lo_create|lo_from_bytea)$')
          and pg_catalog.has_function_privilege('public', p.oid, 'execute')
        union all
        select pg_catalog.format('temporary on database %I', pg_catalog.current_database())
        where pg_catalog.has_database_privilege(
            'public', pg_catalog.current_database(), 'temporary')
    loop
        execute 'grant ' || part || ' to pg_monitor';
        execute 'revoke ' || part || ' from public';
    end loop;
end $$
"""


def close(driver: psycopg.Connection, *, embedded: bool) -> bool:
    """Closes the catalogs, in the current transaction, if that is wanted and not done yet.

    Returns:
        Whether they are closed now.

    Raises:
        DatabaseError: it was asked for by ``ISPMIG_CLOSE_CATALOGS``, and this user may not.
    """
    wanted = settings().close_catalogs
    if not (embedded if wanted is None else wanted):
        return are_closed(driver)
    if not _lacking(driver):
        return True
    driver.execute(sql.SQL("select pg_catalog.pg_advisory_xact_lock({})").format(_LOCK))
    superuser = driver.execute(
        "select rolsuper from pg_catalog.pg_roles where rolname = current_user"
    ).fetchone()
    if not (superuser and superuser[0]):
        if are_closed(driver):
            # By an earlier release, which left more of them open.
            return True
        raise DatabaseError(
            "ISPMIG_CLOSE_CATALOGS asks to close the system catalogs to tenants, and only a "
            "superuser may. Start ispmig once with a superuser in ISPMIG_DATABASE_URL, or unset "
            "ISPMIG_CLOSE_CATALOGS; docs/security.md says what tenants then see of each other."
        )
    driver.execute(_CLOSE)
    return True


def are_closed(driver: psycopg.Connection) -> bool:
    """Whether not everybody may read them any more."""
    row = driver.execute(
        "select pg_catalog.has_table_privilege('public', 'pg_catalog.pg_class', 'select')"
    ).fetchone()
    return not (row and row[0])


def _lacking(driver: psycopg.Connection) -> bool:
    """Whether something is open that is to be closed: asked of what releases began to close."""
    row = driver.execute(
        """select pg_catalog.has_table_privilege('public', 'pg_catalog.pg_class', 'select')
               or pg_catalog.has_table_privilege('public', 'pg_catalog.pg_shdepend', 'select')"""
    ).fetchone()
    return bool(row and row[0])


def prepare(engine: Engine) -> None:
    """Closes the catalogs where that is wanted; cheap when there is nothing to do.

    Raises:
        DatabaseError: as :func:`close`.
    """
    with engine.begin() as connection:
        close(raw(connection), embedded=is_embedded())
