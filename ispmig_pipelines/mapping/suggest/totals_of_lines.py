"""What an invoice comes to where only its lines say it: the sum of their amounts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.draft import Block, Line
from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.mapping.suggest.tables import Table

_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_MOST = 0.95
"""Share of the invoices of which lines must be there."""


def total_of_lines(invoices: Block, tables: Mapping[str, Table]) -> Line | None:
    """The total of each invoice as the sum of its lines; None where they do not surely say it.

    Args:
        invoices: a block of invoices without a total.
        tables: source → table.
    """
    key = next((x for x in invoices.active if x.field == "invoice_number"), None)
    if key is None or len(key.columns) != 1 or key.mapping != key.columns[0]:
        return None
    numbers = tables[invoices.source].sample.column(key.columns[0])
    taxed = any(x.field in ("tax", "subtotal") for x in invoices.active)
    for source, table in tables.items():
        for lines in table.holdings:
            number, amount = lines.fields.get("invoice_number"), lines.fields.get("amount")
            if lines.entity != "invoice_line" or lines.doubt or number is None or amount is None:
                continue
            if min(number.score, amount.score) < ACTIVE:
                continue
            there = table.sample.column(number.column)
            of_all = sum(v in there.counts for v in numbers.counts) >= _MOST * len(numbers.counts)
            plain = all(_PLAIN.fullmatch(v) for v in table.sample.column(amount.column).counts)
            taxes = taxed or any(
                m.score >= ACTIVE for n, m in lines.fields.items() if n in ("tax", "tax_rate")
            )
            gross = not taxes or "total" in concepts_of(amount.column)
            if of_all and plain and gross:
                looked_up = {"source": source, "key": number.column, "value": amount.column,
                             "duplicates": "sum"}  # fmt: skip
                return Line("total", {"column": key.columns[0], "lookup_table": looked_up},
                            key.columns, 0.65, "assumed: the sum of its lines",
                            True, True)  # fmt: skip
    return None
