"""The runbook's dump of the platform itself: what it has is what there was, and goes on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Engine

from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.embedded_cluster import bundled_binaries
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.conftest import in_database
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


@pytest.fixture
def another(server_url: str) -> Iterator[str]:
    """The URL of a database in which there is nothing."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield in_database(server_url, name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_the_dump_brings_back_the_ledger_its_chains_and_dagsters_tables(
    filled: Engine,
    another: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, chained = content(filled), chains(filled)
    dump = str(tmp_path / "platform.dump")
    ran("pg_dump", os.environ["ISPMIG_DATABASE_URL"], *words_of("pg_dump"), "--file", dump)
    ran("pg_restore", another, *words_of("pg_restore"), dump)
    monkeypatch.setenv("ISPMIG_DATABASE_URL", another)
    settings.cache_clear()
    database = engine()
    assert content(database) == before
    # The witness lies elsewhere, and knows the same ends.
    assert chains(database) == chained
    with database.connect() as connection:
        assert ledger.version(connection) == ledger.VERSION
        tables = connection.exec_driver_sql(
            "select count(*) from pg_tables where schemaname = 'dagster'"
        ).scalar()
        assert tables
        assert tables > 10
    with pytest.raises(Exception, match="never changed or deleted"), database.begin() as again:
        again.exec_driver_sql("delete from ispmig.data_migration_logs")
    database.dispose()


def test_the_runbook_dumps_both_schemas() -> None:
    assert words_of("pg_dump") == [
        "--schema", "ispmig", "--schema", "dagster", "--format", "custom",
    ]  # fmt: skip
    assert words_of("pg_restore") == []
