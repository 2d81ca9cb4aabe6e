"""What is left in a masked export of what the tenant holds: nothing that leads to a person."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from dagster import DagsterInstance
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ispmig_pipelines.demo
from ispmig_pipelines.model import ENTITIES, mask_words
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines.model.masking import KEY_BYTES, Masker, is_masked
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_tenant_export import Export
from ispmig_pipelines_tests.platform.anything import anything

DEMO = Path(ispmig_pipelines.demo.__file__).parent

WORDS = frozenset(
    word
    for name, listed in vars(mask_words).items()
    if name.isupper() and not isinstance(listed, str)
    for word in listed
) | {mask_words.REMOVED}  # fmt: skip
"""What masks are drawn from: one of them may by chance be a value of the tenant's too."""

DENSE = frozenset(
    {"postal_code", "billing_postal_code", "last_four", "building", "entrance", "floor",
     "apartment", "language", "unit"}
)  # fmt: skip
"""Texts of so few shapes that a mask may by chance be another row's value, or kept on purpose."""

Rows = dict[str, list[dict[str, str | None]]]


def identifying(entity: str, field: str) -> bool:
    """Whether values of the field name somebody or something by themselves, wherever they are."""
    info = ENTITIES[entity].fields[field]
    return (
        is_masked(entity, field)
        and info.arrow_type == pa.string()
        and info.type not in (FieldType.ADDRESS, FieldType.NETWORK)
        and field not in DENSE
    )


def leaks(real: Rows, masked: Rows) -> list[tuple[str, str, str]]:
    """(entity, field, value) of every cell of a masked tenant that is a real value's."""
    values = {
        value
        for entity, rows in real.items()
        for row in rows
        for field, value in row.items()
        if field in ENTITIES[entity].fields and identifying(entity, field)
        if value and len(value) >= 4 and value not in WORDS
    }
    assert values
    return [
        (entity, field, value)
        for entity, rows in masked.items()
        for row in rows
        for field, value in row.items()
        if ENTITIES[entity].fields[field].arrow_type == pa.string() and field not in DENSE
        if not ENTITIES[entity].fields[field].choices
        if value and value in values
    ]


@pytest.fixture
def house(ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("exports")
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


@pytest.fixture(params=["metro-fiber", pytest.param("valley-wireless", marks=pytest.mark.slow)])
def exports(house: House, request: pytest.FixtureRequest) -> tuple[Rows, Rows, Masker]:
    """A tenant of the demo: as it is, as it is masked, and by what."""
    ran = house.migrate(DEMO / request.param / "spec.yaml", max_quarantined="50%")
    assert ran.ok, ran.failure()
    found: list[Rows] = []
    for mask in (False, True):
        made = Export(house, house.folder / f"mask-{mask}", mask=mask)
        assert made.ok, made.failure()
        there = [e for e in ENTITIES if (made.folder / f"{e}.csv").exists()]
        found.append({entity: list(made.rows(entity)) for entity in there})
    with house.engine.connect() as connection:
        return found[0], found[1], Masker(mask_key(connection, house.tenant.slug))


def pseudonyms(masker: Masker, entity: str, rows: list[dict[str, str | None]]) -> list[tuple]:
    """The masked key of each real row."""
    fields = ENTITIES[entity].key
    columns = [
        masker.column(entity, f, pa.array([row[f] for row in rows], pa.string())) for f in fields
    ]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@pytest.mark.slow
def test_of_a_demo_tenant_nothing_is_left(exports: tuple[Rows, Rows, Masker]) -> None:
    real, masked, masker = exports
    assert leaks(real, masked) == []
    for entity, rows in real.items():
        keys = pseudonyms(masker, entity, rows)
        key = ENTITIES[entity].key
        by_key = {tuple(row[f] for f in key): row for row in masked[entity]}
        assert len(by_key) == len(rows) == len(masked[entity])
        assert set(keys) == set(by_key)

        # The order of the file is nobody's: every rank of the real order is as likely anywhere.
        if len(rows) >= 100:
            rank = {k: n for n, k in enumerate(keys)}
            order = [rank[tuple(row[f] for f in key)] for row in masked[entity]]
            mean = (len(order) - 1) / 2
            alike = sum((n - mean) * (m - mean) for n, m in enumerate(order))
            assert abs(alike / sum((n - mean) ** 2 for n in range(len(order)))) < 0.4

        # What is drawn from few is not the real value more often than chance has it.
        for field in ENTITIES[entity].fields:
            pairs = [
                (row[field], by_key[k][field])
                for row, k in zip(rows, keys, strict=True)
                if row[field] and row[field].strip("-0.")
            ]
            # Of very few different values one may well become itself, and stands in most rows.
            various = len(pairs) >= 50 and len({a for a, _ in pairs}) >= 5
            if various and is_masked(entity, field) and field not in ("language", "unit"):
                assert sum(a == b for a, b in pairs) / len(pairs) < 0.35, (entity, field)


@pytest.mark.parametrize("exports", ["metro-fiber"], indirect=True)
def test_prices_do_not_lead_back_to_the_plans(exports: tuple[Rows, Rows, Masker]) -> None:
    _, masked, _ = exports
    rows = [row for row in masked["service"] if row["price"]]
    plan, _ = Counter(row["plan"] for row in rows).most_common(1)[0]
    of_plan = [row["price"] for row in rows if row["plan"] == plan]
    assert len(of_plan) >= 10
    assert Counter(of_plan).most_common(1)[0][1] <= max(2, len(of_plan) // 5)
    listed = {row["plan_code"]: row["price"] for row in masked["plan"]}
    assert sum(row["price"] == listed[row["plan"]] for row in rows) <= len(rows) // 10


@pytest.mark.slow
def test_columns_without_their_key_are_masked_like_the_whole(house: House) -> None:
    assert house.migrate(DEMO / "metro-fiber" / "spec.yaml", max_quarantined="50%").ok
    whole = Export(house, mask=True)
    part = Export(house, house.folder / "part", mask=True, entities=["customer"],
                  fields=["last_name", "balance"])  # fmt: skip
    assert part.ok, part.failure()
    wanted = [{f: row[f] for f in ("last_name", "balance")} for row in whole.rows("customer")]
    assert part.rows("customer") == wanted


@given(st.integers(0, 10**6), st.lists(st.text("abXY019-", min_size=4, max_size=12), max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_of_any_tenant_nothing_is_left(seed: int, more: list[str]) -> None:
    """Keys that equal other keys, names and notes: of none of them a cell remains."""
    masker = Masker(random.Random(seed).randbytes(KEY_BYTES))  # noqa: S311 - a key of tests
    real: Rows = {}
    masked: Rows = {}
    for entity, rows in anything(seed, 8, tuple(more)).items():
        fields = [
            f for f, info in ENTITIES[entity].fields.items() if info.arrow_type == pa.string()
        ]
        fields += [f for f in ENTITIES[entity].key if f not in fields]
        real[entity] = [
            {f: None if row.get(f) is None else str(row[f]) for f in fields} for row in rows
        ]
        batch = pa.RecordBatch.from_pylist(
            real[entity], pa.schema([(f, pa.string()) for f in fields])
        )
        masked[entity] = masker.batch(entity, batch).to_pylist()
    found = [leak for leak in leaks(real, masked) if leak[2] != "+10000"]
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["metro-fiber", "valley-wireless"])
def test_a_masked_demo_tenant_comes_back_whole(house: House, name: str) -> None:
    """Nothing of it is held back: references join, addresses and MACs are nobody else's."""
    assert house.migrate(DEMO / name / "spec.yaml", max_quarantined="50%").ok
    made = Export(house, mask=True)
    assert made.ok, made.failure()
    before = {p.name: p.read_bytes() for p in made.folder.iterdir() if p.suffix == ".csv"}
    again = Export(house, house.folder / "again", mask=True)
    assert before == {p.name: p.read_bytes() for p in again.folder.iterdir() if p.suffix == ".csv"}

    copy = House(house.folder, house.instance, "copy")
    ran = copy.migrate(made.folder / "spec.yaml", max_quarantined="0")
    held = [] if ran.entry is None else copy.quarantine(ran.entry.id)
    assert ran.ok, (ran.failure(), [row["reasons"] for row in held][:5])
    assert ran.entry is not None
    assert held == []
    told = made.manifest["entities"]
    assert {e: c["inserted"] for e, c in ran.entry.entities.items()} == {
        e: told[e]["rows"] for e in ran.entry.entities
    }
    # The same rows of another tenant have other masks.
    theirs = Export(copy, house.folder / "theirs", mask=True)
    assert set(theirs.rows("customer")[0]) == set(made.rows("customer")[0])
    for field in ("account_number", "email"):
        ours = {row[field] for row in made.rows("customer") if row[field]}
        assert ours
        assert not ours & {row[field] for row in theirs.rows("customer")}
