"""Runs of the real job on a real instance, for the tests of what it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, JobDefinition
from psycopg import sql

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.platform import ledger, quarantine, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import engine


def job() -> JobDefinition:
    """The job as the UI has it."""
    return defs.get_job_def("tenant_migration")


@dataclass
class Ran:
    """What a run left behind."""

    result: Any
    entry: ledger.Migration | None

    @property
    def ok(self) -> bool:
        return bool(self.result.success)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        assert self.entry is not None
        return self.entry.entities

    def failure(self) -> tuple[str, int]:
        """Message and exit code of the step that failed."""
        for event in self.result.all_events:
            if event.is_step_failure:
                told = event.step_failure_data.user_failure_data
                assert told is not None, event.step_failure_data.error.to_string()
                return told.description, told.metadata["exit_code"].value
        raise AssertionError("no step failed")


class House:
    """One database with its ledger, a tenant, and an instance that remembers runs."""

    def __init__(self, folder: Path, instance: DagsterInstance, tenant: str = "acme") -> None:
        self.folder = folder
        self.instance = instance
        self.engine = engine()
        ledger.prepare(self.engine)
        self.tenant = tenants.add(self.engine, tenant)
        instance.add_dynamic_partitions("tenants", [tenant])

    def write(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        """A file beside the spec."""
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return path

    def migrate(self, spec: str | Path = "spec.yaml", *, look: bool = True, **config: Any) -> Ran:
        """Runs the job for the tenant, to its end; looks into the ledger afterwards."""
        result = job().execute_in_process(
            instance=self.instance,
            partition_key=self.tenant.slug,
            raise_on_error=False,
            run_config={
                "ops": {"extract": {"config": {"spec": str(self.folder / spec), **config}}}
            },
        )
        return Ran(result, self.entry(result.run_id) if look else None)

    def entry(self, run_id: str) -> ledger.Migration | None:
        with self.engine.connect() as connection:
            return ledger.migration_of_run(connection, run_id)

    def digest(self) -> str:
        with self.engine.connect() as connection:
            return str(digest(tenants.raw(connection), self.tenant)["digest"])

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return (
                tenants.raw(connection)
                .execute(
                    sql.SQL("select {} from {} order by 1").format(
                        sql.SQL(columns), sql.Identifier(self.tenant.schema, table)
                    )
                )
                .fetchall()
            )

    def quarantine(self, migration: int | None = None) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            wanted = (
                quarantine.current(connection, self.tenant) if migration is None else [migration]
            )
            return list(quarantine.listing(tenants.raw(connection), self.tenant, wanted))
