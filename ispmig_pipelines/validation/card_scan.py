"""Card numbers in one text: where they stand, and the text without them.

A number is 13 to 19 digits with an issuer's prefix and a right check digit, written in one piece
or in groups of any sizes with spaces, dashes, dots, slashes, underscores or invisible
characters between them; in the groups in which cards print them, with any signs or tags between;
with marks between thousands, behind zeros that fill it up, as a spreadsheet's ``5.1E+15``, and as
the hexadecimal digits of its characters.

What looks alike and is none: telephone numbers with their ``+`` or ``00``, dates, decimals,
amounts, addresses of networks and devices, UUIDs, hashes, IBANs, parcels, and digits of a longer
undivided number.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum import iban

from ispmig_pipelines.validation.card_issuers import (
    LONGEST,
    SHORTEST,
    Issuer,
    issuer_of,
    luhn,
)

STARS = "*" * 12
"""What stands in the place of a number, before its last four digits."""

HIDDEN = "***"
"""What stands in the place of a verification value or of the secret part of a track."""


@dataclass(frozen=True)
class Found:
    """A card number in a text.

    Attributes:
        start, end: where it stands.
        number: its digits, in ASCII.
        issuer: name of its issuer.
    """

    start: int
    end: int
    number: str
    issuer: str


# --- one writing for all -------------------------------------------------------------------------

_SPACES = {"Zs", "Zl", "Zp", "Cc", "Cf"}
_ALIKE = {
    "\u00b7": ".", "\u2022": ".", "\u2024": ".", "\u2027": ".", "\u30fb": ".", "\uff0e": ".",
    "\u3002": ".", "\ufe52": ".", "\u2043": "-", "\u2212": "-", "\u02d7": "-", "\uff0b": "+",
    "\u2044": "/", "\u2215": "/", "\uff0f": "/", "\uff3f": "_", "\u203f": "_", "\uff0a": "*",
    "\u2800": " ", "\u3164": " ", "\u115f": " ", "\u1160": " ", "\u034f": " ", "\uff1d": "=",
    "\u2019": "'", "\u066c": ",", "\uff0c": ",",
}  # fmt: skip


class _Plain(dict[int, str]):
    """Character → the ASCII one that means the same; one for one, so that places stay."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = character
        if code >= 128 or code < 32:
            category = unicodedata.category(character)
            if category == "Nd":
                plain = str(unicodedata.decimal(character))
            elif character in _ALIKE:
                plain = _ALIKE[character]
            elif category in _SPACES or category in ("Mn", "Me"):
                plain = " "
            elif category == "Pd":
                plain = "-"
        self[code] = plain
        return plain


_PLAIN = _Plain()
_ESCAPES = re.compile(
    r"&(?:nbsp|ensp|emsp|thinsp|shy|ndash|mdash|hyphen|zwj|zwnj);|&#0*(?:160|32|173|45|820[0-9]|"
    r"821[0-3]|8239);|&#x0*(?:a0|20|ad|2d|200[0-9a-f]|201[0-5]|202f|feff);"
    r"|\\+u(?:00a0|0020|00ad|200[0-9a-f]|201[0-5]|202f|feff)|\\+[tnr]|%20|%a0|%c2%a0|=c2=a0"
    r"|<w?br ?/?>|&quot;|&#34;|&[lg]t;|%22|%3a|%3d|<!\[CDATA\[",
    re.IGNORECASE,
)


def _plainly(text: str) -> str:
    plain = text.translate(_PLAIN)
    if any(sign in plain for sign in "&\\%=<"):
        plain = _ESCAPES.sub(lambda match: " " * len(match[0]), plain)
    return plain


# --- what looks alike ----------------------------------------------------------------------------

_DAY, _MONTH = r"(?:0?[1-9]|[12][0-9]|3[01])", r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)[0-9]{2}"
_DATES = re.compile(
    rf"(?<![0-9])(?:{_DAY}([-./ ]){_MONTH}\1{_YEAR}|{_MONTH}([-./ ]){_DAY}\2{_YEAR}"
    rf"|{_YEAR}([-./ ]){_MONTH}\3{_DAY}|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
    r"(?![0-9])"
)
_OTHERS = re.compile(
    r"(?<![0-9.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}"
    r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:/[0-9]{1,2})?(?![0-9]|\.[0-9])"  # IPv4
    r"|(?<![0-9.])[0-9]{1,12}\.[0-9]{4,}(?![0-9]|\.[0-9])"  # a decimal, as of coordinates
    r"|(?<![0-9A-Za-z])1Z[0-9A-Z]{16}(?![0-9A-Za-z])"  # a parcel of UPS
    r"|(?<![0-9.])[0-9]{1,7}\.[0-9]{2}(?![0-9]|\.[0-9])"  # an amount
    r"|(?<![0-9.])(?<![0-9][-/_ ])[0-9]{8,12}\.[0-9]{2,6}(?![0-9]|[-./_ ][0-9])"  # a large one
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"  # UUID
    r"|(?<![0-9A-Za-z])(?<![0-9][-.])(?:[0-9A-Fa-f]{2}[-.]){5}[0-9A-Fa-f]{2}(?![0-9A-Za-z])"
    r"(?![-.][0-9])"  # MAC
    rf"|(?<![0-9])(?:{_DAY}([-./]){_MONTH}\1[0-9]{{2}}|{_MONTH}([-./]){_DAY}\2[0-9]{{2}})(?![0-9])"
)
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:[ -]?[0-9A-Z]{1,4}){3,10}(?![0-9A-Za-z])")
_STAMP = re.compile(rf"{_DAY}(?:0[1-9]|1[0-2]){_YEAR}(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]")
_EXPIRY = re.compile(r"(?:0[1-9]|1[0-2]) ?[/.-] ?(?:20)?[0-9]{2}(?![0-9])")
_HASH_LENGTH = 24
_LONGEST_OTHER = 64


def _ibans(plain: str) -> Iterator[tuple[int, int]]:
    """Where IBANs stand, by their check digits and their countries' lengths (ISO 13616)."""
    for match in _IBAN.finditer(plain):
        ends = [m.end() for m in re.finditer(r"[0-9A-Z]+", match[0])]
        for end in reversed(ends):
            whole = re.sub("[ -]", "", match[0][:end])
            if iban.is_valid(whole, check_country=False):
                yield match.start(), match.start() + end
                break


def _is_hash(plain: str, start: int, end: int) -> bool:
    """Whether digits stand in a longer word of hexadecimal digits."""
    while start and plain[start - 1].isalnum():
        start -= 1
    while end < len(plain) and plain[end].isalnum():
        end += 1
    word = plain[start:end]
    return (
        len(word) >= _HASH_LENGTH
        and not word.isdigit()
        and re.fullmatch(r"[0-9A-Fa-f]+", word) is not None
        and re.fullmatch(r"[0-9]{13,19}[Dd][0-9]{7,}[Ff]?", word) is None
    )


# --- the numbers ---------------------------------------------------------------------------------

_CHAIN = re.compile(r"[0-9]+(?:[ \-./_]{1,8}[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
_SCIENTIFIC = re.compile(r"(?<![0-9.,])([1-9])[.,]([0-9]{10,20})[Ee]\+?0?([0-9]{2})(?![0-9])")
_FILLED_UP = re.compile(r"(?<![0-9A-Za-z])0+(?P<number>[2-9][0-9]{14,15})(?![0-9])")
_MARKED = re.compile(
    r"(?<![0-9.,'])[0-9]{1,3}(?P<mark>[,'])[0-9]{3}(?:(?P=mark)[0-9]{3}){3,5}(?!(?P=mark)?[0-9])"
)
# Not with colons, as groups of IPv6 addresses have.
_APART = re.compile(
    r"(?<![0-9])[0-9]{4}(?P<between>(?:[^\w:]|_){1,16}|(?:<[^<>0-9]{1,30}> {0,16}){1,2})"
    r"[0-9]{4,6}(?:(?P=between)[0-9]{2,6}){1,3}(?!(?P=between)?[0-9]{4}|[0-9])"
)
_PRINTED = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 3), (4, 4, 4, 2)}
_VLAN = re.compile("[1-3][0-9]{3}|40[0-8][0-9]|409[0-4]")
_HEXADECIMAL = re.compile(r"(?:3[0-9](?:2[0dDeEfF])?){12,}3[0-9]")
_REGULAR = {
    (4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1), (4, 3, 3, 3), (6, 13),
    (4, 4, 4, 3), (4, 4, 4, 4, 2), (8, 8), (6, 10), (4, 5, 6), (5, 5, 5), (4, 4, 4, 4, 1),
    (4, 12), (12, 4), (4, 8, 4), (4, 4, 8), (8, 4, 4), (6, 6, 4), (4, 4, 5), (5, 5, 6),
}  # fmt: skip
"""Groups in which numbers are printed and typed; what stands so is a number of its own."""


@dataclass(frozen=True)
class _Candidate:
    start: int
    end: int
    number: str
    issuer: Issuer
    regular: bool


def find(text: str) -> list[Found]:
    """The card numbers in a text, in order; none overlaps another."""
    return _find(text, _plainly(text))


def _find(text: str, plain: str) -> list[Found]:
    found: list[_Candidate] = []
    plain = _scientific(plain, found)
    for chain in _CHAIN.finditer(plain):
        if chain.end() - chain.start() >= SHORTEST:
            found += _in_chain(plain, chain.start(), chain.end())
    found += _filled_up(plain)
    found += _marked(plain)
    found += _apart(plain)
    found += _hexadecimal(plain)
    if not found:
        return []
    return [Found(c.start, c.end, c.number, c.issuer.name) for c in _chosen(plain, found)]


def _scientific(plain: str, found: list[_Candidate]) -> str:
    """Takes the numbers that a spreadsheet wrote as ``4.111111111111111E+15``."""

    def take(match: re.Match[str]) -> str:
        length = int(match[3]) + 1
        # What is zero at the end is not written.
        digits = (match[1] + match[2]).ljust(min(length, LONGEST), "0")
        number, rest = digits[:length], digits[length:]
        issuer = issuer_of(number) if len(number) == length and not rest.strip("0") else None
        if issuer is None or not luhn(number):
            return match[0]
        found.append(_Candidate(match.start(), match.end(), number, issuer, True))
        return "#" * len(match[0])

    return _SCIENTIFIC.sub(take, plain)


def _filled_up(plain: str) -> Iterator[_Candidate]:
    """Numbers that zeros before them bring to the width of a field."""
    for match in _FILLED_UP.finditer(plain):
        number = match["number"]
        # Behind two zeros stand telephone numbers, of 15 digits at most.
        if match.start("number") - match.start() == 2 and len(number) == 15:
            continue
        issuer = issuer_of(number)
        if issuer is not None and not issuer.loose and luhn(number):
            yield _Candidate(match.start(), match.end(), number, issuer, True)


def _marked(plain: str) -> Iterator[_Candidate]:
    """Numbers with marks between thousands, as spreadsheets show them."""
    for match in _MARKED.finditer(plain):
        number = match[0].replace(match["mark"], "")
        # Six times three digits are rather a list.
        if SHORTEST <= len(number) <= LONGEST and len(number) != 18:
            issuer = issuer_of(number)
            if issuer is not None and not issuer.loose and luhn(number):
                yield _Candidate(match.start(), match.end(), number, issuer, True)


def _apart(plain: str) -> Iterator[_Candidate]:
    """Numbers in groups as they are printed, with the same signs or tags between all of them."""
    for match in _APART.finditer(plain):
        between = match["between"]
        before = plain[: match.start()]
        if before.endswith(between) and re.search(r"[0-9]{4}$", before[: -len(between)]):
            # A list of many numbers.
            continue
        groups = [(m.start(), m.end()) for m in _GROUP.finditer(plain, *match.span())]
        for first in range(len(groups)):
            for last in range(first + 2, min(first + 4, len(groups))):
                some = groups[first : last + 1]
                texts = [plain[start:end] for start, end in some]
                if tuple(map(len, texts)) not in _PRINTED or all(map(_VLAN.fullmatch, texts)):
                    continue
                number = "".join(texts)
                issuer = issuer_of(number)
                if issuer is not None and luhn(number):
                    yield _Candidate(some[0][0], some[-1][1], number, issuer, True)


def _hexadecimal(plain: str) -> Iterator[_Candidate]:
    """Numbers whose characters are written in hexadecimal, as dumps write what is binary."""
    for match in _HEXADECIMAL.finditer(plain):
        for one in find(bytes.fromhex(match[0]).decode("ascii")):
            issuer = issuer_of(one.number)
            if issuer is not None:
                start = match.start() + 2 * one.start
                end = start + 2 * (one.end - one.start)
                yield _Candidate(start, end, one.number, issuer, True)


def _in_chain(plain: str, start: int, end: int) -> list[_Candidate]:
    """Every run of whole groups of a chain that could be a number."""
    groups = [(m.start(), m.end()) for m in _GROUP.finditer(plain, start, end)]
    # Its last digits may be kept, so they begin no other number.
    kept = [s >= 12 and e - s == 4 and plain[s - 12 : s] == STARS for s, e in groups]
    before = plain[start - 1] if start else ""
    abroad = 0 if before == "+" else 2 if re.match(r"00 ?[1-9]", plain[start:end]) else -1
    found = []
    ahead = 0
    for first, (at, _) in enumerate(groups):
        digits = ""
        for last in range(first, len(groups)):
            low, high = groups[last]
            if kept[last] or len(digits) + high - low > LONGEST:
                break
            digits += plain[low:high]
            if len(digits) < SHORTEST:
                continue
            if abroad >= 0 and ahead + len(digits) - abroad <= 15:
                continue
            issuer = issuer_of(digits)
            if issuer is None or not luhn(digits):
                continue
            sizes = tuple(e - s for s, e in groups[first : last + 1])
            if issuer.loose and min(sizes[:-1], default=13) < 3:
                continue
            found.append(_Candidate(at, high, digits, issuer, len(sizes) == 1 or sizes in _REGULAR))
        ahead += groups[first][1] - at
    return found


def _chosen(plain: str, found: list[_Candidate]) -> list[_Candidate]:
    """The candidates that are numbers. Of those that overlap, the ones that are grouped as cards
    are win; where none is, all of them go, as one."""
    dates = [m.span() for m in _DATES.finditer(plain)]
    others = sorted([*dates, *(m.span() for m in _OTHERS.finditer(plain)), *_ibans(plain)])
    sound = [c for c in found if not _is_other(plain, c, others, dates)]
    begun: dict[int, list[_Candidate]] = {}
    for one in sound:
        begun.setdefault(one.start, []).append(one)
    taken: list[_Candidate] = []
    passed_over: list[_Candidate] = []
    for one in sorted((c for c in sound if c.regular), key=lambda c: (c.start, -c.end)):
        shorter = any(
            c.regular
            and c.end < one.end
            and (_EXPIRY.match(plain, c.end + 1) or re.fullmatch(r"\.0+", plain[c.end : one.end]))
            for c in begun[one.start]
        )
        if taken and one.start < taken[-1].end:
            passed_over.append(one)
        elif not shorter:
            taken.append(one)
    taken = _covering(taken, [c for c in passed_over if c.start not in {t.start for t in taken}])
    starts = [c.start for c in taken]
    loose: list[_Candidate] = []
    for one in sorted((c for c in sound if not c.regular), key=lambda c: (c.start, -c.end)):
        before = bisect_left(starts, one.end) - 1
        if before >= 0 and taken[before].end > one.start:
            continue
        if loose and one.start < loose[-1].end:
            if one.end > loose[-1].end:
                last = loose.pop()
                loose.append(_Candidate(last.start, one.end, one.number, last.issuer, False))
            continue
        loose.append(one)
    return sorted([*taken, *loose], key=lambda c: c.start)


def _covering(taken: list[_Candidate], others: list[_Candidate]) -> list[_Candidate]:
    """The candidates, and those that they only cover in part: which of two that overlap is the
    number cannot be told, so no digit of either stays."""
    for one in others:
        over = [c for c in taken if c.start < one.end and one.start < c.end]
        open_, clear = one.start, False
        for c in over:
            clear = clear or open_ < c.start
            open_ = max(open_, c.end)
        if clear or open_ < one.end:
            last = max([*over, one], key=lambda c: c.end)
            whole = _Candidate(over[0].start, last.end, last.number, last.issuer, True)
            taken = sorted([*(c for c in taken if c not in over), whole], key=lambda c: c.start)
    return taken


def _is_other(
    plain: str, one: _Candidate, others: list[tuple[int, int]], dates: list[tuple[int, int]]
) -> bool:
    if one.end - one.start == len(one.number):
        if _STAMP.fullmatch(one.number) or _is_hash(plain, one.start, one.end):
            return True
    elif not one.regular and any(e <= one.end for _, e in _from(dates, one.start, one.end)):
        return True
    elif re.match(r":[0-5][0-9]", plain[one.end : one.end + 3]):
        # The hour of a time that follows a date: no number ends there.
        return True
    covered = one.start
    for start, end in _from(others, one.start - _LONGEST_OTHER, one.end):
        between = plain[covered : min(start, one.end)]
        if end > covered and not re.search("[0-9]", between):
            covered = end
    return covered >= one.end


def _from(spans: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Those of sorted spans that start from one place on, and before another."""
    return spans[bisect_left(spans, (first, 0)) : bisect_left(spans, (last, 0))]


# --- the text without them -----------------------------------------------------------------------

_VERIFICATION = r"(?:(?:card[ _-]?)?(?:cvv2?|cvc2?|cvn2?|cvd2?|cvp2|cav2|ccv2?))"
_WORDS = (
    r"is|was|ist|war|es|est|era|code|kod|код|number|nummer|n[uú]mero|num|nr|no|value|val|digits?"
    r"|[34][ -]digits?|[si](?::[34])?"
)
_LINK = rf"(?:[\W_]{{0,10}}(?:{_WORDS})(?![A-Za-z])){{0,2}}[\W_]{{0,16}}?"
_VALUE = r"[0-9]{3,4}|[0-9](?: [0-9]){2,3}"
_NAMED = re.compile(
    rf"(?<![A-Za-z]){_VERIFICATION}{_LINK}(?P<value>{_VALUE})(?![0-9])"
    rf"|(?<=[a-z_]){_VERIFICATION}[\"'>]{{1,2}}[ :=]{{0,4}}[\"']?(?P<quoted>[0-9]{{3,4}})(?![0-9])"
    rf"|<[^<>]{{0,40}}{_VERIFICATION}[^<>]{{0,80}}>[\W_]{{0,16}}(?P<tagged>{_VALUE})(?![0-9])",
    re.IGNORECASE,
)
_NEARBY = re.compile(
    r"(?:(?<![A-Za-z])(?:csc|cid)|(?:card|security|verification|sec\.?)[ _-]?(?:code|value)"
    r"|card[ _-]?(?:verification|validation|security)\w*"
    r"|(?:karten)?pr(?:ü|ue|u)f(?:ziffer|nummer|zahl)"
    r"|sicherheits(?:code|zahl|nummer)|cryptogramme|c[oó]d(?:igo)?\.? de segur(?:idad|an[cç]a)"
    r"|codice di sicurezza|code de s[eé]curit[eé]|kod bezpiecze[nń]stwa|beveiligingscode"
    r"|код безопасности)"
    rf"{_LINK}(?P<value>[0-9]{{3,4}})(?![0-9]|[.,/][0-9])",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?:\W|_){0,6}(?:(?:[A-Za-z]{3,10}\W{0,4}){0,2}(?:0[1-9]|1[0-2]) ?[/.-]? ?(?:20)?[0-9]{2})?"
    r"(?:\W|_){0,6}code(?:\W|_){0,4}(?P<value>[0-9]{3,4})(?![0-9]|[.,/:-][0-9])",
    re.IGNORECASE,
)
_AFTER_EXPIRY = re.compile(
    r"(?:\W|_){0,6}(?:[A-Za-z]{3,10}\W{0,4}){0,2}"
    r"(?:0[1-9]|1[0-2])[ /.|;,:-]{0,3}(?:20)?[0-9]{2}(?:\W|_){1,6}"
    r"(?P<value>[0-9]{3,4})(?![0-9]|[.,/:-][0-9])"
)
_TRACK = re.compile(r"(?:\^[^^\n]{2,40}\^|[=Dd])(?P<value>[0-9]{7,}[^?\s\"'<,;|]*)")
_NEAR = 60

Replace = Callable[[Found], str]


def last_four(found: Found) -> str:
    """``************1111``"""
    return STARS + found.number[-4:]


def masked(text: str, replace: Replace = last_four) -> tuple[str, list[Found]]:
    """A text without card numbers and without what verifies them, and the numbers.

    All else stays as it is. Masking what was masked changes nothing.

    Args:
        replace: what stands in a number's place.
    """
    plain = _plainly(text)
    found = _find(text, plain)
    pieces = [(one.start, one.end, replace(one)) for one in found]
    hidden = {m.span(m.lastgroup or 0) for m in _NAMED.finditer(plain)}
    for at, one in enumerate(found):
        until = found[at + 1].start if at + 1 < len(found) else len(plain)
        for pattern in (_TRACK, _AFTER_EXPIRY, _CODE):
            if (match := pattern.match(plain, one.end, until)) is not None:
                hidden.add(match.span("value"))
        since = found[at - 1].end if at else 0
        for first, last in (
            (max(since, one.start - _NEAR), one.start), (one.end, min(until, one.end + _NEAR))
        ):  # fmt: skip
            if (match := _NEARBY.search(plain, first, last)) is not None:
                hidden.add(match.span("value"))
    starts = [start for start, _, _ in pieces]
    for start, end in hidden:
        before = bisect_left(starts, end) - 1
        if before < 0 or found[before].end <= start:
            pieces.append((start, end, HIDDEN))
    if not pieces:
        return text, []
    parts, at = [], 0
    for start, end, instead in sorted(pieces):
        if start < at:
            continue
        parts += [text[at:start], instead]
        at = end
    return "".join([*parts, text[at:]]), found


def redacted(text: str) -> str:
    """A text that is to be told to somebody, without card numbers: errors, notes, names."""
    return masked(text)[0]
