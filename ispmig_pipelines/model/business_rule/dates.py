"""Rules of days and instants."""

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
    day_number,
    day_numbers,
    is_one_of,
    true_where,
)


@dataclass(frozen=True)
class NotBefore(Declared):
    """``second`` is not before ``first``; an instant counts by its day, with a day to spare on
    either side, since its zone may be another."""

    first: str
    second: str
    spare_days: int = 0

    @property
    def name(self) -> str:
        return f"{self.first}_before_{self.second}"

    @property
    def doc(self) -> str:
        spare = f" by more than {self.spare_days} day" if self.spare_days else ""
        spare += "s" if self.spare_days > 1 else ""
        return f"{self.second} is not before {self.first}{spare}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        first, second = columns[self.first], columns[self.second]
        zones = pa.types.is_timestamp(first.type) != pa.types.is_timestamp(second.type)
        spare = max(self.spare_days, int(zones))
        return true_where(pc.greater(pc.subtract(day_numbers(first), day_numbers(second)), spare))


@dataclass(frozen=True)
class Within(Declared):
    """``second`` is at most so many days after ``first``."""

    first: str
    second: str
    days: int

    @property
    def name(self) -> str:
        return f"{self.second}_within_reach_of_{self.first}"

    @property
    def doc(self) -> str:
        return f"{self.second} is at most {self.days} days after {self.first}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        apart = pc.subtract(day_numbers(columns[self.second]), day_numbers(columns[self.first]))
        return true_where(pc.greater(apart, self.days))


@dataclass(frozen=True)
class Happened(Declared):
    """A day or instant at which something happened is at most so many days after the migration's
    own day."""

    field: str
    spare_days: int = 366

    @property
    def name(self) -> str:
        return f"{self.field}_has_come"

    @property
    def doc(self) -> str:
        spare = "a day" if self.spare_days == 1 else f"{self.spare_days} days"
        return f"{self.field} is at most {spare} after the day of the migration"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(
            pc.greater(day_numbers(columns[self.field]), day_number(today) + self.spare_days)
        )


@dataclass(frozen=True)
class NotEarlierThan(Declared):
    """A day is not before the beginning of a year: older ones mostly stand for "unknown"."""

    field: str
    year: int

    @property
    def name(self) -> str:
        return f"{self.field}_is_plausible"

    @property
    def doc(self) -> str:
        return f"{self.field} is not before {self.year}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(
            pc.less(day_numbers(columns[self.field]), day_number(dt.date(self.year, 1, 1)))
        )


@dataclass(frozen=True)
class NotOver(Declared):
    """Where ``field`` is one of ``values``, the day ``ended`` is not over."""

    field: str
    values: tuple[str, ...]
    ended: str

    @property
    def name(self) -> str:
        return f"{self.values[0]}_is_not_over_by_{self.ended}"

    @property
    def doc(self) -> str:
        return f"where {self.field} is {alternatives(self.values)}, {self.ended} is not in the past"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.ended)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        # A day to spare: the source may lie in another zone than this machine.
        past = pc.less(day_numbers(columns[self.ended]), day_number(today) - 1)
        return true_where(pc.and_(is_one_of(columns[self.field], self.values), past))


@dataclass(frozen=True)
class CardNotExpired(Declared):
    """Where ``status`` is one of ``values``, the last day of the card's month is not over."""

    month: str
    year: str
    status: str
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.values[0]}_has_not_expired"

    @property
    def doc(self) -> str:
        return (
            f"where {self.status} is {alternatives(self.values)}, the month of {self.month} and "
            f"{self.year} is not over"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.month, self.year, self.status)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        months = pc.add(pc.multiply(columns[self.year], 12), columns[self.month])
        past = pc.less(months, today.year * 12 + today.month)
        return true_where(pc.and_(is_one_of(columns[self.status], self.values), past))
