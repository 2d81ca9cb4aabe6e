"""The page about the entities is written from the model, and is current."""

from __future__ import annotations

from pathlib import Path

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.document import entities_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "entities.md"


def test_the_committed_page_is_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == entities_page(), (
        "docs/entities.md is not what the model says: "
        "run python -m ispmig_pipelines.model.document > docs/entities.md"
    )


def test_the_page_tells_every_field_and_every_rule() -> None:
    sections = entities_page().split("\n## ")[1:]
    assert [section.splitlines()[0] for section in sections] == list(ENTITIES)
    for section, entity in zip(sections, ENTITIES.values(), strict=True):
        assert entity.doc in section
        rows = [
            line for line in section.partition("\nIn ")[0].splitlines() if line.startswith("| `")
        ]
        assert [row.split("`")[1] for row in rows] == list(entity.fields)
        # Six cells each: nothing in a cell ends it early.
        assert all(row.replace("\\|", "").count("|") == 7 for row in rows)
        for row, info in zip(rows, entity.fields.values(), strict=True):
            assert info.doc in row
            assert info.privacy.value in row
            assert all(alias in row for alias in info.aliases)
        assert all(f"- {rule.doc}" in section for rule in entity.row_rules)
        for rule in entity.business_rules:
            (row,) = (
                r for r in section.splitlines() if r.startswith(f"| `{entity.rule_code(rule)}`")
            )
            assert rule.doc in row
            assert rule.why in row
            assert rule.severity in row
