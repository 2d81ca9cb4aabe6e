"""Lines that are likely, and say what they take for granted: signs, parts of cells, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping, suggested

PEOPLE: dict[str, Any] = {
    "id": lambda i: 100 + i,
    "name": lambda i: f"Name{chr(97 + i % 26)} Surname",
    "email": lambda i: f"p{i}@example.com",
}
BILLS: dict[str, Any] = {
    "invoice_no": lambda i: f"R{i:05}",
    "customer_id": lambda i: 100 + i % 40,
    "issue_date": lambda i: f"2024-03-{1 + i % 28:02}",
    "due_date": lambda i: f"2024-04-{1 + i % 28:02}",
    "total": lambda i: f"{20 + i % 7}.90",
}


def cut_off(sign: int) -> dict[str, Any]:
    return PEOPLE | {
        "status": lambda i: "suspended" if i % 4 == 0 else "active",
        "saldo": lambda i: f"{sign * (17 + i)}.35" if i % 4 == 0 else "0.00",
    }


@pytest.mark.parametrize(("sign", "positive_is"), [(1, "debt"), (-1, "credit")])
def test_who_is_cut_off_owes(tmp_path: Path, sign: int, positive_is: str) -> None:
    found = suggested(tmp_path, customers=cut_off(sign))
    assert mapping(found, "customer.balance")["positive_is"] == positive_is
    assert "assumed" in next(line for line in found.text.splitlines() if "column: saldo" in line)
    assert any(f"a positive amount a {positive_is}?" in q for q in found.questions)


@pytest.mark.parametrize(("sign", "positive_is"), [(1, "debt"), (-1, "credit")])
def test_a_debt_comes_to_bills(tmp_path: Path, sign: int, positive_is: str) -> None:
    people = PEOPLE | {"saldo": lambda i: f"{'-' * (sign < 0)}{20 + i % 7}.90"}
    found = suggested(tmp_path, customers=people, invoices=BILLS)
    assert mapping(found, "customer.balance")["positive_is"] == positive_is


def test_that_no_balance_is_negative_tells_nothing(tmp_path: Path) -> None:
    people = PEOPLE | {"saldo": lambda i: f"{500 + 3 * i}.15"}
    found = suggested(tmp_path, customers=people, invoices=BILLS)
    assert "customer.balance" not in active(found)
    assert any("a debt or a credit" in q for q in found.questions)


@pytest.mark.parametrize(
    ("field", "column", "cell", "expected"),
    [
        ("period_start", "period_start", lambda i: f"2024-{1 + i % 12:02}",
         {"transform": {"suffix": "-01"}, "date_format": "ymd"}),
        ("period_start", "period_start", lambda i: f"{1 + i % 12:02}/2024",
         {"transform": {"prefix": "01/"}, "date_format": "dmy"}),
        ("period_start", "period_start", lambda i: f"2024-{1 + i % 12:02}-01", None),
    ],
)  # fmt: skip
def test_a_month_is_its_first_day(
    tmp_path: Path, field: str, column: str, cell: Any, expected: Any
) -> None:
    found = suggested(tmp_path, customers=PEOPLE, invoices=BILLS | {column: cell})
    held = mapping(found, f"invoice.{field}")
    steps = {k: held[k] for k in ("transform", "date_format") if k in held} if expected else held
    assert steps == expected if expected else "transform" not in str(held)


def test_words_of_a_status_that_nobody_knows_are_asked_and_what_becomes_of_them_is_said(
    tmp_path: Path,
) -> None:
    people = PEOPLE | {"status": lambda i: ["XQ", "ZK", "ZK", "active"][i % 4]}
    found = suggested(tmp_path, customers=people)
    held = mapping(found, "customer.status")
    assert (held["lookup"], held["otherwise"]) == ({"active": "active"}, {"value": "active"})
    (asked,) = [q for q in found.questions if "XQ" in q]
    assert "all others are active" in asked


def test_most_of_a_status_is_known_and_the_rest_goes_to_quarantine(tmp_path: Path) -> None:
    people = PEOPLE | {"status": lambda i: ["XQ", "active", "suspended", "active"][i % 4]}
    held = mapping(suggested(tmp_path, customers=people), "customer.status")
    assert held["otherwise"] == "error"
    assert "XQ" not in held["lookup"]
