"""The platform's user as the documentation asks for it, with the rights that stand there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import psycopg
import pytest

from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.conftest import in_database
from ispmig_pipelines_tests.corpora import PROJECT


def take(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the platform work with the documented rights and no others: the session becomes that
    role at its start, as if it had logged in."""
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sql rights\n(.*?)```", page, re.DOTALL)
    name = urlsplit(database_url).path[1:]
    role = f"{name}_user"
    with psycopg.connect(database_url, autocommit=True) as admin:
        for statement in block.strip().split(";\n"):
            if not statement.startswith("CREATE DATABASE"):
                statement = statement.replace("ispmig_platform", role).rstrip(";")
                admin.execute(statement.replace("ispmig_data", name))
    joint = "&" if urlsplit(database_url).query else "?"
    url = f"{in_database(database_url, name)}{joint}options=-crole%3D{role}"
    monkeypatch.setenv("ISPMIG_DATABASE_URL", url)
    settings.cache_clear()
