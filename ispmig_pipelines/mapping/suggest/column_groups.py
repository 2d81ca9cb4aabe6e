# ruff: noqa: E501
"""Columns whose names begin alike: an address, or whoever else is told of."""

from __future__ import annotations

from collections import Counter
from functools import cache

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, is_known, words_of
from ispmig_pipelines.mapping.suggest.named import PLACES
from ispmig_pipelines.mapping.suggest.sample import TableSample


@cache
def strange_beginnings(names: tuple[str, ...]) -> frozenset[str]:
    """First words of several columns that are no word of the list: ``RE_Strasse``, ``RE_Ort``."""
    first = Counter(w[0] for w in (words_of(name) for name in names) if len(w) > 1)
    return frozenset(w for w, count in first.items() if count >= 3 and not is_known(w))


@cache
def mailed(names: tuple[str, ...]) -> dict[str, str]:
    """``Mail City``, ``Mail Zip``: a word before the parts of an address says which address it is,
    whatever it means elsewhere. Column → its name without it."""
    groups: dict[str, list[str]] = {}
    for name in names:
        words = words_of(name)
        if len(words) > 1 and concepts_of(words[0]) == ("email",):
            groups.setdefault(words[0], []).append(name)
    found: dict[str, str] = {}
    for members in groups.values():
        rests = {name: " ".join(words_of(name)[1:]) for name in members}
        parts = {n: rest for n, rest in rests.items()
                 if {"city", "region", "postal", "address", "street"} & set(concepts_of(rest))}  # fmt: skip
        said = {c for rest in parts.values() for c in concepts_of(rest)}
        if len(parts) >= 3 and {"city", "postal"} <= said:
            found |= parts
    return found


_ROLES = frozenset(
    {"seller", "buyer", "supplier", "vendor", "merchant", "company", "div", "issuer", "emisor", "emitente",
     "vendedor", "vendeur", "verkaeufer", "sprzedawca", "nabywca", "lieferant", "proveedor", "fornecedor",
     "from", "sender", "recipient", "payee", "beneficiary"}
)  # fmt: skip
"""First words of columns that tell of whoever sells, bills or is billed."""


BUYERS = frozenset({"buyer", "nabywca", "recipient"})


@cache
def _of_others(names: tuple[str, ...]) -> frozenset[str]:
    by_role: dict[str, list[str]] = {}
    for name in names:
        first, *rest = (*words_of(name), "")
        if first in _ROLES and any(rest):
            by_role.setdefault(first, []).append(name)
    return frozenset(
        name for these in by_role.values() for name in these
        if sum(bool(_OF_SOMEBODY & set(concepts_of(n))) for n in these) >= 2
        and any({"address", "street", "city", "phone", "email"} & set(concepts_of(n)) for n in these)
    )  # fmt: skip


_OF_SOMEBODY = PLACES | {"name", "company", "phone", "email", "tax id", "first", "last", "account"}


def of_others(table: TableSample) -> frozenset[str]:
    """Columns of somebody who is not the customer: ``seller_address`` beside ``seller_phone``."""
    return _of_others(table.names)
