"""Personal names in proper case, where they are written in one case throughout.

A name in mixed case is somebody's own spelling and stays as it is, and so is every word of a
name that no rule here speaks of: it gets one capital letter. The rules are for names as
European and American records have them; they never touch letters, only their case.
"""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

_PARTICLES = """
van von vom zu zum zur der den dem des de da das do dos du di del della dello degli dei delle
dalla la las le les los el al bin ibn bint ten ter aan af av und 't 's
"""
PARTICLES = frozenset(_PARTICLES.split())
"""Words of a surname that are written small where they stand between other words, or before the
surname; never the last word. Usage: Dutch, German, Romance and Arabic particles."""

_NEVER_FIRST = frozenset(
    {
        "und", "do", "el", "la", "le", "les", "al", "das", "des", "della", "dello", "degli",
        "dei", "delle", "dalla",
    }
)  # fmt: skip
"""Particles that are as often a given name or a surname of their own in front (Le Thi Hoa, Al,
Della), or have a capital there (Della Rocca): small only after another word."""

_AND = frozenset({"y", "e"})
"""Between two surnames, Spanish and Portuguese; as often the initial of a middle name. Small only
after a particle, or y after two words: Ortega y Gasset, da Silva e Souza."""

SUFFIXES = {
    "jr": "Jr", "sr": "Sr", "ii": "II", "iii": "III", "iv": "IV", "vi": "VI", "vii": "VII",
    "viii": "VIII", "ix": "IX", "phd": "PhD", "md": "MD", "dds": "DDS", "esq": "Esq",
}  # fmt: skip
"""Generations and degrees behind a name, whatever dots and commas stand around them."""

_ROMAN_ANYWHERE = frozenset({"ii", "iii", "iv", "vii", "viii"})

_MAC = """
adam aleese alister allan allister andrew arthur askill aulay auley bain bean beth brayne bride
cabe call callum cann carthy cartney clean clellan clintock cloud coinnich coll connell
corkindale cormack cormick crae crimmon culloch cullough cutcheon dermid dermott diarmid donald
donell donnell donough dougal dougall dowell duff dui eachan eachern elroy ewan ewen fadden
fadyen farlan farland farlane fie gillivray gowan gregor gruder ilroy innes innis intosh intyre
isaac iver ivor kay kechnie keith kellar kenna kinlay kinnon kintosh lachlan laine lane laren
laughlin laurin lay lean leish lellan lennan leod mahon manus master millan murchie murdo murray
nab naghten nair namara naughton neal neice neil neill nichol nicol niven phail pherson quarie
quarrie queen rae raild ritchie robert rory sween sweeney taggart tavish tier vey vicar whirter
william
"""
MAC = frozenset(_MAC.split())
"""What follows Mac with a capital of its own. Mackenzie, Mackay, Mackie, Macy, Macias, Machado,
Macedo, Mack, Maclin and the many others that do not are written as one word."""

_MC_ALONE = frozenset(["mc", "mcs"])
_ELIDED = frozenset(["o", "d", "l", "dell", "dall", "sant", "m", "n"])
"""Before an apostrophe, with a capital after it: O'Brien, D'Angelo, L'Hommedieu, Dell'Acqua."""

_WORD = re.compile(r"(?i:(?<!\w)['\u2019](?=[ts]\b))?[^\W\d_][\w'`.\u2019\u02bc\u0300-\u036f]*")
_LETTER = re.compile(r"[^\W\d_]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?\.?")
_APOSTROPHES = "'`\u2019\u02bc"

_PLAIN_PHRASE = r"^(?:[A-Z]{2,}(?:[ \-][A-Z]{2,})*|[a-z]{2,}(?:[ \-][a-z]{2,})*)$"
_SPECIAL = (
    r"(?i)(?:^|[ \-])(?:mc|mac|(?:"
    + "|".join(
        sorted({*(p for p in PARTICLES if p.isalpha()), *SUFFIXES}, key=lambda w: (-len(w), w))
    )
    + r")(?:[ \-]|$))"
)


def personal_names(text: pa.StringArray) -> pa.StringArray:
    """Names in proper case; see :func:`personal_name`."""
    plain = pc.and_(
        pc.match_substring_regex(text, _PLAIN_PHRASE),
        pc.invert(pc.match_substring_regex(text, _SPECIAL)),
    )
    if pc.all(plain, min_count=0).as_py():
        return pc.utf8_title(text)
    own = _own_spelling(text)
    titled = pc.if_else(own, text, pc.utf8_title(text))
    rest = pc.fill_null(pc.invert(pc.or_(plain, own)), False)
    encoded = pc.dictionary_encode(text.filter(rest))
    made = pa.array([personal_name(n) for n in encoded.dictionary.to_pylist()], pa.string())
    return pc.replace_with_mask(titled, rest, made.take(encoded.indices))


def _own_spelling(text: pa.StringArray) -> pa.BooleanArray:
    """What stays as it is, and is told without looking at it by itself: plain letters of both
    cases, or none at all."""
    capital = pc.match_substring_regex(text, "[A-Z]")
    small = pc.match_substring_regex(text, "[a-z]")
    return pc.and_(pc.string_is_ascii(text), pc.equal(capital, small))


def personal_name(name: str) -> str:
    """``O'BRIEN`` → ``O'Brien``, ``van der berg`` → ``van der Berg``, ``MCDONALD III`` →
    ``McDonald III``; a name that has capital and small letters stays as it is."""
    whole = unicodedata.normalize("NFC", name)
    # A small ß stands in many a name that is all capitals.
    letters = [c for c in whole if c.isalpha() and c.lower() != c.upper() and len(c.upper()) == 1]
    upper = sum(c == c.upper() and c != c.lower() for c in letters)
    if not letters or 0 < upper < len(letters):
        return name
    words = list(_WORD.finditer(whole))
    out: list[str] = []
    end = 0
    for index, found in enumerate(words):
        out.append(whole[end : found.start()])
        after = whole[found.end()] if found.end() < len(whole) else ""
        small = after not in (",", ";", "/", "&") and _is_particle(
            [_bare(word[0]) for word in words[: index + 2]],
            index,
            last=index == len(words) - 1 or _only_suffixes(words[index + 1 :]),
        )
        made = lowered(found[0]) if small else _word(found[0], first=index == 0)
        # A dotted capital I stays one in front.
        keeps_dot = found[0].startswith("İ") and made.startswith("I")
        out.append("İ" + made[1:] if keeps_dot else made)
        end = found.end()
    out.append(whole[end:])
    return "".join(out)


def _is_particle(words: list[str], index: int, *, last: bool) -> bool:
    """Whether a word is written small, by the bare words up to it and the one after it."""
    word = words[index]
    if last:
        return False
    if word == "in":
        return words[index + 1] == "t"
    if word in _AND:
        return index > 0 and (
            any(w in PARTICLES for w in words[:index]) or (word == "y" and index > 1)
        )
    if word in ("t", "s"):
        return False
    return word in PARTICLES and not (index == 0 and word in _NEVER_FIRST)


def _only_suffixes(words: list[re.Match[str]]) -> bool:
    return all(_bare(word[0]) in SUFFIXES for word in words)


def _bare(word: str) -> str:
    return lowered(word).replace(".", "").strip(_APOSTROPHES)


def lowered(text: str) -> str:
    """In lower case. A dotted capital I is one letter in small, too."""
    return text.replace("İ", "i").lower()


def _word(word: str, *, first: bool) -> str:
    bare = _bare(word)
    if word[0] in _APOSTROPHES:
        return lowered(word)
    if bare in _ROMAN_ANYWHERE or (bare in SUFFIXES and not first):
        if "." in word.rstrip("."):
            # Ph.D., M.D.: each group of letters by itself.
            return ".".join(_cased(piece) for piece in lowered(word).split("."))
        return SUFFIXES[bare] + "." * word.endswith(".")
    if _INITIALS.fullmatch(word):
        return word.upper()
    return _surname(word)


def _surname(word: str) -> str:
    small = lowered(word)
    for position, character in enumerate(small):
        if character in _APOSTROPHES and 0 < position < len(small) - 1:
            head, tail = small[:position], small[position + 1 :]
            if head in _ELIDED or (len(head) <= 2 and len(tail) > 2):
                return _cased(head) + character + _surname(tail)
            break
    if small.startswith("mc") and small not in _MC_ALONE and len(small) > 3:
        return "Mc" + _cased(small[2:])
    if small.startswith("mac") and small[3:] in MAC:
        return "Mac" + _cased(small[3:])
    return _cased(small)


def _cased(small: str) -> str:
    found = _LETTER.search(small)
    if found is None:
        return small
    at = found.start()
    return small[:at] + small[at].title() + small[at + 1 :]
