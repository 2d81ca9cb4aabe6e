"""Email addresses, judged by the email-validator library; no DNS is asked."""

from __future__ import annotations

from functools import lru_cache

import email_validator
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.values import (
    Converted,
    Refused,
    per_distinct,
    plain_or,
    refused_or,
)

ACCEPTED = "an email address"
MAX_LENGTH = 254

# What the library accepts without doubt: no part of an address this short can be too long,
# and no label has the two dashes of an internationalised name.
_PLAIN_LENGTH = 64
_PLAIN = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,}$"
)
# Without quotes no address has white space, or lacks its @ or the dot behind it.
_NONE = r"^[\x00-\x21\x23-\x7f]*$"
_HOPEFUL = r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"
# Without quotes, brackets and comments, ASCII has one shape only.
_SIMPLE = r"^[\x00-\x21\x23-\x27\x2a-\x3b\x3d\x3f-\x5a\x5e-\x7f]*$"
_SHAPED = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$"
)
_UPPER_DOMAIN = "@.*[A-Z]"
_RESERVED = tuple(f".{name}" for name in email_validator.SPECIAL_USE_DOMAIN_NAMES)


def convert_email(values: pa.StringArray) -> Converted:
    """One address: the domain in lower case (and in Unicode, where it is internationalised), the
    part before the @ as it is, because its case may matter (RFC 5321, section 2.4)."""
    plain = pc.and_(
        pc.match_substring_regex(values, _PLAIN),
        pc.less_equal(pc.binary_length(values), _PLAIN_LENGTH),
    )
    return plain_or(values, plain, _lower_domain, _others)


def _others(values: pa.StringArray) -> Converted:
    """Addresses for the library to judge; what can be none of all is not put to it."""
    hopeless = pc.or_(
        pc.and_not(
            pc.match_substring_regex(values, _NONE), pc.match_substring_regex(values, _HOPEFUL)
        ),
        pc.and_not(
            pc.match_substring_regex(values, _SIMPLE), pc.match_substring_regex(values, _SHAPED)
        ),
    )
    return refused_or(
        values,
        hopeless,
        "value.type",
        ACCEPTED,
        lambda rest: per_distinct(rest, _email, pa.string()),
    )


def _lower_domain(values: pa.StringArray) -> pa.StringArray:
    upper = pc.fill_null(pc.match_substring_regex(values, _UPPER_DOMAIN), False)
    if not pc.any(upper, min_count=0).as_py():
        return values
    local, domain = (
        pc.struct_field(pc.extract_regex(values.filter(upper), "^(?P<l>[^@]*@)(?P<d>.*)$"), part)
        for part in ("l", "d")
    )
    lowered = pc.binary_join_element_wise(local, pc.ascii_lower(domain), "")
    return pc.replace_with_mask(values, upper, lowered)


@lru_cache(maxsize=50_000)
def _validated(text: str) -> str | None:
    try:
        return email_validator.validate_email(text, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        return None


def _email(text: str) -> str:
    # .test, .local and .invalid are no place to send to, but they are addresses: the library
    # is asked about the same address below a name that is not reserved.
    suffix = ".org" if f".{text.rpartition('@')[2].lower()}".endswith(_RESERVED) else ""
    normal = _validated(text + suffix)
    if normal is None or len(normal) - len(suffix) > MAX_LENGTH or _has_one_label(text):
        raise Refused("value.type", ACCEPTED)
    return normal.removesuffix(suffix)


def _has_one_label(text: str) -> bool:
    return "." not in text.rpartition("@")[2]
