"""The instants of .NET's older JSON: ``/Date(1546300800000+0200)/``.

The number counts milliseconds since 1970 in UTC; the offset only tells where the clock stood that
was meant (Microsoft, "Stand-Alone JSON Serialization", Dates/Times and JSON).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ispmig_pipelines.mapping.convert.moments import FIRST, LAST, parts_found, texts_of_offsets

_PATTERN = r"^\\?/Date\((?P<milliseconds>-?[0-9]{1,15})(?P<offset>(?:[+-][0-9]{4})?)\)\\?/$"


def read_dotnet(
    values: pa.StringArray, open_: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(positions of the ``open_`` cells that are such, their local microseconds since 1970, their
    offsets in seconds); ``values`` has no null."""
    rows, parts = parts_found(values, _PATTERN, open_)
    if rows.size == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return rows, nothing, nothing
    utc = parts["milliseconds"].cast(pa.int64()).to_numpy(zero_copy_only=False) * 1_000
    written = texts_of_offsets(parts["offset"])
    offset = np.where(written == np.iinfo(np.int32).min, 0, written).astype(np.int64)
    local = utc + offset * 1_000_000
    ok = (written != -1) & (local >= FIRST) & (local <= LAST)
    return rows[ok], local[ok], offset[ok]
