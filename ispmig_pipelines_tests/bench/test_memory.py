"""How much memory processes are said to have had."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from ispmig_pipelines_tests.bench.beside.memory import OfChildren, descendants, peak_mb

HAS_HAD = "import time; data = bytearray({mb} << 20); del data; print(flush=True); time.sleep({s})"


def test_the_peak_stays_though_the_memory_was_given_back() -> None:
    with OfChildren() as nothing:
        subprocess.run([sys.executable, "-c", ""], check=True)
    with OfChildren() as memory:
        subprocess.run([sys.executable, "-c", HAS_HAD.format(mb=200, s=0.5)], check=True)
    assert 200 < memory.mb < 200 + 60
    assert nothing.mb < 60


def test_those_that_live_at_once_are_added_up() -> None:
    program = (
        "import subprocess, sys; data = bytearray(100 << 20); "
        "subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    )
    with OfChildren() as memory:
        inner = HAS_HAD.format(mb=100, s=0.5)
        subprocess.run([sys.executable, "-c", program, inner], check=True, capture_output=True)
    assert 200 < memory.mb < 200 + 120


@pytest.mark.slow
def test_those_that_live_one_after_another_are_not() -> None:
    with OfChildren() as memory:
        for _ in range(3):
            subprocess.run([sys.executable, "-c", HAS_HAD.format(mb=100, s=0.3)], check=True)
    assert 100 < memory.mb < 200


def test_children_of_children_are_found() -> None:
    program = "import subprocess; subprocess.run(['sleep', '60'])"
    child = subprocess.Popen([sys.executable, "-c", program])
    try:
        found: list[int] = []
        while len(found) < 2 and child.poll() is None:
            found = list(descendants(child.pid))[:1] and [child.pid, *descendants(child.pid)]
            time.sleep(0.02)
        assert child.pid in descendants(os.getpid())
        assert len(found) == 2
    finally:
        for pid in [*descendants(child.pid), child.pid]:
            os.kill(pid, 9)
        child.wait()


def test_a_process_that_is_no_more_has_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert peak_mb(gone.pid) == 0.0
    assert list(descendants(gone.pid)) == []
