"""A digest of a tenant's content: equal content, equal digest.

It covers every field of every entity and ``legacy``, and nothing of how the rows came there:
neither the order of loading nor the migration changes it. Each row is written as its non-null
fields, ``name=length:value``, and hashed with SHA-256; the rows' hashes are added lane by lane
modulo 2**64 (a multiset hash: no sort, constant memory); rows and lanes are hashed again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

_LANES = 4
_MODULUS = 2**64

_CASTS_BYTES = 180000
"""The first version of the server that takes eight bytes for a number, in a fifth of the time that
it takes to write them as text and read that."""


def digest(
    driver: psycopg.Connection,
    tenant: Tenant,
    known: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The tenant's digest, whole and per entity, as of one instant.

    Args:
        known: entity → ``{"rows", "digest"}`` of those that the caller has taken already, and
            knows to be as they were.

    Returns:
        ``{"tenant", "digest", "entities": {name: {"rows", "digest"}}}``.
    """
    entities = {}
    with driver.transaction():
        driver.execute("set transaction isolation level repeatable read, read only")
        # Canonical text of dates and times, whatever the session was set to.
        driver.execute("set local timezone to 'UTC'")
        driver.execute("set local datestyle to 'ISO, YMD'")
        with as_tenant(driver, tenant):
            for entity in ENTITIES:
                entities[entity] = (
                    dict(known[entity])
                    if entity in known
                    else entity_digest(driver, tenant, entity)
                )
    whole = sha256()
    for entity, found in sorted(entities.items()):
        whole.update(f"{entity}={found['digest']}\n".encode())
    return {"tenant": tenant.slug, "digest": whole.hexdigest(), "entities": entities}


def entity_digest(
    driver: psycopg.Connection,
    tenant: Tenant,
    entity: str,
    *,
    columns: Collection[str] | None = None,
    where: sql.Composable | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """``{"rows", "digest"}`` of an entity, in the current transaction and role.

    The session shows dates and times in ISO and UTC, as ours do.

    Args:
        columns: fields, and ``legacy``; all of them unless said.
        where: a condition on the table, under the alias ``t``; ``parameters`` are its own.
    """
    # concat_ws passes over NULL, so a field that is added to the model later, and is empty,
    # leaves every digest as it was. The length keeps one value from posing as two.
    cells = sql.SQL(", ").join(
        sql.SQL("{} || length({}::text) || ':' || {}::text").format(
            sql.Literal(f"{column}="), sql.Identifier(column), sql.Identifier(column)
        )
        for column in sorted([*ENTITIES[entity].fields, "legacy"] if columns is None else columns)
    )
    by_cast = driver.info.server_version >= _CASTS_BYTES
    # Sums of bigint are numeric: nothing overflows.
    lanes = sql.SQL(", ").join(
        sql.SQL(
            "sum(substr(hash, {}, 8)::bigint)"
            if by_cast
            else "sum(('x' || encode(substr(hash, {}, 8), 'hex'))::bit(64)::bigint)"
        ).format(sql.Literal(1 + 8 * lane))
        for lane in range(_LANES)
    )
    # A row is to be hashed once, and not for each lane. What is volatile sees to that, as OFFSET 0
    # would, which keeps the server from taking several processes.
    row = driver.execute(
        sql.SQL(
            """select count(*), {lanes} from (
                   select sha256(convert_to(concat_ws(E'\\x1f', {cells}), 'UTF8')) as hash,
                          clock_timestamp()
                   from {table} t where {where}) hashed"""
        ).format(
            lanes=lanes,
            cells=cells,
            table=sql.Identifier(tenant.schema, entity),
            where=sql.SQL("true") if where is None else where,
        ),
        parameters,
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always has a row
    rows, *sums = row
    content = sha256(f"{rows}".encode())
    for total in sums:
        content.update(f":{int(total or 0) % _MODULUS:016x}".encode())
    return {"rows": rows, "digest": content.hexdigest()}
