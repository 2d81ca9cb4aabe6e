"""Everything that can go wrong for a user, as one tree.

::

    IspmigError
    ├── UsageError                 exit 2: the command, the spec or the input is wrong
    │   ├── SpecError              the spec has mistakes (all of them, with line numbers)
    │   │   └── SpecQuestions      the spec leaves open what columns do not settle either
    │   ├── SourceError            a source file is missing, unreadable or not what was said
    │   └── TenantError            no such tenant, or a slug that cannot be one
    ├── MigrationError             exit 1: the migration ran and must not stand
    │   ├── LawBroken              rows or money do not add up
    │   ├── ThresholdExceeded      more records in quarantine than allowed
    │   └── ConflictRefused        ``--on-conflict fail`` and the tenant's row differs
    ├── AuditBroken                exit 1: somebody tampered with the audit trail
    ├── SignatureBroken            exit 1: a report is not as it was signed
    ├── RunFailed                  a run that a command started failed: it ends as the run did
    ├── BackupError                exit 1: a backup cannot be made, opened or trusted
    │   ├── BackupDamaged          a part of it is missing, altered, swapped or forged
    │   └── BackupKeyError         the tenant's key is missing, unusable, or another one
    └── PlatformError              exit 3: what we stand on failed
        ├── DatabaseError          PostgreSQL, or a source's database, is not there or refused
        │   └── TenantBusy         another run works on this tenant
        ├── StorageError           no space, no permission, or a broken disk
        └── AlertError             a receiver of alerts is not there, or refuses

The text of an error is one paragraph for the person who reads it: the file, record and
column, what was found (masked), what would be accepted, and what to do. Only
:class:`PlatformError` can be ``transient``: the same work may succeed when tried again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class IspmigError(Exception):
    """The root: every error that is meant for a user's eyes.

    Attributes:
        code: stable name of the kind of error, the anchor in ``docs/errors.md``.
        exit_code: what the command line ends with.
        transient: trying again, unchanged, may succeed.
    """

    code: str = "error"
    exit_code: int = 1
    transient: bool = False


class UsageError(IspmigError):
    """The command, the spec or the input is wrong; nothing was changed."""

    code = "usage"
    exit_code = 2


class SpecError(UsageError):
    """A spec has mistakes; ``problems`` holds each as ``file:line: what``."""

    code = "spec"

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__(f"The spec has {count}:\n" + "\n".join(f"  {p}" for p in problems))


class SpecQuestions(SpecError):
    """A spec leaves open how columns are written, and so do their cells; ``problems`` holds each
    question as ``file:line: what``, with the line that answers it."""

    code = "open"

    def __init__(self, questions: list[str]) -> None:
        super().__init__(questions)
        count = "1 question" if len(questions) == 1 else f"{len(questions)} questions"
        self.args = (
            f"The spec leaves {count} open, and the sources do not answer:\n"
            + "\n".join(f"  {q}" for q in questions),
        )


class SourceError(UsageError):
    """A source is missing, unreadable, or not what the spec says it is."""

    code = "source"


class TenantError(UsageError):
    """No such tenant, or a slug that cannot name one."""

    code = "tenant"


class MigrationError(IspmigError):
    """The migration ran, and its result must not stand; nothing of it is published."""

    code = "migration"
    exit_code = 1


class LawBroken(MigrationError):
    """Rows or money do not add up between source, tenant and quarantine."""

    code = "law"


class ThresholdExceeded(MigrationError):
    """More records are in quarantine than the run allows."""

    code = "threshold"


class ConflictRefused(MigrationError):
    """The tenant already holds different content and the policy is ``fail``."""

    code = "conflict"


class AuditBroken(IspmigError):
    """An audit chain does not hold: an entry was altered, taken away, forged or moved."""

    code = "audit"


class SignatureBroken(IspmigError):
    """A report is not as it was signed, or was signed by a key that is not to be trusted."""

    code = "signature"


class RunFailed(IspmigError):
    """A run that a command started failed; code and exit code are those of its failure."""

    def __init__(self, failure: dict[str, Any]) -> None:
        """
        Args:
            failure: ``{"message", "error", "exit_code"}``, and of a defect ``"where"``.
        """
        self.code = failure["error"]
        self.exit_code = failure["exit_code"]
        super().__init__(failure["message"])
        if failure.get("where"):
            # Python shows notes below a traceback, and so does --debug.
            self.add_note(f"It happened in the run, at:\n{failure['where']}")


class BackupError(IspmigError):
    """A backup cannot be made, opened or trusted; nothing was changed."""

    code = "backup"
    exit_code = 1


class Damage(StrEnum):
    """What is wrong with a part of a backup."""

    MISSING = "missing"
    UNOPENED = "unopened"  # none of the tenant's keys opens it
    ALTERED = "altered"  # cut off, or other bytes than were written
    SWAPPED = "swapped"  # whole and ours, and not what its name says
    FORGED = "forged"  # nobody who had the tenant's key wrote it


class BackupDamaged(BackupError):
    """A part of a backup is not what was written; whoever reads it gets nothing of it.

    Attributes:
        damage: in which way.
        place: path or URL of the part.
    """

    code = "backup_damaged"

    def __init__(self, message: str, *, damage: Damage, place: str) -> None:
        self.damage = damage
        self.place = place
        super().__init__(message)


class BackupKeyError(BackupError):
    """A tenant's key is missing or unusable, so that its backups are neither made nor opened."""

    code = "backup_key"


class PlatformError(IspmigError):
    """Database or storage failed; the migration is as if it had not been started."""

    code = "platform"
    exit_code = 3

    def __init__(self, message: str, *, transient: bool = False) -> None:
        self.transient = transient
        super().__init__(message)


class DatabaseError(PlatformError):
    """PostgreSQL, or the database of a source, cannot be reached, went away, or refused."""

    code = "database"


class TenantBusy(DatabaseError):
    """Another run is working on the same tenant."""

    code = "busy"


class StorageError(PlatformError):
    """A file could not be written or read back: no space, no permission, broken disk."""

    code = "storage"


class AlertError(PlatformError):
    """An alert could not be sent: its receiver is not there, or refuses it."""

    code = "alert"

    def __init__(self, message: str) -> None:
        super().__init__(message, transient=True)
