"""Work beside other work: in order, not too far ahead, and stopped with its caller."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ispmig_pipelines.ordered import ahead, in_threads


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_items_whichever_is_done_first(threads: int) -> None:
    second_done = threading.Event()

    def work(item: int) -> int:
        if item == 0 and threads > 1:
            assert second_done.wait(10)
        if item == 1:
            second_done.set()
        return item * item

    assert list(in_threads(work, range(20), threads)) == [n * n for n in range(20)]


def test_no_more_items_are_taken_than_there_are_threads() -> None:
    taken = []

    def items() -> Iterator[int]:
        for n in range(10):
            taken.append(n)
            yield n

    results = in_threads(str, items(), 2)
    assert next(results) == "0"
    assert taken == [0, 1]
    assert next(results) == "1"
    assert taken == [0, 1, 2]
    results.close()


def test_an_error_is_raised_where_its_result_would_have_come() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    results = in_threads(work, range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_no_thread_is_left_when_the_caller_stops() -> None:
    before = threading.active_count()
    results = in_threads(str, range(100), 2)
    next(results)
    results.close()
    items = ahead(iter(range(100)))
    next(items)
    items.close()
    assert threading.active_count() == before


def test_items_taken_ahead_are_the_same_and_so_is_what_ends_them() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise OSError("gone")

    taken = ahead(items())
    assert [next(taken) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(OSError, match="gone"):
        next(taken)
    assert list(ahead(iter(()))) == []
