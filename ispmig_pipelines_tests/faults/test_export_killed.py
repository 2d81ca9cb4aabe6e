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
from ispmig_pipelines_tests.test_cli import as_json, ispmig

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


def test_a_killed_export_leaves_nothing_that_looks_finished(
    big: tenants.Tenant, tmp_path: Path
) -> None:
    rng = random.Random(7)  # noqa: S311 - moments of tests
    command = [sys.executable, "-m", "ispmig_pipelines.cli", "export", "acme", "--format", "ndjson",
               "--split-size", "500kB", "--out"]  # fmt: skip
    for attempt in range(2):
        folder = tmp_path / f"out-{attempt}"
        process = subprocess.Popen(
            [*command, str(folder)], env=os.environ, stderr=subprocess.DEVNULL
        )
        enough = rng.randint(1, 20)
        while process.poll() is None and len(files_of(folder)) < enough:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = files_of(folder)
        assert left
        assert folder / "manifest.json" not in left
        for path in left:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            assert lines[-1].endswith("\n")
            assert all(len(json.loads(line)["notes"]) == 400 for line in lines)
        code, _, err = ispmig("export", "acme", "--format", "ndjson", "--out", str(folder))
        assert (code, "not finished" in err) == (2, True)
    with engine().connect() as connection:
        assert trail.entries(connection, "acme") == []
    made = as_json("export", "acme", "--format", "ndjson", "--out", str(folder), "--overwrite")
    assert made["entities"]["customer"]["rows"] == ROWS
    assert sorted(p.name for p in files_of(folder)) == [
        "customer.ndjson", "manifest.json", "spec.yaml"
    ]  # fmt: skip
