"""Conditions: what is written is what is meant, or a plain word about where it is not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines import condition as c
from ispmig_pipelines.condition import (
    And,
    Comparison,
    FieldName,
    IsNothing,
    Match,
    Matches,
    Not,
    OneOf,
    Operator,
    Or,
    by_entity,
    parse_condition,
    written,
)
from ispmig_pipelines.errors import UsageError

STATUS = FieldName("customer", "status")
BALANCE = FieldName("customer", "balance")
NAME = FieldName("customer", "last_name")
DAY = FieldName("customer", "birth_date")


def read(text: str) -> c.Condition:
    return parse_condition(text, ["customer"])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("status = active", Comparison(STATUS, Operator.EQUAL, "active")),
        ("customer.status == active", Comparison(STATUS, Operator.EQUAL, "active")),
        ("status<>active", Comparison(STATUS, Operator.UNEQUAL, "active")),
        ("balance>=-12.50", Comparison(BALANCE, Operator.GREATER_OR_EQUAL, Decimal("-12.50"))),
        ("birth_date < 1990-01-31", Comparison(DAY, Operator.LESS, dt.date(1990, 1, 31))),
        (
            "tax_exempt = TRUE",
            Comparison(FieldName("customer", "tax_exempt"), Operator.EQUAL, True),
        ),
        ("status in (active, 'lead')", OneOf(STATUS, ("active", "lead"))),
        ("status not in (lead)", Not(OneOf(STATUS, ("lead",)))),
        ("last_name like 'O''B%'", Matches(NAME, Match.LIKE, "O'B%")),
        ('last_name contains "in"', Matches(NAME, Match.CONTAINS, "in")),
        ("last_name not starts with Mc", Not(Matches(NAME, Match.STARTS_WITH, "Mc"))),
        ("last_name IS NULL", IsNothing(NAME)),
        ("portal_secret is not null", Not(IsNothing(FieldName("customer", "portal_secret")))),
        ("last_name = 'and'", Comparison(NAME, Operator.EQUAL, "and")),
        ("last_name = ''", Comparison(NAME, Operator.EQUAL, "")),
        ("last_name = O.Brien/7-x@y", Comparison(NAME, Operator.EQUAL, "O.Brien/7-x@y")),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, meant: c.Condition) -> None:
    assert read(text) == meant


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, d = (Comparison(NAME, Operator.EQUAL, x) for x in "abd")
    assert read("last_name = a or last_name = b and last_name = d") == Or((a, And((b, d))))
    assert read("(last_name = a or last_name = b) and last_name = d") == And((Or((a, b)), d))
    assert read("not last_name = a and last_name = b") == And((Not(a), b))


def test_values_are_of_the_fields_type() -> None:
    (field, value) = ("paid_at", dt.datetime(2024, 2, 29, tzinfo=dt.UTC))
    for text in ("2024-02-29", "2024-02-29T01:00:00+01:00", "2024-02-29T00:00:00Z"):
        found = parse_condition(f"{field} = {text}", ["payment"])
        assert isinstance(found, Comparison)
        assert found.value == value
    address = parse_condition("address = 2001:DB8:0::1", ["ip_assignment"])
    assert isinstance(address, Comparison)
    assert address.value == "2001:db8::1"
    mac = parse_condition("mac in (001A.2B3C.4D5E)", ["device"])
    assert isinstance(mac, OneOf)
    assert mac.values == ("00:1a:2b:3c:4d:5e",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("status = actve", "did you mean 'active'?"),
        ("sttus = active", "no field 'sttus'; did you mean 'status'?"),
        ("custmer.status = active", "no entity 'custmer'; did you mean 'customer'?"),
        ("invoice.total > 0", "invoice is not among"),
        ("status > active", "no order"),
        ("tax_exempt = maybe", "neither true nor false"),
        ("balance = ten", "no number"),
        ("balance = 1e9", "no number"),
        ("balance contains 1", "no text"),
        ("birth_date = 31.12.1990", "YYYY-MM-DD"),
        ("birth_date = 1990-02-30", "YYYY-MM-DD"),
        ("portal_secret = x", "secret"),
        ("last_name = null", "is null"),
        ("last_name is 5", "null was expected"),
        ("last_name = and", "in quotes"),
        ("status =", "at its end a value"),
        ("= 5", "name of a field"),
        ("status in active", "in parentheses"),
        ("status in (active", "closing parenthesis"),
        ("(status = active", "closing parenthesis"),
        ("status = 'active", "not closed"),
        ("status = active active", "character 17"),
        ("status = active; drop table x", "none of its words"),
        ("status ! active", "cannot be read"),
        ("(" * 60 + "status = active" + ")" * 60, "nested"),
        ("last_name = " + "x" * 20_000, "longer than"),
        ("last_name = 'a\x00'", "no text"),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(text)
    assert told in str(refused.value)


def test_with_several_entities_each_field_names_its_own() -> None:
    both = ["customer", "invoice"]
    with pytest.raises(UsageError, match=r"invoice\.total"):
        parse_condition("total > 0", both)
    parts = by_entity(
        parse_condition(
            "customer.status = active and invoice.total > 0 and invoice.status = paid", both
        )
    )
    assert {entity: written(part) for entity, part in parts.items()} == {
        "customer": "customer.status = active",
        "invoice": "invoice.total > 0 and invoice.status = paid",
    }
    for text in (
        "customer.status = active or invoice.total > 0",
        "not (customer.status = active and invoice.total > 0)",
    ):
        with pytest.raises(UsageError, match="customer and invoice"):
            by_entity(parse_condition(text, both))


def test_what_is_shown_of_values_can_be_chosen() -> None:
    found = read("last_name = Lee and status in (active)")
    assert written(found, lambda field, value: "?") == (
        "customer.last_name = ? and customer.status in (?)"
    )


texts = st.text(max_size=8).filter(lambda t: "\x00" not in t)
leaves = st.one_of(
    st.builds(Comparison, st.just(NAME), st.sampled_from(Operator), texts),
    st.builds(
        Comparison,
        st.just(BALANCE),
        st.sampled_from(Operator),
        st.decimals(-1000, 1000, places=2).map(lambda d: Decimal(f"{d:f}")),
    ),
    st.builds(OneOf, st.just(NAME), st.lists(texts, min_size=1, max_size=3).map(tuple)),
    st.builds(Matches, st.just(NAME), st.sampled_from(Match), texts),
    st.just(IsNothing(NAME)),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(conditions)
def test_a_condition_is_read_as_it_is_written(condition: c.Condition) -> None:
    assert read(written(condition)) == condition


def test_what_stands_in_brackets_is_still_joined_by_and() -> None:
    text = "customer.status = active and (customer.balance > 0 and service.status = active)"
    found = c.by_entity(c.parse_condition(text, ["customer", "service"]))
    assert {entity: c.written(said) for entity, said in found.items()} == {
        "customer": "customer.status = active and customer.balance > 0",
        "service": "service.status = active",
    }
