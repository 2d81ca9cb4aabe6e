"""The words of a spec: its shape, as Pydantic models. What they mean is in ``docs/spec.md``.

Scalars arrive as text (see :mod:`ispmig_pipelines.mapping.yaml_document`); Pydantic turns
``true`` and ``3`` into what an option needs.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ispmig_pipelines.database_url import mistake_in
from ispmig_pipelines.mapping.convert.country import CODES as COUNTRIES
from ispmig_pipelines.mapping.convert.data_rate import UNITS as RATE_UNITS
from ispmig_pipelines.mapping.convert.data_volume import UNITS as VOLUME_UNITS
from ispmig_pipelines.mapping.convert.date_format import mistake_in as date_format_mistake
from ispmig_pipelines.mapping.convert.date_time import zone
from ispmig_pipelines.mapping.spec_words import (
    Name as Name,
)
from ispmig_pipelines.mapping.spec_words import (
    Names as Names,
)
from ispmig_pipelines.mapping.spec_words import (
    Part as Part,
)
from ispmig_pipelines.mapping.spec_words import (
    Split as Split,
)
from ispmig_pipelines.mapping.spec_words import (
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
    public_function,
    takes_away,
)
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.remote import is_url, secret_in

# It names staged files and columns of assets, too.
SourceName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_ -]{0,62}$"),
    BeforeValidator(present),
]
Reason = Annotated[str, Field(min_length=3), BeforeValidator(present)]
DottedName = Annotated[str, BeforeValidator(present), AfterValidator(public_function)]
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


def _is_text_encoding(name: str) -> bool:
    try:
        # "hex" and its like are codecs too, but none of text.
        return isinstance(codecs.decode(b"", name), str)
    except (LookupError, TypeError, ValueError):
        return False


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


class Csv(Part):
    """How a CSV is written, where its own evidence does not say it rightly."""

    delimiter: str | None = Field(default=None, min_length=1, description="Between cells.")
    quote: str | None = Field(
        default=None, max_length=1, description='Around cells; "" if there is none.'
    )
    escape: Literal["doubled", "backslash"] | None = Field(
        default=None, description="How a quote stands inside a quoted cell."
    )
    header: bool | int | tuple[int, ...] | None = Field(
        default=None,
        description="true, false, or the number of the line (from 1) that holds the names; a "
        "list of lines that follow each other, where names stand on several.",
    )
    skip_lines: int = Field(default=0, ge=0, description="Lines before the table.")
    footer_lines: int = Field(default=0, ge=0, description="Lines after the table.")
    comment: str | None = Field(
        default=None, min_length=1, description="What a line to be left out begins with."
    )
    columns: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Names of the columns, instead of the header's."
    )
    empty_is_null: bool = Field(
        default=True,
        description="An empty cell is NULL and a quoted one an empty text; false: both are texts.",
    )

    @field_validator("header", mode="before")
    @classmethod
    def _true_false_or_lines(cls, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        lines = [str(line) for line in (value if isinstance(value, list) else [value])]
        if not all(line.isdigit() for line in lines) or "0" in lines:
            raise ValueError(
                "must be true, false or the number of a line, from 1; or a list of such numbers"
            )
        numbers = [int(line) for line in lines]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise ValueError("names lines that do not follow each other")
        return numbers if isinstance(value, list) else numbers[0]

    @model_validator(mode="after")
    def _names_from_somewhere(self) -> Csv:
        if self.columns and len(set(self.columns)) != len(self.columns):
            raise ValueError("columns names a column twice")
        return self


class Json(Part):
    """Where the records of a JSON document are, where its own evidence does not say it."""

    path: Name | None = Field(
        default=None, description="Keys with dots between them (data.items), or a JSON pointer."
    )
    keyed: bool | None = Field(
        default=None,
        description="true: the object there maps keys to records, and each key is a cell _key; "
        "false: it is one record.",
    )
    header: bool | None = Field(
        default=None, description="Records that are arrays have their names in the first one."
    )


class Xml(Part):
    """Which elements of an XML document are records, where its own evidence does not say it."""

    record: Name = Field(description="The element's name, or its path: customers/customer.")


class Sql(Part):
    """How an SQL script is to be read, where its own evidence does not say it."""

    dialect: (
        Literal["mysql", "postgresql", "sqlite", "sqlserver", "oracle", "db2", "generic"] | None
    ) = Field(default=None, description="Whose SQL it is; with it, what a backslash means.")
    backslash_escapes: bool | None = Field(
        default=None, description="A backslash in a string escapes the character after it."
    )
    complete: bool = Field(
        default=False, description="The script is whole, although its closing line is missing."
    )


class Source(Part):
    """Where records come from: files of one table, or a table or query of a live database."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["files"]}, {"required": ["database"]}]}
    )

    files: Names | None = Field(
        default=None,
        description="A path, a glob or a list of them, relative to the spec; or s3://… or "
        "https://…",
    )
    database: Name | None = Field(
        default=None,
        description="Instead of files: the URL of a live database, e.g. "
        "postgresql://reader:${LEGACY_PASSWORD}@db.example.net/billing, with the password in a "
        "variable of the environment.",
    )
    query: Name | None = Field(
        default=None, description="Of a database, instead of its table: one SELECT."
    )
    member: Name | None = Field(
        default=None, description="Which files of a zip archive, as a name or a pattern."
    )
    format: Literal["csv", "json", "ndjson", "xml", "sql", "xlsx"] | None = Field(
        default=None, description="Only where the content does not tell."
    )
    encoding: str | None = Field(default=None, description="E.g. utf-8, windows-1252, koi8-u.")
    table: Name | None = Field(
        default=None, description="The table or sheet, where a file holds several."
    )
    formulas: Literal["neutralised"] | None = Field(
        default=None,
        description="neutralised: texts like formulas have an apostrophe before them, which is "
        "no part of them.",
    )
    never: Names | None = Field(
        default=None,
        description="Columns that are not even read, so that nothing holds them: numbers and "
        "verification values of cards.",
    )
    not_cards: dict[Name, Reason] | None = Field(
        default=None,
        min_length=1,
        description="Column → why what looks like card numbers in it are none; it is left as it "
        "is, and the reason is kept with the migration.",
    )
    card_tokens: DottedName | None = Field(
        default=None,
        description="A function of your own that gives tokens for card numbers, e.g. "
        "acme.vault.tokens; without it they are masked but for the last four digits.",
    )
    csv: Csv | None = None
    json_: Json | None = Field(default=None, alias="json")
    xml: Xml | None = None
    sql: Sql | None = None

    @field_validator("files")
    @classmethod
    def _urls_without_secrets(cls, files: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for place in files or ():
            if is_url(place) and (part := secret_in(place)):
                raise ValueError(
                    f"has a {part} written out, and the spec's text is kept with the migration. "
                    "Write ${LEGACY_LINK_SECRET} in its place (or any name), and set that "
                    "variable in the environment in which the migration runs"
                )
        return files

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        if name is not None and not _is_text_encoding(name):
            raise ValueError(f"{name!r} is no encoding that is known here")
        return name

    @field_validator("database")
    @classmethod
    def _url_without_password(cls, url: str | None) -> str | None:
        mistake = None if url is None else mistake_in(url)
        if mistake:
            raise ValueError(mistake)
        return url

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if self.files is None and self.database is None:
            raise ValueError("files is missing; or write database, for a live one")
        if self.database is None:
            if self.query is not None:
                raise ValueError("query is for a database; a file has none to ask")
            return self
        if self.files is not None:
            raise ValueError("says both files and database; make them two sources")
        if (self.table is None) == (self.query is None):
            raise ValueError("a database needs a table or a query: say one of them")
        of_tables = {"database", "table", "query", "encoding", "not_cards", "card_tokens"}
        said = sorted(self.model_fields_set - of_tables)
        extra = [name for name in said if getattr(self, name) is not None]
        if extra:
            raise ValueError(f"{', '.join(extra)} is for files; leave it out of a database")
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
