"""What is no number whatever the convention: found by column operations, so that garbage does not
have to be looked at one cell after the other.

All that is said here is certain; a cell of which nothing is said may be no number either. The
rules follow from how :func:`ispmig_pipelines.mapping.convert.number.read_amount` reads: signs and
one currency around digits with marks, or around a number in scientific notation.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.currency import CODES, SHARED_SIGNS, SIGNS

_SPACES = "\u00a0\u2007\u2009\u202f"
_MINUS = "\u2212\u2013"
_SIGN_CHARACTERS = "".join(sorted({c for s in (*SIGNS, *SHARED_SIGNS) for c in s if ord(c) > 127}))

_WITHOUT_DIGIT = r"^[^0-9]*$"
_STRANGE = (
    r"[\x00-\x08\x0e-\x1b!\"#%&*/:;<=>?@\[\\\]^_`{|}~\x7f]"
    rf"|[^\x00-\x7f{_SIGN_CHARACTERS}{_MINUS}\x{{2019}}\x{{0085}}\p{{Z}}]"
)
"""A character that no number, sign or currency has."""
# Python's capital of each is I or S, so that they may stand in a currency's code.
_CAPITALS_IN_ASCII = "[\u0131\u017f]"
_BETWEEN_DIGITS = (
    rf"[0-9][^0-9]*[^0-9.,' eE+\-{_MINUS}{_SPACES}\x{{2019}}][^0-9]*[0-9]"
    rf"|[0-9][^0-9eE]*[-+{_MINUS}][^0-9]*[0-9]"
)
"""Something other than marks and an exponent stands between two digits."""

_LETTERS = {re.sub("[^A-Z]", "", sign.upper()) for sign in (*SIGNS, *SHARED_SIGNS)} | CODES
_MAY_STAND = pa.array(
    sorted({*_LETTERS, "E", *(f"E{w}" for w in _LETTERS), *(f"{w}E" for w in _LETTERS)})
)
"""The letters that a number may have, all together, in capitals: of one currency and of an
exponent."""

_DIGITS_AND_MARKS = r"^[-+($ ]*(?P<body>[0-9.,](?:[0-9.,' ]*[0-9.,])?)[-+)$ ]*$"


def readable(decimal: str, groups: tuple[str, ...]) -> str:
    """Pattern of all digits and marks that have a reading under one convention."""
    whole = ["[0-9]+"]
    for mark in groups:
        whole.append(rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+")
        if mark == ",":
            # Lakhs and crores: 12,34,567.
            whole.append(r"[1-9][0-9]?(?:,[0-9]{2})*,[0-9]{3}")
    point = re.escape(decimal)
    return rf"(?:{'|'.join(whole)})(?:{point}[0-9]*)?|{point}[0-9]+"


def is_no_number(values: pa.StringArray, readable_body: str) -> pa.BooleanArray:
    """Where a text is certainly no number.

    Args:
        readable_body: pattern of the digits and marks that have a reading, see :func:`readable`.
    """
    none = pc.or_(
        pc.match_substring_regex(values, _WITHOUT_DIGIT),
        pc.match_substring_regex(values, rf"{_STRANGE}|{_BETWEEN_DIGITS}"),
    )
    letters = pc.ascii_upper(pc.replace_substring_regex(values, "[^A-Za-z]+", ""))
    none = pc.or_(none, pc.invert(pc.is_in(letters, value_set=_MAY_STAND)))
    body = pc.struct_field(pc.extract_regex(values, _DIGITS_AND_MARKS), "body")
    unread = pc.invert(pc.match_substring_regex(body, rf"^(?:{readable_body})$"))
    none = pc.or_(none, pc.fill_null(unread, False))
    return pc.fill_null(
        pc.and_not(none, pc.match_substring_regex(values, _CAPITALS_IN_ASCII)), False
    )
