"""How a CSV is written, by evidence: delimiter, quote, escape, preamble, header, comments.

Every candidate dialect reads the sample, and the best reading wins; see
:mod:`ispmig_pipelines.formats.csv.readings`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b

from ispmig_pipelines.formats.csv.dialect import CsvDialect, CsvOptions
from ispmig_pipelines.formats.csv.finding import Finding
from ispmig_pipelines.formats.csv.first_line import header_delimiter, one_column
from ispmig_pipelines.formats.csv.header import settle_beginning
from ispmig_pipelines.formats.csv.lines import after_lines, line_ends, whole_lines
from ispmig_pipelines.formats.csv.readings import Reading, named, readings, rival

__all__ = ["Finding", "detect_dialect"]


def detect_dialect(sample: str, options: CsvOptions, *, whole: bool) -> Finding:
    """Finds how the text is written.

    Args:
        sample: the beginning of the file, decoded, without a byte order mark.
        options: what the spec says; it is taken as it is.
        whole: the sample is the whole file.
    """
    content = blake2b(sample.encode("utf-8", "surrogatepass")).digest()
    found = _settled(_Asked(content, repr(options), whole, [(sample, options)]))
    return replace(found, notes=[*found.notes], questions=[*found.questions])


@dataclass(frozen=True)
class _Asked:
    """All that a dialect depends on.

    Attributes:
        content: digest of the sample.
        options: all of them, in words.
        given: the two themselves, let go of when they are used: nobody is to keep the sample.
    """

    content: bytes
    options: str
    whole: bool
    given: list[tuple[str, CsvOptions]] = field(compare=False)


@lru_cache(maxsize=64)
def _settled(asked: _Asked) -> Finding:
    # Half a second for a megabyte, and a migration opens each file at least twice: its audit
    # begins at the first byte.
    sample, options = asked.given.pop()
    return _detect(sample, options, whole=asked.whole)


def _detect(sample: str, options: CsvOptions, *, whole: bool) -> Finding:
    any_newline, line_end = line_ends(sample)
    base = CsvDialect(any_newline=any_newline, line_end=line_end)
    notes: list[str] = []
    questions: list[str] = []
    if not whole:
        sample = whole_lines(sample, any_newline)
    skip = options.skip_lines or 0
    stated = re.match(r"\A\"?sep=(.{1,3}?)\"?[ \t]*(?:\r\n|\n|\r|\Z)", sample)
    delimiter = options.delimiter
    if options.skip_lines is None and stated:
        skip = 1
        delimiter = delimiter or stated.group(1)
        notes.append("the first line states the delimiter (sep=)")
    if isinstance(options.header, int | list) and not isinstance(options.header, bool):
        lines = [options.header] if isinstance(options.header, int) else options.header
        skip = lines[0] - 1
    body = after_lines(sample, skip, any_newline)
    found = readings(body, base, options, delimiter, whole)
    best = found[0]
    other = rival(found)
    if other is not None and delimiter is None:
        questions.append(
            f"The evidence on the delimiter is split between {named(best.dialect.delimiter)} "
            f"and {named(other.dialect.delimiter)}. Name it in the spec (csv: delimiter)."
        )
    if delimiter is None:
        single, question = one_column(found, options)
        if question:
            questions.append(question)
        elif single is not None:
            best = single
            notes.append("one column: its name stands above values that hold a delimiter")
    if delimiter is None and _aligned(best):
        questions.append(
            "The columns seem to be aligned with blanks or drawn with lines, and nothing delimits "
            "the cells. Export it again as CSV, or, to read each line as one cell, name in the "
            "spec a delimiter that does not occur (csv: delimiter)."
        )
    finding = Finding(replace(best.dialect, skip_lines=skip), best.width, notes, questions)
    if not _header_of_its_own(finding, best, options):
        settle_beginning(finding, best, options, skip)
    _settle_rest(finding, options)
    return finding


def _aligned(reading: Reading) -> bool:
    """Whether every line is one cell, with gaps or lines drawn in it."""
    lines = [row.text.strip() for row in reading.rows]
    drawn = [bool(re.search(r"\S {2,}\S|^\|.*\|$|^[+|][-=+|]+$", line)) for line in lines]
    return reading.width == 1 and len(lines) > 1 and drawn[0] and sum(drawn) >= 0.8 * len(lines)


def _header_of_its_own(finding: Finding, best: Reading, options: CsvOptions) -> bool:
    """Settles a header that is written with another delimiter than the records."""
    if options.header is False or isinstance(options.header, list):
        return False
    mark = header_delimiter(best.rows, best.width)
    if not mark:
        return False
    dialect = replace(finding.dialect, header_rows=1, header_delimiter=mark)
    finding.dialect, finding.width = dialect, best.width
    finding.notes.append(
        f"the names of the header are delimited by {named(mark)}, the records' cells by "
        f"{named(dialect.delimiter)}"
    )
    return True


def _settle_rest(finding: Finding, options: CsvOptions) -> None:
    finding.dialect = replace(
        finding.dialect,
        columns=tuple(options.columns or ()),
        footer_lines=options.footer_lines,
        empty_is_null=options.empty_is_null,
    )
