"""What was found out about a CSV's dialect."""

from __future__ import annotations

from dataclasses import dataclass, field

from ispmig_pipelines.formats.csv_dialect import CsvDialect


@dataclass
class Finding:
    """The dialect that fits best.

    Attributes:
        dialect: complete, what the options say put in.
        width: how many cells most records have; 0 for a sample without any record.
        notes: evidence worth telling.
        questions: why the evidence is split, and what to write in the spec.
    """

    dialect: CsvDialect
    width: int = 0
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
