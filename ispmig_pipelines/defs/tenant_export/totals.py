"""Control totals of what is exported, taken from the rows as they go by."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import NO_CURRENCY

_WIDE = pa.decimal128(38, 4)


class Totals:
    """Sums of an entity's amounts, by currency."""

    def __init__(self, entity: str, fields: tuple[str, ...]) -> None:
        """
        Args:
            fields: those that are exported; amounts among them are summed.
        """
        self._money = {f: c for f, c in ENTITIES[entity].money.items() if f in fields}
        self._sums: dict[str, dict[str, Decimal]] = {field: {} for field in self._money}

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that :meth:`add` reads."""
        return tuple(dict.fromkeys([*self._money, *self._money.values()]))

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows, whose cells are canonical texts."""
        for field, currency in self._money.items():
            amounts = batch.column(field)
            if amounts.null_count == len(amounts):
                continue
            sums = (
                pa.table(
                    {
                        "currency": pc.fill_null(batch.column(currency), NO_CURRENCY),
                        "amount": amounts.cast(_WIDE),
                    }
                )
                .group_by("currency")
                .aggregate([("amount", "sum")])
            )
            for row in sums.to_pylist():
                if row["amount_sum"] is not None:
                    before = self._sums[field].get(row["currency"], Decimal(0))
                    self._sums[field][row["currency"]] = before + row["amount_sum"]

    def as_json(self) -> dict[str, dict[str, str]]:
        """Amount → currency → sum, as text."""
        return {
            field: {currency: str(sums[currency]) for currency in sorted(sums)}
            for field, sums in self._sums.items()
        }
