"""The benchmark's customers: the same every time, as messy as is said, in every format."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.formats import open_source
from ispmig_pipelines_tests.bench import customers, inputs

DIGEST = "e38987d721395c05b5d5c9e18bf6ce6643b79a68aa42d214c421f4fed9688902"
"""SHA-256 of the first thousand as CSV: figures of two machines are of the same file."""


def cells(path: Path) -> list[dict[str, Any]]:
    """Every record as a reader of ours gives it; ``None`` for what is empty."""
    with open_source(path) as reader:
        (table,) = reader.tables()
        return [
            {name: row[name] or None for name in customers.COLUMNS}
            for batch in reader.batches(table)
            for row in batch.cells.to_pylist()
        ]


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("customers") / "1000.csv"
    customers.write(path, 1000)
    return path


def test_the_file_is_the_same_on_every_machine(thousand: Path) -> None:
    assert hashlib.sha256(thousand.read_bytes()).hexdigest() == DIGEST


def test_the_first_customers_of_more_are_the_same() -> None:
    (alone,) = customers.batches(50_000)
    first, rest = customers.batches(50_003)
    assert first.equals(alone)
    assert rest.column("account").to_pylist() == ["C-000050001", "C-000050002", "C-000050003"]


def test_they_are_as_messy_as_exports_are() -> None:
    (batch,) = customers.batches(20_000)
    rows = batch.to_pydict()
    without = sum("@" not in email for email in rows["email"])
    assert 0.007 < without / 20_000 < 0.013
    spellings = {re.sub(r"\d", "9", phone) for phone in rows["phone"]}
    assert spellings == {"(999) 999-9999", "999.999.9999", "+9 999 999 9999", "9999999999"}
    assert {balance.rstrip("0123456789.") for balance in rows["balance"]} == {"", "-", "$", "-$"}
    assert {None, "-"} < set(rows["notes"])
    assert any("\n" in (note or "") for note in rows["notes"])
    assert any('"' in (company or "") for company in rows["company"])
    assert len(set(rows["account"])) == 20_000
    assert rows["plan"][0] not in customers.SPEC  # used by no mapping, and kept all the same


def test_a_row_has_as_many_bytes_as_is_said(thousand: Path) -> None:
    assert 160 < thousand.stat().st_size / 1000 < 200


def test_one_in_ten_has_moved_and_nothing_else_has_changed(thousand: Path, tmp_path: Path) -> None:
    customers.write(tmp_path / "moved.csv", 1000, moved_every=10)
    before, after = cells(thousand), cells(tmp_path / "moved.csv")
    changed = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed == list(range(0, 1000, 10))
    assert all(after[n] == {**before[n], "street": after[n]["street"]} for n in changed)


def test_every_tenth_moves_whatever_batches_they_come_in() -> None:
    (whole,) = customers.batches(100)
    parts = [whole.slice(start, 7) for start in range(0, 100, 7)]
    streets = [s for b in customers.moved(parts, 10) for s in b.column("street").to_pylist()]
    (at_once,) = customers.moved([whole], 10)
    assert streets == at_once.column("street").to_pylist()


@pytest.mark.parametrize("kind", inputs.INPUTS)
def test_every_format_holds_the_same_customers(kind: str, thousand: Path, tmp_path: Path) -> None:
    people = inputs.People(customers.COLUMNS, customers.records)
    path = inputs.made(tmp_path, kind, 1000, people)
    assert cells(path) == cells(thousand)


def test_the_csv_is_what_other_readers_see(thousand: Path) -> None:
    with thousand.open(encoding="utf-8", newline="") as file:
        seen = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    assert seen == cells(thousand)
