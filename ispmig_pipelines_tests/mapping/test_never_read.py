"""Columns that a source never reads: mapped they are a mistake, and nowhere does one arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.mapping.spec import check_columns, parse_spec
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.conftest import house as house

SPEC = """\
version: 1
sources: {people: {files: people.csv, never: [Card No, cvv]}}
entities:
  customer:
    from: people
    fields: {account_number: No, last_name: Name, status: {constant: active}}
"""


def test_a_column_that_is_never_read_cannot_be_mapped(tmp_path: Path) -> None:
    text = SPEC.replace("last_name: Name", "notes: card no")
    spec = parse_spec(text, tmp_path / "spec.yaml")
    (problem,) = check_columns(spec, "people", ["No", "Name"])
    assert problem.startswith("spec.yaml:6: customer.notes: 'card no' is one of the columns")


def test_what_is_never_read_is_neither_loaded_nor_quarantined(house: House) -> None:
    house.write("spec.yaml", SPEC)
    house.write(
        "people.csv",
        "No,Name,Card No,CVV,Note\n1,Ann,4111111111111111,737,vip\n,Bob,5500000000000004,112,\n"
        "3,Cy,340000000000009\n",
    )
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok
    assert ran.counts["customer"]["inserted"] == 1
    assert house.rows("customer", "account_number, legacy") == [("1", {"Note": "vip"})]
    kept = repr(house.quarantine())
    assert "Bob" in kept
    assert not any(secret in kept for secret in ("5500000000000004", "112", "340000000000009"))


@pytest.mark.parametrize("mode", ["load", "dry_run"])
def test_a_column_that_is_not_there_is_told(house: House, mode: str) -> None:
    house.write("spec.yaml", SPEC)
    house.write("people.csv", "No,Name,CardNo,CVV\n1,Ann,x,1\n")
    message, code = house.migrate(mode=mode).failure()
    assert "source 'people' has no column 'Card No'" in message
    assert code != 0
