"""Mistakes of a block's conditions and rules, and of how blocks share the records of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ispmig_pipelines.condition import ConditionMistakes, fields_of
from ispmig_pipelines.mapping.block_models import Legacy, LegacyJson, Rule
from ispmig_pipelines.mapping.condition_cells import checked_condition
from ispmig_pipelines.mapping.literals import unfit
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping
from ispmig_pipelines.mapping.yaml_document import Path
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.nearest import did_you_mean

Said = Iterator[tuple[Path, str]]
"""Where, and what is wrong there."""


def mistakes_of_rules(
    entity: EntityInfo,
    block: dict[str, Any],
    path: Path,
    defaults: Defaults,
    of_field: Callable[[FieldInfo, FieldMapping], Iterator[str]],
) -> Said:
    """What is wrong with a block's ``when`` and ``rules``, apart from their shapes.

    Args:
        of_field: what is wrong with a mapping for a field.
    """
    if block.get("when") is not None:
        yield from _of_when(entity, block["when"], (*path, "when"))
    rules = block.get("rules")
    mapped = set(block["fields"]) if isinstance(block.get("fields"), dict) else set()
    for index, raw in enumerate(rules if isinstance(rules, list) else []):
        at = (*path, "rules", index)
        try:
            rule = Rule.model_validate(raw)
        except ValidationError:
            continue
        fields = mapped | set(rule.set or {}) | set(rule.map or {})
        try:
            condition = checked_condition(rule.when, entity.name, at=(*at, "when"))
        except ConditionMistakes as mistakes:
            yield from ((m.path, f"{entity.name}, rule {index + 1}: {m.text}")
                        for m in mistakes.mistakes)  # fmt: skip
        else:
            for operand in fields_of(condition):
                if operand.field not in mapped and operand.field in entity.fields:
                    yield (
                        (*at, "when"),
                        f"{entity.name}, rule {index + 1}: {operand.field} is not mapped in this "
                        "block, so it holds nothing; map it, or ask for the column instead: "
                        "column: {NAME: …}",
                    )
        yield from _of_targets(entity, rule, index, fields, at, defaults, of_field)
        mapped = fields


def _of_when(entity: EntityInfo, data: Any, at: Path) -> Said:
    try:
        condition = checked_condition(data, entity.name, at=at)
    except ConditionMistakes as mistakes:
        yield from ((m.path, f"{entity.name}.when: {m.text}") for m in mistakes.mistakes)
        return
    fields = [operand.field for operand in fields_of(condition)]
    if fields:
        yield (
            at,
            f"{entity.name}.when: the source's columns tell which records a block takes: write "
            f"column: {{NAME: …}} instead of {', '.join(fields)}; or make it a rule with leave_out "
            "or route",
        )


def _of_targets(
    entity: EntityInfo,
    rule: Rule,
    index: int,
    mapped: set[str],
    at: Path,
    defaults: Defaults,
    of_field: Callable[[FieldInfo, FieldMapping], Iterator[str]],
) -> Said:
    where = f"{entity.name}, rule {index + 1}"
    for action, targets in (("set", rule.set or {}), ("map", rule.map or {})):
        for name, content in targets.items():
            here = (*at, action, name)
            if name not in entity.fields:
                hint = did_you_mean(name, entity.fields)
                yield here, f"{where}: {entity.name} has no field {name!r}{hint}"
                continue
            info = entity.fields[name]
            if isinstance(content, FieldMapping):
                yield from ((here, f"{where}, {name}: {text}") for text in of_field(info, content))
            else:
                yield from ((here, f"{where}, {name}: {text}")
                            for text in _unfit_to_set(info, content, defaults))  # fmt: skip
            if name in entity.money.values() and action == "set" and _amounts(entity, name, mapped):
                yield (
                    here,
                    f"{where}: {name} is the currency of amounts, which would then be others; a "
                    "rule cannot set it. Give it in fields, with a lookup",
                )
            currency = entity.money.get(name)
            if currency is not None and currency not in mapped:
                yield here, f"{where}, {name}: {currency} must be mapped beside it"


def _amounts(entity: EntityInfo, currency: str, mapped: set[str]) -> list[str]:
    return [name for name, own in entity.money.items() if own == currency and name in mapped]


def _unfit_to_set(info: FieldInfo, word: str | None, defaults: Defaults) -> Iterator[str]:
    if info.key:
        yield "the key cannot be set: all these records would be one; map it from a column"
    if word is None:
        if info.must_hold_value:
            yield "every record must have it, so it cannot be set to nothing"
        return
    for _, accepted in unfit([word], FieldMapping(constant=word), info, defaults):
        hint = (
            did_you_mean(word, info.choices)
            if info.type is FieldType.CHOICE
            else f"; it must be {accepted}"
        )
        yield f"{word!r} is nothing that the field can hold{hint}"


@dataclass(frozen=True)
class Taking:
    """What a block says of the records and cells that it takes from its source.

    Attributes:
        some: how it says that it takes some of the records only (``when_filled``, ``when``), or "".
        legacy: what it says of the unused columns.
        routes: (where, entity) of each of its rules that sends records elsewhere.
    """

    entity: str
    path: Path
    some: str
    legacy: bool | None
    routes: tuple[tuple[Path, str], ...]


def taking(entity: str, block: dict[str, Any], path: Path) -> Taking:
    """Reads what a block, with or without mistakes, says of what it takes."""
    try:
        said = TypeAdapter(Legacy | None).validate_python(block.get("legacy"))
        legacy = True if isinstance(said, LegacyJson) else said
    except ValidationError:
        legacy = None
    some = [name for name in ("when_filled", "when") if block.get(name) is not None]
    rules = block.get("rules")
    routes = [
        ((*path, "rules", index, "route"), str(rule["route"]))
        for index, rule in enumerate(rules if isinstance(rules, list) else [])
        if isinstance(rule, dict) and rule.get("route") is not None
    ]
    return Taking(entity, path, some[0] if some else "", legacy, tuple(routes))


def mistakes_of_sharing(source: str, own: list[Taking], *, whole: bool) -> Said:
    """What is wrong with how the blocks of a source share its records.

    Args:
        whole: all of its blocks are known; else one that misnames its source may be missing.
    """
    receiving = {entity for block in own for _, entity in block.routes}
    yield from _of_routes(source, own)
    left = [block for block in own if block.entity not in receiving]
    if whole and left and all(block.some for block in left):
        yield (
            (*left[-1].path, left[-1].some),
            f"every record of source {source!r} must become something: one of its blocks must "
            f"be without {left[-1].some}, and "
            + ("this is the only one" if len(left) == 1 else "all have one"),
        )
    yield from _of_legacy(source, own, receiving)


def _of_routes(source: str, own: list[Taking]) -> Said:
    for block in own:
        for at, entity in block.routes:
            if entity not in ENTITIES:
                yield at, f"there is no entity {entity!r}{did_you_mean(entity, ENTITIES)}"
                continue
            targets = [other for other in own if other.entity == entity]
            if entity == block.entity:
                yield at, "records cannot be routed to the entity that they are already"
            elif not targets:
                yield (
                    at,
                    f"there is no block of {entity} from {source!r} that could take the records; "
                    "write one",
                )
            elif len(targets) > 1:
                yield at, f"there are several blocks of {entity} from {source!r}; keep one"
            else:
                (target,) = targets
                if target.some:
                    yield (
                        (*target.path, target.some),
                        f"{entity} takes the records that rules of other blocks route to it, so "
                        f"{target.some} is none of its own; leave it out",
                    )
                if target.routes:
                    yield (
                        target.routes[0][0],
                        f"{entity} takes the records that rules of other blocks route to it, and "
                        "cannot route them further",
                    )


def _of_legacy(source: str, own: list[Taking], receiving: Iterable[str]) -> Said:
    def partial(block: Taking) -> str:
        return block.some or ("records routed to it" if block.entity in receiving else "")

    yes = [block for block in own if block.legacy and not partial(block)]
    for block in yes[1:]:
        yield (
            (*block.path, "legacy"),
            f"the unused columns of {source!r} can go with one block only; another says "
            "legacy: true too",
        )
    for block in own:
        if block.legacy and partial(block):
            yield (
                (*block.path, "legacy"),
                f"the unused columns of {source!r} cannot go with a block that has "
                f"{partial(block)}: those of the records it skips would be lost; say legacy: true "
                "in one that takes every record",
            )
    able = [block for block in own if not partial(block)]
    if able and all(block.legacy is False for block in able):
        others = "" if len(able) == len(own) else " that take every record"
        yield (
            (*able[-1].path, "legacy"),
            f"one block of {source!r} must carry its unused columns, and all{others} say "
            "legacy: false",
        )
