"""How the URL of a legacy database is read, and that its password is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.database_url import (
    BadUrl,
    is_database_url,
    mistake_in,
    parse_database_url,
)


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("postgresql://reader@db/billing", "postgresql", "postgresql://reader@db/billing"),
        ("postgres://reader@db:5433/b", "postgresql", "postgresql://reader@db:5433/b"),
        ("mysql://db/billing", "mysql", "mysql://db/billing"),
        ("mariadb://u@db/billing?ssl_ca=/x.pem", "mysql", "mysql://u@db/billing"),
        ("mssql://u@db/b", "mssql", "mssql://u@db/b"),
        ("oracle://u@db/XEPDB1", "oracle", "oracle://u@db/XEPDB1"),
        ("sqlite:///exports/a b.sqlite", "sqlite", "sqlite:///exports/a b.sqlite"),
        ("sqlite:////var/lib/a.sqlite", "sqlite", "sqlite:////var/lib/a.sqlite"),
        (
            "postgresql://u@[2001:db8::1]:5432/b",
            "postgresql",
            "postgresql://u@[2001:db8::1]:5432/b",
        ),
        ("postgresql:///b?host=/run/postgresql", "postgresql", "postgresql:///b"),
    ],
)
def test_the_forms_that_are_read(text: str, kind: str, shown: str) -> None:
    assert is_database_url(text)
    url = parse_database_url(text, {})
    assert (url.kind, url.shown) == (kind, shown)


@pytest.mark.parametrize("text", ["exports/a.csv", "s3://bucket/a", "https://host/a", "C:/a.csv"])
def test_what_is_no_database(text: str) -> None:
    assert not is_database_url(text)


def test_variables_are_taken_as_they_are_and_never_shown() -> None:
    url = parse_database_url(
        "postgresql://${WHO}:${SECRET}@${HOST}:${PORT}/${NAME}",
        {"WHO": "o'x", "SECRET": "p@ss/w:rd%40?", "HOST": "db", "PORT": "5433", "NAME": "b"},
    )
    assert (url.user, url.password, url.host, url.port, url.database) == (
        "o'x", "p@ss/w:rd%40?", "db", 5433, "b",
    )  # fmt: skip
    assert url.shown == "postgresql://o'x:***@db:5433/b"
    assert "p@ss" not in repr(url)


def test_codes_are_resolved_in_what_is_written_out() -> None:
    assert parse_database_url("mysql://a%40b@db/x%2Fy", {}).user == "a@b"
    assert parse_database_url("mysql://a%40b@db/x%2Fy", {}).database == "x/y"


def test_a_whole_url_may_be_one_variable() -> None:
    assert mistake_in("${LEGACY}") is None
    url = parse_database_url("${LEGACY}", {"LEGACY": "mysql://u:secret@db/b"})
    assert (url.password, url.shown) == ("secret", "mysql://u:***@db/b")


@given(
    st.text(min_size=1, max_size=20).filter(lambda t: "\x00" not in t),
    st.sampled_from(["postgresql", "mysql", "mssql", "oracle"]),
)
def test_no_password_however_odd_is_shown(secret: str, scheme: str) -> None:
    url = parse_database_url(f"{scheme}://reader:${{P}}@db.example/b", {"P": secret})
    assert url.password == secret
    assert url.shown == f"{scheme}://reader:***@db.example/b"


@given(st.text(alphabet="abcS3cret@/:?#[]%= ", min_size=6, max_size=16))
def test_a_password_written_out_is_never_repeated(secret: str) -> None:
    text = f"postgresql://reader:XX{secret}XX@db/b"
    mistake = mistake_in(text)
    assert mistake is not None
    assert f"XX{secret}" not in mistake
    try:
        shown = parse_database_url(text, {}).shown
    except BadUrl as error:
        shown = str(error)
    assert "XX" not in shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://u:hunter2@db/b", "has a password written out"),
        ("mysql://u:${A}x@db/b", "has a password written out"),
        ("mysql://u@db/b?ssl_key_password=x", "password (ssl_key_password) written out"),
        ("mysql://u@db/b?local_infile=1", "has the option 'local_infile'"),
        ("postgresql://u@db/b?options=-crole=x", "has the option 'options'"),
        ("postgresql+psycopg2://u@db/b", "names a driver"),
        ("mongodb://u@db/b", "begins with mongodb://"),
        ("db/b", "is no URL of a database"),
        ("sqlite://", "names no file"),
        ("sqlite:///a.db?mode=rw", "takes none"),
        ("mysql://u@db:99999/b", "has a port that is no number"),
        ("mysql://u@2001:db8::1/b", "without brackets"),
    ],
)
def test_mistakes_are_told_with_what_to_write(text: str, told: str) -> None:
    assert told in str(mistake_in(text))


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(BadUrl, match=r"needs LEGACY_PASSWORD from the environment"):
        parse_database_url("mysql://u:${LEGACY_PASSWORD}@db/b", {})
