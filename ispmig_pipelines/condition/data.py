"""Conditions as data: what stands in a spec's YAML under ``when``, with every mistake at once.

Scalars are the text that was written and nothing is None, as a spec's YAML is read; numbers and
booleans of other readers are taken as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from ispmig_pipelines.condition.meaning import (
    Misuse,
    compared,
    compared_with_field,
    in_range,
    matching,
    matching_regex,
    must_be_open,
    must_be_text,
    must_have_order,
    nothing,
    value_for,
)
from ispmig_pipelines.condition.text import MAX_DEPTH, parse_condition
from ispmig_pipelines.condition.tree import (
    And,
    ColumnName,
    Comparison,
    Condition,
    FieldName,
    Match,
    Not,
    OneOf,
    Operand,
    Operator,
    Or,
    Value,
)
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.nearest import did_you_mean, nearest

_Made = TypeVar("_Made")

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions that lead to a part of the document."""


@dataclass(frozen=True)
class ConditionMistake:
    """Something wrong with a condition.

    Attributes:
        path: the part of the document that it is about.
        text: what it is and what would be right, as a clause without an end.
    """

    path: Path
    text: str


class ConditionMistakes(UsageError):
    """A condition that is data has mistakes: ``mistakes`` holds all of them."""

    def __init__(self, mistakes: list[ConditionMistake]) -> None:
        self.mistakes = tuple(mistakes)
        told = "; ".join(f"{'.'.join(map(str, m.path))}: {m.text}" for m in mistakes)
        super().__init__(f"The condition cannot be used: {told}")


def parse_condition_data(
    data: Any, entity: str, *, columns_allowed: bool = True, at: Path = ()
) -> Condition:
    """Reads a condition that is data, or a text in the language of conditions.

    Args:
        data: dicts, lists, text and None.
        entity: the one whose fields it may speak of.
        columns_allowed: it may speak of source columns, too.
        at: where the data stand in their document; the mistakes' paths begin with it.

    Raises:
        ConditionMistakes: every mistake, each with its path.
    """
    reader = _Reader(ENTITIES[entity], columns_allowed)
    condition = reader.condition(data, at, 0)
    if reader.mistakes or condition is None:
        raise ConditionMistakes(reader.mistakes)
    return condition


# --- words -----------------------------------------------------------------------------------

_GROUPS = ("all", "any", "not", "column")
COMPARED = {
    "is": Operator.EQUAL,
    "is_not": Operator.UNEQUAL,
    "less_than": Operator.LESS,
    "at_most": Operator.LESS_OR_EQUAL,
    "more_than": Operator.GREATER,
    "at_least": Operator.GREATER_OR_EQUAL,
}
MATCHED = {
    "like": Match.LIKE,
    "contains": Match.CONTAINS,
    "starts_with": Match.STARTS_WITH,
    "ends_with": Match.ENDS_WITH,
}
OPERATORS = (*COMPARED, "in", "not_in", "between", *MATCHED, "matches", "empty")
"""The words of a test."""

IGNORE_CASE = "ignore_case"
DATE_FORMAT = "date_format"
OTHER_FIELD = "field"

_MEANT = {
    "=": "is", "==": "is", "eq": "is", "equal": "is", "equals": "is", "equal_to": "is",
    "!=": "is_not", "<>": "is_not", "ne": "is_not", "not": "is_not", "not_equal": "is_not",
    "<": "less_than", "lt": "less_than", "before": "less_than", "below": "less_than",
    "<=": "at_most", "le": "at_most", "lte": "at_most", "maximum": "at_most", "max": "at_most",
    ">": "more_than", "gt": "more_than", "greater_than": "more_than", "after": "more_than",
    "above": "more_than", "greater": "more_than",
    ">=": "at_least", "ge": "at_least", "gte": "at_least", "minimum": "at_least",
    "min": "at_least",
    "one_of": "in", "any_of": "in", "none_of": "not_in", "range": "between",
    "regex": "matches", "regexp": "matches", "pattern": "matches", "match": "matches",
    "includes": "contains", "startswith": "starts_with", "endswith": "ends_with",
    "prefix": "starts_with", "suffix": "ends_with", "is_null": "empty", "null": "empty",
    "is_empty": "empty",
}  # fmt: skip
"""What other languages call them."""


# --- reading ---------------------------------------------------------------------------------


class _Reader:
    """Reads what it can, so that a mistake in one place does not hide those in another.

    A part with a mistake is None, and stands in ``mistakes``.
    """

    def __init__(self, entity: EntityInfo, columns_allowed: bool) -> None:
        self._entity = entity
        self._columns_allowed = columns_allowed
        self.mistakes: list[ConditionMistake] = []

    def _say(self, path: Path, text: str) -> None:
        self.mistakes.append(ConditionMistake(path, text))

    def _made(self, path: Path, make: Callable[[], _Made]) -> _Made | None:
        """What ``make`` makes; what it refuses is a mistake at that path."""
        try:
            return make()
        except Misuse as misuse:
            self._say(path, str(misuse))
            return None

    def condition(self, data: Any, path: Path, depth: int) -> Condition | None:
        if depth > MAX_DEPTH:
            self._say(path, f"the condition is nested more than {MAX_DEPTH} deep")
        elif isinstance(data, str):
            return self._text(data, path)
        elif isinstance(data, dict) and data:
            return self._mapping(data, path, depth)
        elif isinstance(data, list):
            self._say(path, "is a list; say all: or any: before it")
        elif data is None or data == {}:
            self._say(path, "is empty; write a condition, e.g. {status: active}")
        else:
            self._say(path, "must be a condition, e.g. {status: active}")
        return None

    def _text(self, text: str, path: Path) -> Condition | None:
        try:
            return parse_condition(text, [self._entity.name], columns_allowed=self._columns_allowed)
        except UsageError as error:
            self._say(path, str(error).rstrip("."))
            return None

    def _mapping(self, data: dict[Any, Any], path: Path, depth: int) -> Condition | None:
        ignore_case = self._flag(data, path)
        if IGNORE_CASE in data and "column" not in data:
            self._say((*path, IGNORE_CASE), "ignore_case stands beside column: {…}")
        parts: list[Condition | None] = []
        for key, content in data.items():
            here = (*path, key)
            if key in ("all", "any"):
                parts.append(self._group(key, content, here, depth))
            elif key == "not":
                part = self.condition(content, here, depth + 1)
                parts.append(None if part is None else Not(part))
            elif key == "column":
                parts.append(self._columns(content, here, ignore_case))
            elif key in self._entity.fields:
                parts.append(self._test(FieldName(self._entity.name, key), content, here))
            elif key != IGNORE_CASE:
                self._say(here, self._unknown(str(key)))
                parts.append(None)
        return _joined(parts, And)

    def _flag(self, data: dict[Any, Any], path: Path) -> bool:
        word = _word(data.get(IGNORE_CASE, "false"))
        if word not in ("true", "false"):
            self._say((*path, IGNORE_CASE), "must be true or false")
        return word == "true"

    def _group(self, key: str, content: Any, path: Path, depth: int) -> Condition | None:
        if not isinstance(content, list) or not content:
            self._say(path, f"must be a list of conditions, e.g. {key}: [{{status: active}}]")
            return None
        parts = [self.condition(c, (*path, i), depth + 1) for i, c in enumerate(content)]
        return _joined(parts, And if key == "all" else Or)

    def _unknown(self, name: str) -> str:
        fields = self._entity.fields
        meant = nearest(name, [*fields, *_GROUPS])
        hint = f"; did you mean {meant!r}?" if meant else did_you_mean(name, fields)
        of_source = (
            f" A column of the source is written column: {{{name}: …}}"
            if self._columns_allowed
            else ""
        )
        stop = "" if hint.endswith("?") or not of_source else "."
        return f"{self._entity.name} has no field {name!r}{hint}{stop}{of_source}"

    def _columns(self, content: Any, path: Path, ignore_case: bool) -> Condition | None:
        if not self._columns_allowed:
            self._say(path, "columns of a source are not known here; name fields")
            return None
        if not isinstance(content, dict) or not content:
            self._say(path, "must map columns to tests, e.g. column: {Speed: {at_least: 100}}")
            return None
        # A column of that name would be meant by a text; true and false are the option.
        if _word(content.get(IGNORE_CASE)) in ("true", "false"):
            ignore_case = self._flag(content, path)
            content = {name: test for name, test in content.items() if name != IGNORE_CASE}
        if not content:
            self._say(path, "names no column; write e.g. column: {Speed: {at_least: 100}}")
            return None
        parts: list[Condition | None] = []
        for name, test in content.items():
            here = (*path, name)
            if not str(name).strip():
                self._say(here, "must name a column")
                continue
            folded, date_format = ignore_case, ""
            if isinstance(test, dict) and IGNORE_CASE in test:
                folded = self._flag(test, here)
            if isinstance(test, dict) and DATE_FORMAT in test:
                date_format = self._one_word(test[DATE_FORMAT], (*here, DATE_FORMAT)) or ""
            if isinstance(test, dict):
                beside = (IGNORE_CASE, DATE_FORMAT)
                test = {key: part for key, part in test.items() if key not in beside}
            parts.append(self._test(ColumnName(str(name), folded, date_format), test, here))
        return _joined(parts, And)

    # --- tests -------------------------------------------------------------------------------

    def _test(self, operand: Operand, test: Any, path: Path) -> Condition | None:
        if test is None:
            return nothing(operand, is_nothing=True)
        if isinstance(test, list):
            return self._in(operand, test, path)
        if isinstance(test, dict) and set(test) != {OTHER_FIELD}:
            if not test:
                self._say(path, "must be tested for something, e.g. {at_least: 100}")
                return None
            return _joined(
                [self._operator(operand, str(k), v, (*path, k)) for k, v in test.items()], And
            )
        return self._compared(operand, Operator.EQUAL, test, path)

    def _operator(self, operand: Operand, word: str, content: Any, path: Path) -> Condition | None:
        match word:
            case "in" | "not_in":
                found = self._in(operand, content, path)
                return _opposite(found) if word == "not_in" else found
            case "between":
                return self._between(operand, content, path)
            case "empty":
                flag = _word(content)
                if flag not in ("true", "false"):
                    self._say(path, "must be true or false")
                    return None
                return nothing(operand, is_nothing=flag == "true")
            case "matches" | "like" | "contains" | "starts_with" | "ends_with":
                return self._matched(operand, word, content, path)
            case "is" | "is_not" if content is None:
                return nothing(operand, is_nothing=word == "is")
            case "is" | "is_not" if isinstance(content, list):
                self._say(path, f"is a list; say {'in' if word == 'is' else 'not_in'}")
                return None
        if word in COMPARED:
            return self._compared(operand, COMPARED[word], content, path)
        meant = _MEANT.get(word.lower())
        hint = f"; did you mean {meant!r}?" if meant else did_you_mean(word, OPERATORS)
        self._say(path, f"there is no test {word!r}{hint}")
        return None

    def _compared(
        self, operand: Operand, operator: Operator, content: Any, path: Path
    ) -> Comparison | None:
        if operator.by_order:
            try:
                must_be_open(operand)
                must_have_order(operand)
            except Misuse as misuse:
                self._say(path, str(misuse))
                return None
        if isinstance(content, dict):
            name = _word(content.get(OTHER_FIELD))
            if set(content) != {OTHER_FIELD} or name is None:
                self._say(path, "must be a value, or {field: NAME} for what another field holds")
                return None
            return self._made(
                (*path, OTHER_FIELD), lambda: compared_with_field(operand, operator, name)
            )
        word = self._one_word(content, path)
        if word is None:
            return None
        return self._made(path, lambda: compared(operand, operator, word))

    def _one_word(self, content: Any, path: Path) -> str | None:
        word = _word(content)
        if content is None:
            self._say(path, "is empty; for nothing write empty: true")
        elif word is None:
            self._say(path, "must be one word or text")
        return word

    def _in(self, operand: Operand, content: Any, path: Path) -> Condition | None:
        if not isinstance(content, list) or not content:
            self._say(path, "must be a list of values, e.g. [active, suspended]")
            return None
        refused = len(self.mistakes)
        values: list[Value] = []
        for index, item in enumerate(content):
            if item is None:
                continue
            here = (*path, index)
            value = self._listed(operand, item, here)
            values += [] if value is None else [value]
        if len(self.mistakes) > refused:
            return None
        found = [OneOf(operand, tuple(values))] if values else []
        empty = [nothing(operand, is_nothing=True)] if None in content else []
        return _joined([*found, *empty], Or)

    def _listed(self, operand: Operand, item: Any, path: Path) -> Value | None:
        word = self._one_word(item, path)
        return None if word is None else self._made(path, lambda: value_for(operand, word))

    def _between(self, operand: Operand, content: Any, path: Path) -> Condition | None:
        if not isinstance(content, list) or len(content) != 2:
            self._say(path, "must be a list of two values, the smaller one first, e.g. [10, 20]")
            return None
        least = self._compared(operand, Operator.GREATER_OR_EQUAL, content[0], (*path, 0))
        most = self._compared(operand, Operator.LESS_OR_EQUAL, content[1], (*path, 1))
        if least is None or most is None:
            return None
        return self._made(path, lambda: in_range(least, most))

    def _matched(self, operand: Operand, word: str, content: Any, path: Path) -> Condition | None:
        try:
            must_be_open(operand)
            must_be_text(operand, word)
        except Misuse as misuse:
            self._say(path, str(misuse))
            return None
        text = self._one_word(content, path)
        if text is None:
            return None
        if word == "matches":
            return self._made(path, lambda: matching_regex(operand, text))
        return self._made(path, lambda: matching(operand, MATCHED[word], text))


def _joined(parts: list[Condition | None], how: type[And] | type[Or]) -> Condition | None:
    """The parts as one condition; None if one of them has a mistake."""
    sound = [part for part in parts if part is not None]
    if len(sound) < len(parts) or not sound:
        return None
    return sound[0] if len(sound) == 1 else how(tuple(sound))


def _opposite(condition: Condition | None) -> Condition | None:
    return None if condition is None else Not(condition)


def _word(content: Any) -> str | None:
    """A scalar as the text that stands for it; None if it is nothing, a list or a mapping."""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, int | Decimal):
        return f"{content:f}" if isinstance(content, Decimal) else str(content)
    if isinstance(content, float):
        return f"{Decimal(repr(content)):f}"
    if isinstance(content, dt.date | dt.time):
        return content.isoformat()
    return content if isinstance(content, str) else None
