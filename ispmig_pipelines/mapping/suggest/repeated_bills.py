"""Words of tables of bills that come again and again: templates of them, which are services."""

from __future__ import annotations

AGAIN = frozenset(
    {"recurring", "recurrent", "recurrents", "recurrente", "recurrentes", "recurrences",
     "recorrente", "recorrentes", "recorrencia", "recorrencias", "ricorrente", "ricorrenti",
     "wiederkehrend", "wiederkehrende", "wiederkehrenden", "abo", "abos", "periodic",
     "periodicas", "periodiques", "cykliczne", "opakovane", "pravidelne", "terugkerende",
     "repeating"}
)  # fmt: skip
"""Words beside those for invoices of tables of what is billed again and again."""
