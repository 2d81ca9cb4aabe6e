"""Real data by others, read in place; see ``INDEX.md`` beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def corpus(name: str) -> Path:
    """The folder (or file) ``name`` of the corpora; skips the test where it is absent.

    ``ISPMIG_CORPORA`` names their folder, by default ``../shared/data`` beside the project.
    """
    path = Path(os.environ.get("ISPMIG_CORPORA", PROJECT.parent / "shared" / "data")) / name
    if not path.exists():
        pytest.skip(f"the corpus {name} is not on this machine (ISPMIG_CORPORA names its folder)")
    return path
