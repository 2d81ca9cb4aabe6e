"""The valid name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz, process, utils

LIKENESS = 60
"""Of 100, from which on a name is worth proposing."""


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The most similar of ``valid``, or None if none is similar."""
    found = process.extractOne(
        name, list(valid), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=LIKENESS
    )
    return None if found is None else found[0]


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or the valid names where none is similar."""
    names = list(valid)
    found = nearest(name, names)
    if found is not None:
        return f"; did you mean {found!r}?"
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; there is {listed}" if names else ""
