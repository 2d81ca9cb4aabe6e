"""Drop places in S3, over HTTP; and the wall between tenants' places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.defs.tenant_migration.job import default_config
from ispmig_pipelines.drop.places import BucketPlace
from ispmig_pipelines.drop.records import State
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import S3Storage
from ispmig_pipelines_tests.bucket import BUCKET, s3_server
from ispmig_pipelines_tests.drop.dropping import SPEC, TWO, Yard, customers


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def yard(
    ispmig_home: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Yard]:
    with s3_server(monkeypatch):
        monkeypatch.setenv("ISPMIG_DROP", f"s3://{BUCKET}/in")
        settings.cache_clear()
        yield Yard(ispmig_home, instance, "acme", "beta")


def put(name: str, text: str, slug: str = "acme") -> None:
    S3Storage(BUCKET).client.put_object(Bucket=BUCKET, Key=f"in/{slug}/{name}", Body=text.encode())


def keys(slug: str = "acme") -> set[str]:
    return {blob.key for blob in S3Storage(BUCKET, f"in/{slug}").list()}


@pytest.mark.slow
def test_a_set_is_migrated_and_what_is_hostile_stays(yard: Yard) -> None:
    yard.rule("acme", TWO)
    for name in ("", "..csv", "done", "below/customers_8.csv", "-a.csv", "new\u202eline.csv"):
        put(name, customers(9))
    put("customers_1.csv", customers(1))
    put("plans_1.csv", "code,name,price\nP,Plan,1.00\n")
    put("customers_2.csv", "")
    put("plans_2.csv", "code,name,price\nP,Plan,1.00\n")
    before = keys()
    assert yard.until_quiet() == 1
    assert (yard.rows(), yard.rows("plan")) == (1, 1)
    after = keys()
    assert {"done/customers_1.csv", "done/plans_1.csv", "failed/customers_2.csv"} <= after
    assert {"done", "-a.csv", "below/customers_8.csv"} <= before & after
    assert sum(".report." in key for key in after) == 4
    assert {"-a.csv", "done", "new\\u202eline.csv"} <= set(yard.why())
    put("customers_3.csv", customers(1))
    put("plans_3.csv", "code,name,price\nP,Plan,1.00\n")
    assert yard.until_quiet() == 0
    assert yard.drops()[-1].state is State.DUPLICATE


@pytest.mark.slow
def test_review_and_retry(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    from ispmig_pipelines import dropping

    monkeypatch.setattr("ispmig_pipelines.drop.sets.SETTLE", 0.0)
    put("subscribers.csv", "account_number,name\nA1,Ann\n")
    assert yard.until_quiet() == 1
    assert keys() == {
        f"review/subscribers.csv/{name}"
        for name in ("subscribers.csv", "suggested-spec.yaml", "preview.html", "note.txt")
    }
    yard.rule("acme", SPEC.replace("number: id", "number: account_number"), "sub*.csv")
    with yard.engine.connect() as connection:
        dropping.retry(connection, "acme", 1)
    assert yard.until_quiet() == 1
    assert yard.rows() == 1


@pytest.mark.slow
def test_what_is_put_there_while_its_forerunner_is_claimed_stays(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.rule("acme", SPEC, "*.csv")
    put("a.csv", customers(1))
    copied = S3Storage.copy

    def overtaken(self: S3Storage, key: str, to: str, *, tag: str = "") -> None:
        copied(self, key, to, tag=tag)
        if key == "a.csv":
            put("a.csv", customers(2))

    with monkeypatch.context() as patched:
        patched.setattr(S3Storage, "copy", overtaken)
        yard.tick()
    assert yard.until_quiet() == 2
    assert yard.rows() == 2


@pytest.mark.slow
@pytest.mark.parametrize("where", ["a bucket", "a folder"])
def test_a_migration_reads_nothing_out_of_another_tenants_place(
    yard: Yard, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "a folder":
        monkeypatch.delenv("ISPMIG_DROP")
        settings.cache_clear()
        theirs = str(yard.put("customers.csv", customers(1), slug="beta"))
    else:
        put("customers.csv", customers(1), slug="beta")
        theirs = f"s3://{BUCKET}/in/beta/customers.csv"
    spec = yard.folder / "spec.yaml"
    spec.write_text(SPEC.replace("customers.csv", theirs), encoding="utf-8")
    from ispmig_pipelines.definitions import defs

    for tenant, ok in (("acme", False), ("beta", True)):
        from ispmig_pipelines.defs.launch import know_tenant

        know_tenant(yard.instance, tenant)
        result = defs.get_job_def("tenant_migration").execute_in_process(
            instance=yard.instance,
            partition_key=tenant,
            run_config={"ops": {"extract": {"config": {"spec": str(spec)}}}},
            raise_on_error=False,
        )
        assert result.success is ok
        assert yard.rows(slug=tenant) == (1 if ok else 0)


@pytest.mark.slow
def test_the_launchpad_proposes_no_spec_that_went_with_its_file(yard: Yard) -> None:
    yard.rule("acme", SPEC, "*.csv")
    put("a.csv", customers(1))
    yard.until_quiet()
    assert isinstance(yard.place(), BucketPlace)
    config = default_config("acme")
    assert config["ops"]["extract"]["config"]["spec"] == "specs/acme.yaml"  # type: ignore[index]
