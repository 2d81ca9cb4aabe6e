"""Conditions: what is written is what is meant, or a plain word about where it is not."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines import condition as c
from ispmig_pipelines.condition import (
    USUAL_DATES,
    And,
    ColumnName,
    Comparison,
    FieldName,
    IsNothing,
    Match,
    Matches,
    Not,
    OneOf,
    Operator,
    Or,
    Regex,
    between,
    by_entity,
    columns_of,
    entities_of,
    fields_of,
    in_words,
    parse_condition,
    written,
)
from ispmig_pipelines.condition.meaning import Misuse, matching_regex
from ispmig_pipelines.errors import UsageError

STATUS = FieldName("customer", "status")
BALANCE = FieldName("customer", "balance")
NAME = FieldName("customer", "last_name")
DAY = FieldName("customer", "birth_date")
SIGNUP = FieldName("customer", "signup_date")


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
        ("last_name ends with son", Matches(NAME, Match.ENDS_WITH, "son")),
        ("last_name not ends with son", Not(Matches(NAME, Match.ENDS_WITH, "son"))),
        ("last_name matches '[A-Z](a|b)+'", Regex(NAME, "[A-Z](a|b)+")),
        ("last_name not matches x.*", Not(Regex(NAME, "x.*"))),
        ("balance between 0 and 12.50", between(BALANCE, Decimal(0), Decimal("12.50"))),
        ("balance not between -5 and 0", Not(between(BALANCE, Decimal(-5), Decimal(0)))),
        (
            "last_name between a and b and tax_exempt = true",
            And(
                (
                    between(NAME, "a", "b"),
                    Comparison(FieldName("customer", "tax_exempt"), Operator.EQUAL, True),
                )
            ),
        ),
        ("birth_date > field(signup_date)", Comparison(DAY, Operator.GREATER, SIGNUP)),
        ("birth_date != field(customer.signup_date)", Comparison(DAY, Operator.UNEQUAL, SIGNUP)),
        (
            "birth_date between 1990-01-01 and field(signup_date)",
            between(DAY, dt.date(1990, 1, 1), SIGNUP),
        ),
        ("last_name = field", Comparison(NAME, Operator.EQUAL, "field")),
        ("last_name in (field, column)", OneOf(NAME, ("field", "column"))),
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
        ("last_name contains 'a\x00'", "no text"),
        ("last_name = 'a\ud800'", "no text"),
        ("last_name matches '('", "no regular expression"),
        ("last_name matches 'a)(b'", "no regular expression"),
        ("last_name matches 'a{1001}'", "no regular expression"),
        ("last_name matches " + "x" * 1001, "longer than 1,000"),
        ("balance matches 1", "no text"),
        ("balance between 5 and 1", "the greater value first"),
        ("balance between 5", "and the greater value, was expected"),
        ("status between active and lead", "no order"),
        ("birth_date < field(signup)", "no field 'signup'; did you mean"),
        ("birth_date < field(balance)", "different kinds"),
        ("birth_date = field(last_name)", "different kinds"),
        ("last_name = field(portal_secret)", "secret"),
        ("birth_date < field(invoice.issue_date)", "fields of customer only"),
        ("birth_date < field(signup_date", "closing parenthesis"),
        ("column(Speed) > 1", "not known here"),
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


def test_columns_of_the_source_are_spoken_of_where_there_is_one() -> None:
    def of_source(text: str) -> c.Condition:
        return parse_condition(text, ["customer"], columns_allowed=True)

    speed = ColumnName("Speed")
    assert of_source("column(Speed) >= 100") == Comparison(
        speed, Operator.GREATER_OR_EQUAL, Decimal(100)
    )
    # Equal is what is written alike.
    assert of_source("column(Speed) = 100") == Comparison(speed, Operator.EQUAL, "100")
    assert of_source("column('Plan name' ignoring case) in (fiber, dsl)") == OneOf(
        ColumnName("Plan name", ignore_case=True), ("fiber", "dsl")
    )
    for text, told in (
        ("column(Speed) > fast", "no number"),
        ("column(Speed) = ' x'", "spaces around it"),
        ("column(Speed) = ''", "is empty"),
        ("column('') = x", "name of a column"),
        ("column(Speed = x", "closing parenthesis"),
        ("column(Speed) = field(last_name)", "cannot be compared with a field"),
    ):
        with pytest.raises(UsageError, match=told):
            of_source(text)


def test_what_a_condition_reads_is_known() -> None:
    found = parse_condition(
        "birth_date < field(signup_date) and (column(A) = x or not column(B) is null) "
        "and birth_date is null and column(A ignoring case) = y",
        ["customer"],
        columns_allowed=True,
    )
    assert fields_of(found) == (DAY, SIGNUP)
    assert columns_of(found) == ("A", "B")
    assert entities_of(found) == ("customer",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("customer.status=active AND NOT (customer.balance between 0 and 5)",
         "status = active and balance not between 0 and 5"),
        ("not (email is null)", "email is not null"),
        ("not (last_name contains x) or balance >= 0 and balance <= 5",
         "last_name not contains x or balance between 0 and 5"),
        ("balance >= 5 and balance <= 0", "balance >= 5 and balance <= 0"),
        ("not (not status in (active))", "not (status not in (active))"),
        ("balance = 0.0000000", "balance = 0.0000000"),
    ],
)  # fmt: skip
def test_words_are_those_that_a_person_would_write(text: str, words: str) -> None:
    assert in_words(read(text)) == words


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
numbers = st.decimals(-1000, 1000, places=2).map(lambda d: Decimal(f"{d:f}"))
operands = st.one_of(
    st.just(NAME),
    st.builds(
        ColumnName,
        st.text(min_size=1, max_size=6).filter(lambda t: bool(t.strip())),
        st.booleans(),
    ),
)
fields = st.just(NAME)


def leaves(of: st.SearchStrategy[c.Operand]) -> st.SearchStrategy[c.Condition]:
    # Of a column, only texts without spaces around them can be asked for.
    words = texts.map(str.strip).filter(bool)
    return st.one_of(
        st.builds(Comparison, of, st.sampled_from([Operator.EQUAL, Operator.UNEQUAL]), words),
        st.builds(Comparison, st.just(NAME), st.sampled_from(Operator), texts),
        st.builds(Comparison, st.just(BALANCE), st.sampled_from(Operator), numbers),
        st.builds(Comparison, st.just(DAY), st.sampled_from(Operator), st.just(SIGNUP)),
        st.builds(between, st.just(BALANCE), numbers, numbers),
        st.builds(OneOf, of, st.lists(words, min_size=1, max_size=3).map(tuple)),
        st.builds(Matches, of, st.sampled_from(Match), texts),
        st.builds(Regex, of, texts.map(re.escape).filter(_is_re2)),
        st.builds(IsNothing, of),
    )


def _is_re2(pattern: str) -> bool:
    try:
        matching_regex(NAME, pattern)
    except Misuse:
        return False
    return True


def any_of(of: st.SearchStrategy[c.Operand]) -> st.SearchStrategy[c.Condition]:
    return st.recursive(
        leaves(of),
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        ),
        max_leaves=8,
    )


@given(any_of(fields))
def test_a_condition_is_read_as_it_is_written(condition: c.Condition) -> None:
    assert read(written(condition)) == condition
    assert read(in_words(condition)) == condition


names = st.text(min_size=1, max_size=6).filter(lambda t: bool(t.strip()))
days_of_columns = st.one_of(
    st.builds(
        Comparison,
        st.builds(ColumnName, names, st.booleans(), names.filter(lambda t: t != USUAL_DATES)),
        st.sampled_from(Operator),
        st.dates(),
    ),
    st.builds(
        Comparison,
        st.builds(ColumnName, names, st.just(False), st.just(USUAL_DATES)),
        st.sampled_from([operator for operator in Operator if operator.by_order]),
        st.dates(),
    ),
)


@given(any_of(operands) | days_of_columns)
def test_a_condition_on_columns_is_read_as_it_is_written(condition: c.Condition) -> None:
    for text in (written(condition), in_words(condition)):
        assert parse_condition(text, ["customer"], columns_allowed=True) == condition


def test_what_stands_in_brackets_is_still_joined_by_and() -> None:
    text = "customer.status = active and (customer.balance > 0 and service.status = active)"
    found = c.by_entity(c.parse_condition(text, ["customer", "service"]))
    assert {entity: c.written(said) for entity, said in found.items()} == {
        "customer": "customer.status = active and customer.balance > 0",
        "service": "service.status = active",
    }
