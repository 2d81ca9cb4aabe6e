"""Manifests: which files belong together, how long they are, and what their digests are."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from ispmig_pipelines.drop.names import Kind, kind_of

LARGEST = 1 << 20
"""Bytes of a manifest."""


class ManifestUnreadable(Exception):
    """A manifest is not what a manifest is; the text says why, in words for people."""


@dataclass(frozen=True)
class Listed:
    """A file of a manifest; ``bytes`` and ``sha256`` are None where it does not say them."""

    name: str
    bytes: int | None = None
    sha256: str | None = None


def parse(data: bytes) -> tuple[Listed, ...]:
    """The files of a manifest.

    JSON is a list of names or of ``{"name", "bytes", "sha256"}``, or an object with such a list
    under ``files``. CSV has a line of headings: ``name``, and ``bytes`` (or ``size``) and
    ``sha256`` if they are said; without headings, names alone.

    Raises:
        ManifestUnreadable: it is none.
    """
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ManifestUnreadable("it is no UTF-8 text") from None
    if not text:
        raise ManifestUnreadable("it is empty")
    rows: list[Any] = _json(text) if text[0] in "[{" else _csv(text)
    files = tuple(_listed(row) for row in rows)
    if not files:
        raise ManifestUnreadable("it lists no file")
    if len({one.name for one in files}) != len(files):
        raise ManifestUnreadable("it lists a file twice")
    return files


def _json(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ManifestUnreadable("it is no JSON") from None
    if isinstance(found, dict):
        found = found.get("files")
    if not isinstance(found, list):
        raise ManifestUnreadable("it has no list of files")
    return found


def _csv(text: str) -> list[Any]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if any(row)]
    except csv.Error:
        raise ManifestUnreadable("it is no CSV") from None
    head = [cell.strip().lower() for cell in rows[0]]
    if "name" not in head and "file" not in head:
        return [row[0].strip() for row in rows]
    return [
        {k: cell.strip() for k, cell in zip(head, row, strict=False) if cell.strip()}
        for row in rows[1:]
    ]


def _listed(row: Any) -> Listed:
    if isinstance(row, str):
        row = {"name": row}
    if not isinstance(row, dict):
        raise ManifestUnreadable("an entry is no file")
    name = row.get("name", row.get("file"))
    if not isinstance(name, str) or kind_of(name) is not Kind.FILE:
        raise ManifestUnreadable("an entry names what can be no file beside it")
    size = row.get("bytes", row.get("size"))
    digest = row.get("sha256")
    try:
        length = None if size is None else int(str(size))
    except ValueError:
        raise ManifestUnreadable("a size is no whole number") from None
    if digest is not None:
        digest = str(digest).strip().lower()
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ManifestUnreadable("a sha256 is none")
    return Listed(name, length, digest)
