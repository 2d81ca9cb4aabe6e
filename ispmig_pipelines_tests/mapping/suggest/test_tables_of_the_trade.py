"""What tables of contracts, transactions and equipment are, and what their columns are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.usual_names import USUAL_NAMES
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.mapping.suggest.test_causes import PEOPLE, active, suggested

DAY = "2024-{:02}-{:02}"


def day(i: int) -> str:
    return DAY.format(i % 12 + 1, i % 27 + 1)


def test_usual_names_are_of_fields() -> None:
    for entity, names in USUAL_NAMES.items():
        assert set(names.values()) <= ENTITIES[entity].fields.keys()


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("fone_residencial", {"home", "phone"}),
        ("Tel. dienstlich", {"phone", "work"}),
        ("tel_fixo", {"home", "phone"}),
        ("Download Max Mbps", {"download", "speed"}),
        ("ds_rate_max", {"download", "speed"}),
        ("franquia_gb", {"cap"}),
        ("Grundgebühr", {"price"}),
        ("porcentaje_iva", {"rate", "tax"}),
    ],
)
def test_words_of_the_trade(name: str, concepts: set[str]) -> None:
    assert set(concepts_of(name)) == concepts


def test_transactions_of_invoices_are_payments(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=PEOPLE,
        invoices={
            "invoice_number": lambda i: f"INV-{i:05}",
            "customer_id": lambda i: 4000 + i % 50,
            "invoice_date": day,
            "due_date": day,
            "total": lambda i: f"{i * 7 % 90 + 10}.50",
        },
        invoice_transactions={
            "invoice_number": lambda i: f"INV-{i // 2:05}",
            "transaction_number": lambda i: f"TRA-{i:05}",
            "customer_id": lambda i: 4000 + i % 50,
            "paid_at": day,
            "amount": lambda i: f"{i * 7 % 90 + 10}.50",
        },
    )
    lines = active(found)
    assert lines["payment.amount"] == ("amount",)
    assert lines["payment.invoice"] == ("invoice_number",)
    assert lines["payment.paid_at"] == ("paid_at",)
    assert lines["invoice.total"] == ("total",)


def test_contracts_are_services_though_they_have_prices(tmp_path: Path) -> None:
    plans = {"id_plano": lambda i: 100 + i, "nome": lambda i: f"Plano {i}"}
    found = suggested(
        tmp_path,
        customers=PEOPLE,
        planos={**plans, "valor": lambda i: f"{i + 20}.90"},
        contratos={
            "id_contrato": lambda i: 7000 + i,
            "customer_id": lambda i: 4000 + i % 50,
            "id_plano": lambda i: 100 + i % 60,
            "data_contratacao": day,
            "valor_contrato": lambda i: f"{i % 40 + 20}.90",
            "tx_instalacao": lambda i: f"{i % 3 * 50}.00",
            "banda_download_kbps": lambda i: (512, 1024, 2048)[i % 3],
        },
    )
    lines = active(found)
    assert lines["service.price"] == ("valor_contrato",)
    assert lines["service.setup_fee"] == ("tx_instalacao",)
    assert lines["service.contract_date"] == ("data_contratacao",)
    assert lines["service.download_kbps"] == ("banda_download_kbps",)
    assert not [name for name in lines if name.startswith("payment.")]


def test_devices_with_an_address_have_a_place(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=PEOPLE,
        modems={
            "id": lambda i: 900 + i,
            "customer_id": lambda i: 4000 + i,
            "mac": lambda i: f"00:11:22:33:44:{i:02x}",
            "serial_num": lambda i: f"SN8{i:06}",
            "street": lambda i: f"Hauptstraße {i + 1}",
            "city": lambda i: ("Pockau", "Olbernhau")[i % 2],
            "lat": lambda i: f"50.{7000 + i}",
            "lng": lambda i: f"13.{3000 + i}",
        },
    )
    lines = active(found)
    assert lines["device.mac"] == ("mac",)
    assert lines["device.serial_number"] == ("serial_num",)
    assert lines["device.location"] == lines["location.location_code"] == ("id",)
    assert lines["location.street"] == ("street",)
    assert lines["location.customer"] == ("customer_id",)


def test_a_list_of_assets_with_their_holders_holds_devices(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        assets={
            "Full Name": lambda i: f"Thabo Nkosi{chr(97 + i % 26)}",
            "Email": lambda i: f"t{i}@example.com",
            "Username": lambda i: f"thabo{i}",
            "Model name": lambda i: ("LHG 5 ac", "PowerBeam 5AC")[i % 2],
            "Manufacturer": lambda i: ("MikroTik", "Ubiquiti")[i % 2],
            "Serial number": lambda i: f"B97A4D{i:04}" if i % 5 else "",
            "Asset Tag": lambda i: f"A{30000 + i}",
        },
    )
    lines = active(found)
    assert lines["device.model"] == ("Model name",)
    assert lines["device.serial_number"] == ("Serial number",)
    assert "device.management_username" not in lines
    assert not [name for name in lines if name.startswith("customer.")]


def test_a_province_is_a_region_and_no_county(tmp_path: Path) -> None:
    people: dict[str, Any] = PEOPLE | {
        "address": lambda i: f"{i + 1} Main St",
        "city": lambda i: ("Lindsay", "Apsley")[i % 2],
        "ship-to_address": lambda i: f"{i + 1} Skyline Rd",
        "ship-to_city": lambda i: ("Lindsay", "Apsley")[i % 2],
        "ship-to_province/state": lambda i: ("Ontario", "Quebec")[i % 2],
    }
    lines = active(suggested(tmp_path, customers=people))
    assert lines["location.region"] == ("ship-to_province/state",)
    assert "location.county" not in lines


def test_the_address_of_a_router_and_the_day_of_a_change_are_of_no_line(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=PEOPLE,
        ip_addresses={
            "ip": lambda i: f"10.1.1.{i + 2}",
            "router_ip": lambda i: f"10.1.{i % 2}.1",
            "updated_at": day,
        },
    )
    lines = active(found)
    assert lines["ip_assignment.address"] == ("ip",)
    assert lines["ip_assignment.gateway"] == ("router_ip",)
    assert "ip_assignment.assigned_date" not in lines


def test_a_number_of_each_customer_is_no_group(tmp_path: Path) -> None:
    people = PEOPLE | {"sys_groupid": lambda i: 70 + i}
    assert "customer.segment" not in active(suggested(tmp_path, customers=people))
