"""Numbers: exact decimals and whole numbers, never through a float.

The marks of a number are known from the spec, or the number has only one reading
(``1,234.50``, ``99,5``, ``1 234``, ``12.50``). ``1,234`` and ``1.234`` have two and are asked
about. Scientific notation is a number where it states every digit (``1.5E-3``); ``1.23E+11``
has lost some.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.credit_debit import with_sides
from ispmig_pipelines.mapping.convert.currency import CODES, SHARED_SIGNS, SIGNS, stated_currency
from ispmig_pipelines.mapping.convert.degrees import is_no_arc, read_degrees
from ispmig_pipelines.mapping.convert.no_number import is_no_number, readable
from ispmig_pipelines.mapping.convert.values import (
    Converted,
    Converter,
    Refusal,
    Refused,
    Remarked,
    distinct,
    per_distinct,
    plain_or,
    refused_or,
    scatter,
)
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import FieldInfo

GROUP_MARKS = (",", ".", " ", "'")
_NO_TEXT = pa.scalar(None, pa.string())

MAX_DIGITS = 60
"""Characters of the longest text that is looked at as a number."""

_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | {"\u2019": "'"})
_SIGNS = {"-": True, "\u2212": True, "\u2013": True, "+": False}
_BODY = re.compile(r"[0-9.,' ]+")
_NO_CENTS = re.compile(r"(?<=[0-9])([.,])[-\u2013]{1,2}(?=[^0-9]*$)")
"""What stands in the place of cents where there are none: ``100,-`` is no credit."""
_SCIENTIFIC = re.compile(r"([0-9]+)(?:[.,]([0-9]*))?[eE]([+-]?[0-9]{1,3})")


@dataclass(frozen=True)
class Marks:
    """Which marks a number may have: a decimal mark and the marks between groups of three."""

    decimal: str
    groups: tuple[str, ...]


def readings(style: Style, *, grouping: bool = True) -> tuple[Marks, ...]:
    """The conventions under which a number may be read, as far as the spec settles them."""
    if style.decimal_mark:
        groups = (style.thousands_mark,) if style.thousands_mark else _other(style.decimal_mark)
        return (Marks(style.decimal_mark, groups if grouping else ()),)
    if not grouping:
        # Without groups of three no number has two readings.
        return tuple(Marks(mark, ()) for mark in ".,")
    if style.thousands_mark in (",", "."):
        return (Marks(_other_mark(style.thousands_mark), (style.thousands_mark,)),)
    if style.thousands_mark:
        return tuple(Marks(mark, (style.thousands_mark,)) for mark in ".,")
    return tuple(Marks(mark, _other(mark)) for mark in ".,")


def _other_mark(mark: str) -> str:
    return "," if mark == "." else "."


def _other(mark: str) -> tuple[str, ...]:
    return tuple(m for m in GROUP_MARKS if m != mark)


def _without_marks(body: str, marks: Marks) -> str | None:
    """``body`` as digits with a decimal point under one convention; None if it does not fit."""
    whole, decimal, fraction = body.partition(marks.decimal)
    if decimal and not (fraction == "" or fraction.isdigit()):
        return None
    if not (whole + fraction):
        return None
    if whole and not whole.isdigit():
        used = {c for c in whole if not c.isdigit()}
        if len(used) != 1:
            return None
        mark = used.pop()
        if mark not in marks.groups:
            return None
        head, *groups = whole.split(mark)
        threes = all(len(g) == 3 for g in groups)
        # Lakhs and crores: 12,34,567.
        indian = mark == "," and len(groups[-1]) == 3 and all(len(g) == 2 for g in groups[:-1])
        if not (head and not head.startswith("0") and len(head) <= 3 and (threes or indian)):
            return None
        if indian and not threes and len(head) > 2:
            return None
        whole = head + "".join(groups)
    return f"{whole or '0'}.{fraction or '0'}"


def read_number(text: str, marks: tuple[Marks, ...], accepted: str) -> Decimal:
    """The number that ``text`` writes, signs and currency signs allowed.

    Raises:
        Refused: it is none, has several readings, or has lost digits.
    """
    number, _ = read_amount(text, marks, accepted)
    return number


def read_amount(text: str, marks: tuple[Marks, ...], accepted: str) -> tuple[Decimal, str | None]:
    """Number and currency (ISO 4217) that ``text`` writes; see :func:`read_number`."""
    refused = Refused("value.type", accepted)
    body = text.translate(_SPACES).strip()
    if not body.isascii():
        body = body.replace("\u2212", "-")
    body = _NO_CENTS.sub(r"\g<1>00", body)
    if len(body) > MAX_DIGITS:
        raise refused
    negative = False
    signs = 0
    currency = None
    stated = False
    if body.startswith("(") and body.endswith(")"):
        body, negative, signs = body[1:-1].strip(), True, 1
    for at_end in (False, True):
        while body:
            edge = body[-1] if at_end else body[0]
            if edge.isdigit() or edge in ".,":
                break
            if edge in _SIGNS:
                negative, signs = _SIGNS[edge], signs + 1
                body = (body[:-1] if at_end else body[1:]).strip()
                continue
            if edge == "(" and body.endswith(")"):
                body, negative, signs = body[1:-1].strip(), True, signs + 1
                continue
            found = stated_currency(body, at_end=at_end)
            if found is None or stated:
                raise refused
            stated = True
            body, currency = found
    if signs > 1 or not body:
        raise refused
    if not _BODY.fullmatch(body):
        number = _scientific(body, refused)
    else:
        found_readings = {
            Decimal(plain) for m in marks if (plain := _without_marks(body, m)) is not None
        }
        if not found_readings:
            raise refused
        if len(found_readings) > 1:
            raise Refused(
                "value.ambiguous",
                'such as 1,234, which is 1234 or 1.234; add decimal_mark: "." or '
                'decimal_mark: "," to the field in the spec',
            )
        number = found_readings.pop()
    return (number.copy_negate() if negative and number else number), currency


def _scientific(body: str, refused: Refused) -> Decimal:
    match = _SCIENTIFIC.fullmatch(body)
    if match is None:
        raise refused
    whole, fraction, exponent = match[1], match[2] or "", int(match[3])
    if exponent > len(fraction) or abs(exponent) > MAX_DIGITS:
        raise Refused("value.scientific", "written with all its digits")
    return Decimal((0, tuple(map(int, whole + fraction)), exponent - len(fraction)))


def shifted(number: Decimal, places: int) -> Decimal:
    """``number`` times ten to the power ``places``, exactly (no context rounds it)."""
    sign, digits, exponent = number.as_tuple()
    return Decimal((sign, digits, int(exponent) + places))


def fitted(number: Decimal, type_: pa.Decimal128Type, accepted: str) -> Decimal:
    """``number`` if the type holds it exactly.

    Raises:
        Refused: it has more decimals or more digits than the type.
    """
    sign, digits, exponent = number.as_tuple()
    exponent = int(exponent)
    while exponent < -type_.scale and digits and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if not any(digits):
        return Decimal(0)
    if exponent < -type_.scale or len(digits) + exponent > type_.precision - type_.scale:
        raise Refused("value.precision", accepted)
    return Decimal((sign, digits, exponent))


def _plain_pattern(marks: tuple[Marks, ...], type_: pa.Decimal128Type) -> str:
    """What is read by column operations: digits with the decimal mark, no doubt possible."""
    whole = rf"[0-9]{{1,{type_.precision - type_.scale}}}"
    decimal = re.escape(marks[0].decimal) if len(marks) == 1 else r"\."
    if len(marks) == 1:
        fraction = rf"[0-9]{{1,{type_.scale}}}"
        group = marks[0].groups[0] if marks[0].groups else ""
        if group:
            groups = (type_.precision - type_.scale - 3) // 3
            mark = re.escape(group)
            whole = rf"(?:{whole}|[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}}){{1,{groups}}})"
    elif not marks[0].groups:
        fraction = rf"[0-9]{{1,{type_.scale}}}"
    else:
        # Three decimals may be a group of three: left to the careful path.
        fraction = rf"(?:[0-9]{{1,2}}|[0-9]{{4,{type_.scale}}})"
    return rf"^-?{whole}(?:{decimal}{fraction})?$"


def _plain_cast(marks: tuple[Marks, ...], type_: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    def cast(values: pa.StringArray) -> pa.Array:
        if len(marks) == 1:
            if marks[0].groups:
                values = pc.replace_substring(values, marks[0].groups[0], "")
            if marks[0].decimal != ".":
                values = pc.replace_substring(values, marks[0].decimal, ".")
        return values.cast(type_)

    return cast


# What stands beside the number is looked up afterwards: a list of all currencies within the
# expression costs ten times as much.
_BESIDE = r"[^0-9().,'+\s-]{0,4}"
_AMOUNT = (
    rf"^(?P<open>\(?)(?P<sign>[-+]?)(?P<before>{_BESIDE}) ?(?P<inner>-?)"
    rf"(?P<body>[0-9][0-9.,' ]*)(?P<behind>-?)(?P<after>{_BESIDE})(?P<close>\)?)$"
)
_STATED = pa.array(["", *SIGNS, *SHARED_SIGNS, *CODES], pa.string())
_STATES = pa.array([None, *SIGNS.values(), *[None] * len(SHARED_SIGNS), *CODES], pa.string())


def _bodies(marks: tuple[Marks, ...], type_: pa.Decimal128Type) -> tuple[tuple[str, str], ...]:
    """(pattern of digits and marks that leave no doubt, the decimal mark in it)."""
    whole = rf"[0-9]{{1,{type_.precision - type_.scale}}}"
    found = []
    for mark in marks:
        groups = "|".join(rf"(?:{re.escape(g)}[0-9]{{3}}){{1,4}}" for g in mark.groups)
        grouped = rf"[1-9][0-9]{{0,2}}(?:{groups})" if groups else whole
        decimal = re.escape(mark.decimal)
        fraction = rf"{decimal}[0-9]{{1,{type_.scale}}}"
        if len(marks) == 1:
            found.append((rf"^(?:{whole}|{grouped})(?:{fraction})?$", mark.decimal))
        else:
            # Three decimals may be a group of three, and a group of three three decimals.
            sure = rf"{whole}{decimal}(?:[0-9]{{1,2}}|[0-9]{{4,{type_.scale}}})"
            other = re.escape(_other_mark(mark.decimal))
            both = rf"|[1-9][0-9]{{0,2}}(?:{other}[0-9]{{3}}){{1,4}}{fraction}"
            both = both if _other_mark(mark.decimal) in mark.groups else ""
            found.append((rf"^(?:{whole}|{sure}{both})$", mark.decimal))
    return tuple(found)


def _amounts(
    values: pa.StringArray, bodies: tuple[tuple[str, str], ...], type_: pa.Decimal128Type
) -> tuple[pa.Array, pa.StringArray]:
    """(amounts, currencies they state) of the cells that a pattern finds to be such; null where
    there is any doubt."""
    parts = pc.extract_regex(values, _AMOUNT)
    field = {name: pc.struct_field(parts, name) for name in
             ("open", "sign", "before", "inner", "body", "behind", "after", "close")}  # fmt: skip
    opened, plus_or_minus, inner, behind = (
        pc.not_equal(field[name], "") for name in ("open", "sign", "inner", "behind")
    )
    closed = pc.not_equal(field["close"], "")
    signs = sum_of(opened, plus_or_minus, inner, behind)
    once = pc.or_(pc.equal(field["before"], ""), pc.equal(field["after"], ""))
    beside = pc.binary_join_element_wise(field["before"], field["after"], "")
    said = pc.index_in(beside, value_set=_STATED)
    sound = pc.and_(pc.equal(opened, closed), pc.less_equal(signs, 1))
    sound = pc.and_(sound, pc.and_(once, said.is_valid()))
    body = pc.utf8_rtrim(field["body"], " ")
    plain = pa.nulls(len(values), pa.string())
    for pattern, decimal in bodies:
        fits = pc.and_(sound, pc.match_substring_regex(body, pattern))
        digits = pc.if_else(fits, body, _NO_TEXT)
        for mark in GROUP_MARKS:
            if mark != decimal:
                digits = pc.replace_substring(digits, mark, "")
        plain = pc.coalesce(plain, pc.replace_substring(digits, decimal, "."))
    amounts = plain.cast(type_)
    negative = pc.and_(pc.equal(signs, 1), pc.not_equal(field["sign"], "+"))
    amounts = pc.if_else(negative, pc.negate(amounts).cast(type_), amounts)
    return amounts, pc.if_else(amounts.is_valid(), _STATES.take(said), _NO_TEXT)


def sum_of(*masks: pa.BooleanArray) -> pa.Array:
    """How many of the masks are true."""
    total = masks[0].cast(pa.int8())
    for mask in masks[1:]:
        total = pc.add(total, mask.cast(pa.int8()))
    return total


def credit_of(info: FieldInfo) -> int:
    """The sign of a credit in a field of money; 0: the field does not say."""
    return {"debt": -1, "credit": 1}.get(info.positive_is, 0)


def decimal_converter(
    type_: pa.Decimal128Type,
    style: Style,
    accepted: str,
    *,
    grouping: bool,
    credit: int | None = None,
) -> Converter:
    """Numbers of money and quantities: as many decimals as the field holds, or an issue.

    Args:
        credit: of money, see :func:`credit_of`; None: ``CR`` and ``DR`` are no part of a number.
    """
    marks = readings(style, grouping=grouping)
    pattern, cast = _plain_pattern(marks, type_), _plain_cast(marks, type_)
    limits = held(type_)
    bodies = _bodies(marks, type_)

    def messy(values: pa.StringArray) -> Converted:
        amounts, currency = _amounts(values, bodies, type_)
        rest = pc.and_(pc.is_null(amounts), pc.is_valid(values))
        if not pc.any(rest, min_count=0).as_py():
            return Converted(amounts, (), currency)
        others = refused_unless_number(values.filter(rest), marks, accepted, careful)
        others = scatter(others, rest, amounts)
        if others.currency is not None:
            currency = pc.coalesce(others.currency, currency)
        return Converted(others.values, others.refusals, currency)

    def careful(values: pa.StringArray) -> Converted:
        currencies: dict[str, str | None] = {}

        def one(text: str) -> Decimal:
            number, currency = read_amount(text, marks, accepted)
            amount = fitted(number, type_, limits)
            currencies[text] = currency
            return amount

        converted = per_distinct(values, one, type_)
        if not any(currencies.values()):
            return converted
        words, indices = distinct(values)
        stated = pa.array([currencies.get(word) if word else None for word in words], pa.string())
        return Converted(converted.values, converted.refusals, stated.take(pa.array(indices)))

    beside: Converter = messy
    if credit is not None:
        beside = with_sides(messy, -credit if style.reverses_sign else credit)

    def convert(values: pa.StringArray) -> Converted:
        converted = plain_or(values, pc.match_substring_regex(values, pattern), cast, beside)
        if converted.currency is not None and converted.currency.null_count == len(values):
            converted = Converted(converted.values, converted.refusals)
        if not style.reverses_sign:
            return converted
        return Converted(
            pc.negate(converted.values).cast(type_), converted.refusals, converted.currency
        )

    return convert


def refused_unless_number(
    values: pa.StringArray, marks: tuple[Marks, ...], accepted: str, careful: Converter
) -> Converted:
    """``careful``, but for the cells that are certainly no numbers: they are refused at once."""
    body = "|".join(readable(mark.decimal, mark.groups) for mark in marks)
    return refused_or(values, is_no_number(values, body), "value.type", accepted, careful)


def held(type_: pa.Decimal128Type) -> str:
    """What the type holds, in words."""
    whole = type_.precision - type_.scale
    return f"at most {whole} digits before and {type_.scale} after the decimal mark"


_DECIMAL_DEGREES = "^(-?[0-9]{1,3})[.,]([0-9]{1,24}) ?\u00b0?$"


def coordinate_converter(
    type_: pa.Decimal128Type, style: Style, hemispheres: str = "NSEW"
) -> Converter:
    """Degrees: decimal ones, or with minutes, seconds and one of the hemispheres. What lies beyond
    the field's decimals (0.1 m) is rounded, and said so."""
    accepted = "degrees such as 51.507351 or 51°30'26.5\"N"
    marks = readings(style, grouping=False)
    decimal_marks = "".join(mark.decimal for mark in marks)
    pattern, cast = _plain_pattern(marks, type_), _plain_cast(marks, type_)
    long_pattern = rf"^-?[0-9]{{1,3}}{re.escape(marks[0].decimal)}[0-9]{{7,24}}$"
    long_cast = _plain_cast(marks, pa.decimal128(38, 24))
    said = f"{type_.scale} decimals"

    def one(text: str) -> Decimal | Remarked:
        number = read_degrees(text, decimal_marks, hemispheres, accepted)
        if number is None:
            number = read_number(text, marks, accepted)
        rounded = round(number, type_.scale) if abs(number) < 1000 else number
        rounded = fitted(rounded, type_, held(type_))
        return rounded if rounded == number else Remarked(rounded, "value.rounded", said)

    body = "|".join(readable(mark.decimal, mark.groups) for mark in marks)

    def careful(values: pa.StringArray) -> Converted:
        none = pc.and_(is_no_arc(values), is_no_number(values, body))
        return refused_or(
            values, none, "value.type", accepted, lambda rest: per_distinct(rest, one, type_)
        )

    def convert(values: pa.StringArray) -> Converted:
        plain = pc.match_substring_regex(values, pattern)
        if pc.all(plain).as_py() is not False:
            return Converted(cast(values))
        if len(marks) > 1:
            values = pc.replace_substring_regex(values, _DECIMAL_DEGREES, r"\1.\2")
            plain = pc.match_substring_regex(values, pattern)
        long = pc.fill_null(pc.match_substring_regex(values, long_pattern), False)
        exact = long_cast(pc.if_else(long, values, _NO_TEXT))
        rounded = pc.round(exact, ndigits=type_.scale, round_mode="half_to_even")
        differs = pc.fill_null(pc.not_equal(rounded, exact), False).to_numpy(zero_copy_only=False)
        rest = plain_or(
            pc.if_else(long, _NO_TEXT, values),
            pc.if_else(long, pa.scalar(None, pa.bool_()), plain),
            cast,
            careful,
        )
        refusals = rest.refusals
        if differs.any():
            refusals += (Refusal("value.rounded", differs, said),)
        return Converted(pc.if_else(long, rounded.cast(type_), rest.values), refusals)

    return convert


def rate_converter(type_: pa.Decimal128Type, style: Style) -> Converter:
    """Shares of one: ``0.19`` and ``19 %``, or ``19`` where the unit is percent."""
    accepted = "a share such as 0.19 or 19 %"
    marks = readings(style, grouping=False)

    def one(text: str) -> Decimal:
        bare = text.rstrip()
        percent = bare.endswith("%")
        number = read_number(bare[:-1] if percent else bare, marks, accepted)
        if percent or style.unit == "percent":
            number = shifted(number, -2)
        return fitted(number, type_, held(type_))

    pattern = _plain_pattern(marks, type_) if style.unit != "percent" else "[^\\s\\S]"
    cast = _plain_cast(marks, type_)

    def convert(values: pa.StringArray) -> Converted:
        plain = pc.match_substring_regex(values, pattern)
        return plain_or(values, plain, cast, lambda rest: per_distinct(rest, one, type_))

    return convert


MAX_INTEGER = 2**63 - 1
# Of the whole numbers that column operations read.
_SURE_DIGITS, _SURE_DECIMALS = 18, 6


def integer_converter(style: Style) -> Converter:
    """Whole numbers; ``12.0`` is one."""
    accepted = "a whole number"
    marks = readings(style)

    type_ = pa.decimal128(_SURE_DIGITS + _SURE_DECIMALS, _SURE_DECIMALS)
    bodies = _bodies(marks, type_)

    def one(text: str) -> int:
        number = fitted(read_number(text, marks, accepted), pa.decimal128(38, 0), accepted)
        if not -MAX_INTEGER <= number <= MAX_INTEGER:
            raise Refused("value.precision", "a whole number of at most 18 digits")
        return int(number)

    def messy(values: pa.StringArray) -> Converted:
        numbers, _ = _amounts(values, bodies, type_)
        whole = pc.equal(pc.trunc(numbers), numbers)
        numbers = pc.if_else(whole, numbers, pa.scalar(None, type_)).cast(pa.int64())
        rest = pc.and_(pc.is_null(numbers), pc.is_valid(values))
        if not pc.any(rest, min_count=0).as_py():
            return Converted(numbers)
        others = refused_unless_number(
            values.filter(rest), marks, accepted, lambda left: per_distinct(left, one, pa.int64())
        )
        return scatter(others, rest, numbers)

    def convert(values: pa.StringArray) -> Converted:
        plain = pc.match_substring_regex(values, "^-?[0-9]{1,18}$")
        return plain_or(
            values,
            plain,
            lambda cells: cells.cast(pa.int64()),
            messy,
        )

    return convert
