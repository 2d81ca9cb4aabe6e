"""One verification, from its entry in the audit trail to what it found."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

from ispmig_pipelines.backup.journal_verify import JournalRead, read_back
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.verify.found import UNREADABLE, Problem, Verified
from ispmig_pipelines.backup.verify.on_record import (
    check_key,
    contents_on_record,
    missing_snapshots,
)
from ispmig_pipelines.backup.verify.reading_back import WHOLE, ReadingBack
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import trail
from ispmig_pipelines.platform.server import engine, told_plainly

_SHARE = re.compile(r"(\d{1,4})/(\d{1,4})")


def share_of(text: str) -> Fraction:
    """``1/7`` as a number above 0 and up to 1.

    Raises:
        UsageError: it is none.
    """
    match = _SHARE.fullmatch(text.strip())
    if match is None or not 0 < int(match[1]) <= int(match[2]):
        raise UsageError(
            f"{text[:20]!r} is no share: 1/7 is a seventh, so that after seven times all was read."
        )
    return Fraction(int(match[1]), int(match[2]))


def verify(
    slug: str,
    repository: Repository,
    *,
    share: Fraction = WHOLE,
    snapshot: str | None = None,
    actor: str,
    dagster_run_id: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> Verified:
    """Reads backups of a tenant back, and leaves evidence of it; entered into the audit trail.

    What is damaged is told, and no error: see :func:`broken`.

    Args:
        share: so much of what snapshots need (in bytes), what was read back longest ago.
        snapshot: only this one, and all of it; a name, or what :meth:`Repository.find` takes.
        told: is told what is being done.

    Raises:
        UsageError: there is no such snapshot.
        BackupKeyError: there are backups of the tenant, and none that its key is of.
        DatabaseError: the beginning cannot be entered into the trail.
        StorageError: nothing can be listed; or storage failed in passing. What was read back until
            then counts.
    """
    started = time.monotonic()
    only = None if snapshot is None else repository.find(snapshot).name
    with told_plainly():
        database = engine()
        about = {"repository": repository.root, "share": _share_text(share)}
        if only is not None:
            about["snapshot"] = only
        with trail.on_record(
            database.connect,
            slug,
            trail.Operation.BACKUP_VERIFICATION,
            actor=actor,
            dagster_run_id=dagster_run_id,
            details=about,
        ) as record:
            check_key(slug, repository)
            work = ReadingBack(repository, told)
            with database.connect() as connection:
                gone = missing_snapshots(connection, slug, repository) if only is None else {}
                contents = contents_on_record(connection, slug, repository)
            work.open_manifests(only, contents)
            work.read_back(share if only is None else WHOLE)
            journal = JournalRead()
            if only is None:
                told("change journals")
                journal = read_back(repository, share, dt.datetime.now(dt.UTC))
            problems = (*work.problems(gone), *work.bad_manifests(), *_in_journal(journal))
            found = Verified(
                tenant=slug,
                repository=repository.root,
                share=_share_text(share),
                snapshots=len(work.manifests) + len(work.unopened),
                parts=len(work.parts),
                read=work.read,
                bytes=sum(part.bytes for part in work.parts),
                bytes_read=work.bytes_read,
                oldest=work.oldest(),
                unread=int((work.last == 0).sum()),
                journal_marks=journal.marks,
                whole=work.whole(),
                problems=problems,
                seconds=time.monotonic() - started,
            )
            record.result = {
                "snapshots": found.snapshots,
                "pieces": found.parts,
                "pieces_read": found.read,
                "bytes_read": found.bytes_read,
                "damaged": len(problems),
                "snapshots_damaged": found.snapshots - len(found.whole) + len(gone),
            }
    return found


def _in_journal(journal: JournalRead) -> Iterator[Problem]:
    for one in journal.damaged:
        yield Problem(
            "journal", one.damage or UNREADABLE, one.place, (), (),
            f"{one.message} It is part of the change journal: moments after it cannot be restored "
            "(--at), up to the next snapshot.",
        )  # fmt: skip


def _share_text(share: Fraction) -> str:
    return "all" if share == WHOLE else f"{share.numerator}/{share.denominator}"
