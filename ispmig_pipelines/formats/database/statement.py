"""The one statement that reads a table, in each database's SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.sql import quoted_name

from ispmig_pipelines.formats.database.session import TableName

_DIALECTS = {
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
    "sqlite": sqlite.dialect,
    "mssql": mssql.dialect,
    "oracle": oracle.dialect,
}

ROW_ID = "rowid"
_ROW_IDS = (ROW_ID, "_rowid_", "oid")


@lru_cache(maxsize=8)
def _dialect(kind: str) -> sa.Dialect:
    # Statements are sent without parameters, and a % in a name is not doubled then.
    return _DIALECTS[kind](paramstyle="named")


def quoted(kind: str, table: TableName) -> str:
    """The table's name in quotes, with its schema's where it has one."""
    quote = _dialect(kind).identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in (table.schema, table.name) if part)


def select_statement(
    kind: str,
    table: TableName,
    columns: Sequence[str],
    key: Sequence[str],
    texts: Mapping[str, str] | None = None,
) -> str:
    """``SELECT`` of the columns, in order of the key.

    Args:
        kind: of the database.
        key: columns of the primary key; none: in the order in which the server gives them.
        texts: column → the SQL by which the server itself makes text of it, ``{}`` being the
            column; see :func:`server_texts`.
    """
    quote = _dialect(kind).identifier_preparer.quote_identifier
    chosen: list[sa.ColumnElement[str]] = []
    for name in columns:
        plain: sa.ColumnElement[str] = sa.column(quoted_name(name, True))
        if texts and name in texts:
            written = texts[name].replace("{}", quote(name))
            plain = sa.literal_column(written).label(quoted_name(name, True))
        chosen.append(plain)
    source = sa.table(
        quoted_name(table.name, True),
        schema=quoted_name(table.schema, True) if table.schema else None,
    )
    statement = sa.select(*chosen).select_from(source)
    # The table's own column, not its text of the same name.
    names = [
        k if k in _ROW_IDS and kind == "sqlite" and k not in columns else quote(k) for k in key
    ]
    owner = quote(table.name)
    if names:
        statement = statement.order_by(*(sa.literal_column(f"{owner}.{n}") for n in names))
    return str(statement.compile(dialect=_dialect(kind)))


def row_id(columns: Sequence[str]) -> str | None:
    """The name by which a table of SQLite gives its row id; None where columns hide all three."""
    taken = {name.lower() for name in columns}
    return next((name for name in _ROW_IDS if name not in taken), None)


_TEXTS: dict[str, tuple[tuple[str, str], ...]] = {
    # The text protocol gives a FLOAT with six digits; as a double it is whole.
    "mysql": ((r"float(?!\()", "{} + 0e0"),),
    # What Python's types of dates cannot hold: seven digits of seconds, offsets.
    "mssql": (
        (r"datetimeoffset|datetime|smalldatetime|date|time", "CONVERT(varchar(40), {}, 121)"),
        (r"uniqueidentifier", "CONVERT(varchar(36), {})"),
        (r"sql_variant", "CONVERT(nvarchar(4000), {})"),
        (r"xml", "CONVERT(nvarchar(max), {})"),
        (r"hierarchyid|geography|geometry", "{}.ToString()"),
    ),
    "oracle": (
        (r"date", "TO_CHAR({}, 'YYYY-MM-DD HH24:MI:SS')"),
        (r"timestamp.*with time zone", "TO_CHAR({}, 'YYYY-MM-DD HH24:MI:SS.FFTZH:TZM')"),
        (
            r"timestamp.*with local time zone",
            "TO_CHAR(SYS_EXTRACT_UTC({}), 'YYYY-MM-DD HH24:MI:SS.FF')",
        ),
        (r"timestamp", "TO_CHAR({}, 'YYYY-MM-DD HH24:MI:SS.FF')"),
        (r"interval", "TO_CHAR({})"),
    ),
}


def server_texts(kind: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Columns of which the server itself must make text, and how.

    Args:
        columns: name → declared type.
    """
    return {
        name: sql
        for name, declared in columns.items()
        for pattern, sql in _first(_TEXTS.get(kind, ()), declared)
    }


def _first(rules: Sequence[tuple[str, str]], declared: str) -> list[tuple[str, str]]:
    found = [rule for rule in rules if re.match(rule[0], declared, re.IGNORECASE)]
    return found[:1]
