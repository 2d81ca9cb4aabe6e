"""Which names in a drop place are files, markers and manifests, and which are nobody's to take."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from ispmig_pipelines.validation.cards import find, redacted

DONE = "done"
FAILED = "failed"
REVIEW = "review"
CLAIMED = ".claimed"
WORK = "drop-work"
"""Folder of the home for copies of what was claimed in buckets."""

OWN = frozenset({DONE, FAILED, REVIEW, CLAIMED})
"""Folders of a drop place that are ours."""

MARKER = ".done"
MANIFESTS = (".manifest", ".manifest.json", ".manifest.csv")
_MANIFEST_NAMES = frozenset({"manifest", "manifest.json", "manifest.csv"})
_UNFINISHED = (
    ".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".swp",
    ".upload", ".uploading", ".inprogress", ".aria2", "~",
)  # fmt: skip
"""How programs call what they are still writing."""

LONGEST = 200
"""Bytes of a name: file systems end at 255, and a report's name is longer than its file's."""


class Kind(StrEnum):
    """What a name says of what it names."""

    FILE = "file"
    MARKER = "marker"
    MANIFEST = "manifest"
    UNFINISHED = "unfinished"  # somebody is writing it, or hides it: not looked at
    REFUSED = "refused"


def kind_of(name: str) -> Kind:
    """What is meant by a name."""
    if name in OWN or problem_of(name):
        return Kind.REFUSED
    low = name.lower()
    if low.endswith(MARKER):
        return Kind.MARKER
    if low.endswith(_UNFINISHED) or name.startswith((".", "~$", "#")):
        return Kind.UNFINISHED
    if low in _MANIFEST_NAMES or low.endswith(MANIFESTS):
        return Kind.MANIFEST
    return Kind.FILE


def problem_of(name: str) -> str:
    """Why nothing is done with a file of this name; "" if it is a plain name."""
    if name in OWN:
        return f"{name} is the name of a folder of ours"
    if name in ("", ".", "..") or "/" in name or "\\" in name or ".." in name.split("/"):
        return "its name could lead out of the folder"
    if any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in name):
        return "its name has characters in it that nobody sees, or that are no text"
    if name.startswith("-"):
        return "its name begins with a hyphen, as options of commands do"
    if name.startswith("~") and not name.startswith("~$"):
        return "its name begins with a tilde, as homes of users do"
    if name != name.strip():
        return "its name begins or ends with a space"
    if len(name.encode()) > LONGEST:
        return f"its name is longer than {LONGEST} bytes"
    if find(name):
        return "its name has a card number in it, and names of files are kept"
    return ""


def shown(name: str) -> str:
    """A name as it may stand in a log or the ledger: on one line, without card numbers."""
    plain = "".join(
        one if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else one.encode("unicode_escape", "surrogatepass").decode()
        for one in name
    )  # fmt: skip
    return redacted(plain)[:300]


def beside(name: str, number: int) -> str:
    """The name of a file whose own is taken: ``plans~17.csv``."""
    stem, dot, rest = name.partition(".")
    return f"{stem}~{number}{dot}{rest}" if stem else f"{name}~{number}"
