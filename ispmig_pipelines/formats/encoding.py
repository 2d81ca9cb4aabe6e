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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from charset_normalizer import from_bytes

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.letters import WordsRead, leaning, same_letters

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
    "cp1258",
    "iso8859-13",
    "iso8859-16",
    "cp775",
    "cp857",
    "cp862",
)
"""Candidates for text that is not UTF-8, the commoner first: it wins where both say the same."""


_PRIOR: dict[str, float] = {
    # What speaks against an encoding before any byte is seen, in nats: cp1252 is what Windows
    # writes in the West and what is meant where a page says latin-1; pages of DOS and of the old
    # Macintosh have become rare.
    "cp1252": 0.0,
    "windows-1251": 1.0,
    "cp1250": 2.0,
    "cp1253": 2.0,
    "iso8859-7": 2.0,
    "cp1254": 2.0,
    "cp1255": 2.0,
    "cp1256": 2.5,
    "iso8859-2": 2.5,
    "iso8859-15": 2.5,
    "cp866": 3.0,
    "koi8-u": 3.0,
    "iso8859-5": 5.0,
    "iso8859-16": 5.0,
    "cp1257": 4.5,
    "iso8859-13": 5.5,
    "cp850": 4.5,
    "cp437": 4.5,
    "cp852": 4.5,
    "mac_roman": 6.0,
    "mac_cyrillic": 5.0,
    "cp737": 5.0,
    "cp775": 9.0,
    "cp857": 8.0,
    "cp862": 8.0,
}
_OTHER_PRIOR = 3.5

NAMED: dict[str, str] = {
    "iso8859-2": "iso-8859-2",
    "iso8859-5": "iso-8859-5",
    "iso8859-7": "iso-8859-7",
    "iso8859-13": "iso-8859-13",
    "iso8859-15": "iso-8859-15",
    "iso8859-16": "iso-8859-16",
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

_MOST_WORDS = 600
"""So many distinct words settle it; more would only take longer."""

_MARGIN = 4.5
"""By how much the best reading must be likelier than each that gives other text, in nats."""

_MARGIN_OF_ONE_WORD = 3.0
"""What is asked beyond that where a single word speaks; of several, each has its part."""

_TO_BE_NAMED = 10.0
"""How much less likely a reading may be that is named once there is a question."""

_NO_WORDS = 7.0
"""The improbability of a character, in nats, from which on a reading makes no words."""

_SURELY_WORDS = 4.5
"""That up to which it surely makes words, so that East Asian ones need not be thought of."""

_SURELY_NO_KANA = 3.2
_FEW_WORDS = 30
_MOST_NAMED = 14


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
    common = Counter(_WORD.findall(sample[: 4 << 20])).most_common(_MOST_WORDS)
    words = [word for word, _ in common]
    readings = _readings(words, leaning(sample[: 1 << 20]))
    best = readings[0]
    name = _shown(best)
    asian = _multibyte(sample)
    if asian and _one_letter_alone(sample, asian) and best.mean < _NO_WORDS + 2:
        asian = ""
    # A single letter that is the whole cell says less still, and the West is what is likeliest.
    least_said = best.name != "cp1252" or (any(map(str.isalpha, best.words)) and _are_single(words))
    one_word = 2 * _MARGIN_OF_ONE_WORD if least_said else _MARGIN_OF_ONE_WORD
    margin = _MARGIN + one_word / max(len(words), 1)
    rivals = [
        other
        for other in readings[1:]
        if other.cost < best.cost + margin or _words_prefer(other, best)
    ]
    named = [other for other in readings if other.cost < best.cost + margin + _TO_BE_NAMED]
    if asian and best.mean > _SURELY_WORDS:
        few = sum(count for _, count in common) < 100
        also = ", ".join(_shown(other) for other in named[:_MOST_NAMED])
        return Encoding(
            asian,
            0,
            ("valid in this multi-byte encoding, and makes words in it",),
            f"The sample reads as {asian}, and as {also} too, and is too small to tell them and "
            "the other East Asian encodings apart for certain. Name the source's encoding in the "
            "spec."
            if few
            else "",
        )
    note = f"read as {name}: its letters make the likeliest words"
    if best.mean > _SURELY_NO_KANA and len(words) <= _FEW_WORDS and _is_kana(words):
        return Encoding(
            name,
            0,
            (note,),
            f"The sample reads as {name}, and as half-width kana of Shift JIS (cp932) too, and is "
            "too small to tell for certain. Name the source's encoding in the spec.",
        )
    if best.mean > _NO_WORDS:
        least = ", ".join(_shown(other) for other in named[:_MOST_NAMED])
        return Encoding(
            name,
            0,
            (note,),
            "The bytes that are not ASCII make words in none of the known encodings "
            f"({least} {'is' if len(named) == 1 else 'are'} the least unlikely). Name the source's "
            "encoding in the spec.",
        )
    if rivals:
        names = ", ".join(_shown(other) for other in named[1:_MOST_NAMED])
        return Encoding(
            name,
            0,
            (note,),
            f"The evidence on the encoding is split: {name} reads about as well as {names}, and "
            "they give different letters. Name the source's encoding in the spec.",
        )
    return Encoding(name, 0, (note,))


@dataclass(frozen=True)
class _Reading:
    """One text that the words may be, by the commonest encoding that gives it."""

    cost: float
    name: str
    mean: float
    words: tuple[str, ...]
    by_word: tuple[float, ...]


def _words_prefer(other: _Reading, best: _Reading) -> bool:
    """Whether the words that the two read differently speak for the other one, each in a
    language of its own: a few customers of one country in a list of another's."""
    other_cost, best_cost = _prior(other.name), _prior(best.name)
    for a, b, in_other, in_best in zip(
        other.words, best.words, other.by_word, best.by_word, strict=True
    ):
        if a != b:
            other_cost += in_other
            best_cost += in_best
    return other_cost < best_cost


def _prior(name: str) -> float:
    return _PRIOR.get(name, _OTHER_PRIOR)


def _shown(reading: _Reading) -> str:
    return NAMED.get(reading.name, reading.name)


def _readings(words: list[bytes], against: dict[str, float]) -> list[_Reading]:
    """The different texts that the bytes may stand for, the likeliest first."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in SINGLE_BYTE:
        text = tuple(_decoded(words, name))
        alike.setdefault(text, []).append(name)
    found: list[_Reading] = []
    for text, names in alike.items():
        read = WordsRead(text)
        fits = [(read.fit(_table(name), against), name) for name in names]
        found.append(
            min(
                (
                    _Reading(one.cost + _prior(name), name, one.mean, text, tuple(read.by_word))
                    for one, name in fits
                ),
                key=lambda reading: reading.cost,
            )
        )
    found.sort(key=lambda reading: (reading.cost, SINGLE_BYTE.index(reading.name)))
    # What differs in the form of the same letters only is one text: ş with a cedilla or a comma.
    first: dict[tuple[str, ...], _Reading] = {}
    for reading in found:
        first.setdefault(tuple(map(same_letters, _decoded(words, reading.name))), reading)
    return list(first.values())


def _are_single(words: list[bytes]) -> bool:
    return all(len(word) == 1 for word in words)


def _is_kana(words: list[bytes]) -> bool:
    """Whether all may be half-width kana of Shift JIS."""
    return all(0xA6 <= byte <= 0xDF for word in words for byte in word) and max(map(len, words)) > 1


def _one_letter_alone(sample: bytes, asian: str) -> bool:
    """Whether hardly anything is left to be read in the East Asian encoding: ``é€`` is one
    letter of Shift JIS, but one such letter alone is no word."""
    runs = re.findall(r"[^\x00-\x7f]+", sample[: 1 << 16].decode(asian, "replace"))
    return len(runs) <= 2 and all(len(run) == 1 for run in runs)


@lru_cache(maxsize=64)
def _table(name: str) -> tuple[str, ...]:
    return tuple(bytes((byte,)).decode(name, "replace") for byte in range(256))


def _decoded(words: list[bytes], name: str) -> list[str]:
    table = _table(name)
    return ["".join(table[byte] for byte in word) for word in words]


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
