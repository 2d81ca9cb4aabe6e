"""What holds for every conversion: order and batch size never matter, and doing it twice
changes nothing."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

KINDS: dict[FieldType, FieldInfo] = {
    info.type: info for entity in ENTITIES.values() for info in entity.fields.values()
}

CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["Ann", "active", "person", "yes", "0", "1001.0", "1.23E+11", "1,234", "1,234.50", "-12.5",
         "(5)", "12 EUR", "$9", "19 %", "51.50735091", "100M", "10 MB", "2019-02-03", "0000-00-00",
         "2019-02-30", "2019-07-01 12:00:00", "2019-11-03 01:30", "2019-07-01T12:00:00.5Z",
         "03/02/2019", "a@Example.COM", "a@b", "(555) 123-4567", "+442079460958", "555-1234 x1",
         "US", "Germany", "eur", "€", "10.0.0.1", "2001:DB8::1", "001A2B3C4D5E",
         "00:1a:2b:3c:4d:5e", "e\u0301", "a\x00b", "41°24'12.2\"N", "41 24 12.23456 w", "52.5 S",
         "10.0.0.0/24", "10.0.0.5/24", "10.0.0.0 255.255.255.0", "2001:DB8::/32", "fe80::%1/64",
         "7:30 PM", "0730", "22h15", "0.8125", "0.770833333333333", "0.30", "24:00", "19:30:00.25",
         "{123E4567-E89B-12D3-A456-426614174000}", "123e4567e89b12d3a456426614174000",
         "pt_br", "eng", "Deutsch", "zh_TW", "sr@latin", "sw1a  1aa", "01234", "75\u00a0001",
         "3 Feb 2019", "Feb 3rd, 2019 2:30 p.m.", "3.2.19", "25/12/2019", "43499", "43499.5",
         "1549152000", "1549152000000", "201902031430", "2019-07-01T12:00:00+02:00",
         "($1,234.50)", "1.234,50-", "EUR 7", "51,5073", "51.5073\u00b0", "100 Mbps", "512 kbit/s",
         "1 Gbps", "5551234567.0", "+1 (555) 123-4567", "555-123-4567 x12", "+44 20 7946 0958",
         "12-34", "10.0.0.1/32", "256.1.1.1", "001a.2b3c.4d5e", "user 1@x.com"]
    ),
    st.text("0123456789.,-+/: aEe@x", min_size=1, max_size=12).map(str.strip).filter(bool),
)  # fmt: skip
COLUMNS = st.lists(CELLS, max_size=12)
STYLES = st.sampled_from(
    [
        Style(timezone="America/Chicago", country="US"),
        Style(decimal_mark=",", timezone="Europe/Berlin", country="DE",
              date_formats=("DD/MM/YYYY",)),
        Style(decimal_mark=".", date_formats=("DD/MM/YYYY", "MM/DD/YYYY", "iso"), unit=""),
        Style(timezone="UTC", country="GB", usual_serials=True,
              date_formats=("dmy", "excel", "unix", "unix_ms")),
        Style(timezone="UTC", date_formats=("mdy", "ymd")),
    ]
)  # fmt: skip


def outcomes(info: FieldInfo, style: Style, cells: list[str | None]) -> list[object]:
    """Per cell: its value, and what was said of it."""
    result = converter(info, style)(pa.array(cells, pa.string()))
    assert result.values.type == info.arrow_type
    assert len(result.values) == len(cells)
    currency = result.currency.to_pylist() if result.currency is not None else [None] * len(cells)
    return [
        (value, currency[i], sorted((r.rule, r.accepted) for r in result.refusals if r.where[i]))
        for i, value in enumerate(result.values.to_pylist())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=60, deadline=None)
@given(cells=COLUMNS, style=STYLES, at=st.integers(0, 12), seed=st.randoms())
def test_neither_order_nor_batches_matter(
    kind: FieldType, cells: list[str | None], style: Style, at: int, seed: object
) -> None:
    info = KINDS[kind]
    whole = outcomes(info, style, cells)
    assert outcomes(info, style, cells[:at]) + outcomes(info, style, cells[at:]) == whole
    order = list(range(len(cells)))
    seed.shuffle(order)  # type: ignore[attr-defined]
    assert outcomes(info, style, [cells[i] for i in order]) == [whole[i] for i in order]
    # A slice of a larger column is a column like any other.
    parts = converter(info, style)(pa.array([None, *cells, "x"], pa.string())[1:-1])
    assert parts.values.to_pylist() == [value for value, _, _ in whole]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=60, deadline=None)
@given(cells=COLUMNS, style=STYLES)
def test_canonical_values_convert_to_themselves(
    kind: FieldType, cells: list[str | None], style: Style
) -> None:
    info = KINDS[kind]
    values = converter(info, style)(pa.array(cells, pa.string())).values
    again = converter(info, Style(timezone="UTC"))(pc.cast(values, pa.string()))
    assert again.refusals == ()
    assert again.values.to_pylist() == values.to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=60, deadline=None)
@given(cells=COLUMNS, style=STYLES)
def test_a_cell_is_a_value_or_an_issue_and_never_silently_nothing(
    kind: FieldType, cells: list[str | None], style: Style
) -> None:
    info = KINDS[kind]
    result = converter(info, style)(pa.array(cells, pa.string()))
    zero_date = kind in (FieldType.DATE, FieldType.TIMESTAMP)
    for cell, value, bad in zip(cells, result.values.to_pylist(), result.bad, strict=True):
        if cell is None:
            assert value is None
            assert not bad
        elif value is None and not bad:
            assert zero_date
            assert not cell.strip("0-:/. TZ+")
        else:
            assert (value is None) == bad
