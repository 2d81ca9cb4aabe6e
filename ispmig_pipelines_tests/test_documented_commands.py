"""Every command that the pages show is run, in the order of a tenant's life, or left out for a
reason that is said here."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.cli import app
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.test_examples import PAGES, shown_commands

LIFE = (Path(__file__).parent / "documented_commands.txt").read_text(encoding="utf-8")
"""Lines with a plus prepare what the next ones need."""

ENDS = {
    "ispmig health": 3,  # there is no daemon
    "ispmig spec diff old.yaml new.yaml": 1,  # they differ
}
"""What else than 0 a command ends with here."""

ELSEWHERE = {
    "ispmig tenant set acme --files s3://isp-documents/acme": "test_backup_commands.py: a bucket",
    "ispmig migrate --all": "defs/test_bulk.py: it works a queue off",
    "ispmig migrate --all --urgent": "defs/test_bulk.py: it works a queue off",
    "ispmig migrate north spec.yaml --parts 4 --processes 2":
        "defs/test_steps_apart.py: by other processes",
    "ispmig drop retry acme 17": "drop/test_commands.py: it needs a drop that failed",
    "ispmig migrate copy spec.yaml": "defs/test_tenant_export.py: from a bucket",
    "ispmig platform version": "test_deployment_commands.py: of a platform, not of a tenant",
    "ispmig platform upgrade": "test_deployment_commands.py: likewise",
    "ispmig platform downgrade 0008": "test_deployment_commands.py: likewise",
    "ispmig exec dagster-daemon run --workspace workspace.yaml":
        "test_deployment_commands.py: it runs until it is stopped",
    "ispmig up --port 3001": "test_up.py: it runs until it is stopped",
    "ispmig backup key recover acme --identity recovery.txt": "test_backup_commands.py: keys lost",
    "ispmig restore acme --at 2026-11-22T10:31:07Z": "backup/journal/: a moment of a journal",
    "ispmig restore acme --at 2026-11-22T10:31:07Z --entity payment": "backup/journal/: likewise",
    "ispmig restore acme --snapshot latest": "backup/restore/test_commands.py: as with its name",
    "ispmig restore acme --snapshot latest --into acme_test --files-to /srv/test/acme":
        "backup/restore/test_files.py: a folder elsewhere",
}  # fmt: skip
"""Where commands are run that need another world."""


def test_where_else_commands_are_run_is_there() -> None:
    for reason in ELSEWHERE.values():
        assert (Path(__file__).parent / reason.partition(":")[0]).exists(), reason


SNAPSHOT = "20261122T103107.123456Z-5f0c9a1e"
OF_OTHER_TESTS = {"README.md", "first-migration.md", "extending.md"}


PLAN = """  plan:
    from: tariffs
    fields: {plan_code: invoice_number, name: invoice_number}
"""


def said(line: str) -> str:
    """A line without its comment, as it is told apart from others."""
    return " ".join(line.partition("  #")[0].partition(" # ")[0].split())


def test_every_command_of_the_pages_is_run_or_has_a_reason() -> None:
    shown = {said(x) for page in PAGES if page.name not in OF_OTHER_TESTS
             for x in shown_commands(page)}  # fmt: skip
    lived = {said(line) for line in LIFE.splitlines() if line and not line.startswith("+")}
    assert shown - lived - ELSEWHERE.keys() == set(), "run these, or say why not"
    assert (lived | ELSEWHERE.keys()) - shown == set(), "no page shows these any more"


@pytest.fixture
def world(
    ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the files that the commands speak of."""
    folder = tmp_path_factory.mktemp("life")
    monkeypatch.chdir(folder)
    recovery = pyrage.x25519.Identity.generate()
    monkeypatch.setenv("ISPMIG_BACKUP_RECOVERY", str(recovery.to_public()))
    settings.cache_clear()
    rows = [
        f"{4711 + i};Ann{i};Lee;ann{i}@example.org;{1 + i % 28:02}.11.2020;{i}.50"
        for i in range(40)
    ]
    rows[0] = rows[0].replace("ann0@", "ann@")
    rows[7] = rows[7].replace(".11.2020", ".13.2020")
    head = "Account;First;Last;Mail;Since;Owes"
    (folder / "exports").mkdir()
    Path("exports/subscribers.csv").write_text("\n".join([head, *rows]) + "\n")
    Path("customers.csv").write_text("\n".join([head, *rows]) + "\n")
    Path("more.csv").write_text(f"{head}\n9999;Zoe;Poe;zoe@example.org;01.02.2021;1.00\n")
    Path("invoices.csv").write_text(
        "invoice_number,account_number,issue_date,total\n1,4711,2026-01-02,10.00\n"
    )
    dump = (
        "create table plans (id int, title varchar(20));\ninsert into plans values (1, 'Home');\n"
    )
    Path("dump.sql").write_text(dump)
    Path("dump.sql.gz").write_bytes(gzip.compress(dump.encode()))
    for name, file in (
        ("kept", "exports/subscribers.csv"), ("old", "customers.csv"), ("new", "customers.csv"),
        ("more", "more.csv"), ("billing", "customers.csv"),
    ):  # fmt: skip
        Path(f"{name}.yaml").write_text(
            f"""version: 1
name: {name}
sources:
  subscribers: {{files: {file}}}
{"  tariffs: {files: invoices.csv}" if name == "billing" else ""}
entities:
  customer:
    from: subscribers
    fields:
      account_number: Account
      first_name: First
      last_name: Last
      email: Mail
      signup_date: {{column: Since, date_format: "DD.MM.YYYY"}}
      balance: {{column: Owes, positive_is: {"credit" if name == "new" else "debt"}}}
      currency: {{constant: EUR}}
      status: {{constant: active}}
{PLAN if name == "billing" else ""}"""
        )
    assert CliRunner().invoke(app, ["tenant", "add", "demo"]).exit_code == 0
    return folder


NUMBER = r" (8 7|7|12)(?=( --|$))"
"""Of a migration, in the pages."""


def migrations() -> list[int]:
    """Numbers of acme's migrations that stand, the oldest first."""
    told = json.loads(CliRunner().invoke(app, ["migrations", "acme", "--json"]).stdout)
    return sorted(one["migration_id"] for one in told["migrations"] if one["state"] == "done")


def here(line: str) -> list[str]:
    """The words of a command, with what is called otherwise in this world."""
    if SNAPSHOT in line:
        line = line.replace(SNAPSHOT, open_repository("acme").snapshots()[-1].name)
    if re.search(NUMBER, line):
        *_, before, newest = [0, 0, *migrations()]
        line = re.sub(NUMBER, f" {newest} {before}" if " 8 7" in line else f" {newest}", line)
    line = line.replace("exports/*.csv", "exports/subscribers.csv")
    if line.startswith("ispmig suggest"):
        # Suggested specs ask questions; what goes on is one that somebody has answered.
        line = line.replace("-o spec.yaml", "-o suggested.yaml") + " --force"
    return shlex.split(line.partition(" > ")[0], comments=True)[1:]


@pytest.mark.slow
def test_a_tenants_life_by_the_commands_of_the_pages(world: Path) -> None:
    wrong = []
    for line in LIFE.splitlines():
        command = line.removeprefix("+")
        if not command:
            continue
        if command.startswith("ispmig spec check"):
            Path("spec.yaml").write_text(Path("kept.yaml").read_text())
        if command.endswith("--pattern 'customers_*.csv'"):
            kept = Path("kept.yaml").read_text()
            Path("billing.yaml").write_text(kept.replace("name: kept", "name: billing"))
        words = here(command)
        result = CliRunner().invoke(app, words)
        if " > " in command:
            Path(command.rpartition(" ")[2]).write_text(result.stdout)
        if result.exit_code != ENDS.get(said(command), 0):
            wrong.append(
                (command, words, result.exit_code, result.stderr or repr(result.exception))
            )
    assert not wrong
