"""People, companies and addresses that do not exist, for the demo's exports.

Everything is out of ranges that are kept free for this: domains of RFC 2606, telephone numbers
that the Bundesnetzagentur and Ofcom give to films and books, post codes that no post office
uses. Places are made up.
"""

from __future__ import annotations

import itertools
import random
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

DOMAINS = ("example.com", "example.net", "example.org")


@dataclass(frozen=True)
class Country:
    """What names and addresses look like somewhere."""

    first_names: Sequence[str]
    last_names: Sequence[str]
    companies: Sequence[str]
    streets: Sequence[str]
    towns: Sequence[tuple[str, str]]


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


VALLEY = Country(
    first_names=_words(
        "Anna Jonas Lena Lukas Marie Felix Sophie Maximilian Laura Paul Julia Leon Katharina "
        "Elias Sabine Jürgen Birgit Günther Monika Björn Renate Jörg Ursula Käthe Sönke Zoë"
    ),
    last_names=_words(
        "Huber Gruber Müller Schäfer Köhler Weiß Größler Bergmann Lindner Öttl Moosbrugger "
        "Haslinger Auer Brändle Rößler Steiner Hölzl Wiesner Kröll Übelhör Thaler Jäger Fürst "
        "Pichler Bachmann Zöllner"
    ),
    companies=(
        "Sägewerk Lindental GmbH",
        "Gasthof Zum Grünen Baum",
        "Bäckerei Größler & Söhne",
        "Tischlerei Öttl",
        "Almkäserei Steinbrück eG",
        "Physiopraxis Neuhöfen",
        "Elektro Brändle KG",
        "Seilbahn Hochwiesen AG",
        "Gemeinde Wiesenau",
        "Hofladen Übelhör",
    ),
    streets=(
        "Dorfstraße",
        "Am Mühlbach",
        "Lindenweg",
        "Hauptstraße",
        "Kirchgasse",
        "Sägewerkstraße",
        "Höhenweg",
        "Birkenallee",
        "An der Brücke",
        "Schulstraße",
        "Wiesengrund",
        "Zum Äußeren Hof",
    ),
    # No German post code begins with 00.
    towns=(
        ("00412", "Lindental"),
        ("00415", "Steinbrück"),
        ("00418", "Neuhöfen"),
        ("00421", "Wiesenau"),
        ("00427", "Hochwiesen"),
    ),
)

CITY = Country(
    first_names=_words(
        "Amelia Oliver Isla George Ava Arthur Mia Noah Freya Theo Grace Oscar Evie Harry Poppy "
        "Leo Siân Aoife Chloë Rhys Priya Imran Fatima Wei Zofia Tomasz"
    ),
    last_names=_words(
        "Ashdown Barlow Carrow Denholm Elsworth Fairley Garside Hartnell Inskip Jessop Kettering "
        "Larkham Merrow Northcote O'Dell Penrose Quill Ravenscar Selwood Thornbury Underhill "
        "Vellacott Whitlock Yarrow D'Souza Nowak"
    ),
    companies=(
        "Quayside Coffee Roasters Ltd",
        "Penrose & Daughters, Solicitors",
        "Harbour Lights Hotel",
        "Larkham Dental Care",
        "The Paper Lantern Bookshop",
        "Merrow Street Studios LLP",
        "Blue Anchor Cycles",
        "Thornbury Print Works Ltd",
    ),
    streets=(
        "Quay Street",
        "Mariner's Row",
        "Tidewater Lane",
        "Lighthouse Road",
        "Chandlery Close",
        "Victoria Parade",
        "Ropewalk",
        "Gasworks Hill",
        "St Brannoc's Terrace",
        "Orchard Mews",
    ),
    # No British post code begins with ZZ.
    towns=(("ZZ1", "Porthaven"), ("ZZ2", "Porthaven"), ("ZZ3", "Porthaven Marina")),
)


@dataclass(frozen=True)
class Customer:
    """Somebody who does not exist; ``company`` is empty for a person."""

    first_name: str
    last_name: str
    company: str
    street: str
    postal_code: str
    town: str
    email: str


@dataclass
class Directory:
    """Mailboxes and telephone numbers of an ISP's customers: nobody is given another one's."""

    given: set[str] = field(default_factory=set)

    def mailbox(self, name: str, domain: str) -> str:
        """An email address; a name that somebody has gets a number, as providers do it."""
        return self._first(
            f"{name}{number or ''}@{domain}" for number in itertools.chain([0], itertools.count(2))
        )

    def telephone(self, range_of: str, extension: int, *, digits: int) -> str:
        """A number of a range, this one or the next that is free; "" when all are taken."""
        size = 10**digits
        return self._first(
            f"{range_of}{(extension + step) % size:0{digits}d}" for step in range(size)
        )

    def _first(self, wanted: Iterable[str]) -> str:
        found = next((one for one in wanted if one not in self.given), "")
        self.given.add(found)
        return found


def customer(
    rng: random.Random, country: Country, directory: Directory, *, company: bool
) -> Customer:
    """Makes up a customer, with a mailbox of their own."""
    first, last = rng.choice(country.first_names), rng.choice(country.last_names)
    firm = rng.choice(country.companies) if company else ""
    code, town = rng.choice(country.towns)
    mailbox = "info" if company else rng.choice((f"{first}.{last}", f"{first[0]}{last}", last))
    domain = rng.choice(DOMAINS)
    if company:
        domain = f"{'-'.join(plain(firm).split()[:2])}.{domain}"
    return Customer(
        first_name=first,
        last_name=last,
        company=firm,
        street=street(rng, country),
        postal_code=code,
        town=town,
        email=directory.mailbox(plain(mailbox), domain),
    )


def street(rng: random.Random, country: Country) -> str:
    """A street's name alone."""
    return rng.choice(country.streets)


def plain(text: str) -> str:
    """``Jörg O'Dell`` as a mailbox or a login writes it: ``joerg odell``."""
    for letter, spelled in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(letter, spelled).replace(letter.upper(), spelled)
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in ascii_only.lower() if c.isalnum() or c in ". ")


def mac(rng: random.Random) -> bytes:
    """A locally administered unicast MAC address: no maker was ever given it."""
    return bytes([0x02, *(rng.randrange(256) for _ in range(5))])
