"""Cells before their conversion, masked as what they become."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines.mapping.cell_masks import AS_FIELD, SOMETHING, CellMasks, masks_of_source
from ispmig_pipelines.mapping.evidence import Settled
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import Privacy
from ispmig_pipelines.model.masking import Masker, is_masked
from ispmig_pipelines.validation.personal import PersonalKind
from ispmig_pipelines.validation.personal_data import PersonalData

SPEC = """\
version: 1
name: people
defaults: {country: GB, null_words: [n/a]}
sources: {people: {files: people.csv}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      status: {column: State, lookup: {A: active, X: cancelled}}
      first_name: {column: Who, split: {separator: " ", take: first}}
      last_name: {column: Who, split: {separator: " ", take: rest}}
      email: Mail
      phone: Phone
      birth_date: {column: Born, default: 1970-01-01}
      signup_date: Since
      balance: {column: Owed, positive_is: debt}
      currency: {constant: GBP}
      portal_secret: Pass
      notes: Memo
  service:
    from: people
    fields:
      service_code: No
      customer: No
      plan: Plan
      status: {column: State, lookup: {A: active, X: cancelled}}
  payment_method:
    from: people
    when_filled: Card
    fields:
      method_code: No
      customer: No
      kind: {constant: card}
      status: {constant: active}
      last_four: Card
"""

COLUMNS = ("No", "State", "Who", "Mail", "Phone", "Born", "Since", "Owed", "Pass", "Memo", "Plan",
           "Card", "Alt", "Tower", "Key")  # fmt: skip

MASKER = Masker(bytes(range(32)))
PERSONAL = [
    PersonalData("people", "Alt", PersonalKind.EMAIL, Privacy.PERSONAL),
    PersonalData("people", "Key", PersonalKind.SECRET, Privacy.SECRET),
    PersonalData("other", "Tower", PersonalKind.NAME, Privacy.PERSONAL),
]


@pytest.fixture(scope="module")
def masks() -> CellMasks:
    return of(MASKER)


def of(masker: Masker) -> CellMasks:
    spec = parse_spec(SPEC, Path("spec.yaml"))
    settled = {"customer": {"birth_date": Settled(date_formats=("DD/MM/YYYY",))}}
    return masks_of_source(masker, spec, "people", COLUMNS, settled=settled, personal=PERSONAL)


def shown(
    masks: CellMasks, column: str, *cells: str | None, no: str = "C1", **more: str
) -> list[str | None]:
    """A column's cells in records that have the others' cells from ``more``."""
    rows = [{**more, "No": no, column: cell} for cell in cells]
    batch = pa.RecordBatch.from_arrays(
        [pa.array([row.get(c) for row in rows], pa.string()) for c in COLUMNS], list(COLUMNS)
    )
    return masks.records(batch, [f"p:{n}" for n in range(len(cells))]).column(column)


def exported(entity: str, field: str, value: str, row: bytes = b"C1") -> str | None:
    found: str | None = MASKER.column(entity, field, pa.array([value]), [row])[0].as_py()
    return found


@pytest.mark.parametrize(
    ("column", "cell", "entity", "field", "value"),
    [
        ("Mail", " ANN@Example.NET", "customer", "email", "ANN@example.net"),
        ("Mail", "ann@example.net", "customer", "email", "ann@example.net"),
        ("Phone", "020 7946 0018", "customer", "phone", "+442079460018"),
        ("Phone", "+44 (0)20 7946 0018", "customer", "phone", "+442079460018"),
        ("Born", "28/02/1990", "customer", "birth_date", "1990-02-28"),
        ("Plan", "GOLD", "plan", "plan_code", "GOLD"),
        ("Alt", "ann@example.net", "customer", "email", "ann@example.net"),
    ],
)
def test_a_cell_has_the_mask_of_the_value_that_it_becomes(
    masks: CellMasks, column: str, cell: str, entity: str, field: str, value: str
) -> None:
    (found,) = shown(masks, column, cell)
    assert found == exported(entity, field, value)
    assert found not in (cell, value)


def test_what_refers_goes_before_other_keys_so_that_cells_join(masks: CellMasks) -> None:
    assert shown(masks, "No", "C7") == [exported("customer", "account_number", "C7")]


@pytest.mark.parametrize("cell", [None, "", "  ", "n/a", " n/a "])
@pytest.mark.parametrize("column", ["Mail", "Born", "Since", "State"])
def test_nothing_stays_as_it_is(masks: CellMasks, column: str, cell: str | None) -> None:
    assert shown(masks, column, cell) == [cell]


@pytest.mark.parametrize(
    ("column", "cell"), [("State", "A"), ("State", "X"), ("Since", "2024-02-29")]
)
def test_words_of_lists_and_days_that_exports_keep_stay(
    masks: CellMasks, column: str, cell: str
) -> None:
    assert shown(masks, column, cell) == [cell]


@pytest.mark.parametrize(
    ("column", "cell", "shape"),
    [
        ("State", "Ann Lee", "Aaa Aaa"),  # a record that is shifted
        ("Since", "ann@home.net", "aaa@aaaa.aaa"),
        ("Mail", "ann@", "aaa@"),
        ("Phone", "call Bob", "aaaa Aaa"),
        ("Alt", "none of yours", "aaaa aa aaaaa"),
        ("Who", "Ann Lee", "Aaa Aaa"),  # each field takes a part of it
        ("Card", "4242", "9999"),
        ("Tower", "T1", "A9"),  # classified in another source, not in this one
    ],
)
def test_anything_else_is_a_shape(masks: CellMasks, column: str, cell: str, shape: str) -> None:
    assert shown(masks, column, cell) == [shape]


def test_of_secrets_there_is_only_that_they_are(masks: CellMasks) -> None:
    assert shown(masks, "Pass", "hunter2", None, "") == [SOMETHING, None, ""]
    assert shown(masks, "Key", "k" * 40) == [SOMETHING]


def test_notes_say_nothing(masks: CellMasks) -> None:
    (found,) = shown(masks, "Memo", "Call Ann on 07700 900961")
    assert found == exported("customer", "notes", "whatever")


def test_amounts_follow_from_the_row_and_look_like_amounts(masks: CellMasks) -> None:
    one, other = (shown(masks, "Owed", "10.50", "10.50", no=no) for no in ("C1", "C2"))
    assert one[0] == one[1] != other[0]
    canonical = exported("customer", "balance", "10.5000")
    assert canonical is not None
    assert one[0] == canonical.rstrip("0").rstrip(".")


def test_records_whose_key_is_unreadable_are_told_apart_by_their_place(masks: CellMasks) -> None:
    found = shown(masks, "Born", *["28/02/1990"] * 6, no="")
    assert len(set(found)) > 1
    assert found == shown(masks, "Born", *["28/02/1990"] * 6, no="")


def test_another_tenant_s_masks_have_nothing_in_common() -> None:
    other = of(Masker(bytes(32)))
    for column, cell in (("Mail", "ann@example.net"), ("No", "C1"), ("Alt", "bob@example.net")):
        assert shown(of(MASKER), column, cell) != shown(other, column, cell)


def test_what_stands_in_for_a_field_masks_it() -> None:
    for entity, field in AS_FIELD.values():
        assert field in ENTITIES[entity].fields
        assert is_masked(entity, field)
