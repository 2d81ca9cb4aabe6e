"""Some tables set back to a snapshot inside the schema that is there: rows that differ.

Their definitions stay as they are. What refers to them, and what they refer to, is asked before
anything is changed; what they held is kept as a restore point.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import psycopg
from psycopg import sql

from ispmig_pipelines.backup import definition
from ispmig_pipelines.backup.definition import Definitions, TableDefinition
from ispmig_pipelines.backup.restore import compare, swap
from ispmig_pipelines.backup.restore.compare import Difference
from ispmig_pipelines.backup.restore.plan import LEDGER, Plan
from ispmig_pipelines.errors import BackupError, UsageError
from ispmig_pipelines.platform.table_locks import Mode
from ispmig_pipelines.platform.tenants import Tenant

Pair = tuple[TableDefinition, TableDefinition]
"""A table as it is, and as it is to be."""


def check_names(names: Sequence[str], there: Collection[str], snapshot: str) -> tuple[str, ...]:
    """The names, each once.

    Raises:
        UsageError: the snapshot has no such table.
    """
    for name in names:
        if name not in there or name.startswith(LEDGER):
            known = ", ".join(sorted(n for n in there if not n.startswith(LEDGER)))
            raise UsageError(
                f"The snapshot {snapshot} has no table {name[:63]!r}. Nothing was changed. It has: "
                f"{known}."
            )
    return tuple(dict.fromkeys(names))


def pairs(
    driver: psycopg.Connection, tenant: Tenant, present: Definitions, planned: Plan
) -> list[Pair]:
    """The tables as they are and as the snapshot has them, parents before those that refer to
    them.

    Raises:
        BackupError: one of them is not there any more, cannot hold what it held, or is none that
            the tenant's role may write.
    """
    found = []
    for name, (_, then) in planned.tables.items():
        now = present.table(name)
        if now is None:
            raise BackupError(
                f"The table {name} is in the snapshot and not in the tenant's schema any more. "
                "Nothing was changed. Restore the whole tenant, or a copy beside it with --into, "
                "and make the table again."
            )
        if then.partition_by is not None or now.partition_by is not None:
            raise BackupError(
                f"The table {name} is cut into partitions. Nothing was changed. Restore its "
                "partitions by their own names, or the whole tenant."
            )
        lacking = sorted({c.name for c in then.stored} - {c.name for c in now.stored})
        if lacking:
            raise BackupError(
                f"The table {name} has no column {lacking[0]} any more, which holds something in "
                "the snapshot. Nothing was changed. Restore the whole tenant, or a copy beside it "
                "with --into."
            )
        row = driver.execute(
            """select bool_and(pg_catalog.has_table_privilege(%(role)s, %(table)s, privilege))
               from unnest('{select,insert,delete}'::text[]) privilege""",
            {
                "role": tenant.role,
                "table": sql.Identifier(tenant.schema, name).as_string(driver),
            },
        ).fetchone()
        if not (row and row[0]):
            raise BackupError(
                f"The tenant's role may not write the table {name}, and rows are set back with no "
                "more rights than it has. Nothing was changed. Restore the whole tenant, or a copy "
                "beside it with --into."
            )
        found.append((now, then))
    return _parents_first(found)


def _parents_first(tables: list[Pair]) -> list[Pair]:
    left = {now.name: (now, then) for now, then in tables}
    found: list[Pair] = []
    while left:
        free = [
            name
            for name, (now, _) in left.items()
            if not {c.refers for c in now.constraints if c.kind == "f"} & (left.keys() - {name})
        ]
        # Tables that refer to each other are helped by references that are asked at the end.
        found += [left.pop(name) for name in free or list(left)]
    return found


def set_back(
    driver: psycopg.Connection,
    tenant: Tenant,
    present: Definitions,
    tables: Sequence[Pair],
    side: str,
    part: str = swap.BEFORE,
    told: Callable[[str], None] = lambda text: None,
) -> tuple[str, list[Difference]]:
    """Lets the tables hold what those of ``side`` do, in the current transaction.

    Returns:
        The schema in which is kept what they held, and how they differed.

    Raises:
        BackupError: references to or from the rest of the tenant would not hold.
        DatabaseError: (transient) somebody works on the tables all the time.
    """
    names = [now.name for now, _ in tables]
    told("locks")
    swap.lock(driver, tenant, Mode.WRITING, only=_with_relatives(present, names))
    told("differences")
    differences = differing(driver, tenant, tables, side)
    check_references(driver, tenant, present, names, side)
    before = swap.new_name(tenant, part)
    driver.execute(sql.SQL("create schema {}").format(sql.Identifier(before)))
    for now, _ in tables:
        compare.keep(driver, tenant, now, before)
    told("rows")
    _let_read(driver, tenant, side, names)
    compare.make_alike(driver, tenant, tables, side)
    return before, differences


def differing(
    driver: psycopg.Connection, tenant: Tenant, tables: Sequence[Pair], side: str
) -> list[Difference]:
    """How the tables differ from those of ``side``."""
    return [compare.compare(driver, now, then, (tenant.schema, side)) for now, then in tables]


def check_references(
    driver: psycopg.Connection,
    tenant: Tenant,
    present: Definitions,
    names: Collection[str],
    side: str,
) -> None:
    """Checks that references hold between these tables as ``side`` has them and the rest.

    Raises:
        BackupError: they do not; the text says where, and what to restore with them.
    """
    broken = compare.unreferred(driver, tenant, present, names, side)
    if not broken:
        return
    told = "; ".join(
        f"{count:,} rows of {child} refer to rows of {parent} that would not be there"
        for child, parent, count in broken
    )
    more = sorted({n for child, parent, _ in broken for n in (child, parent)} - set(names))
    raise BackupError(
        f"With {', '.join(sorted(names))} alone set back, {told}. Nothing was changed. "
        + (
            f"Restore them together: {' '.join(f'--entity {name}' for name in more)}; or the whole "
            "tenant."
            if more
            else "Restore the whole tenant."
        )
    )


def _with_relatives(present: Definitions, names: Collection[str]) -> set[str]:
    found = set(names)
    for table in present.tables:
        for constraint in table.constraints:
            if constraint.kind == "f" and constraint.refers is not None:
                both = {table.name, constraint.refers}
                if both & set(names):
                    found |= both
    return found


def kept_pairs(
    driver: psycopg.Connection, tenant: Tenant, present: Definitions, before: str
) -> list[Pair]:
    """The tables of which a restore point holds the content, and how it holds it."""
    held = definition.read(driver, replace(tenant, schema=before))
    found = []
    for then in held.tables:
        now = present.table(then.name)
        if now is None or not {c.name for c in now.stored}.issuperset(c.name for c in then.stored):
            raise BackupError(
                f"The table {then.name} is not any more as it was before the restore, so that the "
                "restore cannot be undone by itself. Nothing was changed. What it held is in the "
                f"schema {before}."
            )
        found.append((now, then.model_copy(update={"key": now.key})))
    return _parents_first(found)


def _let_read(
    driver: psycopg.Connection, tenant: Tenant, schema: str, names: Collection[str]
) -> None:
    role = sql.Identifier(tenant.role)
    driver.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), role))
    for name in names:
        driver.execute(
            sql.SQL("grant select on {} to {}").format(sql.Identifier(schema, name), role)
        )
