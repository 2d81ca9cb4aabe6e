"""The one shape in which every format hands over its records.

A reader opens one file and yields, for one table at a time, batches of :class:`Records`:
cells as text exactly as they stand in the source (nothing trimmed, nothing interpreted),
each record with its 1-based ordinal and, where the format has lines, its first line.
A record that cannot be read is a :class:`Reject`: it keeps its ordinal and its raw text,
so that ``len(records) + rejects`` counts every record of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

DEFAULT_BATCH_SIZE = 50_000
"""Records per batch unless the run says otherwise.

A million customers of 16 columns, migrated whole on two cores, took 28 s in batches of 5,000
(peak memory 384 MB), 19 s in batches of 50,000 (520 MB), 21 s in batches of 200,000 (805 MB).
"""


KEYED = frozenset({"json", "ndjson", "xml"})
"""Formats in which a record may lack keys: files of one table need not have all the same."""


@dataclass(frozen=True)
class Reject:
    """A record that stands in the source and cannot be turned into cells.

    Attributes:
        record: 1-based ordinal in its table, counted together with the readable records.
        line: 1-based first line in the file, None where the format has no lines.
        rule: code in :data:`ispmig_pipelines.issues.RULES`, e.g. ``record.ragged``.
        text: the raw text, whole (up to the reader's limit on a record). Bytes that are not
            valid in the encoding, and zero bytes, stand in it as ``\\xNN``, so that any text
            column can hold it.
        found, accepted: what the rule's message needs, never cell content.
    """

    record: int
    line: int | None
    rule: str
    text: str
    found: str = ""
    accepted: str = ""


@dataclass(frozen=True)
class Records:
    """A batch: ``cells`` (text columns; null = no cell), and where each record stands.

    Attributes:
        cells: columns of ``pa.string()``, named as in the source, names made unique.
        record: int64, 1-based ordinals, strictly increasing over the batches of a table.
        line: int64, 1-based first lines, null where unknown.
        rejects: unreadable records that stand between or after these.
        bytes_read: how far the reader is in its file, for progress.
        missing: by column, where the source does not have the key at all; a cell that is null
            and not missing is a NULL that stands in the source. Only columns that lack the key
            somewhere in this batch are in it; formats without keys never say anything.
        masked: by column, where something was masked in its cells; no reader of a format does.
    """

    cells: pa.RecordBatch
    record: pa.Int64Array
    line: pa.Int64Array
    rejects: tuple[Reject, ...] = ()
    bytes_read: int = 0
    missing: Mapping[str, pa.BooleanArray] = field(default_factory=dict)
    masked: Mapping[str, pa.BooleanArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Detected:
    """How a file is written, as found by its content.

    Attributes:
        format: ``csv``, ``json``, ``ndjson``, ``xml``, ``sql``, ``xlsx``.
        encoding: Python codec name, or "" where the format has none.
        compression: ``gzip``, ``zstd``, … or "".
        delimiter: CSV only.
        dialect: what else a reader of the format must know, as text (e.g. quote, escape).
        notes: evidence worth telling the user, without cell content.
        questions: why the evidence is split, each with what to write in the spec. A migration
            must not go on while there are any; see
            :func:`ispmig_pipelines.formats.open_source`.
    """

    format: str
    encoding: str = ""
    compression: str = ""
    delimiter: str = ""
    dialect: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


class Reader(Protocol):
    """One open source file of one format. Closing is by ``with``."""

    @property
    def detected(self) -> Detected:
        """How the file is written. Notes about its end are there once it has been read."""
        ...

    def __enter__(self) -> Reader: ...

    def __exit__(self, *exc: object) -> None: ...

    def tables(self) -> list[str]:
        """Names of the tables in the file, in order. A CSV has one, named after its file."""
        ...

    def columns(self, table: str) -> list[str]:
        """Names of the table's columns, unique and in order."""
        ...

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The table's records, from its beginning, at most ``size`` a batch.

        Raises:
            SourceError: the file ends too early or breaks in a way no single record bears.
        """
        ...

    @property
    def size(self) -> int:
        """Bytes of the file on the disk; ``Records.bytes_read`` counts up to it."""
        ...

    def sha256(self) -> str:
        """Hex SHA-256 of the file's bytes, exactly as they were read.

        Raises:
            ValueError: no table of the file has been read to its end yet.
        """
        ...
