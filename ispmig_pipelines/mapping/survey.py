"""Looking through a whole source before anything of it is mapped: how its columns write values.

A :class:`Survey` is given every batch of a source. What it settles goes into the plans of the
source's feeds, the same for every batch; what it cannot settle is asked about, all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.apply import FeedPlan, prepare, style_key
from ispmig_pipelines.mapping.batch import batch_of
from ispmig_pipelines.mapping.evidence import Evidence, Question, Settled
from ispmig_pipelines.mapping.field_plan import FieldPlan
from ispmig_pipelines.mapping.lookup_table import LookupTables
from ispmig_pipelines.mapping.spec import Feed, Spec

Styles = dict[str, dict[str, Settled]]
"""Name of a feed → key of a mapping (:func:`~ispmig_pipelines.mapping.apply.style_key`) → what
its column settled."""


@dataclass(frozen=True)
class _Looked:
    """A mapping whose column is looked at.

    Attributes:
        at: line of the mapping in the spec; subject: how it is called there.
    """

    feed: Feed
    key: str
    plan: FieldPlan
    evidence: Evidence
    at: int
    subject: str


@dataclass(frozen=True)
class Finding:
    """What came of looking at a mapping's column.

    Attributes:
        feed: name of the feed; key: of the mapping in it (``style_key``).
        line: of the mapping in the spec; subject: how it is called there.
        columns: the source's columns that it reads.
        outcome: what is settled or asked; None: every cell has one reading.
        cells: how many cells decided for what is settled.
    """

    feed: str
    key: str
    line: int
    subject: str
    columns: tuple[str, ...]
    outcome: Settled | Question | None
    cells: int = 0


class Survey:
    """What the columns of one source say of how they are written."""

    def __init__(
        self, spec: Spec, source: str, columns: Sequence[str], tables: LookupTables | None = None
    ) -> None:
        """Raises:
        SpecError: as :func:`~ispmig_pipelines.mapping.apply.prepare`.
        """
        self._spec = spec
        self._looked: list[_Looked] = []
        self._feeds: dict[str, FeedPlan] = {}
        for feed in spec.feeds_of(source):
            whole = prepare(spec, feed, columns, tables=tables)
            self._feeds[feed.name] = whole
            for plan in whole.fields:
                line = spec.field_line(feed, plan.name)
                self._look(feed, style_key(plan.name), plan, line, f"{feed.entity}.{plan.name}")
            for number, rule in enumerate(whole.rules, 1):
                for plan in rule.maps:
                    line = spec.block_line(feed, "rules", number - 1, "map", plan.name)
                    subject = f"{feed.entity}, rule {number}, {plan.name}"
                    self._look(feed, style_key(plan.name, number), plan, line, subject)

    def _look(self, feed: Feed, key: str, plan: FieldPlan, line: int, subject: str) -> None:
        if plan.verbatim or not plan.origins:
            return
        if plan.lookup is not None and plan.lookup.otherwise != "keep":
            return
        evidence = Evidence.for_field(plan.info, plan.style)
        if evidence is not None:
            self._looked.append(_Looked(feed, key, plan, evidence, line, subject))

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The source's columns that :meth:`add` reads; empty if nothing is to be looked at."""
        read = [column for looked in self._looked for column in looked.plan.columns]
        for looked in self._looked:
            read += self._feeds[looked.feed.name].selection.columns_needed
        return tuple(dict.fromkeys(read))

    def add(self, records: Records, file: str, first: int = 0) -> None:
        """Looks at a batch.

        Args:
            file: what people call the file.
            first: records of the source in files before it.
        """
        batch = batch_of(records, first)
        chosen: dict[str, np.ndarray | None] = {}
        for looked in self._looked:
            texts = looked.plan.text(batch.cells, batch.first, batch.record).values
            record = batch.record
            name = looked.feed.name
            if name not in chosen:
                selection = self._feeds[name].selection
                # What rules route may depend on what is being settled here.
                some = looked.feed.when_filled or looked.feed.when is not None
                chosen[name] = selection.taken_first(batch) if some else None
            mask = chosen[name]
            if mask is not None:
                texts, record = texts.filter(mask), record.filter(mask)
            looked.evidence.add(texts, record, file)

    def findings(self) -> list[Finding]:
        """What all cells together say, of every mapping that was looked at."""
        found = []
        for looked in self._looked:
            outcome = looked.evidence.settle()
            cells = looked.evidence.cells_for(outcome) if isinstance(outcome, Settled) else 0
            found.append(
                Finding(
                    looked.feed.name,
                    looked.key,
                    looked.at,
                    looked.subject,
                    tuple(looked.plan.origins),
                    outcome,
                    cells,
                )
            )
        return found

    def settled(self) -> tuple[Styles, list[str]]:
        """What was settled, and the questions about what was not: ``file:line: what``."""
        styles: Styles = {}
        questions = []
        for found in self.findings():
            if isinstance(found.outcome, Question):
                questions.append(self.question(found))
            elif found.outcome is not None:
                styles.setdefault(found.feed, {})[found.key] = found.outcome
        return styles, questions

    def question(self, found: Finding) -> str:
        """What is asked, as ``file:line: what``."""
        columns = ", ".join(found.columns)
        return (
            f"{self._spec.path.name}:{found.line}: {found.subject}: column {columns} "
            f"{found.outcome}"
        )
