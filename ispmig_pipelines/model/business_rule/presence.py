"""Rules of what must be there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model.business_rule.rule import (
    Columns,
    Declared,
    alternatives,
    is_one_of,
    true_where,
)


@dataclass(frozen=True)
class Asks(Declared):
    """Where ``field`` is one of ``values`` (or, without any, holds something), one of ``one_of``
    holds a value.

    Attributes:
        only: another field and its words: rows in which it is none of them are not asked.
    """

    code: str
    field: str
    values: tuple[str, ...]
    one_of: tuple[str, ...]
    only: tuple[str, tuple[str, ...]] | None = None

    @property
    def name(self) -> str:
        return self.code

    @property
    def doc(self) -> str:
        when = f"is {alternatives(self.values)}" if self.values else "holds a value"
        only = f" and {self.only[0]} is {alternatives(self.only[1])}" if self.only else ""
        answer = self.one_of[0] if len(self.one_of) == 1 else f"one of {', '.join(self.one_of)}"
        return f"where {self.field} {when}{only}, {answer} holds a value"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, *([self.only[0]] if self.only else []), *self.one_of)

    @property
    def asks(self) -> tuple[str, ...]:
        return self.one_of

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        field = columns[self.field]
        asked = true_where(is_one_of(field, self.values) if self.values else field.is_valid())
        if self.only:
            asked &= true_where(is_one_of(columns[self.only[0]], self.only[1]))
        for answer in self.one_of:
            if not asked.any():
                break
            rows = np.flatnonzero(asked)
            asked[rows] = true_where(_says_nothing(columns[answer].take(pa.array(rows))))
        return asked


def _says_nothing(values: pa.Array) -> pa.Array:
    """Nothing, or a text without a letter or a digit: people who must write something write a dash
    or a point."""
    if not pa.types.is_string(values.type):
        return values.is_null()
    return pc.fill_null(pc.invert(pc.match_substring_regex(values, r"[\p{L}\p{N}]")), True)


@dataclass(frozen=True)
class BothOrNeither(Declared):
    """Both fields hold a value, or neither."""

    first: str
    second: str

    @property
    def name(self) -> str:
        return f"{self.first}_with_{self.second}"

    @property
    def doc(self) -> str:
        return f"{self.first} and {self.second} stand together or not at all"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(pc.xor(columns[self.first].is_null(), columns[self.second].is_null()))
