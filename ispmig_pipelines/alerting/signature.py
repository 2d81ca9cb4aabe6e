"""How a webhook's receiver knows that a message is ours, and not an old one sent again.

The header ``Ispmig-Signature`` is ``t=<seconds since 1970>,v1=<hex>``: the HMAC-SHA-256, under the
shared secret, of the seconds, a full stop and the body, byte for byte. While a secret is replaced
there is a ``v1`` for each. The seconds are signed too, so a receiver that refuses what is older
than some minutes cannot be fooled with a message that somebody recorded.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

HEADER = "Ispmig-Signature"
TOLERANCE = 300.0
"""Seconds that a receiver's clock may differ, and a message may be under way."""


def sign(body: bytes, secrets: Sequence[str], seconds: int) -> str:
    """The header's value."""
    return ",".join([f"t={seconds}", *(f"v1={_digest(body, one, seconds)}" for one in secrets)])


def verify(
    body: bytes, header: str, secret: str, now: float, *, tolerance: float = TOLERANCE
) -> bool:
    """Whether the body was signed with the secret, and not long ago."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()) or len(times[0]) > 15:
        return False
    seconds = int(times[0])
    expected = _digest(body, secret, seconds).encode()
    mine = [
        hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1"
    ]
    return any(mine) and abs(now - seconds) <= tolerance


def _digest(body: bytes, secret: str, seconds: int) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, sha256).hexdigest()
