"""What integrity rejects, for any small world, is what a plain reading of its rules rejects."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import journal, ledger, quarantine, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines_tests.platform.loading import load_rows

Row = dict[str, Any]
World = dict[str, list[Row]]
CUSTOMERS = st.sampled_from("ABC")


def numbered(key: str, rows: list[Row]) -> list[Row]:
    return [{key: f"{key[0].upper()}{n}", **row} for n, row in enumerate(rows)]


def rows_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=6)


worlds = st.fixed_dictionaries(
    {
        "customer": st.lists(
            st.sampled_from(["active", "active", "cancelled"]), min_size=3, max_size=3
        ).map(
            lambda said: [
                {"account_number": a, "status": s} for a, s in zip("ABC", said, strict=True)
            ]
        ),
        "plan": st.just([{"plan_code": "NET", "kind": "internet", "download_kbps": 1}]),
        "service": rows_of(
            customer=CUSTOMERS,
            plan=st.just("NET"),
            status=st.sampled_from(["active", "active", "cancelled"]),
            access_username=st.sampled_from([None, "x", "y", "z"]),
        ).map(lambda rows: numbered("service_code", rows)),
        "device": rows_of(
            customer=CUSTOMERS,
            mac=st.sampled_from(["00:00:00:00:00:01", "00:00:00:00:00:02", "00:00:00:00:00:03"]),
            status=st.sampled_from(["active", "retired"]),
        ).map(lambda rows: numbered("device_code", rows)),
        "ip_assignment": st.lists(
            st.fixed_dictionaries(
                {
                    "address": st.sampled_from(
                        ["10.0.0.0", "10.0.1.0", "10.0.1.128", "10.0.1.129", "2001:db8::"]
                    ),
                    "prefix_length": st.sampled_from([None, 16, 24, 25]),
                    "service": st.sampled_from(["S0", "S1", "S2", "S9"]),
                }
            ),
            max_size=5,
            unique_by=lambda row: row["address"],
        ),
    }
)


def network(row: Row) -> Any:
    address = ipaddress.ip_address(row["address"])
    try:
        return ipaddress.ip_network((address, row["prefix_length"] or address.max_prefixlen))
    except ValueError:  # not at the beginning of a network: the one address
        return ipaddress.ip_network(address)


def expected(world: World) -> set[tuple[str, int]]:
    """Entity and record of what is to be rejected."""
    customers = {row["account_number"]: row for row in world["customer"]}
    services = {row["service_code"]: row for row in world["service"]}
    out: set[tuple[str, int]] = set()

    def staying(entity: str) -> list[tuple[int, Row]]:
        return [(n, r) for n, r in enumerate(world[entity], 1) if (entity, n) not in out]

    def follow() -> None:
        there = {r["service_code"] for _, r in staying("service")}
        out.update(
            ("ip_assignment", n) for n, r in staying("ip_assignment") if r["service"] not in there
        )

    follow()
    addressed = {r["service"] for r in world["ip_assignment"]}
    equipped = {r["customer"] for r in world["device"]}
    for n, row in staying("service"):
        active = row["status"] == "active"
        access = row["access_username"] or row["service_code"] in addressed
        if active and (
            customers[row["customer"]]["status"] == "cancelled"
            or not (access or row["customer"] in equipped)
        ):
            out.add(("service", n))
    follow()

    found: set[tuple[str, int]] = set()
    first: dict[str, str] = {}
    for n, row in staying("service"):
        if row["status"] == "active" and row["access_username"]:
            holder = first.setdefault(row["access_username"], row["customer"])
            if holder != row["customer"]:
                found.add(("service", n))
    seen: set[str] = set()
    for n, row in staying("device"):
        if row["status"] == "active":
            if row["mac"] in seen:
                found.add(("device", n))
            seen.add(row["mac"])
    kept: list[tuple[Any, str]] = []
    for n, row in staying("ip_assignment"):
        net, owner = network(row), services[row["service"]]["customer"]
        if any(o != owner and k.version == net.version and k.overlaps(net) for k, o in kept):
            found.add(("ip_assignment", n))
        else:
            kept.append((net, owner))
    out.update(found)
    follow()
    return out


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    return tenants.add(connection.engine, "acme")


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds)
def test_what_is_rejected_is_what_the_rules_say(
    connection: Connection, acme: Tenant, world: World
) -> None:
    tables = sql.SQL(", ").join(
        sql.Identifier(acme.schema, name) for name in (*ENTITIES, *journal.TABLES)
    )
    with connection.begin():
        raw(connection).execute(sql.SQL("truncate {}").format(tables))
    entities = {entity: world[entity] for entity in ENTITIES if world.get(entity)}
    migration, loaded = load_rows(connection, acme, entities, own_files=True)
    listed = list(quarantine.listing(raw(connection), acme, [migration]))
    raw(connection).rollback()
    assert {(row["entity"], row["record"]) for row in listed} == expected(world)
    for row in listed:
        errors = [r["rule"] for r in row["reasons"] if r["severity"] == "error"]
        assert errors
        assert len(errors) == len(set(errors))
    assert all(
        c.read == c.inserted + c.updated + c.unchanged + c.quarantined
        for c in loaded.entities.values()
    )

    # And once more: what stays is there already, and what is rejected is so again.
    again, repeated = load_rows(connection, acme, entities, own_files=True)
    listed_again = list(quarantine.listing(raw(connection), acme, [again]))
    raw(connection).rollback()
    assert [(r["entity"], r["record"]) for r in listed_again] == [
        (r["entity"], r["record"]) for r in listed
    ]
    assert all(c.inserted == c.updated == 0 for c in repeated.entities.values())
