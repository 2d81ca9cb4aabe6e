"""The IP assignment: which address belongs to which line or device."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import InOrder, PrefixFits

_PERSONAL = f.Privacy.PERSONAL  # online identifiers: GDPR, recital 30


class IpAssignment(Entity):
    """An address of the network and what it is given to; one with a prefix stands for the
    network that begins there."""

    address: f.Text = f.address(
        "The address, or the first one of the network.",
        key=True,
        aliases=f.names(
            "ip, ip address, ip addr, ipv4, ipv4 address, ipv6, ipv6 address, framed ip address, "
            "static ip, pppoe ip, staticipcpe"
        ),
        privacy=_PERSONAL,
    )
    prefix_length: f.Integer = f.integer(
        "Bits of the network: 32 or 128 for a single address.",
        maximum=128,
        aliases=f.names("prefix, netmask bits, mask length, cidr, subnet size"),
    )
    network: f.Text = f.network(
        "The network that the address is part of.",
        aliases=f.names(
            "subnet, ip network, ip subnet, ipv4 network, ipv6 network, network address, "
            "network cidr, subnet cidr, cidr block, ip range, ip block"
        ),
        privacy=_PERSONAL,
    )
    service: f.Text = f.text(
        "The service that uses it.",
        references="service",
        max_length=64,
        aliases=f.names("service code, service id, subscription id, line id"),
        privacy=_PERSONAL,
    )
    device: f.Text = f.text(
        "The device that bears it.",
        references="device",
        max_length=64,
        aliases=f.names("device code, device id, equipment id, cpe id, interface id"),
        privacy=_PERSONAL,
    )
    kind: f.Text = f.choice(
        "How the address is given out.",
        "static",
        "dynamic",
        "pool",
        "delegated",
        "management",
        "infrastructure",
        aliases=f.names("ip type, assignment type, address type, type, ipv4 method, taking ipv4"),
    )
    status: f.Text = f.choice(
        "Whether the address is in use.",
        "active",
        "reserved",
        "free",
        aliases=f.names("ip status, address status, state, is used"),
    )
    pool: f.Text = f.text(
        "The pool or network that it is taken from.",
        max_length=100,
        aliases=f.names("pool name, ip pool, ipv4 pool id, pool id, network id, network name"),
    )
    gateway: f.Text = f.address(
        "The gateway of its network.",
        aliases=f.names("gateway ip, default gateway, local ip"),
    )
    vlan: f.Integer = f.integer(
        "VLAN in which it is used (IEEE 802.1Q): 1 to 4094.",
        minimum=1,
        maximum=4094,
        aliases=f.names("vlan id, vid"),
        privacy=_PERSONAL,
    )
    mac: f.Text = f.mac(
        "MAC address bound to it.",
        aliases=f.names("mac address, mac addr, hwaddr, calling station id"),
        privacy=_PERSONAL,
    )
    hostname: f.Text = f.text(
        "Name of the address in DNS.",
        max_length=253,
        aliases=f.names("dns name, ptr, reverse dns, rdns"),
        privacy=_PERSONAL,
    )
    assigned_date: f.Date = f.date(
        "First day on which it is given out.",
        aliases=f.names("assigned, assigned on, from, start date"),
    )
    released_date: f.Date = f.date(
        "Last day on which it is given out.",
        aliases=f.names("released, released on, to, end date"),
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, description, title"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            InOrder("assigned_date", "released_date"),
            PrefixFits("address", "prefix_length"),
        ) | business_rules(
            b.GivenOut(
                "address",
                severity=Severity.ERROR,
                why="No line can use such an address; it mostly stands for none.",
            ),
            b.InNetwork(
                "address",
                "network",
                severity=Severity.ERROR,
                why="One of the two is wrong, and the line would not work.",
            ),
            b.NoHost(
                "address",
                "prefix_length",
                "network",
                why="Only lines without neighbours (PPPoE) can use such an address.",
            ),
            b.GatewayOfOther("address", "gateway", why="Nothing can be reached through it."),
            b.GivenOut("gateway", why="No router has such an address."),
            b.Happened("assigned_date", why="Hardly any address is assigned so far ahead."),
            b.NotEarlierThan("assigned_date", 1980, why='Such a day mostly stands for "unknown".'),
            b.Asks(
                "active_needs_holder",
                "status",
                ("active",),
                ("service", "device"),
                why="It is not known who uses the address.",
            ),
            b.NotOver(
                "status",
                ("active",),
                "released_date",
                why="It was released, and is in use still.",
            ),
            b.DnsName("hostname", why="No name server takes such a name."),
            b.RealMac("mac", why="Devices with such an address cannot be told apart."),
        )
