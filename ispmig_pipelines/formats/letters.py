"""How likely letters follow one another in the languages that customers are written in.

``letter_pairs.tsv`` holds, for each language, what its words show when counted over the
translated messages of free software and the towns of telephone numbering plans: for each letter
(a space is a word's edge) the letters after it, each with its improbability, ``-3 ln p`` rounded
to one digit of base 36. The lines without a letter before them hold single letters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files

_UNKNOWN_PAIR = 3.0
"""What a pair that was not counted costs beyond its second letter, in nats."""

_FOREIGN = 8.0
"""What a letter costs that another language of the same script has, in nats."""

_STRANGE = 11.0
"""What a letter costs that no language here has."""

_MIXED_SCRIPTS = 12.0
"""What it costs that a letter of another script stands beside one of ASCII."""

_UNDEFINED = 20.0
"""What a byte costs that stands for nothing, or for a control character."""

_COMMON_SYMBOL = 3.5
_SYMBOL = 6.0
_ODD_SYMBOL = 12.0
_BESIDE_A_LETTER = 3.0
_INSIDE_A_WORD = 8.0
_SELDOM_ALONE = 5.0
_ALONE = 4.0
"""What a word of one letter costs: most are the trace of another encoding's symbol."""
_SIDE_BY_SIDE = 7.0
"""What two accents side by side cost at most, where the language has both letters."""

_WRONG_CAPITAL = 5.0
_OTHER_LANGUAGE = 3.0
"""What a word costs that is taken to be of another language than its file's."""

_SYMBOLS = frozenset("€£§©®°²³·«»\u2018\u2019“”„\u2013—…•™ºª½¼\u2116\u00b4\u00a0¿¡")
_COMMON_SYMBOLS = frozenset("€£©®°²³ºª½«»\u2116")
_CLOSING = frozenset("»”…ºª®™«“€£")
_OF_UNITS = frozenset("²³°")
_OFTEN_ALONE = frozenset("€£©°\u2116\u2013\u2014")
_APOSTROPHES = frozenset("\u2019\u2018\u00b4")
_PARTING = frozenset("\u2013\u2014\u00a0")

_FOLDED = str.maketrans("ς\u0219\u021b\u06cc\u0130", "\u03c3şţيi")
"""Letters that stand for the same one: the sigma at a word's end, and what Romanian and Persian
write in Unicode for letters that the code pages have in another form."""


_SAME_LETTER = str.maketrans("\u0219\u021b\u0218\u021a", "şţŞŢ")


@dataclass(frozen=True, eq=False)
class Language:
    """The letters of a language.

    Attributes:
        code: of ISO 639-1.
        letters: each letter's improbability, in nats.
        pairs: that of the second letter after the first.
        latin: it is written in Latin letters.
        own: its letters beyond ASCII.
    """

    code: str
    letters: dict[str, float]
    pairs: dict[str, float]
    latin: bool
    own: frozenset[str]


@cache
def languages() -> tuple[Language, ...]:
    """All languages that are known, English among them."""
    text = files("ispmig_pipelines.formats").joinpath("letter_pairs.tsv").read_text("utf-8")
    letters: dict[str, dict[str, float]] = {}
    pairs: dict[str, dict[str, float]] = {}
    for line in text.split("\n"):
        if not line:
            continue
        code, before, after = line.split("\t")
        values = {after[i]: int(after[i + 1], 36) / 3 for i in range(0, len(after), 2)}
        if before:
            pairs.setdefault(code, {}).update({before + c: v for c, v in values.items()})
        else:
            letters[code] = values
    return tuple(
        Language(
            code,
            values,
            pairs.get(code, {}),
            "a" in values,
            frozenset(c for c in values if not c.isascii()),
        )
        for code, values in letters.items()
    )


@cache
def _all_letters() -> frozenset[str]:
    return frozenset(c for language in languages() for c in language.own)


@lru_cache(maxsize=4096)
def folded(c: str) -> str:
    """A character as the languages' letters are kept: small, and in one form."""
    low = c if c == "\u0131" else c.lower()[:1] or c
    return low.translate(_FOLDED)


def same_letters(word: str) -> str:
    """A word without what is only another form of the same letter."""
    return word.translate(_SAME_LETTER)


@lru_cache(maxsize=4096)
def _kind(c: str) -> str:
    """``letter``, ``symbol``, ``odd`` or ``undefined``."""
    category = unicodedata.category(c)
    if c == "\ufffd" or category in ("Cc", "Cn", "Co", "Cs"):
        return "undefined"
    if c in _SYMBOLS:
        return "symbol"
    return "letter" if category[0] in "LM" else "odd"


def _closes(c: str, place: int) -> bool:
    """Whether a symbol stands well at the end of a word with so many letters: ``km²``."""
    return (place > 0 and c in _CLOSING) or (0 < place <= 2 and c in _OF_UNITS)


def _wrong_capital(three: str) -> bool:
    """Whether the second letter is a capital within a word: ``rÉn``, ``BÉr``, ``иВА``."""
    before, c, after = three[0], three[1], three[2:]
    if not c.isupper() or (c.isascii() and before.isascii()):
        return False
    return before.islower() or (not c.isascii() and after.islower() and before.isupper())


@dataclass(frozen=True)
class Fit:
    """How well a reading fits what is known of languages.

    Attributes:
        cost: improbability of all its words, in nats, and what speaks against their language.
        language: the one language that explains most; "" where there are only symbols, or
            letters of no language that is known.
        mean: improbability by character beyond ASCII.
    """

    cost: float
    language: str
    mean: float


_ROOM = 0.97
"""Which part of a language's own letters its code page must hold."""


class WordsRead:
    """Words with letters beyond ASCII, as one encoding reads them.

    Args:
        words: each with at least one character beyond ASCII.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._steps = [_steps(word) for word in words]
        self._size = sum(1 for word in words for c in word if not c.isascii())
        self._letters = {
            c for steps, _ in self._steps for pair in steps for c in pair if not c.isascii()
        }
        self._costs: dict[str, list[float]] = {}

    def fit(self, alphabet: Iterable[str], against: dict[str, float]) -> Fit:
        """The one language that explains the words best, a few words of others among them.

        Args:
            alphabet: the characters that the encoding has: what is written in it is not in a
                language that it cannot write.
            against: by language, what speaks against it, in nats.
        """
        if not self._letters:
            total = sum(fixed for _, fixed in self._steps)
            return Fit(total, "", total / max(self._size, 1))
        have = frozenset(folded(c) for c in alphabet if not c.isascii())
        able = [language for language in self._languages if _can_write(have, language)]
        if not able:
            total = sum(fixed + _STRANGE * len(steps) for steps, fixed in self._steps)
            return Fit(total, "", total / max(self._size, 1))
        alone = {
            language.code: sum(map(min, self._by_word(language), self._in_another))
            for language in able
        }
        best = min(alone, key=lambda code: alone[code] + against.get(code, 0.0))
        return Fit(alone[best] + against.get(best, 0.0), best, alone[best] / max(self._size, 1))

    @cached_property
    def _languages(self) -> list[Language]:
        """Those that have any of the letters."""
        return [language for language in languages() if self._letters & language.own]

    @cached_property
    def _in_another(self) -> list[float]:
        """What each word costs that is of another language than the file. All languages are
        asked, whatever the encoding: a word that two encodings read alike costs the same."""
        columns = [self._by_word(language) for language in self._languages]
        return [min(costs) + _OTHER_LANGUAGE for costs in zip(*columns, strict=True)]

    @property
    def by_word(self) -> list[float]:
        """What each word costs by itself, in whatever language explains it best."""
        if not self._languages:
            return [fixed + _STRANGE * len(steps) for steps, fixed in self._steps]
        return [cost - _OTHER_LANGUAGE for cost in self._in_another]

    def _by_word(self, language: Language) -> list[float]:
        if language.code not in self._costs:
            known: dict[str, float] = {}
            column = []
            for steps, fixed in self._steps:
                cost = fixed
                for pair in steps:
                    value = known.get(pair)
                    if value is None:
                        value = known[pair] = _pair_cost(pair, language)
                    cost += value
                column.append(cost)
            self._costs[language.code] = column
        return self._costs[language.code]


def _pair_cost(pair: str, language: Language) -> float:
    """What the second letter costs after the first.

    Of a Latin language, one beyond ASCII costs what it does among all those that may stand
    there: how often languages have accents at all says little about a list of names.
    """
    before, letter = pair[0], pair[1]
    if not language.latin:
        if _ascii_letter(letter) or _ascii_letter(before):
            return _MIXED_SCRIPTS
        return _plain_cost(pair, language)
    if letter.isascii():
        return _plain_cost(pair, language)
    if letter not in language.own:
        return _FOREIGN if letter in _all_letters() else _STRANGE
    cost = _plain_cost(pair, language)
    # Accents side by side are rare, but in a few languages.
    if not before.isascii():
        return min(cost, _SIDE_BY_SIDE)
    return cost + _log_share_of_accents(before, language)


def _ascii_letter(c: str) -> bool:
    return c.isascii() and c != " "


def _plain_cost(pair: str, language: Language) -> float:
    cost = language.pairs.get(pair)
    if cost is not None:
        return cost
    single = language.letters.get(pair[1])
    if single is not None:
        return single + _UNKNOWN_PAIR
    return _FOREIGN if pair[1] in _all_letters() or pair[1].isascii() else _STRANGE


@lru_cache(maxsize=8192)
def _log_share_of_accents(before: str, language: Language) -> float:
    return math.log(sum(math.exp(-_plain_cost(before + c, language)) for c in language.own))


def _steps(word: str) -> tuple[list[str], float]:
    """The pairs that a character beyond ASCII has a part in, and what is the same in every
    language: symbols, undefined bytes, capitals after small letters."""
    fixed = 0.0
    steps: list[str] = []
    last = " "
    for i, c in enumerate(word):
        kind = "letter" if c.isascii() else _kind(c)
        if kind == "letter":
            now = folded(c)
            if i and _wrong_capital(word[i - 1 : i + 2]):
                fixed += _WRONG_CAPITAL
            if not (now.isascii() and last.isascii()):
                steps.append(last + now)
            last = now
            continue
        if kind == "undefined":
            fixed += _UNDEFINED
        else:
            if kind == "odd":
                fixed += _ODD_SYMBOL
            else:
                fixed += _COMMON_SYMBOL if c in _COMMON_SYMBOLS else _SYMBOL
                fixed += _SELDOM_ALONE if len(word) == 1 and c not in _OFTEN_ALONE else 0.0
            inside = 0 < i < len(word) - 1
            # Catalan has a dot between two l.
            joins = c in _APOSTROPHES or (c == "·" and word[i - 1 : i + 2] == "l·l")
            if inside and not joins:
                fixed += _BESIDE_A_LETTER if c in _PARTING else _INSIDE_A_WORD
            elif not inside and len(word) > 1 and not _closes(c, i):
                fixed += _BESIDE_A_LETTER
        if not last.isascii():
            steps.append(last + " ")
        last = " "
    if not last.isascii():
        steps.append(last + " ")
    return steps, fixed + (_ALONE if len(word) == 1 and steps else 0.0)


@lru_cache(maxsize=4096)
def _can_write(have: frozenset[str], language: Language) -> bool:
    total = sum(math.exp(-language.letters[c]) for c in language.own)
    held = sum(math.exp(-language.letters[c]) for c in language.own if c in have)
    return held >= _ROOM * total


_ASCII_WORD = re.compile(rb"(?<![\w@./\\\x80-\xff-])[A-Za-z]{3,}(?![\w@\\\x80-\xff])")
_MOST_WORDS = 1_500
_MOST_LEANING = 6.0
_SHARE_OF_LEANING = 0.5
_SURELY_ENGLISH = 3.0


def leaning(sample: bytes) -> dict[str, float]:
    """What the words without accents say against each language, in nats: the names of columns,
    towns, and what notes say. Languages of other scripts are neither here nor there.

    One language among the customers does not shut out the others: no more than a few nats.
    """
    found: set[bytes] = set()
    for match in _ASCII_WORD.finditer(sample):
        found.add(match.group().lower())
        if len(found) >= _MOST_WORDS:
            break
    pairs = Counter(
        a + b
        for word in found
        for a, b in zip(f" {word.decode()}", f"{word.decode()} ", strict=True)
    )
    against = {
        language.code: sum(n * _pair_cost(pair, language) for pair, n in pairs.items())
        for language in languages()
        if language.latin
    }
    least = min(against.values())
    own = {language.code for language in languages() if language.own}
    nearest = min(cost for code, cost in against.items() if code in own)
    if nearest - least > _SURELY_ENGLISH:
        # English names of columns are everywhere, and shut out no language.
        return dict.fromkeys(own, 0.0)
    said = {
        code: min((cost - nearest) * _SHARE_OF_LEANING, _MOST_LEANING)
        for code, cost in against.items()
        if code in own
    }
    neither = min(2.0, max(said.values()) / 2)
    return {code: said.get(code, neither) for code in own}
