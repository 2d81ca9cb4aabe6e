"""Cells that a spreadsheet program took for numbers and dates, as their column writes them.

Whoever corrects records in a workbook of texts may turn cells into numbers and dates without
knowing it: by a click on the green corner, by pasting, by saving as CSV and opening that again.
``0042`` is 42 then, ``1.234,50`` is 1234.5, and ``31/12/2024`` a day that is read in its ISO form.
What is still the same is the cell that it was, and what was typed anew is written the way the
column writes it.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

from ispmig_pipelines.mapping.apply import FeedPlan
from ispmig_pipelines.mapping.field_plan import FieldPlan
from ispmig_pipelines.mapping.outward_text import NUMBERS, write_moment
from ispmig_pipelines.model.field_info import FieldType

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_SCIENTIFIC = re.compile(r"(-?\d)(?:[.,](\d+))?[Ee]\+?(\d{1,3})")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_KEPT = 15
"""Digits of a number that a spreadsheet keeps; those behind become zeros."""

_DATES = (FieldType.DATE, FieldType.TIMESTAMP)


@dataclass(frozen=True)
class ColumnWriting:
    """How a column of a source writes dates and numbers.

    Attributes:
        date_formats: as in :class:`~ispmig_pipelines.mapping.style.Style`; none where it feeds no
            date, or writes them as ISO 8601.
        decimal_mark: of its numbers; "" where it feeds none.
    """

    date_formats: tuple[str, ...] = ()
    decimal_mark: str = ""

    def retyped(self, typed: str | None, cell: str | None, *, is_number: bool | None) -> str | None:
        """What was meant by a cell that came back.

        Args:
            typed: how it came back; cell: as it was sent out.
            is_number: whether it came back as a number or a date, and not as a text; None where
                the file cannot tell.
        """
        if not typed or typed == cell:
            return typed
        if is_number is not False and cell and same_number(typed, cell, self.decimal_mark):
            return cell
        if self.date_formats and _ISO.fullmatch(typed):
            return self._date(typed, cell)
        if is_number and self.decimal_mark and _PLAIN.fullmatch(typed):
            return typed.replace(".", self.decimal_mark)
        return typed

    def _date(self, typed: str, cell: str | None) -> str:
        try:
            moment = dt.datetime.fromisoformat(typed)
        except ValueError:
            return typed
        written = [write_moment(moment, form) for form in self.date_formats]
        return cell if cell in written else written[0]


AS_TEXT = ColumnWriting()
"""Of a column that feeds neither dates nor numbers."""


def same_number(typed: str, cell: str, decimal_mark: str) -> bool:
    """Whether a cell of digits came back as the number that a program made of it: without
    leading zeros, marks and what stands behind the 15th digit, or in scientific notation.

    Args:
        decimal_mark: "" where the cell is no number but a code of digits.
    """
    value = _value(cell, decimal_mark)
    if value is None:
        return False
    if scientific := _SCIENTIFIC.fullmatch(typed):
        whole, fraction, exponent = scientific.groups(default="")
        shown = Context(prec=1 + len(fraction), rounding=ROUND_HALF_UP).create_decimal(value)
        return shown == Decimal(f"{whole}.{fraction or 0}E{exponent}")
    if _PLAIN.fullmatch(typed) is None:
        return False
    kept = Context(prec=_KEPT, rounding=ROUND_DOWN).create_decimal(value)
    return Decimal(typed) in (value, kept)


def _value(cell: str, decimal_mark: str) -> Decimal | None:
    text = cell.strip()
    if decimal_mark:
        other = "," if decimal_mark == "." else "."
        groups = rf"\d{{1,3}}(?:[{other}'\s]\d{{3}})+|\d+"
        if re.fullmatch(rf"[+-]?(?:{groups})(?:[{decimal_mark}]\d*)?", text) is None:
            return None
        text = re.sub(rf"[{other}'\s]", "", text).replace(decimal_mark, ".")
    elif re.fullmatch(r"[+-]?\d+", text) is None:
        return None
    return Decimal(text)


def writings(plan: FeedPlan) -> dict[str, ColumnWriting]:
    """How the columns of a feed's source write dates and numbers, as far as fields tell that are
    read from the cells themselves: steps and lookups make something else of them first."""
    found: dict[str, ColumnWriting] = {}
    for field in plan.fields:
        if len(field.origins) == 1 and _reads_cells(field):
            column = field.origins[0]
            found[column] = _both(found.get(column, ColumnWriting()), field)
    return found


def _reads_cells(field: FieldPlan) -> bool:
    made = field.mapping.split or field.transform.steps_on_text
    return not made and field.lookup is None and field.from_table is None


def _both(known: ColumnWriting, field: FieldPlan) -> ColumnWriting:
    style = field.style
    dates = style.date_formats if field.info.type in _DATES else ()
    mark = (style.decimal_mark or ".") if field.info.type in NUMBERS else ""
    return ColumnWriting(known.date_formats or dates, known.decimal_mark or mark)
