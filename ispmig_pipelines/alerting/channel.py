"""What alerts are sent to: a name, and a way to send."""

from __future__ import annotations

import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from ispmig_pipelines.alerting.message import Message
from ispmig_pipelines.errors import AlertError

SECONDS = 15.0
"""How long a receiver may take in all; a tick of the sensor has a minute."""


class Channel(Protocol):
    """A receiver of alerts."""

    @property
    def name(self) -> str:
        """``log``, ``webhook`` or ``email``."""
        ...

    def send(self, message: Message) -> None:
        """Sends, or has not sent.

        Raises:
            AlertError: the receiver is not there, or refuses; the text holds no secret.
        """
        ...


def within(seconds: float, work: Callable[[], None], what: str) -> None:
    """Does the work, and waits for it no longer than that: a server may answer a byte a minute.

    Raises:
        AlertError: the time was over; the work may still come to its end by itself.
    """
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            ended.append(error)  # raised again by whoever waits
        else:
            ended.append(None)

    thread = threading.Thread(target=run, name=f"alert-{what}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise AlertError(f"The {what} did not answer within {seconds:.0f} seconds.")
    if ended[0] is not None:
        raise ended[0]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
