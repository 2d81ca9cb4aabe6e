"""What compliance found in the columns of sources, as the pages of previews and reports tell it."""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.page.document import escaped
from ispmig_pipelines.page.words import counted
from ispmig_pipelines.report.grid import ROWS, grid, left_out, row
from ispmig_pipelines.report.report import CardColumn, PersonalColumn


def cards_found(cards: Sequence[CardColumn]) -> str:
    """Which columns held card numbers, and what became of them."""
    if not cards:
        return "<h3>Card numbers</h3><p>No column held any.</p>"
    rows = "".join(
        row(
            escaped(c.column),
            f'<td data-label="source">{escaped(c.source)}</td>'
            f'<td class="n" data-label="cells">{"" if c.dropped else f"{c.cells:,}"}</td>'
            f"<td>{escaped(_became(c))}</td>",
        )
        for c in cards[:ROWS]
    )
    head = ("column", "source", "cells#", "what became of them")
    return f"<h3>Card numbers</h3>{grid(head, rows)}{left_out(len(cards))}"


def _became(card: CardColumn) -> str:
    if card.dropped:
        return "It verifies cards (CVV): the column was not read."
    if card.allowed:
        return f"Left alone; the spec says they are no card numbers: {card.allowed}"
    if card.tokens:
        return "Tokens took their place before anything was kept."
    return "Masked to the last four digits before anything was kept."


def personal_found(personal: Sequence[PersonalColumn]) -> str:
    """Which columns say something about people, and where they go."""
    if not personal:
        return "<h3>Personal data</h3><p>No column was found to say anything about people.</p>"
    rows = "".join(
        row(
            escaped(p.column),
            f'<td data-label="source">{escaped(p.source)}</td>'
            f'<td data-label="says">{escaped(p.kind + (f" ({p.detail})" if p.detail else ""))}'
            + "".join(
                f'<br><span class="tag warning">words of {escaped(s.category)}: '
                f"{counted(s.cells, 'cell')}</span>"
                for s in p.special
            )
            + f'</td><td data-label="goes to">{_goes_to(p)}</td>',
        )
        for p in personal[:ROWS]
    )
    head = ("column", "source", "what it says", "where it goes")
    return f"<h3>Where personal data are</h3>{grid(head, rows)}{left_out(len(personal))}"


def _goes_to(personal: PersonalColumn) -> str:
    told = escaped(", ".join(personal.goes_to) or "nowhere")
    mark = ' <span class="tag warning">no field</span>' if personal.unmapped else ""
    return told + mark
