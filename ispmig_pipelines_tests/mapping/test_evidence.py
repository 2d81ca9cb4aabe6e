"""A column's way of writing is settled by all of its cells, or asked about; never guessed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.evidence import Evidence, Question, Settled
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines_tests.mapping.columns import info

DATE, TIMESTAMP, MONEY = FieldType.DATE, FieldType.TIMESTAMP, FieldType.MONEY


def settled(
    field: FieldInfo | FieldType, cells: Sequence[str | None], **style: Any
) -> Settled | Question | None:
    field = field if isinstance(field, FieldInfo) else info(field)
    evidence = Evidence.for_field(field, Style(**style))
    assert evidence is not None
    evidence.add(pa.array(cells, pa.string()), pa.array(range(1, len(cells) + 1)), "a.csv")
    return evidence.settle()


def formats(*cells: str | None) -> tuple[str, ...] | None:
    found = settled(DATE, cells)
    assert not isinstance(found, Question), found
    return None if found is None else found.date_formats


def asked(field: FieldInfo | FieldType, *cells: str | None, **style: Any) -> Question:
    found = settled(field, cells, **style)
    assert isinstance(found, Question), found
    return found


@pytest.mark.parametrize(
    ("cells", "formats_"),
    [
        (["25/12/2019", "02/03/2019"], ("dmy",)),
        (["12/25/2019", "02/03/2019"], ("mdy",)),
        (["25.12.2019", "2.3.2019 14:30", "2019-03-02", "3 Feb 2019"], ("dmy",)),
        (["03/03/2019", "04/04/2019"], ("dmy",)),
        (["2019/03/02", "2019/12/25"], ("dmy",)),
        (["3 Feb 2019", "Feb 4, 2019"], ("dmy",)),
        # No cell is in doubt, so each is read in its one way.
        (["25/12/2019", "12/25/2019"], ("dmy", "mdy")),
        (["25/12/2019", "12/25/2019", "03/03/2019"], ("dmy", "mdy")),
        # A year of two digits: 98 is no day, 25 is no month.
        (["25/12/98", "02/03/19"], ("dmy",)),
        (["12/25/98", "02/03/19"], ("mdy",)),
        (["98/12/25", "02/03/19"], ("ymd",)),
        (["43499", "43831.5"], ("excel",)),
        (["25/12/2019", "43499"], ("dmy", "excel")),
        (["1549152000", "1549152000000"], ("unix", "unix_ms")),
        (["2019-02-03", "43499"], ("iso", "excel")),
        (["201902031430", "25/12/2019"], ("dmy",)),
        # What stands for no end is written like any other day.
        (["31/12/9999", "02/03/2019"], ("dmy",)),
        (["12/31/9999", "02/03/2019"], ("mdy",)),
        (["31.12.2999", "02.03.2019"], ("dmy",)),
        (["31/12/2099", "02/03/2019"], ("dmy",)),
        # No evidence: garbage, the future, nothing.
        (["25/12/2019", "02/03/2019", "13/13/2019", "n/a", "05/25/3019"], ("dmy",)),
    ],
)
def test_the_one_reading_that_fits_all_cells_wins(
    cells: list[str], formats_: tuple[str, ...]
) -> None:
    assert formats(*cells) == formats_


@pytest.mark.parametrize(
    "cells",
    [[], [None], ["2019-02-03", "2019-02-03T10:00:00Z", "20190203"], ["n/a", "0000-00-00"],
     ["9999-12-31", "12345678"]],
)  # fmt: skip
def test_iso_dates_and_no_dates_settle_nothing(cells: list[str | None]) -> None:
    assert formats(*cells) is None


def test_an_end_that_any_order_reads_decides_nothing() -> None:
    asked(DATE, "9999-12-31", "01/01/9999", "02/03/2019")


def test_if_several_readings_fit_all_cells_somebody_is_asked() -> None:
    question = asked(DATE, "02/03/2019", None, "04/05/2019", "2019-01-01", "03/03/2019")
    assert question.readings == ("DD/MM/YYYY", "MM/DD/YYYY")
    assert question.ambiguous.cells == 2
    assert [(e.file, e.record, e.shown) for e in question.ambiguous.examples] == [
        ("a.csv", 1, "99/99/9999"),
        ("a.csv", 3, "99/99/9999"),
    ]
    assert not question.contradicts_itself
    assert question.line == "date_format: dmy  # DD/MM/YYYY; or mdy for MM/DD/YYYY"
    said = str(question)
    assert "record 1 of a.csv (99/99/9999)" in said
    assert "2019" not in said


def test_if_none_fits_all_cells_and_some_are_in_doubt_somebody_is_asked() -> None:
    question = asked(DATE, "25/12/2019", "12/25/2019", "12/26/2019", "02/03/2019")
    assert question.contradicts_itself
    assert [(s.reading, s.cells, s.examples[0].record) for s in question.sides] == [
        ("DD/MM/YYYY", 1, 1),
        ("MM/DD/YYYY", 2, 2),
    ]
    assert [e.record for e in question.ambiguous.examples] == [4]


def test_a_short_year_may_stand_first() -> None:
    question = asked(DATE, "13/02/19", "14/02/20")
    assert question.readings == ("DD/MM/YYYY", "YY/MM/DD")
    assert asked(DATE, "01/02/03").readings == ("DD/MM/YYYY", "MM/DD/YYYY", "YY/MM/DD")


def test_what_the_spec_says_needs_no_evidence() -> None:
    assert Evidence.for_field(info(DATE), Style(date_formats=("DD/MM/YYYY",))) is None
    assert Evidence.for_field(info(MONEY), Style(decimal_mark=",")) is None
    assert Evidence.for_field(info(MONEY), Style(thousands_mark=" ")) is None
    assert Evidence.for_field(info(FieldType.TEXT), Style()) is None
    assert Evidence.for_field(info(FieldType.RATE), Style()) is None


def mark(field: FieldInfo | FieldType, *cells: str | None) -> str | None:
    found = settled(field, cells)
    assert not isinstance(found, Question), found
    return None if found is None else found.decimal_mark


@pytest.mark.parametrize(
    ("cells", "mark_"),
    [
        (["1,234", "12.50"], "."),
        (["1.234", "12,50"], ","),
        (["1.234", "1.234.567"], ","),
        (["1,234", "$1,234.50"], "."),
        (["1,234", "0.125"], "."),
        (["1.234", "12,5 EUR", "n/a", "-"], ","),
        (["$1,234", "(1,234.00)"], "."),
        # Every cell has one reading: there is nothing to settle.
        (["12.50", "99,5", "1 234", "1,234.50"], None),
        (["12", "13"], None),
    ],
)
def test_the_decimal_mark_that_fits_all_amounts_wins(cells: list[str], mark_: str | None) -> None:
    assert mark(MONEY, *cells) == mark_


def test_amounts_that_leave_the_mark_open_are_asked_about() -> None:
    open_ = asked(MONEY, "1,234", "5", "1.250")
    assert open_.line == 'decimal_mark: "."  # or ","'
    assert open_.ambiguous.cells == 2
    assert not open_.contradicts_itself
    torn = asked(MONEY, "12.50", "99,5", "1,234")
    assert torn.contradicts_itself
    assert [s.cells for s in torn.sides] == [1, 1]


def test_whole_numbers_are_settled_by_being_whole_where_nothing_else_does() -> None:
    assert mark(FieldType.INTEGER, "1,234", "17") == "."
    assert mark(FieldType.INTEGER, "1.234") == ","
    # The comma is a decimal mark here, although 1,5 cannot be kept: 1,500 is no 1500.
    assert mark(FieldType.INTEGER, "1,500", "1,5") == ","
    assert mark(FieldType.DATA_RATE, "10,240 kbit/s", "512k") == "."
    assert mark(FieldType.DATA_RATE, "1.500 Mbps", "2.5 Mbps") == "."
    asked(FieldType.DATA_RATE, "1.500 Mbps")
    asked(info(FieldType.QUANTITY, unit="GB"), "1.500 TB")


def test_what_is_settled_survives_json_and_is_applied() -> None:
    found = Settled(date_formats=("dmy", "excel"))
    assert Settled.from_json(json.loads(json.dumps(found.as_json()))) == found
    style = found.applied(Style(timezone="UTC"))
    convert = converter(info(DATE), style)
    values = convert(pa.array(["02/03/2019", "43499", "20190203", "7", "1549152000"]))
    assert [None if v is None else str(v) for v in values.values.to_pylist()] == [
        "2019-03-02", "2019-02-03", "2019-02-03", None, None,
    ]  # fmt: skip
    assert Settled(decimal_mark=",").applied(Style()).decimal_mark == ","


def test_serial_numbers_beside_each_other_are_never_of_two_kinds() -> None:
    style = Settled(date_formats=("iso", "excel", "unix", "unix_ms")).applied(Style())
    cells = ["43499", "1549152000", "1549152000000", "201902031430", "20190203", "999999999999"]
    result = converter(info(DATE), style)(pa.array(cells))
    assert not [r for r in result.refusals if r.rule == "value.ambiguous"]


def test_only_the_first_positions_are_kept() -> None:
    question = asked(DATE, *["02/03/2019"] * 1000)
    assert question.ambiguous.cells == 1000
    assert [e.record for e in question.ambiguous.examples] == [1, 2, 3]


CELLS = st.lists(
    st.one_of(
        st.none(),
        st.sampled_from(["02/03/2019", "25/12/2019", "12/25/2019", "03/03/2019", "2019-02-03",
                         "02/03/19", "98-02-03", "43499", "1549152000", "n/a", "3 Feb 2019",
                         "1,234", "1.234", "12.50", "99,5", "1 234", "1,234.50", "$5"]),
    ),
    max_size=14,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", [DATE, TIMESTAMP, MONEY, FieldType.INTEGER], ids=str)
@settings(max_examples=80, deadline=None)
@given(cells=CELLS, cuts=st.sets(st.integers(1, 13)), files=st.integers(1, 3), seed=st.randoms())
def test_neither_order_nor_batches_matter(
    kind: FieldType, cells: list[str | None], cuts: set[int], files: int, seed: Any
) -> None:
    placed = [(f"{i % files}.csv", i, cell) for i, cell in enumerate(cells)]

    def outcome(batches: list[list[tuple[str, int, str | None]]]) -> Settled | Question | None:
        evidence = Evidence.for_field(info(kind), Style())
        assert evidence is not None
        for batch in batches:
            for file in sorted({file for file, _, _ in batch}):
                mine = [(record, cell) for f, record, cell in batch if f == file]
                evidence.add(
                    pa.array([cell for _, cell in mine], pa.string()),
                    pa.array([record for record, _ in mine], pa.int64()),
                    file,
                )
        return evidence.settle()

    whole = outcome([placed])
    edges = [0, *sorted(cuts), len(placed)]
    assert outcome([placed[a:b] for a, b in pairwise(edges)]) == whole
    seed.shuffle(placed)
    assert outcome([placed[a:b] for a, b in pairwise(edges)]) == whole


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(cells=CELLS)
def test_what_is_settled_leaves_no_date_in_doubt(cells: list[str | None]) -> None:
    found = settled(DATE, cells)
    if isinstance(found, Settled):
        result = converter(info(DATE), found.applied(Style()))(pa.array(cells, pa.string()))
        assert not [r for r in result.refusals if r.rule == "value.ambiguous"]
