"""The ledger's tables of drops: what was seen, what became of it, and what still lies there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from ispmig_pipelines.drop.names import shown
from ispmig_pipelines.drop.rules import DropRule
from ispmig_pipelines.drop.sets import DropSet, Lying
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger

_LOCK_SPACE = 0x64_72_6F_70  # "drop"


class State(StrEnum):
    """How far a drop has come."""

    SEEN = "seen"  # it is about to be claimed; some of its files may be
    CLAIMED = "claimed"  # nobody else takes its files
    READY = "ready"  # its content is known, and a run is to begin
    LAUNCHED = "launched"  # there is a run of it
    ENDING = "ending"  # where its files are to go is settled; some may be there
    DONE = "done"
    DUPLICATE = "duplicate"  # its content was migrated before
    FAILED = "failed"
    REVIEW = "review"  # there is no spec for it
    GONE = "gone"  # somebody took its files away before they were claimed
    RETRIED = "retried"  # its files were put back


OPEN = (State.SEEN, State.CLAIMED, State.READY, State.LAUNCHED, State.ENDING)


@dataclass(frozen=True)
class Drop:
    """One row: files that were dropped together.

    Attributes:
        files: ``{"name", "bytes", "stamp", "role", "sha256"}``; role: file, manifest or marker.
            Of a file of a manifest also ``expected_bytes`` and ``expected_sha256``.
        content: what the files are known by, whatever they are called.
        rule: that it was taken for; None: none.
        attempt: of launching it.
        ending: ``{"state", "folder", "names", "report", "why"}``; before it is settled
            ``{"failure"}`` where it is known that it will fail.
        why: in words, what it waits for or how it ended.
    """

    id: int
    tenant: str
    state: State
    place: str
    files: list[dict[str, Any]]
    content: str | None
    rule: DropRule | None
    closed_by: str
    attempt: int
    run_id: str | None
    migration: int | None
    ending: dict[str, Any] | None
    why: str
    seen_at: dt.datetime
    changed_at: dt.datetime

    @property
    def data(self) -> list[dict[str, Any]]:
        """Its files without manifests and markers."""
        return [one for one in self.files if one["role"] == "file"]

    @property
    def title(self) -> str:
        """The name by which people know it."""
        return str((self.data or self.files)[0]["name"])

    @property
    def tag(self) -> str:
        """What its run's tag says."""
        return f"{self.id}.{self.attempt}"

    @property
    def run_key(self) -> str:
        """By which Dagster launches it once."""
        return f"drop:{self.tenant}:{(self.content or '')[:32]}:{self.tag}"

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "drop": self.id,
            "tenant": self.tenant,
            "state": self.state.value,
            "files": [
                {k: one.get(k) for k in ("name", "bytes", "role", "sha256")} for one in self.files
            ],
            "content": self.content,
            "rule": self.rule.name if self.rule else None,
            "spec_sha256": self.rule.sha256 if self.rule else None,
            "closed_by": self.closed_by,
            "dagster_run_id": self.run_id,
            "migration_id": self.migration,
            "lies_in": (self.ending or {}).get("folder"),
            "names": (self.ending or {}).get("names"),
            "why": self.why,
            "seen_at": self.seen_at.isoformat(),
            "changed_at": self.changed_at.isoformat(),
        }


def content_of(digests: Iterable[str]) -> str:
    """What files are known by: their own digests, in no order, whatever they are called."""
    return sha256("\n".join(sorted(digests)).encode()).hexdigest()


def enter(connection: Connection, tenant: str, place: str, found: DropSet) -> int:
    """Enters a set as seen, in a transaction of its own: before it is touched."""
    files = [
        {"name": one.name, "bytes": one.size, "stamp": one.stamp, "role": "file"}
        | _expected(found, one)
        for one in found.files
    ]
    files += [
        {"name": one.name, "bytes": one.size, "stamp": one.stamp, "role": one.kind.value}
        for one in found.besides
    ]
    now = ledger.now()
    taken = ledger.drop_sightings
    with connection.begin():
        connection.execute(
            sa.delete(taken).where(
                taken.c.tenant == tenant,
                taken.c.name.in_([shown(one.name) for one in (*found.files, *found.besides)]),
            )
        )
        return connection.execute(
            sa.insert(ledger.drops)
            .values(
                tenant=tenant,
                state=State.SEEN,
                place=place,
                files=files,
                rule=found.rule.as_json() if found.rule else sa.null(),
                closed_by=found.closed_by,
                attempt=1,
                ending={"failure": found.failure} if found.failure else sa.null(),
                why="",
                seen_at=now,
                changed_at=now,
            )
            .returning(ledger.drops.c.id)
        ).scalar_one()


def _expected(found: DropSet, one: Lying) -> dict[str, Any]:
    listed = found.expected.get(one.name)
    if listed is None:
        return {}
    return {"expected_bytes": listed.bytes, "expected_sha256": listed.sha256}


def update(connection: Connection, drop: int, **values: Any) -> Drop:
    """Writes values into a row, in a transaction of its own; returns the row."""
    with connection.begin():
        row = connection.execute(
            sa.update(ledger.drops)
            .where(ledger.drops.c.id == drop)
            .values(**values, changed_at=ledger.now())
            .returning(*ledger.drops.c)
        ).one()
    return _read(row)


def get(connection: Connection, tenant: str, drop: int) -> Drop:
    """One drop of a tenant.

    Raises:
        UsageError: there is none.
    """
    asked = sa.select(ledger.drops).where(ledger.drops.c.id == drop)
    with connection.begin():
        row = connection.execute(asked.where(ledger.drops.c.tenant == tenant)).one_or_none()
    if row is None:
        raise UsageError(
            f"Tenant {tenant} has no drop {drop}. List them with: ispmig drop list {tenant}"
        )
    return _read(row)


def of_tenant(
    connection: Connection, tenant: str, states: Collection[State] = (), *, most: int | None = None
) -> list[Drop]:
    """A tenant's drops, the newest first."""
    asked = sa.select(ledger.drops).where(ledger.drops.c.tenant == tenant)
    if states:
        asked = asked.where(ledger.drops.c.state.in_(list(states)))
    with connection.begin():
        rows = connection.execute(asked.order_by(ledger.drops.c.id.desc()).limit(most)).all()
    return [_read(row) for row in rows]


def under_way(connection: Connection, tenant: str) -> int:
    """How many drops of a tenant have not ended, in the current transaction."""
    asked = sa.select(sa.func.count()).where(
        ledger.drops.c.tenant == tenant, ledger.drops.c.state.in_(list(OPEN))
    )
    return int(connection.execute(asked).scalar_one())


def ready(connection: Connection, most: int) -> list[Drop]:
    """Drops of all tenants for which a run is to begin, the oldest of each tenant first, and a
    tenant with many holds up no other."""
    drops = ledger.drops
    place = sa.func.row_number().over(partition_by=drops.c.tenant, order_by=drops.c.id)
    ranked = (
        sa.select(*drops.c, place.label("place_in_line"))
        .where(drops.c.state == State.READY, drops.c.tenant.in_(sa.select(ledger.tenants.c.slug)))
        .subquery()
    )
    asked = (
        sa.select(*(ranked.c[c.name] for c in drops.c))
        .order_by(ranked.c.place_in_line, ranked.c.id)
        .limit(most)
    )
    with connection.begin():
        return [_read(row) for row in connection.execute(asked)]


def same_content(connection: Connection, one: Drop) -> list[Drop]:
    """Other drops of the tenant with the same content, the newest first."""
    drops = ledger.drops
    asked = sa.select(drops).where(
        drops.c.tenant == one.tenant, drops.c.content == one.content, drops.c.id != one.id
    )
    with connection.begin():
        return [_read(row) for row in connection.execute(asked.order_by(drops.c.id.desc()))]


@dataclass(frozen=True)
class Sighting:
    """What lies in a drop place and is not taken yet.

    Attributes:
        since: since when it is seen unchanged.
        why: why it is not taken.
    """

    name: str
    bytes: int
    stamp: str
    since: dt.datetime
    why: str


def sightings(connection: Connection, tenant: str) -> dict[str, Sighting]:
    """What a tenant's drop place held when it was last looked into; by the name as shown."""
    table = ledger.drop_sightings
    asked = sa.select(table).where(table.c.tenant == tenant).order_by(table.c.name)
    with connection.begin():
        rows = connection.execute(asked).all()
    return {row.name: Sighting(row.name, row.bytes, row.stamp, row.since, row.why) for row in rows}


def keep_sightings(
    connection: Connection,
    tenant: str,
    lying: Sequence[Lying],
    since: Mapping[str, dt.datetime],
    why: Mapping[str, str],
) -> None:
    """Replaces them by what lies there now.

    Args:
        since: name as shown → since when it is unchanged.
        why: name → why it is not taken.
    """
    table = ledger.drop_sightings
    rows = {
        shown(one.name): {
            "tenant": tenant,
            "name": shown(one.name),
            "bytes": one.size,
            "stamp": one.stamp,
            "since": since[shown(one.name)],
            "why": why.get(one.name, ""),
        }
        for one in lying
    }
    with connection.begin():
        connection.execute(
            sa.text(
                """delete from ispmig.drop_sightings
                   where tenant = :tenant and not name = any(cast(:names as text[]))"""
            ),
            {"tenant": tenant, "names": list(rows)},
        )
        if rows:
            statement = insert(table)
            updated = {k: statement.excluded[k] for k in ("bytes", "stamp", "since", "why")}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["tenant", "name"], set_=updated),
                list(rows.values()),
            )


@contextmanager
def alone(connection: Connection, tenant: str) -> Iterator[bool]:
    """Whether nobody else is at the tenant's drop place, and then nobody is for the block. The
    lock ends with its session."""
    key = int.from_bytes(sha256(tenant.encode()).digest()[:4], "big", signed=True)
    arguments = (sa.literal(_LOCK_SPACE, sa.Integer), sa.literal(key, sa.Integer))
    with connection.begin():
        mine = connection.execute(sa.select(sa.func.pg_try_advisory_lock(*arguments))).scalar()
    try:
        yield bool(mine)
    finally:
        if mine and not connection.closed and not connection.invalidated:
            connection.rollback()
            with connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_unlock(*arguments)))


def _read(row: sa.Row[Any]) -> Drop:
    values = dict(row._mapping)
    values["state"] = State(values["state"])
    values["rule"] = DropRule(**values["rule"]) if values["rule"] else None
    return Drop(**values)
