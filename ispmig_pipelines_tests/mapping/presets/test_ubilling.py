# ruff: noqa: RUF001, RUF003
"""Ubilling: its list without a header, in four encodings, and a dump of its database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import move

DUMP = "stg.sql"
LIST_TRUTH = {
    "list": {
        "login": "customer.account_number customer.portal_username location.location_code "
        "location.customer service.service_code service.customer service.access_username "
        "ip_assignment.service",
        "password": "customer.portal_secret service.access_secret",
        "ip": "ip_assignment.address",
        "mac": "ip_assignment.mac",
        "tariff": "plan.plan_code plan.name service.plan",
        "cash": "customer.balance",
        "credit": "customer.credit_limit",
        "credit-expire": "customer.credit_limit_until",
        "city": "location.city",
        "street": "location.street",
        "build": "location.building",
        "entrance": "location.entrance",
        "floor": "location.floor",
        "apt": "location.apartment",
        "phone": "customer.phone",
        "mobile": "customer.mobile",
        "email": "customer.email",
        "address": "customer.billing_street",
        "realname": "customer.last_name",
        "contract": "service.contract_number",
        "contract-date": "service.contract_date",
    }
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "ivan"),
    [
        ("users_utf8.csv", "Коваленко Іван Петрович"),
        ("users_cp1251.txt", "Коваленко Іван Петрович"),
        ("users_koi8u.csv", "Коваленко Іван Петрович"),
        # CP866 has no Ukrainian І: people wrote the Latin letter.
        ("users_cp866.txt", "Коваленко Iван Петрович"),
    ],
)
def test_the_list_comes_over_from_every_encoding(house: House, name: str, ivan: str) -> None:
    moved = move(house, "ubilling", [name], currency="UAH")
    assert moved.suggested.preset == "ubilling"
    assert moved.suggested.tables == {"list": "list"}
    assert moved.right(LIST_TRUTH) == 1
    assert not moved.strays(LIST_TRUTH)
    assert moved.counts("customer") == (10, 8, 0, 2)
    assert moved.counts("location") == (9, 7, 0, 2)
    assert moved.counts("plan") == (10, 3, 7, 0)
    assert moved.counts("service") == (10, 8, 0, 2)
    assert moved.counts("ip_assignment") == (10, 8, 0, 2)
    assert moved.quarantined() == {
        ("customer", name, 6): {"value.type"},  # an address of email that is none
        ("location", name, 6): {"reference.rejected"},
        ("service", name, 6): {"reference.rejected"},
        ("ip_assignment", name, 6): {"reference.rejected"},
        ("customer", name, 8): {"key.duplicate"},  # a login twice, with other content
        ("location", name, 8): {"key.duplicate"},
        ("service", name, 8): {"key.duplicate"},
        ("ip_assignment", name, 5): {"key.duplicate"},  # two users on one address
    }
    assert moved.total("customer", "balance") == Decimal("-2655.24")
    assert moved.total("customer", "credit_limit") == 600

    customers = moved.rows("customer", "last_name", "phone", "mobile", "balance", "credit_limit",
                           "credit_limit_until", "portal_secret")  # fmt: skip
    assert customers["kovalenko_12"] == (
        ivan, "+380441234567", "+380501234567", Decimal("-125.5"), 0, None, "pass1",
    )  # fmt: skip
    assert customers["bondar_7"][2:6] == ("+380672345678", 75, 100, "2024-12-31")
    assert customers["zorya_llc"][0] == 'ТОВ "Зоря"'
    assert customers["lysenko"][3] is None
    locations = moved.rows("location", "street", "building", "entrance", "floor", "apartment")
    assert locations["kovalenko_12"] == ("Шевченка", "12", "1", "3", "45")
    assert "lysenko" not in locations
    services = moved.rows("service", "plan", "contract_number", "contract_date", "access_secret")
    assert services["kovalenko_12"] == ("Unlim-50", "1001", "2019-03-15", "pass1")
    assert services["lysenko"][2] is None
    assert services["kravets"][1:] == (None, "2022-02-11", None)
    addresses = {str(a): row for a, row in moved.rows("ip_assignment", "service", "mac").items()}
    assert addresses["10.10.0.12"] == ("bondar_7", "14:88:92:11:22:44")
    assert addresses["10.10.0.13"] == ("shevchuk", "14:88:92:11:22:55")


@pytest.mark.slow
def test_a_list_that_was_cut_short_is_the_same_list(house: House) -> None:
    moved = move(house, "ubilling", ["users_short.csv"], currency="UAH")
    assert moved.suggested.preset == "ubilling"
    assert moved.counts("customer") == (3, 3, 0, 0)
    assert moved.total("customer", "balance") == Decimal("-50.5")
    assert moved.rows("service", "plan") == {"a1": "Unlim-50", "a2": "Unlim-100", "a3": "Unlim-50"}
    assert moved.ran.counts.keys() == {"customer", "plan", "service", "ip_assignment"}


DUMP_TRUTH = {
    "users": {
        "login": "customer.account_number customer.portal_username customer.last_name "
        "customer.email customer.phone customer.mobile service.service_code service.customer "
        "service.contract_number service.access_username ip_assignment.service",
        "Password": "customer.portal_secret service.access_secret",
        "Tariff": "service.plan",
        "StgGroup": "customer.segment",
        "Credit": "customer.credit_limit",
        "CreditExpire": "customer.credit_limit_until",
        "IP": "ip_assignment.address ip_assignment.mac",
        "Cash": "customer.balance",
        "Note": "customer.notes",
    },
    "tariffs": {
        "name": "plan.plan_code plan.name plan.download_kbps plan.upload_kbps",
        "Fee": "plan.price",
        "period": "plan.billing_cycle",
    },
    "address": {
        "login": "location.location_code location.customer",
        "aptid": "location.street location.building location.entrance location.floor "
        "location.apartment location.city",
    },
    "payments": {
        "id": "payment.payment_number",
        "login": "payment.customer",
        "date": "payment.paid_at",
        "admin": "payment.received_by",
        "summ": "payment.amount",
        "cashtypeid": "payment.method",
        "note": "payment.notes",
    },
}


@pytest.mark.slow
def test_the_database_comes_over_with_what_other_tables_say(house: House) -> None:
    moved = move(house, "ubilling", [DUMP], currency="UAH")
    assert moved.suggested.preset == "ubilling"
    assert moved.right(DUMP_TRUTH) == 1
    assert not moved.strays(DUMP_TRUTH)
    assert moved.counts("customer") == (4, 4, 0, 0)
    assert moved.counts("service") == (4, 3, 0, 1)
    assert moved.counts("plan") == (4, 4, 0, 0)
    assert moved.counts("payment") == (5, 4, 0, 1)
    assert moved.quarantined() == {
        ("service", DUMP, 4): {"rule.left_out"},  # *_NO_TARIFF_*
        ("payment", DUMP, 4): {"reference.missing"},
    }
    assert moved.noted() == {}
    assert moved.total("customer", "balance") == Decimal("-2550.17")
    assert moved.total("payment", "amount") == 2680

    customers = moved.rows("customer", "last_name", "status", "email", "phone", "mobile",
                           "balance", "credit_limit_until")  # fmt: skip
    assert customers == {
        "kovalenko_12": ("Коваленко Іван Петрович", "active", "koval@example.com",
                         "+380441234567", "+380501234567", Decimal("-125.5"), None),
        "bondar_7": ("Бондар Олена", "active", None, None, "+380672345678", 75, "2024-12-31"),
        "zorya_llc": ('ТОВ "Зоря"', "suspended", "office@zorya.example", "+380442223344", None,
                      -2500, None),
        "old_user": (None, "suspended", None, None, None, Decimal("0.33"), None),
    }  # fmt: skip
    assert moved.rows("location", "city", "street", "building", "floor", "apartment") == {
        "kovalenko_12": ("Київ", "Шевченка", "12", "3", "45"),
        "bondar_7": ("Київ", "Лесі Українки", "7а", None, "12"),
        "zorya_llc": ("Київ", "Хрещатик", "1", "2", None),
    }
    assert moved.rows("plan", "download_kbps", "upload_kbps", "price", "billing_cycle") == {
        "Unlim-50": (51200, 51200, 150, "monthly"),
        "Unlim-100": (102400, 51200, Decimal("200.5"), "monthly"),
        "Business": (None, None, 2500, "monthly"),
        "Daily": (None, None, 7, "daily"),
    }
    assert moved.rows("service", "contract_number", "status")["zorya_llc"] == ("1004", "suspended")
    assert moved.rows("payment", "kind", "amount", "method", "notes") == {
        "1": ("payment", 100, "cash", None),
        "2": ("payment", 100, "other", "EASYPAY:77812"),
        "3": ("payment", 2500, "cash", None),
        "5": ("refund", -20, "cash", "correction"),
    }
    addresses = {str(a): mac for a, mac in moved.rows("ip_assignment", "mac").items()}
    assert addresses["10.10.0.11"] == "14:88:92:11:22:33"
    assert len(addresses) == 3
