"""The page about extending: what it shows is done to a copy of the project, and works there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ispmig_pipelines_tests.corpora import PROJECT

PAGE = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```\w+ file (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
CHANGES = re.findall(r"^```diff (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
(SESSION,) = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

ONE_AFTER_ANOTHER = """
import json, shlex, sys
from typer.testing import CliRunner
from ispmig_pipelines.cli import app
told = []
for command in json.load(sys.stdin):
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    told.append((command, result.exit_code, result.stdout, result.stderr))
json.dump(told, open("told.json", "w"))
"""
"""The commands in one process: each would take seconds to start."""


def changed(text: str, hunk: str) -> str:
    """The text with a hunk done to it, whose lines stand together in it once."""
    lines = hunk.splitlines()
    before = "\n".join(line[1:] for line in lines if line[:1] in " -")
    after = "\n".join(line[1:] for line in lines if line[:1] in " +")
    assert text.count(before) == 1, before
    return text.replace(before, after)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project with everything that the page says."""
    root = tmp_path / "project"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "ispmig_pipelines", root / "ispmig_pipelines", ignore=leave)
    for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT / name, root / name)
    for name, text in FILES:
        assert not (root / name).exists(), name
        (root / name).write_text(text, encoding="utf-8")
    for name, hunk in CHANGES:
        path = root / name
        path.write_text(changed(path.read_text(encoding="utf-8"), hunk), encoding="utf-8")
    return root


def exported(folder: Path) -> None:
    """What Trouble Desk exports."""
    accounts = {
        "AccountNo": ["0007", "0008"], "HolderName": ["Lee", "Nowak"], "Active": [True, False],
    }  # fmt: skip
    tickets = {
        "TicketNo": ["TD-2026/000017", "TD-2026/000018", "TD-2025/000900"],
        "AccountNo": ["0007", "0008", "0007"],
        "OpenedOn": pa.array([20_500, 20_501, 20_300], pa.date32()),
        "State": ["N", "C", "C"],
        "Topic": ["No light on the box", "Moves house", None],
    }
    pq.write_table(pa.table(accounts), folder / "accounts.parquet")
    pq.write_table(pa.table(tickets), folder / "tickets.parquet")


def test_the_page_shows_one_of_each() -> None:
    assert [name for name, _ in FILES] == [
        "desk_steps.py",
        "ispmig_pipelines/formats/parquet.py",
        "ispmig_pipelines/model/ticket.py",
        "ispmig_pipelines/mapping/presets/trouble_desk.yaml",
    ]


@pytest.mark.slow
def test_what_the_page_adds_works(
    copy: Path, ispmig_home: Path, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = tmp_path_factory.mktemp("desk")
    exported(work)
    steps = re.split(r"^\$ ", SESSION, flags=re.MULTILINE)[1:]
    commands = [step.splitlines()[0] for step in steps]
    environment = {
        **os.environ, "PYTHONPATH": str(copy), "ISPMIG_PLUGINS": "desk_steps",
        "ISPMIG_HOME": str(ispmig_home), "ISPMIG_DATABASE_URL": database_url,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER], cwd=work, env=environment, check=False,
        input=json.dumps(commands), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((work / "told.json").read_text())
    for step, (command, code, out, err) in zip(steps, told, strict=True):
        assert code == 0, (command, out, err)
        said = [line.rstrip() for line in out.splitlines()]
        for line in step.splitlines()[1:]:
            assert line in said, (command, out)
    lines = (work / "tickets.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "TicketNo,AccountNo,OpenedOn,State,Topic"
    assert lines[2].startswith("TD-2026/000018,0008,")
    # As it was before one of the two was forgotten: numbers by the step, words by the preset.
    (tickets,) = (work / "exported").rglob("ticket*.csv")
    assert "2026-17" in tickets.read_text(encoding="utf-8-sig")
    assert {"open", "closed"} <= set(re.split(r"[,\n]", tickets.read_text(encoding="utf-8-sig")))
    assert shlex.split(commands[-1])[-1] == "desk"
