"""Proving a chain of the audit trail: every entry altered, missing, forged or moved, by name.

What an entry says must give its digest; the entry after it must name that digest; positions must
have no gap; the last entry must be the end that the database keeps, and every end that was
witnessed outside must be in the chain. An entry that was exchanged together with its digest is
found by the one that was built on it, or, where all of them were rewritten, by the witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import TenantError
from ispmig_pipelines.platform.audit import chain, witness
from ispmig_pipelines.platform.audit.chain import GENESIS, PLATFORM, Head, Link
from ispmig_pipelines.platform.audit.witness import Testimony, Witnessed
from ispmig_pipelines.platform.ledger import SCHEMA
from ispmig_pipelines.platform.tenants import raw
from ispmig_pipelines.platform.trail import Operation

Connect = Callable[[], AbstractContextManager[Connection]]

_NEAR = 100
"""How far around the place of an entry that is not whole it is tried whether it was moved."""

_MANY = 1_000
"""After so many problems entries are not tried any more: they are told as altered."""

GUARDS = frozenset({"never_changed", "in_a_chain", "moves_on_only", "never_emptied"})
"""Triggers by which the database refuses to change the trail."""

_LOG = sql.Identifier(SCHEMA, "data_migration_logs")


class Kind(StrEnum):
    """What can be wrong with a chain."""

    ALTERED = "altered"  # what the entry says does not give its digest
    REPLACED = "replaced"  # it is whole, and not the one that the next entry was built on
    MOVED = "moved"  # it belongs elsewhere in the chain
    MISSING = "missing"
    INSERTED = "inserted"  # it has no place in the chain, or one that is taken
    CUT_OFF = "cut off"  # the end of the chain is gone
    END = "end"  # what the database keeps as the end is not the last entry
    REWRITTEN = "rewritten"  # another entry than the one that was witnessed
    WITNESS = "witness"  # the witness itself was tampered with


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        position: of the entry in its chain, or of the first of several; None of one without.
        last: of several, the position of the last.
        id, at, operation, stage: of the entry, where there is one.
        message: a sentence that names it.
    """

    kind: Kind
    tenant: str
    message: str
    position: int | None = None
    last: int | None = None
    id: int | None = None
    at: str | None = None
    operation: str | None = None
    stage: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The problem as the command line prints it."""
        return {
            "kind": self.kind.value,
            "tenant": self.tenant,
            "position": self.position,
            "last": self.last,
            "id": self.id,
            "at": self.at,
            "operation": self.operation,
            "stage": self.stage,
            "message": self.message,
        }


@dataclass
class Verified:
    """What verifying a chain found.

    Attributes:
        entries: how many there are.
        end: the newest of them; None of a chain that has none.
        witnessed: the highest position that a witness has, and that is as it was witnessed.
        unfinished: entries of a beginning without an end: at work still, or killed.
        notes: what somebody should know, and what is not wrong.
    """

    tenant: str
    entries: int = 0
    end: Head | None = None
    witnessed: int | None = None
    problems: list[Problem] = field(default_factory=list)
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The findings as the command line prints them."""
        return {
            "tenant": self.tenant,
            "holds": self.holds,
            "entries": self.entries,
            "end": None if self.end is None else self.end.as_json(),
            "witnessed": self.witnessed,
            "problems": [problem.as_json() for problem in self.problems],
            "unfinished": self.unfinished,
            "notes": self.notes,
        }


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
    walk = _Walk(driver, found, claims, testimony)
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


class _Walk:
    """Goes along a chain, entry by entry."""

    def __init__(
        self,
        driver: psycopg.Connection,
        found: Verified,
        claims: dict[int, list[Witnessed]],
        testimony: Testimony,
    ) -> None:
        self.driver = driver
        self.found = found
        self.claims = claims
        self.last: Link | None = None
        self.open: dict[int, Link] = {}
        self.differs: list[tuple[Link, Witnessed]] = []
        self.testimony = testimony
        self.others: dict[int, list[tuple[str, Witnessed]]] = {}
        for name, lines in testimony.others.items():
            for seen in lines:
                self.others.setdefault(seen.position, []).append((name, seen))
        self.same: dict[str, int] = {}
        self.unlike: dict[str, list[tuple[Link, Witnessed]]] = {}
        self.restored: Link | None = None

    @property
    def position(self) -> int:
        """How far the chain has come."""
        return 0 if self.last is None else self.last.position or 0

    def step(self, link: Link) -> None:
        self.found.entries += 1
        if link.operation == Operation.TENANT_RESTORED:
            self.restored = link
        self._begins_or_ends(link)
        if link.position is None or link.position <= self.position:
            self._outside(link)
            return
        whole = link.digest is not None and link.computed() == link.digest
        if link.position > self.position + 1:
            self._gap(self.position + 1, link.position - 1, before=link)
        elif link.previous != (GENESIS if self.last is None else self.last.digest):
            self._unlinked(link, whole=whole)
        if not whole:
            self._altered(link)
        self._held_against_witness(link)
        self.last = link

    def close(self, head: Head | None) -> None:
        """The chain has come to its end."""
        if self.last is not None and self.last.digest is not None:
            self.found.end = Head(self.found.tenant, self.position, bytes(self.last.digest))
        self._of_other_database()
        self._witness_altered()
        self._rewritten()
        ends = [seen for position in self.claims for seen in self.claims[position]]
        furthest = max(
            (seen for seen in ends if seen.position > self.position),
            key=lambda seen: seen.position,
            default=None,
        )
        if furthest is not None:
            self._cut_off(furthest)
        kept = head.position if head is not None else 0
        if kept > self.position and (furthest is None or kept > furthest.position):
            self._tell(
                Kind.CUT_OFF,
                f"{_entries(self.position + 1, kept)} of {self._whose} "
                f"{'is' if kept == self.position + 1 else 'are'} missing at the end: the database "
                f"keeps entry {kept} as the newest. What is left ends {_after(self.last)}.",
                position=self.position + 1,
                last=kept,
            )
        elif kept < self.position:
            self._tell(
                Kind.END,
                f"{_entries(kept + 1, self.position)} of {self._whose} "
                f"{'stands' if kept + 1 == self.position else 'stand'} behind the end that the "
                f"database keeps ({'none' if head is None else f'entry {kept}'}): inserted past "
                f"it, or the end was set back. The newest is {_named(self.last)}.",
                self.last,
                position=kept + 1,
                last=self.position,
            )
        elif (
            kept == self.position
            and head is not None
            and self.last is not None
            and head.digest != self.last.digest
        ):
            self._tell(
                Kind.REPLACED,
                f"{_named(self.last)} of {self._whose} is not the one that the database keeps as "
                "the newest: it was exchanged, or its digest was.",
                self.last,
            )
        self.found.unfinished = [
            {
                "position": link.position,
                "id": link.id,
                "at": None if link.at is None else chain.moment(link.at),
                "operation": link.operation,
                "actor": link.actor,
                "dagster_run_id": link.dagster_run_id,
            }
            for link in self.open.values()
        ]

    @property
    def _whose(self) -> str:
        return chain.in_words(self.found.tenant)

    def _tell(
        self,
        kind: Kind,
        message: str,
        link: Link | None = None,
        *,
        position: int | None = None,
        last: int | None = None,
    ) -> None:
        self.found.problems.append(
            Problem(
                kind,
                self.found.tenant,
                message,
                position=link.position if position is None and link is not None else position,
                last=last,
                id=None if link is None else link.id,
                at=None if link is None or link.at is None else chain.moment(link.at),
                operation=None if link is None else link.operation,
                stage=None if link is None else link.stage,
            )
        )

    def _outside(self, link: Link) -> None:
        why = (
            "it has no position"
            if link.position is None
            else f"position {link.position} is taken by {_named(self.last)}"
            if self.last is not None and self.last.position == link.position
            else f"there is no position {link.position}"
        )
        self._tell(Kind.INSERTED, f"{_named(link)} of {self._whose} was inserted: {why}.", link)

    def _gap(self, first: int, last: int, *, before: Link) -> None:
        behind = f"after {_named(self.last)}, " if self.last is not None else ""
        self._tell(
            Kind.MISSING,
            f"{_entries(first, last)} of {self._whose} "
            f"{'is' if first == last else 'are'} missing: {behind}before {_named(before)}.",
            position=first,
            last=last,
        )

    def _altered(self, link: Link) -> None:
        elsewhere = self._belongs(link)
        if elsewhere is not None:
            self._tell(
                Kind.MOVED,
                f"{_named(link)} of {self._whose} was moved: it was entered as entry {elsewhere}.",
                link,
            )
        else:
            self._tell(
                Kind.ALTERED,
                f"{_named(link)} of {self._whose} was altered: what it says does not give the "
                "digest that it was entered with.",
                link,
            )

    def _belongs(self, link: Link) -> int | None:
        """The position with which the entry is whole, if it was only moved."""
        if link.digest is None or len(self.found.problems) > _MANY:
            return None
        if link.position is not None and link.previous is not None:
            # Where only positions were exchanged, or all after one were shifted, it is not far.
            for position in range(max(1, link.position - _NEAR), link.position + _NEAR):
                if link.at_position(position, link.previous).computed() == link.digest:
                    return position
        built_on = self.driver.execute(
            sql.SQL(
                """select position - 1 from {log} where tenant = %(tenant)s
                     and previous = %(digest)s
                   union select position from {heads} where tenant = %(tenant)s
                     and digest = %(digest)s"""
            ).format(log=_LOG, heads=sql.Identifier(SCHEMA, "audit_heads")),
            {"tenant": self.found.tenant, "digest": link.digest},
        ).fetchall()
        for (position,) in built_on:
            if position is None or position == link.position:
                continue
            before = self.driver.execute(
                sql.SQL(
                    """select digest from {log} where tenant = %(tenant)s and position = %(before)s
                       union select previous from {log} where id = %(id)s
                       union select previous from {log} where tenant = %(tenant)s
                         and position = %(position)s"""
                ).format(log=_LOG),
                {
                    "tenant": self.found.tenant,
                    "before": position - 1,
                    "id": link.id,
                    "position": position,
                },
            ).fetchall()
            for (previous,) in before:
                if previous is None:
                    continue
                there = link.at_position(position, bytes(previous))
                if there.computed() == link.digest:
                    return int(position)
        return None

    def _unlinked(self, link: Link, *, whole: bool) -> None:
        """The entry was built on another one than stands before it."""
        if not whole:
            return  # It is told as altered, and that may be all.
        if self.last is None:
            self._tell(
                Kind.REPLACED,
                f"{_named(link)} of {self._whose} is no beginning of a chain: what stood before "
                "it was taken away.",
                link,
            )
            return
        if self.last.digest is not None and self.last.computed() != self.last.digest:
            return  # It is told as altered.
        self._tell(
            Kind.REPLACED,
            f"{_named(self.last)} of {self._whose} is not the one on which {_named(link)} was "
            "built: it was exchanged, together with its digest.",
            self.last,
        )

    def _held_against_witness(self, link: Link) -> None:
        for seen in self.claims.get(link.position or 0, ()):
            if seen.digest == link.digest:
                self.found.witnessed = link.position
            else:
                self.differs.append((link, seen))
        for name, seen in self.others.get(link.position or 0, ()):
            if seen.digest == link.digest:
                self.same[name] = link.position or 0
            else:
                self.unlike.setdefault(name, []).append((link, seen))

    def _of_other_database(self) -> None:
        """Holds the chain against what was witnessed of it in another database, of which this one
        is a copy, up to where its own witness begins.

        Else it would be enough to put a copy in the database's place that was tampered with, or to
        keep the platform from asking the server who it is.

        A chain that came from a snapshot goes on otherwise than it did where it came from: what was
        entered there since is told, and no fault of this one.
        """
        if not self.same:
            return
        origin = max(self.same, key=lambda name: (self.same[name], name))
        own = self.testimony.seen
        first = min(own, key=lambda seen: seen.position) if own else None

        restored = None if self.restored is None else self.restored.position

        def counts(seen: Witnessed) -> bool:
            if restored is not None and seen.position >= restored:
                return False
            return first is None or seen.position < first.position or seen.at < first.at

        self.differs += [(link, seen) for link, seen in self.unlike.get(origin, ()) if counts(seen)]
        self.differs.sort(key=lambda pair: pair[0].position or 0)
        last = max(seen.position for seen in self.testimony.others[origin])
        if restored is not None and last >= restored:
            self.found.notes.append(
                f"{_entries(restored, last)} of {self._whose}, as it was where it came from, did "
                f"not come with it: {_named(self.restored)} is there instead."
            )
        for seen in self.testimony.others[origin]:
            if seen.position > self.position and counts(seen):
                self.claims.setdefault(seen.position, []).append(seen)

    def _witness_altered(self) -> None:
        """Tells of lines of the witness that another stood in the place of when the next one was
        written: what they say is no witness against the chain."""
        changed = self.testimony.changed
        named = {}
        for link, seen in self.differs:
            if seen.line in changed:
                named[seen.line] = link
        self.differs = [pair for pair in self.differs if pair[1].line not in named]
        where = self.testimony.where
        for line, following in changed.items():
            what = (
                f"Line {line} of {where} is not the one that line {following} was written after: "
                "it was altered, or lines between them were taken away."
                if line
                else f"Line {following} of {where} was not the first: what stood before it was "
                "taken away."
            )
            if line in named:
                what += f" It does not agree with {_named(named[line])} of {self._whose}."
            self._tell(Kind.WITNESS, what, named.get(line))
        self._of_another_place()

    def _of_another_place(self) -> None:
        """Tells of lines past the end whose digest is that of an entry that is there: a digest is
        of one position only."""
        past = {
            seen.digest: seen
            for position, lines in self.claims.items()
            for seen in lines
            if position > self.position
        }
        if not past:
            return
        found = self.driver.execute(
            sql.SQL(
                "select distinct digest, position from {} where tenant = %s and digest = any(%s)"
            ).format(_LOG),
            [self.found.tenant, list(past)],
        ).fetchall()
        for digest, position in found:
            seen = past[bytes(digest)]
            self.claims[seen.position].remove(seen)
            self._tell(
                Kind.WITNESS,
                f"{_begun(seen.where)} says that {self._whose} has an entry {seen.position}, with "
                f"the digest of entry {position}: the line was altered.",
                position=seen.position,
            )

    def _rewritten(self) -> None:
        """Tells of neighbours once: of a chain that was rewritten, all of them differ."""
        runs: list[list[tuple[Link, Witnessed]]] = []
        for link, seen in self.differs:
            if runs and (runs[-1][-1][0].position or 0) + 1 >= (link.position or 0):
                runs[-1].append((link, seen))
            else:
                runs.append([(link, seen)])
        for run in runs:
            (first, seen), (last, _) = run[0], run[-1]
            on = f" on {seen.at}" if seen.at else ""
            to = (
                f", and so are those after it, up to {_named(last)}"
                if last.position != first.position
                else ""
            )
            self._tell(
                Kind.REWRITTEN,
                f"{_named(first)} of {self._whose} is not the one that was witnessed{on} "
                f"({seen.where}): it was rewritten, with its digest{to}.",
                first,
                last=last.position,
            )

    def _cut_off(self, furthest: Witnessed) -> None:
        on = f" on {furthest.at}" if furthest.at else ""
        self._tell(
            Kind.CUT_OFF,
            f"{_entries(self.position + 1, furthest.position)} of {self._whose} "
            f"{'is' if furthest.position == self.position + 1 else 'are'} missing at the end: "
            f"entry {furthest.position} was witnessed{on} ({furthest.where}). What is left ends "
            f"{_after(self.last)}.",
            position=self.position + 1,
            last=furthest.position,
        )

    def _begins_or_ends(self, link: Link) -> None:
        """Keeps account of what has begun and not ended."""
        if link.id is None:
            return
        if link.stage == "begun":
            self.open[link.id] = link
        elif link.stage in ("finished", "failed"):
            details = link.told()
            begun = details.get("begun") if isinstance(details, dict) else None
            if begun is None:
                # Of an older release, which did not say of which beginning it is the end.
                begun = next(
                    (
                        id
                        for id, other in reversed(self.open.items())
                        if (other.operation, other.dagster_run_id)
                        == (link.operation, link.dagster_run_id)
                    ),
                    None,
                )
            if isinstance(begun, int):
                self.open.pop(begun, None)


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
        ).format(log=_LOG),
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


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _entries(first: int, last: int) -> str:
    return f"Entry {first}" if first == last else f"Entries {first} to {last}"


def _named(link: Link | None) -> str:
    """``Entry 3 (2026-…, export finished, id 7)``, for the beginning or the middle of a text."""
    if link is None:
        return "Entry 0"
    at = "no time" if link.at is None else chain.moment(link.at)
    which = "without a position" if link.position is None else str(link.position)
    return f"Entry {which} ({at}, {link.operation} {link.stage}, id {link.id})"


def _after(last: Link | None) -> str:
    return "before the first entry" if last is None else f"with {_named(last)}"
