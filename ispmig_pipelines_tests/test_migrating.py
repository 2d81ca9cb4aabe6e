"""A migration from the command line that somebody stops."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ispmig_pipelines.demo
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine

SPEC = Path(ispmig_pipelines.demo.__file__).parent / "metro-fiber" / "spec.yaml"


@pytest.mark.slow
@pytest.mark.usefixtures("ispmig_home")
def test_ctrl_c_in_a_run_is_told_as_such_and_leaves_nothing_behind() -> None:
    ledger.prepare(engine())
    tenant = tenants.add(engine(), "acme")
    command = [sys.executable, "-m", "ispmig_pipelines.cli", "migrate", "acme", str(SPEC), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("map customer"):
                process.send_signal(signal.SIGINT)
                break
        answer = json.loads(process.stdout.read())
        told += process.stderr.readlines()
    assert process.returncode == 130
    assert answer["error"]["code"] == "interrupted"
    assert "Traceback" not in "".join(told)
    with engine().connect() as connection:
        assert set(tenants.contents(connection, tenant).values()) == {0}
