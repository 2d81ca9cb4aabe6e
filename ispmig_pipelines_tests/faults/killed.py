"""Migrations in a process of their own that is killed: at a commit, or at any moment.

The process is a fork of the test's, which has everything imported: what is killed is the command
itself, and it takes a second and not ten.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from dagster import DagsterRun, ReexecutionOptions, RunsFilter, execute_job
from dagster._core.definitions.reconstruct import ReconstructableRepository
from psycopg import sql

from ispmig_pipelines import cli
from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.launch import DEFINITIONS
from ispmig_pipelines.platform import journal, ledger, tenants
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.session import Session
from ispmig_pipelines.settings import settings


def in_child(do: Callable[[], int | None], log: Path) -> int:
    """Does it in a fork of this process; returns the child's id."""
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        # Those of the test write to where pytest wants it.
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = do() or 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # it must not go on as a second pytest
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(pid: int) -> int:
    """How a child ended: its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die_at_commit(number: int, *, after: bool) -> None:
    """Lets this process be killed at its so-many-th commit, just before it or just after."""
    commit = Session.commit
    left = [number]

    def dying(self: Session) -> None:
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Session.commit = dying  # type: ignore[method-assign]


def commits_of(do: Callable[[], int | None], into: Path) -> Callable[[], int | None]:
    """The same, writing down at its end how many commits it made."""

    def counting() -> int | None:
        made = [0]
        commit = Session.commit

        def counted(self: Session) -> None:
            made[0] += 1
            commit(self)

        Session.commit = counted  # type: ignore[method-assign]
        try:
            return do()
        finally:
            into.write_text(str(made[0]))

    return counting


@dataclass
class Scene:
    """A home with a spec, on one server; tenants come and go in it."""

    spec: Path
    log: Path
    tenants: int = 0

    def tenant(self) -> str:
        """A new tenant."""
        self.tenants += 1
        database = engine()
        ledger.prepare(database)
        return tenants.add(database, f"t{self.tenants}").slug

    def migration(self, slug: str) -> Callable[[], int | None]:
        """``ispmig migrate`` of the spec for a tenant."""

        def run() -> int | None:
            sys.argv = [
                "ispmig", "migrate", slug, str(self.spec), "--max-quarantined", "10", "--json"
            ]  # fmt: skip
            return cli.main()

        return run

    def retry(self, slug: str) -> int | None:
        """Retries the tenant's newest run from its failure; None where nothing can be retried."""
        with instance() as dagster:
            living.bury(dagster)
            newest = next(iter(self.runs(slug)), None)
            if newest is None or not newest.is_failure:
                return None
            if not any(e.step_key for e in dagster.all_logs(newest.run_id)):
                return None
            result = execute_job(
                ReconstructableRepository.for_module(DEFINITIONS, "defs").get_reconstructable_job(
                    "tenant_migration"
                ),
                instance=dagster,
                tags={"dagster/partition": slug, "ispmig/tenant": slug},
                reexecution_options=ReexecutionOptions.from_failure(newest.run_id, dagster),
            )
            return 0 if result.success else 1

    def runs(self, slug: str) -> list[DagsterRun]:
        """Dagster's runs of a tenant, the newest first."""
        with instance() as dagster:
            return list(dagster.get_runs(RunsFilter(tags={"ispmig/tenant": slug})))

    def entries(self, slug: str) -> list[ledger.Migration]:
        with engine().connect() as connection:
            return ledger.migrations(connection, slug)

    def content(self, slug: str) -> str:
        """The content digest of a tenant."""
        with engine().connect() as connection:
            tenant = tenants.get(connection, slug)
            connection.rollback()
            return str(digest(tenants.raw(connection), tenant)["digest"])

    def problems(self, slug: str, content: str, counts: dict[str, dict[str, int]]) -> list[str]:
        """What is not as after one undisturbed migration."""
        found = []
        entries = self.entries(slug)
        done = [e for e in entries if e.state is State.DONE]
        if len(done) != 1:
            found.append(f"{len(done)} entries are done")
        found += [
            f"migration {e.id} is {e.state.value}"
            for e in entries
            if e.state not in (State.DONE, State.FAILED, State.UNDONE)
        ]
        if any(e.entities != counts for e in done):
            found.append(f"counts are {[e.entities for e in done]}, not {counts}")
        if self.content(slug) != content:
            found.append("the content is another")
        folder = settings().staging_folder / slug
        found += [f"{p.relative_to(folder)} is staged" for p in folder.rglob("*") if p.is_file()]
        with engine().connect() as connection:
            tenant = tenants.get(connection, slug)
            driver = tenants.raw(connection)
            of = driver.execute(
                sql.SQL("select distinct migration from {}").format(
                    sql.Identifier(tenant.schema, journal.QUARANTINE)
                )
            ).fetchall()
            # What was taken back keeps its list (docs/quarantine.md); what never stood has none.
            if {m for (m,) in of} - {e.id for e in entries if e.state is not State.FAILED}:
                found.append("the quarantine holds records of a dead run")
            locks = connection.execute(
                sa.text("select count(*) from pg_locks where locktype = 'advisory'")
            ).scalar_one()
            if locks:
                found.append(f"{locks} advisory locks are held")
        for chain in verify_chains(lambda: engine().connect()):
            found += [problem.message for problem in chain.problems]
        return found
