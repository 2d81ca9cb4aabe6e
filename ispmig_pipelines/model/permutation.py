"""Keyed permutations: of numbers below a limit, and of texts that keep their shape.

Different inputs give different outputs, so a column of keys that is permuted is still one of
keys. Numbers go through a Feistel network of keyed BLAKE2b over two radices, walked on until the
result is below the limit (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from hashlib import blake2b
from math import isqrt, prod

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
_TO_SHAPE = str.maketrans(
    {c: alphabet[0] for alphabet in (_DIGITS, _CAPITALS, _SMALL) for c in alphabet}
)


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


@lru_cache(maxsize=50_000)
def _shape(shape: str, key: bytes) -> tuple[tuple[str, ...], int, bytes]:
    """(alphabet of each place, how many texts have the shape, which permutation is theirs)."""
    alphabets = tuple(map(_alphabet, shape))
    # Texts of different shapes must not be put by the same permutation of one limit.
    return alphabets, prod(map(len, alphabets)), keyed(key, shape.encode())


def same_shape(text: str, key: bytes) -> str:
    """Another text of the same shape: digits for digits, letters for letters of their case.

    Different texts give different ones. A text without letters and digits stays as it is.
    """
    if text.isascii():
        shape = text.translate(_TO_SHAPE)
    else:
        shape = "".join(_alphabet(character)[0] for character in text)
    alphabets, limit, tweak = _shape(shape, key)
    number = 0
    for character, alphabet in zip(text, alphabets, strict=True):
        number = number * len(alphabet) + alphabet.index(character)
    number = permuted(number, limit, key, tweak)
    found = []
    for alphabet in reversed(alphabets):
        number, place = divmod(number, len(alphabet))
        found.append(alphabet[place])
    return "".join(reversed(found))
