"""What went wrong with a legacy database, in words that hold no password and no cell.

A driver's own text may repeat a row or the URL. It is told by its code; the server's words are
repeated only where everything that they quote stands in the query of the spec itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.errors import DatabaseError, IspmigError, SourceError


@dataclass(frozen=True)
class Meaning:
    """What an error of a driver means.

    Attributes:
        what: happened.
        then: what to do.
        passing: the same may succeed when tried again; it is the server's or the network's fault.
        words: the server's own words may help, if they hold nothing but the query's.
    """

    what: str
    then: str
    passing: bool = False
    words: bool = False


_AGAIN = "Nothing was loaded; try again."
_CHECK_ADDRESS = "Correct host and port, or start the server, and try again."

UNREACHABLE = Meaning("nothing answers there", _CHECK_ADDRESS, passing=True)
UNKNOWN_HOST = Meaning("its host name is unknown", _CHECK_ADDRESS, passing=True)
NO_SOCKET = Meaning("its socket does not exist", _CHECK_ADDRESS, passing=True)
SILENT = Meaning("it did not answer in time", _CHECK_ADDRESS, passing=True)
LOST = Meaning("the connection was lost", _AGAIN, passing=True)
STARTING = Meaning("it is starting, recovering or stopping", _AGAIN, passing=True)
CROWDED = Meaning("all its connections are in use", _AGAIN, passing=True)
COLLIDED = Meaning("the work collided with other work on the server", _AGAIN, passing=True)
LOGIN = Meaning(
    "it does not let this user in",
    "Correct the user and the password, or let the user in on the server.",
)
NO_DATABASE = Meaning("it has no database of that name", "Correct the name in the URL.")
TLS = Meaning(
    "the encrypted connection failed",
    "Correct the TLS options behind the question mark of the URL, or the server's certificate.",
)
NEEDS_TLS = Meaning(
    "its way of checking passwords needs an encrypted connection, and it offers none",
    "Let the server offer TLS, or give the user the plugin mysql_native_password.",
)
DENIED = Meaning(
    "the user may not read this",
    "Grant SELECT on the table to the user, or name a user that may read it.",
)
READ_ONLY = Meaning(
    "the query would change something, and sources are only read",
    "Write a query that only selects.",
)
FILTERED = Meaning(
    "row-level security hides records of the table from this user",
    "Name a user that sees all of them (BYPASSRLS), or write a query that says which ones are "
    "meant.",
)
WRONG = Meaning("it does not understand the query", "Correct the query.", words=True)
TOO_LONG = Meaning(
    "the query was cancelled, by a person or by a time limit of the server",
    "Raise the limit for this user, or read a smaller part at a time.",
)
FAILED_DATA = Meaning(
    "the query failed on what stands in a record",
    "Correct the expression of the query, or leave that record out.",
)
SNAPSHOT = Meaning(
    "the server no longer has the state in which reading began",
    "Read at a quieter time, or let the server keep more undo.",
    passing=True,
)
DISK = Meaning("its disk or its memory is exhausted", "See the server's log.", passing=True)
TEXT = Meaning(
    "a text of it has no form in UTF-8",
    "Correct the cell, or write a query that converts the column.",
)
CORRUPT = Meaning(
    "the file is damaged or cut short",
    "Copy it again from where it came from; or save what is left with sqlite3's .recover.",
)
NO_SQLITE = Meaning(
    "the file is not an SQLite database, or is encrypted",
    "Name the right file; or decrypt a copy of it first (SQLCipher: sqlcipher_export).",
)
LOCKED = Meaning("another program is writing to it", _AGAIN, passing=True)
NOT_OPEN = Meaning(
    "the file, or what lies beside it, cannot be opened",
    "Copy the file, with those of its name and -wal or -journal if there are any, into a folder "
    "of your own and name that.",
)
OTHER = Meaning("it refused", "See the server's log.")


# https://www.postgresql.org/docs/current/errcodes-appendix.html: a code or a class of codes.
_POSTGRESQL: dict[str, Meaning] = {
    "08": LOST, "22021": TEXT, "22P05": TEXT, "22": FAILED_DATA, "25": READ_ONLY,
    "0A000": READ_ONLY, "28": LOGIN, "3D000": NO_DATABASE, "40": COLLIDED, "42501": DENIED,
    "42": WRONG, "53300": CROWDED, "53": DISK, "55P03": COLLIDED, "57014": TOO_LONG,
    "57P03": STARTING, "57P": LOST, "58": DISK, "54": DISK,
}  # fmt: skip

_MYSQL: dict[int, Meaning] = {
    1045: LOGIN, 1698: LOGIN, 1044: DENIED, 1049: NO_DATABASE, 1040: CROWDED, 1203: CROWDED,
    1226: CROWDED, 2002: UNREACHABLE, 2003: UNREACHABLE, 2005: UNKNOWN_HOST, 2006: LOST,
    2013: LOST, 2026: TLS, 2059: LOGIN, 3159: TLS, 1053: STARTING, 1152: LOST, 1158: LOST,
    1159: LOST, 1160: LOST, 1161: LOST, 1142: DENIED, 1143: DENIED, 1227: DENIED, 1370: DENIED,
    1064: WRONG, 1054: WRONG, 1146: WRONG, 1052: WRONG, 1055: WRONG, 1060: WRONG, 1066: WRONG,
    1109: WRONG, 1149: WRONG, 1305: WRONG, 1222: WRONG, 1241: WRONG, 1792: READ_ONLY,
    1290: READ_ONLY, 1317: TOO_LONG, 1969: TOO_LONG, 3024: TOO_LONG, 1205: COLLIDED,
    1213: COLLIDED, 1021: DISK, 1037: DISK, 1038: DISK, 1114: DISK, 3: DISK, 1242: FAILED_DATA,
    1365: FAILED_DATA, 1690: FAILED_DATA, 1366: FAILED_DATA, 1129: LOGIN, 1130: LOGIN,
    1251: LOGIN,
}  # fmt: skip

_MSSQL: dict[int, Meaning] = {
    18456: LOGIN, 18452: LOGIN, 4060: NO_DATABASE, 20009: UNREACHABLE, 20002: UNREACHABLE,
    20013: UNKNOWN_HOST, 20003: SILENT, 20047: LOST, 20006: LOST, 20004: LOST, 229: DENIED,
    230: DENIED, 208: WRONG, 207: WRONG, 102: WRONG, 156: WRONG, 1205: COLLIDED, 3952: SNAPSHOT,
    3960: COLLIDED, 8115: FAILED_DATA, 8134: FAILED_DATA, 245: FAILED_DATA, 8114: FAILED_DATA,
    1105: DISK, 701: DISK,
}  # fmt: skip

_ORACLE: dict[str, Meaning] = {
    "ORA-01017": LOGIN, "ORA-28000": LOGIN, "ORA-28001": LOGIN, "ORA-01045": LOGIN,
    "ORA-12154": UNKNOWN_HOST, "ORA-12514": NO_DATABASE, "ORA-12505": NO_DATABASE,
    "ORA-12541": UNREACHABLE, "ORA-12170": SILENT, "ORA-12545": UNKNOWN_HOST,
    "DPY-6005": UNREACHABLE, "DPY-6001": NO_DATABASE, "DPY-6003": NO_DATABASE, "DPY-4011": LOST,
    "ORA-03113": LOST, "ORA-03114": LOST, "ORA-03135": LOST, "ORA-01033": STARTING,
    "ORA-01089": STARTING, "ORA-12516": CROWDED, "ORA-12520": CROWDED, "ORA-00020": CROWDED,
    "ORA-00942": WRONG, "ORA-00904": WRONG, "ORA-00900": WRONG, "ORA-00933": WRONG,
    "ORA-00936": WRONG, "ORA-00923": WRONG, "ORA-00907": WRONG, "ORA-01031": DENIED,
    "ORA-41900": DENIED, "ORA-01456": READ_ONLY, "ORA-16000": READ_ONLY, "ORA-01555": SNAPSHOT,
    "ORA-01013": TOO_LONG, "ORA-01476": FAILED_DATA, "ORA-01722": FAILED_DATA,
    "ORA-01652": DISK,
}  # fmt: skip

_SQLITE: dict[str, Meaning] = {
    "SQLITE_CORRUPT": CORRUPT, "SQLITE_NOTADB": NO_SQLITE, "SQLITE_CANTOPEN": NOT_OPEN,
    "SQLITE_READONLY": READ_ONLY, "SQLITE_BUSY": LOCKED, "SQLITE_LOCKED": LOCKED,
    "SQLITE_PERM": NOT_OPEN, "SQLITE_IOERR": DISK, "SQLITE_AUTH": READ_ONLY, "SQLITE_FULL": DISK,
    "SQLITE_NOMEM": DISK, "SQLITE_INTERRUPT": TOO_LONG, "SQLITE_ERROR": WRONG,
    "SQLITE_TOOBIG": FAILED_DATA, "SQLITE_MISMATCH": FAILED_DATA,
}  # fmt: skip

# Where a driver gives no code: its words at connecting, most telling first.
_WORDS: tuple[tuple[str, Meaning], ...] = (
    (r"starting up|recovery mode|shutting down|not yet accepting", STARTING),
    (r"too many (clients|connections)|connection slots are reserved", CROWDED),
    (r"password|authentication failed|no pg_hba\.conf entry|role .* does not exist", LOGIN),
    (r"database .* does not exist", NO_DATABASE),
    (r"translate host name|Name or service not known|getaddrinfo|nodename nor", UNKNOWN_HOST),
    (r"No such file or directory", NO_SOCKET),
    (r"SSL|TLS|certificate", TLS),
    (r"[Cc]onnection refused|No route to host|Network is unreachable|is unavailable", UNREACHABLE),
    (r"timeout|timed out", SILENT),
    (r"is (closed|lost)|closed the connection|terminat|Lost connection|broken|reset", LOST),
)


def _postgresql(error: Any) -> tuple[str, Meaning | None]:
    state = getattr(error, "sqlstate", None) or ""
    if state == "42501" and "row-level security" in str(error):
        return f"SQLSTATE {state}", FILTERED
    meanings = (_POSTGRESQL.get(state[:n]) for n in (5, 3, 2))
    found = next((m for m in meanings if m), None)
    return f"SQLSTATE {state}" if state else "", found


def _mysql(error: Any) -> tuple[str, Meaning | None]:
    if isinstance(error, RuntimeError) and "cryptography" in str(error):
        return "", NEEDS_TLS
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if number in (2002, 2003) and (by_words := _by_words(error)) is not None:
        return f"error {number}", by_words
    return f"error {number}" if number else "", _MYSQL.get(number)


def _mssql(error: Any) -> tuple[str, Meaning | None]:
    # The driver's own number comes last, in the text of the server's.
    number = error.args[0] if error.args else 0
    if isinstance(number, tuple):
        number = number[0]
    return (f"error {number}" if number else ""), _MSSQL.get(number)


def _oracle(error: Any) -> tuple[str, Meaning | None]:
    found = re.findall(r"\b(?:ORA|DPY)-\d+", str(error))
    code = next((c for c in found if c in _ORACLE), found[0] if found else "")
    return code, _ORACLE.get(code)


def _sqlite(error: Any) -> tuple[str, Meaning | None]:
    name = getattr(error, "sqlite_errorname", "") or ""
    return name, next((m for n, m in _SQLITE.items() if name.startswith(n)), None)


_CODES: dict[str, Callable[[Any], tuple[str, Meaning | None]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mssql": _mssql,
    "oracle": _oracle,
    "sqlite": _sqlite,
}


def _by_words(error: BaseException) -> Meaning | None:
    text = str(error)
    return next((meaning for words, meaning in _WORDS if re.search(words, text)), None)


def meaning_of(kind: str, error: BaseException) -> tuple[str, Meaning]:
    """The code of a driver's error, as it is shown, and what it means."""
    code, meaning = _CODES[kind](error)
    return code, meaning or _by_words(error) or OTHER


def explain(url: DatabaseUrl, error: BaseException, *, doing: str, query: str = "") -> IspmigError:
    """Our error for a driver's.

    Args:
        doing: what was being done, e.g. ``reading table customers``.
        query: the query of the spec, if it is one.
    """
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    code, meaning = meaning_of(url.kind, error)
    said = _safe_words(error, query, url.database) if meaning.words else ""
    what = meaning.what
    if meaning is WRONG and not query:
        what = "it does not understand what it was asked"
    # What a file cannot do is not its server's fault.
    then = "" if url.kind == "sqlite" and meaning is OTHER else f" {meaning.then}"
    text = (
        f"{url.shown}: {what}{f' ({code})' if code else ''}, while {doing}"
        f"{f': {said}' if said else ''}.{then}"
    )
    if meaning.passing:
        return DatabaseError(text, transient=True)
    return SourceError(text)


_LONGEST = 300
_PLACES = frozenset({
    "field list", "where clause", "on clause", "order clause", "having clause", "group statement",
    "from clause", "select", "where", "on", "order by", "group by", "having", "from",
})  # fmt: skip
"""What MySQL puts in quotes to say where it looked."""

_QUOTED = re.compile(r"[\"'`«„“\[]([^\"'`»“”\]]*)[\"'`»“”\]]")


def _safe_words(error: BaseException, query: str, database: str) -> str:
    """The server's first line, if all that it quotes stands in the query; else nothing."""
    if not query:
        return ""
    diagnosis = getattr(error, "diag", None)
    text = getattr(diagnosis, "message_primary", None)
    if text is None:
        text = next((a for a in reversed(error.args) if isinstance(a, str)), str(error))
    line = text.strip().partition("\n")[0]
    quoted = [part for whole in _QUOTED.findall(line) for part in whole.split(".")]
    # A number that is not in the query may be a cell; so may anything unquoted and long.
    numbers = [n for n in re.findall(r"\d{4,}", line) if n not in query]
    known = query.casefold()
    strange = [p for p in quoted if p.casefold() not in known and p.lower() not in _PLACES]
    # The name of the database, which MySQL puts before that of a table, stands in the URL.
    if numbers or len(line) > _LONGEST or any(part != database for part in strange):
        return ""
    return line


@contextmanager
def told(
    url: DatabaseUrl, drivers: tuple[type[BaseException], ...], *, doing: str, query: str = ""
) -> Iterator[None]:
    """Turns what a driver raises into our errors.

    Args:
        drivers: base classes of the driver's errors, beside SQLAlchemy's.

    Raises:
        SourceError: user, password, name, query or file are wrong.
        DatabaseError: it cannot be reached or the connection was lost; trying again may help.
    """
    try:
        yield
    except IspmigError:
        raise
    except _raised(drivers) as error:
        raise explain(url, error, doing=doing, query=query) from None


def _raised(drivers: tuple[type[BaseException], ...]) -> tuple[type[BaseException], ...]:
    return (sa.exc.DBAPIError, OSError, *drivers)
