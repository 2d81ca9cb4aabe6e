"""Reports from the command line: proven without a database, and by the recipes of the docs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from ispmig_pipelines import keyring
from ispmig_pipelines.cli import app
from ispmig_pipelines.keyring import SigningKey
from ispmig_pipelines.report.signed import signed
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.report.entries import report

KEY = SigningKey(Ed25519PrivateKey.generate())
DOCS = (PROJECT / "docs/report.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Somebody's folder, on a machine without a platform, with a report that was sent to them."""
    made = signed(report(actor="Zoë"), KEY)
    (tmp_path / "report.json").write_text(made.json, encoding="utf-8")
    (tmp_path / "report.html").write_text(made.html, encoding="utf-8")
    (tmp_path / "platform.pem").write_text(KEY.public.pem, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("ISPMIG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def run(*words: str, ends: int = 0) -> str:
    result = CliRunner().invoke(app, ["report", *words])
    assert result.exit_code == ends, result.output
    return result.output


def data(*words: str, ends: int = 0) -> dict[str, Any]:
    found = json.loads(run(*words, "--json", ends=ends))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_a_report_is_proven_without_a_platform(folder: Path, name: str) -> None:
    told = run("verify", name, "--key", "platform.pem")
    assert "just as it was signed" in told
    assert KEY.public.id in told
    assert "migration 7" in told
    assert "This key is trusted." in told
    found = data("verify", name, "--key", "platform.pem")
    assert (found["verified"], found["trusted"], found["key"]) == (True, True, KEY.public.id)
    assert (found["tenant"], found["migration_id"]) == ("acme", 7)
    assert sorted(p.name for p in folder.iterdir()) == [
        "platform.pem", "report.html", "report.json",
    ]  # fmt: skip


def test_without_a_key_it_is_said_what_is_not_proven(folder: Path) -> None:
    told = run("verify", "report.json")
    assert "NO KEY IS KNOWN HERE" in told
    assert not data("verify", "report.json")["trusted"]


def test_settings_that_are_broken_do_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_DATABASE_URL", "mysql://x")
    settings.cache_clear()
    assert data("verify", "report.json", "--key", "platform.pem")["trusted"]
    assert data("verify", "report.json")["verified"]


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_one_that_was_changed_is_refused(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count("990") >= 1
    (folder / name).write_text(text.replace("990", "991", 1), encoding="utf-8")
    error = data("verify", name, ends=1)["error"]
    assert error["code"] == "signature"
    assert "not proven" in error["message"]


def test_a_key_that_is_not_the_one_that_signed_is_told(folder: Path) -> None:
    keyring.signing_key()  # of a platform that is another
    assert (
        "none of those to be trusted" in data("verify", "report.json", ends=1)["error"]["message"]
    )
    assert data("verify", "report.json", "--key", "platform.pem")["trusted"]
    other = folder / "other.pem"
    other.write_text(keyring.signing_key().public.pem)
    data("verify", "report.json", "--key", "other.pem", ends=1)
    assert data("verify", "report.json", "--key", "other.pem", "--key", "platform.pem")["trusted"]


@pytest.mark.parametrize(
    "words",
    [("missing.json",), (".",), ("report.json", "--key", "missing.pem"),
     ("report.json", "--key", "report.json")],
)  # fmt: skip
def test_what_cannot_be_read_is_wrong_usage(folder: Path, words: tuple[str, ...]) -> None:
    assert data("verify", *words, ends=2)["error"]["code"] == "usage"


def test_the_key_is_shown_to_be_handed_on_and_rotated(folder: Path) -> None:
    first = data("key")
    assert "PRIVATE" not in run("key")
    made = signed(report(), keyring.signing_key())
    (folder / "first.json").write_text(made.json)
    second = data("key", "--rotate")
    assert second["key"] != first["key"]
    assert {one["key"] for one in second["trusted"]} == {first["key"], second["key"]}
    assert f"still trusted: {first['key']}" in run("key")
    assert data("verify", "first.json")["trusted"]
    # One that was stolen is not trusted any more once its public half is gone.
    (folder / "nothing/keys" / f"{first['key']}.pub").unlink()
    data("verify", "first.json", ends=1)


def recipe(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", DOCS, re.DOTALL)
    return str(found)


@pytest.mark.parametrize(("kind", "name"), [("python prove", "report.json"),
                                            ("python prove page", "report.html")])  # fmt: skip
def test_strangers_prove_it_by_the_recipe(folder: Path, kind: str, name: str) -> None:
    lines = recipe(kind).strip().splitlines()
    assert len(lines) <= 10
    words = [sys.executable, "-c", recipe(kind)]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert "proven: " in ran.stdout, ran.stderr
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("990", "991", 1), encoding="utf-8")
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "proven" not in ran.stdout


@pytest.mark.skipif(not shutil.which("openssl") or not shutil.which("perl"), reason="no openssl")
def test_strangers_prove_it_with_openssl(folder: Path) -> None:
    words = ["sh", "-ec", recipe("sh prove")]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Verified" in ran.stdout
    text = (folder / "report.json").read_text(encoding="utf-8")
    (folder / "report.json").write_text(text.replace("990", "991", 1), encoding="utf-8")
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
