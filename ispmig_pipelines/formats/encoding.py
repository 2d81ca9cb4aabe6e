"""Which characters the bytes of a text file stand for, settled by evidence over a large sample.

The order of evidence: a byte order mark; the zero bytes of UTF-16 and UTF-32; validity as
UTF-8 (text of another encoding passes that test by chance practically never); and last, how
well the non-ASCII letters make words in each of the single-byte encodings that billing systems
have used. Where two of those read equally well and give different text, the finding says so.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from charset_normalizer import from_bytes

from ispmig_pipelines.errors import SourceError

BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks and what they say; the longer ones first."""

SINGLE_BYTE: tuple[str, ...] = (
    "cp1252",
    "cp1250",
    "iso8859-2",
    "iso8859-15",
    "windows-1251",
    "koi8-u",
    "cp866",
    "iso8859-5",
    "mac_cyrillic",
    "iso8859-7",
    "cp1253",
    "cp737",
    "cp1254",
    "cp1257",
    "cp850",
    "cp437",
    "cp852",
    "mac_roman",
    "cp1255",
    "cp1256",
    "cp874",
)
"""Candidates for text that is not UTF-8, the commoner first: it wins where both say the same."""


_PRIOR: dict[str, float] = {
    # What a reading must make up for, most of it where there is little evidence: pages of DOS
    # and of the old Macintosh have become rare, and scripts written from right to left are read
    # into accented Latin letters easily.
    "cp1252": 0.0,
    "windows-1251": 0.02,
    "cp866": 0.05,
    "cp737": 0.25,
    "cp850": 0.2,
    "cp437": 0.22,
    "cp852": 0.2,
    "mac_roman": 0.2,
    "mac_cyrillic": 0.1,
    "cp1255": 0.1,
    "cp1256": 0.25,
    "cp874": 0.1,
}

NAMED: dict[str, str] = {
    "iso8859-2": "iso-8859-2",
    "iso8859-5": "iso-8859-5",
    "iso8859-7": "iso-8859-7",
    "iso8859-15": "iso-8859-15",
}


@dataclass(frozen=True)
class Encoding:
    """What the sample says about the file's encoding.

    Attributes:
        name: Python codec name, without any byte order mark in it.
        bom: length of the byte order mark, to be skipped.
        notes: evidence worth telling, without content.
        question: "" or why the evidence is split, and what to write in the spec.
        binary: the sample is no text at all.
    """

    name: str
    bom: int = 0
    notes: tuple[str, ...] = ()
    question: str = ""
    binary: bool = False


def known_codec(name: str) -> str:
    """Python's name for an encoding that a person wrote, with ``-sig`` and BOMs handled by us.

    Raises:
        SourceError: there is no text encoding of that name.
    """
    try:
        info = codecs.lookup(name.strip())
        "a".encode(info.name)
        b"a".decode(info.name, "replace")
    except (LookupError, UnicodeError, TypeError, ValueError, AssertionError):
        raise SourceError(
            f"There is no encoding {name!r}. Names like utf-8, cp1252, iso-8859-7, windows-1251, "
            "koi8-u, cp866 and utf-16-le are understood."
        ) from None
    canonical = info.name
    if canonical == "utf-8-sig":
        return "utf-8"
    return canonical


def stated_encoding(name: str, head: bytes) -> Encoding:
    """The encoding that the spec names, applied to a file that begins with ``head``."""
    codec = known_codec(name)
    bom = next(((mark, kind) for mark, kind in BOMS if head.startswith(mark)), None)
    if codec in ("utf-16", "utf-32"):
        if bom is not None and bom[1].startswith(codec):
            return Encoding(bom[1], len(bom[0]))
        return Encoding(f"{codec}-le")
    if bom is not None and bom[1] == codec:
        return Encoding(codec, len(bom[0]))
    return Encoding(codec)


def detect_encoding(samples: list[bytes], *, whole: bool = False) -> Encoding:
    """Settles the encoding by evidence.

    Args:
        samples: pieces of the content, the first from its very beginning; the others may begin
            and end anywhere (also within a character).
        whole: the first sample is the whole content.
    """
    head = samples[0]
    for mark, name in BOMS:
        if head.startswith(mark):
            # UTF-16's mark followed by two zeros would be UTF-32's; that was asked for first.
            return Encoding(name, len(mark), ("a byte order mark says so",))
    wide = _wide_by_zero_bytes(head)
    if wide:
        return Encoding(wide, 0, ("zero bytes stand where the letters of this encoding have them",))
    if _is_ebcdic(head):
        return Encoding(
            "cp037",
            0,
            ("letters, digits and line ends stand where EBCDIC has them",),
            "The file is written in EBCDIC, in one of its national forms. Name it in the spec "
            "(encoding: cp037, cp500, cp273 or another).",
        )
    if _looks_binary(head):
        return Encoding("", binary=True)
    if all(sample.isascii() for sample in samples):
        if _is_iso_2022(head):
            return Encoding("iso2022_jp", 0, ("escape sequences of ISO 2022 occur",))
        return Encoding("utf-8", 0, () if whole else ("only ASCII was seen in the samples",))
    if all(_is_utf8(sample, first=i == 0, whole=whole) for i, sample in enumerate(samples)):
        return Encoding("utf-8", 0, ("all that is not ASCII is valid UTF-8",))
    return _legacy(b"\n".join(samples), mostly_utf8=_utf8_share(samples))


def _wide_by_zero_bytes(head: bytes) -> str:
    sample = head[: 1 << 16]
    if len(sample) < 4 or 0 not in sample:
        return ""
    quarters = [sample[i::4] for i in range(4)]
    zeros = [part.count(0) / max(len(part), 1) for part in quarters]
    # No character is above U+10FFFF, and few are above U+FFFF.
    if zeros[2] > 0.9 and zeros[3] > 0.99 and zeros[0] < 0.1:
        return "utf-32-le"
    if zeros[0] > 0.99 and zeros[1] > 0.9 and zeros[3] < 0.1:
        return "utf-32-be"
    even, odd = sample[0::2], sample[1::2]
    even_zero, odd_zero = even.count(0) / len(even), odd.count(0) / max(len(odd), 1)
    if odd_zero > 0.7 and even_zero < 0.05:
        return "utf-16-le"
    if even_zero > 0.7 and odd_zero < 0.05:
        return "utf-16-be"
    # Text that is not Latin has few zero bytes, but line ends and delimiters have them, and all
    # its letters share one or two high bytes.
    little = sum(_pairs(sample, bytes((c, 0))) for c in b"\n,;\t| 0123456789")
    big = sum(_pairs(sample, bytes((0, c))) for c in b"\n,;\t| 0123456789")
    if little > 4 * big and little >= 3 and _decodes(sample, "utf-16-le"):
        return "utf-16-le"
    if big > 4 * little and big >= 3 and _decodes(sample, "utf-16-be"):
        return "utf-16-be"
    return ""


def _pairs(sample: bytes, pair: bytes) -> int:
    return sum(1 for found in re.finditer(re.escape(pair), sample) if found.start() % 2 == 0)


def _decodes(sample: bytes, name: str) -> bool:
    try:
        text = sample[: len(sample) // 2 * 2].decode(name, "strict")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:
            return False
        text = sample[: error.start].decode(name, "replace")
    odd = sum(
        1 for c in text if unicodedata.category(c) in ("Cc", "Cn", "Co") and c not in "\r\n\t"
    )
    return odd <= len(text) * 0.01


_TEXT_CONTROLS = frozenset(b"\t\n\r\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f\x01\x02\x03\x08")


def _looks_binary(head: bytes) -> bool:
    """More control bytes than any text has. Single zero bytes in a text are records' faults."""
    sample = head[: 1 << 16]
    controls = sum(1 for byte in sample if byte < 32 and byte not in _TEXT_CONTROLS)
    return (
        controls > max(len(sample) * 0.02, 2) if len(sample) >= 16 else controls * 2 > len(sample)
    )


_EBCDIC_TEXT = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.;:-/'\"".encode("cp037")
    + b"\x15\x25\x0d\x05"
)


def _is_ebcdic(head: bytes) -> bool:
    """Text of a mainframe: nearly all bytes are its letters, and no line feed of ASCII is there."""
    sample = head[: 1 << 16]
    if b"\n" in sample or not (b"\x15" in sample or b"\x25" in sample) or sample.isascii():
        return False
    return sum(byte in _EBCDIC_TEXT for byte in sample) >= 0.95 * len(sample)


def _is_iso_2022(head: bytes) -> bool:
    return b"\x1b$B" in head or b"\x1b$@" in head


def _is_utf8(sample: bytes, *, first: bool, whole: bool) -> bool:
    text = sample if first else sample.lstrip(bytes(range(0x80, 0xC0)))
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        # A sample may end in the middle of a character, unless it is the whole file.
        cut = error.reason == "unexpected end of data" and error.end >= len(text)
        return cut and not (first and whole)
    return True


def _utf8_share(samples: list[bytes]) -> float:
    """Which part of the non-ASCII runs is valid UTF-8."""
    good = bad = 0
    for sample in samples:
        for run in re.findall(rb"[\x80-\xff]+", sample[: 1 << 20]):
            try:
                run.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
    return good / max(good + bad, 1)


# ---------------------------------------------------------------- single-byte encodings

_MIXED = 0.3
"""Share of valid UTF-8 from which on a file mixes encodings, and must be asked about."""

_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")

_COMMON: dict[str, str] = {
    # The letters that make up most of the running text of the languages written with a script;
    # a reading that turns them into rare ones is the wrong reading.
    "CYRILLIC": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфіїєґъёўјљњћђџ",
    "GREEK": "αοιετσνηυρπκμλςάόίέήύώωδγθφχβξζψ",
    "HEBREW": "יוהלאמרתבשנםקדחפעןטגסצכזךףץ",
    "ARABIC": "ايلمنورتبهدعسفكقحجةشىصأخطضغذثزإءظئؤآ",
    "LATIN": "",
}

_VOWELS = frozenset("аеиоуыэюяёіїєαεηιουωάέήίόύώϊϋΐΰ")
_NEVER_FIRST = frozenset("ъьыς")
_NEVER_LAST = frozenset("\u03c3")

_HEBREW_FINALS = frozenset("ךםןףץ")
_HEBREW_NEVER_LAST = frozenset("כמנצ")

_LATIN_COMMON = frozenset("éèêëàâçîïôûùœæäöüßñáíóúåøãõ¿¡ÉÀÇÄÖÜÑÁÓÍÚÅØÆÃÕÊÈ")
_LATIN_OTHER = frozenset(
    "ąćęłńśźżčěřšžťďňůýőűşğıăâîșțţāēģīķļņūėįųđĄĆĘŁŃŚŹŻČĚŘŠŽŤĎŇŮÝŐŰŞĞİĂŞŢĀĒĪŪĖĮŲĐ"
)
_LATIN_ALPHABETS: tuple[frozenset[str], ...] = tuple(
    frozenset(letters)
    for letters in (
        "éèêëàâçîïôûùœæäöüßñáíóúåøãõìòðþÿšž",
        "ąćęłńóśźż",
        "áčďéěíňóřšťúůýžäôĺľŕ",
        "áéíóöőúüű",
        "çğ\u0131i̇öşüâîû",
        "ăâîșțşţ",
        "čćđšž",
        "āčēģīķļņšūž",
        "ąčęėįšųūž",
    )
)
"""The accented letters of a language, or of languages that share them: western, Polish, Czech
and Slovak, Hungarian, Turkish, Romanian, south Slavic, Latvian, Lithuanian."""

_PUNCTUATION = frozenset(
    "€£¥§©®°±²³µ·«»\u2018\u2019“”„\u2013—…•™ºª½¼¾№\u00b4¦¬\u00a0¿¡\u2039\u203a\u201aƒ†‡"
)


def _legacy(sample: bytes, *, mostly_utf8: float) -> Encoding:
    if mostly_utf8 > 0.9:
        return Encoding(
            "utf-8",
            0,
            (
                f"{mostly_utf8:.1%} of what is not ASCII is valid UTF-8; the records with the "
                "rest are told one by one",
            ),
        )
    if mostly_utf8 >= _MIXED:
        # By chance, a run of bytes of another encoding is valid UTF-8 far more seldom.
        return Encoding(
            "utf-8",
            0,
            (f"{mostly_utf8:.0%} of what is not ASCII is valid UTF-8",),
            "Some of what is not ASCII is UTF-8, and some is not: the file seems to mix "
            "encodings. Name one in the spec: with encoding: utf-8 the records of the other go to "
            "quarantine.",
        )
    words = Counter(_WORD.findall(sample[: 4 << 20]))
    common = words.most_common(4_000)
    scores = sorted(
        (
            (_score(common, name) - _PRIOR.get(name, 0.03) / (1 + len(common) / 10), -rank, name)
            for rank, name in enumerate(SINGLE_BYTE)
        ),
        reverse=True,
    )
    best_score, _, best = scores[0]
    asian = _multibyte(sample)
    if asian and _one_letter_alone(sample, asian) and best_score >= 0.6:
        asian = ""
    if asian and best_score < 0.9:
        few = sum(count for _, count in words.items()) < 100
        return Encoding(
            asian,
            0,
            ("valid in this multi-byte encoding, and makes words in it",),
            f"The sample reads as {asian} and is too small to tell the East Asian encodings apart "
            "for certain. Name the source's encoding in the spec."
            if few
            else "",
        )
    if best == "cp1252" and (hungarian := _hungarian(common)):
        best = hungarian
    text = _decoded(common, best)
    rivals = [
        (score, name)
        for score, _, name in scores
        if name != best
        and score >= best_score - 0.05
        and score > 0
        and _decoded(common, name) != text
    ]
    name = NAMED.get(best, best)
    note = f"read as {name}: its letters make the likeliest words"
    doubt = _doubt(common, best, scores)
    if doubt:
        return Encoding(
            name,
            0,
            (note,),
            f"The sample reads as {name}, and as {doubt} too, and is too small to tell for "
            "certain. Name the source's encoding in the spec.",
        )
    if best_score < 0.25:
        return Encoding(
            name,
            0,
            (note,),
            "The bytes that are not ASCII make words in none of the known encodings "
            f"({name} is the least unlikely). Name the source's encoding in the spec.",
        )
    if rivals and not _near_relatives(best, [rival for _, rival in rivals]):
        names = ", ".join(dict.fromkeys(NAMED.get(rival, rival) for _, rival in rivals[:3]))
        return Encoding(
            name,
            0,
            (note,),
            f"The evidence on the encoding is split: {name} reads about as well as {names}, and "
            "they give different letters. Name the source's encoding in the spec.",
        )
    return Encoding(name, 0, (note,))


_FEW_WORDS = 30

_HUNGARIAN = frozenset("áéíóöőúüű")


def _one_letter_alone(sample: bytes, asian: str) -> bool:
    """Whether hardly anything is left to be read in the East Asian encoding: ``é€`` is one
    letter of Shift JIS, but one such letter alone is no word."""
    runs = re.findall(r"[^\x00-\x7f]+", sample[: 1 << 16].decode(asian, "replace"))
    return len(runs) <= 2 and all(len(run) == 1 for run in runs)


def _hungarian(common: list[tuple[bytes, int]]) -> str:
    """The encoding of Hungarian text that cp1252 reads as well, with õ for its ő; or "".

    Portuguese has õ only before e, and no ö or ü; Estonian has no á, é, í, ó or ú.
    """
    words = [word.lower() for word in _decoded(common, "cp1252")]
    letters = {c for word in words for c in word if ord(c) > 127 and c.isalpha()}
    if (
        "õ" in letters
        and letters - {"õ", "û"} <= _HUNGARIAN
        and letters & set("áéíóú")
        and letters & set("öü")
        and not any("õe" in word for word in words)
    ):
        return "cp1250"
    return ""


def _doubt(common: list[tuple[bytes, int]], best: str, scores: list[tuple[float, int, str]]) -> str:
    """Another encoding that little text may be written in, though it scores less; or ""."""
    if len(common) > _FEW_WORDS:
        return ""
    letters = "".join(_decoded(common, best))
    by_name = {name: score for score, _, name in scores}
    if best in ("iso8859-5", "cp874") and all(
        0xA6 <= b <= 0xDF for word, _ in common for b in word
    ):
        return "half-width kana of Shift JIS (cp932)"
    if best in ("koi8-u", "windows-1251") and by_name["cp1255"] >= by_name[best] - 0.25:
        sure = letters.upper() != letters and letters.lower() != letters
        return "" if sure else "Hebrew (cp1255)"
    return ""


def _near_relatives(best: str, rivals: list[str]) -> bool:
    """Whether all rivals may be set aside without asking.

    cp1252 holds every letter of western Europe, and it is what Windows writes and what browsers
    read where a page says latin-1: beside it its own relatives need more than an equal score.
    """
    relatives = {"cp1254", "iso8859-15", "cp1257", "cp1250", "iso8859-2"}
    return best == "cp1252" and relatives.issuperset(rivals)


@lru_cache(maxsize=64)
def _table(name: str) -> tuple[str, ...]:
    return tuple(bytes((byte,)).decode(name, "replace") for byte in range(256))


def _decoded(common: list[tuple[bytes, int]], name: str) -> list[str]:
    table = _table(name)
    return ["".join(table[byte] for byte in word) for word, _ in common]


def _score(common: list[tuple[bytes, int]], name: str) -> float:
    """How much the non-ASCII words look like words when read as ``name``: at most 1."""
    total = weight = 0.0
    read = _decoded(common, name)
    for text, (_, count) in zip(read, common, strict=True):
        # A word that stands a thousand times is one piece of evidence, not a thousand.
        share = min(count, 5)
        total += share * _word_score(text)
        weight += share
    return total / weight - _incoherence(read) if weight else 0.0


def _incoherence(words: Iterable[str]) -> float:
    """What a reading loses whose accented Latin letters belong to no one language."""
    letters = Counter(
        c.lower() for word in words for c in word if ord(c) > 127 and _script(c) == "LATIN"
    )
    total = letters.total()
    if not total:
        return 0.0
    best = max(
        sum(n for c, n in letters.items() if set(c) <= alphabet) for alphabet in _LATIN_ALPHABETS
    )
    return 0.4 * (1 - best / total)


def _word_score(word: str) -> float:
    scores = [_character_score(c, word, i) for i, c in enumerate(word) if ord(c) > 127]
    score = sum(scores) / len(scores)
    letters = [c for c in word if c.isalpha()]
    scripts = {_script(c) for c in letters}
    if len(scripts) > 1:
        score -= 0.8
    for before, after in pairwise(letters):
        # "пРИВЕТ" and "naÏve": a capital after a small letter inside a word.
        if before.islower() and after.isupper():
            score -= 0.5 if ord(before) > 127 or ord(after) > 127 else 0
            break
    foreign = [c for c in letters if ord(c) > 127]
    if len(foreign) >= 4 and _script(foreign[0]) in ("CYRILLIC", "GREEK"):
        vowels = sum(c.lower() in _VOWELS for c in foreign) / len(foreign)
        if not 0.2 <= vowels <= 0.7:
            score -= 0.3
    if letters and (letters[0].lower() in _NEVER_FIRST or letters[-1] in _NEVER_LAST):
        score -= 0.3
    if letters and _script(letters[0]) == "HEBREW":
        # Five letters have a form of their own for the end of a word.
        score -= 0.4 * any(c in _HEBREW_FINALS for c in word[:-1])
        score -= 0.2 * (word[-1] in _HEBREW_NEVER_LAST)
    return max(score, -1.0)


def _character_score(c: str, word: str, index: int) -> float:
    if c == "\ufffd" or unicodedata.category(c) in ("Cc", "Cn", "Co"):
        return -2.0
    if "\u0e00" <= c <= "\u0e7f":
        return _thai_score(c, word, index)
    if not c.isalpha():
        inside = (
            0 < index < len(word) - 1 and word[index - 1].isalpha() and word[index + 1].isalpha()
        )
        if c in "\u2019\u2018·\u2013\u2014\u00a0":
            return 0.6
        if c in _PUNCTUATION:
            return -0.4 if inside else 0.6
        # Box drawings, mathematical signs and loose accents are not what records hold.
        return -0.8
    script = _script(c)
    if script == "LATIN":
        if c in "ºª":
            return 0.6
        score = 1.0 if c in _LATIN_COMMON else 0.9 if c in _LATIN_OTHER else 0.2
        neighbours = [word[i] for i in (index - 1, index + 1) if 0 <= i < len(word)]
        if any(ord(n) > 127 and n.isalpha() for n in neighbours):
            # Latin words have accents here and there, seldom side by side.
            score -= 0.35
        if len(word) == 1:
            score -= 0.3
        return score
    letters = _COMMON.get(script, "")
    place = letters.find(c.lower())
    if place < 0:
        return 0.0 if not letters else -0.2
    score = 1.0 - 0.5 * place / len(letters)
    if sum(map(str.isalpha, word)) == 1:
        # One letter of another script, alone, says nothing.
        score *= 0.4
    if c.isupper() and index > 0 and word[index - 1].islower():
        score -= 0.3
    return score


_THAI_LEADING = frozenset("เแโใไ")


def _thai_score(c: str, word: str, index: int) -> float:
    """Marks stand above or below a letter, and some vowels before one."""
    if len(word) == 1:
        return 0.3
    before = word[index - 1] if index else ""
    after = word[index + 1] if index + 1 < len(word) else ""
    if unicodedata.category(c) == "Mn" or c in "ะาำ":
        return 0.95 if "ก" <= before <= "ฮ" or unicodedata.category(before or "a") == "Mn" else -0.5
    if c in _THAI_LEADING:
        return 0.95 if "ก" <= after <= "ฮ" else -0.5
    return 0.9 if "ก" <= c <= "ฮ" else 0.0


@lru_cache(maxsize=4096)
def _script(c: str) -> str:
    return unicodedata.name(c, "").split(" ", 1)[0]


def _multibyte(sample: bytes) -> str:
    """An East Asian encoding in which the sample is valid and makes words, or ""."""
    piece = sample[: 1 << 16]
    found = from_bytes(
        piece, cp_isolation=["shift_jis", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp949"]
    ).best()
    if found is None:
        return ""
    text = str(found)
    foreign = [c for c in text if ord(c) > 127]
    common = sum(
        1
        for c in foreign
        if "\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3"
    )
    return found.encoding if foreign and common / len(foreign) > 0.9 else ""


# ---------------------------------------------------------------- from bytes to UTF-8

_ASCII_BASED_EXCEPTIONS = ("utf-16", "utf-32", "utf-7", "iso2022", "hz", "cp037", "cp500", "cp1140")


def utf8_blocks(read: Callable[[int], bytes], encoding: Encoding, size: int) -> Iterator[bytes]:
    """The content as blocks of about ``size`` bytes of UTF-8, the byte order mark left out.

    A byte that the encoding does not define comes out as the three bytes of a lone surrogate
    (U+DC80 + byte), which no valid UTF-8 contains: whoever reads the record finds it invalid
    in the same way as a wrong byte in a file of UTF-8. :func:`shown` turns both to text.

    Raises:
        SourceError: the content ends within a character of a multi-byte encoding.
    """
    skip = encoding.bom
    while skip:
        skip -= len(read(skip)) or skip
    if encoding.name in ("utf-8", "ascii"):
        yield from iter(lambda: read(size), b"")
        return
    decoder = codecs.getincrementaldecoder(encoding.name)(
        "surrogatepass" if encoding.name.startswith("utf-16") else "surrogateescape"
    )
    ascii_based = not encoding.name.startswith(_ASCII_BASED_EXCEPTIONS)
    fresh = True
    while raw := read(size):
        if ascii_based and fresh and raw.isascii() and b"\x1b" not in raw:
            yield raw
            continue
        try:
            text = decoder.decode(raw)
        except UnicodeDecodeError as error:
            raise _undecodable(encoding) from error
        fresh = not decoder.getstate()[0]
        yield text.encode("utf-8", "surrogatepass")
    try:
        rest = decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _undecodable(encoding) from error
    if rest:
        yield rest.encode("utf-8", "surrogatepass")


def _undecodable(encoding: Encoding) -> SourceError:
    return SourceError(
        f"The source ends in the middle of a character of {encoding.name}, or is not written in "
        "it. It was probably cut short: export it again, or name its encoding in the spec."
    )


_SURROGATE = re.compile("[\ud800-\udfff]")


def shown(raw: bytes) -> str:
    """Raw bytes of a record as text that can be stored: what is invalid becomes ``\\xNN``.

    Zero bytes, which no text column of PostgreSQL holds, become ``\\x00``.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            text = raw.decode("utf-8", "backslashreplace")
        text = _SURROGATE.sub(lambda m: _escaped(m.group()), text)
    return text.replace("\x00", "\\x00")


def _escaped(surrogate: str) -> str:
    code = ord(surrogate)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
