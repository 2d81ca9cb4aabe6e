"""What is sent to a channel: some alerts, as JSON for programs and as text for people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ispmig_pipelines.alerting.alert import Alert
from ispmig_pipelines.alerting.outbox import Noted

FORMAT = 1
"""Of the JSON: members may be added to it, what is there keeps its meaning."""


@dataclass(frozen=True)
class Message:
    """Alerts that a channel is told of at once.

    Attributes:
        ui: address of the Dagster UI.
    """

    alerts: tuple[Noted, ...]
    ui: str

    @property
    def id(self) -> str:
        """By which a receiver knows the same alerts again, when they are sent once more."""
        return sha256("\n".join(sorted(one.uid for one in self.alerts)).encode()).hexdigest()[:32]

    def as_json(self, now: dt.datetime) -> bytes:
        """The body for programs, in UTF-8."""
        told = {
            "format": FORMAT,
            "id": self.id,
            "sent_at": now.isoformat(timespec="seconds"),
            "alerts": [self._told(one) for one in self.alerts],
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _told(self, one: Noted) -> dict[str, Any]:
        alert = one.alert
        return {
            "id": one.uid,
            "kind": alert.kind.value,
            "title": alert.title,
            "tenant": alert.tenant or None,
            "subject": alert.subject,
            "code": alert.code,
            "at": alert.at.isoformat(timespec="seconds"),
            "run_id": alert.run_id or None,
            "url": alert.url(self.ui),
            "counts": dict(alert.counts),
            "repeated": one.repeated,
            "what_to_do": alert.section,
        }

    @property
    def subject(self) -> str:
        """One line for people."""
        first, *others = self.alerts
        more = f" (and {len(others):,} more)" if others else ""
        return f"[ispmig] {first.alert.title}{more}"

    @property
    def text(self) -> str:
        """All of it for people."""
        return "\n".join(self._paragraph(one) for one in self.alerts)

    def _paragraph(self, one: Noted) -> str:
        alert = one.alert
        lines = [f"{alert.title}.", f"  when: {alert.at:%Y-%m-%d %H:%M:%S} UTC"]
        if address := alert.url(self.ui):
            lines.append(f"  run: {address}")
        lines += [f"  {name}: {count:,}" for name, count in alert.counts.items()]
        if one.repeated:
            lines.append(f"  the same again: {one.repeated:,} times since you were last told")
        lines += [f"  what to do: {alert.section}", f"  id: {one.uid}", ""]
        return "\n".join(lines)


def sample(now: dt.datetime, ui: str) -> Message:
    """What ``ispmig alerts test`` sends."""
    from ispmig_pipelines.alerting.alert import Kind

    alert = Alert(
        event="test", kind=Kind.TEST, tenant="", subject="alerts", code="test", run_id="", at=now
    )
    uid = sha256(f"test {now.isoformat()}".encode()).hexdigest()[:32]
    return Message((Noted(0, uid, alert, 0, 0),), ui)


def messages(noted: Sequence[Noted], ui: str) -> Message:
    """All of them in one."""
    return Message(tuple(noted), ui)
