"""Live databases as sources of a migration: opened once each, and kept apart from our own."""

import secrets
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from psycopg import Connection, errors

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.source_files import check_apart
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.database.query import of_the_server
from ispmig_pipelines.formats.database.reader import Database, DatabaseReader, open_database
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.platform.tenants import raw

KeepApart = Callable[[Database], bool]
"""Refuses a database that no source may be; whether it is on the platform's own server."""


class Databases:
    """The databases of a spec, a connection each: what several sources read of one is of one
    state."""

    def __init__(
        self, spec: Spec, private: Collection[Path], keep_apart: KeepApart, closing: ExitStack
    ) -> None:
        """
        Args:
            private: folders where data of tenants is kept.
            closing: closes them.
        """
        self.spec = spec
        self._private = private
        self._keep_apart = keep_apart
        self._closing = closing
        self._open: dict[tuple[str, str], Database] = {}
        self._near: set[tuple[str, str]] = set()

    def reader(self, name: str) -> DatabaseReader:
        """The reader of a source of the spec that is in a database.

        Raises:
            SourceError: it cannot be opened, has no such table, or is none that may be read.
            DatabaseError: it cannot be reached.
        """
        source = self.spec.sources[name]
        key = (source.database or "", source.encoding or "")
        if key not in self._open:
            database = self._closing.enter_context(
                open_database(key[0], folder=self.spec.path.parent, encoding=key[1])
            )
            if self._check(name, database):
                self._near.add(key)
            self._open[key] = database
        if key in self._near and source.query:
            _check_query(name, self._open[key], source.query)
        return self._open[key].reader(table=source.table or "", query=source.query or "")

    def _check(self, name: str, database: Database) -> bool:
        if database.url.kind == "sqlite":
            path = self.spec.path.parent / Path(database.url.database).expanduser()
            check_apart(name, path, self._private)
        return self._keep_apart(database)


def _check_query(name: str, database: Database, query: str) -> None:
    """Refuses a query that looks beyond the tables of a database on the platform's own server:
    whose user is a superuser could read there every file of that server."""
    word = of_the_server(query)
    if word:
        raise SourceError(
            f"Source {name}: {database.url.shown} is on the server of the platform's own database, "
            f"and the query names {word}, by which it may see more than the legacy system's "
            "tables. Leave it out; or read from another server."
        )


def apart_from(platform: Platform) -> KeepApart:
    """Refuses the platform's own database, where all tenants are.

    Not by its URL, which can be written in many ways: a lock is taken in ours, and looked for in
    the other; and a standby of ours is known by what names its cluster.
    """

    def keep_apart(database: Database) -> bool:
        if database.url.kind != "postgresql":
            return False
        key = secrets.randbits(62)
        with platform.connect() as connection, connection.begin():
            driver = raw(connection)
            driver.execute("select pg_catalog.pg_advisory_xact_lock(%s)", [key])
            own, other = _identity(driver), database.identity()
            if database.sees_lock(key) or (own and other == own):
                raise SourceError(
                    f"{database.url.shown} is the platform's own database, where every tenant's "
                    "data is; a source of a migration may not read there. Name the legacy "
                    "system's database."
                )
            return database.sees_lock(key, anywhere=True) or _same_cluster(own, other)

    return keep_apart


def _same_cluster(one: str, other: str) -> bool:
    return bool(one) and one.partition("/")[0] == other.partition("/")[0]


def _identity(driver: Connection) -> str:
    """As :meth:`Database.identity` of it."""
    try:
        with driver.transaction():
            found = driver.execute(
                "select s.system_identifier::text || '/' || pg_catalog.current_database() "
                "from pg_catalog.pg_control_system() s"
            ).fetchone()
    except errors.InsufficientPrivilege:
        return ""
    return str(found[0]) if found else ""
