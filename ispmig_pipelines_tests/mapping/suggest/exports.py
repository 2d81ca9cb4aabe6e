# ruff: noqa: E501, RUF001  (tables of columns, as exports write them)
"""Small exports as billing systems of many countries write them, and what a person says of them.

The right answers were written together with the exports, before any suggestion was seen: for
each column the fields that a person would accept; a column that is not named has none.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FIRST = ["Anna", "Luca", "María", "José", "Peter", "Olena", "Jan", "Sofia", "Marta", "Paul"]
LAST = [
    "Huber",
    "Rossi",
    "García",
    "Novak",
    "Kowalski",
    "Silva",
    "Brandt",
    "Dubois",
    "Weiss",
    "Ortiz",
]
STREETS = ["Hauptstr.", "Main St", "Via Roma", "Calle Mayor", "Rua Augusta", "Gartenweg"]
TOWNS = ["Graz", "Bergamo", "Sevilla", "Gdynia", "Campinas", "Lviv", "Fulda", "Lyon"]


@dataclass(frozen=True)
class Export:
    """An export and the truth of it.

    Attributes:
        files: name of a file → (delimiter, encoding, columns, rows).
        truth: (file's stem or table, column) → fields that are right, as ``entity.field``.
        currency: what the person who migrates says.
    """

    name: str
    files: dict[str, tuple[str, str, list[str], list[list[str]]]]
    truth: dict[tuple[str, str], set[str]]
    currency: str = ""
    tags: set[str] = field(default_factory=set)

    def write(self, folder: Path) -> list[str]:
        paths = []
        for name, (delimiter, encoding, columns, rows) in self.files.items():
            path = folder / name
            with path.open("w", newline="", encoding=encoding) as file:
                writer = csv.writer(file, delimiter=delimiter)
                writer.writerow(columns)
                writer.writerows(rows)
            paths.append(str(path))
        return paths


def _rows(
    count: int, make: Callable[[int, random.Random], list[str]], seed: int
) -> list[list[str]]:
    chance = random.Random(seed)  # noqa: S311
    return [make(i, chance) for i in range(1, count + 1)]


def _day(r: random.Random, form: str) -> str:
    y, m, d = r.randint(2016, 2024), r.randint(1, 12), r.randint(1, 28)
    return form.format(y=y, m=m, d=d, yy=y % 100)


def _mac(r: random.Random, sep: str = ":") -> str:
    return sep.join(f"{r.randint(0, 255):02x}" for _ in range(6))


def _truth(stem: str, pairs: dict[str, str]) -> dict[tuple[str, str], set[str]]:
    return {(stem, column): set(fields.split()) for column, fields in pairs.items()}


def german_wide() -> Export:
    """One wide German list with two dozen columns."""
    columns = ["KundenNr", "Vorname", "Nachname", "Firmenname", "Strasse", "PLZ", "Ort", "E-Mail-Adresse",
               "Rufnummer", "Handy", "Tarif", "Monatspreis (€)", "Vertragsbeginn", "Vertragsende",
               "Kundenstatus", "Zahlungsart", "IP-Adresse", "Router-MAC", "Seriennr.", "Bemerkungen"]  # fmt: skip

    def row(i: int, r: random.Random) -> list[str]:
        return [f"{20000 + i}", r.choice(FIRST), r.choice(LAST), "" if r.random() < 0.8 else "Muster GmbH",
                f"{r.choice(STREETS)} {r.randint(1, 90)}", f"{r.randint(10000, 99999)}", r.choice(TOWNS),
                f"kunde{i}@example.de", f"0{r.randint(30, 89)} {r.randint(1000000, 9999999)}",
                f"0151 {r.randint(10000000, 99999999)}", r.choice(["Komfort 50", "Komfort 100", "Giga"]),
                f"{r.randint(19, 59)},{r.choice(['90', '50'])}", _day(r, "{d:02}.{m:02}.{y}"), "",
                r.choice(["aktiv", "aktiv", "gesperrt", "gekündigt"]), r.choice(["Lastschrift", "Überweisung"]),
                f"10.20.{i % 250}.{r.randint(2, 250)}", _mac(r), f"SN{r.randint(10**7, 10**8)}",
                r.choice(["", "", "ruft nachmittags an"])]  # fmt: skip

    truth = _truth("bestandskunden", {
        "KundenNr": "customer.account_number", "Vorname": "customer.first_name",
        "Nachname": "customer.last_name", "Firmenname": "customer.company_name",
        "Strasse": "customer.billing_street location.street", "PLZ": "customer.billing_postal_code location.postal_code",
        "Ort": "customer.billing_city location.city", "E-Mail-Adresse": "customer.email",
        "Rufnummer": "customer.phone", "Handy": "customer.mobile", "Tarif": "service.plan plan.plan_code plan.name",
        "Monatspreis (€)": "service.price plan.price", "Vertragsbeginn": "service.start_date service.contract_date",
        "Vertragsende": "service.end_date service.contract_end_date", "Kundenstatus": "customer.status service.status",
        "IP-Adresse": "ip_assignment.address", "Router-MAC": "device.mac device.device_code",
        "Seriennr.": "device.serial_number device.device_code", "Bemerkungen": "customer.notes service.notes",
    })  # fmt: skip
    return Export(
        "german_wide", {"bestandskunden.csv": (";", "cp1252", columns, _rows(60, row, 1))}, truth
    )


def spanish_billing() -> Export:
    """Clients, invoices and payments of a Spanish program."""
    clients = ["id_cliente", "nombre", "apellidos", "dni", "correo", "telefono_movil", "direccion",
               "codigo_postal", "ciudad", "provincia", "fecha_alta", "estado", "saldo"]  # fmt: skip

    def client(i: int, r: random.Random) -> list[str]:
        return [str(i), r.choice(FIRST), f"{r.choice(LAST)} {r.choice(LAST)}", f"{r.randint(10**7, 10**8 - 1)}X",
                f"c{i}@correo.es", f"6{r.randint(10**7, 10**8 - 1)}", f"{r.choice(STREETS)} {r.randint(1, 99)}",
                f"{r.randint(1000, 52999):05}", r.choice(TOWNS), "Sevilla", _day(r, "{d:02}/{m:02}/{y}"),
                r.choice(["activo", "activo", "suspendido", "baja"]), f"{r.randint(-20, 60)},00"]  # fmt: skip

    bills = ["num_factura", "id_cliente", "fecha_emision", "fecha_vencimiento", "base_imponible", "iva",
             "importe_total", "moneda", "situacion"]  # fmt: skip

    def bill(i: int, r: random.Random) -> list[str]:
        net = r.randint(20, 60)
        return [f"F-{i:05}", str(r.randint(1, 50)), _day(r, "{d:02}/{m:02}/{y}"), _day(r, "{d:02}/{m:02}/2025"),
                f"{net},00", f"{net * 21 / 100:.2f}".replace(".", ","), f"{net * 121 / 100:.2f}".replace(".", ","),
                "EUR", r.choice(["pagada", "pendiente", "anulada"])]  # fmt: skip

    pays = ["recibo", "cliente", "factura", "fecha_pago", "monto", "forma_pago", "observaciones"]

    def pay(i: int, r: random.Random) -> list[str]:
        return [f"R{i:06}", str(r.randint(1, 50)), f"F-{r.randint(1, 80):05}", _day(r, "{d:02}/{m:02}/{y}"),
                f"{r.randint(20, 60)},50", r.choice(["efectivo", "transferencia", "tarjeta"]), ""]  # fmt: skip

    truth = _truth("clientes", {
        "id_cliente": "customer.account_number", "nombre": "customer.first_name", "apellidos": "customer.last_name",
        "dni": "customer.national_id", "correo": "customer.email", "telefono_movil": "customer.mobile customer.phone",
        "direccion": "customer.billing_street", "codigo_postal": "customer.billing_postal_code",
        "ciudad": "customer.billing_city", "provincia": "customer.billing_region",
        "fecha_alta": "customer.signup_date", "estado": "customer.status", "saldo": "customer.balance",
    }) | _truth("facturas", {
        "num_factura": "invoice.invoice_number", "id_cliente": "invoice.customer", "fecha_emision": "invoice.issue_date",
        "fecha_vencimiento": "invoice.due_date", "base_imponible": "invoice.subtotal", "iva": "invoice.tax",
        "importe_total": "invoice.total", "moneda": "invoice.currency", "situacion": "invoice.status",
    }) | _truth("pagos", {
        "recibo": "payment.payment_number", "cliente": "payment.customer", "factura": "payment.invoice",
        "fecha_pago": "payment.paid_at", "monto": "payment.amount", "forma_pago": "payment.method",
        "observaciones": "payment.notes",
    })  # fmt: skip
    return Export("spanish_billing", {
        "clientes.csv": (";", "utf-8", clients, _rows(50, client, 2)),
        "facturas.csv": (";", "utf-8", bills, _rows(80, bill, 3)),
        "pagos.csv": (";", "utf-8", pays, _rows(70, pay, 4)),
    }, truth)  # fmt: skip


def nameless_fields() -> Export:
    """A report whose columns are only numbered."""
    columns = [f"fld_{n}" for n in (1, 4, 17, 21, 22, 30, 31, 40)]

    def row(i: int, r: random.Random) -> list[str]:
        return [f"{700000 + i}", f"{r.choice(FIRST)} {r.choice(LAST)}", f"user{i}@mail.example.com",
                f"+1 555-{r.randint(200, 999)}-{r.randint(1000, 9999)}", f"172.16.{i % 250}.{r.randint(2, 250)}",
                _mac(r, "-"), f"{r.uniform(30, 33):.6f}", f"{r.uniform(-99, -95):.6f}"]  # fmt: skip

    truth = _truth("report", {
        "fld_1": "customer.account_number", "fld_4": "customer.last_name", "fld_17": "customer.email",
        "fld_21": "customer.phone customer.mobile", "fld_22": "ip_assignment.address",
        "fld_30": "device.mac ip_assignment.mac device.device_code", "fld_31": "location.latitude",
        "fld_40": "location.longitude",
    })  # fmt: skip
    return Export(
        "nameless_fields", {"report.csv": (",", "utf-8", columns, _rows(60, row, 5))}, truth
    )


def russian_subscribers() -> Export:
    """Subscribers with Cyrillic headers, in the encoding of old Windows."""
    columns = ["Лицевой счет", "ФИО", "Адрес", "Телефон", "Тариф", "Баланс", "Статус", "Дата подключения",
               "IP-адрес", "MAC-адрес", "Логин", "Пароль", "Примечание"]  # fmt: skip

    def row(i: int, r: random.Random) -> list[str]:
        return [f"{100000 + i}", r.choice(["Иванов Иван", "Петрова Анна", "Сидоров Пётр Ильич"]),
                f"ул. Ленина, д. {r.randint(1, 90)}, кв. {r.randint(1, 120)}", f"+7 9{r.randint(10**8, 10**9 - 1)}",
                r.choice(["Базовый", "Турбо 100"]), f"{r.randint(-500, 900)}.50", r.choice(["активен", "заблокирован"]),
                _day(r, "{d:02}.{m:02}.{y}"), f"10.1.{i % 250}.{r.randint(1, 250)}", _mac(r), f"abon{i}",
                f"p{r.randint(10**5, 10**6)}", ""]  # fmt: skip

    truth = _truth("abonenty", {
        "Лицевой счет": "customer.account_number", "ФИО": "customer.last_name", "Адрес": "customer.billing_street location.street",
        "Телефон": "customer.phone", "Тариф": "service.plan plan.plan_code", "Баланс": "customer.balance",
        "Статус": "customer.status service.status", "Дата подключения": "service.start_date",
        "IP-адрес": "ip_assignment.address", "MAC-адрес": "device.mac device.device_code ip_assignment.mac",
        "Логин": "service.access_username customer.portal_username", "Пароль": "service.access_secret customer.portal_secret",
        "Примечание": "customer.notes service.notes",
    })  # fmt: skip
    return Export(
        "russian_subscribers",
        {"abonenty.csv": (";", "cp1251", columns, _rows(60, row, 6))},
        truth,
        "RUB",
    )


def camel_case_us() -> Export:
    """An American program's tables with names run together."""
    accounts = ["AcctNum", "CustFName", "CustLName", "BusinessName", "SvcAddr1", "SvcCity", "SvcState", "SvcZip",
                "HomePhone", "CellPhone", "EmailAddr", "AcctStatus", "SignupDt", "AmtDue", "SSN"]  # fmt: skip

    def account(i: int, r: random.Random) -> list[str]:
        return [f"A{i:05}", r.choice(FIRST), r.choice(LAST), "", f"{r.randint(1, 999)} Main St", r.choice(TOWNS), "TX",
                f"{r.randint(75001, 79999)}", f"(512) {r.randint(200, 999)}-{r.randint(1000, 9999)}",
                f"512-{r.randint(200, 999)}-{r.randint(1000, 9999)}", f"u{i}@example.net",
                r.choice(["Active", "Disabled", "Cancelled"]), _day(r, "{m:02}/{d:02}/{y}"), f"${r.randint(0, 99)}.00",
                f"{r.randint(100, 899)}-{r.randint(10, 99)}-{r.randint(1000, 9999)}"]  # fmt: skip

    packages = ["PkgCode", "PkgName", "DownSpeedMbps", "UpSpeedMbps", "MonthlyRate", "TaxPct"]

    def package(i: int, r: random.Random) -> list[str]:
        return [f"PK{i}", f"Package {i}", str(25 * i), str(5 * i), f"${30 + 10 * i}.00", "8.25"]

    subs = [
        "SubID",
        "AcctNum",
        "PkgCode",
        "ActivationDate",
        "CancelDate",
        "SubStatus",
        "StaticIP",
        "CpeMac",
    ]

    def sub(i: int, r: random.Random) -> list[str]:
        return [f"{9000 + i}", f"A{r.randint(1, 50):05}", f"PK{r.randint(1, 6)}", _day(r, "{m:02}/{d:02}/{y}"), "",
                r.choice(["Active", "Suspended"]), f"198.51.100.{i}", _mac(r)]  # fmt: skip

    truth = _truth("accounts", {
        "AcctNum": "customer.account_number", "CustFName": "customer.first_name", "CustLName": "customer.last_name",
        "BusinessName": "customer.company_name", "SvcAddr1": "location.street customer.billing_street",
        "SvcCity": "location.city customer.billing_city", "SvcState": "location.region customer.billing_region",
        "SvcZip": "location.postal_code customer.billing_postal_code", "HomePhone": "customer.phone",
        "CellPhone": "customer.mobile", "EmailAddr": "customer.email", "AcctStatus": "customer.status",
        "SignupDt": "customer.signup_date", "AmtDue": "customer.balance", "SSN": "customer.national_id",
    }) | _truth("packages", {
        "PkgCode": "plan.plan_code", "PkgName": "plan.name", "DownSpeedMbps": "plan.download_kbps",
        "UpSpeedMbps": "plan.upload_kbps", "MonthlyRate": "plan.price", "TaxPct": "plan.tax_rate",
    }) | _truth("subscriptions", {
        "SubID": "service.service_code", "AcctNum": "service.customer", "PkgCode": "service.plan",
        "ActivationDate": "service.start_date", "CancelDate": "service.end_date", "SubStatus": "service.status",
        "StaticIP": "ip_assignment.address", "CpeMac": "device.mac device.device_code ip_assignment.mac",
    })  # fmt: skip
    return Export("camel_case_us", {
        "accounts.csv": (",", "utf-8", accounts, _rows(50, account, 7)),
        "packages.csv": (",", "utf-8", packages, _rows(6, package, 8)),
        "subscriptions.csv": (",", "utf-8", subs, _rows(70, sub, 9)),
    }, truth)  # fmt: skip


def portuguese() -> Export:
    """Brazilian clients, with documents and a due day."""
    columns = ["cod_assinante", "nome_completo", "cpf_cnpj", "tipo_pessoa", "endereco", "numero", "bairro", "cidade", "uf",
               "cep", "celular", "email", "plano", "valor_mensalidade", "dia_vencimento", "situacao", "data_cadastro"]  # fmt: skip

    def row(i: int, r: random.Random) -> list[str]:
        return [str(5000 + i), f"{r.choice(FIRST)} {r.choice(LAST)}", f"{r.randint(10**10, 10**11 - 1)}",
                r.choice(["PF", "PF", "PJ"]), f"Rua {r.choice(LAST)}", str(r.randint(1, 900)), "Centro", r.choice(TOWNS), "SP",
                f"{r.randint(13000, 13999)}-{r.randint(0, 999):03}", f"(19) 9{r.randint(10**7, 10**8 - 1)}",
                f"a{i}@provedor.com.br", r.choice(["Fibra 100", "Fibra 300"]), f"R$ {r.choice(['79,90', '99,90'])}",
                r.choice(["5", "10", "20"]), r.choice(["ativo", "bloqueado", "cancelado"]), _day(r, "{d:02}/{m:02}/{y}")]  # fmt: skip

    truth = _truth("assinantes", {
        "cod_assinante": "customer.account_number", "nome_completo": "customer.last_name",
        "cpf_cnpj": "customer.national_id customer.tax_id", "tipo_pessoa": "customer.kind",
        "endereco": "customer.billing_street location.street", "numero": "location.building",
        "bairro": "location.county", "cidade": "customer.billing_city location.city",
        "uf": "customer.billing_region location.region", "cep": "customer.billing_postal_code location.postal_code",
        "celular": "customer.mobile customer.phone", "email": "customer.email", "plano": "service.plan plan.plan_code",
        "valor_mensalidade": "service.price plan.price", "dia_vencimento": "customer.bill_day",
        "situacao": "customer.status service.status", "data_cadastro": "customer.signup_date",
    })  # fmt: skip
    return Export(
        "portuguese", {"assinantes.csv": (";", "utf-8", columns, _rows(60, row, 10))}, truth
    )


def polish_and_turkish() -> Export:
    """Two lists that have nothing to do with each other but a migration."""
    polish = ["Nr klienta", "Imię", "Nazwisko", "Nazwa firmy", "NIP", "Ulica", "Kod pocztowy", "Miasto", "Nr telefonu",
              "Adres e-mail", "Data rejestracji", "Stan"]  # fmt: skip

    def row(i: int, r: random.Random) -> list[str]:
        return [f"K/{i:04}", r.choice(FIRST), r.choice(LAST), "", "", f"ul. Polna {r.randint(1, 40)}",
                f"{r.randint(10, 99)}-{r.randint(100, 999)}", "Gdynia", f"+48 6{r.randint(10**7, 10**8 - 1)}",
                f"k{i}@poczta.pl", _day(r, "{y}-{m:02}-{d:02}"), r.choice(["aktywny", "zablokowany"])]  # fmt: skip

    turkish = [
        "Fatura No",
        "Müşteri No",
        "Fatura Tarihi",
        "Vade Tarihi",
        "Tutar",
        "Para Birimi",
        "Durum",
    ]

    def bill(i: int, r: random.Random) -> list[str]:
        return [f"FTR{i:06}", f"K/{r.randint(1, 40):04}", _day(r, "{d:02}.{m:02}.{y}"), _day(r, "{d:02}.{m:02}.2025"),
                f"{r.randint(100, 900)},00", "TRY", r.choice(["ödendi", "ödenmedi"])]  # fmt: skip

    truth = _truth("klienci", {
        "Nr klienta": "customer.account_number", "Imię": "customer.first_name", "Nazwisko": "customer.last_name",
        "Nazwa firmy": "customer.company_name", "NIP": "customer.tax_id", "Ulica": "customer.billing_street",
        "Kod pocztowy": "customer.billing_postal_code", "Miasto": "customer.billing_city", "Nr telefonu": "customer.phone",
        "Adres e-mail": "customer.email", "Data rejestracji": "customer.signup_date", "Stan": "customer.status",
    }) | _truth("faturalar", {
        "Fatura No": "invoice.invoice_number", "Müşteri No": "invoice.customer", "Fatura Tarihi": "invoice.issue_date",
        "Vade Tarihi": "invoice.due_date", "Tutar": "invoice.total", "Para Birimi": "invoice.currency", "Durum": "invoice.status",
    })  # fmt: skip
    return Export("polish_and_turkish", {
        "klienci.csv": (";", "utf-8", polish, _rows(40, row, 11)),
        "faturalar.csv": (";", "utf-8", turkish, _rows(60, bill, 12)),
    }, truth)  # fmt: skip


def misleading() -> Export:
    """Columns whose names promise what their cells do not hold, and secrets."""
    columns = ["ID", "customer_name", "email", "phone", "password", "card_no", "cvv", "balance", "status", "uuid", "zip",
               "country", "last_login"]  # fmt: skip

    def row(i: int, r: random.Random) -> list[str]:
        return [str(i), f"{r.choice(FIRST)} {r.choice(LAST)}", r.choice(["yes", "no"]), r.choice(["y", "n"]),
                "$2y$10$" + "abcdefghijklmnopqrstuv" + str(i), "4111111111111111", "123", f"{r.randint(-9, 9)}.00",
                r.choice(["1", "2", "3"]), f"{i:08x}-1111-4111-8111-{i:012x}", f"{r.randint(10000, 99999)}", "US",
                f"{r.randint(2020, 2024)}-01-02 03:04:05"]  # fmt: skip

    truth = _truth("clients", {
        "ID": "customer.account_number", "customer_name": "customer.last_name", "zip": "customer.billing_postal_code",
        "country": "customer.billing_country",
    })  # fmt: skip
    return Export("misleading", {"clients.csv": (",", "utf-8", columns, _rows(60, row, 13))}, truth)


def french_gear() -> Export:
    """Equipment, sites and invoice lines of a French operator."""
    gear = [
        "id_equipement",
        "n° client",
        "type",
        "marque",
        "modèle",
        "n° de série",
        "adresse MAC",
        "date d'installation",
    ]

    def one(i: int, r: random.Random) -> list[str]:
        return [f"EQ{i}", str(r.randint(1, 30)), r.choice(["routeur", "modem", "antenne"]), "Ubiquiti", "AC-Lite",
                f"UB{r.randint(10**6, 10**7)}", _mac(r), _day(r, "{d:02}/{m:02}/{y}")]  # fmt: skip

    customers = ["n° client", "prénom", "nom de famille", "société", "adresse", "code postal", "ville", "téléphone",
                 "courriel", "date d'inscription", "état"]  # fmt: skip

    def client(i: int, r: random.Random) -> list[str]:
        return [str(i), r.choice(FIRST), r.choice(LAST), "", f"{r.randint(1, 90)} rue du Bac", f"{r.randint(1000, 95999):05}",
                r.choice(TOWNS), f"0{r.randint(1, 7)} {r.randint(10, 99)} {r.randint(10, 99)} {r.randint(10, 99)} {r.randint(10, 99)}",
                f"cl{i}@exemple.fr", _day(r, "{d:02}/{m:02}/{y}"), r.choice(["actif", "suspendu", "résilié"])]  # fmt: skip

    lines = ["n° facture", "ligne", "description", "quantité", "prix unitaire", "montant", "devise"]

    def line(i: int, r: random.Random) -> list[str]:
        return [
            f"FA{(i + 1) // 2:04}",
            str(1 + (i + 1) % 2),
            "Abonnement fibre",
            "1",
            "29,99",
            "29,99",
            "EUR",
        ]

    truth = _truth("equipements", {
        "id_equipement": "device.device_code", "n° client": "device.customer", "type": "device.kind", "marque": "device.vendor",
        "modèle": "device.model", "n° de série": "device.serial_number", "adresse MAC": "device.mac",
        "date d'installation": "device.installed_date",
    }) | _truth("clients", {
        "n° client": "customer.account_number", "prénom": "customer.first_name", "nom de famille": "customer.last_name",
        "société": "customer.company_name", "adresse": "customer.billing_street", "code postal": "customer.billing_postal_code",
        "ville": "customer.billing_city", "téléphone": "customer.phone", "courriel": "customer.email",
        "date d'inscription": "customer.signup_date", "état": "customer.status",
    }) | _truth("lignes_factures", {
        "n° facture": "invoice_line.invoice_number", "ligne": "invoice_line.line_no", "description": "invoice_line.description",
        "quantité": "invoice_line.quantity", "prix unitaire": "invoice_line.unit_price", "montant": "invoice_line.amount",
        "devise": "invoice_line.currency",
    })  # fmt: skip
    return Export("french_gear", {
        "equipements.csv": (";", "utf-8", gear, _rows(40, one, 14)),
        "clients.csv": (";", "utf-8", customers, _rows(30, client, 15)),
        "lignes_factures.csv": (";", "utf-8", lines, _rows(60, line, 16)),
    }, truth)  # fmt: skip


EXPORTS = (german_wide, spanish_billing, nameless_fields, russian_subscribers, camel_case_us, portuguese,
           polish_and_turkish, misleading, french_gear)  # fmt: skip
