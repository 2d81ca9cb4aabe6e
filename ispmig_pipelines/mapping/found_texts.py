"""What the source says of each field, made when somebody asks: most fields have no issue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import pyarrow as pa

from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert.values import frame_column
from ispmig_pipelines.mapping.field_plan import FieldPlan

_TEXT = pd.StringDtype(na_value=float("nan"))


class FoundTexts(Mapping[str, pd.Series]):
    """Field → source text of a batch, untouched; missing text where it has none of its own."""

    def __init__(
        self, targets: Sequence[str], plans: Sequence[FieldPlan], cells: SourceCells
    ) -> None:
        """
        Args:
            targets: the fields; plans: the mappings of those that have one.
        """
        self._plans = {plan.name: plan for plan in plans}
        self._names = tuple(dict.fromkeys([*targets, *self._plans]))
        self._cells = cells
        self._made: dict[str, pd.Series] = {}

    def text(self, plan: FieldPlan) -> pa.StringArray:
        """The text that a mapping reads: a field's own, or a rule's; else the field's own."""
        for reader in (plan, self._plans.get(plan.name)):
            text = None if reader is None else reader.source(self._cells)
            if text is not None:
                return text
        return pa.nulls(self._cells.size, pa.string())

    def of_field(self, name: str) -> pa.StringArray:
        """The text of a field.

        Raises:
            KeyError: there is no such field.
        """
        if name not in self._names:
            raise KeyError(name)
        plan = self._plans.get(name)
        return pa.nulls(self._cells.size, pa.string()) if plan is None else self.text(plan)

    def __getitem__(self, name: str) -> pd.Series:
        if name not in self._made:
            self._made[name] = frame_column(self.of_field(name), _TEXT)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
