"""What a run asks of a Kubernetes cluster, where it is a job of its own there.

The tag is read by the launcher of ``dagster-k8s`` alone; everywhere else it says nothing. Memory is
limited, because a run that takes more than it should is better ended than its neighbours; CPU is
asked for and not limited, because a run that may use what lies idle is done the sooner.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

KUBERNETES_TAG = "dagster-k8s/config"


@dataclass(frozen=True)
class RunResources:
    """What a run is given.

    Attributes:
        cpu: what it asks for, in thousandths of a core.
        memory: what it asks for, in MiB.
        most_memory: what it is ended for exceeding, in MiB.
    """

    cpu: int
    memory: int
    most_memory: int

    @property
    def tags(self) -> Mapping[str, str]:
        """The tag of a job whose runs are given this."""
        resources = {
            "requests": {"cpu": f"{self.cpu}m", "memory": f"{self.memory}Mi"},
            "limits": {"memory": f"{self.most_memory}Mi"},
        }
        return {KUBERNETES_TAG: json.dumps({"container_config": {"resources": resources}})}


HEAVY = RunResources(cpu=1000, memory=1024, most_memory=2048)
"""Migrations, restores, drills: 480 to 530 MB were measured at their height (docs/production.md),
and packed spreadsheets are held in memory up to ``ISPMIG_MAX_HELD_BYTES``."""

MODERATE = RunResources(cpu=500, memory=512, most_memory=1536)
"""Backups, exports, rollbacks: 283 to 329 MB were measured (docs/backup.md)."""

LIGHT = RunResources(cpu=100, memory=384, most_memory=1024)
"""What only looks and clears away: the program itself needs 180 MB."""
