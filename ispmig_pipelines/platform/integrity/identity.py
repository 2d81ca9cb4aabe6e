"""Customers who may stand there twice: one email, or one telephone with one name.

Each record names the first of those that say the same, so however many share a placeholder, each
is told of once.
"""

from __future__ import annotations

from psycopg import sql

from ispmig_pipelines.platform.integrity.asking import ordered, other, twice
from ispmig_pipelines.platform.integrity.findings import Check
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World

_NAME = """lower(coalesce(nullif(btrim(c.company_name), ''), nullif(concat_ws(' ',
               nullif(btrim(c.first_name), ''), nullif(btrim(c.last_name), '')), '')))"""


def _same_email(world: World, policy: Policy) -> sql.Composed:
    hashes = sql.SQL(
        """select hashtextextended(lower(email), 0) as hash from {customers} c
           where email is not null"""
    ).format(customers=world.rows("customer"))
    return sql.SQL(
        """with twice as materialized ({twice}
           ), numbered as (
               select c.account_number, c.email, c._rank, row_number() over same as number,
                      first_value({other}) over same as other
               from {customers} c join twice on twice.hash = hashtextextended(lower(c.email), 0)
               window same as (partition by lower(c.email) order by {order})
           )
           select account_number, '{{other}}' as accepted, other, email as found
           from numbered where number > 1 and _rank > 0"""
    ).format(
        twice=twice(hashes),
        customers=world.rows("customer"),
        other=other("c"),
        order=ordered("c"),
    )


def _same_phone_and_name(world: World, policy: Policy) -> sql.Composed:
    # Telephones first: hardly any stands there twice, and only then is there a name to look at.
    hashes = sql.SQL(
        """select hashtextextended(phone, 0) as hash from {customers} c where phone is not null
           union all
           select hashtextextended(mobile, 0) from {customers} c
           where mobile is not null and mobile is distinct from phone"""
    ).format(customers=world.rows("customer"))
    return sql.SQL(
        """with twice as materialized ({twice}
           ), candidates as (
               select c.*, c.phone as number, {name} as name
               from {customers} c join twice on twice.hash = hashtextextended(c.phone, 0)
               union all
               select c.*, c.mobile, {name}
               from {customers} c join twice on twice.hash = hashtextextended(c.mobile, 0)
               where c.mobile is distinct from c.phone
           ), numbered as (
               select c.account_number, c.number as phone, c._rank, lower(c.email) as email,
                      row_number() over same as place,
                      first_value(lower(c.email)) over same as first_email,
                      first_value({other}) over same as other
               from candidates c where c.name is not null
               window same as (partition by c.number, c.name order by {order})
           )
           select distinct on (account_number) account_number, '{{other}}' as accepted, other,
                  phone as found
           from numbered where place > 1 and _rank > 0
             and (email = first_email) is not true
           order by account_number, other"""
    ).format(
        twice=twice(hashes),
        customers=world.rows("customer"),
        name=sql.SQL(_NAME),
        other=other("c"),
        order=ordered("c"),
    )


CHECKS = (
    Check(
        rule="duplicate.identity",
        entity="customer",
        fields=("email",),
        reads={"customer": ("email",)},
        query=_same_email,
        pairs=True,
    ),
    Check(
        rule="duplicate.identity",
        entity="customer",
        fields=("phone", "mobile"),
        shown=("phone", "mobile", "first_name", "last_name", "company_name"),
        reads={"customer": ("email", "phone", "mobile", "first_name", "last_name", "company_name")},
        query=_same_phone_and_name,
        pairs=True,
    ),
)
