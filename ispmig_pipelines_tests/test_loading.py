"""While modules are loaded nothing is collected; whatever happens, it is afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from ispmig_pipelines.loading import loading


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_in_the_block_and_all_that_is_new_afterwards() -> None:
    with loading():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(kept)
    lost: list[object] = []
    lost.append(lost)
    del lost
    assert gc.collect() >= 1


def test_within_another_block_nothing_changes() -> None:
    with loading():
        with loading():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_has_none_gets_none() -> None:
    gc.disable()
    with loading():
        pass
    assert not gc.isenabled()


def test_what_fails_in_it_leaves_it_on() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
