"""What a CSV's delimiter, quote, escape and comment mark may be, as far as its text shows."""

from __future__ import annotations

import re
from collections import Counter

from ispmig_pipelines.formats.csv.dialect import CsvOptions, Escape

_PRIOR: dict[str, float] = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0}
"""Weight of a delimiter before anything was read; see :func:`prior` for the others."""

_RARE = "\x1f\x01\x1e\x02\x03¦§¬~^:#&*!$%@=+_/ "


def delimiters(sample: str) -> list[str]:
    """What may stand between the cells, the likelier first."""
    present = [mark for mark in _PRIOR if mark in sample]
    present += [mark for mark in _RARE if mark in sample]
    runs = Counter(re.findall(r"(?<![^\w\s\"'])[^\w\s\"'.\-/\\@()#]{2,4}(?![^\w\s\"'])", sample))
    runs.update(re.findall(r"(?<=[\w\"'])(?:\|\||;;|::|,,|\t\t|~\|~|\|~\||\^\|\^)", sample))
    lines = max(sample.count("\n"), sample.count("\r"), 1)
    multiple = [
        run
        for run, count in runs.most_common(6)
        if count >= lines * 0.5 and _stands_together(run, count, sample)
    ]
    absent = next((mark for mark in _PRIOR if mark not in sample), None)
    # One that the sample does not show reads it as one column.
    return [*multiple, *present, *([absent] if absent else [])]


def _stands_together(run: str, count: int, sample: str) -> bool:
    """Whether the run's characters mostly stand in it: ``,$`` of a column of money does not."""
    return all(sample.count(mark) <= count * run.count(mark) * 2 for mark in set(run))


def prior(mark: str) -> float:
    """Weight of a delimiter before anything was read: 1 for the usual ones."""
    if mark in _PRIOR:
        return _PRIOR[mark]
    if len(mark) > 1:
        return 0.95
    if mark in "\x1f\x01\x1e\x02\x03¦§¬":
        return 0.95
    if mark in "~^":
        return 0.9
    if mark in ": ":
        return 0.5
    # These stand inside dates, codes, addresses and amounts: they delimit only where nothing
    # else explains the file.
    return 0.2


def is_weak(mark: str) -> bool:
    """Whether a delimiter stands inside single values so often that it must be doubted."""
    return prior(mark) <= 0.5


def quotes(sample: str, mark: str, options: CsvOptions) -> list[str]:
    """What cells may be quoted with; a quote that the sample does not show may still come."""
    if options.quote is not None:
        return [options.quote]
    found = []
    for quote in "\"'`":
        q, d = re.escape(quote), re.escape(mark)
        opens = len(re.findall(rf"(?:^|{d}) *{q}", sample, re.MULTILINE))
        closes = len(re.findall(rf"{q} *(?:$|{d}|\r)", sample, re.MULTILINE))
        if min(opens, closes) > 0 or (quote == '"' and opens):
            found.append((min(opens, closes), quote))
    if not found:
        # Nothing is quoted in the sample; what comes later may be.
        return ['"']
    quotes = [quote for _, quote in sorted(found, key=lambda pair: -pair[0])]
    if '"' not in quotes:
        quotes.append('"')
    return quotes


def escapes(sample: str, mark: str, quote: str, options: CsvOptions) -> list[Escape]:
    """How a quote may be written inside a quoted cell."""
    if options.escape is not None:
        return [options.escape]
    if "\\" not in sample:
        return ["doubled"]
    followed = [mark, "\\N"[1:]] + ([quote] if quote else [])
    if quote and "\\" + quote in sample:
        return ["doubled", "backslash"]
    if any("\\" + mark_ in sample for mark_ in followed):
        return ["doubled", "backslash"]
    return ["doubled"]


def spacings(sample: str, mark: str, quote: str) -> list[bool]:
    """Whether blanks around quotes may belong to no cell."""
    if not quote or mark == " ":
        return [False]
    spaced = re.search(re.escape(mark) + " +" + re.escape(quote), sample)
    return [False, True] if spaced else [False]


def comments(sample: str) -> list[str]:
    """What comment lines may begin with; nothing first: no comments."""
    lines = re.split(r"\r\n|\n|\r", sample)
    starts = [mark for mark in ("#", "//", "--", "%") if any(ln.startswith(mark) for ln in lines)]
    return ["", *starts]
