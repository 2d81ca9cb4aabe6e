"""ISPBills' import template: a PPPoE line a row, everything else by name."""

from __future__ import annotations

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import Moved, move

TRUTH = {
    "customers": {
        "Username": "customer.account_number location.location_code location.customer "
        "service.service_code service.customer service.access_username",
        "Password": "service.access_secret",
        "Full Name": "customer.last_name",
        "Phone": "customer.phone",
        "Email": "customer.email",
        "Operator": "customer.segment",
        "Package": "plan.plan_code plan.name service.plan",
        "Billing Profile": "customer.payment_terms customer.notes",
        "Zone": "location.zone",
        "Address": "location.street",
    }
}


@pytest.fixture
def moved(house: House) -> Moved:
    return move(house, "ispbills", ["customers.csv"], currency="BDT")


def test_the_template_comes_over_as_a_person_would_map_it(moved: Moved) -> None:
    assert moved.suggested.preset == "ispbills"
    assert moved.right(TRUTH) >= 0.9
    assert moved.strays(TRUTH) == set()

    assert moved.counts("customer") == (10, 7, 0, 3)
    assert moved.counts("location") == (10, 7, 0, 3)
    assert moved.counts("service") == (9, 6, 0, 3)
    assert moved.counts("plan") == (9, 3, 6, 0)

    customers = moved.rows("customer", "last_name", "phone", "email", "segment", "payment_terms")
    assert customers["rahim.uddin"] == (
        "MD. RAHIM UDDIN", "+8801711000101", "rahim@example.com", "Dhanmondi Net", "postpaid"
    )  # fmt: skip
    assert customers["karim_ctg"][1:] == ("+8801811000102", None, "Dhanmondi Net", "prepaid")
    assert customers["nusrat.j"][1] == "+8801911000103"
    assert customers["tania99"][0] == "তানিয়া আক্তার"
    # What no word of the profile says is not invented; the profile itself stays readable.
    assert customers["tania99"][4] is None
    assert moved.rows("customer", "notes")["tania99"] == "Billing profile: Free"
    assert moved.rows("location", "street", "zone")["karim_ctg"] == (
        'Flat 3B, "Green View", Mirpur', "Zone-2"
    )  # fmt: skip

    services = moved.rows("service", "plan", "access_username", "access_secret", "notes")
    assert services["rahim.uddin"] == ("10 Mbps Home", "rahim.uddin", "Rahim@123", None)
    for hashed in ("shop-42", "faruk.h"):
        assert services[hashed][2] is None
        assert "only a hash" in services[hashed][3]
    assert "nopack" not in services

    assert moved.quarantined() == {
        ("customer", "customers.csv", 6): {"key.duplicate"},  # a login that is there already
        ("customer", "customers.csv", 7): {"value.type"},  # too short a telephone number
        ("customer", "customers.csv", 8): {"value.type"},  # no email address
        ("location", "customers.csv", 6): {"key.duplicate"},
        ("location", "customers.csv", 7): {"reference.rejected"},
        ("location", "customers.csv", 8): {"reference.rejected"},
        ("service", "customers.csv", 6): {"key.duplicate"},
        ("service", "customers.csv", 7): {"reference.rejected"},
        ("service", "customers.csv", 8): {"reference.rejected"},
    }
    # The export says no speeds, of any plan.
    assert moved.noted() == {
        ("plan", "customers.csv", n): {"network.plan_without_speed"} for n in (1, 2, 4)
    }
