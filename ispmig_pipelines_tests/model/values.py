"""Values of fields for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from ispmig_pipelines.model import ENTITIES

PATTERNS = sorted(
    {info.pattern for entity in ENTITIES.values() for info in entity.fields.values()} - {""}
)
"""Every pattern of the model."""

_MAILBOX = st.text("aZ09!?.+~-¡é€😀\U0010ffff", min_size=1, max_size=8)


def of_pattern(pattern: str) -> st.SearchStrategy[str]:
    """Texts that the pattern matches whole."""
    if "\U0010ffff" in pattern:
        # An email address. Hypothesis spreads a class of a million characters out: minutes.
        return st.builds("{}@{}".format, _MAILBOX, _MAILBOX)
    return st.from_regex(pattern, fullmatch=True)
