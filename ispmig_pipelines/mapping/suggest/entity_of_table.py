# ruff: noqa: E501
"""Which one entity the rows of a table are: the evidence of the table as a whole.

That columns could be fields of an entity is little: an invoice with the buyer's name, address and
telephone number fills more fields of a customer than of an invoice. What tells them apart is what
a row *is*: invoices, payments and tickets come to the same customer again and again, customers do
not; an invoice is due and a payment is not; what costs something and names nobody is on offer.
:func:`against` says why rows cannot be of an entity; :func:`speaks_for` weighs what is in favour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.repeated_bills import AGAIN
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_EVENTS = frozenset({"invoice", "invoice_line", "payment"})
"""What comes to the same customer again and again."""

_PERSON = frozenset(
    {"first_name", "last_name", "company_name", "billing_street", "phone", "mobile", "email",
     "national_id", "tax_id"}
)  # fmt: skip
_SOMEBODY = ("first_name", "last_name", "company_name", "contact_name", "email", "phone", "mobile",
             "national_id", "tax_id", "portal_username", "balance")  # fmt: skip
_KEPT_OF_ALL = frozenset({"created", "updated", "modified", "mod", "moddate", "timestamp"})
"""Words of times that any record has."""

_OF_TICKETS = frozenset(
    {"subject", "asunto", "assunto", "betreff", "oggetto", "objet", "temat", "тема", "konu",
     "priority", "prioridad", "prioridade", "prioritaet", "prioritat", "priorita", "prioritas", "приоритет",
     "assigned", "assignee", "assignedto", "asignado", "atribuido", "zugewiesen", "technician", "tecnico", "teknisi",
     "solution", "solucion", "solucao", "loesung", "resolution", "resolved", "resuelto",
     "radicado", "ticket", "complaint", "keluhan", "queja", "reclamo", "problem", "problema", "falla", "issue"}
)  # fmt: skip
"""Words of columns, without accents, of what is asked and answered; two of them make tickets."""

_SELDOM_MEANT = frozenset({"status", "kind", "notes", "currency", "description", "name", "type"})
"""Fields that many entities have: they say little of which one a table holds."""

_CORE: dict[str, tuple[frozenset[str], int]] = {
    "customer": (
        frozenset(
            {"first_name", "email", "phone", "mobile", "billing_street", "billing_city",
             "billing_postal_code", "balance", "tax_id", "company_name", "portal_username",
             "national_id"}
        ),
        2,
    ),
    "plan": (frozenset({"price", "download_kbps", "billing_cycle", "data_cap_gb"}), 1),
    "device": (frozenset({"mac", "serial_number", "model", "management_address", "firmware"}), 1),
    "location": (frozenset({"street", "latitude", "city", "postal_code"}), 1),
    "service": (frozenset({"plan"}), 1),
}  # fmt: skip
"""Entity → the fields that make it one where the table's name does not, and how many must be there."""

_NEEDED = {
    "customer": (),
    "location": ("customer",),
    "plan": (),
    "service": ("customer",),
    "invoice": ("customer", "total"),
    "invoice_line": (),
    "payment": ("customer", "amount"),
    "payment_method": ("customer",),
    "device": (),
    "ip_assignment": (),
}
"""Fields without which a record of the entity says too little to be one."""

CORE_OF_CUSTOMER = _CORE["customer"][0]

_MOST_ON_OFFER = 2
"""Plans of a table that is not called so, for each customer: an ISP offers less than it serves."""

_RUNNING = ("debit", "credit", "balance")


def holds_tickets(table: Table) -> bool:
    """Whether its rows are what somebody asked for and somebody answers: tickets, repairs."""
    # technician.id and technician.name are one thing that is said.
    parts = {n.rpartition(".")[0] or n for n in table.sample.names}
    said = [set(words_of(n)) & _OF_TICKETS for n in parts]
    surely = table.hinted == "customer" and not table.is_weakly_hinted
    return (
        sum(map(bool, said)) >= 2
        and table.hinted not in (*_EVENTS, "service", "plan")
        # Who is served by a technician and had an issue is a customer all the same.
        and not (surely and (persons_in(table) >= 3 or not customer_column(table)))
    )


def holds_a_ledger(table: Table) -> bool:
    """Whether its rows are bookings of debits and credits, each with what was left: they are not
    invoices or payments one by one, and to take them for either would count money twice."""
    said = [set(concepts_of(n)) | set(words_of(n)) for n in table.sample.names]
    return all(any(word in words for words in said) for word in _RUNNING) and len(
        {column_key(n) for n in table.sample.names} & {"debit", "credit", "balance", "debet", "kredit",
         "saldo", "debe", "haber", "debito", "credito", "soll"}
    ) >= 3  # fmt: skip


def against(table: Table, entity: str) -> str:
    """Why its rows cannot be of an entity, "" if nothing speaks against it."""
    if entity in table.within:
        return "its rows stand in records of the same entity"
    named = named_entity(table)
    if table.sample.records == 1 and table.beside > 1 and named != entity:
        return "one record beside tables of many: settings?"
    if named in _EVENTS and entity not in _EVENTS:
        return f"its name says {named}"
    if entity in _EVENTS or entity == "payment_method":
        return _against_event(table, entity, named)
    if entity == "customer":
        return _against_customer(table, named)
    if entity == "device":
        return _against_device(table, named)
    if entity == "location":
        return _against_location(table, named)
    if entity == "plan" and named != entity and not is_on_offer(table):
        called = [n for n in table.sample.names
                  if {"name", "description", "plan"} & set(concepts_of(n))]  # fmt: skip
        if not any(table.sample.column(n).filled for n in called):
            return "what is on offer has a name"
        if 0 < table.customers_beside * _MOST_ON_OFFER < table.sample.records:
            return "there are more of them than customers to take them: goods?"
    if entity == "service" and is_on_offer(table):
        return "its rows are on offer, and nobody's"
    if entity in ("plan", "service") and named != entity and is_event(table):
        plan = table.best("service", "plan")
        linked = plan is not None and table.links_by(plan.column) == "plan"
        told = linked or (plan is not None and plan.score >= 0.8 and not _starts_bills(table))
        if entity == "plan" or not told:
            return "its rows are what happened to customers"
    return ""


def speaks_for(table: Table, entity: str) -> float:
    """Points for the signature of an entity, beyond its columns one by one."""
    if entity == "invoice" and "invoice" not in table.links and _sure(table, "invoice", "total"):
        points = 1.0 if _sure(table, "invoice", "due_date") else 0.0
        points += 1.0 if _sure(table, "invoice", "paid_date") and points else 0.0
        return points
    if entity == "invoice_line" and _is_below(table, "invoice"):
        return 1.5
    if entity == "plan" and is_on_offer(table):
        return 2.0
    return 0.0


def named_entity(table: Table) -> str:
    """The entity that the table's name says for certain, ""  if it says less, or two things."""
    said = set(concepts_of(table.sample.name))
    if not table.is_surely(table.hinted) or not table.hinted:
        return ""
    if table.hinted == "payment" and said & {"plan", "service", "gateway", "method", "type"}:
        return ""
    return table.hinted


def customer_column(table: Table) -> str:
    """The column that names the customers of another table by its values, "" if none does."""
    return next((c for c in table.sample.names if table.links_by(c) == "customer"), "")


def repeats(table: Table, column: str) -> bool:
    """Whether the values of a column recur: several rows of each."""
    held = table.sample.column(column)
    return bool(held.filled) and len(held.counts) < 0.97 * held.filled


def is_event(table: Table) -> bool:
    """Whether its rows are what happened: dated by more than the time at which any record is
    written, and again and again to the same customers."""
    owner = customer_column(table)
    if not owner or not repeats(table, owner) or is_connected(table):
        return False
    dated = [
        n for n, p in table.profiles.items()
        if (p.share("date") >= 0.9 or p.is_stamp) and not _KEPT_OF_ALL & set(concepts_of(n))
        and not _KEPT_OF_ALL & set(words_of(n))
    ]  # fmt: skip
    return len(dated) >= 1 and table.hinted not in ("service", "location", "device")


def is_connected(table: Table) -> bool:
    """Whether each of its rows signs in by itself: it has a login of its own, and a password or an
    address of the network."""
    login = _column(table, "service", "access_username")
    if not login or not table.sample.column(login).is_unique:
        return False
    if table.sample.column(login).filled < 0.8 * table.sample.records:
        return False
    network = any(p.share(s) >= 0.9 for p in table.profiles.values() for s in ("mac", "address"))
    return network or _sure(table, "service", "access_secret")


def is_on_offer(table: Table) -> bool:
    """Whether its rows are on offer: few, each with a name and a price, and nobody's."""
    if table.hinted != "service" or table.links & {"customer", "plan"}:
        return False
    if not _sure(table, "plan", "price") or _sure(table, "service", "customer"):
        return False
    if table.sample.records > 200 or persons_in(table) > 1 or _begins(table):
        return False
    names = [c for c in table.sample.columns if c.is_unique and c.filled == table.sample.records
             and set(concepts_of(c.name)) <= {"name", "service", "description", "plan"}]  # fmt: skip
    plan = _column(table, "service", "plan")
    return bool(names) and (not plan or plan in {c.name for c in names})


def _begins(table: Table) -> bool:
    """Whether each row has a day on which it began, which is not that of its record."""
    column = _column(table, "service", "start_date")
    kept = {"created", "signup", "date", "installed"} if table.is_named else {"created", "date"}
    return bool(column) and not set(concepts_of(column)) <= kept


def _starts_bills(table: Table) -> bool:
    """Whether its rows have what bills have: a number of their own besides the id."""
    unique = [c.name for c in table.sample.columns
              if c.is_unique and c.filled == table.sample.records and "id" in concepts_of(c.name)]  # fmt: skip
    return len(unique) >= 2


def _column(table: Table, entity: str, field: str) -> str:
    match = table.best(entity, field)
    sure = match is not None and match.score >= ACTIVE and not table.profiles[match.column].is_empty
    return match.column if match is not None and sure else ""


def _sure(table: Table, entity: str, field: str) -> bool:
    return bool(_column(table, entity, field))


def _is_below(table: Table, parent: str) -> bool:
    """Whether several of its rows name one record of another table."""
    return any(
        table.links_by(c) == parent and repeats(table, c) for c in table.sample.names
    )  # fmt: skip


def persons_in(table: Table) -> int:
    """In how many ways its rows tell of a person."""
    return len({c for f in _PERSON if (c := _column(table, "customer", f))})


def _against_event(table: Table, entity: str, named: str) -> str:
    if entity == "payment_method":
        proof = ("last_four", "mandate_reference", "token", "expiry_month")
        if named != entity and not any(_sure(table, entity, f) for f in proof):
            return "nothing tells one card or mandate from another"
        return ""
    if entity == "invoice_line":
        return ""
    if entity == "payment":
        if named != entity and _sure(table, "invoice_line", "quantity") and _sure(
            table, "invoice_line", "unit_price"
        ):  # fmt: skip
            return "what was paid has no quantity, and no price of each"
        # Of a table that is called so, the record to which it refers says the day.
        said = named == entity and _sure(table, "payment", "amount") and table.links
        if not _is_dated(table) and not said:
            return "payments have a day"
        if named != entity and table.is_billed and customer_column(table):
            return "payments refer to its rows"
        if named != entity and _sure(table, "invoice", "due_date"):
            return "what is due is no payment"
    if entity == "invoice":
        if named == "service" and AGAIN & set(words_of(table.sample.name)):
            return "its name says what is billed again and again"
        if _is_below(table, "invoice"):
            return "several of its rows name one invoice"
        if _is_paid_throughout(table):
            return "each of its rows has the day on which it was paid, and none on which it is due"
        signs = ("due_date", "invoice_number", "tax", "subtotal", "period_start")
        settled = table.is_billed and customer_column(table) and _sure(table, entity, "total")
        if named != entity and not settled and not any(_sure(table, entity, f) for f in signs):
            return "neither a number, nor a day on which it is due, nor a tax"
    if "balance" in concepts_of(table.sample.name):
        return "its name says balances"
    owner = customer_column(table)
    other_ids = any(
        c.is_unique and c.filled == table.sample.records and c.name != owner
        and "id" in concepts_of(c.name) for c in table.sample.columns
    )  # fmt: skip
    paid = any(_sure(table, "payment", f) for f in ("method", "reference", "provider_reference"))
    alone = not other_ids or (entity == "payment" and not paid)
    if owner and named != entity and not repeats(table, owner) and alone:
        return "one row of each customer"
    return ""


_OF_BILLS = ("due_date", "tax", "subtotal", "period_start", "period_end", "amount_due")


def _is_paid_throughout(table: Table) -> bool:
    """Whether its rows are what was paid, though somebody calls them bills: those that are bills
    have a day of their own, and some of them are still to be paid."""
    day = _column(table, "invoice", "paid_date")
    if not day or any(_sure(table, "invoice", f) for f in _OF_BILLS):
        return False
    issued = table.best("invoice", "issue_date")
    if issued is not None and issued.score >= 0.8 and issued.column != day:
        return False
    return table.sample.column(day).filled >= 0.97 * table.sample.records


def _is_dated(table: Table) -> bool:
    return any(p.share("date") >= 0.9 or p.is_stamp for p in table.profiles.values()) or _sure(
        table, "payment", "paid_at"
    )


def _against_customer(table: Table, named: str) -> str:
    if by_serial(table):
        return "its rows are told apart by serial numbers"
    owner = customer_column(table)
    if owner and repeats(table, owner):
        return "several of its rows name one customer of another table"
    if not (owner or _tells_of_somebody(table)):
        return "nothing in its rows tells of persons or companies"
    if owner and named not in ("", "customer"):
        return f"its rows are of customers of another table, and its name says {named}"
    if table.hinted != "customer" and _sure(table, "customer", "billing_street") and not any(
        _sure(table, "customer", f) for f in _SOMEBODY
    ):  # fmt: skip
        return "its rows are addresses, and name nobody"
    return ""


def _tells_of_somebody(table: Table) -> bool:
    """Whether its rows tell of persons or companies, each of another: how they are called and
    reached. A list that is called one of customers may say less, if others refer to it, or if its
    names are such as persons have."""
    told = persons_in(table)
    if told >= 2 or _sure(table, "customer", "balance") or table.sample.records < 2:
        return True
    if not table.is_surely("customer"):
        # A login and an address of mail may be anybody's: so may a number and a name, but for an
        # account's number with somebody's last name.
        named = all(_sure(table, "customer", f) for f in ("account_number", "last_name"))
        return table.is_billed or named or _sure(table, "customer", "email") or is_connected(table)
    number = _column(table, "customer", "account_number")
    if "customer" in concepts_of(number) and table.sample.column(number).is_unique:
        # Some exports leave out who they are, and keep their numbers.
        return True
    called = [
        c
        for f in ("last_name", "first_name", "company_name")
        if (c := _column(table, "customer", f))
    ]
    return (
        table.is_billed
        or table.is_named
        or bool(told and not called)
        or any(
            {"last", "first", "full", "company", "customer"} & set(concepts_of(c)) for c in called
        )
        or any(table.profiles[c].share("person") >= 0.5 for c in called)
    )


def _against_device(table: Table, named: str) -> str:
    told = any(_sure(table, "device", f) for f in ("serial_number", "mac", "management_address"))
    if named != "device" and not told:
        return "neither a serial number nor a MAC address"
    labelled = named == "device" and (told or _told_apart(table, "asset_tag"))
    if persons_in(table) >= 3 and not customer_column(table) and not (by_serial(table) or labelled):
        return "its rows tell of persons"
    return ""


def _told_apart(table: Table, name: str) -> bool:
    """Whether each of its devices has a number of its own in the field."""
    column = _column(table, "device", name)
    held = table.sample.column(column) if column else None
    return held is not None and held.is_unique and held.filled == table.sample.records


_OF_A_KEY = frozenset({"customer", "account", "contract", "login"})


def by_serial(table: Table) -> bool:
    """Whether serial numbers are all that tells its rows apart: a list of what is installed, and
    at whose place."""
    serial = _column(table, "device", "serial_number")
    if not serial or not table.sample.column(serial).is_unique or table.hinted == "customer":
        return False
    if table.sample.column(serial).filled < table.sample.records:
        return False
    return not any(
        c.is_unique and c.filled == table.sample.records and c.counts.keys() != table.sample.column(serial).counts.keys()
        and (_OF_A_KEY & set(concepts_of(c.name)) or set(concepts_of(c.name)) == {"id"})
        for c in table.sample.columns
    )  # fmt: skip


def _against_location(table: Table, named: str) -> str:
    if named == "location":
        return ""
    if named == "device" and any(_sure(table, "device", f) for f in ("serial_number", "mac")):
        return "its rows are devices, wherever they stand"
    subscribed = [
        f for f in ("plan", "access_username", "access_secret") if _sure(table, "service", f)
    ]
    if len(subscribed) >= (1 if named == "service" else 3) and _sure(table, "service", "customer"):
        return "its rows are what customers subscribe to, wherever that is"
    if is_event(table) and not _sure(table, "location", "latitude"):
        return "its rows are what happened to customers"
    owner = customer_column(table)
    if owner and not repeats(table, owner) and persons_in(table) >= 2:
        return "its rows tell of customers"
    return ""


_OF_A_POINT = 0.6
"""What a point of a table's columns counts against the logarithm of the chance of its words."""
_MOST_POINTS = 6.0
_OF_A_ROLE = 3.0
"""What it counts that a table refers to what those of the entity do: words are any author's."""
_OF_BEING_MISSED = 1.5
"""What it counts that no other table is called one of customers: somewhere they are."""
_OF_AN_OBJECTION = 1.0
"""What something that speaks against an entity counts: rules have exceptions."""


def weighed(table: Table, entity: str) -> float:
    """How likely the table's records are of the entity: by its words, and by what its columns and
    cells are; the logarithm of a chance, but for a term that all entities have."""
    if against(table, entity):
        # What several rows name one record of is none of these, whatever it is called.
        less = _OF_A_ROLE if _is_below(table, entity) else _OF_AN_OBJECTION
        return table.kinds[entity] - less
    points = max(-1.0, min(score(table, entity), _MOST_POINTS))
    chance = table.kinds[entity] + _OF_A_POINT * points
    if table.role_seen == entity:
        chance += _OF_A_ROLE
    if entity == "customer" and not table.people_beside:
        chance += _OF_BEING_MISSED
    return chance


def score(table: Table, entity: str) -> float:
    """How likely the table's records are of the entity; 0 is not at all."""
    if against(table, entity):
        return 0.0
    fields = table.assigned(entity)
    sure = [m for m in fields.values() if m.score >= ACTIVE]
    # A column says the less, the more entities have a field for it.
    points = sum(
        m.score * (0.3 if m.field in _SELDOM_MEANT else 1.0) / _claims(table, m.column)
        for m in sure
    )
    if entity == "payment_method" and table.hinted != entity and score(table, "customer") > 0:
        # Cards stand in lists of customers, too.
        return 0.0
    key = fields.get(ENTITIES[entity].key[0])
    core, least = _CORE.get(entity, (frozenset(), 0))
    own_key = entity == "customer" and key is not None and key.score >= 0.9
    if _is_rather_below(table, entity, fields):
        return 0.0
    core_there = core & {m.field for m in sure}
    if "customer" in table.links:
        # A line has its login, too.
        core_there -= {"portal_username"}
    if (
        entity == "customer"
        and not core_there
        and (
            (table.is_weakly_hinted and table.hinted == entity and not table.is_billed)
            or ("customer" in table.links and not table.is_surely(entity))
        )
    ):
        # Accounts of money and settings of users have their numbers, too.
        return 0.0
    if table.hinted != entity and not own_key and len(core & {m.field for m in sure}) < least:
        # An id and a name may be anything's.
        return 0.0
    if entity == "customer" and {m.field for m in sure} <= {"account_number"}:
        # Settings of users have their numbers, too.
        return 0.0
    points += speaks_for(table, entity)
    points += 0.8 if key and key.score >= 0.8 else 0.0
    if table.hinted == entity:
        points += 1.0 if table.is_weakly_hinted else 2.0
    for needed in _NEEDED[entity]:
        match = fields.get(needed)
        if entity == "location" and match is None and table.is_named:
            # Whoever refers to a place may say whose it is.
            continue
        if table.role == entity and (match is None or match.score < ACTIVE):
            # That it is there was seen from its cells, whatever it is called.
            continue
        points -= 1.0 if match is None or match.score < ACTIVE else -0.3
    return points


def _is_rather_below(table: Table, entity: str, fields: dict[str, Match]) -> bool:
    """Whether its records rather refer to one of the entity: several have its number, or they
    have one of their own besides."""
    if table.hinted == entity and not table.is_weakly_hinted:
        return False
    if entity == "plan" and {"customer", "service"} & table.links:
        return True
    if entity == "plan" and any(
        m.field == "customer" and m.score >= 0.85
        for of in ("service", "invoice")
        for m in table.matches(of)
    ):
        # What is offered to all names none of the customers.
        return True
    if entity == "invoice_line":
        sure = {n for n, m in fields.items() if m.score >= ACTIVE}
        return not ({"description", "quantity", "unit_price"} & sure and
                    {"amount", "unit_price"} & sure)  # fmt: skip
    if entity not in ("invoice", "payment", "service", "device", "location"):
        return False
    key = fields.get(ENTITIES[entity].key[0])
    if key is None or key.score < 0.85 or not {"id", entity} <= set(concepts_of(key.column)):
        return False
    own = any(
        c.is_unique and c.filled == table.sample.records and c.name != key.column
        and set(concepts_of(c.name)) == {"id"}
        for c in table.sample.columns
    )  # fmt: skip
    called = column_key(key.column)
    by_number = not (called.endswith("id") or called.startswith("id"))
    return not table.sample.column(key.column).is_unique or (
        own and not by_number and entity in ("invoice", "payment")
    )


def _claims(table: Table, column: str) -> float:
    claims = sum(
        any(m.column == column and m.score >= 0.8 for m in table.matches(e)) for e in ENTITIES
    )
    return max(claims, 1) ** 0.7
