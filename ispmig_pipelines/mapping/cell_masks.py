"""Cells of a source, masked as what they become: before they are converted, and if they cannot be.

What an export would show of a record (:mod:`ispmig_pipelines.model.masking`) is what stands for its
cells here: one key, so the email address that a cell holds gets the same mask, however the cell
writes it.

==================================================  ===============================================
cell                                                shown
==================================================  ===============================================
nothing, or a word for nothing                      as it stands
of a column from which a secret comes               only that there is something
of a means of payment                               the shape: ``9999``
read as it is by a field that masking changes       the mask of the value, as the platform writes it
read as it is by any other field (a status, a day)  as it stands
of no field, but known to be an email address,      the mask of such a field
a telephone number, a name …
anything else: what cannot be read, notes, columns  the shape: ``Aaa 99``
of which only a part is taken, or of no field
==================================================  ===============================================

A cell that cannot be read may hold anything, its neighbour's content for one, whatever its column
is called. So may a column that nobody has classified.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ispmig_pipelines.issues import mask_array
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.evidence import Settled
from ispmig_pipelines.mapping.field_plan import FieldPlan, plan_field
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType, Privacy
from ispmig_pipelines.model.masking import Masker, is_masked
from ispmig_pipelines.validation.personal import PersonalKind
from ispmig_pipelines.validation.personal_data import PersonalData

SOMETHING = "••••••"
"""Stands for a secret: not even its length is told."""

AS_FIELD: dict[PersonalKind, tuple[str, str]] = {
    PersonalKind.EMAIL: ("customer", "email"),
    PersonalKind.PHONE: ("customer", "phone"),
    PersonalKind.NAME: ("customer", "contact_name"),
    PersonalKind.ADDRESS: ("invoice", "bill_to_address"),
    PersonalKind.IP_ADDRESS: ("ip_assignment", "address"),
    PersonalKind.MAC_ADDRESS: ("device", "mac"),
    PersonalKind.USERNAME: ("service", "access_username"),
    PersonalKind.NATIONAL_ID: ("customer", "national_id"),
    PersonalKind.DEVICE_ID: ("device", "serial_number"),
    PersonalKind.BIRTH_DATE: ("customer", "birth_date"),
}
"""What a column of no field says of people → the field whose masks stand for its cells."""


def canonical_text(value: Any) -> str | None:
    """A canonical value as exports write it: ``-12.5000``, ``true``, ``2024-02-29T10:00:00+00:00``;
    masks are made of such texts."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat()
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)


def row_known_by(key: Sequence[Any]) -> bytes:
    """What a row is known by to :class:`Masker`: the parts of its key."""
    return "\x1f".join(canonical_text(part) or "" for part in key).encode()


@dataclass(frozen=True)
class _Way:
    """A field of an entity that reads a column."""

    entity: str
    plan: FieldPlan

    @property
    def info(self) -> FieldInfo:
        return self.plan.info

    @property
    def is_key(self) -> bool:
        return bool(self.info.key or self.info.references)

    @property
    def is_plain(self) -> bool:
        """The value says what the cell says, and nothing but the cell decides what it is."""
        plan = self.plan
        return (
            len(plan.origins) == 1
            and plan.from_table is None
            and plan.mapping.split is None
            and not plan.mapping.transform
        )

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """What is masked goes before what is kept, and what joins before what does not."""
        return not is_masked(self.entity, self.plan.name), not self.info.references, not self.is_key


class CellMasks:
    """Masks the cells of one source; :func:`masks_of_source` makes it."""

    def __init__(
        self,
        masker: Masker,
        ways: Mapping[str, Sequence[_Way]],
        keys: Mapping[str, Sequence[FieldPlan | None]],
        secret: Collection[str] = (),
    ) -> None:
        """
        Args:
            ways: column → the fields that read it, and what stands in for one.
            keys: entity → how its key is read, None for a part that no mapping fills.
            secret: columns of which nothing may be seen, whatever reads them.
        """
        self._masker = masker
        self._ways = {
            column: sorted((w for w in of if column in w.plan.origins), key=lambda w: w.rank)
            for column, of in ways.items()
        }
        self._secret = {*secret, *_columns_with(ways, Privacy.SECRET)}
        self._payment = _columns_with(ways, Privacy.PAYMENT)
        self._keys = keys

    def records(self, cells: pa.RecordBatch, places: Sequence[str]) -> MaskedRecords:
        """Some records of the source.

        Args:
            cells: all columns of the source, as text.
            places: where each record stands: what those are told apart by whose key is unreadable.
        """
        return MaskedRecords(self, SourceCells(cells), [place.encode() for place in places])

    def column(
        self,
        name: str,
        cells: SourceCells,
        rows_of: Callable[[str], list[bytes]],
        as_field: tuple[str, str] | None = None,
    ) -> list[str | None]:
        """A column's cells, masked; see :meth:`MaskedRecords.column`."""
        raw: list[str | None] = cells.raw(name).to_pylist()
        if name in self._secret:
            return [SOMETHING if cell and cell.strip() else cell for cell in raw]
        shapes: list[str] = mask_array(cells.raw(name)).to_pylist()
        way = None if name in self._payment else self._way(name, as_field)
        if way is None or not way.is_plain:
            return [cell and shape for cell, shape in zip(raw, shapes, strict=True)]
        plan = way.plan
        there = cells.words(name, trim=True, null_words=plan.null_words).is_valid().to_pylist()
        converted = plan.apply(cells)
        values = [canonical_text(value) for value in converted.values.to_pylist()]
        doubted, shown = converted.bad, raw
        if is_masked(way.entity, plan.name):
            masked = self._masker.column(
                way.entity, plan.name, pa.array(values, pa.string()), rows_of(way.entity)
            )
            shown = [shown_as_read(text, way.info) for text in masked.to_pylist()]
        elif converted.dropped is not None:
            doubted = doubted | converted.dropped
        return [
            cell if not (cell and filled) else shape if value is None or bad else text
            for cell, filled, value, bad, text, shape in zip(
                raw, there, values, doubted, shown, shapes, strict=True
            )
        ]

    def known_by(self, entity: str, cells: SourceCells, places: list[bytes]) -> list[bytes]:
        """What each record's row of the entity is known by: its key, or where it stands."""
        parts: list[list[Any]] = []
        for plan in self._keys.get(entity, ()):
            if plan is None or plan.from_table is not None or plan.mapping.sequence is not None:
                return places
            converted = plan.apply(cells)
            values = converted.values.to_pylist()
            parts.append([None if b else v for v, b in zip(values, converted.bad, strict=True)])
        if not parts:
            return places
        return [
            place if any(part is None for part in key) else row_known_by(key)
            for place, key in zip(places, zip(*parts, strict=True), strict=True)
        ]

    def _way(self, column: str, as_field: tuple[str, str] | None) -> _Way | None:
        """The field as which a column's cells are masked: the one asked for, if it reads them."""
        ways = self._ways.get(column, [])
        asked = [w for w in ways if (w.entity, w.plan.name) == as_field and w.is_plain]
        return next(iter([*(w for w in asked if not w.rank[0]), *ways]), None)


@dataclass
class MaskedRecords:
    """The masked cells of some records; :meth:`CellMasks.records` makes it."""

    masks: CellMasks
    cells: SourceCells
    places: list[bytes]
    _rows: dict[str, list[bytes]] = field(default_factory=dict)

    def column(self, name: str, as_field: tuple[str, str] | None = None) -> list[str | None]:
        """A column's cells, masked.

        Args:
            as_field: entity and field that they are shown as, where the column becomes several;
                else the first that refers to something, which has its mask wherever it stands.
        """
        return self.masks.column(name, self.cells, self._rows_of, as_field)

    def _rows_of(self, entity: str) -> list[bytes]:
        if entity not in self._rows:
            self._rows[entity] = self.masks.known_by(entity, self.cells, self.places)
        return self._rows[entity]


def _columns_with(ways: Mapping[str, Sequence[_Way]], privacy: Privacy) -> set[str]:
    """Columns of which a cell becomes something of that class, and no key."""
    return {
        column
        for column, of in ways.items()
        if any(way.info.privacy is privacy and not way.is_key for way in of)
    }


def masks_of_source(
    masker: Masker,
    spec: Spec,
    source: str,
    columns: Sequence[str],
    *,
    settled: Mapping[str, Mapping[str, Settled]],
    personal: Iterable[PersonalData] = (),
) -> CellMasks:
    """How the cells of a source are masked.

    Args:
        columns: of the source, in their order.
        settled: how its columns are written, by feed, as for :func:`prepare`.
        personal: what its columns say about people; needed for those that no field reads.

    Raises:
        SpecError: the source lacks columns that the spec names, or a function that it names is
            not to be had.
    """
    ways: dict[str, list[_Way]] = defaultdict(list)
    keys: dict[str, list[FieldPlan | None]] = {}
    for feed in spec.feeds_of(source):
        plan = prepare(spec, feed, columns, settled=settled)
        for one in (*plan.fields, *(p for rule in plan.rules for p in rule.maps)):
            for column in one.columns:
                ways[column].append(_Way(feed.entity, one))
        by_name = {one.name: one for one in plan.fields}
        keys.setdefault(feed.entity, [by_name.get(name) for name in plan.entity.key])
    secret = []
    for told in personal:
        if told.source != source or told.column not in columns:
            continue
        if told.privacy is Privacy.SECRET:
            secret.append(told.column)
        if told.kind in AS_FIELD and told.column not in ways:
            ways[told.column].append(_stand_in(spec, told))
    return CellMasks(masker, ways, keys, secret)


def _stand_in(spec: Spec, told: PersonalData) -> _Way:
    entity, name = AS_FIELD[told.kind]
    info = ENTITIES[entity].fields[name]
    mapping = FieldMapping(column=told.column)
    own: Callable[[str], str] = str
    return _Way(entity, plan_field(name, info, mapping, own, spec.defaults))


_DECIMAL = frozenset(
    {FieldType.MONEY, FieldType.COORDINATE, FieldType.RATE, FieldType.QUANTITY}
)  # fmt: skip


def shown_as_read(text: str | None, info: FieldInfo) -> str | None:
    """A masked value as people read it: without zeros that only say how many decimals the
    platform keeps."""
    if text and info.type in _DECIMAL and "." in text:
        return text.rstrip("0").rstrip(".")
    return text
