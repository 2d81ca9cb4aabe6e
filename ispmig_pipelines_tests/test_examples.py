"""Every example of the pages is accounted for: run, or left out for a reason that is said here."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main
from dagster import validate_run_config
from psycopg import sql
from psycopg.rows import dict_row
from ruamel.yaml import YAML
from typer.testing import CliRunner

from ispmig_pipelines.alerting.alert import Kind
from ispmig_pipelines.cli import app
from ispmig_pipelines.definitions import defs
from ispmig_pipelines.drop.manifest import parse as parse_manifest
from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.guarding import Finding
from ispmig_pipelines.mapping.presets import parse_preset
from ispmig_pipelines.mapping.spec import load_spec
from ispmig_pipelines.report.rule_kind import RuleKind
from ispmig_pipelines.settings import Settings
from ispmig_pipelines.suggesting import suggest
from ispmig_pipelines.validation.cards import ColumnCards
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.demo.exports import METRO, expected

DOCS = PROJECT / "docs"
TESTS = PROJECT / "ispmig_pipelines_tests"
PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]
HERE = "test_examples.py"
SPECS = "mapping/test_spec_docs.py"
STEPS = "mapping/transform/test_transform_docs.py"
CONDITIONS = "test_condition_docs.py"

RUN_BY: dict[tuple[str, str], str] = {
    ("README.md", "csv exports/subscribers.csv"): "test_docs.py",
    ("README.md", "yaml spec.yaml"): "test_docs.py",
    ("README.md", "console"): "test_docs.py",
    ("README.md", "text"): HERE,
    ("alerts.md", "json message"): "alerting/test_alerts.py",
    ("alerts.md", "python verify"): "alerting/test_alerts.py",
    ("architecture.md", "text"): "",
    ("audit.md", "python prove export"): "test_audit_commands.py",
    ("backup-format.md", "python recipe"): "backup/test_backup_format.py",
    ("backup-format.md", "text"): "",
    ("compliance.md", "yaml spec-part"): HERE,
    ("compliance.md", "json findings"): HERE,
    ("conditions.md", "yaml customer"): CONDITIONS,
    ("conditions.md", "yaml service"): CONDITIONS,
    ("conditions.md", "yaml example"): CONDITIONS,
    ("export.md", "yaml transform"): "test_export_docs.py",
    ("extending.md", "python file desk_steps.py"): "test_extending.py",
    ("extending.md", "python file ispmig_pipelines/formats/parquet.py"): "test_extending.py",
    ("extending.md", "python file ispmig_pipelines/model/ticket.py"): "test_extending.py",
    (
        "extending.md", "yaml file ispmig_pipelines/mapping/presets/trouble_desk.yaml"
    ): "test_extending.py",
    ("extending.md", "diff ispmig_pipelines/formats/opening.py"): "test_extending.py",
    ("extending.md", "diff ispmig_pipelines/model/__init__.py"): "test_extending.py",
    ("extending.md", "diff ispmig_pipelines/platform/erasing.py"): "test_extending.py",
    ("extending.md", "console"): "test_extending.py",
    ("file-drop.md", "json manifest"): HERE,
    ("first-migration.md", "csv subscribers.csv"): "test_docs.py",
    ("first-migration.md", "yaml spec.yaml"): "test_docs.py",
    ("first-migration.md", "console"): "test_docs.py",
    ("integrity.md", "yaml spec-part"): HERE,
    ("metrics.md", "yaml prometheus"): HERE,
    ("metrics.md", "yaml rules"): HERE,
    ("metrics.md", "json health"): HERE,
    ("presets.md", "yaml preset"): "mapping/presets/test_presets.py",
    ("presets.md", "python suggesting"): HERE,
    ("privacy.md", "yaml spec-part"): HERE,
    ("production.md", "sql waiting"): HERE,
    ("report.md", "python prove"): "test_reporting.py",
    ("report.md", "sh prove"): "test_reporting.py",
    ("report.md", "python prove page"): "test_reporting.py",
    ("rollback.md", "sql rights"): HERE,
    ("settings.md", "sql rights"): "test_docs.py",
    ("cli.md", ""): "mapping/test_spec_diff.py",
    ("scaling.md", "text"): "",
    ("scaling.md", "yaml run-config"): HERE,
    ("spec.md", ""): HERE,
    ("suggest.md", "yaml suggested"): HERE,
    ("spec.md", "yaml spec"): SPECS,
    ("spec.md", "yaml spec-part"): HERE,
    ("transforms.md", "csv tariffs"): STEPS,
    ("transforms.md", "python acme_steps"): STEPS,
    ("validation.md", "yaml spec-part"): HERE,
}  # fmt: skip
"""Page and kind of an example → the test that runs it; "" for a drawing.

Blocks ``yaml ENTITY`` and ``yaml entities`` of the pages about specs and steps are run by the tests
of these, each with its table."""

TABLED = {"spec.md": SPECS, "transforms.md": STEPS}


def fences(path: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: what kind it is called, and what is in it."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    path = PROJECT / page if page == "README.md" else DOCS / page
    return [text for info, text in fences(path) if info == kind]


def is_tabled(page: str, kind: str) -> bool:
    return page in TABLED and bool(re.fullmatch(r"yaml [a-z_]+", kind)) and kind not in (
        "yaml spec", "yaml spec-part"
    )  # fmt: skip


def test_every_block_says_what_it_is_and_is_run_by_a_test() -> None:
    there = {(path.name, info) for path in PAGES for info, _ in fences(path)}
    unknown = {one for one in there if not is_tabled(*one)} - RUN_BY.keys()
    assert not unknown, "say in RUN_BY which test runs these"
    assert not RUN_BY.keys() - there, "these are gone from the pages"


@pytest.mark.parametrize("test", sorted({test for test in RUN_BY.values() if test} | {*TABLED}))
def test_the_test_that_runs_a_block_reads_its_page(test: str) -> None:
    pages = {page for (page, _), one in RUN_BY.items() if one == test}
    text = (TESTS / TABLED.get(test, test)).read_text(encoding="utf-8")
    for page in pages or {test}:
        named = page in text or page.upper().removesuffix(".MD") in text
        assert named or f'"{page.removesuffix(".md")}"' in text, page


# -- configuration of runs ----------------------------------------------------------------------


def test_the_configuration_of_a_run_in_parts_is_taken() -> None:
    (text,) = blocks("scaling.md", "yaml run-config")
    config = YAML(typ="safe").load(text)
    extract = {"config": {"spec": "spec.yaml", "parts": 4}}
    job = defs.resolve_job_def("tenant_migration_in_parts")
    assert validate_run_config(job, config | {"ops": {"extract": extract}})


# -- parts of specs -----------------------------------------------------------------------------

WHOLE = """
version: 1
sources:
  customers: {files: customers.csv}
  subs: {files: subs.csv}
  lines: {files: lines.csv}
  invoices: {files: invoices.csv}
  cards: {files: cards.csv}
entities:
  customer:
    from: customers
    fields: {account_number: No, last_name: Name, status: {constant: active}, signup_date: Since,
             cancelled_date: Left, balance: {column: Owes, positive_is: debt},
             currency: {constant: EUR}}
  plan:
    from: lines
    fields: {plan_code: Plan, name: Plan, price: Fee, currency: {constant: EUR}}
  service:
    from: lines
    fields: {service_code: Line, customer: No, plan: Plan, status: {constant: active},
             price: Fee, currency: {constant: EUR}}
  invoice:
    from: invoices
    fields: {invoice_number: Invoice, customer: No, issue_date: Day, total: Total,
             subtotal: Net, tax: Tax, currency: {constant: EUR}}
  payment:
    from: invoices
    fields: {payment_number: Invoice, customer: No, paid_at: Day, amount: Total,
             currency: {constant: EUR}, method: {constant: card}}
  payment_method:
    from: cards
    fields: {method_code: Card, customer: No, kind: {constant: card}}
"""
"""What the parts are parts of."""

yaml = YAML(typ="safe")


def merged(whole: dict[str, Any], part: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """The whole with a part put in; a source is one thing, and takes the other's place."""
    for name, value in part.items():
        inside = isinstance(value, dict) and isinstance(whole.get(name), dict)
        if inside and not (depth == 1 and "files" in value | whole[name]):
            merged(whole[name], value, depth + 1)
        else:
            whole[name] = value
    return whole


PARTS = sorted({page for page, kind in RUN_BY if kind == "yaml spec-part"})


@pytest.mark.parametrize("page", PARTS)
def test_parts_of_specs_are_accepted_in_a_whole_one(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINK_SIGNATURE", "s3cret")
    monkeypatch.setenv("LEGACY_PASSWORD", "s3cret")
    found = blocks(page, "yaml spec-part")
    assert found
    # Parts of one page belong together where they are about what is to be validated.
    together = page == "validation.md"
    whole = yaml.load(WHOLE)
    for part in found:
        whole = merged(whole if together else yaml.load(WHOLE), yaml.load(part))
        yaml.dump(whole, tmp_path / "spec.yaml")
        if not together:
            load_spec(tmp_path / "spec.yaml")
    load_spec(tmp_path / "spec.yaml")


def test_a_part_with_a_mistake_would_be_found(tmp_path: Path) -> None:
    whole = merged(yaml.load(WHOLE), {"validation": {"rejected_parent": "keeep"}})
    yaml.dump(whole, tmp_path / "spec.yaml")
    with pytest.raises(SpecError, match="rejected_parent"):
        load_spec(tmp_path / "spec.yaml")


def test_the_line_for_editors_names_the_schema_beside_the_page() -> None:
    (line,) = blocks("spec.md", "")
    schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)\n", line)
    assert schema is not None
    assert (DOCS / schema[1]).is_file()


def test_what_is_suggested_looks_as_it_is_shown(tmp_path: Path) -> None:
    rows = "".join(f"{n};{13 + n % 15}/0{1 + n % 9}/20{10 + n % 9};{n}.50\n" for n in range(1, 51))
    (tmp_path / "clientes.csv").write_text(f"id_cliente;fecha_alta;saldo\n{rows}", "utf-8")
    found = suggest([str(tmp_path / "clientes.csv")], tmp_path / "spec.yaml")
    said = [line.strip() for line in found.text.splitlines()]
    (shown,) = blocks("suggest.md", "yaml suggested")
    fields = [line.strip() for line in shown.splitlines() if "# 0." in line or "# balance" in line]
    assert len(fields) == 3
    for line in fields:
        # How sure it is changes with what it learns; what it means does not.
        mapping = line.partition("  # 0.")[0]
        assert any(one.startswith(mapping) for one in said), line


# -- other data ---------------------------------------------------------------------------------


def test_the_findings_of_cards_have_the_members_that_are_shown() -> None:
    (text,) = blocks("compliance.md", "json findings")
    (shown,) = json.loads(text)["cards"]
    made = Finding("Notes", ColumnCards()).as_json()
    assert shown.keys() - {"source"} == made.keys()


def test_the_manifest_is_one() -> None:
    (text,) = blocks("file-drop.md", "json manifest")
    first, second = parse_manifest(text.encode())
    assert (first.name, first.bytes, len(first.sha256 or "")) == ("customers.csv", 18_210, 64)
    assert (second.name, second.bytes) == ("plans.csv", None)


def test_what_prometheus_is_told_asks_for_metrics_that_are_there() -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(ispmig_\w+)` \|", page, re.MULTILINE))
    (rules,) = blocks("metrics.md", "yaml rules")
    for rule in yaml.load(rules):
        asked = set(re.findall(r"\bispmig_\w+", rule["expr"]))
        assert asked
        assert asked <= documented, rule["alert"]
    (scraped,) = blocks("metrics.md", "yaml prometheus")
    (job,) = yaml.load(scraped)["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert Settings().ui_url == f"http://{target}"


def test_health_answers_as_it_is_shown(ispmig_home: Path) -> None:
    (text,) = blocks("metrics.md", "json health")
    shown = json.loads(text)
    told = json.loads(CliRunner().invoke(app, ["health", "--json"]).stdout)
    assert shown.keys() <= told.keys()
    assert shown["parts"].keys() == told["parts"].keys()
    for part in ("database", "storage"):
        assert shown["parts"][part].keys() == told["parts"][part].keys()
    assert told["parts"]["storage"]["places"]["home"].keys() == {"code", "free_bytes"}


def test_the_sessions_that_wait_can_be_asked_for(database_url: str) -> None:
    (query,) = blocks("production.md", "sql waiting")
    with psycopg.connect(database_url, application_name="ispmig test", row_factory=dict_row) as one:
        (found,) = one.execute(query).fetchall()  # type: ignore[call-overload]
    assert found["application_name"] == "ispmig test"
    assert found["waits_for"] == []


def test_the_right_that_makes_rollbacks_faster_can_be_given(database_url: str) -> None:
    (grant,) = blocks("rollback.md", "sql rights")
    role = f"ispmig_platform_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        admin.execute(grant.replace("ispmig_platform", role))  # type: ignore[arg-type]
        asked = "select has_parameter_privilege(%s, 'session_replication_role', 'SET')"
        (given,) = admin.execute(asked, (role,)).fetchone()
        assert given
        admin.execute(sql.SQL("drop owned by {0}").format(sql.Identifier(role)))
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_a_preset_is_tried_as_the_page_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the page's own preset in the place of those that come along."""
    (preset,) = blocks("presets.md", "yaml preset")
    (program,) = blocks("presets.md", "python suggesting")
    read_preset = parse_preset(preset)
    module = sys.modules["ispmig_pipelines.mapping.presets.recognise"]
    monkeypatch.setattr(module, "known", lambda: ("example",))
    monkeypatch.setattr(module, "load_preset", lambda name: read_preset)
    monkeypatch.chdir(tmp_path)
    Path("customers.csv").write_text(
        "id,username,fullname,phonenumber,email,balance,last_login\n"
        "1,ann,Ann Lee,0,ann@example.com,-12.50,2026-01-02\n"
        "2,ben,Ben Okafor,0,ben@example.com,3.00,2026-02-03\n",
        encoding="utf-8",
    )
    exec(compile(program, "presets.md", "exec"), {})  # noqa: S102 - it is the page's own


def test_the_demo_ends_as_the_readme_shows() -> None:
    (shown,) = blocks("README.md", "text")
    counts = expected(METRO).counts
    for entity, *numbers in re.findall(
        r"^(\w+) +│" + r" +([\d,]+) │" * 4 + r" +([\d,]+)$", shown, re.MULTILINE
    ):
        assert [int(one.replace(",", "")) for one in numbers] == list(counts[entity].values())
    (source, loaded, quarantined) = re.findall(
        r"invoice\.total GBP +│ ([\d,.]+) │ ([\d,.]+) │ +([\d,.]+) │", shown
    )[0]
    totals = expected(METRO).totals["invoice.total"]
    for side, text in (("source", source), ("loaded", loaded), ("quarantined", quarantined)):
        assert totals[side] == Decimal(text.replace(",", ""))
    total = {name: sum(one[name] for one in counts.values()) for name in counts["customer"]}
    assert (
        f"{total['inserted']:,} inserted, {total['unchanged']} unchanged, "
        f"{total['quarantined']} quarantined"
    ) in shown


# -- commands -----------------------------------------------------------------------------------

HEADS_OF_FILES = {"piece", "file", "manifest", "backup key 1"}
"""``ispmig piece 1`` and its like: the first words of files of a backup, and no commands."""


def shown_commands(path: Path) -> list[str]:
    """Whole commands that a page shows: in console blocks, and indented."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^(?:\$ |    )(ispmig .*)$", text, re.MULTILINE)


def mentioned(path: Path) -> list[str]:
    """Commands in the middle of sentences, often without what has to follow."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"`ispmig ([^`]+)`", text)
    return [one for one in found if one.removesuffix(" 1") not in HEADS_OF_FILES]


def read(words: list[str]) -> Any:
    """The innermost context of a command line, as the program itself reads it; nothing is run."""
    command, name, parent = typer.main.get_command(app), "ispmig", None
    while True:
        context = command.make_context(name, words, parent=parent)
        if not hasattr(command, "commands"):
            return context
        rest = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, rest)
        parent = context


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_are_as_the_program_takes_them(path: Path) -> None:
    for line in shown_commands(path):
        words = shlex.split(line.partition(" > ")[0], comments=True)
        assert read(words[1:]) is not None, line


def is_taken(line: str) -> bool:
    """Whether there is such a command with such options; what has to follow may be missing."""
    try:
        read(shlex.split(line))
    except Exception as error:
        kind = type(error).__name__
        takes_more = kind == "BadOptionUsage" and "requires an argument" in str(error)
        return takes_more or kind in ("MissingParameter", "NoArgsIsHelpError", "BadParameter")
    return True


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_sentences_are_there_with_their_options(path: Path) -> None:
    for line in mentioned(path):
        assert "…" in line or is_taken(line), line


@pytest.mark.parametrize("line", ["tenant ad acme", "migrate --al", "backup verify --shares 1/7"])
def test_a_command_that_is_gone_would_be_found(line: str) -> None:
    assert not is_taken(line)


def test_nothing_else_is_indented_as_a_command_would_be() -> None:
    """What is not ours to run: said here, so that none slips by."""
    others = [
        line
        for path in PAGES
        for line in re.findall(
            r"^\n    (\S.*)$", re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL),
            re.MULTILINE,
        )
        if not line.startswith("ispmig ")
    ]  # fmt: skip
    assert {line.split()[0] for line in others} == {
        "make",  # the makefile's own targets
        "python",  # measurements, which take minutes: ispmig_pipelines_tests/bench
        "aws", "age-keygen", "export",  # programs of others
        "status",  # conditions: test_condition_docs
    }  # fmt: skip
    for module in re.findall(r"python -m (\S+)", "\n".join(others)):
        assert (PROJECT / f"{module.replace('.', '/')}.py").is_file(), module


# -- names --------------------------------------------------------------------------------------

NOT_SETTINGS = {"ISPMIG_DAGSTER_STORAGE_URL", "ISPMIG_CORPORA", "ISPMIG_BACKUP_KEY_OF_ACME"}
"""Set by the program itself; where tests find files of others; one of every tenant."""


@pytest.mark.parametrize("path", [*PAGES, PROJECT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    there = {f"ISPMIG_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    for name in re.findall(r"\bISPMIG_[A-Z_]*", path.read_text(encoding="utf-8")):
        assert name in there or (name.endswith("_") and any(n.startswith(name) for n in there)), (
            name
        )


def test_every_page_is_in_the_index_and_every_entry_is_a_page() -> None:
    listed = re.findall(r"^- \[([\w-]+\.md)\]\(\1\): \S", (DOCS / "README.md").read_text("utf-8"),
                        re.MULTILINE)  # fmt: skip
    assert sorted(listed) == sorted({path.name for path in DOCS.glob("*.md")} - {"README.md"})


def test_every_schedule_and_sensor_is_documented_with_its_job_and_no_other() -> None:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    schedules, sensors = page.split("| schedule |")[1].split("| sensor |")
    repository = defs.get_repository_def()
    told = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", schedules, re.MULTILINE))
    assert told == {one.name: one.job_name for one in repository.schedule_defs}
    rows = set(re.findall(r"^\| `(\w+)` \|", sensors.split("\n\n")[0], re.MULTILINE))
    assert rows == {one.name for one in repository.sensor_defs}


def test_every_job_and_asset_check_is_named_in_some_page() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    repository = defs.get_repository_def()
    jobs = {one.name for one in repository.get_all_jobs() if not one.name.startswith("__")}
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    rules = {kind.value for kind in RuleKind}
    for name in sorted(jobs | checks - rules):
        assert f"`{name}`" in text, name


def test_every_alert_is_one_of_the_program() -> None:
    page = (DOCS / "alerts.md").read_text(encoding="utf-8")
    kinds = {kind.value for kind in Kind}
    # Links in pages are held elsewhere; what is linked as one word with a line in it is a kind.
    linked = re.findall(r"alerts\.md#(\w+_\w+)", "".join(p.read_text("utf-8") for p in PAGES))
    assert linked
    assert set(linked) <= kinds
    assert set(re.findall(r'"kind": "(\w+)"', page)) <= kinds
