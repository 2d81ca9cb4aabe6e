"""A suggested spec before it is written: sources, blocks and lines, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Line:
    """One field of a block.

    Attributes:
        mapping: what the spec says: a column's name, or the words of a mapping.
        columns: the columns that it reads.
        confidence: 0 to 1.
        reason: why, without any cell's content.
        active: a line of the spec; else a comment of it.
        assumed: nothing in the data says so: a person must look at it.
    """

    field: str
    mapping: Any
    columns: tuple[str, ...]
    confidence: float
    reason: str
    active: bool = True
    assumed: bool = False


@dataclass
class Block:
    """A block of an entity.

    Attributes:
        further: words of the block besides ``from`` and ``fields``.
        asked: why all of it is a comment, or "".
    """

    entity: str
    source: str
    lines: list[Line]
    further: dict[str, Any] = field(default_factory=dict)
    asked: str = ""

    @property
    def active(self) -> list[Line]:
        return [line for line in self.lines if line.active]


@dataclass
class Source:
    """A source of the spec.

    Attributes:
        words: what the spec says of it.
        columns: its columns.
        never: column → why it is never loaded.
        notes: what a person must look at.
        unused: why it is a comment only, or "".
    """

    name: str
    words: dict[str, Any]
    columns: tuple[str, ...]
    never: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unused: str = ""


@dataclass
class Draft:
    """A suggested spec.

    Attributes:
        defaults: key → (value, comment).
        asked_defaults: lines of defaults that are comments.
        questions: what a person must answer.
    """

    name: str
    preset: str = ""
    defaults: dict[str, tuple[Any, str]] = field(default_factory=dict)
    asked_defaults: list[str] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Adds a question, once."""
        if question not in self.questions:
            self.questions.append(question)

    def blocks_of(self, source: str) -> list[Block]:
        return [b for b in self.blocks if b.source == source]
