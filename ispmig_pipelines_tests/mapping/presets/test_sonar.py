"""Sonar's import templates: a file for each thing, joined by the account's ID."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines.suggesting import suggest, write
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import Moved, move

FILES = [
    "accounts.csv", "account_services.csv", "balances.csv", "billing.csv", "invoices.csv",
    "ip_mac.csv", "radius.csv", "services.csv", "tokenized_cards.csv",
]  # fmt: skip

TRUTH = {
    "accounts": {
        "ID": "customer.account_number location.location_code location.customer",
        "Name": "customer.last_name",
        "Account Status ID": "customer.status",
        "Account Groups": "customer.segment",
        "Next Bill Date": "customer.next_bill_date",
        "Physical Address Line1": "customer.billing_street location.street",
        "Physical Address Line 2": "customer.billing_street2 location.street2",
        "Physical City": "customer.billing_city location.city",
        "Physical State": "customer.billing_region location.region",
        "Physical County": "location.county",
        "Physical ZIP": "customer.billing_postal_code location.postal_code",
        "Physical Country": "customer.billing_country location.country",
        "Physical Latitude": "location.latitude",
        "Physical Longitude": "location.longitude",
        "Primary Contact Name": "customer.contact_name",
        "Primary Contact Role": "customer.contact_role",
        "Primary Contact Email Address": "customer.email",
        "Work Phone": "customer.work_phone",
        "Home Phone": "customer.phone",
        "Mobile Phone": "customer.mobile",
        "Fax": "customer.fax",
    },
    "balances": {"Account ID": "customer.account_number", "Prior Balance": "customer.balance"},
    "account_services": {
        "Account ID": "service.service_code service.customer "
        "service.access_username service.access_secret",
        "Service ID": "service.service_code service.plan",
        "Price Override": "service.price",
        "Price Override Reason": "service.price_reason",
        "Quantity": "service.quantity",
        "Next Bill Date": "service.next_bill_date",
    },
    "services": {
        "ID": "plan.plan_code",
        "Name": "plan.name",
        "Amount": "plan.price",
        "Active": "plan.status",
        "Download Speed": "plan.download_kbps",
        "Upload Speed": "plan.upload_kbps",
    },
    "ip_mac": {
        "Account ID": "device.customer ip_assignment.service",
        "IP Address": "ip_assignment.address ip_assignment.prefix_length",
        "MAC Address": "device.device_code device.mac ip_assignment.device ip_assignment.mac",
        "Description": "device.name ip_assignment.notes",
        "Service ID": "ip_assignment.service",
    },
    "radius": {
        "Account ID": "customer.account_number",
        "Username": "customer.notes ip_assignment.notes",
        "IP Address": "ip_assignment.address",
    },
    "invoices": {
        "Account ID": "invoice.customer",
        "Amount": "invoice.total",
        "Invoice Date": "invoice.issue_date",
        "Due Date": "invoice.due_date",
    },
    "billing": {
        "Account ID": "customer.account_number",
        "Bill Day": "customer.bill_day",
        "Due Days": "customer.due_days",
        "Grace Days": "customer.grace_days",
        "Tax Exempt": "customer.tax_exempt",
    },
    "tokenized_cards": {
        "Account ID": "payment_method.method_code payment_method.customer",
        "Payment Processor Customer Profile ID": "payment_method.processor_customer",
        "Token": "payment_method.token",
        "Identifier": "payment_method.method_code payment_method.last_four",
        "Expiration Year": "payment_method.expiry_year",
        "Expiration Month": "payment_method.expiry_month",
        "Auto": "payment_method.autopay",
        "Name on Card": "payment_method.holder_name",
    },
}


@pytest.fixture
def moved(house: House) -> Moved:
    return move(house, "sonar", FILES)


def test_the_templates_come_over_as_a_person_would_map_them(moved: Moved) -> None:
    assert moved.suggested.preset == "sonar"
    assert set(moved.suggested.tables) == TRUTH.keys()
    assert all(table == source for source, table in moved.suggested.tables.items())
    assert moved.right(TRUTH) >= 0.9
    assert moved.strays(TRUTH) == set()

    # Ten accounts; balances, billing parameters and RADIUS accounts complete them.
    assert moved.ran.counts["customer"]["read"] == 10 + 7 + 4 + 3
    assert moved.ran.counts["customer"]["quarantined"] == 3 + 1 + 1
    assert len(moved.rows("customer")) == 7
    assert moved.counts("location") == (10, 6, 0, 4)
    assert moved.counts("plan") == (4, 4, 0, 0)
    assert moved.counts("service") == (8, 6, 0, 2)
    assert moved.counts("device") == (5, 4, 0, 1)
    assert moved.counts("ip_assignment") == (7, 5, 0, 2)
    assert moved.counts("invoice") == (6, 4, 0, 2)
    assert moved.counts("payment_method") == (4, 2, 0, 2)


def test_a_negative_prior_balance_is_a_credit(moved: Moved) -> None:
    balances = moved.rows("customer", "balance")
    assert balances["2002"] == Decimal(-250)
    assert balances["2005"] == Decimal("1204.1")
    assert balances["2007"] is None
    assert moved.total("customer", "balance") == Decimal("1041.5000")
    assert moved.total("invoice", "total") == Decimal("1393.0500")


def test_values_come_over_with_their_quotes_units_and_references(moved: Moved) -> None:
    customers = moved.rows("customer", "last_name", "contact_name", "work_phone", "bill_day",
                           "tax_exempt", "next_bill_date", "billing_postal_code")  # fmt: skip
    assert customers["2002"] == (
        'The "Lobster Pot" Restaurant', "Alden Voss", "+12075550111", 1, True, "2024-07-01",
        "04631",
    )  # fmt: skip
    assert customers["2003"][0] == "Ruth O'Malley"
    kinds = moved.rows("customer", "kind", "company_name")
    assert kinds["2006"] == ("company", "Camp Cobscook, Inc.")
    # What an installation's type 2 means only its people know: it stays in legacy.
    assert kinds["2002"] == (None, None)
    assert '"Account Type ID": "2"' in moved.everything()
    assert moved.rows("location", "street2", "latitude")["2002"] == (
        'Suite "B"', Decimal("44.9055")
    )  # fmt: skip
    plans = moved.rows("plan", "kind", "download_kbps", "price", "status")
    assert plans["6"] == ("internet", 100000, Decimal(139), "active")
    assert plans["12"] == (None, None, Decimal(99), "retired")
    services = moved.rows("service", "plan", "price", "price_reason", "quantity",
                          "access_username", "access_secret")  # fmt: skip
    assert services["2001-9"][:3] == ("9", Decimal(4), 'Grandfathered "2016" rate')
    assert services["2001-5"][3:] == (Decimal(1), "nbeckett", "h4rbor-2001")
    assert services["2002-6"][4:] == ("lobsterpot", 's3cr"et')
    assert services["2006-6"] == ("6", None, None, Decimal(3), None, None)
    assert moved.rows("ip_assignment", "service", "device", "prefix_length", "mac") == {
        "100.64.3.10": ("2001-5", "00156d0a1b2c", None, "00:15:6d:0a:1b:2c"),
        "203.0.113.8": ("2002-6", "002722aabb01", 29, "00:27:22:aa:bb:01"),
        "100.64.3.12": ("2003-5", "0418d6102030", None, "04:18:d6:10:20:30"),
        "100.64.3.17": (None, None, None, None),
        "203.0.113.30": (None, None, None, None),
    }
    assert moved.rows("payment_method", "customer", "last_four", "expiry_year", "expiry_month",
                      "token", "autopay") == {
        "2001-4242": ("2001", "4242", 2027, 8, "tok_1aB2c3D4", True),
        "2002-1117": ("2002", "1117", 2026, 11, "tok_9zY8x7W6", False),
    }  # fmt: skip


def test_what_cannot_be_loaded_lies_in_quarantine_for_its_reason(moved: Moved) -> None:
    assert moved.quarantined() == {
        ("customer", "accounts.csv", 4): {"value.lookup"},  # an installation's own status
        ("customer", "accounts.csv", 8): {"value.type"},  # no email address
        ("customer", "accounts.csv", 9): {"record.ragged"},
        ("customer", "balances.csv", 6): {"record.incomplete"},  # there is no such account
        ("customer", "billing.csv", 4): {"value.range"},  # the 41st of a month
        ("location", "accounts.csv", 4): {"reference.rejected"},
        ("location", "accounts.csv", 7): {"value.range"},  # longitude -266.98
        ("location", "accounts.csv", 8): {"reference.rejected"},
        ("location", "accounts.csv", 9): {"record.ragged"},
        ("service", "account_services.csv", 7): {"reference.missing"},  # no service 44
        ("service", "account_services.csv", 8): {"reference.rejected"},  # no account 2099
        ("device", "ip_mac.csv", 5): {"value.scientific"},
        ("ip_assignment", "ip_mac.csv", 4): {"key.duplicate"},  # an address of two accounts
        ("ip_assignment", "ip_mac.csv", 5): {"value.scientific"},
        ("invoice", "invoices.csv", 5): {"reference.rejected"},
        ("invoice", "invoices.csv", 6): {
            "invoice.issue_date_before_due_date"
        },  # due before it was issued
        ("payment_method", "tokenized_cards.csv", 3): {"value.range"},  # month 13
        ("payment_method", "tokenized_cards.csv", 4): {"card.in_field"},  # a number, no token
    }
    assert moved.noted() == {
        ("plan", "services.csv", 3): {"network.plan_without_speed"},
        # The account's username is its line's and its static address's.
        ("service", "account_services.csv", 2): {"network.username_shared"},
    }


def test_no_number_and_no_verification_value_of_a_card_is_loaded(moved: Moved) -> None:
    everything = moved.everything()
    assert "4111111111111111" not in everything
    assert "CVV" not in everything
    assert all("CVV" not in (q["cells"] or {}) for q in moved.house.quarantine())


@pytest.mark.slow
def test_version_2_counts_in_cents(house: House) -> None:
    house.write(
        "services.csv",
        "id,name,amount,application,enabled,data_service_detail.download_speed_kilobits_per_second,"
        "data_service_detail.upload_speed_kilobits_per_second\n"
        "1,Fiber 100,7995,DEBIT,true,100000,20000\n2,Loyalty,500,CREDIT,true,,\n",
    )
    house.write(
        "account_services.csv",
        "id,account_id,service_id,quantity,price_override,price_override_reason,next_bill_date\n"
        "71,2001,1,1,6500,Friend,2024-07-01\n72,2001,2,1,,,2024-07-01\n",
    )
    house.write(
        "accounts.csv",
        "id,name,account_status_id,account_type_id,next_bill_date,activation_date\n"
        "2001,Nora Beckett,1,1,2024-07-01,2019-02-28\n",
    )
    spec = house.folder / "spec.yaml"
    files = [str(house.folder / f"{n}.csv") for n in ("accounts", "services", "account_services")]
    suggested = suggest(files, spec, currency="USD")
    write(suggested)
    assert suggested.tables == {
        "accounts": "accounts", "services_v2": "services_v2",
        "account_services_v2": "account_services_v2",
    }  # fmt: skip
    assert house.migrate().ok
    assert house.rows("plan", "plan_code, price, download_kbps, status") == [
        ("1", Decimal("79.9500"), 100000, "active"),
        ("2", Decimal("-5.0000"), None, "active"),
    ]
    assert house.rows("service", "service_code, plan, price") == [
        ("71", "1", Decimal("65.0000")), ("72", "2", None)
    ]  # fmt: skip
