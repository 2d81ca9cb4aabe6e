"""Where the table of a sheet begins and which columns it has, by evidence over its first rows.

The evidence is weighed as for a CSV (:mod:`ispmig_pipelines.formats.csv.detect`): titles and
remarks above the table are left out, and a header is told from a first record by what stands
below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.batching import Piece
from ispmig_pipelines.formats.csv.detect import Finding, detect_dialect
from ispmig_pipelines.formats.csv.dialect import CsvOptions, column_names
from ispmig_pipelines.formats.csv.readings import A_TABLE
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.records import Reject
from ispmig_pipelines.formats.spreadsheet.further import (
    FOLLOWING,
    FurtherRows,
    FurtherTable,
    further_table,
)
from ispmig_pipelines.formats.spreadsheet.grid import Grid
from ispmig_pipelines.formats.spreadsheet.heading import (
    Cells,
    Merge,
    SheetRows,
    find_heading,
    joined_names,
    rows_by_merges,
)

SAMPLE_ROWS = 500
_BETWEEN = "\x1f"
_Sampled = tuple[int, Cells, bool]


@dataclass(frozen=True)
class SheetTable:
    """A table in a sheet, settled.

    Attributes:
        columns: names, unique and in order.
        first: place of its first column in the sheet, from 0.
        first_row: number of the row of its first record.
        footer_rows: how many rows at its end the spec says are no records.
        named: places of the columns that its header names.
        notes: evidence worth telling.
        questions: why the evidence is split, and what to write in the spec.
    """

    columns: list[str]
    first: int
    first_row: int
    footer_rows: int = 0
    named: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, pa.string()) for name in self.columns])


def find_table(
    what: str,
    grids: Iterable[Grid],
    options: CsvOptions | None,
    limits: ReadLimits,
    merges: Callable[[], tuple[Merge, ...]] = tuple,
) -> SheetTable | None:
    """Finds the table of a sheet; None where the sheet holds nothing.

    Args:
        what: file and sheet, for messages.
        grids: the sheet's rows from its beginning; only the first ones are taken.
        options: what the spec says about header and columns; row numbers are the sheet's.
        merges: gives the sheet's merged ranges, where its format tells them.

    Raises:
        SourceError: the options do not fit the sheet, or it has too many columns.
    """
    options = options or CsvOptions()
    sample = list(islice(_filled_rows(grids), SAMPLE_ROWS))
    if not sample:
        return None
    table = _settled(what, sample, options, limits, merges)
    end = _further_begins(table, sample)
    return _settled(what, sample[:end], options, limits, merges) if end else table


def _further_begins(table: SheetTable, sample: list[_Sampled]) -> int:
    """Place of the row that a further table begins with, whose cells are none of the first's."""
    numbers = [number for number, _, _ in sample]
    rows = [cells for _, cells, _ in sample]
    names = dict(enumerate(table.columns, table.first))
    body = next((i for i, n in enumerate(numbers) if n >= table.first_row), len(rows))
    for at in range(body + 1, len(rows)):
        if numbers[at] > numbers[at - 1] + 1 and not sample[at][2]:
            until = at + FOLLOWING + 2
            before = rows[body:at]
            filled = {i for row in before for i in row}
            # A wider table has made columns of its own, without a name, of the first's.
            own = {i: n for i, n in names.items() if i in filled or i in table.named}
            found = further_table(own, before, numbers[at:until], rows[at:until])
            if found is not None and not found.alike:
                return at
    return 0


def _settled(
    what: str,
    sample: list[_Sampled],
    options: CsvOptions,
    limits: ReadLimits,
    merges: Callable[[], tuple[Merge, ...]],
) -> SheetTable:
    stated = options.header is not None or options.skip_lines is not None
    everything = SheetRows([n for n, _, _ in sample], [c for _, c, _ in sample], cache(merges))
    titles = groups = 0
    if not stated:
        titles, groups = find_heading(everything, _is_plainly_header)
    with_errors = {number for number, _, error in sample if error}
    rows = everything.from_row(titles + groups)
    finding = _detected(rows, options)
    skip, header_rows = finding.dialect.skip_lines, finding.dialect.header_rows
    if not stated and header_rows:
        if not groups and skip < len(rows.cells):
            header_rows = max(header_rows, rows_by_merges(rows.from_row(skip), _is_plainly_header))
        rows, header_rows = everything.from_row(titles), header_rows + groups
    if not stated and with_errors & {*rows.numbers[skip : skip + header_rows]}:
        # A name is no error: that row is a record, and a bad one.
        header_rows = 0
    table = list(zip(rows.numbers[skip:], rows.cells[skip:], strict=True))
    if not table:
        raise SourceError(
            f"{what} has no row where its header was said to be; it has {len(rows.numbers)} rows "
            "with something in them at its beginning. Correct the header's row in the spec."
        )
    low = min(min(cells) for _, cells in table)
    high = max(max(cells) for _, cells in table)
    names = _names(what, rows.from_row(skip), header_rows, low, high, options)
    if len(names) > limits.max_columns:
        raise SourceError(
            f"{what} has {len(names):,} columns; the limit is {limits.max_columns:,}."
        )
    body = table[header_rows:]
    after_header = table[header_rows - 1][0] + 1 if header_rows else table[0][0]
    notes = []
    if titles + skip:
        notes.append(f"{titles + skip} row(s) above the table are left out")
    if header_rows > 1:
        first = table[0][0]
        notes.append(
            f"the header is made of {header_rows} rows, {first} to {table[header_rows - 1][0]}"
        )
    if not header_rows:
        notes.append("no header: the first row looks like the rows after it")
    first_row = body[0][0] if body else after_header
    questions = () if stated else tuple(_tables_above(everything.cells[: titles + skip]))
    named = frozenset(place for _, cells in table[:header_rows] for place in cells)
    return SheetTable(
        names, low, first_row, options.footer_lines or 0, named, tuple(notes), questions
    )


def _tables_above(rows: list[Cells]) -> Iterator[str]:
    """What stands above the table may be a table itself, which must not be left out unasked."""
    widths = Counter(len(row) for row in rows)
    if any(width > 1 and count >= A_TABLE for width, count in widths.items()):
        yield (
            f"The first {len(rows)} rows look like a table of their own. Put it into a sheet "
            "of its own, or say in the spec that they are to be left out (csv: skip_lines)."
        )


def _detected(rows: SheetRows, options: CsvOptions) -> Finding:
    low = min(min(cells) for cells in rows.cells)
    high = max(max(cells) for cells in rows.cells)
    text = "\n".join(
        _BETWEEN.join(_one_line(cells.get(i, "")) for i in range(low, high + 1)) or " "
        for cells in rows.cells
    )
    return detect_dialect(text + "\n", _as_csv(options, rows.numbers), whole=True)


def _is_plainly_header(rows: SheetRows) -> bool:
    """Whether the first row is a header, as it were for a CSV."""
    finding = _detected(rows, CsvOptions())
    is_first = not finding.dialect.skip_lines and finding.dialect.header_rows > 0
    return is_first and not any("nothing tells for sure" in note for note in finding.notes)


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


def _names(
    what: str, rows: SheetRows, header_rows: int, low: int, high: int, options: CsvOptions
) -> list[str]:
    width = high - low + 1
    if options.columns is not None:
        if len(options.columns) != width:
            raise SourceError(
                f"{what} has {width} columns and the spec names {len(options.columns)}. Name "
                "all of them, in order."
            )
        return list(options.columns)
    if not header_rows:
        return [f"column_{i}" for i in range(1, width + 1)]
    header = SheetRows(rows.numbers[:header_rows], rows.cells[:header_rows], rows.merges)
    return column_names(joined_names(header, low, high))


def pieces(
    table: SheetTable, grids: Iterable[Grid], note: Callable[[str], None] = lambda _: None
) -> Iterator[Piece]:
    """The records of a table: every row with something in it from its first one on.

    A row with a cell beyond the table's columns, or with an error for a value, is rejected, and
    so are the rows of a further table below blank ones; ``note`` is told of that.
    """
    found = _pieces(table, grids, note)
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


def _pieces(
    table: SheetTable, grids: Iterable[Grid], note: Callable[[str], None]
) -> Iterator[Piece]:
    width = len(table.columns)
    places = range(table.first, table.first + width)
    further = FurtherRows(dict(zip(places, table.columns, strict=True)))
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
        others = further.found(grid, kept)
        for text in further.notes:
            note(text)
        bad = outside
        bad[list(errors)] = True
        bad[list(others)] = True
        rejects = tuple(
            _reject(table, grid, int(i), int(record[i]), errors.get(int(i), []), others.get(int(i)))
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
    table: SheetTable,
    grid: Grid,
    position: int,
    record: int,
    errors: list[tuple[int, str]],
    other: FurtherTable | None,
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
    if other is not None:
        return Reject(record, line, "record.ragged", text, str(other.width), str(width))
    filled = sum(1 for place in row if not table.first <= place < table.first + width)
    return Reject(record, line, "record.ragged", text, str(width + filled), str(width))
