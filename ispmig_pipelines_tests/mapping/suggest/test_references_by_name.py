"""Columns that name another table in ways of their own: by its initials, by it and its key, by what
its records are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.mapping.suggest.links import links_of
from ispmig_pipelines.mapping.suggest.sample import ColumnSample, TableSample
from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping, suggested


def table(name: str, **columns: list[str]) -> TableSample:
    samples = tuple(
        ColumnSample(column, {v: cells.count(v) for v in dict.fromkeys(cells)})
        for column, cells in columns.items()
    )
    return TableSample(name, samples, len(next(iter(columns.values()))))


IDS = [str(i) for i in range(11, 41)]


@pytest.mark.parametrize(
    ("parent", "key", "child"),
    [
        ("contract", "id", "cid"),
        ("tariff_plan", "id", "tpid"),
        ("customer_info", "idcustomer_info", "customer_info_idcustomer_info"),
        ("contratos", "contratoId", "clienteContrato"),
    ],
)
def test_a_column_is_of_the_table_that_its_name_tells(parent: str, key: str, child: str) -> None:
    tables = [
        table(parent, **{key: IDS}),
        table("notes", id=IDS, **{child: [IDS[i % 7] for i in range(30)]}),
    ]
    assert [(x.column, x.table, x.key) for x in links_of(tables)[1]] == [(child, 0, key)]


def test_initials_of_two_tables_name_neither() -> None:
    tables = [
        table("contract", id=IDS),
        table("cable", id=IDS),
        table("notes", code=[f"n{i}" for i in range(30)], cid=[IDS[i % 7] for i in range(30)]),
    ]
    assert not links_of(tables)[2]


def test_initials_prove_nothing_without_the_values() -> None:
    tables = [
        table("contract", id=IDS),
        table("notes", code=[f"n{i}" for i in range(30)], cid=[str(900 + i) for i in range(30)]),
    ]
    assert not links_of(tables)[1]


CONTRACTS: dict[str, Any] = {
    "contratoId": lambda i: 300 + 2 * i,
    "clienteId": lambda i: 7000 + i % 40,
    "nome": lambda i: f"Name{chr(97 + i % 26)} Silva",
    "email": lambda i: f"p{i % 40}@example.com",
    "telefone": lambda i: f"+55359991{i % 40:05}",
    "cpf": lambda i: f"123456{i % 40:05}",
    "plano": lambda i: f"Fibra {100 * (1 + i % 3)} Mega",
    "login": lambda i: f"user{i}",
    "senha": lambda i: f"pw{i}x",
    "mac": lambda i: f"00:11:22:33:44:{i:02X}",
}
BILLS: dict[str, Any] = {
    "id": lambda i: 64000 + i,
    "clienteContrato": lambda i: 300 + 2 * (i % 50),
    "valor": lambda i: f"{60 + i % 9}.90",
    "dataEmissao": lambda i: f"2024-03-{1 + i % 28:02}",
    "dataVencimento": lambda i: f"2024-04-{1 + i % 28:02}",
}


def test_several_contracts_of_a_customer_are_his_services_and_lead_to_him(tmp_path: Path) -> None:
    found = suggested(tmp_path, contratos=CONTRACTS, titulos=BILLS)
    lines = active(found)
    assert lines["customer.account_number"] == ("clienteId",)
    assert lines["service.service_code"] == ("contratoId",)
    assert lines["service.customer"] == ("clienteId",)
    owner = mapping(found, "invoice.customer")
    assert owner["column"] == "clienteContrato"
    assert owner["lookup_table"] == {
        "source": "contratos", "key": "contratoId", "value": "clienteId",
    }  # fmt: skip


def test_contracts_that_pay_where_nobody_else_is_listed_are_the_customers(tmp_path: Path) -> None:
    contract = {
        "id": lambda i: 3 + 2 * i,
        "title": lambda i: f"K-{1000 + i}",
        "pswd": lambda i: f"pw{i}x",
        "date1": lambda i: f"2019-03-{1 + i % 28:02}",
        "date2": lambda i: "" if i % 5 else f"2023-05-{1 + i % 28:02}",
    }
    payment = {
        "id": lambda i: 9000 + i,
        "dt": lambda i: f"2024-03-{1 + i % 28:02}",
        "cid": lambda i: 3 + 2 * (i % 31),
        "summa": lambda i: f"{400 + i}.50",
    }
    lines = active(suggested(tmp_path, contract=contract, contract_payment=payment))
    assert lines["customer.account_number"] == ("id",)
    assert lines["customer.signup_date"] == ("date1",)
    assert lines["customer.cancelled_date"] == ("date2",)
    assert lines["payment.customer"] == ("cid",)
    assert lines["payment.amount"] == ("summa",)


def test_bills_that_come_again_and_again_are_services(tmp_path: Path) -> None:
    people = {
        "id": lambda i: 40 + i,
        "last_name": lambda i: f"Name{chr(97 + i % 26)}",
        "email": lambda i: f"p{i}@example.com",
    }
    again = {
        "id": lambda i: 700 + i,
        "client_id": lambda i: 40 + i,
        "date": lambda i: f"2022-03-{1 + i % 28:02}",
        "next_send_date": lambda i: f"2024-12-{1 + i % 28:02}",
        "amount": lambda i: f"{[29, 39, 49][i % 3]}.90",
    }
    found = suggested(tmp_path, clients=people, recurring_invoices=again)
    lines = {f"{x.entity}.{x.field}": x for x in found.lines if x.active}
    of_these = {k for k, x in lines.items() if x.source == "recurring_invoices"}
    assert "service.customer" in of_these
    assert lines["service.next_bill_date"].columns == ("next_send_date",)
    assert not any(k.startswith("invoice.") for k in of_these)


def test_the_group_by_which_lines_sign_in_stands_for_a_plan_that_nothing_names(
    tmp_path: Path,
) -> None:
    people = {
        "id": lambda i: 40 + i,
        "nombre": lambda i: f"Name{chr(97 + i % 26)}",
        "email": lambda i: f"p{i}@example.com",
    }
    lines = {
        "id": lambda i: 700 + i,
        "cliente_id": lambda i: 40 + i,
        "usuario": lambda i: f"user{i}",
        "password": lambda i: f"pw{i}x",
        "perfil": lambda i: ["Basico", "Hogar", "Negocio"][i % 3],
    }
    found = active(suggested(tmp_path, clientes=people, pppoe_users=lines))
    assert found["service.plan"] == ("perfil",)
    assert found["service.access_username"] == ("usuario",)
