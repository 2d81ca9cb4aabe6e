"""What ``ispmig spec diff`` does: two specs, of files or of migrations, and what differs."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.mapping.spec import Spec, load_spec, parse_spec
from ispmig_pipelines.mapping.spec_diff import Change, diff

if TYPE_CHECKING:
    # Comparing files needs no database, nor its libraries.
    from sqlalchemy.engine import Connection

OF_MIGRATION = "migration:"
"""What stands before the number of a migration."""


@dataclass(frozen=True)
class Compared:
    """Two specs and their differences.

    Attributes:
        names: what they were called.
        specs: the first and the second.
        changes: what is different in the second.
    """

    names: tuple[str, str]
    specs: tuple[Spec, Spec]
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """They say the same."""
        return not self.changes

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        a, b = (
            {"spec": name, "sha256": spec.digest}
            for name, spec in zip(self.names, self.specs, strict=True)
        )
        return {"a": a, "b": b, "same": self.same, "changes": [c.as_json() for c in self.changes]}


def compare(
    a: str, b: str, connected: Callable[[], AbstractContextManager[Connection]]
) -> Compared:
    """Compares two specs.

    Args:
        a, b: paths, or ``migration:ID``.
        connected: opens the platform's database, where a migration is meant.

    Raises:
        UsageError: a spec cannot be read, has mistakes, or there is no such migration.
    """
    specs = _spec(a, connected), _spec(b, connected)
    return Compared((a, b), specs, diff(specs[0].document, specs[1].document))


def _spec(name: str, connected: Callable[[], AbstractContextManager[Connection]]) -> Spec:
    if not name.startswith(OF_MIGRATION):
        return load_spec(name)
    number = name.removeprefix(OF_MIGRATION)
    if not re.fullmatch("[0-9]{1,18}", number):
        raise UsageError(
            f"{name!r} names no migration: write its number, e.g. migration:12. List a tenant's "
            "with: ispmig migrations TENANT"
        )
    from ispmig_pipelines.platform import ledger

    with connected() as connection:
        entry = ledger.migration(connection, int(number))
    # Mistakes, if the language has changed since, are told with the migration's number.
    return parse_spec(entry.spec_text, Path(f"migration {entry.id}"))


def tell(console: Console, compared: Compared) -> None:
    """Says what is different, for people."""
    for change in compared.changes:
        console.print(str(change), markup=False)
    if compared.same:
        console.print("Nothing has changed: the two say the same.")
