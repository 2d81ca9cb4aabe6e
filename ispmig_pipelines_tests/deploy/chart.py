"""What Dagster's chart makes of our values, as far as they go: the ``dagster.yaml`` that it mounts,
and what it hands to each run. Written after its templates ``configmap-instance.yaml``,
``_run-launcher.tpl`` and the user deployments' ``_helpers.tpl``."""

from __future__ import annotations

import re
from typing import Any

INSTANCE = "dagster-instance"
"""The ConfigMap of a release called dagster."""


def _snake(key: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower()


def _snaked(found: dict[str, Any]) -> dict[str, Any]:
    return {_snake(key): value for key, value in found.items()}


def instance_of(values: dict[str, Any]) -> dict[str, Any]:
    """The instance's configuration."""
    pg = values["postgresql"]
    storage = {
        "postgres_db": {
            "username": pg["postgresqlUsername"],
            "password": {"env": "DAGSTER_PG_PASSWORD"},
            "hostname": pg["postgresqlHost"],
            "db_name": pg["postgresqlDatabase"],
            "port": pg["service"]["port"],
            "params": pg["postgresqlParams"],
            "scheme": pg["postgresqlScheme"],
        }
    }
    daemon = values["dagsterDaemon"]
    made: dict[str, Any] = {
        "scheduler": {"module": "dagster.core.scheduler", "class": "DagsterDaemonScheduler"},
        "schedule_storage": {
            "module": "dagster_postgres.schedule_storage",
            "class": "PostgresScheduleStorage",
            "config": storage,
        },
        "run_storage": {
            "module": "dagster_postgres.run_storage",
            "class": "PostgresRunStorage",
            "config": storage,
        },
        "event_log_storage": {
            "module": "dagster_postgres.event_log",
            "class": "PostgresEventLogStorage",
            "config": storage,
        },
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": launcher_of(values),
        },
        "run_coordinator": daemon["runCoordinator"]["config"]["customRunCoordinator"],
        "compute_logs": {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": _snaked(values["computeLogManager"]["config"]["s3ComputeLogManager"]),
        },
        "run_monitoring": _snaked(daemon["runMonitoring"]),
        "telemetry": values["telemetry"],
        "retention": {
            kind: {"purge_after_days": values["retention"][key]["purgeAfterDays"]}
            for kind, key in (
                ("schedule", "schedule"),
                ("sensor", "sensor"),
                ("auto_materialize", "autoMaterialize"),
            )
        },
    }
    if daemon["runRetries"]["enabled"]:
        made["run_retries"] = _snaked(daemon["runRetries"])
    further = values["additionalInstanceConfig"]
    # Written below the others: a key that is there twice is no YAML any more.
    assert not set(further) & set(made)
    return made | further


def launcher_of(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the launcher."""
    said = values["runLauncher"]["config"]["k8sRunLauncher"]
    made = {
        "load_incluster_config": said["loadInclusterConfig"],
        "job_namespace": "ispmig",
        "image_pull_policy": said["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": values["global"]["dagsterHome"],
        "instance_config_map": INSTANCE,
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "env_config_maps": [one["name"] for one in said["envConfigMaps"]],
        "env_secrets": [one["name"] for one in said["envSecrets"]],
        "fail_pod_on_run_failure": said["failPodOnRunFailure"],
        **{
            _snake(key): said[key]
            for key in ("volumes", "volumeMounts", "labels", "resources", "securityContext")
        },
        "run_k8s_config": _snaked(said["runK8sConfig"]),
    }
    if not made["fail_pod_on_run_failure"]:
        del made["fail_pod_on_run_failure"]
    if "image" in said:
        made["job_image"] = f"{said['image']['repository']}:{said['image']['tag']}"
    return made


def container_context(values: dict[str, Any]) -> dict[str, Any]:
    """What the code location says of itself, and runs that it starts are given."""
    (said,) = values["dagster-user-deployments"]["deployments"]
    return {
        "k8s": {
            "image_pull_policy": said["image"]["pullPolicy"],
            "env_config_maps": [one["name"] for one in said["envConfigMaps"]],
            "env_secrets": [one["name"] for one in said["envSecrets"]],
            "volumes": said["volumes"],
            "volume_mounts": said["volumeMounts"],
            "resources": said["resources"],
            "security_context": said["securityContext"],
            "namespace": "ispmig",
            "service_account_name": "dagster-user-deployments",
            "run_k8s_config": {"pod_spec_config": {"automount_service_account_token": True}},
        }
    }
