# ruff: noqa: RUF001, E501
"""What the cells of a column look like, and whether they are what a field holds.

Shapes are shares of the cells that hold something, 0 to 1. Whether cells are of a field's type
is asked of the very conversions with which they would be read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cached_property

import pyarrow as pa

from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.convert.data_rate import UNITS as RATE_UNITS
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.suggest.sample import ColumnSample
from ispmig_pipelines.mapping.suggest.words import is_of_a_state, known_share, yes_and_no_words
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]{2,}")
_MAC = re.compile(
    r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|"
    r"(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{12}",
    re.IGNORECASE,
)
_UUID = re.compile(r"\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_TIME = r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d)?|UTC|GMT))?)?"
_DATE = re.compile(
    rf"(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([-/. ])\d{{1,2}}\2(?:\d{{4}}|\d{{2}})\.?){_TIME}|"
    rf"(?:\w{{3,9}},? )?\d{{1,2}}(?:st|nd|rd|th)?[- ./][A-Za-z]{{3,9}}\.?[- ,./]+\d{{2,4}}{_TIME}|"
    rf"[A-Za-z]{{3,9}}\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}{_TIME}"
)
_HAS_TIME = re.compile(r"[T ]\d{1,2}:\d{2}")
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(
    r"\(?[+-]?\s*(?:[A-Z]{3}|R\$|[^\W\d_]{1,3}\.?|[$€£¥₹₽₺₴₦])?\s*[+-]?\d[\d.,' \u00a0]*\)?-?"
    r"\s*(?:[A-Z]{3}|[$€£¥₹₽₺₴₦]|zł|kr|грн|руб\.?|Kč)?"
)
_MONEY_SIGN = re.compile(r"[$€£¥₹₽₺₴₦]|zł|R\$|\b[A-Z]{3}\b")
_PHONE = re.compile(r"\+?[(\d][\d ()./\-]{5,}\d(?:\s*(?:x|ext\.?)\s*\d+)?")
_DIALLED = re.compile(r"[+(]|0\d[\d ()/.-]{6,}$|(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}$")
"""Numbers written as nobody writes those of cards of identity, of tax or of accounts."""
_SPEED = re.compile(
    r"\d+(?:[.,]\d+)?\s*(?:[kmg]i?(?:bit|b)?(?:/s|ps)?)(?:\s*[/|:-]\s*\d+(?:[.,]\d+)?\s*"
    r"(?:[kmg]i?(?:bit|b)?(?:/s|ps)?))?", re.IGNORECASE)  # fmt: skip
_PAIR = re.compile(
    r"\d+(?:[.,]\d+)?\s*(?:[kmg]\w*(?:/s)?)?\s*[/|]\s*\d+(?:[.,]\d+)?\s*(?:[kmg]\w*(?:/s)?)?",
    re.IGNORECASE,
)
_HASH = re.compile(
    r"\$(?:2[abxy]?|1|5|6|7|y|gy|apr1|argon2\w*|scrypt\S*|pbkdf2\S*|P|H|S)\$\S{8,}|\{\w[\w-]*\}\S{12,}|"
    r"(?:pbkdf2\w*|argon2\w*|bcrypt\w*|scrypt|sha\d+|md5|crypt|unsalted_\w+)[$:]\S*[$:]?\S{8,}|"
    r"(?:0x)?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})(?::\S{1,40})?|"
    r"\*[0-9A-F]{40}", re.IGNORECASE)  # fmt: skip
_CIPHER = re.compile(
    r"0x(?:[0-9a-f]{2}){4,}|(?:[0-9a-f]{2}){12,}|"
    r"(?=.{24,})(?:[a-z0-9+/]{4})*(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)", re.IGNORECASE)  # fmt: skip
"""What a program made of a password or a number: hexadecimal bytes, or base64 with its padding."""
_CARD = re.compile(r"[3-6]\d{3}(?:[ -]?\d{3,6}){2,4}")
_FRACTION = re.compile(r"[.,](?!0+$)\d{1,2}$")
_CENTS = re.compile(r"\d+[.,]\d\d")
_COORDINATE = re.compile(r"-?\d{1,3}[.,]\d{3,}")
_COORDINATES = re.compile(r"-?\d{1,2}\.\d{3,}\s*[,; ]\s*-?\d{1,3}\.\d{3,}")
_PERSON = re.compile(r"[^\W\d_][^\W\d_'’.-]*(?:[ ,]+[^\W\d_]['’\w.-]*){1,4}")
_WORD = re.compile(r"[^\W\d_][\w'’. -]*")
_STREET = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{3,}).{5,}")
_POSTAL = re.compile(
    r"\d{4,6}|\d{5}-\d{3,4}|\d{3}-\d{4}|\d{2}-\d{3}|\d{3} \d{2}|\d{4} ?[A-Z]{2}|"
    r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}-?\d{4,5}", re.IGNORECASE)  # fmt: skip


def _is_address(text: str) -> bool:
    if text.startswith("255."):
        # A mask of a network.
        return False
    try:
        ipaddress.ip_address(text.split("/")[0])
    except ValueError:
        return False
    # 1.2.3.4 is; 12 is none that a person would write.
    return "." in text or ":" in text


def _is_network(text: str) -> bool:
    return "/" in text and _is_address(text)


_MASKED_CARD = re.compile(r"\*{12}[0-9]{4}")
"""As whatever reads sources leaves a card number."""


def _is_card(text: str) -> bool:
    if _MASKED_CARD.fullmatch(text):
        return True
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or not _CARD.fullmatch(text):
        return False
    total = sum(d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits)))
    return total % 10 == 0


def _is_phone(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    return (
        7 <= digits <= 15
        and bool(_PHONE.fullmatch(text))
        and not _DATE.fullmatch(text)
        and not _is_address(text)
        and not re.fullmatch(r"\d+\.\d{1,6}|\d{1,3}(?:[.,]\d{3})*[.,]\d\d", text)
    )


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


_SHAPES: dict[str, Callable[[str], bool]] = {
    "email": _full(_EMAIL),
    "mac": _full(_MAC),
    "address": _is_address,
    "network": _is_network,
    "uuid": _full(_UUID),
    "date": _full(_DATE),
    "time": lambda text: bool(_HAS_TIME.search(text)) and bool(_DATE.fullmatch(text)),
    "integer": _full(_INTEGER),
    "number": _full(_NUMBER),
    "decimal": lambda t: bool(_NUMBER.fullmatch(t)) and bool(re.search(r"\d[.,]\d", t)),
    "money sign": lambda t: bool(_NUMBER.fullmatch(t)) and bool(_MONEY_SIGN.search(t)),
    "phone": _is_phone,
    "marked phone": lambda t: _is_phone(t) and (t[0] in "+(0" or bool(re.search(r"\d[ -]\d", t))),
    "written phone": lambda t: _is_phone(t) and bool(_DIALLED.match(t)),
    "speed": _full(_SPEED),
    "speed pair": _full(_PAIR),
    "hash": _full(_HASH),
    "cipher": lambda t: bool(_CIPHER.fullmatch(t)),
    "card": _is_card,
    "coordinate": lambda t: bool(_COORDINATE.fullmatch(t)) and abs(float(t.replace(",", "."))) <= 180,
    "coordinates": _full(_COORDINATES),
    "person": lambda t: bool(_PERSON.fullmatch(t)) and (t == t.upper() or t[0] == t[0].upper()),
    "word": _full(_WORD),
    "street": _full(_STREET),
    "postal": _full(_POSTAL),
    "expiry": _full(re.compile(r"(0?[1-9]|1[0-2]) ?[/.-] ?(?:20)?\d{2}")),
    "url": lambda t: t.startswith(("http://", "https://", "www.")),
    "letters": lambda t: any(c.isalpha() for c in t),
}  # fmt: skip


class Profile:
    """A column's shapes and fits, each found out when it is first asked for."""

    def __init__(self, column: ColumnSample) -> None:
        self.column = column
        self._some = column.some()
        self._weight = sum(self._some.values())
        self._fits: dict[tuple[object, ...], float] = {}
        self._shares: dict[str, float] = {}

    @property
    def is_empty(self) -> bool:
        """No cell holds anything."""
        return self._weight == 0

    @property
    def is_stamp(self) -> bool:
        """Whether its cells are seconds since 1970, as databases write times."""
        some = self.column.some(100)
        return bool(some) and all(
            v.isdigit() and len(v) in (10, 13) and _is_numeric_date(v) for v in some
        )

    @cached_property
    def has_cents(self) -> float:
        """Share of its cells that are no whole amounts."""
        return self._of(lambda: [_FRACTION.search(v) is not None for v in self._some])

    @cached_property
    def typically(self) -> float:
        """The middle one of its numbers, without signs; 0 where it has none."""
        found = sorted(
            float(digits) for v in self.column.some(200)
            if (digits := re.sub(r"[.,]\d{1,2}$|\D", "", v))
        )  # fmt: skip
        return found[len(found) // 2] if found else 0.0

    def share(self, shape: str) -> float:
        """Share of the cells that have the shape."""
        if shape not in self._shares:
            test = _SHAPES[shape]
            self._shares[shape] = self._of(lambda: [test(value) for value in self._some])
        return self._shares[shape]

    def _of(self, holds: Callable[[], list[bool]]) -> float:
        if self.is_empty:
            return 0.0
        counts = self._some.values()
        return sum(c for c, is_so in zip(counts, holds(), strict=True) if is_so) / self._weight

    @cached_property
    def few_words(self) -> bool:
        """A list of codes: few distinct short cells that repeat."""
        column = self.column
        distinct = len(column.counts)
        return (
            0 < distinct <= 25
            and (column.filled >= 2 * distinct or distinct <= 3)
            and all(len(value) <= 40 for value in column.counts)
        )

    def converts(self, info: FieldInfo, style: Style) -> float:
        """Share of the cells that the field's own conversion reads."""
        key = (info.type, info.choices, info.unit, style)
        if key not in self._fits:
            texts = pa.array(list(self._some), pa.string())
            bad = converter(info, style)(texts).bad
            self._fits[key] = self._of(lambda: [not b for b in bad])
        return self._fits[key]

    def fit(self, info: FieldInfo, entity: str, name: str) -> float:
        """How well the cells are what the field holds, 0 to 1; 0.5 where nothing is known."""
        if self.is_empty:
            return 0.5
        match info.type:
            case FieldType.EMAIL:
                return self.share("email")
            case FieldType.PHONE:
                return self.share("phone") * (1.0 if self.share("marked phone") > 0.3 else 0.95)
            case FieldType.MAC:
                return self.share("mac")
            case FieldType.ADDRESS | FieldType.NETWORK:
                return self.share("address")
            case FieldType.UUID:
                return self.share("uuid")
            case FieldType.DATE | FieldType.TIMESTAMP:
                return self._dates()
            case FieldType.CHOICE if name == "status" and self._says_presence():
                # Who is online today is no state of a contract.
                return 0.0
            case FieldType.CHOICE:
                return known_share(entity, name, info, self.column.counts) if self.few_words else 0
            case FieldType.BOOLEAN:
                return self._booleans(info)
            case FieldType.MONEY if set(self.column.counts) == {"0", "1"}:
                # Yes and no, as databases write them.
                return 0.4
            case FieldType.MONEY | FieldType.QUANTITY | FieldType.RATE | FieldType.COORDINATE:
                return max(self.converts(info, Style(decimal_mark=mark)) for mark in (".", ",", ""))
            case FieldType.DATA_RATE if (
                self._of(lambda: [bool(_CENTS.fullmatch(v)) for v in self._some]) > 0.9
            ):
                # Nobody counts hundredths of megabits; they are amounts.
                return 0.3
            case FieldType.DATA_RATE if (
                self.column.filled >= 20 and len(self.column.counts) > 0.6 * self.column.filled
            ):
                # Everybody has another one: what went through, and no speed that is sold.
                return 0.3
            case FieldType.DATA_RATE:
                pair = self.share("speed pair")
                return pair if pair > 0.5 else max(
                    self.converts(info, Style(decimal_mark=m, unit="kbit/s")) for m in (".", ",")
                )  # fmt: skip
            case FieldType.TEXT:
                return self._text(info, name)
            case FieldType.POSTAL_CODE:
                return self.share("postal")
            case FieldType.TIME:
                return self._of(lambda: [bool(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", v))
                                         for v in self._some])  # fmt: skip
            case _:
                return self.converts(info, Style())

    def _says_presence(self) -> bool:
        words = {value.casefold() for value in self.column.counts}
        return "offline" in words and words <= _PRESENCE

    def _dates(self) -> float:
        dates = self.share("date")
        if dates > 0.5:
            return dates
        return self._of(lambda: [_is_numeric_date(value) for value in self._some])

    def _booleans(self, info: FieldInfo) -> float:
        read = self.converts(info, Style())
        return max(read, known_share("", "yes_no", info, self.column.counts) * self.few_words)

    def _text(self, info: FieldInfo, name: str) -> float:
        """Text may be anything; what is plainly something else is not what a text field is for."""
        strange = max(self.share("email"), self.share("mac"), self.share("date"),
                      self.share("hash"), self.share("card"))  # fmt: skip
        if name in ("serial_number", "asset_tag") and self.share("mac") > 0.5:
            # Serial numbers of radios are often their addresses, without the colons.
            bare = self._of(lambda: [v.isalnum() for v in self._some])
            strange = self.share("mac") * (1 - bare)
        is_key = info.key or bool(info.references)
        if (
            is_key
            and self.few_words
            and len(self.column.counts) > 1
            and not yes_and_no_words(self.column.counts)[2]
        ):
            # Yes and no name no record of anything.
            return 0.2 if set(self.column.counts) - {"0", "1"} else 1.0
        if not is_key and self.few_words and not yes_and_no_words(self.column.counts)[2]:
            # Yes and no answer another question than a name's or a group's.
            return 0.4
        if name in _STREETS and self._of(lambda: [len(v) <= 3 for v in self._some]) > 0.8:
            # TX is no street.
            return 0.2
        if (
            name in _NUMBERED
            and self._of(lambda: [bool(_RATE.fullmatch(v)) for v in self._some]) > 0.9
        ):
            # 21 on every row is the rate of a tax, and nobody's number.
            return 0.1
        if name in _REGIONS and self.few_words and max(map(len, self._some), default=0) == 1:
            # A, S and X are no regions, but codes of something.
            return 0.2
        if name in _REGIONS and self.few_words and is_of_a_state(self.column.counts):
            # live, barred and ceased are no regions, but what a column called state may say.
            return 0.1
        if name in _IDENTIFYING and self._weight >= 20 and len(self.column.counts) <= max(
            5, 0.02 * self.column.filled
        ):  # fmt: skip
            # A handful of words in many rows identifies nobody.
            return 0.1
        if name == "name" and self.share("number") > 0.95:
            # Nothing is called 150000.
            return 0.3
        if name == "last_name" and self.share("person") < 0.85 and self.share("letters") < 0.85:
            return 0.2
        if name in ("building", "apartment") and self.share("street") > 0.8:
            return 0.6
        if name in _OF_LETTERS:
            return min(1.0, self.share("letters") + 0.2) * (1 - 0.8 * strange)
        if "secret" in name:
            if max(self.share("hash"), self.share("cipher")) > 0.02:
                # Where some are hashes, nobody may take the column for passwords unasked.
                return 0.3
            return 1 - 0.9 * self.share("email")
        if is_key:
            return 1 - 0.9 * max(self.share("date"), self.share("card"), self.share("decimal"))
        if name in ("portal_username", "access_username", "notes", "name", "device_code"):
            return 1.0
        return 1 - 0.8 * strange


_NUMBERED = frozenset({"tax_id", "national_id", "company_number"})
_RATE = re.compile(r"\d{1,2}(?:[.,]\d{1,4})? ?%?")


def _is_numeric_date(text: str) -> bool:
    if not text.isdigit():
        return False
    number = int(text)
    if len(text) == 8:
        return 19_000_101 <= number <= 21_001_231 and 1 <= int(text[4:6]) <= 12
    if len(text) == 14:
        return 19_000_101 <= int(text[:8]) <= 21_001_231
    if len(text) == 10:
        return 400_000_000 <= number <= 4_200_000_000
    if len(text) == 13:
        return 400_000_000_000 <= number <= 4_200_000_000_000
    return len(text) == 5 and 20_000 <= number <= 60_000


_PRESENCE = frozenset(
    {
        "online",
        "offline",
        "up",
        "down",
        "connected",
        "disconnected",
        "unknown",
        "power fail",
        "powerfail",
        "los",
        "dying gasp",
        "dyinggasp",
        "unreachable",
    }
)
_STREETS = frozenset({"street", "billing_street"})
_IDENTIFYING = frozenset(
    {"tax_id", "national_id", "company_number", "serial_number", "asset_tag", "access_username",
     "portal_username", "service_code", "contract_number", "mandate_reference", "token",
     "location_code", "account_number", "invoice_number", "payment_number"}
)  # fmt: skip
_REGIONS = frozenset({"region", "billing_region", "county"})
_OF_LETTERS = frozenset(
    {"first_name", "last_name", "company_name", "contact_name", "contact_role", "billing_city",
     "billing_street", "city", "street", "bill_to_name", "bank_name",
     "description", "vendor", "region", "billing_region", "county", "billing_street2", "holder_name"}
)  # fmt: skip
"""Text fields whose values have letters, nearly always."""

SPEED_UNITS = RATE_UNITS
