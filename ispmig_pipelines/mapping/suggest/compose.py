# ruff: noqa: E501
"""From samples of tables to a draft of a spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ispmig_pipelines.mapping.presets import Preset, Recognised, bind
from ispmig_pipelines.mapping.suggest.completing import complete_block, plans_of_names
from ispmig_pipelines.mapping.suggest.convertible import CONVERTED, converted
from ispmig_pipelines.mapping.suggest.currencies import COUNTRY_OF, currencies_of_all
from ispmig_pipelines.mapping.suggest.draft import Block, Draft, Line, Source
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.leaning import country_of_all, proven
from ispmig_pipelines.mapping.suggest.match import ACTIVE, TOLD, Match
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.recognising import recognise
from ispmig_pipelines.mapping.suggest.references import UNRELATED
from ispmig_pipelines.mapping.suggest.relations import relate
from ispmig_pipelines.mapping.suggest.sample import TableSample
from ispmig_pipelines.mapping.suggest.signs import sign_of
from ispmig_pipelines.mapping.suggest.style import phone_country
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.mapping.suggest.whose import through
from ispmig_pipelines.mapping.suggest.wording import of_made, worded
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType


@dataclass(frozen=True)
class SourceTable:
    """A table as it comes to the suggestions.

    Attributes:
        name: of the source in the spec.
        words: what the spec says of it: files, table, …
        sample: its first records.
        recognised: what the preset takes it for, if it does.
    """

    name: str
    words: dict[str, Any]
    sample: TableSample
    recognised: Recognised | None = None


def compose(
    name: str, sources: Sequence[SourceTable], preset: Preset | None, *, currency: str = ""
) -> Draft:
    """Drafts a spec.

    Args:
        name: of the spec.
        currency: the currency of amounts that do not say it, if the user has.
    """
    return _Composer(name, sources, preset, currency).draft()


class _Composer:
    def __init__(
        self, name: str, sources: Sequence[SourceTable], preset: Preset | None, currency: str
    ) -> None:
        self._sources = sources
        self._preset = preset
        self._given = currency
        self._draft = Draft(name, preset.name if preset else "")
        self._partial: list[Block] = []
        self._tables = {s.name: Table(s.sample, fixed=s.recognised is not None, source=s.name)
                        for s in sources}  # fmt: skip
        self._bound = self._bind()

    def draft(self) -> Draft:
        places = {id(self._tables[source.name]): source for source in self._sources}
        recognise(list(self._tables.values()), lambda table: self._above(places[id(table)]))
        for source in self._sources:
            if source.recognised is None:
                others = [t for n, t in self._tables.items() if n != source.name]
                self._tables[source.name].recognise_nameless(others)
        relate(list(self._tables.values()))
        self._leans = proven(self._tables)
        likely = tuple(c for c in (COUNTRY_OF.get(self._given, ""),) if c)
        self._country = country_of_all(self._tables, likely, self._phones_of_presets())
        self._currencies = currencies_of_all(self._tables, self._given, self._country)
        for source in self._sources:
            self._source(source)
        self._without_main()
        plans_of_names(self._draft, self._tables)
        self._defaults()
        return self._draft

    def _above(self, source: SourceTable) -> list[Table]:
        """The tables in whose records a source's stand (JSON, XML), the nearest first."""
        path = str(source.words.get("table", "")).rpartition(".")[0]
        files = source.words.get("files")
        there = {
            str(other.words.get("table", "")): self._tables[other.name]
            for other in self._sources if other.words.get("files") == files
        }  # fmt: skip
        found = []
        while path:
            # Between an invoice and its lines there may be a list that has nothing of its own.
            if path in there:
                found.append(there[path])
            path = path.rpartition(".")[0]
        return found

    # --- presets ---------------------------------------------------------------------------

    def _bind(self) -> dict[str, Any]:
        if self._preset is None:
            return {}
        others: dict[str, Sequence[str]] = {}
        for source in self._sources:
            if source.recognised is not None and source.sample.records:
                others.setdefault(source.recognised.table, source.sample.names)
        bound = {}
        for source in self._sources:
            if source.recognised is None:
                continue
            bound[source.name] = bind(
                self._preset, source.recognised.table, source.sample.names, others
            )
            table = self._tables[source.name]
            table.kept = frozenset(
                column
                for block in bound[source.name].blocks for mapping in block.fields.values()
                if isinstance(mapping, dict) and "transform" in mapping
                and (column := _one_column(mapping)) is not None
            )  # fmt: skip
            for block in bound[source.name].blocks:
                fields = {
                    f: Match(block.entity, f, column, 0.97, "preset")
                    for f, mapping in block.fields.items()
                    if (column := _one_column(mapping)) is not None
                }
                table.holdings.append(Holding(block.entity, fields))
        return bound

    # --- sources and blocks -----------------------------------------------------------------

    def _source(self, source: SourceTable) -> None:
        table = self._tables[source.name]
        drafted = Source(source.name, source.words, source.sample.names, dict(table.never))
        self._draft.sources.append(drafted)
        blocks: list[Block]
        if source.name in self._bound:
            bound = self._bound[source.name]
            drafted.never.update(bound.never)
            if self._preset is not None and source.recognised is not None:
                drafted.notes += self._preset.tables[source.recognised.table].notes
            blocks = [self._preset_block(source.name, table, block) for block in bound.blocks]
        else:
            blocks = [self._block(source.name, table, holding) for holding in table.holdings]
        if drafted.never:
            drafted.words = {**drafted.words, "never": list(drafted.never)}
        for block in blocks:
            if complete_block(self._draft, block, self._tables, self._currencies[source.name]):
                self._partial.append(block)
            if not source.sample.records:
                block.asked = "it holds no records"
        if table.rival and blocks and not blocks[0].asked:
            self._draft.ask(f"{source.name}: its rows are taken for records of {table.holdings[0].entity}, "
                      f"and may as well be of {table.rival}: which are they?")  # fmt: skip
        whole = [b for b in blocks if not b.asked and "when_filled" not in b.further
                 and "when" not in b.further]  # fmt: skip
        if blocks and not whole:
            for block in blocks:
                block.asked = block.asked or "every record of a source must become something"
        if all(b.asked for b in blocks):
            drafted.unused = (
                "it holds no records" if not source.sample.records
                else "what its records need is not known yet" if blocks
                else " ".join(drafted.notes) if drafted.notes
                else "no entity of the platform is recognised in it"
            )  # fmt: skip
        self._draft.blocks += blocks

    def _without_main(self) -> None:
        """What completes records of another table cannot stand where that table does not."""
        whole = {b.entity for b in self._draft.blocks if not b.asked and b not in self._partial}
        for block in self._partial:
            if block.entity not in whole:
                block.asked = block.asked or "the records that it completes are in no active block"
        there = {b.entity for b in self._draft.blocks if not b.asked}
        if any(b.entity == "service" and not b.asked for b in self._draft.blocks):
            there.add("plan")
        for block in self._draft.blocks:
            info = ENTITIES[block.entity]
            for line in block.active:
                parent = info.references.get(line.field, "")
                if not parent or parent in there or line.field in (*info.required, *info.key):
                    continue
                # Records that refer to what is nowhere would all be held back.
                line.active = False
                line.reason += f"; ask: no {parent} is in these exports, is it in the tenant?"
                self._draft.ask(
                    f"{block.source}.{line.columns[0]}: no {parent} is in these exports"
                )
        for source in self._draft.sources:
            blocks = self._draft.blocks_of(source.name)
            if blocks and all(b.asked for b in blocks) and not source.unused:
                source.unused = "what its records need is not known yet"

    def _preset_block(self, name: str, table: Table, bound: Any) -> Block:
        lines = []
        for field, mapping in bound.fields.items():
            comment = bound.comments.get(field, "")
            why = f"preset {self._draft.preset}" + (f": {comment}" if comment else "")
            column = _one_column(mapping)
            if column is None:
                columns = tuple(_columns_of(mapping))
                line = Line(field, mapping, columns, 0.97, why)
                lines.append(line)
                is_phone = ENTITIES[bound.entity].fields[field].type is FieldType.PHONE
                if is_phone and (profile := self._phones_elsewhere(mapping)) is not None:
                    self._phone(line, profile)
                continue
            base = {"column": mapping} if isinstance(mapping, str) else dict(mapping)
            match = Match(bound.entity, field, column, 0.97, why)
            lines.append(self._line(name, table, bound.entity, match, base, from_preset=True))
        order = list(ENTITIES[bound.entity].fields)
        lines.sort(key=lambda line: order.index(line.field))
        return Block(bound.entity, name, lines, dict(bound.further))

    def _block(self, name: str, table: Table, holding: Holding) -> Block:
        order = list(ENTITIES[holding.entity].fields)
        matched = sorted(holding.fields.values(), key=lambda m: order.index(m.field))
        lines = [
            self._line(name, table, holding.entity, match, _base_of(match))
            for match in matched
            if match.score >= TOLD
        ]
        pairs = [m for m in matched if m.score >= ACTIVE]
        lines += self._second_halves(name, table, holding.entity, pairs, lines)
        lines = self._with_customer(table, holding, lines)
        lines.sort(key=lambda line: order.index(line.field))
        further = {"when_filled": holding.when_filled} if holding.when_filled else {}
        block = Block(holding.entity, name, lines, further, holding.doubt)
        if holding.doubt:
            self._draft.ask(f"{name}: {holding.doubt}")
        if holding.partial:
            block.further["partial"] = True
        return block

    def _with_customer(self, table: Table, holding: Holding, lines: list[Line]) -> list[Line]:
        """Adds the customer of records that name their service or invoice only."""
        names, tables = list(self._tables), list(self._tables.values())
        found = through(tables, table, holding)
        if found is None:
            return lines
        source = names[found.table]
        mapping = {
            "column": found.column,
            "lookup_table": {"source": source, "key": found.key, "value": found.value},
        }
        line = Line("customer", mapping, (found.column,), 0.8,
                    f"{source} says whose each {found.key} is")  # fmt: skip
        return [*(x for x in lines if x.field != "customer"), line]

    def _second_halves(
        self, name: str, table: Table, entity: str, matched: list[Match], lines: list[Line]
    ) -> list[Line]:
        """``20/5 Mbit`` is download and upload; ``50.3,-4.1`` latitude and longitude."""
        there = {line.field for line in lines}
        found = []
        for match in matched:
            for first, second, shape in (
                ("download_kbps", "upload_kbps", "speed pair"),
                ("latitude", "longitude", "coordinates"),
            ):
                pair = match.field == first and second not in there
                if pair and table.profiles[match.column].share(shape) > 0.5:
                    other = Match(entity, second, match.column, match.score, match.reason)
                    base = {"column": match.column}
                    found.append(self._line(name, table, entity, other, base))
        return found

    def _line(
        self,
        source: str,
        table: Table,
        entity: str,
        match: Match,
        base: dict[str, Any],
        *,
        from_preset: bool = False,
    ) -> Line:
        profile = table.profiles[match.column]
        made = table.made.get(match.column)
        columns = made.columns if made else (match.column,)
        called = " + ".join(columns)
        if made:
            base = {"column": made.called}
        lean = self._leans[source]
        if ENTITIES[entity].fields[match.field].positive_is and not made:
            sign, why = sign_of(table, match.column, self._tables.values())
            lean = replace(lean, positive_is=sign, why=why)
        said = worded(entity, match.field, base, profile, lean, from_preset=from_preset)
        if made:
            said = of_made(said, made, entity, match.field)
        info = ENTITIES[entity].fields[match.field]
        reason = "; ".join([match.reason, *said.notes])
        if said.question:
            reason = f"{reason}; ask: {said.question}"
            self._draft.ask(f"{source}.{called} ({entity}.{match.field}): {said.question}")
        if said.left and not said.question:
            reason = f"{reason}; ask: {said.left}"
            self._draft.ask(f"{source}.{called} ({entity}.{match.field}): {said.left}")
        for note in said.notes:
            if note.startswith("not sure"):
                self._draft.ask(f"{source}.{called} ({entity}.{match.field}): {note}")
        mapping = said.mapping
        if said.null_words:
            mapping = mapping if isinstance(mapping, dict) else {"column": mapping}
            mapping["null_words"] = ["", *said.null_words]
        # That the words of a choice are not known says nothing against what the column is called.
        score = max(match.score, match.called) if said.left else match.score
        active = score >= ACTIVE and not said.question and match.column not in table.never
        if active and UNRELATED in match.reason:
            # Records whose customer is none of the export's would all be held back.
            active = False
            self._draft.ask(f"{source}.{match.column} ({entity}.{match.field}): {UNRELATED}: to what does "
                      "it refer?")  # fmt: skip
        share = 1.0 if from_preset else converted(profile, entity, match.field, mapping)
        if active and match.through is None and share < CONVERTED:
            # What would hold back one record in twenty is looked at first.
            active = False
            reason += f"; only {share:.0%} of its cells could be converted"
        assumed = said.assumed or match.reason.startswith("assumed")
        line = Line(match.field, mapping, columns, match.score, reason, active,
                    assumed)  # fmt: skip
        if info.type is FieldType.PHONE and active:
            self._phone(line, profile)
        return line

    def _phone(self, line: Line, profile: Profile) -> None:
        currency = next((m.mapping["constant"] for m in self._currencies.values()
                         if m and isinstance(m.mapping, dict)), "")  # fmt: skip
        hints = tuple({c: 0 for c in (self._country, COUNTRY_OF.get(currency, "")) if c})
        code, settled = phone_country(profile, hints)
        if code:
            self._draft.defaults.setdefault(
                "country",
                (code, ("its telephone numbers are valid there" if settled else
                        "assumed: of telephone numbers without a country's code")),
            )  # fmt: skip
        elif not settled and "country" not in self._draft.defaults:
            line.active = False
            line.reason += "; ask: of which country are its numbers (defaults: country)?"
            self._draft.ask(
                "of which country are telephone numbers without a code?  defaults: country"
            )

    def _phones_elsewhere(self, mapping: Any) -> Profile | None:
        """The column of another table that telephone numbers come from."""
        if not isinstance(mapping, dict) or "lookup_table" not in mapping:
            return None
        looked_up = mapping["lookup_table"]
        table = self._tables.get(looked_up["source"])
        return table.profiles[looked_up["value"]] if table else None

    def _phones_of_presets(self) -> list[Profile]:
        """Those columns of all blocks."""
        return [
            profile
            for bound in self._bound.values()
            for block in bound.blocks
            for field, mapping in block.fields.items()
            if ENTITIES[block.entity].fields[field].type is FieldType.PHONE
            and (profile := self._phones_elsewhere(mapping)) is not None
        ]

    # --- defaults ---------------------------------------------------------------------------

    def _defaults(self) -> None:
        draft = self._draft
        preset = dict(self._preset.document.defaults) if self._preset else {}
        nothing: Counter[str] = Counter()
        used = {b.source for b in draft.blocks if not b.asked}
        for source in self._sources:
            if source.name in used:
                for column in source.sample.columns:
                    nothing.update(column.nothing)
        said = preset.pop("null_words", ())
        words = [said] if isinstance(said, str) else list(said)
        if nothing or words:
            every = list(dict.fromkeys(["", *words, *sorted(nothing)]))
            draft.defaults["null_words"] = (every, "cells that mean nothing here")
        for key, value in preset.items():
            draft.defaults[key] = (value, f"preset {draft.preset}")
        if self._needs_timezone():
            draft.defaults.setdefault(
                "timezone", ("UTC", "assumed: times without an offset; in which zone are they?")
            )
            self._draft.ask("in which time zone are times without an offset?  defaults: timezone")

    def _needs_timezone(self) -> bool:
        for block in self._draft.blocks:
            for line in block.active:
                info = ENTITIES[block.entity].fields[line.field]
                if info.type is FieldType.TIMESTAMP and line.columns:
                    return True
        return False


def _base_of(match: Match) -> dict[str, Any]:
    if match.through is None:
        return {"column": match.column}
    source, key, value = match.through
    looked_up = {"source": source, "key": key, "value": value}
    return {"column": match.column, "lookup_table": looked_up}


def _one_column(mapping: Any) -> str | None:
    if isinstance(mapping, str):
        return mapping
    if "lookup_table" in mapping:
        # What the field gets are another table's cells; the column's own say nothing of them.
        return None
    column = mapping.get("column")
    return column if isinstance(column, str) else None


def _columns_of(mapping: Any) -> list[str]:
    if isinstance(mapping, str):
        return [mapping]
    column = mapping.get("column")
    return [column] if column else [*mapping.get("columns", ()), *mapping.get("coalesce", ())]


def unmapped(source: Source, blocks: Sequence[Block]) -> list[str]:
    """Columns that no active line reads."""
    read = {c for b in blocks if not b.asked for line in b.active for c in line.columns}
    return [c for c in source.columns if c not in read and c not in source.never]
