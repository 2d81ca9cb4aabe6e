"""Measures for the report of a migration: what the source came to, and the tenant before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed, Options
from ispmig_pipelines.platform import ledger, measured
from ispmig_pipelines.platform.status_totals import StatusTotals
from ispmig_pipelines.platform.tenants import Tenant


@contextmanager
def measuring(
    platform: Platform,
    connection: Connection,
    tenant: Tenant,
    migration: int,
    feeds: Sequence[MappedFeed],
    options: Options,
) -> Iterator[None]:
    """Does the block's loading, and keeps in the ledger what it loads from, and into.

    Args:
        connection: in no transaction, before and after.
    """
    source = StatusTotals()
    for feed in feeds:
        source.add(feed.by_status)
    with connection.begin():
        ledger.add_findings(connection, migration, {measured.SOURCE: source.as_json()})
    if options.dry_run:
        yield
        return
    with measured.measured_beside(platform.connect, tenant) as wait:
        yield
        before = wait()
    if before is not None:
        with connection.begin():
            measured.keep(connection, migration, measured.BEFORE, before)
