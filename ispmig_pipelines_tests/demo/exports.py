"""What the demo should do, worked out from its exports by Python's own modules and openpyxl.

The mistakes that were planted are named here by hand. What follows from them (the devices of a
customer who is in quarantine) and all counts and sums are computed from the files.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from xml.etree import ElementTree

import openpyxl

import ispmig_pipelines.demo

FOLDER = Path(ispmig_pipelines.demo.__file__).parent


@dataclass(frozen=True)
class Feed:
    """Records of a file that become records of an entity.

    Attributes:
        key: columns of the key.
        refers: column → the entity it names.
        money: field → column.
        completes: its records add to others of the same entity.
    """

    entity: str
    file: str
    key: tuple[str, ...]
    refers: dict[str, str] = field(default_factory=dict)
    money: dict[str, str] = field(default_factory=dict)
    completes: bool = False


@dataclass(frozen=True)
class Planted:
    """A mistake that was planted: in the last record that has these cells."""

    entity: str
    file: str
    where: dict[str, str]
    rule: str
    field: str = ""


@dataclass(frozen=True)
class Isp:
    """A demo ISP: how its files are read, what feeds what, what is wrong in them.

    Attributes:
        number: reads an amount.
        reversed: money fields that have the other sign in the files.
    """

    slug: str
    encoding: str
    delimiter: str
    number: Callable[[str], Decimal]
    currency: str
    feeds: tuple[Feed, ...]
    planted: tuple[Planted, ...]
    reversed: frozenset[str] = frozenset()

    def rows(self, file: str) -> list[dict[str, str]]:
        """The records of a file, or of a table of it (``file#table``); a ragged one has a cell
        under ``None`` (too many) or a cell that is None (too few)."""
        name, _, table = file.partition("#")
        path = FOLDER / self.slug / "exports" / name
        match path.suffix:
            case ".json":
                return [
                    {k: v or "" for k, v in row.items()} for row in json.loads(path.read_bytes())
                ]
            case ".xml":
                return [
                    {child.tag: child.text or "" for child in row}
                    for row in ElementTree.parse(path).getroot()  # noqa: S314 - our own
                ]
            case ".xlsx":
                head, *rows = openpyxl.load_workbook(path)[table].iter_rows(values_only=True)
                return [
                    {str(k): str(v or "") for k, v in zip(head, row, strict=True)} for row in rows
                ]
            case ".sql":
                return _inserted(path.read_text("utf-8"), table)
        with path.open(encoding=self.encoding, newline="") as stream:
            return list(csv.DictReader(stream, delimiter=self.delimiter))


_CELL = re.compile(r"'((?:[^'\\]|''|\\.)*)'|(NULL)")


def _inserted(script: str, table: str) -> list[dict[str, str]]:
    """The rows of a table of a MySQL script: each of its lines ``(…),`` or ``(…);`` is one."""
    columns: list[str] = []
    rows = []
    for line in script.splitlines():
        if line.startswith("INSERT INTO"):
            name, *columns = re.findall(r"`([^`]*)`", line)
            inside = name == table
        elif line.startswith("(") and inside:
            cells = [a.replace("''", "'") for a, _ in _CELL.findall(line)]
            rows.append(dict(zip(columns, cells, strict=True)))
    return rows


def _plain(text: str) -> Decimal:
    return Decimal(text)


def _german(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


PLANS, DEVICES = "bestand.xlsx#Tarife", "bestand.xlsx#Geräte"
SERVICES, ADDRESSES = "splynx.sql#services_internet", "splynx.sql#networking_ipv4"
_SUBSCRIBERS = {"KdNr": "customer"}

VALLEY = Isp(
    slug="valley-wireless",
    encoding="windows-1252",
    delimiter=";",
    number=_german,
    currency="EUR",
    feeds=(
        Feed("customer", "teilnehmer.csv", ("KdNr",)),
        Feed("customer", "salden.csv", ("KdNr",), {"KdNr": "customer"}, {"balance": "Saldo"}, True),
        Feed("location", "teilnehmer.csv", ("Standort",), _SUBSCRIBERS),
        Feed("plan", PLANS, ("Tarif",), {}, {"price": "Preis", "setup_fee": "Einrichtung"}),
        Feed(
            "service",
            "teilnehmer.csv",
            ("Anschluss",),
            {**_SUBSCRIBERS, "Tarif": "plan", "Standort": "location"},
            {"price": "Sonderpreis"},
        ),
        Feed("payment_method", "lastschrift.csv", ("Mandat",), _SUBSCRIBERS),
        Feed(
            "device",
            DEVICES,
            ("Inventar",),
            {**_SUBSCRIBERS, "Anschluss": "service"},
            {"purchase_price": "Kaufpreis"},
        ),
        Feed(
            "ip_assignment",
            "ip-adressen.csv",
            ("IP",),
            {"Anschluss": "service", "Inventar": "device"},
        ),
    ),
    planted=(
        *(
            Planted(entity, "teilnehmer.csv", {"KdNr": "001042"}, "record.ragged")
            for entity in ("customer", "location", "service")
        ),
        Planted("customer", "teilnehmer.csv", {"KdNr": "001057"}, "value.date", "signup_date"),
        Planted("customer", "teilnehmer.csv", {"KdNr": "001071"}, "value.lookup", "status"),
        Planted("customer", "teilnehmer.csv", {"KdNr": "001088"}, "value.type", "email"),
        Planted("customer", "salden.csv", {"KdNr": "001096"}, "value.type", "balance"),
        Planted(
            "customer", "salden.csv", {"KdNr": "000999"}, "record.incomplete", "account_number"
        ),
        Planted("device", DEVICES, {"Inventar": "INV00050"}, "value.scientific", "mac"),
        Planted("device", DEVICES, {"Inventar": "INV00060"}, "key.duplicate", "device_code"),
        Planted(
            "ip_assignment", "ip-adressen.csv", {"Anschluss": "A-2021", "Inventar": ""},
            "key.duplicate", "address",
        ),
    ),
)  # fmt: skip

METRO = Isp(
    slug="metro-fiber",
    encoding="utf-8",
    delimiter=",",
    number=_plain,
    currency="GBP",
    feeds=(
        Feed("customer", "customers.json", ("id",), {}, {"balance": "deposit"}),
        Feed("location", "customers.json", ("id",), {"id": "customer"}),
        Feed("plan", "tariffs_internet.xml", ("id",), {}, {"price": "price"}),
        Feed(
            "service",
            SERVICES,
            ("id",),
            {"customer_id": "customer", "tariff_id": "plan"},
            {"price": "unit_price"},
        ),
        Feed(
            "invoice",
            "invoices.csv",
            ("number",),
            {"customer_id": "customer"},
            {"subtotal": "total_without_vat", "tax": "vat", "total": "total", "amount_due": "due"},
        ),
        Feed(
            "invoice_line",
            "invoices_items.csv",
            ("invoice_number", "position"),
            {"invoice_number": "invoice"},
            {"unit_price": "price", "amount": "total"},
        ),
        Feed(
            "payment",
            "payments.csv",
            ("receipt_number",),
            {"customer_id": "customer", "invoice_number": "invoice"},
            {"amount": "amount"},
        ),
        Feed("ip_assignment", ADDRESSES, ("ip",), {"service_id": "service"}),
    ),
    planted=(
        Planted("customer", "customers.json", {"id": "31"}, "value.type", "email"),
        Planted("customer", "customers.json", {"id": "77"}, "value.lookup", "status"),
        Planted("service", SERVICES, {"id": "5120"}, "reference.missing", "plan"),
        Planted("invoice", "invoices.csv", {"id": "9002"}, "key.duplicate", "invoice_number"),
        Planted(
            "invoice",
            "invoices.csv",
            {"id": "200"},
            "invoice.issue_date_before_due_date",
            "issue_date, due_date",
        ),
        Planted("invoice_line", "invoices_items.csv", {"id": "60"}, "record.ragged"),
        Planted(
            "payment", "payments.csv", {"receipt_number": "R-2025-00050"}, "value.date", "paid_at"
        ),
        Planted(
            "payment", "payments.csv", {"receipt_number": "R-2024-00812"}, "reference.missing",
            "customer",
        ),
    ),
    reversed=frozenset({"customer.balance"}),
)  # fmt: skip

ISPS = (VALLEY, METRO)

Place = tuple[str, str, int]
"""(entity, file, record from 1)."""


@dataclass
class Expected:
    """What the first migration of an ISP should do.

    Attributes:
        counts: entity → count → number.
        totals: ``entity.field`` → amounts.
        planted: where a planted mistake is → (rule, field).
        follows: what is in quarantine because of something else that is.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    totals: dict[str, dict[str, object]] = field(default_factory=dict)
    planted: dict[Place, tuple[str, str]] = field(default_factory=dict)
    follows: set[Place] = field(default_factory=set)

    @property
    def quarantined(self) -> set[Place]:
        return set(self.planted) | self.follows


def expected(isp: Isp) -> Expected:
    """Works out what should come of an ISP's exports."""
    found = Expected()
    for mistake in isp.planted:
        rows = isp.rows(mistake.file)
        (*_, record) = (n for n, row in enumerate(rows, 1) if mistake.where.items() <= row.items())
        found.planted[mistake.entity, mistake.file.partition("#")[0], record] = (
            mistake.rule,
            mistake.field,
        )
    good: dict[str, set[tuple[str, ...]]] = {}
    for feed in isp.feeds:
        _feed(isp, feed, found, good)
    return found


def _feed(isp: Isp, feed: Feed, found: Expected, good: dict[str, set[tuple[str, ...]]]) -> None:
    counts = found.counts.setdefault(
        feed.entity,
        dict.fromkeys(("read", "inserted", "updated", "unchanged", "quarantined"), 0),
    )
    present = good.setdefault(feed.entity, set())
    loaded: dict[tuple[str, ...], dict[str, str]] = {}
    rejected = []
    for record, row in enumerate(isp.rows(feed.file), 1):
        counts["read"] += 1
        place = (feed.entity, feed.file.partition("#")[0], record)
        orphan = any(
            row[column] and (row[column],) not in good[parent]
            for column, parent in feed.refers.items()
        )
        if orphan and place not in found.planted:
            found.follows.add(place)
        key = tuple(row[column] for column in feed.key)
        if place in found.quarantined:
            counts["quarantined"] += 1
            rejected.append(row)
        elif key in loaded:
            counts["unchanged"] += 1
        else:
            loaded[key] = row
            counts["updated" if feed.completes else "inserted"] += 1
    present.update(loaded)
    for name, column in feed.money.items():
        _totals(isp, feed, name, column, found, list(loaded.values()), rejected)


def _totals(
    isp: Isp,
    feed: Feed,
    name: str,
    column: str,
    found: Expected,
    loaded: list[dict[str, str]],
    rejected: list[dict[str, str]],
) -> None:
    sign = -1 if f"{feed.entity}.{name}" in isp.reversed else 1
    unreadable = 0
    quarantined = Decimal(0)
    for row in rejected:
        if None in row or not row[column]:
            continue  # a ragged record has no cell of which it is sure
        try:
            quarantined += sign * isp.number(row[column])
        except InvalidOperation:
            unreadable += 1
    sums = sum((sign * isp.number(row[column]) for row in loaded if row[column]), Decimal(0))
    found.totals[f"{feed.entity}.{name}"] = {
        "source": sums + quarantined,
        "loaded": sums,
        "quarantined": quarantined,
        "unreadable": unreadable,
    }
