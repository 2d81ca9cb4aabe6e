"""The words of a spec for its sources: where records come from, and how they are written."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from ispmig_pipelines.database_url import mistake_in
from ispmig_pipelines.mapping.spec_words import Name, Names, Part, present
from ispmig_pipelines.mapping.transform.models import public_function
from ispmig_pipelines.remote import is_url, secret_in

# It names staged files and columns of assets, too.
SourceName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_ -]{0,62}$"),
    BeforeValidator(present),
]
Reason = Annotated[str, Field(min_length=3), BeforeValidator(present)]
DottedName = Annotated[str, BeforeValidator(present), AfterValidator(public_function)]


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


def _is_text_encoding(name: str) -> bool:
    try:
        # "hex" and its like are codecs too, but none of text.
        return isinstance(codecs.decode(b"", name), str)
    except (LookupError, TypeError, ValueError):
        return False
