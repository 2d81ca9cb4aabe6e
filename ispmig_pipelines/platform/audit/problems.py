"""What is found wrong with a chain of the audit trail."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ispmig_pipelines.platform.audit.chain import Head


class Kind(StrEnum):
    """What can be wrong with a chain."""

    ALTERED = "altered"  # what the entry says does not give its digest
    REPLACED = "replaced"  # it is whole, and not the one that the next entry was built on
    MOVED = "moved"  # it belongs elsewhere in the chain
    MISSING = "missing"
    INSERTED = "inserted"  # it has no place in the chain, or one that is taken
    CUT_OFF = "cut off"  # the end of the chain is gone
    END = "end"  # what the database keeps as the end is not the last entry
    REWRITTEN = "rewritten"  # another entry than the one that was witnessed
    WITNESS = "witness"  # the witness itself was tampered with


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        position: of the entry in its chain, or of the first of several; None of one without.
        last: of several, the position of the last.
        id, at, operation, stage: of the entry, where there is one.
        message: a sentence that names it.
    """

    kind: Kind
    tenant: str
    message: str
    position: int | None = None
    last: int | None = None
    id: int | None = None
    at: str | None = None
    operation: str | None = None
    stage: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The problem as the command line prints it."""
        return {
            "kind": self.kind.value,
            "tenant": self.tenant,
            "position": self.position,
            "last": self.last,
            "id": self.id,
            "at": self.at,
            "operation": self.operation,
            "stage": self.stage,
            "message": self.message,
        }


@dataclass
class Verified:
    """What verifying a chain found.

    Attributes:
        entries: how many there are.
        end: the newest of them; None of a chain that has none.
        witnessed: the highest position that a witness has, and that is as it was witnessed.
        unfinished: entries of a beginning without an end: at work still, or killed.
        notes: what somebody should know, and what is not wrong.
    """

    tenant: str
    entries: int = 0
    end: Head | None = None
    witnessed: int | None = None
    problems: list[Problem] = field(default_factory=list)
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The findings as the command line prints them."""
        return {
            "tenant": self.tenant,
            "holds": self.holds,
            "entries": self.entries,
            "end": None if self.end is None else self.end.as_json(),
            "witnessed": self.witnessed,
            "problems": [problem.as_json() for problem in self.problems],
            "unfinished": self.unfinished,
            "notes": self.notes,
        }
