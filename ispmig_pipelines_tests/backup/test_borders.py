"""Borders follow from the rows: neither from how they came, nor from what changed far away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.backup.borders import SIZES, Sizes, cut, key_hash, row_bytes
from ispmig_pipelines_tests.backup.rows import batches, customers, every_type

SECRET = bytes(range(32))
SMALL = Sizes(
    min_rows=4, mean_rows=8, max_rows=32, min_bytes=1 << 20, mean_bytes=1 << 22, max_bytes=1 << 24
)
KEY = ["account_number"]


def split(batch: pa.RecordBatch, places: list[int]) -> list[pa.RecordBatch]:
    ends = [0, *sorted(p % (batch.num_rows + 1) for p in places), batch.num_rows]
    return [batch.slice(a, b - a) for a, b in pairwise(ends)]


def table(pieces: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(pieces, schema)


@given(batches(), st.lists(st.integers(0, 1000), max_size=6), st.sampled_from([SMALL, SIZES]))
def test_how_rows_come_does_not_matter_and_none_is_lost(
    batch: pa.RecordBatch, places: list[int], sizes: Sizes
) -> None:
    key = batch.schema.names[:1]
    at_once = list(cut([batch], key, SECRET, sizes))
    in_parts = list(cut(split(batch, places), key, SECRET, sizes))
    assert [p.num_rows for p in in_parts] == [p.num_rows for p in at_once]
    # Of a NaN nobody says that it is the same again.
    rows = table(at_once, batch.schema).to_pylist()
    assert repr(rows) == repr(batch.to_pylist())
    assert repr(table(in_parts, batch.schema).to_pylist()) == repr(rows)
    assert all(p.num_rows for p in at_once)


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 900))
def test_splits_of_many_rows_do_not_matter_with_limits_of_bytes(
    places: list[int], limit: int
) -> None:
    batch = customers(0, 700)
    sizes = Sizes(4, 16, 50, 100 + limit // 4, 600, 700 + limit)
    at_once = list(cut([batch], KEY, SECRET, sizes))
    assert [p.num_rows for p in cut(split(batch, places), KEY, SECRET, sizes)] == [
        p.num_rows for p in at_once
    ]
    for piece in at_once:
        assert piece.num_rows <= 50
        assert row_bytes(piece).sum() <= 700 + limit
    for piece in at_once[:-1]:
        assert piece.num_rows >= 4 or row_bytes(piece).sum() >= 100


@pytest.mark.slow
@given(st.integers(0, 1999), st.booleans())
def test_a_row_that_comes_or_goes_changes_only_pieces_beside_it(place: int, comes: bool) -> None:
    with_it, without = customers(0, 2000), [customers(0, place), customers(place + 1, 2000)]
    before, after = [with_it], without
    if comes:
        before, after = after, before
    old = [p.to_pydict()["account_number"] for p in cut(before, KEY, SECRET, SMALL)]
    new = [p.to_pydict()["account_number"] for p in cut(after, KEY, SECRET, SMALL)]
    known = {tuple(keys) for keys in old}
    assert len([keys for keys in new if tuple(keys) not in known]) <= 6
    # And these lie side by side, at the row.
    changed = [i for i, keys in enumerate(new) if tuple(keys) not in known]
    assert not changed or changed[-1] - changed[0] == len(changed) - 1


def test_values_that_change_move_no_border() -> None:
    sizes = Sizes(16, 64, 256)
    old = [p.num_rows for p in cut([customers(0, 5000)], KEY, SECRET, sizes)]
    new = [p.num_rows for p in cut([customers(0, 5000, mark="x")], KEY, SECRET, sizes)]
    assert old == new
    assert len(old) > 20


def test_pieces_are_about_as_large_as_said() -> None:
    rows = [p.num_rows for p in cut([customers(0, 200_000)], KEY, SECRET, Sizes(512, 4096, 16384))]
    assert all(512 <= r <= 16384 for r in rows[:-1])
    assert 3000 < np.mean(rows) < 6500


def test_large_rows_make_pieces_of_few_rows_whose_borders_stay_local() -> None:
    def wide(first: int) -> pa.RecordBatch:
        numbers = range(first, 3000)
        return pa.record_batch({"id": list(numbers), "doc": ["x" * 1000] * len(numbers)})

    sizes = Sizes(2_048, 16_384, 65_536, 1 << 14, 1 << 16, 1 << 18)
    old = [tuple(p.column(0).to_pylist()) for p in cut([wide(0)], ["id"], SECRET, sizes)]
    assert all(16 <= len(keys) <= 261 for keys in old[:-1])
    assert len(old) > 20
    new = [tuple(p.column(0).to_pylist()) for p in cut([wide(1)], ["id"], SECRET, sizes)]
    assert len(set(new) - set(old)) <= 4


def test_a_row_larger_than_the_largest_piece_is_one_of_its_own() -> None:
    batch = pa.record_batch({"id": [1, 2, 3], "doc": ["a", "x" * 5000, "b"]})
    sizes = Sizes(2, 1 << 20, 100, 1 << 20, 1 << 30, 2000)
    for given_batches in ([batch], [batch.slice(i, 1) for i in range(3)]):
        pieces = list(cut(given_batches, ["id"], SECRET, sizes))
        assert [p.column(0).to_pylist() for p in pieces] == [[1], [2], [3]]


def test_a_piece_is_given_out_before_more_is_read() -> None:
    read = 0

    def rows() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for first in range(0, 100_000, 100):
            read += 100
            yield customers(first, first + 100)

    given_out = 0
    for piece in cut(rows(), KEY, SECRET, Sizes(64, 256, 512)):
        given_out += piece.num_rows
        assert read - given_out <= 512 + 100
        if given_out > 5000:
            break


def test_nothing_has_no_pieces() -> None:
    assert list(cut([], KEY, SECRET)) == []
    assert list(cut([customers(0, 0)], KEY, SECRET)) == []


def test_borders_are_the_tenants_own() -> None:
    def rows(secret: bytes) -> list[int]:
        return [p.num_rows for p in cut([customers(0, 3000)], KEY, secret, SMALL)]

    assert rows(SECRET) == rows(SECRET)
    assert rows(SECRET) != rows(bytes(32))


def test_batches_of_other_columns_are_refused() -> None:
    other = customers(0, 9).rename_columns(["account_number", "b", "c", "d"])
    with pytest.raises(ValueError, match="different schemas"):
        list(cut([customers(0, 9), other], KEY, SECRET))
    with pytest.raises(KeyError):
        list(cut([customers(0, 9)], ["nothing"], SECRET))


def test_the_hash_depends_on_every_byte_and_on_where_a_text_ends() -> None:
    texts = ["", "a", "b", "ab", "a\0", "12345678", "123456780", "123456789", "1234567812345678",
             "1234567812345679", None]  # fmt: skip
    one = pa.record_batch({"k": pa.array(texts, pa.string())})
    assert len(set(key_hash(one, ["k"], SECRET).tolist())) == len(texts)
    two = pa.record_batch({"a": ["ab", "a", ""], "b": ["c", "bc", "abc"]})
    assert len(set(key_hash(two, ["a", "b"], SECRET).tolist())) == 3


def test_every_type_can_be_a_key_wherever_its_array_begins() -> None:
    batch = every_type()
    for name in batch.schema.names:
        whole = key_hash(batch, [name], SECRET)
        assert whole[2:].tolist() == key_hash(batch.slice(2), [name], SECRET).tolist(), name
        assert whole[0] != whole[1], name
    assert key_hash(batch, [], SECRET).tolist() == (
        key_hash(batch, batch.schema.names, SECRET).tolist()
    )
    assert (row_bytes(batch.slice(1)) == row_bytes(batch)[1:]).all()


def test_the_hash_is_what_it_always_was() -> None:
    """Another one would cut every table anew, and store all of it once more."""
    batch = pa.record_batch({"a": ["ACC-0000001", "", None], "b": [1, 2**40, -1]})
    assert [f"{h:016x}" for h in key_hash(batch, ["a", "b"], SECRET)] == [
        "def92bc2e1b04317",
        "07dbeddae20d1e6f",
        "813671d9ee494f2a",
    ]
