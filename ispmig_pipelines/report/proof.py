"""Proves a signed report, with nothing but the file and a public key.

Whatever is not just as it was signed is refused: another value, another byte, something before or
after. What holds is told with whose key it was: one that the reader trusts (named, or of this
platform), or one of which only the report itself speaks. The latter proves that nothing was changed
since whoever has that key signed it, and not who that is.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ispmig_pipelines.errors import SignatureBroken, UsageError
from ispmig_pipelines.keyring import PublicKey
from ispmig_pipelines.report import signed
from ispmig_pipelines.report.canonical import canonical

LARGEST = 64 * 2**20
"""Bytes of a report that are read: a hundred times more than the largest there was."""

_BOM = b"\xef\xbb\xbf"
PAGE = b"<!doctype html>"
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_PAGE_SIGNATURE = re.compile(
    re.escape(signed.PAGE_SIGNATURE.encode()).replace(rb"\{\}", rb"([0-9a-f]{128})")
    + re.escape(signed.PAGE_END.encode())
)
_PAGE_TAIL = len((signed.PAGE_SIGNATURE.format("0" * 128) + signed.PAGE_END).encode())
_MEMBERS = {"kind", "algorithm", "key", "public_key", "signed_at", "value"}


@dataclass(frozen=True)
class Proven:
    """A report that is just as it was signed.

    Attributes:
        report: its content, with the signature.
        format: ``json`` or ``html``.
        key: of the signature.
        trusted: it is one that the reader trusts.
        sha256: of the file.
    """

    report: dict[str, Any]
    format: str
    key: PublicKey
    trusted: bool
    sha256: str

    @property
    def signed_at(self) -> str:
        return str(self.report[signed.MEMBER]["signed_at"])


def read(path: Path) -> bytes:
    """The bytes of a report.

    Raises:
        UsageError: the file cannot be read.
        SignatureBroken: it is too large for a report.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{path} is no file.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) > LARGEST:
        raise _broken(f"it is larger than {LARGEST // 2**20} MiB, and no report is")
    return content


def prove(content: bytes, trusted: Mapping[str, PublicKey]) -> Proven:
    """Proves a report, as JSON or as page.

    Args:
        trusted: the keys that the reader trusts, by id. None at all: any key will do, and the
            result says that it is not known.

    Raises:
        SignatureBroken: it is not as it was signed, or signed by a key that is not trusted.
    """
    if content.startswith(PAGE):
        report, key = _page(content)
        format = "html"
    else:
        report, key = _json(content)
        format = "json"
    if trusted and trusted.get(key.id) != key:
        raise SignatureBroken(
            f"The report was signed with the key {key.id}, which is none of those to be trusted "
            f"({', '.join(trusted)}). Whoever has that key may have written anything. If the "
            "report is from another platform, name that one's public key, which its people give "
            "you: --key FILE.pem"
        )
    return Proven(report, format, key, bool(trusted), sha256(content).hexdigest())


def _page(content: bytes) -> tuple[dict[str, Any], PublicKey]:
    head, tail = content[:-_PAGE_TAIL], content[-_PAGE_TAIL:]
    found = _PAGE_SIGNATURE.fullmatch(tail)
    if found is None:
        raise _broken("the page does not end with its signature: it is cut off, or was changed")
    opens, closes = signed.CARRIED.encode(), signed.CARRIED_END.encode()
    start = head.find(opens)
    if start < 0 or head.count(opens) != 1 or not head.endswith(closes):
        raise _broken("the page does not carry the signed data once, at its end")
    carried = head[start + len(opens) : len(head) - len(closes)]
    try:
        text = signed.shown(carried.decode())
    except UnicodeDecodeError:
        raise _broken("the data in the page are not UTF-8") from None
    report, key = _json(text.encode())
    if signed.hidden(text).encode() != carried:
        raise _broken("the data in the page are not written as they were signed")
    if not key.proves(bytes.fromhex(found[1].decode()), signed.OF_PAGE + head):
        raise _broken(
            "something on the page was changed, or its signature; the data that it carries are as "
            "they were signed"
        )
    return report, key


def _json(content: bytes) -> tuple[dict[str, Any], PublicKey]:
    report = _parsed(content)
    told = report.get(signed.MEMBER)
    if told is None:
        raise _broken("it carries no signature: it was taken away, or an older release wrote it")
    if not isinstance(told, dict) or set(told) != _MEMBERS:
        raise _broken("its signature is not whole")
    if told["kind"] != signed.KIND or told["algorithm"] != signed.ALGORITHM:
        raise _broken("its signature is of another kind")
    raw, value = _bytes(told["public_key"], 32), _bytes(told["value"], 64)
    if raw is None or value is None:
        raise _broken("its signature cannot be read")
    key = PublicKey(raw)
    if told["key"] != key.id:
        raise _broken("its signature names another key than it carries")
    without = {name: own for name, own in told.items() if name != signed.VALUE}
    try:
        message = canonical(report | {signed.MEMBER: without}).encode()
        as_signed = canonical(report).encode()
    except (ValueError, RecursionError):
        raise _broken("its text cannot be one that was signed") from None
    if not key.proves(value, message):
        raise _broken("a value was changed since, or the signature is another's")
    if as_signed != content:
        raise _broken(
            "its values are those that were signed, but somebody wrote them anew (with spaces, a "
            "line's end, another order or other escapes): ask for the file as it was made"
        )
    return report, key


def _parsed(content: bytes) -> dict[str, Any]:
    if not content:
        raise _broken("it is empty")
    if content.startswith(_BOM):
        raise _broken("it begins with a byte order mark, which somebody has put there")
    try:
        found = json.loads(
            content.decode(),
            object_pairs_hook=_members,
            parse_float=_refused,
            parse_constant=_refused,
        )
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise _broken("it is no JSON, or was cut off") from None
    if not isinstance(found, dict):
        raise _broken("it is no report")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _broken("a member of it is there twice")
    return found


def _refused(number: str) -> Any:
    raise _broken("it has a number that no report has (a fraction, NaN or an infinity)")


def _bytes(text: Any, size: int) -> bytes | None:
    if not isinstance(text, str) or len(text) != 2 * size or not _HEX.fullmatch(text):
        return None
    return bytes.fromhex(text)


def _broken(why: str) -> SignatureBroken:
    return SignatureBroken(
        f"The report is not proven: {why}. Do not rely on it; ask for it anew where it was made "
        "(ispmig report TENANT ID --out FILE)."
    )
