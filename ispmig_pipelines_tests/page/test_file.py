"""Pages as files: theirs alone who asked for them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.page.file import check_place, publish


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_page_replaces_a_file_and_its_readers(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("before")
    target.chmod(0o644)
    check_place(target)
    publish(target, "after")
    assert (target.read_text(), mode(target)) == ("after", 0o600)


def test_a_place_that_cannot_be_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        check_place(tmp_path / "nowhere/page.html")
    with pytest.raises(UsageError, match="is no file"):
        check_place(tmp_path)
