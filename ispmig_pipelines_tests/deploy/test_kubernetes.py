"""The Kubernetes values: what the chart takes, what Kubernetes takes, and what comes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config_schema

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs import run_resources
from ispmig_pipelines.defs.instance import SCHEMA
from ispmig_pipelines.defs.launch import _origin
from ispmig_pipelines_tests.deploy import chart
from ispmig_pipelines_tests.deploy.files import (
    RUNBOOK,
    loaded,
    manifest,
    manifests,
    pins,
    project_instance,
    text,
    values,
)

CHART = json.loads((Path(__file__).parent / "dagster_chart.schema.json").read_text())
POD = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001}
CONTAINER = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}


def problems(found: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(CHART).iter_errors(found)]


def ours() -> dict[str, dict[str, Any]]:
    """What of the values becomes a pod of ours that stays."""
    found = values()
    (code,) = found["dagster-user-deployments"]["deployments"]
    return {"code": code, "ui": found["dagsterWebserver"], "daemon": found["dagsterDaemon"]}


def test_the_chart_knows_every_value() -> None:
    jsonschema.Draft7Validator.check_schema(CHART)
    assert problems(values()) == []


@pytest.mark.parametrize(
    "path",
    [("dagsterWebserver", "readOnly"), ("runLauncher", "config", "k8sRunLauncher", "nodeSelector"),
     ("dagsterDaemon", "runMonitoring", "enable"), ("retentions",)],
)  # fmt: skip
def test_a_value_that_the_chart_overlooks_is_found(path: tuple[str, ...]) -> None:
    found = place = values()
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = True
    assert problems(found)


def test_the_chart_makes_of_them_an_instance_that_dagster_can_read() -> None:
    made = chart.instance_of(values())
    kind = resolve_to_config_type(dagster_instance_config_schema())
    processed = process_config(kind, made)
    assert processed.success, processed.errors


def test_it_is_the_projects_instance_but_for_where_things_are_kept() -> None:
    made, project = chart.instance_of(values()), project_instance()
    assert made["concurrency"] == project["concurrency"]
    assert made["run_coordinator"] == project["run_coordinator"]
    assert made["run_retries"] == project["run_retries"]
    for ticking in ("schedule", "sensor"):
        kept = project["retention"][ticking]["purge_after_days"]
        assert kept.items() <= made["retention"][ticking]["purge_after_days"].items()
    assert made["telemetry"] == project["telemetry"]
    assert made["nux"] == project["nux"]
    waited = {"start_timeout_seconds", "poll_interval_seconds"}  # pods take their time
    for key, value in project["run_monitoring"].items():
        assert key in waited or made["run_monitoring"][key] == value
    # What the production's own file says of logs and files, but for names.
    production = loaded("dagster.yaml")
    logs, theirs = made["compute_logs"]["config"], production["compute_logs"]["config"]
    assert {k: v for k, v in theirs.items() if k != "bucket"}.items() <= logs.items()
    assert set(made) >= set(production) - {"storage"}


def test_dagsters_tables_are_where_the_upgrade_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_postgres.utils import pg_url_from_config

    config = chart.instance_of(values())["run_storage"]["config"]["postgres_db"]
    url = pg_url_from_config({"postgres_db": config | {"password": "pa:ss"}})
    assert url.startswith("postgresql+psycopg2://ispmig_platform:pa%3Ass@")
    assert url.endswith(f"/ispmig_data?options=-csearch_path%3D{SCHEMA}")


def test_runs_of_commands_find_the_code_location() -> None:
    """They are put into the queue by its name."""
    (server,) = values()["dagsterWebserver"]["workspace"]["servers"]
    code = ours()["code"]
    assert server["name"] == _origin("janitor").repository_origin.code_location_origin.location_name
    assert (server["host"], server["port"]) == (code["name"], code["port"])
    (grpc,) = loaded("workspace.yaml")["load_from"]
    assert grpc["grpc_server"]["location_name"] == server["name"]


@pytest.mark.parametrize("name", ["code", "ui", "daemon"])
def test_a_pod_may_do_nothing_that_it_need_not(name: str) -> None:
    pod = ours()[name]
    assert POD.items() <= pod["podSecurityContext"].items()
    assert pod["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (CONTAINER | POD).items() <= pod["securityContext"].items()
    assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in pod["resources"]["limits"]
    assert {"cpu", "memory"} <= set(pod["resources"]["requests"])
    assert pod["livenessProbe"]
    places = {mount["mountPath"]: mount["name"] for mount in pod["volumeMounts"]}
    assert set(places) == {"/var/lib/ispmig", "/tmp"}  # noqa: S108
    assert set(places.values()) == {volume["name"] for volume in pod["volumes"]}


def test_settings_and_secrets_reach_every_process() -> None:
    launcher = values()["runLauncher"]["config"]["k8sRunLauncher"]
    (upgrade,) = manifest("Job")["spec"]["template"]["spec"]["containers"]
    held = {next(iter(one)): one for one in upgrade["envFrom"]}
    assert held["configMapRef"]["configMapRef"]["name"] == manifest("ConfigMap")["metadata"]["name"]
    for pod in (*ours().values(), launcher):
        assert pod["envConfigMaps"] == [{"name": manifest("ConfigMap")["metadata"]["name"]}]
        assert pod["envSecrets"] == [{"name": held["secretRef"]["secretRef"]["name"]}]
        claims = [
            v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if v["name"] != "tmp"
        ]
        assert claims == [manifest("PersistentVolumeClaim")["metadata"]["name"]]
    for name in ("ispmig-secrets", "ispmig-postgresql"):
        assert f"create secret generic {name}" in RUNBOOK
    assert values()["global"]["postgresqlSecretName"] == "ispmig-postgresql"
    assert not [one for one in manifests() if one["kind"] == "Secret"]
    assert values()["postgresql"]["postgresqlPassword"] == ""


def test_chart_and_images_are_of_the_pinned_versions() -> None:
    version = pins()["dagster"]
    for place in (text("kubernetes/values.yaml"), RUNBOOK):
        assert f"--version {version} " in place
    images = {pod["image"]["repository"]: pod["image"]["tag"] for pod in ours().values()}
    (upgrade,) = manifest("Job")["spec"]["template"]["spec"]["containers"]
    assert upgrade["image"] == f"ispmig-code:{images['ispmig-code']}"
    launcher = values()["runLauncher"]["config"]["k8sRunLauncher"]
    assert launcher["image"]["tag"] == images["ispmig-code"] == images["ispmig-dagster"]
    (release,) = [line for line in RUNBOOK.splitlines() if line.startswith("RELEASE=")]
    assert release == f"RELEASE={images['ispmig-code']}"


# Against Kubernetes' own models

MODELS = {
    "podSecurityContext": "V1PodSecurityContext",
    "securityContext": "V1SecurityContext",
    "resources": "V1ResourceRequirements",
}


def model(kind: str, found: dict[str, Any]) -> Any:
    models = pytest.importorskip("dagster_k8s.models", reason="dagster-k8s is not installed")
    client = pytest.importorskip("kubernetes.client")
    return models.k8s_model_from_dict(getattr(client, kind), found)


def snake_cased(kind: str, found: dict[str, Any]) -> Any:
    """As a model of Kubernetes, from the keys of its own YAML; refuses keys that there are not."""
    models = pytest.importorskip("dagster_k8s.models", reason="dagster-k8s is not installed")
    client = pytest.importorskip("kubernetes.client")
    return models.k8s_snake_case_dict(getattr(client, kind), found)


@pytest.mark.parametrize("name", ["code", "ui", "daemon"])
def test_kubernetes_knows_what_the_chart_hands_on_to_it(name: str) -> None:
    pod = ours()[name]
    for key, kind in MODELS.items():
        snake_cased(kind, pod[key])
    for key in ("readinessProbe", "livenessProbe"):
        probe = {k: v for k, v in pod.get(key, {}).items() if k != "enabled"}
        snake_cased("V1Probe", probe)
    for volume in pod["volumes"]:
        snake_cased("V1Volume", volume)
    for mount in pod["volumeMounts"]:
        snake_cased("V1VolumeMount", mount)


@pytest.mark.parametrize(
    ("kind", "of"),
    [("Namespace", "V1Namespace"), ("PersistentVolumeClaim", "V1PersistentVolumeClaim"),
     ("ConfigMap", "V1ConfigMap"), ("Job", "V1Job")],
)  # fmt: skip
def test_kubernetes_knows_what_comes_beside_the_chart(kind: str, of: str) -> None:
    found = manifest(kind)
    snake_cased(of, found)
    assert kind == "Namespace" or found["metadata"]["namespace"] == "ispmig"
    broken = found | {"speck": {}}
    with pytest.raises(Exception, match="speck"):
        snake_cased(of, broken)


def test_the_job_that_prepares_the_database_may_do_no_more_than_the_others() -> None:
    spec = manifest("Job")["spec"]["template"]["spec"]
    assert POD.items() <= spec["securityContext"].items()
    (container,) = spec["containers"]
    assert CONTAINER.items() <= container["securityContext"].items()
    assert container["command"] == ["ispmig", "platform", "upgrade"]


# Runs


def job_tags() -> dict[str, dict[str, Any]]:
    repository = defs.get_repository_def()
    named = {job.name for job in defs.jobs or ()}
    return {name: json.loads(repository.get_job(name).tags[run_resources.KUBERNETES_TAG])
            for name in named}  # fmt: skip


def test_every_job_says_what_its_runs_ask_for_and_the_runbook_has_it() -> None:
    words = {
        run_resources.HEAVY: "1 core, 1 GiB | 2 GiB",
        run_resources.MODERATE: "½ core, 512 MiB | 1.5 GiB",
        run_resources.LIGHT: "1/10 core, 384 MiB | 1 GiB",
    }
    tags = job_tags()
    assert set(tags) == {job.name for job in defs.jobs or ()}
    for size, told in words.items():
        (line,) = [line for line in RUNBOOK.splitlines() if line.endswith(f"| {told} |")]
        asked = json.loads(size.tags[run_resources.KUBERNETES_TAG])
        for name in [name for name, found in tags.items() if found == asked]:
            assert f"`{name}`" in line, name
            tags.pop(name)
    assert tags == {}


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
"""
"""Of a cluster that nobody asks."""


def test_a_run_becomes_a_job_of_kubernetes_with_one_of_each_and_its_own_resources(
    tmp_path: Path,
) -> None:
    """By the very code that the launcher runs, but for asking the cluster."""
    pytest.importorskip("dagster_k8s", reason="dagster-k8s is not installed")
    from dagster._serdes import ConfigurableClassData
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import construct_dagster_k8s_job, get_user_defined_k8s_config

    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    config = chart.launcher_of(values())
    processed = process_config(resolve_to_config_type(K8sRunLauncher.config_type()), config)
    assert processed.success, processed.errors
    assert ConfigurableClassData("dagster_k8s", "K8sRunLauncher", json.dumps(config))
    of_launcher = K8sContainerContext(
        image_pull_policy=config["image_pull_policy"],
        env_config_maps=config["env_config_maps"], env_secrets=config["env_secrets"],
        volume_mounts=config["volume_mounts"], volumes=config["volumes"],
        labels=config["labels"], namespace=config["job_namespace"], resources=config["resources"],
        security_context=config["security_context"],
        run_k8s_config=get_user_defined_k8s_config(
            {run_resources.KUBERNETES_TAG: json.dumps(config["run_k8s_config"])}
        ),
    )  # fmt: skip
    of_code = K8sContainerContext.create_from_config(chart.container_context(values()))
    tags = {run_resources.KUBERNETES_TAG: json.dumps(job_tags()["janitor"])}
    of_run = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(tags))
    context = of_launcher.merge(of_code).merge(of_run)
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config(
            "ispmig-code:0.1.0",
            K8sRunLauncher(
                service_account_name="dagster", instance_config_map=chart.INSTANCE,
                postgres_password_secret=config["postgres_password_secret"],
                dagster_home=config["dagster_home"], load_incluster_config=False,
                kubeconfig_file=str(tmp_path / "kubeconfig"),
                k8s_client_batch_api=object(), k8s_client_core_api=object(),
            ),
        ),
        ["dagster", "api", "execute_run"], "dagster-run-1",
        user_defined_k8s_config=context.run_k8s_config,
    ).to_dict()  # fmt: skip
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    names = [volume["name"] for volume in pod["volumes"]]
    assert sorted(names) == ["home", "tmp"]
    mounts = [mount["mount_path"] for mount in container["volume_mounts"]]
    assert sorted(mounts) == ["/tmp", "/var/lib/ispmig"]  # noqa: S108
    assert container["resources"]["limits"] == {"memory": "1024Mi"}
    assert container["security_context"]["read_only_root_filesystem"] is True
    assert pod["security_context"]["run_as_user"] == 10001
    assert job["spec"]["ttl_seconds_after_finished"] == 86400
    assert job["spec"]["backoff_limit"] == 0
    sources = [(s["config_map_ref"] or s["secret_ref"])["name"] for s in container["env_from"]]
    assert sources == ["ispmig-settings", "ispmig-secrets"]
