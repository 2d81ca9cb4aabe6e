"""Valley Wireless: a small wireless ISP in the mountains, with a home-made system.

German columns, semicolons, windows-1252, decimal commas, days before months; customer, location
and line in one wide row, which stands once for each line.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from decimal import Decimal

from ispmig_pipelines.demo import people
from ispmig_pipelines.demo.export import Export, written
from ispmig_pipelines.demo.people import Customer

SLUG = "valley-wireless"
TODAY = dt.date(2025, 3, 1)
CUSTOMERS = 180
DELIMITER = ";"
ENCODING = "windows-1252"

SUBSCRIBERS = (
    "KdNr", "Anrede", "Vorname", "Nachname", "Firma", "Straße", "PLZ", "Ort", "Telefon", "Mobil",
    "E-Mail", "Kunde seit", "Status", "Rechnung per", "Standort", "Standort-Straße",
    "Standort-PLZ", "Standort-Ort", "Breite", "Länge", "Sektor", "Anschluss", "Tarif",
    "Anschlussstatus", "Angeschlossen am", "Gekündigt zum", "Sonderpreis", "PPPoE-Name",
    "PPPoE-Kennwort", "Bemerkung", "Monteur",
)  # fmt: skip
PLANS = (
    # code, name, down/up, price, set-up, GB included, months, still sold
    ("FUNK-6", "Funk Einsteiger", "6/1 Mbit", "19,90", "49,00", "50", "12", "nein"),
    ("FUNK-20", "Funk Familie", "20/5 Mbit", "29,90", "49,00", "", "12", "ja"),
    ("FUNK-50", "Funk Plus", "50/10 Mbit", "39,90", "49,00", "", "12", "ja"),
    ("FUNK-100", "Funk Turbo", "100/20 Mbit", "54,90", "0,00", "", "24", "ja"),
    ("ALM-10", "Alm Sommer", "10/2 Mbit", "14,50", "29,00", "100", "0", "ja"),
    ("BETRIEB-50", "Betrieb 50", "50/50 Mbit", "79,00", "149,00", "", "24", "ja"),
    ("BETRIEB-100", "Betrieb 100", "100/100 Mbit", "129,00", "149,00", "", "36", "ja"),
)
SECTORS = ("Hochwiesen Nord", "Hochwiesen Süd", "Kirchturm Lindental", "Silo Steinbrück")
ANTENNAS = (("Alpfunk", "AF-5 Lite"), ("Alpfunk", "AF-5 Pro"), ("Nordwelle", "NW 25"))
ROUTERS = (("Heimnetz", "HB 7"), ("Heimnetz", "HB 9 AX"))

REMARKS = ("", "", "", "", "Schlüssel beim Nachbarn", 'Hund; "Bello" beißt', "Mast: 20 € Pfand")


@dataclass
class ValleyWireless:
    """All its exports, as they are filled."""

    rng: random.Random
    directory: people.Directory = field(default_factory=people.Directory)
    subscribers: Export = field(default_factory=lambda: Export(SUBSCRIBERS))
    plans: Export = field(
        default_factory=lambda: Export(
            ("Tarif", "Bezeichnung", "Geschwindigkeit", "Preis", "Einrichtung", "Volumen GB",
             "Laufzeit", "Im Verkauf")
        )
    )  # fmt: skip
    balances: Export = field(default_factory=lambda: Export(("KdNr", "Saldo", "Stand")))
    mandates: Export = field(
        default_factory=lambda: Export(
            ("Mandat", "KdNr", "Kontoinhaber", "Bank", "IBAN-Ende", "Unterschrieben am", "Gültig")
        )
    )
    devices: Export = field(
        default_factory=lambda: Export(
            ("Inventar", "KdNr", "Anschluss", "Art", "Hersteller", "Modell", "Seriennummer", "MAC",
             "Verwaltung", "Montiert am", "Zustand", "Kaufpreis")
        )
    )  # fmt: skip
    addresses: Export = field(
        default_factory=lambda: Export(
            ("IP", "Länge", "Anschluss", "Inventar", "Art", "VLAN", "Netz")
        )
    )
    lines: int = 0
    pieces: int = 0

    def exports(self) -> dict[str, Export]:
        """File name → export, of those that are CSV."""
        return {
            "teilnehmer.csv": self.subscribers,
            "salden.csv": self.balances,
            "lastschrift.csv": self.mandates,
            "ip-adressen.csv": self.addresses,
        }

    def fill(self) -> None:
        """Makes up the whole business, without a mistake in it."""
        for plan in PLANS:
            self.plans.rows.append(dict(zip(self.plans.columns, plan, strict=True)))
        for sector in range(len(SECTORS)):
            self._network_device(sector)
        for number in range(CUSTOMERS):
            self._customer(f"00{1001 + number}", number)

    def _customer(self, number: str, index: int) -> None:
        rng = self.rng
        is_company = rng.random() < 0.12
        who = people.customer(rng, people.VALLEY, self.directory, company=is_company)
        since = TODAY - dt.timedelta(days=rng.randrange(40, 4000))
        status = rng.choices(("aktiv", "gesperrt", "gekündigt"), (90, 4, 6))[0]
        billing = f"{who.street} {rng.randrange(1, 90)}"
        own = {
            "KdNr": number,
            "Anrede": "Firma" if is_company else rng.choice(("Herr", "Frau", "Familie")),
            "Vorname": who.first_name,
            "Nachname": who.last_name,
            "Firma": who.company,
            "Straße": billing,
            "PLZ": who.postal_code,
            "Ort": who.town,
            "Telefon": f"089 99998-{index:03d}" if rng.random() < 0.7 else "",
            "Mobil": self._mobile() or "-",
            "E-Mail": who.email if rng.random() < 0.9 else "",
            "Kunde seit": _day(since),
            "Status": status,
            "Rechnung per": rng.choice(("E-Mail", "E-Mail", "Post")),
        }
        # A farm and its alpine hut, a company and its warehouse: a line at each.
        for place in range(2 if rng.random() < 0.08 else 1):
            self._line(own, who, since, place, is_company=is_company)
        self._money(number, who, status)

    def _mobile(self) -> str:
        rng = self.rng
        if rng.random() >= 0.6:
            return ""
        return self.directory.telephone("0171/39200", rng.randrange(100), digits=2)

    def _line(
        self, own: dict[str, str], who: Customer, since: dt.date, place: int, *, is_company: bool
    ) -> None:
        rng = self.rng
        self.lines += 1
        code = f"A-{2000 + self.lines}"
        start = since + dt.timedelta(days=rng.randrange(3, 30))
        cancelled = own["Status"] == "gekündigt"
        sector = rng.randrange(len(SECTORS))
        plan = rng.choice(
            ("BETRIEB-50", "BETRIEB-100")
            if is_company
            else ("ALM-10",) if place else ("FUNK-6", "FUNK-20", "FUNK-20", "FUNK-50", "FUNK-100")
        )  # fmt: skip
        street = f"Alm {rng.randrange(1, 30)}" if place else own["Straße"]
        self.subscribers.rows.append({
            **own,
            "Standort": f"S-{int(own['KdNr'])}-{place + 1}",
            "Standort-Straße": street,
            "Standort-PLZ": own["PLZ"],
            "Standort-Ort": own["Ort"],
            "Breite": f"{47 + rng.randrange(480_000, 560_000) / 1e6:.6f}".replace(".", ","),
            "Länge": f"{11 + rng.randrange(100_000, 220_000) / 1e6:.6f}".replace(".", ","),
            "Sektor": SECTORS[sector],
            "Anschluss": code,
            "Tarif": plan,
            "Anschlussstatus": own["Status"],
            "Angeschlossen am": _day(start),
            "Gekündigt zum": _day(TODAY - dt.timedelta(days=rng.randrange(5))) if cancelled else "",
            "Sonderpreis": rng.choice(("24,90", "17,50")) if rng.random() < 0.08 else "",
            "PPPoE-Name": f"{people.plain(who.last_name)}{self.lines:03d}@valley.example.net",
            "PPPoE-Kennwort": f"nur-demo-kein-kennwort-{self.lines:03d}",
            "Bemerkung": rng.choice(REMARKS),
            "Monteur": rng.choice(("Toni", "Vroni", "Toni und Vroni")),
        })  # fmt: skip
        self._line_equipment(own["KdNr"], code, start, sector, cancelled=cancelled)

    def _line_equipment(
        self, customer: str, line: str, start: dt.date, sector: int, *, cancelled: bool
    ) -> None:
        rng = self.rng
        antenna = self._device(
            KdNr=customer,
            Anschluss=line,
            kind="Funkantenne",
            make=rng.choice(ANTENNAS),
            management=f"10.20.{sector}.{self.lines % 250 + 1}",
            mounted=start,
            state="ausgemustert" if cancelled else "im Einsatz",
            price="89,00",
        )
        if rng.random() < 0.5:
            self._device(
                KdNr=customer,
                Anschluss=line,
                kind="WLAN-Router",
                make=rng.choice(ROUTERS),
                management="",
                mounted=start,
                state="im Einsatz",
                price="64,50",
            )
        if cancelled:
            return
        fixed = rng.random() < 0.15
        self._address(
            f"203.0.113.{self.lines}" if fixed else f"100.64.{sector}.{self.lines}",
            "32", line, antenna, "fest" if fixed else "dynamisch", sector,
        )  # fmt: skip
        if fixed:
            self._address(
                f"2001:db8:{sector:x}:{self.lines * 256:x}::", "56", line, antenna, "delegiert",
                sector,
            )  # fmt: skip

    def _network_device(self, sector: int) -> None:
        code = self._device(
            KdNr="",
            Anschluss="",
            kind="Sektorantenne",
            make=("Nordwelle", "NW 90 Sektor"),
            management=f"10.20.{sector}.254",
            mounted=dt.date(2016, 5, 2),
            state="im Einsatz",
            price="1.249,00",
        )
        self._address(f"10.20.{sector}.254", "24", "", code, "Verwaltung", sector)

    def _device(
        self,
        *,
        kind: str,
        make: tuple[str, str],
        management: str,
        mounted: dt.date,
        state: str,
        price: str,
        **owner: str,
    ) -> str:
        rng = self.rng
        self.pieces += 1
        code = f"INV{self.pieces:05d}"
        address = people.mac(rng)
        self.devices.rows.append({
            "Inventar": code,
            **owner,
            "Art": kind,
            "Hersteller": make[0],
            "Modell": make[1],
            "Seriennummer": f"00{rng.randrange(10**8):08d}",
            # Whoever typed it in wrote it as they liked.
            "MAC": rng.choice(
                (address.hex(":"), address.hex("-").upper(), address.hex(), address.hex(".", 2))
            ),
            "Verwaltung": management,
            "Montiert am": _day(mounted),
            "Zustand": state,
            "Kaufpreis": price,
        })  # fmt: skip
        return code

    def _address(
        self, address: str, length: str, line: str, device: str, kind: str, sector: int
    ) -> None:
        cells = (address, length, line, device, kind, str(100 + sector), SECTORS[sector])
        self.addresses.rows.append(dict(zip(self.addresses.columns, cells, strict=True)))

    def _money(self, number: str, who: Customer, status: str) -> None:
        rng = self.rng
        owed = Decimal(0)
        if status == "gesperrt":
            owed = Decimal(rng.randrange(6000, 130_000)) / 100
        elif rng.random() < 0.25:
            # Minus means that the customer is in credit.
            owed = Decimal(rng.randrange(-5000, 6000)) / 100
        self.balances.add(KdNr=number, Saldo=_amount(owed), Stand=_day(TODAY))
        if rng.random() < 0.4:
            bank = rng.choice(("Talbank Lindental", "Bergkasse", "Bauernbank Wiesenau"))
            cells = (
                f"VW-{number}",
                number,
                who.company or f"{who.first_name} {who.last_name}",
                bank,
                f"{rng.randrange(10_000):04d}",
                _day(TODAY - dt.timedelta(days=rng.randrange(40, 3000))),
                "nein" if status == "gekündigt" else "ja",
            )
            self.mandates.rows.append(dict(zip(self.mandates.columns, cells, strict=True)))

    def spoil(self) -> None:
        """Plants the mistakes that exports have in real life; quarantine takes all but the last
        two."""
        subscribers, devices = self.subscribers, self.devices
        # A semicolon in a remark, and this once nobody quoted it.
        subscribers.line(
            subscribers.position(KdNr="001042"),
            delimiter=DELIMITER,
            spoil=lambda line: line + " und Vroni; mit Leiter",
        )
        subscribers.change({"KdNr": "001057"}, **{"Kunde seit": "31.02.2019"})
        subscribers.change({"KdNr": "001071"}, Status="ruhend")
        subscribers.change({"KdNr": "001088"}, **{"E-Mail": "familie.thaler(at)example.org"})
        self.balances.change({"KdNr": "001096"}, Saldo="12,5O")
        self.balances.add(KdNr="000999", Saldo="-20,00", Stand=_day(TODAY))
        # A spreadsheet took the MAC address for a number.
        devices.change({"Inventar": "INV00050"}, MAC="2,30E+11")
        twin = devices.only(Inventar="INV00060")
        devices.rows.append({**twin, "Seriennummer": "0099999999"})
        # Two lines on one address.
        taken = self.addresses.only(Anschluss="A-2020")
        self.addresses.rows.append({**taken, "Anschluss": "A-2021", "Inventar": ""})
        # The same page of the list was exported twice.
        subscribers.rows.append(subscribers.only(KdNr="001100"))
        # For her second flat she was entered as a new customer.
        mailbox = subscribers.only(KdNr="001082")["E-Mail"]
        subscribers.change({"KdNr": "001115"}, **{"E-Mail": mailbox})


def _day(day: dt.date) -> str:
    return day.strftime("%d.%m.%Y")


def _amount(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def exports() -> dict[str, bytes]:
    """Every file of ``exports/``, always the same."""
    isp = ValleyWireless(random.Random(SLUG))  # noqa: S311  made-up people are no secret
    isp.fill()
    isp.spoil()
    return {
        # Plans and devices were always kept in a spreadsheet.
        "bestand.xlsx": written("xlsx", {"Tarife": isp.plans, "Geräte": isp.devices}),
        **{
            name: export.text(delimiter=DELIMITER, end="\r\n").encode(ENCODING)
            for name, export in isp.exports().items()
        },
    }
