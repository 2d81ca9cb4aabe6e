"""Records of people who are not to be kept: erased before, or past their retention.

Before anything else is judged, in the transaction that publishes. What belongs to such a customer
follows: their lines, invoices, payments, devices. A record that is not migrated goes to
quarantine as every other does, so that nothing is lost unseen; but what lies there of it is where
it stood and its amounts, and neither its cells nor its key. What else is wrong with such a record
is nobody's to correct, and is not told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.issues import rule_of
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.anonymous import emptied, owners
from ispmig_pipelines.platform import erased, retention
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.journal import ERASED, ISSUES, QUARANTINE
from ispmig_pipelines.platform.known_by import may_name
from ispmig_pipelines.platform.publish import FeedTable, reject
from ispmig_pipelines.platform.retention import Past, Retention, RetentionPolicy
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

WAS_ERASED = "subject.erased"
EXPIRED = "retention.expired"
ANONYMISED = "retention.anonymised"
REFERENCE = "reference.let_go"

_AT_A_TIME = 5_000

WITHOUT_CELLS = (WAS_ERASED, EXPIRED)
"""Rules of whose records the quarantine keeps neither cells nor key."""

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("file", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("own", pa.string()),
        pa.field("parent", pa.string()),
        pa.field("parent_key", pa.string()),
        pa.field("status", pa.string()),
        pa.field("cancelled_date", pa.date32()),
        pa.field("retain_until", pa.date32()),
        pa.field("owes", pa.bool_()),
    ]
)
"""Records that were rejected before: their own key, if it is of one part, and whose they are. Of
customers also what their retention is judged by; ``owes`` is true where it cannot be read."""

Rejected = Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class LetGo:
    """What was done.

    Attributes:
        past: customers past their retention.
        records: rule → entity → records.
        retention: what was asked for; None: nothing.
    """

    past: Past = field(default_factory=Past)
    records: dict[str, dict[str, int]] = field(default_factory=dict)
    retention: Retention | None = None

    def findings(self) -> dict[str, object]:
        """As findings of a migration keep it; empty when there is nothing to tell."""
        found: dict[str, object] = {}
        if self.retention is not None:
            asked = self.retention
            found["retention"] = {
                "policy": asked.policy.value,
                "as_of": asked.as_of.isoformat(),
                "cancelled_months": asked.cancelled_months,
                "customers": self.past.expired,
                "held": {"served": self.past.served, "owes": self.past.owing},
                "skipped": self.records.get(EXPIRED, {}),
                "anonymised": self.records.get(ANONYMISED, {}),
            }
        if WAS_ERASED in self.records:
            found["erased"] = self.records[WAS_ERASED]
        return found


def create_tables(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Makes the temporary tables, as their owner: a tenant's role may make none."""
    for name, columns in (
        ("let_go", "rule text, entity text, key text, primary key (entity, key)"),
        ("rejected_of", "entity text, feed integer, file integer, record bigint, own text, "
                        "parent text, parent_key text, status text, cancelled_date date, "
                        "retain_until date, owes boolean, rule text"),
        ("rejected_in", "file integer, record bigint, own text, parent text, parent_key text, "
                        "status text, cancelled_date date, retain_until date, owes boolean"),
    ):  # fmt: skip
        table = sql.Identifier("pg_temp", name)
        driver.execute(sql.SQL("drop table if exists {}").format(table))
        driver.execute(
            sql.SQL("create temporary table {} ({})").format(
                sql.Identifier(name),
                sql.SQL(columns),
            )
        )
        driver.execute(
            sql.SQL("grant select, insert, update, delete, truncate on {} to {}").format(
                table, sql.Identifier(tenant.role)
            )
        )
    retention.create_table(driver, tenant)


def let_go(
    driver: psycopg.Connection,
    tenant: Tenant,
    migration: int,
    feeds: Sequence[tuple[FeedTable, Rejected]],
    *,
    key: bytes | None,
    asked: Retention | None,
) -> LetGo:
    """Lets go of what is not to be kept, in the current transaction.

    Args:
        feeds: all of the migration, parents first, each with what was rejected of it before,
            which lies in quarantine already.
        key: of the digests of who was erased; None: nobody was.
        asked: what to do about retention.
    """
    if key is None and asked is None:
        return LetGo()
    tables = [table for table, _ in feeds]
    done = LetGo(retention=asked)
    with as_tenant(driver, tenant):
        for table, rejected in feeds:
            _take_rejected(driver, table, rejected)
        if key is not None:
            _find_erased(driver, tenant, tables, key)
        past = retention.find(driver, tenant, tables, asked) if asked is not None else Past()
        done = LetGo(past, {}, asked)
        follows = asked is not None and asked.policy is not RetentionPolicy.keep
        if follows:
            driver.execute(
                """insert into pg_temp.let_go
                   select %s, 'customer', key from pg_temp.past_retention where held is null
                   on conflict do nothing""",
                [EXPIRED if asked and asked.policy is RetentionPolicy.skip else ANONYMISED],
            )
        nameless = key is not None and _mark_nameless(driver, tenant, migration, key)
        if not (
            nameless or driver.execute("select exists (select from pg_temp.let_go)").fetchone()[0]  # type: ignore[index]
        ):
            return done
        for entity in ENTITIES:
            for table in tables:
                if table.entity == entity:
                    _let_go_of(driver, table, done.records)
            _follow_rejected(driver, entity)
        _strip(driver, tenant, migration, done.records)
    return done


def _take_rejected(driver: psycopg.Connection, table: FeedTable, rejected: Rejected) -> None:
    driver.execute("truncate pg_temp.rejected_in")
    copy_batches(driver, sql.Identifier("pg_temp", "rejected_in"), rejected())
    driver.execute(
        """insert into pg_temp.rejected_of
           select %s, %s, * from pg_temp.rejected_in""",
        [table.entity, table.index],
    )


def _find_erased(
    driver: psycopg.Connection, tenant: Tenant, tables: Sequence[FeedTable], key: bytes
) -> None:
    """Enters the customers who were erased, as the feeds name them: rows of theirs, rows that
    refer to them, and rejected ones of either kind."""
    named: list[sql.Composable] = [
        sql.SQL("select {}::text as key from {}").format(sql.Identifier(column), table.staged)
        for table in tables
        for column in (
            table.key
            if table.entity == "customer"
            else [f for f, parent in table.info.references.items()
                  if parent == "customer" and f in table.fields]
        )
    ]  # fmt: skip
    named += [
        sql.SQL("select own from pg_temp.rejected_of where entity = 'customer'"),
        sql.SQL("select parent_key from pg_temp.rejected_of where parent = 'customer'"),
    ]
    driver.execute(
        sql.SQL(
            """insert into pg_temp.let_go
               select {rule}, 'customer', key from ({named}) named
               where key is not null and exists (
                   select from {erased} e where e.digest = {digest})
               on conflict do nothing"""
        ).format(
            rule=sql.Literal(WAS_ERASED),
            named=sql.SQL(" union ").join(named),
            erased=sql.Identifier(tenant.schema, ERASED),
            digest=erased.digest_sql(sql.Identifier("named", "key")),
        ),
        erased.digest_parameters(key),
    )


def _mark_nameless(driver: psycopg.Connection, tenant: Tenant, migration: int, key: bytes) -> bool:
    """Marks rejected records that name no customer by their columns, and somebody who was erased by
    what stands in them: what could not be split into cells, what has no account number. Whether
    there are any."""
    marked: list[Sequence[object]] = []
    with driver.cursor("nameless") as cursor:
        cursor.execute(
            sql.SQL(
                """select t.entity, t.feed, t.file, t.record, coalesce(t.text, t.cells)::text
                   from {} t left join pg_temp.rejected_of r
                     on (r.entity, r.feed, r.file, r.record) = (t.entity, t.feed, t.file, t.record)
                   where t.migration = %s and r.own is null and r.parent_key is null"""
            ).format(sql.Identifier(tenant.schema, QUARANTINE)),
            [migration],
        )
        while rows := cursor.fetchmany(_AT_A_TIME):
            named = [_digests(key, text) for *_, text in rows]
            gone = erased.known(driver, tenant, set().union(*named))
            marked += [
                row[:4] for row, here in zip(rows, named, strict=True) if not gone.isdisjoint(here)
            ]
    driver.execute(
        """with nameless as (
               select * from unnest(%s::text[], %s::integer[], %s::integer[], %s::bigint[])
                   as n(entity, feed, file, record)
           ), known as (
               delete from pg_temp.rejected_of r using nameless n
               where (r.entity, r.feed, r.file, r.record) = (n.entity, n.feed, n.file, n.record))
           insert into pg_temp.rejected_of (entity, feed, file, record, rule)
           select entity, feed, file, record, %s from nameless""",
        [*([place[at] for place in marked] for at in range(4)), WAS_ERASED],
    )
    return bool(marked)


def _digests(key: bytes, record: str) -> set[bytes]:
    """Digests of all by which a record, as JSON, may name somebody."""
    said = json.loads(record) if record else ""
    texts = [str(cell) for cell in said.values()] if isinstance(said, dict) else [str(said)]
    return {
        erased.digest(key, word) if kind == "account" else erased.address_digest(key, word)
        for text in texts
        for kind, word in may_name(text)
    }


def _rule_of_row(table: FeedTable) -> sql.Composed:
    """SQL: the rule by which staged row ``s`` is let go, or null: its own key is, or whose it is.

    Of several owners the first that is named decides: what a customer's service uses is that
    customer's, wherever it stands.
    """

    def rule(entity: str, column: str) -> sql.Composed:
        return sql.SQL(
            "(select g.rule from pg_temp.let_go g where g.entity = {} and g.key = {}::text)"
        ).format(sql.Literal(entity), sql.Identifier("s", column))

    by_key = rule(table.entity, table.key[0]) if len(table.key) == 1 else sql.SQL("null")
    whose = [
        sql.SQL("when {} is not null then {}").format(
            sql.Identifier("s", field), rule(parent, field)
        )
        for field, parent in owners(table.entity)
        if field in table.fields
    ]
    if not whose:
        return sql.SQL("{}").format(by_key)
    # A number that two customers' records bear is the same thing only where nothing else is said.
    return sql.SQL("case {} else {} end").format(sql.SQL(" ").join(whose), by_key)


def _let_go_of(
    driver: psycopg.Connection, table: FeedTable, records: dict[str, dict[str, int]]
) -> None:
    there = {rule for (rule,) in driver.execute("select distinct rule from pg_temp.let_go")}
    for rule in there.intersection(WITHOUT_CELLS):
        gone = reject(
            driver,
            table,
            rule=sql.Literal(rule),
            field="",
            where=sql.SQL("{} = {}").format(_rule_of_row(table), sql.Literal(rule)),
        )
        _count(records, rule, table.entity, gone)
        if gone and len(table.key) == 1:
            driver.execute(
                sql.SQL(
                    """insert into pg_temp.let_go
                       select distinct {rule}, {entity}, key ->> 0 from {rejects}
                       where rule = {rule} on conflict do nothing"""
                ).format(
                    rule=sql.Literal(rule),
                    entity=sql.Literal(table.entity),
                    rejects=table.rejects,
                )
            )
    if ANONYMISED in there:
        _anonymise(driver, table, records)
    _empty_references(driver, table)


def _anonymise(
    driver: psycopg.Connection, table: FeedTable, records: dict[str, dict[str, int]]
) -> None:
    fields = [field for field in emptied(table.entity) if field in table.fields]
    assigned = [sql.SQL("{} = null").format(sql.Identifier(field)) for field in fields]
    query = sql.SQL(
        """with emptied as (
               update {staged} s set {assigned}
               where {rule} = {anonymised}
               returning s._file, s._record, s._line, {key}::text as key
           ), noted as (
               insert into {notes} (_file, _record, _line, rule, severity, field, accepted)
               select _file, _record, _line, {anonymised}, {severity}, '', '' from emptied)
           insert into pg_temp.let_go
           select distinct {anonymised}, {entity}, key from emptied where {single}
           on conflict do nothing"""
    ).format(
        staged=table.staged,
        assigned=sql.SQL(", ").join([*assigned, sql.SQL("legacy = null")]),
        rule=_rule_of_row(table),
        anonymised=sql.Literal(ANONYMISED),
        key=sql.Identifier("s", table.key[0]),
        notes=table.notes,
        severity=sql.Literal(rule_of(ANONYMISED).severity.value),
        entity=sql.Literal(table.entity),
        single=sql.Literal(len(table.key) == 1),
    )
    driver.execute(query)
    row = driver.execute(
        sql.SQL("select count(*) from {} where rule = %s").format(table.notes), [ANONYMISED]
    ).fetchone()
    _count(records, ANONYMISED, table.entity, row[0] if row else 0)


def _empty_references(driver: psycopg.Connection, table: FeedTable) -> None:
    """What stays may not name what is let go: references that it can do without are emptied,
    unless the tenant has what they name, which then is somebody else's by now."""
    for name, parent in table.info.references.items():
        if name not in table.fields or table.info.fields[name].must_hold_value:
            continue
        driver.execute(
            sql.SQL(
                """with emptied as (
                       update {staged} s set {field} = null from pg_temp.let_go g
                       where g.entity = {parent} and g.key = s.{field}::text
                         and g.rule <> {anonymised}
                         and not exists (select from {there} t where t.{key} = s.{field})
                       returning s._file, s._record, s._line)
                   insert into {notes} (_file, _record, _line, rule, severity, field, accepted)
                   select _file, _record, _line, {rule}, {severity}, {name}, {parent}
                   from emptied"""
            ).format(
                staged=table.staged,
                field=sql.Identifier(name),
                parent=sql.Literal(parent),
                there=sql.Identifier(table.tenant.schema, parent),
                key=sql.Identifier(ENTITIES[parent].key[0]),
                anonymised=sql.Literal(ANONYMISED),
                notes=table.notes,
                rule=sql.Literal(REFERENCE),
                severity=sql.Literal(rule_of(REFERENCE).severity.value),
                name=sql.Literal(name),
            )
        )


def _follow_rejected(driver: psycopg.Connection, entity: str) -> None:
    """Marks what was rejected of an entity before and belongs to somebody who is let go. What
    cannot be loaded cannot be anonymised either."""
    driver.execute(
        """update pg_temp.rejected_of r
           set rule = case g.rule when %(anonymised)s then %(expired)s else g.rule end
           from pg_temp.let_go g
           where r.entity = %(entity)s
             and g.entity = case when r.parent is null then r.entity else r.parent end
             and g.key = case when r.parent is null then r.own else r.parent_key end""",
        {"entity": entity, "anonymised": ANONYMISED, "expired": EXPIRED},
    )
    driver.execute(
        """insert into pg_temp.let_go
           select distinct on (own) rule, entity, own from pg_temp.rejected_of
           where entity = %(entity)s and rule is not null and own is not null
           on conflict do nothing""",
        {"entity": entity},
    )


def _strip(
    driver: psycopg.Connection,
    tenant: Tenant,
    migration: int,
    records: dict[str, dict[str, int]],
) -> None:
    """Takes the cells of what was marked out of the quarantine, and what is wrong with them."""
    quarantine = sql.Identifier(tenant.schema, QUARANTINE)
    issues = sql.Identifier(tenant.schema, ISSUES)
    of_marked = sql.SQL(
        """t.migration = %s and m.rule is not null and (t.entity, t.feed, t.file, t.record)
           = (m.entity, m.feed, m.file, m.record)"""
    )
    driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {quarantine} t using pg_temp.rejected_of m where {marked}
                   returning t.migration, t.entity, t.feed, t.file, t.record, t.line, t.amounts)
               insert into {quarantine} (migration, entity, feed, file, record, line, amounts)
               select * from gone"""
        ).format(quarantine=quarantine, marked=of_marked),
        [migration],
    )
    driver.execute(
        sql.SQL("delete from {} t using pg_temp.rejected_of m where {}").format(issues, of_marked),
        [migration],
    )
    driver.execute(
        sql.SQL(
            """insert into {issues} (migration, entity, feed, file, record, line, rule, severity,
                                     "column", field, found, accepted)
               select %s, t.entity, t.feed, t.file, t.record, t.line, m.rule, %s, '', '', '', ''
               from {quarantine} t join pg_temp.rejected_of m on {marked}"""
        ).format(issues=issues, quarantine=quarantine, marked=of_marked),
        [migration, rule_of(EXPIRED).severity.value, migration],
    )
    for rule, entity, count in driver.execute(
        """select rule, entity, count(*) from pg_temp.rejected_of
           where rule is not null group by 1, 2"""
    ).fetchall():
        _count(records, rule, entity, count)


def _count(records: dict[str, dict[str, int]], rule: str, entity: str, count: int) -> None:
    if count:
        of_rule = records.setdefault(rule, {})
        of_rule[entity] = of_rule.get(entity, 0) + count
