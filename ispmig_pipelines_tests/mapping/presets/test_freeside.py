"""Freeside's batch files: no header, a fixed order, and numbers of cards among the columns."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines.suggesting import suggest, write
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import Moved, move

CARDS = ("4111111111111111", "5500000000000004", "340000000000009", "30569309025904",
         "6011000000000004")  # fmt: skip

CUSTOMERS = {
    "last": "customer.last_name",
    "first": "customer.first_name",
    "company": "customer.company_name",
    "address1": "customer.billing_street",
    "address2": "customer.billing_street2",
    "city": "customer.billing_city",
    "state": "customer.billing_region",
    "zip": "customer.billing_postal_code",
    "country": "customer.billing_country",
    "daytime": "customer.work_phone",
    "night": "customer.phone",
    "ship_address1": "location.street",
    "ship_address2": "location.street2",
    "ship_city": "location.city",
    "ship_state": "location.region",
    "ship_zip": "location.postal_code",
    "ship_country": "location.country",
    "invoicing_list": "customer.email",
    "svc_broadband.sectornum": "location.zone",
}
KEYS = "customer.account_number location.location_code location.customer device.customer"
ALONE = {
    "customers": {
        **CUSTOMERS,
        "agent_custid": f"{KEYS} service.service_code service.customer service.location "
        "ip_assignment.service",
        "cust_pkg.pkgpart": "plan.plan_code service.service_code service.plan "
        "ip_assignment.service",
        "cust_pkg.bill": "service.next_bill_date",
        "svc_broadband.ip_addr": "ip_assignment.address",
        "svc_broadband.mac_addr": "device.device_code device.mac ip_assignment.mac",
    }
}
WITH_PACKAGES = {
    "customers": {
        **CUSTOMERS,
        "agent_custid": KEYS,
        "svc_broadband.ip_addr": "ip_assignment.address",
        "svc_broadband.mac_addr": "device.device_code device.mac ip_assignment.mac",
    },
    "packages": {
        "custnum": "service.customer",
        "pkgpart": "service.plan",
        "setup": "service.start_date",
        "start_date": "service.start_date",
        "bill": "service.next_bill_date",
        "last_bill": "service.billed_until",
        "susp": "service.suspended_date",
        "cancel": "service.end_date",
        "expire": "service.end_date",
    },
    "part_pkg": {
        "pkgpart": "plan.plan_code",
        "pkg": "plan.name",
        "comment": "plan.description",
        "freq": "plan.billing_cycle",
        "disabled": "plan.status",
        "setup_fee": "plan.setup_fee",
        "recur_fee": "plan.price",
    },
}


@pytest.fixture
def alone(house: House) -> Moved:
    return move(house, "freeside", ["customers.csv"])


@pytest.fixture
def with_packages(house: House) -> Moved:
    return move(house, "freeside", ["customers.csv", "cust_pkg.csv", "part_pkg.csv"])


def test_a_file_without_a_header_is_known_by_its_order(alone: Moved) -> None:
    assert alone.suggested.preset == "freeside"
    assert alone.suggested.sources["customers"]["csv"]["header"] == "false"
    assert alone.right(ALONE) >= 0.9
    assert alone.strays(ALONE) == set()

    assert alone.counts("customer") == (12, 10, 0, 2)
    assert alone.counts("location") == (12, 10, 0, 2)
    # A line that is torn off is counted wherever it could have belonged.
    assert alone.counts("plan") == (11, 2, 8, 1)
    assert alone.counts("service") == (11, 8, 0, 3)
    assert alone.counts("device") == (10, 7, 0, 3)
    assert alone.counts("ip_assignment") == (11, 6, 0, 5)

    customers = alone.rows("customer", "kind", "first_name", "last_name", "company_name", "email",
                           "invoice_delivery", "work_phone")  # fmt: skip
    assert customers["3001"] == (
        "person", "Greta", "Halvorsen", None, "greta.halvorsen@example.com", None, "+12185550101"
    )  # fmt: skip
    assert customers["3002"] == (
        "company", "Eino", "Maki", 'Maki\'s "Lake" Resort, Inc.', "office@makilake.example.com",
        "post", "+12185550111",
    )  # fmt: skip
    assert customers["3007"][4:6] == (None, "post")
    assert customers["3008"][4] == "tilda.rask@example.com"
    assert customers["3011"][2] == "Lähde"
    assert alone.rows("customer", "notes")["3008"] == (
        "Invoices go to tilda.rask@example.com,t.rask@example.org"
    )
    locations = alone.rows("location", "street", "street2", "city", "postal_code", "zone")
    assert locations["3001"] == ("18 Birch Ln", None, "Ely", "55731", "3")
    assert locations["3002"] == ("77 Shagawa Rd", "Cabin 4", "Winton", "55796", "3")
    assert alone.rows("service", "plan", "next_bill_date")["3003-4"] == ("4", "2024-07-15")
    assert alone.rows("ip_assignment", "service", "mac")["203.0.113.17"] == (
        "3002-7", "00:15:6d:44:00:02"
    )  # fmt: skip

    assert alone.quarantined() == {
        ("customer", "customers.csv", 6): {"value.type"},  # no email address
        ("location", "customers.csv", 6): {"reference.rejected"},
        ("service", "customers.csv", 6): {"reference.rejected"},
        ("service", "customers.csv", 8): {"value.date"},  # the 13th month
        ("device", "customers.csv", 5): {"value.type"},  # a MAC address with a G
        ("device", "customers.csv", 6): {"reference.rejected"},
        ("ip_assignment", "customers.csv", 4): {"key.duplicate"},  # an address of two customers
        ("ip_assignment", "customers.csv", 5): {"value.type"},
        ("ip_assignment", "customers.csv", 6): {"reference.rejected"},
        ("ip_assignment", "customers.csv", 8): {"reference.rejected"},
        **{
            (entity, "customers.csv", 12): {"record.ragged"}
            for entity in ("customer", "location", "plan", "service", "device", "ip_assignment")
        },
    }


def test_packages_have_their_status_from_their_dates(with_packages: Moved) -> None:
    moved = with_packages
    assert moved.suggested.preset == "freeside"
    assert moved.right(WITH_PACKAGES) >= 0.9
    assert moved.strays(WITH_PACKAGES) == set()

    assert moved.counts("customer") == (12, 10, 0, 2)
    assert moved.counts("plan") == (5, 5, 0, 0)
    assert moved.counts("service") == (11, 7, 0, 4)
    assert moved.counts("ip_assignment") == (11, 8, 0, 3)

    services = moved.rows("service", "customer", "plan", "status", "start_date", "end_date",
                          "suspended_date")  # fmt: skip
    assert services["PKG-000001"] == ("3001", "4", "active", "2019-05-01", None, None)
    # Two lines of one customer at one price are two services.
    assert services["PKG-000002"] == services["PKG-000003"]
    assert services["PKG-000004"] == ("3002", "7", "suspended", "2018-03-15", None, "2024-06-20")
    assert services["PKG-000005"] == (
        "3003", "4", "cancelled", "2017-01-10", "2023-01-20", "2023-01-05"
    )  # fmt: skip
    assert services["PKG-000006"] == ("3004", "4", "pending", "2024-08-01", None, None)
    assert services["PKG-000007"] == ("3005", "4", "active", "2020-02-29", "2024-12-31", None)
    plans = moved.rows("plan", "name", "status", "price", "billing_cycle")
    assert plans["4"] == ("Wireless 10", "active", Decimal("44.95"), "monthly")
    assert plans["2"][1] == "retired"
    assert plans["11"] == ("Domain", "active", Decimal(24), "yearly")
    assert moved.total("plan", "price") == Decimal("247.8500")

    assert {k: v for k, v in moved.quarantined().items() if k[1] == "cust_pkg.csv"} == {
        ("service", "cust_pkg.csv", 8): {"value.date"},  # the 31st of June
        ("service", "cust_pkg.csv", 9): {"reference.missing"},
        ("service", "cust_pkg.csv", 10): {"reference.missing"},  # there is no package 55
        ("service", "cust_pkg.csv", 11): {
            "service.start_date_before_end_date"
        },  # cancelled before it began
    }
    assert moved.noted() == {
        # Expired, and not cancelled.
        ("service", "cust_pkg.csv", 7): {"service.active_is_not_over_by_end_date"},
    }


def test_no_number_and_no_verification_value_of_a_card_gets_anywhere(alone: Moved) -> None:
    everything = alone.everything()
    kept = repr(alone.house.quarantine())
    for card in CARDS:
        assert card not in everything
        assert card not in kept
    for text in (everything, kept):
        assert "paycvv" not in text
        assert "payinfo" not in text
    torn = next(q for q in alone.house.quarantine() if q["record"] == 12)
    assert "Short" not in torn["text"]


@pytest.mark.slow
def test_the_databases_packages_have_times_in_seconds(house: House) -> None:
    house.write(
        "cust_main.csv",
        "custnum,agent_custid,last,first,company,address1,city,state,zip,country,payinfo\n"
        "17,,Halvorsen,Greta,,18 Birch Ln,Ely,MN,55731,US,4111111111111111\n",
    )
    house.write(
        "cust_pkg.csv",
        "pkgnum,custnum,pkgpart,setup,bill,last_bill,susp,cancel,expire\n"
        "901,17,4,1556668800,1719792000,1717200000,,,\n"
        "902,17,4,1483228800,1675209600,1672531200,1672876800,1674172800,\n"
        "903,17,4,0,0,,,,\n",
    )
    spec = house.folder / "spec.yaml"
    files = [str(house.folder / n) for n in ("cust_main.csv", "cust_pkg.csv")]
    suggested = suggest(files, spec, currency="USD")
    write(suggested)
    assert suggested.preset == "freeside"
    ran = house.migrate()
    assert ran.ok, ran.failure()
    assert house.rows("service", "service_code, customer, plan, status, start_date::text") == [
        ("901", "17", "4", "active", "2019-05-01"),
        ("902", "17", "4", "cancelled", "2017-01-01"),
        ("903", "17", "4", "pending", None),
    ]
