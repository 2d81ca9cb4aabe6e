"""The platform's database, as PostgreSQL's image makes it: with the rights it needs and no more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.platform.embedded_cluster import bundled_binaries
from ispmig_pipelines_tests.deploy.files import DEPLOY

PASSWORD = "it's \\ \"quoted\" $HOME :'x'"


@pytest.fixture
def prepared(
    server_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection]:
    if request.config.getoption("--database-url"):
        pytest.skip("a server that others use gets no such role")
    parts = urlsplit(server_url)
    host = parse_qs(parts.query).get("host", [unquote(parts.hostname or "")])[0]
    (tmp_path / "password").write_text(PASSWORD)
    environment = {
        "PATH": f"{bundled_binaries()}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": host,
        "POSTGRES_USER": parts.username or "postgres",
        "PLATFORM_PASSWORD_FILE": str(tmp_path / "password"),
    }
    subprocess.run([DEPLOY / "database.sh"], env=environment, check=True, capture_output=True)
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection
        connection.execute("DROP DATABASE ispmig_data")
        connection.execute("DROP ROLE ispmig_platform")


def test_the_platforms_user_is_no_superuser_and_may_do_what_the_manual_says(
    prepared: psycopg.Connection,
) -> None:
    role = prepared.execute(
        """select rolsuper, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin, rolcreaterole
           from pg_roles where rolname = 'ispmig_platform'"""
    ).fetchone()
    assert role == (False, False, False, False, True, True)
    for right, has in (("CREATE", True), ("TEMPORARY", True), ("CONNECT", True)):
        query = sql.SQL("select has_database_privilege('ispmig_platform', 'ispmig_data', {})")
        assert prepared.execute(query.format(right)).fetchone() == (has,)
    assert prepared.execute(
        "select datacl::text not like '%{=%' and datacl::text not like '%,=%' from pg_database "
        "where datname = 'ispmig_data'"
    ).fetchone() == (True,)


def test_its_password_is_the_files_whatever_is_in_it(prepared: psycopg.Connection) -> None:
    (stored,) = prepared.execute(
        "select rolpassword from pg_authid where rolname = 'ispmig_platform'"
    ).fetchone() or ("",)
    assert stored.startswith("SCRAM-SHA-256$")
    import base64
    import hashlib
    import hmac

    rounds, salt = stored.split("$")[1].split(":")
    keys = stored.split("$")[2]
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(salt), int(rounds))
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    assert base64.b64encode(hashlib.sha256(client).digest()).decode() == keys.split(":")[0]
