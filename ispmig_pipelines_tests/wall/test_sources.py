"""A spec is written by a person, or by somebody who sent one: what it may not read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.defs.tenant_migration.source_files import open_apart
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.mapping.spec import load_spec
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
name: not ours
sources: {{s: {{{words}}}}}
entities:
  customer:
    from: s
    fields: {{account_number: no, last_name: name, status: {{constant: active}}}}
"""
CELLS = "no,name\n1,Ann\n"


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def refused(house: House, words: str) -> str:
    house.write("spec.yaml", SPEC.format(words=words))
    before = house.digest()
    told, code = house.migrate().failure()
    assert code == 2
    assert house.digest() == before
    return told


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["staging/other/1", "reports/other", "keys", "audit", "postgres/base", "dagster"]
)
@pytest.mark.parametrize("way", ["straight", "up and down", "link", "linked folder", "pattern"])
def test_what_the_platform_keeps_is_no_source(
    house: House, ispmig_home: Path, place: str, way: str
) -> None:
    folder = ispmig_home / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cells.csv").write_text(CELLS)
    match way:
        case "straight":
            path = str(folder / "cells.csv")
        case "up and down":
            path = f"../exports/../{place}/../{folder.name}/cells.csv"
        case "link":
            (house.folder / "ours.csv").symlink_to(folder / "cells.csv")
            path = "ours.csv"
        case "linked folder":
            (house.folder / "ours").symlink_to(folder)
            path = "ours/cells.csv"
        case _:
            path = f"../{place}/*.csv"
    assert "where the platform keeps what is its own and what is of tenants" in refused(
        house, f"files: '{path}'"
    )


@pytest.mark.parametrize(
    ("variable", "kept"),
    [
        ("ISPMIG_BACKUPS", ""),
        ("ISPMIG_AUDIT_WITNESS", ""),
        ("ISPMIG_SIGNING_KEY", "storage/cells.csv"),
        ("DAGSTER_HOME", ""),
    ],
)
def test_nor_is_what_it_keeps_in_a_place_of_the_users_own(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, kept: str
) -> None:
    folder = tmp_path / "elsewhere"
    (folder / "storage").mkdir(parents=True)
    (folder / "storage" / "cells.csv").write_text(CELLS)
    monkeypatch.setenv(variable, str(folder / kept))
    settings.cache_clear()
    house.write("spec.yaml", SPEC.format(words="files: ../elsewhere/storage/cells.csv"))
    spec = load_spec(house.folder / "spec.yaml")
    with (
        ExitStack() as closing,
        pytest.raises(SourceError, match="where the platform keeps what is its own"),
    ):
        open_apart(spec, "s", settings().private_folders, closing)


@pytest.mark.parametrize("variable", ["ISPMIG_BACKUPS", "ISPMIG_AUDIT_WITNESS"])
@pytest.mark.parametrize("prefix", ["s3://kept", "s3://kept/ours", "s3://kept/ours/"])
def test_nor_is_what_it_keeps_in_s3(
    house: House, monkeypatch: pytest.MonkeyPatch, variable: str, prefix: str
) -> None:
    monkeypatch.setenv(variable, prefix)
    settings.cache_clear()
    house.write("spec.yaml", SPEC.format(words="files: s3://kept/ours/other/cells.csv"))
    spec = load_spec(house.folder / "spec.yaml")
    with ExitStack() as closing, pytest.raises(SourceError, match="lies below s3://kept"):
        open_apart(spec, "s", settings().private_folders, closing)


def test_a_database_file_there_is_none_either(house: House, ispmig_home: Path) -> None:
    settings().staging_folder.mkdir(parents=True)
    with sqlite3.connect(settings().staging_folder / "cells.db") as database:
        database.execute("create table people (no text, name text)")
    told = refused(house, "database: 'sqlite:///../staging/cells.db', table: people")
    assert "nothing there is an export" in told


HOSTILE = [
    "'); drop table tenant_other.customer; --",
    '"; drop schema tenant_other cascade; --',
    "$$; set role tenant_other; $$",
    "\\.\nselect * from tenant_other.customer;",
    "%s %(x)s {} {0} :name",
    "tenant_other.customer",
]


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_source_becomes_sql(house: House, text: str) -> None:
    """As a cell, as a header, as a name of a table in a dump."""
    tenants.add(engine(), "other")
    quoted = '"' + text.replace('"', '""') + '"'
    house.write("people.csv", f"no,name,{quoted}\n1,{quoted},{quoted}\n")
    house.write("spec.yaml", SPEC.format(words="files: people.csv"))
    ran = house.migrate()
    assert ran.ok
    assert [row[0] for row in house.rows("customer", "last_name")] == [text]
    assert list(house.rows("customer", "legacy")[0][0].items()) == [(" ".join(text.split()), text)]
    with engine().connect() as connection:
        assert tenants.contents(connection, tenants.get(connection, "other"))["customer"] == 0


def test_a_dump_is_read_and_never_executed(house: House, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    tenants.add(engine(), "other")
    house.write(
        "dump.sql",
        "DROP SCHEMA tenant_other CASCADE;\n"
        'SET ROLE "tenant_other";\n'
        "CREATE TABLE tenant_other.customer (no text, name text);\n"
        "INSERT INTO tenant_other.customer (no, name) VALUES ('7', 'Ann');\n"
        f"COPY ispmig.tenants FROM PROGRAM 'touch {executed}';\n",
    )
    house.write("spec.yaml", SPEC.format(words="files: dump.sql, table: tenant_other.customer"))
    ran = house.migrate()
    assert ran.ok, ran
    assert house.rows("customer", "account_number, last_name") == [("7", "Ann")]
    assert not executed.exists()
    with engine().connect() as connection:
        assert tenants.contents(connection, tenants.get(connection, "other"))["customer"] == 0
