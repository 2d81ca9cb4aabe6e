"""Every peer that is measured beside us really loads every row, and every cell as it is."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines_tests.bench import customers
from ispmig_pipelines_tests.bench.beside import contest, peers

ROWS = 1_200


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("peers") / "customers.csv"
    customers.write(path, ROWS)
    return path


def installed(name: str) -> peers.Peer:
    """The peer; skips the test where it is absent."""
    _, lacks = contest.python_for(name)
    if lacks:
        pytest.skip(f"{name} is not measured here: {lacks} (make bench-setup installs most peers)")
    return peers.PEERS[name]


@pytest.mark.slow
@pytest.mark.empty_database
@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_loads_every_cell(name: str, database_url: str, file: Path, tmp_path: Path) -> None:
    peer = installed(name)
    columns = sql.SQL(", ").join(map(sql.Identifier, customers.COLUMNS))
    theirs = sql.SQL("select {} from {}").format(columns, sql.Identifier(peers.SCHEMA, peers.TABLE))
    with psycopg.connect(database_url, autocommit=True) as connection:
        contest.make_table(connection)
        said = contest.run(peer, database_url, file, tmp_path)
        loaded = connection.execute(theirs + sql.SQL(' order by account collate "C"')).fetchall()
        contest.make_table(connection)
        with connection.cursor().copy(
            sql.SQL("copy {} from stdin (format csv, header)").format(
                sql.Identifier(peers.SCHEMA, peers.TABLE)
            )
        ) as stream:
            stream.write(file.read_bytes())
        copied = connection.execute(theirs + sql.SQL(' order by account collate "C"')).fetchall()
    assert len(loaded) == ROWS
    assert loaded == copied
    assert said["seconds"] > 0
    assert said["version"].partition(" ")[2]


@pytest.mark.slow
@pytest.mark.empty_database
def test_what_a_peer_took_is_told_and_its_table_goes(database_url: str, file: Path) -> None:
    peer = installed("pandas to_sql")
    # Any process does where the server's work is not looked at.
    trial, version = contest.loaded(peer, database_url, file, ROWS, os.getpid())
    assert version.startswith("pandas 3")
    assert trial.ours > 0
    assert 20 < trial.peak_mb < 1_000
    with psycopg.connect(database_url) as connection:
        found = connection.execute("select to_regnamespace(%s)", [peers.SCHEMA]).fetchone()
    assert found == (None,)


@pytest.mark.slow
@pytest.mark.empty_database
def test_a_peer_that_loads_too_few_has_failed(database_url: str, file: Path) -> None:
    peer = installed("pandas to_sql")
    with pytest.raises(contest.PeerFailed, match=r"it loaded 1,200 of 1,201 rows"):
        contest.loaded(peer, database_url, file, ROWS + 1, os.getpid())


@pytest.mark.slow
@pytest.mark.empty_database
def test_a_peer_that_breaks_off_has_failed(database_url: str, file: Path, tmp_path: Path) -> None:
    """There is no table for it."""
    peer = installed("pandas to_sql")
    broken = tmp_path / "broken.csv"
    broken.write_text("account,account\nC-1,C-2\n" * 2)
    with psycopg.connect(database_url, autocommit=True) as connection:
        contest.make_table(connection)
    with pytest.raises(contest.PeerFailed, match="it broke off: "):
        contest.run(peer, database_url, broken, tmp_path)


def test_what_a_peer_lacks_is_said_in_words() -> None:
    def load(order: peers.Order) -> None:
        raise AssertionError

    assert peers.Peer("x", load, ("json",)).lacks() == ""
    assert peers.Peer("x", load, ("no_such", "json")).lacks() == "not installed: no_such"
    assert peers.Peer("x", load, program="no-such").lacks() == (
        "the program no-such is not installed"
    )
