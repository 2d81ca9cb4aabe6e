"""Drop places by commands: rules, places of a tenant's own, what lies where, once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.drop.records import State
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.drop.dropping import SPEC, TWO, Yard, customers
from ispmig_pipelines_tests.test_cli import as_json, ispmig


@pytest.fixture
def yard(ispmig_home: Path) -> Iterator[Yard]:
    with DagsterInstance.ephemeral() as instance:
        yield Yard(ispmig_home, instance, "acme", "beta")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def refused(*words: str) -> str:
    return str(as_json(*words, exit_code=2)["error"]["message"])


@pytest.mark.slow
def test_from_the_rule_to_the_migration_and_once_more(yard: Yard, spec: Path) -> None:
    made = as_json(
        "drop", "add", "acme", str(spec), "--pattern", "customers_*.csv", "--settle", "0"
    )
    assert made["place"] == str(yard.root())
    assert made["rule"]["patterns"] == {"subscribers": ["customers_*.csv"]}
    # What was kept is what counts.
    spec.unlink()
    yard.put("customers_1.csv", customers(1))
    yard.put("a.part.csv~", "")
    yard.put("-x.csv", "")
    assert yard.until_quiet() == 1
    found = as_json("drop", "list", "acme")
    (drop,) = found["drops"]
    assert (drop["state"], drop["lies_in"], drop["rule"]) == ("done", "done", "nightly")
    assert [one["name"] for one in found["waiting"]] == ["-x.csv"]
    assert "hyphen" in ispmig("drop", "list", "acme")[1]

    as_json("drop", "retry", "acme", str(drop["drop"]))
    assert yard.until_quiet() == 1
    assert [one.state for one in yard.drops()] == [State.RETRIED, State.DONE]
    assert [m.entities["customer"]["unchanged"] for m in yard.migrations()] == [1, 0]
    assert "nothing to retry" in refused("drop", "retry", "acme", str(drop["drop"]))

    assert as_json("drop", "remove", "acme", "nightly")["removed"]["name"] == "nightly"
    assert "No rules" in ispmig("drop", "list", "acme")[1]
    assert "no rule 'nightly'" in refused("drop", "remove", "acme", "nightly")


def test_rules_that_leave_open_which_files_are_meant_are_refused(
    yard: Yard, tmp_path: Path
) -> None:
    two = tmp_path / "two.yaml"
    two.write_text(TWO, encoding="utf-8")
    assert "SOURCE=" in refused("drop", "add", "acme", str(two), "--pattern", "*.csv")
    assert "no pattern" in refused("drop", "add", "acme", str(two), "--pattern", "tariffs=p.csv")
    assert "no source" in refused("drop", "add", "acme", str(two), "--pattern", "tarifs=p.csv")
    assert "no pattern of names" in refused(
        "drop", "add", "acme", str(two), "--pattern", "tariffs=../p.csv"
    )
    made = as_json("drop", "add", "acme", str(two))
    assert made["rule"]["patterns"] == {
        "subscribers": ["customers_*.csv"], "tariffs": ["plans_*.csv"],
    }  # fmt: skip


@pytest.mark.slow
def test_a_place_of_its_own_is_the_tenants_alone(yard: Yard, tmp_path: Path) -> None:
    own = tmp_path / "sftp" / "acme"
    assert as_json("tenant", "set", "acme", "--drop", str(own))["drop"] == str(own)
    assert as_json("tenant", "show", "acme")["drop"] == str(own)
    (tmp_path / "link").symlink_to(own.parent)
    for place in (own, own / "below", own.parent, tmp_path / "link" / "acme"):
        assert "another tenant" in refused("tenant", "set", "beta", "--drop", str(place))
    for kept in ("staging", "keys/acme", "backups", "drop-work", "."):
        refused("tenant", "set", "beta", "--drop", str(settings().home / kept))
    assert "every tenant" in refused(
        "tenant", "set", "beta", "--drop", str(settings().home / "drop" / "new")
    )
    as_json("tenant", "set", "beta", "--drop", "s3://exports/beta")
    assert "another tenant" in refused("tenant", "set", "acme", "--drop", "s3://exports/beta/in")
    as_json("tenant", "set", "acme", "--drop", "s3://exports/betamax")
    as_json("tenant", "set", "acme", "--drop", "default")
    assert as_json("tenant", "show", "acme")["drop"] == str(yard.root())


def test_a_place_is_not_changed_under_what_is_under_way(yard: Yard, tmp_path: Path) -> None:
    yard.rule("acme", SPEC, "*.csv")
    yard.put("a.csv", customers(1))
    assert len(yard.tick()) == 1
    assert "under way" in refused("tenant", "set", "acme", "--drop", str(tmp_path / "own"))


@pytest.mark.slow
def test_a_tenant_that_was_removed_has_had_nothing(yard: Yard) -> None:
    yard.rule("acme", SPEC, "*.csv")
    yard.put("a.csv", customers(1))
    yard.until_quiet()
    as_json("tenant", "remove", "acme", "--yes")
    as_json("tenant", "add", "acme")
    yard.rule("acme", SPEC, "*.csv")
    yard.put("b.csv", customers(1))
    assert yard.until_quiet() == 1
    assert yard.rows() == 1


def test_a_new_tenants_folder_is_there_and_private(yard: Yard) -> None:
    made = as_json("tenant", "add", "gamma")
    assert Path(made["drop"]).stat().st_mode & 0o777 == 0o700
