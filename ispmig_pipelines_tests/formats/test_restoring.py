"""What was neutralised on the way out is read as it was."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.formulas import neutralised, restored
from ispmig_pipelines.formats.restoring import RestoringReader


@given(st.lists(st.one_of(st.none(), st.text(alphabet="'=+-@\t\r a1", max_size=5))))
def test_neutralising_can_be_taken_back(texts: list[str | None]) -> None:
    cells = pa.array(texts, pa.string())
    assert restored(neutralised(cells)).to_pylist() == texts


@pytest.mark.parametrize("restoring", [True, False])
def test_the_readers_cells_are_restored(tmp_path: Path, restoring: bool) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n'=1+1,O'Brien\n''=x,\n")
    plain = open_source(path)
    with RestoringReader(plain) if restoring else plain as reader:
        assert reader.columns("x") == ["a", "b"]
        (batch,) = reader.batches("x")
        assert batch.cells.column("a").to_pylist() == (
            ["=1+1", "'=x"] if restoring else ["'=1+1", "''=x"]
        )
        assert batch.cells.column("b").to_pylist() == ["O'Brien", None]
        assert len(reader.sha256()) == 64
        assert reader.size == path.stat().st_size
        assert reader.detected.format == "csv"
