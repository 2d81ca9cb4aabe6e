"""One field's way from cells to values: cells → text → steps on text → lookup → conversion →
steps on values → default.

Each step takes whole columns. What the spec gives as words (constants, lookup values,
defaults) was converted once, when the plan was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import SourceCells, differs, joined, piece, without
from ispmig_pipelines.mapping.convert import (
    Converted,
    Converter,
    Refusal,
    converter,
    is_taken_whole,
    verbatim_converter,
)
from ispmig_pipelines.mapping.convert.values import scatter
from ispmig_pipelines.mapping.evidence import Settled
from ispmig_pipelines.mapping.literals import literals, style_of
from ispmig_pipelines.mapping.lookup_table import LookupTable, LookupTables
from ispmig_pipelines.mapping.spec_models import (
    Defaults,
    FieldMapping,
    OtherValue,
    Sequence,
    TableLookup,
    is_verbatim,
)
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.transform.plan import TransformPlan, plan_transform
from ispmig_pipelines.mapping.transform.value_steps import as_wide
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
class FromTable:
    """A lookup in a table of another source.

    Attributes:
        definition: what the spec says.
        table: the table; None in a plan that is not to be applied.
        otherwise: ``error``, ``keep`` or ``value``; then ``other`` has one canonical value.
    """

    definition: TableLookup
    table: LookupTable | None
    otherwise: str
    other: pa.Array

    @property
    def accepted(self) -> str:
        """The words, for a person."""
        after = self.definition.then
        further = "" if after is None else f" whose {self.definition.value} is in {after.source}"
        return f"those in column {self.definition.key} of source {self.definition.source}{further}"


@dataclass(frozen=True)
class FieldPlan:
    """How one field is filled.

    Attributes:
        name, info: the field.
        mapping: what the spec says.
        origins: the source's own names of the columns its text comes from.
        trim, null_words, verbatim: settled from the mapping and the defaults.
        style: how its columns are written.
        transform: its steps.
        convert: text → canonical values, as the steps on values take them.
        constant: one canonical value, or None.
        default: one canonical value, or None.
        lookup, from_table: or None.
    """

    name: str
    info: FieldInfo
    mapping: FieldMapping
    origins: tuple[str, ...]
    trim: bool
    null_words: tuple[str, ...]
    style: Style
    transform: TransformPlan
    convert: Converter
    constant: pa.Array | None
    default: pa.Array | None
    lookup: Lookup | None
    from_table: FromTable | None = None
    verbatim: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's own names of all columns it reads: its origins, then the operands."""
        return tuple(dict.fromkeys([*self.origins, *self.transform.columns]))

    def with_settled(self, settled: Settled) -> FieldPlan:
        """The same plan for a column that is written as evidence settled it."""
        style = settled.applied(self.style)
        transform = self.transform.with_style(style)
        usual = verbatim_converter if self.verbatim else converter
        return replace(self, style=style, transform=transform, convert=transform.converter(usual))

    def source(self, cells: SourceCells) -> pa.StringArray | None:
        """The text in the source that the field comes from, untouched; None for a constant and a
        sequence."""
        if not self.origins:
            return None
        if self.mapping.coalesce is not None:
            held = [
                pc.if_else(self._words(cells, c).is_valid(), cells.raw(c), _NO_TEXT)
                for c in self.origins
            ]
            return pc.coalesce(*held)
        if len(self.origins) == 1:
            return cells.raw(self.origins[0])
        return joined([cells.raw(c) for c in self.origins], self._between)

    @property
    def _between(self) -> str:
        return " " if self.mapping.join is None else self.mapping.join

    def text(
        self, cells: SourceCells, first: int = 0, record: pa.Int64Array | None = None
    ) -> Converted:
        """The texts that will be converted: null where there is nothing, where a lookup has the
        platform's own value, or where a step refused the cell.

        Args:
            first: records of the source before the batch's file.
            record: positions of the batch's records in their file, from 1; counted from the
                batch's own beginning unless given. Only a sequence needs to know.
        """
        if self.constant is not None:
            return Converted(pa.nulls(cells.size, pa.string()))
        read = self._read(cells, first, record)
        if self.lookup is None:
            return read
        if self.lookup.otherwise != "keep":
            return Converted(pa.nulls(cells.size, pa.string()), read.refusals)
        position = self.lookup.positions(self._compared(cells, read.values))
        return replace(read, values=pc.if_else(position.is_valid(), _NO_TEXT, read.values))

    def apply(
        self, cells: SourceCells, first: int = 0, record: pa.Int64Array | None = None
    ) -> Converted:
        """The field's values for a batch; arguments as for :meth:`text`."""
        if self.constant is not None:
            return Converted(pa.repeat(self.constant[0], cells.size))
        read, missed = self._read_with_missed(cells, first, record)
        if self.lookup is None:
            converted = self.convert(read.values)
        else:
            converted = self._looked_up(cells, read.values, self.lookup)
        dropped = converted.dropped
        if missed is not None:
            dropped = missed.to_numpy(zero_copy_only=False)
        if missed is not None and self.from_table is not None:
            values = pc.if_else(missed, self.from_table.other[0], converted.values)
            converted = replace(converted, values=values)
        if read.refusals:
            # A lookup may name the empty cell; a cell that a step refused is none.
            refused = pa.array(Converted(read.values, read.refusals).bad)
            values = pc.if_else(refused, pa.scalar(None, converted.values.type), converted.values)
            converted = replace(
                converted, values=values, refusals=read.refusals + converted.refusals
            )
        converted = self.transform.value(converted, cells)
        if self.default is not None and converted.values.null_count:
            nothing = converted.values.is_null().to_numpy(zero_copy_only=False) & ~converted.bad
            if nothing.any():
                filled = pc.if_else(pa.array(nothing), self.default[0], converted.values)
                converted = replace(converted, values=filled)
        return converted if dropped is None else replace(converted, dropped=dropped)

    @property
    def takes_whole(self) -> bool:
        """Whether the field holds all that the cell of its one column says, whatever it is."""
        return (
            len(self.origins) == 1
            and self.info.type is not FieldType.DATE  # a time beside the day is not held
            and self.lookup is None
            and self.from_table is None
            and self.mapping.split is None
            and not self.mapping.transform
        )

    def cut(self, cells: SourceCells) -> np.ndarray:
        """Mask of the records in which the field has less than its cells say: a ``split`` or a step
        took something away, or left nothing. Not where a step refused the cell.

        What steps on values take away is not looked at one by one: then it is all records.
        """
        if self.mapping.cuts_values:
            return np.ones(cells.size, dtype=bool)
        read = self._after_steps(cells)
        if read.dropped is None:
            return np.zeros(cells.size, dtype=bool)
        return read.dropped & ~read.bad

    def _read(self, cells: SourceCells, first: int, record: pa.Int64Array | None) -> Converted:
        return self._read_with_missed(cells, first, record)[0]

    def _after_steps(
        self, cells: SourceCells, first: int = 0, record: pa.Int64Array | None = None
    ) -> Converted:
        """The text after the steps on text; ``dropped`` is where something was taken away."""

        def make() -> Converted:
            whole = self._whole_text(cells, first, record)
            text = self._piece(whole)
            made = self.transform.text(text)
            if self.mapping.split is None:
                return made
            return replace(made, dropped=_either(differs(whole, text), made.dropped))

        return cells.once(self, make) if self.mapping.cuts_text else make()

    def _read_with_missed(
        self, cells: SourceCells, first: int, record: pa.Int64Array | None
    ) -> tuple[Converted, pa.BooleanArray | None]:
        """The text before an inline lookup and conversion, and which words a table does not have
        for which the spec has a value."""
        read = replace(self._after_steps(cells, first, record), dropped=None)
        if self.from_table is None:
            return read, None
        return self._from_table(read, self.from_table)

    def _words(self, cells: SourceCells, column: str) -> pa.StringArray:
        return cells.words(column, trim=self.trim, null_words=self.null_words)

    def _whole_text(
        self, cells: SourceCells, first: int, record: pa.Int64Array | None
    ) -> pa.StringArray:
        """What the origin says."""
        if self.mapping.sequence is not None:
            return numbered(self.mapping.sequence, cells.size, first, record)
        if self.verbatim and is_taken_whole(self.info):
            return cells.raw(self.origins[0])
        if self.mapping.coalesce is not None:
            return pc.coalesce(*[self._words(cells, c) for c in self.origins])
        if len(self.origins) == 1:
            return self._words(cells, self.origins[0])
        return joined([self._words(cells, c) for c in self.origins], self._between)

    def _piece(self, words: pa.StringArray) -> pa.StringArray:
        if self.mapping.split is None:
            return words
        words = piece(words, self.mapping.split)
        return without(words, words, self.null_words)

    def _compared(self, cells: SourceCells, text: pa.StringArray) -> pa.StringArray:
        """What an inline lookup compares."""
        plain = self.mapping.split is None and not self.transform.steps_on_text
        if len(self.origins) == 1 and plain:
            # The lookup may name a null word; then it is that word and not nothing.
            return cells.trimmed(self.origins[0])
        return text

    def _looked_up(self, cells: SourceCells, text: pa.StringArray, lookup: Lookup) -> Converted:
        position = lookup.positions(self._compared(cells, text))
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
        return Converted(
            pc.if_else(missed, lookup.other[0], values),
            dropped=missed.to_numpy(zero_copy_only=False),
        )

    def _from_table(
        self, read: Converted, lookup: FromTable
    ) -> tuple[Converted, pa.BooleanArray | None]:
        if lookup.table is None:
            raise RuntimeError(f"the table of {lookup.definition.source!r} was not given")
        position = lookup.table.positions(read.values)
        found = position.is_valid()
        values = lookup.table.values.take(position)
        values = without(values, pc.utf8_trim_whitespace(values), self.null_words)
        missed = pc.and_not(read.values.is_valid(), found)
        if not pc.any(missed, min_count=0).as_py():
            return replace(read, values=values), None
        if lookup.otherwise == "keep":
            return replace(read, values=pc.if_else(missed, read.values, values)), None
        if lookup.otherwise == "error":
            where: np.ndarray = missed.to_numpy(zero_copy_only=False)
            refusal = Refusal("value.lookup", where, lookup.accepted)
            return Converted(values, (*read.refusals, refusal)), None
        return replace(read, values=values), missed


_NO_TEXT = pa.scalar(None, pa.string())


def _either(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def numbered(
    sequence: Sequence, size: int, first: int, record: pa.Int64Array | None
) -> pa.StringArray:
    """The texts of a sequence for a batch; see :meth:`FieldPlan.text`."""
    if record is None:
        record = pa.array(np.arange(1, size + 1), pa.int64())
    position = pc.add(record, first - 1)
    number = pc.add(pc.multiply(position, sequence.step), sequence.start).cast(pa.string())
    if sequence.width:
        number = pc.utf8_lpad(number, sequence.width, padding="0")
    return pc.binary_join_element_wise(sequence.prefix, number, "")


def plan_field(
    name: str,
    info: FieldInfo,
    mapping: FieldMapping,
    own: Callable[[str], str],
    defaults: Defaults,
    tables: LookupTables | None = None,
) -> FieldPlan:
    """Makes a field's plan.

    Args:
        own: the source's own name of a column that the spec names.
        tables: what lookups in tables look up in. Without its table such a plan can say what it
            reads, and cannot be applied.

    Raises:
        SpecError: a step of the spec cannot be had here: a function, or the key of a hash.
    """

    def literal(words: list[str | None]) -> pa.Array:
        return literals(words, mapping, info, defaults).values

    verbatim = is_verbatim(mapping, defaults)
    style = style_of(mapping, info, defaults)
    if verbatim:
        style = Style(decimal_mark=".", timezone="UTC", reverses_sign=style.reverses_sign)
    null_words = (
        ()
        if verbatim
        else defaults.null_words
        if mapping.null_words is None
        else mapping.null_words
    )
    transform = plan_transform(
        info, mapping.transform or (), own=own, style=style, null_words=null_words, field=name
    )
    other, otherwise = None, "value"
    if isinstance(mapping.otherwise, OtherValue):
        other = mapping.otherwise.value
    else:
        otherwise = mapping.otherwise or "null"

    def on_the_way(values: pa.Array) -> pa.Array:
        # What steps compute with has more decimals than the field: the spec's own values, too.
        return as_wide(values) if transform.computes else values

    lookup = from_table = None
    if mapping.lookup is not None:
        words = [w.strip().lower() if mapping.lookup_ignore_case else w.strip()
                 for w in mapping.lookup]  # fmt: skip
        lookup = Lookup(
            words=pa.array(words, pa.string()),
            values=on_the_way(literal(list(mapping.lookup.values()))),
            ignore_case=mapping.lookup_ignore_case,
            otherwise=otherwise,
            other=on_the_way(literal([other])),
        )
    elif mapping.lookup_table is not None:
        from_table = FromTable(
            definition=mapping.lookup_table,
            table=(tables or {}).get(mapping.lookup_table.identity),
            otherwise=otherwise,
            other=on_the_way(literal([other])),
        )
    trim = defaults.trim if mapping.trim is None else mapping.trim
    return FieldPlan(
        name=name,
        info=info,
        mapping=mapping,
        origins=tuple(own(column) for column in mapping.origin_columns),
        # Spaces mean something in text only.
        trim=trim or info.type is not FieldType.TEXT,
        null_words=null_words,
        style=style,
        transform=transform,
        convert=transform.converter(verbatim_converter if verbatim else converter),
        constant=None if mapping.constant is None else literal([mapping.constant]),
        default=None if mapping.default is None else literal([mapping.default]),
        lookup=lookup,
        from_table=from_table,
        verbatim=verbatim,
    )
