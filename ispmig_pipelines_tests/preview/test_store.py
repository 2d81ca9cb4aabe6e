"""Where reports lie, who may read them, and for how long."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.preview import store
from ispmig_pipelines_tests.preview.reports import report


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_report_is_read_back_as_it_was(tmp_path: Path) -> None:
    store.keep(tmp_path / "reports", report())
    assert store.read(tmp_path / "reports", "acme", 7) == report()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        found = store.keep(tmp_path / "reports", report())
    finally:
        os.umask(before)
    assert {mode(path) for path in found.values()} == {0o600}
    assert mode(tmp_path / "reports") == mode(tmp_path / "reports/acme") == 0o700
    assert sorted(p.name for p in (tmp_path / "reports/acme").iterdir()) == ["7.html", "7.json"]


def test_old_reports_go(tmp_path: Path) -> None:
    old = time.time() - store.EXPIRES_AFTER.total_seconds() - 60
    for migration in (1, 2):
        store.keep(tmp_path, report(migration_id=migration))
    for path in store.paths(tmp_path, "acme", 1).values():
        os.utime(path, (old, old))
    (tmp_path / "acme/notes.txt").write_text("mine")
    os.utime(tmp_path / "acme/notes.txt", (old, old))
    assert store.remove_expired(tmp_path, "acme") == [1]
    assert store.remove_expired(tmp_path, "acme") == []
    assert store.remove_expired(tmp_path, "nobody") == []
    assert sorted(p.name for p in (tmp_path / "acme").iterdir()) == [
        "2.html", "2.json", "notes.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [None, "", "{}", '{"tenant": 1}'])
def test_a_report_that_is_gone_or_broken_is_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "acme").mkdir()
        (tmp_path / "acme/7.json").write_text(content)
    with pytest.raises(StorageError, match="The report of migration 7 of tenant acme"):
        store.read(tmp_path, "acme", 7)
