"""What a person is known by, and whether a text names them by it: account numbers, email
addresses, telephone numbers, however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import phonenumbers

SHORTEST_NUMBER = 7
"""Digits from which on a telephone number is one person's."""

TELLING = 6
"""Characters from which on an account number means somebody wherever it stands in a text."""

_BEFORE = 5
"""Digits that may stand before the national number: ``00``, a country's code, a zero."""

_RUN = re.compile(r"[+(]?[0-9][0-9 ()./\-]{5,22}[0-9]")
_EMAIL = re.compile(r"[\w.+%'-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_BETWEEN = re.compile(r"[\s,;|\"'<>()\[\]{}=:]+")


def national(phone: str) -> str:
    """Digits of a telephone number without what stands before it in some places only: the
    country's code, as far as it can be told, and zeros."""
    digits = re.sub(r"[^0-9]", "", phone)
    abroad = phone.lstrip().startswith(("+", "(+"))
    if not abroad and digits.startswith("00"):
        abroad, digits = True, digits[2:]
    if abroad:
        codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        code = next((n for n in (1, 2, 3) if int(digits[:n] or 0) in codes), 0)
        digits = digits[code:]
    return digits.lstrip("0")


class KnownBy:
    """Tells whether texts name a person.

    Args:
        accounts: account numbers; shorter ones than :data:`TELLING` mean too many things.
        addresses: email addresses, and national digits of telephone numbers.
    """

    def __init__(self, accounts: Iterable[str], addresses: Iterable[str]) -> None:
        addresses = set(addresses)
        emails = sorted(one.lower() for one in addresses if "@" in one)
        self.phones = sorted(one for one in addresses if "@" not in one)
        self.words = [*emails, *(a.lower() for a in accounts if len(a) >= TELLING)]
        self._words = (
            re.compile(
                r"(?<![\w.+@-])(?:" + "|".join(map(re.escape, self.words)) + r")(?![\w@-]|\.\w)"
            )
            if self.words
            else None
        )

    def name(self, text: str) -> bool:
        """Whether a text names the person."""
        if self._words is not None and self._words.search(text.lower()):
            return True
        return bool(self.phones) and any(
            digits.endswith(phone) and len(digits) - len(phone) <= _BEFORE
            for digits in _numbers(text)
            for phone in self.phones
        )


def may_name(text: str) -> Iterator[tuple[str, str]]:
    """All by which a text could name somebody, as (``account`` or ``address``, what it is): what
    :class:`KnownBy` would find, asked the other way round, of people known by digests only."""
    for word in dict.fromkeys(_BETWEEN.split(text)):
        for one in dict.fromkeys((word, word.strip(".,-/"))):
            if len(one) >= TELLING:
                yield "account", one
    for found in _EMAIL.finditer(text.lower()):
        yield "address", found[0].strip(".'")
    for digits in _numbers(text):
        for before in range(_BEFORE + 1):
            rest = digits[before:]
            if len(rest) >= SHORTEST_NUMBER and rest[0] != "0":
                yield "address", rest


def _numbers(text: str) -> Iterator[str]:
    for run in _RUN.findall(text):
        yield re.sub(r"[^0-9]", "", run)
