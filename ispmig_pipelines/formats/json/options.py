"""What a person may say about a JSON file; what is left out is found by content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JsonOptions:
    """What the spec says about a JSON document or NDJSON; the YAML block ``json:`` of a source.

    Attributes:
        path: where the records are: keys with dots between them (``data.items``; ``$`` is the
            document itself) or a JSON pointer (``/data/items``, RFC 6901). "" to find them.
        keyed: the object at ``path`` maps keys to records, each key becoming the cell
            ``_key``; False: it is one record. None: by evidence.
        header: records that are arrays have their names in the first one. None: by evidence.
    """

    path: str = ""
    keyed: bool | None = None
    header: bool | None = None


def names_path(wanted: str, path: tuple[str, ...]) -> bool:
    """Whether ``wanted``, as a spec writes it, names the place that ``path`` leads to."""
    if wanted.startswith("/"):
        return path == tuple(
            part.replace("~1", "/").replace("~0", "~") for part in wanted[1:].split("/")
        )
    plain = wanted.removeprefix("$").removeprefix(".")
    for stars in ("[*]", "[]"):
        plain = plain.replace(stars, "")
    return plain == ".".join(path)
