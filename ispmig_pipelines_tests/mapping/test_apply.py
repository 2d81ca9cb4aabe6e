"""A feed maps a batch: values, issues, what is left over, and where all of it came from."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.convert.values import Refusal
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.verify import audited_fields
from ispmig_pipelines_tests.mapping.columns import mapped, records, rules, spec_of

HEAD = """\
version: 1
defaults: {null_words: ["", "-", N/A], timezone: America/Chicago, country: US}
sources: {s: {files: x.csv}}
entities:
  customer:
    from: s
    fields:
      account_number: No
"""


def customer(*fields: str) -> str:
    return HEAD + "".join(f"      {field}\n" for field in fields)


def values(text: str, field: str, cells: list[str | None], column: str = "C") -> list[object]:
    numbers = [str(i) for i in range(len(cells))]
    series = mapped(text, {"No": numbers, column: cells}).frame[field]
    return [None if pd.isna(v) else v for v in series]


def test_a_batch_becomes_a_frame_that_the_model_accepts() -> None:
    result = mapped(
        customer(
            "kind: {constant: person}",
            "status: {column: State, lookup: {A: active, S: suspended}}",
            "last_name: {columns: [Surname, Suffix]}",
            "signup_date: {column: Joined, date_format: DD/MM/YYYY}",
            "email: Mail",
            "phone: Phone",
            "tax_exempt: Exempt",
            "bill_day: Day",
            "balance: {column: Open, positive_is: credit}",
            "currency: {constant: USD}",
        ),
        {
            "No": [" 001 ", "002"],
            "State": ["A", "S"],
            "Surname": ["O'Brien", "Lee"],
            "Suffix": ["jr.", "-"],
            "Joined": ["03/02/2019", ""],
            "Mail": ["Ann@EXAMPLE.com", "N/A"],
            "Phone": ["(555) 123-4567", None],
            "Exempt": ["yes", "no"],
            "Day": ["1", "31"],
            "Open": ["12.50", "-3"],
        },
    )
    assert len(result.log) == 0
    model = ENTITIES["customer"].model.to_schema()
    model.select_columns(list(result.frame.columns)).validate(result.frame)
    first, second = result.frame.to_dict("records")
    assert first == {
        "account_number": "001", "kind": "person", "last_name": "O'Brien jr.", "status": "active",
        "signup_date": datetime.date(2019, 2, 3), "email": "Ann@example.com",
        "phone": "+15551234567", "tax_exempt": True, "balance": Decimal("-12.5000"),
        "currency": "USD", "bill_day": 1,
    }  # fmt: skip
    assert second["last_name"] == "Lee"
    assert pd.isna(second["email"])
    assert second["balance"] == Decimal(3)
    assert result.columns_of["last_name"] == "Surname, Suffix"
    assert result.found["account_number"].tolist() == [" 001 ", "002"]


def test_every_failure_is_an_issue_with_record_and_column_and_leaves_nothing_in_the_cell() -> None:
    result = mapped(
        customer("signup_date: Joined", "bill_day: Day"),
        {"No": ["1", "2", "1.5E+12"], "Joined": ["2019-02-30", "", "2019-01-01"],
         "Day": ["x", "2", "3"]},
    )  # fmt: skip
    assert rules(result) == [
        (1, "value.date", "Joined"), (1, "value.type", "Day"), (3, "value.scientific", "No"),
    ]  # fmt: skip
    assert result.log.rejected.tolist() == [True, False, True]
    assert result.converted_badly["signup_date"].tolist() == [True, False, False]
    assert result.converted_badly["account_number"].tolist() == [False, False, True]
    assert result.frame["signup_date"].isna().tolist() == [True, True, False]


def test_no_cell_content_is_in_an_issue() -> None:
    result = mapped(customer("email: Mail"), {"No": ["1"], "Mail": ["secret person"]})
    import pyarrow as pa

    ones = pa.array([1], pa.int64())
    text = str(result.log.to_arrow(pa.array([0], pa.int32()), ones, ones).to_pylist())
    assert "aaaaaa aaaaaa" in text
    assert "secret" not in text


def test_nothing_is_nothing_only_where_the_spec_says_so() -> None:
    assert values(customer("notes: C"), "notes", ["", " - ", "N/A", "n/a", "none", None, " "]) == [
        None, None, None, "n/a", "none", None, None,
    ]  # fmt: skip
    own = customer("notes: {column: C, null_words: [none]}")
    assert values(own, "notes", ["", "-", "none"]) == [None, "-", None]


def test_spaces_are_cut_unless_the_spec_keeps_them() -> None:
    assert values(customer("notes: C"), "notes", [" a b\t"]) == ["a b"]
    kept = customer("notes: {column: C, trim: false}")
    assert values(kept, "notes", [" a b\t", "  ", " - "]) == [" a b\t", None, None]
    assert values(customer("bill_day: {column: C, trim: false}"), "bill_day", [" 5 "]) == [5]


@pytest.mark.parametrize(
    ("split", "pieces"),
    [
        ('{separator: " ", take: first}', ["Ann", "Cher", None]),
        ('{separator: " ", take: last}', ["Lee", "Cher", None]),
        ('{separator: " ", take: rest}', ["van\u00a0der Lee", None, None]),
        ('{separator: " ", take: 2}', ["van", None, None]),
        ('{separator: " ", take: 9}', [None, None, None]),
    ],
)
def test_a_cell_is_split_by_white_space(split: str, pieces: list[str | None]) -> None:
    text = customer(f"notes: {{column: C, split: {split}}}")
    assert values(text, "notes", [" Ann  van\u00a0der Lee ", "Cher", None]) == pieces


def test_a_cell_is_split_by_a_separator_and_its_piece_may_be_nothing() -> None:
    text = customer('notes: {column: C, split: {separator: "/", take: 2}}')
    assert values(text, "notes", ["100/20", "100 / 20 ", "100", "100/", "100/-", "a/b/c"]) == [
        "20", "20", None, None, None, "b",
    ]  # fmt: skip


STATUS = ["A", "-", "", None, "Z", "a"]


@pytest.mark.parametrize(
    ("rest", "result", "bad"),
    [
        ("", ["active", "cancelled", None, None, None, None], [4, 5]),
        (", otherwise: error", ["active", "cancelled", None, None, None, None], [4, 5]),
        (", otherwise: null", ["active", "cancelled", None, None, None, None], []),
        (", otherwise: {value: lead}", ["active", "cancelled", None, None, "lead", "lead"], []),
        (", default: lead", ["active", "cancelled", "lead", "lead", None, None], [4, 5]),
        (", lookup_ignore_case: true",
         ["active", "cancelled", None, None, None, "active"], [4]),
    ],
)  # fmt: skip
def test_a_lookup_and_what_it_does_not_name(
    rest: str, result: list[str | None], bad: list[int]
) -> None:
    text = customer(f'status: {{column: C, lookup: {{A: active, "-": cancelled}}{rest}}}')
    assert values(text, "status", STATUS) == result
    table = {"No": [str(i) for i in range(6)], "C": STATUS}
    assert [(r - 1, rule) for r, rule, _ in rules(mapped(text, table))] == [
        (i, "value.lookup") for i in bad
    ]


def test_a_lookup_may_keep_what_it_does_not_name_and_read_empty_cells() -> None:
    kept = customer(
        "signup_date: {column: C, lookup: {never: ~, old: 2000-01-01}, otherwise: keep}"
    )
    assert values(kept, "signup_date", ["never", "old", "2019-02-03", "x", ""]) == [
        None, datetime.date(2000, 1, 1), datetime.date(2019, 2, 3), None, None,
    ]  # fmt: skip
    empty = customer('kind: {column: C, lookup: {"": company, p: person}}')
    assert values(empty, "kind", ["", None, "p", "-"]) == ["company", "company", "person", None]


def test_a_default_fills_what_is_nothing_and_never_hides_what_is_wrong() -> None:
    text = customer("bill_day: {column: C, default: 1}")
    assert values(text, "bill_day", ["5", "", None, "x"]) == [5, 1, 1, None]


def test_words_of_the_spec_are_in_the_platforms_terms() -> None:
    # The column's credits are positive; what the spec says is a debt of five.
    text = customer(
        "balance: {column: C, positive_is: credit, decimal_mark: ',', default: 5.50}",
        "currency: {constant: EUR}",
    )
    assert values(text, "balance", ["1.234,50", ""]) == [Decimal("-1234.5"), Decimal("5.5")]


def test_a_date_format_of_the_defaults_holds_where_a_field_says_none() -> None:
    text = customer(
        "signup_date: {column: A, default: 2000-01-31}",
        "birth_date: {column: A, date_format: iso}",
        "cancelled_date: {column: A, lookup: {never: ~, old: 2001-12-31}, otherwise: keep}",
    ).replace("defaults: {", "defaults: {date_format: [DD.MM.YYYY, excel], ")
    cells = ["03.02.2019", "43499", "2019-02-03", "", "never", "old"]
    frame = mapped(text, {"No": list("123456"), "A": cells}).frame
    day, first, last = (
        datetime.date(2019, 2, 3), datetime.date(2000, 1, 31), datetime.date(2001, 12, 31)
    )  # fmt: skip
    got = {f: [None if pd.isna(v) else v for v in frame[f]] for f in frame.columns[1:]}
    assert got == {
        # What stands in the spec itself is ISO 8601 all the same.
        "signup_date": [day, day, None, first, None, None],
        "birth_date": [None, None, day, None, None, None],
        "cancelled_date": [day, day, None, None, None, last],
    }


def test_a_date_format_of_the_defaults_holds_for_times_too() -> None:
    text = """\
version: 1
defaults: {date_format: "MM/DD/YYYY h:mm A", timezone: UTC}
sources: {s: {files: x.csv}}
entities:
  payment: {from: s, fields: {payment_number: No, paid_at: Paid}}
"""
    result = mapped(text, {"No": ["1", "2"], "Paid": ["02/03/2019 2:30 PM", "2019-02-03T14:30"]})
    assert result.frame["paid_at"][0] == pd.Timestamp("2019-02-03 14:30", tz="UTC")
    assert rules(result) == [(2, "value.date", "Paid")]


def test_an_amount_in_another_currency_than_the_records_is_refused() -> None:
    text = customer("balance: {column: C, positive_is: debt}", "currency: {constant: USD}")
    table = {"No": ["1", "2", "3"], "C": ["5 USD", "5 EUR", "5"]}
    result = mapped(text, table)
    assert rules(result) == [(2, "value.currency", "C")]
    assert result.converted_badly["balance"].tolist() == [False, True, False]
    assert result.frame["balance"].isna().tolist() == [False, True, False]


WIDE = """\
version: 1
sources: {s: {files: x.csv}}
entities:
  plan: {from: s, fields: {plan_code: Plan}}
  service:
    from: s
    fields: {service_code: No, customer: No, plan: Plan, status: {constant: active}}
"""


def test_unused_columns_go_with_one_feed_exactly_as_they_are() -> None:
    table = {"No": ["1", "2"], "Plan": ["a", "b"], 'A "quoted"\\name': [' x "\\\n\t', None],
             "Empty": ["", None]}  # fmt: skip
    assert mapped(WIDE, table, feed=0).legacy is None
    legacy = mapped(WIDE, table, feed=1).legacy
    assert legacy is not None
    assert [json.loads(text) for text in legacy.to_pylist()] == [
        {'A "quoted"\\name': ' x "\\\n\t', "Empty": ""}, {},
    ]  # fmt: skip


@given(st.lists(st.one_of(st.none(), st.text()), min_size=1, max_size=6))
def test_legacy_is_json_of_any_text_that_jsonb_takes(cells: list[str | None]) -> None:
    cells = [c if c is None else c.encode("utf-8", "replace").decode() for c in cells]
    numbers = [str(i) for i in range(len(cells))]
    result = mapped(WIDE, {"No": numbers, "Plan": numbers, "X\x00": cells}, feed=1)
    assert result.legacy is not None
    for cell, text in zip(cells, result.legacy.to_pylist(), strict=True):
        assert json.loads(text) == (
            {} if cell is None else {"X\u2400": cell.replace("\x00", "\u2400")}
        )
        assert "\\u0000" not in text
    told = [record for record, rule, _ in rules(result) if rule == "legacy.unstorable"]
    assert told == [i + 1 for i, c in enumerate(cells) if c is not None and "\x00" in c]


def test_of_a_cell_that_was_kept_in_part_the_whole_is_under_legacy() -> None:
    result = mapped(
        customer("phone: C"), {"No": ["1", "2"], "C": ["555-123-4567 x12", "555-123-4567"]}
    )
    assert rules(result) == [(1, "value.dropped", "C")]
    assert not result.log.rejected.any()
    assert result.legacy is not None
    assert result.legacy.to_pylist() == ['{"C":"555-123-4567 x12"}', "{}"]


@pytest.mark.parametrize("more", [(), ("consent_date: {column: C, timezone: Europe/Madrid}",)])
def test_the_time_beside_a_day_is_kept_under_legacy(more: tuple[str, ...]) -> None:
    cells = ["2019-03-02 23:15", "2019-03-02 00:00:00", "2019-03-02", "2019-03-02T12:00:00Z"]
    cells += ["2019-03-01T23:00:00Z", None]
    spec = customer("signup_date: {column: C, timezone: Europe/Madrid}", *more)
    result = mapped(spec, {"No": list("123456"), "C": cells})
    assert rules(result) == []
    assert [str(day) for day in result.frame["signup_date"]][:5] == ["2019-03-02"] * 5
    assert result.legacy is not None
    kept = [json.loads(text) for text in result.legacy.to_pylist()]
    assert kept == [{"C": cells[0]}, {}, {}, {"C": cells[3]}, {}, {}]


def test_a_plan_reads_only_the_columns_it_needs() -> None:
    spec = spec_of(WIDE)
    plan, service = spec.feeds
    columns = ["No", " PLAN ", "Rest"]
    assert prepare(spec, plan, columns).columns_needed == (" PLAN ",)
    assert set(prepare(spec, service, columns).columns_needed) == {"No", " PLAN ", "Rest"}
    with pytest.raises(SpecError, match="has no column 'Plan'"):
        prepare(spec, plan, ["No"])


def test_a_plan_for_the_audit_converts_keys_and_amounts_only() -> None:
    spec = spec_of(
        customer("balance: {column: B, positive_is: credit}", "currency: Cur", "email: Mail")
    )
    entity = ENTITIES["customer"]
    assert {"account_number", "balance", "currency", "deposit"} <= set(
        audited_fields(entity.name, tuple(entity.fields))
    )
    plan = prepare(
        spec,
        spec.feeds[0],
        ["No", "B", "Cur", "Mail"],
        only=audited_fields(entity.name, tuple(entity.fields)),
    )
    assert plan.columns_needed == ("No", "B", "Cur")
    result = plan.apply(records({"No": ["1"], "B": ["5"], "Cur": ["USD"]}))
    assert result.frame.to_dict("records") == [
        {"account_number": "1", "balance": Decimal(-5), "currency": "USD"}
    ]
    assert result.legacy is None


def test_an_empty_batch_maps_to_an_empty_frame() -> None:
    text = customer(
        "kind: {constant: person}", "phone: C", "signup_date: C", "latitude: C".replace(
            "latitude", "billing_country"), "balance: {column: C, positive_is: debt}",
        "currency: {constant: USD}", "email: C", "tax_exempt: C", "bill_day: C",
    )  # fmt: skip
    result = mapped(text, {"No": [], "C": []})
    assert len(result.frame) == len(result.log) == 0
    result = mapped(text, {"No": [None, None], "C": [None, ""]})
    assert result.frame.drop(columns=["kind", "currency"]).isna().all(axis=None)


def test_refusals_know_whether_they_reject() -> None:
    import numpy as np

    where = np.array([True])
    assert Refusal("value.type", where, "").is_error
    assert not Refusal("value.rounded", where, "").is_error


@pytest.mark.parametrize(
    ("mapping", "cell", "value"),
    [
        ("{column: C, transform: {extract: '[0-9]+'}}", "none", None),
        ("{column: C, transform: {extract: '[0-9]+'}, default: ours}", "none", "ours"),
        ("{column: C, transform: digits}", "none", None),
        ("{column: C, split: {separator: ';', take: 2}}", "whole", None),
        ("{column: C, lookup: {a: b}, otherwise: 'null'}", "c", None),
        ("{column: C, lookup: {a: b}, otherwise: {value: d}}", "c", "d"),
    ],
)
def test_a_cell_of_which_steps_and_lookups_leave_nothing_is_kept_under_legacy(
    mapping: str, cell: str, value: str | None
) -> None:
    got = mapped(customer(f"notes: {mapping}"), {"No": ["1", "2"], "C": [cell, "N/A"]})
    assert got.frame["notes"].fillna("").tolist()[0] == (value or "")
    assert rules(got) == []
    assert got.legacy is not None
    assert [json.loads(o) for o in got.legacy.to_pylist()] == [{"C": cell}, {}]


def test_a_word_that_a_lookup_names_is_kept_nowhere_else() -> None:
    got = mapped(
        customer("notes: {column: C, lookup: {a: b, z: ~}, otherwise: 'null'}"),
        {"No": ["1", "2"], "C": ["a", "z"]},
    )
    assert got.legacy is None


def test_what_is_cut_from_a_secret_is_kept_nowhere() -> None:
    """The hash of a password is none to sign in with, and legacy is no place for it."""
    got = mapped(
        customer("portal_secret: {column: C, transform: {extract: '^plain:(.*)'}}"),
        {"No": ["1", "2"], "C": ["plain:abc", "md5:5f4dcc3b"]},
    )
    assert got.frame["portal_secret"].fillna("").tolist() == ["abc", ""]
    assert got.legacy is None


def test_a_cell_that_another_field_has_as_it_is_is_not_kept_twice() -> None:
    got = mapped(
        customer("notes: {column: No, lookup: {'2': two}, otherwise: 'null'}"),
        {"No": ["1", "2"], "C": ["", ""]},
    )
    assert got.frame["notes"].fillna("").tolist() == ["", "two"]
    assert got.legacy is None or "No" not in "".join(got.legacy.to_pylist())
