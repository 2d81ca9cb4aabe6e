"""How a CSV file is written: what can be said about it, and what a person may overrule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

HEADER_ROWS = "header_rows"
"""Key of a finding's dialect: how many lines hold the names, ``0`` where none does."""

Escape = Literal["doubled", "backslash"]


class CsvOptions(BaseModel):
    """What the spec says about a CSV file; what it leaves out is found by content.

    The YAML block ``csv:`` of a source has the same names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str | None = Field(
        default=None, description='What stands between cells, e.g. ";", "\\t" or "||".'
    )
    quote: str | None = Field(
        default=None, description='What cells are quoted with; "" where nothing is quoted.'
    )
    escape: Escape | None = Field(
        default=None, description="How a quote inside a quoted cell is written."
    )
    header: bool | int | list[int] | None = Field(
        default=None,
        description="Whether there is a header; or the number(s) of its line(s), from 1.",
    )
    skip_lines: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Lines before the header (or the first record)."
    )
    comment: str | None = Field(
        default=None, description='What comment lines begin with; "" where there are none.'
    )
    columns: list[str] | None = Field(
        default=None, description="Names of the columns, in order, instead of the header's."
    )
    footer_lines: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Lines after the last record that are no records."
    )
    empty_is_null: bool = Field(
        default=True,
        description="An unquoted empty cell is NULL and a quoted one an empty text; if not, "
        "both are empty texts.",
    )

    @field_validator("delimiter")
    @classmethod
    def _usable_delimiter(cls, value: str | None) -> str | None:
        named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
        value = named.get(value, value) if value is not None else None
        if value is not None and (value == "" or "\n" in value or "\r" in value):
            raise ValueError("must be at least one character, and not a line end")
        return value

    @field_validator("quote")
    @classmethod
    def _usable_quote(cls, value: str | None) -> str | None:
        if value and (len(value) != 1 or ord(value) > 126 or value in "\r\n"):
            raise ValueError('must be one ASCII character, or "" for none')
        return value

    @field_validator("header")
    @classmethod
    def _usable_header(cls, value: bool | int | list[int] | None) -> bool | int | list[int] | None:
        if value is None or isinstance(value, bool):
            return value
        lines = [value] if isinstance(value, int) else value
        if not lines or lines[0] < 1 or lines != list(range(lines[0], lines[0] + len(lines))):
            raise ValueError("must be true, false, a line number from 1, or lines that follow")
        return value

    @field_validator("columns")
    @classmethod
    def _usable_columns(cls, value: list[str] | None) -> list[str] | None:
        if value is not None:
            names = [name.strip() for name in value]
            if not names or "" in names or len(set(names)) != len(names):
                raise ValueError("must be different names, none of them blank")
            return names
        return None


@dataclass(frozen=True)
class CsvDialect:
    """Everything that a reader must know to read one CSV file, settled.

    Attributes:
        delimiter: one or more characters.
        quote: one character, or "" where nothing is quoted.
        escape: how a quote is written inside a quoted cell. ``backslash`` reads doubled quotes
            as well, backslash before a delimiter, a quote, a line end or a backslash stands for
            that character, before anything else for itself; an unquoted ``\\N`` is NULL.
        any_newline: also a lone carriage return ends a line; else it is part of its cell.
        line_end: what ends most lines, for showing: ``LF``, ``CRLF``, ``CR`` or ``mixed``.
        skip_lines: physical lines before the header, or before the first record.
        header_rows: how many records make up the header; 0 for none.
        header_delimiter: what stands between the names where it is not ``delimiter``, or "".
        comment: what a comment line begins with, or "".
        spaced: blanks between a delimiter and an opening quote, and between a closing quote
            and a delimiter, belong to neither.
        columns: names from the spec, or ().
        footer_lines: physical lines after the last record; None: by evidence at the end.
        empty_is_null: an unquoted empty cell is NULL, a quoted one (``""``) an empty text.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: Escape = "doubled"
    any_newline: bool = False
    line_end: str = "LF"
    skip_lines: int = 0
    header_rows: int = 1
    header_delimiter: str = ""
    comment: str = ""
    spaced: bool = False
    columns: tuple[str, ...] = ()
    footer_lines: int | None = None
    empty_is_null: bool = True

    def described(self) -> dict[str, str]:
        """The dialect in words, for ``inspect`` and the run's page."""
        said = {
            "quote": self.quote or "none",
            "escape": self.escape,
            "line_end": self.line_end,
            HEADER_ROWS: str(self.header_rows),
            "skip_lines": str(self.skip_lines),
            "comment": self.comment or "none",
        }
        if self.spaced:
            said["spaces_around_quotes"] = "ignored"
        if self.footer_lines:
            said["footer_lines"] = str(self.footer_lines)
        return said


def column_names(raw: list[str]) -> list[str]:
    """Unique, stable names from a header's cells, in order.

    White space around a name is left out and inside it made one blank; a blank name becomes
    ``column_3`` by its place, and the second of two equal names ``name_2``.
    """
    names: list[str] = []
    taken: set[str] = set()
    plain = [" ".join(name.split()) for name in raw]
    wanted = set(plain)
    for place, name in enumerate(plain, start=1):
        base = name or f"column_{place}"
        unique, count = base, 1
        while unique in taken or (unique != name and unique in wanted):
            count += 1
            unique = f"{base}_{count}"
        taken.add(unique)
        names.append(unique)
    return names
