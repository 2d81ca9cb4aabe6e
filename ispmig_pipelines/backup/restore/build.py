"""A snapshot built as a schema, in the current transaction, and verified there.

The order is that of speed and of what needs what: types, sequences, functions and tables; rows by
``COPY``; checks; keys and indexes; references; views, triggers and rights. Everything that a
manifest says is done by the tenant's role, which for this transaction alone may make things in the
new schema. What belongs to the platform is handed over to it at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.definition import names_of
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore import rights
from ispmig_pipelines.backup.restore.building import Building, Built, Changes
from ispmig_pipelines.backup.restore.plan import Plan
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform.tenants import Tenant, as_tenant
from ispmig_pipelines.settings import settings

_LEAST_INDEX_MEMORY = 256  # MB


def build(
    driver: psycopg.Connection,
    tenant: Tenant,
    repository: Repository,
    planned: Plan,
    schema: str,
    *,
    references: bool = True,
    indexes: bool = True,
    copy: bool = False,
    masker: Masker | None = None,
    changes: Changes | None = None,
    every_row: bool = True,
    begun: Building | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> Built:
    """Builds the schema, which nobody has, in the current transaction, and verifies it.

    Args:
        references, indexes: without them only rows and primary keys are verified: for what is only
            compared, or read from.
        copy: it is not to become the tenant's: nobody but the platform gets rights.
        masker: rows are masked; see :mod:`.masked`.
        changes: brings the rows from the snapshot's instant to a later one, when what was loaded
            has been verified and has its primary keys, and before all else is.
        every_row: also of large tables all rows are read back; see :mod:`.read_back`.
        begun: the schema is there, with its tables, and large ones have their rows: see
            :mod:`.large_tables`.
        told: is told what is being done.

    Raises:
        BackupDamaged: a piece is not what was stored.
        BackupError: rows are not as the manifest says, or break what it says of them.
        StorageError: a piece cannot be read.
    """
    if begun is None:
        make_schema(driver, tenant, schema)
        made = Building(
            driver, tenant, repository, planned, schema,
            masker=masker, every_row=every_row, told=told,
        )  # fmt: skip
    else:
        made = begun.on(driver)
        let_build(driver, tenant, schema)
    with told_of_rows(), rights.entitled(driver, tenant), names_of(driver, schema):
        with as_tenant(driver, tenant):
            driver.execute("set local check_function_bodies = off")
            if begun is None:
                made.tables()
            made.load()
            made.checks()
            made.primary_keys()
            if changes is not None:
                made.change(changes)
            made.keys(indexes=indexes)
            if references:
                made.references()
            if indexes:
                made.rest()
        driver.execute(
            sql.SQL("revoke all on schema {} from {}").format(
                sql.Identifier(schema), sql.Identifier(tenant.role)
            )
        )
        if not indexes:
            rights.take_over(driver, schema, made.definitions)
        else:
            left_out = rights.hand_over(
                driver, schema, planned.schema, made.definitions, made.sequences, made.roles,
                copy=copy,
            )  # fmt: skip
            made.left_out += left_out
    return made.built()


@contextmanager
def told_of_rows() -> Iterator[None]:
    """Turns what PostgreSQL says of a snapshot's rows and definitions into our errors.

    Raises:
        BackupError: they do not fit together, or are more than the tenant's role may make.
    """
    try:
        yield
    except psycopg.errors.IntegrityError as error:
        raise _broken(error) from None
    except (psycopg.errors.SyntaxError, psycopg.errors.InsufficientPrivilege) as error:
        raise BackupError(
            "PostgreSQL does not let the tenant's role make what the snapshot tells "
            f"({type(error).__name__}). Nothing was changed. Whoever made it beside the platform "
            "had more rights than the tenant, which no backup gives back: make it anew afterwards, "
            "and restore single tables with --entity."
        ) from None


def _broken(error: psycopg.errors.IntegrityError) -> BackupError:
    names = [
        f"{kind} {name}"
        for kind in ("table", "column", "constraint")
        if (name := getattr(error.diag, f"{kind}_name", None))
    ]
    return BackupError(
        "The snapshot's rows do not fit together: they break what it says of "
        f"{', '.join(names) or 'its tables'}. Nothing was changed. Restore from another snapshot, "
        "and make a full backup."
    )


def make_schema(driver: psycopg.Connection, tenant: Tenant, schema: str) -> None:
    """Makes a schema in which the tenant's role may make things, in the current transaction."""
    driver.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    driver.execute(sql.SQL("revoke all on schema {} from public").format(sql.Identifier(schema)))
    let_build(driver, tenant, schema)


def let_build(driver: psycopg.Connection, tenant: Tenant, schema: str) -> None:
    """Lets the tenant's role make things in a schema, and the current transaction take its time and
    memory."""
    take_time(driver)
    driver.execute(
        sql.SQL("grant usage, create on schema {} to {}").format(
            sql.Identifier(schema), sql.Identifier(tenant.role)
        )
    )


def take_time(driver: psycopg.Connection) -> None:
    """Lets the current transaction work as building needs it."""
    memory = max(settings().work_memory, _LEAST_INDEX_MEMORY)
    driver.execute(
        "select pg_catalog.set_config('maintenance_work_mem', %s, true),"
        # A large table takes its time, and is nobody's runaway query.
        " pg_catalog.set_config('statement_timeout', '0', true),"
        # As rows were read for the snapshot.
        " pg_catalog.set_config('lc_monetary', 'C', true),"
        " pg_catalog.set_config('synchronize_seqscans', 'off', true)",
        [f"{memory}MB"],
    )
