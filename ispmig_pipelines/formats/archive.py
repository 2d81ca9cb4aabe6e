"""Zip archives: the files in them, or the one document that some of them are."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from ispmig_pipelines.errors import SourceError

_BROKEN = (
    zipfile.BadZipFile, OSError, EOFError, IndexError, KeyError, NotImplementedError, OverflowError,
    RuntimeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What the library raises on a directory of members that is damaged or made up."""


class Archive:
    """A zip archive, open for reading its members.

    Attributes:
        names: of the files in it, in its own order; what systems add unasked is left out, and
            so are empty ones beside others.
        document: ``xlsx``, ``xlsb``, ``ods``, ``docx`` where the archive is such a document.
    """

    def __init__(self, file: BinaryIO, where: object) -> None:
        """Reads the directory of members, which stands at the end of the file.

        Args:
            where: what the file is called in errors.

        Raises:
            SourceError: it is damaged, or two members have one name.
        """
        self._where = where
        try:
            self._zip = zipfile.ZipFile(file)
            found = [i for i in self._zip.infolist() if i.filename and not i.is_dir()]
        except _BROKEN:
            raise SourceError(
                f"{where} begins like a zip archive and its directory of members, which "
                "stands at the end, is missing or broken. It was probably cut short on the way: "
                "transfer it again."
            ) from None
        # An empty file is none of several exports; alone, it is told as what it is.
        found = [i for i in found if i.file_size] or found
        self._members = {i.filename: i for i in found if not _is_litter(i.filename)}
        self.names = list(self._members)
        # Some programs write the names of parts in their own case, or with the other slash.
        plain = {name.replace("\\", "/").lower() for name in self.names}
        self.document = next((kind for kind, holds in _DOCUMENTS if holds(plain)), "")
        twice = len([i for i in found if not _is_litter(i.filename)]) - len(self.names)
        if twice and not self.document:
            raise SourceError(
                f"{where} holds several files of one name, and which is meant cannot be said. "
                "Pack each under a name of its own, or unpack it."
            )

    def choose(self, member: str) -> str:
        """The member of that name; the only one where none is named.

        Raises:
            SourceError: there is no such member, or several and none is named.
        """
        if member:
            if member in self._members:
                return member
            raise SourceError(
                f"{self._where} has no member {member!r}; it has {_listed(self.names)}."
            )
        if not self.names:
            raise SourceError(f"{self._where} is a zip archive without any file in it.")
        if len(self.names) > 1:
            raise SourceError(
                f"{self._where} is a zip archive of {len(self.names)} files "
                f"({_listed(self.names)}). Say which of them is meant, e.g. member: "
                f"{self.names[0]}"
            )
        return self.names[0]

    def open(self, member: str) -> Any:
        """The member's content as a stream.

        Raises:
            SourceError: it is behind a password, damaged, or packed in a way that is not read.
        """
        info = self._members[member]
        if info.flag_bits & 1:
            raise SourceError(
                f"{self._where} is a password-protected zip archive. Unpack it with its password "
                "and give the file that is inside."
            )
        try:
            return self._zip.open(info)
        except _BROKEN:
            raise SourceError(
                f"{self._where} holds a member that is damaged, or packed in a way that cannot be "
                "read here. Transfer the archive again, or unpack it and give the file that is "
                "inside."
            ) from None

    def close(self) -> None:
        """Closes it; the file is the caller's."""
        self._zip.close()


_DOCUMENTS: tuple[tuple[str, Callable[[set[str]], bool]], ...] = (
    ("xlsb", lambda names: "xl/workbook.bin" in names),
    ("docx", lambda names: "word/document.xml" in names),
    ("xlsx", lambda names: bool({"[content_types].xml", "xl/workbook.xml"} & names)),
    ("ods", lambda names: "mimetype" in names and "content.xml" in names),
)


def _is_litter(name: str) -> bool:
    # What macOS and Windows add to archives without being asked.
    leaf = name.rsplit("/", 1)[-1]
    return name.startswith("__MACOSX/") or leaf in (".DS_Store", "Thumbs.db", "desktop.ini")


def _listed(names: list[str], most: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
