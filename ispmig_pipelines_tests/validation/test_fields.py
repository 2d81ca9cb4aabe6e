"""A batch of canonical columns is judged: every failing cell is told, once, and nothing sound."""

from __future__ import annotations

import datetime
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.issues import RULES, IssueLog
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import CheckKind
from ispmig_pipelines.validation.fields import RULE_CODES, check

CUSTOMER = {"account_number": ["1", "2", "3"], "status": ["active", "lead", "active"]}


def frame_of(entity: str, **columns: list[Any]) -> pd.DataFrame:
    series = {}
    for name, values in columns.items():
        info = ENTITIES[entity].fields[name]
        array = pa.array(values, info.arrow_type)
        series[name] = (
            pd.Series(pd.arrays.ArrowExtensionArray(array))
            if isinstance(info.pandas_dtype, pd.ArrowDtype)
            else pd.Series(array.to_pylist(), dtype=info.pandas_dtype)
        )
    return pd.DataFrame(series)


def judged(
    entity: str,
    columns: dict[str, list[Any]],
    *,
    partial: bool = False,
    found: dict[str, list[Any]] | None = None,
    converted_badly: dict[str, list[bool]] | None = None,
    columns_of: dict[str, str] | None = None,
) -> IssueLog:
    frame = frame_of(entity, **columns)
    log = IssueLog(len(frame))
    check(
        ENTITIES[entity],
        frame,
        log,
        {name: name.upper() for name in columns} if columns_of is None else columns_of,
        {name: pd.Series(texts, dtype="str") for name, texts in (found or {}).items()},
        partial,
        {name: np.array(mask) for name, mask in (converted_badly or {}).items()},
    )
    return log


def issues(log: IssueLog) -> list[dict[str, Any]]:
    size = len(log.rejected)
    rows = log.to_arrow(
        pa.array([0] * size, pa.int32()),
        pa.array(range(1, size + 1), pa.int64()),
        pa.array([None] * size, pa.int64()),
    )
    return rows.to_pylist()


def told(log: IssueLog) -> list[tuple[int, str, str]]:
    """(record, field, rule) of each issue."""
    return [(issue["record"], issue["field"], issue["rule"]) for issue in issues(log)]


# Cells


def test_a_sound_batch_has_no_issue() -> None:
    log = judged("customer", {**CUSTOMER, "email": ["a@b.c", None, None]})
    assert len(log) == 0
    assert not log.rejected.any()


@pytest.mark.parametrize(
    ("entity", "field", "value", "rule", "accepted"),
    [
        ("customer", "status", "gone", "value.choice", "lead, active, suspended, cancelled"),
        ("customer", "email", "nobody", "value.pattern", "an email address"),
        ("customer", "first_name", "x" * 101, "value.length", "at most 100 characters"),
        ("customer", "account_number", "", "value.length", "1 to 64 characters"),
        ("customer", "bill_day", 32, "value.range", "from 1 to 31"),
        ("customer", "notes", "a\0b", "value.pattern", "text without the NUL character"),
        ("plan", "upload_kbps", -1, "value.range", "at least 0 kbit/s"),
        ("plan", "tax_rate", Decimal("19"), "value.range", "from 0 to 1"),
        ("location", "latitude", Decimal("91"), "value.range", "from -90 to 90 degrees"),
        ("ip_assignment", "address", "10.0.0.256", "value.pattern", "one IPv4 or IPv6 address"),
        ("device", "mac", "aa:bb", "value.pattern", "a MAC address of six bytes"),
        ("payment_method", "last_four", "411", "value.pattern", "the last four digits"),
    ],
)
def test_a_wrong_cell_is_told_with_its_column_and_what_is_accepted(
    entity: str, field: str, value: object, rule: str, accepted: str
) -> None:
    (issue,) = issues(judged(entity, {field: [value]}, partial=True))
    assert (issue["rule"], issue["field"], issue["column"]) == (rule, field, field.upper())
    assert issue["accepted"] == accepted
    assert issue["severity"] == "error"
    message = RULES[rule].message(
        column=issue["column"], field=field, found=issue["found"], accepted=accepted
    )
    assert accepted in message


def test_each_kind_of_check_has_its_rule() -> None:
    assert set(RULE_CODES) == set(CheckKind)
    assert set(RULE_CODES.values()) <= set(RULES)


def test_what_was_found_is_the_source_s_text_masked() -> None:
    log = judged(
        "customer",
        {**CUSTOMER, "bill_day": [1, 99, 1]},
        found={"bill_day": ["1st", "99th", "1st"]},
    )
    assert [issue["found"] for issue in issues(log)] == ["99aa"]


def test_without_source_text_the_canonical_value_is_masked() -> None:
    log = judged(
        "location",
        {
            "location_code": ["1"],
            "customer": ["7"],
            "latitude": [Decimal("91.5")],
            "longitude": [Decimal("1")],
        },
    )
    assert [issue["found"] for issue in issues(log)] == ["99.999999"]


def test_no_cell_s_content_is_in_an_issue() -> None:
    secret = "Geheim42"
    log = judged("customer", {**CUSTOMER, "email": [secret] * 3, "phone": [secret] * 3})
    assert len(log) == 6
    assert secret not in repr(issues(log))


def test_a_cell_wrong_in_two_ways_is_told_once() -> None:
    log = judged("customer", {**CUSTOMER, "phone": ["x" * 40, None, None]})
    assert told(log) == [(1, "phone", "value.pattern")]


def test_a_record_wrong_in_two_cells_is_told_twice() -> None:
    log = judged("customer", {**CUSTOMER, "phone": ["x", None, None], "bill_day": [0, 1, 1]})
    assert sorted(told(log)) == [(1, "bill_day", "value.range"), (1, "phone", "value.pattern")]
    assert list(log.rejected) == [True, False, False]


def test_every_failing_cell_of_a_large_batch_is_told() -> None:
    size = 65_536
    status = np.where(np.arange(size) % 3 == 0, "gone", "active")
    number = [str(n) if n % 5 else None for n in range(size)]
    log = judged("customer", {"account_number": number, "status": list(status)})
    counted = Counter(rule for _, _, rule in told(log))
    assert counted == {
        "value.choice": len(range(0, size, 3)),
        "value.required": len(range(0, size, 5)),
    }
    assert log.rejected.sum() == sum(1 for n in range(size) if n % 3 == 0 or n % 5 == 0)


def test_a_hundred_thousand_failing_cells_are_all_told() -> None:
    size = 100_000
    log = judged("customer", {"bill_day": [99] * size}, partial=True)
    assert len(log) == size
    assert {issue["record"] for issue in issues(log)} == set(range(1, size + 1))
    assert log.rejected.all()


# Required fields


def test_an_empty_required_cell_is_told() -> None:
    log = judged("customer", {"account_number": ["1", None], "status": [None, "lead"]})
    assert told(log) == [(1, "status", "value.required"), (2, "account_number", "value.required")]
    assert {issue["column"] for issue in issues(log)} == {"STATUS", "ACCOUNT_NUMBER"}


def test_a_required_field_that_is_not_mapped_is_told_for_every_record() -> None:
    log = judged("customer", {"account_number": ["1", "2"]})
    assert told(log) == [(1, "status", "value.required"), (2, "status", "value.required")]


def test_a_partial_batch_is_not_asked_for_what_is_not_mapped() -> None:
    log = judged(
        "customer", {"account_number": ["1", None], "status": ["lead", None]}, partial=True
    )
    assert told(log) == [(2, "account_number", "value.required"), (2, "status", "value.required")]
    assert len(judged("customer", {"account_number": ["1", "2"]}, partial=True)) == 0


def test_what_conversion_has_told_is_not_told_again() -> None:
    log = judged(
        "invoice",
        {
            "invoice_number": ["1", "2"],
            "customer": ["7", "7"],
            "total": [None, None],
            "currency": ["EUR", "EUR"],
        },
        converted_badly={"total": [True, False]},
    )
    assert told(log) == [(2, "total", "value.required")]
    assert list(log.rejected) == [False, True], "the issue of record 1 is conversion's"


# Rules of a row

DAY = datetime.date(2020, 1, 1)
LATER = datetime.date(2020, 2, 1)
INVOICE = {"invoice_number": ["1"], "customer": ["7"], "total": [Decimal(1)], "currency": ["EUR"]}


def test_a_broken_row_rule_names_its_fields_and_columns() -> None:
    log = judged("invoice", {**INVOICE, "issue_date": [LATER], "due_date": [DAY]})
    (issue,) = issues(log)
    assert issue["rule"] == "invoice.issue_date_before_due_date"
    assert issue["field"] == "issue_date, due_date"
    assert issue["column"] == "ISSUE_DATE, DUE_DATE"
    assert issue["accepted"] == "issue_date is not after due_date"
    assert issue["found"] == ""


def test_two_fields_of_one_column_name_it_once() -> None:
    log = judged(
        "invoice",
        {**INVOICE, "issue_date": [LATER], "due_date": [DAY]},
        columns_of={"issue_date": "Dates", "due_date": "Dates"},
    )
    assert [issue["column"] for issue in issues(log)] == ["Dates"]


def test_missing_dates_break_no_order() -> None:
    assert len(judged("invoice", {**INVOICE, "issue_date": [LATER], "due_date": [None]})) == 0
    assert len(judged("invoice", {**INVOICE, "issue_date": [LATER]})) == 0


def test_an_amount_needs_its_currency() -> None:
    amounts = {**CUSTOMER, "balance": [Decimal(1), None, Decimal(0)]}
    rule = "customer.balance_needs_currency"
    fields = "balance, currency"
    log = judged("customer", {**amounts, "currency": ["EUR", None, None]})
    assert told(log) == [(3, fields, rule)]
    # Not mapped at all, it is missing everywhere, and PostgreSQL would refuse the rows,
    log = judged("customer", amounts)
    assert told(log) == [(1, fields, rule), (3, fields, rule)]
    # unless the rows are only completed, and the currency may be there already.
    assert len(judged("customer", amounts, partial=True)) == 0


def test_one_of_a_pair_is_not_enough_even_when_the_other_is_not_mapped() -> None:
    place = {"location_code": ["1", "2"], "customer": ["7", "7"], "latitude": [Decimal(1), None]}
    assert told(judged("location", place)) == [
        (1, "latitude, longitude", "location.latitude_with_longitude")
    ]
    assert len(judged("location", place, partial=True)) == 0


def test_a_rule_is_not_held_against_cells_that_are_wrong_by_themselves() -> None:
    badly = judged(
        "customer",
        {**CUSTOMER, "balance": [Decimal(1)] * 3, "currency": [None, "euro", None]},
        converted_badly={"currency": [True, False, False]},
    )
    assert told(badly) == [
        (2, "currency", "value.pattern"),
        (3, "balance, currency", "customer.balance_needs_currency"),
    ]


def test_a_prefix_fits_its_address() -> None:
    log = judged(
        "ip_assignment",
        {"address": ["10.0.0.0", "2001:db8::", "nowhere"], "prefix_length": [48, 48, 48]},
    )
    assert told(log) == [
        (1, "address, prefix_length", "ip_assignment.prefix_length_fits_address"),
        (3, "address", "value.pattern"),
    ]


# Whatever stands in a frame


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_empty_batch_is_sound(entity: str) -> None:
    fields = ENTITIES[entity].fields
    assert len(judged(entity, {name: [] for name in fields})) == 0


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_batch_without_a_single_value_lacks_what_is_required(entity: str) -> None:
    info = ENTITIES[entity]
    log = judged(entity, {name: [None, None] for name in info.fields})
    assert Counter(field for _, field, _ in told(log)) == dict.fromkeys(info.required, 2)


def test_a_batch_of_no_mapped_field_lacks_what_is_required() -> None:
    log = IssueLog(2)
    frame = pd.DataFrame(index=pd.RangeIndex(2))
    check(ENTITIES["customer"], frame, log, {}, {}, partial=False)
    assert Counter(field for _, field, _ in told(log)) == {"account_number": 2, "status": 2}


def test_the_frame_is_left_as_it_was() -> None:
    frame = frame_of("customer", **CUSTOMER, bill_day=[0, 1, None])
    before = frame.copy(deep=True)
    check(ENTITIES["customer"], frame, IssueLog(3), {}, {}, partial=False)
    pd.testing.assert_frame_equal(frame, before)


def test_a_column_of_another_type_is_the_caller_s_mistake() -> None:
    frame = pd.DataFrame({"bill_day": ["Geheim"]})
    with pytest.raises(TypeError, match=r"customer\.bill_day is str in the frame, not Int64"):
        check(ENTITIES["customer"], frame, IssueLog(1), {}, {}, partial=True)


def test_an_unknown_column_is_the_caller_s_mistake() -> None:
    with pytest.raises(TypeError, match="customer has no field shoe_size"):
        check(ENTITIES["customer"], pd.DataFrame({"shoe_size": [1]}), IssueLog(1), {}, {}, True)


def test_pandera_cannot_be_switched_off_from_outside() -> None:
    from pandera.config import config_context

    with config_context(validation_enabled=False):
        assert told(judged("customer", {"bill_day": [0]}, partial=True)) == [
            (1, "bill_day", "value.range")
        ]


CELLS = {
    "status": st.sampled_from(["active", "gone", None]),
    "email": st.sampled_from(["a@b", "a", "", None]),
    "bill_day": st.sampled_from([1, 32, None]),
    "currency": st.sampled_from(["EUR", "eur", None]),
    "balance": st.sampled_from([Decimal(1), None]),
}


@pytest.mark.slow
@given(st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=12), st.data())
@settings(max_examples=10, deadline=None)
def test_neither_the_order_nor_the_size_of_batches_matters(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    def issues_by_row(batch: list[dict[str, Any]]) -> list[set[tuple[str, str, str]]]:
        log = judged(
            "customer", {name: [row[name] for row in batch] for name in CELLS}, partial=True
        )
        found: list[set[tuple[str, str, str]]] = [set() for _ in batch]
        for issue in issues(log):
            found[issue["record"] - 1].add((issue["field"], issue["rule"], issue["found"]))
        assert [bool(of_row) for of_row in found] == list(log.rejected)
        assert sum(map(len, found)) == len(log), "an issue was told twice"
        return found

    whole = issues_by_row(rows)
    assert whole == [of_row for row in rows for of_row in issues_by_row([row])]
    order = data.draw(st.permutations(range(len(rows))))
    assert issues_by_row([rows[i] for i in order]) == [whole[i] for i in order]
