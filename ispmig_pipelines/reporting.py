"""The report of a migration from the command line: made again from the ledger, shown, written,
signed and proven."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.errors import UsageError

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from rich.console import Console
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.report.proof import Proven
    from ispmig_pipelines.report.report import MigrationReport


class ReportFormat(StrEnum):
    """How a report is written."""

    html = "html"
    json = "json"


def report(connection: Connection, slug: str, migration: int | None = None) -> MigrationReport:
    """The report of a tenant's migration.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        migration: its id; the newest that read anything unless given.

    Raises:
        UsageError: there is no such tenant or migration.
    """
    from ispmig_pipelines.platform import ledger, tenants
    from ispmig_pipelines.report.gather import gather, newest

    tenant = tenants.get(connection, slug)
    if migration is None:
        entry = newest(ledger.migrations(connection, slug))
        if entry is None:
            raise UsageError(
                f"Tenant {slug} has no migration yet. Start one with: ispmig migrate {slug} SPEC"
            )
        migration = entry.id
    connection.rollback()
    return gather(connection, tenant, migration)


def format_of(said: ReportFormat | None, out: Path | None) -> ReportFormat:
    """The format that is meant: what is said, else what the file's name ends in, else a page.

    Raises:
        UsageError: the name ends in something that a report cannot be.
    """
    if said is not None:
        return said
    ends = "" if out is None else out.suffix.lower()
    known = {"": ReportFormat.html, ".htm": ReportFormat.html, ".html": ReportFormat.html,
             ".json": ReportFormat.json}  # fmt: skip
    if ends not in known:
        raise UsageError(
            f"A report is written as .html or .json, not as {ends}. For PDF, write the page, open "
            "it in a browser and print it; to name the file as you like, say --format html."
        )
    return known[ends]


def written(made: MigrationReport, format: ReportFormat) -> str:
    """The report as a page, or as canonical JSON; signed now, with the platform's key.

    Raises:
        UsageError: the key is not usable.
        StorageError: there is no key, and none can be made.
    """
    from ispmig_pipelines.keyring import signing_key
    from ispmig_pipelines.report.signed import signed

    whole = signed(made, signing_key())
    return whole.json if format is ReportFormat.json else whole.html


def verify(file: Path, keys: Sequence[Path]) -> Proven:
    """Proves a signed report, page or JSON; needs no database and writes nothing.

    Args:
        keys: files of public keys that are trusted; those that ever signed here unless given.

    Raises:
        UsageError: a file cannot be read, or a key is none.
        SignatureBroken: the report is not as it was signed, or by a key that is not trusted.
    """
    from ispmig_pipelines import keyring
    from ispmig_pipelines.report import proof

    named = [keyring.read_public(path) for path in keys]
    trusted = {key.id: key for key in named} or keyring.trusted()
    return proof.prove(proof.read(file), trusted)


def tell_proven(out: Console, found: Proven, file: Path) -> None:
    """Shows people what a report proves, and what it does not."""
    from ispmig_pipelines.page.words import printable

    what = found.report
    out.print(f"{file} is just as it was signed.", markup=False)
    told = (
        f"Tenant {what.get('tenant')}, migration {what.get('migration')} ({what.get('state')}): "
        f"{what.get('verdict')}"
    )
    out.print(printable(told), markup=False)
    out.print(f"Signed on {printable(found.signed_at)} with the key {found.key.id}.", markup=False)
    out.print(
        "It says how things were at that moment; whether the migration still stands says: ispmig "
        f"migrations {printable(str(what.get('tenant')))}",
        markup=False,
    )
    if found.trusted:
        out.print("This key is trusted.")
        return
    out.print(
        "NO KEY IS KNOWN HERE by which to tell who that was. This proves only that nothing was "
        "changed since somebody with that key signed it, and anybody can make a key. Ask the "
        "platform's people for theirs (ispmig report key), and say --key FILE.pem",
        markup=False,
    )


def as_json(found: Proven, file: Path) -> dict[str, Any]:
    """What a report proves, as data."""
    what = found.report
    return {
        "verified": True,
        "trusted": found.trusted,
        "key": found.key.id,
        "public_key": found.key.pem,
        "signed_at": found.signed_at,
        "file": str(file),
        "format": found.format,
        "sha256": found.sha256,
        "tenant": what.get("tenant"),
        "migration_id": what.get("migration"),
        "state": what.get("state"),
        "sound": what.get("sound"),
        "verdict": what.get("verdict"),
        "audit_head": what.get("audit_head"),
    }


def key(*, rotate: bool) -> dict[str, Any]:
    """The key that signs, and all that are trusted.

    Args:
        rotate: put a new one in its place first.

    Returns:
        ``{"key", "public_key", "trusted": [{"key", "public_key"}]}``; ids, and PEM.

    Raises:
        UsageError: the key is not usable, or comes from the environment and is to be rotated.
        StorageError: none can be made.
    """
    from ispmig_pipelines import keyring

    if rotate:
        keyring.rotate()
    now = keyring.signing_key().public
    # Where the home cannot be written to, nothing is remembered.
    known = {now.id: now} | keyring.trusted()
    return {
        "key": now.id,
        "public_key": now.pem,
        "trusted": [{"key": one.id, "public_key": one.pem} for one in known.values()],
    }


def tell_key(out: Console, data: dict[str, Any]) -> None:
    """Shows people the key, to be handed on."""
    out.print(f"Reports are signed with the key {data['key']}:\n", markup=False)
    out.print(data["public_key"], markup=False)
    out.print(
        "Hand this to whoever is to prove reports, by a way on which nobody else can put another "
        "in its place."
    )
    older = [one["key"] for one in data["trusted"] if one["key"] != data["key"]]
    if older:
        out.print(f"Signed earlier, and still trusted: {', '.join(older)}", markup=False)
