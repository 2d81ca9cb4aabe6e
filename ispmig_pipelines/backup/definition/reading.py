"""All of a schema's definitions, read at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.definition.collations import collations
from ispmig_pipelines.backup.definition.functions import functions
from ispmig_pipelines.backup.definition.left_out import left_out
from ispmig_pipelines.backup.definition.parts import Definitions, SchemaDefinition
from ispmig_pipelines.backup.definition.questions import Catalog
from ispmig_pipelines.backup.definition.sequences import sequences
from ispmig_pipelines.backup.definition.tables import tables
from ispmig_pipelines.backup.definition.types import types
from ispmig_pipelines.backup.definition.views import views
from ispmig_pipelines.platform.tenants import Tenant


@contextmanager
def names_of(driver: psycopg.Connection, schema: str) -> Iterator[None]:
    """Lets names without a schema mean those of this one, inside the current transaction.

    The system catalog stays first, and nothing else is looked into.
    """
    before = driver.execute("select pg_catalog.current_setting('search_path')").fetchone()
    path = sql.SQL("pg_catalog, {}, pg_temp").format(sql.Identifier(schema)).as_string(driver)
    driver.execute("select pg_catalog.set_config('search_path', %s, true)", [path])
    yield
    # On an error the transaction, or the savepoint, is rolled back, and the path with it.
    driver.execute("select pg_catalog.set_config('search_path', %s, true)", before)


def read(driver: psycopg.Connection, tenant: Tenant) -> Definitions:
    """What the tenant's schema holds, in the current transaction, as the platform.

    Tables are those with rows of their own, and partitioned ones; what the platform made in
    passing (the schemas of restores) is not in this one.

    Raises:
        ValueError: there is no such schema.
    """
    with names_of(driver, tenant.schema):
        found = driver.execute(
            """select oid, nspowner::bigint, nspacl is null, obj_description(oid, 'pg_namespace')
               from pg_catalog.pg_namespace where nspname = %s""",
            [tenant.schema],
        ).fetchone()
        if found is None:
            raise ValueError(f"there is no schema {tenant.schema}")
        catalog = Catalog(driver, tenant, found[0], found[1])
        return Definitions(
            schema_=SchemaDefinition(
                grants=None
                if found[2]
                else catalog.grants("pg_namespace", "nsp").get(found[0], ()),
                comment=found[3],
                collations=collations(catalog),
                types=types(catalog),
                sequences=sequences(catalog),
                functions=functions(catalog),
                views=views(catalog),
                left_out=left_out(catalog),
            ),
            tables=tables(catalog),
        )
