"""Addresses of the network: IP and MAC."""

from __future__ import annotations

import ipaddress
import re
import socket

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.text import SCIENTIFIC
from ispmig_pipelines.mapping.convert.values import (
    Converted,
    Refused,
    per_distinct,
    plain_or,
    refused_or,
)

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"^(?:{_OCTET}[.]){{3}}{_OCTET}$"

_HOST = r"^([0-9.]+)/32$"
_IPV4_HOST = rf"^(?:{_OCTET}[.]){{3}}{_OCTET}(?:/32)?$"
# Digits and dots are an address of version 4 or none, and no address has neither dot nor colon.
# Nor does one have other letters, or fewer than eight groups, unless some are left out at ::.
_NO_ADDRESS = (
    r"^[0-9.]*$|^[^.:]*$|[^0-9A-Fa-f:./\s\x0b\x1c-\x1f\x{85}\p{Z}]"
    r"|^(?:[0-9A-Fa-f]{1,4}:){1,6}[0-9A-Fa-f]{1,4}$"
)
_HEXTETS = re.compile("[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}")

ADDRESS_ACCEPTED = "one IPv4 or IPv6 address, without a network's length"


def _read_hextets(text: str) -> str | None:
    """An IPv6 address as RFC 5952 writes it, read by the system's library, which takes a
    twentieth of the time; None for what is not plainly one."""
    if _HEXTETS.fullmatch(text) is None:
        return None
    try:
        found = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
    except OSError:
        return None
    # Some systems write a part of some addresses as one of IPv4.
    return None if "." in found else found


def convert_address(values: pa.StringArray, *, unfold: bool = True) -> Converted:
    """One host's address as text: IPv4 dotted, IPv6 as in RFC 5952; with ``unfold`` an IPv4
    address that is written as one of IPv6 (``::ffff:192.0.2.1``) is the IPv4 address. ``/32``
    and ``/128`` may follow; another length names a network, and octets with leading zeros are
    octal to some programs and decimal to others: both are refused."""

    def one(text: str) -> str:
        if found := _read_hextets(text):
            return found
        bare, slash, length = text.partition("/")
        try:
            address = ipaddress.ip_address(bare.strip())
        except ValueError:
            raise Refused("value.type", ADDRESS_ACCEPTED) from None
        if slash and length.strip() != str(address.max_prefixlen):
            raise Refused("value.type", ADDRESS_ACCEPTED)
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            # fe80::1%eth0 means something on one machine only.
            raise Refused("value.type", ADDRESS_ACCEPTED)
        # ::ffff:192.0.2.1 is a way of writing 192.0.2.1 (RFC 4291, 2.5.5.2).
        mapped = unfold and isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped
        return str(mapped or address)

    def others(cells: pa.StringArray) -> Converted:
        return plain_or(
            pc.replace_substring_regex(cells, _HOST, r"\1"),
            pc.match_substring_regex(cells, _IPV4_HOST),
            lambda hosts: hosts,
            lambda rest: refused_or(
                rest, pc.match_substring_regex(rest, _NO_ADDRESS), "value.type",
                ADDRESS_ACCEPTED, lambda left: per_distinct(left, one, pa.string()),
            ),
        )  # fmt: skip

    plain = pc.match_substring_regex(values, _IPV4)
    return plain_or(values, plain, lambda cells: cells, others)


_MAC = "^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$"
_MAC_SPELLING = (
    "^(?:[0-9A-Fa-f]{12}"
    "|(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"
    "|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}"
    "|(?:[0-9A-Fa-f]{2} ){5}[0-9A-Fa-f]{2}"
    "|(?:[0-9A-Fa-f]{2}[.]){5}[0-9A-Fa-f]{2}"
    "|[0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4}"
    "|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}"
    "|[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}"
    "|[0-9A-Fa-f]{6}[-:.][0-9A-Fa-f]{6})$"
)
_SHORT_GROUPS = re.compile(r"[0-9A-Fa-f]{1,2}(?:([:-])[0-9A-Fa-f]{1,2})(?:\1[0-9A-Fa-f]{1,2}){4}")
_SIX_GROUPS = "^[0-9A-Fa-f]{1,2}(?:[:-][0-9A-Fa-f]{1,2}){5}$"
MAC_ACCEPTED = "a MAC address of six bytes such as 00:1a:2b:3c:4d:5e"


def convert_mac(values: pa.StringArray) -> Converted:
    """A MAC address in any usual spelling (colons, dashes, dots, Cisco's groups of four, bare)
    as ``aa:bb:cc:dd:ee:ff``."""

    def one(text: str) -> str:
        if _SHORT_GROUPS.fullmatch(text):
            return ":".join(part.zfill(2) for part in re.split("[:-]", text.lower()))
        raise Refused("value.type", MAC_ACCEPTED)

    def respelled(cells: pa.StringArray) -> pa.StringArray:
        digits = pc.ascii_lower(cells)
        for mark in ":-. ":
            digits = pc.replace_substring(digits, mark, "")
        pairs = [pc.utf8_slice_codeunits(digits, i, i + 2) for i in range(0, 12, 2)]
        return pc.binary_join_element_wise(*pairs, ":")

    if pc.all(pc.match_substring_regex(values, _MAC)).as_py() is not False:
        return Converted(values)
    return plain_or(
        values,
        pc.match_substring_regex(values, _MAC_SPELLING),
        respelled,
        lambda rest: refused_or(
            rest,
            pc.match_substring_regex(rest, SCIENTIFIC),
            "value.scientific",
            MAC_ACCEPTED,
            lambda left: refused_or(
                left,
                pc.invert(pc.match_substring_regex(left, _SIX_GROUPS)),
                "value.type",
                MAC_ACCEPTED,
                lambda groups: per_distinct(groups, one, pa.string()),
            ),
        ),
    )
