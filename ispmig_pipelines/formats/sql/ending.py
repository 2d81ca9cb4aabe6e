"""Whether a script has its end, by what its own tool writes there."""

from __future__ import annotations

import re

from ispmig_pipelines.formats.sql.walker import Walker

_CLOSING_LINES = tuple(
    (re.compile(opening, re.MULTILINE), re.compile(closing, re.MULTILINE))
    for opening, closing in (
        (rb"^-- (?:MySQL|MariaDB) dump \d", rb"^-- Dump completed"),
        (rb"^-- PostgreSQL database dump\s*$", rb"^-- PostgreSQL database dump complete"),
        (
            rb"^-- PostgreSQL database cluster dump\s*$",
            rb"^-- PostgreSQL database cluster dump complete",
        ),
    )
)


def missing_end(head: bytes, tail: bytes, walker: Walker) -> str:
    """What is missing at a script's end, as a sentence; "" where nothing is.

    Args:
        head, tail: the first and the last thousand bytes.
        walker: has walked through all of it.
    """
    for opening, closing in _CLOSING_LINES:
        if opening.search(head) and not closing.search(tail):
            return "The tool that wrote this dump ends it with a closing line, which is missing."
    if walker.locked:
        return "The dump locks a table for its rows and never unlocks it."
    if walker.open_transaction:
        return "The script begins a transaction and neither commits it nor rolls it back."
    if walker.bare_end:
        return "The last INSERT has neither a semicolon nor a GO after it, as all others have."
    return ""
