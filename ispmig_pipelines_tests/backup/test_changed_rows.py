"""Whatever was done between two backups: each snapshot has just the rows there were.

The state machine does what people, applications and the server itself do with tables, on a real
PostgreSQL, and backs up now and then. What each snapshot holds is read back from the repository.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ispmig_pipelines.backup import changed_rows
from ispmig_pipelines.backup import snapshot as snapshots
from ispmig_pipelines.backup.borders import Sizes
from ispmig_pipelines.backup.create import Made, create
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.errors import BackupDamaged
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.snapshots import Row, live, stored

SMALL = Sizes(min_rows=2, mean_rows=6, max_rows=16, min_bytes=8, mean_bytes=1 << 20)
TABLES = {
    "words": "k text primary key, n numeric(12, 2), v int",
    "pairs": "a int, k text, raw bytea, v int, primary key (k, a)",
    "loose": "k text, v int",
}
Backup = tuple[str, dict[str, Counter[Row]]]

pytestmark = pytest.mark.usefixtures("reading_sessions")


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    with _session(acme) as connection:
        yield connection


@pytest.fixture
def repository(acme: Tenant) -> Repository:
    return open_repository("acme", make=True)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlays also where tables are so small that they save nothing."""
    monkeypatch.setattr(changed_rows, "SMALLEST", 0)
    monkeypatch.setattr(changed_rows, "MOST_CHANGED", 0.9)


def _session(acme: Tenant) -> psycopg.Connection:
    connection = connect(autocommit=True)
    connection.execute("select set_config('search_path', %s, false)", [acme.schema])
    connection.execute("set lock_timeout = '5ms'")
    return connection


def backup(repository: Repository, **options: Any) -> Made:
    return create("acme", repository, actor="tester", sizes=SMALL, **options)


def how(made: Made, name: str = "words") -> str:
    return str(made.tables[name]["read"])


def check(repository: Repository, driver: psycopg.Connection, acme: Tenant, made: Made) -> None:
    manifest = repository.read(made.snapshot)
    for table in manifest.tables:
        if not table.name.startswith("ledger/"):
            rows = live(driver, acme.schema, table)
            assert stored(repository, manifest, table.name) == rows, table.name
            assert table.rows == sum(rows.values())


KEYS = st.integers(0, 70)
SPANS = st.tuples(KEYS, st.integers(0, 12))
NAMES = st.sampled_from(sorted(TABLES))


class Changing(RuleBasedStateMachine):
    acme: Tenant
    repository: Repository
    driver: psycopg.Connection
    other: psycopg.Connection
    counter = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Backup] = []
        self.hows: set[str]

    @initialize()
    def begin(self) -> None:
        for name, columns in TABLES.items():
            self.driver.execute(f"drop table if exists {name}")
            self.driver.execute(f"create table {name} ({columns})")
        self._insert(self.driver, "words", (0, 40))
        self._insert(self.driver, "pairs", (10, 40))
        self._insert(self.driver, "loose", (0, 40))
        self.back_up(full=False)

    def _insert(self, session: psycopg.Connection, name: str, span: tuple[int, int]) -> None:
        first, count = span
        value = next(self.counter)
        source = "generate_series(%s::int, %s::int) i"
        bounds: list[Any] = [first, first + count]
        if name == "words":
            session.execute(
                f"insert into words select 'k' || i, i / 7.0, {value} from {source} "
                "on conflict (k) do update set v = excluded.v",
                bounds,
            )
        elif name == "pairs":
            session.execute(
                f"insert into pairs select i %% 3, 'k' || i, decode('00ff', 'hex'), {value} "
                f"from {source} on conflict (k, a) do update set v = excluded.v",
                bounds,
            )
        else:
            session.execute(f"insert into loose select 'k' || i, {value} from {source}", bounds)

    def _change(
        self, session: psycopg.Connection, kind: str, name: str, span: tuple[int, int]
    ) -> None:
        keys = [f"k{i}" for i in range(span[0], span[0] + span[1] + 1)]
        match kind:
            case "insert":
                self._insert(session, name, span)
            case "update":
                session.execute(
                    f"update {name} set v = {next(self.counter)} where k = any(%s)", [keys]
                )
            case "same":
                session.execute(f"update {name} set v = v where k = any(%s)", [keys])
            case "delete":
                session.execute(f"delete from {name} where k = any(%s)", [keys])
            case "rename":
                session.execute(
                    f"update {name} set k = k || 'x' || {next(self.counter)} where k = any(%s)",
                    [keys],
                )
            case "swap":
                # Gone and there again under the same key.
                session.execute(f"delete from {name} where k = any(%s)", [keys])
                self._insert(session, name, span)

    CHANGES = st.sampled_from(["insert", "update", "same", "delete", "rename", "swap"])

    @rule(kind=CHANGES, name=NAMES, span=SPANS)
    def change(self, kind: str, name: str, span: tuple[int, int]) -> None:
        with suppress(psycopg.errors.LockNotAvailable), self.driver.transaction():
            self._change(self.driver, kind, name, span)

    @rule(
        steps=st.lists(st.tuples(CHANGES, NAMES, SPANS, st.booleans()), min_size=1, max_size=4),
        commits=st.booleans(),
    )
    def change_in_subtransactions(self, steps: list[Any], commits: bool) -> None:
        with self.driver.transaction(force_rollback=not commits):
            self._in_subtransactions(self.driver, steps)

    def _in_subtransactions(self, session: psycopg.Connection, steps: list[Any]) -> None:
        for kind, name, span, stays in steps:
            with (
                suppress(psycopg.errors.LockNotAvailable),
                session.transaction(force_rollback=not stays),
            ):
                self._change(session, kind, name, span)

    @rule(steps=st.lists(st.tuples(CHANGES, NAMES, SPANS, st.booleans()), min_size=1, max_size=3))
    def others_change(self, steps: list[Any]) -> None:
        if self.other.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self.other.execute("begin")
        self._in_subtransactions(self.other, steps)

    @rule(
        steps=st.lists(st.tuples(CHANGES, NAMES, SPANS, st.booleans()), min_size=1, max_size=3),
        between=st.lists(st.tuples(CHANGES, NAMES, SPANS, st.booleans()), max_size=2),
    )
    def others_commit_after_a_backup_that_did_not_see_them(
        self, steps: list[Any], between: list[Any]
    ) -> None:
        self.others_change(steps)
        # So that theirs is not the newest transaction that the backup knows of.
        self._in_subtransactions(self.driver, [*between, ("same", "words", (0, 70), True)])
        self.back_up(full=False)
        self.others_end(commits=True)
        self.back_up(full=False)

    @rule(commits=st.booleans())
    def others_end(self, commits: bool) -> None:
        self.other.execute("commit" if commits else "rollback")

    @rule(
        what=st.sampled_from(
            ["vacuum {}", "vacuum (freeze) {}", "vacuum full {}", "analyze {}", "truncate {}",
             "reindex table {}"]
        ),
        name=NAMES,
    )  # fmt: skip
    def maintain(self, what: str, name: str) -> None:
        with suppress(psycopg.errors.LockNotAvailable):
            self.driver.execute(what.format(name))

    @rule(full=st.booleans().flatmap(lambda x: st.just(False) if x else st.booleans()))
    def back_up(self, full: bool) -> None:
        made = backup(self.repository, full=full)
        manifest = self.repository.read(made.snapshot)
        rows = {}
        for name in TABLES:
            table = manifest.table(name)
            assert table is not None
            rows[name] = live(self.driver, self.acme.schema, table)
            assert stored(self.repository, manifest, name) == rows[name]
            assert table.rows == sum(rows[name].values())
            self.hows.add(how(made, name))
        self.made.append((made.snapshot, rows))

    def teardown(self) -> None:
        self.other.execute("rollback")
        for snapshot, rows in self.made[:-1]:
            manifest = self.repository.read(snapshot)
            for name in TABLES:
                assert stored(self.repository, manifest, name) == rows[name]


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_each_snapshot_has_the_rows_there_were(
    repository: Repository,
    driver: psycopg.Connection,
    acme: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changed_rows, "MOST_OVERLAYS", 4)
    # What else the tenant has would be read each time, and is not changed here.
    described = snapshots._sources
    monkeypatch.setattr(
        snapshots,
        "_sources",
        lambda *given: tuple(s for s in described(*given) if s.name in TABLES),
    )
    hows: set[str] = set()
    with _session(acme) as other:

        class OnThisDatabase(Changing):
            def __init__(self) -> None:
                super().__init__()
                self.acme, self.repository = acme, repository
                self.driver, self.other = driver, other
                self.hows = hows

        run_state_machine_as_test(
            OnThisDatabase,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert hows == {"full", "changes", "unchanged"}


EXAMPLES = 8


def fill(driver: psycopg.Connection, rows: int = 3000) -> None:
    driver.execute("create table words (k text primary key, n numeric(12, 2), v int)")
    driver.execute(
        "insert into words select 'k' || lpad(i::text, 7, '0'), i / 7.0, i "
        "from generate_series(1, %s) i",
        [rows],
    )


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_changes_are_stored_as_overlays_and_what_is_unchanged_is_not_read(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    fill(driver)
    first = backup(repository)
    driver.execute("update words set v = -v where v % 100 = 1")
    driver.execute("delete from words where v % 100 = 2")
    driver.execute("insert into words values ('k0000100a', 1, 1), ('zz', 2, 2)")
    second = backup(repository)
    check(repository, driver, acme, second)
    assert (how(first), how(second), second.parent) == ("full", "changes", first.snapshot)
    assert second.kind == "incremental"
    table = repository.read(second.snapshot).table("words")
    assert table is not None
    (overlay,) = table.overlays
    assert sum(ref.rows for ref in overlay.upserts) == 32
    assert sum(ref.rows for ref in overlay.deletes) == 30
    with driver.cursor() as cursor:
        total = cursor.execute("select sum(n)::text from words").fetchone()
    assert total is not None
    assert table.totals == {"n": total[0]}
    third = backup(repository)
    check(repository, driver, acme, third)
    assert how(third) == "unchanged"


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_what_a_long_transaction_commits_after_the_backup_is_in_the_next_one(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    fill(driver, 300)
    with _session(acme) as other:
        other.execute("begin")
        other.execute("update words set v = -v where v = 7")
        with other.transaction():
            other.execute("update words set v = -v where v = 8")
            other.execute("delete from words where v = 9")
        # Transactions that are younger than it, and ended.
        driver.execute("update words set v = 0 where v = 100")
        first = backup(repository)
        check(repository, driver, acme, first)
        other.execute("commit")
    second = backup(repository)
    check(repository, driver, acme, second)
    assert (how(first), how(second)) == ("full", "changes")


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_row_of_an_overlay_that_is_deleted_is_gone(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    fill(driver, 300)
    backup(repository)
    driver.execute("update words set v = -v where v in (5, 6)")
    driver.execute("insert into words values ('new', 1, 1)")
    backup(repository)
    driver.execute("delete from words where v = -5 or k = 'new'")
    third = backup(repository)
    check(repository, driver, acme, third)
    assert how(third) == "changes"
    driver.execute("insert into words values ('new', 1, 2)")
    fourth = backup(repository)
    check(repository, driver, acme, fourth)
    assert how(fourth) == "changes"


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "change",
    [
        "alter table words add column extra int default 7",
        "alter table words drop column v",
        "alter table words drop column v, add column v int",
        "alter table words alter column v type bigint",
        "alter table words drop constraint words_pkey",
        "drop table words; create table words (k text primary key, n numeric(12, 2), v int)",
        "update words set v = -v",
        "delete from words",
        "truncate words",
        "truncate words; insert into words values ('new', 1, 1)",
        "create type mood as enum ('a'); alter table words add column m mood",
    ],
)
def test_what_is_otherwise_is_read_anew(
    repository: Repository, driver: psycopg.Connection, acme: Tenant, change: str
) -> None:
    fill(driver)
    backup(repository)
    driver.execute(change)
    second = backup(repository)
    check(repository, driver, acme, second)
    assert how(second) == "full"


@pytest.mark.usefixtures("eager")
def test_a_table_that_is_dropped_is_not_in_the_next_snapshot(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver, 100)
    backup(repository)
    driver.execute("drop table words")
    second = backup(repository)
    manifest = repository.read(second.snapshot)
    assert manifest.table("words") is None
    assert "words" not in second.tables
    assert second.kind == "incremental"


@pytest.mark.usefixtures("eager")
def test_after_too_many_transactions_numbers_tell_nothing(
    repository: Repository,
    driver: psycopg.Connection,
    acme: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(driver, 300)
    backup(repository)
    monkeypatch.setattr(changed_rows, "_MOST_TRANSACTIONS", 3)
    for number in range(5):
        driver.execute("update words set v = -v where v = %s", [number + 1])
    second = backup(repository)
    check(repository, driver, acme, second)
    assert how(second) == "full"


@pytest.mark.usefixtures("eager")
def test_a_label_that_is_renamed_is_seen_though_no_row_was_written(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    driver.execute("create type mood as enum ('sad', 'ok')")
    driver.execute("create table words (k int primary key, m mood, ms mood[])")
    driver.execute("insert into words select i, 'sad', '{sad}' from generate_series(1, 50) i")
    backup(repository)
    driver.execute("alter type mood rename value 'sad' to 'blue'")
    second = backup(repository)
    check(repository, driver, acme, second)


@pytest.mark.usefixtures("eager")
def test_a_value_that_becomes_odd_lets_its_column_be_text_from_then_on(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    driver.execute("create table words (k int primary key, day date)")
    driver.execute("insert into words select i, '2024-01-01' from generate_series(1, 50) i")
    backup(repository)
    driver.execute("update words set day = 'infinity' where k = 7")
    second = backup(repository)
    check(repository, driver, acme, second)
    assert how(second) == "full"
    driver.execute("update words set day = '2024-01-02' where k = 7")
    third = backup(repository)
    check(repository, driver, acme, third)
    assert how(third) == "changes"


@pytest.mark.usefixtures("eager")
def test_a_snapshot_that_this_database_does_not_know_is_not_relied_on(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    fill(driver, 100)
    first = backup(repository)
    # As after the database was set back to before the backup.
    with driver.transaction():
        driver.execute("set local session_replication_role = replica")
        driver.execute("delete from ispmig.data_migration_logs where operation = 'backup'")
    second = backup(repository)
    assert (how(second), second.parent) == ("full", None)
    assert second.snapshot != first.snapshot


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "server",
    [
        {"system": "1"},
        {"timeline": "FFFFFFFF"},
        {"timeline": ""},
        {"database": 1},
        {"xmax": 1 << 60},
    ],
)
def test_of_another_history_nothing_is_relied_on(
    repository: Repository,
    driver: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    server: dict[str, Any],
) -> None:
    fill(driver, 100)
    publish = Repository.publish

    def elsewhere(self: Repository, manifest: Any) -> None:
        publish(self, manifest.model_copy(update={"server": manifest.server | server}))

    with monkeypatch.context() as faked:
        faked.setattr(Repository, "publish", elsewhere)
        backup(repository)
    assert how(backup(repository)) == "full"


@pytest.mark.usefixtures("eager")
def test_a_snapshot_that_lacks_a_piece_is_not_relied_on_and_the_piece_is_stored_again(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    fill(driver, 500)
    first = backup(repository)
    table = repository.read(first.snapshot).table("words")
    assert table is not None
    (lost, *_) = table.pieces
    from ispmig_pipelines.backup.repository import Part

    repository.storage.delete(repository.key_of(Part.PIECE, lost.hash))
    second = backup(repository)
    check(repository, driver, acme, second)
    assert how(second) == "full"


@pytest.mark.usefixtures("eager")
def test_a_piece_that_was_swapped_is_found_when_its_keys_are_read(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver, 500)
    first = backup(repository)
    table = repository.read(first.snapshot).table("words")
    assert table is not None
    from ispmig_pipelines.backup.repository import Part

    one, two, *_ = sorted(table.pieces, key=lambda ref: ref.rows)
    places = [repository.key_of(Part.PIECE, ref.hash) for ref in (one, two)]
    with repository.storage.reading(places[1]) as stream:
        data = stream.read()
    with repository.storage.writing(places[0]) as target:
        target.write(data)
    driver.execute("delete from words where v % 50 = 3")
    with pytest.raises(BackupDamaged, match="--full"):
        backup(repository)
    assert len(repository.snapshots()) == 1


def test_a_small_table_is_read_as_a_whole(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    fill(driver, 50)
    backup(repository)
    driver.execute("update words set v = 0 where v = 1")
    second = backup(repository)
    check(repository, driver, acme, second)
    assert how(second) == "full"


@pytest.mark.slow
def test_one_row_in_a_hundred_adds_at_most_three_hundredths_of_the_bytes(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    driver.execute("create table words (k bigint primary key, a text, b text, v int, d date)")
    driver.execute(
        "insert into words select i, md5(i::text), 'street ' || i % 997, i, date '2024-01-01' "
        "from generate_series(1, 200000) i"
    )

    def bytes_of(made: Made) -> int:
        table = repository.read(made.snapshot).table("words")
        assert table is not None
        return sum(ref.bytes for ref in table.refs())

    first = create("acme", repository, actor="tester")
    driver.execute("update words set b = 'elsewhere', v = v + 1 where k % 100 = 50")
    driver.execute("delete from words where k % 5000 = 1")
    second = create("acme", repository, actor="tester")
    assert how(second) == "changes"
    check(repository, driver, acme, second)
    assert bytes_of(second) - bytes_of(first) <= 0.03 * bytes_of(first)


@pytest.mark.usefixtures("eager")
def test_a_table_without_a_key_that_only_grows_is_not_read_again(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    driver.execute("create table words (k text, v int)")
    driver.execute("insert into words select 'same', i % 3 from generate_series(1, 500) i")
    backup(repository)
    driver.execute("insert into words select 'same', i % 3 from generate_series(1, 5) i")
    second = backup(repository)
    check(repository, driver, acme, second)
    assert how(second) == "changes"
    driver.execute("delete from words where ctid = (select min(ctid) from words)")
    third = backup(repository)
    check(repository, driver, acme, third)
    assert how(third) == "full"
