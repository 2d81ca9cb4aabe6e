"""The steps by which a snapshot is built as a schema: types and tables, rows, checks, keys,
references, and all else, in the order of what needs what."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.definition import SequenceDefinition, TableDefinition
from ispmig_pipelines.backup.manifest import Table
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore import masked, rights, statements
from ispmig_pipelines.backup.restore.loading import Loaded, load, null_if_left_out
from ispmig_pipelines.backup.restore.plan import Plan
from ispmig_pipelines.backup.restore.read_back import SMALL, check_loaded
from ispmig_pipelines.backup.restore.rows import named_rows_of, rows_of
from ispmig_pipelines.backup.restore.statements import Statement
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform.tenants import Tenant

Changes = Callable[[psycopg.Connection, str], Mapping[str, int]]
"""Connection, and schema whose rows are to be changed, as the tenant's role → table → its rows
afterwards, of those that were changed. What was changed is verified by the schema's own keys,
checks and references."""


@dataclass(frozen=True)
class Built:
    """A schema that was built from a snapshot.

    Attributes:
        rows: table → its rows.
        emptied: tables of which a masked copy holds nothing, because nobody knows what to mask.
        left_out: what the snapshot had and could not be made again, in words.
    """

    schema: str
    rows: dict[str, int] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Building:
    """One schema, step by step, in the transactions of one session."""

    def __init__(
        self,
        driver: psycopg.Connection,
        tenant: Tenant,
        repository: Repository,
        planned: Plan,
        schema: str,
        *,
        masker: Masker | None = None,
        every_row: bool = True,
        told: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.schema = schema
        # The tenant's role may not be let look into the catalog.
        self.roles = rights.Roles.present(driver, tenant)
        self._every_row = every_row
        self._driver = driver
        self._repository = repository
        self._plan = planned
        self._masker = masker
        self._told = told
        self._rows: dict[str, int] = {}
        self._emptied: list[str] = []
        self._loaded: set[str] = set()
        self.left_out = list(planned.schema.left_out)
        self.definitions = [definition for _, definition in planned.tables.values()]
        present = set(planned.tables)
        self.sequences = [
            one
            for one in planned.schema.sequences
            if one.owned_by is None or one.owned_by[0] in present
        ]

    def on(self, driver: psycopg.Connection) -> Building:
        """The same, gone on with in another session."""
        other = copy.copy(self)
        other._driver = driver
        return other

    def built(self) -> Built:
        return Built(self.schema, self._rows, tuple(self._emptied), tuple(self.left_out))

    def _run(self, statement: Statement) -> None:
        # The protocol for parameters takes one statement at a time.
        self._driver.execute(statement, binary=True)

    def _in_rounds(
        self, waiting: list[Statement], optional: Collection[Statement] = ()
    ) -> list[Statement]:
        """Runs statements that need each other: those whose needs are not there yet come again.
        Returns what could not be run of the optional ones."""
        while waiting:
            later = []
            error: psycopg.Error | None = None
            for statement in waiting:
                self._driver.execute("savepoint ispmig_part")
                try:
                    self._run(statement)
                except (
                    psycopg.errors.UndefinedTable,
                    psycopg.errors.UndefinedObject,
                    psycopg.errors.UndefinedFunction,
                    psycopg.errors.UndefinedColumn,
                    # A materialized view of another that is not filled yet.
                    psycopg.errors.ObjectNotInPrerequisiteState,
                ) as missing:
                    error = missing
                    self._driver.execute("rollback to savepoint ispmig_part")
                    later.append(statement)
                self._driver.execute("release savepoint ispmig_part")
            if len(later) == len(waiting):
                if all(statement in optional for statement in later):
                    return later
                raise BackupError(
                    "The snapshot needs something in the database that is not there "
                    f"({type(error).__name__}): an extension, or a function or type of another "
                    "schema. Nothing was changed. Make it there first, and restore again."
                )
            waiting = later
        return []

    def tables(self) -> None:
        schema, about = self.schema, self._plan.schema
        identities: dict[str, dict[str, SequenceDefinition]] = {}
        for one in self.sequences:
            if one.identity and one.owned_by:
                identities.setdefault(one.owned_by[0], {})[one.owned_by[1]] = one
        surroundings = [
            *(statements.create_collation(schema, one) for one in about.collations),
            *(statements.create_type(schema, one) for one in about.types),
            *(
                statements.create_sequence(schema, one)
                for one in self.sequences
                if not one.identity
            ),
            *(statements.create_function(schema, one) for one in about.functions),
        ]
        self._in_rounds(
            [
                *surroundings,
                *(
                    statements.create_table(schema, one, identities.get(one.name, {}))
                    for one in self.definitions
                ),
            ],
            # Of some tables alone, what needs the others is not needed.
            optional=surroundings if self._plan.partly else (),
        )

    def load_alone(self, name: str) -> None:
        """Fills and checks one table, which another transaction made; no other does it then."""
        self._empty([name])
        self._load(*self._plan.tables[name])
        self._check(self._plan.tables[name][1])
        self._loaded.add(name)

    def load(self) -> None:
        left = [
            name
            for name, (_, definition) in self._plan.tables.items()
            if definition.partition_by is None and name not in self._loaded
        ]
        if self._loaded:
            self._empty(left)
        for name in left:
            self._load(*self._plan.tables[name])
        for one in self.sequences:
            self._run(statements.set_sequence(self.schema, one))

    def _empty(self, names: list[str]) -> None:
        """Makes tables as if this transaction had made them: what it loads is frozen then."""
        if names:
            tables = sql.SQL(", ").join(sql.Identifier(self.schema, name) for name in names)
            self._driver.execute(sql.SQL("truncate {}").format(tables))

    def _load(self, table: Table, definition: TableDefinition) -> None:
        self._told(f"{table.name}: {table.rows:,} rows")
        target = sql.Identifier(self.schema, table.name)
        every_row = self._every_row or table.rows <= SMALL
        rows = table.rows
        if self._masker is not None and table.name not in ENTITIES:
            if table.rows:
                self._emptied.append(table.name)
            rows = 0
        elif self._masker is not None:
            masker = self._masker
            masked_rows = (
                masked.batch(masker, table.name, batch)
                for batch in rows_of(self._repository, table)
            )
            rows = masked.load(self._driver, self.schema, table, masked_rows)
            _check_rows(table, rows)
        elif table.columns:
            # Naming rows takes as long as proving their pieces.
            batches = (
                named_rows_of(self._repository, table)
                if every_row
                else (("", batch) for batch in rows_of(self._repository, table))
            )
            loaded = load(
                self._driver, target, batches, null_if_left_out(definition), digest=every_row
            )
            _check_rows(table, loaded.rows)
            _check_totals(table, loaded)
            check_loaded(
                self._driver, self.schema, table, loaded, self._repository.keys.derived("piece"),
                every_row=every_row,
            )  # fmt: skip
        elif table.rows:
            self._driver.execute(
                sql.SQL("insert into {} select from generate_series(1, {})").format(
                    target, sql.Literal(table.rows)
                )
            )
        self._rows[table.name] = rows

    def checks(self) -> None:
        self._told("checks")
        for one in self.definitions:
            if one.name not in self._loaded:
                self._check(one)

    def _check(self, definition: TableDefinition) -> None:
        for statement in statements.checks(self.schema, definition):
            self._run(statement)

    def primary_keys(self) -> None:
        self._told("primary keys")
        self._constraints("p", partitioned=False)

    def change(self, changes: Changes) -> None:
        self._told("changes since the snapshot")
        self._rows |= changes(self._driver, self.schema)

    def keys(self, *, indexes: bool) -> None:
        if indexes:
            self._told("keys and indexes")
            self._constraints("uxc", partitioned=False)
        for one in self.definitions:
            if one.partition_of is not None and one.partition_of in self._plan.tables:
                self._run(statements.attach(self.schema, one))
        self._constraints("puxc" if indexes else "p", partitioned=True)
        if indexes:
            for one in self.definitions:
                for statement in statements.indexes(one):
                    self._run(statement)

    def _constraints(self, kinds: str, *, partitioned: bool) -> None:
        for one in self.definitions:
            if (one.partition_by is not None) is partitioned:
                for statement in statements.constraints(self.schema, one, kinds):
                    self._run(statement)
                if "c" in kinds:
                    for statement in statements.not_null_of_new_rows(self.schema, one):
                        self._run(statement)

    def references(self) -> None:
        self._told("references")
        for one in self.definitions:
            for statement in statements.constraints(self.schema, one, "f"):
                self._run(statement)

    def rest(self) -> None:
        schema = self.schema
        for one in self.sequences:
            if one.owned_by and not one.identity:
                self._run(statements.own_sequence(schema, one))
        if len(self._plan.tables) and self._plan.schema.views:
            self._in_rounds(
                [statements.create_view(schema, one) for one in self._plan.schema.views]
            )
            self._in_rounds(
                [
                    statements.refresh_view(schema, one)
                    for one in self._plan.schema.views
                    if one.materialized
                ]
            )
        # Hundreds of small statements: nobody waits for the answer to each.
        with self._driver.pipeline():
            for statement in self._finishing():
                self._run(statement)

    def _finishing(self) -> Iterator[Statement]:
        """What tables, views, types and sequences are told when all of them are there."""
        schema, about = self.schema, self._plan.schema
        for view in about.views:
            yield from statements.indexes(view)
            yield from statements.of_view(schema, view)
            kind = "materialized view" if view.materialized else "view"
            yield from statements.comment(schema, kind, view.name, view.comment)
        for table in self.definitions:
            yield from statements.triggers(schema, table)
            yield from statements.properties(schema, table)
            yield from statements.comments(schema, table)
            for policy in table.policies:
                roles = [role for to in policy.roles if (role := self.roles.named(to)) is not None]
                if len(roles) == len(policy.roles):
                    yield statements.policy(schema, table.name, policy, roles)
                    yield from statements.comment_on_policy(schema, table.name, policy)
                else:
                    self.left_out.append(f"policy {policy.name} on {table.name}")
        for part, kind in (
            (about.types, "type"), (self.sequences, "sequence"), (about.collations, "collation"),
        ):  # fmt: skip
            for named in part:
                yield from statements.comment(schema, kind, named.name, named.comment)


def _check_rows(table: Table, found: int) -> None:
    if found != table.rows:
        raise BackupError(
            f"The table {table.name} has {table.rows:,} rows in the snapshot's manifest, and its "
            f"pieces hold {found:,}. Nothing was changed. Restore from another snapshot, and make "
            "a full backup."
        )


def _check_totals(table: Table, loaded: Loaded) -> None:
    for column in table.columns:
        total = table.totals.get(column.name)
        if total is None or not column.piece_type.startswith("decimal128"):
            continue
        with suppress(InvalidOperation):
            if Decimal(total) == loaded.totals.get(column.name, 0):
                continue
        raise BackupError(
            f"The control total of {table.name}.{column.name} is not what the snapshot's manifest "
            "says. Nothing was changed. Restore from another snapshot, and make a full backup."
        )
