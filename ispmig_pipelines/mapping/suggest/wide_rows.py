"""The entities that the rows of a wide table hold besides their own: the service, the place, the
device and the way to pay of each customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.entity_of_table import by_serial, customer_column, repeats
from ispmig_pipelines.mapping.suggest.flat_invoices import differs, invoices_of
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.match import ACTIVE, TOLD, Match
from ispmig_pipelines.mapping.suggest.methods_of_payment import methods_of
from ispmig_pipelines.mapping.suggest.nameless import is_plan
from ispmig_pipelines.mapping.suggest.payers import payers_of
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

LIKE_PLAN = "assumed: the only column that is like a plan"

GROUP_FOR_PLAN = "assumed: no column names a plan, the group by which lines sign in does"

NO_PLAN = "assumed: no column names a plan, each value of this one is taken for one"


def further(table: Table, main: Holding) -> None:
    """The entities that its records hold besides their own."""
    key = main.fields[ENTITIES[main.entity].key[0]]
    if main.entity == "service":
        known = table.assigned("customer", _used(table, main))
        persons = {"first_name", "last_name", "company_name", "email", "phone", "mobile"}
        held = [n for n in persons if n in known and known[n].score >= 0.7]
        owner = main.fields.get("customer")
        if len(held) >= 2 and not customer_column(table):
            column = owner or key
            known["account_number"] = Match(
                "customer", "account_number", column.column, column.score, column.reason
            )
            table.holdings.insert(0, Holding("customer", known))
            main.fields.setdefault(
                "customer", Match("service", "customer", column.column, 0.7, column.reason)
            )
    if main.entity == "invoice_line":
        invoices_of(table, main)
    if main.entity in ("payment", "invoice"):
        customers = payers_of(table, main)
        if customers is not None:
            number = customers.fields[ENTITIES["customer"].key[0]].column
            # What differs from bill to bill is no customer's.
            customers.fields = {
                n: m for n, m in customers.fields.items()
                if m.column == number or not differs(table, number, m.column)
            }  # fmt: skip
            table.holdings.insert(0, customers)
    if main.entity == "customer":
        _services_of(table, main, key)
    if main.entity == "device":
        if by_serial(table) or _is_sure(table, "email"):
            # At a customer's place the login and the address are those of his line.
            said = [n for n, m in main.fields.items() if n.startswith("management_")
                    and "management" not in concepts_of(m.column)]  # fmt: skip
            for name in said:
                del main.fields[name]
        _addresses(table, None, _used(table, main), main)
        _place_of(table, main)
    if main.entity in ("customer", "service"):
        _share_status(table)
        _gear(table, main)
        _locations(table, main)
        customer = next((h for h in table.holdings if h.entity == "customer"), None)
        method = methods_of(table, customer) if customer else None
        if method is not None and customer is not None:
            mine = {m.column for m in method.fields.values()}
            customer.fields = {
                n: m for n, m in customer.fields.items()
                if m.column not in mine or n == "account_number"
            }  # fmt: skip
            table.holdings.append(method)


def _share_status(table: Table) -> None:
    """Customer and service of one row stand as its status says, both of them: a customer who
    left is not active because only his service was said to be over."""
    both = {h.entity: h for h in table.holdings if h.entity in ("customer", "service")}
    if len(both) < 2:
        return
    for one, other in (("customer", "service"), ("service", "customer")):
        match = both[one].fields.get("status")
        there = both[other].fields.get("status")
        if match is None or match.score < ACTIVE or (there and there.score >= ACTIVE):
            continue
        again = next((m for m in table.matches(other) if m.field == "status"
                      and m.column == match.column), None)  # fmt: skip
        score = max(again.score if again else 0.0, match.score * 0.95)
        both[other].fields["status"] = Match(other, "status", match.column, score, match.reason)


def _used(table: Table, *holdings: Holding) -> set[str]:
    return {
        part for h in holdings for m in h.fields.values()
        if m.score >= ACTIVE for part in table.parts_of(m.column)
    }  # fmt: skip


def _services_of(table: Table, main: Holding, key: Match) -> None:
    best = {m.column: m.score for m in reversed(table.matches("service"))}
    mains = [
        m.column for m in main.fields.values() if m.score >= best.get(m.column, 0.0)
    ]  # fmt: skip
    known = table.assigned("service", [key.column, *mains])
    plan = next(
        (m for m in table.matches("service")
         if m.field == "plan" and m.score >= 0.7 and m.column not in table.never
         and not table.sample.column(m.column).is_unique),
        None,
    )  # fmt: skip
    plan = plan or _for_want_of_a_plan(table)
    if plan is None:
        return
    mine = {
        name: match
        for name, match in known.items()
        if name not in ("plan", "customer") and _is_rather(table, match, main)
    }
    for name in [n for n, m in mine.items() if n == "service_code" and m.column == plan.column]:
        del mine[name]
    mine |= _priced(table, plan)
    mine["plan"] = plan
    main.fields = {n: m for n, m in main.fields.items() if m.column != plan.column}
    for match in mine.values():
        for name, other in list(main.fields.items()):
            if other.column == match.column and other.score < match.score:
                del main.fields[name]
    code = known.get("service_code")
    each = not repeats(table, key.column)
    if code is not None and set(concepts_of(code.column)) <= {"contract", "id"} and each:
        # One contract of each customer: its number is told, but nothing else names it.
        if "contract_number" not in mine and code.score >= ACTIVE:
            mine["contract_number"] = Match("service", "contract_number", code.column,
                                            code.score, code.reason)  # fmt: skip
        mine.pop("service_code", None)
        code = None
    if code is not None and set(concepts_of(code.column)) <= {"customer", "account", "id"}:
        # A second number of the customer is none of his line.
        code = None
    if code is None or code.score < 0.8 or not table.sample.column(code.column).is_unique:
        mine["service_code"] = Match("service", "service_code", key.column, key.score,
                                     "one service of each customer")  # fmt: skip
    mine["customer"] = Match("service", "customer", key.column, key.score, key.reason)
    status = main.fields.get("status")
    if "status" not in mine and status is not None:
        again = next((m for m in table.matches("service")
                      if m.field == "status" and m.column == status.column), None)  # fmt: skip
        reason = again.reason if again else status.reason
        score = again.score if again else status.score * 0.95
        mine["status"] = Match("service", "status", status.column, score, reason)
    _sign_in(table, main, mine)
    filled = table.sample.column(plan.column)
    optional = filled.filled < table.sample.records
    table.holdings.append(Holding("service", mine, plan.column if optional else ""))


def plan_for_want(table: Table, holding: Holding) -> Match | None:
    """What a service of this table has for its plan, where no column surely names it."""
    used = _used(table, holding)
    gear = {m.column for m in table.matches("device") if m.score >= ACTIVE}
    named = [n for n, p in table.profiles.items()
             if n not in used and n in table.sample.names and is_plan(p)
             and n not in gear]  # fmt: skip
    if len(named) == 1:
        return Match("service", "plan", named[0], 0.74, "a few names that say a speed")
    if table.services_beside:
        # Another table says what is on offer: what is left over here is no plan.
        return None
    like = [
        m for m in table.matches("service")
        if m.field == "plan" and m.column not in used and m.column not in table.never
        and 1 < len(table.sample.column(m.column).counts)
        <= max(3, 0.5 * table.sample.column(m.column).filled)
    ]  # fmt: skip
    if len(like) == 1:
        return Match("service", "plan", like[0].column, 0.62, LIKE_PLAN)
    group = table.best("service", "access_group")
    if group is not None and group.score >= 0.8 and group.column not in table.never:
        held = table.sample.column(group.column)
        if 1 < len(held.counts) <= max(3, 0.5 * held.filled) and held.filled == (
            table.sample.records
        ):
            return Match("service", "plan", group.column, 0.66, GROUP_FOR_PLAN)
    return _for_want_of_a_plan(table)


def _for_want_of_a_plan(table: Table) -> Match | None:
    """What stands for the plan where no column names it: the fee of a month, or the speed."""
    if table.services_beside:
        return None
    for name, least in (("price", 0.8), ("download_kbps", 0.8)):
        match = table.best("service", name)
        if match is None or match.score < least or match.column in table.never:
            continue
        column = table.sample.column(match.column)
        if set(column.counts) <= {"0", "0.0", "0.00", "0,00"}:
            continue
        if 0 < len(column.counts) <= max(3, 0.2 * column.filled):
            return Match("service", "plan", match.column, 0.62, NO_PLAN)
    return None


def _priced(table: Table, plan: Match) -> dict[str, Match]:
    """The price or speed that stands for the plan is one all the same."""
    if plan.reason != NO_PLAN:
        return {}
    return {
        m.field: m for m in table.matches("service")
        if m.column == plan.column and m.field in ("price", "download_kbps")
        and m.score >= 0.8
    }  # fmt: skip


def _sign_in(table: Table, main: Holding, mine: dict[str, Match]) -> None:
    """A login beside addresses of lines is the line's, unless it says that it is a portal's."""
    shapes = ("mac", "address")
    if not any(p.share(s) >= 0.9 for p in table.profiles.values() for s in shapes):
        return
    for own, lines in (
        ("portal_username", "access_username"),
        ("portal_secret", "access_secret"),
    ):
        match = main.fields.get(own)
        if match is None or lines in mine or match.score < ACTIVE:
            continue
        if set(concepts_of(match.column)) <= {"login", "password", "customer", "service", "id"}:
            del main.fields[own]
            mine[lines] = Match("service", lines, match.column, match.score,
                                f"{match.reason}, beside the addresses of lines")  # fmt: skip


def _is_rather(table: Table, match: Match, main: Holding) -> bool:
    """Whether a column is rather a field of the other entity than of the main one."""
    own = max(
        (m.score for m in table.matches(main.entity) if m.column == match.column), default=0.0
    )
    return match.score > own and match.score >= TOLD


def _gear(table: Table, main: Holding) -> None:
    """Addresses and devices that stand beside a customer or a service."""
    owner = next((h for h in table.holdings if h.entity == "service"), None)
    customer = next((h for h in table.holdings if h.entity == "customer"), None)
    used = _used(table, *table.holdings)
    known = table.assigned("device", used)
    names = ("serial_number", "mac")
    code = next((known[n] for n in names if n in known and known[n].score >= 0.7), None)
    if code is not None and table.sample.column(code.column).filled:
        fields = {
            n: m for n, m in known.items()
            if n in ("serial_number", "mac", "model", "vendor", "firmware", "wifi_name",
                     "wifi_secret", "asset_tag") and m.score >= ACTIVE
        }  # fmt: skip
        fields["device_code"] = Match("device", "device_code", code.column, code.score,
                                      "for want of a number of its own")  # fmt: skip
        _owned(table, "device", fields, owner, customer)
        table.holdings.append(Holding("device", fields, code.column))
        used |= {m.column for m in fields.values()}
    _addresses(table, owner, used)


def _addresses(
    table: Table, owner: Holding | None, used: set[str], gear: Holding | None = None
) -> None:
    """The addresses that stand beside a service, or beside a device."""
    address = next((m for m in table.matches("ip_assignment")
                    if m.field == "address" and m.score >= ACTIVE and m.column not in used
                    and not _is_of_a_visit(table, m.column)),
                   None)  # fmt: skip
    if address is not None and table.sample.column(address.column).filled:
        fields = {"address": address}
        for name in ("vlan", "pool", "gateway", "hostname"):
            match = table.best("ip_assignment", name)
            if (
                match
                and match.score >= 0.8
                and match.column not in used
                and (not table.profiles[match.column].is_empty)
            ):
                fields[name] = match
        _owned(table, "ip_assignment", fields, owner, None)
        if gear is not None:
            key = gear.fields[ENTITIES["device"].key[0]]
            fields["device"] = Match("ip_assignment", "device", key.column, key.score, key.reason)
        table.holdings.append(Holding("ip_assignment", fields, address.column))


def _is_of_a_visit(table: Table, column: str) -> bool:
    """Whether an address is whence somebody signed in last: it says so, or the table says when
    that was and has nothing of a line."""
    said = set(concepts_of(column)) | set(words_of(column))
    if said & {"last", "latest", "signup", "register", "registered"}:
        return True
    if said - {"ip", "address", "ip address", "host", "customer"}:
        return False
    if not said - {"ip", "address", "ip address", "host"} and (
        {"apitoken", "role", "lang", "language", "authtype", "useragent", "referredby"}
        & {column_key(n) for n in table.sample.names}
    ):
        # Where somebody signed up at a shop.
        return not any(h.entity == "service" for h in table.holdings)
    seen = any(
        "lastlogin" in column_key(n) or "lastip" in column_key(n) or "lastvisit" in column_key(n)
        for n in table.sample.names
    )  # fmt: skip
    return seen and not any(h.entity == "service" for h in table.holdings)


def _owned(
    table: Table,
    entity: str,
    fields: dict[str, Match],
    owner: Holding | None,
    customer: Holding | None,
) -> None:
    whose = owner.fields.get("customer") if owner is not None else None
    alone = customer is None and owner is not None and not owner.when_filled
    refers = "customer" in ENTITIES[entity].references
    if alone and refers and whose is not None and whose.score >= 0.8:
        fields["customer"] = Match(entity, "customer", whose.column, whose.score, whose.reason)
    for name, holding in (("service", owner), ("customer", customer)):
        if holding is None or holding.when_filled:
            continue
        match = holding.fields.get(ENTITIES[holding.entity].key[0])
        if match is not None:
            fields[name] = Match(entity, name, match.column, match.score, match.reason)


def _is_sure(table: Table, name: str) -> bool:
    """Whether a column is surely a field of customers, and holds something."""
    match = table.best("customer", name)
    return match is not None and match.score >= 0.9 and not table.profiles[match.column].is_empty


def _place_of(table: Table, main: Holding) -> None:
    """The place of each device, where its row has the address and whose device it is."""
    owner = main.fields.get("customer")
    key = main.fields[ENTITIES["device"].key[0]]
    if owner is None or owner.score < ACTIVE or "location" in main.fields:
        return
    known = table.assigned("location", [owner.column, key.column, *_used(table, main)])
    fields = {
        n: m for n, m in known.items()
        if m.score >= ACTIVE and n in _OF_PLACES and table.sample.column(m.column).filled
    }  # fmt: skip
    if not {"latitude", "longitude"} <= fields.keys() and not {"street", "city"} <= fields.keys():
        return
    reason = "one location of each device"
    fields["location_code"] = Match("location", "location_code", key.column, key.score, reason)
    fields["customer"] = Match("location", "customer", owner.column, owner.score, owner.reason)
    table.holdings.append(Holding("location", fields))
    main.fields["location"] = Match("device", "location", key.column, key.score, reason)


_OF_PLACES = frozenset(
    {"street", "street2", "building", "entrance", "floor", "apartment", "city", "county", "region",
     "postal_code", "country", "latitude", "longitude"}
)  # fmt: skip


def _locations(table: Table, main: Holding) -> None:
    """Places of service: coordinates, or a second address that says so."""
    customer = next((h for h in table.holdings if h.entity == "customer"), None)
    owner = customer.fields.get("account_number") if customer else main.fields.get("customer")
    if owner is None:
        return
    spoken = {"location", "service_location", "building", "apartment", "floor", "entrance",
              "latitude", "longitude", "physical", "ship", "shipping", "service",
              "start"}  # fmt: skip
    said = {c for c in table.sample.names if spoken & set(concepts_of(c))}
    used = {
        part for h in table.holdings for n, m in h.fields.items()
        if m.score >= ACTIVE and n != "location" for part in table.parts_of(m.column)
    }  # fmt: skip
    said -= {p for h in table.holdings for m in h.fields.values() if m.score >= ACTIVE
             for p in table.parts_of(m.column) if m.column in table.made}  # fmt: skip
    known = table.assigned("location", [owner.column, *(used - said)])
    fields = {
        n: m for n, m in known.items()
        if m.score >= ACTIVE and n not in ("customer", "notes", "kind", "name",
                                           "contact_name", "contact_phone", "location_code")
        and (n != "zone" or "tower" in concepts_of(m.column))
        and (m.column in said or m.column not in used)
    }  # fmt: skip
    if customer is not None:
        # A second address that does not say that it is the place of the line may be any other.
        billed = {n.removeprefix("billing_") for n, m in customer.fields.items()
                  if n.startswith("billing_") and m.score >= ACTIVE}  # fmt: skip
        fields = {n: m for n, m in fields.items() if m.column in said or n not in billed}
    fields |= {
        n: m for n, m in known.items()
        if n in ("contact_name", "contact_phone", "notes") and m.score >= ACTIVE
        and {"service_location", "shipping"} & set(concepts_of(m.column))
    }  # fmt: skip
    places = {"latitude", "longitude"} <= fields.keys()
    addressed = sum(n in fields for n in ("street", "city", "postal_code", "building",
                                          "apartment")) >= 2  # fmt: skip
    if not (places or addressed):
        return
    fields = fields if places else {
        n: m for n, m in fields.items() if n not in ("latitude", "longitude")
    }  # fmt: skip
    if customer is not None:
        mine = {m.column for m in fields.values()}
        customer.fields = {
            n: m for n, m in customer.fields.items()
            if m.column not in mine or n == "account_number"
        }  # fmt: skip
    code = next((m for m in table.matches("location") if m.field == "location_code"
                 and m.score >= 0.8 and m.column != owner.column
                 and m.column not in used), None)  # fmt: skip
    each, reason = owner, "one location of each customer"
    if main.entity == "service" and not table.sample.column(owner.column).is_unique:
        # A customer of several services has as many places.
        each, reason = main.fields["service_code"], "one location of each service"
    fields["location_code"] = code or Match(
        "location", "location_code", each.column, each.score, reason
    )
    fields["customer"] = Match("location", "customer", owner.column, owner.score, owner.reason)
    table.holdings.append(Holding("location", fields))
    service = next((h for h in table.holdings if h.entity == "service"), None)
    if service is not None and "location" not in service.fields:
        chosen = fields["location_code"]
        service.fields["location"] = Match(
            "service", "location", chosen.column, chosen.score, chosen.reason
        )
