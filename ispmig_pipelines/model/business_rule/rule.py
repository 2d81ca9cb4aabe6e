"""What a business rule is, and what all of them need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.issues import Severity

Columns: TypeAlias = Mapping[str, pa.Array]
"""Field → canonical values, null where there is nothing."""


class BusinessRule(Protocol):
    """What the fields of a sound row say of each other."""

    @property
    def name(self) -> str:
        """Stable name, unique in its entity: the end of the rule's code."""
        ...

    @property
    def doc(self) -> str:
        """The rule in words."""
        ...

    @property
    def why(self) -> str:
        """What makes a row that breaks it wrong, or suspicious."""
        ...

    @property
    def severity(self) -> Severity:
        """What breaking it does, unless a spec says otherwise."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it reads."""
        ...

    @property
    def asks(self) -> tuple[str, ...]:
        """Fields of which one must hold a value; () for a rule that only compares."""
        ...

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        """Boolean mask of the rows that break it.

        Args:
            columns: every one of ``fields``.
            today: the day of the migration.
        """
        ...


@dataclass(frozen=True)
class Declared:
    """What every rule declares."""

    _: KW_ONLY
    why: str
    severity: Severity = Severity.WARNING

    @property
    def asks(self) -> tuple[str, ...]:
        return ()


def true_where(truth: pa.Array) -> np.ndarray:
    """Where it is true; nothing is known of what is null."""
    return pc.fill_null(truth, False).to_numpy(zero_copy_only=False)


def day_numbers(values: pa.Array) -> pa.Array:
    """Dates and instants (their day in UTC) as days since 1970."""
    if pa.types.is_timestamp(values.type):
        values = pc.cast(pc.floor_temporal(values, unit="day"), pa.timestamp("s", "UTC"))
        seconds = values.cast(pa.int64())
        return pc.divide(seconds, pa.scalar(86_400, pa.int64())).cast(pa.int32())
    return values.cast(pa.int32())


def day_number(date: dt.date) -> int:
    """Days since 1970."""
    return (date - dt.date(1970, 1, 1)).days


def is_one_of(values: pa.Array, words: tuple[str, ...]) -> pa.Array:
    """Where a choice is one of some words."""
    return pc.is_in(values, value_set=pa.array(words, values.type))


def alternatives(words: tuple[str, ...]) -> str:
    """``active or suspended``."""
    return " or ".join(words)
