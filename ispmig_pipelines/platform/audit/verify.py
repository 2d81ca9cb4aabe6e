"""Proving a chain of the audit trail: every entry altered, missing, forged or moved, by name.

What an entry says must give its digest; the entry after it must name that digest; positions must
have no gap; the last entry must be the end that the database keeps, and every end that was
witnessed outside must be in the chain. An entry that was exchanged together with its digest is
found by the one that was built on it, or, where all of them were rewritten, by the witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import TenantError
from ispmig_pipelines.platform.audit import chain, witness
from ispmig_pipelines.platform.audit.chain import PLATFORM
from ispmig_pipelines.platform.audit.problems import Kind, Problem, Verified
from ispmig_pipelines.platform.audit.walk import LOG, Walk
from ispmig_pipelines.platform.audit.witness import Testimony, Witnessed
from ispmig_pipelines.platform.tenants import raw

Connect = Callable[[], AbstractContextManager[Connection]]

GUARDS = frozenset({"never_changed", "in_a_chain", "moves_on_only", "never_emptied"})
"""Triggers by which the database refuses to change the trail."""


def verify_chains(
    connect: Connect,
    tenant: str | None = None,
    *,
    further: Mapping[str, Sequence[Witnessed]] = MappingProxyType({}),
    catch_up: bool = False,
) -> list[Verified]:
    """Verifies one chain, or all of them, the platform's first; removed tenants have theirs still.

    Args:
        connect: opens a connection to the platform.
        further: tenant → ends that were written down elsewhere, as in signed reports.
        catch_up: let the witness have the end of every chain that holds, which it lacks when it
            could not be written at the time.

    Raises:
        TenantError: there is no chain of that tenant, and never was, as far as the witness knows.
        StorageError: the witness cannot be read.
    """
    with connect() as connection:
        driver = raw(connection)
        names = {*chain.chained(driver), *witness.tenants()}
        database = witness.database_of(driver)
        connection.rollback()
    names |= set(further)
    if tenant is not None and tenant not in names:
        raise TenantError(
            f"There is no audit trail of a tenant {tenant}. Those there are: "
            f"{', '.join(sorted(name for name in names if name)) or 'none'}."
        )
    found = []
    for name in sorted(names if tenant is None else {tenant, *further}):
        # Read first: a line is written after the commit, so what it says is in the snapshot.
        testimony = witness.read(name, database)
        with connect() as connection:
            driver = raw(connection)
            driver.execute("set transaction isolation level repeatable read, read only")
            verified = verify(driver, name, testimony, further.get(name, ()))
            connection.rollback()
        if not verified.entries and not verified.problems and testimony.elsewhere:
            continue  # A tenant of another database, which has this witness too.
        end = verified.end
        if catch_up and verified.holds and end is not None and verified.witnessed != end.position:
            witness.write(end, database)
        found.append(verified)
    if found:
        with connect() as connection:
            found[0].notes += _unguarded(raw(connection))
            connection.rollback()
    return found


def verify(
    driver: psycopg.Connection,
    tenant: str,
    testimony: Testimony,
    further: Iterable[Witnessed] = (),
) -> Verified:
    """Verifies one chain, in the current transaction, which sees one instant (REPEATABLE READ).

    Args:
        testimony: what the witness has of it, read before the transaction began.
        further: ends that were written down elsewhere, as in signed reports.
    """
    found = Verified(tenant)
    claims: dict[int, list[Witnessed]] = {}
    for seen in (*testimony.seen, *further):
        claims.setdefault(seen.position, []).append(seen)
    walk = Walk(driver, found, claims, testimony)
    for link in chain.links(driver, tenant):
        walk.step(link)
    walk.close(chain.head(driver, tenant))
    _mentioned(driver, found)
    for number in testimony.unreadable:
        found.problems.append(
            Problem(
                Kind.WITNESS,
                tenant,
                f"Line {number} of {testimony.where} is none that the witness of "
                f"{chain.in_words(tenant)} wrote: it was altered, or is from another's file.",
            )
        )
    found.notes += _notes(found, testimony)
    return found


def _mentioned(driver: psycopg.Connection, found: Verified) -> None:
    """Holds a chain against the entries that the platform's chain says it has: so a tenant's
    whole chain cannot be made away with."""
    if found.tenant == PLATFORM:
        return
    rows = driver.execute(
        sql.SQL(
            """select p.position, p.id, p.at::text, p.operation, left(p.details ->> 'entry', 40)
               from {log} p
               where p.tenant = %(platform)s and p.details ->> 'tenant' = %(tenant)s
                 and jsonb_typeof(p.details -> 'entry') = 'number'
                 and not exists (select from {log} l
                     where l.tenant = %(tenant)s and l.id = (p.details ->> 'entry')::numeric)
               order by p.position"""
        ).format(log=LOG),
        {"platform": PLATFORM, "tenant": found.tenant},
    ).fetchall()
    for position, _, at, operation, entry in rows:
        found.problems.append(
            Problem(
                Kind.MISSING,
                found.tenant,
                f"The entry {entry} of {chain.in_words(found.tenant)} ({operation}) is missing: "
                f"entry {position} of the platform's own chain "
                f"({'no time' if at is None else chain.moment(at)}) names it.",
                id=int(entry) if entry.isdecimal() else None,
                at=None if at is None else chain.moment(at),
                operation=operation,
            )
        )


def _unguarded(driver: psycopg.Connection) -> Iterator[str]:
    """Says which triggers are gone or switched off that refuse changes; for whoever restores a
    database, it may be for the better."""
    rows = driver.execute(
        """select tgname from pg_trigger where not tgisinternal and tgenabled in ('O', 'A')
             and tgrelid = any(array[to_regclass('ispmig.data_migration_logs'),
                                     to_regclass('ispmig.audit_heads')]::oid[])"""
    ).fetchall()
    lacking = GUARDS - {row[0] for row in rows}
    if lacking:
        yield (
            "The database does not refuse changes of the trail as it should: somebody switched "
            f"off, or removed, the triggers {', '.join(sorted(lacking))}."
        )


def _notes(found: Verified, testimony: Testimony) -> Iterator[str]:
    end = 0 if found.end is None else found.end.position
    if end and found.witnessed is None:
        yield f"No entry is witnessed outside of the database ({testimony.where})."
    elif found.witnessed is not None and found.witnessed < end:
        yield f"The witness goes up to entry {found.witnessed} of {end} ({testimony.where})."
    if testimony.elsewhere:
        yield (f"{testimony.elsewhere} lines of the witness are about chains in other databases.")
    for line in testimony.torn:
        yield f"Line {line} of {testimony.where} was begun and not finished."
