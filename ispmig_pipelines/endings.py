"""How a command ends when it fails: a paragraph instead of a traceback, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.migrating import MigrationFailed
from ispmig_pipelines.validation.cards import redacted


@dataclass(frozen=True)
class Ending:
    """What is told of an error.

    Attributes:
        message: one paragraph, for a person.
        code: stable name of the kind of error.
        exit_code: what the process ends with.
        data: what else ``--json`` prints.
    """

    message: str
    code: str
    exit_code: int
    data: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints of it."""
        error = {"code": self.code, "message": self.message, "exit_code": self.exit_code}
        return self.data | {"error": error}


def ending_of(error: BaseException, *, again: str) -> Ending:
    """What to tell of an error that ends a command.

    Args:
        again: how to run the same thing so that it shows tracebacks.
    """
    match error:
        # An error may quote a name that is a record's first cell.
        case MigrationFailed():
            entry = {} if error.entry is None else error.entry.as_json()
            return Ending(redacted(str(error)), error.code, error.exit_code, entry)
        case IspmigError():
            return Ending(redacted(str(error)), error.code, error.exit_code)
        case KeyboardInterrupt():
            return Ending("Stopped. Nothing was half-loaded.", "interrupted", 130)
        case _:
            return Ending(
                f"An unexpected error ({type(error).__name__}). This is a defect: run it again "
                f"as  {again}  and report what it shows.",
                "unexpected",
                3,
            )
