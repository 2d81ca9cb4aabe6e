"""What the fields of one sound row say of each other, beyond what the database must hold.

A row rule of :mod:`ispmig_pipelines.model.row_rule` is a constraint of the database too. A
business rule is not: a spec may give it another severity, and rows that were loaded under a
milder one stay what they are. Each rule is an **error** only where the row contradicts itself or
would break the books or the network, and a **warning** where it is suspicious; ``why`` says the
reason. A missing value breaks no rule, except one that asks for a value (:attr:`asks`), and that
one is put only to rows whose source could have answered.

Rules work on whole Arrow columns. Amounts are compared as exact decimals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model.rounding import allowed, cents, exact

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
class _Rule:
    """What every rule declares."""

    _: KW_ONLY
    why: str
    severity: Severity = Severity.WARNING

    @property
    def asks(self) -> tuple[str, ...]:
        return ()


def _mask(truth: pa.Array) -> np.ndarray:
    """Where it is true; nothing is known of what is null."""
    return pc.fill_null(truth, False).to_numpy(zero_copy_only=False)


def _days(values: pa.Array) -> pa.Array:
    """Dates and instants (their day in UTC) as days."""
    if pa.types.is_timestamp(values.type):
        values = pc.cast(pc.floor_temporal(values, unit="day"), pa.timestamp("s", "UTC"))
        seconds = values.cast(pa.int64())
        return pc.divide(seconds, pa.scalar(86_400, pa.int64())).cast(pa.int32())
    return values.cast(pa.int32())


def _day(date: dt.date) -> int:
    return (date - dt.date(1970, 1, 1)).days


def _is_one_of(values: pa.Array, words: tuple[str, ...]) -> pa.Array:
    return pc.is_in(values, value_set=pa.array(words, values.type))


def _words(words: tuple[str, ...]) -> str:
    return " or ".join(words)


# --- dates ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NotBefore(_Rule):
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
        return _mask(pc.greater(pc.subtract(_days(first), _days(second)), spare))


@dataclass(frozen=True)
class Within(_Rule):
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
        apart = pc.subtract(_days(columns[self.second]), _days(columns[self.first]))
        return _mask(pc.greater(apart, self.days))


@dataclass(frozen=True)
class Happened(_Rule):
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
        return _mask(pc.greater(_days(columns[self.field]), _day(today) + self.spare_days))


@dataclass(frozen=True)
class NotEarlierThan(_Rule):
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
        return _mask(pc.less(_days(columns[self.field]), _day(dt.date(self.year, 1, 1))))


@dataclass(frozen=True)
class NotOver(_Rule):
    """Where ``field`` is one of ``values``, the day ``ended`` is not over."""

    field: str
    values: tuple[str, ...]
    ended: str

    @property
    def name(self) -> str:
        return f"{self.values[0]}_is_not_over_by_{self.ended}"

    @property
    def doc(self) -> str:
        return f"where {self.field} is {_words(self.values)}, {self.ended} is not in the past"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.ended)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        # A day to spare: the source may lie in another zone than this machine.
        past = pc.less(_days(columns[self.ended]), _day(today) - 1)
        return _mask(pc.and_(_is_one_of(columns[self.field], self.values), past))


# --- what must be there -----------------------------------------------------------------------


@dataclass(frozen=True)
class Asks(_Rule):
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
        when = f"is {_words(self.values)}" if self.values else "holds a value"
        only = f" and {self.only[0]} is {_words(self.only[1])}" if self.only else ""
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
        asked = _mask(_is_one_of(field, self.values) if self.values else field.is_valid())
        if self.only:
            asked &= _mask(_is_one_of(columns[self.only[0]], self.only[1]))
        for answer in self.one_of:
            asked &= _mask(_is_empty(columns[answer]))
        return asked


def _is_empty(values: pa.Array) -> pa.Array:
    if pa.types.is_string(values.type):
        return pc.or_kleene(values.is_null(), pc.equal(pc.utf8_trim_whitespace(values), ""))
    return values.is_null()


# --- amounts ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed(_Rule):
    """An amount is not negative, or not positive; where ``kind`` is one of ``values``, if given."""

    amount: str
    negative: bool = False
    kind: str = ""
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        of = f"{self.values[0]}_" if self.values else ""
        return f"{of}{self.amount}_is_{'not_positive' if self.negative else 'not_negative'}"

    @property
    def doc(self) -> str:
        sign = "not positive" if self.negative else "not negative"
        where = f"where {self.kind} is {_words(self.values)}, " if self.values else ""
        return f"{where}{self.amount} is {sign}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.kind, self.amount) if self.kind else (self.amount,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        amount = columns[self.amount]
        zero = pa.scalar(0, amount.type)
        wrong = _mask((pc.greater if self.negative else pc.less)(amount, zero))
        return wrong & _mask(_is_one_of(columns[self.kind], self.values)) if self.kind else wrong


@dataclass(frozen=True)
class NoMoreThan(_Rule):
    """``part`` is, whatever their signs, no more than ``whole``.

    Attributes:
        free: a whole of nothing says nothing, so anything may stand beside it.
    """

    part: str
    whole: str
    free: bool = False

    @property
    def name(self) -> str:
        return f"{self.part}_within_{self.whole}"

    @property
    def doc(self) -> str:
        free = f", where {self.whole} is not 0" if self.free else ""
        return f"{self.part} is no more than {self.whole}{free}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.part, self.whole)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        part, whole = pc.abs(columns[self.part]), pc.abs(columns[self.whole])
        more = _mask(pc.greater(part, whole))
        return more & _mask(pc.not_equal(whole, pa.scalar(0, whole.type))) if self.free else more


@dataclass(frozen=True)
class TotalAddsUp(_Rule):
    """An invoice's total is its subtotal and its tax, with or without the discount taken off (the
    lines, and so the subtotal, may have it already)."""

    subtotal: str = "subtotal"
    discount: str = "discount"
    tax: str = "tax"
    total: str = "total"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.total}_adds_up"

    @property
    def doc(self) -> str:
        return (
            f"{self.total} is {self.subtotal} + {self.tax}, less {self.discount} or not, but for "
            "rounding (0.015, or half a unit of currencies that round to whole ones)"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.subtotal, self.discount, self.tax, self.total, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        summed = pc.add(columns[self.subtotal], columns[self.tax])
        rest = pc.abs(pc.subtract(columns[self.total], summed))
        off = _mask(pc.greater(rest, cents()))
        if not off.any():
            return off
        spare = allowed(columns[self.currency])
        off &= _mask(pc.greater(rest, spare))
        # Some write what was taken off with a minus.
        beside = pc.abs(pc.subtract(rest, pc.abs(columns[self.discount])))
        return off & ~_mask(pc.less_equal(beside, spare))


@dataclass(frozen=True)
class PaidAndDue(_Rule):
    """What was paid and what is due of a document are together no more than its total (or, for
    ``reach``, no less), unless nothing is due."""

    reach: bool
    status: str = "status"
    settled: tuple[str, ...] = ("draft", "void", "written_off")
    paid: str = "amount_paid"
    due: str = "amount_due"
    total: str = "total"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"paid_and_due_{'reach' if self.reach else 'within'}_{self.total}"

    @property
    def doc(self) -> str:
        how = "no less" if self.reach else "no more"
        return (
            f"{self.paid} + {self.due} is {how} than {self.total}, but for rounding, where "
            f"{self.due} is not 0 and {self.status} is not {_words(self.settled)}"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.status, self.paid, self.due, self.total, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        due, total = columns[self.due], columns[self.total]
        zero = pa.scalar(0, due.type)
        over = pc.subtract(pc.add(columns[self.paid], due), total)
        # A credit note's amounts are negative: more of it is less.
        over = pc.if_else(pc.less(total, zero), pc.negate(over), over)
        over = pc.negate(over) if self.reach else over
        off = _mask(pc.greater(over, cents())) & _mask(pc.not_equal(due, zero))
        if not off.any():
            return off
        off &= _mask(pc.greater(over, allowed(columns[self.currency])))
        return off & ~_mask(_is_one_of(columns[self.status], self.settled))


@dataclass(frozen=True)
class AmountBy(_Rule):
    """Where ``status`` is one of ``values``, an amount is nothing (or, for ``some``, something)."""

    code: str
    status: str
    values: tuple[str, ...]
    amount: str
    some: bool = False

    @property
    def name(self) -> str:
        return self.code

    @property
    def doc(self) -> str:
        return (
            f"where {self.status} is {_words(self.values)}, {self.amount} is "
            f"{'not 0' if self.some else '0'}"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.status, self.amount)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        amount = columns[self.amount]
        zero = pa.scalar(0, amount.type)
        spare = cents() if pa.types.is_decimal(amount.type) else zero
        # Overpaid, what is due may stand in the customer's favour.
        wrong = pc.equal(amount, zero) if self.some else pc.greater(amount, spare)
        return _mask(pc.and_(_is_one_of(columns[self.status], self.values), wrong))


@dataclass(frozen=True)
class LineAddsUp(_Rule):
    """A line's amount is its quantity times its price, less its discount or not; a price with the
    tax in it makes the amount and its tax."""

    quantity: str = "quantity"
    price: str = "unit_price"
    discount: str = "discount"
    tax: str = "tax"
    amount: str = "amount"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.amount}_adds_up"

    @property
    def doc(self) -> str:
        return (
            f"{self.amount} (or {self.amount} + {self.tax}, where prices have the tax in them) is "
            f"{self.quantity} * {self.price}, less {self.discount} or not, but for rounding: of "
            "the amount to 0.015 (or half a unit of currencies that round to whole ones), of the "
            "price to cents, and of a quantity that is no whole number to hundredths"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.quantity, self.price, self.discount, self.tax, self.amount, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        quantity, price = columns[self.quantity], columns[self.price]
        amount = columns[self.amount]
        # Nearly all lines are right to the cent, and floats are enough to see that: what they
        # cannot tell apart is far less than the rounding that is allowed.
        suspects = np.flatnonzero(_mask(_far_apart(quantity, price, amount)))
        off = np.zeros(len(amount), dtype=bool)
        if suspects.size == 0:
            return off
        rows = pa.array(suspects)
        off[suspects] = self._off({f: columns[f].take(rows) for f in self.fields})
        return off

    def _off(self, columns: Columns) -> np.ndarray:
        quantity, price = exact(columns[self.quantity]), exact(columns[self.price])
        amount = exact(columns[self.amount])
        made = pc.multiply(quantity, price)
        zero, half_a_cent = pa.scalar(0, price.type), pa.scalar("0.005").cast(price.type)
        is_whole = pc.equal(quantity, pc.round(quantity))
        spare = pc.add(
            exact(allowed(columns[self.currency])),
            pc.add(
                pc.multiply(pc.abs(quantity), half_a_cent),
                pc.multiply(pc.abs(price), pc.if_else(is_whole, zero, half_a_cent)),
            ),
        )
        off = np.ones(len(amount), dtype=bool)
        discount = pc.abs(exact(columns[self.discount]))
        for taxed in (zero, exact(columns[self.tax])):
            rest = pc.abs(pc.subtract(made, pc.add(amount, taxed)))
            off &= ~_mask(pc.less_equal(rest, spare))
            off &= ~_mask(pc.less_equal(pc.abs(pc.subtract(rest, discount)), spare))
        return off


def _far_apart(quantity: pa.Array, price: pa.Array, amount: pa.Array) -> pa.Array:
    made = pc.multiply(quantity.cast(pa.float64()), price.cast(pa.float64()))
    apart = pc.abs(pc.subtract(made, amount.cast(pa.float64())))
    return pc.greater(apart, pc.add(0.012, pc.multiply(1e-12, pc.abs(made))))


@dataclass(frozen=True)
class TaxAddsUp(_Rule):
    """A line's tax is its rate of its amount, or of what the amount is without it, or nothing."""

    rate: str = "tax_rate"
    tax: str = "tax"
    amount: str = "amount"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.tax}_adds_up"

    @property
    def doc(self) -> str:
        return (
            f"{self.tax} is {self.rate} of {self.amount} (or the tax that is in it), or 0, but "
            "for rounding (0.015, or half a unit of currencies that round to whole ones)"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.rate, self.tax, self.amount, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        rate, tax, amount = columns[self.rate], columns[self.tax], columns[self.amount]
        suspects = np.flatnonzero(_mask(_far_apart(rate, amount, tax)))
        off = np.zeros(len(tax), dtype=bool)
        if suspects.size == 0:
            return off
        rows = pa.array(suspects)
        share, of, said = (exact(c.take(rows)) for c in (rate, amount, tax))
        spare = allowed(columns[self.currency].take(rows))
        wrong = _mask(pc.not_equal(said, pa.scalar(0, said.type)))
        # Where it is in the amount: tax = (amount - tax) * rate.
        for base in (of, pc.subtract(of, said)):
            right = pc.multiply(share, base)
            wrong &= ~_mask(pc.less_equal(pc.abs(pc.subtract(said, right)), spare))
        off[suspects] = wrong
        return off


# --- the network and the rest -----------------------------------------------------------------


@dataclass(frozen=True)
class NotBothZero(_Rule):
    """Two numbers are not both 0."""

    first: str
    second: str

    @property
    def name(self) -> str:
        return f"{self.first}_and_{self.second}_not_zero"

    @property
    def doc(self) -> str:
        return f"{self.first} and {self.second} are not both 0"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        first, second = columns[self.first], columns[self.second]
        zero = pa.scalar(0, first.type)
        return _mask(pc.and_(pc.equal(first, zero), pc.equal(second, zero)))


@dataclass(frozen=True)
class BothOrNeither(_Rule):
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
        return _mask(pc.xor(columns[self.first].is_null(), columns[self.second].is_null()))


_NO_DEVICE = r"^(?:00[:-]?){6}$|^[0-9A-Fa-f][13579BDFbdf]"
_NOBODY_S = (
    r"^(?:0|127|22[4-9]|23[0-9])\.[0-9.]+$|^255\.255\.255\.255$|^::1?$|^[fF]{2}[0-9a-fA-F]{2}:"
)


@dataclass(frozen=True)
class RealMac(_Rule):
    """A MAC address is one that a device can have: neither all zeros, nor broadcast or multicast
    (IEEE 802: the lowest bit of the first byte)."""

    field: str

    @property
    def name(self) -> str:
        return f"{self.field}_is_one_device_s"

    @property
    def doc(self) -> str:
        return f"{self.field} is one device's, neither all zeros nor a group's"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return _mask(pc.match_substring_regex(columns[self.field], _NO_DEVICE))


@dataclass(frozen=True)
class GivenOut(_Rule):
    """An address is one that can be given to somebody: not the unspecified one, no loopback, no
    multicast, no broadcast (RFC 6890, RFC 4291)."""

    field: str

    @property
    def name(self) -> str:
        return f"{self.field}_can_be_given_out"

    @property
    def doc(self) -> str:
        return (
            f"{self.field} can be given out: it is not in 0.0.0.0/8, 127.0.0.0/8 or 224.0.0.0/4, "
            "not the broadcast, not :: or ::1 and not in ff00::/8"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return _mask(
            pc.match_substring_regex(
                columns[self.field],
                _NOBODY_S,
            )
        )


@dataclass(frozen=True)
class CardNotExpired(_Rule):
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
            f"where {self.status} is {_words(self.values)}, the month of {self.month} and "
            f"{self.year} is not over"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.month, self.year, self.status)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        months = pc.add(pc.multiply(columns[self.year], 12), columns[self.month])
        past = pc.less(months, today.year * 12 + today.month)
        return _mask(pc.and_(_is_one_of(columns[self.status], self.values), past))
