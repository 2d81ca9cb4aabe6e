"""The name of a piece is of its content alone, and its file is one that any reader reads."""

from __future__ import annotations

import hmac
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from ispmig_pipelines.backup import piece
from ispmig_pipelines.backup.columns import canonical, canonical_type, name_of, type_named
from ispmig_pipelines_tests.backup.rows import EVERY_TYPE, batches, customers, every_type

KEY = b"k" * 32


def back(batch: pa.RecordBatch) -> pa.RecordBatch:
    return piece.read(piece.write(batch), rows=batch.num_rows, raw=batch.nbytes)


@pytest.mark.slow
@given(batches())
def test_what_is_written_is_read_and_has_the_same_name(batch: pa.RecordBatch) -> None:
    again = back(batch)
    assert again.schema == batch.schema
    assert repr(again.to_pylist()) == repr(batch.to_pylist())
    assert piece.identity(again, KEY) == piece.identity(batch, KEY)


@pytest.mark.slow
@given(batches(), batches())
def test_other_content_has_another_name(one: pa.RecordBatch, other: pa.RecordBatch) -> None:
    same = one.schema == other.schema and repr(one.to_pylist()) == repr(other.to_pylist())
    assert (piece.identity(one, KEY) == piece.identity(other, KEY)) == same


def test_every_type_goes_through_parquet() -> None:
    batch = every_type()
    again = back(batch)
    assert again.schema == batch.schema
    assert repr(again.to_pylist()) == repr(batch.to_pylist())
    assert struct.pack("<d", again.column("double")[0].as_py()) == struct.pack("<d", -0.0)
    assert piece.identity(again, KEY) == piece.identity(batch, KEY)


def test_how_arrow_has_it_does_not_matter() -> None:
    batch = customers(0, 300)
    name = piece.identity(batch, KEY)
    sliced = pa.concat_batches([customers(0, 5), batch, customers(7, 9)]).slice(5, 300)
    assert piece.identity(sliced, KEY) == name
    dictionary = batch.set_column(2, "city", batch.column(2).dictionary_encode())
    assert piece.identity(dictionary, KEY) == name
    large = batch.set_column(1, "name", batch.column(1).cast(pa.large_string()))
    assert piece.identity(large, KEY) == name
    strict = batch.schema.with_metadata({"a": "b"}).set(
        0, pa.field("account_number", pa.string(), nullable=False, metadata={"x": "y"})
    )
    assert piece.identity(pa.RecordBatch.from_arrays(batch.columns, schema=strict), KEY) == name
    assert piece.identity(back(dictionary), KEY) == name


def test_what_lies_behind_a_null_does_not_matter() -> None:
    bits = pa.py_buffer(b"\x05")  # the one in the middle is null

    def of(kind: pa.DataType, *buffers: bytes) -> pa.RecordBatch:
        array = pa.Array.from_buffers(kind, 3, [bits, *(pa.py_buffer(b) for b in buffers)])
        return pa.record_batch({"c": array})

    texts = struct.pack("<4i", 0, 1, 3, 4)
    assert piece.identity(of(pa.string(), texts, b"aXXb"), KEY) == piece.identity(
        pa.record_batch({"c": ["a", None, "b"]}), KEY
    )
    assert piece.identity(of(pa.int64(), struct.pack("<3q", 1, 77, 3)), KEY) == piece.identity(
        pa.record_batch({"c": pa.array([1, None, 3], pa.int64())}), KEY
    )
    assert piece.identity(of(pa.bool_(), b"\x07"), KEY) == piece.identity(
        pa.record_batch({"c": [True, None, True]}), KEY
    )


@pytest.mark.parametrize(
    "other",
    [
        customers(0, 10).slice(1),
        customers(0, 10).rename_columns(["account_number", "name", "city", "balancf"]),
        customers(0, 10).select(["account_number", "name", "balance", "city"]),
        pa.record_batch(
            {**{n: customers(0, 10).column(n) for n in ("account_number", "name", "city")},
             "balance": customers(0, 10).column("balance").cast(pa.decimal128(13, 2))}
        ),
    ],
    ids=["rows", "name", "order", "type"],
)  # fmt: skip
def test_names_types_and_order_are_content(other: pa.RecordBatch) -> None:
    assert piece.identity(other, KEY) != piece.identity(customers(0, 10), KEY)


def test_a_cell_cannot_pose_as_two() -> None:
    names = {
        piece.identity(pa.record_batch({"a": a, "b": b}), KEY)
        for a, b in ((["ab", ""], ["c", ""]), (["a", "b"], ["c", ""]), (["ab", "c"], ["", ""]),
                     ([None, "ab"], ["c", ""]), (["", "ab"], ["c", ""]))
    }  # fmt: skip
    assert len(names) == 5


def test_the_name_is_the_tenants_own_and_what_it_always_was() -> None:
    """Another one would store everything once more, and call what is there swapped."""
    assert piece.identity(every_type(), KEY) != piece.identity(every_type(), b"l" * 32)
    assert piece.identity(every_type(), KEY) == (
        "f53903063a0f213ce1539d0959e08fda20d1fbf8a76d6f0d29f89fb0c8f31194"
    )


def test_the_name_is_made_as_documented() -> None:
    batch = pa.record_batch({"id": pa.array([7, None], pa.int32()), "name": ["Zoë", ""]})

    def text(of: str) -> bytes:
        return struct.pack("<Q", len(of.encode())) + of.encode()

    content = b"ispmig piece 1\n" + struct.pack("<QQ", 2, 2)
    content += text("id") + text("int32") + b"\1" + b"\x01" + struct.pack("<2i", 7, 0)
    content += text("name") + text("string") + b"\0" + struct.pack("<2I", 4, 0) + "Zoë".encode()
    assert piece.identity(batch, KEY) == hmac.new(KEY, content, "sha256").hexdigest()


def test_files_are_plain_parquet_of_one_row_group() -> None:
    data = piece.write(customers(0, 100_000))
    file = pq.ParquetFile(pa.BufferReader(data))
    assert file.metadata.num_row_groups == 1
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert b"ARROW:schema" not in data
    assert len(data) < 100_000 * 8


def test_names_of_types_lead_back() -> None:
    for kind in EVERY_TYPE:
        assert type_named(name_of(kind)) == kind
    for name in ("list<item: string>", "decimal128(12,2)", "", "string "):
        with pytest.raises(ValueError, match="hold no"):
            type_named(name)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.null(),
        pa.uint8(),
        pa.decimal128(3, -2),
        pa.decimal128(2, 5),
        pa.decimal256(39, 0),
    ],
)
def test_types_that_pieces_do_not_hold_are_refused(kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match="carry it as text"):
        canonical_type(kind)
    with pytest.raises(ValueError, match="carry it as text"):
        piece.write(pa.record_batch({"c": pa.array([None], kind)}))


def test_what_would_lose_something_is_refused() -> None:
    stamp = pa.array([1], pa.timestamp("ns"))
    with pytest.raises(ValueError, match="lose data"):
        canonical(pa.record_batch({"c": stamp}))
    twice = pa.RecordBatch.from_arrays([stamp, stamp], ["c", "c"])
    with pytest.raises(ValueError, match="one name"):
        canonical(twice)
    with pytest.raises(ValueError, match="without columns"):
        canonical(pa.RecordBatch.from_arrays([], []))


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"x" * 5000,
        piece.write(customers(0, 99)),
        piece.write(customers(0, 100))[:-9],
        b"PAR1" + piece.write(customers(0, 100))[-400:],
        parquet(pa.table({"c": [["x"]] * 100})),
        # A hundred rows that unpack to fifty megabytes.
        parquet(pa.table({"c": ["x" * 500_000] * 100})),
    ],
)
def test_bytes_that_are_no_piece_are_refused(data: bytes) -> None:
    with pytest.raises(piece.NoPieceError):
        piece.read(data, rows=100, raw=customers(0, 100).nbytes)


def test_far_away_days_are_kept() -> None:
    batch = pa.record_batch({"d": pa.array([-719_162 * 3, 2**31 - 1], pa.date32())})
    assert back(batch).column(0).cast(pa.int32()).to_pylist() == [-719_162 * 3, 2**31 - 1]
