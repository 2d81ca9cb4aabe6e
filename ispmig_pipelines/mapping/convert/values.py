"""What a conversion gives back, and the two ways to apply one to a column.

A conversion takes a column of text (nothing is null; the rest is trimmed) and gives the
canonical column, with null where a cell could not be converted, and a refusal that says so.
Plain cells go through column operations; the others through a function per *distinct* value.
No cell's result depends on any other cell, so order and batch size never matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import ExtensionDtype

from ispmig_pipelines.issues import Severity, rule_of


@dataclass(frozen=True)
class Refusal:
    """Cells about which something must be said.

    Attributes:
        rule: code in :data:`ispmig_pipelines.issues.RULES`. An error's cells have no value;
            a milder rule's cells have one, but it does not say all that the cell did.
        where: boolean mask over the column.
        accepted: what would be accepted, in words.
    """

    rule: str
    where: np.ndarray
    accepted: str

    @property
    def is_error(self) -> bool:
        """The cells have no value, and their records go to quarantine."""
        return rule_of(self.rule).severity is Severity.ERROR

    @property
    def shows_found(self) -> bool:
        """Whether the rule's message shows what was found; else it need not be masked."""
        return "{found}" in rule_of(self.rule).template


@dataclass(frozen=True)
class Converted:
    """A converted column.

    Attributes:
        values: canonical values, null where the cell was nothing or could not be converted.
        refusals: what was wrong; no cell is in two refusals that are errors.
        currency: for money: the ISO 4217 code a cell states beside its amount (``12 EUR``),
            null where it states none; None when no cell does.
        dropped: boolean mask of cells that hold something which the field has not, as the spec
            has it: a step took it away, a lookup does not know them, or a day has a time beside
            it. They are no issue, and are kept under ``legacy``. None if there are none.
    """

    values: pa.Array
    refusals: tuple[Refusal, ...] = ()
    currency: pa.Array | None = None
    dropped: np.ndarray | None = None

    @property
    def bad(self) -> np.ndarray:
        """Boolean mask of the cells that could not be converted."""
        mask = np.zeros(len(self.values), dtype=bool)
        for refusal in self.refusals:
            if refusal.is_error:
                mask |= refusal.where
        return mask


Converter = Callable[[pa.StringArray], Converted]


def frame_column(values: pa.Array, dtype: ExtensionDtype) -> pd.Series:
    """A canonical column as a column of a frame; nothing is copied where it need not be."""
    return pd.Series(dtype.__from_arrow__(values), copy=False)  # type: ignore[attr-defined]


class Refused(ValueError):
    """One value cannot be converted."""

    def __init__(self, rule: str, accepted: str) -> None:
        self.rule = rule
        self.accepted = accepted
        super().__init__(rule)


@dataclass(frozen=True)
class Remarked:
    """A value that does not say all that its cell did."""

    value: object
    rule: str
    accepted: str


def distinct(values: pa.StringArray) -> tuple[list[str | None], np.ndarray]:
    """The distinct texts and, per cell, which of them it is; null is the last one, as None."""
    encoded = pc.dictionary_encode(values)
    words: list[str | None] = encoded.dictionary.to_pylist()
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, len(words))
        words.append(None)
    return words, indices.to_numpy(zero_copy_only=False)


def per_distinct(
    values: pa.StringArray, convert: Callable[[str], object], type_: pa.DataType
) -> Converted:
    """Applies ``convert`` to each distinct value; it returns a value (or :class:`Remarked`), or
    raises :class:`Refused`."""
    words, indices = distinct(values)
    results: list[object] = []
    said: dict[tuple[str, str], list[int]] = {}
    for position, word in enumerate(words):
        result = None
        if word is not None:
            try:
                result = convert(word)
            except Refused as refused:
                said.setdefault((refused.rule, refused.accepted), []).append(position)
        if isinstance(result, Remarked):
            said.setdefault((result.rule, result.accepted), []).append(position)
            result = result.value
        results.append(result)
    converted = pa.array(results, type_).take(pa.array(indices))
    refusals = []
    for (rule, accepted), positions in said.items():
        of_word = np.zeros(len(words), dtype=bool)
        of_word[positions] = True
        refusals.append(Refusal(rule, of_word[indices], accepted))
    return Converted(converted, tuple(refusals))


def plain_or(
    values: pa.StringArray,
    plain: pa.BooleanArray,
    if_plain: Callable[[pa.StringArray], pa.Array],
    otherwise: Converter,
) -> Converted:
    """``if_plain`` for the cells that ``plain`` marks, ``otherwise`` for the rest.

    ``plain`` is null where ``values`` is. ``if_plain`` cannot fail; it keeps null as null.
    """
    rest = pc.fill_null(pc.invert(plain), False)
    if not pc.any(rest, min_count=0).as_py():
        return Converted(if_plain(values))
    others = otherwise(values.filter(rest))
    kept = if_plain(pc.if_else(rest, pa.scalar(None, pa.string()), values))
    return scatter(others, rest, kept)


def refused_or(
    values: pa.StringArray,
    refused: pa.BooleanArray,
    rule: str,
    accepted: str,
    otherwise: Converter,
) -> Converted:
    """A refusal by ``rule`` of the cells that ``refused`` marks, ``otherwise`` for the rest."""
    refused = pc.fill_null(refused, False)
    if not pc.any(refused, min_count=0).as_py():
        return otherwise(values)
    kept = pc.invert(refused)
    converted = otherwise(values.filter(kept))
    nothing = pa.nulls(len(values), converted.values.type)
    whole = scatter(converted, kept, nothing)
    refusal = Refusal(rule, refused.to_numpy(zero_copy_only=False), accepted)
    return replace(whole, refusals=(*whole.refusals, refusal))


def scatter(others: Converted, mask: pa.BooleanArray, base: pa.Array) -> Converted:
    """Puts a conversion of the masked cells into the column ``base``."""
    rows = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
    refusals = []
    for refusal in others.refusals:
        where = np.zeros(len(base), dtype=bool)
        where[rows[refusal.where]] = True
        refusals.append(replace(refusal, where=where))
    currency = others.currency
    if currency is not None:
        currency = pc.replace_with_mask(pa.nulls(len(base), pa.string()), mask, currency)
    return Converted(pc.replace_with_mask(base, mask, others.values), tuple(refusals), currency)
