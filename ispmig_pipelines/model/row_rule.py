"""What must hold between fields of one row.

Each rule knows itself three ways: as a mask over a frame, as a Postgres ``CHECK`` and in
words, so that a row that passed validation cannot be refused by the database. A missing
value never breaks a rule that compares: missing is not wrong, unless a rule asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pandas as pd
from psycopg import sql


class RowRule(Protocol):
    """A rule over the fields of one row."""

    @property
    def name(self) -> str:
        """Stable name, unique in its entity; also names the Postgres constraint."""
        ...

    @property
    def doc(self) -> str:
        """The rule in words."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it speaks of."""
        ...

    def holds(self, frame: pd.DataFrame) -> pd.Series:
        """Boolean column: true where the row keeps the rule."""
        ...

    def check(self) -> sql.Composable:
        """The rule as an expression of a Postgres ``CHECK``."""
        ...


@dataclass(frozen=True)
class InOrder:
    """``first`` is not after ``second`` (dates, times or numbers)."""

    first: str
    second: str

    @property
    def name(self) -> str:
        return f"{self.first}_before_{self.second}"

    @property
    def doc(self) -> str:
        return f"{self.first} is not after {self.second}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def holds(self, frame: pd.DataFrame) -> pd.Series:
        first, second = frame[self.first], frame[self.second]
        return (first <= second).fillna(True).astype(bool) | first.isna() | second.isna()

    def check(self) -> sql.Composable:
        return sql.SQL("{} <= {}").format(sql.Identifier(self.first), sql.Identifier(self.second))


@dataclass(frozen=True)
class Together:
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

    def holds(self, frame: pd.DataFrame) -> pd.Series:
        return frame[self.first].isna() == frame[self.second].isna()

    def check(self) -> sql.Composable:
        return sql.SQL("({} is null) = ({} is null)").format(
            sql.Identifier(self.first), sql.Identifier(self.second)
        )


@dataclass(frozen=True)
class Needs:
    """Where ``field`` holds a value, ``needed`` does too."""

    field: str
    needed: str

    @property
    def name(self) -> str:
        return f"{self.field}_needs_{self.needed}"

    @property
    def doc(self) -> str:
        return f"where {self.field} holds a value, {self.needed} does too"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.needed)

    def holds(self, frame: pd.DataFrame) -> pd.Series:
        return frame[self.field].isna() | frame[self.needed].notna()

    def check(self) -> sql.Composable:
        return sql.SQL("{} is null or {} is not null").format(
            sql.Identifier(self.field), sql.Identifier(self.needed)
        )


@dataclass(frozen=True)
class PrefixFits:
    """A prefix of an IPv4 address has at most 32 bits (one of IPv6: 128, by its range)."""

    address: str
    prefix: str

    @property
    def name(self) -> str:
        return f"{self.prefix}_fits_{self.address}"

    @property
    def doc(self) -> str:
        return f"{self.prefix} is at most 32 where {self.address} is IPv4"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.address, self.prefix)

    def holds(self, frame: pd.DataFrame) -> pd.Series:
        is_ipv4 = frame[self.address].str.contains(".", regex=False, na=False)
        is_ipv4 &= ~frame[self.address].str.contains(":", regex=False, na=False)
        return ~is_ipv4 | (frame[self.prefix] <= 32).fillna(True).astype(bool)

    def check(self) -> sql.Composable:
        return sql.SQL("{prefix} <= 32 or family({address}) = 6").format(
            prefix=sql.Identifier(self.prefix), address=sql.Identifier(self.address)
        )
