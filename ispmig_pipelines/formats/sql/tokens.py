"""The words of SQL: what a script's bytes are made of, per dialect.

All of it are compiled regular expressions over bytes; each quantifier is possessive, so that
none of them can be made to run for ever by what stands in a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.sql.dialect import (
    DB2,
    GENERIC,
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLITE,
    SQLSERVER,
    SqlDialect,
)

_ESCAPED_STRING = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_PLAIN_STRING = rb"'[^']*+(?:''[^']*+)*+'"
_COMMENT = rb"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
_NESTED_COMMENT = _COMMENT
for _ in range(5):
    _NESTED_COMMENT = rb"/\*(?:[^*/]++|\*(?!/)|/(?!\*)|" + _NESTED_COMMENT + rb")*+\*/"
_WORD = rb"[A-Za-z_@$#\x80-\xff][\w@$#\x80-\xff]*+"


@dataclass(frozen=True)
class Lexicon:
    """The regular expressions of one dialect.

    Attributes:
        space: white space and comments, as many as there are.
        gap: the same, up to what may go on beyond what is at hand.
        skip: a stretch of a statement without its end: text, strings, quoted names, comments.
        row: one row of plain values in parentheses, nothing in it that asks for more care.
        rows: such rows, with commas between them.
        token: one token of an expression; group names tell its kind.
        name: a name, qualified or not.
        insert: the head of an INSERT or REPLACE up to its VALUES, SELECT, …
    """

    dialect: SqlDialect
    space: re.Pattern[bytes]
    gap: re.Pattern[bytes]
    skip: re.Pattern[bytes]
    row: bytes
    rows: re.Pattern[bytes]
    token: re.Pattern[bytes]
    name: re.Pattern[bytes]
    insert: re.Pattern[bytes]
    into: re.Pattern[bytes]
    copy: re.Pattern[bytes]


@lru_cache(maxsize=32)
def lexicon(dialect: SqlDialect) -> Lexicon:
    """The lexicon of ``dialect``."""
    name = dialect.name
    string = _ESCAPED_STRING if dialect.backslash else _PLAIN_STRING
    double = (
        rb'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"'
        if name == MYSQL and dialect.backslash
        else rb'"[^"]*+(?:""[^"]*+)*+"'
    )
    back = rb"`[^`]*+(?:``[^`]*+)*+`"
    brackets = name in (SQLSERVER, SQLITE, GENERIC)
    bracket = rb"\[[^\]]*+(?:\]\][^\]]*+)*+\]"
    dollar = rb"\$(?P<tag>[A-Za-z_\x80-\xff]?[\w\x80-\xff]*+)\$.*?\$(?P=tag)\$"
    dollars = name in (POSTGRESQL, GENERIC)
    # MySQL takes two dashes for a comment only before white space.
    dashes = rb"--(?=[\s\x00-\x1f])[^\n]*+(?:\n|\Z)" if name == MYSQL else rb"--[^\n]*+(?:\n|\Z)"
    hashes = rb"#[^\n]*+(?:\n|\Z)"
    if name in (MYSQL, GENERIC):
        block = rb"/\*(?!M?!)[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
        # What an executable comment holds is SQL: only its marks are passed over.
        block += rb"|/\*M?!\d*+|\*/"
    elif name in (POSTGRESQL, SQLSERVER, DB2):
        block = _NESTED_COMMENT
    else:
        block = _COMMENT
    blanks = rb"[\s\x00\x1a]++|"
    space = blanks + dashes + rb"|" + block
    if name in (MYSQL, GENERIC):
        space += rb"|" + hashes
    # Where more may follow, a comment ends with its line feed, a mark with what is no digit.
    closed = space.replace(rb"(?:\n|\Z)", rb"\n").replace(rb"!\d*+", rb"!\d*+(?=\D)")
    gap = rb"(?:" + closed + rb")*+"
    space = rb"(?:" + space + rb")*+"
    names = [double, back, _WORD]
    if brackets:
        names.append(bracket)
    # A name may begin with a digit in MySQL; a number never stands where a name does.
    ident = rb"(?:" + rb"|".join(names) + rb"|[0-9][\w$]*+)"
    qualified = ident + rb"(?:" + space + rb"\.+" + space + ident + rb")*+"
    quoted = (
        [string, double, back] + ([bracket] if brackets else []) + ([dollar] if dollars else [])
    )
    if name == ORACLE:
        quoted.insert(0, _Q_QUOTES)
    if name == POSTGRESQL:
        quoted.insert(0, rb"[eE]" + _ESCAPED_STRING)
    stops = rb"'\"`;$/\-" + (rb"\[" if brackets else b"") + (rb"#" if name == MYSQL else b"")
    stops += rb"\n" if name in (SQLSERVER, ORACLE, DB2, GENERIC) else b""
    stops += rb"eEqQnN" if name in (POSTGRESQL, ORACLE) else b""
    if dialect.delimiter != b";":
        stops += re.escape(dialect.delimiter[:1])
    skip = rb"(?:[^" + stops + rb"]++|" + rb"|".join(quoted)
    skip += rb"|" + dashes.replace(rb"(?:\n|\Z)", rb"\n") + rb"|" + block
    if name == MYSQL:
        skip += rb"|" + hashes.replace(rb"(?:\n|\Z)", rb"\n")
    # DELIMITER // is as common as $$ and ;;.
    ends_here = rb"(?!" + re.escape(dialect.delimiter) + rb")"
    skip += rb"|" + ends_here + rb"-(?=[^-])|" + ends_here + rb"/(?=[^*])"
    if name == MYSQL:
        skip += rb"|--(?=[^\s\x00-\x1f])"
    if dollars:
        skip += rb"|\$(?=[^$\w\x80-\xff])|\$(?=\d)"
    else:
        skip += rb"|\$(?=[^$])|\$\$" if dialect.delimiter[:1] != b"$" else b""
    if name in (POSTGRESQL, ORACLE):
        skip += rb"|[eEqQnN](?=[^'])(?![qQ]')"
        if name == ORACLE:
            skip += rb"|[eEnN](?=')"
        else:
            skip += rb"|[qQnN](?=')"
    skip += rb")*+"
    inside = rb"[^()'\"`\\;#/\-$\[\]{}]*+"
    calm = rb"(?:-(?!-)|/(?!\*)|" + string + rb")"
    nested = rb"\(" + inside + rb"(?:" + calm + inside + rb")*+\)"
    # replace(replace('…','\\r',char(13)),'\\n',char(10)) is the deepest that tools write.
    for _ in range(2 if name in (SQLITE, SQLSERVER, ORACLE) else 1):
        nested = rb"\(" + inside + rb"(?:(?:" + calm + rb"|" + nested + rb")" + inside + rb")*+\)"
    row = rb"\(" + inside + rb"(?:(?:" + calm + rb"|" + nested + rb")" + inside + rb")*+\)"
    if name in (POSTGRESQL, ORACLE):
        # E'…' and q'[…]' have quotes of their own.
        odd = rb"eE" if name == POSTGRESQL else rb"qQ"
        string_at = rb"(?<![" + odd + rb"])" + string
        row = row.replace(string, string_at)
    rows = rb"\s*+" + row + rb"(?:\s*+,\s*+" + row + rb")*+"
    token = (
        rb"(?P<space>[\s\x00]++|" + dashes + rb"|" + block
        + (rb"|" + hashes if name == MYSQL else b"")
        + rb")"
        + rb"|(?P<estring>[eE]" + _ESCAPED_STRING + rb")"
        + (rb"|(?P<qstring>" + _Q_QUOTES + rb")" if name == ORACLE else rb"|(?P<qstring>(?!))")
        + rb"|(?P<ustring>[uU]&" + _PLAIN_STRING + rb")"
        + rb"|(?P<hex>0[xX][0-9a-fA-F]*+(?![\w])|[xX]'[0-9a-fA-F\s]*+')"
        + rb"|(?P<bits>0[bB][01]++(?!\w)|[bB]'[01]*+')"
        + rb"|(?P<string>[nN]?" + string + rb"|_[A-Za-z0-9]++\s*+" + string + rb")"
        + rb"|(?P<double>" + double + rb")"
        + rb"|(?P<quoted>" + back + (rb"|" + bracket if brackets else b"") + rb")"
        + (rb"|(?P<dollar>" + dollar + rb")" if dollars else rb"|(?P<dollar>(?!))")
        + rb"|(?P<number>(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?\d++)?+"
        + (rb"[dDfF]?+" if name == ORACLE else b"") + rb"(?!\w))"
        + rb"|(?P<word>" + (rb"(?!\$)" if dollars else b"") + _WORD + rb")"
        + rb"|(?P<op>\|\||::|/(?!\*)|[(),+\-*=<>.;{}\[\]:])"
        # What opens and is never closed is no token at all: more must be read to tell.
        + rb"|(?P<other>[^'\"`/" + (rb"$" if dollars else b"") + rb"])"
    )  # fmt: skip
    flags = re.DOTALL | re.IGNORECASE
    into = (
        rb"INTO\b" + space + rb"(?P<name>" + qualified + rb")" + space
        + rb"(?P<columns>\(" + space + rb"(?:" + qualified + space + rb"(?:," + space + qualified
        + space + rb")*+)?\))?" + space + rb"(?P<verb>VALUES?\b)"
    )  # fmt: skip
    insert = (
        rb"(?:INSERT|REPLACE)\b" + space
        + rb"(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|OR\s++\w++)\b" + space + rb")*+"
        + rb"(?:INTO\b" + space + rb")?+(?:TABLE\b" + space + rb")?+"
        + rb"(?P<name>" + qualified + rb")" + space
        + rb"(?:PARTITION" + space + rb"\([^()']*+\)" + space + rb")?+"
        + rb"(?:AS\b" + space + ident + space + rb")?+"
        + rb"(?:WITH" + space + rb"\([\w\s,()]*?\)" + space + rb")?+"
        + rb"(?P<columns>\(" + space + rb"(?:" + qualified + space + rb"(?:," + space + qualified
        + space + rb")*+)?\))?" + space
        + rb"(?:OVERRIDING\s++(?:SYSTEM|USER)\s++VALUE\b" + space + rb")?+"
        + (rb"(?:OUTPUT\s[^()';]*?(?=\bVALUES\b))?+" if name == SQLSERVER else b"")
        + rb"(?P<verb>VALUES?\b|\(?" + space + rb"SELECT\b|DEFAULT\b|SET\b|EXEC(?:UTE)?\b|WITH\b"
        + rb"|OUTPUT\b|TABLE\b)"
    )  # fmt: skip
    copy = (
        rb"COPY\b" + space + rb"(?P<name>" + qualified + rb")" + space
        + rb"(?P<columns>\(" + space + rb"(?:" + qualified + space + rb"(?:," + space + qualified
        + space + rb")*+)?\))?" + space + rb"FROM\s++stdin\b(?P<options>[^;]*+);[^\n]*+\n"
    )  # fmt: skip
    return Lexicon(
        dialect=dialect,
        space=possessive.compiled(space, re.DOTALL),
        gap=possessive.compiled(gap, re.DOTALL),
        skip=possessive.compiled(skip, re.DOTALL),
        row=row,
        rows=possessive.compiled(rows, re.DOTALL),
        token=possessive.compiled(token, re.DOTALL),
        name=possessive.compiled(qualified, re.DOTALL),
        insert=possessive.compiled(insert, flags),
        into=possessive.compiled(into, flags),
        copy=possessive.compiled(copy, flags),
    )


_Q_QUOTES = (
    rb"[nN]?[qQ]'(?:\[.*?\]'|\{.*?\}'|\(.*?\)'|<.*?>'|(?P<qd>[^\s\[{(<])"
    rb".*?(?P=qd)')"
)

_PART = re.compile(
    rb'"((?:[^"]|"")*+)"|`((?:[^`]|``)*+)`|\[((?:[^\]]|\]\])*+)\]|([\w@$#\x80-\xff]++)', re.DOTALL
)


@dataclass(frozen=True)
class Name:
    """A name of SQL: its parts, outermost first, and which of them were quoted."""

    parts: tuple[str, ...]
    quoted: tuple[bool, ...]

    @property
    def text(self) -> str:
        """As it is shown: the parts with dots between them."""
        return ".".join(self.parts)


def parse_name(raw: bytes, lex: Lexicon) -> Name:
    """The parts of a (qualified) name as it stands in the script."""
    parts, quoted = [], []
    at = 0
    while at < len(raw):
        found = _PART.match(raw, at)
        if found is None:
            if raw.startswith(b"..", at):
                # SQL Server's shop..orders leaves the schema out.
                parts.append("")
                quoted.append(False)
                at += 1
            passed = lex.space.match(raw, at)
            # Dots, blanks and comments stand between the parts.
            at = max(passed.end() if passed else at, at + 1)
            continue
        double, back, bracket, word = found.groups()
        if double is not None:
            part = double.replace(b'""', b'"')
        elif back is not None:
            part = back.replace(b"``", b"`")
        elif bracket is not None:
            part = bracket.replace(b"]]", b"]")
        else:
            part = word
        if lex.dialect.name == DB2:
            # db2look pads the names of schemas; blanks at the end mean nothing.
            part = part.rstrip(b" ")
        parts.append(part.decode("utf-8", "backslashreplace"))
        quoted.append(word is None)
        at = found.end()
    return Name(tuple(parts), tuple(quoted))


def parse_columns(raw: bytes | None, lex: Lexicon) -> tuple[str, ...] | None:
    """The names in a list of columns ``(a, "b", [c])``; None where there is no list."""
    if raw is None:
        return None
    names: list[str] = []
    at = 1
    while at < len(raw) - 1:
        passed = lex.space.match(raw, at)
        at = passed.end() if passed else at
        found = lex.name.match(raw, at)
        if found is None:
            at += 1
            continue
        names.append(parse_name(found.group(), lex).parts[-1])
        at = found.end()
    return tuple(names)


_MYSQL_ESCAPE = {
    b"0": b"\0",
    b"b": b"\b",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"Z": b"\x1a",
    # These two stand for patterns and keep their backslash.
    b"%": b"\\%",
    b"_": b"\\_",
    # No tool escapes a blank: who writes "A \\ B" means the backslash, and the same data in
    # other dialects have it (a title in the Chinook scripts). MySQL itself would drop it.
    b" ": b"\\ ",
}
_MYSQL_UNESCAPE = re.compile(rb"\\(.)|''|\"\"", re.DOTALL)


def unescape_backslashes(text: bytes, quote: bytes = b"'") -> bytes:
    """The content of a MySQL string: https://dev.mysql.com/doc/refman/8.4/en/string-literals.html"""
    if b"\\" not in text:
        return text.replace(quote * 2, quote)

    def one(found: re.Match[bytes]) -> bytes:
        escaped = found.group(1)
        if escaped is None:
            pair = found.group()
            return quote if pair == quote * 2 else pair
        return _MYSQL_ESCAPE.get(escaped, escaped)

    return _MYSQL_UNESCAPE.sub(one, text)


_SIMPLE_ESCAPES = (
    (b"\\n", b"\n"),
    (b"\\r", b"\r"),
    (b"\\t", b"\t"),
    (b'\\"', b'"'),
    (b"\\Z", b"\x1a"),
)


def unescape_all(cells: list[bytes], *, backslash: bool) -> list[bytes]:
    """The contents of strings without zero bytes, all at once: ten times as fast as one by one."""
    if not cells:
        return cells
    text = b"\0".join(cells)
    if not backslash:
        return text.replace(b"''", b"'").split(b"\0")
    free = [mark for mark in (b"\x01", b"\x02", b"\x03", b"\x04", b"\x05") if mark not in text]
    if len(free) >= 2:
        slash, quote = free[:2]
        text = text.replace(b"\\\\", slash).replace(b"\\'", quote).replace(b"''", b"'")
        for written, meant in _SIMPLE_ESCAPES:
            text = text.replace(written, meant)
        if b"\\" not in text:
            return text.replace(quote, b"'").replace(slash, b"\\").split(b"\0")
    return [unescape_backslashes(cell) for cell in cells]


_UNICODE_ESCAPE = re.compile(
    rb"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|(\\))"
)


def unescape_unicode(text: bytes) -> bytes:
    """The content of ``U&'d\\0061ta'`` and of ``UNISTR('d\\0061ta')``, pairs of halves as one.

    What is no character comes out as bytes that are no UTF-8.
    """
    if b"\\" not in text:
        return text
    try:
        whole = _UNICODE_ESCAPE.sub(_code_point, text).decode("utf-8", "surrogatepass")
        return whole.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeDecodeError:
        return b"\xff"


def _code_point(found: re.Match[bytes]) -> bytes:
    if found.group(5):
        return b"\\"
    number = int(found.group(1) or found.group(2) or found.group(3) or found.group(4), 16)
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"\xff"


_C_UNESCAPE = re.compile(
    rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|''", re.DOTALL
)
_COPY_UNESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_C_ESCAPE = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def unescape_c(text: bytes) -> bytes:
    """The content of a PostgreSQL ``E'…'`` string."""
    return _C_UNESCAPE.sub(_c_character, text) if b"\\" in text or b"''" in text else text


_COPY_ESCAPES = (
    (b"\\n", b"\n"),
    (b"\\t", b"\t"),
    (b"\\r", b"\r"),
    (b"\\b", b"\b"),
    (b"\\f", b"\f"),
    (b"\\v", b"\v"),
)


def unescape_copy_all(cells: list[bytes]) -> list[bytes]:
    """The contents of COPY's cells, all at once."""
    text = b"\0".join(cells)
    if b"\x01" not in text and text.count(b"\0") == len(cells) - 1:
        text = text.replace(b"\\\\", b"\x01")
        for written, meant in _COPY_ESCAPES:
            text = text.replace(written, meant)
        if b"\\" not in text:
            return text.replace(b"\x01", b"\\").split(b"\0")
    return [unescape_copy(cell) for cell in cells]


def unescape_copy(text: bytes) -> bytes:
    """The content of a cell of COPY's text format."""
    return _COPY_UNESCAPE.sub(_c_character, text) if b"\\" in text else text


def _c_character(found: re.Match[bytes]) -> bytes:
    escaped = found.group(1)
    if escaped is None:
        return b"'"
    kind = escaped[:1]
    if kind.isdigit() and kind < b"8":
        return bytes((int(escaped, 8) & 0xFF,))
    if kind == b"x" and len(escaped) > 1:
        return bytes((int(escaped[1:], 16),))
    if kind in b"uU" and len(escaped) > 1:
        code = int(escaped[1:], 16)
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"\xff"
    return _C_ESCAPE.get(escaped, escaped)
