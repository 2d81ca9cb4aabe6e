"""Statements that change data by more than literals: they are told about, never carried out."""

from __future__ import annotations

import re

from ispmig_pipelines.formats.sql.tokens import Lexicon

TOLD = {
    "update": "UPDATE statement(s) after the rows they change; they are not carried out",
    "delete": "DELETE statement(s) after the rows they remove; they are not carried out",
    "truncate": "TRUNCATE statement(s) after the rows they remove; they are not carried out",
    "merge": "MERGE statement(s); they are not carried out, and what they add is no data here",
    "drop": "DROP TABLE statement(s) after the table's rows, which are read all the same",
    "select": "statement(s) that copy data inside the database (INSERT … SELECT, SELECT … INTO, "
    "CREATE TABLE … AS); they are no data here",
    "insert": "INSERT statement(s) of a form that is not read; they are no data here",
    "upsert": "INSERT statement(s) that change a row which is there already (ON DUPLICATE KEY "
    "UPDATE, ON CONFLICT DO UPDATE); their rows are read as they stand",
    "load": "LOAD, IMPORT or BULK INSERT statement(s), which name another file; it is not opened",
    "copy": "COPY statement(s) from another file or program; it is not opened",
    "shell": "line(s) for the database's shell that name another file; it is not opened",
    "block": "block(s) of procedural code; what they do is not carried out",
    "call": "call(s) of procedures; what they do is not carried out",
    "other": "statement(s) that change data on a condition or through a query; they are not "
    "carried out, and what they add is no data here",
    "alter": "ALTER TABLE statement(s) that add, drop or rename columns after the rows",
    "rename": "statement(s) that rename tables; the tables keep the names of their rows here",
    "unknown": "line(s) or statement(s) that are no SQL that is known here; they are passed over",
    "unended": "INSERT statement(s) at the end of the script without the delimiter that ends a "
    "statement; the rows are read: see that none is missing after them",
    "object": "statement(s) that write large objects; they are no data here",
}
"""What is said about each kind of change."""

ON_ROWS = frozenset({"update", "delete", "truncate", "alter", "rename"})
"""Kinds that mean nothing for a table without rows."""

_CHANGING = frozenset({b"INSERT", b"UPDATE", b"DELETE", b"MERGE", b"REPLACE"})
_OBJECTS = frozenset({b"LOWRITE", b"LO_FROM_BYTEA", b"LO_PUT", b"LO_OPEN"})


def change_within(text: bytes, lex: Lexicon) -> str:
    """The kind of change that a statement holds somewhere within, or ""."""
    before = b""
    first = b""
    for found in lex.token.finditer(text):
        if found.lastgroup == "space":
            continue
        word = found.group().upper() if found.lastgroup == "word" else b""
        first = first or word
        if word in _OBJECTS:
            return "object"
        if word in _CHANGING and before not in (b"FOR", b"ON", b"."):
            # REPLACE(…) is a function as well.
            if word != b"REPLACE" or text[found.end() : found.end() + 1].isspace():
                return "other"
        elif before == b"INTO" and first in (b"SELECT", b"WITH") and _names_a_table(found):
            return "select"
        before = word or found.group()
    return ""


def _names_a_table(found: re.Match[bytes]) -> bool:
    """SELECT … INTO @variable and INTO OUTFILE make no table."""
    return found.lastgroup in ("word", "double", "quoted") and not found.group().upper().startswith(
        (b"@", b"OUTFILE", b"DUMPFILE", b"STRICT")
    )
