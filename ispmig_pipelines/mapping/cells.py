"""The cells of a batch as a mapping reads them: trimmed, told from nothing, joined, split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.spec_words import Split
from ispmig_pipelines.mapping.text_bytes import is_trimmed

_NO_TEXT = pa.scalar(None, pa.string())
T = TypeVar("T")


class SourceCells:
    """The text columns of one batch; what several fields ask for is made once."""

    def __init__(self, cells: pa.RecordBatch) -> None:
        self._cells = cells
        self._trimmed: dict[str, pa.StringArray] = {}
        self._words: dict[tuple[str, bool, tuple[str, ...]], pa.StringArray] = {}
        self._filled: dict[tuple[tuple[str, ...], tuple[str, ...]], np.ndarray] = {}
        self._made: dict[int, tuple[object, Any]] = {}
        self.size = cells.num_rows

    def raw(self, column: str) -> pa.StringArray:
        """The cells as they stand in the source."""
        return self._cells.column(column)

    def once(self, of: object, make: Callable[[], T]) -> T:
        """What ``make`` gives, made only once for ``of``."""
        if id(of) not in self._made:
            # Held with it, so that nothing else can have its identity.
            self._made[id(of)] = of, make()
        made: T = self._made[id(of)][1]
        return made

    def trimmed(self, column: str) -> pa.StringArray:
        """The cells without white space around them."""
        if column not in self._trimmed:
            raw = self.raw(column)
            self._trimmed[column] = raw if is_trimmed(raw) else pc.utf8_trim_whitespace(raw)
        return self._trimmed[column]

    def words(self, column: str, *, trim: bool, null_words: tuple[str, ...]) -> pa.StringArray:
        """The cells, null where they mean nothing."""
        key = (column, trim, null_words)
        if key not in self._words:
            text = self.trimmed(column) if trim else self.raw(column)
            self._words[key] = without(text, self.trimmed(column), null_words)
        return self._words[key]

    def filled(self, columns: tuple[str, ...], null_words: tuple[str, ...]) -> np.ndarray:
        """Boolean mask of the records in which every one of the columns holds something."""
        key = (columns, null_words)
        if key not in self._filled:
            mask = np.ones(self.size, dtype=bool)
            for column in columns:
                words = self.words(column, trim=True, null_words=null_words)
                mask &= words.is_valid().to_numpy(zero_copy_only=False)
            self._filled[key] = mask
        return self._filled[key]


def without(
    values: pa.StringArray, trimmed: pa.StringArray, null_words: Sequence[str]
) -> pa.StringArray:
    """``values``, null where the trimmed text is one of the null words, or empty."""
    nothing = pc.is_in(trimmed, value_set=pa.array([*null_words, ""], pa.string()))
    if not pc.any(nothing, min_count=0).as_py():
        return values
    return pc.if_else(nothing, _NO_TEXT, values)


def differs(before: pa.StringArray, after: pa.StringArray) -> np.ndarray:
    """Mask of the texts of which something else was made, or nothing; the spaces around them do
    not matter."""
    same = pc.fill_null(
        pc.equal(pc.utf8_trim_whitespace(before), pc.utf8_trim_whitespace(after)), False
    )
    mask: np.ndarray = pc.and_not(before.is_valid(), same).to_numpy(zero_copy_only=False)
    return mask


def joined(columns: Sequence[pa.StringArray], separator: str) -> pa.StringArray:
    """The columns' texts with ``separator`` between those that are there; null where none is."""
    # Arrow 26 leaves a row out of its result where all that it is to join is null: the empty
    # text in front keeps every row.
    led = pc.binary_join_element_wise("", *columns, separator, null_handling="skip")
    text = pc.utf8_slice_codeunits(led, len(separator))
    return pc.if_else(pc.equal(text, ""), _NO_TEXT, text)


def piece(values: pa.StringArray, split: Split) -> pa.StringArray:
    """One piece of each text, trimmed; null where there is no such piece or it is empty.

    A text without the separator is one piece, the first and the last.
    """
    ends = {"first": (1, False), "rest": (1, False), "last": (1, True)}
    most, from_end = ends.get(str(split.take), (None, False))
    if split.separator == " ":
        lists = pc.utf8_split_whitespace(
            pc.utf8_trim_whitespace(values), max_splits=most, reverse=from_end
        )
    else:
        lists = pc.split_pattern(values, split.separator, max_splits=most, reverse=from_end)
    offsets = lists.offsets.to_numpy()
    count = np.diff(offsets)
    position = {"first": 1, "rest": 2}.get(str(split.take), split.take)
    index = count - 1 if position == "last" else np.full(len(values), int(position) - 1)
    exists = (index >= 0) & (index < count)
    picked = lists.values.take(pa.array(np.where(exists, offsets[:-1] + index, 0), mask=~exists))
    trimmed = pc.utf8_trim_whitespace(picked)
    return pc.if_else(pc.equal(trimmed, ""), _NO_TEXT, trimmed)
