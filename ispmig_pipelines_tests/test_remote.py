"""Files at URLs are read as files at paths are: by any reader, streamed, and told about."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines import remote
from ispmig_pipelines.errors import SourceError, StorageError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.bytes_in import open_bytes
from ispmig_pipelines.remote import RemoteFile, matching, secret_in, source_file, with_variables
from ispmig_pipelines_tests.web import s3_server, self_signed, web_server

ROWS = "No,Name\n" + "".join(f"{n},Name {n}\n" for n in range(1, 2001))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with s3_server(monkeypatch) as client:
        client.create_bucket(Bucket="exports")
        yield client


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.0)


def read(url: str, **options: Any) -> list[tuple[str | None, ...]]:
    with open_source(url, **options) as reader:
        (table,) = reader.tables()
        rows = [
            row
            for batch in reader.batches(table, 500)
            for row in zip(*(c.to_pylist() for c in batch.cells.columns), strict=True)
        ]
        assert reader.sha256()
        return rows


def zipped(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return packed.getvalue()


FORMS = {
    "people.csv": ROWS.encode(),
    "people.csv.gz": gzip.compress(ROWS.encode()),
    "people.zip": zipped(people_csv=ROWS),
    "people.ndjson": b"".join(
        b'{"No": "%d", "Name": "Name %d"}\n' % (n, n) for n in range(1, 2001)
    ),
    "people.json": b"["
    + b",".join(b'{"No": "%d", "Name": "Name %d"}' % (n, n) for n in range(1, 2001))
    + b"]",
    "people.xml": b"<people>"
    + b"".join(b"<p><No>%d</No><Name>Name %d</Name></p>" % (n, n) for n in range(1, 2001))
    + b"</people>",
    "people.sql": b"CREATE TABLE people (No int, Name text);\n"
    + b"".join(b"INSERT INTO people VALUES (%d,'Name %d');\n" % (n, n) for n in range(1, 2001)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_every_format_is_read_from_a_bucket_as_from_the_disk(
    s3: Any, tmp_path: Path, name: str
) -> None:
    s3.put_object(Bucket="exports", Key=f"acme/{name}", Body=FORMS[name])
    (tmp_path / name).write_bytes(FORMS[name])
    found = read(f"s3://exports/acme/{name}")
    assert len(found) == 2000
    assert found[1999] == ("2000", "Name 2000")
    with (
        open_source(f"s3://exports/acme/{name}") as there,
        open_source(tmp_path / name) as here,
    ):
        assert there.tables() == here.tables()
        for reader in (there, here):
            list(reader.batches(reader.tables()[0]))
        assert there.sha256() == here.sha256()


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_every_format_is_read_from_a_web_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with web_server({f"/{name}": FORMS[name]}, certificate) as address:
        assert len(read(f"{address}/{name}?signature=secret")) == 2000


def test_a_server_without_ranges_will_do_for_what_is_read_in_order() -> None:
    with web_server({"/no-ranges/people.csv": ROWS.encode()}) as address:
        assert len(read(f"{address}/no-ranges/people.csv")) == 2000


def test_a_pattern_names_objects_of_its_folder_alone_in_order(s3: Any) -> None:
    for key in ("a/2.csv", "a/10.csv", "a/1.csv", "a/b/3.csv", "a/x.txt", "b/1.csv"):
        s3.put_object(Bucket="exports", Key=key, Body=b"x")
    assert [str(f) for f in matching("s3://exports/a/*.csv")] == [
        "s3://exports/a/1.csv",
        "s3://exports/a/10.csv",
        "s3://exports/a/2.csv",
    ]
    assert matching("s3://exports/none/*.csv") == []
    assert [str(f) for f in matching("s3://exports/a/1.csv")] == ["s3://exports/a/1.csv"]


def test_what_it_prints_holds_no_secret() -> None:
    file = RemoteFile("https://user:geheim@files.example.net/a%20b/people.csv?X-Signature=geheim")
    assert str(file) == "https://files.example.net/a%20b/people.csv?…"
    assert "geheim" not in repr(file)
    assert (file.name, file.stem) == ("people.csv", "people")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://files.example.net/a.csv", ""),
        ("https://files.example.net/a.csv?page=2", ""),
        ("https://me:geheim@files.example.net/a.csv", "password or token"),
        ("https://geheim@files.example.net/a.csv", "password or token"),
        ("https://files.example.net/a.csv?format=csv&gid=0", ""),
        ("https://files.example.net/a.csv?auth=abc", "signature, token or key"),
        ("https://files.example.net/a.csv?jwt=abc", "signature, token or key"),
        ("https://files.example.net/a.csv;sig=abc", "signature, token or key"),
        ("https://files.example.net/a.csv#token=abc", "signature, token or key"),
        ("s3://bucket/a;b=c.csv", ""),
        ("https://me:${PASSWORD}@files.example.net/a.csv", ""),
        ("https://files.example.net/a.csv?X-Amz-Signature=abc", "signature, token or key"),
        ("https://files.example.net/a.csv?sig=${SIGNATURE}", ""),
    ],
)
def test_a_secret_in_a_url_is_seen(url: str, kind: str) -> None:
    assert secret_in(url) == kind


def test_variables_stand_for_what_must_not_be_written_down() -> None:
    url = "https://files.example.net/a.csv?sig=${SIGNATURE}"
    assert with_variables(url, {"SIGNATURE": "x$y"}).endswith("?sig=x$y")
    with pytest.raises(SourceError, match="needs SIGNATURE from the environment"):
        with_variables(url, {})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://files.example.net/people.csv", "in the clear"),
        ("ftp://files.example.net/people.csv", "is no place that files are read from"),
        ("file:///etc/passwd", "is no place that files are read from"),
        ("s3://exports", "does not name a file"),
        ("https:///people.csv", "does not name a server"),
        ("http://files.example.net\\@localhost/people.csv", "in the clear"),
        ("http://localhost@files.example.net/people.csv", "in the clear"),
    ],
)
def test_a_url_that_is_not_read_is_refused_before_anybody_is_asked(url: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        source_file(url)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (404, SourceError, "does not exist"),
        (403, SourceError, "may not be read"),
        (503, StorageError, "answers 503"),
        ("http://example.net/people.csv", SourceError, "without encryption"),
        ("//example.net/people.csv", SourceError, "without encryption"),
        ("/moved.csv", None, ""),
    ],
)
def test_what_the_server_answers_is_told_in_words(
    answer: int | str, error: type[Exception] | None, told: str
) -> None:
    with web_server({"/people.csv": answer, "/moved.csv": ROWS.encode()}) as address:
        if error is None:
            assert len(read(f"{address}/people.csv")) == 2000
            return
        with pytest.raises(error, match=told) as raised:
            read(f"{address}/people.csv?signature=geheim")
    assert "geheim" not in str(raised.value)
    assert getattr(raised.value, "transient", False) is (answer == 503)


def test_a_server_that_does_not_say_how_long_the_file_is_cannot_be_trusted() -> None:
    with (
        web_server({"/no-length/people.csv": ROWS.encode()}) as address,
        pytest.raises(SourceError, match="does not say how long"),
    ):
        read(f"{address}/no-length/people.csv")


def test_an_untrusted_certificate_ends_the_reading(tmp_path: Path) -> None:
    with (
        web_server({"/people.csv": ROWS.encode()}, self_signed(tmp_path)) as address,
        pytest.raises(SourceError, match="certificate"),
    ):
        read(f"{address}/people.csv")


def test_nobody_there_is_transient() -> None:
    with web_server({}) as address:
        pass
    with pytest.raises(StorageError, match="connection to its server failed") as raised:
        read(f"{address}/people.csv")
    assert raised.value.transient


@pytest.mark.parametrize("url", ["s3://exports/none.csv", "s3://nobucket/people.csv"])
def test_an_object_that_is_not_there_is_told(s3: Any, url: str) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read(url)


def test_an_empty_object_is_told_as_an_empty_file_is(s3: Any) -> None:
    s3.put_object(Bucket="exports", Key="empty.csv", Body=b"")
    with pytest.raises(SourceError, match="is empty"):
        read("s3://exports/empty.csv")
    with (
        web_server({"/empty.csv": b""}) as address,
        pytest.raises(SourceError, match="is empty"),
    ):
        read(f"{address}/empty.csv")


def test_missing_credentials_are_named(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceError, match="AWS_ACCESS_KEY_ID"):
        read("s3://exports/people.csv")


def test_an_object_that_changes_while_it_is_read_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="exports", Key="people.csv", Body=ROWS.encode())
    with open_bytes(source_file("s3://exports/people.csv")) as source:
        source.read(100)
        s3.put_object(Bucket="exports", Key="people.csv", Body=ROWS.encode().swapcase())
        with pytest.raises(SourceError, match="changed while it was being read"):
            source.read(1 << 30)


@pytest.mark.slow
def test_a_redirection_out_of_encryption_is_refused_even_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with (
        web_server({"/people.csv": ROWS.encode()}) as plain,
        web_server({"/people.csv": f"{plain}/people.csv"}, certificate) as address,
        pytest.raises(SourceError, match="without encryption"),
    ):
        read(f"{address}/people.csv")
