"""One field's way from cells to values: cells → text → lookup → conversion → default.

Each step takes whole columns. What the spec gives as words (constants, lookup values,
defaults) was converted once, when the plan was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import SourceCells, joined, piece, without
from ispmig_pipelines.mapping.convert import (
    Converted,
    Converter,
    Refusal,
    converter,
    is_taken_whole,
    verbatim_converter,
)
from ispmig_pipelines.mapping.convert.values import scatter
from ispmig_pipelines.mapping.literals import literals, style_of
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping, OtherValue, is_verbatim
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

LISTED_WORDS = 20
"""Words of a lookup that an issue names."""


@dataclass(frozen=True)
class Lookup:
    """Words and what they become.

    Attributes:
        words: legacy words, lower case where case does not matter.
        values: canonical values, null for nothing.
        ignore_case: words are compared in lower case.
        otherwise: ``error``, ``keep`` or ``value``; then ``other`` has one canonical value.
    """

    words: pa.StringArray
    values: pa.Array
    ignore_case: bool
    otherwise: str
    other: pa.Array

    def positions(self, values: pa.StringArray) -> pa.Int32Array:
        """Which word each text is, null where none. The word "" is a cell that holds nothing."""
        compared = pc.fill_null(values, "")
        if self.ignore_case:
            compared = pc.utf8_lower(compared)
        return pc.index_in(compared, value_set=self.words)

    @property
    def accepted(self) -> str:
        """The words, for a person."""
        listed = ", ".join(repr(w) for w in self.words[:LISTED_WORDS].to_pylist())
        return f"it names {listed}" + (", …" if len(self.words) > LISTED_WORDS else "")


@dataclass(frozen=True)
class FieldPlan:
    """How one field is filled.

    Attributes:
        name, info: the field.
        mapping: what the spec says.
        columns: the source's own names of the columns it reads.
        trim, null_words, verbatim: settled from the mapping and the defaults.
        convert: text → canonical values.
        constant: one canonical value, or None.
        default: one canonical value, or None.
        lookup: or None.
    """

    name: str
    info: FieldInfo
    mapping: FieldMapping
    columns: tuple[str, ...]
    trim: bool
    null_words: tuple[str, ...]
    convert: Converter
    constant: pa.Array | None
    default: pa.Array | None
    lookup: Lookup | None
    verbatim: bool = False

    def source(self, cells: SourceCells) -> pa.StringArray | None:
        """The text in the source that the field comes from, untouched; None for a constant."""
        if not self.columns:
            return None
        if len(self.columns) == 1:
            return cells.raw(self.columns[0])
        return joined([cells.raw(c) for c in self.columns], self._between)

    @property
    def _between(self) -> str:
        return " " if self.mapping.join is None else self.mapping.join

    def apply(self, cells: SourceCells) -> Converted:
        """The field's values for a batch."""
        if self.constant is not None:
            return Converted(pa.repeat(self.constant[0], cells.size))
        text = self._text(cells)
        if self.lookup is None:
            converted = self.convert(text)
        else:
            converted = self._looked_up(cells, text, self.lookup)
        if self.default is not None and converted.values.null_count:
            nothing = converted.values.is_null().to_numpy(zero_copy_only=False) & ~converted.bad
            if nothing.any():
                filled = pc.if_else(pa.array(nothing), self.default[0], converted.values)
                converted = replace(converted, values=filled)
        return converted

    def _text(self, cells: SourceCells) -> pa.StringArray:
        if self.verbatim and is_taken_whole(self.info):
            return cells.raw(self.columns[0])
        if len(self.columns) == 1:
            words = cells.words(self.columns[0], trim=self.trim, null_words=self.null_words)
        else:
            words = joined(
                [cells.words(c, trim=self.trim, null_words=self.null_words) for c in self.columns],
                self._between,
            )
        if self.mapping.split is not None:
            words = piece(words, self.mapping.split)
            words = without(words, words, self.null_words)
        return words

    def _looked_up(self, cells: SourceCells, text: pa.StringArray, lookup: Lookup) -> Converted:
        compared = text
        if len(self.columns) == 1 and self.mapping.split is None:
            # The lookup may name a null word; then it is that word and not nothing.
            compared = cells.trimmed(self.columns[0])
        position = lookup.positions(compared)
        found = position.is_valid()
        values = lookup.values.take(position)
        missed = pc.and_not(text.is_valid(), found)
        if not pc.any(missed, min_count=0).as_py():
            return Converted(values)
        if lookup.otherwise == "keep":
            return scatter(self.convert(text.filter(missed)), missed, values)
        if lookup.otherwise == "error":
            where: np.ndarray = missed.to_numpy(zero_copy_only=False)
            return Converted(values, (Refusal("value.lookup", where, lookup.accepted),))
        return Converted(pc.if_else(missed, lookup.other[0], values))


def plan_field(
    name: str,
    info: FieldInfo,
    mapping: FieldMapping,
    columns: Sequence[str],
    defaults: Defaults,
) -> FieldPlan:
    """Makes a field's plan; ``columns`` are the source's own names of ``mapping``'s columns."""

    def literal(word: str | None) -> pa.Array | None:
        return None if word is None else literals([word], mapping, info, defaults).values

    lookup = None
    if mapping.lookup is not None:
        words = [w.strip().lower() if mapping.lookup_ignore_case else w.strip()
                 for w in mapping.lookup]  # fmt: skip
        other: str | None = None
        otherwise = "value"
        if isinstance(mapping.otherwise, OtherValue):
            other = mapping.otherwise.value
        else:
            otherwise = mapping.otherwise or "null"
        lookup = Lookup(
            words=pa.array(words, pa.string()),
            values=literals(list(mapping.lookup.values()), mapping, info, defaults).values,
            ignore_case=mapping.lookup_ignore_case,
            otherwise=otherwise,
            other=literals([other], mapping, info, defaults).values,
        )
    trim = defaults.trim if mapping.trim is None else mapping.trim
    style = style_of(mapping, info, defaults)
    if verbatim := is_verbatim(mapping, defaults):
        style = Style(decimal_mark=".", timezone="UTC", reverses_sign=style.reverses_sign)
    return FieldPlan(
        name=name,
        info=info,
        mapping=mapping,
        columns=tuple(columns),
        # Spaces mean something in text only.
        trim=trim or info.type is not FieldType.TEXT,
        null_words=(
            ()
            if verbatim
            else defaults.null_words
            if mapping.null_words is None
            else mapping.null_words
        ),
        convert=verbatim_converter(info, style) if verbatim else converter(info, style),
        constant=literal(mapping.constant),
        default=literal(mapping.default),
        lookup=lookup,
        verbatim=verbatim,
    )
