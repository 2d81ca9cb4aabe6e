"""Tables of pages about migrations; on a phone they become lists."""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.page.words import others

ROWS = 100
"""Rows of a list that is as long as a source is wide, or files are many; the JSON has all."""


def grid(columns: Sequence[str], rows: str, kind: str = "") -> str:
    """A table that becomes a list on a phone.

    Args:
        columns: their headings; one that ends in ``#`` is of numbers, one in brackets is read out
            and not seen.
        rows: HTML; each begins with what names it (:func:`row`).
        kind: its class besides.
    """
    head = "".join(
        f'<th scope="col"{" class=n" if c.endswith("#") else ""}>'
        + (f'<span class="unseen">{c[1:-1]}</span>' if c.startswith("(") else c.rstrip("#"))
        + "</th>"
        for c in columns
    )
    return (
        f'<table class="stack {kind}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def row(name: str, cells: str) -> str:
    """A row by its name and the cells beside it, both HTML."""
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def left_out(count: int) -> str:
    """Says of a list that it has more than :data:`ROWS`."""
    if count <= ROWS:
        return ""
    return f'<p class="quiet">{others(count - ROWS)}, in the JSON.</p>'
