"""What stands in the cells of an XLSX sheet as text, column by column."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.spreadsheet.grid import ERROR_CODES, NO_TEXT, Grid
from ispmig_pipelines.formats.spreadsheet.xlsx_package import plain_text
from ispmig_pipelines.formats.spreadsheet.xlsx_values import SHORT, SIGNIFICANT, NumberTexts


class Kind(IntEnum):
    """What stands in a cell. Numbers with a date format are ``NUMBER`` + their format, those
    with leading zeros ``ZERO_PADDED`` + their width."""

    NUMBER = 0
    # 1 to 4 are NumberFormat's.
    SHARED = 5
    TEXT = 6
    BOOLEAN = 7
    ERROR = 8


class CellTexts:
    """Turns the values of cells into text, for all sheets of a workbook."""

    def __init__(self, shared: pa.StringArray, *, is_1904: bool) -> None:
        """``shared``: the texts that cells refer to by number."""
        self._shared = shared
        self._numbers = NumberTexts(is_1904=is_1904)

    def resolved(
        self,
        grid: Grid,
        place: int,
        kinds: np.ndarray | int,
        values: pa.StringArray,
        *,
        marked: bool,
    ) -> pa.StringArray:
        """What stands in the cells of a column, as text; its errors are noted in the grid.

        Raises:
            ValueError: a reference in a text is none of XML's own.
        """
        if isinstance(kinds, int):
            return self._of_kind(grid, place, kinds, values, None, marked)
        different = np.unique(kinds[values.is_valid().to_numpy(zero_copy_only=False)])
        if different.size == 0:
            return values
        if different.size == 1:
            return self._of_kind(grid, place, int(different[0]), values, None, marked)
        parts, order = [], []
        for kind in np.unique(kinds):
            mine = np.flatnonzero(kinds == kind)
            order.append(mine)
            taken = values.take(pa.array(mine))
            parts.append(self._of_kind(grid, place, int(kind), taken, mine, marked))
        back = np.argsort(np.concatenate(order))
        return pa.concat_arrays(parts).take(pa.array(back))

    def _of_kind(
        self,
        grid: Grid,
        place: int,
        kind: int,
        values: pa.StringArray,
        positions: np.ndarray | None,
        marked: bool,
    ) -> pa.StringArray:
        def note(where: pa.BooleanArray, what: str = "") -> None:
            for i in np.flatnonzero(pc.fill_null(where, False).to_numpy(zero_copy_only=False)):
                at = int(i if positions is None else positions[i])
                grid.errors.append((at, place, what or values[int(i)].as_py().strip()))

        if kind == Kind.SHARED:
            return self._shared_texts(values, note)
        if kind == Kind.TEXT:
            return _changed(values, _marked(values), plain_text) if marked else values
        if kind == Kind.ERROR:
            note(values.is_valid())
            return values
        blank = pc.equal(values, "")
        if pc.any(blank).as_py():
            values = pc.if_else(blank, pa.scalar(None, pa.string()), values)
        if kind == Kind.BOOLEAN:
            return _changed(values, values.is_valid(), _boolean_text)
        if kind != Kind.NUMBER:
            return _changed(values, values.is_valid(), lambda text: self._numbers.text(kind, text))
        odd = _odd_numbers(values)
        if not pc.any(odd).as_py():
            return values
        note(pc.is_in(values, _CODES))
        return _changed(values, odd, lambda text: self._numbers.text(kind, text))

    def _shared_texts(
        self, values: pa.StringArray, note: Callable[[pa.BooleanArray, str], None]
    ) -> pa.StringArray:
        blank = pc.equal(values, "")
        has_blank = pc.any(blank).as_py()
        index = pc.if_else(blank, pa.scalar(None, pa.string()), values) if has_blank else values
        try:
            index = index.cast(pa.int64())
        except pa.ArrowInvalid:
            index = pa.array([_index(text) for text in index.to_pylist()], pa.int64())
        missing = pc.or_(pc.less(index, 0), pc.greater_equal(index, len(self._shared)))
        if pc.any(missing).as_py():
            note(missing, NO_TEXT)
            index = pc.if_else(missing, pa.scalar(None, pa.int64()), index)
        texts = self._shared.take(index)
        return pc.if_else(blank, "", texts) if has_blank else texts


_CODES = pa.array(sorted(ERROR_CODES), pa.string())


def _marked(values: pa.StringArray) -> pa.BooleanArray:
    return pc.match_substring_regex(values, "&|_x|\r")


def _changed(
    values: pa.StringArray, where: pa.BooleanArray, change: Callable[[str], str]
) -> pa.StringArray:
    """The texts, those at the places changed; each different one is worked out once."""
    where = pc.fill_null(where, False)
    coded = values.filter(where).dictionary_encode()
    if not len(coded):
        return values
    changed = pa.array([change(text) for text in coded.dictionary.to_pylist()], pa.string())
    return pc.replace_with_mask(values, where, changed.take(coded.indices))


def _odd_numbers(values: pa.StringArray) -> pa.BooleanArray:
    """Which numbers may be written in another way than they are shown."""
    if not pc.any(pc.invert(pc.ascii_is_decimal(values))).as_py():
        return pc.and_(pc.starts_with(values, "0"), pc.greater(pc.binary_length(values), 1))
    plain = pc.match_substring_regex(values, f"^(?:{SHORT})$")
    return pc.or_(pc.invert(plain), pc.greater(pc.binary_length(values), SIGNIFICANT))


def _boolean_text(text: str) -> str:
    return {"1": "true", "0": "false"}.get(text.strip(), text.strip().lower())


def _index(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return -1


_NONE = np.array(None, dtype=object)


def is_there(values: np.ndarray) -> np.ndarray:
    """Which of some texts are there at all, empty or not."""
    return np.asarray(np.not_equal(values, _NONE), dtype=bool)


def is_text(kinds: np.ndarray) -> np.ndarray:
    return (kinds == Kind.TEXT) | (kinds == Kind.SHARED)
