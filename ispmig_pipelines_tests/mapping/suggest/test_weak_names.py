# ruff: noqa: RUF001  (words of many languages)
"""Names that say little by themselves, and what the rest of the export makes of them: each cause
on the smallest table that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines_tests.mapping.suggest.test_causes import PEOPLE, active, mapping, suggested


@pytest.mark.parametrize(
    ("column", "means"),
    [
        ("KvK-nummer", {"company", "id"}),
        ("O/S Amount", {"amount", "debt"}),
        ("ONU S/N", {"device", "serial", "id"}),
        ("Email ID", {"email"}),
        ("tel_w", {"phone", "work"}),
        ("Швидкість вх., Мбіт/с", {"speed", "download"}),
        ("num_ext", {"building", "id"}),
        ("MesicniPlatba", {"month", "payment"}),
        ("fec_baja", {"date", "cancelled"}),
    ],
)
def test_words_of_one_country_are_not_read_as_those_of_another(
    column: str, means: set[str]
) -> None:
    assert set(concepts_of(column)) == means


@pytest.mark.parametrize(
    ("column", "lookup"),
    [
        ("Архівний", {"так": "retired", "ні": "active"}),
        ("Leverbaar", {"Ja": "active", "Nee": "retired"}),
    ],
)
def test_a_plan_that_is_archived_is_retired(
    column: str, lookup: dict[str, str], tmp_path: Path
) -> None:
    words = list(lookup)
    found = suggested(
        tmp_path,
        plans={
            "plan_code": lambda i: f"P{i}",
            "plan_name": lambda i: f"Home {i}",
            "price": lambda i: f"{10 + i}.90",
            column: lambda i: words[i % 2],
        },
    )
    assert mapping(found, "plan.status")["lookup"] == lookup


def test_a_speed_called_by_one_letter_is_in_that_unit(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        packages={
            "pkg_id": lambda i: i + 1,
            "pkg_name": lambda i: f"Wireless {i}",
            "up_k": lambda i: [512, 1024, 2048][i % 3],
            "price": lambda i: f"{99 + i}.00",
        },
    )
    assert mapping(found, "plan.upload_kbps") == {"column": "up_k", "unit": "kbit/s"}


def test_an_outstanding_amount_is_a_debt(tmp_path: Path) -> None:
    found = suggested(tmp_path, people=PEOPLE | {"O/S Amount": lambda i: f"{i}.50"})
    assert mapping(found, "customer.balance") == {"column": "O/S Amount", "positive_is": "debt"}
    assert active(found)["customer.email"] == ("email",)
