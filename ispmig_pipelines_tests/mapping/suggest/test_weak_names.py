# ruff: noqa: RUF001  (words of many languages)
"""Names that say little by themselves, and what the rest of the export makes of them: each cause
on the smallest table that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines_tests.mapping.suggest.test_causes import PEOPLE, active, mapping, suggested


@pytest.mark.parametrize(
    ("column", "means"),
    [
        ("KvK-nummer", {"company", "id"}),
        ("O/S Amount", {"amount", "debt"}),
        ("ONU S/N", {"device", "serial", "id"}),
        ("Email ID", {"email"}),
        ("tel_w", {"phone", "work"}),
        ("Швидкість вх., Мбіт/с", {"speed", "download"}),
        ("num_ext", {"building", "id"}),
        ("MesicniPlatba", {"month", "payment"}),
        ("fec_baja", {"date", "cancelled"}),
    ],
)
def test_words_of_one_country_are_not_read_as_those_of_another(
    column: str, means: set[str]
) -> None:
    assert set(concepts_of(column)) == means


@pytest.mark.parametrize(
    ("column", "lookup"),
    [
        ("Архівний", {"так": "retired", "ні": "active"}),
        ("Leverbaar", {"Ja": "active", "Nee": "retired"}),
    ],
)
def test_a_plan_that_is_archived_is_retired(
    column: str, lookup: dict[str, str], tmp_path: Path
) -> None:
    words = list(lookup)
    found = suggested(
        tmp_path,
        plans={
            "plan_code": lambda i: f"P{i}",
            "plan_name": lambda i: f"Home {i}",
            "price": lambda i: f"{10 + i}.90",
            column: lambda i: words[i % 2],
        },
    )
    assert mapping(found, "plan.status")["lookup"] == lookup


def test_a_speed_called_by_one_letter_is_in_that_unit(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        packages={
            "pkg_id": lambda i: i + 1,
            "pkg_name": lambda i: f"Wireless {i}",
            "up_k": lambda i: [512, 1024, 2048][i % 3],
            "price": lambda i: f"{99 + i}.00",
        },
    )
    assert mapping(found, "plan.upload_kbps") == {"column": "up_k", "unit": "kbit/s"}


def test_an_outstanding_amount_is_a_debt(tmp_path: Path) -> None:
    found = suggested(tmp_path, people=PEOPLE | {"O/S Amount": lambda i: f"{i}.50"})
    assert mapping(found, "customer.balance") == {"column": "O/S Amount", "positive_is": "debt"}
    assert active(found)["customer.email"] == ("email",)


def test_a_word_before_the_parts_of_an_address_is_no_part_of_their_names(tmp_path: Path) -> None:
    towns = ["Elmwood", "Ashby"]
    found = suggested(
        tmp_path,
        members=PEOPLE
        | {
            "Mail Addr": lambda i: f"{i} Maple St",
            "Mail City": lambda i: towns[i % 2],
            "Mail ST": lambda i: ["MO", "OK"][i % 2],
            "Mail Zip": lambda i: f"650{i % 90 + 10}",
        },
    )
    assert active(found)["customer.billing_street"] == ("Mail Addr",)
    assert active(found)["customer.billing_city"] == ("Mail City",)
    assert active(found)["customer.billing_region"] == ("Mail ST",)
    assert active(found)["customer.billing_postal_code"] == ("Mail Zip",)


SERVICES = {
    "Svc Ref": lambda i: f"S{9000 + i}",
    "customer_id": lambda i: 4000 + i,
    "Activated": lambda i: f"2023-0{i % 9 + 1}-{i % 20 + 1:02}",
    "PPPoE User": lambda i: f"u{i}@isp",
    "Svc State": lambda i: ["Active", "Suspended"][i % 2],
}


def test_the_head_of_a_name_decides_where_no_column_is_better(tmp_path: Path) -> None:
    services = SERVICES | {
        "Retail Plan": lambda i: f"Everyday {(i % 3 + 1) * 25}",
        "Retail Price": lambda i: f"{69 + i % 3}.95",
        "Wholesale Cost": lambda i: f"{40 + i % 3}.95",
    }
    found = suggested(tmp_path, people=PEOPLE, nbn_services=services)
    assert active(found)["service.plan"] == ("Retail Plan",)
    assert active(found)["service.price"] == ("Retail Price",)


def test_a_word_that_changes_the_head_keeps_it_a_question(tmp_path: Path) -> None:
    old = {"plan": lambda i: f"Home {i % 3}", "Old Rate": lambda i: f"{30 + i % 3}.95"}
    found = suggested(tmp_path, people=PEOPLE, nbn_services=SERVICES | old)
    assert ("Old Rate",) not in active(found).values()


def test_a_service_without_a_plan_gets_one_of_its_price(tmp_path: Path) -> None:
    services = SERVICES | {"Monthly Price": lambda i: f"{69 + i % 3}.95"}
    found = suggested(tmp_path, people=PEOPLE, nbn_services=services)
    assert active(found)["service.plan"] == ("Monthly Price",)
    assert active(found)["service.price"] == ("Monthly Price",)
    assert next(x for x in found.lines if (x.entity, x.field) == ("service", "plan")).assumed


def test_amounts_that_add_up_settle_which_is_which(tmp_path: Path) -> None:
    net = [50 + 3 * i for i in range(60)]
    found = suggested(
        tmp_path,
        people=PEOPLE,
        tax_invoices={
            "Inv #": lambda i: f"INV-{1000 + i}",
            "customer_id": lambda i: 4000 + i,
            "Inv Date": lambda i: f"2025-0{i % 9 + 1}-{i % 20 + 1:02}",
            "A Sum": lambda i: f"{net[i]}.50",
            "B Sum": lambda i: f"{(net[i] + 0.5) * 0.1:.2f}",
            "C Sum": lambda i: f"{net[i] + 0.5 + round((net[i] + 0.5) * 0.1, 2):.2f}",
            "Rcvd": lambda i: (
                f"{net[i] + 0.5 + round((net[i] + 0.5) * 0.1, 2):.2f}" if i % 4 else "0.00"
            ),
            "O/S": lambda i: (
                "0.00" if i % 4 else f"{net[i] + 0.5 + round((net[i] + 0.5) * 0.1, 2):.2f}"
            ),
        },
    )
    assert {f: active(found)[f"invoice.{f}"] for f in (
        "subtotal", "tax", "total", "amount_paid", "amount_due")} == {
        "subtotal": ("A Sum",), "tax": ("B Sum",), "total": ("C Sum",),
        "amount_paid": ("Rcvd",), "amount_due": ("O/S",),
    }  # fmt: skip


def test_a_virtual_circuit_is_no_verification_value(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE | {
            "CVC ID": lambda i: f"CVC{i:012}",
            "cvc": lambda i: f"{i + 100}",
        },
    )  # fmt: skip
    assert "CVC ID" in found.unmapped["people"]
    assert "cvc" not in found.unmapped["people"]
