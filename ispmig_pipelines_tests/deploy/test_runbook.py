"""The runbook: a section for each alert, only commands that there are, no claims beyond that."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from ispmig_pipelines.alerting.alert import Kind
from ispmig_pipelines.platform import ledger
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.deploy.files import DEPLOY, RUNBOOK, block, compose
from ispmig_pipelines_tests.test_docs import COMMANDS, anchors

ALERTS = RUNBOOK.split("\n## When an alert rings\n")[1]


def test_every_alert_has_a_section_that_says_what_to_do_and_no_other() -> None:
    headings = re.findall(r"^### (\w+)$", ALERTS, re.MULTILINE)
    assert sorted(headings) == sorted(kind.value for kind in Kind)
    for text in re.split(r"^### .+$", ALERTS, flags=re.MULTILINE)[1:]:
        assert len(text.split()) > 5


def test_every_command_that_it_names_is_there() -> None:
    # A namespace of Kubernetes and a schema are called so, too.
    text = re.sub(r"--\w+ ispmig\b", "", RUNBOOK)
    code = re.findall(r"`[^`\n]*\bispmig ([^`\n]+)`|^ {4}.*\bispmig (.+)$", text, re.MULTILINE)
    words = {(one or other).split("`")[0] for one, other in code}
    assert len(words) > 15
    for said in words:
        parts = said.split()
        assert any(" ".join(parts[:n]) in COMMANDS for n in (1, 2, 3)) or any(
            name.startswith(parts[0] + " ") and len(parts) == 1 for name in COMMANDS
        ), said
    options = {(said.split()[0], o) for said in words for o in re.findall(r"(--[a-z-]+)", said)}
    there = {o for c in COMMANDS.values() for p in c.params for o in p.opts}
    assert {option for _, option in options} <= there


def test_it_is_found_from_the_documentation_and_finds_it() -> None:
    assert "../deploy/README.md" in (PROJECT / "docs" / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        linked = (DEPLOY / file) if file else DEPLOY / "README.md"
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), target


def test_it_says_plainly_what_was_not_tried() -> None:
    beginning = RUNBOOK.split("\n## ")[0]
    assert "No image was built and no container, compose project or cluster was run" in beginning


def test_every_file_beside_it_is_told_of() -> None:
    table = RUNBOOK.split("\n## What is here\n")[1].split("\n\n")[0]
    for path in DEPLOY.rglob("*"):
        if path.is_file() and "secrets" not in path.parts and path.suffix != ".env":
            name = str(path.relative_to(DEPLOY))
            assert name == "README.md" or f"`{name}`" in table, name


def test_versions_of_the_ledger_that_it_names_are_real() -> None:
    section = RUNBOOK.split("## Upgrade")[1].split("## Back up")[0]
    named = set(re.findall(r"\bplatform downgrade (0\d{3})\b", section))
    assert named
    assert named <= set(ledger.revisions())


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What comes of its block for secrets."""
    (tmp_path / "deploy").mkdir()
    subprocess.run(["sh", "-euc", block("sh secrets")], cwd=tmp_path, check=True)
    return tmp_path / "deploy" / "secrets"


def test_its_secrets_are_those_that_the_compose_file_wants(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == set(compose()["secrets"])
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    for path in made.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert path.read_text(encoding="utf-8").strip()
    passwords = [(made / n).read_text() for n in ("postgres_password", "platform_password",
                                                  "s3_password")]  # fmt: skip
    assert len(set(passwords)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{48}", one) for one in passwords)


def test_its_secrets_can_be_used(
    made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ispmig_pipelines import keyring
    from ispmig_pipelines.settings import settings

    monkeypatch.setenv("ISPMIG_SECRETS", str(made))
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "home"))
    for name in ("ISPMIG_DATABASE_URL", "ISPMIG_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    try:
        url = settings().database_url
        assert url is not None
        password = (made / "platform_password").read_text()
        assert url.get_secret_value() == (
            f"postgresql://ispmig_platform:{password}@db:5432/ispmig_data"
        )
        assert keyring.signing_key()
        assert not (tmp_path / "home" / "keys" / "report-signing.pem").exists()
    finally:
        settings.cache_clear()
    import configparser

    credentials = configparser.ConfigParser()
    credentials.read(made / "aws_credentials")
    assert credentials["default"]["aws_access_key_id"] == "ispmig"
    assert credentials["default"]["aws_secret_access_key"] == (made / "s3_password").read_text()
