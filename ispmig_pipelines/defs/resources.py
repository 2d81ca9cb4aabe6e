"""What ops need from outside: the database, and the tenant they work for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa
from dagster import ConfigurableResource, InitResourceContext
from pydantic import PrivateAttr
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.platform import catalogs, ledger, tenants
from ispmig_pipelines.platform.server import engine, is_embedded, told_plainly
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import Staging


class Platform(ConfigurableResource):
    """The platform's database and staging store, for the time of one run."""

    _held: dict[str, tuple[ExitStack, Connection]] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["Platform"]:
        try:
            yield self
        finally:
            for stack, _ in self._held.values():
                stack.close()
            self._held.clear()

    def engine(self) -> Engine:
        """The engine, with the ledger ready."""
        database = engine()
        ledger.prepare(database)
        with database.begin() as connection:
            catalogs.close(tenants.raw(connection), embedded=is_embedded())
        return database

    def hold(self, slug: str) -> Tenant:
        """The tenant, held for this run until it ends: no other run may work on it.

        Raises:
            TenantError: there is no such tenant.
            TenantBusy: another run holds it.
        """
        if slug in self._held and not self._alive(self._held[slug][1]):
            # The server restarted, and the lock went with the session: take it again.
            self._held.pop(slug)[0].close()
        if slug not in self._held:
            with ExitStack() as stack:
                connection = stack.enter_context(self.engine().connect())
                tenants.get(connection, slug)
                connection.rollback()
                stack.enter_context(tenants.lock(connection, slug))
                self._held[slug] = (stack.pop_all(), connection)
        connection = self._held[slug][1]
        tenant = tenants.get(connection, slug)
        connection.rollback()
        return tenant

    @staticmethod
    def _alive(connection: Connection) -> bool:
        try:
            connection.execute(sa.select(1))
            connection.rollback()
        except sa.exc.DBAPIError:
            return False
        return True

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection whose failures are told in words."""
        with told_plainly(), self.engine().connect() as connection:
            yield connection

    def staging(self, slug: str, migration: int) -> Staging:
        """Where the migration's data is staged."""
        return Staging(settings().staging_folder, slug, migration)
