"""PHPNuxBill: a dump of its database by phpMyAdmin, and both CSV exports, which escape nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import move

HASHES = ("b1b3773a05c0ed0176787a4f1574ff0075f7521e", "7c4a8d09ca3762af61e59520943dc26494f8941b")
DUMP = "phpnuxbill.sql"

DUMP_TRUTH = {
    "customers": {
        "id": "customer.account_number location.location_code location.customer "
        "ip_assignment.service",
        "username": "customer.portal_username",
        "password": "customer.portal_secret",
        "fullname": "customer.last_name",
        "address": "customer.billing_street location.street",
        "city": "customer.billing_city location.city",
        "district": "location.county",
        "state": "customer.billing_region location.region",
        "zip": "customer.billing_postal_code location.postal_code",
        "phonenumber": "customer.phone",
        "email": "customer.email",
        "coordinates": "location.latitude location.longitude",
        "account_type": "customer.kind",
        "balance": "customer.balance",
        "status": "customer.status",
        "created_at": "customer.signup_date",
        "pppoe_ip": "ip_assignment.address",
    },
    "plans": {
        "id": "plan.plan_code",
        "name_plan": "plan.name",
        "id_bw": "plan.download_kbps plan.upload_kbps",
        "price": "plan.price",
        "type": "plan.kind",
        "data_limit": "plan.data_cap_gb",
        "data_unit": "plan.data_cap_gb",
        "validity": "plan.validity_days plan.billing_cycle",
        "validity_unit": "plan.billing_cycle",
        "shared_users": "plan.session_limit",
        "pool": "plan.address_pool",
        "enabled": "plan.status",
        "prepaid": "plan.payment_terms",
    },
    "recharges": {
        "id": "service.service_code",
        "customer_id": "service.customer service.access_username service.access_secret",
        "plan_id": "service.plan",
        "recharged_on": "service.start_date",
        "expiration": "service.expires_at",
        "time": "service.expires_at",
        "status": "service.status",
        "routers": "service.access_router",
        "type": "service.access_method",
    },
    "transactions": {
        "id": "payment.payment_number",
        "invoice": "payment.reference",
        "username": "payment.customer",
        "plan_name": "payment.notes",
        "note": "payment.notes",
        "price": "payment.amount",
        "recharged_on": "payment.paid_at",
        "recharged_time": "payment.paid_at",
        "method": "payment.method payment.provider payment.received_by",
    },
    "pools": {
        "pool_name": "ip_assignment.pool",
        "range_ip": "ip_assignment.address",
        "local_ip": "ip_assignment.gateway",
    },
    "routers": {
        "name": "device.device_code device.name",
        "ip_address": "device.management_address",
        "username": "device.management_username",
        "password": "device.management_secret",
        "description": "device.notes",
        "enabled": "device.status",
    },
}


@pytest.mark.slow
def test_the_database_comes_over(house: House) -> None:
    moved = move(house, "phpnuxbill", [DUMP], currency="KES")
    assert moved.suggested.preset == "phpnuxbill"
    assert moved.right(DUMP_TRUTH) == 1
    assert not moved.strays(DUMP_TRUTH)
    unused = moved.suggested.unused
    assert set(unused) == {"appconfig", "bandwidth", "payment_gateway", "users"}
    assert unused["users"] == "Accounts of staff are not migrated."

    assert moved.counts("customer") == (12, 11, 0, 1)
    assert moved.counts("location") == (11, 10, 0, 1)
    assert moved.counts("plan") == (6, 6, 0, 0)
    assert moved.counts("service") == (11, 9, 0, 2)
    assert moved.counts("payment") == (9, 7, 0, 2)
    assert moved.counts("device") == (2, 2, 0, 0)
    assert moved.counts("ip_assignment") == (8, 7, 0, 1)
    assert moved.quarantined() == {
        ("customer", DUMP, 8): {"value.type"},  # njeri@example is no address
        ("location", DUMP, 8): {"reference.rejected"},
        ("service", DUMP, 9): {"reference.missing"},  # of a customer who was deleted
        ("service", DUMP, 10): {"reference.missing"},  # of a plan that was deleted
        ("payment", DUMP, 7): {"value.lookup"},
        ("payment", DUMP, 8): {"value.required"},  # without a price
        ("ip_assignment", DUMP, 6): {"key.duplicate"},  # two customers on one address
    }
    assert moved.noted() == {("service", DUMP, 8): {"service.customer_not_active"}}

    # Deposits are credits: 13,028.75 of them, and 120 is owed. Njeri's 40 lie in quarantine.
    assert moved.total("customer", "balance") == Decimal("-12908.75")
    assert moved.ran.entry is not None
    assert moved.ran.entry.totals["customer.balance"]["KES"]["quarantined"] == "-40.0000"
    assert moved.total("payment", "amount") == Decimal("22509.50")


@pytest.mark.slow
def test_its_values_are_what_they_mean(house: House) -> None:
    moved = move(house, "phpnuxbill", [DUMP], currency="KES")
    customers = moved.rows("customer", "kind", "last_name", "company_name", "status", "email",
                           "phone", "balance", "billing_postal_code", "portal_secret")  # fmt: skip
    assert customers["1"] == (
        "person", "Achieng Otieno", None, "active", "achieng@example.com", "+254712000101", -350,
        "40100", "lake2021",
    )  # fmt: skip
    assert customers["2"] == (
        "person", "James O'Brien Mwangi", None, "active", None, "+254712000102", 0, "40100",
        "pass,word",
    )  # fmt: skip
    assert customers["4"][:4] == ("company", "Lakeview Hotel Ltd", "Lakeview Hotel Ltd", "active")
    assert customers["5"][3:7] == ("suspended", None, None, 120)
    assert customers["9"][3] == "cancelled"
    assert customers["12"][1] == "Atieno \\ Sons"
    streets = moved.rows("location", "street", "latitude", "longitude")
    assert streets["1"] == ("Milimani, Hse 4 opp. Tuskys", *map(Decimal, ("-0.10221", "34.761713")))
    assert streets["2"] == ('Kondele "B" plot 7', None, None)
    assert "5" not in streets

    plans = moved.rows(
        "plan", "kind", "status", "download_kbps", "upload_kbps", "price", "billing_cycle",
        "payment_terms", "validity_days", "data_cap_gb",
    )  # fmt: skip
    half = Decimal("2499.5")
    assert plans == {
        "1": ("internet", "active", 512, 256, 10, None, "prepaid", Decimal("0.25"), None),
        "2": ("internet", "active", 5000, 5000, 1500, None, "prepaid", 30, None),
        "3": ("internet", "active", 10000, 2048, half, "monthly", "prepaid", None, 200),
        "4": ("internet", "active", 100000, 100000, 15000, "monthly", "postpaid", None, None),
        "5": ("other", "active", None, None, 500, None, "prepaid", None, None),
        "6": ("internet", "retired", None, None, 900, None, "prepaid", Decimal("0.03125"), None),
    }
    assert moved.rows("plan", "notes")["6"] == (
        "Its bandwidth was not among the legacy system's."
    )  # fmt: skip

    services = moved.rows("service", "customer", "plan", "status", "start_date", "expires_at",
                          "access_method", "access_username", "access_secret")  # fmt: skip
    assert services["1"] == (
        "1", "2", "active", "2025-02-10", "2025-03-12 10:00:40+00:00", "pppoe", "ppp-achieng",
        "xK91mm",
    )  # fmt: skip
    assert services["4"][-3:] == ("pppoe", "lakeview-ppp", "corp#77")
    assert services["5"][-3:] == ("hotspot", "lakeview", "Lv!2020")
    assert services["6"][-3:] == ("pppoe", "wanjiru", "w123")
    assert services["8"][3] is None  # 0000-00-00
    assert services["11"][-1] == "cy"

    payments = moved.rows("payment", "customer", "amount", "paid_at", "method", "reference")
    assert payments["1"] == ("1", 1500, "2025-01-10 08:05:01+00:00", "online", "INV-1")
    assert payments["3"] == ("2", half, "2025-02-01 21:28:50+00:00", "cash", "INV-3")
    assert payments["4"][3] == "voucher"
    assert payments["5"][3] == payments["9"][3] == "balance"
    assert payments["9"][2] is None

    assert moved.rows("device", "management_address", "status", "management_secret") == {
        "Router1": ("10.7.0.2", "active", "R0uter-One"),
        "Router2": (None, "retired", "R0uter-Two"),
    }
    addresses = {
        str(address): row
        for address, row in moved.rows(
            "ip_assignment", "kind", "service", "pool", "gateway"
        ).items()
    }
    assert addresses["10.20.0.11"] == ("static", "1", None, None)
    assert addresses["10.20.0.14"] == ("static", "5", None, None)  # the latest of two
    assert addresses["10.20.1.2"] == ("pool", None, "pppoe-pool", "10.20.0.1")
    assert addresses["10.30.0.62"] == ("pool", None, "biz-pool", None)
    assert not any(secret in moved.everything() for secret in HASHES)


LIST_TRUTH = {
    "customer_list": {
        "id": "customer.account_number location.location_code location.customer",
        "username": "customer.portal_username",
        "fullname": "customer.last_name",
        "address": "customer.billing_street location.street",
        "phonenumber": "customer.phone",
        "email": "customer.email",
        "balance": "customer.balance",
    }
}


@pytest.mark.slow
def test_the_list_of_customers_is_read_although_quotes_stand_in_it_as_they_are(
    house: House,
) -> None:
    moved = move(house, "phpnuxbill", ["customers.csv"], currency="KES")
    assert moved.suggested.preset == "phpnuxbill"
    assert moved.right(LIST_TRUTH) == 1
    assert not moved.strays(LIST_TRUTH)
    assert moved.counts("customer") == (10, 9, 0, 1)
    assert moved.counts("location") == (9, 8, 0, 1)
    assert moved.quarantined() == {
        ("customer", "customers.csv", 8): {"value.type"},
        ("location", "customers.csv", 8): {"reference.rejected"},
    }
    assert moved.total("customer", "balance") == Decimal("-12908.75")
    customers = moved.rows("customer", "last_name", "billing_street", "email", "phone", "legacy")
    assert customers["2"] == (
        'James "Jimmy" Mwangi', 'Kondele "B" plot 7, near the mast', None, "+254712000102",
        "{'service_type': 'PPPoE'}",
    )  # fmt: skip
    assert customers["10"][:1] == ('"Cyber" One',)
    assert customers["5"][1:4] == (None, None, None)


PLANS_TRUTH = {
    "customer_plans": {
        "id": "customer.account_number service.service_code service.customer",
        "username": "customer.portal_username service.access_username",
        "fullname": "customer.last_name",
        "phonenumber": "customer.phone",
        "email": "customer.email",
        "balance": "customer.balance",
        "namebp": "plan.plan_code plan.name service.service_code service.plan",
        "routers": "service.access_router",
        "status": "customer.status service.status",
    }
}


@pytest.mark.slow
def test_a_customer_with_two_plans_is_one_customer_and_owes_once(house: House) -> None:
    name = "phpnuxbill_customers_2025-03-02_09_20.csv"
    moved = move(house, "phpnuxbill", [name], currency="KES")
    assert moved.suggested.preset == "phpnuxbill"
    assert moved.right(PLANS_TRUTH) == 1
    assert not moved.strays(PLANS_TRUTH)
    assert moved.counts("customer") == (10, 8, 1, 1)
    assert moved.counts("service") == (10, 9, 0, 1)
    assert moved.counts("plan") == (10, 5, 5, 0)
    assert moved.quarantined() == {
        ("customer", name, 9): {"value.type"},
        ("service", name, 9): {"reference.rejected"},
    }
    assert moved.total("customer", "balance") == Decimal("-12833.50")
    services = moved.rows("service", "customer", "plan", "status", "access_router")
    assert services["4 Biz 100M"] == ("4", "Biz 100M", "active", "Router2")
    assert services["4 1 hour"] == ("4", "1 hour", "expired", "Router1")
    assert services["11 Gone; plan"][1] == "Gone; plan"
    assert moved.rows("customer", "status")["3"] == "active"  # off is the plan's
    assert moved.rows("customer", "last_name")["2"] == 'James "Jimmy" Mwangi'
