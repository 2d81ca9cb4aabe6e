"""The value of an expression that is a literal, or as good as one; nothing is executed.

What is read: numbers, strings of every dialect, NULL, TRUE and FALSE, hex and bit literals,
``DATE '…'``, casts of literals, strings put together with ``||`` (``+`` in SQL Server) and
``CHR()``, and dates written with ``TO_DATE`` and its relatives. All else (``NOW()``,
``DEFAULT``, ``(SELECT …)``, ``a + b``) has a value only inside its database.

How bytes become text, the same in every dialect and however the script writes them:

* In a column of text they are the text.
* In a column of BINARY, VARBINARY, RAW or of an unknown type they are ``0x`` and hex digits
  in capitals where the script writes them so (``0x…``, ``X'…'``).
* In a BLOB, BYTEA or IMAGE they are text where they are printable UTF-8, else ``0x`` and hex.
* In a column of numbers, and in MySQL's BIT, they are the number; PostgreSQL's bit strings
  stay digits 0 and 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from ispmig_pipelines.formats.sql_dialect import MYSQL, SQLSERVER
from ispmig_pipelines.formats.sql_oracle_time import iso_from_format
from ispmig_pipelines.formats.sql_tokens import Lexicon, unescape_backslashes, unescape_c

TEXT, BYTES, BLOB, BIT, NUMBER, OTHER = "text", "bytes", "blob", "bit", "number", ""
"""Kinds of columns, as far as they matter for reading a literal."""


class NotLiteral(Exception):
    """The expression has a value only inside its database."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as the script writes it.

    Attributes:
        form: ``null``, ``text``, ``number``, ``bytes``, ``bits`` or ``word`` (true, false).
        value: UTF-8 text, the raw bytes, or the digits 0 and 1.
    """

    form: str
    value: bytes = b""


_NULL = Literal("null")
_STRINGS = frozenset({"string", "estring", "qstring", "ustring", "dollar"})

_CHARACTER = frozenset({b"chr", b"char", b"nchar", b"unichr"})
_BY_FORMAT = frozenset({b"to_date", b"to_timestamp", b"to_timestamp_tz", b"timestamp_format"})
_SAME = frozenset({
    b"to_clob", b"to_nclob", b"to_char", b"to_number", b"date", b"timestamp", b"time", b"datetime",
    b"to_lob", b"json", b"clob", b"varchar", b"decimal", b"double",
})  # fmt: skip
_TYPED = frozenset({b"date", b"time", b"timestamp", b"datetime", b"interval", b"timestamptz"})
_HEX = frozenset({b"hextoraw", b"unhex", b"from_hex"})


class _Tokens:
    """The tokens of one expression, blanks and comments left out."""

    def __init__(self, text: bytes, lex: Lexicon) -> None:
        self.items: list[tuple[str, bytes]] = []
        at = 0
        match = lex.token.match
        while at < len(text):
            found = match(text, at)
            if found is None or found.lastgroup is None:
                raise NotLiteral
            kind = found.lastgroup
            if kind != "space":
                self.items.append((kind, found.group()))
            at = found.end()
        self.at = 0

    def peek(self, ahead: int = 0) -> tuple[str, bytes]:
        place = self.at + ahead
        return self.items[place] if place < len(self.items) else ("", b"")

    def take(self) -> tuple[str, bytes]:
        item = self.peek()
        self.at += 1
        return item

    def expect(self, op: bytes) -> None:
        if self.take()[1] != op:
            raise NotLiteral

    def word(self) -> bytes:
        kind, text = self.peek()
        return text.lower() if kind == "word" else b""


_DEEPEST = 200


class Evaluator:
    """Reads literals of one dialect."""

    def __init__(self, lex: Lexicon) -> None:
        self._lex = lex
        self._name = lex.dialect.name
        self._backslash = lex.dialect.backslash
        self.text_of = lru_cache(maxsize=50_000)(self._text_of)

    def _text_of(self, expression: bytes, kind: str) -> bytes | None:
        """:meth:`literal`, rendered for a column of ``kind``.

        Raises:
            NotLiteral: it is none.
        """
        return render(self.literal(expression), kind, self._name)

    def literal(self, expression: bytes) -> Literal:
        """The value of an expression.

        Raises:
            NotLiteral: it is none.
        """
        tokens = _Tokens(expression, self._lex)
        value = self._concatenation(tokens, 0)
        if tokens.peek()[0]:
            raise NotLiteral
        return value

    def _concatenation(self, tokens: _Tokens, depth: int) -> Literal:
        if depth > _DEEPEST:
            raise NotLiteral
        value = self._postfixed(tokens, depth)
        while True:
            _, op = tokens.peek()
            # MySQL reads || as OR; strings are put together with CONCAT there.
            joins = (op == b"||" and self._name != MYSQL) or (
                op == b"+" and self._name == SQLSERVER and value.form == "text"
            )
            if not joins:
                return value
            tokens.take()
            other = self._postfixed(tokens, depth)
            value = self._joined([value, other], null_is_empty=self._name == "oracle")

    def _joined(self, parts: list[Literal], *, null_is_empty: bool) -> Literal:
        if any(part.form in ("bytes", "bits", "word") for part in parts):
            raise NotLiteral
        if any(part.form == "null" for part in parts) and not null_is_empty:
            return _NULL
        return Literal("text", b"".join(part.value for part in parts))

    def _postfixed(self, tokens: _Tokens, depth: int) -> Literal:
        value = self._primary(tokens, depth)
        while True:
            kind, text = tokens.peek()
            if text == b"::":
                tokens.take()
                value = _cast(value, self._type(tokens), self._name)
            elif kind == "word" and text.lower() == b"collate":
                tokens.take()
                tokens.take()
            else:
                return value

    def _type(self, tokens: _Tokens) -> bytes:
        """The type after ``::`` or ``AS``: words, dots, sizes in parentheses, ``[]``."""
        words = []
        while True:
            kind, text = tokens.peek()
            if kind in ("word", "quoted", "double"):
                if text.lower() in (b"collate", b"format"):
                    break
                words.append(tokens.take()[1].strip(b'"[]`').lower())
            elif text == b"(":
                tokens.take()
                while tokens.peek()[0] in ("number", "word") or tokens.peek()[1] == b",":
                    tokens.take()
                tokens.expect(b")")
            elif text in (b".", b"[", b"]"):
                tokens.take()
            else:
                break
        if not words:
            raise NotLiteral
        return b" ".join(words)

    def _primary(self, tokens: _Tokens, depth: int) -> Literal:
        kind, text = tokens.take()
        if kind in _STRINGS or (kind == "double" and self._name == MYSQL):
            return self._string(kind, text, tokens)
        if kind == "number":
            return Literal("number", text)
        if kind == "hex":
            digits = re.sub(rb"\s", b"", text[2:].rstrip(b"'"))
            return Literal("bytes", bytes.fromhex(("0" * (len(digits) % 2)) + digits.decode()))
        if kind == "bits":
            return Literal("bits", text[2:].rstrip(b"'"))
        if kind == "op":
            return self._operator(text, tokens, depth)
        if kind != "word":
            raise NotLiteral
        return self._word(text.lower(), tokens, depth)

    def _operator(self, text: bytes, tokens: _Tokens, depth: int) -> Literal:
        if text == b"(":
            value = self._concatenation(tokens, depth + 1)
            tokens.expect(b")")
            return value
        if text in b"+-":
            if depth > _DEEPEST:
                raise NotLiteral
            value = self._primary(tokens, depth + 1)
            if value.form != "number":
                raise NotLiteral
            if text == b"+":
                return value
            minus = value.value[1:] if value.value[:1] == b"-" else b"-" + value.value
            return Literal("number", minus)
        if text == b"{" and tokens.word() in (b"d", b"t", b"ts"):
            tokens.take()
            value = self._primary(tokens, depth + 1)
            tokens.expect(b"}")
            return value
        raise NotLiteral

    def _string(self, kind: str, text: bytes, tokens: _Tokens) -> Literal:
        if text[:1] == b"_" and text[:7].lower() == b"_binary":
            return Literal("bytes", self.content(kind, text[text.index(b"'") :]))
        content = self.content(kind, text)
        # Strings side by side are one string in the standard, in MySQL and in PostgreSQL.
        while tokens.peek()[0] == "string" and tokens.peek()[1][:1] == b"'":
            content += self.content("string", tokens.take()[1])
        return Literal("text", content)

    def content(self, kind: str, text: bytes) -> bytes:
        """What stands in a string token."""
        if kind == "string":
            inner = text[text.index(b"'") + 1 : -1]
            return unescape_backslashes(inner) if self._backslash else inner.replace(b"''", b"'")
        if kind == "estring":
            return unescape_c(text[2:-1])
        if kind == "qstring":
            return text[text.index(b"'") + 2 : -2]
        if kind == "dollar":
            tag = text.index(b"$", 1) + 1
            return text[tag:-tag]
        if kind == "double":
            inner = text[1:-1]
            return (
                unescape_backslashes(inner, b'"') if self._backslash else inner.replace(b'""', b'"')
            )
        return re.sub(
            rb"\\(\+[0-9a-fA-F]{6}|[0-9a-fA-F]{4}|\\)|''",
            lambda m: _code_point(m.group(1)),
            text[3:-1],
        )

    def _word(self, word: bytes, tokens: _Tokens, depth: int) -> Literal:
        if word == b"null":
            return _NULL
        if word in (b"true", b"false"):
            return Literal("word", word)
        if word[:1] == b"$" and word[1:].replace(b".", b"", 1).isdigit():
            return Literal("number", self._money(word, tokens))
        kind, following = tokens.peek()
        if word in _TYPED and kind in _STRINGS:
            return self._string(*tokens.take(), tokens)
        if following != b"(":
            raise NotLiteral
        tokens.take()
        call = self._call(word)
        value = call(tokens, depth + 1)
        tokens.expect(b")")
        return value

    def _money(self, word: bytes, tokens: _Tokens) -> bytes:
        """SQL Server's ``$12.50``, whose point and cents are tokens of their own."""
        if tokens.peek()[0] == "number" and tokens.peek()[1][:1] == b".":
            return word[1:] + tokens.take()[1]
        return word[1:]

    def _call(self, word: bytes) -> Callable[[_Tokens, int], Literal]:
        if word in _CHARACTER:
            return self._characters
        if word in _BY_FORMAT:
            return self._by_format
        if word in _SAME:
            return self._same
        if word in _HEX:
            return self._from_hex
        if word in (b"empty_clob", b"empty_blob"):
            return lambda tokens, depth: Literal("text")
        if word in (b"cast", b"try_cast"):
            return self._cast_call
        if word == b"convert":
            return self._convert
        if word == b"concat":
            return self._concat
        raise NotLiteral

    def _arguments(self, tokens: _Tokens, depth: int) -> list[Literal]:
        found = [self._concatenation(tokens, depth)]
        while tokens.peek()[1] == b",":
            tokens.take()
            found.append(self._concatenation(tokens, depth))
        return found

    def _characters(self, tokens: _Tokens, depth: int) -> Literal:
        codes = self._arguments(tokens, depth)
        text = ""
        for code in codes:
            if code.form != "number" or not code.value.isdigit():
                raise NotLiteral
            number = int(code.value)
            # Above ASCII it depends on the database's own character set.
            if number > 127 and not (self._name == "postgresql" and number < 0x110000):
                raise NotLiteral
            text += chr(number)
        return Literal("text", text.encode("utf-8", "surrogatepass"))

    def _by_format(self, tokens: _Tokens, depth: int) -> Literal:
        found = self._arguments(tokens, depth)
        if found[0].form == "null":
            return _NULL
        if len(found) < 2 or any(one.form != "text" for one in found[:2]):
            raise NotLiteral
        text, form = (one.value.decode("utf-8", "replace") for one in found[:2])
        iso = iso_from_format(text, form)
        if iso is None:
            raise NotLiteral
        return Literal("text", iso.encode())

    def _same(self, tokens: _Tokens, depth: int) -> Literal:
        found = self._arguments(tokens, depth)
        if len(found) != 1 or found[0].form not in ("text", "number", "null"):
            raise NotLiteral
        return found[0]

    def _from_hex(self, tokens: _Tokens, depth: int) -> Literal:
        [found] = self._arguments(tokens, depth)[:1]
        if found.form == "null":
            return _NULL
        try:
            return Literal("bytes", bytes.fromhex(found.value.decode("ascii")))
        except ValueError:
            raise NotLiteral from None

    def _cast_call(self, tokens: _Tokens, depth: int) -> Literal:
        value = self._concatenation(tokens, depth)
        if tokens.take()[1].lower() != b"as":
            raise NotLiteral
        return _cast(value, self._type(tokens), self._name)

    def _convert(self, tokens: _Tokens, depth: int) -> Literal:
        # CONVERT(type, value [, style]) is SQL Server's, CONVERT(value, type) MySQL's.
        if self._name == MYSQL or tokens.peek()[0] not in ("word", "quoted"):
            value = self._concatenation(tokens, depth)
            if tokens.peek()[1].lower() == b"using":
                tokens.take()
                tokens.take()
                return value
            tokens.expect(b",")
            return _cast(value, self._type(tokens), self._name)
        kind = self._type(tokens)
        tokens.expect(b",")
        found = self._arguments(tokens, depth)
        # A style says how a text is a date: 120, 121, 126 and 23 are ISO's.
        if len(found) > 1 and found[1].value not in (b"120", b"121", b"126", b"127", b"23", b"20"):
            raise NotLiteral
        return _cast(found[0], kind, self._name)

    def _concat(self, tokens: _Tokens, depth: int) -> Literal:
        return self._joined(self._arguments(tokens, depth), null_is_empty=self._name != MYSQL)


def _code_point(code: bytes | None) -> bytes:
    if code is None:
        return b"'"
    if code == b"\\":
        return code
    number = int(code.lstrip(b"+"), 16)
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"\xff"


_WHOLE = re.compile(rb"[+-]?\d+(?:\.0*)?\Z")


def _cast(value: Literal, kind: bytes, dialect: str) -> Literal:
    """A cast that leaves the value as it is; every other one is for its database."""
    if value.form == "null":
        return value
    first = kind.split(b" ", 1)[0]
    if value.form == "bytes":
        if dialect == SQLSERVER and first in _STORED_TIMES:
            return Literal("text", _STORED_TIMES[first](value.value).encode())
        if b"binary" in kind or first in (b"blob", b"image", b"raw", b"bytea"):
            return value
        if first in (b"xml", b"text", b"char", b"varchar", b"clob"):
            return Literal("text", value.value)
        raise NotLiteral
    if b"[]" in kind or first in (b"regclass", b"regproc", b"regtype"):
        raise NotLiteral
    if first in (b"int", b"integer", b"bigint", b"smallint", b"tinyint", b"signed", b"unsigned"):
        if not _WHOLE.match(value.value):
            raise NotLiteral
    elif b"binary" in kind or first in (b"bytea", b"blob", b"image"):
        return value if first == b"bytea" else Literal("bytes", value.value)
    return value


def _days(number: int, epoch: datetime) -> datetime:
    try:
        return epoch + timedelta(days=number)
    except OverflowError:
        raise NotLiteral from None


def _stored_datetime(raw: bytes) -> str:
    """``CAST(0x0000A3A400000000 AS DateTime)``: days since 1900 and 300ths of a second, as SQL
    Server Management Studio has scripted them."""
    if len(raw) != 8:
        raise NotLiteral
    ticks = int.from_bytes(raw[4:], "big")
    if ticks >= 300 * 86_400:
        raise NotLiteral
    day = _days(int.from_bytes(raw[:4], "big", signed=True), datetime(1900, 1, 1))
    moment = day + timedelta(milliseconds=round(ticks * 10 / 3))
    return moment.isoformat(" ", "milliseconds" if ticks % 300 else "seconds")


def _stored_smalldatetime(raw: bytes) -> str:
    if len(raw) != 4:
        raise NotLiteral
    minutes = int.from_bytes(raw[2:], "big")
    if minutes >= 1440:
        raise NotLiteral
    day = _days(int.from_bytes(raw[:2], "big"), datetime(1900, 1, 1))
    return (day + timedelta(minutes=minutes)).isoformat(" ", "seconds")


def _stored_date(raw: bytes) -> str:
    if len(raw) not in (3, 4):
        raise NotLiteral
    return _days(int.from_bytes(raw[:3], "little"), datetime(1, 1, 1)).date().isoformat()


_STORED_TIMES: dict[bytes, Callable[[bytes], str]] = {
    b"datetime": _stored_datetime,
    b"smalldatetime": _stored_smalldatetime,
    b"date": _stored_date,
}

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def is_printable(raw: bytes) -> bool:
    """Whether bytes are text that a person may have written."""
    try:
        return _UNPRINTABLE.search(raw.decode("utf-8")) is None
    except UnicodeDecodeError:
        return False


def hex_text(raw: bytes) -> bytes:
    """Bytes as ``0x`` and hex digits in capitals."""
    return b"0x" + raw.hex().upper().encode()


def render(literal: Literal, kind: str, dialect: str) -> bytes | None:
    """A literal as the text of a cell in a column of ``kind``; None for NULL."""
    form, value = literal.form, literal.value
    if form == "null":
        return None
    if form == "bits":
        return value if dialect == "postgresql" else str(int(value or b"0", 2)).encode()
    if form == "bytes":
        if kind in (NUMBER, BIT):
            return str(int.from_bytes(value, "big")).encode()
        if kind == TEXT or (kind == BLOB and is_printable(value)):
            return value
        return hex_text(value)
    if form == "text" and kind in (BYTES, BLOB, BIT):
        return text_in_bytes(value, kind, dialect)
    return value


_PG_BYTES = re.compile(rb"\\x((?:[0-9a-fA-F]{2})*)\Z")


def text_in_bytes(value: bytes, kind: str, dialect: str) -> bytes:
    """A plain string that a script puts into a column of bytes or bits."""
    if kind == BIT:
        # mysqldump writes BIT(1) as one raw byte.
        if dialect == MYSQL and len(value) <= 8 and not value.isdigit():
            return str(int.from_bytes(value, "big")).encode()
        return value
    if dialect == "postgresql" and (found := _PG_BYTES.match(value)):
        raw = bytes.fromhex(found.group(1).decode())
        return raw if is_printable(raw) else hex_text(raw)
    return value if is_printable(value) else hex_text(value)
