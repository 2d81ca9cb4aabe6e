"""Dagster's storage in PostgreSQL, over connections that are kept from one event to the next."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config

IDLE_CONNECTIONS = 1
"""So many a process keeps; threads that write at the same time get more, and give them back."""

LIFE_SECONDS = 1800
"""An older connection is not used again: firewalls forget what lies still."""


class InstanceStorage(DagsterPostgresStorage):
    """What ``storage: postgres`` of a ``dagster.yaml`` is, but for how it comes by connections.

    Dagster's own opens one for each event it writes, which is a quarter of a small migration's
    time, and a new process of the server each time. Here the three parts of the storage share one
    pool. A kept connection is tried before it is used, so that a server which was started anew
    meanwhile fails nobody. The tables are not looked for either: ``prepare`` of
    ``defs/instance.py`` has made them.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False, inst_data=inst_data)
        pooled = sa.create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=IDLE_CONNECTIONS,
            max_overflow=-1,
            pool_pre_ping=True,
            pool_recycle=LIFE_SECONDS,
        )
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = pooled

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "InstanceStorage":
        """Takes what ``storage: postgres`` takes."""
        return cls(pg_url_from_config(config_value), inst_data)
