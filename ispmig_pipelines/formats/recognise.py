"""What kind of file some bytes are the beginning of, by what stands in them.

Names and extensions are not looked at: exports travel under any name.
"""

from __future__ import annotations

import re

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (_OLE, "xls"),
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\x7fELF", "executable"),
    (b"MZ\x90\x00", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"PAR1", "parquet"),
    (b"ARROW1\x00\x00", "arrow"),
    (b"Obj\x01", "avro"),
    (b"ORC", "orc"),
    (b"PGDMP", "pg_dump archive"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"{\\rtf", "rtf"),
    (b"age-encryption.org/", "age-encrypted"),
    (b"-----BEGIN PGP", "pgp-encrypted"),
    (b"-----BEGIN AGE ENCRYPTED", "age-encrypted"),
)

KIND_NAMES = {
    "csv": "CSV",
    "json": "JSON",
    "ndjson": "JSON, one value a line (NDJSON)",
    "xml": "XML",
    "html": "an HTML page",
    "sql": "an SQL script",
    "xlsx": "an Excel workbook (xlsx)",
    "xlsb": "an Excel workbook (xlsb)",
    "xls": "a Microsoft Office document of the old kind (xls or password-protected)",
    "ods": "an OpenDocument spreadsheet",
    "docx": "a Word document",
    "pdf": "a PDF",
    "png": "a PNG image",
    "jpeg": "a JPEG image",
    "gif": "a GIF image",
    "executable": "a program",
    "sqlite": "an SQLite database",
    "parquet": "a Parquet file",
    "arrow": "an Arrow file",
    "avro": "an Avro file",
    "orc": "an ORC file",
    "tar": "a tar archive",
    "rar": "a RAR archive",
    "7z": "a 7-Zip archive",
    "rtf": "an RTF document",
    "binary": "binary data, not text",
}
"""How each kind is named in a message."""


def kind_name(kind: str) -> str:
    """``kind`` in words, e.g. ``an Excel workbook (xlsx)``."""
    return KIND_NAMES.get(kind, f"a file of kind {kind}")


def binary_kind(head: bytes) -> str:
    """The kind of a binary file by its first bytes, or "" where none is known.

    Args:
        head: at least the first 300 bytes of the (decompressed) file, or all it has.
    """
    for magic, kind in _MAGIC:
        # A CSV may well begin with the three letters of a magic word: ask for a control byte.
        if head.startswith(magic) and (len(magic) > 4 or any(b < 9 for b in head[:64])):
            return kind
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[257:262] == b"ustar":
        return "tar"
    return ""


_SQL_STATEMENT = re.compile(
    r"^\s*(?:CREATE\s+(?:TABLE|DATABASE|SCHEMA|SEQUENCE|TYPE|PROC|VIEW|FUNCTION|EXTENSION)\b"
    r"|(?:INSERT|REPLACE)\s+(?:\w+\s+){0,2}?INTO\s+\S+|DROP\s+(?:TABLE|DATABASE)\b"
    r"|BEGIN\s+TRANSACTION\s*;|PRAGMA\s+\w+\s*=|DELIMITER\s+(?:\$\$|;;|//|\|)\s*$"
    r"|CONNECT\s+TO\s+\w+\s*[;@]"
    r"|SET\s+\w+\s*=?\s*\S+.*;\s*$|USE\s+[\[`\"]?\w+[\]`\"]?\s*;?\s*$"
    r"|INSERT\s+[\w\[\]\"`.$#]+\s*(?:\([^)]*\)\s*)?VALUES?\s*\(|INSERT\s+ALL\s+INTO\b"
    r"|COPY\s+\S+\s*\(.*\)\s+FROM\s+stdin|ALTER\s+TABLE\b"
    r"|IF\s+(?:NOT\s+)?EXISTS\s*\([^;]{0,2000}?\)\s*(?:BEGIN\s+)?INSERT\s"
    r"|BEGIN(?:\s+TRAN\w*|\s+WORK)?\s*;?\s*(?:INSERT|REPLACE)\s+INTO\s"
    r"|(?:SQL|mysql|sqlite)>\s*(?:INSERT|CREATE)\s"
    r"|LOCK\s+TABLES\b|/\*!\d{5}\s)",
    re.IGNORECASE | re.MULTILINE,
)
_SQL_COMMENT = re.compile(r"\A\s*(?:--[ \-]|--$|/\*)", re.MULTILINE)


def text_kind(text: str) -> str:
    """The kind of a text file by its beginning: ``json``, ``ndjson``, ``xml``, ``html``, ``sql``
    or ``csv`` (any other text).

    Args:
        text: the decoded beginning, without its byte order mark; some thousand characters.
    """
    start = text.lstrip()
    if not start:
        return "csv"
    if start.startswith("<"):
        lowered = start[:300].lower()
        if lowered.startswith(("<!doctype html", "<html")):
            return "html"
        if re.match(r"<(?:\?[A-Za-z]|!--|!DOCTYPE)", start):
            return "xml"
        if re.match(r"<[^\W\d][\w.:-]*[\s/>]", start) and ("</" in start or "/>" in start):
            return "xml"
        # Cut short or broken it is no table all the same.
        first = start.partition("\n")[0]
        if len(first) > 1 and (
            not re.search(r"[,;|\t]", first) or re.match(r"<[\w.:-]+\s+[\w.:-]+\s*=\s*[\"']", first)
        ):
            return "xml"
    if start[0] in "{[":
        kind = _json_kind(start)
        if kind:
            return kind
    if start.startswith("/*") and is_phpmyadmin_comment(start[2:].partition("*/")[0]):
        return "json"
    statements = len(_SQL_STATEMENT.findall(start[:200_000]))
    if statements and (
        statements >= 2 or _SQL_COMMENT.match(start) or _SQL_STATEMENT.match(start) is not None
    ):
        return "sql"
    return "csv"


def is_phpmyadmin_comment(comment: str) -> bool:
    """Whether the comment at the beginning of a file says that phpMyAdmin wrote it as JSON."""
    return "export to json plugin for phpmyadmin" in " ".join(comment.lower().split())


_LINES_WEIGHED = 50


def _json_kind(start: str) -> str:
    # An object or array opens with a name, a value or its end; a CSV cell like "[see note]"
    # or "{12" does not go on like that.
    if start[0] == "{" and not re.match(r"\{\s*(?:\"|\}|\Z)", start):
        return ""
    if start[0] == "[" and not re.match(r"\[\s*(?:[\[{\"\]\d\-]|true|false|null|\Z)", start):
        return ""
    first, _, rest = start.partition("\n")
    first, rest = first.rstrip(), rest.lstrip()
    closes = {"{": "}", "[": "]"}[start[0]]
    # A broken line must not hide that the others are values of their own.
    lines = [line for line in map(str.strip, start.split("\n")[:_LINES_WEIGHED]) if line]
    whole = sum(line[0] == start[0] and line[-1] == closes for line in lines)
    if whole >= 2 and whole * 2 > len(lines):
        return "ndjson"
    if first.endswith(closes) and len(first) > 1:
        if rest[:1] == start[0]:
            return "ndjson"
        if rest and start[0] == "[":
            return ""
        return "json"
    # The end of the sample is the end of no line.
    if "\n" in start and first.endswith(closes + ",") and start[0] == "[" and rest[:1] != start[0]:
        return ""
    return "json"
