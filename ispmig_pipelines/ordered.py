"""Work done in threads beside the one that wants its results, which come in order.

Most of what is done with a batch is done by Arrow, or by other code in C, which lets go of the
interpreter meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], most: int
) -> Iterator[Result]:
    """``work(item)`` of each item, in their order, whichever thread of the pool was quicker.

    Items are taken by the caller's thread. What ``work`` raises is raised where its result would
    have come; what nobody waits for any more is not begun.

    Args:
        most: results that are waited for or held at once, so that memory stays the same.
    """
    due: deque[Future[Result]] = deque()
    try:
        for item in items:
            due.append(pool.submit(work, item))
            if len(due) >= most:
                yield due.popleft().result()
        while due:
            yield due.popleft().result()
    finally:
        for one in due:
            one.cancel()


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, *, held: int = 0
) -> Iterator[Result]:
    """The same by so many threads of its own; by none where one is as good.

    Args:
        held: results that are held beside those that are worked on.
    """
    if threads + held <= 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="ispmig-ordered") as pool:
        yield from in_order(pool, work, items, threads + held)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items, each taken in another thread while the one before it is worked on."""
    end = object()

    def following() -> Item | object:
        return next(items, end)

    with ThreadPoolExecutor(1, thread_name_prefix="ispmig-ahead") as pool:
        due = pool.submit(following)
        while (item := due.result()) is not end:
            due = pool.submit(following)
            yield item  # type: ignore[misc]
