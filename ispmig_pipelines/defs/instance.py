"""The Dagster instance: its folder, its configuration, and its tables next to our own."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.platform.server import connect, database_url, told_plainly
from ispmig_pipelines.settings import PACKAGE, settings

if TYPE_CHECKING:
    import psycopg
    from dagster import DagsterInstance

SCHEMA = "dagster"
SCHEMA_IN_THE_MAKING = "dagster_in_the_making"
STORAGE_URL_VARIABLE = "ISPMIG_DAGSTER_STORAGE_URL"
_NOT_CAPTURED = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
MAKING_TABLES = 0x1597D
"""Advisory lock: whoever holds it makes Dagster's tables."""


def shipped_file(name: str) -> Path:
    """``dagster.yaml`` or ``workspace.yaml``: of the checkout, else of the installed package."""
    checkout = PACKAGE.parent / name
    return checkout if checkout.is_file() else PACKAGE / name


def storage_url(schema: str = SCHEMA) -> str:
    """The URL of Dagster's own storage: our database, in a schema of its own.

    The driver is named: dagster-postgres is written for psycopg2, and SQLAlchemy 2.1 takes
    psycopg when nothing is said.
    """
    parts = urlsplit(database_url())
    pairs = [pair for pair in parts.query.split("&") if pair]
    options = [pair.removeprefix("options=") for pair in pairs if pair.startswith("options=")]
    others = [pair for pair in pairs if not pair.startswith("options=")]
    options.append(quote(f"-csearch_path={schema}", safe=""))
    query = "&".join([*others, "options=" + "%20".join(options)])
    return parts._replace(scheme="postgresql+psycopg2", query=query).geturl()


def dagster_home() -> Path:
    """``DAGSTER_HOME`` where the environment has it, else the folder below our own home."""
    given = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(given).expanduser().absolute() if given else settings().dagster_home


def prepare() -> dict[str, str]:
    """Makes ready what any Dagster process needs, and puts it into this process's environment.

    Returns the variables, for the environment of other processes. The folder gets our
    ``dagster.yaml``; one that somebody else put into a ``DAGSTER_HOME`` of their own stays.

    Raises:
        DatabaseError: the database cannot be used.
        StorageError: the folder cannot be written.
    """
    home = dagster_home()
    _put_configuration(home)
    _make_tables()
    environment = {
        "ISPMIG_HOME": str(settings().home),
        "DAGSTER_HOME": str(home),
        STORAGE_URL_VARIABLE: storage_url(),
    }
    os.environ.update(environment)
    return environment


@contextmanager
def instance() -> Iterator["DagsterInstance"]:
    """The Dagster instance of this home, ready for use in this process.

    What a run prints is not captured as it is in the UI's runs: it goes to the terminal, where
    somebody is reading it.

    Raises:
        DatabaseError, StorageError: as :func:`prepare`.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = prepare()["DAGSTER_HOME"]
    reference = InstanceRef.from_dir(home, overrides={"compute_logs": _NOT_CAPTURED})
    with DagsterInstance.from_ref(reference) as ready:
        yield ready


def configuration() -> str:
    """Our ``dagster.yaml``, with as many concurrent runs as the settings say."""
    shipped = shipped_file("dagster.yaml").read_text(encoding="utf-8")
    # Dagster takes no variable of the environment in this place.
    return re.sub(
        r"^(\s+max_concurrent_runs:) \d+$",
        rf"\1 {settings().concurrent_runs}",
        shipped,
        flags=re.MULTILINE,
    )


def _put_configuration(home: Path) -> None:
    ours = configuration()
    target = home / "dagster.yaml"
    try:
        if not home.is_dir():
            home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            home.mkdir(mode=0o700, exist_ok=True)
        if target.exists() and (
            home != settings().dagster_home or target.read_text(encoding="utf-8") == ours
        ):
            return
        # Put in place whole: another process may be reading it.
        with tempfile.NamedTemporaryFile("w", dir=home, delete=False, encoding="utf-8") as file:
            file.write(ours)
        Path(file.name).replace(target)
    except OSError as error:
        raise StorageError(
            f"Dagster's folder {home} cannot be written: {error.strerror}. Make room, or choose "
            "another folder with ISPMIG_HOME or DAGSTER_HOME, and try again."
        ) from error


def has_tables() -> bool:
    """Whether Dagster has been made ready in this database; makes nothing.

    Raises:
        DatabaseError: the database cannot be used.
    """
    with told_plainly(), connect(autocommit=True) as connection:
        return _has_schema(connection)


def _make_tables() -> None:
    """Makes Dagster's tables in a schema that gets its name only when it is complete.

    Dagster makes them one by one and takes the first for a sign of all; killed in between, it
    would never make the rest. Processes that come at the same time wait for one another.
    """
    with told_plainly(), connect(autocommit=True) as connection:
        if _has_schema(connection):
            return
        connection.execute("SELECT pg_advisory_lock(%s)", [MAKING_TABLES])
        if _has_schema(connection):
            return
        from dagster_postgres import DagsterPostgresStorage

        connection.execute("DROP SCHEMA IF EXISTS dagster_in_the_making CASCADE")
        connection.execute("CREATE SCHEMA dagster_in_the_making")
        DagsterPostgresStorage(storage_url(SCHEMA_IN_THE_MAKING))
        connection.execute("ALTER SCHEMA dagster_in_the_making RENAME TO dagster")


def _has_schema(connection: "psycopg.Connection") -> bool:
    found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCHEMA])
    return found.fetchone() is not None
