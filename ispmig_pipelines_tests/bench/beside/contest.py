"""One load of the same file by each of the ways, counted afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines_tests.bench import customers, migrating
from ispmig_pipelines_tests.bench.beside import peers
from ispmig_pipelines_tests.bench.beside.house import settled
from ispmig_pipelines_tests.bench.beside.memory import OfChildren
from ispmig_pipelines_tests.bench.beside.peers import SCHEMA, TABLE, Peer
from ispmig_pipelines_tests.bench.beside.results import Trial
from ispmig_pipelines_tests.corpora import PROJECT

_LACKS = """
import sys
from ispmig_pipelines_tests.bench.beside.peers import PEERS
print(PEERS[sys.argv[1]].lacks())
"""


class PeerFailed(RuntimeError):
    """A peer broke off, or did not load every row; the text is its own last words."""


def peers_python() -> Path:
    """The Python of the environment that ``make bench`` makes for peers, there or not."""
    given = os.environ.get("ISPMIG_PEERS_PYTHON")
    return Path(given) if given else PROJECT / ".venv-peers" / "bin" / "python"


@lru_cache
def python_for(name: str) -> tuple[str, str]:
    """What runs a peer: the path of a Python, and else why there is none, in words."""
    lacks = ""
    for python in (str(peers_python()), sys.executable):
        if not Path(python).exists():
            continue
        lacks = subprocess.run(
            [python, "-c", _LACKS, name], check=True, capture_output=True, text=True, cwd=PROJECT
        ).stdout.strip()
        if not lacks:
            return python, ""
    return "", lacks


def loaded(peer: Peer, url: str, file: Path, rows: int, postmaster: int) -> tuple[Trial, str]:
    """Lets a peer load a file of customers into a new table.

    Returns:
        what it took, and its version.

    Raises:
        PeerFailed: it broke off, or its table has not as many rows as the file.
    """
    with (
        psycopg.connect(url, autocommit=True) as connection,
        tempfile.TemporaryDirectory(dir=file.parent) as folder,
    ):
        make_table(connection)
        settled(url)
        server = migrating.server_cpu(postmaster)
        with OfChildren() as memory:
            found = run(peer, url, file, Path(folder))
        server = migrating.server_cpu(postmaster) - server
        there = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(SCHEMA, TABLE))
        ).fetchone()
        connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(SCHEMA)))
    if there != (rows,):
        raise PeerFailed(f"it loaded {there[0] if there else 0:,} of {rows:,} rows")
    return Trial(found["seconds"], found["cpu"], server, memory.mb), found["version"]


def run(peer: Peer, url: str, file: Path, folder: Path) -> dict[str, Any]:
    """Runs a peer in a process of its own.

    Returns:
        what it says of itself: ``version``, ``seconds``, ``cpu``.

    Raises:
        PeerFailed: it is not here, or it broke off.
    """
    python, lacks = python_for(peer.name)
    if lacks:
        raise PeerFailed(lacks)
    done = subprocess.run(
        [python, "-m", peers.__name__, peer.name, url, str(file), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise PeerFailed(f"it broke off: {last[:300]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_table(connection: psycopg.Connection) -> None:
    """Text columns with a primary key, as :func:`migrating.copy` has them."""
    key, *others = (sql.Identifier(name) for name in customers.COLUMNS)
    connection.execute(
        sql.SQL("drop schema if exists {0} cascade; create schema {0}").format(
            sql.Identifier(SCHEMA)
        )
    )
    connection.execute(
        sql.SQL("create table {} ({} text primary key, {})").format(
            sql.Identifier(SCHEMA, TABLE),
            key,
            sql.SQL(", ").join(sql.SQL("{} text").format(name) for name in others),
        )
    )


def copied(url: str, file: Path, postmaster: int) -> Trial:
    """The raw ``COPY``, which is the limit."""
    settled(url)
    spent = migrating.copy(file, postmaster)
    return Trial(spent.wall, spent.ours, spent.server)
