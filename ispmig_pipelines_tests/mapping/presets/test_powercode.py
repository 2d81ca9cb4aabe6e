"""Powercode's import sheets: a customer is there once, however many services repeat the row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import Moved, move

TRUTH = {
    "customers": {
        "CustomerID": "customer.account_number location.location_code location.customer "
        "service.service_code service.customer service.location",
        "Company Name": "customer.company_name",
        "First Name": "customer.first_name",
        "Last Name": "customer.last_name",
        "Home Phone": "customer.phone",
        "Work Phone": "customer.work_phone",
        "Mobile Phone": "customer.mobile",
        "Billing Street": "customer.billing_street",
        "Billing Street2": "customer.billing_street2",
        "Billing City": "customer.billing_city",
        "Billing State": "customer.billing_region",
        "Billing Zip": "customer.billing_postal_code",
        "Physical Street": "location.street",
        "Physical City": "location.city",
        "Physical State": "location.region",
        "Physical Zip": "location.postal_code",
        "Latitude": "location.latitude",
        "Longitude": "location.longitude",
        "Email": "customer.email",
        "Status": "customer.status service.status",
        "Username": "customer.portal_username",
        "Open Balance": "customer.balance",
        "Tax Zone": "customer.segment",
        "Service ID": "service.service_code service.plan",
        "Service quantity": "service.quantity",
        "Invoice Date": "customer.bill_day customer.next_bill_date",
    },
    "services": {
        "ServiceID": "plan.plan_code",
        "ServiceName": "plan.name",
        "Monthly Price": "plan.price",
        "Company Notes": "plan.notes",
        "UploadSpeed": "plan.upload_kbps",
        "DownloadSpeed": "plan.download_kbps",
    },
}


@pytest.fixture
def moved(house: House) -> Moved:
    return move(house, "powercode", ["customers.csv", "services.csv"])


def test_powercodes_sheets_come_over_as_a_person_would_map_them(moved: Moved) -> None:
    assert moved.suggested.preset == "powercode"
    assert moved.suggested.tables == {"customers": "customers", "services": "services"}
    assert moved.right(TRUTH) >= 0.9
    assert moved.strays(TRUTH) == set()

    assert moved.counts("plan") == (4, 4, 0, 0)
    assert moved.counts("customer") == (13, 7, 2, 4)
    assert moved.counts("location") == (13, 7, 3, 3)
    assert moved.counts("service") == (11, 8, 0, 3)

    # Once each, with the sign of a debt: a customer of three services owes 59.95 and not 179.85.
    assert moved.total("customer", "balance") == Decimal("167.5500")
    customers = moved.rows("customer", "kind", "last_name", "company_name", "status", "balance")
    assert customers["1001"] == ("person", "Quinlan", None, "active", Decimal("59.95"))
    assert customers["1002"] == (
        "company", "Pratt", 'Dells "Big Top" Campground, LLC', "active", Decimal(-120)
    )  # fmt: skip
    assert customers["1003"] == ("person", "O'Dell", None, "suspended", Decimal("180.1"))
    assert customers["1005"][3] == "cancelled"
    assert customers["1009"] == ("person", "Stahl", None, "active", None)
    assert moved.rows("customer", "phone", "mobile", "bill_day", "segment")["1001"] == (
        "+16085550143", "+16085550188", 1, "Sauk County"
    )  # fmt: skip

    services = moved.rows("service", "customer", "plan", "quantity", "status")
    assert services["1002-20"] == ("1002", "20", Decimal(2), "active")
    assert {k for k in services if k.startswith("1001")} == {"1001-10", "1001-30", "1001-90"}
    assert services["1003-10"][3] == "suspended"
    plans = moved.rows("plan", "kind", "price", "download_kbps", "upload_kbps")
    assert plans["10"] == ("internet", Decimal("59.95"), 25000, 5000)
    assert plans["30"] == (None, Decimal("24.95"), None, None)
    assert plans["90"] == ("other", Decimal(-10), None, None)

    assert moved.quarantined() == {
        ("customer", "customers.csv", 6): {"rule.left_out"},  # a further contact of 1003
        ("customer", "customers.csv", 7): {"value.type"},  # no email address
        ("customer", "customers.csv", 10): {"key.duplicate"},  # the same customer owes otherwise
        ("customer", "customers.csv", 12): {"value.lookup"},  # an unknown status
        ("location", "customers.csv", 6): {"rule.left_out"},
        ("location", "customers.csv", 7): {"reference.rejected"},
        ("location", "customers.csv", 12): {"reference.rejected"},
        ("service", "customers.csv", 7): {"reference.rejected"},
        ("service", "customers.csv", 11): {"reference.missing"},  # there is no service 77
        ("service", "customers.csv", 12): {"value.lookup"},
    }
    assert moved.noted() == {
        ("plan", "services.csv", 3): {"network.plan_without_speed"},  # mail, on an active line
        ("plan", "services.csv", 4): {"plan.price_is_not_negative"},  # a rebate
    }
