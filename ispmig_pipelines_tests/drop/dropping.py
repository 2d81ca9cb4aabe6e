"""A house with drop places, a sensor that ticks, and runs that run: all of them real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dagster import DagsterInstance, RunRequest, SensorResult, build_sensor_context

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs.file_drop import file_drop
from ispmig_pipelines.drop import records, rules
from ispmig_pipelines.drop.places import Place, place_of
from ispmig_pipelines.drop.rules import DropRule, DropSettings
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine

SPEC = """\
version: 1
# what the billing system writes every night
sources:
  subscribers:
    files: customers.csv
entities:
  customer:
    from: subscribers
    fields:
      account_number: id
      last_name: name
      status: {constant: active}
"""

TWO = """\
version: 1
sources:
  subscribers:
    files: customers_*.csv
  tariffs:
    files: plans_*.csv
entities:
  customer:
    from: subscribers
    fields:
      account_number: id
      last_name: name
      status: {constant: active}
  plan:
    from: tariffs
    fields:
      plan_code: code
      name: name
      price: price
      currency: {constant: EUR}
"""


def customers(*numbers: int) -> str:
    """A file of customers."""
    return "id,name\n" + "".join(f"C{n},Customer {n}\n" for n in numbers)


class Yard:
    """A database with tenants, and an instance that remembers runs."""

    def __init__(self, folder: Path, instance: DagsterInstance, *slugs: str) -> None:
        self.folder = folder
        self.instance = instance
        self.engine = engine()
        ledger.prepare(self.engine)
        self.slug = slugs[0]
        for slug in slugs:
            tenants.add(self.engine, slug)

    def rule(
        self, slug: str, spec: str, *patterns: str, settle: float = 0.0, **said: object
    ) -> None:
        """Says which files a spec is for."""
        path = self.folder / "specs-of-people" / "billing.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(spec, encoding="utf-8")
        made = rules.of_spec(path, patterns, settle=settle, **said)  # type: ignore[arg-type]
        self.say(slug, lambda own: replace(own, rules=(*own.rules, made)))

    def say(self, slug: str, change: Callable[[DropSettings], DropSettings]) -> None:
        """Changes what a tenant says of its drop place."""
        with self.engine.begin() as connection:
            rules.declare(connection, slug, change(rules.of(connection, slug)))

    def settled(self) -> DropRule:
        with self.engine.connect() as connection:
            return rules.of(connection, self.slug).rules[0]

    def place(self, slug: str = "") -> Place:
        with self.engine.connect() as connection:
            return place_of(slug or self.slug, rules.of(connection, slug or self.slug).place)

    def root(self, slug: str = "") -> Path:
        root = self.folder / "drop" / (slug or self.slug)
        root.mkdir(parents=True, exist_ok=True)
        return root

    def put(self, name: str, text: str | bytes, slug: str = "") -> Path:
        """Drops a file."""
        path = self.root(slug) / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def tick(self) -> list[RunRequest]:
        """One tick of the sensor; nothing is run."""
        with build_sensor_context(instance=self.instance) as context:
            result = file_drop(context)
        return list(result.run_requests or []) if isinstance(result, SensorResult) else []

    def run(self, request: RunRequest) -> bool:
        """What the daemon does with a request: one run per key, whoever asks again."""
        keyed = {"dagster/run_key": request.run_key or "", **request.tags}
        from dagster import RunsFilter

        if self.instance.get_runs(RunsFilter(tags={"dagster/run_key": request.run_key or ""})):
            return False
        defs.get_job_def("tenant_migration").execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            run_config=dict(request.run_config),
            tags=keyed,
            raise_on_error=False,
        )
        return True

    def until_quiet(self, most: int = 12) -> int:
        """Ticks and runs until nothing is under way; returns how many runs there were."""
        ran = 0
        for _ in range(most):
            requests = self.tick()
            ran += sum(self.run(one) for one in requests)
            if not requests and not self.under_way():
                return ran
        raise AssertionError(f"still under way: {self.under_way()}")

    def under_way(self) -> list[records.Drop]:
        with self.engine.connect() as connection:
            return records.of_tenant(connection, self.slug, records.OPEN)

    def drops(self, slug: str = "") -> list[records.Drop]:
        """The oldest first."""
        with self.engine.connect() as connection:
            return records.of_tenant(connection, slug or self.slug)[::-1]

    def why(self, slug: str = "") -> dict[str, str]:
        """What still lies there, and why."""
        with self.engine.connect() as connection:
            found = records.sightings(connection, slug or self.slug)
        return {name: one.why for name, one in found.items()}

    def migrations(self, slug: str = "") -> list[ledger.Migration]:
        with self.engine.connect() as connection:
            return ledger.migrations(connection, slug or self.slug)

    def rows(self, table: str = "customer", slug: str = "") -> int:
        with self.engine.connect() as connection:
            return tenants.contents(connection, tenants.get(connection, slug or self.slug))[table]

    def lying(self, slug: str = "") -> set[str]:
        """Every file of the drop place, folders and all, without what is empty."""
        root = self.root(slug)
        return {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()}
