"""What ``deploy/`` holds, read for the tests."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ispmig_pipelines_tests.corpora import PROJECT

DEPLOY = PROJECT / "deploy"
RUNBOOK = (DEPLOY / "README.md").read_text(encoding="utf-8")
CONTAINERFILES = sorted(DEPLOY.glob("*.Containerfile"))


@lru_cache
def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def loaded(name: str) -> Any:
    """A YAML file, read anew: a test may change it."""
    return yaml.safe_load(text(name))


def compose() -> dict[str, Any]:
    return loaded("compose.yaml")


def values() -> dict[str, Any]:
    return loaded("kubernetes/values.yaml")


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text("kubernetes/platform.yaml")))


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [one for one in manifests() if one["kind"] == kind]
    return found


def project_instance() -> dict[str, Any]:
    """The ``dagster.yaml`` that ``ispmig`` itself uses."""
    return yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))


def block(language: str) -> str:
    """The runbook's block of that language and name, as ``sh secrets``."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", RUNBOOK, re.DOTALL)
    return found


def pins(path: Path = PROJECT / "constraints.txt") -> dict[str, str]:
    """Package, in its canonical name → its version."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonical(name): version for name, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
