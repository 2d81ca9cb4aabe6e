"""Business totals of a tenant: balances, open invoices, active services; summed twice, by the same
definitions: by PostgreSQL over a schema, and by Arrow over the pieces of a snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore.rows import rows_of
from ispmig_pipelines.platform import status_totals
from ispmig_pipelines.platform.status_totals import Measure, StatusTotals, Sum
from ispmig_pipelines.platform.tenants import Tenant

SUMMED = ("customer", "invoice")
SERVICE = "service"
ACTIVE = "active"


@dataclass
class Totals:
    """Totals of the business.

    Attributes:
        money: by measure, currency and status.
        services: by status; "" for none.
    """

    money: StatusTotals = field(default_factory=StatusTotals)
    services: Counter[str] = field(default_factory=Counter)

    def differing(self, other: Totals) -> list[str]:
        """Names of totals that are others there."""
        sums, others = self.money.sums, other.money.sums
        found = {
            " ".join((measure.value, currency, status)).strip()
            for measure, currency, status in sums.keys() | others.keys()
            if sums.get((measure, currency, status)) != others.get((measure, currency, status))
        }
        for status in self.services.keys() | other.services.keys():
            if self.services[status] != other.services[status]:
                found.add(f"services {status}".strip())
        return sorted(found)

    def told(self) -> dict[str, str]:
        """The few that people know by heart: name → exact number as text."""
        by_currency: dict[tuple[Measure, str], Sum] = {}
        for (measure, currency, _), one in self.money.sums.items():
            by_currency.setdefault((measure, currency), Sum()).add(one)
        return _told(by_currency, self.services[ACTIVE])


def _told(sums: Mapping[tuple[Measure, str], Sum], active: int) -> dict[str, str]:
    names = {Measure.BALANCE: "balances", Measure.UNPAID: "unpaid"}
    unpaid = sum(one.records for (measure, _), one in sums.items() if measure is Measure.UNPAID)
    return {
        "active services": str(active),
        "open invoices": str(unpaid),
        **{
            f"{names[measure]} {currency}": format(one.amount, "f")
            for (measure, currency), one in sorted(sums.items())
            if measure in names
        },
    }


@dataclass(frozen=True)
class Question:
    """What is to be known of a table's rows (alias ``t``) for :func:`told`.

    Attributes:
        group: what the rows are grouped by.
        count, amount: of each group.
    """

    group: sql.Composable
    count: sql.Composable
    amount: sql.Composable


Answer = Sequence[tuple[str, int, Decimal | None]]
"""Of each group: its value, count and amount."""

QUESTIONS: Mapping[str, Question] = {
    **{
        entity: Question(
            status_totals.CURRENCY,
            sql.SQL("count({})").format(open_),
            sql.SQL("sum({})").format(open_),
        )
        for entity, (_, open_) in status_totals.OPEN.items()
    },
    SERVICE: Question(sql.SQL("coalesce(t.status, '')"), sql.SQL("count(*)"), sql.SQL("null")),
}


def told(answers: Mapping[str, Answer]) -> dict[str, str]:
    """What :meth:`Totals.told` tells, of answers to all :data:`QUESTIONS`."""
    amounts = {
        (measure, currency): Sum(count, amount)
        for entity, (measure, _) in status_totals.OPEN.items()
        for currency, count, amount in answers[entity]
        if count and amount is not None
    }
    services = {status: count for status, count, _ in answers[SERVICE]}
    return _told(amounts, services.get(ACTIVE, 0))


def answer(driver: psycopg.Connection, tenant: Tenant, entity: str) -> Answer | None:
    """The server's answer to one of :data:`QUESTIONS`, in the current transaction; None where it
    cannot be asked, as in :func:`of_schema`."""
    asked = QUESTIONS[entity]
    try:
        with driver.transaction():
            return driver.execute(
                sql.SQL("select {}, {}, {} from {} t group by 1").format(
                    asked.group, asked.count, asked.amount, sql.Identifier(tenant.schema, entity)
                )
            ).fetchall()
    except OTHER_TABLES:
        return None


OTHER_TABLES = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)
"""Columns are gone, or of other types, or not for us to read."""


def of_schema(driver: psycopg.Connection, tenant: Tenant, schema: str) -> Totals | None:
    """Totals of what lies in a schema, in the current transaction; None where its tables are not
    those of the model (any more), or row security would hide rows."""
    there = replace(tenant, schema=schema)
    try:
        with driver.transaction():
            money = status_totals.of_tenant(driver, there)
            services = driver.execute(
                sql.SQL("select coalesce(status, ''), count(*) from {} group by 1").format(
                    sql.Identifier(schema, SERVICE)
                )
            ).fetchall()
    except OTHER_TABLES:
        return None
    return Totals(money, Counter(dict(services)))


def of_pieces(repository: Repository, manifest: Manifest) -> Totals | None:
    """Totals of what the pieces of a snapshot hold; None where a column holds what has no sum.

    Raises:
        BackupDamaged, BackupError, StorageError: see :func:`.restore.rows.rows_of`.
    """
    found = Totals()
    try:
        for name in SUMMED:
            if (table := manifest.table(name)) is not None:
                for batch in rows_of(repository, table):
                    found.money.add(status_totals.of_batch(name, batch))
    except pa.ArrowException:
        return None
    if (table := manifest.table(SERVICE)) is not None and table.rows:
        for batch in rows_of(repository, table):
            if "status" in batch.schema.names:
                counts = pc.value_counts(pc.fill_null(batch.column("status"), ""))
                for one in counts.to_pylist():
                    found.services[one["values"]] += one["counts"]
    return found
