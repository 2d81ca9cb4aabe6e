"""The page of the format is true: its recipe restores a table with other people's tools alone."""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines.backup import keys
from ispmig_pipelines.backup.borders import Sizes, cut
from ispmig_pipelines.backup.cipher import new_identity, recipient_of
from ispmig_pipelines.backup.columns import name_of
from ispmig_pipelines.backup.manifest import Column, Manifest, Overlay, PieceRef, Table, new_name
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import open_storage
from ispmig_pipelines_tests.backup.rows import EVERY_TYPE, customers
from ispmig_pipelines_tests.corpora import PROJECT

PAGE = (PROJECT / "docs" / "backup-format.md").read_text(encoding="utf-8")
(RECIPE,) = re.findall(r"```python recipe\n(.*?)```", PAGE, re.DOTALL)
INSTANT = dt.datetime(2026, 11, 22, 10, 31, 7, tzinfo=dt.UTC)
KEY = ("account_number",)

AGE = f"""#!{sys.executable}
# age -d -i KEYS FILE, where the tool itself is not installed
import sys, pyrage
_, d, i, keys, file = sys.argv
assert (d, i) == ("-d", "-i")
lines = [line.strip() for line in open(keys)]
mine = [pyrage.x25519.Identity.from_str(x) for x in lines if x and not x.startswith("#")]
sys.stdout.buffer.write(pyrage.decrypt(open(file, "rb").read(), mine))
"""


def restored(tmp_path: Path, repository: Repository, name: str, key: Path) -> list[list[str]]:
    """The rows that the recipe makes, header first, in the order of their texts."""
    pytest.importorskip("duckdb", reason="DuckDB is not installed: pip install .[bench]")
    folder = tmp_path / f"recipe-{len(list(tmp_path.iterdir()))}"
    (folder / "bin").mkdir(parents=True)
    if shutil.which("age") is None:
        (folder / "bin" / "age").write_text(AGE)
        (folder / "bin" / "age").chmod(0o755)
    (snapshot,) = repository.snapshots()
    program = RECIPE.replace("acme.key", str(key))
    program = program.replace(
        "backups/acme-5f0c9a1e77d24b36", repository.storage.place("x")[:-1] + repository.root
    )
    program = program.replace("20261122T103107.123456Z-5f0c9a1e", snapshot.name)
    program = program.replace('"customer"', f'"{name}"')
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        check=True,
        env={**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return [header, *sorted(rows)]


def table(name: str, rows: int, schema: pa.Schema, key: tuple[str, ...], **more: object) -> Table:
    columns = tuple(Column(name=f.name, type="text", piece_type=name_of(f.type)) for f in schema)
    return Table.model_validate(
        {"name": name, "columns": columns, "key": key, "rows": rows, **more}
    )


@pytest.fixture
def repository(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("ISPMIG_BACKUP_RECOVERY", recipient_of(RECOVERY))
    settings.cache_clear()
    return Repository(open_storage(tmp_path / "backups", private=True), keys.create("acme"))


RECOVERY = new_identity()


def publish(repository: Repository, *tables: Table) -> None:
    repository.publish(
        Manifest(
            repository=repository.root, tenant="acme", snapshot=new_name(INSTANT),
            instant=INSTANT, kind="full", tables=tables,
        )
    )  # fmt: skip


def put(repository: Repository, rows: pa.RecordBatch) -> PieceRef:
    return repository.put(rows)[0]


def test_the_recipe_has_ten_lines_at_most() -> None:
    assert len(RECIPE.strip().splitlines()) <= 10
    assert "ispmig" not in RECIPE


def test_the_recipe_restores_a_table_with_changes_since_its_pieces_were_cut(
    repository: Repository, tmp_path: Path
) -> None:
    base = customers(0, 3000)
    pieces = [
        put(repository, rows)
        for rows in cut([base], KEY, repository.border_secret, Sizes(64, 256, 1024))
    ]
    assert len(pieces) > 3
    overlays = (
        Overlay(
            upserts=(put(repository, customers(100, 120, mark=" 1")),),
            deletes=(put(repository, customers(500, 600).select(KEY)),),
        ),
        Overlay(
            upserts=(
                put(repository, customers(110, 130, mark=" 2")),
                put(repository, customers(550, 560, mark=" back")),
            ),
            deletes=(put(repository, customers(100, 105).select(KEY)),),
        ),
    )
    expected = {row["account_number"]: row for row in base.to_pylist()}
    for n in (*range(500, 550), *range(560, 600), *range(100, 105)):
        del expected[f"ACC-{n:07d}"]
    for changed in (customers(105, 110, mark=" 1"), customers(110, 130, mark=" 2"),
                    customers(550, 560, mark=" back")):  # fmt: skip
        expected |= {row["account_number"]: row for row in changed.to_pylist()}
    publish(
        repository,
        table("customer", len(expected), base.schema, KEY, pieces=pieces, overlays=overlays),
        table("twice", 20, base.schema, (), pieces=[put(repository, customers(0, 10))] * 2),
    )
    key = settings().backup_keys_folder / "acme.key"
    header, *rows = restored(tmp_path, repository, "customer", key)
    assert header == base.schema.names
    assert [r[0] for r in rows] == sorted(expected)
    for row in rows:
        its = expected[row[0]]
        assert row[1:] == [its["name"], its["city"] or "", str(its["balance"])]
    # A table without a key may hold a row twice.
    _, *rows = restored(tmp_path, repository, "twice", key)
    assert len(rows) == 20


def test_a_recovery_key_is_enough(repository: Repository, tmp_path: Path) -> None:
    rows = customers(0, 3)
    publish(repository, table("customer", 3, rows.schema, KEY, pieces=[put(repository, rows)]))
    keys.shred("acme")
    (tmp_path / "recovery.txt").write_text(f"# mine\n{RECOVERY}\n")
    _, *found = restored(tmp_path, repository, "customer", tmp_path / "recovery.txt")
    assert [row[0] for row in found] == [f"ACC-{n:07d}" for n in range(3)]


def test_duckdb_reads_every_type_as_what_it_is(repository: Repository, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed: pip install .[bench]")
    from ispmig_pipelines.backup import piece
    from ispmig_pipelines_tests.backup.rows import every_type

    file = tmp_path / "every.parquet"
    file.write_bytes(piece.write(every_type()))
    found = duckdb.sql(f"select * from read_parquet('{file}')")
    assert [str(t) for t in found.types] == [
        "BIGINT", "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(38,10)",
        "DECIMAL(12,2)", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "BLOB",
    ]  # fmt: skip
    first, second, third = duckdb.sql(
        f"select * exclude (\"timestamp[us, tz=UTC]\") from read_parquet('{file}')"
    ).fetchall()
    kinds = [k for k in EVERY_TYPE if k != pa.timestamp("us", "UTC")]
    assert first[1:] == tuple(EVERY_TYPE[k][0] for k in kinds)
    assert second[1:] == (None,) * len(kinds)
    assert third[7] == Decimal(0)
