"""Optional children in wide rows: blocks that say ``when_filled``, and what they leave behind.

A wide row often has a child only sometimes: customers without a service, services without an
address of their own. A block that says ``when_filled`` takes only the records in which the
columns it names all hold something. Nothing may be lost by that:

- Every source has a block that takes all its records, and the block that carries the source's
  unused columns as ``legacy`` is such a one (both are checked when a spec is loaded).
- A column that only blocks with ``when_filled`` read (the price beside an empty plan, left there
  since the service ended) is lost to a record that all these blocks skip. For exactly those
  records the carrying block keeps its cell too: see :class:`SometimesUsed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.spec_models import FieldMapping


@dataclass(frozen=True)
class SometimesUsed:
    """A column that only feeds with ``when_filled`` read.

    Attributes:
        column: the source's own name of it.
        readers: of each feed that reads it, the ``when_filled`` columns.
        filled_null_words: cells that mean nothing in those columns: the defaults' null words.
        null_words: cells of the column itself that mean nothing to anybody, so that they need
            not be kept; see :func:`nothing_to_all`.
    """

    column: str
    readers: tuple[tuple[str, ...], ...]
    filled_null_words: tuple[str, ...]
    null_words: tuple[str, ...]

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that :meth:`left_behind` reads."""
        return (self.column, *(name for reader in self.readers for name in reader))

    def left_behind(self, cells: SourceCells) -> pa.StringArray:
        """The cells as they stand, where they hold something and every reader skips the record;
        null elsewhere."""
        read = np.zeros(cells.size, dtype=bool)
        for reader in self.readers:
            read |= cells.filled(reader, self.filled_null_words)
        left = cells.filled((self.column,), self.null_words) & ~read
        return pc.if_else(pa.array(left), cells.raw(self.column), pa.scalar(None, pa.string()))


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
