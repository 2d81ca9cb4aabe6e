"""Whole tenants made of anything that the model allows: every entity, every field, odd texts."""

from __future__ import annotations

import datetime as dt
import random
import re
import uuid
from decimal import Decimal
from typing import Any

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.model.row_rule import InOrder, PrefixFits, Together

ODD_TEXTS = (
    "", " ", "  two ", "NULL", "null", "N/A", "-", "\\N", "0", "007", "1001.0", "1.2E+11", "true",
    "2024-02-29", "=1+1", "+49", "-5", "@x", "'=1", "''", "\t", "a\nb", "a\r\nb", "\r", "\n",
    'say "x"', "it's", ",;|\t", "#no comment", "total", "<a>&amp;</a>", "]]>", "{}", "[1]", "\\",
    "\\'", "🦊", "👩‍👩‍👧", "é", "e\u0301", "ﬁ", "شبكة", "東京", "\u00a0", "\u200b", "_x0041_",
    "NaN", "inf", "$1", "%s", "${x}", "--", "/*", "\ufeff", "x" * 40, "Straße 7", "O'Brien, Ann",
)  # fmt: skip
CONTROLS = ("\x01", "\x0b", "\x1b[0m", "\x7f", "\x85", "\u2028", "\ufffe")
"""What XML cannot hold, or what some tools take for the end of a line."""

LEGACY = (
    None, {}, {"Old": "x"}, {"n": 1, "f": 1.5, "b": True, "z": None, "l": [1, "2", {"d": "e"}]},
    {"": "", "a b": "=1", 'q"': "line\nline", "legacy": "x", "account_number": "y", "é": "🦊"},
    {"big": 123456789012345678901234567890, "neg": -0.001},
)  # fmt: skip


def anything(
    seed: int, size: int = 6, more: tuple[str, ...] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Entity → rows, parents before those that refer to them; ``legacy`` among the fields.

    ``more``: texts beside the odd ones.
    """
    rng = random.Random(seed)  # noqa: S311 - texts of tests
    texts = (*ODD_TEXTS, *more)
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, info in ENTITIES.items():
        rows[name] = _rows(rng, info, rows, size, texts)
    return rows


def _rows(
    rng: random.Random,
    info: EntityInfo,
    others: dict[str, list[dict[str, Any]]],
    size: int,
    texts: tuple[str, ...],
) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for _ in range(rng.randint(1, size)):
        row = {field: _value(rng, about, others, texts) for field, about in info.fields.items()}
        _keep_rules(info, row)
        if (legacy := rng.choice(LEGACY)) is not None:
            row["legacy"] = legacy
        found[tuple(row[key] for key in info.key)] = row
    return list(found.values())


def _keep_rules(info: EntityInfo, row: dict[str, Any]) -> None:
    for currency in info.money.values():
        row[currency] = row[currency] or "EUR"
    for rule in info.row_rules:
        if isinstance(rule, InOrder) and None not in (row[rule.first], row[rule.second]):
            row[rule.first], row[rule.second] = sorted([row[rule.first], row[rule.second]])
        if isinstance(rule, Together) and None in (row[rule.first], row[rule.second]):
            row[rule.first] = row[rule.second] = None
        if isinstance(rule, PrefixFits) and "." in row[rule.address]:
            row[rule.prefix] = min(row[rule.prefix] or 32, 32)


def _value(
    rng: random.Random,
    info: FieldInfo,
    others: dict[str, list[dict[str, Any]]],
    texts: tuple[str, ...],
) -> Any:
    if not info.must_hold_value and rng.random() < 0.4:
        return None
    if info.references:
        parents = others[info.references]
        return rng.choice(parents)[ENTITIES[info.references].key[0]]
    match info.type:
        case FieldType.TEXT:
            return _text(rng, info, texts)
        case FieldType.CHOICE:
            return rng.choice(info.choices)
        case FieldType.EMAIL:
            return rng.choice(["a@b.de", "A.B+c@Example.ORG", "ü@例え.jp", "=x@y.com"])
        case FieldType.PHONE:
            return rng.choice(["+4930123456", "+15551234567", "+10000"])
        case FieldType.COUNTRY:
            return rng.choice(["DE", "NO", "US"])
        case FieldType.CURRENCY:
            return rng.choice(["EUR", "USD", "JPY"])
        case FieldType.LANGUAGE:
            return rng.choice(["en", "pt-BR", "zh-Hant-TW", "gsw"])
        case FieldType.POSTAL_CODE:
            return rng.choice(["01234", "SW1A 1AA", "12345-6789", "", " 7", "1001.0", "é"])
        case FieldType.UUID:
            return str(uuid.UUID(int=rng.getrandbits(128)))
        case FieldType.BOOLEAN:
            return rng.random() < 0.5
        case FieldType.DATE:
            return rng.choice([dt.date(2024, 2, 29), dt.date(1, 1, 1), dt.date(9999, 12, 31),
                               dt.date(1900, 2, 28), dt.date(2000, 2, 29)])  # fmt: skip
        case FieldType.TIMESTAMP:
            return rng.choice([dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, dt.UTC),
                               dt.datetime(1, 1, 1, tzinfo=dt.UTC),
                               dt.datetime(2020, 3, 29, 1, 30, tzinfo=dt.UTC)])  # fmt: skip
        case FieldType.TIME:
            return rng.choice([dt.time(19, 30), dt.time(0, 0), dt.time(23, 59, 59, 999_999),
                               dt.time(6, 0, 0, 500_000)])  # fmt: skip
        case FieldType.ADDRESS:
            return rng.choice(["10.0.0.1", "0.0.0.0", "2001:db8::1", "::", "::ffff:10.0.0.1",  # noqa: S104
                               f"192.168.{rng.randrange(256)}.7"])  # fmt: skip
        case FieldType.NETWORK:
            return rng.choice(["10.0.0.0/24", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::/0",
                               "::ffff:10.0.0.0/120"])  # fmt: skip
        case FieldType.MAC:
            return rng.choice(["00:1a:2b:3c:4d:5e", "ff:ff:ff:ff:ff:ff"])
    return _number(rng, info)


def _text(rng: random.Random, info: FieldInfo, texts: tuple[str, ...]) -> str:
    if info.pattern:
        return next(t for t in ("0042", "tok_1") if re.fullmatch(info.pattern, t))
    text = "".join(rng.choice(texts) for _ in range(rng.randint(1, 2)))
    if info.min_length and not text:
        text = "x"
    if info.key:
        text += str(rng.randrange(10**6))
    return text[: info.max_length]


def _number(rng: random.Random, info: FieldInfo) -> Any:
    scale = getattr(info.arrow_type, "scale", 0)
    lowest = info.minimum if info.minimum is not None else -(10**9)
    highest = info.maximum if info.maximum is not None else 10**9
    if not scale:
        return rng.choice([lowest, highest, rng.randint(lowest, highest)])
    whole = rng.choice([lowest, highest, rng.randint(lowest, highest)])
    number = Decimal(whole) + Decimal(rng.randrange(10**scale)).scaleb(-scale)
    return number if number <= highest else Decimal(highest)
