"""The tenant's tables: what PostgreSQL is told, and that it refuses what validation refuses."""

from __future__ import annotations

import datetime
import ipaddress
import string
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.issues import IssueLog
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import CheckKind, checks_of
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field import FieldInfo, FieldType
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.validation import fields as validation
from ispmig_pipelines_tests.model.values import PATTERNS, of_pattern

SCHEMA = "tenant_'\"quoted"  # a name that only an identifier survives
PROVENANCE = {"_migration": 7, "_file": 0, "_record": 1}

every_entity = pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)


@pytest.fixture(scope="module")
def module_tables(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection that sees one tenant's tables; they are never committed."""
    with psycopg.connect(server_url, row_factory=dict_row) as connection:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
        for statement in ddl.create_tables(SCHEMA):
            connection.execute(statement)
        yield connection
        connection.rollback()


@pytest.fixture
def tables(module_tables: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """One tenant's tables, empty; what a test does to them is undone."""
    with module_tables.transaction(force_rollback=True):
        yield module_tables


def insert(connection: psycopg.Connection, entity: str, **values: object) -> None:
    row = {**PROVENANCE, **values}
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(SCHEMA, entity),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        list(row.values()),
    )


def refuses(connection: psycopg.Connection, entity: str, **values: object) -> str:
    """The constraint that refuses the row; "" if it is taken."""
    try:
        with connection.transaction():
            insert(connection, entity, **values)
    except psycopg.errors.IntegrityError as error:
        return error.diag.constraint_name or error.diag.column_name or "?"
    return ""


def with_customer(connection: psycopg.Connection) -> psycopg.Connection:
    insert(connection, "customer", account_number="7", status="active")
    return connection


# What PostgreSQL is told


def names_in(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        """select conname as name from pg_constraint where connamespace = %(s)s::regnamespace
             and contype <> 'n'  -- PostgreSQL 18 names NOT NULL by itself
           union all
           select relname from pg_class where relnamespace = %(s)s::regnamespace
             and relkind = 'i' and not exists (
               select from pg_constraint where conindid = pg_class.oid and contype = 'p')""",
        {"s": sql.Identifier(SCHEMA).as_string(connection)},
    )
    return [row["name"] for row in found]


def test_there_is_a_table_per_entity_with_a_column_per_field(tables: psycopg.Connection) -> None:
    found: dict[str, list[str]] = {}
    for row in tables.execute(
        """select table_name, column_name from information_schema.columns
           where table_schema = %s order by table_name, ordinal_position""",
        [SCHEMA],
    ):
        found.setdefault(row["table_name"], []).append(row["column_name"])
    assert found == {name: ddl.columns(entity) for name, entity in ENTITIES.items()}
    for columns in found.values():
        assert columns[-5:] == ["legacy", "_migration", "_file", "_record", "_changed"]


def test_column_types(tables: psycopg.Connection) -> None:
    declared = {
        "customer.account_number": 'text COLLATE "C"',
        "customer.status": 'text COLLATE "C"',
        "customer.balance": "numeric(19,4)",
        "customer.bill_day": "bigint",
        "customer.tax_exempt": "boolean",
        "customer.signup_date": "date",
        "customer.legacy": "jsonb",
        "location.latitude": "numeric(9,6)",
        "plan.tax_rate": "numeric(9,6)",
        "plan.data_cap_gb": "numeric(19,6)",
        "plan.download_kbps": "bigint",
        "payment.paid_at": "timestamp with time zone",
        "ip_assignment.address": "inet",
        "ip_assignment.mac": "macaddr",
        "ip_assignment._migration": "bigint",
        "ip_assignment._file": "integer",
        "ip_assignment._record": "bigint",
    }
    rows = tables.execute(
        """select relname || '.' || attname as name, format_type(atttypid, atttypmod)
             || case attcollation when 0 then '' else ' COLLATE "' || collname || '"' end as type
           from pg_attribute join pg_class on pg_class.oid = attrelid
             left join pg_collation on pg_collation.oid = attcollation
           where relnamespace = %s::regnamespace and attnum > 0""",
        [sql.Identifier(SCHEMA).as_string(tables)],
    )
    found = {row["name"]: row["type"] for row in rows}
    assert {name: found[name] for name in declared} == declared


def test_names_of_constraints_and_indexes_say_what_they_are_for(
    tables: psycopg.Connection,
) -> None:
    names = names_in(tables)
    assert len(set(names)) == len(names)
    assert {
        "customer_pkey",
        "customer_status_choice",
        "customer_email_pattern",
        "customer_account_number_length",
        "customer_bill_day_range",
        "customer_balance_needs_currency_rule",
        "service_plan_fkey",
        "service_plan_idx",
        "service_migration_idx",
        "ip_assignment_address_address",
        "location_latitude_with_longitude_rule",
    } <= set(names)


@every_entity
def test_names_are_whole_and_the_only_ones(entity: EntityInfo) -> None:
    # PostgreSQL would cut a longer name off without a word.
    told = [statement.as_string(None) for statement in ddl.create_tables("t")]
    for rule in entity.row_rules:
        assert len(ddl.constraint_name(entity, rule.name, "rule").encode()) <= 63
    for field in entity.fields:
        for kind in ("choice", "pattern", "length", "range", "address", "fkey", "idx"):
            assert len(ddl.constraint_name(entity, field, kind).encode()) <= 63
    assert any(f'create table "t"."{entity.name}"' in statement for statement in told)


def test_a_name_too_long_is_shortened_and_stays_the_only_one() -> None:
    entity = ENTITIES["payment_method"]
    first = ddl.constraint_name(entity, "a" * 60 + "1", "range")
    second = ddl.constraint_name(entity, "a" * 60 + "2", "range")
    assert len(first) == len(second) == 63
    assert first != second
    assert first.startswith("payment_method_aaaa")


def test_references_can_be_deferred_and_are_immediate_until_then(
    tables: psycopg.Connection,
) -> None:
    rows = list(
        tables.execute(
            """select conrelid::regclass::text as child, confrelid::regclass::text as parent,
                 confupdtype, confdeltype, condeferrable, condeferred
               from pg_constraint where contype = 'f'
                 and connamespace = %s::regnamespace""",
            [sql.Identifier(SCHEMA).as_string(tables)],
        )
    )
    assert len(rows) == sum(len(entity.references) for entity in ENTITIES.values())
    for row in rows:
        assert (row["confupdtype"], row["confdeltype"]) == ("a", "a")
        assert (row["condeferrable"], row["condeferred"]) == (True, False)


def test_every_reference_is_served_by_an_index(tables: psycopg.Connection) -> None:
    without = tables.execute(
        """select conname from pg_constraint c where contype = 'f' and not exists (
             select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])"""
    ).fetchall()
    assert without == []


def test_tables_and_columns_are_commented(tables: psycopg.Connection) -> None:
    uncommented = tables.execute(
        """select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid
           where relnamespace = %s::regnamespace and relkind = 'r' and attnum > 0
             and (col_description(attrelid, attnum) is null
                  or obj_description(pg_class.oid) is null)""",
        [sql.Identifier(SCHEMA).as_string(tables)],
    ).fetchall()
    assert uncommented == []


# What PostgreSQL refuses


def test_a_key_is_there_once(tables: psycopg.Connection) -> None:
    with_customer(tables)
    assert refuses(tables, "customer", account_number="7", status="lead") == "customer_pkey"
    assert refuses(tables, "customer", status="lead") == "account_number"
    assert refuses(tables, "customer", account_number="", status="lead") == (
        "customer_account_number_length"
    )


def test_an_address_is_one_key_however_it_is_written(tables: psycopg.Connection) -> None:
    insert(tables, "ip_assignment", address="2001:db8::1")
    assert refuses(tables, "ip_assignment", address="2001:0db8:0::0001") == "ip_assignment_pkey"
    assert refuses(tables, "ip_assignment", address="10.0.0.1/24") == (
        "ip_assignment_address_address"
    )


def test_keys_compare_bytewise(tables: psycopg.Connection) -> None:
    for number in ("b", "B", "a", "ä"):
        insert(tables, "customer", account_number=number, status="active")
    found = tables.execute(
        sql.SQL("select account_number from {} order by 1").format(
            sql.Identifier(SCHEMA, "customer")
        )
    )
    assert [row["account_number"] for row in found] == ["B", "a", "b", "ä"]


def test_a_reference_must_be_there_at_once_unless_deferred(tables: psycopg.Connection) -> None:
    orphan: dict[str, Any] = {"invoice_number": "1", "customer": "7", "total": 1, "currency": "EUR"}
    assert refuses(tables, "invoice", **orphan) == "invoice_customer_fkey"
    tables.execute("set constraints all deferred")
    insert(tables, "invoice", **orphan)
    with_customer(tables)
    tables.execute("set constraints all immediate")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), tables.transaction():
        tables.execute(sql.SQL("delete from {}").format(sql.Identifier(SCHEMA, "customer")))


def test_where_a_row_came_from_is_never_unknown(tables: psycopg.Connection) -> None:
    for column in PROVENANCE:
        row = {"account_number": "7", "status": "active", column: None}
        assert refuses(tables, "customer", **row) == column
    assert refuses(tables, "customer", account_number="7", status="active", legacy=None) == ""


def test_infinite_dates_are_refused(tables: psycopg.Connection) -> None:
    customer = {"account_number": "7", "status": "active"}
    assert refuses(tables, "customer", **customer, signup_date="infinity") == (
        "customer_signup_date_range"
    )


# Validation and PostgreSQL agree

CHARACTERS = string.ascii_letters + string.digits + " -@.+:\né€😀"


def exact(info: FieldInfo, least: int | Decimal, most: int | Decimal) -> st.SearchStrategy[Decimal]:
    scale = info.arrow_type.scale
    return st.decimals(least, most, places=scale, allow_nan=False, allow_infinity=False)


def ip_network_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> str:
    return str(ipaddress.ip_network((address, length), strict=False))


def sound_cell(info: FieldInfo) -> st.SearchStrategy[Any]:
    """Canonical values that the field takes."""
    match info.type:
        case FieldType.BOOLEAN:
            return st.booleans()
        case FieldType.DATE:
            return st.dates()
        case FieldType.TIMESTAMP:
            return st.datetimes(timezones=st.just(datetime.UTC))
        case FieldType.TIME:
            return st.times()
        case FieldType.INTEGER | FieldType.DATA_RATE:
            return st.integers(info.minimum, info.maximum or 2**63 - 1)
        case FieldType.MONEY | FieldType.QUANTITY | FieldType.COORDINATE | FieldType.RATE:
            type_ = info.arrow_type
            most = (Decimal(10) ** type_.precision - 1).scaleb(-type_.scale)
            least = -most if info.minimum is None else Decimal(info.minimum)
            return exact(info, least, most if info.maximum is None else Decimal(info.maximum))
        case FieldType.ADDRESS:
            return st.ip_addresses().map(str)
        case FieldType.NETWORK:
            return st.one_of(
                st.builds(ip_network_of, st.ip_addresses(v=4), st.integers(0, 32)),
                st.builds(ip_network_of, st.ip_addresses(v=6), st.integers(0, 128)),
            )
        case FieldType.CHOICE:
            return st.sampled_from(info.choices)
    if info.pattern:
        return of_pattern(info.pattern).filter(lambda text: len(text) <= (info.max_length or 255))
    return st.text(CHARACTERS, min_size=info.min_length, max_size=min(info.max_length or 0, 12))


def any_cell(info: FieldInfo) -> st.SearchStrategy[Any]:
    """Canonical values of the field's type, such as it takes and such as it does not.

    No address, network, UUID or MAC in another spelling than the canonical one: validation
    refuses those, as staged keys are compared as text, and PostgreSQL would rewrite them.
    """
    match info.type:
        case FieldType.BOOLEAN | FieldType.DATE | FieldType.TIMESTAMP | FieldType.TIME:
            return sound_cell(info)
        case FieldType.INTEGER | FieldType.DATA_RATE:
            return st.integers(-3, 50) | st.integers(-(2**63), 2**63 - 1)
        case FieldType.MONEY | FieldType.QUANTITY | FieldType.COORDINATE | FieldType.RATE:
            most = (Decimal(10) ** info.arrow_type.precision - 1).scaleb(-info.arrow_type.scale)
            return exact(info, -2, 2) | exact(info, -most, most)
        case FieldType.ADDRESS:
            return sound_cell(info) | st.sampled_from(["", "1.2.3", "1.2.3.4/8", "::g"])
        case FieldType.NETWORK:
            return sound_cell(info) | st.sampled_from(["", "x", "1.2.3.4/8", "::1/64", "::g/8"])
        case FieldType.MAC:
            return sound_cell(info) | st.sampled_from(["", "aa:bb", "aa:bb:cc:dd:ee:fg"])
        case FieldType.UUID:
            return sound_cell(info) | st.sampled_from(["", "0", f"{'0' * 31}g"])
    longer = st.sampled_from(["", " ", "a\0b", "1" * 16, "x" * 40, "é" * 70, "x" * 10_001])
    return sound_cell(info) | st.text(CHARACTERS, max_size=8) | longer


@st.composite
def rows_of(draw: st.DrawFn, entity: EntityInfo) -> dict[str, Any]:
    """Rows of the entity: about half of what may be missing is, and up to two fields hold
    anything that their type can."""
    filled = draw(st.sets(st.sampled_from([*entity.fields])))
    unsure = draw(st.sets(st.sampled_from([*entity.fields]), max_size=2))
    row: dict[str, Any] = {}
    for name, info in entity.fields.items():
        if name in unsure:
            row[name] = draw(st.none() | any_cell(info))
        elif info.must_hold_value or name in filled:
            row[name] = draw(sound_cell(info))
        else:
            row[name] = None
    return row


def are_valid(entity: EntityInfo, rows: list[dict[str, Any]]) -> list[bool]:
    columns = {}
    for name, info in entity.fields.items():
        array = pa.array([row[name] for row in rows], info.arrow_type)
        columns[name] = (
            pd.Series(pd.arrays.ArrowExtensionArray(array))
            if isinstance(info.pandas_dtype, pd.ArrowDtype)
            else pd.Series(array.to_pylist(), dtype=info.pandas_dtype)
        )
    log = IssueLog(len(rows))
    validation.check(entity, pd.DataFrame(columns), log, {}, {}, partial=False)
    return [not rejected for rejected in log.rejected]


def is_taken(connection: psycopg.Connection, entity: EntityInfo, row: dict[str, Any]) -> bool:
    """Whether PostgreSQL takes the row, parents aside; it is taken back at once."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set constraints all deferred")
            insert(connection, entity.name, **row)
    except (psycopg.errors.IntegrityError, psycopg.errors.DataError):
        return False
    return True


def test_the_end_of_a_day_is_no_time_of_it(tables: psycopg.Connection) -> None:
    assert refuses(tables, "plan", plan_code="7", off_peak_until="24:00") == (
        "plan_off_peak_until_range"
    )


@pytest.mark.slow
@every_entity
def test_what_validation_passes_postgres_takes_and_what_it_refuses_is_refused(
    tables: psycopg.Connection, entity: EntityInfo
) -> None:
    verdicts: set[bool] = set()

    @given(st.lists(rows_of(entity), min_size=1, max_size=5))
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(rows: list[dict[str, Any]]) -> None:
        valid = are_valid(entity, rows)
        verdicts.update(valid)
        assert [is_taken(tables, entity, row) for row in rows] == valid

    agree()
    assert verdicts == {True, False}, "the generated rows must show both"


BESIDE: dict[str, dict[str, Any]] = {
    "latitude": {"longitude": Decimal("1.000000")},
    "longitude": {"latitude": Decimal("1.000000")},
    "expiry_month": {"expiry_year": 2030},
    "expiry_year": {"expiry_month": 1},
}
"""What row rules ask to stand beside a field."""


def sparse_row(entity: EntityInfo, name: str) -> dict[str, Any]:
    """A sound row with nothing in it but what must be there, and what ``name`` needs beside."""
    simplest = {
        FieldType.TEXT: "7",
        FieldType.INTEGER: 1,
        FieldType.MONEY: Decimal("1.0000"),
        FieldType.CURRENCY: "EUR",
        FieldType.ADDRESS: "10.0.0.1",
    }
    row = {
        field: (info.choices[0] if info.choices else simplest[info.type])
        if info.must_hold_value
        else None
        for field, info in entity.fields.items()
    }
    if name in entity.money:
        row[entity.money[name]] = "EUR"
    return row | BESIDE.get(name, {})


@pytest.mark.slow
@every_entity
def test_both_agree_on_every_field_by_itself(
    tables: psycopg.Connection, entity: EntityInfo
) -> None:
    @given(st.data())
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(data: st.DataObject) -> None:
        rows = [
            sparse_row(entity, name) | {name: value}
            for name, info in entity.fields.items()
            for value in data.draw(st.lists(any_cell(info), min_size=3, max_size=3), name)
        ]
        assert [is_taken(tables, entity, row) for row in rows] == are_valid(entity, rows)

    agree()


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_to_postgres_what_they_mean_to_pandera(
    tables: psycopg.Connection, pattern: str
) -> None:
    info = FieldInfo(FieldType.EMAIL, "Under test.", pattern=pattern, pattern_doc="as told")
    (check,) = checks_of(info)
    condition = ddl.field_check("cell", info, CheckKind.PATTERN)
    assert condition is not None
    asked = sql.SQL(
        "select ({}) as matches from unnest(%s::text[]) with ordinality as t(cell, n) order by n"
    )

    @given(st.lists(of_pattern(info.pattern) | st.text(CHARACTERS, max_size=20), min_size=1))
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(texts: list[str]) -> None:
        found = tables.execute(asked.format(condition), [texts]).fetchall()
        assert [row["matches"] for row in found] == list(
            check(pd.Series(texts, dtype="str")).check_output
        )

    agree()
