"""Whether the query of a spec only reads, as far as its words tell.

The wall against a query that changes something is the database's own: a transaction (or a
file) that is read only. This check is the second, for what such a transaction does not keep
from happening (``INTO OUTFILE``), and the first for SQL Server, which has none. It looks at the
words outside strings, quoted names and comments, and rather refuses too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ispmig_pipelines.formats.sql.dialect import (
    MYSQL,
    ORACLE,
    POSTGRESQL,
    SQLITE,
    SQLSERVER,
    SqlDialect,
)
from ispmig_pipelines.formats.sql.tokens import lexicon

_LANGUAGE = {
    "postgresql": SqlDialect(POSTGRESQL, backslash=False),
    "mysql": SqlDialect(MYSQL, backslash=True),
    "sqlite": SqlDialect(SQLITE, backslash=False),
    "mssql": SqlDialect(SQLSERVER, backslash=False),
    "oracle": SqlDialect(ORACLE, backslash=False),
}

_BEGINNINGS = {
    "postgresql": ("SELECT", "WITH", "VALUES", "TABLE"),
    "mysql": ("SELECT", "WITH", "VALUES", "TABLE"),
    "sqlite": ("SELECT", "WITH", "VALUES"),
    "mssql": ("SELECT", "WITH"),
    "oracle": ("SELECT", "WITH"),
}

_T_SQL = (
    "INTO", "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE", "ALTER", "DROP", "GRANT",
    "REVOKE", "DENY", "EXEC", "EXECUTE", "BACKUP", "RESTORE", "SHUTDOWN", "DBCC", "KILL", "USE",
    "DECLARE", "SET", "BEGIN", "COMMIT", "ROLLBACK", "SAVE", "WAITFOR", "RECONFIGURE", "BULK",
    "WRITETEXT", "UPDATETEXT", "READTEXT", "ENABLE", "DISABLE", "OPENROWSET", "OPENQUERY",
    "OPENDATASOURCE", "PRINT", "RAISERROR", "THROW", "WHILE", "GOTO", "RETURN", "IF", "CHECKPOINT",
    "REVERT", "SETUSER", "SEND", "RECEIVE", "OPEN", "CLOSE", "FETCH", "DEALLOCATE",
)  # fmt: skip
_ANYWHERE = {
    # SELECT … INTO makes tables, files on the server, and variables.
    "mysql": frozenset({"INTO"}),
    "oracle": frozenset({"INTO", "FUNCTION", "PROCEDURE"}),
    # In T-SQL a statement ends where the next one begins, without any mark.
    "mssql": frozenset(_T_SQL),
}
_OF_THE_SERVER = re.compile(
    r"(?<![\w$])(?:pg_(?!catalog\b|typeof\b)\w*|information_schema|regrole|regnamespace|regdatabase"
    r"|set_config|lo_(?:get|put|open|import|export|creat|create|from_bytea)|loread|dblink\w*"
    # What runs a text as a query, in which a name may be put together.
    r"|(?:query|cursor|table|schema|database)_to_xml\w*|ts_stat|ts_rewrite|crosstab\w*|connectby"
    r"|xpath_table)(?![\w$])|u&\s*\"",
    re.IGNORECASE,
)
_CHANGES = frozenset({"DELETE", "UPDATE", "INSERT", "REPLACE"})


class NotARead(ValueError):
    """The text is not one statement that only reads; the words say why."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


def single_read(query: str, kind: str) -> str:
    """The query without a semicolon at its end, if it is one statement that only reads.

    Args:
        query: as the spec has it.
        kind: of the database, as in :data:`ispmig_pipelines.database_url.SCHEMES`.

    Raises:
        NotARead: it is empty, more than one statement, or could change something.
    """
    raw = query.encode()
    tokens = [token for token in _tokens(raw, kind) if token.kind != "space"]
    end = len(raw)
    while tokens and tokens[-1].text == ";":
        end = tokens.pop().start
    if not tokens:
        raise NotARead("it is empty")
    _check_shape(tokens, kind)
    words = [t.text.upper() if t.kind == "word" else "" for t in tokens]
    for word in words:
        if word in _ANYWHERE.get(kind, ()):
            raise NotARead(
                f"it has the word {word}, by which a statement may change something; write a name "
                "of that kind in quotes, if it is one"
            )
    if kind == "mysql":
        _check_changes(tokens, words)
    return raw[:end].decode()


def of_the_server(query: str) -> str:
    """The first name in a PostgreSQL query by which it may look beyond the tables of its database:
    at the server's files, roles, other databases; "" if there is none.

    Of the whole text, strings and comments too, so that nothing depends on where these end for
    the server; names of that kind are seldom anything else.
    """
    found = _OF_THE_SERVER.search(query)
    return found.group() if found else ""


def _check_shape(tokens: list[_Token], kind: str) -> None:
    if any(token.text == ";" for token in tokens):
        raise NotARead("it is more than one statement; write one SELECT")
    first = next((t for t in tokens if t.text != "("), tokens[0])
    if first.kind != "word" or first.text.upper() not in _BEGINNINGS[kind]:
        raise NotARead(f"it does not begin with {' or '.join(_BEGINNINGS[kind][:2])}")
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0:
            break
    if depth:
        raise NotARead("its parentheses do not close")


def _check_changes(tokens: list[_Token], words: list[str]) -> None:
    depth = 0
    for i, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        called = i + 1 < len(tokens) and tokens[i + 1].text == "("
        if words[i] in _CHANGES and not depth and not called and words[i - 1] != "FOR":
            raise NotARead(f"it would {words[i].lower()}")


def _tokens(raw: bytes, kind: str) -> Iterator[_Token]:
    pattern = lexicon(_LANGUAGE[kind]).token
    at = 0
    while at < len(raw):
        found = pattern.match(raw, at)
        if found is None or found.end() == at:
            raise NotARead("a quote or a comment in it is not closed")
        yield _Token(found.lastgroup or "", found.group().decode("utf-8", "replace"), at)
        at = found.end()
