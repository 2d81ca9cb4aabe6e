"""What the report says in words and numbers."""

from __future__ import annotations

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.preview.words import (
    MoneyRow,
    money_rows,
    pairs,
    sides,
    what_becomes,
)
from ispmig_pipelines_tests.preview.reports import report, sample, sampled


def test_an_entity_in_a_few_numbers() -> None:
    (customer,) = report().entities
    assert what_becomes(customer) == [("new", 1), ("changed", 1), ("held back", 1)]
    again = customer.model_copy(
        update={"counts": customer.counts | {"unchanged": 7_034, "repeated": 7_034}}
    )
    assert what_becomes(again) == what_becomes(customer)


def test_totals_name_what_a_positive_amount_means() -> None:
    (row,) = money_rows(report())
    assert (row.name, row.currency, row.unreadable) == ("Customer balance", "USD", 1)
    assert row.note == f"positive: {ENTITIES['customer'].fields['balance'].positive_is}"
    assert list(row.amounts) == ["source", "loaded", "quarantined"]


def test_what_rules_took_is_a_column_only_where_they_did() -> None:
    (row,) = money_rows(report())
    none, some = (
        MoneyRow(row.name, "USD", row.amounts | {"adjusted": amount}, 0, "")
        for amount in ("0.0000", "-1.5000")
    )
    assert sides([row]) == sides([row, none]) == ["source", "loaded", "quarantined"]
    assert sides([row, none, some]) == ["source", "loaded", "quarantined", "adjusted"]


def test_a_fields_pairs_stand_once_each_with_how_often() -> None:
    block = report().entities[0].blocks[0]
    assert [(p.before[0].text, p.after, p.records) for p in pairs(block, "status")] == [
        ("A", "active", 2),
        ("?", None, 1),
    ]
    changed, *_ = pairs(block, "last_name")
    assert (changed.after, changed.present) == ("Bob", "Rob")


def test_of_many_pairs_some_of_the_wrong_ones_are_shown() -> None:
    wrong = report().entities[0].blocks[0].samples[2].fields[1]
    many = [sample(i, sampled("status", str(i), "active")) for i in range(4, 30)]
    block = report().entities[0].blocks[0].model_copy(
        update={"samples": (*many, sample(40, wrong), sample(41, sampled("status", "", None)))}
    )  # fmt: skip
    shown = pairs(block, "status", 3)
    assert [p.refused for p in shown] == [False, False, True]
    assert [p.before[0].text for p in shown] == ["4", "5", "?"]
    assert len(pairs(block, "status")) == 28
