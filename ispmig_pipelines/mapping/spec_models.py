"""The words of a spec: its shape, as Pydantic models. What they mean is in ``docs/spec.md``.

Scalars arrive as text (see :mod:`ispmig_pipelines.mapping.yaml_document`); Pydantic turns
``true`` and ``3`` into what an option needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ispmig_pipelines.mapping.convert.country import CODES as COUNTRIES
from ispmig_pipelines.mapping.convert.data_rate import UNITS as RATE_UNITS
from ispmig_pipelines.mapping.convert.data_volume import UNITS as VOLUME_UNITS
from ispmig_pipelines.mapping.convert.date_format import mistake_in as date_format_mistake
from ispmig_pipelines.mapping.convert.date_time import zone
from ispmig_pipelines.mapping.spec_words import (
    Name,
    Part,
    Split,
    Word,
    Words,
    one_or_many,
    present,
)
from ispmig_pipelines.mapping.transform.models import (
    Step,
    as_steps,
    is_hash,
    is_text_step,
    operands_of,
    takes_away,
)
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

LookupValue = Annotated[
    str | None, WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]
Mark = Literal[".", ",", " ", "'"]


def _timezone(name: str) -> str:
    zone(name)
    return name


def _country(code: str) -> str:
    if code.upper() not in COUNTRIES:
        raise ValueError(f"{code!r} is no country code; write two letters of ISO 3166, e.g. US")
    return code.upper()


def _date_format(text: str) -> str:
    if mistake := date_format_mistake(text):
        raise ValueError(mistake)
    return text


Timezone = Annotated[str, BeforeValidator(present), AfterValidator(_timezone)]
Country = Annotated[str, BeforeValidator(present), AfterValidator(_country)]
DateFormats = Annotated[
    tuple[Annotated[str, BeforeValidator(present), AfterValidator(_date_format)], ...],
    Field(min_length=1),
    BeforeValidator(one_or_many),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]


class Defaults(Part):
    """What holds for every field that does not say otherwise."""

    null_words: Words = Field(
        default=("",),
        description='Cells that mean "nothing here", compared exactly after trimming.',
    )
    trim: bool = Field(default=True, description="Cut the spaces around cells.")
    verbatim: bool = Field(
        default=False,
        description="Cells hold the platform's own values, as its exports write them: an empty "
        "text is a text, and nothing is trimmed, normalised or repaired.",
    )
    timezone: Timezone | None = Field(
        default=None, description="IANA zone of times without an offset, e.g. Europe/Berlin."
    )
    country: Country | None = Field(
        default=None, description="Country (ISO 3166) of telephone numbers without a code."
    )
    date_format: DateFormats | None = Field(
        default=None, description="How dates and times are written, e.g. DD/MM/YYYY."
    )
    decimal_mark: Literal[".", ","] | None = Field(
        default=None, description="Between whole and fraction of a number."
    )
    thousands_mark: Mark | None = Field(
        default=None, description="Between groups of three digits of a number."
    )

    @model_validator(mode="after")
    def _marks_differ(self) -> Defaults:
        if self.decimal_mark and self.decimal_mark == self.thousands_mark:
            raise ValueError("decimal_mark and thousands_mark are the same")
        return self


class OtherValue(Part):
    """The value for what a lookup does not name."""

    value: Word


class Sequence(Part):
    """Numbers for the records of a source, by their position."""

    start: int = Field(default=1, description="Of the first record.")
    step: int = Field(default=1, description="From one record to the next.")
    prefix: str = Field(default="", description="In front of the number.")
    width: int = Field(
        default=0, ge=0, le=18, description="Digits, filled up with zeros on the left."
    )

    @field_validator("start", "step", "width", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        if not re.fullmatch(r"-?[0-9]{1,12}", str(value)):
            raise ValueError("must be a whole number")
        return int(value)

    @model_validator(mode="after")
    def _numbers_differ(self) -> Sequence:
        if self.step < 1 or self.start < 0:
            raise ValueError("a sequence starts at 0 or more and goes up: step is 1 or more")
        return self


class TableLookup(Part):
    """A table of another source by which words become others."""

    source: Name = Field(description="Name of the source with the table.")
    key: Name = Field(description="Its column with the words.")
    value: Name = Field(description="Its column with what they become.")
    where: dict[str, Words] | None = Field(
        default=None,
        min_length=1,
        description="Column → word or words: only rows that have one of them there.",
    )
    duplicates: Literal["error", "first", "last", "sum"] = Field(
        default="error",
        description="Which row counts where several have one key and different values; error: "
        "the run stops; sum: the values are plain numbers and are added up.",
    )
    ignore_case: bool = Field(
        default=False, description="Compare the words without regard to case."
    )
    then: TableLookup | None = Field(
        default=None,
        description="Another table in which what was found is looked up again: where a payment "
        "names its invoice, and only the invoice its customer.",
    )

    @property
    def chain(self) -> tuple[TableLookup, ...]:
        """It and the tables after it."""
        return (self, *(self.then.chain if self.then else ()))

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells tables apart: mappings that look up in the same way share one."""
        where = sorted((column, tuple(words)) for column, words in (self.where or {}).items())
        return (
            self.source, self.key, self.value, tuple(where), self.duplicates, self.ignore_case,
            self.then and self.then.identity,
        )  # fmt: skip

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its own source that it reads, as the spec writes them."""
        return tuple(dict.fromkeys([self.key, self.value, *(self.where or {})]))


class FieldMapping(Part):
    """From which cells a field is filled, and how they are written."""

    column: Name | None = Field(default=None, description="The source column.")
    columns: tuple[Name, ...] | None = Field(
        default=None, min_length=2, description="Source columns that are joined into one text."
    )
    join: str | None = Field(
        default=None, description="What stands between joined columns; a space unless said."
    )
    coalesce: tuple[Name, ...] | None = Field(
        default=None,
        min_length=2,
        description="Source columns, of which the first that holds something is taken.",
    )
    constant: Word | None = Field(default=None, description="The same value for every record.")
    sequence: Sequence | None = Field(
        default=None, description="Numbers for the source's records, by their position."
    )
    split: Split | None = None
    transform: (
        Annotated[tuple[Step, ...], Field(min_length=1), BeforeValidator(as_steps)] | None
    ) = Field(
        default=None,
        description="A step or a list of them: text steps first, then steps on values.",
    )
    lookup: (
        Annotated[
            dict[str, LookupValue],
            WithJsonSchema(
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                }
            ),
        ]
        | None
    ) = Field(default=None, min_length=1, description="Legacy word → value; ~ for nothing.")
    lookup_ignore_case: bool = Field(
        default=False, description="Compare the lookup's words without regard to case."
    )
    lookup_table: TableLookup | None = Field(
        default=None, description="Instead of lookup: a table of another source of the spec."
    )
    otherwise: Literal["error", "keep", "null"] | OtherValue | None = Field(
        default="error",
        description="What a word outside the lookup becomes: error (the record goes to "
        "quarantine), keep (read the word itself), null (nothing), or {value: …}.",
    )
    default: Word | None = Field(default=None, description="The value where the cell is nothing.")
    null_words: Words | None = Field(default=None, description="Instead of the defaults'.")
    trim: bool | None = Field(default=None, description="Instead of the defaults'.")
    verbatim: bool | None = Field(default=None, description="Instead of the defaults'.")
    date_format: DateFormats | None = Field(
        default=None, description="How dates are written: DD/MM/YYYY HH:mm."
    )
    timezone: Timezone | None = Field(default=None, description="Instead of the defaults'.")
    decimal_mark: Literal[".", ","] | None = Field(default=None)
    thousands_mark: Mark | None = Field(default=None)
    positive_is: Literal["debt", "credit"] | None = Field(
        default=None, description="What a positive amount means in the source."
    )
    unit: str | None = Field(default=None, description="Of numbers without one, e.g. Mbit/s.")
    country: Country | None = Field(default=None, description="Instead of the defaults'.")
    true_words: Words | None = Field(default=None, description="Words for true.")
    false_words: Words | None = Field(default=None, description="Words for false.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"column": value}
        if isinstance(value, list):
            raise ValueError("is a list; to join columns write {columns: […]}")  # noqa: TRY004
        if value is None:
            raise ValueError("is empty; write the name of a column, or {constant: …}")
        return value

    @field_validator("otherwise", mode="before")
    @classmethod
    def _known_answer(cls, value: Any) -> Any:
        if value is None:
            return "null"
        if isinstance(value, str) and value not in ("error", "keep", "null"):
            raise ValueError(f"must be error, keep, null or {{value: {value}}}")
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> FieldMapping:
        origins = [name for name in ORIGINS if getattr(self, name) is not None]
        if len(origins) != 1:
            said = " and ".join(origins) or "none of them"
            known = f"{', '.join(ORIGINS[:-1])} and {ORIGINS[-1]}"
            raise ValueError(f"must say one of {known}, and says {said}")
        if self.constant is not None:
            extra = self.model_fields_set - {"constant"}
            if extra:
                raise ValueError(f"a constant takes nothing else: leave out {', '.join(extra)}")
        if self.join is not None and self.columns is None:
            raise ValueError("join is for columns; a single column has nothing to join")
        if self.lookup is not None and self.lookup_table is not None:
            raise ValueError("says both lookup and lookup_table; say one of them")
        if self.lookup is None:
            needless = {"lookup_ignore_case", "otherwise"}
            if self.lookup_table is not None:
                needless = {"lookup_ignore_case"}
            extra = self.model_fields_set & needless
            if extra:
                hint = "; write ignore_case in the lookup_table" if self.lookup_table else ""
                raise ValueError(
                    f"{', '.join(sorted(extra))} is for a lookup, and there is none{hint}"
                )
        kinds = [is_text_step(step) for step in self.transform or ()]
        if True in kinds and False in kinds[: len(kinds) - kinds[::-1].index(True)]:
            raise ValueError(
                "transform names a step on text after one on values; the text's come first: it is "
                "looked up and converted in between"
            )
        if self.decimal_mark and self.decimal_mark == self.thousands_mark:
            raise ValueError("decimal_mark and thousands_mark are the same")
        if self.verbatim and (others := sorted(self.model_fields_set - _VERBATIM)):
            raise ValueError(f"verbatim takes the cell as it is: leave out {', '.join(others)}")
        return self

    @property
    def origin_columns(self) -> tuple[str, ...]:
        """Names of the columns its text comes from, as the spec writes them."""
        if self.columns is not None:
            return self.columns
        if self.coalesce is not None:
            return self.coalesce
        return () if self.column is None else (self.column,)

    @property
    def operand_columns(self) -> tuple[str, ...]:
        """Names of the columns that only steps of ``transform`` read, as the spec writes them."""
        read = [o.column for step in self.transform or () for o in operands_of(step)]
        return tuple(c for c in dict.fromkeys(read) if c not in self.origin_columns)

    @property
    def cuts_text(self) -> bool:
        """Whether the field may have a part only of the text that it comes from. Of what is hashed
        nothing is missed."""
        steps = [step for step in self.transform or () if is_text_step(step)]
        return not self.hashes and (self.split is not None or bool(steps))

    @property
    def hashes(self) -> bool:
        """Whether it has a hash of its cells: then these themselves are not to be kept."""
        return any(is_hash(step) for step in self.transform or ())

    @property
    def cuts_values(self) -> bool:
        """Whether steps on values may make one value of several, as rounding does."""
        return any(takes_away(step) for step in self.transform or () if not is_text_step(step))

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Names of all columns it reads, as the spec writes them: those its text comes from, then
        the operands."""
        return self.origin_columns + self.operand_columns


ORIGINS = ("column", "columns", "coalesce", "constant", "sequence")
"""Where a field can come from."""

_VERBATIM = frozenset({"column", "verbatim", "positive_is"})
"""What may stand beside ``verbatim: true``."""


def is_verbatim(mapping: FieldMapping, defaults: Defaults) -> bool:
    """Whether the mapping's cells are the platform's own values. The defaults say so of plain
    columns only: what is looked up, joined or split is somebody's own writing."""
    if mapping.verbatim is not None:
        return mapping.verbatim
    return (
        defaults.verbatim and mapping.column is not None and mapping.model_fields_set <= _VERBATIM
    )


OPTIONS_OF: dict[str, tuple[str, ...]] = {
    "date_format": ("date", "timestamp"),
    "timezone": ("date", "timestamp"),
    "decimal_mark": ("money", "quantity", "rate", "coordinate", "integer", "data rate"),
    "thousands_mark": ("money", "quantity", "integer", "data rate"),
    "country": ("phone",),
    "true_words": ("boolean",),
    "false_words": ("boolean",),
}
"""Option of a field mapping → types of field that it means something to."""

UNITS_OF: dict[str, tuple[str, ...]] = {
    "kbit/s": tuple(RATE_UNITS),
    "GB": tuple(VOLUME_UNITS),
    "share": ("percent", "fraction"),
}
"""What a field is in → units a spec may name for its column."""


def units_of(info: FieldInfo) -> tuple[str, ...]:
    """The units that a column of the field may be in; none where the field has no such choice."""
    return UNITS_OF.get("share" if info.type is FieldType.RATE else info.unit, ())


def lookup_tables_of(mappings: Iterable[FieldMapping]) -> tuple[TableLookup, ...]:
    """The tables that mappings look up in, each once."""
    found: dict[tuple[Any, ...], TableLookup] = {}
    for mapping in mappings:
        for table in mapping.lookup_table.chain if mapping.lookup_table else ():
            found.setdefault(table.identity, table)
    return tuple(found.values())
