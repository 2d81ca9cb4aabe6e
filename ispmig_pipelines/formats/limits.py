"""How much a source may ask of the machine before it is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ispmig_pipelines.settings import settings

MIB = 1 << 20


@dataclass(frozen=True)
class ReadLimits:
    """Limits on what one source file may unfold to; every default is the safe choice.

    Attributes:
        max_cell_bytes: longest cell, and longest record, in bytes of UTF-8. A quote that is
            opened and never closed is found out by this limit, not by running out of memory.
        max_columns: most columns of one table (PostgreSQL itself ends at 1,600).
        max_ratio: most bytes that one compressed byte may become, judged once
            ``ratio_from_bytes`` have come out. Exports shrink 5 to 100 times; a bomb made of
            zeros shrinks 1,000 times in gzip and more in the others.
        ratio_from_bytes: how much may come out before the ratio is judged.
        max_expanded_bytes: most bytes that may come out of one compressed file.
        max_depth: deepest nesting of elements, objects and arrays.
        max_record_bytes: longest record of a format whose records hold others, all in all.
        max_held_bytes: most bytes of one packed file, or of one that lies elsewhere, of a format
            that is read from place to place (spreadsheets, SQLite): it is held in memory.
    """

    max_cell_bytes: int = 16 * MIB
    max_columns: int = 10_000
    max_ratio: float = 1_000.0
    ratio_from_bytes: int = 64 * MIB
    max_expanded_bytes: int = 512 * 1024 * MIB
    max_depth: int = 256
    max_record_bytes: int = 64 * MIB
    max_held_bytes: int = 256 * MIB


DEFAULT_LIMITS = ReadLimits()


def read_limits() -> ReadLimits:
    """The limits of this process: the defaults, but where the settings say otherwise."""
    said = settings()
    return ReadLimits(
        **{
            name: value
            for name in (field.name for field in fields(ReadLimits))
            if (value := getattr(said, name, None)) is not None
        }
    )
