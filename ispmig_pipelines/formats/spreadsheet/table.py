"""Where the table of a sheet begins and which columns it has, by evidence over its first rows.

The evidence is weighed as for a CSV (:mod:`ispmig_pipelines.formats.csv.detect`): titles and
remarks above the table are left out, and a header is told from a first record by what stands
below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.batching import Piece
from ispmig_pipelines.formats.csv.detect import detect_dialect
from ispmig_pipelines.formats.csv.dialect import CsvOptions, column_names
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.records import Reject
from ispmig_pipelines.formats.shapes import TEXT, shape
from ispmig_pipelines.formats.spreadsheet.grid import Grid

SAMPLE_ROWS = 500
_BETWEEN = "\x1f"


@dataclass(frozen=True)
class SheetTable:
    """A table in a sheet, settled.

    Attributes:
        columns: names, unique and in order.
        first: place of its first column in the sheet, from 0.
        first_row: number of the row of its first record.
        footer_rows: how many rows at its end the spec says are no records.
        notes: evidence worth telling.
    """

    columns: list[str]
    first: int
    first_row: int
    footer_rows: int = 0
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, pa.string()) for name in self.columns])


def find_table(
    what: str, grids: Iterable[Grid], options: CsvOptions | None, limits: ReadLimits
) -> SheetTable | None:
    """Finds the table of a sheet; None where the sheet holds nothing.

    Args:
        what: file and sheet, for messages.
        grids: the sheet's rows from its beginning; only the first ones are taken.
        options: what the spec says about header and columns; row numbers are the sheet's.

    Raises:
        SourceError: the options do not fit the sheet, or it has too many columns.
    """
    options = options or CsvOptions()
    sample = list(islice(_filled_rows(grids), SAMPLE_ROWS))
    if not sample:
        return None
    stated = options.header is not None or options.skip_lines is not None
    titles = 0 if stated else _title_rows([c for _, c, _ in sample], [n for n, _, _ in sample])
    rows = [(number, cells) for number, cells, _ in sample[titles:]]
    with_errors = {number for number, _, error in sample if error}
    low = min(min(cells) for _, cells in rows)
    high = max(max(cells) for _, cells in rows)
    numbers = [number for number, _ in rows]
    text = "\n".join(
        _BETWEEN.join(_one_line(cells.get(i, "")) for i in range(low, high + 1)) or " "
        for _, cells in rows
    )
    finding = detect_dialect(text + "\n", _as_csv(options, numbers), whole=True)
    skip, header_rows = finding.dialect.skip_lines, finding.dialect.header_rows
    if not stated and any(number in with_errors for number, _ in rows[skip : skip + header_rows]):
        # A name is no error: that row is a record, and a bad one.
        header_rows = 0
    table = rows[skip:]
    if not table:
        raise SourceError(
            f"{what} has no row where its header was said to be; it has {len(rows)} rows with "
            "something in them at its beginning. Correct the header's row in the spec."
        )
    low = min(min(cells) for _, cells in table)
    high = max(max(cells) for _, cells in table)
    header = [
        [cells.get(i, "").strip() for i in range(low, high + 1)] for _, cells in table[:header_rows]
    ]
    names = _names(what, header, high - low + 1, options)
    if len(names) > limits.max_columns:
        raise SourceError(
            f"{what} has {len(names):,} columns; the limit is {limits.max_columns:,}."
        )
    body = table[header_rows:]
    after_header = table[header_rows - 1][0] + 1 if header_rows else table[0][0]
    notes = []
    if titles + skip:
        notes.append(f"{titles + skip} row(s) above the table are left out")
    if not header_rows:
        notes.append("no header: the first row looks like the rows after it")
    first_row = body[0][0] if body else after_header
    return SheetTable(names, low, first_row, options.footer_lines or 0, tuple(notes))


def _title_rows(rows: list[dict[int, str]], numbers: list[int]) -> int:
    """How many rows at the beginning are titles and remarks: nearly blank ones above a full row
    of names. Where blank rows stand between them and it, half blank ones are as well."""
    usual = sorted(len(row) for row in rows)[len(rows) // 2]
    if usual < 3:
        return 0
    count = 0
    while count < len(rows) and count < 30 and len(rows[count]) <= max(1, usual // 4):
        count += 1
    if _is_header(rows, count, usual):
        return count
    while count < len(rows) and count < 30 and len(rows[count]) <= usual // 2:
        count += 1
    apart = 0 < count < len(rows) and numbers[count] > numbers[count - 1] + 1
    return count if apart and _is_header(rows, count, usual) else 0


def _is_header(rows: list[dict[int, str]], place: int, usual: int) -> bool:
    if place == len(rows):
        return False
    names = [cell.strip() for cell in rows[place].values()]
    is_full = len(names) >= usual * 0.8 and len(set(names)) == len(names)
    return is_full and all(shape(name) == TEXT for name in names)


def _filled_rows(grids: Iterable[Grid]) -> Iterator[tuple[int, dict[int, str], bool]]:
    """Number, cells and whether one of them is an error, of each row that holds something."""
    for grid in grids:
        errors = {position for position, _, _ in grid.errors}
        filled = np.flatnonzero(_filled(grid.columns.values(), grid.rows.size))[:SAMPLE_ROWS]
        taken = pa.array(filled)
        columns = [(place, grid.columns[place].take(taken)) for place in sorted(grid.columns)]
        cells: list[dict[int, str]] = [{} for _ in filled]
        for place, column in columns:
            for row, text in zip(cells, column.to_pylist(), strict=True):
                if text is not None and text.strip():
                    row[place] = text
        for position, row in zip(filled.tolist(), cells, strict=True):
            yield int(grid.rows[position]), row, position in errors


def _filled(columns: Iterable[pa.StringArray], size: int) -> np.ndarray:
    """Which rows hold something but white space."""
    filled = np.zeros(size, dtype=bool)
    for column in columns:
        # Nearly all rows are told by their first columns.
        open_rows = np.flatnonzero(~filled)
        if not open_rows.size:
            break
        some = column.take(pa.array(open_rows)) if open_rows.size < size else column
        present = pc.greater(pc.binary_length(pc.utf8_trim_whitespace(some)), 0)
        filled[open_rows] = pc.fill_null(present, False).to_numpy(zero_copy_only=False)
    return filled


def _one_line(text: str) -> str:
    return " ".join(text.replace(_BETWEEN, " ").split())


def _as_csv(options: CsvOptions, numbers: list[int]) -> CsvOptions:
    """What the spec says, with the sheet's row numbers as lines of the sample."""

    def line(row: int) -> int:
        return next((i for i, number in enumerate(numbers, 1) if number >= row), len(numbers) + 1)

    header = options.header
    if isinstance(header, list):
        first = line(header[0])
        header = [first + i for i in range(len(header))]
    elif header is not None and not isinstance(header, bool):
        header = line(header)
    skip = options.skip_lines
    return CsvOptions(
        delimiter=_BETWEEN,
        quote="",
        escape="doubled",
        comment="",
        header=header,
        skip_lines=None if skip is None else line(skip + 1) - 1,
        columns=options.columns,
    )


def _names(what: str, header: list[list[str]], width: int, options: CsvOptions) -> list[str]:
    if options.columns is not None:
        if len(options.columns) != width:
            raise SourceError(
                f"{what} has {width} columns and the spec names {len(options.columns)}. Name "
                "all of them, in order."
            )
        return list(options.columns)
    if not header:
        return [f"column_{i}" for i in range(1, width + 1)]
    names = header[-1]
    for row in reversed(header[:-1]):
        # A cell of an upper row reaches over the blank ones to its right.
        above = ""
        for i, cell in enumerate(row):
            above = cell or above
            if above and above not in names[i]:
                names[i] = f"{above} {names[i]}".strip()
    return column_names(names)


def pieces(table: SheetTable, grids: Iterable[Grid]) -> Iterator[Piece]:
    """The records of a table: every row with something in it from its first one on.

    A row with a cell beyond the table's columns, or with an error for a value, is rejected.
    """
    found = _pieces(table, grids)
    return _without_footer(found, table.footer_rows) if table.footer_rows else found


def _without_footer(found: Iterable[Piece], rows: int) -> Iterator[Piece]:
    held: list[Piece] = []
    count = 0
    for piece in found:
        held.append(piece)
        count = max([count, *piece.record[-1:].tolist(), *(r.record for r in piece.rejects)])
        while len(held) > 1 and held[0].record[-1:].max(initial=0) <= count - rows:
            if any(reject.record > count - rows for reject in held[0].rejects):
                break
            yield held.pop(0)
    for piece in held:
        kept = piece.record <= count - rows
        yield replace(
            piece,
            cells=piece.cells.filter(pa.array(kept)),
            record=piece.record[kept],
            line=piece.line[kept],
            rejects=tuple(r for r in piece.rejects if r.record <= count - rows),
        )


_TOTAL = re.compile(
    r"(?:grand |sub)?\s?totale?s?\b|sum(?:me|a)?\b|gesamt|итого|всего|razem|ukupno|celkem|toplam",
    re.IGNORECASE,
)


def looks_like_total(piece: Piece) -> int | None:
    """The row of the last record of a piece, where it looks like a line of totals.

    It is read as a record all the same: whether it is one is not for a reader to guess.
    """
    if not piece.record.size:
        return None
    last = [column[-1].as_py() for column in piece.cells.columns]
    filled = [text for text in last if text is not None and text.strip()]
    is_sparse = len(filled) * 2 <= len(last)
    if is_sparse and any(_TOTAL.match(text.strip()) for text in filled):
        return int(piece.line[-1])
    return None


def _pieces(table: SheetTable, grids: Iterable[Grid]) -> Iterator[Piece]:
    width = len(table.columns)
    places = range(table.first, table.first + width)
    count = 0
    begun = False
    for grid in grids:
        size = grid.rows.size
        taken = grid.rows >= table.first_row
        if begun:
            # Rows that the file has in another order than their numbers are records all the same.
            taken[:] = True
        begun = begun or bool(taken.any())
        outside = _filled((c for p, c in grid.columns.items() if p not in places), size)
        filled = _filled((grid.columns[p] for p in places if p in grid.columns), size) | outside
        errors: dict[int, list[tuple[int, str]]] = {}
        for position, place, what in grid.errors:
            errors.setdefault(position, []).append((place, what))
        filled[list(errors)] = True
        kept = taken & filled
        record = count + np.cumsum(kept)
        count += int(kept.sum())
        bad = outside
        bad[list(errors)] = True
        rejects = tuple(
            _reject(table, grid, int(i), int(record[i]), errors.get(int(i), []))
            for i in np.flatnonzero(kept & bad)
        )
        good = kept & ~bad
        rows = pa.array(np.flatnonzero(good))
        everything = bool(good.all())
        columns = [
            (grid.columns[place] if everything else grid.columns[place].take(rows))
            if place in grid.columns
            else pa.nulls(len(rows), pa.string())
            for place in places
        ]
        yield Piece(
            pa.RecordBatch.from_arrays(columns, schema=table.schema),
            record[good].astype(np.int64),
            grid.rows[good].astype(np.int64),
            rejects,
            grid.done,
        )


def cell_reference(place: int, row: int) -> str:
    """A cell's name in a spreadsheet: place 0 in row 2 is ``A2``, place 27 is ``AB2``."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row}"


def _reject(
    table: SheetTable, grid: Grid, position: int, record: int, errors: list[tuple[int, str]]
) -> Reject:
    row: dict[int, str] = {}
    for place, column in grid.columns.items():
        text = column[position].as_py()
        if text is not None:
            row[place] = text
    width = len(table.columns)
    end = max(max(row, default=0) + 1, table.first + width)
    begin = min(table.first, min(row, default=table.first))
    text = "\t".join(row.get(i, "") for i in range(begin, end))
    line = int(grid.rows[position])
    text = text.replace("\x00", "\\x00")
    if errors:
        named = []
        for place, what in sorted(set(errors)):
            inside = 0 <= place - table.first < width
            column_name = f" in column {table.columns[place - table.first]}" if inside else ""
            named.append(f"{what}{column_name} (cell {cell_reference(place, line)})")
        return Reject(record, line, "cell.error", text, found=", ".join(named), accepted="a value")
    filled = sum(1 for place in row if not table.first <= place < table.first + width)
    return Reject(record, line, "record.ragged", text, str(width + filled), str(width))
