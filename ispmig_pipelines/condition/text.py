"""The text language of conditions: ``customer.status = active and balance > 0``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

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
from ispmig_pipelines.condition.words import BARE, KEYWORDS
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.nearest import did_you_mean

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
"""How deep parentheses and ``not`` may be nested."""

_Made = TypeVar("_Made")


def parse_condition(
    text: str, entities: Sequence[str], *, columns_allowed: bool = False
) -> Condition:
    """Reads a condition.

    Args:
        entities: those whose fields it may speak of. If there is one, its name may be left out.
        columns_allowed: it may speak of source columns, too: ``column(Speed) >= 100``.

    Raises:
        UsageError: it cannot be read, names what is not there, or compares what cannot be
            compared; the text says where and what would be right.
    """
    return _Parser(text, entities, columns_allowed).whole()


_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<sign><=|>=|!=|<>|==|[=<>(),])"""
    rf"""|(?P<bare>{BARE.pattern}))"""
)
_OPERATORS = {op.value: op for op in Operator} | {"==": Operator.EQUAL, "<>": Operator.UNEQUAL}


@dataclass(frozen=True)
class _Token:
    kind: str  # quoted, sign, bare or end
    text: str
    at: int

    @property
    def keyword(self) -> str:
        """The keyword it is, in lower case, or ""."""
        return self.text.lower() if self.kind == "bare" and self.text.lower() in KEYWORDS else ""


class _Parser:
    def __init__(self, text: str, entities: Sequence[str], columns_allowed: bool) -> None:
        self._text = text
        self._columns_allowed = columns_allowed
        self._entities = entities
        if len(text) > MAX_CHARACTERS:
            raise UsageError(f"The condition is longer than {MAX_CHARACTERS:,} characters.")
        self._tokens = list(self._split())
        self._next = 0
        self._depth = 0

    def _split(self) -> Iterator[_Token]:
        at = 0
        while self._text[at:].strip():
            found = _TOKEN.match(self._text, at)
            if found is None:
                at += len(self._text[at:]) - len(self._text[at:].lstrip())
                what = "a quote is not closed" if self._text[at] in "'\"" else "this cannot be read"
                raise self._mistake(what, at)
            kind = str(found.lastgroup)
            text = found.group(kind)
            if kind == "quoted":
                text = text[1:-1].replace(text[0] * 2, text[0])
            yield _Token(kind, text, found.start(str(found.lastgroup)))
            at = found.end()
        yield _Token("end", "", len(self._text))

    def _mistake(self, what: str, at: int) -> UsageError:
        near = self._text[at : at + 20].strip()
        where = f"at character {at + 1} ({near})" if near else "at its end"
        stop = "" if what.endswith("?") else "."
        return UsageError(
            f"The condition cannot be used: {where} {what}{stop} Conditions look like this:  "
            "status = active and balance > 0"
        )

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next += 1
        return token

    def _accept(self, *keywords: str) -> bool:
        """Takes the keywords if they come next, all of them."""
        coming = self._tokens[self._next : self._next + len(keywords)]
        if [token.keyword for token in coming] != list(keywords):
            return False
        self._next += len(keywords)
        return True

    def _accept_sign(self, sign: str) -> bool:
        if self._token.kind == "sign" and self._token.text == sign:
            self._next += 1
            return True
        return False

    def _made(self, at: int, make: Callable[[], _Made]) -> _Made:
        """What ``make`` makes; what it refuses is a mistake at that place."""
        try:
            return make()
        except Misuse as misuse:
            raise self._mistake(str(misuse), at) from None

    def _opens(self, word: str) -> bool:
        """``word(`` comes next."""
        token, following = self._token, self._tokens[self._next + 1 : self._next + 2]
        return (
            token.kind == "bare"
            and token.text.lower() == word
            and [(t.kind, t.text) for t in following] == [("sign", "(")]
        )

    def whole(self) -> Condition:
        if self._token.kind == "end":
            raise UsageError("The condition is empty. Leave it out, or write one:  status = active")
        condition = self._either()
        if self._token.kind != "end":
            raise self._mistake("and, or, or the end was expected", self._token.at)
        return condition

    def _either(self) -> Condition:
        parts = [self._all()]
        while self._accept("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Condition:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise self._mistake(f"it is nested more than {MAX_DEPTH} deep", self._token.at)
            if self._accept("not"):
                return Not(self._one())
            if self._accept_sign("("):
                inner = self._either()
                if not self._accept_sign(")"):
                    raise self._mistake("a closing parenthesis is missing", self._token.at)
                return inner
            return self._about_operand()
        finally:
            self._depth -= 1

    def _about_operand(self) -> Condition:
        at = self._token.at
        operand: Operand = self._column() if self._opens("column") else self._field_operand()
        if self._accept("is"):
            opposite = self._accept("not")
            if not self._accept("null"):
                raise self._mistake("null was expected after is", self._token.at)
            return nothing(operand, is_nothing=not opposite)
        self._made(at, lambda: must_be_open(operand))
        if self._token.kind == "sign" and self._token.text in _OPERATORS:
            at = self._token.at
            operator = _OPERATORS[self._take().text]
            if operator.by_order:
                self._made(at, lambda: must_have_order(operand))
            return self._compared(operand, operator)
        opposite = self._accept("not")
        found = self._test(operand)
        if found is None:
            raise self._mistake(
                "a comparison was expected: = != < <= > >= in like contains, starts with, ends "
                "with, matches, between, is null",
                self._token.at,
            )
        return Not(found) if opposite else found

    def _test(self, operand: Operand) -> Condition | None:
        """What follows a field's name and may have ``not`` before it."""
        at = self._token.at
        if self._accept("in"):
            return OneOf(operand, self._listed(operand))
        if self._accept("between"):
            return self._range(operand, at)
        if self._accept("matches"):
            self._made(at, lambda: must_be_text(operand, "matches"))
            token = self._word()
            return self._made(token.at, lambda: matching_regex(operand, token.text))
        for how in Match:
            if self._accept(*how.split()):
                return self._matches(operand, how, at)
        return None

    def _matches(self, operand: Operand, how: Match, at: int) -> Condition:
        self._made(at, lambda: must_be_text(operand, how))
        token = self._word()
        return self._made(token.at, lambda: matching(operand, how, token.text))

    def _range(self, operand: Operand, at: int) -> Condition:
        self._made(at, lambda: must_have_order(operand))
        least = self._compared(operand, Operator.GREATER_OR_EQUAL)
        if not self._accept("and"):
            raise self._mistake("and, and the greater value, was expected", self._token.at)
        most = self._compared(operand, Operator.LESS_OR_EQUAL)
        return self._made(at, lambda: in_range(least, most))

    def _compared(self, operand: Operand, operator: Operator) -> Comparison:
        if self._opens("field"):
            at = self._take().at
            self._accept_sign("(")
            name = self._word()
            self._closing()
            return self._made(at, lambda: compared_with_field(operand, operator, name.text))
        token = self._word()
        return self._made(token.at, lambda: compared(operand, operator, token.text))

    def _column(self) -> ColumnName:
        token = self._take()
        if not self._columns_allowed:
            raise self._mistake("columns of a source are not known here", token.at)
        self._accept_sign("(")
        name = self._word()
        if not name.text.strip():
            raise self._mistake("the name of a column was expected", name.at)
        coming = self._tokens[self._next : self._next + 2]
        ignore_case = [t.text.lower() for t in coming] == ["ignoring", "case"]
        self._next += 2 if ignore_case else 0
        date_format = ""
        if self._tokens[self._next].text.lower() == "as":
            self._next += 1
            form = self._word()
            date_format = form.text
            if not date_format.strip():
                raise self._mistake("a format of dates was expected after as", form.at)
        self._closing()
        return ColumnName(name.text, ignore_case, date_format)

    def _closing(self) -> None:
        if not self._accept_sign(")"):
            raise self._mistake("a closing parenthesis is missing", self._token.at)

    def _field_operand(self) -> FieldName:
        token = self._take()
        if token.kind != "bare" or token.keyword:
            raise self._mistake("the name of a field was expected", token.at)
        return self._field(token)

    def _field(self, token: _Token) -> FieldName:
        entity, dot, name = token.text.partition(".")
        if not dot:
            entity, name = "", token.text
            if len(self._entities) != 1:
                having = [e for e in self._entities if name in ENTITIES[e].fields]
                hint = f"e.g. {having[0]}.{name}" if having else "e.g. customer.status"
                raise self._mistake(
                    f"the entity must be named before the field, as there are several: {hint}",
                    token.at,
                )
            entity = self._entities[0]
        if entity not in ENTITIES:
            raise self._mistake(
                f"there is no entity {entity!r}{did_you_mean(entity, self._entities)}", token.at
            )
        if entity not in self._entities:
            raise self._mistake(
                f"{entity} is not among the entities that were asked for "
                f"({', '.join(self._entities)})",
                token.at,
            )
        fields = ENTITIES[entity].fields
        if name not in fields:
            raise self._mistake(
                f"{entity} has no field {name!r}{did_you_mean(name, fields)}", token.at
            )
        return FieldName(entity, name)

    def _listed(self, operand: Operand) -> tuple[Value, ...]:
        if not self._accept_sign("("):
            raise self._mistake("a list in parentheses was expected", self._token.at)
        values = [self._value(operand)]
        while self._accept_sign(","):
            values.append(self._value(operand))
        self._closing()
        return tuple(values)

    def _word(self) -> _Token:
        token = self._take()
        if token.kind not in ("bare", "quoted"):
            self._next -= 1
            raise self._mistake("a value was expected", token.at)
        if token.keyword == "null":
            raise self._mistake("write is null or is not null", token.at)
        if token.keyword:
            raise self._mistake(
                f"a value was expected; the word {token.text} itself stands in quotes", token.at
            )
        return token

    def _value(self, operand: Operand) -> Value:
        token = self._word()
        return self._made(token.at, lambda: value_for(operand, token.text))
