"""What one block of a spec brings to be loaded: its table, and batches by whoever staged them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.reconcile import Amounts


@dataclass(frozen=True)
class Feed:
    """What one feed brings to be loaded. Each of its callables may be called more than once.

    Attributes:
        table: what it fills, and the temporary tables for it.
        read: records of its source, readable or not.
        amounts: money field → currency → what stands in the source.
        accepted: batches of the rows to load: the feed's fields in order, ``legacy``,
            ``_file``, ``_record`` and ``_line``.
        quarantined: batches of ``QUARANTINE_SCHEMA`` for the rows already rejected.
        issues: batches of ``ISSUE_SCHEMA``: what is wrong with rows of either kind.
        cells: original cells, as JSON, of the records at the given positions
            (file, record), which come in ascending order.
        adjusted: batches of what rules took from amounts: ``_file``, ``_record``, ``field``,
            ``currency``, ``amount``.
        rejected: batches of ``REJECTED_SCHEMA``: whose the rows already rejected are.
    """

    table: FeedTable
    read: int
    amounts: dict[str, dict[str, Amounts]]
    accepted: Callable[[], Iterator[pa.RecordBatch]]
    quarantined: Callable[[], Iterator[pa.RecordBatch]]
    issues: Callable[[], Iterator[pa.RecordBatch]]
    cells: Callable[[list[tuple[int, int]]], Iterator[str]]
    adjusted: Callable[[], Iterator[pa.RecordBatch]] = lambda: iter(())
    rejected: Callable[[], Iterator[pa.RecordBatch]] = lambda: iter(())
