"""What a column's name means beside the other columns of its table.

``Disc`` is a discount where there is a ``DisconnectDt``, ``İl`` a province where there is an
``İlçe``, and ``numero`` a house number where there is a street and nothing else says one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of

_OF_MONEY = frozenset({"amount", "rate", "price", "type", "name"})


def spelled_out(names: Sequence[str]) -> dict[str, str]:
    """Column → the name that it should have, where its own means another thing beside these."""
    words = {name: words_of(name) for name in names}
    found: dict[str, str] = {}
    if any(w[-1:] == ("ilce",) for w in words.values()):
        # A province and its districts: people give the district as their town.
        found |= {n: _with(n, "il", "region") for n in names if words[n][-1:] == ("il",)}
        found |= {n: _with(n, "ilce", "city") for n in names if words[n][-1:] == ("ilce",)}
    if any("disc" in w for w in words.values()):
        found |= _discounts(names, words)
    found |= _house_number(names)
    found |= _references(names)
    found |= _address_lines(names)
    found |= _codes_of_places(names)
    if not any("city" in concepts_of(name) for name in names):
        # An Australian list has no towns but suburbs.
        found |= {name: "city" for name in names if words_of(name)[-1:] == ("suburb",)}
    return found


_REFERENCE = re.compile(r"(?:.*[.])?(\w+?)Ref[.](value|name)", re.DOTALL)
_PART = re.compile(r"\w*(?:Detail|Details|MetaData)[.](\w+)")


def _references(names: Sequence[str]) -> dict[str, str]:
    """``CustomerRef.value`` is the number of a customer, ``CustomerRef.name`` his name; what is
    part of a detail is that part."""
    found = {}
    for name in names:
        if match := _REFERENCE.fullmatch(name):
            what, part = match.groups()
            end = {"name": "Name"}.get(part, "" if what in ("Currency", "Method") else "Id")
            found[name] = f"{what} {end}".strip()
        elif (match := _PART.fullmatch(name)) and match[1] not in names:
            found[name] = match[1]
    return found


_FROM_AND_TO = {
    "customer": ("signup date", "cancelled date"),
    "service": ("start date", "end date"),
    "plan": ("start date", "end date"),
    "invoice": ("period from", "period to"),
    "ip_assignment": ("assigned date", "released date"),
}


def numbered_dates(names: Sequence[str], entity: str) -> dict[str, str]:
    """``date1`` and ``date2``, and no more of them, are from when to when a record holds."""
    if entity not in _FROM_AND_TO:
        return {}
    numbered = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and concepts_of(match[1]) == ("date",):
            numbered[match[2]] = name
    if numbered.keys() != {"1", "2"}:
        return {}
    return dict(zip((numbered["1"], numbered["2"]), _FROM_AND_TO[entity], strict=True))


_NUMBERED = re.compile(r"(.*[^\d_ ])[_ ]?([0-9])")


def _with(name: str, word: str, meant: str) -> str:
    return " ".join(meant if w == word else w for w in words_of(name))


def _discounts(names: Sequence[str], words: dict[str, tuple[str, ...]]) -> dict[str, str]:
    gone = any("cancelled" in concepts_of(name) for name in names if "disc" not in words[name])
    amounts = any("disc" in words[name] and _OF_MONEY & set(concepts_of(name)) for name in names)
    found = {}
    for name in names:
        if "disc" not in words[name]:
            continue
        said = set(concepts_of(name))
        if said & _OF_MONEY or ((gone or amounts) and "date" not in said):
            found[name] = _with(name, "disc", "discount")
    return found


def _house_number(names: Sequence[str]) -> dict[str, str]:
    """A bare number that follows a street is that of the house."""
    found = {}
    others = any("building" in concepts_of(name) for name in names)
    for before, name in pairwise(names):
        prefix, _, last = name.rpartition(".")
        said = set(concepts_of(last))
        street = {"street", "address"} & set(concepts_of(before))
        same = not prefix or before.startswith(prefix)
        if not others and same and street and said == {"id"} and "id" not in concepts_of(before):
            found[name] = "house number"
    return found


def _codes_of_places(names: Sequence[str]) -> dict[str, str]:
    """``Billing Code`` beside ``Billing City`` and ``Billing Country`` is the postal code."""
    found = {}
    for name in names:
        words = words_of(name)
        if len(words) != 2 or words[1] != "code" or any("postal" in concepts_of(n) for n in names):
            continue
        beside = {c for n in names if words_of(n)[:1] == words[:1] for c in concepts_of(n)}
        if {"city"} <= beside and beside & {"country", "region", "street"}:
            found[name] = f"{words[0]} postal code"
    return found


_LINE_OF = re.compile(r"(.*[a-z])[ _.-]*[Ll]ine[ _.-]?([12]?)")


def _address_lines(names: Sequence[str]) -> dict[str, str]:
    """``line1`` beside a town is a line of an address."""
    found = {}
    for name in names:
        prefix, _, last = name.rpartition(".")
        if not prefix and (match := _LINE_OF.fullmatch(name)):
            # account_line1 beside account_city.
            around = match[1]
            towns = [n for n in names if n.casefold().startswith(around.casefold())
                     and {"city", "postal"} & set(concepts_of(n))]  # fmt: skip
            if towns:
                found[name] = f"{around} address{2 if match[2] == '2' else ''}"
            continue
        plain = "".join(words_of(last)) if last else ""
        if plain not in ("line", "line1", "line2", "linea1", "linea2", "linha1", "ligne1"):
            continue
        beside = [n for n in names if n.rpartition(".")[0] == prefix]
        if any({"city", "postal"} & set(concepts_of(n)) for n in beside):
            which = "address2" if plain.endswith("2") else "address"
            found[name] = f"{prefix}.{which}" if prefix else which
    return found
