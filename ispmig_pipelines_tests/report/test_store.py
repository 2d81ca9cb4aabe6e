"""Where reports of migrations lie, who may read them, and that they stay."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ispmig_pipelines.keyring import SigningKey
from ispmig_pipelines.preview import store as previews
from ispmig_pipelines.report import store
from ispmig_pipelines.report.canonical import from_json
from ispmig_pipelines.report.signed import signed
from ispmig_pipelines_tests.report.entries import report

MADE = signed(report(), SigningKey(Ed25519PrivateKey.generate()))


def test_only_its_owner_may_read_it_and_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        found = store.keep(tmp_path / "reports", report(), MADE)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(p.stat().st_mode) for p in found.values()} == {0o600}
    assert stat.S_IMODE((tmp_path / "reports/acme").stat().st_mode) == 0o700
    assert from_json(found["json"].read_bytes()) == report()
    assert found["json"].read_text(encoding="utf-8") == MADE.json
    assert found["html"].read_text(encoding="utf-8") == MADE.html


def test_it_stays_when_reports_of_dry_runs_go(tmp_path: Path) -> None:
    found = store.keep(tmp_path, report(), MADE)
    old = time.time() - previews.EXPIRES_AFTER.total_seconds() - 60
    for path in found.values():
        os.utime(path, (old, old))
    assert previews.remove_expired(tmp_path, "acme") == []
    assert all(path.exists() for path in found.values())
