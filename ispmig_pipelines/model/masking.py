"""Masking: values that look like those they stand for, and are nobody's.

What is masked is settled by a field's privacy class:

==========  ==========================================================================
public      kept
business    kept
personal    replaced by something of the same kind and shape
payment     replaced likewise
secret      taken away
==========  ==========================================================================

The same value under the same key is always masked alike, in whatever field of its kind it
stands, so that joins still work: an email is the same email in every table, a customer's number
the same number in every reference. Numbers and names that records are known by stay different
from one another. Without the key nothing leads back; what is masked is still pseudonymous rather
than anonymous (GDPR, recital 26): amounts keep their size, birthdays their year, telephone
numbers their country.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model import mask_words as words
from ispmig_pipelines.model.field_info import FieldInfo, FieldType, Privacy
from ispmig_pipelines.model.permutation import keyed, permuted, same_shape, subkey

KEY_BYTES = 32
"""Length of a tenant's key."""

_REPLACED = frozenset({Privacy.PERSONAL, Privacy.PAYMENT})


def root(entity: str, field: str) -> tuple[str, str]:
    """The field itself; for a reference, the key that it refers to in the end."""
    info = ENTITIES[entity].fields[field]
    while info.references:
        entity = info.references
        field = ENTITIES[entity].key[0]
        info = ENTITIES[entity].fields[field]
    return entity, field


@lru_cache(maxsize=1)
def _groups() -> dict[tuple[str, str], bool]:
    """Root → whether it, or one of the references to it, is to be masked: all are, or none."""
    found: dict[tuple[str, str], bool] = {}
    for name, entity in ENTITIES.items():
        for field, info in entity.fields.items():
            at = root(name, field)
            found[at] = found.get(at, False) or info.privacy in _REPLACED
    return found


def is_masked(entity: str, field: str) -> bool:
    """Whether masking changes the field's values."""
    info = ENTITIES[entity].fields[field]
    return info.privacy is Privacy.SECRET or _groups()[root(entity, field)]


class Masker:
    """Masks columns under one key."""

    def __init__(self, key: bytes) -> None:
        """
        Args:
            key: :data:`KEY_BYTES` random bytes, the tenant's own.
        """
        if len(key) < KEY_BYTES:
            raise ValueError("the key is too short")
        self._key = key
        self._subkeys: dict[str, bytes] = {}

    def column(self, entity: str, field: str, values: pa.StringArray) -> pa.StringArray:
        """A field's column, masked if its privacy class says so; nothing stays nothing.

        Args:
            values: in the platform's canonical text (``-12.5000``, ``1990-02-28``).
        """
        if not is_masked(entity, field):
            return values
        info = ENTITIES[entity].fields[field]
        if info.privacy is Privacy.SECRET:
            if info.must_hold_value:
                return pc.if_else(values.is_valid(), words.REMOVED, values)
            return pa.nulls(len(values), pa.string())
        mask = self._mask_of(*root(entity, field))
        encoded = values.dictionary_encode()
        masked = [mask(value) if value else value for value in encoded.dictionary.to_pylist()]
        return pa.array(masked, pa.string()).take(encoded.indices)

    def nothing(self, values: pa.StringArray) -> pa.StringArray:
        """What stands for a column that nobody has classified."""
        return pa.nulls(len(values), pa.string())

    def _subkey(self, purpose: str) -> bytes:
        if purpose not in self._subkeys:
            self._subkeys[purpose] = subkey(self._key, purpose)
        return self._subkeys[purpose]

    def _mask_of(self, entity: str, field: str) -> Callable[[str], str]:
        info = ENTITIES[entity].fields[field]
        if info.type is not FieldType.TEXT:
            key = self._subkey(info.type.value)
            of_type = _BY_TYPE.get(info.type)
            # What is one of a few words, or yes or no, tells nobody who it is.
            return (lambda value: value) if of_type is None else (lambda v: of_type(v, key, info))
        if field in _BY_NAME and not info.key:
            purpose, of_name = _BY_NAME[field]
            key = self._subkey(purpose)
            return lambda value: of_name(value, key)
        key = self._subkey(f"{entity}.{field}")
        return lambda value: same_shape(value, key)


# --- by the meaning of a text ----------------------------------------------------------------


def _number(value: str, key: bytes) -> int:
    return int.from_bytes(keyed(key, value.encode()), "big")


def _pick(listed: tuple[str, ...]) -> Callable[[str, bytes], str]:
    return lambda value, key: listed[_number(value, key) % len(listed)]


def _whole_name(value: str, key: bytes) -> str:
    number, first = divmod(_number(value, key), len(words.FIRST_NAMES))
    return f"{words.FIRST_NAMES[first]} {words.LAST_NAMES[number % len(words.LAST_NAMES)]}"


def _street(value: str, key: bytes) -> str:
    number, street = divmod(_number(value, key), len(words.STREETS))
    return f"{number % 999 + 1} {words.STREETS[street]}"


def _whole_address(value: str, key: bytes) -> str:
    city = words.CITIES[_number(value, key) % len(words.CITIES)]
    return f"{_street(value, key)}, {city}"


def _removed(value: str, key: bytes) -> str:
    return words.REMOVED


_NAME = ("name", _whole_name)
_STREET = ("street", _street)
_CITY = ("city", _pick(words.CITIES))

_BY_NAME: dict[str, tuple[str, Callable[[str, bytes], str]]] = {
    "first_name": ("first name", _pick(words.FIRST_NAMES)),
    "last_name": ("last name", _pick(words.LAST_NAMES)),
    "contact_name": _NAME,
    "holder_name": _NAME,
    "bill_to_name": _NAME,
    "received_by": _NAME,
    "contact_role": ("role", _pick(words.ROLES)),
    "billing_street": _STREET,
    "billing_street2": _STREET,
    "street": _STREET,
    "street2": _STREET,
    "billing_city": _CITY,
    "city": _CITY,
    "county": _CITY,
    "bill_to_address": ("address", _whole_address),
    "brand": ("brand", _pick(words.CARD_BRANDS)),
    "bank_name": ("bank", _pick(words.BANKS)),
    "description": ("free text", _removed),
    "notes": ("free text", _removed),
}
"""Field → what its texts are, and what stands for them. A text of any other field is replaced
by one of its own shape."""


# --- by type ---------------------------------------------------------------------------------


def _email(value: str, key: bytes, info: FieldInfo) -> str:
    number, first = divmod(_number(value, key), len(words.FIRST_NAMES))
    number, last = divmod(number, len(words.LAST_NAMES))
    number, domain = divmod(number, len(words.MAIL_DOMAINS))
    name = f"{words.FIRST_NAMES[first]}.{words.LAST_NAMES[last]}".lower()
    return f"{name}.{number % 2**48:012x}@{words.MAIL_DOMAINS[domain]}"


_KEPT_DIGITS = 2
"""Digits after the country's code that stay: some countries write their prefixes there, without
which a number is none."""


def _phone(value: str, key: bytes, info: FieldInfo) -> str:
    digits = value.removeprefix("+")
    code = next(
        (n for n in (1, 2, 3) if int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 1
    )
    kept = digits[: code + (_KEPT_DIGITS if len(digits) - code > 2 * _KEPT_DIGITS else 0)]
    rest = digits[len(kept) :]
    number = permuted(int(rest), 10 ** len(rest), key, kept.encode() + bytes([len(rest)]))
    return f"+{kept}{number:0{len(rest)}d}"


_V4 = tuple(
    ipaddress.IPv4Network(n)
    for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
              "169.254.0.0/16", "0.0.0.0/8", "224.0.0.0/4",
              "240.0.0.0/4")
)  # fmt: skip
_V6 = tuple(
    ipaddress.IPv6Network(n)
    for n in ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8")
)  # fmt: skip


def _address(value: str, key: bytes, info: FieldInfo) -> str:
    """Another address of the same kind: a private one for a private one, and so on."""
    address = ipaddress.ip_address(value)
    if isinstance(address, ipaddress.IPv4Address):
        number = _within(int(address), [(int(n[0]), n.num_addresses) for n in _V4], 2**32, key)
        return str(ipaddress.IPv4Address(number))
    number = _within(int(address), [(int(n[0]), n.num_addresses) for n in _V6], 2**128, key)
    return str(ipaddress.IPv6Address(number))


def _within(number: int, ranges: list[tuple[int, int]], limit: int, key: bytes) -> int:
    for first, size in ranges:
        if first <= number < first + size:
            return first + permuted(number - first, size, key, f"{limit}:{first}".encode())
    while True:
        number = permuted(number, limit, key, str(limit).encode())
        if not any(first <= number < first + size for first, size in ranges):
            return number


def _mac(value: str, key: bytes, info: FieldInfo) -> str:
    said = bytearray(keyed(key, value.encode(), 6))
    # Locally administered, and no group address (IEEE 802, 8.2.2): no maker's.
    said[0] = said[0] & 0xFC | 0x02
    return said.hex(":")


def _date(value: str, key: bytes, info: FieldInfo) -> str:
    first = dt.date(int(value[:4]), 1, 1)
    return (first + dt.timedelta(days=_number(value, key) % 365)).isoformat()


def _timestamp(value: str, key: bytes, info: FieldInfo) -> str:
    seconds = _number(value, key) % 86_400
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{_date(value, key, info)}T{time}+00:00"


def _amount(value: str, key: bytes, info: FieldInfo) -> str:
    """As many digits as before, and as many decimals that are not zero; zero stays zero."""
    digits = re.sub(r"(?<=\...)0+$", "", value) if "." in value else value
    tail = value[len(digits) :]
    if not digits.strip("-0."):
        return value
    number = _number(value, key)
    found = []
    leading = True
    for character in digits:
        if not character.isdigit() or (leading and character == "0"):
            found.append(character)
        elif leading:
            number, digit = divmod(number, 9)
            found.append(str(digit + 1))
            leading = False
        else:
            number, digit = divmod(number, 10)
            found.append(str(digit))
    return "".join(found) + tail


def _coordinate(value: str, key: bytes, info: FieldInfo) -> str:
    """Somewhere in the same degree."""
    degrees, _, fraction = value.partition(".")
    limit = info.maximum
    if not fraction or (limit is not None and abs(int(degrees)) >= limit):
        return value
    return f"{degrees}.{_number(value, key) % 10 ** len(fraction):0{len(fraction)}d}"


_NEAR = 3
"""How far a number that has a wide range is moved at most: years of a card's end, say."""


def _integer(value: str, key: bytes, info: FieldInfo) -> str:
    number, said = int(value), _number(value, key)
    if info.minimum is not None and info.maximum is not None:
        if info.maximum - info.minimum <= 100:
            return str(info.minimum + said % (info.maximum - info.minimum + 1))
        moved = number + said % (2 * _NEAR + 1) - _NEAR
        return str(min(max(moved, info.minimum), info.maximum))
    return _amount(value, key, info)


_BY_TYPE: dict[FieldType, Callable[[str, bytes, FieldInfo], str]] = {
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.ADDRESS: _address,
    FieldType.MAC: _mac,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.MONEY: _amount,
    FieldType.COORDINATE: _coordinate,
    FieldType.INTEGER: _integer,
}
