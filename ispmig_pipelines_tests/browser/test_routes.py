"""What stands beside the UI at its address: health and metrics."""

from __future__ import annotations

import json

from ispmig_pipelines_tests.browser.house import House, eventually
from ispmig_pipelines_tests.browser.ui import Ui


def test_health_says_that_all_is_well(ui: Ui, house: House) -> None:
    eventually(lambda: house.get("/health")[0] == 200, lambda: str(house.get("/health")))
    ui.open("/health")
    found = json.loads(ui.page.inner_text("body"))
    assert found["healthy"] is True
    assert {name: part["code"] for name, part in found["parts"].items()} == dict.fromkeys(
        ("database", "daemon", "storage", "code_location"), "ok"
    )


def test_metrics_count_what_is_in_the_ledger(house: House) -> None:
    # A browser does not show this type of content; it would save it as a file.
    status, body = house.get("/metrics")
    assert status == 200
    lines = body.decode("utf-8").strip().splitlines()
    assert lines[-1] == "# EOF"
    assert any(line.startswith("ispmig_build_info{") for line in lines)
    heartbeat = [line for line in lines if line.startswith("ispmig_daemon_heartbeat_age_seconds{")]
    assert heartbeat
    tenants = len(house.command("tenant", "list")["tenants"])
    assert f"ispmig_tenants {tenants}" in lines


def test_the_deployment_page_shows_the_code_and_all_daemons_at_work(ui: Ui) -> None:
    ui.area("Deployment", "/deployment")
    ui.page.get_by_text("ispmig_pipelines", exact=True).first.wait_for()
    ui.page.get_by_text("Loaded", exact=True).first.wait_for()
    ui.tab("Daemons")
    ui.page.get_by_text("Run queue", exact=True).first.wait_for()
    assert ui.page.get_by_text("Not running", exact=True).count() == 0
