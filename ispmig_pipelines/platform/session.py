"""A connection of ours to PostgreSQL: psycopg's, and what is to be done once it has committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg


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
