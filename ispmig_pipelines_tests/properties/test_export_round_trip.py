"""Export, then migrate into an empty tenant: the same content, whatever the tenant holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import journal, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.platform.anything import CONTROLS, anything
from ispmig_pipelines_tests.platform.loading import LENIENT, load_rows

FORMATS = ("csv", "json", "ndjson", "xml", "sql", "xlsx")


class Houses:
    """Two tenants of one platform: what is exported, and what it comes back into."""

    def __init__(self, folder: Path, instance: DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self.house = House(folder, instance, "acme")
        self.copy = House(folder, instance, "copy")
        self.exports = 0

    def hold(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Makes the first tenant hold these rows and no others."""
        self.empty(self.house)
        with self.house.engine.connect() as connection:
            load_rows(
                connection,
                self.house.tenant,
                {e: r for e, r in rows.items() if r},
                policy=LENIENT,
            )

    def empty(self, house: House) -> None:
        tables = sql.SQL(", ").join(
            sql.Identifier(house.tenant.schema, name) for name in (*ENTITIES, *journal.TABLES)
        )
        with house.engine.connect() as connection, connection.begin():
            tenants.raw(connection).execute(sql.SQL("truncate {}").format(tables))

    def export(self, **config: Any) -> Path:
        """Runs the job; returns the folder."""
        self.exports += 1
        out = self.folder / f"export-{self.exports}"
        result = defs.get_job_def("tenant_export").execute_in_process(
            instance=self.instance,
            partition_key="acme",
            run_config={"ops": {"export": {"config": {"out": str(out), **config}}}},
        )
        assert result.success
        return out

    def come_back(self, out: Path) -> None:
        """Migrates an export into the second tenant, which held nothing."""
        self.empty(self.copy)
        ran = self.copy.migrate(out / "spec.yaml", max_quarantined="0")
        assert ran.ok, (ran.failure(), self.copy.quarantine())

    def digests(self, house: House) -> dict[str, Any]:
        with house.engine.connect() as connection:
            found = digest(tenants.raw(connection), house.tenant)
        return {entity: told["digest"] for entity, told in found["entities"].items()}


@pytest.fixture
def houses(ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    with DagsterInstance.ephemeral() as instance:
        # Beside the platform's own files, where no export may lie.
        yield Houses(tmp_path_factory.mktemp("exports"), instance)


@pytest.mark.slow
@settings(
    max_examples=2,
    deadline=None,
    # A smaller seed is no simpler tenant.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6), dialect=st.sampled_from(["postgresql", "mysql", "sqlite"]))
def test_every_format_brings_back_any_tenant(houses: Houses, seed: int, dialect: str) -> None:
    houses.hold(anything(seed, size=20))
    before = houses.digests(houses.house)
    for format in FORMATS:
        out = houses.export(format=format, dialect=dialect)
        told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["entities"]
        assert {e: t["digest"] for e, t in told.items()} == before
        houses.come_back(out)
        assert houses.digests(houses.copy) == before, format


@pytest.mark.slow
def test_control_characters_come_back_where_the_format_has_them(houses: Houses) -> None:
    houses.hold(anything(1, size=10, more=CONTROLS * 3))
    before = houses.digests(houses.house)
    for format in FORMATS:
        if format != "xml":
            houses.come_back(houses.export(format=format))
            assert houses.digests(houses.copy) == before, format
