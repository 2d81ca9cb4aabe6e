# ruff: noqa: E501
"""Which entity a table's name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.model.entity import column_key

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_HINTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("invoice_line", frozenset({"invoice", "line"})),
    ("payment_method", frozenset({"payment", "method"})),
    ("payment_method", frozenset({"card"})),
    ("payment_method", frozenset({"mandate"})),
    ("service", frozenset({"customer", "plan"})),
    ("service", frozenset({"customer", "service"})),
    ("ip_assignment", frozenset({"ip", "address"})),
    ("ip_assignment", frozenset({"ip"})),
    ("invoice", frozenset({"invoice"})),
    ("payment", frozenset({"payment"})),
    ("payment", frozenset({"transaction"})),
    ("customer", frozenset({"customer", "device"})),
    ("device", frozenset({"device"})),
    ("device", frozenset({"router"})),
    ("location", frozenset({"location"})),
    ("plan", frozenset({"plan"})),
    ("service", frozenset({"service"})),
    ("service", frozenset({"contract"})),
    ("customer", frozenset({"customer"})),
    ("customer", frozenset({"account"})),
    ("customer", frozenset({"login"})),
    ("customer", frozenset({"balance"})),
)
"""Entity ← what the table's name says; the more specific first."""

_OF_LINES = frozenset(
    {"contents", "content", "detalle", "detalles", "detalhe", "detalhes", "itens", "detail", "details", "lineas",
     "linhas", "lines", "line", "item", "items", "positionen", "posten", "pozycje", "rincian", "detil", "kalemleri"}
)  # fmt: skip
"""Words beside those for invoices of tables of their lines."""

_WEAK_HINTS = (frozenset({"account"}), frozenset({"login"}), frozenset({"balance"}))
"""Names of tables of customers, and as well of whom and what a system keeps otherwise."""


def hinted_by_name(table: Table) -> str:
    """The entity that its name says, or ""."""
    concepts = frozenset(concepts_of(table.sample.name))
    if table.above == "invoice" and _is_of_lines(table):
        return "invoice_line"
    last = column_key(table.sample.name)
    if "invoice" in concepts and (
        _OF_LINES & set(words_of(table.sample.name)) or last.endswith(tuple(_OF_LINES))
    ):
        return "invoice_line"
    if table.above:
        # invoices.payments are payments: the end of the path says what is in it.
        concepts = frozenset(concepts_of(table.sample.name.rpartition(".")[2]))
    return next((entity for entity, words in _HINTS if words <= concepts), "")


def _is_of_lines(table: Table) -> bool:
    """Whether children of invoices are their lines: what, how many, at what price."""
    fields = {m.field for m in table.matches("invoice_line") if m.score >= 0.8}
    return len(fields & {"description", "quantity", "unit_price", "amount", "item_code"}) >= 2


def is_weakly_hinted(table: Table) -> bool:
    """Whether its name may as well be of something else: accounts, users."""
    concepts = frozenset(concepts_of(table.sample.name))
    first = next((words for _, words in _HINTS if words <= concepts), frozenset())
    return first in _WEAK_HINTS
