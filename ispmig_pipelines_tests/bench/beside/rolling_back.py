"""Rolls the newest migration of the benchmark's tenant back, in a process of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Any

from ispmig_pipelines_tests.bench.beside.memory import peak_mb
from ispmig_pipelines_tests.bench.migrating import TENANT, Watch


def main() -> None:
    from ispmig_pipelines import rolling_back
    from ispmig_pipelines.platform import ledger
    from ispmig_pipelines.platform.server import engine

    import_module("ispmig_pipelines.definitions")
    watch = Watch(int(sys.argv[1]))
    with engine().connect() as connection:
        newest = max(entry.id for entry in ledger.migrations(connection, TENANT))
        connection.rollback()

        def run() -> Any:
            return rolling_back.roll_back(connection, TENANT, [newest], log_level="WARNING")

        done = watch.timed("rollback", run)()
    (undone,) = done.migrations
    if any(sum(why.values()) for why in undone.kept.values()):
        raise SystemExit("The rollback kept rows, though nobody had changed any.")
    print(json.dumps({**asdict(watch.found["rollback"]), "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
