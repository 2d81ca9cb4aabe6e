"""What a person may say about an XML file; what is left out is found by content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class XmlOptions:
    """What the spec says about an XML file; the YAML block ``xml:`` of a source.

    Attributes:
        record: the element that is a record: its local name (``customer``) or its path below the
            root, with slashes or dots between the names (``customers/customer``). "" to find it.
    """

    record: str = ""


def names_element(wanted: str, path: tuple[str, ...]) -> bool:
    """Whether ``wanted``, as a spec writes it, names the elements at a path of local names.

    Args:
        path: from the root, which is its first name.
    """
    parts = tuple(wanted.strip("/").replace("/", ".").split("."))
    return parts in (path, path[1:]) or (len(parts) == 1 and parts == path[-1:])
