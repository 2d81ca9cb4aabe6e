"""Integrity across rows and entities: each defect is found once, and nothing sound is rejected."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.issues import Severity
from ispmig_pipelines.platform import ledger, pools, tenants
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.integrity.policy import Policy, RejectedParent
from ispmig_pipelines.platform.load import Loaded, load
from ispmig_pipelines.platform.rollback.undo import undo
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines_tests.platform.loading import feed, open_migration

Row = dict[str, Any]
World = dict[str, list[Row]]
Issue = tuple[str, int, str, str]
"""Entity, record, rule, severity."""


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


class Isp:
    """A tenant and what is loaded into it."""

    def __init__(self, connection: Connection, tenant: Tenant) -> None:
        self.connection, self.tenant = connection, tenant
        self.migration = 0

    def load(
        self,
        world: World,
        *more: tuple[str, list[Row], bool],
        on_conflict: OnConflict = OnConflict.update,
        dry_run: bool = False,
        **policy: Any,
    ) -> Loaded:
        """Loads a feed per entity, then those of ``more``: entity, rows, partial."""
        self.migration = open_migration(self.connection, self.tenant)
        feeds = [feed(self.tenant, self.migration, e, rows) for e, rows in world.items() if rows]
        feeds += [
            feed(self.tenant, self.migration, e, rows, index=i, file=1, partial=partial)
            for i, (e, rows, partial) in enumerate(more, 1)
        ]
        order = list(WORLD)
        feeds.sort(key=lambda f: (order.index(f.table.entity), f.table.partial, f.table.index))
        return load(
            self.connection,
            self.tenant,
            self.migration,
            feeds,
            on_conflict=on_conflict,
            dry_run=dry_run,
            approve=lambda loaded: None,
            spill=Path(tempfile.gettempdir()),
            policy=Policy(**policy),
        )

    def _rows(self, query: str, *parts: sql.Composable) -> list[tuple]:
        found = raw(self.connection).execute(sql.SQL(query).format(*parts)).fetchall()
        raw(self.connection).rollback()
        return found

    def issues(self) -> set[Issue]:
        """What the last migration noted; a finding that stands there twice fails."""
        rows = self._rows(
            "select entity, record, rule, severity, field from {} where migration = {}",
            sql.Identifier(self.tenant.schema, "_issues"),
            sql.Literal(self.migration),
        )
        assert len(rows) == len(set(rows)), "told twice"
        return {(entity, record, rule, severity) for entity, record, rule, severity, _ in rows}

    def told(self, rule: str) -> list[tuple[int, str, str, str]]:
        """Record, field, found and accepted of the last migration's issues of a rule."""
        return sorted(
            self._rows(
                "select record, field, found, accepted from {} where migration = {} and rule = {}",
                sql.Identifier(self.tenant.schema, "_issues"),
                sql.Literal(self.migration),
                sql.Literal(rule),
            )
        )

    def aside(self) -> set[tuple[str, int]]:
        """Entity and record of what the last migration put in quarantine."""
        return set(
            self._rows(
                "select entity, record from {} where migration = {}",
                sql.Identifier(self.tenant.schema, "_quarantine"),
                sql.Literal(self.migration),
            )
        )

    def column(self, entity: str, columns: str) -> list[tuple]:
        return self._rows(
            "select {} from {} order by 1",
            sql.SQL(columns),
            sql.Identifier(self.tenant.schema, entity),
        )

    def digest(self) -> str:
        found = str(digest(raw(self.connection), self.tenant)["digest"])
        raw(self.connection).rollback()
        return found


@pytest.fixture
def isp(connection: Connection, acme: Tenant) -> Isp:
    return Isp(connection, acme)


WORLD: tuple[str, ...] = (
    "customer", "location", "plan", "service", "invoice", "invoice_line", "payment", "device",
    "ip_assignment",
)  # fmt: skip


SOLD = {"start_date": dt.date(2020, 1, 1), "price": Decimal("9.90"), "currency": "EUR"}


def sound() -> World:
    """Two customers with all that is theirs; nothing is wrong with any of it."""
    return {
        "customer": [
            {"account_number": a, "status": "active", "email": f"{a}@example.org",
             "first_name": "Ann", "last_name": a, "phone": f"+49301234{i}", "mobile": None,
             "company_name": None, "signup_date": dt.date(2020, 1, 1), "currency": "EUR",
             "payment_terms": "prepaid" if a == "C" else "postpaid"}
            for i, a in enumerate("ABC")
        ],
        "location": [
            {"location_code": "LA", "customer": "A", "kind": "residential"},
            {"location_code": "LB", "customer": "B", "kind": "residential"},
            {"location_code": "TOWER", "customer": "B", "kind": "network_site"},
        ],
        "plan": [
            {"plan_code": "NET", "kind": "internet", "download_kbps": 100_000,
             "billing_cycle": "monthly"},
            {"plan_code": "TEL", "kind": "phone", "download_kbps": None,
             "billing_cycle": "monthly"},
        ],
        "service": [
            {"service_code": "SA", "customer": "A", "plan": "NET", "location": "LA",
             "status": "active", "access_username": "ann", **SOLD},
            {"service_code": "SB", "customer": "B", "plan": "NET", "location": "TOWER",
             "status": "active", "access_username": None, **SOLD},
            {"service_code": "TB", "customer": "B", "plan": "TEL", "location": "LB",
             "status": "active", "access_username": None, **SOLD},
            {"service_code": "OLD", "customer": "B", "plan": "NET", "location": "LB",
             "status": "cancelled", "access_username": "ann", **SOLD},
        ],
        "invoice": [
            {"invoice_number": "I1", "customer": "A", "subtotal": Decimal("30.00"),
             "tax": Decimal("5.70"), "total": Decimal("35.70"), "currency": "EUR",
             "period_start": dt.date(2024, 1, 1), "period_end": dt.date(2024, 1, 31),
             "issue_date": dt.date(2024, 1, 2), "due_date": dt.date(2024, 1, 16)},
            {"invoice_number": "I2", "customer": "B", "subtotal": None, "tax": None,
             "total": Decimal("10.00"), "currency": "EUR", "period_start": None,
             "period_end": None, "issue_date": dt.date(2024, 1, 2), "due_date": None},
        ],
        "invoice_line": [
            {"invoice_number": "I1", "line_no": n, "amount": Decimal("10.00"), "currency": "EUR",
             "item_code": "NET", "quantity": Decimal(1), "period_start": dt.date(2024, 1, 1),
             "period_end": dt.date(2024, 2, 1)}
            for n in (1, 2, 3)
        ],
        "payment": [
            {"payment_number": "P1", "customer": "A", "invoice": "I1",
             "amount": Decimal("35.70"), "currency": "EUR", "method": "cash",
             "paid_at": dt.datetime(2024, 1, 5, 9, tzinfo=dt.UTC)},
        ],
        "device": [
            {"device_code": "DA", "customer": "A", "location": "LA", "service": "SA",
             "mac": "00:1a:2b:3c:4d:5e", "status": "active", "management_address": "192.168.1.1"},
            {"device_code": "DB", "customer": "B", "location": "TOWER", "service": None,
             "mac": "00:1a:2b:3c:4d:5f", "status": "active", "management_address": "192.168.1.1"},
            {"device_code": "STOCK", "customer": None, "location": None, "service": None,
             "mac": "00:1a:2b:3c:4d:5e", "status": "in_stock", "management_address": None},
            {"device_code": "BNG", "customer": None, "location": None, "service": None,
             "mac": None, "status": "active", "management_address": "10.255.0.1"},
        ],
        "ip_assignment": [
            {"address": "10.0.0.0", "prefix_length": 16, "service": None, "device": "BNG",
             "mac": None, "status": "active"},
            {"address": "10.0.1.7", "prefix_length": 24, "service": "SA", "device": None,
             "mac": "00:1a:2b:3c:4d:5e", "status": "active"},
            {"address": "10.0.1.8", "prefix_length": 24, "service": "SB", "device": None,
             "mac": None, "status": "active"},
            {"address": "2001:db8:1::", "prefix_length": 56, "service": "SB", "device": None,
             "mac": None, "status": "active"},
            {"address": "2001:db8:1::1", "prefix_length": 64, "service": "SB", "device": None,
             "mac": None, "status": "active"},
        ],
    }  # fmt: skip


def change(world: World, entity: str, row: int, **values: Any) -> World:
    world[entity][row] |= values
    return world


def test_nothing_is_said_of_a_sound_business(isp: Isp) -> None:
    loaded = isp.load(sound(), pools=("10.0.0.0/16", "2001:db8::/32"))
    assert isp.issues() == set()
    assert all(c.read == c.inserted for c in loaded.entities.values())
    again = isp.load(sound(), pools=("10.0.0.0/16", "2001:db8::/32"))
    assert isp.issues() == set()
    assert all(c.read == c.unchanged for c in again.entities.values())


PLANTED: list[tuple[str, str, int, dict[str, Any], set[Issue]]] = [
    ("a service of one who left", "customer", 0, {"status": "cancelled"},
     {("service", 1, "service.customer_cancelled", "error"),
      ("device", 1, "reference.rejected", "error"),
      ("ip_assignment", 2, "reference.rejected", "error")}),
    ("a service of one who is suspended", "customer", 0, {"status": "suspended"},
     {("service", 1, "service.customer_not_active", "warning")}),
    ("a line that starts before its customer signed up", "service", 0,
     {"start_date": dt.date(2019, 12, 31)},
     {("service", 1, "service.start_before_signup", "warning")}),
    ("a customer whose money is of another currency", "customer", 0, {"currency": "USD"},
     {("service", 1, "service.currency_of_customer", "warning"),
      ("invoice", 1, "invoice.currency_of_customer", "warning"),
      ("payment", 1, "payment.currency_of_customer", "warning")}),
    ("an invoice that a prepaid customer may pay later", "customer", 0,
     {"payment_terms": "prepaid"}, {("invoice", 1, "invoice.due_date_of_prepaid", "info")}),
    ("a prepaid invoice due at once", "invoice", 1, {"customer": "C",
     "due_date": dt.date(2024, 1, 2)}, set()),
    ("a payment of what was not billed yet", "payment", 0,
     {"paid_at": dt.datetime(2023, 12, 31, 12, tzinfo=dt.UTC)},
     {("payment", 1, "payment.before_invoice", "info")}),
    ("a payment of the day before", "payment", 0,
     {"paid_at": dt.datetime(2024, 1, 1, 1, tzinfo=dt.UTC)}, set()),
    ("a payment of a balance", "payment", 0, {"method": "balance",
     "paid_at": dt.datetime(2023, 12, 1, tzinfo=dt.UTC)}, set()),
    ("one email of two", "customer", 1, {"email": "A@Example.ORG"},
     {("customer", 2, "duplicate.identity", "warning")}),
    ("one mobile and name of two", "customer", 1,
     {"mobile": "+493012340", "first_name": "ANN ", "last_name": "a"},
     {("customer", 2, "duplicate.identity", "warning")}),
    ("one email, telephone and name of two", "customer", 1,
     {"email": "A@example.org", "phone": "+493012340", "last_name": "A"},
     {("customer", 2, "duplicate.identity", "warning")}),
    ("one telephone of two names", "customer", 1, {"phone": "+493012340"}, set()),
    ("a line that does not add up", "invoice_line", 2, {"amount": Decimal("10.02")},
     {("invoice", 1, "invoice.lines_add_up", "error"),
      ("invoice_line", 1, "reference.rejected", "error"),
      ("invoice_line", 2, "reference.rejected", "error"),
      ("invoice_line", 3, "reference.rejected", "error"),
      ("payment", 1, "reference.rejected", "error")}),
    ("lines rounded to the cent", "invoice_line", 2, {"amount": Decimal("10.015")}, set()),
    ("a line whose amount is not told", "invoice_line", 2, {"amount": None}, set()),
    ("another currency on a line", "invoice_line", 1, {"currency": "USD"},
     {("invoice_line", 2, "invoice_line.currency_of_invoice", "error")}),
    ("a payment of another customer", "payment", 0, {"customer": "B"},
     {("payment", 1, "payment.customer_of_invoice", "error")}),
    ("a payment in another currency", "payment", 0, {"currency": "USD"},
     {("payment", 1, "payment.currency_of_invoice", "error")}),
    ("a payment of too much", "payment", 0, {"amount": Decimal("35.71")},
     {("invoice", 1, "invoice.overpaid", "info")}),
    ("a line billed for two months", "invoice_line", 0, {"period_end": dt.date(2024, 2, 29)},
     {("invoice_line", 1, "invoice_line.period_in_cycle", "warning")}),
    ("a line billed for two months, twice", "invoice_line", 0,
     {"period_end": dt.date(2024, 2, 29), "quantity": Decimal(2), "amount": Decimal(10)}, set()),
    ("an invoice for two months", "invoice", 1, {"customer": "A",
     "period_start": dt.date(2024, 1, 1), "period_end": dt.date(2024, 2, 29)},
     {("invoice", 2, "invoice.period_in_cycle", "warning")}),
    ("a location of another customer", "service", 0, {"location": "LB"},
     {("service", 1, "service.location_of_other", "warning")}),
    ("a device at another customer's", "device", 0, {"location": "LB"},
     {("device", 1, "device.location_of_other", "warning")}),
    ("a device with another customer's service", "device", 1, {"service": "SA"},
     {("device", 2, "device.service_of_other", "warning")}),
    ("an address on another customer's device", "ip_assignment", 2, {"device": "DA"},
     {("ip_assignment", 3, "ip_assignment.device_of_other", "warning")}),
    ("a line beside another one's device", "service", 3, {"status": "active",
     "access_username": None, "customer": "A", "location": None},
     {("service", 4, "network.no_access", "error")}),
    ("a line of one who has a device", "service", 3, {"status": "active", "location": None,
     "access_username": None}, set()),
    ("one username of two customers", "service", 3, {"status": "active"},
     {("service", 4, "network.username_twice", "error")}),
    ("one username of two services", "service", 3,
     {"status": "active", "customer": "A", "location": None},
     {("service", 4, "network.username_shared", "warning")}),
    ("one MAC of two devices", "device", 1, {"mac": "00:1a:2b:3c:4d:5e"},
     {("device", 2, "network.mac_twice", "error")}),
    ("no MAC at all in two devices", "device", 1, {"mac": "00:00:00:00:00:00"}, set()),
    ("another customer's MAC at an address", "ip_assignment", 2, {"mac": "00:1a:2b:3c:4d:5e"},
     {("ip_assignment", 3, "network.mac_twice", "error")}),
    ("an address in another's network", "ip_assignment", 4, {"service": "SA"},
     {("ip_assignment", 5, "network.address_overlaps", "error")}),
    ("a free address in another's network", "ip_assignment", 4,
     {"service": "SA", "status": "free"}, set()),
    ("one that was given back", "ip_assignment", 4,
     {"service": "SA", "released_date": dt.date(2020, 1, 1)}, set()),
    ("an address outside the pools", "ip_assignment", 2, {"address": "10.9.0.8"},
     {("ip_assignment", 3, "network.outside_pools", "error")}),
    ("a management address outside the pools", "ip_assignment", 2,
     {"address": "10.9.0.8", "kind": "management"}, set()),
    ("a plan without a speed", "plan", 0, {"download_kbps": None},
     {("plan", 1, "network.plan_without_speed", "warning")}),
    ("one management address of two", "device", 0, {"management_address": "10.255.0.1"},
     {("device", 4, "network.management_address_twice", "warning")}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entity", "row", "values", "issues"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED]
)
def test_a_planted_defect_is_found_once_with_what_follows_from_it(
    isp: Isp, entity: str, row: int, values: Row, issues: set[Issue]
) -> None:
    loaded = isp.load(
        change(sound(), entity, row, **values), pools=("10.0.0.0/16", "2001:db8::/32")
    )
    assert isp.issues() == issues
    assert isp.aside() == {(e, record) for e, record, _, severity in issues if severity == "error"}
    assert sum(c.quarantined for c in loaded.entities.values()) == len(isp.aside())


def test_a_line_that_nothing_lets_in_is_rejected(isp: Isp) -> None:
    world = sound()
    world["ip_assignment"] = world["ip_assignment"][:2]
    world["device"] = world["device"][:1] + world["device"][2:]
    isp.load(world)
    assert isp.issues() == {("service", 2, "network.no_access", "error")}
    assert isp.told("network.no_access") == [
        (2, "access_username", "", "a username, an address or a device")
    ]


def test_a_business_without_its_network_is_not_asked_for_it(isp: Isp) -> None:
    world = sound()
    for service in world["service"]:
        del service["access_username"]
    del world["ip_assignment"], world["device"]
    isp.load(world)
    assert isp.issues() == set()


def test_a_line_is_not_told_of_when_its_address_was_rejected(isp: Isp) -> None:
    world = sound()
    world["device"] = [d for d in world["device"] if d["device_code"] != "DB"]
    world["ip_assignment"] = world["ip_assignment"][:3]
    world["ip_assignment"].append(
        {
            "address": "10.0.1.8",
            "service": "SA",
            "device": None,
            "prefix_length": None,
            "mac": None,
            "status": "active",
        }
    )
    change(world, "ip_assignment", 2, address="10.3.0.9")
    isp.load(world, pools=("10.0.0.0/23",))
    assert isp.issues() == {("ip_assignment", 3, "network.outside_pools", "error")}


# --- places ------------------------------------------------------------------------------------


def _around_bern() -> list[Row]:
    return [
        {"location_code": f"L{n:02}", "customer": "A", "country": "CH",
         "latitude": Decimal("46.9") + Decimal(n % 7) / 10,
         "longitude": Decimal("7.4") + Decimal(n % 5) / 10}
        for n in range(30)
    ]  # fmt: skip


PLACE_RULES = {"misplaced": "location.coordinates_misplaced", "far": "location.far_from_others"}
PLACES: list[tuple[str, dict[int, tuple[str, str]], dict[int, str]]] = [
    ("all where they should be", {}, {}),
    ("changed round", {3: ("7.4", "46.9"), 9: ("7.5", "46.8")},
     {4: "misplaced", 10: "misplaced"}),
    ("without a sign", {3: ("46.9", "-7.4"), 5: ("-46.9", "7.4")},
     {4: "misplaced", 6: "misplaced"}),
    ("on another continent", {3: ("35.7", "139.7")}, {4: "far"}),
    ("at the other end of the country", {3: ("46.2", "10.4")}, {}),
    ("a town abroad", dict.fromkeys(range(4), ("41.4", "2.1")), {}),
    ("unknown", {3: ("0", "0")}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("moved", "told"), [p[1:] for p in PLACES], ids=[p[0] for p in PLACES])
def test_locations_far_from_all_others_are_told(
    isp: Isp, moved: dict[int, tuple[str, str]], told: dict[int, str]
) -> None:
    places = _around_bern()
    for place, (latitude, longitude) in moved.items():
        places[place] |= {"latitude": Decimal(latitude), "longitude": Decimal(longitude)}
    isp.load({"customer": sound()["customer"], "location": places})
    assert isp.issues() == {
        ("location", n, PLACE_RULES[kind], "warning") for n, kind in told.items()
    }


@pytest.mark.parametrize("error", PLACE_RULES.values())
def test_locations_are_held_against_those_that_stay(isp: Isp, error: str) -> None:
    places = _around_bern()
    places[3] |= {"latitude": Decimal("7.4"), "longitude": Decimal("46.9")}
    places[5] |= {"latitude": Decimal("35.7"), "longitude": Decimal("139.7")}
    isp.load(
        {"customer": sound()["customer"], "location": places}, severities={error: Severity.ERROR}
    )
    told = {4: PLACE_RULES["misplaced"], 6: PLACE_RULES["far"]}
    assert isp.issues() == {
        ("location", n, rule, "error" if rule == error else "warning") for n, rule in told.items()
    }


def test_countries_and_what_the_tenant_has_are_the_measure_of_places(isp: Isp) -> None:
    abroad = [{"location_code": "R1", "customer": "A", "country": "RE",
               "latitude": Decimal("-21.1"), "longitude": Decimal("55.5")}]  # fmt: skip
    isp.load({"customer": sound()["customer"], "location": _around_bern() + abroad})
    assert isp.issues() == set()
    swapped = {"latitude": Decimal("7.4"), "longitude": Decimal("46.9")}
    isp.load({"location": [{"location_code": "NEW", "customer": "A", "country": "CH", **swapped}]})
    assert isp.told("location.coordinates_misplaced") == [
        (1, "latitude, longitude", "9.9, 99.9", "latitude and longitude the other way round")
    ]


# --- children of what is rejected --------------------------------------------------------------


def test_children_and_their_children_follow_and_say_whom(isp: Isp) -> None:
    world = change(sound(), "customer", 1, account_number="A", email="b@example.org")
    loaded = isp.load(world)
    # The first A is there, and B is nowhere; what hangs on what is B's follows it.
    assert {field for _, field, *_ in isp.told("reference.missing")} == {"customer"}
    assert {said for *_, said in isp.told("reference.rejected")} == {
        "location in record 2 of file 1",
        "location in record 3 of file 1",
        "service in record 2 of file 1",
    }
    assert isp.told("key.duplicate") == [(2, "account_number", "", "record 1 of file 1")]
    assert all(c.read == c.inserted + c.quarantined for c in loaded.entities.values())


def test_a_rejected_parent_is_named_with_its_record(isp: Isp) -> None:
    isp.load(change(sound(), "customer", 0, status="cancelled"))
    assert isp.told("reference.rejected") == [
        (1, "service", "", "service in record 1 of file 1"),
        (2, "service", "", "service in record 1 of file 1"),
    ]


def test_a_record_is_told_at_once_of_every_reference_that_leads_nowhere(isp: Isp) -> None:
    world = change(sound(), "service", 1, customer="GONE", plan="NONE", location=None)
    change(world, "device", 1, customer="GONE", service="SB")
    loaded = isp.load(world)
    assert isp.told("reference.missing") == [
        (2, "customer", "", "customer"),
        (2, "customer", "", "customer"),
        (2, "plan", "", "plan"),
    ]
    assert (2, "service", "", "service in record 2 of file 1") in isp.told("reference.rejected")
    assert isp.issues() >= {
        ("device", 2, "reference.missing", "error"),
        ("device", 2, "reference.rejected", "error"),
    }
    assert {("service", 2), ("device", 2)} <= isp.aside()
    assert all(c.read == c.inserted + c.quarantined for c in loaded.entities.values())


def test_kept_children_lose_what_they_can_do_without(isp: Isp) -> None:
    world = change(sound(), "customer", 0, status="cancelled")
    isp.load(world, rejected_parent=RejectedParent.keep)
    assert isp.issues() == {
        ("service", 1, "service.customer_cancelled", "error"),
        ("device", 1, "reference.emptied", "warning"),
        ("ip_assignment", 2, "reference.emptied", "warning"),
    }
    assert isp.told("reference.emptied") == [
        (1, "service", "AA", "service in record 1 of file 1"),
        (2, "service", "AA", "service in record 1 of file 1"),
    ]
    assert ("DA", None, {"service": "SA"}) in isp.column("device", "device_code, service, legacy")
    before = isp.digest()
    again = isp.load(world, rejected_parent=RejectedParent.keep)
    assert isp.digest() == before
    assert all(c.inserted == c.updated == 0 for c in again.entities.values())


def test_kept_children_still_follow_a_parent_they_cannot_do_without(isp: Isp) -> None:
    world = change(sound(), "invoice_line", 2, amount=Decimal("10.02"))
    loaded = isp.load(world, rejected_parent=RejectedParent.keep)
    assert isp.aside() == {("invoice", 1), *(("invoice_line", n) for n in (1, 2, 3))}
    assert isp.column("payment", "payment_number, invoice, legacy") == [
        ("P1", None, {"invoice": "I1"})
    ]
    assert loaded.totals["invoice.total"]["EUR"].quarantined == Decimal("35.70")


# --- with what the tenant has ------------------------------------------------------------------


def test_what_the_tenant_has_stays_and_the_record_says_where_it_came_from(isp: Isp) -> None:
    isp.load(sound())
    first = isp.migration
    before = isp.digest()
    isp.load({"device": [
        {"device_code": "NEW", "mac": "00:1a:2b:3c:4d:5e", "status": "active"},
    ]})  # fmt: skip
    assert isp.told("network.mac_twice") == [
        (1, "mac", "99:9a:9a:9a:9a:9a",
         f"the device in record 1 of 0.csv in migration {first}"),
    ]  # fmt: skip
    assert isp.digest() == before


def test_an_update_that_would_break_is_not_made_and_the_rest_is(isp: Isp) -> None:
    isp.load(sound())
    before = isp.column("device", "device_code, mac::text")
    world = sound()
    change(world, "device", 1, mac="00:1a:2b:3c:4d:5e", management_address="10.1.1.1")
    change(world, "device", 3, management_address="10.1.1.2")
    loaded = isp.load({"device": world["device"]})
    counts = loaded.entities["device"]
    assert (counts.updated, counts.unchanged, counts.quarantined) == (1, 2, 1)
    assert isp.column("device", "device_code, mac::text") == before
    start = isp.migration
    with isp.connection.begin(), as_tenant(raw(isp.connection), isp.tenant):
        assert undo(raw(isp.connection), isp.tenant, start).restored == {"device": 1}


def test_a_row_that_goes_back_to_what_it_was_is_held_against_the_others_again(isp: Isp) -> None:
    isp.load(sound())
    # DB would give its MAC up for one that is taken; so it keeps it, and NEW cannot have it.
    isp.load({"device": [
        {"device_code": "NEW", "mac": "00:1a:2b:3c:4d:5f", "status": "active"},
        {"device_code": "DB", "mac": "00:1a:2b:3c:4d:5e", "status": "active"},
    ]})  # fmt: skip
    assert isp.aside() == {("device", 1), ("device", 2)}
    assert {c for c, *_ in isp.column("device", "device_code")} == {"BNG", "DA", "DB", "STOCK"}


def test_a_mistake_that_the_tenant_had_already_is_not_the_migrations(isp: Isp) -> None:
    isp.load(change(sound(), "device", 1, mac="00:1a:2b:3c:4d:5e"),
             severities={"network.mac_twice": Severity.WARNING})  # fmt: skip
    isp.load({}, ("device", [{"device_code": "DB", "notes": "new"}], True))
    assert isp.issues() == set()


def test_an_address_taken_from_another_customers_line_is_told(isp: Isp) -> None:
    isp.load(sound())
    isp.load({"ip_assignment": [
        {"address": "10.0.1.7", "prefix_length": 24, "service": "SB", "mac": None,
         "status": "active"},
    ]})  # fmt: skip
    assert {rule for _, _, rule, _ in isp.issues()} == {"network.address_moved"}


def test_a_record_kept_out_by_policy_is_asked_nothing_more(isp: Isp) -> None:
    isp.load(sound())
    isp.load(
        {"device": [{"device_code": "DB", "mac": "00:1a:2b:3c:4d:5e", "status": "active"}]},
        on_conflict=OnConflict.keep,
    )
    assert isp.issues() == {("device", 1, "conflict.kept", "info")}


def test_the_record_to_blame_is_the_one_that_says_it(isp: Isp) -> None:
    world = sound()
    for service in world["service"]:
        del service["access_username"]
    isp.load(
        world,
        ("service", [{"service_code": "SA", "access_username": "x"},
                     {"service_code": "SB", "access_username": "x"}], True),
    )  # fmt: skip
    told = isp.told("network.username_twice")
    assert told == [(2, "access_username", "a", "the service in record 1 of file 1")]
    assert isp.aside() == {("service", 2)}
    assert ("SB", None) in isp.column("service", "service_code, access_username")


# --- severities, dry runs, size ----------------------------------------------------------------


def test_severities_can_be_changed_but_not_those_of_keys_and_references(isp: Isp) -> None:
    world = change(sound(), "customer", 0, status="cancelled")
    change(world, "service", 1, plan="NONE")
    isp.load(world, severities={
        "service.customer_cancelled": Severity.WARNING,
        "reference.missing": Severity.INFO,
        "reference.rejected": Severity.INFO,
    })  # fmt: skip
    assert ("service", 1, "service.customer_cancelled", "warning") in isp.issues()
    assert ("service", 2, "reference.missing", "error") in isp.issues()
    assert ("service", 1) not in isp.aside()
    assert ("service", 2) in isp.aside()


def test_a_warning_can_be_made_an_error(isp: Isp) -> None:
    isp.load(change(sound(), "customer", 1, email="a@example.org"),
             severities={"duplicate.identity": Severity.ERROR})  # fmt: skip
    assert ("customer", 2, "duplicate.identity", "error") in isp.issues()
    assert ("customer", 2) in isp.aside()


def test_a_dry_run_tells_the_same_and_loads_nothing(isp: Isp) -> None:
    world = change(sound(), "customer", 0, status="cancelled")
    isp.load(world)
    told, aside = isp.issues(), isp.aside()
    with isp.connection.begin(), as_tenant(raw(isp.connection), isp.tenant):
        undo(raw(isp.connection), isp.tenant, isp.migration)
    before = isp.digest()
    isp.load(world, dry_run=True)
    assert (isp.issues(), isp.aside()) == (told, aside)
    assert isp.digest() == before


def test_a_placeholder_that_thousands_share_is_told_once_per_record(isp: Isp) -> None:
    many = 10_000
    isp.load({"customer": [
        {"account_number": f"{n:05}", "status": "active", "email": "none@example.org",
         "phone": "+49301234", "last_name": "Unknown"}
        for n in range(many)
    ]})  # fmt: skip
    told = isp.told("duplicate.identity")
    assert [record for record, *_ in told] == list(range(2, many + 1))
    assert {accepted for *_, accepted in told} == {"record 1 of file 1"}


def test_networks_within_networks_lose_no_more_than_they_must(isp: Isp) -> None:
    world = sound()
    world["device"], world["ip_assignment"] = [], [
        {"address": "10.0.1.0", "prefix_length": 24, "service": "SA", "status": "active"},
        {"address": "10.0.0.0", "prefix_length": 16, "service": "SB", "status": "active"},
        {"address": "10.0.2.7", "prefix_length": 32, "service": "SA", "status": "active"},
    ]  # fmt: skip
    isp.load(world)
    # The second overlaps with the first, and is out; so the third is in nobody's network.
    assert isp.aside() == {("ip_assignment", 2)}


@pytest.mark.parametrize(
    ("columns", "severity"),
    [({"status": "State"}, "error"), ({"customer": "Customer"}, "warning")],
)
def test_what_a_spec_assumes_of_all_services_rejects_none(
    isp: Isp, columns: dict[str, str], severity: str
) -> None:
    isp.load({"customer": [{"account_number": "A", "status": "cancelled"}],
              "plan": [{"plan_code": "NET"}]})  # fmt: skip
    isp.migration = open_migration(isp.connection, isp.tenant)
    services = feed(
        isp.tenant, isp.migration, "service",
        [{"service_code": "S", "customer": "A", "plan": "NET", "status": "active"}],
    )  # fmt: skip
    load(
        isp.connection, isp.tenant, isp.migration,
        [replace(services, table=replace(services.table, columns=columns))],
        on_conflict=OnConflict.update, dry_run=False, approve=lambda loaded: None,
        spill=Path(tempfile.gettempdir()),
    )  # fmt: skip
    assert isp.issues() == {("service", 1, "service.customer_cancelled", severity)}


def test_pools_are_networks_that_do_not_overlap(isp: Isp) -> None:
    with isp.connection.begin():
        declared = pools.declare(isp.connection, "acme", ["2001:db8::/32", " 100.64.0.0/10"])
        assert declared == pools.of(isp.connection, "acme") == ("100.64.0.0/10", "2001:db8::/32")
        for wrong, why in ((["10.0.0.1/8"], "no address pool"), (["tower"], "no address pool"),
                           (["10.0.0.0/8", "10.1.0.0/16"], "overlap")):  # fmt: skip
            with pytest.raises(UsageError, match=why):
                pools.declare(isp.connection, "acme", wrong)
        assert pools.of(isp.connection, "acme") == declared
        assert pools.declare(isp.connection, "acme", []) == ()
