"""Settles what all tables together say of keys, references and records."""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.mapping.suggest.holding import holders, referring
from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.mapping.suggest.references import elect_key, refer
from ispmig_pipelines.mapping.suggest.same_records import complete, doubt, heads
from ispmig_pipelines.mapping.suggest.sums import sums_of
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.mapping.suggest.wide_rows import plan_for_want


def relate(tables: Sequence[Table]) -> None:
    """Settles keys and references of all tables together."""
    for entity in ("customer", "plan", "location", "service", "invoice", "device"):
        parents = holders(tables, entity)
        if not parents:
            continue
        elect_key(tables, entity, parents)
        for table, holding in referring(tables, entity):
            if table.fixed:
                continue
            refer(table, holding, entity, parents)
    _plans_for_want(tables)
    heads(tables)
    _add_up(tables)
    complete(tables)
    doubt(tables)


def _plans_for_want(tables: Sequence[Table]) -> None:
    """A service must have a plan: where no column is sure to name it and no table lists any, the
    only column that is like one does, else the monthly fee or the speed."""
    if any(not t.is_strange for t, _ in holders(tables, "plan")):
        return
    for table, holding in holders(tables, "service"):
        match = holding.fields.get("plan")
        if table.fixed or (match is not None and match.score >= ACTIVE):
            continue
        made = plan_for_want(table, holding)
        if made is not None:
            holding.fields["plan"] = made


def _add_up(tables: Sequence[Table]) -> None:
    """Which amounts of invoices are net, tax and total, paid and open, by their sums."""
    for table, holding in holders(tables, "invoice"):
        if table.fixed or not table.sample.rows:
            continue
        settled = sums_of(table, holding)
        for name, match in settled.items():
            for other, m in list(holding.fields.items()):
                if m.column == match.column:
                    del holding.fields[other]
            holding.fields[name] = match
