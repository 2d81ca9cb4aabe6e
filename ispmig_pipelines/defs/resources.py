"""What ops need from outside: the database, and the tenant they work for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from dagster import ConfigurableResource, DagsterInstance, DagsterRun, InitResourceContext
from pydantic import Field, PrivateAttr
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import catalogs, ledger, tenants
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import Staging, folder_of_process, shared_place


@dataclass(frozen=True)
class _Held:
    """A tenant that is held: by a session of the server, for as long as that is the same."""

    stack: ExitStack
    connection: Connection
    session: int

    @property
    def still(self) -> bool:
        try:
            return tenants.session_of(self.connection) == self.session
        except sa.exc.SQLAlchemyError:
            return False


@lru_cache(maxsize=8)
def _close_catalogs(database: Engine) -> None:
    """Once in the life of a process: nobody opens them again unasked."""
    catalogs.prepare(database)


class Platform(ConfigurableResource):
    """The platform's database and staging store, for the time of one run, or of one of its steps
    where these are in processes of their own."""

    of_step: bool = Field(
        default=False,
        description="Each step is in a process of its own; that of the run holds the tenant.",
    )

    _held: dict[str, "_Held"] = PrivateAttr(default_factory=dict)
    _work: str = PrivateAttr(default="another command")
    _run_id: str = PrivateAttr(default="")
    _ready: Engine | None = PrivateAttr(default=None)
    _staged_here: TemporaryDirectory[str] | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["Platform"]:
        run = context.run
        try:
            if run is None:
                yield self
            elif self.of_step:
                self._run_id = run.run_id
                yield self
            else:
                with self.of_run(run, context.instance):
                    yield self
        finally:
            self._let_go()
            if self._staged_here is not None:
                self._staged_here.cleanup()
                self._staged_here = None

    @contextmanager
    def of_run(self, run: DagsterRun, instance: DagsterInstance | None) -> Iterator["Platform"]:
        """Is there for a run, in its process, until it ends: says which process that is, holds its
        tenant, and closes in the ledger what was stopped."""
        # The beginning of its id is what the UI calls a run.
        self._work = f"run {run.run_id[:8]} of {run.job_name}"
        self._run_id = run.run_id
        if instance is not None:
            living.sign(instance, run)
        try:
            yield self
        finally:
            self._close_stopped(run.run_id)
            self._let_go()

    def _let_go(self) -> None:
        for held in self._held.values():
            held.stack.close()
        self._held.clear()

    def _close_stopped(self, run_id: str) -> None:
        """Says so in the ledger where a run ends that was stopped between two ops."""
        with suppress(IspmigError), self.connect() as connection:
            closing.note_ended(connection, run_id)

    def note_died(self, run_id: str) -> None:
        """Says so in the ledger where a step's process has died, which could not say it itself."""
        with suppress(IspmigError), self.connect() as connection:
            closing.note_ended(connection, run_id, closing.DIED, entered.ABANDONED)

    def engine(self) -> Engine:
        """The engine, with the ledger ready."""
        database = engine()
        if self._ready is not database:
            # Once in a run, which asks for dozens of connections.
            ledger.prepare(database)
            _close_catalogs(database)
            self._ready = database
        return database

    def hold(self, slug: str) -> Tenant:
        """The tenant, held for this run until it ends: no other run may work on it.

        Raises:
            TenantError: there is no such tenant.
            TenantBusy: another run holds it.
        """
        if self.of_step:
            with self.connect() as connection:
                tenant = tenants.get(connection, slug)
                connection.rollback()
                tenants.check_held(connection, slug, self._run_id)
            return tenant
        if slug in self._held and not self._held[slug].still:
            # The server restarted, and the lock went with the session: take it again. What a run
            # did that had the tenant meanwhile, the ledger says: it has closed our migration.
            self._held.pop(slug).stack.close()
        if slug not in self._held:
            with ExitStack() as stack:
                connection = stack.enter_context(self.engine().connect())
                tenants.get(connection, slug)
                connection.rollback()
                stack.enter_context(tenants.lock(connection, slug, self._work, run=self._run_id))
                session = tenants.session_of(connection)
                self._held[slug] = _Held(stack.pop_all(), connection, session)
        connection = self._held[slug].connection
        tenant = tenants.get(connection, slug)
        connection.rollback()
        return tenant

    def keep(self, slug: str) -> None:
        """Takes the tenant unless it is held, if that can be done now: of a run whose steps find
        out, and say, where it cannot."""
        if slug in self._held and self._held[slug].still:
            return
        with suppress(IspmigError), told_plainly():
            self.hold(slug)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection whose failures are told in words."""
        with told_plainly(), self.engine().connect() as connection:
            yield connection

    def staging(self, slug: str, migration: int) -> Staging:
        """Where the migration's data is staged."""
        root, shared = settings().staging_folder, shared_place()
        if shared is not None:
            if self._staged_here is None:
                self._staged_here = folder_of_process(root)
            root = Path(self._staged_here.name)
        return Staging(root, slug, migration, shared)
