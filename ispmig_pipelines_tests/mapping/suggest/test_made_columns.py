"""Columns that are made of others: codes looked up in the export's own lists, names and streets
of several parts, keys of several columns, and customers whom another table names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.mapping.suggest.made_columns import called_without_code
from ispmig_pipelines.suggesting import Suggested, suggest
from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping, suggested
from ispmig_pipelines_tests.mapping.suggest.test_unseen import write

SUBSCRIBERS: dict[str, Any] = {
    "id": lambda i: 700 + i,
    "last_name": lambda i: f"Name{chr(97 + i % 26)}",
    "email": lambda i: f"s{i}@example.org",
}


def with_lists(folder: Path, subscribers: dict[str, Any], **lists: list[list[object]]) -> Suggested:
    """Subscribers, and lists of codes with their headers."""
    files = []
    for name, rows in lists.items():
        columns, *cells = [[str(cell) for cell in row] for row in rows]
        files.append(write(folder / f"{name}.csv", columns, cells))
    suggested(folder, subscribers=SUBSCRIBERS | subscribers)
    files.insert(0, str(folder / "subscribers.csv"))
    return suggest(files, folder / "spec.yaml", currency="USD", preset="none")


@pytest.mark.parametrize(
    ("column", "rest"),
    [
        ("town_id", "town"), ("id_ciudad", "ciudad"), ("codciudad", "ciudad"),
        ("statusid", "status"), ("status", "status"), ("id", ""),
    ],
)  # fmt: skip
def test_what_a_code_is_of_is_its_name_without_what_makes_it_a_code(column: str, rest: str) -> None:
    assert called_without_code(column) == rest


def test_codes_of_a_state_become_what_their_list_says_they_mean(tmp_path: Path) -> None:
    states = [["id", "name"], [1, "Active"], [2, "Blocked"], [3, "Terminated"], [4, "Prospect"]]
    found = with_lists(tmp_path, {"status_id": lambda i: i % 3 + 1}, subscriber_statuses=states)
    assert mapping(found, "customer.status") == {
        "column": "status_id",
        "lookup": {"1": "active", "2": "suspended", "3": "cancelled", "4": "lead"},
    }
    assert "customer" not in {line.entity for line in found.lines if line.source != "subscribers"}


def test_a_list_of_words_that_nobody_knows_leaves_the_codes_a_question(tmp_path: Path) -> None:
    states = [["id", "name"], [1, "Zorbled"], [2, "Quux"]]
    found = with_lists(tmp_path, {"status_id": lambda i: i % 2 + 1}, subscriber_status=states)
    assert mapping(found, "customer.status") == {"constant": "active"}
    assert any("status_id" in q and "'Zorbled'" in q for q in found.questions)


def test_codes_of_towns_are_looked_up_in_their_table(tmp_path: Path) -> None:
    towns = [["town_code", "town_name", "region", "updated_at"],
             *[[f"T{i}", f"Town {chr(97 + i)}", "ND", "2024-01-02"] for i in range(9)]]  # fmt: skip
    found = with_lists(tmp_path, {"town": lambda i: f"T{i % 9}"}, towns=towns)
    looked_up = {"source": "towns", "key": "town_code"}
    assert mapping(found, "customer.billing_city") == {
        "column": "town", "lookup_table": looked_up | {"value": "town_name"}
    }  # fmt: skip
    assert mapping(found, "customer.billing_region") == {
        "column": "town", "lookup_table": looked_up | {"value": "region"}
    }  # fmt: skip
    spec = parse_spec(found.text, tmp_path / "spec.yaml")
    assert "towns" in spec.sources


@pytest.mark.parametrize(("odd", "stands"), [("0", True), ("17", False)])
def test_a_code_that_the_list_has_not_means_none_if_it_is_zero_and_else_that_it_is_no_list_of_them(
    odd: str, stands: bool, tmp_path: Path
) -> None:
    towns = [["id", "name"], *[[i, f"Town {chr(97 + i)}"] for i in range(1, 9)]]
    found = with_lists(
        tmp_path, {"city_id": lambda i: odd if i % 20 == 0 else i % 8 + 1}, cities=towns
    )
    assert ("customer.billing_city" in active(found)) == stands
    if stands:
        assert mapping(found, "customer.billing_city")["null_words"] == ["", "0"]


def test_a_list_of_something_else_is_not_looked_up_in(tmp_path: Path) -> None:
    kinds = [["id", "name"], [1, "Router"], [2, "Antenna"], [3, "Switch"]]
    found = with_lists(tmp_path, {"status": lambda i: i % 3 + 1}, device_types=kinds)
    assert not any(
        isinstance(line.mapping, dict) and "lookup_table" in line.mapping for line in found.lines
    )


def test_when_a_code_was_made_and_whether_it_is_in_use_says_nothing_of_who_has_it(
    tmp_path: Path,
) -> None:
    zones = [["id", "name", "status", "created_at"],
             *[[i, f"North {i}", "active", "2020-01-01"] for i in range(1, 6)]]  # fmt: skip
    found = with_lists(tmp_path, {"zone_id": lambda i: i % 5 + 1}, zones=zones)
    values = {
        line.mapping["lookup_table"]["value"] for line in found.lines
        if isinstance(line.mapping, dict) and "lookup_table" in line.mapping
    }  # fmt: skip
    assert values <= {"name"}


@pytest.mark.parametrize(
    ("names", "first", "last"),
    [
        (["firstname", "midname", "lastname"], ["firstname", "midname"], "lastname"),
        (["nombres", "ap_paterno", "ap_materno"], "nombres", ["ap_paterno", "ap_materno"]),
        (["voornaam", "tussenvoegsel", "achternaam"], "voornaam", ["tussenvoegsel", "achternaam"]),
        (["имя", "отчество", "фамилия"], ["имя", "отчество"], "фамилия"),
    ],
)
def test_names_of_several_parts_are_put_together(
    names: list[str], first: str | list[str], last: str | list[str], tmp_path: Path
) -> None:
    cells = {n: (lambda i, n=n: f"{n.title()}{chr(97 + i % 26)}") for n in names}
    found = suggested(tmp_path, clients={"client_id": lambda i: 60 + i, **cells})

    def said(part: str | list[str]) -> Any:
        return part if isinstance(part, str) else {"columns": part}

    assert mapping(found, "customer.first_name") == said(first)
    assert mapping(found, "customer.last_name") == said(last)


@pytest.mark.parametrize("number", ["house_no", "numero", "hausnummer"])
def test_the_number_of_a_house_belongs_to_its_street(number: str, tmp_path: Path) -> None:
    people = SUBSCRIBERS | {
        "street": lambda i: f"Elm {chr(97 + i % 20)} Street",
        number: lambda i: f"{i % 80 + 1}",
        "city": lambda i: "Fargo",
    }
    found = suggested(tmp_path, subscribers=people)
    assert mapping(found, "customer.billing_street") == {"columns": ["street", number]}


def test_bills_without_numbers_are_told_apart_by_customer_and_month(tmp_path: Path) -> None:
    bills = {
        "customer_id": lambda i: 700 + i // 12 * 7,
        "year": lambda i: 2023,
        "month": lambda i: i % 12 + 1,
        "total": lambda i: f"{20 + i}.50",
        "issue_date": lambda i: f"2023-{i % 12 + 1:02}-03",
        "due_date": lambda i: f"2023-{i % 12 + 1:02}-20",
    }
    people = {"customer_id": SUBSCRIBERS["id"]} | {
        k: v for k, v in SUBSCRIBERS.items() if k != "id"
    }
    found = suggested(tmp_path, customers=people, invoices=bills)
    assert mapping(found, "invoice.invoice_number") == {
        "columns": ["customer_id", "year", "month"], "join": "-"
    }  # fmt: skip
    line = next(x for x in found.lines if x.active and x.field == "invoice_number")
    assert line.assumed
    assert active(found)["invoice.customer"] == ("customer_id",)


def test_rows_that_nothing_tells_apart_have_no_key_made_for_them(tmp_path: Path) -> None:
    bills = {
        "customer_id": lambda i: 700 + i % 9,
        "year": lambda i: 2023,
        "month": lambda i: 4,
        "total": lambda i: f"{20 + i % 3}.50",
        "due_date": lambda i: "2023-04-20",
    }
    people = {"customer_id": SUBSCRIBERS["id"]} | {
        k: v for k, v in SUBSCRIBERS.items() if k != "id"
    }
    found = suggested(tmp_path, customers=people, invoices=bills)
    assert not any(k.startswith("invoice.") for k in active(found))


@pytest.mark.parametrize("bridged", [True, False])
def test_places_are_of_the_customers_who_refer_to_them(bridged: bool, tmp_path: Path) -> None:
    addresses = {
        "id": lambda i: 9100 + i,
        "street": lambda i: f"{i} Main Street",
        "city": lambda i: ["Fargo", "Minot"][i % 2],
        "zip": lambda i: f"58{i:03}",
    }
    refers = {"address_id": lambda i: 9100 + i}
    owns = {"customer_id": SUBSCRIBERS["id"], **refers}
    people = {"customer_id": SUBSCRIBERS["id"]} | {
        k: v for k, v in SUBSCRIBERS.items() if k != "id"
    }
    if bridged:
        found = suggested(tmp_path, customers=people, addresses=addresses, customer_addresses=owns)
    else:
        found = suggested(tmp_path, customers=people | refers, addresses=addresses)
    source = "customer_addresses" if bridged else "customers"
    assert mapping(found, "location.customer") == {
        "column": "id",
        "lookup_table": {"source": source, "key": "address_id", "value": "customer_id"},
    }


@pytest.mark.parametrize("taxed", [False, True])
def test_an_invoice_comes_to_what_its_lines_do_where_nothing_else_says_it(
    taxed: bool, tmp_path: Path
) -> None:
    people = {"customer_id": SUBSCRIBERS["id"], "last_name": SUBSCRIBERS["last_name"],
              "email": SUBSCRIBERS["email"]}  # fmt: skip
    invoices = {
        "invoice_id": lambda i: 3000 + i,
        "customer_id": SUBSCRIBERS["id"],
        "issue_date": lambda i: f"2024-02-{i % 28 + 1:02}",
        "due_date": lambda i: f"2024-03-{i % 28 + 1:02}",
    }
    lines = {
        "id": lambda i: 1 + i,
        "invoice_id": lambda i: 3000 + i,
        "description": lambda i: f"Internet {i % 5}",
        "amount": lambda i: f"{10 + i}.25",
        **({"tax": lambda i: "1.10"} if taxed else {}),
    }
    found = suggested(tmp_path, customers=people, invoices=invoices, invoice_lines=lines)
    if taxed:
        # Whether the amounts are net nobody knows.
        assert "invoice.total" not in active(found)
        return
    assert mapping(found, "invoice.total") == {
        "column": "invoice_id",
        "lookup_table": {"source": "invoice_lines", "key": "invoice_id", "value": "amount",
                         "duplicates": "sum"},
    }  # fmt: skip
    assert next(x for x in found.lines if x.active and x.field == "total").assumed


def test_of_bills_whose_rows_are_lines_what_each_line_has_is_none_of_the_bill(
    tmp_path: Path,
) -> None:
    people = {"client": lambda i: f"Firm {i} Ltd", "client_no": SUBSCRIBERS["id"],
              "email": SUBSCRIBERS["email"]}  # fmt: skip
    rows = {
        "Invoice #": lambda i: f"R{i // 2:05}",
        "Client No": lambda i: 700 + i // 2,
        "Date Issued": lambda i: f"2024-02-{i // 2 % 28 + 1:02}",
        "Description": lambda i: f"Internet {i % 5}",
        "Quantity": lambda i: 1,
        "Rate": lambda i: f"{10 + i}.00",
        "Tax Amount": lambda i: f"{1 + i}.00",
        "Line Total": lambda i: f"{11 + 2 * i}.00",
    }
    found = suggested(tmp_path, clients=people, invoices=rows)
    lines = active(found)
    assert mapping(found, "invoice.total")["lookup_table"] == {
        "source": "invoices", "key": "Invoice #", "value": "Line Total", "duplicates": "sum"
    }  # fmt: skip
    assert "invoice.tax" not in lines
    assert lines["invoice.issue_date"] == ("Date Issued",)
