"""Rows for tests of backups: of every type that pieces hold, and as hypothesis finds them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

NOW = dt.datetime(2026, 11, 22, 10, 31, 7, 123456)

EVERY_TYPE: dict[pa.DataType, list[Any]] = {
    pa.bool_(): [True, None, False],
    pa.int16(): [-1, None, 32767],
    pa.int32(): [0, None, -(2**31)],
    pa.int64(): [1, None, 2**63 - 1],
    pa.float32(): [1.5, None, float("nan")],
    pa.float64(): [-0.0, None, float("inf")],
    pa.decimal128(38, 10): [Decimal("-1234567890.0123456789"), None, Decimal(0)],
    pa.decimal128(12, 2): [Decimal("-1.10"), None, Decimal("9999999999.99")],
    pa.date32(): [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)],
    pa.time64("us"): [dt.time(0), None, dt.time(23, 59, 59, 999999)],
    pa.timestamp("us"): [NOW, None, dt.datetime(1, 1, 1)],
    pa.timestamp("us", "UTC"): [NOW.replace(tzinfo=dt.UTC), None, NOW.replace(tzinfo=dt.UTC)],
    pa.string(): ["", None, "Zoë\n\t\x1f \U0001f4a7"],
    pa.binary(): [b"", None, b"\x00\xff"],
}


def every_type() -> pa.RecordBatch:
    """Three rows with a column of every type; the second row is null but for its key."""
    arrays = [pa.array([1, 2, 3], pa.int64())]
    arrays += [pa.array(values, kind) for kind, values in EVERY_TYPE.items()]
    return pa.RecordBatch.from_arrays(arrays, ["key", *(str(kind) for kind in EVERY_TYPE)])


def customers(first: int, last: int, *, mark: str = "") -> pa.RecordBatch:
    """Rows that look like customers, with the keys ``ACC-first`` up to before ``ACC-last``."""
    numbers = range(first, last)
    return pa.record_batch(
        {
            "account_number": pa.array([f"ACC-{n:07d}" for n in numbers], pa.string()),
            "name": pa.array([f"Customer {n * 7919 % 1000}{mark}" for n in numbers], pa.string()),
            "city": pa.array([("Ulm", None, "Gera")[n % 3] for n in numbers], pa.string()),
            "balance": pa.array(
                [Decimal(n * 31 % 9973).scaleb(-2) for n in numbers], pa.decimal128(12, 2)
            ),
        }
    )


def cells(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values of a type, and null."""
    of: dict[pa.DataType, st.SearchStrategy[Any]] = {
        pa.string(): st.text(max_size=20),
        pa.binary(): st.binary(max_size=20),
        pa.int64(): st.integers(-(2**63), 2**63 - 1),
        pa.bool_(): st.booleans(),
        pa.date32(): st.dates(),
        pa.float64(): st.floats(),
        pa.timestamp("us", "UTC"): st.datetimes(timezones=st.just(dt.UTC)),
        pa.decimal128(12, 2): st.decimals(-9_999_999_999, 9_999_999_999, places=2, allow_nan=False),
    }
    return st.none() | of[kind]


TYPES = st.sampled_from(
    [pa.string(), pa.binary(), pa.int64(), pa.bool_(), pa.date32(), pa.float64(),
     pa.timestamp("us", "UTC"), pa.decimal128(12, 2)]
)  # fmt: skip


@st.composite
def batches(draw: st.DrawFn, max_rows: int = 40) -> pa.RecordBatch:
    """A batch of some columns and rows."""
    types = draw(st.lists(TYPES, min_size=1, max_size=4))
    count = draw(st.integers(0, max_rows))
    arrays = [
        pa.array(draw(st.lists(cells(kind), min_size=count, max_size=count)), kind)
        for kind in types
    ]
    return pa.RecordBatch.from_arrays(arrays, [f"c{i}" for i in range(len(types))])
