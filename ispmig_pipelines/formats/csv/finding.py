"""What was found out about a CSV's dialect."""

from __future__ import annotations

from dataclasses import dataclass, field

from ispmig_pipelines.formats.csv.dialect import CsvDialect


@dataclass
class Finding:
    """The dialect that fits best.

    Attributes:
        dialect: complete, what the options say put in.
        width: how many cells most records have; 0 for a sample without any record.
        notes: evidence worth telling.
        questions: why the evidence is split, and what to write in the spec.
        named: the header's cells are the columns' names; not where it has another number of
            cells than the records and nothing tells which name is whose.
    """

    dialect: CsvDialect
    width: int = 0
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    named: bool = True
