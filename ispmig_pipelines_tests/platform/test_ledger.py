"""The ledger's tables are what its code says, on every way of getting there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.platform.loading import ENTITIES, open_migration

VERSIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection


def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", "ispmig_pipelines:platform/ledger_versions")
    return config


def downgrade(connection: Connection, version: str) -> None:
    config = alembic()
    with connection.engine.begin() as other:
        config.attributes["connection"] = other
        command.downgrade(config, version)


def test_the_code_works_with_the_newest_version_there_is() -> None:
    assert ScriptDirectory.from_config(alembic()).get_heads() == [ledger.VERSION]
    assert VERSIONS[-1] == ledger.VERSION


@pytest.mark.parametrize("version", VERSIONS)
def test_from_every_version_the_tables_become_what_the_code_says(
    connection: Connection, version: str
) -> None:
    downgrade(connection, version)
    ledger.prepare(connection.engine)
    there = sa.inspect(connection)
    for table in ledger.metadata.tables.values():
        columns = {c["name"]: c for c in there.get_columns(table.name, schema=ledger.SCHEMA)}
        assert set(columns) == set(table.columns.keys())
        for column in table.columns:
            found = columns[column.name]
            assert found["nullable"] == column.nullable, column
            assert isinstance(found["type"], type(column.type)), column


def test_migrations_of_before_are_kept_and_read(connection: Connection) -> None:
    """What a ledger knew before the columns of version 0004 it knows after it, too."""
    tenant = tenants.add(connection.engine, "acme")
    migration = open_migration(connection, tenant)
    connection.rollback()
    downgrade(connection, "0003")
    ledger.prepare(connection.engine)
    entry = ledger.migration(connection, migration)
    assert (entry.tenant, entry.findings, entry.settled) == ("acme", {}, {})
    files = [{"index": index, "path": f"{index}.csv"} for index in range(len(ENTITIES))]
    assert entry.files == files
    settings = connection.execute(sa.select(ledger.tenants.c.settings)).scalar_one()
    assert settings == {}


def test_what_compliance_found_is_kept_and_told(connection: Connection) -> None:
    tenant = tenants.add(connection.engine, "acme")
    migration = open_migration(connection, tenant)
    connection.rollback()
    assert ledger.migration(connection, migration).findings == {}
    cards = [{"source": "subs", "column": "Notes", "cells": 2, "records": 1, "masked": 2}]
    connection.rollback()
    with connection.begin():
        ledger.update_migration(
            connection, migration, findings={"cards": cards}, settled={"customer[0]": {"a": 1}}
        )
    entry = ledger.migration(connection, migration)
    assert entry.settled == {"customer[0]": {"a": 1}}
    assert entry.as_json()["findings"] == {"cards": cards}
