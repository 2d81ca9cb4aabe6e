"""Whether all that a restore needs is there: asked by listing, before anything is changed."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ispmig_pipelines.backup.manifest import Manifest, Table
from ispmig_pipelines.backup.repository import Part, Repository
from ispmig_pipelines.errors import BackupDamaged, Damage


def check_pieces(repository: Repository, tables: list[Table]) -> None:
    """Checks that no piece of these tables is missing, by one listing.

    Raises:
        BackupDamaged: one is; the text names it.
    """
    repository.look_again()
    there = repository.known(Part.PIECE)
    for table in tables:
        _check(
            repository,
            Part.PIECE,
            {ref.hash for ref in table.refs()} - there.keys(),
            f"rows of the table {table.name}",
            "Restore from another snapshot, and make a full backup.",
        )


def check_files(repository: Repository, manifest: Manifest) -> None:
    """Checks that no part of a file is missing, by one listing.

    Raises:
        BackupDamaged: one is; the text names it.
    """
    _check(
        repository,
        Part.FILE,
        manifest.file_hashes() - repository.known(Part.FILE).keys(),
        "a part of one of the tenant's files",
        "Restore from another snapshot, or without files (--no-files), and make a full backup.",
    )


def _check(
    repository: Repository, part: Part, gone: AbstractSet[str], holds: str, advice: str
) -> None:
    if not gone:
        return
    place = repository.storage.place(repository.key_of(part, min(gone)))
    more = f" (and {len(gone) - 1:,} more)" if len(gone) > 1 else ""
    raise BackupDamaged(
        f"{place} is not there (any more){more}: it holds {holds}. Somebody deleted it, or it was "
        f"lost. Nothing was changed. {advice}",
        damage=Damage.MISSING,
        place=place,
    )
