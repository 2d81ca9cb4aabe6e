"""Rules of a block: what they make of records, and that nothing is lost or counted twice by it."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.apply import FeedPlan, prepare
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines_tests.mapping.columns import mapped, records, rules, spec_of

HEAD = "version: 1\nsources: {s: {files: x.csv}}\nentities:\n"
CUSTOMER = """\
  customer:
    from: s
    fields:
      account_number: No
      status: {column: State, lookup: {A: active, X: cancelled}}
      balance: {column: Owed, positive_is: debt}
      currency: {constant: USD}
    rules:
"""


def customers(*rule: str) -> str:
    return HEAD + CUSTOMER + "".join(f"      - {r}\n" for r in rule)


def problems_of(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec_of(text)
    return list(caught.value.problems)


def test_each_rule_sees_what_those_before_it_did() -> None:
    text = customers(
        "{when: {status: cancelled}, set: {segment: gone}}",
        "{when: {segment: gone}, set: {segment: really gone, status: active}}",
        "{when: {status: cancelled}, set: {segment: never}}",
    )
    got = mapped(text, {"No": ["1", "2"], "State": ["A", "X"], "Owed": ["1", "2"]}).frame
    assert got["segment"].tolist()[1] == "really gone"
    assert got["status"].tolist() == ["active", "active"]
    assert got["segment"].isna().tolist() == [True, False]


def test_a_rule_that_fills_a_field_takes_the_place_of_what_was_wrong_with_its_cell() -> None:
    text = customers("{when: {column: {State: OLD}}, set: {status: cancelled}}")
    got = mapped(text, {"No": ["1", "2"], "State": ["OLD", "?"], "Owed": ["1", "2"]})
    assert got.frame["status"].tolist()[0] == "cancelled"
    assert rules(got) == [(2, "value.lookup", "State")]
    assert got.log.rejected.tolist() == [False, True]
    assert got.converted_badly["status"].tolist() == [False, True]
    assert got.legacy is not None
    assert [json.loads(o) for o in got.legacy.to_pylist()] == [{"State": "OLD"}, {}]


def test_what_a_rule_s_own_mapping_cannot_read_is_told_of_its_records_only() -> None:
    text = customers("{when: {status: cancelled}, map: {signup_date: {column: When}}}")
    got = mapped(
        text,
        {"No": ["1", "2"], "State": ["A", "X"], "Owed": ["1", "2"], "When": ["bad", "worse"]},
    )
    assert rules(got) == [(2, "value.date", "When")]
    # A column that rules read only in some records is kept in all.
    assert got.legacy is not None
    assert json.loads(got.legacy[0].as_py()) == {"When": "bad"}


def test_reject_and_leave_out_end_what_is_done_with_a_record() -> None:
    text = customers(
        '{when: {status: cancelled, balance: {more_than: 100}}, reject: "owes too much"}',
        '{when: {status: cancelled}, leave_out: "left long ago"}',
        "{when: {column: {No: {at_least: 0}}}, set: {segment: seen}}",
    )
    got = mapped(
        text,
        {"No": ["1", "2", "3"], "State": ["A", "X", "X"], "Owed": ["x", "500", "x"]},
    )
    assert got.frame["segment"].isna().tolist() == [False, True, True]
    # Nothing is to be corrected in a record that is left out.
    assert rules(got) == [
        (1, "value.type", "Owed"),
        (2, "rule.rejected", ""),
        (3, "rule.left_out", ""),
    ]
    assert got.log.rejected.tolist() == [True, True, True]
    batch = got.log.to_arrow(*[pa.array([0, 0, 0], pa.int32())], *[pa.array([1, 2, 3])] * 2)
    assert batch.column("accepted").to_pylist()[1:] == ["owes too much", "left long ago"]
    assert batch.column("severity").to_pylist() == ["error", "error", "info"]


def test_what_is_set_of_an_amount_is_accounted_for() -> None:
    text = customers(
        "{when: {status: cancelled}, set: {balance: 0}}",
        "{when: {column: {No: 3}}, set: {balance: 5}}",
    )
    got = mapped(
        text,
        {"No": ["1", "2", "3", "4"], "State": list("AXXX"), "Owed": ["7", "12.50", "-3", None]},
    )
    assert got.frame["balance"].tolist() == [Decimal(7), Decimal(0), Decimal(5), Decimal(0)]
    assert got.adjusted["balance"].to_pylist() == [0, Decimal("12.50"), Decimal(-8), 0]


def test_a_mapping_after_a_set_brings_the_amount_of_the_source_itself() -> None:
    text = customers(
        "{when: {status: active}, set: {balance: 3}}",
        "{when: {column: {No: '1'}}, map: {balance: {column: Paid, positive_is: credit}}}",
        "{when: {column: {No: '1'}}, set: {balance: 0}}",
    )
    got = mapped(
        text, {"No": ["1", "2"], "State": ["A", "A"], "Owed": ["10", "10"], "Paid": ["4", "4"]}
    )
    # 4 of credit were set to 0; nothing of that was the 10 that the field's own mapping says.
    assert got.adjusted["balance"].to_pylist() == [Decimal(-4), Decimal(7)]


def test_an_amount_in_another_currency_is_none_that_rules_see_or_write_off() -> None:
    owed = {"No": ["1", "2"], "State": ["A", "A"], "Owed": ["5 EUR", "5 USD"]}
    got = mapped(customers("{when: {balance: {more_than: 0}}, set: {segment: debtor}}"), owed)
    assert got.frame["segment"].isna().tolist() == [True, False]
    got = mapped(customers("{when: {status: active}, set: {balance: 0}}"), owed)
    assert got.adjusted["balance"].to_pylist() == [Decimal(0), Decimal(5)]
    assert got.log.rejected.tolist() == [False, False]


def test_a_condition_on_a_cell_that_cannot_be_read_does_not_hold() -> None:
    text = customers("{when: {balance: {more_than: 0}}, set: {segment: owes}}")
    got = mapped(text, {"No": ["1", "2"], "State": ["A", "A"], "Owed": ["x", "1"]})
    assert got.frame["segment"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{when: {status: gone}, set: {segment: x}}", "none of its words"),
        ("{when: {stats: active}, set: {segment: x}}", "did you mean 'status'"),
        ("{when: {status: active}, set: {segmnt: x}}", "did you mean 'segment'"),
        ("{when: {status: active}, set: {status: alive}}", "nothing that the field can hold"),
        ("{when: {status: active}, set: {account_number: x}}", "all these records would be one"),
        ("{when: {status: active}, set: {currency: EUR}}", "a rule cannot set it"),
        ("{when: {status: active}, set: {status: ~}}", "cannot be set to nothing"),
        ("{when: {status: active}, map: {balance: Owed}}", "say positive_is"),
        ("{when: {status: active}}", "says not what to do"),
        ("{when: {status: active}, reject: x, leave_out: y}", "one end only"),
        ("{when: {status: active}, reject: x, set: {segment: y}}", "would do nothing"),
        ("{when: {status: active}, set: {notes: a}, map: {notes: B}}", "both sets and maps notes"),
        ("{when: {status: active}, route: device}", "there is no block of device from 's'"),
        ("{when: {status: active}, route: devise}", "did you mean 'device'"),
        ("{when: {status: active}, route: customer}", "that they are already"),
        ("{when: {segment: x}, set: {notes: y}}", "segment is not mapped in this block"),
        ("{wen: {status: active}, set: {notes: y}}", "did you mean 'when'"),
    ],
)
def test_a_rule_with_a_mistake_is_told_with_its_line(rule: str, why: str) -> None:
    problems = problems_of(customers(rule))
    assert any(why in problem for problem in problems), problems
    assert all(problem.startswith("spec.yaml:12:") for problem in problems), problems


def test_a_rule_s_columns_must_be_there() -> None:
    spec = spec_of(
        customers("{when: {column: {Speed: 5}}, map: {notes: Remrk}}", "{when: {status: active}, "
                  "set: {notes: x}}")
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        prepare(spec, spec.feeds[0], ["No", "State", "Owed", "Remark"])
    assert list(caught.value.problems) == [
        "spec.yaml:12: customer, rule 1: source 's' has no column 'Speed'; there is No, State, "
        "Owed, Remark",
        "spec.yaml:12: customer, rule 1, notes: source 's' has no column 'Remrk'; did you mean "
        "'Remark'?",
    ]


ROUTED = (
    HEAD
    + """\
  customer:
    from: s
    fields: {account_number: No, notes: Text}
    rules:
      - {when: {column: {Kind: dev}}, route: device}
      - {when: {notes: {starts_with: ip}}, route: ip_assignment}
  device:
    from: s
    fields: {device_code: No, kind: {constant: router}, status: {constant: active}}
  ip_assignment:
    from: s
    fields: {address: Kind}
  plan:
    from: s
    when: {column: {Rest: {at_least: 5}}}
    fields: {plan_code: No}
"""
)
COLUMNS = ("No", "Kind", "Text", "Rest")


def plans(spec: Spec) -> dict[str, FeedPlan]:
    return {feed.name: prepare(spec, feed, COLUMNS) for feed in spec.feeds}


def of(plan: FeedPlan, batch: Records) -> list[int]:
    mask = plan.wanted(batch)
    return list(range(batch.cells.num_rows)) if mask is None else np.flatnonzero(mask).tolist()


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.text("ab1", max_size=2),
            st.sampled_from([None, "dev", "cust", "10.0.0.1"]),
            st.sampled_from([None, "ip", "ipx", "note", ""]),
            st.sampled_from([None, "3", "7", "x"]),
        ),
        max_size=8,
    )
)
def test_every_record_becomes_one_of_those_it_may_be_routed_to_and_no_cell_is_lost(
    rows: list[tuple[str | None, ...]],
) -> None:
    table = {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)}
    batch = records(table)
    made = plans(spec_of(ROUTED))
    taken = {name: of(plan, batch) for name, plan in made.items()}
    ended = [*taken["customer"], *taken["device"], *taken["ip_assignment"]]
    assert sorted(ended) == list(range(len(rows)))
    for name in ("customer", "device", "ip_assignment"):
        plan = made[name]
        mask = plan.wanted(batch)
        some = batch if mask is None else kept(batch, mask)
        result = plan.apply(some)
        assert result.legacy is not None
        objects = [json.loads(text) for text in result.legacy.to_pylist()]
        for place, carried in zip(taken[name], objects, strict=True):
            row = dict(zip(COLUMNS, rows[place], strict=True))
            own = {c for columns in plan.columns_read.values() for c in columns}
            for column, cell in row.items():
                if cell and cell.strip() and column not in own and not (
                    column == "No" and place in taken["plan"]
                ):  # fmt: skip
                    assert carried.get(column) == cell


def test_records_are_routed_by_one_block_to_one_other() -> None:
    twice = ROUTED.replace("  ip_assignment:\n", "  ip_assignment:\n    when_filled: No\n")
    assert any("takes the records that rules of other blocks route" in p
               for p in problems_of(twice.replace("    when_filled: No\n", "    when_filled: No\n",
                                                  1)))  # fmt: skip
    alone = HEAD + (
        "  customer:\n    from: s\n    fields: {account_number: No}\n    legacy: false\n"
        "    rules: [{when: {column: {K: a}}, route: plan}]\n"
        "  plan: {from: s, fields: {plan_code: No}, legacy: true}\n"
    )
    problems = problems_of(alone)
    assert any("cannot go with a block that has records routed to it" in p for p in problems)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from("AX?"), st.sampled_from(["1", "20.5", "x", None, "-7"])),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_neither_the_size_of_batches_nor_the_order_of_records_matters(
    rows: list[tuple[str, str | None]], size: int
) -> None:
    text = customers(
        "{when: {status: cancelled, balance: {more_than: 10}}, set: {balance: 0, segment: off}}",
        "{when: {balance: {less_than: 0}}, leave_out: credit}",
        "{when: {status: cancelled}, map: {notes: {column: Owed}}}",
    )
    spec = spec_of(text)
    plan = prepare(spec, spec.feeds[0], ["No", "State", "Owed"])

    def outcome(order: list[int], batch: int) -> dict[int, list[object]]:
        found: dict[int, list[object]] = {}
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            result = plan.apply(
                records({
                    "No": [str(i) for i in part],
                    "State": [rows[i][0] for i in part],
                    "Owed": [rows[i][1] for i in part],
                })
            )  # fmt: skip
            for place, i in enumerate(part):
                found[i] = [
                    *(str(result.frame[name].iloc[place]) for name in result.frame),
                    {} if result.legacy is None else json.loads(result.legacy[place].as_py()),
                    bool(result.log.rejected[place]),
                ]
        return found

    whole = outcome(list(range(len(rows))), len(rows))
    assert outcome(list(range(len(rows)))[::-1], size) == whole
