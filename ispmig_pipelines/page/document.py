"""An HTML page in one file: no script, nothing from a network; for a screen, paper and mail.

Whatever comes from a source or a spec goes through :func:`escaped`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from html import escape
from pathlib import Path

from ispmig_pipelines.page.words import printable


def escaped(value: object) -> str:
    """A text as HTML."""
    return escape(printable(str(value)))


def document(title: str, body: Iterable[str], *, style: str = "") -> str:
    """A whole page.

    Args:
        title: as text.
        body: parts of the page as HTML.
        style: CSS besides what all pages share.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escaped(title)}</title>\n<style>\n{_look()}{style}</style>\n</head>\n<body>\n"
        "<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


@lru_cache(maxsize=1)
def _look() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
