"""Everything that a new release changes in the database, done at once instead of when it is first
needed: the ledger, Dagster's own tables, and every tenant's.

Each of these happens by itself, too, as soon as the new release does anything. Done beforehand it
is done while somebody looks, and no run has to wait for it.
"""

from typing import Any

from ispmig_pipelines.defs.instance import has_tables, instance
from ispmig_pipelines.platform import catalogs, ledger, tenants
from ispmig_pipelines.platform.server import engine, told_plainly


def versions() -> dict[str, Any]:
    """What the database is of, and what this release is; makes nothing.

    ``release``, ``dagster``: versions of the programs. ``ledger``: that of the tables (None where
    there are none), and ``ledger_newest``, this release's own. ``dagster_tables``: whether there
    are any. ``tenants``: slug → the fields that its tables lack, by entity.

    Raises:
        DatabaseError: the database cannot be used.
    """
    from importlib.metadata import version

    with told_plainly(), engine().connect() as connection:
        found = ledger.version(connection)
        # A ledger of another release may have other columns; slugs have been there ever since.
        slugs = tenants.slugs(connection) if found else []
        lacking = {slug: tenants.lacks(connection, slug) for slug in slugs}
    return {
        "release": version("ispmig-pipelines"),
        "dagster": version("dagster"),
        "ledger": found,
        "ledger_newest": ledger.VERSION,
        "dagster_tables": has_tables(),
        "tenants": lacking,
    }


def upgrade() -> dict[str, Any]:
    """Brings all tables up to this release. Doing it again changes nothing.

    Returns:
        ``ledger_before`` and ``ledger`` (versions), and ``tenants``: slug → the fields that its
        tables gained, by entity.

    Raises:
        DatabaseError: the database cannot be used, or is of a newer release; transient where
            somebody holds a tenant's table: what was done stays, and the rest can be done later.
        StorageError: Dagster's folder cannot be written.
    """
    with told_plainly():
        database = engine()
        with database.connect() as connection:
            before = ledger.version(connection)
        ledger.prepare(database)
        catalogs.prepare(database)
    with instance() as dagster, told_plainly():
        dagster.upgrade()
    with told_plainly(), database.connect() as connection:
        gained = {}
        for slug in tenants.slugs(connection):
            gained[slug] = tenants.lacks(connection, slug)
            tenants.get(connection, slug)
            connection.rollback()
    return {"ledger_before": before, "ledger": ledger.VERSION, "tenants": gained}
