"""A migration says where it has personal data: in fields, and in columns that nobody mapped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.validation.personal import PersonalKind
from ispmig_pipelines.validation.personal_data import personal_data
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
name: people
sources:
  people: {files: people.csv}
  areas: {files: areas.csv}
entities:
  customer:
    from: people
    fields:
      account_number: No
      status: {constant: active}
      last_name: Name
      email: Mail
      billing_city: {column: Area, lookup_table: {source: areas, key: Id, value: Town}}
"""
PEOPLE = (
    "No,Name,Mail,Area,Birthday,Remark,Colour\n"
    "1,Ann Smith,ann@example.org,1,1977-03-12,sits in a wheelchair,red\n"
    "2,Bob Jones,bob@example.org,2,1980-01-31,calls late every day,blue\n"
)
AREAS = "Id,Town,Agent\n1,Berlin,eva@example.net\n2,Bonn,udo@example.net\n"


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["load", "dry_run"])
def test_it_says_what_goes_where(house: House, mode: str) -> None:
    house.write("spec.yaml", SPEC)
    house.write("people.csv", PEOPLE)
    house.write("areas.csv", AREAS)
    ran = house.migrate(mode=mode)
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    found = {(one.source, one.column): one for one in personal_data(ran.entry.findings)}
    assert {place: one.goes_to for place, one in found.items()} == {
        ("people", "Birthday"): ("legacy",),
        ("people", "Remark"): ("legacy",),
        ("people", "No"): ("customer.account_number",),
        ("people", "Name"): ("customer.last_name",),
        ("people", "Mail"): ("customer.email",),
        ("people", "Area"): ("customer.billing_city",),
        ("areas", "Town"): ("customer.billing_city",),
        ("areas", "Agent"): (),
    }
    assert found["people", "Birthday"].kind is PersonalKind.BIRTH_DATE
    assert found["people", "Remark"].special == {"health": 1}
    assert found["areas", "Agent"].kind is PersonalKind.EMAIL
    told = json.dumps(ran.entry.findings)
    assert not any(cell in told for cell in ("Ann", "example.org", "1977", "wheelchair"))
    shown = CliRunner().invoke(app, ["migration", str(ran.entry.id)])
    assert shown.exit_code == 0, shown.output
    (line,) = [line for line in shown.output.splitlines() if "people.Remark" in line]
    assert "free text" in line
    assert "legacy" in line
    assert "health 1" in line
