"""Alerts to a webhook: a signed POST of JSON, to one address and no other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ispmig_pipelines.alerting import signature
from ispmig_pipelines.alerting.channel import SECONDS, is_loopback, within
from ispmig_pipelines.alerting.message import Message
from ispmig_pipelines.alerting.outbox import now
from ispmig_pipelines.errors import AlertError, UsageError

if TYPE_CHECKING:
    # Slow to import, and rarely needed.
    from requests import PreparedRequest

USER_AGENT = "ispmig-alerts"
SHORTEST_SECRET = 16
_CONNECT_SECONDS = 5.0
_NO_URL = re.compile(r"[\\\s\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Webhook:
    """A receiver over HTTP; its address may be a secret by itself, and is told to nobody."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    clock: Callable[[], float] = time.time
    name: str = "webhook"

    def send(self, message: Message) -> None:
        """See :meth:`.Channel.send`."""
        within(SECONDS, lambda: self._post(message), self.name)

    def _post(self, message: Message) -> None:
        import requests

        body = message.as_json(now())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
            "Idempotency-Key": message.id,
            signature.HEADER: signature.sign(body, self.secrets, int(self.clock())),
        }
        with requests.Session() as session:
            # Proxies and authorities are the environment's, as everywhere; a .netrc is not asked,
            # and this machine's own server is no matter for a proxy.
            session.auth = _no_login
            session.trust_env = not _is_local(self.url)
            try:
                with session.post(
                    self.url, data=body, headers=headers, allow_redirects=False, stream=True,
                    timeout=(_CONNECT_SECONDS, SECONDS),
                ) as answer:  # fmt: skip
                    status = answer.status_code
            except requests.exceptions.SSLError:
                raise AlertError(
                    "The webhook's server cannot prove that it is who it says. Have its "
                    "certificate mended, or name its authority in REQUESTS_CA_BUNDLE."
                ) from None
            except requests.exceptions.RequestException as error:
                raise AlertError(
                    f"The webhook could not be reached ({type(error).__name__}). Check "
                    "ISPMIG_ALERT_WEBHOOK and the network."
                ) from None
        if 300 <= status < 400:
            raise AlertError(
                f"The webhook sends us on to another address ({status}), where we do not go. Name "
                "the address itself in ISPMIG_ALERT_WEBHOOK."
            )
        if not 200 <= status < 300:
            raise AlertError(f"The webhook's server answers {status}.")


def _no_login(request: PreparedRequest) -> PreparedRequest:
    return request


def _is_local(url: str) -> bool:
    from urllib3.util import parse_url

    return is_loopback((parse_url(url).host or "").strip("[]"))


def webhook(url: str, secrets: Sequence[str]) -> Webhook:
    """The webhook of the settings.

    Raises:
        UsageError: the address cannot be used, or there is no secret to sign with; the text repeats
            neither.
    """
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        # As those read it who will ask.
        parts = None if _NO_URL.search(url) else parse_url(url)
    except LocationParseError:
        parts = None
    host = ((parts.host if parts else "") or "").strip("[]")
    if parts is None or not host or parts.auth or parts.scheme not in ("https", "http"):
        raise UsageError(
            "ISPMIG_ALERT_WEBHOOK is no address of a webhook. Write https://host/path, without a "
            "user or password."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            "ISPMIG_ALERT_WEBHOOK is not encrypted: write https://. http:// is for this machine's "
            "own server only."
        )
    if not secrets or any(len(one) < SHORTEST_SECRET for one in secrets):
        raise UsageError(
            "Messages to the webhook are signed: set ISPMIG_ALERT_WEBHOOK_SECRET to a secret of at "
            f"least {SHORTEST_SECRET} characters that its receiver knows too."
        )
    return Webhook(url, tuple(secrets))
