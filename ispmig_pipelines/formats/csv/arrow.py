"""Sound CSV records to columns, by Arrow's parser."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv as arrow_csv

_BOM = b"\xef\xbb\xbf"


def parsed_by_arrow(
    source: pa.Buffer,
    schema: pa.Schema,
    count: int,
    *,
    delimiter: str,
    quote: str,
    nulls: list[str],
) -> pa.RecordBatch | None:
    """The cells of ``count`` records of the right width, as text columns of ``schema``.

    Args:
        source: the records' bytes, valid UTF-8 (checked before, with the records' numbers).
        delimiter: one byte.
        quote: one byte, or "" where nothing is quoted in ``source``.
        nulls: which unquoted cells are null; quoted ones never are.

    Returns:
        None where Arrow reads them otherwise than was proven.
    """
    if source.size >= 3 and source.slice(0, 3).to_pybytes() == _BOM:
        # Arrow would take these three bytes of the first cell for a byte order mark.
        return None
    if source.slice(source.size - 1).to_pybytes() == delimiter.encode():
        # Without a line end Arrow takes a last empty cell for quoted where the one before it is.
        source = pa.py_buffer(source.to_pybytes() + b"\n")
    placeholders = [f"c{i}" for i in range(len(schema))]
    try:
        table = arrow_csv.read_csv(
            source,
            read_options=arrow_csv.ReadOptions(
                column_names=placeholders, block_size=len(source) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char=quote or False,
                double_quote=True,
                newlines_in_values=bool(quote),
                ignore_empty_lines=False,
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(placeholders, pa.string()),
                strings_can_be_null=bool(nulls),
                null_values=nulls,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != count:
        return None
    table = table.combine_chunks()
    return pa.RecordBatch.from_arrays([column.chunk(0) for column in table.columns], schema=schema)
