"""Signs reports: the JSON, and the page around the same JSON.

The signature of the JSON is over its own canonical form (:mod:`.canonical`), with all that it says
of itself but ``signature.value``. The page ends with the signed JSON, in an element that browsers
do not show, and a signature of its own over every byte before that: so nothing can be changed in
what people read there either. Checked by :mod:`.proof`.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

from ispmig_pipelines.keyring import SigningKey
from ispmig_pipelines.report.canonical import canonical
from ispmig_pipelines.report.page import page
from ispmig_pipelines.report.report import MigrationReport, Signature

KIND = "ispmig.migration-report"
ALGORITHM = "Ed25519"
MEMBER = "signature"
VALUE = "value"

OF_PAGE = f"{KIND}.page\n".encode()
"""What is signed of a page begins with this: so no signature of a page can pose as one of JSON."""

CARRIED = '<template id="signed-report">'
CARRIED_END = "</template>\n"
PAGE_SIGNATURE = "<!-- Ed25519 {} -->\n"
PAGE_END = "</body>\n</html>\n"


@dataclass(frozen=True)
class Signed:
    """A report as it may be handed on.

    Attributes:
        json: canonical, without a line's end. html: the page that carries it.
        key: the id of the key that signed both, ``at`` this moment (UTC, whole seconds).
    """

    json: str
    html: str
    key: str
    at: dt.datetime


def signed(report: MigrationReport, key: SigningKey, at: dt.datetime | None = None) -> Signed:
    """Signs a report.

    The same report, key and moment make the same bytes.

    Args:
        at: when that is; now unless given.
    """
    moment = (at or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).replace(microsecond=0)
    public = key.public
    facts = Signature(
        kind=KIND,
        algorithm=ALGORITHM,
        key=public.id,
        public_key=public.raw.hex(),
        signed_at=moment,
        value="",
    )
    told = facts.model_dump(mode="json")
    del told[VALUE]
    text = _writable(canonical(report.model_dump(mode="json") | {MEMBER: told}))
    data = json.loads(text)
    data[MEMBER][VALUE] = key.sign(text.encode()).hex()
    whole = canonical(data)
    return Signed(whole, _sealed(page(report, facts), whole, key), public.id, moment)


def _sealed(page: str, carried: str, key: SigningKey) -> str:
    head = _writable(page).removesuffix(PAGE_END) + CARRIED + hidden(carried) + CARRIED_END
    value = key.sign(OF_PAGE + head.encode()).hex()
    return head + PAGE_SIGNATURE.format(value) + PAGE_END


def hidden(text: str) -> str:
    """A text as it stands in the page's element; there is one way to write it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(text: str) -> str:
    """What :func:`hidden` was given."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _writable(text: str) -> str:
    """Without halves of characters, which are in no file; what is signed is what is written."""
    return text.encode(errors="replace").decode()
