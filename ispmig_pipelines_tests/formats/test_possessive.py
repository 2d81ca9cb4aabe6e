"""Groups that give nothing back, whichever Python reads the pattern."""

from __future__ import annotations

import re

import pytest

from ispmig_pipelines.formats.possessive import atomic, compiled


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"(?:ab?c)*+", r"(?>(?:ab?c)*)"),
        (r"((?:a|b)++x)?+", r"(?>((?>(?:a|b)+)x)?)"),
        (r"(?P<n>a){2,3}+(?P=n)", r"(?>(?P<n>a){2,3})(?P=n)"),
        (r"[()*+]*+\)*+x++", r"[()*+]*+\)*+x++"),
        (r"[])+](a)+", r"[])+](a)+"),
    ],
)
def test_atomic_groups_stand_for_possessive_ones(pattern: str, written: str) -> None:
    assert atomic(pattern) == written
    assert atomic(pattern.encode()) == written.encode()
    re.compile(written)


def test_what_a_group_has_matched_is_not_taken_back() -> None:
    # https://github.com/python/cpython/issues/106052: some take the last a too.
    match = compiled(r"(?:ab?c)*+").match("aca")
    assert match is not None
    assert match.group() == "ac"
    assert re.match(atomic(r"(?:a|ab)*+c"), "abc") is None
