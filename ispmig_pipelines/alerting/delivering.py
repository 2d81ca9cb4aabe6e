"""Sending what waits in the outbox: one message per channel and pass, however much has happened."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ispmig_pipelines.alerting import outbox
from ispmig_pipelines.alerting.channel import Channel
from ispmig_pipelines.alerting.mail import mail
from ispmig_pipelines.alerting.message import Message
from ispmig_pipelines.alerting.webhook import webhook
from ispmig_pipelines.errors import AlertError, UsageError
from ispmig_pipelines.settings import Settings

MOST = 100
"""Alerts in one message; the others are in the next."""

LOG, WEBHOOK, EMAIL = "log", "webhook", "email"
_LOGGER = logging.getLogger("ispmig_pipelines.alerts")

Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Log:
    """Alerts in the log of the process that sends them, each as an error."""

    log: Callable[[str], None] = _LOGGER.error
    name: str = LOG

    def send(self, message: Message) -> None:
        """See :meth:`.Channel.send`."""
        for one in message.alerts:
            alert = one.alert
            place = alert.url(message.ui) or alert.section
            again = f" (the same again {one.repeated:,} times)" if one.repeated else ""
            self.log(f"ALERT {alert.kind.value}: {alert.title}{again}. {place}")


@dataclass(frozen=True)
class Unusable:
    """A channel whose settings are wrong: its alerts wait until they are mended."""

    name: str
    problem: str

    def send(self, message: Message) -> None:
        """See :meth:`.Channel.send`."""
        raise AlertError(self.problem)


@dataclass(frozen=True)
class Delivered:
    """What a pass came to.

    Attributes:
        sent: channel → how many alerts it was told of.
        problems: channel → why it could not be told.
    """

    sent: dict[str, int]
    problems: dict[str, str]


def names(settings: Settings) -> list[str]:
    """The channels that the settings name, usable or not."""
    named = [LOG]
    if settings.alert_webhook.get_secret_value().strip():
        named.append(WEBHOOK)
    if settings.alert_email.strip():
        named.append(EMAIL)
    return named


def channels(settings: Settings, log: Callable[[str], None] = _LOGGER.error) -> list[Channel]:
    """The channels of the settings.

    Args:
        log: takes each alert of the channel ``log``.
    """
    found: list[Channel] = []
    for name in names(settings):
        try:
            found.append(_made(name, settings, log))
        except UsageError as error:
            found.append(Unusable(name, str(error)))
    return found


def _made(name: str, settings: Settings, log: Callable[[str], None]) -> Channel:
    if name == WEBHOOK:
        secrets = _words(settings.alert_webhook_secret.get_secret_value())
        return webhook(settings.alert_webhook.get_secret_value().strip(), secrets)
    if name == EMAIL:
        to = _words(settings.alert_email)
        server = settings.alert_smtp.get_secret_value().strip()
        return mail(server, settings.alert_email_from.strip() or to[0], to)
    return Log(log)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def deliver(
    connect: Connect,
    receivers: Sequence[Channel],
    ui: str,
    now: Callable[[], dt.datetime] = outbox.now,
) -> Delivered | None:
    """Sends what is due; None where somebody else is sending just now.

    A channel that cannot be told holds up no other, and is tried again later.

    Args:
        connect: makes connections to the platform's database, in no transaction.
        ui: address of the Dagster UI.
    """
    done = Delivered({}, {})
    with connect() as connection, outbox.alone(connection) as mine:
        if not mine:
            return None
        for channel in receivers:
            with connection.begin():
                waiting = outbox.due(connection, channel.name, now(), MOST)
            if not waiting:
                continue
            problem = _sent(channel, Message(tuple(waiting), ui))
            with connection.begin():
                if problem is None:
                    ids = [one.id for one in waiting]
                    outbox.sent(connection, ids, channel.name, now())
                    done.sent[channel.name] = len(ids)
                else:
                    outbox.failed(connection, waiting, channel.name, problem, now())
                    done.problems[channel.name] = problem
        with connection.begin():
            outbox.forget_old(connection, now())
    return done


def _sent(channel: Channel, message: Message) -> str | None:
    """Why the channel could not be told; None where it was."""
    try:
        channel.send(message)
    except AlertError as error:
        return str(error)
    except Exception as error:  # whatever it is, other channels are to be told
        _LOGGER.exception("sending alerts by %s", channel.name)
        return f"An unexpected error ({type(error).__name__})."
    return None
