"""Everything that is held on one person: found, shown, and erased.

A person is known by what they say of themselves: account numbers, an email address, a telephone
number. What belongs to their customers is found by the references of the model, in the tenant's
tables, in the journal for undoing, and in quarantine, where it is found by its key, by the columns
that named the customer and, where a record names no customer, by what identifies them in any cell.
What is somebody else's and only names them is told apart: it is no part of what is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import psycopg.types.json
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.anonymous import owners
from ispmig_pipelines.model.field_info import FieldType, Privacy
from ispmig_pipelines.platform.journal import QUARANTINE, UNDO
from ispmig_pipelines.platform.known_by import SHORTEST_NUMBER, KnownBy, national
from ispmig_pipelines.platform.tenants import Tenant

REACHED_BY = "reached by"

Columns = Mapping[tuple[int, str, int], Mapping[str, Sequence[str]]]
"""(migration, entity, block) → entity → the source's columns that name one of it; of customers
also :data:`REACHED_BY` → the columns of email addresses and telephone numbers that are their own.
"""


@dataclass(frozen=True)
class Asked:
    """By what a person is known; at least one of it.

    Attributes:
        accounts: account numbers.
        email, phone: as they wrote it, or "".
    """

    accounts: tuple[str, ...] = ()
    email: str = ""
    phone: str = ""

    @property
    def phone_digits(self) -> str:
        """The digits that every way of writing the telephone number has in common."""
        return national(self.phone)

    @property
    def addresses(self) -> set[str]:
        """Email address in small letters and national digits, where there are any."""
        found = {self.email.lower()} if self.email else set()
        return found | ({self.phone_digits} if len(self.phone_digits) >= SHORTEST_NUMBER else set())


@dataclass(frozen=True)
class Mention:
    """Where something that is somebody else's names the person.

    Attributes:
        entity, key: the row or record; key: "" where it is not known.
        customer: account number of whose it is, or "".
        place: field, or column of ``legacy`` or of the source.
        says: what stands there.
        table: where the row lies: ``rows``, ``earlier rows`` or ``quarantine``.
        reached: it is by this that the other customer is reached.
    """

    entity: str
    key: str
    customer: str
    place: str
    says: str
    table: str = "rows"
    reached: bool = False


@dataclass
class Held:
    """What is held.

    Attributes:
        accounts: account numbers of the customers.
        addresses: email addresses and national digits of telephone numbers by which they are known.
        shared: of these, the ones by which other customers are known, too.
        keys: entity → keys of the rows that are theirs, for entities whose key is of one part.
        rows: entity → rows, as JSON.
        earlier: rows as they were before a migration changed them: ``{"migration", "entity",
            "key", "row"}``.
        quarantine: ``{"migration", "entity", "feed", "file", "record", "line", "cells", "text"}``.
        mentions: where rows and records of others name them.
    """

    accounts: tuple[str, ...] = ()
    addresses: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    keys: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    earlier: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Nothing of theirs is held."""
        return not (any(self.rows.values()) or self.earlier or self.quarantine)

    def counts(self) -> dict[str, Any]:
        """How much is held, without any of it."""
        return {
            "customers": len(self.accounts),
            "rows": {entity: len(rows) for entity, rows in self.rows.items() if rows},
            "earlier": len(self.earlier),
            "quarantine": len(self.quarantine),
            "mentions": len(self.mentions),
        }


def held_on(driver: psycopg.Connection, tenant: Tenant, asked: Asked, columns: Columns) -> Held:
    """Gathers what is held on a person, as the tenant's role.

    Args:
        columns: which columns of which migration's sources name customers and what is theirs.
    """
    known = dict.fromkeys([*asked.accounts, *_customers_of(driver, tenant, asked)])
    held = Held(tuple(known), asked.addresses)
    # Whoever never was loaded lies in quarantine only.
    known |= dict.fromkeys(_rejected_customers(driver, tenant, held, columns))
    held.accounts = tuple(known)
    for entity in ENTITIES:
        _take_rows(driver, tenant, entity, held)
    held.addresses |= _addresses(held.rows.get("customer", ()))
    held.earlier = _earlier(driver, tenant, held)
    _take_quarantined(driver, tenant, held, columns)
    _take_mentions(driver, tenant, held)
    held.shared = {
        address
        for address in held.addresses
        if any(KnownBy((), [address]).name(m.says) for m in held.mentions if m.reached)
    }
    for row in held.quarantine:
        row.pop("key")
    return held


_REACHED = {
    name: info.type
    for name, info in ENTITIES["customer"].fields.items()
    if info.type in (FieldType.EMAIL, FieldType.PHONE)
}
"""The fields by which a customer is reached."""


def _customers_of(driver: psycopg.Connection, tenant: Tenant, asked: Asked) -> list[str]:
    found: list[str] = []
    if asked.email:
        where = [
            sql.SQL("lower({}) = lower(%(email)s)").format(sql.Identifier(name))
            for name, type_ in _REACHED.items()
            if type_ is FieldType.EMAIL
        ]
        found += _accounts(driver, tenant, where, {"email": asked.email})
    if len(asked.phone_digits) >= SHORTEST_NUMBER:
        where = [
            sql.SQL("{} like '%%' || %(phone)s").format(sql.Identifier(name))
            for name, type_ in _REACHED.items()
            if type_ is FieldType.PHONE
        ]
        found += _accounts(driver, tenant, where, {"phone": asked.phone_digits})
    return found


def _accounts(
    driver: psycopg.Connection,
    tenant: Tenant,
    where: Sequence[sql.Composable],
    parameters: dict[str, str],
) -> list[str]:
    rows = driver.execute(
        sql.SQL("select account_number from {} where {} order by 1").format(
            sql.Identifier(tenant.schema, "customer"), sql.SQL(" or ").join(where)
        ),
        parameters,
    ).fetchall()
    return [account for (account,) in rows]


def whose(entity: str, alias: str) -> sql.Composed:
    """SQL: a row is of somebody whose keys are the parameters: ``customer``, ``service`` and so
    on, each a list. Of several references the first that is named decides."""
    if entity == "customer":
        return sql.SQL("{} = any(%(customer)s)").format(sql.Identifier(alias, "account_number"))
    named = owners(entity)
    if not named:
        return sql.Composed([sql.SQL("false")])
    return sql.SQL("coalesce(case {} end, false)").format(
        sql.SQL(" ").join(
            sql.SQL("when {column} is not null then {column}::text = any({keys})").format(
                column=sql.Identifier(alias, name), keys=sql.Placeholder(parent)
            )
            for name, parent in named
        )
    )


def parameters_of(held: Held) -> dict[str, list[str]]:
    """The parameters of :func:`whose`."""
    return {entity: held.keys.get(entity, []) for entity in ENTITIES} | {
        "customer": list(held.accounts)
    }


def _take_rows(driver: psycopg.Connection, tenant: Tenant, entity: str, held: Held) -> None:
    info = ENTITIES[entity]
    with driver.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            sql.SQL("select t.* from {} t where {} order by {}").format(
                sql.Identifier(tenant.schema, entity),
                whose(entity, "t"),
                sql.SQL(", ").join(sql.Identifier("t", key) for key in info.key),
            ),
            parameters_of(held),
        )
        held.rows[entity] = cursor.fetchall()
    if len(info.key) == 1:
        held.keys[entity] = [str(row[info.key[0]]) for row in held.rows[entity]]


def _addresses(customers: Iterable[Mapping[str, Any]]) -> set[str]:
    """Email addresses in small letters, and digits of telephone numbers, of customers."""
    found = set()
    for row in customers:
        for name, type_ in _REACHED.items():
            if not row[name]:
                continue
            address = row[name].lower() if type_ is FieldType.EMAIL else national(row[name])
            if "@" in address or len(address) >= SHORTEST_NUMBER:
                found.add(address)
    return found


def _earlier(driver: psycopg.Connection, tenant: Tenant, held: Held) -> list[dict[str, Any]]:
    """Rows of the journal for undoing that are theirs, or were."""
    found: list[dict[str, Any]] = []
    for entity, info in ENTITIES.items():
        keys = [[str(row[key]) for key in info.key] for row in held.rows.get(entity, [])]
        if entity == "customer":
            keys += [[account] for account in held.accounts]
        references = [
            sql.SQL("coalesce(u.row ->> {} = any({}), false)").format(
                sql.Literal(name), sql.Placeholder(parent)
            )
            for name, parent in owners(entity)[:1]
        ]
        with driver.cursor(row_factory=dict_row) as cursor:
            cursor.execute(
                sql.SQL(
                    """select migration, entity, key, row from {} u
                       where entity = %(entity)s and (key in (
                           select value from jsonb_array_elements(%(keys)s::jsonb)) {})
                       order by migration, key"""
                ).format(
                    sql.Identifier(tenant.schema, UNDO),
                    sql.SQL("").join(sql.SQL(" or {}").format(one) for one in references),
                ),
                parameters_of(held) | {"entity": entity, "keys": psycopg.types.json.Jsonb(keys)},
            )
            found += cursor.fetchall()
    return found


def _rejected_customers(
    driver: psycopg.Connection, tenant: Tenant, held: Held, columns: Columns
) -> list[str]:
    """Account numbers of customers in quarantine whose own address is the person's."""
    known = KnownBy((), held.addresses)
    if not held.addresses:
        return []
    return [
        row["key"][0]
        for row in _in_quarantine(driver, tenant)
        if row["entity"] == "customer" and row["key"] and isinstance(row["cells"], dict)
        for name in columns.get(_block(row), {}).get(REACHED_BY, ())
        if known.name(str(row["cells"].get(name) or ""))
    ]


def _take_quarantined(
    driver: psycopg.Connection, tenant: Tenant, held: Held, columns: Columns
) -> None:
    """Records in quarantine that are theirs, and what names them in those of others."""
    whose_is = _Whose(held, columns)
    while True:
        found: list[dict[str, Any]] = []
        keys: dict[str, set[str]] = {}
        mentions: list[Mention] = []
        for row in _in_quarantine(driver, tenant):
            if whose_is.is_theirs(row):
                found.append(row)
                if row["key"] and len(row["key"]) == 1:
                    keys.setdefault(row["entity"], set()).add(row["key"][0])
            else:
                mentions += whose_is.mentions(row)
        new = {e: some - _there(driver, tenant, e, some) for e, some in keys.items()}
        # What is theirs may refer to what is theirs and lies in quarantine itself.
        if not whose_is.learn(new):
            held.quarantine, held.mentions = found, [*held.mentions, *mentions]
            return


def _block(row: Mapping[str, Any]) -> tuple[int, str, int]:
    return row["migration"], row["entity"], row["feed"]


def _in_quarantine(driver: psycopg.Connection, tenant: Tenant) -> Iterator[dict[str, Any]]:
    with driver.cursor("subject_quarantine", row_factory=dict_row) as cursor:
        cursor.execute(
            sql.SQL(
                """select migration, entity, feed, file, record, line, key, cells, text from {}
                   where cells is not null or text is not null or key is not null
                   order by migration, entity, feed, file, record"""
            ).format(sql.Identifier(tenant.schema, QUARANTINE))
        )
        yield from cursor


def _there(
    driver: psycopg.Connection, tenant: Tenant, entity: str, keys: Collection[str]
) -> set[str]:
    """Those of the keys under which the tenant has rows: whose they are is known."""
    rows = driver.execute(
        sql.SQL("select {key}::text from {} where {key}::text = any(%s)").format(
            sql.Identifier(tenant.schema, entity), key=sql.Identifier(ENTITIES[entity].key[0])
        ),
        [list(keys)],
    ).fetchall()
    return {key for (key,) in rows}


class _Whose:
    """Tells whose a record of the quarantine is, and what in it names the person.

    It is theirs by its key, or by a column that names their customer or what is theirs. Where it
    names nobody, or could not be split into cells, it is theirs if it names them at all. The record
    of another customer is not theirs, whomever it names: who recommended them, whose address their
    family has in common.
    """

    def __init__(self, held: Held, columns: Columns) -> None:
        self._keys = {entity: set(keys) for entity, keys in held.keys.items()}
        self._keys["customer"] = set(held.accounts)
        self._columns = columns
        self._known = KnownBy(held.accounts, held.addresses)

    def is_theirs(self, row: Mapping[str, Any]) -> bool:
        entity, key = row["entity"], row["key"]
        # An invoice's line begins with the invoice's number.
        of_key = "invoice" if entity == "invoice_line" else entity
        if key and key[0] in self._keys.get(of_key, ()):
            return True
        if not isinstance(cells := row["cells"], dict):
            return self._known.name(str(row["text"] or ""))
        named = [
            (parent, str(cells.get(name) or "").strip())
            for parent, names in self._columns.get(_block(row), {}).items()
            if parent != REACHED_BY
            for name in names
        ]
        if any(number in self._keys.get(parent, ()) for parent, number in named):
            return True
        is_others = any(parent == "customer" and number for parent, number in named) or (
            entity == "customer" and key
        )
        return not is_others and any(self._known.name(str(cell)) for cell in cells.values())

    def mentions(self, row: Mapping[str, Any]) -> Iterator[Mention]:
        """What names the person in a record that is not theirs."""
        if not isinstance(cells := row["cells"], dict):
            return
        key = str(row["key"][0]) if row["key"] else ""
        named = self._columns.get(_block(row), {}).get("customer", ())
        customer = next((str(cells[name]) for name in named if cells.get(name)), "")
        for name, cell in cells.items():
            if self._known.name(str(cell)):
                reached = name in self._columns.get(_block(row), {}).get(REACHED_BY, ())
                yield Mention(row["entity"], key, customer, name, str(cell), "quarantine", reached)

    def learn(self, keys: Mapping[str, Collection[str]]) -> bool:
        """Takes keys for theirs, too; whether any is new."""
        news = False
        for entity, some in keys.items():
            known = self._keys.setdefault(entity, set())
            news |= not known.issuperset(some)
            known.update(some)
        return news


def _take_mentions(driver: psycopg.Connection, tenant: Tenant, held: Held) -> None:
    """What names the person in rows of others, and in what these were before."""
    known = KnownBy(held.accounts, held.addresses)
    if not (known.words or known.phones):
        return
    # A first look at whole rows, of which there may be millions; what stands in them is told after.
    may = sql.SQL("""(lower({row}::text) like any(%(words)s) or {row}::text ~ %(phones)s)""")
    words = [
        "%" + re.sub(r"([%_])", r"\\\1", max(re.split(r'["\\]', word), key=len)) + "%"
        for word in known.words
    ]
    phones = "|".join("[ ()./-]*".join(phone) for phone in known.phones) or "$^"
    for entity, info in ENTITIES.items():
        theirs = {tuple(str(row[k]) for k in info.key) for row in held.rows[entity]}
        was_theirs = {tuple(map(str, e["key"])) for e in held.earlier if e["entity"] == entity}
        rows = sql.SQL("select to_jsonb(t) as row from {} t where {}").format(
            sql.Identifier(tenant.schema, entity), may.format(row=sql.SQL("t"))
        )
        earlier = sql.SQL("select row from {} t where entity = %(entity)s and {}").format(
            sql.Identifier(tenant.schema, UNDO), may.format(row=sql.SQL("t.row"))
        )
        for table, which in (("rows", rows), ("earlier rows", earlier)):
            parameters = {"words": words, "phones": phones, "entity": entity}
            for (row,) in driver.execute(which, parameters):
                key = tuple(str(row.get(k)) for k in info.key)
                if key not in theirs and (table == "rows" or key not in was_theirs):
                    held.mentions += _mentions_of(entity, key, row, known, table)


def _mentions_of(
    entity: str, key: Sequence[str], row: Mapping[str, Any], known: KnownBy, table: str
) -> Iterator[Mention]:
    names = [field for field, parent in owners(entity) if parent == "customer"]
    customer = key[0] if entity == "customer" else str((names and row.get(names[0])) or "")
    fields = ENTITIES[entity].fields
    for name, value in row.items():
        cells = value if isinstance(value, dict) else {"": value}
        for column, cell in cells.items():
            if name[0] == "_" or cell is None or not known.name(str(cell)):
                continue
            secret = name in fields and fields[name].privacy is Privacy.SECRET
            says = HELD_SECRET if secret else str(cell)
            place = f"{name}.{column}" if column else name
            reached = entity == "customer" and name in _REACHED
            yield Mention(entity, " ".join(key), customer, place, says, table, reached)


HELD_SECRET = "(held, and not shown)"  # noqa: S105


def shown(entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a person gets it: what it holds, and that it holds a secret, but not which."""
    fields = ENTITIES[entity].fields
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None:
            continue
        secret = name in fields and fields[name].privacy is Privacy.SECRET
        found[name] = HELD_SECRET if secret else value
    return found
