"""The way back to an older release: its ledger, and tenants' tables without newer columns.

An upgrade needs nobody's decision; going back may destroy what only the newer release could hold.
So what would be lost is counted first, and nothing is changed where anything would, unless that is
what was asked for. Everything happens in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import additions, ledger, tenants

_EMPTY = ("", "{}", "[]")


@dataclass(frozen=True)
class Loss:
    """What an older release has no place for.

    Attributes:
        table: its name, without schema.
        column: "" where the whole table goes.
        rows: how many hold something there.
    """

    table: str
    column: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table}{'.' if self.column else ''}{self.column} ({self.rows} rows)"


def downgrade(
    engine: Engine,
    revision: str,
    *,
    discard: bool = False,
    without: Sequence[tuple[str, str]] = (),
) -> tuple[Loss, ...]:
    """Takes the ledger back to an older version; returns what was given up for it.

    Args:
        revision: e.g. ``0008``: what the older release calls its own (``ispmig platform version``).
        discard: give up what that version has no place for, instead of refusing.
        without: entity and field: empty columns that all tenants' tables are to lose.

    Raises:
        UsageError: there is no such older version, a migration is running, or something would be
            lost; what is in the audit trail is never given up. Nothing was changed.
    """
    from alembic import command

    for entity, field in without:
        _check_removable(entity, field)
    with ledger.changing(engine) as (connection, config):
        _check_older(ledger.version(connection), revision)
        _check_idle(connection)
        with connection.begin_nested() as trial:
            before = _columns(connection)
            command.downgrade(config, revision)
            after = _columns(connection)
            trial.rollback()
        losses = _losses(connection, before, after)
        if any(
            loss.table == ledger.data_migration_logs.name and not loss.column for loss in losses
        ):
            raise UsageError(
                f"Version {revision} of the ledger has no audit trail, and the entries in it are "
                "never given up. Nothing was changed. Take the ledger back to 0002 at most."
            )
        if losses and not discard:
            raise UsageError(
                f"Version {revision} of the ledger has no place for what stands in: "
                f"{', '.join(map(str, losses))}. Nothing was changed. Back the ledger up "
                "(deploy/README.md says how), and say --discard to give it up."
            )
        _remove_from_all(connection, without)
        command.downgrade(config, revision)
    return losses


def _check_older(found: str | None, revision: str) -> None:
    known = ledger.revisions()
    if found not in known or revision not in known or known.index(revision) >= known.index(found):
        older = known[: known.index(found)] if found in known else ()
        raise UsageError(
            f"The ledger is of version {found or 'none'}, and cannot be taken back to "
            f"{revision[:20]!r}. Older versions are: {', '.join(older) or 'none'}."
        )


def _check_idle(connection: Connection) -> None:
    running = connection.execute(
        # Also from an older version, which lacks columns: only these.
        sa.select(ledger.data_migrations.c.id, ledger.data_migrations.c.tenant)
        .where(ledger.data_migrations.c.state == ledger.State.RUNNING)
        .order_by(ledger.data_migrations.c.id)
    ).all()
    if running:
        named = ", ".join(f"{row.id} of {row.tenant}" for row in running[:5])
        raise UsageError(
            f"{len(running)} migrations stand as running: {named}. Stop them (ispmig cancel "
            "--all), or let them end, or let the job janitor close those whose processes have "
            "died; then take the ledger back."
        )


def _columns(connection: Connection) -> dict[str, set[str]]:
    """Table → its columns, as they are now."""
    there = sa.inspect(connection)
    return {
        table: {column["name"] for column in there.get_columns(table, schema=ledger.SCHEMA)}
        for table in there.get_table_names(schema=ledger.SCHEMA)
    }


def _losses(
    connection: Connection, before: Mapping[str, set[str]], after: Mapping[str, set[str]]
) -> tuple[Loss, ...]:
    going = [
        (table, column)
        for table in sorted(before)
        # The whole table, or those of its columns that are gone.
        for column in (sorted(before[table] - after[table]) if table in after else [""])
    ]
    losses = [Loss(table, column, _rows(connection, table, column)) for table, column in going]
    return tuple(loss for loss in losses if loss.rows)


def _rows(connection: Connection, table: str, column: str) -> int:
    counted = sa.select(sa.func.count()).select_from(sa.table(table, schema=ledger.SCHEMA))
    if column:
        text = sa.cast(sa.column(column), sa.Text)
        counted = counted.where(text.is_not(None), text.not_in(_EMPTY))
    return connection.execute(counted).scalar_one()


def remove_columns(
    driver: psycopg.Connection, schema: str, fields: Mapping[str, Sequence[str]]
) -> None:
    """Takes away, in the current transaction, columns that a newer release added to a tenant's
    tables and that nothing was written into.

    A release that does not know them works with them all the same: they may be empty. It is for
    those who want the very tables that they had.

    Args:
        fields: entity → fields that are no part of its key.

    Raises:
        UsageError: there is no such field, or something is in it. Nothing was changed.
        psycopg.errors.LockNotAvailable: somebody works on a table for longer than
            :data:`.additions.LOCK_TIMEOUT`.
    """
    driver.execute(
        sql.SQL("set local lock_timeout = {}").format(sql.Literal(additions.LOCK_TIMEOUT))
    )
    for entity, names in fields.items():
        for name in names:
            _check_removable(entity, name)
            table, column = sql.Identifier(schema, entity), sql.Identifier(name)
            driver.execute(sql.SQL("lock table {} in access exclusive mode").format(table))
            found = driver.execute(
                sql.SQL("select exists (select from {} where {} is not null)").format(table, column)
            ).fetchone()
            if found and found[0]:
                raise UsageError(
                    f"The column {name} of {schema}.{entity} is not empty, and an older release "
                    "has no place for what is in it. Nothing was changed. Leave the column: an "
                    "older release works with it. Or set the tenant back to a snapshot."
                )
            driver.execute(sql.SQL("alter table {} drop column {}").format(table, column))


def _remove_from_all(connection: Connection, without: Sequence[tuple[str, str]]) -> None:
    if not without:
        return
    driver = tenants.raw(connection)
    for slug in tenants.slugs(connection):
        lacking = tenants.lacks(connection, slug)
        going: dict[str, list[str]] = {}
        for entity, field in without:
            if field not in lacking.get(entity, ()):
                going.setdefault(entity, []).append(field)
        remove_columns(driver, tenants.describe(slug, driver.info.dbname).schema, going)


def _check_removable(entity: str, name: str) -> None:
    info = ENTITIES.get(entity)
    if info is None or name not in info.fields or name in info.key:
        raise UsageError(
            f"{entity[:40]}.{name[:40]} cannot be taken away: name a field of an entity that is no "
            "part of its key, as docs/entities.md has them: customer.language"
        )
