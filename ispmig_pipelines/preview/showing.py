"""What of a cell or a value may be shown in a report, and how.

================================  ==========================================================
field                             shown
================================  ==========================================================
``secret``, and whatever shares   only that there is something
a column with one
``payment``                       the shape: ``9999``
anything else                     as it stands
a card number, wherever it is     the shape
================================  ==========================================================

Whoever asked for masks hands in masked cells and values, but for those that are hidden anyway.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from stdnum import luhn

from ispmig_pipelines.issues import mask
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType, Privacy

LENGTH = 200
"""Characters of a cell or value that are shown."""

SOMETHING = "••••••"
"""Stands for a secret: not even its length is told."""

# PCI DSS: a number may be grouped by spaces or hyphens, and stand within other text.
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


@dataclass(frozen=True)
class Showing:
    """What is shown of the cells of one source and of the values that come from them.

    Attributes:
        secret_columns: columns from which a secret comes.
    """

    secret_columns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reads: Iterable[tuple[str, Mapping[str, Collection[str]]]]) -> Showing:
        """Finds the columns of a source that hold secrets.

        Args:
            reads: entity and field → columns, of every block that the source feeds.
        """
        return cls(
            frozenset(
                column
                for entity, columns_of in reads
                for field, columns in columns_of.items()
                if ENTITIES[entity].fields[field].privacy is Privacy.SECRET
                for column in columns
            ),
        )

    def is_secret(self, info: FieldInfo, columns: Collection[str]) -> bool:
        """Whether nothing of the field may be seen."""
        return info.privacy is Privacy.SECRET or not self.secret_columns.isdisjoint(columns)

    def hides(self, info: FieldInfo, columns: Collection[str]) -> bool:
        """Whether the field is hidden from everybody, whether they asked for masks or not."""
        return self.is_secret(info, columns) or info.privacy is Privacy.PAYMENT

    def text(self, text: str | None, info: FieldInfo, columns: Collection[str]) -> str | None:
        """A cell or a value of the field as it may be shown; None is nothing."""
        if text is None:
            return None
        if self.is_secret(info, columns):
            return SOMETHING if text.strip() else text[:LENGTH]
        if info.privacy is Privacy.PAYMENT:
            return mask(text)
        shown = _CARD.sub(_without_card, text)
        return shown if len(shown) <= LENGTH else shown[:LENGTH] + "…"


def _without_card(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    return mask(found[0]) if luhn.is_valid(digits) else found[0]


def value_text(value: object, info: FieldInfo) -> str | None:
    """A canonical value as people read it: ``45.50``, ``2024-02-29``, ``true``."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            text = f"{value:f}"
            if "." in text:
                text = text.rstrip("0").rstrip(".")
            if info.type is FieldType.MONEY:
                whole, _, cents = text.partition(".")
                text = f"{whole}.{cents.ljust(2, '0')}"
            return "0" + text[2:] if text in ("-0", "-0.00") else text
        case dt.datetime():
            moment = value.astimezone(dt.UTC)
            form = "%Y-%m-%d %H:%M:%S" + (".%f" if moment.microsecond else "")
            return moment.strftime(form).rjust(19, "0") + " UTC"
        case _:
            return str(value)
