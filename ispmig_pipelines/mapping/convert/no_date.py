"""What is no date in any order: found by column operations, so that garbage does not have to be
looked at one cell after the other.

All that is said here is certain; a cell of which nothing is said may be no date either. The rules
follow from how :mod:`ispmig_pipelines.mapping.convert.date_order` looks at a single cell.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.date_words import BEHIND_A_CLOCK

_DAYS = "(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_OTHERS = "the|day|at|on|of|ad?|d|[ap]?m|p|h|t|z|utc|gmt|noon|midnight|st|nd|rd|th"
_KNOWN = rf"(?i)\b(?:{_DAYS}|{_MONTHS}|{_OTHERS})\b"
"""Every word that a date may have, but behind the offset of a clock."""

_CLOCK_OF_ANY_ZONE = "(?i)[0-9] ?[:h]"
_FEWER_THAN_TWO_DIGITS = r"^[^0-9]*[0-9]?[^0-9]*$"
_STRANGE = r"[!\"#$%&*;<=>?\[\\\]^_`{|}~\x00]"
"""Characters of ASCII that no date has."""
_ONLY_NUMBERS = r"^[0-9][0-9 .,/'-]*$"
_NO_THREE_NUMBERS = (
    # One number is a date of 8, 12 or 14 digits, or none; so is the first of two.
    r"^(?:[0-9]{1,7}|[0-9]{9,11}|[0-9]{13}|[0-9]{15,})[^0-9]*(?:[^0-9]+[0-9]+[^0-9]*)?$"
    r"|^[0-9]{1,7}[^0-9]+[0-9]{3,}[^0-9]+[0-9]+[^0-9]*$"
    r"|^[0-9]{1,3}(?:[^0-9]+[0-9]+){3}[^0-9]*$|^[0-9]{1,7}(?:[^0-9]+[0-9]+){6,}[^0-9]*$"
    r"|^(?:[0-9]{3}|[0-9]{5,7})[^0-9]"
)
# In East Asia's dates; the other characters that may stand in one become ASCII: the sign of a
# kelvin does when it is written small.
_BEYOND_ASCII = r"[^\x00-\x7f\x{2019}\x{212a}\x{0085}\p{Z}]"
_EAST_ASIAN = "[年년月월日일時时点시分분]"


def is_no_date(values: pa.StringArray) -> pa.BooleanArray:
    """Where a text is certainly no date of any order."""

    def has(pattern: str) -> pa.BooleanArray:
        return pc.match_substring_regex(values, pattern)

    none = pc.or_(has(_FEWER_THAN_TWO_DIGITS), has(f"{_STRANGE}|{BEHIND_A_CLOCK}"))
    if not pc.all(pc.string_is_ascii(values)).as_py():
        none = pc.or_(
            pc.and_not(none, has(_EAST_ASIAN)), pc.and_not(has(_BEYOND_ASCII), has(_EAST_ASIAN))
        )
    words = pc.replace_substring_regex(values, "[^A-Za-z]+", " ")
    others = pc.match_substring_regex(pc.replace_substring_regex(words, _KNOWN, ""), "[A-Za-z]")
    none = pc.or_(none, pc.and_not(others, pc.or_(has(_CLOCK_OF_ANY_ZONE), has("[^\\x00-\\x7f]"))))
    numbers = pc.and_(has(_ONLY_NUMBERS), has(_NO_THREE_NUMBERS))
    return pc.or_(none, numbers)
