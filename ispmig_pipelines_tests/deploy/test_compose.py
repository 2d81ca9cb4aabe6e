"""The compose file is one, and what is in it is kept as short as it can be."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ispmig_pipelines.settings import Settings
from ispmig_pipelines_tests.deploy.files import DEPLOY, block, compose, project_instance, text

SERVICES = compose()["services"]
OURS = {n: s for n, s in SERVICES.items() if s["image"].startswith("ispmig-")}
SERVERS = {n: s for n, s in SERVICES.items() if n not in OURS}
MEASURED_MB = 530
"""The most memory of a migration; see ``docs/production.md``."""


def specification() -> dict[str, Any]:
    """The Compose specification's schema, as the package check-jsonschema ships it."""
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema, which ships the schema, is not installed (make setup does)")
    file = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    return json.loads(file.read_text(encoding="utf-8"))


def test_it_is_what_the_specification_says() -> None:
    schema = specification()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    assert [error.message for error in kind(schema).iter_errors(compose())] == []


@pytest.mark.parametrize(
    ("service", "wrong"),
    [("code", {"helthcheck": {}}), ("ui", {"read_only": ["quite"]}), ("db", {"tmpfs": 3}),
     ("daemon", {"depends_on": {"code": {"condition": "service_alive"}}})],
)  # fmt: skip
def test_the_specification_would_find_a_mistake(service: str, wrong: dict[str, Any]) -> None:
    schema, project = specification(), compose()
    project["services"][service] |= wrong
    assert list(jsonschema.validators.validator_for(schema)(schema).iter_errors(project))


def test_everything_is_there() -> None:
    assert set(OURS) == {"upgrade", "code", "ui", "daemon"}
    assert set(SERVERS) == {"db", "s3", "buckets"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_nothing_that_it_need_not(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["tmpfs"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode"} & set(service)
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits)
    assert service["logging"]["options"]["max-size"]
    if name not in ("s3", "buckets"):  # these images own their volumes as root
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_of_one_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert tag
    assert "latest" not in tag
    # No host before the name: a cluster's owner says where images come from.
    assert "." not in image.split("/")[0]


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_goes_on_says_whether_it_is_well_and_is_started_anew(name: str) -> None:
    service = SERVICES[name]
    once = name in ("upgrade", "buckets")
    assert ("healthcheck" in service) is not once
    assert service["restart"] == ("on-failure:5" if once else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_it_waits_for_what_can_come_about(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[other]["restart"].startswith("on-failure")
        expected = "service_completed_successfully" if ends else "service_healthy"
        assert how["condition"] == expected, (name, other)


def awaited(name: str) -> set[str]:
    direct = set(SERVICES[name].get("depends_on", {}))
    return direct.union(*(awaited(other) for other in direct))


def test_nothing_of_ours_starts_before_the_tables_are_there() -> None:
    for name in ("code", "ui", "daemon"):
        assert {"db", "upgrade", "s3", "buckets"} <= awaited(name)
        assert name not in awaited(name)


def test_nothing_is_named_that_is_not_there_nor_there_and_not_named() -> None:
    project = compose()
    for kind in ("secrets", "configs"):
        used = {
            one if isinstance(one, str) else one["source"]
            for service in SERVICES.values()
            for one in service.get(kind, [])
        }
        assert used == set(project[kind])
    mounted = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])}
    assert {v for v in mounted if not v.startswith("./")} == set(project["volumes"])
    assert {n for s in SERVICES.values() for n in s["networks"]} == set(project["networks"])
    files = [v for v in mounted if v.startswith("./")]
    files += [one["file"] for one in project["configs"].values()]
    assert all((DEPLOY / file).is_file() for file in files), files


def test_secrets_are_files_and_the_runbook_makes_each_of_them() -> None:
    made = set(re.findall(r"secrets/(\w+)", block("sh secrets")))
    for name, secret in compose()["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert name in made
        if name.startswith("ispmig_"):
            assert name.removeprefix("ispmig_") in Settings.model_fields
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            assert not re.search(r"://[^/\s]*:[^/\s]*@", str(value)), variable
            if re.search("PASSWORD|SECRET|KEY|TOKEN|CREDENTIALS", variable):
                at = str(value).startswith("/run/secrets")
                assert at or variable == "ISPMIG_BACKUP_RECOVERY", variable


def test_only_the_ui_is_reached_from_outside_and_only_on_this_machine() -> None:
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert published == {"ui": ["127.0.0.1:${UI_PORT:-3000}:3000"]}
    assert compose()["networks"]["inside"] == {"internal": True}
    for name in ("db", "s3", "buckets"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_all_of_ours_share_the_volume_and_the_settings() -> None:
    for service in OURS.values():
        assert service["volumes"] == OURS["code"]["volumes"]
        assert service["environment"] == OURS["code"]["environment"]
        assert {"dagster"} <= {one["source"] for one in service["configs"]}
    (volume,) = OURS["code"]["volumes"]
    assert volume.split(":")[1] == OURS["code"]["environment"]["ISPMIG_HOME"]


def test_the_code_location_has_memory_for_as_many_runs_as_are_let_in() -> None:
    limit = OURS["code"]["deploy"]["resources"]["limits"]["memory"]
    runs = project_instance()["concurrency"]["runs"]["max_concurrent_runs"]
    assert int(limit.removesuffix("g")) * 1024 >= (runs + 2) * MEASURED_MB


def test_the_database_lets_in_as_many_connections_as_all_of_it_asks_for() -> None:
    (found,) = re.findall(r"max_connections=(\d+)", " ".join(SERVERS["db"]["command"]))
    runs = project_instance()["concurrency"]["runs"]["max_concurrent_runs"]
    assert int(found) >= 5 * runs + 10 + 20


def test_the_buckets_that_the_settings_name_are_made() -> None:
    environment = OURS["code"]["environment"]
    named = {v.split("/")[2] for v in environment.values() if str(v).startswith("s3://")}
    named.add(environment["DAGSTER_LOGS_BUCKET"])
    assert set(re.findall(r"store/([\w-]+)", text("buckets.sh"))) == named


def test_no_container_is_called_as_another() -> None:
    """A run says which machine it is in; two of one name would be taken for one."""
    assert not any("hostname" in service for service in OURS.values())


def test_files_that_are_run_can_be_run() -> None:
    for name in ("database.sh", "buckets.sh", "bin/dagster-webserver"):
        assert (DEPLOY / name).stat().st_mode & 0o111 == 0o111, name
        assert Path(DEPLOY / name).read_text().startswith("#!/bin/sh\n")
