"""What lies in a repository, and under which names."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum

SNAPSHOTS = "snapshots"
WRITERS = "writers"
DEPOSITS = "keys"
MANIFEST_ENDING = ".manifest.age"
HASH = re.compile(r"[0-9a-f]{64}")


class Part(StrEnum):
    """What a repository stores by the hash of its content; the folder it lies in."""

    PIECE = "pieces"
    FILE = "files"


ENDINGS = {Part.PIECE: ".parquet.age", Part.FILE: ".age"}


@dataclass(frozen=True)
class Stored:
    """A piece, or a part of a file, that lies in the repository.

    Attributes:
        bytes: encrypted, as it lies there.
        written: when, in UTC.
    """

    part: Part
    hash: str
    bytes: int
    written: dt.datetime


@dataclass(frozen=True)
class SnapshotName:
    """A snapshot, as far as its file's name tells.

    Attributes:
        instant: all of it is as of then, in UTC.
        bytes: of its manifest.
        written: when the manifest was, in UTC.
    """

    name: str
    instant: dt.datetime
    bytes: int
    written: dt.datetime


@dataclass(frozen=True)
class Writer:
    """A backup that was begun, and is being made or was killed.

    Attributes:
        begun: in UTC, by the clock of where it lies.
    """

    name: str
    begun: dt.datetime
