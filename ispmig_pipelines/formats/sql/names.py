"""Which names of a script mean the same table.

A name says as much as its writer cared to: ``orders``, ``dbo.orders``, ``shop.dbo.orders``. What
it leaves out is what was in use at that place (:class:`Scope`), as far as the script tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ispmig_pipelines.formats.sql.dialect import DB2, MYSQL, ORACLE, POSTGRESQL, SQLSERVER
from ispmig_pipelines.formats.sql.tokens import Name


@dataclass(frozen=True)
class Scope:
    """What a name without qualifiers means at some place of a script.

    Attributes:
        database: what the last USE or ``\\connect`` named, or "".
        schema: what the last SET search_path (CURRENT SCHEMA, …) named, or "".
    """

    database: str = ""
    schema: str = ""


NO_SCOPE = Scope()


@dataclass(frozen=True)
class TableKey:
    """Database, schema and table; "" where the script does not say."""

    database: str
    schema: str
    table: str

    @property
    def folded(self) -> tuple[str, str, str]:
        """Without regard to case."""
        return self.database.casefold(), self.schema.casefold(), self.table.casefold()

    @property
    def text(self) -> str:
        """What is known of it, with dots."""
        return ".".join(part for part in (self.database, self.schema, self.table) if part)


_MAIN_SCHEMA = {POSTGRESQL: "public", SQLSERVER: "dbo"}


def table_key(name: Name, scope: Scope, dialect: str) -> TableKey:
    """The table that ``name`` means at a place where ``scope`` holds."""
    parts = [
        _as_stored(part, quoted, dialect)
        for part, quoted in zip(name.parts[-3:], name.quoted[-3:], strict=True)
    ]
    if dialect == MYSQL:
        database = parts[-2] if len(parts) > 1 else scope.database
        return TableKey(database, "", parts[-1])
    parts = [""] * (3 - len(parts)) + parts
    schema = parts[1] or (scope.schema if len(name.parts) == 1 else "")
    return TableKey(parts[0] or scope.database, schema, parts[2])


def _as_stored(part: str, quoted: bool, dialect: str) -> str:
    if quoted:
        return part
    if dialect == POSTGRESQL:
        return part.lower()
    return part.upper() if dialect in (ORACLE, DB2) else part


def _agree(one: TableKey, other: TableKey) -> bool:
    return all(a == b or not a or not b for a, b in zip(one.folded, other.folded, strict=True))


def one_name_each(
    keys: Iterable[TableKey], defined: Iterable[TableKey], dialect: str
) -> dict[TableKey, TableKey]:
    """For each key the one that stands for all that mean its table.

    Args:
        keys: in the order of their first appearance.
        defined: those with a definition of their own: two that differ in case alone are two
            tables where both are defined.
        dialect: of the script.
    """
    own = set(defined)
    groups: dict[str, list[TableKey]] = {}
    for key in keys:
        groups.setdefault(key.table.casefold(), []).append(key)
    standing: dict[TableKey, TableKey] = {}
    for group in groups.values():
        heads: list[TableKey] = []
        for key in sorted(group, key=lambda k: (k.database == "") + (k.schema == "")):
            same = [head for head in heads if _agree(head, key)]
            if len({head.table for head in same} | {key.table}) > 1:
                exact = [head for head in same if head.table == key.table]
                same = exact or ([] if key in own else same)
            if len(same) > 1 and not key.schema:
                main = _MAIN_SCHEMA.get(dialect, "")
                same = [head for head in same if head.schema.casefold() == main] if main else same
            if len(same) == 1:
                standing[key] = same[0]
            else:
                standing[key] = key
                heads.append(key)
    return standing


def nearest_key(key: TableKey, among: Iterable[TableKey]) -> TableKey | None:
    """The one of ``among`` that can mean the table of ``key``; None where none or several can."""
    same = [one for one in among if _agree(one, key)]
    exact = [one for one in same if one == key] or [o for o in same if o.table == key.table]
    found = exact or same
    return found[0] if len(found) == 1 else None
