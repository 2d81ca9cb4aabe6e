"""How a migration went, in the sentence that a report begins with."""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.page.words import counted
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.report import ControlTotal, EntityCounts, Quarantine


def adds_up(entities: Sequence[EntityCounts], totals: Sequence[ControlTotal]) -> bool:
    """Whether no record is lost and money reconciles, by the numbers of the report itself."""
    return not any(e.missing for e in entities) and not any(t.difference for t in totals)


def verdict(
    state: State,
    entities: Sequence[EntityCounts],
    totals: Sequence[ControlTotal],
    quarantine: Sequence[Quarantine],
) -> tuple[bool, str]:
    """Whether the migration is sound, and how it went, for people who never saw the tool."""
    told = _accounts(state, entities, totals, quarantine)
    sound = adds_up(entities, totals)
    match state:
        case State.DONE:
            return sound, told
        case State.CHECKED:
            return sound, f"This was a dry run, and changed nothing. {told}"
        case State.FAILED:
            refused = sum(e.quarantined for e in entities)
            of = sum(e.read for e in entities)
            why = f" Of {counted(of, 'record')}, {refused:,} could not be loaded." if of else ""
            return False, f"Nothing was loaded: the tenant's rows are as they were.{why}"
        case State.UNDONE:
            return False, "It was taken back: the tenant's rows are as they were before it."
        case State.PARTLY_UNDONE:
            return False, (
                "It was rolled back, but for rows that somebody has changed or needs since."
            )
        case State.PUBLISHED:
            return False, "It is published, and its audit has not passed yet."
        case State.RUNNING:
            return False, "It has not ended yet."


def _accounts(
    state: State,
    entities: Sequence[EntityCounts],
    totals: Sequence[ControlTotal],
    quarantine: Sequence[Quarantine],
) -> str:
    read = sum(e.read for e in entities)
    if not read:
        return "There was no record to read."
    missing = sum(abs(e.missing) for e in entities)
    parts = [
        f"{missing:,} of {counted(read, 'record')} are not accounted for"
        if missing
        else (
            f"All {read:,} records are accounted for"
            if read > 1
            else "The one record is accounted for"
        ),
        _held(state, quarantine),
    ]
    if totals:
        wrong = sum(1 for t in totals if t.difference)
        parts.append(
            f"{wrong} of {counted(len(totals), 'sum')} of money "
            f"{'does' if wrong == 1 else 'do'} not reconcile"
            if wrong
            else "money reconciles"
        )
    return f"{'; '.join(parts)}."


def _held(state: State, quarantine: Sequence[Quarantine]) -> str:
    went, wanted, waiting, solved, deleted = (
        sum(getattr(q, name) for q in quarantine)
        for name in ("records", "on_purpose", "waiting", "solved", "deleted")
    )
    if not went:
        return "nothing is in quarantine"
    apart = f"; {wanted:,} {'is' if wanted == 1 else 'are'} left out on purpose" if wanted else ""
    if state is State.CHECKED:
        return f"{went - wanted:,} would wait in quarantine{apart}"
    since = [f"{n:,} {what}" for n, what in ((solved, "solved"), (deleted, "deleted")) if n]
    told = f" ({' and '.join(since)} since)" if since else ""
    if not waiting:
        return f"nothing waits in quarantine{told}{apart}"
    return f"{waiting:,} {'waits' if waiting == 1 else 'wait'} in quarantine{told}{apart}"
