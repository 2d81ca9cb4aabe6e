"""A tenant's address pools: the networks that its lines may get addresses from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from itertools import pairwise

from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import tenant_settings

_KEY = "pools"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse(texts: Iterable[str]) -> tuple[str, ...]:
    """The pools as canonical text, IPv4 first, in order.

    Raises:
        UsageError: one is no network, or two overlap.
    """
    pools: list[Network] = []
    for text in texts:
        try:
            pools.append(ipaddress.ip_network(text.strip()))
        except ValueError:
            raise UsageError(
                f"{text[:60]!r} is no address pool. Give a network with its prefix length, and "
                "no bits set behind it: 100.64.0.0/10 or 2001:db8::/32."
            ) from None
    # Networks do not cross: of two that overlap one holds the other, and comes before it.
    pools.sort(key=lambda n: (n.version, int(n.network_address), n.prefixlen))
    for first, second in pairwise(pools):
        if first.version == second.version and first.overlaps(second):
            raise UsageError(
                f"The pools {first} and {second} overlap; each address can be in one pool. "
                "Nothing was changed. Give the larger one, or parts that do not overlap."
            )
    return tuple(map(str, pools))


def of(connection: Connection, slug: str) -> tuple[str, ...]:
    """The pools that a tenant declares; none: its addresses are not held against any."""
    return tuple(tenant_settings.of(connection, slug).get(_KEY, ()))


def declare(connection: Connection, slug: str, texts: Iterable[str]) -> tuple[str, ...]:
    """Declares a tenant's pools, instead of those before; returns them.

    Raises:
        UsageError: see :func:`parse`; nothing was changed.
    """
    pools = parse(texts)
    tenant_settings.declare(connection, slug, _KEY, list(pools) or None)
    return pools
