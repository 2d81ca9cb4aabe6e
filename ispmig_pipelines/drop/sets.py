"""Which files of a drop place belong together, and whether they are all there and whole.

A pure function of what lies there, for how long it has not changed, and the tenant's rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ispmig_pipelines.drop.manifest import Listed
from ispmig_pipelines.drop.names import MARKER, Kind
from ispmig_pipelines.drop.rules import SETTLE, DropRule


@dataclass(frozen=True)
class Lying:
    """What lies in a drop place under a name.

    Attributes:
        stamp: another one as soon as its content changes.
        quiet: seconds for which it has been seen unchanged.
        problem: why it is not taken; "" if it may be.
    """

    name: str
    kind: Kind
    size: int
    stamp: str
    modified: dt.datetime
    quiet: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class DropSet:
    """Files that are migrated together.

    Attributes:
        files: those that are read.
        besides: their manifest and markers, which go with them.
        expected: name → what a manifest says of it.
        closed_by: what says that they are whole: ``marker``, ``manifest`` or ``settled``.
        failure: why they cannot be migrated; "" if they can.
    """

    files: tuple[Lying, ...]
    rule: DropRule | None
    closed_by: str
    besides: tuple[Lying, ...] = ()
    expected: Mapping[str, Listed] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Sorted:
    """What may be taken, and why the rest may not yet: name → reason."""

    sets: tuple[DropSet, ...]
    waiting: dict[str, str]


def sort_out(
    lying: Sequence[Lying],
    rules: Sequence[DropRule],
    manifests: Mapping[str, tuple[Listed, ...] | str],
) -> Sorted:
    """Finds the sets.

    Args:
        manifests: name of a manifest → its files, or why it is none.
    """
    free = {one.name: one for one in lying if one.kind is Kind.FILE and not one.problem}
    markers = [one for one in lying if one.kind is Kind.MARKER and not one.problem]
    waiting: dict[str, str] = {}
    sets: list[DropSet] = []
    for one in lying:
        if one.kind is Kind.MANIFEST and one.name in manifests:
            sets += _of_manifest(one, manifests[one.name], free, rules, waiting)
    closing = {name: [m for m in markers if _closes(m, one, free, rules)]
               for name, one in free.items()}  # fmt: skip
    ruled = {name: rule_of(name, rules) for name in free}
    for rule in rules:
        own = [free[name] for name in free if ruled[name] is rule]
        for group in _groups(rule, own):
            sets += _of_group(rule, group, closing, waiting)
    for name, rule_ in ruled.items():
        if rule_ is None:
            sets += _of_group(None, [free[name]], closing, waiting)
    for marker in markers:
        if not any(marker in marks for marks in closing.values()):
            waiting[marker.name] = "waits for the file that it closes"
    sets.sort(key=lambda s: (max(f.modified for f in (*s.files, *s.besides)), _first(s)))
    return Sorted(_each_once(sets), waiting)


def rule_of(name: str, rules: Sequence[DropRule]) -> DropRule | None:
    """The first rule whose patterns match."""
    return next((rule for rule in rules if rule.sources_of(name)), None)


def _first(one: DropSet) -> str:
    return min(f.name for f in (*one.files, *one.besides))


def _each_once(sets: list[DropSet]) -> tuple[DropSet, ...]:
    """A marker that closes several sets goes with the first of them."""
    taken: set[str] = set()
    kept = []
    for one in sets:
        besides = tuple(b for b in one.besides if b.name not in taken)
        taken |= {b.name for b in besides}
        kept.append(DropSet(one.files, one.rule, one.closed_by, besides, one.expected, one.failure))
    return tuple(kept)


def _of_manifest(
    manifest: Lying,
    said: tuple[Listed, ...] | str,
    free: dict[str, Lying],
    rules: Sequence[DropRule],
    waiting: dict[str, str],
) -> list[DropSet]:
    json = not isinstance(said, str) and manifest.name.lower().endswith(".json")
    # A list of lines looks whole at the end of any of them.
    if not json and manifest.quiet < _settle(None):
        waiting[manifest.name] = "may still be written"
        if isinstance(said, str):
            return []
    if isinstance(said, str):
        return [DropSet((), None, "manifest", (manifest,), failure=f"{manifest.name}: {said}.")]
    names = [one.name for one in said]
    own = [free.pop(name) for name in names if name in free]
    wrong = [
        one.name
        for one in said
        for found in own
        if found.name == one.name and one.bytes is not None and one.bytes != found.size
    ]
    lacking = sorted(set(names) - {one.name for one in own})
    for one in own:
        waiting[one.name] = f"waits for the other files of {manifest.name}"
    if lacking:
        waiting[manifest.name] = f"waits for {', '.join(lacking[:5])}"
        return []
    if wrong and any(one.quiet < _settle(None) for one in own if one.name in wrong):
        waiting[manifest.name] = f"waits for the rest of {', '.join(wrong[:5])}"
        return []
    if manifest.name in waiting:
        return []
    for one in own:
        del waiting[one.name]
    rule = next((r for r in rules if all(r.sources_of(name) for name in names)), None)
    failure = ""
    if wrong:
        failure = f"{', '.join(wrong[:5])} has not the length that {manifest.name} says."
    elif rule is not None and (missing := _sources_without(rule, own)):
        failure = f"{manifest.name} lists no file for {', '.join(missing)} of {rule.name}."
    expected = {one.name: one for one in said}
    return [DropSet(tuple(own), rule, "manifest", (manifest,), expected, failure)]


def _closes(
    marker: Lying, one: Lying, free: Mapping[str, Lying], rules: Sequence[DropRule]
) -> bool:
    stem = marker.name[: -len(MARKER)]
    if stem in (one.name, one.name.partition(".")[0]) or one.name.startswith(f"{stem}."):
        return bool(stem)
    rule = rule_of(one.name, rules)
    if stem and rule is not None and stem in (rule.name, rule.key_of(one.name)):
        return True
    named = stem and (
        "." in stem
        or any(name == stem or name.startswith(f"{stem}.") for name in free)
        or any(stem == r.name for r in rules)
        or any(r.key_of(name) == stem for name in free for r in rules)
    )
    # It names nothing that lies here, so it closes what was there before it.
    return not named and one.modified <= marker.modified


def _groups(rule: DropRule, own: list[Lying]) -> list[list[Lying]]:
    if rule.single:
        return [[one] for one in own]
    keys = {one.name: rule.key_of(one.name) for one in own}
    if any(key is None for key in keys.values()):
        return [own] if own else []
    groups: dict[str | None, list[Lying]] = {}
    for one in own:
        groups.setdefault(keys[one.name], []).append(one)
    return list(groups.values())


def _of_group(
    rule: DropRule | None,
    group: list[Lying],
    closing: Mapping[str, list[Lying]],
    waiting: dict[str, str],
) -> list[DropSet]:
    lacking = _sources_without(rule, group) if rule else []
    if lacking:
        for one in group:
            waiting[one.name] = f"waits for the file of {', '.join(lacking)}"
        return []
    marked = all(closing[one.name] for one in group)
    patient = rule is not None and rule.marked
    for one in group:
        if closing[one.name]:
            continue
        if patient:
            waiting[one.name] = "waits for its marker"
        elif one.quiet < _settle(rule):
            waiting[one.name] = f"may still be written: not changed for {one.quiet:.0f} s"
    if any(one.name in waiting for one in group):
        return []
    besides = tuple({m.name: m for one in group for m in closing[one.name]}.values())
    return [DropSet(tuple(group), rule, "marker" if marked else "settled", besides)]


def _sources_without(rule: DropRule, own: Sequence[Lying]) -> list[str]:
    there = {source for one in own for source in rule.sources_of(one.name)}
    return [source for source in rule.patterns if source not in there]


def _settle(rule: DropRule | None) -> float:
    return SETTLE if rule is None else rule.settle
