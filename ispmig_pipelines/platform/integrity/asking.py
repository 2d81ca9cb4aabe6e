"""SQL that several checks have in common."""

from __future__ import annotations

from psycopg import sql

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


def twice(hashes: sql.Composed) -> sql.Composed:
    """SQL for what stands there twice of a query of ``hash``, a number: what is of one kind has one
    hash, and hardly anything else has the same.

    Hashes, because numbers are sorted in a third of the time of texts; and sorted, because to
    gather a million groups that are nearly all of one row takes three times as long.
    """
    return sql.SQL(
        """select hash from (select hash from ({}) hashes order by hash offset 0) sorted
           group by hash having count(*) > 1"""
    ).format(hashes)


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


def lines_in_quarantine(world: World) -> sql.Composed:
    """SQL for the numbers of invoices of which this migration rejects a line: a query of one
    column. What such a line would have added is missing for that reason alone."""
    parts: list[sql.Composable] = [sql.SQL("select null::text as value where false")]
    parts += [
        sql.SQL(
            """select r.key ->> 0 from {rejects} r
               union all
               select coalesce(q.key ->> 0, btrim(q.cells ->> {column})) from {quarantine} q
               where q.migration = {migration} and q.entity = 'invoice_line'
                 and q.feed = {feed}"""
        ).format(
            rejects=feed.rejects,
            column=sql.Literal(feed.columns.get("invoice_number", "")),
            quarantine=sql.Identifier(feed.tenant.schema, QUARANTINE),
            migration=sql.Literal(feed.migration),
            feed=sql.Literal(feed.index),
        )
        for feed in world.feeds_of("invoice_line")
    ]
    return sql.SQL("select value from ({}) gone where value is not null").format(
        sql.SQL(" union all ").join(parts)
    )


def rejected_access(world: World) -> sql.Composed:
    """SQL for what this migration's rejected addresses and devices name: a query of ``value``,
    the codes of services and customers, and ``file`` and ``record``, where they stand.

    Codes may be made of several columns: each of their cells is a value.
    """
    parts: list[sql.Composable] = [
        sql.SQL("select null::text as value, null::integer as file, null::bigint as record")
    ]
    for feed in (f for e in ("ip_assignment", "device") for f in world.feeds_of(e)):
        named = (feed.columns.get(f, "") for f in ("service", "customer"))
        columns = list(dict.fromkeys(c for names in named for c in names.split(", ") if c))
        parts.append(
            sql.SQL(
                """select v.value, r._file, r._record from {rejects} r
                   left join lateral jsonb_each_text(r.refs) v on true
                   union all
                   select btrim(q.cells ->> c.name), q.file, q.record
                   from {quarantine} q left join unnest({columns}::text[]) as c(name) on true
                   where q.migration = {migration} and q.entity = {entity} and q.feed = {feed}"""
            ).format(
                rejects=feed.rejects,
                columns=sql.Literal(columns),
                quarantine=sql.Identifier(feed.tenant.schema, QUARANTINE),
                migration=sql.Literal(feed.migration),
                entity=sql.Literal(feed.entity),
                feed=sql.Literal(feed.index),
            )
        )
    return sql.SQL(" union all ").join(parts)
