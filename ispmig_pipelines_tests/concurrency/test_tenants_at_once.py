"""Ten tenants at once on one PostgreSQL, each in a process of its own: every one of them comes to
what it comes to alone, and the very first ones do not get in each other's way either.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from psycopg import sql

from ispmig_pipelines import cli
from ispmig_pipelines.platform import embedded, ledger, tenants
from ispmig_pipelines.platform.audit import witness
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.faults.killed import ended, in_child

TENANTS = 10


@dataclass(frozen=True)
class Export:
    """What a made-up ISP exports: customers whose numbers nobody else has.

    Attributes:
        bad: customers that cannot be loaded.
    """

    spec: Path
    number: int
    rows: int
    bad: int

    @property
    def owed(self) -> Decimal:
        return sum((Decimal(f"{n}.{self.number:02d}") for n in range(self.rows)), Decimal())


def exported(folder: Path, number: int, rows: int) -> Export:
    folder = folder / f"isp{number}"
    folder.mkdir(parents=True)
    lines = [f"{number}-{n},Name {n} of {number},A,{n}.{number:02d}" for n in range(rows)]
    lines += [f"{number}-bad-{n},Nobody,?,1.00" for n in range(number)]
    (folder / "people.csv").write_text("No,Name,State,Owed\n" + "\n".join(lines) + "\n")
    spec = folder / "spec.yaml"
    spec.write_text(CUSTOMERS)
    return Export(spec, number, rows, number)


def ispmig(*words: str) -> Callable[[], int | None]:
    """A command, in a process of its own."""

    def run() -> int | None:
        settings.cache_clear()
        sys.argv = ["ispmig", *words]
        return cli.main()

    return run


def migration(slug: str, export: Export) -> Callable[[], int | None]:
    return ispmig("migrate", slug, str(export.spec), "--max-quarantined", "20", "--json")


def at_once(folder: Path, *commands: Callable[[], int | None]) -> None:
    """Runs the commands at the same time, to the end of all."""
    logs = [folder / f"log-{place}" for place, _ in enumerate(commands)]
    for log in logs:
        log.unlink(missing_ok=True)
    children = [in_child(do, log) for do, log in zip(commands, logs, strict=True)]
    codes = [ended(child) for child in children]
    said = [log.read_text()[-2500:] for log, code in zip(logs, codes, strict=True) if code]
    assert codes == [0] * len(commands), "\n".join(said)


def content(slug: str) -> str:
    with engine().connect() as connection:
        tenant = tenants.get(connection, slug)
        connection.rollback()
        return str(digest(tenants.raw(connection), tenant)["digest"])


def hold(slug: str, export: Export) -> None:
    """Holds that the tenant has this export, whole and once, and nothing else."""
    with engine().connect() as connection:
        (entry,) = ledger.migrations(connection, slug)
        tenant = tenants.get(connection, slug)
        found = (
            tenants.raw(connection)
            .execute(
                sql.SQL(
                    """select count(*), count(*) filter (where account_number like %s),
                              sum(balance), count(distinct _migration), min(_migration)
                       from {}"""
                ).format(sql.Identifier(tenant.schema, "customer")),
                [f"{export.number}-%"],
            )
            .fetchone()
        )
    assert entry.state is State.DONE
    assert entry.entities["customer"] == {
        "read": export.rows + export.bad, "inserted": export.rows, "updated": 0, "unchanged": 0,
        "quarantined": export.bad, "repeated": 0,
    }  # fmt: skip
    totals = entry.totals["customer.balance"]["USD"]
    assert Decimal(totals["loaded"]) == export.owed
    assert found == (export.rows, export.rows, export.owed, 1, entry.id)


def hold_platform() -> None:
    """Holds that nothing is left lying about, and that every chain holds, with its witness."""
    chains = verify_chains(lambda: engine().connect())
    assert [problem.message for chain in chains for problem in chain.problems] == []
    assert all(chain.witnessed == chain.end.position for chain in chains if chain.end)
    staged = [path for path in settings().staging_folder.rglob("*") if path.is_file()]
    assert staged == []
    with engine().connect() as connection:
        locks = connection.execute(
            sa.text("select count(*) from pg_locks where locktype = 'advisory'")
        ).scalar_one()
    assert locks == 0


@pytest.fixture
def exports(ispmig_home: Path) -> Path:
    folder = ispmig_home.parent / f"{ispmig_home.name}-exports"
    folder.mkdir()
    return folder


def compare(exports: Path, rows: int, *, every: int) -> None:
    """Migrates all at once, and every so-manyth again, alone."""
    all_of_them = [exported(exports, n, rows + 37 * n) for n in range(1, TENANTS + 1)]
    slugs = [f"isp{e.number}" for e in all_of_them]
    # On a database in which there is nothing yet, and a home without a key or a witness.
    at_once(exports, *(ispmig("tenant", "add", slug) for slug in slugs))
    at_once(exports, *(migration(s, e) for s, e in zip(slugs, all_of_them, strict=True)))
    for slug, export in zip(slugs, all_of_them, strict=True):
        hold(slug, export)
    hold_platform()
    assert len(list(settings().keys_folder.glob("*.pub"))) == 1
    for export in all_of_them[::every]:
        alone = f"alone{export.number}"
        tenants.add(engine(), alone)
        at_once(exports, migration(alone, export))
        assert content(alone) == content(f"isp{export.number}")
    assert len({content(slug) for slug in slugs}) == TENANTS
    hold_platform()


@pytest.mark.slow
def test_ten_tenants_come_to_what_each_comes_to_alone(exports: Path) -> None:
    compare(exports, 200, every=4)


@pytest.mark.slow
def test_ten_larger_tenants_come_to_what_each_comes_to_alone(exports: Path) -> None:
    compare(exports, 60_000, every=1)


@pytest.fixture
def new_home(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that is not there yet, with a server of its own that is not there either."""
    home = tmp_path / "new" / "home"
    monkeypatch.setenv("ISPMIG_HOME", str(home))
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    settings.cache_clear()
    yield home
    settings.cache_clear()
    embedded.remove(home)


@pytest.mark.slow
def test_the_very_first_commands_may_come_all_at_once(new_home: Path, tmp_path: Path) -> None:
    slugs = [f"isp{n}" for n in range(6)]
    at_once(tmp_path, *(ispmig("tenant", "add", slug) for slug in slugs))
    with engine().connect() as connection:
        assert [t["slug"] for t in tenants.list_all(connection)] == slugs
    hold_platform()
    assert witness.tenants() == ["", *slugs]
    assert new_home.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_commands_as_people_type_them_may_come_all_at_once(new_home: Path, tmp_path: Path) -> None:
    """Nothing is shared by these processes, not even what is imported."""
    all_of_them = [exported(tmp_path, n, 500) for n in range(1, TENANTS + 1)]

    def typed(*commands: list[str]) -> None:
        begun = [
            subprocess.Popen(
                [sys.executable, "-m", "ispmig_pipelines.cli", *words],
                env=os.environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for words in commands
        ]
        said = [process.communicate(timeout=500)[0] for process in begun]
        assert [p.returncode for p in begun] == [0] * len(begun), "\n".join(said)

    typed(*(["tenant", "add", f"isp{e.number}"] for e in all_of_them))
    typed(
        *(
            ["migrate", f"isp{e.number}", str(e.spec), "--max-quarantined", "20"]
            for e in all_of_them
        )
    )
    for export in all_of_them:
        hold(f"isp{export.number}", export)
    hold_platform()
    assert len(list(settings().keys_folder.glob("*.pub"))) == 1
