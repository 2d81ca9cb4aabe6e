"""What a transaction of ours may take from a server that others work on: time, memory, patience.

All of it is set for a transaction (``SET LOCAL``) or a session of ours: nothing is set on the
server, for a database or for a role.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from ispmig_pipelines.settings import settings

CLIENT_CHECKED_EVERY = "10s"
"""How often the server looks, in the middle of a statement, whether our process is still there.
Without it a statement whose process was killed goes on to its end, with all its locks."""

KEPT_ALIVE = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}
"""So that the server finds within two minutes that our machine is gone, and not within two hours,
as systems do by themselves. Nothing to a server that is reached by its socket."""


def of_session() -> dict[str, str]:
    """Limits that hold in every session of ours, whatever the server's are: those are made for
    short work, and would end a long COPY or the audit of a large migration."""
    asked = settings()
    return {
        "statement_timeout": _milliseconds(asked.statement_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(asked.idle_timeout),
        **KEPT_ALIVE,
    }


def limit(driver: psycopg.Connection) -> None:
    """Limits the current transaction, as the settings say; see ``docs/production.md``.

    After this a statement that runs for longer than ``ISPMIG_STATEMENT_TIMEOUT``, waits for
    somebody's lock for longer than ``ISPMIG_LOCK_TIMEOUT``, or a transaction in which we do nothing
    for longer than ``ISPMIG_IDLE_TIMEOUT``, is ended by the server. 0 stands for no limit.
    """
    asked = settings()
    values = of_session() | {
        "lock_timeout": _milliseconds(asked.lock_timeout),
        "work_mem": f"{asked.work_memory}MB",
    }
    driver.execute(
        "select " + ", ".join(["pg_catalog.set_config(%s, %s, true)"] * len(values)),
        [part for setting in values.items() for part in setting],
    )
    _watch_client(driver)


def work_memory(driver: psycopg.Connection) -> None:
    """Lets the current transaction sort and hash in ``ISPMIG_WORK_MEMORY``."""
    driver.execute(
        sql.SQL("set local work_mem = {}").format(sql.Literal(f"{settings().work_memory}MB"))
    )


def _watch_client(driver: psycopg.Connection) -> None:
    # Servers on some systems cannot look (Windows), and refuse any value but 0.
    driver.execute("savepoint ispmig_watch")
    try:
        driver.execute(
            "select pg_catalog.set_config('client_connection_check_interval', %s, true)",
            [CLIENT_CHECKED_EVERY],
        )
    except psycopg.DataError:
        driver.execute("rollback to savepoint ispmig_watch")
    driver.execute("release savepoint ispmig_watch")


def wait_for_locks(driver: psycopg.Connection, seconds: float) -> None:
    """Lets statements of the current transaction wait so long for somebody's lock."""
    # 0 would be for ever.
    driver.execute(
        sql.SQL("set local lock_timeout = {}").format(
            sql.Literal(f"{max(1, round(seconds * 1000))}ms")
        )
    )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
