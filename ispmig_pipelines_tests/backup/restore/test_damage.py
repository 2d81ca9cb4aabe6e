"""What is damaged, swapped, gone or forged is refused by name, and a killed restore is nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import keys
from ispmig_pipelines.backup import manifest as manifests
from ispmig_pipelines.backup.cipher import encrypt
from ispmig_pipelines.backup.manifest import PieceRef
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.backup.restore import large_tables, records, swap
from ispmig_pipelines.errors import BackupDamaged, BackupError, BackupKeyError, IspmigError
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.backup.restore.conftest import Restoring, schemas, trail_of
from ispmig_pipelines_tests.backup.restore.rows import fill


@pytest.fixture
def snapshot(driver: psycopg.Connection, backup: Callable[..., str]) -> str:
    fill(driver)
    name = backup()
    driver.execute("delete from payment")
    return name


@pytest.fixture
def untouched(
    driver: psycopg.Connection, acme: Tenant, snapshot: str, platform: Connection
) -> Iterator[None]:
    """Afterwards the tenant is as it was, with nothing beside it, and the failure is on record."""
    before = digest(driver, acme)
    yield
    assert digest(driver, acme) == before
    assert schemas(driver, acme) == ["tenant_acme"]
    assert trail_of(platform)[-2:] == [("restore", "begun"), ("restore", "failed")]


def path_of(repository: Repository, ref: PieceRef) -> Path:
    return Path(settings().backup_place) / repository.key_of(Part.PIECE, ref.hash)


def pieces(repository: Repository, snapshot: str, table: str) -> list[PieceRef]:
    found = repository.read(snapshot).table(table)
    assert found is not None
    return list(found.pieces)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 0.999])
def test_a_flipped_bit(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str, place: float
) -> None:
    path = path_of(repository, pieces(repository, snapshot, "invoice")[0])
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    with pytest.raises(BackupDamaged, match=path.name):
        restoring(snapshot=snapshot)


def test_a_piece_that_is_gone(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str
) -> None:
    path = path_of(repository, pieces(repository, snapshot, "payment")[0])
    path.unlink()
    with pytest.raises(BackupDamaged, match=path.name) as told:
        restoring(snapshot=snapshot)
    assert "payment" in str(told.value)


def test_two_pieces_that_were_swapped(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str
) -> None:
    one, two = (
        path_of(repository, pieces(repository, snapshot, name)[0])
        for name in ("invoice", "payment")
    )
    content = one.read_bytes(), two.read_bytes()
    for path, data in zip((two, one), content, strict=True):
        path.chmod(0o600)
        path.write_bytes(data)
    with pytest.raises(BackupDamaged, match="not what its name says"):
        restoring(snapshot=snapshot)


def test_a_forged_manifest(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str
) -> None:
    """By one who knows the tenant's public key, and so can encrypt to it."""
    other = keys.load("acme")
    forged = manifests.write(
        repository.read(snapshot),
        type(other)(**{**vars(other), "manifest_key": b"x" * len(other.manifest_key)}),
    )
    path = Path(settings().backup_place) / repository.key_of_snapshot(snapshot)
    path.chmod(0o600)
    path.write_bytes(forged)
    with pytest.raises(BackupDamaged, match=path.name):
        restoring(snapshot=snapshot)
    path.write_bytes(encrypt(b"something else", other.recipients))
    with pytest.raises(BackupDamaged, match=path.name):
        restoring(snapshot=snapshot)


def test_a_manifest_in_another_s_place(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str
) -> None:
    folder = Path(settings().backup_place)
    path = folder / repository.key_of_snapshot(snapshot)
    later = snapshot[:-8] + "00000000"
    (folder / repository.key_of_snapshot(later)).write_bytes(path.read_bytes())
    with pytest.raises(BackupDamaged, match="moved or renamed"):
        restoring(snapshot=later)


def test_rows_that_do_not_add_up(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str
) -> None:
    """Manifests of ours that say something else than their pieces."""
    manifest = repository.read(snapshot)

    def published(**changed: Any) -> str:
        tables = tuple(
            t.model_copy(update=changed) if t.name == "payment" else t for t in manifest.tables
        )
        name = manifests.new_name(manifest.instant)
        repository.publish(manifest.model_copy(update={"tables": tables, "snapshot": name}))
        return name

    with pytest.raises(BackupError, match="payment has 21 rows in the snapshot's manifest"):
        restoring(snapshot=published(rows=21))
    with pytest.raises(BackupError, match=r"control total of payment\.amount"):
        restoring(snapshot=published(totals={"amount": "1.00"}))
    # Payments of nobody, and the same twice.
    invoice = next(t for t in manifest.tables if t.name == "invoice")
    empty = {"pieces": (), "rows": 0, "totals": {}}
    tables = tuple(
        t.model_copy(update=empty) if t.name == "invoice" else t for t in manifest.tables
    )
    assert invoice.rows
    name = manifests.new_name(manifest.instant)
    repository.publish(manifest.model_copy(update={"tables": tables, "snapshot": name}))
    with pytest.raises(BackupError, match="payment_invoice_fkey"):
        restoring(snapshot=name)
    payment = next(t for t in manifest.tables if t.name == "payment")
    with pytest.raises(BackupError, match="payment_pkey"):
        restoring(snapshot=published(rows=40, pieces=payment.pieces * 2, totals={}))
    with pytest.raises(BackupError, match="columns or types"):
        restoring(snapshot=published(pieces=invoice.pieces))


def test_a_definition_that_asks_for_more_than_the_tenant_may(
    untouched: None, restoring: Restoring, repository: Repository, snapshot: str
) -> None:
    """An expression is run by the tenant's role, and one statement at a time."""
    manifest = repository.read(snapshot)

    def published(default: str) -> str:
        tables = []
        for table in manifest.tables:
            if table.name == "payment":
                columns = [dict(c) for c in table.definition["columns"]]
                columns[0]["default"] = default
                table = table.model_copy(
                    update={"definition": {**table.definition, "columns": columns}}
                )
            tables.append(table)
        name = manifests.new_name(manifest.instant)
        repository.publish(manifest.model_copy(update={"tables": tuple(tables), "snapshot": name}))
        return name

    for default in ("'x'); drop table ispmig.tenants; --", "(select 1 from ispmig.tenants)"):
        with pytest.raises(IspmigError):
            restoring(snapshot=published(default))


def test_the_wrong_key(
    acme: Tenant, driver: psycopg.Connection, snapshot: str, restoring: Restoring,
    repository: Repository,
) -> None:  # fmt: skip
    path = settings().backup_keys_folder / "acme.key"
    kept = path.read_text()
    path.unlink()
    with pytest.raises(BackupKeyError):
        open_repository("acme")
    path.write_text(kept)
    path.chmod(0o600)
    restoring(snapshot=snapshot)


KILLED = """
import os, signal, sys
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.restore import large_tables
from ispmig_pipelines.backup.restore.restore import Asked, restore
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.server import engine

large_tables.LARGE = int(sys.argv[2])
step = sys.argv[1]

def told(text):
    print(text, flush=True)
    if text.startswith(step):
        os.kill(os.getpid(), signal.SIGKILL)

with engine().connect() as connection, engine().connect() as holding:
    acme = tenants.get(connection, "acme")
    connection.rollback()
    with tenants.lock(holding, "acme", "a test"):
        restore(connection, acme, open_repository("acme"),
                Asked(snapshot="latest", tables=tuple(sys.argv[3:])), actor="t", told=told)
"""


@pytest.mark.parametrize(
    ("step", "tables"),
    [
        pytest.param("payment:", (), marks=pytest.mark.slow),
        pytest.param("primary keys", (), marks=pytest.mark.slow),
        pytest.param("references", (), marks=pytest.mark.slow),
        pytest.param("swap", (), marks=pytest.mark.slow),
        ("commit", ()),
        ("rows", ("payment",)),
    ],
)
def test_a_killed_restore_is_as_if_it_had_not_begun(
    driver: psycopg.Connection,
    acme: Tenant,
    snapshot: str,
    platform: Connection,
    restoring: Restoring,
    step: str,
    tables: tuple[str, ...],
) -> None:
    before = digest(driver, acme)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(large_tables.LARGE), *tables],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    wait_until_alone(driver, acme)
    assert digest(driver, acme) == before
    assert schemas(driver, acme) == ["tenant_acme"]
    assert trail_of(platform) == [("restore", "begun")]
    # The next one says what became of it.
    restored = restoring(snapshot=snapshot, tables=tables)
    assert trail_of(platform) == [
        ("restore", "begun"), ("restore", "failed"), ("restore", "begun"), ("restore", "finished"),
    ]  # fmt: skip
    assert driver.execute("select count(*) from payment").fetchone() == (20,)
    assert restored.before in schemas(driver, acme)


def wait_until_alone(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Until the server has noticed that the process is gone: it holds the tenant no more, and what
    it had committed of a side schema is dropped."""
    with engine().connect() as connection:
        for _ in range(200):
            try:
                with tenants.lock(connection, "acme", "a test"):
                    if schemas(driver, tenant) == [tenant.schema]:
                        return
            except IspmigError:
                pass
            driver.execute("select pg_sleep(0.05)")
    raise AssertionError("something of the killed process is still there")


def test_who_closes_what_was_abandoned_says_so_once(
    driver: psycopg.Connection, acme: Tenant, platform: Connection
) -> None:
    begun = records.begin(platform, "acme", "t", "", {"asked": {}})
    with platform.begin():
        assert records.close_abandoned(platform, "acme") == [begun]
        assert records.close_abandoned(platform, "acme") == []
    assert trail_of(platform) == [("restore", "begun"), ("restore", "failed")]


def test_locks_that_are_not_to_be_had_leave_all_as_it_was(
    untouched: None, restoring: Restoring, snapshot: str, monkeypatch: pytest.MonkeyPatch,
    acme: Tenant,
) -> None:  # fmt: skip
    monkeypatch.setenv("ISPMIG_LOCK_PATIENCE", "0.3")
    monkeypatch.setenv("ISPMIG_LOCK_TIMEOUT", "0.1")
    settings.cache_clear()
    with engine().connect() as other:
        tenants.raw(other).execute("select 1 from tenant_acme.payment")
        with pytest.raises(IspmigError) as told:
            restoring(snapshot=snapshot)
        assert told.value.transient
        other.rollback()


def test_no_name_of_a_side_schema_is_another_tenant_s() -> None:
    acme = Tenant("acme", "tenant_acme", "r")
    for part in (swap.SIDE, swap.BEFORE, swap.UNDONE):
        name = swap.new_name(acme, part)
        with pytest.raises(IspmigError):
            tenants.check_slug(name.removeprefix("tenant_"))
        assert len(swap.new_name(Tenant("x" * 32, "tenant_" + "x" * 32, "r"), part)) < 64
