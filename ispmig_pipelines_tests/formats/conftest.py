"""What readers and writers of files and databases are held to: on databases of anybody's."""

from __future__ import annotations

import pytest


@pytest.fixture
def ready_database() -> str:
    """A database of somebody else's has nothing of the platform's in it: it begins empty."""
    return "template1"
