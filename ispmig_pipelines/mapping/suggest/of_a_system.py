"""Whether an export is that of the system whose preset resembles it.

Many systems keep a list of access servers, and all that stand on FreeRADIUS have its tables beside
their own. An export is a system's only if the preset knows those tables in which its business is:
whoever its customers are.
"""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.mapping.presets import Preset, Recognised
from ispmig_pipelines.mapping.suggest.entity_of_table import persons_in
from ispmig_pipelines.mapping.suggest.sample import TableSample
from ispmig_pipelines.mapping.suggest.tables import Table

_MAIN = frozenset({"customer", "service", "invoice", "payment", "plan"})
"""Entities of which a preset must know a table to be the one of the export."""
_PERSONS = 3
"""In so many ways a list of customers tells of each: name, telephone, address."""
_LEAST_SHARE = 0.5
"""Share of the columns of its own tables that a preset must know, where others hold the people."""


def is_of_the_system(
    preset: Preset, samples: Sequence[TableSample], found: Sequence[Recognised | None]
) -> bool:
    """Whether the preset's tables among those of an export are the export's own.

    Args:
        samples: first records of every table.
        found: what the preset takes each for, None where it does not know it.
    """
    known = [f for f in found if f is not None]
    if not any(_MAIN & preset.tables[f.table].entities.keys() for f in known):
        return False
    tables = [Table(s) for s in samples]
    unknown = [t for t, f in zip(tables, found, strict=True) if f is None and _holds_people(t)]
    if not unknown:
        return True
    mine = [t for t, f in zip(tables, found, strict=True) if f is not None]
    if not any(_holds_people(t) for t in mine):
        # Its customers are in tables that the preset has never heard of.
        return False
    of_mine = sum(t.sample.records for t in mine if _holds_people(t))
    return of_mine >= _LEAST_SHARE * max(t.sample.records for t in unknown)


def _holds_people(table: Table) -> bool:
    return bool(table.sample.records) and not table.is_strange and persons_in(table) >= _PERSONS
