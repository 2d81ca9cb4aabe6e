"""Definitions as the statements that make them again, in a schema that stands in the search path.

What PostgreSQL wrote of an expression is put into statements of ours; whatever it says, it is run
alone (one statement) and by the tenant's role.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from ispmig_pipelines.backup.definition import (
    CollationDefinition,
    ColumnDefinition,
    Constraint,
    Function,
    Index,
    Policy,
    SequenceDefinition,
    TableDefinition,
    TypeDefinition,
    View,
)

Statement = sql.Composed

_STORAGES = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_COMPRESSIONS = {"p": "pglz", "l": "lz4"}
_ENABLED = {"D": "disable trigger", "R": "enable replica trigger", "A": "enable always trigger"}


def _listed(parts: Iterator[sql.Composable] | list[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def create_collation(schema: str, given: CollationDefinition) -> Statement:
    """``CREATE COLLATION``."""
    return sql.SQL("create collation {} (provider = {}, deterministic = {}{})").format(
        sql.Identifier(schema, given.name),
        sql.SQL(given.provider),
        sql.SQL("true" if given.deterministic else "false"),
        sql.SQL("").join(
            sql.SQL(", {} = {}").format(sql.Identifier(word), sql.Literal(text))
            for word, text in given.options
        ),
    )


def create_type(schema: str, given: TypeDefinition) -> Statement:
    """``CREATE TYPE``, or ``CREATE DOMAIN``."""
    name = sql.Identifier(schema, given.name)
    if given.kind == "enum":
        labels = _listed([sql.Literal(label) for label in given.labels])
        return sql.SQL("create type {} as enum ({})").format(name, labels)
    if given.kind == "composite":
        attributes = _listed(
            [
                sql.SQL("{} {}").format(sql.Identifier(attribute), sql.SQL(type_))
                for attribute, type_ in given.attributes
            ]
        )
        return sql.SQL("create type {} as ({})").format(name, attributes)
    if given.kind == "range":
        return sql.SQL("create type {} as range ({})").format(
            name,
            _listed(
                [
                    sql.SQL("subtype = {}").format(sql.SQL(given.base or "")),
                    *(
                        sql.SQL("{} = {}").format(
                            sql.Identifier(word),
                            # It is made in the same breath.
                            sql.Identifier(schema, text)
                            if word == "multirange_type_name"
                            else sql.SQL(text),
                        )
                        for word, text in given.range_options
                    ),
                ]
            ),
        )
    parts: list[sql.Composable] = [
        sql.SQL("create domain {} as {}").format(name, sql.SQL(given.base or ""))
    ]
    if given.collation:
        parts.append(sql.SQL("collate {}").format(sql.SQL(given.collation)))
    if given.default is not None:
        parts.append(sql.SQL("default {}").format(sql.SQL(given.default)))
    if given.not_null:
        parts.append(sql.SQL("not null"))
    for check, text in given.checks:
        parts.append(sql.SQL("constraint {} {}").format(sql.Identifier(check), sql.SQL(text)))
    return sql.SQL(" ").join(parts)


def create_sequence(schema: str, given: SequenceDefinition) -> Statement:
    """``CREATE SEQUENCE``, of one that is no identity's."""
    return sql.SQL("create sequence {} as {} {}").format(
        sql.Identifier(schema, given.name), sql.SQL(given.type), _sequence_options(given)
    )


def _sequence_options(given: SequenceDefinition) -> sql.Composed:
    return sql.SQL(
        "start with {} increment by {} minvalue {} maxvalue {} cache {} {}"
    ).format(
        sql.Literal(given.start), sql.Literal(given.increment), sql.Literal(given.minimum),
        sql.Literal(given.maximum), sql.Literal(given.cache),
        sql.SQL("cycle" if given.cycle else "no cycle"),
    )  # fmt: skip


def set_sequence(schema: str, given: SequenceDefinition) -> Statement:
    """Puts a sequence where it stood."""
    return sql.SQL("select pg_catalog.setval({}, {}, {})").format(
        sql.Literal(_quoted(schema, given.name)),
        sql.Literal(given.last_value),
        sql.Literal(given.is_called),
    )


def _quoted(schema: str, name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))


def own_sequence(schema: str, given: SequenceDefinition) -> Statement:
    """Lets a sequence go with its column."""
    table, column = given.owned_by or ("", "")
    return sql.SQL("alter sequence {} owned by {}").format(
        sql.Identifier(schema, given.name), sql.Identifier(schema, table, column)
    )


def create_function(schema: str, given: Function) -> Statement:
    """``CREATE FUNCTION``, or ``CREATE PROCEDURE``."""
    kind = "procedure" if given.procedure else "function"
    parts: list[sql.Composable] = [
        sql.SQL("create {} {}({})").format(
            sql.SQL(kind), sql.Identifier(schema, given.name), sql.SQL(given.arguments)
        )
    ]
    if given.result is not None:
        parts.append(sql.SQL("returns {}").format(sql.SQL(given.result)))
    parts.append(sql.SQL("language {}").format(sql.Identifier(given.language)))
    if not given.procedure:
        parts += [sql.SQL(given.volatility), sql.SQL(f"parallel {given.parallel}")]
        if given.strict:
            parts.append(sql.SQL("strict"))
        if given.cost is not None:
            parts.append(sql.SQL("cost {}").format(sql.Literal(given.cost)))
        if given.rows is not None:
            parts.append(sql.SQL("rows {}").format(sql.Literal(given.rows)))
    if given.security_definer:
        parts.append(sql.SQL("security definer"))
    for setting in given.settings:
        name, _, value = setting.partition("=")
        # Lists of names are names each; anything else is one value.
        lists = name in ("search_path", "temp_tablespaces", "session_preload_libraries")
        parts.append(
            sql.SQL("set {} to {}").format(
                sql.Identifier(name), sql.SQL(value) if lists else sql.Literal(value)
            )
        )
    body = sql.SQL(given.body) if given.is_sql else sql.SQL("as {}").format(sql.Literal(given.body))
    return sql.SQL(" ").join([*parts, body])


def create_table(
    schema: str, given: TableDefinition, identities: dict[str, SequenceDefinition]
) -> Statement:
    """``CREATE TABLE`` with its columns; all else is added when its rows are there.

    Args:
        identities: column → the sequence of its identity.
    """
    parts: list[sql.Composable] = [
        _column(schema, column, identities.get(column.name), partition=bool(given.partition_of))
        for column in given.columns
    ]
    statement = sql.SQL("create {}table {} ({})").format(
        sql.SQL("unlogged " if given.unlogged else ""),
        sql.Identifier(schema, given.name),
        _listed(parts),
    )
    if given.partition_by is not None:
        statement += sql.SQL(" partition by {}").format(sql.SQL(given.partition_by))
    if given.options:
        statement += sql.SQL(" with ({})").format(_options(given.options))
    return statement


def _options(options: tuple[str, ...]) -> sql.Composed:
    return _listed(
        [
            sql.SQL("{} = {}").format(
                sql.SQL(".").join(map(sql.Identifier, name.split("."))), sql.Literal(value)
            )
            for name, _, value in (option.partition("=") for option in options)
        ]
    )


def _column(
    schema: str, column: ColumnDefinition, identity: SequenceDefinition | None, *, partition: bool
) -> sql.Composed:
    parts: list[sql.Composable] = [sql.Identifier(column.name), sql.SQL(column.type)]
    if column.compression in _COMPRESSIONS:
        parts.append(sql.SQL(f"compression {_COMPRESSIONS[column.compression]}"))
    if column.collation:
        parts.append(sql.SQL("collate {}").format(sql.SQL(column.collation)))
    if column.generated is not None:
        parts.append(
            sql.SQL("generated always as ({}) {}").format(
                sql.SQL(column.generated), sql.SQL("virtual" if column.virtual else "stored")
            )
        )
    elif column.identity is not None and (identity is not None or not partition):
        # That of a partition is its parent's, from which it comes when it is attached.
        parts.append(sql.SQL(f"generated {column.identity} as identity"))
        if identity is not None:
            parts.append(
                sql.SQL("(sequence name {} {})").format(
                    sql.Identifier(schema, identity.name), _sequence_options(identity)
                )
            )
    elif column.default is not None:
        parts.append(sql.SQL("default {}").format(sql.SQL(column.default)))
    if column.not_null and column.not_null_valid:
        if column.not_null_name:
            parts.append(sql.SQL("constraint {}").format(sql.Identifier(column.not_null_name)))
        parts.append(sql.SQL("not null"))
    return sql.SQL(" ").join(parts)


def create_view(schema: str, given: View) -> Statement:
    """``CREATE VIEW``; a materialized one is empty until it is refreshed."""
    parts: list[sql.Composable] = [
        sql.SQL("create materialized view {}" if given.materialized else "create view {}").format(
            sql.Identifier(schema, given.name)
        )
    ]
    if given.columns:
        parts.append(sql.SQL("({})").format(_listed([sql.Identifier(c) for c in given.columns])))
    if given.options:
        parts.append(sql.SQL("with ({})").format(_options(given.options)))
    parts.append(sql.SQL("as {}").format(sql.SQL(given.text)))
    if given.materialized:
        parts.append(sql.SQL("with no data"))
    return sql.SQL(" ").join(parts)


def refresh_view(schema: str, given: View) -> Statement:
    """Fills a materialized view."""
    return sql.SQL("refresh materialized view {}").format(sql.Identifier(schema, given.name))


def attach(schema: str, given: TableDefinition) -> Statement:
    """Lets a partition be one."""
    return sql.SQL("alter table {} attach partition {} {}").format(
        sql.Identifier(schema, given.partition_of or ""),
        sql.Identifier(schema, given.name),
        sql.SQL(given.bound or "default"),
    )


def constraints(schema: str, given: TableDefinition, kinds: str) -> Iterator[Statement]:
    """``ADD CONSTRAINT``, of these kinds, but for checks that :func:`checks` adds."""
    for one in given.constraints:
        if one.kind in kinds and one not in _checked_together(given):
            yield sql.SQL("alter table {} {}").format(
                sql.Identifier(schema, given.name), _added(one)
            )


def checks(schema: str, given: TableDefinition) -> Iterator[Statement]:
    """One ``ALTER TABLE`` with all checks that hold of the rows that are there: they are gone
    through once. While they are loaded, the server is what everybody waits for."""
    if together := _checked_together(given):
        yield sql.SQL("alter table {} {}").format(
            sql.Identifier(schema, given.name), _listed([_added(one) for one in together])
        )


def _checked_together(given: TableDefinition) -> list[Constraint]:
    if given.partition_by is not None:
        return []
    return [one for one in given.constraints if one.kind == "c" and one.validated]


def _added(one: Constraint) -> sql.Composed:
    return sql.SQL("add constraint {} {}").format(sql.Identifier(one.name), sql.SQL(one.text))


def not_null_of_new_rows(schema: str, given: TableDefinition) -> Iterator[Statement]:
    """``NOT NULL … NOT VALID``, which older rows need not fulfil."""
    for column in given.columns:
        if column.not_null and not column.not_null_valid:
            yield sql.SQL("alter table {} add constraint {} not null {} not valid").format(
                sql.Identifier(schema, given.name),
                sql.Identifier(column.not_null_name or f"{given.name}_{column.name}_not_null"),
                sql.Identifier(column.name),
            )


def indexes(given: TableDefinition | View) -> Iterator[Statement]:
    """``CREATE INDEX``."""
    for one in given.indexes:
        yield sql.SQL("{}").format(sql.SQL(_with_partitions(one)))


def _with_partitions(index: Index) -> str:
    """Of a partitioned table PostgreSQL writes ``ON ONLY``, and tells of its partitions apart."""
    quoted = '"' + index.name.replace('"', '""') + '"'
    for kind in ("CREATE INDEX", "CREATE UNIQUE INDEX"):
        for name in (index.name, quoted):
            before = f"{kind} {name} ON ONLY "
            if index.text.startswith(before):
                return f"{kind} {name} ON {index.text[len(before) :]}"
    return index.text


def triggers(schema: str, given: TableDefinition | View) -> Iterator[Statement]:
    """``CREATE TRIGGER``, and whether it fires."""
    for one in given.triggers:
        yield sql.SQL("{}").format(sql.SQL(one.text))
        if one.enabled in _ENABLED:
            yield sql.SQL("alter table {} {} {}").format(
                sql.Identifier(schema, given.name),
                sql.SQL(_ENABLED[one.enabled]),
                sql.Identifier(one.name),
            )


def policy(schema: str, table: str, given: Policy, roles: list[sql.Composable]) -> Statement:
    """``CREATE POLICY``."""
    statement = sql.SQL("create policy {} on {} as {} for {} to {}").format(
        sql.Identifier(given.name), sql.Identifier(schema, table),
        sql.SQL("permissive" if given.permissive else "restrictive"),
        sql.SQL(given.command), _listed(roles),
    )  # fmt: skip
    if given.using is not None:
        statement += sql.SQL(" using ({})").format(sql.SQL(given.using))
    if given.check is not None:
        statement += sql.SQL(" with check ({})").format(sql.SQL(given.check))
    return statement


def properties(schema: str, given: TableDefinition) -> Iterator[Statement]:
    """What else a table is told: storage, row security, replication."""
    table = sql.Identifier(schema, given.name)
    for column in given.columns:
        if column.storage in _STORAGES:
            yield sql.SQL("alter table {} alter column {} set storage {}").format(
                table, sql.Identifier(column.name), sql.SQL(_STORAGES[column.storage])
            )
        if column.statistics is not None:
            yield sql.SQL("alter table {} alter column {} set statistics {}").format(
                table, sql.Identifier(column.name), sql.Literal(column.statistics)
            )
        if column.options:
            yield sql.SQL("alter table {} alter column {} set ({})").format(
                table, sql.Identifier(column.name), _options(column.options)
            )
    if given.clustered_on is not None:
        yield sql.SQL("alter table {} cluster on {}").format(
            table, sql.Identifier(given.clustered_on)
        )
    if given.row_security:
        yield sql.SQL("alter table {} enable row level security").format(table)
    if given.row_security_forced:
        yield sql.SQL("alter table {} force row level security").format(table)
    if given.replica_identity in ("f", "n"):
        word = "full" if given.replica_identity == "f" else "nothing"
        yield sql.SQL("alter table {} replica identity {}").format(table, sql.SQL(word))
    elif given.replica_identity == "i" and given.replica_index is not None:
        yield sql.SQL("alter table {} replica identity using index {}").format(
            table, sql.Identifier(given.replica_index)
        )


def comments(schema: str, given: TableDefinition) -> Iterator[Statement]:
    """``COMMENT ON`` a table and what is its."""
    table = sql.Identifier(schema, given.name)
    yield from _comment(sql.SQL("table {}").format(table), given.comment)
    for column in given.columns:
        name = sql.Identifier(schema, given.name, column.name)
        yield from _comment(sql.SQL("column {}").format(name), column.comment)
    for part, kind in ((given.constraints, "constraint"), (given.triggers, "trigger")):
        for one in part:
            yield from _comment(
                sql.SQL("{} {} on {}").format(sql.SQL(kind), sql.Identifier(one.name), table),
                one.comment,
            )
    for index in given.indexes:
        name = sql.Identifier(schema, index.name)
        yield from _comment(sql.SQL("index {}").format(name), index.comment)


def comment_on_policy(schema: str, table: str, given: Policy) -> Iterator[Statement]:
    """``COMMENT ON POLICY``."""
    name = sql.SQL("policy {} on {}").format(
        sql.Identifier(given.name), sql.Identifier(schema, table)
    )
    yield from _comment(name, given.comment)


def of_view(schema: str, given: View) -> Iterator[Statement]:
    """What else a view is told: defaults of what is written to it, triggers, comments."""
    view = sql.Identifier(schema, given.name)
    for column, default in given.defaults:
        yield sql.SQL("alter view {} alter column {} set default {}").format(
            view, sql.Identifier(column), sql.SQL(default)
        )
    yield from triggers(schema, given)
    for column, text in given.column_comments:
        yield from _comment(
            sql.SQL("column {}").format(sql.Identifier(schema, given.name, column)), text
        )
    for trigger in given.triggers:
        what = sql.SQL("trigger {} on {}").format(sql.Identifier(trigger.name), view)
        yield from _comment(what, trigger.comment)
    for index in given.indexes:
        name = sql.Identifier(schema, index.name)
        yield from _comment(sql.SQL("index {}").format(name), index.comment)


def comment(schema: str, kind: str, name: str, text: str | None) -> Iterator[Statement]:
    """``COMMENT ON`` a view, a type or a sequence."""
    yield from _comment(sql.SQL("{} {}").format(sql.SQL(kind), sql.Identifier(schema, name)), text)


def _comment(what: sql.Composable, text: str | None) -> Iterator[Statement]:
    if text is not None:
        yield sql.SQL("comment on {} is {}").format(what, sql.Literal(text))
