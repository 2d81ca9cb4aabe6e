"""Mistakes of a spec's ``validation``, apart from its shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ispmig_pipelines.condition import ConditionMistakes, columns_of, fields_of
from ispmig_pipelines.mapping.condition_cells import checked_condition
from ispmig_pipelines.mapping.validation_words import (
    checks_of,
    mistake_of_limit,
    mistake_of_severity,
)
from ispmig_pipelines.mapping.yaml_document import Path
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.nearest import did_you_mean

Said = Iterator[tuple[Path, str]]
"""Where, and what is wrong there."""


def mistakes_of_validation(data: dict[str, Any]) -> Said:
    """What is wrong with the ``validation`` of a spec's data."""
    validation = data.get("validation")
    if not isinstance(validation, dict):
        return
    severity = validation.get("severity")
    for word in severity if isinstance(severity, dict) else ():
        if (mistake := mistake_of_severity(str(word))) is not None:
            yield ("validation", "severity", word), f"validation.severity: {mistake}"
    names: dict[str, list[str]] = {}
    for entity, path, check in checks_of(data):
        yield from _of_check(data, entity, path, check, names.setdefault(entity, []))
    limits = validation.get("max_quarantined")
    rules = limits.get("rules") if isinstance(limits, dict) else None
    own = {entity: tuple(named) for entity, named in names.items()}
    for word in rules if isinstance(rules, dict) else ():
        if (mistake := mistake_of_limit(str(word), own)) is not None:
            at = ("validation", "max_quarantined", "rules", word)
            yield at, f"validation.max_quarantined: {mistake}"


def _of_check(
    data: dict[str, Any], entity: str, path: Path, check: dict[str, Any], names: list[str]
) -> Said:
    if entity not in ENTITIES:
        yield (
            path,
            f"validation.checks: there is no entity {entity!r}" + did_you_mean(entity, ENTITIES),
        )
        return
    name = str(check.get("name", ""))
    subject = f"validation.checks, {entity}.{name}" if name else f"validation.checks, {entity}"
    if name and name in names:
        yield (*path, "name"), f"{subject}: there are two checks of this name"
    names.append(name)
    blocks = _blocks(data, entity)
    if not blocks:
        yield path, f"{subject}: no block of the spec becomes {entity}, so it checks nothing"
        return
    source = check.get("from")
    if source is not None:
        sources = [str(block.get("from")) for block in blocks]
        if source not in sources:
            yield (
                (*path, "from"),
                f"{subject}: no {entity} comes from source {source!r}"
                + did_you_mean(str(source), sources),
            )
            return
        blocks = [block for block in blocks if block.get("from") == source]
    filled = [set(_filled(block)) for block in blocks]
    mapped = {field for fields in filled for field in fields}
    asked: set[str] = set()
    columns: list[str] = []
    for part in ("must", "when"):
        if check.get(part) is None:
            continue
        at = (*path, part)
        try:
            condition = checked_condition(check[part], entity, at=at)
        except ConditionMistakes as mistakes:
            yield from ((m.path, f"{subject}: {m.text}") for m in mistakes.mistakes)
            continue
        columns += columns_of(condition)
        for operand in fields_of(condition):
            asked.add(operand.field)
            if operand.field not in mapped:
                yield (
                    at,
                    f"{subject}: {operand.field} is mapped in no block that the check is about, "
                    "so it holds nothing; map it, or ask for the column instead: "
                    "column: {NAME: …}",
                )
    if (source or columns) and asked <= mapped and not any(asked <= fields for fields in filled):
        why = f"column {columns[0]!r}" if columns else f"source {source!r}"
        yield (
            path,
            f"{subject}: it is about records of {why}, and no block of these maps "
            f"{', '.join(sorted(asked))} together, so it checks nothing; ask for fields alone, of "
            "the rows that the blocks make together, or map them in one block",
        )


def _blocks(data: dict[str, Any], entity: str) -> list[dict[str, Any]]:
    entities = data.get("entities")
    blocks = entities.get(entity) if isinstance(entities, dict) else None
    return [b for b in (blocks if isinstance(blocks, list) else [blocks]) if isinstance(b, dict)]


def _filled(block: dict[str, Any]) -> Iterator[str]:
    """The fields that a block fills, by mapping or by rule."""
    fields = block.get("fields")
    yield from fields if isinstance(fields, dict) else ()
    rules = block.get("rules")
    for rule in rules if isinstance(rules, list) else ():
        for action in ("set", "map"):
            targets = rule.get(action) if isinstance(rule, dict) else None
            yield from targets if isinstance(targets, dict) else ()
