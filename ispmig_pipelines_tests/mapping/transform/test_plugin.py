"""Functions of one's own: called only where that is allowed, and held to their contract."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.mapping.transform.steps import outcome, plan, text

MODULE = """
import datetime, decimal, sys
import numpy as np
import pandas as pd

number = 7
def upper(s): return s.str.upper()
def lengths(s): return s.str.len()
def booleans(s): return s.notna()
def dates(s): return pd.to_datetime(s).dt.date
def stamps(s): return pd.to_datetime(s)
def decimals(s): return s.map(lambda c: decimal.Decimal("1E+3"), na_action="ignore")
def floats(s): return pd.Series([0.1, 1e22, float("nan")][: len(s)])
def seen(s): return s.map(lambda c: "x", na_action="ignore").fillna("missing")
def in_place(s):
    s.iloc[0] = "changed"
    return s
def fails(s): raise ValueError("cannot do " + s.iloc[0])
def exits(s): sys.exit("cannot do " + s.iloc[0])
def shorter(s): return s.iloc[:-1]
def sorted_(s): return s.sort_values(ascending=False)
def a_list(s): return list(s)
def lists(s): return pd.Series([[1]] * len(s))
def infinite(s): return pd.Series([float("inf")] * len(s))
def none(s): return None
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    (tmp_path / "acme_plugin.py").write_text(MODULE)
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('secret')")
    folder = tmp_path / "acme_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "inner.py").write_text("def same(s): return s")
    monkeypatch.syspath_prepend(tmp_path)

    def allow(modules: str) -> None:
        monkeypatch.setenv("ISPMIG_PLUGINS", modules)
        settings.cache_clear()

    allow("acme_plugin, acme_broken,acme_package")
    yield allow
    settings.cache_clear()
    for name in [n for n in sys.modules if n.startswith("acme_")]:
        del sys.modules[name]


def called(function: str, cells: list[str | None]) -> list[str | None]:
    return text({"function": f"acme_plugin.{function}"}, cells=cells)


def test_what_a_function_returns_becomes_text() -> None:
    assert called("upper", ["ab", None]) == ["AB", None]
    assert called("lengths", ["ab", "abc"]) == ["2", "3"]
    assert called("lengths", ["ab", None]) == ["2", None]
    assert called("booleans", ["ab", None]) == ["true", "false"]
    assert called("dates", ["2024-02-03", None]) == ["2024-02-03", None]
    assert called("stamps", ["2024-02-03 04:05", None]) == ["2024-02-03T04:05:00", None]
    assert called("decimals", ["a", None]) == ["1000", None]
    assert called("floats", ["a", "b", "c"]) == ["0.1", "10000000000000000000000", None]
    assert called("seen", ["a", None]) == ["x", "missing"]
    assert called("in_place", ["a", "b"]) == ["changed", "b"]
    assert text({"function": "acme_package.inner.same"}, cells=["a"]) == ["a"]
    assert called("upper", []) == []


def test_its_result_is_converted_like_a_cell() -> None:
    step = plan("customer", "due_days", transform={"function": "acme_plugin.lengths"})
    assert outcome(step, A=["abc", None]) == [3, None]


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("shorter", "1 values for 2"),
        ("sorted_", "a Series with another index"),
        ("a_list", "a list and no pandas Series"),
        ("none", "a NoneType and no pandas Series"),
        ("lists", "a value of type list"),
        ("infinite", "a value of type float"),
    ],
)
def test_a_result_of_another_shape_stops_the_run(function: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"acme_plugin.{function} returned {what}"):
        called(function, ["ab", "cd"])


@pytest.mark.parametrize(("function", "kind"), [("fails", "ValueError"), ("exits", "SystemExit")])
def test_an_exception_is_told_without_its_message(function: str, kind: str) -> None:
    with pytest.raises(UsageError) as raised:
        called(function, ["private", "cells"])
    assert f"acme_plugin.{function} failed on notes with {kind} in line" in str(raised.value)
    assert "private" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("os.system", "ISPMIG_PLUGINS, and it names acme_plugin"),
        ("acme_plugins.upper", "may not be called"),
        ("acme_plugin.number", "something else than a function"),
        ("acme_plugin.missing", "has no missing"),
        ("acme_plugin.upper.real", "there is no module acme_plugin.upper"),
        ("acme_package.other.same", "there is no module acme_package.other"),
        ("acme_broken.upper", "importing acme_broken ends with RuntimeError"),
    ],
)
def test_a_function_that_cannot_be_called_is_a_mistake_of_the_spec(function: str, why: str) -> None:
    with pytest.raises(SpecError, match=why) as raised:
        plan("customer", "notes", transform={"function": function})
    assert "secret" not in str(raised.value)


def test_nothing_is_called_unless_it_is_allowed(plugin: Callable[[str], None]) -> None:
    plugin("")
    with pytest.raises(SpecError, match="ISPMIG_PLUGINS, and it is not set"):
        plan("customer", "notes", transform={"function": "acme_plugin.upper"})
    assert "acme_plugin" not in sys.modules
