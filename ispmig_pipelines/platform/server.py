"""The PostgreSQL that everything stands on: which one, how to connect, and what its errors say.

The text of a database's error may hold a row ("Key (email)=(…) already exists") or, where the
URL cannot be read, a password. What leaves this module says what happened by its SQLSTATE and
the names of tables and constraints, in our own words.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import psycopg
import sqlalchemy
from sqlalchemy.pool import NullPool

from ispmig_pipelines.errors import DatabaseError, PlatformError, StorageError, UsageError
from ispmig_pipelines.platform import embedded, timeouts
from ispmig_pipelines.platform.session import Session
from ispmig_pipelines.settings import settings

OLDEST_VERSION = 15
APPLICATION_NAME = "ispmig"
STARTING_SECONDS = 20.0
"""How long to go on asking a server that says it is starting or recovering."""

SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    # Every name we use is qualified; pg_temp is named because it is searched first when it is not.
    "search_path": "pg_catalog, pg_temp",
    # The session that holds a tenant has nothing else to do for hours.
    "idle_session_timeout": "0",
}

_TRY_AGAIN = "Try again in a moment."

# https://www.postgresql.org/docs/current/errcodes-appendix.html: a code, or a class of codes, to
# what happened, what to do, and whether the same work may succeed when tried again.
_MEANINGS: dict[str, tuple[str, str, bool]] = {
    "08": ("the connection to it was lost", _TRY_AGAIN, True),
    "25P03": ("the transaction was idle for too long", _TRY_AGAIN, True),
    "25006": (
        "it only takes queries that read (a standby, or set to read only)",
        "Name the primary server in ISPMIG_DATABASE_URL.",
        False,
    ),
    "28": (
        "it does not let this user in",
        "Correct the user, the password or the server's pg_hba.conf.",
        False,
    ),
    "3D000": (
        "it has no database of that name",
        "Create it, or correct the name in ISPMIG_DATABASE_URL.",
        False,
    ),
    "40001": ("the work collided with other work at the same time", _TRY_AGAIN, True),
    "40003": ("it cannot be known whether the work was done", _TRY_AGAIN, True),
    "40P01": ("the work and other work waited for each other", _TRY_AGAIN, True),
    "42501": (
        "the user may not do this",
        "ISPMIG_DATABASE_URL needs a user that may create schemas, roles and temporary "
        "tables; docs/settings.md has the statements that let it.",
        False,
    ),
    "53200": ("it ran out of memory", _TRY_AGAIN, True),
    "53300": (
        "all its connections are in use",
        "Try again when other runs have ended, or raise max_connections.",
        True,
    ),
    "53": ("it ran into a limit of its configuration", "See the server's log.", False),
    "55006": ("something else is using what the work needs", _TRY_AGAIN, True),
    "55P03": ("something else holds a lock that the work needs", _TRY_AGAIN, True),
    "57014": ("the query was cancelled, by a person or by a time limit", "Try again.", False),
    "57P01": (
        "it was shut down, or the connection was ended, by an administrator",
        _TRY_AGAIN,
        True,
    ),
    "57P02": ("it crashed and is recovering", _TRY_AGAIN, True),
    "57P03": ("it is starting, recovering or stopping", _TRY_AGAIN, True),
    "57P04": ("the database was dropped", "Restore it, or name another one.", False),
    "57P05": ("the connection was idle for too long", _TRY_AGAIN, True),
}

_STORAGE_MEANINGS: dict[str, tuple[str, str]] = {
    "53100": ("its disk is full", "Make room on the server's disk, and try again."),
    "58": ("it could not read or write a file", "Check the server's disk and its log."),
    "F0000": ("its configuration file cannot be read", "Check the server's disk and its log."),
    "XX001": ("a table on its disk is damaged", "Restore a backup."),
    "XX002": ("an index on its disk is damaged", "Rebuild it (REINDEX), or restore a backup."),
}

# libpq's and the server's words at connecting, where there is no SQLSTATE. A server whose
# messages are in another language falls through to the general case.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"starting up|recovery mode|shutting down|not yet accepting", "57P03"),
    (r"too many (clients|connections)|connection slots are reserved", "53300"),
    (r"password|authentication failed|no pg_hba\.conf entry|role .* does not exist", "28"),
    (r"database .* does not exist", "3D000"),
    (r"No space left on device", "53100"),
)


def database_url() -> str:
    """The URL of the PostgreSQL to use: ``ISPMIG_DATABASE_URL``, else the embedded one's.

    The embedded server is started when it is not running, and runs as long as this process.

    Raises:
        DatabaseError: it cannot be reached, or is older than PostgreSQL 15.
        StorageError: the embedded server's folder cannot be used.
        UsageError: the URL cannot be read.
    """
    url = _url()
    _check_version(url)
    return url


def is_embedded() -> bool:
    """Whether the database is the embedded one."""
    return settings().database_url is None


def connect(**options: Any) -> psycopg.Connection:
    """A new connection, in a transaction unless ``autocommit`` is asked for.

    The session has our name, UTC, ISO dates, the time limits of the settings, and a ``search_path``
    of the system catalog alone: names of tables have to be qualified. ``options`` go to
    :func:`psycopg.connect`.

    Raises:
        DatabaseError, StorageError, UsageError: as :func:`database_url`.
    """
    connection = _open(_url(), **options)
    try:
        wanted = SESSION | timeouts.of_session()
        with told_plainly():
            connection.execute(
                "SELECT " + ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(wanted)),
                [part for setting in wanted.items() for part in setting],
            )
            if not connection.autocommit:
                connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def engine() -> sqlalchemy.Engine:
    """SQLAlchemy's way to the same server, over :func:`connect`; the same one per process.

    It keeps no pool: a connection over the socket takes two milliseconds, and one that waits
    in a pool does not survive a restart of the server.
    """
    return _engine(_url())


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns what a database driver raises into our errors, without any content of rows.

    Raises:
        DatabaseError: with ``transient`` set where the same work may succeed when tried again.
        StorageError: the server's disk is full or broken.
    """
    try:
        yield
    except psycopg.Error as error:
        raise plain_error(error) from None
    except sqlalchemy.exc.DBAPIError as error:
        raise plain_error(error.orig) from None


def plain_error(error: BaseException | None) -> PlatformError:
    """Our error for a driver's error (of psycopg or psycopg2)."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    state = state or _state_by_words(error)
    if state is None:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or (
            type(error).__name__ in ("OperationalError", "InterfaceError")
        )
        if lost:
            return DatabaseError(
                f"PostgreSQL cannot be reached{_at()}: {_why_unreachable(error)}. Start it, or "
                "correct ISPMIG_DATABASE_URL, and try again.",
                # A name that was known as the run began is known again soon.
                transient=_why_unreachable(error) != _NOT_ENCRYPTED,
            )
        return DatabaseError(
            f"The driver of PostgreSQL refused ({type(error).__name__}); its own words may hold "
            "data and are not repeated here."
        )
    if (storage := _most_specific(_STORAGE_MEANINGS, state)) is not None:
        what, then = storage
        return StorageError(f"PostgreSQL{_at()} failed: {what} (SQLSTATE {state}). {then}")
    if (meaning := _most_specific(_MEANINGS, state)) is not None:
        what, then, transient = meaning
        return DatabaseError(
            f"PostgreSQL{_at()} failed: {what} (SQLSTATE {state}){_where(error)}. {then}",
            transient=transient,
        )
    return DatabaseError(
        f"PostgreSQL{_at()} refused a statement: {_state_name(state)} (SQLSTATE "
        f"{state}){_where(error)}. Its own words may hold data and are not repeated here."
    )


def _most_specific(meanings: dict[str, Any], state: str) -> Any:
    return meanings.get(state, meanings.get(state[:2]))


def _state_by_words(error: BaseException | None) -> str | None:
    for words, state in _WORDS:
        if re.search(words, str(error)):
            return state
    return None


def _state_name(state: str) -> str:
    try:
        name = psycopg.errors.lookup(state).__name__
    except KeyError:
        return "an error"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _where(error: BaseException | None) -> str:
    """The names of table, column and constraint that the server gave; never its text."""
    diagnosis = getattr(error, "diag", None)
    names = [
        f"{kind} {name}"
        for kind in ("schema", "table", "column", "constraint")
        if (name := getattr(diagnosis, f"{kind}_name", None))
    ]
    return f" at {', '.join(names)}" if names else ""


_NOT_ENCRYPTED = "the encrypted connection failed"


def _why_unreachable(error: BaseException | None) -> str:
    said = str(error)
    for words, reason in (
        (r"translate host name|Name or service not known|resolve", "its host name is unknown"),
        (r"Connection refused", "nothing listens there"),
        (r"No such file or directory", "its socket does not exist"),
        (r"timeout|timed out", "it did not answer in time"),
        (
            r"the connection is (closed|lost)|closed the connection|terminat|unexpectedly",
            "the connection was lost",
        ),
        (r"SSL|certificate", _NOT_ENCRYPTED),
    ):
        if re.search(words, said):
            return reason
    return "the connection failed or was lost"


def _at() -> str:
    """Which server, without user and password."""
    if is_embedded():
        return " (embedded)"
    host = urlsplit(_url()).hostname
    return f" at {host}" if host else ""


def _url() -> str:
    configured = settings().database_url
    if configured is None:
        return embedded.serve(settings().home)
    # SQLAlchemy does not know the scheme "postgres" that libpq takes too.
    return re.sub(r"^postgres://", "postgresql://", configured.get_secret_value().strip())


def _open(url: str, **options: Any) -> psycopg.Connection:
    """Connects, waiting a while for a server that is on its way."""
    options.setdefault("application_name", APPLICATION_NAME)
    options.setdefault("client_encoding", "UTF8")
    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            connection = Session.connect(url, **options)
        except psycopg.OperationalError as error:
            state = error.sqlstate or _state_by_words(error)
            # An embedded server that died is started again by _url().
            on_its_way = state == "57P03" or (state is None and is_embedded())
            if not on_its_way or time.monotonic() > deadline:
                raise plain_error(error) from None
            time.sleep(0.1)
            url = _url()
        except (psycopg.ProgrammingError, ValueError):
            # libpq repeats the URL, with its password.
            raise UsageError(
                "ISPMIG_DATABASE_URL cannot be read as the URL of a PostgreSQL server. Write it as "
                "postgresql://user:password@host:5432/database, with %-codes for special "
                "characters in the password."
            ) from None
        else:
            break
    major = connection.info.server_version // 10000
    if major < OLDEST_VERSION:
        connection.close()
        raise DatabaseError(
            f"The server{_at()} is PostgreSQL {major}; {OLDEST_VERSION} or newer is needed. Name "
            "another server in ISPMIG_DATABASE_URL, or unset it to use the embedded one."
        )
    return connection


@lru_cache(maxsize=8)
def _check_version(url: str) -> None:
    _open(url).close()


@lru_cache(maxsize=8)
def _engine(url: str) -> sqlalchemy.Engine:
    # The URL is the cache's key; the connections come from connect(), which knows it itself.
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=connect, poolclass=NullPool, hide_parameters=True
    )
