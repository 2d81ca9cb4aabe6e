"""Lookups in a table of the migration's own: from another source of the same spec.

A :class:`TableBuilder` is fed with the table's cells and makes a :class:`LookupTable`, which is
held in memory as long as its migration maps. Keys and words are compared exactly, after the
spaces around them are cut (``12`` and ``12.0`` are two words).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.issues import mask
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.mapping.spec_models import FieldMapping, TableLookup
from ispmig_pipelines.settings import settings

_PLAIN_NUMBER = r"^-?[0-9]{1,30}(?:\.[0-9]{1,12})?$"
_SMALL = 20_000
"""Keys up to which Arrow's own search is faster, although it hashes them anew each time."""


@dataclass(frozen=True)
class LookupTable:
    """Words and what they become.

    Attributes:
        keys: each once, none null; lower case where case does not matter.
        values: a text for each key, or null: the word becomes nothing.
        ignore_case: words are compared in lower case.
    """

    keys: pa.StringArray
    values: pa.StringArray
    ignore_case: bool = False

    def then(self, other: LookupTable) -> LookupTable:
        """This one, with what its keys become looked up again: a key whose value the other table
        does not have is no key, and one that becomes nothing does so still."""
        position = other.positions(self.values)
        kept = pc.or_(position.is_valid(), self.values.is_null())
        return LookupTable(
            keys=self.keys.filter(kept),
            values=other.values.take(position).filter(kept),
            ignore_case=self.ignore_case,
        )

    def positions(self, words: pa.StringArray) -> pa.Int64Array:
        """Which key each word is, null where none."""
        compared = pc.utf8_trim_whitespace(words)
        if self.ignore_case:
            compared = pc.utf8_lower(compared)
        if len(self.keys) <= _SMALL or self._hashed is None:
            return pc.index_in(compared, value_set=self.keys, skip_nulls=True).cast(pa.int64())
        encoded = pc.dictionary_encode(compared)
        of_distinct = self._by_hash(encoded.dictionary, *self._hashed)
        return of_distinct.take(encoded.indices)

    @cached_property
    def _hashed(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Hashes of the keys in order, and whose they are; None if two keys have one hash."""
        hashes = _hashes(self.keys)
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        if (ordered[1:] == ordered[:-1]).any():
            return None
        return ordered, order

    def _by_hash(
        self, words: pa.StringArray, hashes: np.ndarray, order: np.ndarray
    ) -> pa.Int64Array:
        at = np.searchsorted(hashes, _hashes(words))
        candidate = pa.array(order[np.minimum(at, len(order) - 1)], pa.int64())
        # Another word may have a key's hash: the texts decide.
        same = pc.equal(self.keys.take(candidate), words)
        return pc.if_else(same, candidate, pa.scalar(None, pa.int64()))


LookupTables = Mapping[tuple[Any, ...], LookupTable]
"""By :attr:`ispmig_pipelines.mapping.spec_models.TableLookup.identity`."""


@dataclass
class TableBuilder:
    """Gathers a table from the batches of its source.

    Attributes:
        definition: what the spec says.
        null_words: cells that mean nothing; such a key is no key, such a value is nothing.
        trim: cut the spaces around values; around keys they always are.
        max_rows: keys that are held at most; the setting ISPMIG_MAX_LOOKUP_ROWS unless given.
    """

    definition: TableLookup
    null_words: tuple[str, ...] = ("",)
    trim: bool = True
    max_rows: int | None = None
    _rows: list[pa.Table] = field(default_factory=list, init=False)
    _held: int = field(default=0, init=False)
    _read: int = field(default=0, init=False)
    _files: list[str] = field(default_factory=list, init=False)

    def add(
        self, cells: pa.RecordBatch, record: pa.Int64Array | None = None, file: str = ""
    ) -> None:
        """Takes a batch of the source's cells, under the source's own names of its columns.

        Args:
            record: the records' numbers in their file, for messages; unless given, they are
                counted.
            file: what people call the file.

        Raises:
            SpecError: the source lacks a column, has too many keys, or contradicts itself.
        """
        own = self._own_names(cells.schema.names)
        source = SourceCells(cells)
        if record is None:
            record = pa.array(np.arange(self._read + 1, self._read + 1 + source.size), pa.int64())
        self._read += source.size
        keys = source.words(own[self.definition.key], trim=True, null_words=self.null_words)
        values = source.words(
            own[self.definition.value], trim=self.trim, null_words=self.null_words
        )
        where = {own[name]: words for name, words in (self.definition.where or {}).items()}
        wanted = pc.and_(keys.is_valid(), rows_where(source, where))
        if self.definition.ignore_case:
            keys = pc.utf8_lower(keys)
        if file not in self._files:
            self._files.append(file)
        index = pa.repeat(pa.scalar(self._files.index(file), pa.int32()), source.size)
        rows = pa.table({"key": keys, "value": values, "record": record, "file": index})
        rows = rows.filter(wanted)
        if self.definition.duplicates == "sum":
            self._refuse_no_numbers(rows)
        self._rows.append(rows)
        self._held += rows.num_rows
        if self._held > self._most:
            self._compact()

    @property
    def _most(self) -> int:
        return settings().max_lookup_rows if self.max_rows is None else self.max_rows

    def _own_names(self, columns: list[str]) -> dict[str, str]:
        found = {name: find_column(name, columns) for name in self.definition.columns}
        missing = [name for name, own in found.items() if own is None]
        if missing:
            raise SpecError(
                [
                    f"lookup_table of source {self.definition.source!r}: it has no column {name!r}"
                    for name in missing
                ]
            )
        return {name: own for name, own in found.items() if own is not None}

    def _compact(self) -> pa.Table:
        """One row per key of what was read so far.

        Raises:
            SpecError: there are too many, or two rows of a key contradict each other.
        """
        empty = pa.table(
            {
                "key": pa.array([], pa.string()),
                "value": pa.array([], pa.string()),
                "record": pa.array([], pa.int64()),
                "file": pa.array([], pa.int32()),
            }
        )
        rows = pa.concat_tables([empty, *self._rows]).combine_chunks()
        if self.definition.duplicates == "sum":
            rows = _added_up(rows)
        encoded = pc.dictionary_encode(rows["key"].combine_chunks())
        which = encoded.indices.to_numpy(zero_copy_only=False)
        position = np.arange(len(which))
        # Where an index stands twice, NumPy keeps the last that was assigned.
        chosen = np.zeros(len(encoded.dictionary), dtype=np.int64)
        if self.definition.duplicates == "last":
            chosen[which] = position
        else:
            chosen[which[::-1]] = position[::-1]
        if self.definition.duplicates == "error" and len(chosen) < len(which):
            self._refuse_contradictions(rows, chosen[which])
        kept = rows.take(pa.array(chosen, pa.int64())).combine_chunks()
        if kept.num_rows > self._most:
            raise SpecError(
                [
                    f"lookup_table of source {self.definition.source!r}: it has more than "
                    f"{self._most:,} keys in column {self.definition.key!r}, and it is held in "
                    "memory. Choose rows with where, or raise ISPMIG_MAX_LOOKUP_ROWS"
                ]
            )
        self._rows, self._held = [kept], kept.num_rows
        return kept

    def _refuse_no_numbers(self, rows: pa.Table) -> None:
        plain = pc.fill_null(pc.match_substring_regex(rows["value"], _PLAIN_NUMBER), True)
        places = np.flatnonzero(~plain.to_numpy())
        if places.size:
            first = int(places[0])
            raise SpecError(
                [
                    f"lookup_table of source {self.definition.source!r}: column "
                    f"{self.definition.value!r} is to be added up, and holds "
                    f"{mask(rows['value'][first].as_py())} in "
                    f"{self._place(rows, first)}, which is no plain number such as -12.50"
                ]
            )

    def _refuse_contradictions(self, rows: pa.Table, first: np.ndarray) -> None:
        values = pc.fill_null(pc.binary_join_element_wise("=", rows["value"], ""), "")
        differs = pc.not_equal(values, values.take(pa.array(first, pa.int64())))
        places = np.flatnonzero(differs.to_numpy())
        if not places.size:
            return
        second = int(places[0])
        key = rows["key"][second].as_py()
        both = [self._place(rows, int(at)) for at in (first[second], second)]
        raise SpecError(
            [
                f"lookup_table of source {self.definition.source!r}: column "
                f"{self.definition.key!r} has the key {mask(key)} in {both[0]} and in "
                f"{both[1]}, with different values in column {self.definition.value!r} "
                f"({places.size:,} such rows). Choose rows with where, correct the table, or say "
                "duplicates: first or last"
            ]
        )

    def _place(self, rows: pa.Table, at: int) -> str:
        """``record 12 of towers.csv``."""
        file = self._files[rows["file"][at].as_py()]
        return f"record {rows['record'][at].as_py():,}" + (f" of {file}" if file else "")

    def finish(self) -> LookupTable:
        """The table of all batches.

        Raises:
            SpecError: it has too many keys, or contradicts itself.
        """
        rows = self._compact()
        return LookupTable(
            keys=_one_array(rows["key"]),
            values=_one_array(rows["value"]),
            ignore_case=self.definition.ignore_case,
        )


def rows_where(cells: SourceCells, where: Mapping[str, Sequence[str]]) -> pa.BooleanArray:
    """The rows that a table's ``where`` takes; columns under the source's own names."""
    taken = pa.repeat(pa.scalar(True), cells.size)
    for column, words in where.items():
        allowed = pa.array([word.strip() for word in words], pa.string())
        # The word "" is a cell that holds nothing.
        cell = pc.fill_null(cells.trimmed(column), "")
        taken = pc.and_(taken, pc.is_in(cell, value_set=allowed))
    return taken


def _added_up(rows: pa.Table) -> pa.Table:
    """One row per key, with the exact sum of its values; null where all of them are."""
    numbers = rows["value"].cast(pa.decimal256(60, 12))
    of_keys = (
        rows.set_column(rows.schema.get_field_index("value"), "value", numbers)
        .group_by("key", use_threads=False)
        .aggregate([("value", "sum"), ("record", "min"), ("file", "min")])
    )
    sums = of_keys["value_sum"].to_pylist()
    texts = [None if n is None else f"{n:f}".rstrip("0").rstrip(".") for n in sums]
    return pa.table(
        {"key": of_keys["key"], "value": pa.array(texts, pa.string()),
         "record": of_keys["record_min"], "file": of_keys["file_min"]}
    )  # fmt: skip


def _one_array(column: pa.ChunkedArray) -> pa.StringArray:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _hashes(words: pa.StringArray) -> np.ndarray:
    texts = words.to_numpy(zero_copy_only=False)
    return pd.util.hash_array(texts, categorize=False)


@contextmanager
def telling_line(spec: Spec, definition: TableLookup) -> Iterator[None]:
    """Puts in front of what is wrong with a table where the spec first looks up in it."""
    try:
        yield
    except SpecError as error:
        at = f"{spec.path.name}:{_line_of(spec, definition)}: "
        raise SpecError([at + problem for problem in error.problems]) from None


def _line_of(spec: Spec, definition: TableLookup) -> int:
    for feed in spec.feeds:
        places: list[tuple[tuple[str | int, ...], FieldMapping]] = [
            (("fields", name), mapping) for name, mapping in feed.fields.items()
        ]
        for number, rule in enumerate(feed.rules):
            places += [(("rules", number, "map", name), m) for name, m in rule.maps.items()]
        for path, mapping in places:
            table = mapping.lookup_table
            if table is not None and definition.identity in {t.identity for t in table.chain}:
                return spec.block_line(feed, *path)
    return spec.line_of("sources", definition.source)
