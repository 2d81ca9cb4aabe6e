"""One pass over a tenant's drop place: everything that can be done now is done, and written down.

::

    seen → claimed → ready → launched → ending → done | failed | duplicate | review

What is about to be done is entered first and done then, and every step can be done twice. So a
pass that is cut off anywhere leaves what the next one goes on with; and a run begins for a row that
is ready, under a key that Dagster takes once.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from ispmig_pipelines.account import account
from ispmig_pipelines.drop import manifest, records, sets
from ispmig_pipelines.drop.manifest import Listed, ManifestUnreadable
from ispmig_pipelines.drop.names import DONE, FAILED, REVIEW, Kind, beside, shown
from ispmig_pipelines.drop.places import Place, address_of
from ispmig_pipelines.drop.records import Drop, State
from ispmig_pipelines.drop.rules import DropRule, DropSettings
from ispmig_pipelines.drop.sets import Lying
from ispmig_pipelines.errors import IspmigError, PlatformError
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.settings import settings

MOST_SETS = 100
"""Sets that one pass takes: a tick has a minute for all tenants."""

SUGGESTED = "suggested-spec.yaml"
PREVIEW = "preview.html"

_STANDING = frozenset({ledger.State.DONE, ledger.State.PUBLISHED, ledger.State.RUNNING})
_HELD = frozenset({ledger.State.DONE})


class Outcome(Enum):
    """How a run stands."""

    UNDER_WAY = "under way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class RunSeen:
    """A run of a drop; of several, which retry one another, the newest."""

    id: str
    outcome: Outcome


class Runs(Protocol):
    """Which runs there are; of Dagster, or of a test."""

    def newest(self, tags: Collection[str]) -> Mapping[str, RunSeen]:
        """:attr:`Drop.tag` → its newest run; those without one are left out."""
        ...

    def failure(self, run: str) -> str:
        """What a failed run said, in words; "" if it said nothing."""
        ...


@dataclass(frozen=True)
class Launch:
    """A run that is to begin."""

    tenant: str
    run_key: str
    tag: str
    title: str
    config: dict[str, Any]


@dataclass
class Passed:
    """What a pass has to tell.

    Attributes:
        told: sentences, each told once.
        unfinished: there was no time for the rest.
    """

    told: list[str] = field(default_factory=list)
    unfinished: bool = False


class Intake:
    """Takes in what was dropped for one tenant."""

    def __init__(
        self,
        connection: Connection,
        slug: str,
        place: Place,
        said: DropSettings,
        runs: Runs,
        *,
        now: Callable[[], dt.datetime] = ledger.now,
        until: float = float("inf"),
    ) -> None:
        """
        Args:
            connection: in no transaction; whoever calls holds the tenant's drop place
                (:func:`.records.alone`).
            now: the clock by which files settle.
            until: of ``time.monotonic``: when to leave the rest to the next pass.
        """
        self._connection = connection
        self._slug = slug
        self._place = place
        self._said = said
        self._runs = runs
        self._now = now
        self._until = until
        self._passed = Passed()

    def pass_over(self) -> Passed:
        """Goes on with what is under way, then looks at what is new.

        Raises:
            PlatformError: the place or the database cannot be used; what was done stands.
        """
        under_way = records.of_tenant(self._connection, self._slug, records.OPEN)[::-1]
        seen = self._runs.newest(
            [one.tag for one in under_way if one.state in (State.READY, State.LAUNCHED)]
        )
        for one in under_way:
            if not self._time():
                return self._passed
            self._go_on(one, seen)
        found = self._look()
        where = address_of(self._slug, self._said.place)
        for new in found.sets[:MOST_SETS]:
            if not self._time():
                return self._passed
            drop = records.enter(self._connection, self._slug, where, new)
            self._go_on(records.get(self._connection, self._slug, drop), {})
        self._passed.unfinished = len(found.sets) > MOST_SETS
        return self._passed

    def _time(self) -> bool:
        if time.monotonic() < self._until:
            return True
        self._passed.unfinished = True
        return False

    def _tell(self, text: str) -> None:
        self._passed.told.append(f"{self._slug}: {text}")

    # --- looking ------------------------------------------------------------------------------

    def _look(self) -> sets.Sorted:
        now = self._now()
        before = records.sightings(self._connection, self._slug)
        lying, since = [], {}
        for one in self._place.look():
            name = shown(one.name)
            known = before.get(name)
            same = known is not None and known.stamp == one.stamp and known.since <= now
            since[name] = known.since if known is not None and same else now
            quiet = (now - since[name]).total_seconds()
            lying.append(replace(one, quiet=quiet))
        found = sets.sort_out(lying, self._said.rules, self._manifests(lying))
        why = found.waiting | {
            one.name: f"is not taken: {one.problem}" for one in lying if one.problem
        }
        records.keep_sightings(self._connection, self._slug, lying, since, why)
        for one in lying:
            known = before.get(shown(one.name))
            if one.problem and (known is None or known.why != why[one.name]):
                self._tell(f"{shown(one.name)} {why[one.name]}.")
        return found

    def _manifests(self, lying: Sequence[Lying]) -> dict[str, tuple[Listed, ...] | str]:
        found: dict[str, tuple[Listed, ...] | str] = {}
        for one in lying:
            if one.kind is not Kind.MANIFEST or one.problem:
                continue
            if one.size > manifest.LARGEST:
                found[one.name] = "it is longer than a manifest may be"
                continue
            try:
                found[one.name] = manifest.parse(self._place.read(one.name, manifest.LARGEST))
            except ManifestUnreadable as error:
                found[one.name] = str(error)
            except IspmigError as error:
                self._tell(str(error))
        return found

    # --- going on -----------------------------------------------------------------------------

    def _go_on(self, one: Drop, seen: Mapping[str, RunSeen]) -> None:
        """Brings a drop as far as it can come now; what holds it up holds up no other."""
        steps: dict[State, Callable[[Drop], Drop | None]] = {
            State.SEEN: self._claim,
            State.CLAIMED: self._know,
            State.READY: lambda drop: self._after_run(drop, seen),
            State.LAUNCHED: lambda drop: self._after_run(drop, seen),
            State.ENDING: self._end,
        }
        drop: Drop | None = one
        try:
            while drop is not None and drop.state in steps:
                drop = steps[drop.state](drop)
        except PlatformError as error:
            self._connection.rollback()
            self._note(one, str(error))
        except (IspmigError, OSError) as error:
            self._connection.rollback()
            told = str(error) if isinstance(error, IspmigError) else error.strerror or "the disk"
            now = records.get(self._connection, self._slug, one.id)
            if now.state is State.CLAIMED:
                self._ending(now, State.FAILED, told)
            else:
                self._note(now, told)

    def _note(self, one: Drop, why: str) -> None:
        now = records.get(self._connection, self._slug, one.id)
        if now.why != why:
            self._tell(f"{now.title}: {why}")
            records.update(self._connection, one.id, why=why)

    def _claim(self, one: Drop) -> Drop | None:
        missing: list[str] = []
        for file in one.files:
            # A marker stays where the file that it closes does.
            alone = file["role"] != "file" and len(missing) == len(one.data) > 0
            if alone or not self._place.claim(one.id, file["name"], file["stamp"]):
                missing.append(file["name"])
        claimed = [file for file in one.files if file["name"] not in missing]
        if not claimed:
            # They are seen again as what they are now.
            return records.update(
                self._connection, one.id, state=State.GONE,
                why="It was taken away, or changed, before it was claimed.",
            )  # fmt: skip
        ending = one.ending
        if any(file["name"] in missing for file in one.data):
            lost = f"{', '.join(missing)} was taken away, or changed, while it was being claimed."
            ending = {"failure": lost}
        return records.update(
            self._connection, one.id, files=claimed, ending=ending, state=State.CLAIMED
        )

    def _know(self, one: Drop) -> Drop | None:
        """Finds out what it is: what was migrated before, what cannot be, what is to be."""
        one = self._read(one)
        why = (one.ending or {}).get("failure") or _wrong(one)
        if why:
            return self._ending(one, State.FAILED, why)
        earlier = self._earlier(one)
        if earlier is not None:
            if earlier.state in records.OPEN:
                self._note(one, f"Waits for drop {earlier.id}, which has the same content.")
                return None
            where = (earlier.ending or {}).get("folder", "")
            told = f"Its content is that of drop {earlier.id} ({earlier.title}, {where})"
            if earlier.migration is not None:
                told += f", migration {earlier.migration}"
            return self._ending(one, State.DUPLICATE, f"{told}. Nothing was migrated.")
        if one.rule is not None:
            _write(self._spec_of(one), self._text(one, one.rule))
        else:
            why = self._suggest(one)
            if why:
                return self._ending(one, State.REVIEW, f"No rule is for files of this name, and no "
                                    f"spec can be suggested: {why}")  # fmt: skip
        return records.update(self._connection, one.id, state=State.READY, why="")

    def _read(self, one: Drop) -> Drop:
        work = self._place.work(one.id) / "files"
        if one.content is not None and all((work / f["name"]).is_file() for f in one.files):
            return one  # it waits for another one of its content, and may be long
        files = []
        for file in one.files:
            digest, size = self._place.fetch(one.id, file["name"])
            files.append(file | {"sha256": digest, "bytes": size})
        content = records.content_of(f["sha256"] for f in files if f["role"] == "file")
        return records.update(self._connection, one.id, files=files, content=content)

    def _earlier(self, one: Drop) -> Drop | None:
        """A drop of the same content that stands, or may come to stand."""
        for other in records.same_content(self._connection, one):
            if other.state in records.OPEN:
                # One for review loads nothing, so it stands in nobody's way but its like's.
                if (other.rule is None) == (one.rule is None) and (
                    other.id < one.id or other.state is not State.CLAIMED
                ):
                    return other
                continue
            if other.state is State.REVIEW and one.rule is None:
                return other
            if other.migration is None or other.state not in (State.DONE, State.FAILED):
                continue
            with self._connection.begin():
                entry = ledger.migration(self._connection, other.migration)
            # One that was rolled back is not there any more, and one that failed may have been
            # gone on with in the UI.
            if entry.mode != "dry_run" and entry.state in _HELD:
                return other
        return None

    def _spec_of(self, one: Drop) -> Path:
        return spec_of(one, self._place)

    def _text(self, one: Drop, rule: DropRule) -> str:
        from ispmig_pipelines.mapping.spec import parse_spec

        names = [file["name"] for file in one.data]
        text = rule.spec_for(
            {s: [n for n in names if s in rule.sources_of(n)] for s in rule.patterns}, "files"
        )
        parse_spec(text, self._spec_of(one))
        return text

    def _suggest(self, one: Drop) -> str:
        """Writes the spec that is suggested; returns why there is none, or ""."""
        from ispmig_pipelines.suggesting import suggest

        out = self._spec_of(one)
        work = self._place.work(one.id) / "files"
        try:
            found = suggest([str(work / file["name"]) for file in one.data], out)
        except IspmigError as error:
            if isinstance(error, PlatformError):
                raise
            return str(error)
        _write(out, found.text)
        return ""

    # --- runs ---------------------------------------------------------------------------------

    def _after_run(self, one: Drop, seen: Mapping[str, RunSeen]) -> Drop | None:
        run = seen.get(one.tag)
        if run is None:
            if one.state is State.READY:
                return None
            return self._run_vanished(one)
        if run.outcome is Outcome.UNDER_WAY:
            if one.state is State.READY or one.run_id != run.id:
                records.update(self._connection, one.id, state=State.LAUNCHED, run_id=run.id)
            return None
        with self._connection.begin():
            entry = ledger.migration_of_run(self._connection, run.id)
        migration = None if entry is None else entry.id
        one = records.update(self._connection, one.id, run_id=run.id, migration=migration)
        if one.rule is None:
            why = "No rule is for files of this name: look at the suggested spec and its preview."
            if run.outcome is Outcome.FAILED:
                why += f" As it is, it would be refused: {self._why_failed(run, entry)}"
            return self._ending(one, State.REVIEW, why)
        if run.outcome is Outcome.SUCCEEDED:
            return self._ending(one, State.DONE, "")
        return self._ending(one, State.FAILED, self._why_failed(run, entry))

    def _why_failed(self, run: RunSeen, entry: ledger.Migration | None) -> str:
        told = self._runs.failure(run.id) or (entry.error if entry else "") or ""
        return told or f"The run {run.id} failed without a word; its log is in the Dagster UI."

    def _run_vanished(self, one: Drop) -> Drop | None:
        """Somebody deleted the run. What it had done is in our ledger."""
        with self._connection.begin():
            entry = ledger.migration_of_run(self._connection, one.run_id or "")
        if entry is not None and entry.state in _STANDING and entry.mode != "dry_run":
            if entry.state is not ledger.State.DONE:
                return None
            one = records.update(self._connection, one.id, migration=entry.id)
            return self._ending(one, State.DONE, "")
        self._tell(f"{one.title}: its run is gone; another one is begun.")
        records.update(
            self._connection, one.id, state=State.READY, run_id=None, attempt=one.attempt + 1
        )
        return None

    # --- ending -------------------------------------------------------------------------------

    def _ending(self, one: Drop, state: State, why: str) -> Drop:
        """Settles where everything goes, before anything does."""
        if state is State.REVIEW:
            folder = f"{REVIEW}/{one.title}"
            if self._place.holds(folder):
                folder = f"{REVIEW}/{beside(one.title, one.id)}"
        else:
            folder = FAILED if state is State.FAILED else DONE
        names = {}
        for file in one.files:
            name = file["name"]
            taken = self._place.holds(f"{folder}/{name}")
            names[name] = beside(name, one.id) if taken else name
        base = names[one.title]
        if base == one.title and self._place.holds(f"{folder}/{base}.report.json"):
            base = beside(base, one.id)
        ending = {"state": state.value, "folder": folder, "names": names, "report": base,
                  "why": why}  # fmt: skip
        return records.update(self._connection, one.id, state=State.ENDING, ending=ending, why=why)

    def _end(self, one: Drop) -> Drop:
        ending = one.ending or {}
        state, folder = State(ending["state"]), ending["folder"]
        # What tells what became of the files is there before they are.
        for name, text in self._papers(one, state).items():
            self._place.put(f"{folder}/{name}", text.encode())
        for file in one.files:
            self._place.move(one.id, file["name"], f"{folder}/{ending['names'][file['name']]}")
        self._place.forget(one.id)
        one = records.update(self._connection, one.id, state=state)
        what = {
            State.DONE: f"was migrated (migration {one.migration})",
            State.DUPLICATE: "was migrated before",
            State.FAILED: "was not migrated",
            State.REVIEW: "waits for a spec",
        }[state]
        self._tell(f"{one.title} {what} and lies in {folder}. {ending['why']}".strip())
        return one

    def _papers(self, one: Drop, state: State) -> dict[str, str]:
        """Reports that go beside the files: name → text."""
        ending = one.ending or {}
        base = ending["report"]
        if state is State.REVIEW:
            spec = self._spec_of(one)
            papers = {"note.txt": ending["why"] + "\n"}
            if spec.is_file():
                papers[spec.name] = spec.read_text(encoding="utf-8")
            page = self._preview(one)
            if page:
                papers[PREVIEW] = page
            return papers
        if one.migration is not None and state is not State.DUPLICATE:
            from ispmig_pipelines import reporting

            try:
                made = reporting.report(self._connection, self._slug, one.migration)
                self._connection.rollback()
                return {
                    f"{base}.report.html": reporting.written(made, reporting.ReportFormat.html),
                    f"{base}.report.json": reporting.written(made, reporting.ReportFormat.json),
                }
            except PlatformError:
                raise
            except IspmigError:
                self._connection.rollback()
        told = one.as_json() | {"state": state.value}
        return {
            f"{base}.report.html": _page(one, state),
            f"{base}.report.json": json.dumps(told, ensure_ascii=False, indent=1) + "\n",
        }

    def _preview(self, one: Drop) -> str:
        """The preview of a suggested spec as a page; "" if there is none."""
        from ispmig_pipelines.preview import store
        from ispmig_pipelines.preview.page import page

        if one.migration is None:
            return ""
        try:
            report = store.read(settings().reports_folder, self._slug, one.migration)
        except IspmigError:
            return ""
        details = {"what": "preview", "migration": one.migration, "to": f"review of drop {one.id}"}
        # It has cells of the tenant's in it, as the file that it lies beside has.
        with self._connection.begin():
            trail.enter(
                self._connection, self._slug, trail.Operation.ACCESS, trail.Stage.FINISHED,
                actor=account(), dagster_run_id=one.run_id or "", details=details,
            )  # fmt: skip
        return page(report)


def _wrong(one: Drop) -> str:
    """Why it cannot be migrated, as far as its bytes alone say."""
    for file in one.data:
        if not file["bytes"]:
            return f"{file['name']} is empty: it has no bytes. Drop it again when it is written."
        said = file.get("expected_bytes")
        if said is not None and said != file["bytes"]:
            return f"{file['name']} has {file['bytes']:,} bytes, and its manifest says {said:,}."
        digest = file.get("expected_sha256")
        if digest and digest != file["sha256"]:
            return (
                f"{file['name']} is not the file that its manifest says: its SHA-256 is "
                f"{file['sha256']}. Send it again."
            )
    return ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.new")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _page(one: Drop, state: State) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(shown(file['name']))}</td><td>{file['bytes']:,}</td>"
        f"<td><code>{file.get('sha256') or ''}</code></td></tr>"
        for file in one.files
    )
    why = html.escape((one.ending or {}).get("why", ""))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Drop {one.id}: {state.value}</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
        "td,th{text-align:left;padding:.2em 1em .2em 0}</style>"
        f"<h1>Drop {one.id} of {html.escape(one.tenant)}: {state.value}</h1><p>{why}</p>"
        f"<table><tr><th>file</th><th>bytes</th><th>SHA-256</th></tr>{rows}</table></html>\n"
    )


def spec_of(one: Drop, place: Place) -> Path:
    """Where the spec of a drop's run lies, by which its files are found."""
    work = place.work(one.id)
    if one.rule is not None:
        return work / f"{one.rule.name}.yaml"
    taken = {file["name"] for file in one.files}
    return work / "files" / (SUGGESTED if SUGGESTED not in taken else beside(SUGGESTED, one.id))


def config_of(one: Drop, place: Place) -> dict[str, Any]:
    """What the op ``extract`` of a drop's run is told."""
    spec = {"spec": str(spec_of(one, place))}
    if one.rule is None:
        return spec | {"mode": "dry_run"}
    return spec | {
        "mode": "load",
        "on_conflict": one.rule.on_conflict,
        "max_quarantined": one.rule.max_quarantined,
    }


def launches(connection: Connection, place_of: Callable[[str], Place], most: int) -> list[Launch]:
    """Runs that are to begin, of all tenants."""
    return [
        Launch(one.tenant, one.run_key, one.tag, one.title,
               config_of(one, place_of(one.tenant)))
        for one in records.ready(connection, most)
    ]  # fmt: skip


def retry(connection: Connection, tenant: tenants.Tenant, place: Place, drop: int) -> Drop:
    """Puts the files of a drop that has ended back to where they were dropped, to be taken anew.

    Raises:
        UsageError: it has not ended, its files are gone, or others lie there under their names.
    """
    from ispmig_pipelines.errors import UsageError

    one = records.get(connection, tenant.slug, drop)
    if one.state not in (State.DONE, State.FAILED, State.REVIEW, State.DUPLICATE):
        raise UsageError(f"Drop {drop} is {one.state.value}: there is nothing to retry yet.")
    ending = one.ending or {}
    back = [
        file["name"]
        for file in one.files
        if place.put_back(f"{ending['folder']}/{ending['names'][file['name']]}", file["name"])
    ]
    if not any(file["name"] in back for file in one.data):
        raise UsageError(
            f"The files of drop {drop} lie in {ending['folder']} no more. Drop them again."
        )
    return records.update(connection, drop, state=State.RETRIED, why="Its files were put back.")
