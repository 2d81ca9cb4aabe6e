"""The journal as commands and the sensor have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from ispmig_pipelines.backup.journal.ship_all import ship_all
from ispmig_pipelines.cli import app
from ispmig_pipelines.defs.change_journals import change_journals
from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.backup.journal.past import Past


def run(*words: str, ends: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == ends, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("ispmig_home")
def test_it_is_switched_on_shipped_shown_and_switched_off() -> None:
    tenants.add(engine(), "acme")
    assert run("tenant", "show", "acme")["journal"] is False
    assert "--journal on" in json.dumps(run("backup", "journal", "acme", ends=2))
    told = run("tenant", "set", "acme", "--journal", "on")
    assert (told["journal"], told["not_journaled"]) == (True, [])
    assert run("tenant", "show", "acme")["journal"] is True
    assert run("backup", "journal", "acme")["mark"] == 2
    assert run("tenant", "set", "acme", "--journal", "off")["journal"] is False
    assert run("tenant", "set", "acme", "--journal", "perhaps", ends=2)
    with engine().connect() as connection:
        entries = [
            entry.details["journal"]
            for entry in trail.entries(connection, "acme")
            if entry.operation == trail.Operation.TENANT_SETTINGS
        ]
    assert entries == [True, False]


def test_the_sensor_ships_of_every_tenant_what_it_can(past: Past, ispmig_home: Path) -> None:
    for slug in ("beta", "gamma"):
        tenants.add(engine(), slug)
    run("tenant", "set", "beta", "--journal", "on")
    past.driver.execute("insert into t values (1, 'a')")
    (ispmig_home / "keys" / "backup" / "beta.key").write_text("no key")
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance)
        result = change_journals(context)
    assert "Journals of 1 tenants shipped, 1 changes" in result.skip_reason.skip_message
    assert "Not shipped: beta" in result.skip_reason.skip_message


def test_a_round_that_took_too_long_is_gone_on_from(past: Past) -> None:
    tenants.add(engine(), "beta")
    run("tenant", "set", "beta", "--journal", "on")
    times = iter([0.0, 0.0, 9.0])
    found = ship_all(engine(), seconds=5, clock=lambda: next(times))
    assert [one.tenant for one in found.shipped] == ["acme"]
    assert found.next == "beta"
    found = ship_all(engine(), first=found.next, seconds=500)
    assert [one.tenant for one in found.shipped] == ["beta", "acme"]
    assert found.next == ""
