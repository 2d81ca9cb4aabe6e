"""The outbox: every alert in the ledger, and of each channel whether it has been told.

An event is noted once, by what it is known by (``event``, which is unique). One that says the same
as an earlier one (kind, tenant, subject and code) within a time is noted too, and collapses into
that one: it is counted, and nobody is told anew.

What is sent is sent *at least once*: who dies between sending and noting that it was sent, sends it
again. The alert's ``uid`` tells receivers that it is the same one.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.alerting.alert import Alert, Kind
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.ledger import alert_deliveries, alerts

KEPT = dt.timedelta(days=90)
"""How long alerts stay."""

GIVEN_UP = dt.timedelta(days=7)
"""After so long a receiver is told no more of an alert."""

FIRST_PAUSE = 30.0
LONGEST_PAUSE = 3600.0
"""Seconds between tries: twice as long after each, up to an hour."""

_NOTING = 0x61_6C_65_72  # "aler"
_SENDING = 0x61_6C_65_73


class State(StrEnum):
    """Where an alert stands with a channel."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Noted:
    """An alert of the outbox.

    Attributes:
        uid: by which receivers know it.
        repeated: events that said the same since the channel was last told of such a one.
    """

    id: int
    uid: str
    alert: Alert
    tries: int
    repeated: int


def note(
    connection: Connection,
    alert: Alert,
    channels: Sequence[str],
    *,
    repeat_after: dt.timedelta,
    now: dt.datetime,
) -> bool:
    """Notes an alert, once per event; whether it was new and somebody is to be told.

    Args:
        connection: in a transaction, with which the note stands or falls.
        channels: names of those that are to be told.
        repeat_after: for how long what says the same is only counted.
    """
    # Two that note the same at once would both find nothing to collapse into.
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NOTING)))
    known = sa.select(alerts.c.id).where(alerts.c.event == alert.event)
    if connection.execute(known).first() is not None:
        return False
    earlier = connection.execute(
        sa.select(alerts.c.id)
        .where(
            _same(alert),
            alerts.c.collapsed_into.is_(None),
            alerts.c.noted_at > now - repeat_after,
        )
        .order_by(alerts.c.id.desc())
        .limit(1)
    ).scalar()
    made = connection.execute(
        sa.insert(alerts)
        .values(
            uid=uuid.uuid4().hex, event=alert.event, kind=alert.kind.value, tenant=alert.tenant,
            subject=alert.subject, code=alert.code, run_id=alert.run_id, counts=dict(alert.counts),
            at=alert.at, noted_at=now, collapsed_into=earlier,
        )
        .returning(alerts.c.id)
    ).scalar_one()  # fmt: skip
    if earlier is not None:
        return False
    for channel in channels:
        connection.execute(
            sa.insert(alert_deliveries).values(
                alert=made, channel=channel, state=State.WAITING, tries=0, next_try=now,
                changed_at=now, problem="",
            )
        )  # fmt: skip
    return True


def _same(alert: Alert) -> sa.ColumnElement[bool]:
    return sa.and_(
        alerts.c.kind == alert.kind.value,
        alerts.c.tenant == alert.tenant,
        alerts.c.subject == alert.subject,
        alerts.c.code == alert.code,
    )


def told_of_run(connection: Connection, alert: Alert) -> bool:
    """Whether another alert of the same run has said the same: if its check fails, so does it."""
    known = sa.select(alerts.c.id).where(
        alerts.c.run_id == alert.run_id,
        alerts.c.kind == alert.kind.value,
        alerts.c.event != alert.event,
    )
    return connection.execute(known.limit(1)).first() is not None


def due(connection: Connection, channel: str, now: dt.datetime, most: int) -> list[Noted]:
    """Alerts that a channel is to be told of now, the oldest first."""
    waiting = (
        sa.select(alerts, alert_deliveries.c.tries)
        .join(alert_deliveries, alert_deliveries.c.alert == alerts.c.id)
        .where(
            alert_deliveries.c.channel == channel,
            alert_deliveries.c.state == State.WAITING,
            alert_deliveries.c.next_try <= now,
        )
        .order_by(alerts.c.id)
        .limit(most)
    )
    return [
        Noted(row.id, row.uid, one := _read(row), row.tries, _repeated(connection, one, channel))
        for row in connection.execute(waiting).all()
    ]


def _repeated(connection: Connection, alert: Alert, channel: str) -> int:
    told = (
        sa.select(sa.func.max(alert_deliveries.c.changed_at))
        .join(alerts, alerts.c.id == alert_deliveries.c.alert)
        .where(
            _same(alert),
            alert_deliveries.c.channel == channel,
            alert_deliveries.c.state == State.SENT,
        )
    )
    last = connection.execute(told).scalar()
    counted = sa.select(sa.func.count()).where(_same(alert), alerts.c.collapsed_into.is_not(None))
    if last is not None:
        counted = counted.where(alerts.c.noted_at > last)
    return int(connection.execute(counted).scalar_one())


def sent(connection: Connection, ids: Sequence[int], channel: str, now: dt.datetime) -> None:
    """Notes that a channel has been told."""
    connection.execute(
        _of(ids, channel).values(
            state=State.SENT, tries=alert_deliveries.c.tries + 1, changed_at=now, problem=""
        )
    )


def failed(
    connection: Connection, noted: Sequence[Noted], channel: str, problem: str, now: dt.datetime
) -> None:
    """Notes that a channel could not be told, and when it is tried again.

    Args:
        problem: in words that hold no secret.
    """
    for one in noted:
        pause = min(FIRST_PAUSE * 2**one.tries, LONGEST_PAUSE)
        old = now - one.alert.at > GIVEN_UP and one.tries > 0
        connection.execute(
            _of([one.id], channel).values(
                state=State.GIVEN_UP if old else State.WAITING, tries=one.tries + 1,
                next_try=now + dt.timedelta(seconds=pause), changed_at=now, problem=problem,
            )
        )  # fmt: skip


def _of(ids: Sequence[int], channel: str) -> sa.Update:
    return sa.update(alert_deliveries).where(
        alert_deliveries.c.alert.in_(ids), alert_deliveries.c.channel == channel
    )


@contextmanager
def alone(connection: Connection) -> Iterator[bool]:
    """Whether nobody else is sending, and then nobody does for the block; the lock ends with its
    session."""
    with connection.begin():
        mine = connection.execute(sa.select(sa.func.pg_try_advisory_lock(_SENDING))).scalar()
    try:
        yield bool(mine)
    finally:
        if mine and not connection.closed and not connection.invalidated:
            connection.rollback()
            with connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_SENDING)))


def forget_old(connection: Connection, now: dt.datetime) -> int:
    """Deletes alerts of long ago; returns how many."""
    old = sa.delete(alerts).where(alerts.c.noted_at < now - KEPT)
    return int(connection.execute(old).rowcount)


def waiting(connection: Connection) -> dict[str, int]:
    """Channel → how many alerts it is still to be told of; every channel that ever was told."""
    state = alert_deliveries.c.state
    rows = connection.execute(
        sa.select(
            alert_deliveries.c.channel,
            sa.func.count().filter(state == State.WAITING).label("waiting"),
        ).group_by(alert_deliveries.c.channel)
    )
    return {row.channel: row.waiting for row in rows}


def listing(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest alerts as the command line shows them, those that collapsed only counted."""
    collapsed = alerts.alias("collapsed")
    repeats = (
        sa.select(sa.func.count())
        .where(collapsed.c.collapsed_into == alerts.c.id)
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(alerts, repeats.label("repeats"))
        .where(alerts.c.collapsed_into.is_(None))
        .order_by(alerts.c.id.desc())
        .limit(limit)
    ).all()
    told: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    deliveries = sa.select(alert_deliveries).where(alert_deliveries.c.alert.in_(told))
    for one in connection.execute(deliveries.order_by(alert_deliveries.c.channel)):
        told[one.alert].append(
            {"channel": one.channel, "state": one.state, "tries": one.tries,
             "changed_at": one.changed_at.isoformat(), "problem": one.problem or None}
        )  # fmt: skip
    return [
        {
            "id": row.uid,
            "kind": row.kind,
            "title": _read(row).title,
            "tenant": row.tenant or None,
            "subject": row.subject,
            "code": row.code,
            "run_id": row.run_id or None,
            "counts": row.counts,
            "at": row.at.isoformat(),
            "repeats": row.repeats,
            "channels": told[row.id],
        }
        for row in rows
    ]


def _read(row: sa.Row[Any]) -> Alert:
    return Alert(
        event=row.event, kind=Kind(row.kind), tenant=row.tenant, subject=row.subject,
        code=row.code, run_id=row.run_id, at=row.at.astimezone(dt.UTC), counts=row.counts,
    )  # fmt: skip


def now() -> dt.datetime:
    """This moment, in UTC."""
    return ledger.now()
