"""Where the records and cells of a block of CSV are, found with vector operations."""

from __future__ import annotations

import numpy as np


class Layout:
    """Where the records and cells of a block are, as far as it is provably well-formed."""

    def __init__(
        self, data: bytes, delimiter: bytes, quote: bytes, final: bool, *, literal_quotes: bool
    ) -> None:
        self.data = data
        self.bytes = np.frombuffer(data, np.uint8)
        self._newlines = np.flatnonzero(self.bytes == 10)
        self._delimiters = np.flatnonzero(self.bytes == delimiter[0])
        self.quoted = bool(quote)
        self._returns = b"\r" in data
        size = len(data)
        stop = size
        ends = self._newlines
        outside_at_end = True
        if quote:
            quotes = np.flatnonzero(self.bytes == quote[0])
            stop = self._first_bad_quote(quotes, delimiter[0], quote[0])
            if stop < size and literal_quotes:
                quotes, stop = self._without_literal_quotes(quotes, delimiter[0], quote[0])
            ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
            inside = np.searchsorted(quotes, self._delimiters) % 2 == 1
            self._delimiters = self._delimiters[~inside]
            outside_at_end = quotes.size % 2 == 0
        if self._returns:
            returns = np.flatnonzero(self.bytes == 13)
            followed = self.bytes[np.minimum(returns + 1, size - 1)]
            lone = returns[(followed != 10) | (returns == size - 1)]
            if quote and lone.size:
                lone = lone[np.searchsorted(quotes, lone) % 2 == 0]
            if lone.size:
                stop = min(stop, int(lone[0]))
        if final and stop == size and outside_at_end and (not ends.size or ends[-1] != size - 1):
            ends = np.append(ends, size)
        self.record_ends = ends[: int(np.searchsorted(ends, stop, side="right"))]

    def _first_bad_quote(self, quotes: np.ndarray, delimiter: int, quote: int) -> int:
        size = len(self.data)
        opening, closing = quotes[::2], quotes[1::2]
        before = self.bytes[np.maximum(opening - 1, 0)]
        good = (before == delimiter) | (before == 10) | (before == quote) | (opening == 0)
        stop = size if good.all() else int(opening[np.argmin(good)])
        after = self.bytes[np.minimum(closing + 1, size - 1)]
        good = (after == delimiter) | (after == 10) | (after == 13) | (after == quote)
        good |= closing == size - 1
        return stop if good.all() else min(stop, int(closing[np.argmin(good)]))

    def _without_literal_quotes(
        self, quotes: np.ndarray, delimiter: int, quote: int
    ) -> tuple[np.ndarray, int]:
        """The quotes that mean something, and the first that cannot be explained.

        A quote that opens no cell is text (``12" pipe``). On a line where none stands at the
        beginning of a cell, all are text, provided that the line does not begin within a quoted
        cell; what stands before the first such line is explained all the same.
        """
        before = self.bytes[np.maximum(quotes - 1, 0)]
        opens = (before == delimiter) | (before == 10) | (quotes == 0)
        line_of = np.searchsorted(self._newlines, quotes)
        text = ~np.isin(line_of, line_of[opens])
        kept = quotes[~text]
        stop = self._first_bad_quote(kept, delimiter, quote)
        within = quotes[text][np.searchsorted(kept, quotes[text]) % 2 == 1]
        return kept, min(stop, int(within[0])) if within.size else stop

    def text_ends(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Where each record's text ends, a carriage return before the line feed left out."""
        if not self._returns:
            return ends
        last = self.bytes[np.maximum(ends - 1, 0)]
        return ends - ((last == 13) & (ends > starts))

    def cells_per_record(self, ends: np.ndarray) -> np.ndarray:
        """How many cells each record has, by where the records end."""
        until = np.searchsorted(self._delimiters, ends)
        return np.diff(until, prepend=0) + 1

    def lines_before(self, places: np.ndarray) -> np.ndarray:
        """How many lines end before each of the (rising) places."""
        return np.searchsorted(self._newlines, places)

    def lines_until(self, place: int) -> int:
        """How many lines end before ``place``."""
        return int(np.searchsorted(self._newlines, place))
