"""The pages for users say what there is, all of it, and what they show is run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
from typer.testing import CliRunner

from ispmig_pipelines import errors
from ispmig_pipelines.cli import app
from ispmig_pipelines.settings import Settings
from ispmig_pipelines.validation.document import rules_page
from ispmig_pipelines_tests import documented_rights
from ispmig_pipelines_tests.corpora import PROJECT

DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
NOT_AN_ERROR_CLASS = {"unexpected", "interrupted"}
"""Codes of ``endings.py`` for what is not one of our errors."""


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def sections() -> dict[str, str]:
    """Command → its section of the page."""
    parts = re.split(r"^## `ispmig ([a-z -]+?)(?: [A-Z_.]+)*`$", page("cli.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_is_documented_and_no_other() -> None:
    assert sorted(sections()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_no_other(name: str) -> None:
    there = {o for p in COMMANDS[name].params for o in p.opts if o.startswith("--")} - {"--help"}
    text = sections()[name]
    rows = re.findall(r"^\| `(--[a-z-]+)`", text, re.MULTILINE)
    listed = re.findall(r"`(--[a-z-]+)`", "".join(re.findall(r"^Options:.*$", text, re.MULTILINE)))
    assert {*rows, *listed} == there
    assert f"    ispmig {name}" in text  # an example


def test_every_setting_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `(ISPMIG_\w+)`", page("settings.md"), re.MULTILINE)
    assert sorted(rows) == sorted(f"ISPMIG_{name.upper()}" for name in Settings.model_fields)


def error_classes(root: type[errors.IspmigError]) -> Iterator[type[errors.IspmigError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_classes(child)


def test_every_error_is_documented_with_its_exit_code_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", page("errors.md"), re.MULTILINE)
    told = {code: int(ends) for code, ends in rows if code not in NOT_AN_ERROR_CLASS}
    assert told == {c.code: c.exit_code for c in error_classes(errors.IspmigError)}
    assert {code for code, _ in rows} >= NOT_AN_ERROR_CLASS


def test_the_committed_page_of_rules_is_the_registrys() -> None:
    assert page("rules.md") == rules_page(), (
        "docs/rules.md is not what the registry says: run make docs"
    )


PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if urlsplit(target).scheme:
            continue
        linked = path.parent / file if file else path
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), target


def test_pictures_are_small() -> None:
    pictures = list((DOCS / "images").glob("*.png"))
    assert pictures
    assert all(p.stat().st_size < 200_000 for p in pictures)


def without_numbers_of_migrations(text: str) -> str:
    return re.sub(r"migration \d+", "migration N", text)


def write_files_of(text: str, folder: Path) -> None:
    """The files that a page shows with their names."""
    for name, content in re.findall(r"```(?:csv|yaml) (\S+)\n(.*?)```", text, re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def run_commands_of(text: str) -> list[str]:
    """Runs what a page shows in its consoles, holds what it says is printed; the first words."""
    ran = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            program, *words = shlex.split(command)
            assert program == "ispmig"
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, (command, result.output)
            told = without_numbers_of_migrations(result.stdout)
            said = [line.rstrip() for line in told.splitlines()]
            for line in shown:
                assert without_numbers_of_migrations(line) in said, (command, line)
            ran.append(words[0])
    return ran


def test_the_five_minutes_of_the_readme_are_true(
    ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("five_minutes")
    monkeypatch.chdir(folder)
    write_files_of(README, folder)
    ran = run_commands_of(README)
    assert ran == [
        "inspect", "tenant", "suggest", "spec", "preview", "migrate", "quarantine", "digest",
        "restore-points", "audit", "audit", "backup", "backup", "backup", "restore", "export",
        "tenant", "migrate", "digest",
    ]  # fmt: skip
    digests = [
        json.loads(CliRunner().invoke(app, ["digest", tenant, "--json"]).stdout)["digest"]
        for tenant in ("north", "copy")
    ]
    assert digests[0] == digests[1]


def test_the_first_migration_goes_as_its_page_says(
    ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("first")
    monkeypatch.chdir(folder)
    text = page("first-migration.md")
    write_files_of(text, folder)
    assert run_commands_of(text) == [
        "tenant", "spec", "preview", "migrate", "quarantine", "quarantine", "migrate",
        "restore-points", "rollback", "tenant",
    ]  # fmt: skip
    suggested = re.findall(r"`ispmig (suggest [^`]+)`", text)
    assert CliRunner().invoke(app, shlex.split(suggested[0])).exit_code == 0


@pytest.mark.slow
@pytest.mark.empty_database
def test_the_documented_rights_are_enough(
    database_url: str, ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documented_rights.take(database_url, monkeypatch)
    write_files_of(README, tmp_path)
    for words in (
        ["tenant", "add", "acme"],
        ["migrate", "acme", str(tmp_path / "spec.yaml"), "--max-quarantined", "1"],
        ["digest", "acme"],
        ["tenant", "remove", "acme", "--yes"],
    ):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
