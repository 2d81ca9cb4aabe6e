"""The audit trail from the command line: verified, shown, and written into files."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.errors import AuditBroken, TenantError, UsageError
from ispmig_pipelines.private_files import private_file

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from rich.console import Console
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.audit.chain import Link
    from ispmig_pipelines.platform.audit.problems import Verified
    from ispmig_pipelines.platform.audit.witness import Witnessed

HEAD = "audit_head"
"""The member of a report with the end of the chain: ``{"tenant", "position", "digest"}``."""

COLUMNS = (
    "position", "id", "at", "tenant", "operation", "stage", "actor", "dagster_run_id", "details",
    "previous", "digest",
)  # fmt: skip
_MOST_MESSAGES = 200
"""So many problems are told to people; a chain that was renamed has one for each entry."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def verify(
    connection: Connection, tenant: str | None, reports: Sequence[Path] = ()
) -> list[Verified]:
    """Verifies the chain of a tenant, or all there are; against the ends that reports carry, too.

    Args:
        connection: to the platform's database; in no transaction afterwards.

    Raises:
        UsageError: a report cannot be read, or carries no end of a chain.
        SignatureBroken: a report is not as it was signed.
        TenantError: there is no chain of that tenant.
    """
    from ispmig_pipelines.platform.audit.verify import verify_chains

    further: dict[str, list[Witnessed]] = {}
    for path in reports:
        for slug, seen in _ends(path):
            further.setdefault(slug, []).append(seen)
    return verify_chains(connection.engine.connect, tenant, further=further)


def _ends(path: Path) -> Iterator[tuple[str, Witnessed]]:
    from ispmig_pipelines import keyring
    from ispmig_pipelines.platform.audit.witness import Witnessed
    from ispmig_pipelines.report import proof, signed

    content = proof.read(path)
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        whole = None
    # One that somebody changed is no witness. Older releases did not sign.
    if whole is None or (isinstance(whole, dict) and signed.MEMBER in whole):
        if whole is None and not content.startswith(proof.PAGE):
            raise UsageError(
                f"{path} is no report. Make one with: ispmig report TENANT ID --format json"
            )
        whole = proof.prove(content, keyring.trusted()).report
    ends = list(_members(whole, HEAD))
    if not ends:
        raise UsageError(
            f"{path} carries no end of an audit chain: it was made by an older release. Name a "
            "report that does."
        )
    for end in ends:
        try:
            yield (
                str(end["tenant"]),
                Witnessed(int(end["position"]), bytes.fromhex(end["digest"]), "", str(path)),
            )
        except (KeyError, TypeError, ValueError):
            raise UsageError(f"The end of an audit chain in {path} cannot be read.") from None


def _members(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, own in value.items():
            if key == name and own is not None:
                yield own
            else:
                yield from _members(own, name)
    elif isinstance(value, list):
        for own in value:
            yield from _members(own, name)


def broken(found: Sequence[Verified]) -> AuditBroken | None:
    """The error that says what is wrong, a paragraph for each; None where all chains hold."""
    messages = [problem.message for one in found for problem in one.problems]
    if not messages:
        return None
    count = "1 problem" if len(messages) == 1 else f"{len(messages):,} problems"
    told = messages[:_MOST_MESSAGES]
    if len(messages) > len(told):
        told.append(f"And {len(messages) - len(told):,} more; --json has them all.")
    return AuditBroken(f"The audit trail does not hold: {count}.\n\n" + "\n\n".join(told))


def entries(
    connection: Connection,
    tenant: str,
    *,
    operation: str = "",
    limit: int | None = None,
    before: int | None = None,
) -> Iterator[dict[str, Any]]:
    """A tenant's entries in the order of its chain; "" for the platform's own.

    Args:
        operation: only of this one.
        limit: only so many, the newest; before: of those before this position.

    Raises:
        TenantError: there is no chain of that tenant.
    """
    chosen = (
        link.as_json()
        for link in _links(connection, tenant)
        if (not operation or link.operation == operation)
        and (before is None or (link.position is not None and link.position < before))
    )
    return chosen if limit is None else iter(deque(chosen, maxlen=limit))


def _links(connection: Connection, tenant: str) -> Iterator[Link]:
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.platform.audit import chain

    driver = tenants.raw(connection)
    known = chain.chained(driver)
    if tenant not in known:
        raise TenantError(
            f"There is no audit trail of a tenant {tenant}. Those there are: "
            f"{', '.join(name for name in known if name) or 'none'}."
        )
    return chain.links(driver, tenant)


def write(connection: Connection, tenant: str, out: Path) -> int:
    """Writes a tenant's entries into a file, which only its owner may read; returns how many.

    As JSON (``{"tenant", "entries": [...]}``) an entry has all that its digest is made of, and its
    numbers as they are in the database. As CSV it is for looking at: details are JSON, and text
    that a spreadsheet would take for a formula gets an apostrophe before it.

    Args:
        out: ends in .json or .csv.

    Raises:
        UsageError: it ends otherwise, or its folder does not exist.
        TenantError: there is no chain of that tenant.
        StorageError: no space.
    """
    if out.suffix not in (".json", ".csv"):
        raise UsageError(f"--out takes a file that ends in .json or .csv, not {out.name}.")
    links = _links(connection, tenant)
    written = 0
    with private_file(out) as part, part.open("w", encoding="utf-8", newline="") as file:
        if out.suffix == ".json":
            file.write(f'{{"tenant": {json.dumps(tenant)}, "entries": [')
            for link in links:
                digest = "" if link.digest is None else link.digest.hex()
                content = link.content().decode().removesuffix("}")
                file.write(",\n" if written else "\n")
                file.write(f'{content},"digest":"{digest}"}}')
                written += 1
            file.write("\n]}\n")
        else:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for link in links:
                row = link.as_json()
                writer.writerow([_cell(row[name]) for name in COLUMNS])
                written += 1
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def tell_verified(out: Console, found: Sequence[Verified]) -> None:
    """Shows people which chains hold, and what they should know."""
    for one in found:
        whose = f"Tenant {one.tenant}" if one.tenant else "The platform"
        if one.holds:
            end = {0: "no entry", 1: "1 entry"}.get(one.entries, f"{one.entries:,} entries")
            seen = "" if one.witnessed is None else f", witnessed up to entry {one.witnessed}"
            out.print(f"{whose}: holds, {end}{seen}", markup=False)
        else:
            out.print(f"{whose}: DOES NOT HOLD ({len(one.problems)})", markup=False)
        for begun in one.unfinished:
            out.print(
                f"  begun and not ended: entry {begun['position']}, {begun['operation']} by "
                f"{begun['actor']}, {begun['at']}",
                markup=False,
            )
        for note in one.notes:
            out.print(f"  {note}", markup=False)


def tell_entries(out: Console, rows: Iterator[dict[str, Any]]) -> None:
    """Shows people the entries, a line each, with what they say."""
    count = 0
    for row in rows:
        if not count and (row["position"] or 0) > 1:
            out.print(
                f"What is older: --before {row['position']}, or more at once with --limit",
                markup=False,
            )
        count += 1
        at = (row["at"] or "")[:19].replace("T", " ")
        run = f" (run {row['dagster_run_id'][:8]})" if row["dagster_run_id"] else ""
        out.print(
            f"{row['position']}  {at} UTC  {row['operation']} {row['stage']}, by {row['actor']}"
            f"{run}",
            markup=False,
        )
        out.print(f"     {_short(row['details'])}", markup=False)
    if not count:
        out.print("There is no entry.")


def _short(details: Any) -> str:
    whole = json.dumps(details, ensure_ascii=False)
    return whole if len(whole) <= 300 else f"{whole[:300]}… (whole with --json)"
