"""Masking: values that look like those they stand for, and are nobody's.

What becomes of a field is settled by what its values can say, and then by its privacy class:

===============================  =====================================================
words of closed lists            kept: choices, yes and no, countries, currencies,
                                 languages
texts of every other kind        replaced, whatever their class: what people wrote may
                                 say anything, and an ISP may have put a customer's
                                 number, name or town anywhere
keys, and references to them     replaced
numbers, dates, times of day     kept if ``public`` or ``business``, replaced if
                                 ``personal`` or ``payment``
instants                         the day kept, the time of day replaced
``secret``                       taken away
===============================  =====================================================

There are two ways to replace. What records are known and joined by is replaced **by its value**:
the same value of one purpose is always masked alike, so that references still join, and two
purposes have nothing in common, so that customer 6 and location 6 do not betray each other.
Anything else is replaced **by its row**: equal prices, towns or birthdays of two rows differ
afterwards, so that neither a price list nor the size of a town leads back.

Without the key nothing does; what is masked is still pseudonymous rather than anonymous (GDPR,
recital 26): amounts keep their size, birthdays their year, telephone numbers their country.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model import mask_words as words
from ispmig_pipelines.model.field_info import FieldInfo, FieldType, Privacy
from ispmig_pipelines.model.permutation import keyed, of_shape, permuted, subkey

KEY_BYTES = 32
"""Length of a tenant's key."""

_REPLACED = frozenset({Privacy.PERSONAL, Privacy.PAYMENT})

_CLOSED = frozenset(
    {FieldType.CHOICE, FieldType.BOOLEAN, FieldType.COUNTRY, FieldType.CURRENCY}
)  # fmt: skip
"""Types whose values are words of a list that everybody has."""

_BY_CLASS = frozenset(
    {
        FieldType.INTEGER,
        FieldType.DATA_RATE,
        FieldType.MONEY,
        FieldType.COORDINATE,
        FieldType.RATE,
        FieldType.QUANTITY,
        FieldType.DATE,
        FieldType.TIME,
    }
)
"""Types of which some fields are kept."""

_DRAWN_BYTES = 32


def root(entity: str, field: str) -> tuple[str, str]:
    """The field itself; for a reference, the key that it refers to in the end."""
    info = ENTITIES[entity].fields[field]
    while info.references:
        entity = info.references
        field = ENTITIES[entity].key[0]
        info = ENTITIES[entity].fields[field]
    return entity, field


def is_masked(entity: str, field: str) -> bool:
    """Whether masking may change the field's values."""
    info = ENTITIES[entity].fields[field]
    if info.privacy is Privacy.SECRET or info.key or info.references:
        return True
    if info.type in _CLOSED:
        return False
    return info.type not in _BY_CLASS or info.privacy in _REPLACED


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

    @property
    def order_key(self) -> bytes:
        """What rows are shuffled by (:meth:`ispmig_pipelines.platform.export.Snapshot.rows`).

        It unmasks nothing.
        """
        return self._subkey("order")

    def batch(self, entity: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        """An entity's rows, masked; a column that is no field of it holds nothing afterwards.

        Args:
            batch: in the platform's canonical text (``-12.5000``, ``1990-02-28``); the fields of
                the entity's key are among the columns.

        Raises:
            ValueError: a field of the key is missing.
        """
        info = ENTITIES[entity]
        names = batch.schema.names
        if missing := [name for name in info.key if name not in names]:
            raise ValueError(f"rows of {entity} cannot be told apart without {missing[0]}")
        parts = [batch.column(name) for name in info.key]
        rows = [row.encode() for row in pc.binary_join_element_wise(*parts, "\x1f").to_pylist()]
        columns = [
            self.column(entity, name, batch.column(name), rows)
            if name in info.fields
            else pa.nulls(batch.num_rows, pa.string())
            for name in names
        ]
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    def column(
        self,
        entity: str,
        field: str,
        values: pa.StringArray,
        rows: Sequence[bytes] | None = None,
    ) -> pa.StringArray:
        """A field's column, masked; nothing stays nothing, and an empty text empty.

        Args:
            values: in canonical text.
            rows: what each value's row is known by. Without it, equal values are masked alike
                in every field.
        """
        if not is_masked(entity, field):
            return values
        info = ENTITIES[entity].fields[field]
        if info.privacy is Privacy.SECRET:
            if info.must_hold_value:
                return pc.if_else(values.is_valid(), words.REMOVED, values)
            return pa.nulls(len(values), pa.string())
        mask, key = self._mask_of(entity, field)
        if rows is not None and mask.by_row:
            return pa.array(
                [
                    mask.of(value, row, key, info) if value else value
                    for value, row in zip(values.to_pylist(), rows, strict=True)
                ],
                pa.string(),
            )
        encoded = values.dictionary_encode()
        masked = [
            mask.of(value, value.encode(), key, info) if value else value
            for value in encoded.dictionary.to_pylist()
        ]
        return pa.array(masked, pa.string()).take(encoded.indices)

    def _subkey(self, purpose: str) -> bytes:
        if purpose not in self._subkeys:
            self._subkeys[purpose] = subkey(self._key, purpose)
        return self._subkeys[purpose]

    def _mask_of(self, entity: str, field: str) -> tuple[_Mask, bytes]:
        at = root(entity, field)
        info = ENTITIES[at[0]].fields[at[1]]
        if info.type is FieldType.TEXT:
            if info.key:
                return _PSEUDONYM, self._subkey(".".join(at))
            mask = _TEXTS.get(field, _PSEUDONYM)
        elif info.type is FieldType.INTEGER and (info.key or field in _NUMBERS):
            mask = _NUMBERS.get(field, _NUMBER)
        else:
            mask = _TYPES[info.type]
        if mask.by_row:
            return mask, self._subkey(f"{entity}.{field}")
        # Addresses, emails and telephones are the same wherever they stand.
        purpose = _JOINED.get(field, field) if info.type is FieldType.TEXT else info.type.value
        return mask, self._subkey(f"every {purpose}")


@dataclass(frozen=True)
class _Mask:
    """How values of a field are replaced.

    Attributes:
        of: (value, what it is keyed by, key, field) -> what stands for it.
        by_row: keyed by what its row is known by, else by the value.
    """

    of: Callable[[str, bytes, bytes, FieldInfo], str]
    by_row: bool = False


def _drawn(known: bytes, key: bytes) -> int:
    return int.from_bytes(keyed(key, known, _DRAWN_BYTES), "big")


def _by_value(of: Callable[[str, int], str]) -> _Mask:
    return _Mask(lambda value, known, key, info: of(value, _drawn(known, key)))


def _by_row(of: Callable[[str, int], str]) -> _Mask:
    return _Mask(lambda value, known, key, info: of(value, _drawn(known, key)), by_row=True)


# --- by the meaning of a text ----------------------------------------------------------------


def _pseudonym(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    """Sixteen letters and digits, whatever the value's shape, which alone may tell whose it is.

    They hold 80 bits: among ten million values, two meet once in 20 billion tenants. A text of
    the value's own shape would be another customer's number, where numbers are dense.
    """
    return b32encode(keyed(key, known, 10)).decode()[: info.max_length]


_PSEUDONYM = _Mask(_pseudonym)


def _pick(listed: tuple[str, ...]) -> Callable[[str, int], str]:
    return lambda value, number: listed[number % len(listed)]


def _called(kind: str) -> Callable[[str, int], str]:
    return lambda value, number: f"{kind} {number % 16**8:08X}"


def _whole_name(value: str, number: int) -> str:
    number, first = divmod(number, len(words.FIRST_NAMES))
    return f"{words.FIRST_NAMES[first]} {words.LAST_NAMES[number % len(words.LAST_NAMES)]}"


def _company(value: str, number: int) -> str:
    number, last = divmod(number, len(words.LAST_NAMES))
    return f"{words.LAST_NAMES[last]} {words.TRADES[number % len(words.TRADES)]}"


def _street(value: str, number: int) -> str:
    number, street = divmod(number, len(words.STREETS))
    return f"{number % 999 + 1} {words.STREETS[street]}"


def _whole_address(value: str, number: int) -> str:
    number, city = divmod(number, len(words.CITIES))
    return f"{_street(value, number)}, {words.CITIES[city]}"


def _small(value: str, number: int) -> str:
    return str(number % 99 + 1)


def _host(value: str, number: int) -> str:
    return f"host-{number % 2**64:016x}.example.net"


def _removed(value: str, number: int) -> str:
    return words.REMOVED


def _unit(value: str, number: int) -> str:
    return value if value.casefold() in words.UNITS else words.REMOVED


_LANGUAGE = re.compile("[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-[A-Z]{2}|-[0-9]{3})?")


def _language(value: str, number: int) -> str:
    """The language, its script and its country (BCP 47); not what may be written after them."""
    return value if _LANGUAGE.fullmatch(value) else value.partition("-")[0]


_NAME = _by_row(_whole_name)
_STREET = _by_row(_street)
_CITY = _by_row(_pick(words.CITIES))
_REGION = _by_row(_pick(words.REGIONS))
_SHAPE = _by_row(of_shape)
_SMALL = _by_row(_small)
_REMOVED = _by_value(_removed)
_PROVIDER = _by_value(_pick(words.PROVIDERS))

_TEXTS: dict[str, _Mask] = {
    "first_name": _by_row(_pick(words.FIRST_NAMES)),
    "last_name": _by_row(_pick(words.LAST_NAMES)),
    "contact_name": _NAME,
    "holder_name": _NAME,
    "bill_to_name": _NAME,
    "received_by": _by_value(_whole_name),
    "company_name": _by_row(_company),
    "contact_role": _by_row(_pick(words.ROLES)),
    "segment": _by_value(_called("Group")),
    "zone": _by_value(_called("Zone")),
    "billing_street": _STREET,
    "billing_street2": _STREET,
    "street": _STREET,
    "street2": _STREET,
    "building": _SMALL,
    "entrance": _SMALL,
    "floor": _SMALL,
    "apartment": _SMALL,
    "billing_city": _CITY,
    "city": _CITY,
    "county": _REGION,
    "region": _REGION,
    "billing_region": _REGION,
    "last_four": _SHAPE,
    "bill_to_address": _by_row(_whole_address),
    "brand": _by_row(_pick(words.CARD_BRANDS)),
    "bank_name": _by_row(_pick(words.BANKS)),
    "processor": _PROVIDER,
    "provider": _PROVIDER,
    "vendor": _by_value(_called("Vendor")),
    "model": _by_value(_called("Model")),
    "firmware": _by_value(_called("Version")),
    "name": _by_value(_called("Name")),
    "hostname": _by_value(_host),
    "unit": _by_value(_unit),
    "description": _REMOVED,
    "notes": _REMOVED,
    "cancellation_reason": _REMOVED,
    "price_reason": _REMOVED,
    "discount_reason": _REMOVED,
    "previous_isp": _REMOVED,
}
"""Field → what stands for its texts; for those of any other field, a pseudonym."""

_JOINED = {
    "address_pool": "pool",
    "payment_reference": "reference",
    "processor": "provider",
}
"""Field → the field whose texts mean the same."""


# --- by type ---------------------------------------------------------------------------------


def _email(value: str, number: int) -> str:
    number, first = divmod(number, len(words.FIRST_NAMES))
    number, last = divmod(number, len(words.LAST_NAMES))
    number, domain = divmod(number, len(words.MAIL_DOMAINS))
    name = f"{words.FIRST_NAMES[first]}.{words.LAST_NAMES[last]}".lower()
    return f"{name}.{number % 2**48:012x}@{words.MAIL_DOMAINS[domain]}"


_KEPT_DIGITS = 2
"""Digits after the country's code that stay: some countries write their prefixes there, without
which a number is none."""


def _phone(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
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


def _address(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
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


def _network_prefix(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    """Another network of the same length and kind, always another one for another one."""
    network = ipaddress.ip_network(value)
    bits, length = network.max_prefixlen, network.prefixlen
    kinds = _V4 if isinstance(network, ipaddress.IPv4Network) else _V6
    # Networks of that length are numbered through; a kind is a range of them, if it has any.
    ranges = [
        (int(kind[0]) >> (bits - length), 1 << (length - kind.prefixlen))
        for kind in kinds
        if kind.prefixlen <= length
    ]
    number = _within(
        int(network.network_address) >> (bits - length),
        ranges,
        1 << length,
        subkey(key, f"{bits}:{length}"),
    )
    return str(type(network)((number << (bits - length), length)))


def _uuid(value: str, number: int) -> str:
    return str(uuid.UUID(int=number % 2**128, version=4))


def _mac(value: str, number: int) -> str:
    said = bytearray((number % 2**48).to_bytes(6, "big"))
    # Locally administered, and no group address (IEEE 802, 8.2.2): no maker's.
    said[0] = said[0] & 0xFC | 0x02
    return said.hex(":")


def _date(value: str, number: int) -> str:
    first = dt.date(int(value[:4]), 1, 1)
    return (first + dt.timedelta(days=number % 365)).isoformat()


def _time(value: str, number: int) -> str:
    return f"{number // 60 % 24:02}:{number % 60:02}:00"


def _timestamp(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    number = _drawn(known, key)
    number, seconds = divmod(number, 86_400)
    day = _date(value, number) if info.privacy in _REPLACED else value[:10]
    return f"{day}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}+00:00"


def _amount(value: str, number: int) -> str:
    """As many digits as before, and as many decimals that are not zero; zero stays zero."""
    digits = re.sub(r"(?<=\...)0+$", "", value) if "." in value else value
    tail = value[len(digits) :]
    if not digits.strip("-0."):
        return value
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


def _coordinate(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    """Somewhere in the same degree."""
    degrees, _, fraction = value.partition(".")
    limit = info.maximum
    if not fraction or (limit is not None and abs(int(degrees)) >= limit):
        return value
    return f"{degrees}.{_drawn(known, key) % 10 ** len(fraction):0{len(fraction)}d}"


_TYPES: dict[FieldType, _Mask] = {
    FieldType.EMAIL: _by_value(_email),
    FieldType.PHONE: _Mask(_phone),
    FieldType.ADDRESS: _Mask(_address),
    FieldType.NETWORK: _Mask(_network_prefix),
    FieldType.UUID: _by_value(_uuid),
    FieldType.LANGUAGE: _by_value(_language),
    FieldType.POSTAL_CODE: _SHAPE,
    FieldType.MAC: _by_value(_mac),
    FieldType.DATE: _by_row(_date),
    FieldType.TIME: _by_row(_time),
    FieldType.TIMESTAMP: _Mask(_timestamp, by_row=True),
    FieldType.INTEGER: _by_row(_amount),
    FieldType.MONEY: _by_row(_amount),
    FieldType.QUANTITY: _by_row(_amount),
    FieldType.COORDINATE: _Mask(_coordinate, by_row=True),
}


# --- by the meaning of a number --------------------------------------------------------------

_NEAR = 3
"""How many years a card's end is moved at most."""


def _number(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    """Another number of as many digits, always another one for another one."""
    digits = value.removeprefix("-")
    first = 10 ** (len(digits) - 1) if len(digits) > 1 else 0
    # A field of 64 bits does not hold all numbers of 19 digits.
    size = min(10 ** len(digits), 2**63) - first
    number = first + permuted(int(digits) - first, size, key, bytes([len(digits)]))
    return f"-{number}" if value.startswith("-") else str(number)


def _range(info: FieldInfo) -> tuple[int, int]:
    assert info.minimum is not None  # noqa: S101 - the model declares both
    assert info.maximum is not None  # noqa: S101
    return info.minimum, info.maximum


def _in_range(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    """Another number of the field's range, always another one for another one."""
    least, most = _range(info)
    return str(least + permuted(int(value) - least, most - least + 1, key))


def _month(value: str, number: int) -> str:
    return str(number % 12 + 1)


def _year(value: str, known: bytes, key: bytes, info: FieldInfo) -> str:
    least, most = _range(info)
    moved = int(value) + _drawn(known, key) % (2 * _NEAR + 1) - _NEAR
    return str(min(max(moved, least), most))


_NUMBER = _Mask(_number)
_NUMBERS: dict[str, _Mask] = {
    "vlan": _Mask(_in_range),
    "expiry_month": _by_row(_month),
    "expiry_year": _Mask(_year, by_row=True),
}
"""Field → what stands for its numbers."""
