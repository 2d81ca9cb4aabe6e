"""Whether the cells of a column can be what a field holds: a line that would hold back many records
is a comment, however it is called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType

CONVERTED = 0.95
"""Share of the cells that must be what a field holds for its line to be active."""

_ANY = (FieldType.TEXT, FieldType.CHOICE, FieldType.BOOLEAN, FieldType.UUID)
"""Types of fields that take any text, or of which words settle what becomes of each cell."""

_SAID_OF_CELLS = frozenset(
    {"column", "unit", "positive_is", "null_words", "date_format", "decimal_mark", "timezone"}
)
"""Words of a mapping that say how its cells are read, and make no others of them."""

_OF_PAIRS = {"latitude": "coordinates", "longitude": "coordinates", "download_kbps": "speed pair",
             "upload_kbps": "speed pair"}  # fmt: skip
"""Fields that may be one half of a cell."""


def converted(profile: Profile, entity: str, name: str, mapping: Any) -> float:
    """Share of a column's cells that a field could hold, 0 to 1, without those that its mapping
    takes for nothing.

    Args:
        mapping: of the field, as the spec will say it.
    """
    info = ENTITIES[entity].fields[name]
    if info.type in _ANY or name.startswith("expiry_") or profile.is_empty:
        return 1.0
    words = mapping if isinstance(mapping, dict) else {}
    if words.keys() - _SAID_OF_CELLS:
        # What is looked up or made of it first is another text.
        return 1.0
    nothing = {str(word) for word in words.get("null_words", ())}
    kept = {v: n for v, n in profile.column.counts.items() if v not in nothing}
    if not kept:
        return 1.0
    rest = profile if len(kept) == len(profile.column.counts) else Profile(
        replace(profile.column, counts=kept)
    )  # fmt: skip
    if name in _OF_PAIRS and rest.share(_OF_PAIRS[name]) > 0.5:
        return rest.share(_OF_PAIRS[name])
    if info.type is FieldType.PHONE:
        return rest.share("phone")
    return rest.fit(info, entity, name)
