"""``ispmig preview``: what a person sees of a migration before it is made."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.model.mask_words import LAST_NAMES

SPEC = """\
version: 1
name: people
sources: {people: {files: people.csv}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      last_name: Name
      status: {column: State, lookup: {A: active}}
  plan:
    from: people
    when_filled: Plan
    fields:
      plan_code: Plan
      name: Plan
      technology: {constant: fiber}
      price: {constant: 10}
      currency: {constant: USD}
      billing_cycle: {constant: monthly}
"""


@pytest.fixture
def spec(ispmig_home: Path) -> Path:
    """A spec and its file; the tenant acme is there and empty."""
    folder = ispmig_home / "exports"
    folder.mkdir()
    (folder / "people.csv").write_text("No,Name,State,Plan\n1,Ann,A,Fast\n2,Bob,?,\n")
    (folder / "spec.yaml").write_text(SPEC)
    assert ispmig("tenant", "add", "acme")[0] == 0
    return folder / "spec.yaml"


def ispmig(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of a command."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def preview(spec: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, err = ispmig(
        "preview", "acme", str(spec), "--max-quarantined", "50%", *arguments, "--json"
    )
    assert out.count("\n") == 1, out + err
    return code, json.loads(out)


def test_people_see_before_and_after(spec: Path) -> None:
    code, out, _ = ispmig("preview", "acme", str(spec), "--max-quarantined", "50%")
    assert code == 0
    assert "A → active" in out
    assert "? → held back [value.lookup]" in out
    assert "The migration would go through." in out
    assert "fiber" in out
    assert (
        json.loads(ispmig("migrations", "acme", "--json")[1])["migrations"][0]["mode"] == "dry_run"
    )


@pytest.mark.slow
def test_machines_get_everything(spec: Path) -> None:
    code, found = preview(spec)
    assert code == 0
    assert (found["tenant"], found["passed"], found["html"]) == ("acme", True, None)
    assert [e["name"] for e in found["entities"]] == ["customer", "plan"]
    customer = found["entities"][0]
    assert customer["counts"]["inserted"] == 1
    assert customer["issues"][0]["rule"] == "value.lookup"
    assert customer["blocks"][0]["samples"][0]["fields"][2] == {
        "name": "last_name", "before": [{"column": "Name", "text": "Ann"}], "after": "Ann",
        "present": None, "changes": False, "hidden": False, "issues": [],
    }  # fmt: skip
    assert "error" not in found


@pytest.mark.slow
def test_a_page_is_written_for_its_owner_alone(spec: Path) -> None:
    page = spec.parent / "page.html"
    code, found = preview(spec, "--html", str(page))
    assert (code, found["html"]) == (0, str(page))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "Ann" in text


@pytest.mark.slow
def test_of_one_entity_only(spec: Path) -> None:
    page = spec.parent / "page.html"
    _, found = preview(spec, "--entity", "plan", "--html", str(page))
    assert [e["name"] for e in found["entities"]] == ["plan"]
    assert "Plans" in page.read_text()
    assert "Customers" not in page.read_text()


def test_with_masks(spec: Path) -> None:
    page = spec.parent / "page.html"
    _, found = preview(spec, "--mask", "--html", str(page))
    assert found["masked"]
    (sample, *_) = found["entities"][0]["blocks"][0]["samples"]
    (name,) = (f for f in sample["fields"] if f["name"] == "last_name")
    assert name["after"] in LAST_NAMES
    assert name["after"] in page.read_text()
    assert '"Ann"' not in json.dumps(found)
    assert ">Ann<" not in page.read_text()


@pytest.mark.slow
def test_as_many_records_as_asked_for(spec: Path) -> None:
    assert len(preview(spec)[1]["entities"][0]["blocks"][0]["samples"]) == 2
    samples = preview(spec, "--rows", "0")[1]["entities"][0]["blocks"][0]["samples"]
    assert samples == []


@pytest.mark.slow
def test_what_would_be_refused_is_shown_and_ends_with_1(spec: Path) -> None:
    page = spec.parent / "page.html"
    code, found = preview(spec, "--max-quarantined", "0", "--html", str(page))
    assert code == 1
    assert not found["passed"]
    assert found["error"]["code"] == "threshold"
    assert found["error"]["exit_code"] == 1
    assert found["entities"][0]["counts"]["quarantined"] == 1
    assert "would be refused" in page.read_text()
    code, out, _ = ispmig("preview", "acme", str(spec), "--max-quarantined", "0")
    assert code == 1
    assert "The migration would be refused." in out


@pytest.mark.slow
def test_what_would_stop_at_other_content_of_the_tenant_is_shown_too(spec: Path) -> None:
    assert ispmig("migrate", "acme", str(spec), "--max-quarantined", "50%")[0] == 0
    people = spec.parent / "people.csv"
    people.write_text(people.read_text().replace("Ann", "Anne"))
    page = spec.parent / "page.html"
    code, found = preview(spec, "--on-conflict", "fail", "--html", str(page))
    assert code == 1
    assert found["error"]["code"] == "conflict"
    assert "1 customer record " in found["error"]["message"]
    assert found["entities"][0]["changes"]["fields"] == {"last_name": 1}
    assert "would be refused" in page.read_text()
    code, out, _ = ispmig(
        "preview", "acme", str(spec), "--max-quarantined", "50%", "--on-conflict", "fail"
    )
    assert code == 1
    assert "(now Ann)" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nobody", "{spec}"), "nobody"),
        (("acme", "{spec}.not"), "There is no spec"),
        (("acme", "{spec}", "--entity", "custmer"), "customer"),
        (("acme", "{spec}", "--entity", "invoice"), "The spec fills no entity 'invoice'"),
        (("acme", "{spec}", "--html", "nowhere/at/all.html"), "There is no folder"),
        (("acme", "{spec}", "--max-quarantined", "lots"), "lots"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(
    spec: Path, arguments: tuple[str, ...], told: str
) -> None:
    code, out, _ = ispmig("preview", *(a.format(spec=spec) for a in arguments), "--json")
    assert code == 2
    assert told in json.loads(out)["error"]["message"]
    assert json.loads(ispmig("migrations", "acme", "--json")[1])["migrations"] == []


def test_a_run_that_comes_to_nothing_says_why(spec: Path) -> None:
    (spec.parent / "people.csv").write_text("No,Name,State\n1,Ann,A\n")
    code, out, _ = ispmig("preview", "acme", str(spec), "--json")
    assert code == 2
    assert "has no column 'Plan'" in json.loads(out)["error"]["message"]


@pytest.mark.slow
def test_nothing_is_loaded(spec: Path) -> None:
    before = json.loads(ispmig("digest", "acme", "--json")[1])
    preview(spec)
    assert json.loads(ispmig("digest", "acme", "--json")[1]) == before


@pytest.mark.slow
def test_the_report_goes_with_its_tenant(spec: Path, ispmig_home: Path) -> None:
    preview(spec)
    assert list((ispmig_home / "reports" / "acme").iterdir())
    assert ispmig("tenant", "remove", "acme", "--yes")[0] == 0
    assert not (ispmig_home / "reports" / "acme").exists()
