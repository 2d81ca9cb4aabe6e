"""Nothing sound is rejected: data by others, and exactly what is said of it.

Each of these was judged by hand; a false warning is a defect.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.suggesting import suggest, write
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.defs.migrating import House, Ran

SPECS = Path(__file__).parent.parent / "specs"


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def moved(house: House, data: str, spec: str) -> Ran:
    """Migrates a file of the corpora by a spec of ours, whatever is rejected."""
    shutil.copy(corpus(data), house.folder)
    shutil.copy(SPECS / spec, house.folder)
    ran = house.migrate(spec, max_quarantined="100%")
    assert ran.ok, ran.failure()
    return ran


def said(ran: Ran) -> dict[str, dict[str, int]]:
    """Entity → rule → records, of the entities of which anything is said."""
    assert ran.entry is not None
    return {entity: rules for entity, rules in ran.entry.issues.items() if rules}


def told(house: House) -> list[tuple[str, int, str, str]]:
    """Entity, record, rule and field of every issue."""
    return [
        (entity, record, rule, field)
        for entity, record, rule, field in house.rows("_issues", "entity, record, rule, field")
    ]


@pytest.mark.slow
def test_7043_customers_of_a_telephone_company_are_sound(house: House) -> None:
    ran = moved(house, "csv_telco/Telco-Customer-Churn.csv", "telco.yaml")
    assert said(ran) == {}
    assert told(house) == []


@pytest.mark.slow
def test_of_a_shop_s_customers_one_has_a_telephone_that_is_none(house: House) -> None:
    ran = moved(house, "sql_chinook/Chinook_PostgreSql.sql", "chinook.yaml")
    # Danish numbers have eight digits; this one has nine, since its country's code has an own 3.
    # Its seven invoices with their 38 lines wait for it.
    assert said(ran) == {
        "customer": {"value.type": 1},
        "invoice": {"reference.rejected": 7},
        "invoice_line": {"reference.rejected": 38},
    }
    assert ("customer", 9, "value.type", "phone") in told(house)
    assert ran.entry is not None
    totals = ran.entry.totals["invoice.total"]["USD"]
    assert Decimal(totals["source"]) == Decimal("2328.60")
    assert Decimal(totals["quarantined"]) == Decimal("37.62")


@pytest.mark.slow
def test_the_devices_and_networks_of_an_office_are_sound(house: House) -> None:
    ran = moved(house, "sql_netbox/netbox-demo-v3.0.sql", "netbox.yaml")
    containers = 16
    assert said(ran) == {"ip_assignment": {"rule.left_out": containers}}
    counts = {entity: c["inserted"] for entity, c in ran.counts.items()}
    assert counts == {
        "customer": 11, "location": 24, "device": 63, "ip_assignment": 68 - containers,
    }  # fmt: skip


@pytest.mark.slow
def test_of_an_api_s_documented_answers_only_what_belongs_to_another_is_rejected(
    house: House,
) -> None:
    answers = json.loads(
        (corpus("json_ucrm") / "ucrm_api_get_response_examples.json").read_text(encoding="utf-8")
    )
    wanted = {"clients": "/clients{", "services": "/clients/services", "invoices": "/invoices{",
              "payments": "/payments{", "service-plans": "/service-plans"}  # fmt: skip
    files = []
    for name, path in wanted.items():
        found = next(
            a["response"] for a in answers
            if a["path"][2].strip().startswith(path) and isinstance(a["response"], list)
        )  # fmt: skip
        files.append(str(house.write(f"{name}.json", json.dumps(found))))
    write(suggest(files, house.folder / "spec.yaml", preset="uisp", currency="USD"))
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    # Each example is of another client: the one of /clients is nobody's, and is loaded.
    assert ran.counts["customer"]["inserted"] == 1
    rules = {rule for rules in said(ran).values() for rule in rules}
    assert rules == {"reference.missing", "reference.rejected"}
    assert ("service", 1, "reference.missing", "customer") in told(house)
    assert ("invoice", 1, "reference.missing", "customer") in told(house)
    assert ("payment", 1, "reference.missing", "customer") in told(house)
