"""What is said of a column by its bytes holds for its texts, wherever the column was cut out."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.mapping.text_bytes import bytes_of_column, has_byte, is_ascii, is_trimmed

COLUMNS = st.lists(
    st.none() | st.text(st.sampled_from("ab .\x00\x1c\n\u00a0é\u3000\x85~"), max_size=4)
)


@given(COLUMNS, st.integers(0, 5), st.integers(0, 5))
def test_bytes_tell_of_texts(cells: list[str | None], first: int, size: int) -> None:
    values = pa.array(cells, pa.string()).slice(first, size)
    texts = [text for text in values.to_pylist() if text is not None]
    assert bytes_of_column(values).tobytes() == "".join(texts).encode()
    assert has_byte(values, ".", "\x00") == any("." in t or "\x00" in t for t in texts)
    assert is_ascii(values) == all(text.isascii() for text in texts)
    if is_trimmed(values):
        assert pc.utf8_trim_whitespace(values).equals(values)


def test_plain_texts_are_trimmed() -> None:
    assert is_trimmed(pa.array(["a b", "", None, "~x!"]))
    assert is_trimmed(pa.array([], pa.string()))
    assert not is_trimmed(pa.array(["a", " b"]))
