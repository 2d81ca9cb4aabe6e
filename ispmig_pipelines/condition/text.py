"""The text language of conditions: ``customer.status = active and balance > 0``, both ways."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ispmig_pipelines.condition.tree import (
    And,
    Comparison,
    Condition,
    FieldName,
    IsNothing,
    Match,
    Matches,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)
from ispmig_pipelines.condition.values import TEXTS, WITHOUT_ORDER, Unfit, value_of
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import Privacy
from ispmig_pipelines.nearest import did_you_mean

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
"""How deep parentheses and ``not`` may be nested."""


def parse_condition(text: str, entities: Sequence[str]) -> Condition:
    """Reads a condition.

    Args:
        entities: those whose fields it may speak of. If there is one, its name may be left out.

    Raises:
        UsageError: it cannot be read, names what is not there, or compares what cannot be
            compared; the text says where and what would be right.
    """
    return _Parser(text, entities).whole()


def written(
    condition: Condition, show: Callable[[FieldName, str], str] = lambda field, value: value
) -> str:
    """The condition in its own language.

    Args:
        show: what is written for a value of a field, e.g. its mask.
    """
    match condition:
        case And(parts) | Or(parts):
            between = " and " if isinstance(condition, And) else " or "
            return between.join(
                f"({written(p, show)})" if isinstance(p, And | Or) else written(p, show)
                for p in parts
            )
        case Not(part):
            return f"not ({written(part, show)})"
        case IsNothing(field):
            return f"{field.entity}.{field.field} is null"
        case Matches(field, match, text):
            return f"{field.entity}.{field.field} {match} {_quoted(show(field, text))}"
        case OneOf(field, values):
            listed = ", ".join(_quoted(show(field, _word(v))) for v in values)
            return f"{field.entity}.{field.field} in ({listed})"
        case Comparison(field, operator, value):
            return f"{field.entity}.{field.field} {operator} {_quoted(show(field, _word(value)))}"


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _quoted(word: str) -> str:
    plain = _BARE.fullmatch(word) and word.lower() not in _KEYWORDS
    return word if plain else "'" + word.replace("'", "''") + "'"


_BARE = re.compile(r"""[^\s()=<>!,'"]+""")
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<sign><=|>=|!=|<>|==|[=<>(),])"""
    rf"""|(?P<bare>{_BARE.pattern}))"""
)
_KEYWORDS = frozenset(
    ["and", "or", "not", "in", "is", "null", "like", "contains", "starts", "with"]
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
        return self.text.lower() if self.kind == "bare" and self.text.lower() in _KEYWORDS else ""


class _Parser:
    def __init__(self, text: str, entities: Sequence[str]) -> None:
        self._text = text
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
            return self._about_field()
        finally:
            self._depth -= 1

    def _about_field(self) -> Condition:
        token = self._take()
        if token.kind != "bare" or token.keyword:
            raise self._mistake("the name of a field was expected", token.at)
        field = self._field(token)
        if self._accept("is"):
            opposite = self._accept("not")
            if not self._accept("null"):
                raise self._mistake("null was expected after is", self._token.at)
            return Not(IsNothing(field)) if opposite else IsNothing(field)
        if field.info.privacy is Privacy.SECRET:
            raise self._mistake(
                f"{field.field} is a secret: it can be asked only whether it is null", token.at
            )
        at = self._token.at
        if self._accept("in"):
            return OneOf(field, self._listed(field))
        if self._accept("not", "in"):
            return Not(OneOf(field, self._listed(field)))
        for match in Match:
            for opposite in (False, True):
                if self._accept(*(["not"] if opposite else []), *match.split()):
                    found = self._matches(field, match, at)
                    return Not(found) if opposite else found
        if self._token.kind == "sign" and self._token.text in _OPERATORS:
            operator = _OPERATORS[self._take().text]
            ordered = operator not in (Operator.EQUAL, Operator.UNEQUAL)
            if ordered and field.info.type in WITHOUT_ORDER:
                raise self._mistake(
                    f"{field.field} ({field.info.type}) has no order: use = or !=", at
                )
            return Comparison(field, operator, self._value(field))
        raise self._mistake(
            "a comparison was expected: = != < <= > >= in like contains, starts with, is null", at
        )

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

    def _listed(self, field: FieldName) -> tuple[Value, ...]:
        if not self._accept_sign("("):
            raise self._mistake("a list in parentheses was expected", self._token.at)
        values = [self._value(field)]
        while self._accept_sign(","):
            values.append(self._value(field))
        if not self._accept_sign(")"):
            raise self._mistake("a closing parenthesis is missing", self._token.at)
        return tuple(values)

    def _matches(self, field: FieldName, match: Match, at: int) -> Matches:
        if field.info.type not in TEXTS:
            raise self._mistake(
                f"{field.field} ({field.info.type}) is no text: {match} is for texts", at
            )
        return Matches(field, match, self._word().text)

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

    def _value(self, field: FieldName) -> Value:
        token = self._word()
        try:
            return value_of(token.text, field.info)
        except Unfit as unfit:
            raise self._mistake(f"{token.text!r} is {unfit}", token.at) from None
