"""Connecting, and what the errors of a database tell: what happened, never what was in a row."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy
from psycopg import sql

from ispmig_pipelines.errors import DatabaseError, StorageError, UsageError
from ispmig_pipelines.platform import embedded, server
from ispmig_pipelines.settings import settings


@pytest.fixture
def use(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a URL into the environment."""

    def put(url: str) -> None:
        monkeypatch.setenv("ISPMIG_DATABASE_URL", url)
        settings.cache_clear()

    return put


class TestConnecting:
    def test_a_session_has_our_settings_whatever_the_servers_are(
        self, ispmig_home: Path, database_url: str
    ) -> None:
        name = urlsplit(database_url).path[1:]
        with psycopg.connect(database_url, autocommit=True) as admin:
            for setting, value in (("TimeZone", "Asia/Tokyo"), ("DateStyle", "German, DMY")):
                admin.execute(
                    sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
                        sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)
                    )
                )
        with server.connect() as connection:
            query = "SELECT pg_catalog.current_setting(%s)"
            found = {
                s: connection.execute(query, [s]).fetchone()[0]
                for s in ("TimeZone", "DateStyle", "search_path", "application_name")
            }
        assert found == {
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "search_path": "pg_catalog, pg_temp",
            "application_name": "ispmig",
        }

    def test_a_connection_is_in_no_transaction_yet_and_commits_nothing_by_itself(
        self, ispmig_home: Path
    ) -> None:
        with server.connect() as connection:
            assert connection.autocommit is False
            assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
            connection.execute("CREATE TABLE public.t ()")
            connection.rollback()
            assert connection.execute("SELECT pg_catalog.to_regclass('public.t')").fetchone() == (
                None,
            )

    def test_an_unqualified_table_is_not_found(self, ispmig_home: Path) -> None:
        with server.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE public.t ()")
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("SELECT * FROM t")

    def test_sqlalchemy_gets_the_same_sessions(self, ispmig_home: Path) -> None:
        with server.engine().begin() as connection:
            path = connection.execute(sqlalchemy.text("SHOW search_path")).scalar()
        assert path == "pg_catalog, pg_temp"
        assert server.engine() is server.engine()

    def test_the_short_scheme_is_taken_too(self, use, database_url: str) -> None:
        use(database_url.replace("postgresql://", "postgres://"))
        assert server.database_url() == database_url
        assert not server.is_embedded()

    def test_an_old_server_is_refused(
        self, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "OLDEST_VERSION", 99)
        with pytest.raises(DatabaseError, match=r"is PostgreSQL \d+; 99 or newer is needed"):
            server.database_url()
        with pytest.raises(DatabaseError, match="99 or newer"):
            server.connect()


class TestTheEmbeddedServer:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        home = tmp_path / "home"
        monkeypatch.setenv("ISPMIG_HOME", str(home))
        monkeypatch.delenv("ISPMIG_DATABASE_URL", raising=False)
        settings.cache_clear()
        yield home
        settings.cache_clear()
        embedded.remove(home)

    @pytest.mark.slow
    def test_is_the_default_and_comes_back_after_a_crash(self, home: Path) -> None:
        assert server.is_embedded()
        with server.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE public.kept ()")
            os.kill(embedded.status(home).pid, signal.SIGKILL)
            with pytest.raises(DatabaseError) as caught, server.told_plainly():
                connection.execute("SELECT pg_sleep(30)")
            assert caught.value.transient
        with server.connect() as connection:
            connection.execute("SELECT * FROM public.kept")

    @pytest.mark.slow
    def test_comes_back_after_a_stop(self, home: Path) -> None:
        server.connect().close()
        embedded.stop(home)
        with server.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


class TestUnreachable:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("postgresql://u:Geheim@127.0.0.1:1/x", "nothing listens there"),
            ("postgresql://u:Geheim@no.such.host.invalid/x", "its host name is unknown"),
            ("postgresql://u:Geheim@/x?host=/no/such/folder", "its socket does not exist"),
        ],
    )
    def test_is_transient_and_names_no_password(self, use, url: str, reason: str) -> None:
        use(url)
        with pytest.raises(DatabaseError, match=reason) as caught:
            server.connect()
        assert caught.value.transient
        assert "Geheim" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u:Geheim@host/x?nonsense=1",
            "postgresql://u:Geheim@host:port/x",
            "postgresql://u:Geh%zzeim@host/x",
        ],
    )
    def test_a_url_that_cannot_be_read_is_a_usage_error(self, use, url: str) -> None:
        use(url)
        with pytest.raises((UsageError, DatabaseError)) as caught:
            server.connect()
        assert "Geh" not in str(caught.value)

    def test_a_database_that_is_not_there(self, use, database_url: str) -> None:
        use(urlsplit(database_url)._replace(path="/no_such_database").geturl())
        with pytest.raises(DatabaseError, match="no database of that name") as caught:
            server.connect()
        assert not caught.value.transient


class TestPlainWords:
    @pytest.mark.parametrize(
        ("state", "kind", "transient", "says"),
        [
            ("53100", StorageError, False, "disk is full"),
            ("58030", StorageError, False, "could not read or write a file"),
            ("XX001", StorageError, False, "damaged"),
            ("53200", DatabaseError, True, "out of memory"),
            ("53300", DatabaseError, True, "connections are in use"),
            ("53400", DatabaseError, False, "limit of its configuration"),
            ("40001", DatabaseError, True, "collided"),
            ("40P01", DatabaseError, True, "waited for each other"),
            ("55P03", DatabaseError, True, "holds a lock"),
            ("57014", DatabaseError, False, "cancelled"),
            ("57P01", DatabaseError, True, "administrator"),
            ("57P03", DatabaseError, True, "starting"),
            ("08006", DatabaseError, True, "connection to it was lost"),
            ("25006", DatabaseError, False, "standby"),
            ("42501", DatabaseError, False, "may not do this"),
        ],
    )
    def test_each_kind_of_failure(
        self, ispmig_home: Path, state: str, kind: type, transient: bool, says: str
    ) -> None:
        """As the server itself raises it."""
        raising = sql.SQL("DO $$BEGIN RAISE EXCEPTION 'Secret' USING ERRCODE = {}; END$$")
        with (
            server.connect(autocommit=True) as connection,
            pytest.raises(kind, match=says) as caught,
            server.told_plainly(),
        ):
            connection.execute(raising.format(sql.Literal(state)))
        assert caught.value.transient is transient
        assert state in str(caught.value)
        assert "Secret" not in str(caught.value)

    def test_a_lost_connection_is_transient(self, ispmig_home: Path) -> None:
        with (
            server.connect(autocommit=True) as connection,
            server.connect(autocommit=True) as other,
        ):
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
            with pytest.raises(DatabaseError) as caught, server.told_plainly():
                connection.execute("SELECT 1")
            assert caught.value.transient
            with pytest.raises(DatabaseError, match="lost") as again, server.told_plainly():
                connection.execute("SELECT 1")
            assert again.value.transient

    def test_a_row_in_the_servers_words_stays_out_of_ours(self, ispmig_home: Path) -> None:
        with server.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE public.person (email text CONSTRAINT once UNIQUE)")
            insert = "INSERT INTO public.person VALUES (%s)"
            connection.execute(insert, ["ada@example.org"])
            with pytest.raises(DatabaseError) as caught, server.told_plainly():
                connection.execute(insert, ["ada@example.org"])
            text = str(caught.value)
            assert "unique violation (SQLSTATE 23505) at schema public, table person" in text
            assert "constraint once" in text
            assert "ada" not in text
            assert caught.value.__suppress_context__
            with pytest.raises(DatabaseError) as caught, server.told_plainly():
                connection.execute("SELECT %s::date", ["ada@example.org"])
            assert "ada" not in str(caught.value)
            with pytest.raises(DatabaseError) as caught, server.told_plainly():
                connection.execute(insert, ["ada\x00"])
            assert "ada" not in str(caught.value)

    def test_sqlalchemys_words_with_their_parameters_too(self, ispmig_home: Path) -> None:
        with (
            server.engine().begin() as connection,
            pytest.raises(DatabaseError) as caught,
            server.told_plainly(),
        ):
            connection.execute(sqlalchemy.text("SELECT cast(:d AS date)"), {"d": "ada"})
        assert "22007" in str(caught.value)
        assert "ada" not in str(caught.value)

    def test_what_is_no_database_error_passes(self) -> None:
        with pytest.raises(KeyError), server.told_plainly():
            raise KeyError
