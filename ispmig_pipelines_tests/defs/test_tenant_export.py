"""The job ``tenant_export``: one instant, whole files, nothing more and nothing less than asked."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import stat
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from dagster import AssetKey, DagsterInstance, JobDefinition

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs.tenant_export import claim
from ispmig_pipelines.defs.tenant_export.swap import Swap
from ispmig_pipelines.errors import DatabaseError, StorageError
from ispmig_pipelines.formats import writers
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.storage import LocalStorage, S3Storage, Storage, open_storage
from ispmig_pipelines_tests.bucket import s3_server
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.platform.anything import anything
from ispmig_pipelines_tests.platform.loading import LENIENT, load_rows

CUSTOMERS = [
    {"account_number": "A1", "status": "active", "first_name": "Ann", "email": "ann@home.net",
     "balance": Decimal("12.50"), "currency": "USD", "portal_secret": "s3cret", "notes": "=1+1",
     "legacy": {"Old": "x"}},
    {"account_number": "A2", "status": "cancelled", "first_name": "Bob", "email": None,
     "balance": Decimal("-3.00"), "currency": "USD", "portal_secret": None, "notes": ""},
    {"account_number": "A3", "status": "active", "first_name": "Cy", "email": "cy@work.net",
     "balance": Decimal("7.00"), "currency": "EUR", "portal_secret": None, "notes": None},
]  # fmt: skip
PLANS = [{"plan_code": "P"}]
SERVICES = [
    {"service_code": f"S{n}", "customer": customer, "plan": "P", "status": "active"}
    for n, customer in enumerate(["A1", "A2", "A2", "A3"], 1)
]
DEVICES = [
    {"device_code": "D1", "customer": "A2", "service": "S2"},
    {"device_code": "D2", "customer": None, "service": None},
    {"device_code": "D3", "customer": "A1", "service": "S3"},
]


@pytest.fixture
def house(ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("exports")
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def hold(house: House, **rows: list[dict[str, Any]]) -> None:
    with house.engine.connect() as connection:
        given = rows or {
            "plan": PLANS,
            "customer": CUSTOMERS,
            "service": SERVICES,
            "device": DEVICES,
        }
        load_rows(
            connection,
            house.tenant,
            {e: given[e] for e in ENTITIES if e in given},
            policy=LENIENT,
        )


def job() -> JobDefinition:
    return defs.get_job_def("tenant_export")


class Export:
    """A run of the job, and what it left."""

    def __init__(self, house: House, out: Path | str | None = None, **config: Any) -> None:
        self.folder = house.folder / "out" if out is None else Path(str(out))
        place = str(self.folder) if out is None else str(out)
        self.result = job().execute_in_process(
            instance=house.instance,
            partition_key=house.tenant.slug,
            raise_on_error=False,
            run_config={"ops": {"export": {"config": {"out": place, **config}}}},
        )

    @property
    def ok(self) -> bool:
        return bool(self.result.success)

    def failure(self) -> tuple[str, int]:
        (event,) = (e for e in self.result.all_events if e.is_step_failure)
        told = event.step_failure_data.user_failure_data
        assert told is not None, event.step_failure_data.error.to_string()
        return told.description, told.metadata["exit_code"].value

    @property
    def manifest(self) -> dict[str, Any]:
        found = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    def names(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir()) if self.folder.exists() else []

    def rows(self, entity: str) -> list[dict[str, str]]:
        text = (self.folder / f"{entity}.csv").read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text)))


def test_every_row_and_field_is_there_and_the_manifest_says_so(house: House) -> None:
    hold(house)
    made = Export(house)
    assert made.ok, made.failure()
    assert made.names() == ["customer.csv", "device.csv", "manifest.json", "plan.csv",
                            "service.csv", "spec.yaml"]  # fmt: skip
    rows = made.rows("customer")
    assert [r["account_number"] for r in rows] == ["A1", "A2", "A3"]
    assert list(rows[0]) == [*ENTITIES["customer"].fields, "legacy"]
    assert (rows[0]["balance"], rows[0]["legacy"]) == ("12.5000", '{"Old": "x"}')
    told = made.manifest
    assert (told["tenant"], told["format"], told["masked"]) == ("acme", "csv", False)
    customer = told["entities"]["customer"]
    assert customer["rows"] == 3
    assert customer["totals"]["balance"] == {"EUR": "7.0000", "USD": "9.5000"}
    assert told["entities"]["invoice"]["rows"] == 0
    for file in told["files"]:
        content = (made.folder / file["name"]).read_bytes()
        assert len(content) == file["bytes"]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    with house.engine.connect() as connection:
        content_digest = digest(tenants.raw(connection), house.tenant)
    assert {e: t["digest"] for e, t in told["entities"].items()} == {
        e: t["digest"] for e, t in content_digest["entities"].items()
    }


def test_it_stands_in_the_audit_trail_without_a_cell(house: House) -> None:
    hold(house)
    made = Export(house, entities=["customer"], where="email = ann@home.net and status = active")
    begun, finished = entries(house)
    assert (begun.stage, finished.stage) == ("begun", "finished")
    for entry in (begun, finished):
        assert entry.operation == "export"
        assert entry.dagster_run_id == made.result.run_id
        assert entry.details["to"] == str(made.folder)
        assert "ann@home.net" not in json.dumps(entry.details)
        # Nor could anybody try out which address it was.
        assert "where_sha256" not in entry.details
        assert "customer.status = active" in entry.details["where"]
    assert begun.details["rows"] == {"customer": 1}
    assert finished.details["begun"] == begun.id
    manifest = (made.folder / "manifest.json").read_bytes()
    assert finished.details["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert finished.details["entities"]["customer"]["rows"] == 1
    assert "ann@home.net" in made.manifest["selection"]["where"]


def entries(house: House) -> list[trail.Entry]:
    with house.engine.connect() as connection:
        found = trail.entries(connection, "acme")
    return [entry for entry in found if entry.operation is trail.Operation.EXPORT]


def stages(house: House) -> list[str]:
    return [str(entry.stage) for entry in entries(house)]


def test_the_trail_knows_of_it_before_the_first_byte_is_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)
    seen: list[tuple[list[str], list[str]]] = []
    prepare = LocalStorage.prepare

    def watched(self: LocalStorage, key: str) -> Any:
        seen.append((stages(house), [p.name for p in self.root.glob("*")]))
        return prepare(self, key)

    monkeypatch.setattr(LocalStorage, "prepare", watched)
    made = Export(house)
    assert made.ok, made.failure()
    assert seen[0] == (["begun"], [])
    assert all(told == ["begun"] for told, _ in seen)
    assert stages(house) == ["begun", "finished"]


def test_where_the_trail_cannot_be_written_nothing_leaves(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)

    def fails(*_: Any, **__: Any) -> int:
        raise DatabaseError("No trail.")

    monkeypatch.setattr(trail, "enter", fails)
    made = Export(house)
    assert (made.failure(), made.names()) == (("No trail.", 3), [])


def test_where_only_its_end_cannot_be_written_nothing_appears(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)
    assert Export(house).ok
    before = contents(house.folder / "out")
    enter = trail.enter

    def fails(connection: Any, tenant: str, operation: Any, stage: Any, **rest: Any) -> int:
        if stage == "finished":
            raise DatabaseError("No trail.")
        return enter(connection, tenant, operation, stage, **rest)

    monkeypatch.setattr(trail, "enter", fails)
    made = Export(house, overwrite=True, entities=["plan"])
    assert made.failure() == ("No trail.", 3)
    assert contents(made.folder) == before
    assert stages(house) == ["begun", "finished", "begun", "failed"]
    assert entries(house)[3].details["export_is_there"] is False


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_the_graph_learns_of_the_files(house: House) -> None:
    hold(house)
    made = Export(house)
    record = house.instance.get_latest_materialization_event(AssetKey("tenant_files"))
    assert record is not None
    found = record.asset_materialization
    assert found is not None
    assert found.partition == "acme"
    assert found.metadata["folder"].value == str(made.folder)
    assert found.metadata["dagster/row_count"].value == 11
    graph = defs.resolve_asset_graph()
    assert AssetKey("customer") in graph.get(AssetKey("tenant_files")).parent_keys


def test_the_launchpad_has_every_option(house: House) -> None:
    from ispmig_pipelines.defs.tenant_export.config import ExportConfig
    from ispmig_pipelines.defs.tenant_export.job import default_config

    config = default_config("acme")["ops"]["export"]["config"]  # type: ignore[index]
    assert set(config) == set(ExportConfig.model_fields)
    hold(house)
    assert Export(house, **{k: v for k, v in config.items() if k != "out"}).ok


def test_chosen_fields_are_exactly_the_columns(house: House) -> None:
    hold(house)
    made = Export(house, fields=["customer.email", "customer.status", "service.service_code"])
    assert made.names() == ["customer.csv", "manifest.json", "service.csv"]
    assert list(made.rows("customer")[0]) == ["email", "status"]
    assert list(made.rows("service")[0]) == ["service_code"]
    one = Export(house, house.folder / "one", entities=["customer"], fields=["balance"])
    assert one.manifest["entities"]["customer"]["totals"]["balance"]["USD"] == "9.5000"
    assert list(one.rows("customer")[0]) == ["balance"]


def test_rows_whose_parent_is_left_out_are_left_out(house: House) -> None:
    hold(house)
    made = Export(house, where="customer.status = active")
    told = {e: t["rows"] for e, t in made.manifest["entities"].items() if t["rows"]}
    assert told == {"customer": 2, "plan": 1, "service": 2, "device": 1}
    assert [r["service_code"] for r in made.rows("service")] == ["S1", "S4"]
    # D1 is at a customer who is left out, D3's service is another's; D2 is in stock.
    assert [r["device_code"] for r in made.rows("device")] == ["D2"]
    alone = Export(house, house.folder / "alone", entities=["device"], where="customer is not null")
    assert [r["device_code"] for r in alone.rows("device")] == ["D1", "D3"]


WHERE = {
    "status = active": {"A1", "A3"},
    "status != active": {"A2"},
    "email != ann@home.net": {"A2", "A3"},
    "not (email = ann@home.net)": {"A2", "A3"},
    "not (email contains work)": {"A1", "A2"},
    "email is null": {"A2"},
    "notes is not null": {"A1", "A2"},
    "notes = ''": {"A2"},
    "balance > 0 and currency in (USD, JPY)": {"A1"},
    "balance <= -3 or first_name = Cy": {"A2", "A3"},
    "balance = 7": {"A3"},
    "first_name like '_nn'": {"A1"},
    "first_name like 'B%'": {"A2"},
    "email starts with 'cy@'": {"A3"},
    "email contains '%'": set(),
    "email contains '_'": set(),
    r"email contains '\'": set(),
    "first_name = 'x'' or 1=1 --'": set(),
    "portal_secret is not null": {"A1"},
    "status not in (cancelled)": {"A1", "A3"},
    "not status = active and not first_name = Bob": set(),
}


@pytest.mark.slow
@pytest.mark.parametrize("where", WHERE)
def test_conditions_choose_what_they_say(house: House, where: str) -> None:
    hold(house)
    made = Export(house, entities=["customer"], where=where)
    if WHERE[where]:
        assert {r["account_number"] for r in made.rows("customer")} == WHERE[where]
    else:
        told, exit_code = made.failure()
        assert (exit_code, made.names()) == (2, [])
        assert "no row of customer" in told


TYPED: list[tuple[str, str, Callable[[dict[str, Any]], bool]]] = [
    ("payment", "paid_at >= 2024-02-29",
     lambda r: bool(r["paid_at"]) and r["paid_at"].year == 2024),
    ("payment", "paid_at != 2020-03-29T01:30:00Z",
     lambda r: r["paid_at"] != dt.datetime(2020, 3, 29, 1, 30, tzinfo=dt.UTC)),
    ("ip_assignment", "address in (10.0.0.1, 2001:DB8:0::1)",
     lambda r: r["address"] in ("10.0.0.1", "2001:db8::1")),
    ("ip_assignment", "address != 10.0.0.1", lambda r: r["address"] != "10.0.0.1"),
    ("device", "mac = ffff.ffff.ffff", lambda r: r["mac"] == "ff:ff:ff:ff:ff:ff"),
    ("customer", "tax_exempt = true", lambda r: r["tax_exempt"] is True),
    ("customer", "not tax_exempt = true", lambda r: r["tax_exempt"] is not True),
    ("customer", "bill_day > 15.5", lambda r: bool(r["bill_day"]) and r["bill_day"] > 15),
    ("customer", "birth_date < 1900-03-01", lambda r: bool(r["birth_date"])
     and r["birth_date"] < dt.date(1900, 3, 1)),
    ("customer", "balance <= -0.5", lambda r: r["balance"] is not None and r["balance"] <= -0.5),
    ("customer", "first_name > M", lambda r: bool(r["first_name"]) and r["first_name"] > "M"),
    ("customer", "last_name contains 'e\u0301'", lambda r: "e\u0301" in (r["last_name"] or "")),
    ("plan", "tax_rate >= 0", lambda r: r["tax_rate"] is not None),
    ("location", "latitude = -90", lambda r: r["latitude"] == -90),
]  # fmt: skip


@pytest.mark.slow
def test_values_of_every_type_compare_as_in_the_rows(house: House) -> None:
    rows = anything(3, size=40)
    with house.engine.connect() as connection:
        load_rows(connection, house.tenant, rows, policy=LENIENT)
    for number, (entity, where, holds) in enumerate(TYPED):
        made = Export(
            house, house.folder / str(number), entities=[entity], where=where, format="ndjson"
        )
        key = ENTITIES[entity].key[0]
        expected = sorted(r[key] for r in rows[entity] if holds(r))
        if not expected:
            assert made.failure()[1] == 2
            continue
        lines = (made.folder / f"{entity}.ndjson").read_text(encoding="utf-8").split("\n")[:-1]
        assert sorted(json.loads(line)[key] for line in lines) == expected, where


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_exports_to_one_place_do_not_spoil_each_other(
    house: House, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    hold(house)
    other = House(house.folder, house.instance, "other")
    hold(other)
    if overwrite:
        assert Export(house).ok
    from ispmig_pipelines.platform.export import Snapshot

    digest_of = Snapshot.digest
    inner: list[Export] = []

    def overtaken(self: Snapshot, *rest: Any) -> str:
        monkeypatch.setattr(Snapshot, "digest", digest_of)
        inner.extend((Export(house, overwrite=overwrite), Export(other, overwrite=overwrite)))
        return digest_of(self, *rest)

    monkeypatch.setattr(Snapshot, "digest", overtaken)
    first = Export(house, overwrite=overwrite)
    assert first.ok, first.failure()
    for loser in inner:
        told, exit_code = loser.failure()
        assert exit_code == 2
        assert overwrite is False or "'acme'" in told or first.result.run_id in told
    assert first.manifest["dagster_run_id"] == first.result.run_id
    assert len(first.names()) == 6
    whole(first)


def whole(made: Export) -> None:
    for file in made.manifest["files"]:
        content = (made.folder / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_who_loses_the_place_at_the_last_moment_deletes_nothing_of_the_winner(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who knows nothing of our locks writes there, too."""
    hold(house)
    publish = Swap.publish

    def overtaken(self: Swap, old: Any) -> None:
        (house.folder / "out" / "plan.csv").write_text("theirs")
        publish(self, old)

    monkeypatch.setattr(Swap, "publish", overtaken)
    made = Export(house)
    told, exit_code = made.failure()
    assert (exit_code, "plan.csv already" in told) == (2, True)
    assert contents(made.folder) == {"plan.csv": b"theirs"}


def lock_of(run_id: str) -> str:
    return json.dumps({"tenant": "acme", "dagster_run_id": run_id, "actor": "ann",
                       "begun_at": "2024-02-29T10:00:00+00:00"})  # fmt: skip


def test_what_a_killed_run_left_is_taken_over_and_others_are_told_of(house: House) -> None:
    hold(house)
    folder = house.folder / "out"
    folder.mkdir()
    dead = "00000000-0000-4000-8000-000000000001"
    (folder / "export.lock").write_text(lock_of(dead))
    # Nobody here knows the run: it may be one of another platform, and alive.
    told, exit_code = Export(house).failure()
    assert exit_code == 2
    assert all(w in told for w in (dead, "2024-02-29T10:00", str(folder / "export.lock"), "ann"))
    assert [p.name for p in folder.iterdir()] == ["export.lock"]
    with house.engine.begin() as connection:
        trail.enter(connection, "acme", trail.Operation.EXPORT, trail.Stage.BEGUN,
                    actor="ann", dagster_run_id=dead, details={})  # fmt: skip
    made = Export(house)
    assert made.ok, made.failure()
    assert "export.lock" not in made.names()


def test_a_run_that_lives_keeps_its_place_under_whatever_name(house: House) -> None:
    """Two mounts of one folder have two names; the runs find each other by the lock's file."""
    hold(house)
    folder = house.folder / "out"
    folder.mkdir()
    alive = "00000000-0000-4000-8000-000000000002"
    (folder / "export.lock").write_text(lock_of(alive))
    with house.engine.connect() as connection:
        trail.enter(connection, "acme", trail.Operation.EXPORT, trail.Stage.BEGUN,
                    actor="ann", dagster_run_id=alive, details={})  # fmt: skip
        connection.commit()
        assert claim._try(connection, claim._RUNS, alive)
        told, exit_code = Export(house).failure()
        assert (exit_code, alive in told) == (2, True)


def test_who_lost_its_lock_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(house)
    assert Export(house).ok
    before = contents(house.folder / "out")
    put = Swap.put

    def robbed(self: Swap, key: str, content: bytes) -> None:
        (house.folder / "out" / "export.lock").write_text(lock_of("another"))
        put(self, key, content)

    monkeypatch.setattr(Swap, "put", robbed)
    told, exit_code = Export(house, overwrite=True).failure()
    assert (exit_code, "took away" in told) == (3, True)
    after = contents(house.folder / "out")
    assert after.pop("export.lock") == lock_of("another").encode()
    assert after == before


def test_what_a_format_cannot_say_is_noted(house: House) -> None:
    hold(house)
    made = Export(house, entities=["customer"], fields=["email"])
    (file,) = made.manifest["files"]
    assert "null" in file["notes"][0]


def test_what_is_asked_wrongly_is_told_before_anything_is_written(house: House) -> None:
    hold(house)
    for config, words in (
        ({"entities": ["custmer"]}, "did you mean 'customer'?"),
        ({"fields": ["customer.emial"]}, "did you mean 'email'?"),
        ({"fields": ["email"]}, "needs its entity"),
        ({"entities": ["plan"], "fields": ["customer.email"]}, "--entity does not"),
        ({"where": "status = active"}, "several"),
        ({"where": "customer.status = actve"}, "did you mean 'active'?"),
        ({"format": "xlsx", "compress": "gzip"}, "packed already"),
        ({"transform": "/nowhere.yaml"}, "no transform"),
        ({"entities": ["invoice"]}, "no row of invoice"),
    ):
        made = Export(house, **config)
        told, exit_code = made.failure()
        assert (exit_code, made.names()) == (2, []), config
        assert words in told


@pytest.mark.slow
def test_large_entities_are_split_and_come_back_whole(house: House) -> None:
    hold(house, customer=[
        {"account_number": f"{n:04}", "status": "active", "notes": "x" * 100} for n in range(200)
    ])  # fmt: skip
    made = Export(house, entities=["customer"], split_bytes=10_000)
    files = made.manifest["files"]
    assert len(files) > 2
    assert [f["name"] for f in files[:2]] == ["customer.csv", "customer-0002.csv"]
    assert sum(f["rows"] for f in files) == 200
    # Past its limit by a row or so, and no file but the last below it.
    assert all(10_000 <= f["bytes"] < 12_000 for f in files[:-1])
    other = House(house.folder, house.instance, "other")
    assert other.migrate(made.folder / "spec.yaml").ok
    assert other.digest() == house.digest()


@pytest.mark.slow
def test_workbooks_are_split_by_rows(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ispmig_pipelines.defs.tenant_export.files.SHEET_ROWS", 70)
    hold(house, customer=[{"account_number": f"{n:04}", "status": "active"} for n in range(150)])
    made = Export(house, entities=["customer"], format="xlsx")
    assert [f["rows"] for f in made.manifest["files"]] == [70, 70, 10]
    other = House(house.folder, house.instance, "other")
    assert other.migrate(made.folder / "spec.yaml").ok
    assert other.digest() == house.digest()


@pytest.mark.slow
@pytest.mark.parametrize("compress", ["gzip", "zstd"])
def test_packed_files_are_read_again(house: House, compress: str) -> None:
    hold(house)
    made = Export(house, compress=compress, format="ndjson")
    end = {"gzip": ".gz", "zstd": ".zst"}[compress]
    data = (made.folder / f"customer.ndjson{end}").read_bytes()
    plain = (
        gzip.decompress(data)
        if compress == "gzip"
        else pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    )
    assert [json.loads(line)["account_number"] for line in plain.splitlines()] == ["A1", "A2", "A3"]
    other = House(house.folder, house.instance, "other")
    assert other.migrate(made.folder / "spec.yaml").ok
    assert other.digest() == house.digest()


def test_an_export_that_is_there_is_not_overwritten_unless_asked(house: House) -> None:
    hold(house)
    assert Export(house).ok
    before = (house.folder / "out" / "manifest.json").read_bytes()
    told, exit_code = Export(house).failure()
    assert exit_code == 2
    assert "--overwrite" in told
    assert (house.folder / "out" / "manifest.json").read_bytes() == before
    again = Export(house, overwrite=True, entities=["plan"], format="json")
    assert again.ok
    assert again.names() == ["manifest.json", "plan.json", "spec.yaml"]


@pytest.mark.slow
def test_files_of_others_stay_and_those_in_the_way_are_told(house: House) -> None:
    hold(house)
    folder = house.folder / "out"
    folder.mkdir()
    theirs = {name: name.encode() for name in (
        "readme.txt", "customer.txt", "customer.csv.bak", "plan.docx", "customers.csv",
        "invoice.pdf", "device.csv.orig", "customer-1.csv", ".customer.csv", "customer.xml",
        "invoice.csv.gz", "service-2024.csv.old",
    )}  # fmt: skip
    for name, content in theirs.items():
        (folder / name).write_bytes(content)
    (folder / "customer-0002.csv").write_text("old")
    told, exit_code = Export(house).failure()
    assert (exit_code, "customer-0002.csv" in told) == (2, True)
    (folder / "customer-0002.csv").unlink()
    assert Export(house).ok
    configs: list[dict[str, Any]] = [
        {}, {"entities": ["plan"]}, {"format": "ndjson", "compress": "gzip"}
    ]  # fmt: skip
    for config in configs:
        made = Export(house, overwrite=True, **config)
        assert made.ok, made.failure()
        assert {name: (folder / name).read_bytes() for name in theirs} == theirs


FOREIGN = {
    "of another program": '{"manifest_version": 3, "name": "an extension", "version": "1.0"}',
    "no object": "[1, 2]",
    "no JSON": "customer.csv 12",
    "empty": "",
    "deep": "[" * 100_000,
    "of another tenant": json.dumps({"manifest_version": 1, "tenant": "other", "files": []}),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_manifest_of_somebody_else_keeps_everything_as_it_is(house: House, kind: str) -> None:
    hold(house)
    folder = house.folder / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text(FOREIGN[kind])
    (folder / "customer.csv").write_text("theirs")
    before = contents(folder)
    told, exit_code = Export(house, overwrite=True).failure()
    assert (exit_code, "manifest.json" in told or "'other'" in told) == (2, True)
    assert contents(folder) == before
    assert stages(house) == []


def test_a_manifest_cannot_have_others_files_deleted(house: House) -> None:
    hold(house)
    assert Export(house).ok
    folder = house.folder / "out"
    (house.folder / "outside.csv").write_text("theirs")
    (folder / "letter.txt").write_text("theirs")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] += [{"name": n} for n in ("letter.txt", "../outside.csv", 5, "", ".")] + [7]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    made = Export(house, overwrite=True, entities=["plan"])
    assert made.ok, made.failure()
    assert made.names() == ["letter.txt", "manifest.json", "plan.csv", "spec.yaml"]
    assert (house.folder / "outside.csv").exists()


def test_what_an_export_does_not_list_is_not_replaced_with_it(house: House) -> None:
    hold(house)
    assert Export(house, entities=["plan"]).ok
    folder = house.folder / "out"
    (folder / "customer.csv").write_text("theirs")
    before = contents(folder)
    told, exit_code = Export(house, overwrite=True).failure()
    assert (exit_code, "customer.csv" in told) == (2, True)
    assert contents(folder) == before


def test_without_a_manifest_only_what_it_writes_itself_is_replaced(house: House) -> None:
    hold(house)
    folder = house.folder / "out"
    folder.mkdir()
    for name in ("customer.csv", "customer-0002.csv", "invoice.csv", "customer.json"):
        (folder / name).write_text("old")
    (folder / "spec.yaml").write_text("version: 1\n")
    told, exit_code = Export(house, overwrite=True).failure()
    assert (exit_code, "spec.yaml" in told) == (2, True)
    assert (folder / "spec.yaml").read_text() == "version: 1\n"
    (folder / "spec.yaml").unlink()
    made = Export(house, overwrite=True)
    assert made.ok, made.failure()
    assert len(made.rows("customer")) == 3
    for name in ("customer-0002.csv", "invoice.csv", "customer.json"):
        assert (folder / name).read_text() == "old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_after_an_error_there_is_what_was_there_before(
    house: House, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    hold(house)
    if overwrite:
        assert Export(house).ok
    before = contents(house.folder / "out") if overwrite else {}

    def breaks(self: Any, records: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writers.WRITERS["csv"], "write", breaks)
    made = Export(house, overwrite=overwrite)
    told, exit_code = made.failure()
    assert (exit_code, "No space left" in told) == (3, True)
    assert contents(made.folder) == before
    assert stages(house)[-2:] == ["begun", "failed"]
    assert entries(house)[-1].details["error"] == "storage"


def test_an_export_that_fails_late_leaves_the_one_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)
    assert Export(house).ok
    before = contents(house.folder / "out")
    from ispmig_pipelines.defs.tenant_export import back_spec

    def breaks(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(back_spec, "back_spec", breaks)
    hold(house, plan=[{"plan_code": "Q"}])
    assert not Export(house, overwrite=True).ok
    assert contents(house.folder / "out") == before
    assert stages(house)[-1] == "failed"


def test_one_that_fails_while_files_change_places_leaves_no_manifest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)
    assert Export(house).ok
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if Path(target).name == "plan.csv":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    made = Export(house, overwrite=True)
    assert made.failure()[1] == 3
    assert "manifest.json" not in made.names()
    assert not [name for name in made.names() if name.endswith(".part") or name == "export.lock"]
    monkeypatch.undo()


def test_files_are_for_their_owner_alone(house: House) -> None:
    hold(house)
    made = Export(house)
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in made.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("out", ["", "  ", "s3://bkt/../x", "s3://AKIA:GEHEIM@bkt/x", "~nobody0/x"])
def test_places_that_are_none_are_refused(house: House, out: str) -> None:
    hold(house)
    told, exit_code = Export(house, out).failure()
    assert exit_code == 2
    assert "GEHEIM" not in told
    assert stages(house) == []


def test_the_platforms_own_folder_is_no_place(house: House, ispmig_home: Path) -> None:
    hold(house)
    (house.folder / "link").symlink_to(ispmig_home)
    for place in (ispmig_home, ispmig_home / "staging" / "x", house.folder / "link" / "x",
                  ispmig_home / "a" / ".." / "b"):  # fmt: skip
        told, exit_code = Export(house, place).failure()
        assert (exit_code, "ISPMIG_HOME" in told) == (2, True)


def test_a_condition_may_come_from_a_file(house: House) -> None:
    hold(house)
    file = house.write("where.txt", "email = ann@home.net\n")
    made = Export(house, entities=["customer"], where_file=str(file))
    assert [r["account_number"] for r in made.rows("customer")] == ["A1"]
    assert "ann@home.net" not in json.dumps(made.result.dagster_run.run_config)
    empty, binary = house.write("empty.txt", " "), house.folder / "binary"
    binary.write_bytes(b"\xff\xfe")
    for config, words in (
        ({"where_file": str(file), "where": "x = y"}, "exclude each other"),
        ({"where_file": str(house.folder / "none")}, "no file"),
        ({"where_file": str(house.folder)}, "cannot be read"),
        ({"where_file": str(empty)}, "no condition"),
        ({"where_file": str(binary)}, "no condition"),
    ):
        told, exit_code = Export(house, house.folder / "never", **config).failure()
        assert (exit_code, words in told) == (2, True), told


def test_what_the_format_cannot_hold_is_told_and_nothing_is_left(house: House) -> None:
    hold(house, plan=PLANS, customer=[{**CUSTOMERS[0], "notes": "bell \x07"}])
    made = Export(house, format="xml")
    told, exit_code = made.failure()
    assert (exit_code, made.names()) == (2, [])
    assert "XML" in told
    assert "bell" not in told


@pytest.mark.slow
def test_a_migration_beside_it_is_seen_whole_or_not_at_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are committed between two entities of an export are in none of its files."""
    hold(house)
    before = house.digest()
    from ispmig_pipelines.platform.export import Snapshot

    rows = Snapshot.rows
    done = threading.Event()

    def slow(self: Snapshot, entity: str, *rest: Any) -> Any:
        if not done.is_set():
            done.set()
            hold(house, customer=[{"account_number": "Z", "status": "lead"}],
                 service=[{**SERVICES[0], "service_code": "Z", "customer": "Z"}])  # fmt: skip
        return rows(self, entity, *rest)

    monkeypatch.setattr(Snapshot, "rows", slow)
    made = Export(house)
    assert done.is_set()
    assert house.digest() != before
    other = House(house.folder, house.instance, "other")
    assert other.migrate(made.folder / "spec.yaml").ok
    assert other.digest() == before


@pytest.mark.slow
def test_formulas_are_harmless_unless_kept(house: House) -> None:
    hold(house)
    assert Export(house).rows("customer")[0]["notes"] == "'=1+1"
    kept = Export(house, house.folder / "kept", keep_formulas=True)
    assert kept.rows("customer")[0]["notes"] == "=1+1"
    other = House(house.folder, house.instance, "other")
    for folder in ("out", "kept"):
        assert other.migrate(house.folder / folder / "spec.yaml").ok
        assert other.digest() == house.digest()


@pytest.mark.slow
def test_masked_tenants_join_and_pass_the_models_checks(house: House) -> None:
    rows = anything(7, size=25)
    with house.engine.connect() as connection:
        load_rows(connection, house.tenant, rows, policy=LENIENT)
    made = Export(house, mask=True)
    assert made.ok, made.failure()
    told = made.manifest
    assert {e: t["rows"] for e, t in told["entities"].items()} == {
        e: len(r) for e, r in rows.items()
    }
    assert all(t["digest"] is None for t in told["entities"].values())
    other = House(house.folder, house.instance, "other")
    ran = other.migrate(made.folder / "spec.yaml", max_quarantined="0")
    assert ran.ok, ran.failure()
    joined = "select count(*) from {s}.service join {s}.customer on customer = account_number"
    with house.engine.connect() as connection:
        driver = tenants.raw(connection)
        counts = [
            driver.execute(joined.format(s=h.tenant.schema)).fetchone() for h in (house, other)
        ]
    assert counts[0] == counts[1]
    again = Export(house, house.folder / "again", mask=True)
    assert (again.folder / "customer.csv").read_bytes() == (
        made.folder / "customer.csv"
    ).read_bytes()


def test_a_masked_export_holds_nothing_personal(house: House) -> None:
    hold(house)
    made = Export(house, mask=True, format="ndjson", where="customer.email = ann@home.net")
    everything = "".join(p.read_text(encoding="utf-8") for p in made.folder.iterdir())
    for word in ("Ann", "ann@home.net", "s3cret", "=1+1", "12.5", '"A1"', "Old"):
        assert word not in everything, word
    (row,) = map(json.loads, (made.folder / "customer.ndjson").read_text().splitlines())
    assert row["status"] == "active"
    assert row["portal_secret"] is None
    assert "legacy" not in row


def test_transformed_columns_are_as_the_transform_says(house: House) -> None:
    hold(house)
    transform = house.write("out.yaml", """\
version: 1
export:
  customer:
    CustNo: account_number
    State: {column: status, lookup: {active: A, cancelled: X}, otherwise: "null", default: "?"}
    Who: {columns: [first_name, email], join: " / "}
    Open: {column: balance, positive_is: credit, decimal_mark: ","}
    By: {constant: ispmig}
""")  # fmt: skip
    made = Export(house, transform=str(transform))
    assert made.ok, made.failure()
    assert made.names() == ["customer.csv", "manifest.json"]
    assert [list(r.values()) for r in made.rows("customer")] == [
        ["A1", "A", "Ann / ann@home.net", "-12,50", "ispmig"],
        ["A2", "X", "Bob", "3,00", "ispmig"],
        ["A3", "A", "Cy / cy@work.net", "-7,00", "ispmig"],
    ]
    told = made.manifest
    assert told["transform"]["sha256"] == hashlib.sha256(transform.read_bytes()).hexdigest()
    assert told["spec"] is None
    assert Decimal(told["entities"]["customer"]["totals"]["balance"]["USD"]) == Decimal("9.5")


@pytest.mark.slow
def test_exports_to_s3_are_whole_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(house)
    with s3_server(monkeypatch) as bucket:
        place = f"s3://{bucket}/acme/today"
        made = Export(house, place, compress="gzip")
        assert made.ok, made.failure()
        storage = open_storage(place)
        assert [b.key for b in storage.list()] == [
            "customer.csv.gz", "device.csv.gz", "manifest.json", "plan.csv.gz", "service.csv.gz",
            "spec.yaml",
        ]  # fmt: skip
        with storage.reading("manifest.json") as stream:
            manifest = json.load(stream)
        for file in manifest["files"]:
            with storage.reading(file["name"]) as stream:
                assert hashlib.sha256(stream.read()).hexdigest() == file["sha256"]
        told, exit_code = Export(house, place).failure()
        assert (exit_code, "--overwrite" in told) == (2, True)
        before = everything(storage)
        with monkeypatch.context() as broken:
            broken.setattr(Swap, "publish", stops)
            told, exit_code = Export(house, place, overwrite=True).failure()
        assert (told, exit_code) == ("Stopped.", 3)
        assert everything(storage) == before
        assert "Uploads" not in storage.client.list_multipart_uploads(Bucket=bucket)  # type: ignore[attr-defined]
        again = Export(house, place, overwrite=True, entities=["plan"])
        assert again.ok, again.failure()
        assert sorted(everything(storage)) == ["manifest.json", "plan.csv", "spec.yaml"]
        with storage.writing("export.lock") as stream:
            stream.write(lock_of("of another platform").encode())
        told, exit_code = Export(house, place, overwrite=True).failure()
        assert (exit_code, "of another platform" in told) == (2, True)
        told, exit_code = Export(house, "s3://nowhere/x").failure()
        assert (exit_code, "no bucket nowhere" in told) == (3, True)


def stops(*_: Any) -> None:
    raise StorageError("Stopped.")


def everything(storage: Storage) -> dict[str, bytes]:
    found = {}
    for blob in storage.list():
        with storage.reading(blob.key) as stream:
            found[blob.key] = stream.read()
    return found


@pytest.mark.slow
def test_a_spec_that_was_fetched_from_s3_works_as_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)
    with s3_server(monkeypatch) as bucket:
        place = f"s3://{bucket}/acme/to day"
        made = Export(house, place)
        assert made.ok, made.failure()
        spec = house.folder / "fetched.yaml"
        spec.write_bytes(everything(open_storage(place))["spec.yaml"])
        other = House(house.folder, house.instance, "other")
        ran = other.migrate(spec)
        assert ran.ok, ran.failure()
        assert other.digest() == house.digest()


@pytest.mark.slow
def test_uploads_that_others_began_below_the_prefix_stay(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(house)
    with s3_server(monkeypatch) as bucket:
        storage = open_storage(f"s3://{bucket}/acme")
        assert isinstance(storage, S3Storage)
        for name in ("acme/video.mp4", "acme/customer.csv", "acme/customer.mp4"):
            # This server says of every upload that it is from 2010.
            storage.client.create_multipart_upload(Bucket=bucket, Key=name)
        assert Export(house, f"s3://{bucket}/acme").ok
        uploads = storage.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        assert sorted(u["Key"] for u in uploads) == ["acme/customer.mp4", "acme/video.mp4"]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_names_of_columns_are_harmless_too_unless_kept(house: House, format: str) -> None:
    hold(house)
    transform = house.write("out.yaml", """\
version: 1
export:
  customer:
    "=1+1": account_number
    "@x": {constant: "=2+2"}
""")  # fmt: skip
    for keep, sign in ((False, "'"), (True, "")):
        made = Export(house, house.folder / f"{format}{keep}", transform=str(transform),
                      format=format, keep_formulas=keep)  # fmt: skip
        assert made.ok, made.failure()
        if format == "csv":
            assert made.rows("customer")[0] == {f"{sign}=1+1": "A1", f"{sign}@x": f"{sign}=2+2"}
        else:
            sheet = openpyxl.load_workbook(made.folder / "customer.xlsx").worksheets[0]
            header, first, *_ = sheet.iter_rows()
            assert [c.value for c in header] == [f"{sign}=1+1", f"{sign}@x"]
            assert {c.data_type for c in (*header, *first)} == {"s"}
