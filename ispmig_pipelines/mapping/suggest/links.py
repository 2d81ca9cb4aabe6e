"""Columns of one table that are plainly keys of another: named like them, and with their values.

They are found before it is known what the tables hold, from names and values alone: ``c_id`` of
payments is the ``c_id`` of customers, and ``id_paket`` the ``id`` of ``tb_paket``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.sample import ColumnSample, TableSample
from ispmig_pipelines.model.entity import column_key

_ENOUGH = 0.9
"""Share of the distinct values that the other table must have."""
_FEWEST = 3
"""Fewer distinct values prove nothing."""
PARENT = "_parent_"
"""What the columns of a parent are called in a table of its children (JSON, XML)."""
_BARE = frozenset(
    {"id", "uid", "code", "codigo", "no", "nr", "num", "number", "nummer", "numero", "key", "uuid",
     "guid", "pk", "rowid", "ref", "reference", "referencia"}
)  # fmt: skip
"""Keys, as compared, that every table may have of its own."""
_PEOPLE = frozenset({"customer", "login", "account"})
_OF_KEYS = (
    "id",
    "code",
    "cod",
    "no",
    "nr",
    "num",
    "number",
    "key",
    "nummer",
    "numero",
    "codigo",
    "kod",
)


@dataclass(frozen=True)
class Link:
    """A column whose values are those of another table's unique column.

    Attributes:
        column: of the table that refers.
        table: name of the table that it refers to, as its place among the tables.
        key: that table's column.
        share: of the distinct values that are there, 0 to 1.
    """

    column: str
    table: int
    key: str
    share: float


def overlap(child: ColumnSample, parent: ColumnSample) -> float:
    """Share of the child's distinct values that the parent has."""
    if not child.counts:
        return 0.0
    return sum(value in parent.counts for value in child.counts) / len(child.counts)


def column_of_parent(names: Sequence[str], key: str) -> str:
    """Of children's columns the one that has their parents' key, "" if there is none."""
    called = PARENT + key.lstrip("_@")
    return called if key and called in names else ""


def links_of(tables: Sequence[TableSample]) -> list[list[Link]]:
    """For each table the links to others, the surest first."""
    keys = [
        (place, column)
        for place, table in enumerate(tables)
        for column in table.columns
        if column.is_unique and column.filled == table.records and len(column.counts) >= _FEWEST
    ]
    found: list[list[Link]] = []
    for place, table in enumerate(tables):
        own = []
        own_number = number_of(table)
        if own_number and not _is_called(table, stem_of(own_number)) and any(
            _is_called(other, stem_of(own_number)) for other in tables
        ):  # fmt: skip
            # contractid is the number of contracts, and not of contract_details.
            own_number = ""
        for column in table.columns:
            if len(column.counts) < min(_FEWEST, len(tables)) or column.name.startswith(PARENT):
                continue
            for other, key in keys:
                if (
                    other == place
                    or column.name == own_number
                    or not _named_like(column.name, key.name, tables[other].name)
                ):
                    continue
                share = sum(v in key.counts for v in column.counts) / len(column.counts)
                if share >= _ENOUGH and not _is_rather_above(column, key, table):
                    own.append(Link(column.name, other, key.name, share))
        initials = _by_initials(place, table, tables, keys, own_number)
        # Of two that have one foreign key neither is what it names.
        named = {x.column for x in initials}
        own = [x for x in own if x.column not in named] + initials
        own += _by_values(place, table, keys, {x.column for x in own} | {own_number})
        own = [x for x in own if not _names_another(x.column, x.table, own, tables)]
        found.append(sorted(own, key=lambda link: -link.share))
    return found


def _by_initials(
    place: int,
    table: TableSample,
    tables: Sequence[TableSample],
    keys: Sequence[tuple[int, ColumnSample]],
    own_number: str,
) -> list[Link]:
    """``tpid`` names a ``tariff_plan``, and ``cid`` a ``contract``: the initials of the one table
    that is called so, whose key has all of the values."""
    found = []
    for column in table.columns:
        stem = stem_of(column.name)
        if column.name == own_number or not 1 <= len(stem) <= 4 or len(column.counts) < _FEWEST:
            continue
        if concepts_of(column.name) not in ((column_key(column.name),), ("id", stem)):
            # What is a word of its own are no initials.
            continue
        called = [
            (other, key) for other, key in keys
            if other != place and column_key(key.name) in _BARE
            and "".join(w[0] for w in words_of(tables[other].name) if w) == stem
        ]  # fmt: skip
        held = [(other, key, overlap(column, key)) for other, key in called]
        if len(held) == 1 and held[0][2] >= _SURELY:
            other, key, share = held[0]
            found.append(Link(column.name, other, key.name, share))
    return found


_SURELY = 0.97
"""Share of the distinct values that a table must have that no full name names."""
_MANY = 8
"""So many distinct values are found elsewhere by no chance."""


def _by_values(
    place: int, table: TableSample, keys: Sequence[tuple[int, ColumnSample]], known: set[str]
) -> list[Link]:
    """``parent`` of lines has the ``name`` of bills, and ``DocEntry`` of both is one number: what
    repeats, and has values that only one other table's key has, refers to it whatever its name.

    Numbers are found in any column of numbers, and names are of whoever: unless the values are
    codes, the columns must be called the same.
    """
    found = []
    for column in table.columns:
        if column.name in known or column.name.startswith(PARENT) or column.is_unique:
            continue
        if len(column.counts) < _MANY or column.filled < table.records:
            continue
        some = column.some(100)
        tells = sum(map(_is_code, some)) >= _ENOUGH * len(some)
        held = [
            (other, key, share) for other, key in keys
            if other != place
            and (tells or (column_key(key.name) == column_key(column.name) not in _BARE))
            and (share := overlap(column, key)) >= _SURELY
        ]  # fmt: skip
        if len({other for other, _, _ in held}) == 1:
            other, key, share = held[0]
            found.append(Link(column.name, other, key.name, share))
    return found


def _is_code(value: str) -> bool:
    """Whether it has letters and digits, as ``INV-2024-0007`` has."""
    return any(c.isalpha() for c in value) and any(c.isdigit() for c in value) and " " not in value


def number_of(table: TableSample) -> str:
    """The column that is called as its table is, and numbers its rows: ``tar_id`` of ``tarifs``;
    "" if there is none."""
    called = {column_key(w) for w in words_of(table.name)} | {column_key(table.name)}
    for column in table.columns:
        if not column.is_unique or column.filled < table.records:
            continue
        stem = stem_of(column.name)
        if len(stem) >= 2 and any(_is_short_for(stem, name) for name in called):
            return column.name
    return ""


def _is_called(table: TableSample, stem: str) -> bool:
    """Whether all of a table's name is a word, in the singular or the plural."""
    return _singular(column_key(table.name)) == _singular(stem)


def _is_short_for(stem: str, name: str) -> bool:
    """Whether ``vg`` or ``customer`` may stand for ``vgroups`` or ``customers``: a table that is
    called more than that (``customer_details``) is another's, and has the other's number."""
    if stem in (name, _singular(name)) or _singular(stem) == _singular(name):
        return True
    return len(stem) <= 4 and name.startswith(stem) and len(name) - len(stem) <= 6


def stem_of(column: str) -> str:
    """What a column is called without the word that says that it numbers something, or ""."""
    key = column_key(column)
    for word in _OF_KEYS:
        if key.endswith(word) and len(key) > len(word):
            return key.removesuffix(word)
        if key.startswith(word) and len(key) > len(word) + 1 and word != "no":
            return key.removeprefix(word)
    return ""


def is_key_word(column: str) -> bool:
    """Whether a column is called no more than a number: ``id``, ``nr``."""
    return column_key(column) in _BARE


def _named_like(column: str, key: str, table: str) -> bool:
    """Whether a column is called like another's key, or like its table and an id."""
    mine, other = column_key(column), column_key(key)
    if mine == other:
        says_key = mine.startswith(_OF_KEYS) or mine.endswith(_OF_KEYS)
        if concepts_of(column) == ("login",) and set(concepts_of(table)) & _PEOPLE:
            # Bills of a hotspot name whom they are for by the login.
            return True
        return says_key and (mine not in _BARE or mine == "uid")
    if len(other) > 2 and mine in (column_key(table) + other, "fk" + other, other + "fk"):
        # customer_info_idcustomer_info names the table, and its key.
        return other not in _BARE or mine == column_key(table) + other
    said = set(concepts_of(column))
    of_key = set(concepts_of(key))
    if "name" in of_key and said and said == of_key - {"name"} and said.isdisjoint(_PEOPLE):
        # A perfil is the nombre_perfil of a table of profiles.
        return True
    if _is_of_a_record(said, of_key, set(concepts_of(table))):
        return True
    if not (said & {"id", "reference"} or is_called_a_reference(column)) or other not in _BARE:
        return False
    meant = said - {"id", "reference"}
    of = set(concepts_of(table)) | set(words_of(table))
    if meant & {"owner"} and of & _PEOPLE:
        # What somebody owns names him by his number.
        meant = (meant - {"owner"}) | {"customer"}
    if _LISTS_OF_PEOPLE & of:
        of |= {"customer"}
    if meant & _PEOPLE and of & _PEOPLE:
        # A userid is of whoever is in the table of clients.
        meant, of = meant - _PEOPLE, of | _PEOPLE
        return meant <= of
    return bool(meant) and meant <= of


_LISTS_OF_PEOPLE = frozenset(
    {"contact", "contacts", "partner", "partners", "kontakte", "kontakty", "contactos", "contatos",
     "contatti", "socios", "tiers", "adresar", "addressbook", "anagrafica", "reseller"}
)  # fmt: skip
"""Words and concepts of tables that list the people and companies to whom others refer."""


def _is_of_a_record(said: set[str], key: set[str], table: set[str]) -> bool:
    """Whether ``clienteContrato`` is a contract of ``contratos``, by its ``contratoId``: it says
    what the table and its key are called, and besides only whose."""
    what = key - {"id"}
    return bool(what) and "id" in key and what <= table and what <= said and bool(
        said - what
    ) and said - what <= _PEOPLE  # fmt: skip


def _names_another(
    column: str, place: int, links: Sequence[Link], tables: Sequence[TableSample]
) -> bool:
    """Whether a column that may name people of several tables is called like another one of
    them: a ``userid`` is of the users where there are such, and not of the clients."""

    def alike(table: int) -> bool:
        called = _singular((*words_of(tables[table].name), "")[-2])
        return called in {_singular(w) for w in words_of(column)}

    linked = any(x.column == column for x in links)
    others = {at for at in range(len(tables)) if at != place}
    return linked and not alike(place) and any(map(alike, others))


def _singular(word: str) -> str:
    if word.endswith("id") and len(word) >= 6:
        word = word[:-2]
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def is_called_a_reference(column: str) -> bool:
    """Whether a column's name says that it holds the key of another table's record: ``fk_soc``,
    ``idplan`` and ``user_id``, but no ``id``."""
    words = words_of(column)
    return len(words) > 1 and (words[0] in ("fk", "id") or words[-1] in ("fk", "id"))


def _is_rather_above(column: ColumnSample, key: ColumnSample, table: TableSample) -> bool:
    """Of two tables with one key, the one that lacks some of its values is below the other."""
    if column_key(column.name) != column_key(key.name):
        return False
    own = column.is_unique and column.filled == table.records
    return own and len(column.counts) > len(key.counts)
