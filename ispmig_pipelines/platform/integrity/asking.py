"""SQL that several checks have in common."""

from __future__ import annotations

from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.integrity.world import ORDER, World
from ispmig_pipelines.platform.journal import QUARANTINE
from ispmig_pipelines.platform.publish import place

_SERVICE_FIELDS = ("customer",)
OWNERS = {
    "service": _SERVICE_FIELDS,
    "device": ("customer", "service"),
    "ip_assignment": ("service", "device"),
}
"""What :func:`owned` and :func:`assigned` read."""


def other(alias: str) -> sql.Composed:
    """SQL for where the record of a row of the world stands."""
    return place(alias, migration="_migration")


def ordered(alias: str) -> sql.Composed:
    """The order in which rows of the world come first."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in ORDER)


def active_device(alias: str) -> sql.Composed:
    """SQL: the device is in use."""
    return sql.SQL(
        "(coalesce({status}, 'active') = 'active' "
        "and coalesce({returned}, 'infinity') >= current_date)"
    ).format(
        status=sql.Identifier(alias, "status"), returned=sql.Identifier(alias, "returned_date")
    )


def given_out(alias: str) -> sql.Composed:
    """SQL: the address is in use."""
    return sql.SQL(
        "(coalesce({status}, 'active') = 'active' "
        "and coalesce({released}, 'infinity') >= current_date)"
    ).format(
        status=sql.Identifier(alias, "status"), released=sql.Identifier(alias, "released_date")
    )


def devices(world: World) -> sql.Composed:
    """SQL for the devices of the world, each with its ``_customer``, if any."""
    return sql.SQL(
        """(select d.*, coalesce(d.customer, s.customer) as _customer
            from {device} d left join {service} s on s.service_code = d.service)"""
    ).format(device=world.rows("device"), service=world.rows("service"))


def assignments(world: World) -> sql.Composed:
    """SQL for the assignments of the world, each with its ``_customer``, if any; and
    ``net``, the network that it stands for.

    A prefix length of an address within its network, not at its beginning, is that of the
    network's mask: the assignment is of the one address then.
    """
    return sql.SQL(
        """(select a.*, coalesce(s.customer, d._customer) as _customer,
                   case when a.prefix_length is not null
                             and network(set_masklen(a.address, a.prefix_length::integer))
                                 = set_masklen(a.address, a.prefix_length::integer)
                        then network(set_masklen(a.address, a.prefix_length::integer))
                        else network(a.address) end as net
            from {assignment} a
            left join {service} s on s.service_code = a.service
            left join {devices} d on d.device_code = a.device)"""
    ).format(
        assignment=world.rows("ip_assignment"),
        service=world.rows("service"),
        devices=devices(world),
    )


def in_quarantine(world: World, entity: str, field: str) -> sql.Composed:
    """SQL for the values of a reference, or of the first field of the key, in records of the
    entity that this migration rejects: a query of one column, ``value``.

    What such a record would have added is missing for that reason alone. Of records that were
    rejected before they were staged, the cell of the field's column is taken, if it is one.
    """
    feeds = world.feeds_of(entity)
    of_key = ENTITIES[entity].key[0] == field
    parts: list[sql.Composable] = []
    for feed in feeds:
        value = (
            sql.SQL("r.key ->> 0")
            if of_key
            else sql.SQL("r.refs ->> {}").format(sql.Literal(field))
        )
        parts.append(sql.SQL("select {} as value from {} r").format(value, feed.rejects))
        said = (
            sql.SQL("coalesce(q.key ->> 0, btrim(q.cells ->> {column}))")
            if of_key
            else sql.SQL("btrim(q.cells ->> {column})")
        ).format(column=sql.Literal(feed.columns.get(field, "")))
        parts.append(
            sql.SQL(
                """select {said} as value from {quarantine} q
                   where q.migration = {migration} and q.entity = {entity} and q.feed = {feed}"""
            ).format(
                said=said,
                quarantine=sql.Identifier(feed.tenant.schema, QUARANTINE),
                migration=sql.Literal(feed.migration),
                entity=sql.Literal(entity),
                feed=sql.Literal(feed.index),
            )
        )
    if not parts:
        return sql.SQL("select null::text as value where false").format()
    return sql.SQL("select value from ({}) gone where value is not null").format(
        sql.SQL(" union all ").join(parts)
    )
