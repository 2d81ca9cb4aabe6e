"""The walk along a chain of the audit trail: each entry held against the one before it, against its
own digest, and against what was witnessed of it."""

from __future__ import annotations

import psycopg
from psycopg import sql

from ispmig_pipelines.platform.audit import chain
from ispmig_pipelines.platform.audit.chain import GENESIS, Head, Link
from ispmig_pipelines.platform.audit.problems import Kind, Problem, Verified
from ispmig_pipelines.platform.audit.witness import Testimony, Witnessed
from ispmig_pipelines.platform.ledger import SCHEMA
from ispmig_pipelines.platform.trail import Operation

_NEAR = 100
"""How far around the place of an entry that is not whole it is tried whether it was moved."""

_MANY = 1_000
"""After so many problems entries are not tried any more: they are told as altered."""

LOG = sql.Identifier(SCHEMA, "data_migration_logs")


class Walk:
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
        """Takes the next entry of the chain."""
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
            ).format(log=LOG, heads=sql.Identifier(SCHEMA, "audit_heads")),
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
                ).format(log=LOG),
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
            ).format(LOG),
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
