"""The embedded PostgreSQL: shared by processes, gone after the last, whatever kills whom."""

from __future__ import annotations

import codecs
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import psycopg2
import pytest
import sqlalchemy

from ispmig_pipelines.errors import DatabaseError, StorageError
from ispmig_pipelines.platform import embedded, embedded_account, embedded_keeper
from ispmig_pipelines.platform.embedded_cluster import bundled_binaries

AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="only root can act as another account")


def eventually(what: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until it is so; fails when it never is."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def is_running(home: Path) -> bool:
    return embedded_keeper.is_held(home / "postgres.run" / "running")


def has_keeper(home: Path) -> bool:
    return embedded_keeper.is_held(home / "postgres.run" / "keeper")


def keeper_process(home: Path) -> psutil.Process:
    """The keeper of a home, found by the file it has locked."""
    lock = str(home / "postgres.run" / "keeper")
    for process in psutil.process_iter():
        try:
            if any(file.path == lock for file in process.open_files()):
                return process
        except psutil.Error:
            continue
    raise AssertionError("no keeper")


def rows(url: str, query: str = "SELECT v FROM kept ORDER BY v") -> list:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query)]


def keep(url: str, value: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (v text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def postmaster(home: Path) -> int:
    pid = embedded.status(home).pid
    assert pid is not None
    return pid


@pytest.fixture
def fresh_home(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet."""
    home = tmp_path / "home"
    yield home
    if home.is_dir():
        embedded.remove(home)


@pytest.fixture(scope="module")
def made_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("made_before") / "home"
    embedded.serve(home, linger=0)
    embedded.stop(home)
    yield home
    embedded.remove(home)


@pytest.fixture
def home(fresh_home: Path, made_before: Path) -> Path:
    """A home whose database was made before, and is not running."""
    data = (made_before / "postgres").resolve()
    fresh_home.mkdir(mode=0o700)
    link = fresh_home / "postgres"
    if data.parent == made_before:
        subprocess.run(["cp", "-a", data, link], check=True)
    else:
        copy = embedded_account.data_folder_elsewhere(fresh_home)
        copy.rmdir()
        subprocess.run(["cp", "-a", data, copy], check=True)
        link.symlink_to(copy)
    return fresh_home


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that root's server account can enter."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


USER = """
    import os, sys, subprocess
    from pathlib import Path
    from ispmig_pipelines.platform import embedded
    print(embedded.serve(Path(sys.argv[1]), linger=float(sys.argv[2])), flush=True)
    {then}
"""


class User:
    """Another process that uses the server of a home until it is told to end."""

    def __init__(self, home: Path, linger: float = 0, then: str = "sys.stdin.read()") -> None:
        script = textwrap.dedent(USER).format(then=then)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(home), str(linger)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __enter__(self) -> User:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


class TestAFreshHome:
    @pytest.mark.slow
    def test_has_a_database_that_every_driver_reaches(self, fresh_home: Path) -> None:
        url = embedded.serve(fresh_home, linger=0)

        with psycopg.connect(url) as connection:
            assert connection.info.dbname == "ispmig"
            assert connection.info.server_version >= 180000
        with psycopg2.connect(url) as other, other.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == (True,)
        for driver in ("psycopg", "psycopg2"):
            engine = sqlalchemy.create_engine(url.replace("postgresql:", f"postgresql+{driver}:"))
            with engine.connect() as connection:
                user = connection.execute(sqlalchemy.text("SELECT current_user")).scalar()
            engine.dispose()
            assert user == "ispmig"

    def test_is_private_and_listens_on_no_port(self, fresh_home: Path) -> None:
        url = embedded.serve(fresh_home, linger=0)

        assert rows(url, "SHOW listen_addresses") == [""]
        process = psutil.Process(postmaster(fresh_home))
        listening = [c for c in process.net_connections(kind="inet") if c.status == "LISTEN"]
        assert listening == []
        for folder in (
            fresh_home,
            fresh_home / "postgres.run",
            (fresh_home / "postgres").resolve(),
        ):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in (fresh_home / "postgres.log", *(fresh_home / "postgres.run").iterdir()):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @pytest.mark.slow
    def test_keeps_the_defaults_that_make_a_commit_durable(self, fresh_home: Path) -> None:
        url = embedded.serve(fresh_home, linger=0)

        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert rows(url, f"SHOW {setting}") == ["on"]

    @pytest.mark.slow
    def test_orders_text_the_same_on_every_machine(self, fresh_home: Path) -> None:
        url = embedded.serve(fresh_home, linger=0)

        assert rows(url, "SELECT datlocprovider FROM pg_database WHERE datname = 'ispmig'") == ["b"]
        assert rows(url, "SELECT upper('é')") == ["É"]

    @pytest.mark.slow
    def test_knows_nothing_of_the_callers_environment(
        self, fresh_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGDATA", "/nowhere")
        monkeypatch.setenv("PGPORT", "1")
        monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
        monkeypatch.setenv("ISPMIG_SECRET", "not for the server")
        url = embedded.serve(fresh_home, linger=0)

        monkeypatch.delenv("PGOPTIONS")
        monkeypatch.delenv("PGPORT")
        assert rows(url, "SELECT 1") == [1]
        environment = psutil.Process(postmaster(fresh_home)).environ()
        assert "PGDATA" not in environment or environment["PGDATA"] != "/nowhere"
        assert not {"PGPORT", "PGOPTIONS", "ISPMIG_SECRET"} & set(environment)


class TestSharing:
    def test_all_processes_get_the_same_server(self, home: Path) -> None:
        with User(home) as first, User(home) as second:
            url = first.url()
            assert second.url() == url
            keep(url, "a")
            assert rows(url) == ["a"]

    @pytest.mark.slow
    def test_eight_at_once_start_one(self, fresh_home: Path) -> None:
        home = fresh_home
        users = [User(home) for _ in range(8)]
        try:
            urls = [user.url() for user in users]
            assert len(set(urls)) == 1
            assert rows(urls[0], "SELECT 1") == [1]
            log = (home / "postgres.log").read_text()
            assert log.count("starting PostgreSQL") == 1
        finally:
            for user in users:
                user.__exit__()
        eventually(lambda: not is_running(home) and not has_keeper(home))

    def test_threads_of_one_process_share_a_lease(self, home: Path) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(4) as pool:
            urls = set(pool.map(lambda _: embedded.serve(home, linger=0), range(8)))
        assert len(urls) == 1
        embedded.release(home)
        eventually(lambda: not is_running(home))


class TestLifetime:
    @pytest.mark.slow
    def test_it_stops_after_the_last_user_and_leaves_nobody(self, home: Path) -> None:
        with User(home) as first, User(home) as second:
            url = first.url()
            second.url()
            first.process.kill()
            first.process.wait()
            keep(url, "still there")
            keeper = keeper_process(home)
            second.process.kill()
            second.process.wait()
        eventually(lambda: not is_running(home) and not has_keeper(home))
        eventually(lambda: not psutil.pid_exists(keeper.pid))
        assert "database system is shut down" in (home / "postgres.log").read_text()

    def test_it_lingers_for_the_next_command(self, home: Path) -> None:
        with User(home, linger=600, then="") as user:
            user.url()
            user.process.wait()
        first = postmaster(home)
        embedded.serve(home)
        assert postmaster(home) == first

    def test_a_child_program_of_a_user_does_not_hold_it(self, home: Path) -> None:
        sleeper = "p = subprocess.Popen(['sleep', '60'], close_fds=False); print(p.pid, flush=True)"
        with User(home, then=sleeper) as user:
            user.url()
            child = int(user.url())
            user.process.wait()
            try:
                eventually(lambda: not is_running(home))
                assert psutil.pid_exists(child)
            finally:
                os.kill(child, signal.SIGKILL)

    @pytest.mark.slow
    def test_a_forked_child_goes_on_using_it(self, home: Path) -> None:
        forked = (
            "r, w = os.pipe()\n"
            "if os.fork(): os._exit(0)\n"
            "print(os.getpid(), flush=True); sys.stdin.read()"
        )
        with User(home, then=forked) as user:
            url = user.url()
            child = int(user.url())
            user.process.wait()
            # Longer than the keeper takes to see a lease that is free.
            time.sleep(4 * embedded_keeper.POLL_SECONDS)
            assert rows(url, "SELECT 1") == [1]
            os.kill(child, signal.SIGKILL)
        eventually(lambda: not is_running(home))

    def test_data_survives_a_stop(self, home: Path) -> None:
        keep(embedded.serve(home, linger=0), "a")
        assert embedded.stop(home)
        assert not embedded.status(home).running
        assert not embedded.stop(home)

        assert rows(embedded.serve(home, linger=0)) == ["a"]

    @pytest.mark.slow
    def test_a_deleted_home_ends_its_server(self, home: Path) -> None:
        embedded.serve(home, linger=0)
        pid, data = postmaster(home), (home / "postgres").resolve()

        shutil.rmtree(home)

        eventually(lambda: not psutil.pid_exists(pid))
        shutil.rmtree(data, ignore_errors=True)
        url = embedded.serve(home, linger=0)
        assert rows(url, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == [0]


class TestCrashes:
    @pytest.mark.slow
    def test_a_killed_server_comes_back_while_it_is_in_use(self, home: Path) -> None:
        url = embedded.serve(home, linger=0)
        keep(url, "committed")
        first = postmaster(home)

        os.kill(first, signal.SIGKILL)

        eventually(lambda: embedded.status(home).version and postmaster(home) != first)
        assert rows(url) == ["committed"]

    @pytest.mark.slow
    def test_a_killed_server_and_keeper_are_replaced(self, home: Path) -> None:
        keep(embedded.serve(home, linger=0), "committed")
        keeper_process(home).kill()
        os.kill(postmaster(home), signal.SIGKILL)
        eventually(lambda: not is_running(home))

        assert rows(embedded.serve(home, linger=0)) == ["committed"]
        embedded.release(home)
        eventually(lambda: not is_running(home) and not has_keeper(home))

    def test_a_server_without_its_keeper_gets_a_new_one(self, home: Path) -> None:
        embedded.serve(home, linger=0)
        first = postmaster(home)
        keeper_process(home).kill()
        eventually(lambda: not has_keeper(home))
        assert is_running(home)

        with User(home) as user:
            user.url()
            assert postmaster(home) == first
            embedded.release(home)
        eventually(lambda: not is_running(home) and not has_keeper(home))

    @pytest.mark.slow
    def test_a_busy_orphan_of_a_killed_server_does_not_block_the_next(self, home: Path) -> None:
        url = embedded.serve(home, linger=0)
        busy = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import psycopg, sys\n"
                "c = psycopg.connect(sys.argv[1]); print(flush=True)\n"
                "c.execute('SELECT count(*) FROM generate_series(1, 100000000000)')",
                url,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert busy.stdout is not None
        busy.stdout.readline()
        first = postmaster(home)
        eventually(lambda: "active" in rows(url, "SELECT state FROM pg_stat_activity"))
        os.kill(first, signal.SIGKILL)
        try:
            eventually(
                lambda: embedded.status(home).version and postmaster(home) != first, seconds=60
            )
        finally:
            busy.kill()
            busy.communicate()

    @pytest.mark.slow
    def test_a_stale_pid_file_of_a_living_process_is_no_obstacle(self, home: Path) -> None:
        keep(embedded.serve(home, linger=0), "a")
        embedded.stop(home)
        pid_file = (home / "postgres").resolve() / "postmaster.pid"
        pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n0\n5432\n\n\n\nready\n")

        assert rows(embedded.serve(home, linger=0)) == ["a"]

    @pytest.mark.slow
    def test_half_a_cluster_of_a_killed_start_is_made_anew(self, fresh_home: Path) -> None:
        home = fresh_home
        half = home / "postgres.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")

        assert rows(embedded.serve(home, linger=0), "SELECT 1") == [1]
        assert AS_ROOT or not half.exists()


class TestPaths:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "name",
        [
            'it\'s a "home" with, commas: and spaces',
            "дом-家-é",
            "%41 $HOME `x` \\ ; & * #?=",
            "/".join(["deep" * 12] * 5),
        ],
    )
    def test_any_path_will_do(self, tmp_path: Path, name: str) -> None:
        home = tmp_path / name
        try:
            url = embedded.serve(home, linger=0)
            assert rows(url, "SELECT 1") == [1]
            with psycopg2.connect(url):
                pass
            engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
            with engine.begin():
                pass
        finally:
            embedded.remove(home)

    @pytest.mark.slow
    def test_a_socket_elsewhere_goes_with_the_server(self, reachable: Path) -> None:
        home = reachable / ("deep" * 40)
        home.mkdir(mode=0o755)
        url = embedded.serve(home, linger=0)
        folder = Path(url.partition("host=")[2])
        assert folder != (home / "postgres").resolve()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        embedded.release(home)
        eventually(lambda: not folder.exists())
        embedded.remove(home)


class TestTheLog:
    def test_holds_no_data_of_a_failed_statement(self, home: Path) -> None:
        url = embedded.serve(home, linger=0)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY, d date, CHECK (id > 0))")
            connection.execute("INSERT INTO t VALUES (20408)")
            for statement in (
                "SELECT 'Secret Value'::date",
                "SELECT 'SecretColumn'::nosuchtype",
                "INSERT INTO t VALUES (20408)",
                "INSERT INTO t VALUES (-20408)",
                "DO $$BEGIN RAISE EXCEPTION 'Secret %', 'Value'; END$$",
                "DO $$BEGIN RAISE WARNING 'Secret %', 'Value'; END$$",
                "this is no SQL but Secret",
            ):
                with suppress(psycopg.Error):
                    connection.execute(statement)
            with pytest.raises(psycopg.Error):
                connection.execute("SELECT %s::date", ["Secret Value"])
            copy = connection.cursor().copy("COPY t FROM STDIN")
            with pytest.raises(psycopg.Error), copy as stream:
                stream.write("Secret Value\t2020-01-01\n")
        embedded.stop(home)

        log = (home / "postgres.log").read_text()
        assert "database system is ready" in log
        assert "Secret" not in log
        assert "20408" not in log

    def test_is_limited(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = embedded.serve(home, linger=0)
        log = home / "postgres.log"
        with log.open("ab") as file:
            file.write(b"x" * (embedded_keeper.LOG_LIMIT_BYTES + 1000) + b"last\n")

        eventually(lambda: log.stat().st_size < 1000)
        older = home / "postgres.log.1"
        assert older.stat().st_size <= embedded_keeper.LOG_LIMIT_BYTES
        assert older.read_bytes().endswith(b"last\n")
        assert rows(url, "SELECT 1") == [1]


class TestRefusals:
    def test_a_home_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")
        with pytest.raises(StorageError, match="cannot use its folder"):
            embedded.serve(tmp_path / "home")

    def test_a_folder_of_something_else_in_the_way(self, fresh_home: Path) -> None:
        home = fresh_home
        (home / "postgres").mkdir(parents=True)
        (home / "postgres" / "holiday.jpg").write_text("")
        with pytest.raises(StorageError, match="is in the way"):
            embedded.serve(home)
        assert (home / "postgres" / "holiday.jpg").exists()

    def test_data_of_another_version(self, home: Path) -> None:
        embedded.serve(home, linger=0)
        embedded.stop(home)
        version = (home / "postgres").resolve() / "PG_VERSION"
        version.write_text("17\n")
        with pytest.raises(DatabaseError, match=r"made by PostgreSQL 17.*brings PostgreSQL 18"):
            embedded.serve(home)

    def test_damaged_data(self, home: Path) -> None:
        embedded.serve(home, linger=0)
        embedded.stop(home)
        ((home / "postgres").resolve() / "global" / "pg_control").write_bytes(b"")
        with pytest.raises(DatabaseError, match=r"does not start: .*pg_control"):
            embedded.serve(home)
        eventually(lambda: not has_keeper(home))

    def test_a_server_started_by_other_means_on_the_same_data(self, home: Path) -> None:
        embedded.serve(home, linger=0)
        shutil.copytree(home, home.with_name("copied"), symlinks=True, ignore=_all_but_link)
        copied = home.with_name("copied")
        if not (copied / "postgres").exists():
            (copied / "postgres").symlink_to((home / "postgres").resolve())
        with pytest.raises(DatabaseError, match="by other means"):
            embedded.serve(copied)
        shutil.rmtree(copied)

    @only_root
    def test_a_full_disk(self, reachable: Path) -> None:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "ispmig-test", reachable],
            check=False,
            capture_output=True,
        )
        if mounted.returncode != 0:
            pytest.skip("mounting a small disk is not allowed here")
        try:
            home = reachable / "home"
            home.mkdir(mode=0o755)
            with pytest.raises(StorageError, match="No space left"):
                embedded.serve(home)
            assert not (home / "postgres").exists()
            assert not (home / "postgres.new").exists()
        finally:
            subprocess.run(["umount", reachable], check=True)


@only_root
class TestStartedByRoot:
    def test_the_server_runs_as_an_account_of_its_own(self, home: Path) -> None:
        embedded.serve(home, linger=0)
        process = psutil.Process(postmaster(home))
        assert set(process.uids()) == {embedded_account.account_for(home / "none").uid}
        assert 0 not in process.gids()

    @pytest.mark.slow
    def test_private_folders_above_the_home_stay_private(self, tmp_path: Path) -> None:
        private = tmp_path / "private"
        private.mkdir(mode=0o700)
        home = private / "project" / ".ispmig"
        home.mkdir(parents=True, mode=0o755)
        before = {f: f.stat().st_mode for f in (home, *home.parents)}

        url = embedded.serve(home, linger=0)

        assert rows(url, "SELECT 1") == [1]
        assert {f: f.stat().st_mode for f in (home, *home.parents)} == before
        data = (home / "postgres").readlink()
        assert data.parent == embedded_account.COMMON_FOLDER
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        embedded.remove(home)
        assert not data.exists()

    @pytest.mark.slow
    def test_data_lie_in_a_home_that_the_account_can_enter(self, reachable: Path) -> None:
        home = reachable / "home"
        home.mkdir(mode=0o755)

        url = embedded.serve(home, linger=0)

        assert rows(url, "SELECT 1") == [1]
        data = home / "postgres"
        assert not data.is_symlink()
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert data.stat().st_uid != 0
        assert (home / "postgres.run").stat().st_uid == 0
        embedded.remove(home)

    @pytest.mark.slow
    def test_programs_that_the_account_cannot_reach_are_copied(
        self, tmp_path: Path, reachable: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in a virtual environment below a private folder."""
        monkeypatch.setattr(embedded_account, "COMMON_FOLDER", reachable / "common")
        hidden = tmp_path / "venv"
        package = bundled_binaries().parent.parent
        for part in (bundled_binaries().parent, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, hidden / part.relative_to(package.parent), symlinks=True)
        hidden.chmod(0o700)
        binaries = hidden / bundled_binaries().relative_to(package.parent)

        home = tmp_path / "home"
        url = embedded.serve(home, linger=0, binaries=binaries)

        assert rows(url, "SELECT 1") == [1]
        program = Path(psutil.Process(postmaster(home)).exe())
        assert program.is_relative_to(reachable / "common")
        assert not stat.S_IMODE(program.stat().st_mode) & 0o022
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
        embedded.remove(home)

    def test_a_common_folder_that_others_can_change_is_refused(
        self, tmp_path: Path, reachable: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded_account, "COMMON_FOLDER", reachable / "common")
        (reachable / "common").mkdir()
        (reachable / "common").chmod(0o777)
        with pytest.raises(StorageError, match="cannot change"):
            embedded.serve(tmp_path / "home")

    @pytest.mark.slow
    def test_an_ordinary_user_needs_no_account(self, reachable: Path) -> None:
        nobody = embedded_account.Account("nobody", NOBODY, NOBODY)
        needed = (bundled_binaries(), Path(embedded_keeper.__file__).parent)
        if not all(map(nobody.can_enter, needed)):
            pytest.skip("this installation lies where an ordinary user cannot enter")
        other = reachable / "user"
        other.mkdir(mode=0o700)
        os.chown(other, NOBODY, NOBODY)

        said = as_nobody(_serve_and_look, other / "home")

        assert said == f"ok {NOBODY}"
        assert (other / "home" / "postgres").stat().st_uid == NOBODY

    @pytest.mark.slow
    def test_another_user_is_not_let_in(self, reachable: Path) -> None:
        home = reachable / "home"
        home.mkdir(mode=0o755)
        url = embedded.serve(home, linger=0)
        # Even were the folder open, the kernel says who is calling.
        (home / "postgres").chmod(0o711)
        (home / "postgres" / ".s.PGSQL.5432").chmod(0o777)
        try:
            assert "Peer authentication failed" in as_nobody(_try_to_connect, url)
        finally:
            (home / "postgres").chmod(0o700)
        embedded.remove(home)


NOBODY = 65534


def as_nobody(what: Callable[..., str], *arguments: object) -> str:
    """What a function says when an ordinary user calls it, in a process of its own."""
    reading, writing = os.pipe()
    # Python loads codecs when they are first used, and the child may not be able to read them.
    codecs.lookup("ascii")
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            # The test's own interpreter may lie below a folder that only root can enter.
            sys.executable = "/usr/bin/python3"
            said = what(*arguments)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def _serve_and_look(home: Path) -> str:
    url = embedded.serve(home, linger=0)
    assert rows(url, "SELECT 1") == [1]
    uid = psutil.Process(postmaster(home)).uids().real
    embedded.stop(home)
    return f"ok {uid}"


def _try_to_connect(url: str) -> str:
    with psycopg.connect(url):
        return "let in"


def _all_but_link(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != "postgres"] if folder.endswith("home") else []
