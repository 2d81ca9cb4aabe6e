"""Cells that become secrets: they stand in their field, and nowhere under ``legacy``.

A password may come to its field by a way of its own: from one of several columns (``coalesce``), by
a rule, or out of a table that is looked up in, whose own records are migrated as well. Whichever
it is, the cell is withheld from ``legacy`` as a column of the source's ``never`` is: nothing
stands in its place.

A table may hold passwords in some rows and other things in others (``radcheck`` of RADIUS). Then
what says which rows are meant says which cells are withheld: the ``where`` of a lookup, and what
the ``when`` of a block or a rule asks of other columns. Not whether columns are empty
(``when_filled``): a password is one, whether or not there is something for it to open. Nor what
is asked of the password itself, to tell it from a hash, or of fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ispmig_pipelines.condition import Condition, columns_of, fields_of
from ispmig_pipelines.condition.tree import And, IsNothing, Not
from ispmig_pipelines.mapping.batch import Batch
from ispmig_pipelines.mapping.lookup_table import rows_where
from ispmig_pipelines.mapping.rules import ConditionPlan
from ispmig_pipelines.mapping.selection import Selection
from ispmig_pipelines.mapping.source_models import Source
from ispmig_pipelines.mapping.spec import Feed, Spec
from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import Privacy


@dataclass(frozen=True)
class SecretRows:
    """The rows of a column whose cells become a secret: those for which all of this holds.

    Attributes:
        selection: the block that takes them.
        when: what a rule asks of the row's columns.
        where: a lookup's words, by the source's own names of the columns.
    """

    selection: Selection = field(default_factory=Selection)
    when: tuple[ConditionPlan, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_all(self) -> bool:
        """Every row is meant."""
        return self.selection.takes_all and not self.when and not self.where

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that :meth:`mask` reads."""
        return (
            *self.selection.columns_needed,
            *(name for condition in self.when for name in condition.columns.values()),
            *self.where,
        )

    def mask(self, batch: Batch) -> np.ndarray:
        """Mask of the rows."""
        rows: np.ndarray = rows_where(batch.cells, self.where).to_numpy(zero_copy_only=False)
        for condition in self.when:
            rows = rows & condition.holds(batch, {})
        return rows if self.selection.takes_all else rows & self.selection.mask(batch)


@dataclass(frozen=True)
class Withheld:
    """A column of which cells become secrets.

    Attributes:
        column: the source's own name of it.
        rows: which ones; a cell is withheld if any of these says so.
    """

    column: str
    rows: tuple[SecretRows, ...]

    @property
    def is_whole(self) -> bool:
        """All of the column is withheld."""
        return any(rows.is_all for rows in self.rows)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that :meth:`mask` reads."""
        if self.is_whole:
            return ()
        return tuple(dict.fromkeys(name for rows in self.rows for name in rows.columns_needed))

    def mask(self, batch: Batch) -> np.ndarray:
        """Mask of the rows whose cell is withheld."""
        if self.is_whole:
            return np.ones(batch.size, dtype=bool)
        return np.logical_or.reduce([rows.mask(batch) for rows in self.rows])


def withheld_columns(
    spec: Spec,
    source: str,
    columns: Mapping[str, str | None],
    selection: Callable[[Feed], Selection],
    condition: Callable[[Condition], ConditionPlan],
) -> dict[str, Withheld]:
    """The columns of a source of which cells become secrets, by the source's own names.

    Args:
        columns: a column as the spec writes it → the source's own name of it, or None.
        selection, condition: make the plans of a feed's choice of records and of a condition.
    """
    found: dict[str, list[SecretRows]] = {}
    # A file may be the table of one source and the records of another.
    same = [name for name in spec.sources if _place(spec.sources[name]) == _place(
        spec.sources[source])]  # fmt: skip
    for name in same:
        for feed in spec.feeds_of(name):
            for mapping, when in _of_secrets(feed):
                for column in (taken := _taken(mapping)):
                    own = columns[column]
                    if own is not None:
                        asked = [
                            part
                            for part in (*_conjuncts(feed.when), *_conjuncts(when))
                            if _tells_rows(part, taken)
                        ]
                        rows = _rows(feed, asked, columns, selection, condition)
                        found.setdefault(own, []).append(rows)
    for feed in spec.feeds:
        for mapping, _ in _of_secrets(feed):
            table = mapping.lookup_table.chain[-1] if mapping.lookup_table else None
            own = columns[table.value] if table is not None and table.source in same else None
            if table is not None and own is not None:
                where = {columns[name]: words for name, words in (table.where or {}).items()}
                known = {name: words for name, words in where.items() if name is not None}
                # Which rows are meant cannot be told without all of the columns: then it is all.
                rows = SecretRows(where=known if len(known) == len(where) else {})
                found.setdefault(own, []).append(rows)
    return {own: Withheld(own, tuple(rows)) for own, rows in found.items()}


def _place(source: Source) -> tuple[object, ...]:
    """What two sources have in common that read the same records."""
    return source.files, source.member, source.table, source.database, source.query


def _of_secrets(feed: Feed) -> Iterator[tuple[FieldMapping, Condition | None]]:
    """The mappings of secret fields, each with the condition of its rule."""
    fields = ENTITIES[feed.entity].fields
    for name, mapping in feed.fields.items():
        if fields[name].privacy is Privacy.SECRET:
            yield mapping, None
    for rule in feed.rules:
        for name, mapping in rule.maps.items():
            if fields[name].privacy is Privacy.SECRET:
                yield mapping, rule.when


def _taken(mapping: FieldMapping) -> tuple[str, ...]:
    """The columns whose cells the field gets, as the spec writes them. What is looked up in a
    table is not among them, unless it is kept where the table does not have it."""
    if mapping.lookup_table is not None and mapping.otherwise != "keep":
        return ()
    return mapping.origin_columns


def _rows(
    feed: Feed,
    asked: list[Condition],
    columns: Mapping[str, str | None],
    selection: Callable[[Feed], Selection],
    condition: Callable[[Condition], ConditionPlan],
) -> SecretRows:
    """The rows of which a feed takes cells, where all of this is asked."""
    chosen = replace(selection(feed), when_filled=(), when=None)
    named = [*chosen.columns_needed, *(name for part in asked for name in columns_of(part))]
    if any(columns[name] is None for name in named):
        return SecretRows()
    return SecretRows(selection=chosen, when=tuple(condition(part) for part in asked))


def _tells_rows(part: Condition, taken: tuple[str, ...]) -> bool:
    """Whether a condition says what kind of thing a row's cells are."""
    asked = part.part if isinstance(part, Not) else part
    names = set(columns_of(asked))
    if isinstance(asked, IsNothing) or fields_of(asked):
        return False
    return bool(names) and not (len(taken) == 1 and names <= set(taken))


def _conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, And) else (condition,)
