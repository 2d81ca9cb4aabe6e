"""What the pages about exports show is accepted as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from ispmig_pipelines.mapping.outward import load_outward
from ispmig_pipelines_tests.corpora import PROJECT

DOCS = PROJECT / "docs"


def test_the_transform_can_be_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml transform\n(.*?)```", (DOCS / "export.md").read_text("utf-8"),
                         re.DOTALL)  # fmt: skip
    (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
    found = load_outward(tmp_path / "t.yaml")
    assert found.entities == ("customer", "service")
    assert all(found.columns(entity) for entity in found.entities)
