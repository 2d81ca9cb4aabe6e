# ruff: noqa: E501
"""Which entities a table holds, and which of its columns is which field of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.elimination import by_elimination
from ispmig_pipelines.mapping.suggest.entity_of_table import weighed
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.keys import KEY_INSTEAD, key_of
from ispmig_pipelines.mapping.suggest.kinds import NOTHING, likely
from ispmig_pipelines.mapping.suggest.links import PARENT, column_of_parent, overlap
from ispmig_pipelines.mapping.suggest.made_columns import MadeColumn
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match, matches
from ispmig_pipelines.mapping.suggest.nameless import by_cells, by_reference
from ispmig_pipelines.mapping.suggest.never_loaded import never_loaded
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.roles import own_number
from ispmig_pipelines.mapping.suggest.sample import ColumnSample, TableSample
from ispmig_pipelines.mapping.suggest.strange_tables import is_strange
from ispmig_pipelines.mapping.suggest.table_names import hinted_by_name, is_weakly_hinted
from ispmig_pipelines.mapping.suggest.wide_rows import further
from ispmig_pipelines.model import ENTITIES

_OF_A_PARENT = 0.95
"""Share of the values that the parent's column must have."""
RECORD_OF_PARENT = "_parent_record"
POSITION = "_position"
"""What readers of nested files add to the records of a list: the number of the record above, and
their own in it."""

_CLOSE = 2.0
"""So little less than the likeliest entity makes another likely, too."""
_AGAINST_NOTHING = -0.5
"""What the logarithm of an entity's chance may lack to that of nothing: a table of an export is
there because somebody thought that it is the platform's."""


def _may_stand_below(entity: str, above: str) -> bool:
    """Whether records of an entity are of those of another one: by name, or through a third."""
    of = ENTITIES[entity].references.values()
    return not above or above in of or any(_may_stand_below(e, above) for e in of)


class Table:
    """A table and what is thought of it; what a preset says of a fixed one stays."""

    def __init__(self, sample: TableSample, *, fixed: bool = False, source: str = "") -> None:
        self.sample = sample
        self.source = source or sample.name
        self.fixed = fixed
        self.profiles = {c.name: Profile(c) for c in sample.columns}
        self._matches: dict[str, list[Match]] = {}
        self.linked: dict[str, str] = {}
        self.is_billed = False
        """Whether tables of invoices or payments refer to it."""
        self.beside = 0
        """Records of the longest of the other tables."""
        self.customers_beside = 0
        """Records of the longest of the other tables that are surely called customers."""
        self.people_beside = False
        """Whether another table is called one of customers, accounts or users."""
        self.services_beside = False
        """Whether another table is called one of services or plans."""
        self.refers: dict[str, tuple[Table, str]] = {}
        """Columns that hold keys of another table, by name and by values: it, and its key."""
        self.is_named = False
        """Whether columns of other tables are called like its key and have its values."""
        self.holdings: list[Holding] = []
        self.kept: frozenset[str] = frozenset()
        """Columns of passwords out of which a preset takes the hashes."""
        self.rival = ""
        """The entity that its rows may be nearly as well, or ""."""
        self.made: dict[str, MadeColumn] = {}
        """Columns that can be made of its own, by their names."""
        self.above = ""
        """The entity of the records whose children these are (JSON), if they are any's."""
        self.parent: Table | None = None
        """The table of those records."""
        self.within: frozenset[str] = frozenset()
        """The entities of all records in which these stand, their parents' parents included."""
        self.role = ""
        """The entity of its rows by what they refer to, or ""."""

    def matches(self, entity: str) -> list[Match]:
        """Every column that may be a field of the entity, best first."""
        if entity not in self._matches:
            found = matches(self.sample, self.profiles, entity, self.above, self.made)
            known = [m for m in self._by_cells if m.entity == entity]
            mine = {(m.field, m.column) for m in known}
            found = [*known, *(m for m in found if (m.field, m.column) not in mine)]
            found = self._with_links(entity, self._with_parent(entity, found))
            self._matches[entity] = self._without_own_number(entity, found)
        return self._matches[entity]

    def _with_parent(self, entity: str, found: list[Match]) -> list[Match]:
        """What stands below a record refers to it by its key, whatever that is called."""
        names = [n for n, of in ENTITIES[entity].references.items() if of == self.above]
        column, through = self.to_parent, None
        if not column and self.parent is not None:
            column, through = self._to_parent_by_another()
        if not column or not names:
            return found
        found = [m for m in found if m.field not in names or not m.column.startswith(PARENT)]
        why = f"the key of its {self.above}"
        return [*found, Match(entity, names[0], column, 0.95, why, through)]

    def _to_parent_by_another(self) -> tuple[str, tuple[str, str, str] | None]:
        """The column that has another unique column of the parent's records, or their number in
        the only list of them; and how it leads to their key."""
        parent = self.parent
        key = parent.main.key_column if parent and parent.holdings else ""
        if parent is None or not key:
            return "", None
        for column in parent.sample.columns:
            mine = column_of_parent(self.sample.names, column.name)
            whole = column.is_unique and column.filled == parent.sample.records
            if mine and whole and overlap(self.sample.column(mine), column) >= _OF_A_PARENT:
                return mine, (parent.source, column.name, key)
        if RECORD_OF_PARENT in self.sample.names and POSITION in parent.sample.names:
            number = self.sample.column(RECORD_OF_PARENT)
            place = parent.sample.column(POSITION)
            if place.is_unique and overlap(number, place) == 1.0 and "1" in place.counts:
                return RECORD_OF_PARENT, (parent.source, POSITION, key)
        return "", None

    def _without_own_number(self, entity: str, found: list[Match]) -> list[Match]:
        """What numbers its own rows names no record of another table."""
        own = own_number(self)
        of = ENTITIES[entity].references
        if not own or own in self.linked:
            return found
        return sorted(
            (
                replace(m, score=m.score * 0.6, reason=f"{m.reason}; it numbers its own rows")
                if m.column == own and m.field in of and m.field not in ENTITIES[entity].key else m
                for m in found
            ),
            key=lambda m: -m.score,
        )  # fmt: skip

    def make(self, made: MadeColumn, cells: ColumnSample) -> None:
        """Adds a column that can be made of its own."""
        if made.name in self.profiles or not cells.counts:
            return
        self.made[made.name] = made
        self.sample = replace(self.sample, made=(*self.sample.made, cells))
        self.profiles[made.name] = Profile(cells)
        self._matches = {}

    def parts_of(self, column: str) -> tuple[str, ...]:
        """A column, and those that are put together in it."""
        made = self.made.get(column)
        if made is None or made.source or made.is_key:
            return (column,)
        return (column, *made.columns)

    @cached_property
    def _by_cells(self) -> list[Match]:
        return by_cells(self)

    def stands_below(self, ancestors: Sequence[Table]) -> None:
        """Says in whose records its own stand, the nearest first, and forgets what was thought
        before."""
        self.parent = ancestors[0] if ancestors and ancestors[0].holdings else None
        self.within = frozenset(t.main.entity for t in ancestors if t.holdings)
        self.above = self.parent.main.entity if self.parent else ""
        self._forget()

    @property
    def main(self) -> Holding:
        """What its records are, of all that they hold: bills, and not the buyers on them.

        Raises:
            IndexError: it holds nothing.
        """
        called = (h for h in self.holdings if h.entity == self.hinted)
        return next(called, self.holdings[0])

    @property
    def to_parent(self) -> str:
        """The column that has the keys of its parent's records, or ""."""
        if self.parent is None or not self.parent.holdings:
            return ""
        return column_of_parent(self.sample.names, self.parent.main.key_column)

    def link(self, linked: dict[str, str]) -> bool:
        """Says which columns hold keys of tables that hold which entities; whether that is new."""
        if self.linked == linked:
            return False
        self.linked = dict(linked)
        self._forget()
        return True

    def play(self, role: str) -> bool:
        """Says what its rows are by what they refer to; whether that is new."""
        if self.role == role:
            return False
        self.role = role
        self._forget()
        return True

    def look_again(self) -> None:
        """Forgets what was thought of it before others said who refers to it."""
        self._forget()

    def _forget(self) -> None:
        self._matches = {}
        for name in ("named_by_itself", "is_weakly_named", "is_strange", "_pays"):
            self.__dict__.pop(name, None)

    def _with_links(self, entity: str, found: list[Match]) -> list[Match]:
        """What refers to a table by name and by values is a reference to what that table holds."""
        for column, parent in self.linked.items():
            for name, of in ENTITIES[entity].references.items():
                sure = [m for m in found if m.field == name and m.score >= 0.9]
                if of != parent:
                    continue
                # What is only called a reference is worth less than what has the values.
                found = [
                    replace(m, score=m.score * 0.6)
                    if m in sure and self.linked.get(m.column) != parent else m
                    for m in found
                ]  # fmt: skip
                if any(self.linked.get(m.column) == parent for m in sure):
                    continue
                found = [m for m in found if (m.field, m.column) != (name, column)]
                # It refers to one table, and so to nothing of another kind.
                found = [
                    replace(m, score=m.score * 0.6)
                    if m.column == column and ENTITIES[entity].references.get(m.field, of) != of
                    else m for m in found
                ]  # fmt: skip
                if ENTITIES[entity].fields[name].required:
                    # What a record must refer to comes before what else the column may be called.
                    found = [
                        replace(m, score=0.85)
                        if m.column == column and m.score > 0.85 and m.field not in (
                            *ENTITIES[entity].key, *ENTITIES[entity].references) else m
                        for m in found
                    ]  # fmt: skip
                found.append(Match(entity, name, column, 0.9,
                                   f"named like the key of its {parent}, and has its values"))  # fmt: skip
        return sorted(found, key=lambda m: -m.score)

    def links_by(self, column: str) -> str:
        """The entity whose keys a column holds, or ""."""
        return self.linked.get(column, "")

    def is_surely(self, entity: str) -> bool:
        """Whether its name says the entity, and nothing else."""
        return self.fixed or (self.hinted == entity and not self.is_weakly_hinted)

    @property
    def named_surely(self) -> str:
        """The entity that its name says, and nothing else; "" if it does not."""
        return self.hinted if self.is_surely(self.hinted) else ""

    @property
    def links(self) -> frozenset[str]:
        """The entities whose tables it refers to."""
        return frozenset(self.linked.values())

    def best(self, entity: str, name: str) -> Match | None:
        """The column that is best for a field."""
        return next((m for m in self.matches(entity) if m.field == name), None)

    @cached_property
    def never(self) -> dict[str, str]:
        """Column → why it is never loaded."""
        return never_loaded(self)

    @cached_property
    def kinds(self) -> dict[str, float]:
        """How likely its words make it one of each entity, or of nothing."""
        return likely(self.sample.name, self.sample.names)

    @property
    def hinted(self) -> str:
        """The entity that what it refers to says, or its name, or ""."""
        return self.role_seen or self.named_by_itself

    @property
    def role_seen(self) -> str:
        """The entity that what it refers to says, and what refers to it, or ""."""
        return self.role or ("customer" if self._pays else "")

    @cached_property
    def _pays(self) -> bool:
        """Whether contracts are the customers themselves: bills or payments name them, nothing
        else lists anybody, and they say nothing of what is on offer."""
        if self.named_by_itself != "service" or self.people_beside or not self.is_billed:
            return False
        if concepts_of(self.sample.name) != ("contract",):
            return False
        plan = self.best("service", "plan")
        return plan is None or plan.score < ACTIVE

    @property
    def is_weakly_hinted(self) -> bool:
        """Whether nothing but its name says what it is, and that may as well be something else."""
        return not self.role and self.is_weakly_named

    @cached_property
    def named_by_itself(self) -> str:
        """The entity that its name says, or ""."""
        return hinted_by_name(self)

    @cached_property
    def is_weakly_named(self) -> bool:
        """Whether its name may as well be of something else: accounts, users."""
        return is_weakly_hinted(self)

    def assigned(
        self, entity: str, taken: Iterable[str] = (), key: Match | None = None
    ) -> dict[str, Match]:
        """Each field's column: the best pairs first, each column once.

        Args:
            key: what the key is, whatever else is called one.
        """
        fields: dict[str, Match] = {key.field: key} if key else {}
        used = {p for c in taken for p in self.parts_of(c)} | {*self.never}
        if entity == "customer":
            self._names(fields, used)
        for match in self.matches(entity):
            parts = self.parts_of(match.column)
            if match.field not in fields and not used & set(parts):
                fields[match.field] = match
                used |= set(parts)
        return fields

    def _names(self, fields: dict[str, Match], used: set[str]) -> None:
        """Beside a column of family names, one of names is of given names."""
        said = {
            c: set(concepts_of(c)) - {"customer", "contact", "full"}
            for c in self.sample.names if c not in used
        }  # fmt: skip
        for name, made in self.made.items():
            # Names of several parts come before any one of these.
            if made.only == {"customer"} and made.called in ("first name", "last name"):
                said = {c: words for c, words in said.items() if c not in made.columns}
                if not used & set(made.columns):
                    said[name] = set(concepts_of(made.called))
        family = next((c for c, words in said.items() if words == {"last", "name"}), None)
        given = next((c for c, words in said.items() if words == {"first", "name"}), None)
        given = given or next((c for c, words in said.items() if words == {"name"}), None)
        given = given or next((c for c, words in said.items()
                               if not words and concepts_of(c) == ("customer",)
                               and self.profiles[c].share("word") >= 0.9), None)  # fmt: skip
        if family is None or given is None:
            return
        fields["last_name"] = Match("customer", "last_name", family, 0.95, "means family name")
        fields["first_name"] = Match("customer", "first_name", given, 0.9,
                                     "means a name, and family names stand apart")  # fmt: skip
        used |= {*self.parts_of(family), *self.parts_of(given)}

    @cached_property
    def is_strange(self) -> bool:
        """Whether its rows are none of the ISP's business: tickets, staff, kinds of devices."""
        return is_strange(self)

    def recognise(self) -> None:
        """Finds the entity of its records and those that wide rows hold besides."""
        self.holdings, self.rival = [], ""
        if not self.sample.records or self.is_strange:
            return
        # What stands in the one record of an answer is below nothing.
        below = any(c.name.startswith(PARENT) and len(c.counts) > 1 for c in self.sample.columns)
        chances = {
            e: weighed(self, e)
            for e in ENTITIES
            if (not below or ENTITIES[e].references) and _may_stand_below(e, self.above)
        }
        ranked = sorted(chances, key=lambda e: -chances[e])
        best = max(chances.values(), default=0.0)
        least = max(self.kinds[NOTHING] + _AGAINST_NOTHING, best - _CLOSE)
        found = [e for e in ranked if chances[e] >= least]
        if found[:1] == ["invoice"]:
            # Where several rows have a bill's number, each is a line of it.
            found.insert(1, "invoice_line")
        primary = next((e for e in found if key_of(self, e)), "")
        if not primary:
            return
        key = key_of(self, primary)
        assert key is not None  # noqa: S101  it was chosen for having one
        again = [m for m in self.matches(primary) if m.column == key.column]
        taken = () if any(m.field in KEY_INSTEAD.get(primary, ()) for m in again) else (key.column,)
        main = Holding(primary, self.assigned(primary, taken, key))
        self._without_doubles(main)
        self._refer_by_key(main)
        by_elimination(self, main)
        self.holdings.append(main)
        further(self, main)
        held = {h.entity for h in self.holdings}
        if self.named_surely != primary:
            close = (e for e in ranked if chances[e] >= chances[primary] - _CLOSE)
            self.rival = next((e for e in close if e not in held and key_of(self, e)), "")

    def recognise_nameless(self, others: Sequence[Table]) -> None:
        """What a table is by what it refers to, where nothing else told it."""
        if not self.holdings and self.sample.records and not self.is_strange:
            found = by_reference(self, others)
            self.holdings += [found] if found else []

    def _refer_by_key(self, holding: Holding) -> None:
        """One service of each customer: its key is the customer's."""
        column = holding.key_column
        for name, parent in ENTITIES[holding.entity].references.items():
            if self.linked.get(column) == parent and name not in holding.fields:
                holding.fields[name] = Match(holding.entity, name, column, 0.9,
                                             f"named like the key of its {parent}, and has its values")  # fmt: skip

    def _without_doubles(self, holding: Holding) -> None:
        """The key's column is no other field's."""
        key = ENTITIES[holding.entity].key[0]
        column = holding.fields[key].column
        for name, match in list(holding.fields.items()):
            doubles = name in KEY_INSTEAD.get(holding.entity, ())
            if name != key and match.column == column and not doubles:
                del holding.fields[name]
