# ruff: noqa: E501
"""Columns that no table has as they stand, and that a mapping can make of those that it has: codes
looked up in a table of codes, and names and streets whose parts stand in several columns.

They are matched as the columns of a table are, by what they would be called and hold: a
``status_id`` whose ``client_status`` has a ``name`` is a status of those words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, is_known, words_of
from ispmig_pipelines.mapping.suggest.sample import ColumnSample, TableSample
from ispmig_pipelines.mapping.suggest.siblings import spelled_out
from ispmig_pipelines.model.entity import column_key

FEW_CODES = 60
"""A table of so many codes can stand in a spec as a lookup."""
_MOST_CODES = 5_000
_MOST_VALUES = 6
"""Tables of more columns beside their keys are no lists of codes, but of things."""
_NO_CODE = frozenset({"0", "-1"})
"""Cells of a column of codes that say there is none, where the table of codes has no such row."""
_CODE_WORDS = frozenset(
    {"id", "code", "codigo", "cod", "kod", "no", "nr", "num", "key", "fk", "uid", "uuid", "guid", "pk",
     "ref", "kode"}
)  # fmt: skip
_OF_LISTS = frozenset(
    {"list", "lists", "lista", "liste", "catalog", "catalogo", "cat", "dict", "dictionary", "ref",
     "lookup", "lkp", "master", "mst", "data", "tb", "tbl", "t", "public", "dbo", "sys", "enum",
     "spr", "sprav", "options", "option", "values", "value", "def", "defs", "main", "info", "of"}
)  # fmt: skip
"""Words of tables' names that say nothing of what is in them."""
_CODE = re.compile(r"-?[\w-]{1,12}")
_IN_USE = frozenset({"status", "estado", "state", "active", "activo", "ativo", "aktiv", "enabled",
                     "disabled", "hidden", "estatus", "stato", "situacao"})  # fmt: skip
_LABELS = ("name", "description")
_OF_RECORDS = frozenset(
    {"created", "updated", "modified", "sort", "order", "position", "deleted", "version", "color",
     "colour", "icon", "timestamp"}
)  # fmt: skip
"""Words of columns that say something of the record of a code, and not what the code means."""

_PLACES = frozenset(
    {"city", "region", "country", "county", "district", "postal", "street", "address"}
)
"""What a table of codes may say besides of a place, which is the same of whatever is there."""

_MIDDLE = frozenset(
    {"middle", "middlename", "midname", "mname", "mi", "otchestvo", "отчество", "patronymic",
     "patronim", "patronymikon", "segundonombre", "drugieimie", "батькові", "mittelname", "mellomnavn"}
)  # fmt: skip
_SECOND = frozenset(
    {"materno", "apellidomaterno", "apematerno", "apmaterno", "amaterno", "apellido2",
     "segundoapellido", "maternal", "mothersname", "apemat"}
)  # fmt: skip
_FIRST_OF_TWO = frozenset(
    {"paterno", "apellidopaterno", "apepaterno", "appaterno", "apaterno", "apellido1",
     "primerapellido", "paternal", "apepat"}
)  # fmt: skip
_INFIX = frozenset({"tussenvoegsel", "tussenvoegsels", "tussenv", "voorvoegsel", "voorvoegsels",
                    "infix", "namenszusatz"})  # fmt: skip


_QUARTERS = frozenset({"bairro", "barrio", "colonia", "neighborhood", "neighbourhood", "barangay"})


@dataclass(frozen=True)
class MadeColumn:
    """How a column is made.

    Attributes:
        name: what stands for it where columns are named.
        called: the name by which it is matched.
        columns: of the table, of which it is made; several are put together with spaces.
        source, key, value: of the table in which the one column is looked up, or "".
        codes: code → what it becomes, of a table of few codes.
        no_code: cells that say there is none.
        only: the entities whose field it may be; all if empty.
        join: what stands between the cells of several columns.
        is_key: it only tells records apart: its columns are fields of their own as well.
    """

    name: str
    called: str
    columns: tuple[str, ...]
    source: str = ""
    key: str = ""
    value: str = ""
    codes: dict[str, str] = field(default_factory=dict, compare=False)
    no_code: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()
    join: str = " "
    is_key: bool = False

    @property
    def mapping(self) -> dict[str, Any]:
        """As a spec says it."""
        if not self.source:
            joined: dict[str, Any] = {"columns": list(self.columns)}
            return joined if self.join == " " else {**joined, "join": self.join}
        table = {"source": self.source, "key": self.key, "value": self.value}
        words: dict[str, Any] = {"column": self.columns[0], "lookup_table": table}
        if self.no_code:
            words["null_words"] = ["", *self.no_code]
        return words

    @property
    def told(self) -> str:
        """How it is made, for a line's reason."""
        if not self.source:
            return "put together of " + " and ".join(self.columns)
        return f"what {self.source}.{self.value} says of it"


def called_without_code(column: str) -> str:
    """``id_ciudad``, ``codciudad`` and ``city_id`` without what says that they are codes."""
    kept = []
    for word in words_of(column):
        if word in _CODE_WORDS:
            continue
        for beginning in ("cod", "id", "kd"):
            rest = word.removeprefix(beginning)
            if rest != word and len(rest) >= 4 and is_known(rest) and concepts_of(rest) != ("id",):
                word = rest
                break
        for end in ("id", "code", "cod", "no"):
            rest = word.removesuffix(end)
            if rest != word and len(rest) >= 4 and is_known(rest):
                word = rest
                break
        kept.append(word)
    return " ".join(kept)


def _stems(text: str) -> frozenset[str]:
    """What the words of a name mean, of unknown ones their beginnings: ``sectores``, ``sector``."""
    found = set()
    for word in words_of(text):
        if word in _OF_LISTS or word in _CODE_WORDS or len(word) < 2:
            continue
        if word.endswith("ies") and len(word) > 4 and not is_known(word):
            word = f"{word[:-3]}y"
        if is_known(word):
            found |= set(concepts_of(word))
        else:
            # Of an unknown word what its forms have in common.
            stem = re.sub(r"[aeiouys]+$", "", word)
            found.add(stem if len(stem) >= 3 else word)
    return frozenset(found - {"id"})


def _are_codes_of(column: str, table: TableSample, codes: TableSample) -> bool:
    """Whether a column is called like a table of codes, as far as both say what they are of."""
    mine, theirs = _stems(called_without_code(column)), _stems(codes.name)
    if not mine or not theirs:
        return False
    rest = theirs - mine
    return mine <= theirs and rest <= _stems(table.name) | {"type", "group"}


def _is_key(column: ColumnSample, table: TableSample) -> bool:
    return (
        len(column.counts) == column.filled == table.records
        and table.records >= 2
        and all(len(v) <= 40 for v in column.some(50))
    )


def _look_like_codes(column: ColumnSample) -> bool:
    """Whether cells are short numbers or letters, and no addresses, times or texts."""
    return all(_CODE.fullmatch(v) for v in column.some(100))


def _keys_of(codes: TableSample) -> list[ColumnSample]:
    """The columns that may number a table's codes: its first, and what is called a code."""
    return [
        c for at, c in enumerate(codes.columns)
        if _is_key(c, codes) and (at == 0 or {"id"} & set(concepts_of(c.name)))
    ]  # fmt: skip


def looked_up(
    table: TableSample, codes: TableSample, source: str, taken: Sequence[str]
) -> list[MadeColumn]:
    """The columns that are made by looking codes up.

    Args:
        table: whose columns may be codes.
        codes: the table that may say what they are.
        source: its name in the spec.
        taken: columns that refer to something else.
    """
    if not codes.complete or not 2 <= codes.records <= _MOST_CODES or not codes.rows:
        return []
    found: list[MadeColumn] = []
    for column in table.columns:
        if column.name in taken or not column.counts or column.name.startswith("_parent_"):
            continue
        if not _are_codes_of(column.name, table, codes) or not _look_like_codes(column):
            continue
        for key in _keys_of(codes):
            missing = [v for v in column.counts if v not in key.counts]
            said = len(column.counts) - len(missing)
            if said < 1 or not set(missing) <= _NO_CODE:
                continue
            found += _values(column, key, table, codes, source, tuple(missing))
            break
    return found


def _values(
    column: ColumnSample,
    key: ColumnSample,
    table: TableSample,
    codes: TableSample,
    source: str,
    none: tuple[str, ...],
) -> list[MadeColumn]:
    others = [
        c for c in codes.columns
        if c is not key and c.filled and not _OF_RECORDS & (set(words_of(c.name)) | set(concepts_of(c.name)))
        and set(concepts_of(c.name)) != {"id"}
    ]  # fmt: skip
    if not others or len(others) > _MOST_VALUES:
        return []
    label = _label(others)
    if label is not None:
        # That a code is in use, or what it is called elsewhere, says nothing of who has it.
        there = {column_key(n) for n in table.names}
        others = [
            c for c in others
            if c is label or not (_IN_USE & {*words_of(c.name)} or column_key(c.name) in there)
        ]  # fmt: skip
    base = called_without_code(column.name)
    at = codes.names.index(key.name)
    made = []
    for other in others:
        to = codes.names.index(other.name)
        becomes = {row[at].strip(): row[to].strip() for row in codes.rows if row[to].strip()}
        said = set(concepts_of(other.name)) - {"id"}
        if other is label:
            called = base
        elif said <= _PLACES or said & set(concepts_of(base)):
            called = other.name
        else:
            called = f"{base} {other.name}"
        made.append(
            MadeColumn(
                f"{column.name} in {source}.{other.name}", called, (column.name,), source, key.name,
                other.name, becomes if len(becomes) <= FEW_CODES and codes.records <= FEW_CODES else {},
                none,
            )
        )  # fmt: skip
    return made


def _label(columns: Sequence[ColumnSample]) -> ColumnSample | None:
    """The column that names the code: called a name, else a description, else the only text."""
    for wanted in _LABELS:
        for column in columns:
            if wanted in concepts_of(column.name):
                return column
    texts = [c for c in columns if any(any(ch.isalpha() for ch in v) for v in c.some(20))]
    return texts[0] if len(texts) == 1 else None


def cells_of(made: MadeColumn, table: TableSample, codes: TableSample | None) -> ColumnSample:
    """What a made column holds, as far as the records that are kept whole tell."""
    counts: dict[str, int] = {}
    if codes is not None:
        column = table.column(made.columns[0])
        at, to = codes.names.index(made.key), codes.names.index(made.value)
        becomes = {row[at].strip(): row[to].strip() for row in codes.rows}
        for value, count in column.counts.items():
            if text := becomes.get(value, ""):
                counts[text] = counts.get(text, 0) + count
    else:
        places = [table.names.index(c) for c in made.columns]
        for row in table.rows:
            if text := made.join.join(row[p].strip() for p in places if row[p].strip()):
                counts[text] = counts.get(text, 0) + 1
    return ColumnSample(made.name, counts)


def put_together(table: TableSample) -> list[MadeColumn]:
    """The columns that are made of several of one table: the names of a person, street and house."""
    found = _names(table) + _streets(table)
    return [m for m in found if all(table.column(c).filled for c in m.columns)]


def _joined_words(name: str) -> str:
    return "".join(words_of(name))


def _says(name: str, words: frozenset[str]) -> bool:
    joined = _joined_words(name)
    return joined in words or bool(words & set(words_of(name)))


def _together(name: str, *columns: str, only: str = "customer") -> MadeColumn:
    return MadeColumn(" + ".join(columns), name, columns, only=frozenset({only}))


def _names(table: TableSample) -> list[MadeColumn]:
    said = {n: set(concepts_of(n)) - {"customer"} for n in table.names}
    middle = [n for n in table.names if _says(n, _MIDDLE)]
    second = [n for n in table.names if _says(n, _SECOND)]
    infix = [n for n in table.names if _says(n, _INFIX)]
    given = [n for n, words in said.items() if words == {"first", "name"} and n not in middle]
    family = [n for n, words in said.items() if words == {"last", "name"} and n not in second]
    one_of_two = [n for n in table.names if _says(n, _FIRST_OF_TWO)]
    if len(one_of_two) == 1:
        family = one_of_two
    found = []
    if len(middle) == 1 and len(given) == 1:
        found.append(_together("first name", given[0], middle[0]))
    if len(second) == 1 and len(family) == 1:
        found.append(_together("last name", family[0], second[0]))
    elif len(infix) == 1 and len(family) == 1:
        found.append(_together("last name", infix[0], family[0]))
    return found


def _streets(table: TableSample) -> list[MadeColumn]:
    """A street and the number of the house that stands behind or before it."""
    found = []
    names = table.names
    spelled = spelled_out(names)
    for at, street in enumerate(names):
        said = set(concepts_of(spelled.get(street, street))) - {"customer", "billing"}
        if not said or not said <= {"street", "address"}:
            continue
        near = [
            n for n in (*names[at + 1 : at + 3], *names[max(at - 1, 0) : at])
            if {"building"} & set(concepts_of(spelled.get(n, n)))
            and not {"city", "apartment"} & set(concepts_of(n))
        ]  # fmt: skip
        if near and _are_house_numbers(table.column(near[0])):
            found.append(_together(street, street, near[0]))
    beside = [n for n in names if {*concepts_of(n)} == {"complement"}]
    quarter = [n for n in names if _says(n, _QUARTERS)]
    if len(beside) == 1 and len(quarter) == 1:
        # Both are what stands in the second line.
        found.append(_together("address complement", beside[0], quarter[0]))
    return found


def _are_house_numbers(column: ColumnSample) -> bool:
    some = column.some(100)
    return bool(some) and sum(len(v) <= 10 and v[:1].isdigit() for v in some) >= 0.8 * len(some)
