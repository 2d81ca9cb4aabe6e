"""The one door through which records come in: card numbers are masked in it, before anybody else
sees a cell, and columns of verification values do not pass.

Every command that reads customers' files or databases wraps their readers in
:class:`GuardedReader`: what a migration stages, an audit reads again, ``inspect`` counts,
``suggest`` looks at and ``convert`` writes are the same masked cells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.formats.database.digest import CellDigest
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Reader, Records, Reject
from ispmig_pipelines.formats.withholding import WITHHELD
from ispmig_pipelines.validation.card_columns import doubtful, verification_columns
from ispmig_pipelines.validation.card_parts import mask_parts, parts_of_cards
from ispmig_pipelines.validation.cards import (
    ColumnCards,
    Masked,
    Tokens,
    find,
    mask_column,
    redacted,
)

if TYPE_CHECKING:
    # Entities are slow to import, and whoever converts a file needs none.
    from ispmig_pipelines.mapping.spec import Spec

UNREADABLE = "(unreadable records)"
"""Stands for a column where raw texts of records are meant."""

_SAMPLE = 2_000


@dataclass
class _Column:
    """What was found in a column so far."""

    cards: ColumnCards = field(default_factory=ColumnCards)
    masked: int = 0


@dataclass(frozen=True)
class Finding:
    """What was found in a column of a table: counts and names, never a value.

    Attributes:
        column: its name, without card numbers.
        cards: what was found.
        masked: cells that were masked.
        tokens: tokens took the place of the numbers.
        allowed: why its numbers are left alone; None where they are not.
        dropped: it holds what verifies cards and is not read at all.
    """

    column: str
    cards: ColumnCards
    masked: int = 0
    tokens: bool = False
    allowed: str | None = None
    dropped: bool = False

    def as_json(self) -> dict[str, Any]:
        """As findings of a migration keep it."""
        return {
            "column": self.column,
            "cells": self.cards.cells,
            "records": self.cards.cells,
            "numbers": self.cards.numbers,
            "masked": self.masked,
            "issuers": dict(sorted(self.cards.issuers.items())),
            "long_numbers": self.cards.long,
            "long_numbers_passing": self.cards.long_passing,
            "by_chance": self.cards.by_chance,
            "tokens": self.tokens,
            "allowed": self.allowed,
            "dropped": self.dropped,
        }

    def in_words(self) -> str:
        """The same for people, with what to do about it."""
        if self.dropped:
            return f"column {self.column} holds what verifies cards (CVV): it is not read"
        cells = "1 cell" if self.cards.cells == 1 else f"{self.cards.cells:,} cells"
        by = ", ".join(f"{name} {count:,}" for name, count in self.cards.issuers.most_common())
        kind = f"card numbers ({by})" if by else "verification values of cards"
        if self.allowed is not None:
            return (
                f"column {self.column}: {cells} hold what looks like {kind} and is left as it is: "
                f"{self.allowed}"
            )
        instead = (
            "tokens took their place" if self.tokens else "masked but for the last four digits"
        )
        told = f"column {self.column}: {cells} held {kind}, {instead}"
        if self.cards.by_chance and self.column != UNREADABLE:
            told += (
                f"; of its {self.cards.long:,} long numbers {self.cards.long_passing:,} pass the "
                "check digit, and a tenth of any numbers do: if they are no card numbers, add to "
                f'the source  not_cards: {{"{self.column}": "why they are none"}}'
            )
        return told


class GuardedReader:
    """Another reader's records without card numbers and what verifies cards.

    Args:
        reader: the other one.
        allowed: column → why what looks like card numbers there is left as it is.
        tokens: gives what stands in the place of numbers, instead of the mask.
        keep: mask nothing and drop nothing: somebody asked for that in so many words.
        digests_cells: its digest is one of cells, not of a file's bytes, so it has to be taken
            of the cells that are handed over.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        allowed: Mapping[str, str] | None = None,
        tokens: Tokens | None = None,
        keep: bool = False,
        digests_cells: bool = False,
    ) -> None:
        self._reader = reader
        self._allowed = dict(allowed or {})
        self._tokens = tokens
        self._keep = keep
        self._digests_cells = digests_cells
        self._digest: str | None = None
        self._tables: dict[str, str] | None = None
        self._layouts: dict[str, _Layout] = {}
        self._found: dict[str, dict[str, _Column]] = {}

    @property
    def detected(self) -> Detected:
        """As the other reader found it, and what was found of cards so far."""
        found = self._reader.detected
        if self._keep:
            return found
        several = len(self._found) > 1
        told = [
            f"table {table}: {finding.in_words()}" if several else finding.in_words()
            for table in self._found
            for finding in self.findings(table)
        ]
        return replace(
            found,
            notes=(*map(redacted, found.notes), *told),
            questions=tuple(map(redacted, found.questions)),
        )

    @property
    def size(self) -> int:
        """As of the other reader."""
        return self._reader.size

    @property
    def context(self) -> Any:
        """What a script leaves behind for the scripts after it."""
        return getattr(self._reader, "context", None)

    def __enter__(self) -> GuardedReader:
        self._reader.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._reader.__exit__(*exc)

    def tables(self) -> list[str]:
        """As of the other reader, without card numbers in their names."""
        return list(self._by_name())

    def own_name(self, table: str) -> str:
        """What the other reader calls a table."""
        return self._by_name().get(table, table)

    def columns(self, table: str) -> list[str]:
        """The names of the columns that are handed over, without card numbers in them."""
        return list(self._layout(table).kept.values())

    def dropped(self, table: str) -> list[str]:
        """Columns that hold what verifies cards, which are not handed over."""
        return self._layout(table).dropped

    def findings(self, table: str) -> list[Finding]:
        """What was found in the columns of a table, as far as it was read."""
        layout = self._layout(table)
        found = self._found.get(table, {})
        return [
            *(Finding(name, ColumnCards(), dropped=True) for name in layout.dropped),
            *(
                Finding(
                    name,
                    column.cards,
                    column.masked,
                    tokens=self._tokens is not None and column.cards.numbers > 0,
                    allowed=self._allowed.get(name),
                )
                for name, column in found.items()
                if column.cards.cells
            ),
        ]

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The other reader's records, masked; what was found is counted anew."""
        layout = self._layout(table)
        self._found[table] = {}
        digest = CellDigest(list(layout.kept.values()))
        for records in self._reader.batches(self.own_name(table), size):
            guarded = records if self._keep else self._guarded(table, layout, records)
            if self._digests_cells:
                digest.add(guarded.cells.columns)
                for reject in guarded.rejects:
                    digest.add_unreadable(reject.record, reject.text)
            yield guarded
        self._digest = digest.hexdigest()

    def sha256(self) -> str:
        """As of the other reader; of a database, over the cells that were handed over."""
        if not self._digests_cells:
            return self._reader.sha256()
        if self._digest is None:
            raise ValueError("no table has been read to its end yet")
        return self._digest

    def _by_name(self) -> dict[str, str]:
        if self._tables is None:
            names = self._reader.tables()
            shown = names if self._keep else named_apart(names)
            self._tables = dict(zip(shown, names, strict=True))
        return self._tables

    def _layout(self, table: str) -> _Layout:
        if table not in self._layouts:
            self._layouts[table] = self._laid_out(self.own_name(table))
        return self._layouts[table]

    def _laid_out(self, own: str) -> _Layout:
        names = self._reader.columns(own)
        if self._keep:
            return _Layout({name: name for name in names}, [])
        shown = dict(zip(names, named_apart(names), strict=True))
        sample = self._sample(own) if doubtful(names) else None
        with_numbers = [
            name
            for name, cells in zip(names, sample.columns, strict=True)
            if mask_column(cells).found.numbers
        ] if sample is not None else []  # fmt: skip
        dropped = verification_columns(names, sample, with_numbers)
        dropped = [name for name in dropped if shown[name] not in self._allowed]
        kept = {name: shown[name] for name in names if name not in dropped}
        return _Layout(kept, [shown[name] for name in dropped])

    def _sample(self, own: str) -> pa.RecordBatch | None:
        batches = self._reader.batches(own, _SAMPLE)
        try:
            return next((records.cells for records in batches if records.cells.num_rows), None)
        finally:
            if hasattr(batches, "close"):
                batches.close()

    def _guarded(self, table: str, layout: _Layout, records: Records) -> Records:
        found = self._found[table]
        columns, masked = [], {}
        in_parts = self._in_parts(layout, records)
        for name, shown in layout.kept.items():
            at = records.cells.schema.get_field_index(name)
            cells = records.cells.column(at)
            result = in_parts.get(name) or mask_column(cells, self._tokens)
            if result.found.cells or result.found.long:
                column = found.setdefault(shown, _Column())
                column.cards += result.found
                if shown in self._allowed:
                    result = replace(result, cells=cells, where=None)
                else:
                    column.masked += result.found.cells
            if result.where is not None:
                masked[shown] = pa.array(result.where)
            columns.append(result.cells)
        return replace(
            records,
            cells=pa.RecordBatch.from_arrays(columns, names=list(layout.kept.values())),
            rejects=self._rejects(found, layout, records.rejects),
            missing={
                layout.kept[name]: where
                for name, where in records.missing.items()
                if name in layout.kept
            },
            masked=masked,
        )

    def _in_parts(self, layout: _Layout, records: Records) -> dict[str, Masked]:
        """Columns with parts of card numbers, of which a whole one is in the record."""
        found: dict[str, Masked] = {}
        for names in layout.parts:
            if any(layout.kept[name] in self._allowed for name in names):
                continue
            at = [records.cells.schema.get_field_index(name) for name in names]
            alone = [mask_column(records.cells.column(i), self._tokens) for i in at]
            parts = mask_parts([one.cells for one in alone])
            for name, one, part in zip(names, alone, parts, strict=True):
                if part.where is not None:
                    where = part.where if one.where is None else part.where | one.where
                    found[name] = Masked(part.cells, where, one.found + part.found)
        return found

    def _rejects(
        self, found: dict[str, _Column], layout: _Layout, rejects: Sequence[Reject]
    ) -> tuple[Reject, ...]:
        if not rejects:
            return ()
        texts = pa.array([reject.text for reject in rejects], pa.string())
        result = mask_column(texts)
        if result.found.cells:
            column = found.setdefault(UNREADABLE, _Column())
            column.cards += result.found
            column.masked += result.found.cells
        return tuple(
            replace(
                reject,
                text=WITHHELD if layout.dropped else text,
                found=redacted(reject.found),
                accepted=redacted(reject.accepted),
            )
            for reject, text in zip(rejects, result.cells.to_pylist(), strict=True)
        )


@dataclass(frozen=True)
class _Layout:
    """Columns of a table: those that are kept, by their own names, and those that are not."""

    kept: dict[str, str]
    dropped: list[str]

    @cached_property
    def parts(self) -> list[tuple[str, ...]]:
        """Columns that are parts of one card number, by their names."""
        return parts_of_cards(list(self.kept))


def named_apart(names: Sequence[str]) -> list[str]:
    """Names without card numbers; where two become the same, the later ones are numbered."""
    taken = {name for name in names if redacted(name) == name}
    shown = []
    for name in names:
        safe = redacted(name)
        if safe != name:
            base, number = safe, 1
            while safe in taken:
                number += 1
                safe = f"{base} ({number})"
            taken.add(safe)
        shown.append(safe)
    return shown


def tokens_by(step: Callable[[pa.StringArray], pa.StringArray], name: str) -> Tokens:
    """A function of the user's own as what gives tokens for card numbers.

    Args:
        step: calls it with a column of text, see
            :func:`~ispmig_pipelines.mapping.transform.plugin.plugin_step`.
        name: what the spec calls it.

    Raises:
        UsageError: when called, and a token is a card number, or could be taken for one.
    """

    def tokens(numbers: pa.StringArray) -> pa.StringArray:
        distinct = pc.unique(numbers)
        given = step(distinct)
        filled = pc.replace_with_mask(given, pc.fill_null(pc.equal(given, ""), False),
                                      pa.scalar(None, pa.string()))  # fmt: skip
        same = pc.fill_null(pc.equal(filled, distinct), False)
        if mask_column(filled).found.cells or pc.any(same, min_count=0).as_py():
            raise UsageError(
                f"The function {name} gave a token that looks like a card number, so that nobody "
                "could tell it from one. Let it give tokens with letters in them, and never the "
                "number itself."
            )
        return filled.take(pc.index_in(numbers, distinct))

    return tokens


def refuse_name(path: Path) -> None:
    """Refuses a file whose name has a card number: what is run keeps where its files lie.

    Raises:
        UsageError: it has.
    """
    name = str(path)
    if find(name):
        raise UsageError(
            f"The name of {redacted(name)} has a card number in it, and Dagster and the ledger "
            "keep the names of files. Rename it."
        )


def refuse_cards(spec: Spec) -> None:
    """Refuses a spec with a card number in it: its text is kept with every migration.

    Raises:
        SpecError: with every line that has one.
        UsageError: the name of its file has one.
    """
    refuse_name(spec.path)
    problems = [
        f"{spec.path.name}:{number}: a card number stands here ({redacted(line.strip())[:80]}), "
        "and the spec's text is kept with the migration. Take it out; a column or table whose name "
        "has one is named as ispmig inspect shows it"
        for number, line in enumerate(spec.text.splitlines(), 1)
        if find(line)
    ]
    if problems:
        raise SpecError(problems)


def cards_found(source: str, files: Collection[Finding]) -> list[dict[str, Any]]:
    """What was found in the files of a source, by column, as the ledger keeps it."""
    by_column: dict[str, Finding] = {}
    for one in files:
        before = by_column.get(one.column)
        by_column[one.column] = one if before is None else replace(
            before,
            cards=before.cards + one.cards,
            masked=before.masked + one.masked,
            tokens=before.tokens or one.tokens,
            dropped=before.dropped or one.dropped,
        )  # fmt: skip
    return [{"source": source, **found.as_json()} for found in by_column.values()]
