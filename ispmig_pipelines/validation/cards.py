"""Card numbers in columns of text: found, counted, and masked before anything is kept.

PCI DSS 4.0 forbids to hold a card's number in the clear (requirement 3.5) and its verification
value at all (3.3). So what a reader hands over goes through :func:`mask_column` before it is
staged, logged or written. Columns that cannot hold a number cost next to nothing: the lengths of
their cells, or their digits, tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.validation.card_issuers import LONGEST, SHORTEST, judged, luhn, owners
from ispmig_pipelines.validation.card_scan import (
    STARS,
    Found,
    find,
    last_four,
    masked,
    redacted,
)

__all__ = [
    "STARS",
    "ColumnCards",
    "Found",
    "Masked",
    "find",
    "mask_column",
    "masked",
    "redacted",
]

Tokens = Callable[[pa.StringArray], pa.StringArray]
"""Numbers (ASCII digits) → what stands in the place of each; NULL: the mask."""

_SHORTEST_NOTE = len("cvv 123")
_WHOLE = (
    rf"^(?:[0-9]{{{SHORTEST},{LONGEST}}}|[0-9]{{4}}(?:[ -][0-9]{{4}}){{3}}"
    r"|[0-9]{4}[ -][0-9]{6}[ -][0-9]{5})$"
)
_FILLED_UP = r"^0+[2-9][0-9]{14,15}$"
# Longer numbers, decimals and places on the map, of which nothing has to be looked at.
_NONE = (
    r"^(?:[1-9][0-9]{19,24}"
    r"|-?[0-9]{1,12}\.[0-9]{4,}(?:[ ,;]{1,2}-?[0-9]{1,12}\.[0-9]{4,})?)$"
)
# Where digits have nothing else between them than what groups have, or the cell has characters
# that may stand for such. RE2 takes this at 100 ns a cell; character by character costs a hundred
# times as much.
_MAYBE = (
    r"(?:[0-9][ \-./_\x00-\x1f\x7f]{0,6}){12}[0-9]|[0-9][.,][0-9]{10,}[eE]|[0-9][.,][0-9]{12}"
    r"|&[#a-zA-Z]|\\[utnr]|%[0-9a-cA-C]|=[cC]2|[0-9]<|[^\x00-\x7f]"
    # In the groups in which cards print them, between thousands, and in hexadecimal.
    r"|(?:^|[^0-9])[0-9]{4}[^0-9A-Za-z:]{1,16}(?:[0-9]{4}[^0-9A-Za-z:]{1,16}[0-9]{4}"
    r"[^0-9A-Za-z:]{1,16}[0-9]{2}|[0-9]{6}[^0-9A-Za-z:]{1,16}[0-9]{4})"
    r"|[0-9][,'][0-9]{3}[,'][0-9]{3}[,'][0-9]{3}[,'][0-9]{3}|(?:3[0-9](?:2[0d-fD-F])?){13}"
)
_FEW = 10


@dataclass(frozen=True)
class ColumnCards:
    """What was found in a column: counts, never a value.

    Attributes:
        cells: with a card number, a verification value or both.
        numbers: card numbers in them; issuers: of each issuer.
        long: cells that are a number of 13 to 19 digits and nothing else.
        long_passing: those of them whose last digit is a right check digit: a tenth by chance.
    """

    cells: int = 0
    numbers: int = 0
    issuers: Counter[str] = field(default_factory=Counter)
    long: int = 0
    long_passing: int = 0

    def __add__(self, other: ColumnCards) -> ColumnCards:
        return ColumnCards(
            self.cells + other.cells,
            self.numbers + other.numbers,
            self.issuers + other.issuers,
            self.long + other.long,
            self.long_passing + other.long_passing,
        )

    @property
    def by_chance(self) -> bool:
        """Whether its long numbers pass no more often than any numbers do."""
        return self.long >= _FEW and self.long_passing <= 0.25 * self.long


NOTHING = ColumnCards()


@dataclass(frozen=True)
class Masked:
    """A column without card numbers.

    Attributes:
        cells: the column; the very same where nothing was found.
        where: mask of the cells that are others now; None: none is.
        found: what was found.
    """

    cells: pa.StringArray
    where: np.ndarray | None
    found: ColumnCards


def mask_column(cells: pa.StringArray, tokens: Tokens | None = None) -> Masked:
    """Masks the card numbers of a text column, and what verifies cards.

    Args:
        tokens: gives what stands in the place of numbers instead of their last four digits.
    """
    rows = _suspects(cells)
    if rows is None:
        return Masked(cells, None, NOTHING)
    some = cells.take(pa.array(rows))
    plain = _matches(some, _WHOLE) & ~_matches(some, _FILLED_UP)
    found, values = ColumnCards(), np.empty(len(some), dtype=object)
    if plain.any():
        found = _whole(some, np.flatnonzero(plain), values, tokens)
    if not plain.all():
        found += _parts(some, np.flatnonzero(~plain), values, tokens)
    changed = np.array([value is not None for value in values], dtype=bool)
    if not changed.any():
        return Masked(cells, None, found)
    where = np.zeros(len(cells), dtype=bool)
    where[rows[changed]] = True
    instead = pa.array(values[changed].tolist(), pa.string())
    return Masked(
        pc.replace_with_mask(cells, pa.array(where), instead),
        where,
        replace(found, cells=int(changed.sum())),
    )


# --- which cells to look at ----------------------------------------------------------------------


def _suspects(cells: pa.StringArray) -> np.ndarray | None:
    """Positions of the cells that may hold a number or a verification value; None: none may."""
    if not len(cells):
        return None
    _, offsets, data = cells.buffers()
    if data is None:
        return None
    borders = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
    lengths = np.diff(borders)
    longest = int(lengths.max())
    if longest < _SHORTEST_NOTE:
        return None
    content = np.frombuffer(data, np.uint8)[borders[0] : borders[-1]]
    picked = _with_digits(content, borders - borders[0], lengths) if longest >= SHORTEST else None
    noted = _with_notes(cells, content)
    if picked is not None and picked.size:
        picked = _maybe(cells, picked)
    if noted is not None:
        picked = noted if picked is None else np.union1d(picked, noted)
    if picked is None or not picked.size:
        return None
    if cells.null_count:
        picked = picked[cells.is_valid().to_numpy(zero_copy_only=False)[picked]]
    return picked if picked.size else None


def _with_digits(content: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
    """Cells with as many digits as a number has."""
    digits = (content - np.uint8(48)) < 10
    if int(content.max()) >= 0xD9:
        # First bytes of what may be a digit of another script.
        digits |= _LEADS[content]
    if int(np.count_nonzero(digits)) < SHORTEST:
        return None
    rows = np.flatnonzero(lengths >= SHORTEST)
    long = lengths[rows] > 255
    spans = np.empty(2 * rows.size, np.intp)
    spans[::2] = starts[rows]
    spans[1::2] = starts[rows + 1]
    # The end of the last cell lies behind the last byte.
    padded = np.append(digits.view(np.uint8), np.uint8(0))
    counts = np.add.reduceat(padded, spans, dtype=np.uint8)[::2]
    return rows[(counts >= SHORTEST) | long]


_LEADS = np.zeros(256, dtype=bool)
_LEADS[[0xD9, 0xDB, 0xDF, 0xE0, 0xE1, 0xEA, 0xEF, 0xF0]] = True


def _maybe(cells: pa.StringArray, rows: np.ndarray) -> np.ndarray:
    found = rows[_matches(cells.take(pa.array(rows)), _MAYBE)]
    return found[~_matches(cells.take(pa.array(found)), _NONE)]


def _matches(cells: pa.StringArray, pattern: str) -> np.ndarray:
    found: np.ndarray = pc.fill_null(pc.match_substring_regex(cells, pattern), False).to_numpy(
        zero_copy_only=False
    )
    return found


def _with_notes(cells: pa.StringArray, content: np.ndarray) -> np.ndarray | None:
    """Cells in which a verification value is named."""
    lower = content | np.uint8(0x20)
    at = np.flatnonzero((lower[:-1] == ord("c")) & (lower[1:] == ord("v")))
    if not at.size:
        return None
    after, before = lower[np.minimum(at + 2, lower.size - 1)], lower[np.maximum(at - 1, 0)]
    if not (np.isin(after, _AFTER_CV).any() or np.isin(before, _BEFORE_CV).any()):
        return None
    return np.flatnonzero(_matches(cells, r"(?is)(?:cv[vcndp]|cav2|ccv).*[0-9][ 0-9]{2}"))


_AFTER_CV = np.frombuffer(b"vcndp", np.uint8)
_BEFORE_CV = np.frombuffer(b"c", np.uint8)


# --- masking them --------------------------------------------------------------------------------


def _whole(
    some: pa.StringArray, rows: np.ndarray, values: np.ndarray, tokens: Tokens | None
) -> ColumnCards:
    """Cells that are a number and nothing else, all at once."""
    cells = pc.replace_substring_regex(some.take(pa.array(rows)), "[ -]", "")
    lengths = pc.binary_length(cells).to_numpy(zero_copy_only=False)
    issuers: Counter[str] = Counter()
    passing, cards = 0, []
    for length in np.unique(lengths).tolist():
        own = np.flatnonzero(lengths == length)
        texts = cells.take(pa.array(own))
        _, _, data = texts.buffers()
        digits = np.frombuffer(data, np.uint8)[: length * len(own)].reshape(-1, length) - 48
        place, right = judged(digits)
        passing += int(right.sum())
        by_place = owners(length)
        known = np.array([issuer is not None for issuer in by_place])[place] & right
        for index, count in zip(*np.unique(place[known], return_counts=True), strict=True):
            issuers[by_place[index].name] += int(count)
        cards.append(own[known])
    own = np.concatenate(cards)
    if length_14 := [at for at in own if lengths[at] == 14]:
        # Moments may pass for numbers.
        texts = cells.take(pa.array(length_14)).to_pylist()
        stamps = {at for at, text in zip(length_14, texts, strict=True) if not find(text)}
        if stamps:
            own = np.array([at for at in own if at not in stamps], dtype=np.intp)
            issuers["diners"] -= len(stamps)
    if own.size:
        numbers = cells.take(pa.array(own))
        ends = pc.binary_join_element_wise(STARS, pc.utf8_slice_codeunits(numbers, -4), "")
        if tokens is not None:
            ends = pc.coalesce(tokens(numbers), ends)
        values[rows[own]] = ends.to_pylist()
    return ColumnCards(0, int(own.size), +issuers, len(cells), passing)


def _parts(
    some: pa.StringArray, rows: np.ndarray, values: np.ndarray, tokens: Tokens | None
) -> ColumnCards:
    """Cells with something else besides."""
    issuers: Counter[str] = Counter()
    long = passing = numbers = 0
    counted = pc.value_counts(some.take(pa.array(rows)))
    texts = counted.field("values").to_pylist()
    results: dict[str, str] = {}
    each: list[list[Found]] = []
    for text, count in zip(texts, counted.field("counts").to_pylist(), strict=True):
        result, found = masked(text)
        each.append(found)
        if result != text:
            results[text] = result
        numbers += len(found) * count
        for one in found:
            issuers[one.issuer] += count
        if (number := _long_number(text)) is not None:
            long += count
            passing += count * luhn(number)
    if tokens is not None and numbers:
        _tokenise(texts, each, results, tokens)
    for row, text in zip(rows.tolist(), some.take(pa.array(rows)).to_pylist(), strict=True):
        values[row] = results.get(text)
    return ColumnCards(0, numbers, issuers, long, passing)


def _tokenise(
    texts: list[str], each: list[list[Found]], results: dict[str, str], tokens: Tokens
) -> None:
    numbers = list(dict.fromkeys(one.number for found in each for one in found))
    given = tokens(pa.array(numbers, pa.string())).to_pylist()
    token_of = dict(zip(numbers, given, strict=True))
    for text, found in zip(texts, each, strict=True):
        if found:
            results[text], _ = masked(text, lambda one: token_of[one.number] or last_four(one))


_BETWEEN = str.maketrans("", "", " -./_\u00a0\t")


def _long_number(text: str) -> str | None:
    """The digits of a cell that is one long number, however grouped."""
    if len(text) > 2 * LONGEST:
        return None
    digits = text.translate(_BETWEEN)
    right = SHORTEST <= len(digits) <= LONGEST and digits.isascii() and digits.isdigit()
    return digits if right else None
