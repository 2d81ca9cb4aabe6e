"""The value of an expression that is a literal, or as good as one; nothing is executed.

What is read: numbers, strings of every dialect, NULL, TRUE and FALSE, hex and bit literals,
``DATE '…'``, casts of literals, strings put together with ``||`` (``+`` in SQL Server) and
``CHR()``, and dates written with ``TO_DATE`` and its relatives. All else (``NOW()``,
``DEFAULT``, ``(SELECT …)``, ``a + b``) has a value only inside its database.

:mod:`~ispmig_pipelines.formats.sql.render` says how a value becomes the text of a cell.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ispmig_pipelines.formats.sql.calls import CALLS, NotLiteral, by_style, cast, joined
from ispmig_pipelines.formats.sql.dialect import (
    DB2,
    GENERIC,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLITE,
    SQLSERVER,
)
from ispmig_pipelines.formats.sql.render import Literal, moment_text, render, written_bytes
from ispmig_pipelines.formats.sql.tokens import (
    Lexicon,
    unescape_backslashes,
    unescape_c,
    unescape_unicode,
)

__all__ = ["Evaluator", "NotLiteral"]

_NULL = Literal("null")
_STRINGS = frozenset({"string", "estring", "qstring", "ustring", "dollar"})
_TYPED = frozenset({
    b"date", b"time", b"timestamp", b"datetime", b"interval", b"timestamptz", b"timetz",
})  # fmt: skip
_PG_TYPED = frozenset({
    b"json", b"jsonb", b"inet", b"cidr", b"macaddr", b"macaddr8", b"uuid", b"numeric", b"decimal",
    b"int", b"int2", b"int4", b"int8", b"integer", b"bigint", b"smallint", b"text", b"varchar",
    b"bpchar", b"char", b"name", b"bytea", b"point", b"box", b"path", b"polygon", b"circle",
    b"line", b"lseg", b"xml", b"money", b"bool", b"boolean", b"float4", b"float8", b"real",
    b"citext", b"hstore", b"ltree", b"tsvector", b"int4range", b"int8range", b"numrange",
    b"tsrange", b"tstzrange", b"daterange",
})  # fmt: skip
_OWNERS = frozenset({b"sys", b"pg_catalog", b"dbo", b"sysibm", b"sysfun", b"xmltype"})


# Where a value stands no name can: these databases take what is quoted so for a string.
_DOUBLE_QUOTED = frozenset({MYSQL, SQLITE, SQLSERVER, GENERIC})
_LONGEST_AT_ONCE = 200
_CAST = re.compile(
    rb"CAST\((?:N?'([^']*)'|(-?\d+(?:\.\d+)?)) AS \[?(\w+)\]?(?:\((\d+|max)(?:, ?(\d+))?\))?\)",
    re.IGNORECASE,
)
_FORMATTED = re.compile(
    rb"(to_date|to_timestamp)\(\s*'([^']*)'\s*,\s*'([^']*)'\s*\)", re.IGNORECASE
)


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


# Each level takes some six frames of Python, which allows a thousand.
_DEEPEST = 60


class Evaluator:
    """Reads literals of one dialect."""

    def __init__(self, lex: Lexicon) -> None:
        self._lex = lex
        self._name = lex.dialect.name
        self._backslash = lex.dialect.backslash
        self._charset = lex.dialect.charset
        self.text_of = lru_cache(maxsize=50_000)(self._text_of)

    def _text_of(self, expression: bytes, kind: str) -> bytes | None:
        """:meth:`literal`, rendered for a column of ``kind``.

        Raises:
            NotLiteral: it is none.
        """
        value = self._at_once(expression) if len(expression) < _LONGEST_AT_ONCE else None
        if value is None:
            value = self.literal(expression)
        return render(value, kind, self._name, self._charset)

    def _at_once(self, expression: bytes) -> Literal | None:
        """The value of the casts and calls that tools write for every row, without telling their
        tokens; None where it is not one of these."""
        if self._name == SQLSERVER and (found := _CAST.fullmatch(expression)):
            text, number, kind, size, scale = found.groups()
            value = Literal("number", number) if text is None else Literal("text", text)
            sizes = tuple(int(one) for one in (size, scale) if one and one.isdigit())
            return cast(value, kind.lower(), sizes, self._name)
        if self._name == ORACLE and (found := _FORMATTED.fullmatch(expression)):
            name, text, form = found.groups()
            return CALLS[name.lower()](
                name.lower(), [Literal("text", text), Literal("text", form)], self._name
            )
        return None

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
            joins = (
                (op == b"||" and self._name != MYSQL)
                or (op == b"+" and self._name == SQLSERVER and value.form == "text")
                or (self._name == DB2 and tokens.word() == b"concat")
            )
            if not joins:
                return value
            tokens.take()
            other = self._postfixed(tokens, depth)
            value = joined([value, other], null_is_empty=self._name == ORACLE)

    def _postfixed(self, tokens: _Tokens, depth: int) -> Literal:
        value = self._primary(tokens, depth)
        while True:
            kind, text = tokens.peek()
            if text == b"::":
                tokens.take()
                value = cast(value, *self._type(tokens), self._name)
            elif kind == "word" and text.lower() == b"collate":
                tokens.take()
                tokens.take()
            else:
                return value

    def _type(self, tokens: _Tokens) -> tuple[bytes, tuple[int, ...]]:
        """The type after ``::`` or ``AS``: words, dots, ``[]``; and its sizes in parentheses."""
        words: list[bytes] = []
        sizes: list[int] = []
        while True:
            kind, text = tokens.peek()
            if kind in ("word", "quoted", "double"):
                if text.lower() in (b"collate", b"format"):
                    break
                words.append(tokens.take()[1].strip(b'"[]`').lower())
            elif text == b"(":
                tokens.take()
                while tokens.peek()[0] in ("number", "word") or tokens.peek()[1] == b",":
                    if (size := tokens.take()[1]).isdigit():
                        sizes.append(int(size))
                tokens.expect(b")")
            elif text == b"[":
                tokens.take()
                tokens.expect(b"]")
                words.append(b"[]")
            elif text == b".":
                tokens.take()
                words.clear()
            else:
                break
        if not words:
            raise NotLiteral
        return b" ".join(words), tuple(sizes)

    def _primary(self, tokens: _Tokens, depth: int) -> Literal:
        kind, text = tokens.take()
        if kind in _STRINGS or (kind == "double" and self._name in _DOUBLE_QUOTED):
            return self._string(kind, text, tokens)
        if kind == "number":
            return Literal("number", text.rstrip(b"dDfF") if self._name == ORACLE else text)
        if kind == "hex":
            digits = re.sub(rb"\s", b"", text[2:].rstrip(b"'"))
            if self._name == POSTGRESQL and text[:1] in b"xX":
                bits = "".join(f"{int(digit, 16):04b}" for digit in digits.decode())
                return Literal("bits", bits.encode())
            return Literal("bytes", bytes.fromhex(("0" * (len(digits) % 2)) + digits.decode()))
        if kind == "bits":
            return Literal("bits", text[2:].rstrip(b"'"))
        if kind == "op":
            return self._operator(text, tokens, depth)
        if text == b"\\" and self._name == MYSQL and tokens.take()[1] == b"N":
            return _NULL
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
            content = self.content(kind, text[text.index(b"'") :])
            return Literal("bytes", written_bytes(content, self._charset))
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
        return unescape_unicode(text[3:-1].replace(b"''", b"'"))

    def _word(self, word: bytes, tokens: _Tokens, depth: int) -> Literal:
        if word == b"null":
            return _NULL
        if word in (b"true", b"false"):
            return Literal("word", word)
        if word[:1] == b"$" and word[1:].replace(b".", b"", 1).isdigit():
            return Literal("number", self._money(word, tokens))
        kind, following = tokens.peek()
        if kind in ("hex", "bits") and word[:1] == b"_" and self._name == MYSQL:
            # A character set before hex digits says that they are text.
            value = self._primary(tokens, depth)
            return value if word == b"_binary" else Literal("text", value.value)
        if word in _TYPED and following.lower() in (b"with", b"without"):
            while tokens.word() in (b"with", b"without", b"local", b"time", b"zone"):
                tokens.take()
            kind, following = tokens.peek()
        if kind in _STRINGS and (
            word in _TYPED or (self._name == POSTGRESQL and word in _PG_TYPED)
        ):
            value = self._string(*tokens.take(), tokens)
            return Literal("text", moment_text(value.value)) if self._name == DB2 else value
        if kind == "string" and self._name == DB2 and word in (b"g", b"gx", b"ux", b"bx"):
            return self._graphic(word, tokens.take()[1])
        while following == b"." and word in _OWNERS:
            tokens.take()
            word = tokens.take()[1].strip(b'"[]').lower()
            following = tokens.peek()[1]
        if following != b"(":
            raise NotLiteral
        tokens.take()
        value = self._call(word, tokens, depth + 1)
        tokens.expect(b")")
        return value

    def _graphic(self, prefix: bytes, text: bytes) -> Literal:
        """Db2's ``G'…'``, ``GX'…'`` and ``UX'…'`` (UTF-16), ``BX'…'`` (bytes)."""
        content = self.content("string", text)
        if prefix == b"g":
            return Literal("text", content)
        try:
            raw = bytes.fromhex(content.decode("ascii"))
            if prefix == b"bx":
                return Literal("bytes", raw)
            return Literal("text", raw.decode("utf-16-be").encode())
        except ValueError:
            raise NotLiteral from None

    def _money(self, word: bytes, tokens: _Tokens) -> bytes:
        """SQL Server's ``$12.50``, whose point and cents are tokens of their own."""
        if tokens.peek()[0] == "number" and tokens.peek()[1][:1] == b".":
            return word[1:] + tokens.take()[1]
        return word[1:]

    def arguments(self, tokens: _Tokens, depth: int) -> list[Literal]:
        """The literals up to the closing parenthesis, which is left."""
        if tokens.peek()[1] == b")":
            return []
        found = [self._concatenation(tokens, depth)]
        while tokens.peek()[1] == b",":
            tokens.take()
            found.append(self._concatenation(tokens, depth))
        return found

    def _call(self, word: bytes, tokens: _Tokens, depth: int) -> Literal:
        """The value of a function of literals, whose opening parenthesis was taken."""
        if word in (b"cast", b"try_cast"):
            value = self._concatenation(tokens, depth)
            if tokens.take()[1].lower() != b"as":
                raise NotLiteral
            return cast(value, *self._type(tokens), self._name)
        if word in (b"convert", b"try_convert"):
            return self._convert(tokens, depth)
        call = CALLS.get(word)
        if call is None:
            raise NotLiteral
        found = self.arguments(tokens, depth)
        if tokens.word() == b"using" and word == b"char":
            tokens.take()
            tokens.take()
        return call(word, found, self._name)

    def _convert(self, tokens: _Tokens, depth: int) -> Literal:
        # CONVERT(type, value [, style]) is SQL Server's, CONVERT(value, type) MySQL's.
        if self._name == MYSQL or tokens.peek()[0] not in ("word", "quoted"):
            value = self._concatenation(tokens, depth)
            if tokens.word() == b"using":
                tokens.take()
                tokens.take()
                return Literal("text", value.value) if value.form == "bytes" else value
            tokens.expect(b",")
            return cast(value, *self._type(tokens), self._name)
        kind, sizes = self._type(tokens)
        tokens.expect(b",")
        found = self.arguments(tokens, depth)
        if len(found) == 1:
            return cast(found[0], kind, sizes, self._name)
        if len(found) != 2 or found[1].form != "number":
            raise NotLiteral
        return by_style(found[0], kind, sizes, found[1].value)
