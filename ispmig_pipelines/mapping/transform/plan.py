"""A field's steps, ready to be applied to batches: patterns, functions and numbers settled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import SourceCells, differs
from ispmig_pipelines.mapping.convert import Converted, Converter
from ispmig_pipelines.mapping.spec_words import Part
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.transform.models import is_text_step, operands_of, takes_away
from ispmig_pipelines.mapping.transform.operand import OperandReader
from ispmig_pipelines.mapping.transform.text_steps import TextStep, text_steps
from ispmig_pipelines.mapping.transform.value_steps import (
    is_numeric,
    moved,
    wide_converter,
    worked_out,
)
from ispmig_pipelines.model.field_info import FieldInfo


@dataclass(frozen=True)
class TransformPlan:
    """The steps of one field.

    Attributes:
        info: the field.
        steps_on_text: in their order.
        steps_on_values: in their order.
        operands: readers of the columns that value steps compute with, by the spec's name and
            whether it is a share.
        style: how the field's column, and the operands, are written.
        takes_away: of each of the steps on text, whether it may take something away.
    """

    info: FieldInfo
    steps_on_text: tuple[TextStep, ...]
    steps_on_values: tuple[str | Part, ...]
    operands: tuple[OperandReader, ...]
    style: Style
    takes_away: tuple[bool, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's own names of the columns that its operands are read from."""
        return tuple(dict.fromkeys(operand.column for operand in self.operands))

    @property
    def computes(self) -> bool:
        """Whether numbers are worked out: then they are read with more decimals than the field
        keeps, see :meth:`converter`."""
        return bool(self.steps_on_values) and is_numeric(self.info)

    def with_style(self, style: Style) -> TransformPlan:
        """The same steps for columns that are written in ``style``."""
        return replace(
            self,
            style=style,
            operands=tuple(operand.with_style(style) for operand in self.operands),
        )

    def converter(self, usual: Callable[[FieldInfo, Style], Converter]) -> Converter:
        """The conversion of text to what the value steps take."""
        if not self.computes:
            return usual(self.info, self.style)
        return wide_converter(self.info, self.style, usual)

    def text(self, text: pa.StringArray) -> Converted:
        """What the text steps make of a column; null is nothing. ``dropped`` is where one took
        something away, or left nothing."""
        made, dropped = Converted(text), None
        for step, cuts in zip(self.steps_on_text, self.takes_away, strict=True):
            done = step(made.values)
            if cuts or done.values.null_count > made.values.null_count:
                # Of the other steps only what they make a null word of is gone.
                left = (
                    done.values if cuts else pc.if_else(done.values.is_valid(), made.values, None)
                )
                gone = differs(made.values, left) & ~done.bad
                dropped = gone if dropped is None else dropped | gone
            made = Converted(done.values, made.refusals + done.refusals)
        return made if dropped is None else replace(made, dropped=dropped)

    def value(self, converted: Converted, cells: SourceCells) -> Converted:
        """What the value steps make of converted cells: the field's canonical values."""
        if not self.steps_on_values:
            return converted
        if self.computes:
            return worked_out(converted, self.steps_on_values, self.operands, cells, self.info)
        return moved(converted, self.steps_on_values, self.style.timezone)


def plan_transform(
    info: FieldInfo,
    steps: Sequence[str | Part],
    *,
    own: Callable[[str], str],
    style: Style,
    null_words: tuple[str, ...],
    field: str,
) -> TransformPlan:
    """Makes the plan of a field's steps.

    Args:
        own: the source's own name of a column that the spec names.
        null_words: what means nothing, in operands and where a text step leaves nothing else.
        field: the field's name, for messages.

    Raises:
        SpecError: a function or a key of a hash is not to be had.
    """
    on_text = [step for step in steps if is_text_step(step)]
    on_values = [step for step in steps if not is_text_step(step)]
    return TransformPlan(
        info=info,
        steps_on_text=text_steps(on_text, null_words, field),
        steps_on_values=tuple(on_values),
        operands=tuple(
            OperandReader.of(operand, own(operand.column), style, null_words)
            for step in on_values
            for operand in operands_of(step)
        ),
        style=style,
        takes_away=tuple(takes_away(step) for step in on_text),
    )
