"""A seeded CSV of customers as a billing system exports them: 16 columns, about 180 bytes a row.

Nearly every customer has an email and a telephone of their own. Beside what is plain it has what
real exports have: emails that are none (1 %), telephones in four spellings, amounts with signs and
dollars, US dates, cells with commas, quotes and line breaks, cells that are empty or say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

COLUMNS = (
    "account", "first_name", "last_name", "company", "email", "phone", "mobile", "street", "city",
    "state", "zip", "status", "joined", "balance", "plan", "notes",
)  # fmt: skip
SPEC = """version: 1
defaults:
  timezone: America/Chicago
  country: US
  null_words: ["", "-", "N/A"]
sources:
  customers: {files: FILE}
entities:
  customer:
    from: customers
    fields:
      account_number: account
      first_name: first_name
      last_name: last_name
      company_name: company
      email: email
      phone: phone
      mobile: mobile
      billing_street: street
      billing_city: city
      billing_region: state
      billing_postal_code: zip
      billing_country: {constant: US}
      status: {column: status, lookup: {A: active, S: suspended, X: cancelled}}
      signup_date: {column: joined, date_format: MM/DD/YYYY}
      balance: {column: balance, positive_is: debt}
      currency: {constant: USD}
      notes: notes
"""
"""What it maps to; ``plan`` is used by no mapping, and is kept beside the row."""

SEED = 20_260_101
_BATCH = 50_000
_FIRST = "Anna Bruno Clara Dmitri Elena Farid Grace Hugo Ines Jack Kim Liam Maya Noah Olga Pedro"
_LAST = "Adams Becker Castro Dubois Evans Fischer García Hansen Ivanov Jones Kowalski López Meyer"
_COMPANIES = ("Lakeside Dental LLC", "Miller & Sons, Inc.", 'The "Blue" Door Café', "Acre Farms")
_STREETS = ("Main St", "Oak Avenue", "N 14th Street, Apt 3", "County Road 12", "Elm Court")
_CITIES = ("Springfield", "Rockford", "Peoria", "Saint Charles", "Des Plaines", "Joliet")
_NOTES = (
    *(None,) * 70,
    *("-",) * 10,
    *("paid in cash, no receipt",) * 16,
    *('said "call me, later"',) * 2,
    *("gate code; dog\nbeware",) * 2,
)
_AREAS = ("312", "217", "309", "815", "618", "847")


def _some(rng: np.random.Generator, values: Sequence[str | None], count: int) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(rng.integers(0, len(values), count)))


def _padded(numbers: np.ndarray, width: int) -> pa.Array:
    return pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")


def _joined(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _one_of(which: np.ndarray, *columns: pa.Array) -> pa.Array:
    return pc.choose(pa.array(which), *columns)


def _phones(rng: np.random.Generator, numbers: np.ndarray) -> pa.Array:
    """Telephones in four spellings, hardly two alike."""
    area = pa.array(_AREAS).take(pa.array(numbers % len(_AREAS)))
    exchange, line = _padded(200 + numbers // 10_000 % 700, 3), _padded(numbers % 10_000, 4)
    return _one_of(
        rng.integers(0, 4, len(numbers)),
        _joined("(", area, ") ", exchange, "-", line),
        _joined(area, ".", exchange, ".", line),
        _joined("+1 ", area, " ", exchange, " ", line),
        _joined(area, exchange, line),
    )


def _amounts(rng: np.random.Generator, count: int) -> pa.Array:
    cents = rng.integers(0, 250_000, count)
    plain = _joined(pc.cast(pa.array(cents // 100), pa.string()), ".", _padded(cents % 100, 2))
    return _one_of(
        rng.choice(4, count, p=(0.7, 0.15, 0.1, 0.05)),
        plain,
        _joined("-", plain),
        _joined("$", plain),
        _joined("-$", plain),
    )


def batches(rows: int, *, changed: bool = False) -> Iterator[pa.RecordBatch]:
    """The customers, some at a time; the first ones of more are the same.

    Args:
        changed: every tenth lives in another city.
    """
    rng = np.random.default_rng(SEED)
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        numbers = np.arange(start + 1, start + count + 1)
        text = pc.cast(pa.array(numbers), pa.string())
        first, last = _some(rng, _FIRST.split(), count), _some(rng, _LAST.split(), count)
        email = _joined(
            pc.utf8_lower(first), ".", text, "@",
            _some(rng, ("example.com", "example.net", "mail.example.org"), count),
        )  # fmt: skip
        bad = pa.array(rng.random(count) < 0.01)
        yield pa.RecordBatch.from_arrays(
            [
                _joined("C-", _padded(numbers, 9)),
                first,
                last,
                _some(rng, (None,) * 36 + _COMPANIES, count),
                pc.if_else(bad, _joined(last, " at home"), email),
                _phones(rng, numbers),
                pc.if_else(
                    pa.array(rng.random(count) < 0.5),
                    pa.scalar(None, pa.string()),
                    _phones(rng, numbers + 5_000_000),
                ),
                _joined(_padded(rng.integers(1, 9_999, count), 1), " ",
                        _some(rng, _STREETS, count)),
                pc.if_else(
                    pa.array((numbers % 10 == 0) & changed),
                    pa.scalar("Elsewhere"),
                    _some(rng, _CITIES, count),
                ),
                _some(rng, ("IL", "IL", "IL", "WI", "IA"), count),
                _padded(rng.integers(50_000, 63_000, count), 5),
                _some(rng, ("A", "A", "A", "A", "S", "X"), count),
                _joined(_padded(rng.integers(1, 13, count), 2), "/",
                        _padded(rng.integers(1, 29, count), 2), "/",
                        _padded(rng.integers(2009, 2026, count), 4)),
                _amounts(rng, count),
                _some(rng, ("Home 50", "Home 100/20", "Fibre 1G", "Business 200/200"), count),
                _some(rng, _NOTES, count),
            ],
            names=list(COLUMNS),
        )  # fmt: skip


def write(path: Path, rows: int, *, changed: bool = False) -> None:
    """Writes the customers as CSV, with a header; ``changed``: as :func:`batches`."""
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    first = next(batches(1))
    with pyarrow.csv.CSVWriter(path, first.schema, write_options=options) as file:
        for batch in batches(rows, changed=changed):
            file.write(batch)
