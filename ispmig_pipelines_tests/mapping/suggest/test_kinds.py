"""What tables of unknown names and columns are, by weights fitted on labelled ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ispmig_pipelines.mapping.suggest.kinds import NOTHING, WEIGHTS, likely
from ispmig_pipelines.suggesting import suggest
from ispmig_pipelines_tests.mapping.suggest.fit_kinds import fitted, labelled
from ispmig_pipelines_tests.mapping.suggest.test_causes import active, suggested
from ispmig_pipelines_tests.mapping.suggest.test_entity_of_table import CUSTOMERS


@pytest.mark.parametrize(
    ("name", "columns", "kind"),
    [
        ("subscriber_list", ["no", "full_name", "phone", "street", "city", "balance"], "customer"),
        ("bills", ["id", "customer_id", "due_date", "subtotal", "tax", "total"], "invoice"),
        ("sms_log", ["id", "phone", "message", "sent_at", "status"], NOTHING),
        ("tax_rates", ["id", "name", "rate", "country"], NOTHING),
    ],
)
def test_words_say_what_a_table_holds(name: str, columns: list[str], kind: str) -> None:
    chances = likely(name, columns)
    assert max(chances, key=chances.__getitem__) == kind


@pytest.mark.slow
def test_the_weights_are_those_that_the_labelled_tables_give() -> None:
    """Who adds tables fits the weights anew."""
    known = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    again = {feature: weights for feature, weights in fitted(labelled()).items() if weights}
    differ = [
        (feature, kind)
        for feature in known.keys() | again.keys()
        for kind in known.get(feature, {}).keys() | again.get(feature, {}).keys()
        if abs(known.get(feature, {}).get(kind, 0) - again.get(feature, {}).get(kind, 0)) > 0.07
    ]
    assert not differ


def test_lines_refer_to_their_bills_by_codes_whatever_the_columns_are_called(
    tmp_path: Path,
) -> None:
    bills = {
        "name": lambda i: f"INV-{i:05}",
        "customer_id": CUSTOMERS["customer_id"],
        "posting_date": lambda i: f"2024-01-{1 + i % 28:02}",
        "due_date": lambda i: f"2024-02-{1 + i % 28:02}",
        "grand_total": lambda i: f"{20 + i}.50",
    }
    items = {
        "parent": lambda i: f"INV-{i // 2:05}",
        "idx": lambda i: 1 + i % 2,
        "description": lambda i: ["Connection", "Rent of the box"][i % 2],
        "qty": lambda _: 1,
        "rate": lambda i: f"{10 + i % 7}.50",
        "amount": lambda i: f"{10 + i % 7}.50",
    }
    found = active(
        suggested(
            tmp_path, customers=CUSTOMERS, invoices=bills, invoice_items=items, currency="EUR"
        )
    )
    assert found["invoice_line.invoice_number"] == ("parent",)


def test_taxes_of_a_bill_are_no_lines_of_it(tmp_path: Path) -> None:
    bills = [
        {
            "number": f"B{i:04}",
            "customer_id": f"C{i:03}",
            "date": f"2024-01-{1 + i % 28:02}",
            "due_date": f"2024-02-{1 + i % 28:02}",
            "total": 24.2,
            "line_items": [{"description": "Line", "quantity": 1, "unit_price": 20, "amount": 20}],
            "taxes": [{"description": "VAT", "rate": 21, "amount": 4.2}],
        }
        for i in range(40)
    ]
    people = [
        {"id": f"C{i:03}", "last_name": f"Name {i}", "email": f"p{i}@example.org", "city": "Ghent"}
        for i in range(40)
    ]
    path = tmp_path / "api.json"
    path.write_text(json.dumps({"customers": people, "invoices": bills}))
    found = suggest([str(path)], tmp_path / "spec.yaml", currency="EUR")
    of = {x.source for x in found.lines if x.active and x.entity == "invoice_line"}
    assert len(of) == 1
    assert "taxes" not in of.pop()
