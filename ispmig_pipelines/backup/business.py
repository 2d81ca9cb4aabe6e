"""Business totals of a tenant: balances, open invoices, active services; summed twice, by the same
definitions: by PostgreSQL over a schema, and by Arrow over the pieces of a snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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


def told_of_schema(driver: psycopg.Connection, tenant: Tenant) -> dict[str, str]:
    """What :meth:`Totals.told` tells of a tenant's schema, in a third of the time; nothing where
    :func:`of_schema` knows nothing."""
    try:
        with driver.transaction():
            amounts = status_totals.open_amounts(driver, tenant)
            row = driver.execute(
                sql.SQL("select count(*) from {} where status = %s").format(
                    sql.Identifier(tenant.schema, SERVICE)
                ),
                [ACTIVE],
            ).fetchone()
    except _OTHER_TABLES:
        return {}
    return _told(amounts, row[0] if row else 0)


_OTHER_TABLES = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)
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
    except _OTHER_TABLES:
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
