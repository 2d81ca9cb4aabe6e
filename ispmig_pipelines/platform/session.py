"""A connection of ours to PostgreSQL: psycopg's, and what is to be done once it has committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

CANCEL_SECONDS = 5.0
"""How long to wait for the server to give up a statement whose process is being stopped."""


class Session(psycopg.Connection):
    """A connection that remembers what waits for its commit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[str, Callable[[Session], None]] = {}

    def when_committed(self, name: str, do: Callable[[Session], None]) -> None:
        """Lets ``do`` be done when the transaction has been committed; after a rollback it is
        forgotten.

        It runs outside the transaction, cannot undo it any more, and must not raise. A savepoint
        that is rolled back is not noticed: it looks itself whether what it is about is there.

        Args:
            name: what is said again under the same name replaces what was said before.
        """
        self._waiting[name] = do

    def commit(self) -> None:
        super().commit()
        waiting, self._waiting = self._waiting, {}
        for do in waiting.values():
            do(self)

    def rollback(self) -> None:
        self._waiting = {}
        super().rollback()

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """As psycopg does it; a statement is cancelled in the server whatever stops us.

        psycopg does so for Ctrl-C only, and Dagster stops a run by an interruption of its own:
        the server would work on, and keep its locks, until it has something to answer.
        """
        try:
            return super().wait(gen, *args, **kwargs)
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self._give_up(gen)
            raise

    def _give_up(self, gen: Any) -> None:
        try:
            self.cancel_safe(timeout=CANCEL_SECONDS)
            super().wait(gen, timeout=CANCEL_SECONDS)
        except psycopg.errors.QueryCanceled:
            pass
        except BaseException:
            # Nobody knows what the server is at: without a connection it rolls back.
            self.pgconn.finish()
            raise
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.pgconn.finish()
