"""Casts, and the functions whose value on literals does not depend on the database."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from ispmig_pipelines.formats.sql.dialect import (
    DB2,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLITE,
    SQLSERVER,
)
from ispmig_pipelines.formats.sql.oracle_time import iso_from_format
from ispmig_pipelines.formats.sql.render import Literal, moment_text
from ispmig_pipelines.formats.sql.stored_times import STORED_TIMES, NoTime
from ispmig_pipelines.formats.sql.tokens import unescape_unicode


class NotLiteral(Exception):
    """The expression has a value only inside its database."""


NULL = Literal("null")
_WHOLE = re.compile(rb"[+-]?\d+(?:\.0*)?\Z")
_DECIMAL = re.compile(rb"[+-]?\d*(?:\.(\d*))?\Z")
_BYTES_TYPE = re.compile(rb"binary|blob|image|raw|bytea|rowversion|geo|hierarchyid|sql_variant")
_INTEGERS = frozenset({
    b"int", b"integer", b"bigint", b"smallint", b"tinyint", b"mediumint", b"signed", b"unsigned",
    b"int2", b"int4", b"int8", b"bit",
})  # fmt: skip
_CHARACTERS = frozenset({
    b"char", b"varchar", b"nchar", b"nvarchar", b"character", b"varchar2", b"nvarchar2", b"bpchar",
})  # fmt: skip


def joined(parts: list[Literal], *, null_is_empty: bool) -> Literal:
    """Strings put together."""
    if any(part.form in ("bytes", "bits", "word") for part in parts):
        raise NotLiteral
    if any(part.form == "null" for part in parts) and not null_is_empty:
        return NULL
    return Literal("text", b"".join(part.value for part in parts))


def cast(value: Literal, kind: bytes, sizes: tuple[int, ...], dialect: str) -> Literal:
    """A cast that leaves the value as it is; every other one is for its database.

    Args:
        value: what is cast.
        kind: the type, in lower case.
        sizes: what stands in parentheses after it.

    Raises:
        NotLiteral: the database would change the value.
    """
    if value.form == "null":
        return value
    first = kind.split(b" ", 1)[0]
    if value.form == "bytes":
        return _cast_bytes(value, kind, first, dialect)
    if dialect == SQLSERVER and first in STORED_TIMES and value.form == "text":
        return Literal("text", moment_text(value.value))
    if b"[]" in kind:
        if value.form != "text":
            raise NotLiteral
        return value
    if first in (b"regclass", b"regproc", b"regtype", b"regprocedure", b"oid"):
        raise NotLiteral
    if first in _INTEGERS:
        if value.form != "word" and not _WHOLE.match(value.value):
            raise NotLiteral
    elif first in (b"decimal", b"numeric", b"dec", b"number"):
        _check_scale(value, sizes, dialect, first)
    elif first in _CHARACTERS and b"binary" not in kind:
        most = sizes[0] if sizes else 30 if dialect == SQLSERVER else 0
        if most and value.form == "text" and len(value.value.decode("utf-8", "replace")) > most:
            raise NotLiteral
    elif _BYTES_TYPE.search(kind) and first != b"bytea" and value.form == "text":
        # Where a number becomes bytes, and how N'…' does, is for the database.
        if not value.value.isascii() or dialect == SQLSERVER:
            raise NotLiteral
        return Literal("bytes", value.value)
    return value


def _cast_bytes(value: Literal, kind: bytes, first: bytes, dialect: str) -> Literal:
    if dialect == SQLSERVER and first in STORED_TIMES:
        try:
            return Literal("text", STORED_TIMES[first](value.value).encode())
        except NoTime:
            raise NotLiteral from None
    if _BYTES_TYPE.search(kind):
        return value
    if first in (b"xml", b"text", b"char", b"varchar", b"clob"):
        return Literal("text", value.value)
    raise NotLiteral


def _check_scale(value: Literal, sizes: tuple[int, ...], dialect: str, kind: bytes) -> None:
    if not sizes and (dialect in (POSTGRESQL, SQLITE) or kind == b"number"):
        return
    scale = sizes[1] if len(sizes) > 1 else 0
    found = _DECIMAL.match(value.value)
    if found is None or len((found.group(1) or b"").rstrip(b"0")) > scale:
        raise NotLiteral


_STYLES = {
    b"101": "MM/DD/YYYY",
    b"102": "YYYY.MM.DD",
    b"103": "DD/MM/YYYY",
    b"104": "DD.MM.YYYY",
    b"105": "DD-MM-YYYY",
    b"110": "MM-DD-YYYY",
    b"111": "YYYY/MM/DD",
    b"112": "YYYYMMDD",
}
_ISO_STYLES = frozenset({b"120", b"121", b"126", b"127", b"23", b"20", b"21"})


def by_style(value: Literal, kind: bytes, sizes: tuple[int, ...], style: bytes) -> Literal:
    """SQL Server's ``CONVERT(type, value, style)``: the style says how a text is a date."""
    if value.form == "null":
        return value
    if style in _ISO_STYLES:
        return cast(value, kind, sizes, SQLSERVER)
    if style in _STYLES and kind.startswith((b"date", b"smalldate")) and value.form == "text":
        iso = iso_from_format(value.value.decode("utf-8", "replace"), _STYLES[style])
        if iso is not None:
            return Literal("text", iso.encode())
    raise NotLiteral


def _one(found: list[Literal]) -> Literal:
    if len(found) != 1:
        raise NotLiteral
    return found[0]


def _characters(word: bytes, codes: list[Literal], dialect: str) -> Literal:
    if dialect == DB2 and word == b"char" and codes and codes[0].form == "text":
        return _sized(word, codes, dialect)
    unicode = dialect in (POSTGRESQL, SQLITE) or (dialect == SQLSERVER and word == b"nchar")
    text = ""
    for code in codes:
        if code.form != "number" or not code.value.isdigit():
            raise NotLiteral
        number = int(code.value)
        # Above ASCII it depends on the database's own character set.
        if number > 127 and not (unicode and number < 0xD800):
            raise NotLiteral
        text += chr(number)
    return Literal("text", text.encode())


def _by_format(word: bytes, found: list[Literal], dialect: str) -> Literal:
    if found and found[0].form == "null":
        return NULL
    if len(found) < 2 or any(one.form != "text" for one in found[:2]):
        raise NotLiteral
    text, form = (one.value.decode("utf-8", "replace") for one in found[:2])
    iso = iso_from_format(text, form)
    if iso is None:
        raise NotLiteral
    return Literal("text", iso.encode())


def _same(word: bytes, found: list[Literal], dialect: str) -> Literal:
    value = _one(found)
    if value.form not in ("text", "number", "null"):
        raise NotLiteral
    return value


def _sized(word: bytes, found: list[Literal], dialect: str) -> Literal:
    """Db2's ``VARCHAR('x', 10)`` and ``DECIMAL('1.5', 5, 2)``."""
    if not found or any(one.form != "number" or not one.value.isdigit() for one in found[1:]):
        raise NotLiteral
    if len(found) > 1 and dialect != DB2:
        raise NotLiteral
    return cast(found[0], word, tuple(int(one.value) for one in found[1:]), dialect)


def _moment(word: bytes, found: list[Literal], dialect: str) -> Literal:
    """``TIMESTAMP('2019-01-02-03.04.05')``; in Db2 also of a date and a time."""
    if word == b"timestamp" and dialect == DB2 and len(found) == 2:
        if any(one.form != "text" for one in found):
            raise NotLiteral
        return Literal("text", b" ".join(one.value for one in found))
    value = _same(word, found, dialect)
    return Literal("text", moment_text(value.value)) if dialect == DB2 and value.value else value


def _bytes(word: bytes, found: list[Literal], dialect: str) -> Literal:
    value = _one(found)
    if value.form == "text" and dialect == DB2:
        return Literal("bytes", value.value)
    if value.form not in ("bytes", "null"):
        raise NotLiteral
    return value


def _from_hex(word: bytes, found: list[Literal], dialect: str) -> Literal:
    value = _one(found)
    if value.form == "null":
        return NULL
    try:
        return Literal("bytes", bytes.fromhex(value.value.decode("ascii")))
    except ValueError:
        raise NotLiteral from None


def _from_base64(word: bytes, found: list[Literal], dialect: str) -> Literal:
    value = _one(found)
    if value.form == "null":
        return NULL
    try:
        return Literal("bytes", base64.b64decode(b"".join(value.value.split()), validate=True))
    except binascii.Error:
        raise NotLiteral from None


def _decode(word: bytes, found: list[Literal], dialect: str) -> Literal:
    """PostgreSQL's ``decode('4869', 'hex')``."""
    if len(found) != 2 or dialect != POSTGRESQL:
        raise NotLiteral
    form = found[1].value.lower()
    if form == b"hex":
        return _from_hex(word, found[:1], dialect)
    if form == b"base64":
        return _from_base64(word, found[:1], dialect)
    raise NotLiteral


def _replace(word: bytes, found: list[Literal], dialect: str) -> Literal:
    """``replace('a\\nb', '\\n', char(10))``: how SQLite's shell dumps line feeds."""
    if len(found) != 3 or dialect != SQLITE or any(one.form != "text" for one in found):
        raise NotLiteral
    text, old, new = (one.value for one in found)
    return Literal("text", text.replace(old, new) if old else text)


def _unistr(word: bytes, found: list[Literal], dialect: str) -> Literal:
    value = _same(word, found, dialect)
    return value if value.form == "null" else Literal("text", unescape_unicode(value.value))


def _concat(word: bytes, found: list[Literal], dialect: str) -> Literal:
    if not found:
        raise NotLiteral
    return joined(found, null_is_empty=dialect != MYSQL)


def _nothing(word: bytes, found: list[Literal], dialect: str) -> Literal:
    if found:
        raise NotLiteral
    # Oracle's NULL and its empty string are one; its empty CLOB is not NULL.
    return Literal("text")


def _ascii_bytes(word: bytes, found: list[Literal], dialect: str) -> Literal:
    value = _same(word, found, dialect)
    if dialect != ORACLE or not value.value.isascii():
        raise NotLiteral
    return value if value.form == "null" else Literal("bytes", value.value)


Call = Callable[[bytes, list[Literal], str], Literal]

CALLS: dict[bytes, Call] = {
    **dict.fromkeys((b"chr", b"char", b"nchar", b"unichr"), _characters),
    **dict.fromkeys(
        (b"to_date", b"to_timestamp", b"to_timestamp_tz", b"timestamp_format"), _by_format
    ),
    **dict.fromkeys(
        (b"to_clob", b"to_nclob", b"to_char", b"to_nchar", b"to_number", b"to_lob", b"json",
         b"clob", b"dbclob", b"graphic", b"vargraphic", b"xmltype", b"createxml", b"xml",
         b"to_binary_double", b"to_binary_float", b"double", b"float", b"real", b"decfloat",
         b"to_dsinterval", b"to_yminterval", b"jsonb", b"sysxmltype", b"xmlparse_document"), _same
    ),
    **dict.fromkeys((b"date", b"time", b"timestamp", b"datetime"), _moment),
    **dict.fromkeys(
        (b"varchar", b"decimal", b"dec", b"numeric", b"int", b"integer", b"bigint", b"smallint"),
        _sized,
    ),
    **dict.fromkeys((b"hextoraw", b"unhex", b"from_hex"), _from_hex),
    **dict.fromkeys((b"to_blob", b"blob", b"binary", b"varbinary"), _bytes),
    **dict.fromkeys((b"empty_clob", b"empty_blob"), _nothing),
    b"from_base64": _from_base64,
    b"decode": _decode,
    b"replace": _replace,
    b"unistr": _unistr,
    b"concat": _concat,
    b"cast_to_raw": _ascii_bytes,
}  # fmt: skip
"""By name, what gives the value of a function of literals; each raises :class:`NotLiteral` where
only the database can tell."""
