"""Everything that is held on one person: found, shown, and erased.

A person is known by what they say of themselves: account numbers, an email address, a telephone
number. What belongs to their customers is found by the references of the model, in the tenant's
tables, in the journal for undoing, and in quarantine, where it is found by its key, by the columns
that named the customer, and by what identifies them in any cell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
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
from ispmig_pipelines.platform.tenants import Tenant

SHORTEST_NUMBER = 7
"""Digits from which on a telephone number is one person's."""

TELLING = 6
"""Characters from which on an account number means somebody wherever it stands in a record."""

Columns = Mapping[tuple[int, str, int], Mapping[str, Sequence[str]]]
"""(migration, entity, block) → entity → the source's columns that name one of it."""


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


def national(phone: str) -> str:
    """Digits of a telephone number without what stands before it in one country only."""
    return re.sub(r"[^0-9]", "", phone).lstrip("0")


@dataclass
class Held:
    """What is held.

    Attributes:
        accounts: account numbers of the customers.
        keys: entity → keys of the rows that are theirs, for entities whose key is of one part.
        rows: entity → rows, as JSON.
        earlier: rows as they were before a migration changed them: ``{"migration", "entity",
            "key", "row"}``.
        quarantine: ``{"migration", "entity", "feed", "file", "record", "line", "cells", "text"}``.
    """

    accounts: tuple[str, ...] = ()
    keys: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    earlier: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Nothing is held."""
        return not (any(self.rows.values()) or self.earlier or self.quarantine)

    def counts(self) -> dict[str, Any]:
        """How much is held, without any of it."""
        return {
            "customers": len(self.accounts),
            "rows": {entity: len(rows) for entity, rows in self.rows.items() if rows},
            "earlier": len(self.earlier),
            "quarantine": len(self.quarantine),
        }


def held_on(driver: psycopg.Connection, tenant: Tenant, asked: Asked, columns: Columns) -> Held:
    """Gathers what is held on a person, as the tenant's role.

    Args:
        columns: which columns of which migration's sources name customers and what is theirs.
    """
    accounts = dict.fromkeys([*asked.accounts, *_customers_of(driver, tenant, asked)])
    # Whoever never was loaded lies in quarantine only.
    for row in _quarantined(driver, tenant, Held(tuple(accounts)), asked, columns, set()):
        if row["entity"] == "customer" and row["key"]:
            accounts.setdefault(row["key"][0])
    held = Held(tuple(accounts))
    for entity in ENTITIES:
        _take_rows(driver, tenant, entity, held)
    emails, phones = _identities(held, asked)
    held.earlier = _earlier(driver, tenant, held)
    held.quarantine = _quarantined(driver, tenant, held, asked, columns, emails | phones)
    for row in held.quarantine:
        row.pop("key")
    return held


def _customers_of(driver: psycopg.Connection, tenant: Tenant, asked: Asked) -> list[str]:
    fields = ENTITIES["customer"].fields
    found: list[str] = []
    if asked.email:
        where = [
            sql.SQL("lower({}) = lower(%(email)s)").format(sql.Identifier(name))
            for name, info in fields.items()
            if info.type is FieldType.EMAIL
        ]
        found += _accounts(driver, tenant, where, {"email": asked.email.strip()})
    if len(asked.phone_digits) >= SHORTEST_NUMBER:
        where = [
            sql.SQL("{} like '%%' || %(phone)s").format(sql.Identifier(name))
            for name, info in fields.items()
            if info.type is FieldType.PHONE
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


def _identities(held: Held, asked: Asked) -> tuple[set[str], set[str]]:
    """Email addresses in small letters, and digits of telephone numbers, of the customers."""
    emails = {asked.email.strip().lower()} if asked.email else set()
    phones = {asked.phone_digits} if len(asked.phone_digits) >= SHORTEST_NUMBER else set()
    for row in held.rows.get("customer", []):
        for name, info in ENTITIES["customer"].fields.items():
            if row[name] and info.type is FieldType.EMAIL:
                emails.add(row[name].lower())
            elif row[name] and info.type is FieldType.PHONE:
                phones.add(national(row[name]))
    return emails, {digits for digits in phones if len(digits) >= SHORTEST_NUMBER}


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


def _quarantined(
    driver: psycopg.Connection,
    tenant: Tenant,
    held: Held,
    asked: Asked,
    columns: Columns,
    identities: Collection[str],
) -> list[dict[str, Any]]:
    """Records in quarantine that are theirs, or speak of them."""
    known = set(identities)
    if asked.email:
        known.add(asked.email.strip().lower())
    if len(asked.phone_digits) >= SHORTEST_NUMBER:
        known.add(asked.phone_digits)
    speaks = Speaks(held, known, columns)
    while True:
        found = _speaking(driver, tenant, speaks)
        new = {
            entity: keys - _there(driver, tenant, entity, keys)
            for entity, keys in speaks.keys_of(found).items()
        }
        # What is theirs may refer to what is theirs and lies in quarantine itself.
        if not speaks.learn(new):
            return found


def _speaking(driver: psycopg.Connection, tenant: Tenant, speaks: Speaks) -> list[dict[str, Any]]:
    with driver.cursor("subject_quarantine", row_factory=dict_row) as cursor:
        cursor.execute(
            sql.SQL(
                """select migration, entity, feed, file, record, line, key, cells, text from {}
                   where cells is not null or text is not null or key is not null
                   order by migration, entity, feed, file, record"""
            ).format(sql.Identifier(tenant.schema, QUARANTINE))
        )
        return [row for row in cursor if speaks.of_them(row)]


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


class Speaks:
    """Tells whether a record of the quarantine speaks of a person."""

    def __init__(self, held: Held, identities: Collection[str], columns: Columns) -> None:
        self._keys = {entity: set(keys) for entity, keys in held.keys.items()}
        self._keys["customer"] = set(held.accounts)
        self._columns = columns
        self._emails = [one for one in identities if "@" in one]
        self._phones = [one for one in identities if "@" not in one]
        words = [*self._emails, *(a.lower() for a in held.accounts if len(a) >= TELLING)]
        self._words = (
            re.compile(r"(?<![\w.+@-])(?:" + "|".join(map(re.escape, words)) + r")(?![\w@-]|\.\w)")
            if words
            else None
        )

    def of_them(self, row: Mapping[str, Any]) -> bool:
        """Whether the record is theirs or names them."""
        if self._is_theirs(row):
            return True
        cells = row["cells"] if isinstance(row["cells"], dict) else {}
        texts = [row["text"]] if isinstance(row["text"], str) else []
        return any(self._names_them(text) for text in [*texts, *(str(c) for c in cells.values())])

    def keys_of(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
        """Entity → keys of those of the records that are theirs, of entities whose key is of one
        part."""
        found: dict[str, set[str]] = {}
        for row in rows:
            if row["key"] and len(row["key"]) == 1 and self._is_theirs(row):
                found.setdefault(row["entity"], set()).add(row["key"][0])
        return found

    def learn(self, keys: Mapping[str, Collection[str]]) -> bool:
        """Takes keys for theirs, too; whether any is new."""
        news = False
        for entity, some in keys.items():
            known = self._keys.setdefault(entity, set())
            news |= not known.issuperset(some)
            known.update(some)
        return news

    def _is_theirs(self, row: Mapping[str, Any]) -> bool:
        entity, key = row["entity"], row["key"]
        # An invoice's line begins with the invoice's number.
        of_key = "invoice" if entity == "invoice_line" else entity
        if key and key[0] in self._keys.get(of_key, ()):
            return True
        if not isinstance(cells := row["cells"], dict):
            return False
        named = self._columns.get((row["migration"], entity, row["feed"]), {})
        return any(
            str(cells.get(name) or "").strip() in self._keys.get(parent, ())
            for parent, names in named.items()
            for name in names
        )

    def _names_them(self, text: str) -> bool:
        if self._words is not None and self._words.search(text.lower()):
            return True
        if not self._phones:
            return False
        return any(
            re.sub(r"[^0-9]", "", run).endswith(phone)
            for run in re.findall(r"[+(]?[0-9][0-9 ().\-/]{5,22}[0-9]", text)
            for phone in self._phones
        )


def shown(entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a person gets it: what it holds, and that it holds a secret, but not which."""
    fields = ENTITIES[entity].fields
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None:
            continue
        secret = name in fields and fields[name].privacy is Privacy.SECRET
        found[name] = "(held, and not shown)" if secret else value
    return found
