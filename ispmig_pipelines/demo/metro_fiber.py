"""Metro Fiber: a city fibre ISP whose exports have the shape that Splynx gives them.

UTF-8, commas, ISO dates, ids that refer to each other, ``0000-00-00`` for no date, a deposit
that is positive when the customer is in credit; one file for each kind of record.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from ispmig_pipelines.demo import people
from ispmig_pipelines.demo.export import Export, written

SLUG = "metro-fiber"
CUSTOMERS = 240
DELIMITER = ","
MONTHS = (dt.date(2025, 1, 1), dt.date(2025, 2, 1))
NEVER = "0000-00-00"
CENT = Decimal("0.01")
VAT = Decimal("0.20")

TARIFFS = (
    # id, title, price before VAT, down and up in kbit/s, for companies
    (1, "Harbour 100", "20.83", 100_000, 100_000, False),
    (2, "Harbour 500", "27.50", 500_000, 500_000, False),
    (3, "Harbour Gigabit", "37.50", 1_000_000, 1_000_000, False),
    (4, "Harbour 900 (2021)", "33.33", 900_000, 110_000, False),
    (5, "Wharf Business 500", "65.00", 500_000, 500_000, True),
    (6, "Wharf Business Gigabit", "95.00", 1_000_000, 1_000_000, True),
)
RETIRED = 4


def _export(columns: str) -> Export:
    return Export(tuple(columns.split()))


@dataclass(frozen=True)
class Line:
    """An internet service, as far as invoices need it."""

    tariff: str
    price: Decimal


@dataclass
class MetroFiber:
    """All its exports, as they are filled."""

    rng: random.Random
    directory: people.Directory = field(default_factory=people.Directory)
    customers: Export = field(
        default_factory=lambda: _export(
            "id login status name email phone category billing_type partner_id location_id street "
            "zip_code city gps date_add vat_id deposit marketing note"
        )
    )
    tariffs: Export = field(
        default_factory=lambda: _export(
            "id title service_name price with_vat vat_percent speed_download speed_upload "
            "available_for_services tariff_type"
        )
    )
    services: Export = field(
        default_factory=lambda: _export(
            "id customer_id tariff_id status description quantity unit_price start_date end_date "
            "discount_percent login password mac router_id"
        )
    )
    ipv4: Export = field(
        default_factory=lambda: _export("id network ip service_id is_used hostname comment")
    )
    invoices: Export = field(
        default_factory=lambda: _export(
            "id number customer_id date_created date_till date_payment status total_without_vat "
            "vat total due memo"
        )
    )
    items: Export = field(
        default_factory=lambda: _export(
            "id invoice_number position description quantity unit price tax total period_from "
            "period_to"
        )
    )
    payments: Export = field(
        default_factory=lambda: _export(
            "id receipt_number customer_id invoice_number payment_type date amount comment added_by"
        )
    )

    def exports(self) -> dict[str, Export]:
        """File name → export, of those that are CSV."""
        return {
            "invoices.csv": self.invoices,
            "invoices_items.csv": self.items,
            "payments.csv": self.payments,
        }

    def fill(self) -> None:
        """Makes up the whole business, without a mistake in it."""
        for number, title, price, down, up, business in TARIFFS:
            self.tariffs.add(
                id=str(number), title=title, service_name=f"Internet {title}", price=price,
                with_vat="0", vat_percent="20.00", speed_download=str(down), speed_upload=str(up),
                available_for_services="0" if number == RETIRED else "1",
                tariff_type="business" if business else "home",
            )  # fmt: skip
        for number in range(1, CUSTOMERS + 1):
            self._customer(str(number))

    def _customer(self, number: str) -> None:
        rng = self.rng
        is_company = rng.random() < 0.15
        who = people.customer(rng, people.CITY, self.directory, company=is_company)
        added = dt.date(2025, 2, 20) - dt.timedelta(days=rng.randrange(90, 2000))
        status = rng.choices(("active", "blocked", "disabled"), (92, 4, 4))[0]
        name = who.company or f"{who.first_name} {who.last_name}"
        position = (50_300_000 + rng.randrange(60_000), -4_200_000 + rng.randrange(80_000))
        self.customers.add(
            id=number,
            login=f"mf{int(number):05d}",
            status=status,
            name=name,
            email=who.email,
            phone=self._telephones(),
            category="company" if is_company else "person",
            billing_type=rng.choice(("recurring", "recurring", "recurring", "prepaid_monthly")),
            partner_id="1",
            location_id=who.postal_code[-1],
            street=f"{rng.randrange(1, 140)} {who.street}",
            zip_code=f"{who.postal_code} {rng.randrange(1, 10)}{rng.choice('ABDE')}Z",
            city=who.town,
            gps=",".join(f"{p / 1e6:.6f}" for p in position) if rng.random() < 0.8 else "",
            date_add=added.isoformat(),
            vat_id=f"GB000{rng.randrange(10**6):06d}" if is_company else "",
            deposit="0.00",
            marketing=rng.choice("01"),
            note=rng.choice(("", "", "", "Concierge, ask for \"Mo\"", "Fibre enters at the rear")),
        )  # fmt: skip
        lines = [
            self._service(number, who.last_name, added, status, company=is_company)
            for _ in range(2 if rng.random() < 0.06 else 1)
        ]
        if status != "disabled":
            self._bill(number, status, lines)

    def _telephones(self) -> str:
        """One number or two: Splynx takes several, with commas between them."""
        rng = self.rng
        mobile, landline, first, second = (rng.randrange(1000) for _ in range(4))
        chosen = rng.choice(
            (
                (("07700 900", mobile),),
                (("01632 960", landline),),
                (("07700 900", first), ("01632 960", second)),
            )
        )
        return ",".join(self.directory.telephone(*number, digits=3) for number in chosen)

    def _service(
        self, customer: str, name: str, since: dt.date, status: str, *, company: bool
    ) -> Line:
        rng = self.rng
        number = str(5001 + len(self.services.rows))
        tariff, title, price, *_ = rng.choice([t for t in TARIFFS if t[5] == company])
        discount = rng.choice(("10", "25")) if rng.random() < 0.07 else "0"
        self.services.add(
            id=number,
            customer_id=customer,
            tariff_id=str(tariff),
            status={"active": "active", "blocked": "disabled", "disabled": "stopped"}[status],
            description=title,
            quantity="1",
            unit_price=price,
            start_date=(since + dt.timedelta(days=rng.randrange(5, 30))).isoformat(),
            end_date="2025-01-31" if status == "disabled" else NEVER,
            discount_percent=discount,
            login=f"{people.plain(name)}.{number}",
            password=f"demo-not-a-secret-{number}",
            mac=people.mac(rng).hex(":").upper(),
            router_id=str(rng.randrange(1, 4)),
        )
        if rng.random() < 0.6:
            self._address(number, fixed=company)
        share = 1 - Decimal(discount) / 100
        return Line(title, (Decimal(price) * share).quantize(CENT, ROUND_HALF_UP))

    def _address(self, service: str, *, fixed: bool) -> None:
        count = len(self.ipv4.rows) + 1
        self.ipv4.add(
            id=str(count),
            network="198.51.100.0/24" if fixed else "100.72.0.0/16",
            ip=f"198.51.100.{count}" if fixed else f"100.72.{count // 200}.{count % 200 + 1}",
            service_id=service,
            is_used="1",
            hostname=f"host-{count}.metro.example.net" if fixed else "",
            comment="",
        )

    def _bill(self, customer: str, status: str, lines: list[Line]) -> None:
        rng = self.rng
        owing = Decimal(0)
        for month in MONTHS:
            last = (month + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
            number = f"{month:%Y%m}{len(self.invoices.rows) + 1:06d}"
            entries = [(f"{line.tariff}, {month:%B %Y}", line.price, True) for line in lines]
            if month == MONTHS[0] and rng.random() < 0.05:
                entries.append(("Call-out, replaced ONT", Decimal("45.00"), False))
            net = sum((price for _, price, _ in entries), Decimal(0))
            vat = (net * VAT).quantize(CENT, ROUND_HALF_UP)
            paid = status == "active" and rng.random() < 0.9
            for place, (text, price, monthly) in enumerate(entries, 1):
                self.items.add(
                    id=str(len(self.items.rows) + 1), invoice_number=number, position=str(place),
                    description=text, quantity="1", unit="month" if monthly else "piece",
                    price=f"{price}", tax="20.00", total=f"{price}",
                    period_from=month.isoformat() if monthly else NEVER,
                    period_to=last.isoformat() if monthly else NEVER,
                )  # fmt: skip
            paid_at = dt.datetime.combine(month, dt.time()) + dt.timedelta(
                days=rng.randrange(1, 14), seconds=rng.randrange(86_400)
            )
            self.invoices.add(
                id=str(len(self.invoices.rows) + 1), number=number, customer_id=customer,
                date_created=month.isoformat(),
                date_till=(month + dt.timedelta(days=14)).isoformat(),
                date_payment=paid_at.date().isoformat() if paid else NEVER,
                status="paid" if paid else "not_paid",
                total_without_vat=f"{net}", vat=f"{vat}", total=f"{net + vat}",
                due="0.00" if paid else f"{net + vat}", memo="",
            )  # fmt: skip
            if paid:
                self._payment(customer, number, paid_at, net + vat)
            else:
                owing += net + vat
        credit = Decimal(rng.randrange(500, 5000)) / 100 if rng.random() < 0.05 else Decimal(0)
        self.customers.change({"id": customer}, deposit=f"{credit - owing:.2f}")

    def _payment(self, customer: str, invoice: str, at: dt.datetime, amount: Decimal) -> None:
        rng = self.rng
        count = len(self.payments.rows) + 1
        self.payments.add(
            id=str(count),
            receipt_number=f"R-2025-{count:05d}",
            customer_id=customer,
            invoice_number=invoice,
            payment_type=rng.choices(("3", "2", "1", "7"), (70, 20, 4, 6))[0],
            date=at.isoformat(sep=" "),
            amount=f"{amount}",
            comment="",
            added_by=rng.choice(("api", "api", "moira")),
        )

    def spoil(self) -> None:
        """Plants the mistakes that exports have in real life; quarantine takes all but the last
        two."""
        payments = self.payments
        self.customers.change({"id": "31"}, email="info.harbour-lights.example.com")
        self.customers.change({"id": "77"}, status="vip")
        self.services.change({"id": "5120"}, tariff_id="19")
        payments.change({"receipt_number": "R-2025-00050"}, date="2025-02-30 10:15:00")
        # The customer was deleted, the money was not.
        orphan = payments.only(receipt_number="R-2025-00090")
        payments.rows.append(
            {**orphan, "id": "9001", "receipt_number": "R-2024-00812", "customer_id": "1999",
             "invoice_number": "", "amount": "31.40"}
        )  # fmt: skip
        # One number, two invoices.
        twin = self.invoices.only(id="120")
        due = "0.00" if twin["status"] == "paid" else "1.00"
        amounts = {"total_without_vat": "1.00", "vat": "0.00", "total": "1.00", "due": due}
        self.invoices.rows.append({**twin, "id": "9002", **amounts})
        # Due before it was issued.
        self.invoices.change({"id": "200"}, date_till="2024-02-15")
        # A comma in a description that nobody quoted.
        self.items.line(self.items.position(id="60"), delimiter=DELIMITER, spoil=str)
        # The last page of the list was exported twice.
        payments.rows.append(payments.only(receipt_number="R-2025-00120"))
        # She moved, and was entered as a new customer.
        self.customers.change({"id": "113"}, phone=self.customers.only(id="40")["phone"])


def exports() -> dict[str, bytes]:
    """Every file of ``exports/``, always the same."""
    isp = MetroFiber(random.Random(SLUG))  # noqa: S311  made-up people are no secret
    isp.fill()
    isp.spoil()
    return {
        "customers.json": written("json", {"customers": isp.customers}),
        "tariffs_internet.xml": written("xml", {"tariffs_internet": isp.tariffs}),
        "splynx.sql": written(
            "sql", {"services_internet": isp.services, "networking_ipv4": isp.ipv4}
        ),
        **{
            name: export.text(delimiter=DELIMITER, end="\n").encode("utf-8")
            for name, export in isp.exports().items()
        },
    }
