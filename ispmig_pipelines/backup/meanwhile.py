"""What the server answers while its connection has nothing else to do, and we have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from ispmig_pipelines.platform.session import CANCEL_SECONDS

Answer = TypeVar("Answer")


@contextmanager
def meanwhile(
    driver: psycopg.Connection, question: Callable[[], Answer]
) -> Iterator[Future[Answer]]:
    """Lets a question be answered over a connection that the block does not use, or only once it
    has the answer. When the block ends, so has the answer; if it fails, that is not waited for."""
    with ThreadPoolExecutor(1, thread_name_prefix="ispmig-meanwhile") as pool:
        answer = pool.submit(question)
        try:
            yield answer
        except BaseException:
            if not answer.done():
                driver.cancel_safe(timeout=CANCEL_SECONDS)
            raise
