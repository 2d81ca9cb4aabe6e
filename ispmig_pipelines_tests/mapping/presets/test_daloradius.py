"""daloRADIUS: a dump of its database by mysqldump, and the CSV from which it imports users."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import EXPORTS, move

DUMP = "radius.sql"
CARDS = ("4111111111111111", "5555 5555 5555 4444")
HASHES = ("5f4dcc3b5aa765d61d8327deb882cf99", "$1$abcdefgh", "$2y$10$abcdefg")
STAFF = "radius-operator-pw"

TRUTH = {
    "userinfo": {
        "username": "customer.account_number customer.portal_username location.location_code "
        "location.customer customer.cancellation_reason",
        "firstname": "customer.first_name",
        "lastname": "customer.last_name",
        "email": "customer.email",
        "department": "customer.contact_role",
        "company": "customer.company_name",
        "workphone": "customer.work_phone",
        "homephone": "customer.phone",
        "mobilephone": "customer.mobile",
        "address": "location.street",
        "city": "location.city",
        "state": "location.region",
        "country": "location.country",
        "zip": "location.postal_code",
        "notes": "customer.notes",
        "portalloginpassword": "customer.portal_secret",
        "creationdate": "customer.signup_date",
    },
    "userbillinfo": {
        "username": "customer.account_number payment_method.method_code payment_method.customer",
        "contactperson": "customer.contact_name",
        "email": "customer.billing_email",
        "address": "customer.billing_street",
        "city": "customer.billing_city",
        "state": "customer.billing_region",
        "country": "customer.billing_country",
        "zip": "customer.billing_postal_code",
        "nextbill": "customer.next_bill_date",
        "billdue": "customer.due_days",
        "emailinvoice": "customer.invoice_delivery",
        "creditcardname": "payment_method.holder_name",
        "creditcardtype": "payment_method.brand",
        "creditcardexp": "payment_method.expiry_month payment_method.expiry_year",
    },
    "billing_plans": {
        "planName": "plan.plan_code plan.name",
        "planType": "plan.payment_terms",
        "planBandwidthUp": "plan.upload_kbps",
        "planBandwidthDown": "plan.download_kbps",
        "planRecurringPeriod": "plan.billing_cycle",
        "planCost": "plan.price",
        "planSetupCost": "plan.setup_fee",
        "planTax": "plan.tax_rate",
        "planCurrency": "plan.currency",
        "planGroup": "plan.access_group",
        "planActive": "plan.status",
    },
    "invoice": {
        "id": "invoice.invoice_number invoice.subtotal invoice.tax invoice.total "
        "invoice.amount_paid",
        "user_id": "invoice.customer",
        "status_id": "invoice.status",
        "date": "invoice.issue_date",
        "notes": "invoice.notes",
    },
    "invoice_items": {
        "invoice_id": "invoice_line.invoice_number",
        "id": "invoice_line.line_no",
        "plan_id": "invoice_line.item_code",
        "notes": "invoice_line.description",
        "amount": "invoice_line.amount",
        "tax_amount": "invoice_line.tax",
    },
    "payment": {
        "id": "payment.payment_number",
        "invoice_id": "payment.customer payment.invoice",
        "amount": "payment.amount",
        "date": "payment.paid_at",
        "type_id": "payment.method",
        "creationby": "payment.received_by",
        "notes": "payment.notes",
    },
    "radcheck": {
        "username": "service.service_code service.customer service.plan service.access_username "
        "service.cancellation_reason service.expires_at service.session_limit "
        "service.access_group service.download_kbps service.upload_kbps",
        "attribute": "service.access_secret",
        "value": "service.access_secret",
    },
    "radreply": {"username": "ip_assignment.service", "value": "ip_assignment.address"},
    "nas": {
        "id": "device.device_code",
        "nasname": "device.management_address",
        "shortname": "device.name",
        "type": "device.vendor",
        "secret": "device.radius_secret",
        "community": "device.snmp_community",
        "description": "device.notes",
    },
}


@pytest.mark.slow
def test_the_database_comes_over(house: House) -> None:
    moved = move(house, "daloradius", [DUMP], currency="CHF")
    assert moved.suggested.preset == "daloradius"
    assert moved.right(TRUTH) == 1
    assert not moved.strays(TRUTH)
    assert moved.suggested.unused["radacct"] == "Sessions are accounting, and not migrated."
    assert moved.suggested.unused["radpostauth"] == "it holds no records"

    inserted = {e: (c["read"], c["inserted"]) for e, c in moved.ran.counts.items()}
    assert inserted == {
        "customer": (15, 7),  # of 8 and 7, which complete them
        "location": (3, 3),
        "plan": (3, 3),
        "service": (13, 6),
        "invoice": (5, 4),
        "invoice_line": (6, 5),
        "payment": (5, 3),
        "payment_method": (2, 2),
        "device": (2, 2),
        "ip_assignment": (7, 2),
    }
    assert moved.ran.counts["customer"]["quarantined"] == 2  # and what would complete it
    assert moved.quarantined() == {
        # dora(at)example.org, and what another table says of her.
        ("customer", DUMP, 4): {"value.type", "reference.rejected"},
        # Attributes that are no passwords, and services without a plan.
        ("service", DUMP, 2): {"rule.left_out"},
        ("service", DUMP, 4): {"rule.left_out"},
        ("service", DUMP, 8): {"rule.left_out"},
        ("service", DUMP, 13): {"rule.left_out"},
        ("service", DUMP, 6): {"value.required"},
        ("service", DUMP, 10): {"value.required"},
        ("service", DUMP, 11): {"value.required"},
        ("invoice", DUMP, 4): {"value.lookup"},  # of a user who is gone
        ("invoice_line", DUMP, 6): {"reference.rejected"},
        ("payment", DUMP, 3): {"value.lookup"},
        ("payment", DUMP, 4): {"value.lookup"},  # of an invoice that was deleted
        ("ip_assignment", DUMP, 3): {"key.duplicate"},  # two users on one address
        ("ip_assignment", DUMP, 4): {"rule.left_out"},
        ("ip_assignment", DUMP, 5): {"rule.left_out"},
        ("ip_assignment", DUMP, 6): {"rule.left_out"},
        ("ip_assignment", DUMP, 7): {"value.type"},
    }
    assert moved.noted() == {("customer", DUMP, 6): {"customer.person_needs_name"}}

    assert moved.total("invoice", "total") == Decimal("220.68")
    assert moved.total("invoice", "amount_paid") == Decimal("72.88")
    assert moved.total("invoice_line", "amount") == Decimal("183.90")
    assert moved.total("payment", "amount") == Decimal("72.88")


@pytest.mark.slow
def test_its_values_are_what_they_mean(house: House) -> None:
    moved = move(house, "daloradius", [DUMP], currency="CHF")
    customers = moved.rows(
        "customer", "kind", "first_name", "last_name", "status", "phone", "mobile",
        "billing_street", "billing_country", "billing_email", "invoice_delivery", "portal_secret",
        "signup_date",
    )  # fmt: skip
    assert customers["anna"] == (
        "person", "Anna", "Huber", "active", "+43316123456", "+436641234567", "Ringstr. 1", "AT",
        "anna.bill@example.org", "email", "portal-anna", "2019-05-01",
    )  # fmt: skip
    assert customers["bernd"][0] == "company"
    assert customers["bernd"][-3:] == ("post", None, "2019-06-01")  # a hash is no secret
    assert customers["carla"] == ("person", "Carla", "O'Neil", "suspended", *[None] * 8)
    assert moved.rows("location", "street", "postal_code", "country")["anna"] == (
        "Ringstr. 1, Stiege 2", "8010", "AT"
    )  # fmt: skip

    assert moved.rows("plan", "download_kbps", "upload_kbps", "price", "setup_fee", "tax_rate",
                      "currency", "billing_cycle", "payment_terms", "status") == {
        "Day ticket": (4096, 512, Decimal("3.5"), None, Decimal("0.2"), "EUR", "one_time",
                       "prepaid", "retired"),
        "Home 10": (10240, 2048, Decimal("29.9"), 50, Decimal("0.2"), "EUR", "monthly",
                    "postpaid", "active"),
        "Office 50": (51200, 51200, 99, 0, Decimal("0.2"), "EUR", "monthly", "postpaid", "active"),
    }  # fmt: skip

    assert moved.rows("service", "plan", "status", "access_method", "access_secret",
                      "access_group", "expires_at", "session_limit") == {
        "00-00-5E-00-53-0A": ("Day ticket", "active", "mac", None, None, None, None),
        "anna": ("Home 10", "active", None, "anna's pw", "home10", "2024-12-31 00:00:00+00:00",
                 None),
        "bernd": ("Office 50", "active", None, "b3rnd", "office50", None, 2),
        "carla": ("Home 10", "suspended", None, None, "home10", None, None),  # has only a hash
        "emil": ("Home 10", "suspended", None, "em1l", "home10", None, None),  # Auth-Type Reject
        "gina": ("Home 10", "active", None, "g1na", "Home 10", None, None),  # by the group's name
    }  # fmt: skip

    assert moved.rows("invoice", "customer", "status", "issue_date", "subtotal", "tax", "total",
                      "amount_paid", "currency") == {
        "101": ("anna", "paid", "2024-01-01", Decimal("39.9"), Decimal("7.98"), Decimal("47.88"),
                Decimal("47.88"), "CHF"),
        "102": ("bernd", "open", "2024-01-01", 99, Decimal("19.8"), Decimal("118.8"), 5, "CHF"),
        "103": ("carla", "partly_paid", "2024-02-01", 45, 9, 54, 20, "CHF"),
        "105": ("anna", "draft", None, 0, 0, 0, 0, "CHF"),
    }  # fmt: skip
    lines = moved.rows("invoice_line", "item_code", "description", "amount", "tax")
    assert lines["101", 1] == ("Home 10", "Home 10, January", Decimal("29.9"), Decimal("5.98"))
    assert lines["103", 4] == (None, 'it\'s "done"', 50, 10)
    assert moved.rows("payment", "customer", "invoice", "amount", "method", "received_by") == {
        "1": ("anna", "101", Decimal("47.88"), "bank_transfer", "administrator"),
        "2": ("carla", "103", 20, "cash", "anna"),
        "5": ("bernd", "102", 5, "other", "anna"),
    }
    assert moved.rows("device", "name", "vendor", "management_address", "radius_secret") == {
        "1": ("mast-north", "mikrotik", "192.0.2.10", "s3cr3t-north"),
        "2": ("bras", "cisco", None, "s3cr3t-bras"),
    }


@pytest.mark.slow
def test_no_number_of_a_card_and_no_hash_is_loaded(house: House) -> None:
    moved = move(house, "daloradius", [DUMP], currency="CHF")
    assert moved.rows("payment_method", "kind", "brand", "last_four", "holder_name",
                      "expiry_month", "expiry_year") == {
        "anna": ("card", "visa", None, "Anna Huber", 12, 2027),
        "emil": ("card", "mastercard", None, "Emil Wolf", 1, 2026),
    }  # fmt: skip
    everything = moved.everything()
    assert not any(secret in everything for secret in (*CARDS, *HASHES, STAFF))
    lying = str(house.quarantine())
    assert not any(number in lying for number in CARDS)


@pytest.mark.slow
def test_without_its_billing_groups_are_the_plans(house: House, tmp_path: Path) -> None:
    """FreeRADIUS alone: what daloRADIUS adds is there, and empty."""
    dump = (EXPORTS / "daloradius" / DUMP).read_text(encoding="utf-8")
    empty = "userbillinfo|billing_plans|userinfo|invoice|invoice_items|payment"
    given = tmp_path / "given"
    given.mkdir()
    (given / DUMP).write_text(
        re.sub(rf"^INSERT INTO `(?:{empty})` .*\n", "", dump, flags=re.MULTILINE), "utf-8"
    )
    moved = move(house, str(given), [DUMP], currency="EUR")
    assert moved.suggested.preset == "daloradius"
    assert moved.ran.counts["customer"]["inserted"] == 9
    assert moved.rows("plan", "name") == {"Home 10": "Home 10", "home10": "home10",
                                          "office50": "office50"}  # fmt: skip
    assert moved.rows("service", "plan", "status", "access_secret") == {
        "anna": ("home10", "active", "anna's pw"),
        "bernd": ("office50", "active", "b3rnd"),
        "carla": ("home10", "suspended", None),
        "emil": ("home10", "suspended", "em1l"),
        "ghost": ("home10", "active", "nobody"),
        "gina": ("Home 10", "active", "g1na"),
    }
    assert not any(secret in moved.everything() for secret in (*HASHES, STAFF))


IMPORT_TRUTH = {
    "import": {
        "username": "customer.account_number customer.portal_username location.location_code "
        "location.customer plan.plan_code service.service_code service.customer "
        "service.access_username ip_assignment.service",
        "password": "service.access_secret",
        "email": "customer.email",
        "firstname": "customer.first_name",
        "lastname": "customer.last_name",
        "framedipaddress": "ip_assignment.address",
        "expiration": "service.expires_at",
        "department": "customer.contact_role",
        "company": "customer.company_name",
        "mobilephone": "customer.mobile",
        "workphone": "customer.work_phone",
        "homephone": "customer.phone",
        "address": "customer.billing_street location.street",
        "city": "customer.billing_city location.city",
        "state": "customer.billing_region location.region",
        "country": "customer.billing_country location.country",
        "zip": "customer.billing_postal_code location.postal_code",
    }
}


@pytest.mark.slow
def test_the_file_of_users_comes_over(house: House) -> None:
    name = "import_users.csv"
    moved = move(house, "daloradius", [name])
    assert moved.suggested.preset == "daloradius"
    assert moved.right(IMPORT_TRUTH) == 1
    assert not moved.strays(IMPORT_TRUTH)
    assert moved.counts("customer") == (6, 5, 0, 1)
    assert moved.counts("service") == (6, 4, 0, 2)
    assert moved.counts("plan") == (6, 1, 5, 0)
    assert moved.counts("ip_assignment") == (5, 2, 0, 3)
    assert moved.quarantined() == {
        ("customer", name, 5): {"value.type"},
        ("location", name, 5): {"reference.rejected"},
        ("service", name, 5): {"reference.rejected"},
        ("service", name, 6): {"value.date"},  # 30 February
        ("ip_assignment", name, 4): {"key.duplicate"},
        ("ip_assignment", name, 5): {"reference.rejected"},
        ("ip_assignment", name, 6): {"value.type"},
    }
    services = moved.rows("service", "access_secret", "expires_at")
    assert services["u1001"] == ("secret1", "2024-12-31 00:00:00+00:00")
    assert services["u1003"] == ('pa"ss,3', None)
    customers = moved.rows("customer", "kind", "company_name", "mobile", "billing_postal_code")
    assert customers["u1003"] == ("company", "Berger KG", None, "4600")
    assert customers["u1001"] == ("person", None, "+436641111111", "4020")
