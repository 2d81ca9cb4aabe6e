"""What hangs together belongs to one customer: services, their locations, devices, addresses."""

from __future__ import annotations

from psycopg import sql

from ispmig_pipelines.platform.integrity.asking import OWNERS, devices, other
from ispmig_pipelines.platform.integrity.findings import Check
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World


def _at_location_of_other(entity: str, key: str) -> Check:
    def query(world: World, policy: Policy) -> sql.Composed:
        # A site of the network serves many.
        return sql.SQL(
            """select r.{key}, 'the location in {{other}}' as accepted, {other} as other,
                      r.location as found
               from {rows} r join {locations} l on l.location_code = r.location
               where r._rank > 0 and r.customer <> l.customer
                 and l.kind is distinct from 'network_site'"""
        ).format(
            key=sql.Identifier(key),
            other=other("l"),
            rows=world.rows(entity),
            locations=world.rows("location"),
        )

    return Check(
        rule=f"{entity}.location_of_other",
        entity=entity,
        fields=("location", "customer"),
        reads={entity: ("location", "customer"), "location": ("customer", "kind")},
        query=query,
    )


def _service_of_other(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """select d.device_code, 'the service in {{other}}' as accepted, {other} as other,
                  d.service as found
           from {devices} d join {services} s on s.service_code = d.service
           where d._rank > 0 and d.customer <> s.customer"""
    ).format(other=other("s"), devices=world.rows("device"), services=world.rows("service"))


def _device_of_other(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """select a.address, 'the device in {{other}}' as accepted, {other} as other,
                  a.device as found
           from {assignments} a
           join {services} s on s.service_code = a.service
           join {devices} d on d.device_code = a.device
           where a._rank > 0 and d._customer <> s.customer"""
    ).format(
        other=other("d"),
        assignments=world.rows("ip_assignment"),
        services=world.rows("service"),
        devices=devices(world),
    )


CHECKS = (
    _at_location_of_other("service", "service_code"),
    _at_location_of_other("device", "device_code"),
    Check(
        rule="device.service_of_other",
        entity="device",
        fields=("service", "customer"),
        reads={"device": ("service", "customer"), "service": ("customer",)},
        query=_service_of_other,
    ),
    Check(
        rule="ip_assignment.device_of_other",
        entity="ip_assignment",
        fields=("device", "service"),
        reads=OWNERS,
        query=_device_of_other,
    ),
)
