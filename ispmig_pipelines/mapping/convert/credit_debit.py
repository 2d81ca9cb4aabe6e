"""Amounts that say by two letters on which side of an account they stand: ``12.50 CR``, ``8 Dr.``

Seen from the ISP a customer's account is an asset: a debit is what the customer owes, a credit what
the customer has paid too much. The letters say so themselves, whatever a bare amount of the column
means. Of an amount that is no balance they say nothing that can be told: a credit may be a payment
or a refund.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.values import Converted, Converter, Refusal

_SIDE = r"^(?P<amount>.*(?:[^A-Za-z (]|[A-Za-z] )) ?\(?(?P<side>[CcDd])[Rr]\.?\)?$"
_SIGNED = r"^[^0-9]*[-(\x{2212}\x{2013}]|[-\x{2212}\x{2013})][^0-9]*$"
_NO_TEXT = pa.scalar(None, pa.string())

ASKED = (
    "a credit or a debit, which does not say the sign of this amount; take the letters away with a "
    "step, and put a minus where it is meant, e.g. transform: [{replace: {pattern: "
    "'^(.*?) ?CR$', with: '-\\1'}}, {replace: {pattern: ' ?DR$', with: ''}}]"
)
TWICE = "an amount with a minus and with CR or DR, of which one is too many"


def with_sides(convert: Converter, credit: int) -> Converter:
    """``convert``, for amounts that may have ``CR`` or ``DR`` behind them too.

    Args:
        convert: of amounts without, as the column writes them.
        credit: sign of a credit in what it makes; 0: not to be told.
    """

    def convert_all(values: pa.StringArray) -> Converted:
        parts = pc.extract_regex(values, _SIDE)
        if parts.null_count == len(parts):
            return convert(values)
        amounts, sides = (pc.struct_field(parts, name) for name in ("amount", "side"))
        stands = pc.and_(parts.is_valid(), pc.match_substring_regex(amounts, "[0-9]"))
        stands = pc.fill_null(stands, False)
        bare = pc.if_else(stands, pc.utf8_rtrim_whitespace(amounts), values)
        found = convert(bare)
        there: np.ndarray = pc.and_(stands, found.values.is_valid()).to_numpy(zero_copy_only=False)
        signed = pc.fill_null(pc.match_substring_regex(amounts, _SIGNED), False)
        twice = there & signed.to_numpy(zero_copy_only=False)
        untold = there & ~twice if not credit else np.zeros(len(there), dtype=bool)
        refusals = [
            Refusal("value.ambiguous", where, accepted)
            for where, accepted in ((twice, TWICE), (untold, ASKED))
            if where.any()
        ]
        is_credit = pc.fill_null(pc.equal(pc.ascii_lower(sides), "c"), False)
        negative = is_credit if credit < 0 else pc.invert(is_credit)
        negated = pc.negate(found.values).cast(found.values.type)
        made = pc.if_else(pc.and_(pa.array(there), negative), negated, found.values)
        made = pc.if_else(pa.array(twice | untold), pa.scalar(None, made.type), made)
        return replace(found, values=made, refusals=(*found.refusals, *refusals))

    return convert_all
