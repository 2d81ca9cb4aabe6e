"""How a literal of a script becomes the text of a cell.

How bytes become text, the same in every dialect and however the script writes them, so that a
dump with hex and one without give the same records; and the same for every cell of a column, so
that no cell's own bytes decide how it is shown:

* In a column of a binary type (BINARY, VARBINARY, ``CHAR … FOR BIT DATA``, RAW, ROWVERSION, BLOB,
  BYTEA, IMAGE and their relatives) they are ``0x`` and hex digits in capitals; none at all are
  an empty text.
* In a column of text they are the text.
* In a column whose type the script does not tell they are ``0x`` and hex where the script writes
  hex.
* In a column of numbers, and in MySQL's and SQL Server's BIT, they are the number; PostgreSQL's
  bit strings stay digits 0 and 1.

TRUE and FALSE are 1 and 0 where the database stores them so (MySQL, SQLite), else ``true`` and
``false``, also in a COPY that writes them ``t`` and ``f``.

Moments stay as they are written but for two spellings: Db2's ``2019-01-02-03.04.05.000000`` and
the casts of SQL Server's scripts (``2019-01-02T03:04:05.000``) become ``2019-01-02 03:04:05``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ispmig_pipelines.formats.sql.dialect import (
    DB2,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLITE,
    SQLSERVER,
)

TEXT, BLOB, BIT, WIDE_BIT, NUMBER, BOOLEAN, MOMENT, OTHER = (
    "text", "blob", "bit", "wide_bit", "number", "boolean", "moment", ""
)  # fmt: skip
"""Kinds of columns, as far as they matter for reading a literal. A BLOB is a column of any binary
type."""

_QUOTES = re.compile(r"[\[\]\"`]")
_OWNER = re.compile(r"^(?:\w+\.)+")
_TEXT_TYPE = re.compile(
    r"char|text|clob|enum|\bset\b|json|xml|string|uuid|uniqueidentifier|date|time|inet|citext"
)
_NUMBER_TYPE = re.compile(r"int|decimal|numeric|number|float|double|real|money|serial|bool")
_WIDE = re.compile(r"bit\s*\(\s*(?:[6-9]|[1-6]\d)\s*\)")
_BINARY_TYPES = frozenset({"bytea", "image", "varbinary", "binary", "raw", "rowversion"})


def column_kind(type_text: str, dialect: str) -> str:
    """The kind of a column by its type as the script writes it."""
    lowered = type_text.lower()
    if "[]" in lowered:
        return OTHER
    # [varbinary](max), "pg_catalog"."bytea"
    lowered = _OWNER.sub("", _QUOTES.sub("", lowered))
    first = re.match(r"\w*", lowered)
    word = first.group() if first else ""
    if "blob" in word or word in _BINARY_TYPES or lowered.startswith("long raw"):
        return BLOB
    if "for bit data" in lowered or (word == "timestamp" and dialect == SQLSERVER):
        return BLOB
    if word == "timestamp" and dialect == DB2:
        return MOMENT
    if word == "bit":
        return OTHER if dialect == POSTGRESQL else WIDE_BIT if _WIDE.match(lowered) else BIT
    if word in ("bool", "boolean") and dialect == POSTGRESQL:
        return BOOLEAN
    if _TEXT_TYPE.search(word) and "interval" not in word:
        return TEXT
    return NUMBER if _NUMBER_TYPE.search(word) else OTHER


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as the script writes it.

    Attributes:
        form: ``null``, ``text``, ``number``, ``bytes``, ``bits`` or ``word`` (true, false).
        value: UTF-8 text, the raw bytes, or the digits 0 and 1.
    """

    form: str
    value: bytes = b""


def hex_text(raw: bytes) -> bytes:
    """Bytes as ``0x`` and hex digits in capitals; none at all as an empty text."""
    return b"0x" + raw.hex().upper().encode() if raw else raw


def written_bytes(text: bytes, charset: str) -> bytes:
    """The bytes that stand in a script written in a single-byte ``charset``, of the UTF-8 that
    they were read as."""
    if not charset or text.isascii():
        return text
    return text.decode("utf-8", "surrogatepass").encode(charset, "surrogateescape")


def render(literal: Literal, kind: str, dialect: str, charset: str = "") -> bytes | None:
    """A literal as the text of a cell in a column of ``kind``; None for NULL."""
    form, value = literal.form, literal.value
    if form == "null":
        return None
    if form == "bits":
        return value if dialect == POSTGRESQL else str(int(value or b"0", 2)).encode()
    if form == "bytes":
        if kind in (NUMBER, BIT, WIDE_BIT):
            return str(int.from_bytes(value, "big")).encode()
        return value if kind == TEXT else hex_text(value)
    if form == "word" and dialect in (MYSQL, SQLITE):
        return b"1" if value == b"true" else b"0"
    if form == "text" and kind in STRINGS_READ:
        return text_in(value, kind, dialect, charset)
    return value


_MOMENT = re.compile(
    rb"\s*(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)|-(\d\d)\.(\d\d)\.(\d\d))(\.\d+)?"
    rb"\s*([+-]\d\d:\d\d|Z)?\s*\Z"
)


def moment_text(value: bytes) -> bytes:
    """A moment in one of the two spellings that only SQL Server's and Db2's scripts have, as all
    others write it: a blank before the time, no zeros at the end of the fraction."""
    found = _MOMENT.match(value)
    if found is None:
        return value
    day, clock, hour, minute, second, fraction, zone = found.groups(b"")
    clock = clock or b":".join((hour, minute, second))
    return day + b" " + clock + fraction.rstrip(b"0").rstrip(b".") + zone


STRINGS_READ = frozenset({BLOB, BIT, WIDE_BIT, BOOLEAN, MOMENT})
"""Kinds of columns in which a plain string is not its own text."""

_PG_BYTES = re.compile(rb"\\x((?:[0-9a-fA-F]{2})*)\Z")
_PG_OCTAL = re.compile(rb"\\(\\|[0-3][0-7]{2})")
_HEX_DIGITS = re.compile(rb"(?:[0-9a-fA-F]{2})+\Z")
_TRUE = frozenset({b"t", b"true", b"y", b"yes", b"on", b"1"})
_FALSE = frozenset({b"f", b"false", b"n", b"no", b"off", b"0"})


def text_in(value: bytes, kind: str, dialect: str, charset: str = "") -> bytes:
    """A plain string that a script puts into a column of one of :data:`STRINGS_READ`.

    Args:
        value: its content.
        kind: of the column.
        dialect, charset: of the script; see :class:`.SqlDialect`.
    """
    if kind == MOMENT:
        return moment_text(value)
    if kind == BOOLEAN:
        lowered = value.strip().lower()
        return b"true" if lowered in _TRUE else b"false" if lowered in _FALSE else value
    if kind in (BIT, WIDE_BIT):
        # mysqldump writes bits as raw bytes. A digit is one from six bits on; fewer cannot hold it.
        value = written_bytes(value, charset)
        if dialect == MYSQL and len(value) <= 8 and (kind == WIDE_BIT or not value.isdigit()):
            return str(int.from_bytes(value, "big")).encode() if value else value
        return value
    if dialect == POSTGRESQL:
        if found := _PG_BYTES.match(value):
            return hex_text(bytes.fromhex(found.group(1).decode()))
        # The format of versions before 9.0, and of bytea_output = escape.
        return hex_text(_PG_OCTAL.sub(_octal, value))
    if dialect == ORACLE and _HEX_DIGITS.match(value):
        # A string becomes a RAW or a BLOB by its hex digits.
        return hex_text(bytes.fromhex(value.decode()))
    return hex_text(written_bytes(value, charset))


def _octal(found: re.Match[bytes]) -> bytes:
    digits = found.group(1)
    return digits if digits == b"\\" else bytes((int(digits, 8),))
