# ruff: noqa: E501
"""How well a column is a field: by its name, and by whether its cells are what the field holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ispmig_pipelines.mapping.suggest.column_groups import (
    BUYERS,
    mailed,
    of_others,
    strange_beginnings,
)
from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.made_columns import MadeColumn
from ispmig_pipelines.mapping.suggest.named import OF_WORDS, headed, named, names_nothing
from ispmig_pipelines.mapping.suggest.parts_of_cells import part_for
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.sample import TableSample
from ispmig_pipelines.mapping.suggest.siblings import numbered_dates, spelled_out
from ispmig_pipelines.mapping.suggest.weighed import by_value, weigh
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldType

ACTIVE = 0.6
"""A surer match is an active line of the spec; others are comments."""
TOLD = 0.35
"""A match that is worth telling as a candidate."""
_CALLED = 0.85
"""A name that is surely a field's."""


@dataclass(frozen=True)
class Match:
    """A column that may be a field.

    Attributes:
        score: 0 to 1.
        reason: why, in a few words without any cell's content.
    """

    entity: str
    field: str
    column: str
    score: float
    reason: str
    through: tuple[str, str, str] | None = None
    """Source, key and value of the table in which the cells are looked up, if they are."""
    called: float = 0.0
    """How well its name alone is the field, 0 to 1; 0 where it is not by its name."""


def _weighed(score: float, profile: Profile, entity: str, field: str) -> tuple[float, str]:
    """What is left of a name's likeness when the cells were seen, and why: a part of them may be
    what the field holds."""
    part = part_for(profile, field)
    return weigh(score, profile, entity, field) if part is None else (score, f"; {part.note}")


def _unfit(table: TableSample, column: str, profile: Profile) -> bool:
    """Whether what a column's name means is not what its cells are, of any entity: a ``contact``
    that is a telephone number."""
    context = frozenset(concepts_of(table.name))
    return not any(
        _weighed(score, profile, entity, field)[0] >= ACTIVE
        for entity in ENTITIES
        for field, (score, _) in named(entity, column, context).items()
    )


def matches(
    table: TableSample,
    profiles: dict[str, Profile],
    entity: str,
    above: str = "",
    made: Mapping[str, MadeColumn] = MappingProxyType({}),
) -> list[Match]:
    """Every column that may be a field of the entity, best first.

    Args:
        above: the entity of the parents of these records, if they have any.
        made: the columns that can be made of the table's, by their names.
    """
    context = frozenset(concepts_of(table.name)) | strange_beginnings(table.names)
    context |= {above} if above else frozenset()
    info = ENTITIES[entity]
    found: list[Match] = []
    heads: list[Match] = []
    spelled = {**spelled_out(table.names), **mailed(table.names)}
    spelled |= numbered_dates(table.names, entity)
    if mailed(table.names) and entity == "location":
        # Where bills go is not where the line is.
        spelled |= {n: f"billing {rest}" for n, rest in mailed(table.names).items()}
    others = of_others(table) if entity in ("customer", "location", "service") else frozenset()
    if entity == "invoice":
        # A bill is to its buyer, and from its seller.
        others = frozenset(c for c in of_others(table) if words_of(c)[0] not in BUYERS)
    keys = {*info.key, *info.references}
    codes = {m.columns[0] for m in made.values() if m.source}
    spelled |= {name: m.called for name, m in made.items()}
    for column in (*table.names, *made):
        profile = profiles[column]
        if column in others:
            continue
        if column in made:
            if entity not in (made[column].only or ENTITIES):
                continue
            found += [
                replace(m, score=m.score + 0.01, reason=f"{m.reason}; {made[column].told}")
                for m in _of_made(column, made[column], profile, entity, context)
                if m.field not in keys
                and not (made[column].source and info.fields[m.field].type in _OF_THE_RECORD)
            ]
            continue
        if column.startswith(_PARENT):
            found += _of_parent(column, entity, context)
            continue
        for field, (score, why) in named(entity, spelled.get(column, column), context).items():
            weighed, seen = _weighed(score, profile, entity, field)
            if any(len(w) == 1 and w.isalpha() for w in words_of(column)):
                # s_iva stands behind iva.
                weighed -= 0.02
            if column in codes and field not in keys:
                # What a code means says its table.
                continue
            if weighed >= TOLD:
                called = score if score >= _CALLED else 0.0
                found.append(Match(entity, field, column, weighed, f"{why}{seen}", called=called))
        if column in codes:
            continue
        if not profile.is_empty:
            known = {m.field for m in found if m.score >= ACTIVE}
            for field, score in headed(entity, column).items():
                weighed, seen = _weighed(score, profile, entity, field)
                typed = info.fields[field].type is not FieldType.TEXT or field in OF_WORDS
                coded = info.fields[field].type in _ANSWERED and all(
                    v.lstrip("-").isdigit() for v in profile.column.some(50)
                )
                if (
                    field not in known
                    and not coded
                    and typed
                    and weighed >= ACTIVE
                    and not seen.startswith("; only")
                ):
                    heads.append(
                        Match(entity, field, column, weighed, f"its head means the field{seen}")
                    )
        if not profile.is_empty and (
            names_nothing(table, column) or _unfit(table, column, profile)
        ):
            for field, score, why in by_value(profile, entity):
                if field in info.fields:
                    found.append(Match(entity, field, column, score, why))
    # The head of a name decides only where no other column is better, and one head is meant.
    sure = {m.field for m in found if m.score >= ACTIVE}
    taken = {m.column for m in found if m.score >= 0.8}
    claimed = Counter(m.field for m in heads)
    found += [m for m in heads
              if m.field not in sure and m.column not in taken and claimed[m.field] == 1]  # fmt: skip
    found += _coordinates(table, profiles, entity)
    found = [m for m in found if not _asks(m.column, entity, m.field)]
    found = _without_idle_flags(found, profiles)
    if entity == "customer":
        found = _full_names_first(found, profiles)
    best: dict[tuple[str, str], Match] = {}
    for match in found:
        old = best.get((match.field, match.column))
        if old is None or match.score > old.score:
            best[match.field, match.column] = match
    order = {name: place for place, name in enumerate(info.fields)}
    place = {name: p for p, name in enumerate((*table.names, *made))}
    return sorted(best.values(), key=lambda m: (-m.score, place[m.column], order[m.field]))


def _full_names_first(found: list[Match], profiles: dict[str, Profile]) -> list[Match]:
    """Beside whole names a ``name`` of one word each, everybody's another, is a login."""
    whole = any(
        m.field == "last_name" and m.score >= 0.85 and concepts_of(m.column) == ("full", "name")
        and profiles[m.column].share("person") >= 0.8 for m in found
    )  # fmt: skip
    if not whole:
        return found
    return [
        replace(m, score=m.score * 0.55, reason=f"{m.reason}; full names stand apart: a login?")
        if m.field == "last_name" and concepts_of(m.column) == ("name",)
        and profiles[m.column].share("person") < 0.2 and profiles[m.column].column.is_unique else m
        for m in found
    ]  # fmt: skip


def _without_idle_flags(found: list[Match], profiles: dict[str, Profile]) -> list[Match]:
    """``suspended`` that is no for all says nothing beside a ``status`` of several words."""
    called = [m for m in found if m.field == "status" and concepts_of(m.column) == ("status",)
              and len(profiles[m.column].column.counts) > 1 and profiles[m.column].few_words]  # fmt: skip
    if not called:
        return found
    return [
        replace(m, score=m.score * 0.5, reason=f"{m.reason}; the same for all beside a status")
        if m.field == "status" and len(profiles[m.column].column.counts) == 1 else m
        for m in found
    ]  # fmt: skip


_OF_THE_RECORD = (FieldType.MONEY, FieldType.DATE, FieldType.TIMESTAMP, FieldType.EMAIL,
                  FieldType.PHONE, FieldType.MAC, FieldType.ADDRESS)  # fmt: skip
"""What no code stands for: every record has its own."""


def _of_made(
    name: str, made: MadeColumn, profile: Profile, entity: str, context: frozenset[str]
) -> list[Match]:
    """What a column that is made may be, by what it would be called."""
    found = []
    for field, (score, why) in named(entity, made.called, context).items():
        weighed, seen = _weighed(score, profile, entity, field)
        if weighed >= TOLD:
            found.append(Match(entity, field, name, weighed, f"{why}{seen}"))
    return found


_PARENT = "_parent_"


def _of_parent(column: str, entity: str, context: frozenset[str]) -> list[Match]:
    """A table of children (JSON) has its parent's cells, too: its key is what they refer to."""
    name = column.removeprefix(_PARENT)
    found = []
    for field, parent in ENTITIES[entity].references.items():
        said = set(concepts_of(name))
        if said == {"id"} and set(concepts_of(parent)) & context:
            score = 0.9 if column_key(name) in ("id", "number") else 0.8
            found.append(Match(entity, field, column, score, f"number of its {parent}"))
        elif (
            "id" in said
            and said & set(concepts_of(parent))
            and said <= {"id", "account", *concepts_of(parent)}
        ):
            found.append(Match(entity, field, column, 0.85, f"number of its {parent}"))
    return found


_ASKING = frozenset(
    {"aplica", "aplicar", "tiene", "tem", "requiere", "requer", "has", "ist", "hat", "czy", "est"}
)
"""First words of columns that say yes or no."""
_ANSWERED = (FieldType.BOOLEAN, FieldType.CHOICE)


def _asks(column: str, entity: str, field: str) -> bool:
    """Whether a name asks a question that the field does not answer: ``aplica_iva`` is no rate."""
    words = words_of(column)
    return (
        words[:1] != words
        and bool(_ASKING & set(words[:1]))
        and (ENTITIES[entity].fields[field].type not in _ANSWERED)
    )


def _coordinates(table: TableSample, profiles: dict[str, Profile], entity: str) -> list[Match]:
    """Two neighbouring columns of coordinates whose names say nothing are latitude, longitude."""
    if entity != "location":
        return []
    names = [
        n for n in table.names
        if profiles[n].share("coordinate") >= 0.9 and names_nothing(table, n)
    ]  # fmt: skip
    if len(names) != 2 or table.names.index(names[1]) - table.names.index(names[0]) != 1:
        return []
    why = "two neighbouring columns of decimal degrees"
    beyond = [
        any(abs(float(v.replace(",", "."))) > 90 for v in profiles[n].column.some()
            if v.replace(",", ".").replace(".", "", 1).lstrip("-").isdigit())
        for n in names
    ]  # fmt: skip
    if beyond[0]:
        names.reverse()
    score = 0.72 if any(beyond) else 0.66
    return [
        Match("location", "latitude", names[0], score, why),
        Match("location", "longitude", names[1], score, why),
    ]
