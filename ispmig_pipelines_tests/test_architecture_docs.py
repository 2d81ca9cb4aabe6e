"""The page about the architecture says what the rule of imports says, of every room."""

from __future__ import annotations

import re

import pytest

from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.test_architecture import (
    EVERYTHING,
    FOUNDATION,
    KNOWS,
    MAY_IMPORT,
    ONLY,
    PACKAGE,
)

PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
WORDS = {
    "nothing": set(),
    "the ground": FOUNDATION,
    "the model": KNOWS,
    "everything": EVERYTHING,
}


def rooms() -> dict[str, str]:
    """Room → what the page says that it may import."""
    table = PAGE.split("| room |")[1].split("\n\n")[0]
    found: dict[str, str] = {}
    for line in table.splitlines()[2:]:
        names, _, imports = (cell.strip() for cell in line.strip("|").split(" | "))
        for name in re.findall(r"`(\w+)/?`", names):
            assert name not in found, name
            found[name] = imports
    return found


def allowed(words: str) -> set[str]:
    """The rooms that a cell of the page allows."""
    found: set[str] = set()
    for word in words.split(", "):
        if match := re.fullmatch(r"`(\w+)`", word):
            found.add(match[1])
        else:
            found |= WORDS[word]
    return found


def test_every_room_is_on_the_page_and_no_other() -> None:
    assert rooms().keys() == MAY_IMPORT.keys()


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_the_page_allows_what_the_rule_allows(room: str) -> None:
    said = rooms()[room]
    if said == "everything below it":
        # Dagster's part knows whatever it calls, and nothing of what a person starts.
        assert not MAY_IMPORT[room] & {"definitions", "up", "migrating", "exporting"}
        return
    assert allowed(said) == MAY_IMPORT[room]


def test_what_is_a_folder_is_written_as_one() -> None:
    for name in rooms():
        assert f"`{name}/`" in PAGE if (PACKAGE / name).is_dir() else f"`{name}`" in PAGE


def test_the_ground_and_the_model_are_named_in_full() -> None:
    sentence = PAGE.split("**The ground** is ")[1].split(".")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == FOUNDATION
    sentence = PAGE.split("**The model** is ")[1].split(".")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == KNOWS - FOUNDATION


def test_who_may_know_dagster_is_named() -> None:
    (line,) = re.findall(r"^- Only (.*) know Dagster\.", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", line)) == ONLY["dagster"]
