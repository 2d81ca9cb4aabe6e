"""Keyed draws and permutations: of numbers below a limit, and texts of a shape.

Different inputs of a permutation give different outputs, so a column of keys that is permuted is
still one of keys. Numbers go through a Feistel network of keyed BLAKE2b over two radices, walked
on until the result is below the limit (Black and Rogaway, "Ciphers with Arbitrary Finite
Domains", 2002).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from hashlib import blake2b
from math import isqrt

_TURNS = tuple(bytes([turn]) for turn in range(8))
_PAGE = 256


def keyed(key: bytes, value: bytes, size: int = 16) -> bytes:
    """``size`` (at most 64) bytes that nobody can foretell without the key."""
    return blake2b(value, key=key, digest_size=size).digest()


def subkey(key: bytes, purpose: str) -> bytes:
    """A key for one purpose; knowing it says nothing about those for others."""
    return keyed(key, purpose.encode(), 32)


def permuted(number: int, limit: int, key: bytes, tweak: bytes = b"") -> int:
    """Where a permutation of the numbers below ``limit`` puts one of them.

    Args:
        tweak: picks one of many permutations under the same key.
    """
    if limit < 2:
        return number
    radix = isqrt(limit - 1) + 1
    while True:
        number = _network(number, radix, key, tweak)
        if number < limit:
            return number


def _network(number: int, radix: int, key: bytes, tweak: bytes) -> int:
    left, right = divmod(number, radix)
    width = (radix.bit_length() + 7) // 8
    # So much longer than the radix that no remainder is likelier than another.
    size = min(64, width + 8)
    for turn in _TURNS:
        said = blake2b(turn + right.to_bytes(width, "big") + tweak, key=key, digest_size=size)
        left, right = right, (left + int.from_bytes(said.digest(), "big")) % radix
    return left * radix + right


_DIGITS = "0123456789"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SMALL = "abcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=10_000)
def _alphabet(character: str) -> str:
    """The characters that may stand for one: of its kind, and of its neighbourhood in Unicode.

    Signs, spaces and marks stand for themselves.
    """
    if character.isascii():
        for alphabet in (_DIGITS, _CAPITALS, _SMALL):
            if character in alphabet:
                return alphabet
        return character
    kind = unicodedata.category(character)
    if kind[0] not in "LN" or not unicodedata.is_normalized("NFC", character):
        return character
    first = ord(character) // _PAGE * _PAGE
    return "".join(
        other
        for other in map(chr, range(first, first + _PAGE))
        if not other.isascii()
        and unicodedata.category(other) == kind
        and unicodedata.is_normalized("NFC", other)
    )


def of_shape(text: str, number: int) -> str:
    """The text of the same shape that a number picks: digits for digits, letters for letters.

    Args:
        number: large and random; every digit or letter uses some of it up.
    """
    found = []
    for character in text:
        alphabet = _alphabet(character)
        number, place = divmod(number, len(alphabet))
        found.append(alphabet[place])
    return "".join(found)
