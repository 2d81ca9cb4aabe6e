"""Work on a batch in threads of its own, while its neighbours are read and written.

Most of what is done with a batch is done by Arrow, which lets go of the interpreter meanwhile.
Results come in order, whichever thread was quicker.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 2
"""Each holds a batch and what becomes of it in memory: some 40 MB of 50,000 records."""


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """``work(item)`` of each item, in their order, up to ``threads`` of them at a time.

    Items are taken by the caller's thread, as many ahead as there are threads. What ``work``
    raises is raised where its result would have come.

    Args:
        threads: 1 for work that nobody may do twice at once; as many as there are processors, but
            no more than :data:`THREADS`, unless said.
    """
    threads = min(THREADS, os.cpu_count() or 1) if threads is None else threads
    if threads == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="batch") as pool:
        due: deque[Future[Result]] = deque()
        try:
            for item in items:
                due.append(pool.submit(work, item))
                if len(due) >= threads:
                    yield due.popleft().result()
            while due:
                yield due.popleft().result()
        finally:
            for one in due:
                one.cancel()


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items, each taken in another thread while the one before it is worked on."""
    end = object()

    def following() -> Item | object:
        return next(items, end)

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        due = pool.submit(following)
        while (item := due.result()) is not end:
            due = pool.submit(following)
            yield item  # type: ignore[misc]
