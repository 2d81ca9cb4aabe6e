"""The network safety gate: what would break lines if it were loaded as it is.

Of two records that cannot both be right the first one stays, in this order: what the tenant has
and the migration does not touch, what it has and the migration says again, what is new, by the
order of feeds, file and record.
"""

from __future__ import annotations

from psycopg import sql

from ispmig_pipelines.platform.integrity.asking import (
    OWNERS,
    active_device,
    assignments,
    devices,
    given_out,
    ordered,
    other,
    rejected_access,
)
from ispmig_pipelines.platform.integrity.findings import Check
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World

_NO_MACS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
"""What stands where a device has none, or nobody noted it."""

_FACTORY_ADDRESSES = (
    "192.168.0.1", "192.168.1.1", "192.168.1.20", "192.168.1.254", "192.168.2.1", "192.168.8.1",
    "192.168.10.1", "192.168.88.1", "192.168.100.1", "10.0.0.1", "10.0.0.138",
)  # fmt: skip
"""Addresses that devices come with: many bear the same one, each in its own home."""

_LINE = sql.SQL(
    """(p.kind in ('internet', 'bundle') or (p.kind is null and
        coalesce(p.download_kbps, p.upload_kbps, s.download_kbps, s.upload_kbps) is not null)
        or (p.kind is null and coalesce(p.access_group, s.access_group, s.access_method) is not null
       ))"""
)
"""SQL: the service ``s`` of plan ``p`` is a line into the network. Telephones, television and
equipment are none; of a plan that does not say what it is, what only a line has tells."""

_LINE_READS = {
    "service": ("customer", "plan", "location", "status", "access_username", "access_group",
                "access_method", "access_router", "download_kbps", "upload_kbps"),
    "plan": ("kind", "download_kbps", "upload_kbps", "access_group"),
}  # fmt: skip
_DEVICE_READS = (
    "customer", "service", "location", "status", "returned_date", "mac", "management_address",
    "serial_number",
)  # fmt: skip
_ASSIGNMENT_READS = ("service", "device", "status", "released_date", "prefix_length", "kind", "mac")


def _placeholder(mac: sql.Composable) -> sql.Composed:
    return sql.SQL("{} in ({})").format(mac, sql.SQL(", ").join(map(sql.Literal, _NO_MACS)))


def _with_access(world: World) -> sql.Composed:
    """SQL for the codes of services that something but a username lets in: a query of one column,
    ``code``.

    A device without a service serves those of its customer or at its location.
    """
    # Each way in by a join of its own: a subquery among others of an OR is asked for every row as
    # soon as its answer is more than the working memory holds.
    return sql.SQL(
        """with reached as materialized (
               select d.service, d.customer, d.location from {devices} d
               where d.mac is not null and not {no_mac} or d.management_address is not null
                  or (d.service is not null and d.serial_number <> '')
               union all
               select d.service, d.customer, null from {devices} d
               join {assignments} a on a.device = d.device_code
           )
           select a.service as code from {assignments} a where a.service is not null
           union all
           select r.service from reached r where r.service is not null
           union all
           select s.service_code from {services} s join reached r on r.customer = s.customer
           where r.service is null
           union all
           select s.service_code from {services} s join reached r on r.location = s.location
           where r.service is null and r.customer is null"""
    ).format(
        services=world.rows("service"),
        assignments=world.rows("ip_assignment"),
        devices=world.rows("device"),
        no_mac=_placeholder(sql.Identifier("d", "mac")),
    )


def _no_access(world: World, policy: Policy) -> sql.Composed:
    # What was rejected with a service's address or device says so itself, and is not told twice.
    return sql.SQL(
        """with known as materialized ({known}),
           rejected as materialized ({rejected}),
           lines as (
               select s.service_code, s.customer, s._rank, s._file, s._record from {services} s
               join {plans} p on p.plan_code = s.plan
               where s.status = 'active' and coalesce(s.access_username, '') = '' and {line}
           ), without as (
               select l.* from lines l
               where not exists (select from known k where k.code = l.service_code)
           )
           select w.service_code, 'a username, an address or a device' as accepted,
                  null as other, null as found
           from without w
           where w._rank > 0
             and not exists (select from rejected r where r.value = w.service_code)
             and not exists (select from rejected r where r.value = w.customer)
             and not exists (
                 select from rejected r where (r.file, r.record) = (w._file, w._record))
             and ({usernames} or (select count(*) from without)
                                  <= (select count(*) from lines) / 2.0)"""
    ).format(
        known=_with_access(world),
        services=world.rows("service"),
        plans=world.rows("plan"),
        line=_LINE,
        rejected=rejected_access(world),
        usernames=_usernames_are_known(world),
    )


def _usernames_are_known(world: World) -> sql.Composed:
    """SQL: usernames are told of services here; what has none then lacks it. Where only some
    addresses or devices are told, the others may well be given out by other means: only where
    most have one the rest lacks it."""
    if any("access_username" in f.fields for f in world.feeds_of("service")):
        return sql.SQL("true").format()
    return sql.SQL("exists (select from {} s where s.access_username <> '')").format(
        world.rows("service")
    )


def _access_is_told(world: World, policy: Policy) -> bool:
    """A business without its network can be migrated too: nothing is asked then."""
    told = {"service": ("access_username",), "ip_assignment": ("service",), "device": ("service",)}
    if any(set(told.get(f.entity, ())) & set(f.fields) for f in world.feeds):
        return True
    for entity, (name,) in told.items():
        found = world.driver.execute(
            sql.SQL("select exists (select from {} where {} is not null)").format(
                sql.Identifier(world.tenant.schema, entity), sql.Identifier(name)
            )
        ).fetchone()
        if found and found[0]:
            return True
    return False


def _username(*, same_customer: bool) -> Check:
    def query(world: World, policy: Policy) -> sql.Composed:
        return sql.SQL(
            """with twice as materialized (
                   select access_username from {services} s
                   where access_username <> '' and status = 'active'
                   group by 1 having count(*) > 1
               ), numbered as (
                   select s.service_code, s.access_username, s.customer, s._rank,
                          row_number() over same as number,
                          first_value(s.customer) over same as first_customer,
                          first_value({other}) over same as other
                   from {services} s
                   join twice using (access_username)
                   left join {plans} p on p.plan_code = s.plan
                   where s.status = 'active'
                     and (p.kind is null or p.kind in ('internet', 'bundle', 'other'))
                   window same as (partition by s.access_username order by {order})
               )
               select service_code, 'the service in {{other}}' as accepted, other,
                      access_username as found
               from numbered
               where number > 1 and _rank > 0 and (customer = first_customer) is {same}"""
        ).format(
            services=world.rows("service"),
            plans=world.rows("plan"),
            other=other("s"),
            order=ordered("s"),
            same=sql.SQL("true" if same_customer else "not true"),
        )

    return Check(
        rule="network.username_shared" if same_customer else "network.username_twice",
        entity="service",
        fields=("access_username", "status"),
        reads=_LINE_READS,
        query=query,
        pairs=True,
    )


def _mac(entity: str, key: str) -> Check:
    def query(world: World, policy: Policy) -> sql.Composed:
        # Each device has its own. Beside devices, addresses of one customer may share one.
        return sql.SQL(
            """with holders as materialized (
                   select 'device' as entity, d.device_code as code, d.mac, d._customer,
                          d._rank, d._place, d._file, d._record, d._migration
                   from {devices} d where {active} and d.mac is not null and not {no_mac_d}
                   union all
                   select 'ip assignment', a.address::text, a.mac, a._customer,
                          a._rank, a._place, a._file, a._record, a._migration
                   from {assignments} a where {given} and a.mac is not null and not {no_mac_a}
                     and a._customer is not null
               ), several as (
                   select h.* from holders h
                   join (select mac from holders group by 1 having count(*) > 1) twice using (mac)
               ), numbered as (
                   select h.*, row_number() over same as number,
                          first_value(h.entity) over same as first_entity,
                          first_value(h._customer) over same as first_owner,
                          first_value(h.entity || ' in {{other}}') over same as first_named,
                          first_value({other}) over same as other
                   from several h
                   window same as (partition by h.mac, h.entity = 'device' order by {order})
               ), owned as (
                   select h.*, first_value(h._customer) over same as any_owner,
                          first_value(h.entity || ' in {{other}}') over same as any_named,
                          first_value({other}) over same as any_other
                   from several h where h._customer is not null
                   window same as (partition by h.mac order by {order})
               ), found as (
                   select code, entity, mac, 'the ' || first_named as accepted, other, _rank
                   from numbered where entity = 'device' and number > 1
                   union all
                   select o.code, o.entity, o.mac, 'the ' || o.any_named, o.any_other, o._rank
                   from owned o where o._customer <> o.any_owner
                     and not exists (
                         select from numbered n
                         where n.entity = 'device' and n.number > 1
                           and n.entity = o.entity and n.code = o.code)
               )
               select code::{kind} as {key}, accepted, other, mac::text as found
               from found where entity = {entity} and _rank > 0"""
        ).format(
            devices=devices(world),
            assignments=assignments(world),
            active=active_device("d"),
            given=given_out("a"),
            no_mac_d=_placeholder(sql.Identifier("d", "mac")),
            no_mac_a=_placeholder(sql.Identifier("a", "mac")),
            other=other("h"),
            order=ordered("h"),
            kind=sql.SQL("inet" if entity == "ip_assignment" else "text"),
            key=sql.Identifier(key),
            entity=sql.Literal(entity.replace("_", " ")),
        )

    return Check(
        rule="network.mac_twice",
        entity=entity,
        fields=("mac", "status"),
        reads={
            "service": ("customer",),
            "device": _DEVICE_READS,
            "ip_assignment": _ASSIGNMENT_READS,
        },
        query=query,
        pairs=True,
    )


def _overlaps(world: World, policy: Policy) -> sql.Composed:
    # Of two networks that overlap one lies in the other. What lies in a network of a given length
    # has its first bits: a join by equality for each length that there is, of which there are few.
    # What overlaps with what itself is going to be rejected is asked about again.
    return sql.SQL(
        """with owned as materialized (
               select a.address, a.net, a._customer, a._rank, a._place, a._file, a._record,
                      a._migration
               from {assignments} a where {given} and a._customer is not null
           ), wide as materialized (
               select * from owned where masklen(net) < case family(net) when 4 then 32 else 128 end
           ), lengths as materialized (
               select distinct family(net) as family, masklen(net) as length from wide
           ), inside as (
               select o.*, network(set_masklen(o.net::inet, l.length)) as around
               from owned o join lengths l
                 on l.family = family(o.net) and l.length < masklen(o.net)
           ), pairs as materialized (
               select i.address as one, w.address as two,
                      (i._rank, i._place, i._file, i._record)
                          > (w._rank, w._place, w._file, w._record) as one_later,
                      i._rank as one_rank, w._rank as two_rank,
                      {one} as one_place, {two} as two_place
               from inside i join wide w on w.net = i.around and w._customer <> i._customer
           ), later as materialized (
               select one as address, two as first, two_place as other from pairs
               where one_later and one_rank > 0
               union all
               select two, one, one_place from pairs where not one_later and two_rank > 0
           )
           select distinct on (address) address, 'the ip assignment in {{other}}' as accepted,
                  other, host(address) as found
           from later l
           where not exists (select from later f where f.address = l.first)
           order by address, other"""
    ).format(
        assignments=assignments(world),
        given=given_out("a"),
        one=other("i"),
        two=other("w"),
    )


def _moved(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """select a.address, 'the service in {{other}}' as accepted, {other} as other,
                  host(a.address) as found
           from {assignments} a
           join {before} t on t.address = a.address
           join {services} s on s.service_code = t.service
           where a._rank = 1 and a.service <> t.service and s.status = 'active'
             and a._customer <> s.customer"""
    ).format(
        other=other("s"),
        assignments=assignments(world),
        before=sql.Identifier(world.tenant.schema, "ip_assignment"),
        services=world.rows("service"),
    )


def _outside(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """select a.address, {pools}::text as accepted, null as other, host(a.address) as found
           from {assignments} a
           where a._rank > 0 and {given} and a._customer is not null
             and coalesce(a.kind, '') not in ('management', 'infrastructure')
             and not exists (
                 select from unnest({networks}::cidr[]) as pool where a.net <<= pool)"""
    ).format(
        pools=sql.Literal(", ".join(policy.pools)),
        networks=sql.Literal(list(policy.pools)),
        assignments=assignments(world),
        given=given_out("a"),
    )


def _management(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """with numbered as (
               select d.device_code, d.management_address, d._rank,
                      row_number() over same as number, first_value({other}) over same as other
               from {devices} d
               where {active} and d.management_address is not null
                 and d.management_address not in ({factory})
               window same as (partition by d.management_address order by {order})
           )
           select device_code, 'the device in {{other}}' as accepted, other,
                  host(management_address) as found
           from numbered where number > 1 and _rank > 0"""
    ).format(
        other=other("d"),
        devices=world.rows("device"),
        active=active_device("d"),
        factory=sql.SQL(", ").join(map(sql.Literal, _FACTORY_ADDRESSES)),
        order=ordered("d"),
    )


def _without_speed(entity: str, key: str) -> Check:
    def query(world: World, policy: Policy) -> sql.Composed:
        # Told of the plan, where the migration brings it; else of its services.
        return sql.SQL(
            """with slow as materialized (
                   select p.* from {plans} p
                   where coalesce(p.download_kbps, p.upload_kbps) is null and p.access_group is null
                     and (p.kind in ('internet', 'bundle') or (p.kind is null and exists (
                             select from {plans} q
                             where coalesce(q.download_kbps, q.upload_kbps) is not null)))
               ), lines as (
                   select s.service_code, s.plan, s._rank from {services} s
                   where s.status = 'active' and s.access_group is null
                     and coalesce(s.download_kbps, s.upload_kbps) is null
               )
               select distinct {found}.{key}, 'a speed' as accepted, null as other,
                      null as found
               from slow p join lines s on s.plan = p.plan_code
               where {rank}"""
        ).format(
            plans=world.rows("plan"),
            services=world.rows("service"),
            found=sql.Identifier("p" if entity == "plan" else "s"),
            key=sql.Identifier(key),
            rank=sql.SQL("p._rank > 0" if entity == "plan" else "p._rank = 0 and s._rank > 0"),
        )

    return Check(
        rule="network.plan_without_speed",
        entity=entity,
        fields=("download_kbps", "kind", "name", "plan_code") if entity == "plan" else ("plan",),
        reads=_LINE_READS,
        query=query,
    )


CHECKS = (
    Check(
        rule="network.no_access",
        entity="service",
        fields=("access_username", "status"),
        reads={
            **_LINE_READS,
            "device": _DEVICE_READS,
            "ip_assignment": _ASSIGNMENT_READS,
        },
        query=_no_access,
        applies=_access_is_told,
    ),
    Check(
        rule="network.outside_pools",
        entity="ip_assignment",
        fields=("address",),
        reads={**OWNERS, "device": _DEVICE_READS, "ip_assignment": _ASSIGNMENT_READS},
        query=_outside,
        applies=lambda world, policy: bool(policy.pools),
    ),
    _without_speed("plan", "plan_code"),
    _without_speed("service", "service_code"),
    _username(same_customer=False),
    _username(same_customer=True),
    _mac("device", "device_code"),
    _mac("ip_assignment", "address"),
    Check(
        rule="network.address_overlaps",
        entity="ip_assignment",
        fields=("address",),
        reads={**OWNERS, "device": _DEVICE_READS, "ip_assignment": _ASSIGNMENT_READS},
        query=_overlaps,
        pairs=True,
        again=True,
    ),
    Check(
        rule="network.address_moved",
        entity="ip_assignment",
        fields=("service",),
        shown=("address",),
        reads={
            **OWNERS,
            "device": _DEVICE_READS,
            "ip_assignment": _ASSIGNMENT_READS,
            "service": ("customer", "status"),
        },
        query=_moved,
        applies=lambda world, policy: not world.tenant_has_none("ip_assignment"),
    ),
    Check(
        rule="network.management_address_twice",
        entity="device",
        fields=("management_address", "status"),
        reads={"device": _DEVICE_READS},
        query=_management,
        pairs=True,
    ),
)
