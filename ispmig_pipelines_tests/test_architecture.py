"""Imports run one way: defs → (backup, platform, validation, mapping, formats) → the rest.

Read from the sources, imports inside functions included. A room that is missing from
:data:`MAY_IMPORT` fails: whoever adds one says here whom it may know.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ispmig_pipelines

PACKAGE = Path(ispmig_pipelines.__file__).parent
NAME = PACKAGE.name

FOUNDATION = {"errors", "settings", "issues", "nearest", "remote", "s3", "storage", "staging",
              "database_url", "account", "disks", "loading", "ordered",
              "private_files"}  # fmt: skip
KNOWS = FOUNDATION | {"model", "condition"}
EVERYTHING = KNOWS | {"formats", "mapping", "validation", "platform", "backup", "defs", "demo",
                      "page", "preview", "report", "reporting", "keyring", "up",
                      "tables", "quarantine", "migrating", "exporting",
                      "subject_requests", "rolling_back", "restoring", "backing_up", "auditing",
                      "previewing", "converting", "reading", "suggesting", "endings",
                      "definitions", "drop", "dropping", "guarding", "spec_checking",
                      "spec_comparing", "alerting", "metrics"}  # fmt: skip

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "keyring": {"errors", "private_files", "settings"},
    "settings": {"errors"},
    "account": set(),
    "disks": set(),
    "loading": set(),
    "ordered": set(),
    "issues": {"errors"},
    "nearest": set(),
    "remote": {"errors", "s3"},
    "database_url": set(),
    "condition": {"errors", "model", "nearest"},
    "s3": set(),
    "storage": {"errors", "s3", "settings"},
    "staging": {"errors", "settings", "storage"},
    "private_files": {"errors", "staging"},
    "model": {"errors", "issues"},
    "formats": FOUNDATION,  # knows no entities
    # Knows no database and no file formats; a spec says what validation is to demand.
    "mapping": KNOWS | {"validation"},
    "validation": KNOWS,
    "platform": KNOWS,  # knows no file formats
    "backup": KNOWS | {"platform"},
    "alerting": KNOWS | {"platform"},  # knows no Dagster
    "metrics": KNOWS | {"platform", "alerting"},  # knows no Dagster
    "page": {"errors"},  # knows no migration
    "preview": KNOWS | {"page", "report"},  # shows what it is handed, compliance as reports do
    "report": KNOWS | {"keyring", "mapping", "page", "platform", "validation"},
    "reporting": KNOWS | {"keyring", "page", "platform", "report"},  # knows no Dagster
    "defs": EVERYTHING
    - {
        "definitions",
        "up",
        "demo",
        "migrating",
        "exporting",
        "previewing",
        "endings",
        "spec_checking",
        "spec_comparing",
    },
    # Knows no Dagster.
    "drop": KNOWS
    | {"guarding", "mapping", "platform", "preview", "reporting", "suggesting", "validation"},
    # What a person starts.
    "demo": EVERYTHING,
    "migrating": EVERYTHING,
    "exporting": EVERYTHING,
    "previewing": EVERYTHING,
    "converting": EVERYTHING,
    "suggesting": EVERYTHING,
    "spec_checking": EVERYTHING,
    "spec_comparing": EVERYTHING,
    "reading": {"errors", "formats", "mapping"},
    "guarding": {"errors", "formats", "mapping", "validation"},
    "endings": EVERYTHING,
    "definitions": EVERYTHING,
    "up": EVERYTHING,
    "tables": EVERYTHING,
    "quarantine": EVERYTHING,
    "subject_requests": EVERYTHING,
    "rolling_back": EVERYTHING,
    "restoring": EVERYTHING,
    "backing_up": EVERYTHING,
    "auditing": EVERYTHING,
    "dropping": EVERYTHING,
    "cli": EVERYTHING,
}

RECORDS = f"{NAME}.formats.records"
"""The shape in which every format hands over its records is no format: mapping may name it."""

ONLY = {
    "dagster": {"defs", "definitions", "cli", "up"},
    "dagster_postgres": {"defs", "definitions", "cli", "up"},
    "dagster_webserver": {"defs"},
    "pandera": {"model", "validation"},
}
"""Library → the only rooms that may import it."""

NEVER = {
    "mapping": {"psycopg", "sqlalchemy", "alembic"},
    "formats": {"psycopg", "pandera"},
    "model": {"sqlalchemy", "alembic"},
}
"""Room → libraries it must not know."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """``ispmig_pipelines.model.check`` → ``model``; "" for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Every module that the source imports, wherever in it, as absolute names."""
    found: set[str] = set()
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*base, origin] if origin else base)
            # ``from package import name``: the name may be the module.
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return found


def imports_of(path: Path) -> set[str]:
    source = path.read_text(encoding="utf-8")
    return imports(source, module_of(path), is_package=path.name == "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_a_module_imports_only_what_its_room_may_know(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    if not room:
        assert not {name for name in imports_of(path) if name.startswith(f"{NAME}.")}
        return
    assert room in MAY_IMPORT, f"{room} is new: say in MAY_IMPORT whom it may know"
    for imported in imports_of(path):
        library = imported.partition(".")[0]
        if library == NAME:
            told = room_of(imported) in MAY_IMPORT[room] | {room, ""}
            if room == "mapping" and imported.startswith(f"{RECORDS}."):
                told = True
            assert told, f"{module} imports {imported}"
        assert room in ONLY.get(library, {room}), f"{module} imports {imported}"
        assert library not in NEVER.get(room, set()), f"{module} imports {imported}"


def test_the_rule_itself_has_no_circle() -> None:
    def reached(room: str, way: tuple[str, ...]) -> None:
        assert room not in way, " → ".join((*way, room))
        for known in MAY_IMPORT.get(room, set()):
            if known not in started:
                reached(known, (*way, room))

    # What a person starts may know each other; nothing else goes round.
    started = {"definitions", "up", "tables", "quarantine", "cli", "defs", "demo",
               "migrating", "exporting", "converting", "endings", "previewing", "reporting",
               "suggesting", "spec_checking", "spec_comparing", "subject_requests",
               "auditing", "rolling_back", "restoring", "backing_up", "dropping"}  # fmt: skip
    for room in set(MAY_IMPORT) - started:
        reached(room, ())


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
import dagster as dg
from . import sibling
from .deep import name
from ..model.check import kinds_of
from ispmig_pipelines import platform
def later():
    import psycopg.sql
"""
    assert imports(source, "ispmig_pipelines.mapping.module") == {
        "dagster",
        "ispmig_pipelines.mapping.sibling",
        "ispmig_pipelines.mapping.deep.name",
        "ispmig_pipelines.model.check.kinds_of",
        "ispmig_pipelines.platform",
        "psycopg.sql",
    }
