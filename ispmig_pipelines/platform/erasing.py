"""Erasing a person from a tenant, in one transaction and as the tenant's role.

A customer without invoices and payments is deleted with all that is theirs. One with some stays
without what says who they are, because tax law has the books kept for years and these refer to the
account by its number (GDPR, article 17(3)(b)). Records in quarantine keep where they stood and
their amounts, so that every migration still adds up; the journal for undoing forgets them alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import psycopg.types.json
from psycopg import sql

from ispmig_pipelines.issues import rule_of
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.anonymous import BOOKS, emptied, owners
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.journal import ERASURES, ISSUES, KEPT, QUARANTINE, UNDO, key_json
from ispmig_pipelines.platform.let_go import WAS_ERASED
from ispmig_pipelines.platform.subject import Held, parameters_of, whose
from ispmig_pipelines.platform.tenants import Tenant

_MADE_OUT_TO = ("bill_to_name", "bill_to_address")
_ISP_OWNS = ("isp", "leased")


@dataclass
class Erased:
    """What was erased.

    Attributes:
        deleted, anonymised: entity → rows.
        quarantine: records of which nothing but their position and amounts is left.
        earlier: rows of the journal for undoing that were deleted or anonymised.
        issues: of which what was found (its shape) is gone.
    """

    deleted: dict[str, int] = field(default_factory=dict)
    anonymised: dict[str, int] = field(default_factory=dict)
    quarantine: int = 0
    earlier: int = 0
    issues: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "deleted": {e: n for e, n in self.deleted.items() if n},
            "anonymised": {e: n for e, n in self.anonymised.items() if n},
            "quarantine": self.quarantine,
            "earlier": self.earlier,
            "issues": self.issues,
        }


def erase(
    driver: psycopg.Connection,
    tenant: Tenant,
    held: Held,
    *,
    invoices_before: dt.date | None = None,
) -> Erased:
    """Erases what is held on a person; what it leaves can be erased again without any change.

    Args:
        invoices_before: of invoices issued before this day the name and address that they were
            made out to go, too: nobody has to keep them any longer.
    """
    # A rollback is to take away what is left of a row like any other: what it puts back instead is
    # emptied here as well.
    driver.execute(ddl.write_as(0))
    done = Erased()
    done.issues = _empty_issues(driver, tenant, held)
    booked = _with_books(driver, tenant, held)
    done.quarantine = _strip_quarantine(driver, tenant, held.quarantine)
    _release(driver, tenant, held)
    gone: dict[str, sql.Composable] = {
        entity: whose(entity, "t")
        for entity in ("ip_assignment", "device", "payment_method", "service", "location")
    }
    isp_owned = sql.SQL("coalesce(t.owner = any({}), false)").format(sql.Literal(list(_ISP_OWNS)))
    gone["device"] = sql.SQL("{} and not {}").format(whose("device", "t"), isp_owned)
    for entity, where in gone.items():
        if entity == "device":
            _empty(driver, tenant, held, entity, isp_owned, done, unlink=True)
        _delete(driver, tenant, held, entity, where, done)
    gone["customer"] = sql.SQL("{} and not t.account_number = any({})").format(
        whose("customer", "t"), sql.Literal(booked)
    )
    _delete(driver, tenant, held, "customer", gone["customer"], done)
    for entity in ("customer", *BOOKS):
        _empty(driver, tenant, held, entity, sql.SQL("true"), done)
    if invoices_before is not None:
        _forget_addressees(driver, tenant, held, invoices_before, done)
    done.earlier = _forget_earlier(driver, tenant, held, invoices_before)
    _forget_kept(driver, tenant, held)
    return done


def _with_books(driver: psycopg.Connection, tenant: Tenant, held: Held) -> list[str]:
    """Accounts to which invoices or payments refer."""
    rows = driver.execute(
        sql.SQL(
            """select customer from {} where customer = any(%(customer)s)
               union select customer from {} where customer = any(%(customer)s)"""
        ).format(
            sql.Identifier(tenant.schema, "invoice"), sql.Identifier(tenant.schema, "payment")
        ),
        parameters_of(held),
    ).fetchall()
    return [account for (account,) in rows]


def _release(driver: psycopg.Connection, tenant: Tenant, held: Held) -> None:
    """What others have in common with them stays theirs: a place that another customer's line is
    at becomes that customer's, and references to what goes are emptied."""
    for child in ("service", "device"):
        driver.execute(
            sql.SQL(
                """update {location} l
                   set customer = c.customer, contact_name = null, contact_phone = null,
                       notes = null, legacy = null
                   from (select location, min(customer) as customer from {child}
                         where customer is not null and not customer = any(%(customer)s)
                         group by 1) c
                   where c.location = l.location_code and l.customer = any(%(customer)s)"""
            ).format(
                location=sql.Identifier(tenant.schema, "location"),
                child=sql.Identifier(tenant.schema, child),
            ),
            parameters_of(held),
        )
    rows = driver.execute(
        sql.SQL("select location_code from {} where customer = any(%(customer)s)").format(
            sql.Identifier(tenant.schema, "location")
        ),
        parameters_of(held),
    ).fetchall()
    held.keys["location"] = [code for (code,) in rows]
    for entity in ("device", "ip_assignment"):
        for name, parent in owners(entity):
            driver.execute(
                sql.SQL("update {} t set {} = null where t.{}::text = any({}) and not {}").format(
                    sql.Identifier(tenant.schema, entity),
                    sql.Identifier(name),
                    sql.Identifier(name),
                    sql.Placeholder(parent),
                    whose(entity, "t"),
                ),
                parameters_of(held),
            )


def _delete(
    driver: psycopg.Connection,
    tenant: Tenant,
    held: Held,
    entity: str,
    where: sql.Composable,
    done: Erased,
) -> None:
    """Deletes rows, with what the journal for undoing holds of them, and books the marks that
    migrations miss then."""
    parts = {
        "target": sql.Identifier(tenant.schema, entity),
        "undo": sql.Identifier(tenant.schema, UNDO),
        "erasures": sql.Identifier(tenant.schema, ERASURES),
        "entity": sql.Literal(entity),
        "key": key_json(entity, "t"),
        "where": where,
    }
    deleted = driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {target} t where {where} returning t._migration, {key} as key
               ), forgotten as (
                   delete from {undo} u using gone g where u.entity = {entity} and u.key = g.key
                   returning u.migration, u.key
               ), booked as (
                   insert into {erasures} (migration, entity, inserted, updated, at)
                   select migration, {entity}, sum(inserted), sum(updated), now() from (
                       select g._migration as migration, 1 as inserted, 0 as updated from gone g
                       where not exists (select from forgotten f
                           where f.migration = g._migration and f.key = g.key)
                       union all select migration, 0, 1 from forgotten) marks
                   group by 1)
               select count(*) from gone"""
        ).format(**parts),
        parameters_of(held),
    ).fetchone()
    done.deleted[entity] = done.deleted.get(entity, 0) + (deleted[0] if deleted else 0)


def _empty(
    driver: psycopg.Connection,
    tenant: Tenant,
    held: Held,
    entity: str,
    where: sql.Composable,
    done: Erased,
    *,
    unlink: bool = False,
) -> None:
    """Empties what says who they are, where there is anything of it."""
    fields = [*emptied(entity), "legacy"]
    if unlink:
        fields += [name for name, _ in owners(entity)]
    count = driver.execute(
        sql.SQL("update {} t set {} where {} and {} and num_nonnulls({}) > 0").format(
            sql.Identifier(tenant.schema, entity),
            sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(f)) for f in fields),
            whose(entity, "t"),
            where,
            sql.SQL(", ").join(sql.Identifier("t", f) for f in fields),
        ),
        parameters_of(held),
    ).rowcount
    done.anonymised[entity] = done.anonymised.get(entity, 0) + count


def _forget_addressees(
    driver: psycopg.Connection, tenant: Tenant, held: Held, before: dt.date, done: Erased
) -> None:
    count = driver.execute(
        sql.SQL(
            """update {} t set {} where {} and issue_date < %(before)s
               and num_nonnulls({}) > 0"""
        ).format(
            sql.Identifier(tenant.schema, "invoice"),
            sql.SQL(", ").join(
                sql.SQL("{} = null").format(sql.Identifier(f)) for f in _MADE_OUT_TO
            ),
            whose("invoice", "t"),
            sql.SQL(", ").join(sql.Identifier("t", f) for f in _MADE_OUT_TO),
        ),
        {**parameters_of(held), "before": before},
    ).rowcount
    done.anonymised["invoice"] = max(done.anonymised.get("invoice", 0), count)


def _forget_kept(driver: psycopg.Connection, tenant: Tenant, held: Held) -> None:
    """Rollbacks forget that they kept rows of theirs: keys of these name them."""
    for entity, info in ENTITIES.items():
        keys = [[str(row[key]) for key in info.key] for row in held.rows.get(entity, [])]
        keys += [one["key"] for one in held.earlier if one["entity"] == entity]
        if entity == "customer":
            keys += [[account] for account in held.accounts]
        driver.execute(
            sql.SQL("delete from {} where entity = %s and key = any(%s)").format(
                sql.Identifier(tenant.schema, KEPT)
            ),
            [entity, [psycopg.types.json.Jsonb(key) for key in keys]],
        )


def _forget_earlier(
    driver: psycopg.Connection, tenant: Tenant, held: Held, invoices_before: dt.date | None
) -> int:
    """Rows of the journal of what is kept lose what the kept rows lost; those of what is gone
    for other reasons go."""
    table = sql.Identifier(tenant.schema, UNDO)
    changed = 0
    for one in held.earlier:
        entity = one["entity"]
        row = dict(one["row"])
        nameless = [*emptied(entity), "legacy"]
        issued = row.get("issue_date")
        if entity == "invoice" and invoices_before and issued and issued < str(invoices_before):
            nameless += _MADE_OUT_TO
        for name in nameless:
            # What is empty is left out of such rows; those of earlier releases have it as null.
            if row.get(name) is not None:
                row[name] = None
        if entity not in ("customer", *BOOKS):
            for name, parent in owners(entity):
                if row.get(name) in (
                    held.accounts if parent == "customer" else held.keys.get(parent, ())
                ):
                    info = ENTITIES[entity].fields[name]
                    row[name] = row.get(name) if info.must_hold_value else None
        if row == one["row"]:
            continue
        # What was written down there is not changed, but taken away and put back.
        found = driver.execute(
            sql.SQL(
                """with gone as (
                       delete from {} where migration = %s and entity = %s and key = %s
                       returning migration, entity, key)
                   insert into {} (migration, entity, key, row)
                   select migration, entity, key, %s from gone"""
            ).format(table, table),
            [
                one["migration"],
                entity,
                psycopg.types.json.Jsonb(one["key"]),
                psycopg.types.json.Jsonb(row),
            ],
        ).rowcount
        changed += found
    return changed


def _strip_quarantine(
    driver: psycopg.Connection, tenant: Tenant, rows: Sequence[dict[str, Any]]
) -> int:
    """Leaves nothing of records in quarantine but where they stood and their amounts."""
    places = [[r[name] for r in rows] for name in ("migration", "entity", "feed", "file", "record")]
    which = sql.SQL(
        """(t.migration, t.entity, t.feed, t.file, t.record) in (
               select * from unnest(%s::bigint[], %s::text[], %s::integer[], %s::integer[],
                                    %s::bigint[]))"""
    )
    quarantine = sql.Identifier(tenant.schema, QUARANTINE)
    issues = sql.Identifier(tenant.schema, ISSUES)
    stripped = driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {quarantine} t where {which}
                   returning t.migration, t.entity, t.feed, t.file, t.record, t.line, t.amounts)
               insert into {quarantine} (migration, entity, feed, file, record, line, amounts)
               select * from gone"""
        ).format(quarantine=quarantine, which=which),
        places,
    ).rowcount
    driver.execute(sql.SQL("delete from {} t where {}").format(issues, which), places)
    driver.execute(
        sql.SQL(
            """insert into {} (migration, entity, feed, file, record, line, rule, severity,
                               "column", field, found, accepted)
               select migration, entity, feed, file, record, line, %s, %s, '', '', '', ''
               from {} t where {}"""
        ).format(issues, quarantine, which),
        [WAS_ERASED, rule_of(WAS_ERASED).severity.value, *places],
    )
    return stripped


def _empty_issues(driver: psycopg.Connection, tenant: Tenant, held: Held) -> int:
    """Takes the shapes of what was found out of the issues of rows that are theirs."""
    places = [
        (row["_migration"], entity, row["_file"], row["_record"])
        for entity, rows in held.rows.items()
        for row in rows
    ]
    migrations, entities, files, records = zip(*places, strict=True) if places else ((),) * 4
    issues = sql.Identifier(tenant.schema, ISSUES)
    return driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {issues} t using unnest(
                       %s::bigint[], %s::text[], %s::integer[], %s::bigint[])
                       as r(migration, entity, file, record)
                   where (t.migration, t.entity, t.file, t.record)
                       = (r.migration, r.entity, r.file, r.record) and t.found <> ''
                   returning t.*)
               insert into {issues} (migration, entity, feed, file, record, line, rule, severity,
                                     "column", field, found, accepted)
               select migration, entity, feed, file, record, line, rule, severity, "column",
                      field, '', accepted
               from gone"""
        ).format(issues=issues),
        [list(migrations), list(entities), list(files), list(records)],
    ).rowcount
