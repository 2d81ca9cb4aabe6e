"""Sources in a bucket or on a web server that answers badly: what passes is tried again with pauses
that grow and differ, what stays is told at once, and nothing is read twice or half.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff
from dagster import DagsterInstance

from ispmig_pipelines import remote, s3
from ispmig_pipelines.defs import retrying
from ispmig_pipelines.errors import SourceError, StorageError
from ispmig_pipelines.formats.bytes_in import open_bytes
from ispmig_pipelines.remote import source_file
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.faults.breaking import (
    Breaking,
    Cut,
    Fault,
    Hang,
    Reset,
    Status,
    breaking,
)
from ispmig_pipelines_tests.web import s3_server, web_server

CONTENT = b"".join(b"%d,Name %d,A,%d.50\n" % (n, n, n) for n in range(1, 40_001))
URL = "s3://exports/acme/people.csv"

SLOW_DOWN = Status(503, "SlowDown")
PASSING = [
    SLOW_DOWN,
    Status(500, "InternalError"),
    Status(502, "BadGateway"),
    Status(503, "ServiceUnavailable"),
    Status(504, "GatewayTimeout"),
    Status(429, "TooManyRequests"),
    Status(400, "RequestTimeout"),
    Status(400, "ThrottlingException"),
    Reset(),
]
STAYING = [
    (Status(403, "AccessDenied"), "may not be read.*AccessDenied"),
    (Status(400, "ExpiredToken"), "may not be read.*ExpiredToken"),
    (Status(404, "NoSuchKey"), "does not exist"),
    (Status(404, "NoSuchBucket"), "does not exist"),
]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would be made, by us and by boto3; none is."""
    made: list[float] = []
    monkeypatch.setattr(remote, "_sleep", made.append)
    delay = ExponentialBackoff.delay_amount

    def told(self: ExponentialBackoff, context: Any) -> float:
        made.append(delay(self, context))
        return 0.0

    monkeypatch.setattr(ExponentialBackoff, "delay_amount", told)
    return made


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Iterator[Breaking]:
    with s3_server(monkeypatch) as client:
        client.create_bucket(Bucket="exports")
        client.put_object(Bucket="exports", Key="acme/people.csv", Body=CONTENT)
        with breaking(client.meta.endpoint_url) as found:
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", found.address)
            found.client = client  # type: ignore[attr-defined]
            yield found


def read(url: str = URL) -> bytes:
    with open_bytes(source_file(url)) as source:
        return source.read(1 << 30)


@pytest.mark.slow
@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_what_passes_is_asked_for_again(
    bucket: Breaking, fault: Fault, pauses: list[float]
) -> None:
    bucket.faults = [fault, fault]
    assert read() == CONTENT
    assert len(bucket.asked) == 3
    assert 0 < pauses[0] < 1
    assert 0 < pauses[1] < 2


def test_a_body_that_breaks_off_is_gone_on_with_where_it_broke(
    bucket: Breaking, pauses: list[float]
) -> None:
    bucket.faults = [Cut(300_000), Cut(0), Cut(1), SLOW_DOWN]
    assert read() == CONTENT
    begun_at = [asked.get("range", "bytes=0-") for asked in bucket.asked]
    assert begun_at[0] == "bytes=0-"
    # Nothing is asked for twice but what came in the part that broke.
    starts = [int(one[6:-1]) for one in begun_at]
    assert starts == sorted(starts)
    assert 0 < starts[1] <= 300_000
    # The same version of it, or nothing.
    assert all("if-match" in asked for asked in bucket.asked[1:])
    assert len(pauses) == 4


def test_a_server_that_goes_silent_is_left(
    bucket: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ_SECONDS", 0.3)
    bucket.faults = [Hang(200_000, 20)]
    assert read() == CONTENT
    assert len(bucket.asked) == 2


def test_it_is_given_up_after_a_few_tries_in_a_row(bucket: Breaking, pauses: list[float]) -> None:
    bucket.ever = Cut(0)
    with pytest.raises(StorageError, match="connection to its server failed") as raised:
        read()
    assert raised.value.transient
    assert len(bucket.asked) == remote.TRIES
    assert len(pauses) == remote.TRIES - 1


def test_breaks_are_counted_anew_after_every_byte(bucket: Breaking) -> None:
    bucket.faults = [Cut(140_000)] * 6
    assert read() == CONTENT
    assert len(bucket.asked) > remote.TRIES


def test_a_body_is_not_gone_on_with_from_another_version(bucket: Breaking) -> None:
    bucket.faults = [Cut(300_000)]
    with open_bytes(source_file(URL)) as source:
        source.read(10)
        bucket.client.put_object(  # type: ignore[attr-defined]
            Bucket="exports", Key="acme/people.csv", Body=CONTENT.swapcase()
        )
        with pytest.raises(SourceError, match="changed while it was being read"):
            source.read(1 << 30)


def test_a_place_in_the_middle_is_asked_for_again_too(bucket: Breaking) -> None:
    bucket.faults = [Cut(0), Cut(0)]
    with source_file(URL).open("rb") as file:
        file.seek(-7, 2)
        assert file.read() == CONTENT[-7:]
        file.seek(100_000)
        assert file.read(5) == CONTENT[100_000:100_005]


def test_pauses_grow_and_are_not_alike() -> None:
    for breaks in range(1, remote.TRIES):
        found = {remote.pause_after(breaks) for _ in range(50)}
        assert len(found) == 50
        assert all(0 <= pause <= remote.PAUSE * 2**breaks for pause in found)
        assert max(found) > remote.PAUSE * 2 ** (breaks - 1) / 2


@pytest.mark.parametrize(("fault", "told"), STAYING, ids=str)
def test_what_stays_is_asked_for_once_and_told(
    bucket: Breaking, fault: Status, told: str, pauses: list[float]
) -> None:
    bucket.ever = fault
    with pytest.raises(SourceError, match=told) as raised:
        read()
    assert "secret" not in str(raised.value)
    assert not raised.value.transient
    assert len(bucket.asked) <= 1
    assert pauses == []


@pytest.mark.slow
def test_a_web_server_is_gone_on_with_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.0)
    monkeypatch.setattr(remote, "_TIMEOUT", 0.5)
    with (
        web_server({"/people.csv": CONTENT, "/no-ranges/people.csv": CONTENT}) as address,
        breaking(address) as between,
    ):
        for path in ("/people.csv", "/no-ranges/people.csv"):
            between.asked.clear()
            between.faults = [SLOW_DOWN, Reset(), Cut(300_000), Cut(10), Hang(5, 20)]
            assert read(f"{between.address}{path}") == CONTENT
            assert len(between.asked) >= 6
        between.ever = Status(403, "")
        between.asked.clear()
        with pytest.raises(SourceError, match="may not be read"):
            read(f"{between.address}/people.csv")
        assert len(between.asked) == 1


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        house.write("spec.yaml", CUSTOMERS.replace("people.csv", URL))
        yield house


@pytest.mark.slow
def test_a_migration_from_a_bucket_that_breaks_comes_to_the_same(
    house: House, bucket: Breaking
) -> None:
    bucket.client.put_object(  # type: ignore[attr-defined]
        Bucket="exports", Key="acme/people.csv", Body=b"No,Name,State,Owed\n" + CONTENT
    )
    bucket.faults = [SLOW_DOWN, Cut(200_000), Reset(), Cut(0), Cut(100)] * 2
    ran = house.migrate()
    assert ran.ok
    assert ran.counts["customer"]["inserted"] == 40_000
    assert bucket.faults == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Status(403, "AccessDenied"), Status(404, "NoSuchBucket")])
def test_a_migration_from_a_place_that_refuses_is_tried_once(
    house: House, bucket: Breaking, fault: Status
) -> None:
    bucket.ever = fault
    ran = house.migrate()
    message, exit_code = ran.failure()
    assert exit_code == 2
    assert URL in message
    assert not [e for e in ran.result.all_events if e.is_step_up_for_retry]
    run = house.instance.get_run_by_id(ran.result.run_id)
    assert run is not None
    assert retrying.NO_RUN_RETRY.items() <= run.tags.items()
    assert bucket.requests <= 2


@pytest.mark.slow
def test_a_migration_from_a_bucket_that_is_out_of_breath_is_tried_a_few_times(
    house: House, bucket: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_RETRIES", "2")
    settings.cache_clear()
    bucket.ever = SLOW_DOWN
    ran = house.migrate()
    message, exit_code = ran.failure()
    assert exit_code == 3
    assert "SlowDown" in message
    assert "It was tried 3 times." in message
    assert len([e for e in ran.result.all_events if e.is_step_up_for_retry]) == 2
