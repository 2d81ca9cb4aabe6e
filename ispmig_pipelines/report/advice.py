"""What to do next after a migration: a few steps, each with the command to type if there is one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.page.words import counted
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.report import CardColumn, EntityCounts, Quarantine, RuleIssues, Step


def steps(
    tenant: str,
    migration: int,
    state: State,
    spec: str,
    *,
    refused: bool,
    resubmitted: bool,
    entities: Sequence[EntityCounts],
    issues: Sequence[RuleIssues],
    quarantine: Sequence[Quarantine],
    cards: Sequence[CardColumn],
) -> tuple[Step, ...]:
    """The steps, in order.

    Args:
        spec: how to name the spec's file in a command.
        refused: too much would have lain in quarantine.
        resubmitted: the records come from the quarantine of another migration.
    """
    spec = shlex.quote(spec)
    waiting = sum(q.waiting for q in quarantine)
    found: list[Step] = []
    match state:
        case State.RUNNING:
            return (Step(what="Wait until it has ended.", command=f"ispmig migration {migration}"),)
        case State.PUBLISHED:
            return (
                Step(
                    what="Retry the run from failure in the Dagster UI; else the tenant's next "
                    "migration takes it back first.",
                    command="ispmig up",
                ),
            )
        case State.DONE:
            if waiting and not resubmitted:
                found += _correct(tenant, migration, waiting)
        case State.CHECKED | State.FAILED | State.UNDONE:
            found += _again(tenant, migration, state, spec, waiting, refused, entities)
    found += _besides(tenant, issues, cards)
    return tuple(found) or (Step(what="Nothing: everything came over.", command=""),)


def _correct(tenant: str, migration: int, waiting: int) -> list[Step]:
    book = f"{tenant}-{migration}.xlsx"
    return [
        Step(
            what=f"Write the {counted(waiting, 'record')} in quarantine into a workbook, with the "
            "reason beside each.",
            command=f"ispmig quarantine {tenant} --migration {migration} --format xlsx "
            f"--out {book}",
        ),
        Step(
            what="Correct the coloured cells, and send the workbook in again.",
            command=f"ispmig resubmit {tenant} {book}",
        ),
    ]


def _again(
    tenant: str,
    migration: int,
    state: State,
    spec: str,
    waiting: int,
    refused: bool,
    entities: Sequence[EntityCounts],
) -> list[Step]:
    found = []
    if waiting:
        found += [
            Step(
                what=f"See what is wrong with each of the {counted(waiting, 'record')}.",
                command=f"ispmig quarantine {tenant} --migration {migration}",
            ),
            Step(
                what="Correct the export or the spec, and look what it would do now.",
                command=f"ispmig preview {tenant} {spec}",
            ),
        ]
    if refused:
        enough = max((_percent(e) for e in entities if e.read), default=0)
        found.append(
            Step(
                what="Or load what is sound, and correct the rest afterwards.",
                command=f"ispmig migrate {tenant} {spec} --max-quarantined {enough}%",
            )
        )
    elif state is State.CHECKED:
        found.append(
            Step(
                what="If it is as it should be: migrate.", command=f"ispmig migrate {tenant} {spec}"
            )
        )
    else:
        found.append(
            Step(
                what="Do what the reason above says, and migrate again.",
                command=f"ispmig migrate {tenant} {spec}",
            )
        )
    return found


def _percent(counts: EntityCounts) -> int:
    """The least whole percentage that lets so many of an entity lie in quarantine."""
    exact = Decimal(100 * counts.quarantined) / counts.read
    return int(exact.to_integral_value(ROUND_CEILING))


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
