"""The runbook's dump of the platform itself: what it has is what there was, and goes on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.embedded_cluster import bundled_binaries
from ispmig_pipelines_tests.deploy.files import RUNBOOK
from ispmig_pipelines_tests.platform.test_going_back import chains, content, filled

__all__ = ["filled"]


def words_of(program: str) -> list[str]:
    """The runbook's options of a program, but for whom to be and where."""
    (line,) = re.findall(rf"{program} (--username .*?)(?: > \S+| platform\.dump`.*)?$",
                         RUNBOOK, re.MULTILINE)[:1]  # fmt: skip
    words = shlex.split(line.split(" > ")[0].split("`")[0])
    kept = []
    while words:
        word = words.pop(0)
        if word in ("--username", "--dbname"):
            words.pop(0)
        elif word != "platform.dump":
            kept.append(word)
    return kept


def ran(program: str, url: str, *words: str) -> None:
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [unquote(parts.hostname or "")])[0]
    environment = {
        **os.environ,
        "PGHOST": host,
        "PGUSER": unquote(parts.username or "postgres"),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGPORT": str(parts.port or 5432),
    }
    done = subprocess.run(
        [bundled_binaries() / program, "--dbname", parts.path.strip("/"), *words],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def dumped(tmp_path: Path) -> str:
    dump = str(tmp_path / "platform.dump")
    ran("pg_dump", os.environ["ISPMIG_DATABASE_URL"], *words_of("pg_dump"), "--file", dump)
    return dump


def restored(database: Engine, dump: str) -> None:
    """As the runbook says for a server that has the two schemas."""
    with database.begin() as connection:
        connection.exec_driver_sql("drop schema ispmig cascade")
        connection.exec_driver_sql("drop schema dagster cascade")
    ran("pg_restore", os.environ["ISPMIG_DATABASE_URL"], *words_of("pg_restore"), dump)


def test_the_dump_brings_back_the_ledger_its_chains_and_dagsters_tables(
    filled: Engine, tmp_path: Path
) -> None:
    before, chained = content(filled), chains(filled)
    restored(filled, dumped(tmp_path))
    assert content(filled) == before
    # The witness lies elsewhere, and knows the same ends.
    assert chains(filled) == chained
    with filled.connect() as connection:
        assert ledger.version(connection) == ledger.VERSION
        tables = connection.exec_driver_sql(
            "select count(*) from pg_tables where schemaname = 'dagster'"
        ).scalar()
        assert tables
        assert tables > 10
    with pytest.raises(DBAPIError, match="never changed or deleted"), filled.begin() as again:
        again.exec_driver_sql("delete from ispmig.data_migration_logs")


def test_a_dump_that_is_older_than_what_was_done_is_found_out(
    filled: Engine, tmp_path: Path
) -> None:
    dump = dumped(tmp_path)
    with filled.begin() as connection:
        trail.enter(
            connection, "acme", trail.Operation.PURGE, trail.Stage.FINISHED, actor="ann",
            dagster_run_id="", details={},
        )  # fmt: skip
    assert chains(filled)["acme"][2] == []
    restored(filled, dump)
    (problem,) = chains(filled)["acme"][2]
    assert "witness" in problem.lower()


def test_the_runbook_dumps_both_schemas() -> None:
    assert words_of("pg_dump") == [
        "--schema", "ispmig", "--schema", "dagster", "--format", "custom",
    ]  # fmt: skip
    assert words_of("pg_restore") == []
