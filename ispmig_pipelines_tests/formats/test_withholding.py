"""Columns that are never read get nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.database.reader import open_database
from ispmig_pipelines.formats.withholding import WithholdingReader


def test_withheld_columns_and_raw_texts_are_not_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,payinfo,name\n1,4111111111111111,Ann\n2,4111111111111111\n3,,Cy\n")
    with WithholdingReader(open_source(path), ["payinfo"]) as reader:
        assert reader.columns("x") == ["id", "name"]
        (batch,) = reader.batches("x")
        assert batch.cells.to_pylist() == [{"id": "1", "name": "Ann"}, {"id": "3", "name": "Cy"}]
        assert [r.record for r in batch.rejects] == [2]
        assert "4111" not in batch.rejects[0].text
        assert len(reader.sha256()) == 64


def test_missing_keys_of_withheld_columns_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text('{"id": "1", "cvv": "123"}\n{"id": "2"}\n')
    with WithholdingReader(open_source(path), ["cvv"]) as reader:
        (batch,) = reader.batches("x")
        assert batch.cells.to_pylist() == [{"id": "1"}, {"id": "2"}]
        assert dict(batch.missing) == {}


def test_of_a_database_the_digest_is_of_what_is_handed_over(tmp_path: Path) -> None:
    import sqlite3

    def digest(cvv: str, never: list[str]) -> str:
        path = tmp_path / f"{cvv}.sqlite"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as connection:
            connection.execute("create table cards (id text, cvv text)")
            connection.execute("insert into cards values ('1', ?)", [cvv])
        connection.close()
        with open_database(f"sqlite:///{path.name}", folder=tmp_path) as database:
            reader = WithholdingReader(database.reader(table="cards"), never, digests_cells=True)
            with pytest.raises(ValueError, match="to its end"):
                reader.sha256()
            list(reader.batches("cards"))
            return reader.sha256()

    assert digest("123", ["cvv"]) == digest("456", ["cvv"])
    assert digest("123", []) != digest("456", [])
