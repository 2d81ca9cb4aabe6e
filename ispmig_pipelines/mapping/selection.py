"""Which of a source's records a block takes, and how nothing is lost by that.

A block takes all of them, unless it says otherwise: ``when_filled`` (columns that must hold
something), ``when`` (a condition over columns), or a rule that routes some of its records to the
block of another entity, which then takes only those. Nothing may be lost:

- Every source has a block that takes whatever no other does, and the block that carries the
  source's unused columns as ``legacy`` is such a one; so are those that it routes records to
  (all checked when a spec is loaded).
- A column that only blocks read which skip a record (the price beside an empty plan, left there
  since the service ended) is lost to it, and so is what mappings cut from a cell, if no other
  takes all of it. For exactly those records the carrying block keeps the cell too: see
  :class:`SometimesUsed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.batch import Batch
from ispmig_pipelines.mapping.distinct_cells import cut_cells
from ispmig_pipelines.mapping.field_plan import FieldPlan
from ispmig_pipelines.mapping.rules import ConditionPlan
from ispmig_pipelines.mapping.spec_models import FieldMapping


class Router(Protocol):
    """A block whose rules send some of its records to others."""

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that it reads to know which."""

    def routed(self, batch: Batch) -> dict[str, np.ndarray]:
        """Entity → mask of the records that go there instead of to its own."""


@dataclass(frozen=True)
class Selection:
    """Which records of its source a block takes.

    Attributes:
        when_filled: columns that must hold something; null_words: what means nothing there.
        when: what must hold besides, or None.
        sends: the block's own rules, where they route records elsewhere.
        entity: the block's entity.
        receives: other blocks that send it records: it takes these and no others. Empty if none
            does.
    """

    when_filled: tuple[str, ...] = ()
    null_words: tuple[str, ...] = ()
    when: ConditionPlan | None = None
    sends: Router | None = None
    entity: str = ""
    receives: tuple[Router, ...] = ()

    @property
    def takes_all(self) -> bool:
        """It takes every record of the source."""
        return not (self.when_filled or self.when or self.sends or self.receives)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that :meth:`mask` reads."""
        routers = [*self.receives, *([self.sends] if self.sends else [])]
        return (
            *self.when_filled,
            *(self.when.columns.values() if self.when else ()),
            *(name for router in routers for name in router.columns_needed),
        )

    def taken_first(self, batch: Batch) -> np.ndarray:
        """Mask of the records that the block's rules look at."""
        if self.receives:
            mask = np.zeros(batch.size, dtype=bool)
            for router in self.receives:
                mask |= router.routed(batch).get(self.entity, False)
            return mask
        mask = batch.cells.filled(self.when_filled, self.null_words).copy()
        if self.when is not None:
            mask &= self.when.holds(batch, {})
        return mask

    def mask(self, batch: Batch) -> np.ndarray:
        """Mask of the records that become the block's entity."""
        mask = self.taken_first(batch)
        if self.sends is not None:
            for away in self.sends.routed(batch).values():
                mask &= ~away
        return mask


@dataclass(frozen=True)
class Reader:
    """What reads a column.

    Attributes:
        selection: which records its block takes.
        cutting: the mapping, if it may keep a part only of what it reads; else None.
    """

    selection: Selection
    cutting: FieldPlan | None = None

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that :meth:`keeps` reads."""
        origins = () if self.cutting is None else self.cutting.origins
        return (*self.selection.columns_needed, *origins)

    def keeps(self, batch: Batch) -> np.ndarray:
        """Mask of the records whose cell is in a field, whole."""
        if self.cutting is None:
            return self.selection.mask(batch)
        kept = ~cut_cells(self.cutting, batch)
        return kept if self.selection.takes_all else kept & self.selection.mask(batch)


@dataclass(frozen=True)
class SometimesUsed:
    """A column of which cells may be in no field, or not whole.

    Attributes:
        column: the source's own name of it.
        readers: all that read it.
        null_words: cells of the column that mean nothing to anybody, so that they need not be
            kept; see :func:`nothing_to_all`.
    """

    column: str
    readers: tuple[Reader, ...]
    null_words: tuple[str, ...]

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that :meth:`left_behind` reads."""
        return (self.column, *(name for reader in self.readers for name in reader.columns_needed))

    def left_behind(self, batch: Batch) -> pa.StringArray:
        """The cells as they stand, where they hold something and every reader skips the record or
        cuts the cell; null elsewhere."""
        left = batch.cells.filled((self.column,), self.null_words).copy()
        for reader in self.readers:
            if not left.any():
                break
            left &= ~reader.keeps(batch)
        return pc.if_else(
            pa.array(left), batch.cells.raw(self.column), pa.scalar(None, pa.string())
        )


def nothing_to_all(null_words: Iterable[str], mappings: Iterable[FieldMapping]) -> tuple[str, ...]:
    """The defaults' null words that mean nothing to every one of the mappings too.

    A mapping may have null words of its own, or a lookup that names one (in any case, to be on
    the safe side): then the word says something.
    """
    words = list(null_words)
    for mapping in mappings:
        if mapping.null_words is not None:
            words = [word for word in words if word in mapping.null_words]
        named = {word.strip().lower() for word in mapping.lookup or ()}
        words = [word for word in words if word.lower() not in named]
    return tuple(words)


def kept(records: Records, mask: np.ndarray) -> Records:
    """The records where ``mask`` is true, each where it stood; rejects and progress stay."""
    where = pa.array(mask, pa.bool_())
    return replace(
        records,
        cells=records.cells.filter(where),
        record=records.record.filter(where),
        line=records.line.filter(where),
    )
