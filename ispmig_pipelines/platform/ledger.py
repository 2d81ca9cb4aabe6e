"""The ledger: every tenant and every migration, in the schema ``ispmig``.

The tables are made and changed by Alembic (``ledger_versions/``); what is written here is
how the rest of the house reads and writes them. Nothing in the ledger holds a cell of a
tenant's data: counts, sums, digests and names of files only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.errors import DatabaseError, UsageError
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = "ispmig"
VERSION = "0009"
"""The revision this code works with: the newest in ``ledger_versions/``."""

_LOCK = 0x69_73_70_6D_6C_65_64  # "ispmled": the advisory lock around upgrades

metadata = sa.MetaData(schema=SCHEMA)

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("slug", sa.Text, primary_key=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # Made when the tenant is first masked; it leaves the ledger for nobody but the masking.
    sa.Column("mask_key", sa.LargeBinary),
    sa.Column("settings", JSONB, nullable=False, server_default=sa.text("'{}'")),
)

data_migrations = sa.Table(
    "data_migrations",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("on_conflict", sa.Text, nullable=False),
    sa.Column("spec_name", sa.Text, nullable=False),
    sa.Column("spec_path", sa.Text, nullable=False),
    sa.Column("spec_text", sa.Text, nullable=False),
    sa.Column("spec_digest", sa.Text, nullable=False),
    sa.Column("dagster_run_id", sa.Text, nullable=False, index=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    sa.Column("files", JSONB, nullable=False),
    sa.Column("plugins", JSONB, nullable=False),
    sa.Column("entities", JSONB, nullable=False),
    sa.Column("totals", JSONB, nullable=False),
    sa.Column("issues", JSONB, nullable=False),
    sa.Column("findings", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("settled", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("seconds", sa.Float),
    sa.Column("rows_per_second", sa.Float),
    sa.Column("peak_rss_mb", sa.Float),
    sa.Column("error", sa.Text),
    sa.Column("origin", sa.BigInteger),
    sa.Column("rolled_back_by", sa.BigInteger),
    sa.Column("restore_point_expired_at", sa.DateTime(timezone=True)),
)

rollbacks = sa.Table(
    "rollbacks",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False, index=True),
    sa.Column("migrations", JSONB, nullable=False),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    sa.Column("forced", sa.Boolean, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("dagster_run_id", sa.Text, nullable=False, index=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("result", JSONB, nullable=False),
    sa.Column("content", sa.Text),
)
"""See :mod:`ispmig_pipelines.platform.rollback`."""

data_migration_logs = sa.Table(
    "data_migration_logs",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("tenant", sa.Text, nullable=False, index=True),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("dagster_run_id", sa.Text, nullable=False, index=True),
    sa.Column("details", JSONB, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("previous", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant", "position", name="data_migration_logs_place"),
)
"""The audit trail; see :mod:`ispmig_pipelines.platform.trail`."""

audit_heads = sa.Table(
    "audit_heads",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)
"""The newest entry of each chain; its row's lock is the order of a tenant's entries."""

drops = sa.Table(
    "drops",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("files", JSONB, nullable=False),
    sa.Column("content", sa.Text, index=True),
    sa.Column("rule", JSONB),
    sa.Column("closed_by", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("migration", sa.BigInteger),
    sa.Column("ending", JSONB),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
)
"""Files that were dropped for tenants; see :mod:`ispmig_pipelines.drop.records`."""

drop_sightings = sa.Table(
    "drop_sightings",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("stamp", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)
"""What lies in drop places and was not taken yet, and since when it has not changed."""

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("uid", sa.Text, nullable=False, unique=True),
    sa.Column("event", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("counts", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("collapsed_into", sa.BigInteger, index=True),
    sa.Index("alerts_same", "kind", "tenant", "subject", "code"),
)
"""What somebody has to know; see :mod:`ispmig_pipelines.alerting.outbox`."""

alert_deliveries = sa.Table(
    "alert_deliveries",
    metadata,
    sa.Column("alert", sa.BigInteger, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try", sa.DateTime(timezone=True), nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["alert"], ["ispmig.alerts.id"], ondelete="CASCADE"),
)
"""To whom each is sent, and whether it was."""


COUNTS = ("read", "inserted", "updated", "unchanged", "quarantined", "repeated")
"""Counts of an entity, in the order in which people read them."""


class State(StrEnum):
    """Where a migration stands."""

    RUNNING = "running"  # nothing of it is in the tenant's tables
    PUBLISHED = "published"  # committed; the audit has not passed yet
    DONE = "done"  # committed and audited
    CHECKED = "checked"  # a dry run that came to its end
    FAILED = "failed"  # nothing of it is in the tenant's tables
    UNDONE = "undone"  # it was published, and taken back
    PARTLY_UNDONE = "partly undone"  # taken back but for rows that others changed since


FINAL = frozenset({State.DONE, State.CHECKED, State.FAILED, State.UNDONE, State.PARTLY_UNDONE})


@dataclass(frozen=True)
class Migration:
    """One row of the ledger.

    Attributes:
        files: the source files in order: ``{"source", "path", "table", "sha256", "bytes"}``;
            a row's provenance column ``_file`` is a position in this list.
        plugins: module of a function that the spec calls → SHA-256 of the file that ran.
        entities: entity → ``{"read", "inserted", "updated", "unchanged", "quarantined"}``
            and ``repeated``, the part of ``unchanged`` that repeats another record.
        totals: ``entity.field`` → currency → ``{"source", "loaded", "quarantined",
            "unreadable"}``, amounts as text.
        issues: entity → rule → number of records.
        findings: what compliance found, by its kind (``cards``, ``personal``, ``retention``);
            ``cards``: ``{"source", "column", "cells", "records", "masked", "allowed", …}`` of
            each column in which card numbers were found, never one of the numbers.
        settled: what its sources settled, so that records that are sent in again are read alike;
            see :mod:`ispmig_pipelines.defs.tenant_migration.settled`.
        origin: of a resubmission: the migration whose quarantine its records come from.
        rolled_back_by: the newest rollback that took it back, or a part of it.
        restore_point_expired_at: since when it cannot be rolled back any more.
    """

    id: int
    tenant: str
    state: State
    mode: str
    on_conflict: str
    spec_name: str
    spec_path: str
    spec_text: str
    spec_digest: str
    dagster_run_id: str
    actor: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    files: list[dict[str, Any]]
    plugins: dict[str, str]
    entities: dict[str, dict[str, int]]
    totals: dict[str, dict[str, dict[str, Any]]]
    issues: dict[str, Any]
    findings: dict[str, Any]
    settled: dict[str, Any]
    seconds: float | None
    rows_per_second: float | None
    peak_rss_mb: float | None
    error: str | None
    origin: int | None = None
    rolled_back_by: int | None = None
    restore_point_expired_at: dt.datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The migration as the command line prints it, without the spec's text."""
        return {
            "migration_id": self.id,
            "tenant": self.tenant,
            "state": self.state.value,
            "mode": self.mode,
            "origin": self.origin,
            "on_conflict": self.on_conflict,
            "spec": {
                "name": self.spec_name,
                "path": self.spec_path,
                "sha256": self.spec_digest,
            },
            "dagster_run_id": self.dagster_run_id,
            "actor": self.actor,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "files": self.files,
            "plugins": self.plugins,
            "entities": self.entities,
            "totals": self.totals,
            "issues": self.issues,
            "findings": self.findings,
            "seconds": self.seconds,
            "rows_per_second": self.rows_per_second,
            "peak_rss_mb": self.peak_rss_mb,
            "error": self.error,
            "rolled_back_by": self.rolled_back_by,
        }


def prepare(engine: Engine) -> None:
    """Makes or upgrades the ledger's tables; cheap when there is nothing to do.

    Raises:
        DatabaseError: they are of a newer release than this one.
    """
    with engine.connect() as connection:
        if version(connection) == VERSION:
            return
    # Alembic is slow to import, and needed once in the life of an installation.
    from alembic import command

    with changing(engine) as (connection, config):
        if (found := version(connection)) not in (None, *revisions()):
            raise DatabaseError(
                f"The ledger is of version {found}, which a newer release made; this one knows "
                f"{VERSION} and older. Run the newer release, or take the ledger back with it: "
                f"ispmig platform downgrade {VERSION}"
            )
        connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        command.upgrade(config, "head")


@contextmanager
def changing(engine: Engine) -> Iterator[tuple[Connection, Config]]:
    """One transaction in which the ledger's tables are changed, by one process at a time; and what
    Alembic's commands are given for it."""
    config = _versions()
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        yield connection, config


def revisions() -> tuple[str, ...]:
    """The versions of the ledger that this release knows, the oldest first."""
    from alembic.script import ScriptDirectory

    known = ScriptDirectory.from_config(_versions()).walk_revisions()
    return tuple(script.revision for script in known)[::-1]


def _versions() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "ledger_versions"))
    return config


def version(connection: Connection) -> str | None:
    """The version that the ledger's tables are of; None where there are none."""
    table = f"{SCHEMA}.alembic_version"
    if connection.execute(sa.select(sa.func.to_regclass(table))).scalar() is None:
        return None
    said = sa.table("alembic_version", sa.column("version_num"), schema=SCHEMA)
    return connection.execute(sa.select(said.c.version_num)).scalar()


def now() -> dt.datetime:
    """This moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def open_migration(connection: Connection, **values: Any) -> int:
    """Enters a migration as running; returns its id.

    ``values``: tenant, mode, on_conflict, spec_name, spec_path, spec_text, spec_digest,
    dagster_run_id and actor.
    """
    row = {
        "state": State.RUNNING,
        "started_at": now(),
        "files": [],
        "plugins": {},
        "entities": {},
        "totals": {},
        "issues": {},
        "findings": {},
        "settled": {},
    }
    statement = sa.insert(data_migrations).values(**row, **values).returning(data_migrations.c.id)
    return connection.execute(statement).scalar_one()


def update_migration(connection: Connection, migration: int, **values: Any) -> None:
    """Writes ``values`` into the migration's row; a final state also sets when it ended."""
    if values.get("state") in FINAL:
        values.setdefault("finished_at", now())
    connection.execute(
        sa.update(data_migrations).where(data_migrations.c.id == migration).values(**values)
    )


def add_findings(connection: Connection, migration: int, found: Mapping[str, Any]) -> None:
    """Adds to what compliance found in a migration; what is there of the same kind is replaced."""
    if found:
        column = data_migrations.c.findings
        connection.execute(
            sa.update(data_migrations)
            .where(data_migrations.c.id == migration)
            .values(findings=column.op("||")(sa.cast(dict(found), JSONB)))
        )


def publish_migration(connection: Connection, migration: int, **values: Any) -> None:
    """Marks a running migration as published, in the transaction that publishes it.

    Raises:
        DatabaseError: it is not running any more: another run took it for dead, or it is published
            already, by a connection that was lost while it committed. Whoever tries again finds
            out which.
    """
    statement = (
        sa.update(data_migrations)
        .where(data_migrations.c.id == migration, data_migrations.c.state == State.RUNNING)
        .values(state=State.PUBLISHED, **values)
    )
    if connection.execute(statement).rowcount != 1:
        raise DatabaseError(
            f"Migration {migration} is not running any more: its connection was lost, and another "
            "run of the tenant has begun. Nothing was loaded by this one; migrate again.",
            transient=True,
        )


def close_abandoned(connection: Connection, tenant: str) -> list[int]:
    """Marks as failed what still stands as running; returns the ids.

    To be called while holding the tenant's lock: then nobody is running, and whoever was has
    died. Nothing of theirs is published, because publishing changes the state with it.
    """
    table = data_migrations
    statement = (
        sa.update(table)
        .where(table.c.tenant == tenant, table.c.state == State.RUNNING)
        .values(
            state=State.FAILED,
            finished_at=now(),
            error="Its process died. Nothing of it was loaded; migrate again.",
        )
        .returning(table.c.id)
    )
    return list(connection.execute(statement).scalars())


def migration(connection: Connection, migration_id: int, *, to_change: bool = False) -> Migration:
    """One migration.

    Args:
        to_change: nobody else changes it before the end of the transaction, so what is decided
            by its state holds.

    Raises:
        UsageError: there is none with this id.
    """
    asked = sa.select(data_migrations).where(data_migrations.c.id == migration_id)
    row = connection.execute(asked.with_for_update() if to_change else asked).one_or_none()
    if row is None:
        raise UsageError(
            f"There is no migration {migration_id}. List a tenant's with: ispmig migrations TENANT"
        )
    return _read(row)


def migrations(connection: Connection, tenant: str) -> list[Migration]:
    """A tenant's migrations, the newest first."""
    rows = connection.execute(
        sa.select(data_migrations)
        .where(data_migrations.c.tenant == tenant)
        .order_by(data_migrations.c.id.desc())
    )
    return [_read(row) for row in rows]


def migration_of_run(connection: Connection, dagster_run_id: str) -> Migration | None:
    """The migration that a Dagster run made or continued, if any."""
    row = connection.execute(
        sa.select(data_migrations)
        .where(data_migrations.c.dagster_run_id == dagster_run_id)
        .order_by(data_migrations.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _read(row)


def _read(row: sa.Row[Any]) -> Migration:
    values = dict(row._mapping)
    values["state"] = State(values["state"])
    # jsonb forgets the order of keys; people read in the order of the model.
    values["entities"] = {
        name: {count: counts.get(count, 0) for count in COUNTS}
        for name, counts in _ordered(values["entities"]).items()
    }
    values["totals"] = _ordered(values["totals"])
    values["issues"] = _ordered(values["issues"])
    return Migration(**values)


def _ordered(by_entity: dict[str, Any]) -> dict[str, Any]:
    """The same, in the order of the model; keys are ``entity`` or ``entity.field``."""
    places = {
        name: (place, list(info.fields)) for place, (name, info) in enumerate(ENTITIES.items())
    }

    def place(key: str) -> tuple[int, int]:
        entity, _, field = key.partition(".")
        at, fields = places.get(entity, (len(places), []))
        return at, fields.index(field) if field in fields else -1

    return {key: by_entity[key] for key in sorted(by_entity, key=place)}
