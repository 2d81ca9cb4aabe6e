# ruff: noqa: E501
"""From samples of tables to a draft of a spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ispmig_pipelines.mapping.convert.currency import convert_currency
from ispmig_pipelines.mapping.presets import Preset, Recognised, bind
from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.convertible import CONVERTED, converted
from ispmig_pipelines.mapping.suggest.draft import Block, Draft, Line, Source
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.match import ACTIVE, TOLD, Match
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.recognising import recognise
from ispmig_pipelines.mapping.suggest.references import UNRELATED
from ispmig_pipelines.mapping.suggest.relations import relate
from ispmig_pipelines.mapping.suggest.sample import TableSample
from ispmig_pipelines.mapping.suggest.style import (
    country_of,
    country_of_codes,
    country_of_postal_codes,
    currency_said,
    date_style,
    number_style,
    phone_country,
    spoken_in,
)
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.mapping.suggest.totals_of_lines import total_of_lines
from ispmig_pipelines.mapping.suggest.whose import through
from ispmig_pipelines.mapping.suggest.wording import Lean, of_made, worded
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType

_HAS_SEQUENCE = "sequence" in FieldMapping.model_fields
_CURRENCY_OF = {
    "US": "USD", "GB": "GBP", "CH": "CHF", "PL": "PLN", "CZ": "CZK", "HU": "HUF", "TR": "TRY",
    "RU": "RUB", "UA": "UAH", "BR": "BRL", "MX": "MXN", "AR": "ARS", "CO": "COP", "CL": "CLP",
    "IN": "INR", "BD": "BDT", "PK": "PKR", "ID": "IDR", "PH": "PHP", "NG": "NGN", "KE": "KES",
    "GH": "GHS", "ZA": "ZAR", "AU": "AUD", "NZ": "NZD", "CA": "CAD", "SE": "SEK", "NO": "NOK",
    "BO": "BOB", "PE": "PEN", "UY": "UYU", "PY": "PYG", "GT": "GTQ", "HN": "HNL", "NI": "NIO",
    "CR": "CRC", "DO": "DOP", "VE": "VES", "EG": "EGP", "MA": "MAD", "DZ": "DZD", "TN": "TND",
    "LY": "LYD", "JO": "JOD", "LB": "LBP", "IQ": "IQD", "SA": "SAR", "AE": "AED", "QA": "QAR",
    "KW": "KWD", "OM": "OMR", "BH": "BHD", "YE": "YER", "IL": "ILS", "IR": "IRR", "AF": "AFN",
    "TZ": "TZS", "UG": "UGX", "RW": "RWF", "ET": "ETB", "MZ": "MZN", "AO": "AOA", "ZM": "ZMW",
    "MW": "MWK", "BW": "BWP", "NA": "NAD", "NP": "NPR", "LK": "LKR", "MM": "MMK", "TH": "THB",
    "VN": "VND", "KH": "KHR", "LA": "LAK", "MY": "MYR", "SG": "SGD", "HK": "HKD", "TW": "TWD",
    "KR": "KRW", "MN": "MNT", "UZ": "UZS", "KG": "KGS", "TJ": "TJS", "GE": "GEL", "AM": "AMD",
    "AZ": "AZN", "BY": "BYN", "MD": "MDL", "RO": "RON", "BG": "BGN", "RS": "RSD", "AL": "ALL",
    "MK": "MKD", "BA": "BAM", "IS": "ISK", "JM": "JMD", "TT": "TTD", "HT": "HTG", "FJ": "FJD",
    "PG": "PGK", "SD": "SDG", "SO": "SOS", "MG": "MGA", "CD": "CDF", "SL": "SLE", "GM": "GMD",
    "DK": "DKK", "KZ": "KZT", "JP": "JPY", "CN": "CNY",
    **dict.fromkeys(("DE", "FR", "ES", "IT", "PT", "NL", "BE", "AT", "IE", "FI", "GR", "SK", "SI",
                     "EE", "LV", "LT", "HR", "LU", "MT", "CY"), "EUR"),
}  # fmt: skip
_COUNTRY_OF = {c: k for k, c in reversed(_CURRENCY_OF.items()) if c not in ("EUR", "USD")}


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


@dataclass(frozen=True)
class _Money:
    """The currency of a table's amounts: a mapping and its reason."""

    mapping: Any
    reason: str
    assumed: bool = False


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
        self._leans = self._proven()
        self._country = self._country_of_all()
        self._currencies = self._currencies_of_all()
        for source in self._sources:
            self._source(source)
        self._without_main()
        self._plans()
        self._defaults()
        return self._draft

    def _above(self, source: SourceTable) -> Table | None:
        """The table whose records' children a source's are (JSON), or None."""
        path = str(source.words.get("table", "")).rpartition(".")[0]
        files = source.words.get("files")
        for other in self._sources:
            same = other.words.get("files") == files and other.words.get("table") == path
            if path and same and self._tables[other.name].holdings:
                return self._tables[other.name]
        return None

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

    # --- what the whole export says ---------------------------------------------------------

    def _proven(self) -> dict[str, Lean]:
        """Of each table, what its columns prove of dates and numbers, else what others do."""
        dates: dict[str, set[str]] = {}
        marks: dict[str, set[str]] = {}
        for name, table in self._tables.items():
            dates[name], marks[name] = set(), set()
            for column, entity, field in self._typed(table):
                info = ENTITIES[entity].fields[field]
                profile = table.profiles[column]
                if info.type in (FieldType.DATE, FieldType.TIMESTAMP):
                    order = date_style(profile, info).order if profile.share("date") > 0.5 else ""
                    dates[name] |= {order} if order else set()
                elif info.type is FieldType.MONEY:
                    mark = number_style(profile, info).decimal_mark
                    marks[name] |= {mark} if mark else set()
        every_date = set().union(*dates.values()) - {"ymd"} if dates else set()
        every_mark = set().union(*marks.values()) if marks else set()

        def only(own: set[str], every: set[str]) -> str:
            chosen = own or every
            return next(iter(chosen)) if len(chosen) == 1 else ""

        return {
            name: Lean(only(dates[name] - {"ymd"}, every_date), only(marks[name], every_mark))
            for name in self._tables
        }

    def _typed(self, table: Table) -> list[tuple[str, str, str]]:
        return [
            (m.column, h.entity, f)
            for h in table.holdings for f, m in h.fields.items()
        ]  # fmt: skip

    def _country_of_all(self) -> str:
        """The country that a column of countries names, where it is nearly always one."""
        found: Counter[str] = Counter()
        for table in self._tables.values():
            for column, entity, field in self._typed(table):
                if ENTITIES[entity].fields[field].type is FieldType.COUNTRY:
                    code = country_of(table.profiles[column])
                    found[code] += table.profiles[column].column.filled
                elif ENTITIES[entity].fields[field].type is FieldType.POSTAL_CODE:
                    code = country_of_postal_codes(table.profiles[column])
                    found[code] += table.profiles[column].column.filled
        del found[""]
        if found:
            return found.most_common(1)[0][0] if len(found) == 1 else ""
        return self._country_of_phones()

    def _country_of_phones(self) -> str:
        """The country in which telephone numbers without a code are valid, of those that speak
        the language of the columns' names."""
        names = [name for table in self._tables.values() for name in table.sample.names]
        hints = spoken_in(names)
        hints += tuple(c for c in (_COUNTRY_OF.get(self._given, ""),) if c)
        found: set[str] = set()
        for table in self._tables.values():
            for column, entity, field in self._typed(table):
                if ENTITIES[entity].fields[field].type is FieldType.PHONE:
                    profile = table.profiles[column]
                    code = country_of_codes(profile) or phone_country(profile, hints)[0]
                    found |= {code} if code else set()
        for profile in self._phones_of_presets():
            code = country_of_codes(profile) or phone_country(profile, hints)[0]
            found |= {code} if code else set()
        return found.pop() if len(found) == 1 else ""

    def _currencies_of_all(self) -> dict[str, _Money | None]:
        own: dict[str, _Money] = {}
        codes: set[str] = set()
        for name, table in self._tables.items():
            found = self._currency_of(table)
            if found is not None:
                own[name] = found
                if isinstance(found.mapping, dict):
                    codes.add(found.mapping["constant"])
                else:
                    held = table.sample.column(found.mapping)
                    common = max(held.counts, key=lambda w: held.counts[w], default="")
                    if held.counts and held.counts[common] >= 0.95 * held.filled:
                        code = convert_currency(pa.array([common], pa.string())).values[0].as_py()
                        codes |= {code} if code else set()
        other: _Money | None = None
        if self._given:
            other = _Money({"constant": self._given}, "--currency")
        elif len(codes) == 1:
            other = _Money({"constant": codes.pop()}, "as in other tables", assumed=True)
        elif not codes and (code := _CURRENCY_OF.get(self._country, "")):
            other = _Money({"constant": code}, f"of {self._country}", assumed=True)
        return {name: own.get(name, other) for name in self._tables}

    def _currency_of(self, table: Table) -> _Money | None:
        for holding in table.holdings:
            for field, match in holding.fields.items():
                info = ENTITIES[holding.entity].fields[field]
                if info.type is FieldType.CURRENCY and match.score >= ACTIVE:
                    return _Money(match.column, match.reason)
        for column, entity, field in self._typed(table):
            info = ENTITIES[entity].fields[field]
            if info.type is FieldType.MONEY:
                if code := currency_said(table.profiles[column], info):
                    return _Money({"constant": code}, f"{column} has its sign")
                if code := _code_in(column):
                    return _Money({"constant": code}, f"{column} names it")
        return None

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
            self._complete(block, table)
            if not source.sample.records:
                block.asked = "it holds no records"
        if table.rival and blocks and not blocks[0].asked:
            self._ask(f"{source.name}: its rows are taken for records of {table.holdings[0].entity}, "
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
                self._ask(f"{block.source}.{line.columns[0]}: no {parent} is in these exports")
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
            self._ask(f"{name}: {holding.doubt}")
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
        said = worded(
            entity, match.field, base, profile, self._leans[source], from_preset=from_preset
        )
        if made:
            said = of_made(said, made, entity, match.field)
        info = ENTITIES[entity].fields[match.field]
        reason = "; ".join([match.reason, *said.notes])
        if said.question:
            reason = f"{reason}; ask: {said.question}"
            self._ask(f"{source}.{called} ({entity}.{match.field}): {said.question}")
        for note in said.notes:
            if note.startswith("not sure"):
                self._ask(f"{source}.{called} ({entity}.{match.field}): {note}")
        mapping = said.mapping
        if said.null_words:
            mapping = mapping if isinstance(mapping, dict) else {"column": mapping}
            mapping["null_words"] = ["", *said.null_words]
        active = match.score >= ACTIVE and not said.question and match.column not in table.never
        if active and UNRELATED in match.reason:
            # Records whose customer is none of the export's would all be held back.
            active = False
            self._ask(f"{source}.{match.column} ({entity}.{match.field}): {UNRELATED}: to what does "
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
        hints = tuple({c: 0 for c in (self._country, _COUNTRY_OF.get(currency, "")) if c})
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
            self._ask("of which country are telephone numbers without a code?  defaults: country")

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

    def _ask(self, question: str) -> None:
        if question not in self._draft.questions:
            self._draft.questions.append(question)

    # --- what a block lacks -----------------------------------------------------------------

    def _complete(self, block: Block, table: Table) -> None:
        """Adds what every record must have, and takes back what cannot stand alone."""
        info = ENTITIES[block.entity]
        partial = bool(block.further.pop("partial", False))
        if block.entity == "invoice" and not any(x.field == "total" for x in block.active):
            total = total_of_lines(block, self._tables)
            if total is not None:
                block.lines = [*(x for x in block.lines if x.field != "total"), total]
                self._ask(f"{block.source}: the total of every invoice is assumed to be the sum of "
                          "its lines")  # fmt: skip
        self._money(block)
        there = {line.field for line in block.active}
        for name in info.key:
            if name in there:
                continue
            if name == "line_no" and (column := _line_numbers(table, block)):
                block.lines.insert(0, Line(name, column, (column,), 0.75,
                                           "unique whole numbers, in their order"))  # fmt: skip
                continue
            if _HAS_SEQUENCE and (name == "line_no" or block.entity == "payment"):
                words: dict[str, Any] = {"sequence": {"start": "1"}}
                if name != "line_no":
                    words["sequence"] |= {"prefix": "P-", "width": "6"}
                block.lines.insert(0, Line(name, words, (), 0.5, "assumed: the export numbers "
                                           "none; stable for these very files only", True, True))  # fmt: skip
            else:
                block.asked = f"no column is sure to be {name}, by which its records are told apart"
        if partial:
            self._partial.append(block)
            others = there - {*info.key, *info.money.values()}
            if not others:
                block.asked = block.asked or "nothing but its key is sure"
            return
        there = {line.field for line in block.active}
        for name in info.required:
            if name in there or name in info.key:
                continue
            if name == "status":
                block.lines.append(
                    Line(name, {"constant": "active"}, (), 0.5,
                         "assumed: no column says it for sure", True, True)
                )  # fmt: skip
                self._ask(f"{block.source}: the status of every {block.entity} is assumed active")
            else:
                block.asked = block.asked or f"no column is sure to be {name}"
        order = list(info.fields)
        block.lines.sort(key=lambda line: order.index(line.field))
        # A location needs both of its coordinates.
        names = {line.field for line in block.active}
        for one, other in (("latitude", "longitude"), ("expiry_month", "expiry_year")):
            for line in block.active:
                if (line.field == one and other not in names) or (
                    line.field == other and one not in names
                ):
                    line.active = False
                    line.reason += f"; {one} and {other} belong together"

    def _money(self, block: Block) -> None:
        info = ENTITIES[block.entity]
        amounts = [line for line in block.lines if line.field in info.money]
        said = [line for line in block.active if line.field in info.money.values()]
        if not amounts or said:
            return
        money = self._currencies[block.source]
        if money is None:
            for line in amounts:
                if line.active:
                    line.active = False
                    line.reason += "; ask: in which currency (--currency EUR)?"
            self._ask("in which currency are the amounts? Say --currency EUR")
            return
        if not any(line.active for line in amounts):
            return
        block.lines = [line for line in block.lines if line.field not in info.money.values()]
        for field in dict.fromkeys(info.money[line.field] for line in amounts):
            columns = (money.mapping,) if isinstance(money.mapping, str) else ()
            reason = f"{'assumed: ' if money.assumed else ''}{money.reason}"
            block.lines.append(
                Line(field, money.mapping, columns, 0.6 if money.assumed else 0.9, reason, True,
                     money.assumed)
            )  # fmt: skip
        if money.assumed:
            code = money.mapping["constant"] if isinstance(money.mapping, dict) else ""
            self._ask(f"the currency of amounts is assumed to be {code}")

    def _plans(self) -> None:
        """Plans that services name and no table holds are made of the names."""
        if any(b.entity == "plan" and not b.asked for b in self._draft.blocks):
            return
        made = []
        for block in self._draft.blocks:
            if block.entity != "service" or block.asked:
                continue
            plan = next((line for line in block.active if line.field == "plan"), None)
            if plan is None or not plan.columns:
                continue
            reason = "no table of plans: what services name"
            lines = [Line("plan_code", plan.mapping, plan.columns, plan.confidence, reason)]
            table = self._tables[block.source]
            names = {m.column: m for m in table.matches("plan") if m.field == "name"}
            if plan.columns[0] in names and "id" not in concepts_of(plan.columns[0]):
                lines.append(Line("name", plan.mapping, plan.columns, plan.confidence, reason))
            filled = {k: v for k, v in block.further.items() if k in ("when_filled", "when")}
            column = table.sample.column(plan.columns[0])
            if not filled and column.filled < table.sample.records:
                filled = {"when_filled": plan.columns[0]}
            made.append(Block("plan", block.source, lines, filled))
        self._draft.blocks += made

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
            self._ask("in which time zone are times without an offset?  defaults: timezone")

    def _needs_timezone(self) -> bool:
        for block in self._draft.blocks:
            for line in block.active:
                info = ENTITIES[block.entity].fields[line.field]
                if info.type is FieldType.TIMESTAMP and line.columns:
                    return True
        return False


def _line_numbers(table: Table, block: Block) -> str:
    """A column of unique whole numbers that can count lines: the id of each."""
    used = {c for line in block.active for c in line.columns}
    for column in table.sample.columns:
        said = set(concepts_of(column.name))
        free = column.name not in used and column.is_unique
        counts = said & {"id", "line"} and said <= {"id", "line", "invoice"}
        if free and counts and all(v.isdigit() for v in column.some(100)):
            return column.name
    return ""


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


def _code_in(column: str) -> str:
    """``price_eur`` and ``Preis (€)`` name their currency."""
    signs = {"€": "EUR", "£": "GBP", "₴": "UAH", "₽": "RUB", "₹": "INR", "zł": "PLN", "R$": "BRL"}
    words = {
        w.upper() for w in column.replace("_", " ").replace("(", " ").replace(")", " ").split()
    }
    codes = {"EUR", "USD", "GBP", "CHF", "PLN", "CZK", "UAH", "RUB", "TRY", "BRL", "MXN", "INR",
             "BDT", "PKR", "ZAR", "KES", "NGN", "CAD", "AUD", "SEK", "NOK", "DKK"}  # fmt: skip
    found = words & codes or {code for sign, code in signs.items() if sign in column}
    return found.pop() if len(found) == 1 else ""


def unmapped(source: Source, blocks: Sequence[Block]) -> list[str]:
    """Columns that no active line reads."""
    read = {c for b in blocks if not b.asked for line in b.active for c in line.columns}
    return [c for c in source.columns if c not in read and c not in source.never]
