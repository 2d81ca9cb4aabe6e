"""Which numbers can be card numbers: prefixes and lengths by issuer, and the check digit.

Prefixes and lengths as the schemes publish them under ISO/IEC 7812, gathered from Wikipedia
("Payment card number", table of issuer identification numbers) and held against the MIT-licensed
table of braintree/credit-card-type. Of Maestro only the prefixes that are in use are taken in
every length, the rest of its ranges in the lengths in which cards are made: 13 digits that begin
with 62 are an Indonesian telephone number far more often than a card.

The check digit is Luhn's (ISO/IEC 7812-1, annex B). One number of ten passes it by chance.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

SHORTEST, LONGEST = 13, 19
"""Digits of a card number."""

_PREFIX_DIGITS = 8


@dataclass(frozen=True)
class Issuer:
    """A scheme's numbers.

    Attributes:
        name: as findings tell it.
        prefixes: first and last of each range; one number where both are the same.
        lengths: digits of its numbers.
        loose: its prefixes are so short that a number must be written in one piece or in
            groups of three digits and more to be taken for one of it.
    """

    name: str
    prefixes: tuple[tuple[str, str], ...]
    lengths: tuple[int, ...]
    loose: bool = False


def _ranges(text: str) -> tuple[tuple[str, str], ...]:
    """``51-55 2221-2720 4`` as ranges."""
    found = []
    for word in text.split():
        first, _, last = word.partition("-")
        found.append((first, last or first))
    return tuple(found)


ISSUERS: tuple[Issuer, ...] = (
    # Narrow ranges before the wide ones they lie in.
    Issuer(
        "elo",
        _ranges(
            "401178-401179 431274 438935 451416 457393 457631-457632 504175 506699-506778 "
            "509000-509999 627780 636297 636368 650031-650033 650035-650051 650405-650439 "
            "650485-650538 650541-650598 650700-650718 650720-650727 650901-650978 "
            "651652-651679 655000-655019 655021-655058"
        ),
        (16,),
    ),
    Issuer("hipercard", _ranges("606282 637095 63737423 63743358 637568 637599 637609 637612"),
           (16, 19)),
    Issuer("verve", _ranges("506099-506198 507865-507964 650002-650027"), (16, 18, 19)),
    Issuer("dankort", _ranges("5019"), (16,)),
    Issuer("lankapay", _ranges("357111"), (16,)),
    Issuer("ukrcard", _ranges("60400100-60420099"), (16, 17, 18, 19)),
    Issuer("nps pridnestrovie", _ranges("6054740-6054744"), (16,)),
    Issuer("uzcard", _ranges("8600 5614"), (16,)),
    Issuer("humo", _ranges("9860"), (16,)),
    Issuer("troy", _ranges("9792"), (16,)),
    Issuer("napas", _ranges("9704"), (16, 19)),
    Issuer("borica", _ranges("2205"), (16,)),
    Issuer("gpn", _ranges("1946"), (16, 18, 19)),
    Issuer("visa", _ranges("4"), (16, 18, 19)),
    Issuer("visa", _ranges("4"), (13,), loose=True),
    Issuer("mastercard", _ranges("51-55 2221-2720"), (16,)),
    Issuer("amex", _ranges("34 37"), (15,)),
    Issuer("mir", _ranges("2200-2204"), (16, 17, 18, 19)),
    Issuer("discover", _ranges("6011 644-649 65"), (16, 17, 18, 19)),
    Issuer("jcb", _ranges("3528-3589"), (16, 17, 18, 19)),
    Issuer("rupay", _ranges("508 60 81-82"), (16,)),
    Issuer("jcb", _ranges("1800 2131"), (15,), loose=True),
    Issuer("diners", _ranges("300-305 309 36 38-39"), (14, 16, 17, 18, 19)),
    Issuer("unionpay", _ranges("62 81"), (16, 17, 18, 19)),
    Issuer("interpayment", _ranges("636"), (16, 17, 18, 19)),
    Issuer("maestro", _ranges("5018 5020 5038 5893 6304 6759 6761-6763"),
           (13, 14, 15, 16, 17, 18, 19)),
    Issuer("maestro", _ranges("50 56-59 63 67"), (16, 18, 19)),
    Issuer("uatp", _ranges("1"), (15,), loose=True),
)  # fmt: skip
"""Issuers, in the order in which they are asked."""


def _table(length: int) -> tuple[np.ndarray, list[Issuer | None]]:
    """Where along the numbers of a length the issuer changes, and who it is from there on."""
    ranges = [
        (int(first.ljust(_PREFIX_DIGITS, "0")), int(last.ljust(_PREFIX_DIGITS, "9")), issuer)
        for issuer in ISSUERS
        if length in issuer.lengths
        for first, last in issuer.prefixes
    ]
    borders = sorted({0, *(low for low, _, _ in ranges), *(high + 1 for _, high, _ in ranges)})
    owners = [
        next((issuer for low, high, issuer in ranges if low <= border <= high), None)
        for border in borders
    ]
    return np.array(borders), owners


_TABLES = {length: _table(length) for length in range(SHORTEST, LONGEST + 1)}
_BORDERS = {length: borders.tolist() for length, (borders, _) in _TABLES.items()}


def issuer_of(number: str) -> Issuer | None:
    """Whose number it is by its first digits and its length; None where it is nobody's.

    Args:
        number: ASCII digits.
    """
    borders = _BORDERS.get(len(number))
    if borders is None:
        return None
    return _TABLES[len(number)][1][bisect_right(borders, int(number[:_PREFIX_DIGITS])) - 1]


_DOUBLED = "0246813579"


def luhn(number: str) -> bool:
    """Whether the last of its ASCII digits is the check digit of the others."""
    total = sum(map(int, number[-1::-2]))
    total += sum(map(int, number[-2::-2].translate(_DOUBLING)))
    return total % 10 == 0


_DOUBLING = str.maketrans("0123456789", _DOUBLED)


def judged(digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of one length at once.

    Args:
        digits: values of digits (uint8), a row for each number.

    Returns:
        for each number: the position of its issuer among :func:`owners` of the length, and
        whether it passes the check.
    """
    length = digits.shape[1]
    prefix = np.zeros(len(digits), np.int64)
    for at in range(_PREFIX_DIGITS):
        prefix = prefix * 10 + digits[:, at]
    place = np.searchsorted(_TABLES[length][0], prefix, "right") - 1
    doubled = digits[:, length % 2 :: 2]
    total = digits[:, (length + 1) % 2 :: 2].sum(axis=1, dtype=np.int64)
    total += (doubled * 2 - 9 * (doubled > 4)).sum(axis=1, dtype=np.int64)
    return place, total % 10 == 0


def owners(length: int) -> list[Issuer | None]:
    """Issuers along the numbers of a length, as :func:`judged` counts them."""
    return _TABLES[length][1]
