"""Conditions written as data: the same tree as in words, and every mistake with its place."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from ispmig_pipelines import condition as c
from ispmig_pipelines.condition import (
    ConditionMistakes,
    in_words,
    parse_condition,
    parse_condition_data,
)
from ispmig_pipelines.condition.schema import When, when_schema
from ispmig_pipelines.mapping.yaml_document import read_yaml
from ispmig_pipelines.model import ENTITIES


def read(yaml: str, entity: str = "service") -> c.Condition:
    document = read_yaml(f"when: {yaml}")
    assert not document.mistakes
    return parse_condition_data(document.data["when"], entity, at=("when",))


def refused(yaml: str, entity: str = "service") -> dict[str, str]:
    """Path with dots → what was said of it; the lines are those of the document."""
    with pytest.raises(ConditionMistakes) as error:
        read(yaml, entity)
    paths = [".".join(map(str, m.path)) for m in error.value.mistakes]
    assert len(set(paths)) == len(paths)
    return dict(zip(paths, (m.text for m in error.value.mistakes), strict=True))


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("{status: active}", "status = active"),
        ("{status: [active, suspended]}", "status in (active, suspended)"),
        ("{status: [active]}", "status in (active)"),
        ("{location: ~}", "location is null"),
        ("{location: [A, ~]}", "location in (A) or location is null"),
        ("{location: [~]}", "location is null"),
        ("{location: {not_in: [A, ~]}}", "not (location in (A) or location is null)"),
        ("{location: {is_not: ~}}", "location is not null"),
        ("{location: {is: ~}}", "location is null"),
        ("{location: {empty: false}}", "location is not null"),
        ("{location: {empty: true}}", "location is null"),
        ("{status: {is_not: active}}", "status != active"),
        ("{column: {Paid: {less_than: 2020-01-01}}}", "column(Paid) < 2020-01-01"),
        (
            "{column: {Paid: {between: [2020-01-01, 2020-02-29], date_format: DD.MM.YY}}}",
            "column(Paid as DD.MM.YY) between 2020-01-01 and 2020-02-29",
        ),
        (
            "{column: {Paid: {is: 2020-01-01, empty: false, date_format: dmy}}}",
            "column(Paid as dmy) = 2020-01-01 and column(Paid) is not null",
        ),
        (
            "{column: {Paid: {in: [2020-01-01, ~], date_format: 'MMM D, YYYY'}}}",
            "column(Paid as 'MMM D, YYYY') in (2020-01-01) or column(Paid) is null",
        ),
        ("{status: {in: [active, expired]}}", "status in (active, expired)"),
        ("{status: {not_in: [active]}}", "status not in (active)"),
        ("{price: 0}", "price = 0"),
        ("{price: {more_than: 0, at_most: 99.99}}", "price > 0 and price <= 99.99"),
        ("{price: {less_than: 5}}", "price < 5"),
        ("{price: {at_least: -5}}", "price >= -5"),
        ("{price: {between: [0, 5]}}", "price between 0 and 5"),
        ("{start_date: {between: [2024-01-01, {field: end_date}]}}",
         "start_date between 2024-01-01 and field(end_date)"),
        ("{end_date: {less_than: {field: start_date}}}", "end_date < field(start_date)"),
        ("{end_date: {field: start_date}}", "end_date = field(start_date)"),
        ("{end_date: {is_not: {field: start_date}}}", "end_date != field(start_date)"),
        ("{name: {like: 'A%'}}", "name like A%"),
        ("{name: {contains: x}}", "name contains x"),
        ("{name: {starts_with: x, ends_with: y}}", "name starts with x and name ends with y"),
        ("{name: {matches: '[A-Z]{2}[0-9]+'}}", "name matches [A-Z]{2}[0-9]+"),
        ("{name: 007}", "name = 007"),
        ("{name: 'yes'}", "name = yes"),
        ("{name: ''}", "name = ''"),
        ("{status: active, price: {more_than: 0}}", "status = active and price > 0"),
        ("{all: [{status: active}, {any: [{price: 0}, {price: ~}]}]}",
         "status = active and (price = 0 or price is null)"),
        ("{any: [{status: active}]}", "status = active"),
        ("{not: {status: active, price: 0}}", "not (status = active and price = 0)"),
        ("{any: ['price > 5', {status: active}]}", "price > 5 or status = active"),
        ("status = active and column(Speed) > 5", "status = active and column(Speed) > 5"),
        ("{column: {Speed: {at_least: 100}}}", "column(Speed) >= 100"),
        ("{column: {Speed: 100, Kind: {is: Fibre, ignore_case: true}}}",
         "column(Speed) = 100 and column(Kind ignoring case) = Fibre"),
        ("{column: {A: x, B: [y, z]}, ignore_case: true}",
         "column(A ignoring case) = x and column(B ignoring case) in (y, z)"),
        ("{column: {A: x, ignore_case: true}, status: active}",
         "column(A ignoring case) = x and status = active"),
        ("{column: {A: x, ignore_case: maybe}}", "column(A) = x and column(ignore_case) = maybe"),
        ("{column: {A: x, B: {is: y, ignore_case: false}}, ignore_case: true}",
         "column(A ignoring case) = x and column(B) = y"),
        ("{column: {Plan name: ~}, status: active}",
         "column('Plan name') is null and status = active"),
    ],
)  # fmt: skip
def test_data_mean_what_the_words_mean(yaml: str, words: str) -> None:
    found = read(yaml)
    assert in_words(found) == words
    assert found == parse_condition(words, ["service"], columns_allowed=True)


@pytest.mark.parametrize(
    ("yaml", "path", "told"),
    [
        ("~", "when", "is empty"),
        ("{}", "when", "is empty"),
        ("''", "when", "empty"),
        ("[{status: active}]", "when", "all: or any:"),
        ("{status: actve}", "when.status", "did you mean 'active'?"),
        ("{status: [active, suspnded]}", "when.status.1", "did you mean 'suspended'?"),
        ("{sttus: active}", "when.sttus", "did you mean 'status'?"),
        ("{Speed: 100}", "when.Speed", "column: {Speed: …}"),
        ("{al: [{status: active}]}", "when.al", "did you mean 'all'?"),
        ("{all: {status: active}}", "when.all", "must be a list"),
        ("{any: []}", "when.any", "must be a list"),
        ("{not: [{status: active}]}", "when.not", "is a list"),
        ("{all: [{status: active}, ~]}", "when.all.1", "is empty"),
        ("{status: {more_than: active}}", "when.status.more_than", "no order"),
        ("{status: {between: [active, expired]}}", "when.status.between.0", "no order"),
        ("{status: {like: a%}}", "when.status.like", "no text"),
        ("{price: {more_than: ten}}", "when.price.more_than", "no number"),
        ("{price: 1e5}", "when.price", "no number"),
        ("{price: {more_than: ~}}", "when.price.more_than", "empty: true"),
        ("{price: {more_than: [1]}}", "when.price.more_than", "one word"),
        ("{price: {is: [1, 2]}}", "when.price.is", "say in"),
        ("{price: {is_not: [1, 2]}}", "when.price.is_not", "say not_in"),
        ("{price: {between: [5, 1]}}", "when.price.between", "greater value first"),
        ("{price: {between: 5}}", "when.price.between", "two values"),
        ("{price: {between: [1, ~]}}", "when.price.between.1", "is empty"),
        ("{price: {in: 5}}", "when.price.in", "must be a list"),
        ("{price: {}}", "when.price", "must be tested"),
        ("{price: {'>': 5}}", "when.price.>", "did you mean 'more_than'?"),
        ("{price: {greater_than: 5}}", "when.price.greater_than", "did you mean 'more_than'?"),
        ("{price: {atleast: 5}}", "when.price.atleast", "did you mean 'at_least'?"),
        ("{price: {empty: maybe}}", "when.price.empty", "true or false"),
        ("{price: {more_than: 1, ignore_case: true}}", "when.price.ignore_case", "no test"),
        ("{start_date: 31.12.2024}", "when.start_date", "YYYY-MM-DD"),
        ("{end_date: {less_than: {field: strt_date}}}", "when.end_date.less_than.field",
         "did you mean 'start_date'?"),
        ("{end_date: {less_than: {field: price}}}", "when.end_date.less_than.field",
         "different kinds"),
        ("{end_date: {less_than: {column: X}}}", "when.end_date.less_than", "{field: NAME}"),
        ("{access_secret: x}", "when.access_secret", "secret"),
        ("{access_secret: {starts_with: x}}", "when.access_secret.starts_with", "secret"),
        ("{name: {field: access_secret}}", "when.name.field", "secret"),
        ("{name: {matches: '('}}", "when.name.matches", "no regular expression"),
        ("{name: {matches: [a]}}", "when.name.matches", "one word"),
        ("{name: {contains: \"\\0\"}}", "when.name.contains", "no text"),
        ("{column: Speed}", "when.column", "must map columns"),
        ("{column: {}}", "when.column", "must map columns"),
        ("{column: {ignore_case: true}}", "when.column", "names no column"),
        ("{column: {Speed: {more_than: fast}}}", "when.column.Speed.more_than", "no number"),
        ("{column: {Speed: ' x'}}", "when.column.Speed", "spaces around it"),
        ("{column: {Speed: ''}}", "when.column.Speed", "is empty"),
        ("{column: {Speed: {is: x, ignore_case: maybe}}}", "when.column.Speed.ignore_case",
         "true or false"),
        ("{column: {Speed: {ignore_case: true}}}", "when.column.Speed", "must be tested"),
        ("{column: {Speed: {is: {field: price}}}}", "when.column.Speed.is.field",
         "cannot be compared with a field"),
        ("{status: active, ignore_case: true}", "when.ignore_case", "beside column"),
        ("status = actve", "when", "did you mean 'active'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_where_it_stands(yaml: str, path: str, told: str) -> None:
    found = refused(yaml)
    assert path in found
    assert told in found[path]


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    text = """\
when:
  any:
  - status: actve
  - not:
      price: {more_than: ten, less_than: 5}
  - colum: {Speed: 100}
  - column:
      Speed: {at_lest: 5}
  - "start_date < today"
"""
    document = read_yaml(text)
    with pytest.raises(ConditionMistakes) as error:
        parse_condition_data(document.data["when"], "service", at=("when",))
    assert [document.line(m.path) for m in error.value.mistakes] == [3, 5, 6, 8, 9]


def test_columns_may_be_forbidden() -> None:
    for data in ({"column": {"A": "x"}}, "column(A) = x", {"not": {"column": {"A": "x"}}}):
        with pytest.raises(ConditionMistakes, match="not known here"):
            parse_condition_data(data, "service", columns_allowed=False)


def test_nesting_has_an_end() -> None:
    data: Any = {"status": "active"}
    for _ in range(500):
        data = {"not": data}
    with pytest.raises(ConditionMistakes, match="nested"):
        parse_condition_data(data, "service")


def test_numbers_and_booleans_of_other_readers_are_their_words() -> None:
    found = parse_condition_data({"price": {"at_least": 10, "less_than": 0.1}}, "service")
    assert found == c.And(
        (
            c.Comparison(c.FieldName("service", "price"), c.Operator.GREATER_OR_EQUAL, Decimal(10)),
            c.Comparison(c.FieldName("service", "price"), c.Operator.LESS, Decimal("0.1")),
        )
    )
    assert in_words(parse_condition_data({"tax_exempt": True}, "customer")) == "tax_exempt = true"


def test_no_field_is_called_like_a_word_of_the_language() -> None:
    words = {"all", "any", "not", "column", "field", "ignore_case"}
    assert not any(words & set(entity.fields) for entity in ENTITIES.values())


# --- the shape for editors -------------------------------------------------------------------


class Rule(BaseModel):
    when: When


@pytest.mark.parametrize(
    "yaml",
    [
        "status = active",
        "{status: active, price: {between: [0, 5]}, name: ~}",
        "{any: [{status: [a, b]}, 'price > 1'], not: {x: {empty: true}}}",
        "{column: {A: {is: x, ignore_case: true}, B: [y]}, ignore_case: true}",
        "{end_date: {less_than: {field: start_date}}}",
    ],
)
def test_the_schema_takes_what_is_a_condition(yaml: str) -> None:
    schema = Rule.model_json_schema()
    jsonschema.validate({"when": _plain_yaml(yaml)}, schema)
    data = _plain_yaml(yaml)
    assert Rule(when=data).when is data


@pytest.mark.parametrize(
    "yaml", ["~", "[a]", "{}", "{price: {more: 5}}", "{any: {}}", "{column: x}"]
)
def test_the_schema_takes_nothing_else(yaml: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_plain_yaml(yaml), when_schema())


def _plain_yaml(yaml: str) -> Any:
    """As an editor reads it: ``true`` and 5 are no texts."""

    def plain(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: plain(part) for key, part in data.items()}
        if isinstance(data, list):
            return [plain(part) for part in data]
        if data in ("true", "false"):
            return data == "true"
        return int(data) if isinstance(data, str) and re.fullmatch("[0-9]+", data) else data

    return plain(read_yaml(f"x: {yaml}").data["x"])
