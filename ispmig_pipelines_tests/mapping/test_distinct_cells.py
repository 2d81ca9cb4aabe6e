"""Columns that repeat themselves are mapped by their distinct cells: to the same values."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from ispmig_pipelines.mapping import distinct_cells
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.batch import batch_of
from ispmig_pipelines.mapping.distinct_cells import field_values
from ispmig_pipelines.mapping.spec import Feed
from ispmig_pipelines_tests.mapping.columns import mapped, records, spec_of

SPEC = """\
version: 1
defaults: {null_words: ["", "-"], timezone: Europe/Berlin, country: DE}
sources: {s: {files: x.csv}}
entities:
  customer:
    from: s
    fields:
      account_number: No
      status: {column: State, lookup: {A: active, "-": suspended}}
      billing_country: {column: Land, default: DE}
      signup_date: {column: Joined, date_format: [DD.MM.YYYY, iso]}
      balance: {column: Open, positive_is: debt, decimal_mark: ","}
      currency: {constant: EUR}
      last_name: {column: Name, transform: [squeeze, upper]}
      phone: Phone
"""
CELLS = {
    "State": ["A", " A ", "-", "?", None],
    "Land": ["DE", "Germany", "-", "Narnia", None, " at"],
    "Joined": ["03.02.2019", "2019-02-30", "", "0000-00-00", "x", None, "2020-02-29"],
    "Open": ["1.234,50", "12 USD", "3,00 EUR", "(5)", "abc", None, "1e30"],
    "Name": ["van  der Berg", "müller", "-", None],
    "Phone": ["030 123456", "0171 2345678 x12", "n/a", "5551234567.0", None],
}
ROWS = 2 * 7 * distinct_cells.SAMPLE


def table(first: int, size: int) -> dict[str, list[str | None]]:
    rows = range(first, first + size)
    whole: dict[str, list[str | None]] = {"No": [str(row) for row in rows]}
    for column, cells in CELLS.items():
        whole[column] = [cells[(row // 3) % len(cells)] for row in rows]
    return whole


def issues_of(result: object, size: int) -> list[tuple[object, ...]]:
    number = pa.array(range(size), pa.int64())
    log = result.log.to_arrow(pa.repeat(pa.scalar(0), size), number, number)  # type: ignore[attr-defined]
    return sorted(tuple(row.values()) for row in log.to_pylist())


def test_many_records_become_what_few_at_a_time_become() -> None:
    whole = mapped(SPEC, table(0, ROWS))
    size = distinct_cells.SAMPLE
    parts = [mapped(SPEC, table(first, size)) for first in range(0, ROWS, size)]
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(whole.frame, frame)
    few = []
    for number, part in enumerate(parts):
        for file, record, line, *rest in issues_of(part, size):
            few.append((file, record + number * size, line + number * size, *rest))  # type: ignore[operator]
    assert issues_of(whole, ROWS) == sorted(few)
    assert whole.legacy.to_pylist() == [o for part in parts for o in part.legacy.to_pylist()]  # type: ignore[union-attr]


@pytest.mark.parametrize("field", ["status", "balance", "last_name", "phone"])
def test_each_distinct_cell_is_mapped_once(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(SPEC)
    feed: Feed = spec.feeds[0]
    batch = batch_of(records(table(0, ROWS)))
    plan = next(p for p in prepare(spec, feed, list(table(0, 1))).fields if p.name == field)
    sizes: list[int] = []
    apply = type(plan).apply

    def counted(self: object, cells: object, *rest: object) -> object:
        sizes.append(cells.size)  # type: ignore[attr-defined]
        return apply(self, cells, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(type(plan), "apply", counted)
    assert len(field_values(plan, batch).values) == ROWS
    assert sizes[0] == len(set(CELLS[plan.origins[0]]))


def test_a_column_that_only_begins_alike_is_mapped_as_it_is() -> None:
    cells = ["1,00"] * distinct_cells.SAMPLE + [f"{n},00" for n in range(ROWS)]
    numbers = [str(n) for n in range(len(cells))]
    spec = SPEC.partition("      status")[0] + "      balance: {column: Open, positive_is: debt, "
    spec += 'decimal_mark: ","}\n      currency: {constant: EUR}\n'
    frame = mapped(spec, {"No": numbers, "Open": cells}).frame
    assert frame["balance"].sum() == distinct_cells.SAMPLE + sum(range(ROWS))
