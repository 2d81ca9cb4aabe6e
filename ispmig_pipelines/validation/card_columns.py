"""Columns that hold what verifies a card, by their names: they are never kept.

PCI DSS 4.0, requirement 3.3: verification values (CVV, CVC, CSC, CID …), full tracks and PIN blocks
are not stored after authorisation, not even encrypted. Some of their names mean other things,
too (``cid`` is a customer's id more often); of these the cells decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

_CERTAIN = re.compile(
    r"cvv|cvc2|cvn2|cvp2|cvd2|cav2|(?:^|card|pay|cc)cvc(?:$|code|number|no|value|nr|num)"
    r"|^(?:card|cc)?(?:cvn|cvd)(?:code|number|value)?$|cardcvc|paycvc"
    r"|card(?:holder)?verif(?:ication|y)?(?:code|value|number|no|nr|data)?(?:$|2)"
    r"|cardsecurity(?:code|number|value|no)?$|cc(?:v|vcode|verification\w*|securitycode)$"
    r"|kartenpr(?:u|ue)f(?:ziffer|nummer|zahl|nr)|cryptogrammevisuel|cryptogrammecarte"
    r"|pinblock|^(?:card|full|raw)?track(?:data)?[123]?data$|^track[123](?:data)?$"
    r"|^(?:card)?track[123]$|mag(?:netic)?stripe(?:data)?$"
)
_CERTAIN_WORDS = frozenset({"cvv", "cvv2", "cvc", "cvc2", "cvn2", "cvp2", "cav2", "cvd2"})
_PERHAPS = re.compile(
    r"^(?:card|cc|payment|billing)?(?:csc|cid|cvn|cvd|cvs|securitycode|secuirtycode|seccode"
    r"|cardcode|verificationcode|verificationvalue|verificationnumber|verification"
    r"|pr(?:u|ue)f(?:ziffer|nummer|zahl)|sicherheits(?:code|zahl|nummer)|cryptogramme"
    r"|codigo(?:de)?seguridad|codigo(?:de)?seguranca|codice(?:di)?sicurezza"
    r"|code(?:de)?securite|kodbezpieczenstwa|beveiligingscode|pin|cardpin)$"
)
_CARD = re.compile(
    r"(?:credit|debit|payment|bank)?card(?:no|num|number|nr|holder|exp|expiry|type|brand|pan|name)"
    r"|^(?:cc|pan|card|creditcard|debitcard)$|^cc(?:no|num|number|nr|exp|expiry|type|month|year)"
    r"|kreditkarte|kartennummer|kartennr|cartebancaire|numerocarte|tarjeta|cartaodecredito"
    r"|numerocartao|creditcard|debitcard|cardexp|payinfo|numerocarta"
)
_SHORT = r"^[0-9]{3,4}$"
_NEXT = 3


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, tuple[str, ...]]:
    """A name in small ASCII letters and digits, in one piece and in words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    flat = unicodedata.normalize("NFKD", spaced.replace("ß", "ss")).encode("ascii", "ignore")
    words = tuple(re.findall(r"[a-z0-9]+", flat.decode().lower()))
    return "".join(words), words


def in_small_ascii(name: str) -> str:
    """A name's letters and digits in one piece: ``Card No. 1`` → ``cardno1``."""
    return _words(name)[0]


def is_verification(name: str) -> bool:
    """Whether a column of this name holds what verifies cards, whatever its cells are."""
    whole, words = _words(name)
    return bool(_CERTAIN.search(whole)) or not _CERTAIN_WORDS.isdisjoint(words)


def may_be_verification(name: str) -> bool:
    """Whether a column of this name may hold it: its cells and its neighbours decide."""
    whole, words = _words(name)
    return bool(_PERHAPS.match(whole)) or bool(words and _PERHAPS.match(words[-1]))


def is_of_card(name: str) -> bool:
    """Whether a column of this name is about a card: its number, its expiry, its holder."""
    return bool(_CARD.search(_words(name)[0]))


def doubtful(names: Sequence[str]) -> list[str]:
    """The columns of a table of which :func:`verification_columns` must see cells."""
    return [
        n for n in names
        if (_may_be_circuit(n) if is_verification(n) else may_be_verification(n))
    ]  # fmt: skip


def _may_be_circuit(name: str) -> bool:
    """Whether a column that is called CVC may hold virtual circuits: it is numbered like things
    are, and says nothing of cards."""
    _, words = _words(name)
    numbered = {"cvc", "id", "circuit", "ref", "reference", "nbn"}
    return "cvc" in words and len(words) > 1 and set(words) <= numbered


def verification_columns(
    names: Sequence[str], sample: pa.RecordBatch | None, with_numbers: Sequence[str] = ()
) -> list[str]:
    """The columns of a table that hold what verifies cards.

    Args:
        names: all of its columns, in order.
        sample: some of its records; None where no name is in doubt.
        with_numbers: columns in which the sample has card numbers.
    """
    found = [
        n for at, n in enumerate(names)
        if is_verification(n) and not (
            sample is not None and _may_be_circuit(n) and _are_plainly_other(sample.column(at))
        )
    ]  # fmt: skip
    cards = [at for at, n in enumerate(names) if is_of_card(n) or n in with_numbers]
    for name in doubtful(names):
        if sample is None or not cards or is_verification(name):
            continue
        at = names.index(name)
        # An id of customers stands first, a value beside its card.
        near = any(0 < abs(at - other) <= _NEXT for other in cards)
        if (near or at in cards) and at and _are_short(sample.column(name)):
            found.append(name)
    return [n for n in names if n in found]


_MOST_OTHER = 0.1
_OTHER = r"^[A-Za-z]{2,}[-_ ]?[0-9]{6,}$"


def _are_plainly_other(cells: pa.StringArray) -> bool:
    """Whether cells are plainly numbers of something else, ``CVC000000123456``: a virtual circuit
    of a network. Ciphers and masks of values are not: they go all the same."""
    text = pc.utf8_trim_whitespace(cells.drop_null())
    filled = text.filter(pc.greater(pc.binary_length(text), 0))
    if not len(filled):
        return False
    other = pc.match_substring_regex(filled, _OTHER)
    return bool(pc.sum(other).as_py() >= (1 - _MOST_OTHER) * len(filled))


def _are_short(cells: pa.StringArray) -> bool:
    """Whether cells are three or four digits each, apart from empty ones."""
    text = pc.utf8_trim_whitespace(cells.drop_null())
    filled = text.filter(pc.greater(pc.binary_length(text), 0))
    if not len(filled):
        return False
    right = pc.match_substring_regex(filled, _SHORT)
    return bool(pc.sum(right).as_py() >= 0.9 * len(filled))
