"""Numbers from other columns of the record, with which value steps compute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert.number import decimal_converter, rate_converter
from ispmig_pipelines.mapping.convert.values import Converter
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.transform.models import MAX_DECIMALS, ColumnOperand, ColumnShare

WIDE = pa.decimal128(38, MAX_DECIMALS)
"""What numbers are read into that are computed with: more decimals than any field keeps."""


@dataclass(frozen=True)
class OperandReader:
    """How a column is read that is computed with.

    Attributes:
        said: the spec's words for it.
        column: the source's own name of it.
        default: where the cell holds nothing, or None: then it cannot be computed.
        is_share: it is a share of one, such as a tax rate.
        null_words: cells that mean nothing.
        style: how the column writes its numbers.
        convert: text → numbers.
    """

    said: ColumnOperand | ColumnShare
    column: str
    default: Decimal | None
    is_share: bool
    null_words: tuple[str, ...]
    style: Style
    convert: Converter

    @classmethod
    def of(
        cls,
        said: ColumnOperand | ColumnShare,
        column: str,
        style: Style,
        null_words: tuple[str, ...],
    ) -> OperandReader:
        """The reader of a column of a source, written like the field's own column."""
        own = Style(decimal_mark=style.decimal_mark, thousands_mark=style.thousands_mark)
        if isinstance(said, ColumnShare):
            convert = rate_converter(
                WIDE, replace(own, unit="percent" if said.unit == "percent" else "")
            )
        else:
            convert = decimal_converter(WIDE, own, "a number such as 12.5", grouping=True)
        return cls(
            said, column, said.default, isinstance(said, ColumnShare), null_words, style, convert
        )

    def with_style(self, style: Style) -> OperandReader:
        """The same column, written in ``style``."""
        return OperandReader.of(self.said, self.column, style, self.null_words)

    def read(self, cells: SourceCells) -> tuple[pa.Array, np.ndarray]:
        """The numbers (:data:`WIDE`), null where there is none, and a mask of those."""
        words = cells.words(self.column, trim=True, null_words=self.null_words)
        converted = self.convert(words)
        values = converted.values
        if self.default is not None:
            values = pc.if_else(words.is_null(), pa.scalar(self.default, WIDE), values)
        if self.is_share:
            outside = pc.or_(
                pc.less(values, pa.scalar(Decimal(0), WIDE)),
                pc.greater(values, pa.scalar(Decimal(1), WIDE)),
            )
            values = pc.if_else(pc.fill_null(outside, False), pa.scalar(None, WIDE), values)
        return values, values.is_null().to_numpy(zero_copy_only=False)

    @property
    def accepted(self) -> str:
        """What the column must hold, for a person."""
        if self.is_share:
            return (
                f"column {self.column} must hold a share from 0 to 1, or with a percent sign, "
                "written with the field's marks (or say unit: percent)"
            )
        return (
            f"column {self.column} must hold a number written with the field's marks (decimal_mark)"
        )
