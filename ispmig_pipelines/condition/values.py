"""The words of a condition as values of the field they are compared with."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from collections.abc import Callable
from decimal import Decimal

from ispmig_pipelines.condition.tree import Value
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.nearest import did_you_mean

TEXTS = frozenset(
    {
        FieldType.TEXT,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.COUNTRY,
        FieldType.CURRENCY,
        FieldType.LANGUAGE,
        FieldType.POSTAL_CODE,
    }
)
WITHOUT_ORDER = frozenset(
    {
        FieldType.CHOICE,
        FieldType.BOOLEAN,
        FieldType.ADDRESS,
        FieldType.NETWORK,
        FieldType.MAC,
        FieldType.UUID,
    }
)


class Unfit(ValueError):
    """What is wrong with a value: ``no amount: …``."""


def _text(word: str, info: FieldInfo) -> Value:
    # Neither PostgreSQL nor UTF-8 holds these: U+0000, and halves of a surrogate pair.
    if "\x00" in word or any("\ud800" <= character <= "\udfff" for character in word):
        raise Unfit("no text that a field could hold")
    return word


def _choice(word: str, info: FieldInfo) -> Value:
    if word not in info.choices:
        raise Unfit(f"none of its words{did_you_mean(word, info.choices)}")
    return word


def _number(word: str, info: FieldInfo) -> Value:
    if not re.fullmatch(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?", word):
        raise Unfit("no number: write it like -1234.50")
    return Decimal(word)


def _boolean(word: str, info: FieldInfo) -> Value:
    if word.lower() not in ("true", "false"):
        raise Unfit("neither true nor false")
    return word.lower() == "true"


def _date(word: str, info: FieldInfo) -> Value:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
            return dt.date.fromisoformat(word)
    except ValueError:
        pass
    raise Unfit("no date: write it as YYYY-MM-DD")


def _timestamp(word: str, info: FieldInfo) -> Value:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
        day = _date(word, info)
        assert isinstance(day, dt.date)  # noqa: S101 - told to the type checker
        return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    try:
        moment = dt.datetime.fromisoformat(word)
        if moment.tzinfo is not None:
            return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    raise Unfit("no instant: write a day, or a time with its offset: 2024-02-29T10:00:00Z")


def _address(word: str, info: FieldInfo) -> Value:
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        raise Unfit("no IP address") from None
    if getattr(address, "scope_id", None) is not None:
        raise Unfit("an address with a zone, which means something on one machine only")
    return str(address)


def _mac(word: str, info: FieldInfo) -> Value:
    digits = re.sub(r"[:.-]", "", word).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise Unfit("no MAC address: write it as aa:bb:cc:dd:ee:ff")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _uuid(word: str, info: FieldInfo) -> Value:
    if not re.fullmatch(r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}", word):
        raise Unfit("no UUID of 32 hexadecimal digits")
    return str(uuid.UUID(word))


def _time(word: str, info: FieldInfo) -> Value:
    try:
        if re.fullmatch(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?", word):
            return dt.time.fromisoformat(word)
    except ValueError:
        pass
    raise Unfit("no time of day: write it as 19:30 or 19:30:00")


def _network(word: str, info: FieldInfo) -> Value:
    try:
        if "/" in word and "%" not in word:
            return str(ipaddress.ip_network(word))
    except ValueError:
        pass
    raise Unfit("no IP network: write it as 10.0.0.0/24, without host bits")


def value_of(word: str, info: FieldInfo) -> Value:
    """The value that a word is, for a field.

    Raises:
        Unfit: the field could not hold it; the text says what would be right.
    """
    return READ.get(info.type, _text)(word, info)


READ: dict[FieldType, Callable[[str, FieldInfo], Value]] = {
    FieldType.CHOICE: _choice,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.ADDRESS: _address,
    FieldType.MAC: _mac,
    FieldType.UUID: _uuid,
    FieldType.TIME: _time,
    FieldType.NETWORK: _network,
    **dict.fromkeys(
        (
            FieldType.INTEGER,
            FieldType.DATA_RATE,
            FieldType.MONEY,
            FieldType.COORDINATE,
            FieldType.RATE,
            FieldType.QUANTITY,
        ),
        _number,
    ),
}
