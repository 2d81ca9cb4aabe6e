"""Two specs, and in words what is different between them.

Comments, formatting, the order of keys and short forms do not matter. The order of a list does
(rules, blocks, steps, files): a spec that differs from another in no way here does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeVar

from ispmig_pipelines.mapping.block_models import Block, Rule, SpecDocument
from ispmig_pipelines.mapping.spec_in_words import (
    Said,
    Says,
    block_says,
    check_says,
    defaults_say,
    frozen,
    listed,
    lookup_in_words,
    mapping_in_words,
    mapping_says,
    quoted,
    rule_in_words,
    rule_says,
    source_says,
    steps_say,
    validation_says,
    value_in_words,
)
from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.mapping.validation_words import Validation
from ispmig_pipelines.model import ENTITIES

Kind = Literal["added", "removed", "changed"]
_Part = TypeVar("_Part", Block, Rule)


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        subject: the part that it is about: ``customer.balance``, ``source people``.
        kind: whether the part is only in the second spec, only in the first, or in both.
        text: what is different, in words.
    """

    subject: str
    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"

    def as_json(self) -> dict[str, str]:
        """As an object of JSON."""
        return {"subject": self.subject, "kind": self.kind, "text": self.text}


def diff(old: SpecDocument, new: SpecDocument) -> tuple[Change, ...]:
    """What is different in ``new``; empty if and only if the two say the same."""
    return tuple(_document(old, new))


def _document(old: SpecDocument, new: SpecDocument) -> Iterator[Change]:
    if old.name != new.name:
        words = _instead(_name(new.name), _name(old.name))
        yield Change("name", "changed", words)
    yield from _says("defaults", defaults_say(old.defaults), defaults_say(new.defaults))
    for name in dict.fromkeys([*old.sources, *new.sources]):
        subject = f"source {name}"
        if name not in new.sources:
            yield Change(subject, "removed", "removed")
        elif name not in old.sources:
            words = _all_words(source_says(new.sources[name]))
            yield Change(subject, "added", f"added: {words}")
        else:
            before, after = source_says(old.sources[name]), source_says(new.sources[name])
            yield from _says(subject, before, after)
    for entity in ENTITIES:
        blocks = (old.entities.get(entity, ()), new.entities.get(entity, ()))
        yield from _blocks(entity, *blocks)
    yield from _validation(old.validation, new.validation)


def _validation(old: Validation, new: Validation) -> Iterator[Change]:
    yield from _says("validation", validation_says(old), validation_says(new))
    for entity in ENTITIES:
        before = {check.name: check for check in old.checks.get(entity, ())}
        after = {check.name: check for check in new.checks.get(entity, ())}
        for name in dict.fromkeys([*before, *after]):
            subject = f"check {entity}.{name}"
            if name not in after:
                words = _all_words(check_says(before[name], entity))
                yield Change(subject, "removed", f"removed; it was: {words}")
            elif name not in before:
                words = _all_words(check_says(after[name], entity))
                yield Change(subject, "added", f"added: {words}")
            else:
                said = check_says(before[name], entity), check_says(after[name], entity)
                yield from _says(subject, *said)


def _name(name: str) -> str:
    return quoted(name) if name else "none"


def _instead(new: str, old: str) -> str:
    return f"{new} instead of {old}"


def _all_words(says: Says) -> str:
    return "; ".join(f"{label} {said.words}" for label, said in says.items())


# --- what parts say ------------------------------------------------------------------------------


def _says(subject: str, old: Says, new: Says) -> Iterator[Change]:
    for label in dict.fromkeys([*old, *new]):
        before, after = old.get(label), new.get(label)
        if before is None and after is not None:
            text = f"now with {label} {after.words}"
        elif after is None and before is not None:
            text = f"no longer with {label} {before.words}"
        elif before and after and before.meaning != after.meaning:
            text = _changed(label, before, after)
        else:
            continue
        yield Change(subject, "changed", text)


def _changed(label: str, before: Said, after: Said) -> str:
    if before.members is None or after.members is None:
        return f"{label} {_instead(after.words, before.words)}"
    gone = [word for word in before.members if word not in after.members]
    come = [word for word in after.members if word not in before.members]
    kept = [word for word in before.members if word in after.members]
    in_order = kept == [word for word in after.members if word in before.members]
    if not kept or not in_order or not (gone or come):
        return f"{label} {_instead(after.words, before.words)}"
    told = [f"{listed(come)} besides"] * bool(come) + [f"no longer {listed(gone)}"] * bool(gone)
    return f"{label}: {', '.join(told)}"


def _mapping(subject: str, old: FieldMapping, new: FieldMapping) -> Iterator[Change]:
    before, after = mapping_says(old), mapping_says(new)
    for says, other in ((before, after), (after, before)):
        # Without a lookup there is nothing else; unless said it is an error.
        if "otherwise" in says and "otherwise" not in other and says["otherwise"].words == "error":
            del says["otherwise"]
    yield from _says(subject, before, after)
    yield from (Change(subject, "changed", text) for text in _steps(old, new))
    yield from (Change(subject, "changed", text) for text in _lookup(old, new))


def _lookup(old: FieldMapping, new: FieldMapping) -> Iterator[str]:
    before, after = old.lookup, new.lookup
    if before is None or after is None:
        if after is not None:
            yield f"now with the lookup {lookup_in_words(after)}"
        if before is not None:
            yield f"no longer with the lookup {lookup_in_words(before)}"
        return
    come = {word: value for word, value in after.items() if word not in before}
    gone = {word: value for word, value in before.items() if word not in after}
    if come:
        yield f"the lookup names {lookup_in_words(come)} besides"
    if gone:
        yield f"the lookup no longer names {lookup_in_words(gone)}"
    for word, value in after.items():
        if word in before and before[word] != value:
            words = _instead(value_in_words(value), value_in_words(before[word]))
            yield f"the lookup makes of {quoted(word)} {words}"


def _steps(old: FieldMapping, new: FieldMapping) -> Iterator[str]:
    before, after = steps_say(old), steps_say(new)
    if not before and after:
        yield f"now with the steps {_in_turn(after)}"
        return
    if not after and before:
        yield f"no longer with the steps {_in_turn(before)}"
        return
    matcher = SequenceMatcher(
        None, [said.meaning for said in before], [said.meaning for said in after], autojunk=False
    )
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        if what == "equal":
            continue
        paired = min(i_end - i, j_end - j)
        for at in range(paired):
            words = _instead(after[j + at].words, before[i + at].words)
            yield f"step {j + at + 1} is {words}"
        for at in range(j + paired, j_end):
            yield f"step {at + 1} is new: {after[at].words}"
        for at in range(i + paired, i_end):
            yield f"step {at + 1} of before is gone: {before[at].words}"


def _in_turn(steps: tuple[Said, ...]) -> str:
    return ", then ".join(said.words for said in steps)


def _fields(
    name: Callable[[str], str], old: dict[str, FieldMapping], new: dict[str, FieldMapping],
    order: Sequence[str],
) -> Iterator[Change]:  # fmt: skip
    for field in [f for f in order if f in old or f in new]:
        if field not in new:
            yield Change(name(field), "removed", f"removed; it was {mapping_in_words(old[field])}")
        elif field not in old:
            yield Change(name(field), "added", f"added: {mapping_in_words(new[field])}")
        else:
            yield from _mapping(name(field), old[field], new[field])


# --- blocks --------------------------------------------------------------------------------------


def _blocks(entity: str, old: tuple[Block, ...], new: tuple[Block, ...]) -> Iterator[Change]:
    several = len(old) > 1 or len(new) > 1
    pairs = _paired(old, new, _alike_blocks)
    partner = {j: i for i, j in pairs}
    for i, block in enumerate(old):
        if i not in {i for i, _ in pairs}:
            fields = ", ".join(f for f in ENTITIES[entity].fields if f in block.fields)
            place = f"block {i + 1} of before, " if several else ""
            text = f"removed: {place}from source {quoted(block.source)}, with {fields}"
            yield Change(entity, "removed", text)
    for j, block in enumerate(new):
        where = f" (block {j + 1}, from {quoted(block.source)})" if several else ""
        if j in partner:
            yield from _block(entity, where, old[partner[j]], block)
        else:
            says = _all_words(block_says(block, entity))
            yield Change(f"{entity}{where}", "added", f"added: {says}")
            yield from _inside(entity, where, None, block)
    if (order := _new_order(pairs)) is not None:
        yield Change(entity, "changed", f"its blocks are in another order: {order}")


def _block(entity: str, where: str, old: Block, new: Block) -> Iterator[Change]:
    yield from _says(f"{entity}{where}", block_says(old, entity), block_says(new, entity))
    yield from _inside(entity, where, old, new)


def _inside(entity: str, where: str, old: Block | None, new: Block) -> Iterator[Change]:
    before = old.fields if old else {}
    order = list(dict.fromkeys([*ENTITIES[entity].fields, *before, *new.fields]))
    yield from _fields(lambda field: f"{entity}.{field}{where}", before, new.fields, order)
    yield from _rules(entity, where, (old.rules if old else None) or (), new.rules or ())


def _alike_blocks(old: Block, new: Block) -> float:
    same = sum(
        frozen(mapping) == frozen(new.fields[field])
        for field, mapping in old.fields.items()
        if field in new.fields
    )
    return same / max(len(old.fields), len(new.fields)) + (old.source == new.source)


def _paired(
    old: Sequence[_Part], new: Sequence[_Part], alike: Callable[[_Part, _Part], float]
) -> list[tuple[int, int]]:
    """Which part of the one is which of the other: the most alike first, then the nearest."""
    if len(old) == len(new) == 1:
        return [(0, 0)]
    frozen_old, frozen_new = list(map(frozen, old)), list(map(frozen, new))
    ranked = [
        (-(_EQUAL if frozen_old[i] == frozen_new[j] else alike(old[i], new[j])), abs(i - j), i, j)
        for i in range(len(old))
        for j in range(len(new))
    ]
    pairs: dict[int, int] = {}
    for unlike, _, i, j in sorted(ranked):
        if unlike and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return sorted(pairs.items())


_EQUAL = 1_000.0


def _new_order(pairs: list[tuple[int, int]]) -> str | None:
    """The order of what is in both, by its numbers of before; None if it is the old one."""
    order = [i for _, i in sorted((j, i) for i, j in pairs)]
    if order == sorted(order):
        return None
    return f"now {', '.join(str(i + 1) for i in order)} by their numbers of before"


# --- rules ---------------------------------------------------------------------------------------


def _rules(
    entity: str, where: str, old: tuple[Rule, ...], new: tuple[Rule, ...]
) -> Iterator[Change]:
    conditions = {id(rule): rule_says(rule, entity)["when"].meaning for rule in (*old, *new)}
    pairs = _paired(old, new, lambda before, after: _alike_rules(conditions, before, after))
    partner = {j: i for i, j in pairs}
    for i, rule in enumerate(old):
        if i not in {i for i, _ in pairs}:
            subject = f"{_rule_name(entity, i, rule)} of before{where}"
            yield Change(subject, "removed", f"removed; it was {rule_in_words(rule, entity)}")
    for j, rule in enumerate(new):
        subject = f"{_rule_name(entity, j, rule)}{where}"
        if j in partner:
            yield from _rule(entity, subject, old[partner[j]], rule)
        else:
            yield Change(subject, "added", f"added: {rule_in_words(rule, entity)}")
    if (order := _new_order(pairs)) is not None:
        yield Change(f"{entity}{where}", "changed", f"its rules are in another order: {order}")


def _rule_name(entity: str, index: int, rule: Rule) -> str:
    return f"{entity}, rule {index + 1}" + (f" ({rule.name})" if rule.name else "")


def _alike_rules(conditions: dict[int, Hashable], old: Rule, new: Rule) -> float:
    if old.name and old.name == new.name:
        return 100
    actions = ("reject", "leave_out", "route", "set", "map")
    does = {action: getattr(new, action) for action in actions if getattr(new, action) is not None}
    same = any(frozen(getattr(old, action)) == frozen(value) for action, value in does.items())
    of_condition = conditions[id(old)] == conditions[id(new)]
    return 2 * of_condition + same + 0.5 * bool(_targets(old) & _targets(new))


def _targets(rule: Rule) -> set[str]:
    return {*(rule.set or {}), *(rule.map or {})}


def _rule(entity: str, subject: str, old: Rule, new: Rule) -> Iterator[Change]:
    yield from _says(subject, rule_says(old, entity), rule_says(new, entity))
    before, after = old.set or {}, new.set or {}
    for field in dict.fromkeys([*before, *after]):
        if field not in after:
            text = f"no longer sets {field} = {value_in_words(before[field])}"
        elif field not in before:
            text = f"now sets {field} = {value_in_words(after[field])}"
        elif before[field] != after[field]:
            words = _instead(value_in_words(after[field]), value_in_words(before[field]))
            text = f"sets {field} = {words}"
        else:
            continue
        yield Change(subject, "changed", text)
    order = list(dict.fromkeys([*(old.map or {}), *(new.map or {})]))
    yield from _fields(lambda f: f"{subject}, {f}", old.map or {}, new.map or {}, order)
