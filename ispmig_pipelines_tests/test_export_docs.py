"""What the pages about exports show is accepted as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ispmig_pipelines.condition import parse_condition
from ispmig_pipelines.mapping.outward import load_outward
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.corpora import PROJECT

DOCS = PROJECT / "docs"
CONDITIONS = re.findall(r"^    (.+)$", (DOCS / "conditions.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("text", CONDITIONS)
def test_the_conditions_can_be_read(text: str) -> None:
    parse_condition(text, [*ENTITIES] if "customer." in text else ["customer"])


def test_there_are_conditions_on_the_page() -> None:
    assert len(CONDITIONS) >= 3


def test_the_transform_can_be_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml transform\n(.*?)```", (DOCS / "export.md").read_text("utf-8"),
                         re.DOTALL)  # fmt: skip
    (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
    found = load_outward(tmp_path / "t.yaml")
    assert found.entities == ("customer", "service")
    assert all(found.columns(entity) for entity in found.entities)
