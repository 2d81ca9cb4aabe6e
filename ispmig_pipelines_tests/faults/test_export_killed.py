"""An export whose process is killed leaves whole files or none, and nothing that looks finished."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from psycopg import sql

from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.test_cli import as_json

ROWS = 60_000


@pytest.fixture
def big(ispmig_home: Path) -> tenants.Tenant:
    """A tenant with customers enough for an export to take its time."""
    database = engine()
    ledger.prepare(database)
    tenant = tenants.add(database, "acme")
    with database.begin() as connection:
        tenants.raw(connection).execute(
            sql.SQL(
                """insert into {} (account_number, status, notes, _migration, _file, _record)
                   select n::text, 'active', repeat('x', 400), 1, 0, n
                   from generate_series(1, %s) n"""
            ).format(sql.Identifier(tenant.schema, "customer")),
            [ROWS],
        )
    return tenant


def files_of(folder: Path) -> list[Path]:
    return [p for p in folder.glob("*") if not p.name.startswith(".")]


@pytest.mark.slow
def test_a_killed_export_leaves_nothing_that_looks_finished(
    big: tenants.Tenant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Beside the platform's own files, where no export may lie.
    tmp_path = tmp_path_factory.mktemp("exports")
    rng = random.Random(7)  # noqa: S311 - moments of tests
    words = ["export", "acme", "--format", "ndjson", "--split-size", "500kB", "--out"]
    for attempt in range(2):
        folder = tmp_path / f"out-{attempt}"
        process = subprocess.Popen(
            [sys.executable, "-m", "ispmig_pipelines.cli", *words, str(folder)],
            env=os.environ,
            stderr=subprocess.DEVNULL,
        )
        enough = rng.randint(2, 20)
        while process.poll() is None and len(list(folder.glob("*"))) < enough:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(folder.glob("*"))
        assert not (folder / "manifest.json").exists()
        for path in folder.glob("customer*.ndjson"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            assert lines[-1].endswith("\n")
            assert all(len(json.loads(line)["notes"]) == 400 for line in lines)
    with engine().connect() as connection:
        entries = [e for e in trail.entries(connection, "acme") if e.operation == "export"]
    assert entries
    assert {e.stage for e in entries} <= {"begun", "failed"}
    made = as_json("export", "acme", "--format", "ndjson", "--out", str(folder), "--overwrite")
    assert made["entities"]["customer"]["rows"] == ROWS
    # What the dead run had begun stays hidden until it is a day old.
    assert sorted(p.name for p in files_of(folder)) == [
        "customer.ndjson", "manifest.json", "spec.yaml"
    ]  # fmt: skip
