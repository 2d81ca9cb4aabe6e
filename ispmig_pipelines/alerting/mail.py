"""Alerts by email: SMTP, encrypted unless the server is this machine's own."""

from __future__ import annotations

import logging
import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from ispmig_pipelines.alerting.channel import SECONDS, is_loopback, within
from ispmig_pipelines.alerting.message import Message
from ispmig_pipelines.alerting.outbox import now
from ispmig_pipelines.errors import AlertError, UsageError

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})")
_LOGGER = logging.getLogger("ispmig_pipelines.alerts")
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class Mail:
    """Receivers by email.

    Attributes:
        host, port: of the server that takes mail.
        wrapped: encrypted from the first byte; else by STARTTLS.
        user, password: to log in with; "" for none.
    """

    host: str
    port: int
    wrapped: bool
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = "email"

    def send(self, message: Message) -> None:
        """See :meth:`.Channel.send`."""
        within(SECONDS, lambda: self._hand_over(message), "mail server")

    def _hand_over(self, message: Message) -> None:
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(self._letter(message), self.sender, list(self.to))
        except smtplib.SMTPNotSupportedError:
            raise AlertError(
                "The mail server does not take the login in this way. Check ISPMIG_ALERT_SMTP."
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            raise AlertError(
                f"The mail server does not take the login ({error.smtp_code}). Check the user and "
                "the password in ISPMIG_ALERT_SMTP."
            ) from None
        except smtplib.SMTPResponseException as error:
            raise AlertError(f"The mail server answers {error.smtp_code}.") from None
        except smtplib.SMTPRecipientsRefused:
            raise AlertError(
                "The mail server takes nothing for these receivers. Check ISPMIG_ALERT_EMAIL."
            ) from None
        except ssl.SSLError:
            raise AlertError(
                "The mail server cannot prove that it is who it says. Have its certificate mended, "
                "or name its authority in SSL_CERT_FILE."
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise AlertError(
                f"The mail server could not be reached ({type(error).__name__}). Check "
                "ISPMIG_ALERT_SMTP and the network."
            ) from None
        if refused:
            # Trying again would only tell those once more who have it.
            _LOGGER.warning(
                "The mail server took an alert for %d of %d receivers. Check ISPMIG_ALERT_EMAIL.",
                len(self.to) - len(refused), len(self.to),
            )  # fmt: skip

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.wrapped:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            self._encrypt(server, context)
        except BaseException:
            server.close()
            raise
        return server

    def _encrypt(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif not is_loopback(self.host):
            raise AlertError(
                "The mail server does not encrypt (it offers no STARTTLS), so nothing was sent to "
                "it. Name one that does in ISPMIG_ALERT_SMTP."
            )

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"] = message.subject
        letter["From"] = self.sender
        letter["To"] = ", ".join(self.to)
        letter["Date"] = format_datetime(now())
        # The same alerts, sent once more, are the same letter: mail programs show it once.
        letter["Message-ID"] = f"<{message.id}@{self.sender.partition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text)
        return letter


def mail(server: str, sender: str, to: Sequence[str]) -> Mail:
    """The mail of the settings.

    Args:
        server: ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://…:465``.

    Raises:
        UsageError: server or addresses cannot be used; the text repeats no password.
    """
    try:
        parts = urlsplit(server)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.query:
        raise UsageError(
            "ISPMIG_ALERT_SMTP is no mail server. Write smtp://user:password@host:587, or "
            "smtps://user:password@host:465, with %-escapes for what URLs do not take."
        )
    for variable, address in (
        ("ISPMIG_ALERT_EMAIL_FROM", sender),
        *(("ISPMIG_ALERT_EMAIL", one) for one in to),
    ):
        if not _ADDRESS.fullmatch(address):
            raise UsageError(f"{variable} is to hold addresses like ops@example.net.")
    return Mail(
        host, port or _PORTS[parts.scheme], parts.scheme == "smtps", sender, tuple(to),
        unquote(parts.username or ""), unquote(parts.password or ""),
    )  # fmt: skip
