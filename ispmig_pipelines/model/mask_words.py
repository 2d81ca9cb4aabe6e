"""Words that stand in for those of people: plain, common, nobody's."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Adam Ada Alan Alice Amy Anna Ben Beth Bill Carl Carol Chen Clara Dan Dana David Dora Ed "
    "Ella Emil Emma Eric Eva Finn Frank Gina Grace Greg Hana Hans Helen Hugo Ian Ida Igor "
    "Ines Ivan Jack Jane Joel John Jon Julia Karl Kate Kim Lara Lena Leo Lily Lisa Luca Lucy "
    "Maja Marc Maria Mark Mary Max Mia Mike Mina Nadia Neil Nick Nina Noah Nora Olga Omar "
    "Oscar Otto Paul Petra Pia Ralf Rita Rob Rosa Ruth Sam Sara Sofia Stan Tara Ted Tim Tina "
    "Tom Uma Vera Vic Walt Wei Will Yara Zoe"
)
LAST_NAMES = _words(
    "Adams Allen Baker Barnes Bauer Bell Berg Black Brooks Brown Burns Carter Chan Clark Cole "
    "Cook Cooper Costa Cox Cruz Davis Dean Diaz Dunn Evans Fischer Fisher Flores Ford Foster "
    "Fox Gray Green Hall Hansen Harris Hill Horvat Hughes Hunt Ito Ivanov James Jensen Jones "
    "Kaya Kelly Khan King Klein Koch Lang Lee Lewis Lim Long Lopez Lund Marsh Martin Mason "
    "Meyer Miller Mills Moore Morris Murphy Nagy Nelson Novak Olsen Owens Park Patel Perez "
    "Price Quinn Reed Rivera Rogers Rossi Russo Ryan Sato Scott Shaw Silva Simon Smith Stone "
    "Tanaka Taylor Turner Varga Wagner Walker Wang Ward Weber West White Wood Wright Young "
    "Zhang"
)
STREETS = tuple(
    f"{name} {kind}"
    for name in _words(
        "Acorn Alder Ash Aspen Birch Bridge Cedar Chapel Cherry Church Elm Forest Garden "
        "Hazel Hill Lake Lime Linden Maple Meadow Mill Oak Orchard Park Pine Poplar River "
        "Rose School Spruce Station Willow"
    )
    for kind in ("Street", "Road", "Lane", "Avenue")
)
CITIES = _words(
    "Ashford Brookfield Cedarville Clearwater Eastport Fairview Georgetown Glenwood "
    "Greenfield Hillsboro Kingsport Lakeside Maplewood Midway Newport Northfield Oakdale "
    "Pinehurst Riverton Rosewood Salem Southfield Springfield Stonebridge Summerville "
    "Sunnyside Westbrook Winfield Woodside"
)
REGIONS = _words("Northshire Southshire Eastshire Westshire Midshire Lakeshire Hillshire Bayshire")
TRADES = ("Trading Ltd", "Services Ltd", "Foods Ltd", "Tools Ltd", "Design Ltd", "Travel Ltd")
UNITS = frozenset(
    _words(
        "b kb mb gb tb kib mib gib tib byte bytes s sec second seconds min minute minutes h hour "
        "hours day days week weeks month months quarter quarters year years pc pcs piece pieces "
        "unit units each item items line lines user users call calls sms kbit mbit gbit mbit/s "
        "m km"
    )
)
"""Units of a quantity that say nothing of a person: these are kept."""
ROLES = ("owner", "accounting", "technician", "manager", "office", "director")
CARD_BRANDS = ("visa", "mastercard", "amex", "discover", "maestro", "jcb")
BANKS = tuple(f"{name} Example Bank" for name in ("First", "Second", "Third", "Fourth", "Fifth"))
PROVIDERS = tuple(f"{name} Example Pay" for name in ("First", "Second", "Third", "Fourth"))
MAIL_DOMAINS = ("example.com", "example.net", "example.org")
"""Reserved for documentation: no mail to them reaches anybody (RFC 2606, section 3)."""

REMOVED = "(masked)"
"""What stands for free text, which may say anything."""
