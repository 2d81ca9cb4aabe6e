"""What to do next after a migration: a few steps, each with the command to type if there is one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.page.words import counted
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.report import CardColumn, EntityCounts, Quarantine, RuleIssues, Step


@dataclass(frozen=True)
class Facts:
    """What the steps depend on.

    Attributes:
        spec: path of the spec's file.
        refused: too much would have lain in quarantine; ``by_spec``: by the spec's own limits.
        origin: of a resubmission: the migration whose records were sent in, in ``sent_in``.
        newer: a later migration of the same spec that stands, and has read anew what this has.
    """

    tenant: str
    migration: int
    state: State
    spec: str
    refused: bool
    by_spec: bool
    origin: int | None
    sent_in: str
    newer: int | None
    entities: Sequence[EntityCounts]
    issues: Sequence[RuleIssues]
    quarantine: Sequence[Quarantine]
    cards: Sequence[CardColumn]

    @property
    def waiting(self) -> int:
        return sum(q.waiting for q in self.quarantine)


def steps(facts: Facts) -> tuple[Step, ...]:
    """The steps, in order."""
    match facts.state:
        case State.RUNNING:
            return (
                Step(
                    what="Wait until it has ended.", command=f"ispmig migration {facts.migration}"
                ),
            )
        case State.PUBLISHED:
            return (
                Step(
                    what="Retry the run from failure in the Dagster UI; else the tenant's next "
                    "migration takes it back first.",
                    command="ispmig up",
                ),
            )
        case State.DONE:
            found = _correct(facts) if facts.newer is None else _read_again(facts)
        case State.CHECKED | State.FAILED | State.UNDONE | State.PARTLY_UNDONE:
            found = _again(facts) if facts.newer is None else _superseded(facts)
    found += _besides(facts.tenant, facts.issues, facts.cards)
    return tuple(found) or (Step(what="Nothing: everything came over.", command=""),)


def _correct(facts: Facts) -> list[Step]:
    if not facts.waiting:
        return []
    # Records that were sent in and rejected again wait where they came from.
    of = facts.migration if facts.origin is None else facts.origin
    book = f"{facts.tenant}-{of}.xlsx"
    return [
        Step(
            what=f"Write the {counted(facts.waiting, 'record')} in quarantine into a workbook, "
            "with the reason beside each.",
            command=f"ispmig quarantine {facts.tenant} --migration {of} --format xlsx --out {book}",
        ),
        Step(
            what="Correct the coloured cells, and send the workbook in again.",
            command=f"ispmig resubmit {facts.tenant} {book}",
        ),
    ]


def _read_again(facts: Facts) -> list[Step]:
    if not facts.waiting:
        return []
    return [
        Step(
            what=f"What waits here was read again by migration {facts.newer} of the same spec: "
            "correct it there.",
            command=f"ispmig report {facts.tenant} {facts.newer}",
        )
    ]


def _superseded(facts: Facts) -> list[Step]:
    return [
        Step(
            what=f"Nothing here: migration {facts.newer} of the same spec was loaded since.",
            command=f"ispmig report {facts.tenant} {facts.newer}",
        )
    ]


def _again(facts: Facts) -> list[Step]:
    found = []
    tenant, spec = facts.tenant, shlex.quote(facts.spec)
    if facts.origin is not None:
        again = f"ispmig resubmit {tenant} {shlex.quote(facts.sent_in)}"
    else:
        again = f"ispmig migrate {tenant} {spec}"
        if facts.waiting:
            found.append(
                Step(
                    what=f"See what is wrong with each of the {counted(facts.waiting, 'record')}.",
                    command=f"ispmig quarantine {tenant} --migration {facts.migration}",
                )
            )
        if facts.waiting or facts.refused:
            found.append(
                Step(
                    what="Correct the export or the spec, and look what it would do now.",
                    command=f"ispmig preview {tenant} {spec}",
                )
            )
    if facts.refused:
        in_spec = ", with a higher max_quarantined in the spec" if facts.by_spec else ""
        found.append(
            Step(
                what=f"Or load what is sound{in_spec}, and correct the rest afterwards.",
                command=f"{again} --max-quarantined {_enough(facts)}%",
            )
        )
    elif facts.state is State.CHECKED:
        found.append(Step(what="If it is as it should be: load it.", command=again))
    else:
        found.append(Step(what="Do what the reason above says, and try again.", command=again))
    return found


def _enough(facts: Facts) -> int:
    """The least whole percentage that lets so many of each entity lie in quarantine, but for what
    is there on purpose and counts for no threshold."""
    read = {e.entity: e.read for e in facts.entities}
    exact = (
        Decimal(100 * (q.records - q.on_purpose)) / read[q.entity]
        for q in facts.quarantine
        if read.get(q.entity)
    )
    return max((int(one.to_integral_value(ROUND_CEILING)) for one in exact), default=0)


def _besides(tenant: str, issues: Sequence[RuleIssues], cards: Sequence[CardColumn]) -> list[Step]:
    found = []
    if any(i.rule == "network.outside_pools" for i in issues):
        found.append(
            Step(
                what="If the addresses outside the tenant's pools are its own: declare all of its "
                "pools, and migrate again.",
                command=f"ispmig tenant set {tenant} --pool NETWORK",
            )
        )
    noted = sum(i.records for i in issues if i.severity == Severity.WARNING)
    if noted:
        found.append(
            Step(
                what=f"Look through the warnings ({counted(noted, 'finding')}): the records "
                "are not held back for them.",
                command="",
            )
        )
    if any(c.masked or c.dropped for c in cards):
        found.append(
            Step(
                what="Tell whoever keeps the legacy system that it holds card numbers in the "
                "clear. If they are none, say so in the spec (not_cards).",
                command="",
            )
        )
    return found
