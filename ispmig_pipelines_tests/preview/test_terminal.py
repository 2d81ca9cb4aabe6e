"""The report in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ispmig_pipelines.preview import terminal
from ispmig_pipelines.preview.report import Report
from ispmig_pipelines_tests.preview.reports import report, sample, sampled


def printed(made: Report, *, width: int = 100, whole: bool = False) -> str:
    out = io.StringIO()
    terminal.show(Console(file=out, width=width), made, whole=whole)
    return out.getvalue()


def test_everything_is_there_at_100_columns() -> None:
    text = printed(report())
    assert max(map(len, text.splitlines())) <= 100
    for told in ("customer", "1,234.50", "A → active 2 \N{MULTIPLICATION SIGN}",
                 "Bob → Bob (now Rob)",
                 "? → held back [value.lookup]", "value.lookup (error)", "Nothing came for: notes",
                 "Not filled by the spec: fax", "Tower", "kept beside the record",
                 "would change: 1 (last_name 1)", "The migration would go through."):  # fmt: skip
        assert told in text, told


@pytest.mark.parametrize("width", [20, 80, 300])
def test_at_other_widths_too(width: int) -> None:
    text = printed(report(), width=width)
    assert max(map(len, text.splitlines())) <= max(80, min(width, 140))
    assert "active 2 \N{MULTIPLICATION SIGN}" in text


def test_all_pairs_if_asked_for() -> None:
    made = report()
    block = made.entities[0].blocks[0].model_copy(
        update={"samples": tuple(sample(i, sampled("status", f"S{i}", "active")) for i in range(9))}
    )  # fmt: skip
    made = made.model_copy(
        update={"entities": (made.entities[0].model_copy(update={"blocks": (block,)}),)}
    )
    assert "S8" not in printed(made)
    assert "and 6 others" in printed(made)
    assert "S8" in printed(made, whole=True)


def test_what_a_cell_says_to_a_terminal_is_not_heard() -> None:
    block = report().entities[0].blocks[0].model_copy(
        update={"samples": (sample(1, sampled("status", "\x1b[31m[bold]x", "a\u202eb")),)}
    )  # fmt: skip
    entity = report().entities[0].model_copy(update={"blocks": (block,)})
    text = printed(report(entities=(entity,)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "?[31m[bold]x → a?b" in text


def test_a_refusal_is_told() -> None:
    text = " ".join(printed(report(passed=False, refused="Too much in quarantine.")).split())
    assert text.endswith("The migration would be refused. Too much in quarantine.")
