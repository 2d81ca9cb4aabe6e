"""The words of ``transform``: one model per step. What they mean is in ``docs/transforms.md``.

A step is a word (``upper``) or a mapping of one key (``{pad: {width: 6}}``). A text step takes
and gives text; a value step works on the field's canonical values. Whether a step suits its
field is for :mod:`ispmig_pipelines.mapping.transform.check` to say.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ispmig_pipelines.mapping.spec_words import Name, Part, Split, Word
from ispmig_pipelines.mapping.transform.regex import groups_of, mistake_of_pattern
from ispmig_pipelines.nearest import did_you_mean

TEXT_WORDS = ("trim", "squeeze", "upper", "lower", "capitalize", "title", "name", "digits", "hash")
VALUE_WORDS = ("negate", "absolute")

MAX_WIDTH = 1000
"""Characters that a text is filled up to at most."""
MAX_DECIMALS = 12
"""Decimals that numbers have on their way through the steps."""
MAX_SHIFT = 120_000
"""Months, days or hours of one shift: some thousands of years, and within what a date can be."""


# --- scalars: YAML gives text, so each says itself what it takes ---------------------------


def _whole(least: int, most: int) -> BeforeValidator:
    def read(value: Any) -> int:
        text = str(value).strip()
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most:,}")
        return int(text)

    return BeforeValidator(read)


def _number(value: Any) -> Decimal:
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,19}(\.[0-9]{1,12})?", text, re.ASCII):
        raise ValueError("must be a number with a decimal point, such as 1.19; or {column: …}")
    return Decimal(text)


def _share(value: Any) -> Decimal:
    text = str(value).strip()
    percent = text.endswith("%")
    try:
        share = Decimal(text.removesuffix("%").strip()).scaleb(-2 if percent else 0)
    except InvalidOperation:
        raise ValueError('must be a share such as 0.19 or "19 %"; or {column: …}') from None
    if not share.is_finite() or not 0 <= share <= 1:
        raise ValueError('must be from 0 to 1, such as 0.19; or written "19 %"')
    if int(share.as_tuple().exponent) < -MAX_DECIMALS:
        raise ValueError(f"has more than {MAX_DECIMALS} decimals")
    return share


def _pattern(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a regular expression")
    if mistake := mistake_of_pattern(value):
        raise ValueError(f"{value!r} is no regular expression (RE2): {mistake}")
    return value


_NUMBER_SCHEMA = {"type": ["number", "string"]}
Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema(_NUMBER_SCHEMA)]
Share = Annotated[Decimal, BeforeValidator(_share), WithJsonSchema(_NUMBER_SCHEMA)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Decimals = Annotated[
    int,
    _whole(0, MAX_DECIMALS),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_DECIMALS}),
]
_Shift = Annotated[
    int,
    _whole(-MAX_SHIFT, MAX_SHIFT),
    WithJsonSchema({"type": "integer", "minimum": -MAX_SHIFT, "maximum": MAX_SHIFT}),
]
Mode = Literal["half_up", "half_even", "down", "up", "floor", "ceiling"]
Part_ = Literal["net", "gross", "tax"]


def _kind(value: Any) -> str:
    return "options" if isinstance(value, dict | Part) else "word"


# --- text steps ------------------------------------------------------------------------------


class Trim(Part):
    """Cuts these characters from both ends."""

    trim: Annotated[Word, Field(min_length=1)]


class ReplaceOptions(Part):
    """What is replaced, everywhere in the text, and by what."""

    text: Annotated[Word, Field(min_length=1)] | None = Field(
        default=None, description="A text as it stands."
    )
    pattern: Pattern | None = Field(default=None, description="Or a regular expression (RE2).")
    by: Word = Field(
        alias="with", description="The text in its place; with a pattern, \\1 is its first group."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> ReplaceOptions:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("replace must say one of text and pattern")
        if self.pattern is not None and (mistake := mistake_of_pattern(self.pattern, self.by)):
            raise ValueError(f"with: {self.by!r} cannot stand in the pattern's place: {mistake}")
        return self


class Replace(Part):
    """Replaces a text or what a regular expression finds."""

    replace: ReplaceOptions


class ExtractOptions(Part):
    """Which part of a text is kept."""

    pattern: Pattern = Field(description="A regular expression (RE2), sought anywhere.")
    group: Word | None = Field(
        default=None,
        description="Number or name of a group; the first one unless said, or the whole match "
        "where there is none; 0 is the whole match.",
    )
    otherwise: Literal["nothing", "keep", "error"] = Field(
        default="nothing", description="What a text becomes that does not match."
    )

    @model_validator(mode="after")
    def _known_group(self) -> ExtractOptions:
        self.group_number  # noqa: B018  refuses an unknown one
        return self

    @property
    def group_number(self) -> int:
        """The group that is kept; 0 is the whole match."""
        groups = groups_of(self.pattern)
        if self.group is None:
            return 1 if groups else 0
        if self.group.isdigit():
            number = int(self.group)
            if number > len(groups):
                raise ValueError(
                    f"the pattern has no group {number}; groups are ( ), and it has {len(groups)}"
                )
            return number
        if self.group not in groups:
            named = [name for name in groups if name]
            raise ValueError(
                f"the pattern has no group {self.group!r}{did_you_mean(self.group, named)}"
            )
        return groups.index(self.group) + 1


class Extract(Part):
    """Keeps what a regular expression finds."""

    extract: Annotated[
        Annotated[Pattern, Tag("word")] | Annotated[ExtractOptions, Tag("options")],
        Discriminator(_kind),
    ]

    @property
    def options(self) -> ExtractOptions:
        if isinstance(self.extract, ExtractOptions):
            return self.extract
        return ExtractOptions(pattern=self.extract)


class SubstringOptions(Part):
    """Which characters are kept."""

    start: Annotated[int, _whole(-MAX_WIDTH, MAX_WIDTH)] = Field(
        description="The first, from 1; or counted from the end: -3 is the last but two."
    )
    length: (
        Annotated[
            int,
            _whole(1, MAX_WIDTH),
            WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_WIDTH}),
        ]
        | None
    ) = Field(default=None, description="How many; all that follow unless said.")

    @field_validator("start")
    @classmethod
    def _not_zero(cls, start: int) -> int:
        if start == 0:
            raise ValueError("must not be 0: the first character is 1, the last -1")
        return start


class Substring(Part):
    """Keeps some characters by their place."""

    substring: SubstringOptions


class PadOptions(Part):
    """How a text is filled up."""

    width: Annotated[
        int,
        _whole(1, MAX_WIDTH),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_WIDTH}),
    ] = Field(description="Characters that it has at least afterwards.")
    by: Word = Field(
        default="0", alias="with", min_length=1, max_length=1, description="One character."
    )
    side: Literal["left", "right"] = "left"


class Pad(Part):
    """Fills a text up to a width."""

    pad: PadOptions


class Prefix(Part):
    """Puts a text in front."""

    prefix: Annotated[Word, Field(min_length=1)]


class Suffix(Part):
    """Puts a text behind."""

    suffix: Annotated[Word, Field(min_length=1)]


class SplitStep(Part):
    """Keeps one piece."""

    split: Split


class HashOptions(Part):
    """How a text is hashed."""

    length: Annotated[
        int, _whole(8, 64), WithJsonSchema({"type": "integer", "minimum": 8, "maximum": 64})
    ] = Field(default=64, description="Hex digits that are kept.")
    key: str | None = Field(
        default=None,
        description="${NAME}: the variable of the environment with the key of an HMAC.",
    )

    @field_validator("key")
    @classmethod
    def _no_key_in_a_spec(cls, key: str | None) -> str | None:
        if key is not None and not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", key):
            raise ValueError(
                "must be the name of a variable of the environment, such as ${HASH_KEY}: the "
                "spec's text is kept with the migration, so the key cannot stand in it"
            )
        return key

    @property
    def variable(self) -> str:
        """Name of the variable with the key, or ""."""
        return self.key[2:-1] if self.key else ""


class Hash(Part):
    """The SHA-256 of a text."""

    hash: HashOptions


def public_function(name: str) -> str:
    """A function's dotted name.

    Raises:
        ValueError: it is none, or of something private.
    """
    parts = name.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ValueError(f"{name!r} must be module.function, such as acme.clean_phone")
    if any(part.startswith("_") for part in parts):
        raise ValueError(f"{name!r} names something private; functions of specs are public")
    return name


class Function(Part):
    """A function of your own."""

    function: str

    @field_validator("function")
    @classmethod
    def _dotted(cls, name: str) -> str:
        return public_function(name)


# --- value steps -----------------------------------------------------------------------------


class ColumnOperand(Part):
    """A number from another column of the record."""

    column: Name
    default: Number | None = Field(default=None, description="Where the cell holds nothing.")


class ColumnShare(Part):
    """A share from another column of the record."""

    column: Name
    unit: Literal["percent", "fraction"] = Field(
        default="fraction", description="What 19 means in it: 19 % or 1900 %."
    )
    default: Share | None = Field(default=None, description="Where the cell holds nothing.")


Operand = Annotated[
    Annotated[Number, Tag("word")] | Annotated[ColumnOperand, Tag("options")], Discriminator(_kind)
]
Rate = Annotated[
    Annotated[Share, Tag("word")] | Annotated[ColumnShare, Tag("options")], Discriminator(_kind)
]


class Add(Part):
    """Adds a number."""

    add: Operand


class Subtract(Part):
    """Takes a number away."""

    subtract: Operand


class Multiply(Part):
    """Multiplies by a number."""

    multiply: Operand


class Divide(Part):
    """Divides by a number."""

    divide: Operand

    @field_validator("divide")
    @classmethod
    def _not_by_zero(cls, by: Any) -> Any:
        if by == 0:
            raise ValueError("nothing can be divided by 0")
        return by


class RoundOptions(Part):
    """How a number is rounded."""

    decimals: Decimals
    mode: Mode = Field(default="half_up", description="half_up: 0.5 goes away from zero.")


class Round(Part):
    """Rounds a number."""

    round: Annotated[
        Annotated[Decimals, Tag("word")] | Annotated[RoundOptions, Tag("options")],
        Discriminator(_kind),
    ]

    @property
    def options(self) -> RoundOptions:
        return self.round if isinstance(self.round, RoundOptions) else RoundOptions(
            decimals=self.round
        )  # fmt: skip


class TaxOptions(Part):
    """From which amount which other is computed."""

    rate: Rate = Field(description="A share: 0.19, or a column with shares.")
    source: Part_ = Field(alias="from", description="What the cell holds.")
    target: Part_ = Field(alias="to", description="What the field gets.")
    decimals: Decimals = Field(default=2, description="Of the tax, which is what is rounded.")
    mode: Mode = "half_up"

    @model_validator(mode="after")
    def _differ(self) -> TaxOptions:
        if self.source == self.target:
            raise ValueError(f"tax from {self.source} to {self.target} changes nothing")
        if self.source == "tax" and self.rate == 0:
            raise ValueError("nothing can be computed from a tax of 0 %")
        return self


class Tax(Part):
    """Net, gross or tax from one of the others."""

    tax: TaxOptions


class ShiftOptions(Part):
    """By how much a date is moved; all of it together."""

    years: _Shift = 0
    months: _Shift = 0
    days: _Shift = 0
    hours: _Shift = 0

    @model_validator(mode="after")
    def _moves(self) -> ShiftOptions:
        if not (self.years or self.months or self.days or self.hours):
            raise ValueError("shift must say days, months, years or hours")
        return self


class Shift(Part):
    """Moves a date or a time."""

    shift: ShiftOptions


class Snap(Part):
    """The first or last day of a date's month."""

    snap: Literal["first_of_month", "last_of_month"]


TEXT_STEPS = (Trim, Replace, Extract, Substring, Pad, Prefix, Suffix, SplitStep, Hash, Function)
NUMBER_STEPS = (Add, Subtract, Multiply, Divide, Round, Tax)
DATE_STEPS = (Shift, Snap)

_MODELS: dict[str, type[Part]] = {
    next(iter(model.model_fields)): model for model in (*TEXT_STEPS, *NUMBER_STEPS, *DATE_STEPS)
}
_WORDS = (*TEXT_WORDS, *VALUE_WORDS)
STEP_NAMES = tuple(dict.fromkeys([*_WORDS, *_MODELS]))
"""Every step there is."""


def _step(value: Any) -> Any:
    if isinstance(value, str):
        if value in _WORDS:
            return value
        if value in _MODELS:
            raise ValueError(f"{value} needs to know more: write {{{value}: …}}")
        raise ValueError(f"there is no step {value!r}{did_you_mean(value, STEP_NAMES)}")
    if isinstance(value, Part):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(
            "a step is a word, such as upper, or one key, such as {pad: {width: 6}}; several steps "
            "are a list"
        )
    (name,) = value
    if name in VALUE_WORDS or (name in TEXT_WORDS and name not in _MODELS):
        raise ValueError(f"{name} takes nothing: write it as a word")
    if name not in _MODELS:
        raise ValueError(f"there is no step {name!r}{did_you_mean(str(name), STEP_NAMES)}")
    if value[name] is None:
        raise ValueError(f"{name} is empty")
    return value


def _tag(value: Any) -> str:
    if isinstance(value, dict):
        return f"step {next(iter(value), '')}"
    if isinstance(value, Part):
        return f"step {next(iter(type(value).model_fields))}"
    return "step"


Step = Annotated[
    Annotated[
        Literal[
            "trim", "squeeze", "upper", "lower", "capitalize", "title", "name", "digits", "hash",
            "negate", "absolute",
        ],
        Tag("step"),
    ]
    | Annotated[Trim, Tag("step trim")]
    | Annotated[Replace, Tag("step replace")]
    | Annotated[Extract, Tag("step extract")]
    | Annotated[Substring, Tag("step substring")]
    | Annotated[Pad, Tag("step pad")]
    | Annotated[Prefix, Tag("step prefix")]
    | Annotated[Suffix, Tag("step suffix")]
    | Annotated[SplitStep, Tag("step split")]
    | Annotated[Hash, Tag("step hash")]
    | Annotated[Function, Tag("step function")]
    | Annotated[Add, Tag("step add")]
    | Annotated[Subtract, Tag("step subtract")]
    | Annotated[Multiply, Tag("step multiply")]
    | Annotated[Divide, Tag("step divide")]
    | Annotated[Round, Tag("step round")]
    | Annotated[Tax, Tag("step tax")]
    | Annotated[Shift, Tag("step shift")]
    | Annotated[Snap, Tag("step snap")],
    Discriminator(_tag),
    BeforeValidator(_step),
]  # fmt: skip


def as_steps(value: Any) -> Any:
    """A single step as a list of it."""
    return [value] if isinstance(value, str | dict) else value


def takes_away(step: str | Part) -> bool:
    """Whether a step may leave less of a cell than it says, so that nobody could tell from the
    field what the cell was. Another case, other white space and what is put around a text take
    nothing away."""
    match step:
        case "digits" | "absolute":
            return True
        case Trim() | Replace() | Extract() | Substring() | SplitStep() | Function():
            return True
        case Round() | Tax() | Snap():
            return True
        case Shift(shift=options):
            # The end of a month is the same day for several.
            return bool(options.months or options.years)
    return False


def is_hash(step: str | Part) -> bool:
    """Whether a step is there so that the text itself is not kept."""
    return step == "hash" or isinstance(step, Hash)


def is_text_step(step: str | Part) -> bool:
    """Whether the step works on text; the others work on values."""
    return step in TEXT_WORDS if isinstance(step, str) else isinstance(step, TEXT_STEPS)


def name_of(step: str | Part) -> str:
    """The step as a spec names it."""
    return step if isinstance(step, str) else next(iter(type(step).model_fields))


def operands_of(step: str | Part) -> tuple[ColumnOperand | ColumnShare, ...]:
    """The other columns of the record that the step reads."""
    said: Any = None
    if isinstance(step, Add):
        said = step.add
    elif isinstance(step, Subtract):
        said = step.subtract
    elif isinstance(step, Multiply):
        said = step.multiply
    elif isinstance(step, Divide):
        said = step.divide
    elif isinstance(step, Tax):
        said = step.tax.rate
    return (said,) if isinstance(said, ColumnOperand | ColumnShare) else ()


def model_of(name: str) -> type[Part] | None:
    """The model of a step's options, for ``{name: {…}}``; None if it has no keys of its own."""
    models: dict[str, type[Part]] = {
        "replace": ReplaceOptions,
        "extract": ExtractOptions,
        "substring": SubstringOptions,
        "pad": PadOptions,
        "split": Split,
        "hash": HashOptions,
        "add": ColumnOperand,
        "subtract": ColumnOperand,
        "multiply": ColumnOperand,
        "divide": ColumnOperand,
        "round": RoundOptions,
        "tax": TaxOptions,
        "rate": ColumnShare,
        "shift": ShiftOptions,
    }
    return models.get(name)
