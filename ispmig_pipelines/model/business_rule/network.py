"""Rules of the addresses of a network."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model.business_rule.rule import Columns, Declared, true_where

_NO_DEVICE = r"^(?:00[:-]?){6}$|^[0-9A-Fa-f][13579BDFbdf]"
_NOBODY_S = (
    r"^(?:0|127|22[4-9]|23[0-9])\.[0-9.]+$|^255\.255\.255\.255$|^::1?$|^[fF]{2}[0-9a-fA-F]{2}:"
)


@dataclass(frozen=True)
class RealMac(Declared):
    """A MAC address is one that a device can have: neither all zeros, nor broadcast or multicast
    (IEEE 802: the lowest bit of the first byte)."""

    field: str

    @property
    def name(self) -> str:
        return f"{self.field}_is_one_device_s"

    @property
    def doc(self) -> str:
        return f"{self.field} is one device's, neither all zeros nor a group's"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(pc.match_substring_regex(columns[self.field], _NO_DEVICE))


_NO_UUID = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
    "00020003-0004-0005-0006-000700080009",
)
"""The nil and the max UUID (RFC 9562), and what boards bear whose maker wrote none."""


@dataclass(frozen=True)
class RealUuid(Declared):
    """A UUID is one that a device can have, not one that stands for none."""

    field: str

    @property
    def name(self) -> str:
        return f"{self.field}_is_one_device_s"

    @property
    def doc(self) -> str:
        return f"{self.field} is one device's, not the nil or the max UUID or a maker's filler"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(pc.is_in(columns[self.field], value_set=pa.array(_NO_UUID)))


_LABEL = r"[\p{L}\p{M}\p{N}_](?:[\p{L}\p{M}\p{N}_-]{0,61}[\p{L}\p{M}\p{N}_])?"
_DNS_NAME = rf"^(?:\*|{_LABEL})(?:\.{_LABEL})*\.?$"


@dataclass(frozen=True)
class DnsName(Declared):
    """A name is one that can stand in DNS (RFC 1035, RFC 1123), in any script, and with the
    underscores that many take for granted."""

    field: str

    @property
    def name(self) -> str:
        return f"{self.field}_can_stand_in_dns"

    @property
    def doc(self) -> str:
        return (
            f"{self.field} is made of letters, digits, underscores and inner hyphens between its "
            "dots, at most 63 at a time"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(pc.invert(pc.match_substring_regex(columns[self.field], _DNS_NAME)))


@dataclass(frozen=True)
class GivenOut(Declared):
    """An address is one that can be given to somebody: not the unspecified one, no loopback, no
    multicast, no broadcast (RFC 6890, RFC 4291)."""

    field: str

    @property
    def name(self) -> str:
        return f"{self.field}_can_be_given_out"

    @property
    def doc(self) -> str:
        return (
            f"{self.field} can be given out: it is not in 0.0.0.0/8, 127.0.0.0/8 or 224.0.0.0/4, "
            "not the broadcast, not :: or ::1 and not in ff00::/8"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        return true_where(
            pc.match_substring_regex(
                columns[self.field],
                _NOBODY_S,
            )
        )


_network = lru_cache(maxsize=4096)(ipaddress.ip_network)
"""Networks repeat, addresses do not."""


_BETWEEN = "\x1f"


def _of_each(holds: Callable[..., bool], *columns: pa.Array) -> np.ndarray:
    """Mask of the rows in which all columns hold something and ``holds`` is true of the texts.

    What is no address, or no network, is nobody's to judge here.
    """
    texts = [column.cast(pa.string()) for column in columns]
    together = pc.binary_join_element_wise(*texts, _BETWEEN).dictionary_encode()

    def one(text: str) -> bool:
        try:
            return holds(*text.split(_BETWEEN, len(columns) - 1))
        except ValueError:
            return False

    said = pa.array([one(text) for text in together.dictionary.to_pylist()], pa.bool_())
    return true_where(said.take(together.indices))


@dataclass(frozen=True)
class InNetwork(Declared):
    """An address lies in the network beside it."""

    address: str
    network: str

    @property
    def name(self) -> str:
        return f"{self.address}_in_{self.network}"

    @property
    def doc(self) -> str:
        return f"{self.address} lies in {self.network}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.address, self.network)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        def outside(address: str, network: str) -> bool:
            return ipaddress.ip_address(address) not in _network(network)

        return _of_each(outside, columns[self.address], columns[self.network])


@dataclass(frozen=True)
class NoHost(Declared):
    """A single IPv4 address is neither the first nor the last one of its network, which name the
    network itself and all of its hosts (RFC 1122); of 31 bits there are none such (RFC 3021).

    The first address with a length below 32 stands for the network, and is no host's."""

    address: str
    prefix: str
    network: str

    @property
    def name(self) -> str:
        return f"{self.address}_is_a_host_s"

    @property
    def doc(self) -> str:
        return (
            f"{self.address} is not the broadcast of its {self.prefix} or {self.network}, nor, "
            f"where it stands for itself alone, the first address of {self.network}"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.address, self.prefix, self.network)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        prefix = pc.fill_null(columns[self.prefix].cast(pa.string()), "")
        network = pc.fill_null(columns[self.network], "")
        return _of_each(_is_no_host, columns[self.address], prefix, network)


def _is_no_host(address: str, prefix: str, network: str) -> bool:
    parsed = ipaddress.ip_address(address)
    alone = prefix in ("", "32")
    if parsed.version == 6 or not (network or not alone):
        return False
    whole = ipaddress.ip_network(network or f"{address}/{prefix}", strict=False)
    if whole.prefixlen > 30 or parsed not in whole:
        return False
    return parsed == whole.broadcast_address or (alone and parsed == whole.network_address)


@dataclass(frozen=True)
class GatewayOfOther(Declared):
    """A gateway is another address than the one it serves, of the same family."""

    address: str
    gateway: str

    @property
    def name(self) -> str:
        return f"{self.gateway}_serves_{self.address}"

    @property
    def doc(self) -> str:
        return f"{self.gateway} is of the family of {self.address}, and another address"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.address, self.gateway)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        def cannot(address: str, gateway: str) -> bool:
            return address == gateway or (":" in address) != (":" in gateway)

        return _of_each(cannot, columns[self.address], columns[self.gateway])
