"""SQL Server and Oracle, as far as it can be known without one: statements, cells, refusals.

And what every kind of database has in common when there is nothing to connect to.
"""

from __future__ import annotations

import datetime as dt
import socket
import sys
import uuid
from decimal import Decimal
from typing import Any

import pytest

from ispmig_pipelines.database_url import parse_database_url
from ispmig_pipelines.errors import DatabaseError, SourceError
from ispmig_pipelines.formats.database.cells import value_text
from ispmig_pipelines.formats.database.errors import explain
from ispmig_pipelines.formats.database.other import driver_arguments
from ispmig_pipelines.formats.database.reader import open_database
from ispmig_pipelines.formats.database.session import TableName, single_text
from ispmig_pipelines.formats.database.statement import (
    quoted,
    select_statement,
    server_texts,
)

TABLE = TableName("S x", 'T"]`%', "T")


@pytest.fixture(scope="module")
def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("kind", "driver"),
    [("postgresql", "psycopg"), ("mysql", "pymysql"), ("mssql", "pymssql"), ("oracle", "oracledb")],
)
def test_a_server_that_does_not_answer_is_worth_another_try(
    kind: str, driver: str, closed_port: int
) -> None:
    pytest.importorskip(driver, reason=f"the driver {driver} is not installed")
    with pytest.raises(DatabaseError, match="nothing answers there") as raised:
        open_database(
            f"{kind}://reader:${{P}}@127.0.0.1:{closed_port}/billing", environment={"P": "hunter2"}
        )
    assert raised.value.transient
    assert "hunter2" not in str(raised.value)
    assert f"{kind}://reader:***@127.0.0.1:{closed_port}/billing" in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_host_that_nobody_knows(kind: str) -> None:
    with pytest.raises(DatabaseError, match="its host name is unknown"):
        open_database(f"{kind}://reader@no-such-host.invalid/billing")


@pytest.mark.parametrize(("kind", "driver"), [("mssql", "pymssql"), ("oracle", "oracledb")])
def test_a_driver_that_is_not_installed_is_told_with_its_command(
    kind: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(SourceError, match=rf"pip install 'ispmig-pipelines\[{kind}\]'"):
        open_database(f"{kind}://reader@127.0.0.1/billing")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("postgresql", '"S x"."T""]`%"'),
        ("mysql", '`S x`.`T"]``%`'),
        ("mssql", '[S x].[T"]]`%]'),
        ("oracle", '"S x"."T""]`%"'),
        ("sqlite", '"S x"."T""]`%"'),
    ],
)
def test_names_are_quoted_as_each_database_does(kind: str, expected: str) -> None:
    assert quoted(kind, TABLE) == expected
    statement = select_statement(kind, TABLE, ["a%b", "select"], ["select"])
    assert expected in statement
    assert "%%" not in statement


def test_a_table_of_sql_server_is_asked_for_text_where_pythons_types_are_too_small() -> None:
    columns = {
        "id": "INTEGER",
        "at": "DATETIME2(7)",
        "z": "DATETIMEOFFSET(7)",
        "u": "UNIQUEIDENTIFIER",
    }
    table = TableName("dbo", "T", "T")
    statement = select_statement(
        "mssql", table, list(columns), ["id"], server_texts("mssql", columns)
    )
    assert " ".join(statement.split()) == (
        "SELECT [id], CONVERT(varchar(40), [at], 121) AS [at], CONVERT(varchar(40), [z], 121) AS "
        "[z], CONVERT(varchar(36), [u]) AS [u] FROM [dbo].[T] ORDER BY [T].[id]"
    )


def test_a_table_of_oracle_is_asked_for_text_with_all_fractions_and_zones() -> None:
    columns = {
        "ID": "NUMBER(10)",
        "A": "DATE",
        "B": "TIMESTAMP(9)",
        "C": "TIMESTAMP(6) WITH TIME ZONE",
    }
    table = TableName("BILLING", "T", "t")
    statement = select_statement(
        "oracle", table, list(columns), ["ID"], server_texts("oracle", columns)
    )
    assert " ".join(statement.split()) == (
        """SELECT "ID", TO_CHAR("A", 'YYYY-MM-DD HH24:MI:SS') AS "A", """
        """TO_CHAR("B", 'YYYY-MM-DD HH24:MI:SS.FF') AS "B", """
        """TO_CHAR("C", 'YYYY-MM-DD HH24:MI:SS.FFTZH:TZM') AS "C" """
        """FROM "BILLING"."T" ORDER BY "T"."ID\""""
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        (True, "1"),
        (-5, "-5"),
        (0.1, "0.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0E-10"), "0.0000000000"),
        (Decimal("12.50"), "12.50"),
        (dt.datetime(2024, 2, 29, 1, 2, 3, 4), "2024-02-29 01:02:03.000004"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.timedelta(hours=-838, minutes=-59, seconds=-59), "-838:59:59"),
        (dt.timedelta(days=2, microseconds=5), "48:00:00.000005"),
        (b"\x00\xff", b"0x00FF"),
        (b"text", b"0x74657874"),
        ({"a": ["é", 1]}, '{"a": ["é", 1]}'),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_the_text_of_a_drivers_value(value: Any, text: str | bytes | None) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(19.989999771118164, "19.99"), (16777216.0, "16777216"), (0.0, "0"), (-0.5, "-0.5"),
     (1e30, "1e+30"), (3.4028234663852886e38, "3.4028235e+38")],
)  # fmt: skip
def test_single_precision_is_as_short_as_it_is_read_back(value: float, text: str) -> None:
    assert single_text(value) == text


def test_what_the_drivers_are_told() -> None:
    def told(url: str) -> dict[str, Any]:
        return driver_arguments(parse_database_url(url, {}))

    assert told("oracle://u@h/XEPDB1")["service_name"] == "XEPDB1"
    assert "service_name" not in told("oracle://u@h?sid=XE")
    assert told("oracle://u@h?sid=XE")["sid"] == "XE"
    assert told("mssql://u@h/b?encryption=require&connect_timeout=3") == {
        "login_timeout": 3, "appname": "ispmig", "charset": "UTF-8", "encryption": "require",
    }  # fmt: skip


LOGIN = "does not let this user in"


class _MssqlError(Exception):
    """As pymssql raises them: a number, and the words of the server in bytes."""


@pytest.mark.parametrize(
    ("kind", "error", "told", "transient"),
    [
        ("mssql", _MssqlError((18456, b"Login failed for user 'sa'")), LOGIN, False),
        ("mssql", _MssqlError(4060, b"Cannot open database"), "no database of that name", False),
        ("mssql", _MssqlError(20047, b"DBPROCESS is dead"), "connection was lost", True),
        ("oracle", Exception("ORA-01017: invalid username/password"), LOGIN, False),
        ("oracle", Exception("ORA-12514: TNS:listener"), "no database of that name", False),
        ("oracle", Exception("ORA-01555: snapshot too old"), "no longer has the state", True),
        ("oracle", Exception("ORA-01456: may not perform insert"), "would change something", False),
        ("oracle", Exception("ORA-99999: 'Ann Secret'"), "it refused (ORA-99999)", False),
    ],
)  # fmt: skip
def test_the_codes_of_both_are_understood(
    kind: str, error: Exception, told: str, transient: bool
) -> None:
    url = parse_database_url(f"{kind}://u@h/b", {})
    ours = explain(url, error, doing="reading table t")
    assert told in str(ours)
    assert ours.transient is transient
    assert "Secret" not in str(ours)
    assert isinstance(ours, DatabaseError if transient else SourceError)
