"""UISP's API: nested JSON, codes for everything, and a balance whose positive side is credit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ispmig_pipelines.suggesting import suggest
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import Moved, move

FILES = [
    "clients.json", "services.json", "service-plans.json", "invoices.json", "payments.json",
    "countries.json", "states.json",
]  # fmt: skip

TRUTH = {
    "clients": {
        "id": "customer.account_number customer.email customer.phone customer.billing_email",
        "clientType": "customer.kind",
        "firstName": "customer.first_name",
        "lastName": "customer.last_name",
        "companyContactFirstName": "customer.first_name",
        "companyContactLastName": "customer.last_name",
        "companyName": "customer.company_name",
        "companyTaxId": "customer.tax_id",
        "companyRegistrationNumber": "customer.company_number",
        "registrationDate": "customer.signup_date",
        "invoiceStreet1": "customer.billing_street",
        "invoiceStreet2": "customer.billing_street2",
        "invoiceCity": "customer.billing_city",
        "invoiceStateId": "customer.billing_region",
        "invoiceCountryId": "customer.billing_country",
        "invoiceZipCode": "customer.billing_postal_code",
        "organizationId": "customer.segment",
        "previousIsp": "customer.previous_isp",
        "username": "customer.portal_username",
        "accountBalance": "customer.balance",
        "currencyCode": "customer.currency",
        "invoiceMaturityDays": "customer.due_days",
        "stopServiceDueDays": "customer.grace_days",
        "sendInvoiceByPost": "customer.invoice_delivery",
        "note": "customer.notes",
    },
    "service_plans": {
        "id": "plan.plan_code plan.price",
        "name": "plan.name",
        "invoiceLabel": "plan.description",
        "downloadSpeed": "plan.download_kbps",
        "uploadSpeed": "plan.upload_kbps",
        "dataUsageLimit": "plan.data_cap_gb",
    },
    "services": {
        "id": "location.location_code service.service_code service.location ip_assignment.service",
        "clientId": "location.customer service.customer",
        "servicePlanId": "service.plan",
        "status": "service.status",
        "name": "service.name",
        "street1": "location.street",
        "street2": "location.street2",
        "city": "location.city",
        "stateId": "location.region",
        "countryId": "location.country",
        "zipCode": "location.postal_code",
        "addressGpsLat": "location.latitude",
        "addressGpsLon": "location.longitude",
        "activeFrom": "service.start_date",
        "activeTo": "service.end_date",
        "price": "service.price",
        "currencyCode": "service.currency",
        "contractId": "service.contract_number",
        "contractEndDate": "service.contract_end_date",
        "discountInvoiceLabel": "service.discount_reason",
        "discountFrom": "service.discount_from",
        "discountTo": "service.discount_until",
        "invoicingStart": "service.billing_start_date",
        "invoicingPeriodType": "service.payment_terms",
        "lastInvoicedDate": "service.billed_until",
        "servicePlanPeriod": "service.billing_cycle",
        "downloadSpeed": "service.download_kbps",
        "uploadSpeed": "service.upload_kbps",
        "ipRanges": "ip_assignment.address ip_assignment.prefix_length",
        "note": "service.notes",
    },
    "invoices": {
        "id": "invoice.invoice_number",
        "number": "invoice.invoice_number",
        "clientId": "invoice.customer",
        "status": "invoice.status",
        "createdDate": "invoice.issue_date",
        "dueDate": "invoice.due_date",
        "emailSentDate": "invoice.sent_at",
        "subtotal": "invoice.subtotal",
        "discount": "invoice.discount",
        "total": "invoice.total",
        "amountPaid": "invoice.amount_paid",
        "currencyCode": "invoice.currency",
        "notes": "invoice.notes",
        "adminNotes": "invoice.notes",
        "clientFirstName": "invoice.bill_to_name",
        "clientLastName": "invoice.bill_to_name",
        "clientStreet1": "invoice.bill_to_address",
        "clientStreet2": "invoice.bill_to_address",
        "clientZipCode": "invoice.bill_to_address",
        "clientCity": "invoice.bill_to_address",
    },
    "invoice_items": {
        "_parent_number": "invoice_line.invoice_number",
        "_parent_id": "invoice_line.invoice_number",
        "_position": "invoice_line.line_no",
        "label": "invoice_line.description",
        "price": "invoice_line.unit_price invoice_line.amount",
        "quantity": "invoice_line.quantity",
        "unit": "invoice_line.unit",
    },
    "payments": {
        "id": "payment.payment_number payment.invoice",
        "clientId": "payment.customer",
        "createdDate": "payment.paid_at",
        "amount": "payment.amount",
        "creditAmount": "payment.amount_unapplied",
        "currencyCode": "payment.currency",
        "method": "payment.method",
        "checkNumber": "payment.reference",
        "providerName": "payment.provider",
        "providerPaymentId": "payment.provider_reference",
        "note": "payment.notes",
    },
}


@pytest.fixture
def moved(house: House) -> Moved:
    return move(house, "uisp", FILES, currency="")


def test_the_apis_answers_come_over_as_a_person_would_map_them(moved: Moved) -> None:
    assert moved.suggested.preset == "uisp"
    assert moved.right(TRUTH) >= 0.9
    assert moved.strays(TRUTH) == set()

    assert moved.counts("customer") == (6, 5, 0, 1)
    assert moved.counts("plan") == (3, 3, 0, 0)
    assert moved.counts("location") == (8, 7, 0, 1)
    assert moved.counts("service") == (8, 5, 0, 3)
    assert moved.counts("invoice") == (6, 5, 0, 1)
    assert moved.counts("invoice_line") == (7, 6, 0, 1)
    assert moved.counts("payment") == (6, 4, 0, 2)
    assert moved.counts("ip_assignment") == (3, 2, 0, 1)


def test_a_positive_account_balance_is_a_credit(moved: Moved) -> None:
    balances = moved.rows("customer", "balance")
    assert balances["11"] == Decimal("58.5")
    assert balances["12"] == Decimal(-120)
    assert moved.total("customer", "balance") == Decimal("119.2500")


def test_codes_flags_and_children_become_values(moved: Moved) -> None:
    customers = moved.rows("customer", "kind", "first_name", "last_name", "company_name", "status",
                           "email", "phone")  # fmt: skip
    assert customers["11"] == (
        "person", "Dana", "Yazzie", None, "active", "dana.yazzie@example.com", "+14355550111"
    )  # fmt: skip
    assert customers["12"] == (
        "company", "Mateo", "Ruiz", "Slickrock Café & Lodge LLC", "active",
        "office@slickrock.example.com", "+14355550122",
    )  # fmt: skip
    assert {k: v[4] for k, v in customers.items()} == {
        "11": "active", "12": "active", "13": "lead", "15": "cancelled", "16": "suspended"
    }  # fmt: skip
    assert moved.rows("customer", "billing_email", "signup_date")["11"] == (
        "billing.yazzie@example.com", "2019-03-04"
    )  # fmt: skip
    billed = moved.rows("customer", "billing_street", "billing_city", "billing_region",
                        "billing_postal_code", "billing_country", "invoice_delivery")  # fmt: skip
    assert billed["11"] == ("455 Mill Creek Dr", "Moab", "Utah", "84532", "US", "email")
    assert billed["12"] == ("PO Box 900", "Green River", "Utah", "84525", "US", "post")

    plans = moved.rows("plan", "download_kbps", "upload_kbps", "price", "data_cap_gb")
    assert plans == {
        "1": (25000, 5000, Decimal("58.5"), None),
        "2": (100000, 20500, Decimal(159), Decimal(1000)),
        "3": (5000, 768, None, Decimal(50)),
    }
    services = moved.rows("service", "plan", "status", "price", "discount_rate", "discount_amount",
                          "billing_cycle", "payment_terms", "discount_reason")  # fmt: skip
    assert services["101"] == (
        "1", "active", Decimal("58.5"), None, None, "monthly", "prepaid", None
    )  # fmt: skip
    assert services["102"] == (
        "2", "active", Decimal(149), Decimal("0.055"), None, "yearly", "postpaid", "Discount"
    )  # fmt: skip
    assert services["103"][1] == "pending"
    assert services["104"][1] == "cancelled"
    assert services["105"][1:5] == ("suspended", Decimal("58.5"), None, Decimal(10))
    assert moved.rows("ip_assignment", "service", "prefix_length", "notes") == {
        "100.72.0.10": ("101", 32, None),
        "203.0.113.64": ("102", 29, '["203.0.113.64/29","203.0.113.80"]'),
    }

    invoices = moved.rows("invoice", "customer", "status", "total", "bill_to_name")
    assert invoices["2024-0502"] == ("12", "paid", Decimal("164.25"), "Slickrock Café & Lodge LLC")
    assert invoices["503"][1] == "draft"  # a draft has no number yet
    assert invoices["2024-0505"][1] == "written_off"
    assert invoices["2024-0506"][1] == "void"
    lines = moved.rows("invoice_line", "description", "quantity", "unit_price", "amount")
    assert lines["2024-0502", 2] == (
        "Cable, per m", Decimal(10), Decimal("1.525"), Decimal("15.25")
    )  # fmt: skip
    payments = moved.rows("payment", "kind", "method", "invoice", "amount", "amount_unapplied")
    assert payments["701"] == ("payment", "cheque", "2024-0502", Decimal("284.25"), Decimal(120))
    assert payments["703"] == ("credit", "balance", None, Decimal(15), Decimal(0))
    assert payments["706"][1:4] == ("other", None, Decimal("40.005"))


def test_what_cannot_be_loaded_lies_in_quarantine_for_its_reason(moved: Moved) -> None:
    assert moved.quarantined() == {
        ("customer", "clients.json", 4): {"value.type"},  # no email address
        ("location", "services.json", 7): {"reference.missing"},
        ("service", "services.json", 6): {"reference.missing"},  # no service plan 9
        ("service", "services.json", 7): {
            "reference.missing",
            "reference.rejected",
        },  # no client 98
        ("service", "services.json", 8): {
            "service.start_date_before_end_date"
        },  # it ended before it began
        ("ip_assignment", "services.json", 5): {"key.duplicate"},  # an address of two services
        ("invoice", "invoices.json", 4): {"reference.missing"},
        ("invoice_line", "invoices.json", 5): {"reference.rejected"},
        ("payment", "payments.json", 4): {"reference.missing"},
        ("payment", "payments.json", 5): {"value.type"},  # "12.005x" is no amount
    }
    assert moved.noted() == {("invoice", "invoices.json", 2): {"invoice.overpaid"}}


@pytest.mark.slow
def test_the_documentations_own_answers_are_recognised(tmp_path: Path) -> None:
    """Real responses of the API's documentation make a spec that maps what they hold."""
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
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(found), encoding="utf-8")
        files.append(str(file))
    suggested = suggest(files, tmp_path / "spec.yaml")
    assert suggested.preset == "uisp"
    active = {(x.entity, x.field): x for x in suggested.lines if x.active}
    assert active["customer", "balance"].mapping["positive_is"] == "credit"
    assert active["service", "plan"].columns == ("servicePlanId",)
    assert active["invoice", "total"].columns == ("total",)
    assert active["invoice_line", "unit_price"].columns == ("price",)
    assert active["payment", "amount"].columns == ("amount",)
