"""A condition holds for the same rows on a frame and in PostgreSQL: whatever is asked of what."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines import condition as c
from ispmig_pipelines.condition import FieldName, Match, Operator, evaluate, parse_condition
from ispmig_pipelines.condition.meaning import whole
from ispmig_pipelines.condition.values import TEXTS, WITHOUT_ORDER
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType, Privacy
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.condition_regex import in_postgres
from ispmig_pipelines.platform.condition_sql import Parameters, where
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines_tests.platform.anything import CONTROLS, ODD_TEXTS, anything

SCHEMA = "conditions"
SEEDS = range(8)
ASKED = ("customer", "service", "invoice", "plan", "device", "ip_assignment", "payment")


def odd_rows() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {entity: [] for entity in ASKED}
    for seed in SEEDS:
        made = anything(seed, size=12, more=CONTROLS)
        for entity in ASKED:
            rows[entity] += made[entity]
    return rows


ROWS = odd_rows()
BATCHES = {
    entity: pa.RecordBatch.from_arrays(
        [
            pa.array([row[name] for row in rows], info.arrow_type)
            for name, info in ENTITIES[entity].fields.items()
        ],
        names=list(ENTITIES[entity].fields),
    )
    for entity, rows in ROWS.items()
}


@pytest.fixture(scope="module")
def rows_of_all_kinds(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection to tables that hold :data:`ROWS`, numbered in ``_record`` from 0."""
    with psycopg.connect(server_url) as connection:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
        for entity, batch in BATCHES.items():
            info = ENTITIES[entity]
            columns = [(name, ddl.column_type(field)) for name, field in info.fields.items()]
            connection.execute(
                sql.SQL("create table {} ({})").format(
                    sql.Identifier(SCHEMA, entity),
                    sql.SQL(", ").join(
                        sql.SQL("{} {}").format(sql.Identifier(name), kind)
                        for name, kind in [*columns, (ddl.RECORD, sql.SQL("bigint"))]
                    ),
                )
            )
            numbers = pa.array(range(batch.num_rows), pa.int64())
            copy_batches(
                connection,
                sql.Identifier(SCHEMA, entity),
                [batch.append_column(ddl.RECORD, numbers)],
            )
        yield connection
        connection.rollback()


def in_database(connection: psycopg.Connection, condition: c.Condition, entity: str) -> list[int]:
    parameters = Parameters()
    statement = sql.SQL("select {record} from {table} t where {where} order by 1").format(
        record=sql.Identifier(ddl.RECORD),
        table=sql.Identifier(SCHEMA, entity),
        where=where(condition, "t", parameters),
    )
    return [row[0] for row in connection.execute(statement, parameters.values)]


def in_frame(condition: c.Condition, entity: str) -> list[int]:
    batch = BATCHES[entity]

    def column(operand: c.Operand) -> pa.Array:
        assert isinstance(operand, FieldName)
        return batch.column(operand.field)

    mask = evaluate(condition, column, batch.num_rows)
    assert mask.dtype == bool
    assert len(mask) == batch.num_rows
    return mask.nonzero()[0].tolist()


# --- any condition ---------------------------------------------------------------------------

_texts = st.one_of(
    st.sampled_from([*ODD_TEXTS, *CONTROLS]),
    st.text("a%_\\é🦊\n X0", max_size=4),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3),
)
_numbers = st.one_of(
    st.integers(-(10**29), 10**29).map(Decimal),
    st.decimals(-(10**6), 10**6, places=5),
    st.sampled_from([Decimal("0"), Decimal("-0.00001"), Decimal(2**63), Decimal(-(2**63) - 1)]),
)


def values_of(field: FieldName) -> st.SearchStrategy[c.Value]:
    info = field.info
    there = [row[field.field] for row in ROWS[field.entity] if row[field.field] is not None]
    held = st.sampled_from(there) if there else st.nothing()
    if isinstance(there[0] if there else None, int | Decimal) and info.type not in (
        FieldType.BOOLEAN,
    ):
        near = st.sampled_from([Decimal(0), Decimal("0.000001"), Decimal(1), Decimal("-0.5")])
        return _numbers | st.builds(lambda a, b: Decimal(a) + b, held, near)
    if info.type in TEXTS:
        return held | _texts
    return held


def fields() -> st.SearchStrategy[FieldName]:
    entity = st.sampled_from(ASKED)
    return entity.flatmap(lambda e: st.sampled_from([FieldName(e, f) for f in ENTITIES[e].fields]))


def leaves(entity: str) -> st.SearchStrategy[c.Condition]:
    return st.sampled_from(list(ENTITIES[entity].fields)).flatmap(
        lambda name: leaf(FieldName(entity, name))
    )


def leaf(field: FieldName) -> st.SearchStrategy[c.Condition]:
    info = field.info
    nothing: st.SearchStrategy[c.Condition] = st.just(c.IsNothing(field))
    if info.privacy is Privacy.SECRET:
        return nothing
    values = values_of(field)
    ordered = info.type not in WITHOUT_ORDER
    operators = [o for o in Operator if ordered or not o.by_order]
    kinds = [
        nothing,
        st.builds(c.Comparison, st.just(field), st.sampled_from(operators), values),
        st.builds(c.OneOf, st.just(field), st.lists(values, min_size=1, max_size=4).map(tuple)),
    ]
    alike = [
        FieldName(field.entity, name)
        for name, other in ENTITIES[field.entity].fields.items()
        if other.privacy is not Privacy.SECRET
        and (other.type is info.type or {other.type, info.type} <= TEXTS
             or {other.type, info.type} == {FieldType.INTEGER, FieldType.QUANTITY})
    ]  # fmt: skip
    kinds.append(
        st.builds(c.Comparison, st.just(field), st.sampled_from(operators), st.sampled_from(alike))
    )
    if ordered:
        kinds.append(st.builds(c.between, st.just(field), values, values))
    if info.type in TEXTS:
        kinds.append(st.builds(c.Matches, st.just(field), st.sampled_from(Match), _texts))
        kinds.append(st.builds(c.Regex, st.just(field), regexes))
    return st.one_of(kinds)


_atoms = st.sampled_from(
    ["a", "0", "é", "🦊", " ", "-", r"\.", ".", r"\d", r"\W", r"\s", "[a-z]", "[^a]", "[]x]",
     "[a-]", r"[\d_]", r"\x41", r"\x{1F98A}", r"\n", "[+--]", "(?:)", "(|a)", "^", "$", r"\A",
     "[0-9A-F]", r"[\]\\]", "A", "x", "O'Brien", r"\S", r"\D", r"\w", "[^\\n]", "#", "=",
     "(?P<a>1)"]
)  # fmt: skip
_repeats = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "+?", "??"])
_pieces = st.builds(
    lambda atom, repeat: atom if atom in ("^", "$", r"\A") else f"(?:{atom}){repeat}",
    _atoms,
    _repeats,
)
regexes = st.recursive(
    st.lists(_pieces, max_size=4).map("".join),
    lambda inner: st.one_of(
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, _repeats),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=4,
)


def conditions(entity: str) -> st.SearchStrategy[c.Condition]:
    return st.recursive(
        leaves(entity),
        lambda inner: st.one_of(
            st.builds(c.Not, inner),
            st.builds(c.And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(c.Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        ),
        max_leaves=5,
    )


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(data=st.data(), entity=st.sampled_from(ASKED))
def test_the_frame_and_the_database_choose_the_same_rows(
    rows_of_all_kinds: psycopg.Connection, data: st.DataObject, entity: str
) -> None:
    condition = data.draw(conditions(entity))
    assert in_frame(condition, entity) == in_database(rows_of_all_kinds, condition, entity)


@pytest.mark.parametrize("entity", ASKED)
def test_every_field_can_be_asked_the_same_in_both(
    rows_of_all_kinds: psycopg.Connection, entity: str
) -> None:
    """The property test may not come to each field; here each is asked for what it holds."""
    for name, info in ENTITIES[entity].fields.items():
        held = {row[name] for row in ROWS[entity]} - {None}
        if info.privacy is Privacy.SECRET or not held:
            continue
        field = FieldName(entity, name)
        for value in sorted(held, key=repr)[:5]:
            for operator in Operator:
                if operator.by_order and info.type in WITHOUT_ORDER:
                    continue
                asked = c.Comparison(
                    field, operator, Decimal(value) if type(value) is int else value
                )
                found = in_frame(asked, entity)
                assert found == in_database(rows_of_all_kinds, asked, entity)
                if operator is Operator.EQUAL:
                    assert found == [i for i, row in enumerate(ROWS[entity]) if row[name] == value]


# --- regular expressions ---------------------------------------------------------------------


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(pattern=regexes, texts=st.lists(_texts | st.text("aA0xé \n-.", max_size=5), min_size=5))
def test_a_regular_expression_means_the_same_in_both(
    rows_of_all_kinds: psycopg.Connection, pattern: str, texts: list[str]
) -> None:
    ours = pa.compute.match_substring_regex(pa.array(texts, pa.string()), whole(pattern))
    theirs = rows_of_all_kinds.execute(
        'select x collate "C" ~ %s from unnest(%s::text[]) with ordinality as t(x, n) order by n',
        [in_postgres(pattern), texts],
    ).fetchall()
    assert ours.to_pylist() == [row[0] for row in theirs]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?i)abc", "flags"),
        (r"\bword\b", r"\\b"),
        (r"\p{L}+", r"\\p"),
        ("[[:alpha:]]+", "by name"),
        (r"[\D]", "in a class"),
        ("a{300}", "above 255"),
        ("a{x", "no count"),
        (r"\Qa.b\E", r"\\Q"),
        ("^*a", "anchor"),
    ],
)
def test_what_may_mean_something_else_there_is_refused(pattern: str, why: str) -> None:
    condition = parse_condition(f"last_name matches '{pattern}'", ["customer"])
    with pytest.raises(UsageError, match=why):
        where(condition, "t", Parameters())


def test_a_pattern_stays_a_parameter(rows_of_all_kinds: psycopg.Connection) -> None:
    for text in ("x' or true --", "%s %(c0)s", "a;b"):
        for how in ("=", "contains", "ends with", "like"):
            quoted = text.replace("'", "''")
            condition = parse_condition(f"last_name {how} '{quoted}'", ["customer"])
            assert in_database(rows_of_all_kinds, condition, "customer") == []


# --- texts and numbers on their edges ----------------------------------------------------------

_short = st.text("ab%_\\\né🦊", max_size=5)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(how=st.sampled_from(Match), text=_short, texts=st.lists(_short, min_size=8, max_size=20))
def test_looking_for_a_text_means_the_same_in_both(
    rows_of_all_kinds: psycopg.Connection, how: Match, text: str, texts: list[str]
) -> None:
    condition = c.Matches(FieldName("customer", "notes"), how, text)
    column = pa.array([*texts, text, None], pa.string())
    ours = evaluate(condition, lambda _: column, len(column))
    parameters = Parameters()
    theirs = rows_of_all_kinds.execute(
        sql.SQL(
            "select {} from unnest(%(texts)s::text[]) with ordinality as t(notes, n) order by n"
        ).format(where(condition, "t", parameters)),
        {**parameters.values, "texts": column.to_pylist()},
    ).fetchall()
    assert ours.tolist() == [row[0] for row in theirs]


_edges = st.sampled_from([0, 1, -1, 5, 10**15 - 1, -(10**15) + 1, 2**63 - 1, -(2**63)])
_fractions = st.sampled_from(["0", "0.0001", "-0.0001", "0.00005", "-0.00005", "0.5", "1e-30"])


@settings(max_examples=50)
@given(
    type_=st.sampled_from([pa.int64(), pa.decimal128(19, 4), pa.decimal128(9, 6)]),
    operator=st.sampled_from(Operator),
    cells=st.lists(st.tuples(_edges, _fractions), min_size=1, max_size=6),
    around=st.tuples(_edges, _fractions),
)
def test_numbers_compare_exactly_whatever_the_column_can_hold(
    type_: pa.DataType,
    operator: Operator,
    cells: list[tuple[int, str]],
    around: tuple[int, str],
) -> None:
    with decimal.localcontext(prec=80):
        value = Decimal(around[0]) + Decimal(around[1])
        held: list[Any] = []
        for whole_part, fraction in cells:
            exact = Decimal(whole_part) + Decimal(fraction)
            try:
                cell = int(exact) if type_ == pa.int64() else exact
                held.append(pa.scalar(cell, type_).as_py())
            except (pa.ArrowInvalid, OverflowError):
                held.append(None)
        meant = {
            Operator.EQUAL: lambda x: x == value,
            Operator.UNEQUAL: lambda x: x != value,
            Operator.LESS: lambda x: x < value,
            Operator.LESS_OR_EQUAL: lambda x: x <= value,
            Operator.GREATER: lambda x: x > value,
            Operator.GREATER_OR_EQUAL: lambda x: x >= value,
        }[operator]
        wanted = [operator is Operator.UNEQUAL if x is None else meant(x) for x in held]
        condition = c.Comparison(FieldName("customer", "balance"), operator, value)
        found = evaluate(condition, lambda _: pa.array(held, type_), len(held))
        assert found.tolist() == wanted
        among = c.OneOf(FieldName("customer", "balance"), (value, Decimal("0.5")))
        found = evaluate(among, lambda _: pa.array(held, type_), len(held))
        assert found.tolist() == [x is not None and x in (value, Decimal("0.5")) for x in held]


# --- what could be taken otherwise ------------------------------------------------------------


def test_two_fields_that_hold_nothing_are_not_equal(
    rows_of_all_kinds: psycopg.Connection,
) -> None:
    both = parse_condition("issue_date is null and due_date is null", ["invoice"])
    equal = parse_condition("issue_date is null and due_date = field(issue_date)", ["invoice"])
    unequal = parse_condition(
        "issue_date is null and due_date is null and due_date != field(issue_date)", ["invoice"]
    )
    assert in_database(rows_of_all_kinds, both, "invoice")
    assert in_database(rows_of_all_kinds, equal, "invoice") == []
    assert in_frame(unequal, "invoice") == in_frame(both, "invoice")
    assert in_database(rows_of_all_kinds, unequal, "invoice") == in_frame(both, "invoice")


def test_a_source_column_is_none_of_the_databases() -> None:
    condition = parse_condition("column(Speed) > 1", ["customer"], columns_allowed=True)
    with pytest.raises(UsageError, match="'Speed'"):
        where(condition, "t", Parameters())


def test_the_rows_hold_what_makes_this_hard() -> None:
    customers = ROWS["customer"]
    assert len(customers) > 30
    assert any(row["last_name"] is None for row in customers)
    assert any("🦊" in (row["last_name"] or "") for row in customers)
    assert any(isinstance(row["birth_date"], dt.date) for row in customers)
