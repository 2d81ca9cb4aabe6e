"""What a table of a file is called: its path or name without what says nothing.

Answers of programs' interfaces hold their tables in ``data`` or ``responsePackItem``, and databases
begin the names of all of theirs alike: that is how they are held, and not what they hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.mapping.suggest.concepts import is_known
from ispmig_pipelines.mapping.suggest.paths import words_of_part

_WRAPPERS = frozenset(
    {"response", "responses", "result", "results", "data", "dataset", "dataroot", "items", "item",
     "rows", "row", "records", "record", "list", "lists", "listing", "pack", "package", "export",
     "exports", "import", "root", "body", "payload", "content", "contents", "value", "values",
     "objects", "object", "element", "elements", "entry", "entries", "feed", "envelope",
     "document", "documents", "table", "tables", "sheet", "all", "get", "output", "success",
     "collection", "page", "seznam", "zoznam", "lista", "liste", "elenco", "embedded",
     "datapack", "sheet1", "feuille", "hoja", "planilha", "tabelle"}
)  # fmt: skip
"""Words of tables that say no more than that they hold something."""


def table_called(path: str, stem: str) -> str:
    """What a table is called: its path without wrappers, ``responsePackItem.listInvoice.invoice``
    as ``listInvoice.invoice``; where it begins with one that says nothing, as ``data`` and
    ``data.contacts`` of an API's answer do, with the name of its file instead.

    Args:
        path: of the table in its file.
        stem: name of the file, without its ending.
    """
    *above, last = path.split(".")
    kept = [part for part in above if not wraps(part)]
    if above or not wraps(last):
        kept.append(last)
    if stem and wraps(path.partition(".")[0]) and len(kept) < 2:
        kept = [stem, *kept]
    return ".".join(kept) or path


ENVELOPE = "envelope"
"""What a table is called of one record that only holds the others."""


def wraps(part: str) -> bool:
    """Whether a part of a path says no more than that it holds something."""
    return not set(words_of_part(part)) - _WRAPPERS


def shared_beginning(tables: Sequence[str]) -> str:
    """What the names of all tables of a database begin with and what means nothing: ``core`` of
    ``corecustomers``, ``coretarife`` and ``corekasa``; "" if there is no such beginning."""
    if len(tables) < _FEWEST_TABLES or any("." in t for t in tables):
        return ""
    least, most = min(tables), max(tables)
    length = next((i for i, c in enumerate(least) if c != most[i : i + 1]), len(least))
    shared = least[:length]
    long_enough = all(len(t) - length >= _SHORTEST for t in tables)
    if length < _SHORTEST - 1 or not long_enough or is_known(shared):
        return ""
    ends = not shared[-1].isalpha()
    # Of a word that is not set off, what follows must be words.
    known = sum(is_known(t[length:]) for t in tables)
    return shared if ends or (length >= _SHORTEST and known >= 0.6 * len(tables)) else ""


_FEWEST_TABLES = 3
_SHORTEST = 3
