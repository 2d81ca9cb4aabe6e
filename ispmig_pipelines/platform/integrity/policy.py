"""What a tenant and a spec may decide about the checks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ispmig_pipelines.condition import Condition
from ispmig_pipelines.issues import Severity, rule_of


class RejectedParent(StrEnum):
    """What becomes of a record whose parent this migration put in quarantine."""

    quarantine = "quarantine"
    """It follows its parent."""

    keep = "keep"
    """It is loaded without the reference, where it can be: an optional reference is emptied and
    what it said kept under ``legacy``. Without a required one no row can be, so it follows."""


class SpecCheck(Protocol):
    """What a spec demands of an entity's rows itself."""

    @property
    def entity(self) -> str: ...

    @property
    def code(self) -> str:
        """The code of its findings."""
        ...

    @property
    def must(self) -> Condition:
        """What must hold."""
        ...

    @property
    def when(self) -> Condition | None:
        """The rows that it is about; None: all."""
        ...

    @property
    def severity(self) -> Severity: ...

    @property
    def message(self) -> str:
        """What is told of rows that break it."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it reads."""
        ...

    @property
    def of_records(self) -> bool:
        """It is about the records of a source, not about rows: it asks for their columns too."""
        ...


@dataclass(frozen=True)
class Policy:
    """The checks' settings.

    Attributes:
        severities: rule code → severity, for rules that are to have another than their own.
        rejected_parent: what becomes of children.
        pools: the tenant's networks, as text; none: addresses are not held against any.
        today: the day of the migration.
        checks: what the spec demands itself, of rows that several of its blocks make too.
    """

    severities: Mapping[str, Severity] = field(default_factory=dict)
    rejected_parent: RejectedParent = RejectedParent.quarantine
    pools: tuple[str, ...] = ()
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    checks: tuple[SpecCheck, ...] = ()

    def severity(self, code: str) -> Severity:
        """What a finding of the rule does to its record."""
        for check in self.checks:
            if check.code == code:
                return check.severity
        rule = rule_of(code)
        return self.severities.get(code, rule.severity) if rule.adjustable else rule.severity
