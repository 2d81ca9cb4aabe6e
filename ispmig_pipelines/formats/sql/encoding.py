"""What a script is written in: what it says itself, and its text without its binary data."""

from __future__ import annotations

import re

from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.encoding import Encoding, detect_encoding
from ispmig_pipelines.formats.sql.dialect import stated_charset

_RAW_BYTES = re.compile(rb"_binary\s*'|\b(?:\w*blob|(?:var)?binary\s*\()", re.IGNORECASE)
_STRING = possessive.compiled(rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'", re.DOTALL)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\\[0Z]")


def settled_encoding(encoding: Encoding, sample: bytes) -> Encoding:
    """The encoding, with what the script says about it as further evidence.

    Args:
        encoding: as found by all bytes of the sample, or as the spec says.
        sample: the beginning of the script.
    """
    if encoding.bom or encoding.name == "ascii" or encoding.name.startswith("utf-16"):
        return encoding
    if encoding.name and not encoding.notes and not encoding.question:
        # The spec has named it.
        return encoding
    if encoding.name == "utf-8" and not encoding.question and _is_utf8(sample):
        return encoding
    if not encoding.name:
        encoding = Encoding("utf-8", 0, ("binary data stand in its strings",))
    stated = stated_charset(sample)
    if stated == "utf-8":
        where = (
            "what is not stands in strings of binary data"
            if _RAW_BYTES.search(sample)
            else "records that are not go to quarantine"
        )
        return Encoding("utf-8", 0, (f"the script says utf-8; {where}",))
    if stated:
        return Encoding(stated, 0, (f"the script says that it is written in {stated}",))
    with_bits = _BITS.search(sample) is not None

    def text_alone(found: re.Match[bytes]) -> bytes:
        """A string, emptied where it holds what no text does: images and keys stand raw."""
        string = found.group()
        binary = _BINARY.search(string) or (with_bits and _is_bits(string))
        return b"''" if binary else string

    found = detect_encoding([_STRING.sub(text_alone, sample)], whole=False)
    if found.binary or (found.question and not encoding.question):
        return encoding
    if found.question or found.name == "ascii":
        return encoding if not _BINARY.search(sample) else found
    return found


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # The sample may end within a character.
        return error.start >= len(sample) - 3 and error.reason == "unexpected end of data"
    return True


_BITS = re.compile(rb"\bbit\s*\(", re.IGNORECASE)
_LETTER = re.compile(rb"(?<!\\)[A-Za-z ?]")


def _is_bits(string: bytes) -> bool:
    """Whether it can only be a BIT column's bytes, which are eight at most."""
    if len(string) > 18 or string.isascii() or _LETTER.search(string):
        return False
    try:
        string.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def single_byte_charset(encoding: Encoding) -> str:
    """The codec whose every byte is a character of its own, or "": then the bytes of binary data
    can be had back from the text that they were read as."""
    name = encoding.name
    if name in ("", "ascii") or name.startswith("utf"):
        return ""
    try:
        text = bytes(range(256)).decode(name, "surrogateescape")
    except (UnicodeError, LookupError):
        return ""
    return name if len(text) == 256 else ""
