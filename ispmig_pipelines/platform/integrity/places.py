"""Locations that lie elsewhere than the others: coordinates that change places, lost a sign, or are
of somewhere else.

There is no map here. A location is held against the middle (the medians) of the tenant's locations
of the same country, and against how far three quarters of them lie from it: what that says is not
changed by the few that are wrong.
"""

from __future__ import annotations

from functools import partial

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.integrity.findings import Check, findings_table
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World
from ispmig_pipelines.platform.tenants import Tenant

_READS = {"location": ("latitude", "longitude", "country")}

_FAR = sql.Identifier("pg_temp", "far_locations")

# Kilometres. Of five locations one may be wrong, and the fourth of them is still a right one; to
# say that one is alone asks for more of them.
_FAR_ROWS = """with placed as materialized (
        select l.location_code, l.latitude::float8 as lat, l.longitude::float8 as lon,
               coalesce(l.country, '') as country, l._rank
        from {locations} l
        where l.latitude is not null and l.longitude is not null
          and not (l.latitude = 0 and l.longitude = 0)
    ), middles as materialized (
        select country, count(*) as places,
               percentile_disc(0.5) within group (order by lat) as mid_lat,
               percentile_disc(0.5) within group (order by lon) as mid_lon
        from placed group by 1 having count(*) >= 5
    ), apart as materialized (
        select p.*, m.places, m.mid_lat, m.mid_lon, {apart} as km
        from placed p join middles m using (country)
    ), reaches as materialized (
        select country, percentile_disc(0.75) within group (order by km) as reach
        from apart group by 1
    ), far as materialized (
        select a.*, r.reach from apart a join reaches r using (country)
        where a.km > greatest(500, 5 * r.reach)
    ), meant as materialized (
        select distinct on (f.location_code) f.location_code, p.words
        from far f cross join lateral (values
                 ('latitude and longitude the other way round', f.lon, f.lat),
                 ('the longitude with the other sign', f.lat, -f.lon),
                 ('the latitude with the other sign', -f.lat, f.lon),
                 ('both with the other sign', -f.lat, -f.lon)
             ) as p (words, lat, lon)
        where p.lat between -90 and 90 and {meant} <= greatest(50, 2 * f.reach)
        order by f.location_code, {meant}
    )
    select location_code, f.lat, f.lon, f.country, f.places, f.km, f._rank, m.words
    from far f left join meant m using (location_code)"""


def create_table(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Makes the temporary table for what lies far from the others, which is worked out once for
    both checks; the tenant's role fills it."""
    code = ddl.column_type(ENTITIES["location"].fields["location_code"])
    driver.execute(sql.SQL("drop table if exists {}").format(_FAR))
    driver.execute(
        sql.SQL(
            """create temporary table far_locations (
                   location_code {}, lat float8, lon float8, country text, places bigint,
                   km float8, _rank smallint, words text)"""
        ).format(code)
    )
    driver.execute(
        sql.SQL("grant select, insert, truncate on {} to {}").format(
            _FAR, sql.Identifier(tenant.role)
        )
    )


def _kilometres(alias: str, other: str) -> sql.Composed:
    """SQL for how far ``lat``, ``lon`` of one row lie from the middle that another one has (the
    haversine formula)."""
    return sql.SQL(
        """(12742 * asin(sqrt(least(1,
               power(sin(radians({a}.lat - {b}.mid_lat) / 2), 2)
               + cos(radians({a}.lat)) * cos(radians({b}.mid_lat))
                 * power(sin(radians({a}.lon - {b}.mid_lon) / 2), 2)))))"""
    ).format(a=sql.Identifier(alias), b=sql.Identifier(other))


def _judge(found: sql.SQL, driver: psycopg.Connection, world: World, policy: Policy) -> int:
    del policy
    if world.to_derive("far_locations", "location"):
        driver.execute(sql.SQL("truncate {}").format(_FAR))
        driver.execute(
            sql.SQL("insert into {} {}").format(
                _FAR,
                sql.SQL(_FAR_ROWS).format(
                    locations=world.rows("location"),
                    apart=_kilometres("p", "m"),
                    meant=_kilometres("p", "f"),
                ),
            )
        )
    return driver.execute(
        sql.SQL("insert into {} (location_code, accepted, found) {}").format(
            findings_table("location"), found.format(far=_FAR)
        )
    ).rowcount


_MISPLACED = sql.SQL(
    """select f.location_code, f.words, concat_ws(', ', f.lat, f.lon)
       from {far} f where f._rank > 0 and f.words is not null"""
)
# Where several lie together there is another part of the network, or an overseas department.
_ALONE = sql.SQL(
    """select f.location_code, round(f.km) || ' km from the middle of the others',
              concat_ws(', ', f.lat, f.lon)
       from (
           select f.*, count(*) over (partition by country, round(lat), round(lon)) as together
           from {far} f
       ) f
       where f._rank > 0 and f.places >= 10 and f.km > 1000
         and f.together <= 2 and f.together < f.places / 5
         and f.words is null"""
)


def _check(rule: str, found: sql.SQL) -> Check:
    return Check(
        rule=rule,
        entity="location",
        fields=("latitude", "longitude"),
        shown=("latitude", "longitude"),
        reads=_READS,
        judge=partial(_judge, found),
        pairs=True,
    )


CHECKS = (
    _check("location.coordinates_misplaced", _MISPLACED),
    _check("location.far_from_others", _ALONE),
)
