"""Networks of addresses: CIDR notation, and an address with its mask."""

from __future__ import annotations

import ipaddress
import re

import pyarrow as pa

from ispmig_pipelines.mapping.convert.values import Converted, Refused, per_distinct

ACCEPTED = "a network with its length or mask, such as 10.0.0.0/24 or 10.0.0.0 255.255.255.0"

_MASK = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_BETWEEN = re.compile(r"\s*/\s*|\s+(?:(?:net)?mask\s+)?", re.IGNORECASE)


def _network(text: str) -> str:
    first, *rest = _BETWEEN.split(text)
    if len(rest) != 1 or not first or not (rest[0].isdecimal() or _MASK.fullmatch(rest[0])):
        raise Refused("value.type", ACCEPTED)
    if not rest[0].isascii() or (rest[0].isdecimal() and "/" not in text):
        # 10.0.0.0 24 may be anything.
        raise Refused("value.type", ACCEPTED)
    try:
        network = ipaddress.ip_network(f"{first}/{rest[0]}", strict=False)
        address = ipaddress.ip_address(first)
    except ValueError:
        raise Refused("value.type", ACCEPTED) from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        # fe80::%eth0/64 means something on one machine only.
        raise Refused("value.type", ACCEPTED)
    if network.network_address != address:
        # Which network is meant is clear to a person; but it may as well be the address that is
        # right and in the wrong column. The address itself is not repeated: it may be personal.
        bits = network.max_prefixlen - network.prefixlen
        raise Refused(
            "value.type",
            f"the network itself, whose last {bits} bits before /{network.prefixlen} are zero, as "
            f"in {_example(network)}; map an address with its network's length to address and "
            "prefix_length",
        )
    return str(network)


def _example(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    first = "10.0.0.0" if network.version == 4 else "2001:db8::"
    return str(type(network)(f"{first}/{network.prefixlen}", strict=False))


def convert_network(values: pa.StringArray) -> Converted:
    """One network as text: ``10.0.0.0/24``, ``2001:db8::/32`` (RFC 5952). The mask may be a
    length, a netmask or a wildcard mask. An address that is not its network's first is refused,
    and so is one without a length, and octets with leading zeros."""
    return per_distinct(values, _network, pa.string())
