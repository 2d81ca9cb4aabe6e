"""Splynx: customers and services as it exports them to CSV, and tables of its database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import move

CUSTOMERS, SERVICES, DUMP = "customers.csv", "internet_services.csv", "splynx.sql"
CSV_TRUTH = {
    "customers": {
        "name": "customer.last_name",
        "email": "customer.email customer.billing_email",
        "street": "customer.billing_street",
        "city": "customer.billing_city",
        "zip_code": "customer.billing_postal_code",
        "phone": "customer.phone customer.mobile",
        "category": "customer.kind",
        "portal_login": "customer.account_number customer.portal_username",
        "portal_pass": "customer.portal_secret",
        "billing_type": "customer.payment_terms",
        "status": "customer.status",
        "partner_id": "customer.segment",
        "note": "customer.notes",
    },
    "services": {
        "id": "service.service_code ip_assignment.service",
        "name": "service.customer",
        "plan": "plan.plan_code plan.name service.plan",
        "start_date": "service.start_date",
        "login": "service.access_username",
        "password": "service.access_secret",
        "ipv4_method": "ip_assignment.kind",
        "ipv4": "ip_assignment.address",
    },
}


@pytest.mark.slow
def test_the_csv_files_come_over(house: House) -> None:
    moved = move(house, "splynx", [CUSTOMERS, SERVICES], currency="CZK")
    assert moved.suggested.preset == "splynx"
    assert moved.right(CSV_TRUTH) == 1
    assert not moved.strays(CSV_TRUTH)
    assert moved.counts("customer") == (7, 5, 0, 2)
    assert moved.counts("plan") == (7, 3, 4, 0)
    assert moved.counts("service") == (7, 5, 0, 2)
    assert moved.counts("ip_assignment") == (4, 2, 0, 2)
    assert moved.quarantined() == {
        ("customer", CUSTOMERS, 5): {"value.type"},  # karel@
        ("customer", CUSTOMERS, 7): {"value.lookup"},  # a status of its own
        ("service", SERVICES, 5): {"reference.missing"},
        ("service", SERVICES, 7): {"reference.rejected"},
        ("ip_assignment", SERVICES, 4): {"key.duplicate"},  # two services on one address
        ("ip_assignment", SERVICES, 7): {"reference.rejected"},
    }
    assert moved.noted() == {
        # The export says no speeds, of any plan.
        ("plan", SERVICES, 1): {"network.plan_without_speed"},
        ("plan", SERVICES, 2): {"network.plan_without_speed"},
        ("plan", SERVICES, 4): {"network.plan_without_speed"},
        ("service", SERVICES, 4): {"service.customer_not_active"},
        ("service", SERVICES, 6): {"service.customer_cancelled"},
    }
    customers = moved.rows("customer", "kind", "last_name", "company_name", "status", "email",
                           "billing_email", "phone", "mobile", "payment_terms")  # fmt: skip
    assert customers["100001"] == (
        "person", "Jana Nováková", None, "active", "jana@example.cz", None, "+420601123456", None,
        "postpaid",
    )  # fmt: skip
    assert customers["100002"][4:] == (
        "petr@example.cz", "petr.work@example.cz", "+420601222333", "+420777888999", "prepaid"
    )  # fmt: skip
    assert customers["100003"][:4] == (
        "company", "Rychlé Sítě s.r.o.", "Rychlé Sítě s.r.o.", "suspended"
    )  # fmt: skip
    assert customers["100004"][3] == "lead"
    assert customers["100006"][3] == "cancelled"
    assert moved.rows("customer", "notes")["100003"] == "two lines\nof a note"
    services = moved.rows("service", "customer", "plan", "start_date", "access_secret")
    assert services["1"] == ("100001", "Home 100", "2021-01-15", "j4na")
    assert services["6"][2] is None


DUMP_TRUTH = {
    "customers": {
        "id": "customer.account_number location.location_code location.customer",
        "billing_type": "customer.payment_terms",
        "partner_id": "customer.segment",
        "login": "customer.portal_username",
        "category": "customer.kind",
        "name": "customer.last_name",
        "email": "customer.email",
        "billing_email": "customer.billing_email",
        "phone": "customer.phone customer.mobile",
        "street_1": "customer.billing_street location.street",
        "zip_code": "customer.billing_postal_code location.postal_code",
        "city": "customer.billing_city location.city",
        "status": "customer.status",
        "date_add": "customer.signup_date",
        "gps": "location.latitude location.longitude",
        "deposit": "customer.balance",
    },
    "tariffs": {
        "id": "plan.plan_code",
        "title": "plan.name",
        "service_name": "plan.description",
        "price": "plan.price",
        "with_vat": "plan.tax_included",
        "vat_percent": "plan.tax_rate",
        "speed_download": "plan.download_kbps",
        "speed_upload": "plan.upload_kbps",
        "available_for_services": "plan.status",
    },
    "services_internet": {
        "id": "service.service_code ip_assignment.service",
        "customer_id": "service.customer",
        "tariff_id": "service.plan",
        "description": "service.name",
        "quantity": "service.quantity",
        "unit_price": "service.price",
        "start_date": "service.start_date",
        "end_date": "service.end_date",
        "discount_percent": "service.discount_rate",
        "discount_start_date": "service.discount_from",
        "discount_end_date": "service.discount_until",
        "discount_text": "service.discount_reason",
        "status": "service.status",
        "router_id": "service.access_router",
        "login": "service.access_username",
        "password": "service.access_secret",
        "ipv4": "ip_assignment.address",
        "mac": "ip_assignment.mac",
    },
    "invoices": {
        "customer_id": "invoice.customer",
        "number": "invoice.invoice_number",
        "date_created": "invoice.issue_date",
        "date_payment": "invoice.paid_date",
        "date_till": "invoice.due_date",
        "total": "invoice.total",
        "due": "invoice.amount_due",
        "status": "invoice.status",
        "note": "invoice.notes",
    },
    "payments": {
        "customer_id": "payment.customer",
        "invoice_id": "payment.invoice",
        "payment_type": "payment.method",
        "receipt_number": "payment.payment_number",
        "date": "payment.paid_at",
        "amount": "payment.amount",
        "comment": "payment.notes",
        "added_by": "payment.received_by",
    },
}


@pytest.mark.slow
def test_the_database_comes_over(house: House) -> None:
    moved = move(house, "splynx", [DUMP], currency="CZK")
    assert moved.suggested.preset == "splynx"
    assert moved.right(DUMP_TRUTH) == 1
    assert not moved.strays(DUMP_TRUTH)
    assert moved.counts("customer") == (4, 4, 0, 0)
    assert moved.counts("plan") == (2, 2, 0, 0)
    assert moved.counts("service") == (4, 3, 0, 1)
    assert moved.counts("invoice") == (4, 3, 0, 1)
    assert moved.counts("payment") == (4, 3, 0, 1)
    assert moved.counts("ip_assignment") == (2, 2, 0, 0)
    assert moved.quarantined() == {
        ("service", DUMP, 4): {"reference.missing"},
        ("invoice", DUMP, 3): {"reference.missing"},
        ("payment", DUMP, 4): {"value.lookup"},  # of an invoice that is gone
    }
    # Deposits: 150 are Jana's, 1,259.50 are owed.
    assert moved.total("customer", "balance") == Decimal("1109.50")
    assert moved.total("invoice", "total") == 1958
    assert moved.total("payment", "amount") == Decimal("798.50")

    customers = moved.rows("customer", "last_name", "status", "balance", "signup_date", "email")
    assert customers["2"] == (
        "Petr O'Svoboda", "active", Decimal("49.5"), "2021-01-31", "petr@example.cz"
    )  # fmt: skip
    assert customers["3"][2:4] == (1210, None)
    assert moved.rows("location", "latitude", "longitude")["1"] == (
        Decimal("50.087451"), Decimal("14.420671")
    )  # fmt: skip
    assert moved.rows("plan", "download_kbps", "upload_kbps", "price", "tax_rate", "tax_included",
                      "status") == {
        "1": (102400, 20480, 499, Decimal("0.21"), True, "active"),
        "2": (51200, 10240, Decimal("299.5"), Decimal("0.21"), True, "retired"),
    }  # fmt: skip
    services = moved.rows("service", "status", "price", "discount_rate", "end_date", "quantity")
    assert services == {
        "1": ("active", None, 0, None, 1),
        "2": ("cancelled", 249, Decimal("0.1"), "2024-12-31", 1),
        "3": ("suspended", None, 0, None, 2),
    }
    assert moved.rows("invoice", "status", "amount_due", "paid_date") == {
        "2024000001": ("paid", 0, "2024-01-05"),
        "2024000002": ("open", Decimal("49.5"), None),
        "2024000004": ("void", 0, None),
    }
    assert moved.rows("payment", "customer", "invoice", "method", "notes") == {
        "2024-000001": ("1", "2024000001", "bank_transfer", None),
        "2024-000002": ("2", "2024000002", "cash", "desk"),
        "2024-000003": ("3", None, "other", None),
    }
    addresses = {str(a): mac for a, mac in moved.rows("ip_assignment", "mac").items()}
    assert addresses == {"10.1.0.11": "00:00:5e:00:53:11", "10.1.0.12": "00:00:5e:00:53:13"}
