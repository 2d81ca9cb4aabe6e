"""What the parts of a spec say, in words for people, and what of it matters when two are compared.

A part is taken apart into what it says (:class:`Said`), each thing under a label: a mapping says
``from`` what column, what ``positive is``, and so on. What is not said, or is what holds anyway,
is left out; short and long forms of the same are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ispmig_pipelines.condition import (
    And,
    Condition,
    Not,
    OneOf,
    Or,
    in_words,
    parse_condition_data,
)
from ispmig_pipelines.mapping.block_models import Block, LegacyJson, Rule
from ispmig_pipelines.mapping.source_models import Source
from ispmig_pipelines.mapping.spec_models import (
    Defaults,
    FieldMapping,
    OtherValue,
    Sequence,
    TableLookup,
)
from ispmig_pipelines.mapping.spec_words import Part, Split
from ispmig_pipelines.mapping.transform import models as steps
from ispmig_pipelines.mapping.validation_words import CheckWords, Validation
from ispmig_pipelines.validation import threshold


@dataclass(frozen=True)
class Said:
    """One thing that a part of a spec says.

    Attributes:
        words: for people.
        meaning: two of them are the same if these are equal.
        members: of a list of words, each, so that their difference can be told.
    """

    words: str
    meaning: Hashable
    members: tuple[str, ...] | None = None


Says = dict[str, Said]
"""Label → what is said."""

NOTHING = "nothing"


def quoted(text: str) -> str:
    """A text of a spec as it stands in a sentence: in quotes where its ends would not be seen."""
    plain = bool(text) and text == text.strip() and text.isprintable()
    if plain and not any(mark in text for mark in "'\",;:→()[]{}") and text != NOTHING:
        return text
    shown = text if text.isprintable() else repr(text)[1:-1]
    return "'" + shown.replace("'", "''") + "'"


def value_in_words(value: str | None) -> str:
    """A value in the platform's own terms; None is nothing."""
    return NOTHING if value is None else quoted(value)


def listed(texts: Iterable[str]) -> str:
    """``a, b, c``, each in quotes where it needs them."""
    return ", ".join(map(quoted, texts))


def frozen(value: Any) -> Hashable:
    """A part as something that can be compared: the order of keys does not matter, and ``true`` is
    not 1."""
    match value:
        case bool():
            return ("bool", value)
        case Part():
            # What is not said and what is None are the same.
            names = type(value).model_fields
            return frozen({name: getattr(value, name) for name in names})
        case Mapping():
            return tuple(sorted(((str(k), frozen(v)) for k, v in value.items()), key=_first))
        case list() | tuple():
            return tuple(map(frozen, value))
        case _:
            return ("text" if isinstance(value, str) else "value", value)


def _first(pair: tuple[str, Hashable]) -> str:
    return pair[0]


# --- sources and defaults ----------------------------------------------------------------------


def source_says(source: Source) -> Says:
    """What a source says: where its records are, and how they are written."""
    return _options(source)


def defaults_say(defaults: Defaults) -> Says:
    """What holds for all fields."""
    return _options(defaults)


def _options(part: Part, before: str = "") -> Says:
    says: Says = {}
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        label = before + (info.alias or name).replace("_", " ")
        if isinstance(value, Part):
            says |= _options(value, f"{label} ")
        elif frozen(value) != frozen(info.default):
            says[label] = _option(value)
    return says


def _option(value: Any) -> Said:
    match value:
        case bool():
            words = "true" if value else "false"
        case tuple() if all(isinstance(item, str) for item in value):
            return Said(listed(value), frozen(value), value)
        case tuple():
            words = ", ".join(map(str, value))
        case str():
            words = quoted(value)
        case _:
            words = str(value)
    return Said(words, frozen(value))


# --- mappings ------------------------------------------------------------------------------------

_APART = {"lookup", "transform"}
"""What is compared entry by entry, or step by step."""

_OPTIONS = tuple(
    name
    for name in FieldMapping.model_fields
    if name
    not in {*_APART, "column", "columns", "join", "coalesce", "constant", "sequence", "split",
            "lookup_table", "otherwise"}
)  # fmt: skip


def mapping_says(mapping: FieldMapping) -> Says:
    """What a mapping says but for its lookup and its steps."""
    says: Says = {"from": _origin(mapping)}
    if mapping.split is not None:
        says["taking"] = Said(piece(mapping.split), frozen(mapping.split))
    if mapping.lookup_table is not None:
        says["lookup table"] = Said(_table(mapping.lookup_table), frozen(mapping.lookup_table))
    if mapping.lookup is not None or mapping.lookup_table is not None:
        answer = mapping.otherwise
        words = f"the value {quoted(answer.value)}" if isinstance(answer, OtherValue) else answer
        says["otherwise"] = Said(words or "null", frozen(answer))
    for name in _OPTIONS:
        value = getattr(mapping, name)
        if frozen(value) != frozen(FieldMapping.model_fields[name].default):
            says[name.replace("_", " ")] = _option(value)
    return says


def _origin(mapping: FieldMapping) -> Said:
    if mapping.columns is not None:
        join = " " if mapping.join is None else mapping.join
        words = f"columns {listed(mapping.columns)} joined by {quoted(join)}"
        return Said(words, ("columns", mapping.columns, join))
    if mapping.coalesce is not None:
        words = f"the first of the columns {listed(mapping.coalesce)} that holds something"
        return Said(words, ("coalesce", mapping.coalesce))
    if mapping.constant is not None:
        return Said(f"the constant {quoted(mapping.constant)}", ("constant", mapping.constant))
    if mapping.sequence is not None:
        return Said(_numbers(mapping.sequence), ("sequence", frozen(mapping.sequence)))
    return Said(f"column {quoted(mapping.column or '')}", ("column", mapping.column))


def _numbers(sequence: Sequence) -> str:
    words = f"numbers from {sequence.start} in steps of {sequence.step}"
    if sequence.width:
        words += f", of {sequence.width} digits"
    return words + (f", behind {quoted(sequence.prefix)}" if sequence.prefix else "")


def piece(split: Split) -> str:
    """``the first piece between '/'``."""
    between = quoted(split.separator)
    if split.take == "rest":
        return f"all after the first {between}"
    which = f"piece {split.take}" if isinstance(split.take, int) else f"the {split.take} piece"
    return f"{which} between {between}"


def _table(table: TableLookup) -> str:
    words = f"source {quoted(table.source)}, {quoted(table.key)} → {quoted(table.value)}"
    for column, allowed in sorted((table.where or {}).items()):
        words += f", where {quoted(column)} is {' or '.join(map(quoted, allowed))}"
    if table.duplicates != "error":
        words += f", the {table.duplicates} of duplicates"
    words += ", ignoring case" if table.ignore_case else ""
    return words + (f", then in {_table(table.then)}" if table.then else "")


def lookup_in_words(lookup: Mapping[str, str | None]) -> str:
    """``A → active, X → nothing``."""
    return ", ".join(f"{quoted(word)} → {value_in_words(v)}" for word, v in lookup.items())


def mapping_in_words(mapping: FieldMapping) -> str:
    """A whole mapping: ``column State; lookup A → active; otherwise keep``."""
    says = mapping_says(mapping)
    parts = [says.pop("from").words]
    if (split := says.pop("taking", None)) is not None:
        parts.append(split.words)
    if mapping.transform:
        parts.append(", then ".join(said.words for said in steps_say(mapping)))
    if mapping.lookup is not None:
        parts.append(f"lookup {lookup_in_words(mapping.lookup)}")
    if (otherwise := says.get("otherwise")) is not None and otherwise.words == "error":
        del says["otherwise"]
    parts += [f"{label} {said.words}" for label, said in says.items()]
    return "; ".join(parts)


# --- steps ---------------------------------------------------------------------------------------


def steps_say(mapping: FieldMapping) -> tuple[Said, ...]:
    """The steps of a mapping, one by one."""
    return tuple(map(step_says, mapping.transform or ()))


def step_says(step: str | Part) -> Said:
    """One step: ``round to 2 decimals``."""
    if step == "hash":
        step = steps.Hash(hash=steps.HashOptions())
    if isinstance(step, str):
        return Said(step, step)
    (name,) = type(step).model_fields
    content: Any = getattr(step, name)
    # Some have a short form.
    if isinstance(step, steps.Extract | steps.Round):
        content = step.options
    meaning = frozen(content)
    if isinstance(step, steps.Extract):
        content = step.options
        group = content.group_number
        meaning = (content.pattern, group, content.otherwise)
    return Said(_STEPS[name](content), (name, meaning))


def _replace(said: steps.ReplaceOptions) -> str:
    what = (
        quoted(said.text) if said.text is not None else f"what matches {quoted(said.pattern or '')}"
    )
    return f"replace {what} by {quoted(said.by)}"


def _extract(said: steps.ExtractOptions) -> str:
    group = said.group_number
    what = f"group {group} of " if group else ""
    return f"extract {what}{quoted(said.pattern)}, otherwise {said.otherwise}"


def _substring(said: steps.SubstringOptions) -> str:
    start = f"character {said.start}" if said.start > 0 else f"the last {-said.start} characters"
    if said.length is None:
        return f"keep all from {start} on" if said.start > 0 else f"keep {start}"
    many = "1 character" if said.length == 1 else f"{said.length} characters"
    return f"keep {many} from {start} on"


def _pad(said: steps.PadOptions) -> str:
    return f"pad on the {said.side} with {quoted(said.by)} to {said.width} characters"


def _hash(said: steps.HashOptions) -> str:
    return f"hash of {said.length} digits" + (f" with the key {said.key}" if said.key else "")


def _operand(said: Any) -> str:
    if isinstance(said, steps.ColumnOperand):
        default = "" if said.default is None else f" ({said.default:f} where there is nothing)"
        return f"column {quoted(said.column)}{default}"
    return f"{said:f}"


def _round(said: steps.RoundOptions) -> str:
    mode = "" if said.mode == "half_up" else f" ({said.mode})"
    return f"round to {_decimals(said.decimals)}{mode}"


def _decimals(count: int) -> str:
    return "1 decimal" if count == 1 else f"{count} decimals"


def _tax(said: steps.TaxOptions) -> str:
    rate = said.rate
    if isinstance(rate, steps.ColumnShare):
        default = "" if rate.default is None else f", {rate.default:f} where there is nothing"
        share = f"by column {quoted(rate.column)} ({rate.unit}{default})"
    else:
        share = f"at a rate of {rate:f}"
    mode = "" if said.mode == "half_up" else f" ({said.mode})"
    rounded = f"rounded to {_decimals(said.decimals)}{mode}"
    return f"tax {share}, from {said.source} to {said.target}, {rounded}"


def _shift(said: steps.ShiftOptions) -> str:
    units = ("years", "months", "days", "hours")
    moved = ", ".join(f"{getattr(said, unit)} {unit}" for unit in units if getattr(said, unit))
    return f"shift by {moved}"


_STEPS: dict[str, Callable[[Any], str]] = {
    "trim": lambda said: f"trim {quoted(said)}",
    "replace": _replace,
    "extract": _extract,
    "substring": _substring,
    "pad": _pad,
    "prefix": lambda said: f"prefix {quoted(said)}",
    "suffix": lambda said: f"suffix {quoted(said)}",
    "split": lambda said: f"take {piece(said)}",
    "hash": _hash,
    "function": lambda said: f"function {said}",
    "add": lambda said: f"add {_operand(said)}",
    "subtract": lambda said: f"subtract {_operand(said)}",
    "multiply": lambda said: f"multiply by {_operand(said)}",
    "divide": lambda said: f"divide by {_operand(said)}",
    "round": _round,
    "tax": _tax,
    "shift": _shift,
    "snap": lambda said: f"snap to {said}",
}


# --- blocks and rules ----------------------------------------------------------------------------


def condition_says(data: Any, entity: str) -> Said:
    """A condition in its own language, however it is written."""
    condition = parse_condition_data(data, entity)
    return Said(in_words(condition), _meaning(condition))


def _meaning(condition: Condition) -> Hashable:
    """Neither the order of what all or any must hold matters, nor that of values."""
    match condition:
        case And(parts) | Or(parts):
            return (type(condition).__name__, frozenset(map(_meaning, parts)))
        case Not(part):
            return ("Not", _meaning(part))
        case OneOf(operand, values):
            return ("OneOf", operand, frozenset(values))
        case _:
            return condition


def block_says(block: Block, entity: str) -> Says:
    """What a block says but for its fields and rules."""
    says: Says = {"from": Said(f"source {quoted(block.source)}", block.source)}
    if block.when_filled:
        says["when filled"] = Said(listed(block.when_filled), block.when_filled, block.when_filled)
    if block.when is not None:
        says["when"] = condition_says(block.when, entity)
    match block.legacy:
        case LegacyJson(column=column):
            says["legacy"] = Said(f"the JSON objects of column {quoted(column)}", ("json", column))
        case bool():
            says["legacy"] = _option(block.legacy)
    return says


def rule_says(rule: Rule, entity: str) -> Says:
    """What a rule says but for the fields that it sets and maps."""
    says: Says = {"when": condition_says(rule.when, entity)}
    if rule.name:
        says = {"name": _option(rule.name), **says}
    for action in ("reject", "leave_out", "route"):
        value = getattr(rule, action)
        if value is not None:
            says[action.replace("_", " ")] = _option(value)
    return says


def rule_in_words(rule: Rule, entity: str) -> str:
    """A whole rule: ``when balance > 0: set notes = old``."""
    says = rule_says(rule, entity)
    does = [f"set {f} = {value_in_words(v)}" for f, v in sorted((rule.set or {}).items())]
    does += [f"map {f} from {mapping_in_words(m)}" for f, m in sorted((rule.map or {}).items())]
    does += [
        f"{label} {said.words}" for label, said in says.items() if label not in ("name", "when")
    ]
    return f"when {says['when'].words}: {', '.join(does)}"


# --- validation ----------------------------------------------------------------------------------


def validation_says(validation: Validation) -> Says:
    """What is demanded of the records, but for the checks of the spec's own."""
    says = {
        f"severity of {code}": Said(severity.value, severity.value)
        for code, severity in sorted(validation.severity.items())
    }
    for label, limits in (("", validation.limits), ("rule ", validation.rule_limits)):
        says |= {
            f"max quarantined of {label}{name}": Said(limit, _limit(limit))
            for name, limit in sorted(limits.items())
        }
    if validation.rejected_parent != "quarantine":
        says["rejected parent"] = Said(validation.rejected_parent, validation.rejected_parent)
    if (kept := validation.retention) is not None:
        period = f", {kept.cancelled} after they left" if kept.cancelled else ""
        text = f"{kept.policy} customers past their retention as of {kept.as_of}{period}"
        says["retention"] = Said(text, text)
    return says


def _limit(text: str) -> Hashable:
    return threshold.parse(text)


def check_says(check: CheckWords, entity: str) -> Says:
    """What a check of the spec's own says."""
    says: Says = {"must": condition_says(check.must, entity)}
    if check.when is not None:
        says["when"] = condition_says(check.when, entity)
    says["severity"] = Said(check.severity.value, check.severity.value)
    says["message"] = _option(check.message)
    if check.source is not None:
        says["from"] = Said(f"source {quoted(check.source)}", check.source)
    return says
