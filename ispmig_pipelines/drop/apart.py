"""Whose drop place a source lies in: a tenant's migration reads nothing out of another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from ispmig_pipelines.drop import rules
from ispmig_pipelines.drop.names import WORK
from ispmig_pipelines.drop.places import address_of
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.remote import RemoteFile
from ispmig_pipelines.settings import settings


@dataclass(frozen=True)
class Others:
    """Where files for other tenants lie.

    Attributes:
        folders: of this machine.
        prefixes: of buckets, as URLs that end in a slash.
    """

    folders: tuple[Path, ...]
    prefixes: tuple[str, ...]


def others(connection: Connection, slug: str) -> Others:
    """The drop places of all other tenants, in the current transaction."""
    said = rules.of_all(connection)
    places = [address_of(name, own.place) for name, own in said.items() if name != slug]
    work = [settings().home / WORK / name for name in said if name != slug]
    # A link is no drop place; by one, somebody could make everything look like another's.
    folders = [Path(one) for one in places if "://" not in one and not Path(one).is_symlink()]
    return Others(
        (*folders, *work),
        tuple(f"{one.rstrip('/')}/" for one in places if "://" in one),
    )


def check_objects(spec: Spec, prefixes: Sequence[str]) -> None:
    """Refuses a spec that reads an object below one of these prefixes.

    Raises:
        SourceError: it does, or a pattern matches nothing.
    """
    if not prefixes:
        return
    for name, source in spec.sources.items():
        if not any("://" in one for one in source.files or ()):
            continue
        for file in spec.source_files(name):
            if not isinstance(file, RemoteFile) or file.scheme != "s3":
                continue
            # A bucket's name is the same in any case of its letters; a key is not.
            place = f"s3://{file.bucket.lower()}/{file.key}"
            if any(place.startswith(_plain(prefix)) for prefix in prefixes):
                raise SourceError(
                    f"Source {name}: {file} lies in the drop place of another tenant. Name an "
                    "export of this tenant."
                )


def _plain(prefix: str) -> str:
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    return f"s3://{bucket.lower()}/{key}"
